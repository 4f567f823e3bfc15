package pending

import "math/bits"

const (
	shardBits = 12
	shards    = 1 << shardBits // so many that growing one, under the lock, takes some 0.2 ms at 40 million ids
)

// slot is a hash and where its record is. The hash is in halves so that a slot takes 20 octets, not 24. The
// lowest bit of the hash is set for the progress of a group, and clear for an entry.
type slot struct {
	low, high uint32
	place     place
	expires   uint32
}

func (s *slot) hash() uint64 { return uint64(s.high)<<32 | uint64(s.low) }

// table finds places by hash: open addressing with linear probing, in shards that grow by a quarter each at its own
// time, so that seven eighths are full at most, and seven tenths at least while it grows. A hash may stand in it more than once.
type table struct {
	shards [shards]shard
	ids    int
	groups int
}

type shard struct {
	slots []slot
	used  int
}

func (t *table) of(h uint64) *shard { return &t.shards[h>>(64-shardBits)] }

// home is where a hash would stand if nothing were in its way.
func (s *shard) home(h uint64) int {
	i, _ := bits.Mul64(h<<shardBits, uint64(len(s.slots)))
	return int(i)
}

// next is the first slot from i on that has the hash, or -1.
func (s *shard) next(h uint64, i int) int {
	for ; s.slots[i].place.segment != 0; i = s.after(i) {
		if s.slots[i].low == uint32(h) && s.slots[i].high == uint32(h>>32) {
			return i
		}
	}
	return -1
}

func (s *shard) after(i int) int {
	if i++; i == len(s.slots) {
		return 0
	}
	return i
}

// first is the first slot with a hash, or -1.
func (s *shard) first(h uint64) int {
	if s.used == 0 {
		return -1
	}
	return s.next(h, s.home(h))
}

func (t *table) has(h uint64) bool { return t.of(h).first(h) >= 0 }

// find returns the slot with that hash and that place, nil if there is none. It is good until the table changes.
func (t *table) find(h uint64, p place) *slot {
	s := t.of(h)
	for i := s.first(h); i >= 0; i = s.next(h, s.after(i)) {
		if s.slots[i].place == p {
			return &s.slots[i]
		}
	}
	return nil
}

func (t *table) insert(h uint64, p place, expires uint32) {
	s := t.of(h)
	if (s.used+1)*8 > len(s.slots)*7 {
		s.resize(max(8, len(s.slots)+len(s.slots)/4+1))
	}
	s.put(slot{low: uint32(h), high: uint32(h >> 32), place: p, expires: expires})
	s.used++
	if h&1 != 0 {
		t.groups++
	} else {
		t.ids++
	}
}

func (s *shard) put(x slot) {
	i := s.home(x.hash())
	for s.slots[i].place.segment != 0 {
		i = s.after(i)
	}
	s.slots[i] = x
}

func (s *shard) resize(n int) {
	old := s.slots
	s.slots = make([]slot, n)
	for i := range old {
		if old[i].place.segment != 0 {
			s.put(old[i])
		}
	}
}

// remove takes out what find finds, and reports whether there was something.
func (t *table) remove(h uint64, p place) bool {
	s := t.of(h)
	for i := s.first(h); i >= 0; i = s.next(h, s.after(i)) {
		if s.slots[i].place == p {
			t.removeAt(s, i)
			return true
		}
	}
	return false
}

// removeAt empties a slot and moves up what stands behind it only because it was taken.
func (t *table) removeAt(s *shard, i int) {
	if s.slots[i].low&1 != 0 {
		t.groups--
	} else {
		t.ids--
	}
	s.used--
	for j := s.after(i); s.slots[j].place.segment != 0; j = s.after(j) {
		home := s.home(s.slots[j].hash())
		if i <= j && (home <= i || home > j) || i > j && home <= i && home > j {
			s.slots[i] = s.slots[j]
			i = j
		}
	}
	s.slots[i] = slot{}
}

// shrink gives back what a shard that was once much fuller does not need.
func (s *shard) shrink() {
	if len(s.slots) > 64 && s.used*3 < len(s.slots) {
		s.resize(s.used*4/3 + 8)
	}
}
