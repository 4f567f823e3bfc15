package simulate

import (
	"time"

	"github.com/sekisho/sekisho/message"
	"github.com/sekisho/sekisho/subject"
)

// StoryConfig says how lively a Story is. Zero means the default.
type StoryConfig struct {
	PerMinute int // honest texts a minute, about; 150, at most 1,500
}

// Story is traffic for people to watch: honest texts of a day in Japan, and waves of spam and fraud that begin,
// grow, change their hosts and end. It goes on for ever. It is not for concurrent use.
type Story struct {
	seed     uint64
	drawn    uint64 // how often chance was asked
	honest   []*template
	weight   int // of all honest sections, one entry for each template of theirs
	campaign []*template
	rate     int // honest texts, in thousandths a second
	now      int // the tick, 20 ms long
	due      []source
	waves    []*wave
	begun    int // waves so far
	nextWave int // the tick at which the next begins
}

// source is what a text of this tick comes from: a wave, or honest people where there is none.
type source = *wave

const (
	tick       = 20 * time.Millisecond
	perSecond  = int(time.Second / tick)
	storyLines = 4000 // subscribers who write; every infected phone is one of them
	maxHonest  = 1500
)

// NewStory begins the story of a seed.
func NewStory(seed uint64, cfg StoryConfig) *Story {
	if cfg.PerMinute <= 0 {
		cfg.PerMinute = 150
	}
	s := &Story{seed: mix64(seed ^ 0x5707), rate: min(cfg.PerMinute, maxHonest) * 1000 / 60, nextWave: perSecond}
	w, sections, ends := corpus()
	for i := range sections {
		c := &sections[i]
		for _, line := range c.lines {
			t, err := compile(w, c, line)
			if err != nil {
				panic("simulate: texts.txt: " + err.Error())
			}
			s.add(t)
			// Now and then somebody has more to say.
			if long, _ := compile(w, c, line); c.class == message.Ham && !c.story && long.fit(ends, 2) {
				if s.draw(4) == 0 {
					s.add(long)
				}
			}
		}
	}
	for _, t := range s.honest {
		s.weight += t.weight
	}
	return s
}

func (s *Story) add(t *template) {
	if t.class == message.Ham {
		s.honest = append(s.honest, t)
	} else {
		s.campaign = append(s.campaign, t)
	}
}

// draw is a number below n that chance gives. Whole numbers only: they are the same on every machine.
func (s *Story) draw(n int) int {
	s.drawn++
	return int(mix64(s.seed+s.drawn) >> 1 % uint64(n))
}

func (s *Story) drawLong() uint64 {
	s.drawn++
	return mix64(s.seed + s.drawn)
}

// Next fills it with the next text; it.At says when it is sent, counted from the start, never before the last.
func (s *Story) Next(it *Item) {
	for len(s.due) == 0 {
		s.now++
		s.advance()
	}
	w := s.due[0]
	s.due = s.due[1:]
	if w == nil {
		s.ordinary(it)
	} else {
		s.fraud(it, w)
	}
	it.At = time.Duration(s.now)*tick - time.Duration(len(s.due))*time.Millisecond
	it.Parts = uint8(parts(it.Script, string(it.Text)))
}

// advance finds out what is due in this tick.
func (s *Story) advance() {
	if s.now >= s.nextWave {
		s.begin()
	}
	if s.draw(1000*perSecond) < s.rate+s.rate*s.tide()/3000 {
		s.due = append(s.due, nil)
	}
	live := s.waves[:0]
	for _, w := range s.waves {
		if s.now >= w.end {
			continue
		}
		live = append(live, w)
		if s.draw(1000*perSecond) < w.rate(s.now) {
			s.due = append(s.due, w)
		}
	}
	s.waves = live
}

// tide goes up and down between -1000 and 1000 in three minutes, so that the traffic breathes.
func (s *Story) tide() int {
	period := 180 * perSecond
	x := s.now % period * 4000 / period
	switch {
	case x < 1000:
		return x
	case x < 3000:
		return 2000 - x
	}
	return x - 4000
}

func (s *Story) ordinary(it *Item) {
	at := s.draw(s.weight)
	i := 0
	for at >= s.honest[i].weight {
		at -= s.honest[i].weight
		i++
	}
	t := s.honest[i]
	which := s.drawLong() % t.texts
	d := draws{seed: s.drawLong()}
	it.Text = t.render(it.Text[:0], which, &d)
	it.Route, it.Account, it.Label, it.Campaign, it.Script = t.route, t.account, t.class, "", t.script
	it.To = s.line(s.draw(storyLines))
	if t.from == handset {
		it.From = s.line(s.draw(storyLines))
		return
	}
	// A business keeps its sender: the word that names it, which mostly stands first, leads to the same one.
	business := uint64(i) << 8
	if len(t.lists) > 0 {
		business += which % uint64(len(t.lists[0]))
	}
	it.From = t.sender(which, mix64(business))
}

func (s *Story) line(i int) subject.Address { return lineAt(uint64(i), s.seed).Address() }

// parts is how many parts a text is sent in.
func parts(c Script, text string) int {
	n, p := c.units(text), 1
	for n > c.room(p) {
		p++
	}
	return p
}
