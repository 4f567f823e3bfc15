package store

import (
	"bytes"
	"cmp"
	"compress/flate"
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"slices"
	"time"

	"github.com/sekisho/sekisho/record"
)

// Kinds of packed rows.
const (
	packPassed   = 1 // records of delivered messages, by the recipient
	packReceipts = 2 // records of receipts, by the recipient
	packIDs      = 3 // where the records of message ids are, by the id's hash: low hash (4) recipient's bucket (1) each
)

// Buckets are named so that one number says how fine they are: all in bucket 0; sixteen from 1; 256 from 17. A
// commit of few records is spread over few rows.
const (
	firstOf16  = 1
	firstOf256 = 17
	buckets    = 256
)

// bucketsOf are the three names under which the records of one of 256 buckets may be.
func bucketsOf(fine byte) [3]any {
	return [3]any{int64(0), int64(firstOf16 + int(fine)>>4), int64(firstOf256 + int(fine))}
}

// Passed is the keeper of what was delivered, and of receipts, for customer care: "was it you?". The more records a commit has,
// the better they pack: let it commit every 30 seconds or 8 MB.
type Passed struct {
	s    *Store
	rows [packIDs + 1][buckets][]byte
	n    [packIDs + 1][buckets]int64

	first, last int64
	z           *flate.Writer
	zbuf        bytes.Buffer
}

// Passed makes the keeper of what was delivered.
func (s *Store) Passed() *Passed {
	z, err := flate.NewWriter(nil, flate.BestSpeed)
	if err != nil {
		panic(err) // only for a level that does not exist
	}
	return &Passed{s: s, z: z}
}

// Reader names the keeper.
func (*Passed) Reader() string { return "passed" }

// Place returns how far the keeper has come in a stream.
func (p *Passed) Place(ctx context.Context, stream string) (uint64, error) {
	return p.s.place(ctx, p.Reader(), stream)
}

// Write packs and commits what was delivered.
func (p *Passed) Write(ctx context.Context, stream string, first, last uint64, packs [][]byte) error {
	for kind := range p.rows {
		for b := range p.rows[kind] {
			p.rows[kind][b] = p.rows[kind][b][:0]
		}
	}
	p.n = [packIDs + 1][buckets]int64{}
	p.first, p.last = 0, 0
	for _, pack := range packs {
		p.s.each(pack, func(_ int, r *record.Row, rec []byte) { p.add(r, rec) })
	}
	// Compressed before the transaction begins: others wait for it.
	values, err := p.values()
	if err != nil {
		return err
	}
	return p.s.write(ctx, p.Reader(), stream, first, last, func(tx *sql.Tx, epoch int64) error {
		id := rowID(epoch, last, 0)
		for i := 3; i < len(values); i += packColumns {
			values[i] = id
		}
		return p.s.bulk(ctx, tx, `INSERT INTO packs (kind, bucket, last, id, first, n, rows) VALUES `, packColumns, ``, values)
	})
}

func (p *Passed) add(r *record.Row, rec []byte) {
	kind := packPassed
	switch {
	case r.Receipt:
		kind = packReceipts
	case r.Stopped():
		return // has a row of its own
	}
	if p.first == 0 && p.last == 0 {
		p.first, p.last = r.Time, r.Time
	}
	p.first, p.last = min(p.first, r.Time), max(p.last, r.Time)
	b := fineBucket(r.To)
	p.rows[kind][b] = append(p.rows[kind][b], rec...)
	p.n[kind][b]++
	if kind == packPassed && len(r.ID) > 0 {
		h := idHash(r.ID)
		at := h >> 56
		p.rows[packIDs][at] = append(binary.LittleEndian.AppendUint32(p.rows[packIDs][at], uint32(h)), b)
		p.n[packIDs][at]++
	}
}

// fineBucket is where a recipient's records are: pseudonyms are spread evenly as they are.
func fineBucket(to record.Party) byte {
	if to.Key != 0 {
		return byte(to.Key >> 56)
	}
	return byte(hash(to.Plain) >> 56)
}

func hash(b []byte) uint64 {
	h := fnv.New64a()
	h.Write(b)
	// FNV's high bits hardly change for short texts; spread them (the finalizer of MurmurHash3).
	v := h.Sum64()
	v = (v ^ v>>33) * 0xff51afd7ed558ccd
	return v ^ v>>33
}

func idHash(id []byte) uint64 { return hash(id) }

const packColumns = 7

