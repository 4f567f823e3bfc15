package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sekisho/sekisho/audit"
	"github.com/sekisho/sekisho/auth"
	"github.com/sekisho/sekisho/console"
	"github.com/sekisho/sekisho/report"
	"github.com/sekisho/sekisho/smpp/smpptest"
)

// analyst is a doorman who lets one person in, and knows no other.
type analyst struct{}

func (analyst) Who(*http.Request) (auth.Signed, error) {
	return auth.Signed{Person: auth.Person{ID: "p-1", Name: "Sato", Roles: auth.Analyst}}, nil
}
func (analyst) Changes(*http.Request, *auth.Signed) bool { return true }
func (analyst) Handler() http.Handler                    { return http.NotFoundHandler() }
func (analyst) Why() error                               { return nil }

// desktop is a running program with its pages, before an analyst.
type desktop struct {
	*program
	t     *testing.T
	pages *console.Console
}

func newDesktop(t *testing.T, change func(*Config)) *desktop {
	t.Helper()
	smsc := &smpptest.SMSC{Receipts: true, Prefix: "up"}
	addr, err := smsc.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(smsc.Close)
	dir, err := os.MkdirTemp("", "sekisho")
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := tryCommand{Listen: loopback(t)}.config(addr, dir)
	if err != nil {
		t.Fatal(err)
	}
	cfg.SMPP.Listen = "127.0.0.1:0"
	if change != nil {
		change(&cfg)
	}
	p, err := startProgram(context.Background(), cfg, "", slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := p.stop(ctx); err != nil {
			t.Error(err)
		}
		os.RemoveAll(dir)
	})
	src := console.Sources{Feed: p.feed, Counts: minutes{p.store}, Health: health{p}, Doorman: analyst{}, Reports: p.reportsSource(), Indicators: p.indicatorsSource(), Campaigns: campaignsPages{p, p.feed.seen}}
	return &desktop{program: p, t: t, pages: console.New(console.Config{Log: p.log}, src)}
}

func (d *desktop) ask(method, target string, form url.Values) *httptest.ResponseRecorder {
	d.t.Helper()
	r := httptest.NewRequest(method, target, strings.NewReader(form.Encode()))
	r.Host = "localhost"
	r.Header.Set("Accept-Language", "en")
	if method == "POST" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	w := httptest.NewRecorder()
	d.pages.ServeHTTP(w, r)
	return w
}

func (d *desktop) page(target string) string {
	d.t.Helper()
	w := d.ask("GET", target, nil)
	if w.Code != 200 || !strings.Contains(w.Body.String(), "</html>") {
		d.t.Fatalf("%s: %d %s", target, w.Code, w.Body)
	}
	return w.Body.String()
}

// does sends a form, which has to lead somewhere.
func (d *desktop) does(target string, pairs ...string) {
	d.t.Helper()
	form := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	if w := d.ask("POST", target, form); w.Code != http.StatusSeeOther {
		d.t.Fatalf("%s: %d %s", target, w.Code, w.Body)
	}
}

// wrote are the entries of the ledger by a person.
func (d *desktop) wrote(who string) (all []string) {
	d.t.Helper()
	size, err := d.store.Ledger().Size(d.t.Context())
	if err != nil {
		d.t.Fatal(err)
	}
	if _, err := d.ledgerFrom(d.t.Context(), 0, size, func(e audit.Entry) {
		if e.Actor == who {
			all = append(all, e.Act+" "+e.About+" "+e.Purpose+": "+e.Why)
		}
	}); err != nil {
		d.t.Fatal(err)
	}
	return all
}

func (d *desktop) reported(n int, text, suspect string) {
	d.t.Helper()
	var all []report.Report
	for i := range n {
		all = append(all, report.Report{Channel: []report.Channel{report.ShortCode, report.Form}[i%2], Medium: report.SMS, Time: time.Now(), Reporter: fmt.Sprintf("+8190007%05d", i), Suspect: suspect, Text: text})
	}
	if _, err := d.desk.Take(d.t.Context(), all); err != nil {
		d.t.Fatal(err)
	}
}

