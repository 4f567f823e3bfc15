package taxii

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sekisho/sekisho/share/stix"
)

const (
	colBoth  = "91a7b528-80eb-42ed-a74d-c6fbd5a26116" // reader reads, both does both, writer writes
	colRead  = "52892447-4d7e-4f70-b94d-d7f22742ff63"
	colWrite = "64993447-4d7e-4f70-b94d-d7f33742ee63"
	colEmpty = "11111111-4d7e-4f70-b94d-d7f33742ee63"

	idIndicator = "indicator--cd981c25-8042-4166-8945-51178443bdac" // three versions
	idMalware   = "malware--c0931cc6-c75e-47e5-9036-78fabc95d4ec"
	idURL       = "url--14f9a3a7-2a8b-5d2f-8a2a-8a0f4d9d7a11" // has no version
	idBothSpecs = "campaign--6f2a8a1c-6a5f-4a36-8c5e-0e2f0f6f7d11"
)

var start = time.Date(2026, 4, 1, 12, 0, 0, 0, time.UTC)

// date is when the nth object of a collection was added.
func date(n int) string { return FormatTime(start.Add(time.Duration(n) * time.Second)) }

func object(t testing.TB, kind, id, spec, modified, more string) stix.Object {
	t.Helper()
	s := `{"type":"` + kind + `","id":"` + id + `"`
	if spec != "" {
		s += `,"spec_version":"` + spec + `"`
	}
	if modified != "" {
		s += `,"created":"2026-01-01T00:00:00.000Z","modified":"` + modified + `"`
	}
	o, err := stix.Parse([]byte(s + more + "}"))
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func someObjects(t testing.TB) []stix.Object {
	return []stix.Object{
		object(t, "indicator", idIndicator, "2.1", "2026-01-01T00:00:00.000Z", `,"name":"one"`),                              // 0
		object(t, "malware", idMalware, "2.1", "2026-01-05T00:00:00.000Z", ``),                                               // 1
		object(t, "indicator", idIndicator, "2.1", "2026-01-03T00:00:00.000Z", `,"name":"three"`),                            // 2
		object(t, "url", idURL, "2.1", "", `,"value":"http://evil.example/"`),                                                // 3
		object(t, "campaign", idBothSpecs, "2.0", "2026-01-09T00:00:00.000Z", `,"name":"old"`),                               // 4
		object(t, "campaign", idBothSpecs, "2.1", "2026-01-08T00:00:00.000Z", `,"name":"new"`),                               // 5
		object(t, "indicator", idIndicator, "2.1", "2026-01-02T00:00:00.000Z", `,"name":"two, late"`),                        // 6
		object(t, "identity", "identity--F431F809-377b-45e0-aa1c-6a4751cae5ff", "2.1", "2026-01-05T00:00:00.123456789Z", ``), // 7
	}
}

type clock struct{ t time.Time }

func newTest(t testing.TB, change func(*Config)) (*Memory, http.Handler) {
	t.Helper()
	who := func(names ...string) func(Caller) bool {
		return func(c Caller) bool {
			for _, n := range names {
				if c.Name == n {
					return true
				}
			}
			return false
		}
	}
	now := &clock{start}
	m, err := NewMemory(MemoryConfig{Now: func() time.Time { return now.t }},
		MemoryCollection{Collection{ID: colBoth, Title: "High value", Alias: "high-value", Description: "d", MediaTypes: []string{stix.MediaType}}, who("reader", "both"), who("writer", "both")},
		MemoryCollection{Collection{ID: colRead, Title: "To read"}, who("reader", "both"), nil},
		MemoryCollection{Collection{ID: colWrite, Title: "To write"}, nil, who("writer")},
		MemoryCollection{Collection{ID: colEmpty, Title: "Empty"}, who("reader"), nil},
	)
	if err != nil {
		t.Fatal(err)
	}
	for n, o := range someObjects(t) {
		now.t = start.Add(time.Duration(n) * time.Second)
		if _, err := m.Put(colBoth, o); err != nil {
			t.Fatal(err)
		}
	}
	now.t = start.Add(time.Hour)
	c := Config{Title: "Sekisho", Description: "Indicators", Contact: "noc@example.com", DefaultPage: 5, MaxPage: 6, MaxObject: 2000, MaxObjects: 4,
		Roots: []Root{{Path: "/api1/", Title: "Partners", Description: "d", MaxContentLength: 4000, Backend: m}, {Path: "/api1/inner/", Title: "Inner", Backend: m}},
		Auth:  Basic(func(user, password string) (Caller, bool) { return Caller{user}, password == "secret" }), Now: func() time.Time { return now.t }}
	if change != nil {
		change(&c)
	}
	s, err := NewServer(c)
	if err != nil {
		t.Fatal(err)
	}
	return m, s
}

// raw sends the text of a request as it stands and reads the response.
func raw(t testing.TB, addr, text, body string) (*http.Response, string) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if body != "" {
		text += fmt.Sprintf("\nContent-Length: %d", len(body))
	}
	text = strings.ReplaceAll(text+"\nConnection: close\n\n", "\n", "\r\n") + body
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	method, _, _ := strings.Cut(text, " ")
	res, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(b)
}

