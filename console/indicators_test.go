package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sekisho/sekisho/audit"
	"github.com/sekisho/sekisho/auth"
	"github.com/sekisho/sekisho/indicator"
)

type fakeRegister struct {
	said
	rows  []IndicatorRow
	page  IndicatorPage
	found IndicatorsFound
	err   error
}

func (f *fakeRegister) IndicatorTallies(context.Context) ([]IndicatorTally, error) {
	return []IndicatorTally{{"host", "reports", "active", 1200, 40, 2}, {"number", "reports", "proposed", 3, 0, 0}, {"host", "police-list", "withdrawn", 5, 1, 4}}, f.err
}
func (f *fakeRegister) Indicators(_ context.Context, x IndicatorFilter, limit int) ([]IndicatorRow, error) {
	f.add("list", x.Status, x.Kind.String(), x.After)
	var all []IndicatorRow
	for len(f.rows) > 0 && len(all) < limit {
		all = append(all, f.rows[len(all)%len(f.rows)])
	}
	return all, f.err
}
func (f *fakeRegister) FindIndicators(_ context.Context, value string) (IndicatorsFound, error) {
	f.add("find", value)
	return f.found, f.err
}
func (f *fakeRegister) Indicator(_ context.Context, id string) (IndicatorPage, error) {
	if id != f.page.ID {
		return IndicatorPage{}, ErrNotFound
	}
	return f.page, f.err
}
func (f *fakeRegister) AddIndicator(_ context.Context, w WantedIndicator, who, why string) error {
	f.add("add", fmt.Sprint(w), who, why)
	return f.err
}
func (f *fakeRegister) MoveIndicator(_ context.Context, id string, to indicator.Status, meant bool, who, why string) error {
	f.add("move", id, to.String(), fmt.Sprint(meant), who, why)
	return f.err
}
func (f *fakeRegister) FeedStates(context.Context) []FeedState {
	return []FeedState{{Name: "jpcert", Licence: "CC BY", Taken: noon.Add(-time.Hour), Tried: noon, Entries: 4321, Failed: "line 3: <b>bad</b>"}, {Name: "mine"}}
}
func (f *fakeRegister) FetchFeed(_ context.Context, name, who string) error {
	f.add("fetch", name, who)
	return f.err
}
func (f *fakeRegister) Partners(context.Context) (Partners, error) {
	return Partners{Since: noon.Add(-time.Hour), Public: true, All: []Partner{{Name: "bank-isac", TLP: "amber", Kinds: []string{"url", "host"}, PerDay: 500, Gives: true, Webhook: true, Today: 12, Month: 3456, Last: noon}, {Name: "police"}}}, f.err
}

func exampleRegister() *fakeRegister {
	e := indicator.Entry{ID: "6f0c", Kind: indicator.Host, Value: "<b>bad.example", Source: "reports", TLP: indicator.TLPGreen, Confidence: 80, First: noon.Add(-48 * time.Hour), Last: noon.Add(-48 * time.Hour),
		Right: 7, Wrong: 1, Status: indicator.Proposed, Changed: noon, By: "policy", Why: "a person has to agree: <b>bad</b>", Campaign: 0xabc}
	n := indicator.Entry{ID: "77aa", Kind: indicator.Number, Value: "+815012345678", Role: indicator.RoleCallback, Source: "people", Status: indicator.Active, Changed: noon, Last: noon, By: "Abe", Why: "w"}
	return &fakeRegister{rows: []IndicatorRow{{Entry: e, Spared: true}, {Entry: n}},
		page:  IndicatorPage{IndicatorRow: IndicatorRow{Entry: e, Spared: true}, Until: noon, Reports: "rp-aaaaaaaaaaaaaa", Read: 20000, History: []audit.Entry{{Time: noon.UnixMicro(), Actor: "Abe", Act: "indicator-change", Why: "active: <b>bad</b>"}}},
		found: IndicatorsFound{Rows: []IndicatorRow{{Entry: n}}, Listed: []indicator.Hit{{Bad: true, Source: "list-one"}, {Bad: true, Good: true, Source: "list-two"}, {Good: true}}}}
}

func TestIndicatorsPage(t *testing.T) {
	never := []string{"5012345678", "<b>bad"}
	for _, lang := range []string{"ja", "en"} {
		f := exampleRegister()
		c := consoleOf(Sources{Indicators: f}, auth.Auditor, false)
		body := whole(t, get(c, "/indicators", "Accept-Language", lang), 200, never...)
		for _, want := range []string{"1,200", "police-list", "20.0%", "bad[.]example", "jpcert", "4,321", "CC BY", "bank-isac", "3,456", "&#43;81*******678"} {
			if !strings.Contains(body, want) {
				t.Errorf("%s: no %q", lang, want)
			}
		}
		if strings.Contains(body, "/move") || strings.Contains(body, "/fetch") || strings.Contains(body, "/add") {
			t.Errorf("%s: the auditor can change", lang)
		}
		for _, path := range []string{"/indicators?status=active&after=6f0c", "/indicators?kind=number", "/indicators?status=all", "/indicators?status=nonsense", "/indicators/6f0c"} {
			body := whole(t, get(c, path, "Accept-Language", lang), 200, never...)
			if strings.Contains(path, "?kind=") && !strings.Contains(body, "kind=number&amp;after=") {
				t.Errorf("%s: no next page", path)
			}
		}
		found := whole(t, send(c, "/indicators/search", url.Values{"value": {"+815012345678"}}, "Accept-Language", lang), 200, never...)
		if !strings.Contains(found, "list-one") || !strings.Contains(found, "list-two") || !strings.Contains(found, "/indicators/77aa") {
			t.Errorf("%s: what was found is not shown", lang)
		}
		f.found = IndicatorsFound{}
		whole(t, send(c, "/indicators/search", url.Values{"value": {"x"}}, "Accept-Language", lang), 200)
		whole(t, send(c, "/indicators/search", url.Values{}, "Accept-Language", lang), 422)
		f.rows = nil
		whole(t, get(c, "/indicators?status=expired", "Accept-Language", lang), 200)
		if w := get(c, "/indicators/none"); w.Code != http.StatusNotFound {
			t.Errorf("one that is not there: %d", w.Code)
		}
		whole(t, get(consoleOf(Sources{Indicators: exampleRegister()}, auth.Analyst, false), "/indicators", "Accept-Language", lang), 200, never...)
		whole(t, get(consoleOf(Sources{Indicators: exampleRegister()}, auth.Analyst, false), "/indicators/6f0c", "Accept-Language", lang), 200, never...)
	}
	if w := get(consoleOf(Sources{Indicators: exampleRegister()}, auth.Care, false), "/indicators"); w.Code != http.StatusForbidden {
		t.Errorf("customer care: %d", w.Code)
	}
}

