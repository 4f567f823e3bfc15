package smppdoor

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sekisho/sekisho/message"
	"github.com/sekisho/sekisho/smpp"
)

// judged lets the gate judge a text that the SMSC hands over, and passes on what may pass.
func (b *binding) judged(p smpp.PDU) {
	cfg := b.up.cfg.Load()
	b.sub.fill(&b.msg, b.door.cfg.Load().Home)
	m := &b.msg
	m.Door, m.Account, m.Time = "smpp", cfg.Name, b.session.ReadTime()
	m.Route, m.Mode = message.P2P, message.ModeUnset
	if b.service(b.session, p, cfg.Name) {
		return
	}
	owner := b.door.owner(m.To[0])
	loop := cfg.Loop
	if loop != nil {
		m.Route, m.Mode = loop.Route, loop.Mode
	}
	if owner == nil && loop == nil {
		b.door.metrics.nobody.Inc()
		b.answer(p, smpp.StatusRxPAppn)
		return
	}
	f := b.door.newFlight(b.session, p, nil)
	returned := 0
	if owner == nil {
		returned = b.door.returns.seen(m, loop.Return.Duration)
	}
	if returned > 0 {
		b.door.metrics.returned.Inc()
		b.door.returns.count.Add(1)
	}
	if returned > 1 { // it goes round: slow it down, lose nothing
		f.status = smpp.StatusRxTAppn
		f.resp = append(f.resp[:0], 0)
		f.settle(&b.touched, nil)
		return
	}
	if returned == 0 {
		b.judge(f)
		if f.rec.Done == message.Label {
			f.rec.Done = message.Deliver // a subscriber's own words are not written into
		}
		if do := b.verdicts.Each[0].Do; do.Stopped() && !b.stopped(f, do, loop, p) {
			return
		}
	}
	if owner != nil {
		b.toOwner(f, owner, p)
		return
	}
	b.back(f, loop, p)
}

// stopped holds or stops a text, and reports whether it is to go on after all: where it cannot be held, and the
// fallback is to deliver.
func (b *binding) stopped(f *flight, do message.Outcome, loop *Loop, p smpp.PDU) (passes bool) {
	answer := smpp.StatusRxRAppn
	if loop != nil {
		answer = loop.Answer
	}
	if f.long != nil {
		f.long.stop(do, b.sub.sm.Source, b.sub.sm.Dest)
	}
	if do == message.Hold && loop != nil {
		c, body := b.submission(loop, p)
		h := b.door.held(f, &b.msg, &b.sub, do, body)
		h.Class, h.Via, h.Command = b.verdicts.Each[0].Class, loop.Via, c
		f.then = func(f *flight, err error) {
			if f.rec.Done == message.Deliver { // it could not be held, and went on
				looped(f)
				return
			}
			f.to.Reply(f.command.Response(), answer, f.seq, messageIDNull)
			f.to.Flush()
		}
		if b.door.keep(hold{f: f, held: h}) {
			return false
		}
		f.then = nil
	}
	if do == message.Hold {
		b.door.metrics.fellBack.Inc()
		if b.door.cfg.Load().Stopped.Fallback == FallbackDeliver {
			f.rec.Done = message.Deliver
			return true
		}
		f.rec.Done = message.Block
	}
	f.status = answer
	f.resp = append(f.resp[:0], 0)
	f.settle(&b.touched, nil)
	return false
}

// toOwner hands a text to the ESME that its number belongs to.
func (b *binding) toOwner(f *flight, a *account, p smpp.PDU) {
	x := down{door: b.door, from: b.session, command: p.Command, seq: p.Sequence}
	f.write()
	f.done()
	b.door.handDown(a, &x, p.Command, p.Body, &b.touched)
}

// back submits a subscriber's text to the SMSC that handed it over, on binds that do not lead here again. What
// deliver_sm does not have is filled in as configured.
func (b *binding) back(f *flight, loop *Loop, p smpp.PDU) {
	via := b.door.upstream(loop.Via)
	c, body := b.submission(loop, p)
	f.then = func(f *flight, _ error) { looped(f) }
	if via == nil {
		f.status = smpp.StatusSysErr
		f.settle(&b.touched, nil)
		return
	}
	if f.long != nil {
		f.long.sent(f.part, via)
	}
	took := time.Since(b.msg.Time)
	f.rec.Delay = uint32(took.Microseconds())
	b.door.metrics.delay.Observe(took.Seconds())
	s, st := via.send(0, c, body, f)
	if st != smpp.StatusOK {
		f.status = st
		f.settle(&b.touched, nil)
		return
	}
	b.door.returns.sent(&b.msg)
	b.touched.add(s)
}

// submission is what came as deliver_sm, written as the submit that goes back.
func (b *binding) submission(loop *Loop, p smpp.PDU) (smpp.Command, []byte) {
	if p.Command == smpp.DataSM {
		return smpp.DataSM, p.Body
	}
	m := b.sub.sm
	m.ServiceType, m.Priority = []byte(loop.Service), byte(loop.Priority)
	if len(m.ValidityPeriod) == 0 {
		m.ValidityPeriod = []byte(loop.Validity)
	}
	m.RegisteredDelivery = byte(loop.Register)
	m.ScheduleDeliveryTime, m.ReplaceIfPresent, m.DefaultMsgID = nil, 0, 0
	b.body = m.Append(b.body[:0])
	return smpp.SubmitSM, b.body
}

// looped answers the SMSC for a text that went back to it. What it did not take it keeps and tries again.
func looped(f *flight) {
	st := f.status
	if st != smpp.StatusOK {
		st = smpp.StatusRxTAppn
	}
	f.to.Reply(f.command.Response(), st, f.seq, messageIDNull)
	f.to.Flush()
}

// returns notices texts that we gave back to the SMSC and that come to us again: binds that should lead past us do
// not. A text may be sent twice by its writer, so that the first return passes; a further one is slowed down. The
// table is bounded: beyond, nothing is noticed.
type returns struct {
	count atomic.Int64 // since somebody was told
	once  sync.Once
	seed  maphash.Seed
	mu    sync.Mutex
	at    map[uint64]returned
}

type returned struct {
	until int64 // unix nanoseconds
	times int
}

const returnsMax = 200_000

func (r *returns) key(m *message.Message) uint64 {
	r.once.Do(func() { r.seed, r.at = maphash.MakeSeed(), make(map[uint64]returned) })
	var h maphash.Hash
	h.SetSeed(r.seed)
	h.Write(m.From.Bytes())
	h.WriteByte(0)
	h.Write(m.To[0].Bytes())
	h.WriteByte(0)
	h.Write(m.Text)
	return h.Sum64()
}

// seen says how often this text has been given back before, within the time that counts.
func (r *returns) seen(m *message.Message, within time.Duration) int {
	k := r.key(m)
	r.mu.Lock()
	defer r.mu.Unlock()
	x, ok := r.at[k]
	if !ok || time.Now().UnixNano() > x.until {
		if len(r.at) < returnsMax {
			r.at[k] = returned{until: time.Now().Add(within).UnixNano()}
		}
		return 0
	}
	return x.times
}

func (r *returns) sent(m *message.Message) {
	k := r.key(m)
	r.mu.Lock()
	defer r.mu.Unlock()
	if x, ok := r.at[k]; ok {
		x.times++
		r.at[k] = x
	}
}

func (r *returns) expire(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for k, x := range r.at {
		if now.UnixNano() > x.until {
			delete(r.at, k)
		}
		if n++; n > 5000 { // a little at a time
			return
		}
	}
}
