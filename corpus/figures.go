package corpus

import (
	"encoding/json"
	"math"
	"slices"
	"strings"

	"github.com/sekisho/sekisho/message"
)

// Judged is a labelled message and what was judged of it.
type Judged struct {
	Label     message.Class // what it is
	Class     message.Class // what it was taken for
	PPhishing float32
	PBad      float32 // the probability of phishing or spam
	Stopped   bool    // held or blocked
	Lang      string  // its language, "" where nobody said
	Kind      string  // what it is about, "" where nobody said
	Group     int     // of near-duplicates, from 1; 0 where nobody looked
}

// Tally counts how well messages were judged. It keeps some tens of octets of each.
type Tally struct {
	// Phishing alone counts as what is to be stopped, and messages are ranked by PPhishing. Otherwise spam
	// and phishing count, and messages are ranked by PBad.
	Phishing bool

	n         int
	confusion [message.Classes][message.Classes]int // by label, class
	bad, ham  []float32                             // what they are ranked by
	stopped   [message.Classes]int                  // by label
	slices    [2]map[slice]*Rate                    // stopped, by label and language, by label and kind
	groups    map[groupKey]*Rate                    // stopped, by label and group of near-duplicates
	bins      [reliabilityBins]Bin
}

// Add counts one message; one without a label is passed over.
func (t *Tally) Add(j Judged) {
	if j.Label == message.ClassUnset || j.Label >= message.Classes || j.Class >= message.Classes {
		return
	}
	t.n++
	t.confusion[j.Label][j.Class]++
	if j.Stopped {
		t.stopped[j.Label]++
	}
	t.slice(0, j.Lang, &j)
	t.slice(1, j.Kind, &j)
	t.group(&j)
	score := j.PBad
	if t.Phishing {
		score = j.PPhishing
	}
	switch {
	case j.Label == message.Ham:
		t.ham = append(t.ham, score)
	case j.Label == message.Phishing || !t.Phishing:
		t.bad = append(t.bad, score)
	}
	t.bin(score, j.Label == message.Phishing || j.Label == message.Spam && !t.Phishing)
}

// Rate is a share that was counted.
type Rate struct{ Of, In int }

// Add counts one more.
func (r *Rate) Add(yes bool) {
	r.In++
	if yes {
		r.Of++
	}
}

// Value is the share, NaN of nothing.
func (r Rate) Value() float64 { return float64(r.Of) / float64(r.In) }

// Interval is Wilson's score interval at 95%: where the true share is, if what was counted is a sample of it.
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

// Point is the recall that a threshold would give under which at most FPR of the honest messages are stopped.
type Point struct {
	FPR        float64
	Recall     Rate
	Threshold  float64
	Measurable bool // FPR is at least 3/n of the n honest messages: fewer could not show it
}

// Figures are what eval prints.
type Figures struct {
	N                         int
	Recall, Precision, HamFPR Rate // of what was stopped
	PhishingRecall            Rate // of the class phishing
	PhishingPrecision         Rate
	Confusion                 map[string]map[string]int // by label, then by what it was taken for
	Points                    []Point
	Curve                     []Point // what every threshold would give, for a plot
	Languages, Kinds          []Slice // of what was stopped
	Groups                    map[string]GroupRate
	Bins                      []Bin
	Seconds                   float64
}

