package store

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/sekisho/sekisho/message"
	"github.com/sekisho/sekisho/record"
	"github.com/sekisho/sekisho/subject"
)

var (
	quiet   = slog.New(slog.DiscardHandler)
	testKey = must(record.NewKey([]byte("a secret of no account at all...")))
	noon    = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC).UnixMicro()
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// The suite is the contract: whatever engine there is has to keep it.
func TestSQLite(t *testing.T) {
	testStore(t, func(t *testing.T) string { return "sqlite:" + filepath.Join(t.TempDir(), "a b%3F.db") })
}

func TestPostgres(t *testing.T) {
	dsn := os.Getenv("SEKISHO_TEST_POSTGRES")
	if dsn == "" {
		t.Skip("no PostgreSQL here: set SEKISHO_TEST_POSTGRES to the address of one that may be written, as test/postgres.sh prints")
	}
	testStore(t, func(t *testing.T) string { return schema(t, dsn) })
}

var schemas atomic.Int64

// schema makes an empty schema, dropped after the test, and returns the address that leads to it.
func schema(t *testing.T, dsn string) string {
	t.Helper()
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("test_%d_%d", os.Getpid(), schemas.Add(1))
	if _, err := db.Exec("CREATE SCHEMA " + name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		db.Exec("DROP SCHEMA " + name + " CASCADE")
		db.Close()
	})
	u := must(url.Parse(dsn))
	q := u.Query()
	q.Set("search_path", name)
	u.RawQuery = q.Encode()
	return u.String()
}

func testStore(t *testing.T, fresh func(*testing.T) string) {
	open := func(t *testing.T) *Store { return openStore(t, fresh(t)) }
	for name, f := range map[string]func(*testing.T, *Store){
		"counts": testCounts, "passed": testPassed, "held": testHeld, "hold together": testHoldTogether,
		"small": testSmall, "expire": testExpire, "hostile": testHostile, "seal": testSeal, "reports": testReports,
	} {
		t.Run(name, func(t *testing.T) { f(t, open(t)) })
	}
	t.Run("again", func(t *testing.T) {
		dsn := fresh(t)
		a := openStore(t, dsn)
		if err := a.SetSetting(t.Context(), "x", []byte("y"), noon); err != nil {
			t.Fatal(err)
		}
		b := openStore(t, dsn)
		if v, err := b.Setting(t.Context(), "x"); err != nil || string(v) != "y" {
			t.Error(v, err)
		}
		if _, err := a.w.Exec(`INSERT INTO goose_db_version (version_id, is_applied) VALUES ($1, $2)`, 999, true); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(t.Context(), dsn, quiet, prometheus.NewRegistry()); !errors.Is(err, ErrNewer) {
			t.Error("opened what a newer one wrote:", err)
		}
	})
	t.Run("not ours", func(t *testing.T) {
		dsn := fresh(t)
		driver, address := "pgx", dsn
		if path, ok := strings.CutPrefix(dsn, "sqlite:"); ok {
			driver, address = "sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()
		}
		db := must(sql.Open(driver, address))
		defer db.Close()
		if _, err := db.Exec("CREATE TABLE somebody_elses (x TEXT)"); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(t.Context(), dsn, quiet, prometheus.NewRegistry()); !errors.Is(err, ErrNotOurs) {
			t.Error("opened somebody else's:", err)
		}
	})
}

