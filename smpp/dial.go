package smpp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"syscall"
	"time"
)

// BindAs binds a session that is open and running, as the ESME: command is BindTransmitter, BindReceiver
// or BindTransceiver. It waits for the answer. Where the peer refuses, errors.As finds its Status.
func (s *Session) BindAs(ctx context.Context, command Command, b Bind) (BindResp, error) {
	state := map[Command]BindState{
		BindTransmitter: StateBoundTX, BindReceiver: StateBoundRX, BindTransceiver: StateBoundTRX,
	}[command]
	if state == StateOpen {
		return BindResp{}, fmt.Errorf("smpp: %v is no bind", command)
	}
	body := b.Append(nil)
	if err := new(Bind).Decode(body); err != nil {
		return BindResp{}, err // such as a password of more than 8 octets: the peer would only say no
	}
	w := binder{make(waiter, 1), state}
	if _, err := s.Send(command, body, w); err != nil {
		return BindResp{}, err
	}
	s.kickWriter()
	select {
	case a := <-w.waiter:
		switch {
		case a.err != nil:
			return BindResp{}, a.err
		case a.p.Status != StatusOK:
			return BindResp{}, fmt.Errorf("smpp: %v refused: %w", command, a.p.Status)
		case a.p.Command == GenericNack:
			return BindResp{}, fmt.Errorf("smpp: %v refused by generic_nack", command)
		}
		var r BindResp
		_ = r.Decode(a.p.Body) // we are bound, whatever is wrong with the name the peer gives itself
		return r, nil
	case <-ctx.Done():
		return BindResp{}, ctx.Err()
	}
}

// binder changes the state on the reading goroutine: deliver_sm may come right behind the bind_resp.
type binder struct {
	waiter
	state BindState
}

func (b binder) Response(s *Session, p PDU, err error) {
	if err == nil && p.Status == StatusOK && p.Command != GenericNack {
		s.SetState(b.state)
	}
	b.waiter.Response(s, p, err)
}

// Dial makes a session of an open connection, runs it and binds. On an error the connection is closed and
// the handler has been told by Closed.
func Dial(ctx context.Context, conn net.Conn, command Command, b Bind, cfg Config, h Handler) (*Session, error) {
	cfg.Role = RoleESME
	s := NewSession(conn, cfg, h)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.Run()
	}()
	if _, err := s.BindAs(ctx, command, b); err != nil {
		s.Close()
		<-ended
		return nil, err
	}
	return s, nil
}

// Server takes connections and runs a session for each.
type Server struct {
	// Accept says how to serve a connection; ok false closes it. It is called on the accepting goroutine.
	// Where ok is true, Handler.Closed is called in the end.
	Accept func(net.Conn) (cfg Config, h Handler, ok bool)
	// Max bounds sessions open at once; 0: 10,000. One more is closed at once, and Accept not asked.
	Max int

	mu       sync.Mutex
	sessions map[*Session]struct{}
	places   int // sessions, and connections that are about to be one
	closing  bool
	wg       sync.WaitGroup
}

// Serve takes connections until the listener is closed.
func (v *Server) Serve(l net.Listener) error {
	pause := time.Millisecond
	for {
		conn, err := l.Accept()
		switch {
		case err == nil:
			pause = time.Millisecond
			v.take(conn)
		case errors.Is(err, net.ErrClosed):
			return nil
		case passing(err):
			time.Sleep(pause)
			pause = min(2*pause, time.Second)
		default:
			return fmt.Errorf("smpp: accept: %w", err)
		}
	}
}

// passing says whether the next Accept may succeed: out of file descriptors, and the like. A flood of
// connections must not close the door for good.
func passing(err error) bool {
	if ne, ok := errors.AsType[net.Error](err); ok && ne.Timeout() {
		return true
	}
	errno, ok := errors.AsType[syscall.Errno](err)
	return ok && (errno.Temporary() || errno == syscall.ECONNABORTED || errno == syscall.ENOBUFS || errno == syscall.ENOMEM)
}

func (v *Server) take(conn net.Conn) {
	if !v.place(1) {
		conn.Close()
		return
	}
	cfg, h, ok := v.Accept(conn)
	if !ok {
		conn.Close()
		v.place(-1)
		return
	}
	cfg.Role = RoleSMSC
	s := NewSession(conn, cfg, h)
	v.mu.Lock()
	if v.sessions == nil {
		v.sessions = make(map[*Session]struct{})
	}
	v.sessions[s] = struct{}{}
	closing := v.closing
	v.mu.Unlock()
	if closing { // Shutdown has not seen it
		s.Close()
	}
	go func() {
		s.Run()
		v.mu.Lock()
		delete(v.sessions, s)
		v.mu.Unlock()
		v.place(-1)
	}()
}

// place takes a place for a session, if there is one, or gives it back.
func (v *Server) place(n int) bool {
	limit := v.Max
	if limit <= 0 {
		limit = 10_000
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if n > 0 && (v.closing || v.places >= limit) {
		return false
	}
	v.places += n
	v.wg.Add(n)
	return true
}

// Sessions gives every open session.
func (v *Server) Sessions() []*Session {
	v.mu.Lock()
	defer v.mu.Unlock()
	all := make([]*Session, 0, len(v.sessions))
	for s := range v.sessions {
		all = append(all, s)
	}
	return all
}

// Shutdown unbinds every session: no new requests, what is outstanding is answered first, until ctx
// ends; then what is left is closed. It returns when every Handler.Closed has. The listener is the caller's
// to close before.
func (v *Server) Shutdown(ctx context.Context) {
	v.mu.Lock()
	v.closing = true
	v.mu.Unlock()
	var wg sync.WaitGroup
	for _, s := range v.Sessions() {
		wg.Go(func() {
			if s.State() == StateOpen || s.Unbind(ctx) != nil {
				s.Close()
			}
		})
	}
	wg.Wait()
	v.wg.Wait()
}
