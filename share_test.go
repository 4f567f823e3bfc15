package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/sekisho/sekisho/share/prefix"
	"github.com/sekisho/sekisho/share/webhook"
)

// What a person agreed to goes out by every form, to each partner what he may have, and comes back out when it is withdrawn; a partner's own come in.
func TestShare(t *testing.T) {
	s := configured(t)
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	zoneAt := udp.LocalAddr().String()
	udp.Close()
	type hook struct {
		header http.Header
		body   string
	}
	hooks := make(chan hook, 10)
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		hooks <- hook{r.Header, string(b)}
	}))
	defer srv.Close()
	const secret = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
	write(t, filepath.Join(s.dir, "b.secret"), secret+"\n")
	write(t, s.file, s.read()+fmt.Sprintf(`
[[share.partner]]
name = "b"
tlp = "amber"
gives = true
webhook = %q
secret_file = "b.secret"
[[share.partner]]
name = "c"
tlp = "clear"
[share.rpz]
listen = [%q]
zone = "rpz.test"
batch = "50ms"
[[share.rpz.peer]]
name = "us"
addresses = ["127.0.0.1"]
`, srv.URL, zoneAt))
	policy := filepath.Join(s.dir, "policy.toml")
	raw, err := os.ReadFile(policy)
	if err != nil {
		t.Fatal(err)
	}
	write(t, policy, regexp.MustCompile(`(?m)^\[purposes\]$`).ReplaceAllString(string(raw), "[purposes]\nshare = \"business\""))
	s.start()
	keys := map[string]string{}
	for _, name := range []string{"b", "c", "d"} {
		keys[name] = strings.TrimSpace(good(t, "", "key", "add", name, "--scope", "indicators", "-c", s.file))
	}
	ask := func(method, who, path, body string) (int, string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, "http://"+s.console+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if who != "" {
			r.Header.Set("Authorization", "Bearer "+keys[who])
		}
		if strings.HasPrefix(path, "/taxii") {
			r.Header.Set("Accept", "application/taxii+json;version=2.1")
			r.Header.Set("Content-Type", "application/taxii+json;version=2.1")
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, string(b)
	}
	id := func(out string) string { return strings.TrimSpace(strings.TrimPrefix(out, "in force: ")) }
	evil := id(good(t, "", "indicators", "add", "host", "evil[.]example", "--why", "test", "--who", "abe", "-c", s.file))
	good(t, "", "indicators", "add", "number", "+81120444444", "--role", "callback", "--tlp", "amber", "--why", "test", "--who", "abe", "-c", s.file)
	good(t, "", "indicators", "add", "number", "+819000700111", "--role", "victim", "--why", "test", "--who", "abe", "-c", s.file)

	// TAXII, by raw requests.
	collections := func(who string) map[string]string {
		t.Helper()
		st, body := ask("GET", who, "/taxii/collections/", "")
		var all struct {
			Collections []struct{ ID, Alias string }
		}
		if err := json.Unmarshal([]byte(body), &all); st != http.StatusOK || err != nil {
			t.Fatalf("%d %s", st, body)
		}
		out := map[string]string{}
		for _, c := range all.Collections {
			out[c.Alias] = c.ID
		}
		return out
	}
	of := collections("b")
	if len(of) != 16 || len(collections("c")) != 5 {
		t.Errorf("b has %d collections, c %d", len(of), len(collections("c")))
	}
	if st, _ := ask("GET", "d", "/taxii/collections/", ""); st != http.StatusForbidden {
		t.Errorf("who is no partner: %d", st)
	}
	if st, _ := ask("GET", "", "/taxii2/", ""); st != http.StatusUnauthorized {
		t.Errorf("nobody: %d", st)
	}
	objects := func(who, alias string) string {
		t.Helper()
		_, body := ask("GET", who, "/taxii/collections/"+of[alias]+"/objects/?match[type]=indicator", "")
		return body
	}
	if body := objects("b", "green-links"); !strings.Contains(body, "evil.example") || strings.Contains(body, `"abe"`) {
		t.Error(body)
	}
	if body := objects("b", "amber-numbers"); !strings.Contains(body, "81120444444") {
		t.Error(body)
	}
	for alias := range of {
		if strings.Contains(objects("b", alias), "819000700111") {
			t.Errorf("%s has a victim's number", alias)
		}
		if alias != "clear-links" && !strings.HasPrefix(alias, "clear-") && strings.Contains(objects("c", alias), "evil") {
			t.Errorf("c was given %s", alias)
		}
	}
	// Lists, the feed, the prefix list.
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(s.log.String())
		}
	})
	if st, body := ask("GET", "b", "/share/lists/hosts.txt", ""); st != http.StatusOK || !strings.Contains(body, "\nevil.example\n") {
		t.Error(st, body)
	}
	if st, body := ask("GET", "c", "/share/lists/all.csv", ""); st != http.StatusOK || strings.Contains(body, "evil") {
		t.Error(st, body)
	}
	for path, want := range map[string]int{"/share/lists/cars.txt": 404, "/share/lists/hosts.pdf": 404, "/share/misp/manifest.json": 200, "/share/prefix/list": 200, "/share/else": 404} {
		if st, _ := ask("GET", "b", path, ""); st != want {
			t.Errorf("%s: %d", path, st)
		}
		if st, _ := ask("GET", "", path, ""); st != http.StatusUnauthorized {
			t.Errorf("%s by nobody: %d", path, st)
		}
	}
	checker := prefix.Checker{Base: "http://" + s.console + "/share/prefix/", Authorize: func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+keys["b"]) }}
	known := func() bool {
		t.Helper()
		if _, err := checker.Update(t.Context()); err != nil {
			t.Fatal(err)
		}
		is, err := checker.Check(t.Context(), "https://www.evil.example/x")
		if err != nil {
			t.Fatal(err)
		}
		return is
	}
	if !known() {
		t.Error("the prefix list does not have it")
	}
	// The webhook.
	key, err := webhook.ReadSecret(secret)
	if err != nil {
		t.Fatal(err)
	}
	heard := ""
	eventually(t, "the partner was told", func() bool {
		select {
		case h := <-hooks:
			if err := webhook.Verify(key, h.header, []byte(h.body), time.Now()); err != nil {
				t.Error(err)
			}
			heard += h.body
		default:
		}
		return strings.Contains(heard, "evil.example") && strings.Contains(heard, "81120444444")
	})
	if strings.Contains(heard, "819000700111") {
		t.Error("told of a victim's number")
	}
	// The zone.
	zone := func() (names []string) {
		m := new(dns.Msg)
		m.SetAxfr("rpz.test.")
		c, err := new(dns.Transfer).In(m, zoneAt)
		if err != nil {
			return nil
		}
		for e := range c {
			for _, rr := range e.RR {
				names = append(names, rr.Header().Name)
			}
		}
		return names
	}
	inZone := func() bool { return strings.Contains(strings.Join(zone(), " "), "evil.example.rpz.test.") }
	eventually(t, "in the zone", inZone)

	// Withdrawn: everybody hears.
	good(t, "", "indicators", "withdraw", evil, "--why", "a shop", "--who", "abe", "-c", s.file)
	if body := objects("b", "green-links"); !strings.Contains(body, `"revoked":true`) {
		t.Error(body)
	}
	eventually(t, "out of the zone", func() bool { return !inZone() })
	if known() {
		t.Error("still on the prefix list")
	}
	eventually(t, "the partner was told of it", func() bool {
		select {
		case h := <-hooks:
			heard += h.body
		default:
		}
		return strings.Contains(heard, `"state":"withdrawn"`)
	})

	// A partner gives: a host comes in force, a popular domain and a number wait for a person, a sighting is a report.
	give := `{"objects":[
	{"type":"indicator","spec_version":"2.1","id":"indicator--11111111-1111-4111-8111-111111111111","created":"2026-11-20T00:00:00Z","modified":"2026-11-20T00:00:00Z","pattern":"[domain-name:value = 'theirs.example.icu']","pattern_type":"stix","valid_from":"2026-11-20T00:00:00Z","indicator_types":["malicious-activity"],"confidence":80},
	{"type":"indicator","spec_version":"2.1","id":"indicator--22222222-2222-4222-8222-222222222222","created":"2026-11-20T00:00:00Z","modified":"2026-11-20T00:00:00Z","pattern":"[domain-name:value = 'www.docomo.ne.jp']","pattern_type":"stix","valid_from":"2026-11-20T00:00:00Z","indicator_types":["malicious-activity"]}]}`
	if st, body := ask("POST", "b", "/taxii/collections/"+of["inbox"]+"/objects/", give); st != http.StatusAccepted {
		t.Fatalf("%d %s", st, body)
	}
	if st, _ := ask("POST", "c", "/taxii/collections/"+of["inbox"]+"/objects/", give); st == http.StatusAccepted {
		t.Error("c gave, who may not")
	}
	list := good(t, "", "indicators", "list", "-c", s.file)
	theirs := regexp.MustCompile(`(?m)^(\S+) .*www\.docomo\.ne\.jp`).FindStringSubmatch(list)
	if theirs == nil {
		t.Fatal(list)
	}
	bad(t, 1, "", []string{"indicators", "agree", theirs[1], "--why", "x", "--who", "abe", "-c", s.file}, "official or popular")
	bad(t, 1, "", []string{"indicators", "add", "host", "www.docomo.ne.jp", "--why", "x", "--who", "abe", "-c", s.file}, "official or popular", "force")
	for _, want := range []string{`theirs\.example\.icu .*active.* b `, `www\.docomo\.ne\.jp .*proposed.* b `} {
		if !regexp.MustCompile(want).MatchString(list) {
			t.Errorf("no %s in\n%s", want, list)
		}
	}
	// What went to whom is in the ledger; and after a restart partners find everything where it was.
	if ledger := good(t, "", "audit", "list", "-c", s.file); !strings.Contains(ledger, "shared") || !strings.Contains(ledger, "taxii") {
		t.Error(ledger)
	}
	before := objects("b", "green-links")
	s.stop()
	s.start()
	if after := objects("b", "green-links"); after != before {
		t.Errorf("after a restart\n%s\nbefore\n%s", after, before)
	}
	if !strings.HasPrefix(collections("b")["inbox"], of["inbox"]) {
		t.Error("another inbox after a restart")
	}
}

