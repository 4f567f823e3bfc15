package smpp

import (
	"encoding/binary"
	"slices"
	"unicode/utf8"
)

// escape leads to the extension table, in the default alphabet and in every national one (3GPP TS 23.038 §6.2.1).
const escape = 0x1B

const carriageReturn = 0x0D

// appendGSM7 reads septets, one an octet. plain says that lock is the default alphabet, in which most
// letters are what they are in ASCII.
func appendGSM7(dst, user []byte, lock, single *gsmTable, plain bool) ([]byte, Issues) {
	dst = slices.Grow(dst, 3*len(user)+8)
	n, issues := decodeGSM7(dst[len(dst):cap(dst)], user, lock, single, plain)
	return dst[:len(dst)+n], issues
}

// decodeGSM7 writes the UTF-8 of user to buf, which has at least 3*len(user)+8 octets, and says how many it wrote. After i
// octets of user, it has written nothing beyond buf[3*i+8].
func decodeGSM7(buf, user []byte, lock, single *gsmTable, plain bool) (n int, issues Issues) {
	for i := 0; i < len(user); {
		if plain {
			for i+8 <= len(user) {
				x := binary.LittleEndian.Uint64(user[i:])
				if !sameInASCII(x) {
					break
				}
				binary.LittleEndian.PutUint64(buf[n:], x)
				i, n = i+8, n+8
			}
		}
		for end := min(i+8, len(user)); i < end; {
			c := user[i]
			i++
			g := lock.glyph[c]
			if g == 0 {
				var e Issues
				g, i, e = unusualSeptet(c, user, i, lock, single)
				issues |= e
			}
			binary.LittleEndian.PutUint32(buf[n:], g)
			n += int(g >> 24)
		}
	}
	return n, issues
}

// sameInASCII says whether all eight octets are septets that the default alphabet shares with ASCII: 0x20..0x5A and
// 0x61..0x7A, without the currency sign (0x24) and the inverted exclamation mark (0x40).
func sameInASCII(x uint64) bool {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	// Where no octet has its high bit, adding 0x80-k sets it exactly in octets of k and more.
	from20, from5B, from61, from7B := x+0x60*ones, x+0x25*ones, x+0x1F*ones, x+0x05*ones
	not24, not40 := (x^0x24*ones)+0x7F*ones, (x^0x40*ones)+0x7F*ones
	return (^x&from20&(^from5B|from61)&^from7B&not24&not40)&high == high
}

// unusualSeptet reads what has no glyph in the locking table: the escape, and octets that are no septet. i is the index after c.
func unusualSeptet(c byte, user []byte, i int, lock, single *gsmTable) (glyph uint32, next int, issues Issues) {
	switch {
	case c >= 0x80:
		// No septet: Latin-1 or packed text on a bind that is configured for neither.
		return replacementGlyph, i, Undecodable | Ambiguous
	case c != escape:
		return replacementGlyph, i, Undecodable
	case i == len(user):
		return 0, i, Truncated
	}
	c = user[i]
	i++
	if c == escape {
		// Reserved for a second extension table; a space until there is one (§6.2.1.1 note 1).
		return spaceGlyph, i, Ambiguous
	}
	if g := single.glyph[c]; g != 0 {
		return g, i, 0
	}
	// Not in the extension table: the character of the main or the locking table is shown (§6.2.1.1,
	// §6.2.1.2.2). Old handsets show a space instead, or both.
	if g := lock.glyph[c]; g != 0 {
		return g, i, Ambiguous
	}
	return replacementGlyph, i, Undecodable | Ambiguous
}

// appendGSM7Packed reads packed septets. The number of septets, which TP-UDL gives in a TPDU, is not in SMPP; it
// is as many as the octets hold, less a carriage return that only pads (3GPP TS 23.038 §6.1.2.3.1). A sender that pads with
// zeros there writes an @, as it does on handsets.
func appendGSM7Packed(dst, user []byte, shift Shift) ([]byte, Issues) {
	fill := shift.fill()
	count := septetsIn(len(user), fill)
	// The septets wait behind the place that decodeGSM7 may have written to when it comes to read them.
	text := 3*count + 8
	dst = slices.Grow(dst, text+count)
	buf := dst[len(dst):cap(dst)]
	septets := AppendUnpacked(buf[text:text], user, count, fill)
	if count > 0 && (8*len(user)-fill)%7 == 0 && septets[count-1] == carriageReturn {
		septets = septets[:count-1]
	}
	t := gsmTables()
	n, issues := decodeGSM7(buf[:text], septets, t.locking(shift.Locking), t.single(shift.Single), shift.Locking == DefaultLanguage)
	return dst[:len(dst)+n], issues
}

// septetsIn is how many whole septets come after fill bits in so many octets.
func septetsIn(octets, fill int) int { return max(8*octets-fill, 0) / 7 }

// FillBits is how many bits lie between a user data header of so many octets, its length octet included, and the first
// packed septet, which starts on a septet boundary (3GPP TS 23.040 §9.2.3.24).
func FillBits(header int) int { return (7 - 8*header%7) % 7 }

// AppendPacked appends septets packed into octets after fill bits of zero, 0 to 6 (3GPP TS 23.038 §6.1.2.1).
func AppendPacked(dst, septets []byte, fill int) []byte {
	if len(septets) == 0 {
		return dst
	}
	bits, held := uint(fill)%8, uint32(0)
	for _, s := range septets {
		held |= uint32(s&0x7F) << bits
		if bits += 7; bits >= 8 {
			dst = append(dst, byte(held))
			held >>= 8
			bits -= 8
		}
	}
	if bits > 0 {
		dst = append(dst, byte(held))
	}
	return dst
}

// AppendUnpacked appends n septets, or as many as there are if n is negative or too large, read from octets after fill bits.
func AppendUnpacked(dst, octets []byte, n, fill int) []byte {
	fill = min(max(fill, 0), 7)
	if have := septetsIn(len(octets), fill); n < 0 || n > have {
		n = have
	}
	for i := range n {
		at := fill + 7*i
		c := uint32(octets[at/8])
		if at%8 > 1 {
			c |= uint32(octets[at/8+1]) << 8
		}
		dst = append(dst, byte(c>>(at%8))&0x7F)
	}
	return dst
}

// padPacked appends to the septets from start on what 3GPP TS 23.038 §6.1.2.3.1 asks for: a carriage return where seven
// bits would be left over, which would read as an @, and a second one where a text ends in one on an octet boundary.
func padPacked(septets []byte, start, fill int) []byte {
	n := len(septets) - start
	if n == 0 {
		return septets
	}
	switch bits := (fill + 7*n) % 8; {
	case bits == 1, bits == 0 && septets[len(septets)-1] == carriageReturn:
		return append(septets, carriageReturn)
	}
	return septets
}

// A glyph is the UTF-8 of a character, its first octet lowest, with its length in the highest octet: so that writing one takes no
// branch. Every character of the tables has at most three octets.
func glyphOf(r rune) uint32 {
	var b [4]byte
	n := utf8.EncodeRune(b[:3], r)
	return binary.LittleEndian.Uint32(b[:]) | uint32(n)<<24
}

const (
	replacementGlyph = 3<<24 | 0xBDBFEF // U+FFFD
	spaceGlyph       = 1<<24 | ' '
)
