package taxii

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sekisho/sekisho/share/stix"
)

// model is a collection as the standard tells it, in a list.
type model struct {
	versions int
	all      []modelRecord
	last     time.Time
}

type modelRecord struct {
	o     stix.Object
	at    time.Time
	added time.Time
}

func (m *model) of(id string) []modelRecord {
	var out []modelRecord
	for _, r := range m.all {
		if r.o.ID() == id {
			out = append(out, r)
		}
	}
	slices.SortStableFunc(out, func(a, b modelRecord) int { return a.at.Compare(b.at) })
	return out
}

func (m *model) drop(r modelRecord) {
	m.all = slices.DeleteFunc(m.all, func(x modelRecord) bool { return x.added.Equal(r.added) })
}

func (m *model) add(o stix.Object, now time.Time) bool {
	at, _ := stix.ParseTime(orNone(o.Version()))
	for _, r := range m.of(o.ID()) {
		if r.at.Equal(at) && r.o.SpecVersion() == o.SpecVersion() {
			return bytes.Equal(r.o.JSON(), o.JSON())
		}
	}
	if m.last = m.last.Add(time.Microsecond); now.After(m.last) {
		m.last = now
	}
	m.all = append(m.all, modelRecord{o, at, m.last})
	if v := m.of(o.ID()); len(v) > m.versions {
		if m.versions == 1 || len(v) == 2 {
			m.drop(v[0])
		} else {
			m.drop(v[1])
		}
	}
	return true
}

func (m *model) asked(r modelRecord, q Query) bool {
	if len(q.IDs) > 0 && !slices.Contains(q.IDs, r.o.ID()) || len(q.Types) > 0 && !slices.Contains(q.Types, r.o.Type()) {
		return false
	}
	v := m.of(r.o.ID())
	specs := q.Specs
	if len(specs) == 0 {
		specs = []string{slices.MaxFunc(v, func(a, b modelRecord) int { return cmp.Compare(a.o.SpecVersion(), b.o.SpecVersion()) }).o.SpecVersion()}
	}
	v = slices.DeleteFunc(v, func(x modelRecord) bool { return !slices.Contains(specs, x.o.SpecVersion()) })
	if !slices.ContainsFunc(v, func(x modelRecord) bool { return x.added.Equal(r.added) }) {
		return false
	}
	last := q.Versions.Last || q.Versions.IsZero()
	return q.Versions.All || last && v[len(v)-1].added.Equal(r.added) || q.Versions.First && v[0].added.Equal(r.added) || slices.ContainsFunc(q.Versions.At, r.at.Equal)
}

func (m *model) page(q Query) (out []modelRecord, more bool) {
	for _, r := range m.all {
		if !r.added.After(q.After) || !r.added.After(q.From.Added) || !m.asked(r, q) {
			continue
		}
		if len(out) == q.Limit {
			return out, true
		}
		out = append(out, r)
	}
	return out, false
}

