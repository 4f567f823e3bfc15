package console

import (
	"net"
	"net/http"
	"strings"
)

// Guard refuses requests for a host that is not ours: a page elsewhere whose name was made to point to this
// machine (DNS rebinding) would otherwise read what we serve. main puts it before all it serves by HTTP.
func (c *Console) Guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch host := hostname(r.Host); {
		case host == "localhost", host == c.own, net.ParseIP(host) != nil: // a number cannot be made to point elsewhere
			next.ServeHTTP(w, r)
		default:
			http.Error(w, "This is not the host you asked for. Open "+c.cfg.Origin+" instead.", http.StatusMisdirectedRequest)
		}
	})
}

// hostname is a Host header without its port and brackets, in lower case.
func hostname(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
}

// secure sets the headers of every answer. Nothing is loaded from elsewhere, and nothing inline is run.
func secure(h http.Header, https bool) {
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "+
		"img-src 'self'; font-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
	h.Set("Cache-Control", "no-store")
	if https {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
}

// elsewhere reports whether another site's page asks (Fetch Metadata): it could not read the answer, but it
// could take up the places of those who watch.
func elsewhere(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "none", "same-origin":
		return false
	}
	return true
}
