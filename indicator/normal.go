package indicator

import (
	enc "encoding/hex"
	"errors"
	"strconv"
	"strings"
)

var (
	errFamily = errors.New("not a text family (16 hexadecimal digits)")
	errHash   = errors.New("not a SHA-256 (64 hexadecimal digits)")
)

// Normal is how a value of a kind is kept in the register: in small letters where case says nothing, without a scheme, undone of what is done to
// links so that nobody follows them by mistake (hxxp, [.]). Its errors never repeat the value.
func Normal(k Kind, value string) (string, error) {
	v := defang([]byte(strings.TrimSpace(value)))
	switch k {
	case URL:
		link, _, _, err := appendLink(nil, nil, v)
		return string(link), err
	case Host, Domain:
		host, err := appendHost(nil, v)
		if err != nil {
			return "", err
		}
		name := string(host)
		if k == Domain {
			switch reg := registrable(name); {
			case isAddress(name):
				return "", errLabel
			case reg == 0:
				return "", suffixError(name)
			}
		}
		return name, nil
	case Number:
		n, err := parseNumber(v)
		if err != nil {
			return "", err
		}
		return "+" + strconv.FormatUint(n, 10), nil
	case Range:
		var b rangeBuilder
		return string(v), b.add(v, packMeta(badSelf, 1, 0, 0, 0))
	case Sender:
		s, err := parseSender(v)
		return string(s), err
	case Family:
		s := strings.ToLower(string(v))
		if n, err := strconv.ParseUint(s, 16, 64); err != nil || len(s) != 16 || n == 0 {
			return "", errFamily
		}
		return s, nil
	case Hash:
		s := strings.ToLower(string(v))
		if b, err := enc.DecodeString(s); err != nil || len(b) != 32 {
			return "", errHash
		}
		return s, nil
	}
	return "", errKind
}
