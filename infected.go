package main

import (
	"cmp"
	"context"
	"crypto/cipher"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/sekisho/sekisho/cases"
	"github.com/sekisho/sekisho/consent"
	"github.com/sekisho/sekisho/detect"
	"github.com/sekisho/sekisho/evidence"
	"github.com/sekisho/sekisho/gate"
	"github.com/sekisho/sekisho/message"
	"github.com/sekisho/sekisho/purpose"
	"github.com/sekisho/sekisho/record"
	"github.com/sekisho/sekisho/store"
	"github.com/sekisho/sekisho/stream"
	"github.com/sekisho/sekisho/subject"
)

// infections hands what was stopped and reported to the detection, each item by leave of the sender's contract. replay and the running
// checkpoint share it.
type infections struct {
	policy   func() *gate.Policy
	register *consent.Register
	party    func(subject.Address) uint64
	found    *detect.Infected
	suspects map[subject.Contract]*suspect // replay's
}

type suspect struct {
	detect.Suspect
	ended time.Time
}

func newInfections(policy func() *gate.Policy, r *consent.Register, party func(subject.Address) uint64) *infections {
	return &infections{policy: policy, register: r, party: party, found: detect.NewInfected(detect.InfectedConfig{}), suspects: map[subject.Contract]*suspect{}}
}

// sureAt is the probability from which on the filter has next to no doubt.
const sureAt = 0.999

// fact is what a verdict is against its sender: a text from a handset that was stopped as fraud.
func (x *infections) fact(v *record.Verdict) (f evidence.Fact, ok bool) {
	line := v.From.Line()
	if line == 0 || v.Route != message.P2P || v.Class != message.Phishing || !v.Outcome.Stopped() {
		return f, false
	}
	f = evidence.Fact{Kind: evidence.Stopped, Time: v.Time, Line: line, Campaign: v.Campaign, Domain: v.Domain, Link: v.Link, Sure: v.PPhishing >= sureAt}
	for _, name := range v.Rules {
		switch name {
		case "quotes-fraud":
			f.Quoted = true
		case "brand-not-its-link", "sender-pretends", "link-known-bad", "number-known-bad", "sender-known-bad":
			f.Sure = true
		}
	}
	return f, true
}

// item asks the sender's contract, and makes an item where it has not refused.
func (x *infections) item(f evidence.Fact) (evidence.Item, bool) {
	g, err := purpose.Ask(&x.policy().Purposes, purpose.InfectionNotice, f.Line, x.register)
	if err != nil {
		return evidence.Item{}, false
	}
	return evidence.New(g, f)
}

// stopped weighs a verdict at once, as replay does.
func (x *infections) stopped(v *record.Verdict) {
	if f, ok := x.fact(v); ok {
		f.Party = x.party(v.To)
		x.add(f)
	}
}

// reported takes in a report that names the line.
func (x *infections) reported(line subject.Line, by subject.Address, at time.Time, weight float32) {
	if by.Line() != line {
		x.add(evidence.Fact{Kind: evidence.Reported, Time: at.UnixMicro(), Line: line, Party: x.party(by), Weight: weight})
	}
}

func (x *infections) add(f evidence.Fact) {
	f.Contract = x.register.Contract(f.Line)
	if it, ok := x.item(f); ok {
		if s, ok := x.found.Add(it); ok {
			x.suspects[s.Contract] = &suspect{Suspect: s}
		}
	}
}

// end ends the case of a contract that ended: it never passes to the line's next holder.
func (x *infections) end(c subject.Contract, at time.Time) {
	x.found.Forget(c)
	if s := x.suspects[c]; s != nil && s.ended.IsZero() {
		s.ended = at
	}
}

// optOut closes the case of a contract that opted out, and destroys its evidence.
func (x *infections) optOut(c subject.Contract) {
	x.found.Forget(c)
	delete(x.suspects, c)
}

