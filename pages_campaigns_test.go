package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sekisho/sekisho/gate"
	"github.com/sekisho/sekisho/message"
	"github.com/sekisho/sekisho/record"
	"github.com/sekisho/sekisho/subject"
)

// passes lets a text through the gate, and its record to the feed, as a door does.
func (d *desktop) passes(from, to, text string) {
	d.t.Helper()
	m := message.Message{Time: time.Now(), Door: "test", Account: "a", Route: message.P2P, Text: []byte(text), Parts: 1, Arrived: 1}
	var err error
	if m.From, err = subject.ParseAddress(from, subject.Japan); err != nil {
		d.t.Fatal(err)
	}
	a, err := subject.ParseAddress(to, subject.Japan)
	if err != nil {
		d.t.Fatal(err)
	}
	m.To = []subject.Address{a}
	var v gate.Verdicts
	var rec record.Verdict
	d.gate.Pass(context.Background(), &m, &v)
	v.Each[0].Record(&rec, &m, &v, d.gate.Policy(), nil)
	d.feed.Put(&rec, rec.Stopped())
}

// A campaign is followed, seen and decided about by the page.
func TestCampaignsPages(t *testing.T) {
	d := newDesktop(t, nil)
	enforced := *d.gate.Policy()
	enforced.Mode = message.Enforce
	d.gate.SetPolicy(&enforced)
	if !strings.Contains(d.page("/campaigns"), "Nothing attacks") {
		t.Error("an attack before there was any")
	}
	for i := range 12 {
		d.passes(fmt.Sprintf("+81900070%04d", i), fmt.Sprintf("+81900080%04d", i), "お荷物のお届けにあがりましたが不在の為持ち帰りました。下記よりご確認ください。 http://qwzk.duckdns.org")
	}
	eventually(t, "what was stopped is counted", func() bool {
		return strings.Contains(d.page("/campaigns"), "12 of 12") || strings.Contains(d.page("/campaigns"), "11 of 12")
	})
	d.feed.seen.sample(time.Now())
	front := d.page("/campaigns")
	id := regexp.MustCompile(`href="/campaigns/([0-9a-f]{16})"`).FindStringSubmatch(front)
	if id == nil || !strings.Contains(front, "<rect") || !strings.Contains(front, "Japan (&#43;81)") || strings.Contains(front, "荷物") {
		t.Fatal(front)
	}
	at := "/campaigns/" + id[1]
	if one := d.page(at); !strings.Contains(one, "qwzk[.]duckdns[.]org") || strings.Contains(one, "荷物") || strings.Contains(one, "900070") {
		t.Error(one)
	}
	for _, to := range []string{"pass", "stop", "watch"} {
		d.does(at+"/decide", "to", to, "why", "tested "+to)
		c, ok := d.campaigns.Find(id[1], time.Now())
		if got := d.wrote("Sato"); !ok || c.Decision.String() != to || got[len(got)-1] != "campaign-decide "+id[1]+" : "+to+": tested "+to {
			t.Errorf("%s: %s, %q", to, c.Decision, got)
		}
	}
	if w := d.ask("POST", "/campaigns/0123456789abcdef/decide", url.Values{"to": {"stop"}, "why": {"x"}}); w.Code != http.StatusNotFound || len(d.wrote("Sato")) != 3 {
		t.Errorf("one that is not followed: %d", w.Code)
	}
}

func TestSeenCampaigns(t *testing.T) {
	start := time.Date(2026, 4, 1, 3, 0, 30, 0, time.UTC)
	var c seenCampaign
	c.grow(start, 5)
	c.grow(start.Add(time.Minute), 7)
	c.grow(start.Add(59*time.Minute), 1)
	minutes, hours := c.steps(start.Add(59 * time.Minute))
	if minutes[0] != 5 || minutes[1] != 7 || minutes[59] != 1 || hours[23] != 13 {
		t.Errorf("%v %v", minutes, hours)
	}
	minutes, hours = c.steps(start.Add(61 * time.Minute))
	if minutes[57] != 1 || slices.Max(minutes[:57]) != 0 || hours[22] != 13 || hours[23] != 0 {
		t.Errorf("%v %v", minutes, hours)
	}
	if minutes, hours = c.steps(start.Add(72 * time.Hour)); slices.Max(minutes) != 0 || slices.Max(hours) != 0 {
		t.Errorf("%v %v", minutes, hours)
	}
	for number, want := range map[string]string{"819012345678": "81", "15555550123": "1", "79161234567": "7", "85212345678": "852", "447700900123": "44", "9": "9"} {
		if got := callingCode(number); got != want {
			t.Errorf("%s: %s", number, got)
		}
	}
	s := newSeenCampaigns(nil)
	c.Hosts = map[string]uint32{}
	for i := range 2 * seenNames {
		tally(&c.Hosts, fmt.Sprint("h", i))
	}
	if len(c.Hosts) != seenNames+1 || c.Hosts[countryOther] != seenNames {
		t.Errorf("%d hosts, %d others", len(c.Hosts), c.Hosts[countryOther])
	}
	s.all["0000000000000001"] = &c
	var b bytes.Buffer
	if err := s.save(&b); err != nil {
		t.Fatal(err)
	}
	again := newSeenCampaigns(nil)
	if err := again.load(&b, "x"); err != nil || again.all["0000000000000001"].Minutes != c.Minutes {
		t.Error(err)
	}
	if err := again.load(strings.NewReader(`{"x":`), "x"); err == nil || strings.Contains(err.Error(), "{") {
		t.Error(err)
	}
	var none *seenCampaigns
	none.note(&record.Verdict{Campaign: 1, Done: message.Block}) // nobody asks
}
