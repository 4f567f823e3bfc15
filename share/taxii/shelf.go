package taxii

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sekisho/sekisho/share/stix"
)

const (
	maxKinds = 4096    // types of objects in one collection
	maxScan  = 1 << 19 // what one page may spend on looking at records, some milliseconds; it then ends early and says that there is more
)

// key is an object, in one collection.
type key struct {
	kind uint16
	uuid [16]byte
}

// shelf is one collection: records in slabs, and an index of the record of every object that was added last, from which the others are found.
type shelf struct {
	mu    sync.RWMutex
	slabs []*slab // none of them empty
	index map[key]uint64
	kinds []string
	kind  map[string]uint16
	seq   uint64
	last  int64 // when the last record was added
	count int   // live records
	size  int64 // and their octets
	olds  int   // live records of STIX 2.0

	versions    int // of an object that are kept
	maxRecords  int
	maxOctets   int64
	slabRecords int // tests have small ones,
	maxScan     int // and little to spend
}

func fromMicro(us int64) time.Time { return time.UnixMicro(us).UTC() }

// outcome is what became of an object, empty where it was taken or is there already.
type outcome string

const (
	taken    outcome = ""
	another  outcome = "another object is kept under this identifier and version"
	full     outcome = "the collection is full"
	tooMany  outcome = "too many types of objects"
	tooLong  outcome = "its timestamps are too long"
	versionN         = 64 // octets of a version
)

// link is a version of an object.
type link struct {
	seq     uint64
	at      place
	version time.Time
	old     bool
}

// chain are the versions of an object, that added last first.
func (s *shelf) chain(k key, room []link) []link {
	for seq := s.index[k]; seq != 0; {
		p, ok := s.locate(seq)
		if !ok {
			break
		}
		v, _ := stix.ParseTime(p.slab.version(p.i))
		room = append(room, link{seq, p, v, p.slab.flags[p.i]&old != 0})
		seq = p.slab.prev[p.i]
	}
	return room
}

// add puts an object in, at now or a microsecond behind the record before it: no two records have one time.
func (s *shelf) add(o stix.Object, now time.Time) outcome {
	kind, ok := s.kind[o.Type()]
	switch {
	case !ok && len(s.kinds) == maxKinds:
		return tooMany
	case len(o.Version()) > versionN:
		return tooLong
	case !ok:
		kind = uint16(len(s.kinds))
		s.kinds = append(s.kinds, o.Type())
		s.kind[o.Type()] = kind
	}
	k := key{kind, uuidOf(o.ID())}
	version, body := o.Version(), o.JSON()
	at, _ := stix.ParseTime(orNone(version))
	var room [16]link
	chain := s.chain(k, room[:0])
	for _, l := range chain {
		if l.version.Equal(at) && l.old == (o.SpecVersion() == "2.0") {
			if bytes.Equal(l.at.slab.body(l.at.i), body) {
				return taken
			}
			return another
		}
	}
	size := int64(len(version) + len(body))
	if s.count >= s.maxRecords || s.size+size > s.maxOctets {
		return full
	}
	s.last = max(now.UnixMicro(), s.last+1)
	s.seq++
	e := entry{seq: s.seq, added: s.last, kind: kind, flags: live, prev: s.index[k], uuid: k.uuid, vlen: uint8(len(version))}
	if o.SpecVersion() == "2.0" {
		e.flags |= old
		s.olds++
	}
	if strings.ContainsAny(o.UUID(), "ABCDEF") {
		e.flags |= odd
	}
	b := s.tail(int(size))
	b.put(e, []byte(version), body)
	s.index[k] = s.seq
	s.count++
	s.size += size
	if len(chain) >= s.versions {
		s.evict(k)
	}
	s.choose(k)
	return taken
}

func orNone(version string) string {
	if version == "" {
		return NoVersion
	}
	return version
}

