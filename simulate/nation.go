package simulate

import (
	"cmp"
	"container/heap"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sekisho/sekisho/message"
	"github.com/sekisho/sekisho/subject"
)

// NationConfig says how large a Nation is. Zero means the default.
type NationConfig struct {
	Lines    int       // subscribers; 1,000,000, at most 16,000,000
	Days     int       // 3
	Infected float64   // share of lines whose phones malware uses; 0.001
	Reported float64   // share of fraud that its recipient reports; 0.01
	Quiet    float64   // honest texts from a handset a day; 0.05 (most people write elsewhere)
	Start    time.Time // 2026-04-06, a Monday, in Japan
}

// Nation is a country in small, for days: people who write to their friends, businesses, clubs whose one text goes to ninety, shops that send from a
// handset; phones that malware uses, by several families; people who pass a scam on to warn or to ask, who report it, and who
// report honest lines out of malice; contracts that opt out, and lines that change hands. Everything comes out of the seed.
// It is not for concurrent use.
type Nation struct {
	c       NationConfig
	seed    uint64
	drawn   uint64
	due     dueEvents
	serial  uint64
	ids     uint64
	honest  [2][]*template // by p2p and a2p
	weights [2]int
	waves   []*malware
	holders map[uint64]int // contracts that lines had beyond the first
	truth   []Infection
	opted   map[uint64]bool
}

// Infection is what is true of a line: malware used its phone.
type Infection struct {
	Line     subject.Line
	Contract string
	Family   string
	From, To time.Time
	OptedOut bool // of infection_notice
}

// Happening is one event of a Nation; exactly one of its pointers is set.
type Happening struct {
	Time     time.Time
	Text     *Text
	Report   *TextReport
	Contract *ContractEvent
	Consent  *ConsentEvent
}

// Text is a message.
type Text struct {
	ID       string
	Route    message.Route
	From, To subject.Address
	Text     string
	Label    message.Class
}

// TextReport is a report to 7726.
type TextReport struct {
	Reporter, Suspect subject.Line
	Text              string
}

// ContractEvent is what happens to a line; Event is assign, release, port_in, port_out or sim.
type ContractEvent struct {
	Contract, Event string
	Line            subject.Line
}

// ConsentEvent is a choice about infection_notice.
type ConsentEvent struct {
	Line    subject.Line
	Granted bool
}

// malware is a family of it: how its phones send.
type malware struct {
	name     string
	template *template
	which    uint64
	begins   time.Duration
	rotate   int     // texts on a host before the next; 0: a host an hour for all phones; -1: one for each phone, for four hours
	burst    int     // texts a burst
	gap      [2]int  // minutes between bursts, from and to
	pause    float64 // share of hours in which nothing is sent
	contacts bool    // to the phone's own contacts first, then to those of others
}

const (
	nationMost = 16_000_000
	day        = 24 * time.Hour
)

// actKind is what a due event is.
type actKind uint8

const (
	actHonest actKind = iota
	actBusiness
	actInfected
	actClub
	actShop
	actForward
	actReport
	actPoison
	actOptOut
	actChange
)

type act struct {
	at   time.Duration
	n    uint64 // ties are broken in the order in which they were made
	kind actKind
	who  uint64 // a line, or one of the groups
	left int
	wave *malware
	text string
	from subject.Line
}

type dueEvents []*act

func (d dueEvents) Len() int { return len(d) }
func (d dueEvents) Less(i, j int) bool {
	return d[i].at < d[j].at || d[i].at == d[j].at && d[i].n < d[j].n
}
func (d dueEvents) Swap(i, j int) { d[i], d[j] = d[j], d[i] }
func (d *dueEvents) Push(x any)   { *d = append(*d, x.(*act)) }
func (d *dueEvents) Pop() any {
	old := *d
	x := old[len(old)-1]
	*d = old[:len(old)-1]
	return x
}

// NewNation makes the nation of a seed.
func NewNation(seed uint64, c NationConfig) *Nation {
	c.Lines, c.Days = min(cmp.Or(c.Lines, 1_000_000), nationMost), cmp.Or(c.Days, 3)
	c.Reported = cmp.Or(c.Reported, 0.01)
	c.Infected, c.Quiet = cmp.Or(c.Infected, 0.001), cmp.Or(c.Quiet, 0.05)
	if c.Start.IsZero() {
		c.Start = time.Date(2026, 4, 5, 15, 0, 0, 0, time.UTC)
	}
	s := &Nation{c: c, seed: mix64(seed ^ 0x4A710), holders: map[uint64]int{}, opted: map[uint64]bool{}}
	w, sections, _ := corpus()
	var fraud []*template
	for i := range sections {
		x := &sections[i]
		for _, line := range x.lines {
			t, err := compile(w, x, line)
			if err != nil {
				panic("simulate: texts.txt: " + err.Error())
			}
			switch {
			case x.class == message.Ham && x.route == message.P2P:
				s.honest[0], s.weights[0] = append(s.honest[0], t), s.weights[0]+t.weight
			case x.class == message.Ham && x.route == message.A2P:
				s.honest[1], s.weights[1] = append(s.honest[1], t), s.weights[1]+t.weight
			case x.class == message.Phishing && x.route == message.P2P && t.links:
				fraud = append(fraud, t)
			}
		}
	}
	s.families(fraud)
	s.people()
	return s
}

