package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"
)

// Feeds of every form come in force by themselves: a plain list, a MISP feed, and a TAXII collection of another checkpoint.
func TestFeeds(t *testing.T) {
	other := configured(t) // who gives
	policy := other.dir + "/policy.toml"
	raw, err := os.ReadFile(policy)
	if err != nil {
		t.Fatal(err)
	}
	write(t, policy, strings.Replace(string(raw), "[purposes]\n", "[purposes]\nshare = \"business\"\n", 1))
	write(t, other.file, other.read()+"\n[[share.partner]]\nname = \"us\"\ntlp = \"amber\"\n")
	other.start()
	key := strings.TrimSpace(good(t, "", "key", "add", "us", "--scope", "indicators", "-c", other.file))
	good(t, "", "indicators", "add", "host", "given-by-taxii.example", "--why", "x", "--who", "abe", "-c", other.file)

	now := time.Now().Unix()
	const event = "11111111-1111-4111-8111-111111111111"
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/list.txt":
			fmt.Fprintln(w, "# a list\nfrom-a-list.example")
		case "/misp/manifest.json":
			fmt.Fprintf(w, `{%q:{"timestamp":"%d"},"../../etc/passwd":{"timestamp":"%d"}}`, event, now, now)
		case "/misp/" + event + ".json":
			fmt.Fprintf(w, `{"Event":{"uuid":%q,"Attribute":[{"uuid":"22222222-2222-4222-8222-222222222222","type":"hostname","value":"from.misp.example","to_ids":true,"timestamp":"%d"}]}}`, event, now)
		default:
			t.Errorf("asked for %s", r.URL.Path)
			http.NotFound(w, r)
		}
	}))
	defer srv.Close()
	s := configured(t)
	write(t, s.dir+"/key", "Bearer "+key+"\n")
	write(t, s.file, s.read()+fmt.Sprintf(`
[[feeds]]
name = "plain"
url = "%[1]s/list.txt"
licence = "CC0"
inside = true
[[feeds]]
name = "misp"
url = "%[1]s/misp/"
form = "misp"
inside = true
[[feeds]]
name = "partner"
url = "http://%[2]s/taxii/"
form = "taxii"
collection = "green-links"
header_file = "key"
inside = true
[[feeds]]
name = "inside"
url = "http://%[2]s/list.txt"
`, srv.URL, other.console))
	s.start()
	e := s.bound()
	known := func(host string) bool { return s.submit(e, "Please look at http://"+host+"/ today") != 0 }
	for _, host := range []string{"from-a-list.example", "from.misp.example", "given-by-taxii.example"} {
		eventually(t, host+" is known", func() bool { return known(host) })
	}
	eventually(t, "how feeds stand", func() bool {
		list := good(t, "", "feeds", "list", "-c", s.file)
		return strings.Contains(list, "CC0") && strings.Count(list, "as it should") == 3 && strings.Contains(list, "not on the public network")
	})
	bad(t, 1, "", []string{"feeds", "fetch", "inside", "-c", s.file}, "not on the public network", "stays in force")
	bad(t, 1, "", []string{"feeds", "fetch", "nothing", "-c", s.file}, "no feed")
	good(t, "", "feeds", "fetch", "plain", "-c", s.file)
}
