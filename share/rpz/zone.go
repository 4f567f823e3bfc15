package rpz

import (
	"errors"
	"iter"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sekisho/sekisho/share"
)

// Bounds of a zone.
const (
	maxNames    = 8 << 20 // names; twice as many records
	maxOctets   = 1 << 30 // of names
	maxVersions = 4096    // differences kept, beside the bound on their records
)

var errMany = errors.New("the zone is full")

// Tally says what became of indicators that were handed over.
type Tally struct {
	Taken   int
	Skipped map[string]int // by reason: what a zone cannot say, or must not
}

func (t *Tally) skip(err error) {
	if t.Skipped == nil {
		t.Skipped = map[string]int{}
	}
	t.Skipped[reasons[err]]++
}

// Zone is the names that are stopped, version by version. It may be used by many goroutines.
type Zone struct {
	name    []byte // in wire form, lower case
	width   int    // records that an owner name has
	noIPs   bool
	journal int // records
	wake    chan struct{}

	setting sync.Mutex // one Set at a time

	mu      sync.Mutex // pending, during, all, commits
	pending map[string]mask
	during  map[string]mask // what was changed since a Set began, and is newer than what it reads; nil: none runs
	all     *content        // what the names were set to since the last commit; nil: they were not

	now atomic.Pointer[version] // nil: nothing was ever set, and nothing is served
}

// mask is what was said of a name since the last version, the last word for each bit.
type mask struct{ set, clear byte }

func (m mask) with(bits byte, in bool) mask {
	if in {
		return mask{m.set | bits, m.clear &^ bits}
	}
	return mask{m.set &^ bits, m.clear | bits}
}

// version is the zone at a serial. It never changes.
type version struct {
	serial uint32
	*content
	past []*difference // oldest first; each leads to the next, the last to this version
}

func newZone(p *plan) *Zone {
	return &Zone{name: p.zone, width: max(1, len(p.pages)), noIPs: p.NoIPs, journal: p.Journal, wake: make(chan struct{}, 1),
		pending: map[string]mask{}}
}

// Set makes the items all that the zone has. Items that are over count for nothing. An item is known by its kind and value, so that the
// same one from two sources is one. What is changed while it reads counts as newer than what it reads.
func (z *Zone) Set(items iter.Seq[share.Item]) Tally {
	z.setting.Lock()
	defer z.setting.Unlock()
	z.mu.Lock()
	z.during = map[string]mask{}
	z.mu.Unlock()
	var t Tally
	var raw arena
	var room [256]byte
	for i := range items {
		if i.IsZero() || i.Over() {
			continue
		}
		key, bits, err := z.trigger(room[:0], i)
		if err == nil && (len(raw.off) >= maxNames || len(raw.buf) > maxOctets) {
			err = errMany
		}
		if err != nil {
			t.skip(err)
			continue
		}
		raw.add(key, bits)
		t.Taken++
	}
	c := contentOf(raw.sorted(), z.width)
	z.mu.Lock()
	z.all = c
	z.pending, z.during = z.during, nil
	z.mu.Unlock()
	z.rouse()
	return t
}

// Change puts items in and takes others out. An item to add that is over is taken out. Until the zone was Set once, it is not served:
// secondaries keep what they have from before a restart.
func (z *Zone) Change(add, remove iter.Seq[share.Item]) Tally {
	var t Tally
	z.mu.Lock()
	defer z.mu.Unlock()
	var room [256]byte
	note := func(i share.Item, in bool) {
		if i.IsZero() {
			return
		}
		key, bits, err := z.trigger(room[:0], i)
		_, known := z.pending[string(key)]
		if err == nil && in && !known && len(z.pending)+z.size() >= maxNames {
			err = errMany
		}
		if err != nil {
			t.skip(err)
			return
		}
		for _, p := range []map[string]mask{z.pending, z.during} {
			if p != nil {
				p[string(key)] = p[string(key)].with(bits, in)
			}
		}
		t.Taken++
	}
	for i := range each(remove) {
		note(i, false)
	}
	for i := range each(add) {
		note(i, !i.Over())
	}
	if len(z.pending) > 0 {
		z.rouse()
	}
	return t
}

// each is the sequence, or none.
func each(s iter.Seq[share.Item]) iter.Seq[share.Item] {
	if s == nil {
		return func(func(share.Item) bool) {}
	}
	return s
}

func (z *Zone) size() int {
	if z.all != nil {
		return z.all.names
	}
	if v := z.now.Load(); v != nil {
		return v.names
	}
	return 0
}

func (z *Zone) rouse() {
	select {
	case z.wake <- struct{}{}:
	default:
	}
}

// commit makes a version of what was said since the last, if that changes anything. least is the serial it has at least.
func (z *Zone) commit(least uint32) (*version, bool) {
	z.mu.Lock()
	defer z.mu.Unlock()
	old := z.now.Load()
	if old == nil && z.all == nil {
		return nil, false // changes wait for the names that they change
	}
	v := &version{serial: least}
	was := emptyContent()
	if old != nil {
		v.serial = after(old.serial, least)
		was = old.content
	}
	d := &difference{to: v.serial, width: z.width, most: z.journal}
	changes := make([]edit, 0, len(z.pending))
	start := was
	if z.all != nil {
		start = z.all
	}
	for _, key := range slices.Sorted(maps.Keys(z.pending)) {
		m := z.pending[key]
		changes = append(changes, edit{key, start.find([]byte(key))&^m.clear | m.set})
	}
	if z.all != nil {
		none := &difference{width: z.width}
		v.content = start.with(changes, z.width, none)
		if old != nil {
			was.compare(v.content, d)
		}
	} else {
		v.content = start.with(changes, z.width, d)
	}
	z.all, z.pending = nil, map[string]mask{} // a map that was once large stays so
	if old != nil {
		if d.none() { // no record changed, though it may be other indicators that speak for one
			z.now.Store(&version{old.serial, v.content, old.past})
			return old, false
		}
		d.from = old.serial
		v.past = keep(old.past, d, z.journal)
	}
	z.now.Store(v)
	return v, true
}

// keep is the journal with one more difference, within its bounds. One that is too large by itself leaves none: whoever is behind it
// takes the whole zone.
func keep(past []*difference, d *difference, most int) []*difference {
	if d.full() {
		return nil
	}
	out := append(slices.Clone(past), d)
	sum := 0
	for i := len(out) - 1; i >= 0; i-- {
		sum += out[i].records()
		if sum > most || len(out)-i > maxVersions {
			return slices.Clone(out[i+1:])
		}
	}
	return out
}

// since gives the differences that lead from a serial to this version; none where the journal does not reach, or where the whole zone
// is less (RFC 1995 §4).
func (v *version) since(serial uint32) []*difference {
	records := 0
	for i := len(v.past) - 1; i >= 0; i-- {
		if records += v.past[i].records(); records > v.records {
			return nil
		}
		if v.past[i].from == serial {
			return v.past[i:]
		}
	}
	return nil
}

// newer reports whether a stands behind b (RFC 1982 §3.2).
func newer(a, b uint32) bool { return int32(a-b) > 0 }

// after is the serial behind old: least, if that stands behind it.
func after(old, least uint32) uint32 {
	if newer(least, old) {
		return least
	}
	return old + 1
}

// clock is the serial of a time: seconds since 1970. In 2106 it begins anew, which RFC 1982 takes for rising.
func clock(t time.Time) uint32 { return uint32(t.Unix()) }
