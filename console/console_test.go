package console

import (
	"context"
	"errors"
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sekisho/sekisho/auth"
	"github.com/sekisho/sekisho/message"
	"github.com/sekisho/sekisho/subject"
)

var update = flag.Bool("update", false, "rewrite testdata")

// noon is when all tests happen.
var noon = time.Date(2026, 4, 1, 3, 0, 0, 0, time.UTC)

// source is all that a console needs, in a test's hands.
type source struct {
	entries chan Entry
	minutes []Minute
	status  Status
	err     error
	asked   int
}

func (s *source) Subscribe(context.Context) <-chan Entry { return s.entries }
func (s *source) Status() Status                         { return s.status }
func (s *source) Minutes(context.Context, int) ([]Minute, error) {
	s.asked++
	return s.minutes, s.err
}

// doorman knows one person, or nobody.
type doorman struct {
	who    auth.Signed
	nobody bool
	forged bool  // what is sent comes from elsewhere
	why    error // why nobody can sign in
}

func (d *doorman) Who(*http.Request) (auth.Signed, error) {
	if d.nobody {
		return auth.Signed{}, auth.ErrNobody
	}
	return d.who, nil
}
func (d *doorman) Changes(*http.Request, *auth.Signed) bool { return !d.forged }
func (d *doorman) Handler() http.Handler                    { return http.NotFoundHandler() }
func (d *doorman) Why() error                               { return d.why }

func newConsole(cfg Config, s *source) *Console {
	cfg.Location = time.FixedZone("JST", 9*3600)
	if cfg.Now == nil {
		cfg.Now = func() time.Time { return noon }
	}
	if s.entries == nil {
		s.entries = make(chan Entry, 100)
	}
	return New(cfg, Sources{Feed: s, Counts: s, Health: s, Doorman: &doorman{who: auth.Signed{Person: auth.Person{ID: "p-0", Name: "Abe", Roles: auth.Everybody}}}})
}

func address(t testing.TB, s string) subject.Address {
	a, err := subject.ParseAddress(s, subject.Japan)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// examples are a stopped, a labelled and a delivered entry, the oldest first.
func examples(t testing.TB) []Entry {
	to := address(t, "+819000123456")
	return []Entry{
		{ID: "1", Time: noon.Add(-3 * time.Second), Route: message.A2P, Account: "hibari", From: address(t, "0005123456"), To: to,
			Class: message.Ham, Outcome: message.Deliver, Do: message.Deliver, Mode: Enforce, Text: "明日10時のご予約です。"},
		{ID: "2", Time: noon.Add(-2 * time.Second), Route: message.Intl, Account: "umi", From: address(t, "+15555550123"), To: to,
			Class: message.Spam, PBad: 0.83, Outcome: message.Label, Do: message.Label, Mode: Enforce, Text: "日給50,000円"},
		{ID: "3", Time: noon.Add(-time.Second), Route: message.P2P, Account: "smsc", From: address(t, "+817000765432"), To: to,
			Class: message.Phishing, PPhishing: 0.9997, PBad: 0.9998, Outcome: message.Block, Do: message.Block, Mode: Enforce,
			Reasons: []Reason{
				{"sender-rate", [2]string{"This line wrote to 14 people within a minute.", "この回線は1分間に14人へ送信しています。"}, 1},
				{"dynamic-dns", [2]string{"The link stands on dynamic DNS.", "リンク先はダイナミックDNSです。"}, 3},
			}, Text: "不在の為<b>荷物</b>を持ち帰りました http://qwrtzpsd.duckdns.org"},
	}
}

func lively() *source {
	s := &source{status: Status{Mode: Enforce, Judging: Delay{9 * time.Microsecond, 1300 * time.Microsecond},
		Queues: []Queue{{"records", 14, 8192, 0}, {"stream", 8000, 8192, 3}},
		Binds:  []Bind{{"tsubame", false, 2, 0}, {"umi", false, 0, 0}, {"smsc", true, 3, 4}}}}
	for i := range 60 {
		m := Minute{Start: noon.Truncate(time.Minute).Add(time.Duration(i-59) * time.Minute)}
		m.Totals[message.P2P][message.Deliver] = 1000
		m.Totals[message.P2P][message.Block] = uint64(i % 7)
		m.Totals[message.A2P][message.OutcomeUnset] = 1
		s.minutes = append(s.minutes, m)
	}
	return s
}

// fill gives the console entries and five seconds of counts, as Run would.
func fill(t testing.TB, c *Console, s *source, entries []Entry) {
	c.hub.sample(noon.Add(-6*time.Second), s.status)
	s.status.Totals[message.P2P][message.Deliver] += 1234
	s.status.Totals[message.P2P][message.Block] += 1
	c.hub.sample(noon, s.status)
	var b batch
	for _, e := range entries {
		if !c.cfg.Try {
			e.Text = ""
		}
		b.add(e)
	}
	c.tell(&b)
}

func get(c http.Handler, target string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("GET", target, nil)
	r.Host = "localhost:8470"
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			r.Host = header[i+1]
			continue
		}
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	c.ServeHTTP(w, r)
	return w
}

