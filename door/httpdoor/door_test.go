package httpdoor

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/sekisho/sekisho/inspect"
	"github.com/sekisho/sekisho/message"
	"github.com/sekisho/sekisho/settings"
)

func TestOneMessage(t *testing.T) {
	c := start(t, options{cfg: Config{Clients: []Client{{Name: "smsc-1", Mode: message.Enforce}}}})
	sent := time.Now().Add(-time.Minute).UTC().Truncate(time.Second)
	resp, body := c.post(fmt.Sprintf(`{"id":"m-1","from":"090-1234-5678","to":"+818012345678","route":"p2p","time":%q,"text":%q}`,
		sent.Format(time.RFC3339), fraud), "Accept-Language", "ja,en;q=0.5")
	if resp.StatusCode != 200 || resp.Header.Get("Content-Language") != "ja" || resp.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%s %v", resp.Status, resp.Header)
	}
	var v struct {
		ID, Class, Outcome, Do, Mode string
		Reasons                      []struct{ Rule, Why, About string }
		Links                        []struct{ Host, Domain, URL string }
		To                           *string
	}
	if err := json.Unmarshal([]byte(body), &v); err != nil {
		t.Fatal(err)
	}
	if v.ID != "m-1" || v.Class != "phishing" || v.Do != v.Outcome || v.Outcome == "deliver" || v.Mode != "enforce" || v.To != nil {
		t.Errorf("%s", body)
	}
	if len(v.Links) != 1 || v.Links[0].Host != "abcdefgh.duckdns.org" {
		t.Errorf("links: %v", v.Links)
	}
	if len(v.Reasons) == 0 || !strings.Contains(v.Reasons[0].Why, "「") {
		t.Errorf("reasons: %v", v.Reasons)
	}
	rows := c.kept.all()
	if len(rows) != 1 {
		t.Fatalf("%d records", len(rows))
	}
	r := rows[0]
	if r.Door != "http" || r.Account != "smsc-1" || r.ID != "m-1" || r.Route != message.P2P || r.From.String() != "+819012345678" ||
		r.To.String() != "+818012345678" || r.Class != message.Phishing || r.Done.String() != v.Do || len(r.Rules) == 0 ||
		!time.UnixMicro(r.Time).Equal(sent) || r.Family == 0 {
		t.Errorf("%+v", r)
	}
	if n, err := testutil.GatherAndCount(c.metrics, "sekisho_http_answers_total"); err != nil || n != 1 {
		t.Errorf("metrics: %d, %v", n, err)
	}
}

// TestManyRecipients: each is judged for himself, and nothing is told of what an opted-out one refused.
func TestManyRecipients(t *testing.T) {
	c := start(t, options{})
	_, body := c.post(fmt.Sprintf(`{"id":"m","to":["+818012345678",%q],"text":%q}`, refuser, fraud))
	var list []struct {
		ID, To         string
		Class, Skipped *string
		Do, Mode       string
		Reasons, Links []any
	}
	if err := json.Unmarshal([]byte(body), &list); err != nil || len(list) != 2 {
		t.Fatalf("%v in %s", err, body)
	}
	if list[0].To != "+818012345678" || list[0].Class == nil || len(list[0].Links) != 1 || list[0].Do != "deliver" || list[0].Mode != "observe" {
		t.Errorf("%s", body)
	}
	if list[1].To != refuser.String() || list[1].Class != nil || *list[1].Skipped != "opted-out" || len(list[1].Links)+len(list[1].Reasons) != 0 {
		t.Errorf("%s", body)
	}
	if _, body = c.post(`{"to":["+818012345678"],"text":"x"}`); body[0] != '[' {
		t.Errorf("a list of one: %s", body)
	}
	if rows := c.kept.all(); len(rows) != 3 || !rows[1].OptedOut || rows[1].Family != 0 || len(rows[1].Rules) != 0 {
		t.Errorf("%+v", rows)
	}
}

// TestTimesDoNotBypass: an old time must not pass for a message that had to wait, which would bypass judging for all.
func TestTimesDoNotBypass(t *testing.T) {
	c := start(t, options{gate: blank{}})
	old := time.Now().Add(-48 * time.Hour).Format(time.RFC3339)
	for range 8 {
		if _, body := c.post(`{"text":"x","time":"` + old + `"}`); !strings.Contains(body, `"skipped":null`) {
			t.Fatal(body)
		}
		time.Sleep(100 * time.Millisecond)
	}
	if r := c.kept.all()[0]; time.Since(time.UnixMicro(r.Time)) > time.Minute {
		t.Error("a record of the day before yesterday")
	}
}

