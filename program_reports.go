package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/sekisho/sekisho/door/reportdoor"
	"github.com/sekisho/sekisho/door/smppdoor"
	"github.com/sekisho/sekisho/indicator"
	"github.com/sekisho/sekisho/report"
	"github.com/sekisho/sekisho/settings"
	"github.com/sekisho/sekisho/store"
	"github.com/sekisho/sekisho/subject"
)

// ReportsConfig says by which roads reports come in, and what follows from many of them.
type ReportsConfig struct {
	ShortCodes []string          `toml:"short_codes"` // that subscribers forward to, as "7726"
	Texts      string            `toml:"texts"`       // file of answers; empty: those inside
	Outcomes   bool              `toml:"outcomes"`    // say later what became of it
	OutcomeFor settings.Duration `toml:"outcome_for"` // whoever reported longer ago is not told any more
	Thresholds report.Thresholds `toml:"thresholds"`
	reportdoor.Config
}

func defaultReports() ReportsConfig {
	return ReportsConfig{ShortCodes: []string{}, Outcomes: true, OutcomeFor: settings.Duration{Duration: 7 * day}, Thresholds: report.DefaultThresholds(), Config: reportdoor.Default()}
}

func (c *ReportsConfig) check(home int) error {
	for _, s := range c.ShortCodes {
		if a, err := subject.ParseAddress(s, home); err != nil || a.Kind() != subject.KindShort {
			return fmt.Errorf("reports.short_codes: %.20q is no short code", s)
		}
	}
	if t := c.Thresholds; t.Reporters < 1 || t.Weight <= 0 || t.PBad < 0 || t.PBad > 1 || t.Honest < 0 || t.Honest > 1 {
		return errors.New("reports.thresholds: reporters is at least 1, weight above 0, p_bad and honest are from 0 to 1")
	}
	return c.Config.Check()
}

// startReports opens the desk, and the roads to it that are not SMPP.
func (p *program) startReports(ctx context.Context) error {
	p.desk = newDesk(p, p.cfg.Reports.Thresholds)
	if err := p.keep(kept{"reports.bin", "which reports belong together is learnt anew", p.desk.bunches.Save, p.desk.bunches.Load}); err != nil {
		return err
	}
	if err := p.registerChanged(ctx); err != nil {
		return err
	}
	p.background(p.expireEntries)
	p.background(p.desk.run)
	if len(p.cfg.Reports.ShortCodes) > 0 {
		s, err := newShortCode(ctx, p)
		if err != nil {
			return fmt.Errorf("reports: %w", err)
		}
		p.shortCode = s
		p.background(s.run)
	}
	d, err := reportdoor.New(p.cfg.Reports.Config, reportdoor.Parts{Desk: p.desk, Keys: p.keys, Log: p.log, Metrics: p.metrics})
	if err != nil {
		return err
	}
	p.reports = d
	if err := d.Start(); err != nil {
		return err
	}
	p.onStop("the roads of reports", func(context.Context) error { d.Stop(); return nil })
	return nil
}

// shortCode talks to subscribers who forward to 7726. It is the SMPP door's Service.
type shortCode struct {
	p     *program
	codes map[subject.Address]bool

	mu      sync.Mutex
	talks   *report.Talks
	late    []report.Report   // whose reporters did not say who sent the text, and that are not kept yet
	changed []subject.Address // with them
	poke    chan struct{}     // something was decided
}

func newShortCode(ctx context.Context, p *program) (*shortCode, error) {
	s := &shortCode{p: p, codes: map[subject.Address]bool{}, poke: make(chan struct{}, 1)}
	for _, c := range p.cfg.Reports.ShortCodes {
		a, err := subject.ParseAddress(c, p.cfg.Home)
		if err != nil || a.Kind() != subject.KindShort {
			return nil, fmt.Errorf("short_codes: %q is no short code", c)
		}
		s.codes[a] = true
	}
	texts, err := report.ReadTexts(p.cfg.Reports.Texts)
	if err != nil {
		return nil, fmt.Errorf("texts: %w", err)
	}
	s.talks = report.NewTalks(report.TalkConfig{Texts: texts, Home: p.cfg.Home})
	lost := 0
	err = p.store.Talks(ctx, func(t store.Talk) error {
		body, err := p.seal.Open(ctx, t.Sealed, about("talk", t.ID))
		if err == nil {
			err = s.talks.Load(body)
		}
		if err != nil {
			lost++
		}
		return ctx.Err()
	})
	if lost > 0 {
		p.log.Warn("conversations with reporters are lost: their keys are erased, or they cannot be read", "n", lost)
	}
	return s, err
}

