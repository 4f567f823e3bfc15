package evidence

import "fmt"

// Wave is what stopped texts of a campaign are known to come from, of all lines together.
type Wave struct {
	Senders uint32 // lines
	Links   uint32 // distinct ones
}

// Spreads reports whether many lines send it with ever new links. What one club sends to its ninety members has one sender; what people
// pass on to each other has one link.
func (w Wave) Spreads() bool {
	return w.Senders >= spreadSenders && w.Links >= spreadSenders && (2*w.Links >= w.Senders || w.Links >= spreadLinks) ||
		w.Senders >= spreadMany
}

// SharedBy is how many lines send a link until it counts as shared.
const SharedBy = 4

// Weights, in points: a line is suspect from Suspect points on.
//
// What malware does and people do not is to lead ever new people to ever new places with the words that other phones use too. So each text
// to a new person with a new link counts in full where the campaign is known to spread, and somewhat less where this line is
// the only one we know. The same link again says little: people forward a scam to warn others, a shop has one site. That is
// capped, and the cap rises only where the filter is sure (a shop pretends to be nobody) and many lines send the same, for more people than anybody
// has to warn, with several links, with one that other lines send too (a club's link is its own), or for many hours. Reports and outside indicators corroborate what was stopped and count for nothing without it: whoever wants
// a line convicted could file any number of them.
const (
	Suspect = 5

	freshSpread   = 1
	freshAlone    = 0.6
	againSpread   = 0.45
	againAlone    = 0.1
	againMost     = 3 // of againSpread, for as many as people warn
	againUnsure   = 1
	againPerson   = 0.15 // more for each person after
	againPeople   = 12
	againHours    = 8  // the cap rises only then, or
	againLinks    = 3  // where the line has had more links than people pass on
	againSenders  = 10 // and only where so many lines send it: clubs copy each other's words too
	againOutbreak = 0.3
	aloneMost     = 1
	spreadSenders = 3
	spreadMany    = 8   // so many lines are enough, whatever the links; what people pass on to each other stays below the caps
	spreadLinks   = 8   // so many are enough, however many lines share them
	sharedPeople  = 15  // whoever sends more people a link that other lines send too does not warn them
	turn          = 0.5 // people who pass on two scams do so at different times
	turnsMost     = 1.5
	report        = 0.7
	reportsMost   = 2
	outsideMost   = 1.5
	corroborated  = 1.5 // points by stopped texts from which on reports count

	minPeople = 4
	minTexts  = 5
)

// Score is what evidence comes to.
type Score struct {
	Points  float64
	Suspect bool
	Reasons []Reason
}

// Reason is a part of a score, in a sentence in English and in Japanese.
type Reason struct {
	Name   string    `json:"rule"`
	Points float64   `json:"points"`
	Why    [2]string `json:"why"`
}

