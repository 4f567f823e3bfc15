package gate

import (
	"hash/maphash"
	"sync"

	"github.com/sekisho/sekisho/detect"
	"github.com/sekisho/sekisho/inspect"
	"github.com/sekisho/sekisho/subject"
)

// Rules that the gate itself finds: what takes more than one message to see.
var (
	ruleMinute = &inspect.Rule{
		Name: "sender-rate-minute", Phishing: 1.2, Spam: 1.5,
		Why: [2]string{
			"The sender has sent more texts with links or numbers within a minute than people do (%s).",
			"送信元が1分間に、通常の利用を超える数のリンク・電話番号付きSMSを送信しています（%s通）。",
		},
	}
	ruleHour = &inspect.Rule{
		Name: "sender-rate-hour", Phishing: 1.2, Spam: 1.5,
		Why: [2]string{
			"The sender has sent more texts with links or numbers within an hour than people do (%s).",
			"送信元が1時間に、通常の利用を超える数のリンク・電話番号付きSMSを送信しています（%s通）。",
		},
	}
)

// Rules are the rules that the gate and package detect find, beside those of package inspect.
var Rules = append([]*inspect.Rule{ruleMinute, ruleHour}, detect.Rules...)

const (
	rateWays   = 4       // senders that share a place; the one unseen for longest makes room
	rateShards = 256     // locks
	maxCount   = 1 << 15 // counts stop here
)

// rates counts texts per sender in two sliding windows, a minute and an hour, in a fixed table: memory
// does not grow with senders. Where more senders than the table holds are active, those unseen for
// longest are forgotten, which can only miss a finding, never make one.
type rates struct {
	seed  maphash.Seed
	sets  [][rateWays]sender
	locks [rateShards]sync.Mutex
}

// sender is 24 octets: two windows, each with its present and its last step. A window's count is the
// present step and the part of the last one that it still covers.
type sender struct {
	key          uint64
	minute, hour uint32 // steps since 1970
	nowMinute    uint16
	lastMinute   uint16
	nowHour      uint16
	lastHour     uint16
}

// newRates makes a table for about n senders at 24 octets each.
func newRates(n int) *rates {
	sets := 1
	for sets*rateWays < n {
		sets *= 2
	}
	return &rates{seed: maphash.MakeSeed(), sets: make([][rateWays]sender, sets)}
}

// add counts one text of a sender at a time (unix seconds) and gives its counts within the last minute
// and the last hour, this one among them.
func (r *rates) add(from subject.Address, now int64) (minute, hour int) {
	key := maphash.Comparable(r.seed, from) | 1 // zero is an empty place
	at := key >> 1 & uint64(len(r.sets)-1)
	lock := &r.locks[at%rateShards]
	lock.Lock()
	defer lock.Unlock()
	set := &r.sets[at]
	s := &set[0]
	for i := range set {
		if set[i].key == key {
			s = &set[i]
			break
		}
		if set[i].minute < s.minute {
			s = &set[i]
		}
	}
	if s.key != key {
		*s = sender{key: key}
	}
	minute = step(&s.minute, &s.nowMinute, &s.lastMinute, now, 60)
	hour = step(&s.hour, &s.nowHour, &s.lastHour, now, 3600)
	return minute, hour
}

func step(at *uint32, now, last *uint16, t, length int64) int {
	switch n := uint32(t / length); {
	case n == *at+1:
		*last, *now, *at = *now, 0, n
	case n > *at:
		*last, *now, *at = 0, 0, n
	} // a clock that went back counts into the present step
	if *now < maxCount {
		*now++
	}
	left := length - t%length // of the last step's part that the window still covers
	return int(*now) + int(int64(*last)*left/length)
}
