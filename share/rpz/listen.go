package rpz

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// Times and numbers that bound what one connection can hold.
const (
	idleFor     = 10 * time.Second // for the next request, all of it
	writeFor    = 10 * time.Second // for each message to be taken
	transferFor = 10 * time.Minute // for a whole transfer
	slotFor     = 10 * time.Second // that a transfer waits for others
	maxQueries  = 128              // over one connection
	perAddress  = 8                // connections from one address, or one /64 of IPv6
)

// listen takes requests at an address over both transports.
func (s *Server) listen(ctx, run context.Context, at netip.AddrPort) error {
	l, u, err := both(ctx, at)
	if err != nil {
		return err
	}
	s.taking = append(s.taking, l, u)
	s.tcp = append(s.tcp, l.Addr())
	s.work.Go(func() { s.acceptAll(run, l) })
	s.work.Go(func() { s.datagrams(u.(*net.UDPConn)) })
	return nil
}

// both opens an address over TCP and UDP. Port 0 is any that is free over both.
func both(ctx context.Context, at netip.AddrPort) (l net.Listener, u net.PacketConn, err error) {
	var lc net.ListenConfig
	for range 10 {
		if l, err = lc.Listen(ctx, "tcp", at.String()); err != nil {
			return nil, nil, err
		}
		if u, err = lc.ListenPacket(ctx, "udp", l.Addr().String()); err == nil {
			return l, u, nil
		}
		l.Close()
		if at.Port() != 0 {
			break
		}
	}
	return nil, nil, err
}

// datagrams answers one at a time: an answer is made in microseconds, and no flood starts a goroutine.
func (s *Server) datagrams(u *net.UDPConn) {
	in, out := make([]byte, maxQuery+1), make([]byte, 0, maxQuery)
	for {
		n, from, err := u.ReadFromUDPAddrPort(in)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			time.Sleep(time.Millisecond) // an ICMP error of an answer before; nothing that stays
			continue
		}
		b, _, _ := s.answer(in[:n], from.Addr().Unmap(), false, out)
		if b != nil {
			u.WriteToUDPAddrPort(b, from) // who does not get it asks again
		}
	}
}

func (s *Server) acceptAll(ctx context.Context, l net.Listener) {
	for {
		c, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // too many open files: others may close some
			time.Sleep(10 * time.Millisecond)
			continue
		}
		a, err := netip.ParseAddrPort(c.RemoteAddr().String())
		if err != nil || !s.conns.add(c, a.Addr().Unmap()) {
			s.met.turned.Inc()
			c.Close()
			continue
		}
		go func() {
			defer s.conns.remove(c)
			s.serve(ctx, c, a.Addr().Unmap())
		}()
	}
}

// serve answers what comes over a connection, in order.
func (s *Server) serve(ctx context.Context, c net.Conn, from netip.Addr) {
	in, out := make([]byte, maxQuery), make([]byte, 0, maxQuery)
	for range maxQueries {
		if !s.conns.rest(c, time.Now().Add(idleFor)) {
			return
		}
		if _, err := io.ReadFull(c, in[:2]); err != nil {
			return
		}
		n := int(binary.BigEndian.Uint16(in))
		if n < 12 || n > maxQuery {
			s.met.queries.WithLabelValues("dropped").Inc()
			return
		}
		if _, err := io.ReadFull(c, in[:n]); err != nil {
			return
		}
		s.conns.busy(c)
		b, q, t := s.answer(in[:n], from, true, out)
		if t != nil {
			var err error
			if b, err = s.send(ctx, c, q, t, out); err != nil {
				return
			}
		} else if b == nil {
			return // it speaks no DNS that we answer
		}
		if b == nil {
			continue
		}
		c.SetWriteDeadline(time.Now().Add(writeFor))
		if _, err := c.Write(append(binary.BigEndian.AppendUint16(make([]byte, 0, 2+len(b)), uint16(len(b))), b...)); err != nil {
			return
		}
	}
}