// check-config reads what sharing names, and says where something is wrong.
func TestCheckSharing(t *testing.T) {
	s := configured(t)
	clean := s.read()
	good(t, "", "check-config", s.file)
	write(t, filepath.Join(s.dir, "short"), "abc\n")
	for add, words := range map[string][]string{
		"\n[[share.partner]]\nname = \"b\"\n":                                                                   {"share.partner", "no ground"},
		"\n[[share.partner]]\nname = \"b\"\ntlp = \"red\"\n":                                                    {"share.partner b", "red"},
		"\n[[share.partner]]\nname = \"b\"\nwebhook = \"https://b.example/\"\nsecret_file = \"short\"\n":        {"share.partner b", "secret_file", "whsec_"},
		"\n[[feeds]]\nname = \"a b\"\nurl = \"https://a.example/\"\n":                                           {"feeds 1", "name"},
		"\n[[feeds]]\nname = \"a\"\nurl = \"https://a.example/\"\nheader_file = \"nothing\"\n":                  {"feeds a", "header_file"},
		"\n[share.rpz]\nlisten = [\"127.0.0.1:5300\"]\nzone = \"rpz.test\"\n[[share.rpz.peer]]\nname = \"x\"\n": {"share.rpz"},
	} {
		write(t, s.file, clean+add)
		bad(t, 1, "", []string{"check-config", s.file}, words...)
	}
	for change, words := range map[[2]string][]string{
		{`texts = ""    `, `texts = "short"    `}:                              {"reports.texts"},
		{`group_key_file = ""    # a key`, `group_key_file = "short" # a key`}: {"share.group_key_file", "64 hexadecimal"},
		{`short_codes = []`, `short_codes = ["+819012345678"]`}:                {"reports.short_codes"},
		{`reporters = 3`, `reporters = 0`}:                                     {"reports.thresholds"},
	} {
		write(t, s.file, clean)
		s.change(change[0], change[1])
		bad(t, 1, "", []string{"check-config", s.file}, words...)
	}
}
