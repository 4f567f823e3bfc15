package indicator

import (
	"bytes"
	"cmp"
	"container/heap"
	"slices"
)

// maxRanges bounds the ranges of an Index; a prefix is up to nine of the spans that they are cut into,
// one for each length of number.
const maxRanges = 100_000

// ranges are spans of numbers that do not overlap, in order. Where those given overlapped, the
// narrowest speaks.
type ranges struct {
	lo, hi []uint64 // both ends belong to the span
	meta   []meta
}

func (r *ranges) find(n uint64) meta {
	lo, count := 0, len(r.lo)
	if count == 0 {
		return 0
	}
	// Halving without a branch that could be mispredicted: the last span that starts at or before n.
	for count > 1 {
		half := count / 2
		if r.lo[lo+half] <= n {
			lo += half
		}
		count -= half
	}
	if n < r.lo[lo] || n > r.hi[lo] {
		return 0
	}
	return r.meta[lo]
}

// span is one range as it was given.
type span struct {
	lo, hi uint64
	meta   meta
}

type rangeBuilder struct{ given []span }

// add reads +8190123* or +819012340000-+819012349999.
func (b *rangeBuilder) add(v []byte, m meta) error {
	if len(b.given) >= maxRanges {
		return errRanges
	}
	if p, ok := bytes.CutSuffix(v, []byte{'*'}); ok {
		lo, n, ok := rangeEnd(p)
		if !ok || n > 14 {
			return errRange
		}
		if n < 3 {
			return errWide
		}
		b.given = append(b.given, span{lo: lo, meta: m})
		return nil
	}
	left, right, found := bytes.Cut(v, []byte{'-'})
	lo, n, ok := rangeEnd(left)
	hi, k, ok2 := rangeEnd(right)
	if !found || !ok || !ok2 || n != k || n < 7 || lo > hi {
		return errRange
	}
	if scale := pow10(n - 3); lo/scale != hi/scale {
		return errWide
	}
	b.given = append(b.given, span{lo, hi, m})
	return nil
}

// rangeEnd reads a plus sign, which the second end may lack, and up to 15 digits, and counts them.
func rangeEnd(v []byte) (n uint64, digits int, ok bool) {
	v = bytes.TrimSpace(v)
	v = bytes.TrimPrefix(v, []byte{'+'})
	if len(v) == 0 || len(v) > 15 || v[0] == '0' {
		return 0, 0, false
	}
	for _, c := range v {
		if c < '0' || c > '9' {
			return 0, 0, false
		}
		n = n*10 + uint64(c-'0')
	}
	return n, len(v), true
}

func pow10(n int) uint64 {
	p := uint64(1)
	for range n {
		p *= 10
	}
	return p
}

// spans are the given ranges with each prefix spelt out for every length that a number can have (7 to 15
// digits, as subject.ParseLine).
func (b *rangeBuilder) spans() []span {
	var all []span
	for _, g := range b.given {
		if g.hi != 0 {
			all = append(all, g)
			continue
		}
		digits := 0
		for v := g.lo; v > 0; v /= 10 {
			digits++
		}
		for n := max(7, digits); n <= 15; n++ {
			scale := pow10(n - digits)
			all = append(all, span{g.lo * scale, (g.lo+1)*scale - 1, g.meta})
		}
	}
	slices.SortStableFunc(all, func(a, b span) int {
		return cmp.Or(cmp.Compare(a.lo, b.lo), cmp.Compare(a.hi, b.hi))
	})
	same := all[:0]
	for _, s := range all { // the same range from several sources
		if n := len(same); n > 0 && same[n-1].lo == s.lo && same[n-1].hi == s.hi {
			same[n-1].meta = same[n-1].meta.merge(s.meta)
			continue
		}
		same = append(same, s)
	}
	return same
}

// build cuts the given ranges so that none overlaps another.
func (b *rangeBuilder) build() ranges {
	var out ranges
	all := b.spans()
	var open narrowest
	at := uint64(0)
	// emit writes what the narrowest open ranges say of the numbers from at up to, not including, end.
	emit := func(end uint64) {
		for at < end {
			for len(open) > 0 && open[0].hi < at {
				heap.Pop(&open)
			}
			if len(open) == 0 {
				break
			}
			top := open[0]
			out.add(at, min(top.hi, end-1), top.meta)
			at = min(top.hi, end-1) + 1
		}
		at = end
	}
	for _, s := range all {
		emit(s.lo)
		heap.Push(&open, s)
	}
	emit(1e15)
	return out
}

func (r *ranges) add(lo, hi uint64, m meta) {
	if n := len(r.lo); n > 0 && r.hi[n-1]+1 == lo && r.meta[n-1] == m {
		r.hi[n-1] = hi
		return
	}
	r.lo, r.hi, r.meta = append(r.lo, lo), append(r.hi, hi), append(r.meta, m)
}

// narrowest is a heap of ranges, the narrowest on top.
type narrowest []span

func (h narrowest) Len() int           { return len(h) }
func (h narrowest) Less(i, j int) bool { return h[i].hi-h[i].lo < h[j].hi-h[j].lo }
func (h narrowest) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *narrowest) Push(x any)        { *h = append(*h, x.(span)) }
func (h *narrowest) Pop() any {
	old := *h
	s := old[len(old)-1]
	*h = old[:len(old)-1]
	return s
}
