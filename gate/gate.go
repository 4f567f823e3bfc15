// Package gate is the one path that every message takes, whatever door it came by: purpose is asked for
// each recipient, the message is inspected once, each recipient is judged. It does no I/O, waits for
// nothing and returns no error: a check that failed is a finding, and policy says what follows.
package gate

import (
	"context"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sekisho/sekisho/detect"
	"github.com/sekisho/sekisho/inspect"
	"github.com/sekisho/sekisho/message"
	"github.com/sekisho/sekisho/purpose"
	"github.com/sekisho/sekisho/rule"
	"github.com/sekisho/sekisho/subject"
)

// Verdict is what is judged of a message for one recipient.
type Verdict struct {
	To subject.Address
	Judgement
	Do      message.Outcome // what the door is to do: Outcome within mode and bypass; unset: its fail policy
	Mode    message.Mode
	Skipped Skipped // why it was not judged, if it was not
	// Reasons are the findings that led here, of rules that act and of those in trial; they point into the
	// Verdicts' report. Empty where Skipped.
	Reasons []inspect.Finding
}

// Skipped says why a message was not judged.
type Skipped uint8

const (
	Judged     Skipped = iota // it was
	OptedOut                  // the recipient's contract refused: nothing of it was looked at for him
	NoGround                  // the policy names no ground to look at it
	Exempted                  // sender or recipient is on the exempt list
	Overloaded                // judging fell behind and is bypassed
	NoText                    // binary: there is nothing to read
)

func (s Skipped) String() string {
	return [...]string{"", "opted-out", "no-ground", "exempt", "overload", "binary"}[s]
}

// Verdicts is what Pass fills; a door keeps one for each session and uses it again.
type Verdicts struct {
	Each     []Verdict // in the order of Message.To
	Report   inspect.Report
	Campaign uint64     // of texts of this wording, as package detect follows it; otherwise the text's family; 0: too little wording
	counts   [2][8]byte // what findings about a count are about
	work     rule.Work
	about    detect.About // what findings about a campaign are about
}

// Inspector looks at one message (package inspect has the one we use). It reports whether the grant let it.
type Inspector interface {
	Inspect(g purpose.Grant, m *message.Message, r *inspect.Report) bool
}

// Config is what a gate is made of.
type Config struct {
	Inspector Inspector
	Choices   purpose.Chooser
	Policy    *Policy
	Campaigns *detect.Campaigns // nil follows none
	Domains   *detect.Domains   // nil knows none
	Senders   int               // how many senders are counted at once; 0: 1,048,576 (24 octets each)
	Now       func() time.Time  // nil: the wall clock; replay has its own
	Metrics   prometheus.Registerer
}

// Gate judges messages. Its methods may be called from any goroutine.
type Gate struct {
	inspector Inspector
	choices   atomic.Value // of chooser
	policy    atomic.Pointer[Policy]
	rates     *rates
	campaigns *detect.Campaigns
	domains   *detect.Domains
	now       func() time.Time
	bypass    atomic.Bool
	overload  overload
	metrics   metrics
}

