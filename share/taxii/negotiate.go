package taxii

import (
	"mime"
	"net/http"
	"strconv"
	"strings"
)

// maxAccept bounds the Accept header that is read, in octets.
const maxAccept = 4096

// accepts reports whether the client takes TAXII 2.1 (§1.6.8, §3.1): it has to name a TAXII media range, of version 2.1 or of none, or a range
// that includes it. No Accept at all is a request that the standard does not know.
func accepts(r *http.Request) bool {
	all := strings.Join(r.Header.Values("Accept"), ",")
	if len(all) > maxAccept {
		return false
	}
	for _, s := range strings.Split(all, ",") {
		kind, p, err := mime.ParseMediaType(s)
		if err != nil {
			continue
		}
		if q, ok := p["q"]; ok {
			if f, err := strconv.ParseFloat(q, 64); err != nil || f <= 0 {
				continue
			}
		}
		switch kind {
		case "application/taxii+json":
			if v, ok := p["version"]; !ok || v == "2.1" {
				return true
			}
		case "*/*", "application/*":
			return true
		}
	}
	return false
}

// isTAXII reports whether a body is said to be TAXII 2.1.
func isTAXII(contentType string) bool {
	kind, p, err := mime.ParseMediaType(contentType)
	if err != nil || kind != "application/taxii+json" {
		return false
	}
	v, ok := p["version"]
	return !ok || v == "2.1"
}

// Basic makes an Auth of the Basic scheme (RFC 7617). check compares in constant time and is asked once a request.
func Basic(check func(user, password string) (Caller, bool)) Auth {
	return func(r *http.Request) (Caller, error) {
		user, password, ok := r.BasicAuth()
		if !ok {
			return Caller{}, ErrUnauthenticated
		}
		c, ok := check(user, password)
		if !ok {
			return Caller{}, ErrUnauthenticated
		}
		return c, nil
	}
}
