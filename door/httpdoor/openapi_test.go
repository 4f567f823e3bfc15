package httpdoor

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"
)

// wire is openapi.json, by which every answer to a test is checked, and what of it has been seen.
var wire = readWire()

type described struct {
	doc  map[string]any
	mu   sync.Mutex
	seen map[string]bool // "POST /v1/judge 200 application/json"
}

func readWire() *described {
	d := &described{seen: map[string]bool{}}
	if err := json.Unmarshal(document, &d.doc); err != nil {
		panic(err)
	}
	return d
}

// at goes down into the document, past references.
func (d *described) at(v any, keys ...string) map[string]any {
	m, _ := v.(map[string]any)
	for i := 0; ; i++ {
		for m["$ref"] != nil {
			var to any = d.doc
			for _, k := range strings.Split(m["$ref"].(string), "/")[1:] {
				to = to.(map[string]any)[k]
			}
			m, _ = to.(map[string]any)
		}
		if i == len(keys) || m == nil {
			return m
		}
		m, _ = m[keys[i]].(map[string]any)
	}
}

// check compares an answer, and what was asked where that was in order, with the document. Paths and methods that the
// document does not name have to be refused.
func (d *described) check(t testing.TB, r *http.Request, resp *http.Response, body []byte) {
	t.Helper()
	op := d.at(d.doc, "paths", r.URL.Path, strings.ToLower(r.Method))
	if op == nil {
		if resp.StatusCode != 404 && resp.StatusCode != 405 {
			t.Errorf("%s %s is not in openapi.json, and is answered %s", r.Method, r.URL.Path, resp.Status)
		}
		return
	}
	media, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	said := fmt.Sprintf("%s %s %d", r.Method, r.URL.Path, resp.StatusCode)
	answer := d.at(op, "responses", fmt.Sprint(resp.StatusCode))
	if answer == nil {
		t.Errorf("openapi.json does not say %s", said)
		return
	}
	for name, h := range d.at(answer, "headers") {
		spec := d.at(h)
		value := resp.Header.Get(name)
		if value == "" && spec["required"] == true {
			t.Errorf("%s: the header %s is missing", said, name)
		} else if err := d.valid(spec["schema"], value); err != nil {
			t.Errorf("%s: header %s: %v", said, name, err)
		}
	}
	if r.Method == http.MethodHead {
		d.saw(said)
		return
	}
	content := d.at(answer, "content", media)
	if content == nil {
		t.Errorf("openapi.json does not say %s %s", said, media)
		return
	}
	d.saw(said + " " + media)
	if err := d.validBody(content, body); err != nil {
		t.Errorf("%s %s: %v in %.400s", said, media, err, body)
	}
	if resp.StatusCode == 200 && r.GetBody != nil {
		asked, _ := r.GetBody()
		var b bytes.Buffer
		_, _ = b.ReadFrom(asked)
		if media == mediaNDJSON && bytes.Contains(body, []byte(typePrefix)) {
			return // something was wrong with it
		}
		if err := d.validBody(d.at(op, "requestBody", "content", media), b.Bytes()); err != nil {
			t.Errorf("%s: judged, but by openapi.json no message: %v in %.400s", said, err, b.Bytes())
		}
	}
}

func (d *described) saw(what string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.seen[what] = true
}

func (d *described) validBody(content map[string]any, body []byte) error {
	docs, schema := [][]byte{body}, content["schema"]
	line := content["x-line"]
	if line != nil {
		docs, schema = bytes.Split(body, []byte("\n")), line
	}
	for i, b := range docs {
		if line != nil && len(bytes.TrimSpace(b)) == 0 {
			continue
		}
		var v any
		if err := json.Unmarshal(b, &v); err != nil {
			return fmt.Errorf("line %d: %w", i+1, err)
		}
		if err := d.valid(schema, v); err != nil {
			return fmt.Errorf("line %d: %w", i+1, err)
		}
	}
	return nil
}

// valid checks a value against as much of JSON Schema as the document uses, and fails on what it does not know.
func (d *described) valid(schema, v any) error {
	s := d.at(schema)
	for _, k := range slices.Sorted(maps.Keys(s)) {
		if err := d.keyword(s, k, v); err != nil {
			return err
		}
	}
	return nil
}

