package detect

import (
	"strconv"
	"sync/atomic"

	"github.com/sekisho/sekisho/inspect"
	"github.com/sekisho/sekisho/message"
)

// maxAims is how many links and numbers of a text are counted: all that package message lists.
const maxAims = message.MaxLinks + message.MaxNumbers

// aims are what a text leads to, hashed, each once: links, then numbers. The sender's own number is none.
type aims struct {
	all      [maxAims]uint64 // of targetBits, never 0
	n, links int
}

// targetBits is how much of a target's hash is kept: two of a campaign's few are alike once in 2^30 campaigns.
const targetBits = 41

func (a *aims) read(m *message.Message, r *inspect.Report, shortener func([]byte) bool, seed uint64) {
	a.n = 0
	for i := range r.Folded.Links {
		a.add(target(&r.Folded.Links[i], r, shortener, seed))
	}
	a.links = a.n
	for i := range r.Folded.Numbers {
		if l := r.Folded.Numbers[i].Line; l != m.From.Line() {
			a.add(mix(uint64(l), seed))
		}
	}
}

func (a *aims) add(h uint64) {
	h = max(h&(1<<targetBits-1), 1)
	for _, had := range a.all[:a.n] {
		if had == h {
			return
		}
	}
	if a.n < len(a.all) {
		a.all[a.n] = h
		a.n++
	}
}

// seen is what one text adds to the counts of its campaign: the mark of its sender (11 bits), that of its recipient (11), whether it
// spreads links from a handset or from abroad (1), and its first target (41).
type seen uint64

const markBits = 11

func newSeen(sender, recipient mark, spreads bool, target uint64) seen {
	s := seen(sender)&(1<<markBits-1) | seen(recipient)&(1<<markBits-1)<<markBits | seen(target)<<(64-targetBits)
	if spreads {
		s |= 1 << (2 * markBits)
	}
	return s
}

func (s seen) sender() mark    { return mark(s & (1<<markBits - 1)) }
func (s seen) recipient() mark { return mark(s >> markBits & (1<<markBits - 1)) }
func (s seen) spreads() bool   { return s>>(2*markBits)&1 != 0 }
func (s seen) target() uint64  { return uint64(s >> (64 - targetBits)) }

// trial is a text on probation: 64 octets.
type trial struct {
	family uint64
	sign   signature
	seen   [begins - 1]seen
	first  uint32 // unix seconds
	later  uint16 // minutes from the first to the last, 45 days at most
	times  uint8  // 0: none
	near   bool
}

func (t *trial) last() int64 { return int64(t.first) + int64(t.later)*60 }

func (t *trial) add(one seen, at int64) {
	t.seen[t.times] = one
	t.times++
	t.later = uint16(min(max(at-int64(t.first), 0)/60, 1<<16-1))
}

// like reports whether a text is like the one on probation.
func (t *trial) like(w *wording) bool {
	return t.family == w.family || t.near && w.near && t.sign.equal(&w.sign) >= w.need
}

// campaign is one wording. All that changes is atomic.
type campaign struct {
	id       uint64
	family   uint64
	sign     signature
	keys     [keys]uint32
	units    uint32 // as wording.units
	near     bool
	first    int64 // unix seconds
	last     atomic.Int64
	texts    atomic.Uint64
	routes   [message.Routes]atomic.Uint64
	decision atomic.Uint32 // a Decision
	ten      atomic.Uint64 // a step counter, see count
	hour     atomic.Uint64

	senders, recipients, targets counter
	judged                       [2]judged // of texts that did not come from businesses, and of those that did

	// Of texts with links from handsets and from abroad alone.
	spread                     atomic.Uint64
	spreadSenders, spreadLinks counter

	known [maxKnown]atomic.Uint64 // its first targets, 0 behind them: what a decision to pass holds for
}

// judged counts what was judged of a campaign's texts without our help.
type judged struct {
	all, phishing, stopped atomic.Uint64
	senders                counter // of those judged phishing and stopped
}

// maxKnown is how many targets of a campaign are remembered.
const maxKnown = 32

// ways are the keys that lead to the campaign.
func (c *campaign) ways() []uint32 {
	if c.near {
		return c.keys[:]
	}
	return c.keys[:1]
}

// ended reports whether the campaign has been unseen for a window (seconds).
func (c *campaign) ended(at, window int64) bool {
	d := at - c.last.Load()
	return d > window || d < -window
}

