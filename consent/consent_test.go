package consent

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"

	"github.com/sekisho/sekisho/purpose"
	"github.com/sekisho/sekisho/subject"
)

func register(t testing.TB) *Register {
	t.Helper()
	r, err := NewRegister(DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestChoices(t *testing.T) {
	var c Choices
	for p := purpose.Inspect; p < purpose.Count; p++ {
		c = c.With(p, purpose.Choice(p%3))
	}
	for p := purpose.Inspect; p < purpose.Count; p++ {
		if got := c.Of(p); got != purpose.Choice(p%3) {
			t.Errorf("%v: %v", p, got)
		}
	}
	if c.Of(purpose.None) != purpose.Unknown || c.Of(purpose.Count) != purpose.Unknown || c.Of(255) != purpose.Unknown {
		t.Error("a choice about no purpose")
	}
	if c.With(purpose.None, purpose.OptedOut) != c || c.With(255, purpose.OptedOut) != c || c.With(purpose.Inspect, 3) != c {
		t.Error("changed by no purpose or no choice")
	}
}

func TestSet(t *testing.T) {
	r := register(t)
	const line = subject.Line(819012345678)
	if got := r.Choice(line, purpose.Inspect); got != purpose.Unknown {
		t.Errorf("nothing chosen: %v", got)
	}
	for _, c := range []purpose.Choice{purpose.OptedOut, purpose.OptedIn, purpose.Unknown, purpose.OptedOut} {
		if err := r.Set(line, purpose.Inspect, c); err != nil {
			t.Fatal(err)
		}
		if got := r.Choice(line, purpose.Inspect); got != c {
			t.Errorf("%v after %v", got, c)
		}
	}
	if r.Choice(line, purpose.Share) != purpose.Unknown || r.Choice(line+1, purpose.Inspect) != purpose.Unknown || r.Choice(0, purpose.Inspect) != purpose.Stranger {
		t.Error("a choice nobody made")
	}
	if r.Len() != 1 {
		t.Errorf("%d lines", r.Len())
	}
	r.Forget(line)
	if r.Choices(line) != 0 || r.Len() != 0 {
		t.Error("not forgotten")
	}
	for _, bad := range []Change{
		{Line: 0, Purpose: purpose.Inspect},
		{Line: 1 << 60, Purpose: purpose.Inspect},
		{Line: line, Purpose: purpose.None},
		{Line: line, Purpose: purpose.Count},
		{Line: line, Purpose: purpose.Inspect, Choice: 3},
	} {
		if err := r.Set(bad.Line, bad.Purpose, bad.Choice); err == nil {
			t.Errorf("%+v: accepted", bad)
		}
	}
}

// TestAskThroughRegister: what is set decides whether leave is given.
func TestAskThroughRegister(t *testing.T) {
	r := register(t)
	const line = subject.Line(819012345678)
	if _, err := purpose.Ask(&purpose.DefaultPolicy, purpose.Inspect, line, r); err != nil {
		t.Errorf("no choice: %v", err)
	}
	r.Set(line, purpose.Inspect, purpose.OptedOut)
	if _, err := purpose.Ask(&purpose.DefaultPolicy, purpose.Inspect, line, r); !errors.Is(err, purpose.ErrOptedOut) {
		t.Errorf("opted out: %v", err)
	}
}

// TestAgainstMap does the same to a Register and a map.
func TestAgainstMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r, _ := NewRegister(DefaultConfig())
		want := map[subject.Line]Choices{}
		line := rapid.Map(rapid.IntRange(0, 3000), func(n int) subject.Line { return subject.Line(819000000000 + n*7919) })
		for range rapid.IntRange(1, 40).Draw(t, "rounds") {
			switch rapid.IntRange(0, 3).Draw(t, "what") {
			case 0: // many at once, so that shards grow
				first := line.Draw(t, "first")
				for i := range subject.Line(rapid.IntRange(1, 5000).Draw(t, "many")) {
					r.Set(first+i, purpose.Quality, purpose.OptedOut)
					want[first+i] = want[first+i].With(purpose.Quality, purpose.OptedOut)
				}
			case 1:
				l := line.Draw(t, "forgotten")
				r.Forget(l)
				delete(want, l)
			default:
				l := line.Draw(t, "line")
				p := purpose.Purpose(rapid.IntRange(1, int(purpose.Count)-1).Draw(t, "purpose"))
				c := purpose.Choice(rapid.IntRange(0, 2).Draw(t, "choice"))
				r.Set(l, p, c)
				want[l] = want[l].With(p, c)
			}
		}
		n := 0
		for l, c := range want {
			if got := r.Choices(l); got != c {
				t.Fatalf("%v: %b, want %b", l.Mask(), got, c)
			}
			if c != 0 {
				n++
			}
		}
		if r.Len() != n {
			t.Fatalf("%d lines, want %d", r.Len(), n)
		}
	})
}

