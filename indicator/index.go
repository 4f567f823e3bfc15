package indicator

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
	"math/bits"
	"sync/atomic"

	"github.com/sekisho/sekisho/subject"
)

// MaxIndicators bounds an Index: about 200 MB.
const MaxIndicators = 8 << 20

// maxDepth is how many labels below the registrable domain a Domain may have, so that a host of a
// hundred labels costs no more look-ups than one of ten.
const maxDepth = 8

// Index answers what is known of a link, a host, a number, a sender. It never changes once built: all
// its methods may be called from anywhere at once, wait for nothing and allocate nothing. A nil Index
// knows nothing.
//
// Indicators lie in one open-addressing table without pointers, so that the garbage collector never
// walks it. Of each the table keeps a 64-bit hash, not the value: something unknown is taken for an
// indicator with a probability of n/2^64, which is 5e-14 for a million, or one false hit in fifty years of
// a thousand million look-ups a day. The hash is keyed at random for every Index, so that nobody can
// search for a name that collides with one of ours.
type Index struct {
	seeds   seeds
	slots   []slot
	n       int
	ranges  ranges
	sources []string // by the number in meta, which counts from 1
}

// slot is an indicator, or empty where hash is zero.
type slot struct {
	hash uint64
	meta meta
}

// seeds keep the kinds of value apart. Host and Domain share one: a name is looked up once for both.
type seeds struct{ name, url, line, sender, family, file maphash.Seed }

func newSeeds() seeds {
	return seeds{maphash.MakeSeed(), maphash.MakeSeed(), maphash.MakeSeed(), maphash.MakeSeed(), maphash.MakeSeed(), maphash.MakeSeed()}
}

func hashOf(seed maphash.Seed, b []byte) uint64 {
	h := maphash.Bytes(seed, b)
	if h == 0 { // zero is the empty slot
		return 1
	}
	return h
}

func (s *seeds) lineHash(l uint64) uint64 { return wordHash(s.line, l) }

func wordHash(seed maphash.Seed, w uint64) uint64 {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], w)
	return hashOf(seed, b[:])
}

// home is the slot that h is sought from: the high word of h*n spreads evenly over any n.
func home(h uint64, n int) int {
	hi, _ := bits.Mul64(h, uint64(n))
	return int(hi)
}

// find returns what is known under the hash, or zero. At least a third of the slots is empty, so it ends.
func (x *Index) find(h uint64) meta {
	s := x.slots
	if len(s) == 0 {
		return 0
	}
	for i := home(h, len(s)); ; {
		e := &s[i]
		if e.hash == h {
			return e.meta
		}
		if e.hash == 0 {
			return 0
		}
		if i++; i == len(s) {
			i = 0
		}
	}
}

// Len is how many indicators there are; one that several sources name counts once.
func (x *Index) Len() int {
	if x == nil {
		return 0
	}
	return x.n
}

// Bytes is about how much memory the index takes.
func (x *Index) Bytes() int {
	if x == nil {
		return 0
	}
	return 16*len(x.slots) + 24*len(x.ranges.lo)
}

// LookupURL looks up a link as message.Link.URL has it: host, port if there is one, path and query, the
// host normalised, no scheme. An indicator without a query matches the same path with any, and one that is
// only a host and a port matches every path there. Of the host alone, LookupHost tells.
func (x *Index) LookupURL(url []byte) Hit {
	if x == nil || len(x.slots) == 0 || len(url) == 0 || len(url) > maxURL {
		return Hit{}
	}
	if c, plain := trimURL(url); plain {
		return x.lookupCanonical(c)
	}
	return x.lookupEncoded(url)
}

// lookupEncoded is apart so that only a link that needs rewriting pays for the room to do so.
//
//go:noinline
func (x *Index) lookupEncoded(url []byte) Hit {
	var room [maxURL + 1]byte
	return x.lookupCanonical(appendURL(room[:0], url))
}

func (x *Index) lookupCanonical(url []byte) Hit {
	if m := x.find(hashOf(x.seeds.url, url)); m != 0 {
		return x.entry(m, URL)
	}
	if i := bytes.IndexByte(url, '?'); i > 0 {
		url = bytes.TrimRight(url[:i], "/")
		if m := x.find(hashOf(x.seeds.url, url)); m != 0 {
			return x.entry(m, URL)
		}
	}
	slash := bytes.IndexByte(url, '/')
	if slash > 0 && bytes.IndexByte(url[:slash], ':') > 0 {
		if m := x.find(hashOf(x.seeds.url, url[:slash])); m != 0 {
			return x.entry(m, URL)
		}
	}
	return Hit{}
}

