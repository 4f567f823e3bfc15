package smppdoor

import (
	"bytes"
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sekisho/sekisho/door/smppdoor/pending"
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
		if d.ended.has(r.MessageID) { // the SMSC did not get our answer: the ESME has had its receipt
			d.metrics.receipts.WithLabelValues("again").Inc()
			from.Reply(p.Command.Response(), smpp.StatusOK, p.Sequence, messageIDNull)
			touched.add(from)
			return
		}
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
			level := slog.LevelError
			if d.ctx.Err() != nil {
				level = slog.LevelDebug // we are ending
			}
			d.Log.Log(context.Background(), level, "smpp: a merged receipt could not be kept; the SMSC will send it again", "account", account, "err", err)
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
	d.ended.add(id)
	return d.ids.Commit()
}

// ended are the message_ids whose final receipt was handed over a little while ago: an SMSC whose answer from us got
// lost sends the receipt again, and would do so until it gives up. Two generations of at most endedMax each are kept.
type ended struct {
	mu       sync.Mutex
	now, old map[string]struct{}
	since    time.Time
}

const (
	endedMax = 50_000
	endedFor = 10 * time.Minute
)

func (x *ended) add(id []byte) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.now == nil || len(x.now) >= endedMax || time.Since(x.since) > endedFor {
		x.now, x.old, x.since = make(map[string]struct{}), x.now, time.Now()
	}
	x.now[string(id)] = struct{}{}
}

func (x *ended) has(id []byte) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	_, now := x.now[string(id)]
	_, old := x.old[string(id)]
	return now || old
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
			f.door.ended.add(f.id)
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
