package prefix

import (
	"crypto/sha256"
	"net/netip"
	"strings"

	"github.com/sekisho/sekisho/indicator"
	"github.com/sekisho/sekisho/share"
)

// Sum is the SHA-256 of an expression.
type Sum = [sha256.Size]byte

// Bounds of what one address is asked about by: five hosts and six paths.
const (
	maxHosts = 5
	maxPaths = 6
)

// Expressions are the host-suffix and path-prefix expressions by which an address is looked up, as Safe Browsing has them: the host itself and up to four above it down
// to its registrable domain, each with the path with and without its query and up to four paths above it. nil for what is no address.
func Expressions(url string) []string {
	host, path, ok := canonical(url)
	if !ok {
		return nil
	}
	var all []string
	for _, h := range hosts(host) {
		for _, p := range paths(path) {
			all = append(all, h+p)
		}
	}
	return all
}

// Sums are the hashes of an address's expressions.
func Sums(url string) []Sum {
	var all []Sum
	for _, e := range Expressions(url) {
		all = append(all, sha256.Sum256([]byte(e)))
	}
	return all
}

// canonical is an address's host and path, the path with its query.
func canonical(url string) (host, path string, ok bool) {
	url = strings.Map(func(c rune) rune {
		if c == '\t' || c == '\r' || c == '\n' {
			return -1
		}
		return c
	}, strings.TrimSpace(url))
	if i := strings.IndexByte(url, '#'); i >= 0 {
		url = url[:i]
	}
	for range 8 { // until nothing is left to undo
		u := unescape(url)
		if u == url {
			break
		}
		url = u
	}
	if i := strings.Index(url, "://"); i >= 0 {
		url = url[i+3:]
	}
	at := strings.IndexAny(url, "/?")
	if at < 0 {
		at = len(url)
	}
	host, path = url[:at], url[at:]
	if i := strings.LastIndexByte(host, '@'); i >= 0 {
		host = host[i+1:]
	}
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		host = host[:i]
	}
	host = strings.Trim(host, ".")
	for strings.Contains(host, "..") {
		host = strings.ReplaceAll(host, "..", ".")
	}
	normal, err := indicator.Normal(indicator.Host, host)
	if err != nil {
		return "", "", false
	}
	path, query, has := strings.Cut(path, "?")
	path = clean(path)
	if has {
		query = "?" + query
	}
	return normal, escape(path) + escape(query), true
}

func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if hi, lo := hexOf(s[i+1]), hexOf(s[i+2]); hi >= 0 && lo >= 0 {
				b.WriteByte(byte(hi<<4 | lo))
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func hexOf(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

func escape(s string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || c == '#' || c == '%' {
			b.WriteByte('%')
			b.WriteByte(hex[c>>4])
			b.WriteByte(hex[c&15])
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// clean resolves /./ and /../ and takes repeated slashes together.
func clean(path string) string {
	var kept []string
	parts := strings.Split(path, "/")
	for i, p := range parts {
		switch p {
		case "..":
			if len(kept) > 0 {
				kept = kept[:len(kept)-1]
			}
		case ".", "":
		default:
			kept = append(kept, p)
			continue
		}
		if i == len(parts)-1 && len(kept) > 0 {
			return "/" + strings.Join(kept, "/") + "/"
		}
	}
	return "/" + strings.Join(kept, "/")
}

func hosts(host string) []string {
	all := []string{host}
	if _, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		return all
	}
	labels := strings.Split(host, ".")
	for n := min(len(labels)-1, maxHosts); n >= 2 && len(all) < maxHosts; n-- {
		all = append(all, strings.Join(labels[len(labels)-n:], "."))
	}
	return all
}

func paths(path string) []string {
	all := []string{path}
	bare, _, has := strings.Cut(path, "?")
	if has {
		all = append(all, bare)
	}
	segments := strings.Split(strings.TrimPrefix(bare, "/"), "/")
	at := "/"
	for i := 0; i < len(segments) && len(all) < maxPaths; i++ {
		if at != bare {
			all = append(all, at)
		}
		if at += segments[i] + "/"; i >= 3 {
			break
		}
	}
	return all
}

// sumOf is the hash under which an item is found; false for what is no address.
func sumOf(i share.Item) (Sum, bool) {
	switch i.Kind() {
	case indicator.Host, indicator.Domain, indicator.URL:
		host, path, ok := canonical(i.Value())
		if !ok {
			return Sum{}, false
		}
		return sha256.Sum256([]byte(host + path)), true
	}
	return Sum{}, false
}
