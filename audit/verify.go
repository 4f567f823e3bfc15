package audit

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Row is an entry as it lies in the ledger.
type Row struct {
	Seq   int64
	Entry []byte
}

// Source is a ledger to be read. Nothing it says is believed.
type Source interface {
	// Size is how many entries were ever written, as the ledger itself says.
	Size(ctx context.Context) (int64, error)
	// Entries reads up to limit rows in their order, from a number on.
	Entries(ctx context.Context, from int64, limit int) ([]Row, error)
	// HashRange reads the hashes from one number up to another, as far as they are there.
	HashRange(ctx context.Context, from, to int64) (map[int64]tlog.Hash, error)
	// Checkpoints reads up to limit checkpoints of more than that size, in the order of their sizes.
	Checkpoints(ctx context.Context, over int64, limit int) ([]Stored, error)
}

// Kind is what is wrong.
type Kind string

// What Verify finds.
const (
	Changed     Kind = "changed"     // an entry says something else
	Removed     Kind = "removed"     // an entry is gone; others follow
	Inserted    Kind = "inserted"    // an entry was put between others
	Reordered   Kind = "reordered"   // entries changed places
	CutOff      Kind = "cut off"     // the last entries are gone
	RolledBack  Kind = "rolled back" // the last entries are gone, and the ledger's own checkpoints of them
	Rewritten   Kind = "rewritten"   // from somewhere on the ledger is another one, with hashes that fit it
	Forked      Kind = "forked"      // a checkpoint that is held elsewhere is of another history
	Unsigned    Kind = "unsigned"    // a checkpoint is not signed by the key
	HashTable   Kind = "hash table"  // the entries are right, the ledger's own hashes of them are not
	Checkpoints Kind = "checkpoints" // the entries are right, a checkpoint in the ledger itself is not
)

// Span is entries from First to Last, both included.
type Span struct{ First, Last int64 }

// One reports whether a span is a single entry.
func (s Span) One() bool { return s.First == s.Last }

// String names the entries.
func (s Span) String() string {
	if s.One() {
		return fmt.Sprintf("entry %d", s.First)
	}
	return fmt.Sprintf("entries %d to %d", s.First, s.Last)
}

var nowhere = Span{-1, -1}

// Finding is something that is not as it was.
type Finding struct {
	Kind Kind
	// Proved is by a checkpoint held elsewhere. Otherwise only the ledger contradicts itself.
	Proved bool
	// In is where the first entry is that is not as it was; -1 where it is about no entry. Likely is the part of that which the ledger's own hashes
	// and checkpoints point to.
	In, Likely Span
	Why        string // a sentence
}

// Report is what Verify found.
type Report struct {
	Entries      int64 // from the first to where one is missing
	Says         int64 // as the ledger itself says
	Witnessed    int64 // the size of the newest checkpoint held elsewhere
	NotWitnessed int64 // entries behind that: for them only the ledger itself speaks
	Held, Own    int   // checkpoints that were compared
	Findings     []Finding
}

// OK reports whether nothing is wrong.
func (r *Report) OK() bool { return len(r.Findings) == 0 }

// pageSize is how many rows are read at a time.
const pageSize = 4096

type heldCheckpoint struct {
	Checkpoint
	where string
	known bool // root is what the entries give
	root  tlog.Hash
}

type verifier struct {
	ctx  context.Context
	src  Source
	key  note.Verifier
	held []heldCheckpoint
	own  []Stored // the page of the ledger's own that is being compared
	over int64
	r    Report

	// The first entry, behind what a witness vouches for, whose stored leaf does not fit, or a stored node that it completes; table is the first
	// of either before that. -1: there is none.
	firstLeaf, firstNode, table int64

	ownGood, ownBad []int64
	ownNewest       int64
	after           bool // rows stand behind the first that is missing
}

// Verify reads the whole ledger, hashes it anew and compares that with the checkpoints held elsewhere, and with what the ledger keeps itself. An error
// means that it could not be read. Without checkpoints from elsewhere it finds only what was changed clumsily.
func Verify(ctx context.Context, src Source, held []Held, key note.Verifier) (*Report, error) {
	v := verifier{ctx: ctx, src: src, key: key, firstLeaf: -1, firstNode: -1, table: -1}
	for _, h := range held {
		c, err := OpenCheckpoint(h.Note, key)
		if err != nil {
			v.find(Finding{Kind: Unsigned, In: nowhere, Likely: nowhere, Why: fmt.Sprintf("%s: %v", h.Where, err)})
			continue
		}
		v.held = append(v.held, heldCheckpoint{Checkpoint: c, where: h.Where})
		v.r.Witnessed = max(v.r.Witnessed, c.Size)
	}
	slices.SortStableFunc(v.held, func(a, b heldCheckpoint) int { return int(min(1, max(-1, a.Size-b.Size))) })
	v.r.Held = len(v.held)
	if err := v.read(); err != nil {
		return nil, fmt.Errorf("verify the ledger: %w", err)
	}
	if err := v.judge(); err != nil {
		return nil, fmt.Errorf("verify the ledger: %w", err)
	}
	v.r.NotWitnessed = max(0, v.r.Entries-v.r.Witnessed)
	return &v.r, nil
}

func (v *verifier) find(f Finding) { v.r.Findings = append(v.r.Findings, f) }

// frontier is the right edge of a tree that grows: the roots of its full subtrees, the greatest first.
type frontier struct {
	size  int64
	peaks []tlog.Hash
	done  []tlog.Hash // what the last entry added, in the order they are stored
}

