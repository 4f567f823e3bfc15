package corpus

import (
	"cmp"
	"math"
	"slices"

	"github.com/sekisho/sekisho/message"
)

// Slice is how many messages of one label and one language, or of one kind, were stopped.
type Slice struct {
	Label   message.Class
	Name    string
	Stopped Rate
}

type slice struct {
	label message.Class
	name  string
}

func (t *Tally) slice(by int, name string, j *Judged) {
	if name == "" {
		return
	}
	if t.slices[by] == nil {
		t.slices[by] = map[slice]*Rate{}
	}
	count(t.slices[by], slice{j.Label, name}, j.Stopped)
}

func count[K comparable](m map[K]*Rate, k K, stopped bool) {
	r := m[k]
	if r == nil {
		r = &Rate{}
		m[k] = r
	}
	r.Add(stopped)
}

func (t *Tally) sliced(by int) (out []Slice) {
	for k, r := range t.slices[by] {
		out = append(out, Slice{k.label, k.name, *r})
	}
	slices.SortFunc(out, func(a, b Slice) int { return cmp.Or(cmp.Compare(a.Label, b.Label), cmp.Compare(a.Name, b.Name)) })
	return out
}

type groupKey struct {
	label message.Class
	group int
}

func (t *Tally) group(j *Judged) {
	if j.Group == 0 {
		return
	}
	if t.groups == nil {
		t.groups = map[groupKey]*Rate{}
	}
	count(t.groups, groupKey{j.Label, j.Group}, j.Stopped)
}

// GroupRate is the share stopped where every group of near-duplicates counts once, by the share of its own that was
// stopped: a text that stands in a set a thousand times says no more than one that stands there once.
type GroupRate struct {
	Groups             int
	Stopped, Low, High float64 // the mean over groups, and its normal 95 % interval by their spread
}

func (t *Tally) grouped() map[string]GroupRate {
	if len(t.groups) == 0 {
		return nil
	}
	var shares [message.Classes][]float64
	for k, r := range t.groups {
		shares[k.label] = append(shares[k.label], r.Value())
	}
	out := map[string]GroupRate{}
	for label, s := range shares {
		if len(s) == 0 {
			continue
		}
		slices.Sort(s) // added up in one order, so that the last digit is always the same
		var sum, squares float64
		for _, v := range s {
			sum += v
			squares += v * v
		}
		n := float64(len(s))
		g := GroupRate{Groups: len(s), Stopped: sum / n}
		half := 1.959964 * math.Sqrt(max(0, squares/n-g.Stopped*g.Stopped)/n)
		g.Low, g.High = max(0, g.Stopped-half), min(1, g.Stopped+half)
		if half == 0 { // all alike: the spread says nothing, so count groups as coins
			g.Low, g.High = Rate{int(math.Round(sum)), len(s)}.Interval()
		}
		out[message.Class(label).String()] = g
	}
	return out
}

// reliabilityBins are by log-odds, two nats each: near 0 and 1, where thresholds stand, probabilities tell nothing apart.
const reliabilityBins = 12

// Bin holds messages whose probability lay within bounds: calibrated, as many of them are bad as it says.
type Bin struct {
	Low, High float64 // of the probability
	Mean      float64 // of the probabilities that were told
	Ham, Bad  int
}

func (t *Tally) bin(p float32, bad bool) {
	q := min(max(float64(p), 1e-7), 1-1e-7)
	i := min(max(int(math.Floor(math.Log(q/(1-q))/2))+reliabilityBins/2, 0), reliabilityBins-1)
	b := &t.bins[i]
	edge := func(i int) float64 { return 1 / (1 + math.Exp(-2*float64(i-reliabilityBins/2))) }
	b.Low, b.High = edge(i), edge(i+1)
	if i == 0 {
		b.Low = 0
	} else if i == reliabilityBins-1 {
		b.High = 1
	}
	n := float64(b.Ham + b.Bad)
	b.Mean += (float64(p) - b.Mean) / (n + 1)
	if bad {
		b.Bad++
	} else {
		b.Ham++
	}
}

// Share is how many of the bin are bad, where the set's own share of bad ones is replaced by base (0 leaves it): the odds
// are moved by as much as the base rate's are.
func (b Bin) Share(ham, bad int, base float64) float64 {
	h, w := float64(b.Ham), float64(b.Bad)
	if base > 0 && ham > 0 && bad > 0 {
		h *= (1 - base) / float64(ham)
		w *= base / float64(bad)
	}
	if h+w == 0 {
		return math.NaN()
	}
	return w / (h + w)
}

// Rebase tells a probability told at one base rate at another.
func Rebase(p, from, to float64) float64 {
	odds := p / (1 - p) * (1 - from) / from * to / (1 - to)
	if math.IsInf(odds, 1) {
		return 1
	}
	return odds / (1 + odds)
}

// curve is the recall at a hundred false positive rates, evenly spaced on a logarithmic scale down to one honest message.
func (t *Tally) curve() []Point {
	if len(t.ham) == 0 || len(t.bad) == 0 {
		return nil
	}
	var fprs []float64
	low := math.Log10(1 / float64(len(t.ham)))
	for i := range 101 {
		fprs = append(fprs, math.Pow(10, low*(1-float64(i)/100)))
	}
	return t.points(fprs)
}
