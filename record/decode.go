package record

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"unicode/utf8"

	"github.com/sekisho/sekisho/message"
)

// ErrMalformed is returned for what is no record, ErrNotSealed for a record whose numbers are in full.
var (
	ErrMalformed = errors.New("not a record of ours")
	ErrNotSealed = errors.New("a record whose numbers were not replaced by pseudonyms")
)

// Party is a sender or recipient as it is written: the pseudonym of a number, or a short code or sender ID, or nothing.
type Party struct {
	Key   Pseudonym
	Plain []byte
}

func (p Party) String() string {
	if p.Key != 0 {
		return p.Key.String()
	}
	return string(p.Plain)
}

// Row is a record as it was written. Its byte slices point into what it was decoded from. A Row may be used again: its
// lists keep their room.
type Row struct {
	Receipt  bool // a receipt: only Time, To, Account, ID, State and Err are set
	Evidence bool // an item of evidence: only Time is set; see Key.Evidence

	Time              int64
	Door, Account, ID []byte
	Route             message.Route
	Class             message.Class
	Outcome, Done     message.Outcome
	Mode              message.Mode
	OptedOut          bool
	From, To          Party
	PPhishing, PBad   float32
	Rules, Trial      [][]byte
	About             [][]byte
	Family            uint64
	Parts             uint8
	Delay, Status     uint32

	State State
	Err   []byte
}

// Stopped reports whether the message was stopped, or would have been in mode enforce.
func (r *Row) Stopped() bool { return r.Outcome.Stopped() || r.Done.Stopped() }

// Split cuts the first record off a batch.
func Split(batch []byte) (rec, rest []byte, err error) {
	if len(batch) < headLen {
		return nil, nil, fmt.Errorf("%w: %d octets left over", ErrMalformed, len(batch))
	}
	n := 2 + int(binary.LittleEndian.Uint16(batch))
	if n < headLen || n > len(batch) {
		return nil, nil, fmt.Errorf("%w: length %d with %d octets left", ErrMalformed, n, len(batch))
	}
	return batch[:n:n], batch[n:], nil
}

// Decode reads one record, as Split cut it. It is strict: what Append and SealBatch would not have written is an error.
func (r *Row) Decode(rec []byte) error {
	if len(rec) < headLen || int(binary.LittleEndian.Uint16(rec))+2 != len(rec) {
		return fmt.Errorf("%w: wrong length", ErrMalformed)
	}
	*r = Row{Rules: r.Rules[:0], Trial: r.Trial[:0], About: r.About[:0]}
	d := decoder{b: rec[headLen:]}
	switch rec[2] {
	case kindVerdict:
		r.decodeVerdict(&d)
	case kindReceipt:
		r.decodeReceipt(&d)
	case kindEvidence:
		r.decodeEvidence(&d)
	default:
		return fmt.Errorf("%w: kind %d", ErrMalformed, rec[2])
	}
	if d.unsealed {
		return ErrNotSealed
	}
	if d.bad || len(d.b) != 0 {
		return fmt.Errorf("%w: kind %d, %d octets", ErrMalformed, rec[2], len(rec))
	}
	return nil
}

func (r *Row) decodeVerdict(d *decoder) {
	flags := d.byte()
	d.bad = d.bad || flags&^flagOpted != 0
	r.OptedOut = flags&flagOpted != 0
	r.Route = message.Route(d.below(byte(message.Routes)))
	r.Class = message.Class(d.below(byte(message.Classes)))
	r.Outcome = message.Outcome(d.below(byte(message.Outcomes)))
	r.Done = message.Outcome(d.below(byte(message.Outcomes)))
	r.Mode = message.Mode(d.below(byte(message.Modes)))
	r.Parts = d.byte()
	r.Time = int64(d.uint64())
	fromPlain := d.party(&r.From)
	toPlain := d.party(&r.To)
	r.PPhishing = math.Float32frombits(d.uint32())
	r.PBad = math.Float32frombits(d.uint32())
	r.Family = d.uint64()
	r.Delay = d.uint32()
	r.Status = d.uint32()
	r.Door, r.Account, r.ID = d.text(), d.text(), d.text()
	if fromPlain {
		r.From.Plain = d.plain()
	}
	if toPlain {
		r.To.Plain = d.plain()
	}
	r.Rules = d.list(r.Rules, MaxRules)
	r.Trial = d.list(r.Trial, MaxRules)
	r.About = d.list(r.About, MaxAbout)
}

func (r *Row) decodeReceipt(d *decoder) {
	r.Receipt = true
	r.State = State(d.below(byte(States)))
	r.Time = int64(d.uint64())
	plain := d.party(&r.To)
	r.Account, r.ID = d.text(), d.text()
	if plain {
		r.To.Plain = d.plain()
	}
	r.Err = d.text()
}

// decoder takes fields off the front of b; after the first that is missing or wrong, bad is set and all are zero.
type decoder struct {
	b             []byte
	bad, unsealed bool
}

func (d *decoder) take(n int) []byte {
	if d.bad || len(d.b) < n {
		d.bad = true
		return nil
	}
	f := d.b[:n:n]
	d.b = d.b[n:]
	return f
}

func (d *decoder) byte() byte {
	if f := d.take(1); f != nil {
		return f[0]
	}
	return 0
}

func (d *decoder) below(limit byte) byte {
	v := d.byte()
	if v >= limit {
		d.bad = true
		return 0
	}
	return v
}

func (d *decoder) uint32() uint32 {
	if f := d.take(4); f != nil {
		return binary.LittleEndian.Uint32(f)
	}
	return 0
}

func (d *decoder) uint64() uint64 {
	if f := d.take(8); f != nil {
		return binary.LittleEndian.Uint64(f)
	}
	return 0
}

// party reads the fixed part of an address and reports whether its text follows.
func (d *decoder) party(p *Party) bool {
	how, v := d.byte(), d.uint64()
	switch how {
	case addrKeyed:
		p.Key = Pseudonym(v)
		d.bad = d.bad || v == 0
	case addrNumber, addrDaily:
		d.unsealed = true
	case addrNone, addrPlain:
		d.bad = d.bad || v != 0
		return how == addrPlain
	default:
		d.bad = true
	}
	return false
}

func (d *decoder) text() []byte {
	f := d.take(int(d.byte()))
	for i, c := range f {
		if c < 0x20 || c >= 0x7f {
			// A rune at a time from the first that is not ASCII.
			for rest := f[i:]; len(rest) > 0; {
				r, n := utf8.DecodeRune(rest)
				if r == utf8.RuneError && n == 1 || r < 0x20 || r >= 0x7f && r < 0xa0 {
					d.bad = true
					return nil
				}
				rest = rest[n:]
			}
			break
		}
	}
	return f
}

// plain reads the text of an address that is no number.
func (d *decoder) plain() []byte {
	f := d.text()
	if _, secret := number(f); secret || len(f) == 0 {
		d.bad = true
	}
	return f
}

func (d *decoder) list(to [][]byte, limit byte) [][]byte {
	n := d.byte()
	if n > limit {
		d.bad = true
		return to
	}
	for ; n > 0 && !d.bad; n-- {
		to = append(to, d.text())
	}
	return to
}