// Serves reports whether an address is one of ours.
func (s *shortCode) Serves(to subject.Address) bool { return s.codes[to] }

// Take goes on with conversations, keeps what came of them and how they stand, and answers once that is on disk.
func (s *shortCode) Take(ctx context.Context, all []smppdoor.Told) error {
	type answer struct {
		smppdoor.Told
		text string
	}
	var answers []answer
	var reports []report.Report
	before := map[subject.Address][]byte{}
	s.mu.Lock()
	for _, t := range all {
		if _, ok := before[t.From]; !ok {
			before[t.From] = s.talks.Save(t.From)
		}
		replies, got := s.talks.Heard(t.Time, t.From, t.Text)
		for _, r := range replies {
			answers = append(answers, answer{t, r.Text})
		}
		reports = append(reports, got...)
	}
	err := s.commit(ctx, reports, slices.Collect(maps.Keys(before)))
	if err != nil { // as if they had not been heard: they come again
		for from, was := range before {
			s.talks.Forget(from)
			if was != nil {
				err = errors.Join(err, s.talks.Load(was))
			}
		}
	}
	s.mu.Unlock()
	if err != nil {
		return err
	}
	for _, a := range answers {
		s.send(a.Upstream, a.To, a.From, a.text)
	}
	return nil
}

// commit keeps reports, and how conversations stand now. Where the second fails the first come again, and are known.
func (s *shortCode) commit(ctx context.Context, reports []report.Report, changed []subject.Address) error {
	if len(reports) > 0 {
		fresh, err := s.p.desk.Take(ctx, reports)
		if err != nil {
			return err
		}
		s.p.reports.Count(report.ShortCode, len(reports), fresh)
	}
	now := time.Now()
	rows := make([]store.Talk, 0, len(changed))
	for _, from := range changed {
		t := store.Talk{ID: s.p.key.Hash("talk", from.Bytes()), Last: now.UnixMicro()}
		if body := s.talks.Save(from); body != nil {
			var err error
			if t.Sealed, err = s.p.seal.Seal(ctx, now, body, about("talk", t.ID)); err != nil {
				return err
			}
		}
		rows = append(rows, t)
	}
	if len(rows) == 0 {
		return nil
	}
	return s.p.store.PutTalks(ctx, rows)
}

// send answers in the background. An answer that does not get through is not sent again: a subscriber who gets one twice is worse off than one who
// gets none.
func (s *shortCode) send(upstream string, from, to subject.Address, text string) {
	s.p.background(func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
		defer cancel()
		if err := s.p.smpp.Send(ctx, upstream, from, to, text); err != nil && ctx.Err() == nil {
			s.p.log.Warn("an answer to a reporter did not get through", "err", err)
		}
	})
}

