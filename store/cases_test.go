package store

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sekisho/sekisho/cases"
	"github.com/sekisho/sekisho/evidence"
	"github.com/sekisho/sekisho/subject"
)

func TestCasesSQLite(t *testing.T) {
	testCases(t, func(t *testing.T) string { return "sqlite:" + filepath.Join(t.TempDir(), "cases.db") })
}

func TestCasesPostgres(t *testing.T) {
	dsn := os.Getenv("SEKISHO_TEST_POSTGRES")
	if dsn == "" {
		t.Skip("no PostgreSQL here: set SEKISHO_TEST_POSTGRES")
	}
	testCases(t, func(t *testing.T) string { return schema(t, dsn) })
}

func testCases(t *testing.T, fresh func(*testing.T) string) {
	for name, f := range map[string]func(*testing.T, *Store){
		"kept": testCaseKept, "opened": testOpenCases, "moved": testMoveCase, "closed": testCloseContract, "notices": testNotices, "told": testTellAll,
	} {
		t.Run(name, func(t *testing.T) { f(t, openStore(t, fresh(t))) })
	}
}

func caseOf(n int, at int64) *cases.Case {
	l := subject.Line(819000000000 + uint64(n))
	c := cases.New(cases.InfectedLine, subject.Contract(l), l, atTime(at))
	c.Score, c.Stopped, c.Campaigns = 6.5, 9, []uint64{1<<63 + 5, 7}
	c.Reasons = []evidence.Reason{{Name: "links-change", Points: 6.5, Why: [2]string{"English.", "日本語。"}}}
	return c
}

func open(t *testing.T, s *Store, all ...*cases.Case) {
	t.Helper()
	if err := s.tx(t.Context(), "case", func(tx *sql.Tx) error { return s.openCases(t.Context(), tx, all) }); err != nil {
		t.Fatal(err)
	}
}

func only(t *testing.T, s *Store, f CaseFilter) *cases.Case {
	t.Helper()
	all, err := s.Cases(t.Context(), f)
	if err != nil || len(all) != 1 {
		t.Fatalf("%d cases, want one: %v", len(all), err)
	}
	return all[0]
}

func step(c *cases.Case, to cases.State, at int64) cases.Move {
	return cases.Move{Case: c.ID, At: atTime(at), From: c.State, To: to, Who: "tanaka", Why: "so"}
}

