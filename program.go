package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/sekisho/sekisho/audit"
	"github.com/sekisho/sekisho/auth"
	"github.com/sekisho/sekisho/consent"
	"github.com/sekisho/sekisho/console"
	"github.com/sekisho/sekisho/detect"
	"github.com/sekisho/sekisho/door/httpdoor"
	"github.com/sekisho/sekisho/door/reportdoor"
	"github.com/sekisho/sekisho/door/smppdoor"
	"github.com/sekisho/sekisho/gate"
	"github.com/sekisho/sekisho/indicator"
	"github.com/sekisho/sekisho/indicator/feeds"
	"github.com/sekisho/sekisho/inspect"
	"github.com/sekisho/sekisho/record"
	"github.com/sekisho/sekisho/store"
	"github.com/sekisho/sekisho/stream"
)

// program is the running checkpoint: everything, put together. It can be started inside a test.
type program struct {
	cfg       Config
	path      string // of the configuration file; empty in try
	log       *slog.Logger
	metrics   *prometheus.Registry
	started   time.Time
	indicator indicator.Set
	register  *indicator.Register // of entries, beside the lists
	watcher   *indicator.Watcher
	feeds     *feeds.Set
	consent   *consent.Register
	inspector *inspect.Inspector
	gate      *gate.Gate
	store     *store.Store
	stream    *stream.Stream
	queue     *stream.Queue
	key       *record.Key    // of pseudonyms
	seal      *record.Sealer // of held texts
	keys      *auth.Keys
	feed      *feed
	smpp      *smppdoor.Door
	open      atomic.Bool // ESMEs can bind
	http      *httpdoor.Door
	console   *console.Console
	signIn    *auth.SignIn
	pages     net.Addr // where the console listens

	registering  sync.Mutex
	registerBase time.Time // when the base of the register was read

	desk      *desk
	shortCode *shortCode // nil where subscribers report to none
	reports   *reportdoor.Door
	share     *sharing
	lookup    *looking

	campaigns  *detect.Campaigns
	domains    *detect.Domains
	infections *infections
	witnesses  *audit.Witnesses
	ledgerKey  *audit.Key    // signs its checkpoints
	names      consent.Names // of contracts
	contracts  sync.Mutex    // held while events of contracts are written and put in force

	ctx    context.Context // ends when the program stops working, after its doors are shut
	cancel context.CancelFunc
	wg     sync.WaitGroup
	stops  []stop // what is to be undone at the end, last first
	mu     sync.Mutex
	delays []gate.Delays // of the last minute, one for every five seconds
	bypass time.Time     // since when it is on
}

type stop struct {
	name string
	f    func(context.Context) error
}

// startProgram starts everything in the order of its needs; what has been started is stopped again where a later
// part fails. try adds what only the demonstration shows.
func startProgram(ctx context.Context, cfg Config, path string, log *slog.Logger, try *tryFeed) (*program, error) {
	p := &program{cfg: cfg, path: path, log: log, metrics: prometheus.NewRegistry(), started: time.Now()}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for _, step := range []func(context.Context) error{
		p.startData, p.makeFeeds, p.startJudging, p.startRecords,
		p.startReports, p.startShare, p.startLookup, p.makeSMPP,
		func(ctx context.Context) error { return p.startPages(ctx, try) },
		p.startSMPP, p.startControl,
	} {
		if err := step(ctx); err != nil {
			p.stop(context.Background())
			return nil, err
		}
	}
	debug.FreeOSMemory() // what loading the lists left behind
	return p, nil
}

func (p *program) onStop(name string, f func(context.Context) error) {
	p.stops = append(p.stops, stop{name, f})
}

// stop ends everything in reverse order: doors first, so that nothing new comes and what is outstanding is
// answered, then what the doors work with.
func (p *program) stop(ctx context.Context) error {
	var errs []error
	for i := len(p.stops) - 1; i >= 0; i-- {
		if err := p.stops[i].f(ctx); err != nil {
			errs = append(errs, fmt.Errorf("stopping %s: %w", p.stops[i].name, err))
		}
	}
	p.stops = nil
	return errors.Join(errs...)
}