// request of the table of problems.
type wrong struct {
	name    string
	body    string
	headers []string
}

func wrongs(c *checkpoint) []wrong {
	long := strings.Repeat("あ", maxBody/3)
	many := `{"text":"x","to":["+818000000000"` + strings.Repeat(`,"+818000000000"`, maxRecipients) + `]}`
	return []wrong{
		{"no key", `{"text":"x"}`, []string{"Authorization", ""}},
		{"a wrong key", `{"text":"x"}`, []string{"Authorization", "Bearer sk_nonsense"}},
		{"basic authentication", `{"text":"x"}`, []string{"Authorization", "Basic c2VraXNobzo="}},
		{"a key without the scope", `{"text":"x"}`, []string{"Authorization", "Bearer " + c.other}},
		{"no content type", `{"text":"x"}`, []string{"Content-Type", ""}},
		{"a form", `text=x`, []string{"Content-Type", "application/x-www-form-urlencoded"}},
		{"another charset", `{"text":"x"}`, []string{"Content-Type", "application/json; charset=Shift_JIS"}},
		{"compressed", "\x1f\x8b", []string{"Content-Encoding", "gzip"}},
		{"accepts only XML", `{"text":"x"}`, []string{"Accept", "application/xml"}},
		{"rules JSON out", `{"text":"x"}`, []string{"Accept", "*/*, application/json;q=0"}},
		{"a stream, accepting JSON", `{"text":"x"}`, []string{"Accept", "application/json", "Content-Type", mediaNDJSON}},
		{"nothing", "", nil},
		{"white space", " \n", nil},
		{"a list", `[{"text":"x"}]`, nil},
		{"a string", `"x"`, nil},
		{"no JSON", `text: x`, nil},
		{"no text", `{"id":"m1"}`, nil},
		{"an empty object", `{}`, nil},
		{"text is null", `{"text":null}`, nil},
		{"text is a number", `{"text":819012345678}`, nil},
		{"an unknown key", `{"text":"x","mode":"enforce"}`, nil},
		{"a key of another case", `{"Text":"x"}`, nil},
		{"a number for a key", `{"+819012345678":"x"}`, nil},
		{"a text for a key", `{"お荷物をお届け":"x"}`, nil},
		{"a key twice", `{"text":"x","text":"y"}`, nil},
		{"a key twice, once escaped", `{"text":"x","t\u0065xt":"y"}`, nil},
		{"cut off", `{"text":"お荷物`, nil},
		{"cut off behind a value", `{"text":"x"`, nil},
		{"a comma too many", `{"text":"x",}`, nil},
		{"no comma", `{"text":"x" "id":"y"}`, nil},
		{"no colon", `{"text" "x"}`, nil},
		{"a raw newline in a string", "{\"text\":\"a\nb\"}", nil},
		{"an unknown escape", `{"text":"a\x"}`, nil},
		{"an escape without digits", `{"text":"\u12g4...."}`, nil},
		{"a bare word", `{"text":x}`, nil},
		{"two messages", `{"text":"x"}{"text":"y"}`, nil},
		{"from is no address", `{"text":"x","from":"+090-1234-5678"}`, nil},
		{"from is too long", `{"text":"x","from":"a-sender-id-of-too-many-letters"}`, nil},
		{"to is empty", `{"text":"x","to":""}`, nil},
		{"to is no number", `{"text":"x","to":["+818012345678","+0"]}`, nil},
		{"to is an empty list", `{"text":"x","to":[]}`, nil},
		{"to is an object", `{"text":"x","to":{}}`, nil},
		{"to is a list of numbers", `{"text":"x","to":[819012345678]}`, nil},
		{"to has a comma too many", `{"text":"x","to":["+818012345678",]}`, nil},
		{"to is not closed", `{"text":"x","to":["+818012345678"`, nil},
		{"to has too many", many, nil},
		{"an unknown route", `{"text":"x","route":"P2P"}`, nil},
		{"no time", `{"text":"x","time":"yesterday"}`, nil},
		{"a time without a zone", `{"text":"x","time":"2026-04-01T09:00:00"}`, nil},
		{"a long id", `{"text":"x","id":"` + strings.Repeat("x", maxID+1) + `"}`, nil},
		{"a long body", `{"text":"` + long + `"}`, nil},
	}
}

