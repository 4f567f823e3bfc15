package message

import (
	"math/bits"
	"unicode/utf8"
)

// minFamily is how much wording a family needs, a letter of Kanji, Kana or Hangul counting two: "OK,
// thanks" and "了解です" are no wording that says who wrote it.
const minFamily = 12

// family makes the signature of the wording: all letters of Text in their order, and nothing that a
// sender changes from text to text: links, numbers, digits, spaces, punctuation, emoji.
func (f *Folded) family() {
	t := f.scratch.tables
	var h, word uint64
	h = 0x9E3779B97F4A7C15
	letters, fill := 0, 0
	link := 0
	skip := uint32(0)
	if len(f.Links) > 0 {
		skip = f.Links[0].Span.Start
	}
	text, origin := f.Text, f.Origin
	for i := 0; i < len(text); {
		if link < len(f.Links) && origin[i] >= skip {
			for end := f.Links[link].Span.End; i < len(text) && origin[i] < end; {
				i++
			}
			if link++; link < len(f.Links) {
				skip = f.Links[link].Span.Start
			}
			continue
		}
		var r uint64
		if c := text[i]; c < utf8.RuneSelf {
			i++
			if asciiKind[c] != asciiLetter {
				continue
			}
			r = uint64(c)
			letters++
		} else {
			l, n := utf8.DecodeRune(text[i:])
			i += n
			c := t.look(l).class
			if !c.letter() {
				continue
			}
			r = uint64(l)
			letters++
			if c >= hangul && c <= han {
				letters++
			}
		}
		// Three letters to a word of 64 bits, then one multiplication.
		word = word<<21 | r
		if fill++; fill == 3 {
			h, word, fill = mix(h, word), 0, 0
		}
	}
	if letters < minFamily {
		return
	}
	h = mix(h, word|1<<63)
	h = mix(h, uint64(letters))
	f.Family = max(h, 1)
}

func mix(h, word uint64) uint64 {
	hi, lo := bits.Mul64(h^word, 0xD6E8FEB86659FD93)
	return hi ^ lo ^ bits.RotateLeft64(h, 23)
}
