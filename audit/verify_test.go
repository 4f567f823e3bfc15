package audit

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"
)

// tables are a ledger in memory, to be tampered with.
type tables struct {
	rows   []Row
	hashes map[int64]tlog.Hash
	own    []Stored
	size   int64
}

func (m *tables) Size(context.Context) (int64, error) { return m.size, nil }

func (m *tables) Grow(_ context.Context, n int64) (int64, error) {
	m.size += n
	return m.size - n, nil
}

func (m *tables) AddEntries(_ context.Context, first int64, entries [][]byte) error {
	for i, e := range entries {
		m.rows = append(m.rows, Row{Seq: first + int64(i), Entry: e})
	}
	return nil
}

func (m *tables) AddHashes(_ context.Context, first int64, hashes []tlog.Hash) error {
	for i, h := range hashes {
		m.hashes[first+int64(i)] = h
	}
	return nil
}

func (m *tables) Hashes(_ context.Context, numbers []int64) (all []tlog.Hash, err error) {
	for _, n := range numbers {
		h, ok := m.hashes[n]
		if !ok {
			return nil, ErrMissing
		}
		all = append(all, h)
	}
	return all, nil
}

func (m *tables) Entries(_ context.Context, from int64, limit int) ([]Row, error) {
	i, _ := slices.BinarySearchFunc(m.rows, from, func(r Row, n int64) int { return cmp.Compare(r.Seq, n) })
	return m.rows[i:min(len(m.rows), i+limit)], nil
}

func (m *tables) HashRange(_ context.Context, from, to int64) (map[int64]tlog.Hash, error) {
	out := map[int64]tlog.Hash{}
	for n := from; n < to; n++ {
		if h, ok := m.hashes[n]; ok {
			out[n] = h
		}
	}
	return out, nil
}

func (m *tables) Checkpoints(_ context.Context, over int64, limit int) (out []Stored, err error) {
	for _, c := range m.own {
		if c.Size > over && len(out) < limit {
			out = append(out, c)
		}
	}
	return out, nil
}

func (m *tables) Newest(context.Context) (Stored, error) {
	if len(m.own) == 0 {
		return Stored{}, nil
	}
	return m.own[len(m.own)-1], nil
}

func (m *tables) AddCheckpoint(_ context.Context, c Stored) error {
	m.own = append(m.own, c)
	return nil
}

func (m *tables) copy() *tables {
	c := *m
	c.rows, c.own, c.hashes = slices.Clone(m.rows), slices.Clone(m.own), map[int64]tlog.Hash{}
	for n, h := range m.hashes {
		c.hashes[n] = h
	}
	return &c
}

