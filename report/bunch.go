package report

import (
	"encoding/binary"
	"math"
	"slices"
	"time"
)

// State is where a bunch stands.
type State string

const (
	New     State = "new"     // nobody has decided
	IsFraud State = "fraud"   // by thresholds or by a person: what it teaches goes out
	IsFair  State = "honest"  // by a person: those who called it fraud were wrong
	Refused State = "refused" // by a person: it says nothing to us; it teaches nothing, and nobody was right or wrong
)

// Name is how people call a bunch: "rp-" and 14 letters, so that nobody takes it for a telephone number.
func Name(bunch uint64) string {
	var b [14]byte
	for i := len(b) - 1; i >= 0; i-- {
		b[i] = 'a' + byte(bunch%26)
		bunch /= 26
	}
	return "rp-" + string(b[:])
}

// ParseName reads what Name wrote.
func ParseName(s string) (bunch uint64, ok bool) {
	if len(s) != 17 || s[:3] != "rp-" {
		return 0, false
	}
	for _, c := range []byte(s[3:]) {
		if c < 'a' || c > 'z' {
			return 0, false
		}
		bunch = bunch*26 + uint64(c-'a')
	}
	return bunch, Name(bunch) == s
}

// ParseState reads new, fraud, honest or refused.
func ParseState(s string) (State, bool) {
	st := State(s)
	return st, st == New || st == IsFraud || st == IsFair || st == Refused
}

// Bunch is the reports of one text, whatever its links and names; or of one caller, or of one page, where there is no text.
type Bunch struct {
	ID        uint64
	State     State
	Medium    Medium
	First     time.Time // reports
	Last      time.Time
	Reports   uint32
	Reporters uint32  // distinct ones
	Honest    uint32  // reports that say it is honest
	Weight    float64 // of independent voices, see Weigh
	Herd      uint32  // voices that were taken for one
	PBad      float64 // probability of fraud or spam, by the filter
	Campaign  uint64  // of the stream of messages; 0: none
	By        string  // who decided: a person, or "policy"
	Why       string
	Seen
}

// Seen is what the reports of a bunch name; it is kept sealed.
type Seen struct {
	Text    string    `json:"text"` // of the first
	Subject string    `json:"subject,omitempty"`
	Lure    string    `json:"lure,omitempty"`
	Links   []Counted `json:"links,omitempty"`
	Numbers []Counted `json:"numbers,omitempty"` // to call, in the text
	Senders []Counted `json:"senders,omitempty"` // whom reporters named: sender IDs and short codes; no lines
	Files   []Counted `json:"files,omitempty"`
	Family  uint64    `json:"family,omitempty"` // of the first text
}

// Counted is something that reports name, and by how many.
type Counted struct {
	Value string `json:"value"`
	N     uint32 `json:"n"`
}

// MaxSeen bounds each list of a Seen: the first so many are kept.
const MaxSeen = 64

// Count counts a value in a list.
func Count(list []Counted, value string) []Counted {
	if value == "" {
		return list
	}
	if i := slices.IndexFunc(list, func(c Counted) bool { return c.Value == value }); i >= 0 {
		list[i].N++
		return list
	}
	if len(list) < MaxSeen {
		list = append(list, Counted{value, 1})
	}
	return list
}

// Reporter is what is known of who reports, under a pseudonym.
type Reporter struct {
	ID      uint64
	Right   uint32 // reports of his that turned out right
	Wrong   uint32
	Reports uint32
	Last    time.Time
	Recent  []uint64 // the bunches that he reported last, the newest at the end, at most MaxRecent
}

// MaxRecent is how many bunches of a reporter are remembered.
const MaxRecent = 16

// Reported notes that he reported a bunch, and whether that is new.
func (r *Reporter) Reported(bunch uint64, at time.Time) (first bool) {
	r.Reports++
	if at.After(r.Last) {
		r.Last = at
	}
	if slices.Contains(r.Recent, bunch) {
		return false
	}
	if len(r.Recent) >= MaxRecent {
		r.Recent = r.Recent[:copy(r.Recent, r.Recent[1:])]
	}
	r.Recent = append(r.Recent, bunch)
	return true
}

// Weight is how far he is believed, from 0 to 1: by the rule of succession, a wrong report counting as two. Who is new has one half.
func (r *Reporter) Weight() float64 {
	return (float64(r.Right) + 1) / (float64(r.Right) + 2*float64(r.Wrong) + 2)
}

// Weigh says how much the voices that reported a bunch weigh together, and how many of them were taken for one.
//
// Who has been right before counts by himself, with his weight. Those whose last reports name the very same bunches count as one: accounts of
// one hand report together. Those who have not been right yet count a quarter of their weight each and unproved altogether, since
// a hundred new accounts cost little: without the filter or a reporter with a record, they decide nothing.
//
// herd is how many voices were taken for one, from ten on; unproved how many have not been right yet.
func Weigh(voices []Reporter, bunch uint64) (weight float64, herd, unproved int) {
	type group struct {
		n    int
		best float64
	}
	proved := make(map[string]*group)
	var key []byte
	fresh, freshSum := make(map[string]int), 0.0
	for i := range voices {
		v := &voices[i]
		before := slices.DeleteFunc(slices.Clone(v.Recent), func(b uint64) bool { return b == bunch })
		slices.Sort(before)
		key = key[:0]
		for _, b := range before {
			key = binary.LittleEndian.AppendUint64(key, b)
		}
		if v.Right == 0 {
			fresh[string(key)]++
			unproved++
			freshSum += v.Weight() / 4
			continue
		}
		g := proved[string(key)]
		if g == nil {
			g = &group{}
			proved[string(key)] = g
		}
		g.n++
		g.best = math.Max(g.best, v.Weight())
	}
	most := 0
	for key, g := range proved {
		if len(key) < 16 { // one bunch in common, or none left in memory, is chance
			weight += float64(g.n) * g.best
			continue
		}
		weight += g.best
		most = max(most, g.n)
	}
	for key, n := range fresh {
		if len(key) >= 8 { // without an earlier report there is nothing to tell them by
			most = max(most, n)
		}
	}
	weight += math.Min(freshSum, unprovedMost)
	if most < MinHerd {
		most = 0
	}
	return weight, most, unproved
}

const unprovedMost = 1.0

// MinHerd is from how many voices on it is told that they speak as one.
const MinHerd = 10

// Thresholds say when reports make an indicator without a person.
type Thresholds struct {
	Reporters int     `toml:"reporters"` // distinct ones, at least
	Weight    float64 `toml:"weight"`    // of their voices together, where the filter has no opinion
	PBad      float64 `toml:"p_bad"`     // from this probability on the filter stands beside them, and half the weight does
	Honest    float64 `toml:"honest"`    // share of reports that say it is honest, from which on a person decides
}

// DefaultThresholds are those of a policy that says nothing.
func DefaultThresholds() Thresholds {
	return Thresholds{Reporters: 3, Weight: 2, PBad: 0.9, Honest: 0.2}
}

// Decide says whether a bunch is fraud by its reports, and why; false leaves it to a person.
func (t Thresholds) Decide(b *Bunch) (why string, ok bool) {
	switch {
	case b.State != New || int(b.Reporters) < max(1, t.Reporters):
		return "", false
	case b.Reports > 0 && float64(b.Honest) > t.Honest*float64(b.Reports):
		return "", false
	case b.Weight >= t.Weight:
		return "reporters who were right before", true
	case b.PBad >= t.PBad && b.Weight >= t.Weight/2:
		return "reporters and the filter agree", true
	}
	return "", false
}
