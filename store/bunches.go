package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/sekisho/sekisho/indicator"
	"github.com/sekisho/sekisho/report"
)

// Pages of bunches, for people who look: each query reads by an index and no further than it is told.

// BunchPage says which bunches are wanted, the latest reported first.
type BunchPage struct {
	State    report.State // empty: any
	Before   int64        // last reported before it, or at it with an id below BeforeID; 0: from the front
	BeforeID uint64
	Limit    int
}

// BunchPage lists bunches.
func (s *Store) BunchPage(ctx context.Context, f BunchPage) (all []*SealedBunch, err error) {
	where, args := "WHERE 1 = 1", []any{}
	if f.State != "" {
		args = append(args, string(f.State))
		where = fmt.Sprintf("WHERE state = $%d", len(args))
	}
	if f.Before != 0 {
		args = append(args, f.Before, f.Before, int64(f.BeforeID))
		where += fmt.Sprintf(" AND last <= $%d AND (last < $%d OR id < $%d)", len(args)-2, len(args)-1, len(args))
	}
	args = append(args, f.Limit)
	err = bunches(ctx, s.r, fmt.Sprintf("%s ORDER BY last DESC, id DESC LIMIT $%d", where, len(args)), args, func(b *SealedBunch) { all = append(all, b) })
	if err != nil {
		err = fmt.Errorf("read reports: %w", err)
	}
	return all, err
}

