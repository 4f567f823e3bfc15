package main

import (
	"crypto/rand"
	"fmt"
	"strings"
	"time"

	"github.com/sekisho/sekisho/indicator"
	"github.com/sekisho/sekisho/message"
	"github.com/sekisho/sekisho/report"
	"github.com/sekisho/sekisho/share"
)

// teach is what a bunch of reports makes known: links, callback numbers, senders, files, the wording. By machine alone none of it is a popular
// domain, an official sender, or a number: those wait for a person.
func (d *desk) teach(b *report.Bunch, by, why string, now time.Time) (all []indicator.Entry) {
	add := func(k indicator.Kind, value string, n uint32, unsafe bool) *indicator.Entry {
		e := indicator.Entry{ID: newUUID(), Kind: k, Value: value, Source: "reports", TLP: indicator.TLPGreen, Confidence: confidence(b), First: b.First, Last: b.Last,
			Recipients: n, Campaign: b.Campaign, Lure: b.Lure, Right: 1, Status: indicator.Active, Changed: now, By: by, Why: why}
		if by == byPolicy && unsafe {
			e.Status, e.Why = indicator.Proposed, "a person has to agree: "+why
		}
		all = append(all, e)
		return &all[len(all)-1]
	}
	for host, links := range byHost(b.Links) {
		n := uint32(0)
		urls := make([]string, 0, len(links))
		for _, l := range links {
			n += l.N
			urls = append(urls, l.Value)
		}
		name, _, _ := strings.Cut(host, ":")
		spared := d.p.sparedHost(name)
		if !d.p.inspector.Site(name).Shared {
			add(indicator.Host, name, n, spared)
			continue
		}
		// Everybody's place: a page or a link there is meant, as far as several people got it.
		if common, ok := share.CutURLs(urls); ok && len(urls) > 1 && common != host {
			add(indicator.URL, common, n, true)
		}
		for _, l := range links {
			if l.N > 1 && l.Value != host {
				add(indicator.URL, l.Value, l.N, spared)
			}
		}
	}
	for _, s := range b.Senders {
		if s.N >= 2 {
			add(indicator.Sender, s.Value, s.N, true)
		}
	}
	for _, n := range b.Numbers {
		e := add(indicator.Number, n.Value, n.N, true)
		e.Role = indicator.RoleCallback
	}
	for _, f := range b.Files {
		add(indicator.Hash, f.Value, f.N, false)
	}
	if b.Family != 0 {
		add(indicator.Family, fmt.Sprintf("%016x", b.Family), b.Reporters, b.PBad < d.thresholds.PBad)
	}
	return all
}

// sparedHost reports whether a host is one that no machine calls bad: popular, official, or on a list of what is good.
func (p *program) sparedHost(host string) bool {
	site := p.inspector.Site(host)
	return site.Official || site.Popular || p.indicator.Load().LookupHost([]byte(host), []byte(message.RegistrableDomain(host))).Good
}

// byHost gathers links by the host, and port, that they lead to.
func byHost(links []report.Counted) map[string][]report.Counted {
	all := map[string][]report.Counted{}
	for _, l := range links {
		host, _, _ := strings.Cut(l.Value, "/")
		all[host] = append(all[host], l)
	}
	return all
}

// confidence is in percent.
func confidence(b *report.Bunch) uint8 {
	c := 60 + 10*min(b.Weight, 3)
	if b.PBad >= 0.9 {
		c += 5
	}
	return uint8(min(c, 95))
}

// newUUID is a random one (RFC 9562 §5.4).
func newUUID() string {
	var b [16]byte
	rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
