package smpp

import (
	"unicode/utf16"
	"unicode/utf8"
)

// encoder writes characters of one text in one alphabet.
type encoder struct {
	a            Alphabet
	lock, single *gsmTable // GSM7 and GSM7Packed, which it writes unpacked
	set          jisSet    // ISO2022JP: the set that was last designated
}

func newEncoder(a Alphabet, shift Shift) encoder {
	e := encoder{a: a}
	if a == GSM7 || a == GSM7Packed {
		t := gsmTables()
		e.lock, e.single = t.locking(shift.Locking), t.single(shift.Single)
	}
	return e
}

// appendRune appends r, or says that the alphabet does not have it.
func (e *encoder) appendRune(dst []byte, r rune) ([]byte, bool) {
	switch e.a {
	case GSM7, GSM7Packed:
		if c, ok := e.lock.septet(r); ok {
			return append(dst, c), true
		}
		if c, ok := e.single.septet(r); ok {
			return append(dst, escape, c), true
		}
		return dst, false
	case UCS2:
		if r > 0xFFFF {
			hi, lo := utf16.EncodeRune(r)
			return append(dst, byte(hi>>8), byte(hi), byte(lo>>8), byte(lo)), true
		}
		return append(dst, byte(r>>8), byte(r)), true
	case UTF8:
		return utf8.AppendRune(dst, r), true
	case ASCII, Latin1, Cyrillic, Hebrew:
		if r < utf8.RuneSelf {
			return append(dst, byte(r)), true
		}
		if c, ok := upperOctet(r, e.a); ok {
			return append(dst, c), true
		}
		return dst, false
	case ShiftJIS, EUCJP:
		return appendMultibyte(dst, r, e.a)
	case KSC5601:
		return appendKoreanRune(dst, r)
	case ISO2022JP:
		return e.appendISO2022(dst, r)
	}
	return dst, false
}

// upperOctet is the octet above 0x7F that is r. Latin1 is written strictly, without the characters of Windows-1252.
func upperOctet(r rune, a Alphabet) (byte, bool) {
	if a == ASCII || a == Latin1 {
		return byte(r), a == Latin1 && r >= 0xA0 && r <= 0xFF
	}
	for c := 0xFF; c >= 0xA0; c-- {
		if have, issues := upperHalf(byte(c), a); issues == 0 && have == r {
			return byte(c), true
		}
	}
	return 0, false
}

// closing is how many octets appendClose would append.
func (e *encoder) closing() int {
	if e.a == ISO2022JP && e.set != setASCII {
		return 3
	}
	return 0
}

// appendClose ends a text or a part of one: ISO-2022-JP goes back to ASCII, so that each part can be read by itself.
func (e *encoder) appendClose(dst []byte) []byte {
	if e.closing() > 0 {
		dst = append(dst, escape, '(', 'B')
		e.set = setASCII
	}
	return dst
}

// AppendEncoded appends UTF-8 text encoded in alphabet a. If a character has no form in a, or text is not valid UTF-8, it
// returns dst as it was and false. GSM7Packed is padded as 3GPP TS 23.038 §6.1.2.3.1 says, since SMPP counts octets, not
// septets.
func AppendEncoded(dst, text []byte, a Alphabet, shift Shift) ([]byte, bool) {
	e := newEncoder(a, shift)
	start := len(dst)
	for i := 0; i < len(text); {
		if c := text[i]; c < utf8.RuneSelf && e.lock != nil {
			if s := e.lock.ascii[c]; s != noSeptet {
				dst = append(dst, s)
				i++
				continue
			}
		}
		r, n := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && n == 1 {
			return dst[:start], false
		}
		i += n
		var ok bool
		if dst, ok = e.appendRune(dst, r); !ok {
			return dst[:start], false
		}
	}
	dst = e.appendClose(dst)
	if a == GSM7Packed {
		// In place: an octet is written only after the septets it is made of were read.
		dst = padPacked(dst, start, shift.fill())
		dst = AppendPacked(dst[:start], dst[start:], shift.fill())
	}
	return dst, a != AlphabetUnknown && a != Binary && a < alphabets
}

// EncodedLen is the length of text in a: septets for GSM7 and GSM7Packed, octets for the others. It is
// false where AppendEncoded would be.
func EncodedLen(text []byte, a Alphabet, shift Shift) (int, bool) {
	e := newEncoder(a, shift)
	var room [16]byte
	total := 0
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && n == 1 {
			return 0, false
		}
		i += n
		b, ok := e.appendRune(room[:0], r)
		if !ok {
			return 0, false
		}
		total += len(b)
	}
	return total + e.closing(), a != AlphabetUnknown && a != Binary && a < alphabets
}

// Fits says whether every character of text has a form in a, without national language tables.
func Fits(text []byte, a Alphabet) bool {
	_, ok := EncodedLen(text, a, Shift{})
	return ok
}

// BestAlphabet is GSM7 if all of text fits in it, else UCS2.
func BestAlphabet(text []byte) Alphabet {
	if Fits(text, GSM7) {
		return GSM7
	}
	return UCS2
}
