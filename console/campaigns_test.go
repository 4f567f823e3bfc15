package console

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sekisho/sekisho/auth"
)

type fakeCampaigns struct {
	said
	list []Campaign
	err  error
}

func (f *fakeCampaigns) Campaigns(_ context.Context, limit int) ([]Campaign, int, error) {
	return f.list, 10 * len(f.list), f.err
}
func (f *fakeCampaigns) Campaign(_ context.Context, id string) (CampaignPage, error) {
	for _, c := range f.list {
		if c.ID == id {
			return CampaignPage{Campaign: c, Family: "00000000000000ff", Letters: 40, Near: true, Reports: []string{"rp-aaaaaaaaaaaaaa"}}, f.err
		}
	}
	return CampaignPage{}, ErrNotFound
}
func (f *fakeCampaigns) DecideCampaign(_ context.Context, id, to, who, why string) error {
	f.add("decide", id, to, who, why)
	return f.err
}

func exampleCampaigns() *fakeCampaigns {
	minutes, hours := make([]uint32, 60), make([]uint32, 24)
	minutes[59], minutes[30], hours[23] = 40, 20, 1200
	return &fakeCampaigns{list: []Campaign{
		{ID: "afa52c8200000001", Texts: 1234, TenMinutes: 62, Hour: 321, Senders: 7, People: 1190, Links: 6, First: noon.Add(-time.Hour), Last: noon, Judged: 10, Fraud: 9, Decision: "watch",
			Routes: []Part{{"p2p", 1232}}, Stopped: 1200, Before: 5, FirstStop: noon.Add(-50 * time.Minute), Minutes: minutes, Hours: hours,
			Countries: []Part{{"81", 900}, {"999", 3}, {"name", 2}, {"other", 1}}, Hosts: []Part{{"evil.example", 1000}, {"<b>bad.example", 1}, {"other", 2}}, Brands: []Part{{"<b>bad", 800}}},
		{ID: "afa52c8200000002", Texts: 3, Decision: "stop", First: noon, Last: noon}, {ID: "afa52c8200000003", Texts: 3, Decision: "pass", First: noon, Last: noon}}}
}

func TestCampaignsPage(t *testing.T) {
	for _, lang := range []string{"ja", "en"} {
		f := exampleCampaigns()
		c := consoleOf(Sources{Campaigns: f}, auth.Auditor, false)
		body := whole(t, get(c, "/campaigns", "Accept-Language", lang), 200)
		for _, want := range []string{"/campaigns/afa52c8200000001", "321", "<rect", "90.0%", "1,234"} {
			if !strings.Contains(body, want) {
				t.Errorf("%s: no %q", lang, want)
			}
		}
		for _, id := range []string{"afa52c8200000001", "afa52c8200000002", "afa52c8200000003"} {
			one := whole(t, get(c, "/campaigns/"+id, "Accept-Language", lang), 200)
			if strings.Contains(one, "<form") {
				t.Errorf("%s: the auditor can change", lang)
			}
			if id == "afa52c8200000001" && (!strings.Contains(one, "evil[.]example") || strings.Contains(one, "evil.example") || !strings.Contains(one, "00000000000000ff") || !strings.Contains(one, "&#43;999") ||
				!strings.Contains(one, `<th scope="row">29</th>`) || !strings.Contains(one, "/reports/rp-aaaaaaaaaaaaaa")) {
				t.Errorf("%s: %s", lang, one)
			}
		}
		if w := get(c, "/campaigns/none"); w.Code != http.StatusNotFound {
			t.Errorf("one that is not there: %d", w.Code)
		}
		f.list = nil
		whole(t, get(c, "/campaigns", "Accept-Language", lang), 200)
		f.err = errors.New("secret of the store")
		whole(t, get(c, "/campaigns", "Accept-Language", lang), 500, "secret of the store")
	}
	if w := get(consoleOf(Sources{Campaigns: exampleCampaigns()}, auth.Care|auth.Administrator, false), "/campaigns"); w.Code != http.StatusForbidden {
		t.Errorf("customer care: %d", w.Code)
	}
}

func TestCampaignsDecide(t *testing.T) {
	const at = "/campaigns/afa52c8200000001/decide"
	for _, x := range []struct {
		name, to, why string
		roles         auth.Role
		forged        bool
		err           error
		code          int
	}{
		{"stop", "stop", "w", auth.Analyst, false, nil, 303},
		{"pass", "pass", "w", auth.Analyst, false, nil, 303},
		{"watch", "watch", "w", auth.Analyst, false, nil, 303},
		{"nothing", "", "w", auth.Analyst, false, nil, 422},
		{"no reason", "stop", "", auth.Analyst, false, nil, 422},
		{"auditor", "stop", "w", auth.Auditor, false, nil, 403},
		{"forged", "stop", "w", auth.Analyst, true, nil, 403},
		{"ended", "stop", "w", auth.Analyst, false, ErrNotFound, 404},
	} {
		f := exampleCampaigns()
		f.err = x.err
		w := send(consoleOf(Sources{Campaigns: f}, x.roles, x.forged), at, url.Values{"to": {x.to}, "why": {x.why}}, "Accept-Language", "en")
		want := ""
		if x.code == 303 || x.err != nil {
			want = "decide | afa52c8200000001 | " + x.to + " | Abe | w"
		}
		if got := strings.Join(f.said, "; "); w.Code != x.code || got != want {
			t.Errorf("%s: %d, and the source heard %q", x.name, w.Code, got)
		}
	}
}

func TestSpark(t *testing.T) {
	s := (&visit{}).Spark([]uint32{0, 1, 2, 3, 0, 8}, 2)
	if s.Top != 8 || s.Total != 14 || s.Width != 3 || len(s.Bars) != 3 || s.Bars[2].Height != "100.0" || len(s.Counts) != 4 || s.Counts[0] != (sparkCount{0, 8}) {
		t.Errorf("%+v", s)
	}
	if s := (&visit{}).Spark(nil, 0); s.Width != 1 || len(s.Bars) != 0 {
		t.Errorf("%+v", s)
	}
}
