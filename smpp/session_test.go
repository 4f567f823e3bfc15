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

func TestWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWitness(nil)
		s, p := serve(t, Config{Window: 2}, StateBoundTRX, w)
		var r tally
		for range 2 {
			if _, err := s.Send(DeliverSM, nil, &r); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := s.Send(DeliverSM, nil, &r); err != ErrWindow {
			t.Fatalf("a third: %v", err)
		}
		if _, err := s.Call(t.Context(), DeliverSM, nil); err != ErrWindow {
			t.Fatalf("Call: %v", err)
		}
		s.Flush()
		p.want(DeliverSM, StatusOK, 1)
		p.want(DeliverSM, StatusOK, 2)
		p.send(DeliverSMResp, StatusRxTAppn, 2)
		synctest.Wait()
		if n, q, err := r.last(); n != 1 || err != nil || q.Status != StatusRxTAppn || q.Sequence != 2 || s.Outstanding() != 1 {
			t.Fatalf("%d, %+v, %v", n, q, err)
		}
		if seq, err := s.Send(DeliverSM, []byte("body"), &r); seq != 3 || err != nil {
			t.Fatal(seq, err)
		}
		s.Flush()
		if q := p.want(DeliverSM, StatusOK, 3); string(q.Body) != "body" {
			t.Fatalf("%q", q.Body)
		}
		s.Close()
		over(t, w, ErrClosed, time.Second)
		if n, q, err := r.last(); n != 3 || err != ErrClosed || q.Command != DeliverSMResp {
			t.Fatalf("%d, %+v, %v", n, q, err)
		}
		if _, err := s.Send(DeliverSM, nil, &r); err != ErrClosed {
			t.Fatalf("after the end: %v", err)
		}
		if s.State() != StateClosed || s.Outstanding() != 0 {
			t.Fatal(s.State(), s.Outstanding())
		}
	})
}

// The session's own link check takes no place: whoever has a window of one would wait for an answer that is not his.
func TestWindowOfOneWithLinkCheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWitness(nil)
		s, p := serve(t, Config{Window: 1}, StateBoundTRX, w)
		if q := p.next(); q.Command != EnquireLink {
			t.Fatal(q)
		}
		if _, err := s.Send(DeliverSM, nil, nil); err != nil || s.Outstanding() != 1 {
			t.Fatal(err, s.Outstanding())
		}
		p.conn.Close()
		over(t, w, nil, time.Second)
	})
}

func TestSlowResponseOneRingAgo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWitness(nil)
		s, p := serve(t, Config{Window: 7}, StateBoundTRX, w) // a ring of 16
		var slow, quick tally
		s.Send(DeliverSM, nil, &slow)
		for i := range 100 {
			seq, err := s.Send(DeliverSM, nil, &quick)
			if err != nil || seq%16 == 1 {
				t.Fatalf("%d: sequence_number %d, %v", i, seq, err)
			}
			p.send(DeliverSMResp, StatusOK, seq)
			synctest.Wait()
		}
		if n, _, _ := quick.last(); n != 100 {
			t.Fatalf("%d answers", n)
		}
		// Answers with the same place and another number, or to another command, are not the one.
		p.send(DeliverSMResp, StatusOK, 17)
		p.send(SubmitSMResp, StatusOK, 1)
		p.send(DeliverSMResp, StatusOK, 0x80000001)
		synctest.Wait()
		if n, _, _ := slow.last(); n != 0 {
			t.Fatal("answered by another's answer")
		}
		p.send(GenericNack, StatusSysErr, 1)
		synctest.Wait()
		if n, q, err := slow.last(); n != 1 || q.Command != GenericNack || err != nil {
			t.Fatal(n, q, err)
		}
		p.conn.Close()
		over(t, w, nil, time.Second)
	})
}