// TestProblems compares what is said to people with testdata/problems.txt.
func TestProblems(t *testing.T) {
	c := start(t, options{})
	var out strings.Builder
	for _, w := range wrongs(c) {
		fmt.Fprintf(&out, "%s\n", w.name)
		for _, lang := range []string{"en", "ja"} {
			resp, body := c.post(w.body, append(w.headers, "Accept-Language", lang)...)
			var p problem
			if err := json.Unmarshal([]byte(body), &p); err != nil {
				t.Fatalf("%s: %v in %s", w.name, err, body)
			}
			if resp.Header.Get("Content-Type") != mediaProblem || resp.StatusCode != p.Status || resp.Header.Get("Content-Language") != lang {
				t.Errorf("%s: %s %v", w.name, resp.Status, resp.Header)
			}
			if strings.Contains(body, "9012345678") || strings.Contains(body, "お荷物") {
				t.Errorf("%s: what was asked about is told: %s", w.name, body)
			}
			if p.Status == 401 && !strings.HasPrefix(resp.Header.Get("WWW-Authenticate"), "Bearer ") {
				t.Errorf("%s: no challenge", w.name)
			}
			if lang == "en" {
				fmt.Fprintf(&out, "  %d %s\n", p.Status, strings.TrimPrefix(p.Type, typePrefix))
			}
			fmt.Fprintf(&out, "  %s: %s\n", p.Title, p.Detail)
		}
	}
	if n := len(c.kept.all()); n != 0 {
		t.Errorf("%d records of what was not judged", n)
	}
	golden(t, "testdata/problems.txt", out.String())
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	g, w := strings.Split(got, "\n"), strings.Split(string(want), "\n")
	for i := range max(len(g), len(w)) {
		switch {
		case i >= len(g):
			t.Fatalf("%s line %d: missing %s", path, i+1, w[i])
		case i >= len(w) || g[i] != w[i]:
			t.Fatalf("%s line %d: got %s\n(go test ./door/httpdoor -update rewrites it)", path, i+1, g[i])
		}
	}
}

// TestProblemsOfAll sees to it that every sentence is there, in both languages.
func TestProblemsOfAll(t *testing.T) {
	for _, k := range []*kind{unauthorized, forbidden, overRate, clientStreams, allStreams, stopping, notFound, wrongMethod, wrongType,
		wrongCoding, notAcceptable, slowBody, longBody, brokenBody, noDuplex, slowLine, streamOver} {
		for lang := range k.detail {
			if k.title[lang] == "" || k.detail[lang] == "" || k.status < 400 || k.name == "" {
				t.Errorf("%s, language %d: incomplete", k.name, lang)
			}
		}
	}
}

func TestOtherPaths(t *testing.T) {
	c := start(t, options{})
	for _, x := range []struct {
		method, path string
		status       int
		allow        string
	}{
		{"GET", judgePath, 405, "POST"},
		{"DELETE", judgePath, 405, "POST"},
		{"POST", documentPath, 405, "GET, HEAD"},
		{"GET", "/v1/", 404, ""},
		{"POST", judgePath + "/", 404, ""},
		{"GET", documentPath, 200, ""},
		{"HEAD", documentPath, 200, ""},
	} {
		r, _ := http.NewRequest(x.method, c.url+x.path, nil)
		resp, body := c.do(r)
		if resp.StatusCode != x.status || resp.Header.Get("Allow") != x.allow {
			t.Errorf("%s %s: %s, Allow %q", x.method, x.path, resp.Status, resp.Header.Get("Allow"))
		}
		if x.status >= 400 && !json.Valid([]byte(body)) {
			t.Errorf("%s %s: %s", x.method, x.path, body)
		}
	}
}

func TestRate(t *testing.T) {
	c := start(t, options{cfg: Config{Rate: 0.5, Burst: 2}})
	for i, want := range []int{200, 200, 429} {
		resp, body := c.post(`{"text":"x"}`)
		if resp.StatusCode != want {
			t.Errorf("message %d: %s %s", i+1, resp.Status, body)
		}
		if want == 429 && resp.Header.Get("Retry-After") != "3" {
			t.Errorf("Retry-After: %q", resp.Header.Get("Retry-After"))
		}
	}
	if err := c.Reload(Config{Rate: -1}); err == nil {
		t.Error("a negative rate is taken")
	}
	if err := c.Reload(Config{}); err != nil {
		t.Fatal(err)
	}
	if resp, _ := c.post(`{"text":"x"}`); resp.StatusCode != 200 {
		t.Errorf("without a limit: %s", resp.Status)
	}
}

