package share

import (
	"strings"
)

// CutURLs is the part that links of one host, each of another recipient, have in common: whole segments of the path from its beginning, and no query. A segment that
// looks like a token, of whomever, ends it. false where nothing of a path is left: then the host alone is meant.
func CutURLs(urls []string) (string, bool) {
	if len(urls) == 0 {
		return "", false
	}
	host, _, _ := strings.Cut(urls[0], "/")
	common := segments(urls[0])
	for _, u := range urls[1:] {
		h, _, _ := strings.Cut(u, "/")
		if h != host {
			return "", false
		}
		s := segments(u)
		n := 0
		for n < len(common) && n < len(s) && common[n] == s[n] {
			n++
		}
		common = common[:n]
	}
	n := 0
	for n < len(common) && !token(common[n]) {
		n++
	}
	if len(urls) < 2 || n == 0 {
		return host, false
	}
	return host + "/" + strings.Join(common[:n], "/"), true
}

// segments are those of a path, without query and fragment.
func segments(url string) []string {
	if i := strings.IndexAny(url, "?#"); i >= 0 {
		url = url[:i]
	}
	_, path, ok := strings.Cut(url, "/")
	if path = strings.TrimRight(path, "/"); !ok || path == "" {
		return nil
	}
	return strings.Split(path, "/")
}

// token reports whether a segment may tell whom a link was made for: letters and digits mixed, many digits, an address, something encoded.
func token(s string) bool {
	digits, letters, upper := 0, 0, 0
	for i := range len(s) {
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			digits++
		case c >= 'a' && c <= 'z':
			letters++
		case c >= 'A' && c <= 'Z':
			letters++
			upper++
		case c == '@' || c == '=' || c == '%' || c == ';' || c == '&':
			return true
		}
	}
	return digits >= 5 || digits >= 2 && letters >= 2 && len(s) >= 6 || len(s) > 24 || upper >= 2 && upper < letters && len(s) >= 6
}
