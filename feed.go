package main

import (
	"context"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sekisho/sekisho/console"
	"github.com/sekisho/sekisho/gate"
	"github.com/sekisho/sekisho/inspect"
	"github.com/sekisho/sekisho/message"
	"github.com/sekisho/sekisho/purpose"
	"github.com/sekisho/sekisho/record"
	"github.com/sekisho/sekisho/store"
	"github.com/sekisho/sekisho/subject"
)

// feed hands records on to the stream, and shows them to the pages that look, on their way.
type feed struct {
	to         record.Putter
	watching   atomic.Int32
	mu         sync.Mutex
	watchers   []chan console.Entry
	text       func(from, to subject.Address) string // of simulated texts; nil where they are real
	infections *infections                           // what was stopped is evidence too; nil where nobody looks for infected lines
	seen       *seenCampaigns                        // what people are told of campaigns; nil where nobody asks
	bypassed   func() bool                           // whether stopping is switched off just now
}

func newFeed(to record.Putter) *feed { return &feed{to: to} }

// Put hands a record on, and evidence behind it. A sender whose contract opted out of infection_notice gets the pseudonym of the day.
func (f *feed) Put(r record.Appender, keep bool) bool {
	v, ok := r.(*record.Verdict)
	if !ok {
		return f.to.Put(r, keep)
	}
	if f.watching.Load() > 0 {
		f.show(v)
	}
	f.seen.note(v)
	if f.infections == nil {
		return f.to.Put(r, keep)
	}
	line := v.From.Line()
	v.Daily = line != 0 && f.infections.register.Choice(line, purpose.InfectionNotice) == purpose.OptedOut
	put := f.to.Put(v, keep)
	f.infections.witness(v, f.to)
	return put
}

// Subscribe gives a page what passes, as far as it keeps up.
func (f *feed) Subscribe(ctx context.Context) <-chan console.Entry {
	c := make(chan console.Entry, 256)
	f.mu.Lock()
	f.watchers = append(f.watchers, c)
	f.watching.Add(1)
	f.mu.Unlock()
	context.AfterFunc(ctx, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.watchers = slices.DeleteFunc(f.watchers, func(x chan console.Entry) bool { return x == c })
		f.watching.Add(-1)
		close(c)
	})
	return c
}

