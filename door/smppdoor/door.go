// Package smppdoor is the checkpoint between ESMEs and SMSCs: ESMEs bind to it, it binds to the SMSCs, and every text
// is judged on its way. Read submit.go for what comes up, deliver.go for what comes down.
//
// Nothing that is delivered is stored: a submit_sm is acknowledged when the SMSC has acknowledged it, a
// deliver_sm when the ESME has. What is held, or blocked and accepted, is answered by us once a Keeper has it on disk.
package smppdoor

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sekisho/sekisho/door/smppdoor/pending"
	"github.com/sekisho/sekisho/gate"
	"github.com/sekisho/sekisho/record"
	"github.com/sekisho/sekisho/smpp"
	"github.com/sekisho/sekisho/subject"
)

// Passwords checks a password against its hash. It may take its time, and may be asked by many sessions at once. wait is
// how long a peer that has guessed too often has to wait before anything is checked again; 0 where it was checked.
type Passwords interface {
	CheckPassword(ctx context.Context, name, hash, password string, from net.Addr) (ok bool, wait time.Duration)
}

// Parts are what a door is made of.
type Parts struct {
	Gate      *gate.Gate
	Keeper    Keeper // nil: nothing can be held, and the fallback applies
	Recorder  *record.Recorder
	Passwords Passwords
	// Subscriber reports whether a line is one of ours: only ours can see and release what is held for them. Nil: all are.
	Subscriber func(subject.Line) bool
	Service    Service // nil: no texts are for ourselves
	Log        *slog.Logger
	Metrics    prometheus.Registerer
}

// Door is the SMPP door.
type Door struct {
	Parts
	cfg      atomic.Pointer[Config]
	cert     atomic.Pointer[tls.Certificate]
	ids      *pending.Map
	longs    *longs
	parked   parked
	ended    ended
	holds    holds
	told     chan told // to the service
	returns  returns
	merging  sync.Mutex // receipts of several submits that are one message
	metrics  metrics
	server   smpp.Server
	listener net.Listener
	bound    atomic.Int64  // ESME sessions so far
	ref      atomic.Uint32 // reference of long messages that we make

	mu        sync.Mutex // of Reload; readers take the maps as they are
	accounts  atomic.Pointer[map[string]*account]
	upstreams atomic.Pointer[map[string]*upstream]

	stop context.CancelFunc
	ctx  context.Context // ends with Shutdown; of the door's own goroutines
	wg   sync.WaitGroup
}

// New makes a door and opens what it keeps. Start opens it for traffic.
func New(cfg Config, p Parts) (*Door, error) {
	if err := cfg.prepare(); err != nil {
		return nil, err
	}
	d := &Door{Parts: p}
	d.cfg.Store(&cfg)
	ids, err := pending.Open(filepath.Join(cfg.DataDir, "message-ids"), pending.Options{Logger: p.Log, Metrics: p.Metrics})
	if err != nil {
		return nil, fmt.Errorf("message ids: %w", err)
	}
	d.ids = ids
	d.longs = newLongs(cfg.Long.Max)
	d.holds = newHolds()
	d.told = make(chan told, toldQueue)
	d.ref.Store(rand.Uint32()) // a handset may still wait for parts that went out before a restart
	d.ctx, d.stop = context.WithCancel(context.Background())
	d.metrics.register(p.Metrics, d)
	d.accounts.Store(&map[string]*account{})
	d.upstreams.Store(&map[string]*upstream{})
	return d, nil
}

// Start binds to the SMSCs and listens for ESMEs.
func (d *Door) Start() error {
	cfg := d.cfg.Load()
	l, err := net.Listen("tcp", cfg.Listen)
	if err != nil {
		return fmt.Errorf("smpp.listen: %w", err)
	}
	if cfg.Certificate != "" {
		l = tls.NewListener(l, &tls.Config{
			MinVersion:     tls.VersionTLS12,
			GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return d.cert.Load(), nil },
		})
	}
	d.listener = l
	if err := d.apply(cfg); err != nil {
		l.Close()
		return err
	}
	d.server.Max = cfg.MaxSessions
	d.server.Accept = d.accept
	d.wg.Go(func() {
		if err := d.server.Serve(l); err != nil {
			d.Log.Error("smpp: no more connections are taken", "err", err)
		}
	})
	d.wg.Go(d.housekeeping)
	if d.Service != nil {
		d.wg.Go(d.serving)
	}
	if d.Keeper != nil {
		d.wg.Go(d.holding)
		d.wg.Go(d.owing)
	}
	return nil
}

// Addr is where the door listens.
func (d *Door) Addr() net.Addr { return d.listener.Addr() }

// Reload puts a configuration in force, whole or not at all. Sessions stay bound, but those of accounts that are no
// longer there, and binds to upstreams whose address or credentials changed.
func (d *Door) Reload(cfg Config) error {
	if err := cfg.prepare(); err != nil {
		return err
	}
	old := d.cfg.Load()
	if cfg.Listen != old.Listen || (cfg.Certificate == "") != (old.Certificate == "") {
		return errors.New("smpp.listen and the presence of a certificate change only with a restart")
	}
	if err := d.apply(&cfg); err != nil {
		return err
	}
	d.cfg.Store(&cfg)
	return nil
}

