package console

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sekisho/sekisho/audit"
	"github.com/sekisho/sekisho/auth"
	"github.com/sekisho/sekisho/indicator"
	"github.com/sekisho/sekisho/report"
)

// consoleOf is a console with some pages, for somebody with these roles.
func consoleOf(src Sources, roles auth.Role, forged bool) *Console {
	s := lively()
	s.entries = make(chan Entry, 1)
	src.Feed, src.Counts, src.Health = s, s, s
	src.Doorman = &doorman{who: auth.Signed{Person: auth.Person{ID: "p-0", Name: "Abe", Roles: roles}}, forged: forged}
	return New(Config{Location: time.FixedZone("JST", 9*3600), Now: func() time.Time { return noon }}, src)
}

// whole fails where a page is cut short by a template that went wrong, lacks a phrase, or shows what it must not.
func whole(t *testing.T, w *httptest.ResponseRecorder, code int, never ...string) string {
	t.Helper()
	body := w.Body.String()
	if w.Code != code {
		t.Fatalf("%d, not %d: %s", w.Code, code, body)
	}
	if !strings.Contains(body, "</html>") {
		t.Fatalf("the page is cut: %s", body)
	}
	for _, s := range append(never, ">reports.", ">ind.", ">campaigns.", "<b>bad", "<script>alert", "%!", "style=") {
		if strings.Contains(body, s) {
			t.Errorf("%q stands in the page", s)
		}
	}
	return body
}

// said is what a source was asked for.
type said []string

func (s *said) add(what ...string) { *s = append(*s, strings.Join(what, " | ")) }

type fakeDesk struct {
	said
	list []ReportBunch
	page ReportPage
	text ReportText
	err  error
}

func (f *fakeDesk) ReportCounts(context.Context) (ReportCounts, error) {
	return ReportCounts{States: map[report.State]int{report.New: 2, report.IsFraud: 1}, Today: 1234, More: true}, f.err
}
func (f *fakeDesk) WaitingReports(context.Context, int) ([]ReportBunch, error) { return f.list, f.err }
func (f *fakeDesk) Reports(_ context.Context, st report.State, behind string, limit int) ([]ReportBunch, error) {
	f.add("list", string(st), behind)
	var all []ReportBunch
	for len(f.list) > 0 && len(all) < limit {
		all = append(all, f.list[len(all)%len(f.list)])
	}
	return all, f.err
}
func (f *fakeDesk) Report(_ context.Context, name string) (ReportPage, error) {
	if name != f.page.Name {
		return ReportPage{}, ErrNotFound
	}
	return f.page, f.err
}
func (f *fakeDesk) ReadReport(_ context.Context, name, who, why string) (ReportText, error) {
	f.add("read", name, who, why)
	return f.text, f.err
}
func (f *fakeDesk) DecideReport(_ context.Context, name, to, who, why string) error {
	f.add("decide", name, to, who, why)
	return f.err
}

func exampleDesk() *fakeDesk {
	b := ReportBunch{Name: report.Name(7), Channels: []string{"7726", "form"}, Bunch: report.Bunch{ID: 7, State: report.New, Medium: report.SMS, First: noon.Add(-time.Hour), Last: noon,
		Reports: 21, Reporters: 20, Honest: 2, Weight: 1.3, Herd: 14, PBad: 0.97, Campaign: 0xabc, Seen: report.Seen{Lure: "parcel",
			Links:   []report.Counted{{Value: "evil.example/own-token", N: 1}, {Value: "evil.example/common", N: 5}, {Value: "<b>bad.example", N: 2}, {Value: "d.example", N: 1}, {Value: "e.example", N: 1}},
			Numbers: []report.Counted{{Value: "+815012345678", N: 2}}, Senders: []report.Counted{{Value: "SAGAWA", N: 3}, {Value: "+819000123456", N: 1}}}}}
	return &fakeDesk{list: []ReportBunch{b}, page: ReportPage{ReportBunch: b,
		Teaches: []Lesson{{Entry: indicator.Entry{Kind: indicator.Host, Value: "evil.example", Confidence: 80, TLP: indicator.TLPGreen}, Spared: true},
			{Entry: indicator.Entry{Kind: indicator.Number, Value: "+815012345678", TLP: indicator.TLPGreen}}},
		Taught: []indicator.Entry{{ID: "6f0c", Kind: indicator.Domain, Value: "old.example", Status: indicator.Withdrawn, Right: 3, Wrong: 1}}},
		text: ReportText{Text: "<b>bad</b> 荷物 http://evil.example/x 050-1234-5678 へ", Subject: "s", Reports: []OneReport{{Time: noon, Channel: "7726", Claim: "fraud",
			Reporter: "+819000123456", Suspect: "090-0012-9999", To: "taro@mail.example"}}}}
}