// startJudging loads everything that judging reads: lists, choices, model, policy.
func (p *program) startJudging(ctx context.Context) error {
	files, err := p.cfg.indicatorFiles()
	if err != nil {
		return err
	}
	p.register = indicator.NewRegister(&p.indicator)
	p.watcher = indicator.NewWatcher(&p.indicator, append(files, p.feeds.Files()...), p.log, p.metrics)
	warnings, err := p.watcher.Reload(ctx, nil)
	if err != nil {
		return fmt.Errorf("indicators: %w", err)
	}
	for _, w := range warnings {
		p.log.Warn("indicators: " + w.String())
	}
	if p.consent, err = p.cfg.readConsent(ctx); err != nil {
		return err
	}
	if p.inspector, err = inspect.New(p.inspectConfig()); err != nil {
		return err
	}
	policy, err := p.cfg.readPolicy()
	if err != nil {
		return err
	}
	if err := p.startStream(); err != nil {
		return err
	}
	p.gate = gate.New(gate.Config{Inspector: p.inspector, Choices: p.consent, Policy: policy, Campaigns: p.campaigns, Domains: p.domains, Metrics: p.metrics})
	if byHand, err := os.ReadFile(p.bypassFile()); err == nil && string(byHand) == bypassOn {
		p.gate.SetBypass(true)
		p.bypass = time.Now()
		p.log.Warn("BYPASS IS ON: nothing is stopped, until `sekisho bypass off`")
	}
	p.background(func(ctx context.Context) { p.watcher.Run(ctx, 5*time.Second) })
	p.background(p.feeds.Run)
	p.background(p.gate.Watch)
	p.background(p.watchDelays)
	return nil
}

func (p *program) inspectConfig() inspect.Config {
	return inspect.Config{Model: p.cfg.Inspect.Model, Brands: p.cfg.Inspect.Brands, Home: p.cfg.Home,
		Indicators: func() inspect.Lookup { return p.register.View() }}
}

func (c *Config) readConsent(ctx context.Context) (*consent.Register, error) {
	r, err := consent.NewRegister(consent.Config{Home: c.Consent.Home})
	if err != nil {
		return nil, fmt.Errorf("consent.home: %w", err)
	}
	if c.Consent.File == "" {
		return r, nil
	}
	f, err := os.Open(c.Consent.File)
	if err != nil {
		return nil, fmt.Errorf("consent.file: %w", err)
	}
	defer f.Close()
	if _, err := r.ImportCSV(ctx, f, c.Consent.File); err != nil {
		return nil, fmt.Errorf("consent.file: %w", err)
	}
	return r, nil
}

// background runs f until the program stops working.
func (p *program) background(f func(context.Context)) {
	p.wg.Go(func() { f(p.ctx) })
}

// startRecords opens the store and the stream, and what goes from the one to the other.
func (p *program) startRecords(ctx context.Context) error {
	var err error
	if p.store, err = store.Open(ctx, p.cfg.dsn(), p.log, p.metrics); err != nil {
		return err
	}
	p.onStop("the store", func(context.Context) error { return p.store.Close() })
	secret, err := ownSecret(ctx, p.cfg.Data, p.store)
	if err != nil {
		return err
	}
	if p.key, err = record.NewKey(secret); err != nil {
		return err
	}
	if p.seal, err = record.NewSealer(secret, p.store); err != nil {
		return err
	}
	unsure, err := p.store.HeldIn(ctx, store.StateReleasing, 100)
	if err != nil {
		return err
	}
	for _, h := range unsure {
		p.log.Warn("a held message was being released when the checkpoint ended; whether the SMSC has it is not known, and it is not sent again", "id", h.ID, "account", h.Account)
	}
	p.stream, err = stream.Open(ctx, stream.Config{Dir: filepath.Join(p.cfg.Data, "stream"), URL: p.cfg.Stream.URL,
		MaxBytes: p.cfg.Stream.MaxBytes, Replicas: p.cfg.Stream.Replicas}, p.log, p.metrics)
	if err != nil {
		return err
	}
	p.onStop("the stream", func(context.Context) error { p.stream.Close(); return nil })
	if p.queue, err = p.stream.Queue(stream.QueueConfig{Seal: p.key.SealBatch}, p.metrics); err != nil {
		return err
	}
	p.onStop("the readers of records", func(context.Context) error {
		p.cancel()
		p.wg.Wait()
		return nil
	})
	p.onStop("the queue of records", p.queue.Close)
	p.background(func(ctx context.Context) { p.stream.Keep(ctx, stream.ReadConfig{Wait: time.Second}, p.store.Counts()) })
	p.background(func(ctx context.Context) {
		p.stream.Keep(ctx, stream.ReadConfig{Wait: 30 * time.Second, Bytes: 8 << 20}, p.store.Passed())
	})
	p.background(p.expire)
	if err := p.loadContracts(ctx); err != nil {
		return err
	}
	if err := p.startLedger(ctx); err != nil {
		return err
	}
	p.startInfected()
	p.feed = newFeed(p.queue)
	p.feed.infections = p.infections
	p.feed.bypassed = func() bool { byHand, byItself := p.gate.Bypass(); return byHand || byItself }
	p.keys = &auth.Keys{}
	return p.loadKeys(ctx)
}