// changes are n lines that opted out, spread over the mobile numbers of Japan, each once.
func changes(n int) iter.Seq2[Change, error] {
	return func(yield func(Change, error) bool) {
		for i := range n {
			if !yield(Change{Line: nth(i), Purpose: purpose.Inspect, Choice: purpose.OptedOut}, nil) {
				return
			}
		}
	}
}

// nth is the i-th of 400 million numbers, in an order that looks random: 148,148,147 has no divisor in common
// with 400 million.
func nth(i int) subject.Line {
	n := uint64(i) * 148_148_147 % 400_000_000
	return subject.Line(816000000000 + n/100_000_000*1_000_000_0000 + n%100_000_000)
}

func TestLoad(t *testing.T) {
	r := register(t)
	ctx := context.Background()
	r.Set(nth(1_000_000), purpose.Inspect, purpose.OptedOut)
	if err := r.Load(ctx, 100, changes(10_000)); err != nil { // the hint is too small
		t.Fatal(err)
	}
	if r.Len() != 10_000 || r.Choice(nth(9_999), purpose.Inspect) != purpose.OptedOut {
		t.Errorf("%d lines", r.Len())
	}
	if r.Choice(nth(1_000_000), purpose.Inspect) == purpose.OptedOut {
		t.Error("a choice from before the load")
	}
	broken := func(yield func(Change, error) bool) {
		_ = yield(Change{Line: nth(20_000), Purpose: purpose.Inspect, Choice: purpose.OptedOut}, nil) &&
			yield(Change{}, errors.New("the records went away"))
	}
	if err := r.Load(ctx, 0, broken); err == nil || r.Len() != 10_000 {
		t.Errorf("a broken load: %v, %d lines", err, r.Len())
	}
	gone, cancel := context.WithCancel(ctx)
	cancel()
	if err := r.Load(gone, 0, changes(5000)); !errors.Is(err, context.Canceled) || r.Len() != 10_000 {
		t.Errorf("cancelled: %v", err)
	}
}

// TestSetDuringLoad: what is chosen while the records are read holds, whatever they say.
func TestSetDuringLoad(t *testing.T) {
	r := register(t)
	all := func(yield func(Change, error) bool) {
		for i := range 1000 {
			if i == 500 {
				r.Set(nth(10), purpose.Inspect, purpose.OptedIn)
				r.Set(nth(900), purpose.Inspect, purpose.OptedIn)
				r.Forget(nth(11))
				if r.Choice(nth(10), purpose.Inspect) != purpose.OptedIn {
					t.Error("not in force at once")
				}
				if err := r.Load(context.Background(), 0, changes(1)); !errors.Is(err, ErrLoading) {
					t.Errorf("a second load: %v", err)
				}
			}
			if !yield(Change{Line: nth(i), Purpose: purpose.Inspect, Choice: purpose.OptedOut}, nil) {
				return
			}
		}
	}
	if err := r.Load(context.Background(), 0, all); err != nil {
		t.Fatal(err)
	}
	for i, want := range map[int]purpose.Choice{9: purpose.OptedOut, 10: purpose.OptedIn, 11: purpose.Unknown, 900: purpose.OptedIn} {
		if got := r.Choice(nth(i), purpose.Inspect); got != want {
			t.Errorf("line %d: %v, want %v", i, got, want)
		}
	}
}

