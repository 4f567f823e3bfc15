package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/sekisho/sekisho/detect"
	"github.com/sekisho/sekisho/record"
	"github.com/sekisho/sekisho/subject"
)

// seenCampaigns remembers for people what package detect need not know to judge: how campaigns grew, and of their texts that were stopped where the
// senders are at home, to which hosts they lead and whom they pretend to be. No number and no text is kept, and nothing of a text that was delivered.
type seenCampaigns struct {
	followed func() *detect.Campaigns
	stopped  chan stoppedText

	mu    sync.Mutex
	all   map[string]*seenCampaign
	early map[uint64]earlyTexts // by text family: stopped before there was a campaign of them
}

type earlyTexts struct {
	n     uint64
	first int64
}

// seenCampaign is one, as it is kept in a file, too.
type seenCampaign struct {
	Last      time.Time           `json:"last"`
	Texts     uint64              `json:"texts"`   // when it was looked at last
	At        int64               `json:"at"`      // the number of the minute that was counted last
	Minutes   [seenMinutes]uint32 `json:"minutes"` // texts in each of the last minutes, by the minute's number
	Hours     [seenHours]uint32   `json:"hours"`
	Stopped   uint64              `json:"stopped"`
	Before    uint64              `json:"before"` // texts that were delivered before the first was stopped
	FirstStop time.Time           `json:"first_stop"`
	Countries map[string]uint32   `json:"countries,omitempty"`
	Hosts     map[string]uint32   `json:"hosts,omitempty"`
	Brands    map[string]uint32   `json:"brands,omitempty"`
}

// Bounds of what is remembered.
const (
	seenMinutes  = 60
	seenHours    = 24
	seenMost     = 4096 // campaigns
	seenSampled  = 1000 // of those that grow fastest it is written how they grow
	seenNames    = 32   // hosts, brands, countries of a campaign
	stoppedRoom  = 1024
	seenForget   = 72 * time.Hour // as package detect does
	seenEvery    = 20 * time.Second
	senderName   = "name" // of senders that are no lines
	senderShort  = "short"
	countryOther = "other"
)

// stoppedText is what is read of a record before it is used again.
type stoppedText struct {
	id      uint64
	at      int64
	country string
	done    bool // it was in fact stopped
	hosts   []string
	brands  []string
}

func newSeenCampaigns(followed func() *detect.Campaigns) *seenCampaigns {
	return &seenCampaigns{followed: followed, stopped: make(chan stoppedText, stoppedRoom), all: map[string]*seenCampaign{}, early: map[uint64]earlyTexts{}}
}

// note takes in a verdict on its way to the stream. It never waits: what finds no room is not told of.
func (s *seenCampaigns) note(v *record.Verdict) {
	if s == nil || v.Campaign == 0 || !v.Stopped() || len(s.stopped) == cap(s.stopped) {
		return
	}
	t := stoppedText{id: v.Campaign, at: v.Time, country: countryOf(v.From), done: v.Done.Stopped()}
	about := v.About
	for _, name := range v.Rules {
		r := ruleOf(name)
		if r == nil || !r.Tells() || len(about) == 0 {
			continue
		}
		what := about[0]
		about = about[1:]
		switch name {
		case "brand-not-its-link", "brand-beside-link", "brand-in-host", "brand-in-path", "sender-pretends":
			t.brands = append(t.brands, string(what))
		case "link-known-bad", "lookalike-domain", "shortener", "dynamic-dns", "free-hosting", "numeric-host", "idn-mixed", "domain-new", "redirect":
			host, _, _ := bytes.Cut(what, []byte("/"))
			if bytes.IndexByte(host, '.') > 0 && len(host) <= 253 {
				t.hosts = append(t.hosts, string(host))
			}
		}
	}
	select {
	case s.stopped <- t:
	default:
	}
}

// countryOf is the country code of a sender, of whom no more is kept.
func countryOf(a subject.Address) string {
	switch a.Kind() {
	case subject.KindAlphanumeric:
		return senderName
	case subject.KindLine:
		return callingCode(a.String()[1:])
	}
	return senderShort
}

// callingCode is the country code (ITU-T E.164) that a number begins with.
func callingCode(digits string) string {
	n := 3
	switch two := digits[:min(2, len(digits))]; {
	case digits[0] == '1' || digits[0] == '7':
		n = 1
	case slices.Contains(twoDigitCodes, two):
		n = 2
	}
	return digits[:min(n, len(digits))]
}

// twoDigitCodes are the country codes of two digits; others but 1 and 7 have three.
var twoDigitCodes = []string{"20", "27", "30", "31", "32", "33", "34", "36", "39", "40", "41", "43", "44", "45", "46", "47", "48", "49", "51", "52", "53", "54", "55", "56", "57", "58", "60", "61",
	"62", "63", "64", "65", "66", "81", "82", "84", "86", "90", "91", "92", "93", "94", "95", "98"}

// run counts what was stopped, and looks from time to time how campaigns have grown.
func (s *seenCampaigns) run(ctx context.Context) {
	tick := time.NewTicker(seenEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case t := <-s.stopped:
			s.count(&t)
		case <-tick.C:
			s.sample(time.Now())
		}
	}
}

