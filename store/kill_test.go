package store_test

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sekisho/sekisho/message"
	"github.com/sekisho/sekisho/record"
	"github.com/sekisho/sekisho/store"
	"github.com/sekisho/sekisho/stream"
	"github.com/sekisho/sekisho/subject"
)

const childEnv = "SEKISHO_TEST_KILLED_CHILD" // folder and the number of the first record

func TestMain(m *testing.M) {
	if arg := os.Getenv(childEnv); arg != "" {
		var first int
		dir, number, _ := strings.Cut(arg, "|")
		fmt.Sscan(number, &first)
		if err := child(dir, first); err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

var (
	secret = []byte("a secret of no account at all...")
	noon   = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC).UnixMicro()
)

// failing is a log that must stay empty: nothing here may go wrong, lost packs above all.
type failing struct{ t *testing.T }

func (f failing) Write(b []byte) (int, error) {
	f.t.Errorf("logged: %s", b)
	return len(b), nil
}

type checkpoint struct {
	stream *stream.Stream
	store  *store.Store
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

// start is what main does: the stream, the store, two readers between them.
func start(dir string, log *slog.Logger) (*checkpoint, error) {
	reg := prometheus.NewRegistry()
	ctx, cancel := context.WithCancel(context.Background())
	c := &checkpoint{cancel: cancel}
	var err error
	if c.store, err = store.Open(ctx, "sqlite:"+filepath.Join(dir, "records.db"), log, reg); err != nil {
		return nil, err
	}
	if c.stream, err = stream.Open(ctx, stream.Config{Dir: filepath.Join(dir, "stream")}, log, reg); err != nil {
		return nil, err
	}
	for _, k := range []stream.Keeper{c.store.Counts(), c.store.Passed()} {
		c.wg.Go(func() { c.stream.Keep(ctx, stream.ReadConfig{Wait: 20 * time.Millisecond, Bytes: 256 << 10}, k) })
	}
	return c, nil
}

func (c *checkpoint) stop() {
	c.cancel()
	c.wg.Wait()
	c.stream.Close()
	c.store.Close()
}

func fill(v *record.Verdict, n int) {
	*v = record.Verdict{Time: noon + int64(n)*10, Door: "smpp", Account: "agg", ID: fmt.Sprintf("m%d", n), Route: message.A2P,
		Class: message.Ham, Outcome: message.Deliver, Done: message.Deliver, To: subject.Line(819000000000 + uint64(n%100)).Address()}
	if n%16 == 0 {
		v.Class, v.Outcome, v.Done = message.Phishing, message.Block, message.Block
	}
}

// child writes numbered records and holds messages until it is killed, and says how far it has come.
func child(dir string, n int) error {
	c, err := start(dir, slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{Level: slog.LevelError})))
	if err != nil {
		return err
	}
	key, err := record.NewKey(secret)
	if err != nil {
		return err
	}
	q, err := c.stream.Queue(stream.QueueConfig{Seal: key.SealBatch}, prometheus.NewRegistry())
	if err != nil {
		return err
	}
	rec := record.NewRecorder(q)
	first := n
	go func() {
		for i := 0; ; i++ {
			id := fmt.Sprintf("h%d-%d", first, i)
			if err := c.store.Hold(context.Background(), &store.Held{ID: id, Time: noon, State: store.StateHeld}); err != nil {
				fmt.Println("error", err)
				os.Exit(1)
			}
			fmt.Println("held", id)
		}
	}()
	var v record.Verdict
	for ; ; n++ {
		fill(&v, n)
		if !rec.Verdict(&v) {
			return fmt.Errorf("record %d was dropped", n)
		}
		if n%500 == 0 {
			// Those that do not wait are on the disk.
			fmt.Println("written", n+1-q.Waiting()-first, n+1)
			time.Sleep(time.Duration(rand.IntN(10)) * time.Millisecond)
		}
	}
}

// Killed again and again in the middle of writing: what was said to be written is there, and nothing is counted twice.
func TestKilled(t *testing.T) {
	dir := t.TempDir()
	rounds := 5
	if testing.Short() {
		rounds = 2
	}
	var held []string
	atLeast, put, next := 0, 0, 0
	for round := range rounds {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s|%d", childEnv, dir, next))
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		cmd.Stderr = os.Stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		var once sync.Once
		written, end := 0, next
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			// The clock runs from the first word, so that the child is in the middle of its work.
			once.Do(func() {
				time.AfterFunc(time.Duration(20+rand.IntN(400))*time.Millisecond, func() { cmd.Process.Kill() })
			})
			switch word, rest, _ := strings.Cut(lines.Text(), " "); word {
			case "held":
				held = append(held, rest)
			case "written":
				fmt.Sscan(rest, &written, &end)
			default:
				t.Errorf("round %d: %s", round, lines.Text())
			}
		}
		cmd.Wait()
		atLeast += written
		put += end - next
		next = end + 10_000 // numbers never come again
	}

	c, err := start(dir, slog.New(slog.NewTextHandler(failing{t}, &slog.HandlerOptions{Level: slog.LevelError})))
	if err != nil {
		t.Fatal(err)
	}
	defer c.stop()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()

	// What is in the stream, read on its own.
	last, err := c.stream.Last(ctx)
	if err != nil {
		t.Fatal(err)
	}
	records, stopped := 0, 0
	seen := map[string]bool{}
	readCtx, done := context.WithCancel(ctx)
	if err := c.stream.Read(readCtx, stream.ReadConfig{Reader: "test", Wait: 20 * time.Millisecond}, func(_ context.Context, _, to uint64, packs [][]byte) error {
		for _, p := range packs {
			for len(p) > 0 {
				var r record.Row
				rec, rest, err := record.Split(p)
				if err != nil {
					return err
				}
				if err := r.Decode(rec); err != nil {
					return err
				}
				if seen[string(r.ID)] {
					t.Errorf("%s is there twice", r.ID)
				}
				seen[string(r.ID)] = true
				records++
				if r.Stopped() {
					stopped++
				}
				p = rest
			}
		}
		if to == last {
			done()
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if records < atLeast {
		t.Errorf("%d records, though %d were said to be written", records, atLeast)
	}
	t.Logf("%d kills: %d records are there; %d had been said to be written, %d to be put; %d messages held",
		rounds, records, atLeast, put, len(held))

	for _, k := range []stream.Keeper{c.store.Counts(), c.store.Passed()} {
		for {
			at, err := k.Place(ctx, c.stream.ID())
			if err != nil {
				t.Fatal(err)
			}
			if at == last {
				break
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
	counts, err := c.store.PerMinute(ctx, noon, noon+1e12)
	if err != nil {
		t.Fatal(err)
	}
	counted, blocked := 0, 0
	for _, m := range counts {
		counted += int(m.N)
		if m.Done == "block" {
			blocked += int(m.N)
		}
	}
	if counted != records || blocked != stopped {
		t.Errorf("counted %d of %d, %d of %d stopped", counted, records, blocked, stopped)
	}
	key, err := record.NewKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]int{}
	for n := range uint64(100) {
		messages, err := c.store.MessagesTo(ctx, key.Address(subject.Line(819000000000+n).Address()), noon, noon+1e12, 1_000_000)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range messages {
			found[m.MessageID]++
		}
	}
	if len(found) != records {
		t.Errorf("care finds %d of %d", len(found), records)
	}
	for id, n := range found {
		if n != 1 || !seen[id] {
			t.Fatalf("care finds %s %d times", id, n)
		}
	}
	for _, id := range held {
		if _, err := c.store.HeldByID(ctx, id); err != nil {
			t.Errorf("%s was held: %v", id, err)
		}
	}
}
