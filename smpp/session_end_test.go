package smpp

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestUnbindOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWitness(nil)
		s, p := serve(t, Config{}, StateOpen, w)
		p.send(Unbind, 0, 1)
		p.want(UnbindResp, StatusInvBndSts, 1)
		if err := s.Unbind(t.Context()); err != nil {
			t.Error(err)
		}
		over(t, w, ErrClosed, time.Second)
	})
}

// What either side has asked before the peer's unbind is answered before it is.
func TestUnbindByPeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWitness(func(*Session, PDU) {})
		s, p := serve(t, Config{}, StateBoundTRX, w)
		var r tally
		s.Send(DeliverSM, nil, &r)
		s.Flush()
		p.want(DeliverSM, StatusOK, 1)
		p.send(SubmitSM, 0, 1)
		p.send(SubmitSM, 0, 2)
		p.send(Unbind, 0, 3)
		p.send(SubmitSM, 0, 4) // too late
		p.want(SubmitSMResp, StatusInvBndSts, 4)
		p.send(Unbind, 0, 5) // again
		p.want(UnbindResp, StatusInvBndSts, 5)
		if _, err := s.Send(DeliverSM, nil, &r); err != ErrClosed || s.State() != StateUnbinding {
			t.Fatal(err, s.State())
		}
		s.SetState(StateBoundTRX) // a handler that is late with a bind does not bring it back
		if s.State() != StateUnbinding {
			t.Fatal(s.State())
		}
		time.Sleep(time.Second)
		s.Reply(SubmitSMResp, StatusOK, 2, nil)
		s.Reply(SubmitSMResp, StatusOK, 1, nil)
		s.Flush()
		p.want(SubmitSMResp, StatusOK, 2)
		p.want(SubmitSMResp, StatusOK, 1)
		p.send(DeliverSMResp, 0, 1)
		p.want(UnbindResp, StatusOK, 3)
		if n := p.ended(); n != 0 {
			t.Errorf("%d PDUs behind unbind_resp", n)
		}
		over(t, w, ErrUnbound, time.Second)
		if n, _, err := r.last(); n != 1 || err != nil {
			t.Error(n, err)
		}
	})
}

func TestUnbindByPeerDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWitness(func(*Session, PDU) {})
		s, p := serve(t, Config{Drain: 3 * time.Second}, StateBoundTRX, w)
		p.send(SubmitSM, 0, 1)
		start := time.Now()
		p.send(Unbind, 0, 2)
		p.want(UnbindResp, StatusOK, 2)
		if d := time.Since(start); d < 3*time.Second || d > 4*time.Second {
			t.Errorf("after %v", d)
		}
		over(t, w, ErrUnbound, time.Second)
		if err := s.Reply(SubmitSMResp, StatusOK, 1, nil); err != ErrClosed {
			t.Error(err)
		}
	})
}

// A peer that unbinds and does not wait has unbound all the same.
func TestUnbindByPeerAndGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWitness(func(*Session, PDU) {})
		_, p := serve(t, Config{}, StateBoundTRX, w)
		p.send(SubmitSM, 0, 1)
		p.send(Unbind, 0, 2)
		p.conn.Close()
		over(t, w, ErrUnbound, time.Second)
	})
}

// Before our unbind goes out, what is outstanding is answered, and what comes anew is told to try again.
func TestUnbindByUs(t *testing.T) {
	for role, again := range map[Role]Status{RoleSMSC: StatusThrottled, RoleESME: StatusRxTAppn} {
		bubble(fmt.Sprint(role), t, func(t *testing.T) {
			theirs, ours := SubmitSM, DeliverSM
			if role == RoleESME {
				theirs, ours = DeliverSM, SubmitSM
			}
			w := newWitness(func(*Session, PDU) {})
			s, p := serve(t, Config{Role: role}, StateBoundTRX, w)
			var r tally
			s.Send(ours, nil, &r)
			s.Flush()
			p.want(ours, StatusOK, 1)
			p.send(theirs, 0, 1)
			synctest.Wait()
			done := make(chan error, 1)
			go func() { done <- s.Unbind(context.Background()) }()
			synctest.Wait()
			p.send(theirs, 0, 2)
			p.want(theirs.Response(), again, 2)
			p.send(ours, 0, 3) // that it could never send
			p.want(ours.Response(), StatusInvBndSts, 3)
			s.Reply(theirs.Response(), StatusOK, 1, nil)
			s.Flush()
			p.want(theirs.Response(), StatusOK, 1)
			p.send(ours.Response(), 0, 1)
			q := p.next()
			if q.Command != Unbind {
				t.Fatal(q)
			}
			p.send(theirs, 0, 4) // crossed our unbind
			p.want(theirs.Response(), again, 4)
			p.send(UnbindResp, 0, q.Sequence)
			if err := <-done; err != nil {
				t.Error(err)
			}
			over(t, w, ErrClosed, time.Second)
			if n, _, err := r.last(); n != 1 || err != nil {
				t.Error(n, err)
			}
			if err := s.Unbind(context.Background()); err != nil {
				t.Error("again:", err)
			}
		})
	}
}

