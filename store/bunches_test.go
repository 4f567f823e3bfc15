package store

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sekisho/sekisho/indicator"
	"github.com/sekisho/sekisho/report"
)

// Pages of bunches and entries meet without a gap, on either engine.
func TestBunchPages(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) {
		testBunchPages(t, openStore(t, "sqlite:"+filepath.Join(t.TempDir(), "records.db")))
	})
	t.Run("postgres", func(t *testing.T) {
		dsn := os.Getenv("SEKISHO_TEST_POSTGRES")
		if dsn == "" {
			t.Skip("no PostgreSQL here")
		}
		testBunchPages(t, openStore(t, schema(t, dsn)))
	})
}

func testBunchPages(t *testing.T, s *Store) {
	ctx, at := context.Background(), time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)
	var rows []ReportRow
	for i := range uint64(60) {
		// Some ids have the highest bit: they are below zero in the database. Four bunches share each time.
		rows = append(rows, ReportRow{Digest: i + 1, At: at.Add(time.Duration(i/4) * time.Second).UnixMicro(), Channel: report.Form + report.Channel(i%2), Medium: report.SMS, Bunch: (i + 1) << 58, Reporter: i + 1, Sealed: []byte("x")})
		rows[i].Bunch += i
	}
	if _, err := s.AddReports(ctx, rows, func(in *Intake) error {
		for _, i := range in.Fresh {
			r := &rows[i]
			when := time.UnixMicro(r.At)
			in.Bunches[r.Bunch] = &SealedBunch{Bunch: report.Bunch{ID: r.Bunch, State: report.New, Medium: r.Medium, First: when, Last: when, Reports: 1, Reporters: 1}}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for _, st := range []report.State{"", report.New} {
		seen := map[uint64]bool{}
		f := BunchPage{State: st, Limit: 7}
		for {
			page, err := s.BunchPage(ctx, f)
			if err != nil {
				t.Fatal(err)
			}
			for _, b := range page {
				if seen[b.ID] {
					t.Errorf("%q: %d twice", st, b.ID)
				}
				seen[b.ID] = true
			}
			if len(page) < f.Limit {
				break
			}
			f.Before, f.BeforeID = page[6].Last.UnixMicro(), page[6].ID
		}
		if len(seen) != 60 {
			t.Errorf("%q: %d of 60", st, len(seen))
		}
	}
	if n, err := s.BunchStates(ctx); err != nil || n[report.New] != 60 {
		t.Error(n, err)
	}
	if n, err := s.ReportsSince(ctx, at.UnixMicro(), 50); err != nil || n != 50 {
		t.Error(n, err)
	}
	if c, err := s.Channels(ctx, rows[1].Bunch, 10); err != nil || len(c) != 1 || c[0] != "api" {
		t.Error(c, err)
	}
	if r, err := s.ReportsOf(ctx, rows[1].Bunch, 10); err != nil || len(r) != 1 || r[0].Digest != 2 || r[0].Channel != report.API || string(r[0].Sealed) != "x" {
		t.Error(r, err)
	}
	var entries []indicator.Entry
	for i := range 45 {
		entries = append(entries, indicator.Entry{ID: fmt.Sprintf("id-%02d", i), Kind: indicator.Host, Value: fmt.Sprintf("h%02d.example", i/3), Source: fmt.Sprint("list-", i%3), First: at, Last: at, Changed: at.Add(time.Duration(i/5) * time.Second),
			Status: []indicator.Status{indicator.Active, indicator.Proposed}[i%2], Right: 2})
	}
	if err := s.DecideBunch(ctx, Decision{Bunch: rows[0].Bunch, From: report.New, To: report.IsFraud, By: "a", Why: "b", At: at, Entries: entries}); err != nil {
		t.Fatal(err)
	}
	for want, f := range map[int]EntryPage{45: {}, 23: {Status: "active"}, 22: {Status: "proposed"}, 46: {Kind: indicator.Host}} {
		seen := map[string]bool{}
		for f.Limit = 4; ; {
			page, err := s.EntryPage(ctx, f)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range page {
				if seen[e.ID] {
					t.Errorf("%v: %s twice", f, e.ID)
				}
				seen[e.ID] = true
			}
			if len(page) < f.Limit {
				break
			}
			f.After = page[3].ID
		}
		if len(seen) != min(want, 45) {
			t.Errorf("%v: %d of %d", f, len(seen), want)
		}
	}
	if all, err := s.Named(ctx, map[indicator.Kind][]string{indicator.Host: {"h01.example", "none.example"}, indicator.Domain: {"h01.example"}}, 10); err != nil || len(all) != 3 {
		t.Error(len(all), err)
	}
	if b, err := s.CameOf(ctx, "id-07"); err != nil || b != rows[0].Bunch {
		t.Error(b, err)
	}
	if all, err := s.Taught(ctx, rows[0].Bunch, 10); err != nil || len(all) != 10 {
		t.Error(len(all), err)
	}
	tallies, err := s.EntryTallies(ctx)
	if err != nil || len(tallies) != 6 || tallies[0].Right != 2*tallies[0].N {
		t.Error(tallies, err)
	}
	// What was refused credits nobody.
	if err := s.DecideBunch(ctx, Decision{Bunch: rows[0].Bunch, From: report.IsFraud, To: report.Refused, By: "a", Why: "b", At: at}); err != nil {
		t.Fatal(err)
	}
	if s.d == &sqlite {
		for text, index := range map[string]string{
			`SELECT id FROM bunches WHERE state = 'new' AND last <= 9 AND (last < 9 OR id < 5) ORDER BY last DESC, id DESC LIMIT 7`:                   "bunches_state",
			`SELECT id FROM bunches WHERE last <= 9 AND (last < 9 OR id < 5) ORDER BY last DESC, id DESC LIMIT 7`:                                     "bunches_last",
			`SELECT id FROM indicators WHERE status = 'active' AND changed <= 9 AND (changed < 9 OR id < 'x') ORDER BY changed DESC, id DESC LIMIT 7`: "indicators_status",
			`SELECT id FROM indicators WHERE changed <= 9 AND (changed < 9 OR id < 'x') ORDER BY changed DESC, id DESC LIMIT 7`:                       "indicators_changed",
			`SELECT id FROM indicators WHERE kind = 'host' AND value >= 'a' AND (value > 'a' OR source > 'b') ORDER BY value, source LIMIT 7`:         "indicators_value",
			`SELECT channel FROM reports WHERE bunch = 3 ORDER BY at DESC LIMIT 7`:                                                                    "reports_bunch",
			`SELECT id FROM indicators WHERE kind = 'host' AND value = 'h'`:                                                                           "indicators_value",
			`SELECT id FROM indicators WHERE bunch = 4 ORDER BY kind, value LIMIT 7`:                                                                  "indicators_bunch",
		} {
			var plan []string
			if err := query(ctx, s.r, "EXPLAIN QUERY PLAN "+text, nil, func(r *sql.Rows) error {
				var a, b, c int
				var step string
				err := r.Scan(&a, &b, &c, &step)
				plan = append(plan, step)
				return err
			}); err != nil {
				t.Fatal(err)
			}
			if all := strings.Join(plan, "; "); !strings.Contains(all, index) {
				t.Errorf("%s: %s", text, all)
			}
		}
	}
}
