package smpp

import (
	"encoding/binary"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// witness is a handler that notes what it is given. answer settles requests; without one they are answered at once.
type witness struct {
	answer func(s *Session, p PDU)

	mu       sync.Mutex
	requests []PDU
	idle     int
	closed   chan error // buffered: a second Closed would show
}

func newWitness(answer func(s *Session, p PDU)) *witness {
	return &witness{answer: answer, closed: make(chan error, 4)}
}

func (w *witness) Request(s *Session, p PDU) {
	q := p
	q.Body = append([]byte(nil), p.Body...)
	w.mu.Lock()
	w.requests = append(w.requests, q)
	w.mu.Unlock()
	if w.answer != nil {
		w.answer(s, p)
		return
	}
	if p.Command != Outbind && p.Command != AlertNotification {
		s.Reply(p.Command.Response(), StatusOK, p.Sequence, nil)
	}
}

func (w *witness) Idle(*Session) {
	w.mu.Lock()
	w.idle++
	w.mu.Unlock()
}

func (w *witness) Closed(_ *Session, err error) { w.closed <- err }

func (w *witness) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.requests)
}

// tally is a Responder that counts.
type tally struct {
	mu      sync.Mutex
	answers []PDU
	errs    []error
}

func (r *tally) Response(_ *Session, p PDU, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p.Body = append([]byte(nil), p.Body...)
	r.answers = append(r.answers, p)
	r.errs = append(r.errs, err)
}

func (r *tally) last() (n int, p PDU, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n = len(r.answers); n > 0 {
		p, err = r.answers[n-1], r.errs[n-1]
	}
	return n, p, err
}

// peer is the other end, with no session of its own: it sends what a test says and notes what comes.
type peer struct {
	t    testing.TB
	conn net.Conn
	got  chan PDU // closed at the end of the stream
}

func newPeer(t testing.TB, conn net.Conn) *peer {
	p := &peer{t: t, conn: conn, got: make(chan PDU, 10_000)}
	go p.read()
	return p
}

func (p *peer) read() {
	defer close(p.got)
	for {
		head := make([]byte, HeaderLen)
		if _, err := io.ReadFull(p.conn, head); err != nil {
			return
		}
		whole := make([]byte, binary.BigEndian.Uint32(head))
		copy(whole, head)
		if _, err := io.ReadFull(p.conn, whole[HeaderLen:]); err != nil {
			return
		}
		q, _, err := Frame(whole, 1<<20)
		if err != nil {
			p.t.Errorf("the session wrote what is no PDU: %x", head)
			return
		}
		p.got <- q
	}
}

func (p *peer) send(c Command, st Status, seq uint32, body ...byte) {
	p.conn.Write(PDU{c, st, seq, body}.Append(nil))
}

// next is the next PDU that comes, within a minute.
func (p *peer) next() PDU {
	p.t.Helper()
	select {
	case q, ok := <-p.got:
		if !ok {
			p.t.Fatal("the session ended without a word")
		}
		return q
	case <-time.After(time.Minute):
		p.t.Fatal("nothing came")
	}
	return PDU{}
}

func (p *peer) want(c Command, st Status, seq uint32) PDU {
	p.t.Helper()
	q := p.next()
	if q.Command != c || q.Status != st || q.Sequence != seq {
		p.t.Fatalf("came %v, %v, %d; want %v, %v, %d", q.Command, q.Status, q.Sequence, c, st, seq)
	}
	return q
}

// ended waits until the session has closed the connection, and says how many PDUs came before.
func (p *peer) ended() (n int) {
	for range p.got {
		n++
	}
	return n
}

// serve runs a session in a state against a peer, over a pipe.
func serve(t testing.TB, cfg Config, state BindState, w *witness) (*Session, *peer) {
	ours, theirs := net.Pipe()
	s := NewSession(ours, cfg, w)
	s.SetState(state)
	go s.Run()
	t.Cleanup(func() {
		s.Close()
		theirs.Close()
	})
	return s, newPeer(t, theirs)
}

// over checks that the session ends, within d, for one reason and once.
func over(t testing.TB, w *witness, want error, d time.Duration) {
	t.Helper()
	select {
	case err := <-w.closed:
		if want != nil && err != want {
			t.Errorf("ended by %v, want %v", err, want)
		}
	case <-time.After(d):
		t.Fatalf("not over after %v", d)
	}
	select {
	case err := <-w.closed:
		t.Errorf("closed again by %v", err)
	case <-time.After(time.Millisecond):
	}
}

// bubble runs a test with a clock of its own, and finds goroutines that are left.
func bubble(name string, t *testing.T, f func(t *testing.T)) {
	t.Run(name, func(t *testing.T) { synctest.Test(t, f) })
}

// counter counts how often each of many requests was given back.
type counter struct{ times atomic.Int32 }

func (c *counter) Response(*Session, PDU, error) { c.times.Add(1) }
