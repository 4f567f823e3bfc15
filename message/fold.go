package message

import (
	"bytes"
	"unicode/utf8"

	"github.com/sekisho/sekisho/subject"
)

// MaxText is how many octets of a text are folded and judged. The longest text message of 255 parts has
// 51,000 in UTF-8, but nobody reads so far to be cheated: what follows is left out, and Cut set.
const MaxText = 8192

// Fold fills f from a text in UTF-8, national numbers being those of Japan.
func (f *Folded) Fold(text []byte) { f.FoldFor(text, subject.Japan) }

// FoldFor fills f from a text in UTF-8. National numbers are read as those of the country home. The text
// is not kept. Octets that are no UTF-8 become U+FFFD, one for each run of them.
func (f *Folded) FoldFor(text []byte, home int) {
	f.reset()
	if len(text) > MaxText {
		f.Cut = true
		n := MaxText
		for n > MaxText-utf8.UTFMax && !utf8.RuneStart(text[n]) {
			n--
		}
		text = text[:n]
	}
	s := &f.scratch
	s.tables = theTables()
	s.suffixes = publicSuffixes()
	turned := bytes.Contains(text, override)
	if turned {
		text = f.unroll(text)
	}
	s.written = text
	p := pass{f: f, s: s, t: s.tables, text: text}
	p.runes()
	f.narrow()
	f.unescapeHosts()
	f.links()
	f.numbers(home)
	f.words()
	f.leet()
	f.kana()
	f.family()
	if turned {
		f.roll()
	}
	s.written = nil
}

// Written gives the place in the written text that Text[i:j] comes from, and what was dropped behind it.
func (f *Folded) Written(i, j int) Span {
	if i < 0 || j > len(f.Text) || i >= j {
		return Span{}
	}
	return Span{f.Origin[i], f.end(j)}
}

// end is the offset in the written text at which what Text[:j] comes from ends.
func (f *Folded) end(j int) uint32 {
	for ; j < len(f.Text); j++ {
		if f.Origin[j] != f.Origin[j-1] {
			return f.Origin[j]
		}
	}
	return f.scratch.end
}

// scratch is what folding needs besides its result, kept from text to text.
type scratch struct {
	tables   *tables
	suffixes *suffixes
	written  []byte   // the text, while it is being folded
	text     []byte   // what Text is cut from
	origin   []uint32 // what Origin is cut from
	end      uint32   // where the last rune ends that is in Text
	points   []uint32 // the dots, colons and opening brackets in Text that a link may have
	runs     []uint32 // where in Text a run of digits begins
	likes    []uint32 // where in Text a Kanji or Kana stands that may be another
	octets   []byte   // URLs and the digits of numbers
	part     []byte   // a parameter of a link, and a label of a host in it
	idn      []byte
	linker   linker
	// What is seen of a text with overrides, and from where in the text each octet of it begins and what ends there ends.
	unrolled     []byte
	starts, ends []uint32
	classes      [classes]uint32
	singles      int  // single letters in a row, in the longest such row
	tokens       int  // single characters with spaces between them, in the longest such row
	mixed        bool // there may be words of two alphabets
	inner        bool // some rune folds to several with digits among them
}

func (f *Folded) reset() {
	s := &f.scratch
	f.Text, f.Origin = s.text[:0], s.origin[:0]
	f.Links, f.Numbers = f.Links[:0], f.Numbers[:0]
	f.Tricks, f.Letters, f.Digits, f.Family, f.Cut = Tricks{}, Letters{}, 0, 0, false
	s.points, s.runs, s.likes, s.octets = s.points[:0], s.runs[:0], s.likes[:0], s.octets[:0]
	s.classes, s.singles, s.tokens, s.mixed, s.inner, s.end = [classes]uint32{}, 0, 0, false, false, 0
}

// What an octet of ASCII is to the main pass.
const (
	asciiOther = iota
	asciiLetter
	asciiDigit
	asciiSpace
	asciiNewline
	asciiControl
	asciiPoint
)

var asciiKind = func() (k [256]uint8) {
	for c := range k {
		switch {
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
			k[c] = asciiLetter
		case c >= '0' && c <= '9':
			k[c] = asciiDigit
		case c == ' ' || c == '\t':
			k[c] = asciiSpace
		case c == '\n' || c == '\r' || c == '\v' || c == '\f':
			k[c] = asciiNewline
		case c < ' ' || c == 0x7F:
			k[c] = asciiControl
		case c == '.' || c == ':' || c == '[' || c == '(' || c == '{':
			k[c] = asciiPoint
		}
	}
	return k
}()
