package pending

import (
	"fmt"
	"hash/maphash"
	"slices"
)

func (m *Map) hashID(id []byte) uint64 { return maphash.Bytes(m.seed, id) &^ 1 }

func (m *Map) hashGroup(k *key, sc *scratch) uint64 {
	b := append(sc.key[:0], byte(len(k.account)))
	b = append(b, k.account...)
	b = append(b, k.name...)
	return maphash.Bytes(m.seed, b) | 1
}

// locate finds where the record of a key is, and leaves it in sc.rec. The caller holds mu. To read a file
// locate lets go of mu, counts that in yields, and starts over, until it has an answer that it found
// while holding mu; the answer stands as long as the caller goes on holding it. sc remembers what was read, since
// what is at a place never changes, so that a second locate of the same key with the same sc seldom lets go.
func (m *Map) locate(h uint64, k *key, sc *scratch) (place, bool) {
	s := m.table.of(h)
	for {
		p, again := place{}, false
		for i := s.first(h); i >= 0 && !again; i = s.next(h, s.after(i)) {
			p = s.slots[i].place
			if sc.rejects(p) {
				continue
			}
			if again = !sc.have || sc.at != p; again {
				break
			}
			if k.is(&sc.rec) {
				return p, true
			}
			sc.reject(p)
		}
		if !again || m.closed {
			return place{}, false
		}
		m.fetch(p, sc)
	}
}

// fetch reads the record at p into sc; where it cannot be read, p is rejected.
func (m *Map) fetch(p place, sc *scratch) {
	seg := m.byNumber[p.segment]
	sc.have = false
	var n int
	var err error
	if seg.buf != nil {
		n = copy(sc.buf[:], seg.buf[p.offset:])
	} else {
		f := seg.f
		m.yields++
		m.mu.Unlock()
		n, err = f.ReadAt(sc.buf[:], int64(p.offset))
		m.mu.Lock()
		if m.byNumber[p.segment] != seg || m.closed {
			return // compacted in the meantime: its records are elsewhere
		}
	}
	if sc.rec.read(sc.buf[:n], p.segment) == 0 {
		if err == nil {
			err = errBroken
		}
		m.trouble("read", fmt.Errorf("%s at offset %d: %w", fileName(p.segment), p.offset, err))
		sc.reject(p)
		return
	}
	sc.at, sc.have = p, true
}

// reject remembers a candidate that is another's, or cannot be read.
func (sc *scratch) reject(p place) { sc.rejected = append(sc.rejected, p) }

func (sc *scratch) rejects(p place) bool { return slices.Contains(sc.rejected, p) }

func (m *Map) borrow() *scratch {
	n := len(m.free)
	if n == 0 {
		return new(scratch)
	}
	sc := m.free[n-1]
	m.free = m.free[:n-1]
	sc.forget()
	return sc
}

func (m *Map) giveBack(sc *scratch) {
	if len(m.free) < 64 {
		m.free = append(m.free, sc)
	}
}

func (sc *scratch) forget() { sc.have, sc.rejected = false, sc.rejected[:0] }

// intern returns one string for one account.
func (m *Map) intern(account []byte) string {
	s, ok := m.accounts[string(account)]
	if !ok {
		s = string(account)
		m.accounts[s] = s
	}
	return s
}

// set makes p the place of a hash, instead of old where there is one.
func (m *Map) set(h uint64, old, p place, expires uint32) {
	m.byNumber[p.segment].live++
	if old != (place{}) {
		if s := m.table.find(h, old); s != nil {
			o := m.byNumber[old.segment]
			o.live--
			o.needs = m.pos
			s.place, s.expires = p, expires
			return
		}
	}
	m.table.insert(h, p, expires)
}

// drop forgets what a hash has at p.
func (m *Map) drop(h uint64, p place) {
	if m.table.remove(h, p) {
		o := m.byNumber[p.segment]
		o.live--
		if h&1 != 0 {
			// Were the progress gone, and the done that ended it lost with the power, the group would never end.
			o.needs = m.pos
		}
	}
}
