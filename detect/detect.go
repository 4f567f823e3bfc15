// Package detect reads the stream of messages over time and proposes what no single message shows: campaigns, which
// are texts of one wording whatever their links, names and amounts, and how long our own traffic has known a domain.
//
// Both stand between inspecting and judging. They add findings to a Report and decide nothing. Memory is fixed when
// they are made: what is unseen for longest makes room, which can miss a finding and never makes one. No text, no
// number and no link is kept: only signatures, and counts of distinct things as the keyed hashes of a HyperLogLog.
//
// Whoever wants an honest text stopped may send copies of it with bad links. So that this gains nothing:
//   - a text all whose links are official or known to be good (official-link-only, link-known-good) is met by no
//     finding against it, not even an operator's, and is counted nowhere;
//   - what a business sends (a2p) is met only by what was judged of texts from businesses, all else by all else;
//   - one sender's texts, judged fraud as often as may be, count against that sender alone;
//   - campaign-spread is about links from handsets and from abroad, in texts that come from there.
//
// And so that copying an honest text gains nothing either: what an operator passed is passed with the links and
// numbers that it had until then.
//
// What was judged with the help of a finding of ours is no news to us: else three mistakes would confirm themselves for ever.
package detect

import (
	crand "crypto/rand"
	"encoding/binary"
	"math/bits"

	"github.com/sekisho/sekisho/inspect"
	"github.com/sekisho/sekisho/message"
)

// newSeed gives the key of all hashes, so that nobody can make texts or senders that collide.
func newSeed(set uint64) uint64 {
	if set != 0 {
		return set
	}
	var b [8]byte
	_, _ = crand.Read(b[:]) // never fails (crypto/rand)
	return binary.LittleEndian.Uint64(b[:]) | 1
}

// mix makes 64 evenly spread bits of a word and a key: the two halves of a product (as in wyhash).
func mix(word, key uint64) uint64 {
	hi, lo := bits.Mul64(word^key, 0xD6E8FEB86659FD93)
	return hi ^ lo
}

// hash hashes octets.
func hash(b []byte, key uint64) uint64 {
	h := key ^ uint64(len(b))
	for ; len(b) >= 8; b = b[8:] {
		h = mix(binary.LittleEndian.Uint64(b)^h, 0xA0761D6478BD642F)
	}
	var last uint64
	for i, c := range b {
		last |= uint64(c) << (8 * i)
	}
	return mix(mix(last^h, 0xE7037ED1A0B428DB), key)
}

// vouched reports whether somebody answers for all links of the text. One good link among others answers for nothing
// but itself.
func vouched(r *inspect.Report) bool {
	for i := range r.Findings {
		switch f := &r.Findings[i]; f.Rule.Name {
		case "official-link-only":
			return true
		case "link-known-good":
			for j := range r.Folded.Links {
				if string(r.Folded.Links[j].Host) != string(f.About) {
					return false
				}
			}
			return true
		}
	}
	return false
}

// open reports whether anybody can have a link at the host of l, so that the host says nothing of who made it.
func open(l *message.Link, r *inspect.Report, shortener func([]byte) bool) bool {
	// A name below a shortener's own (maps.app.goo.gl) is one app's, and people share what it makes.
	if len(l.Host) != len(l.Domain) && string(l.Host) != "www."+string(l.Domain) {
		return false
	}
	switch string(l.Domain) {
	case "amzn.asia", "amzn.eu", "amzn.id", "amzn.to", "lin.ee", "odesli.co", "song.link", "spti.fi", "youtu.be":
		return false // leads only to its owner's site: an app's share button makes ever new ones
	}
	if shortener != nil {
		return shortener(l.Host)
	}
	for i := range r.Findings {
		if f := &r.Findings[i]; f.Rule.Name == "shortener" && string(f.About) == string(l.Host) {
			return true
		}
	}
	return false
}

// target is what a link leads to, hashed: the registrable domain, or all of it where anybody can have a link.
func target(l *message.Link, r *inspect.Report, shortener func([]byte) bool, key uint64) uint64 {
	if open(l, r, shortener) {
		return hash(l.URL, key)
	}
	return hash(l.Domain, key)
}

// leadsKey makes hashes of where texts lead that are the same everywhere and always: hosts of fraud are nobody's secret.
const leadsKey = 0x5EC15C0

// Leads tells where a text leads, hashed: the registrable domain of its first link, and the link (the domain, or all of it where anybody can
// have one); of a text without a link its first number for both; 0 where it leads nowhere.
func Leads(m *message.Message, r *inspect.Report) (domain, link uint64) {
	f := &r.Folded
	if len(f.Links) > 0 {
		l := &f.Links[0]
		return max(hash(l.Domain, leadsKey), 1), max(target(l, r, nil, leadsKey), 1)
	}
	for i := range f.Numbers {
		if n := f.Numbers[i].Line; n != 0 && n != m.From.Line() {
			h := max(mix(uint64(n), leadsKey), 1)
			return h, h
		}
	}
	return 0, 0
}
