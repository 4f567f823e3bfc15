package rpz

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/mail"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/sekisho/sekisho/settings"
)

// Action is what a resolver does with a name of the zone.
type Action string

const (
	NXDOMAIN Action = "nxdomain" // says that there is no such name: CNAME . in the zone
	Redirect Action = "redirect" // leads to the page that tells why: A and AAAA of its addresses
)

// Config is the zone, and who may have it. Zero values stand for the defaults named behind them.
type Config struct {
	Listen      []string          `toml:"listen"`      // ADDRESS:PORT, UDP and TCP; none: the zone is not served
	Zone        string            `toml:"zone"`        // its name, as rpz.operator.example
	Open        string            `toml:"open_zone"`   // a zone that stays empty, for the view of subscribers who opted out; empty: none
	Server      string            `toml:"server"`      // the NS record and the SOA's MNAME, outside of the zone; localhost
	Contact     string            `toml:"contact"`     // a mail address for the SOA's RNAME; hostmaster@ the server
	Action      Action            `toml:"action"`      // nxdomain, redirect; nxdomain
	Addresses   []string          `toml:"addresses"`   // of the page, with redirect
	NoIPs       bool              `toml:"no_ips"`      // IP addresses among the indicators make no rpz-ip triggers
	TTL         settings.Duration `toml:"ttl"`         // of every record: how long a wrong one may live on in caches; 30s
	Batch       settings.Duration `toml:"batch"`       // how long changes are gathered for a version of the zone; 1s
	Journal     int               `toml:"journal"`     // records that the differences kept for IXFR may have; 100000
	State       string            `toml:"state"`       // file that keeps the serial, should the clock go back over a restart; empty: none
	Connections int               `toml:"connections"` // over TCP at once; 64
	Transfers   int               `toml:"transfers"`   // of a zone at once; 8
	Peers       []Peer            `toml:"peer"`        // who may have the zone
	Page        PageConfig        `toml:"page"`        // what the page says
}

// Peer is a resolver of the operator's. It is known by its key, by its addresses, or by both where both are given.
type Peer struct {
	Name      string   `toml:"name"`        // for logs and metrics
	Key       string   `toml:"key"`         // name of the TSIG key (RFC 8945)
	Algorithm string   `toml:"algorithm"`   // hmac-sha256, hmac-sha512; hmac-sha256
	Secret    string   `toml:"secret_file"` // the key in base64, as tsig-keygen writes it behind "secret"
	Addresses []string `toml:"addresses"`   // from which it asks: addresses, or prefixes as 192.0.2.0/24
	Notify    []string `toml:"notify"`      // ADDRESS:PORT that hears of every new version (RFC 1996)
}

// Bounds of what a configuration may ask for.
const (
	minSecret      = 16  // octets; RFC 8945 §8 has keys as long as the hash
	maxPeers       = 256 // peers
	maxNotify      = 16  // addresses of a peer that are told
	maxConnections = 4096
	maxTransfers   = 64
	maxJournal     = 10_000_000 // records
)

// Default is what stands in for zero values.
func Default() Config {
	return Config{Server: "localhost", Action: NXDOMAIN, TTL: settings.Duration{Duration: 30 * time.Second},
		Batch: settings.Duration{Duration: time.Second}, Journal: 100_000, Connections: 64, Transfers: 8}
}

// Check says what is wrong with a configuration; the secrets' files are not read.
func (c Config) Check() error {
	_, err := c.prepare()
	return err
}

// plan is a configuration made ready.
type plan struct {
	Config
	zone, open []byte // names in wire form, lower case
	server     []byte
	contact    []byte
	pages      []netip.Addr
	listen     []netip.AddrPort
	peers      []*peer
}

type peer struct {
	name   string
	key    *key // nil: known by its addresses
	from   []netip.Prefix
	notify []netip.AddrPort

	keyName, algorithm, secret string // of the key, which loadKeys reads
}

