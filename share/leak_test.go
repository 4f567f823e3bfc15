package share_test

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sekisho/sekisho/indicator"
	"github.com/sekisho/sekisho/purpose"
	"github.com/sekisho/sekisho/share"
	"github.com/sekisho/sekisho/share/lists"
	"github.com/sekisho/sekisho/share/misp"
	"github.com/sekisho/sekisho/share/prefix"
	"github.com/sekisho/sekisho/share/stix"
	"github.com/sekisho/sekisho/share/webhook"
)

// Victims' numbers, tokens of their links and plain signatures of texts are planted among a thousand entries of every kind. Nothing that leaves, in any form, has them:
// neither as they are, nor encoded, nor as a plain hash, which whoever likes could find by trying all numbers.
func TestNothingOfVictimsLeaves(t *testing.T) {
	policy := purpose.Policy{purpose.Share: purpose.LawfulBusiness}
	g, err := purpose.Ask(&policy, purpose.Share, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	group, err := share.NewGroup(strings.Repeat("7e", 32))
	if err != nil {
		t.Fatal(err)
	}
	rnd := rand.New(rand.NewPCG(3, 4))
	now := time.Date(2026, 4, 1, 9, 0, 0, 0, time.UTC)
	var secrets []string
	var entries []indicator.Entry
	add := func(k indicator.Kind, value string, role indicator.Role, recipients uint32, secret string) {
		if secret != "" {
			secrets = append(secrets, secret)
		}
		entries = append(entries, indicator.Entry{ID: fmt.Sprintf("%08x-0000-4000-8000-%012x", len(entries), len(entries)), Kind: k, Value: value, Role: role, Recipients: recipients,
			TLP: indicator.TLP(1 + rnd.IntN(5)), Confidence: 80, First: now, Last: now.Add(time.Hour), Changed: now, Status: []indicator.Status{indicator.Active, indicator.Active, indicator.Withdrawn}[rnd.IntN(3)],
			Source: "secret-source-of-ours", By: "secret-person", Why: "secret reason"})
	}
	secrets = append(secrets, "secret-source-of-ours", "secret-person", "secret reason")
	for i := range 1000 {
		victim := fmt.Sprintf("+8190%08d", rnd.IntN(1e8))
		token := fmt.Sprintf("tk%08x%04x", rnd.Uint32(), i)
		family := fmt.Sprintf("%016x", rnd.Uint64()|1)
		switch i % 10 {
		case 0:
			add(indicator.Number, victim, indicator.RoleVictim, 5, victim[1:])
		case 1:
			add(indicator.Number, victim, indicator.RoleNone, 5, victim[1:])
		case 2:
			add(indicator.URL, "bad"+fmt.Sprint(i)+".example/p/"+token, 0, 1, token)
		case 3:
			add(indicator.Family, family, 0, 9, family)
		case 4:
			add(indicator.Number, fmt.Sprintf("+81120%06d", i), indicator.RoleCallback, 5, "")
		case 5:
			add(indicator.Host, fmt.Sprintf("host%d.example", i), 0, 3, "")
		case 6:
			add(indicator.URL, fmt.Sprintf("pages.example/fraud/%d", i), 0, 7, "")
		case 7:
			add(indicator.Domain, fmt.Sprintf("dom%d.example", i), 0, 3, "")
		case 8:
			add(indicator.Hash, fmt.Sprintf("%064x", rnd.Uint64()), 0, 3, "")
		case 9:
			add(indicator.Sender, fmt.Sprintf("bank%d", i), 0, 3, "")
		}
	}
	var items []share.Item
	for _, e := range entries {
		if i, err := share.Clear(g, e, group); err == nil {
			items = append(items, i)
		}
	}
	if len(items) < 400 {
		t.Fatalf("%d of %d may leave", len(items), len(entries))
	}
	all := func(yield func(share.Item, error) bool) {
		for _, i := range items {
			if !yield(i, nil) {
				return
			}
		}
	}
	var out bytes.Buffer
	if _, err := lists.Plain(&out, lists.Head{Maker: "m", What: "all", TLP: "green", Made: now}, all); err != nil {
		t.Fatal(err)
	}
	if _, err := lists.CSV(&out, all); err != nil {
		t.Fatal(err)
	}
	feed, err := misp.Build(misp.Maker{Name: "m", UUID: "11111111-1111-4111-8111-111111111111"}, all)
	if err != nil {
		t.Fatal(err)
	}
	get := func(h http.Handler, path string) string {
		t.Helper()
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		if w.Code != http.StatusOK {
			t.Fatalf("%s: %d", path, w.Code)
		}
		out.Write(w.Body.Bytes())
		return w.Body.String()
	}
	manifest := get(feed, "/misp/manifest.json")
	get(feed, "/misp/hashes.csv")
	for _, part := range strings.Split(manifest, `"`) {
		if len(part) == 36 && strings.Count(part, "-") == 4 && part != "11111111-1111-4111-8111-111111111111" {
			get(feed, "/misp/"+part+".json")
		}
	}
	maker := stix.Maker{ID: "11111111-1111-4111-8111-111111111111", Name: "m", Since: now}
	for _, i := range items {
		if o, err := stix.FromItem(i, maker); err == nil {
			out.Write(o.JSON())
		} else {
			t.Errorf("%v: %v", i.Kind(), err)
		}
	}
	server := prefix.NewServer()
	if err := server.Set(all); err != nil {
		t.Fatal(err)
	}
	get(server, "/prefix/list")
	heard := make(chan []byte, 10)
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		heard <- b
	}))
	defer srv.Close()
	hooks, err := webhook.NewSender(webhook.Config{}, webhook.Endpoint{Name: "b", URL: srv.URL, Secrets: [][]byte{bytes.Repeat([]byte("k"), 32)}})
	if err != nil {
		t.Fatal(err)
	}
	hooks.Tell("b", items)
	for range (len(items) + webhook.Most - 1) / webhook.Most {
		select {
		case b := <-heard:
			out.Write(b)
		case <-time.After(5 * time.Second):
			t.Fatal("no webhook came")
		}
	}
	hooks.Close()

	text := strings.ToLower(out.String())
	if !strings.Contains(text, "host5.example") || !strings.Contains(text, "+81120000004") {
		t.Fatal("what may leave did not: the search would find nothing")
	}
	for _, s := range secrets {
		m, h1, h2 := md5.Sum([]byte(s)), sha1.Sum([]byte(s)), sha256.Sum256([]byte(s))
		p := sha256.Sum256([]byte("+" + s))
		for how, needle := range map[string]string{"as it is": s, "escaped": url.QueryEscape(s), "in hexadecimal": hex.EncodeToString([]byte(s)), "in base64": base64.StdEncoding.EncodeToString([]byte(s))[:len(s)/3*4],
			"as MD5": hex.EncodeToString(m[:]), "as SHA-1": hex.EncodeToString(h1[:]), "as SHA-256": hex.EncodeToString(h2[:]), "with a plus, as SHA-256": hex.EncodeToString(p[:])} {
			if strings.Contains(text, strings.ToLower(needle)) {
				t.Errorf("%q left, %s", s, how)
			}
		}
	}
	// A victim's number cannot leave even where somebody says that he may know everything.
	if _, err := share.Clear(g, indicator.Entry{ID: "x", Kind: indicator.Number, Value: "+819012345678", Role: indicator.RoleVictim, TLP: indicator.TLPClear, Status: indicator.Active}, group); err != share.ErrVictim {
		t.Error(err)
	}
	if _, err := share.Clear(purpose.Grant{}, indicator.Entry{ID: "x", Kind: indicator.Host, Value: "a.example", Status: indicator.Active}, group); err != share.ErrGrant {
		t.Error(err)
	}
}

