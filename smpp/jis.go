package smpp

import (
	"slices"
	"sync"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/japanese"
)

// jisCells is the number of cells of JIS X 0208 with the rows that Windows code page 932 adds above the 94 of the standard: a
// cell is 94*row+column, counted from 0, or 188*lead+trail in Shift_JIS.
const jisCells = 120 * 94

// jisRows94 is where the rows end that seven bits, and EUC-JP, can address.
const jisRows94 = 94 * 94

// wideTable holds the characters of codes of two octets.
type wideTable struct {
	runes []uint16 // by cell; 0 where there is none
	codes []uint32 // code point << 16 | cell, sorted
}

func (t *wideTable) rune(cell int) rune {
	if uint(cell) < uint(len(t.runes)) && t.runes[cell] != 0 {
		return rune(t.runes[cell])
	}
	return utf8.RuneError
}

// makeWideTable asks enc what the code of each cell is. The framing of the codes is done here and not by enc, so that we
// say what a broken code eats, and no text costs an allocation.
func makeWideTable(enc encoding.Encoding, cells int, code func(dst []byte, cell int) []byte) *wideTable {
	t := &wideTable{runes: make([]uint16, cells)}
	decoder := enc.NewDecoder()
	var in []byte
	for cell := range cells {
		in = append(code(in, cell), '\n')
	}
	out, err := decoder.Bytes(in)
	if err != nil {
		panic("smpp: " + err.Error()) // decoders of x/text replace what they cannot read
	}
	for cell := range cells {
		end := slices.Index(out, '\n')
		if r, n := utf8.DecodeRune(out[:end]); n == end && r != utf8.RuneError && r <= 0xFFFF {
			t.runes[cell] = uint16(r)
			t.codes = append(t.codes, uint32(r)<<16|uint32(cell))
		}
		out = out[end+1:]
	}
	slices.Sort(t.codes)
	return t
}

// jisX0208 and jisX0212 are made when the first message needs them, in some milliseconds.
var (
	jisX0208 = sync.OnceValue(func() *wideTable {
		return makeWideTable(japanese.ShiftJIS, jisCells, appendSJISCell)
	})
	jisX0212 = sync.OnceValue(func() *wideTable {
		return makeWideTable(japanese.EUCJP, jisRows94, func(dst []byte, cell int) []byte {
			return append(dst, 0x8F, byte(0xA1+cell/94), byte(0xA1+cell%94))
		})
	})
)

func appendSJISCell(dst []byte, cell int) []byte {
	lead, trail := byte(cell/188), byte(cell%188)
	if lead += 0x81; lead >= 0xA0 {
		lead += 0x40
	}
	if trail += 0x40; trail >= 0x7F {
		trail++
	}
	return append(dst, lead, trail)
}

// appendJapanese reads data_coding 5, 9, 10 and 13. SMPP 3.4 §5.2.19 names sets of characters (JIS X 0208, ISO-2022-JP, JIS X 0212), not
// how their codes are put into octets, and senders differ. The octets say which it is, whatever the value:
//
//   - with escape sequences it is ISO-2022-JP, with JIS X 0212 and half-width katakana;
//   - else with octets above 0x7F it is EUC-JP under 13 and Shift_JIS under the others (Ambiguous under 10);
//   - else it is ASCII, but under 5 bare codes of JIS X 0208 if kana is half of what they would say (Ambiguous).
func appendJapanese(dst, user []byte, a Alphabet) ([]byte, Issues) {
	dst = slices.Grow(dst, 3*len(user))
	var escapes, high bool
	for i, c := range user {
		high = high || c >= 0x80
		escapes = escapes || c == escape && i+1 < len(user) && (user[i+1] == '$' || user[i+1] == '(')
	}
	switch {
	case escapes:
		return appendISO2022JP(dst, user, setASCII)
	case high && a == EUCJP:
		return appendEUCJP(dst, user)
	case high:
		dst, issues := appendShiftJIS(dst, user)
		if a == ISO2022JP {
			issues |= Ambiguous
		}
		return dst, issues
	case a == ShiftJIS && bareJIS(user):
		dst, issues := appendISO2022JP(dst, user, setX0208)
		return dst, issues | Ambiguous
	}
	return append(dst, user...), 0
}

