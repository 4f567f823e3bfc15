package stix

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/sekisho/sekisho/indicator"
)

// examples are bundles of OASIS's schema repository, where the checkout has them (testdata keeps two for those that have not).
func examples(t testing.TB) []string {
	t.Helper()
	var all []string
	for _, dir := range []string{"testdata", os.Getenv("SEKISHO_TEST_STIX")} {
		if dir == "" {
			continue
		}
		filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
			if err == nil && strings.HasSuffix(p, ".json") {
				all = append(all, p)
			}
			return nil
		})
	}
	if len(all) == 0 {
		t.Fatal("no examples")
	}
	return all
}

// canonical is a JSON value in which numbers stay as they are written.
func canonical(t testing.TB, b []byte) any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestExamplesComeOutAsTheyWentIn(t *testing.T) {
	for _, name := range examples(t) {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(b, []byte(`"bundle"`)) { // one of OASIS's is an object alone
			o, err := Parse(b)
			if err != nil || !reflect.DeepEqual(canonical(t, o.JSON()), canonical(t, b)) {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		got, err := ReadBundle(bytes.NewReader(b), Limits{Object: 1 << 20, Depth: 32, Count: 10_000})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		want := canonical(t, b).(map[string]any)["objects"].([]any)
		if len(got) != len(want) {
			t.Fatalf("%s: %d objects, want %d", name, len(got), len(want))
		}
		for i, o := range got {
			if !reflect.DeepEqual(canonical(t, o.JSON()), want[i]) {
				t.Errorf("%s: object %d changed", name, i+1)
			}
			m := want[i].(map[string]any)
			if o.ID() != m["id"] || o.Type() != m["type"] {
				t.Errorf("%s: object %d: id or type", name, i+1)
			}
			again, err := Parse(o.JSON())
			if err != nil || !bytes.Equal(again.JSON(), o.JSON()) {
				t.Errorf("%s: object %d: read again: %v", name, i+1, err)
			}
		}
		var out bytes.Buffer
		if err := WriteBundle(&out, slices.Values(got)); err != nil {
			t.Fatal(err)
		}
		back, err := ReadBundle(&out, Limits{Object: 1 << 20, Depth: 32, Count: 10_000})
		if err != nil || len(back) != len(got) {
			t.Errorf("%s: our own bundle: %v", name, err)
		}
	}
}

const someIndicator = `{"type":"indicator","spec_version":"2.1","id":"indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f",
 "created":"2026-01-01T00:00:00.000Z","modified":"2026-01-02T00:00:00.000Z","pattern":"[url:value = 'http://evil.example.com/a']",
 "pattern_type":"stix","valid_from":"2026-01-01T00:00:00Z","x_custom":{"n":1.50e3,"deep":[1,[2,{"a":null}]]},
 "object_marking_refs":["marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da"]}`

func with(old, new string) string { return strings.Replace(someIndicator, old, new, 1) }

func TestObject(t *testing.T) {
	o, err := Parse([]byte(someIndicator))
	if err != nil {
		t.Fatal(err)
	}
	if o.UUID() != "8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f" || o.SpecVersion() != "2.1" || o.Version() != "2026-01-02T00:00:00.000Z" ||
		!o.Modified().After(o.Created()) || len(o.Markings()) != 1 || TLP(o) != indicator.TLPGreen {
		t.Errorf("%+v", o)
	}
	if got := string(o.Raw("x_custom")); got != `{"n":1.50e3,"deep":[1,[2,{"a":null}]]}` {
		t.Errorf("x_custom is %s", got)
	}
	if b, err := json.Marshal(o); err != nil || !bytes.Contains(b, []byte("x_custom")) {
		t.Errorf("marshalled: %v", err)
	}
	if _, err := json.Marshal(Object{}); err == nil {
		t.Error("nothing was marshalled")
	}
}

func TestRefused(t *testing.T) {
	deep := strings.Repeat("[", 32) + strings.Repeat("]", 32)
	for _, c := range []struct{ name, in, want string }{
		{"no JSON", `{"type":`, "ends in the middle"},
		{"list", `[]`, "object 1: not a JSON object"},
		{"twice", with(`"pattern_type"`, `"created":"2026-01-01T00:00:00.000Z","pattern_type"`), "object 1: created: a property comes twice"},
		{"twice in other letters", with(`"pattern_type"`, `"\u0063reated":"2026-01-01T00:00:00.000Z","pattern_type"`), "object 1: created: a property comes twice"},
		{"twice deep", with(`"n":1.50e3`, `"n":1,"n":2`), "object 1: x_custom: a property comes twice"},
		{"deep", with(`{"n":1.50e3,"deep":[1,[2,{"a":null}]]}`, deep), "object 1: x_custom: more than 32 objects and lists in each other"},
		{"no type", with(`"type":"indicator",`, ""), "object 1: type: missing"},
		{"type", with(`"type":"indicator"`, `"type":"Indicator"`), "object 1: type: not a type"},
		{"no id", with(`"id"`, `"idd"`), "object 1: id: missing"},
		{"id", with(`indicator--8e2e2d2b`, `indicator--8g2e2d2b`), "object 1: id: not an identifier"},
		{"id of another type", with(`"id":"indicator--`, `"id":"malware--`), "object 1: id: not of the object's own type"},
		{"id is a number", with(`"id":"indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f"`, `"id":1`), "object 1: id: not an identifier"},
		{"created", with(`2026-01-01T00:00:00.000Z`, `2026-01-01T00:00:00.000+00:00`), "object 1: created: not a timestamp"},
		{"no day", with(`2026-01-01T00:00:00.000Z`, `2026-02-30T00:00:00.000Z`), "object 1: created: not a timestamp"},
		{"modified", with(`2026-01-02T`, `2025-01-02T`), "object 1: modified: before created"},
		{"no created", with(`"created":"2026-01-01T00:00:00.000Z",`, ``), "object 1: created: missing"},
		{"valid_from", with(`2026-01-01T00:00:00Z`, `yesterday`), "object 1: valid_from: not a timestamp"},
		{"spec_version", with(`"spec_version":"2.1"`, `"spec_version":"3.0"`), "object 1: spec_version: neither 2.0 nor 2.1"},
		{"markings", with(`"marking-definition--3`, `"marking--3`), "object 1: object_marking_refs: not a list"},
		{"no markings", with(`["marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da"]`, `[]`), "object 1: object_marking_refs: not a list"},
		{"half a pair", with(`"x_custom":{`, `"x_custom":{"s":"\ud83d",`), "object 1: x_custom: not UTF-8, or half of a surrogate pair"},
		{"low first", with(`"x_custom":{`, `"x_custom":{"s":"\ude00\ud83d",`), "object 1: x_custom: not UTF-8, or half of a surrogate pair"},
		{"low alone", with(`"x_custom":{`, `"x_custom":{"s":"\ude00",`), "object 1: x_custom: not UTF-8, or half of a surrogate pair"},
		{"high before a letter", with(`"x_custom":{`, `"x_custom":{"s":"\ud83d\u0041",`), "object 1: x_custom: not UTF-8, or half of a surrogate pair"},
		{"high before an n", with(`"x_custom":{`, `"x_custom":{"s":"\ud83d\n",`), "object 1: x_custom: not UTF-8, or half of a surrogate pair"},
		{"octets", with(`"x_custom":{`, "\"x_custom\":{\"s\":\"\xff\","), "object 1: x_custom: not UTF-8, or half of a surrogate pair"},
		{"control", with(`"x_custom":{`, "\"x_custom\":{\"s\":\"\n\","), "object 1: x_custom: not JSON"},
		{"number", with(`1.50e3`, `01`), "object 1: x_custom: not JSON"},
		{"number ends", with(`1.50e3`, `1.`), "object 1: x_custom: not JSON"},
		{"comma", with(`"n":1.50e3,`, `"n":1.50e3,,`), "object 1: x_custom: not JSON"},
		{"comma at the end", with(`{"a":null}`, `{"a":null,}`), "object 1: x_custom: not JSON"},
		{"tail", someIndicator + "x", "object 1: something follows its end"},
		{"secret name", with(`"pattern_type"`, `"+81 90":1,"+81 90":2,"pattern_type"`), "object 1: a property comes twice"},
	} {
		_, err := Parse([]byte(c.in))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", c.name, err, c.want)
		}
	}
	big := with(`"n":1.50e3`, `"n":"`+strings.Repeat("a", 1<<20)+`"`)
	if _, err := Parse([]byte(big)); err == nil || !strings.Contains(err.Error(), "more than 1048576 octets") {
		t.Errorf("big: %v", err)
	}
	if _, err := Parse([]byte(with(`"\u`, ``))); err != nil {
		t.Error(err)
	}
	if o, err := Parse([]byte(with(`"x_custom":{`, `"x_custom":{"s":"\ud83d\ude00",`))); err != nil || !bytes.Contains(o.JSON(), []byte(`\ud83d\ude00`)) {
		t.Errorf("a pair: %v", err)
	}
}

func bundle(objects ...string) string {
	return `{"type":"bundle","id":"bundle--44af6c39-c09b-49c5-9de2-394224b04982","objects":[` + strings.Join(objects, ",") + `]}`
}

func TestReaderGoesOnBehindABadObject(t *testing.T) {
	in := bundle(someIndicator, with("2026-01-02T", "2025-01-02T"), someIndicator)
	r := NewReader(strings.NewReader(in), Limits{1 << 20, 32, 10})
	var got []string
	for {
		o, err := r.Next()
		if err == io.EOF {
			break
		}
		var e *Error
		if errors.As(err, &e) {
			if e.Fatal || e.ID == "" {
				t.Fatalf("%+v", e)
			}
			got = append(got, err.Error())
			continue
		}
		got = append(got, o.Type())
	}
	if want := []string{"indicator", "object 2: modified: before created", "indicator"}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	if r.BundleID() != "bundle--44af6c39-c09b-49c5-9de2-394224b04982" {
		t.Error("bundle id")
	}
}

func TestBundleRefused(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"empty", "", "bundle: ends in the middle"},
		{"text", "hello", "bundle: not a JSON object"},
		{"no type", `{"id":"bundle--44af6c39-c09b-49c5-9de2-394224b04982"}`, "bundle: type: missing"},
		{"type", `{"type":"indicator"}`, "bundle: type: not bundle"},
		{"id", `{"type":"bundle","id":"bundle--1"}`, "bundle: id: not an identifier"},
		{"objects", `{"type":"bundle","objects":{}}`, "bundle: objects: not a list"},
		{"objects twice", `{"type":"bundle","objects":[],"objects":[]}`, "bundle: objects: a property comes twice"},
		{"many", bundle(someIndicator, someIndicator, someIndicator, someIndicator), "object 4: more than 3 objects"},
		{"cut", bundle(someIndicator)[:300], "object 1"},
		{"tail", bundle(someIndicator) + "{}", "bundle: something follows its end"},
		{"comma", bundle(someIndicator + ",,"), "object 2: not JSON"},
		{"no comma", bundle(someIndicator + someIndicator), "object 2: not JSON"},
	} {
		_, err := ReadBundle(strings.NewReader(c.in), Limits{1 << 20, 32, 3})
		if err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", c.name, err, c.want)
		}
	}
	if all, err := ReadBundle(strings.NewReader(`{"objects":[],"id":"bundle--44af6c39-c09b-49c5-9de2-394224b04982","type":"bundle","x":[{}]} `), DefaultLimits); err != nil || len(all) != 0 {
		t.Errorf("in another order: %v", err)
	}
}