func TestReportsPage(t *testing.T) {
	never := []string{"9000123456", "5012345678", "own-token", "荷物", "evil.example", "<b>bad.example"}
	for _, lang := range []string{"ja", "en"} {
		f := exampleDesk()
		c := consoleOf(Sources{Reports: f}, auth.Auditor, false)
		body := whole(t, get(c, "/reports", "Accept-Language", lang), 200, never...)
		for _, want := range []string{report.Name(7), "evil[.]example/common", "evil[.]example/…", "97.0%", "SAGAWA", "1,234&#43;", "/campaigns/0000000000000abc"} {
			if !strings.Contains(body, want) {
				t.Errorf("%s: no %q", lang, want)
			}
		}
		one := whole(t, get(c, "/reports/"+report.Name(7), "Accept-Language", lang), 200, never...)
		if !strings.Contains(one, "evil[.]example") || !strings.Contains(one, "/indicators/6f0c") || strings.Contains(one, "<form") {
			t.Errorf("%s: what it would teach, or what it taught, is not there, or the auditor has a form", lang)
		}
		if list := whole(t, get(c, "/reports?state=fraud&behind="+report.Name(7), "Accept-Language", lang), 200, never...); !strings.Contains(list, "state=fraud&amp;behind="+report.Name(7)) {
			t.Errorf("%s: no next page", lang)
		}
		whole(t, get(c, "/reports?state=all", "Accept-Language", lang), 200, never...)
		f.list = nil
		whole(t, get(c, "/reports?state=honest", "Accept-Language", lang), 200)
		whole(t, get(c, "/reports", "Accept-Language", lang), 200)
		f.page.Erased, f.page.Seen = true, report.Seen{}
		whole(t, get(c, "/reports/"+report.Name(7), "Accept-Language", lang), 200)
		if w := get(c, "/reports/rp-none"); w.Code != http.StatusNotFound {
			t.Errorf("reports that are not there: %d", w.Code)
		}
		f.err = errors.New("secret of the store")
		whole(t, get(c, "/reports", "Accept-Language", lang), 500, "secret of the store")
	}
	if w := get(consoleOf(Sources{Reports: exampleDesk()}, auth.Care|auth.Administrator, false), "/reports"); w.Code != http.StatusForbidden {
		t.Errorf("customer care: %d", w.Code)
	}
}

func TestReportsDecide(t *testing.T) {
	at := "/reports/" + report.Name(7)
	ok := url.Values{"to": {"fraud"}, "why": {" the bank\u200b says\r\nso "}}
	for _, x := range []struct {
		name   string
		roles  auth.Role
		forged bool
		err    error
		path   string
		form   url.Values
		code   int
		said   string
	}{
		{"fraud", auth.Analyst, false, nil, "/decide", ok, 303, "decide | " + report.Name(7) + " | fraud | Abe | the bank says so"},
		{"refused", auth.Analyst, false, nil, "/decide", url.Values{"to": {"refused"}, "why": {"x"}}, 303, "decide | " + report.Name(7) + " | refused | Abe | x"},
		{"auditor", auth.Auditor, false, nil, "/decide", ok, 403, ""},
		{"forged", auth.Analyst, true, nil, "/decide", ok, 403, ""},
		{"no reason", auth.Analyst, false, nil, "/decide", url.Values{"to": {"fraud"}, "why": {" \u200b "}}, 422, ""},
		{"long reason", auth.Analyst, false, nil, "/decide", url.Values{"to": {"fraud"}, "why": {strings.Repeat("x", 501)}}, 422, ""},
		{"to new", auth.Analyst, false, nil, "/decide", url.Values{"to": {"new"}, "why": {"x"}}, 422, ""},
		{"to nothing", auth.Analyst, false, nil, "/decide", url.Values{"why": {"x"}}, 422, ""},
		{"number", auth.Analyst, false, audit.ErrNumber, "/decide", ok, 422, "decide"},
		{"meanwhile", auth.Analyst, false, ErrMeanwhile, "/decide", ok, 409, "decide"},
		{"broken", auth.Analyst, false, errors.New("x"), "/decide", ok, 500, "decide"},
		{"read", auth.Analyst, false, nil, "/read", ok, 200, "read | " + report.Name(7) + " | Abe | the bank says so"},
		{"read without a reason", auth.Analyst, false, nil, "/read", url.Values{}, 422, ""},
		{"read by the auditor", auth.Auditor, false, nil, "/read", ok, 403, ""},
		{"read, forged", auth.Analyst, true, nil, "/read", ok, 403, ""},
	} {
		f := exampleDesk()
		f.err = x.err
		w := send(consoleOf(Sources{Reports: f}, x.roles, x.forged), at+x.path, x.form, "Accept-Language", "en")
		if got := strings.Join(f.said, "; "); w.Code != x.code || !strings.HasPrefix(got, x.said) || x.said == "" && got != "" {
			t.Errorf("%s: %d, and the source heard %q", x.name, w.Code, got)
		}
		if x.name == "read" {
			body := whole(t, w, 200, "9000123456", "1234-5678", "0012-9999", "taro@", "http://evil")
			if !strings.Contains(body, "&lt;b&gt;bad&lt;/b&gt; 荷物 hxxp://evil") || !strings.Contains(body, "050-****-*678") || !strings.Contains(body, "t***@mail.example") {
				t.Errorf("the text is not shown as it should be: %s", body)
			}
		} else if strings.Contains(w.Body.String(), "荷物") {
			t.Errorf("%s: the text is shown", x.name)
		}
	}
	f := exampleDesk()
	f.text = ReportText{}
	if w := get(consoleOf(Sources{Reports: f}, auth.Analyst, false), at+"/read"); w.Code != http.StatusMethodNotAllowed {
		t.Errorf("read by an address: %d", w.Code)
	}
}

func TestMasks(t *testing.T) {
	for in, want := range map[string]string{"+819012345678": "+81*******678", "SHOP": "SHOP", "110": "110", "a@b.example": "a***@b.example", "": "", "0120 123 456": "+81******456"} {
		if got := maskedParty(in); got != want {
			t.Errorf("%q: %q", in, got)
		}
	}
	for in, want := range map[string]string{"call 03-1234-5678 now": "call 03-1***-*678 now", "〒100-0001": "〒100-*001", "12時30分": "12時30分", "０９０１２３４５６７８です": "０９０*****６７８です"} {
		if got := maskedText(in); got != want {
			t.Errorf("%q: %q", in, got)
		}
	}
	for in, want := range map[string]string{"https://a.example/x?y": "a[.]example/x?y", "a.example": "a[.]example"} {
		if got := safeLink(in, true); got != want {
			t.Errorf("%q: %q", in, got)
		}
	}
}