// Weigh says what a standing comes to, given what is known of campaigns. Reasons are told where tell is set.
func Weigh(s *Standing, wave func(campaign uint64) Wave, tell bool) Score {
	var fresh, again, alone, aloneAgain, sure float64
	senders := uint32(0)
	count := func(p *Part, spreads bool) {
		if p.People == 0 {
			return
		}
		t := p.trust()
		if spreads {
			fresh += freshSpread * float64(p.FreshLinks)
			again += t * againSpread * float64(p.People-p.FreshLinks)
			sure = max(sure, float64(p.Sure/p.People))
			return
		}
		alone += t * freshAlone * float64(p.FreshDomains)
		aloneAgain += t * againAlone * float64(p.People-p.FreshDomains)
	}
	for i := range s.Parts {
		w := wave(s.Parts[i].Campaign)
		spreads := s.Parts[i].Campaign != 0 && w.Spreads()
		if count(&s.Parts[i], spreads); spreads {
			senders = max(senders, w.Senders)
		}
	}
	count(&s.Rest[0], false)
	count(&s.Rest[1], true)
	most := float64(againUnsure)
	if sure >= 0.5 {
		most = againMost
		switch over := max(0, float64(s.people.n)-againPeople); {
		case s.links.n >= againLinks && senders >= againSenders:
			most += againOutbreak * over
		case senders >= againSenders && s.Hours >= againHours:
			most += againPerson * over
		}
	}
	most += againOutbreak * max(0, float64(s.Shared)-sharedPeople)
	again, aloneAgain = min(again, most), min(aloneAgain, aloneMost)
	turns := 0.0
	if fresh > 0 {
		turns = min(turn*float64(s.Turns), turnsMost)
	}
	sc := Score{Points: fresh + again + alone + aloneAgain + turns}
	reports, outside := 0.0, 0.0
	if sc.Points >= corroborated && s.Stopped >= 2 && s.links.n >= 2 {
		reports = min(report*float64(s.reports), reportsMost)
		outside = min(outsideMost*float64(s.outside), outsideMost)
	}
	sc.Points += reports + outside
	sc.Suspect = sc.Points >= Suspect && s.people.n >= minPeople && s.Stopped >= minTexts
	if !tell {
		return sc
	}
	n, people, links := s.Stopped-s.Quoted, s.people.n, s.links.n
	if fresh+again > 0 {
		sc.reason("campaign-of-many-lines", fresh+again,
			fmt.Sprintf("%d texts from this line were stopped, to %s people with %s links; at least %d lines send this wording with ever new links.", n, many(people), many(links), senders),
			fmt.Sprintf("この回線からのSMSを%d通阻止しました。宛先は%s、リンクは%sです。同じ文面が少なくとも%d回線から、リンクを変えながら送られています。", n, manyJa(people, "人"), manyJa(links, "種類"), senders))
	}
	if alone+aloneAgain > 0 {
		sc.reason("links-change", alone+aloneAgain,
			fmt.Sprintf("%d texts from this line were stopped, to %s people, leading to %s sites.", n, many(people), many(s.domains.n)),
			fmt.Sprintf("この回線からのSMSを%d通阻止しました。宛先は%s、リンク先は%sです。", n, manyJa(people, "人"), manyJa(s.domains.n, "サイト")))
	}
	if turns > 0 {
		sc.reason("links-turn", turns, "The link changed from one text to the next within minutes, as a program does it.", "数分のうちにリンクを変えながら続けて送っており、プログラムによる送信とみられます。")
	}
	if s.Hours > 1 {
		sc.reason("goes-on", 0, fmt.Sprintf("It sent in %d different hours.", s.Hours), fmt.Sprintf("%d時間帯にわたって送信しています。", s.Hours))
	}
	if reports > 0 {
		sc.reason("reported", reports, fmt.Sprintf("%s people reported texts from it.", many(s.reporters.n)), fmt.Sprintf("%sから通報がありました。", manyJa(s.reporters.n, "人")))
	}
	if outside > 0 {
		sc.reason("named-outside", outside, "An indicator from outside names it.", "外部から提供された情報にも挙がっています。")
	}
	if s.Quoted > 0 {
		sc.reason("quotes", 0, fmt.Sprintf("%d further texts quote fraud to warn or to ask; they do not count.", s.Quoted),
			fmt.Sprintf("ほかに、注意喚起や確認のため詐欺の文面を引用したものが%d通ありますが、根拠に含めていません。", s.Quoted))
	}
	return sc
}

func (s *Score) reason(name string, points float64, why ...string) {
	s.Reasons = append(s.Reasons, Reason{name, points, [2]string(why)})
}

// many writes a count that is exact only up to fewMax.
func many(n uint32) string {
	if n > fewMax {
		return fmt.Sprintf("more than %d", fewMax)
	}
	return fmt.Sprint(n)
}

func manyJa(n uint32, of string) string {
	if n > fewMax {
		return fmt.Sprintf("%d%s超", fewMax, of)
	}
	return fmt.Sprint(n) + of
}
