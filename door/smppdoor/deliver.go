package smppdoor

import (
	"bytes"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sekisho/sekisho/door/smppdoor/pending"
	"github.com/sekisho/sekisho/message"
	"github.com/sekisho/sekisho/record"
	"github.com/sekisho/sekisho/smpp"
	"github.com/sekisho/sekisho/subject"
)

// deliver is the path of a deliver_sm or data_sm from the SMSC: a receipt goes to the account whose message it is
// about, a text to the account that its number belongs to, or back to the SMSC where it hands its subscribers' traffic
// over. The SMSC is answered once the next hop has answered.
func (b *binding) deliver(p smpp.PDU) {
	if err := b.sub.read(p.Command, p.Body, b.up.cfg.Load().Alphabet); err != nil {
		b.door.metrics.malformed.Inc()
		b.answer(p, smpp.StatusOf(err))
		return
	}
	var r smpp.Receipt
	if r.ReadReceipt(&b.sub.sm) {
		b.door.receipt(b.session, p, &b.sub, &r, &b.touched, true)
		return
	}
	b.judged(p)
}

func (b *binding) answer(p smpp.PDU, st smpp.Status) {
	b.session.Reply(p.Command.Response(), st, p.Sequence, messageIDNull)
}

// messageIDNull is the body of a deliver_sm_resp: its message_id is unused (SMPP 3.4 §4.6.2).
var messageIDNull = []byte{0}

// receipt finds whose message a receipt is about. One that came before the submit_sm_resp waits for it a little.
func (d *Door) receipt(from *smpp.Session, p smpp.PDU, b *submission, r *smpp.Receipt, touched *flusher, mayPark bool) {
	var e pending.Entry
	if !d.ids.Get(r.MessageID, &e) {
		if mayPark && d.parked.add(d, from, p, r.MessageID) {
			return
		}
		d.metrics.receipts.WithLabelValues("unknown").Inc()
		from.Reply(p.Command.Response(), smpp.StatusRxTAppn, p.Sequence, messageIDNull)
		touched.add(from)
		return
	}
	a := d.account(e.Account)
	if a == nil {
		d.metrics.receipts.WithLabelValues("no-account").Inc()
		from.Reply(p.Command.Response(), smpp.StatusRxPAppn, p.Sequence, messageIDNull)
		touched.add(from)
		return
	}
	body := p.Body
	if len(e.Alias) > 0 {
		if e.Parts > 1 && r.State.Final() {
			d.mergeReceipt(from, p, b, r, &e)
			return
		}
		body = rename(&b.sm, r.MessageID, e.Alias)
	}
	f := down{door: d, from: from, command: p.Command, seq: p.Sequence}
	f.rec = record.Receipt{Time: time.Now().UnixMicro(), Account: e.Account, ID: string(r.MessageID),
		To: address(b.sm.Source, d.cfg.Load().Home), State: record.State(r.State), Err: string(r.Err)}
	if len(e.Alias) > 0 {
		f.rec.ID = string(e.Alias)
	}
	if r.State.Final() {
		f.id = append([]byte(nil), r.MessageID...)
	}
	d.handDown(a, &f, p.Command, body, touched)
}

// rename writes a receipt with the id that the ESME knows.
func rename(m *smpp.SM, id, alias []byte) []byte {
	c := *m
	if i := bytes.Index(c.ShortMessage, id); i >= 0 && len(c.ShortMessage)-len(id)+len(alias) <= 254 {
		c.ShortMessage = bytes.Join([][]byte{c.ShortMessage[:i], alias, c.ShortMessage[i+len(id):]}, nil)
	}
	c.TLVs = smpp.AppendTLV(c.TLVs.AppendWithout(nil, smpp.TagReceiptedMessageID), smpp.TagReceiptedMessageID, append(append([]byte(nil), alias...), 0))
	return c.Append(nil)
}

