package rpz

import (
	"bytes"
	"encoding/binary"
	"iter"
	"slices"
	"sort"
)

// Why a name is in the zone: a bit for each kind of indicator, so that taking one back leaves what another says.
const (
	byHost   = 1 << iota // the name itself
	byLink               // the name itself: a link without a path
	byDomain             // the name and all below it
)

// A name is kept as its labels from the top down, each behind its length: \x07example\x04evil for evil.example. Sorted so, what stands
// under one domain stands together, which spares the resolver that loads it half its work.

// arena is a set of names, each with its bits, in order. It never changes.
type arena struct {
	buf []byte   // for each name: its bits, its length, itself
	off []uint32 // where each begins
}

func (a *arena) at(i int) (key []byte, bits byte) {
	o := a.off[i]
	n := uint32(a.buf[o+1])
	return a.buf[o+2 : o+2+n : o+2+n], a.buf[o]
}

func (a *arena) find(key []byte) (bits byte) {
	i := sort.Search(len(a.off), func(i int) bool {
		k, _ := a.at(i)
		return bytes.Compare(k, key) >= 0
	})
	if i < len(a.off) {
		if k, bits := a.at(i); bytes.Equal(k, key) {
			return bits
		}
	}
	return 0
}

func (a *arena) add(key []byte, bits byte) {
	a.off = append(a.off, uint32(len(a.buf)))
	a.buf = append(append(a.buf, bits, byte(len(key))), key...)
}

// sorted puts names that came in any order, some more than once, in order.
func (a *arena) sorted() *arena {
	slices.SortFunc(a.off, func(x, y uint32) int {
		return bytes.Compare(a.buf[x+2:x+2+uint32(a.buf[x+1])], a.buf[y+2:y+2+uint32(a.buf[y+1])])
	})
	out := &arena{buf: make([]byte, 0, len(a.buf)), off: make([]uint32, 0, len(a.off))}
	var last []byte
	for i := range a.off {
		key, bits := a.at(i)
		if i > 0 && bytes.Equal(key, last) {
			out.buf[out.off[len(out.off)-1]] |= bits
			continue
		}
		out.add(key, bits)
		last = key
	}
	return out
}

// edit is what a name has become since its arena was made; no bits: it is gone.
type edit struct {
	key  string
	bits byte
}

// content is all names of a version: an arena and what was edited since, in order. It never changes.
type content struct {
	base    *arena
	edits   []edit
	names   int
	records int
	octets  int // of names, as the arena counts them
}

func emptyContent() *content { return &content{base: &arena{}} }

// contentOf counts what is in an arena.
func contentOf(a *arena, width int) *content {
	c := &content{base: a, names: len(a.off), octets: len(a.buf)}
	for _, o := range a.off {
		c.records += owners(a.buf[o]) * width
	}
	return c
}

// owners is how many owner names a name has in the zone.
func owners(bits byte) int {
	switch {
	case bits == 0:
		return 0
	case bits&byDomain != 0:
		return 2
	}
	return 1
}

func (c *content) find(key []byte) byte {
	i, ok := slices.BinarySearchFunc(c.edits, key, func(e edit, k []byte) int { return compareString(e.key, k) })
	if ok {
		return c.edits[i].bits
	}
	return c.base.find(key)
}

func compareString(s string, b []byte) int {
	switch {
	case s == string(b):
		return 0
	case s < string(b):
		return -1
	}
	return 1
}

// all gives every name that is in force, in order.
func (c *content) all(yield func(key []byte, bits byte) bool) {
	i, j := 0, 0
	var room [256]byte
	for i < len(c.base.off) || j < len(c.edits) {
		var key []byte
		var bits byte
		order := -1
		if i < len(c.base.off) {
			key, bits = c.base.at(i)
		} else {
			order = 1
		}
		if j < len(c.edits) && order < 0 {
			order = -compareString(c.edits[j].key, key)
		}
		if order >= 0 && j < len(c.edits) { // the edit stands before the name, or in its place
			if order == 0 {
				i++
			}
			key, bits = append(room[:0], c.edits[j].key...), c.edits[j].bits
			j++
		} else {
			i++
		}
		if bits != 0 && !yield(key, bits) {
			return
		}
	}
}