var digest = regexp.MustCompile(`\?v=[0-9a-f]{12}`)

func TestPages(t *testing.T) {
	tests := []struct {
		name   string
		try    bool
		lang   string
		change func(*Status, []Entry) []Entry
	}{
		{"try-ja", true, "ja", func(_ *Status, e []Entry) []Entry { return e }},
		{"observe-en", false, "en", func(s *Status, e []Entry) []Entry {
			s.Mode = Observe
			for i := range e {
				e[i].Mode, e[i].Do = Observe, message.Deliver
			}
			return e
		}},
		{"bypass-en", true, "en", func(s *Status, e []Entry) []Entry {
			s.Bypass, s.BypassItself, s.BypassSince = true, true, noon.Add(-time.Minute)
			e[2].Do, e[2].Bypass = message.Deliver, true
			e[0].Unjudged = true
			return e
		}},
		{"empty-ja", false, "ja", func(s *Status, e []Entry) []Entry {
			*s = Status{}
			return nil
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := lively()
			entries := tt.change(&s.status, examples(t))
			c := newConsole(Config{Try: tt.try, Version: "0.0.0"}, s)
			fill(t, c, s, entries)
			target := "/"
			if tt.name == "observe-en" {
				target = "/?span=15"
			}
			w := get(c, target, "Accept-Language", tt.lang)
			if w.Code != 200 {
				t.Fatal(w.Code, w.Body)
			}
			got := digest.ReplaceAllString(w.Body.String(), "?v=DIGEST")
			for _, secret := range []string{"9000123456", "7000765432", "<b>荷物"} {
				if strings.Contains(got, secret) {
					t.Errorf("%s stands in the page", secret)
				}
			}
			if !tt.try && strings.Contains(got, "ご予約") {
				t.Error("a text stands in the page")
			}
			if inline := regexp.MustCompile(`(?i)<style|style=|<script>|\son[a-z]+=|javascript:`).FindString(got); inline != "" {
				t.Errorf("%q, which the content security policy forbids", inline)
			}
			golden(t, tt.name+".html", got)
		})
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs from what is served; look, and run: go test ./console -update", file)
	}
}

func TestHosts(t *testing.T) {
	tests := []struct {
		origin string
		try    bool
		host   string
		code   int
		to     string
	}{
		{"", true, "localhost:8470", 200, ""},
		{"", true, "LOCALHOST", 200, ""},
		{"", true, "127.0.0.1:8470", 307, "http://localhost:8470/?span=5"},
		{"", true, "[::1]:8470", 307, "http://localhost:8470/?span=5"},
		{"", false, "127.0.0.1:8470", 200, ""},
		{"", false, "[::1]", 200, ""},
		{"", true, "evil.example", 421, ""},
		{"", true, "localhost.evil.example:8470", 421, ""},
		{"", true, "127.0.0.1.nip.example", 421, ""},
		{"", true, "", 421, ""},
		{"https://sekisho.example.jp", false, "sekisho.example.jp", 200, ""},
		{"https://sekisho.example.jp", false, "sekisho.example.jp.", 200, ""},
		{"https://sekisho.example.jp", false, "other.example.jp", 421, ""},
	}
	for _, tt := range tests {
		c := newConsole(Config{Origin: tt.origin, Try: tt.try}, lively())
		w := get(c, "/?span=5", "Host", tt.host)
		if w.Code != tt.code || w.Header().Get("Location") != tt.to {
			t.Errorf("%q for %q: %d %q", tt.host, tt.origin, w.Code, w.Header().Get("Location"))
		}
	}
}

func TestHeaders(t *testing.T) {
	c := newConsole(Config{Origin: "https://sekisho.example.jp"}, lively())
	for _, target := range []string{"/", "/figures", "/static/console.css", "/nowhere"} {
		h := get(c, target).Header()
		csp := h.Get("Content-Security-Policy")
		if !strings.HasPrefix(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") || h.Get("X-Content-Type-Options") != "nosniff" ||
			h.Get("X-Frame-Options") != "DENY" || h.Get("Strict-Transport-Security") == "" || h.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %v", target, h)
		}
	}
	r := httptest.NewRequest("POST", "/", nil)
	r.Host = "localhost"
	w := httptest.NewRecorder()
	if c.ServeHTTP(w, r); w.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", w.Code)
	}
	v := &view{}
	if w := get(c, v.Asset("console.js")); !strings.Contains(w.Header().Get("Cache-Control"), "immutable") || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/javascript") {
		t.Errorf("asset: %v", w.Header())
	}
	for _, target := range []string{"/events", "/figures"} {
		if w := get(c, target, "Sec-Fetch-Site", "cross-site"); w.Code != http.StatusForbidden {
			t.Errorf("%s from elsewhere: %d", target, w.Code)
		}
	}
}