func as(user string) string {
	return "\nAuthorization: Basic " + base64.StdEncoding.EncodeToString([]byte(user+":secret"))
}

const accept = "\nAccept: application/taxii+json;version=2.1"

func get(path string) string {
	return "GET " + path + " HTTP/1.1\nHost: taxii.example.com" + accept + as("reader")
}

func post(path, user string) string {
	return "POST " + path + " HTTP/1.1\nHost: taxii.example.com" + accept + "\nContent-Type: application/taxii+json;version=2.1" + as(user)
}

func del(path, user string) string {
	return "DELETE " + path + " HTTP/1.1\nHost: taxii.example.com" + accept + as(user)
}

func zipped(s string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	io.WriteString(z, s)
	z.Close()
	return b.String()
}

// ids are the names or types of the objects in an envelope, in its order: what a test compares.
func ids(body string) string {
	var e struct {
		More    bool
		Next    string
		Objects []map[string]any
	}
	json.Unmarshal([]byte(body), &e)
	var s []string
	for _, o := range e.Objects {
		switch {
		case o["name"] != nil:
			s = append(s, o["name"].(string))
		case o["type"] != nil:
			s = append(s, o["type"].(string))
		default:
			s = append(s, o["version"].(string))
		}
	}
	if e.More {
		s = append(s, "more")
	}
	return strings.Join(s, "|")
}

// TestDialogues are requests that follow each other.
func TestDialogues(t *testing.T) {
	objects := "/api1/collections/" + colBoth + "/objects/"
	one := objects + idIndicator + "/"
	run := func(t *testing.T) func(request, body string, status int) (http.Header, string) {
		_, h := newTest(t, nil)
		s := httptest.NewServer(h)
		t.Cleanup(s.Close)
		return func(request, body string, status int) (http.Header, string) {
			t.Helper()
			res, b := raw(t, s.Listener.Addr().String(), request, body)
			if res.StatusCode != status {
				t.Fatalf("%d, want %d: %s", res.StatusCode, status, b)
			}
			return res.Header, b
		}
	}
	next := func(t *testing.T, body string) string {
		var e struct{ Next string }
		if json.Unmarshal([]byte(body), &e) != nil || e.Next == "" {
			t.Fatalf("no next: %s", body)
		}
		return e.Next
	}
	t.Run("3.5 by next", func(t *testing.T) {
		do := run(t)
		_, a := do(get(objects+"?limit=2&match[version]=all"), "", 200)
		_, b := do(get(objects+"?limit=3&match[version]=all&next="+next(t, a)), "", 200)
		_, c := do(get(objects+"?limit=3&match[version]=all&next="+next(t, b)), "", 200)
		if got := ids(a) + " " + ids(b) + " " + ids(c); got != "one|malware|more three|url|new|more two, late|identity" {
			t.Error(got)
		}
	})
	t.Run("3.5 by added_after", func(t *testing.T) {
		do := run(t)
		h, a := do(get(objects+"?limit=2"), "", 200)
		h, b := do(get(objects+"?limit=2&added_after="+h.Get("X-TAXII-Date-Added-Last")), "", 200)
		_, c := do(get(objects+"?limit=2&added_after="+h.Get("X-TAXII-Date-Added-Last")), "", 200)
		if got := ids(a) + " " + ids(b) + " " + ids(c); got != "malware|three|more url|new|more identity" {
			t.Error(got)
		}
	})
	t.Run("4.3 status of 5.5", func(t *testing.T) {
		do := run(t)
		_, added := do(post(objects, "both"), `{"objects":[`+string(object(t, "tool", "tool--aaaaaaaa-8042-4166-8945-51178443bdac", "2.1", "2026-01-01T00:00:00.000Z", "").JSON())+`]}`, 202)
		var s Status
		if err := json.Unmarshal([]byte(added), &s); err != nil {
			t.Fatal(err)
		}
		path := "/api1/status/" + s.ID + "/"
		_, again := do(strings.Replace(get(path), as("reader"), as("both"), 1), "", 200)
		if again != added {
			t.Errorf("%s, then %s", added, again)
		}
		do(get(path), "", 404) // it is another's
		_, all := do(get(objects+"?match[type]=tool"), "", 200)
		if ids(all) != "tool" {
			t.Error(all)
		}
	})
	t.Run("5.7 then 5.4, 5.3, 5.6, 5.8", func(t *testing.T) {
		do := run(t)
		do(del(one, "both"), "", 200)
		do(get(one), "", 404)
		do(get(one+"versions/"), "", 404)
		do(del(one, "both"), "", 404)
		_, m := do(get("/api1/collections/"+colBoth+"/manifest/?match[version]=all"), "", 200)
		_, o := do(get(objects+"?match[version]=all"), "", 200)
		if strings.Contains(m+o, idIndicator) {
			t.Error("it is still there")
		}
	})
	t.Run("5.7 of a version", func(t *testing.T) {
		do := run(t)
		do(del(one+"?match[version]=last", "both"), "", 200)
		_, o := do(get(one), "", 200)
		do(get(one+"?match[version]=2026-01-03T00:00:00.000Z"), "", 404)
		_, all := do(get(one+"?match[version]=all"), "", 200)
		if ids(o) != "two, late" || ids(all) != "one|two, late" {
			t.Error(ids(o), ids(all))
		}
	})
}

