package rpz

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/sekisho/sekisho/indicator"
)

// program is a resolver that a test runs, and what it says.
type program struct {
	mu  sync.Mutex
	out bytes.Buffer
}

func (p *program) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.Write(b)
}

func (p *program) said() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.String()
}

// run starts a program that is installed, and stops it with the test; it skips where it is not.
func run(t testing.TB, name string, args ...string) *program {
	t.Helper()
	path := installed(t, name)
	p := &program{}
	c := exec.Command(path, args...)
	c.Stdout, c.Stderr = p, p
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Process.Signal(os.Interrupt)
		late := time.AfterFunc(10*time.Second, func() { c.Process.Kill() })
		c.Wait()
		late.Stop()
		if t.Failed() {
			said := p.said()
			t.Logf("%s said:\n%s", name, said[max(0, len(said)-8000):])
		}
	})
	return p
}

func installed(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		for _, dir := range []string{"/usr/sbin", "/usr/local/sbin"} {
			if p, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
				return p
			}
		}
		t.Skipf("%s is not installed", name)
	}
	return path
}

// bind is BIND 9 with the zone as its policy, told by NOTIFY on the same port that it answers on.
func bind(t testing.TB, port int, primary, forward, keyName, algorithm, secret, more string) *program {
	t.Helper()
	dir := t.TempDir()
	server, at, _ := net.SplitHostPort(primary)
	world, worldAt, _ := net.SplitHostPort(forward)
	key, with := "", ""
	if keyName != "" {
		key = fmt.Sprintf("key %q { algorithm %s; secret %q; };", keyName, algorithm, secret)
		with = fmt.Sprintf(" key %q", keyName)
	}
	conf := fmt.Sprintf(`
%s
options {
	directory %q;
	listen-on port %d { 127.0.0.1; };
	listen-on-v6 { none; };
	pid-file none;
	session-keyfile none;
	dnssec-validation no;
	recursion yes;
	allow-query { 127.0.0.1; };
	forward only;
	forwarders { %s port %s; };
	response-policy { zone %q; } min-update-interval 1 qname-wait-recurse no;
	notify no;
};
controls { };
zone %q {
	type secondary;
	primaries { %s port %s%s; };
	allow-query { 127.0.0.1; };
	request-ixfr yes;
	%s
};
logging { channel e { stderr; print-time iso8601; print-category yes; severity info; }; category default { e; }; category rpz { e; }; category xfer-in { e; }; };
`, key, dir, port, world, worldAt, testZone, testZone, server, at, with, more)
	file := filepath.Join(dir, "named.conf")
	if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	p := run(t, "named", "-f", "-g", "-c", file)
	return p
}

// TestBIND is the way of a name through BIND 9: in, with what is below it, and out again, by IXFR after NOTIFY, signed.
func TestBIND(t *testing.T) {
	installed(t, "named")
	for _, algorithm := range []string{"hmac-sha256", "hmac-sha512"} {
		t.Run(algorithm, func(t *testing.T) { throughBIND(t, algorithm) })
	}
}

func throughBIND(t *testing.T, algorithm string) {
	const within = 10 * time.Second
	port := freePort(t)
	at := fmt.Sprintf("127.0.0.1:%d", port)
	file, text := secret(t, 32)
	cfg := testConfig()
	cfg.Peers = []Peer{{Name: "bind", Key: "sekisho-rpz.", Algorithm: algorithm, Secret: file, Notify: []string{at}}}
	s, reg := newServer(t, cfg)
	s.log = logTo(t)
	s.Set(items(host("first.example"), domain("early-login.example")))
	primary := start(t, s)
	until(t, "the first version", within, func() bool { return s.Serial() != 0 })
	p := bind(t, port, primary, authority(t), "sekisho-rpz", algorithm, text, "")
	until(t, "BIND has the zone", 30*time.Second, func() bool { return refuses(t, at, "first.example") })
	if !refuses(t, at, "www.early-login.example") || !resolves(t, at, "www.first.example", "192.0.2.1") {
		t.Error("a domain is refused with all below it, a host alone")
	}
	if !resolves(t, at, "later.example", "192.0.2.1") {
		t.Fatal("a name that nobody listed is refused")
	}
	whole := counted(t, reg, "transfers_total", "axfr")
	took := until(t, "a name that was added is refused", within, func() bool { return refuses(t, at, "later.example") }, func() {
		s.Change(items(host("later.example"), domain("deep.example"), item(indicator.URL, "link.example")), nil)
	})
	t.Logf("refused after %v", took)
	took = until(t, "it resolves after it was withdrawn", within, func() bool { return resolves(t, at, "later.example", "192.0.2.1") }, func() {
		gone := entry(indicator.Host, "later.example")
		gone.Status = indicator.Withdrawn
		s.Change(items(cleared(gone)), nil)
	})
	t.Logf("resolves after %v", took)
	if !refuses(t, at, "a.b.deep.example") || !refuses(t, at, "link.example") {
		t.Error("what stays is refused no more")
	}
	s.Change(items(host("203.0.113.77"), host("[2001:db8::7:0:0:1]")), nil)
	if resolve, _ := resolve(t, at, "addr-8-8-4-4.example"); resolve != "8.8.4.4" {
		t.Error(resolve)
	}
	s.Change(items(host("8.8.4.4"), host("[2001:4860::1]"), host("[2a00:1:0:0:2:0:0:1]"), host("[2a00:1:0:3:2:5:6:1]"), host("[2a00:0:0:0:2::]"), host("[2a00::5]"), host("[2a00:1:2:3:4:5::]")), nil)
	until(t, "what leads to an address is refused", within, func() bool { return refuses(t, at, "addr-8-8-4-4.example") })
	if got := counted(t, reg, "transfers_total", "axfr"); got != whole {
		t.Errorf("%v transfers of the whole zone for changes", got-whole)
	}
	if n := counted(t, reg, "transfers_total", "ixfr"); n < 3 {
		t.Errorf("%v by IXFR", n)
	}
	if n := counted(t, reg, "notifies_total", "bind", "taken"); n < 3 {
		t.Errorf("%v NOTIFY were taken", n)
	}
	for _, bad := range []string{"invalid rpz", "rpz IP address", "not the canonical", "failed while receiving"} {
		if strings.Contains(p.said(), bad) {
			t.Errorf("BIND complains: %s", bad)
		}
	}
}

