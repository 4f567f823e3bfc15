// Package subject names what messages are about: a line, a contract, a sender, an address.
// It holds names only; what is known of them lives with the package that learns it.
package subject

import (
	"errors"
	"fmt"
	"log/slog"
	"strconv"
)

// Line is a telephone number in E.164 (ITU-T E.164 §6: at most 15 digits, no leading zero) as
// its digits without the plus sign. Zero is no line.
type Line uint64

// Contract is the operator's own number for a contract. Zero is no contract.
type Contract uint64

// ErrNotE164 is returned for what is no E.164 number.
var ErrNotE164 = errors.New("not an E.164 number (+ and 7 to 15 digits)")

// ParseLine reads "+819012345678".
func ParseLine(s string) (Line, error) {
	if len(s) < 8 || len(s) > 16 || s[0] != '+' || s[1] == '0' {
		return 0, ErrNotE164
	}
	l, ok := digits(s[1:])
	if !ok {
		return 0, ErrNotE164
	}
	return Line(l), nil
}

func digits[S ~string | ~[]byte](s S) (uint64, bool) {
	if len(s) == 0 || len(s) > 15 {
		return 0, false
	}
	var n uint64
	for i := 0; i < len(s); i++ {
		c := s[i] - '0'
		if c > 9 {
			return 0, false
		}
		n = n*10 + uint64(c)
	}
	return n, true
}

// String is the number in full, with its plus sign. It must not reach a log: use Mask there.
func (l Line) String() string {
	if l == 0 {
		return ""
	}
	return string(l.Append(nil))
}

// Append appends the number in full, with its plus sign, and returns the extended buffer.
func (l Line) Append(dst []byte) []byte {
	if l == 0 {
		return dst
	}
	return strconv.AppendUint(append(dst, '+'), uint64(l), 10)
}

// Mask hides the middle of the number: "+81*******678".
func (l Line) Mask() string { return mask(l.String()) }

// LogValue keeps a full number out of every log.
func (l Line) LogValue() slog.Value { return slog.StringValue(l.Mask()) }

func mask(s string) string {
	b := []byte(s)
	for i := range b {
		if i >= 3 && i < len(b)-3 {
			b[i] = '*'
		}
	}
	return string(b)
}

// Kind says what an address is.
type Kind uint8

const (
	KindNone         Kind = iota // no address
	KindLine                     // an E.164 number
	KindShort                    // digits that are no E.164 number: a short code, a service number
	KindAlphanumeric             // letters: a sender ID such as "SEKISHO"
)

func (k Kind) String() string {
	switch k {
	case KindLine:
		return "line"
	case KindShort:
		return "short"
	case KindAlphanumeric:
		return "alphanumeric"
	}
	return "none"
}

// MaxAddress is the longest address in octets (SMPP 3.4 §5.2.8: 21 with the closing NUL).
const MaxAddress = 20

// Address is who sent a message or whom it is for, as the network wrote it. It is a value without
// pointers: comparing, copying and using it as a map key allocate nothing. A line is kept as
// digits with its plus sign. The zero value is no address.
type Address struct {
	kind Kind
	n    uint8
	b    [MaxAddress]byte
}

// ErrAddress is returned for an address that is empty, too long or not printable.
var ErrAddress = errors.New("not an address (1 to 20 printable characters)")

// Japan is the country code that national numbers are read by where nothing else is configured.
const Japan = 81

// ParseAddress reads an address as people and SMSCs write it. "+81..." is a line; digits that are a
// national number of the country home (0 and nine or ten more in Japan) are that line; other digits
// are a short code; the rest is alphanumeric. Hyphens, spaces and parentheses within a number are
// passed over.
func ParseAddress[S ~string | ~[]byte](s S, home int) (Address, error) {
	var d [MaxAddress]byte
	n, plus, letters := 0, false, false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			if n == len(d) {
				return Address{}, ErrAddress
			}
			d[n] = c
			n++
		case c == '+' && i == 0:
			plus = true
		case c == '-' || c == ' ' || c == '(' || c == ')':
		case c < 0x20 || c == 0x7f:
			return Address{}, ErrAddress
		default:
			letters = true
		}
	}
	if letters || n == 0 {
		return Alphanumeric(s)
	}
	if plus {
		if a, err := International(d[:n], home); err == nil {
			return a, nil
		}
		return Address{}, fmt.Errorf("%w: a plus sign without a number behind it", ErrAddress)
	}
	if l, ok := dialled(d[:n], home); ok {
		return l.Address(), nil
	}
	a := Address{kind: KindShort, n: uint8(n)}
	copy(a.b[:], d[:n])
	return a, nil
}

// dialled reads a number as it is dialled or as machines write it: of the own country, behind an international
// prefix (010 in Japan, 00 elsewhere and by many machines), behind 184 or 186, which hide or show the caller, or with
// its country code and no sign that it is one. What is none of these is a short code.
func dialled(d []byte, home int) (Line, bool) {
	if l, ok := national(d, home); ok {
		return l, true
	}
	rest := d
	switch {
	case home == Japan && len(d) >= 13 && string(d[:3]) == "010":
		rest = d[3:]
	case len(d) >= 13 && d[0] == '0' && d[1] == '0': // service codes that begin with 00 are shorter
		rest = d[2:]
	case home == Japan && len(d) >= 13 && (string(d[:3]) == "184" || string(d[:3]) == "186"):
		if l, ok := national(d[3:], home); ok {
			return l, true
		}
	}
	if len(rest) < 11 || rest[0] == '0' {
		return 0, false
	}
	a, err := International(rest, home)
	return a.Line(), err == nil
}