func (s *Nation) draw(n int) int {
	s.drawn++
	return int(mix64(s.seed+s.drawn) >> 1 % uint64(n))
}

func (s *Nation) chance(p float64) bool { return s.draw(1_000_000) < int(p*1_000_000) }

func (s *Nation) long() uint64 {
	s.drawn++
	return mix64(s.seed + s.drawn)
}

// families are what runs on infected phones. Ways of sending are those that are told of MoqHao, FluBot and KeepSpy: bursts about noon or in
// the evening, ever new hosts, own contacts or lists; and slow ones.
func (s *Nation) families(fraud []*template) {
	ways := []malware{
		{name: "contacts", burst: 12, gap: [2]int{20, 60}, pause: 0.3, rotate: 1, contacts: true},
		{name: "lists", burst: 30, gap: [2]int{30, 90}, pause: 0.4, rotate: 3},
		{name: "slow", burst: 1, gap: [2]int{8, 12}, pause: 0.1, rotate: 1},
		{name: "hourly-host", burst: 6, gap: [2]int{10, 40}, pause: 0.3},
		{name: "own-host", burst: 8, gap: [2]int{15, 45}, pause: 0.2, rotate: -1, contacts: true},
		{name: "drip", burst: 2, gap: [2]int{90, 240}, pause: 0.2, rotate: 2},
	}
	for i := range ways {
		w := ways[i]
		w.template = fraud[s.draw(len(fraud))]
		w.which = s.long() % w.template.texts
		w.begins = time.Duration(s.draw(s.c.Days*6)) * time.Hour
		s.waves = append(s.waves, &w)
	}
}

func (s *Nation) push(a *act) {
	s.serial++
	a.n = s.serial
	if a.at < time.Duration(s.c.Days)*day {
		heap.Push(&s.due, a)
	}
}

// hourly is how much is written in each hour of the day in Japan, in hundredths of the busiest.
var hourly = [24]int{12, 6, 4, 3, 4, 10, 30, 60, 70, 75, 80, 90, 100, 85, 80, 80, 85, 95, 100, 95, 85, 70, 50, 25}

// when is a time of day i as people live.
func (s *Nation) when(i int) time.Duration {
	for {
		h := s.draw(24)
		if s.draw(100) < hourly[h] {
			return time.Duration(i)*day + time.Duration(h)*time.Hour + time.Duration(s.draw(3600_000))*time.Millisecond
		}
	}
}

// people makes everybody's first act; the rest follows from it.
func (s *Nation) people() {
	n := uint64(s.c.Lines)
	any := func() uint64 { return s.long() % n }
	for range n / 20 { // one in twenty opted out before anything was found
		s.push(&act{kind: actOptOut, who: any()})
	}
	for d := range s.c.Days {
		for range int(float64(n) * s.c.Quiet) {
			s.push(&act{kind: actHonest, at: s.when(d), who: any()})
			s.push(&act{kind: actBusiness, at: s.when(d)})
		}
		for range n / 2000 { // lines that change hands
			s.push(&act{kind: actChange, at: s.when(d), who: any()})
		}
		for range n / 5000 { // clubs, schools
			s.push(&act{kind: actClub, at: s.when(d), who: any(), left: 30 + s.draw(120)})
		}
		for i := range n / 10000 { // shops that send from a handset, the same ones each day
			s.push(&act{kind: actShop, at: s.when(d), who: mix64(s.seed^i) % n, left: 20 + s.draw(60)})
		}
		for range n / 50000 { // honest lines that somebody has it in for
			who := any()
			for range 20 + s.draw(60) {
				s.push(&act{kind: actPoison, at: s.when(d), who: who})
			}
		}
	}
	for range int(float64(n) * s.c.Infected) {
		w := s.waves[s.draw(len(s.waves))]
		who := any()
		at := w.begins + time.Duration(s.draw(int(time.Duration(s.c.Days)*day/time.Minute)))*time.Minute*3/4
		if at >= time.Duration(s.c.Days)*day {
			continue
		}
		s.truth = append(s.truth, Infection{Line: s.line(who), Contract: s.contract(who), Family: w.name, From: s.c.Start.Add(at)})
		s.push(&act{kind: actInfected, at: at, who: who, wave: w, left: w.burst})
	}
}