func openStore(t testing.TB, dsn string) *Store {
	t.Helper()
	s, err := Open(context.Background(), dsn, quiet, prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func line(n uint64) subject.Address { return subject.Line(819000000000 + n).Address() }

// verdict is the n-th: every tenth blocked, every twentieth in observe mode.
func verdict(n int) *record.Verdict {
	v := &record.Verdict{Time: noon + int64(n)*1000, Door: "smpp", Account: fmt.Sprintf("agg-%d", n%3), ID: fmt.Sprintf("m%d", n),
		Route: message.A2P, Class: message.Ham, Outcome: message.Deliver, Done: message.Deliver, Mode: 2,
		To: line(uint64(n % 100)), Rules: []string{"sender-known"}, Delay: 100, Parts: 1}
	v.From = must(subject.Alphanumeric("MYBANK"))
	if n%10 == 0 {
		v.Class, v.Outcome, v.Done = message.Phishing, message.Block, message.Block
		v.From, v.Rules, v.About = line(7), []string{"bad-link", "rate"}, [][]byte{[]byte("bank.example"), []byte("evil.example")}
		v.PPhishing, v.PBad, v.Family = 0.75, 0.875, 1<<63+5
		v.Trial = []string{"new-rule"}
	}
	if n%20 == 0 {
		v.Done, v.Mode = message.Deliver, 0
	}
	return v
}

func pack(t testing.TB, rs ...record.Appender) []byte {
	t.Helper()
	var b []byte
	for _, r := range rs {
		b = r.Append(b)
	}
	if err := testKey.SealBatch(b); err != nil {
		t.Fatal(err)
	}
	return b
}

func packs(t testing.TB, from, to int) (out [][]byte) {
	t.Helper()
	for n := from; n < to; n += 100 {
		var rs []record.Appender
		for i := n; i < min(n+100, to); i++ {
			rs = append(rs, verdict(i))
		}
		out = append(out, pack(t, rs...))
	}
	return out
}

func testCounts(t *testing.T, s *Store) {
	ctx := t.Context()
	c := s.Counts()
	if at, err := c.Place(ctx, "st@1"); err != nil || at != 0 {
		t.Fatal(at, err)
	}
	p := packs(t, 0, 1000)
	receipts := pack(t, &record.Receipt{Time: noon, Account: "agg-1", ID: "m1", To: line(1), State: record.Delivered},
		&record.Receipt{Time: noon, Account: "agg-1", ID: "m2", To: line(2), State: record.Expired})
	write := func(first, last uint64, p ...[]byte) {
		t.Helper()
		if err := c.Write(ctx, "st@1", first, last, p); err != nil {
			t.Fatal(err)
		}
	}
	write(1, 5, p[:5]...)
	write(1, 5, p[:5]...) // again: as after a crash between commit and the reader's knowing of it
	write(6, 10, p[5:]...)
	write(13, 13, receipts) // 11 and 12 were lost
	if err := c.Write(ctx, "st@1", 13, 14, p[:2]); !errors.Is(err, errPlace) {
		t.Error("overlapping packs:", err)
	}
	if at, err := s.Counts().Place(ctx, "st@1"); err != nil || at != 13 {
		t.Error("place", at, err)
	}
	counts, err := s.PerMinute(ctx, noon, noon+5*minute)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]int64{}
	for _, m := range counts {
		if m.Minute != noon || m.Delay != 100*m.N || m.Route != "a2p" {
			t.Errorf("%+v", m)
		}
		got[m.Outcome+" "+m.Done] = m.N
	}
	if len(got) != 3 || got["deliver deliver"] != 900 || got["block block"] != 50 || got["block deliver"] != 50 {
		t.Errorf("counted %v", got)
	}
	rules, err := s.TopRules(ctx, noon, noon+minute, 10)
	if err != nil || fmt.Sprint(rules) != "[{sender-known false 900} {bad-link false 100} {new-rule true 100} {rate false 100}]" {
		t.Error(rules, err)
	}
	accounts, err := s.PerAccount(ctx, noon, noon+minute, 2)
	if err != nil || len(accounts) != 2 || accounts[0].N < 300 {
		t.Error(accounts, err)
	}
	if r, err := s.ReceiptCounts(ctx, noon, noon+minute); err != nil || r["delivered"] != 1 || r["expired"] != 1 {
		t.Error(r, err)
	}

	var all []Passage
	q := StoppedQuery{Limit: 30}
	for {
		page, err := s.Stopped(ctx, q)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			break
		}
		all = append(all, page...)
		q.Before = page[len(page)-1].ID
	}
	if len(all) != 100 || all[0].MessageID != "m990" || all[99].MessageID != "m0" {
		t.Fatalf("%d stopped, from %s", len(all), all[0].MessageID)
	}
	x := all[0]
	if x.From.Key != testKey.Line(819000000007) || x.To.Key != testKey.Line(819000000090) || x.PPhishing != 0.75 || x.Family != 1<<63+5 ||
		fmt.Sprint(x.Rules, x.Trial, x.About) != "[bad-link rate] [new-rule] [bank.example evil.example]" || x.Time != noon+990_000 || x.Done != "block" {
		t.Errorf("%+v", x)
	}
	for want, q := range map[int]StoppedQuery{
		10:  {To: testKey.Address(line(90))},
		100: {Sender: testKey.Address(line(7)), Limit: 200},
		1:   {MessageID: "m500"},
		33:  {Account: "agg-1", Route: "a2p"},
		2:   {From: noon + 10_000, Until: noon + 20_000},
		0:   {Route: "p2p"},
	} {
		if got, err := s.Stopped(ctx, q); err != nil || len(got) != want {
			t.Errorf("%+v: %d, want %d: %v", q, len(got), want, err)
		}
	}

	// A stream made anew begins at 1 again.
	if at, err := c.Place(ctx, "st@2"); err != nil || at != 0 {
		t.Fatal(at, err)
	}
	if err := c.Write(ctx, "st@2", 1, 1, p[:1]); err != nil {
		t.Fatal(err)
	}
	if page, err := s.Stopped(ctx, StoppedQuery{Limit: 1000}); err != nil || len(page) != 110 {
		t.Error(len(page), err)
	}
	// What cannot be read does not hold up what can.
	if err := c.Write(ctx, "st@2", 2, 3, [][]byte{append(p[1], 1, 2, 3), p[2]}); err != nil {
		t.Fatal(err)
	}
	if n := testutil.ToFloat64(s.bad); n != 1 {
		t.Errorf("%v bad packs", n)
	}
}

