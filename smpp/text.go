package smpp

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Alphabet is what the octets of a short message are read as.
type Alphabet uint8

const (
	AlphabetUnknown Alphabet = iota
	GSM7                     // 3GPP TS 23.038 §6.2.1, one septet an octet, as most SMSCs take it
	GSM7Packed               // the same, eight septets in seven octets (§6.1.2)
	ASCII                    // IA5, ANSI X3.4
	Latin1                   // ISO 8859-1; 0x80..0x9F are read as Windows-1252, and marked Ambiguous
	UCS2                     // UTF-16BE: surrogate pairs are read, as every handset does
	UTF8                     // no data_coding says so; some SMSCs mean it by 0
	ShiftJIS                 // data_coding 5; see appendJapanese for what else is read under it
	ISO2022JP                // data_coding 10
	EUCJP                    // data_coding 13, with JIS X 0212
	Cyrillic                 // ISO 8859-5
	Hebrew                   // ISO 8859-8
	KSC5601                  // EUC-KR, with the extension of code page 949
	Binary                   // octets that are no text
	alphabets                // how many there are
)

var alphabetNames = [alphabets]string{
	AlphabetUnknown: "unknown", GSM7: "gsm7", GSM7Packed: "gsm7-packed", ASCII: "ascii", Latin1: "latin1",
	UCS2: "ucs2", UTF8: "utf8", ShiftJIS: "shift-jis", ISO2022JP: "iso-2022-jp", EUCJP: "euc-jp",
	Cyrillic: "iso-8859-5", Hebrew: "iso-8859-8", KSC5601: "ksc5601", Binary: "binary",
}

// ParseAlphabet reads the name of an alphabet as String writes it, in any case.
func ParseAlphabet(name string) (Alphabet, error) {
	for a := GSM7; a < alphabets; a++ {
		if strings.EqualFold(name, alphabetNames[a]) {
			return a, nil
		}
	}
	return AlphabetUnknown, fmt.Errorf("%.32q is no alphabet: want one of %s", name, strings.Join(alphabetNames[GSM7:], ", "))
}

func (a Alphabet) String() string {
	if a < alphabets {
		return alphabetNames[a]
	}
	return fmt.Sprintf("alphabet(%d)", uint8(a))
}

// MarshalText writes the name of the alphabet.
func (a Alphabet) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText reads a name as ParseAlphabet does, and "unknown".
func (a *Alphabet) UnmarshalText(name []byte) (err error) {
	if string(name) == alphabetNames[AlphabetUnknown] {
		*a = AlphabetUnknown
		return nil
	}
	*a, err = ParseAlphabet(string(name))
	return err
}

// Issues is the set of what was wrong with octets that were read; zero means nothing.
type Issues uint8

const (
	Undecodable Issues = 1 << iota // octets that are no character; U+FFFD stands for them
	Ambiguous                      // two receivers may read these octets differently
	Truncated                      // the text ends inside a character
	NotText                        // the alphabet has no characters (Binary, unknown): nothing was read
)

// String names what is in the set, separated by commas.
func (i Issues) String() string {
	var names []string
	for bit, name := range []string{"undecodable", "ambiguous", "truncated", "not-text"} {
		if i&(1<<bit) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, ",")
}

// MaxText is the most octets of UTF-8 that n octets of user data become in any alphabet; AppendText
// allocates nothing where dst has so much room.
func MaxText(n int) int { return 5*n + 16 }

// AppendText reads user data without its header as alphabet a and appends it to dst as UTF-8. What is no character
// becomes U+FFFD; the result is valid UTF-8 whatever came, and takes time and room linear in it. shift comes from the
// header (UDH.Shift). Octets between the end of the text and the capacity of dst may be overwritten.
func AppendText(dst, user []byte, a Alphabet, shift Shift) ([]byte, Issues) {
	switch a {
	case GSM7:
		t := gsmTables()
		return appendGSM7(dst, user, t.locking(shift.Locking), t.single(shift.Single), shift.Locking == DefaultLanguage)
	case GSM7Packed:
		return appendGSM7Packed(dst, user, shift)
	case UCS2:
		return appendUCS2(dst, user)
	case UTF8:
		return appendUTF8(dst, user)
	case ASCII, Latin1, Cyrillic, Hebrew:
		return appendOctets(dst, user, a)
	case ShiftJIS, ISO2022JP, EUCJP:
		return appendJapanese(dst, user, a)
	case KSC5601:
		return appendKorean(dst, user)
	}
	return dst, NotText
}