func (c Config) prepare() (*plan, error) {
	std := Default()
	fill(&c.Server, std.Server)
	fill(&c.Action, std.Action)
	fill(&c.TTL, std.TTL)
	fill(&c.Batch, std.Batch)
	fill(&c.Journal, std.Journal)
	fill(&c.Connections, std.Connections)
	fill(&c.Transfers, std.Transfers)
	fill(&c.Contact, "hostmaster@"+strings.TrimSuffix(c.Server, "."))
	p := &plan{Config: c}
	if err := c.bounds(); err != nil {
		return nil, err
	}
	if err := p.names(); err != nil {
		return nil, err
	}
	for _, a := range c.Listen {
		at, err := netip.ParseAddrPort(a)
		if err != nil {
			return nil, errors.New("rpz.listen: each is ADDRESS:PORT, as 192.0.2.53:53")
		}
		p.listen = append(p.listen, at)
	}
	for _, a := range c.Addresses {
		at, err := netip.ParseAddr(a)
		if err != nil || at.Zone() != "" {
			return nil, errors.New("rpz.addresses: each is an IP address")
		}
		p.pages = append(p.pages, at.Unmap())
	}
	if (c.Action == Redirect) != (len(p.pages) > 0) {
		return nil, errors.New("rpz.action, rpz.addresses: redirect needs the page's addresses, and nothing else uses them")
	}
	if err := p.readPeers(); err != nil {
		return nil, err
	}
	return p, c.Page.Check()
}

func fill[T comparable](v *T, std T) {
	var zero T
	if *v == zero {
		*v = std
	}
}

func (c *Config) bounds() error {
	switch {
	case c.Action != NXDOMAIN && c.Action != Redirect:
		return errors.New("rpz.action: one of nxdomain, redirect")
	case c.TTL.Duration < time.Second || c.TTL.Duration > time.Hour:
		return errors.New("rpz.ttl: from 1s to 1h")
	case c.Batch.Duration < 10*time.Millisecond || c.Batch.Duration > time.Minute:
		return errors.New("rpz.batch: from 10ms to 1m")
	case c.Journal < 1 || c.Journal > maxJournal:
		return fmt.Errorf("rpz.journal: from 1 to %d records", maxJournal)
	case c.Connections < 1 || c.Connections > maxConnections:
		return fmt.Errorf("rpz.connections: from 1 to %d", maxConnections)
	case c.Transfers < 1 || c.Transfers > maxTransfers:
		return fmt.Errorf("rpz.transfers: from 1 to %d", maxTransfers)
	case len(c.Addresses) > 8:
		return errors.New("rpz.addresses: eight at most")
	case len(c.Peers) > maxPeers:
		return fmt.Errorf("rpz.peer: %d at most", maxPeers)
	}
	return nil
}

func (p *plan) names() (err error) {
	if p.zone, err = wireName(p.Zone); err != nil || len(p.zone) < 2 || len(p.zone) > maxZone {
		return errors.New("rpz.zone: a domain name of 100 octets at most")
	}
	if p.Open != "" {
		if p.open, err = wireName(p.Open); err != nil || len(p.open) < 2 || len(p.open) > maxZone {
			return errors.New("rpz.open_zone: a domain name of 100 octets at most")
		}
		if _, below := cutZone(p.open, p.zone); below {
			return errors.New("rpz.open_zone: it is not within the zone")
		}
		if _, below := cutZone(p.zone, p.open); below {
			return errors.New("rpz.zone: it is not within the open zone")
		}
	}
	if p.server, err = wireName(p.Server); err != nil {
		return errors.New("rpz.server: a domain name")
	}
	for _, z := range [][]byte{p.zone, p.open} {
		if _, below := cutZone(p.server, z); below {
			return errors.New("rpz.server: it is outside of the zone, which has no addresses for it")
		}
	}
	a, err := mail.ParseAddress(p.Contact)
	if err != nil {
		return errors.New("rpz.contact: it is no mail address")
	}
	i := strings.LastIndexByte(a.Address, '@')
	// RFC 1035 §8: the local part is one label, its dots escaped.
	if p.contact, err = wireName(strings.ReplaceAll(a.Address[:i], ".", `\.`) + "." + a.Address[i+1:]); err != nil {
		return errors.New("rpz.contact: it does not fit an SOA record")
	}
	return nil
}

