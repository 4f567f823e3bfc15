package stix

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/sekisho/sekisho/indicator"
	"github.com/sekisho/sekisho/purpose"
	"github.com/sekisho/sekisho/share"
)

func grant(t testing.TB) purpose.Grant {
	t.Helper()
	policy := purpose.DefaultPolicy
	policy[purpose.Share] = purpose.LawfulBusiness
	g, err := purpose.Ask(&policy, purpose.Share, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

var (
	day   = time.Date(2026, 3, 1, 9, 30, 0, 123456789, time.UTC)
	maker = Maker{ID: "4f1bd1f0-55f4-4f0e-9a41-0f8c0c8b6f0a", Name: "Example Mobile", Since: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
)

func item(t testing.TB, e indicator.Entry) share.Item {
	t.Helper()
	group, err := share.NewGroup(strings.Repeat("ab", 32))
	if err != nil {
		t.Fatal(err)
	}
	if e.ID == "" {
		e.ID = "c0a8b1de-6a5f-4a36-8c5e-0e2f0f6f7d11"
	}
	if e.First.IsZero() {
		e.First, e.Last, e.Changed = day, day.Add(time.Hour), day.Add(2*time.Hour)
	}
	i, err := share.Clear(grant(t), e, group)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func TestFromItemAndBack(t *testing.T) {
	hash := strings.Repeat("0f", 32)
	for _, c := range []struct {
		e       indicator.Entry
		pattern string
	}{
		{indicator.Entry{Kind: indicator.URL, Value: "evil.example.com/a?b='c'&d=\\", Recipients: 9, Lure: "parcel"},
			`[url:value = 'https://evil.example.com/a?b=\'c\'&d=\\' OR url:value = 'http://evil.example.com/a?b=\'c\'&d=\\']`},
		{indicator.Entry{Kind: indicator.URL, Value: "evil.example.com:8443", Recipients: 9}, `[url:value = 'https://evil.example.com:8443/' OR url:value = 'http://evil.example.com:8443/']`},
		{indicator.Entry{Kind: indicator.Host, Value: "www.evil.example.com"}, `[domain-name:value = 'www.evil.example.com']`},
		{indicator.Entry{Kind: indicator.Host, Value: "evil-example.com"}, `[domain-name:value = 'evil-example.com']`},
		{indicator.Entry{Kind: indicator.Domain, Value: "evil-example.com"}, `[domain-name:value = 'evil-example.com']`},
		{indicator.Entry{Kind: indicator.Domain, Value: "sub.evil-example.com"}, `[domain-name:value = 'sub.evil-example.com']`},
		{indicator.Entry{Kind: indicator.Domain, Value: "xn--wgv71a.example.com"}, `[domain-name:value = 'xn--wgv71a.example.com']`},
		{indicator.Entry{Kind: indicator.Host, Value: "192.0.2.7"}, `[ipv4-addr:value = '192.0.2.7']`},
		{indicator.Entry{Kind: indicator.Host, Value: "[2001:db8::7]"}, `[ipv6-addr:value = '2001:db8::7']`},
		{indicator.Entry{Kind: indicator.Number, Value: "+819012345678", Role: indicator.RoleCallback}, `[x-sekisho-phone-number:value = '+819012345678']`},
		{indicator.Entry{Kind: indicator.Range, Value: "+8190123*", Role: indicator.RoleFraud}, `[x-sekisho-number-range:value = '+8190123*']`},
		{indicator.Entry{Kind: indicator.Range, Value: "+819012340000-+819012349999", Role: indicator.RoleBusiness}, `[x-sekisho-number-range:value = '+819012340000-+819012349999']`},
		{indicator.Entry{Kind: indicator.Sender, Value: "o'bank"}, `[x-sekisho-sender-id:value = 'o\'bank']`},
		{indicator.Entry{Kind: indicator.Family, Value: "0123456789abcdef"}, ``},
		{indicator.Entry{Kind: indicator.Hash, Value: hash}, `[file:hashes.'SHA-256' = '` + hash + `']`},
	} {
		for _, status := range []indicator.Status{indicator.Active, indicator.Expired, indicator.Withdrawn} {
			c.e.Status, c.e.TLP, c.e.Confidence = status, indicator.TLPGreen, 85
			i := item(t, c.e)
			o, err := FromItem(i, maker)
			if err != nil {
				t.Errorf("%v: %v", c.e.Kind, err)
				continue
			}
			if got := o.String("pattern"); c.pattern != "" && got != c.pattern {
				t.Errorf("%v: pattern %s, want %s", c.e.Kind, got, c.pattern)
			}
			e, err := Entry(o, day.Add(24*time.Hour))
			if err != nil {
				t.Errorf("%v %s: back: %v", c.e.Kind, c.e.Value, err)
				continue
			}
			if e.ID != i.ID() || e.Kind != i.Kind() || e.Value != i.Value() || e.Role != i.Role() || e.TLP != i.TLP() || e.Lure != i.Lure() || e.Confidence != 85 ||
				e.Status != status || !e.First.Equal(day.Truncate(time.Millisecond)) || !e.Last.Equal(i.Last().Truncate(time.Millisecond)) {
				t.Errorf("%v %s: back: %+v", c.e.Kind, c.e.Value, e)
			}
			if o.Bool("revoked") != (status == indicator.Withdrawn) || (o.Raw("valid_until") != nil) != (status != indicator.Active) {
				t.Errorf("%v: revoked or valid_until", status)
			}
			if u := o.Time("valid_until"); !u.IsZero() && !u.After(o.Time("valid_from")) {
				t.Error("valid_until is not later than valid_from")
			}
		}
	}
}

func TestFromItemRefused(t *testing.T) {
	good := item(t, indicator.Entry{Kind: indicator.Host, Value: "a.example", Status: indicator.Active})
	if _, err := FromItem(share.Item{}, maker); err == nil {
		t.Error("nothing was shared")
	}
	if _, err := FromItem(good, Maker{ID: "me"}); err == nil {
		t.Error("a maker without a UUID")
	}
	if _, err := FromItem(item(t, indicator.Entry{ID: "17", Kind: indicator.Host, Value: "a.example", Status: indicator.Active}), maker); err == nil {
		t.Error("an identifier that is no UUID")
	}
}

// What was over the moment it was found is still told with an end behind its beginning (§4.7.1).
func TestOverAtOnce(t *testing.T) {
	o, err := FromItem(item(t, indicator.Entry{Kind: indicator.Host, Value: "a.example", Status: indicator.Withdrawn, First: day, Changed: day.Add(-time.Hour)}), maker)
	if err != nil || !o.Time("valid_until").After(o.Time("valid_from")) || o.Modified().Before(o.Created()) {
		t.Errorf("%s, %v", o.JSON(), err)
	}
}

func TestFromItemIsTheSameEveryTime(t *testing.T) {
	i := item(t, indicator.Entry{Kind: indicator.Host, Value: "a.example", Status: indicator.Active})
	a, _ := FromItem(i, maker)
	b, _ := FromItem(i, maker)
	if !bytes.Equal(a.JSON(), b.JSON()) {
		t.Error("two of one item differ")
	}
}

func others(pattern, more string) Object {
	b, _ := json.Marshal(pattern)
	o, err := Parse([]byte(`{"type":"indicator","spec_version":"2.1","id":"indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f",
	"created":"2026-01-01T00:00:00.000Z","modified":"2026-01-02T00:00:00.000Z","pattern":` + string(b) + `,"pattern_type":"stix","valid_from":"2026-01-01T00:00:00Z"` + more + `}`))
	if err != nil {
		panic(err)
	}
	return o
}

func TestEntriesOfOthers(t *testing.T) {
	for _, c := range []struct {
		pattern string
		want    string
		err     error
	}{
		{`[url:value = 'HTTP://User@Evil.Example.COM:80/Path/?q=1#frag']`, "url evil.example.com/Path/?q=1", nil},
		{`[url:value = 'http://evil.example.com/']`, "url evil.example.com", nil},
		{`[domain-name:value = 'EVIL-example.com.']`, "domain evil-example.com", nil},
		{`[domain-name:value = 'www.evil-example.com']`, "host www.evil-example.com", nil},
		{`[domain-name:value = 'duckdns.org']`, "host duckdns.org", nil},
		{`[domain-name:value = '日本.example.com']`, "host xn--wgv71a.example.com", nil},
		{`[ipv4-addr:value = '198.51.100.5/32']`, "host 198.51.100.5", nil},
		{`[ipv4-addr:value = '198.51.100.0/24']`, "", ErrKinds},
		{`[domain-name:value = 'a.example/b']`, "", ErrKinds},
		{`[url:value = 'javascript:alert(1)']`, "", ErrKinds},
		{`[url:value = 'http://a.example.com/x http://b.example.com/']`, "", ErrKinds},
		{`[url:value = 'ftp://a.example.com/x']`, "", ErrKinds},
		{`[email-addr:value = 'a@example.com']`, "", ErrKinds},
		{`[phone-number:value = '+81 90-1234-5678']`, "number +819012345678", nil},
		{`[x-sekisho-phone-number:value = '090-1234-5678']`, "", ErrKinds},
		{`[x-sekisho-number-range:value = '+81*']`, "", ErrKinds},
		{`[x-sekisho-text-family:value = '0123']`, "", ErrKinds},
		{`[x-sekisho-sender-id:value = 'BANK']`, "sender bank", nil},
		{`[file:hashes.'SHA-256' = '` + strings.Repeat("AB", 32) + `' AND file:name = 'x']`, "hash " + strings.Repeat("ab", 32), nil},
		{`[file:hashes.MD5 = 'd41d8cd98f00b204e9800998ecf8427e']`, "", ErrKinds},
		{`[domain-name:value = 'www.example.com' AND url:value = 'http://www.example.com/x']`, "", ErrTogether},
		{`[network-traffic:dst_ref.value = '198.51.100.5']`, "host 198.51.100.5", nil},
		{`[url:value = 'http://a.example.com/x' OR domain-name:value = 'a.example.com']`, "", ErrSeveral},
		{`[url:value = 'http://a.example.com/x' OR url:value = 'https://a.example.com/x']`, "url a.example.com/x", nil},
	} {
		e, err := Entry(others(c.pattern, ""), day)
		if !errors.Is(err, c.err) {
			t.Errorf("%s: %v, want %v", c.pattern, err, c.err)
			continue
		}
		if got := e.Kind.String() + " " + e.Value; err == nil && got != c.want {
			t.Errorf("%s: %s, want %s", c.pattern, got, c.want)
		}
	}
	all, err := Entries(others(`[url:value = 'http://a.example.com/x' OR domain-name:value = 'b.example.com'] OR [ipv4-addr:value IN ('192.0.2.1','192.0.2.2')]`, `,"confidence":40`), day)
	if err != nil || len(all) != 4 || all[0].ID == all[1].ID || !isUUID(all[3].ID) || all[2].Confidence != 40 || all[0].TLP != indicator.TLPUnset {
		t.Errorf("%+v, %v", all, err)
	}
	for more, want := range map[string]error{`,"indicator_types":["benign"]`: ErrBenign, `,"indicator_types":["benign","malicious-activity"]`: nil} {
		if _, err := Entries(others(`[ipv4-addr:value = '192.0.2.1']`, more), day); !errors.Is(err, want) {
			t.Errorf("%s: %v", more, err)
		}
	}
	o := others(`[x-sekisho-phone-number:value = '+819012345678']`, `,"extensions":{"`+ExtensionID+`":{"role":"victim","lure":"<script>"}},"object_marking_refs":["marking-definition--00000000-0000-4000-8000-000000000000"]`)
	if e, err := Entry(o, day); err != nil || e.Role != indicator.RoleNone || e.Lure != "" || e.TLP != indicator.TLPAmber {
		t.Errorf("%+v, %v", e, err)
	}
	if _, err := Entries(others(strings.Replace(`[url:value = 'a'`, "a", "b", 1), ""), day); err == nil || !strings.HasPrefix(err.Error(), "pattern: octet") {
		t.Error(err)
	}
}

// The five objects of the OASIS common object repository, as published.
func TestMarkings(t *testing.T) {
	for tlp, id := range map[indicator.TLP]string{indicator.TLPClear: "94868c89-83c2-464b-929b-a1a8aa3c8487", indicator.TLPGreen: "bab4a63c-aed9-4cf5-a766-dfca5abac2bb",
		indicator.TLPAmber: "55d920b0-5e8b-4f79-9ee9-91f868d9b421", indicator.TLPAmberStrict: "939a9414-2ddd-4d32-a0cd-375ea402b003", indicator.TLPRed: "e828b379-4e03-4974-9ac4-e53a884c97c1"} {
		o, err := Marking(tlp)
		if err != nil {
			t.Fatal(err)
		}
		want := `{"type":"marking-definition","spec_version":"2.1","id":"marking-definition--` + id + `","created":"2022-10-01T00:00:00.000Z","name":"TLP:` + strings.ToUpper(tlp.String()) +
			`","extensions":{"extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d":{"extension_type":"property-extension","tlp_2_0":"` + tlp.String() + `"}}}`
		if string(o.JSON()) != want {
			t.Errorf("%s", o.JSON())
		}
	}
	if o, err := Marking(indicator.TLPUnset); err != nil || o.UUID() != "55d920b0-5e8b-4f79-9ee9-91f868d9b421" {
		t.Error("unset is not amber")
	}
}

// What we send keeps to the schema that we publish, and the document tells every property of it.
func TestSchema(t *testing.T) {
	type properties struct {
		Properties map[string]any `json:"properties"`
		Required   []string       `json:"required"`
	}
	var s struct {
		Defs map[string]properties `json:"$defs"`
	}
	if err := json.Unmarshal(Schema(), &s); err != nil {
		t.Fatal(err)
	}
	hold := func(name string, b []byte) {
		var m map[string]json.RawMessage
		if err := json.Unmarshal(b, &m); err != nil {
			t.Fatal(err)
		}
		d := s.Defs[name]
		for k := range m {
			if _, ok := d.Properties[k]; !ok {
				t.Errorf("%s: %s is not in the schema", name, k)
			}
		}
		for _, k := range d.Required {
			if m[k] == nil {
				t.Errorf("%s: %s is missing", name, k)
			}
		}
	}
	objects, err := FromReport(grant(t), someReport(), maker, "")
	if err != nil {
		t.Fatal(err)
	}
	for kind, v := range map[string]string{TypeRange: "+8190123*", TypeSender: "bank", TypeFamily: strings.Repeat("0f", 16)} {
		o, err := Observable(kind, v)
		if err != nil {
			t.Fatal(err)
		}
		objects = append(objects, o)
	}
	seen := map[string]bool{}
	for _, o := range objects {
		if strings.HasPrefix(o.Type(), "x-sekisho-") {
			hold(o.Type(), o.JSON())
			seen[o.Type()] = true
		}
		if o.Type() == "sighting" {
			hold("sighting-extension", o.Extension(ExtensionID))
		}
	}
	if len(seen) != 5 {
		t.Errorf("only %v", seen)
	}
	i := item(t, indicator.Entry{Kind: indicator.Number, Value: "+819012345678", Role: indicator.RoleCallback, Lure: "bank", Status: indicator.Active})
	o, _ := FromItem(i, maker)
	hold("indicator-extension", o.Extension(ExtensionID))

	doc, err := os.ReadFile("../../docs/stix-extension.md")
	if err != nil {
		t.Fatal(err)
	}
	for name, d := range s.Defs {
		for k := range d.Properties {
			if !bytes.Contains(doc, []byte("`"+k+"`")) && !strings.HasPrefix(k, "extension-definition") {
				t.Errorf("docs/stix-extension.md does not tell of %s, a property of %s", k, name)
			}
		}
	}
	if !bytes.Contains(doc, []byte(ExtensionID)) {
		t.Error("docs/stix-extension.md has another identifier")
	}
	ext, err := Extension()
	if err != nil || len(ext) != 2 || ext[1].ID() != ExtensionID || ext[1].String("created_by_ref") != ext[0].ID() {
		t.Errorf("the extension's own objects: %v", err)
	}
	w := httptest.NewRecorder()
	SchemaHandler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	if !bytes.Equal(w.Body.Bytes(), Schema()) || w.Header().Get("Content-Type") != "application/schema+json" {
		t.Error("served otherwise")
	}
}

func FuzzEntries(f *testing.F) {
	f.Add(`[url:value = 'http://evil.example.com/a']`)
	f.Add(`[domain-name:value = 'a.b' OR ipv4-addr:value = '1.2.3.4/32' OR x-sekisho-number-range:value = '+8190123*']`)
	f.Fuzz(func(t *testing.T, pattern string) {
		b, err := json.Marshal(pattern)
		if err != nil {
			return
		}
		o, err := Parse([]byte(with(`"[url:value = 'http://evil.example.com/a']"`, string(b))))
		if err != nil {
			return
		}
		all, err := Entries(o, day)
		if err == nil && len(all) == 0 {
			t.Fatal("neither entries nor an error")
		}
		for _, e := range all {
			if e.Value == "" || e.Kind == indicator.KindNone || !isUUID(e.ID) || len(e.Value) > maxValue {
				t.Fatalf("%+v", e)
			}
		}
	})
}

func BenchmarkFromItem(b *testing.B) {
	i := item(b, indicator.Entry{Kind: indicator.URL, Value: "evil.example.com/a", Recipients: 9, Status: indicator.Active})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := FromItem(i, maker); err != nil {
			b.Fatal(err)
		}
	}
}