// What is reported is read and decided by the page, as by the command: with the same entries in the ledger, and the same effect.
func TestReportsPages(t *testing.T) {
	d := newDesktop(t, nil)
	d.reported(2, "お荷物のお届けにあがりましたが不在の為持ち帰りました。ご確認ください http://k7q.duckdns.org/ または050-0123-4567", "SAGAWA")
	front := d.page("/reports")
	name := regexp.MustCompile(`/reports/(rp-[a-z]{14})`).FindStringSubmatch(front)
	if name == nil || !strings.Contains(front, "1 text waits") || !strings.Contains(front, "k7q[.]duckdns[.]org") || strings.Contains(front, "荷物") || strings.Contains(front, "5001234567") {
		t.Fatal(front)
	}
	at := "/reports/" + name[1]
	one := d.page(at)
	if !strings.Contains(one, "What it would teach") || strings.Contains(one, "荷物") || !strings.Contains(one, "7726, form") && !strings.Contains(one, "form, 7726") {
		t.Error(one)
	}
	if w := d.ask("POST", at+"/read", url.Values{}); w.Code != http.StatusUnprocessableEntity || strings.Contains(w.Body.String(), "荷物") {
		t.Error("read without a reason", w.Code)
	}
	read := d.ask("POST", at+"/read", url.Values{"why": {"a bank asked"}}).Body.String()
	if !strings.Contains(read, "お荷物") || strings.Contains(read, "0123-4567") || strings.Contains(read, "900070") || !strings.Contains(read, "050-") {
		t.Error(read)
	}
	if got := d.wrote("Sato"); len(got) != 1 || got[0] != "report-read "+name[1]+" quality: a bank asked" {
		t.Errorf("%q", got)
	}
	d.does(at+"/decide", "to", "fraud", "why", "seen before")
	if w := d.ask("POST", at+"/decide", url.Values{"to": {"fraud"}, "why": {"again"}}); w.Code != http.StatusConflict {
		t.Errorf("decided twice: %d", w.Code)
	}
	if w := d.ask("POST", at+"/decide", url.Values{"to": {"honest"}, "why": {"call 090-0000-1234"}}); w.Code != http.StatusUnprocessableEntity {
		t.Errorf("a number in the reason: %d", w.Code)
	}
	if hit := d.register.View().LookupHost([]byte("k7q.duckdns.org"), []byte("k7q.duckdns.org")); !hit.Bad {
		t.Error("what it taught is not in force")
	}
	if one := d.page(at); !strings.Contains(one, "Sato: seen before") || !strings.Contains(one, "What it has taught") || strings.Contains(one, "What it would teach") {
		t.Error(one)
	}
	d.does(at+"/decide", "to", "refused", "why", "says nothing")
	if hit := d.register.View().LookupHost([]byte("k7q.duckdns.org"), []byte("k7q.duckdns.org")); hit.Bad {
		t.Error("still in force after it was refused")
	}
	if got := d.wrote("Sato"); got[len(got)-1] != "reports-decided "+name[1]+" : fraud to refused: says nothing" {
		t.Errorf("%q", got)
	}
	// Nobody who reported it was right or wrong.
	id, _ := report.ParseName(name[1])
	voices, err := d.store.Voices(t.Context(), id, 10)
	if err != nil || len(voices) != 2 {
		t.Fatal(voices, err)
	}
	for _, v := range voices {
		if v.Right != 0 || v.Wrong != 0 {
			t.Errorf("%+v", v)
		}
	}
	if list := d.page("/reports?state=refused"); !strings.Contains(list, name[1]) {
		t.Error(list)
	}
	// Pages of a long list meet without a gap.
	for i := range 40 {
		d.reported(1, "", fmt.Sprintf("SENDER%d", i))
	}
	found := map[string]bool{}
	for next := "/reports?state=all"; next != ""; {
		body := d.page(next)
		for _, m := range regexp.MustCompile(`/reports/(rp-[a-z]{14})"`).FindAllStringSubmatch(body, -1) {
			if found[m[1]] {
				t.Errorf("%s twice", m[1])
			}
			found[m[1]] = true
		}
		next = ""
		if m := regexp.MustCompile(`href="(/reports\?state=all&amp;behind=[^#]+)#`).FindStringSubmatch(body); m != nil {
			next = strings.ReplaceAll(m[1], "&amp;", "&")
		}
	}
	if len(found) != 41 {
		t.Errorf("%d of 41", len(found))
	}
}
