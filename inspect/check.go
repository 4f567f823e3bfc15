package inspect

import (
	"bytes"
	"slices"

	"github.com/sekisho/sekisho/message"
	"github.com/sekisho/sekisho/subject"
)

// work is what inspecting one message keeps in hand.
type work struct {
	hits    []hit
	met     uint64   // rules met, by bit: each is told once, about the first place
	claims  []uint16 // brands that the text says it is from
	names   []uint16 // brands that it only names
	brands  [][]byte // the names of all brands, by number
	said    said
	around  said // what is said around a quotation
	outside lures
	quoted  int // how much of the text is a quotation, see state.quote
	about   []byte
	leads   []message.Link // where links lead, see state.lead
	symbols
	window symbols // a part of them, see Model.score
}

func (w *work) reset() {
	w.hits, w.claims, w.names, w.about, w.met = w.hits[:0], w.claims[:0], w.names[:0], w.about[:0], 0
	w.said.reset()
	w.outside, w.quoted = 0, 0
	w.symbols.reset()
}

const maxNamed = 8 // brands that one text is held to name

// meet tells a finding, once for each rule.
func (r *Report) meet(id ruleID, about []byte, span message.Span) {
	if r.work.met&(1<<id) != 0 {
		return
	}
	r.work.met |= 1 << id
	r.Findings = append(r.Findings, Finding{Rule: &Rules[id], About: about, Span: span})
}

func (r *Report) has(id ruleID) bool { return r.work.met&(1<<id) != 0 }

// check meets all rules, the heaviest first.
func (s *state) check(m *message.Message, r *Report) {
	r.work.leads = r.work.leads[:0]
	for i := range r.Folded.Links {
		r.work.leads = append(r.work.leads, s.lead(&r.Folded.Links[i]))
	}
	s.known(m, r)
	s.named(m, r)
	s.links(r)
	s.borrowed(m, r)
	tricks(r)
	s.letters(m, r)
	s.quote(r)
}

// known asks the indicators.
func (s *state) known(m *message.Message, r *Report) {
	if s.indicators == nil {
		return
	}
	known := s.indicators()
	if known == nil {
		return
	}
	for i := range r.Folded.Links {
		l := &r.Folded.Links[i]
		url, host := known.LookupURL(l.URL), known.LookupHost(l.Host, l.Domain)
		if len(l.Target) > 0 && known.LookupHost(l.Target, l.TargetDomain).Bad {
			r.meet(linkKnownBad, l.Target, l.Span)
		}
		switch {
		case url.Bad || host.Bad && !host.Good && !url.Good:
			r.meet(linkKnownBad, l.Host, l.Span)
		case url.Good || host.Good:
			r.meet(linkKnownGood, l.Host, l.Span)
		}
	}
	for i := range r.Folded.Numbers {
		n := &r.Folded.Numbers[i]
		if n.Line != 0 && known.LookupLine(n.Line).Bad {
			r.meet(numberKnownBad, r.rangeOf(n.Line), n.Span)
		}
	}
	switch m.From.Kind() {
	case subject.KindLine:
		if known.LookupLine(m.From.Line()).Bad {
			r.meet(senderKnownBad, r.rangeOf(m.From.Line()), message.Span{})
		}
	case subject.KindShort, subject.KindAlphanumeric:
		if known.LookupSender(m.From.Bytes()).Bad {
			r.meet(senderKnownBad, r.keep(m.From.Bytes()), message.Span{})
		}
	}
	if known.LookupFamily(r.Folded.Family).Bad && s.astray(m, r) {
		r.meet(textKnownBad, nil, message.Span{})
	}
}

// astray reports whether a text leads away from the sites of well-known houses, or, without a link, comes from a handset or from abroad: fraud copies the
// very words of honest notices, which must not suffer for it.
func (s *state) astray(m *message.Message, r *Report) bool {
	for i := range r.Folded.Links {
		if l := &r.Folded.Links[i]; !s.popular.has(l.Domain) && len(s.brands.official(l.Host)) == 0 {
			return true
		}
	}
	return len(r.Folded.Links) == 0 && m.Route != message.A2P
}