// with is the content after edits, which are in order, one for a name; what changed goes to d. width is how many records an owner has.
func (c *content) with(changes []edit, width int, d *difference) *content {
	out := &content{base: c.base, names: c.names, records: c.records, octets: c.octets}
	out.edits = make([]edit, 0, len(c.edits)+len(changes))
	rest := c.edits
	for _, e := range changes {
		for len(rest) > 0 && rest[0].key < e.key {
			out.edits, rest = append(out.edits, rest[0]), rest[1:]
		}
		base := c.base.find([]byte(e.key))
		was := base
		if len(rest) > 0 && rest[0].key == e.key {
			was, rest = rest[0].bits, rest[1:]
		}
		if e.bits != base {
			out.edits = append(out.edits, e)
		}
		d.note([]byte(e.key), was, e.bits)
		out.records += (owners(e.bits) - owners(was)) * width
		switch {
		case was == 0 && e.bits != 0:
			out.names++
			out.octets += len(e.key) + 2
		case was != 0 && e.bits == 0:
			out.names--
			out.octets -= len(e.key) + 2
		}
	}
	out.edits = append(out.edits, rest...)
	if len(out.edits) > max(1024, len(c.base.off)/32) {
		a := &arena{buf: make([]byte, 0, out.octets), off: make([]uint32, 0, out.names)}
		for key, bits := range out.all {
			a.add(key, bits)
		}
		out.base, out.edits = a, nil
	}
	return out
}

// compare notes in d how b differs from c. It stops when d is full.
func (c *content) compare(b *content, d *difference) {
	next, stop := iter.Pull2(b.all)
	defer stop()
	key, bits, ok := next()
	for old, was := range c.all {
		for ok && bytes.Compare(key, old) < 0 {
			d.note(key, 0, bits)
			key, bits, ok = next()
		}
		if ok && bytes.Equal(key, old) {
			d.note(old, was, bits)
			key, bits, ok = next()
		} else {
			d.note(old, was, 0)
		}
		if d.full() {
			return
		}
	}
	for ; ok && !d.full(); key, bits, ok = next() {
		d.note(key, 0, bits)
	}
}

// difference is what a version took out and put in (RFC 1995 §2): owner names, packed.
type difference struct {
	from, to  uint32
	gone, new owned
	width     int // records that an owner has
	most      int // records; beyond it nobody wants the difference
}

// owned is a list of owner names: for each whether it stands behind "*.", its length, itself.
type owned struct {
	buf []byte
	n   int
}

func (o *owned) add(key []byte, below byte) {
	o.buf = append(append(o.buf, below, byte(len(key))), key...)
	o.n++
}

func (o *owned) all(yield func(key []byte, below bool) bool) {
	for b := o.buf; len(b) > 0; {
		n := int(b[1])
		if !yield(b[2:2+n], b[0] != 0) {
			return
		}
		b = b[2+n:]
	}
}

func (d *difference) note(key []byte, was, is byte) {
	if was == is || d.full() {
		return
	}
	switch {
	case was == 0:
		d.new.add(key, 0)
	case is == 0:
		d.gone.add(key, 0)
	}
	switch {
	case was&byDomain == 0 && is&byDomain != 0:
		d.new.add(key, 1)
	case was&byDomain != 0 && is&byDomain == 0:
		d.gone.add(key, 1)
	}
}

func (d *difference) records() int { return (d.gone.n + d.new.n) * d.width }
func (d *difference) full() bool   { return d.records() > d.most }
func (d *difference) none() bool   { return d.gone.n+d.new.n == 0 }

// appendKey appends a name as it is kept: labels from the top down. text is lower case with single dots.
func appendKey(dst []byte, text string) ([]byte, error) {
	for end := len(text); ; {
		start := end
		for start > 0 && text[start-1] != '.' {
			start--
		}
		if n := end - start; n == 0 || n > 63 {
			return dst, errName
		}
		dst = append(append(dst, byte(end-start)), text[start:end]...)
		if start == 0 {
			return dst, nil
		}
		end = start - 1
	}
}

// appendLabels appends the labels of a kept name in the order of DNS, without the root.
func appendLabels(dst, key []byte) []byte {
	n := len(dst)
	dst = append(dst, key...)
	end := len(dst)
	for i := 0; i < len(key); {
		size := int(key[i]) + 1
		end -= size
		copy(dst[end:], key[i:i+size])
		i += size
	}
	return dst[:n+len(key)]
}

// keyOf is appendLabels the other way round: labels has no root.
func keyOf(dst, labels []byte) []byte { return appendLabels(dst, labels) }

func putUint16(b []byte, v int) { binary.BigEndian.PutUint16(b, uint16(v)) }
