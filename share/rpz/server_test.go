package rpz

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/sekisho/sekisho/settings"
)

// A miekg client over real sockets: both transports, a transfer, and what a connection may not do.
func TestSockets(t *testing.T) {
	s, k := peerServer(t, nil)
	s.Set(items(host("a.example"), domain("b.example")))
	at := start(t, s)
	until(t, "the first version", 10*time.Second, func() bool { return s.Serial() != 0 })
	for _, network := range []string{"udp", "tcp"} {
		c := dns.Client{Net: network, TsigProvider: k}
		m := new(dns.Msg).SetQuestion(testZone+".", dns.TypeSOA)
		m.SetTsig(k.name, k.algorithm, 300, time.Now().Unix())
		r, _, err := c.Exchange(m, at)
		if err != nil || len(r.Answer) != 1 || r.Answer[0].(*dns.SOA).Serial != s.Serial() {
			t.Errorf("%s: %v %v", network, r, err)
		}
	}
	tr := dns.Transfer{TsigProvider: k}
	m := new(dns.Msg).SetAxfr(testZone + ".")
	m.SetTsig(k.name, k.algorithm, 300, time.Now().Unix())
	in, err := tr.In(m, at)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for e := range in {
		if e.Error != nil {
			t.Fatal(e.Error)
		}
		n += len(e.RR)
	}
	if n != 6 {
		t.Errorf("%d records", n)
	}
	// Several requests over one connection, written at once; then one that is no request.
	c, err := net.Dial("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	one := asked(testZone, dns.TypeSOA, 0, nil)
	frame := append(binary.BigEndian.AppendUint16(nil, uint16(len(one))), one...)
	c.Write(append(append(frame, frame...), 0xFF, 0xFF))
	b, err := io.ReadAll(c)
	if err != nil || len(b) == 0 {
		t.Fatal(err)
	}
	if first := 2 + int(binary.BigEndian.Uint16(b)); len(b) != 2*first {
		t.Errorf("%d octets for two answers of %d", len(b), first)
	}
}

// So many connections from one address, so many in all, and none from strangers where all peers have addresses.
func TestConnections(t *testing.T) {
	s, reg := newServer(t, testConfig())
	at := start(t, s)
	var open []net.Conn
	for range perAddress + 3 {
		c, err := net.Dial("tcp", at)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		open = append(open, c)
	}
	until(t, "three are turned away", 10*time.Second, func() bool { return counted(t, reg, "turned_away_total") == 3 })
	if n := counted(t, reg, "connections"); n != perAddress {
		t.Errorf("%v are open", n)
	}
	for _, c := range open {
		c.Close()
	}
	until(t, "all are closed", 10*time.Second, func() bool { return counted(t, reg, "connections") == 0 })
	if len(s.conns.from) != 0 {
		t.Error("addresses are remembered")
	}

	cfg := testConfig()
	cfg.Peers = []Peer{{Name: "elsewhere", Addresses: []string{"192.0.2.1"}}}
	s, reg = newServer(t, cfg)
	c, err := net.Dial("tcp", start(t, s))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Read(make([]byte, 1)); err == nil {
		t.Error("a stranger is listened to")
	}
	if counted(t, reg, "turned_away_total") != 1 {
		t.Error("not counted")
	}
}

// Close ends connections that wait at once, and a transfer that nobody reads when its context does.
func TestClose(t *testing.T) {
	s, k := peerServer(t, nil)
	s.Set(listed(300_000))
	at := start(t, s)
	until(t, "the version", time.Minute, func() bool { return s.Serial() != 0 })
	waits, err := net.Dial("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	defer waits.Close()
	stuck, err := net.Dial("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	defer stuck.Close()
	stuck.(*net.TCPConn).SetReadBuffer(4096)
	raw := asked(testZone, dns.TypeAXFR, 0, k)
	stuck.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(raw))), raw...))
	until(t, "the transfer began", 10*time.Second, func() bool { return len(s.slots) == 1 })
	ctx, stop := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer stop()
	if err := s.Close(ctx); err == nil || !strings.Contains(err.Error(), "cut off") {
		t.Error(err)
	}
	if _, err := waits.Read(make([]byte, 1)); err == nil {
		t.Error("still open")
	}
	if _, err := net.Dial("tcp", at); err == nil {
		t.Error("still listening")
	}
}

