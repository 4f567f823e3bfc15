package console

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/sekisho/sekisho/auth"
)

// machine is a program in a test's hands.
type machine struct {
	did string
	err error
}

func (m *machine) Running(context.Context) (Running, error) {
	return Running{Version: "1.2.3", Started: noon, Doors: []Door{{"SMPP", "127.0.0.1:2775"}}, Config: "[smpp]\npassword = '<b>'",
		Checks: []Check{{"SMSC", ""}, {"stream", "it is away"}}, Heap: 300 << 20, Judged: 1234567}, m.err
}
func (m *machine) Bypass(_ context.Context, on bool, who, why string) error {
	m.did = map[bool]string{true: "on", false: "off"}[on] + " " + who + " " + why
	return m.err
}
func (m *machine) Reload(_ context.Context, who string) error {
	m.did = "reload " + who
	return m.err
}

func TestSystem(t *testing.T) {
	m := &machine{}
	c, d := withPages(auth.Administrator, func(s *Sources) { s.System = m })
	for lang, want := range map[string]string{"en": "1 things are not well", "ja": "1 件の問題があります"} {
		page := get(c, "/system", "Accept-Language", lang).Body.String()
		for _, w := range []string{want, "1.2.3", "it is away", "1,234,567", "300 MB", "&lt;b&gt;", "127.0.0.1:2775"} {
			if !strings.Contains(page, w) {
				t.Errorf("%s: no %q", lang, w)
			}
		}
	}
	if w := send(c, "/system/bypass", url.Values{"to": {"on"}, "why": {"the SMSC is slow"}}); w.Code != http.StatusSeeOther || m.did != "on Abe the SMSC is slow" {
		t.Error(w.Code, m.did)
	}
	if w := send(c, "/system/bypass", url.Values{"to": {"off"}, "why": {"mended"}}); w.Code != http.StatusSeeOther || m.did != "off Abe mended" {
		t.Error(w.Code, m.did)
	}
	m.did = ""
	if w := send(c, "/system/bypass", url.Values{"to": {"on"}}); w.Code != http.StatusUnprocessableEntity || m.did != "" {
		t.Error("bypass without a reason")
	}
	if w := send(c, "/system/reload", nil); w.Code != http.StatusSeeOther || m.did != "reload Abe" {
		t.Error(w.Code, m.did)
	}
	m.err = errors.New("policy.toml line 3: no such rule")
	if w := send(c, "/system/reload", nil); w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), "line 3") {
		t.Error(w.Code)
	}
	m.err, m.did = nil, ""
	if d.forged = true; send(c, "/system/bypass", url.Values{"to": {"on"}, "why": {"x"}}).Code != http.StatusForbidden || m.did != "" {
		t.Error("a forged form")
	}
	c, _ = withPages(auth.Analyst|auth.Auditor, func(s *Sources) { s.System = m })
	if w := get(c, "/system"); w.Code != 200 || strings.Contains(w.Body.String(), "/system/bypass") {
		t.Error("who may only look")
	}
	for _, target := range []string{"/system/bypass", "/system/reload"} {
		if send(c, target, url.Values{"to": {"on"}, "why": {"x"}}).Code != http.StatusForbidden || m.did != "" {
			t.Errorf("%s by one who may not", target)
		}
	}
	if c, _ := withPages(auth.Care, func(s *Sources) { s.System = m }); get(c, "/system").Code != http.StatusForbidden {
		t.Error("care looks")
	}
}