// count adds a text.
func (c *campaign) count(one seen, route message.Route, at int64) {
	c.texts.Add(1)
	if route < message.Routes {
		c.routes[route].Add(1)
	}
	c.senders.add(one.sender())
	c.recipients.add(one.recipient())
	if one.spreads() {
		c.spread.Add(1)
		c.spreadSenders.add(one.sender())
	}
	for {
		last := c.last.Load()
		if last >= at || c.last.CompareAndSwap(last, at) {
			break
		}
	}
	count(&c.ten, uint64(at), tenMinutes)
	count(&c.hour, uint64(at), anHour)
}

// Windows of the step counters, in seconds.
const (
	tenMinutes = 600
	anHour     = 3600
)

// aim adds what a text leads to.
func (c *campaign) aim(a *aims, spreads bool) {
	pass := Decision(c.decision.Load()) == Pass
	for i, t := range a.all[:a.n] {
		k := markOf(t)
		c.targets.add(k)
		if spreads && i < a.links {
			c.spreadLinks.add(k)
		}
		if !pass {
			c.remember(t)
		}
	}
}

// remember keeps the first targets.
func (c *campaign) remember(target uint64) {
	if c.known[maxKnown-1].Load() != 0 { // full
		return
	}
	for i := range c.known {
		if had := c.known[i].Load(); had == target || had == 0 && c.known[i].CompareAndSwap(0, target) || c.known[i].Load() == target {
			return
		}
	}
}

// knows reports whether the campaign had all that a text leads to.
func (c *campaign) knows(a *aims) bool {
next:
	for _, t := range a.all[:a.n] {
		for i := range c.known {
			switch c.known[i].Load() {
			case t:
				continue next
			case 0:
				return false
			}
		}
		return false
	}
	return true
}

// tell appends what the campaign says of one of its texts, and returns whether that is for or against it.
func (s *Campaigns) tell(c *campaign, ref *Ref, r *inspect.Report, spreads bool, a *aims, about *About) uint8 {
	add := func(rule *inspect.Rule, what []byte) {
		r.Findings = append(r.Findings, inspect.Finding{Rule: rule, About: what})
	}
	switch Decision(c.decision.Load()) {
	case Stop:
		add(campaignStopped, appendID(about.b[:0:16], c.id))
		return saidAgainst
	case Pass:
		if c.knows(a) {
			add(campaignPassed, appendID(about.b[:0:16], c.id))
			return saidFor
		}
	}
	said := saidNothing
	if bad := c.judged[ref.business].against(ref.sender); bad > 0 {
		add(campaignJudged, strconv.AppendUint(about.b[:0:16], bad, 10))
		said = saidAgainst
	}
	if spreads && c.spreads(&s.c.Spread) {
		what := strconv.AppendUint(about.b[16:16:48], c.spread.Load(), 10)
		add(campaignSpread, strconv.AppendUint(append(what, " / "...), c.spreadSenders.count(), 10))
		said = saidAgainst
	}
	return said
}

// spreads reports whether the campaign comes from many senders with ever new links.
func (c *campaign) spreads(s *Spread) bool {
	n := c.spread.Load()
	if n < uint64(s.Size) || c.units < minSpread {
		return false
	}
	links := c.spreadLinks.count()
	return c.spreadSenders.count() >= uint64(s.Senders) && links >= uint64(s.Targets) && float64(links) >= s.Share*float64(n)
}

// against is how many texts were stopped as fraud, if so many, and so few others, that it speaks against one more: against
// any where they came from several senders, else against that sender's.
func (j *judged) against(sender mark) uint64 {
	bad := j.stopped.Load()
	if bad < begins || bad*10 < j.all.Load()*9 || j.senders.count() < 2 && !j.senders.holds(sender) {
		return 0
	}
	return bad
}

// Judged takes in what was judged of a text, for later ones of its campaign. What was judged with our help is no news, but
// where a text was held to be honest against what we said.
func (s *Campaigns) Judged(ref Ref, class message.Class, stopped bool) {
	fraud := class == message.Phishing
	if ref.campaign == nil || ref.said == saidFor || ref.said == saidAgainst && fraud {
		return
	}
	j := &ref.campaign.judged[ref.business&1]
	j.all.Add(1)
	if fraud {
		j.phishing.Add(1)
		if stopped {
			j.stopped.Add(1)
			j.senders.add(ref.sender)
		}
	}
}