func testPassed(t *testing.T, s *Store) {
	ctx := t.Context()
	p := s.Passed()
	// Commits of three sizes are spread over buckets of three kinds.
	seq, n := uint64(0), 0
	for _, size := range []int{50, 1000, 6000} {
		batch := packs(t, n, n+size)
		n += size
		for range 2 { // each again
			if err := p.Write(ctx, "st@1", seq+1, seq+uint64(len(batch)), batch); err != nil {
				t.Fatal(err)
			}
		}
		seq += uint64(len(batch))
	}
	if err := s.Counts().Write(ctx, "st@1", 1, 71, packs(t, 0, 7050)); err != nil {
		t.Fatal(err)
	}
	receipt := func(n int, after time.Duration, state record.State) *record.Receipt {
		v := verdict(n)
		return &record.Receipt{Time: v.Time + after.Microseconds(), Account: v.Account, ID: v.ID, To: v.To, State: state, Err: "000"}
	}
	if err := p.Write(ctx, "st@1", seq+1, seq+1, [][]byte{pack(t,
		receipt(21, time.Second, record.Enroute), receipt(21, time.Hour, record.Delivered), receipt(6921, time.Second, record.Undeliverable),
		receipt(22, time.Second, record.Delivered))}); err != nil {
		t.Fatal(err)
	}
	found, err := s.MessagesTo(ctx, testKey.Address(line(21)), noon, noon+minute, 1000)
	if err != nil {
		t.Fatal(err)
	}
	if len(found) != 71 {
		t.Fatalf("%d found", len(found))
	}
	first, last := found[len(found)-1], found[1]
	if first.MessageID != "m21" || first.State != "delivered" || first.StateAt != noon+21_000+3600e6 || first.From.Plain != "MYBANK" || first.Account != "agg-0" {
		t.Errorf("%+v", first)
	}
	if last.MessageID != "m6921" || last.State != "undeliverable" || last.Err != "000" || found[2].State != "" {
		t.Errorf("%+v", last)
	}
	// Stopped and delivered together, and the bounds of time.
	found, err = s.MessagesTo(ctx, testKey.Address(line(20)), noon+120_000, noon+1_020_000, 1000)
	if err != nil || len(found) != 10 || found[0].Outcome != "block" || found[0].MessageID != "m1020" || found[9].MessageID != "m120" {
		t.Error(len(found), err)
	}
	for _, n := range []int{1, 49, 51, 999, 1051, 7049, 7040} {
		id := fmt.Sprintf("m%d", n)
		found, err := s.MessagesByID(ctx, id, noon, noon+minute, 10)
		if err != nil || len(found) != 1 || found[0].MessageID != id || found[0].Time != verdict(n).Time {
			t.Errorf("%s: %+v %v", id, found, err)
		}
	}
	if found, err := s.MessagesByID(ctx, "no such", noon, noon+minute, 10); err != nil || len(found) != 0 {
		t.Error(found, err)
	}
	if found, err := s.MessagesTo(ctx, testKey.Address(line(21)), noon, noon+minute, 3); err != nil || len(found) != 3 || found[0].MessageID != "m7021" {
		t.Error(found, err)
	}
	var rows, total int64
	if err := s.r.QueryRowContext(ctx, `SELECT count(*), sum(n) FROM packs WHERE kind = 1`).Scan(&rows, &total); err != nil || total != 7050-705 || rows > 300 {
		t.Error(rows, total, err)
	}
}

