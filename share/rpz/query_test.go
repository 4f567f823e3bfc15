package rpz

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

func unpacked(t testing.TB, b []byte) *dns.Msg {
	t.Helper()
	var m dns.Msg
	if err := m.Unpack(b); err != nil {
		t.Fatal(err)
	}
	return &m
}

// Who may have the zone, by which key and from where.
func TestEntitled(t *testing.T) {
	s, _ := peerServer(t, func(c *Config) {
		both, _ := secret(t, 32)
		c.Peers = append(c.Peers, Peer{Name: "addresses", Addresses: []string{"192.0.2.0/24", "2001:db8::7"}},
			Peer{Name: "both", Key: "both", Secret: both, Algorithm: "hmac-sha512", Addresses: []string{"198.51.100.1"}})
	})
	s.Set(items(host("a.example")))
	s.commit()
	for _, c := range []struct {
		key, from, who string
	}{
		{"", "203.0.113.1", ""},
		{"k.", "203.0.113.1", "p"},
		{"", "192.0.2.200", "addresses"},
		{"", "192.0.3.1", ""},
		{"", "2001:db8::7", "addresses"},
		{"both.", "203.0.113.1", ""},
		{"both.", "198.51.100.1", "both"},
		{"", "198.51.100.1", ""},
	} {
		for _, qtype := range []uint16{dns.TypeAXFR, dns.TypeIXFR} {
			b, _, tr := s.answer(asked(testZone, qtype, 1, s.keys[c.key]), netip.MustParseAddr(c.from), true, nil)
			switch {
			case c.who == "" && (tr != nil || unpacked(t, b).Rcode != dns.RcodeRefused):
				t.Errorf("key %q from %s: it may have the zone", c.key, c.from)
			case c.who != "" && (tr == nil || tr.peer != c.who):
				t.Errorf("key %q from %s is not %s", c.key, c.from, c.who)
			}
		}
	}
}