// tail is the slab that the next record goes into.
func (s *shelf) tail(size int) *slab {
	if n := len(s.slabs); n > 0 {
		if b := s.slabs[n-1]; b.len() < s.slabRecords && len(b.buf)+size <= slabOctets {
			return b
		}
		s.slabs = append(s.slabs, new(slab))
		s.tidy(n - 1)
		return s.slabs[len(s.slabs)-1]
	}
	b := new(slab)
	s.slabs = append(s.slabs, b)
	return b
}

// evict removes versions of an object that are too many: the oldest but the first, which can be asked for by its name.
func (s *shelf) evict(k key) {
	for {
		chain := s.chain(k, nil)
		if len(chain) <= s.versions {
			return
		}
		slices.SortFunc(chain, byVersionTime)
		victim := 1
		if s.versions == 1 || len(chain) == 2 {
			victim = 0
		}
		s.kill(k, chain[victim].seq)
	}
}

func byVersionTime(a, b link) int {
	return cmp.Or(a.version.Compare(b.version), cmp.Compare(a.seq, b.seq))
}

// kill removes a record.
func (s *shelf) kill(k key, seq uint64) {
	p, ok := s.locate(seq)
	if !ok {
		return
	}
	before := p.slab.prev[p.i]
	if s.index[k] == seq {
		if before == 0 {
			delete(s.index, k)
		} else {
			s.index[k] = before
		}
	} else {
		for _, l := range s.chain(k, nil) {
			if l.at.slab.prev[l.at.i] == seq {
				l.at.slab.prev[l.at.i] = before
			}
		}
	}
	if p.slab.flags[p.i]&old != 0 {
		s.olds--
	}
	s.count--
	s.size -= int64(len(p.slab.octets(p.i)))
	p.slab.set(p.i, live|chosen, false)
	s.tidy(s.slabOf(seq))
}

// choose marks the version that is asked for by default.
func (s *shelf) choose(k key) {
	var room [16]link
	chain := s.chain(k, room[:0])
	best := pick(chain, Versions{}, allowed(chain, nil))
	for i, l := range chain {
		l.at.slab.set(l.at.i, chosen, best[i])
	}
}

// allowed says which STIX versions of an object may be told: those asked for, else the latest that there is (§3.4.1).
func allowed(chain []link, specs []string) func(link) bool {
	if len(specs) > 0 {
		new, old := slices.Contains(specs, "2.1"), slices.Contains(specs, "2.0")
		return func(l link) bool { return l.old && old || !l.old && new }
	}
	any := slices.ContainsFunc(chain, func(l link) bool { return !l.old })
	return func(l link) bool { return !l.old || !any }
}

// pick says which of an object's versions are asked for.
func pick(chain []link, v Versions, allowed func(link) bool) []bool {
	out := make([]bool, len(chain))
	first, last := -1, -1
	for i, l := range chain {
		if !allowed(l) {
			continue
		}
		if first < 0 || byVersionTime(l, chain[first]) < 0 {
			first = i
		}
		if last < 0 || byVersionTime(l, chain[last]) > 0 {
			last = i
		}
		out[i] = v.All || slices.ContainsFunc(v.At, l.version.Equal)
	}
	if last >= 0 && (v.Last || v.IsZero()) {
		out[last] = true
	}
	if first >= 0 && v.First {
		out[first] = true
	}
	return out
}

// remove deletes what the query asks for of one object, everything of it where it names no version.
func (s *shelf) remove(q Query) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, id := range q.IDs {
		kind, _, ok := stix.SplitID(id)
		number, known := s.kind[kind]
		if !ok || !known {
			continue
		}
		k := key{number, uuidOf(id)}
		chain := s.chain(k, nil)
		if q.Versions.IsZero() {
			q.Versions.All = true
		}
		may := func(link) bool { return true }
		if len(q.Specs) > 0 {
			may = allowed(chain, q.Specs)
		}
		for i, yes := range pick(chain, q.Versions, may) {
			if yes {
				s.kill(k, chain[i].seq)
				n++
			}
		}
		s.choose(k)
	}
	return n
}
