package taxii

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sekisho/sekisho/share/stix"
)

func newClient(t testing.TB, url string, change func(*ClientConfig)) *Client {
	t.Helper()
	c := ClientConfig{URL: url, Plain: true, Authorize: func(r *http.Request) { r.SetBasicAuth("both", "secret") }}
	if change != nil {
		change(&c)
	}
	x, err := NewClient(c)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func TestClientAgainstServer(t *testing.T) {
	m, h := newTest(t, func(c *Config) { c.MaxPage, c.DefaultPage = 2, 2 })
	s := httptest.NewTLSServer(h)
	defer s.Close()
	x := newClient(t, s.URL, func(c *ClientConfig) { c.HTTP, c.Plain = s.Client(), false })
	ctx := t.Context()
	d, err := x.Discover(ctx)
	if err != nil || d.Default != "/api1/" {
		t.Fatalf("%+v, %v", d, err)
	}
	root := d.Default
	if i, err := x.Root(ctx, root); err != nil || i.MaxContentLength != 4000 {
		t.Errorf("%+v, %v", i, err)
	}
	all, err := x.Collections(ctx, root)
	if err != nil || len(all) != 2 || !all[0].CanWrite {
		t.Fatalf("%+v, %v", all, err)
	}
	col := all[0].ID
	if c, err := x.Collection(ctx, root, "high-value"); err != nil || c.ID != col {
		t.Errorf("%+v, %v", c, err)
	}
	read := func(q Query, p Position) (names []string, end Position) {
		t.Helper()
		for page, err := range x.Follow(ctx, root, col, q, p) {
			if err != nil {
				t.Fatal(err)
			}
			for _, o := range page.Objects {
				names = append(names, o.Type())
			}
			end = page.Position
		}
		return names, end
	}
	names, end := read(Query{}, Position{})
	if want := []string{"malware", "indicator", "url", "campaign", "identity"}; !slices.Equal(names, want) || FormatTime(end.After) != date(7) || end.Next != "" {
		t.Errorf("%v up to %+v", names, end)
	}
	if names, again := read(Query{}, end); names != nil || again.After != end.After {
		t.Errorf("%v again", names)
	}
	tool := object(t, "tool", "tool--aaaaaaaa-8042-4166-8945-51178443bdac", "2.1", "2026-01-01T00:00:00.000Z", "")
	st, err := x.Add(ctx, root, col, tool)
	if err != nil || st.Success != 1 {
		t.Fatalf("%+v, %v", st, err)
	}
	if st, err = x.Wait(ctx, root, st, time.Millisecond); err != nil || st.Status != Complete {
		t.Errorf("%+v, %v", st, err)
	}
	if again, err := x.Status(ctx, root, st.ID); err != nil || again.Success != 1 {
		t.Errorf("%+v, %v", again, err)
	}
	if names, end = read(Query{}, end); !slices.Equal(names, []string{"tool"}) || !end.After.After(start) {
		t.Errorf("since: %v", names)
	}
	// A run that broke off goes on where it was, with the same question.
	q := Query{Versions: Versions{All: true}, Limit: 1}
	var got []string
	p := Position{}
	for range 20 {
		for page, err := range x.Follow(ctx, root, col, q, p) {
			if err != nil {
				t.Fatal(err)
			}
			for _, o := range page.Objects {
				got = append(got, o.String("name"))
			}
			p = page.Position
			break
		}
		if p.Next == "" {
			break
		}
	}
	if want := []string{"one", "", "three", "", "new", "two, late", "", ""}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	if o, err := x.Object(ctx, root, col, idIndicator, Versions{First: true}); err != nil || len(o) != 1 || o[0].String("name") != "one" {
		t.Errorf("%v, %v", o, err)
	}
	if v, err := x.Versions(ctx, root, col, idIndicator); err != nil || len(v) != 2 { // of three, by pages of two
		t.Errorf("%v, %v", v, err)
	}
	if r, more, err := x.Manifest(ctx, root, col, Query{Types: []string{"indicator", "malware"}}); err != nil || len(r) != 2 || more {
		t.Errorf("%v %v, %v", r, more, err)
	}
	if err := x.Delete(ctx, root, col, idIndicator, Versions{Last: true}); err != nil {
		t.Error(err)
	}
	if err := x.Delete(ctx, root, col, idIndicator, Versions{}); err != nil {
		t.Error(err)
	}
	if err := x.Delete(ctx, root, col, idIndicator, Versions{}); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	if _, err := x.Add(ctx, root, colRead, tool); !errors.Is(err, ErrForbidden) {
		t.Error(err)
	}
	if m.Len(col) != 6 {
		t.Errorf("%d left", m.Len(col))
	}
	stranger := newClient(t, s.URL, func(c *ClientConfig) { c.HTTP, c.Authorize = s.Client(), nil })
	if _, err := stranger.Discover(ctx); !errors.Is(err, ErrUnauthenticated) {
		t.Error(err)
	}
}

func TestNewClientRefused(t *testing.T) {
	for _, u := range []string{"", "http://a.example/", "https://", "https://user:pw@a.example/", "ftp://a.example/", "://"} {
		if _, err := NewClient(ClientConfig{URL: u}); err == nil || strings.Contains(err.Error(), "pw") {
			t.Errorf("%s: %v", u, err)
		}
	}
}

// Servers that want something of the client that it should not give.
func TestHostileServers(t *testing.T) {
	sent := 0
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { sent++ }))
	defer other.Close()
	page := func(s string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", MediaType)
			io.WriteString(w, s)
		}
	}
	tool := string(object(t, "tool", "tool--aaaaaaaa-8042-4166-8945-51178443bdac", "2.1", "2026-01-01T00:00:00.000Z", "").JSON())
	n := 0
	for _, c := range []struct {
		name string
		h    http.HandlerFunc
		want error
	}{
		{"redirect", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.URL+"/x/", http.StatusFound) }, ErrHost},
		{"redirect in a circle", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path+"a/", http.StatusFound) }, ErrHost},
		{"large", page(`{"x":"` + strings.Repeat("a", 900) + `","objects":[` + tool + `,` + strings.Repeat(tool+",", 20) + tool + `]}`), ErrTooLarge},
		{"other type", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "<html>") }, ErrMedia},
		{"the same next", page(`{"more":true,"next":"x","objects":[` + tool + `]}`), ErrStuck},
		{"no next, no date", page(`{"more":true,"objects":[` + tool + `]}`), ErrStuck},
		{"empty without end", func(w http.ResponseWriter, r *http.Request) {
			n++
			page(fmt.Sprintf(`{"more":true,"next":"%d"}`, n))(w, r)
		}, ErrStuck},
		{"slow", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", MediaType)
			io.WriteString(w, `{"objects":[`)
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}, context.DeadlineExceeded},
	} {
		s := httptest.NewServer(c.h)
		x := newClient(t, s.URL, func(cc *ClientConfig) {
			cc.MaxBody, cc.MaxObject = 2000, 1000
			if c.name == "slow" {
				cc.Timeout = 50 * time.Millisecond
			}
		})
		var err error
		pages := 0
		for _, e := range x.Follow(t.Context(), "/a/", colBoth, Query{}, Position{}) {
			err = e
			if pages++; pages > 300 {
				break
			}
		}
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
		s.Close()
	}
	if sent > 0 {
		t.Error("another host was asked")
	}
	x := newClient(t, "http://a.example/", nil)
	for _, root := range []string{other.URL + "/a/", "//b.example/a/", "https://a.example/", "http://a.example/?x", "a/", "http://a.example@b.example/", "http://x:y@a.example/", "javascript:a"} {
		if _, err := x.Root(t.Context(), root); !errors.Is(err, ErrHost) {
			t.Errorf("%s: %v", root, err)
		}
	}
	for _, part := range []string{"", ".", "..", "a/b"} {
		if _, err := x.Collection(t.Context(), "/a/", part); err == nil {
			t.Errorf("%q is part of an address", part)
		}
	}
}

