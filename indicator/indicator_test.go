package indicator

import (
	"errors"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sekisho/sekisho/subject"
)

func index(t testing.TB, in ...Indicator) *Index {
	t.Helper()
	b := NewBuilder(0)
	for _, i := range in {
		if i.Source == "" {
			i.Source = "test"
		}
		if err := b.Add(i); err != nil {
			t.Fatalf("%v %s: %v", i.Kind, i.Value, err)
		}
	}
	return b.Index()
}

func says(h Hit) string {
	switch {
	case h.Bad && h.Good:
		return "both"
	case h.Bad:
		return "bad"
	case h.Good:
		return "good"
	}
	return ""
}

func TestLookupHost(t *testing.T) {
	x := index(t,
		Indicator{Value: "evil.example", Bad: true},
		Indicator{Value: "help.evil.example"},
		Indicator{Value: "host.half.example", Bad: true},
		Indicator{Value: "*.tree.deep.example", Bad: true},
		Indicator{Value: "popular.example"},
		Indicator{Value: "http://pages.popular.example/", Bad: true},
		Indicator{Value: "a.b.duckdns.org", Bad: true},
		Indicator{Value: "me.duckdns.org", Bad: true},
		Indicator{Value: "192.0.2.1", Bad: true},
		Indicator{Value: "http://[2001:DB8::1]/", Bad: true},
		Indicator{Value: "日本語.example", Bad: true},
		Indicator{Value: "UPPER.example.", Bad: true},
		Indicator{Value: "defanged[.]example", Bad: true},
		Indicator{Value: "both.example", Bad: true},
		Indicator{Value: "both.example"},
	)
	for _, c := range []struct{ host, domain, want string }{
		{"evil.example", "evil.example", "bad"},
		{"www.evil.example", "evil.example", "bad"},
		{"a.b.c.d.e.f.g.h.i.j.k.l.m.evil.example", "evil.example", "bad"},
		{"help.evil.example", "evil.example", "good"},
		{"www.help.evil.example", "evil.example", "bad"}, // a host is itself only
		{"notevil.example", "notevil.example", ""},
		{"host.half.example", "half.example", "bad"},
		{"www.host.half.example", "half.example", ""},
		{"half.example", "half.example", ""},
		{"tree.deep.example", "deep.example", "bad"},
		{"x.y.tree.deep.example", "deep.example", "bad"},
		{"deep.example", "deep.example", ""},
		{"www.popular.example", "popular.example", "good"},
		{"pages.popular.example", "popular.example", "both"},
		{"a.b.duckdns.org", "b.duckdns.org", "bad"},
		{"c.b.duckdns.org", "b.duckdns.org", ""},
		{"x.me.duckdns.org", "me.duckdns.org", "bad"},
		{"192.0.2.1", "192.0.2.1", "bad"},
		{"192.0.2.2", "192.0.2.2", ""},
		{"[2001:db8::1]", "[2001:db8::1]", "bad"},
		{"xn--wgv71a119e.example", "xn--wgv71a119e.example", "bad"},
		{"upper.example", "upper.example", "bad"},
		{"defanged.example", "defanged.example", "bad"},
		{"both.example", "both.example", "both"},
		{"www.evil.example", "", ""},              // no domain: the host alone
		{"www.evil.example", "other.example", ""}, // not its domain
		{"", "", ""},
		{strings.Repeat("a.", 200) + "evil.example", "evil.example", ""}, // no host is as long
	} {
		if got := says(x.LookupHost([]byte(c.host), []byte(c.domain))); got != c.want {
			t.Errorf("%s under %s: %q, want %q", c.host, c.domain, got, c.want)
		}
	}
}

func TestLookupURL(t *testing.T) {
	x := index(t,
		Indicator{Value: "https://Evil.example/Pay/?id=1#top", Bad: true},
		Indicator{Value: "hxxp://evil[.]example/login/", Bad: true},
		Indicator{Value: "http://192.0.2.7:38866/", Bad: true},
		Indicator{Value: "http://user:pass@evil.example:80/%7euser/%2f", Bad: true},
		Indicator{Value: "https://evil.example?x=1", Bad: true},
		Indicator{Value: "good.example/ok"},
	)
	for url, want := range map[string]string{
		"evil.example/Pay/?id=1":       "bad",
		"evil.example/Pay/?id=1#other": "bad",
		"evil.example:443/Pay/?id=1":   "bad",
		"evil.example/Pay/?id=%31":     "bad",
		"evil.example/Pay/?id=2":       "",
		"evil.example/pay/?id=1":       "",
		"evil.example/login":           "bad",
		"evil.example/login/":          "bad",
		"evil.example/log%69n/":        "bad",
		"evil.example/login?any=thing": "bad",
		"evil.example/login/?any":      "bad",
		"evil.example/login/more":      "",
		"192.0.2.7:38866":              "bad",
		"192.0.2.7:38866/any/path?q":   "bad",
		"192.0.2.7:38867":              "",
		"192.0.2.7":                    "",
		"evil.example/~user/%2F":       "bad",
		"evil.example/~user//":         "",
		"evil.example/?x=1":            "bad",
		"evil.example?x=1":             "bad",
		"evil.example":                 "",
		"good.example/ok":              "good",
		"":                             "",
	} {
		if got := says(x.LookupURL([]byte(url))); got != want {
			t.Errorf("%s: %q, want %q", url, got, want)
		}
	}
	long := "evil.example/" + strings.Repeat("%61", maxURL)
	x.LookupURL([]byte(long))
	x.LookupURL([]byte("evil.example" + "?" + strings.Repeat("x", maxURL-13))) // one octet more once rewritten
}

