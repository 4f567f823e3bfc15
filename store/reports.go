package store

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sekisho/sekisho/audit"
	"github.com/sekisho/sekisho/indicator"
	"github.com/sekisho/sekisho/report"
)

// ReportRow is a report as it is kept.
type ReportRow struct {
	Digest   uint64 // keyed hash of reporter and the giver's id
	At       int64  // microseconds since 1970 UTC
	Channel  report.Channel
	Medium   report.Medium
	Claim    report.Claim
	Reporter uint64 // pseudonym; 0: nobody known
	Bunch    uint64
	Told     int64
	Sealed   []byte
}

// SealedBunch is a bunch as it is kept: what its reports name is sealed.
type SealedBunch struct {
	report.Bunch
	Sealed []byte
}

// Intake is what one batch of reports touches: fold changes it, and AddReports writes it back.
type Intake struct {
	Fresh     []int // indexes of the rows that were not there yet, in order
	Bunches   map[uint64]*SealedBunch
	Reporters map[uint64]*report.Reporter
}

// AddReports keeps reports that are not there yet. fold counts the fresh ones into their bunches and reporters, in the transaction that
// keeps them; a bunch or reporter that is not there is not in the Intake, and fold puts it in.
func (s *Store) AddReports(ctx context.Context, rows []ReportRow, fold func(*Intake) error) (fresh int, err error) {
	err = s.tx(ctx, "reports", func(tx *sql.Tx) error {
		in := Intake{Bunches: map[uint64]*SealedBunch{}, Reporters: map[uint64]*report.Reporter{}}
		there := map[uint64]bool{}
		err := each64(rows, func(r *ReportRow) uint64 { return r.Digest }, func(marks string, args []any) error {
			return query(ctx, tx, "SELECT digest FROM reports WHERE digest IN ("+marks+")", args, func(rows *sql.Rows) error {
				var d int64
				err := rows.Scan(&d)
				there[uint64(d)] = true
				return err
			})
		})
		if err != nil {
			return err
		}
		for i := range rows {
			if !there[rows[i].Digest] {
				there[rows[i].Digest] = true
				in.Fresh = append(in.Fresh, i)
			}
		}
		if fresh = len(in.Fresh); fresh == 0 {
			return nil
		}
		take := make([]ReportRow, 0, fresh)
		for _, i := range in.Fresh {
			take = append(take, rows[i])
		}
		if err := each64(take, func(r *ReportRow) uint64 { return r.Bunch }, func(marks string, args []any) error {
			return bunches(ctx, tx, "WHERE id IN ("+marks+")", args, func(b *SealedBunch) { in.Bunches[b.ID] = b })
		}); err != nil {
			return err
		}
		if err := each64(take, func(r *ReportRow) uint64 { return r.Reporter }, func(marks string, args []any) error {
			return reporters(ctx, tx, "WHERE id IN ("+marks+")", args, func(r report.Reporter) { in.Reporters[r.ID] = &r })
		}); err != nil {
			return err
		}
		if err := fold(&in); err != nil {
			return err
		}
		return s.writeIntake(ctx, tx, take, &in)
	})
	return fresh, err
}