// lead is a link as it leads: of one that a well-known house passes on to another site, that site. Of another redirector its own
// host counts, which may lead anywhere tomorrow.
func (s *state) lead(l *message.Link) message.Link {
	to := *l
	if len(l.Target) > 0 && l.Flags&message.LinkUserinfo == 0 && (s.popular.has(l.Domain) || len(s.brands.official(l.Host)) > 0) {
		to.Host, to.Domain, to.Path, to.URL = l.Target, l.TargetDomain, nil, l.Target
		to.Flags &^= message.LinkRedirect
	}
	return to
}

// rangeOf names a number so far that people know which is meant, and no farther.
func (r *Report) rangeOf(l subject.Line) []byte {
	start := len(r.work.about)
	b := l.Append(r.work.about)
	if end := start + 6; len(b) > end {
		b = append(b[:end], "…"...)
	}
	r.work.about = b
	return b[start:len(b):len(b)]
}

func (r *Report) keep(b []byte) []byte {
	start := len(r.work.about)
	r.work.about = append(r.work.about, b...)
	return r.work.about[start:len(r.work.about):len(r.work.about)]
}

// named sorts the brands in the text into those that it claims to come from and those it only names.
func (s *state) named(m *message.Message, r *Report) {
	w := &r.work
	for _, h := range w.hits {
		if h.phrase.kind > phraseBrandHead || inLink(&r.Folded, h.start) {
			continue
		}
		switch {
		case claims(r.Folded.Text, h):
			w.claims = addBrand(w.claims, h.phrase.id)
		case h.phrase.kind == phraseBrand:
			w.names = addBrand(w.names, h.phrase.id)
		}
	}
	if m.From.Kind() != subject.KindAlphanumeric {
		return
	}
	var lower [subject.MaxAddress]byte
	from := lower[:copy(lower[:], m.From.Bytes())]
	for i, c := range from {
		if c-'A' < 26 {
			from[i] = c + 'a' - 'A'
		}
	}
	first := len(w.hits)
	w.hits = s.phrases.find(from, w.hits, nil)
	for _, h := range w.hits[first:] {
		if h.phrase.kind <= phraseBrandHead {
			w.claims = addBrand(w.claims, h.phrase.id)
		}
	}
	w.hits = w.hits[:first]
}

// inLink reports whether a place in the folded text belongs to a link: a name there is the link's.
func inLink(f *message.Folded, at int32) bool {
	o := f.Origin[at]
	for i := range f.Links {
		if s := f.Links[i].Span; o >= s.Start && o < s.End {
			return true
		}
	}
	return false
}

func addBrand(list []uint16, id uint16) []uint16 {
	if len(list) >= maxNamed || slices.Contains(list, id) {
		return list
	}
	return append(list, id)
}

// headOctets is how far into a text its head goes, where it says who it is from.
const headOctets = 72

// claims reports whether a text says by this name who it is from: the name stands in brackets at its
// head, or first of all with a colon or the like behind it, or with the words of somebody who
// introduces himself.
func claims(text []byte, h hit) bool {
	before, after := text[:h.start], text[h.end:]
	if introduces(after) {
		return true
	}
	if len(before) > headOctets {
		return false
	}
	before = bytes.TrimRight(before, " ")
	if opened(before) {
		return true
	}
	if !noLetters(before) {
		return false
	}
	return h.phrase.kind == phraseBrand || closed(after)
}

var introductions = [][]byte{[]byte("です"), []byte("でございます"), []byte("より"), []byte("からの"), []byte("カスタマー"), []byte("サポート"),
	[]byte("お客様センター"), []byte("お客さまセンター"), []byte("をご利用"), []byte("customer"), []byte("support"), []byte("security team")}

func introduces(after []byte) bool {
	after = bytes.TrimLeft(after, " ")
	for _, s := range introductions {
		if bytes.HasPrefix(after, s) {
			return true
		}
	}
	return false
}

