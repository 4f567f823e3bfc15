package smpp

import (
	"encoding/binary"
	"errors"
)

// Information elements of a user data header that are read here (3GPP TS 23.040 §9.2.3.24).
const (
	elementConcat8  = 0x00
	elementPorts8   = 0x04
	elementPorts16  = 0x05
	elementConcat16 = 0x08
	elementSingle   = 0x24 // national language single shift
	elementLocking  = 0x25
)

// ErrUDH is returned for user data that does not begin with a user data header, though esm_class says so.
var ErrUDH = errors.New("malformed user data header")

// Concat says which part of a long message this is (3GPP TS 23.040 §9.2.3.24.1 and §9.2.3.24.8).
type Concat struct {
	Ref     uint16
	Total   uint8 // 1..255
	Seq     uint8 // 1..Total
	Wide    bool  // Ref has 16 bits
	Present bool
}

// Ports says between which applications the message goes (§9.2.3.24.3 and §9.2.3.24.4).
type Ports struct {
	Dst, Src uint16
	Wide     bool // ports have 16 bits
	Present  bool
}

// UDH is a user data header as read.
type UDH struct {
	Concat   Concat
	Ports    Ports
	Shift    Shift
	Elements int // information elements in all
	Others   int // those of them that are in no field above
	// Issues is Ambiguous where receivers may differ: an element twice, or with a value or length that it cannot have.
	Issues Issues
	Raw    []byte // the whole header, its length octet included, within the user data
}

// ParseUDH reads the header at the start of user data and returns what follows it. It allocates nothing; Raw and rest are
// parts of user. Elements that mean nothing here are skipped (§9.2.3.24); of two elements that say the same or exclude
// each other, the last counts.
//
// On an error no element counts: the whole header is to be ignored (§9.2.3.24). rest is then what follows as many octets as the
// header claims, or all of user if it claims more than there are, which a receiver might show.
func ParseUDH(user []byte) (h UDH, rest []byte, err error) {
	if len(user) == 0 || int(user[0]) >= len(user) {
		return UDH{Issues: Ambiguous}, user, ErrUDH
	}
	n := 1 + int(user[0])
	h.Raw, rest = user[:n:n], user[n:]
	h.Shift.Fill = uint8(FillBits(n))
	var seen uint8
	for ie := h.Raw[1:]; len(ie) > 0; {
		if len(ie) < 2 || len(ie) < 2+int(ie[1]) {
			return UDH{Raw: h.Raw, Shift: Shift{Fill: h.Shift.Fill}, Issues: Ambiguous}, rest, ErrUDH
		}
		end := 2 + int(ie[1])
		seen = h.element(ie[0], ie[2:end], seen)
		h.Elements++
		ie = ie[end:]
	}
	return h, rest, nil
}

// LooksLikeUDH says whether user data starts with a header that numbers a part or names ports. Where esm_class does not say so, the
// sender forgot it or hopes that a receiver looks for itself.
func LooksLikeUDH(user []byte) bool {
	h, _, err := ParseUDH(user)
	return err == nil && h.Issues == 0 && (h.Concat.Present || h.Ports.Present)
}

// Kinds of element, for noticing a second of the same.
const (
	seenConcat = 1 << iota
	seenPorts
	seenSingle
	seenLocking
)

func (h *UDH) element(id byte, data []byte, seen uint8) uint8 {
	var kind uint8
	valid := true
	switch id {
	case elementConcat8, elementConcat16:
		kind = seenConcat
		var c Concat
		if c, valid = readConcat(data, id == elementConcat16); valid {
			h.Concat = c
		}
	case elementPorts8:
		kind = seenPorts
		if valid = len(data) == 2; valid {
			h.Ports = Ports{Dst: uint16(data[0]), Src: uint16(data[1]), Present: true}
		}
	case elementPorts16:
		kind = seenPorts
		if valid = len(data) == 4; valid {
			h.Ports = Ports{Dst: binary.BigEndian.Uint16(data), Src: binary.BigEndian.Uint16(data[2:]), Wide: true, Present: true}
		}
	case elementSingle:
		kind = seenSingle
		if valid = len(data) == 1 && data[0] != 0 && Language(data[0]) < languages; valid {
			h.Shift.Single = Language(data[0])
		}
	case elementLocking:
		kind = seenLocking
		// There is no locking table for Spanish (3GPP TS 23.038 §A.3.2).
		valid = len(data) == 1 && data[0] != 0 && Language(data[0]) < languages && Language(data[0]) != Spanish
		if valid {
			h.Shift.Locking = Language(data[0])
		}
	default:
		h.Others++
	}
	if !valid || seen&kind != 0 {
		h.Issues |= Ambiguous
	}
	return seen | kind
}

// readConcat reads the octets of a concatenation element. One that numbers parts from 0, or beyond the total, is to be
// ignored (§9.2.3.24.1).
func readConcat(data []byte, wide bool) (c Concat, ok bool) {
	switch {
	case !wide && len(data) == 3:
		c = Concat{Ref: uint16(data[0]), Total: data[1], Seq: data[2], Present: true}
	case wide && len(data) == 4:
		c = Concat{Ref: binary.BigEndian.Uint16(data), Total: data[2], Seq: data[3], Wide: true, Present: true}
	default:
		return Concat{}, false
	}
	return c, c.Seq != 0 && c.Seq <= c.Total
}

// AppendUDHConcat appends a whole header with one element, the part number c: six octets, or seven if c is wide.
func AppendUDHConcat(dst []byte, c Concat) []byte {
	c.Present = true
	return appendUDH(dst, c, Shift{})
}

// appendUDH appends a header with the part number c if it is present, and with the tables of shift; nothing if there are neither.
func appendUDH(dst []byte, c Concat, shift Shift) []byte {
	start := len(dst)
	dst = append(dst, 0)
	switch {
	case c.Present && c.Wide:
		dst = append(dst, elementConcat16, 4, byte(c.Ref>>8), byte(c.Ref), c.Total, c.Seq)
	case c.Present:
		dst = append(dst, elementConcat8, 3, byte(c.Ref), c.Total, c.Seq)
	}
	if shift.Single != DefaultLanguage {
		dst = append(dst, elementSingle, 1, byte(shift.Single))
	}
	if shift.Locking != DefaultLanguage {
		dst = append(dst, elementLocking, 1, byte(shift.Locking))
	}
	if len(dst) == start+1 {
		return dst[:start]
	}
	dst[start] = byte(len(dst) - start - 1)
	return dst
}