func (s *Store) writeIntake(ctx context.Context, tx *sql.Tx, rows []ReportRow, in *Intake) error {
	values := make([]any, 0, 9*len(rows))
	for i := range rows {
		r := &rows[i]
		values = append(values, int64(r.Digest), r.At, r.Channel.String(), r.Medium.String(), r.Claim.String(), int64(r.Reporter), int64(r.Bunch), r.Told, notNil(r.Sealed))
	}
	if err := s.bulk(ctx, tx, `INSERT INTO reports (digest, at, channel, medium, claim, reporter, bunch, told, sealed) VALUES `, 9, "", values); err != nil {
		return err
	}
	values = values[:0]
	for _, b := range in.Bunches {
		values = append(values, int64(b.ID), string(b.State), b.Medium.String(), b.First.UnixMicro(), b.Last.UnixMicro(), int64(b.Reports), int64(b.Reporters), int64(b.Honest),
			b.Weight, int64(b.Herd), b.PBad, int64(b.Campaign), b.By, b.Why, notNil(b.Sealed))
	}
	if err := s.bulk(ctx, tx, `INSERT INTO bunches (id, state, medium, first, last, reports, reporters, honest, weight, herd, p_bad, campaign, who, why, sealed) VALUES `, 15,
		` ON CONFLICT (id) DO UPDATE SET first = excluded.first, last = excluded.last, reports = excluded.reports, reporters = excluded.reporters, honest = excluded.honest,
		p_bad = excluded.p_bad, campaign = excluded.campaign, sealed = excluded.sealed`, values); err != nil {
		return err
	}
	values = values[:0]
	for _, r := range in.Reporters {
		values = append(values, int64(r.ID), int64(r.Right), int64(r.Wrong), int64(r.Reports), r.Last.UnixMicro(), packRecent(r.Recent))
	}
	return s.bulk(ctx, tx, `INSERT INTO reporters (id, good, bad, reports, last, recent) VALUES `, 6,
		` ON CONFLICT (id) DO UPDATE SET good = excluded.good, bad = excluded.bad, reports = excluded.reports, last = excluded.last, recent = excluded.recent`, values)
}

