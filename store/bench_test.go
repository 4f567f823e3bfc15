package store

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/sekisho/sekisho/message"
	"github.com/sekisho/sekisho/record"
	"github.com/sekisho/sekisho/subject"
)

const benchBatch = 32 << 10 // records a commit

// usual makes packs of a batch: senders and recipients among a million, a thousand accounts' worth of ids.
func usual(b testing.TB, n int, stopped func(i int) bool) (out [][]byte) {
	var p []byte
	for i := range n {
		v := record.Verdict{Time: noon + int64(i)*12, Door: "smpp", Account: fmt.Sprintf("aggregator-%d", i%40), ID: fmt.Sprintf("%08x%08x", rand.Uint32(), i),
			Route: message.A2P, Class: message.Ham, Outcome: message.Deliver, Done: message.Deliver, Mode: 2, Parts: 1,
			From: line(rand.Uint64N(1e6)), To: line(rand.Uint64N(1e6)), PPhishing: rand.Float32(), PBad: rand.Float32(), Family: rand.Uint64(), Delay: rand.Uint32N(500)}
		if i%3 != 0 {
			v.From = must(subject.Alphanumeric(fmt.Sprintf("BRAND%d", i%500)))
		}
		if stopped(i) {
			v.Class, v.Outcome, v.Done = message.Phishing, message.Block, message.Block
			v.Rules, v.About = []string{"link-known-bad", "brand-not-its-link", "classifier"}, [][]byte{[]byte("secure-login.example"), []byte("bank")}
		}
		p = v.Append(p)
		if len(p) > 60<<10 || i == n-1 {
			if err := testKey.SealBatch(p); err != nil {
				b.Fatal(err)
			}
			out, p = append(out, p), nil
		}
	}
	return out
}

func benchStore(b *testing.B) *Store {
	if dsn := os.Getenv("SEKISHO_BENCH_STORE"); dsn != "" {
		return openStore(b, dsn)
	}
	return openStore(b, "sqlite:"+filepath.Join(b.TempDir(), "bench.db"))
}

func benchWrite(b *testing.B, k interface {
	Write(context.Context, string, uint64, uint64, [][]byte) error
}, packs [][]byte) {
	// One core, as the figures say: the rest of the machine is for messages.
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	stream := fmt.Sprintf("bench@%d", rand.Uint32())
	seq := uint64(0)
	b.ReportAllocs()
	for b.Loop() {
		if err := k.Write(context.Background(), stream, seq+1, seq+uint64(len(packs)), packs); err != nil {
			b.Fatal(err)
		}
		seq += uint64(len(packs))
	}
	b.ReportMetric(float64(b.N)*benchBatch/b.Elapsed().Seconds(), "records/s")
}

func none(int) bool { return false }

func BenchmarkWriteCounts(b *testing.B) {
	b.Run("delivered", func(b *testing.B) { benchWrite(b, benchStore(b).Counts(), usual(b, benchBatch, none)) })
	b.Run("tenth stopped", func(b *testing.B) {
		benchWrite(b, benchStore(b).Counts(), usual(b, benchBatch, func(i int) bool { return i%10 == 0 }))
	})
}

func BenchmarkWritePassed(b *testing.B) {
	s := benchStore(b)
	p := usual(b, benchBatch, none)
	size := 0
	for _, x := range p {
		size += len(x)
	}
	benchWrite(b, s.Passed(), p)
	var kept, rows int64
	s.r.QueryRow(`SELECT sum(length(rows)), sum(CASE WHEN kind = 1 THEN n ELSE 0 END) FROM packs`).Scan(&kept, &rows)
	b.ReportMetric(float64(size)/benchBatch, "octets/record")
	b.ReportMetric(float64(kept)/float64(rows), "octets-kept/record")
}

func BenchmarkHold(b *testing.B) {
	for _, together := range []int{1, 16, 256} {
		b.Run(fmt.Sprint(together), func(b *testing.B) {
			s := benchStore(b)
			run := rand.Uint64()
			b.SetParallelism(max(1, together/runtime.GOMAXPROCS(0)))
			sealed := make([]byte, 300)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					h := heldMessage(0)
					h.ID, h.Sealed = fmt.Sprintf("%x-%x", run, rand.Uint64()), sealed
					if err := s.Hold(context.Background(), h); err != nil {
						b.Error(err)
					}
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "holds/s")
		})
	}
}

// Care looks for one line over a million messages of an hour.
func BenchmarkMessagesTo(b *testing.B) {
	s := benchStore(b)
	k := s.Passed()
	for i := range 32 {
		p := usual(b, benchBatch, none)
		if err := k.Write(context.Background(), "bench", uint64(i)*1000+1, uint64(i)*1000+uint64(len(p)), p); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("line", func(b *testing.B) {
		for b.Loop() {
			if _, err := s.MessagesTo(context.Background(), testKey.Address(line(rand.Uint64N(1e6))), noon, noon+3600e6, 100); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("id", func(b *testing.B) {
		for b.Loop() {
			if _, err := s.MessagesByID(context.Background(), fmt.Sprint(rand.Uint64()), noon, noon+3600e6, 100); err != nil {
				b.Fatal(err)
			}
		}
	})
}
