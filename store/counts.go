package store

import (
	"context"
	"database/sql"
	"encoding/binary"
	"maps"
	"slices"

	"github.com/sekisho/sekisho/message"
	"github.com/sekisho/sekisho/record"
)

const minute = int64(60e6)

// Counts is the keeper of counts by minute and of rows of what was stopped. Let it commit every second.
type Counts struct {
	s *Store
	t tally // of the batch; a stream.Keeper is used by one goroutine
}

// Counts makes the keeper of counts.
func (s *Store) Counts() *Counts { return &Counts{s: s, t: newTally()} }

// Reader names the keeper.
func (*Counts) Reader() string { return "counts" }

// Place returns how far the keeper has come in a stream.
func (c *Counts) Place(ctx context.Context, stream string) (uint64, error) {
	return c.s.place(ctx, c.Reader(), stream)
}

// Write counts the packs and commits.
func (c *Counts) Write(ctx context.Context, stream string, first, last uint64, packs [][]byte) error {
	c.t.reset()
	for i, p := range packs {
		// Packs that the stream lost are missing at the front of a batch or between its packs; the number need not be exact,
		// only unique and the same each time.
		c.s.each(p, func(n int, r *record.Row, _ []byte) { c.t.add(r, first+uint64(i), n) })
	}
	return c.s.write(ctx, c.Reader(), stream, first, last, func(tx *sql.Tx, epoch int64) error {
		if c.t.judged > 0 {
			if err := c.s.enter(ctx, tx, used("inspect", c.t.judged, c.t.from, c.t.to)); err != nil {
				return err
			}
		}
		return c.t.write(ctx, c.s, tx, epoch)
	})
}

// each decodes the records of a pack. What cannot be read is counted and passed over, with the rest of its pack: it must
// not hold up what follows.
func (s *Store) each(pack []byte, f func(n int, r *record.Row, rec []byte)) {
	var r record.Row
	for n := 0; len(pack) > 0; n++ {
		rec, rest, err := record.Split(pack)
		if err == nil {
			err = r.Decode(rec)
		}
		if err != nil {
			s.bad.Inc()
			s.log.Error("a pack of records cannot be read to its end", "read", n, "err", err)
			return
		}
		if !r.Evidence { // which has a reader of its own
			f(n, &r, rec)
		}
		pack = rest
	}
}

type count struct{ n, opted, refused, delay int64 }

// tally adds up a batch. Its keys are built of fixed fields and texts, so that looking one up allocates nothing.
type tally struct {
	judged   int64 // verdicts of messages that were looked at
	from, to int64 // their times, the earliest and the latest
	counts   map[string]*count
	rules    map[string]*int64
	receipts map[string]*int64
	stopped  []any
	places   []stoppedPlace
	key      []byte
}

type stoppedPlace struct {
	seq uint64
	i   int
}

func newTally() tally {
	return tally{counts: map[string]*count{}, rules: map[string]*int64{}, receipts: map[string]*int64{}}
}

func (t *tally) reset() {
	clear(t.counts)
	clear(t.rules)
	clear(t.receipts)
	clear(t.stopped)
	t.stopped, t.places = t.stopped[:0], t.places[:0]
	t.judged, t.from, t.to = 0, 0, 0
}

func (t *tally) add(r *record.Row, seq uint64, i int) {
	// Big-endian, with the sign turned over, so that the keys sort by minute.
	t.key = binary.BigEndian.AppendUint64(t.key[:0], uint64(floorMinute(r.Time))^1<<63)
	if r.Receipt {
		t.key = append(append(t.key, byte(r.State)), r.Account...)
		bump(t.receipts, t.key)
		return
	}
	at := len(t.key)
	t.key = append(t.key, byte(r.Route), byte(r.Class), byte(r.Outcome), byte(r.Done), byte(r.Mode), byte(len(r.Door)))
	t.key = append(append(t.key, r.Door...), r.Account...)
	c := t.counts[string(t.key)]
	if c == nil {
		c = &count{}
		t.counts[string(t.key)] = c
	}
	if !r.OptedOut && r.Class != message.ClassUnset {
		if t.judged++; t.from == 0 || r.Time < t.from {
			t.from = r.Time
		}
		t.to = max(t.to, r.Time)
	}
	c.n++
	c.delay += int64(r.Delay)
	if r.OptedOut {
		c.opted++
	}
	if r.Status != 0 {
		c.refused++
	}
	for trial, rules := range [2][][]byte{r.Rules, r.Trial} {
		for _, rule := range rules {
			t.key = append(append(t.key[:at], byte(r.Route), byte(trial)), rule...)
			bump(t.rules, t.key)
		}
	}
	if r.Stopped() {
		t.places = append(t.places, stoppedPlace{seq, i})
		t.stopped = append(t.stopped, stoppedValues(r)...)
	}
}

