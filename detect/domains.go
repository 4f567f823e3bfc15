package detect

import (
	"bytes"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sekisho/sekisho/inspect"
	"github.com/sekisho/sekisho/message"
	"github.com/sekisho/sekisho/purpose"
)

// What makes a domain new or settled. Before the table has been filled for warmHours by warmTexts it knows nothing, and says
// nothing.
const (
	warmHours = 7 * 24
	warmTexts = 100_000
	newHours  = 24

	settledHours      = 14 * 24
	settledRecipients = 200
	settledSenders    = 20
	settledByOne      = 1000 // recipients, where a business sends it

	// pauseHours without any text are a stop, or a road that led by us: what is new to us behind it is not new by that.
	pauseHours = 24
	// forgotHours: a place that had to forget a domain seen since then does not know what is new.
	forgotHours = 30 * 24
	// maxDomainTexts halves a domain's counts, so that what it did long ago does not hide what it does now.
	maxDomainTexts = 1 << 15
)

const (
	domainWays  = 4   // domains that share a place
	domainLocks = 256 // of places
	maxDomains  = 1 << 22
)

// Domains knows since when our own traffic has known the domains that links lead to, from how many senders and to how
// many people. Memory is fixed: the domain unseen for longest makes room, and so that this makes no old domain a new
// one, what comes to where much had to make room is not held to be new. Its methods may be called from any goroutine.
type Domains struct {
	seed    uint64
	sets    [][domainWays]domain
	forgot  []uint32 // by set: when the last one of those that made room had been seen, in hours since 1970
	locks   [domainLocks]sync.Mutex
	started atomic.Int64 // hours since 1970 when the first text came
	resumed atomic.Int64 // the same behind the last pause
	latest  atomic.Int64 // the hour of the last text
	texts   atomic.Uint64
}

// domain is 64 octets.
type domain struct {
	key             uint64
	first, last     uint32 // hours since 1970
	texts, stopped  uint16
	sending, people uint16 // distinct senders and recipients, estimated
	senders         [1]atomic.Uint64
	recipients      [4]atomic.Uint64
}

// NewDomains makes a table for about n domains, 64 octets each, at most 1<<22; n 0 is 262,144. seed 0 is a random one.
func NewDomains(n int, seed uint64) *Domains {
	if n <= 0 {
		n = 1 << 18
	}
	sets := 1
	for sets*domainWays < min(n, maxDomains) {
		sets *= 2
	}
	return &Domains{seed: newSeed(seed), sets: make([][domainWays]domain, sets), forgot: make([]uint32, sets)}
}

func hours(t time.Time) int64 { return min(max(t.Unix()/3600, 0), 1<<31) }

// Meet counts the domains of a text's links and appends what is known of them to r.Findings: one finding at most. One
// settled link vouches for no new one beside it. Domains where anybody can have a link are passed over.
func (d *Domains) Meet(g purpose.Grant, m *message.Message, r *inspect.Report, now time.Time) {
	if !g.Covers(purpose.Inspect) || len(r.Folded.Links) == 0 || !m.Whole() {
		return
	}
	hour := hours(now)
	warm, watched := d.wake(hour)
	sender := markOf(hash(m.From.Bytes(), d.seed))
	recipient, received := mark(0), len(m.To) > 0
	if received {
		recipient = markOf(hash(m.To[0].Bytes(), d.seed))
	}
	fresh, settled := -1, -1
	for i := range r.Folded.Links {
		l := &r.Folded.Links[i]
		if again(r.Folded.Links[:i], l) || open(l, r, nil) {
			continue
		}
		key, lock, set := d.place(l.Domain)
		lock.Lock()
		e := d.take(key, set, hour)
		e.last = max(e.last, uint32(hour))
		if e.texts++; e.texts == maxDomainTexts {
			e.texts, e.stopped = e.texts/2, e.stopped/2
		}
		if raise(e.senders[:], sender) {
			e.sending = uint16(min(estimate(e.senders[:]), 1<<16-1))
		}
		if received && raise(e.recipients[:], recipient) {
			e.people = uint16(min(estimate(e.recipients[:]), 1<<16-1))
		}
		switch age := hour - int64(e.first); {
		case !warm || age < 0: // a clock went back
		case age < newHours:
			if watched {
				fresh = i
			}
		case e.settled(age, m.Route):
			settled = i
		}
		lock.Unlock()
	}
	rule, about := domainNew, fresh
	if fresh < 0 {
		rule, about = domainSettled, settled
	}
	if about >= 0 {
		l := &r.Folded.Links[about]
		r.Findings = append(r.Findings, inspect.Finding{Rule: rule, About: l.Domain, Span: l.Span})
	}
}