func (d *described) keyword(s map[string]any, k string, v any) error {
	object, isObject := v.(map[string]any)
	list, isList := v.([]any)
	text, isText := v.(string)
	number, isNumber := v.(float64)
	limit, _ := s[k].(float64)
	bad := false
	switch k {
	case "description", "format":
	case "type":
		types, several := s[k].([]any)
		if !several {
			types = []any{s[k]}
		}
		is := map[any]bool{"object": isObject, "array": isList, "string": isText, "number": isNumber,
			"integer": isNumber && number == float64(int64(number)), "null": v == nil, "boolean": v == true || v == false}
		bad = !slices.ContainsFunc(types, func(t any) bool { return is[t] })
	case "enum":
		bad = !slices.Contains(s[k].([]any), v)
	case "minimum":
		bad = isNumber && number < limit
	case "maximum":
		bad = isNumber && number > limit
	case "minLength":
		bad = isText && utf8.RuneCountInString(text) < int(limit)
	case "maxLength":
		bad = isText && utf8.RuneCountInString(text) > int(limit)
	case "minItems":
		bad = isList && len(list) < int(limit)
	case "maxItems":
		bad = isList && len(list) > int(limit)
	case "required":
		for _, name := range s[k].([]any) {
			if _, ok := object[name.(string)]; isObject && !ok {
				return fmt.Errorf("%s is missing", name)
			}
		}
	case "additionalProperties":
		for name := range object {
			if s[k] == false && d.at(s, "properties")[name] == nil {
				return fmt.Errorf("%s is not in the schema", name)
			}
		}
	case "properties":
		for name, of := range s[k].(map[string]any) {
			if member, ok := object[name]; ok {
				if err := d.valid(of, member); err != nil {
					return fmt.Errorf("%s: %w", name, err)
				}
			}
		}
	case "items":
		for i, member := range list {
			if err := d.valid(s[k], member); err != nil {
				return fmt.Errorf("[%d]: %w", i, err)
			}
		}
	case "oneOf":
		n := 0
		for _, of := range s[k].([]any) {
			if d.valid(of, v) == nil {
				n++
			}
		}
		bad = n != 1
	default:
		return fmt.Errorf("the schema has %q, which this test does not know", k)
	}
	if bad {
		return fmt.Errorf("%s is not %v", k, s[k])
	}
	return nil
}

// TestMain fails where something that openapi.json describes has been seen by no test of this package.
func TestMain(m *testing.M) {
	code := m.Run()
	if code == 0 && !filtered() {
		for _, what := range wire.promised() {
			if !wire.seen[what] {
				fmt.Printf("openapi.json says %s, which no test has seen\n", what)
				code = 1
			}
		}
	}
	os.Exit(code)
}

// filtered reports whether only some of the tests were run.
func filtered() bool {
	return slices.ContainsFunc(os.Args[1:], func(a string) bool {
		name, value, _ := strings.Cut(strings.TrimLeft(a, "-"), "=")
		return slices.Contains([]string{"test.run", "test.skip", "test.fuzz", "test.list", "test.fuzzworker"}, name) && value != ""
	})
}

// promised is every answer of the document.
func (d *described) promised() (all []string) {
	for path, methods := range d.at(d.doc, "paths") {
		for method, op := range d.at(methods) {
			for status, answer := range d.at(op, "responses") {
				said := strings.ToUpper(method) + " " + path + " " + status
				content := d.at(answer, "content")
				if len(content) == 0 {
					all = append(all, said)
				}
				for media := range content {
					all = append(all, said+" "+media)
				}
			}
		}
	}
	slices.Sort(all)
	return all
}

// TestDocumentHasAllRoutes: what the handlers serve is in the document, and the other way round.
func TestDocumentHasAllRoutes(t *testing.T) {
	var served, described []string
	d, err := New(Config{}, Parts{})
	if err != nil {
		t.Fatal(err)
	}
	for path, methods := range d.routes {
		for method := range methods {
			served = append(served, method+" "+path)
		}
	}
	for path, methods := range wire.at(wire.doc, "paths") {
		for method := range wire.at(methods) {
			described = append(described, strings.ToUpper(method)+" "+path)
		}
	}
	slices.Sort(served)
	slices.Sort(described)
	if !slices.Equal(served, described) {
		t.Errorf("served: %v\ndescribed: %v", served, described)
	}
}

// TestDocumentRefuses: of what the decoder refuses in a message for its form, the schema refuses all.
func TestDocumentRefuses(t *testing.T) {
	message := wire.at(wire.doc, "components", "schemas", "Message")
	for _, w := range []string{`{}`, `[]`, `"x"`, `{"text":null}`, `{"text":1}`, `{"text":"x","mode":"enforce"}`, `{"text":"x","to":[]}`,
		`{"text":"x","to":{}}`, `{"text":"x","to":[null]}`, `{"text":"x","route":"P2P"}`, `{"text":"x","id":1}`} {
		var v any
		if err := json.Unmarshal([]byte(w), &v); err != nil {
			t.Fatal(err)
		}
		if wire.valid(message, v) == nil {
			t.Errorf("the schema takes %s", w)
		}
	}
}

// TestDocumentExample: the example is judged.
func TestDocumentExample(t *testing.T) {
	c := start(t, options{})
	example, _ := json.Marshal(wire.at(wire.doc, "paths", judgePath, "post", "requestBody", "content", mediaJSON, "example"))
	if resp, body := c.post(string(example)); resp.StatusCode != 200 {
		t.Errorf("%s %s", resp.Status, body)
	}
	r, _ := http.NewRequest(http.MethodGet, c.url+documentPath, nil)
	r.Header.Set("Accept", "text/html")
	c.do(r)
	r, _ = http.NewRequest(http.MethodHead, c.url+documentPath, nil)
	r.Header.Set("Accept", "text/html")
	c.do(r)
}