func TestIndicatorsChange(t *testing.T) {
	add := func(pairs ...string) url.Values {
		form := url.Values{"kind": {"host"}, "value": {"hxxp://bad[.]example"}, "role": {""}, "tlp": {"green"}, "confidence": {"90"}, "why": {"w"}}
		for i := 0; i < len(pairs); i += 2 {
			form.Set(pairs[i], pairs[i+1])
		}
		return form
	}
	move := url.Values{"to": {"withdrawn"}, "why": {"a shop"}}
	for _, x := range []struct {
		name, path string
		form       url.Values
		roles      auth.Role
		forged     bool
		err        error
		code       int
		said       string
	}{
		{"add", "/indicators/add", add("value", "bad.example"), auth.Analyst, false, nil, 303, "add | {host bad.example  green 90 false} | Abe | w"},
		{"meant", "/indicators/add", add("value", "bad[.]example", "meant", "yes"), auth.Analyst, false, nil, 303, "add | {host bad.example  green 90 true} | Abe | w"},
		{"number", "/indicators/add", add("kind", "number", "value", "+815012345678", "role", "callback"), auth.Analyst, false, nil, 303, "add | {number +815012345678 callback green 90 false} | Abe | w"},
		{"spared", "/indicators/add", add("value", "bad.example"), auth.Analyst, false, ErrSpared, 422, "add"},
		{"bad kind", "/indicators/add", add("kind", "x"), auth.Analyst, false, nil, 422, ""},
		{"bad value", "/indicators/add", add("value", "no host at all"), auth.Analyst, false, nil, 422, ""},
		{"bad role", "/indicators/add", add("value", "a.example", "role", "x"), auth.Analyst, false, nil, 422, ""},
		{"bad TLP", "/indicators/add", add("value", "a.example", "tlp", "x"), auth.Analyst, false, nil, 422, ""},
		{"bad confidence", "/indicators/add", add("value", "a.example", "confidence", "101"), auth.Analyst, false, nil, 422, ""},
		{"no reason", "/indicators/add", add("value", "a.example", "why", " "), auth.Analyst, false, nil, 422, ""},
		{"auditor adds", "/indicators/add", add("value", "a.example"), auth.Auditor, false, nil, 403, ""},
		{"forged", "/indicators/add", add("value", "a.example"), auth.Analyst, true, nil, 403, ""},
		{"withdraw", "/indicators/6f0c/move", move, auth.Analyst, false, nil, 303, "move | 6f0c | withdrawn | false | Abe | a shop"},
		{"agree", "/indicators/6f0c/move", url.Values{"to": {"active"}, "why": {"seen"}, "meant": {"yes"}}, auth.Analyst, false, nil, 303, "move | 6f0c | active | true | Abe | seen"},
		{"to expired", "/indicators/6f0c/move", url.Values{"to": {"expired"}, "why": {"x"}}, auth.Analyst, false, nil, 422, ""},
		{"auditor withdraws", "/indicators/6f0c/move", move, auth.Auditor, false, nil, 403, ""},
		{"not there", "/indicators/6f0c/move", move, auth.Analyst, false, ErrNotFound, 404, "move"},
		{"withdraw without a reason", "/indicators/6f0c/move", url.Values{"to": {"withdrawn"}}, auth.Analyst, false, nil, 422, ""},
		{"fetch", "/indicators/feeds/jpcert/fetch", url.Values{}, auth.Analyst, false, nil, 303, "fetch | jpcert | Abe"},
		{"auditor fetches", "/indicators/feeds/jpcert/fetch", url.Values{}, auth.Auditor, false, nil, 403, ""},
		{"fetch, forged", "/indicators/feeds/jpcert/fetch", url.Values{}, auth.Analyst, true, nil, 403, ""},
		{"search, forged", "/indicators/search", url.Values{"value": {"x"}}, auth.Analyst, true, nil, 403, ""},
		{"broken", "/indicators/6f0c/move", move, auth.Analyst, false, errors.New("x"), 500, "move"},
	} {
		f := exampleRegister()
		f.err = x.err
		w := send(consoleOf(Sources{Indicators: f}, x.roles, x.forged), x.path, x.form, "Accept-Language", "en")
		if got := strings.Join(f.said, "; "); w.Code != x.code || !strings.HasPrefix(got, x.said) || x.said == "" && got != "" {
			t.Errorf("%s: %d, and the source heard %q", x.name, w.Code, got)
		}
		if strings.Contains(w.Header().Get("Location"), "5012345678") {
			t.Errorf("%s: a number in an address", x.name)
		}
	}
}
