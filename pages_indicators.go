package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/sekisho/sekisho/audit"
	"github.com/sekisho/sekisho/console"
	"github.com/sekisho/sekisho/indicator"
	"github.com/sekisho/sekisho/message"
	"github.com/sekisho/sekisho/purpose"
	"github.com/sekisho/sekisho/report"
	"github.com/sekisho/sekisho/store"
	"github.com/sekisho/sekisho/subject"
)

// indicatorsPages are what the console's page shows of the register, of feeds and of partners.
type indicatorsPages struct {
	p *program

	mu     sync.Mutex // one asks at a time: what is counted takes a while
	taken  time.Time
	counts []console.IndicatorTally

	sharing sync.Mutex
	given   given
}

// indicatorsSource is what the console's page asks for.
func (p *program) indicatorsSource() console.Indicators { return &indicatorsPages{p: p} }

// countsFor is how long the counts of the register are kept: a register of a million takes a second to count.
const countsFor = 10 * time.Second

// IndicatorTallies count the register.
func (s *indicatorsPages) IndicatorTallies(ctx context.Context) ([]console.IndicatorTally, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.counts != nil && time.Since(s.taken) < countsFor {
		return s.counts, nil
	}
	all, err := s.p.store.EntryTallies(ctx)
	if err != nil {
		return nil, err
	}
	s.counts, s.taken = []console.IndicatorTally{}, time.Now()
	for _, t := range all {
		s.counts = append(s.counts, console.IndicatorTally{Kind: t.Kind, Source: t.Source, Status: t.Status, N: t.N, Right: t.Right, Wrong: t.Wrong})
	}
	return s.counts, nil
}

// changed lets the next who looks see what was just done.
func (s *indicatorsPages) changed(err error) error {
	s.mu.Lock()
	s.counts = nil
	s.mu.Unlock()
	return err
}

func (s *indicatorsPages) rows(all []indicator.Entry) (rows []console.IndicatorRow) {
	for _, e := range all {
		rows = append(rows, console.IndicatorRow{Entry: e, Spared: e.Status == indicator.Proposed && s.p.spared(e)})
	}
	return rows
}

// Indicators lists entries.
func (s *indicatorsPages) Indicators(ctx context.Context, f console.IndicatorFilter, limit int) ([]console.IndicatorRow, error) {
	all, err := s.p.store.EntryPage(ctx, store.EntryPage{Status: f.Status, Kind: f.Kind, After: f.After, Limit: limit})
	return s.rows(all), err
}

// foundMost bounds what one search shows of a value of one kind: one entry for each source.
const foundMost = 20

// FindIndicators looks in the register for a value, and for the hosts and domains that it stands under; and in the lists.
func (s *indicatorsPages) FindIndicators(ctx context.Context, value string) (found console.IndicatorsFound, err error) {
	values := map[indicator.Kind][]string{}
	add := func(k indicator.Kind, v string) {
		if v != "" && !slices.Contains(values[k], v) {
			values[k] = append(values[k], v)
		}
	}
	for k := indicator.URL; k <= indicator.Hash; k++ {
		if v, err := indicator.Normal(k, value); err == nil {
			add(k, v)
		}
	}
	var listed []indicator.Hit
	lists := s.p.indicator.Load()
	if a, err := subject.ParseAddress(value, s.p.cfg.Home); err == nil {
		if l := a.Line(); l != 0 {
			add(indicator.Number, l.String())
			listed = append(listed, lists.LookupLine(l))
		} else {
			listed = append(listed, lists.LookupSender(a.Bytes()))
		}
	}
	for _, u := range values[indicator.URL] {
		host, path, _ := strings.Cut(u, "/")
		host, _, _ = strings.Cut(host, ":")
		if path != "" {
			listed = append(listed, lists.LookupURL([]byte(u)))
		}
		domain := message.RegistrableDomain(host)
		listed = append(listed, lists.LookupHost([]byte(host), []byte(domain)))
		add(indicator.Host, host)
		for name := host; ; {
			add(indicator.Domain, name)
			_, rest, more := strings.Cut(name, ".")
			if name == domain || !more {
				break
			}
			name = rest
		}
	}
	for _, h := range listed {
		if h.Known() && !slices.Contains(found.Listed, h) {
			found.Listed = append(found.Listed, h)
		}
	}
	all, err := s.p.store.Named(ctx, values, foundMost)
	found.Rows = s.rows(all)
	return found, err
}

// Bounds of what is read of the ledger for one page.
const (
	historyRead = 20_000
	sharedRead  = 200_000
	ledgerOnce  = 2_000
)

// ledgerFrom reads entries of the ledger from a number on, and says where the next is.
func (p *program) ledgerFrom(ctx context.Context, from, to int64, each func(audit.Entry)) (int64, error) {
	l := p.store.Ledger()
	for from < to {
		rows, err := l.Entries(ctx, from, ledgerOnce)
		if err != nil {
			return from, fmt.Errorf("read the ledger: %w", err)
		}
		if len(rows) == 0 {
			break
		}
		for _, r := range rows {
			from = r.Seq + 1
			if e, err := audit.Decode(r.Entry); err == nil { // `sekisho audit verify` tells of those that cannot be read
				each(e)
			}
		}
	}
	return from, nil
}

