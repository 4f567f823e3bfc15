package smpp

import (
	"errors"
	"net"
)

// Send queues a request and returns its sequence number; to gets the answer. body is copied. What is
// queued goes out with the next Flush. On an error nothing was queued and to is not called: ErrWindow,
// ErrBuffer, or ErrClosed, also while the session unbinds.
func (s *Session) Send(c Command, body []byte, to Responder) (uint32, error) {
	if to == nil {
		to = ignore{}
	}
	own := !windowed(c)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.err != nil, s.State() == StateUnbinding && !own:
		return 0, ErrClosed
	case s.waiting >= s.cfg.Window && !own, s.used == len(s.pending):
		return 0, ErrWindow
	case !s.room(len(body)):
		return 0, ErrBuffer
	}
	// A place may still be taken by a slow request of one ring ago: pass over its number.
	place := s.next()
	for place.to != nil {
		place = s.next()
	}
	*place = pending{to, s.sequence, c, s.now.Load()}
	s.used++
	if !own {
		s.waiting++
	}
	s.out = append(appendHeader(s.out, len(body), c, StatusOK, s.sequence), body...)
	return s.sequence, nil
}

// next goes on to the next sequence_number, 1 to 0x7FFFFFFF (SMPP 3.4 §5.1.4), and gives its place.
func (s *Session) next() *pending {
	if s.sequence++; s.sequence > 0x7FFFFFFF {
		s.sequence = 1
	}
	return &s.pending[s.sequence&uint32(len(s.pending)-1)]
}

// room says whether one more PDU may wait to be written; mu is held.
func (s *Session) room(body int) bool {
	limit := s.cfg.MaxOutput
	if s.State() == StateOpen {
		limit = min(limit, openMaxOutput)
	}
	return s.leaving+len(s.out)+HeaderLen+body <= limit
}

// Notify queues a PDU that has no response: alert_notification, outbind.
func (s *Session) Notify(c Command, body []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return ErrClosed
	}
	if !s.room(len(body)) {
		return ErrBuffer
	}
	s.next()
	s.out = append(appendHeader(s.out, len(body), c, StatusOK, s.sequence), body...)
	return nil
}

// Reply answers a request of the peer; body is copied. A peer that sends and does not read its answers is cut off.
func (s *Session) Reply(c Command, st Status, seq uint32, body []byte) error {
	err := s.reply(c, st, seq, body)
	if s.inflight.Add(-1) < 0 {
		s.inflight.Add(1) // answered twice, or what needs no answer: the window must not grow by it
	}
	return err
}

func (s *Session) reply(c Command, st Status, seq uint32, body []byte) error {
	s.mu.Lock()
	if s.err != nil {
		s.mu.Unlock()
		return ErrClosed
	}
	if !s.room(len(body)) {
		s.mu.Unlock()
		s.end(ErrSlow, atOnce)
		return ErrSlow
	}
	s.out = append(appendHeader(s.out, len(body), c, st, seq), body...)
	s.mu.Unlock()
	return nil
}

// Flush hands what is queued to the connection. It does not wait.
func (s *Session) Flush() {
	s.mu.Lock()
	some := len(s.out) > 0
	s.mu.Unlock()
	if some {
		s.kickWriter()
	}
}

func (s *Session) kickWriter() {
	select {
	case s.kick <- struct{}{}:
	default:
	}
}

// write is the one goroutine that writes, so that a slow peer holds nobody up but itself.
func (s *Session) write() {
	defer close(s.wrote)
	for ended := false; !ended; {
		select {
		case <-s.kick:
		case <-s.done:
			ended = true
		}
		if err := s.writeOut(); err != nil {
			if ne, ok := errors.AsType[net.Error](err); ok && ne.Timeout() {
				s.end(ErrSlow, atOnce)
			} else {
				s.end(err, lastNews)
			}
			return
		}
	}
}

// keptOutput is how large an output buffer stays, in octets: one burst must not stay in memory for good.
const keptOutput = 256 << 10

// writeOut writes until nothing waits.
func (s *Session) writeOut() error {
	for {
		s.mu.Lock()
		b := s.out
		s.leaving = len(b)
		if len(b) == 0 || s.err != nil && s.manner != lastWords {
			s.leaving = 0
			s.mu.Unlock()
			return nil
		}
		s.out, s.spare = s.spare[:0], nil
		s.mu.Unlock()

		s.writing.Store(s.now.Load())
		_, err := s.conn.Write(b)
		s.writing.Store(0)

		if cap(b) > keptOutput {
			b = nil
		}
		s.mu.Lock()
		s.spare, s.leaving = b, 0
		s.mu.Unlock()
		if err != nil {
			return err
		}
	}
}
