package detect

import (
	"slices"
	"strconv"
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
	Campaigns int           // how many at once; 0 is 65,536, of some 500 octets each
	Probation int           // texts that were seen once or twice, of 200 octets each with their index, rounded up to a power of two; 0 is 524,288
	Window    time.Duration // a campaign unseen for so long has ended; 0 is 72 hours
	Spread    Spread
	// Shortener tells hosts where anybody can have a link; nil goes by the finding "shortener".
	Shortener func(host []byte) bool
	Seed      uint64 // of all hashes, for replays that have to come out the same; 0 is a random one
	Metrics   prometheus.Registerer
}

// Spread says from when on a wording is met as spread by many senders with ever new links.
type Spread struct {
	Size    int     // texts so far; 0 is 100
	Senders int     // distinct handsets and senders from abroad; 0 is 20
	Targets int     // distinct domains, shortened links and numbers; 0 is 20
	Share   float64 // distinct targets for each text; 0 is 0.3
}

// begins is how many like texts make a campaign.
const begins = 3

// Campaigns finds texts of one wording in the stream. Its methods may be called from any goroutine.
type Campaigns struct {
	c     Config
	seed  uint64
	index index
	next  atomic.Uint32 // number of the next text on probation

	trials []trial
	locks  [256]sync.Mutex // of trials

	mu      sync.Mutex // held to begin and to end campaigns
	slots   []atomic.Pointer[campaign]
	used    int
	hand    int // where eviction looks next
	texts   prometheus.Counter
	working sync.Pool
}

// trial is a text on probation.
type trial struct {
	family uint64
	sign   signature
	first  uint32 // seconds since 1970
	when   uint32 // the last time
	times  uint8
	seen   [begins - 1]seen
}

// seen is what one text adds to the counts of its campaign.
type seen struct {
	sender, recipient mark
	target            uint64 // of its first link or number; 0 where it has none
	spreads           bool   // it came from a handset or from abroad
}

// campaign is one wording. All that changes is atomic.
type campaign struct {
	id       uint64
	family   uint64
	sign     signature
	keys     [keys]uint32
	first    int64 // unix seconds
	last     atomic.Int64
	texts    atomic.Uint64
	routes   [message.Routes]atomic.Uint64
	spread   atomic.Uint64 // texts from handsets and from abroad that lead somewhere
	decision atomic.Uint32 // a Decision

	senders, recipients, targets counter
	spreading                    counter // senders among handsets and those from abroad
	ten, hour                    atomic.Uint64
	judged                       [2]judged // of texts that did not come from businesses, and of those that did

	mu    sync.Mutex
	known []uint64 // its first targets, sorted: what a decision to pass holds for
}

// judged counts what was judged of a campaign's texts without our help.
type judged struct {
	all, phishing, stopped atomic.Uint64 // stopped: of those judged phishing
	senders                counter       // of those judged phishing and stopped
}

// maxKnown is how many targets of a campaign are remembered.
const maxKnown = 32

// Decision is an operator's word on a campaign.
type Decision uint32

const (
	Watch Decision = iota // none: findings as they come
	Stop                  // stop all texts of this wording
	Pass                  // pass those with links and numbers that it had when this was said
)

// NewCampaigns makes it.
func NewCampaigns(c Config) *Campaigns {
	set := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	set(&c.Campaigns, 1<<16)
	set(&c.Probation, 1<<19)
	set(&c.Spread.Size, 100)
	set(&c.Spread.Senders, 20)
	set(&c.Spread.Targets, 20)
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
		c.Metrics.MustRegister(s.texts, prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "sekisho_campaigns", Help: "Campaigns that are followed."},
			func() float64 { s.mu.Lock(); defer s.mu.Unlock(); return float64(s.used) }))
	}
	return s
}

// working is what looking for one text keeps in hand.
type working struct {
	wording wording
	found   found
}

// Ref is the campaign of a text that was met, for Judged; its zero value is none.
type Ref struct {
	campaign *campaign
	business int
	helped   bool // a finding of ours speaks against the text
	sender   mark
}

// Meet counts a text that wants something (it has a link or a number, or is suspicious otherwise) and appends what its
// campaign says to r.Findings. A message without a grant for inspection is not looked at. about holds what findings are about, and may
// be used again with the next text.
func (s *Campaigns) Meet(g purpose.Grant, m *message.Message, r *inspect.Report, suspicious bool, now time.Time, about *About) Ref {
	f := &r.Folded
	if !g.Covers(purpose.Inspect) || f.Family == 0 || !suspicious && len(f.Links)+len(f.Numbers) == 0 || !m.Whole() || vouched(r) {
		return Ref{}
	}
	w := s.working.Get().(*working)
	defer s.working.Put(w)
	at := now.Unix()
	one := s.look(m, r)
	c := s.find(w, f, at)
	if c == nil {
		c = s.try(&w.wording, one, at)
	}
	if c == nil {
		return Ref{}
	}
	ref := Ref{campaign: c, sender: one.sender}
	if m.Route == message.A2P {
		ref.business = 1
	}
	ref.helped = s.tell(c, &ref, m, r, one, about)
	c.count(one, m.Route, at)
	s.texts.Inc()
	return ref
}

