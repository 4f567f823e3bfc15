package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/sekisho/sekisho/record"
)

// MinuteCount is how many messages of a kind passed in a minute.
type MinuteCount struct {
	Minute                      int64 // its start, microseconds
	Route, Outcome, Done        string
	N, OptedOut, Refused, Delay int64
}

// PerMinute returns counts from one time to another (the end left out), by minute, route, outcome and what was done, oldest first.
func (s *Store) PerMinute(ctx context.Context, from, until int64) ([]MinuteCount, error) {
	var out []MinuteCount
	err := query(ctx, s.r, `SELECT minute, route, outcome, done, sum(n), sum(opted), sum(refused), sum(delay) FROM counts
		WHERE minute >= $1 AND minute < $2 GROUP BY minute, route, outcome, done ORDER BY minute, route, outcome, done`,
		[]any{floorMinute(from), until}, func(rows *sql.Rows) error {
			var c MinuteCount
			err := rows.Scan(&c.Minute, &c.Route, &c.Outcome, &c.Done, &c.N, &c.OptedOut, &c.Refused, &c.Delay)
			out = append(out, c)
			return err
		})
	if err != nil {
		return nil, fmt.Errorf("read counts: %w", err)
	}
	return out, nil
}

// AccountCount is how many messages an account sent, and what became of them.
type AccountCount struct {
	Account, Route, Done string
	N                    int64
}

// PerAccount returns counts from one time to another by account, route and what was done, the most first.
func (s *Store) PerAccount(ctx context.Context, from, until int64, limit int) ([]AccountCount, error) {
	var out []AccountCount
	err := query(ctx, s.r, `SELECT account, route, done, sum(n) AS total FROM counts WHERE minute >= $1 AND minute < $2
		GROUP BY account, route, done ORDER BY total DESC, account, route, done LIMIT $3`,
		[]any{floorMinute(from), until, limit}, func(rows *sql.Rows) error {
			var c AccountCount
			err := rows.Scan(&c.Account, &c.Route, &c.Done, &c.N)
			out = append(out, c)
			return err
		})
	if err != nil {
		return nil, fmt.Errorf("read counts: %w", err)
	}
	return out, nil
}

// RuleCount is how often a rule was met.
type RuleCount struct {
	Rule  string
	Trial bool
	N     int64
}

// TopRules returns the rules met most often from one time to another.
func (s *Store) TopRules(ctx context.Context, from, until int64, limit int) ([]RuleCount, error) {
	var out []RuleCount
	err := query(ctx, s.r, `SELECT rule, trial, sum(n) AS total FROM rule_counts WHERE minute >= $1 AND minute < $2
		GROUP BY rule, trial ORDER BY total DESC, rule, trial LIMIT $3`,
		[]any{floorMinute(from), until, limit}, func(rows *sql.Rows) error {
			var c RuleCount
			var trial int
			err := rows.Scan(&c.Rule, &trial, &c.N)
			c.Trial = trial != 0
			out = append(out, c)
			return err
		})
	if err != nil {
		return nil, fmt.Errorf("read rules: %w", err)
	}
	return out, nil
}

// ReceiptCounts returns how many receipts of each state came from one time to another.
func (s *Store) ReceiptCounts(ctx context.Context, from, until int64) (map[string]int64, error) {
	out := map[string]int64{}
	err := query(ctx, s.r, `SELECT state, sum(n) FROM receipt_counts WHERE minute >= $1 AND minute < $2 GROUP BY state`,
		[]any{floorMinute(from), until}, func(rows *sql.Rows) error {
			var state string
			var n int64
			err := rows.Scan(&state, &n)
			out[state] = n
			return err
		})
	if err != nil {
		return nil, fmt.Errorf("read receipts: %w", err)
	}
	return out, nil
}

// StoppedQuery says which stopped messages are asked for: all that is set must fit.
type StoppedQuery struct {
	Before      int64 // only rows with a lower ID: the last of the page before
	From, Until int64 // time, both ends included; 0 is no bound
	To, Sender  record.Party
	MessageID   string
	Account     string
	Route       string
	Limit       int // 50 where 0, at most 1000
}

// Stopped returns stopped messages, latest first.
func (s *Store) Stopped(ctx context.Context, q StoppedQuery) ([]Passage, error) {
	var where []string
	var args []any
	and := func(condition string, arg any) {
		args = append(args, arg)
		where = append(where, fmt.Sprintf(condition, len(args)))
	}
	if q.Before != 0 {
		and("id < $%d", q.Before)
	}
	if q.From != 0 {
		and("time >= $%d", q.From)
	}
	if q.Until != 0 {
		and("time <= $%d", q.Until)
	}
	for column, p := range map[string]record.Party{"to": q.To, "from": q.Sender} {
		if p.Key != 0 {
			and(column+"_key = $%d", int64(p.Key))
		} else if len(p.Plain) > 0 {
			and(column+"_plain = $%d", string(p.Plain))
		}
	}
	if q.MessageID != "" {
		and("message_id = $%d", record.CleanID(q.MessageID))
	}
	if q.Account != "" {
		and("account = $%d", q.Account)
	}
	if q.Route != "" {
		and("route = $%d", q.Route)
	}
	text := `SELECT id, time, door, account, message_id, route, class, outcome, done, mode, from_key, from_plain, to_key, to_plain,
		p_phishing, p_bad, rules, trial, about, family, parts, delay, status FROM stopped`
	if len(where) > 0 {
		text += " WHERE " + strings.Join(where, " AND ")
	}
	if q.Limit <= 0 {
		q.Limit = 50
	}
	args = append(args, min(q.Limit, 1000))
	text += fmt.Sprintf(" ORDER BY id DESC LIMIT $%d", len(args))
	var out []Passage
	err := query(ctx, s.r, text, args, func(rows *sql.Rows) error {
		p, err := scanStopped(rows)
		out = append(out, p)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read stopped messages: %w", err)
	}
	return out, nil
}

func scanStopped(rows *sql.Rows) (Passage, error) {
	var p Passage
	var from, to sql.NullInt64
	var rules, trial, about string
	var family int64
	err := rows.Scan(&p.ID, &p.Time, &p.Door, &p.Account, &p.MessageID, &p.Route, &p.Class, &p.Outcome, &p.Done, &p.Mode,
		&from, &p.From.Plain, &to, &p.To.Plain, &p.PPhishing, &p.PBad, &rules, &trial, &about, &family, &p.Parts, &p.Delay, &p.Status)
	p.From.Key, p.To.Key = record.Pseudonym(from.Int64), record.Pseudonym(to.Int64)
	p.Rules, p.Trial, p.About = splitLines(rules), splitLines(trial), splitLines(about)
	p.Family = uint64(family)
	return p, err
}

func splitLines(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, "\n")
}