// RFC 8945 §5.2: what is wrong with a signature, and how it is told.
func TestSignatures(t *testing.T) {
	s, k := peerServer(t, nil)
	s.Set(items(host("a.example")))
	s.commit()
	other, _ := newKey("k", dns.HmacSHA256, bytes.Repeat([]byte{7}, 32))
	unknown, _ := newKey("unknown", dns.HmacSHA256, bytes.Repeat([]byte{7}, 32))
	sha512, _ := newKey("k", dns.HmacSHA512, k.secret)
	signed := func(k *key, at int64, qtype uint16) []byte {
		m := new(dns.Msg).SetQuestion(testZone+".", qtype)
		m.SetTsig(k.name, k.algorithm, 300, at)
		b, _, err := dns.TsigGenerateWithProvider(m, k, "", false)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	now := time.Now().Unix()
	flipped := signed(k, now, dns.TypeAXFR)
	flipped[2] ^= 1 // RD
	for name, c := range map[string]struct {
		raw   []byte
		rcode int
	}{
		"good":              {signed(k, now, dns.TypeSOA), 0},
		"wrong secret":      {signed(other, now, dns.TypeAXFR), dns.RcodeBadSig},
		"wrong secret, SOA": {signed(other, now, dns.TypeSOA), dns.RcodeBadSig},
		"unknown":           {signed(unknown, now, dns.TypeAXFR), dns.RcodeBadKey},
		"other algorithm":   {signed(sha512, now, dns.TypeAXFR), dns.RcodeBadKey},
		"old":               {signed(k, now-1000, dns.TypeAXFR), dns.RcodeBadTime},
		"early":             {signed(k, now+1000, dns.TypeAXFR), dns.RcodeBadTime},
		"changed":           {flipped, dns.RcodeBadSig},
	} {
		b, _, tr := s.answer(bytes.Clone(c.raw), here, true, nil)
		if tr != nil {
			t.Errorf("%s: it has the zone", name)
			continue
		}
		m := unpacked(t, b)
		ts := m.IsTsig()
		if ts == nil || int(ts.Error) != c.rcode {
			t.Errorf("%s: %v", name, m)
			continue
		}
		if (c.rcode == 0) != (m.Rcode == 0) || c.rcode != 0 && m.Rcode != dns.RcodeNotAuth {
			t.Errorf("%s: code %d", name, m.Rcode)
		}
		mac := unpacked(t, c.raw).IsTsig().MAC
		switch c.rcode {
		case 0:
			if err := dns.TsigVerifyWithProvider(b, k, mac, false); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		case dns.RcodeBadTime: // signed, with the server's time. miekg's own check stops at the code
			if len(ts.OtherData) != 12 || ts.MACSize != 32 {
				t.Errorf("%s: %v", name, ts)
			}
			at := bytes.LastIndex(b, append([]byte("\x01k\x00"), 0, byte(dns.TypeTSIG)))
			plain := bytes.Clone(b[:at])
			binary.BigEndian.PutUint16(plain[10:], 0)
			prior, _ := hex.DecodeString(mac)
			otherData, _ := hex.DecodeString(ts.OtherData)
			again := (&signer{key: k, prior: prior, id: m.Id, now: time.Now}).signAs(plain, ts.TimeSigned, dns.RcodeBadTime, otherData)
			if !bytes.Equal(again, b) {
				t.Errorf("%s: another signature", name)
			}
		default:
			if ts.MACSize != 0 {
				t.Errorf("%s: signed", name)
			}
		}
	}
}

// A TSIG that is not the last record, or there twice, is malformed (RFC 8945 §5.1); a MAC cut short is wrong.
func TestOddSignatures(t *testing.T) {
	s, k := peerServer(t, nil)
	s.Set(items(host("a.example")))
	s.commit()
	raw := asked(testZone, dns.TypeAXFR, 0, k)
	opt := []byte{0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0}
	after := append(bytes.Clone(raw), opt...)
	after[11]++
	m := unpacked(t, raw)
	ts := m.IsTsig()
	ts.MAC, ts.MACSize = ts.MAC[:20], 10
	short, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	m.Extra = append(m.Extra, ts)
	twice, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		raw   []byte
		rcode int
	}{"not last": {after, dns.RcodeFormatError}, "twice": {twice, dns.RcodeFormatError}, "short": {short, dns.RcodeNotAuth}} {
		b, _, tr := s.answer(c.raw, here, true, nil)
		if tr != nil || unpacked(t, b).Rcode != c.rcode {
			t.Errorf("%s: %v", name, unpacked(t, b))
		}
	}
}