func (f *frontier) add(h tlog.Hash) {
	f.done = append(f.done[:0], h)
	for n := f.size; n&1 == 1; n >>= 1 {
		h = tlog.NodeHash(f.peaks[len(f.peaks)-1], h)
		f.peaks = f.peaks[:len(f.peaks)-1]
		f.done = append(f.done, h)
	}
	f.peaks = append(f.peaks, h)
	f.size++
}

func (f *frontier) root() tlog.Hash { return rootOf(f.peaks) }

func rootOf(peaks []tlog.Hash) tlog.Hash {
	if len(peaks) == 0 {
		h, _ := tlog.TreeHash(0, nil)
		return h
	}
	h := peaks[len(peaks)-1]
	for i := len(peaks) - 2; i >= 0; i-- {
		h = tlog.NodeHash(peaks[i], h)
	}
	return h
}

var errOrder = errors.New("the ledger gives its rows out of order, or twice: its table is not the one that was made for it")

// read goes through the ledger once, up to the first entry that is missing.
func (v *verifier) read() error {
	var f frontier
	// What is written meanwhile must not look like hashes or checkpoints without entries: those are read before.
	var err error
	if v.r.Says, err = v.src.Size(v.ctx); err != nil {
		return err
	}
	newest := int64(0)
	for over := int64(math.MinInt64); ; {
		page, err := v.src.Checkpoints(v.ctx, over, pageSize)
		if err != nil {
			return err
		}
		if len(page) == 0 {
			break
		}
		over = page[len(page)-1].Size
		newest = max(newest, over)
	}
	v.ownNewest, v.over = newest, math.MinInt64
	next := 0 // of held
	if err := v.compare(&f, &next); err != nil {
		return err
	}
	from := int64(math.MinInt64)
	for {
		rows, err := v.src.Entries(v.ctx, from, pageSize)
		if err != nil {
			return err
		}
		for len(rows) > 0 && rows[0].Seq < 0 {
			if from == math.MinInt64 {
				v.find(Finding{Kind: Inserted, In: nowhere, Likely: nowhere, Why: fmt.Sprintf("a row has the number %d, which no entry has", rows[0].Seq)})
			}
			from, rows = rows[0].Seq+1, rows[1:]
		}
		if len(rows) == 0 {
			if from < 0 && from != math.MinInt64 { // more of them than a page has
				continue
			}
			break
		}
		stored, err := v.src.HashRange(v.ctx, tlog.StoredHashCount(f.size), tlog.StoredHashCount(f.size+int64(len(rows))))
		if err != nil {
			return err
		}
		for _, row := range rows {
			if row.Seq < f.size {
				return errOrder
			}
			if row.Seq > f.size {
				v.after = true
				break
			}
			f.add(tlog.RecordHash(row.Entry))
			v.compareHashes(&f, stored)
			if err := v.compare(&f, &next); err != nil {
				return err
			}
		}
		if v.after {
			break
		}
		from = f.size
	}
	v.r.Entries = f.size
	return nil
}

// compareHashes compares the hashes that an entry completes with those that are stored.
func (v *verifier) compareHashes(f *frontier, stored map[int64]tlog.Hash) {
	at := tlog.StoredHashIndex(0, f.size-1)
	for i, h := range f.done {
		switch {
		case stored[at+int64(i)] == h:
		case i == 0 && v.firstLeaf < 0:
			v.firstLeaf = f.size - 1
		case i > 0 && v.firstNode < 0:
			v.firstNode = f.size - 1
		}
	}
}

// compare notes the root at the sizes that somebody holds, and compares it with the ledger's own checkpoint of the size.
func (v *verifier) compare(f *frontier, next *int) error {
	for *next < len(v.held) && v.held[*next].Size == f.size {
		h := &v.held[*next]
		h.known, h.root = true, f.root()
		if h.root == h.Root {
			v.vouched()
		}
		*next++
	}
	for {
		if len(v.own) == 0 && v.over < v.ownNewest {
			page, err := v.src.Checkpoints(v.ctx, v.over, pageSize)
			if err != nil {
				return err
			}
			for i := range page {
				if page[i].Size <= v.over {
					return errOrder
				}
				v.over = page[i].Size
			}
			if len(page) == 0 {
				v.over = v.ownNewest
			}
			v.own = page
		}
		if len(v.own) == 0 || v.own[0].Size > f.size {
			return nil
		}
		c := v.own[0]
		v.own = v.own[1:]
		v.compareOwn(c, f)
	}
}

// vouched is for when a witness vouches for all entries up to here: what did not fit them was the hashes.
func (v *verifier) vouched() {
	for _, first := range []*int64{&v.firstLeaf, &v.firstNode} {
		if *first >= 0 && (v.table < 0 || *first < v.table) {
			v.table = *first
		}
		*first = -1
	}
}

func (v *verifier) compareOwn(s Stored, f *frontier) {
	v.r.Own++
	c, err := OpenCheckpoint(s.Note, v.key)
	switch {
	case err != nil:
		v.find(Finding{Kind: Unsigned, In: nowhere, Likely: nowhere, Why: fmt.Sprintf("the ledger's own checkpoint of size %d: %v", s.Size, err)})
	case c.Size != s.Size || s.Size < f.size:
		v.find(Finding{Kind: Checkpoints, In: nowhere, Likely: nowhere,
			Why: fmt.Sprintf("the ledger keeps a checkpoint of size %d under the size %d", c.Size, s.Size)})
	case c.Root == f.root():
		v.ownGood = append(v.ownGood, c.Size)
	default:
		v.ownBad = append(v.ownBad, c.Size)
	}
}
