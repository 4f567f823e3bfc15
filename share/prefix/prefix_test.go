package prefix

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sekisho/sekisho/indicator"
	"github.com/sekisho/sekisho/purpose"
	"github.com/sekisho/sekisho/share"
)

func items(t testing.TB, values ...string) func(func(share.Item, error) bool) {
	t.Helper()
	policy := purpose.Policy{purpose.Share: purpose.LawfulBusiness}
	g, err := purpose.Ask(&policy, purpose.Share, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	return func(yield func(share.Item, error) bool) {
		for i, v := range values {
			k := indicator.Host
			if strings.Contains(v, "/") {
				k = indicator.URL
			}
			item, err := share.Clear(g, indicator.Entry{ID: fmt.Sprint(i), Kind: k, Value: v, Status: indicator.Active, Recipients: 2, TLP: indicator.TLPClear}, share.Group{})
			if !yield(item, err) {
				return
			}
		}
	}
}

// The examples that Safe Browsing publishes for lookups.
func TestExpressions(t *testing.T) {
	for url, want := range map[string][]string{
		"http://a.b.com/1/2.html?param=1": {"a.b.com/1/2.html?param=1", "a.b.com/1/2.html", "a.b.com/", "a.b.com/1/", "b.com/1/2.html?param=1", "b.com/1/2.html", "b.com/", "b.com/1/"},
		"http://a.b.c.d.e.f.com/1.html": {"a.b.c.d.e.f.com/1.html", "a.b.c.d.e.f.com/", "c.d.e.f.com/1.html", "c.d.e.f.com/", "d.e.f.com/1.html", "d.e.f.com/",
			"e.f.com/1.html", "e.f.com/", "f.com/1.html", "f.com/"},
		"http://1.2.3.4/1/":             {"1.2.3.4/1/", "1.2.3.4/"},
		"http://host.com/%25%32%35":     {"host.com/%25", "host.com/"},
		"http://www.google.com/blah/..": {"www.google.com/", "google.com/"},
		"http://user:pass@www.GOOgle.com:80/a//b/./c?q#f": {"www.google.com/a/b/c?q", "www.google.com/a/b/c", "www.google.com/", "www.google.com/a/", "www.google.com/a/b/",
			"google.com/a/b/c?q", "google.com/a/b/c", "google.com/", "google.com/a/", "google.com/a/b/"},
		"not a host/": nil,
		"":            nil,
	} {
		got := Expressions(url)
		slices.Sort(got)
		slices.Sort(want)
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\n%q\nnot\n%q", url, got, want)
		}
	}
}

func TestChecker(t *testing.T) {
	s := NewServer()
	if err := s.Set(items(t, "bad.example", "pages.example/evil/page")); err != nil {
		t.Fatal(err)
	}
	var asked []string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.RequestURI())
		s.ServeHTTP(w, r)
	}))
	defer srv.Close()
	now := time.Now()
	c := &Checker{Base: srv.URL + "/share/prefix/", Now: func() time.Time { return now }}
	check := func(url string, want bool) {
		t.Helper()
		if got, err := c.Check(t.Context(), url); err != nil || got != want {
			t.Errorf("%s: %v %v", url, got, err)
		}
	}
	check("http://bad.example/", false) // no list yet
	if _, err := c.Update(t.Context()); err != nil {
		t.Fatal(err)
	}
	check("http://bad.example/", true)
	check("https://bad.example/some/page?x=1", true)
	check("https://www.bad.example/", true)
	check("https://pages.example/evil/page?token=81901234", true)
	check("https://pages.example/good/page", false)
	n := len(asked)
	check("https://other.example/", false)
	check("http://bad.example/", true) // remembered
	if len(asked) != n {
		t.Errorf("asked again: %q", asked[n:])
	}
	for _, a := range asked {
		if strings.Contains(a, "example") || strings.Contains(a, "8190") {
			t.Errorf("the server learnt %s", a)
		}
	}
	// A new version comes as a difference, and what is withdrawn is gone.
	if err := s.Set(items(t, "worse.example", "pages.example/evil/page")); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Update(t.Context()); err != nil {
		t.Fatal(err)
	}
	now = now.Add(time.Hour)
	check("http://bad.example/", false)
	check("http://worse.example/", true)
	// A client that is broken gets the whole list.
	c.prefixes = []uint32{1, 2, 3}
	if _, err := c.Update(t.Context()); err != nil {
		t.Fatal(err)
	}
	check("http://worse.example/", true)
	for path, want := range map[string]int{"list?have=!": 400, "search": 400, "search?prefix=zz": 400, "search?prefix=00000000" + strings.Repeat("&prefix=00000000", 30): 400, "else": 404,
		"list?have=1": 200} {
		resp, err := http.Get(srv.URL + "/share/prefix/" + path)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%s: %d", path, resp.StatusCode)
		}
	}
	lengths := map[int]bool{}
	for _, q := range []string{"00000000", hex.EncodeToString(Sums("http://worse.example/")[0][:4])} {
		resp, err := http.Get(srv.URL + "/share/prefix/search?prefix=" + q)
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		lengths[len(b)] = true
	}
	if len(lengths) != 1 {
		t.Errorf("the length of an answer tells what is in it: %v", lengths)
	}
}

func TestRice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.SliceOfNDistinct(rapid.Uint32(), 0, 300, rapid.ID[uint32]).Draw(t, "v")
		slices.Sort(v)
		got, err := encode(v).decode()
		if err != nil || !slices.Equal(got, v) {
			t.Fatalf("%v %v", got, err)
		}
		w := rapid.SliceOfNDistinct(rapid.Uint32Range(0, 400), 0, 300, rapid.ID[uint32]).Draw(t, "w")
		slices.Sort(w)
		gone, added := difference(v, w)
		u := Update{Since: "a", Removals: encode(gone), Add: encode(added), SHA256: checksum(w)}
		if after, err := u.apply("a", v); err != nil || !slices.Equal(after, w) {
			t.Fatalf("%v %v", after, err)
		}
	})
}

func FuzzUpdate(f *testing.F) {
	u := Update{Since: "a", Removals: encode([]uint32{1, 5}), Add: encode([]uint32{7, 1 << 30}), SHA256: checksum(nil)}
	b, _ := json.Marshal(u)
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		var u Update
		if json.Unmarshal(b, &u) == nil {
			u.apply("a", []uint32{1, 2, 3, 4, 5, 6})
		}
	})
}

func FuzzExpressions(f *testing.F) {
	f.Add("http://a.b.com/1/2.html?param=1")
	f.Fuzz(func(t *testing.T, url string) {
		if n := len(Expressions(url)); n > maxHosts*maxPaths {
			t.Fatal(n)
		}
	})
}

func BenchmarkMillion(b *testing.B) {
	values := make([]string, 1_000_000)
	rnd := rand.New(rand.NewPCG(1, 2))
	for i := range values {
		values[i] = fmt.Sprintf("h%x.example", rnd.Uint64())
	}
	all := items(b, values...)
	b.Run("set", func(b *testing.B) {
		for range b.N {
			s := NewServer()
			if err := s.Set(all); err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(len(encode(s.now.Load().prefixes).Bits))/1e6, "MB-list")
		}
	})
	s := NewServer()
	if err := s.Set(all); err != nil {
		b.Fatal(err)
	}
	b.Run("search", func(b *testing.B) {
		b.ReportAllocs()
		for i := range b.N {
			r := httptest.NewRequest("GET", fmt.Sprintf("/search?prefix=%08x", uint32(i)*2654435761), nil)
			s.ServeHTTP(httptest.NewRecorder(), r)
		}
	})
}