func (f *feed) show(v *record.Verdict) {
	if v.Parts > 1 && v.Come < v.Parts && !v.Stopped() {
		return // a part that is on its way before its message is whole: the last one is shown
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	room := slices.ContainsFunc(f.watchers, func(c chan console.Entry) bool { return len(c) < cap(c) })
	if !room {
		return
	}
	e := entry(v)
	// What was delivered all the same may also be a warning that had no room, or a hold that could not be kept.
	e.Bypass = e.Bypass && f.bypassed != nil && f.bypassed()
	if f.text != nil {
		e.Text = f.text(v.From, v.To)
	}
	for _, c := range f.watchers {
		select {
		case c <- e:
		default: // a slow page misses some; the counts do not
		}
	}
}

// entry is a record as the page shows it; nothing in it points into the record, which is used again.
func entry(v *record.Verdict) console.Entry {
	e := console.Entry{
		ID: string([]byte(v.ID)), Time: time.UnixMicro(v.Time), Route: v.Route, Account: v.Account, From: v.From, To: v.To,
		Class: v.Class, PPhishing: v.PPhishing, PBad: v.PBad, Outcome: v.Outcome, Do: v.Done,
		Mode: console.Mode(v.Mode.String()), Unjudged: v.OptedOut || v.Class == message.ClassUnset,
	}
	e.Bypass = e.Do == message.Deliver && v.Mode.Allows(v.Outcome) > message.Deliver
	e.Reasons = explain(v.Class, float64(v.PPhishing), float64(v.PBad), v.Rules, v.About)
	return e
}

// explain is why a message was judged as it was: the rules that were met, what they are about in the same order, and the
// wording, where it says what the rules do not.
func explain(class message.Class, pPhishing, pBad float64, rules []string, about [][]byte) (reasons []console.Reason) {
	weight := 0.0
	for _, name := range rules {
		r := ruleOf(name)
		if r == nil {
			continue
		}
		f := inspect.Finding{Rule: r}
		if class == message.Spam {
			weight += float64(r.Spam)
		} else {
			weight += float64(r.Phishing)
		}
		if len(about) > 0 && r.Tells() {
			f.About, about = about[0], about[1:]
		}
		reasons = append(reasons, console.Reason{Rule: name, Weight: max(r.Phishing, r.Spam),
			Why: [2]string{f.Sentence(inspect.English), f.Sentence(inspect.Japanese)}})
	}
	// What the rules do not explain is the classifier's.
	p := min(max(pPhishing, pBad-pPhishing), 1-1e-6)
	if rest := math.Log(p/(1-p)) - weight; (class == message.Spam || class == message.Phishing) && rest > 0.5 {
		reasons = append(reasons, console.Reason{Rule: "wording", Weight: float32(rest), Why: gate.Wording(class)})
	}
	return reasons
}

var ruleIndex = sync.OnceValue(func() map[string]*inspect.Rule {
	m := make(map[string]*inspect.Rule)
	for _, r := range append(rules(), gate.Rules...) {
		m[r.Name] = r
	}
	return m
})

func ruleOf(name string) *inspect.Rule { return ruleIndex()[name] }

// minutes are the kept figures.
type minutes struct{ store *store.Store }

// Minutes gives the last n minutes, the oldest first.
func (m minutes) Minutes(ctx context.Context, n int) ([]console.Minute, error) {
	now := time.Now()
	rows, err := m.store.PerMinute(ctx, now.Add(-time.Duration(n)*time.Minute).UnixMicro(), now.UnixMicro())
	if err != nil {
		return nil, err
	}
	var all []console.Minute
	for _, r := range rows {
		start := time.UnixMicro(r.Minute)
		if len(all) == 0 || !all[len(all)-1].Start.Equal(start) {
			all = append(all, console.Minute{Start: start})
		}
		route, err1 := message.ParseRoute(r.Route)
		outcome, err2 := message.ParseOutcome(r.Outcome)
		if err1 == nil && err2 == nil {
			all[len(all)-1].Totals[route][outcome] += uint64(r.N)
		}
	}
	return all, nil
}

// health tells the page how the program is.
type health struct{ p *program }

// Status gathers it; nothing in it waits.
func (h health) Status() console.Status {
	p := h.p
	s := console.Status{Totals: console.Totals(p.gate.Totals()), Mode: console.Mode(p.mode())}
	byHand, byItself := p.gate.Bypass()
	s.Bypass, s.BypassItself = byHand || byItself, byItself && !byHand
	p.mu.Lock()
	if byHand {
		s.BypassSince = p.bypass
	}
	if len(p.delays) > 0 {
		now := p.gate.Delays()
		s.Judging = console.Delay{P50: now.Percentile(0.5, p.delays[0]), P99: now.Percentile(0.99, p.delays[0])}
	}
	p.mu.Unlock()
	s.Queues = []console.Queue{{Name: "records", Len: p.queue.Waiting(), Cap: p.queue.Room()}}
	if p.smpp != nil {
		for _, u := range p.smpp.Upstreams() {
			s.Binds = append(s.Binds, console.Bind{Name: u.Name, Upstream: true, Up: u.Bound, Want: u.Wanted})
		}
		for _, name := range p.smpp.AccountNames() {
			s.Binds = append(s.Binds, console.Bind{Name: name, Up: p.smpp.Sessions()[name]})
		}
	}
	return s
}

// mode is the one mode that is in force, or that several are.
func (p *program) mode() string {
	policy := p.gate.Policy()
	modes := map[message.Mode]bool{}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, a := range p.cfg.SMPP.Accounts {
		modes[policy.ModeFor(a.Mode, a.Route)] = true
	}
	if len(modes) == 0 {
		modes[policy.Mode] = true
	}
	if len(modes) > 1 {
		return string(console.Mixed)
	}
	for m := range modes {
		return m.String()
	}
	return ""
}
