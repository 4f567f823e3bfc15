package rpz

import (
	"bytes"
	"fmt"
	"maps"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/sekisho/sekisho/indicator"
	"github.com/sekisho/sekisho/share"
)

func TestJournalEnds(t *testing.T) {
	s, k := peerServer(t, func(c *Config) { c.Journal = 10 })
	s.Set(listed(100))
	s.commit()
	old := taken(t, s, k)
	for i := range 11 {
		s.Change(items(host(fmt.Sprintf("h%d.example", i))), nil)
		s.commit()
	}
	if n := len(s.zone.now.Load().past); n != 10 {
		t.Errorf("%d differences for 10 records", n)
	}
	if whole, err := old.follow(s, k); err != nil || !whole {
		t.Error("behind the journal stands the whole zone", whole, err)
	}
	s.Change(listed(0), listed(90)) // too large by itself
	s.commit()
	if n := len(s.zone.now.Load().past); n != 0 {
		t.Errorf("%d differences are left", n)
	}
	if whole, err := old.follow(s, k); err != nil || !whole {
		t.Error(whole, err)
	}
	// A difference that is longer than the zone is not worth sending.
	s, k = peerServer(t, nil)
	s.Set(items(host("a.example"), host("b.example")))
	s.commit()
	old = taken(t, s, k)
	s.Set(items(host("c.example")))
	s.commit()
	if whole, err := old.follow(s, k); err != nil || !whole {
		t.Error(whole, err)
	}
}

func TestNothingChanged(t *testing.T) {
	s, _ := peerServer(t, nil)
	s.Set(items(host("a.example")))
	s.commit()
	serial := s.Serial()
	s.Change(items(host("a.example")), items(host("b.example")))
	s.commit()
	s.Set(items(host("a.example")))
	s.commit()
	s.Change(items(item(indicator.URL, "a.example")), nil) // another indicator for the same record
	s.commit()
	if s.Serial() != serial {
		t.Error("a version for nothing")
	}
	s.Change(nil, items(host("a.example")))
	s.commit()
	if s.Serial() != serial || s.Names() != 1 {
		t.Error("the link stands for it still")
	}
	gone := entry(indicator.URL, "a.example")
	gone.Status = indicator.Expired
	s.Change(items(cleared(gone)), nil)
	s.commit()
	if s.Serial() == serial || s.Names() != 0 {
		t.Error("what is over is taken out")
	}
}