// Figures adds up what was counted; seconds is how long judging took.
func (t *Tally) Figures(seconds float64) *Figures {
	f := &Figures{N: t.n, Seconds: seconds, Confusion: map[string]map[string]int{}}
	wanted := t.stopped[message.Phishing]
	if !t.Phishing {
		wanted += t.stopped[message.Spam]
	}
	all := t.stopped[message.Ham] + t.stopped[message.Spam] + t.stopped[message.Phishing]
	f.Recall, f.Precision = Rate{wanted, len(t.bad)}, Rate{wanted, all}
	f.HamFPR = Rate{t.stopped[message.Ham], len(t.ham)}
	right := t.confusion[message.Phishing][message.Phishing]
	is, taken := 0, 0
	for _, label := range []message.Class{message.Ham, message.Spam, message.Phishing} {
		is += t.confusion[message.Phishing][label]
		taken += t.confusion[label][message.Phishing]
		row := map[string]int{}
		for _, class := range []message.Class{message.Ham, message.Spam, message.Phishing} {
			row[class.String()] = t.confusion[label][class]
		}
		f.Confusion[label.String()] = row
	}
	f.PhishingRecall, f.PhishingPrecision = Rate{right, is}, Rate{right, taken}
	f.Points = t.points([]float64{0.0001, 0.001, 0.01})
	f.Curve = t.curve()
	f.Languages, f.Kinds = t.sliced(0), t.sliced(1)
	f.Groups = t.grouped()
	for _, b := range t.bins {
		if b.Ham+b.Bad > 0 {
			f.Bins = append(f.Bins, b)
		}
	}
	return f
}

var fprNames = []string{"0.0001", "0.001", "0.01"}

func (t *Tally) points(fprs []float64) (out []Point) {
	ham, bad := slices.Clone(t.ham), slices.Clone(t.bad)
	slices.Sort(ham)
	slices.Sort(bad)
	for _, fpr := range fprs {
		p := Point{FPR: fpr, Measurable: fpr*float64(len(ham)) >= 3, Recall: Rate{0, len(bad)}}
		if len(ham) > 0 {
			over := min(int(fpr*float64(len(ham))), len(ham)-1)
			threshold := ham[len(ham)-1-over]
			above, _ := slices.BinarySearchFunc(bad, threshold, func(s, t float32) int {
				if s > t {
					return 1
				}
				return -1
			})
			p.Recall.Of, p.Threshold = len(bad)-above, float64(threshold)
		}
		out = append(out, p)
	}
	return out
}

// MarshalJSON writes the figures as the manual of eval describes them: a rate is a number, null of nothing, and
// its interval stands beside it.
func (f *Figures) MarshalJSON() ([]byte, error) {
	rates := func(pairs ...any) map[string]any {
		m := map[string]any{}
		for i := 0; i < len(pairs); i += 2 {
			name, r := pairs[i].(string), pairs[i+1].(Rate)
			m[name] = nil
			if r.In > 0 {
				m[name], m[name+"_interval"], m[name+"_of"] = r.Value(), interval(r), [2]int{r.Of, r.In}
			}
		}
		return m
	}
	at, intervals := map[string]any{}, map[string]any{}
	for i, p := range f.Points {
		at[fprNames[i]] = "not measurable"
		if p.Measurable && p.Recall.In > 0 {
			at[fprNames[i]], intervals[fprNames[i]] = p.Recall.Value(), interval(p.Recall)
		}
	}
	speed := 0.0
	if f.Seconds > 0 {
		speed = float64(f.N) / f.Seconds
	}
	out := map[string]any{
		"n":                      f.N,
		"stopped":                rates("recall", f.Recall, "precision", f.Precision, "ham_fpr", f.HamFPR),
		"phishing":               rates("recall", f.PhishingRecall, "precision", f.PhishingPrecision),
		"confusion":              f.Confusion,
		"recall_at_fpr":          at,
		"recall_at_fpr_interval": intervals,
		"messages_per_second":    speed,
		"reliability":            f.Bins,
	}
	for name, list := range map[string][]Slice{"by_language": f.Languages, "by_kind": f.Kinds} {
		if len(list) > 0 {
			slice := map[string]any{}
			for _, s := range list {
				slice[strings.TrimSpace(s.Label.String()+" "+s.Name)] = rates("stopped", s.Stopped)
			}
			out[name] = slice
		}
	}
	if len(f.Groups) > 0 {
		groups := map[string]any{}
		for label, g := range f.Groups {
			groups[label] = map[string]any{"groups": g.Groups, "stopped": g.Stopped, "stopped_interval": [2]float64{g.Low, g.High}}
		}
		out["by_group"] = groups
	}
	return json.Marshal(out)
}

func interval(r Rate) [2]float64 {
	low, high := r.Interval()
	return [2]float64{low, high}
}
