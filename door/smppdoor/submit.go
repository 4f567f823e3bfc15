package smppdoor

import (
	"time"

	"github.com/sekisho/sekisho/message"
	"github.com/sekisho/sekisho/smpp"
)

// receiptGrace is how long behind its validity a message's receipt may come.
const receiptGrace = 72 * time.Hour

// defaultValidity is what an SMSC is taken to try for where a submit names no validity_period.
const defaultValidity = 72 * time.Hour

// submit is the path of a submit_sm or data_sm: read, allowed, judged, and on its way, held or refused.
func (e *esme) submit(p smpp.PDU) {
	if !e.account.limiter.Allow() {
		e.door.metrics.overRate.Inc()
		e.refuse(p, smpp.StatusThrottled)
		return
	}
	if st := e.read(p); st != smpp.StatusOK {
		e.refuse(p, st)
		return
	}
	if e.service(e.session, p, e.account.cfg.Load().Upstream) {
		return
	}
	f := e.door.newFlight(e.session, p, e.account)
	e.pass(f, p)
}

// pass judges what was read, and does what follows.
func (e *esme) pass(f *flight, p smpp.PDU) {
	e.judge(f)
	e.receipted(f)
	switch e.verdicts.Each[0].Do {
	case message.Hold:
		e.hold(f, message.Hold)
	case message.Block:
		e.block(f)
	case message.Label:
		e.label(f)
	default:
		e.forward(f, p.Command, p.Body)
	}
}

// receipted notes whether a receipt was asked for, and how long its id is to be known.
func (e *esme) receipted(f *flight) {
	if e.sub.sm.RegisteredDelivery&smpp.RegisteredReceipt != 0 {
		f.keep = true
		f.expires = e.msg.Time.Add(validity(e.sub.sm.ValidityPeriod, e.msg.Time) + receiptGrace)
	}
}

// refuse answers with an error and no body.
func (e *esme) refuse(p smpp.PDU, st smpp.Status) {
	e.session.Reply(p.Command.Response(), st, p.Sequence, nil)
}

// read reads a submit into e.sub and e.msg and says whether the account may send it.
func (e *esme) read(p smpp.PDU) smpp.Status {
	a := e.account.cfg.Load()
	if err := e.sub.read(p.Command, p.Body, a.Alphabet); err != nil {
		e.door.metrics.malformed.Inc()
		return smpp.StatusOf(err)
	}
	return e.address(a)
}

// address fills e.msg from e.sub and checks the account's permissions.
func (e *esme) address(a *Account) smpp.Status {
	e.sub.fill(&e.msg, e.door.cfg.Load().Home)
	m := &e.msg
	m.Door, m.Account, m.Route, m.Mode, m.Time = "smpp", a.SystemID, a.Route, a.Mode, e.session.ReadTime()
	if !a.sources.match(m.From) {
		e.door.metrics.badSource.Inc()
		return smpp.StatusInvSrcAdr
	}
	if e.sub.kind&^a.allowed != 0 {
		e.door.metrics.notPermitted.Inc()
		return smpp.StatusSubmitFail
	}
	if m.Decoding != message.Readable && m.Decoding != message.Binary {
		e.account.undone.Add(1)
		e.door.metrics.undecodable.WithLabelValues(a.SystemID).Inc()
	}
	return smpp.StatusOK
}

func validity(s []byte, now time.Time) time.Duration {
	if t, err := smpp.ParseTime(s, now); err == nil && t.After(now) {
		return min(t.Sub(now), 30*24*time.Hour)
	}
	return defaultValidity
}

// forward sends a body on to the account's SMSC. Where that cannot be, the ESME is told at once and nothing is kept.
func (e *esme) forward(f *flight, c smpp.Command, body []byte) {
	up := e.door.upstream(e.account.cfg.Load().Upstream)
	if up == nil {
		e.fail(f, smpp.StatusSysErr)
		return
	}
	if f.long != nil {
		f.long.sent(f.part, up)
	}
	took := time.Since(e.msg.Time)
	f.rec.Delay = uint32(min(took.Microseconds(), 1<<32-1))
	e.door.metrics.delay.Observe(took.Seconds())
	s, st := up.send(e.index, c, body, f)
	if st != smpp.StatusOK {
		e.fail(f, st)
		return
	}
	e.touched.add(s)
}

