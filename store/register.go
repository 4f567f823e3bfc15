package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/sekisho/sekisho/audit"
	"github.com/sekisho/sekisho/indicator"
)

const entryColumns = `id, kind, value, role, source, tlp, confidence, first, last, until, recipients, campaign, bunch, lure, good, bad, status, changed, who, why`

// putEntries puts entries into the register. One that is there by the same source is renewed: seen later, surer, by more; one that was withdrawn
// comes back only where the new one is in force by a person's word.
func (s *Store) putEntries(ctx context.Context, tx *sql.Tx, bunch uint64, all []indicator.Entry) error {
	values := make([]any, 0, 20*len(all))
	for i := range all {
		e := &all[i]
		values = append(values, e.ID, e.Kind.String(), e.Value, e.Role.String(), e.Source, e.TLP.String(), int64(e.Confidence), e.First.UnixMicro(), e.Last.UnixMicro(), e.Until().UnixMicro(),
			int64(e.Recipients), int64(e.Campaign), int64(bunch), e.Lure, int64(e.Right), int64(e.Wrong), e.Status.String(), e.Changed.UnixMicro(), e.By, e.Why)
	}
	return s.bulk(ctx, tx, `INSERT INTO indicators (`+entryColumns+`) VALUES `, 20,
		` ON CONFLICT (kind, value, source) DO UPDATE SET role = excluded.role, tlp = excluded.tlp, confidence = excluded.confidence,
		first = CASE WHEN indicators.first < excluded.first THEN indicators.first ELSE excluded.first END,
		last = CASE WHEN indicators.last > excluded.last THEN indicators.last ELSE excluded.last END,
		until = CASE WHEN indicators.until > excluded.until THEN indicators.until ELSE excluded.until END,
		recipients = CASE WHEN indicators.recipients > excluded.recipients THEN indicators.recipients ELSE excluded.recipients END,
		campaign = excluded.campaign, bunch = excluded.bunch, lure = excluded.lure, good = indicators.good + excluded.good,
		status = CASE WHEN indicators.status = 'withdrawn' AND excluded.who = 'policy' THEN 'withdrawn'
			WHEN indicators.status = 'active' AND excluded.status = 'proposed' THEN 'active' ELSE excluded.status END,
		changed = excluded.changed, who = excluded.who, why = excluded.why`, values)
}

// PutEntries puts entries that did not come of reports into the register.
func (s *Store) PutEntries(ctx context.Context, by, why string, all []indicator.Entry) error {
	return s.tx(ctx, "indicators", func(tx *sql.Tx) error {
		if err := s.putEntries(ctx, tx, 0, all); err != nil {
			return err
		}
		return s.enter(ctx, tx, audit.Entry{Actor: by, Act: audit.IndicatorChange, About: fmt.Sprintf("%d indicators", len(all)), Why: why, Count: int64(len(all))})
	})
}

// EntryFilter says which entries are wanted. Its zero value all.
type EntryFilter struct {
	Status []indicator.Status
	Kinds  []indicator.Kind
	Value  string
	After  int64  // changed after it, or at it with an id behind AfterID
	Behind string // an id
	Limit  int    // 0: all
	Newest bool   // the last changed first
}

