package store

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/sekisho/sekisho/indicator"
	"github.com/sekisho/sekisho/report"
)

// take keeps reports of a bunch by so many reporters, from one on.
func take(t *testing.T, s *Store, bunch uint64, from, n int) int {
	t.Helper()
	var rows []ReportRow
	for i := range n {
		rows = append(rows, ReportRow{Digest: bunch<<32 | uint64(from+i), At: noon + int64(i), Channel: report.ShortCode, Medium: report.SMS, Reporter: uint64(from+i) | 1<<63, Bunch: bunch, Sealed: []byte{1}})
	}
	fresh, err := s.AddReports(t.Context(), rows, func(in *Intake) error {
		for _, i := range in.Fresh {
			b := in.Bunches[rows[i].Bunch]
			if b == nil {
				b = &SealedBunch{Bunch: report.Bunch{ID: rows[i].Bunch, State: report.New, Medium: report.SMS, First: time.UnixMicro(rows[i].At)}}
				in.Bunches[b.ID] = b
			}
			b.Reports++
			b.Last, b.Sealed = time.UnixMicro(rows[i].At), []byte("seen")
			r := in.Reporters[rows[i].Reporter]
			if r == nil {
				r = &report.Reporter{ID: rows[i].Reporter}
				in.Reporters[r.ID] = r
			}
			if r.Reported(b.ID, time.UnixMicro(rows[i].At)) {
				b.Reporters++
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return fresh
}

func testReports(t *testing.T, s *Store) {
	ctx := t.Context()
	if n := take(t, s, 7, 0, 1200); n != 1200 {
		t.Errorf("%d of 1200 were new", n)
	}
	if n := take(t, s, 7, 1100, 200); n != 100 {
		t.Errorf("%d of 200 were new, of which 100 were there", n)
	}
	take(t, s, 8, 0, 3)
	b, err := s.Bunch(ctx, 7)
	if err != nil || b.Reports != 1300 || b.Reporters != 1300 || string(b.Sealed) != "seen" || b.Medium != report.SMS {
		t.Fatalf("%+v %v", b, err)
	}
	if _, err := s.Bunch(ctx, 9); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	voices, err := s.Voices(ctx, 7, 50)
	if err != nil || len(voices) != 50 {
		t.Errorf("%d voices: %v", len(voices), err)
	}
	if err := s.WeighBunch(ctx, 7, 2.5, 12); err != nil {
		t.Fatal(err)
	}
	// A batch whose fold fails leaves nothing behind.
	broken := errors.New("broken")
	if _, err := s.AddReports(ctx, []ReportRow{{Digest: 99, Bunch: 99}}, func(*Intake) error { return broken }); !errors.Is(err, broken) {
		t.Error(err)
	}
	if n := take(t, s, 99, 99, 0); n != 0 {
		t.Error(n)
	}

	at := time.UnixMicro(noon).UTC()
	entry := indicator.Entry{ID: "u1", Kind: indicator.Host, Value: "bad.example", Source: "reports", TLP: indicator.TLPGreen, Confidence: 80, First: at, Last: at, Recipients: 12,
		Campaign: 1<<63 + 5, Lure: "parcel", Right: 1, Status: indicator.Active, Changed: at, By: "policy", Why: "many"}
	d := Decision{Bunch: 7, From: report.New, To: report.IsFraud, By: "policy", Why: "many", At: at, Entries: []indicator.Entry{entry}}
	if err := s.DecideBunch(ctx, d); err != nil {
		t.Fatal(err)
	}
	if err := s.DecideBunch(ctx, d); !errors.Is(err, ErrDecided) {
		t.Error(err)
	}
	record := func(reporter uint64) (r report.Reporter) {
		t.Helper()
		if err := reporters(ctx, s.r, "WHERE id = $1", []any{int64(reporter)}, func(x report.Reporter) { r = x }); err != nil {
			t.Fatal(err)
		}
		return r
	}
	if r := record(1 << 63); r.Right != 1 || r.Wrong != 0 || len(r.Recent) != 2 || r.Reports != 2 {
		t.Errorf("%+v", r)
	}
	all := func(f EntryFilter) (out []indicator.Entry) {
		t.Helper()
		if err := s.Entries(ctx, f, func(e indicator.Entry) error {
			out = append(out, e)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return out
	}
	if got := all(EntryFilter{}); len(got) != 1 || got[0] != entry {
		t.Errorf("%+v\nnot %+v", got, entry)
	}
	var told []uint64
	if err := s.Untold(ctx, report.ShortCode, noon-1, 10, func(r ReportRow, st report.State) {
		if st != report.IsFraud || string(r.Sealed) != "\x01" {
			t.Errorf("%+v %v", r, st)
		}
		told = append(told, r.Digest)
	}); err != nil || len(told) != 10 {
		t.Errorf("%d: %v", len(told), err)
	}
	for i, want := range []bool{true, false} {
		if first, err := s.Tell(ctx, told[0], noon); err != nil || first != want {
			t.Errorf("told for time %d: %v %v", i, first, err)
		}
	}

	// A person says that it was honest: what it taught is withdrawn, and what its reporters earned is taken back.
	if err := s.DecideBunch(ctx, Decision{Bunch: 7, From: report.IsFraud, To: report.IsFair, By: "花子", Why: "a real notice", At: at.Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	if r := record(1 << 63); r.Right != 0 || r.Wrong != 1 {
		t.Errorf("%+v", r)
	}
	got := all(EntryFilter{Status: []indicator.Status{indicator.Withdrawn}, Kinds: []indicator.Kind{indicator.Host, indicator.URL}, After: noon})
	if len(got) != 1 || got[0].Wrong != 1 || got[0].By != "花子" {
		t.Errorf("%+v", got)
	}
	// By machine alone it does not come back; by a person it does.
	entry.Changed = at.Add(2 * time.Hour)
	for _, by := range []string{"policy", "花子"} {
		entry.By = by
		if err := s.PutEntries(ctx, by, "again", []indicator.Entry{entry}); err != nil {
			t.Fatal(err)
		}
		if got := all(EntryFilter{Value: "bad.example"}); len(got) != 1 || (got[0].Status == indicator.Active) != (by != "policy") || got[0].ID != "u1" {
			t.Errorf("by %s: %+v", by, got)
		}
	}
	if err := s.MoveEntry(ctx, "u1", indicator.Withdrawn, "花子", "wrong", at); err != nil {
		t.Error(err)
	}
	if err := s.MoveEntry(ctx, "u2", indicator.Withdrawn, "花子", "wrong", at); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}

	// Paging by change, with many of one moment.
	var many []indicator.Entry
	for i := range 30 {
		e := entry
		e.ID, e.Value, e.Changed = fmt.Sprintf("m%02d", i), fmt.Sprintf("h%d.example", i), at.Add(3*time.Hour)
		many = append(many, e)
	}
	if err := s.PutEntries(ctx, "feed", "", many); err != nil {
		t.Fatal(err)
	}
	seen := 0
	for f := (EntryFilter{After: at.Add(3*time.Hour).UnixMicro() - 1, Limit: 7}); ; {
		page := all(f)
		if seen += len(page); len(page) < 7 {
			break
		}
		f.After, f.Behind = page[6].Changed.UnixMicro(), page[6].ID
	}
	if seen != 30 {
		t.Errorf("%d of 30 by pages", seen)
	}
	if n, err := s.ExpireEntries(ctx, at.Add(30*24*time.Hour).UnixMicro(), 20); err != nil || n != 20 {
		t.Error(n, err)
	}
	if got := all(EntryFilter{Status: []indicator.Status{indicator.Expired}}); len(got) != 20 {
		t.Errorf("%d expired", len(got))
	}
	defer func() { // all of it is forgotten in the end, but for what is in force
		if _, err := s.Expire(ctx, at.Add(1000*24*time.Hour).UnixMicro(), Retentions{Reports: 24 * time.Hour}); err != nil {
			t.Fatal(err)
		}
		for table, want := range map[string]int{"reports": 0, "bunches": 0, "reporters": 0, "indicators": 10} {
			var n int
			if err := s.w.QueryRowContext(ctx, "SELECT count(*) FROM "+table).Scan(&n); err != nil || n != want {
				t.Errorf("%s: %d rows are left, not %d: %v", table, n, want, err)
			}
		}
	}()
	if all, err := s.Bunches(ctx, BunchFilter{States: []report.State{report.New}}); err != nil || len(all) != 1 || all[0].ID != 8 {
		t.Errorf("%+v %v", all, err)
	}
}