func TestLookupLine(t *testing.T) {
	x := index(t,
		Indicator{Value: "+819012345678", Bad: true},
		Indicator{Value: "+8190123*", Bad: true},
		Indicator{Value: "+819012340000-+819012340099"},
		Indicator{Value: "+819012340050", Bad: true},
		Indicator{Value: "+4479*"},
		Indicator{Value: "+447900000000-+447999999999", Bad: true}, // as wide as its part of +4479*
		Indicator{Value: "+819055500000-819055599999", Bad: true},
		Indicator{Value: "+819055550000-819055649999", Bad: false}, // overlaps, neither within the other
	)
	for l, want := range map[subject.Line]string{
		819012345678:    "bad",
		819012345679:    "bad", // by the prefix
		819012340000:    "good",
		819012340099:    "good",
		819012340100:    "bad",
		819012340050:    "bad",
		819012299999:    "",
		819012400000:    "",
		81901230:        "bad", // a prefix is of numbers of any length
		819012399999999: "bad",
		447912345678:    "both",
		44791234567:     "good",
		819055500000:    "bad",
		819055649999:    "good",
		819055650000:    "",
		0:               "",
		1 << 63:         "",
	} {
		if got := says(x.LookupLine(l)); got != want {
			t.Errorf("%s: %q, want %q", l.Mask(), got, want)
		}
	}
	if k := x.LookupLine(819012345679).Kind; k != Range {
		t.Errorf("kind %v", k)
	}
}

func TestLookupSender(t *testing.T) {
	x := index(t,
		Indicator{Kind: Sender, Value: "FakeBank", Bad: true},
		Indicator{Kind: Sender, Value: " 90210 "},
		Indicator{Kind: Sender, Value: "ヤマト", Bad: true},
	)
	for s, want := range map[string]string{
		"FakeBank": "bad", "FAKEBANK": "bad", " fakebank ": "bad", "fakebank1": "",
		"90210": "good", "ヤマト": "bad", "": "", " ": "", strings.Repeat("x", 100): "",
	} {
		if got := says(x.LookupSender([]byte(s))); got != want {
			t.Errorf("%q: %q, want %q", s, got, want)
		}
	}
}

func TestNothingKnown(t *testing.T) {
	var set Set
	for _, x := range []*Index{nil, set.Load(), {}, NewBuilder(0).Index()} {
		if x.LookupHost([]byte("a.example"), []byte("a.example")).Known() || x.LookupURL([]byte("a.example/b")).Known() ||
			x.LookupLine(819012345678).Known() || x.LookupSender([]byte("A")).Known() || x.Len() != 0 {
			t.Error("knows something")
		}
	}
	x := index(t, Indicator{Value: "+819012345678", Bad: true})
	if set.Swap(x) != nil || set.Load() != x {
		t.Error("not swapped")
	}
}

func TestHitTells(t *testing.T) {
	jan, may := DayOf(time.Date(2026, 1, 31, 23, 0, 0, 0, time.UTC)), DayOf(time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC))
	x := index(t,
		Indicator{Value: "evil.example", Bad: true, Source: "weak", Confidence: 20, First: jan, Last: jan},
		Indicator{Value: "evil.example", Bad: true, Source: "sure", Confidence: 90, First: may, Last: may},
		Indicator{Value: "evil.example", Source: "popular", Confidence: 100},
		Indicator{Value: "late.example", Source: "popular", Confidence: 100},
		Indicator{Value: "late.example", Source: "weak", Bad: true, Confidence: 7},
	)
	h := x.LookupHost([]byte("www.evil.example"), []byte("evil.example"))
	if want := (Hit{true, true, Domain, 90, jan, may, "sure"}); h != want {
		t.Errorf("%+v, want %+v", h, want)
	}
	h = x.LookupHost([]byte("late.example"), []byte("late.example"))
	if want := (Hit{true, true, Domain, 7, 0, 0, "weak"}); h != want {
		t.Errorf("%+v, want %+v", h, want)
	}
	if jan.Time().Format("2006-01-02") != "2026-01-31" || Day(0).Time() != (time.Time{}) || DayOf(time.Time{}) != 0 {
		t.Error("days")
	}
}