func TestResponseError(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", MediaType)
		w.Header().Set("Retry-After", "30")
		w.WriteHeader(http.StatusTooManyRequests)
		io.WriteString(w, `{"title":"slow down\n\u001b[31m `+strings.Repeat("a", 300)+`"}`)
	}))
	defer s.Close()
	_, err := newClient(t, s.URL, nil).Discover(t.Context())
	var e *ResponseError
	if !errors.As(err, &e) || e.Code != 429 || e.RetryAfter != 30*time.Second || !strings.HasPrefix(e.Title, "slow down[31m aa") || len(e.Title) > 200 || strings.Contains(err.Error(), "slow") {
		t.Errorf("%+v", e)
	}
}

// Objects of others that are none do not keep the rest of the page away.
func TestPageOfOthers(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/taxii+json; version=2.1")
		w.Header().Set("X-TAXII-Date-Added-Last", "2026-04-01T12:00:00.000001Z")
		io.WriteString(w, `{"objects":[{"type":"tool"},`+string(object(t, "url", idURL, "2.1", "", `,"value":"x"`).JSON())+`,17]}`)
	}))
	defer s.Close()
	p, err := newClient(t, s.URL, nil).Page(t.Context(), "/a", colBoth, Query{}, Position{})
	if err != nil || len(p.Objects) != 1 || len(p.Refused) != 2 || FormatTime(p.Position.After) != "2026-04-01T12:00:00.000001Z" {
		t.Errorf("%+v, %v", p, err)
	}
	var e *stix.Error
	if !errors.As(p.Refused[0], &e) || e.Position != 1 {
		t.Errorf("%v", p.Refused)
	}
}

func FuzzClient(f *testing.F) {
	f.Add(`{"more":true,"next":"x","objects":[{"type":"tool"}]}`, "2026-04-01T12:00:00.000001Z", 200)
	f.Add(`{"title":"x"}`, "", 404)
	f.Fuzz(func(t *testing.T, body, date string, code int) {
		if code < 200 || code > 599 {
			return
		}
		x := newClient(t, "http://a.example/", func(c *ClientConfig) {
			c.HTTP = &http.Client{Transport: answer(func(r *http.Request) *http.Response {
				return &http.Response{StatusCode: code, Header: http.Header{"Content-Type": {MediaType}, "X-Taxii-Date-Added-Last": {date}}, Body: io.NopCloser(strings.NewReader(body)), Request: r}
			})}
		})
		pages := 0
		for _, err := range x.Follow(t.Context(), "/a/", colBoth, Query{}, Position{}) {
			if pages++; pages > 2 && err == nil {
				t.Fatal("the same page again and again")
			}
		}
		x.Discover(t.Context())
		x.Collections(t.Context(), "/a/")
		x.Versions(t.Context(), "/a/", colBoth, idURL)
	})
}

type answer func(*http.Request) *http.Response

func (a answer) RoundTrip(r *http.Request) (*http.Response, error) { return a(r), nil }
