package simulate

import (
	"github.com/sekisho/sekisho/message"
	"github.com/sekisho/sekisho/subject"
)

// wave is a campaign while it runs: one wording for the most part, a few senders, hosts that change.
type wave struct {
	*template
	which   uint64 // its wording
	start   int    // ticks
	end     int
	peak    int // texts at its height, in thousandths a second
	senders []subject.Address
	hosts   uint64 // the first of them
	sent    int
	perHost int // texts on a host before the next one
}

// opening are the campaigns that a story begins with, so that who just looks in sees the common kinds first.
var opening = []string{"parcel", "bank", "wrong-number", "tax", "job"}

// begin starts the next wave.
func (s *Story) begin() {
	w := &wave{template: s.pickCampaign(), start: s.now, hosts: newHostsAt + s.drawLong()>>24, perHost: 6 + s.draw(12)}
	w.which = s.drawLong() % w.texts
	w.end = s.now + (90+s.draw(150))*perSecond
	w.peak = 150 + s.draw(300)
	if s.begun == 0 {
		// The first is under way before anybody looks.
		w.start, w.peak = s.now-20*perSecond, 600
		s.due = append(s.due, w)
	}
	if w.class == message.Spam || w.from == ip {
		w.peak /= 2
	}
	w.senders = make([]subject.Address, 5+s.draw(8))
	for i := range w.senders {
		w.senders[i] = s.fraudster(w)
	}
	if w.from == spoof || w.from == alpha {
		w.senders = w.senders[:1] // one ID for the whole campaign
	}
	s.waves = append(s.waves, w)
	s.begun++
	s.nextWave = s.now + (35+s.draw(40))*perSecond
	if s.begun < 3 {
		s.nextWave = s.now + 15*perSecond
	}
}

func (s *Story) pickCampaign() *template {
	if s.begun < len(opening) {
		var of []*template
		for _, t := range s.campaign {
			if t.campaign == opening[s.begun] {
				of = append(of, t)
			}
		}
		return of[s.draw(len(of))]
	}
	for {
		t := s.campaign[s.draw(len(s.campaign))]
		// What runs already does not begin again, and fraud is more often than spam.
		if !s.running(t.campaign) && (t.class == message.Phishing || s.draw(3) == 0) {
			return t
		}
	}
}

func (s *Story) running(campaign string) bool {
	for _, w := range s.waves {
		if w.campaign == campaign {
			return true
		}
	}
	return false
}

func (s *Story) fraudster(w *wave) subject.Address {
	if w.from == handset {
		return s.line(s.draw(storyLines)) // a subscriber whose phone does it without him
	}
	return w.sender(w.which, s.drawLong())
}

// rate is how many texts a wave sends at a time, in thousandths a second: it grows for twenty seconds, stays, and
// dies away over its last third.
func (w *wave) rate(now int) int {
	rise, fall := 20*perSecond, (w.end-w.start)/3
	return w.peak * min((now-w.start)*1000/rise, (w.end-now)*1000/fall, 1000) / 1000
}

func (s *Story) fraud(it *Item, w *wave) {
	which := w.addressed(w.which, s.draw)
	if s.draw(6) == 0 {
		which = s.drawLong() % w.texts // another wording, to slip past who compares texts
	}
	w.sent++
	d := draws{host: w.hosts + uint64(w.sent/w.perHost)}
	d.seed = d.host // a number to call back or a name to add stays as long as a host does
	if w.links {
		d.seed = s.drawLong()
	}
	it.Text = w.render(it.Text[:0], which, &d)
	it.Route, it.Account, it.Label, it.Campaign, it.Script = w.route, w.account, w.class, w.campaign, w.script
	it.From, it.To = w.senders[s.draw(len(w.senders))], s.line(s.draw(storyLines))
}
