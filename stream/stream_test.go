package stream

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

func open(t testing.TB, cfg Config) *Stream {
	t.Helper()
	s, err := Open(context.Background(), cfg, quiet, prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func put(t testing.TB, s *Stream, from, to int) {
	t.Helper()
	q, err := s.Queue(QueueConfig{}, prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	for i := from; i < to; i++ {
		n := number(i)
		if !q.Put(&n, true) {
			t.Fatal("no room")
		}
	}
	if err := q.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// keeper keeps numbers in memory, and fails at times.
type keeper struct {
	mu      sync.Mutex
	id      string
	seq     uint64
	numbers []uint64
	fail    int
	wait    time.Duration
	writes  int
	changed chan struct{}
}

func (k *keeper) Reader() string { return "test" }

func (k *keeper) Place(_ context.Context, id string) (uint64, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if id != k.id {
		return 0, nil
	}
	return k.seq, nil
}

func (k *keeper) Write(_ context.Context, id string, first, last uint64, packs [][]byte) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.writes++; k.fail > 0 && k.writes%k.fail == 0 {
		return errors.New("away")
	}
	if k.id == id && first <= k.seq {
		return fmt.Errorf("packs from %d came again after %d", first, k.seq)
	}
	for _, p := range packs {
		for ; len(p) > 0; p = p[8:] {
			k.numbers = append(k.numbers, binary.LittleEndian.Uint64(p))
		}
	}
	k.id, k.seq = id, last
	select {
	case k.changed <- struct{}{}:
	default:
	}
	return nil
}

// until keeps until so many numbers are there, then checks that each is, once, in order.
func (k *keeper) until(t *testing.T, s *Stream, n int) {
	t.Helper()
	k.changed = make(chan struct{}, 1)
	if k.wait == 0 {
		k.wait = 5 * time.Millisecond
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.Keep(ctx, ReadConfig{Wait: k.wait, Bytes: 64 << 10}, k)
	}()
	for {
		k.mu.Lock()
		have := len(k.numbers)
		k.mu.Unlock()
		if have >= n || ctx.Err() != nil {
			break
		}
		select {
		case <-k.changed:
		case <-ctx.Done():
		}
	}
	cancel()
	<-done
	if len(k.numbers) != n {
		t.Fatalf("%d numbers, want %d", len(k.numbers), n)
	}
	for i, v := range k.numbers {
		if v != uint64(i) {
			t.Fatalf("%d in the place of %d", v, i)
		}
	}
}

func TestWriteStopRead(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Config{Dir: dir})
	id := s.ID()
	if err := s.Healthy(); err != nil {
		t.Error(err)
	}
	put(t, s, 0, 5000)
	k := &keeper{fail: 3} // every third commit fails
	k.until(t, s, 5000)
	s.Close()
	s = open(t, Config{Dir: dir, MaxBytes: 64 << 20}) // less than before
	if s.ID() != id {
		t.Errorf("the stream was %s and is %s", id, s.ID())
	}
	put(t, s, 5000, 6000)
	k.until(t, s, 6000)
	if last, err := s.Last(context.Background()); err != nil || last != k.seq {
		t.Error(last, err)
	}
	// A reader restored from a backup reads what he lost.
	(&keeper{}).until(t, s, 6000)
}

// A pack that comes as a batch's time runs out belongs to the next.
func TestEndOfBatch(t *testing.T) {
	s := open(t, Config{Dir: t.TempDir()})
	for i := range 300 {
		n := number(i)
		if err := s.publish(t.Context(), fmt.Sprint(i), n.Append(nil)); err != nil {
			t.Fatal(err)
		}
	}
	for _, wait := range []time.Duration{time.Nanosecond, 50 * time.Microsecond} {
		(&keeper{wait: wait}).until(t, s, 300)
	}
}

// The embedded server is started anew under a writer and a reader; and a second queue's packs are not taken for the first's.
func TestMended(t *testing.T) {
	s := open(t, Config{Dir: t.TempDir()})
	put(t, s, 0, 1000)
	q, err := s.Queue(QueueConfig{}, prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for i := 1000; i < 20_000; i++ {
			n := number(i)
			q.Put(&n, true)
			if i == 5000 {
				s.embedded.mend(quiet)
			}
			if i%500 == 0 {
				time.Sleep(time.Millisecond)
			}
		}
		q.Close(context.Background())
	}()
	(&keeper{}).until(t, s, 20_000)
	if err := s.Healthy(); err != nil {
		t.Error(err)
	}
}

func TestOneProcess(t *testing.T) {
	dir := t.TempDir()
	open(t, Config{Dir: dir})
	if _, err := Open(context.Background(), Config{Dir: dir}, quiet, prometheus.NewRegistry()); err == nil || !strings.Contains(err.Error(), "another process") {
		t.Error("opened twice:", err)
	}
	if _, err := Open(context.Background(), Config{}, quiet, prometheus.NewRegistry()); err == nil {
		t.Error("opened nowhere")
	}
	for _, url := range []string{"nats://u:geheim@[/", "nats://u:geheim@127.0.0.1:1"} {
		if _, err := Open(context.Background(), Config{URL: url}, quiet, prometheus.NewRegistry()); err == nil || strings.Contains(err.Error(), "geheim") {
			t.Error(err)
		}
	}
}

// A full stream drops its oldest, and the reader who missed them counts.
func TestFullStreamCounts(t *testing.T) {
	s := open(t, Config{Dir: t.TempDir(), MaxBytes: 256 << 10})
	put(t, s, 0, 100_000) // 800 KB
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	seen := 0
	err := s.Read(ctx, ReadConfig{Reader: "late", Wait: 100 * time.Millisecond, Saw: func(p []byte) { seen += len(p) / 8 }},
		func(_ context.Context, first, _ uint64, packs [][]byte) error {
			if first < 2 || binary.LittleEndian.Uint64(packs[0]) == 0 {
				t.Errorf("the first is %d", first)
			}
			cancel()
			return nil
		})
	if err != nil {
		t.Error(err)
	}
	if n := testutil.ToFloat64(s.lost.WithLabelValues("late")); n < 2 {
		t.Errorf("%v lost packs counted", n)
	}
	if seen == 0 || seen >= 100_000 {
		t.Errorf("%d left", seen)
	}
}

// An outside server, that goes away and comes back, is the same to writers and readers.
func TestOutsideServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	dir := t.TempDir()
	start := func() *server.Server {
		srv, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: port, JetStream: true, StoreDir: dir, SyncAlways: true, NoSigs: true, NoLog: true})
		if err != nil {
			t.Fatal(err)
		}
		srv.Start()
		if !srv.ReadyForConnections(10 * time.Second) {
			t.Fatal("not ready")
		}
		return srv
	}
	srv := start()
	s := open(t, Config{URL: fmt.Sprintf("nats://127.0.0.1:%d", port)})
	q, err := s.Queue(QueueConfig{}, prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	for i := range 1000 {
		n := number(i)
		q.Put(&n, true)
	}
	for q.Waiting() > 0 {
		time.Sleep(time.Millisecond)
	}
	srv.Shutdown()
	srv.WaitForShutdown()
	for i := 1000; i < 2000; i++ {
		n := number(i)
		q.Put(&n, true)
	}
	time.Sleep(50 * time.Millisecond)
	srv = start()
	defer srv.Shutdown()
	if err := q.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	(&keeper{}).until(t, s, 2000)
}

// Packs of usual records, sealed by nobody, written with sync.
func BenchmarkWrite(b *testing.B) {
	s := open(b, Config{Dir: b.TempDir(), MaxBytes: 4 << 30})
	q, err := s.Queue(QueueConfig{}, prometheus.NewRegistry())
	if err != nil {
		b.Fatal(err)
	}
	var r big
	b.ReportAllocs()
	for b.Loop() {
		for !q.Put(&r, true) {
			time.Sleep(time.Millisecond)
		}
	}
	q.Close(context.Background())
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
}
