package rpz

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// unbound is the other resolver that many operators run. It signs no transfers, so that it is let in by its address. It answers
// NOTIFY on the port that it answers on.
func unbound(t testing.TB, port int, primary, forward string) *program {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "unbound.conf")
	conf := fmt.Sprintf(`
server:
	interface: 127.0.0.1@%d
	username: ""
	chroot: ""
	directory: %q
	pidfile: ""
	use-syslog: no
	logfile: ""
	verbosity: 2
	module-config: "respip validator iterator"
	do-not-query-localhost: no
	access-control: 127.0.0.0/8 allow
	do-daemonize: no
	cache-min-ttl: 0
	cache-max-negative-ttl: 1
	num-threads: 1
	trust-anchor-file: ""
forward-zone:
	name: "."
	forward-addr: %s
rpz:
	name: %q
	primary: %s
	allow-notify: 127.0.0.1
	rpz-log: yes
remote-control:
	control-enable: no
`, port, dir, strings.Replace(forward, ":", "@", 1), testZone, strings.Replace(primary, ":", "@", 1))
	if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	return run(t, "unbound", "-d", "-p", "-c", file)
}

// TestUnbound is the way of a name through unbound: as with BIND, but by address instead of by key.
func TestUnbound(t *testing.T) {
	installed(t, "unbound")
	const within = 10 * time.Second
	port := freePort(t)
	at := fmt.Sprintf("127.0.0.1:%d", port)
	cfg := testConfig()
	cfg.Peers = []Peer{{Name: "unbound", Addresses: []string{"127.0.0.0/8"}, Notify: []string{at}}}
	s, reg := newServer(t, cfg)
	s.Set(items(host("first.example"), domain("early-login.example")))
	primary := start(t, s)
	until(t, "the first version", within, func() bool { return s.Serial() != 0 })
	unbound(t, port, primary, authority(t))
	until(t, "unbound has the zone", 30*time.Second, func() bool { return refuses(t, at, "first.example") })
	if !refuses(t, at, "www.early-login.example") || !resolves(t, at, "www.first.example", "192.0.2.1") {
		t.Error("a domain is refused with all below it, a host alone")
	}
	until(t, "a name that was added is refused", within, func() bool { return refuses(t, at, "later.example") }, func() {
		s.Change(items(host("later.example"), domain("deep.example"), host("8.8.4.4")), nil)
	})
	if !refuses(t, at, "a.b.deep.example") || !refuses(t, at, "addr-8-8-4-4.example") || !resolves(t, at, "addr-8-8-8-8.example", "8.8.8.8") {
		t.Error("what was added with it")
	}
	until(t, "it resolves after it was withdrawn", within, func() bool { return resolves(t, at, "later.example", "192.0.2.1") }, func() {
		s.Change(nil, items(host("later.example")))
	})
	if n := counted(t, reg, "transfers_total", "axfr"); n > 1 {
		t.Errorf("%v transfers of the whole zone", n)
	}
	if n := counted(t, reg, "transfers_total", "ixfr"); n < 2 {
		t.Errorf("%v by IXFR", n)
	}
}

// TestUnboundRefused: from another address it gets nothing.
func TestUnboundRefused(t *testing.T) {
	installed(t, "unbound")
	port := freePort(t)
	cfg := testConfig()
	file, _ := secret(t, 32)
	cfg.Peers = []Peer{{Name: "elsewhere", Addresses: []string{"192.0.2.7"}}, {Name: "bind", Key: "k", Secret: file}}
	s, reg := newServer(t, cfg)
	s.Set(items(host("first.example")))
	primary := start(t, s)
	until(t, "the first version", 10*time.Second, func() bool { return s.Serial() != 0 })
	unbound(t, port, primary, authority(t))
	until(t, "unbound asked", 30*time.Second, func() bool { return counted(t, reg, "denied_total") > 0 })
	if refuses(t, net.JoinHostPort("127.0.0.1", fmt.Sprint(port)), "first.example") || counted(t, reg, "transferred_records_total") != 0 {
		t.Error("it has the zone")
	}
}
