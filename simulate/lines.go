package simulate

import (
	"github.com/sekisho/sekisho/subject"
)

// unassigned is how many numbers 090 0xxx xxxx and 070 0xxx xxxx there are. The numbering plan gives a zero
// there to nobody (0800, which would be the third, is the freephone service).
const unassigned = 20_000_000

// lineAt is the i-th of the numbers that belong to nobody, scattered over the range.
func lineAt(i, seed uint64) subject.Line {
	// 12,360,679 has no common divisor with 20,000,000, so that different i give different numbers.
	n := (i%unassigned*12_360_679 + seed%unassigned) % unassigned
	if n < 10_000_000 {
		return subject.Line(81_90_0000_0000 + n)
	}
	return subject.Line(81_70_0000_0000 + n - 10_000_000)
}

// ipPhone is an IP telephone of nobody: 050 0xxx xxxx.
func ipPhone(h uint64) subject.Line { return subject.Line(81_50_0000_0000 + h%10_000_000) }

// abroad is a number that its country keeps for fiction: +1 NPA 555 01xx, or +44 7700 900xxx (Ofcom).
func abroad(h uint64) subject.Line {
	if h%8 == 0 {
		return subject.Line(44_7700_900_000 + h/8%1000)
	}
	h /= 8
	return subject.Line(1_000_555_0100 + (200+h%800)*1_000_0000 + h/800%100)
}

// senderKind is how who sent a text shows himself.
type senderKind uint8

const (
	handset   senderKind = iota // a subscriber's line
	shortCode                   // 0005xxxx, as operators give to screened businesses
	alpha                       // a sender ID of its own
	spoof                       // a sender ID that pretends
	ip                          // an IP telephone, 050
	foreign                     // a line abroad
)

var senderKinds = map[string]senderKind{"handset": handset, "short": shortCode, "alpha": alpha, "spoof": spoof,
	"ip": ip, "abroad": foreign}

// shortCodeOf h is one of a thousand 0005xxxxxx, as operators give them to businesses that they screened.
func shortCodeOf(h uint64) subject.Address {
	b := []byte("0005000000")
	for i, n := len(b)-1, h%1000*7919%1_000_000; n > 0; i, n = i-1, n/10 {
		b[i] = byte('0' + n%10)
	}
	a, _ := subject.ParseAddress(b, subject.Japan)
	return a
}

// sender is who sends a text that no subscriber sends. A business that shows itself by name is the one that
// the text speaks of; h picks among the others.
func (t *template) sender(which, h uint64) subject.Address {
	switch t.from {
	case spoof:
		return t.ids[h%uint64(len(t.ids))]
	case ip:
		return ipPhone(h % 64).Address()
	case foreign:
		return abroad(h).Address()
	case alpha:
		if len(t.names) > 0 {
			return t.named[t.index(t.speaker, which)]
		}
	}
	return shortCodeOf(h)
}

// address reads what this package wrote itself.
func address(s string) subject.Address {
	a, err := subject.ParseAddress(s, subject.Japan)
	if err != nil {
		panic("simulate: " + s + ": " + err.Error())
	}
	return a
}

// zones are where fraud puts its hosts: dynamic DNS and cheap top-level domains.
var zones = []string{".duckdns.org", ".duckdns.org", ".duckdns.org", ".ddns.net", ".top", ".cyou", ".xyz", ".icu", ".lol"}

// appendHost appends the i-th host of fraud: eight to ten letters that nobody chose.
func appendHost(dst []byte, i uint64) []byte {
	h := mix64(i ^ 0x5ec15b0)
	zone := zones[h%uint64(len(zones))]
	n := 8 + int(h>>8%3)
	for h = mix64(h); n > 0; n-- {
		dst = append(dst, "bcdefghjkmnpqrstuvwxyz"[h%22])
		h /= 22
	}
	return append(dst, zone...)
}