func TestCloseUnused(t *testing.T) {
	reg := prometheus.NewRegistry()
	for range 2 { // what was closed leaves its metrics' names free
		s, err := New(testConfig(), quiet(), reg)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := New(testConfig(), quiet(), reg); err == nil {
			t.Error("two with one registry")
		}
		if err := s.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
	s, _ := newServer(t, testConfig())
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	cfg := testConfig()
	cfg.Listen = []string{s.Addrs()[0].String()}
	second, _ := newServer(t, cfg)
	if err := second.Start(t.Context()); err == nil {
		t.Error("two at one address")
	}
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// The serial rises over a restart, also where the clock went back meanwhile.
func TestSerialOverRestart(t *testing.T) {
	state := filepath.Join(t.TempDir(), "serial")
	serial := uint32(0)
	at := time.Date(2026, 8, 1, 9, 0, 0, 0, time.UTC)
	for _, back := range []time.Duration{0, time.Hour, 48 * time.Hour, -100 * time.Hour} {
		s, _ := peerServer(t, func(c *Config) { c.State = state })
		s.clock = func() time.Time { return at.Add(-back) }
		for range 3 {
			s.Change(items(host("x"+strings.Repeat("x", int(s.Serial()%7))+".example")), nil)
			s.Set(items())
			s.Change(items(host("x"+strings.Repeat("x", int(s.Serial()%7))+".example")), nil)
			s.commit()
			if !newer(s.Serial(), serial) {
				t.Errorf("%v back: %d after %d", back, s.Serial(), serial)
			}
			serial = s.Serial()
		}
		if back < 0 && serial != uint32(at.Add(-back).Unix())+2 {
			t.Error("it is the time where that is more")
		}
		s.Close(t.Context())
	}
	for _, bad := range []string{"", "x", "-1", "4294967296", strings.Repeat("1", 100)} {
		if err := os.WriteFile(state, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg := testConfig()
		cfg.State = state
		if _, err := New(cfg, quiet(), nil); err == nil {
			t.Errorf("%.10q is taken for a serial", bad)
		}
	}
}

// listener is a secondary that answers NOTIFY as it is told.
type listener struct {
	mu     sync.Mutex
	heard  []*dns.Msg
	signed []error
	at     string
}

func newListener(t *testing.T, k *key, rcode int, drop int, sign bool) *listener {
	t.Helper()
	u, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &listener{at: u.LocalAddr().String()}
	d := &dns.Server{PacketConn: u, MsgAcceptFunc: func(dns.Header) dns.MsgAcceptAction { return dns.MsgAccept }}
	if k != nil {
		d.TsigProvider = k
	}
	d.Handler = dns.HandlerFunc(func(w dns.ResponseWriter, r *dns.Msg) {
		l.mu.Lock()
		l.heard, l.signed = append(l.heard, r), append(l.signed, w.TsigStatus())
		n := len(l.heard)
		l.mu.Unlock()
		if n <= drop {
			return
		}
		m := new(dns.Msg).SetRcode(r, rcode)
		if sign {
			m.SetTsig(k.name, k.algorithm, 300, time.Now().Unix())
		}
		w.WriteMsg(m)
	})
	go d.ActivateAndServe()
	t.Cleanup(func() { d.Shutdown() })
	return l
}

func (l *listener) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.heard)
}

func TestNotify(t *testing.T) {
	file, text := secret(t, 32)
	_ = text
	cfg := testConfig()
	cfg.Batch = settings.Duration{Duration: 10 * time.Millisecond}
	cfg.Peers = []Peer{{Name: "signed", Key: "k", Secret: file}, {Name: "plain", Addresses: []string{"127.0.0.1"}},
		{Name: "refusing", Addresses: []string{"127.0.0.1"}}, {Name: "unsigned", Key: "k2", Secret: file}}
	first, _ := newServer(t, cfg) // for its keys
	k, k2 := first.keys["k."], first.keys["k2."]
	signed := newListener(t, k, 0, 1, true)
	plain := newListener(t, nil, 0, 0, false)
	refusing := newListener(t, nil, dns.RcodeRefused, 0, false)
	unsigned := newListener(t, k2, 0, 0, false)
	for i, l := range []*listener{signed, plain, refusing, unsigned} {
		cfg.Peers[i].Notify = []string{l.at}
	}
	s, reg := newServer(t, cfg)
	start(t, s)
	s.Set(items(host("a.example")))
	until(t, "the signed one took it, at the second try", 20*time.Second, func() bool { return counted(t, reg, "notifies_total", "signed", "taken") == 1 })
	until(t, "the plain one took it", 10*time.Second, func() bool { return counted(t, reg, "notifies_total", "plain", "taken") == 1 })
	until(t, "the refusing one refused it", 10*time.Second, func() bool { return counted(t, reg, "notifies_total", "refusing", "refused") == 1 })
	until(t, "an answer that is not signed is none: it is told again", 20*time.Second, func() bool { return unsigned.count() >= 2 })
	if counted(t, reg, "notifies_total", "unsigned", "taken") != 0 {
		t.Error("an answer that nobody signed was taken")
	}
	if signed.count() != 2 || refusing.count() != 1 || plain.count() != 1 {
		t.Error(signed.count(), refusing.count(), plain.count())
	}
	signed.mu.Lock()
	defer signed.mu.Unlock()
	m := signed.heard[1]
	soa, ok := m.Answer[0].(*dns.SOA)
	if !ok || soa.Serial != s.Serial() || m.Opcode != dns.OpcodeNotify || !m.Authoritative || m.Question[0].Name != testZone+"." ||
		m.IsTsig() == nil || signed.signed[1] != nil {
		t.Error(m, signed.signed)
	}
}