func testKey(t testing.TB, name string) *Key {
	t.Helper()
	k, err := NewKey(name, bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// written is a ledger of n entries, with a checkpoint that a witness holds at each of some sizes.
func written(t testing.TB, k *Key, n int, witnessed ...int) (*tables, []Held) {
	t.Helper()
	m := &tables{hashes: map[int64]tlog.Hash{}}
	l := NewLog(k)
	var held []Held
	now := time.UnixMicro(1_790_000_000_000_000)
	for i := 0; i < n; {
		step := min(997, n-i)
		for _, w := range witnessed {
			if w > i {
				step = min(step, w-i)
			}
		}
		var entries []Entry
		for range step {
			entries = append(entries, Entry{Time: now.UnixMicro() + int64(i), Actor: "abe", Act: CaseMove, About: fmt.Sprintf("case %x", i), Why: "because"})
			i++
		}
		if _, err := l.Append(t.Context(), m, entries...); err != nil {
			t.Fatal(err)
		}
		if slices.Contains(witnessed, i) {
			c, err := l.Checkpoint(t.Context(), m, now)
			if err != nil {
				t.Fatal(err)
			}
			held = append(held, Held{Where: fmt.Sprintf("witness at %d", i), Note: c.Note})
		}
	}
	return m, held
}

func entry(t testing.TB, why string) []byte {
	t.Helper()
	b, err := (Entry{Time: 1_790_000_000_000_000, Actor: "abe", Act: CaseMove, About: "case x", Why: why}).Encode()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// renumber gives rows their numbers again, as who removes or inserts one cleverly does.
func (m *tables) renumber() {
	for i := range m.rows {
		m.rows[i].Seq = int64(i)
	}
	m.size = int64(len(m.rows))
}

// rehash makes the table of hashes anew, as who has the code does.
func (m *tables) rehash() {
	m.hashes = map[int64]tlog.Hash{}
	var f frontier
	for _, r := range m.rows {
		f.add(tlog.RecordHash(r.Entry))
		at := tlog.StoredHashIndex(0, f.size-1)
		for i, h := range f.done {
			m.hashes[at+int64(i)] = h
		}
	}
}

// Whatever is done to what a witness vouches for is found, and its place named; what is behind it is told as not witnessed.
func TestTampering(t *testing.T) {
	k := testKey(t, "sekisho")
	clean, held := written(t, k, 5000, 1000, 3000)
	r, err := Verify(t.Context(), clean, held, k.Verifier())
	if err != nil || !r.OK() || r.Entries != 5000 || r.Witnessed != 3000 || r.NotWitnessed != 2000 {
		t.Fatalf("%+v %v", r, err)
	}
	for _, c := range []struct {
		name  string
		do    func(m *tables)
		kind  Kind
		first int64
	}{
		{"changed", func(m *tables) { m.rows[1234].Entry = entry(t, "otherwise") }, Changed, 1234},
		{"the first changed", func(m *tables) { m.rows[0].Entry = entry(t, "otherwise") }, Changed, 0},
		{"the last that is witnessed", func(m *tables) { m.rows[2999].Entry = entry(t, "otherwise") }, Changed, 2999},
		{"cut in its middle", func(m *tables) { m.rows[700].Entry = m.rows[700].Entry[:9] }, Changed, 700},
		{"removed", func(m *tables) { m.rows = slices.Delete(m.rows, 1500, 1501); m.renumber() }, Removed, 1500},
		{"removed, a gap left", func(m *tables) { m.rows = slices.Delete(m.rows, 1500, 1501) }, Removed, 1500},
		{"put in", func(m *tables) { m.rows = slices.Insert(m.rows, 40, Row{Entry: entry(t, "new")}); m.renumber() }, Inserted, 40},
		{"two swapped", func(m *tables) { m.rows[2000].Entry, m.rows[2001].Entry = m.rows[2001].Entry, m.rows[2000].Entry }, Reordered, 2000},
		{"cut off", func(m *tables) { m.rows = m.rows[:2500] }, CutOff, 2500},
		{"rolled back", func(m *tables) {
			m.rows, m.size, m.own = m.rows[:2000], 2000, m.own[:1]
		}, RolledBack, 2000},
		{"empty", func(m *tables) { m.rows, m.size, m.own, m.hashes = nil, 0, nil, nil }, RolledBack, 0},
	} {
		m := clean.copy()
		c.do(m)
		r, err := Verify(t.Context(), m, held, k.Verifier())
		if err != nil || r.OK() {
			t.Errorf("%s: not found: %+v %v", c.name, r, err)
			continue
		}
		f := r.Findings[0]
		if f.Kind != c.kind || !f.Proved || f.Likely.First != c.first || f.Likely.Last != c.first || f.Why == "" {
			t.Errorf("%s: %+v", c.name, f)
		}
	}
	// Who changes the hashes too is found all the same, by what is held elsewhere; how closely, the checkpoints say.
	m := clean.copy()
	m.rows[1234].Entry = entry(t, "otherwise")
	m.rehash()
	if r, err := Verify(t.Context(), m, held, k.Verifier()); err != nil || r.OK() || !r.Findings[0].Proved || r.Findings[0].In.First > 1234 || r.Findings[0].In.Last < 1234 || r.Findings[0].In.First < 1000 {
		t.Errorf("with its hashes: %+v %v", r, err)
	}
	// Behind the newest checkpoint only the ledger itself speaks.
	m = clean.copy()
	m.rows[4000].Entry = entry(t, "otherwise")
	if r, err := Verify(t.Context(), m, held, k.Verifier()); err != nil || r.OK() || r.Findings[0].Proved || r.Findings[0].In.First != 4000 {
		t.Errorf("behind the newest: %+v %v", r, err)
	}
	m.rehash()
	if r, err := Verify(t.Context(), m, held, k.Verifier()); err != nil || !r.OK() || r.NotWitnessed != 2000 {
		t.Errorf("behind the newest, with its hashes, nobody can tell: %+v %v", r, err)
	}
	// Checkpoints of another key, another ledger, another history, and none.
	other, otherHeld := written(t, testKey(t, "sekisho"), 3000, 3000)
	_ = other
	stranger, _ := NewKey("sekisho", bytes.Repeat([]byte{8}, 32))
	_, wrongKey := written(t, stranger, 3000, 3000)
	_, otherName := written(t, testKey(t, "elsewhere"), 3000, 3000)
	forged := Held{"forged", bytes.Replace(held[1].Note, []byte("\n3000\n"), []byte("\n2999\n"), 1)}
	for name, h := range map[string][]Held{"another key": wrongKey, "another name": otherName, "forged": {forged}, "noise": {{"noise", []byte("not a checkpoint")}}, "empty": {{"empty", nil}}} {
		r, err := Verify(t.Context(), clean, h, k.Verifier())
		if err != nil || len(r.Findings) != 1 || r.Findings[0].Kind != Unsigned || r.Witnessed != 0 {
			t.Errorf("%s: %+v %v", name, r, err)
		}
	}
	if r, err := Verify(t.Context(), clean, otherHeld, k.Verifier()); err != nil || !r.OK() {
		t.Errorf("the same history: %+v %v", r, err)
	}
}

// Any one change to any entry that is witnessed is found, and the first that is not as it was lies where it is said to lie.
func TestTamperingProperty(t *testing.T) {
	k := testKey(t, "sekisho")
	const n = 600
	clean, held := written(t, k, n, 100, 400, n)
	rapid.Check(t, func(t *rapid.T) {
		m := clean.copy()
		at := rapid.IntRange(0, n-1).Draw(t, "at")
		first := at
		switch rapid.SampledFrom([]string{"octet", "remove", "insert", "swap", "cut", "twice"}).Draw(t, "how") {
		case "octet":
			b := bytes.Clone(m.rows[at].Entry)
			b[rapid.IntRange(0, len(b)-1).Draw(t, "octet")] ^= byte(rapid.IntRange(1, 255).Draw(t, "bits"))
			m.rows[at].Entry = b
		case "remove":
			m.rows = slices.Delete(m.rows, at, at+1)
			m.renumber()
		case "insert":
			b, _ := (Entry{Time: 1, Actor: "x", Act: CaseMove}).Encode()
			m.rows = slices.Insert(m.rows, at, Row{Entry: b})
			m.renumber()
		case "swap":
			with := rapid.IntRange(0, n-1).Filter(func(i int) bool { return i != at }).Draw(t, "with")
			m.rows[at].Entry, m.rows[with].Entry = m.rows[with].Entry, m.rows[at].Entry
			first = min(at, with)
		case "cut":
			m.rows = m.rows[:at]
		case "twice":
			m.rows = slices.Insert(m.rows, at+1, m.rows[at])
			m.renumber()
			first = at + 1
		}
		if rapid.Bool().Draw(t, "hashes too") {
			m.rehash()
		}
		r, err := Verify(context.Background(), m, held, k.Verifier())
		if err != nil {
			t.Fatal(err)
		}
		if first == n { // the last one again behind it: nothing that is witnessed has changed
			return
		}
		if r.OK() || !r.Findings[0].Proved {
			t.Fatalf("not found: %+v", r)
		}
		if in := r.Findings[0].In; int64(first) < in.First || int64(first) > in.Last {
			t.Fatalf("entry %d is the first, not one of %v: %s", first, in, r.Findings[0].Why)
		}
	})
}

// Proofs show what is so, and nothing else.
func TestProofs(t *testing.T) {
	k := testKey(t, "sekisho")
	m, held := written(t, k, 300, 77, 300)
	var c [2]Checkpoint
	for i := range held {
		var err error
		if c[i], err = OpenCheckpoint(held[i].Note, k.Verifier()); err != nil {
			t.Fatal(err)
		}
	}
	for seq := range int64(300) {
		p, err := ProveInclusion(t.Context(), m, seq, 300)
		if err != nil {
			t.Fatal(err)
		}
		if err := CheckInclusion(p, c[1], seq, m.rows[seq].Entry); err != nil {
			t.Fatal(seq, err)
		}
		if CheckInclusion(p, c[1], seq, m.rows[(seq+1)%300].Entry) == nil || seq > 0 && CheckInclusion(p, c[1], seq-1, m.rows[seq].Entry) == nil || CheckInclusion(p, c[0], seq, m.rows[seq].Entry) == nil && seq >= 77 {
			t.Fatalf("%d: proved what is not so", seq)
		}
	}
	p, err := ProveConsistency(t.Context(), m, 77, 300)
	if err != nil || CheckConsistency(p, c[0], c[1]) != nil {
		t.Fatal(err, CheckConsistency(p, c[0], c[1]))
	}
	other := c[0]
	other.Root[3] ^= 1
	if CheckConsistency(p, other, c[1]) == nil || CheckConsistency(p, c[1], c[0]) == nil {
		t.Error("another history was proved")
	}
	delete(m.hashes, tlog.StoredHashIndex(0, 5))
	if _, err := ProveInclusion(t.Context(), m, 4, 300); err == nil {
		t.Error("a proof without its hashes")
	}
}

// Who signs does not go on from a ledger that was changed under his hands.
func TestCheckpointRefuses(t *testing.T) {
	k := testKey(t, "sekisho")
	m, _ := written(t, k, 500, 500)
	l := NewLog(k)
	if _, err := l.Append(t.Context(), m, Entry{Time: 1, Actor: "abe", Act: CaseMove}); err != nil {
		t.Fatal(err)
	}
	m.rows[5].Entry = entry(t, "otherwise")
	m.rehash()
	if _, err := l.Checkpoint(t.Context(), m, time.Now()); err == nil {
		t.Error("a changed ledger was signed")
	}
}

// Witnesses keep what they are given, come to it again after a failure, and a slow one holds up no other.
func TestWitnesses(t *testing.T) {
	k := testKey(t, "sekisho")
	_, held := written(t, k, 30, 10, 20, 30)
	dir := t.TempDir()
	path := filepath.Join(dir, "checkpoints")
	file, err := NewFileWitness(path)
	if err != nil {
		t.Fatal(err)
	}
	var got [][]byte
	fail := 2
	gate := make(chan struct{}, 1)
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		gate <- struct{}{}
		defer func() { <-gate }()
		if fail > 0 {
			fail--
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		got = append(got, b)
	}))
	defer srv.Close()
	pool := srv.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	post, err := NewHTTPSWitness(srv.URL, &tls.Config{RootCAs: pool})
	if err != nil {
		t.Fatal(err)
	}
	if err := post.Keep(t.Context(), held[0].Note); err == nil {
		t.Error("a witness that answered 500 has it")
	}
	if _, err := NewHTTPSWitness("http://witness.example/", nil); err == nil {
		t.Error("a witness without TLS")
	}
	for _, h := range held {
		if err := file.Keep(t.Context(), h.Note); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	all, damaged := SplitCheckpoints(path, b)
	if len(all) != 3 || len(damaged) != 0 || !bytes.Equal(all[2].Note, held[2].Note) {
		t.Errorf("%d checkpoints, damaged %q", len(all), damaged)
	}
	// A file that was cut in the middle, and written on.
	if err := os.WriteFile(path, b[:len(b)-20], 0o600); err != nil {
		t.Fatal(err)
	}
	if err := file.Keep(t.Context(), held[2].Note); err != nil {
		t.Fatal(err)
	}
	b, _ = os.ReadFile(path)
	if all, damaged = SplitCheckpoints(path, b); len(all) != 3 || len(damaged) != 1 {
		t.Errorf("%d checkpoints, damaged %q", len(all), damaged)
	}
	if os.Geteuid() != 0 {
		os.Chmod(dir, 0o500)
		if err := file.Keep(t.Context(), held[0].Note); err == nil {
			t.Error("kept where nothing can be written")
		}
	}
	ws, err := NewWitnesses(slog.New(slog.DiscardHandler), prometheus.NewRegistry(), Place{Witness: post})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { ws.Run(ctx); close(done) }()
	ws.Tell(Stored{Size: 30, Note: held[2].Note})
	for end := time.Now().Add(20 * time.Second); ws.Newest() != 30 && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
	cancel()
	<-done
	if ws.Newest() != 30 || len(got) == 0 || !bytes.Equal(got[len(got)-1], held[2].Note) {
		t.Errorf("newest %d, %d posted", ws.Newest(), len(got))
	}
}

func FuzzCheckpoints(f *testing.F) {
	k := testKey(f, "sekisho")
	_, held := written(f, k, 3, 3)
	f.Add(held[0].Note)
	f.Fuzz(func(t *testing.T, b []byte) {
		SplitCheckpoints("x", b)
		if c, err := OpenCheckpoint(b, k.Verifier()); err == nil {
			if p, err := ParseCheckpoint(c.String()); err != nil || p != c {
				t.Fatal(err)
			}
		}
		ParseCheckpoint(string(b))
		ParsePublic(strings.TrimSpace(string(b)))
	})
}

func BenchmarkAppend(b *testing.B) {
	k := testKey(b, "sekisho")
	m := &tables{hashes: map[int64]tlog.Hash{}}
	l := NewLog(k)
	b.ReportAllocs()
	for i := range b.N {
		if _, err := l.Append(b.Context(), m, Entry{Time: int64(i + 1), Actor: "abe", Act: CaseMove, About: "case x", Why: "because"}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerifyMillion(b *testing.B) {
	k := testKey(b, "sekisho")
	m, held := written(b, k, 1_000_000, 500_000, 1_000_000)
	b.ResetTimer()
	for range b.N {
		if r, err := Verify(b.Context(), m, held, k.Verifier()); err != nil || !r.OK() {
			b.Fatal(r, err)
		}
	}
	b.ReportMetric(1e6*float64(b.N)/b.Elapsed().Seconds(), "entries/s")
}
