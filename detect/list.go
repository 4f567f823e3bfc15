package detect

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/sekisho/sekisho/message"
)

// Campaign is one as people are told of it. Counts of distinct things are estimates, within about a tenth.
type Campaign struct {
	ID                           string
	Texts                        uint64
	Senders, Recipients, Targets uint64
	TenMinutes, Hour             uint64 // texts within
	First, Last                  time.Time
	Routes                       map[message.Route]uint64
	Judged, Phishing, Stopped    uint64
	Decision                     Decision
}

func (c *campaign) tell(now int64) Campaign {
	t := Campaign{ID: fmt.Sprintf("%016x", c.id), Texts: c.texts.Load(), Senders: c.senders.count(), Recipients: c.recipients.count(), Targets: c.targets.count(),
		TenMinutes: within(&c.ten, uint64(now), 600), Hour: within(&c.hour, uint64(now), 3600),
		First: time.Unix(c.first, 0).UTC(), Last: time.Unix(c.last.Load(), 0).UTC(), Routes: map[message.Route]uint64{}, Decision: Decision(c.decision.Load())}
	for r := range c.routes {
		if n := c.routes[r].Load(); n > 0 {
			t.Routes[message.Route(r)] = n
		}
	}
	for i := range c.judged {
		t.Judged, t.Phishing, t.Stopped = t.Judged+c.judged[i].all.Load(), t.Phishing+c.judged[i].phishing.Load(), t.Stopped+c.judged[i].stopped.Load()
	}
	return t
}

// List gives up to limit campaigns, those that grow fastest first.
func (s *Campaigns) List(now time.Time, limit int) []Campaign {
	var all []Campaign
	for i := range s.slots {
		if c := s.alive(uint32(i), now.Unix()); c != nil {
			all = append(all, c.tell(now.Unix()))
		}
	}
	slices.SortFunc(all, func(a, b Campaign) int {
		switch {
		case a.Hour != b.Hour:
			return int(int64(b.Hour) - int64(a.Hour))
		case a.Texts != b.Texts:
			return int(int64(b.Texts) - int64(a.Texts))
		}
		return b.Last.Compare(a.Last)
	})
	return all[:min(limit, len(all))]
}

// ErrUnknown is returned for a campaign that is not followed, or no more.
var ErrUnknown = errors.New("no campaign of this name is followed")

// Decide puts an operator's word in force for the next text.
func (s *Campaigns) Decide(id string, d Decision) error {
	n, err := strconv.ParseUint(id, 16, 64)
	if err != nil || d > Pass {
		return ErrUnknown
	}
	for i := range s.slots {
		if c := s.slots[i].Load(); c != nil && c.id == n {
			c.decision.Store(uint32(d))
			return nil
		}
	}
	return ErrUnknown
}