// TestShelf: slabs, chains, eviction and compaction give what a list gives.
func TestShelf(t *testing.T) {
	kinds := []string{"indicator", "malware", "url"}
	rapid.Check(t, func(t *rapid.T) {
		versions := rapid.IntRange(1, 4).Draw(t, "versions")
		s := newShelf(MemoryConfig{Versions: versions, Records: 1000, Octets: 1 << 20})
		s.slabRecords = rapid.IntRange(1, 5).Draw(t, "slab")
		if rapid.Bool().Draw(t, "short of time") {
			s.maxScan = rapid.IntRange(0, 20).Draw(t, "scan")
		}
		m := &model{versions: versions, last: start}
		now := start
		s.last = start.UnixMicro()
		drawVersions := func() (v Versions) {
			switch rapid.IntRange(0, 5).Draw(t, "which") {
			case 0:
				v.All = true
			case 1:
				v.First = true
			case 2:
				v.First, v.Last = true, true
			case 3:
				v.At = []time.Time{start.AddDate(0, 0, rapid.IntRange(0, 3).Draw(t, "version"))}
			case 4:
				v.Last = true
			}
			return v
		}
		specs := func() []string {
			return [][]string{nil, {"2.0"}, {"2.1"}, {"2.0", "2.1"}}[rapid.IntRange(0, 3).Draw(t, "specs")]
		}
		id := func() (string, string) {
			k := kinds[rapid.IntRange(0, 2).Draw(t, "kind")]
			return k, fmt.Sprintf("%s--00000000-0000-4000-8000-00000000000%x", k, rapid.IntRange(0, 3).Draw(t, "id"))
		}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			switch rapid.IntRange(0, 5).Draw(t, "do") {
			default:
				k, i := id()
				spec := []string{"2.1", "2.1", "2.0"}[rapid.IntRange(0, 2).Draw(t, "spec")]
				v := start.AddDate(0, 0, rapid.IntRange(0, 6).Draw(t, "version"))
				text := fmt.Sprintf(`{"type":%q,"id":%q,"spec_version":%q,"created":%q,"modified":%q,"name":"%d"}`, k, i, spec, stix.FormatTime(start), stix.FormatTime(v), rapid.IntRange(0, 1).Draw(t, "name"))
				o, err := stix.Parse([]byte(text))
				if err != nil {
					t.Fatal(err)
				}
				now = now.Add(time.Duration(rapid.IntRange(0, 2).Draw(t, "µs")) * time.Microsecond)
				s.mu.Lock()
				got := s.add(o, now) == taken
				s.mu.Unlock()
				if want := m.add(o, now); got != want {
					t.Fatalf("taken %v, want %v", got, want)
				}
			case 4:
				_, i := id()
				q := Query{IDs: []string{i}, Specs: specs(), Versions: drawVersions()}
				n := s.remove(q)
				if q.Versions.IsZero() {
					q.Versions.All = true
				}
				if len(q.Specs) == 0 {
					q.Specs = []string{"2.0", "2.1"}
				}
				q.Limit = 1000
				gone, _ := m.page(q)
				for _, r := range gone {
					m.drop(r)
				}
				if n != len(gone) {
					t.Fatalf("%d removed, want %d", n, len(gone))
				}
			case 5:
				q := Query{Specs: specs(), Versions: drawVersions(), Limit: rapid.IntRange(1, 9).Draw(t, "limit")}
				if rapid.Bool().Draw(t, "by type") {
					q.Types = []string{kinds[rapid.IntRange(0, 2).Draw(t, "kind")], "tool"}
				}
				if rapid.Bool().Draw(t, "by id") {
					_, a := id()
					_, b := id()
					q.IDs = []string{a, b, a}
				}
				if rapid.Bool().Draw(t, "after") {
					q.After = start.Add(time.Duration(rapid.IntRange(0, 60).Draw(t, "µs")) * time.Microsecond)
				}
				var got []Record
				for {
					want, more := m.page(q)
					p := s.page(q)
					if s.maxScan == maxScan && (len(p.Records) != len(want) || p.More != more) || len(p.Records) > q.Limit {
						t.Fatalf("%+v: %d records, more %v, want %d, %v", q, len(p.Records), p.More, len(want), more)
					}
					got = append(got, p.Records...)
					if !p.More {
						break
					}
					c, err := ParseCursor(p.Next.String())
					if err != nil || c != p.Next || c == q.From {
						t.Fatalf("cursor %v: %v", p.Next, err)
					}
					q.From = c
				}
				q.From, q.Limit = Cursor{}, 1000
				want, _ := m.page(q)
				if len(got) != len(want) {
					t.Fatalf("%+v: %d records, want %d", q, len(got), len(want))
				}
				for i, r := range got {
					w := want[i]
					if r.ID != w.o.ID() || r.Version != w.o.Version() || !r.Added.Equal(w.added) || r.Spec != w.o.SpecVersion() || !bytes.Equal(r.Object, w.o.JSON()) {
						t.Fatalf("record %d: %+v", i, r)
					}
				}
			}
			if s.count != len(m.all) {
				t.Fatalf("%d records, want %d", s.count, len(m.all))
			}
			for i, b := range s.slabs {
				if b.len() == 0 || b.len() > s.slabRecords {
					t.Fatalf("slab %d has %d", i, b.len())
				}
				if i < len(s.slabs)-1 && b.alive*2 <= b.len() {
					t.Fatalf("slab %d: %d of %d are alive", i, b.alive, b.len())
				}
			}
		}
	})
}

