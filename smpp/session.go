package smpp

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Role is which side of a session this end is.
type Role uint8

const (
	RoleSMSC Role = iota // peers bind to us
	RoleESME             // we bind to a peer
)

// BindState is what a session may carry (SMPP 3.4 §2.2).
type BindState int32

const (
	StateOpen BindState = iota
	StateBoundTX
	StateBoundRX
	StateBoundTRX
	StateUnbinding // an unbind came or went: what is outstanding is answered, nothing new starts
	StateClosed
)

func (s BindState) String() string {
	return [...]string{"open", "bound_tx", "bound_rx", "bound_trx", "unbinding", "closed"}[s]
}

// Handler takes what a session does not settle by itself. All methods are called on the session's reading
// goroutine, one after the other: what waits in one of them stops the session's reading.
type Handler interface {
	// Request takes a request of the peer: every one but enquire_link and unbind. It, or somebody later,
	// answers it once by Reply. p.Body holds until Request returns.
	Request(s *Session, p PDU)
	// Idle is called when everything that was read has been handed over: the time to Flush what was written.
	Idle(s *Session)
	// Closed is called once, when the session is over and every outstanding request of ours has been given back.
	Closed(s *Session, err error)
}

// Responder takes the answer to one request of ours, exactly once: the response, a generic_nack, or an
// error (ErrTimeout, ErrClosed) where none came. p.Body holds until Response returns. Answers come on the
// reading goroutine, ErrTimeout on another one meanwhile.
type Responder interface {
	Response(s *Session, p PDU, err error)
}

// Errors of a session.
var (
	ErrWindow   = errors.New("smpp: window full")
	ErrTimeout  = errors.New("smpp: no response in time")
	ErrClosed   = errors.New("smpp: session closed")
	ErrUnbound  = errors.New("smpp: session unbound by the peer")
	ErrSlow     = errors.New("smpp: peer does not read")
	ErrSilent   = errors.New("smpp: peer does not answer enquire_link")
	ErrInactive = errors.New("smpp: nothing but enquire_link for too long")
	ErrPartial  = errors.New("smpp: PDU does not come whole")
	ErrBuffer   = errors.New("smpp: output buffer full")
	ErrBind     = errors.New("smpp: no bind in time")
)

// Config bounds a session. Zero values take the default that stands behind each field. Timers are kept to
// the second, or to a quarter of the shortest of them.
type Config struct {
	Role        Role
	Window      int           // our requests without a response, at most; 100
	PeerWindow  int           // the peer's requests without our answer, at most; more are answered ESME_RTHROTTLED; 1000
	MaxPDU      int           // octets; DefaultMaxPDU. Before the bind never more than 8 KiB
	MaxOutput   int           // octets that wait to be written, at most; 4 MiB. Before the bind never more than 64 KiB
	EnquireLink time.Duration // silence after which the link is checked; 30 s
	Response    time.Duration // how long a response may take; 10 s
	Write       time.Duration // how long one write may take, and how long a PDU may take to come whole; 10 s
	BindWithin  time.Duration // how long a peer may stay unbound (session_init_timer); 5 s. As the ESME, Response more
	Inactivity  time.Duration // without any PDU but enquire_link a session ends (inactivity_timer); 0: never
	Drain       time.Duration // how long outstanding requests may take after an unbind; 5 s
}

// What a peer that has not said who it is may make us keep, in octets.
const (
	openMaxPDU    = quietBuffer
	openMaxOutput = 64 << 10
)

func orDefault[T int | time.Duration](v *T, d T) {
	if *v <= 0 {
		*v = d
	}
}

func (c *Config) defaults() {
	orDefault(&c.Window, 100)
	orDefault(&c.PeerWindow, 1000)
	orDefault(&c.MaxPDU, DefaultMaxPDU)
	orDefault(&c.MaxOutput, 4<<20)
	orDefault(&c.EnquireLink, 30*time.Second)
	orDefault(&c.Response, 10*time.Second)
	orDefault(&c.Write, 10*time.Second)
	orDefault(&c.BindWithin, 5*time.Second)
	orDefault(&c.Drain, 5*time.Second)
}

