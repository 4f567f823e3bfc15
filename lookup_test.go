package main

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
)

// Two operators and a hub, each a checkpoint of its own: one asks the other about numbers that neither the hub nor the other sees.
func TestLookupBetweenOperators(t *testing.T) {
	key := strings.Repeat("5a", 32)
	a, b := configured(t), configured(t)
	for name, s := range map[string]*serving{"a": a, "b": b} {
		write(t, s.dir+"/group.key", key+"\n")
		s.change("[lookup]\nname = \"\" ", "[lookup]\nname = \""+name+"\" ", `group_key_file = ""    # the key that`, `group_key_file = "group.key"    # the key that`,
			`hub = "" `, `hub = "http://`+a.console+`/lookup/hub" `)
		policy := s.dir + "/policy.toml"
		raw, err := os.ReadFile(policy)
		if err != nil {
			t.Fatal(err)
		}
		write(t, policy, strings.Replace(string(raw), "[purposes]\n", "[purposes]\nshare = \"business\"\n", 1))
		s.start() // makes its secret
		s.stop()
	}
	keyA, keyB := strings.TrimSpace(good(t, "", "lookup", "key", "-c", a.file)), strings.TrimSpace(good(t, "", "lookup", "key", "-c", b.file))
	members := fmt.Sprintf("\n[[lookup.member]]\nname = \"a\"\nkey = %q\n[[lookup.member]]\nname = \"b\"\nkey = %q\n", keyA, keyB)
	write(t, a.file, a.read()+members+fmt.Sprintf("[lookup.relay]\na = \"http://%s/lookup/member/\"\nb = \"http://%s/lookup/member/\"\n", a.console, b.console))
	write(t, b.file, b.read()+members)
	a.start()
	b.start()
	good(t, "", "indicators", "add", "number", "+819011112222", "--role", "fraud", "--why", "x", "--who", "abe", "-c", b.file)
	good(t, "", "indicators", "add", "number", "+819033334444", "--role", "victim", "--why", "x", "--who", "abe", "-c", b.file)
	b.stop()
	b.start() // the table is made hourly, and at the start
	out := good(t, "", "lookup", "+819011112222", "+819033334444", "+819012345678", "-c", a.file)
	if !regexp.MustCompile(`222 +b +fraud +90`).MatchString(out) || strings.Count(out, "nothing") != 2 {
		t.Error(out)
	}
	bad(t, 1, "", []string{"lookup", "090", "-c", a.file}, "number 1", "E.164")
	if strings.Contains(a.log.String()+b.log.String(), "11112222") {
		t.Error("a log has the number")
	}
}