// TestBodies: bodies that do not come, come too slowly, or are longer than they say.
func TestBodies(t *testing.T) {
	c := start(t, options{cfg: Config{Read: settings.Duration{Duration: 300 * time.Millisecond}}})
	begun := time.Now()
	slow, _ := io.Pipe()
	if resp, body := c.do(c.request(t.Context(), slow)); resp.StatusCode != 408 || !strings.Contains(body, ":timeout") {
		t.Errorf("a slow body: %s %s", resp.Status, body)
	}
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("a slow body held us up for %v", took)
	}
	endless := func() io.Reader { return io.MultiReader(strings.NewReader(`{"text":"`), nines{}) }
	if resp, body := c.do(c.request(t.Context(), endless())); resp.StatusCode != 413 || !strings.Contains(body, ":too-long") {
		t.Errorf("an endless body: %s %s", resp.Status, body)
	}
	if resp, _ := c.do(c.request(t.Context(), io.LimitReader(endless(), maxBody+1))); resp.StatusCode != 413 {
		t.Errorf("a body an octet too long: %s", resp.Status)
	}
	whole := `{"text":"` + strings.Repeat("x", maxBody-len(`{"text":""}`)) + `"}`
	if resp, body := c.post(whole); resp.StatusCode != 200 {
		t.Errorf("as long as may be: %s %s", resp.Status, body)
	}
	wrongKey := c.request(t.Context(), endless(), "Authorization", "Bearer no")
	if resp, _ := c.do(wrongKey); resp.StatusCode != 401 {
		t.Errorf("an endless body with a wrong key: %s", resp.Status)
	}
}

// nines goes on for ever.
type nines struct{}

func (nines) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = '9'
	}
	return len(p), nil
}

func TestStopping(t *testing.T) {
	c := start(t, options{})
	c.Stop()
	c.Stop()
	if resp, _ := c.post(`{"text":"x"}`); resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" {
		t.Errorf("%s %v", resp.Status, resp.Header)
	}
}

func TestConfig(t *testing.T) {
	for _, c := range []struct {
		cfg  Config
		want string
	}{
		{Config{}, ""},
		{Default(), ""},
		{Config{Streams: -1}, "http.streams: the number of streams at once is above 0"},
		{Config{Rate: -1}, "http: rate and burst are 0 or above"},
		{Config{Read: settings.Duration{Duration: -1}}, "http: read, write and stream_for are durations above 0"},
		{Config{Clients: []Client{{}}}, "http.client 1: it needs the name that stands on its API keys"},
		{Config{Clients: []Client{{Name: "a"}, {Name: "a"}}}, `http.client "a": there are two of this name`},
		{Config{Clients: []Client{{Name: "a", Burst: -1}}}, `http.client "a": rate, burst and streams are 0 or above`},
	} {
		got := ""
		if err := c.cfg.Check(); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

func TestHeaders(t *testing.T) {
	for _, c := range []struct {
		header string
		want   inspect.Language
	}{
		{"", inspect.English}, {"ja", inspect.Japanese}, {"ja-JP,ja;q=0.9,en;q=0.8", inspect.Japanese}, {"en-US,ja;q=0.9", inspect.English},
		{"fr, ja;q=0.1", inspect.Japanese}, {"fr", inspect.English}, {"ja;q=0, *", inspect.English}, {"ja;q=x", inspect.English},
		{"JA", inspect.Japanese}, {";;;,,,=;q", inspect.English}, {"ja;q=NaN", inspect.English}, {"javanese", inspect.English},
	} {
		if got := language(http.Header{"Accept-Language": {c.header}}); got != c.want {
			t.Errorf("Accept-Language %q: %d", c.header, got)
		}
	}
	for _, c := range []struct {
		header string
		want   bool
	}{
		{"*/*", true}, {"application/json", true}, {"application/*;q=0.1", true}, {"text/html, */*;q=0.1", true}, {"text/html", false},
		{"*/*, application/json;q=0", false}, {"application/*;q=0, application/json", true}, {"APPLICATION/JSON", true}, {"", false},
	} {
		if got := accepts(http.Header{"Accept": {c.header}}, mediaJSON); got != c.want {
			t.Errorf("Accept %q: %t", c.header, got)
		}
	}
	for header, want := range map[string]string{
		"application/json": mediaJSON, "Application/JSON; charset=UTF-8": mediaJSON, `application/json;charset="utf-8"`: mediaJSON,
		"application/x-ndjson": mediaNDJSON, "application/jsonx": "", "text/plain": "", "": "", "application/json; charset=utf-16": "",
	} {
		if got := bodyType(http.Header{"Content-Type": {header}}); got != want {
			t.Errorf("Content-Type %q: %q", header, got)
		}
	}
}