// send sends a transfer. What it returns is an answer in its stead.
func (s *Server) send(ctx context.Context, c net.Conn, q *query, t *transfer, out []byte) ([]byte, error) {
	wait := time.NewTimer(slotFor)
	defer wait.Stop()
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	case <-wait.C:
		s.met.transfers.WithLabelValues("busy").Inc()
		return q.finish(q.begin(out, dns.RcodeServerFailure, false)), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	w := newStream(&deadlines{c, time.Now().Add(transferFor)}, q)
	form := "axfr"
	if t.diff != nil {
		form = "ixfr"
		w.differences(t)
	} else {
		w.whole(t)
	}
	s.met.records.WithLabelValues(form).Add(float64(w.total))
	if w.err != nil {
		s.met.transfers.WithLabelValues("failed").Inc()
		s.log.Warn("rpz: a transfer broke off", "peer", t.peer, "form", form, "records", w.total, "err", w.err)
		return nil, w.err
	}
	s.met.transfers.WithLabelValues(form).Inc()
	s.log.Info("rpz: transfer", "peer", t.peer, "form", form, "serial", t.v.serial, "records", w.total, "messages", w.sent)
	return nil, nil
}

// deadlines gives every write its time, within that of the whole.
type deadlines struct {
	c   net.Conn
	end time.Time
}

func (d *deadlines) Write(b []byte) (int, error) {
	at := time.Now().Add(writeFor)
	if at.After(d.end) {
		at = d.end
	}
	if err := d.c.SetWriteDeadline(at); err != nil {
		return 0, err
	}
	return d.c.Write(b)
}

// conns is the connections that are open, within bounds: so many in all, so many from one address. Where every peer has its addresses,
// nobody else connects at all.
type conns struct {
	most  int
	known []*peer // nil: anybody may connect

	mu      sync.Mutex
	open    map[net.Conn]*conn
	from    map[netip.Addr]int
	closing bool
	gone    sync.WaitGroup
}

type conn struct {
	from netip.Addr
	busy bool
}

func newConns(p *plan) *conns {
	c := &conns{most: p.Connections, known: p.peers, open: map[net.Conn]*conn{}, from: map[netip.Addr]int{}}
	for _, q := range p.peers {
		if len(q.from) == 0 {
			c.known = nil
		}
	}
	return c
}

func (c *conns) add(n net.Conn, from netip.Addr) bool {
	if c.known != nil {
		ok := false
		for _, q := range c.known {
			ok = ok || q.has(from)
		}
		if !ok {
			return false
		}
	}
	if from.Is6() {
		f, _ := from.Prefix(64)
		from = f.Addr()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closing || len(c.open) >= c.most || c.from[from] >= perAddress {
		return false
	}
	c.open[n] = &conn{from: from}
	c.from[from]++
	c.gone.Add(1)
	return true
}

func (c *conns) remove(n net.Conn) {
	n.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	from := c.open[n].from
	if c.from[from]--; c.from[from] == 0 {
		delete(c.from, from)
	}
	delete(c.open, n)
	c.gone.Done()
}

// rest lets a connection wait for a request until then; false: it is to end.
func (c *conns) rest(n net.Conn, until time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closing {
		return false
	}
	c.open[n].busy = false
	return n.SetReadDeadline(until) == nil
}

func (c *conns) busy(n net.Conn) {
	c.mu.Lock()
	c.open[n].busy = true
	c.mu.Unlock()
}

// idle ends the connections that have nothing to do, and lets no more in.
func (c *conns) idle() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closing = true
	for n, k := range c.open {
		if !k.busy {
			n.Close()
		}
	}
}

func (c *conns) end() {
	c.mu.Lock()
	for n := range c.open {
		n.Close()
	}
	c.mu.Unlock()
	c.gone.Wait()
}

func (c *conns) wait() { c.gone.Wait() }

func (c *conns) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.open)
}
