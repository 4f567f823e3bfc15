package smpp

import (
	"bytes"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// between checks how long something took since start.
func between(t *testing.T, start time.Time, low, high time.Duration) {
	t.Helper()
	if d := time.Since(start); d < low || d > high {
		t.Errorf("after %v, want %v to %v", d, low, high)
	}
}

func TestResponseTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWitness(nil)
		s, p := serve(t, Config{Response: 10 * time.Second}, StateBoundTRX, w)
		time.Sleep(700 * time.Millisecond) // between two ticks
		var r tally
		start := time.Now()
		s.Send(DeliverSM, nil, &r)
		s.Flush()
		p.want(DeliverSM, StatusOK, 1)
		for n := 0; n == 0; n, _, _ = r.last() {
			time.Sleep(100 * time.Millisecond)
		}
		between(t, start, 10*time.Second, 12*time.Second+200*time.Millisecond)
		if _, q, err := r.last(); err != ErrTimeout || q.Sequence != 1 || q.Command != DeliverSMResp || s.Outstanding() != 0 {
			t.Fatal(q, err, s.Outstanding())
		}
		p.send(DeliverSMResp, 0, 1) // too late
		p.send(EnquireLink, 0, 5)
		p.want(EnquireLinkResp, StatusOK, 5)
		if n, _, _ := r.last(); n != 1 {
			t.Fatal("answered twice")
		}
		p.conn.Close()
		over(t, w, nil, time.Second)
	})
}

// Closed is the last thing a handler hears: not before an ErrTimeout that is being given back meanwhile.
func TestClosedIsLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWitness(nil)
		s, p := serve(t, Config{Response: 4 * time.Second}, StateBoundTRX, w)
		r := &dawdler{}
		s.Send(DeliverSM, nil, r)
		s.Flush()
		time.Sleep(8 * time.Second)
		p.conn.Close()
		<-w.closed
		if !r.done.Load() {
			t.Error("closed while a Responder was at work")
		}
	})
}

// dawdler is a Responder that takes its time.
type dawdler struct{ done atomic.Bool }

func (d *dawdler) Response(*Session, PDU, error) {
	time.Sleep(10 * time.Second)
	d.done.Store(true)
}

func TestLinkCheck(t *testing.T) {
	for role := RoleSMSC; role <= RoleESME; role++ {
		synctest.Test(t, func(t *testing.T) {
			w := newWitness(nil)
			_, p := serve(t, Config{Role: role, EnquireLink: 30 * time.Second, Response: 10 * time.Second}, StateBoundRX, w)
			for range 3 {
				start := time.Now()
				q := p.next()
				between(t, start, 29*time.Second, 33*time.Second)
				if q.Command != EnquireLink {
					t.Fatal(q)
				}
				p.send(EnquireLinkResp, 0, q.Sequence)
			}
			start := time.Now()
			if q := p.next(); q.Command != EnquireLink {
				t.Fatal(q)
			}
			if n := p.ended(); n > 1 {
				t.Errorf("%d more link checks while one is under way", n)
			}
			between(t, start, 39*time.Second, 44*time.Second)
			over(t, w, ErrSilent, time.Second)
		})
	}
}

// A link over which PDUs come lives, whether enquire_link is answered or not.
func TestLinkCheckOtherTraffic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWitness(nil)
		_, p := serve(t, Config{EnquireLink: 10 * time.Second, Response: 4 * time.Second}, StateBoundTX, w)
		for seq := range uint32(20) {
			time.Sleep(12 * time.Second)
			p.send(SubmitSM, 0, seq)
		}
		synctest.Wait()
		if w.count() != 20 {
			t.Fatal(w.count())
		}
		p.conn.Close()
		over(t, w, nil, time.Second)
	})
}

// While the handler waits it is we who do not read: the peer is not silent, nor is half a PDU its fault.
func TestSlowHandlerIsNoSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWitness(func(s *Session, p PDU) {
			time.Sleep(5 * time.Minute)
			s.Reply(p.Command.Response(), StatusOK, p.Sequence, nil)
		})
		_, p := serve(t, Config{}, StateBoundTX, w)
		go p.conn.Write(append(PDU{SubmitSM, 0, 1, nil}.Append(nil), 0, 0, 0, 16))
		time.Sleep(4 * time.Minute)
		for {
			select {
			case q := <-p.got:
				if q.Command == EnquireLink {
					continue
				}
				if q.Command != SubmitSMResp {
					t.Fatal(q)
				}
			case <-time.After(2 * time.Minute):
				t.Fatal("no answer")
			}
			break
		}
		p.conn.Close()
		over(t, w, nil, time.Second)
	})
}

