package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"time"
)

// errPlace is returned where packs are written that only in part were written before: the reader has to start again
// from its place.
var errPlace = errors.New("some of these packs were written before: another process reads the same stream")

// errWritten ends a transaction whose packs were all written before.
var errWritten = errors.New("written before")

// Ids of rows that come from the stream are made of the place they have there, so that they are the same whoever
// writes them: epoch (7 bits), sequence number of the pack (40 bits), record in the pack (16 bits).
const (
	maxEpoch = 1<<7 - 1
	maxSeq   = 1<<40 - 1
)

func rowID(epoch int64, seq uint64, i int) int64 {
	return epoch<<56 | int64(seq)<<16 | int64(min(i, 1<<16-1))
}

// place returns how far a reader has come in a stream, and gives a new stream its epoch.
func (s *Store) place(ctx context.Context, reader, stream string) (seq uint64, err error) {
	err = s.tx(ctx, "place", func(tx *sql.Tx) error {
		var epoch, at int64
		if _, err := tx.ExecContext(ctx, `INSERT INTO places (reader, stream, epoch, seq, at)
			SELECT CAST($1 AS TEXT), CAST($2 AS TEXT), coalesce(max(epoch), 0) + 1, 0, CAST($3 AS BIGINT) FROM places WHERE reader = $4
			ON CONFLICT (reader, stream) DO NOTHING`, reader, stream, time.Now().UnixMicro(), reader); err != nil {
			return err
		}
		if err := tx.QueryRowContext(ctx, `SELECT epoch, seq FROM places WHERE reader = $1 AND stream = $2`,
			reader, stream).Scan(&epoch, &at); err != nil {
			return err
		}
		if epoch > maxEpoch {
			return fmt.Errorf("the stream was made anew %d times: ids run out", epoch)
		}
		seq = uint64(at)
		s.epochs.Store(reader+"\x00"+stream, epoch)
		return nil
	})
	return seq, err
}

// advance moves a reader's place; it is the first thing in its transaction. In PostgreSQL it makes a second reader
// of that name wait until the first has committed.
func (s *Store) advance(ctx context.Context, tx *sql.Tx, reader, stream string, first, last uint64) error {
	res, err := tx.ExecContext(ctx, `UPDATE places SET seq = $1, at = $2 WHERE reader = $3 AND stream = $4 AND seq < $5`,
		int64(last), time.Now().UnixMicro(), reader, stream, int64(first))
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 1 {
		return err
	}
	var seq int64
	if err := tx.QueryRowContext(ctx, `SELECT seq FROM places WHERE reader = $1 AND stream = $2`, reader, stream).Scan(&seq); err != nil {
		return err
	}
	if uint64(seq) >= last {
		return errWritten
	}
	return errPlace
}

// write runs f in one transaction with the reader's move from first to last.
func (s *Store) write(ctx context.Context, reader, stream string, first, last uint64, f func(tx *sql.Tx, epoch int64) error) error {
	epoch, ok := s.epochs.Load(reader + "\x00" + stream)
	if !ok {
		if _, err := s.place(ctx, reader, stream); err != nil {
			return err
		}
		epoch, _ = s.epochs.Load(reader + "\x00" + stream)
	}
	if first == 0 || first > last || last > maxSeq || last > math.MaxInt64 {
		return fmt.Errorf("write %s: packs from %d to %d", reader, first, last)
	}
	err := s.tx(ctx, reader, func(tx *sql.Tx) error {
		if err := s.advance(ctx, tx, reader, stream, first, last); err != nil {
			return err
		}
		return f(tx, epoch.(int64))
	})
	if errors.Is(err, errWritten) {
		return nil
	}
	return err
}
