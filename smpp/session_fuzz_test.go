package smpp

import (
	"context"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// What FuzzSession lets the other end and the handler do, besides sending octets.
const (
	fuzzESME      = 1 << iota // we are the ESME
	fuzzDeaf                  // the peer never reads
	fuzzHangs                 // the peer stays when its octets are sent, and says no more
	fuzzLater                 // requests are answered by another goroutine, later
	fuzzNever                 // requests are not answered at all
	fuzzUnbind                // we unbind in the middle of it
	fuzzPiecemeal             // octets come in pieces of three
	fuzzClose                 // we close in the middle of it
)

// FuzzSession throws octets at a live session, in every state and from either side. Whatever comes, the
// session ends, leaves no goroutine, gives each request of ours back once, and writes no more than one
// answer to each request of the peer's.
func FuzzSession(f *testing.F) {
	var talk []byte // one of each, with answers to what the session asks
	for _, c := range []Command{BindTransceiver, SubmitSM, DeliverSM, DataSM, SubmitMulti, EnquireLink, 0x777, AlertNotification,
		Outbind, QuerySM, SubmitSMResp, DeliverSMResp, EnquireLinkResp, GenericNack, UnbindResp} {
		talk = PDU{c, StatusOK, uint32(len(talk)/16 + 1), nil}.Append(talk)
		talk = PDU{c, StatusOK, 1, []byte("abc\x00")}.Append(talk)
	}
	unbind := PDU{Unbind, StatusOK, 77, nil}.Append(nil)
	for state := byte(StateOpen); state <= byte(StateUnbinding); state++ {
		for bit := range 8 {
			f.Add(state, byte(1<<bit), append(talk[:len(talk):len(talk)], unbind...))
		}
		f.Add(state, byte(fuzzHangs|fuzzLater), append(append(unbind, unbind...), talk[:100]...))
		f.Add(state, byte(fuzzHangs|fuzzESME), talk[:5])
		f.Add(state, byte(fuzzDeaf|fuzzHangs), []byte("GET / HTTP/1.1\r\n\r\n"))
		f.Add(state, byte(fuzzUnbind|fuzzNever), []byte{0, 0, 0, 15, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 9})
	}
	f.Fuzz(func(t *testing.T, state, flags byte, b []byte) {
		if len(b) > 4<<10 {
			return
		}
		synctest.Test(t, func(t *testing.T) { fuzzSession(t, BindState(state%5), flags, b) })
	})
}

func fuzzSession(t *testing.T, state BindState, flags byte, b []byte) {
	has := func(flag byte) bool { return flags&flag != 0 }
	cfg := Config{Window: 3, PeerWindow: 4, MaxPDU: 600, MaxOutput: 2000}
	if has(fuzzESME) {
		cfg.Role = RoleESME
	}
	ours, theirs := net.Pipe()
	defer theirs.Close()

	var others sync.WaitGroup
	asked := 0 // requests given to the handler; the answer to each is marked with its number
	w := newWitness(func(s *Session, p PDU) {
		if p.Command == Outbind || p.Command == AlertNotification {
			return
		}
		asked++
		n := asked
		mark := []byte{byte(n >> 8), byte(n), 'm'}
		answer := func() { s.Reply(p.Command.Response(), Status(0x400), p.Sequence, mark) }
		switch {
		case has(fuzzNever):
		case has(fuzzLater):
			others.Go(func() {
				time.Sleep(time.Duration(n%7) * time.Second)
				answer()
				s.Flush()
			})
		default:
			answer()
		}
	})
	s := NewSession(ours, cfg, w)
	s.SetState(state)
	requests := make([]counter, 3)
	var sent []*counter
	for i := range requests {
		if _, err := s.Send(DeliverSM, []byte{byte(i)}, &requests[i]); err == nil {
			sent = append(sent, &requests[i])
		}
	}
	go s.Run()
	s.Flush()

	var p *peer
	if !has(fuzzDeaf) {
		p = newPeer(t, theirs)
	}
	if has(fuzzUnbind) {
		others.Go(func() {
			time.Sleep(time.Second)
			s.Unbind(context.Background())
		})
	}
	if has(fuzzClose) {
		others.Go(func() {
			time.Sleep(1500 * time.Millisecond)
			s.Close()
		})
	}
	step := max(len(b), 1)
	if has(fuzzPiecemeal) {
		step = 3
	}
	for rest := b; len(rest) > 0; {
		n := min(step, len(rest))
		if _, err := theirs.Write(rest[:n]); err != nil {
			break
		}
		if rest = rest[n:]; has(fuzzPiecemeal) {
			time.Sleep(50 * time.Millisecond)
		}
	}
	synctest.Wait()
	if !has(fuzzHangs) {
		theirs.Close()
	}
	over(t, w, nil, 5*time.Minute)
	others.Wait()

	for i, c := range sent {
		if n := c.times.Load(); n != 1 {
			t.Errorf("request %d was given back %d times", i, n)
		}
	}
	if s.State() != StateClosed || s.Outstanding() != 0 || s.Unanswered() < 0 {
		t.Errorf("%v, %d outstanding, %d unanswered", s.State(), s.Outstanding(), s.Unanswered())
	}
	if p == nil {
		return
	}
	theirs.Close()
	answers, marks := 0, map[string]bool{}
	for q := range p.got {
		if !q.Command.IsResponse() {
			continue
		}
		answers++
		if q.Status == 0x400 {
			if marks[string(q.Body)] || len(q.Body) != 3 {
				t.Errorf("answered twice: %x", q.Body)
			}
			marks[string(q.Body)] = true
		}
	}
	if most := len(b)/HeaderLen + 1; answers > most || len(marks) > asked {
		t.Errorf("%d answers to %d PDUs, %d of the handler's to %d", answers, most, len(marks), asked)
	}
}