// each64 calls f with placeholders and arguments for the distinct values of rows that are not 0, some at a time.
func each64[T any](rows []T, of func(*T) uint64, f func(marks string, args []any) error) error {
	const most = 500
	seen := make(map[uint64]bool, len(rows))
	var args []any
	flush := func() error {
		if len(args) == 0 {
			return nil
		}
		marks := strings.Trim(placeholders(1, len(args)), "()")
		err := f(marks, args)
		args = args[:0]
		return err
	}
	for i := range rows {
		v := of(&rows[i])
		if v == 0 || seen[v] {
			continue
		}
		seen[v] = true
		if args = append(args, int64(v)); len(args) == most {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}

func packRecent(all []uint64) []byte {
	b := make([]byte, 0, 8*len(all))
	for _, v := range all {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	return b
}

func unpackRecent(b []byte) (all []uint64) {
	for ; len(b) >= 8 && len(all) < report.MaxRecent; b = b[8:] {
		all = append(all, binary.LittleEndian.Uint64(b))
	}
	return all
}

func reporters(ctx context.Context, db querier, where string, args []any, each func(report.Reporter)) error {
	return query(ctx, db, "SELECT id, good, bad, reports, last, recent FROM reporters "+where, args, func(rows *sql.Rows) error {
		var id, last int64
		var r report.Reporter
		var recent []byte
		if err := rows.Scan(&id, &r.Right, &r.Wrong, &r.Reports, &last, &recent); err != nil {
			return err
		}
		r.ID, r.Last, r.Recent = uint64(id), time.UnixMicro(last).UTC(), unpackRecent(recent)
		each(r)
		return nil
	})
}

func bunches(ctx context.Context, db querier, where string, args []any, each func(*SealedBunch)) error {
	return query(ctx, db, `SELECT id, state, medium, first, last, reports, reporters, honest, weight, herd, p_bad, campaign, who, why, sealed FROM bunches `+where, args, func(rows *sql.Rows) error {
		var b SealedBunch
		var id, first, last, campaign int64
		var state, medium string
		if err := rows.Scan(&id, &state, &medium, &first, &last, &b.Reports, &b.Reporters, &b.Honest, &b.Weight, &b.Herd, &b.PBad, &campaign, &b.By, &b.Why, &b.Sealed); err != nil {
			return err
		}
		b.ID, b.State, b.Campaign, b.First, b.Last = uint64(id), report.State(state), uint64(campaign), time.UnixMicro(first).UTC(), time.UnixMicro(last).UTC()
		b.Medium, _ = report.ParseMedium(medium)
		each(&b)
		return nil
	})
}

// BunchFilter says which bunches are wanted; its zero value the hundred newest.
type BunchFilter struct {
	States []report.State
	Limit  int // 0: 100
}

// Bunches lists bunches, those with the most reporters first.
func (s *Store) Bunches(ctx context.Context, f BunchFilter) (all []*SealedBunch, err error) {
	if f.Limit <= 0 {
		f.Limit = 100
	}
	where, args := "", []any{}
	if len(f.States) > 0 {
		for _, st := range f.States {
			args = append(args, string(st))
		}
		where = "WHERE state IN " + placeholders(1, len(args))
	}
	args = append(args, f.Limit)
	err = bunches(ctx, s.r, fmt.Sprintf("%s ORDER BY last DESC, id LIMIT $%d", where, len(args)), args, func(b *SealedBunch) { all = append(all, b) })
	if err != nil {
		err = fmt.Errorf("read reports: %w", err)
	}
	return all, err
}

// Bunch is one of them, or ErrNotFound.
func (s *Store) Bunch(ctx context.Context, id uint64) (b *SealedBunch, err error) {
	err = bunches(ctx, s.r, "WHERE id = $1", []any{int64(id)}, func(x *SealedBunch) { b = x })
	if err == nil && b == nil {
		err = ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("read a bunch of reports: %w", err)
	}
	return b, nil
}

// Voices are those who reported a bunch as fraud or spam, at most so many.
func (s *Store) Voices(ctx context.Context, bunch uint64, most int) (all []report.Reporter, err error) {
	err = reporters(ctx, s.r, `WHERE id IN (SELECT DISTINCT reporter FROM reports WHERE bunch = $1 AND claim <> 'honest' AND reporter <> 0 LIMIT $2)`, []any{int64(bunch), most},
		func(r report.Reporter) { all = append(all, r) })
	if err != nil {
		err = fmt.Errorf("read reporters: %w", err)
	}
	return all, err
}

// Weighed notes how much the voices of a bunch weigh.
func (s *Store) WeighBunch(ctx context.Context, id uint64, weight float64, herd int) error {
	return s.tx(ctx, "reports", func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE bunches SET weight = $1, herd = $2 WHERE id = $3`, weight, herd, int64(id))
		return err
	})
}

// ErrDecided is returned where a bunch was decided by somebody else meanwhile.
var ErrDecided = errors.New("it was decided meanwhile")

// Decision is what becomes of a bunch.
type Decision struct {
	Bunch    uint64
	From, To report.State
	By, Why  string // a person, or "policy"
	At       time.Time
	Entries  []indicator.Entry // what it teaches
}

// DecideBunch moves a bunch, tells its reporters' records of it, and puts what it teaches into the register, all in one transaction with its
// entry in the ledger.
func (s *Store) DecideBunch(ctx context.Context, d Decision) error {
	return s.tx(ctx, "reports", func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, `UPDATE bunches SET state = $1, who = $2, why = $3 WHERE id = $4 AND state = $5`, string(d.To), d.By, d.Why, int64(d.Bunch), string(d.From))
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, ErrDecided)
		}
		if err := s.credit(ctx, tx, d.Bunch, d.From, -1); err != nil { // what was said before is taken back
			return err
		}
		if err := s.credit(ctx, tx, d.Bunch, d.To, 1); err != nil {
			return err
		}
		if d.To != report.IsFraud {
			if _, err := tx.ExecContext(ctx, `UPDATE indicators SET status = 'withdrawn', bad = bad + 1, changed = $1, who = $2, why = $3 WHERE bunch = $4 AND status <> 'withdrawn'`,
				d.At.UnixMicro(), d.By, d.Why, int64(d.Bunch)); err != nil {
				return err
			}
		}
		if err := s.putEntries(ctx, tx, d.Bunch, d.Entries); err != nil {
			return err
		}
		return s.enter(ctx, tx, audit.Entry{Actor: d.By, Act: audit.ReportsDecided, About: report.Name(d.Bunch), Why: string(d.From) + " to " + string(d.To) + ": " + d.Why})
	})
}

// credit counts a decided bunch in the records of those who reported it, by 1 or, to take it back, by -1.
func (s *Store) credit(ctx context.Context, tx *sql.Tx, bunch uint64, st report.State, by int) error {
	right, wrong := "<> 'honest'", "= 'honest'"
	switch st {
	case report.IsFair:
		right, wrong = wrong, right
	case report.New, report.Refused:
		return nil
	}
	for column, claim := range map[string]string{"good": right, "bad": wrong} {
		if _, err := tx.ExecContext(ctx, fmt.Sprintf(`UPDATE reporters SET %[1]s = CASE WHEN %[1]s + $1 < 0 THEN 0 ELSE %[1]s + $2 END
			WHERE id IN (SELECT DISTINCT reporter FROM reports WHERE bunch = $3 AND claim %[2]s)`, column, claim), by, by, int64(bunch)); err != nil {
			return err
		}
	}
	return nil
}

// Untold visits reports by a channel of bunches that were decided, whose reporters were not told yet, at most so many, oldest first.
func (s *Store) Untold(ctx context.Context, channel report.Channel, since int64, most int, each func(r ReportRow, st report.State)) error {
	err := query(ctx, s.r, `SELECT r.digest, r.at, r.claim, r.reporter, r.bunch, r.sealed, b.state FROM reports r JOIN bunches b ON b.id = r.bunch
		WHERE r.told = 0 AND r.channel = $1 AND r.at > $2 AND b.state <> 'new' ORDER BY r.at LIMIT $3`, []any{channel.String(), since, most}, func(rows *sql.Rows) error {
		var digest, reporter, bunch int64
		var claim, st string
		r := ReportRow{Channel: channel}
		if err := rows.Scan(&digest, &r.At, &claim, &reporter, &bunch, &r.Sealed, &st); err != nil {
			return err
		}
		r.Digest, r.Reporter, r.Bunch = uint64(digest), uint64(reporter), uint64(bunch)
		r.Claim, _ = report.ParseClaim(claim)
		each(r, report.State(st))
		return nil
	})
	if err != nil {
		return fmt.Errorf("read reports: %w", err)
	}
	return nil
}

// Tell notes that the reporter of a report was told; false if he was before.
func (s *Store) Tell(ctx context.Context, digest uint64, at int64) (first bool, err error) {
	err = s.tx(ctx, "reports", func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, `UPDATE reports SET told = $1 WHERE digest = $2 AND told = 0`, at, int64(digest))
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		first = n == 1
		return err
	})
	return first, err
}

// Talk is a conversation with a reporter as it is kept; without octets it is forgotten.
type Talk struct {
	ID     uint64
	Last   int64
	Sealed []byte
}

// PutTalks keeps conversations as they are now.
func (s *Store) PutTalks(ctx context.Context, all []Talk) error {
	return s.tx(ctx, "reports", func(tx *sql.Tx) error {
		var values []any
		for _, t := range all {
			if len(t.Sealed) > 0 {
				values = append(values, int64(t.ID), t.Last, t.Sealed)
				continue
			}
			if _, err := tx.ExecContext(ctx, `DELETE FROM talks WHERE id = $1`, int64(t.ID)); err != nil {
				return err
			}
		}
		return s.bulk(ctx, tx, `INSERT INTO talks (id, last, sealed) VALUES `, 3, ` ON CONFLICT (id) DO UPDATE SET last = excluded.last, sealed = excluded.sealed`, values)
	})
}

// Talks visits all conversations, the longest quiet first.
func (s *Store) Talks(ctx context.Context, each func(Talk) error) error {
	err := query(ctx, s.r, `SELECT id, last, sealed FROM talks ORDER BY last`, nil, func(rows *sql.Rows) error {
		var t Talk
		var id int64
		if err := rows.Scan(&id, &t.Last, &t.Sealed); err != nil {
			return err
		}
		t.ID = uint64(id)
		return each(t)
	})
	if err != nil {
		return fmt.Errorf("read conversations: %w", err)
	}
	return nil
}
