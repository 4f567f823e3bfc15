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

	"github.com/sekisho/sekisho/auth"
	"github.com/sekisho/sekisho/indicator"
	"github.com/sekisho/sekisho/message"
)

// archive is what passed, in a test's hands.
type archive struct {
	to, from, id []Found
	entries      []indicator.Entry
	err          error
	asked        []string
	released     string
}

func (a *archive) To(_ context.Context, number string, from, until time.Time, who, _ string) ([]Found, error) {
	a.asked = append(a.asked, "to "+number+" by "+who+" back "+until.Sub(from).String())
	if strings.ContainsAny(number, "abc") {
		return nil, ErrNumber
	}
	return a.to, a.err
}
func (a *archive) From(context.Context, string, time.Time, time.Time, string, string) ([]Found, error) {
	return a.from, a.err
}
func (a *archive) ByID(context.Context, string, time.Time, time.Time, string, string) ([]Found, error) {
	return a.id, a.err
}
func (a *archive) Release(_ context.Context, id, who, why string) error {
	a.released = id + " " + who + " " + why
	return a.err
}
func (a *archive) Known(context.Context, string, int) ([]indicator.Entry, error) {
	return a.entries, a.err
}

// withPages is a console with some sources more, for somebody of some roles.
func withPages(roles auth.Role, add func(*Sources)) (*Console, *doorman) {
	s := lively()
	d := &doorman{who: auth.Signed{Person: auth.Person{ID: "p-0", Name: "Abe", Roles: roles}}}
	src := Sources{Feed: s, Counts: s, Health: s, Doorman: d}
	s.entries = make(chan Entry)
	add(&src)
	return New(Config{Location: time.FixedZone("JST", 9*3600), Now: func() time.Time { return noon }}, src), d
}

// send posts a form.
func send(c http.Handler, target string, form url.Values, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("POST", target, strings.NewReader(form.Encode()))
	r.Host = "localhost:8470"
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	c.ServeHTTP(w, r)
	return w
}

func TestCare(t *testing.T) {
	at := noon.Add(-time.Hour)
	a := &archive{to: []Found{
		{ID: "m1", Time: at, Account: "tsubame", Route: message.A2P, From: "SMBC", Outcome: message.Deliver, Did: message.Deliver, Receipt: "DELIVRD", At: at.Add(time.Minute)},
		{ID: "m2", Time: at, Account: "smsc", Route: message.P2P, Outcome: message.Hold, Did: message.Hold, Held: "held",
			Reasons: []Reason{{"dynamic-dns", [2]string{"The link <b>stands</b> on dynamic DNS.", "リンク先はダイナミックDNSです。"}, 3}}},
	}}
	c, d := withPages(auth.Care, func(s *Sources) { s.Messages, s.Search = a, a })
	if w := get(c, "/care", "Accept-Language", "ja"); w.Code != 200 || !strings.Contains(w.Body.String(), `name="number"`) {
		t.Fatal(w.Code)
	}
	ask := func(lang string, form url.Values) string {
		t.Helper()
		w := send(c, "/care", form, "Accept-Language", lang)
		if w.Code != 200 {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		return w.Body.String()
	}
	both := ask("en", url.Values{"number": {"09000123456"}, "hours": {"72"}})
	for _, want := range []string{"something was stopped here", "SMBC was passed on; the phone has had it since 2026-04-01 11:01", "it is held here", "&lt;b&gt;stands", "/care/release"} {
		if !strings.Contains(both, want) {
			t.Errorf("no %q in the answer", want)
		}
	}
	if len(a.asked) != 1 || a.asked[0] != "to 09000123456 by Abe back 72h0m0s" {
		t.Error(a.asked)
	}
	if one := ask("ja", url.Values{"number": {"09000123456"}, "sender": {"smbc"}}); !strings.Contains(one, "当方で止めたメッセージはありません") || strings.Contains(one, "m2") {
		t.Error("the sender's name does not narrow it")
	}
	if w := send(c, "/care", url.Values{"number": {"abc"}}, "Accept-Language", "en"); w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), "no telephone number") {
		t.Error(w.Code)
	}
	a.to = nil
	if none := ask("ja", url.Values{"number": {"09000123456"}}); !strings.Contains(none, "送信元へのご確認") {
		t.Error("nothing found says nothing")
	}

	release := url.Values{"id": {"m2"}, "why": {"the subscriber asked"}}
	if w := send(c, "/care/release", release); w.Code != http.StatusSeeOther || a.released != "m2 Abe the subscriber asked" {
		t.Error(w.Code, a.released)
	}
	if w := send(c, "/care/release", url.Values{"id": {"m2"}}); w.Code != http.StatusUnprocessableEntity {
		t.Errorf("without a reason: %d", w.Code)
	}
	a.err = errors.New("the SMSC answered ESME_RSYSERR")
	if w := send(c, "/care/release", release); w.Code != http.StatusConflict || strings.Contains(w.Body.String(), "RSYSERR") {
		t.Error(w.Code)
	}
	a.err, a.released = nil, ""
	if d.forged = true; send(c, "/care/release", release).Code != http.StatusForbidden || send(c, "/care", release).Code != http.StatusForbidden || a.released != "" {
		t.Error("a forged form was taken")
	}
	if d.nobody = true; send(c, "/care/release", release).Code != http.StatusUnauthorized || get(c, "/care").Header().Get("Location") != "/sign-in?to=%2Fcare" {
		t.Error("somebody who is not signed in")
	}
	for _, r := range []auth.Role{auth.Analyst, auth.Auditor, auth.Administrator} {
		c, _ := withPages(r, func(s *Sources) { s.Messages, s.Search = a, a })
		if get(c, "/care").Code != http.StatusForbidden || send(c, "/care", release).Code != http.StatusForbidden || send(c, "/care/release", release).Code != http.StatusForbidden || a.released != "" {
			t.Errorf("%s was let in", r)
		}
	}
}

