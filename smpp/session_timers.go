package smpp

import (
	"context"
	"time"
)

// watch keeps the timers, so that neither a read nor a write nor a request has to set one of its own:
// responses that do not come, links that are silent, peers that do not bind, read, or finish a PDU.
func (s *Session) watch() {
	step := min(time.Second, s.cfg.Response/4, s.cfg.EnquireLink/4, s.cfg.BindWithin/4, s.cfg.Write/4, s.cfg.Drain/4)
	if s.cfg.Inactivity > 0 {
		step = min(step, s.cfg.Inactivity/4)
	}
	step = max(step, time.Millisecond)
	tick := time.NewTicker(step)
	defer tick.Stop()
	w := watcher{s: s, step: step, start: s.clock()}
	for {
		select {
		case <-s.done:
			return
		case <-tick.C:
			w.check(s.clock())
		}
	}
}

// watcher is what watch remembers between two ticks.
type watcher struct {
	s         *Session
	step      time.Duration
	start     int64
	busy      int64 // when the handler was last seen at work
	unbinding int64 // when the session was first seen unbinding
}

func (w *watcher) check(now int64) {
	s := w.s
	// The clock that requests and writes take their time from may be one step behind.
	late := func(since int64, after time.Duration) bool { return now-since > int64(after+w.step) }
	s.expire(now - int64(s.cfg.Response+w.step))
	if s.handling.Load() {
		w.busy = now // the peer may have answered: it is we who do not read
	}
	if b := s.writing.Load(); b != 0 && late(b, s.cfg.Write) {
		s.end(ErrSlow, atOnce)
		return
	}
	if b := s.partial.Load(); b != 0 && late(max(b, w.busy), s.cfg.Write) {
		s.end(ErrPartial, atOnce)
		return
	}
	silent := time.Duration(now - max(s.lastRead.Load(), w.busy))
	switch s.State() {
	case StateOpen:
		limit := s.cfg.BindWithin
		if s.cfg.Role == RoleESME {
			limit += s.cfg.Response
		}
		if time.Duration(now-w.start) > limit {
			s.end(ErrBind, atOnce)
		}
	case StateUnbinding:
		if w.unbinding == 0 {
			w.unbinding = now
		}
		// Unbind and unbound keep their own time; this is for what they may wait for.
		if late(w.unbinding, s.cfg.Drain+s.cfg.Response+s.cfg.Write) {
			s.end(ErrClosed, atOnce)
		}
	default:
		switch {
		case s.cfg.Inactivity > 0 && s.idle() && time.Duration(now-s.lastWork.Load()) > s.cfg.Inactivity:
			s.Send(Unbind, nil, ignore{})
			s.end(ErrInactive, lastWords)
		case silent > s.cfg.EnquireLink+s.cfg.Response:
			s.end(ErrSilent, atOnce)
		case silent > s.cfg.EnquireLink:
			s.enquire()
		}
	}
}

// idle says that no request of either side waits for its answer.
func (s *Session) idle() bool { return s.inflight.Load() == 0 && s.Outstanding() == 0 }

// enquire checks the link (SMPP 3.4 §4.11), with one enquire_link at a time.
func (s *Session) enquire() {
	s.mu.Lock()
	asked := s.probe
	s.probe = true
	s.mu.Unlock()
	if asked {
		return
	}
	if _, err := s.Send(EnquireLink, nil, enquiry{}); err != nil {
		enquiry{}.Response(s, PDU{}, err)
		return
	}
	s.kickWriter()
}

type enquiry struct{}

// Response ends a link check. Whether the link lives is told by the octets that come, whichever they are.
func (enquiry) Response(s *Session, _ PDU, _ error) {
	s.mu.Lock()
	s.probe = false
	s.mu.Unlock()
}

type ignore struct{}

func (ignore) Response(*Session, PDU, error) {}

// expire gives back requests sent before a moment. A response that comes later is passed over.
func (s *Session) expire(before int64) {
	for i := range s.pending {
		s.mu.Lock()
		if s.used == 0 {
			s.mu.Unlock()
			return
		}
		var late pending
		if p := &s.pending[i]; p.to != nil && p.sent < before {
			late = s.take(p)
		}
		s.mu.Unlock()
		if late.to != nil {
			late.to.Response(s, PDU{Command: late.command.Response(), Sequence: late.sequence}, ErrTimeout)
		}
	}
}

// unbindRequest takes the peer's unbind (SMPP 3.4 §4.2).
func (s *Session) unbindRequest(p PDU) {
	if s.State() == StateOpen || s.peerUnbinds.Swap(true) {
		s.reply(UnbindResp, StatusInvBndSts, p.Sequence, nil)
		return
	}
	s.become(StateUnbinding)
	s.handler.Idle(s) // what this read has caused so far must be on its way
	s.others.Go(func() { s.unbound(p.Sequence) })
}

// unbound answers the peer's unbind once every request of either side is answered, or Drain has passed.
func (s *Session) unbound(seq uint32) {
	if s.settle(context.Background()) == nil {
		s.reply(UnbindResp, StatusOK, seq, nil)
		s.end(ErrUnbound, lastWords)
	}
}

// settle waits until no request waits for its answer, for Drain at most.
func (s *Session) settle(ctx context.Context) error {
	deadline := time.NewTimer(s.cfg.Drain)
	defer deadline.Stop()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !s.idle() {
		select {
		case <-tick.C:
		case <-deadline.C:
			return nil
		case <-s.done:
			return ErrClosed
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// Unbind says good-bye: it waits for what is outstanding, for Drain at most, sends unbind, waits for its
// answer and closes. Requests that come meanwhile are refused with a temporary error. A session that was
// never bound is closed. It is not for a handler to call: it waits for what the reading goroutine reads.
func (s *Session) Unbind(ctx context.Context) error {
	switch s.become(StateUnbinding) {
	case StateOpen:
		s.Close()
		return nil
	case StateUnbinding, StateClosed: // another has begun, or the peer
		select {
		case <-s.done:
			return nil
		case <-ctx.Done():
			s.Close()
			return ctx.Err()
		}
	}
	err := s.settle(ctx)
	if err == nil {
		_, err = s.Call(ctx, Unbind, nil)
	}
	if ctx.Err() != nil {
		s.Close()
	} else {
		s.end(ErrClosed, lastWords)
	}
	if err == ErrClosed {
		return nil // it has ended by itself
	}
	return err
}
