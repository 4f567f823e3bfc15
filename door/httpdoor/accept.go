package httpdoor

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/sekisho/sekisho/inspect"
)

// The media types of the door.
const (
	mediaJSON    = "application/json"
	mediaNDJSON  = "application/x-ndjson"
	mediaProblem = "application/problem+json" // RFC 9457 §3
)

func itoa(n int) string { return strconv.Itoa(n) }

// allowed is the Allow field for a path (RFC 9110 §10.2.1).
func allowed(methods map[string]handler) []string {
	return []string{strings.Join(slices.Sorted(maps.Keys(methods)), ", ")}
}

// language is the one of ours that the caller likes best (RFC 9110 §12.5.4); English where he does not say.
func language(h http.Header) inspect.Language {
	best, most := inspect.English, 0.0
	for _, line := range h["Accept-Language"] {
		for part := range strings.SplitSeq(line, ",") {
			tag, q := quality(part)
			primary, _, _ := strings.Cut(tag, "-")
			lang := inspect.English
			switch {
			case strings.EqualFold(primary, "ja"):
				lang = inspect.Japanese
			case !strings.EqualFold(primary, "en") && primary != "*":
				continue
			}
			if q > most {
				best, most = lang, q
			}
		}
	}
	return best
}

// accepts reports whether an answer of this media type may be given (RFC 9110 §12.5.1): what is said of it more
// closely goes before what is said of more.
func accepts(h http.Header, media string) bool {
	lines := h["Accept"]
	if len(lines) == 0 {
		return true
	}
	kind, _, _ := strings.Cut(media, "/")
	closest, ok := 0, false
	for _, line := range lines {
		for part := range strings.SplitSeq(line, ",") {
			name, q := quality(part)
			close := 0
			switch {
			case strings.EqualFold(name, media):
				close = 3
			case len(name) == len(kind)+2 && strings.EqualFold(name[:len(kind)], kind) && name[len(kind):] == "/*":
				close = 2
			case name == "*/*":
				close = 1
			}
			if close > closest {
				closest, ok = close, q > 0
			}
		}
	}
	return ok
}

// quality splits a member of such a list: its name, and its q, 1 where none stands there.
func quality(part string) (name string, q float64) {
	name, params, _ := strings.Cut(part, ";")
	q = 1
	for p := range strings.SplitSeq(params, ";") {
		key, value, _ := strings.Cut(p, "=")
		if strings.EqualFold(strings.TrimSpace(key), "q") {
			v, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			if err != nil || !(v >= 0 && v <= 1) {
				v = 0
			}
			q = v
		}
	}
	return strings.TrimSpace(name), q
}

// bodyType is the media type of a request's body: mediaJSON, mediaNDJSON, or "" for one that is not ours. Both
// are UTF-8 by definition, and another charset is refused instead of misread.
func bodyType(h http.Header) string {
	name, params, more := strings.Cut(h.Get("Content-Type"), ";")
	if more {
		key, value, _ := strings.Cut(params, "=")
		if strings.EqualFold(strings.TrimSpace(key), "charset") && !strings.EqualFold(strings.Trim(value, ` "`), "utf-8") {
			return ""
		}
	}
	switch name = strings.TrimSpace(name); {
	case strings.EqualFold(name, mediaJSON):
		return mediaJSON
	case strings.EqualFold(name, mediaNDJSON):
		return mediaNDJSON
	}
	return ""
}