// New makes a gate.
func New(c Config) *Gate {
	if c.Senders <= 0 {
		c.Senders = 1 << 20
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	g := &Gate{inspector: c.Inspector, rates: newRates(c.Senders), campaigns: c.Campaigns, domains: c.Domains, now: c.Now}
	g.policy.Store(c.Policy)
	g.SetChoices(c.Choices)
	g.metrics.register(c.Metrics, g)
	return g
}

// Policy is the policy in force.
func (g *Gate) Policy() *Policy { return g.policy.Load() }

// SetPolicy puts a policy in force for the next message.
func (g *Gate) SetPolicy(p *Policy) { g.policy.Store(p) }

// chooser is one type for all that may stand in an atomic.Value.
type chooser struct{ purpose.Chooser }

// SetChoices puts a register of choices in force for the next message; nil knows none.
func (g *Gate) SetChoices(c purpose.Chooser) { g.choices.Store(chooser{c}) }

// SetBypass stops all stopping, or ends that. Messages are judged and recorded all the same.
func (g *Gate) SetBypass(on bool) { g.bypass.Store(on) }

// Bypass says whether stopping is off: by hand, and because judging fell behind.
func (g *Gate) Bypass() (byHand, byItself bool) {
	return g.bypass.Load(), g.overload.active(g.now().UnixNano())
}

// Pass judges m for each of its recipients and fills v. It never waits; ctx is for tracing alone.
// Nothing is allocated once v has been used before.
func (g *Gate) Pass(_ context.Context, m *message.Message, v *Verdicts) {
	start := g.now()
	p := g.policy.Load()
	v.Each = v.Each[:0]
	behind := g.overload.behind(p.Overload, m.Time, start)
	v.Campaign = 0
	inspected, first := false, 0 // the first recipient that it may be inspected for
	var campaign detect.Ref
	for i := range m.To {
		v.Each = append(v.Each, Verdict{To: m.To[i], Mode: p.mode(m)})
		w := &v.Each[i]
		grant := g.ask(p, m, w, behind)
		if w.Skipped != Judged {
			w.Outcome, w.Do = message.Deliver, message.Deliver
			if w.Skipped == Overloaded {
				w.Outcome, w.Do = message.OutcomeUnset, message.OutcomeUnset // the door's fail policy says
			}
			g.metrics.count(m, w)
			continue
		}
		if !inspected { // once, for the first recipient that it may be inspected for
			inspected, first = true, i
			g.inspector.Inspect(grant, m, &v.Report)
			g.rate(p, m, start, v)
			campaign = g.stream(grant, p, m, start, v)
			if v.Campaign = campaign.ID(); v.Campaign == 0 {
				v.Campaign = v.Report.Folded.Family
			}
			p.Own.Meet(m, &v.Report, &v.work)
			p.leaveOut(&v.Report)
		}
		w.Judgement = Judge(p, m.Route, m.Decoding, &v.Report)
		w.Reasons = v.Report.Findings
		if g.campaigns != nil && i == first {
			g.campaigns.Judged(campaign, w.Class, w.Outcome.Stopped())
		}
		if g.domains != nil && i == first {
			g.domains.Judged(&v.Report, w.Outcome.Stopped(), start)
		}
		w.Do = w.Mode.Allows(w.Outcome)
		if g.bypass.Load() {
			w.Do = message.Deliver
		}
		g.metrics.count(m, w)
	}
	g.metrics.took(g.now().Sub(start))
}

// ask says by whose leave the message is looked at for one recipient, or why it is not.
func (g *Gate) ask(p *Policy, m *message.Message, w *Verdict, behind bool) purpose.Grant {
	switch {
	case p.Exempt(m.From, w.To):
		w.Skipped = Exempted
	case m.Decoding == message.Binary:
		w.Skipped = NoText
	case behind:
		w.Skipped = Overloaded
	default:
		grant, err := purpose.Ask(&p.Purposes, purpose.Inspect, w.To.Line(), g.choices.Load().(chooser).Chooser)
		switch err {
		case nil:
			return grant
		case purpose.ErrNoGround:
			w.Skipped = NoGround
		default:
			w.Skipped = OptedOut
		}
	}
	return purpose.Grant{}
}

// suspicious is the probability of fraud from which on a text is followed although it has neither link nor number.
const suspicious = 0.5

// stream asks what texts before this one tell of it. It comes before policy leaves rules out: campaigns and domains go by what
// the text is, whatever policy makes of it.
func (g *Gate) stream(grant purpose.Grant, p *Policy, m *message.Message, now time.Time, v *Verdicts) (c detect.Ref) {
	r := &v.Report
	if m.Time.IsZero() { // it stands in no stream
		return c
	}
	if g.domains != nil {
		g.domains.Meet(grant, m, r, now)
	}
	if g.campaigns != nil {
		j, _ := judge(p, m.Route, m.Decoding, r, false)
		c = g.campaigns.Meet(grant, m, r, j.PBad >= suspicious, now, &v.about)
	}
	return c
}

// rate counts the sender's texts that want something of their reader, and finds what is too much. Parts of
// a long text are counted once, when it is whole.
func (g *Gate) rate(p *Policy, m *message.Message, now time.Time, v *Verdicts) {
	r := &v.Report
	if m.Route >= message.Routes || m.From.IsZero() || m.Time.IsZero() || !m.Whole() || len(r.Folded.Links)+len(r.Folded.Numbers) == 0 {
		return
	}
	limit := p.Rates[m.Route]
	if limit.PerMinute == 0 && limit.PerHour == 0 {
		return
	}
	minute, hour := g.rates.add(m.From, now.Unix())
	if limit.PerMinute > 0 && minute > limit.PerMinute {
		v.count(0, ruleMinute, minute)
	}
	if limit.PerHour > 0 && hour > limit.PerHour {
		v.count(1, ruleHour, hour)
	}
}

// count adds a finding that is about a count.
func (v *Verdicts) count(at int, rule *inspect.Rule, n int) {
	v.Report.Findings = append(v.Report.Findings, inspect.Finding{Rule: rule, About: strconv.AppendInt(v.counts[at][:0], int64(n), 10)})
}

// overload notices that judging falls behind: messages that waited longer than policy allows, or a goroutine that
// was due and did not run, for half a second on end. It lasts at least as long as policy says and until
// messages come in time again.
type overload struct {
	since atomic.Int64 // unix nanoseconds of the first of the late messages; 0: the last one was in time
	until atomic.Int64 // bypassed until then
}

// Watch looks for what no message shows: a machine so busy that messages are not even read. It is due every few
// milliseconds, and how late it runs is how late whoever reads messages runs. It ends with ctx.
func (g *Gate) Watch(ctx context.Context) {
	const step = 20 * time.Millisecond
	t := time.NewTimer(step)
	defer t.Stop()
	for {
		due := g.now().Add(step)
		t.Reset(step)
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		if now := g.now(); now.After(due.Add(step)) { // a little late is nothing: messages say so themselves
			g.overload.behind(g.policy.Load().Overload, due, now)
		}
	}
}

const sustained = 500 * time.Millisecond

func (o *overload) active(now int64) bool { return now < o.until.Load() }

func (o *overload) behind(p Overload, came, now time.Time) bool {
	if p.Delay <= 0 || came.IsZero() {
		return false
	}
	n := now.UnixNano()
	if now.Sub(came) <= p.Delay {
		if o.since.Load() != 0 {
			o.since.Store(0)
		}
		return o.active(n)
	}
	since := o.since.Load()
	if since == 0 {
		o.since.CompareAndSwap(0, n)
	} else if n-since > int64(sustained) {
		o.until.Store(n + int64(p.For))
	}
	return o.active(n)
}