// mergeReceipt counts the final receipt of one submit of several that are one message to the ESME. The last one
// becomes the message's own receipt, with the worst of their states; it is owed before the SMSC is answered, so that it
// cannot get lost: were we to end in between, the SMSC would send its receipt again.
func (d *Door) mergeReceipt(from *smpp.Session, p smpp.PDU, b *submission, r *smpp.Receipt, e *pending.Entry) {
	m := b.sm.Clone()
	id, code := bytes.Clone(r.MessageID), bytes.Clone(r.Err)
	account, alias, state := e.Account, bytes.Clone(e.Alias), uint8(r.State)
	command, seq := p.Command, p.Sequence
	go func() { // the disk is not to be waited for on a session
		st := smpp.StatusOK
		if err := d.merge(&m, id, alias, code, account, state); err != nil {
			d.Log.Error("smpp: a merged receipt could not be kept; the SMSC will send it again", "account", account, "err", err)
			st = smpp.StatusRxTAppn
		}
		from.Reply(command.Response(), st, seq, messageIDNull)
		from.Flush()
		d.holds.wake()
	}()
}

func (d *Door) merge(m *smpp.SM, id, alias, code []byte, account string, state uint8) error {
	d.merging.Lock() // parts of one message come by several binds
	defer d.merging.Unlock()
	left, worst, ok := d.ids.Peek(id, state)
	if ok && left == 0 && d.Keeper != nil {
		merged := smpp.Receipt{MessageID: alias, State: smpp.State(worst), Err: code}
		when := time.Now()
		m.ESMClass, m.DataCoding = smpp.ESMReceipt, 0
		m.ShortMessage = merged.Append(nil, when, when)
		m.TLVs = smpp.AppendTLV(smpp.AppendTLV(nil, smpp.TagReceiptedMessageID, append(bytes.Clone(alias), 0)), smpp.TagMessageState, []byte{worst})
		if err := d.Keeper.Owe(d.ctx, account, m.Append(nil)); err != nil {
			return err
		}
	}
	d.ids.Done(id, state)
	return d.ids.Commit()
}

// handDown gives a deliver_sm to a session of the account; the SMSC is answered as the ESME answers.
func (d *Door) handDown(a *account, f *down, c smpp.Command, body []byte, touched *flusher) {
	if e := a.receiver(); e != nil {
		if _, err := e.session.Send(c, body, f.heap()); err == nil {
			touched.add(e.session)
			return
		}
	}
	d.metrics.receipts.WithLabelValues("away").Inc()
	f.from.Reply(c.Response(), smpp.StatusRxTAppn, f.seq, messageIDNull)
	touched.add(f.from)
}

// down is a deliver_sm that an ESME has not answered yet.
type down struct {
	door    *Door
	from    *smpp.Session
	command smpp.Command
	seq     uint32
	id      []byte // the message_id that is done with, once the ESME has its final receipt
	rec     record.Receipt
}

func (f *down) heap() *down { c := *f; return &c }

// Response passes the ESME's answer to the SMSC. Where none came the SMSC keeps the message and tries again.
func (f *down) Response(s *smpp.Session, p smpp.PDU, err error) {
	st := p.Status
	if err != nil {
		st = smpp.StatusRxTAppn
	}
	if st == smpp.StatusOK {
		if len(f.id) > 0 {
			f.door.ids.Done(f.id, 0)
		}
		if f.rec.ID != "" {
			f.door.Recorder.Receipt(&f.rec)
			f.door.metrics.receipts.WithLabelValues("passed").Inc()
		}
	}
	f.from.Reply(f.command.Response(), st, f.seq, messageIDNull)
	if e, ok := s.Value.(*esme); ok && err == nil {
		e.touched.add(f.from)
	} else {
		f.from.Flush()
	}
}

// parked are receipts whose message_id nobody has been told yet: they overtook the submit_sm_resp.
type parked struct {
	waiting atomic.Int64
	mu      sync.Mutex
	byID    map[string][]parkedReceipt
}

type parkedReceipt struct {
	from  *smpp.Session
	p     smpp.PDU
	until time.Time
}