func TestBindTimeout(t *testing.T) {
	for role, limit := range map[Role]time.Duration{RoleSMSC: 5 * time.Second, RoleESME: 15 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			w := newWitness(nil)
			_, p := serve(t, Config{Role: role}, StateOpen, w)
			var checks sync.WaitGroup
			defer checks.Wait()
			checks.Go(func() { // link checks are no bind
				for seq := uint32(1); ; seq++ {
					if _, err := p.conn.Write(PDU{EnquireLink, 0, seq, nil}.Append(nil)); err != nil {
						return
					}
					time.Sleep(time.Second)
				}
			})
			p.ended()
			over(t, w, ErrBind, time.Minute)
			between(t, start, limit, limit+2*time.Second)
		})
	}
}

func TestInactivity(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWitness(func(*Session, PDU) {})
		s, p := serve(t, Config{Inactivity: time.Minute, EnquireLink: 20 * time.Second}, StateBoundTX, w)
		p.send(SubmitSM, 0, 1)
		time.Sleep(5 * time.Second)
		live := func(d time.Duration) (last PDU) { // answers link checks
			for until := time.After(d); ; {
				select {
				case q, ok := <-p.got:
					if !ok {
						return last
					}
					if last = q; q.Command == EnquireLink {
						p.send(EnquireLinkResp, 0, q.Sequence)
					}
				case <-until:
					return last
				}
			}
		}
		live(3 * time.Minute) // an answer is due: that is no idleness
		if s.State() != StateBoundTX {
			t.Fatal(s.State())
		}
		s.Reply(SubmitSMResp, StatusOK, 1, nil)
		s.Flush()
		if q := live(time.Minute + 5*time.Second); q.Command != Unbind {
			t.Fatalf("last came %v", q)
		}
		over(t, w, ErrInactive, time.Minute)
	})
}

// However small the pieces, a PDU must come whole in its time.
func TestSlowLoris(t *testing.T) {
	for _, piece := range []int{0, 1, 3} {
		synctest.Test(t, func(t *testing.T) {
			w := newWitness(nil)
			_, p := serve(t, Config{Write: 10 * time.Second}, StateBoundTX, w)
			start := time.Now()
			b := PDU{SubmitSM, 0, 1, make([]byte, 1000)}.Append(nil)
			p.conn.Write(b[:20])
			for b = b[20:]; piece > 0; b = b[piece:] {
				time.Sleep(900 * time.Millisecond)
				if _, err := p.conn.Write(b[:piece]); err != nil {
					break
				}
			}
			p.ended()
			between(t, start, 10*time.Second, 13*time.Second)
			over(t, w, ErrPartial, time.Second)
		})
	}
}

// A peer that is slow but gets on is not ended: each PDU has its own time.
func TestSlowPeerLives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWitness(nil)
		_, p := serve(t, Config{Write: 10 * time.Second}, StateBoundTX, w)
		var b []byte
		for seq := range uint32(30) {
			b = PDU{SubmitSM, 0, seq, make([]byte, 4)}.Append(b)
		}
		for ; len(b) > 0; b = b[5:] { // four writes to a PDU
			p.conn.Write(b[:5])
			time.Sleep(1500 * time.Millisecond)
		}
		synctest.Wait()
		if w.count() != 30 {
			t.Fatal(w.count())
		}
		p.conn.Close()
		over(t, w, nil, time.Second)
	})
}

func TestFloodOfSingleOctets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWitness(nil)
		_, p := serve(t, Config{}, StateBoundTX, w)
		m := SM{TLVs: AppendTLV(nil, TagMessagePayload, make([]byte, 20_000))}
		b := PDU{SubmitSM, 0, 7, m.Append(nil)}.Append(nil)
		for i := range b {
			p.conn.Write(b[i : i+1])
		}
		p.want(SubmitSMResp, StatusOK, 7)
		p.conn.Close()
		over(t, w, nil, time.Second)
	})
}

