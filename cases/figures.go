package cases

import "math"

// Rate is a share that was counted.
type Rate struct {
	Of int `json:"of"`
	In int `json:"in"`
}

// Value is the share, NaN of nothing.
func (r Rate) Value() float64 { return float64(r.Of) / float64(r.In) }

// Interval is Wilson's score interval at 95%: where the true share is, if what was counted is a sample of it. Package corpus has the same;
// a casebook does not need a package of corpora for five lines.
func (r Rate) Interval() (low, high float64) {
	if r.In == 0 {
		return 0, 1
	}
	const z = 1.959964
	n, p := float64(r.In), r.Value()
	middle := (p + z*z/(2*n)) / (1 + z*z/n)
	half := z / (1 + z*z/n) * math.Sqrt(p*(1-p)/n+z*z/(4*n*n))
	return max(0, middle-half), min(1, middle+half)
}

// Figures say how well warning goes.
type Figures struct {
	Cases       map[State]int `json:"cases"`
	Wrong       Rate          `json:"wrong"`       // of the cases whose owners were warned: those that a person then found wrong
	Relapse     Rate          `json:"relapse"`     // of the cases that had become quiet: those that were found again
	Unreachable Rate          `json:"unreachable"` // of the cases with a notice that was tried and is known how it ended: those that no notice reached
}

// Figure adds up cases and their notices. Cases that were closed count for what they were before.
func Figure(all []*Case, notices []*Notice) Figures {
	f := Figures{Cases: map[State]int{}}
	for _, c := range all {
		f.Cases[c.State]++
		warned, calm := !c.Noticed.IsZero(), false
		relapsed, wrong := false, false
		for _, m := range c.Moves {
			warned = warned || m.To == Noticed
			calm = calm || m.To == Quiet
			relapsed = relapsed || m.To == Relapsed
			wrong = wrong || m.To == Wrong
		}
		f.Wrong.add(warned, wrong)
		f.Relapse.add(calm, relapsed)
	}
	reached := map[string]bool{}
	for _, n := range notices {
		switch {
		case n.State == Receipted:
			reached[n.Case] = true
		case n.State == Failed && !n.Tried.IsZero():
			if !reached[n.Case] { // tried, in vain so far
				reached[n.Case] = false
			}
		}
	}
	for _, yes := range reached {
		f.Unreachable.add(true, !yes)
	}
	return f
}

func (r *Rate) add(in, of bool) {
	if !in {
		return
	}
	r.In++
	if of {
		r.Of++
	}
}
