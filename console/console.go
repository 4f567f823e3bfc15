// Package console is the web pages operators work in. Each page answers one question, has a file of its own (cases.go and cases.html) and
// asks for what it shows, and for what its buttons do, through a small interface, which main gives it; a page without its source is not there.
// The console keeps nothing but the last few verdicts.
//
// People sign in by passkeys (package auth); each page is for those who have one of its roles, and what changes something needs a form that the
// person was given. A host that is not ours is refused, so that no page of the web can read it through a name that suddenly points to 127.0.0.1.
package console

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/sekisho/sekisho/message"
	"github.com/sekisho/sekisho/subject"
)

// Config is what an operator may set.
type Config struct {
	Origin     string         // where browsers find it; http://localhost:8470 where empty
	Try        bool           // traffic is simulated: the page says so, and may show texts
	Version    string         // shown at the foot
	MaxClients int            // browsers that may watch at once; 64 where zero
	Location   *time.Location // of the times shown until the browser writes them in its own; time.Local where nil
	Log        *slog.Logger   // slog.Default where nil
	Now        func() time.Time
}

// Feed is where verdicts come from as they are made.
type Feed interface {
	// Subscribe returns a channel that is closed when ctx ends. Who writes to it must drop what finds no room,
	// never wait: the console may be slow, and the counts come from Health and Counts.
	Subscribe(ctx context.Context) <-chan Entry
}

// Counts are the kept figures.
type Counts interface {
	// Minutes returns the last n minutes, the oldest first; minutes without messages may be left out.
	Minutes(ctx context.Context, n int) ([]Minute, error)
}

// Health says how the program is. It is asked once a second and must not wait.
type Health interface {
	Status() Status
}

// Sources are where the pages' contents come from. The first four may not be nil; a page whose source is nil is not there.
type Sources struct {
	Feed       Feed
	Counts     Counts
	Health     Health
	Doorman    Doorman
	Campaigns  Campaigns
	Search     Search
	Messages   Messages
	Reports    Reports
	Indicators Indicators
	Ledger     Ledger
	System     System
	People     People
}

// Entry is one verdict about one recipient. Numbers are masked by the page; Text is shown in try only.
type Entry struct {
	ID        string
	Time      time.Time
	Route     message.Route
	Account   string
	From, To  subject.Address
	Class     message.Class
	PPhishing float32
	PBad      float32
	Outcome   message.Outcome // what policy says
	Do        message.Outcome // what was done
	Mode      Mode
	Bypass    bool // Do is what it is because stopping was switched off
	Unjudged  bool // the recipient opted out, or the sender is exempt: nothing was looked at
	Reasons   []Reason
	Text      string // simulated text; dropped unless Config.Try
}

// Reason is a finding as people read it.
type Reason struct {
	Rule   string
	Why    [2]string // the whole sentence, by Language
	Weight float32   // how much it counted, in nats; the heaviest are shown first
}

// Mode is how far judging may go.
type Mode string

const (
	Observe Mode = "observe" // judge and record, never act
	Warn    Mode = "label"   // label, stop nothing
	Enforce Mode = "enforce" // do what the verdict says
	Mixed   Mode = "mixed"   // accounts or routes differ
)

// Totals count messages by route and outcome.
type Totals [message.Routes][message.Outcomes]uint64

// Minute counts the verdicts of one minute, by what policy said.
type Minute struct {
	Start  time.Time
	Totals Totals
}

// Status is how the program is now.
type Status struct {
	Mode         Mode
	Bypass       bool      // all stopping is switched off
	BypassItself bool      // not by hand, but because judging fell behind
	BypassSince  time.Time // zero where not known
	Totals       Totals    // verdicts since the start, by what policy said
	Judging      Delay     // how long judging takes
	Queues       []Queue
	Binds        []Bind
}

// Delay are percentiles of the last minute; zero where nothing was measured.
type Delay struct{ P50, P99 time.Duration }

// Queue is one that records or evidence wait in.
type Queue struct {
	Name     string
	Len, Cap int
	Dropped  uint64
}

// Bind is a peer that messages come from or go to.
type Bind struct {
	Name     string
	Upstream bool // an SMSC that we bind to; otherwise an ESME that binds to us
	Up, Want int  // sessions bound; wanted ones, 0 where that is the peer's choice
}

// Console serves the pages. Run must run while it does.
type Console struct {
	cfg    Config
	own    string // the host of Origin
	src    Sources
	hub    hub
	mux    *http.ServeMux
	places []place
	kept   sync.Mutex // guards what follows, which Counts said last
	asked  time.Time
	last   []Minute
	err    error
}

// New makes the console.
func New(cfg Config, src Sources) *Console {
	if cfg.Origin == "" {
		cfg.Origin = "http://localhost:8470"
	}
	cfg.Origin = strings.TrimRight(cfg.Origin, "/")
	if cfg.MaxClients <= 0 {
		cfg.MaxClients = 64
	}
	if cfg.Location == nil {
		cfg.Location = time.Local
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	c := &Console{cfg: cfg, src: src, mux: http.NewServeMux()}
	if u, err := url.Parse(cfg.Origin); err == nil {
		c.own = strings.ToLower(u.Hostname())
	}
	c.hub.init()
	c.mux.HandleFunc("GET /static/{name}", c.static)
	c.signPages()
	c.overviewPage()
	c.campaignsPage()
	c.searchPage()
	c.carePage()
	c.reportsPage()
	c.indicatorsPage()
	c.ledgerPage()
	c.systemPage()
	c.peoplePage()
	return c
}

// ServeHTTP serves the pages.
func (c *Console) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.Guard(http.HandlerFunc(c.serve)).ServeHTTP(w, r)
}

func (c *Console) serve(w http.ResponseWriter, r *http.Request) {
	// One name only in try, so that cookies and, later, passkeys belong to it.
	if host := hostname(r.Host); c.cfg.Try && c.own == "localhost" && host != c.own {
		to := c.cfg.Origin + "/"
		if p := r.URL.EscapedPath(); strings.HasPrefix(p, "/") {
			to = c.cfg.Origin + p
		}
		if r.URL.RawQuery != "" {
			to += "?" + r.URL.RawQuery
		}
		http.Redirect(w, r, to, http.StatusTemporaryRedirect)
		return
	}
	secure(w.Header(), strings.HasPrefix(c.cfg.Origin, "https:"))
	if r.Method == http.MethodGet {
		if l, ok := parseLanguage(r.URL.Query().Get("lang")); ok {
			c.keepLanguage(w, l)
			q := r.URL.Query()
			q.Del("lang")
			to := url.URL{Path: within(r.URL.Path), RawQuery: q.Encode()}
			http.Redirect(w, r, to.String(), http.StatusSeeOther)
			return
		}
	}
	c.mux.ServeHTTP(w, r)
}

// minutes asks for the kept figures at most every two seconds, however many browsers watch, and whether or not
// there is an answer: a store in trouble is not asked more often.
func (c *Console) minutes(ctx context.Context) ([]Minute, error) {
	c.kept.Lock()
	defer c.kept.Unlock()
	if c.asked.IsZero() || c.cfg.Now().Sub(c.asked) > 2*time.Second {
		// The answer is for all who watch, not only for him who may be leaving.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		c.last, c.err = c.src.Counts.Minutes(ctx, 60)
		c.asked = c.cfg.Now()
		if c.err != nil {
			c.cfg.Log.Warn("console: the counts cannot be read", "err", c.err)
		}
	}
	return c.last, c.err
}
