package detect

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sekisho/sekisho/inspect"
	"github.com/sekisho/sekisho/message"
	"github.com/sekisho/sekisho/purpose"
)

// Config says how much is followed. The zero value of each is a good choice.
type Config struct {
	Campaigns int           // how many at once, at most 1<<20; 0 is 65,536. Each has 1.2 KiB from when it begins
	Probation int           // texts that were seen once or twice, at most 1<<24, rounded up to a power of two; 0 is 1,048,576, of 128 octets each
	Begins    int           // like texts that make a campaign; 0 is 3. 1 for reports, each of which somebody thought worth his while
	Window    time.Duration // a campaign unseen for so long has ended, and what was decided of it; 0 is 72 hours
	Spread    Spread
	// Shortener tells hosts where anybody can have a link; nil goes by the finding "shortener".
	Shortener func(host []byte) bool
	Seed      uint64 // of all hashes, for replays that have to come out the same; 0 is a random one
	Metrics   prometheus.Registerer
}

// Spread says from when on a wording is met as spread by many senders with ever new links. Only texts with links, from
// handsets and from abroad, are counted for it.
type Spread struct {
	Size    int     // texts so far; 0 is 100
	Senders int     // distinct senders; 0 is 20
	Targets int     // distinct domains and shortened links; 0 is 20
	Share   float64 // distinct targets for each text; 0 is 0.3
}

const (
	maxCampaigns = 1 << 20
	maxProbation = 1 << 24

	// begins is how many like texts make a campaign, at most.
	begins = 3

	// minSpread is how much wording (as wording.units) it takes to be met as spread. What is shorter, "look at this, isn't it
	// nice", many people write to others with links of their own.
	minSpread = 40
)

// Campaigns finds texts of one wording in the stream. Its methods may be called from any goroutine.
type Campaigns struct {
	c     Config
	seed  uint64
	index index
	next  atomic.Uint32 // number of the next text on probation
	clock atomic.Int64  // the latest time of a text, unix seconds

	trials []trial
	locks  [256]sync.Mutex // of trials

	mu      sync.Mutex                 // held to begin and to end campaigns
	slots   []atomic.Pointer[campaign] // by reference; the first is none
	used    int                        // of slots, so far
	hand    int                        // where eviction looks next
	texts   prometheus.Counter
	working sync.Pool
}

// NewCampaigns makes it.
func NewCampaigns(c Config) *Campaigns {
	set := func(v *int, d, most int) {
		if *v <= 0 {
			*v = d
		}
		*v = min(*v, most)
	}
	set(&c.Campaigns, 1<<16, maxCampaigns)
	set(&c.Probation, 1<<20, maxProbation)
	set(&c.Begins, begins, begins)
	set(&c.Spread.Size, 100, 1<<30)
	set(&c.Spread.Senders, 20, 1<<30)
	set(&c.Spread.Targets, 20, 1<<30)
	if c.Spread.Share <= 0 {
		c.Spread.Share = 0.3
	}
	if c.Window <= 0 {
		c.Window = 72 * time.Hour
	}
	places := 1
	for places < c.Probation {
		places *= 2
	}
	s := &Campaigns{c: c, seed: newSeed(c.Seed), trials: make([]trial, places), slots: make([]atomic.Pointer[campaign], c.Campaigns+1)}
	s.index = newIndex(uint32(c.Campaigns), uint32(places), &s.next)
	s.texts = prometheus.NewCounter(prometheus.CounterOpts{Name: "sekisho_campaign_texts_total", Help: "Texts that belong to a campaign."})
	s.working.New = func() any { return new(working) }
	if c.Metrics != nil {
		c.Metrics.MustRegister(s.texts, prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "sekisho_campaigns",
			Help: "Campaigns that are followed and have not ended."}, func() float64 { return float64(s.living()) }))
	}
	return s
}

// working is what looking for one text keeps in hand.
type working struct {
	wording wording
	found   found
	aims    aims
}

// Ref is the campaign of a text that was met, for Judged; its zero value is none.
type Ref struct {
	campaign *campaign
	sender   mark
	business uint8 // 1: it came from a business
	said     uint8 // what our findings said of the text
}

