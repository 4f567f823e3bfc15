package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sekisho/sekisho/indicator"
	"github.com/sekisho/sekisho/share"
)

func (d *desktop) enters(entries ...indicator.Entry) {
	d.t.Helper()
	for i := range entries {
		e := &entries[i]
		e.ID, e.First, e.Last, e.Changed, e.Recipients, e.Confidence = newUUID(), time.Now(), time.Now(), time.Now(), 2, 80
	}
	if err := d.store.PutEntries(context.Background(), "somebody", "a test", entries); err != nil {
		d.t.Fatal(err)
	}
	if err := d.registerChanged(context.Background()); err != nil {
		d.t.Fatal(err)
	}
}

func (d *desktop) bad(host string) bool {
	return d.register.View().LookupHost([]byte(host), []byte(host)).Bad
}

// Indicators are added, agreed and withdrawn by the page, as by the command; and found, however they are written.
func TestIndicatorsPages(t *testing.T) {
	d := newDesktop(t, func(c *Config) {
		c.Share.Partners = []share.Partner{{Name: "bank-isac", TLP: "amber", Kinds: []string{"host"}}}
		if err := c.Share.Check(); err != nil {
			t.Fatal(err)
		}
	})
	d.does("/indicators/add", "kind", "host", "value", "bad-parcel.example", "tlp", "green", "confidence", "90", "why", "abuse desk")
	if !d.bad("bad-parcel.example") {
		t.Error("not in force")
	}
	if got := d.wrote("Sato"); len(got) != 1 || !strings.HasPrefix(got[0], "indicator-change ") || !strings.HasSuffix(got[0], ": abuse desk") {
		t.Errorf("%q", got)
	}
	official := url.Values{"kind": {"host"}, "value": {"www.amazon.co.jp"}, "tlp": {"green"}, "confidence": {"90"}, "why": {"x"}}
	if w := d.ask("POST", "/indicators/add", official); w.Code != http.StatusUnprocessableEntity || d.bad("www.amazon.co.jp") {
		t.Errorf("an official site without a word that it is meant: %d", w.Code)
	}
	d.enters(indicator.Entry{Kind: indicator.Host, Value: "waits.example", Source: "reports", Status: indicator.Proposed, By: "policy", Why: "a person has to agree"},
		indicator.Entry{Kind: indicator.Number, Value: "+815001234567", Role: indicator.RoleCallback, Source: "reports", Status: indicator.Active})
	front := d.page("/indicators")
	id := regexp.MustCompile(`action="/indicators/([0-9a-f-]{36})/move"`).FindStringSubmatch(front)
	if id == nil || !strings.Contains(front, "waits[.]example") || strings.Contains(front, "5001234567") || !strings.Contains(front, "bank-isac") {
		t.Fatal(front)
	}
	d.does("/indicators/"+id[1]+"/move", "to", "active", "why", "seen it")
	if !d.bad("waits.example") {
		t.Error("not in force after a person agreed")
	}
	d.does("/indicators/"+id[1]+"/move", "to", "withdrawn", "why", "a shop", "back", "1")
	if d.bad("waits.example") {
		t.Error("in force after it was withdrawn")
	}
	one := d.page("/indicators/" + id[1])
	if !strings.Contains(one, "active: seen it") || !strings.Contains(one, "withdrawn: a shop") {
		t.Error(one)
	}
	for _, value := range []string{"050-0123-4567", "+815001234567"} {
		if w := d.ask("POST", "/indicators/search", url.Values{"value": {value}}); !strings.Contains(w.Body.String(), "&#43;81*******567") || strings.Contains(w.Body.String(), "5001234567") {
			t.Errorf("%s is not found", value)
		}
	}
	for _, value := range []string{"https://waits.example/x?y=z", "hxxp://waits[.]example", "WAITS.example"} {
		if w := d.ask("POST", "/indicators/search", url.Values{"value": {value}}); !strings.Contains(w.Body.String(), "/indicators/"+id[1]+`">`) {
			t.Errorf("%s is not found", value)
		}
	}
	// What went to partners is told by the ledger; what comes later is added.
	for _, n := range []int{7, 5} {
		if err := d.share.given(t.Context(), "bank-isac", "webhook", n); err != nil {
			t.Fatal(err)
		}
		if p := d.page("/indicators"); n == 5 && !strings.Contains(p, "within 30 days: 12.") {
			t.Error(p)
		}
	}
	// Pages of a long list meet without a gap, by change and by kind.
	var many []indicator.Entry
	for i := range 120 {
		many = append(many, indicator.Entry{Kind: indicator.Sender, Value: fmt.Sprintf("S%03d", i), Source: "people", Status: indicator.Active})
	}
	d.enters(many...)
	for query, want := range map[string]int{"kind=sender": 120, "status=all": 123, "status=withdrawn": 1} {
		found := map[string]bool{}
		for next := "/indicators?" + query; next != ""; {
			body := d.page(next)
			for _, m := range regexp.MustCompile(`<a href="/indicators/([0-9a-f-]{36})"`).FindAllStringSubmatch(body, -1) {
				if found[m[1]] {
					t.Errorf("%s: %s twice", query, m[1])
				}
				found[m[1]] = true
			}
			next = ""
			if m := regexp.MustCompile(`href="(/indicators\?[^"]*after=[^"]+)"`).FindStringSubmatch(body); m != nil {
				next = strings.ReplaceAll(m[1], "&amp;", "&")
			}
		}
		if len(found) != want {
			t.Errorf("%s: %d of %d", query, len(found), want)
		}
	}
	if w := d.ask("POST", "/indicators/feeds/none/fetch", nil); w.Code != http.StatusNotFound {
		t.Errorf("a feed that is not there: %d", w.Code)
	}
}
