package indicator

import (
	"bytes"
	"net/netip"
	"strings"

	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"

	"github.com/sekisho/sekisho/subject"
)

const (
	maxHost = 253  // octets of a host name (RFC 1035 §2.3.4, without the final dot)
	maxURL  = 4096 // octets of a link
)

// names turns names in any script into the form that DNS carries. Underscores and the like pass: hosts
// of fraudsters do not keep to RFC 1123.
var names = idna.New(idna.MapForLookup(), idna.Transitional(false), idna.StrictDomainName(false))

// appendHost appends the host in the one form it is looked up in: lower case, xn--, no final dot; an IPv6
// address in brackets.
func appendHost(dst, raw []byte) ([]byte, error) {
	if len(raw) > 4*maxHost { // of UTF-8; a longer one cannot fit either way
		return dst, errHost
	}
	if len(raw) > 0 && raw[0] == '[' {
		a, err := netip.ParseAddr(strings.TrimSuffix(string(raw[1:]), "]"))
		if err != nil || raw[len(raw)-1] != ']' || !a.Is6() || a.Zone() != "" {
			return dst, errHost
		}
		return append(a.AppendTo(append(dst, '[')), ']'), nil
	}
	for _, c := range raw {
		if c >= 0x80 {
			s, err := names.ToASCII(string(raw))
			if err != nil {
				return dst, errHost
			}
			raw = []byte(s)
			break
		}
	}
	start := len(dst)
	raw = bytes.TrimSuffix(raw, []byte{'.'})
	if len(raw) > maxHost {
		return dst, errHost
	}
	label, dots, numeric := 0, 0, true // of the label being read
	for _, c := range raw {
		switch {
		case c == '.':
			if label == 0 {
				return dst[:start], errHost
			}
			dots, label, numeric = dots+1, 0, true
			dst = append(dst, c)
			continue
		case c >= 'A' && c <= 'Z':
			c += 'a' - 'A'
			numeric = false
		case c >= '0' && c <= '9':
		case c >= 'a' && c <= 'z' || c == '-' || c == '_':
			numeric = false
		default:
			return dst[:start], errHost
		}
		if label++; label > 63 {
			return dst[:start], errHost
		}
		dst = append(dst, c)
	}
	if label == 0 || dots == 0 {
		return dst[:start], errHost
	}
	if numeric { // no top-level domain is a number
		if _, err := netip.ParseAddr(string(dst[start:])); err != nil {
			return dst[:start], errHost
		}
	}
	return dst, nil
}

// isAddress reports whether a normalised host is an IP address: only their last label is a number.
func isAddress[S ~string | ~[]byte](host S) bool {
	for i := len(host) - 1; i >= 0 && host[i] != '.'; i-- {
		if host[i] == ']' {
			return true
		}
		if host[i] < '0' || host[i] > '9' {
			return false
		}
	}
	return true
}

// registrable is how many octets at the end of a normalised name are its registrable domain: all of
// them for an IP address, none where the name is a public suffix itself.
func registrable(name string) int {
	if isAddress(name) {
		return len(name)
	}
	suffix, _ := publicsuffix.PublicSuffix(name)
	if len(suffix) >= len(name) {
		return 0
	}
	rest := name[:len(name)-len(suffix)-1]
	return len(name) - 1 - strings.LastIndexByte(rest, '.')
}

// appendLink appends a link as people write it in the form that LookupURL looks up, and tells how many octets
// of that are the host. room is for work in between; it is returned to be used again.
func appendLink(dst, room, raw []byte) (link []byte, host int, _ []byte, err error) {
	if len(raw) > maxURL {
		return dst, 0, room, errURL
	}
	rest := raw
	if i := bytes.Index(raw, []byte("://")); i >= 0 && i == scheme(raw) {
		if !webScheme(raw[:i]) {
			return dst, 0, room, errURL
		}
		rest = raw[i+3:]
	}
	end := bytes.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	authority, path := rest[:end], rest[end:]
	if i := bytes.LastIndexByte(authority, '@'); i >= 0 {
		authority = authority[i+1:]
	}
	var port []byte
	if i := bytes.LastIndexByte(authority, ':'); i >= 0 && bytes.IndexByte(authority[i:], ']') < 0 {
		authority, port = authority[:i], authority[i+1:]
		if len(port) > 5 || len(bytes.Trim(port, "0123456789")) > 0 {
			return dst, 0, room, errURL
		}
	}
	room, err = appendHost(room[:0], authority)
	if err != nil {
		return dst, 0, room, err
	}
	host = len(room)
	if len(port) > 0 {
		room = append(append(room, ':'), port...)
	}
	for _, c := range path {
		if c < 0x20 || c == 0x7f {
			return dst, 0, room, errURL
		}
	}
	room = append(room, path...)
	return appendURL(dst, room), host, room, nil
}

// webScheme reports whether a link by this scheme leads to a page or a file. Lists write hxxp so that nobody
// clicks on it.
func webScheme(s []byte) bool {
	for _, known := range [...]string{"http", "https", "hxxp", "hxxps", "ftp"} {
		if len(s) == len(known) && strings.EqualFold(string(s), known) {
			return true
		}
	}
	return false
}

