package stream

import (
	"context"
	"encoding/binary"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// number is a record of 8 octets.
type number uint64

func (n *number) Append(dst []byte) []byte { return binary.LittleEndian.AppendUint64(dst, uint64(*n)) }

// big is a record as long as a usual one.
type big [112]byte

func (b *big) Append(dst []byte) []byte { return append(dst, b[:]...) }

var quiet = slog.New(slog.DiscardHandler)

func TestQueuePacksByCountAndTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var packs []int
		var at []time.Duration
		start := time.Now()
		q, err := newQueue(QueueConfig{}, func(_ context.Context, _ string, p []byte) error {
			packs, at = append(packs, len(p)/8), append(at, time.Since(start))
			return nil
		}, "run", quiet, prometheus.NewRegistry())
		if err != nil {
			t.Fatal(err)
		}
		n := number(1)
		for range 300 {
			q.Put(&n, false)
		}
		synctest.Wait() // the first 256 make a pack; the flush takes what else there is
		time.Sleep(5 * time.Millisecond)
		q.Put(&n, false)
		time.Sleep(11 * time.Millisecond)
		synctest.Wait()
		total := 0
		for _, p := range packs {
			total += p
		}
		if total != 301 || q.Waiting() != 0 {
			t.Errorf("packs %v at %v", packs, at)
		}
		if last := at[len(at)-1]; last > 15*time.Millisecond {
			t.Errorf("the last record waited too long: %v", at)
		}
		q.Put(&n, false)
		if err := q.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
		if packs[len(packs)-1] != 1 {
			t.Error("closing lost what waited")
		}
		if q.Put(&n, true) {
			t.Error("put after closing")
		}
	})
}

func TestQueueDropsAndCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var away atomic.Bool
		away.Store(true)
		got := map[string]int{}
		q, err := newQueue(QueueConfig{Bytes: 16 * packSize}, func(_ context.Context, id string, p []byte) error {
			if away.Load() {
				return errors.New("away")
			}
			got[id] += len(p) / 112
			return nil
		}, "run", quiet, prometheus.NewRegistry())
		if err != nil {
			t.Fatal(err)
		}
		var b big
		took := 0
		for range 100_000 {
			if q.Put(&b, false) {
				took++
			}
		}
		kept := 0
		for range 100_000 {
			if q.Put(&b, true) {
				kept++
			}
		}
		if took < 13*packSize/112 || took > 17*packSize/112 || kept < packSize/112 {
			t.Errorf("took %d, then %d that are to be kept", took, kept)
		}
		if n := testutil.ToFloat64(q.droppedOther); int(n) != 100_000-took {
			t.Errorf("%v drops counted", n)
		}
		if n := testutil.ToFloat64(q.droppedKept); int(n) != 100_000-kept {
			t.Errorf("%v drops counted", n)
		}
		time.Sleep(time.Minute)
		away.Store(false)
		if err := q.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
		total := 0
		for _, n := range got {
			total += n
		}
		if total != took+kept {
			t.Errorf("%d written of %d", total, took+kept)
		}
	})
}

func TestQueueCloseGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, err := newQueue(QueueConfig{}, func(ctx context.Context, _ string, _ []byte) error {
			<-ctx.Done()
			return ctx.Err()
		}, "run", quiet, prometheus.NewRegistry())
		if err != nil {
			t.Fatal(err)
		}
		n := number(7)
		q.Put(&n, true)
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := q.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		if testutil.ToFloat64(q.droppedAtWrite) != 1 {
			t.Error("the drop was not counted")
		}
	})
}

func TestQueueSealFails(t *testing.T) {
	q, err := newQueue(QueueConfig{Seal: func([]byte) error { return errors.New("no") }},
		func(context.Context, string, []byte) error { t.Error("published unsealed"); return nil }, "run", quiet, prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	n := number(7)
	q.Put(&n, true)
	q.Close(context.Background())
	if testutil.ToFloat64(q.droppedAtWrite) != 1 {
		t.Error("the drop was not counted")
	}
}

// Puts of a usual record while packs go nowhere fast: what a door pays.
func BenchmarkPut(b *testing.B) {
	for _, goroutines := range []int{1, 2, 8} {
		b.Run(map[int]string{1: "1", 2: "2", 8: "8"}[goroutines], func(b *testing.B) {
			q, err := newQueue(QueueConfig{Bytes: 1 << 30}, func(context.Context, string, []byte) error { return nil },
				"run", quiet, prometheus.NewRegistry())
			if err != nil {
				b.Fatal(err)
			}
			defer q.Close(context.Background())
			b.ReportAllocs()
			var wg sync.WaitGroup
			b.ResetTimer()
			for range goroutines {
				wg.Go(func() {
					var r big
					for range b.N / goroutines {
						q.Put(&r, false)
					}
				})
			}
			wg.Wait()
		})
	}
}
