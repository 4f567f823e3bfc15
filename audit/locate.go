package audit

import (
	"math/bits"

	"golang.org/x/mod/sumdb/tlog"
)

// node is a subtree: its level, 0 a leaf, and its place in the level.
type node struct {
	level int
	n     int64
}

func (x node) first() int64 { return x.n << x.level }
func (x node) end() int64   { return (x.n + 1) << x.level }
func (x node) left() node   { return node{x.level - 1, 2 * x.n} }
func (x node) right() node  { return node{x.level - 1, 2*x.n + 1} }

// peaksOf are the full subtrees of a log of that size, the greatest first.
func peaksOf(size int64) (all []node) {
	for at := int64(0); at < size; {
		level := bits.Len64(uint64(size-at)) - 1
		all = append(all, node{level, at >> level})
		at += 1 << level
	}
	return all
}

// stored is the hash of a subtree as the ledger keeps it; the zero value where it does not.
func (v *verifier) stored(x node) (tlog.Hash, error) {
	at := tlog.StoredHashIndex(x.level, x.n)
	m, err := v.src.HashRange(v.ctx, at, at+1)
	return m[at], err
}

func (v *verifier) leaf(seq int64) (tlog.Hash, error) { return v.stored(node{0, seq}) }

// computed is the hash of a subtree by its entries; the zero value where one is missing.
func (v *verifier) computed(x node) (tlog.Hash, error) {
	if x.end() > v.r.Entries {
		return tlog.Hash{}, nil
	}
	var f frontier
	for from := x.first(); from < x.end(); {
		rows, err := v.src.Entries(v.ctx, from, int(min(pageSize, x.end()-from)))
		if err != nil {
			return tlog.Hash{}, err
		}
		if len(rows) == 0 {
			return tlog.Hash{}, nil
		}
		for _, row := range rows {
			if row.Seq != from {
				return tlog.Hash{}, nil
			}
			f.add(tlog.RecordHash(row.Entry))
			from++
		}
	}
	return f.root(), nil
}

// locate finds where the entries leave the log of a size and root that a witness holds; up to good they are of it. It goes down from the root and
// believes a stored hash only where it, with its neighbour, gives a hash that is already proved. So it comes down to one entry as long as whoever
// changed it did not change the hashes too, and otherwise as far as the hashes are true. Where it comes to one entry, and its hash is proved, that is
// returned.
func (v *verifier) locate(good, size int64, root tlog.Hash) (Span, *tlog.Hash, error) {
	in := Span{good, size - 1}
	narrow := func(first, last int64) Span {
		// Below the first that is missing everything may be right, above it nothing is.
		return Span{max(in.First, first), min(in.Last, last, max(v.r.Entries, good))}
	}
	peaks := peaksOf(size)
	stored, computed := make([]tlog.Hash, len(peaks)), make([]tlog.Hash, len(peaks))
	for i, x := range peaks {
		var err error
		if stored[i], err = v.stored(x); err != nil {
			return in, nil, err
		}
		if computed[i], err = v.computed(x); err != nil {
			return in, nil, err
		}
	}
	// The stored ones may be wrong where the entries are right, at the front.
	var proved []tlog.Hash
	for i := range len(peaks) + 1 {
		mixed := append(append([]tlog.Hash(nil), computed[:i]...), stored[i:]...)
		if rootOf(mixed) == root {
			proved = mixed
			break
		}
	}
	if proved == nil {
		return narrow(in.First, in.Last), nil, nil
	}
	for i, x := range peaks {
		if computed[i] != proved[i] {
			return v.descend(x, proved[i], narrow)
		}
	}
	return narrow(in.First, in.Last), nil, nil // cannot be: the root would be that of the entries
}

// descend goes down in a subtree whose hash is proved and is not that of its entries.
func (v *verifier) descend(x node, proved tlog.Hash, narrow func(first, last int64) Span) (Span, *tlog.Hash, error) {
	for x.level > 0 {
		l, r := x.left(), x.right()
		var h [4]tlog.Hash // left and right, stored and by the entries
		for i, get := range []func() (tlog.Hash, error){
			func() (tlog.Hash, error) { return v.stored(l) }, func() (tlog.Hash, error) { return v.stored(r) },
			func() (tlog.Hash, error) { return v.computed(l) }, func() (tlog.Hash, error) { return v.computed(r) },
		} {
			var err error
			if h[i], err = get(); err != nil {
				return narrow(x.first(), x.end()-1), nil, err
			}
		}
		switch {
		case tlog.NodeHash(h[0], h[1]) == proved && h[2] != h[0]:
			x, proved = l, h[0]
		case tlog.NodeHash(h[0], h[1]) == proved:
			x, proved = r, h[1]
		case tlog.NodeHash(h[2], h[1]) == proved: // the left entries are right
			x, proved = r, h[1]
		case tlog.NodeHash(h[0], h[3]) == proved: // the right ones are
			x, proved = l, h[0]
		default:
			return narrow(x.first(), x.end()-1), nil, nil
		}
	}
	return narrow(x.n, x.n), &proved, nil
}

// window is how far from its place an entry is looked for.
const window = 1000

// classify says what happened at a place, where an entry of that hash was.
func (v *verifier) classify(at int64, was tlog.Hash) (Kind, error) {
	if at >= v.r.Entries {
		return v.missing(), nil
	}
	rows, err := v.src.Entries(v.ctx, at, window)
	if err != nil {
		return "", err
	}
	old, err := v.src.HashRange(v.ctx, tlog.StoredHashIndex(0, at), tlog.StoredHashIndex(0, at+window))
	if err != nil {
		return "", err
	}
	if len(rows) == 0 {
		return v.missing(), nil
	}
	now := tlog.RecordHash(rows[0].Entry)
	stored := func(seq int64) tlog.Hash { return old[tlog.StoredHashIndex(0, seq)] }
	wasLater := false // what is here now stood further on
	for i := int64(1); i < window && !wasLater; i++ {
		wasLater = stored(at+i) == now
	}
	for _, row := range rows[1:] {
		if tlog.RecordHash(row.Entry) != was {
			continue
		}
		if wasLater || row.Seq != at+1 {
			return Reordered, nil
		}
		return Inserted, nil
	}
	if wasLater && stored(at+1) == now {
		return Removed, nil
	}
	return Changed, nil
}
