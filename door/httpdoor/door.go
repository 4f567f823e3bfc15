// Package httpdoor judges messages for SMSCs that ask over HTTP: one message and one verdict, or a stream of messages, a
// line each, and of verdicts in the same order (NDJSON). The SMSC keeps the message and does what it is told; nothing
// is delivered or held here.
//
// The wire is described by openapi.json, which the door serves and a test compares with the handlers. Read
// judge.go for one message, stream.go for many.
package httpdoor

import (
	_ "embed"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sekisho/sekisho/auth"
	"github.com/sekisho/sekisho/gate"
	"github.com/sekisho/sekisho/inspect"
	"github.com/sekisho/sekisho/message"
	"github.com/sekisho/sekisho/record"
	"github.com/sekisho/sekisho/subject"
)

// What the door answers under.
const (
	judgePath    = "/v1/judge"
	documentPath = "/v1/openapi.json"
)

//go:embed openapi.json
var document []byte

// Parts are what a door is made of.
type Parts struct {
	Gate     *gate.Gate
	Recorder *record.Recorder // nil writes nothing
	Keys     *auth.Keys       // nil knows none
	Log      *slog.Logger
	Metrics  prometheus.Registerer
	Home     int // country code by which national numbers are read; 0: Japan's
}

// Door is the HTTP door: an http.Handler for /v1/judge and /v1/openapi.json.
type Door struct {
	gate     *gate.Gate
	recorder *record.Recorder
	keys     *auth.Keys
	log      *slog.Logger
	home     int
	metrics  metrics
	routes   map[string]map[string]handler // by path, by method

	cfg      atomic.Pointer[Config]
	accounts sync.Map     // *account by name; as many as keys have names
	streams  atomic.Int64 // at once
	stopping chan struct{}
	stop     sync.Once

	mu      sync.Mutex
	waiting map[*http.ResponseController]struct{} // streams, to be woken by Stop
}

type handler func(*Door, *exchange)

// account is a client, whatever key it comes with.
type account struct {
	name    string
	limiter auth.Limiter
	streams atomic.Int64 // at once
	terms   atomic.Pointer[terms]
}

// terms are what an account may do, by the configuration that they were read from.
type terms struct {
	of *Config
	Client
}

// New makes a door. It serves at once.
func New(cfg Config, p Parts) (*Door, error) {
	d := &Door{gate: p.Gate, recorder: p.Recorder, keys: p.Keys, log: p.Log, home: p.Home,
		stopping: make(chan struct{}), waiting: make(map[*http.ResponseController]struct{})}
	if d.recorder == nil {
		d.recorder = record.NewRecorder(nil)
	}
	if d.keys == nil {
		d.keys = new(auth.Keys)
	}
	if d.log == nil {
		d.log = slog.New(slog.DiscardHandler)
	}
	if d.home == 0 {
		d.home = subject.Japan
	}
	d.routes = map[string]map[string]handler{
		judgePath:    {http.MethodPost: (*Door).serveJudge},
		documentPath: {http.MethodGet: (*Door).serveDocument, http.MethodHead: (*Door).serveDocument},
	}
	if err := d.Reload(cfg); err != nil {
		return nil, err
	}
	d.metrics.register(p.Metrics, d)
	return d, nil
}

// Reload puts a configuration in force, whole or not at all. Streams go on, with the new rates and modes.
func (d *Door) Reload(cfg Config) error {
	if err := cfg.prepare(); err != nil {
		return err
	}
	d.cfg.Store(&cfg)
	return nil
}

// Stop lets no more messages in: streams are told so behind the last verdict, with the line to go on from, and
// end; what is asked from now on is refused for the time being. For http.Server.RegisterOnShutdown.
func (d *Door) Stop() {
	d.stop.Do(func() {
		close(d.stopping)
		d.mu.Lock()
		defer d.mu.Unlock()
		for rc := range d.waiting {
			_ = rc.SetReadDeadline(time.Now())
		}
	})
}

func (d *Door) stopped() bool {
	select {
	case <-d.stopping:
		return true
	default:
		return false
	}
}