// look gathers what a text adds to counts.
func (s *Campaigns) look(m *message.Message, r *inspect.Report) seen {
	one := seen{sender: markOf(hash(m.From.Bytes(), s.seed)), spreads: m.Route == message.P2P || m.Route == message.Intl}
	if len(m.To) > 0 {
		one.recipient = markOf(hash(m.To[0].Bytes(), s.seed))
	}
	if f := &r.Folded; len(f.Links) > 0 {
		one.target = target(&f.Links[0], r, s.c.Shortener, s.seed) | 1
	} else if len(f.Numbers) > 0 {
		one.target = mix(uint64(f.Numbers[0].Line), s.seed) | 1
	}
	return one
}

// find gives the campaign of a text, nil where it has none, and fills the wording where it did not find equal wording at once.
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
	looked := w.found // taking is forgetting, and try looks too
	for range maxLooked {
		ref := looked.take(s.index.campaigns)
		if ref == 0 || ref > s.index.campaigns {
			break
		}
		if c := s.alive(ref, at); c != nil {
			if n := c.sign.equal(&w.wording.sign); n > most {
				best, most = c, n
			}
			if most >= sameWording {
				break
			}
		}
	}
	if best == nil {
		s.index.recall(&w.wording, &w.found)
	}
	return best
}

// alive gives the campaign of a reference, if it is one and has not ended.
func (s *Campaigns) alive(ref uint32, at int64) *campaign {
	if ref == 0 || ref > s.index.campaigns {
		return nil
	}
	c := s.slots[ref].Load()
	if c == nil || at-c.last.Load() > int64(s.c.Window/time.Second) {
		return nil
	}
	return c
}

// recall keeps of what was found only texts on probation.
func (x *index) recall(w *wording, f *found) {
	n := 0
	for i, r := range f.refs[:f.n] {
		if r > x.campaigns {
			f.refs[n], f.times[n] = r, f.times[i]
			n++
		}
	}
	f.n = n
	w.trials = f
}

// try looks for the text among those on probation; the third like one begins a campaign. Else it goes on probation itself.
func (s *Campaigns) try(w *wording, one seen, at int64) *campaign {
	if w.trials != nil {
		for range maxLooked {
			ref := w.trials.take(0)
			if ref == 0 {
				break
			}
			if c, ok := s.again(ref, w, one, at); ok {
				w.trials = nil
				return c
			}
		}
		w.trials = nil
	}
	n := s.next.Add(1) - 1
	place := n & uint32(len(s.trials)-1)
	lock := &s.locks[place%uint32(len(s.locks))]
	lock.Lock()
	s.trials[place] = trial{family: w.family, sign: w.sign, first: uint32(at), when: uint32(at), times: 1, seen: [begins - 1]seen{one}}
	lock.Unlock()
	ref := s.index.campaigns + 1 + n&uint32(2*len(s.trials)-1)
	s.index.put(w.keys[0], ref)
	if w.near {
		for _, key := range w.keys[1:] {
			s.index.put(key, ref)
		}
	}
	return nil
}

// again counts one more text like one on probation, and reports whether it is like that one.
func (s *Campaigns) again(ref uint32, w *wording, one seen, at int64) (*campaign, bool) {
	place := (ref - s.index.campaigns - 1) & uint32(len(s.trials)-1)
	lock := &s.locks[place%uint32(len(s.locks))]
	lock.Lock()
	t := &s.trials[place]
	like := t.times > 0 && at-int64(t.when) <= int64(s.c.Window/time.Second) && (t.family == w.family || w.near && t.sign.equal(&w.sign) >= w.need)
	if !like {
		lock.Unlock()
		return nil, false
	}
	if t.times < begins-1 {
		t.seen[t.times] = one
		t.times++
		t.when = uint32(at)
		lock.Unlock()
		return nil, true
	}
	was := *t
	*t = trial{}
	lock.Unlock()
	return s.begin(&was, w, at), true
}