// Session is one SMPP connection, from either side. Its methods may be called from any goroutine.
type Session struct {
	conn    net.Conn
	cfg     Config
	handler Handler
	start   time.Time

	state       atomic.Int32
	bound       atomic.Int32 // the last bound state, for what still comes while unbinding
	inflight    atomic.Int32 // the peer's requests that we have not answered
	peerUnbinds atomic.Bool  // the unbind came from the peer
	handling    atomic.Bool  // the reading goroutine is in the handler: silence is ours

	// Moments are nanoseconds since a second before start, so that none is 0, by the monotonic clock: a
	// step of the wall clock must not end every session at once.
	now      atomic.Int64 // as of the last read or tick: requests take their time from it
	lastRead atomic.Int64 // of the last octets read
	lastWork atomic.Int64 // of the last PDU but enquire_link
	partial  atomic.Int64 // when the PDU that is half there began; 0: none
	writing  atomic.Int64 // when the write under way began; 0: none

	mu       sync.Mutex
	pending  []pending // ring, by sequence_number
	used     int       // how many places of it are taken
	waiting  int       // of them, those that count against the window
	sequence uint32    // the last one given
	out      []byte    // what waits to be written
	spare    []byte    // the other buffer
	leaving  int       // octets of the buffer that is being written
	err      error     // why the session ends; nil while it lives
	manner   manner    // how it ends
	probe    bool      // an enquire_link of ours is unanswered

	kick   chan struct{}  // the writer has something to do
	done   chan struct{}  // closed when the session ends
	wrote  chan struct{}  // closed when the writer has ended
	others sync.WaitGroup // goroutines of the session that may call a Responder

	// Value is the handler's own; the session does not touch it.
	Value any
}

type pending struct {
	to       Responder
	sequence uint32
	command  Command
	sent     int64
}

// windowed says whether a request counts against the window. The session's own never do: a window of one
// must not be taken by a link check that its user knows nothing of.
func windowed(c Command) bool { return c != EnquireLink && c != Unbind }

// NewSession makes a session of a connection. Run serves it.
func NewSession(conn net.Conn, cfg Config, h Handler) *Session {
	cfg.defaults()
	ring := 16
	for ring < 2*cfg.Window+2 { // two places at least for the session's own enquire_link and unbind
		ring *= 2
	}
	s := &Session{
		conn: conn, cfg: cfg, handler: h,
		start:   time.Now().Add(-time.Second),
		pending: make([]pending, ring),
		kick:    make(chan struct{}, 1),
		done:    make(chan struct{}),
		wrote:   make(chan struct{}),
	}
	now := s.clock()
	s.lastRead.Store(now)
	s.lastWork.Store(now)
	return s
}

// clock is the present moment.
func (s *Session) clock() int64 {
	now := int64(time.Since(s.start))
	s.now.Store(now)
	return now
}

// State is what the session may carry now.
func (s *Session) State() BindState { return BindState(s.state.Load()) }

// SetState is for the handler: it settles binds, since it knows who may. A session that unbinds or is
// closed stays so.
func (s *Session) SetState(b BindState) { s.become(b) }

func (s *Session) become(b BindState) (old BindState) {
	for {
		old := s.State()
		if old >= StateUnbinding && b <= old {
			return old
		}
		if s.state.CompareAndSwap(int32(old), int32(b)) {
			if b < StateUnbinding {
				s.bound.Store(int32(b))
			}
			return old
		}
	}
}

// RemoteAddr is the peer's address.
func (s *Session) RemoteAddr() net.Addr { return s.conn.RemoteAddr() }

// Done is closed when the session ends.
func (s *Session) Done() <-chan struct{} { return s.done }

// Outstanding is how many requests of ours wait for a response, enquire_link and unbind not counted.
func (s *Session) Outstanding() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.waiting
}

// Unanswered is how many of the peer's requests we have not answered.
func (s *Session) Unanswered() int { return int(s.inflight.Load()) }

