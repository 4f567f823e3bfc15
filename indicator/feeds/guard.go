package feeds

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"
)

// ErrInside is returned where an address lies within the operator's own network, or is none of the public one.
var ErrInside = errors.New("the address is not on the public network")

// notPublic are the networks that are never asked because a foreign list, a report or a name server named them: ours, those of nobody, and those through which IPv4 ones are
// reached (RFC 6890 and the IANA registries of special addresses).
var notPublic = func() (all []netip.Prefix) {
	for _, s := range []string{
		"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16",
		"198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
		"::/128", "::1/128", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8",
	} {
		all = append(all, netip.MustParsePrefix(s))
	}
	return all
}()

// Public reports whether an address is one of the public network.
func Public(a netip.Addr) bool {
	if !a.IsValid() || a.Zone() != "" {
		return false
	}
	a = a.Unmap()
	for _, p := range notPublic {
		if p.Contains(a) {
			return false
		}
	}
	return a.IsGlobalUnicast()
}

// Guard is a net.Dialer's Control. It looks at the address that is connected to, after names are resolved: a name that points elsewhere the second time changes nothing.
func Guard(network, address string, _ syscall.RawConn) error {
	a, err := netip.ParseAddrPort(address)
	if err != nil {
		return ErrInside
	}
	if network != "tcp4" && network != "tcp6" || !Public(a.Addr()) {
		return ErrInside
	}
	if a.Port() != 80 && a.Port() != 443 {
		return fmt.Errorf("%w: port %d", ErrInside, a.Port())
	}
	return nil
}

const maxRedirects = 5

// NewClient makes a client for addresses that others named. inside lets it go into the operator's own network: for addresses that the operator wrote down himself.
func NewClient(timeout time.Duration, inside bool) *http.Client {
	d := &net.Dialer{Timeout: 10 * time.Second}
	if !inside {
		d.Control = Guard
	}
	t := &http.Transport{DialContext: d.DialContext, TLSHandshakeTimeout: 10 * time.Second, ResponseHeaderTimeout: 30 * time.Second, MaxResponseHeaderBytes: 64 << 10, DisableCompression: true,
		MaxIdleConns: 4, IdleConnTimeout: 30 * time.Second, ForceAttemptHTTP2: true}
	return &http.Client{Timeout: timeout, Transport: t, CheckRedirect: func(r *http.Request, via []*http.Request) error {
		if len(via) > maxRedirects {
			return errors.New("more than five redirects")
		}
		if r.URL.Scheme != "https" && r.URL.Scheme != "http" || via[0].URL.Scheme == "https" && r.URL.Scheme != "https" {
			return errors.New("a redirect away from https")
		}
		if r.URL.Host != via[0].URL.Host { // a secret is for whom it was given
			r.Header.Del("Authorization")
		}
		return nil
	}}
}

// wait waits, or until ctx ends.
func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