func TestSequenceWrap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWitness(nil)
		s, p := serve(t, Config{}, StateBoundTRX, w)
		s.sequence = 0x7FFFFFFD
		var r tally
		for _, want := range []uint32{0x7FFFFFFE, 0x7FFFFFFF, 1, 2} {
			if seq, err := s.Send(DeliverSM, nil, &r); seq != want || err != nil {
				t.Fatalf("%x, want %x, %v", seq, want, err)
			}
		}
		s.Notify(AlertNotification, nil)
		s.Flush()
		for _, seq := range []uint32{0x7FFFFFFE, 0x7FFFFFFF, 1, 2} {
			p.want(DeliverSM, StatusOK, seq)
			p.send(DeliverSMResp, StatusOK, seq)
		}
		p.want(AlertNotification, StatusOK, 3)
		synctest.Wait()
		if n, _, _ := r.last(); n != 4 {
			t.Fatalf("%d answers", n)
		}
		p.conn.Close()
		over(t, w, nil, time.Second)
	})
}

func TestBuffer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWitness(nil)
		s, _ := serve(t, Config{MaxOutput: 1000}, StateBoundTRX, w)
		if _, err := s.Send(DeliverSM, make([]byte, 1000), nil); err != ErrBuffer || s.Outstanding() != 0 {
			t.Fatal(err, s.Outstanding())
		}
		if err := s.Notify(AlertNotification, make([]byte, 985)); err != ErrBuffer {
			t.Fatal(err)
		}
		if _, err := s.Send(DeliverSM, make([]byte, 984), nil); err != nil {
			t.Fatal(err)
		}
		s.Close()
		over(t, w, ErrClosed, time.Second)
	})
}

func TestPeerWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWitness(func(*Session, PDU) {})
		s, p := serve(t, Config{PeerWindow: 2}, StateBoundTRX, w)
		for seq := range uint32(4) {
			p.send(SubmitSM, 0, seq)
		}
		p.want(SubmitSMResp, StatusThrottled, 2)
		p.want(SubmitSMResp, StatusThrottled, 3)
		p.send(EnquireLink, 0, 9)
		p.want(EnquireLinkResp, StatusOK, 9) // the link lives
		if w.count() != 2 || s.Unanswered() != 2 {
			t.Fatal(w.count(), s.Unanswered())
		}
		s.Reply(SubmitSMResp, StatusOK, 0, nil)
		s.Flush()
		p.want(SubmitSMResp, StatusOK, 0)
		p.send(SubmitSM, 0, 5)
		synctest.Wait()
		if w.count() != 3 {
			t.Fatal(w.count())
		}
		// One answer too many must not widen the window.
		for range 5 {
			s.Reply(SubmitSMResp, StatusOK, 1, nil)
		}
		if s.Unanswered() != 0 {
			t.Fatal(s.Unanswered())
		}
		p.conn.Close()
		over(t, w, nil, time.Second)
	})
}

func TestWrongLength(t *testing.T) {
	for _, c := range []struct {
		name  string
		state BindState
		bytes string
		seq   uint32
	}{
		{"too short", StateBoundTX, "0000000F 00000004 00000000 00000007", 7},
		{"nothing", StateBoundTX, "00000000 00000004 00000000 00000007 0000", 7},
		{"over MaxPDU", StateBoundTX, "00001001 00000004 00000000 00000007", 7},
		{"text, no SMPP", StateOpen, "474554202F20485454502F312E310D0A", 0x2E310D0A},
		{"before the header is whole", StateBoundTX, "FFFFFFFF", 0},
		{"too long for one that is not bound", StateOpen, "00001001 00000004 00000000 00000007", 7},
	} {
		bubble(c.name, t, func(t *testing.T) {
			w := newWitness(nil)
			s, p := serve(t, Config{MaxPDU: 4096}, c.state, w)
			b := unhex(t, "00000010 00000015 00000000 00000001"+c.bytes)
			go p.conn.Write(b)
			p.want(EnquireLinkResp, StatusOK, 1) // what was before it is not lost
			p.want(GenericNack, StatusInvCmdLen, c.seq)
			if n := p.ended(); n != 0 {
				t.Errorf("%d PDUs behind the generic_nack", n)
			}
			over(t, w, ErrLength, time.Second)
			if s.State() != StateClosed {
				t.Error(s.State())
			}
		})
	}
}