// values are the rows to write, in as many buckets as there are records for.
func (p *Passed) values() ([]any, error) {
	var values []any
	for kind := packPassed; kind <= packIDs; kind++ {
		total := int64(0)
		for _, n := range p.n[kind] {
			total += n
		}
		width, name := buckets, 0 // fine buckets a row, name of the first
		switch {
		case total >= 4096:
			width, name = 1, firstOf256
		case total >= 256:
			width, name = 16, firstOf16
		}
		for from := 0; from < buckets; from += width {
			n := int64(0)
			for _, m := range p.n[kind][from : from+width] {
				n += m
			}
			if n == 0 {
				continue
			}
			blob, err := p.compress(p.rows[kind][from:from+width], kind != packIDs)
			if err != nil {
				return nil, err
			}
			values = append(values, int64(kind), int64(name+from/width), p.last, int64(0), p.first, n, blob)
		}
	}
	return values, nil
}

// How a blob is written: its first octet.
const (
	blobPlain = 0
	blobFlate = 1
)

func (p *Passed) compress(parts [][]byte, worth bool) ([]byte, error) {
	p.zbuf.Reset()
	if !worth { // hashes: nothing in them repeats
		p.zbuf.WriteByte(blobPlain)
		for _, b := range parts {
			p.zbuf.Write(b)
		}
		return bytes.Clone(p.zbuf.Bytes()), nil
	}
	p.zbuf.WriteByte(blobFlate)
	p.z.Reset(&p.zbuf)
	for _, b := range parts {
		if _, err := p.z.Write(b); err != nil {
			return nil, fmt.Errorf("pack records: %w", err)
		}
	}
	if err := p.z.Close(); err != nil {
		return nil, fmt.Errorf("pack records: %w", err)
	}
	return bytes.Clone(p.zbuf.Bytes()), nil
}

func expand(blob []byte) ([]byte, error) {
	if len(blob) == 0 {
		return nil, errors.New("an empty row")
	}
	switch blob[0] {
	case blobPlain:
		return blob[1:], nil
	case blobFlate:
		b, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(blob[1:])), 256<<20))
		if err != nil {
			return nil, fmt.Errorf("a packed row cannot be read: %w", err)
		}
		return b, nil
	}
	return nil, fmt.Errorf("a row packed in way %d, which this Sekisho does not know", blob[0])
}

// Passage is what is held of one message: what customer care answers from.
type Passage struct {
	ID            int64 // of a stopped message's row; 0 for what was delivered
	Time          int64
	Door          string
	Account       string
	MessageID     string
	Route         string
	Class         string
	Outcome       string
	Done          string
	Mode          uint8
	OptedOut      bool
	From, To      Party
	PPhishing     float64
	PBad          float64
	Rules         []string
	Trial         []string
	About         []string
	Family        uint64
	Parts         uint8
	Delay, Status uint32

	State   string // the last receipt's; "" where none has come
	StateAt int64
	Err     string
}

// Party is a sender or recipient as it is kept: a number's pseudonym or a plain short code or sender ID.
type Party struct {
	Key   record.Pseudonym
	Plain string
}

func (p Party) is(q record.Party) bool { return p.Key == q.Key && p.Plain == string(q.Plain) }

// receiptTime is how long after a message its receipt is looked for: validity is seldom longer than 72 h.
const receiptTime = int64(72 * time.Hour / time.Microsecond)

// clocks is how far the clocks of two nodes may be apart, by which a receipt may come before its message.
const clocks = minute

// MessagesTo finds messages for a recipient from one time to another, stopped and delivered, latest first, at most limit. What was
// delivered in the last half minute is not there yet.
func (s *Store) MessagesTo(ctx context.Context, to record.Party, from, until int64, limit int) ([]Passage, error) {
	match := func(r *record.Row) bool {
		return r.Time >= from && r.Time <= until && r.To.Key == to.Key && bytes.Equal(r.To.Plain, to.Plain)
	}
	found, err := s.packed(ctx, packPassed, fineBucket(to), from, until, match)
	if err != nil {
		return nil, err
	}
	stopped, err := s.Stopped(ctx, StoppedQuery{To: to, From: from, Until: until, Limit: limit})
	if err != nil {
		return nil, err
	}
	return s.latest(ctx, append(found, stopped...), limit)
}

