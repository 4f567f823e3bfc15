package detect

import (
	"math"
	"math/bits"
	"unicode"
	"unicode/utf8"

	"github.com/sekisho/sekisho/message"
)

// A text's signature is a MinHash by one permutation (Li, Owen, Zhang 2012) over the n-grams of its letters: two letters
// where the second is Kanji, Kana or Hangul, four elsewhere. Of each of 64 bins the least hash is taken, an
// empty bin borrowing from others (Shrivastava 2017), and four bits of it are kept (b-bit minwise hashing, Li and
// König 2010). The share of equal bins estimates the Jaccard similarity of two texts with an error of about 0.065.
const (
	bins  = 64
	bands = 12 // a band is two bins; texts of a similarity J share one with 1−(1−J²)¹²: 99 % at 0.55, 90 % at 0.42
	keys  = bands + 1

	// Bins that have to be equal for a similarity J are 64·(J·15/16 + 1/16).
	likeIdeograms = 30 // of 64: 0.43. Two letters are a word or its half, and edits spoil three of them
	likeLetters   = 37 // of 64: 0.55
	sameWording   = 50 // of 64: 0.77, so that nothing better is looked for

	minGrams = 10 // distinct bins: fewer say too little, and only equal wording is found
)

type signature [4]uint64

// equal counts the equal bins of two signatures.
func (s *signature) equal(o *signature) int {
	n := bins
	for i := range s {
		x := s[i] ^ o[i]
		x |= x >> 2
		x |= x >> 1
		n -= bits.OnesCount64(x & 0x1111111111111111)
	}
	return n
}

// wording is what is made of a text to find others like it. keys are where others are looked for: the first by
// all of the wording, one for each band behind it.
type wording struct {
	family uint64
	sign   signature
	keys   [keys]uint32
	need   int  // bins that another must share
	units  int  // letters, one of Kanji, Kana or Hangul counting two
	near   bool // whether there is enough wording to look for what is only like it
}

// first gives the key of equal wording, which needs no reading.
func (w *wording) first(family, seed uint64) {
	w.family, w.near = family, false
	w.keys = [keys]uint32{firstKey(family, seed)}
}

func firstKey(family, seed uint64) uint32 { return uint32(mix(family, seed^keys) >> 32) }

// ways are the keys that lead to the wording: one where there is too little of it to look for what is only like it.
func (w *wording) ways() []uint32 {
	if w.near {
		return w.keys[:]
	}
	return w.keys[:1]
}

// read fills w from a folded text, without its links, numbers, digits, spaces, punctuation and emoji.
func (w *wording) read(f *message.Folded, seed uint64) {
	var least [bins]uint32
	for i := range least {
		least[i] = math.MaxUint32
	}
	letters, wide, link := 0, 0, 0
	skip := uint32(math.MaxUint32)
	if len(f.Links) > 0 {
		skip = f.Links[0].Span.Start
	}
	var last uint64 // four letters, 16 bits each
	text, origin := f.Text, f.Origin
	for i := 0; i < len(text); {
		if origin[i] >= skip {
			for end := f.Links[link].Span.End; i < len(text) && origin[i] < end; {
				i++
			}
			skip = math.MaxUint32
			if link++; link < len(f.Links) {
				skip = f.Links[link].Span.Start
			}
			continue
		}
		var word uint64
		grams := 4
		if c := text[i]; c < utf8.RuneSelf {
			i++
			if c|0x20-'a' >= 26 {
				continue
			}
			letters++
			last = last<<16 | uint64(c)
			word = last
		} else {
			r, n := utf8.DecodeRune(text[i:])
			i += n
			if !isLetter(r) {
				continue
			}
			letters++
			last = last<<16 | uint64(r)&0xFFFF
			word = last
			if isWide(r) {
				wide++
				word, grams = word&0xFFFFFFFF, 2
			}
		}
		if letters < grams {
			continue
		}
		h := mix(word, seed)
		if v := uint32(h); v < least[h>>58] {
			least[h>>58] = v
		}
	}
	w.units = letters + wide
	w.need = likeLetters
	if wide*2 >= letters {
		w.need = likeIdeograms
	}
	var filled uint64
	for i, v := range least {
		if v != math.MaxUint32 {
			filled |= 1 << i
		}
	}
	if w.near = bits.OnesCount64(filled) >= minGrams; !w.near {
		w.sign = signature{w.family, 0, 0, 0}
		return
	}
	w.fill(&least, filled)
	w.sign = signature{}
	for i, v := range least {
		w.sign[i>>4] |= uint64(v&15) << (i & 15 * 4)
	}
	for b := range bands {
		w.keys[b+1] = uint32(mix(uint64(least[2*b])<<32|uint64(least[2*b+1]), seed^uint64(b)) >> 32)
	}
}

// fill lets every empty bin borrow from others in an order that is its own, so that equal texts borrow equally.
func (w *wording) fill(least *[bins]uint32, filled uint64) {
	for i := range least {
		if filled>>i&1 != 0 {
			continue
		}
		h := uint64(i+1) * 0x9E3779B97F4A7C15
		from := 0
		for try := 0; ; try++ {
			h = h*0xD1342543DE82EF95 + 1
			if from = int(h >> 58); filled>>from&1 != 0 {
				break
			}
			if try == 128 { // hardly ever: at least minGrams are filled
				from = bits.TrailingZeros64(filled)
				break
			}
		}
		least[i] = least[from]
	}
}

// isWide reports whether a letter is Kanji, Kana or Hangul.
func isWide(r rune) bool {
	return r >= 0x3040 && r <= 0x9FFF || r >= 0xAC00 && r <= 0xD7A3 || r >= 0xF900 && r <= 0xFAFF || r >= 0x20000
}

// letterBits are the letters of the Basic Multilingual Plane with their vowel signs, a bit each: 8 KiB.
var letterBits = func() (t [1 << 10]uint64) {
	for _, table := range []*unicode.RangeTable{unicode.L, unicode.M} {
		for _, x := range table.R16 {
			for r := uint32(x.Lo); r <= uint32(x.Hi); r += uint32(x.Stride) {
				t[r>>6] |= 1 << (r & 63)
			}
		}
	}
	for _, x := range unicode.Variation_Selector.R16 {
		for r := uint32(x.Lo); r <= uint32(x.Hi); r += uint32(x.Stride) {
			t[r>>6] &^= 1 << (r & 63)
		}
	}
	return t
}()

func isLetter(r rune) bool {
	if r < 1<<16 {
		return letterBits[r>>6]>>(r&63)&1 != 0
	}
	return r >= 0x20000 && r < 0x40000 || unicode.IsLetter(r)
}
