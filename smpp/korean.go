package smpp

import (
	"slices"
	"sync"
	"unicode/utf8"

	"golang.org/x/text/encoding/korean"
)

// ksTrails is how many second octets there are, from 0x41 to 0xFE; code page 949 leaves some out.
const ksTrails = 0xFE - 0x41 + 1

// ksX1001 is KS C 5601, now KS X 1001, with the syllables that code page 949 adds. It is made when the
// first message needs it.
var ksX1001 = sync.OnceValue(func() *wideTable {
	return makeWideTable(korean.EUCKR, (0xFE-0x81+1)*ksTrails, appendKSCell)
})

func appendKSCell(dst []byte, cell int) []byte {
	return append(dst, byte(0x81+cell/ksTrails), byte(0x41+cell%ksTrails))
}

func appendKorean(dst, user []byte) ([]byte, Issues) {
	var all, issues Issues
	dst = slices.Grow(dst, 3*len(user))
	for len(user) > 0 {
		n := asciiPrefix(user)
		dst = append(dst, user[:n]...)
		if user = user[n:]; len(user) == 0 {
			break
		}
		lead := user[0]
		switch {
		case lead == 0x80, lead == 0xFF:
			dst, issues = appendBroken(dst, user, 1)
			user = user[1:]
		case len(user) < 2, user[1] < 0x41, user[1] == 0xFF:
			dst, issues = appendBroken(dst, user, 2)
			user = user[1:]
		default:
			dst, issues = appendWide(dst, ksX1001(), int(lead-0x81)*ksTrails+int(user[1]-0x41))
			if issues != 0 && user[1] < 0x80 {
				user = user[1:] // leave an ASCII letter to be read by itself
			} else {
				user = user[2:]
			}
		}
		all |= issues
	}
	return dst, all
}

func appendKoreanRune(dst []byte, r rune) ([]byte, bool) {
	if r < utf8.RuneSelf {
		return append(dst, byte(r)), true
	}
	cell, ok := codeOf(ksX1001().codes, r)
	if !ok {
		return dst, false
	}
	return appendKSCell(dst, int(cell)), true
}
