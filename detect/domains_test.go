package detect_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/sekisho/sekisho/detect"
	"github.com/sekisho/sekisho/inspect"
	"github.com/sekisho/sekisho/message"
	"github.com/sekisho/sekisho/purpose"
	"github.com/sekisho/sekisho/subject"
)

// lead sends a text with links to hosts and gives what domains found.
func lead(s *stream, d *detect.Domains, route message.Route, from, to int, hosts ...string) string {
	s.t.Helper()
	a, _ := subject.ParseAddress(handset(from), subject.Japan)
	b, _ := subject.ParseAddress(handset(to), subject.Japan)
	m := &message.Message{Route: route, From: a, To: []subject.Address{b}, Text: []byte("地図です")}
	for _, h := range hosts {
		m.Text = append(m.Text, (" https://" + h + "/")...)
	}
	s.in.Inspect(s.grant, m, &s.r)
	n := len(s.r.Findings)
	d.Meet(s.grant, m, &s.r, s.now)
	names := ""
	for _, f := range s.r.Findings[n:] {
		names += f.Rule.Name + " " + string(f.About)
	}
	return names
}

// days lets days pass with a text each to a domain that is of no interest.
func days(s *stream, d *detect.Domains, n int) {
	for range n {
		s.now = s.now.Add(24 * time.Hour)
		lead(s, d, message.P2P, 1, 2, "every.day.example.org")
	}
}

// warm fills a table: shop0.com to shop2.com have many senders and recipients, bulk.com one sender, few.com two people.
func warm(s *stream, d *detect.Domains) {
	for i := range 33_000 {
		lead(s, d, message.P2P, i%500, i, fmt.Sprintf("www.shop%d.com", i%3))
		lead(s, d, message.A2P, 1, i, "www.bulk.com")
		lead(s, d, message.P2P, i%2, i%2, "few.com")
	}
	for range 1000 {
		lead(s, d, message.P2P, 1, 2, "a.com")
	}
}

func TestDomains(t *testing.T) {
	s, d := newStream(t, detect.Config{}), detect.NewDomains(1<<12, 5)
	want := func(want string, route message.Route, hosts ...string) {
		t.Helper()
		if got := lead(s, d, route, 1, 2, hosts...); got != want {
			t.Errorf("%s %q: %q, not %q", route, hosts, got, want)
		}
	}
	want("", message.P2P, "first.com") // it knows nothing yet
	warm(s, d)
	days(s, d, 6)
	want("", message.P2P, "early.com")
	days(s, d, 1)
	want("domain-new new.com", message.P2P, "www.new.com")
	want("", message.P2P, "www.shop0.com")
	days(s, d, 7)
	want("", message.P2P, "www.new.com")
	want("domain-settled shop0.com", message.P2P, "www.shop0.com")
	want("domain-settled shop0.com", message.A2P, "shop0.com")
	want("domain-settled bulk.com", message.A2P, "www.bulk.com")
	want("", message.P2P, "www.bulk.com") // of one sender, and this is not it
	want("", message.P2P, "few.com")
	want("domain-new later.com", message.P2P, "www.shop0.com", "later.com") // the one vouches for nothing
	want("domain-settled shop0.com", message.P2P, "shop0.com", "www.shop0.com", "bit.ly")
	want("", message.P2P, "bit.ly")
	s.now = s.now.Add(-400 * 24 * time.Hour) // a clock that is wrong
	want("", message.P2P, "shop0.com")
	s.now = s.now.Add(400 * 24 * time.Hour)

	// Who stops one text in a hundred is not used to it.
	lead(s, d, message.P2P, 1, 2, "www.shop1.com")
	for range 200 {
		d.Judged(&s.r, true, s.now)
		d.Judged(&s.r, false, s.now)
	}
	want("", message.P2P, "shop1.com")
	want("domain-settled shop2.com", message.P2P, "shop2.com")
	// What it did long ago does not hide that.
	for i := range 70_000 {
		lead(s, d, message.P2P, 1, 2, "www.shop2.com")
		if i > 60_000 && i%25 == 0 {
			d.Judged(&s.r, true, s.now)
		}
	}
	want("", message.P2P, "shop2.com")

	// After a pause nothing is new until it has watched for a week.
	days(s, d, 1)
	s.now = s.now.Add(30 * 24 * time.Hour)
	want("", message.P2P, "during.com")
	days(s, d, 6)
	want("", message.P2P, "behind.com")
	want("domain-settled shop0.com", message.P2P, "shop0.com")
	days(s, d, 1)
	want("domain-new week.com", message.P2P, "week.com")
}

// TestDomainsFull: a table that is too small makes no old domain a new one.
func TestDomainsFull(t *testing.T) {
	s, d := newStream(t, detect.Config{}), detect.NewDomains(64, 5)
	warm(s, d)
	n := 0
	for i := range 20 * 500 {
		if i%500 == 0 {
			days(s, d, 1)
		}
		if lead(s, d, message.P2P, 1, 2, host(i)) != "" && i > 8*500 {
			n++
		}
	}
	if n != 0 {
		t.Errorf("%d domains were new where each place had to make room within the month", n)
	}
}

func TestDomainsNeedAGrant(t *testing.T) {
	s, d := newStream(t, detect.Config{}), detect.NewDomains(64, 5)
	lead(s, d, message.P2P, 1, 2, "a.com")
	n := len(s.r.Findings)
	if d.Meet(purpose.Grant{}, &message.Message{}, &s.r, s.now); len(s.r.Findings) != n {
		t.Error("without a grant a text was looked at")
	}
}

func TestDomainsConcurrent(t *testing.T) {
	d := detect.NewDomains(64, 5)
	var wait sync.WaitGroup
	for g := range 4 {
		wait.Go(func() {
			s := newStream(t, detect.Config{})
			for i := range 2000 {
				lead(s, d, message.P2P, g, i, host(i%100))
				d.Judged(&s.r, i%7 == 0, s.now)
				s.now = s.now.Add(time.Hour)
			}
		})
	}
	wait.Wait()
}

func BenchmarkDomains(b *testing.B) {
	s := newStream(b, detect.Config{})
	const n = 1024
	reports, messages := make([]inspect.Report, n), make([]message.Message, n)
	for i := range n {
		a, _ := subject.ParseAddress(handset(i), subject.Japan)
		messages[i] = message.Message{Route: message.P2P, From: a, To: []subject.Address{a}, Text: []byte("地図です https://" + host(i) + "/")}
		s.in.Inspect(s.grant, &messages[i], &reports[i])
		reports[i].Findings = append(make([]inspect.Finding, 0, 16), reports[i].Findings...)
	}
	for _, hot := range []bool{true, false} {
		b.Run(map[bool]string{true: "hot", false: "many"}[hot], func(b *testing.B) {
			d := detect.NewDomains(0, 5)
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				r := &reports[i%n]
				if hot {
					r = &reports[0]
				}
				f := len(r.Findings)
				d.Meet(s.grant, &messages[i%n], r, s.now)
				r.Findings = r.Findings[:f]
				i++
			}
		})
	}
}