// International reads digits whose type of number says that they carry their country code
// (SMPP 3.4 §5.2.5, TON 1). A trunk prefix left in behind the country code home, +81 (0)90..., is passed over.
func International[S ~string | ~[]byte](s S, home int) (Address, error) {
	if len(s) > 0 && s[0] == '+' {
		s = s[1:]
	}
	v, ok := digits(s)
	if !ok || len(s) < 7 || s[0] == '0' {
		return Address{}, ErrAddress
	}
	if code := codeLen(home); len(s) > code && s[code] == '0' && hasCode(s, home, code) {
		if l, ok := national([]byte(s[code:]), home); ok {
			return l.Address(), nil
		}
	}
	return Line(v).Address(), nil
}

// codeLen is how many digits a country code has.
func codeLen(home int) int {
	n := 0
	for ; home > 0; home /= 10 {
		n++
	}
	return n
}

func hasCode[S ~string | ~[]byte](s S, home, n int) bool {
	if n == 0 || len(s) < n {
		return false
	}
	v, _ := digits(s[:n])
	return v == uint64(home)
}

// National reads digits whose type of number says that they are of the country home (SMPP 3.4 §5.2.5, TON 2), with or
// without the trunk prefix.
func National[S ~string | ~[]byte](s S, home int) (Address, error) {
	var d [MaxAddress]byte
	if len(s) == 0 || len(s) >= len(d) {
		return Address{}, ErrAddress
	}
	if s[0] != '0' {
		d[0] = '0'
		if l, ok := national(d[:1+copy(d[1:], s)], home); ok {
			return l.Address(), nil
		}
	}
	return ParseAddress(s, home)
}

// Alphanumeric makes an address of a sender ID, unread (SMPP 3.4 §5.2.5, TON 5).
func Alphanumeric[S ~string | ~[]byte](s S) (Address, error) {
	if len(s) == 0 || len(s) > MaxAddress {
		return Address{}, ErrAddress
	}
	a := Address{kind: KindAlphanumeric, n: uint8(len(s))}
	for i := 0; i < len(s); i++ {
		if s[i] < 0x20 || s[i] == 0x7f {
			return Address{}, ErrAddress
		}
		a.b[i] = s[i]
	}
	return a, nil
}

// national reads a number as its own country dials it. Japan: 0 and nine digits from a fixed line,
// 0x0 and eight from a mobile or IP telephone (MIC numbering plan). A number that starts with 00 is a
// service code (0005, 0032...), never a line. Other countries: trunk prefix 0 and seven to twelve digits.
func national(d []byte, home int) (Line, bool) {
	if len(d) < 8 || d[0] != '0' || d[1] == '0' || home <= 0 {
		return 0, false
	}
	if home == Japan && !(len(d) == 10 || len(d) == 11 && d[1] >= '5' && d[2] == '0') {
		return 0, false
	}
	v, ok := digits(d[1:])
	if !ok {
		return 0, false
	}
	scale := uint64(1)
	for range d[1:] {
		scale *= 10
	}
	if n := uint64(home)*scale + v; n < 1_000_000_000_000_000 {
		return Line(n), true
	}
	return 0, false
}

// Address is the line as an address.
func (l Line) Address() Address {
	if l == 0 || l >= 1_000_000_000_000_000 {
		return Address{}
	}
	a := Address{kind: KindLine}
	a.n = uint8(len(l.Append(a.b[:0])))
	return a
}

// Kind says what the address is.
func (a *Address) Kind() Kind { return a.kind }

// Line is the E.164 number, or zero where the address is none.
func (a *Address) Line() Line {
	if a.kind != KindLine {
		return 0
	}
	v, _ := digits(a.b[1:a.n])
	return Line(v)
}

// Bytes is the address as text; it points into the address.
func (a *Address) Bytes() []byte { return a.b[:a.n] }

// String is the address in full. It must not reach a log: use Mask there.
func (a Address) String() string { return string(a.b[:a.n]) }

// Mask hides the middle of a number, and of digits that may be one however they are written. Sender IDs, short codes and
// the carriers' service codes, which begin with 00, are no secret and stay whole.
func (a Address) Mask() string {
	s := a.String()
	count := 0
	for i := range len(s) {
		if s[i] >= '0' && s[i] <= '9' {
			count++
		}
	}
	service := a.kind == KindShort && count <= 10 && s[0] == '0' && s[1] == '0'
	if a.kind == KindLine || count > 8 && !service {
		return mask(s)
	}
	return s
}

// LogValue keeps a full number out of every log.
func (a Address) LogValue() slog.Value { return slog.StringValue(a.Mask()) }

// IsZero reports whether there is no address.
func (a Address) IsZero() bool { return a.kind == KindNone }