func TestPartner(t *testing.T) {
	c := share.Config{Partners: []share.Partner{{Name: "b", TLP: "amber", Kinds: []string{"host", "url"}, PerDay: 10}, {Name: "c"}}}
	if err := c.Check(); err != nil {
		t.Fatal(err)
	}
	policy := purpose.Policy{purpose.Share: purpose.LawfulBusiness}
	g, _ := purpose.Ask(&policy, purpose.Share, 0, nil)
	b, _ := c.Find("b")
	for _, x := range []struct {
		kind indicator.Kind
		tlp  indicator.TLP
		may  bool
	}{
		{indicator.Host, indicator.TLPClear, true}, {indicator.Host, indicator.TLPAmber, true}, {indicator.Host, indicator.TLPUnset, true}, {indicator.Host, indicator.TLPAmberStrict, false}, {indicator.Sender, indicator.TLPClear, false},
	} {
		i, err := share.Clear(g, indicator.Entry{ID: "x", Kind: x.kind, Value: "a.example", TLP: x.tlp, Status: indicator.Active}, share.Group{})
		if err != nil || b.May(i) != x.may {
			t.Errorf("%v %v: %v, %v", x.kind, x.tlp, b.May(i), err)
		}
	}
	var q share.Quota
	now := time.Date(2026, 4, 1, 9, 0, 0, 0, time.UTC)
	for i, want := range []int{6, 4, 0} {
		if got := q.Take(b, 6, now); got != want {
			t.Errorf("%d: %d, not %d", i, got, want)
		}
	}
	if got := q.Take(b, 6, now.Add(24*time.Hour)); got != 6 {
		t.Error(got)
	}
	for _, bad := range []share.Config{
		{Partners: []share.Partner{{}}}, {Partners: []share.Partner{{Name: "a"}, {Name: "a"}}}, {Partners: []share.Partner{{Name: "a", TLP: "red"}}}, {Partners: []share.Partner{{Name: "a", TLP: "blue"}}},
		{Partners: []share.Partner{{Name: "a", Kinds: []string{"car"}}}}, {Partners: []share.Partner{{Name: "a", Webhook: "https://x.example/"}}}, {Partners: []share.Partner{{Name: "a", PerDay: -1}}},
	} {
		if bad.Check() == nil {
			t.Errorf("%+v was taken", bad)
		}
	}
}
