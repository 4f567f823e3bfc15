package taxii

import (
	"encoding/hex"
	"sort"

	"github.com/sekisho/sekisho/share/stix"
)

// Sizes of a slab. A page is read from one or two of them; a slab in which half is dead is written anew in well under a millisecond.
const (
	slabRecords = 1024
	slabOctets  = 1 << 20
)

// What is said of a record in one octet.
const (
	live   uint8 = 1 << iota
	chosen       // what is asked for by default: the last version of the object's latest STIX version
	old          // of STIX 2.0
	odd          // its identifier is not written in lower case
)

// slab holds records in the order in which they were added, column by column and without pointers, so that a million of them cost the garbage
// collector nothing. Octets once written do not change: what a page points to stays as it is when records are added or removed.
type slab struct {
	seq   []uint64
	added []int64 // microseconds since 1970
	kind  []uint16
	flags []uint8
	prev  []uint64 // seq of the record of the same object that was added before, 0 for none
	uuid  [][16]byte
	end   []uint32 // of its octets
	vlen  []uint8  // of them, those of the version, which stand first
	buf   []byte

	alive, picked int    // records that are live, that are chosen
	kinds         uint64 // a bit for every kind that is here, modulo 64
}

func (b *slab) len() int { return len(b.seq) }

func (b *slab) octets(i int) []byte {
	start := uint32(0)
	if i > 0 {
		start = b.end[i-1]
	}
	return b.buf[start:b.end[i]:b.end[i]]
}

func (b *slab) version(i int) string {
	if b.vlen[i] == 0 {
		return NoVersion
	}
	return string(b.octets(i)[:b.vlen[i]])
}

func (b *slab) body(i int) []byte { return b.octets(i)[b.vlen[i]:] }

// entry is what is put into a slab.
type entry struct {
	seq   uint64
	added int64
	kind  uint16
	flags uint8
	prev  uint64
	uuid  [16]byte
	vlen  uint8
}

func (b *slab) put(e entry, octets ...[]byte) {
	b.seq, b.added, b.kind = append(b.seq, e.seq), append(b.added, e.added), append(b.kind, e.kind)
	b.flags, b.prev, b.uuid = append(b.flags, e.flags), append(b.prev, e.prev), append(b.uuid, e.uuid)
	for _, o := range octets {
		b.buf = append(b.buf, o...)
	}
	b.end, b.vlen = append(b.end, uint32(len(b.buf))), append(b.vlen, e.vlen)
	b.kinds |= 1 << (e.kind % 64)
	if e.flags&live != 0 {
		b.alive++
	}
	if e.flags&chosen != 0 {
		b.picked++
	}
}

// set changes flags and keeps the counts.
func (b *slab) set(i int, flag uint8, on bool) {
	f := b.flags[i] &^ flag
	if on {
		f |= flag
	}
	b.alive += int(f&live) - int(b.flags[i]&live)
	b.picked += int(f&chosen)/int(chosen) - int(b.flags[i]&chosen)/int(chosen)
	b.flags[i] = f
}

// copyLive appends the live records of others.
func (b *slab) copyLive(from *slab) {
	for i := range from.seq {
		if from.flags[i]&live != 0 {
			b.put(entry{from.seq[i], from.added[i], from.kind[i], from.flags[i], from.prev[i], from.uuid[i], from.vlen[i]}, from.octets(i))
		}
	}
}

func (b *slab) liveOctets() int {
	n := 0
	for i := range b.seq {
		if b.flags[i]&live != 0 {
			n += len(b.octets(i))
		}
	}
	return n
}

// record makes a Record of what stands at i.
func (b *slab) record(i int, kind string) Record {
	r := Record{Version: b.version(i), Spec: "2.1", Added: fromMicro(b.added[i]), Object: b.body(i)}
	if b.flags[i]&old != 0 {
		r.Spec = "2.0"
	}
	if b.flags[i]&odd != 0 {
		if o, err := stix.Parse(r.Object); err == nil { // it was parsed when it came
			r.ID = o.ID()
			return r
		}
	}
	id := make([]byte, 0, len(kind)+38)
	id = append(append(id, kind...), '-', '-')
	u := b.uuid[i]
	for k, part := range [][]byte{u[:4], u[4:6], u[6:8], u[8:10], u[10:]} {
		if k > 0 {
			id = append(id, '-')
		}
		id = hex.AppendEncode(id, part)
	}
	r.ID = string(id)
	return r
}

// uuidOf reads the UUID of an identifier that was checked.
func uuidOf(id string) (u [16]byte) {
	var digits [32]byte
	n := 0
	for i := len(id) - 36; i < len(id); i++ {
		if id[i] != '-' && n < 32 {
			digits[n] = id[i]
			n++
		}
	}
	hex.Decode(u[:], digits[:])
	return u
}

// place is where a record stands.
type place struct {
	slab *slab
	i    int
}

// slabOf is the number of the slab that has the record seq, or would.
func (s *shelf) slabOf(seq uint64) int {
	return sort.Search(len(s.slabs), func(k int) bool { b := s.slabs[k]; return b.seq[b.len()-1] >= seq })
}

// locate finds a record by its number.
func (s *shelf) locate(seq uint64) (place, bool) {
	k := s.slabOf(seq)
	if k == len(s.slabs) {
		return place{}, false
	}
	b := s.slabs[k]
	i := sort.Search(b.len(), func(i int) bool { return b.seq[i] >= seq })
	if i == b.len() || b.seq[i] != seq {
		return place{}, false
	}
	return place{b, i}, true
}

// tidy writes a slab anew where half of it or more is dead, together with the next one where both fit into one. The last slab stays: it grows.
func (s *shelf) tidy(k int) {
	last := len(s.slabs) - 1
	if k >= last || s.slabs[k].alive*2 > s.slabs[k].len() {
		return
	}
	a := s.slabs[k]
	if a.alive == 0 {
		s.slabs = append(s.slabs[:k], s.slabs[k+1:]...)
		return
	}
	n := new(slab)
	n.copyLive(a)
	if k+1 < last {
		if b := s.slabs[k+1]; n.len()+b.alive <= s.slabRecords && len(n.buf)+b.liveOctets() <= slabOctets {
			n.copyLive(b)
			s.slabs = append(s.slabs[:k+1], s.slabs[k+2:]...)
		}
	}
	s.slabs[k] = n
}