func indicatorOf(t testing.TB, n int, modified time.Time) stix.Object {
	o, err := stix.Parse(fmt.Appendf(nil, `{"type":"indicator","spec_version":"2.1","id":"indicator--%08x-6a5f-4a36-8c5e-0e2f0f6f7d11","created_by_ref":"identity--4f1bd1f0-55f4-4f0e-9a41-0f8c0c8b6f0a",`+
		`"created":"2026-01-01T00:00:00.000Z","modified":%q,"name":"A link in smishing texts","indicator_types":["malicious-activity"],"labels":["smishing","parcel"],"confidence":85,`+
		`"object_marking_refs":["marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb"],"pattern":"[url:value = 'https://evil%d.example/track' OR url:value = 'http://evil%d.example/track']",`+
		`"pattern_type":"stix","pattern_version":"2.1","valid_from":"2026-01-01T00:00:00.000Z","extensions":{"extension-definition--20c556fc-9f0e-4cfd-a2a0-77064dd468ff":{"extension_type":"property-extension","kind":"url","lure":"parcel"}}}`,
		n, stix.FormatTime(modified), n, n))
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestMemoryBounds(t *testing.T) {
	yes := func(Caller) bool { return true }
	now := start
	m, err := NewMemory(MemoryConfig{Versions: 3, Records: 10, Octets: 1 << 20, Statuses: 2, Now: func() time.Time { return now }}, MemoryCollection{Collection{ID: colBoth, Title: "t"}, yes, yes})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		if _, err := m.Put(colBoth, indicatorOf(t, 1, start.Add(time.Duration(i)*time.Second))); err != nil {
			t.Fatal(err)
		}
	}
	p, _ := m.Page(context.Background(), Caller{}, colBoth, Query{Limit: 10, Versions: Versions{All: true}})
	var got []string
	for _, r := range p.Records {
		got = append(got, r.Version[17:19])
	}
	if !slices.Equal(got, []string{"00", "18", "19"}) {
		t.Errorf("versions %v: neither the first nor the last may go", got)
	}
	n := 0
	for i := range 20 {
		if _, err := m.Put(colBoth, indicatorOf(t, 100+i, start)); err == nil {
			n++
		}
	}
	if n != 7 || m.Len(colBoth) != 10 {
		t.Errorf("%d more taken, %d kept", n, m.Len(colBoth))
	}
	var st []Status
	for range 3 {
		s, err := m.Add(context.Background(), Caller{"a"}, colBoth, Submission{At: now, Objects: []stix.Object{indicatorOf(t, 1000, start)}})
		if err != nil || s.Failure != 1 || !strings.Contains(s.Failures[0].Message, "full") {
			t.Fatalf("%+v %v", s, err)
		}
		st = append(st, s)
	}
	ask := func(i int, who string) bool {
		_, err := m.Status(context.Background(), Caller{who}, st[i].ID)
		return err == nil
	}
	if ask(0, "a") || !ask(1, "a") || !ask(2, "a") || ask(2, "b") {
		t.Error("statuses")
	}
	now = now.Add(25 * time.Hour)
	if ask(2, "a") {
		t.Error("a status after a day")
	}
	if _, err := m.Page(context.Background(), Caller{}, colRead, Query{Limit: 1}); err != ErrNotFound {
		t.Error(err)
	}
}

// A page has an octet bound beside that of its records.
func TestPageOctets(t *testing.T) {
	s := newShelf(MemoryConfig{Versions: 8, Records: 100, Octets: 1 << 20})
	size := 0
	for i := range 10 {
		o := indicatorOf(t, i, start)
		size = len(o.JSON())
		s.add(o, start)
	}
	p := s.page(Query{Limit: 100, Octets: 3*size + 10})
	if len(p.Records) != 3 || !p.More {
		t.Errorf("%d records", len(p.Records))
	}
	if p = s.page(Query{Limit: 100, Octets: 1}); len(p.Records) != 1 || !p.More {
		t.Errorf("%d records", len(p.Records))
	}
}

// Many read while others add, replace and delete: for the race detector, and that a reader misses nothing that stays.
func TestMemoryAtOnce(t *testing.T) {
	yes := func(Caller) bool { return true }
	m, err := NewMemory(MemoryConfig{Versions: 2}, MemoryCollection{Collection{ID: colBoth, Title: "t"}, yes, yes})
	if err != nil {
		t.Fatal(err)
	}
	const stay = 500
	for i := range stay {
		m.Put(colBoth, indicatorOf(t, i, start))
	}
	var wg sync.WaitGroup
	for w := range 2 {
		wg.Go(func() {
			for i := range 600 {
				m.Put(colBoth, indicatorOf(t, 10_000+w*10_000+i%100, start.Add(time.Duration(i)*time.Second)))
				if i%3 == 0 {
					m.Delete(context.Background(), Caller{}, colBoth, Query{IDs: []string{fmt.Sprintf("indicator--%08x-6a5f-4a36-8c5e-0e2f0f6f7d11", 10_000+w*10_000+i%100)}})
				}
			}
		})
		wg.Go(func() {
			for range 5 {
				n, q := 0, Query{Limit: 37}
				for {
					p, _ := m.Page(context.Background(), Caller{}, colBoth, q)
					for _, r := range p.Records {
						if !bytes.Contains(r.Object, []byte(r.ID)) {
							t.Error("octets of another record")
						}
						if r.ID < fmt.Sprintf("indicator--%08x", 10_000) {
							n++
						}
					}
					if !p.More {
						break
					}
					q.From = p.Next
				}
				if n != stay {
					t.Errorf("%d of %d", n, stay)
				}
			}
		})
	}
	wg.Wait()
}