func (d *Door) apply(cfg *Config) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if cfg.Certificate != "" {
		cert, err := tls.LoadX509KeyPair(cfg.Certificate, cfg.Key)
		if err != nil {
			return fmt.Errorf("smpp.certificate: %w", err)
		}
		d.cert.Store(&cert)
	}
	ups := make(map[string]*upstream)
	before := *d.upstreams.Load()
	for i := range cfg.Upstreams {
		u := &cfg.Upstreams[i]
		if was := before[u.Name]; was != nil && was.same(u) {
			was.cfg.Store(u)
			ups[u.Name] = was
			continue
		}
		ups[u.Name] = newUpstream(d, u, cfg.Session)
	}
	d.upstreams.Store(&ups)
	for name, u := range before {
		if ups[name] != u {
			go u.drain(5 * time.Second)
		}
	}
	for name, u := range ups {
		if before[name] != u {
			u.start()
		}
	}
	accounts := make(map[string]*account)
	had := *d.accounts.Load()
	for i := range cfg.Accounts {
		a := &cfg.Accounts[i]
		r := had[a.SystemID]
		if r == nil {
			r = newAccount(a)
		} else {
			r.configure(a)
		}
		accounts[a.SystemID] = r
	}
	d.accounts.Store(&accounts)
	for id, a := range had {
		if accounts[id] == nil {
			a.unbind(d.ctx)
		}
	}
	return nil
}

// Shutdown takes no new submits, answers what is outstanding, and unbinds, ESMEs first; ctx bounds it all.
func (d *Door) Shutdown(ctx context.Context) error {
	if d.listener != nil {
		d.listener.Close()
		d.server.Shutdown(ctx)
	}
	d.stop()
	var wg sync.WaitGroup
	for _, u := range *d.upstreams.Load() {
		wg.Go(func() {
			left := 5 * time.Second
			if t, ok := ctx.Deadline(); ok {
				left = time.Until(t)
			}
			u.drain(left)
		})
	}
	wg.Wait()
	d.wg.Wait()
	return d.ids.Close()
}

// housekeeping ends what waits too long: parts of long messages, receipts nobody asked for yet.
func (d *Door) housekeeping() {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	minute := time.NewTicker(time.Minute)
	defer minute.Stop()
	for {
		select {
		case <-d.ctx.Done():
			return
		case <-minute.C:
			d.alarmUndecodable()
			d.alarmReturned()
		case now := <-tick.C:
			d.parked.expire(d, now)
			d.longs.expire(now.Add(-d.cfg.Load().Long.Expiry.Duration), d.metrics.longExpired)
			d.returns.expire(now)
		}
	}
}

// undecodableAlarm is how many texts of an account within a minute may be unreadable before somebody is told: more are
// a bind whose coding is set wrongly, or somebody who hides.
const undecodableAlarm = 20

func (d *Door) alarmUndecodable() {
	for id, a := range *d.accounts.Load() {
		if n := a.undone.Swap(0); n > undecodableAlarm {
			d.Log.Warn("smpp: many texts of this account cannot be read, or in more than one way; is its alphabet right?", "account", id, "in_a_minute", n)
		}
	}
}

// alarmReturned tells of texts that came back on the p2p loop: binds that should lead past us do not.
func (d *Door) alarmReturned() {
	if n := d.returns.count.Swap(0); n > 0 {
		d.Log.Warn("smpp: texts that were given back to the SMSC came to us again; are the binds of loop.via routed past Sekisho?", "in_a_minute", n)
	}
}

// Up reports how many binds to SMSCs there are, of how many there should be.
func (d *Door) Up() (bound, wanted int) {
	for _, u := range *d.upstreams.Load() {
		wanted += u.cfg.Load().Binds
		bound += u.bound()
	}
	return bound, wanted
}

// Sessions reports how many ESME sessions are bound, by account.
func (d *Door) Sessions() map[string]int {
	m := make(map[string]int)
	for id, a := range *d.accounts.Load() {
		m[id] = a.bound()
	}
	return m
}

func (d *Door) sessionConfig() smpp.Config {
	t := d.cfg.Load().Session
	return smpp.Config{
		Window: t.Window, PeerWindow: t.Window, EnquireLink: t.EnquireLink.Duration, Response: t.Response.Duration,
		Write: t.Write.Duration, BindWithin: t.BindWithin.Duration, Inactivity: t.Inactivity.Duration,
	}
}

func (d *Door) accept(conn net.Conn) (smpp.Config, smpp.Handler, bool) {
	return d.sessionConfig(), &esme{judging: judging{door: d}}, true
}

func (d *Door) upstream(name string) *upstream { return (*d.upstreams.Load())[name] }

// account of a bound session; nil where it is gone.
func (d *Door) account(id string) *account { return (*d.accounts.Load())[id] }

// AccountNames are the system_ids of all accounts, in order.
func (d *Door) AccountNames() []string {
	return slices.Sorted(maps.Keys(*d.accounts.Load()))
}

// UpstreamState says how many binds an SMSC has, and should have.
type UpstreamState struct {
	Name          string
	Bound, Wanted int
}

// Upstreams are all SMSCs, by name.
func (d *Door) Upstreams() []UpstreamState {
	ups := *d.upstreams.Load()
	var all []UpstreamState
	for _, name := range slices.Sorted(maps.Keys(ups)) {
		all = append(all, UpstreamState{name, ups[name].bound(), ups[name].cfg.Load().Binds})
	}
	return all
}

func (d *Door) nextRef() uint16 { return uint16(d.ref.Add(1)) }

// flusher is the sessions that one goroutine has written to since it last went idle.
type flusher struct{ list []*smpp.Session }

func (f *flusher) add(s *smpp.Session) {
	for _, x := range f.list {
		if x == s {
			return
		}
	}
	f.list = append(f.list, s)
	if len(f.list) > 64 {
		f.flush()
	}
}

func (f *flusher) flush() {
	for i, s := range f.list {
		s.Flush()
		f.list[i] = nil
	}
	f.list = f.list[:0]
}
