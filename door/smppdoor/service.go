package smppdoor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sekisho/sekisho/message"
	"github.com/sekisho/sekisho/smpp"
	"github.com/sekisho/sekisho/subject"
)

// Service takes texts that are written to ourselves, at a short code: what subscribers report to 7726. They are not judged, and not delivered
// to anybody.
type Service interface {
	// Serves reports whether texts to an address are for the service. It is asked for every text, and must not wait.
	Serves(to subject.Address) bool
	// Take takes texts, which have come whole, all or none. Their senders' SMSC is answered when it returns: with nil they must be safe;
	// with an error the SMSC keeps them and tries again.
	Take(ctx context.Context, all []Told) error
}

// Told is a text to a service.
type Told struct {
	From, To subject.Address
	Text     string
	Time     time.Time
	Upstream string // by which it came, and by which an answer goes; empty for the first
}

// toldQueue bounds what waits to be taken, toldBatch what is taken at once.
const (
	toldQueue = 4096
	toldBatch = 256
)

type told struct {
	Told
	session *smpp.Session
	pdu     smpp.PDU // without its body
	body    []byte   // of the answer
}

// service takes a text that is for the service, and reports whether it was.
func (j *judging) service(s *smpp.Session, p smpp.PDU, up string) bool {
	d, m := j.door, &j.msg
	if d.Service == nil || len(m.To) != 1 || !d.Service.Serves(m.To[0]) {
		return false
	}
	answer := messageIDNull
	if p.Command != smpp.DeliverSM {
		r := smpp.MessageIDBody{MessageID: []byte(newID(servicePrefix))}
		answer = r.Append(nil)
	}
	reply := func(st smpp.Status) bool {
		if st != smpp.StatusOK {
			answer = nil
		}
		s.Reply(p.Command.Response(), st, p.Sequence, answer)
		return true
	}
	if m.Decoding == message.Binary || m.From.IsZero() {
		return reply(smpp.StatusRxRAppn)
	}
	if j.sub.long() {
		w := d.longs.take(m, &j.sub)
		if j.text = w.text(j.text[:0], m); !m.Whole() {
			return reply(smpp.StatusOK) // an SMSC may send the next part only when this one is answered
		}
	}
	t := told{Told: Told{From: m.From, To: m.To[0], Text: string(m.Text), Time: m.Time, Upstream: up}, session: s,
		pdu: smpp.PDU{Command: p.Command, Sequence: p.Sequence}, body: answer}
	select {
	case d.told <- t:
	default:
		return reply(smpp.StatusMsgQFul)
	}
	return true
}

// serving gives the service what is queued, many at once.
func (d *Door) serving() {
	batch := make([]told, 0, toldBatch)
	all := make([]Told, 0, toldBatch)
	for {
		select {
		case t := <-d.told:
			batch = append(batch[:0], t)
		case <-d.ctx.Done():
			return // sessions are closed by then: what waits here was never acknowledged
		}
	more:
		for len(batch) < toldBatch {
			select {
			case t := <-d.told:
				batch = append(batch, t)
			default:
				break more
			}
		}
		all = all[:0]
		for i := range batch {
			all = append(all, batch[i].Told)
		}
		ctx, cancel := context.WithTimeout(context.Background(), d.cfg.Load().Session.Response.Duration)
		err := d.Service.Take(ctx, all)
		cancel()
		if err != nil {
			d.Log.Error("smpp: reports could not be kept; the SMSC will send them again", "n", len(batch), "err", err)
		}
		for _, t := range batch {
			st, body := smpp.StatusOK, t.body
			if err != nil {
				if st, body = smpp.StatusRxTAppn, nil; t.pdu.Command != smpp.DeliverSM {
					st = smpp.StatusThrottled
				}
			}
			t.session.Reply(t.pdu.Command.Response(), st, t.pdu.Sequence, body)
			t.session.Flush()
		}
	}
}

// ErrUnsent is returned where a text of ours could not be handed to an SMSC.
var ErrUnsent = errors.New("the SMSC did not take it")

// Send submits a text of our own and waits for the SMSC's answer. It is not sent again by us: what it does not answer it may have taken.
func (d *Door) Send(ctx context.Context, upstream string, from, to subject.Address, text string) error {
	up := d.upstream(upstream)
	if up == nil && upstream == "" {
		if cfg := d.cfg.Load(); len(cfg.Upstreams) > 0 {
			up = d.upstream(cfg.Upstreams[0].Name)
		}
	}
	if up == nil {
		return fmt.Errorf("%w: no upstream of that name", ErrUnsent)
	}
	dflt := up.cfg.Load().Alphabet
	alphabet := dflt
	if !smpp.Fits([]byte(text), alphabet) {
		alphabet = smpp.UCS2
	}
	dc, ok := smpp.DataCoding(alphabet, dflt)
	if !ok {
		return fmt.Errorf("%w: the text has no form on this bind", ErrUnsent)
	}
	parts, err := smpp.Split([]byte(text), alphabet, d.nextRef(), false)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnsent, err)
	}
	for _, part := range parts {
		m := smpp.SM{Source: addrOf(from), Dest: addrOf(to), DataCoding: dc, ShortMessage: part}
		if len(parts) > 1 {
			m.ESMClass |= smpp.ESMUDHI
		}
		w := make(waiting, 1)
		s, st := up.send(0, smpp.SubmitSM, m.Append(nil), w)
		if st != smpp.StatusOK {
			return fmt.Errorf("%w: %v", ErrUnsent, st)
		}
		s.Flush()
		select {
		case a := <-w:
			if a.err != nil {
				return fmt.Errorf("%w: %w", ErrUnsent, a.err)
			}
			if a.status != smpp.StatusOK {
				return fmt.Errorf("%w: %v", ErrUnsent, a.status)
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// waiting is who waits for an answer; there is room for it, so that no session waits for him.
type waiting chan answered

type answered struct {
	status smpp.Status
	err    error
}

// Response hands the answer over.
func (w waiting) Response(_ *smpp.Session, p smpp.PDU, err error) { w <- answered{p.Status, err} }

// addrOf writes an address as SMPP has it (3.4 §5.2.5, §5.2.6).
func addrOf(a subject.Address) smpp.Addr {
	switch a.Kind() {
	case subject.KindLine:
		return smpp.Addr{TON: smpp.TONInternational, NPI: 1, Digits: []byte(a.String()[1:])}
	case subject.KindAlphanumeric:
		return smpp.Addr{TON: smpp.TONAlphanumeric, Digits: []byte(a.String())}
	}
	return smpp.Addr{Digits: []byte(a.String())}
}