// TestBINDRefused: without the key, or with another of the same name, BIND gets nothing.
func TestBINDRefused(t *testing.T) {
	installed(t, "named")
	file, _ := secret(t, 32)
	_, wrong := secret(t, 32)
	cfg := testConfig()
	cfg.Peers = []Peer{{Name: "bind", Key: "sekisho-rpz", Secret: file}}
	s, reg := newServer(t, cfg)
	s.Set(items(host("first.example")))
	primary := start(t, s)
	until(t, "the first version", 10*time.Second, func() bool { return s.Serial() != 0 })
	world := authority(t)
	for name, key := range map[string]string{"none": "", "wrong": "sekisho-rpz", "unknown": "another"} {
		t.Run(name, func(t *testing.T) {
			denied := func() float64 {
				return counted(t, reg, "denied_total") + counted(t, reg, "queries_total", "bad-tsig")
			}
			before := denied()
			port := freePort(t)
			bind(t, port, primary, world, key, "hmac-sha256", wrong, "")
			until(t, "BIND asked", 30*time.Second, func() bool { return denied() > before })
			at := fmt.Sprintf("127.0.0.1:%d", port)
			if refuses(t, at, "first.example") {
				t.Error("it has the zone")
			}
		})
	}
	if n := counted(t, reg, "transferred_records_total"); n != 0 {
		t.Errorf("%v records were sent", n)
	}
}

// dig asks with BIND's own tool, as an operator would to look for what is wrong.
func TestDig(t *testing.T) {
	path := installed(t, "dig")
	file, text := secret(t, 64)
	cfg := testConfig()
	cfg.Open = "open.operator.example"
	cfg.Peers = []Peer{{Name: "bind", Key: "sekisho-rpz", Secret: file, Algorithm: "hmac-sha512"}}
	s, _ := newServer(t, cfg)
	s.Set(items(host("a.example"), domain("b.example")))
	host, port, _ := net.SplitHostPort(start(t, s))
	until(t, "the first version", 10*time.Second, func() bool { return s.Serial() != 0 })
	dig := func(args ...string) string {
		b, err := exec.Command(path, append([]string{"@" + host, "-p", port, "+tries=1", "+time=5"}, args...)...).CombinedOutput()
		if err != nil {
			b = append(b, err.Error()...)
		}
		return string(b)
	}
	key := "hmac-sha512:sekisho-rpz:" + text
	for _, c := range []struct {
		args string
		has  []string
	}{
		{testZone + " AXFR -y " + key, []string{"a.example." + testZone, "b.example." + testZone, "*.b.example." + testZone, "CNAME\t.", "XFR size: 6 records"}},
		{testZone + " IXFR=1 -y " + key, []string{"XFR size: 6 records"}},
		{"open.operator.example AXFR -y " + key, []string{"XFR size: 3 records"}},
		{testZone + " AXFR", []string{"Transfer failed"}},
		{testZone + " AXFR -y hmac-sha512:other:" + text, []string{"BADKEY"}},
		{testZone + " AXFR -y hmac-sha512:sekisho-rpz:" + text[2:] + "AA", []string{"Transfer failed"}},
		{testZone + " SOA -y " + key, []string{"status: NOERROR", "TSIG PSEUDOSECTION", " aa "}},
		{testZone + " SOA -y hmac-sha256:sekisho-rpz:" + text, []string{"status: NOTAUTH", "BADKEY"}},
		{testZone + " NS +tcp", []string{"localhost."}},
		{testZone + " MX", []string{"status: NOERROR", "ANSWER: 0, AUTHORITY: 1"}},
		{"a.example." + testZone, []string{"status: NOERROR", "CNAME\t."}},
		{"x.example." + testZone, []string{"status: REFUSED"}},
		{"a.example", []string{"status: REFUSED"}},
		{testZone + " SOA CH", []string{"status: REFUSED"}},
		{testZone + " SOA +edns=1 +noednsneg", []string{"status: BADVERS"}},
	} {
		got := dig(strings.Fields(c.args)...)
		for _, h := range c.has {
			if !strings.Contains(got, h) {
				t.Errorf("dig %s: no %q in\n%s", strings.ReplaceAll(c.args, text, "…"), h, got)
			}
		}
	}
}

