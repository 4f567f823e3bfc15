package console

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// event is a server-sent event as a browser reads it.
type event struct {
	name string
	data map[string]any
}

// watch connects as a browser does and sends what it hears.
func watch(t *testing.T, url, lang string) <-chan event {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "GET", url+"/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept-Language", lang)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != 200 || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream") {
		t.Fatal(resp.Status, resp.Header)
	}
	heard := make(chan event, 100)
	go func() {
		defer close(heard)
		defer resp.Body.Close()
		var e event
		lines := bufio.NewScanner(resp.Body)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			switch k, v, _ := strings.Cut(lines.Text(), ": "); k {
			case "event":
				e.name = v
			case "data":
				_ = json.Unmarshal([]byte(v), &e.data)
			case "":
				if e.name != "" {
					heard <- e
				}
				e = event{}
			}
		}
	}()
	return heard
}

// next is the next event of a name.
func next(t *testing.T, heard <-chan event, name string) map[string]any {
	t.Helper()
	for {
		select {
		case e, ok := <-heard:
			if !ok {
				t.Fatalf("the stream ended before %q", name)
			}
			if e.name == name {
				return e.data
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("no %q", name)
		}
	}
}

func TestLive(t *testing.T) {
	s := lively()
	c := newConsole(Config{Try: true, Origin: "http://127.0.0.1", Now: time.Now}, s)
	srv := httptest.NewUnstartedServer(c)
	srv.Config.WriteTimeout = 400 * time.Millisecond // shorter than the test: the stream must outlive it
	srv.Start()
	defer srv.Close()
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	ended := make(chan struct{})
	go func() { c.Run(ctx); close(ended) }()

	ja, en := watch(t, srv.URL, "ja"), watch(t, srv.URL, "en")
	next(t, ja, "lists")
	next(t, en, "lists")
	for _, e := range examples(t) {
		s.entries <- e
	}
	d := next(t, ja, "entries")
	stopped := d["stopped"].(string)
	if strings.Count(stopped, "<li class=\"card") != 2 || !strings.Contains(stopped, "ダイナミックDNS") || strings.Contains(stopped, "<b>荷物") ||
		strings.Index(stopped, "遮断") > strings.Index(stopped, "警告付き") {
		t.Errorf("stopped: %s", stopped)
	}
	if d["more"].(float64) != 0 || strings.Count(d["all"].(string), "<tr") != 3 {
		t.Errorf("all: %v", d)
	}
	if d := next(t, en, "entries"); !strings.Contains(d["stopped"].(string), "The link stands on dynamic DNS.") {
		t.Errorf("en: %v", d)
	}
	next(t, ja, "now")
	next(t, ja, "now")
	if d := next(t, ja, "now"); !strings.Contains(d["now"].(string), "通／秒") || !strings.Contains(d["system"].(string), "tsubame") {
		t.Errorf("now: %v", d)
	}
	// Who comes later gets what was shown.
	if d := next(t, watch(t, srv.URL, "ja"), "lists"); strings.Count(d["all"].(string), "<tr") != 3 {
		t.Errorf("later: %v", d)
	}
	// A flood is counted, not shown.
	for range 90 {
		s.entries <- examples(t)[2]
	}
	shownNow, more := 0, 0.0
	for float64(shownNow)+more < 90 {
		d := next(t, en, "entries")
		n := strings.Count(d["all"].(string), "<tr")
		if n > batchMost {
			t.Errorf("%d at once", n)
		}
		shownNow, more = shownNow+n, more+d["more"].(float64)
	}
	stop()
	<-ended
	for range ja { // the stream ends, so that the server can
	}
}

func TestTooMany(t *testing.T) {
	c := newConsole(Config{MaxClients: 1}, lively())
	cl := c.hub.join(Japanese, 1)
	if w := get(c, "/events"); w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	c.hub.leave(cl)
	c.hub.leave(cl) // twice does no harm
	if c.hub.join(Japanese, 1) == nil {
		t.Error("no place after one left")
	}
}

func TestSlowBrowserIsDropped(t *testing.T) {
	var h hub
	h.init()
	slow, quick, other := h.join(Japanese, 9), h.join(Japanese, 9), h.join(English, 9)
	for range waiting + 1 {
		h.send(Japanese, []byte("x"))
		<-quick.frames
	}
	n := 0
	for range slow.frames { // ends, since it was closed
		n++
	}
	if n != waiting || len(h.clients) != 2 || len(other.frames) != 0 {
		t.Errorf("%d told, %d left", n, len(h.clients))
	}
	h.close()
	if h.join(English, 9) != nil {
		t.Error("joined after the end")
	}
}

func TestTextsStayOutOfSight(t *testing.T) {
	s := lively()
	c := newConsole(Config{Now: time.Now}, s)
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	go c.Run(ctx)
	cl := c.hub.join(Japanese, 9)
	for _, e := range examples(t) {
		s.entries <- e
	}
	for f := range cl.frames {
		for _, secret := range []string{"ご予約", "荷物", "9000123456", "7000765432"} {
			if strings.Contains(string(f), secret) {
				t.Errorf("%s was told", secret)
			}
		}
		if strings.Contains(string(f), "event: entries") {
			break
		}
	}
	if stopped, _ := c.hub.lists(); len(stopped) != 2 || stopped[0].Text != "" {
		t.Errorf("%+v", stopped)
	}
}

func BenchmarkTell(b *testing.B) {
	s := lively()
	c := newConsole(Config{}, s)
	cl := c.hub.join(Japanese, 1)
	go func() {
		for range cl.frames {
		}
	}()
	e := examples(b)
	var many batch
	b.ReportAllocs()
	for b.Loop() {
		for i := range 250 { // a quarter of a second at 1,000/s
			many.add(e[i%len(e)])
		}
		c.tell(&many)
	}
}
