package pending

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"testing"
	"time"
)

const childEnv = "SEKISHO_PENDING_CRASH"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childEnv); dir != "" {
		crashChild(dir)
	}
	os.Exit(m.Run())
}

func crashOptions() Options { return Options{Segment: 32 << 10, Every: 5 * time.Millisecond} }

// crashEntry is what the id of that number has. Every third is a part of a group of three.
func crashEntry(n uint64) ([]byte, Entry) {
	e := Entry{Account: fmt.Sprint("account", n%7), Expires: time.Unix(4e9, 0)}
	if n%3 == 0 {
		g := n / 9
		e.Account, e.Alias, e.Parts = fmt.Sprint("account", g%7), fmt.Appendf(nil, "alias-%d", g), 3
	}
	return fmt.Appendf(nil, "%016x", n*0x9e3779b97f4a7c15), e
}

// A report of the child is 9 octets: what it did, with which number.
const (
	didPut   byte = 1
	willDone byte = 2 // said before it is done: afterwards it may be there or not
	didDone  byte = 3
)

// crashChild puts and finishes ids, and says so after Commit, until it is killed.
func crashChild(dir string) {
	m, err := Open(dir, crashOptions())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(3)
	}
	from, _ := strconv.ParseUint(os.Getenv(childEnv+"_FROM"), 10, 64)
	var out sync.Mutex
	say := func(report []byte) {
		out.Lock()
		defer out.Unlock()
		os.Stdout.Write(report)
	}
	var wg sync.WaitGroup
	const workers = 4
	for w := range uint64(workers) {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(from, w))
			var open []uint64
			for n := from + w; ; n += workers * 16 {
				var will, did []byte
				for i := range uint64(16) {
					k := n + i*workers
					id, e := crashEntry(k)
					if err := m.Put(id, &e); err != nil {
						panic(err)
					}
					open = append(open, k)
					did = append(binary.LittleEndian.AppendUint64(did, k), didPut)
				}
				r.Shuffle(len(open), func(i, j int) { open[i], open[j] = open[j], open[i] })
				done := open[:15] // most ids are done soon, so that segments die and are compacted
				open = open[15:]
				for _, k := range done {
					will = append(binary.LittleEndian.AppendUint64(will, k), willDone)
					did = append(binary.LittleEndian.AppendUint64(did, k), didDone)
				}
				say(will)
				for _, k := range done {
					id, _ := crashEntry(k)
					if _, _, ok := m.Done(id, 2); !ok {
						panic(k)
					}
				}
				if err := m.Commit(); err != nil {
					panic(err)
				}
				say(did)
			}
		})
	}
	wg.Wait()
}

// TestKill kills a process in the middle of its work, again and again, and asks after each time for everything that it
// had acknowledged.
func TestKill(t *testing.T) {
	rounds := 12
	if testing.Short() {
		rounds = 3
	}
	dir := t.TempDir()
	state := map[uint64]byte{} // what was acknowledged of a number last
	var next uint64
	var removed, puts, dones int
	for round := range rounds {
		cmd := exec.Command(os.Args[0], "-test.run=^$")
		cmd.Env = append(os.Environ(), childEnv+"="+dir, fmt.Sprintf("%s_FROM=%d", childEnv, next))
		cmd.Stderr = os.Stderr
		pipe, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(time.Duration(100+rand.IntN(200))*time.Millisecond, func() { cmd.Process.Kill() })
		in := bufio.NewReader(pipe)
		var report [9]byte
		for {
			if _, err := io.ReadFull(in, report[:]); err != nil {
				break
			}
			n := binary.LittleEndian.Uint64(report[:])
			state[n] = report[8]
			next = max(next, n+1)
			switch report[8] {
			case didPut:
				puts++
			case didDone:
				dones++
			}
		}
		var exit *exec.ExitError
		if err := cmd.Wait(); errors.As(err, &exit) && exit.ExitCode() > 0 {
			t.Fatal(err)
		}
		next += 1 << 20 // beyond whatever was put and not acknowledged
		removed += checkCrash(t, dir, state, round)
	}
	if puts < 1000 || dones < 1000 || removed == 0 {
		t.Errorf("too little to see: %d put, %d done", puts, dones)
	}
	t.Logf("%d kills, %d acknowledged puts, %d acknowledged dones", rounds, puts, dones)
}

func checkCrash(t *testing.T, dir string, state map[uint64]byte, round int) int {
	m, err := Open(dir, crashOptions())
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if m.m.failures != [len(failures)]uint64{} {
		t.Fatalf("round %d: the log is broken: %v", round, m.m.failures)
	}
	got := Entry{Alias: make([]byte, 0, MaxID)}
	for n, did := range state {
		id, want := crashEntry(n)
		found := m.Get(id, &got)
		switch {
		case did == willDone && !found:
			state[n] = didDone
		case did == didPut && !found:
			t.Fatalf("round %d: acknowledged id %d is lost", round, n)
		case did == didDone && found:
			t.Fatalf("round %d: %d came back", round, n)
		case found && (got.Account != want.Account || string(got.Alias) != string(want.Alias) ||
			got.Parts != want.Parts || !got.Expires.Equal(want.Expires)):
			t.Fatalf("round %d: %d is %+v", round, n, got)
		case found:
			state[n] = didPut
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return int(m.segments[0].number) - 1
}
