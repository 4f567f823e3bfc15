package smppdoor

import (
	"context"
	"crypto/tls"
	"log/slog"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sekisho/sekisho/smpp"
)

// upstream is an SMSC: a pool of binds that are made again whenever they end.
type upstream struct {
	door   *Door
	cfg    atomic.Pointer[Upstream]
	timers Timers
	binds  []atomic.Pointer[binding] // nil where one is down
	ctx    context.Context
	stop   context.CancelFunc
	wg     sync.WaitGroup
}

func newUpstream(d *Door, u *Upstream, t Timers) *upstream {
	r := &upstream{door: d, timers: t, binds: make([]atomic.Pointer[binding], u.Binds)}
	r.cfg.Store(u)
	r.ctx, r.stop = context.WithCancel(context.Background())
	return r
}

// same reports whether binds made for one configuration serve the other.
func (u *upstream) same(c *Upstream) bool {
	a, b := *u.cfg.Load(), *c
	a.Loop, b.Loop = nil, nil
	a.Alphabet, b.Alphabet = 0, 0
	return a == b
}

func (u *upstream) start() {
	for i := range u.binds {
		u.wg.Go(func() { u.keep(i) })
	}
}

// keep keeps one bind up: it is made again with a pause that is uneven, and grows while binds fail or last no longer
// than it. One that has served is made again at once, or the fifth cut of an hour would cost a quarter of a minute.
func (u *upstream) keep(i int) {
	const first = 100 * time.Millisecond
	pause := first
	for u.ctx.Err() == nil {
		lasted, err := u.bind(i)
		if u.ctx.Err() != nil {
			return
		}
		if lasted > pause {
			pause = first
		}
		level := slog.LevelDebug // somebody who knows need not be told at every try
		if lasted > 0 || pause == first {
			level = slog.LevelWarn
		}
		u.door.Log.Log(u.ctx, level, "smpp: bind to SMSC is down", "upstream", u.cfg.Load().Name, "bind", i, "err", err, "again_in", pause)
		t := time.NewTimer(pause/2 + rand.N(pause))
		select {
		case <-t.C:
		case <-u.ctx.Done():
			t.Stop()
		}
		pause = min(2*pause, 15*time.Second)
	}
}

// bind makes one bind and serves it until it ends; it says how long the bind was up.
func (u *upstream) bind(i int) (lasted time.Duration, err error) {
	cfg := u.cfg.Load()
	ctx, cancel := context.WithTimeout(u.ctx, u.timers.Response.Duration)
	defer cancel()
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", cfg.Address)
	if err != nil {
		return 0, err
	}
	if cfg.TLS {
		name := cfg.ServerName
		if name == "" {
			name, _, _ = net.SplitHostPort(cfg.Address)
		}
		conn = tls.Client(conn, &tls.Config{ServerName: name, MinVersion: tls.VersionTLS12})
	}
	b := &binding{judging: judging{door: u.door}, up: u, ended: make(chan struct{})}
	s := smpp.NewSession(conn, smpp.Config{
		Role: smpp.RoleESME, Window: cfg.Window, PeerWindow: max(cfg.Window, 1000),
		EnquireLink: u.timers.EnquireLink.Duration, Response: u.timers.Response.Duration, Write: u.timers.Write.Duration,
	}, b)
	s.Value = b
	b.session = s
	var why error
	go func() {
		why = s.Run()
		close(b.ended)
	}()
	if _, err := s.BindAs(ctx, bindCommands[cfg.Bind], smpp.Bind{
		SystemID: []byte(cfg.SystemID), Password: []byte(cfg.Password), SystemType: []byte(cfg.SystemType), InterfaceVersion: 0x34,
	}); err != nil {
		s.Close()
		<-b.ended
		return 0, err
	}
	u.binds[i].Store(b)
	since := time.Now()
	u.door.Log.Info("smpp: bound to SMSC", "upstream", cfg.Name, "bind", i)
	<-b.ended
	u.binds[i].CompareAndSwap(b, nil)
	return time.Since(since), why
}

// drain unbinds all binds once what is outstanding is answered, for at most so long.
func (u *upstream) drain(limit time.Duration) {
	u.stop()
	ctx, cancel := context.WithTimeout(context.Background(), max(limit, time.Millisecond))
	defer cancel()
	var wg sync.WaitGroup
	for i := range u.binds {
		if b := u.binds[i].Load(); b != nil {
			wg.Go(func() {
				if b.session.Unbind(ctx) != nil {
					b.session.Close()
				}
			})
		}
	}
	wg.Wait()
	u.wg.Wait()
}

func (u *upstream) bound() int {
	n := 0
	for i := range u.binds {
		if u.binds[i].Load() != nil {
			n++
		}
	}
	return n
}

// outstanding is how many submits wait for the SMSC's answer.
func (u *upstream) outstanding() int {
	n := 0
	for i := range u.binds {
		if b := u.binds[i].Load(); b != nil {
			n += b.session.Outstanding()
		}
	}
	return n
}

// send queues a request on a bind that has room, and tries prefer first, so that what one ESME sends goes out in
// order. It never waits: where there is no bind or no room the status says so, and nothing was sent.
func (u *upstream) send(prefer int, c smpp.Command, body []byte, to smpp.Responder) (*smpp.Session, smpp.Status) {
	n := len(u.binds)
	for i := range n {
		b := u.binds[(prefer+i)%n].Load()
		if b == nil || b.session.State() == smpp.StateBoundRX {
			continue
		}
		if _, err := b.session.Send(c, body, to); err == nil {
			return b.session, smpp.StatusOK
		}
	}
	u.door.metrics.throttled.Inc()
	return nil, smpp.StatusThrottled
}

// binding serves one session with an SMSC. Its fields belong to the session's reading goroutine.
type binding struct {
	judging
	up       *upstream
	session  *smpp.Session
	ended    chan struct{}
	answered []*flight // answers of this round
	unkept   bool      // ids among them are not written yet
	touched  flusher
	id       []byte
}

// Request takes what the SMSC sends.
func (b *binding) Request(s *smpp.Session, p smpp.PDU) {
	switch p.Command {
	case smpp.DeliverSM, smpp.DataSM:
		b.deliver(p)
	case smpp.AlertNotification:
		b.alert(p)
	}
}

// Idle settles this round's answers: ids first, so that what an ESME knows survives us, then the answers themselves.
func (b *binding) Idle(*smpp.Session) {
	if b.unkept {
		b.unkept = false
		if err := b.door.ids.Commit(); err != nil {
			// The messages are safe at the SMSC; what may be lost are their receipts.
			b.door.metrics.lostIDs.Inc()
			b.door.Log.Error("smpp: message ids could not be written; receipts may be lost", "err", err)
		}
	}
	for i, f := range b.answered {
		b.answered[i] = nil
		overtaken := f.keep && b.door.parked.waiting.Load() > 0
		if overtaken {
			b.id = append(b.id[:0], f.id...)
		}
		f.settle(&b.touched, nil)
		if overtaken {
			b.door.parked.take(b.door, b.id)
		}
	}
	b.answered = b.answered[:0]
	b.touched.flush()
}

// Closed settles what was answered before the end.
func (b *binding) Closed(s *smpp.Session, err error) { b.Idle(s) }