// TestBINDRedirect: with Redirect a name leads to the page, and has no other addresses.
func TestBINDRedirect(t *testing.T) {
	installed(t, "named")
	port := freePort(t)
	at := fmt.Sprintf("127.0.0.1:%d", port)
	cfg := testConfig()
	cfg.Action, cfg.Addresses = Redirect, []string{"203.0.113.1", "2001:db8::1"}
	cfg.Peers = []Peer{{Name: "bind", Addresses: []string{"127.0.0.1"}, Notify: []string{at}}}
	s, _ := newServer(t, cfg)
	s.Set(items(domain("early-login.example")))
	primary := start(t, s)
	until(t, "the first version", 10*time.Second, func() bool { return s.Serial() != 0 })
	bind(t, port, primary, authority(t), "", "", "", "")
	for _, name := range []string{"early-login.example", "x.early-login.example"} {
		until(t, name+" leads to the page", 30*time.Second, func() bool { return resolves(t, at, name, "203.0.113.1") })
		m, err := dns.Exchange(new(dns.Msg).SetQuestion(name+".", dns.TypeAAAA), at)
		if err != nil || len(m.Answer) != 1 || m.Answer[0].(*dns.AAAA).AAAA.String() != "2001:db8::1" {
			t.Errorf("%s: %v %v", name, m, err)
		}
	}
}

// TestBINDViews: subscribers who opted out ask from addresses whose view has the zone that stays empty.
func TestBINDViews(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has all of 127/8")
	}
	installed(t, "named")
	port := freePort(t)
	file, text := secret(t, 32)
	cfg := testConfig()
	cfg.Open = "open.operator.example"
	cfg.Peers = []Peer{{Name: "bind", Key: "sekisho-rpz", Secret: file, Notify: []string{fmt.Sprintf("127.0.0.1:%d", port)}}}
	s, reg := newServer(t, cfg)
	s.Set(items(host("first.example")))
	server, at, _ := net.SplitHostPort(start(t, s))
	until(t, "the first version", 10*time.Second, func() bool { return s.Serial() != 0 })
	world, worldAt, _ := net.SplitHostPort(authority(t))
	dir := t.TempDir()
	view := func(name, match, zone string) string {
		return fmt.Sprintf(`view %q {
	match-clients { %s; };
	recursion yes;
	response-policy { zone %q; } min-update-interval 1 qname-wait-recurse no;
	zone %q { type secondary; primaries { %s port %s key "sekisho-rpz"; }; allow-query { localhost; }; };
};
`, name, match, zone, zone, server, at)
	}
	conf := fmt.Sprintf(`key "sekisho-rpz" { algorithm hmac-sha256; secret %q; };
options {
	directory %q; listen-on port %d { 127.0.0.1; }; listen-on-v6 { none; }; pid-file none; session-keyfile none;
	dnssec-validation no; forward only; forwarders { %s port %s; }; notify no;
};
controls { };
`, text, dir, port, world, worldAt) + view("opted-out", "127.0.0.2", "open.operator.example") + view("protected", "any", testZone)
	conf += "logging { channel e { stderr; severity info; }; category default { e; }; };\n"
	name := filepath.Join(dir, "named.conf")
	if err := os.WriteFile(name, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, "named", "-f", "-g", "-c", name)
	protected := fmt.Sprintf("127.0.0.1:%d", port)
	out := dns.Client{Dialer: &net.Dialer{LocalAddr: &net.UDPAddr{IP: net.IPv4(127, 0, 0, 2)}, Timeout: 5 * time.Second}}
	until(t, "the protected are", 30*time.Second, func() bool { return refuses(t, protected, "first.example") })
	until(t, "both zones are there", 30*time.Second, func() bool { return counted(t, reg, "transfers_total", "axfr") >= 2 })
	until(t, "a change comes to the view of the protected", 10*time.Second, func() bool { return refuses(t, protected, "later.example") }, func() {
		s.Change(items(host("later.example")), nil)
	})
	for _, n := range []string{"first.example", "later.example"} {
		m, _, err := out.Exchange(new(dns.Msg).SetQuestion(n+".", dns.TypeA), protected)
		if err != nil || m.Rcode != dns.RcodeSuccess || len(m.Answer) != 1 {
			t.Errorf("%s to who opted out: %v %v", n, m, err)
		}
	}
}
