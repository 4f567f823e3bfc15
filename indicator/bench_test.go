package indicator

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"runtime/metrics"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sekisho/sekisho/subject"
)

const million = 1_000_000

// name is the i-th host of a list like those that are handed about: random registrable domains, hosts below
// them, links and numbers.
func name(i int) string {
	switch i % 10 {
	case 0, 1, 2, 3:
		return fmt.Sprintf("%x-login.example", uint32(i)*2654435761)
	case 4, 5:
		return fmt.Sprintf("www%d.%x.duckdns.org", i%7, uint32(i)*2654435761)
	case 6, 7, 8:
		return fmt.Sprintf("https://%x.example/p/%d?id=%d", uint32(i)*2654435761, i%1000, i)
	}
	return subject.Line(819000000000 + uint64(i)*37).String()
}

func millionFile(tb testing.TB) File {
	path := filepath.Join(tb.TempDir(), "million.txt")
	f, err := os.Create(path)
	if err != nil {
		tb.Fatal(err)
	}
	w := bufio.NewWriter(f)
	for i := range million {
		fmt.Fprintln(w, name(i))
	}
	if err := w.Flush(); err != nil {
		tb.Fatal(err)
	}
	f.Close()
	return File{Path: path}
}

func heapNow() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// BenchmarkLoadMillion reads a million indicators from a file. peak-MB is how far the heap grew meanwhile, garbage
// included; MB is what stays.
func BenchmarkLoadMillion(b *testing.B) {
	file := millionFile(b)
	before := heapNow()
	b.ReportAllocs()
	var x *Index
	var peak int64
	for b.Loop() {
		var m runtime.MemStats
		var err error
		x, _, err = Load(context.Background(), []File{file}, func(done, total int64) {
			if done > total*3/4 {
				runtime.ReadMemStats(&m)
				peak = max(peak, int64(m.HeapAlloc)-before)
			}
		})
		if err != nil || x.Len() != million {
			b.Fatal(x.Len(), err)
		}
	}
	b.ReportMetric(float64(heapNow()-before)/1e6, "MB")
	b.ReportMetric(float64(peak)/1e6, "peak-MB")
	runtime.KeepAlive(x)
}

func BenchmarkLookup(b *testing.B) {
	x, _, err := Load(context.Background(), []File{millionFile(b)}, nil)
	if err != nil {
		b.Fatal(err)
	}
	const n = 1 << 16 // asked in an order that no cache of the table knows
	pick := func(add int) [][]byte {
		out := make([][]byte, n)
		for i := range out {
			out[i] = fmt.Appendf(nil, "%x-login.example", (uint32(rand.IntN(million/10))*10+uint32(add))*2654435761)
		}
		return out
	}
	known, unknown := pick(1), pick(6)
	run := func(name string, f func(i int) Hit, want bool) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			hits := 0
			for i := range b.N {
				if f(i & (n - 1)).Known() {
					hits++
				}
			}
			if want != (hits == b.N) || !want && hits > 0 {
				b.Fatalf("%d of %d", hits, b.N)
			}
		})
	}
	run("domain/hit", func(i int) Hit { return x.LookupHost(known[i], known[i]) }, true)
	run("domain/miss", func(i int) Hit { return x.LookupHost(unknown[i], unknown[i]) }, false)
	below, belowMiss := make([][]byte, n), make([][]byte, n)
	for i := range n {
		below[i], belowMiss[i] = append([]byte("www."), known[i]...), append([]byte("www."), unknown[i]...)
	}
	run("host/hit-above", func(i int) Hit { return x.LookupHost(below[i], known[i]) }, true)
	run("host/miss", func(i int) Hit { return x.LookupHost(belowMiss[i], unknown[i]) }, false)
	links := make([][]byte, n)
	for i := range links {
		k := rand.IntN(million/10)*10 + 6
		links[i] = fmt.Appendf(nil, "%x.example/p/%d?id=%d", uint32(k)*2654435761, k%1000, k)
	}
	run("url/hit", func(i int) Hit { return x.LookupURL(links[i]) }, true)
	run("url/miss", func(i int) Hit { return x.LookupURL(below[i]) }, false)
	lines := make([]subject.Line, n)
	for i := range lines {
		lines[i] = subject.Line(819000000000 + uint64(rand.IntN(million/10)*10+9)*37)
	}
	run("line/hit", func(i int) Hit { return x.LookupLine(lines[i]) }, true)
	run("line/miss", func(i int) Hit { return x.LookupLine(lines[i] + 1) }, false)
	sender := []byte("SEKISHO")
	run("sender/miss", func(int) Hit { return x.LookupSender(sender) }, false)
}

func BenchmarkLookupRanges(b *testing.B) {
	bld := NewBuilder(0)
	for i := range 100_000 {
		if err := bld.Add(Indicator{Kind: Range, Value: fmt.Sprintf("+8190%05d*", i), Bad: i%2 == 0, Source: "t"}); err != nil {
			b.Fatal(err)
		}
	}
	x := bld.Index()
	b.ReportAllocs()
	for b.Loop() {
		x.LookupLine(subject.Line(819000000000 + rand.Uint64N(100_000_000)))
	}
}

// BenchmarkReload looks hosts up while a million indicators are read and put in force, over and over. max-ms is
// the longest that a look-up, with the time since the one before, took; what else the machine does is in it, and
// loading=false shows how much that is. gc-pause-ms is the longest that the runtime stopped everybody.
func BenchmarkReload(b *testing.B) {
	file := millionFile(b)
	var set Set
	first, _, err := Load(context.Background(), []File{file}, nil)
	if err != nil {
		b.Fatal(err)
	}
	for _, load := range []bool{false, true} {
		b.Run(fmt.Sprintf("loading=%v", load), func(b *testing.B) {
			set.Swap(first)
			var stop atomic.Bool
			gaps := make(chan []time.Duration)
			go func() { gaps <- watchGaps(&set, &stop) }()
			for b.Loop() {
				if !load {
					time.Sleep(500 * time.Millisecond)
					continue
				}
				x, _, err := Load(context.Background(), []File{file}, nil)
				if err != nil {
					b.Fatal(err)
				}
				set.Swap(x)
			}
			stop.Store(true)
			g := <-gaps
			b.ReportMetric(g[len(g)-1].Seconds()*1e3, "max-ms")
			b.ReportMetric(gcPause()*1e3, "gc-pause-ms")
		})
	}
}

// gcPause is the longest pause for garbage collection so far, in seconds, to the bounds of a histogram.
func gcPause() (longest float64) {
	s := []metrics.Sample{{Name: "/sched/pauses/total/gc:seconds"}}
	metrics.Read(s)
	h := s[0].Value.Float64Histogram()
	for i, n := range h.Counts {
		if n > 0 {
			longest = h.Buckets[i]
		}
	}
	return longest
}

// watchGaps looks up without end and returns the longest times between two look-ups, the longest last.
func watchGaps(set *Set, stop *atomic.Bool) []time.Duration {
	host, domain := []byte("www.not-known.example"), []byte("not-known.example")
	gaps := make([]time.Duration, 1, 1<<16)
	last := time.Now()
	for !stop.Load() {
		set.Load().LookupHost(host, domain)
		now := time.Now()
		if d := now.Sub(last); d > 20*time.Microsecond && len(gaps) < cap(gaps) {
			gaps = append(gaps, d)
		}
		last = now
	}
	slices.Sort(gaps)
	return gaps
}
