package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/sekisho/sekisho/audit"
	"github.com/sekisho/sekisho/cases"
)

// Notices returns the notices of a case, or, of none, all in the given states, the oldest first.
func (s *Store) Notices(ctx context.Context, id string, states ...cases.NoticeState) ([]*cases.Notice, error) {
	where, args := "WHERE 1 = 1", []any(nil)
	if len(states) > 0 {
		for _, st := range states {
			args = append(args, string(st))
		}
		where += " AND state IN " + placeholders(1, len(args))
	}
	if id != "" {
		args = append(args, id)
		where += fmt.Sprintf(" AND case_id = $%d", len(args))
	}
	all, err := selectNotices(ctx, s.r, where+" ORDER BY planned, id", args...)
	if err != nil {
		return nil, fmt.Errorf("read notices: %w", err)
	}
	return all, nil
}

func selectNotices(ctx context.Context, db querier, where string, args ...any) (all []*cases.Notice, err error) {
	err = query(ctx, db, `SELECT id, case_id, channel, state, version, planned, agreed, agreed_by, tried, ended, who, why FROM notices `+where, args,
		func(rows *sql.Rows) error {
			n := &cases.Notice{}
			var planned, agreed, tried, ended int64
			err := rows.Scan(&n.ID, &n.Case, &n.Channel, &n.State, &n.Text, &planned, &agreed, &n.AgreedBy, &tried, &ended, &n.Who, &n.Why)
			n.Planned, n.AgreedAt, n.Tried, n.Ended = atTime(planned), atTime(agreed), atTime(tried), atTime(ended)
			all = append(all, n)
			return err
		})
	return all, err
}

// ErrUnderWay is returned by PlanNotice where a notice of the case waits already.
var ErrUnderWay = errors.New("a notice of this case is planned or agreed already")

// PlanNotice keeps a notice as planned and gives it its id. The case must be in the state that the caller read.
func (s *Store) PlanNotice(ctx context.Context, n *cases.Notice, state cases.State) error {
	return s.tx(ctx, "notice", func(tx *sql.Tx) error {
		// Writing locks the case, so that of two who plan the second sees what the first did.
		if rows, err := affected(tx.ExecContext(ctx, `UPDATE cases SET updated = updated WHERE id = $1 AND state = $2`, n.Case, string(state))); err != nil {
			return err
		} else if rows == 0 {
			return ErrMoved
		}
		before, err := selectNotices(ctx, tx, `WHERE case_id = $1`, n.Case)
		if err != nil {
			return err
		}
		for _, b := range before {
			if b.State == cases.Planned || b.State == cases.Agreed {
				return ErrUnderWay
			}
		}
		n.ID, n.State = cases.NoticeID(n.Case, len(before)+1), cases.Planned
		_, err = tx.ExecContext(ctx, `INSERT INTO notices (id, case_id, channel, state, version, planned, agreed, agreed_by, tried, ended, who, why)
			VALUES ($1,$2,$3,$4,$5,$6,0,'',0,0,$7,$8)`, n.ID, n.Case, string(n.Channel), string(n.State), n.Text, micro(n.Planned), n.Who, n.Why)
		return err
	})
}

// NoticeStep takes a notice further, and its case with it.
type NoticeStep struct {
	ID       string
	From, To cases.NoticeState // ErrMoved where it is not in From
	At       time.Time
	Who, Why string
	Tried    bool // for Failed: somebody tried to reach the owner
}

// MoveNotice takes a notice a step further. When one was sent its case is noticed, in the same transaction.
func (s *Store) MoveNotice(ctx context.Context, st NoticeStep) error {
	return s.tx(ctx, "notice", func(tx *sql.Tx) error { return s.moveNotice(ctx, tx, st) })
}