func TestEnvelope(t *testing.T) {
	r := NewEnvelopeReader(strings.NewReader(`{"more":true,"objects":[`+someIndicator+`],"next":"a b"}`), DefaultLimits)
	if _, err := r.Next(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Next(); err != io.EOF || !r.More() || r.NextPage() != "a b" || !r.HasObjects() {
		t.Errorf("%v %v %q", err, r.More(), r.NextPage())
	}
	r = NewEnvelopeReader(strings.NewReader(`{}`), DefaultLimits)
	if _, err := r.Next(); err != io.EOF || r.More() || r.HasObjects() {
		t.Errorf("empty: %v", err)
	}
	r = NewEnvelopeReader(strings.NewReader(`{"more":1}`), DefaultLimits)
	if _, err := r.Next(); err == nil || err == io.EOF {
		t.Errorf("more: %v", err)
	}
}

// Identifiers that others made: STIX 2.1 §2.9 itself, and the OASIS TC's Python library.
func TestObservableID(t *testing.T) {
	for _, c := range []struct{ kind, in, want string }{
		{"ipv4-addr", `{"value":"198.51.100.3"}`, "ipv4-addr--28bb3599-77cd-5a82-a950-b5bc3caf07c4"},
		{"ipv6-addr", `{"value":"2001:db8::1"}`, "ipv6-addr--6469e3a9-b053-5e34-a025-9396ae051d26"},
		{"domain-name", `{"value":"example.com","resolves_to_refs":[]}`, "domain-name--bedb4899-d24b-5401-bc86-8f6b4cc18ec7"},
		{"url", `{"value":"http://example.com/a?x=1&y=2"}`, "url--ae873ad5-e6a3-51e3-9038-5690ac1c832b"},
		{"autonomous-system", `{"number": 15139, "name":"x"}`, "autonomous-system--3aa27478-50b5-5ab8-9da9-cdc12b657fff"},
		{"file", `{"name":"example.exe","size":68000,"hashes":{"SHA-256":"841a8921140aba50671ebb0770fecc4ee308c4952cfeff8de154ab14eeef4649"},
		  "extensions":{"windows-pebinary-ext":{"pe_type":"exe","machine_hex":"014c","sections":[{"name":".data","size":4096,"entropy":7.980693,
		  "hashes":{"SHA-256":"6e3b6f3978e5cd96ba7abee35c24e867b7e64072e2ecb22d0ee7a6e6af6894d0"}}]}}}`, "file--ced31cd4-bdcb-537d-aefa-92d291bfc11d"},
		{"windows-registry-key", `{"values":[{"name":"Foo","data":"qwerty"},{"name":"Bar","data":"42"}]}`, "windows-registry-key--36594eba-bcc7-5014-9835-0e154264e588"},
	} {
		got, err := ObservableID(c.kind, []byte(c.in))
		if err != nil || got != c.want {
			t.Errorf("%s: %s, %v", c.kind, got, err)
		}
	}
	if _, err := ObservableID("process", []byte(`{"pid":1}`)); err == nil {
		t.Error("a process has an identifier of its properties")
	}
	two, _ := ObservableID("file", []byte(`{"hashes":{"SHA-256":"a","MD5":"b"}}`))
	if one, _ := ObservableID("file", []byte(`{"hashes":{"MD5":"b"}}`)); one != two {
		t.Error("MD5 does not go first")
	}
}

// RFC 8785 appendix B.
func TestNumbers(t *testing.T) {
	for in, want := range map[string]string{"1E30": "1e+30", "4.50": "4.5", "2e-3": "0.002", "0.000000000000000000000000001": "1e-27", "-0": "0",
		"333333333.33333329": "333333333.3333333", "1e21": "1e+21", "999999999999999900000": "999999999999999900000", "1e-7": "1e-7", "0.000001": "0.000001"} {
		got, err := appendCanonical(nil, json.RawMessage(in))
		if err != nil || string(got) != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
	got, _ := appendCanonical(nil, json.RawMessage(`{"\ud83d\ude00":1,"\ufb33":2,"a":"\u20ac$\u000f\nA'B\"\\\/"}`))
	if want := "{\"a\":\"€$\\u000f\\nA'B\\\"\\\\/\",\"😀\":1,\"\ufb33\":2}"; string(got) != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestTimes(t *testing.T) {
	for in, ok := range map[string]bool{"2016-01-20T12:31:12.123Z": true, "2016-01-20T12:31:12Z": true, "2016-01-20T12:31:12.12345678901234Z": true,
		"2016-01-20T12:31:12.Z": false, "2016-01-20T12:31:12,1Z": false, "2016-01-20 12:31:12Z": false, "2016-01-20T24:31:12Z": false, "2016-01-20T12:31:12z": false,
		"2016-1-20T12:31:12Z": false, "": false, "2016-01-20T12:31:12.12aZ": false} {
		if _, err := ParseTime(in); (err == nil) != ok {
			t.Errorf("%s: %v", in, err)
		}
	}
}

// TestAnyJSON: whatever values stand in an object, it comes out as encoding/json would have it.
func TestAnyJSON(t *testing.T) {
	var value *rapid.Generator[any]
	value = rapid.Custom(func(t *rapid.T) any {
		switch rapid.IntRange(0, 6).Draw(t, "kind") {
		case 0:
			return rapid.SliceOfN(rapid.Deferred(func() *rapid.Generator[any] { return value }), 0, 3).Draw(t, "list")
		case 1:
			return rapid.MapOfN(rapid.String(), rapid.Deferred(func() *rapid.Generator[any] { return value }), 0, 3).Draw(t, "object")
		case 2:
			return json.Number(fmt.Sprint(rapid.Float64().Draw(t, "number")))
		case 3:
			return rapid.Bool().Draw(t, "bool")
		case 4:
			return nil
		}
		return rapid.String().Draw(t, "string")
	})
	rapid.Check(t, func(t *rapid.T) {
		m := map[string]any{"type": "x-any", "id": "x-any--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f", "v": value.Draw(t, "v")}
		b, err := json.MarshalIndent(m, " ", "\t")
		if err != nil {
			t.Skip(err)
		}
		s := DefaultLimits
		s.Depth = 1000
		o, err := parse(b, s)
		if err != nil {
			t.Fatal(err)
		}
		var want bytes.Buffer
		if err := json.Compact(&want, b); err != nil || !bytes.Equal(want.Bytes(), o.JSON()) {
			t.Fatalf("%s, want %s", o.JSON(), want.Bytes())
		}
	})
}

func FuzzReader(f *testing.F) {
	f.Add([]byte(bundle(someIndicator)))
	f.Add([]byte(bundle(with(`"x_custom":{`, `"x_custom":{"s":"\ud83d\ude00",`))))
	f.Add([]byte(`{"objects":[{},[],1,"",null,true]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, r := range []*Reader{NewReader(bytes.NewReader(b), Limits{1 << 16, 8, 5}), NewEnvelopeReader(bytes.NewReader(b), Limits{1 << 16, 8, 5})} {
			n := 0
			for ; n < 20; n++ {
				o, err := r.Next()
				var e *Error
				if err != nil && (!errors.As(err, &e) || e.Fatal) {
					break
				}
				if err != nil {
					continue
				}
				if !json.Valid(o.JSON()) {
					t.Fatalf("no JSON: %q", o.JSON())
				}
				again, err := Parse(o.JSON())
				if err != nil || again.ID() != o.ID() || !bytes.Equal(again.JSON(), o.JSON()) {
					t.Fatalf("read again: %v", err)
				}
			}
			if n == 20 {
				t.Fatal("it does not end")
			}
			if _, err := r.Next(); err == nil {
				t.Fatal("it goes on behind its end")
			}
		}
	})
}

func BenchmarkReader(b *testing.B) {
	objects := slices.Repeat([]string{someIndicator}, 1000)
	in := []byte(bundle(objects...))
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ReadBundle(bytes.NewReader(in), Limits{1 << 20, 32, 1000}); err != nil {
			b.Fatal(err)
		}
	}
}
