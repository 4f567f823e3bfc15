package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sekisho/sekisho/audit"
	"github.com/sekisho/sekisho/console"
	"github.com/sekisho/sekisho/record"
	"github.com/sekisho/sekisho/report"
	"github.com/sekisho/sekisho/store"
)

// bunchNamed finds reports by the name that people call them.
func (p *program) bunchNamed(ctx context.Context, name string) (*store.SealedBunch, error) {
	id, ok := report.ParseName(name)
	if !ok {
		return nil, errors.New("reports are named rp- and 14 letters; `sekisho reports` lists them")
	}
	b, err := p.store.Bunch(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, fmt.Errorf("there are no reports %s; `sekisho reports` lists them: %w", name, store.ErrNotFound)
	}
	return b, err
}

var errReportsErased = errors.New("what was reported is erased: its time is over")

// readBunch opens reports for a person to read. Who reads, and why, is written down first.
func (p *program) readBunch(ctx context.Context, name, who, why string) (*store.SealedBunch, error) {
	b, err := p.bunchNamed(ctx, name)
	if err != nil {
		return nil, err
	}
	if err := p.store.Enter(ctx, audit.Entry{Actor: who, Act: audit.ReportRead, Purpose: "quality", About: report.Name(b.ID), Why: why}); err != nil {
		return nil, fmt.Errorf("nothing is shown, for it could not be written down: %w", err)
	}
	if err := p.desk.open(ctx, b); errors.Is(err, record.ErrErased) {
		return nil, errReportsErased
	} else if err != nil {
		return nil, err
	}
	return b, nil
}

var errSameState = errors.New("it is that already")

// decideBunch puts a person's word on reports in force.
func (p *program) decideBunch(ctx context.Context, name, state, who, why string) error {
	b, err := p.bunchNamed(ctx, name)
	if err != nil {
		return err
	}
	to, ok := report.ParseState(state)
	if !ok || to == report.New {
		return errors.New("fraud, honest or refused")
	}
	if b.State == to {
		return fmt.Errorf("it is %s already, by %s: %s (%w)", to, b.By, b.Why, errSameState)
	}
	if err := p.desk.open(ctx, b); err != nil && !errors.Is(err, record.ErrErased) {
		return err
	}
	if err := p.desk.decide(ctx, &b.Bunch, to, who, why); err != nil {
		return err
	}
	p.shortCode.decided()
	return p.registerChanged(ctx)
}

// reportsPages are what the console's page shows of the desk.
type reportsPages struct{ p *program }

// reportsSource is what the console's page asks for.
func (p *program) reportsSource() console.Reports { return reportsPages{p} }

// Bounds of what a page reads.
const (
	waitingMost  = 200     // of the undecided, the newest, among which the heaviest are found
	channelsMost = 200     // reports of a bunch, whose roads are told in a list
	reportsMost  = 100_000 // of a day
	readMost     = 20      // reports of a bunch, that are shown one by one
	taughtMost   = 200
)

// Counts says how much there is.
func (s reportsPages) ReportCounts(ctx context.Context) (c console.ReportCounts, err error) {
	now := time.Now()
	states, err := s.p.store.BunchStates(ctx)
	if err != nil {
		return c, err
	}
	c.States = states
	if c.Today, err = s.p.store.ReportsSince(ctx, now.Add(-day).UnixMicro(), reportsMost+1); err != nil {
		return c, err
	}
	if c.Today > reportsMost {
		c.Today, c.More = reportsMost, true
	}
	return c, nil
}

// Waiting are the heaviest of the newest that nobody has decided.
func (s reportsPages) WaitingReports(ctx context.Context, limit int) ([]console.ReportBunch, error) {
	all, err := s.p.store.BunchPage(ctx, store.BunchPage{State: report.New, Limit: waitingMost})
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(all, func(a, b *store.SealedBunch) int {
		return cmp.Or(cmp.Compare(b.Weight, a.Weight), cmp.Compare(b.Reporters, a.Reporters), b.Last.Compare(a.Last))
	})
	return s.opened(ctx, all[:min(limit, len(all))])
}