// appendUCS2 reads UTF-16BE. 3GPP TS 23.038 §6.2.3 names UCS-2, which has no surrogates; handsets write emoji with them.
func appendUCS2(dst, user []byte) ([]byte, Issues) {
	var issues Issues
	if len(user) >= 2 && user[0] == 0xFF && user[1] == 0xFE {
		issues |= Ambiguous // the mark of little-endian text, which some handsets obey
	}
	dst = slices.Grow(dst, 3*(len(user)/2+1)+8)
	buf, n := dst[len(dst):cap(dst)], 0
	i := 0
	for i+2 <= len(user) {
		c := uint32(user[i])<<8 | uint32(user[i+1])
		i += 2
		switch {
		case c >= 0x800 && c-0xD800 >= 0x800:
			binary.LittleEndian.PutUint32(buf[n:], uint32(threeOctets(uint64(c))))
			n += 3
			for i+8 <= len(user) { // kana and ideographs: four at once
				x := binary.BigEndian.Uint64(user[i:])
				c0, c1, c2, c3 := x>>48, x>>32&0xFFFF, x>>16&0xFFFF, x&0xFFFF
				if c0-0x800 >= 0xD000 || c1-0x800 >= 0xD000 || c2-0x800 >= 0xD000 || c3-0x800 >= 0xD000 {
					break
				}
				third := threeOctets(c2)
				binary.LittleEndian.PutUint64(buf[n:], threeOctets(c0)|threeOctets(c1)<<24|third<<48)
				binary.LittleEndian.PutUint32(buf[n+8:], uint32(third>>16|threeOctets(c3)<<8))
				n += 12
				i += 8
			}
		case c < 0x80:
			buf[n] = byte(c)
			n++
			for i+8 <= len(user) { // a link in a Japanese text: four letters at once
				x := binary.BigEndian.Uint64(user[i:])
				if x&0xFF80FF80FF80FF80 != 0 {
					break
				}
				binary.BigEndian.PutUint32(buf[n:], uint32(x>>24)&0xFF000000|uint32(x>>16)&0xFF0000|uint32(x>>8)&0xFF00|uint32(x)&0xFF)
				n += 4
				i += 8
			}
		case c < 0x800:
			buf[n], buf[n+1] = byte(0xC0|c>>6), byte(0x80|c&0x3F)
			n += 2
		default:
			r := rune(utf8.RuneError)
			if i+2 <= len(user) {
				r = utf16.DecodeRune(rune(c), rune(user[i])<<8|rune(user[i+1]))
			}
			if r == utf8.RuneError {
				issues |= Undecodable
				if i == len(user) && c < 0xDC00 {
					issues |= Truncated // the other half of the pair is in the next part
				}
			} else {
				i += 2
			}
			n += utf8.EncodeRune(buf[n:], r)
		}
	}
	if i < len(user) {
		issues |= Undecodable | Truncated
		n += utf8.EncodeRune(buf[n:], utf8.RuneError)
	}
	return dst[:len(dst)+n], issues
}

// threeOctets is the UTF-8 of c, which is 0x800 or more and no surrogate, its first octet lowest.
func threeOctets(c uint64) uint64 { return 0x8080E0 | c>>12 | c<<2&0x3F00 | c<<16&0x3F0000 }

func appendUTF8(dst, user []byte) ([]byte, Issues) {
	var issues Issues
	dst = slices.Grow(dst, 3*len(user))
	for len(user) > 0 {
		n := asciiPrefix(user)
		dst = append(dst, user[:n]...)
		if user = user[n:]; len(user) == 0 {
			break
		}
		r, size := utf8.DecodeRune(user)
		if r == utf8.RuneError && size == 1 {
			issues |= Undecodable
			if !utf8.FullRune(user) {
				issues |= Truncated
				size = len(user)
			}
		}
		dst = utf8.AppendRune(dst, r)
		user = user[size:]
	}
	return dst, issues
}

// asciiPrefix is how many octets of b come before one with the high bit.
func asciiPrefix(b []byte) int {
	i := 0
	for i+8 <= len(b) && binary.LittleEndian.Uint64(b[i:])&0x8080808080808080 == 0 {
		i += 8
	}
	for i < len(b) && b[i] < utf8.RuneSelf {
		i++
	}
	return i
}

// appendOctets reads an alphabet in which an octet is a character and the lower half is ASCII.
func appendOctets(dst, user []byte, a Alphabet) ([]byte, Issues) {
	var issues Issues
	dst = slices.Grow(dst, 3*len(user))
	for len(user) > 0 {
		n := asciiPrefix(user)
		dst = append(dst, user[:n]...)
		if user = user[n:]; len(user) == 0 {
			break
		}
		r, doubt := upperHalf(user[0], a)
		issues |= doubt
		dst = utf8.AppendRune(dst, r)
		user = user[1:]
	}
	return dst, issues
}

// windows1252 is what 0x80..0x9F are in that code page; zero where they are nothing.
var windows1252 = [32]rune{
	0x20AC, 0, 0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0, 0x017D, 0,
	0, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0, 0x017E, 0x0178,
}

// upperHalf reads one octet above 0x7F.
func upperHalf(c byte, a Alphabet) (rune, Issues) {
	switch {
	case a == ASCII:
	case a == Latin1 && c < 0xA0:
		// ISO 8859-1 has control characters here, which nobody sends: who does is on Windows.
		if r := windows1252[c-0x80]; r != 0 {
			return r, Ambiguous
		}
	case a == Latin1:
		return rune(c), 0
	case c == 0xA0:
		return 0xA0, 0
	case a == Cyrillic && c > 0xA0:
		switch c {
		case 0xAD:
			return 0xAD, 0
		case 0xF0:
			return 0x2116, 0
		case 0xFD:
			return 0xA7, 0
		}
		return rune(c) - 0xA0 + 0x400, 0
	case a == Hebrew && c >= 0xE0 && c <= 0xFA:
		return rune(c) - 0xE0 + 0x5D0, 0
	case a == Hebrew && c > 0xA1 && c <= 0xBE:
		switch c {
		case 0xAA:
			return 0xD7, 0
		case 0xBA:
			return 0xF7, 0
		}
		return rune(c), 0
	case a == Hebrew && c == 0xDF:
		return 0x2017, 0
	case a == Hebrew && (c == 0xFD || c == 0xFE):
		return rune(c) - 0xFD + 0x200E, 0
	}
	return utf8.RuneError, Undecodable
}