func (s *seenCampaigns) count(t *stoppedText) {
	id := campaignName(t.id)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all[id] == nil {
		if _, ok := s.followed().Find(id, time.Now()); !ok { // no campaign yet: the text goes by its family
			if len(s.early) >= seenMost {
				clear(s.early)
			}
			if e := s.early[t.id]; t.done {
				s.early[t.id] = earlyTexts{e.n + 1, cmp.Or(e.first, t.at)}
			}
			return
		}
	}
	c := s.of(id)
	if c == nil {
		return
	}
	if t.done {
		if c.FirstStop.IsZero() {
			s.first(id, c, t.at)
		}
		c.Stopped++
	}
	tally(&c.Countries, t.country)
	for _, h := range t.hosts {
		tally(&c.Hosts, h)
	}
	for _, b := range t.brands {
		tally(&c.Brands, b)
	}
	c.Last = time.UnixMicro(t.at).UTC()
}

// first notes how many got a campaign before the first of its texts was stopped.
func (s *seenCampaigns) first(id string, c *seenCampaign, at int64) {
	now := time.Now()
	if f, ok := s.followed().Facts(id, now); ok {
		if family, err := strconv.ParseUint(f.Family, 16, 64); err == nil {
			e := s.early[family]
			c.Stopped, at = c.Stopped+e.n, cmp.Or(e.first, at)
			delete(s.early, family)
		}
	}
	c.FirstStop = time.UnixMicro(at).UTC()
	if x, ok := s.followed().Find(id, now); ok {
		c.Before = x.Texts - min(c.Stopped+1, x.Texts)
	}
}

func campaignName(id uint64) string {
	const digits = "0123456789abcdef"
	var b [16]byte
	for i := range b {
		b[i] = digits[id>>(60-4*i)&15]
	}
	return string(b[:])
}

func tally(m *map[string]uint32, key string) {
	if *m == nil {
		*m = map[string]uint32{}
	}
	if _, had := (*m)[key]; !had && len(*m) >= seenNames {
		key = countryOther
	}
	(*m)[key]++
}

// of is what is remembered of a campaign, begun where there is room. mu is held.
func (s *seenCampaigns) of(id string) *seenCampaign {
	c := s.all[id]
	if c == nil && len(s.all) < seenMost {
		c = &seenCampaign{Last: time.Now().UTC()}
		s.all[id] = c
	}
	return c
}

// sample looks how campaigns have grown since, and forgets those that have ended.
func (s *seenCampaigns) sample(now time.Time) {
	list := s.followed().List(now, seenSampled)
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.all) >= seenMost*9/10 { // those unseen for longest make room
		ids := slices.SortedFunc(maps.Keys(s.all), func(a, b string) int { return s.all[a].Last.Compare(s.all[b].Last) })
		for _, id := range ids[:len(ids)/4] {
			delete(s.all, id)
		}
	}
	for i := range list {
		c := s.of(list[i].ID)
		if c == nil {
			continue
		}
		grown := uint64(0)
		switch {
		case c.Texts == 0: // seen for the first time: what the last ten minutes had is of now
			grown = list[i].TenMinutes
		case list[i].Texts > c.Texts:
			grown = list[i].Texts - c.Texts
		}
		c.grow(now, uint32(min(grown, 1<<31)))
		c.Texts = list[i].Texts
		if list[i].Last.After(c.Last) {
			c.Last = list[i].Last
		}
	}
	for id, c := range s.all {
		if now.Sub(c.Last) > seenForget {
			delete(s.all, id)
		}
	}
}

// grow adds texts to the minute and hour of now. Steps in between, in which nobody looked, had none.
func (c *seenCampaign) grow(now time.Time, n uint32) {
	minute, hour := now.Unix()/60, now.Unix()/3600
	if c.At == 0 {
		c.At = minute
	}
	for m := max(c.At+1, minute-seenMinutes+1); m <= minute; m++ {
		c.Minutes[m%seenMinutes] = 0
	}
	for h := max(c.At/60+1, hour-seenHours+1); h <= hour; h++ {
		c.Hours[h%seenHours] = 0
	}
	c.At = max(c.At, minute)
	c.Minutes[c.At%seenMinutes] += n
	c.Hours[c.At/60%seenHours] += n
}

// steps are texts by minute and by hour until now, the oldest first.
func (c *seenCampaign) steps(now time.Time) (minutes, hours []uint32) {
	x := *c
	x.grow(now, 0)
	for m := x.At - seenMinutes + 1; m <= x.At; m++ {
		minutes = append(minutes, x.Minutes[m%seenMinutes])
	}
	for h := x.At/60 - seenHours + 1; h <= x.At/60; h++ {
		hours = append(hours, x.Hours[h%seenHours])
	}
	return minutes, hours
}

// find is a copy of what is remembered of a campaign.
func (s *seenCampaigns) find(id string) (seenCampaign, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.all[id]
	if c == nil {
		return seenCampaign{}, false
	}
	x := *c
	x.Countries, x.Hosts, x.Brands = maps.Clone(c.Countries), maps.Clone(c.Hosts), maps.Clone(c.Brands)
	return x, true
}

// most are the names of a tally, the most counted first.
func most(m map[string]uint32) []string {
	return slices.SortedFunc(maps.Keys(m), func(a, b string) int { return cmp.Or(cmp.Compare(m[b], m[a]), cmp.Compare(a, b)) })
}

func (s *seenCampaigns) save(w io.Writer) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return json.NewEncoder(w).Encode(s.all)
}

func (s *seenCampaigns) load(r io.Reader, name string) error {
	all := map[string]*seenCampaign{}
	if err := json.NewDecoder(io.LimitReader(r, 64<<20)).Decode(&all); err != nil {
		return errors.New(name + ": it cannot be read")
	}
	for id, c := range all {
		if c == nil || c.At < 0 || len(all) > seenMost {
			delete(all, id)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = all
	return nil
}