func TestAnswers(t *testing.T) {
	s, k := peerServer(t, func(c *Config) { c.Open = "open.example" })
	soa := asked(testZone, dns.TypeSOA, 0, nil)
	if b, _, _ := s.answer(soa, here, false, nil); unpacked(t, b).Rcode != dns.RcodeServerFailure {
		t.Error("before the zone was set, secondaries keep what they have")
	}
	if b, _, tr := s.answer(asked(testZone, dns.TypeAXFR, 0, k), here, true, nil); tr != nil || unpacked(t, b).Rcode != dns.RcodeServerFailure {
		t.Error("before the zone was set, it is not transferred")
	}
	s.Set(items(host("a.example"), domain("b.example")))
	s.commit()
	serial := s.Serial()
	for _, c := range []struct {
		name    string
		qtype   uint16
		rcode   int
		answers int
	}{
		{testZone, dns.TypeSOA, 0, 1},
		{strings.ToUpper(testZone), dns.TypeSOA, 0, 1},
		{testZone, dns.TypeNS, 0, 1},
		{testZone, dns.TypeANY, 0, 2},
		{testZone, dns.TypeA, 0, 0},
		{"a.example." + testZone, dns.TypeA, 0, 1},
		{"A.EXAMPLE." + testZone, dns.TypeCNAME, 0, 1},
		{"*.a.example." + testZone, dns.TypeA, dns.RcodeRefused, 0},
		{"b.example." + testZone, dns.TypeA, 0, 1},
		{"*.b.example." + testZone, dns.TypeA, 0, 1},
		{"x.b.example." + testZone, dns.TypeA, dns.RcodeRefused, 0},
		{"example." + testZone, dns.TypeA, dns.RcodeRefused, 0},
		{"*." + testZone, dns.TypeA, dns.RcodeRefused, 0},
		{"open.example", dns.TypeSOA, 0, 1},
		{"a.example.open.example", dns.TypeA, dns.RcodeRefused, 0},
		{"a.example", dns.TypeA, dns.RcodeRefused, 0},
		{"operator.example", dns.TypeSOA, dns.RcodeRefused, 0},
		{"x" + testZone, dns.TypeSOA, dns.RcodeRefused, 0},
		{".", dns.TypeNS, dns.RcodeRefused, 0},
		{"x." + testZone, dns.TypeAXFR, dns.RcodeRefused, 0},
	} {
		for _, key := range []*key{nil, k} {
			raw := asked(c.name, c.qtype, 0, key)
			b, _, tr := s.answer(raw, here, true, nil)
			if tr != nil {
				t.Errorf("%s %d: a transfer", c.name, c.qtype)
				continue
			}
			m := unpacked(t, b)
			if m.Rcode != c.rcode || len(m.Answer) != c.answers || m.Authoritative != (c.rcode == 0) {
				t.Errorf("%s %d: %v", c.name, c.qtype, m)
			}
			if c.rcode == 0 && c.answers == 0 && len(m.Ns) != 1 {
				t.Errorf("%s %d: no SOA beside nothing", c.name, c.qtype)
			}
			if key != nil {
				if err := dns.TsigVerifyWithProvider(b, k, unpacked(t, raw).IsTsig().MAC, false); err != nil {
					t.Errorf("%s %d: %v", c.name, c.qtype, err)
				}
			}
		}
	}
	// RFC 1995 §2: over UDP, and where there is nothing newer, one SOA.
	for _, c := range []struct {
		serial uint32
		tcp    bool
	}{{serial, true}, {serial + 5, true}, {serial - 1, false}} {
		b, _, tr := s.answer(asked(testZone, dns.TypeIXFR, c.serial, k), here, c.tcp, nil)
		if tr != nil {
			t.Errorf("IXFR of %+v: a transfer", c)
			continue
		}
		if m := unpacked(t, b); len(m.Answer) != 1 || m.Answer[0].(*dns.SOA).Serial != serial {
			t.Errorf("IXFR of %+v: %v", c, m)
		}
	}
	if b, _, tr := s.answer(asked(testZone, dns.TypeAXFR, 0, k), here, false, nil); tr != nil || unpacked(t, b).Rcode != dns.RcodeFormatError {
		t.Error("AXFR over UDP")
	}
	if rr, rcode, err := fetched(s, asked("open.example", dns.TypeAXFR, 0, k), k); err != nil || rcode != 0 || len(rr) != 3 {
		t.Error("the open zone is SOA, NS, SOA", rr, rcode, err)
	}
}

