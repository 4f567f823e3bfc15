package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/sekisho/sekisho/audit"
	"github.com/sekisho/sekisho/cases"
	"github.com/sekisho/sekisho/subject"
)

// The line of a case is kept in the open: whoever warns its owner has to know it. It is in the table of cases only, and goes when the case is
// closed.

// CaseFilter says which cases are wanted.
type CaseFilter struct {
	States   []cases.State    // none: all
	Contract subject.Contract // 0: any
	Limit    int              // 0: all
}

type querier interface {
	QueryContext(context.Context, string, ...any) (*sql.Rows, error)
}

// Cases returns cases with their moves, the latest first.
func (s *Store) Cases(ctx context.Context, f CaseFilter) ([]*cases.Case, error) {
	where, args := " WHERE 1 = 1", []any(nil)
	if len(f.States) > 0 {
		for _, st := range f.States {
			args = append(args, string(st))
		}
		where += " AND cases.state IN " + placeholders(1, len(args))
	}
	if f.Contract != 0 {
		args = append(args, int64(f.Contract))
		where += fmt.Sprintf(" AND cases.contract = $%d", len(args))
	}
	where += " ORDER BY cases.opened DESC, cases.id DESC"
	if f.Limit > 0 {
		args = append(args, f.Limit)
		where += fmt.Sprintf(" LIMIT $%d", len(args))
	}
	all, err := selectCases(ctx, s.r, true, where, args...)
	if err != nil {
		return nil, fmt.Errorf("read cases: %w", err)
	}
	return all, nil
}

// Case returns one case, or ErrNotFound.
func (s *Store) Case(ctx context.Context, id string) (*cases.Case, error) {
	all, err := selectCases(ctx, s.r, true, " WHERE cases.id = $1", id)
	if err == nil && len(all) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("read the case %.20q: %w", id, err)
	}
	return all[0], nil
}

// selectCases reads cases. With fresh, the last evidence is that of what stands against the contract now, which comes
// in after a case was found, too.
func selectCases(ctx context.Context, db querier, fresh bool, where string, args ...any) ([]*cases.Case, error) {
	text := `SELECT cases.id, kind, cases.contract, line, state, opened, first_evidence, last_evidence, cases.updated, score, stopped,
		reasons, campaigns, noticed, confirmed, confirmed_by, `
	if fresh {
		text += `coalesce(standings.updated, 0) FROM cases LEFT JOIN standings ON standings.contract = cases.contract AND cases.contract <> 0`
	} else {
		text += `0 FROM cases`
	}
	var all []*cases.Case
	byID := map[string]*cases.Case{}
	err := query(ctx, db, text+where, args, func(rows *sql.Rows) error {
		c := &cases.Case{}
		var contract, line, opened, first, last, updated, noticed, confirmed, stopped, now int64
		var reasons []byte
		var campaigns string
		if err := rows.Scan(&c.ID, &c.Kind, &contract, &line, &c.State, &opened, &first, &last, &updated, &c.Score, &stopped,
			&reasons, &campaigns, &noticed, &confirmed, &c.ConfirmedBy, &now); err != nil {
			return err
		}
		c.Contract, c.Line, c.Stopped = subject.Contract(contract), subject.Line(line), uint32(stopped)
		c.Opened, c.FirstEvidence, c.LastEvidence, c.Updated = atTime(opened), atTime(first), atTime(max(last, now)), atTime(updated)
		c.Noticed, c.Confirmed, c.Clears = atTime(noticed), atTime(confirmed), c.Kind.Clears()
		if len(reasons) > 0 {
			if err := json.Unmarshal(reasons, &c.Reasons); err != nil {
				return fmt.Errorf("case %s: its reasons cannot be read: %w", c.ID, err)
			}
		}
		for _, f := range strings.Fields(campaigns) {
			n, err := strconv.ParseUint(f, 16, 64)
			if err != nil {
				return fmt.Errorf("case %s: its campaigns cannot be read", c.ID)
			}
			c.Campaigns = append(c.Campaigns, n)
		}
		all = append(all, c)
		byID[c.ID] = c
		return nil
	})
	if err != nil || len(all) == 0 {
		return nil, err
	}
	moves, only := `SELECT case_id, at, from_state, to_state, who, why FROM case_moves`, []any(nil)
	if len(all) == 1 {
		moves, only = moves+` WHERE case_id = $1`, []any{all[0].ID}
	}
	err = query(ctx, db, moves+` ORDER BY case_id, n`, only, func(rows *sql.Rows) error {
		var m cases.Move
		var at int64
		if err := rows.Scan(&m.Case, &at, &m.From, &m.To, &m.Who, &m.Why); err != nil {
			return err
		}
		m.At = atTime(at)
		if c := byID[m.Case]; c != nil {
			c.Moves = append(c.Moves, m)
		}
		return nil
	})
	return all, err
}