// bareJIS says whether octets, all below 0x80, are pairs that JIS X 0208 has, four or more, and half of them kana.
// Kana are in rows 4 and 5, whose octets are $ and %: no ASCII text has one of these in every fourth place.
func bareJIS(user []byte) bool {
	if len(user) < 8 || len(user)%2 != 0 {
		return false
	}
	kana := 0
	for i := 0; i < len(user); i += 2 {
		if user[i] < 0x21 || user[i] > 0x7E || user[i+1] < 0x21 || user[i+1] > 0x7E {
			return false
		}
		if jisX0208().rune(int(user[i]-0x21)*94+int(user[i+1]-0x21)) == utf8.RuneError {
			return false
		}
		if user[i] == '$' || user[i] == '%' {
			kana++
		}
	}
	return 4*kana >= len(user)
}

// appendWide appends the character of a cell.
func appendWide(dst []byte, t *wideTable, cell int) ([]byte, Issues) {
	r := t.rune(cell)
	if r == utf8.RuneError {
		return utf8.AppendRune(dst, r), Undecodable
	}
	return utf8.AppendRune(dst, r), 0
}

// appendBroken appends what stands for n octets of user that are no character; the text may end in their middle.
func appendBroken(dst, user []byte, whole int) ([]byte, Issues) {
	issues := Undecodable
	if len(user) < whole {
		issues |= Truncated
	}
	return utf8.AppendRune(dst, utf8.RuneError), issues
}

func appendShiftJIS(dst, user []byte) ([]byte, Issues) {
	var all, issues Issues
	t := jisX0208()
	for len(user) > 0 {
		issues = 0
		switch c := user[0]; {
		case c < 0x80:
			dst, user = append(dst, c), user[1:]
		case c >= 0xA1 && c <= 0xDF:
			dst, user = utf8.AppendRune(dst, 0xFF61+rune(c)-0xA1), user[1:]
		case c == 0x80, c == 0xA0, c > 0xFC:
			dst, issues = appendBroken(dst, user, 1)
			user = user[1:]
		case len(user) < 2, user[1] < 0x40, user[1] == 0x7F, user[1] > 0xFC:
			// The second octet is left to be read by itself: it may be the < of a link.
			dst, issues = appendBroken(dst, user, 2)
			user = user[1:]
		default:
			lead, trail := int(c)-0x81, int(user[1])-0x40
			if c >= 0xE0 {
				lead -= 0x40
			}
			if user[1] > 0x7F {
				trail--
			}
			dst, issues = appendWide(dst, t, 188*lead+trail)
			user = user[2:]
		}
		all |= issues
	}
	return dst, all
}

func appendEUCJP(dst, user []byte) ([]byte, Issues) {
	var all, issues Issues
	in94 := func(c byte) bool { return c >= 0xA1 && c <= 0xFE }
	for len(user) > 0 {
		issues = 0
		switch c := user[0]; {
		case c < 0x80:
			dst, user = append(dst, c), user[1:]
		case c == 0x8E && len(user) > 1 && user[1] >= 0xA1 && user[1] <= 0xDF:
			dst, user = utf8.AppendRune(dst, 0xFF61+rune(user[1])-0xA1), user[2:]
		case c == 0x8F && len(user) > 2 && in94(user[1]) && in94(user[2]):
			dst, issues = appendWide(dst, jisX0212(), int(user[1]-0xA1)*94+int(user[2]-0xA1))
			user = user[3:]
		case in94(c) && len(user) > 1 && in94(user[1]):
			dst, issues = appendWide(dst, jisX0208(), int(c-0xA1)*94+int(user[1]-0xA1))
			user = user[2:]
		default:
			whole := 1
			if in94(c) || c == 0x8E {
				whole = 2
			} else if c == 0x8F {
				whole = 3
			}
			dst, issues = appendBroken(dst, user, whole)
			user = user[1:]
		}
		all |= issues
	}
	return dst, all
}

// jisSet is a set of characters that ISO-2022-JP designates with an escape sequence.
type jisSet uint8

const (
	setASCII jisSet = iota
	setRoman        // JIS X 0201: ASCII with a yen sign and an overline
	setKana         // JIS X 0201, half-width katakana
	setX0208
	setX0212
)

// designations are the escape sequences of ISO-2022-JP, -1 and -3, and of code page 50221, without the escape.
var designations = []struct {
	sequence string
	set      jisSet
}{
	{"(B", setASCII}, {"(J", setRoman}, {"(H", setRoman}, {"(I", setKana},
	{"$B", setX0208}, {"$@", setX0208}, {"$(B", setX0208}, {"$(@", setX0208}, {"$(D", setX0212},
}

