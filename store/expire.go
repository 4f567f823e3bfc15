package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// Retentions say how long rows are kept. Zero keeps them for ever.
type Retentions struct {
	Counts  time.Duration // counts by minute
	Stopped time.Duration // rows of what was stopped
	Passed  time.Duration // what was delivered, and receipts
	Held    time.Duration // held messages after they were decided
	Cases   time.Duration // cases that have ended, with their moves and notices
	Against time.Duration // what stands against contracts, after the last evidence
	Reports time.Duration // reports, who reported, and indicators that are no more in force
}

// expireRows is how many rows a transaction deletes: others write in between.
const expireRows = 1000

// Expire deletes what is older than its retention, a thousand rows at a time, and returns how many went. Call it
// every few minutes.
func (s *Store) Expire(ctx context.Context, now int64, keep Retentions) (int64, error) {
	var total int64
	for _, e := range []struct {
		table, column, also string
		keep                time.Duration
	}{
		{"counts", "minute", "", keep.Counts},
		{"rule_counts", "minute", "", keep.Counts},
		{"receipt_counts", "minute", "", keep.Counts},
		{"stopped", "time", "", keep.Stopped},
		{"packs", "last", "", keep.Passed},
		// A receipt that is still owed needs its message.
		{"held", "decided", " AND state NOT IN ('held', 'releasing') AND id NOT IN (SELECT id FROM owed)", keep.Held},
		{"cases", "updated", " AND state IN ('cured', 'wrong', 'closed')", keep.Cases},
		{"standings", "updated", "", keep.Against},
		{"waves", "updated", "", keep.Against},
		{"reports", "at", "", keep.Reports},
		{"bunches", "last", "", keep.Reports},
		{"reporters", "last", "", keep.Reports},
		{"talks", "last", "", keep.Reports},
		{"indicators", "changed", " AND status IN ('expired', 'withdrawn')", keep.Reports},
	} {
		if e.keep <= 0 {
			continue
		}
		before := now - e.keep.Microseconds()
		for {
			n, err := s.expireSome(ctx, e.table, e.column, e.also, before)
			total += n
			if err != nil {
				return total, fmt.Errorf("expire %s: %w", e.table, err)
			}
			if n == 0 {
				break
			}
		}
	}
	// The rows of a case go with it.
	for _, table := range []string{"case_moves", "notices"} {
		if keep.Cases <= 0 {
			break
		}
		if _, err := s.w.ExecContext(ctx, "DELETE FROM "+table+" WHERE case_id NOT IN (SELECT id FROM cases)"); err != nil {
			return total, fmt.Errorf("expire %s: %w", table, err)
		}
	}
	return total, nil
}

// expireSome deletes the oldest rows: as many as expireRows, and those of the same time as the last of them.
func (s *Store) expireSome(ctx context.Context, table, column, also string, before int64) (n int64, err error) {
	err = s.tx(ctx, "expire", func(tx *sql.Tx) error {
		var until sql.NullInt64
		if err := tx.QueryRowContext(ctx, fmt.Sprintf(`SELECT max(t) FROM (SELECT %[2]s AS t FROM %[1]s WHERE %[2]s < $1%[3]s ORDER BY %[2]s LIMIT $2) AS oldest`,
			table, column, also), before, expireRows).Scan(&until); err != nil || !until.Valid {
			return err
		}
		res, err := tx.ExecContext(ctx, fmt.Sprintf(`DELETE FROM %[1]s WHERE %[2]s <= $1%[3]s`, table, column, also), until.Int64)
		if err != nil {
			return err
		}
		n, err = res.RowsAffected()
		return err
	})
	return n, err
}