// A peer that sends and never reads is cut off, and makes us keep no more than MaxOutput until then.
func TestPeerNeverReads(t *testing.T) {
	for _, c := range []struct {
		name  string
		state BindState
		cfg   Config
		limit int
	}{
		{"bound", StateBoundTX, Config{MaxOutput: 20_000}, 20_000},
		{"open", StateOpen, Config{}, openMaxOutput},
	} {
		bubble(c.name, t, func(t *testing.T) {
			ours, theirs := net.Pipe()
			defer theirs.Close()
			w := newWitness(nil)
			s := NewSession(ours, c.cfg, w)
			s.SetState(c.state)
			go s.Run()
			start := time.Now()
			flood := bytes.Repeat(PDU{EnquireLink, 0, 1, nil}.Append(nil), 100)
			for {
				if _, err := theirs.Write(flood); err != nil {
					break
				}
				s.mu.Lock()
				if n := len(s.out) + s.leaving; n > c.limit {
					t.Errorf("%d octets wait", n)
				}
				s.mu.Unlock()
				synctest.Wait()
				select {
				case <-s.Done():
					theirs.Close()
				default:
				}
			}
			over(t, w, ErrSlow, time.Second)
			between(t, start, 0, time.Second)
		})
	}
}

// One that reads nothing and sends nothing is found by the write that does not get on.
func TestWriteTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		defer theirs.Close()
		w := newWitness(nil)
		s := NewSession(ours, Config{Write: 8 * time.Second, Response: time.Hour, EnquireLink: time.Hour}, w)
		s.SetState(StateBoundRX)
		go s.Run()
		time.Sleep(2500 * time.Millisecond)
		start := time.Now()
		var r tally
		s.Send(DeliverSM, nil, &r)
		s.Flush()
		over(t, w, ErrSlow, time.Minute)
		between(t, start, 8*time.Second, 11*time.Second)
		if n, _, err := r.last(); n != 1 || err != ErrClosed {
			t.Error(n, err)
		}
	})
}

// Close does not wait for a write that does not get on, nor for a kinder end that is under way.
func TestCloseAtOnce(t *testing.T) {
	for _, kinder := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			ours, theirs := net.Pipe()
			defer theirs.Close()
			w := newWitness(nil)
			s := NewSession(ours, Config{Write: time.Hour}, w)
			s.SetState(StateBoundRX)
			go s.Run()
			s.Send(DeliverSM, nil, nil)
			s.Flush()
			synctest.Wait()
			if kinder {
				s.end(ErrUnbound, lastWords)
				synctest.Wait()
			}
			start := time.Now()
			s.Close()
			over(t, w, nil, time.Second)
			between(t, start, 0, time.Second)
		})
	}
}

// Half-open: the peer's machine is gone, and nothing tells us.
func TestHalfOpen(t *testing.T) {
	for _, st := range []BindState{StateOpen, StateBoundTX, StateBoundRX, StateBoundTRX, StateUnbinding} {
		bubble(st.String(), t, func(t *testing.T) {
			ours, theirs := net.Pipe()
			defer theirs.Close()
			w := newWitness(nil)
			s := NewSession(ours, Config{}, w)
			s.SetState(st)
			go s.Run()
			over(t, w, nil, 2*time.Minute)
		})
	}
}

// What an unbinding peer had said before our write failed is still heard.
func TestLastNews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWitness(nil)
		ours, theirs := net.Pipe()
		s := NewSession(deafConn{ours}, Config{}, w)
		s.SetState(StateBoundTRX)
		go s.Run()
		var r tally
		s.Send(DeliverSM, nil, &r)
		s.Flush()
		synctest.Wait() // the write has failed
		if _, err := s.Send(DeliverSM, nil, &r); err != ErrClosed {
			t.Error(err)
		}
		theirs.Write(PDU{DeliverSMResp, 0, 1, nil}.Append(nil))
		synctest.Wait()
		if n, _, err := r.last(); n != 1 || err != nil {
			t.Error(n, err)
		}
		over(t, w, net.ErrWriteToConnected, 2*time.Second)
	})
}

// deafConn is a connection whose writes fail.
type deafConn struct{ net.Conn }

func (deafConn) Write([]byte) (int, error) { return 0, net.ErrWriteToConnected }
