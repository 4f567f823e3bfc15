package message

import (
	"bytes"
	"unicode"
	"unicode/utf8"
)

// Overrides (U+202E RIGHT-TO-LEFT OVERRIDE, to U+202C or the end of the line; Unicode Standard Annex 9, §2.2) show what stands behind them from the back
// to the front. Of alphabets that are written from left to right a reader sees the reverse of what is written, and so do we.

var override = []byte("\u202e")

// maxOverride is how many octets one override may turn round: a line of a text.
const maxOverride = 1024

// unroll gives the text as it is seen, and notes from where in text each of its octets comes. What is turned round comes from where it
// begins, so that places never fall.
func (f *Folded) unroll(text []byte) []byte {
	s := &f.scratch
	s.unrolled, s.starts, s.ends = s.unrolled[:0], s.starts[:0], s.ends[:0]
	plain := func(from, to int) {
		for i := from; i < to; i++ {
			s.unrolled = append(s.unrolled, text[i])
			s.starts, s.ends = append(s.starts, uint32(i)), append(s.ends, uint32(i))
		}
	}
	at := 0
	for at < len(text) {
		i := bytes.Index(text[at:], override)
		if i < 0 {
			break
		}
		from := at + i + len(override)
		to := overrideEnd(text, from)
		plain(at, from)
		if at = to; !turns(text[from:to]) {
			plain(from, to)
			continue
		}
		first := len(s.unrolled)
		for j := to; j > from; { // letters with the marks on them, from the last one
			k := j
			for {
				r, n := utf8.DecodeLastRune(text[from:k])
				if k -= n; k <= from || !unicode.Is(unicode.M, r) {
					break
				}
			}
			s.unrolled = append(s.unrolled, text[k:j]...)
			j = k
		}
		for range s.unrolled[first:] {
			s.starts, s.ends = append(s.starts, uint32(from)), append(s.ends, uint32(to))
		}
		s.ends[first] = uint32(from) // what ends here ends before the turn
	}
	plain(at, len(text))
	s.starts, s.ends = append(s.starts, uint32(len(text))), append(s.ends, uint32(len(text)))
	return s.unrolled
}

// overrideEnd is where an override that begins at from ends.
func overrideEnd(text []byte, from int) int {
	for i := from; i < len(text); {
		r, n := utf8.DecodeRune(text[i:])
		if r == 0x202C || r == '\n' || r == '\r' || r == 0x2029 {
			return i
		}
		i += n
	}
	return len(text)
}

// turns reports whether an override changes what is seen: letters of alphabets that are written from right to left it does not.
func turns(part []byte) bool {
	if len(part) == 0 || len(part) > maxOverride || !utf8.Valid(part) {
		return false
	}
	for _, r := range string(part) {
		if unicode.In(r, unicode.Hebrew, unicode.Arabic, unicode.Syriac, unicode.Thaana) || r == override202E {
			return false
		}
	}
	return true
}

const override202E = 0x202E

// roll puts the places of the written text in the place of those of the unrolled one.
func (f *Folded) roll() {
	s := &f.scratch
	for i, o := range f.Origin {
		f.Origin[i] = s.starts[o]
	}
	for i := range f.Links {
		f.Links[i].Span = s.rolled(f.Links[i].Span)
	}
	for i := range f.Numbers {
		f.Numbers[i].Span = s.rolled(f.Numbers[i].Span)
	}
	s.end = s.ends[s.end]
}

func (s *scratch) rolled(at Span) Span { return Span{s.starts[at.Start], s.ends[at.End]} }
