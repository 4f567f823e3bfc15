// Package rpz serves what is known to be fraud as a Response Policy Zone (draft-vixie-dnsop-dns-rpz): a DNS zone that the operator's
// resolvers take by transfer, and by which they refuse names, or lead to a page that says why. It is an authoritative server for this one
// zone, and one more that stays empty, for the view of subscribers who opted out.
//
// Its words: a policy name is what stands in the zone before the zone's own name; a version is the zone at a serial; the journal is the
// differences between versions that are kept for incremental transfer (IXFR, RFC 1995); a peer is a resolver that may have the zone.
package rpz

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"log/slog"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/renameio/v2/maybe"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/sekisho/sekisho/share"
)

// Server serves the zone. It may be used by many goroutines; Start and Close are called once each.
type Server struct {
	plan  *plan
	log   *slog.Logger
	met   *metrics
	zone  *Zone
	zones []*served
	keys  map[string]*key
	conns *conns
	slots chan struct{} // of transfers
	clock func() time.Time
	least uint32 // the serial kept from before

	unregister func()
	stop       context.CancelFunc // of all that runs
	tells      []*teller
	taking     []interface{ Close() error } // what takes requests
	tcp        []net.Addr
	work       sync.WaitGroup
}

// New reads the keys and makes the server. reg may be nil.
func New(cfg Config, log *slog.Logger, reg prometheus.Registerer) (*Server, error) {
	p, err := cfg.prepare()
	if err != nil {
		return nil, err
	}
	if err := p.loadKeys(); err != nil {
		return nil, err
	}
	s := &Server{plan: p, log: log, zone: newZone(p), keys: map[string]*key{}, conns: newConns(p), slots: make(chan struct{}, p.Transfers),
		clock: time.Now, unregister: func() {}}
	main := p.serve(p.zone)
	main.zone = s.zone
	s.zones = append(s.zones, main)
	for _, q := range p.peers {
		if q.key != nil {
			s.keys[q.key.name] = q.key
		}
		for _, at := range q.notify {
			s.tells = append(s.tells, &teller{s: s, peer: q, at: at, wake: make(chan struct{}, 1)})
		}
	}
	if s.least, err = readSerial(p.State); err != nil {
		return nil, err
	}
	if p.open != nil {
		open := p.serve(p.open)
		open.only = &version{serial: s.serial(), content: emptyContent()}
		s.zones = append(s.zones, open)
	}
	s.met = newMetrics(s)
	if reg != nil {
		if err := s.met.register(reg); err != nil {
			return nil, err
		}
		s.unregister = func() {
			for _, c := range s.met.all {
				reg.Unregister(c)
			}
		}
	}
	return s, nil
}

// Set makes the items all that the zone has; see Zone.Set. It takes effect with the next version.
func (s *Server) Set(items iter.Seq[share.Item]) Tally {
	t := s.zone.Set(items)
	s.met.tally(t)
	return t
}

// Change puts items in and takes others out; see Zone.Change. Either may be nil. It takes effect with the next version.
func (s *Server) Change(add, remove iter.Seq[share.Item]) Tally {
	t := s.zone.Change(add, remove)
	s.met.tally(t)
	return t
}

// Start begins to listen and to make versions. It ends with Close; ctx bounds the start only.
func (s *Server) Start(ctx context.Context) error {
	run, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.stop = stop
	for _, at := range s.plan.listen {
		if err := s.listen(ctx, run, at); err != nil {
			return errors.Join(fmt.Errorf("rpz: listen on %v: %w", at, err), s.Close(ctx))
		}
	}
	s.work.Go(func() { s.batch(run) })
	for _, t := range s.tells {
		s.work.Go(func() { t.run(run) })
	}
	return nil
}

// Close stops taking requests, lets transfers end until ctx does, and then ends them.
func (s *Server) Close(ctx context.Context) error {
	if s.stop == nil {
		s.unregister()
		return nil
	}
	var errs []error
	for _, t := range s.taking {
		errs = append(errs, t.Close())
	}
	s.taking = nil
	s.conns.idle()
	done := make(chan struct{})
	go func() {
		s.conns.wait()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
		errs = append(errs, fmt.Errorf("rpz: transfers were cut off: %w", ctx.Err()))
	}
	s.stop()
	s.conns.end()
	s.work.Wait()
	s.unregister()
	return errors.Join(errs...)
}

// Addrs is where it listens over TCP, for who asked for port 0; UDP has the same.
func (s *Server) Addrs() []net.Addr { return s.tcp }

// Serial is that of the newest version, 0 until there is one.
func (s *Server) Serial() uint32 {
	if v := s.zone.now.Load(); v != nil {
		return v.serial
	}
	return 0
}

// Names is how many names the newest version has.
func (s *Server) Names() int {
	if v := s.zone.now.Load(); v != nil {
		return v.names
	}
	return 0
}

// batch makes versions. What comes first waits for what comes soon after.
func (s *Server) batch(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.zone.wake:
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(s.plan.Batch.Duration):
		}
		s.commit()
	}
}

func (s *Server) commit() {
	v, made := s.zone.commit(s.serial())
	if !made {
		return
	}
	s.met.versions.Inc()
	if s.plan.State != "" {
		if err := maybe.WriteFile(s.plan.State, strconv.AppendUint(nil, uint64(v.serial), 10), 0o600); err != nil {
			s.log.Error("rpz: the serial was not kept", "file", s.plan.State, "err", err)
		}
	}
	s.log.Debug("rpz: a new version", "serial", v.serial, "names", v.names)
	for _, t := range s.tells {
		t.tell()
	}
}

// serial is the least that the next version may have: the time, or more where the clock went back since the state was kept.
func (s *Server) serial() uint32 {
	now := clock(s.clock())
	if s.least != 0 && !newer(now, s.least) {
		return s.least + 1
	}
	return now
}

func readSerial(path string) (uint32, error) {
	if path == "" {
		return 0, nil
	}
	f, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err == nil && f.Size() > 64 {
		return 0, errState
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return 0, fmt.Errorf("rpz.state: %w", err)
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 32)
	if err != nil {
		return 0, errState
	}
	return uint32(n), nil
}

var errState = errors.New("rpz.state: the file holds one serial")
