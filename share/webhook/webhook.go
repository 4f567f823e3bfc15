// Package webhook tells partners of changes by signed requests, in the form of Standard Webhooks (standardwebhooks.com): webhook-id, webhook-timestamp and
// webhook-signature, an HMAC-SHA-256 over the three of id, time and body. Each is sent until it is taken or has failed too often; a receiver knows by its id
// what he has had before.
package webhook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	mrand "math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sekisho/sekisho/share"
)

// Endpoint is where a partner hears.
type Endpoint struct {
	Name    string
	URL     string
	Secrets [][]byte // the first signs; others still hold while he changes his
}

// Check says what is wrong with an endpoint.
func (e *Endpoint) Check() error {
	u, err := url.Parse(e.URL)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil {
		return errors.New("a webhook is an address of http or https, without a name in it")
	}
	if len(e.Secrets) == 0 {
		return errors.New("a webhook needs a secret to be signed with")
	}
	for _, s := range e.Secrets {
		if len(s) < 24 {
			return errors.New("a webhook's secret has at least 24 octets")
		}
	}
	return nil
}

// ReadSecret reads a secret as Standard Webhooks writes it: whsec_ and base64.
func ReadSecret(s string) ([]byte, error) {
	b, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(strings.TrimSpace(s), "whsec_"))
	if err != nil || len(b) < 24 || len(b) > 64 {
		return nil, errors.New("a webhook's secret is whsec_ and 24 to 64 octets in base64")
	}
	return b, nil
}

// Change is an indicator in a body.
type Change struct {
	ID         string    `json:"id"`
	Kind       string    `json:"kind"`
	Value      string    `json:"value"`
	Role       string    `json:"role,omitempty"`
	TLP        string    `json:"tlp"`
	Confidence uint8     `json:"confidence"`
	First      time.Time `json:"first"`
	Last       time.Time `json:"last"`
	State      string    `json:"state"` // active, expired, withdrawn
}

type payload struct {
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"`
	Data      struct {
		Indicators []Change `json:"indicators"`
	} `json:"data"`
}

// Config bounds a Sender. Zero values are the defaults named behind them.
type Config struct {
	Client  *http.Client  // nil: one that follows no redirects, with 10 seconds a request
	Queue   int           // messages that wait for one endpoint; 1,000. The oldest makes room
	Tries   int           // of one message; 12
	Pause   time.Duration // before the second try, doubled with each; 2 seconds, an hour at most
	Log     *slog.Logger
	Metrics prometheus.Registerer
	Now     func() time.Time
}

// Most is how many changes one message has.
const Most = 500

// Sender sends to endpoints, each by itself: one that is away holds up no other.
type Sender struct {
	c    Config
	sent *prometheus.CounterVec
	mu   sync.Mutex
	all  map[string]*line
	wg   sync.WaitGroup
	ctx  context.Context
	stop context.CancelFunc
}

type line struct {
	Endpoint
	queue []message
	wake  chan struct{}
}

type message struct {
	id   string
	body []byte
}

