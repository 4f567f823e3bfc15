package indicator

// meta is what an indicator says, packed in 64 bits:
//
//	 0  4 flags
//	 4  8 who says bad: a number in Index.sources, from 1
//	12  8 who says good
//	20  7 confidence in percent
//	32 16 first seen, a Day
//	48 16 last seen
//
// Confidence and days are the bad side's where there is one. Zero is no indicator.
type meta uint64

const (
	badSelf  meta = 1 << iota // this very name, number, link, sender
	badTree                   // this name and all below it
	goodSelf                  // the same, good
	goodTree
	anyFlag = badSelf | badTree | goodSelf | goodTree
)

// maxSources is what eight bits can number.
const maxSources = 255

func packMeta(flags meta, source int, confidence uint8, first, last Day) meta {
	m := flags | meta(confidence&0x7f)<<20 | meta(first)<<32 | meta(last)<<48
	if flags&(badSelf|badTree) != 0 {
		return m | meta(source&0xff)<<4
	}
	return m | meta(source&0xff)<<12
}

func (m meta) bad() bool         { return m&(badSelf|badTree) != 0 }
func (m meta) badSource() int    { return int(m >> 4 & 0xff) }
func (m meta) goodSource() int   { return int(m >> 12 & 0xff) }
func (m meta) confidence() uint8 { return uint8(m >> 20 & 0x7f) }
func (m meta) first() Day        { return Day(m >> 32) }
func (m meta) last() Day         { return Day(m >> 48) }

// merge adds what another source says of the same thing. n says bad or good, never both.
func (m meta) merge(n meta) meta {
	flags := (m | n) & anyFlag
	switch {
	case m == 0:
		return n
	case n.bad() && !m.bad():
		return n&^anyFlag | flags | meta(m.goodSource())<<12
	case !n.bad() && m.bad():
		if m.goodSource() != 0 {
			return m | flags
		}
		return m | flags | meta(n.goodSource())<<12
	}
	// Both say the same: the surer one speaks, the earlier file where both are as sure.
	best := m
	if n.confidence() > m.confidence() {
		best = n
	}
	first, last := m.first(), max(m.last(), n.last())
	if first == 0 || n.first() != 0 && n.first() < first {
		first = n.first()
	}
	out := flags | meta(best.confidence())<<20 | meta(first)<<32 | meta(last)<<48
	if n.bad() {
		return out | meta(best.badSource())<<4 | meta(m.goodSource())<<12
	}
	return out | meta(best.goodSource())<<12
}