// wake counts a text, and reports whether the table knows enough to say anything, and whether it has
// been watching for long enough, without a pause, to say that something is new.
func (d *Domains) wake(hour int64) (warm, watched bool) {
	if latest := d.latest.Load(); hour > latest && d.latest.CompareAndSwap(latest, hour) && hour-latest > pauseHours {
		d.resumed.Store(hour)
		if latest == 0 {
			d.started.Store(hour)
		}
	}
	warm = d.texts.Add(1) >= warmTexts && hour-d.started.Load() >= warmHours
	return warm, warm && hour-d.resumed.Load() >= warmHours
}

// again reports whether a link before l leads to the same domain.
func again(before []message.Link, l *message.Link) bool {
	for i := range before {
		if bytes.Equal(before[i].Domain, l.Domain) {
			return true
		}
	}
	return false
}

// settled reports whether a domain that was first seen so many hours ago is one of those that people are used to.
func (e *domain) settled(age int64, route message.Route) bool {
	return age >= settledHours && int(e.stopped)*100 < int(e.texts) &&
		(e.people >= settledRecipients && e.sending >= settledSenders || route == message.A2P && e.people >= settledByOne)
}

// Judged takes in that a text that was met has been stopped, for its domains.
func (d *Domains) Judged(r *inspect.Report, stopped bool, _ time.Time) {
	if !stopped {
		return
	}
	for i := range r.Folded.Links {
		l := &r.Folded.Links[i]
		if again(r.Folded.Links[:i], l) || open(l, r, nil) {
			continue
		}
		key, lock, set := d.place(l.Domain)
		lock.Lock()
		for j := range d.sets[set] {
			if e := &d.sets[set][j]; e.key == key && e.stopped < e.texts {
				e.stopped++
			}
		}
		lock.Unlock()
	}
}

func (d *Domains) place(name []byte) (key uint64, lock *sync.Mutex, set uint64) {
	key = hash(name, d.seed) | 1 // zero is an empty place
	set = key >> 1 & uint64(len(d.sets)-1)
	return key, &d.locks[set%domainLocks], set
}

// find gives the entry of a domain, or the one that makes room for it. The lock is held.
func (d *Domains) find(key, at uint64) *domain {
	set := &d.sets[at]
	e := &set[0]
	for i := range set {
		if set[i].key == key {
			return &set[i]
		}
		if set[i].last < e.last {
			e = &set[i]
		}
	}
	return e
}

// take gives the entry of a domain, a new one where it has none. The lock is held.
func (d *Domains) take(key, at uint64, hour int64) *domain {
	e := d.find(key, at)
	if e.key == key {
		return e
	}
	first := hour
	if hour-int64(d.forgot[at]) < forgotHours {
		first = max(hour-newHours, 0)
	}
	if e.key != 0 {
		d.forgot[at] = max(d.forgot[at], e.last)
	}
	e.key, e.first, e.last = key, uint32(first), uint32(hour)
	e.texts, e.stopped, e.sending, e.people = 0, 0, 0, 0
	e.each(func(v *atomic.Uint64) { v.Store(0) })
	return e
}

// each visits the registers.
func (e *domain) each(visit func(*atomic.Uint64)) {
	visit(&e.senders[0])
	for i := range e.recipients {
		visit(&e.recipients[i])
	}
}
