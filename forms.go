package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/sekisho/sekisho/auth"
	"github.com/sekisho/sekisho/indicator"
	"github.com/sekisho/sekisho/share"
	"github.com/sekisho/sekisho/share/lists"
	"github.com/sekisho/sekisho/share/misp"
	"github.com/sekisho/sekisho/share/prefix"
	"github.com/sekisho/sekisho/share/webhook"
)

// forms are what is shared besides TAXII: lists, the MISP feed, the prefix list, webhooks. Each is made for a partner when he asks and something has changed, and kept until then.
type forms struct {
	s *sharing

	mu   sync.Mutex
	made map[string]*formsOf // by partner
	age  int                 // of the register: counts changes
	hook *webhook.Sender
}

type formsOf struct {
	mu     sync.Mutex // one maker at a time
	age    int
	prefix *prefix.Server
	feed   *misp.Feed
}

func newForms(s *sharing) *forms { return &forms{s: s, made: map[string]*formsOf{}} }

// startHooks opens the queues of partners who want to be told.
func (f *forms) startHooks() error {
	var all []webhook.Endpoint
	for _, p := range f.s.p.cfg.Share.Partners {
		if p.Webhook == "" {
			continue
		}
		secrets, err := webhookSecrets(p)
		if err != nil {
			return err
		}
		all = append(all, webhook.Endpoint{Name: p.Name, URL: p.Webhook, Secrets: secrets})
	}
	if len(all) == 0 {
		return nil
	}
	var err error
	if f.hook, err = webhook.NewSender(webhook.Config{Log: f.s.p.log, Metrics: f.s.p.metrics}, all...); err != nil {
		return fmt.Errorf("share.partner: %w", err)
	}
	f.s.p.onStop("webhooks", func(context.Context) error { f.hook.Close(); return nil })
	return nil
}

// webhookSecrets reads the secrets of a partner's webhook, one a line: the first signs.
func webhookSecrets(p share.Partner) (all [][]byte, err error) {
	raw, err := os.ReadFile(p.Secret)
	if err != nil {
		return nil, fmt.Errorf("share.partner %s: secret_file: %w", p.Name, err)
	}
	for _, line := range strings.Fields(string(raw)) {
		k, err := webhook.ReadSecret(line)
		if err != nil {
			return nil, fmt.Errorf("share.partner %s: secret_file: %w", p.Name, err)
		}
		all = append(all, k)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("share.partner %s: secret_file: it is empty", p.Name)
	}
	return all, nil
}

// stale notes that something changed.
func (f *forms) stale() {
	f.mu.Lock()
	f.age++
	f.mu.Unlock()
}

// hooks tells partners what changed, each what he may have. What cannot be written down is not told: TAXII has it still.
func (f *forms) hooks(items []share.Item) {
	if f.hook == nil || len(items) == 0 {
		return
	}
	for i := range f.s.p.cfg.Share.Partners {
		p := &f.s.p.cfg.Share.Partners[i]
		if p.Webhook == "" {
			continue
		}
		var his []share.Item
		for _, item := range items {
			if p.May(item) {
				his = append(his, item)
			}
		}
		his = his[:f.s.quota.Take(p, len(his), time.Now())]
		if len(his) == 0 {
			continue
		}
		if err := f.s.given(f.s.p.ctx, p.Name, "webhook", len(his)); err != nil {
			f.s.p.log.Error("a partner was not told, for it could not be written down", "partner", p.Name, "err", err)
			continue
		}
		f.hook.Tell(p.Name, his)
	}
}

// who is the partner that asks, or everybody where the configuration says that lists are public.
func (f *forms) who(r *http.Request) (*share.Partner, int) {
	if r.Header.Get("Authorization") == "" && f.s.p.cfg.Share.Public {
		return share.Everybody, http.StatusOK
	}
	c, err := f.s.client(r)
	if err != nil {
		return nil, http.StatusUnauthorized
	}
	p, ok := f.s.p.cfg.Share.Find(c.Name)
	if !ok || !c.Scopes.Has(auth.Indicators) {
		return nil, http.StatusForbidden
	}
	return p, http.StatusOK
}