// Run reads until the session ends, and says why: io.EOF and ErrUnbound are ordinary ends. It is called once.
func (s *Session) Run() error {
	go s.write()
	s.others.Go(s.watch)
	switch err := s.read(); {
	case err != io.EOF:
		s.end(err, atOnce)
	case s.peerUnbinds.Load(): // it does not wait for our answer
		s.end(ErrUnbound, lastWords)
	case s.State() == StateUnbinding:
		s.end(ErrClosed, lastWords)
	default:
		s.end(err, lastWords) // the peer may have closed its own direction only
	}
	s.others.Wait()
	<-s.wrote
	s.become(StateClosed)
	s.giveBack()
	s.hangUp()
	s.mu.Lock()
	err := s.err
	s.mu.Unlock()
	s.handler.Closed(s, err)
	return err
}

// manner is how a session ends.
type manner uint8

const (
	atOnce    manner = iota
	lastWords        // what waits is written first, for as long as one write may take
	lastNews         // writing has failed; what the peer had said before is still read
)

// newsWithin bounds how long a peer that we cannot write to is still read, and how long one that was told
// good-bye is waited for.
const newsWithin = time.Second

// end ends the session; the first reason given stays.
func (s *Session) end(err error, m manner) {
	s.mu.Lock()
	if s.err != nil {
		s.mu.Unlock()
		return
	}
	s.err, s.manner = err, m
	close(s.done)
	s.mu.Unlock()
	past := time.Unix(1, 0) // wakes whoever reads or writes
	switch m {
	case atOnce:
		s.conn.SetDeadline(past)
	case lastWords:
		s.conn.SetReadDeadline(past)
		s.conn.SetWriteDeadline(time.Now().Add(s.cfg.Write))
	case lastNews:
		s.conn.SetReadDeadline(time.Now().Add(newsWithin))
	}
}

// Close ends the session at once. Requests without a response are given back with ErrClosed.
func (s *Session) Close() {
	s.end(ErrClosed, atOnce)
	s.conn.SetDeadline(time.Unix(1, 0)) // even where it has been about to end in a kinder way
}

// hangUp closes the connection. Octets that nobody has read would make the kernel reset it, and the peer
// might lose our last words: the reason why, the answer to its unbind.
func (s *Session) hangUp() {
	defer s.conn.Close()
	if s.manner != lastWords {
		return
	}
	if c, ok := s.conn.(interface{ CloseWrite() error }); ok && c.CloseWrite() == nil {
		s.conn.SetReadDeadline(time.Now().Add(newsWithin))
		io.CopyN(io.Discard, s.conn, 1<<20)
	}
}

// take empties a place of the ring; mu is held.
func (s *Session) take(p *pending) pending {
	had := *p
	if had.to != nil {
		*p = pending{}
		s.used--
		if windowed(had.command) {
			s.waiting--
		}
	}
	return had
}

// giveBack returns every request that waits to its Responder.
func (s *Session) giveBack() {
	for i := range s.pending {
		s.mu.Lock()
		p := s.take(&s.pending[i])
		s.mu.Unlock()
		if p.to != nil {
			p.to.Response(s, PDU{Command: p.command.Response(), Sequence: p.sequence}, ErrClosed)
		}
	}
}

// Call sends a request and waits for its answer. Body of the PDU returned is the caller's. It takes a
// place in the window as Send does, and fails with ErrWindow where there is none.
func (s *Session) Call(ctx context.Context, c Command, body []byte) (PDU, error) {
	w := make(waiter, 1)
	if _, err := s.Send(c, body, w); err != nil {
		return PDU{}, err
	}
	s.kickWriter()
	select {
	case a := <-w:
		return a.p, a.err
	case <-ctx.Done():
		return PDU{}, ctx.Err()
	}
}

type answer struct {
	p   PDU
	err error
}

type waiter chan answer

func (w waiter) Response(_ *Session, p PDU, err error) {
	p.Body = append([]byte(nil), p.Body...)
	w <- answer{p, err}
}