// fail answers a flight that was never sent.
func (e *esme) fail(f *flight, st smpp.Status) {
	f.status = st
	f.rec.Done = message.OutcomeUnset // nothing was done: the ESME may try again
	f.settle(&e.touched, nil)
}

// block refuses a message, or takes it and lets it end here, as configured.
func (e *esme) block(f *flight) {
	e.takeBack(f)
	cfg := e.door.cfg.Load().Stopped
	if cfg.Block == Accept && e.door.Keeper != nil {
		e.hold(f, message.Block)
		return
	}
	f.status = cfg.Status
	f.settle(&e.touched, nil)
}

// takeBack cancels the parts of a stopped long message that are already at the SMSC, where that can still be done.
func (e *esme) takeBack(f *flight) {
	if f.long != nil {
		f.long.stop(e.verdicts.Each[0].Do, e.sub.sm.Source, e.sub.sm.Dest)
	}
}

// replace is judged like a submit: it puts a new text into a message that waits at the SMSC. It names no
// destination and no coding (SMPP 3.4 §4.10.1): the account's own is taken.
func (e *esme) replace(p smpp.PDU) {
	var r smpp.ReplaceBody
	if err := r.Decode(p.Body); err != nil {
		e.refuse(p, smpp.StatusOf(err))
		return
	}
	if ours(r.MessageID) {
		e.refuse(p, smpp.StatusReplaceFail)
		return
	}
	a := e.account.cfg.Load()
	e.sub.command, e.sub.body = p.Command, p.Body
	e.sub.concat, e.sub.kind, e.sub.header, e.sub.oddHead, e.sub.issues = smpp.Concat{}, 0, nil, false, 0
	e.sub.sm = smpp.SM{Source: r.Source, ShortMessage: r.ShortMessage, TLVs: r.TLVs}
	e.sub.readText(a.Alphabet)
	if st := e.address(a); st != smpp.StatusOK {
		e.refuse(p, st)
		return
	}
	f := e.door.newFlight(e.session, p, e.account)
	e.judge(f)
	if e.verdicts.Each[0].Do.Stopped() {
		f.status = smpp.StatusReplaceFail
		f.settle(&e.touched, nil)
		return
	}
	e.forward(f, p.Command, p.Body)
}

// query passes on; what we hold ourselves we answer ourselves.
func (e *esme) query(p smpp.PDU) {
	var q smpp.QueryBody
	if err := q.Decode(p.Body); err != nil {
		e.refuse(p, smpp.StatusOf(err))
		return
	}
	if ours(q.MessageID) {
		e.queryHeld(p, string(q.MessageID))
		return
	}
	e.relay(p)
}

// cancel passes on; what we hold ourselves is cancelled here.
func (e *esme) cancel(p smpp.PDU) {
	var c smpp.CancelBody
	if err := c.Decode(p.Body); err != nil {
		e.refuse(p, smpp.StatusOf(err))
		return
	}
	if ours(c.MessageID) {
		e.cancelHeld(p, string(c.MessageID))
		return
	}
	e.relay(p)
}

// relay sends a request on as it came and gives its answer back as it comes.
func (e *esme) relay(p smpp.PDU) {
	f := e.door.newFlight(e.session, p, e.account)
	up := e.door.upstream(e.account.cfg.Load().Upstream)
	if up == nil {
		e.fail(f, smpp.StatusSysErr)
		return
	}
	s, st := up.send(e.index, p.Command, p.Body, f)
	if st != smpp.StatusOK {
		e.fail(f, st)
		return
	}
	e.touched.add(s)
}