func (c *Config) dsn() string {
	if c.Store.DSN != "" {
		return c.Store.DSN
	}
	return "sqlite:" + filepath.Join(c.Data, "records.db")
}

// expire deletes what has been kept long enough.
func (p *program) expire(ctx context.Context) {
	tick := time.NewTicker(10 * time.Minute)
	defer tick.Stop()
	for {
		r := p.cfg.Retention
		if _, err := p.store.Expire(ctx, time.Now().UnixMicro(), store.Retentions{Counts: r.Counts.Duration,
			Stopped: r.Stopped.Duration, Passed: r.Delivered.Duration, Held: r.Held.Duration, Cases: r.Cases.Duration, Against: r.Against.Duration, Reports: r.Reports.Duration}); err != nil && ctx.Err() == nil {
			p.log.Error("old records could not be deleted", "err", err)
		}
		// A held text is gone for good when the key of its day is: a day after the last message of that day must have ended.
		last := record.SealDay(time.Now().Add(-p.cfg.SMPP.Stopped.Expires.Duration - r.Held.Duration - 2*day))
		if err := p.store.EraseSealKeys(ctx, last); err != nil && ctx.Err() == nil {
			p.log.Error("old keys could not be destroyed", "err", err)
		}
		p.seal.Forget(last)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (p *program) loadKeys(ctx context.Context) error {
	rows, err := p.store.APIKeys(ctx)
	if err != nil {
		return err
	}
	var keys []auth.Key
	for _, k := range rows {
		scopes, err := auth.ParseScopes(k.Scopes)
		if err = errors.Join(err, auth.CheckName(k.Name)); err != nil { // one bad row must not keep others from being revoked
			p.log.Error("an API key is left out", "id", k.ID, "err", err)
			continue
		}
		if k.Revoked == 0 {
			keys = append(keys, auth.Key{ID: k.ID, Name: k.Name, Scopes: scopes, Hash: string(k.Hash)})
		}
	}
	return p.keys.Replace(keys)
}

// startPages serves the console, the API, metrics and health on one address.
func (p *program) startPages(_ context.Context, try *tryFeed) error {
	c := console.Config{Origin: p.cfg.Console.Origin, Try: try != nil, Version: programVersion(), Log: p.log}
	if try != nil {
		p.feed.text = try.text
	}
	p.signIn = auth.NewSignIn(auth.SignInConfig{Origin: p.cfg.Console.Origin, Local: try != nil, Log: p.log}, p.store)
	p.console = console.New(c, p.consoleSources())
	var err error
	p.http, err = httpdoor.New(p.cfg.HTTP, httpdoor.Parts{Gate: p.gate, Recorder: record.NewRecorder(p.feed), Keys: p.keys,
		Log: p.log, Metrics: p.metrics, Home: p.cfg.Home})
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/v1/", p.http)
	mux.HandleFunc("POST /v1/contracts", p.serveContracts)
	mux.Handle("/v1/reports", p.reports)
	mux.Handle("/v1/reports/", p.reports)
	mux.Handle("/taxii2/", p.share.server)
	mux.Handle(taxiiRoot, p.share.server)
	mux.Handle("/share/", p.share.forms)
	p.lookup.mount(mux)
	if p.cfg.Reports.Form {
		mux.Handle("/report", p.reports)
		mux.Handle("/report/", p.reports)
	}
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", p.ready)
	mux.Handle("GET /metrics", p.metricsFor(promhttp.HandlerFor(p.metrics, promhttp.HandlerOpts{})))
	mux.Handle("/", p.console.Guard(p.console)) // what has a key of its own needs no guard
	l, err := net.Listen("tcp", p.cfg.Console.Listen)
	if err != nil {
		return fmt.Errorf("console.listen: %w", err)
	}
	p.pages = l.Addr()
	watching, endWatching := context.WithCancel(p.ctx)
	p.wg.Go(func() { p.console.Run(watching) })
	s := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
		ErrorLog: slog.NewLogLogger(p.log.Handler(), slog.LevelDebug)}
	p.onStop("the console", func(ctx context.Context) error {
		p.http.Stop()
		endWatching() // lets the pages that watch live go
		ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
		defer cancel()
		if s.Shutdown(ctx) != nil {
			return s.Close()
		}
		return nil
	})
	go s.Serve(l)
	return nil
}

// metricsFor lets who is on this machine read metrics, and elsewhere who has a key for it: they have names of accounts.
func (p *program) metricsFor(next http.Handler) http.Handler {
	here := p.console.Guard(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		passed := r.Header.Get("Forwarded") + r.Header.Get("X-Forwarded-For") + r.Header.Get("Via") // a proxy here is not who asks
		if from, err := netip.ParseAddrPort(r.RemoteAddr); err == nil && from.Addr().Unmap().IsLoopback() && passed == "" {
			here.ServeHTTP(w, r)
			return
		}
		if c, err := p.keys.Check(r.Header.Get("Authorization")); err != nil || !c.Scopes.Has(auth.Metrics) {
			w.Header().Set("WWW-Authenticate", `Bearer realm="sekisho"`)
			http.Error(w, "From elsewhere, metrics need an API key with the scope metrics.", http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// ready reports whether messages can be taken: the SMSC is there, records can be written.
func (p *program) ready(w http.ResponseWriter, r *http.Request) {
	problem := ""
	if bound, wanted := p.smpp.Up(); wanted > 0 && bound == 0 {
		problem = "no bind to an SMSC is up"
	}
	if !p.open.Load() {
		problem = "starting"
	}
	if err := p.stream.Healthy(); err != nil {
		problem = "the stream is away"
	}
	if problem != "" {
		http.Error(w, problem, http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ready")
}

// watchDelays remembers how long judging took, for the page.
func (p *program) watchDelays(ctx context.Context) {
	tick := time.NewTicker(5 * time.Second)
	defer tick.Stop()
	p.mu.Lock()
	p.delays = append(p.delays, p.gate.Delays())
	p.mu.Unlock()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		p.mu.Lock()
		p.delays = append(p.delays, p.gate.Delays())
		if len(p.delays) > 13 {
			p.delays = p.delays[1:]
		}
		p.mu.Unlock()
	}
}

// reload reads accounts, certificates, policy, lists, model and keys again. Each part is taken whole or not at all.
func (p *program) reload(ctx context.Context) error {
	cfg, err := readConfig(p.path)
	if err != nil {
		return err
	}
	if cfg.Data != p.cfg.Data || cfg.Console.Listen != p.cfg.Console.Listen || cfg.Store != p.cfg.Store || cfg.Stream != p.cfg.Stream ||
		cfg.SMPP.Listen != p.cfg.SMPP.Listen || !slices.Equal(cfg.Consent.Home, p.cfg.Consent.Home) {
		return errors.New("data, console.listen, smpp.listen, consent.home, store and stream change only with a restart; nothing was changed")
	}
	policy, err := cfg.readPolicy()
	if err != nil {
		return err
	}
	choices, err := cfg.readConsent(ctx)
	if err != nil {
		return err
	}
	files, err := cfg.indicatorFiles()
	if err != nil {
		return err
	}
	if err := errors.Join(cfg.HTTP.Check(), cfg.SMPP.Check(), cfg.Reports.Check()); err != nil {
		return err
	}
	if _, err := inspect.New(inspect.Config{Model: cfg.Inspect.Model, Brands: cfg.Inspect.Brands, Home: cfg.Home}); err != nil {
		return err
	}
	if err := p.acted(ctx, audit.PolicyChange, "", "the configuration is read again"); err != nil {
		return err
	}
	// The lists are the last that may fail: until here nothing has changed.
	if _, err := p.watcher.Replace(ctx, append(files, p.feeds.Files()...), nil); err != nil {
		return fmt.Errorf("indicators: %w", err)
	}
	if err := p.smpp.Reload(cfg.SMPP); err != nil {
		return err
	}
	if err := p.http.Reload(cfg.HTTP); err != nil {
		return err
	}
	p.mu.Lock()
	p.cfg.SMPP, p.cfg.Policy, p.cfg.Inspect = cfg.SMPP, cfg.Policy, cfg.Inspect
	p.mu.Unlock()
	p.gate.SetPolicy(policy)
	if err := p.loadChoices(ctx, choices); err != nil {
		return err
	}
	p.consent.Take(choices)
	p.dropRefused(ctx)
	if err := p.inspector.Swap(p.inspectConfig()); err != nil {
		return err
	}
	go debug.FreeOSMemory()
	return p.loadKeys(ctx)
}