func TestUnbindByUsBounds(t *testing.T) {
	bubble("the handler never answers", t, func(t *testing.T) {
		w := newWitness(func(*Session, PDU) {})
		s, p := serve(t, Config{Drain: 3 * time.Second}, StateBoundTRX, w)
		p.send(SubmitSM, 0, 1)
		synctest.Wait()
		go s.Unbind(context.Background())
		start := time.Now()
		q := p.next()
		if d := time.Since(start); q.Command != Unbind || d < 3*time.Second || d > 4*time.Second {
			t.Fatal(q, d)
		}
		p.send(UnbindResp, 0, q.Sequence)
		over(t, w, ErrClosed, time.Second)
	})
	bubble("the peer never answers", t, func(t *testing.T) {
		w := newWitness(nil)
		s, p := serve(t, Config{Response: 4 * time.Second}, StateBoundTRX, w)
		if err := s.Unbind(context.Background()); err != ErrTimeout {
			t.Error(err)
		}
		over(t, w, ErrClosed, time.Second)
		p.ended()
	})
	bubble("the context ends", t, func(t *testing.T) {
		w := newWitness(func(*Session, PDU) {})
		s, p := serve(t, Config{}, StateBoundTRX, w)
		p.send(SubmitSM, 0, 1)
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := s.Unbind(ctx); err != context.DeadlineExceeded {
			t.Error(err)
		}
		over(t, w, ErrClosed, time.Second)
	})
	bubble("the peer closes", t, func(t *testing.T) {
		w := newWitness(func(*Session, PDU) {})
		s, p := serve(t, Config{}, StateBoundTRX, w)
		go func() {
			p.next()
			p.conn.Close()
		}()
		if err := s.Unbind(context.Background()); err != nil {
			t.Error(err)
		}
		over(t, w, ErrClosed, time.Second)
	})
	bubble("both at once", t, func(t *testing.T) {
		w := newWitness(nil)
		s, p := serve(t, Config{}, StateBoundTRX, w)
		done := make(chan error, 1)
		go func() { done <- s.Unbind(context.Background()) }()
		if q := p.next(); q.Command != Unbind {
			t.Fatal(q)
		}
		p.send(Unbind, 0, 77)
		p.want(UnbindResp, StatusOK, 77)
		if err := <-done; err != nil {
			t.Error(err)
		}
		over(t, w, nil, time.Second)
	})
}

// A peer may close its own direction and still wait for its answers.
func TestLastWordsAfterEOF(t *testing.T) {
	addr, sessions := listen(t, Config{}, newWitness(nil))
	conn := dialTCP(t, addr)
	s := <-sessions
	s.SetState(StateBoundTX)
	p := newPeer(t, conn)
	for seq := range uint32(100) {
		p.send(SubmitSM, 0, seq)
	}
	conn.CloseWrite()
	if n := p.ended(); n != 100 {
		t.Errorf("%d of 100 answers came", n)
	}
}

// A generic_nack must reach a peer that goes on sending rubbish: octets left unread make a kernel reset the connection.
func TestLastWordsBeforeReset(t *testing.T) {
	for range 20 {
		addr, sessions := listen(t, Config{}, newWitness(nil))
		conn := dialTCP(t, addr)
		<-sessions
		conn.Write(bytes.Repeat([]byte("rubbish "), 8<<10))
		conn.CloseWrite()
		got, err := io.ReadAll(conn) // up to an end that is no reset
		if p, n, ferr := Frame(got, DefaultMaxPDU); err != nil || ferr != nil || n != len(got) ||
			p.Command != GenericNack || p.Status != StatusInvCmdLen || p.Sequence != 0x69736820 {
			t.Fatalf("%x, %v", got, err)
		}
	}
}

// Requests given back, answered and sent while the session ends from several sides: each is given back once.
func TestEndRaces(t *testing.T) {
	for round := range 20 {
		w := newWitness(nil)
		addr, sessions := listen(t, Config{Window: 50}, w)
		conn := dialTCP(t, addr)
		s := <-sessions
		s.SetState(StateBoundTRX)
		p := newPeer(t, conn)
		go func() {
			for q := range p.got {
				if q.Command == DeliverSM && q.Sequence%3 != 0 {
					p.send(DeliverSMResp, 0, q.Sequence)
				}
			}
		}()
		var mu sync.Mutex
		var sent []*counter
		var senders sync.WaitGroup
		for range 4 {
			senders.Go(func() {
				for range 200 {
					c := new(counter)
					if _, err := s.Send(DeliverSM, nil, c); err == nil {
						mu.Lock()
						sent = append(sent, c)
						mu.Unlock()
					}
					s.Flush()
				}
			})
		}
		var enders sync.WaitGroup
		for i := range 3 {
			enders.Go(func() {
				time.Sleep(time.Duration(round*50) * time.Microsecond)
				switch (round + i) % 4 {
				case 0:
					s.Close()
				case 1:
					ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
					defer cancel()
					s.Unbind(ctx)
				case 2:
					conn.Close()
				case 3:
					p.send(Unbind, 0, 1)
					conn.Write([]byte("rubbish"))
					s.Close()
				}
			})
		}
		enders.Wait()
		s.Close()
		over(t, w, nil, 5*time.Second)
		senders.Wait()
		conn.Close()
		for i, c := range sent {
			if n := c.times.Load(); n != 1 {
				t.Fatalf("request %d of %d was given back %d times", i, len(sent), n)
			}
		}
	}
}
