// Package smpptest has the two ends that a test of SMPP needs: a pretend SMSC and a pretend ESME.
package smpptest

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sekisho/sekisho/smpp"
)

// SMSC is a pretend message centre. It takes any bind, answers every submit_sm with a message_id of its
// own, and sends the receipts asked for. Set its fields before Listen.
type SMSC struct {
	// Answer decides what a submit_sm or data_sm gets: a status and, with StatusOK, an id ("" for the
	// next number). Nil: always OK. It may wait; then the session it came by waits too.
	Answer func(s *smpp.Session, p smpp.PDU) (smpp.Status, string)
	// OnRequest sees every other request first; true means that it has answered.
	OnRequest    func(s *smpp.Session, p smpp.PDU) bool
	Receipts     bool          // send receipts to who registered for them
	ReceiptAfter time.Duration // how long after the submit
	ReceiptState smpp.State    // StateDelivered where unset
	Prefix       string        // of message ids
	Config       smpp.Config
	Refuse       smpp.Status // binds are answered with it, unless OK

	Server    smpp.Server
	Submitted atomic.Int64
	next      atomic.Int64
	listener  net.Listener
	wg        sync.WaitGroup
	stop      context.CancelFunc
	ctx       context.Context
}

// Listen starts on the address and returns the one it got.
func (c *SMSC) Listen(addr string) (string, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return "", err
	}
	c.Serve(l)
	return l.Addr().String(), nil
}

// Serve starts on a listener.
func (c *SMSC) Serve(l net.Listener) {
	c.listener = l
	c.ctx, c.stop = context.WithCancel(context.Background())
	c.Server.Accept = func(net.Conn) (smpp.Config, smpp.Handler, bool) { return c.Config, &center{smsc: c}, true }
	c.wg.Go(func() { c.Server.Serve(l) })
}