func TestLargestPDU(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWitness(nil)
		_, p := serve(t, Config{}, StateBoundTX, w)
		m := SM{TLVs: AppendTLV(nil, TagMessagePayload, bytes.Repeat([]byte("x"), 65_535))}
		body := m.Append(nil)
		for seq := range uint32(3) {
			p.send(SubmitSM, 0, seq, body...)
			p.want(SubmitSMResp, StatusOK, seq)
		}
		if !bytes.Equal(w.requests[2].Body, body) {
			t.Error("changed on its way")
		}
		p.conn.Close()
		over(t, w, nil, time.Second)
	})
}

// Before the bind a peer gets neither long PDUs nor a long queue.
func TestOpenIsSmall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWitness(nil)
		s, p := serve(t, Config{}, StateOpen, w)
		go p.send(SubmitSM, 0, 1, make([]byte, openMaxPDU)...)
		p.want(GenericNack, StatusInvCmdLen, 1)
		over(t, w, ErrLength, time.Second)
		if _, err := s.Send(Outbind, nil, nil); err != ErrClosed {
			t.Error(err)
		}
	})
}

func TestUnknownCommand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWitness(nil)
		_, p := serve(t, Config{}, StateBoundTX, w)
		for i, c := range []Command{0, 0x0000000A, 0x00000777, 0x00010200, 0x7FFFFFFF, 0x00000112} {
			p.send(c, 0, uint32(i), 1, 2, 3)
			p.want(GenericNack, StatusInvCmdID, uint32(i))
		}
		// An answer that nobody asked for is passed over: to answer it would start a quarrel without end.
		for _, c := range []Command{GenericNack, SubmitSMResp, 0x80000777, 0xFFFFFFFF, UnbindResp} {
			p.send(c, 0, 1)
		}
		p.send(EnquireLink, 0, 9)
		p.want(EnquireLinkResp, StatusOK, 9)
		p.conn.Close()
		over(t, w, nil, time.Second)
		if w.count() != 0 {
			t.Error("the handler was asked")
		}
	})
}

// Which side may send what in which state is SMPP 3.4 §2.3, table 2-1.
func TestStates(t *testing.T) {
	const open, tx, rx, trx = 1 << StateOpen, 1 << StateBoundTX, 1 << StateBoundRX, 1 << StateBoundTRX
	for c, may := range map[Command][2]int{ // of the ESME, of the SMSC
		BindReceiver: {open, 0}, BindTransmitter: {open, 0}, BindTransceiver: {open, 0}, Outbind: {0, open},
		SubmitSM: {tx | trx, 0}, SubmitMulti: {tx | trx, 0}, QuerySM: {tx | trx, 0}, CancelSM: {tx | trx, 0}, ReplaceSM: {tx | trx, 0},
		DataSM: {tx | trx, rx | trx}, DeliverSM: {0, rx | trx}, AlertNotification: {0, rx | trx},
	} {
		for role := RoleSMSC; role <= RoleESME; role++ {
			for st := StateOpen; st <= StateBoundTRX; st++ {
				bubble(fmt.Sprintf("%v/%d/%v", c, role, st), t, func(t *testing.T) {
					w := newWitness(nil)
					_, p := serve(t, Config{Role: role}, st, w)
					p.send(c, 0, 5)
					isBind := c == BindReceiver || c == BindTransmitter || c == BindTransceiver
					silent := c == Outbind || c == AlertNotification
					allowed := may[role]&(1<<st) != 0
					switch {
					case allowed && silent:
					case allowed:
						p.want(c.Response(), StatusOK, 5)
					case isBind && role == RoleSMSC:
						p.want(c.Response(), StatusAlyBnd, 5)
					case silent: // these have no response of their own
						p.want(GenericNack, StatusInvBndSts, 5)
					default:
						p.want(c.Response(), StatusInvBndSts, 5)
					}
					p.send(EnquireLink, 0, 6)
					p.want(EnquireLinkResp, StatusOK, 6)
					if got := w.count(); got != map[bool]int{true: 1}[allowed] {
						t.Errorf("the handler got %d", got)
					}
					p.conn.Close()
					over(t, w, nil, time.Second)
				})
			}
		}
	}
}

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