// designated reads the escape sequence at the start of user and says how long it is; 0 if it is none.
func designated(user []byte) (jisSet, int) {
	for _, d := range designations {
		if n := len(d.sequence); len(user) > n && string(user[1:1+n]) == d.sequence {
			return d.set, 1 + n
		}
	}
	return 0, 0
}

func appendISO2022JP(dst, user []byte, set jisSet) ([]byte, Issues) {
	var all, issues Issues
	for len(user) > 0 {
		issues = 0
		c := user[0]
		if c == escape {
			if to, n := designated(user); n > 0 {
				set, user = to, user[n:]
				continue
			}
			dst, issues = appendBroken(dst, user, 3)
			all |= issues
			user = user[1:]
			continue
		}
		switch {
		case c >= 0x80:
			// Octets of Shift_JIS between escape sequences: whoever obeys these reads something else.
			dst, issues = appendBroken(dst, user, 1)
			issues |= Ambiguous
			user = user[1:]
		case c <= ' ' || c == 0x7F || set == setASCII:
			dst, user = append(dst, c), user[1:]
		case set == setRoman:
			r := rune(c)
			if c == '\\' {
				r = '¥'
			} else if c == '~' {
				r = '‾'
			}
			dst, user = utf8.AppendRune(dst, r), user[1:]
		case set == setKana && c <= 0x5F:
			dst, user = utf8.AppendRune(dst, 0xFF61+rune(c)-0x21), user[1:]
		case set == setKana, len(user) < 2, user[1] < 0x21, user[1] > 0x7E:
			whole := 2
			if set == setKana {
				whole = 1
			}
			dst, issues = appendBroken(dst, user, whole)
			user = user[1:]
		default:
			t := jisX0208()
			if set == setX0212 {
				t = jisX0212()
			}
			dst, issues = appendWide(dst, t, int(c-0x21)*94+int(user[1]-0x21))
			user = user[2:]
		}
		all |= issues
	}
	return dst, all
}

// appendMultibyte appends r in Shift_JIS or EUC-JP. An escape is refused, since appendJapanese would read it as the start of a
// sequence.
func appendMultibyte(dst []byte, r rune, a Alphabet) ([]byte, bool) {
	switch {
	case r == escape:
		return dst, false
	case r < utf8.RuneSelf:
		return append(dst, byte(r)), true
	case r >= 0xFF61 && r <= 0xFF9F:
		if a == EUCJP {
			dst = append(dst, 0x8E)
		}
		return append(dst, byte(r-0xFF61+0xA1)), true
	}
	cell, ok := codeOf(jisX0208().codes, r)
	if a == ShiftJIS {
		if !ok {
			return dst, false
		}
		return appendSJISCell(dst, int(cell)), true
	}
	if ok && cell < jisRows94 {
		return append(dst, byte(0xA1+cell/94), byte(0xA1+cell%94)), true
	}
	if cell, ok = codeOf(jisX0212().codes, r); ok {
		return append(dst, 0x8F, byte(0xA1+cell/94), byte(0xA1+cell%94)), true
	}
	return dst, false
}

// appendISO2022 appends r in ISO-2022-JP, with the escape sequence to its set if that is not the one designated.
func (e *encoder) appendISO2022(dst []byte, r rune) ([]byte, bool) {
	to := func(set jisSet, sequence string) {
		if e.set != set {
			dst = append(append(dst, escape), sequence...)
			e.set = set
		}
	}
	switch {
	case r == escape:
		return dst, false
	case r < utf8.RuneSelf:
		to(setASCII, "(B")
		return append(dst, byte(r)), true
	case r >= 0xFF61 && r <= 0xFF9F:
		to(setKana, "(I")
		return append(dst, byte(r-0xFF61+0x21)), true
	}
	if cell, ok := codeOf(jisX0208().codes, r); ok && cell < jisRows94 {
		to(setX0208, "$B")
		return append(dst, byte(0x21+cell/94), byte(0x21+cell%94)), true
	}
	if cell, ok := codeOf(jisX0212().codes, r); ok {
		to(setX0212, "$(D")
		return append(dst, byte(0x21+cell/94), byte(0x21+cell%94)), true
	}
	return dst, false
}
