package audit

import (
	"fmt"
	"slices"
)

// judge says what follows from what was read. It names the first entry that is not as it was; of what is behind that, nothing more can be said.
func (v *verifier) judge() error {
	// The greatest size up to which a witness vouches for the entries, and the smallest behind it at which one does not.
	var good int64
	var bad *heldCheckpoint
	for i := range v.held {
		if h := &v.held[i]; h.known && h.root == h.Root {
			good = h.Size
		}
	}
	for i := range v.held {
		h := &v.held[i]
		switch {
		case h.known && h.root == h.Root:
		case h.Size <= good:
			v.find(Finding{Kind: Forked, Proved: true, In: nowhere, Likely: nowhere, Why: fmt.Sprintf(
				"%s: the checkpoint of size %d is signed and of another history than the one of size %d, which fits the entries", h.where, h.Size, good)})
		case bad == nil:
			bad = h
		}
	}
	if v.table >= 0 {
		v.find(Finding{Kind: HashTable, Proved: true, In: nowhere, Likely: Span{v.table, v.table}, Why: fmt.Sprintf(
			"the entries up to %d are as they were witnessed, and the ledger's table of hashes is not: from entry %d on it was changed, and what is appended builds on it",
			good, v.table)})
	}
	if bad != nil {
		return v.judgeProved(good, bad)
	}
	return v.judgeOwn(good)
}

func (v *verifier) judgeProved(good int64, bad *heldCheckpoint) error {
	in, leaf, err := v.locate(good, bad.Size, bad.Root)
	if err != nil {
		return err
	}
	f := Finding{Proved: true, In: in, Likely: v.likely(in)}
	switch {
	case leaf != nil:
		if f.Kind, err = v.classify(in.First, *leaf); err != nil {
			return err
		}
	case f.Likely.One() && f.Likely.First == v.r.Entries:
		f.Kind = v.missing()
	case f.Likely.One() && v.firstLeaf == f.Likely.First:
		h, err := v.leaf(f.Likely.First)
		if err != nil {
			return err
		}
		if f.Kind, err = v.classify(f.Likely.First, h); err != nil {
			return err
		}
	default:
		f.Kind = Rewritten
	}
	f.Why = fmt.Sprintf("%s; %s holds the checkpoint of size %d, which the entries do not give", v.sentence(f), bad.where, bad.Size)
	if good > 0 {
		f.Why += fmt.Sprintf("; up to %d they are as they were witnessed", good)
	}
	v.find(f)
	return nil
}

// sentence says of a finding what happened where.
func (v *verifier) sentence(f Finding) string {
	where := f.In.String()
	if f.In != f.Likely {
		where = fmt.Sprintf("%s, by the ledger's own hashes and checkpoints %s", where, f.Likely)
	}
	switch f.Kind {
	case Changed:
		return where + ": it says something else than it did"
	case Removed:
		return where + ": it was removed"
	case Inserted:
		return where + ": it was put in, and what follows moved"
	case Reordered:
		return where + ": it changed places with another"
	case CutOff:
		return where + ": from there on the entries are gone"
	case RolledBack:
		return where + ": from there on the entries are gone, and their checkpoints with them: an older ledger was put back"
	}
	return "the first that is not as it was is one of " + where
}

// missing tells the ways of having no more entries apart.
func (v *verifier) missing() Kind {
	switch {
	case v.after:
		return Removed
	case v.ownNewest > v.r.Entries || v.r.Says > v.r.Entries:
		return CutOff
	}
	return RolledBack
}

// likely narrows a span by what the ledger says itself, which who changed the entries may have changed too.
func (v *verifier) likely(in Span) Span {
	if in.One() {
		return in
	}
	for _, size := range v.ownGood {
		if size > in.First && size <= in.Last {
			in.First = size
		}
	}
	for _, size := range v.ownBad {
		if size > in.First && size <= in.Last {
			in.Last = size - 1
			break
		}
	}
	switch {
	case v.firstLeaf >= in.First && v.firstLeaf <= in.Last:
		return Span{v.firstLeaf, v.firstLeaf}
	case v.r.Entries >= in.First && v.r.Entries <= in.Last && v.firstLeaf < 0:
		return Span{v.r.Entries, v.r.Entries} // all there is fits, and there it ends
	}
	return in
}

// judgeOwn is for a ledger of which no witness proves anything false: what it says of itself may still not fit.
func (v *verifier) judgeOwn(good int64) error {
	n := v.r.Entries
	f := Finding{In: nowhere}
	slices.Sort(v.ownBad)
	// Checkpoints of a size that a witness vouches for are themselves what was changed.
	for len(v.ownBad) > 0 && v.ownBad[0] <= good {
		v.find(Finding{Kind: Checkpoints, In: nowhere, Likely: nowhere, Proved: true,
			Why: fmt.Sprintf("the ledger's own checkpoint of size %d is signed and does not fit the entries, which are as they were witnessed", v.ownBad[0])})
		v.ownBad = v.ownBad[1:]
	}
	ends := v.after || v.ownNewest > n || v.r.Says > n
	switch {
	case len(v.ownBad) > 0:
		f.In = v.likely(Span{v.lastGood(good, v.ownBad[0]), v.ownBad[0] - 1})
		f.Kind = Rewritten
		if f.In.One() && v.firstLeaf == f.In.First {
			h, err := v.leaf(f.In.First)
			if err != nil {
				return err
			}
			if f.Kind, err = v.classify(f.In.First, h); err != nil {
				return err
			}
		}
	case v.firstLeaf >= 0 && v.firstLeaf < v.lastGood(good, n+1), v.firstLeaf < 0 && v.firstNode >= 0:
		first := v.firstLeaf
		if first < 0 {
			first = v.firstNode
		}
		v.find(Finding{Kind: HashTable, In: nowhere, Likely: Span{first, first}, Why: fmt.Sprintf(
			"entry %d and the ledger's own hashes contradict each other, its own checkpoints fit the entries, and no witness has seen it yet", first)})
		if ends {
			f.In, f.Kind = Span{n, n}, v.missing()
		}
	case v.firstLeaf >= 0:
		f.In = Span{v.firstLeaf, v.firstLeaf}
		h, err := v.leaf(v.firstLeaf)
		if err != nil {
			return err
		}
		if f.Kind, err = v.classify(v.firstLeaf, h); err != nil {
			return err
		}
	case ends:
		f.In, f.Kind = Span{n, n}, v.missing()
	}
	if f.Kind != "" {
		f.Likely = f.In
		f.Why = v.sentence(f) + "; no witness has seen it yet: the ledger's own hashes and checkpoints say so"
		v.find(f)
	}
	return nil
}

// lastGood is the greatest size below another that a checkpoint of any kind vouches for.
func (v *verifier) lastGood(good, below int64) int64 {
	for _, size := range v.ownGood {
		if size < below {
			good = max(good, size)
		}
	}
	return good
}
