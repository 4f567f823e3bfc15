package message

import (
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// class says what a rune is to folding. Classes from latin on are letters.
type class uint8

const (
	other     class = iota // punctuation, symbols, emoji: no letter
	space                  // all kinds of it become one space
	newline                // ends a line
	digit                  // decimal digits of every script become 0 to 9
	mark                   // a combining mark of no script of its own (Unicode: Inherited)
	invisible              // nothing a reader sees: dropped
	latin
	phonetic // letters that are no Latin of any alphabet but look like it: IPA, Lisu, Cherokee
	cyrillic
	greek
	armenian
	arabic
	hebrew
	thai
	devanagari
	hangul
	hiragana
	katakana
	han
	letter // of any other script
	classes
)

func (c class) letter() bool { return c >= latin }

// alphabetic letters make words that a change of script divides; CJK is written without spaces, so
// there it divides nothing.
func (c class) alphabetic() bool { return c >= latin && c <= devanagari || c == letter }

// marked letters are of scripts that write with marks of all kinds.
func (c class) marked() bool {
	return c == arabic || c == hebrew || c == thai || c == devanagari || c == letter
}

// entry is what a rune folds to.
type entry struct {
	out   uint32 // up to four octets of UTF-8, the first lowest; or where in long it stands, length in the low 8 bits
	n     uint8  // octets in out; 0: the rune stays as it is; inLong: out points into long
	class class  // of what it folds to; of its first rune where there are more
	flags uint8
	like  uint8 // the ASCII letter it looks like, with likeAlways where it does so in lower case too
}

const inLong = 255

const (
	styled     = 1 << iota // of a styled alphabet (mathematical, circled, squared, small capitals)
	combines               // may make one letter with the rune before it
	lookalike              // a Kanji or Kana that may stand for another one
	mixedLong              // its long folding has letters of an alphabet other than Latin
	simplified             // a Kanji in a form that only Chinese has
	digitLong              // its long folding has a digit that is not its first letter
	asCapital              // its capital looks like a Latin one, whatever it looks like itself
)

const likeAlways = 0x80

// tables are the entries of all runes in two stages: a page of 128 for each block, pages shared where
// they are equal. About 0.4 MB, made once in a few milliseconds.
type tables struct {
	index  [(unicode.MaxRune + 1) >> 7]uint16
	pages  []page
	long   []byte
	pairs  map[uint64]rune // base and mark: what they compose to (UAX #15, canonical composition)
	shared [classes]uint16 // pages with nothing but one class, by class
}

type page [128]entry

func (t *tables) look(r rune) *entry { return &t.pages[t.index[r>>7]][r&127] }

var theTables = sync.OnceValue(makeTables)

func makeTables() *tables {
	t := &tables{pages: make([]page, 1, 320), pairs: make(map[uint64]rune, 2048)}
	t.scripts()
	t.compatibility()
	t.compositions()
	t.ours()
	return t
}

// own gives the entry of r on a page of its own.
func (t *tables) own(r rune) *entry {
	p := t.index[r>>7]
	if p == 0 || t.isShared(p) {
		t.pages = append(t.pages, t.pages[p])
		p = uint16(len(t.pages) - 1)
		t.index[r>>7] = p
	}
	return &t.pages[p][r&127]
}

func (t *tables) isShared(p uint16) bool { return p < uint16(len(t.shared))+1 && p > 0 }

func (t *tables) fill(lo, hi, stride rune, c class) {
	for r := lo; r <= hi; {
		if stride == 1 && r&127 == 0 && r+127 <= hi {
			t.index[r>>7] = t.shared[c]
			r += 128
			continue
		}
		t.own(r).class = c
		r += stride
	}
}

func (t *tables) fillTable(rt *unicode.RangeTable, c class) {
	for _, r := range rt.R16 {
		t.fill(rune(r.Lo), rune(r.Hi), rune(r.Stride), c)
	}
	for _, r := range rt.R32 {
		t.fill(rune(r.Lo), rune(r.Hi), rune(r.Stride), c)
	}
}

// scripts gives every rune its class. Later tables overrule earlier ones.
func (t *tables) scripts() {
	for c := range t.shared {
		var p page
		for i := range p {
			p[i].class = class(c)
		}
		t.pages = append(t.pages, p)
		t.shared[c] = uint16(len(t.pages) - 1)
	}
	t.fillTable(unicode.L, letter)
	t.fillTable(unicode.M, letter) // vowel signs and the like; Inherited ones follow
	for _, s := range []struct {
		*unicode.RangeTable
		class
	}{
		{unicode.Latin, latin}, {unicode.Cyrillic, cyrillic}, {unicode.Greek, greek}, {unicode.Armenian, armenian},
		{unicode.Cherokee, phonetic}, {unicode.Lisu, phonetic}, {unicode.Arabic, arabic}, {unicode.Hebrew, hebrew},
		{unicode.Thai, thai}, {unicode.Devanagari, devanagari}, {unicode.Hangul, hangul}, {unicode.Hiragana, hiragana},
		{unicode.Katakana, katakana}, {unicode.Han, han}, {unicode.Inherited, mark},
	} {
		t.fillTable(s.RangeTable, s.class)
	}
	t.own(0x30FC).class = katakana // ー belongs to both Kana (Script=Common)
	t.fillTable(unicode.P, other)
	t.fillTable(unicode.S, other)
	t.own('々').class, t.own('〇').class = han, han
	t.fillTable(unicode.Z, space)
	t.fillTable(unicode.Cf, invisible)
	t.fillTable(unicode.Other_Default_Ignorable_Code_Point, invisible)
	t.fillTable(unicode.Variation_Selector, invisible)
	t.fill(0x00, 0x1F, 1, invisible)
	t.fill(0x7F, 0x9F, 1, invisible)
	t.fill(0xE0000, 0xE0FFF, 1, invisible) // tags, and what Unicode keeps for more of them
	for _, r := range []rune{'\n', '\r', '\v', '\f', 0x85, 0x2028, 0x2029} {
		t.own(r).class = newline
	}
	t.own('\t').class = space
	t.own(0x2800).class = space // the empty Braille pattern
	for _, nd := range unicode.Nd.R16 {
		t.digits(rune(nd.Lo), rune(nd.Hi))
	}
	for _, nd := range unicode.Nd.R32 {
		t.digits(rune(nd.Lo), rune(nd.Hi))
	}
}

// digits of every script stand in runs of ten, zero first (The Unicode Standard, §4.6).
func (t *tables) digits(lo, hi rune) {
	for r := lo; r <= hi; r++ {
		t.set(r, string('0'+(r-lo)%10), digit)
	}
}

// set makes r fold to s.
func (t *tables) set(r rune, s string, c class) *entry { return t.setBytes(r, []byte(s), c) }

func (t *tables) setBytes(r rune, s []byte, c class) *entry {
	e := t.own(r)
	e.class, e.n = c, uint8(len(s))
	e.flags &^= mixedLong | digitLong
	if _, n := utf8.DecodeRune(s); n < len(s) {
		for i, r := range string(s) {
			if c := t.look(r).class; c.alphabetic() && c != latin {
				e.flags |= mixedLong
			}
			if i > 0 && r >= '0' && r <= '9' {
				e.flags |= digitLong
			}
		}
	}
	e.out = 0
	if len(s) <= 4 {
		for i := len(s) - 1; i >= 0; i-- {
			e.out = e.out<<8 | uint32(s[i])
		}
		return e
	}
	e.n, e.out = inLong, uint32(len(t.long))<<8|uint32(len(s))
	t.long = append(t.long, s...)
	return e
}

// compatible are the ranges that hold every rune which NFKC or lower case changes, the Hangul
// conjoining letters excepted. A test looks whether one has been forgotten.
var compatible = [][2]rune{
	{0xA0, 0x10FF}, {0x1360, 0x13FF}, {0x1C80, 0x1CBF}, {0x1D00, 0x2FFF}, {0x3000, 0x33FF}, {0xA640, 0xA7FF}, {0xAB30, 0xABBF},
	{0xF900, 0xFFEF}, {0x10400, 0x105BF}, {0x10780, 0x107BF}, {0x10C80, 0x10CBF}, {0x10D50, 0x10D65}, {0x118A0, 0x118BF},
	{0x16E40, 0x16E5F}, {0x16EA0, 0x16EBF}, {0x1CCD0, 0x1CCFF}, {0x1D100, 0x1D1FF}, {0x1D400, 0x1D7FF}, {0x1E030, 0x1E06F},
	{0x1E900, 0x1E921}, {0x1EE00, 0x1EEFF}, {0x1F100, 0x1F2FF}, {0x1FBF0, 0x1FBF9}, {0x2F800, 0x2FA1F},
}

// compatibility enters NFKC (UAX #15) and lower case for every rune by itself.
func (t *tables) compatibility() {
	in, out, lower := make([]byte, 0, 8), make([]byte, 0, 64), make([]byte, 0, 64)
	for _, c := range compatible {
		for r := c[0]; r <= c[1]; r++ {
			if class := t.look(r).class; class >= space && class <= digit || class == invisible || skipped(r) {
				continue
			}
			in = utf8.AppendRune(in[:0], r)
			if norm.NFKC.QuickSpan(in) == len(in) && unicode.ToLower(r) == r {
				continue
			}
			out = norm.NFKC.Append(out[:0], in...)
			for range 2 { // the second time changes what lower case has made (İ, Kelvin)
				lower = lower[:0]
				for _, r := range string(out) {
					if r = unicode.ToLower(r); r >= 0xAB70 && r <= 0xABBF {
						r += 0x13A0 - 0xAB70 // Cherokee folds to its capitals (CaseFolding.txt)
					}
					lower = utf8.AppendRune(lower, r)
				}
				if string(lower) == string(out) {
					break
				}
				out = norm.NFKC.Append(out[:0], lower...)
			}
			if len(out) == 0 || len(out) > longest || out[0] == ' ' || string(out) == string(in) {
				continue // ´ and its like are a space and a mark to NFKC; a reader sees a symbol
			}
			first, _ := utf8.DecodeRune(out)
			t.setBytes(r, out, t.look(first).class)
		}
	}
}

// longest is how many octets a rune may fold to. Only ﷺ has more, 33: it stays, so that a text of it
// does not become eleven times as long.
const longest = 18

// skipped are runes whose NFKC is not what a reader sees: Korean compatibility letters (ㅋㅋㅋ) become
// conjoining ones, the voicing marks ゛゜ become a space and a combining mark.
func skipped(r rune) bool {
	return r >= 0x3131 && r <= 0x318E || r == 0x309B || r == 0x309C || r >= 0xFF9E && r <= 0xFFDC
}

// compositions enters which base and mark make one letter. Marks are those of no script of their own,
// the voicing marks of Kana among them; Hangul is composed by arithmetic.
func (t *tables) compositions() {
	in, d, rest := make([]byte, 0, 8), make([]byte, 0, 32), make([]byte, 0, 32)
	for _, c := range [][2]rune{{0xC0, 0x233}, {0x370, 0x6FF}, {0x1E00, 0x1FFF}, {0x2190, 0x22FF}, {0x3040, 0x30FF}} {
		for r := c[0]; r <= c[1]; r++ {
			in = utf8.AppendRune(in[:0], r)
			if unicode.ToLower(r) != r || norm.NFD.QuickSpan(in) == len(in) {
				continue
			}
			d = norm.NFD.Append(d[:0], in...)
			// Any one of the marks may be the last that is written (ệ as ê and a dot below).
			_, i := utf8.DecodeRune(d)
			for i < len(d) {
				m, n := utf8.DecodeRune(d[i:])
				rest = append(append(rest[:0], d[:i]...), d[i+n:]...)
				base, size := utf8.DecodeRune(norm.NFC.Bytes(rest))
				if t.look(m).class == mark && utf8.RuneLen(base) == size && len(norm.NFC.Bytes(rest)) == size {
					if string(norm.NFC.Bytes(append(rest, d[i:i+n]...))) == string(in) {
						t.pairs[uint64(base)<<32|uint64(m)] = r
					}
				}
				i += n
			}
		}
	}
	for r := rune(0x1161); r <= 0x1175; r++ { // vowels, UAX #15 and The Unicode Standard, §3.12
		t.own(r).flags |= combines
	}
	for r := rune(0x11A8); r <= 0x11C2; r++ { // trailing consonants
		t.own(r).flags |= combines
	}
	t.set(0xFF9E, "゛", other).flags |= combines
	t.set(0xFF9F, "゜", other).flags |= combines
	t.own('゛').flags |= combines
	t.own('゜').flags |= combines
}

// compose makes one letter of the rune before and the rune that follows it, or gives 0.
func (t *tables) compose(base, r rune) rune {
	switch {
	case r >= 0x1161 && r <= 0x1175:
		if base >= 0x1100 && base <= 0x1112 {
			return 0xAC00 + ((base-0x1100)*21+r-0x1161)*28
		}
		return 0
	case r >= 0x11A8 && r <= 0x11C2:
		if base >= 0xAC00 && base <= 0xD7A3 && (base-0xAC00)%28 == 0 {
			return base + r - 0x11A7
		}
		return 0
	case r == '゛' || r == 0xFF9E:
		r = 0x3099
	case r == '゜' || r == 0xFF9F:
		r = 0x309A
	}
	return t.pairs[uint64(base)<<32|uint64(r)]
}