// MessagesByID finds messages by the id their sender was given, from one time to another.
func (s *Store) MessagesByID(ctx context.Context, id string, from, until int64, limit int) ([]Passage, error) {
	id = record.CleanID(id)
	h := idHash([]byte(id))
	type row struct{ id, last int64 }
	where := map[row][]byte{} // fine buckets
	names := bucketsOf(byte(h >> 56))
	err := query(ctx, s.r, `SELECT id, last, rows FROM packs WHERE kind = $1 AND bucket IN ($2, $3, $4) AND last >= $5 AND first <= $6`,
		[]any{packIDs, names[0], names[1], names[2], from, until}, func(rows *sql.Rows) error {
			var at row
			var blob []byte
			if err := rows.Scan(&at.id, &at.last, &blob); err != nil {
				return err
			}
			b, err := expand(blob)
			for ; len(b) >= 5; b = b[5:] {
				if binary.LittleEndian.Uint32(b) == uint32(h) && !slices.Contains(where[at], b[4]) {
					where[at] = append(where[at], b[4])
				}
			}
			return err
		})
	if err != nil {
		return nil, fmt.Errorf("find a message id: %w", err)
	}
	var found []Passage
	for at, fine := range where {
		for _, b := range fine {
			names := bucketsOf(b)
			err := query(ctx, s.r, `SELECT rows FROM packs WHERE kind = $1 AND bucket IN ($2, $3, $4) AND last = $5 AND id = $6`,
				[]any{packPassed, names[0], names[1], names[2], at.last, at.id}, func(rows *sql.Rows) error {
					return scanPack(rows, func(r *record.Row) {
						// Sixteen fine buckets may share the row: take each message once.
						if string(r.ID) == id && fineBucket(r.To) == b && r.Time >= from && r.Time <= until {
							found = append(found, passage(r))
						}
					})
				})
			if err != nil {
				return nil, fmt.Errorf("find a message id: %w", err)
			}
		}
	}
	stopped, err := s.Stopped(ctx, StoppedQuery{MessageID: id, From: from, Until: until, Limit: limit})
	if err != nil {
		return nil, err
	}
	return s.latest(ctx, append(found, stopped...), limit)
}

// latest sorts, cuts and adds receipts.
func (s *Store) latest(ctx context.Context, found []Passage, limit int) ([]Passage, error) {
	slices.SortFunc(found, func(a, b Passage) int {
		return cmp.Or(cmp.Compare(b.Time, a.Time), cmp.Compare(a.Account, b.Account), cmp.Compare(a.MessageID, b.MessageID))
	})
	found = found[:min(len(found), limit)]
	byBucket := map[byte][]int{}
	for i, p := range found {
		b := fineBucket(record.Party{Key: p.To.Key, Plain: []byte(p.To.Plain)})
		byBucket[b] = append(byBucket[b], i)
	}
	for b, of := range byBucket {
		from := found[of[len(of)-1]].Time - clocks
		until := found[of[0]].Time + receiptTime
		_, err := s.packed(ctx, packReceipts, b, from, until, func(r *record.Row) bool {
			for _, i := range of {
				p := &found[i]
				if p.MessageID == string(r.ID) && p.Account == string(r.Account) && p.To.is(r.To) &&
					r.Time >= p.Time-clocks && (p.State == "" || r.Time >= p.StateAt) {
					p.State, p.StateAt, p.Err = r.State.String(), r.Time, string(r.Err)
				}
			}
			return false
		})
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}

// packed goes through the packed records of a bucket that may be of a time, and returns those that match.
func (s *Store) packed(ctx context.Context, kind int, fine byte, from, until int64, match func(*record.Row) bool) ([]Passage, error) {
	var found []Passage
	names := bucketsOf(fine)
	err := query(ctx, s.r, `SELECT rows FROM packs WHERE kind = $1 AND bucket IN ($2, $3, $4) AND last >= $5 AND first <= $6`,
		[]any{kind, names[0], names[1], names[2], from, until}, func(rows *sql.Rows) error {
			return scanPack(rows, func(r *record.Row) {
				if match(r) {
					found = append(found, passage(r))
				}
			})
		})
	if err != nil {
		return nil, fmt.Errorf("find messages: %w", err)
	}
	return found, nil
}

func scanPack(rows *sql.Rows, f func(*record.Row)) error {
	var blob []byte
	if err := rows.Scan(&blob); err != nil {
		return err
	}
	b, err := expand(blob)
	if err != nil {
		return err
	}
	var r record.Row
	for len(b) > 0 {
		rec, rest, err := record.Split(b)
		if err != nil {
			return err
		}
		if err := r.Decode(rec); err != nil {
			return err
		}
		f(&r)
		b = rest
	}
	return nil
}

func passage(r *record.Row) Passage {
	return Passage{Time: r.Time, Door: string(r.Door), Account: string(r.Account), MessageID: string(r.ID),
		Route: r.Route.String(), Class: r.Class.String(), Outcome: r.Outcome.String(), Done: r.Done.String(), Mode: uint8(r.Mode),
		OptedOut: r.OptedOut, From: party(r.From), To: party(r.To), PPhishing: float64(r.PPhishing), PBad: float64(r.PBad),
		Rules: texts(r.Rules), Trial: texts(r.Trial), About: texts(r.About), Family: r.Family, Parts: r.Parts,
		Delay: r.Delay, Status: r.Status}
}

func party(p record.Party) Party { return Party{p.Key, string(p.Plain)} }

func texts(list [][]byte) []string {
	var out []string
	for _, b := range list {
		out = append(out, string(b))
	}
	return out
}
