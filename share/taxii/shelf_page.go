package taxii

import (
	"cmp"
	"slices"
	"sort"

	"github.com/sekisho/sekisho/share/stix"
)

// filter is a query made ready for a shelf.
type filter struct {
	q     Query
	kinds []bool // by number; nil for all
	mask  uint64
	plain bool // the chosen ones are asked for
	all   bool // all are
	exact bool // those of some versions are, whatever else there is of the object
	none  bool
	cost  int // of looking at one record, in the time that the cheapest look takes
}

func (s *shelf) filter(q Query) filter {
	f := filter{q: q, mask: ^uint64(0)}
	only21 := len(q.Specs) == 0 || slices.Contains(q.Specs, "2.1")
	if s.olds == 0 && !only21 {
		f.none = true
	}
	last := q.Versions.IsZero() || q.Versions.Last && !q.Versions.First && len(q.Versions.At) == 0
	f.plain = last && (len(q.Specs) == 0 || s.olds == 0)
	f.all = q.Versions.All && s.olds == 0
	f.exact = len(q.Versions.At) > 0 && !q.Versions.First && !q.Versions.Last && s.olds == 0
	switch f.cost = 32; { // measured: some 300 ns against 10
	case f.plain || f.all:
		f.cost = 1
	case f.exact:
		f.cost = 12
	}
	if len(q.Types) > 0 {
		f.kinds, f.mask = make([]bool, len(s.kinds)), 0
		for _, t := range q.Types {
			if n, ok := s.kind[t]; ok {
				f.kinds[n] = true
				f.mask |= 1 << (n % 64)
			}
		}
		f.none = f.none || f.mask == 0
	}
	return f
}

// asked reports whether a record is asked for.
func (s *shelf) asked(f *filter, b *slab, i int) bool {
	flags := b.flags[i]
	switch {
	case flags&live == 0, f.kinds != nil && !f.kinds[b.kind[i]]:
		return false
	case f.plain:
		return flags&chosen != 0
	case f.all:
		return true
	case f.exact:
		t, err := stix.ParseTime(b.version(i))
		return err == nil && slices.ContainsFunc(f.q.Versions.At, t.Equal)
	}
	var room [16]link
	chain := s.chain(key{b.kind[i], b.uuid[i]}, room[:0])
	for n, yes := range pick(chain, f.q.Versions, allowed(chain, f.q.Specs)) {
		if yes && chain[n].seq == b.seq[i] {
			return true
		}
	}
	return false
}

// page reads a page.
func (s *shelf) page(q Query) Page {
	s.mu.RLock()
	defer s.mu.RUnlock()
	f := s.filter(q)
	if f.none || q.Limit < 1 {
		return Page{}
	}
	p := pager{s: s, f: &f}
	if len(q.IDs) > 0 {
		p.named()
	} else {
		p.scan()
	}
	return p.out
}

type pager struct {
	s      *shelf
	f      *filter
	out    Page
	octets int
	seen   int
}

// take puts a record on the page, or ends it.
func (p *pager) take(b *slab, i int) bool {
	n := len(b.body(i))
	if k := len(p.out.Records); k == p.f.q.Limit || k > 0 && p.f.q.Octets > 0 && p.octets+n > p.f.q.Octets {
		p.out.More = true
		return false
	}
	p.octets += n
	p.out.Records = append(p.out.Records, b.record(i, p.s.kinds[b.kind[i]]))
	p.out.Next = Cursor{fromMicro(b.added[i]), b.seq[i]}
	return true
}

// behind is the time and the number behind which the page begins.
func (q Query) behind() (int64, uint64) {
	after := int64(-1)
	if !q.After.IsZero() {
		after = q.After.UnixMicro()
	}
	return after, q.From.Seq
}

// scan goes over the records from the page's beginning on.
func (p *pager) scan() {
	after, seq := p.f.q.behind()
	slabs := p.s.slabs
	k := sort.Search(len(slabs), func(k int) bool { b := slabs[k]; n := b.len() - 1; return b.added[n] > after && b.seq[n] > seq })
	seen := p.f.q.From
	for first := true; k < len(slabs); k, first = k+1, false {
		b := slabs[k]
		if b.kinds&p.f.mask == 0 || p.f.plain && b.picked == 0 || b.alive == 0 {
			p.seen++
			n := b.len() - 1
			seen = Cursor{fromMicro(b.added[n]), b.seq[n]}
			continue
		}
		i := 0
		if first {
			i = sort.Search(b.len(), func(i int) bool { return b.added[i] > after && b.seq[i] > seq })
		}
		for ; i < b.len(); i++ {
			if p.seen > p.s.maxScan {
				p.out.More, p.out.Next = true, seen
				return
			}
			p.seen++
			if p.f.kinds == nil || p.f.kinds[b.kind[i]] {
				p.seen += p.f.cost - 1
			}
			if p.s.asked(p.f, b, i) && !p.take(b, i) {
				return
			}
			seen = Cursor{fromMicro(b.added[i]), b.seq[i]}
		}
	}
}

// named takes the objects by their identifiers.
func (p *pager) named() {
	after, seq := p.f.q.behind()
	var found []link
	seen := make(map[key]bool, len(p.f.q.IDs))
	for _, id := range p.f.q.IDs {
		kind, _, ok := stix.SplitID(id)
		if !ok {
			continue
		}
		n, ok := p.s.kind[kind]
		k := key{n, uuidOf(id)}
		if !ok || seen[k] {
			continue
		}
		seen[k] = true
		found = p.s.chain(k, found)
	}
	slices.SortFunc(found, func(a, b link) int { return cmp.Compare(a.seq, b.seq) })
	for _, l := range found {
		if b, i := l.at.slab, l.at.i; b.added[i] > after && l.seq > seq && p.s.asked(p.f, b, i) && !p.take(b, i) {
			return
		}
	}
}