func (p *plan) readPeers() error {
	names, keys := map[string]bool{}, map[string]bool{}
	for i, c := range p.Peers {
		where := fmt.Sprintf("rpz.peer %d", i+1)
		q := &peer{name: c.Name, secret: c.Secret, algorithm: c.Algorithm}
		fill(&q.algorithm, "hmac-sha256")
		switch {
		case c.Name == "" || len(c.Name) > 64:
			return fmt.Errorf("%s: it needs a name, of 64 octets at most", where)
		case names[c.Name]:
			return fmt.Errorf("%s: there are two of this name", where)
		case (c.Key == "") != (c.Secret == ""):
			return fmt.Errorf("%s: key, secret_file: one does not go without the other", where)
		case c.Key == "" && len(c.Addresses) == 0:
			return fmt.Errorf("%s: it is known by a key, or by its addresses", where)
		case len(c.Notify) > maxNotify || len(c.Addresses) > maxPeers:
			return fmt.Errorf("%s: addresses, notify: too many", where)
		}
		names[c.Name] = true
		if c.Key != "" {
			if _, err := wireName(c.Key); err != nil {
				return fmt.Errorf("%s: key: a domain name", where)
			}
			q.keyName = dns.CanonicalName(c.Key)
			if keys[q.keyName] {
				return fmt.Errorf("%s: key: each peer has its own", where)
			}
			keys[q.keyName] = true
			if _, ok := hashes[dns.CanonicalName(q.algorithm)]; !ok {
				return fmt.Errorf("%s: algorithm: one of hmac-sha256, hmac-sha512", where)
			}
		}
		for _, a := range c.Addresses {
			f, err := parsePrefix(a)
			if err != nil {
				return fmt.Errorf("%s: addresses: each is an address or a prefix", where)
			}
			q.from = append(q.from, f)
		}
		for _, a := range c.Notify {
			at, err := netip.ParseAddrPort(a)
			if err != nil {
				return fmt.Errorf("%s: notify: each is ADDRESS:PORT", where)
			}
			q.notify = append(q.notify, at)
		}
		p.peers = append(p.peers, q)
	}
	return nil
}

func parsePrefix(s string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(s); err == nil {
		a = a.Unmap()
		return a.Prefix(a.BitLen())
	}
	f, err := netip.ParsePrefix(s)
	return f.Masked(), err
}

// loadKeys reads the secrets.
func (p *plan) loadKeys() error {
	for _, q := range p.peers {
		if q.keyName == "" {
			continue
		}
		f, err := os.Stat(q.secret)
		if err != nil {
			return fmt.Errorf("rpz.peer %q: secret_file: %w", q.name, err)
		}
		if f.Size() > 4096 {
			return fmt.Errorf("rpz.peer %q: secret_file: it is one line of base64", q.name)
		}
		b, err := os.ReadFile(q.secret)
		if err != nil {
			return fmt.Errorf("rpz.peer %q: secret_file: %w", q.name, err)
		}
		secret, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(b)))
		if err != nil {
			return fmt.Errorf("rpz.peer %q: secret_file: it is one line of base64", q.name)
		}
		if len(secret) < minSecret {
			return fmt.Errorf("rpz.peer %q: secret_file: a key has %d octets at least", q.name, minSecret)
		}
		if q.key, err = newKey(q.keyName, q.algorithm, secret); err != nil {
			return fmt.Errorf("rpz.peer %q: %w", q.name, err)
		}
	}
	return nil
}

// has reports whether the address is one of the peer's; a peer without addresses has all.
func (q *peer) has(a netip.Addr) bool {
	for _, f := range q.from {
		if f.Contains(a) {
			return true
		}
	}
	return len(q.from) == 0
}
