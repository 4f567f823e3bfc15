package rpz

import (
	"errors"
	"net/netip"
	"strconv"
	"strings"

	"golang.org/x/net/publicsuffix"

	"github.com/sekisho/sekisho/indicator"
	"github.com/sekisho/sekisho/share"
)

const (
	maxZone = 101 // octets of the zone's name in wire form; a name of 150 octets still fits below it (RFC 1035 §3.1)
	maxWire = 255 // octets of a name in wire form
)

// Why an indicator makes no record.
var (
	errKind    = errors.New("a resolver sees hosts only")
	errPath    = errors.New("a link with a path or a port: its host may have done nothing")
	errName    = errors.New("no name that a zone can hold")
	errSuffix  = errors.New("a public suffix: too many others stand under it")
	errTrigger = errors.New("a name that a resolver would read as an order")
	errAddress = errors.New("an address that is nobody's on the Internet")
	errNoIPs   = errors.New("IP addresses are left out")
)

// reasons are the words for them in metrics.
var reasons = map[error]string{errKind: "kind", errPath: "path", errName: "name", errSuffix: "public-suffix", errTrigger: "trigger",
	errAddress: "address", errNoIPs: "no-ips", errMany: "too-many"}

// trigger appends the name that an indicator is in the zone by, and tells why it is there.
func (z *Zone) trigger(dst []byte, i share.Item) ([]byte, byte, error) {
	bits := byte(0)
	value := i.Value()
	switch i.Kind() {
	case indicator.Host:
		bits = byHost
	case indicator.Domain:
		bits = byDomain
	case indicator.URL:
		if strings.ContainsAny(value, "/?#") {
			return dst, 0, errPath
		}
		bits = byLink
	default:
		return dst, 0, errKind
	}
	if a, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(value, "["), "]")); err == nil {
		if z.noIPs {
			return dst, 0, errNoIPs
		}
		if bits == byDomain {
			return dst, 0, errName // nothing stands below an address
		}
		if dst, err = appendAddress(dst, a); err != nil {
			return dst, 0, err
		}
		return dst, bits, nil
	}
	if bits == byLink && strings.Contains(value, ":") {
		return dst, 0, errPath
	}
	return z.host(dst, value, bits)
}

func (z *Zone) host(dst []byte, name string, bits byte) ([]byte, byte, error) {
	if len(name)+1+2+len(z.name) > maxWire { // with *. before it
		return dst, 0, errName
	}
	for _, c := range []byte(name) {
		if !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.') {
			return dst, 0, errName
		}
	}
	top := name[strings.LastIndexByte(name, '.')+1:]
	switch {
	case len(top) == len(name):
		return dst, 0, errName
	case strings.HasPrefix(top, "rpz-"):
		// A link to 8.0.0.0.10.rpz-ip in a text would otherwise take a network off the Internet.
		return dst, 0, errTrigger
	case strings.Trim(top, "0123456789") == "": // no top-level domain is a number
		return dst, 0, errName
	}
	if bits == byDomain {
		if suffix, _ := publicsuffix.PublicSuffix(name); suffix == name {
			return dst, 0, errSuffix
		}
	}
	dst, err := appendKey(dst, name)
	if err != nil {
		return dst, 0, err
	}
	return dst, bits, nil
}

// appendAddress appends the trigger of an address: 32.4.3.2.1.rpz-ip for 1.2.3.4; of IPv6 the words in hexadecimal from the last to the
// first, the longest run of zeros as zz. Each is for the one address.
func appendAddress(dst []byte, a netip.Addr) ([]byte, error) {
	a = a.Unmap()
	if !a.IsGlobalUnicast() || a.IsPrivate() || a.Zone() != "" || a.Is4() && a.As4()[0] == 0 {
		return dst, errAddress
	}
	label := func(s string) { dst = append(append(dst, byte(len(s))), s...) }
	label("rpz-ip") // labels are kept from the top down, so that the parts stand here as they are written
	if a.Is4() {
		for _, b := range a.As4() {
			label(strconv.Itoa(int(b)))
		}
		label("32")
		return dst, nil
	}
	b := a.As16()
	var words [8]uint16
	for i := range words {
		words[i] = uint16(b[2*i])<<8 | uint16(b[2*i+1])
	}
	// zz is for the longest run of zeros, the first of them (as :: in RFC 5952 §4.2). BIND refuses a name that writes it in another way.
	best, most := -1, 1
	for i := range words {
		n := 0
		for i+n < 8 && words[i+n] == 0 {
			n++
		}
		if n > most {
			best, most = i, n
		}
	}
	for i := 0; i < 8; i++ {
		if i == best {
			label("zz")
			i += most - 1
			continue
		}
		label(strconv.FormatUint(uint64(words[i]), 16))
	}
	label("128")
	return dst, nil
}
