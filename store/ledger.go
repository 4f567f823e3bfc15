package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/sekisho/sekisho/audit"
)

// ledger is where acts are written down, in the transactions that they are done in.
type ledger struct {
	log    *audit.Log
	ground func(purpose string) string
}

// SetLedger lets what is done be written down from now on; ground says on what ground a purpose stands. Call it before anything else is done.
func (s *Store) SetLedger(l *audit.Log, ground func(purpose string) string) {
	s.ledger = ledger{log: l, ground: ground}
}

// enter writes entries in the transaction of what they are of.
func (s *Store) enter(ctx context.Context, tx *sql.Tx, entries ...audit.Entry) error {
	if s.ledger.log == nil {
		return nil
	}
	for i := range entries {
		if e := &entries[i]; e.Purpose != "" && e.Ground == "" {
			e.Ground = s.ledger.ground(e.Purpose)
		}
	}
	_, err := s.ledger.log.Append(ctx, audit.SQL{Tx: tx}, entries...)
	return err
}

// Enter writes down an act that has no rows of its own here. What it is of must not be done where this fails.
func (s *Store) Enter(ctx context.Context, entries ...audit.Entry) error {
	return s.tx(ctx, "ledger", func(tx *sql.Tx) error { return s.enter(ctx, tx, entries...) })
}

// used is the entry of messages that were used for a purpose, n of them, from and to in microseconds.
func used(purpose string, n int64, from, to int64) audit.Entry {
	return audit.Entry{Actor: audit.Sekisho, Act: audit.MessageUse, Purpose: purpose, Count: n, From: from, To: to}
}

var errNotDue = errors.New("no checkpoint is due")

// Checkpoint signs a checkpoint of the ledger where one is due; false where none is.
func (s *Store) Checkpoint(ctx context.Context, now time.Time) (c audit.Stored, ok bool, err error) {
	err = s.tx(ctx, "ledger", func(tx *sql.Tx) error {
		at := audit.SQL{Tx: tx}
		size, err := at.Size(ctx)
		if err != nil {
			return err
		}
		last, err := at.Newest(ctx)
		if err != nil {
			return err
		}
		if !audit.Due(size, last, now) {
			return errNotDue
		}
		c, err = s.ledger.log.Checkpoint(ctx, at, now)
		return err
	})
	if errors.Is(err, errNotDue) {
		return c, false, nil
	}
	return c, err == nil, err
}

// NewestCheckpoint is the last one that was signed; its zero value where there is none.
func (s *Store) NewestCheckpoint(ctx context.Context) (audit.Stored, error) {
	return audit.SQL{Tx: s.r}.Newest(ctx)
}

// Ledger is the ledger to read.
func (s *Store) Ledger() audit.Source { return audit.SQL{Tx: s.r} }
