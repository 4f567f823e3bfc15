package inspect

import (
	"cmp"
	"encoding/binary"
	"slices"
	"strings"
)

// phraseKind says what a phrase that stands in a text tells.
type phraseKind uint8

const (
	phraseBrand     phraseKind = iota // the name of a brand
	phraseBrandHead                   // a name that counts only where a text says who it is from
	phraseLure                        // what a text wants, tells or has about it
)

// phrase is a folded text to look for.
type phrase struct {
	text  string
	kind  phraseKind
	open  bool   // the word may go on behind it
	id    uint16 // of the brand
	said  lures
	words []uint16
}

// hit is a phrase and where it stands in the folded text.
type hit struct {
	start, end int32
	phrase     *phrase
}

// maxHits bounds what is told of one text.
const maxHits = 64

// matcher finds many phrases in one pass. A place is looked up by its first octets, two and four at the start of
// a word in ASCII and six elsewhere: so little stands under one key that all of it is simply compared.
type matcher struct {
	filter  [1 << 10]uint64 // a bit for each of 2^16 hashes: says no at once for nearly every place
	heads   []int32         // by hash the first phrase of a key, in an open table; -1 where none is
	mask    uint32
	phrases []phrase // sorted by key, within it the longest first
	keys    []uint64
}

func newMatcher(lists ...[]phrase) *matcher {
	m := &matcher{}
	for _, l := range lists {
		m.phrases = append(m.phrases, l...)
	}
	slices.SortStableFunc(m.phrases, func(a, b phrase) int {
		return cmp.Or(cmp.Compare(phraseKey(a.text), phraseKey(b.text)),
			cmp.Compare(len(b.text), len(a.text)), strings.Compare(a.text, b.text))
	})
	size := 256
	for size < 4*len(m.phrases) {
		size *= 2
	}
	m.mask = uint32(size - 1)
	m.heads = make([]int32, size)
	for i := range m.heads {
		m.heads[i] = -1
	}
	for i, p := range m.phrases {
		k := phraseKey(p.text)
		m.keys = append(m.keys, k)
		if i > 0 && m.keys[i-1] == k {
			continue
		}
		h := phraseHash(k)
		m.filter[h>>6&0x3ff] |= 1 << (h & 63)
		at := h & m.mask
		for m.heads[at] >= 0 {
			at = (at + 1) & m.mask
		}
		m.heads[at] = int32(i)
	}
	return m
}

// phraseKey is what a phrase is looked up by. Phrases are checked to be long enough when they are read.
func phraseKey(s string) uint64 {
	var b [8]byte
	switch {
	case len(s) == 0 || s[0] >= 0x80:
		copy(b[:6], s)
	case len(s) >= 4:
		copy(b[:4], s)
	default:
		copy(b[:2], s)
	}
	return binary.LittleEndian.Uint64(b[:])
}

func phraseHash(k uint64) uint32 { return uint32(k * 0x9E3779B97F4A7C15 >> 32) }

// find appends the brands that stand in text, of those that start at one place the longest, and none within
// another. Lures are told to said, where that is not nil.
func (m *matcher) find(text []byte, hits []hit, said *said) []hit {
	brandEnd := int32(0)
	for i := 0; i < len(text); i++ {
		var k uint64
		switch c := text[i]; {
		case c >= 0xC0:
			if i+8 <= len(text) {
				k = binary.LittleEndian.Uint64(text[i:]) & (1<<48 - 1)
			} else if i+6 <= len(text) {
				k = uint64(binary.LittleEndian.Uint32(text[i:])) | uint64(binary.LittleEndian.Uint16(text[i+4:]))<<32
			} else {
				continue
			}
		case c >= 0x80 || !alnum(c) && c != '@' && c != '$' || i+2 > len(text):
			continue
		case i > 0 && alnum(text[i-1]):
			continue
		default:
			if i+4 <= len(text) {
				hits = m.at(text, i, uint64(binary.LittleEndian.Uint32(text[i:])), &brandEnd, hits, said)
			}
			k = uint64(c) | uint64(text[i+1])<<8
		}
		if hits = m.at(text, i, k, &brandEnd, hits, said); len(hits) >= maxHits {
			break
		}
	}
	return hits
}

// at appends the phrases with key k that stand at text[i:].
func (m *matcher) at(text []byte, i int, k uint64, brandEnd *int32, hits []hit, said *said) []hit {
	h := phraseHash(k)
	if m.filter[h>>6&0x3ff]&(1<<(h&63)) == 0 {
		return hits
	}
	slot := h & m.mask
	for ; m.heads[slot] >= 0 && m.keys[m.heads[slot]] != k; slot = (slot + 1) & m.mask {
	}
	first := m.heads[slot]
	if first < 0 {
		return hits
	}
	for j := int(first); j < len(m.phrases) && m.keys[j] == k; j++ {
		p := &m.phrases[j]
		end := i + len(p.text)
		if end > len(text) || string(text[i:end]) != p.text || !wholeWord(text, i, end, p.open) {
			continue
		}
		if p.kind == phraseLure {
			if said != nil {
				said.hear(p, int32(i))
			}
			continue
		}
		if int32(i) >= *brandEnd {
			*brandEnd = int32(end)
			hits = append(hits, hit{int32(i), int32(end), p})
		}
	}
	return hits
}

// wholeWord reports whether a phrase is no part of a longer word: of ASCII letters or digits that go on
// on either side, or of Katakana that stands before it (システム holds no テム).
func wholeWord(text []byte, start, end int, open bool) bool {
	if !open && end < len(text) && alnum(text[end-1]) && alnum(text[end]) {
		return false
	}
	if start >= 3 && katakana(text[start:]) && katakana(text[start-3:]) {
		return false
	}
	return true
}

// katakana reports whether b starts with a letter of U+30A1 to U+30FC: UTF-8 E3 82 A1 to E3 83 BC.
func katakana(b []byte) bool {
	return len(b) >= 3 && b[0] == 0xE3 && (b[1] == 0x82 && b[2] >= 0xA1 || b[1] == 0x83 && b[2] <= 0xBC)
}

func alnum(c byte) bool { return c-'0' <= 9 || c|0x20 >= 'a' && c|0x20 <= 'z' }

// contains reports whether a phrase stands in text, be it within a word. Phrases are in ASCII, of four octets or more.
func (m *matcher) contains(text []byte) bool {
	for i := 0; i+4 <= len(text); i++ {
		k := uint64(binary.LittleEndian.Uint32(text[i:]))
		h := phraseHash(k)
		if m.filter[h>>6&0x3ff]&(1<<(h&63)) == 0 {
			continue
		}
		slot := h & m.mask
		for ; m.heads[slot] >= 0 && m.keys[m.heads[slot]] != k; slot = (slot + 1) & m.mask {
		}
		for j := m.heads[slot]; j >= 0 && int(j) < len(m.phrases) && m.keys[j] == k; j++ {
			p := m.phrases[j].text
			if i+len(p) <= len(text) && string(text[i:i+len(p)]) == p {
				return true
			}
		}
	}
	return false
}