// BunchStates counts bunches by their state.
func (s *Store) BunchStates(ctx context.Context) (map[report.State]int, error) {
	n := map[report.State]int{}
	err := query(ctx, s.r, `SELECT state, count(*) FROM bunches GROUP BY state`, nil, func(rows *sql.Rows) error {
		var st string
		var c int
		err := rows.Scan(&st, &c)
		n[report.State(st)] = c
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("count reports: %w", err)
	}
	return n, nil
}

// ReportsSince counts reports after a time, at most so many.
func (s *Store) ReportsSince(ctx context.Context, at int64, most int) (n int, err error) {
	err = query(ctx, s.r, `SELECT count(*) FROM (SELECT 1 FROM reports WHERE at > $1 LIMIT $2) AS newest`, []any{at, most}, func(rows *sql.Rows) error { return rows.Scan(&n) })
	if err != nil {
		err = fmt.Errorf("count reports: %w", err)
	}
	return n, err
}

// Channels are the roads that the newest reports of a bunch came by, the most used first, of at most so many reports.
func (s *Store) Channels(ctx context.Context, bunch uint64, newest int) (all []string, err error) {
	err = query(ctx, s.r, `SELECT channel, count(*) AS n FROM (SELECT channel FROM reports WHERE bunch = $1 ORDER BY at DESC LIMIT $2) AS newest
		GROUP BY channel ORDER BY n DESC, channel`, []any{int64(bunch), newest}, func(rows *sql.Rows) error {
		var c string
		var n int
		err := rows.Scan(&c, &n)
		all = append(all, c)
		return err
	})
	if err != nil {
		err = fmt.Errorf("read reports: %w", err)
	}
	return all, err
}

// ReportsOf are the newest reports of a bunch, at most so many.
func (s *Store) ReportsOf(ctx context.Context, bunch uint64, most int) (all []ReportRow, err error) {
	err = query(ctx, s.r, `SELECT digest, at, channel, medium, claim, reporter, sealed FROM reports WHERE bunch = $1 ORDER BY at DESC LIMIT $2`, []any{int64(bunch), most}, func(rows *sql.Rows) error {
		r := ReportRow{Bunch: bunch}
		var digest, reporter int64
		var channel, medium, claim string
		if err := rows.Scan(&digest, &r.At, &channel, &medium, &claim, &reporter, &r.Sealed); err != nil {
			return err
		}
		r.Digest, r.Reporter = uint64(digest), uint64(reporter)
		r.Channel, _ = report.ParseChannel(channel)
		r.Medium, _ = report.ParseMedium(medium)
		r.Claim, _ = report.ParseClaim(claim)
		all = append(all, r)
		return nil
	})
	if err != nil {
		err = fmt.Errorf("read reports: %w", err)
	}
	return all, err
}

// Taught are the entries of the register that came of a bunch, at most so many.
func (s *Store) Taught(ctx context.Context, bunch uint64, most int) ([]indicator.Entry, error) {
	return s.entriesBy(ctx, "WHERE bunch = $1 ORDER BY kind, value LIMIT $2", int64(bunch), most)
}

func (s *Store) entriesBy(ctx context.Context, where string, args ...any) (all []indicator.Entry, err error) {
	err = query(ctx, s.r, "SELECT "+entryColumns+" FROM indicators "+where, args, func(rows *sql.Rows) error {
		e, err := scanEntry(rows)
		all = append(all, e)
		return err
	})
	if err != nil {
		err = fmt.Errorf("read indicators: %w", err)
	}
	return all, err
}

// EntryPage says which entries are wanted. Those of a kind come by their values, all others by their last change, the latest first.
type EntryPage struct {
	Status string         // empty: any
	Kind   indicator.Kind // KindNone: any
	After  string         // the id of the last one seen; empty: from the front
	Limit  int
}

// EntryPage lists entries of the register. One that After names and that is gone lets the page begin at the front.
func (s *Store) EntryPage(ctx context.Context, f EntryPage) ([]indicator.Entry, error) {
	var last *indicator.Entry
	if f.After != "" {
		if e, err := s.Entry(ctx, f.After); err == nil {
			last = &e
		}
	}
	where, args := "WHERE 1 = 1", []any{}
	arg := func(v any) string {
		args = append(args, v)
		return fmt.Sprintf("$%d", len(args))
	}
	if f.Status != "" {
		where += " AND status = " + arg(f.Status)
	}
	order := " ORDER BY changed DESC, id DESC"
	if f.Kind != indicator.KindNone {
		where += " AND kind = " + arg(f.Kind.String())
		if last != nil {
			where += " AND value >= " + arg(last.Value) + " AND (value > " + arg(last.Value) + " OR source > " + arg(last.Source) + ")"
		}
		order = " ORDER BY value, source"
	} else if last != nil {
		at := last.Changed.UnixMicro()
		where += " AND changed <= " + arg(at) + " AND (changed < " + arg(at) + " OR id < " + arg(last.ID) + ")"
	}
	return s.entriesBy(ctx, where+order+" LIMIT "+arg(f.Limit), args...)
}

// Named are the entries that say one of these values of these kinds, at most so many of each.
func (s *Store) Named(ctx context.Context, values map[indicator.Kind][]string, most int) (all []indicator.Entry, _ error) {
	for k, of := range values {
		for _, v := range of {
			some, err := s.entriesBy(ctx, "WHERE kind = $1 AND value = $2 LIMIT $3", k.String(), v, most)
			if err != nil {
				return nil, err
			}
			all = append(all, some...)
		}
	}
	return all, nil
}

// CameOf is the bunch of reports that an entry came of; 0 where it came of none.
func (s *Store) CameOf(ctx context.Context, id string) (bunch uint64, err error) {
	err = query(ctx, s.r, `SELECT bunch FROM indicators WHERE id = $1`, []any{id}, func(rows *sql.Rows) error {
		var n int64
		err := rows.Scan(&n)
		bunch = uint64(n)
		return err
	})
	return bunch, err
}

// EntryTally is how many entries of a kind, a source and a status there are, and how often they were right and wrong.
type EntryTally struct {
	Kind, Source, Status string
	N, Right, Wrong      int64
	Changed              time.Time // the latest of them
}

// EntryTallies counts the whole register, which takes a second where it has a million: whoever shows it keeps it for a while.
func (s *Store) EntryTallies(ctx context.Context) (all []EntryTally, err error) {
	err = query(ctx, s.r, `SELECT kind, source, status, count(*), CAST(coalesce(sum(good), 0) AS BIGINT), CAST(coalesce(sum(bad), 0) AS BIGINT), max(changed) FROM indicators
		GROUP BY kind, source, status ORDER BY kind, source, status`, nil, func(rows *sql.Rows) error {
		var t EntryTally
		var changed int64
		err := rows.Scan(&t.Kind, &t.Source, &t.Status, &t.N, &t.Right, &t.Wrong, &changed)
		t.Changed = time.UnixMicro(changed).UTC()
		all = append(all, t)
		return err
	})
	if err != nil {
		err = fmt.Errorf("count indicators: %w", err)
	}
	return all, err
}