var brackets = [][]byte{[]byte("["), []byte("("), []byte("<"), []byte("【"), []byte("「"), []byte("『"), []byte("《"), []byte("〈"),
	[]byte("〔"), []byte("≪"), []byte("*"), []byte("■"), []byte("◆")}

func opened(before []byte) bool {
	for _, b := range brackets {
		if bytes.HasSuffix(before, b) {
			return true
		}
	}
	return false
}

// closed reports whether a name at the very head ends there.
func closed(after []byte) bool {
	if len(after) == 0 {
		return false
	}
	switch after[0] {
	case ':', ']', ')', '>', '*', '-', '\n', '|', '/':
		return true
	case ' ':
		return len(after) > 1 && (after[1] == '-' || after[1] == ':' || after[1] >= 0x80)
	}
	return bytes.HasPrefix(after, []byte("】")) || bytes.HasPrefix(after, []byte("」")) || bytes.HasPrefix(after, []byte("』")) ||
		bytes.HasPrefix(after, []byte("お客"))
}

func noLetters(b []byte) bool {
	for _, c := range b {
		if alnum(c) || c >= 0xC3 && c != 0xE2 && c != 0xF0 { // symbols and pictures start E2, F0
			return false
		}
	}
	return true
}

// borrowed compares whom the text claims to come from with where it leads and who sent it.
func (s *state) borrowed(m *message.Message, r *Report) {
	w, f := &r.work, &r.Folded
	foreign := -1 // the first link that no official site vouches for
	official := uint16(0)
	for i := range f.Links {
		l := &f.Links[i]
		id, ok := s.vouched(l, w.claims)
		if !ok && foreign < 0 {
			foreign = i
		}
		official = id
	}
	if len(f.Links) > 0 && foreign < 0 {
		r.meet(officialLinkOnly, s.names[official], f.Links[0].Span)
	}
	if foreign >= 0 {
		span := f.Links[foreign].Span
		for _, id := range w.claims {
			if !s.leadsTo(f, id) {
				r.meet(brandNotItsLink, s.names[id], span)
			}
		}
		for _, id := range w.names {
			if !r.has(brandNotItsLink) && !s.leadsTo(f, id) {
				r.meet(brandBesideLink, s.names[id], span)
			}
		}
		if m.Route == message.P2P {
			r.meet(linkFromP2P, f.Links[foreign].Host, span)
		}
	}
	if (len(f.Links) > 0 || len(f.Numbers) > 0) && s.private(m) {
		for _, id := range w.claims {
			if !s.sends(id, &m.From) {
				r.meet(senderPretends, s.names[id], message.Span{})
			}
		}
	}
}

// vouched reports whether the link leads to an official site, and whose. A service on whose domain
// everybody can write vouches only for what it says in its own name; a site that leads on to another
// vouches for nothing.
func (s *state) vouched(l *message.Link, claims []uint16) (uint16, bool) {
	if l.Flags&(message.LinkRedirect|message.LinkUserinfo|message.LinkAddress) != 0 || s.hosts.kind(l.Host) != 0 {
		return 0, false
	}
	for _, id := range s.brands.official(l.Host) {
		if s.brands.list[id].Kind != "service" || slices.Contains(claims, id) {
			return id, true
		}
	}
	return 0, false
}

func (s *state) leadsTo(f *message.Folded, id uint16) bool {
	for i := range f.Links {
		l := &f.Links[i]
		if l.Flags&(message.LinkRedirect|message.LinkUserinfo) == 0 && s.brands.owns(id, l.Host) {
			return true
		}
	}
	return false
}

// private reports whether the message comes from somebody's own telephone, or from abroad: a business
// sends by an aggregator.
func (s *state) private(m *message.Message) bool {
	switch m.Route {
	case message.P2P:
		return true
	case message.A2P, message.Mail:
		return false
	}
	line := m.From.Line()
	return line != 0 && (m.Route == message.Intl || s.mobile(line))
}