// of are a partner's forms as they are now.
func (f *forms) of(ctx context.Context, p *share.Partner) (*formsOf, error) {
	f.mu.Lock()
	x, age := f.made[p.Name], f.age
	if x == nil {
		x = &formsOf{age: -1, prefix: prefix.NewServer()}
		f.made[p.Name] = x
	}
	f.mu.Unlock()
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.age == age {
		return x, nil
	}
	if err := x.prefix.Set(f.s.items(ctx, p, kindsOf[0].kinds...)); err != nil {
		return nil, err
	}
	feed, err := misp.Build(misp.Maker{Name: f.s.maker.Name, UUID: f.s.maker.ID}, f.s.items(ctx, p))
	if err != nil {
		return nil, err
	}
	x.feed, x.age = feed, age
	return x, nil
}

// ServeHTTP serves /share/lists/KIND.txt and .csv, /share/misp/..., /share/prefix/list and /share/prefix/search.
func (f *forms) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p, status := f.who(r)
	if p == nil {
		if status == http.StatusUnauthorized {
			w.Header().Set("WWW-Authenticate", `Bearer realm="sekisho"`)
		}
		http.Error(w, "a key of a partner is needed: `sekisho key add NAME --scope indicators`, and [[share.partner]] of that name", status)
		return
	}
	w.Header().Set("X-Content-Type-Options", "nosniff")
	what, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/share/"), "/")
	switch what {
	case "lists":
		f.list(w, r, p, rest)
	case "misp", "prefix":
		x, err := f.of(r.Context(), p)
		if err != nil {
			f.fail(w, err)
			return
		}
		n := x.feed.Len()
		if what == "prefix" {
			n = 0 // prefixes are nobody's: what is asked for by them is counted
		}
		if !f.allowed(w, r, p, what+" "+rest, n, rest == "manifest.json" || what == "prefix" && rest == "search") {
			return
		}
		if what == "misp" {
			x.feed.ServeHTTP(w, r)
		} else {
			x.prefix.ServeHTTP(w, r)
		}
	default:
		http.NotFound(w, r)
	}
}

// allowed counts what is given against the quota, and writes it down. small is what is neither: it names no indicator, or few.
func (f *forms) allowed(w http.ResponseWriter, r *http.Request, p *share.Partner, what string, n int, small bool) bool {
	if small || p == share.Everybody {
		return true
	}
	if f.s.quota.Take(p, n, time.Now()) < n {
		w.Header().Set("Retry-After", "3600")
		http.Error(w, "today's quota is used up", http.StatusTooManyRequests)
		return false
	}
	if err := f.s.given(r.Context(), p.Name, what, n); err != nil {
		f.fail(w, err)
		return false
	}
	return true
}

func (f *forms) fail(w http.ResponseWriter, err error) {
	f.s.p.log.Error("indicators could not be given", "err", err)
	http.Error(w, "it cannot be given just now; ask again later", http.StatusServiceUnavailable)
}

// listKinds are what lists there are.
var listKinds = map[string][]indicator.Kind{"hosts": {indicator.Host, indicator.Domain}, "urls": {indicator.URL}, "numbers": {indicator.Number, indicator.Range}, "senders": {indicator.Sender},
	"texts": {indicator.Family}, "files": {indicator.Hash}, "all": nil}

func (f *forms) list(w http.ResponseWriter, r *http.Request, p *share.Partner, name string) {
	kind, form, _ := strings.Cut(name, ".")
	kinds, ok := listKinds[kind]
	if !ok || form != "txt" && form != "csv" || form == "txt" && kind == "all" {
		http.NotFound(w, r)
		return
	}
	var b bytes.Buffer
	var n int
	var err error
	if form == "csv" {
		w.Header().Set("Content-Type", "text/csv; charset=utf-8")
		n, err = lists.CSV(&b, f.s.items(r.Context(), p, kinds...))
	} else {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		f.mu.Lock()
		made := f.s.upTo
		f.mu.Unlock()
		n, err = lists.Plain(&b, lists.Head{Maker: f.s.maker.Name, What: kind, TLP: p.Ceiling().String(), Made: made}, f.s.items(r.Context(), p, kinds...))
	}
	if err != nil {
		f.fail(w, err)
		return
	}
	sum := sha256.Sum256(b.Bytes())
	etag := `"` + hex.EncodeToString(sum[:12]) + `"`
	w.Header().Set("ETag", etag)
	w.Header().Set("Cache-Control", "private, max-age=60")
	if r.Header.Get("If-None-Match") == etag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	if f.allowed(w, r, p, "list "+name, n, false) {
		w.Write(b.Bytes())
	}
}