// Entries visits entries by the time of their last change.
func (s *Store) Entries(ctx context.Context, f EntryFilter, each func(indicator.Entry) error) error {
	where, args := "WHERE (changed > $1 OR changed = $2 AND id > $3)", []any{f.After, f.After, f.Behind}
	in := func(column string, names []any) {
		if len(names) == 0 {
			return
		}
		where += " AND " + column + " IN ("
		for i, n := range names {
			if i > 0 {
				where += ","
			}
			args = append(args, n)
			where += fmt.Sprintf("$%d", len(args))
		}
		where += ")"
	}
	var names []any
	for _, st := range f.Status {
		names = append(names, st.String())
	}
	in("status", names)
	names = nil
	for _, k := range f.Kinds {
		names = append(names, k.String())
	}
	in("kind", names)
	if f.Value != "" {
		in("value", []any{f.Value})
	}
	if f.Newest {
		where += " ORDER BY changed DESC, id DESC"
	} else {
		where += " ORDER BY changed, id"
	}
	if f.Limit > 0 {
		args = append(args, f.Limit)
		where += fmt.Sprintf(" LIMIT $%d", len(args))
	}
	err := query(ctx, s.r, "SELECT "+entryColumns+" FROM indicators "+where, args, func(rows *sql.Rows) error {
		e, err := scanEntry(rows)
		if err != nil {
			return err
		}
		return each(e)
	})
	if err != nil {
		return fmt.Errorf("read indicators: %w", err)
	}
	return nil
}

// Entry is one entry, or ErrNotFound.
func (s *Store) Entry(ctx context.Context, id string) (e indicator.Entry, err error) {
	found := false
	err = query(ctx, s.r, "SELECT "+entryColumns+" FROM indicators WHERE id = $1", []any{id}, func(rows *sql.Rows) error {
		found = true
		e, err = scanEntry(rows)
		return err
	})
	if err == nil && !found {
		err = ErrNotFound
	}
	if err != nil {
		return e, fmt.Errorf("read an indicator: %w", err)
	}
	return e, nil
}

func scanEntry(rows *sql.Rows) (e indicator.Entry, err error) {
	var kind, role, tlp, status string
	var first, last, until, changed, campaign, bunch int64
	if err := rows.Scan(&e.ID, &kind, &e.Value, &role, &e.Source, &tlp, &e.Confidence, &first, &last, &until, &e.Recipients, &campaign, &bunch, &e.Lure, &e.Right, &e.Wrong,
		&status, &changed, &e.By, &e.Why); err != nil {
		return e, err
	}
	if e.Kind, err = indicator.ParseKind(kind); err != nil {
		return e, err
	}
	if role != "" {
		if e.Role, err = indicator.ParseRole(role); err != nil {
			return e, err
		}
	}
	if tlp != "" {
		if e.TLP, err = indicator.ParseTLP(tlp); err != nil {
			return e, err
		}
	}
	if e.Status, err = indicator.ParseStatus(status); err != nil {
		return e, err
	}
	e.First, e.Last, e.Changed, e.Campaign = time.UnixMicro(first).UTC(), time.UnixMicro(last).UTC(), time.UnixMicro(changed).UTC(), uint64(campaign)
	return e, nil
}

// MoveEntry changes an entry's status by somebody's word; ErrNotFound where there is none of that id.
func (s *Store) MoveEntry(ctx context.Context, id string, to indicator.Status, by, why string, at time.Time) error {
	return s.tx(ctx, "indicators", func(tx *sql.Tx) error {
		bad := 0
		if to == indicator.Withdrawn {
			bad = 1
		}
		res, err := tx.ExecContext(ctx, `UPDATE indicators SET status = $1, bad = bad + $2, changed = $3, who = $4, why = $5 WHERE id = $6`, to.String(), bad, at.UnixMicro(), by, why, id)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, ErrNotFound)
		}
		return s.enter(ctx, tx, audit.Entry{Actor: by, Act: audit.IndicatorChange, About: id, Why: to.String() + ": " + why})
	})
}

// ExpireEntries ends entries that are worth nothing any more, at most so many, and returns how many.
func (s *Store) ExpireEntries(ctx context.Context, now int64, most int) (n int64, err error) {
	err = s.tx(ctx, "indicators", func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, `UPDATE indicators SET status = 'expired', changed = $1 WHERE id IN
			(SELECT id FROM indicators WHERE status = 'active' AND until < $2 LIMIT $3)`, now, now, most)
		if err != nil {
			return err
		}
		n, err = res.RowsAffected()
		return err
	})
	return n, err
}
