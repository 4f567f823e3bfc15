package smpptest

import (
	"context"
	"net"

	"github.com/sekisho/sekisho/smpp"
)

// ESME is a pretend client: a bound session, and what was delivered to it.
type ESME struct {
	*smpp.Session
	// OnDeliver takes each deliver_sm or data_sm and says how to answer; nil answers OK.
	OnDeliver func(p smpp.PDU) smpp.Status
	closed    chan error
}

// Bind connects to an SMSC and binds.
func Bind(ctx context.Context, addr string, command smpp.Command, systemID, password string, cfg smpp.Config, onDeliver func(smpp.PDU) smpp.Status) (*ESME, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	e := &ESME{OnDeliver: onDeliver, closed: make(chan error, 1)}
	e.Session, err = smpp.Dial(ctx, conn, command,
		smpp.Bind{SystemID: []byte(systemID), Password: []byte(password), InterfaceVersion: 0x34}, cfg, e)
	if err != nil {
		return nil, err
	}
	return e, nil
}

// Submit sends a submit_sm and waits for its answer: the status and the message_id.
func (e *ESME) Submit(ctx context.Context, m *smpp.SM) (smpp.Status, string, error) {
	p, err := e.Call(ctx, smpp.SubmitSM, m.Append(nil))
	if err != nil {
		return 0, "", err
	}
	var r smpp.MessageIDBody
	if err := r.Decode(p.Body); err != nil {
		return p.Status, "", err
	}
	return p.Status, string(r.MessageID), nil
}

// Request answers what the SMSC delivers.
func (e *ESME) Request(s *smpp.Session, p smpp.PDU) {
	if p.Command != smpp.DeliverSM && p.Command != smpp.DataSM {
		return
	}
	st := smpp.StatusOK
	if e.OnDeliver != nil {
		st = e.OnDeliver(p)
	}
	s.Reply(p.Command.Response(), st, p.Sequence, []byte{0})
}

// Idle does nothing: the session flushes its own answers.
func (e *ESME) Idle(*smpp.Session) {}

// Closed notes why the session ended.
func (e *ESME) Closed(_ *smpp.Session, err error) { e.closed <- err }

// Wait waits for the end of the session and says why it ended.
func (e *ESME) Wait(ctx context.Context) error {
	select {
	case err := <-e.closed:
		e.closed <- err
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}
