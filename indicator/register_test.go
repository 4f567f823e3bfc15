package indicator

import (
	"fmt"
	"iter"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"
)

func entries(n int, value func(i int) string) iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		now := time.Date(2026, 4, 1, 9, 0, 0, 0, time.UTC)
		for i := range n {
			if !yield(Entry{ID: fmt.Sprint(i), Kind: Host, Value: value(i), Source: "reports", Confidence: 80, First: now, Last: now, Status: Active}) {
				return
			}
		}
	}
}

func host(i int) string { return fmt.Sprintf("h%d.example", i) }

// What lies over the base is in force at once, what is gone is not, and lists stand beside it.
func TestRegister(t *testing.T) {
	var lists Set
	b := NewBuilder(0)
	for _, in := range []Indicator{{Kind: Host, Value: "listed.example", Bad: true, Source: "list"}, {Kind: Domain, Value: "good.example", Source: "popular"}} {
		if err := b.Add(in); err != nil {
			t.Fatal(err)
		}
	}
	lists.Swap(b.Index())
	r := NewRegister(&lists)
	look := func(h string) string {
		hit := r.View().LookupHost([]byte(h), []byte(h))
		return fmt.Sprintf("%v %v %s", hit.Bad, hit.Good, hit.Source)
	}
	for _, step := range []struct {
		do   func() error
		want map[string]string
	}{
		{func() error { return nil }, map[string]string{"listed.example": "true false list", "h1.example": "false false "}},
		{func() error { return r.Set(entries(3, host)) }, map[string]string{"listed.example": "true false list", "h1.example": "true false reports", "h7.example": "false false "}},
		{func() error {
			return r.Over(entries(1, func(int) string { return "h7.example" }), entries(1, func(int) string { return "h1.example" }))
		}, map[string]string{"h0.example": "true false reports", "h1.example": "false false ", "h7.example": "true false reports"}},
		{func() error { return r.Over(entries(1, func(int) string { return "h1.example" }), entries(0, host)) }, map[string]string{"h1.example": "true false reports", "h7.example": "false false "}},
		{func() error { return r.Over(entries(1, func(int) string { return "good.example" }), entries(0, host)) }, map[string]string{"good.example": "true true reports"}},
		{func() error { lists.Swap(nil); return nil }, map[string]string{"listed.example": "false false ", "good.example": "true false reports"}},
	} {
		if err := step.do(); err != nil {
			t.Fatal(err)
		}
		for h, want := range step.want {
			if got := look(h); got != want {
				t.Errorf("%s: %s, not %s", h, got, want)
			}
		}
	}
	now := time.Now()
	kinds := []Entry{{Kind: Number, Value: "+81120444444"}, {Kind: Range, Value: "+8190123*"}, {Kind: Sender, Value: "bank"}, {Kind: URL, Value: "pages.example/x"}, {Kind: Family, Value: "00c1d2e3f4a5b6c7"}}
	for i := range kinds {
		kinds[i].First, kinds[i].Last = now, now
	}
	if err := r.Set(slices.Values(kinds)); err != nil {
		t.Fatal(err)
	}
	v := r.View()
	if !v.LookupLine(81120444444).Bad || !v.LookupLine(819012345678).Bad || v.LookupLine(819022345678).Bad || !v.LookupSender([]byte("BANK")).Bad || !v.LookupURL([]byte("pages.example/x")).Bad ||
		!v.LookupFamily(0x00c1d2e3f4a5b6c7).Bad || v.LookupFamily(1).Bad {
		t.Error("a kind is not found")
	}
	if err := r.Set(slices.Values([]Entry{{Kind: Number, Value: "no number"}, {Kind: Host, Value: "ok.example"}})); err == nil || !r.View().LookupHost([]byte("ok.example"), []byte("ok.example")).Bad {
		t.Error("one that cannot be read kept the others out, or was not told")
	}
	if n := testing.AllocsPerRun(100, func() { r.View().LookupHost([]byte("ok.example"), []byte("ok.example")) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestDecay(t *testing.T) {
	now := time.Date(2026, 4, 10, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		kind Kind
		conf uint8
		age  time.Duration
		want float64
	}{{Host, 80, 0, 80}, {Host, 80, 48 * time.Hour, 40}, {Host, 80, 144 * time.Hour, 10}, {Number, 80, 7 * 24 * time.Hour, 40}, {URL, 50, -time.Hour, 50}} {
		if got := Worth(c.kind, c.conf, now.Add(-c.age), now); got < c.want-0.01 || got > c.want+0.01 {
			t.Errorf("%v after %v: %.2f, not %v", c.kind, c.age, got, c.want)
		}
	}
	for _, k := range []Kind{URL, Host, Domain, Number, Range, Sender, Family, Hash} {
		e := Entry{Kind: k, Confidence: 85, Last: now}
		if w := Worth(k, 85, now, e.Until()); w < Floor-0.01 || w > Floor+0.01 {
			t.Errorf("%v is worth %.2f when it ends", k, w)
		}
	}
}

// BenchmarkRegister is a million entries: what they take, what a look-up takes, and the longest that one took while the million was replaced again and again.
func BenchmarkRegister(b *testing.B) {
	var lists Set
	r := NewRegister(&lists)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	if err := r.Set(entries(1_000_000, host)); err != nil {
		b.Fatal(err)
	}
	if err := r.Over(entries(1000, func(i int) string { return host(2_000_000 + i) }), entries(1000, host)); err != nil {
		b.Fatal(err)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	names := make([][]byte, 4096)
	for i := range names {
		names[i] = []byte(host(i * 487))
	}
	b.Run("lookup", func(b *testing.B) {
		b.ReportAllocs()
		for i := range b.N {
			h := names[i%len(names)]
			r.View().LookupHost(h, h)
		}
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/1e6, "MB")
	})
	b.Run("over", func(b *testing.B) { // one entry agreed or withdrawn, beside a thousand that changed before
		for range b.N {
			if err := r.Over(entries(1000, func(i int) string { return host(2_000_000 + i) }), entries(1000, host)); err != nil {
				b.Fatal(err)
			}
		}
	})
	replace := func(b *testing.B, work func()) {
		var stop atomic.Bool
		longest := make(chan time.Duration)
		go func() {
			most := time.Duration(0)
			for i := 0; !stop.Load(); i++ {
				start := time.Now()
				h := names[i%len(names)]
				r.View().LookupHost(h, h)
				most = max(most, time.Since(start))
				if i%64 == 0 {
					time.Sleep(50 * time.Microsecond)
				}
			}
			longest <- most
		}()
		for range b.N {
			work()
		}
		stop.Store(true)
		b.ReportMetric(float64((<-longest).Microseconds())/1000, "ms-longest")
	}
	million := slices.Collect(entries(1_000_000, host))
	b.Run("replace", func(b *testing.B) {
		replace(b, func() {
			if err := r.Set(slices.Values(million)); err != nil {
				b.Fatal(err)
			}
		})
	})
	b.Run("idle", func(b *testing.B) { // what the machine itself does to a look-up, while nothing is replaced
		replace(b, func() { time.Sleep(400 * time.Millisecond) })
	})
}