// Reports lists bunches, the latest reported first, behind the one named.
func (s reportsPages) Reports(ctx context.Context, state report.State, behind string, limit int) ([]console.ReportBunch, error) {
	f := store.BunchPage{State: state, Limit: limit}
	if id, ok := report.ParseName(behind); ok {
		if b, err := s.p.store.Bunch(ctx, id); err == nil {
			f.Before, f.BeforeID = b.Last.UnixMicro(), b.ID
		}
	}
	all, err := s.p.store.BunchPage(ctx, f)
	if err != nil {
		return nil, err
	}
	return s.opened(ctx, all)
}

// opened lets bunches be shown: what they name, and never what they say.
func (s reportsPages) opened(ctx context.Context, all []*store.SealedBunch) (shown []console.ReportBunch, err error) {
	for _, b := range all {
		x, err := s.shown(ctx, b, channelsMost)
		if err != nil {
			return nil, err
		}
		shown = append(shown, x)
	}
	return shown, nil
}

func (s reportsPages) shown(ctx context.Context, b *store.SealedBunch, newest int) (console.ReportBunch, error) {
	x := console.ReportBunch{Name: report.Name(b.ID)}
	if err := s.p.desk.open(ctx, b); errors.Is(err, record.ErrErased) {
		x.Erased = true
	} else if err != nil {
		return x, err
	}
	b.Text, b.Subject = "", "" // who reads them has to say why
	x.Bunch = b.Bunch
	channels, err := s.p.store.Channels(ctx, b.ID, newest)
	x.Channels = channels
	return x, err
}

// Report is all of one bunch but its text, with what it would teach and what it has taught.
func (s reportsPages) Report(ctx context.Context, name string) (console.ReportPage, error) {
	var page console.ReportPage
	id, ok := report.ParseName(name)
	if !ok {
		return page, console.ErrNotFound
	}
	b, err := s.p.store.Bunch(ctx, id)
	if err != nil {
		return page, consoleMissing(err)
	}
	if page.ReportBunch, err = s.shown(ctx, b, 1000); err != nil {
		return page, err
	}
	if b.State != report.IsFraud && !page.Erased {
		for _, e := range s.p.desk.teach(&b.Bunch, "", "", time.Now().UTC()) {
			page.Teaches = append(page.Teaches, console.Lesson{Entry: e, Spared: s.p.spared(e)})
		}
	}
	page.Taught, err = s.p.store.Taught(ctx, id, taughtMost)
	return page, err
}

// ReadReport shows what reports say, and the newest of them one by one.
func (s reportsPages) ReadReport(ctx context.Context, name, who, why string) (t console.ReportText, err error) {
	b, err := s.p.readBunch(ctx, name, who, why)
	if errors.Is(err, errReportsErased) {
		return t, console.ErrErased
	}
	if err != nil {
		return t, consoleMissing(err)
	}
	t.Text, t.Subject = b.Text, b.Subject
	rows, err := s.p.store.ReportsOf(ctx, b.ID, readMost)
	if err != nil {
		return t, err
	}
	for i := range rows {
		r := report.Report{Time: time.UnixMicro(rows[i].At).UTC(), Channel: rows[i].Channel, Claim: rows[i].Claim}
		body, err := s.p.seal.Open(ctx, rows[i].Sealed, about("report", rows[i].Digest))
		if err == nil {
			err = json.Unmarshal(body, &r)
		}
		if err != nil && !errors.Is(err, record.ErrErased) {
			return t, err
		}
		t.Reports = append(t.Reports, console.OneReport{Time: r.Time, Channel: rows[i].Channel.String(), Claim: rows[i].Claim.String(), Reporter: r.Reporter, Suspect: r.Suspect, To: r.To})
	}
	return t, nil
}

// DecideReport puts a person's word in force.
func (s reportsPages) DecideReport(ctx context.Context, name, to, who, why string) error {
	if who == byPolicy {
		return errors.New("the name policy stands for decisions without a person")
	}
	err := s.p.decideBunch(ctx, name, to, who, why)
	if errors.Is(err, store.ErrDecided) || errors.Is(err, errSameState) {
		return console.ErrMeanwhile
	}
	return consoleMissing(err)
}

// consoleMissing is the console's word for what the store does not have.
func consoleMissing(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return console.ErrNotFound
	}
	return err
}