// atTime is a time as rows have it; 0 is none.
func atTime(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

func micro(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func caseValues(c *cases.Case) ([]any, error) {
	reasons, err := json.Marshal(c.Reasons)
	if err != nil {
		return nil, err
	}
	if len(c.Reasons) == 0 {
		reasons = []byte{}
	}
	var campaigns strings.Builder
	for _, n := range c.Campaigns {
		fmt.Fprintf(&campaigns, "%016x ", n)
	}
	return []any{c.ID, string(c.Kind), int64(c.Contract), int64(c.Line), string(c.State), micro(c.Opened), micro(c.FirstEvidence), micro(c.LastEvidence),
		micro(c.Updated), c.Score, int64(c.Stopped), reasons, strings.TrimSpace(campaigns.String()), micro(c.Noticed), micro(c.Confirmed), c.ConfirmedBy}, nil
}

const insertCase = `INSERT INTO cases (id, kind, contract, line, state, opened, first_evidence, last_evidence, updated, score, stopped, reasons,
	campaigns, noticed, confirmed, confirmed_by) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$16) `

// PutCase keeps a new case, or what has become known of one. It moves none: where the case is in another state than c says, ErrMoved.
func (s *Store) PutCase(ctx context.Context, c *cases.Case) error {
	return s.tx(ctx, "case", func(tx *sql.Tx) error { return putCase(ctx, tx, c) })
}

func putCase(ctx context.Context, tx *sql.Tx, c *cases.Case) error {
	if c.ID == "" || !c.Kind.Known() || c.State != cases.Closed && (c.Contract == 0 || c.Line == 0) {
		return errors.New("a case has an id, a kind that is known, a contract and a line")
	}
	values, err := caseValues(c)
	if err != nil {
		return err
	}
	// Of what is closed nothing is written: it was erased.
	n, err := affected(tx.ExecContext(ctx, insertCase+`ON CONFLICT (id) DO UPDATE SET line = excluded.line, first_evidence = excluded.first_evidence,
		last_evidence = excluded.last_evidence, updated = excluded.updated, score = excluded.score, stopped = excluded.stopped,
		reasons = excluded.reasons, campaigns = excluded.campaigns, noticed = excluded.noticed, confirmed = excluded.confirmed,
		confirmed_by = excluded.confirmed_by
		WHERE cases.state = excluded.state AND cases.state <> 'closed' AND cases.contract = excluded.contract`, values...))
	if err == nil && n == 0 {
		err = ErrMoved
	}
	return err
}

func affected(r sql.Result, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

// MoveCase moves a case, if it still is in the state m.From that the caller read; ErrMoved if not.
func (s *Store) MoveCase(ctx context.Context, m cases.Move) error {
	return s.tx(ctx, "case", func(tx *sql.Tx) error { return s.moveCase(ctx, tx, m) })
}

func (s *Store) moveCase(ctx context.Context, tx *sql.Tx, m cases.Move) error {
	all, err := selectCases(ctx, tx, false, " WHERE cases.id = $1", m.Case)
	if err != nil {
		return err
	}
	if len(all) == 0 {
		return ErrNotFound
	}
	c := all[0]
	if c.State != m.From {
		return fmt.Errorf("case %s is %s by now: %w", c.ID, c.State, ErrMoved)
	}
	if err := c.Apply(m); err != nil {
		return err
	}
	return s.keepMove(ctx, tx, c, m)
}

// keepMove writes a case that has just been moved.
func (s *Store) keepMove(ctx context.Context, tx *sql.Tx, c *cases.Case, m cases.Move) error {
	v, err := caseValues(c)
	if err != nil {
		return err
	}
	n, err := affected(tx.ExecContext(ctx, `UPDATE cases SET contract = $1, line = $2, state = $3, first_evidence = $4, last_evidence = $5, updated = $6,
		score = $7, stopped = $8, reasons = $9, campaigns = $10, noticed = $11, confirmed = $12, confirmed_by = $13 WHERE id = $14 AND state = $15`,
		v[2], v[3], v[4], v[6], v[7], v[8], v[9], v[10], v[11], v[12], v[13], v[14], v[15], c.ID, string(m.From)))
	if err != nil {
		return err
	}
	if n == 0 {
		return ErrMoved
	}
	if m.To == cases.Cured || m.To.Ended() { // nobody is told any more
		if err := takeBack(ctx, tx, m); err != nil {
			return err
		}
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO case_moves (case_id, n, at, from_state, to_state, who, why)
		SELECT $1, coalesce(max(n), 0) + 1, $2, $3, $4, $5, $6 FROM case_moves WHERE case_id = $7`,
		c.ID, micro(m.At), string(m.From), string(m.To), m.Who, m.Why, c.ID)
	if err != nil {
		return err
	}
	return s.enter(ctx, tx, audit.Entry{Actor: m.Who, Act: audit.CaseMove, Purpose: "infection_notice", About: c.ID, Why: string(m.From) + " to " + string(m.To) + ": " + m.Why})
}

// takeBack ends the notices of a case that were not sent.
func takeBack(ctx context.Context, tx *sql.Tx, m cases.Move) error {
	_, err := tx.ExecContext(ctx, `UPDATE notices SET state = $1, ended = $2, who = $3, why = $4 WHERE case_id = $5 AND state IN ($6, $7)`,
		string(cases.Failed), micro(m.At), m.Who, m.Why, m.Case, string(cases.Planned), string(cases.Agreed))
	return err
}

// CloseContract closes the cases of a contract that ended or opted out. What stood against it is destroyed in the same transaction, and
// notices that were not sent are taken back.
func (s *Store) CloseContract(ctx context.Context, contract subject.Contract, why string) error {
	if contract == 0 {
		return errors.New("close a contract: it has no number")
	}
	now := time.Now()
	return s.tx(ctx, "case", func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM standings WHERE contract = $1`, int64(contract)); err != nil {
			return err
		}
		all, err := selectCases(ctx, tx, false, " WHERE cases.contract = $1", int64(contract))
		if err != nil {
			return err
		}
		for _, c := range all {
			m := cases.Move{Case: c.ID, At: now, From: c.State, To: cases.Closed, Who: cases.Machine, Why: why}
			if err := c.Apply(m); err != nil {
				return err
			}
			if err := s.keepMove(ctx, tx, c, m); err != nil {
				return err
			}
		}
		return nil
	})
}

// openCases writes down findings: each opens a case, or adds to the one that its contract has, which relapses if it was calm. Findings that are
// known already change nothing.
func (s *Store) openCases(ctx context.Context, tx *sql.Tx, found []*cases.Case) error {
	for _, c := range found {
		if err := s.openCase(ctx, tx, c); err != nil {
			return fmt.Errorf("open a case: %w", err)
		}
	}
	return nil
}

func (s *Store) openCase(ctx context.Context, tx *sql.Tx, c *cases.Case) error {
	all, err := selectCases(ctx, tx, false, " WHERE cases.contract = $1 AND cases.kind = $2 ORDER BY cases.opened DESC LIMIT 1", int64(c.Contract), string(c.Kind))
	if err != nil {
		return err
	}
	if len(all) > 0 {
		before := all[0]
		opens, changed, move := before.Found(c)
		switch {
		case changed != nil && move != nil:
			if err := changed.Apply(*move); err != nil {
				return err
			}
			return s.keepMove(ctx, tx, changed, *move)
		case changed != nil:
			return putCase(ctx, tx, changed)
		case !opens:
			return nil
		}
	}
	next := *c
	for range 16 { // an id may be taken: then another one
		values, err := caseValues(&next)
		if err != nil {
			return err
		}
		switch n, err := affected(tx.ExecContext(ctx, insertCase+`ON CONFLICT DO NOTHING`, values...)); {
		case err != nil:
			return err
		case n == 1:
			return s.enter(ctx, tx, audit.Entry{Actor: audit.Sekisho, Act: audit.CaseOpen, Purpose: "infection_notice", About: next.ID})
		}
		next.ID = cases.ID(c.Kind, c.Opened, rand.Uint32())
	}
	return ErrMoved // another node opened it a moment ago: the whole batch is weighed again
}