// Indicator is all of one entry.
func (s *indicatorsPages) Indicator(ctx context.Context, id string) (page console.IndicatorPage, err error) {
	e, err := s.p.store.Entry(ctx, id)
	if err != nil {
		return page, consoleMissing(err)
	}
	page.IndicatorRow = console.IndicatorRow{Entry: e, Spared: s.p.spared(e)}
	page.Until = e.Until()
	bunch, err := s.p.store.CameOf(ctx, id)
	if err != nil {
		return page, err
	}
	if bunch != 0 {
		page.Reports = report.Name(bunch)
	}
	size, err := s.p.store.Ledger().Size(ctx)
	if err != nil {
		return page, err
	}
	from := max(0, size-historyRead)
	page.All, page.Read = from == 0, int(size-from)
	_, err = s.p.ledgerFrom(ctx, from, size, func(a audit.Entry) {
		if a.About == id || page.Reports != "" && a.About == page.Reports && a.Act == audit.ReportsDecided {
			page.History = append(page.History, a)
		}
	})
	slices.Reverse(page.History)
	page.History = page.History[:min(len(page.History), 100)]
	return page, err
}

// AddIndicator puts one in force by a person's word.
func (s *indicatorsPages) AddIndicator(ctx context.Context, w console.WantedIndicator, who, why string) error {
	if who == byPolicy {
		return errPolicyName
	}
	_, err := s.p.putIndicator(ctx, wantedIndicator{kind: w.Kind.String(), value: w.Value, role: w.Role.String(), tlp: w.TLP.String(), confidence: strconv.Itoa(int(w.Confidence)),
		force: w.Meant}, who, why)
	return s.changed(consoleSpared(err))
}

var errPolicyName = errors.New("the name policy stands for decisions without a person")

func consoleSpared(err error) error {
	if errors.Is(err, errSpared) {
		return console.ErrSpared
	}
	return err
}

// MoveIndicator agrees to one, or withdraws it.
func (s *indicatorsPages) MoveIndicator(ctx context.Context, id string, to indicator.Status, meant bool, who, why string) error {
	if who == byPolicy {
		return errPolicyName
	}
	return s.changed(consoleMissing(consoleSpared(s.p.moveEntry(ctx, id, to, meant, who, why))))
}

// FeedStates tell how feeds stand.
func (s *indicatorsPages) FeedStates(context.Context) (all []console.FeedState) {
	for _, f := range s.p.feeds.Status() {
		x := console.FeedState{Name: f.Name, Licence: f.Licence, Failed: f.Failed, Taken: f.Taken, Tried: f.Tried, Entries: f.Entries}
		all = append(all, x)
	}
	return all
}

// FetchFeed begins to fetch a feed. Who did is written down; what comes of it stands beside the feed.
func (s *indicatorsPages) FetchFeed(ctx context.Context, name, who string) error {
	if !slices.ContainsFunc(s.FeedStates(ctx), func(f console.FeedState) bool { return f.Name == name }) {
		return console.ErrNotFound
	}
	if err := s.p.store.Enter(ctx, audit.Entry{Actor: who, Act: "feed-fetch", Why: "feed: " + name}); err != nil {
		return err
	}
	s.p.background(func(ctx context.Context) {
		if err := s.p.takeFeed(ctx, name); err != nil && ctx.Err() == nil {
			s.p.log.Error("a feed was refused", "err", err)
		}
	})
	return nil
}

// given is what went to partners, by the ledger. It is counted once, and what came since is added.
type given struct {
	next  int64 // entry of the ledger
	since time.Time
	days  map[string]map[int64]int64 // by partner and day
	last  map[string]time.Time
}

func dayOf(t time.Time) int64 {
	y, m, d := t.Local().Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix() / 86400
}

const givenDays = 30

// Partners are those that the configuration names, and what went to them.
func (s *indicatorsPages) Partners(ctx context.Context) (out console.Partners, err error) {
	s.sharing.Lock()
	defer s.sharing.Unlock()
	g, now := &s.given, time.Now()
	size, err := s.p.store.Ledger().Size(ctx)
	if err != nil {
		return out, err
	}
	from, cut := g.next, false
	if from < size-sharedRead {
		from, cut = size-sharedRead, true
	}
	if g.days == nil || cut {
		*g = given{days: map[string]map[int64]int64{}, last: map[string]time.Time{}}
	}
	g.next, err = s.p.ledgerFrom(ctx, from, size, func(e audit.Entry) {
		at := time.UnixMicro(e.Time)
		if cut && g.since.IsZero() {
			g.since = at
		}
		if e.Act != audit.Shared {
			return
		}
		if g.days[e.Actor] == nil {
			g.days[e.Actor] = map[int64]int64{}
		}
		g.days[e.Actor][dayOf(at)] += e.Count
		g.last[e.Actor] = at
	})
	if err != nil {
		return out, err
	}
	today := dayOf(now)
	if g.since.After(now.AddDate(0, 0, -givenDays)) {
		out.Since = g.since
	}
	out.Ground, out.Public = s.p.gate.Policy().Purposes[purpose.Share] != "", s.p.cfg.Share.Public
	for i := range s.p.cfg.Share.Partners {
		c := &s.p.cfg.Share.Partners[i]
		x := console.Partner{Name: c.Name, TLP: c.Ceiling().String(), Kinds: c.Kinds, PerDay: c.PerDay, Gives: c.Gives, Webhook: c.Webhook != "", Last: g.last[c.Name]}
		for d, n := range g.days[c.Name] {
			switch {
			case d <= today-givenDays:
				delete(g.days[c.Name], d)
				continue
			case d == today:
				x.Today = n
			}
			x.Month += n
		}
		out.All = append(out.All, x)
	}
	return out, nil
}
