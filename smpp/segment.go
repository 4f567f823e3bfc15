package smpp

import (
	"errors"
	"fmt"
	"unicode/utf8"
)

// userDataOctets is the most octets of user data in one message on the radio path, header included (3GPP TS 23.040 §9.2.3.24).
const userDataOctets = 140

var (
	// ErrNoForm is returned for text with a character that the alphabet does not have.
	ErrNoForm = errors.New("text does not fit the alphabet")
	// ErrTooLong is returned for text of more than 255 parts.
	ErrTooLong = errors.New("text needs more than 255 parts")
)

// Split encodes text and cuts it into the user data of as many messages as it needs: one without a header if it fits, else
// parts that each start with a concatenation header of reference ref, of 16 bits if wide (esm_class must then say so). A part
// ends between characters: never inside a surrogate pair, an escape sequence or a code of two octets.
//
// One message holds 160 septets or 140 octets (70 units of UCS2); a part 153 or 134 (67), wide 152 or 133 (66). Septets
// are written one an octet, but for GSM7Packed.
func Split(text []byte, a Alphabet, ref uint16, wide bool) ([][]byte, error) {
	return SplitShift(text, a, Shift{}, ref, wide)
}

// SplitShift is Split with national language tables. Each message has then a header that names them.
func SplitShift(text []byte, a Alphabet, shift Shift, ref uint16, wide bool) ([][]byte, error) {
	if shift = shift.named(); a != GSM7 && a != GSM7Packed {
		shift = Shift{}
	}
	whole, ok := EncodedLen(text, a, shift)
	if !ok {
		return nil, fmt.Errorf("writing as %v: %w", a, ErrNoForm)
	}
	header := appendUDH(nil, Concat{}, shift)
	if whole <= roomFor(a, len(header)) {
		part, _ := appendPart(header, text, a, shift, len(header))
		return [][]byte{part}, nil
	}
	c := Concat{Ref: ref, Total: 1, Seq: 1, Wide: wide, Present: true}
	header = appendUDH(nil, c, shift)
	pieces, err := cutText(text, a, shift, roomFor(a, len(header)))
	if err != nil {
		return nil, err
	}
	c.Total = uint8(len(pieces))
	parts := make([][]byte, 0, len(pieces))
	for i, piece := range pieces {
		c.Seq = uint8(i + 1)
		part, _ := appendPart(appendUDH(make([]byte, 0, userDataOctets+24), c, shift), piece, a, shift, len(header))
		parts = append(parts, part)
	}
	return parts, nil
}

// roomFor is how many septets or octets are left in a message after a header.
func roomFor(a Alphabet, header int) int {
	if a == GSM7 || a == GSM7Packed {
		return 8 * (userDataOctets - header) / 7
	}
	return userDataOctets - header
}

// appendPart appends text encoded in a to the header of a message.
func appendPart(part, text []byte, a Alphabet, shift Shift, header int) ([]byte, bool) {
	if a == GSM7Packed {
		shift.Fill = uint8(FillBits(header))
	}
	part, ok := AppendEncoded(part, text, a, shift)
	if a == GSM7Packed && len(part) > userDataOctets {
		// A last carriage return was doubled where there is no room for a second: a receiver takes it for padding.
		part = part[:userDataOctets]
	}
	return part, ok
}

// cutText divides text into pieces that each have a length of room or less when encoded.
func cutText(text []byte, a Alphabet, shift Shift, room int) ([][]byte, error) {
	var pieces [][]byte
	var buf [16]byte
	e, start, used := newEncoder(a, shift), 0, 0
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRune(text[i:])
		b, _ := e.appendRune(buf[:0], r)
		if used+len(b)+e.closing() > room {
			if len(pieces) == 254 {
				return nil, ErrTooLong
			}
			pieces = append(pieces, text[start:i])
			e, start, used = newEncoder(a, shift), i, 0
			continue
		}
		used += len(b)
		i += n
	}
	return append(pieces, text[start:]), nil
}