// What is changed while Set reads is newer than what it reads.
func TestChangeDuringSet(t *testing.T) {
	s, _ := peerServer(t, nil)
	s.Set(items(host("old.example")))
	s.commit()
	s.Set(func(yield func(share.Item) bool) {
		yield(host("a.example"))
		s.Change(items(host("b.example")), items(host("a.example")))
		s.commit()
		yield(host("c.example"))
	})
	s.commit()
	v := s.zone.now.Load()
	for name, want := range map[string]bool{"old.example": false, "a.example": false, "b.example": true, "c.example": true} {
		k, _ := appendKey(nil, name)
		if got := v.find(k) != 0; got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestTriggers(t *testing.T) {
	long := strings.Repeat("a.", 120) + "example"
	for _, c := range []struct {
		i    share.Item
		want string // from the top down; or the reason
	}{
		{host("a.example"), "a.example"},
		{domain("evil.duckdns.org"), "evil.duckdns.org"},
		{item(indicator.URL, "a.example"), "a.example"},
		{item(indicator.URL, "a.example/x"), "path"},
		{item(indicator.URL, "a.example:8080"), "path"},
		{item(indicator.URL, "a.example?x"), "path"},
		{item(indicator.Number, "+819012345678"), "kind"},
		{item(indicator.Sender, "bank"), "kind"},
		{item(indicator.Hash, strings.Repeat("a", 64)), "kind"},
		{host("com"), "name"},
		{host("A.example"), "name"},
		{host("a..example"), "name"},
		{host(".example"), "name"},
		{host("a.example."), "name"},
		{host("*.example"), "name"},
		{host("a\\.b.example"), "name"},
		{host(strings.Repeat("a", 64) + ".example"), "name"},
		{host(long), "name"},
		{host("a.123"), "name"},
		{domain("co.jp"), "public-suffix"},
		{domain("com"), "name"},
		{domain("duckdns.org"), "public-suffix"},
		{host("8.0.0.0.10.rpz-ip"), "trigger"},
		{host("32.1.0.0.127.rpz-client-ip"), "trigger"},
		{domain("ns.example.rpz-nsdname"), "trigger"},
		{host("rpz-ip.example"), "rpz-ip.example"},
		{host("1.2.3.4"), "32.4.3.2.1.rpz-ip"},
		{item(indicator.URL, "1.2.3.4"), "32.4.3.2.1.rpz-ip"},
		{domain("1.2.3.4"), "name"},
		{host("[2001:db8::1]"), "128.1.zz.db8.2001.rpz-ip"},
		{host("[2001:db8:0:0:7::1]"), "128.1.0.0.7.zz.db8.2001.rpz-ip"},
		{host("[2a00:1:0:3:2:5:6:1]"), "128.1.6.5.2.3.0.1.2a00.rpz-ip"},
		{host("[2a00::]"), "128.zz.2a00.rpz-ip"},
		{host("[::ffff:1.2.3.4]"), "32.4.3.2.1.rpz-ip"},
		{host("127.0.0.1"), "address"},
		{host("0.0.0.0"), "address"},
		{host("10.1.2.3"), "address"},
		{host("192.168.0.1"), "address"},
		{host("255.255.255.255"), "address"},
		{host("[fe80::1]"), "address"},
		{host("[::1]"), "address"},
	} {
		z := &Zone{name: []byte("\x03rpz\x07example\x00")}
		key, bits, err := z.trigger(nil, c.i)
		got := dotted(key)
		if err != nil {
			got = reasons[err]
		}
		if got != c.want || (err == nil) != (bits != 0) {
			t.Errorf("%v %.40q: %q, not %q", c.i.Kind(), c.i.Value(), got, c.want)
		}
	}
	z := &Zone{noIPs: true}
	if _, _, err := z.trigger(nil, host("1.2.3.4")); err != errNoIPs {
		t.Error(err)
	}
}

func TestTally(t *testing.T) {
	s, reg := newServer(t, testConfig())
	got := s.Set(items(host("a.example"), item(indicator.URL, "a.example/x"), item(indicator.Sender, "bank"), item(indicator.URL, "b.example/x")))
	if got.Taken != 1 || !maps.Equal(got.Skipped, map[string]int{"path": 2, "kind": 1}) {
		t.Error(got)
	}
	if counted(t, reg, "skipped_total", "path") != 2 {
		t.Error("not counted")
	}
}

func TestSerials(t *testing.T) {
	for _, c := range []struct {
		a, b uint32
		want bool
	}{{2, 1, true}, {1, 2, false}, {1, 1, false}, {0, 1<<32 - 1, true}, {1<<31 + 1, 5, true}, {5, 1<<31 + 6, true}} {
		if newer(c.a, c.b) != c.want {
			t.Errorf("%d behind %d", c.a, c.b)
		}
	}
	if after(5, 4) != 6 || after(5, 5) != 6 || after(5, 9) != 9 || after(1<<32-1, 1<<32-1) != 0 {
		t.Error("after")
	}
}

// The order in which names are kept and their labels turned round are each other's reverse.
func TestKeys(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := strings.Join(rapid.SliceOfN(rapid.StringMatching(`[a-z0-9_-]{1,63}`), 1, 3).Draw(t, "labels"), ".")
		key, err := appendKey(nil, name)
		if err != nil {
			t.Fatal(err)
		}
		wire, _ := wireName(name)
		if labels := appendLabels(nil, key); !bytes.Equal(labels, wire[:len(wire)-1]) || !bytes.Equal(keyOf(nil, labels), key) || dotted(key) != name {
			t.Fatalf("%q is %q", name, labels)
		}
	})
}