func (s *Nation) line(i uint64) subject.Line { return lineAt(i, s.seed) }

func (s *Nation) contract(i uint64) string {
	if n := s.holders[i]; n > 0 {
		return fmt.Sprintf("c%d-%d", i, n)
	}
	return fmt.Sprintf("c%d", i)
}

// friend is one of the people whom a line knows.
func (s *Nation) friend(who uint64) uint64 {
	return mix64(who<<8|uint64(s.draw(60))) % uint64(s.c.Lines)
}

// Truth is what is true of lines, once all has happened.
func (s *Nation) Truth() []Infection {
	for i := range s.truth {
		t := &s.truth[i]
		if t.To.IsZero() {
			t.To = s.c.Start.Add(time.Duration(s.c.Days) * day)
		}
	}
	slices.SortFunc(s.truth, func(a, b Infection) int { return cmp.Or(cmp.Compare(a.Line, b.Line), a.From.Compare(b.From)) })
	return s.truth
}

// Next is the next event; false at the end.
func (s *Nation) Next() (h Happening, ok bool) {
	for len(s.due) > 0 {
		a := heap.Pop(&s.due).(*act)
		h = Happening{Time: s.c.Start.Add(a.at).Truncate(time.Millisecond)}
		if s.happen(a, &h); h.Text != nil || h.Report != nil || h.Contract != nil || h.Consent != nil {
			return h, true
		}
	}
	return h, false
}

func (s *Nation) happen(a *act, h *Happening) {
	switch a.kind {
	case actHonest:
		s.send(h, message.P2P, s.line(a.who).Address(), s.friend(a.who), s.template(0), message.Ham)
	case actBusiness:
		t := s.pick(1)
		which := s.long() % t.texts
		d := draws{seed: s.long()}
		s.text(h, message.A2P, t.sender(which, which%97), s.line(s.long()%uint64(s.c.Lines)), string(t.render(nil, which, &d)), message.Ham)
	case actInfected:
		s.infected(a, h)
	case actClub, actShop:
		s.group(a, h)
	case actForward:
		s.text(h, message.P2P, s.line(a.who).Address(), s.line(s.friend(a.who)), a.text, message.Ham)
		if a.left--; a.left > 0 {
			a.at += time.Duration(5+s.draw(120)) * time.Second
			s.push(a)
		}
	case actReport:
		h.Report = &TextReport{Reporter: s.line(a.who), Suspect: a.from, Text: a.text}
	case actPoison:
		h.Report = &TextReport{Reporter: s.line(mix64(a.who+uint64(s.draw(12))) % uint64(s.c.Lines)), Suspect: s.line(a.who), Text: s.template(0)}
	case actOptOut:
		s.opted[a.who] = true
		h.Consent = &ConsentEvent{Line: s.line(a.who)}
	case actChange:
		s.change(a, h)
	}
}

func (s *Nation) pick(of int) *template {
	at := s.draw(s.weights[of])
	i := 0
	for at >= s.honest[of][i].weight {
		at -= s.honest[of][i].weight
		i++
	}
	return s.honest[of][i]
}

func (s *Nation) template(of int) string {
	t := s.pick(of)
	d := draws{seed: s.long()}
	return string(t.render(nil, s.long()%t.texts, &d))
}

func (s *Nation) send(h *Happening, route message.Route, from subject.Address, to uint64, text string, label message.Class) {
	s.text(h, route, from, s.line(to), text, label)
}

func (s *Nation) text(h *Happening, route message.Route, from subject.Address, to subject.Line, text string, label message.Class) {
	s.ids++
	h.Text = &Text{ID: fmt.Sprintf("n%d", s.ids), Route: route, From: from, To: to.Address(), Text: text, Label: label}
}

// infected sends the next text of a phone that malware uses.
func (s *Nation) infected(a *act, h *Happening) {
	w := a.wave
	if s.holders[a.who] != int(a.from>>1) && a.from != 0 { // the line has changed hands: another phone
		return
	}
	hour := uint64(a.at / time.Hour)
	d := draws{seed: s.long()}
	switch {
	case w.rotate > 0:
		d.host = newHostsAt + mix64(s.seed^w.which+a.who*7919+uint64(a.at/time.Minute)/uint64(w.rotate*2))>>24
	case w.rotate < 0:
		d.host = newHostsAt + mix64(s.seed^w.which^a.who<<8+hour/4)>>24
	default:
		d.host = newHostsAt + mix64(s.seed^w.which+hour)>>24
	}
	if w.rotate == 1 {
		d.host = newHostsAt + s.long()>>24
	}
	to := s.long() % uint64(s.c.Lines)
	if w.contacts && s.draw(3) > 0 {
		to = s.friend(a.who)
	}
	which := w.template.addressed(w.which, s.draw)
	text := string(w.template.render(nil, which, &d))
	s.text(h, message.P2P, s.line(a.who).Address(), s.line(to), text, message.Phishing)
	if s.chance(s.c.Reported) {
		s.push(&act{kind: actReport, at: a.at + time.Duration(1+s.draw(600))*time.Minute, who: to, from: s.line(a.who), text: text})
	}
	if s.chance(0.004) { // or passes it on
		s.push(&act{kind: actForward, at: a.at + time.Duration(1+s.draw(180))*time.Minute, who: to, text: s.comment(text), left: 1 + s.draw(12)})
	}
	if a.from == 0 {
		a.from = subject.Line(s.holders[a.who])<<1 | 1
	}
	if a.left--; a.left > 0 {
		a.at += time.Duration(3+s.draw(25)) * time.Second
	} else {
		a.left = max(1, w.burst/2+s.draw(w.burst))
		a.at += time.Duration(w.gap[0]+s.draw(w.gap[1]-w.gap[0])) * time.Minute
		for s.chance(w.pause) {
			a.at += time.Hour
		}
	}
	s.push(a)
}

