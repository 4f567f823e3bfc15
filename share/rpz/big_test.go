package rpz

import (
	"fmt"
	"io"
	"iter"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/sekisho/sekisho/indicator"
	"github.com/sekisho/sekisho/share"
)

// listed is n domains as lists have them: random names under a few top-level domains, some of them below a dynamic DNS service.
func listed(n int) iter.Seq[share.Item] {
	return func(yield func(share.Item) bool) {
		tops := [...]string{"com", "top", "xyz", "cn", "shop", "duckdns.org", "vip", "cc", "info", "ru"}
		for i := range n {
			if !yield(domain(fmt.Sprintf("%08x-login.%s", uint32(i)*2654435761, tops[i%len(tops)]))) {
				return
			}
		}
	}
}

const million = 1_000_000

// TestBINDLoadsMillion measures how long BIND takes for a million names, which are two million records. It is no part of the ordinary run:
// SEKISHO_BIG=1 go test -run Million -v ./share/rpz
func TestBINDLoadsMillion(t *testing.T) {
	if os.Getenv("SEKISHO_BIG") == "" {
		t.Skip("SEKISHO_BIG=1 measures with a million names")
	}
	installed(t, "named")
	file, text := secret(t, 32)
	cfg := testConfig()
	port := freePort(t)
	at := fmt.Sprintf("127.0.0.1:%d", port)
	cfg.Peers = []Peer{{Name: "bind", Key: "sekisho-rpz", Secret: file, Notify: []string{at}}}
	s, reg := newServer(t, cfg)
	begun := time.Now()
	if tally := s.Set(listed(million)); tally.Taken != million {
		t.Fatal(tally)
	}
	t.Logf("a million items set in %v", time.Since(begun).Round(time.Millisecond))
	primary := start(t, s)
	until(t, "the version", time.Minute, func() bool { return s.Names() == million })
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	t.Logf("heap %d MB", m.HeapAlloc>>20)

	begun = time.Now()
	q := &query{question: question(testZone, 252), size: 1 << 16}
	w := newStream(io.Discard, q)
	w.whole(&transfer{zone: s.zones[0], v: s.zone.now.Load()})
	t.Logf("written without a network in %v: %d records, %d messages", time.Since(begun).Round(time.Millisecond), w.total, w.sent)

	begun = time.Now()
	p := bind(t, port, primary, authority(t), "sekisho-rpz", "hmac-sha256", text, "")
	until(t, "BIND is up", time.Minute, func() bool { return strings.Contains(p.said(), "running") })
	up := time.Now()
	until(t, "the transfer", time.Minute, func() bool { return counted(t, reg, "transfers_total", "axfr") == 1 })
	sent := time.Now()
	// The last name that stands in the zone is answered last: BIND takes them over in an order of its own, so that many are asked.
	var last []string
	i := 0
	for k := range s.zone.now.Load().all {
		if i++; i%50_000 == 0 {
			last = append(last, dotted(k))
		}
	}
	until(t, "all are refused", 2*time.Minute, func() bool {
		for len(last) > 0 && refuses(t, at, last[0]) && refuses(t, at, "www."+last[0]) {
			last = last[1:]
		}
		return len(last) == 0
	})
	done := time.Now()
	t.Logf("BIND: up after %v; the transfer ended %v later; every name refused %v after BIND was up, %v after it was started",
		up.Sub(begun).Round(time.Millisecond), sent.Sub(up).Round(time.Millisecond), done.Sub(up).Round(time.Millisecond), done.Sub(begun).Round(time.Millisecond))
	time.Sleep(500 * time.Millisecond)
	for _, line := range strings.Split(p.said(), "\n") {
		if strings.Contains(line, testZone) && !strings.Contains(line, "rewrite") {
			t.Log(line)
		}
	}
	runtime.ReadMemStats(&m)
	t.Logf("the server took %d MB from the system", m.Sys>>20)

	took := until(t, "one more is refused", time.Minute, func() bool { return refuses(t, at, "one-more.example") }, func() {
		s.Change(items(item(indicator.Domain, "one-more.example")), nil)
	})
	t.Logf("one more name after %v", took)
}

func question(name string, qtype uint16) []byte {
	b, err := wireName(name)
	if err != nil {
		panic(err)
	}
	return append(b, byte(qtype>>8), byte(qtype), 0, 1)
}

// dotted writes a kept name as people do.
func dotted(key []byte) string {
	var s []string
	for b := appendLabels(nil, key); len(b) > 0; b = b[1+b[0]:] {
		s = append(s, string(b[1:1+b[0]]))
	}
	return strings.Join(s, ".")
}

func BenchmarkSetMillion(b *testing.B) {
	s, _ := newServer(b, testConfig())
	b.ReportAllocs()
	for b.Loop() {
		s.Set(listed(million))
		s.commit()
	}
}

// BenchmarkChange is one name in and one out again among a million: a version each.
func BenchmarkChange(b *testing.B) {
	s, _ := newServer(b, testConfig())
	s.Set(listed(million))
	s.commit()
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		s.Change(items(host(fmt.Sprintf("h%d.example", i))), items(host(fmt.Sprintf("h%d.example", i-1))))
		s.commit()
		i++
	}
}

// BenchmarkAXFR writes a million names, signed.
func BenchmarkAXFR(b *testing.B) {
	s, _ := newServer(b, testConfig())
	s.Set(listed(million))
	s.commit()
	k, err := newKey("k.", "hmac-sha256", make([]byte, 32))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		q := &query{question: question(testZone, 252), size: 1 << 16, sign: &signer{key: k, now: s.clock}}
		w := newStream(io.Discard, q)
		w.whole(&transfer{zone: s.zones[0], v: s.zone.now.Load()})
		if w.total != 2*million+3 {
			b.Fatal(w.total)
		}
	}
}