// Redirect has several records for a name; a type that is not among them is an empty answer.
func TestRedirectAnswers(t *testing.T) {
	s, _ := peerServer(t, func(c *Config) { c.Action, c.Addresses = Redirect, []string{"192.0.2.1", "192.0.2.2", "2001:db8::1"} })
	s.Set(items(host("a.example")))
	s.commit()
	for qtype, n := range map[uint16]int{dns.TypeA: 2, dns.TypeAAAA: 1, dns.TypeANY: 3, dns.TypeTXT: 0} {
		b, _, _ := s.answer(asked("a.example."+testZone, qtype, 0, nil), here, true, nil)
		if m := unpacked(t, b); len(m.Answer) != n || len(m.Ns) != btoi(n == 0) {
			t.Errorf("type %d: %v", qtype, m)
		}
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// What an answer over UDP is too long for is cut, and says so.
func TestTruncated(t *testing.T) {
	zone := strings.Repeat("a", 60) + ".example"
	s, _ := peerServer(t, func(c *Config) {
		c.Zone, c.Server, c.Contact = zone, strings.Repeat(strings.Repeat("s", 60)+".", 3)+"example", "x@"+strings.Repeat(strings.Repeat("c", 60)+".", 3)+"example"
	})
	s.Set(items(host("a.example")))
	s.commit()
	m := new(dns.Msg).SetQuestion(zone+".", dns.TypeANY)
	raw, _ := m.Pack()
	b, _, _ := s.answer(raw, here, false, nil)
	if got := unpacked(t, b); !got.Truncated || len(b) > 512 || len(got.Answer) != 0 {
		t.Error(got)
	}
	m.SetEdns0(4096, false)
	raw, _ = m.Pack()
	b, _, _ = s.answer(raw, here, false, nil)
	if got := unpacked(t, b); got.Truncated || len(b) > udpSize || len(got.Answer) != 2 || got.IsEdns0() == nil {
		t.Error(got)
	}
}

// What is malformed is answered with its header at most, or not at all.
func TestMalformed(t *testing.T) {
	s, k := peerServer(t, nil)
	s.Set(items(host("a.example")))
	s.commit()
	good := asked(testZone, dns.TypeSOA, 0, nil)
	with := func(f func(b []byte) []byte) []byte { return f(bytes.Clone(good)) }
	for name, c := range map[string]struct {
		raw   []byte
		rcode int // -1: no answer
	}{
		"nothing":       {nil, -1},
		"short":         {good[:11], -1},
		"long":          {append(bytes.Clone(good), make([]byte, maxQuery)...), -1},
		"an answer":     {with(func(b []byte) []byte { b[2] |= 0x80; return b }), -1},
		"header":        {good[:12], dns.RcodeFormatError},
		"cut":           {good[:len(good)-1], dns.RcodeFormatError},
		"UPDATE":        {with(func(b []byte) []byte { b[2] = dns.OpcodeUpdate << 3; return b }), dns.RcodeNotImplemented},
		"NOTIFY":        {with(func(b []byte) []byte { b[2] = dns.OpcodeNotify << 3; return b }), dns.RcodeNotImplemented},
		"no question":   {with(func(b []byte) []byte { b[5] = 0; return b }), dns.RcodeFormatError},
		"two questions": {with(func(b []byte) []byte { b[5] = 2; return append(b, b[12:]...) }), dns.RcodeFormatError},
		"many records":  {with(func(b []byte) []byte { b[10], b[11] = 255, 255; return b }), dns.RcodeFormatError},
		"a pointer":     {with(func(b []byte) []byte { return append(b[:12], 0xC0, 12, 0, 6, 0, 1) }), dns.RcodeFormatError},
		"a long name": {with(func(b []byte) []byte {
			return append(append(b[:12], bytes.Repeat([]byte("\x01a"), 130)...), 0, 0, 6, 0, 1)
		}), dns.RcodeFormatError},
		"IXFR from nowhere": {with(func(b []byte) []byte { b[len(b)-3] = byte(dns.TypeIXFR); return b }), dns.RcodeRefused},
	} {
		b, _, tr := s.answer(c.raw, here, true, nil)
		switch {
		case tr != nil:
			t.Errorf("%s: a transfer", name)
		case (b == nil) != (c.rcode < 0):
			t.Errorf("%s: %x", name, b)
		case b != nil && unpacked(t, b).Rcode != c.rcode:
			t.Errorf("%s: %v", name, unpacked(t, b))
		}
	}
	m := new(dns.Msg).SetQuestion(testZone+".", dns.TypeIXFR)
	m.SetTsig(k.name, k.algorithm, 300, time.Now().Unix())
	raw, _, _ := dns.TsigGenerateWithProvider(m, k, "", false)
	if b, _, tr := s.answer(raw, here, true, nil); tr != nil || unpacked(t, b).Rcode != dns.RcodeFormatError {
		t.Error("IXFR without a serial")
	}
}

// FuzzAnswer: no packet makes the server panic, give the zone away, or answer with more than it may.
func FuzzAnswer(f *testing.F) {
	s, k := peerServer(f, func(c *Config) { c.Open = "open.example" })
	s.Set(items(host("a.example"), domain("b.example"), host("8.8.4.4")))
	s.commit()
	s.Change(items(host("c.example")), nil)
	s.commit()
	secret := k.secret
	for _, qtype := range []uint16{dns.TypeSOA, dns.TypeNS, dns.TypeANY, dns.TypeAXFR, dns.TypeIXFR, dns.TypeA} {
		for _, name := range []string{testZone, "*.b.example." + testZone, "open.example", "."} {
			f.Add(asked(name, qtype, 1, nil), true)
			f.Add(asked(name, qtype, 1, k), false)
			m := new(dns.Msg).SetQuestion(dns.Fqdn(name), qtype)
			m.SetEdns0(4096, true)
			b, _ := m.Pack()
			f.Add(b, false)
		}
	}
	// The seeds are signed by a key that the packets' writer does not have.
	k.secret = bytes.Repeat([]byte{1}, 32)
	f.Cleanup(func() { k.secret = secret })
	f.Fuzz(func(t *testing.T, raw []byte, tcp bool) {
		before := bytes.Clone(raw)
		b, q, tr := s.answer(raw, here, tcp, nil)
		if !bytes.Equal(raw, before) {
			t.Fatal("it changed the packet")
		}
		if tr != nil {
			t.Fatal("a transfer without a key")
		}
		if b == nil {
			return
		}
		if q == nil || !tcp && len(b) > udpSize || len(b) > 12+len(raw)+1024 {
			t.Fatalf("%d octets for %d", len(b), len(raw))
		}
		var m dns.Msg
		if err := m.Unpack(b); err != nil {
			t.Fatal(err)
		}
		if !m.Response || m.Id != binary.BigEndian.Uint16(raw) {
			t.Fatal("no answer to it")
		}
	})
}

// FuzzHeard: whoever answers a NOTIFY writes what he likes.
func FuzzHeard(f *testing.F) {
	_, k := peerServer(f, nil)
	f.Add([]byte{0, 1, 0xA4, 0, 0, 0, 0, 0, 0, 0, 0, 0}, uint16(1))
	f.Fuzz(func(t *testing.T, raw []byte, id uint16) {
		sign := &signer{key: k, id: id, prior: make([]byte, 32), now: time.Now}
		if rcode, ok := heard(raw, id, sign); ok && rcode == 0 {
			t.Fatal("it took an answer that nobody signed")
		}
		heard(raw, id, nil)
	})
}

func BenchmarkAnswer(b *testing.B) {
	s, k := peerServer(b, nil)
	s.Set(listed(100_000))
	s.commit()
	for name, raw := range map[string][]byte{"soa": asked(testZone, dns.TypeSOA, 0, nil), "soa-signed": asked(testZone, dns.TypeSOA, 0, k),
		"name": asked("9e3779b1-login.top."+testZone, dns.TypeA, 0, nil), "malformed": make([]byte, 12), "refused": asked("a.example", dns.TypeA, 0, nil)} {
		b.Run(name, func(b *testing.B) {
			out := make([]byte, 0, maxQuery)
			b.ReportAllocs()
			for b.Loop() {
				if a, _, _ := s.answer(raw, here, false, out); a == nil {
					b.Fatal("no answer")
				}
			}
		})
	}
}
