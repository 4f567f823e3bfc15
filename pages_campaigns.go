package main

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/sekisho/sekisho/console"
	"github.com/sekisho/sekisho/detect"
	"github.com/sekisho/sekisho/message"
	"github.com/sekisho/sekisho/report"
	"github.com/sekisho/sekisho/store"
)

// campaignsPages are what the console's page shows of campaigns.
type campaignsPages struct {
	p    *program
	seen *seenCampaigns
}

// campaignsSource is what the console's page asks for. It is made before any door is open: from then on it is remembered how campaigns grow.
func (p *program) campaignsSource() console.Campaigns {
	s := newSeenCampaigns(func() *detect.Campaigns { return p.campaigns })
	if err := p.keep(kept{"campaigns-seen.json", "how campaigns grew until now is lost", s.save, s.load}); err != nil {
		p.log.Error("how campaigns grow is not kept over a restart", "err", err)
	}
	p.feed.seen = s
	p.background(s.run)
	return campaignsPages{p, s}
}

// campaignsCounted is how many are looked through to say how many there are.
const campaignsCounted = 1 << 16

// Campaigns lists those that grow fastest first.
func (s campaignsPages) Campaigns(_ context.Context, limit int) (list []console.Campaign, all int, err error) {
	now := time.Now()
	followed := s.p.campaigns.List(now, campaignsCounted)
	for i := range followed[:min(limit, len(followed))] {
		list = append(list, s.shown(&followed[i], now))
	}
	return list, len(followed), nil
}

func (s campaignsPages) shown(c *detect.Campaign, now time.Time) console.Campaign {
	x := console.Campaign{ID: c.ID, Texts: c.Texts, TenMinutes: c.TenMinutes, Hour: c.Hour, Senders: c.Senders, People: c.Recipients, Links: c.Targets, First: c.First, Last: c.Last,
		Judged: c.Judged, Fraud: c.Phishing, Decision: c.Decision.String()}
	for r := message.P2P; r < message.Routes; r++ {
		if n := c.Routes[r]; n > 0 {
			x.Routes = append(x.Routes, console.Part{Name: r.String(), N: n})
		}
	}
	seen, ok := s.seen.find(c.ID)
	if !ok {
		return x
	}
	x.Stopped, x.Before, x.FirstStop = min(seen.Stopped, c.Texts), seen.Before, seen.FirstStop
	if seen.Texts > 0 && c.Texts > seen.Texts { // since somebody looked last
		seen.grow(now, uint32(min(c.Texts-seen.Texts, 1<<31)))
	}
	x.Minutes, x.Hours = seen.steps(now)
	x.Countries, x.Hosts, x.Brands = parts(seen.Countries), parts(seen.Hosts), parts(seen.Brands)
	return x
}

func parts(m map[string]uint32) (all []console.Part) {
	for _, name := range most(m) {
		all = append(all, console.Part{Name: name, N: uint64(m[name])})
	}
	return all
}

// Campaign is all that is known of one.
func (s campaignsPages) Campaign(ctx context.Context, id string) (page console.CampaignPage, err error) {
	now := time.Now()
	c, ok := s.p.campaigns.Find(id, now)
	if !ok {
		return page, console.ErrNotFound
	}
	page.Campaign = s.shown(&c, now)
	if f, ok := s.p.campaigns.Facts(id, now); ok {
		page.Family, page.Letters, page.Near = f.Family, f.Letters, f.Near
		page.Spread, page.SpreadSenders, page.SpreadLinks = f.Spread, f.SpreadSenders, f.SpreadLinks
	}
	n, err := strconv.ParseUint(id, 16, 64)
	if err != nil {
		return page, console.ErrNotFound
	}
	newest, err := s.p.store.BunchPage(ctx, store.BunchPage{Limit: waitingMost})
	for _, b := range newest {
		if b.Campaign == n {
			page.Reports = append(page.Reports, report.Name(b.ID))
		}
	}
	return page, err
}

// DecideCampaign puts a person's word in force.
func (s campaignsPages) DecideCampaign(ctx context.Context, id, to, who, why string) error {
	if _, ok := s.p.campaigns.Find(id, time.Now()); !ok {
		return console.ErrNotFound
	}
	err := s.p.decideOn(ctx, id, to, who, why)
	if errors.Is(err, detect.ErrUnknown) { // it ended meanwhile
		return console.ErrNotFound
	}
	return err
}
