//go:build unix

package pending

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// benchID is an id as SMSCs give them: hexadecimal digits.
func benchID(b []byte, n uint64) []byte {
	return fmt.Appendf(b[:0], "%016x", n*0x9e3779b97f4a7c15)
}

// quickID is one that costs nothing to make.
func quickID(b *[20]byte, n uint64) []byte {
	binary.LittleEndian.PutUint64(b[:], n*0x9e3779b97f4a7c15)
	return b[:]
}

// processor adds what the whole process took of the processor, compaction and garbage collection included: on a machine that
// others use too it says more than the time that passed. Call what it returns at the end.
func processor(b *testing.B) func() {
	before := cpuTime()
	return func() { b.ReportMetric(float64(cpuTime()-before)/float64(b.N), "cpu-ns/op") }
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func BenchmarkPutCommit(b *testing.B) {
	m := open(b, b.TempDir(), Options{})
	e := Entry{Account: "aggregator-1", Expires: time.Now().Add(Grace)}
	var id [20]byte
	b.ReportAllocs()
	defer processor(b)()
	n := uint64(0)
	for b.Loop() {
		n++
		if err := m.Put(quickID(&id, n), &e); err != nil {
			b.Fatal(err)
		}
		if n%64 == 0 {
			if err := m.Commit(); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// BenchmarkLife is one id's whole: put, asked for and done 100,000 ids later.
func BenchmarkLife(b *testing.B) {
	m := open(b, b.TempDir(), Options{})
	e := Entry{Account: "aggregator-1", Expires: time.Now().Add(Grace)}
	got := Entry{Alias: make([]byte, 0, MaxID)}
	var id [20]byte
	b.ReportAllocs()
	defer processor(b)()
	n := uint64(0)
	var slowest time.Duration
	var slow int
	for b.Loop() {
		n++
		began := time.Now()
		if err := m.Put(quickID(&id, n), &e); err != nil {
			b.Fatal(err)
		}
		took := time.Since(began)
		if slowest = max(slowest, took); took > time.Millisecond {
			slow++
		}
		if n > 100_000 {
			if !m.Get(quickID(&id, n-100_000), &got) {
				b.Fatal(n)
			}
			if _, _, ok := m.Done(id[:], 2); !ok {
				b.Fatal(n)
			}
		}
		if n%64 == 0 {
			if err := m.Commit(); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(slowest.Microseconds()), "µs-slowest-Put")
	b.ReportMetric(float64(slow)/float64(b.N)*1e6, "Puts-over-1ms/million")
	b.ReportMetric(float64(m.bytes)/1e6, "MB-log")
}

func BenchmarkCommitAlways(b *testing.B) {
	m := open(b, b.TempDir(), Options{Sync: SyncAlways})
	var n atomic.Uint64
	b.ReportAllocs()
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		e := Entry{Account: "aggregator-1", Expires: time.Now().Add(Grace)}
		var id [20]byte
		for pb.Next() {
			if err := m.Put(quickID(&id, n.Add(1)), &e); err != nil {
				b.Error(err)
			}
			if err := m.Commit(); err != nil {
				b.Error(err)
			}
		}
	})
}

func BenchmarkGet(b *testing.B) {
	const n = 1_000_000
	m := open(b, b.TempDir(), Options{})
	e := Entry{Account: "aggregator-1", Alias: []byte("0123456789"), Expires: time.Now().Add(Grace)}
	var id [20]byte
	for i := range uint64(n) {
		if err := m.Put(quickID(&id, i), &e); err != nil {
			b.Fatal(err)
		}
	}
	if err := m.Commit(); err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct {
		name      string
		from, mod uint64
		hit       bool
	}{{"new", n - 100_000, 100_000, true}, {"old", 0, n / 2, true}, {"miss", n, n, false}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			defer processor(b)()
			i := uint64(0)
			for b.Loop() {
				i++
				if m.Get(quickID(&id, c.from+i*7919%c.mod), &e) != c.hit {
					b.Fatal(i)
				}
			}
		})
	}
}

// BenchmarkMemory puts five million ids, each loop, and says what they take in memory and what the longest Put took.
func BenchmarkMemory(b *testing.B) {
	const n = 5_000_000
	for b.Loop() {
		b.StopTimer()
		runtime.GC()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		m := open(b, b.TempDir(), Options{})
		e := Entry{Account: "aggregator-1", Expires: time.Now().Add(Grace)}
		var id [20]byte
		var slowest time.Duration
		b.StartTimer()
		began := time.Now()
		for i := range uint64(n) {
			if err := m.Put(quickID(&id, i), &e); err != nil {
				b.Fatal(err)
			}
			now := time.Now()
			slowest = max(slowest, now.Sub(began))
			if began = now; i%64 == 0 {
				if err := m.Commit(); err != nil {
					b.Fatal(err)
				}
				began = time.Now()
			}
		}
		b.StopTimer()
		runtime.GC()
		runtime.ReadMemStats(&after)
		slots := 0
		for i := range m.table.shards {
			slots += len(m.table.shards[i].slots)
		}
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/n, "B/id-heap")
		b.ReportMetric(float64(slots*20)/n, "B/id-table")
		b.ReportMetric(float64(m.bytes)/n, "B/id-disk")
		b.ReportMetric(float64(slowest.Microseconds()), "µs-slowest-Put")
		began = time.Now()
		runtime.GC()
		b.ReportMetric(float64(time.Since(began).Microseconds()), "µs-GC")
		m.Close()
		b.StartTimer()
	}
}

func BenchmarkReopen(b *testing.B) {
	dir := b.TempDir()
	m := open(b, dir, Options{})
	e := Entry{Account: "aggregator-1", Expires: time.Now().Add(Grace)}
	var buf []byte
	for i := range uint64(2_000_000) { // half of them done
		buf = benchID(buf, i)
		if err := m.Put(buf, &e); err != nil {
			b.Fatal(err)
		}
		if i%2 == 0 {
			m.Done(buf, 2)
		}
	}
	m.Close()
	b.ReportAllocs()
	defer processor(b)()
	for b.Loop() {
		m = open(b, dir, Options{})
		if m.Len() != 1_000_000 {
			b.Fatal(m.Len())
		}
		b.StopTimer()
		m.Close()
		b.StartTimer()
	}
}