func TestLanguage(t *testing.T) {
	for header, want := range map[string]Language{
		"": Japanese, "ja": Japanese, "en-GB,ja;q=0.5": English, "en;q=0.3, ja-JP;q=0.9": Japanese, "fr": English, "ja;q=x,en;q=0.1": English,
	} {
		if got := accepted(header); got != want {
			t.Errorf("%q: %s", header, got)
		}
	}
	c := newConsole(Config{}, lively())
	w := get(c, "/?span=5&lang=en")
	cookies := w.Result().Cookies()
	if w.Code != http.StatusSeeOther || len(cookies) != 1 || cookies[0].Value != "en" || w.Header().Get("Location") != "/?span=5" || !cookies[0].HttpOnly {
		t.Fatalf("%d %v", w.Code, cookies)
	}
	if w := get(c, "/", "Cookie", "lang=en", "Accept-Language", "ja"); !strings.Contains(w.Body.String(), `<html lang="en">`) {
		t.Error("the cookie does not count")
	}
	if w := get(c, "/?lang=xx"); w.Code != 200 {
		t.Errorf("an unknown language: %d", w.Code)
	}
}

// Every phrase that the page asks for is there, in both languages.
func TestPhrases(t *testing.T) {
	var keys []string
	sources, err := filepath.Glob("*.*")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range sources {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?:\.Tf? |\.Tf?\(|Sorry\([\w.]+, )"([^"]+)"[^+]`).FindAllSubmatch(b, -1) {
			keys = append(keys, string(m[1]))
		}
		for _, m := range regexp.MustCompile(`\?done=(\w+)`).FindAllSubmatch(b, -1) {
			keys = append(keys, "done."+string(m[1]))
		}
	}
	for r := message.P2P; r < message.Routes; r++ {
		keys = append(keys, r.String())
	}
	for o := message.Deliver; o < message.Outcomes; o++ {
		keys = append(keys, o.String(), o.String()+".would")
	}
	for _, m := range []Mode{Observe, Warn, Enforce, Mixed} {
		keys = append(keys, "mode."+string(m), "say."+string(m))
	}
	for _, k := range keys {
		if p := phrases[k]; p[English] == "" || p[Japanese] == "" {
			t.Errorf("%s: %q", k, p)
		}
	}
}

func TestBrokenCounts(t *testing.T) {
	s := lively()
	s.err = errors.New("the store is away")
	c := newConsole(Config{}, s)
	for range 5 {
		w := get(c, "/figures?span=60", "Accept-Language", "en")
		if w.Code != 200 || !strings.Contains(w.Body.String(), "cannot be read") || strings.Contains(w.Body.String(), "away") {
			t.Fatal(w.Code, w.Body)
		}
	}
	if s.asked != 1 {
		t.Errorf("a store in trouble was asked %d times", s.asked)
	}
	if w := get(c, "/figures?span=5"); strings.Contains(w.Body.String(), "cannot") {
		t.Error("the last five minutes need no store")
	}
}

func TestNumbers(t *testing.T) {
	for n, want := range map[uint64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567"} {
		if got := number(n); got != want {
			t.Errorf("%d: %s", n, got)
		}
	}
	for p, want := range map[float64]string{0: "0.0%", 0.0004: "<0.1%", 0.5: "50.0%", 0.9996: ">99.9%", 1: "100.0%"} {
		if got := percent(p); got != want {
			t.Errorf("%v: %s", p, got)
		}
	}
	for n, want := range map[uint64]uint64{0: 5, 5: 5, 6: 10, 11: 20, 21: 50, 501: 1000} {
		if got := nice(n); got != want {
			t.Errorf("%d: %d", n, got)
		}
	}
}

func TestMeter(t *testing.T) {
	var m meter
	var s Status
	at := noon
	m.add(at, s)
	for range 20 {
		at = at.Add(time.Second)
		s.Totals[message.P2P][message.Deliver] += 30
		m.add(at, s)
	}
	sum := m.sum()
	if m.rate() != 30 || sum.total() != 600 {
		t.Errorf("%v a second, %d in all", m.rate(), sum.total())
	}
	// Whoever counts has begun anew: that is no message.
	s.Totals = Totals{}
	m.add(at.Add(time.Second), s)
	if sum := m.sum(); sum.total() != 600 {
		t.Errorf("%d after a restart", sum.total())
	}
	// Four minutes without a look: what is older than five is gone, the rest stays.
	m.add(at.Add(4*time.Minute), s)
	if sum := m.sum(); sum.total() != 600 {
		t.Errorf("%d after four minutes", sum.total())
	}
	m.add(at.Add(6*time.Minute), s)
	if sum := m.sum(); sum.total() != 0 {
		t.Errorf("%d after six minutes", sum.total())
	}
}

func BenchmarkPage(b *testing.B) {
	s := lively()
	c := newConsole(Config{Try: true}, s)
	for range 15 {
		fill(b, c, s, examples(b))
	}
	b.ReportAllocs()
	var size int
	for b.Loop() {
		size = get(c, "/").Body.Len()
	}
	b.ReportMetric(float64(size), "bytes/page")
}