const (
	parkFor = 5 * time.Second
	parkMax = 10_000
)

// add parks a receipt, unless there is nothing to wait for.
func (k *parked) add(d *Door, from *smpp.Session, p smpp.PDU, id []byte) bool {
	b, ok := from.Value.(*binding)
	if !ok || b.up.outstanding() == 0 || k.waiting.Load() >= parkMax {
		return false
	}
	p.Body = append([]byte(nil), p.Body...)
	k.mu.Lock()
	if k.byID == nil {
		k.byID = make(map[string][]parkedReceipt)
	}
	k.byID[string(id)] = append(k.byID[string(id)], parkedReceipt{from, p, time.Now().Add(parkFor)})
	k.waiting.Add(1)
	k.mu.Unlock()
	var e pending.Entry
	if d.ids.Get(id, &e) { // the answer came between our look and this
		k.take(d, append([]byte(nil), id...))
	}
	return true
}

// take sends the receipts for an id on their way, now that it is known whose it is.
func (k *parked) take(d *Door, id []byte) {
	k.mu.Lock()
	all := k.byID[string(id)]
	delete(k.byID, string(id))
	k.waiting.Add(-int64(len(all)))
	k.mu.Unlock()
	for i := range all {
		k.again(d, &all[i])
	}
}

func (k *parked) again(d *Door, x *parkedReceipt) {
	var sub submission
	var r smpp.Receipt
	var touched flusher
	b := x.from.Value.(*binding)
	if sub.read(x.p.Command, x.p.Body, b.up.cfg.Load().Alphabet) == nil && r.ReadReceipt(&sub.sm) {
		d.receipt(x.from, x.p, &sub, &r, &touched, false)
	}
	touched.flush()
}

// expire gives back what nobody claimed: the SMSC will try again.
func (k *parked) expire(d *Door, now time.Time) {
	if k.waiting.Load() == 0 {
		return
	}
	var late []parkedReceipt
	k.mu.Lock()
	for id, all := range k.byID {
		if now.After(all[0].until) {
			late = append(late, all...)
			delete(k.byID, id)
			k.waiting.Add(-int64(len(all)))
		}
	}
	k.mu.Unlock()
	for i := range late {
		k.again(d, &late[i])
	}
}

// alert passes an alert_notification to the account that its ESME address belongs to (SMPP 3.4 §4.12).
func (b *binding) alert(p smpp.PDU) {
	var a smpp.AlertBody
	if a.Decode(p.Body) != nil {
		return
	}
	if acc := b.door.owner(address(a.ESME, b.door.cfg.Load().Home)); acc != nil {
		if e := acc.receiver(); e != nil {
			e.session.Notify(p.Command, p.Body)
			b.touched.add(e.session)
		}
	}
}

// owner is the account whose numbers an address is among.
func (d *Door) owner(a subject.Address) *account {
	for _, r := range *d.accounts.Load() {
		if c := r.cfg.Load(); c.numbers.match(a) {
			return r
		}
	}
	return nil
}

// judged lets the gate judge a text that the SMSC hands over, and passes on what may pass.
func (b *binding) judged(p smpp.PDU) {
	cfg := b.up.cfg.Load()
	b.sub.fill(&b.msg, b.door.cfg.Load().Home)
	m := &b.msg
	m.Door, m.Account, m.Time = "smpp", cfg.Name, b.session.ReadTime()
	m.Route, m.Mode = message.P2P, message.ModeUnset
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

func (b *binding) judge(f *flight) {
	if b.sub.long() && b.sub.kind == 0 {
		f.long, f.part = b.door.longs.take(&b.msg, &b.sub), b.sub.concat.Seq
		b.text = f.long.text(b.text[:0], &b.msg)
	}
	b.door.Gate.Pass(b.door.ctx, &b.msg, &b.verdicts)
	v := &b.verdicts.Each[0]
	if f.long != nil {
		f.long.judged(v)
	}
	f.note(&b.msg, v, &b.verdicts.Report, b.door.Gate.Policy())
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
