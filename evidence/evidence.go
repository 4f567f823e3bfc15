// Package evidence holds what speaks against a line: texts from it that the filter stopped, reports that name it, indicators from
// outside. Standing adds it up, and Weigh says what it comes to. Both are pure: no clock, no store, no lock.
//
// Nothing of a message that was delivered is evidence. Who makes an Item shows the grant of the sender's contract for the purpose
// infection_notice; without one there is none.
package evidence

import (
	"math"

	"github.com/sekisho/sekisho/purpose"
	"github.com/sekisho/sekisho/subject"
)

// Kind is what something is evidence of.
type Kind uint8

const (
	None     Kind = iota
	Stopped       // a text from the line was stopped
	Reported      // somebody reported a text from the line
	Outside       // an indicator of somebody else's names the line
	kinds
)

// Fact is one thing that happened.
type Fact struct {
	Kind     Kind
	Time     int64 // microseconds since 1970 UTC
	Line     subject.Line
	Contract subject.Contract // that held the line then
	Campaign uint64           // of texts of this wording; 0: unknown
	Domain   uint64           // a hash of the registrable domain that the text leads to; 0: it leads nowhere
	Link     uint64           // a hash of where it leads: the domain, or the whole of a short link
	Party    uint64           // a keyed hash of the recipient, or of the reporter
	Quoted   bool             // somebody quotes a text and asks whether it is real, or warns of it
	Spread   bool             // its campaign is known to spread, see Wave
	Shared   bool             // SharedBy lines or more send this very link
	Sure     bool             // the text pretends to come from a company, or is known bad, or the filter has next to no doubt
	Weight   float32          // of a report or an indicator: how far it is to be believed, 0 to 1
}

// Item is a fact that may be held against a line. The zero Item is nothing.
type Item struct{ fact Fact }

// New makes an Item by leave of the sender's contract; false where there is none.
func New(g purpose.Grant, f Fact) (Item, bool) {
	if !g.Covers(purpose.InfectionNotice) || f.Kind == None || f.Kind >= kinds || f.Line == 0 || f.Contract == 0 {
		return Item{}, false
	}
	return Item{f}, true
}

// Known is the item with what is known of its campaign and its link.
func (i Item) Known(spread, shared bool) Item {
	i.fact.Spread, i.fact.Shared = spread, shared
	return i
}

// Fact is what happened.
func (i Item) Fact() Fact { return i.fact }

// halfLife is how long it takes what stands against a line to weigh half as much, in microseconds: 14 days.
const halfLife = 14 * 24 * 3600 * 1e6

// burst is how soon one text follows the other where a program sends: ten minutes.
const burst = 600 * 1e6

// few counts distinct things, exactly up to fewMax; what comes then counts as new.
type few struct {
	n    uint32
	seen [fewMax]uint32
}

const fewMax = 24

// add reports whether h is new.
func (f *few) add(h uint64) bool {
	short := uint32(h>>32) ^ uint32(h)
	for _, s := range f.seen[:min(f.n, fewMax)] {
		if s == short {
			return false
		}
	}
	if f.n < fewMax {
		f.seen[f.n] = short
	}
	f.n++
	return true
}

// Part is what a line sent of one campaign, faded.
type Part struct {
	Campaign     uint64
	FreshLinks   float32 // texts to people who had none yet, with links that it had not used yet
	FreshDomains float32 // the same by domain
	People       float32 // texts to people who had none yet
	Sure         float32 // of them, those that the filter is sure of
	spread       bool    // the campaign spread when its last text came
}

// trust is what share of a part counts: a filter that errs is seldom sure.
func (p *Part) trust() float64 {
	if p.People == 0 {
		return 0
	}
	return 0.5 + 0.5*float64(p.Sure/p.People)
}

const maxParts = 12

// add takes in another part, of whatever campaign.
func (p *Part) add(of *Part) {
	p.FreshLinks, p.FreshDomains, p.People, p.Sure = p.FreshLinks+of.FreshLinks, p.FreshDomains+of.FreshDomains, p.People+of.People, p.Sure+of.Sure
}

func (p *Part) fade(by float32) {
	p.FreshLinks, p.FreshDomains, p.People, p.Sure = p.FreshLinks*by, p.FreshDomains*by, p.People*by, p.Sure*by
}

