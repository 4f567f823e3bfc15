package gate

import (
	"math"

	"github.com/sekisho/sekisho/inspect"
	"github.com/sekisho/sekisho/message"
)

// Recorded is a judgement as it was written down: probabilities, and the rules that were met, those in trial among them.
type Recorded struct {
	Route           message.Route
	Decoding        message.Decoding
	PPhishing, PBad float32
	Rules           []*inspect.Rule
}

// Rejudge says what policy p makes of a message that policy by judged, without its text. What the classifier said is worked out
// from the probabilities, less what by's rules added to them; then p's weights, trials and thresholds apply. A probability that was
// written as 1 stands for all that are nearer to 1 than its digits tell, so weights that are taken away from such a message may count for less.
func Rejudge(p, by *Policy, was *Recorded) Judgement {
	ham := min(max(1-float64(was.PBad), 1e-7), 1-1e-7)
	phishing := max(float64(was.PPhishing), 1e-9)
	spam := max(float64(was.PBad)-float64(was.PPhishing), 1e-9)
	r := inspect.Report{}
	for _, rule := range was.Rules {
		r.Findings = append(r.Findings, inspect.Finding{Rule: rule})
	}
	had, _ := logOdds(by, &r, false)
	r.Phishing = float32(math.Log(phishing/ham) - had.phishing)
	r.Spam = float32(math.Log(spam/ham) - had.spam)
	p.leaveOut(&r)
	return Judge(p, was.Route, was.Decoding, &r)
}
