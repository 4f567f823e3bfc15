package smpp

import "encoding/binary"

// Octets that one read may bring: at first, and once a bound peer has filled that.
const (
	quietBuffer = 8 << 10
	busyBuffer  = 64 << 10
)

// maxPDU bounds command_length. A peer that has not said who it is has no use for long ones.
func (s *Session) maxPDU() int {
	if s.State() == StateOpen {
		return min(s.cfg.MaxPDU, openMaxPDU)
	}
	return s.cfg.MaxPDU
}

// read cuts PDUs out of the stream and hands them over.
func (s *Session) read() error {
	buf := make([]byte, quietBuffer)
	n := 0 // octets in buf
	for {
		got, err := s.conn.Read(buf[n:])
		if got > 0 {
			now := s.clock()
			s.lastRead.Store(now)
			n += got
			full := n == len(buf)
			used, herr := s.handle(buf[:n])
			s.handling.Store(false)
			if herr != nil {
				return herr
			}
			begun := n > 0 && used < n
			if used > 0 {
				n = copy(buf, buf[used:n])
			}
			// A PDU that has begun must come whole in its time, however many small pieces it comes in: no slow loris.
			if !begun {
				s.setPartial(0)
			} else if used > 0 || s.partial.Load() == 0 {
				s.setPartial(now)
			}
			buf = s.grow(buf, n, full)
		}
		if err != nil {
			return err
		}
	}
}

func (s *Session) setPartial(at int64) {
	if s.partial.Load() != at {
		s.partial.Store(at)
	}
}

// grow makes room for a busy peer, so that fewer reads do, and for a PDU longer than the buffer.
func (s *Session) grow(buf []byte, n int, full bool) []byte {
	size := len(buf)
	if full && s.State() != StateOpen {
		size = max(size, busyBuffer)
	}
	if _, need, err := Frame(buf[:n], s.cfg.MaxPDU); err == ErrIncomplete {
		size = max(size, need) // within MaxPDU
	}
	if size > len(buf) {
		larger := make([]byte, size)
		copy(larger, buf[:n])
		return larger
	}
	return buf
}

// flushEvery is how many PDUs are handled before what they caused is written, even while more wait.
const flushEvery = 64

// handle hands over the whole PDUs at the start of b and says how many octets they had.
func (s *Session) handle(b []byte) (used int, err error) {
	work := false
	for count := 1; ; count++ {
		p, n, ferr := Frame(b[used:], s.maxPDU())
		if ferr == ErrIncomplete {
			break
		}
		if ferr != nil {
			s.lost(b[used:], ferr)
			return used, ferr
		}
		if count == 1 {
			s.handling.Store(true)
		}
		used += n
		work = work || p.Command != EnquireLink && p.Command != EnquireLinkResp
		s.dispatch(p)
		if count%flushEvery == 0 {
			s.handler.Idle(s)
			s.Flush()
		}
	}
	if work {
		s.lastWork.Store(s.lastRead.Load())
	}
	s.handler.Idle(s)
	s.Flush()
	return used, nil
}

// lost ends a session whose stream cannot be found again: it says so, then closes (SMPP 3.4 §4.3).
func (s *Session) lost(b []byte, err error) {
	s.handler.Idle(s)
	seq := uint32(0) // where the header has not come whole (§4.3.1: as in the PDU, or NULL)
	if len(b) >= HeaderLen {
		seq = binary.BigEndian.Uint32(b[12:])
	}
	s.reply(GenericNack, StatusInvCmdLen, seq, nil)
	s.end(err, lastWords)
}

func (s *Session) dispatch(p PDU) {
	switch {
	case p.Command.IsResponse():
		s.response(p)
	case p.Command == EnquireLink:
		s.reply(EnquireLinkResp, StatusOK, p.Sequence, nil)
	case p.Command == Unbind:
		s.unbindRequest(p)
	default:
		s.request(p)
	}
}

func (s *Session) request(p PDU) {
	state := s.State()
	st := s.allowed(p.Command, state)
	if st == StatusInvBndSts && state == StateUnbinding && !s.peerUnbinds.Load() &&
		s.allowed(p.Command, BindState(s.bound.Load())) == StatusOK {
		// The unbind is ours and the peer cannot know yet: it did nothing wrong, and may try again elsewhere.
		st = temporary(p.Command, s.cfg.Role)
	}
	answers := p.Command != Outbind && p.Command != AlertNotification // these have no response
	switch {
	case st == StatusInvCmdID, st != StatusOK && !answers:
		s.reply(GenericNack, st, p.Sequence, nil)
	case st != StatusOK:
		s.reply(p.Command.Response(), st, p.Sequence, nil)
	case !answers:
		s.handler.Request(s, p)
	case int(s.inflight.Add(1)) > s.cfg.PeerWindow:
		s.Reply(p.Command.Response(), StatusThrottled, p.Sequence, nil)
	default:
		s.handler.Request(s, p)
	}
}

// temporary is the status that makes a peer try again: a receiver has one of its own (SMPP 3.4 §5.1.3).
func temporary(c Command, r Role) Status {
	if r == RoleESME && (c == DeliverSM || c == DataSM) {
		return StatusRxTAppn
	}
	return StatusThrottled
}

// allowed says whether the peer may send c in a state (SMPP 3.4 §2.3).
func (s *Session) allowed(c Command, st BindState) Status {
	smsc := s.cfg.Role == RoleSMSC
	var ok bool
	switch c {
	case BindReceiver, BindTransmitter, BindTransceiver:
		if smsc && st != StateOpen && st < StateUnbinding {
			return StatusAlyBnd
		}
		ok = smsc && st == StateOpen
	case Outbind:
		ok = !smsc && st == StateOpen
	case SubmitSM, SubmitMulti, QuerySM, CancelSM, ReplaceSM:
		ok = smsc && (st == StateBoundTX || st == StateBoundTRX)
	case DeliverSM, AlertNotification:
		ok = !smsc && (st == StateBoundRX || st == StateBoundTRX)
	case DataSM:
		ok = st == StateBoundTRX || smsc && st == StateBoundTX || !smsc && st == StateBoundRX
	default:
		return StatusInvCmdID
	}
	if !ok {
		return StatusInvBndSts
	}
	return StatusOK
}

// response gives an answer to who waits for it. One that nobody waits for came too late and is passed over.
func (s *Session) response(p PDU) {
	s.mu.Lock()
	place := &s.pending[p.Sequence&uint32(len(s.pending)-1)]
	if place.to == nil || place.sequence != p.Sequence || p.Command != GenericNack && p.Command != place.command.Response() {
		s.mu.Unlock()
		return
	}
	had := s.take(place)
	s.mu.Unlock()
	had.to.Response(s, p, nil)
}