// LookupHost looks up a normalised host and its registrable domain, a tail of it (an IP address is its
// own), and the names between. What is known good clears what is known bad above it, so that one name of
// a bad domain can be excepted; what is known bad does not clear what is known good above it: then the
// Hit is both.
func (x *Index) LookupHost(host, domain []byte) Hit {
	if x == nil || len(x.slots) == 0 || len(host) == 0 || len(host) > maxHost {
		return Hit{}
	}
	var hit Hit
	x.level(&hit, host, badSelf|badTree, goodSelf|goodTree)
	if len(domain) == 0 || len(domain) >= len(host) || !bytes.HasSuffix(host, domain) {
		return hit
	}
	// starts are where the names above host begin, the registrable domain first.
	var starts [maxDepth]int
	n := 0
	for at := len(host) - len(domain); at > 0 && n < maxDepth; n++ {
		starts[n] = at
		at = bytes.LastIndexByte(host[:at-1], '.') + 1
	}
	for n--; n >= 0; n-- {
		x.level(&hit, host[starts[n]:], badTree, goodTree)
	}
	return hit
}

// level adds to hit what is known of one name, coming from longer names to shorter ones.
func (x *Index) level(hit *Hit, name []byte, bad, good meta) {
	m := x.find(hashOf(x.seeds.name, name))
	if m&bad != 0 && !hit.Known() {
		*hit = x.hit(m, true, nameKind(m&badTree))
	}
	switch {
	case m&good == 0 || hit.Good:
	case hit.Bad:
		hit.Good = true
	default:
		*hit = x.hit(m, false, nameKind(m&goodTree))
	}
}

func nameKind(tree meta) Kind {
	if tree != 0 {
		return Domain
	}
	return Host
}

// LookupLine looks up a telephone number: itself first, then the narrowest range around it.
func (x *Index) LookupLine(l subject.Line) Hit {
	if x == nil || l == 0 {
		return Hit{}
	}
	if len(x.slots) > 0 {
		if m := x.find(x.seeds.lineHash(uint64(l))); m != 0 {
			return x.entry(m, Number)
		}
	}
	if m := x.ranges.find(uint64(l)); m != 0 {
		return x.entry(m, Range)
	}
	return Hit{}
}

// LookupSender looks up a sender ID or a short code, in whatever case it is written.
func (x *Index) LookupSender(sender []byte) Hit {
	var room [subject.MaxAddress]byte
	if x == nil || len(x.slots) == 0 {
		return Hit{}
	}
	s := bytes.TrimSpace(sender)
	if len(s) == 0 || len(s) > len(room) {
		return Hit{}
	}
	if m := x.find(hashOf(x.seeds.sender, foldSender(room[:0], s))); m != 0 {
		return x.entry(m, Sender)
	}
	return Hit{}
}

// LookupFamily looks up a text family, message.Folded.Family.
func (x *Index) LookupFamily(family uint64) Hit {
	if x == nil || len(x.slots) == 0 || family == 0 {
		return Hit{}
	}
	if m := x.find(wordHash(x.seeds.family, family)); m != 0 {
		return x.entry(m, Family)
	}
	return Hit{}
}

// LookupHash looks up a file by its SHA-256, 32 octets.
func (x *Index) LookupHash(sum []byte) Hit {
	if x == nil || len(x.slots) == 0 || len(sum) != 32 {
		return Hit{}
	}
	if m := x.find(hashOf(x.seeds.file, sum)); m != 0 {
		return x.entry(m, Hash)
	}
	return Hit{}
}

// entry is what an indicator that is no name says.
func (x *Index) entry(m meta, k Kind) Hit {
	h := x.hit(m, m.bad(), k)
	h.Good = m&(goodSelf|goodTree) != 0
	return h
}

// hit tells the bad or the good side of an indicator.
func (x *Index) hit(m meta, bad bool, k Kind) Hit {
	h := Hit{Bad: bad, Good: !bad, Kind: k}
	source := m.goodSource()
	if bad {
		source = m.badSource()
	}
	if bad == m.bad() { // otherwise the rest is of the other side
		h.Confidence, h.First, h.Last = m.confidence(), m.first(), m.last()
	}
	if source > 0 && source <= len(x.sources) {
		h.Source = x.sources[source-1]
	}
	return h
}

// Set holds the Index in force. Its zero value holds one that knows nothing.
type Set struct{ p atomic.Pointer[Index] }

// Load is the index in force; it may be nil, which knows nothing. Ask once for each message, so that a
// message is judged by one index.
func (s *Set) Load() *Index { return s.p.Load() }

// Swap puts another index in force and returns the one before.
func (s *Set) Swap(x *Index) *Index { return s.p.Swap(x) }
