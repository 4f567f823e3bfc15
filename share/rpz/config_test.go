package rpz

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sekisho/sekisho/settings"
)

func TestConfig(t *testing.T) {
	const text = `
listen = ["192.0.2.53:5300", "[2001:db8::53]:5300"]
zone = "rpz.operator.example"
open_zone = "open.operator.example"
server = "ns.operator.example"
contact = "dns.team@operator.example"
action = "redirect"
addresses = ["192.0.2.80", "2001:db8::80"]
ttl = "1m"
batch = "500ms"
journal = 1000
state = "rpz.serial"

[[peer]]
name = "bind"
key = "sekisho-rpz"
algorithm = "hmac-sha512"
secret_file = "key"
notify = ["192.0.2.1:53"]

[[peer]]
name = "unbound"
addresses = ["192.0.2.0/24", "2001:db8::1"]

[page]
operator = "Operator"
phone = "0120-000-000"
mail = "abuse@operator.example"
link = "https://operator.example/abuse"
`
	var c Config
	if err := settings.Read("t", text, &c); err != nil {
		t.Fatal(err)
	}
	if err := c.Check(); err != nil {
		t.Fatal(err)
	}
	p, err := c.prepare()
	if err != nil {
		t.Fatal(err)
	}
	if string(p.contact) != "\x08dns.team\x08operator\x07example\x00" {
		t.Errorf("RNAME %q", p.contact)
	}
	if p.Connections != 64 || p.Transfers != 8 || p.TTL.Duration != time.Minute || len(p.peers) != 2 {
		t.Errorf("%+v", p.Config)
	}
}

func TestConfigRefused(t *testing.T) {
	peer := func(f func(*Peer)) func(*Config) {
		return func(c *Config) {
			p := Peer{Name: "p", Key: "k", Secret: "file"}
			f(&p)
			c.Peers = []Peer{p}
		}
	}
	for word, change := range map[string]func(*Config){
		"rpz.zone: a domain":      func(c *Config) { c.Zone = "" },
		"rpz.zone: a domain name": func(c *Config) { c.Zone = strings.Repeat("aaaa.", 30) },
		"rpz.open_zone: a":        func(c *Config) { c.Open = "a..b" },
		"within the zone":         func(c *Config) { c.Open = "open." + testZone },
		"within the open zone":    func(c *Config) { c.Open = "operator.example" },
		"rpz.server: a":           func(c *Config) { c.Server = "a..b" },
		"outside of the zone":     func(c *Config) { c.Server = "ns." + testZone },
		"rpz.contact":             func(c *Config) { c.Contact = "nobody" },
		"rpz.listen":              func(c *Config) { c.Listen = []string{"localhost:53"} },
		"rpz.action":              func(c *Config) { c.Action = "drop" },
		"redirect needs":          func(c *Config) { c.Action = Redirect },
		"nothing else uses":       func(c *Config) { c.Addresses = []string{"192.0.2.1"} },
		"rpz.addresses: each":     func(c *Config) { c.Action, c.Addresses = Redirect, []string{"x"} },
		"rpz.addresses: eight":    func(c *Config) { c.Action, c.Addresses = Redirect, make([]string, 9) },
		"rpz.ttl":                 func(c *Config) { c.TTL.Duration = 2 * time.Hour },
		"rpz.batch":               func(c *Config) { c.Batch.Duration = time.Nanosecond },
		"rpz.journal":             func(c *Config) { c.Journal = -1 },
		"rpz.connections":         func(c *Config) { c.Connections = 1 << 20 },
		"rpz.transfers":           func(c *Config) { c.Transfers = -1 },
		"rpz.peer: 256":           func(c *Config) { c.Peers = make([]Peer, 300) },
		"it needs a name":         peer(func(p *Peer) { p.Name = "" }),
		"two of this name":        func(c *Config) { c.Peers = []Peer{{Name: "p", Addresses: []string{"::1"}}, {Name: "p"}} },
		"one does not go":         peer(func(p *Peer) { p.Secret = "" }),
		"by a key, or":            func(c *Config) { c.Peers = []Peer{{Name: "p"}} },
		"key: a domain name":      peer(func(p *Peer) { p.Key = "a..b" }),
		"has its own": func(c *Config) {
			c.Peers = []Peer{{Name: "p", Key: "k", Secret: "f"}, {Name: "q", Key: "K.", Secret: "f"}}
		},
		"algorithm":                peer(func(p *Peer) { p.Algorithm = "hmac-md5" }),
		"addresses: each is an":    peer(func(p *Peer) { p.Addresses = []string{"192.0.2.1/99"} }),
		"notify: each":             peer(func(p *Peer) { p.Notify = []string{"192.0.2.1"} }),
		"too many":                 peer(func(p *Peer) { p.Notify = make([]string, 99) }),
		"rpz.page.mail":            func(c *Config) { c.Page.Mail = "x" },
		"rpz.page.link":            func(c *Config) { c.Page = PageConfig{Operator: "o", Link: "javascript:x"} },
		"rpz.page.operator: whose": func(c *Config) { c.Page.Phone = "188" },
	} {
		c := testConfig()
		change(&c)
		if err := c.Check(); err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%s: %v", word, err)
		}
	}
	if c := testConfig(); c.Check() != nil {
		t.Error("the rest is in order")
	}
}

func TestSecrets(t *testing.T) {
	for name, text := range map[string]string{"empty": "", "short": "AAAA", "no base64": "x!", "long": strings.Repeat("A", 5000)} {
		file := filepath.Join(t.TempDir(), "key")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		c := testConfig()
		c.Peers = []Peer{{Name: "p", Key: "k", Secret: file}}
		if _, err := New(c, quiet(), nil); err == nil || len(text) > 2 && strings.Contains(err.Error(), text) {
			t.Errorf("%s: %v", name, err)
		}
	}
	c := testConfig()
	c.Peers = []Peer{{Name: "p", Key: "k", Secret: "/nowhere/at/all"}}
	if _, err := New(c, quiet(), nil); err == nil {
		t.Error("a file that is not there")
	}
}