// ID names the campaign; 0 where there is none.
func (r Ref) ID() uint64 {
	if r.campaign == nil {
		return 0
	}
	return r.campaign.id
}

// What findings said of a text.
const (
	saidNothing uint8 = iota
	saidAgainst
	saidFor
)

// About holds what findings of one text are about, and may be used again with the next text.
type About struct{ b [48]byte }

// Meet counts a text that wants something (it has a link or a number, or is suspicious otherwise) and appends what its
// campaign says to r.Findings. A message without a grant for inspection is not looked at. about has to hold as long as r.
func (s *Campaigns) Meet(g purpose.Grant, m *message.Message, r *inspect.Report, suspicious bool, now time.Time, about *About) Ref {
	f := &r.Folded
	if !g.Covers(purpose.Inspect) || f.Family == 0 || !suspicious && len(f.Links)+len(f.Numbers) == 0 || !m.Whole() || vouched(r) {
		return Ref{}
	}
	at := max(now.Unix(), 0)
	if s.clock.Load() < at {
		s.clock.Store(at) // a race of two goroutines is of a second
	}
	w := s.working.Get().(*working)
	defer s.working.Put(w)
	w.aims.read(m, r, s.c.Shortener, s.seed)
	one := s.see(m, &w.aims)
	c := s.find(w, f, at)
	if c == nil {
		c = s.try(w, one, at)
	}
	if c == nil {
		return Ref{}
	}
	ref := Ref{campaign: c, sender: one.sender()}
	if m.Route == message.A2P {
		ref.business = 1
	}
	ref.said = s.tell(c, &ref, r, one.spreads(), &w.aims, about)
	c.count(one, m.Route, at)
	c.aim(&w.aims, one.spreads())
	s.texts.Inc()
	return ref
}

// see gathers what a text adds to the counts of its campaign.
func (s *Campaigns) see(m *message.Message, a *aims) seen {
	var recipient mark
	if len(m.To) > 0 {
		recipient = markOf(hash(m.To[0].Bytes(), s.seed))
	}
	var first uint64
	if a.n > 0 {
		first = a.all[0]
	}
	return newSeen(markOf(hash(m.From.Bytes(), s.seed)), recipient, (m.Route == message.P2P || m.Route == message.Intl) && a.links > 0, first)
}

// find gives the campaign of a text, nil where it has none. What it looked through stays in w, for try.
func (s *Campaigns) find(w *working, f *message.Folded, at int64) *campaign {
	w.wording.first(f.Family, s.seed)
	w.found.n = 0
	s.index.gather(w.wording.keys[0], &w.found)
	for _, ref := range w.found.refs[:w.found.n] {
		if c := s.alive(ref, at); c != nil && c.family == f.Family {
			return c
		}
	}
	w.wording.read(f, s.seed)
	if !w.wording.near {
		return nil
	}
	for _, key := range w.wording.keys[1:] {
		s.index.gather(key, &w.found)
	}
	var best *campaign
	most := w.wording.need - 1
	for range maxLooked {
		ref := w.found.take(1, s.index.campaigns)
		if ref == 0 {
			break
		}
		if c := s.alive(ref, at); c != nil && c.near {
			if n := c.sign.equal(&w.wording.sign); n > most {
				best, most = c, n
			}
			if most >= sameWording {
				break
			}
		}
	}
	return best
}

// Like names the campaign that a text would belong to, without counting it; 0 where there is none.
func (s *Campaigns) Like(f *message.Folded, now time.Time) uint64 {
	if f.Family == 0 {
		return 0
	}
	w := s.working.Get().(*working)
	defer s.working.Put(w)
	return Ref{campaign: s.find(w, f, max(now.Unix(), 0))}.ID()
}

// alive gives the campaign of a reference, if it is one and has not ended. One that was last seen long after at ended
// too: a clock was wrong.
func (s *Campaigns) alive(ref uint32, at int64) *campaign {
	if ref == 0 || ref > s.index.campaigns {
		return nil
	}
	c := s.slots[ref].Load()
	if c == nil || c.ended(at, s.window()) {
		return nil
	}
	return c
}