// Standing is what stands against a line under one contract. It has neither texts nor links nor recipients in it, only counts and
// short hashes.
type Standing struct {
	Line        subject.Line
	Contract    subject.Contract
	First, Last int64  // microseconds since 1970 UTC, of evidence
	Stopped     uint32 // texts
	Quoted      uint32 // of them
	Parts       [maxParts]Part
	Rest        [2]Part // of campaigns for which there was no room: those that do not spread, and those that do
	Shared      float32 // texts to people who had none yet, with links that other lines send too; faded
	Hours       uint32  // in which something of it was stopped
	Turns       uint32  // times that the link changed from one text to the next within burst

	lastHour, lastText     int64
	lastLink               uint64
	people, links, domains few
	reporters              few
	reports                float32 // their weights, each reporter once
	outside                float32
}

// People, Links, Reporters are how many there were; from 24 on an upper bound.
func (s *Standing) People() uint32    { return s.people.n }
func (s *Standing) Links() uint32     { return s.links.n }
func (s *Standing) Reporters() uint32 { return s.reporters.n }

// Add takes in an item. Items of another contract than the first are not: a standing ends with its contract.
func (s *Standing) Add(it Item) {
	f := &it.fact
	if f.Kind == None || s.Contract != 0 && s.Contract != f.Contract {
		return
	}
	if s.Contract == 0 {
		s.Contract, s.First, s.Last = f.Contract, f.Time, f.Time
	}
	s.fade(f.Time)
	s.Line = f.Line
	switch f.Kind {
	case Reported:
		if s.reporters.add(f.Party) {
			s.reports += f.Weight
		}
	case Outside:
		s.outside = max(s.outside, f.Weight)
	case Stopped:
		s.Stopped++
		if f.Quoted {
			s.Quoted++
			return
		}
		if hour := f.Time / 3600e6; hour != s.lastHour {
			s.lastHour = hour
			s.Hours++
		}
		if f.Link != 0 {
			if s.lastLink != 0 && f.Link != s.lastLink && f.Time-s.lastText <= burst {
				s.Turns++
			}
			s.lastLink, s.lastText = f.Link, f.Time
		}
		person := s.people.add(f.Party)
		link := f.Link != 0 && s.links.add(f.Link)
		domain := f.Domain != 0 && s.domains.add(f.Domain)
		if !person {
			return
		}
		if f.Shared {
			s.Shared++
		}
		p := s.part(f.Campaign)
		p.People++
		p.spread = f.Spread
		if f.Sure {
			p.Sure++
		}
		if link {
			p.FreshLinks++
		}
		if domain {
			p.FreshDomains++
		}
	}
}

// fade makes what is old weigh less.
func (s *Standing) fade(now int64) {
	if now <= s.Last {
		return
	}
	by := float32(math.Exp2(-float64(now-s.Last) / halfLife))
	for i := range s.Parts {
		s.Parts[i].fade(by)
	}
	s.Rest[0].fade(by)
	s.Rest[1].fade(by)
	s.Shared *= by
	s.reports, s.outside = s.reports*by, s.outside*by
	s.Last = now
}

// part finds that of a campaign; where there are too many the least makes room.
func (s *Standing) part(campaign uint64) *Part {
	least := 0
	for i := range s.Parts {
		p := &s.Parts[i]
		if p.Campaign == campaign || p.People == 0 {
			p.Campaign = campaign
			return p
		}
		if p.People < s.Parts[least].People {
			least = i
		}
	}
	rest := 0
	if s.Parts[least].spread {
		rest = 1
	}
	s.Rest[rest].add(&s.Parts[least])
	s.Parts[least] = Part{Campaign: campaign}
	return &s.Parts[least]
}

// Campaigns are those that it sent of, those first that it sent most of.
func (s *Standing) Campaigns() (all []uint64) {
	left := s.Parts
	for {
		most := -1
		for i, p := range left {
			if p.People > 0 && p.Campaign != 0 && (most < 0 || p.People > left[most].People) {
				most = i
			}
		}
		if most < 0 {
			return all
		}
		all = append(all, left[most].Campaign)
		left[most].People = 0
	}
}
