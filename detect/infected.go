package detect

import (
	"cmp"
	"slices"
	"sync"

	"github.com/sekisho/sekisho/evidence"
	"github.com/sekisho/sekisho/subject"
)

// Suspect is a line that what was stopped of it speaks against: malware in its phone sends.
type Suspect struct {
	Line     subject.Line
	Contract subject.Contract
	Opened   int64  // microseconds since 1970 UTC: when it became suspect
	First    int64  // the first evidence
	Before   uint32 // texts of it that had been stopped until then
	Score    evidence.Score
	Campaign []uint64 // those first that it sent most of
}

// InfectedConfig says how much is followed. The zero value of each is a good choice.
type InfectedConfig struct {
	Lines     int // standings at once; 0 is 1,048,576, of some 500 octets each from when a line has one
	Campaigns int // campaigns and links; 0 is 262,144
}

const (
	// waveEnds is when a campaign of which nothing was stopped any more is forgotten, and standingEnds a standing, in microseconds.
	waveEnds     = 7 * 24 * 3600 * 1e6
	standingEnds = 90 * 24 * 3600 * 1e6
	waveExact    = 64 // senders and links of a campaign are counted up to here; more makes no difference
)

// Infected finds lines whose phones malware uses to send. It reads items of evidence, each made by leave of the contract: texts that
// were stopped, and reports; nothing of what was delivered. Its methods may be called from any goroutine; it is not on the message path.
type Infected struct {
	c         InfectedConfig
	mu        sync.Mutex
	standings map[subject.Contract]*standing
	waves     map[uint64]*wave
	// What has changed since Changed was called.
	changed      map[subject.Contract]struct{}
	changedWaves map[uint64]struct{}
	sweep        int64 // when standings and waves are looked through next
}

type standing struct {
	evidence.Standing
	opened int64
}

// wave is what stopped texts tell of a campaign.
type wave struct {
	senders, links exact
	last           int64
}

// exact is a small set, which ends to grow at waveExact.
type exact []uint32

func (e *exact) add(h uint64) {
	short := uint32(h>>32) ^ uint32(h)
	if len(*e) < waveExact && !slices.Contains(*e, short) {
		*e = append(*e, short)
	}
}

// NewInfected makes it.
func NewInfected(c InfectedConfig) *Infected {
	c.Lines, c.Campaigns = cmp.Or(c.Lines, 1<<20), cmp.Or(c.Campaigns, 1<<18)
	return &Infected{c: c, standings: map[subject.Contract]*standing{}, waves: map[uint64]*wave{},
		changed: map[subject.Contract]struct{}{}, changedWaves: map[uint64]struct{}{}}
}

// Add takes in an item; it tells a line that has become suspect by it, once for each contract.
func (d *Infected) Add(it evidence.Item) (Suspect, bool) {
	f := it.Fact()
	if f.Kind == evidence.None {
		return Suspect{}, false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if f.Time >= d.sweep {
		d.forget(f.Time)
	}
	if f.Kind == evidence.Stopped && !f.Quoted {
		it = it.Known(f.Campaign != 0 && d.wave(f.Campaign, &f).Spreads(), f.Link != 0 && d.wave(f.Link^linkWave, &f).Senders >= evidence.SharedBy)
	}
	s := d.standings[f.Contract]
	if s == nil {
		if len(d.standings) >= d.c.Lines {
			d.forget(f.Time)
		}
		s = &standing{}
		d.standings[f.Contract] = s
	}
	s.Add(it)
	d.changed[f.Contract] = struct{}{}
	if s.opened != 0 {
		return Suspect{}, false
	}
	sc := evidence.Weigh(&s.Standing, d.spread, false)
	if !sc.Suspect {
		return Suspect{}, false
	}
	s.opened = f.Time
	return d.tell(s), true
}

func (d *Infected) tell(s *standing) Suspect {
	return Suspect{Line: s.Line, Contract: s.Contract, Opened: s.opened, First: s.First, Before: s.Stopped,
		Score: evidence.Weigh(&s.Standing, d.spread, true), Campaign: s.Campaigns()}
}

// linkWave keeps what is known of a link apart from what is known of campaigns.
const linkWave = 0x1B873593CC9E2D51

// wave takes in a text of a campaign, or with a link.
func (d *Infected) wave(id uint64, f *evidence.Fact) evidence.Wave {
	w := d.waves[id]
	if w == nil {
		if len(d.waves) >= d.c.Campaigns {
			d.forget(f.Time)
		}
		w = &wave{}
		d.waves[id] = w
	}
	w.senders.add(mix(uint64(f.Contract), 1))
	if f.Link != 0 {
		w.links.add(f.Link)
	}
	w.last = max(w.last, f.Time)
	d.changedWaves[id] = struct{}{}
	return w.told()
}

func (w *wave) told() evidence.Wave {
	return evidence.Wave{Senders: uint32(len(w.senders)), Links: uint32(len(w.links))}
}

func (d *Infected) spread(campaign uint64) evidence.Wave {
	w := d.waves[campaign]
	if w == nil {
		return evidence.Wave{}
	}
	return w.told()
}

// forget drops what has ended; where that leaves no room, what was seen longest ago, an eighth of all at once.
func (d *Infected) forget(now int64) {
	d.sweep = now + 3600e6
	for id, w := range d.waves {
		if now-w.last > waveEnds {
			d.dropWave(id)
		}
	}
	for id, s := range d.standings {
		if now-s.Last > standingEnds {
			d.drop(id)
		}
	}
	oldest(d.waves, d.c.Campaigns, func(w *wave) int64 { return w.last }, d.dropWave)
	oldest(d.standings, d.c.Lines, func(s *standing) int64 { return s.Last }, d.drop)
}

func (d *Infected) dropWave(id uint64) {
	delete(d.waves, id)
	d.changedWaves[id] = struct{}{}
}

func oldest[K cmp.Ordered, V any](m map[K]V, room int, last func(V) int64, drop func(K)) {
	if len(m) < room {
		return
	}
	type aged struct {
		k    K
		last int64
	}
	all := make([]aged, 0, len(m))
	for k, v := range m {
		all = append(all, aged{k, last(v)})
	}
	slices.SortFunc(all, func(a, b aged) int { return cmp.Or(cmp.Compare(a.last, b.last), cmp.Compare(a.k, b.k)) })
	for _, a := range all[:len(all)-room*7/8] {
		drop(a.k)
	}
}

// Forget drops all that stands against a contract: it ended, opted out, or its phone was cured.
func (d *Infected) Forget(c subject.Contract) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.drop(c)
}

// Of tells what stands against a contract now, suspect or not; false where nothing does.
func (d *Infected) Of(c subject.Contract) (Suspect, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.standings[c]
	if s == nil {
		return Suspect{}, false
	}
	return d.tell(s), true
}

// Contracts are those that something stands against.
func (d *Infected) Contracts() []subject.Contract {
	d.mu.Lock()
	defer d.mu.Unlock()
	all := make([]subject.Contract, 0, len(d.standings))
	for c := range d.standings {
		all = append(all, c)
	}
	slices.Sort(all)
	return all
}
