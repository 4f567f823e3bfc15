package smpp_test

import (
	"context"
	"fmt"
	"net"
	"strconv"

	"github.com/sekisho/sekisho/smpp"
)

// center is a tiny message centre: it takes every bind and gives every message an id.
type center struct{ next int }

func (c *center) Request(s *smpp.Session, p smpp.PDU) {
	switch p.Command {
	case smpp.BindTransceiver:
		var b smpp.Bind
		if err := b.Decode(p.Body); err != nil {
			s.Reply(p.Command.Response(), smpp.StatusOf(err), p.Sequence, nil)
			return
		}
		fmt.Printf("%s binds\n", b.SystemID)
		s.SetState(smpp.StateBoundTRX)
		r := smpp.BindResp{SystemID: []byte("tiny")}
		s.Reply(p.Command.Response(), smpp.StatusOK, p.Sequence, r.Append(nil))
	case smpp.SubmitSM:
		var m smpp.SM
		if err := m.Decode(p.Body); err != nil {
			s.Reply(p.Command.Response(), smpp.StatusOf(err), p.Sequence, nil)
			return
		}
		fmt.Printf("to %s: %s\n", m.Dest.Digits, m.ShortMessage)
		c.next++
		r := smpp.MessageIDBody{MessageID: strconv.AppendInt(nil, int64(c.next), 10)}
		s.Reply(p.Command.Response(), smpp.StatusOK, p.Sequence, r.Append(nil))
	default:
		s.Reply(p.Command.Response(), smpp.StatusInvCmdID, p.Sequence, nil)
	}
}

func (c *center) Idle(*smpp.Session) {}

func (c *center) Closed(_ *smpp.Session, err error) { fmt.Println("SMSC:", err) }

// client has nothing delivered to it.
type client struct{}

func (client) Request(s *smpp.Session, p smpp.PDU) {
	s.Reply(p.Command.Response(), smpp.StatusRxPAppn, p.Sequence, nil)
}
func (client) Idle(*smpp.Session)          {}
func (client) Closed(*smpp.Session, error) {}

func ExampleServer() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	server := smpp.Server{Accept: func(net.Conn) (smpp.Config, smpp.Handler, bool) {
		return smpp.Config{PeerWindow: 10}, &center{}, true
	}}
	go server.Serve(l)

	submit(l.Addr().String(), "関所")

	l.Close()
	server.Shutdown(context.Background())
	// Output:
	// esme binds
	// to 819012345678: 関所
	// message_id 1
	// SMSC: smpp: session unbound by the peer
}

func submit(addr, text string) {
	ctx := context.Background()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		fmt.Println(err)
		return
	}
	s, err := smpp.Dial(ctx, conn, smpp.BindTransceiver, smpp.Bind{SystemID: []byte("esme")}, smpp.Config{}, client{})
	if err != nil {
		fmt.Println(err)
		return
	}
	m := smpp.SM{
		Dest:         smpp.Addr{TON: smpp.TONInternational, NPI: 1, Digits: []byte("819012345678")},
		ShortMessage: []byte(text),
	}
	p, err := s.Call(ctx, smpp.SubmitSM, m.Append(nil))
	if err != nil || p.Status != smpp.StatusOK {
		fmt.Println(p.Status, err)
		return
	}
	var r smpp.MessageIDBody
	if err := r.Decode(p.Body); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("message_id %s\n", r.MessageID)
	if err := s.Unbind(ctx); err != nil {
		fmt.Println(err)
	}
}

func ExampleDial() {
	ours, theirs := net.Pipe()
	go smpp.NewSession(theirs, smpp.Config{Role: smpp.RoleSMSC}, refuser{}).Run()

	_, err := smpp.Dial(context.Background(), ours, smpp.BindReceiver,
		smpp.Bind{SystemID: []byte("esme"), Password: []byte("wrong")}, smpp.Config{}, client{})
	fmt.Println(err)
	// Output: smpp: bind_receiver refused: ESME_RINVPASWD
}

// refuser lets nobody in.
type refuser struct{ client }

func (refuser) Request(s *smpp.Session, p smpp.PDU) {
	s.Reply(p.Command.Response(), smpp.StatusInvPaswd, p.Sequence, nil)
}

func ExampleSM_Decode() {
	sent := smpp.SM{
		Source:             smpp.Addr{TON: smpp.TONAlphanumeric, Digits: []byte("SEKISHO")},
		Dest:               smpp.Addr{TON: smpp.TONInternational, NPI: 1, Digits: []byte("819012345678")},
		RegisteredDelivery: smpp.RegisteredFinal,
		ShortMessage:       []byte("Hello"),
		TLVs:               smpp.AppendTLV(nil, smpp.TagUserMessageReference, []byte{0, 7}),
	}
	stream := smpp.PDU{Command: smpp.SubmitSM, Sequence: 1, Body: sent.Append(nil)}.Append(nil)

	p, n, err := smpp.Frame(stream, smpp.DefaultMaxPDU)
	if err != nil {
		fmt.Println(err)
		return
	}
	var m smpp.SM
	if err := m.Decode(p.Body); err != nil {
		fmt.Println(err)
		return
	}
	ref, _ := m.TLVs.Uint(smpp.TagUserMessageReference)
	fmt.Printf("%v, %d octets: %s to %s: %s (reference %d)\n", p.Command, n, m.Source.Digits, m.Dest.Digits, m.ShortMessage, ref)

	err = m.Decode(p.Body[:30])
	fmt.Println(err, "- answer", smpp.StatusOf(err))
	// Output:
	// submit_sm, 63 octets: SEKISHO to 819012345678: Hello (reference 7)
	// smpp: bad validity_period (ESME_RINVCMDLEN) - answer ESME_RINVCMDLEN
}
