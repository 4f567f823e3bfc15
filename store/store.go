// Package store keeps the records in SQL: SQLite, embedded, or PostgreSQL, by the same text. It reads the stream's
// packs of records and writes counts, rows of what was stopped and packed rows of what was delivered; it keeps
// held texts, which it never sees unsealed, choices, API keys and settings.
//
//	st, err := store.Open(ctx, "sqlite:/var/lib/sekisho/records.db", log, reg)
//	go stream.Keep(ctx, cfg, st.Counts()) // each is a stream.Keeper
//	go stream.Keep(ctx, cfg, st.Passed())
//
// What is written here with fsync before the call returns: everything. On SQLite one transaction writes at a time.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// ErrNotOurs is returned by Open for a database that is not Sekisho's; ErrNewer for one that a newer Sekisho wrote;
// ErrNotFound where something asked for by name is not there.
var (
	ErrNotOurs  = errors.New("not a database of Sekisho's")
	ErrNewer    = errors.New("written by a newer Sekisho")
	ErrNotFound = errors.New("not found")
)

// Store is an open database. It may be used by many goroutines.
type Store struct {
	d    *dialect
	w, r *sql.DB // where one writes at a time, w has one connection
	log  *slog.Logger
	// another opens one more connection to the same SQLite file.
	another func(query string) (*sql.DB, error)

	epochs sync.Map // stream id by reader to its epoch, once Place has seen it

	holding holding
	ledger  ledger

	tookCommit *prometheus.HistogramVec
	bad        prometheus.Counter
}

// Open opens the database that dsn names, sqlite:PATH or postgres://..., and brings it up to date.
func Open(ctx context.Context, dsn string, log *slog.Logger, reg prometheus.Registerer) (*Store, error) {
	s := &Store{log: log,
		tookCommit: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "sekisho_store_commit_seconds",
			Help: "Time to write and commit.", Buckets: prometheus.ExponentialBuckets(0.0002, 2.5, 13)}, []string{"what"}),
		bad: prometheus.NewCounter(prometheus.CounterOpts{Name: "sekisho_store_bad_packs_total",
			Help: "Packs of the stream of which something could not be read; the rest of such a pack is lost."}),
	}
	var err error
	switch scheme, rest, _ := strings.Cut(dsn, ":"); scheme {
	case "sqlite":
		err = s.openSQLite(ctx, rest)
	case "postgres", "postgresql":
		err = s.openPostgres(ctx, dsn)
	default:
		return nil, errors.New("open the store: the address is neither sqlite:PATH nor postgres://HOST/DATABASE")
	}
	if err == nil {
		err = s.migrate(ctx)
	}
	if err == nil {
		err = errors.Join(reg.Register(s.tookCommit), reg.Register(s.bad))
	}
	if err != nil {
		s.Close()
		return nil, fmt.Errorf("open the store: %w", oneLine{err})
	}
	return s, nil
}

// oneLine says in one line what drivers say in several: one for each address they tried.
type oneLine struct{ error }

func (e oneLine) Unwrap() error { return e.error }

func (e oneLine) Error() string {
	var b strings.Builder
	for line := range strings.Lines(e.error.Error()) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		switch said := b.String(); {
		case strings.HasSuffix(said, ":"):
			b.WriteByte(' ')
		case said != "":
			b.WriteString("; ")
		}
		b.WriteString(line)
	}
	return b.String()
}

// Close closes the database.
func (s *Store) Close() error {
	var errs []error
	if s.r != nil && s.r != s.w {
		errs = append(errs, s.r.Close())
	}
	if s.w != nil {
		errs = append(errs, s.w.Close())
	}
	return errors.Join(errs...)
}

// Healthy returns why the database does not answer, or nil.
func (s *Store) Healthy(ctx context.Context) error {
	var one int
	if err := s.r.QueryRowContext(ctx, "SELECT 1").Scan(&one); err != nil {
		return fmt.Errorf("the store does not answer: %w", err)
	}
	return nil
}

// tx runs f in a transaction and commits.
func (s *Store) tx(ctx context.Context, what string, f func(*sql.Tx) error) error {
	start := time.Now()
	tx, err := s.w.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("write %s: %w", what, err)
	}
	if err = f(tx); err == nil {
		err = tx.Commit()
	}
	if err != nil {
		tx.Rollback()
		return fmt.Errorf("write %s: %w", what, err)
	}
	s.tookCommit.WithLabelValues(what).Observe(time.Since(start).Seconds())
	return nil
}

// bulk writes rows, columns values each, by "head (...), (...) tail": as many a statement as the engine likes.
func (s *Store) bulk(ctx context.Context, tx *sql.Tx, head string, columns int, tail string, values []any) error {
	for len(values) > 0 {
		rows := min(len(values)/columns, s.d.rows)
		stmt, err := tx.PrepareContext(ctx, head+placeholders(rows, columns)+tail)
		if err != nil {
			return err
		}
		for len(values) >= rows*columns {
			if _, err := stmt.ExecContext(ctx, values[:rows*columns]...); err != nil {
				stmt.Close()
				return err
			}
			values = values[rows*columns:]
			if len(values) == 0 {
				break
			}
		}
		stmt.Close()
	}
	return nil
}

// placeholders writes ($1,$2),($3,$4): in order of appearance, which every driver agrees on.
func placeholders(rows, columns int) string {
	var b strings.Builder
	n := 0
	for i := range rows {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteByte('(')
		for j := range columns {
			if j > 0 {
				b.WriteByte(',')
			}
			n++
			fmt.Fprintf(&b, "$%d", n)
		}
		b.WriteByte(')')
	}
	return b.String()
}

// query runs a query and scans its rows by each.
func query(ctx context.Context, db interface {
	QueryContext(context.Context, string, ...any) (*sql.Rows, error)
}, text string, args []any, each func(*sql.Rows) error) error {
	rows, err := db.QueryContext(ctx, text, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := each(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}