func testCaseKept(t *testing.T, s *Store) {
	c := caseOf(1, noon)
	if err := s.PutCase(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	got, err := s.Case(t.Context(), c.ID)
	if err != nil || !reflect.DeepEqual(got, c) {
		t.Errorf("%v\n%+v\n%+v", err, got, c)
	}
	c.Confirmed, c.ConfirmedBy = atTime(noon+5), "care"
	if err := s.PutCase(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if got, err = s.Case(t.Context(), c.ID); err != nil || !reflect.DeepEqual(got, c) {
		t.Errorf("%v\n%+v\n%+v", err, got, c)
	}
	c.State = cases.Quiet
	if err := s.PutCase(t.Context(), c); !errors.Is(err, ErrMoved) {
		t.Error("moved by the back door:", err)
	}
	if _, err := s.Case(t.Context(), "il-none"); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	if s.PutCase(t.Context(), &cases.Case{ID: "il-x", Kind: cases.InfectedLine}) == nil {
		t.Error("a case of nobody")
	}
	open(t, s, caseOf(2, noon+60e6), caseOf(3, noon+120e6))
	all, err := s.Cases(t.Context(), CaseFilter{Limit: 2})
	if err != nil || len(all) != 2 || all[0].Line != 819000000003 {
		t.Error(all, err)
	}
	if one := only(t, s, CaseFilter{Contract: 819000000002, States: []cases.State{cases.Open, cases.Quiet}}); one.Line != 819000000002 {
		t.Error(one)
	}
	// What comes in after a case was found counts for when it is quiet.
	if err := s.tx(t.Context(), "x", func(tx *sql.Tx) error {
		return s.putSnapshots(t.Context(), tx, "standings", "contract", []Snapshot{{819000000001, noon + 77e6, []byte("x")}})
	}); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Case(t.Context(), c.ID); err != nil || got.LastEvidence != atTime(noon+77e6) {
		t.Error(got, err)
	}
}

func testOpenCases(t *testing.T, s *Store) {
	c := caseOf(1, noon)
	open(t, s, c)
	open(t, s, c, caseOf(1, noon)) // the batch comes again
	if got := only(t, s, CaseFilter{}); got.ID != c.ID || len(got.Moves) != 0 {
		t.Errorf("%+v", got)
	}
	more := caseOf(1, noon+60e6)
	more.Score = 8
	open(t, s, more)
	got := only(t, s, CaseFilter{})
	if got.ID != c.ID || got.Score != 8 || got.State != cases.Open || got.Opened != c.Opened || len(got.Moves) != 0 {
		t.Errorf("%+v", got)
	}
	if err := s.MoveCase(t.Context(), step(got, cases.Quiet, noon+8*24*3600e6)); err != nil {
		t.Fatal(err)
	}
	again := caseOf(1, noon+9*24*3600e6)
	open(t, s, again, again)
	got = only(t, s, CaseFilter{})
	if got.ID != c.ID || got.State != cases.Relapsed || len(got.Moves) != 2 || got.Moves[1].Who != cases.Machine {
		t.Errorf("%+v", got)
	}
	if err := s.MoveCase(t.Context(), step(got, cases.Wrong, noon+10*24*3600e6)); err != nil {
		t.Fatal(err)
	}
	open(t, s, again) // known before it was found wrong
	only(t, s, CaseFilter{})
	// The id of one that is there is no hindrance.
	next := caseOf(2, noon)
	next.ID = c.ID
	open(t, s, next, caseOf(1, noon+11*24*3600e6))
	all, err := s.Cases(t.Context(), CaseFilter{States: []cases.State{cases.Open}})
	if err != nil || len(all) != 2 || all[0].ID == c.ID || all[1].ID == c.ID {
		t.Errorf("%v %v", all, err)
	}
}

func testMoveCase(t *testing.T, s *Store) {
	c := caseOf(1, noon)
	open(t, s, c)
	// Of all who read the same state one moves the case.
	var wg sync.WaitGroup
	errs := make(chan error, 6)
	for range cap(errs) {
		wg.Go(func() { errs <- s.MoveCase(context.Background(), step(c, cases.Wrong, noon+1)) })
	}
	wg.Wait()
	close(errs)
	moved := 0
	for err := range errs {
		if err == nil {
			moved++
		} else if !errors.Is(err, ErrMoved) {
			t.Error(err)
		}
	}
	got := only(t, s, CaseFilter{})
	if moved != 1 || got.State != cases.Wrong || len(got.Moves) != 1 || got.Moves[0] != step(c, cases.Wrong, noon+1) {
		t.Errorf("%d moved: %+v", moved, got)
	}
	if err := s.MoveCase(t.Context(), step(got, cases.Cured, noon+2)); err == nil || !strings.Contains(err.Error(), "wrong") || !strings.Contains(err.Error(), "cured") {
		t.Error(err)
	}
	if err := s.MoveCase(t.Context(), cases.Move{Case: "il-none", From: cases.Open, To: cases.Wrong}); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
}

func testCloseContract(t *testing.T, s *Store) {
	ctx := t.Context()
	c, other := caseOf(1, noon), caseOf(2, noon)
	open(t, s, c, other)
	if err := s.tx(ctx, "x", func(tx *sql.Tx) error {
		return s.putSnapshots(ctx, tx, "standings", "contract", []Snapshot{{uint64(c.Contract), noon, []byte("x")}, {uint64(other.Contract), noon, []byte("x")}})
	}); err != nil {
		t.Fatal(err)
	}
	n := &cases.Notice{Case: c.ID, Channel: cases.Call, Planned: atTime(noon), Who: "tanaka"}
	if err := s.PlanNotice(ctx, n, cases.Open); err != nil {
		t.Fatal(err)
	}
	for range 2 { // it may be told twice
		if err := s.CloseContract(ctx, c.Contract, "the contract opted out of infection_notice"); err != nil {
			t.Fatal(err)
		}
	}
	got, err := s.Case(ctx, c.ID)
	if err != nil || got.State != cases.Closed || got.Line != 0 || got.Contract != 0 || got.Reasons != nil || got.Campaigns != nil || got.Score != 0 || len(got.Moves) != 1 {
		t.Errorf("%+v %v", got, err)
	}
	// Nothing of the line is left anywhere.
	for _, q := range []string{"SELECT count(*) FROM standings WHERE contract = $1", "SELECT count(*) FROM cases WHERE contract = $1 OR line = $1"} {
		var left int
		if err := s.w.QueryRowContext(ctx, q, int64(c.Line)).Scan(&left); err != nil || left != 0 {
			t.Errorf("%s: %d %v", q, left, err)
		}
	}
	if got, err := s.Case(ctx, other.ID); err != nil || got.State != cases.Open || len(got.Reasons) != 1 {
		t.Errorf("another contract's: %+v %v", got, err)
	}
	if all, err := s.Notices(ctx, c.ID); err != nil || len(all) != 1 || all[0].State != cases.Failed || !all[0].Tried.IsZero() {
		t.Error(all, err)
	}
	if err := s.PlanNotice(ctx, &cases.Notice{Case: c.ID, Channel: cases.Call}, cases.Open); !errors.Is(err, ErrMoved) {
		t.Error("a notice for a closed case:", err)
	}
	got.State = cases.Closed
	if err := s.PutCase(ctx, got); !errors.Is(err, ErrMoved) {
		t.Error("what is closed was written to:", err)
	}
	open(t, s, caseOf(1, noon+60e6)) // it opted in again: a new case
	if got := only(t, s, CaseFilter{Contract: c.Contract}); got.ID == c.ID || got.State != cases.Open {
		t.Errorf("%+v", got)
	}
	if s.CloseContract(ctx, 0, "x") == nil {
		t.Error("closed all that is closed")
	}
	// A case that ended is forgotten with all its rows; one that is open stays, however old.
	if n, err := s.Expire(ctx, time.Now().Add(48*time.Hour).UnixMicro(), Retentions{Cases: 24 * time.Hour, Against: time.Hour}); err != nil || n == 0 {
		t.Errorf("%d rows: %v", n, err)
	}
	if _, err := s.Case(ctx, c.ID); err == nil {
		t.Error("a case that ended long ago is still there")
	}
	for _, q := range []string{"SELECT count(*) FROM case_moves WHERE case_id = $1", "SELECT count(*) FROM notices WHERE case_id = $1"} {
		var left int
		if err := s.w.QueryRowContext(ctx, q, c.ID).Scan(&left); err != nil || left != 0 {
			t.Errorf("%s: %d %v", q, left, err)
		}
	}
	if _, err := s.Case(ctx, other.ID); err != nil {
		t.Error(err)
	}
}

func testNotices(t *testing.T, s *Store) {
	ctx := t.Context()
	c := caseOf(1, noon)
	open(t, s, c)
	plan := func() *cases.Notice {
		return &cases.Notice{Case: c.ID, Channel: cases.Mail, Text: "mail.ja.0a1b2c3d", Planned: atTime(noon), Who: cases.Machine}
	}
	n := plan()
	if err := s.PlanNotice(ctx, n, cases.Open); err != nil || n.ID != c.ID+"-1" {
		t.Fatal(n, err)
	}
	if err := s.PlanNotice(ctx, plan(), cases.Open); !errors.Is(err, ErrUnderWay) {
		t.Error("two at once:", err)
	}
	sent := NoticeStep{ID: n.ID, From: cases.Agreed, To: cases.Sent, At: atTime(noon + 2), Who: cases.Machine}
	if err := s.MoveNotice(ctx, sent); !errors.Is(err, ErrMoved) {
		t.Error("sent before anybody agreed:", err)
	}
	agreed := NoticeStep{ID: n.ID, From: cases.Planned, To: cases.Agreed, At: atTime(noon + 1), Who: "tanaka", Why: "looked at"}
	bad := agreed
	if bad.Who = cases.Machine; !errors.Is(s.MoveNotice(ctx, bad), cases.ErrNobodyAgreed) {
		t.Error("the machine agreed")
	}
	for _, st := range []NoticeStep{agreed, sent} {
		if err := s.MoveNotice(ctx, st); err != nil {
			t.Fatal(err)
		}
	}
	all, err := s.Notices(ctx, "", cases.Sent, cases.Receipted)
	if err != nil || len(all) != 1 || all[0].AgreedBy != "tanaka" || all[0].Tried != atTime(noon+2) || all[0].Text != n.Text {
		t.Fatal(all, err)
	}
	got := only(t, s, CaseFilter{})
	if got.State != cases.Noticed || got.Noticed != atTime(noon+2) || got.Moves[0].Why != cases.WhyNotice {
		t.Errorf("%+v", got)
	}
	// A second one leaves the case noticed, and dates it anew.
	n = plan()
	if err := s.PlanNotice(ctx, n, cases.Noticed); err != nil || n.ID != c.ID+"-2" {
		t.Fatal(n, err)
	}
	for _, st := range []NoticeStep{agreed, sent} {
		st.ID, st.At = n.ID, st.At.Add(time.Hour)
		if err := s.MoveNotice(ctx, st); err != nil {
			t.Fatal(err)
		}
	}
	if got := only(t, s, CaseFilter{}); len(got.Moves) != 1 || got.Noticed != atTime(noon+2).Add(time.Hour) {
		t.Errorf("%+v", got)
	}
	// Nobody is told of what was found wrong.
	n = plan()
	if err := s.PlanNotice(ctx, n, cases.Noticed); err != nil {
		t.Fatal(err)
	}
	if err := s.MoveCase(ctx, step(got, cases.Wrong, noon+9)); err != nil {
		t.Fatal(err)
	}
	if all, err := s.Notices(ctx, c.ID, cases.Failed); err != nil || len(all) != 1 || all[0].ID != n.ID || all[0].Who != "tanaka" {
		t.Error(all, err)
	}
}

func testTellAll(t *testing.T, s *Store) {
	ctx := t.Context()
	a, b := caseOf(1, noon), caseOf(2, noon)
	open(t, s, a, b)
	told := func(c *cases.Case) Told {
		n := &cases.Notice{Case: c.ID, Channel: cases.Call, Planned: atTime(noon), Who: "tanaka"}
		if err := s.PlanNotice(ctx, n, cases.Open); err != nil {
			t.Fatal(err)
		}
		if err := s.MoveNotice(ctx, NoticeStep{ID: n.ID, From: cases.Planned, To: cases.Agreed, At: atTime(noon), Who: "tanaka"}); err != nil {
			t.Fatal(err)
		}
		return Told{Case: c.ID, State: cases.Open, Who: "care", Confirmed: atTime(noon + 2), Steps: []NoticeStep{
			{ID: n.ID, From: cases.Agreed, To: cases.Sent, At: atTime(noon + 1), Who: "care"},
			{ID: n.ID, From: cases.Sent, To: cases.Receipted, At: atTime(noon + 1), Who: "care"},
		}}
	}
	both := []Told{told(a), told(b)}
	both[1].State = cases.Quiet // moved meanwhile
	if err := s.TellAll(ctx, both); !errors.Is(err, ErrMoved) || !strings.Contains(err.Error(), b.ID) {
		t.Error(err)
	}
	if got, err := s.Case(ctx, a.ID); err != nil || got.State != cases.Open || !got.Confirmed.IsZero() {
		t.Errorf("half of it was written: %+v %v", got, err)
	}
	both[1].State = cases.Open
	if err := s.TellAll(ctx, both); err != nil {
		t.Fatal(err)
	}
	for _, c := range both {
		got, err := s.Case(ctx, c.Case)
		if err != nil || got.State != cases.Noticed || got.ConfirmedBy != "care" || got.Moves[0].Why != cases.WhyTold {
			t.Errorf("%+v %v", got, err)
		}
	}
}