// scheme is how many octets at the start could be a scheme (RFC 3986 §3.1).
func scheme(b []byte) int {
	for i, c := range b {
		letter := c|0x20 >= 'a' && c|0x20 <= 'z'
		if !letter && (i == 0 || !(c >= '0' && c <= '9' || c == '+' || c == '-' || c == '.')) {
			return i
		}
	}
	return len(b)
}

// trimURL cuts from a link with a normalised host what says nothing: its fragment, slashes at the end of
// its path. plain is false where only appendURL can say more: it has octets in percent form, a usual port or
// a query without a path.
func trimURL(url []byte) (c []byte, plain bool) {
	if bytes.IndexByte(url, '%') >= 0 {
		return url, false
	}
	if i := bytes.IndexByte(url, '#'); i >= 0 {
		url = url[:i]
	}
	authority := url
	if i := bytes.IndexByte(url, '/'); i >= 0 {
		authority = url[:i]
	}
	if bytes.IndexByte(authority, '?') >= 0 { // host?query is host/?query
		return url, false
	}
	if bytes.IndexByte(authority, ':') >= 0 && usualPort(authority[bytes.LastIndexByte(authority, ':')+1:]) {
		return url, false
	}
	return trimSlashes(url), true
}

// usualPort reports whether 80 or 443 stands at the start of b, alone.
func usualPort(b []byte) bool {
	n := 0
	for n < len(b) && b[n] >= '0' && b[n] <= '9' {
		n++
	}
	s := string(b[:n])
	return (s == "" || s == "80" || s == "443") && (n == len(b) || bytes.IndexByte([]byte("/?#"), b[n]) >= 0)
}

// trimSlashes cuts slashes at the end; those of a query mean something.
func trimSlashes(url []byte) []byte {
	if n := len(url); n > 0 && url[n-1] == '/' && bytes.IndexByte(url, '?') < 0 {
		return bytes.TrimRight(url, "/")
	}
	return url
}

// appendURL is the long form of trimURL: it drops a usual port, and undoes percent forms that need not be,
// so that evil.example/%61 is evil.example/a. It appends at most one octet more than url has.
func appendURL(dst, url []byte) []byte {
	n := len(dst)
	path := false
	for i := 0; i < len(url); i++ {
		c := url[i]
		switch {
		case c == '#':
			return dst[:n+len(trimSlashes(dst[n:]))]
		case c == '/':
			path = true
		case c == '?' && !path:
			path = true
			dst = append(dst, '/')
		case c == ':' && !path && usualPort(url[i+1:]):
			for i+1 < len(url) && url[i+1] >= '0' && url[i+1] <= '9' {
				i++
			}
			continue
		case c == '%' && i+2 < len(url) && hex(url[i+1]) < 16 && hex(url[i+2]) < 16:
			v := hex(url[i+1])<<4 | hex(url[i+2])
			i += 2
			if v <= 0x20 || v == 0x7f || strings.IndexByte("%#?/&=+:\\", v) >= 0 {
				dst = append(dst, '%', "0123456789ABCDEF"[v>>4], "0123456789ABCDEF"[v&15])
				continue
			}
			c = v
		}
		dst = append(dst, c)
	}
	return dst[:n+len(trimSlashes(dst[n:]))]
}

func hex(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10
	}
	return 16
}

// foldSender appends a sender in lower case; letters beyond ASCII stay.
func foldSender(dst, s []byte) []byte {
	for _, c := range s {
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		dst = append(dst, c)
	}
	return dst
}

func parseSender(raw []byte) ([]byte, error) {
	s := bytes.TrimSpace(raw)
	if len(s) == 0 || len(s) > subject.MaxAddress || s[0] == '+' {
		return nil, errSender
	}
	for _, c := range s {
		if c < 0x20 || c == 0x7f {
			return nil, errSender
		}
	}
	return foldSender(nil, s), nil
}

func parseNumber(raw []byte) (uint64, error) {
	l, err := subject.ParseLine(string(raw))
	if err != nil {
		return 0, errNumber
	}
	return uint64(l), nil
}

// parseDay reads the day at the start of a time: 2026-01-31 or 2026/01/31, then nothing or T or a space.
func parseDay(b []byte) (Day, error) {
	if len(b) == 0 {
		return 0, nil
	}
	if len(b) < 10 || len(b) > 40 || b[4] != b[7] || b[4] != '-' && b[4] != '/' || len(b) > 10 && b[10] != 'T' && b[10] != ' ' {
		return 0, errDay
	}
	n := 0
	for i, c := range b[:10] {
		if i == 4 || i == 7 {
			continue
		}
		if c < '0' || c > '9' {
			return 0, errDay
		}
		n = n*10 + int(c-'0')
	}
	d := civil(n/10000, n/100%100, n%100)
	if d == 0 {
		return 0, errDay
	}
	return d, nil
}
