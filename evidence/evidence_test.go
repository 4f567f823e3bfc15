package evidence

import (
	"strings"
	"testing"

	"github.com/sekisho/sekisho/purpose"
	"github.com/sekisho/sekisho/subject"
)

const (
	line     = subject.Line(819000000001)
	contract = subject.Contract(line)
	minute   = int64(60e6)
)

func grant(t *testing.T, p purpose.Purpose) purpose.Grant {
	t.Helper()
	policy := purpose.Policy{}
	policy[p] = purpose.Statute
	g, err := purpose.Ask(&policy, p, line, yes{})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

type yes struct{}

func (yes) Choice(subject.Line, purpose.Purpose) purpose.Choice { return purpose.Unknown }

func TestNoItemWithoutGrant(t *testing.T) {
	f := Fact{Kind: Stopped, Line: line, Contract: contract}
	for p := purpose.Inspect; p < purpose.Count; p++ {
		if _, ok := New(grant(t, p), f); ok != (p == purpose.InfectionNotice) {
			t.Errorf("%v: %v", p, ok)
		}
	}
	if _, ok := New(purpose.Grant{}, f); ok {
		t.Error("without any grant")
	}
	for _, f := range []Fact{{}, {Kind: Stopped, Line: line}, {Kind: Stopped, Contract: contract}, {Kind: kinds, Line: line, Contract: contract}} {
		if _, ok := New(grant(t, purpose.InfectionNotice), f); ok {
			t.Errorf("%+v is an item", f)
		}
	}
	var s Standing
	s.Add(Item{})
	if s != (Standing{}) {
		t.Error("the zero item did something")
	}
}

// A way of sending, and whether the line is suspect after it.
func TestWeigh(t *testing.T) {
	g := grant(t, purpose.InfectionNotice)
	known := Wave{Senders: 64, Links: 20}
	alone := Wave{Senders: 1, Links: 3}
	for _, x := range []struct {
		name  string
		texts int
		fact  func(i int, f *Fact)
		wave  Wave
		also  []Fact
		want  bool
	}{
		{"malware of a known campaign, ever new links", 6, func(i int, f *Fact) { f.Link = uint64(i + 1) }, known, nil, true},
		{"the same at six an hour", 6, func(i int, f *Fact) { f.Link, f.Time = uint64(i+1), int64(i)*10*minute }, known, nil, true},
		{"the same, of which nobody else is known", 9, func(i int, f *Fact) { f.Link, f.Domain = uint64(i+1), uint64(i+1) }, alone, nil, true},
		{"a phone that sends the same link for hours", 110, func(i int, f *Fact) { f.Time = int64(i) * 5 * minute }, known, nil, true},
		{"forwarded to twelve relatives", 12, nil, known, nil, false},
		{"forwarded to forty parents at once", 40, nil, known, nil, false},
		{"two scams, forwarded to twenty people each", 40, func(i int, f *Fact) { f.Link, f.Time = uint64(i/20+1), f.Time+int64(i/20)*60*minute }, known, nil, false},
		{"hosts that change every hour, shared by many phones", 24, func(i int, f *Fact) { f.Time, f.Link = int64(i)*6*minute, uint64(i/10+1) }, known, nil, true},
		{"one text of many clubs, with the site of each", 90, nil, Wave{Senders: 64, Links: 64}, nil, false},
		{"forwarded to three, four times, different ones", 12, func(i int, f *Fact) { f.Party, f.Link = uint64(i%3+1)<<32, uint64(i/3+1) }, known, nil, false},
		{"quoted, to ask whether it is real", 30, func(i int, f *Fact) { f.Quoted, f.Link = true, uint64(i+1) }, known, nil, false},
		{"one text of a club to ninety", 90, func(i int, f *Fact) { f.Sure = false }, alone, nil, false},
		{"a shop, the same site for ten days", 300, func(i int, f *Fact) { f.Time, f.Sure = int64(i)*48*minute, false }, alone, nil, false},
		{"one short link for each of ninety members", 90, func(i int, f *Fact) { f.Link, f.Sure = uint64(i+1), false }, alone, nil, false},
		{"one text stopped by mistake", 1, nil, known, nil, false},
		{"a hundred reports and nothing else", 0, nil, known, reports(100), false},
		{"a hundred reports and one text stopped by mistake", 1, nil, alone, reports(100), false},
		{"a hundred reports and a forwarder", 12, nil, known, reports(100), false},
		{"three reports and four texts with new links", 5, func(i int, f *Fact) { f.Link = uint64(min(i, 3) + 1) }, known, reports(3), true},
	} {
		var s Standing
		for i := range x.texts {
			f := Fact{Kind: Stopped, Time: int64(i) * minute / 6, Line: line, Contract: contract, Campaign: 7, Domain: 1, Link: 1, Party: uint64(i+1) << 32, Sure: true}
			if x.fact != nil {
				x.fact(i, &f)
			}
			it, _ := New(g, f)
			s.Add(it)
		}
		for _, f := range x.also {
			it, _ := New(g, f)
			s.Add(it)
		}
		sc := Weigh(&s, func(uint64) Wave { return x.wave }, true)
		if sc.Suspect != x.want {
			t.Errorf("%s: %.1f points, %+v", x.name, sc.Points, sc.Reasons)
		}
		for _, r := range sc.Reasons {
			if r.Why[0] == "" || r.Why[1] == "" || strings.Contains(r.Why[0]+r.Why[1], "%!") {
				t.Errorf("%s: %+v", x.name, r)
			}
		}
	}
}

func reports(n int) (all []Fact) {
	for i := range n {
		all = append(all, Fact{Kind: Reported, Line: line, Contract: contract, Party: uint64(i+1) << 32, Weight: 1})
	}
	return all
}

func TestFades(t *testing.T) {
	g := grant(t, purpose.InfectionNotice)
	var s Standing
	add := func(at int64, link uint64) float64 {
		it, _ := New(g, Fact{Kind: Stopped, Time: at, Line: line, Contract: contract, Campaign: 7, Domain: link, Link: link, Party: link << 32, Sure: true})
		s.Add(it)
		return Weigh(&s, func(uint64) Wave { return Wave{Senders: 50, Links: 50} }, false).Points
	}
	first := add(0, 1)
	if after := add(halfLife, 2); after < first*1.49 || after > first*1.51 {
		t.Errorf("%.2f points, then %.2f two weeks later", first, after)
	}
	it, _ := New(g, Fact{Kind: Stopped, Line: line, Contract: contract + 1, Campaign: 7, Link: 9, Party: 9 << 32})
	s.Add(it)
	if s.Stopped != 2 {
		t.Error("what another contract did counts")
	}
}

func TestAppendStanding(t *testing.T) {
	g := grant(t, purpose.InfectionNotice)
	var s Standing
	for i := range 40 {
		it, _ := New(g, Fact{Kind: 1 + Kind(i%3), Time: int64(i) * minute, Line: line, Contract: contract, Campaign: uint64(i % 6), Domain: uint64(i), Link: uint64(i + 1), Party: uint64(i+1) << 32, Weight: 0.5, Quoted: i%7 == 0})
		s.Add(it)
		b := s.Append(nil)
		got, err := ReadStanding(b)
		if err != nil || got != s {
			t.Fatalf("%v\n%+v\n%+v", err, got, s)
		}
		for _, bad := range [][]byte{nil, b[:len(b)-1], append(b, 0), append([]byte{9}, b[1:]...)} {
			if _, err := ReadStanding(bad); err == nil {
				t.Fatal("a standing that is none was read")
			}
		}
	}
}

func FuzzReadStanding(f *testing.F) {
	s := Standing{Line: line, Contract: contract}
	f.Add(s.Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := ReadStanding(b); err == nil {
			again, err := ReadStanding(s.Append(nil))
			if err != nil || again.Contract != s.Contract {
				t.Fatal(err)
			}
			Weigh(&s, func(uint64) Wave { return Wave{Senders: 9, Links: 9} }, true)
		}
	})
}
