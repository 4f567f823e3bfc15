package rpz

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"io"
	"iter"
	"log/slog"
	mrand "math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/sekisho/sekisho/indicator"
	"github.com/sekisho/sekisho/purpose"
	"github.com/sekisho/sekisho/settings"
	"github.com/sekisho/sekisho/share"
	"github.com/sekisho/sekisho/subject"
)

const testZone = "rpz.operator.example"

type nobody struct{}

func (nobody) Choice(subject.Line, purpose.Purpose) purpose.Choice { return purpose.Stranger }

var leave = func() purpose.Grant {
	g, err := purpose.Ask(&purpose.Policy{purpose.Share: purpose.LawfulBusiness}, purpose.Share, 0, nobody{})
	if err != nil {
		panic(err)
	}
	return g
}()

func entry(kind indicator.Kind, value string) indicator.Entry {
	return indicator.Entry{ID: "5f0d7c3e-0000-4000-8000-000000000000", Kind: kind, Value: value, Status: indicator.Active, TLP: indicator.TLPGreen,
		Recipients: 9, Role: indicator.RoleFraud}
}

func cleared(e indicator.Entry) share.Item {
	i, err := share.Clear(leave, e, share.Group{})
	if err != nil {
		panic(err)
	}
	return i
}

func item(kind indicator.Kind, value string) share.Item { return cleared(entry(kind, value)) }
func host(name string) share.Item                       { return item(indicator.Host, name) }
func domain(name string) share.Item                     { return item(indicator.Domain, name) }

func items(i ...share.Item) iter.Seq[share.Item] { return slices.Values(i) }

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

// logTo shows the server's log with the test's.
func logTo(t testing.TB) *slog.Logger {
	return slog.New(slog.NewTextHandler(testWriter{t}, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

type testWriter struct{ t testing.TB }

func (w testWriter) Write(b []byte) (int, error) {
	w.t.Log(strings.TrimSpace(string(b)))
	return len(b), nil
}

// secret is a new key, in a file and in base64.
func secret(t testing.TB, octets int) (file, text string) {
	t.Helper()
	b := make([]byte, octets)
	rand.Read(b)
	text = base64.StdEncoding.EncodeToString(b)
	file = filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte(text+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return file, text
}

// testConfig makes versions fast and lets nobody have them yet.
func testConfig() Config {
	return Config{Listen: []string{"127.0.0.1:0"}, Zone: testZone, Batch: settings.Duration{Duration: 20 * time.Millisecond}}
}

func newServer(t testing.TB, cfg Config) (*Server, *prometheus.Registry) {
	t.Helper()
	reg := prometheus.NewPedanticRegistry()
	s, err := New(cfg, quiet(), reg)
	if err != nil {
		t.Fatal(err)
	}
	return s, reg
}

func start(t testing.TB, s *Server) string {
	t.Helper()
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, stop := context.WithTimeout(context.Background(), time.Second)
		defer stop()
		s.Close(ctx)
	})
	return s.Addrs()[0].String()
}

// counted is a counter's value, of the labels' values in their order by name.
func counted(t testing.TB, reg *prometheus.Registry, name string, labels ...string) (sum float64) {
	t.Helper()
	all, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range all {
		if f.GetName() != "sekisho_rpz_"+name {
			continue
		}
		for _, m := range f.Metric {
			var has []string
			for _, l := range m.Label {
				has = append(has, l.GetValue())
			}
			if len(labels) == 0 || slices.Equal(has, labels) {
				sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return sum
}

// until waits, after what is done first, for something that comes soon, and fails only when it does not come at all.
func until(t testing.TB, what string, within time.Duration, f func() bool, first ...func()) time.Duration {
	t.Helper()
	begun := time.Now()
	for _, f := range first {
		f()
	}
	for !f() {
		if time.Since(begun) > within {
			t.Fatalf("%s: not within %v", what, within)
		}
		time.Sleep(20 * time.Millisecond)
	}
	return time.Since(begun)
}

// freePort is a port that was free just now over both transports, below those that connections are given: nobody takes it but by name.
func freePort(t testing.TB) int {
	t.Helper()
	for range 200 {
		port := 12000 + mrand.IntN(18000)
		at := fmt.Sprintf("127.0.0.1:%d", port)
		l, err := net.Listen("tcp", at)
		if err != nil {
			continue
		}
		u, err := net.ListenPacket("udp", at)
		l.Close()
		if err == nil {
			u.Close()
			return port
		}
	}
	t.Fatal("no free port")
	return 0
}

// authority is a small world that resolvers ask: every name in .example has an address, 192.0.2.1, but for addr-A-B-C-D.example, which
// has A.B.C.D. It returns where it listens.
func authority(t testing.TB) string {
	t.Helper()
	at := fmt.Sprintf("127.0.0.1:%d", freePort(t))
	u, err := net.ListenPacket("udp", at)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	h := dns.HandlerFunc(func(w dns.ResponseWriter, r *dns.Msg) {
		m := new(dns.Msg).SetReply(r)
		m.Authoritative, m.RecursionAvailable = true, true
		q := r.Question[0]
		name := strings.ToLower(q.Name)
		switch {
		case q.Qtype == dns.TypeA && strings.HasSuffix(name, ".example."):
			a := net.IPv4(192, 0, 2, 1)
			var b [4]byte
			if n, _ := fmt.Sscanf(name, "addr-%d-%d-%d-%d", &b[0], &b[1], &b[2], &b[3]); n == 4 {
				a = net.IPv4(b[0], b[1], b[2], b[3])
			}
			m.Answer = append(m.Answer, &dns.A{Hdr: dns.RR_Header{Name: q.Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 1}, A: a})
		default:
			m.Ns = append(m.Ns, &dns.SOA{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeSOA, Class: dns.ClassINET, Ttl: 1}, Ns: "localhost.",
				Mbox: "root.localhost.", Serial: 1, Refresh: 60, Retry: 60, Expire: 600, Minttl: 1})
		}
		w.WriteMsg(m)
	})
	for _, s := range []*dns.Server{{PacketConn: u, Handler: h}, {Listener: l, Handler: h}} {
		go s.ActivateAndServe()
		t.Cleanup(func() { s.Shutdown() })
	}
	return at
}

// resolve asks a resolver; "" and the code where there is no address.
func resolve(t testing.TB, at, name string) (string, int) {
	t.Helper()
	c := dns.Client{Timeout: 2 * time.Second}
	m, _, err := c.Exchange(new(dns.Msg).SetQuestion(dns.Fqdn(name), dns.TypeA), at)
	if err != nil {
		return err.Error(), -1
	}
	for _, r := range m.Answer {
		if a, ok := r.(*dns.A); ok {
			return a.A.String(), m.Rcode
		}
	}
	return "", m.Rcode
}

func refuses(t testing.TB, at, name string) bool {
	a, rcode := resolve(t, at, name)
	return rcode == dns.RcodeNameError && a == ""
}

func resolves(t testing.TB, at, name, to string) bool {
	a, rcode := resolve(t, at, name)
	return rcode == dns.RcodeSuccess && a == to
}