// TestAtOnce: readers see each line's choice as it was before or after a change, while shards grow.
func TestAtOnce(t *testing.T) {
	r := register(t)
	const n = 30_000
	var settled atomic.Int64 // lines below this one have opted out for good
	var wg sync.WaitGroup
	var stop atomic.Bool
	for g := range 3 {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(1, uint64(g)))
			for !stop.Load() {
				if top := settled.Load(); top > 0 {
					if i := int(rnd.Int64N(top)); r.Choice(nth(i), purpose.Inspect) != purpose.OptedOut {
						t.Errorf("line %d of %d has not opted out", i, top)
						return
					}
				}
				if c := r.Choice(nth(n+int(rnd.Int64N(n))), purpose.Inspect); c == purpose.OptedOut {
					t.Errorf("%v of a line that chose nothing", c)
					return
				}
				runtime.Gosched()
			}
		})
	}
	wg.Go(func() { // another writer, other lines
		for i := range n {
			r.Set(nth(2*n+i), purpose.Share, purpose.OptedIn)
			r.Forget(nth(2*n + i))
		}
	})
	for i := range n {
		r.Set(nth(i), purpose.Inspect, purpose.OptedOut)
		settled.Store(int64(i))
	}
	stop.Store(true)
	wg.Wait()
	if r.Len() != n {
		t.Errorf("%d lines, want %d", r.Len(), n)
	}
}

func TestHome(t *testing.T) {
	r := register(t)
	for l, want := range map[subject.Line]bool{
		819012345678:     true,
		817000000000:     true,
		818099999999:     true,
		816012345678:     true,
		815012345678:     false,
		81312345678:      false,
		819112345678:     false,
		8190:             true, // no number, but nothing asks for it
		12025550123:      false,
		0:                false,
		1 << 63:          false,
		999999999999999:  false,
		819012345678901:  true,
		9990123456789012: false,
	} {
		if got := r.Home(l); got != want {
			t.Errorf("%s: %v", l.Mask(), got)
		}
	}
	for _, bad := range [][]string{{"8190"}, {"+"}, {"+0"}, {"+81x"}, {"+8190", ""}, {"+123456789012345"}, make([]string, 1000)} {
		if err := r.SetHome(bad); err == nil {
			t.Errorf("%q: accepted", bad)
		}
	}
	if !r.Home(819012345678) {
		t.Error("a refused change was made")
	}
	if err := r.SetHome([]string{"+1", "+4479"}); err != nil || r.Home(819012345678) || !r.Home(12025550123) || !r.Home(447912345678) {
		t.Errorf("%v", err)
	}
}

func TestImportCSV(t *testing.T) {
	r := register(t)
	file := "\ufeffLine,Scope,granted,wording,channel,time\r\n" +
		"+819012345678,inspect,false,2026-04,web,2026-05-01T09:00:00+09:00\r\n" +
		"+819012345678,share,TRUE,,,\r\n" +
		"+818011112222,infection_notice,true,\"terms, 4th\",shop,\r\n" +
		"+818011112222,infection_notice,false,,,\r\n"
	n, err := r.ImportCSV(context.Background(), strings.NewReader(file), "x.csv")
	if err != nil || n != 4 {
		t.Fatal(n, err)
	}
	for _, want := range []Change{
		{Line: 819012345678, Purpose: purpose.Inspect, Choice: purpose.OptedOut},
		{Line: 819012345678, Purpose: purpose.Share, Choice: purpose.OptedIn},
		{Line: 818011112222, Purpose: purpose.InfectionNotice, Choice: purpose.OptedOut},
	} {
		if got := r.Choice(want.Line, want.Purpose); got != want.Choice {
			t.Errorf("%v: %v", want, got)
		}
	}
	var first Change
	for c := range ReadCSV(strings.NewReader(file), "x.csv") {
		first = c
		break
	}
	if first.Wording != "2026-04" || first.Channel != "web" || first.Time.Format("2006-01-02T15:04Z07:00") != "2026-05-01T00:00Z" {
		t.Errorf("%+v", first)
	}
}

