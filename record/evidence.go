package record

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/sekisho/sekisho/evidence"
	"github.com/sekisho/sekisho/subject"
)

// Evidence is an item of evidence on its way. Its Item was made by leave of the sender's contract, and it carries the line and the
// contract, enciphered with a key of the day that is destroyed with it.
type Evidence struct{ Item evidence.Item }

const (
	evidenceDay  = headLen + 2
	evidenceWho  = evidenceDay + 4 + 4 + 8
	evidenceLen  = evidenceWho + 16 + 4*8
	flagQuoted   = 1
	flagSure     = 2
	evidenceMost = byte(evidence.Outside)
)

// errNoDays is returned for evidence where no keys of days are at hand.
var errNoDays = errors.New("evidence without keys to seal it")

// Append writes the item at the end of dst, its line still in full, and returns the extended buffer.
func (e *Evidence) Append(dst []byte) []byte {
	f := e.Item.Fact()
	var flags byte
	if f.Quoted {
		flags |= flagQuoted
	}
	if f.Sure {
		flags |= flagSure
	}
	dst = binary.LittleEndian.AppendUint16(dst, evidenceLen-2)
	dst = append(dst, kindEvidence, byte(f.Kind), flags)
	dst = binary.LittleEndian.AppendUint32(dst, 0) // the day: it is not sealed
	dst = binary.LittleEndian.AppendUint32(dst, math.Float32bits(f.Weight))
	for _, v := range [...]uint64{uint64(f.Time), uint64(f.Line), uint64(f.Contract), f.Campaign, f.Domain, f.Link, f.Party} {
		dst = binary.LittleEndian.AppendUint64(dst, v)
	}
	return dst
}

// sealEvidence enciphers line and contract, one block of AES-256 under the key of the day.
func (k *Key) sealEvidence(rec []byte) error {
	if binary.LittleEndian.Uint32(rec[evidenceDay:]) != 0 {
		return nil // it is
	}
	day := SealDay(time.UnixMicro(int64(binary.LittleEndian.Uint64(rec[evidenceWho-8:]))))
	if k.Days == nil || day <= 0 || day >= math.MaxUint32 {
		return errNoDays
	}
	block, err := k.Days(day)
	if err != nil {
		return fmt.Errorf("seal evidence: %w", err)
	}
	who := rec[evidenceWho : evidenceWho+16]
	block.Encrypt(who, who)
	binary.LittleEndian.PutUint32(rec[evidenceDay:], uint32(day))
	return nil
}

func (r *Row) decodeEvidence(d *decoder) {
	r.Evidence = true
	kind, flags, day := d.byte(), d.byte(), d.uint32()
	d.uint32()
	r.Time = int64(d.uint64())
	d.take(16 + 4*8)
	d.unsealed = day == 0 && !d.bad
	d.bad = d.bad || kind == 0 || kind > evidenceMost || flags&^(flagQuoted|flagSure) != 0
}

// Evidence reads an item that Row.Decode has told to be one. ErrErased: the key of its day is destroyed. What comes out is a fact; whether
// it may still be held against the line is asked again.
func (k *Key) Evidence(rec []byte) (f evidence.Fact, err error) {
	if len(rec) != evidenceLen || rec[2] != kindEvidence || k.Days == nil {
		return f, fmt.Errorf("%w: no evidence", ErrMalformed)
	}
	block, err := k.Days(int64(binary.LittleEndian.Uint32(rec[evidenceDay:])))
	if err != nil {
		return f, err
	}
	var who [16]byte
	block.Decrypt(who[:], rec[evidenceWho:evidenceWho+16])
	word := func(at int) uint64 { return binary.LittleEndian.Uint64(rec[at:]) }
	const rest = evidenceWho + 16
	f = evidence.Fact{
		Kind: evidence.Kind(rec[headLen]), Quoted: rec[headLen+1]&flagQuoted != 0, Sure: rec[headLen+1]&flagSure != 0,
		Weight: math.Float32frombits(binary.LittleEndian.Uint32(rec[evidenceDay+4:])), Time: int64(word(evidenceWho - 8)),
		Line: subject.Line(binary.LittleEndian.Uint64(who[:])), Contract: subject.Contract(binary.LittleEndian.Uint64(who[8:])),
		Campaign: word(rest), Domain: word(rest + 8), Link: word(rest + 16), Party: word(rest + 24),
	}
	if f.Line == 0 || f.Line >= 1e15 || f.Contract == 0 {
		return f, fmt.Errorf("%w: enciphered by another key", ErrMalformed)
	}
	return f, nil
}
