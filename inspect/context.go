package inspect

import (
	"github.com/sekisho/sekisho/message"
	"github.com/sekisho/sekisho/subject"
)

// linkClass says how much stands behind a link, by who can have one of its kind. Of several links the one with the
// least counts. The order is part of the features.
type linkClass uint8

const (
	linkNone      linkClass = iota
	linkOfficial            // the official site of a brand
	linkPopular             // a domain that many people go to, on which not everybody can write
	linkOther               // nothing is known
	linkShortened           // leads anywhere
	linkFree                // anybody can have a page there
	linkDynamic             // a throw-away name
	linkNumber              // a bare address
	linkClasses
)

// classify tells the class of a link.
func (s *state) classify(l *message.Link, claims []uint16) linkClass {
	if l.Flags&message.LinkAddress != 0 {
		return linkNumber
	}
	switch k := s.hosts.kind(l.Host); {
	case k&hostDynamic != 0:
		return linkDynamic
	case k&hostFree != 0:
		return linkFree
	case k&hostShortener != 0:
		return linkShortened
	}
	if _, ok := s.vouched(l, claims); ok {
		return linkOfficial
	}
	if l.Flags&(message.LinkRedirect|message.LinkUserinfo) == 0 && s.popular.has(l.Domain) {
		return linkPopular
	}
	return linkOther
}

// numberClass says what kind of telephone number stands in a text. The order is part of the features.
type numberClass uint8

const (
	numberOther   numberClass = iota + 1 // a fixed line of home, a special one
	numberMobile                         // a mobile one of home
	numberFree                           // 0120, 0800: the owner pays
	numberService                        // 0570
	numberIP                             // 050
	numberAbroad                         // of another country
)

// number tells the class of a line. Prefixes are those of Japan's numbering plan (MIC).
func (s *state) number(l subject.Line) numberClass {
	if !s.isHome(l) {
		return numberAbroad
	}
	if s.home != subject.Japan {
		return numberOther
	}
	for l >= 1_000_000 {
		l /= 10
	}
	switch {
	case l/10 == 81120 || l/10 == 81800: // 080 0 is given to no mobile
		return numberFree
	case s.mobile(l):
		return numberMobile
	case l/10 == 81570:
		return numberService
	case l/100 == 8150:
		return numberIP
	}
	return numberOther
}

// senderClass says what kind of sender a message has, as far as it is told.
type senderClass uint8

const (
	senderUnknown senderClass = iota
	senderHandset             // a mobile line of home
	senderAbroad              // a line of another country
	senderFixed               // another line of home
	senderShort               // a short code
	senderName                // letters
)

func (s *state) sender(a *subject.Address) senderClass {
	switch a.Kind() {
	case subject.KindLine:
		switch l := a.Line(); {
		case !s.isHome(l):
			return senderAbroad
		case s.mobile(l):
			return senderHandset
		}
		return senderFixed
	case subject.KindShort:
		return senderShort
	case subject.KindAlphanumeric:
		return senderName
	}
	return senderUnknown
}

// isHome reports whether a line has the country code of home.
func (s *state) isHome(l subject.Line) bool {
	for l > subject.Line(s.home) {
		l /= 10
	}
	return l == subject.Line(s.home)
}

// context tells the features of what the text wants and tells, beside where it leads and who sent it.
func (s *state) context(m *message.Message, r *Report) {
	w := &r.work
	class := linkNone
	for _, c := range w.classes {
		class = max(class, c)
	}
	sender := uint64(s.sender(&m.From))
	route := uint64(m.Route)
	number := numberClass(0)
	for _, n := range w.numbers {
		number = max(number, n)
	}
	claim := uint64(0)
	if len(w.claims) > 0 {
		claim = 1
	}
	// What it leads to and from whom, in every combination.
	leads := uint64(class)<<3 | uint64(number)
	w.add(shapeLeads, leads)
	w.add(shapeRoute, route<<8|leads)
	w.add(shapeSender, sender<<8|leads)
	w.add(shapeClaim, claim<<16|sender<<8|leads)
	w.add(shapeClaimRoute, claim<<16|route<<8|leads)
	// What it says.
	said := w.said.lures
	if said&allStories == 0 {
		w.add(shapeQuiet, leads<<8|sender)
	}
	for all := said; all != 0; {
		l := uint64(all.next())
		w.add(shapeLure, l)
		w.add(shapeLureLeads, l<<8|leads)
		w.add(shapeLureSender, l<<8|sender<<1|min(leads, 1))
	}
	for stories := said & allStories; stories != 0; {
		story := uint64(stories.next())
		for others := said &^ allStories; others != 0; {
			other := uint64(others.next())
			w.add(shapePair, story<<8|other)
			if lure(other) < storyParcel {
				w.add(shapePairLeads, story<<16|other<<8|leads)
			}
		}
	}
	// Of what it speaks: each word, and each two of them.
	for i, a := range w.said.words {
		ha := s.words[a]
		w.pair(ha)
		w.pair(ha*31 ^ leads)
		for _, b := range w.said.words[:i] {
			w.pair(ha ^ s.words[b])
		}
	}
}
