package audit

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"

	"golang.org/x/mod/sumdb/tlog"
)

// Tx is what SQL needs of a transaction; a *sql.DB does for whoever only reads.
type Tx interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// SQL is a log in a database, SQLite or PostgreSQL (read committed), as one transaction sees it: a Storage, and a Source for Verify. The tables
// are those of store/migrations/00003_ledger.sql.
type SQL struct{ Tx Tx }

// rowsOnce is how many rows a statement writes, and numbers it asks for.
const rowsOnce = 64

// each runs a query and lets f scan each row.
func (s SQL) each(ctx context.Context, text string, args []any, f func(*sql.Rows) error) error {
	rows, err := s.Tx.QueryContext(ctx, text, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := f(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

var errHead = errors.New("the table ledger_head has lost its row: the database is damaged, or somebody changed it")

// Grow takes the row that all who append wait for each other at.
func (s SQL) Grow(ctx context.Context, n int64) (size int64, err error) {
	size = -1
	err = s.each(ctx, `UPDATE ledger_head SET size = size + $1 WHERE one = 1 RETURNING size`, []any{n}, func(r *sql.Rows) error { return r.Scan(&size) })
	if err == nil && size < n {
		err = errHead
	}
	return size - n, err
}

// Size is how many entries were ever written, as the ledger itself says.
func (s SQL) Size(ctx context.Context) (size int64, err error) {
	size = -1
	err = s.each(ctx, `SELECT size FROM ledger_head WHERE one = 1`, nil, func(r *sql.Rows) error { return r.Scan(&size) })
	if err == nil && size < 0 {
		err = errHead
	}
	return size, err
}

// AddEntries writes entries.
func (s SQL) AddEntries(ctx context.Context, first int64, entries [][]byte) error {
	return s.add(ctx, `INSERT INTO ledger (seq, entry) VALUES `, first, len(entries), func(i int) any { return entries[i] })
}

// AddHashes writes hashes.
func (s SQL) AddHashes(ctx context.Context, first int64, hashes []tlog.Hash) error {
	return s.add(ctx, `INSERT INTO ledger_hashes (idx, hash) VALUES `, first, len(hashes), func(i int) any { return hashes[i][:] })
}

func (s SQL) add(ctx context.Context, head string, first int64, n int, value func(int) any) error {
	for from := 0; from < n; from += rowsOnce {
		rows := min(n-from, rowsOnce)
		args := make([]any, 0, 2*rows)
		for i := from; i < from+rows; i++ {
			args = append(args, first+int64(i), value(i))
		}
		if _, err := s.Tx.ExecContext(ctx, head+placeholders(rows, 2), args...); err != nil {
			return err
		}
	}
	return nil
}

// placeholders writes as many as rows and columns have: $1,$2 in one column, ($1,$2),($3,$4) in two.
func placeholders(rows, columns int) string {
	b := make([]byte, 0, rows*columns*5+rows*2)
	for i := range rows * columns {
		if i > 0 {
			b = append(b, ',')
		}
		if columns > 1 && i%columns == 0 {
			b = append(b, '(')
		}
		b = strconv.AppendInt(append(b, '$'), int64(i+1), 10)
		if columns > 1 && i%columns == columns-1 {
			b = append(b, ')')
		}
	}
	return string(b)
}

// Hashes reads hashes by their numbers.
func (s SQL) Hashes(ctx context.Context, numbers []int64) ([]tlog.Hash, error) {
	found := make(map[int64]tlog.Hash, len(numbers))
	for from := 0; from < len(numbers); from += rowsOnce {
		some := numbers[from:min(len(numbers), from+rowsOnce)]
		args := make([]any, len(some))
		for i, n := range some {
			args[i] = n
		}
		err := s.each(ctx, `SELECT idx, hash FROM ledger_hashes WHERE idx IN (`+placeholders(len(some), 1)+`)`, args, func(r *sql.Rows) error {
			n, h, err := scanHash(r)
			found[n] = h
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	out := make([]tlog.Hash, len(numbers))
	for i, n := range numbers {
		h, ok := found[n]
		if !ok {
			return nil, fmt.Errorf("hash %d of the ledger: %w", n, ErrMissing)
		}
		out[i] = h
	}
	return out, nil
}

// ErrMissing is returned for a hash that is not there.
var ErrMissing = errors.New("it is missing: the database is damaged, or somebody changed it")

func scanHash(r *sql.Rows) (n int64, h tlog.Hash, err error) {
	var b sql.RawBytes
	if err := r.Scan(&n, &b); err != nil {
		return n, h, err
	}
	if len(b) == len(h) { // otherwise it stays zero, which no hash is
		copy(h[:], b)
	}
	return n, h, nil
}

// HashRange reads the hashes from one number up to another, as far as they are there.
func (s SQL) HashRange(ctx context.Context, from, to int64) (map[int64]tlog.Hash, error) {
	out := make(map[int64]tlog.Hash, to-from)
	err := s.each(ctx, `SELECT idx, hash FROM ledger_hashes WHERE idx >= $1 AND idx < $2`, []any{from, to}, func(r *sql.Rows) error {
		n, h, err := scanHash(r)
		out[n] = h
		return err
	})
	return out, err
}

// Entries reads up to limit rows, from a number on.
func (s SQL) Entries(ctx context.Context, from int64, limit int) ([]Row, error) {
	var out []Row
	err := s.each(ctx, `SELECT seq, entry FROM ledger WHERE seq >= $1 ORDER BY seq LIMIT $2`, []any{from, limit}, func(r *sql.Rows) error {
		var row Row
		err := r.Scan(&row.Seq, &row.Entry)
		out = append(out, row)
		return err
	})
	return out, err
}

const selectCheckpoints = `SELECT size, note, at FROM ledger_checkpoints `

func (s SQL) checkpoints(ctx context.Context, rest string, args ...any) (all []Stored, err error) {
	err = s.each(ctx, selectCheckpoints+rest, args, func(r *sql.Rows) error {
		var c Stored
		err := r.Scan(&c.Size, &c.Note, &c.At)
		all = append(all, c)
		return err
	})
	return all, err
}

// Newest is the checkpoint of the greatest size.
func (s SQL) Newest(ctx context.Context) (Stored, error) {
	all, err := s.checkpoints(ctx, `ORDER BY size DESC LIMIT 1`)
	if err != nil || len(all) == 0 {
		return Stored{}, err
	}
	return all[0], nil
}

// Checkpoints reads up to limit checkpoints of more than that size.
func (s SQL) Checkpoints(ctx context.Context, over int64, limit int) ([]Stored, error) {
	return s.checkpoints(ctx, `WHERE size > $1 ORDER BY size LIMIT $2`, over, limit)
}

// AddCheckpoint keeps a checkpoint. Of two programs that sign the same size, both sign the same text.
func (s SQL) AddCheckpoint(ctx context.Context, c Stored) error {
	_, err := s.Tx.ExecContext(ctx, `INSERT INTO ledger_checkpoints (size, note, at) VALUES ($1, $2, $3) ON CONFLICT (size) DO NOTHING`, c.Size, c.Note, c.At)
	return err
}
