package audit

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Storage is where a log rests, as one transaction of whoever acts sees it. What is read after a write shows it.
type Storage interface {
	// Grow makes room for n entries and returns the size before. Until the transaction ends nobody else can.
	Grow(ctx context.Context, n int64) (size int64, err error)
	// Size is how many entries there are.
	Size(ctx context.Context) (int64, error)
	// AddEntries and AddHashes write one behind the other, from the number of the first on.
	AddEntries(ctx context.Context, first int64, entries [][]byte) error
	AddHashes(ctx context.Context, first int64, hashes []tlog.Hash) error
	// Hashes reads the hashes of these numbers, in their order; one that is not there is an error.
	Hashes(ctx context.Context, numbers []int64) ([]tlog.Hash, error)
	// Newest is the checkpoint of the greatest size; the zero value where there is none.
	Newest(ctx context.Context) (Stored, error)
	// AddCheckpoint keeps a checkpoint; one of that size that is there stays.
	AddCheckpoint(ctx context.Context, c Stored) error
}

// Log appends and signs. Several programs may write to one log.
type Log struct {
	key *Key

	mu   sync.Mutex
	last Checkpoint // the newest that we signed ourselves, which no database can take back
}

// NewLog makes a log whose checkpoints a key signs.
func NewLog(k *Key) *Log { return &Log{key: k} }

// Append writes entries in the transaction of the acts that they are of, and returns their numbers, from 0. An entry without a time gets the present.
// After an error the transaction must be rolled back: an act without its entry is what the ledger is there to prevent.
func (l *Log) Append(ctx context.Context, at Storage, entries ...Entry) ([]int64, error) {
	if len(entries) == 0 {
		return nil, nil
	}
	raw := make([][]byte, len(entries))
	for i, e := range entries {
		if e.Time == 0 {
			e.Time = time.Now().UnixMicro()
		}
		var err error
		if raw[i], err = e.Encode(); err != nil {
			return nil, err
		}
	}
	first, err := at.Grow(ctx, int64(len(raw)))
	if err != nil {
		return nil, fmt.Errorf("append to the ledger: %w", err)
	}
	w := newHashes{ctx: ctx, at: at, first: tlog.StoredHashCount(first)}
	seqs := make([]int64, len(raw))
	for i, b := range raw {
		seqs[i] = first + int64(i)
		more, err := tlog.StoredHashes(seqs[i], b, &w)
		if err != nil {
			return nil, fmt.Errorf("append to the ledger: %w", err)
		}
		w.hashes = append(w.hashes, more...)
	}
	if err := at.AddEntries(ctx, first, raw); err != nil {
		return nil, fmt.Errorf("append to the ledger: %w", err)
	}
	if err := at.AddHashes(ctx, w.first, w.hashes); err != nil {
		return nil, fmt.Errorf("append to the ledger: %w", err)
	}
	return seqs, nil
}

// newHashes are the hashes that are being made, before those that are stored.
type newHashes struct {
	ctx    context.Context
	at     Storage
	first  int64
	hashes []tlog.Hash
}

// ReadHashes asks the storage only for what an earlier transaction wrote: of a batch that is the right edge of the tree.
func (w *newHashes) ReadHashes(numbers []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(numbers))
	var ask []int64
	for _, n := range numbers {
		if n < w.first {
			ask = append(ask, n)
		}
	}
	var old []tlog.Hash
	if len(ask) > 0 {
		var err error
		if old, err = hashesOf(w.ctx, w.at, ask); err != nil {
			return nil, err
		}
	}
	for i, n := range numbers {
		if n < w.first {
			out[i], old = old[0], old[1:]
			continue
		}
		out[i] = w.hashes[n-w.first]
	}
	return out, nil
}

type hashSource interface {
	Hashes(ctx context.Context, numbers []int64) ([]tlog.Hash, error)
}

// hashesOf reads hashes and holds the storage to their count.
func hashesOf(ctx context.Context, s hashSource, numbers []int64) ([]tlog.Hash, error) {
	if len(numbers) == 0 {
		return nil, nil
	}
	h, err := s.Hashes(ctx, numbers)
	if err == nil && len(h) != len(numbers) {
		err = fmt.Errorf("%d hashes were asked for, and %d came", len(numbers), len(h))
	}
	return h, err
}

func reader(ctx context.Context, s hashSource) tlog.HashReaderFunc {
	return func(numbers []int64) ([]tlog.Hash, error) { return hashesOf(ctx, s, numbers) }
}

// ErrChanged is returned by Checkpoint where the log does not continue what was signed before. Nothing is signed then: verify the ledger.
var ErrChanged = errors.New("the ledger does not continue what was signed before: somebody changed it or put back an older one; run `sekisho audit verify`")

// Checkpoint signs the log as it is and keeps that beside it; where nothing came since the last checkpoint, that one is returned. An empty log has
// none: the zero value. It wants a transaction of its own: what it signed cannot be taken back. Before it signs, it proves that the log continues the last checkpoint there is and the last that it made itself.
func (l *Log) Checkpoint(ctx context.Context, s Storage, now time.Time) (Stored, error) {
	c, stored, err := l.checkpoint(ctx, s, now)
	if err != nil {
		return Stored{}, fmt.Errorf("sign the ledger: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if c.Size > l.last.Size {
		l.last = c
	}
	return stored, nil
}

func (l *Log) checkpoint(ctx context.Context, s Storage, now time.Time) (Checkpoint, Stored, error) {
	newest, err := s.Newest(ctx)
	if err != nil {
		return Checkpoint{}, Stored{}, err
	}
	size, err := s.Size(ctx)
	if err != nil {
		return Checkpoint{}, Stored{}, err
	}
	l.mu.Lock()
	before := []Checkpoint{l.last}
	l.mu.Unlock()
	if newest.Size > 0 {
		c, err := OpenCheckpoint(newest.Note, l.key.verifier)
		if err == nil && c.Size != newest.Size {
			err = errors.New("it is not of the size that it is kept under")
		}
		if err != nil {
			return Checkpoint{}, Stored{}, fmt.Errorf("the newest checkpoint in the ledger: %w", err)
		}
		before = append(before, c)
	}
	c := Checkpoint{Origin: l.key.Origin(), Size: size}
	if size > 0 {
		if c.Root, err = tlog.TreeHash(size, reader(ctx, s)); err != nil {
			return Checkpoint{}, Stored{}, err
		}
	}
	for _, old := range before {
		if old.Size == 0 {
			continue
		}
		if old.Size > size {
			return Checkpoint{}, Stored{}, fmt.Errorf("it has %d entries, and %d were signed: %w", size, old.Size, ErrChanged)
		}
		p, err := ProveConsistency(ctx, s, old.Size, size)
		if err != nil {
			return Checkpoint{}, Stored{}, err
		}
		if CheckConsistency(p, old, c) != nil {
			return Checkpoint{}, Stored{}, fmt.Errorf("the %d entries that were signed are not the first %d of it: %w", old.Size, old.Size, ErrChanged)
		}
	}
	if size == newest.Size {
		return c, newest, nil // the zero value where the log is empty
	}
	signed, err := note.Sign(&note.Note{Text: c.String()}, l.key.signer)
	if err != nil {
		return Checkpoint{}, Stored{}, err
	}
	stored := Stored{size, signed, now.UnixMicro()}
	return c, stored, s.AddCheckpoint(ctx, stored)
}
