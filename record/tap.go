package record

import (
	"sync"
	"sync/atomic"
)

// Tap shows records as they pass to whoever looks, without ever waiting for him: who is slow misses some, and is told
// how many. The zero value is ready.
type Tap struct {
	lookers atomic.Int32
	mu      sync.Mutex
	subs    map[*Look]struct{}
}

// Look is one looker's view. Receive from C; Close it when done.
type Look struct {
	C      <-chan *Row
	c      chan *Row
	tap    *Tap
	missed atomic.Uint64
}

// Look starts looking, with room for so many records.
func (t *Tap) Look(room int) *Look {
	l := &Look{c: make(chan *Row, max(room, 1)), tap: t}
	l.C = l.c
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.subs == nil {
		t.subs = map[*Look]struct{}{}
	}
	t.subs[l] = struct{}{}
	t.lookers.Add(1)
	return l
}

// Missed is how many records there was no room for.
func (l *Look) Missed() uint64 { return l.missed.Load() }

// Close ends looking. C is closed.
func (l *Look) Close() {
	l.tap.mu.Lock()
	defer l.tap.mu.Unlock()
	if _, ok := l.tap.subs[l]; ok {
		delete(l.tap.subs, l)
		l.tap.lookers.Add(-1)
		close(l.c)
	}
}

// Wanted reports whether anybody looks: it costs nothing to ask.
func (t *Tap) Wanted() bool { return t.lookers.Load() > 0 }

// Show shows a record to everybody who has room. The row is copied where somebody does.
func (t *Tap) Show(r *Row) {
	if !t.Wanted() {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	var seen *Row
	for l := range t.subs {
		if len(l.c) == cap(l.c) {
			l.missed.Add(1)
			continue
		}
		if seen == nil {
			seen = r.copy()
		}
		l.c <- seen // has room: nobody else sends
	}
}

// ShowPack shows all records of a pack, as far as it can be read.
func (t *Tap) ShowPack(pack []byte) {
	if !t.Wanted() {
		return
	}
	var r Row
	for len(pack) > 0 {
		rec, rest, err := Split(pack)
		if err != nil || r.Decode(rec) != nil {
			return
		}
		t.Show(&r)
		pack = rest
	}
}

// copy makes a Row that does not point into the buffer the row was decoded from.
func (r *Row) copy() *Row {
	s := &Row{}
	*s = *r
	one := func(b []byte) []byte { return append([]byte(nil), b...) }
	all := func(list [][]byte) [][]byte {
		out := make([][]byte, len(list))
		for i, b := range list {
			out[i] = one(b)
		}
		return out
	}
	s.Door, s.Account, s.ID, s.Err = one(r.Door), one(r.Account), one(r.ID), one(r.Err)
	s.From.Plain, s.To.Plain = one(r.From.Plain), one(r.To.Plain)
	s.Rules, s.Trial, s.About = all(r.Rules), all(r.Trial), all(r.About)
	return s
}