func bump(m map[string]*int64, key []byte) {
	if n := m[string(key)]; n != nil {
		*n++
		return
	}
	one := int64(1)
	m[string(key)] = &one
}

func floorMinute(at int64) int64 {
	if m := at % minute; m < 0 {
		return at - m - minute
	} else {
		return at - m
	}
}

const stoppedColumns = 23

// stoppedValues are the columns of a stopped row; the first, its id, is filled in later.
func stoppedValues(r *record.Row) []any {
	return []any{int64(0), r.Time, string(r.Door), string(r.Account), string(r.ID), r.Route.String(), r.Class.String(),
		r.Outcome.String(), r.Done.String(), int64(r.Mode), key(r.From.Key), string(r.From.Plain), key(r.To.Key), string(r.To.Plain),
		float64(r.PPhishing), float64(r.PBad), lines(r.Rules), lines(r.Trial), lines(r.About), int64(r.Family), int64(r.Parts),
		int64(r.Delay), int64(r.Status)}
}

// key is a pseudonym as a column: NULL where there is none.
func key(p record.Pseudonym) any {
	if p == 0 {
		return nil
	}
	return int64(p)
}

func lines(list [][]byte) string {
	var out []byte
	for i, b := range list {
		if i > 0 {
			out = append(out, '\n')
		}
		out = append(out, b...)
	}
	return string(out)
}

// write writes the tally. Rows are sorted by key: transactions that lock rows in one order cannot deadlock.
func (t *tally) write(ctx context.Context, s *Store, tx *sql.Tx, epoch int64) error {
	var values []any
	for _, k := range slices.Sorted(maps.Keys(t.counts)) {
		c, f, door := t.counts[k], k[8:], int(k[13])
		values = append(values, keyMinute(k), f[6:6+door], message.Route(f[0]).String(), f[6+door:], message.Class(f[1]).String(),
			message.Outcome(f[2]).String(), message.Outcome(f[3]).String(), int64(f[4]), c.n, c.opted, c.refused, c.delay)
	}
	if err := s.bulk(ctx, tx, `INSERT INTO counts (minute, door, route, account, class, outcome, done, mode, n, opted, refused, delay) VALUES `,
		12, ` ON CONFLICT (minute, door, route, account, class, outcome, done, mode) DO UPDATE SET n = counts.n + excluded.n,
		opted = counts.opted + excluded.opted, refused = counts.refused + excluded.refused, delay = counts.delay + excluded.delay`, values); err != nil {
		return err
	}
	values = values[:0]
	for _, k := range slices.Sorted(maps.Keys(t.rules)) {
		values = append(values, keyMinute(k), message.Route(k[8]).String(), k[10:], int64(k[9]), *t.rules[k])
	}
	if err := s.bulk(ctx, tx, `INSERT INTO rule_counts (minute, route, rule, trial, n) VALUES `,
		5, ` ON CONFLICT (minute, route, rule, trial) DO UPDATE SET n = rule_counts.n + excluded.n`, values); err != nil {
		return err
	}
	values = values[:0]
	for _, k := range slices.Sorted(maps.Keys(t.receipts)) {
		values = append(values, keyMinute(k), k[9:], record.State(k[8]).String(), *t.receipts[k])
	}
	if err := s.bulk(ctx, tx, `INSERT INTO receipt_counts (minute, account, state, n) VALUES `,
		4, ` ON CONFLICT (minute, account, state) DO UPDATE SET n = receipt_counts.n + excluded.n`, values); err != nil {
		return err
	}
	for i, p := range t.places {
		t.stopped[i*stoppedColumns] = rowID(epoch, p.seq, p.i)
	}
	return s.bulk(ctx, tx, `INSERT INTO stopped (id, time, door, account, message_id, route, class, outcome, done, mode,
		from_key, from_plain, to_key, to_plain, p_phishing, p_bad, rules, trial, about, family, parts, delay, status) VALUES `,
		stoppedColumns, ``, t.stopped)
}

func keyMinute(k string) int64 { return int64(binary.BigEndian.Uint64([]byte(k[:8])) ^ 1<<63) }
