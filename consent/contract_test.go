package consent

import (
	"errors"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/sekisho/sekisho/purpose"
	"github.com/sekisho/sekisho/subject"
)

const ours = subject.Line(819012345678)

// A choice follows its contract to another number; the next holder of the number starts anew.
func TestContractMoves(t *testing.T) {
	r := register(t)
	var names Names
	apply := func(e Event, name string, l subject.Line) subject.Contract {
		t.Helper()
		ended, err := names.Apply(r, e, name, l)
		if err != nil {
			t.Fatalf("%s %s: %v", e, name, err)
		}
		return ended
	}
	apply(EventAssign, "c1", ours)
	if err := r.Set(ours, purpose.InfectionNotice, purpose.OptedOut); err != nil {
		t.Fatal(err)
	}
	c1 := r.Contract(ours)
	if ended := apply(EventRelease, "c1", ours); ended != c1 {
		t.Errorf("contract %d ended, not %d", ended, c1)
	}
	if r.Contract(ours) != 0 || r.Choice(ours, purpose.InfectionNotice) != purpose.Stranger {
		t.Error("a released line has a contract or its choices")
	}
	if err := r.Set(ours, purpose.Inspect, purpose.OptedOut); !errors.Is(err, ErrFree) {
		t.Errorf("a choice of nobody: %v", err)
	}
	apply(EventAssign, "c1", ours+1)
	if r.Contract(ours+1) != c1 || r.Choice(ours+1, purpose.InfectionNotice) != purpose.OptedOut {
		t.Error("the choice did not follow the contract to its new number")
	}
	apply(EventAssign, "c2", ours)
	if c := r.Contract(ours); c == 0 || c == c1 || c < FirstContract {
		t.Errorf("the next holder is contract %d", c)
	}
	if r.Choice(ours, purpose.InfectionNotice) != purpose.Unknown {
		t.Error("the next holder has the choice of the last one")
	}
	apply(EventSIM, "c2", ours)
	if ended := apply(EventAssign, "c3", ours); ended == 0 { // nobody told that c2 ended
		t.Error("c2 holds the line beside c3")
	}
	apply(EventPortOut, "c3", ours)
	abroad := subject.Line(447700900123)
	if r.Contract(abroad) != 0 {
		t.Error("a foreign line is ours")
	}
	apply(EventPortIn, "c4", abroad)
	if r.Contract(abroad) == 0 || r.Choice(abroad, purpose.Inspect) != purpose.Unknown {
		t.Error("a line that was ported in is not ours")
	}
	if ended := apply(EventAssign, "c4", abroad); ended != 0 {
		t.Error("told twice, a contract ended")
	}
	if c, ok := names.Find("c4"); !ok || c != r.Contract(abroad) {
		t.Error("c4 is not found")
	}
	if _, err := names.Apply(r, "lose", "c4", abroad); !errors.Is(err, ErrEvent) {
		t.Error(err)
	}
	if _, err := names.Apply(r, EventRelease, "c9", 447700900999); !errors.Is(err, ErrFree) {
		t.Error(err)
	}
	if err := r.Hold(abroad, FirstContract+77); !errors.Is(err, ErrHeld) {
		t.Error(err)
	}
	if err := r.Hold(12, 1); !errors.Is(err, ErrLine) {
		t.Error(err)
	}
	if err := r.SetOf(c1, purpose.Inspect, purpose.OptedIn); err != nil || r.Choice(ours+1, purpose.Inspect) != purpose.OptedIn {
		t.Error("a choice by contract:", err)
	}
}

// Readers find a whole answer while lines move.
func TestContractsAtOnce(t *testing.T) {
	r := register(t)
	for i := range subject.Line(2000) {
		r.Assign(ours + i)
	}
	var stop atomic.Bool
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for !stop.Load() {
				for i := range subject.Line(2000) {
					if c := r.Contract(ours + i); c != 0 && c != subject.Contract(ours+i) && c < FirstContract {
						t.Errorf("line %d is held by %d", i, c)
						return
					}
				}
				runtime.Gosched()
			}
		})
	}
	last := map[subject.Line]subject.Contract{}
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		l := ours + subject.Line(rnd.IntN(2000))
		if r.Contract(l) != 0 {
			r.Release(l)
			last[l] = 0
		} else if c, err := r.Assign(l); err == nil {
			last[l] = c
		}
	}
	stop.Store(true)
	wg.Wait()
	seen := map[subject.Contract]bool{}
	for l, c := range last {
		if r.Contract(l) != c || c != 0 && seen[c] {
			t.Errorf("line %d: contract %d, want %d", l, r.Contract(l), c)
		}
		seen[c] = true
	}
}

// 100 million contracts on the mobile numbers of Japan, of which 5 % opted out of something and 5 % moved or were ported in.
func BenchmarkHundredMillionContracts(b *testing.B) {
	r := register(b)
	before := memory()
	prefixes := [...]subject.Line{8160, 8170, 8180, 8190}
	line := func(i uint64) subject.Line { // all different: a bijection of each prefix
		return prefixes[i&3]*100_000_000 + subject.Line(i>>2*1_000_003%100_000_000)
	}
	const n = 100_000_000
	for i := range uint64(n) {
		l := line(i)
		r.lines.hold(l, subject.Contract(l))
		if i%20 == 7 {
			r.lines.hold(l, FirstContract+subject.Contract(i))
		}
		if i%20 == 3 {
			if err := r.Set(l, purpose.InfectionNotice, purpose.OptedOut); err != nil {
				b.Fatal(err)
			}
		}
	}
	used := memory() - before
	out := 0
	rnd := rand.New(rand.NewPCG(1, 2))
	at := make([]subject.Line, 1<<20)
	for i := range at {
		at[i] = line(rnd.Uint64N(n))
	}
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		if r.Choice(at[i&(1<<20-1)], purpose.InfectionNotice) == purpose.OptedOut {
			out++
		}
		i++
	}
	b.ReportMetric(float64(used)/1e6, "MB")
	b.ReportMetric(100*float64(out)/float64(b.N), "%out")
}