func TestRefused(t *testing.T) {
	deep := strings.Repeat("a.", maxDepth+1) + "evil.example"
	for _, c := range []struct {
		in   Indicator
		want error
	}{
		{Indicator{Value: ""}, errGuess},
		{Indicator{Value: "SEKISHO"}, errGuess},
		{Indicator{Value: "12345"}, errGuess},
		{Indicator{Value: "2001:db8::1"}, errGuess},
		{Indicator{Value: "192.0.2.0/24"}, errNetwork},
		{Indicator{Value: "a b.example"}, errHost},
		{Indicator{Value: "someone@evil.example"}, errHost},
		{Indicator{Value: "0.0.0.0 evil.example"}, errHost},
		{Indicator{Value: "evil..example"}, errHost},
		{Indicator{Value: strings.Repeat("a", 64) + ".example"}, errHost},
		{Indicator{Value: strings.Repeat("abcdefghi.", 30) + "example"}, errHost},
		{Indicator{Value: "1.2.3.4.5"}, errHost},
		{Indicator{Value: "256.1.1.1"}, errHost},
		{Indicator{Kind: Host, Value: "*.evil.example"}, errHost},
		{Indicator{Kind: Host, Value: "localhost"}, errHost},
		{Indicator{Value: "[::1"}, errHost},
		{Indicator{Value: "http:///path"}, errHost},
		{Indicator{Value: "javascript://evil.example/"}, errURL},
		{Indicator{Value: "http://evil.example:99999999/"}, errURL},
		{Indicator{Value: "http://evil.example/\x00"}, errURL},
		{Indicator{Value: "http://evil.example/" + strings.Repeat("a", maxURL)}, errURL},
		{Indicator{Kind: Domain, Value: "192.0.2.1", Bad: true}, errLabel},
		{Indicator{Kind: Domain, Value: deep, Bad: true}, errDeep},
		{Indicator{Value: "+09012345678"}, errNumber},
		{Indicator{Value: "+8190 1234 5678"}, errNumber},
		{Indicator{Value: "+81-90-1234-5678"}, errRange},
		{Indicator{Value: "+819012345678-+819012340000"}, errRange},
		{Indicator{Value: "+819012345678-+8190123456789"}, errRange},
		{Indicator{Value: "+819*0123*"}, errRange},
		{Indicator{Value: "+81*"}, errWide},
		{Indicator{Value: "+*"}, errRange},
		{Indicator{Value: "+810000000000-+829999999999"}, errWide},
		{Indicator{Kind: Sender, Value: "+819012345678"}, errSender},
		{Indicator{Kind: Sender, Value: strings.Repeat("x", 21)}, errSender},
		{Indicator{Kind: Sender, Value: "a\x00"}, errSender},
		{Indicator{Kind: kinds, Value: "evil.example"}, errKind},
		{Indicator{Value: "evil.example", Confidence: 101}, errPercent},
		{Indicator{Value: "evil.example", First: 2, Last: 1}, errSeen},
		{Indicator{Value: "evil.example", Source: strings.Repeat("x", 65)}, errLength},
	} {
		if c.in.Source == "" {
			c.in.Source = "test"
		}
		err := NewBuilder(0).Add(c.in)
		if !errors.Is(err, c.want) {
			t.Errorf("%v %.40q: %v, want %v", c.in.Kind, c.in.Value, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), "5678") {
			t.Errorf("a number in the error: %v", err)
		}
	}
	for _, suffix := range []string{"co.jp", "duckdns.org", "*.duckdns.org", ".com.au", "github.io"} {
		err := NewBuilder(0).Add(Indicator{Value: suffix, Bad: true, Source: "test"})
		if err == nil || !strings.Contains(err.Error(), "is a public suffix") {
			t.Errorf("%s: %v", suffix, err)
		}
	}
	// Its own page is a link like another, and nobody else's.
	x := index(t, Indicator{Value: "https://github.io/", Bad: true})
	if says(x.LookupHost([]byte("github.io"), nil)) != "bad" || x.LookupHost([]byte("me.github.io"), []byte("me.github.io")).Known() {
		t.Error("github.io")
	}
}

func TestSourcesAreBounded(t *testing.T) {
	b := NewBuilder(0)
	var err error
	for i := 0; i <= maxSources && err == nil; i++ {
		err = b.Add(Indicator{Value: "evil.example", Bad: true, Source: "s" + string(rune('a'+i%26)) + strings.Repeat("x", i/26)})
	}
	if !errors.Is(err, errSources) {
		t.Errorf("%v", err)
	}
}