// A body that does not say how long it is (RFC 9112 §7.1) is as bounded as one that does.
func TestLargeWithoutLength(t *testing.T) {
	_, h := newTest(t, nil)
	s := httptest.NewServer(h)
	defer s.Close()
	var body strings.Builder
	body.WriteString(`{"objects":[]`)
	for i := range 10 {
		fmt.Fprintf(&body, `,"x%d":"%s"`, i, strings.Repeat("a", 1000))
	}
	r, _ := http.NewRequest(http.MethodPost, s.URL+"/api1/collections/"+colBoth+"/objects/", io.MultiReader(strings.NewReader(body.String()+"}")))
	r.Header.Set("Accept", MediaType)
	r.Header.Set("Content-Type", MediaType)
	r.SetBasicAuth("both", "secret")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusRequestEntityTooLarge || r.ContentLength > 0 {
		t.Errorf("%d", res.StatusCode)
	}
}

func TestNewServerRefused(t *testing.T) {
	m, _ := NewMemory(MemoryConfig{})
	auth := func(*http.Request) (Caller, error) { return Caller{}, nil }
	root := Root{Path: "/a/", Title: "A", Backend: m}
	for name, c := range map[string]Config{
		"no title":  {Auth: auth, Roots: []Root{root}},
		"no auth":   {Title: "t", Roots: []Root{root}},
		"no root":   {Title: "t", Auth: auth},
		"discovery": {Title: "t", Auth: auth, Roots: []Root{{Path: "/taxii2/", Title: "A", Backend: m}}},
		"path":      {Title: "t", Auth: auth, Roots: []Root{{Path: "/a", Title: "A", Backend: m}}},
		"dots":      {Title: "t", Auth: auth, Roots: []Root{{Path: "/../", Title: "A", Backend: m}}},
		"twice":     {Title: "t", Auth: auth, Roots: []Root{root, root}},
		"backend":   {Title: "t", Auth: auth, Roots: []Root{{Path: "/a/", Title: "A"}}},
	} {
		if _, err := NewServer(c); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

// What goes wrong inside is told as a number alone.
func TestInnerErrors(t *testing.T) {
	_, h := newTest(t, func(c *Config) {
		c.Auth = func(*http.Request) (Caller, error) { return Caller{}, fmt.Errorf("the password of the database is x") }
	})
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/taxii2/", nil))
	if w.Code != 500 || strings.Contains(w.Body.String(), "password") || !strings.Contains(w.Body.String(), `"error_id":"`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	_, h = newTest(t, func(c *Config) { c.Auth = func(*http.Request) (Caller, error) { return Caller{}, ErrForbidden } })
	w = httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/taxii2/", nil))
	if w.Code != 403 {
		t.Errorf("%d", w.Code)
	}
}

func FuzzServer(f *testing.F) {
	_, h := newTest(f, nil)
	f.Add("GET", "/api1/collections/"+colBoth+"/objects/", "match[version]=first,last&limit=3&next=a-b", MediaType, []byte(nil))
	f.Add("POST", "/api1/collections/"+colBoth+"/objects/", "", MediaType, []byte(`{"objects":[{"type":"tool","id":"tool--aaaaaaaa-8042-4166-8945-51178443bdac"}]}`))
	f.Add("GET", "/api1/collections/high-value/objects/"+idIndicator+"/versions/", "added_after=2026-04-01T12:00:02.999999Z", "application/*;q=0.1", []byte(nil))
	f.Fuzz(func(t *testing.T, method, path, query, accept string, body []byte) {
		if method != "GET" && method != "POST" || strings.ContainsAny(path+query+accept, "\r\n") {
			return
		}
		r := httptest.NewRequest(method, "/", bytes.NewReader(body))
		r.URL.Path, r.URL.RawQuery = path, query
		r.Header.Set("Accept", accept)
		r.Header.Set("Content-Type", MediaType)
		r.SetBasicAuth("both", "secret")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code == 500 || !json.Valid(w.Body.Bytes()) {
			t.Fatalf("%d %q", w.Code, w.Body)
		}
	})
}