func heldMessage(n int) *Held {
	return &Held{ID: fmt.Sprintf("h%d", n), Time: noon + int64(n), Expires: noon + int64(n) + 1000, Account: "agg", Route: message.Intl,
		Class: message.Spam, Outcome: message.Hold, From: record.Party{Plain: []byte("WIN")}, To: testKey.Address(line(5)),
		Sealed: []byte{0, 255, byte(n)}, Once: "once", WantReceipt: n%2 == 0, State: StateHeld}
}

func testHeld(t *testing.T, s *Store) {
	ctx := t.Context()
	for n := range 10 {
		if err := s.Hold(ctx, heldMessage(n)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Hold(ctx, heldMessage(3)); !errors.Is(err, ErrHeldBefore) {
		t.Error("held twice:", err)
	}
	h, err := s.HeldByID(ctx, "h4")
	if err != nil || h.Route != message.Intl || h.Class != message.Spam || h.Outcome != message.Hold || string(h.From.Plain) != "WIN" ||
		h.To.Key != testKey.Line(819000000005) || !bytes.Equal(h.Sealed, []byte{0, 255, 4}) || !h.WantReceipt || h.State != StateHeld {
		t.Errorf("%+v %v", h, err)
	}
	if _, err := s.HeldByID(ctx, "none"); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	if list, err := s.HeldFor(ctx, testKey.Line(819000000005), 3); err != nil || len(list) != 3 || list[0].ID != "h9" {
		t.Error(list, err)
	}

	// Many want to release it; one may.
	var won, lost atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			switch _, err := s.Move(ctx, "h0", StateHeld, StateReleasing, noon+5, "care"); {
			case err == nil:
				won.Add(1)
			case errors.Is(err, ErrMoved):
				lost.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 || lost.Load() != 7 {
		t.Errorf("%d won, %d lost", won.Load(), lost.Load())
	}
	if _, err := s.Move(ctx, "none", StateHeld, StateReleasing, noon, "care"); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	if list, err := s.HeldIn(ctx, StateReleasing, 10); err != nil || len(list) != 1 || list[0].ID != "h0" || list[0].DecidedBy != "care" {
		t.Error(list, err)
	}
	if h, err := s.Move(ctx, "h0", StateReleasing, StateReleased, noon+6, "care"); err != nil || h.State != StateReleased {
		t.Error(h, err)
	}
	if _, err := s.Move(ctx, "h2", StateHeld, StateDeleted, noon+7, "subscriber"); err != nil {
		t.Error(err)
	}
	blocked := heldMessage(20)
	blocked.State, blocked.Outcome = StateRejected, message.Block
	if err := s.Hold(ctx, blocked); err != nil {
		t.Fatal(err)
	}

	expired, err := s.ExpireHeld(ctx, noon+1006, 4)
	if err != nil || len(expired) != 4 || expired[0].ID != "h1" || expired[0].State != StateExpired {
		t.Fatal(expired, err)
	}
	if expired, err = s.ExpireHeld(ctx, noon+1006, 100); err != nil || len(expired) != 1 || expired[0].ID != "h6" {
		t.Fatal(expired, err)
	}
	owed, err := s.Owed(ctx, "agg", 100)
	got := ""
	for _, o := range owed {
		got += o.ID + " " + o.Receipt.String() + " "
	}
	if err != nil || got != "h2 deleted h20 rejected h4 expired h6 expired " {
		t.Errorf("owed %s: %v", got, err)
	}
	if err := s.Paid(ctx, "h2", "h4"); err != nil {
		t.Fatal(err)
	}
	if owed, err := s.Owed(ctx, "agg", 1); err != nil || len(owed) != 1 || owed[0].ID != "h20" {
		t.Error(owed, err)
	}
	// What is still owed keeps its message.
	if _, err := s.Expire(ctx, noon+1e15, Retentions{Held: time.Hour}); err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]bool{"h0": false, "h1": false, "h2": false, "h6": true, "h20": true, "h7": true} {
		if _, err := s.HeldByID(ctx, id); (err == nil) != want {
			t.Errorf("%s: %v", id, err)
		}
	}
}

// Many at once share commits; one of them that cannot be kept harms no other.
func testHoldTogether(t *testing.T, s *Store) {
	var wg sync.WaitGroup
	var before, ok atomic.Int32
	for g := range 50 {
		wg.Go(func() {
			for i := range 10 {
				h := heldMessage(g*10 + i)
				if i == 5 {
					h.ID = "the same"
				}
				switch err := s.Hold(t.Context(), h); {
				case err == nil:
					ok.Add(1)
				case errors.Is(err, ErrHeldBefore):
					before.Add(1)
				default:
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if ok.Load() != 451 || before.Load() != 49 {
		t.Errorf("%d kept, %d held before", ok.Load(), before.Load())
	}
	var n int
	if err := s.r.QueryRow(`SELECT count(*) FROM held`).Scan(&n); err != nil || n != 451 {
		t.Error(n, err)
	}
}

func testSmall(t *testing.T, s *Store) {
	ctx := t.Context()
	if err := s.Healthy(ctx); err != nil {
		t.Error(err)
	}
	if _, err := s.Setting(ctx, "bypass"); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	for _, v := range []string{"on", "off", ""} {
		if err := s.SetSetting(ctx, "bypass", []byte(v), noon); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Setting(ctx, "bypass"); err != nil || string(got) != v {
			t.Error(got, err)
		}
	}
	k := APIKey{ID: "k1", Name: "鍵", Hash: []byte{1, 0, 2}, Scopes: []string{"judge", "care"}, Created: noon}
	if err := s.AddAPIKey(ctx, k); err != nil {
		t.Fatal(err)
	}
	if err := s.AddAPIKey(ctx, k); err == nil {
		t.Error("added twice")
	}
	for range 2 {
		if err := s.RevokeAPIKey(ctx, "k1", noon+1); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.RevokeAPIKey(ctx, "k2", noon); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	k.Revoked = noon + 1
	if keys, err := s.APIKeys(ctx); err != nil || len(keys) != 1 || fmt.Sprint(keys[0]) != fmt.Sprint(k) {
		t.Error(keys, err)
	}

	var choices []Choice
	for n := range 250 {
		choices = append(choices, Choice{Contract: subject.Contract(n), Line: subject.Line(n % 2), Purpose: "inspect", At: noon, Choice: "out", Wording: "v1", Channel: "web"})
	}
	choices = append(choices, Choice{Contract: 249, Line: 1, Purpose: "inspect", At: noon + 1, Choice: "in", Wording: "v1", Channel: "shop"})
	for range 2 {
		if err := s.AddChoices(ctx, choices...); err != nil {
			t.Fatal(err)
		}
	}
	n := 0
	for c, err := range s.Choices(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		if c != choices[n] {
			t.Fatalf("%+v", c)
		}
		n++
	}
	if n != 251 {
		t.Errorf("%d choices", n)
	}
	for range s.Choices(ctx) {
		break
	}
}

func testExpire(t *testing.T, s *Store) {
	ctx := t.Context()
	if err := s.Counts().Write(ctx, "st@1", 1, 120, packs(t, 0, 12_000)); err != nil {
		t.Fatal(err)
	}
	if err := s.Passed().Write(ctx, "st@1", 1, 120, packs(t, 0, 12_000)); err != nil {
		t.Fatal(err)
	}
	day := 24 * time.Hour
	keep := Retentions{Counts: 3 * day, Stopped: 2 * day, Passed: day}
	if n, err := s.Expire(ctx, noon+day.Microseconds(), keep); err != nil || n != 0 {
		t.Error("expired too soon:", n, err)
	}
	if n, err := s.Expire(ctx, noon+(day+time.Minute).Microseconds(), keep); err != nil || n == 0 {
		t.Error("packs did not expire", n, err)
	}
	if n, err := s.Expire(ctx, noon+(2*day+time.Minute).Microseconds(), keep); err != nil || n != 1200 {
		t.Error("stopped rows did not expire", n, err)
	}
	if n, err := s.Expire(ctx, noon+(3*day+time.Minute).Microseconds(), keep); err != nil || n == 0 {
		t.Error("counts did not expire", n, err)
	}
	for _, table := range []string{"counts", "rule_counts", "stopped", "packs"} {
		var n int
		if err := s.r.QueryRowContext(ctx, "SELECT count(*) FROM "+table).Scan(&n); err != nil || n != 0 {
			t.Errorf("%d left in %s: %v", n, table, err)
		}
	}
}

// What comes from outside is written whatever octets it is of.
func testHostile(t *testing.T, s *Store) {
	ctx := t.Context()
	v := verdict(0)
	v.ID, v.Account, v.Door = "a\x00\xff'\"\n", "\xc3\x28'; DROP TABLE counts; --", "\x00"
	v.Rules, v.About = []string{"\x00", "line\nbreak"}, [][]byte{{0xed, 0xa0, 0x80, 0}}
	v.Time, v.Delay, v.Status, v.Mode, v.Parts = -1, 1<<32-1, 1<<32-1, message.Enforce, 255
	v.To, v.From = must(subject.Alphanumeric("\xff\xfe")), must(subject.Alphanumeric("'"))
	w := *v
	w.Outcome, w.Done = message.Deliver, message.Deliver
	p := pack(t, v, &w, &record.Receipt{Time: -1, Account: v.Account, ID: v.ID, To: v.To, State: record.Unknown, Err: "\x00"})
	if err := s.Counts().Write(ctx, "st", 1, 1, [][]byte{p}); err != nil {
		t.Fatal(err)
	}
	if err := s.Passed().Write(ctx, "st", 1, 1, [][]byte{p}); err != nil {
		t.Fatal(err)
	}
	found, err := s.MessagesByID(ctx, v.ID, -10, 10, 10)
	if err != nil || len(found) != 2 || found[0].Status != 1<<32-1 || found[0].State != "unknown" || found[0].Account != "?('; DROP TABLE counts; --" {
		t.Errorf("%+v %v", found, err)
	}
	found, err = s.MessagesTo(ctx, testKey.Address(v.To), -10, 10, 10)
	if err != nil || len(found) != 2 || found[0].To.Plain != "??" {
		t.Errorf("%+v %v", found, err)
	}
}

func testSeal(t *testing.T, s *Store) {
	ctx := t.Context()
	secret := []byte("a secret of no account at all...")
	sealer := must(record.NewSealer(secret, s))
	at := time.UnixMicro(noon)
	var wg sync.WaitGroup
	for range 4 { // the first of the day make its key at the same time
		wg.Go(func() {
			sealed, err := must(record.NewSealer(secret, s)).Seal(ctx, at, []byte("text"), []byte("h1"))
			if err != nil {
				t.Error(err)
				return
			}
			if text, err := sealer.Open(ctx, sealed, []byte("h1")); err != nil || string(text) != "text" {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	sealed, err := sealer.Seal(ctx, at, []byte("text"), nil)
	if err != nil {
		t.Fatal(err)
	}
	day := record.SealDay(at)
	if err := s.EraseSealKeys(ctx, day+1); err != nil {
		t.Fatal(err)
	}
	sealer.Forget(day + 1)
	if _, err := sealer.Open(ctx, sealed, nil); !errors.Is(err, record.ErrErased) {
		t.Error(err)
	}
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	dir := t.TempDir()
	garbage := filepath.Join(dir, "garbage.db")
	if err := os.WriteFile(garbage, []byte(strings.Repeat("not a database ", 500)), 0o600); err != nil {
		t.Fatal(err)
	}
	for dsn, want := range map[string]string{
		"mysql://x":                          "neither sqlite:PATH nor postgres://",
		"":                                   "neither sqlite:PATH nor postgres://",
		"sqlite:":                            "without a path",
		"sqlite:" + dir:                      "is a folder",
		"sqlite:" + dir + "/none/x.db":       "there is no folder",
		"sqlite:" + garbage:                  ErrNotOurs.Error(),
		"postgres://u:geheim@127.0.0.1:1/db": "refused",
		"postgres://u:geheim@[/db":           "cannot",
	} {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		s, err := Open(ctx, dsn, quiet, prometheus.NewRegistry())
		cancel()
		if err == nil {
			s.Close()
			t.Errorf("%s was opened", dsn)
		} else if !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "geheim") {
			t.Errorf("%s: %v", dsn, err)
		}
	}
}

func TestBackup(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, "sqlite:"+filepath.Join(dir, "a.db"))
	if err := s.SetSetting(t.Context(), "x", []byte("y"), noon); err != nil {
		t.Fatal(err)
	}
	copy := filepath.Join(dir, "b.db")
	if err := s.Backup(t.Context(), copy); err != nil {
		t.Fatal(err)
	}
	if err := s.Backup(t.Context(), copy); err == nil {
		t.Error("written over a file")
	}
	if v, err := openStore(t, "sqlite:"+copy).Setting(t.Context(), "x"); err != nil || string(v) != "y" {
		t.Error(v, err)
	}
	for _, p := range []string{"a.db", "b.db"} {
		if info, err := os.Stat(filepath.Join(dir, p)); err != nil || info.Mode().Perm() != 0o600 {
			t.Error(p, info.Mode(), err)
		}
	}
}
