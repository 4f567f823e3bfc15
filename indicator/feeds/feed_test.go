package feeds

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sekisho/sekisho/indicator"
	"github.com/sekisho/sekisho/settings"
)

func hosts(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "h%d.example\n", i)
	}
	return b.String()
}

// giver is a server of one list, which changes.
type giver struct {
	body    atomic.Value // string
	asked   atomic.Int32
	handler atomic.Value // http.HandlerFunc
}

func (g *giver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.asked.Add(1)
	if h, _ := g.handler.Load().(http.HandlerFunc); h != nil {
		h(w, r)
		return
	}
	body := g.body.Load().(string)
	etag := fmt.Sprintf(`"%d"`, len(body))
	if r.Header.Get("If-None-Match") == etag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	w.Header().Set("ETag", etag)
	io.WriteString(w, body)
}

// A feed that turns empty, huge, short, broken or a bomb is refused, and the last good one stays in force.
func TestFeed(t *testing.T) {
	g := &giver{}
	g.body.Store(hosts(100))
	srv := httptest.NewServer(g)
	defer srv.Close()
	dir, changes := t.TempDir(), 0
	configs := []Config{{Name: "hosts", URL: srv.URL + "/hosts.txt", Max: 1 << 20, Inside: true, Licence: "CC0"}}
	reg := prometheus.NewRegistry()
	f, err := New(dir, configs, nil, func() { changes++ }, slog.New(slog.DiscardHandler), reg)
	if err != nil {
		t.Fatal(err)
	}
	inForce := func() int {
		t.Helper()
		x, _, err := indicator.Load(t.Context(), f.Files(), nil)
		if err != nil {
			t.Fatal(err)
		}
		return x.Len()
	}
	if n := inForce(); n != 0 {
		t.Errorf("%d before the first", n)
	}
	if err := f.Fetch(t.Context(), "hosts"); err != nil || inForce() != 100 || changes != 1 {
		t.Fatalf("%v, %d in force, %d changes", err, inForce(), changes)
	}
	if err := f.Fetch(t.Context(), "hosts"); err != nil || changes != 1 { // as it was
		t.Errorf("%v, %d changes", err, changes)
	}
	bomb := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		zeros := make([]byte, 1<<20)
		for range 200 {
			if _, err := z.Write(zeros); err != nil {
				return
			}
		}
		z.Close()
	}
	long := func(w http.ResponseWriter, r *http.Request) {
		for range 1024 {
			if _, err := w.Write(bytes.Repeat([]byte("a"), 1<<20)); err != nil || r.Context().Err() != nil {
				return
			}
		}
	}
	loop := func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/again", http.StatusFound) }
	for what, c := range map[string]struct {
		body string
		h    http.HandlerFunc
		says string
	}{
		"empty": {"", nil, "empty"}, "remarks only": {"# nothing today\n", nil, "empty"}, "short": {hosts(5), nil, "swing"}, "huge": {hosts(5000), nil, "swing"},
		"broken": {hosts(100) + "<html>not found</html>\n", nil, "line 101"}, "a bomb": {"", bomb, "more than 1048576"}, "one long line": {"", long, "more than 1048576"},
		"a loop": {"", loop, "redirects"}, "an error": {"", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }, "500"},
		"not gzip": {"", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			io.WriteString(w, "plain")
		}, "gzip"},
	} {
		g.body.Store(c.body)
		g.handler.Store(c.h)
		err := f.Fetch(t.Context(), "hosts")
		if err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), srv.URL) {
			t.Errorf("%s: %v", what, err)
		}
		if n := inForce(); n != 100 {
			t.Errorf("%s: %d in force", what, n)
		}
		if st := f.Status()[0]; st.Failed == "" || st.Entries != 100 || st.Licence != "CC0" || st.Taken.IsZero() {
			t.Errorf("%s: %+v", what, st)
		}
	}
	if _, err := reg.Gather(); err != nil {
		t.Error(err)
	}
	// After a restart the last good one is there, and is asked about by its tag.
	g.handler.Store(http.HandlerFunc(nil))
	g.body.Store(hosts(100))
	f, err = New(dir, configs, nil, nil, slog.New(slog.DiscardHandler), nil)
	if err != nil || inForce() != 100 {
		t.Fatal(err)
	}
	if st := f.Status()[0]; st.Entries != 100 || st.Taken.IsZero() {
		t.Errorf("%+v", st)
	}
	if f.Fetch(t.Context(), "nothing") == nil {
		t.Error("a feed that there is not")
	}
}

