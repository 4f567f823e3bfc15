package gate

import (
	"math"
	"slices"

	"github.com/sekisho/sekisho/inspect"
	"github.com/sekisho/sekisho/message"
)

// Judgement is what follows from the findings of one message.
type Judgement struct {
	Class     message.Class
	PPhishing float32
	PBad      float32
	Outcome   message.Outcome
	// Trial is what the outcome would be if the rules in trial acted; unset where there are none.
	Trial message.Outcome
}

// leaveOut takes the findings of rules that are off out of a report.
func (p *Policy) leaveOut(r *inspect.Report) {
	if !p.off {
		return
	}
	r.Findings = slices.DeleteFunc(r.Findings, func(f inspect.Finding) bool { return p.rules[f.Rule.Name].Off })
}

// Judge says what follows, by this policy, from what was found in a message of a route. It is pure: the
// same report, policy, route and decoding give the same judgement.
func Judge(p *Policy, route message.Route, decoding message.Decoding, r *inspect.Report) Judgement {
	j, trial := judge(p, route, decoding, r, false)
	if trial {
		t, _ := judge(p, route, decoding, r, true)
		j.Trial = t.Outcome
	}
	return j
}

// odds are log-odds against ham, in nats.
type odds struct {
	phishing, spam float64
	certain        bool // a rule that decides alone was met
}

// logOdds adds up what the classifier and the rules say; rules in trial count where acting is set, and are told.
func logOdds(p *Policy, r *inspect.Report, acting bool) (o odds, trial bool) {
	o.phishing, o.spam = float64(r.Phishing), float64(r.Spam)
	for i := range r.Findings {
		rule := r.Findings[i].Rule
		ph, sp := rule.Phishing, rule.Spam
		if set, ok := p.rules[rule.Name]; ok {
			if set.Phishing != nil {
				ph = *set.Phishing
			}
			if set.Spam != nil {
				sp = *set.Spam
			}
			if set.Trial {
				trial = true
				if !acting {
					continue
				}
			}
		}
		o.phishing += float64(ph)
		o.spam += float64(sp)
		o.certain = o.certain || rule.Certain
	}
	return o, trial
}

func judge(p *Policy, route message.Route, decoding message.Decoding, r *inspect.Report, acting bool) (j Judgement, trial bool) {
	o, trial := logOdds(p, r, acting)
	// Softmax over ham (log-odds 0), spam and phishing, kept from overflow by the greatest.
	top := max(0, o.phishing, o.spam)
	eh, es, ep := math.Exp(-top), math.Exp(o.spam-top), math.Exp(o.phishing-top)
	sum := eh + es + ep
	j.PPhishing = float32(ep / sum)
	j.PBad = float32((ep + es) / sum)
	switch top {
	case 0: // ham, which nothing is above
		j.Class = message.Ham
	case o.phishing:
		j.Class = message.Phishing
	default:
		j.Class = message.Spam
	}
	if route >= message.Routes {
		route = message.RouteUnset
	}
	t := &p.Thresholds[route]
	j.Outcome = max(message.Deliver, t.Phishing.outcome(j.PPhishing), t.Bad.outcome(j.PBad), p.Unreadable[decoding])
	if o.certain {
		j.Outcome = max(j.Outcome, p.Certain)
		j.Class = message.Phishing
	}
	return j, trial
}