func TestSearch(t *testing.T) {
	a := &archive{
		id:      []Found{{ID: "m1", Time: noon, Account: "tsubame", Route: message.A2P, From: "SMBC", Did: message.Deliver}},
		to:      []Found{{ID: "m3", Time: noon, Account: "umi", Route: message.Intl, Did: message.Block, Outcome: message.Block}},
		entries: []indicator.Entry{{ID: "e1", Kind: indicator.Host, Value: "evil.example"}, {ID: "e2", Kind: indicator.Number, Value: "+819000700111"}},
	}
	c, _ := withPages(auth.Auditor, func(s *Sources) { s.Messages, s.Search = a, a })
	ask := func(q string) string {
		t.Helper()
		w := send(c, "/search", url.Values{"q": {q}}, "Accept-Language", "en")
		if w.Code != 200 {
			t.Fatalf("%q: %d", q, w.Code)
		}
		return w.Body.String()
	}
	if get(c, "/search").Code != 200 {
		t.Error("the page")
	}
	body := ask("m1")
	if !strings.Contains(body, "SMBC") || strings.Contains(body, "m3") || !strings.Contains(body, "evil[.]example") || strings.Contains(body, "819000700111") {
		t.Error(body)
	}
	if strings.Contains(body, "/care/release") {
		t.Error("a search can deliver a message")
	}
	if body := ask("+819000123456"); !strings.Contains(body, "m3") {
		t.Error("a number's messages")
	}
	if body := ask("il-0123456789"); !strings.Contains(body, `href="/lines/il-0123456789"`) {
		t.Error("a case")
	}
	if body := ask("rp-abcdefghijklmn"); !strings.Contains(body, `href="/reports/rp-abcdefghijklmn"`) {
		t.Error("reports")
	}
	*a = archive{}
	if body := ask(`"><script>alert(1)</script>`); !strings.Contains(body, "Nothing is known") || strings.Contains(body, "<script>alert") {
		t.Error(body)
	}
	if w := send(c, "/search", url.Values{"q": {strings.Repeat("x", 2049)}}); w.Code != http.StatusUnprocessableEntity {
		t.Error(w.Code)
	}
	if c, _ := withPages(auth.Administrator, func(s *Sources) { s.Messages, s.Search = a, a }); get(c, "/search").Code != http.StatusForbidden {
		t.Error("an administrator searches")
	}
}
