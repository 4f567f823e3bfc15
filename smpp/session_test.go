package smpp

import (
	"bytes"
	"fmt"
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
