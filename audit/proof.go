package audit

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// ErrProof is returned where a proof does not prove what it should.
var ErrProof = errors.New("the proof is false")

// ProveInclusion makes the proof that the log of that size has an entry of that number: whoever holds the checkpoint needs nothing else of the
// log to check it. RFC 9162 §2.1.3.
func ProveInclusion(ctx context.Context, s hashSource, seq, size int64) (tlog.RecordProof, error) {
	if seq < 0 || seq >= size {
		return nil, fmt.Errorf("there is no entry %d among the first %d", seq, size)
	}
	return tlog.ProveRecord(size, seq, reader(ctx, s))
}

// CheckInclusion checks that an entry, as it was encoded, has that number in the log of a checkpoint.
func CheckInclusion(p tlog.RecordProof, c Checkpoint, seq int64, entry []byte) error {
	if tlog.CheckRecord(p, c.Size, c.Root, seq, tlog.RecordHash(entry)) != nil {
		return fmt.Errorf("entry %d of %d: %w", seq, c.Size, ErrProof)
	}
	return nil
}

// ProveConsistency makes the proof that the log of a size begins with the log of a smaller one. RFC 9162 §2.1.4.
func ProveConsistency(ctx context.Context, s hashSource, old, size int64) (tlog.TreeProof, error) {
	if old < 1 || old > size {
		return nil, fmt.Errorf("no log of %d entries begins with one of %d", size, old)
	}
	return tlog.ProveTree(size, old, reader(ctx, s))
}

// CheckConsistency checks that the log of one checkpoint begins with that of an older one.
func CheckConsistency(p tlog.TreeProof, old, c Checkpoint) error {
	if tlog.CheckTree(p, c.Size, c.Root, old.Size, old.Root) != nil {
		return fmt.Errorf("the first %d of %d: %w", old.Size, c.Size, ErrProof)
	}
	return nil
}
