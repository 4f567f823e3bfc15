package indicator

import (
	"bytes"
	enc "encoding/hex"
	"fmt"
	"net/netip"
	"runtime"
	"slices"
	"strconv"
)

// Builder collects indicators and makes an Index of them. It is for one goroutine.
type Builder struct {
	seeds   seeds
	slots   []slot
	n       int
	ranges  rangeBuilder
	sources []string
	last    struct { // the source asked for last, so that a list is looked up once
		name string
		id   int
	}
	room, work []byte
}

// NewBuilder makes a Builder with room for n indicators; more find room too.
func NewBuilder(n int) *Builder {
	b := &Builder{seeds: newSeeds()}
	if n > 0 {
		b.slots = make([]slot, slotsFor(min(n, MaxIndicators)))
	}
	return b
}

// slotsFor keeps a third of the table empty: a look-up that finds nothing reads five slots on average, most of
// them in one cache line.
func slotsFor(n int) int { return n + n/2 + 8 }

// Add puts in one indicator. Its error never repeats a number.
func (b *Builder) Add(in Indicator) error {
	source, err := b.source([]byte(in.Source))
	if err != nil {
		return err
	}
	if in.Confidence > 100 {
		return errPercent
	}
	if in.First != 0 && in.Last != 0 && in.First > in.Last {
		return errSeen
	}
	r := row{in.Kind, []byte(in.Value), in.Bad, source, in.Confidence, in.First, in.Last}
	_, err = b.add(&r)
	return err
}

// Index is what has been added so far. The Builder must not be used afterwards.
func (b *Builder) Index() *Index {
	if len(b.slots) > 2*slotsFor(b.n) { // mostly comments, or the same again and again
		b.rehash(slotsFor(b.n))
	}
	return &Index{seeds: b.seeds, slots: b.slots, n: b.n + len(b.ranges.given), ranges: b.ranges.build(), sources: b.sources}
}

// row is an indicator as a file has it.
type row struct {
	kind        Kind
	value       []byte
	bad         bool
	source      int
	confidence  uint8
	first, last Day
}

func (b *Builder) source(name []byte) (int, error) {
	if b.last.id != 0 && string(name) == b.last.name {
		return b.last.id, nil
	}
	if len(name) == 0 || len(name) > 64 {
		return 0, errLength
	}
	for _, c := range name {
		if c < 0x20 || c == 0x7f {
			return 0, errLength
		}
	}
	id := slices.Index(b.sources, string(name)) + 1
	if id == 0 {
		if len(b.sources) == maxSources {
			return 0, errSources
		}
		b.sources = append(b.sources, string(name))
		id = len(b.sources)
	}
	b.last.name, b.last.id = b.sources[id-1], id
	return id, nil
}

// add puts in one row. note is what somebody should know of it, "" mostly.
func (b *Builder) add(r *row) (note string, err error) {
	value := defang(bytes.TrimSpace(r.value))
	kind := r.kind
	if kind == KindNone {
		if kind, err = guess(value); err != nil {
			return "", err
		}
	}
	switch kind {
	case URL:
		return b.addURL(r, value)
	case Host, Domain:
		return b.addName(r, kind, value)
	case Number:
		n, err := parseNumber(value)
		if err != nil {
			return "", err
		}
		return "", b.put(b.seeds.lineHash(n), r.meta(badSelf, goodSelf))
	case Range:
		return "", b.ranges.add(value, r.meta(badSelf, goodSelf))
	case Sender:
		s, err := parseSender(value)
		if err != nil {
			return "", err
		}
		return "", b.put(hashOf(b.seeds.sender, s), r.meta(badSelf, goodSelf))
	case Family:
		n, err := strconv.ParseUint(string(value), 16, 64)
		if err != nil || len(value) != 16 || n == 0 {
			return "", errFamily
		}
		return "", b.put(wordHash(b.seeds.family, n), r.meta(badSelf, goodSelf))
	case Hash:
		sum, err := enc.DecodeString(string(value))
		if err != nil || len(sum) != 32 {
			return "", errHash
		}
		return "", b.put(hashOf(b.seeds.file, sum), r.meta(badSelf, goodSelf))
	}
	return "", errKind
}

func (r *row) meta(bad, good meta) meta {
	if r.bad {
		return packMeta(bad, r.source, r.confidence, r.first, r.last)
	}
	return packMeta(good, r.source, r.confidence, r.first, r.last)
}