// mobile reports whether a line is a mobile one of Japan (070, 080, 090; MIC numbering plan) or a line of
// another country than home.
func (s *state) mobile(l subject.Line) bool {
	top := l
	for top >= 10000 {
		top /= 10
	}
	if s.home != subject.Japan {
		return false
	}
	return top/100 != subject.Japan || top == 8170 || top == 8180 || top == 8190
}

// sends reports whether the sender is an official one of the brand.
func (s *state) sends(id uint16, from *subject.Address) bool {
	return slices.Contains(s.brands.senders[string(from.Bytes())], id)
}

// links looks at each link by itself.
func (s *state) links(r *Report) {
	for i := range r.Folded.Links {
		l, flags := &r.work.leads[i], r.Folded.Links[i].Flags
		kind := s.hosts.kind(l.Host)
		if kind&hostShortener != 0 {
			r.meet(shortener, l.Host, l.Span)
		}
		if kind&hostDynamic != 0 {
			r.meet(dynamicDNS, l.Host, l.Span)
		}
		if kind&hostFree != 0 {
			r.meet(freeHosting, l.Host, l.Span)
		}
		for _, c := range linkRules {
			if flags&c.flag != 0 {
				r.meet(c.rule, l.Host, l.Span)
			}
		}
		if l.Flags&message.LinkAddress == 0 && len(s.brands.official(l.Host)) == 0 {
			s.labels.check(r, l)
		}
	}
}

var linkRules = []struct {
	flag message.LinkFlags
	rule ruleID
}{
	{message.LinkAddress, numericHost},
	{message.LinkMixed, idnMixed},
	{message.LinkUserinfo, userinfoTrick},
	{message.LinkDisguised, disguisedLink},
	{message.LinkRedirect, redirect},
}

// tricks tells what honest writers hardly ever do with letters.
func tricks(r *Report) {
	t := &r.Folded.Tricks
	for _, c := range [...]struct {
		met  bool
		rule ruleID
	}{
		{t.MixedWords > 0, mixedScriptWord},
		{t.Invisible > 0, invisibleLetters},
		{t.LookAlikes > 0, lookAlikeLetters},
		{t.SpacedLetter > 2 || t.Marks > 2, spacedLetters},
		{t.Simplified > 0, chineseForms},
	} {
		if c.met {
			r.meet(c.rule, nil, message.Span{})
		}
	}
}

// letters tells what the words say without any link.
func (s *state) letters(m *message.Message, r *Report) {
	switch m.Decoding {
	case message.Undecodable:
		r.meet(textUndecodable, nil, message.Span{})
	case message.Ambiguous:
		r.meet(textAmbiguous, nil, message.Span{})
	}
	if r.Folded.Cut {
		r.meet(textTooLong, nil, message.Span{})
	}
	f := &r.Folded
	if len(f.Links) > 0 {
		return
	}
	said := &r.work.said
	urged := said.lures&(1<<toneUrgent|1<<toneThreat) != 0 && said.has(wantCall)
	if urged && len(f.Numbers) > 0 {
		n := &f.Numbers[0]
		about := n.Raw[:min(len(n.Raw), 4)]
		if n.Line != 0 {
			about = r.rangeOf(n.Line)
		}
		r.meet(callbackNumber, about, n.Span)
	}
	if said.has(storyCode) && !said.has(wantCode) && !urged && len(f.Numbers) == 0 && hasCode(f.Text) {
		r.meet(oneTimeCode, nil, message.Span{})
	}
}

// hasCode reports whether digits stand in the text as a code does: four to eight of them.
func hasCode(text []byte) bool {
	run := 0
	for i := 0; i <= len(text); i++ {
		if i < len(text) && text[i]-'0' <= 9 {
			run++
			continue
		}
		if run >= 4 && run <= 8 {
			return true
		}
		if run == 3 && i+3 < len(text) && (text[i] == ' ' || text[i] == '-') && text[i+1]-'0' <= 9 {
			return true // 123 456
		}
		run = 0
	}
	return false
}