// Close ends everything at once.
func (c *SMSC) Close() {
	c.listener.Close()
	c.stop()
	for _, s := range c.Server.Sessions() {
		s.Close()
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	c.Server.Shutdown(ctx)
	c.wg.Wait()
}

// Receiver gives a session that may take deliver_sm, or nil.
func (c *SMSC) Receiver() *smpp.Session {
	for _, s := range c.Server.Sessions() {
		if st := s.State(); st == smpp.StateBoundRX || st == smpp.StateBoundTRX {
			return s
		}
	}
	return nil
}

// Deliver sends a deliver_sm to a bound receiver and waits for its answer.
func (c *SMSC) Deliver(ctx context.Context, m *smpp.SM) (smpp.Status, error) {
	s := c.Receiver()
	if s == nil {
		return 0, fmt.Errorf("smpptest: no receiver is bound")
	}
	p, err := s.Call(ctx, smpp.DeliverSM, m.Append(nil))
	return p.Status, err
}

// center serves one session of the SMSC.
type center struct {
	smsc *SMSC
	sm   smpp.SM
	data smpp.DataBody
	id   []byte
}

func (h *center) Request(s *smpp.Session, p smpp.PDU) {
	if h.smsc.OnRequest != nil && h.smsc.OnRequest(s, p) {
		return
	}
	switch p.Command {
	case smpp.BindTransmitter, smpp.BindReceiver, smpp.BindTransceiver:
		if h.smsc.Refuse != smpp.StatusOK {
			s.Reply(p.Command.Response(), h.smsc.Refuse, p.Sequence, nil)
			return
		}
		s.SetState(map[smpp.Command]smpp.BindState{
			smpp.BindTransmitter: smpp.StateBoundTX, smpp.BindReceiver: smpp.StateBoundRX,
			smpp.BindTransceiver: smpp.StateBoundTRX,
		}[p.Command])
		r := smpp.BindResp{SystemID: []byte("smpptest")}
		s.Reply(p.Command.Response(), smpp.StatusOK, p.Sequence, r.Append(nil))
	case smpp.SubmitSM, smpp.DataSM:
		h.submit(s, p)
	case smpp.CancelSM, smpp.ReplaceSM:
		s.Reply(p.Command.Response(), smpp.StatusOK, p.Sequence, nil)
	case smpp.QuerySM:
		var q smpp.QueryBody
		q.Decode(p.Body)
		r := smpp.QueryResp{MessageID: q.MessageID, State: smpp.StateEnroute}
		s.Reply(p.Command.Response(), smpp.StatusOK, p.Sequence, r.Append(nil))
	default:
		s.Reply(smpp.GenericNack, smpp.StatusInvCmdID, p.Sequence, nil)
	}
}

func (h *center) submit(s *smpp.Session, p smpp.PDU) {
	st, id := smpp.StatusOK, ""
	if h.smsc.Answer != nil {
		st, id = h.smsc.Answer(s, p)
	}
	if st != smpp.StatusOK {
		s.Reply(p.Command.Response(), st, p.Sequence, nil)
		return
	}
	h.smsc.Submitted.Add(1)
	h.id = h.id[:0]
	if id == "" {
		h.id = strconv.AppendInt(append(h.id, h.smsc.Prefix...), h.smsc.next.Add(1), 16)
	} else {
		h.id = append(h.id, id...)
	}
	r := smpp.MessageIDBody{MessageID: h.id}
	var buf [80]byte
	s.Reply(p.Command.Response(), smpp.StatusOK, p.Sequence, r.Append(buf[:0]))
	if h.smsc.Receipts {
		h.receipt(s, p)
	}
}

// receipt sends the receipt for a submit, to any receiver that is bound when it is due.
func (h *center) receipt(s *smpp.Session, p smpp.PDU) {
	var source, dest smpp.Addr
	var registered byte
	if p.Command == smpp.SubmitSM {
		if h.sm.Decode(p.Body) != nil {
			return
		}
		source, dest, registered = h.sm.Source, h.sm.Dest, h.sm.RegisteredDelivery
	} else {
		if h.data.Decode(p.Body) != nil {
			return
		}
		source, dest, registered = h.data.Source, h.data.Dest, h.data.RegisteredDelivery
	}
	if registered&smpp.RegisteredReceipt == 0 {
		return
	}
	state := h.smsc.ReceiptState
	if state == smpp.StateNone {
		state = smpp.StateDelivered
	}
	now := time.Now()
	r := smpp.Receipt{MessageID: append([]byte(nil), h.id...), State: state}
	m := smpp.SM{
		Source:   smpp.Addr{TON: dest.TON, NPI: dest.NPI, Digits: append([]byte(nil), dest.Digits...)},
		Dest:     smpp.Addr{TON: source.TON, NPI: source.NPI, Digits: append([]byte(nil), source.Digits...)},
		ESMClass: smpp.ESMReceipt,
	}
	m.TLVs = smpp.AppendTLV(nil, smpp.TagReceiptedMessageID, append(append([]byte(nil), h.id...), 0))
	m.TLVs = smpp.AppendTLV(m.TLVs, smpp.TagMessageState, []byte{byte(state)})
	m.ShortMessage = r.Append(nil, now, now.Add(h.smsc.ReceiptAfter))
	h.smsc.wg.Go(func() {
		t := time.NewTimer(h.smsc.ReceiptAfter)
		defer t.Stop()
		for {
			select {
			case <-t.C:
			case <-h.smsc.ctx.Done():
				return
			}
			ctx, cancel := context.WithTimeout(h.smsc.ctx, 5*time.Second)
			st, err := h.smsc.Deliver(ctx, &m)
			cancel()
			if err == nil && st != smpp.StatusRxTAppn {
				return
			}
			t.Reset(200 * time.Millisecond) // a temporary error: an SMSC tries again
		}
	})
}

func (h *center) Idle(*smpp.Session)          {}
func (h *center) Closed(*smpp.Session, error) {}
