package detect

import "time"

// Facts are what is kept of a campaign's wording, in the place of its text, and of how it spreads.
type Facts struct {
	Family                             string // of the text that began it: 16 hexadecimal digits
	Letters                            int    // of its wording, one of Kanji, Kana or Hangul counting two
	Near                               bool   // whether others are found that are only like it
	Spread, SpreadSenders, SpreadLinks uint64 // texts with links from handsets and from abroad; distinct ones, as estimated
}

// Facts gives what is kept of a campaign, if it is followed and has not ended.
func (s *Campaigns) Facts(id string, now time.Time) (Facts, bool) {
	c := s.named(id, max(now.Unix(), 0))
	if c == nil {
		return Facts{}, false
	}
	return Facts{Family: string(appendID(nil, c.family)), Letters: int(c.units), Near: c.near,
		Spread: c.spread.Load(), SpreadSenders: c.spreadSenders.count(), SpreadLinks: c.spreadLinks.count()}, true
}
