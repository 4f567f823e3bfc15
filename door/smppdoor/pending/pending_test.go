package pending

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"pgregory.net/rapid"
)

var t0 = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// clock is time in the test's hands.
type clock struct{ s atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.s.Store(t0.Unix())
	return c
}
func (c *clock) now() time.Time          { return time.Unix(c.s.Load(), 0) }
func (c *clock) advance(d time.Duration) { c.s.Add(int64(d / time.Second)) }

func open(t testing.TB, dir string, o Options) *Map {
	t.Helper()
	m, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

func put(t testing.TB, m *Map, id, account, alias string, parts uint8, expires time.Time) {
	t.Helper()
	if err := m.Put([]byte(id), &Entry{Account: account, Alias: []byte(alias), Parts: parts, Expires: expires}); err != nil {
		t.Fatal(err)
	}
}

func mustDone(t testing.TB, m *Map, id string, state uint8, left int, worst uint8) {
	t.Helper()
	for _, f := range []func([]byte, uint8) (int, uint8, bool){m.Peek, m.Done} {
		if l, w, ok := f([]byte(id), state); l != left || w != worst || !ok {
			t.Fatalf("Done(%q, %d) = %d, %d, %v, want %d, %d", id, state, l, w, ok, left, worst)
		}
	}
	if _, _, ok := m.Done([]byte(id), state); ok {
		t.Fatalf("Done(%q) twice", id)
	}
}

func TestGroup(t *testing.T) {
	dir := t.TempDir()
	o := Options{Now: newClock().now}
	m := open(t, dir, o)
	exp := t0.Add(Grace)
	put(t, m, "u1", "acme", "a", 3, exp)
	put(t, m, "u2", "acme", "a", 3, exp)
	put(t, m, "x1", "other", "a", 2, exp) // the same alias of another account is another group
	put(t, m, "single", "acme", "alias", 0, exp)
	put(t, m, "v1", "acme", "", 2, exp) // its own alias
	put(t, m, "v2", "acme", "v1", 2, exp)
	mustDone(t, m, "u1", 2, 2, 2)
	m.Close()
	m = open(t, dir, o)
	mustDone(t, m, "u2", 3, 1, 3)
	mustDone(t, m, "x1", 2, 1, 2)
	put(t, m, "u3", "acme", "a", 3, exp)
	put(t, m, "x2", "other", "a", 2, exp)
	m.Close()
	m = open(t, dir, o)
	mustDone(t, m, "x2", 2, 0, 2)
	mustDone(t, m, "u3", 2, 0, 3)
	mustDone(t, m, "single", 8, 0, 8)
	mustDone(t, m, "v2", 5, 1, 5)
	mustDone(t, m, "v1", 2, 0, 5)
	if m.Len() != 0 || m.table.groups != 0 {
		t.Fatal(m.Len(), m.table.groups)
	}
	put(t, m, "w1", "acme", "a", 2, exp) // the alias again: nothing of the old group is left
	mustDone(t, m, "w1", 2, 1, 2)
}

func TestWorse(t *testing.T) {
	order := []uint8{2, 6, 0, 1, 7, 3, 4, 9, 5, 8}
	for i, a := range order {
		for _, b := range order[i:] {
			if Worse(a, b) != b || Worse(b, a) != b {
				t.Errorf("of %d and %d: %d, %d", a, b, Worse(a, b), Worse(b, a))
			}
		}
	}
	if Worse(2, 200) != 200 || Worse(200, 3) != 3 {
		t.Error("a state without a name is not UNKNOWN")
	}
}

func TestBadEntries(t *testing.T) {
	m := open(t, t.TempDir(), Options{})
	long := make([]byte, 65)
	good := Entry{Account: "a", Expires: time.Now().Add(time.Hour)}
	for name, f := range map[string]func() ([]byte, Entry){
		"no id":        func() ([]byte, Entry) { return nil, good },
		"long id":      func() ([]byte, Entry) { return long, good },
		"long alias":   func() ([]byte, Entry) { e := good; e.Alias = long; return long[:1], e },
		"no account":   func() ([]byte, Entry) { e := good; e.Account = ""; return long[:1], e },
		"long account": func() ([]byte, Entry) { e := good; e.Account = strings.Repeat("a", 256); return long[:1], e },
		"no expiry":    func() ([]byte, Entry) { e := good; e.Expires = time.Time{}; return long[:1], e },
	} {
		id, e := f()
		if err := m.Put(id, &e); !errors.Is(err, ErrBad) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if m.Get(nil, &good) || m.Get(long, &good) || m.Len() != 0 {
		t.Error("something was kept")
	}
}

func TestLongest(t *testing.T) {
	dir := t.TempDir()
	m := open(t, dir, Options{Segment: 4 << 10})
	e := Entry{Account: strings.Repeat("a", 255), Alias: bytes.Repeat([]byte{'b'}, 64), Parts: 255,
		Expires: time.Date(2200, 1, 1, 0, 0, 0, 1, time.UTC)}
	id := bytes.Repeat([]byte{0}, 64)
	if err := m.Put(id, &e); err != nil {
		t.Fatal(err)
	}
	if l, _, ok := m.Done(id, 2); l != 254 || !ok {
		t.Fatal(l, ok)
	}
	if err := m.Put(id, &e); err != nil {
		t.Fatal(err)
	}
	m.Close()
	m = open(t, dir, Options{Segment: 4 << 10})
	var got Entry
	if !m.Get(id, &got) || got.Account != e.Account || !bytes.Equal(got.Alias, e.Alias) || got.Expires.Year() != 2106 {
		t.Fatal(got)
	}
	if l, _, ok := m.Done(id, 2); l != 253 || !ok {
		t.Fatal(l, ok)
	}
}

func TestExpiry(t *testing.T) {
	c := newClock()
	dir := t.TempDir()
	o := Options{Now: c.now, Every: time.Hour}
	m := open(t, dir, o)
	for i := range 1000 {
		put(t, m, fmt.Sprint(i), "a", "x", uint8(i%3), t0.Add(time.Duration(i)*time.Second+1))
	}
	c.advance(500 * time.Second)
	var e Entry
	if m.Get([]byte("499"), &e) || !m.Get([]byte("500"), &e) {
		t.Fatal("not rounded up to the second")
	}
	if _, _, ok := m.Done([]byte("3"), 2); ok {
		t.Fatal("an expired id is done")
	}
	for i := range shards {
		m.sweep(i)
	}
	if m.Len() != 500 {
		t.Fatal(m.Len())
	}
	c.advance(250 * time.Second)
	m.Close()
	if m = open(t, dir, o); m.Len() != 250 {
		t.Fatal(m.Len())
	}
}

func TestDirectory(t *testing.T) {
	dir := t.TempDir()
	m := open(t, dir, Options{})
	if _, err := Open(dir, Options{}); !errors.Is(err, ErrLocked) {
		t.Errorf("twice: %v", err)
	}
	m.Close()
	if err := m.Put([]byte("1"), &Entry{Account: "a", Expires: t0}); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	if err := m.Commit(); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	if err := m.Close(); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	m = open(t, dir, Options{})
	m.Close()

	foreign := t.TempDir()
	os.WriteFile(filepath.Join(foreign, "letter.txt"), nil, 0o600)
	if _, err := Open(foreign, Options{}); !errors.Is(err, ErrForeign) || !strings.Contains(err.Error(), "letter.txt") {
		t.Error(err)
	}
	if all, _ := os.ReadDir(foreign); len(all) != 1 {
		t.Error("something was left in a foreign directory")
	}
	os.WriteFile(filepath.Join(dir, markFile), []byte("sekisho pending 9\n"), 0o600)
	if _, err := Open(dir, Options{}); !errors.Is(err, ErrForeign) {
		t.Error(err)
	}
	if _, err := Open(filepath.Join(foreign, "letter.txt"), Options{}); err == nil {
		t.Error("a file as directory")
	}
	for _, o := range []Options{{Segment: 1}, {Segment: 2 << 30}, {Sync: "never"}, {MaxBytes: 1}, {Every: -1}} {
		if _, err := Open(t.TempDir(), o); err == nil {
			t.Errorf("%+v", o)
		}
	}
}

func TestMetrics(t *testing.T) {
	r := prometheus.NewPedanticRegistry()
	m := open(t, t.TempDir(), Options{Metrics: r})
	put(t, m, "1", "a", "", 0, time.Now().Add(time.Hour))
	all, err := r.Gather()
	if err != nil || len(all) != 8 {
		t.Fatal(len(all), err)
	}
	m.Close()
	open(t, t.TempDir(), Options{Metrics: r})
}

func TestNoAllocations(t *testing.T) {
	m := open(t, t.TempDir(), Options{Segment: 64 << 10})
	exp := time.Now().Add(time.Hour)
	for i := range 10000 {
		put(t, m, fmt.Sprintf("message-%06d", i), "acme", "alias", 1, exp)
	}
	m.Commit()
	e := Entry{Alias: make([]byte, 0, MaxID)}
	i := 0
	ids := make([][]byte, 10000)
	for i := range ids {
		ids[i] = fmt.Appendf(nil, "message-%06d", i)
	}
	if n := testing.AllocsPerRun(5000, func() {
		if !m.Get(ids[i], &e) || string(e.Alias) != "alias" {
			t.Fatal(i)
		}
		i++
	}); n != 0 {
		t.Errorf("Get allocates %v times", n)
	}
	put := Entry{Account: "acme", Alias: []byte("alias"), Expires: exp}
	if n := testing.AllocsPerRun(4000, func() {
		i--
		if _, _, ok := m.Done(ids[i], 2); !ok {
			t.Fatal(i)
		}
	}); n != 0 {
		t.Errorf("Done allocates %v times", n)
	}
	_ = put
}

// one is what the model keeps of an id.
type one struct {
	account, alias string
	parts          uint8
	expires        time.Time
}

type progress struct {
	done    int
	worst   uint8
	expires time.Time
}

// TestModel does the same to a map of Go and to ours, with segments so small that they are compacted all the
// time, and closes and opens it in between.
func TestModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "pending")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		c := newClock()
		o := Options{Segment: 4 << 10, Now: c.now, Every: time.Millisecond, Logger: slog.New(slog.DiscardHandler)}
		m, err := Open(dir, o)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { m.Close() }()
		ids := map[string]one{}
		groups := map[[2]string]progress{}
		id := rapid.Custom(func(t *rapid.T) string {
			return strings.Repeat("x", 30) + fmt.Sprint(rapid.IntRange(0, 150).Draw(t, "id"))
		})
		alive := func(k string) (one, bool) {
			x, ok := ids[k]
			return x, ok && x.expires.After(c.now())
		}
		t.Repeat(map[string]func(*rapid.T){
			"put": func(t *rapid.T) {
				for range rapid.IntRange(1, 40).Draw(t, "n") {
					k := id.Draw(t, "id")
					x := one{rapid.SampledFrom([]string{"a", "bb", "ccc"}).Draw(t, "account"),
						rapid.SampledFrom([]string{"", "p", "q", "r"}).Draw(t, "alias"), uint8(rapid.IntRange(0, 4).Draw(t, "parts")),
						c.now().Add(time.Duration(rapid.IntRange(0, 50).Draw(t, "ttl")) * time.Second)}
					if err := m.Put([]byte(k), &Entry{x.account, []byte(x.alias), x.parts, x.expires}); err != nil {
						t.Fatal(err)
					}
					ids[k] = x
				}
			},
			"done": func(t *rapid.T) {
				k, state := id.Draw(t, "id"), rapid.SampledFrom([]uint8{2, 3, 5, 8}).Draw(t, "state")
				x, want := alive(k)
				left, worst := 0, state
				if want {
					delete(ids, k)
					if x.parts > 1 {
						name := [2]string{x.account, x.alias}
						if x.alias == "" {
							name[1] = k
						}
						g := groups[name]
						if !g.expires.After(c.now()) {
							g = progress{}
						}
						g.done++
						g.worst = Worse(g.worst, state)
						if g.done == 1 {
							g.worst = state
						}
						if x.expires.After(g.expires) {
							g.expires = x.expires
						}
						if left, worst = max(int(x.parts)-g.done, 0), g.worst; left > 0 {
							groups[name] = g
						} else {
							delete(groups, name)
						}
					}
				}
				for _, f := range []func([]byte, uint8) (int, uint8, bool){m.Peek, m.Done} {
					l, w, ok := f([]byte(k), state)
					if ok != want || ok && (l != left || w != worst) {
						t.Fatalf("%s: %d, %d, %v, want %d, %d, %v", k, l, w, ok, left, worst, want)
					}
				}
			},
			"get": func(t *rapid.T) {
				k := id.Draw(t, "id")
				x, want := alive(k)
				var e Entry
				if m.Get([]byte(k), &e) != want || want && (e.Account != x.account || string(e.Alias) != x.alias ||
					e.Parts != x.parts || !e.Expires.Equal(x.expires)) {
					t.Fatal(k, e, x, want)
				}
			},
			"commit": func(t *rapid.T) {
				if err := m.Commit(); err != nil {
					t.Fatal(err)
				}
			},
			"later": func(t *rapid.T) { c.advance(time.Duration(rapid.IntRange(1, 10).Draw(t, "s")) * time.Second) },
			"reopen": func(t *rapid.T) {
				if err := m.Close(); err != nil {
					t.Fatal(err)
				}
				if m, err = Open(dir, o); err != nil {
					t.Fatal(err)
				}
			},
			"": func(t *rapid.T) {
				m.mu.Lock()
				defer m.mu.Unlock()
				live := 0
				for _, s := range m.segments {
					live += s.live
				}
				if live != m.table.ids+m.table.groups || m.failed != nil || m.m.failures != [len(failures)]uint64{} {
					t.Fatal(live, m.table.ids, m.table.groups, m.failed, m.m.failures)
				}
			},
		})
	})
}