// run ends conversations that wait too long, and tells reporters what became of what they reported.
func (s *shortCode) run(ctx context.Context) {
	tick := time.NewTicker(10 * time.Second)
	defer tick.Stop()
	for {
		if err := s.expire(ctx); err != nil && ctx.Err() == nil {
			s.p.log.Error("reports that wait for their sender's number could not be kept", "err", err)
		}
		if s.p.cfg.Reports.Outcomes {
			if err := s.tellOutcomes(ctx); err != nil && ctx.Err() == nil {
				s.p.log.Error("reporters could not be told what became of their reports", "err", err)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-s.poke:
		case <-tick.C:
		}
	}
}

// decided lets reporters be told at once. A nil shortCode tells nobody.
func (s *shortCode) decided() {
	if s == nil {
		return
	}
	select {
	case s.poke <- struct{}{}:
	default:
	}
}

func (s *shortCode) expire(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	reports, changed := s.talks.Expire(time.Now())
	s.late = append(s.late, reports...) // until they are kept
	s.changed = append(s.changed, changed...)
	if err := s.commit(ctx, s.late, s.changed); err != nil {
		return err
	}
	s.late, s.changed = nil, nil
	return nil
}

// tellOutcomes tells reporters. Who is told is written down first: nobody is told twice.
func (s *shortCode) tellOutcomes(ctx context.Context) error {
	type due struct {
		row store.ReportRow
		st  report.State
	}
	var all []due
	since := time.Now().Add(-s.p.cfg.Reports.OutcomeFor.Duration).UnixMicro()
	if err := s.p.store.Untold(ctx, report.ShortCode, since, 100, func(r store.ReportRow, st report.State) { all = append(all, due{r, st}) }); err != nil {
		return err
	}
	for _, d := range all {
		first, err := s.p.store.Tell(ctx, d.row.Digest, time.Now().UnixMicro())
		if err != nil {
			return err
		}
		if !first {
			continue
		}
		body, err := s.p.seal.Open(ctx, d.row.Sealed, about("report", d.row.Digest))
		if err != nil {
			continue // erased meanwhile
		}
		var r report.Report
		if err := json.Unmarshal(body, &r); err != nil {
			return err
		}
		s.mu.Lock()
		reply, ok := s.talks.Outcome(time.Now(), r, d.st)
		s.mu.Unlock()
		to, err := subject.ParseAddress(r.Reporter, s.p.cfg.Home)
		if !ok || err != nil {
			continue
		}
		for code := range s.codes {
			s.send("", code, to, reply.Text)
			break
		}
	}
	return nil
}

// expireEntries ends indicators that are worth nothing any more.
func (p *program) expireEntries(ctx context.Context) {
	tick := time.NewTicker(5 * time.Minute)
	defer tick.Stop()
	for {
		now := time.Now()
		ended := int64(0)
		for {
			n, err := p.store.ExpireEntries(ctx, now.UnixMicro(), 1000)
			if err != nil && ctx.Err() == nil {
				p.log.Error("old indicators could not be ended", "err", err)
			}
			if ended += n; err != nil || n < 1000 {
				break
			}
		}
		if ended > 0 {
			if err := p.registerChanged(ctx); err != nil && ctx.Err() == nil {
				p.log.Error("indicators that ended stay in force until the next start", "err", err)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// overMost is how many changes lie over the base of the register before it is made anew.
const overMost = 20_000

// registerChanged puts in force what has changed in the register.
func (p *program) registerChanged(ctx context.Context) error {
	p.registering.Lock()
	defer p.registering.Unlock()
	if p.registerBase.IsZero() {
		return p.newRegister(ctx)
	}
	var active, gone []indicator.Entry
	// A little earlier than the base: what was committed while it was read may bear an earlier time.
	err := p.store.Entries(ctx, store.EntryFilter{After: p.registerBase.Add(-time.Minute).UnixMicro()}, func(e indicator.Entry) error {
		switch e.Status {
		case indicator.Active:
			active = append(active, e)
		case indicator.Withdrawn, indicator.Expired:
			gone = append(gone, e)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if len(active)+len(gone) > overMost {
		return p.newRegister(ctx)
	}
	if err := p.register.Over(slices.Values(active), slices.Values(gone)); err != nil {
		p.log.Error("entries of the register cannot be read, and are not in force", "err", err)
	}
	return p.shareChanged(ctx)
}

// shareChanged lets others have what changed. What fails is tried again with the next change: it must not keep anything from being in force here.
func (p *program) shareChanged(ctx context.Context) error {
	if p.share == nil {
		return nil
	}
	if err := p.share.changed(ctx); err != nil {
		p.log.Error("what changed could not be shared; it is tried again with the next change", "err", err)
	}
	return nil
}

// newRegister makes the base of the register anew.
func (p *program) newRegister(ctx context.Context) error {
	now := time.Now()
	var failed error
	err := p.register.Set(func(yield func(indicator.Entry) bool) {
		failed = p.store.Entries(ctx, store.EntryFilter{Status: []indicator.Status{indicator.Active}}, func(e indicator.Entry) error {
			if !yield(e) {
				return context.Canceled
			}
			return nil
		})
	})
	if failed != nil {
		return failed
	}
	if err != nil {
		p.log.Error("entries of the register cannot be read, and are not in force", "err", err)
	}
	p.registerBase = now
	return p.shareChanged(ctx)
}