// all are the suspects in the order in which they were found.
func (x *infections) all() []*suspect {
	var all []*suspect
	for _, s := range x.suspects {
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b *suspect) int {
		return cmp.Or(cmp.Compare(a.Opened, b.Opened), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Contract, b.Contract))
	})
	return all
}

// notice says whether the owner may be told.
func (x *infections) notice(s *suspect) notice {
	if !s.ended.IsZero() {
		return notice{Why: "the contract has ended; its line may be somebody else's"}
	}
	g, err := purpose.Ask(&x.policy().Purposes, purpose.InfectionNotice, s.Line, x.register)
	if err != nil {
		return notice{Why: err.Error()}
	}
	return notice{Allowed: true, Ground: string(g.Ground()), Why: "the contract has not opted out"}
}

// witness puts evidence on its way to the weigher, behind the record of what was stopped. It is on the way of every record, and does not wait.
func (x *infections) witness(v *record.Verdict, to record.Putter) {
	f, ok := x.fact(v)
	if !ok {
		return
	}
	f.Contract, f.Party = x.register.Contract(f.Line), x.party(v.To)
	if it, ok := x.item(f); ok {
		to.Put(&record.Evidence{Item: it}, true)
	}
}

// weigher weighs evidence as it comes out of the stream, and opens cases. It is a store.Weigher.
type weigher struct {
	*infections
	key *record.Key
	log *slog.Logger
}

// Load takes in what was committed, in the place of what is in memory.
func (w *weigher) Load(_ context.Context, standings, waves []store.Snapshot) error {
	w.found.Reset()
	for _, s := range standings {
		if err := w.found.LoadStanding(s.Body); err != nil {
			return err
		}
	}
	for _, s := range waves {
		if err := w.found.LoadWave(s.ID, s.Updated, s.Body); err != nil {
			return err
		}
	}
	return nil
}

// Weigh weighs records of evidence. The contract is asked again: it may have opted out, or ended, since.
func (w *weigher) Weigh(recs [][]byte) store.Weighed {
	var out store.Weighed
	for _, rec := range recs {
		f, err := w.key.Evidence(rec)
		switch {
		case errors.Is(err, record.ErrErased):
			continue
		case err != nil:
			w.log.Error("an item of evidence cannot be read", "err", err)
			continue
		case w.register.Contract(f.Line) != f.Contract:
			continue
		}
		it, ok := w.item(f)
		if !ok {
			continue
		}
		if out.Count++; out.From == 0 || f.Time < out.From {
			out.From = f.Time
		}
		out.To = max(out.To, f.Time)
		if s, ok := w.found.Add(it); ok {
			c := caseOf(&s)
			w.log.Warn("a line was found infected", "line", s.Line, "case", c.ID, "texts", s.Before, "points", s.Score.Points)
			out.Found = append(out.Found, c)
		}
	}
	w.found.Changed(
		func(id uint64, at int64, body []byte) {
			out.Standings = append(out.Standings, store.Snapshot{ID: id, Updated: at, Body: slices.Clone(body)})
		},
		func(id uint64, at int64, body []byte) {
			out.Waves = append(out.Waves, store.Snapshot{ID: id, Updated: at, Body: slices.Clone(body)})
		})
	return out
}

// startInfected makes what finds infected lines, between the stream and the store.
func (p *program) startInfected() {
	p.key.Days = func(day int64) (cipher.Block, error) { return p.seal.Lines(p.ctx, day, true) }
	p.infections = newInfections(p.gate.Policy, p.consent, func(a subject.Address) uint64 {
		q := p.key.Address(a)
		if q.Key != 0 {
			return uint64(q.Key)
		}
		return partyOf(a)
	})
	w := &weigher{infections: p.infections, key: p.key, log: p.log}
	p.background(func(ctx context.Context) {
		p.stream.Keep(ctx, stream.ReadConfig{Wait: time.Second}, p.store.Evidence(w))
	})
	if p.cfg.Notices.Send {
		p.background(p.sendNotices)
	}
	p.background(func(ctx context.Context) {
		if err := p.forgetEnded(ctx); err != nil {
			p.log.Error("lines whose cases ended are not found anew before the next start", "err", err)
		}
		p.dropRefused(ctx)
		p.quieten(ctx)
	})
}

