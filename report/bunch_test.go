package report

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestWeigh(t *testing.T) {
	now := time.Date(2026, 4, 1, 9, 0, 0, 0, time.UTC)
	voices := func(n int, right, wrong uint32, recent func(i int) []uint64) (all []Reporter) {
		for i := range n {
			r := Reporter{ID: uint64(i + 1), Right: right, Wrong: wrong, Last: now}
			if recent != nil {
				r.Recent = recent(i)
			}
			r.Recent = append(r.Recent, 7)
			all = append(all, r)
		}
		return all
	}
	own := func(i int) []uint64 { return []uint64{uint64(100 + i), uint64(500 + i), uint64(900 + i)} }
	same := func(int) []uint64 { return []uint64{11, 12, 13} }
	for _, c := range []struct {
		name     string
		voices   []Reporter
		min, max float64
		herd     bool
	}{
		{"nobody", nil, 0, 0, false},
		{"three who were right, each by himself", voices(3, 4, 0, own), 2.4, 2.6, false},
		{"a hundred new accounts", voices(100, 0, 0, nil), 1, 1, false},
		{"a hundred accounts that always report together", voices(100, 0, 0, same), 1, 1, true},
		{"a hundred that earned a record together", voices(100, 5, 0, same), 0, 1, true},
		{"who is mostly wrong", voices(3, 1, 9, own), 0, 0.5, false},
		{"one who was right once", voices(1, 1, 0, nil), 0.6, 0.7, false},
	} {
		w, herd, _ := Weigh(c.voices, 7)
		if w < c.min-1e-9 || w > c.max+1e-9 || (herd >= MinHerd) != c.herd {
			t.Errorf("%s: weight %.2f, %d as one", c.name, w, herd)
		}
	}
}

func TestDecide(t *testing.T) {
	d := DefaultThresholds()
	for _, c := range []struct {
		name string
		b    Bunch
		ok   bool
	}{
		{"two reporters", Bunch{State: New, Reports: 2, Reporters: 2, Weight: 2, PBad: 1}, false},
		{"those who were right", Bunch{State: New, Reports: 3, Reporters: 3, Weight: 2.1}, true},
		{"new ones alone", Bunch{State: New, Reports: 100, Reporters: 100, Weight: 1, PBad: 0.3}, false},
		{"new ones and the filter", Bunch{State: New, Reports: 100, Reporters: 100, Weight: 1, PBad: 0.95}, true},
		{"many say that it is honest", Bunch{State: New, Reports: 10, Reporters: 7, Honest: 3, Weight: 5, PBad: 0.95}, false},
		{"decided", Bunch{State: IsFair, Reports: 10, Reporters: 10, Weight: 5, PBad: 0.95}, false},
	} {
		if why, ok := d.Decide(&c.b); ok != c.ok || ok != (why != "") {
			t.Errorf("%s: %v %q", c.name, ok, why)
		}
	}
}

func TestName(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Uint64().Draw(t, "n")
		if got, ok := ParseName(Name(n)); !ok || got != n {
			t.Fatal(n, Name(n), got, ok)
		}
		ParseName(rapid.String().Draw(t, "s"))
	})
	for _, s := range []string{"", "rp-", "rp-zzzzzzzzzzzzzz", "rp-aaaaaaaaaaaaa1"} {
		if _, ok := ParseName(s); ok {
			t.Errorf("%q was read", s)
		}
	}
}

func TestReporter(t *testing.T) {
	var r Reporter
	now := time.Date(2026, 4, 1, 9, 0, 0, 0, time.UTC)
	for i := range 40 {
		if !r.Reported(uint64(i+1), now) || r.Reported(uint64(i+1), now) {
			t.Fatal(i)
		}
	}
	if len(r.Recent) != MaxRecent || r.Recent[0] != 25 || r.Reports != 80 {
		t.Errorf("%+v", r)
	}
	if w := r.Weight(); w != 0.5 {
		t.Error(w)
	}
}