func TestRun(t *testing.T) {
	g := &giver{}
	g.body.Store(hosts(3))
	srv := httptest.NewServer(g)
	defer srv.Close()
	told := make(chan struct{}, 1)
	entries := []indicator.Entry{{Kind: indicator.Number, Value: "+81120444444", Confidence: 70, First: time.Now(), Last: time.Now(), Status: indicator.Active},
		{Kind: indicator.Number, Value: "+819012345678", Role: indicator.RoleVictim, First: time.Now(), Last: time.Now(), Status: indicator.Active}}
	fetchers := map[string]Fetcher{"misp": func(context.Context, *http.Client, *Config, string) ([]indicator.Entry, error) { return entries, nil }}
	f, err := New(t.TempDir(), []Config{{Name: "a", URL: srv.URL, Inside: true, Every: settings.Duration{Duration: time.Minute}}, {Name: "m", URL: srv.URL, Form: "misp"}}, fetchers,
		func() { told <- struct{}{} }, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { f.Run(ctx); close(done) }()
	for range 2 {
		select {
		case <-told:
		case <-time.After(5 * time.Second):
			t.Fatal("not fetched")
		}
	}
	cancel()
	<-done
	x, _, err := indicator.Load(t.Context(), f.Files(), nil)
	if err != nil || x.Len() != 4 || !x.LookupLine(81120444444).Bad || x.LookupLine(819012345678).Bad {
		t.Errorf("%d in force: %v", x.Len(), err)
	}
}

func TestConfig(t *testing.T) {
	for _, c := range []Config{{}, {Name: "../x", URL: "https://a.example/"}, {Name: "a", URL: "file:///etc/passwd"}, {Name: "a", URL: "https://a.example/", Form: "pdf"}, {Name: "a", URL: "https://a.example/", Form: "taxii"},
		{Name: "a", URL: "https://a.example/", Every: settings.Duration{Duration: time.Second}}, {Name: "a", URL: "https://a.example/", Kind: "car"}, {Name: "a", URL: "https://a.example/", Swing: 0.5}} {
		if c.Check() == nil {
			t.Errorf("%+v was taken", c)
		}
	}
	dir := t.TempDir()
	if _, err := New(dir, []Config{{Name: "a", URL: "https://a.example/"}, {Name: "a", URL: "https://a.example/"}}, nil, nil, nil, nil); err == nil {
		t.Error("two of one name")
	}
	if left, _ := os.ReadDir(dir); len(left) > 1 {
		t.Error(left)
	}
}

// Nothing inside is asked, however it is written, and whatever the name server says the second time.
func TestGuard(t *testing.T) {
	for _, s := range []string{"127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fc00::1", "::ffff:10.0.0.1",
		"64:ff9b::a00:1", "2002:7f00:1::", "2001:db8::1", "ff02::1"} {
		if Public(netip.MustParseAddr(s)) {
			t.Errorf("%s is public", s)
		}
	}
	for _, s := range []string{"8.8.8.8", "2606:4700:4700::1111", "203.0.112.1"} {
		if !Public(netip.MustParseAddr(s)) {
			t.Errorf("%s is not public", s)
		}
	}
	for _, a := range []string{"8.8.8.8:22", "8.8.8.8:25", "[::1]:80", "127.0.0.1:443", "x"} {
		if Guard("tcp4", a, nil) == nil && Guard("tcp6", a, nil) == nil {
			t.Errorf("%s may be asked", a)
		}
	}
	if Guard("udp4", "8.8.8.8:443", nil) == nil {
		t.Error("UDP may be asked")
	}
	srv := httptest.NewServer(&giver{})
	defer srv.Close()
	_, port, _ := net.SplitHostPort(srv.Listener.Addr().String())
	for _, u := range []string{srv.URL, "http://localhost:" + port, "http://[::ffff:127.0.0.1]:" + port} {
		if _, err := NewClient(5*time.Second, false).Get(u); !errors.Is(err, ErrInside) {
			t.Errorf("%s: %v", u, err)
		}
	}
	// A list outside cannot lead inside either, and takes no secret along.
	away := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			t.Error("a secret went elsewhere")
		}
	}))
	defer away.Close()
	from := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, away.URL, http.StatusFound) }))
	defer from.Close()
	r, _ := http.NewRequest("GET", from.URL, nil)
	r.Header.Set("Authorization", "Bearer secret")
	if _, err := NewClient(5*time.Second, true).Do(r); err != nil {
		t.Error(err)
	}
}