func (s *Campaigns) window() int64 { return int64(s.c.Window / time.Second) }

// try looks for the text among those on probation; the third like one begins a campaign. Else it goes on probation itself.
func (s *Campaigns) try(w *working, one seen, at int64) *campaign {
	for range maxLooked {
		ref := w.found.take(s.index.campaigns+1, 1<<32-1)
		if ref == 0 {
			break
		}
		if c, ok := s.again(ref, &w.wording, one, at); ok {
			return c
		}
	}
	if s.c.Begins == 1 {
		return s.begin(&trial{family: w.wording.family, sign: w.wording.sign, near: w.wording.near, first: uint32(at)}, &w.wording, at)
	}
	n := s.next.Add(1) - 1
	place := n & uint32(len(s.trials)-1)
	lock := &s.locks[place%uint32(len(s.locks))]
	lock.Lock()
	s.trials[place] = trial{family: w.wording.family, sign: w.wording.sign, near: w.wording.near, first: uint32(at)}
	s.trials[place].add(one, at)
	lock.Unlock()
	ref := s.index.campaigns + 1 + n&uint32(2*len(s.trials)-1)
	for _, key := range w.wording.ways() {
		s.index.put(key, ref)
	}
	return nil
}

// again counts one more text like one on probation, and reports whether it is like that one.
func (s *Campaigns) again(ref uint32, w *wording, one seen, at int64) (*campaign, bool) {
	place := (ref - s.index.campaigns - 1) & uint32(len(s.trials)-1)
	lock := &s.locks[place%uint32(len(s.locks))]
	lock.Lock()
	t := &s.trials[place]
	if t.times == 0 || at-t.last() > s.window() || !t.like(w) {
		lock.Unlock()
		return nil, false
	}
	if int(t.times) < s.c.Begins-1 {
		t.add(one, at)
		lock.Unlock()
		return nil, true
	}
	was := *t
	*t = trial{}
	lock.Unlock()
	return s.begin(&was, w, at), true
}

// begin makes a campaign of a text that was on probation; nil where operators have decided about all that are followed.
func (s *Campaigns) begin(t *trial, w *wording, at int64) *campaign {
	c := &campaign{id: mix(t.family^t.sign[0], s.seed^uint64(t.first)) | 1, family: t.family, sign: t.sign, near: t.near,
		keys: w.keys, units: uint32(w.units), first: int64(t.first)}
	c.keys[0] = firstKey(t.family, s.seed)
	c.last.Store(at)
	for _, one := range t.seen[:t.times] {
		c.count(one, message.RouteUnset, at)
		c.aim(&aims{all: [maxAims]uint64{one.target()}, n: min(1, int(one.target())), links: 1}, one.spreads())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if ref := s.room(at); ref != 0 {
		s.enter(c, ref)
		return c
	}
	return nil
}

// enter puts a campaign into its place. The lock is held.
func (s *Campaigns) enter(c *campaign, ref uint32) {
	s.slots[ref].Store(c)
	for _, key := range c.ways() {
		s.index.put(key, ref)
	}
}

// room finds a place: a free one, one whose campaign has ended, or that of the campaign unseen for longest among
// some that no operator has decided about. The lock is held.
func (s *Campaigns) room(at int64) uint32 {
	if s.used < s.c.Campaigns {
		s.used++
		return uint32(s.used)
	}
	victim, oldest := 0, int64(0)
	for range 64 {
		s.hand = s.hand%s.c.Campaigns + 1
		c := s.slots[s.hand].Load()
		if c.ended(at, s.window()) {
			victim = s.hand
			break
		}
		if age := at - c.last.Load(); Decision(c.decision.Load()) == Watch && (victim == 0 || age > oldest) {
			victim, oldest = s.hand, age
		}
	}
	if victim != 0 {
		for _, key := range s.slots[victim].Load().ways() {
			s.index.remove(key, uint32(victim))
		}
	}
	return uint32(victim)
}

// living counts the campaigns that have not ended.
func (s *Campaigns) living() (n int) {
	at := s.clock.Load()
	for ref := range s.slots {
		if s.alive(uint32(ref), at) != nil {
			n++
		}
	}
	return n
}
