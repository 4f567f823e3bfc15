package inspect

import (
	"bytes"

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
	if l.Flags&message.LinkRedirect != 0 {
		return linkShortened
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
	if l.Flags&message.LinkUserinfo == 0 && s.popular.has(l.Domain) {
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

// context tells the features of what a text, or a part of it, wants and tells, beside where it leads and who sent it.
func (s *state) context(m *message.Message, r *Report, to *symbols, said lures, words []uint16) {
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
	to.add(shapeLeads, leads)
	to.add(shapeRoute, route<<8|leads)
	to.add(shapeSender, sender<<8|leads)
	to.add(shapeClaim, claim<<16|sender<<8|leads)
	to.add(shapeClaimRoute, claim<<16|route<<8|leads)
	// What it says.
	if said&allStories == 0 {
		to.add(shapeQuiet, leads<<8|sender)
	}
	for all := said; all != 0; {
		l := uint64(all.next())
		to.add(shapeLure, l)
		to.add(shapeLureLeads, l<<8|leads)
		to.add(shapeLureSender, l<<8|sender<<1|min(leads, 1))
	}
	for stories := said & allStories; stories != 0; {
		story := uint64(stories.next())
		for others := said &^ allStories; others != 0; {
			other := uint64(others.next())
			to.add(shapePair, story<<8|other)
			if lure(other) < storyParcel {
				to.add(shapePairLeads, story<<16|other<<8|leads)
			}
		}
	}
	if w.quoted > 0 {
		asks := uint64(said>>markWarn&1) | uint64(said>>markReal&1)<<1 | uint64(w.outside&(1<<markWarn|1<<markReal))>>markWarn<<2
		to.add(shapeQuoted, asks)
		to.add(shapeQuoted, 1<<8|asks<<2|uint64(w.quoted))
		to.add(shapeQuoted, 2<<8|asks<<16|leads)
		to.add(shapeQuoted, 3<<8|asks<<16|sender)
	}
	// Of what it speaks: each word, and each two of them.
	for i, a := range words {
		ha := s.words[a]
		to.pair(ha)
		to.pair(ha*31 ^ leads)
		for _, b := range words[:i] {
			to.pair(ha ^ s.words[b])
		}
	}
}

// minQuoted is how many octets a quotation has at least.
const minQuoted = 30

// quotes are how people quote, the plainest last.
var quotes = []struct{ opens, closes []byte }{
	{[]byte("「"), []byte("」")}, {[]byte("『"), []byte("』")}, {[]byte("«"), []byte("»")}, {[]byte("„"), []byte(`"`)}, {[]byte(`"`), []byte(`"`)},
	{[]byte("---"), []byte("---")}, {[]byte("\n"), []byte("\n")}, {[]byte(">"), []byte("\n")},
}

// marked is how many of them are marks that do nothing else.
const marked = 6

// quotation finds what is quoted in a text: from the first mark that opens to the last that closes. Lines by themselves are
// taken for a quotation only where that is asked for: everybody writes lines.
func quotation(text []byte, lines bool) (start, end int, ok bool) {
	for i, q := range quotes {
		if i >= marked && !lines {
			break
		}
		start = bytes.Index(text, q.opens)
		if start < 0 {
			continue
		}
		start += len(q.opens)
		if end = bytes.LastIndex(text[start:], q.closes); end < minQuoted {
			end = len(text) - start // it is never closed, or closed at once and opened again
		}
		if end >= minQuoted {
			return start, start + end, true
		}
	}
	return 0, 0, false
}

// quote looks for a quotation, and for what is said around it. Who asks whether a text is real, or warns of one, quotes it whole,
// link and all; what stands around it is his.
func (s *state) quote(r *Report) {
	w, text := &r.work, r.Folded.Text
	asks := w.said.lures&(1<<markWarn|1<<markReal) != 0
	start, end, ok := quotation(text, asks)
	if !ok {
		return
	}
	w.quoted = 1
	switch n := end - start; {
	case n*10 >= len(text)*9:
		w.quoted = 3
	case n*2 >= len(text):
		w.quoted = 2
	}
	if !asks {
		return
	}
	around := &w.around
	around.reset()
	around.folded = nil
	s.phrases.find(text[:start], nil, around)
	s.phrases.find(text[end:], nil, around)
	w.outside = around.lures
	if w.outside&(1<<markWarn|1<<markReal) != 0 {
		r.meet(quotesFraud, nil, message.Span{})
	}
}