// exchange is a request and its answer.
type exchange struct {
	w       http.ResponseWriter
	r       *http.Request
	rc      *http.ResponseController
	lang    inspect.Language
	cfg     *Config
	account *account
	began   time.Time
}

// ServeHTTP answers a request.
func (d *Door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := &exchange{w: w, r: r, rc: http.NewResponseController(w), lang: language(r.Header), cfg: d.cfg.Load(), began: time.Now()}
	h := w.Header()
	h["X-Content-Type-Options"] = noSniff
	methods, ok := d.routes[r.URL.Path]
	if !ok {
		d.refuse(x, fault{kind: notFound})
		return
	}
	serve, ok := methods[r.Method]
	if !ok {
		h["Allow"] = allowed(methods)
		d.refuse(x, fault{kind: wrongMethod})
		return
	}
	serve(d, x)
}

// Values of header fields that are always the same; a header may share them, since nobody changes them.
var (
	noSniff       = []string{"nosniff"}
	noStore       = []string{"no-store"}
	varyLanguage  = []string{"Accept-Language"}
	typeJSON      = []string{mediaJSON}
	typeNDJSON    = []string{mediaNDJSON}
	typeProblem   = []string{mediaProblem}
	closeAfter    = []string{"close"}
	languageNames = [...][]string{inspect.English: {"en"}, inspect.Japanese: {"ja"}}
)

// admit says who asks, and whether he may; false: he has been told that he may not.
func (d *Door) admit(x *exchange) bool {
	h := x.w.Header()
	header := x.r.Header.Get("Authorization")
	client, err := d.keys.Check(header)
	if err != nil {
		challenge := `Bearer realm="sekisho"`
		if header != "" {
			challenge += `, error="invalid_token"` // RFC 6750 §3.1
		}
		h["Www-Authenticate"] = []string{challenge}
		d.refuse(x, fault{kind: unauthorized})
		return false
	}
	if !client.Scopes.Has(auth.Judge) {
		h["Www-Authenticate"] = []string{`Bearer realm="sekisho", error="insufficient_scope", scope="judge"`}
		d.refuse(x, fault{kind: forbidden})
		return false
	}
	x.account = d.account(client.Name, x.cfg)
	if d.stopped() {
		d.refuse(x, fault{kind: stopping})
		return false
	}
	return true
}

func (d *Door) account(name string, cfg *Config) *account {
	v, ok := d.accounts.Load(name)
	if !ok {
		v, _ = d.accounts.LoadOrStore(name, &account{name: name})
	}
	a := v.(*account)
	a.client(cfg)
	return a
}

// client is what the account may do by this configuration.
func (a *account) client(cfg *Config) *Client {
	t := a.terms.Load()
	if t == nil || t.of != cfg {
		t = &terms{cfg, cfg.client(a.name)}
		a.limiter.Set(t.Rate, t.Burst)
		a.terms.Store(t)
	}
	return &t.Client
}

// serveDocument gives the description of the wire, to anybody.
func (d *Door) serveDocument(x *exchange) {
	if !accepts(x.r.Header, mediaJSON) {
		d.refuse(x, fault{kind: notAcceptable, key: mediaJSON})
		return
	}
	x.w.Header()["Content-Type"] = typeJSON
	d.answer(x, http.StatusOK, document)
}

// answer writes a whole body. Content-Type is set.
func (d *Door) answer(x *exchange, status int, body []byte) {
	x.w.Header()["Content-Length"] = []string{itoa(len(body))}
	_ = x.rc.SetWriteDeadline(time.Now().Add(x.cfg.Write.Duration))
	d.metrics.answered(status)
	x.w.WriteHeader(status)
	if x.r.Method != http.MethodHead {
		_, _ = x.w.Write(body) // whoever is gone gets nothing
	}
}

// prime fills in what a message does not say itself.
func (d *Door) prime(m *message.Message, a *account, cfg *Config) {
	c := a.client(cfg)
	m.Door, m.Account, m.Mode, m.Route = "http", a.name, c.Mode, c.Route
}