func TestImportCSVRefusesWhole(t *testing.T) {
	const head, good = "line,scope,granted\n", "+818011112222,share,true\n"
	for _, c := range []struct{ name, file, want string }{
		{"empty", "", "x.csv:1: no header"},
		{"no scope", "line,granted\n", "x.csv:1: the header must name"},
		{"unknown column", "line,scope,granted,note\n", "x.csv:1: the header must name"},
		{"column twice", "line,line,scope,granted\n", "x.csv:1: the header must name"},
		{"national number", head + good + "09012345678,inspect,false\n", "x.csv:3: line is not an E.164 number"},
		{"unknown scope", head + good + "+819012345678,everything,false\n", "x.csv:3: scope is none of"},
		{"not granted", head + good + "\n\n+819012345678,inspect,no\n", "x.csv:5: granted is true or false"},
		{"a field short", head + good + "+819012345678,inspect\n", "x.csv:3: not as many fields"},
		{"open quote", head + good + "\"+819012345678,inspect,false\n", "x.csv:3: extraneous or missing \""},
		{"endless quote", head + good + "\"" + strings.Repeat("9\n", 100_000), "x.csv:3: a row of more than"},
		{"endless line", head + good + strings.Repeat("9", 1<<20), "x.csv:3: a row of more than"},
		{"time", "line,scope,granted,time\n+819012345678,inspect,false,yesterday\n", "x.csv:2: time is not RFC 3339"},
		{"control character", "line,scope,granted,channel\n+819012345678,inspect,false,a\x00b\n", "x.csv:2: wording and channel"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := register(t)
			_, err := r.ImportCSV(context.Background(), strings.NewReader(c.file), "x.csv")
			if err == nil || !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("%v, want %s", err, c.want)
			}
			if err != nil && strings.Contains(err.Error(), "12345678") {
				t.Errorf("a number in the error: %v", err)
			}
			if r.Len() != 0 {
				t.Error("half of it is in force")
			}
		})
	}
}

func FuzzReadCSV(f *testing.F) {
	f.Add("line,scope,granted\n+819012345678,inspect,false\n")
	f.Add("\ufeffline,scope,granted,wording,channel,time\r\n+819012345678,share,TRUE,\"a\n\"\"b\",c,2026-05-01T09:00:00Z\r\n")
	f.Fuzz(func(t *testing.T, s string) {
		errs := 0
		for c, err := range ReadCSV(strings.NewReader(s), "f") {
			if errs > 0 {
				t.Fatal("went on after an error")
			}
			var row *RowError
			if err != nil {
				errs++
				if !errors.As(err, &row) || row.Line < 1 || row.Line > 1+strings.Count(s, "\n") {
					t.Fatalf("%v", err)
				}
			} else if err := c.check(); err != nil {
				t.Fatalf("%v of a row that was read", err)
			}
		}
	})
}

func memory() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// BenchmarkFiveMillion: what five million lines that opted out cost, and how long one is looked up among
// them, in an order that no cache knows. bare-read is the floor: one word of an array as large.
func BenchmarkFiveMillion(b *testing.B) {
	const n = 5_000_000
	b.Run("bare-read", func(b *testing.B) {
		words := make([]uint64, 8_000_000)
		for i := range words {
			words[i] = rand.Uint64N(uint64(len(words)))
		}
		b.ResetTimer()
		x := uint64(0)
		for i := range b.N {
			x = words[(x+uint64(i))%uint64(len(words))]
		}
		sink = x & zero
	})
	for _, hint := range []int{n, 0} {
		before := memory()
		r := register(b)
		if err := r.Load(context.Background(), hint, changes(n)); err != nil {
			b.Fatal(err)
		}
		mb := float64(memory()-before) / 1e6
		for _, c := range []struct {
			name  string
			first int
		}{{"opted-out", 0}, {"no-choice", n}} {
			b.Run(fmt.Sprintf("hint=%d/%s", hint, c.name), func(b *testing.B) {
				lines := make([]subject.Line, 1<<20)
				for i := range lines {
					lines[i] = nth(c.first + rand.IntN(n))
				}
				b.ReportAllocs()
				b.ResetTimer()
				b.ReportMetric(mb, "MB")
				for i := range b.N {
					// Each asks by what the one before answered, so that none overlaps the next.
					l := lines[i&(1<<20-1)] + subject.Line(sink)
					sink = uint64(r.Choice(l, purpose.Inspect)) & zero
				}
			})
		}
		runtime.KeepAlive(r)
	}
}

var sink, zero uint64

func BenchmarkHome(b *testing.B) {
	r := register(b)
	b.ReportAllocs()
	n := 0
	for i := range b.N {
		if r.Home(subject.Line(819012345678 + i)) {
			n++
		}
	}
	sink = uint64(n)
}

func BenchmarkSet(b *testing.B) {
	r := register(b)
	b.ReportAllocs()
	for i := range b.N {
		r.Set(nth(i), purpose.Inspect, purpose.OptedOut)
	}
}