// TestRangesAgainstScan compares with the plain reading: the narrowest range that holds the number.
func TestRangesAgainstScan(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var b rangeBuilder
		type given struct {
			lo, hi uint64
			m      meta
		}
		var all []given
		for i := range rapid.IntRange(0, 30).Draw(t, "n") {
			lo := rapid.Uint64Range(1000000, 1000200).Draw(t, "lo")
			hi := lo + rapid.Uint64Range(0, 60).Draw(t, "width")
			m := packMeta(badSelf, i+1, 0, 0, 0)
			b.given = append(b.given, span{lo, hi, m})
			all = append(all, given{lo, hi, m})
		}
		r := b.build()
		for i := range r.lo {
			if r.lo[i] > r.hi[i] || i > 0 && r.lo[i] <= r.hi[i-1] {
				t.Fatalf("spans overlap at %d", i)
			}
		}
		for n := uint64(999_990); n < 1_000_300; n++ {
			width := ^uint64(0)
			for _, g := range all {
				if g.lo <= n && n <= g.hi {
					width = min(width, g.hi-g.lo)
				}
			}
			m := r.find(n)
			if (m == 0) != (width == ^uint64(0)) {
				t.Fatalf("%d: %x", n, m)
			}
			if m == 0 {
				continue
			}
			if g := all[m.badSource()-1]; g.lo > n || g.hi < n || g.hi-g.lo != width {
				t.Fatalf("%d: of a range of %d, want %d", n, g.hi-g.lo, width)
			}
		}
	})
}

// TestAgainstMap compares the table with a map while it grows.
func TestAgainstMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := NewBuilder(rapid.IntRange(0, 100).Draw(t, "room"))
		want := map[subject.Line]bool{}
		for range rapid.IntRange(0, 3000).Draw(t, "n") {
			l := subject.Line(819000000000 + rapid.IntRange(0, 5000).Draw(t, "line"))
			want[l] = true
			if err := b.Add(Indicator{Kind: Number, Value: l.String(), Bad: true, Source: "test"}); err != nil {
				t.Fatal(err)
			}
		}
		x := b.Index()
		if x.Len() != len(want) {
			t.Fatalf("%d, want %d", x.Len(), len(want))
		}
		for l := subject.Line(819000000000); l < 819000005001; l++ {
			if x.LookupLine(l).Bad != want[l] {
				t.Fatalf("%s: %v", l.Mask(), !want[l])
			}
		}
	})
}

func TestLookupsAllocateNothing(t *testing.T) {
	x := index(t, Indicator{Value: "evil.example", Bad: true}, Indicator{Value: "evil.example/a?b", Bad: true},
		Indicator{Value: "+8190123*", Bad: true}, Indicator{Kind: Sender, Value: "Fake", Bad: true})
	host, domain, plain, coded, sender := []byte("a.b.evil.example"), []byte("evil.example"), []byte("evil.example/a?b"), []byte("evil.example:80/%61?b"), []byte("FAKE")
	if n := testing.AllocsPerRun(100, func() {
		if !x.LookupHost(host, domain).Bad || !x.LookupURL(plain).Bad || !x.LookupURL(coded).Bad || !x.LookupLine(819012345678).Bad || !x.LookupSender(sender).Bad {
			t.Error("not found")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzAdd: whatever is taken in is found again, in the form in which it is looked up.
func FuzzAdd(f *testing.F) {
	for _, s := range []string{"evil.example", "*.evil.example", "https://evil.example/%61?b#c", "http://[::1]:80/", "+819012345678", "+8190*", "日本。example", "hxxp://a[.]example"} {
		f.Add(s, "www.evil.example/x%zz")
	}
	f.Fuzz(func(t *testing.T, value, look string) {
		b := NewBuilder(0)
		if err := b.Add(Indicator{Value: value, Bad: true, Source: "f"}); err != nil {
			return
		}
		x := b.Index()
		if x.Len() != 1 {
			t.Fatalf("%d indicators", x.Len())
		}
		x.LookupURL([]byte(look))
		x.LookupHost([]byte(look), []byte(look[len(look)/2:]))
		x.LookupSender([]byte(look))
		link, host, _, err := appendLink(nil, nil, defang([]byte(strings.TrimSpace(value))))
		if k, _ := guess(defang([]byte(strings.TrimSpace(value)))); k != URL || err != nil {
			return
		}
		if len(link) == host && !x.LookupHost(link, link).Bad {
			t.Errorf("host %q of %q is not found", link, value)
		}
		if len(link) > host && !x.LookupURL(link).Bad {
			t.Errorf("link %q of %q is not found", link, value)
		}
	})
}