// begin makes a campaign of a text that was on probation.
func (s *Campaigns) begin(t *trial, w *wording, at int64) *campaign {
	c := &campaign{family: w.family, sign: w.sign, keys: w.keys, first: int64(t.first), id: mix(t.family^t.sign[0], s.seed^uint64(t.first)) | 1}
	c.last.Store(at)
	for _, one := range t.seen[:t.times] {
		c.count(one, message.RouteUnset, at)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	ref := s.room(at)
	if ref == 0 { // every one has an operator's decision
		return nil
	}
	s.slots[ref].Store(c)
	for _, key := range c.keys {
		s.index.put(key, ref)
	}
	return c
}

// room finds a place: a free one, one whose campaign has ended, or that of the campaign unseen for longest among some.
func (s *Campaigns) room(at int64) uint32 {
	if s.used < s.c.Campaigns {
		s.used++
		return uint32(s.used)
	}
	victim, oldest := 0, int64(0)
	for range 64 {
		s.hand = s.hand%s.c.Campaigns + 1
		c := s.slots[s.hand].Load()
		if c == nil {
			return uint32(s.hand)
		}
		if age := at - c.last.Load(); Decision(c.decision.Load()) == Watch && (victim == 0 || age > oldest) {
			victim, oldest = s.hand, age
		}
	}
	if victim != 0 {
		for _, key := range s.slots[victim].Load().keys {
			s.index.remove(key, uint32(victim))
		}
	}
	return uint32(victim)
}

// count adds a text.
func (c *campaign) count(one seen, route message.Route, at int64) {
	c.texts.Add(1)
	if route < message.Routes {
		c.routes[route].Add(1)
	}
	c.senders.add(one.sender)
	c.recipients.add(one.recipient)
	if one.spreads {
		c.spreading.add(one.sender)
	}
	if one.target != 0 {
		c.targets.add(markOf(one.target >> 1)) // the lowest bit is always set
		if one.spreads {
			c.spread.Add(1)
		}
		c.remember(one.target)
	}
	for {
		last := c.last.Load()
		if last >= at || c.last.CompareAndSwap(last, at) {
			break
		}
	}
	count(&c.ten, uint64(at), 600)
	count(&c.hour, uint64(at), 3600)
}

// remember keeps the first targets.
func (c *campaign) remember(target uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if Decision(c.decision.Load()) == Pass || len(c.known) >= maxKnown {
		return
	}
	if i, ok := slices.BinarySearch(c.known, target); !ok {
		c.known = slices.Insert(c.known, i, target)
	}
}

func (c *campaign) knows(target uint64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, ok := slices.BinarySearch(c.known, target)
	return ok
}

// About holds what findings are about.
type About struct{ b [48]byte }

// tell appends what the campaign says of one of its texts, and reports whether it speaks against it.
func (s *Campaigns) tell(c *campaign, ref *Ref, m *message.Message, r *inspect.Report, one seen, about *About) bool {
	add := func(rule *inspect.Rule, what []byte) {
		r.Findings = append(r.Findings, inspect.Finding{Rule: rule, About: what})
	}
	switch Decision(c.decision.Load()) {
	case Stop:
		add(campaignStopped, strconv.AppendUint(about.b[:0], c.id, 16))
		return true
	case Pass:
		if one.target == 0 || c.knows(one.target) {
			add(campaignPassed, strconv.AppendUint(about.b[:0], c.id, 16))
			return false
		}
	}
	against := false
	j := &c.judged[ref.business]
	if bad, all := j.stopped.Load(), j.all.Load(); bad >= begins && bad*10 >= all*9 && j.senders.count() >= 2 {
		add(campaignJudged, strconv.AppendUint(about.b[:0:16], bad, 10))
		against = true
	}
	if n := c.spread.Load(); one.spreads && one.target != 0 && n >= uint64(s.c.Spread.Size) {
		senders, targets := c.spreading.count(), c.targets.count()
		if senders >= uint64(s.c.Spread.Senders) && targets >= uint64(s.c.Spread.Targets) && float64(targets) >= s.c.Spread.Share*float64(n) {
			what := strconv.AppendUint(about.b[16:16:48], n, 10)
			add(campaignSpread, strconv.AppendUint(append(what, " / "...), senders, 10))
			against = true
		}
	}
	return against
}

// Judged takes in what was judged of a text, for later ones of its campaign. What was judged with our help is no news.
func (s *Campaigns) Judged(ref Ref, class message.Class, stopped bool) {
	if ref.campaign == nil || ref.helped {
		return
	}
	j := &ref.campaign.judged[ref.business]
	j.all.Add(1)
	if class == message.Phishing {
		j.phishing.Add(1)
		if stopped {
			j.stopped.Add(1)
			j.senders.add(ref.sender)
		}
	}
}
