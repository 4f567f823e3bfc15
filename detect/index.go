package detect

import (
	"math/bits"
	"sync/atomic"
)

const lineSlots = 16 // of four octets: a cache line

// index tells by a key which texts to look at. Its lines are of a fixed size, so that no bucket grows: a key that very
// many different texts share leads to the latest few of them, and they are found by their other keys. Reading takes no
// lock. A slot is a reference (low bits) and some bits of the key; zero is empty.
//
// References from 1 on are campaigns, those above them texts on probation by their number modulo twice
// the places there are. So a slot whose text has been overwritten shows that by itself.
type index struct {
	lines     [][lineSlots]atomic.Uint32
	refBits   int
	campaigns uint32
	probation uint32         // places: a power of two
	next      *atomic.Uint32 // number of the next text on probation
}

func newIndex(campaigns, probation uint32, next *atomic.Uint32) index {
	places := int(campaigns+probation) * keys / lineSlots
	refs := campaigns + 2*probation
	return index{
		lines:   make([][lineSlots]atomic.Uint32, 1<<bits.Len(uint(places-1))),
		refBits: bits.Len32(refs), campaigns: campaigns, probation: probation, next: next,
	}
}

func (x *index) line(key uint32) *[lineSlots]atomic.Uint32 {
	return &x.lines[int(key)&(len(x.lines)-1)]
}

// slot is what stands for a key and a reference. The line takes the low bits of the key, this the high ones.
func (x *index) slot(key, ref uint32) uint32 { return key>>x.refBits<<x.refBits | ref }

func (x *index) ref(slot uint32) uint32 { return slot & (1<<x.refBits - 1) }

// age is how many texts came on probation behind the one of a reference; from x.probation on it is gone.
func (x *index) age(ref uint32) uint32 {
	return (x.next.Load() - 1 - (ref - x.campaigns - 1)) & (2*x.probation - 1)
}

// put enters a reference. Room is made by a text on probation that is gone, else the oldest one; a campaign makes room
// only for another.
func (x *index) put(key, ref uint32) {
	line, slot := x.line(key), x.slot(key, ref)
	victim, oldest := -1, uint32(0)
	for i := range line {
		s := line[i].Load()
		if s == slot {
			return
		}
		age := uint32(1<<32 - 1) // empty
		if s != 0 {
			r := x.ref(s)
			if r <= x.campaigns {
				continue
			}
			age = x.age(r)
		}
		if victim < 0 || age > oldest {
			victim, oldest = i, age
		}
	}
	if victim < 0 {
		if ref > x.campaigns {
			return
		}
		victim = int(ref % lineSlots)
	}
	line[victim].Store(slot)
}

func (x *index) remove(key, ref uint32) {
	line, slot := x.line(key), x.slot(key, ref)
	for i := range line {
		line[i].CompareAndSwap(slot, 0)
	}
}

const (
	maxFound   = 64 // references that are gathered for one text
	maxLooked  = 16 // and those that it is compared with
	firstFound = 8  // of one line, so that one line that everybody shares leaves room for the others
)

// found are the references that the keys of a text lead to, and by how many keys each.
type found struct {
	refs  [maxFound]uint32
	times [maxFound]uint8
	n     int
}

// gather collects what a key leads to.
func (x *index) gather(key uint32, f *found) {
	line, tag := x.line(key), key>>x.refBits
	of := 0
	for i := range line {
		s := line[i].Load()
		if s == 0 || s>>x.refBits != tag {
			continue
		}
		ref := x.ref(s)
		if ref == 0 || ref > x.campaigns && x.age(ref) >= x.probation {
			continue
		}
		if of++; of > firstFound || !f.add(ref) {
			return
		}
	}
}

func (f *found) add(ref uint32) bool {
	for i, r := range f.refs[:f.n] {
		if r == ref {
			f.times[i]++
			return true
		}
	}
	if f.n == maxFound {
		return false
	}
	f.refs[f.n], f.times[f.n] = ref, 1
	f.n++
	return true
}

// take gives the reference from low to high that most keys lead to, and takes it out; 0 where there is none.
func (f *found) take(low, high uint32) uint32 {
	best, most := -1, uint8(0)
	for i, r := range f.refs[:f.n] {
		if f.times[i] > most && r >= low && r <= high {
			best, most = i, f.times[i]
		}
	}
	if best < 0 {
		return 0
	}
	f.times[best] = 0
	return f.refs[best]
}
