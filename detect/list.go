package detect

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/sekisho/sekisho/message"
)

// Decision is an operator's word on a campaign. It holds until the campaign has ended.
type Decision uint32

const (
	Watch Decision = iota // none: findings as they come
	Stop                  // stop all texts of this wording
	Pass                  // pass those with links and numbers that it had when this was said, the first 32 of them
)

var decisionNames = [...]string{"watch", "stop", "pass"}

func (d Decision) String() string {
	if int(d) < len(decisionNames) {
		return decisionNames[d]
	}
	return fmt.Sprintf("decision(%d)", uint32(d))
}

// MarshalText makes decisions readable in JSON.
func (d Decision) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// Campaign is one as people are told of it. Counts of distinct things are estimates, within about a tenth.
type Campaign struct {
	ID                           string // 16 hexadecimal digits
	Texts                        uint64
	Senders, Recipients, Targets uint64 // distinct ones; targets are domains, shortened links and numbers
	TenMinutes, Hour             uint64 // texts within
	First, Last                  time.Time
	Routes                       map[message.Route]uint64 // all but the first two texts
	Judged, Phishing, Stopped    uint64                   // without our help; stopped as phishing
	Decision                     Decision
}

const idDigits = 16

// appendID writes a campaign's name: 16 hexadecimal digits.
func appendID(dst []byte, id uint64) []byte {
	for shift := 60; shift >= 0; shift -= 4 {
		dst = append(dst, "0123456789abcdef"[id>>shift&15])
	}
	return dst
}

func parseID(s string) (uint64, bool) {
	n, err := strconv.ParseUint(s, 16, 64)
	return n, err == nil && len(s) == idDigits
}

func (c *campaign) copy(now int64) Campaign {
	t := Campaign{
		ID: string(appendID(nil, c.id)), Texts: c.texts.Load(),
		Senders: c.senders.count(), Recipients: c.recipients.count(), Targets: c.targets.count(),
		TenMinutes: within(&c.ten, uint64(now), tenMinutes), Hour: within(&c.hour, uint64(now), anHour),
		First: time.Unix(c.first, 0).UTC(), Last: time.Unix(c.last.Load(), 0).UTC(),
		Routes: make(map[message.Route]uint64), Decision: Decision(c.decision.Load()),
	}
	for r := range c.routes {
		if n := c.routes[r].Load(); n > 0 {
			t.Routes[message.Route(r)] = n
		}
	}
	for i := range c.judged {
		j := &c.judged[i]
		t.Judged, t.Phishing, t.Stopped = t.Judged+j.all.Load(), t.Phishing+j.phishing.Load(), t.Stopped+j.stopped.Load()
	}
	return t
}

// List gives up to limit campaigns that have not ended, those first that had most texts within the hour, then the biggest.
func (s *Campaigns) List(now time.Time, limit int) []Campaign {
	type rank struct {
		c           *campaign
		hour, texts uint64 // as they were before sorting
	}
	at := max(now.Unix(), 0)
	var all []rank
	for ref := range s.slots {
		if c := s.alive(uint32(ref), at); c != nil {
			all = append(all, rank{c, within(&c.hour, uint64(at), anHour), c.texts.Load()})
		}
	}
	slices.SortFunc(all, func(a, b rank) int {
		return cmp.Or(cmp.Compare(b.hour, a.hour), cmp.Compare(b.texts, a.texts), cmp.Compare(a.c.id, b.c.id))
	})
	told := make([]Campaign, 0, max(0, min(limit, len(all))))
	for i := range cap(told) {
		told = append(told, all[i].c.copy(at))
	}
	return told
}

// Find gives the campaign of an ID, if it is followed and has not ended.
func (s *Campaigns) Find(id string, now time.Time) (Campaign, bool) {
	at := max(now.Unix(), 0)
	if c := s.named(id, at); c != nil {
		return c.copy(at), true
	}
	return Campaign{}, false
}

func (s *Campaigns) named(id string, at int64) *campaign {
	n, ok := parseID(id)
	if !ok {
		return nil
	}
	for ref := range s.slots {
		if c := s.alive(uint32(ref), at); c != nil && c.id == n {
			return c
		}
	}
	return nil
}

// ErrUnknown is returned for a campaign that is not followed, or no more.
var ErrUnknown = errors.New("no campaign of this name is followed")

// Decide puts an operator's word in force for the next text.
func (s *Campaigns) Decide(id string, d Decision) error {
	if d > Pass {
		return fmt.Errorf("unknown decision %d: one of watch, stop, pass", d)
	}
	c := s.named(id, s.clock.Load())
	if c == nil {
		return ErrUnknown
	}
	c.decision.Store(uint32(d))
	return nil
}