// comment is what people write around a scam that they pass on.
func (s *Nation) comment(text string) string {
	ways := []string{"%s", "こんなの来た。%s これ本物？", "気をつけて！「%s」っていうSMSは詐欺だから開かないで。", "%s ←これ来てない？絶対押さないでね", "これって詐欺だよね？\n%s",
		"【転送】%s", "うちにもこれ来たよ %s"}
	return strings.ReplaceAll(ways[s.draw(len(ways))], "%s", text)
}

// group sends the one text of a club to its members, or that of a shop to its customers.
func (s *Nation) group(a *act, h *Happening) {
	if a.text == "" {
		site := ownSite(mix64(a.who))
		if odd := mix64(a.who ^ 3); odd%10 == 0 || a.kind == actClub && odd%3 == 0 { // a name that looks drawn, so that the filter errs more
			site = "https://" + string(appendHost(nil, odd>>24)) + "/" + string(appendMade(nil, opPath, &draws{seed: odd}))
		}
		texts := []string{
			"【至急】本日中に必ずご確認のうえ、下記より出欠をご回答ください。%s",
			"【重要】会費のお支払いが確認できていません。本日中にお手続きください。%s",
			"保護者の皆さま 明日の予定が変更になりました。詳しくは %s をご確認ください。",
			"緊急連絡網です。至急こちらをご確認ください %s",
			"お客様各位 ポイントの有効期限が近づいています。お早めにご利用ください。%s",
			"本日限りの特別ご優待です。ご予約はこちらから %s",
			"試合の写真をアップしました。%s パスワードは部室に貼ってあります。",
		}
		a.text = strings.ReplaceAll(texts[s.draw(len(texts))], "%s", site)
	}
	s.text(h, message.P2P, s.line(a.who).Address(), s.line(mix64(a.who<<10|uint64(a.left))%uint64(s.c.Lines)), a.text, message.Ham)
	if a.left--; a.left > 0 {
		step := 2 + s.draw(10)
		if a.kind == actShop {
			step = 30 + s.draw(300)
		}
		a.at += time.Duration(step) * time.Second
		s.push(a)
	}
}

// ownSite is the address of a club or shop: a name that can be said, under a domain of Japan that stands for examples.
func ownSite(h uint64) string {
	trades := []string{"salon", "bakery", "yoga", "fc", "juku", "dental", "pta", "judo", "cafe", "garage", "kodomokai", "flower"}
	pieces := []string{"saku", "mori", "haru", "kita", "mina", "hoshi", "yama", "umi", "sora", "aka", "fuji", "tani"}
	d := draws{seed: h}
	pick := func(of []string) string { return of[d.n(uint64(len(of)))] }
	name := pick(pieces) + pick(pieces) + "-" + pick(trades)
	return "https://" + name + pick([]string{".example.jp/", ".example.co.jp/", ".example.or.jp/", ".example.ne.jp/"}) + pick([]string{"", "news", "info/4", "form", "reserve"})
}

// change gives a line to another contract, a week early by the rules of real operators, so that what stays behind would show.
func (s *Nation) change(a *act, h *Happening) {
	if a.left == 0 {
		h.Contract = &ContractEvent{Contract: s.contract(a.who), Event: "release", Line: s.line(a.who)}
		for i := range s.truth {
			if t := &s.truth[i]; t.Line == s.line(a.who) && t.To.IsZero() {
				t.To = h.Time
			}
		}
		a.left, a.at = 1, a.at+time.Duration(1+s.draw(600))*time.Minute
		s.push(a)
		return
	}
	s.holders[a.who]++
	delete(s.opted, a.who)
	h.Contract = &ContractEvent{Contract: s.contract(a.who), Event: "assign", Line: s.line(a.who)}
}
