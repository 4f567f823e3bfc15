package detect

import (
	"io"
	"sync/atomic"
)

const campaignsMagic = "SEKISHO-CAMPAI\x00\x01"

// maxTime bounds the times of a file, in unix seconds: the year 36812.
const maxTime = 1 << 40

// Save writes the campaigns that have not ended, while texts are met. Texts on probation are not written: after a restart
// it takes three texts again to begin a campaign.
func (s *Campaigns) Save(out io.Writer) error {
	w := newSaver(out, campaignsMagic)
	at := s.clock.Load()
	w.put(s.seed, uint64(at))
	for ref := range s.slots {
		if c := s.alive(uint32(ref), at); c != nil {
			c.save(w)
		}
	}
	return w.end()
}

// Load takes in what Save wrote, before the first Meet; name stands in errors. After an error all is as it was. Where there
// is room for fewer campaigns than were saved, others make room for those that an operator has decided about.
func (s *Campaigns) Load(in io.Reader, name string) error {
	l := newLoader(in, name, campaignsMagic)
	seed, clock := l.next(), l.next()
	if seed == 0 || clock >= maxTime {
		l.fail(ErrDamaged)
	}
	var all []*campaign
	n := 0
	for id := l.next(); id != 0; id = l.next() {
		c := &campaign{id: id}
		if n++; !c.load(l, seed) || n > maxCampaigns {
			l.fail(ErrDamaged)
			break
		}
		if len(all) < s.c.Campaigns {
			all = append(all, c)
		} else if i := int(id % uint64(len(all))); c.decision.Load() != uint32(Watch) && all[i].decision.Load() == uint32(Watch) {
			all[i] = c
		}
	}
	if err := l.end(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seed = seed
	s.clock.Store(int64(clock))
	s.index = newIndex(s.index.campaigns, s.index.probation, &s.next)
	clear(s.trials)
	s.used, s.hand = len(all), 0
	for ref := range s.slots {
		s.slots[ref].Store(nil)
	}
	for i, c := range all {
		s.enter(c, uint32(i+1))
	}
	return nil
}

func (c *campaign) save(w *saver) {
	w.put(c.id, c.family)
	w.put(c.sign[:]...)
	for _, key := range c.keys {
		w.put(uint64(key))
	}
	near := uint64(0)
	if c.near {
		near = 1
	}
	w.put(uint64(c.units), near, uint64(c.first), uint64(c.last.Load()), uint64(c.decision.Load()))
	c.each(func(v *atomic.Uint64) { w.put(v.Load()) })
}

// load reads all but the id, and reports whether it can be so.
func (c *campaign) load(l *loader, seed uint64) bool {
	c.family = l.next()
	for i := range c.sign {
		c.sign[i] = l.next()
	}
	for i := range c.keys {
		c.keys[i] = uint32(l.next())
	}
	c.keys[0] = firstKey(c.family, seed)
	units, near, first, last, decision := l.next(), l.next(), l.next(), l.next(), l.next()
	c.units, c.near, c.first = uint32(units), near == 1, int64(first)
	c.last.Store(int64(last))
	c.decision.Store(uint32(decision))
	c.each(func(v *atomic.Uint64) { v.Store(l.next()) })
	for _, n := range []*counter{&c.senders, &c.recipients, &c.targets, &c.spreadSenders, &c.spreadLinks, &c.judged[0].senders, &c.judged[1].senders} {
		n.estimated.Store(estimate(n.registers[:]))
	}
	return units < 1<<32 && near <= 1 && first < maxTime && last < maxTime && decision <= uint64(Pass)
}

// each visits what a campaign counts, in the order of the file.
func (c *campaign) each(visit func(*atomic.Uint64)) {
	for _, v := range []*atomic.Uint64{&c.texts, &c.ten, &c.hour, &c.spread} {
		visit(v)
	}
	for i := range c.routes {
		visit(&c.routes[i])
	}
	for _, n := range []*counter{&c.senders, &c.recipients, &c.targets, &c.spreadSenders, &c.spreadLinks} {
		n.each(visit)
	}
	for i := range c.judged {
		j := &c.judged[i]
		visit(&j.all)
		visit(&j.phishing)
		visit(&j.stopped)
		j.senders.each(visit)
	}
	for i := range c.known {
		visit(&c.known[i])
	}
}

func (c *counter) each(visit func(*atomic.Uint64)) {
	for i := range c.registers {
		visit(&c.registers[i])
	}
}