func (s *Store) moveNotice(ctx context.Context, tx *sql.Tx, st NoticeStep) error {
	all, err := selectNotices(ctx, tx, `WHERE id = $1`, st.ID)
	switch {
	case err != nil:
		return err
	case len(all) == 0:
		return ErrNotFound
	case all[0].State != st.From:
		return fmt.Errorf("notice %s is %s by now: %w", st.ID, all[0].State, ErrMoved)
	}
	n := all[0]
	if err := n.Apply(st.To, st.At, st.Who, st.Why); err != nil {
		return err
	}
	if st.To == cases.Failed && st.Tried && n.Tried.IsZero() {
		n.Try(st.At)
	}
	rows, err := affected(tx.ExecContext(ctx, `UPDATE notices SET state = $1, agreed = $2, agreed_by = $3, tried = $4, ended = $5, who = $6, why = $7
		WHERE id = $8 AND state = $9`, string(n.State), micro(n.AgreedAt), n.AgreedBy, micro(n.Tried), micro(n.Ended), n.Who, n.Why, n.ID, string(st.From)))
	if err != nil {
		return err
	}
	if rows == 0 {
		return ErrMoved
	}
	if entry, ok := noticeEntry(n.Case, &st); ok {
		if err := s.enter(ctx, tx, entry); err != nil {
			return err
		}
	}
	if st.To != cases.Sent {
		return nil
	}
	cs, err := selectCases(ctx, tx, false, " WHERE cases.id = $1", n.Case)
	if err != nil {
		return err
	}
	if len(cs) == 0 {
		return ErrNotFound
	}
	switch c := cs[0]; c.State {
	case cases.Open, cases.Relapsed:
		why := cases.WhyNotice
		if n.Channel == cases.Call {
			why = cases.WhyTold
		}
		return s.moveCase(ctx, tx, cases.Move{Case: c.ID, At: st.At, From: c.State, To: cases.Noticed, Who: st.Who, Why: why})
	case cases.Noticed, cases.Quiet, cases.Cured: // told again, or it has ended meanwhile
		_, err := tx.ExecContext(ctx, `UPDATE cases SET noticed = $1, updated = $2 WHERE id = $3`, micro(st.At), micro(st.At), c.ID)
		return err
	}
	return nil
}

// noticeEntry is what the ledger says of a step.
func noticeEntry(id string, st *NoticeStep) (audit.Entry, bool) {
	e := audit.Entry{Actor: st.Who, Purpose: "infection_notice", About: id, Why: st.Why}
	switch st.To {
	case cases.Agreed:
		e.Act = audit.CaseAgree
	case cases.Sent:
		e.Act = audit.NoticeSent
	}
	return e, e.Act != ""
}

// Told is what customer care says of a case that it called about. It is written whole: the notice's steps, that the phone was cleaned, and the case's move.
type Told struct {
	Case      string
	State     cases.State // that the caller read
	Steps     []NoticeStep
	Confirmed time.Time // zero: nobody said so
	Moves     []cases.Move
	Who       string
}

// TellAll writes what customer care entered, all or none.
func (s *Store) TellAll(ctx context.Context, all []Told) error {
	return s.tx(ctx, "case", func(tx *sql.Tx) error {
		for _, t := range all {
			if err := s.tell(ctx, tx, t); err != nil {
				return fmt.Errorf("case %s: %w", t.Case, err)
			}
		}
		return nil
	})
}

func (s *Store) tell(ctx context.Context, tx *sql.Tx, t Told) error {
	rows, err := affected(tx.ExecContext(ctx, `UPDATE cases SET updated = updated WHERE id = $1 AND state = $2 AND state <> 'closed'`, t.Case, string(t.State)))
	if err == nil && rows == 0 {
		err = ErrMoved
	}
	if err == nil && !t.Confirmed.IsZero() {
		_, err = tx.ExecContext(ctx, `UPDATE cases SET confirmed = $1, confirmed_by = $2 WHERE id = $3`, micro(t.Confirmed), t.Who, t.Case)
	}
	for i := 0; i < len(t.Steps) && err == nil; i++ {
		err = s.moveNotice(ctx, tx, t.Steps[i])
	}
	for i := 0; i < len(t.Moves) && err == nil; i++ {
		err = s.moveCase(ctx, tx, t.Moves[i])
	}
	return err
}
