package httpdoor

import (
	"bytes"
	"context"
	"flag"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sekisho/sekisho/auth"
	"github.com/sekisho/sekisho/gate"
	"github.com/sekisho/sekisho/inspect"
	"github.com/sekisho/sekisho/message"
	"github.com/sekisho/sekisho/purpose"
	"github.com/sekisho/sekisho/record"
	"github.com/sekisho/sekisho/subject"
)

var update = flag.Bool("update", false, "rewrite testdata")

// theInspector takes a while to make, and is the same for all.
var theInspector = sync.OnceValues(func() (*inspect.Inspector, error) { return inspect.New(inspect.Config{}) })

var nothing = record.NewRecorder(nil)

// kept is what was recorded.
type kept struct {
	mu   sync.Mutex
	rows []record.Verdict
}

func (k *kept) Put(r record.Appender, _ bool) bool {
	v := *r.(*record.Verdict)
	v.Rules, v.Trial = append([]string(nil), v.Rules...), nil
	k.mu.Lock()
	defer k.mu.Unlock()
	k.rows = append(k.rows, v)
	return true
}

func (k *kept) all() []record.Verdict {
	k.mu.Lock()
	defer k.mu.Unlock()
	return append([]record.Verdict(nil), k.rows...)
}

// refusers are lines whose contracts have opted out.
type refusers map[subject.Line]bool

func (r refusers) Choice(l subject.Line, _ purpose.Purpose) purpose.Choice {
	if r[l] {
		return purpose.OptedOut
	}
	return purpose.Unknown
}

const refuser subject.Line = 819000000001

// checkpoint is a door with all that it needs, behind a real server.
type checkpoint struct {
	*Door
	t       testing.TB
	url     string
	server  *httptest.Server
	kept    *kept
	log     *bytes.Buffer
	metrics *prometheus.Registry
	key     string // may judge
	other   string // may not
}

type options struct {
	cfg   Config
	gate  gate.Inspector // nil: the real one
	http2 bool
	wrap  func(http.Handler) http.Handler
}

func start(t testing.TB, o options) *checkpoint {
	t.Helper()
	in := o.gate
	if in == nil {
		real, err := theInspector()
		if err != nil {
			t.Fatal(err)
		}
		in = real
	}
	var known []*inspect.Rule
	for i := range inspect.Rules {
		known = append(known, &inspect.Rules[i])
	}
	p, err := gate.ReadPolicy("", subject.Japan, known)
	if err != nil {
		t.Fatal(err)
	}
	c := &checkpoint{t: t, kept: &kept{}, log: &bytes.Buffer{}, metrics: prometheus.NewRegistry()}
	var judge, metrics auth.Key
	c.key, judge = auth.NewKey("smsc-1", auth.Judge)
	c.other, metrics = auth.NewKey("prometheus", auth.Metrics)
	keys := new(auth.Keys)
	if err := keys.Replace([]auth.Key{judge, metrics}); err != nil {
		t.Fatal(err)
	}
	c.Door, err = New(o.cfg, Parts{
		Gate:     gate.New(gate.Config{Inspector: in, Policy: p, Senders: 1024, Choices: refusers{refuser: true}}),
		Recorder: record.NewRecorder(c.kept), Keys: keys, Metrics: c.metrics,
		Log: slog.New(slog.NewTextHandler(c.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if err != nil {
		t.Fatal(err)
	}
	var h http.Handler = c.Door
	if o.wrap != nil {
		h = o.wrap(h)
	}
	c.server = httptest.NewUnstartedServer(h)
	c.server.EnableHTTP2 = o.http2
	if o.http2 {
		c.server.StartTLS()
	} else {
		c.server.Start()
	}
	c.url = c.server.URL
	t.Cleanup(func() {
		c.Stop()
		c.server.Close()
		if s := c.log.String(); strings.Contains(s, "9012345678") || strings.Contains(s, "お荷物") {
			t.Errorf("what must not be told is in the log: %s", s)
		}
	})
	return c
}

// request makes a POST to /v1/judge; headers are pairs, and "" takes one away.
func (c *checkpoint) request(ctx context.Context, body io.Reader, headers ...string) *http.Request {
	c.t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url+judgePath, body)
	if err != nil {
		c.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+c.key)
	r.Header.Set("Content-Type", mediaJSON)
	for i := 0; i < len(headers); i += 2 {
		if headers[i+1] == "" {
			r.Header.Del(headers[i])
		} else {
			r.Header.Set(headers[i], headers[i+1])
		}
	}
	return r
}

func (c *checkpoint) do(r *http.Request) (*http.Response, string) {
	c.t.Helper()
	resp, err := c.server.Client().Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatalf("%v after %q", err, b)
	}
	wire.check(c.t, r, resp, b)
	return resp, string(b)
}

func (c *checkpoint) post(body string, headers ...string) (*http.Response, string) {
	c.t.Helper()
	return c.do(c.request(c.t.Context(), strings.NewReader(body), headers...))
}

const fraud = `お荷物をお届けにあがりましたが不在の為持ち帰りました。【ヤマト運輸】ご確認ください http://abcdefgh.duckdns.org`

// blank finds nothing, at once.
type blank struct{}

func (blank) Inspect(_ purpose.Grant, _ *message.Message, r *inspect.Report) bool {
	r.Reset()
	return true
}