func (b *Builder) addURL(r *row, value []byte) (string, error) {
	link, host, work, err := appendLink(b.room[:0], b.work, value)
	b.room, b.work = link[:0], work
	if err != nil {
		return "", err
	}
	if len(link) > host {
		return "", b.put(hashOf(b.seeds.url, link), r.meta(badSelf, goodSelf))
	}
	// The front page of a host stands for the host. Below a public suffix's own page (github.io) others
	// live, so there it is the host alone.
	h := hashOf(b.seeds.name, link)
	if !isAddress(link) && registrable(string(link)) == len(link) {
		return "", b.put(h, r.meta(badTree, goodTree))
	}
	return "", b.put(h, r.meta(badSelf, goodSelf))
}

func (b *Builder) addName(r *row, kind Kind, value []byte) (note string, err error) {
	below := false
	for _, p := range []string{"*.", "."} {
		if rest, ok := bytes.CutPrefix(value, []byte(p)); ok {
			value, below = rest, true
			break
		}
	}
	if below && r.kind == Host {
		return "", errHost
	}
	room, err := appendHost(b.room[:0], value)
	b.room = room[:0]
	if err != nil {
		return "", err
	}
	name := string(room)
	reg := registrable(name)
	if r.kind == KindNone && !below { // a registrable domain stands for all below it, a host for itself
		kind = Host
		if reg == len(name) && !isAddress(name) || reg == 0 {
			kind = Domain
		}
	}
	if below {
		kind = Domain
	}
	switch {
	case kind == Host:
		return "", b.put(hashOf(b.seeds.name, room), r.meta(badSelf, goodSelf))
	case isAddress(name):
		return "", errLabel
	case reg == 0 && r.bad:
		return "", suffixError(name)
	case reg == 0:
		// Popular lists name github.io and the like; who lives below is not good for living there.
		return name + " is a public suffix: known good is that name alone, not what is below it", b.put(hashOf(b.seeds.name, room), r.meta(badSelf, goodSelf))
	case bytes.Count(room[:len(room)-reg], []byte{'.'}) > maxDepth:
		return "", errDeep
	}
	return "", b.put(hashOf(b.seeds.name, room), r.meta(badTree, goodTree))
}

// put enters what is said under a hash, or adds it to what others said.
func (b *Builder) put(h uint64, m meta) error {
	if len(b.slots) == 0 || b.n*3 >= len(b.slots)*2 {
		b.rehash(slotsFor(max(1024, b.n*2)))
	}
	for i := home(h, len(b.slots)); ; {
		e := &b.slots[i]
		switch e.hash {
		case h:
			e.meta = e.meta.merge(m)
			return nil
		case 0:
			if b.n+len(b.ranges.given) >= MaxIndicators {
				return errMany
			}
			*e = slot{h, m}
			b.n++
			return nil
		}
		if i++; i == len(b.slots) {
			i = 0
		}
	}
}

func (b *Builder) rehash(size int) {
	old := b.slots
	b.slots = make([]slot, size)
	for n, e := range old {
		if n%(16*step) == 0 {
			runtime.Gosched() // whoever judges comes first
		}
		if e.hash == 0 {
			continue
		}
		i := home(e.hash, size)
		for b.slots[i].hash != 0 {
			if i++; i == size {
				i = 0
			}
		}
		b.slots[i] = e
	}
}

// defang undoes the spelling that keeps lists from being clicked on: evil[.]example.
func defang(v []byte) []byte {
	if !bytes.Contains(v, []byte("[.]")) {
		return v
	}
	return bytes.ReplaceAll(v, []byte("[.]"), []byte("."))
}

// guess tells the kind of a value in a plain list.
func guess(v []byte) (Kind, error) {
	switch {
	case len(v) == 0:
		return KindNone, errGuess
	case v[0] == '+':
		if bytes.ContainsAny(v[1:], "*-") {
			return Range, nil
		}
		return Number, nil
	case bytes.IndexByte(v, '/') >= 0:
		if len(bytes.Trim(v, "0123456789abcdefABCDEF:./")) == 0 {
			if _, err := netip.ParsePrefix(string(v)); err == nil {
				return KindNone, errNetwork
			}
		}
		return URL, nil
	case v[0] == '.' || v[0] == '*':
		return Domain, nil
	case v[0] == '[':
		return Host, nil
	case bytes.IndexByte(v, '.') >= 0:
		if bytes.IndexByte(v, ':') >= 0 { // host:port
			return URL, nil
		}
		return Host, nil
	case bytes.IndexByte(v, ':') >= 0 && bytes.Count(v, []byte{':'}) > 1:
		return KindNone, fmt.Errorf("%w; an IPv6 address is written in brackets", errGuess)
	}
	return KindNone, errGuess
}