func TestCursor(t *testing.T) {
	for _, s := range []string{"", "-", "a", "a-", "-b", "a-b-c", "+1-2", "1--2", "zzzzzzzzzzzzzzzzzzz-1", "1-zzzzzzzzzzzzzzzzzzzzzzzzz", "-1-1"} {
		if _, err := ParseCursor(s); err == nil {
			t.Errorf("%q is taken", s)
		}
	}
}

// BenchmarkPage reads pages of 100 out of a million objects over HTTP on loopback, from places drawn at random, and prints how long they took.
// SEKISHO_BENCH_OBJECTS sets another number.
func BenchmarkPage(b *testing.B) {
	n := 1_000_000
	if v, err := strconv.Atoi(os.Getenv("SEKISHO_BENCH_OBJECTS")); err == nil {
		n = v
	}
	yes := func(Caller) bool { return true }
	now := start
	m, err := NewMemory(MemoryConfig{Now: func() time.Time { return now }}, MemoryCollection{Collection{ID: colBoth, Title: "t"}, yes, yes})
	if err != nil {
		b.Fatal(err)
	}
	began := time.Now()
	for i := range n {
		now = now.Add(time.Second)
		m.Put(colBoth, indicatorOf(b, i, start))
		if i%1000 == 0 { // a rare type, and something that was replaced
			m.Put(colBoth, object(b, "malware", fmt.Sprintf("malware--%08x-6a5f-4a36-8c5e-0e2f0f6f7d11", i), "2.1", "2026-01-01T00:00:00.000Z", ""))
			m.Put(colBoth, indicatorOf(b, i/2, start.Add(time.Hour)))
		}
	}
	b.Logf("%d objects, put in within %v", m.Len(colBoth), time.Since(began).Round(time.Millisecond))
	s, err := NewServer(Config{Title: "t", Roots: []Root{{Path: "/a/", Title: "t", Backend: m}}, Auth: func(*http.Request) (Caller, error) { return Caller{"x"}, nil }})
	if err != nil {
		b.Fatal(err)
	}
	h := httptest.NewServer(s)
	defer h.Close()
	page := func(b *testing.B, query string) {
		var took []time.Duration
		var room bytes.Buffer
		b.ReportAllocs()
		b.ResetTimer()
		for b.Loop() {
			after := start.Add(time.Duration(rand.IntN(n)) * time.Second)
			r, _ := http.NewRequest(http.MethodGet, h.URL+"/a/collections/"+colBoth+"/objects/?limit=100&added_after="+FormatTime(after)+query, nil)
			r.Header.Set("Accept", MediaType)
			t := time.Now()
			res, err := http.DefaultClient.Do(r)
			if err != nil {
				b.Fatal(err)
			}
			room.Reset()
			room.ReadFrom(res.Body)
			res.Body.Close()
			took = append(took, time.Since(t))
			if res.StatusCode != 200 || room.Len() < 10 && query == "" {
				b.Fatalf("%d: %d octets", res.StatusCode, room.Len())
			}
		}
		slices.Sort(took)
		for _, p := range []int{50, 99} {
			b.ReportMetric(float64(took[min(len(took)-1, len(took)*p/100)].Microseconds())/1000, fmt.Sprintf("p%d-ms", p))
		}
		b.SetBytes(int64(room.Len()))
	}
	b.Run("any", func(b *testing.B) { page(b, "") })
	b.Run("rare-type", func(b *testing.B) { page(b, "&match[type]=malware") })
	b.Run("all-versions", func(b *testing.B) { page(b, "&match[version]=all") })
	b.Run("first-version", func(b *testing.B) { page(b, "&match[version]=first") })
	b.Run("no-such-version", func(b *testing.B) { page(b, "&match[version]=2020-01-01T00:00:00.000Z") })
	b.Run("both-ends", func(b *testing.B) { page(b, "&match[version]=2020-01-01T00:00:00.000Z,first&match[type]=malware") })
	b.Run("no-such-type", func(b *testing.B) { page(b, "&match[type]=tool") })
}
