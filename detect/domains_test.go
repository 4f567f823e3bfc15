package detect_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/sekisho/sekisho/detect"
	"github.com/sekisho/sekisho/message"
	"github.com/sekisho/sekisho/subject"
)

// lead sends a text with a link to a host and gives what domains found.
func lead(s *stream, d *detect.Domains, route message.Route, from, to int, host string) string {
	s.t.Helper()
	a, _ := subject.ParseAddress(handset(from), subject.Japan)
	b, _ := subject.ParseAddress(handset(to), subject.Japan)
	m := &message.Message{Route: route, From: a, To: []subject.Address{b}, Text: []byte("地図です https://" + host + "/")}
	s.in.Inspect(s.grant, m, &s.r)
	n := len(s.r.Findings)
	d.Meet(s.grant, m, &s.r, s.now)
	if len(s.r.Findings) > n {
		return s.r.Findings[n].Rule.Name
	}
	return ""
}

func TestDomains(t *testing.T) {
	s := newStream(t, detect.Config{})
	d := detect.NewDomains(1<<12, 5)
	if got := lead(s, d, message.P2P, 1, 2, "fresh.example.com"); got != "" {
		t.Errorf("a table that is not warm says %q", got)
	}
	for i := range 100_000 {
		lead(s, d, message.P2P, i%500, i, fmt.Sprintf("www.shop%d.example.com", i%3))
	}
	s.now = s.now.Add(15 * 24 * time.Hour)
	if got := lead(s, d, message.P2P, 1, 2, "brand-new.example.net"); got != "domain-new" {
		t.Errorf("a new domain: %q", got)
	}
	if got := lead(s, d, message.P2P, 1, 2, "www.shop1.example.com"); got != "domain-settled" {
		t.Errorf("a settled domain: %q", got)
	}
	s.now = s.now.Add(30 * time.Hour)
	if got := lead(s, d, message.P2P, 1, 2, "brand-new.example.net"); got != "" {
		t.Errorf("a domain of yesterday: %q", got)
	}
	if got := lead(s, d, message.P2P, 1, 2, "bit.ly"); got != "" {
		t.Errorf("a shortener: %q", got)
	}
	var file bytes.Buffer
	if err := d.Save(&file); err != nil {
		t.Fatal(err)
	}
	again := detect.NewDomains(1<<12, 9)
	if err := again.Load(bytes.NewReader(file.Bytes()), "domains.bin"); err != nil {
		t.Fatal(err)
	}
	if got := lead(s, again, message.P2P, 1, 2, "www.shop1.example.com"); got != "domain-settled" {
		t.Errorf("after a restart: %q", got)
	}
	for i := range 6000 {
		again.Judged(&s.r, i%2 == 0, s.now)
	}
	if got := lead(s, again, message.P2P, 1, 2, "www.shop1.example.com"); got != "" {
		t.Errorf("a domain that texts were stopped for: %q", got)
	}
	for i := 0; i < file.Len(); i += 101 {
		bad := bytes.Clone(file.Bytes())
		bad[i] ^= 4
		if err := again.Load(bytes.NewReader(bad), "domains.bin"); !errors.Is(err, detect.ErrDamaged) {
			t.Fatalf("octet %d changed: %v", i, err)
		}
	}
}

func FuzzLoad(f *testing.F) {
	var file bytes.Buffer
	detect.NewDomains(16, 1).Save(&file)
	f.Add(file.Bytes())
	f.Add([]byte("SEKISHO-DOMAINS\x01"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		detect.NewDomains(16, 1).Load(bytes.NewReader(raw), "x")
	})
}

func BenchmarkDomains(b *testing.B) {
	s := newStream(b, detect.Config{})
	d := detect.NewDomains(0, 5)
	lead(s, d, message.P2P, 1, 2, "www.shop1.example.com")
	m := &message.Message{Route: message.P2P, Text: []byte("x")}
	n := len(s.r.Findings)
	b.ReportAllocs()
	for b.Loop() {
		s.r.Findings = s.r.Findings[:n]
		d.Meet(s.grant, m, &s.r, s.now)
	}
}