// caseOf is the case of a line that was found.
func caseOf(s *detect.Suspect) *cases.Case {
	at := time.UnixMicro(s.Opened).UTC()
	c := cases.New(cases.InfectedLine, s.Contract, s.Line, at)
	c.FirstEvidence, c.LastEvidence = time.UnixMicro(s.First).UTC(), at
	c.Score, c.Stopped, c.Reasons, c.Campaigns = s.Score.Points, s.Before, s.Score.Reasons, s.Campaign
	return c
}

// quieten lets time move cases: to quiet where nothing was stopped for days, and to cured where that was confirmed. What stood against such a
// line is done with; a relapse has to show anew.
func (p *program) quieten(ctx context.Context) {
	tick := time.NewTicker(10 * time.Minute)
	defer tick.Stop()
	for {
		if err := p.quietenOnce(ctx); err != nil && ctx.Err() == nil {
			p.log.Error("cases could not be moved", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (p *program) quietenOnce(ctx context.Context) error {
	all, err := p.store.Cases(ctx, store.CaseFilter{States: []cases.State{cases.Open, cases.Noticed, cases.Relapsed, cases.Quiet}})
	if err != nil {
		return err
	}
	byID := map[string]*cases.Case{}
	for _, c := range all {
		byID[c.ID] = c
	}
	for _, m := range cases.Quieten(all, time.Now(), 0) {
		if err := p.store.MoveCase(ctx, m); err != nil && !errors.Is(err, store.ErrMoved) {
			return err
		}
		p.infections.found.Forget(byID[m.Case].Contract)
		if err := p.store.DropStanding(ctx, byID[m.Case].Contract); err != nil {
			return err
		}
	}
	return nil
}

// forgetEnded lets the detection forget lines whose cases people have ended, so that they may be found anew.
func (p *program) forgetEnded(ctx context.Context) error {
	all, err := p.store.Cases(ctx, store.CaseFilter{States: []cases.State{cases.Wrong}})
	if err != nil {
		return err
	}
	for _, c := range all {
		if s, ok := p.infections.found.Of(c.Contract); ok && s.Opened != 0 && s.Opened <= c.Opened.UnixMicro() {
			p.infections.found.Forget(c.Contract)
			if err := p.store.DropStanding(ctx, c.Contract); err != nil {
				return err
			}
		}
	}
	return nil
}

// dropRefused destroys what stands against contracts that have opted out, or ended, and closes their cases.
func (p *program) dropRefused(ctx context.Context) {
	x := p.infections
	live, err := p.store.Cases(ctx, store.CaseFilter{States: []cases.State{cases.Open, cases.Noticed, cases.Quiet, cases.Cured, cases.Relapsed}})
	if err != nil {
		p.log.Error("cases of contracts that opted out could not be closed", "err", err)
	}
	for _, c := range live { // of which nothing may stand in memory
		if x.register.Contract(c.Line) != c.Contract {
			p.endContract(ctx, c.Contract, "the contract ended")
		} else if _, err := purpose.Ask(&x.policy().Purposes, purpose.InfectionNotice, c.Line, x.register); errors.Is(err, purpose.ErrOptedOut) {
			p.endContract(ctx, c.Contract, "the contract opted out of infection_notice")
		}
	}
	for _, c := range x.found.Contracts() {
		s, ok := x.found.Of(c)
		if !ok {
			continue
		}
		_, err := purpose.Ask(&x.policy().Purposes, purpose.InfectionNotice, s.Line, x.register)
		if err == nil && x.register.Contract(s.Line) == c {
			continue
		}
		x.found.Forget(c)
		why := "the contract opted out of infection_notice"
		if err == nil {
			why = "the contract ended"
		}
		if err := p.store.CloseContract(ctx, c, why); err != nil {
			p.log.Error("the evidence of a contract that opted out could not be destroyed; it is tried again with the next reload", "err", err)
		}
	}
}