// NewSender makes a sender; Close ends it, and what was not taken is lost: partners who read TAXII find it there.
func NewSender(c Config, endpoints ...Endpoint) (*Sender, error) {
	if c.Client == nil {
		c.Client = &http.Client{Timeout: 10 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	if c.Queue <= 0 {
		c.Queue = 1000
	}
	if c.Tries <= 0 {
		c.Tries = 12
	}
	if c.Pause <= 0 {
		c.Pause = 2 * time.Second
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	s := &Sender{c: c, all: map[string]*line{}}
	s.sent = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "sekisho_webhooks_total", Help: "Messages to partners by what became of them: taken, failed, dropped."}, []string{"partner", "outcome"})
	if c.Metrics != nil {
		c.Metrics.MustRegister(s.sent)
	}
	s.ctx, s.stop = context.WithCancel(context.Background())
	for _, e := range endpoints {
		if err := e.Check(); err != nil {
			s.stop()
			return nil, fmt.Errorf("%s: %w", e.Name, err)
		}
		l := &line{Endpoint: e, wake: make(chan struct{}, 1)}
		s.all[e.Name] = l
		s.wg.Go(func() { s.run(l) })
	}
	return s, nil
}

// Close ends it.
func (s *Sender) Close() {
	s.stop()
	s.wg.Wait()
}

// Tell queues changes for an endpoint. It does not wait.
func (s *Sender) Tell(name string, items []share.Item) {
	l := s.all[name]
	for l != nil && len(items) > 0 {
		n := min(Most, len(items))
		p := payload{Type: "indicators.changed", Timestamp: s.c.Now().UTC()}
		for _, i := range items[:n] {
			if i.IsZero() {
				continue
			}
			c := Change{ID: i.ID(), Kind: i.Kind().String(), Value: i.Value(), Role: i.Role().String(), TLP: i.TLP().String(), Confidence: i.Confidence(), First: i.First(), Last: i.Last(), State: "active"}
			if i.Withdrawn() {
				c.State = "withdrawn"
			} else if i.Over() {
				c.State = "expired"
			}
			p.Data.Indicators = append(p.Data.Indicators, c)
		}
		items = items[n:]
		body, err := json.Marshal(p)
		if err != nil {
			return
		}
		s.mu.Lock()
		if len(l.queue) >= s.c.Queue {
			l.queue = l.queue[1:]
			s.sent.WithLabelValues(name, "dropped").Inc()
		}
		l.queue = append(l.queue, message{"msg_" + rand.Text(), body})
		s.mu.Unlock()
		select {
		case l.wake <- struct{}{}:
		default:
		}
	}
}

func (s *Sender) run(l *line) {
	for {
		s.mu.Lock()
		var m message
		if len(l.queue) > 0 {
			m, l.queue = l.queue[0], l.queue[1:]
		}
		s.mu.Unlock()
		if m.body == nil {
			select {
			case <-l.wake:
				continue
			case <-s.ctx.Done():
				return
			}
		}
		s.deliver(l, m)
		if s.ctx.Err() != nil {
			return
		}
	}
}

func (s *Sender) deliver(l *line, m message) {
	pause := s.c.Pause
	for try := 1; ; try++ {
		err := s.post(l, m)
		if err == nil {
			s.sent.WithLabelValues(l.Name, "taken").Inc()
			return
		}
		if s.ctx.Err() != nil {
			return
		}
		if try == s.c.Tries {
			s.sent.WithLabelValues(l.Name, "failed").Inc()
			s.c.Log.Error("a webhook was given up", "partner", l.Name, "tries", try, "err", err)
			return
		}
		t := time.NewTimer(pause/2 + mrand.N(pause))
		select {
		case <-t.C:
		case <-s.ctx.Done():
			t.Stop()
			return
		}
		pause = min(2*pause, time.Hour)
	}
}

func (s *Sender) post(l *line, m message) error {
	r, err := http.NewRequestWithContext(s.ctx, "POST", l.URL, bytes.NewReader(m.body))
	if err != nil {
		return errors.New("its address cannot be asked")
	}
	now := s.c.Now()
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "sekisho")
	r.Header.Set("webhook-id", m.id)
	r.Header.Set("webhook-timestamp", strconv.FormatInt(now.Unix(), 10))
	var sigs []string
	for _, k := range l.Secrets {
		sigs = append(sigs, Sign(k, m.id, now, m.body))
	}
	r.Header.Set("webhook-signature", strings.Join(sigs, " "))
	resp, err := s.c.Client.Do(r)
	if err != nil {
		if u := (*url.Error)(nil); errors.As(err, &u) {
			err = u.Err // without the address, which may bear a secret
		}
		return err
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10))
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("answered %d", resp.StatusCode)
	}
	return nil
}

// Sign is the signature of a message.
func Sign(secret []byte, id string, at time.Time, body []byte) string {
	h := hmac.New(sha256.New, secret)
	fmt.Fprintf(h, "%s.%d.", id, at.Unix())
	h.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(h.Sum(nil))
}

// Tolerance is how far a receiver's clock may be off.
const Tolerance = 5 * time.Minute

// Verify is for receivers: it says whether a message is from who has the secret, and not old.
func Verify(secret []byte, h http.Header, body []byte, now time.Time) error {
	sec, err := strconv.ParseInt(h.Get("webhook-timestamp"), 10, 64)
	if err != nil {
		return errors.New("webhook-timestamp is no time")
	}
	at := time.Unix(sec, 0)
	if d := now.Sub(at); d > Tolerance || d < -Tolerance {
		return errors.New("the message is older, or newer, than five minutes")
	}
	want := Sign(secret, h.Get("webhook-id"), at, body)
	for sig := range strings.SplitSeq(h.Get("webhook-signature"), " ") {
		if hmac.Equal([]byte(sig), []byte(want)) {
			return nil
		}
	}
	return errors.New("the signature is not right")
}
