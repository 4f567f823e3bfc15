package smppdoor

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"time"

	"github.com/sekisho/sekisho/message"
	"github.com/sekisho/sekisho/smpp"
	"github.com/sekisho/sekisho/subject"
)

// Keeper keeps what Sekisho answers for itself: held messages, and receipts that it owes. What a method has been
// given is on disk when it returns nil. Texts and numbers are for the Keeper to seal.
type Keeper interface {
	// Hold keeps messages.
	Hold(context.Context, []*Held) error
	// State tells what became of a held message of an account; ok is false where there is none.
	State(ctx context.Context, account, id string) (st smpp.State, since time.Time, ok bool, err error)
	// Cancel ends a held message for good; ok is false where there is none to end.
	Cancel(ctx context.Context, account, id string) (ok bool, err error)
	// Take gives a held message, and what is held with it, to be released, and only once.
	Take(ctx context.Context, id string) ([]*Held, error)
	// Released notes that a message that was taken is with the SMSC, or what the SMSC said instead.
	Released(ctx context.Context, id string, st smpp.Status) error
	// Expire ends what is held past its time; receipts for them are owed from then on.
	Expire(ctx context.Context, now time.Time) error
	// Owe keeps a receipt until it is Paid; Owed gives the oldest of an account.
	Owe(ctx context.Context, account string, deliverSM []byte) error
	Owed(ctx context.Context, account string, limit int) ([]Owed, error)
	Paid(ctx context.Context, key string) error
}

// Held is a message, or the part of a long one, that is kept instead of delivered.
type Held struct {
	ID      string // ours, as the ESME was told
	Group   string // parts of one long message have one
	Account string // who handed it in: an account, or an SMSC that hands its subscribers' texts over
	Via     string // the upstream that release submits to
	Route   message.Route
	Class   message.Class
	Outcome message.Outcome // Hold, or Block where it is accepted and ends here
	From    subject.Address
	To      subject.Address
	Time    time.Time
	Expires time.Time
	Alias   string // the id in receipts, where it is another

	Command smpp.Command
	Bodies  [][]byte // of the submits that release sends

	AtOnce   []byte // deliver_sm that is owed from the start: a REJECTD receipt; nil: none
	OnExpiry []byte // deliver_sm that is owed when it expires; nil: none

	body []byte // of the submit that is held now, the last of Bodies
}

// Owed is a receipt that an account has not taken yet.
type Owed struct {
	Key       string
	DeliverSM []byte
}

// ErrNotHeld is returned where there is nothing of that id to release: it never was, it is released, or it ended.
var ErrNotHeld = errors.New("no message of this id is held")

// Prefixes of ids that we make: of messages that we hold, and of submits that became several.
const (
	heldPrefix    = "sk"
	groupPrefix   = "sg"
	receiptPrefix = "sr" // only ever a key of ours
	servicePrefix = "st" // of texts to ourselves
)

func newID(prefix string) string { return prefix + strings.ToLower(rand.Text()) }

func ours(id []byte) bool {
	return len(id) == len(heldPrefix)+26 && (string(id[:2]) == heldPrefix || string(id[:2]) == groupPrefix)
}

// holds is the queue of what waits to be kept, so that no session waits for the disk.
type holds struct {
	queue chan hold
	poke  chan struct{}
}

type hold struct {
	f    *flight
	held *Held
	bind int // which bind of the upstream is tried first
}

// holdQueue bounds what waits to be kept, holdBatch what is kept by one commit.
const (
	holdQueue = 1024
	holdBatch = 64
)

func newHolds() holds { return holds{make(chan hold, holdQueue), make(chan struct{}, 1)} }

// wake lets receipts that are owed be tried at once.
func (h *holds) wake() {
	select {
	case h.poke <- struct{}{}:
	default:
	}
}

// hold hands a message to the Keeper. The answer follows when it is on disk; where it cannot be kept, the fallback applies.
func (e *esme) hold(f *flight, o message.Outcome) {
	e.takeBack(f)
	h := e.door.held(f, &e.msg, &e.sub, o, e.sub.body)
	h.Class, h.Via = e.verdicts.Each[0].Class, e.account.cfg.Load().Upstream
	if f.keep {
		if o == message.Block {
			h.AtOnce = receipt(&e.sub.sm, h, smpp.StateRejected, h.Time)
		} else {
			h.OnExpiry = receipt(&e.sub.sm, h, smpp.StateExpired, h.Expires)
		}
	}
	if !e.door.keep(hold{f, h, e.index}) {
		e.fallBack(f, e.sub.command, e.sub.body)
	}
}

// held is a message that is to be kept, with the parts of it that came before; body is the submit of this one.
func (d *Door) held(f *flight, m *message.Message, b *submission, o message.Outcome, body []byte) *Held {
	h := &Held{
		ID: newID(heldPrefix), Account: m.Account, Route: m.Route, Outcome: o, From: m.From, To: m.To[0], Time: m.Time,
		Alias: string(f.alias), Expires: m.Time.Add(d.cfg.Load().Stopped.Expires.Duration), Command: b.command,
		body: append([]byte(nil), body...),
	}
	h.Group = h.ID
	if f.long != nil {
		h.Group, h.Bodies = f.long.holdAs(h.ID, f.part)
	}
	h.Bodies = append(h.Bodies, h.body)
	return h
}

// keep queues a message to be kept; false where that cannot be.
func (d *Door) keep(h hold) bool {
	if d.Keeper == nil || h.held.Outcome == message.Hold && d.Subscriber != nil && !d.Subscriber(h.held.To.Line()) {
		return false
	}
	select {
	case d.holds.queue <- h:
		return true
	default:
		d.metrics.holdFailed.Inc()
		return false
	}
}

// NewReceiptID makes an id for a receipt that is owed and belongs to no held message.
func NewReceiptID() string { return newID(receiptPrefix) }

// ReceiptAs writes a receipt of ours with another state and time.
func ReceiptAs(deliverSM []byte, st smpp.State, done time.Time) []byte {
	var m smpp.SM
	var r smpp.Receipt
	if m.Decode(deliverSM) != nil || !r.ReadReceipt(&m) {
		return deliverSM
	}
	submitted, err := time.Parse("0601021504", string(r.Submitted))
	if err != nil {
		submitted = done
	}
	r.State = st
	m.ShortMessage = r.Append(nil, submitted, done)
	m.TLVs = smpp.AppendTLV(m.TLVs.AppendWithout(nil, smpp.TagMessageState), smpp.TagMessageState, []byte{byte(st)})
	return m.Append(nil)
}

// receipt makes the deliver_sm that tells an ESME of the end of a message of ours.
func receipt(m *smpp.SM, h *Held, st smpp.State, done time.Time) []byte {
	id := h.ID
	if h.Alias != "" {
		id = h.Alias
	}
	r := smpp.Receipt{MessageID: []byte(id), State: st}
	d := smpp.SM{Source: m.Dest, Dest: m.Source, ESMClass: smpp.ESMReceipt}
	d.ShortMessage = r.Append(nil, h.Time, done)
	d.TLVs = smpp.AppendTLV(nil, smpp.TagReceiptedMessageID, append([]byte(id), 0))
	d.TLVs = smpp.AppendTLV(d.TLVs, smpp.TagMessageState, []byte{byte(st)})
	return d.Append(nil)
}

// fallBack does what is configured where a message cannot be held.
func (e *esme) fallBack(f *flight, c smpp.Command, body []byte) {
	e.door.metrics.fellBack.Inc()
	if e.door.cfg.Load().Stopped.Fallback == FallbackDeliver {
		f.rec.Done = message.Deliver
		e.forward(f, c, body)
		return
	}
	f.rec.Done = message.Block
	f.status = e.door.cfg.Load().Stopped.Status
	f.settle(&e.touched, nil)
}

// holding keeps what is queued, many by one commit, and answers once it is on disk.
func (d *Door) holding() {
	batch := make([]hold, 0, holdBatch)
	held := make([]*Held, 0, holdBatch)
	for {
		select {
		case h := <-d.holds.queue:
			batch = append(batch[:0], h)
		case <-d.ctx.Done():
			return // sessions are closed by then: what waits here was never acknowledged
		}
	more:
		for len(batch) < holdBatch {
			select {
			case h := <-d.holds.queue:
				batch = append(batch, h)
			default:
				break more
			}
		}
		held = held[:0]
		for _, h := range batch {
			held = append(held, h.held)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		err := d.Keeper.Hold(ctx, held)
		cancel()
		if err != nil {
			d.metrics.holdFailed.Add(float64(len(batch)))
			d.Log.Error("smpp: held messages could not be kept; the fallback applies", "n", len(batch), "err", err)
		}
		owed := false
		for _, h := range batch {
			owed = owed || h.held.AtOnce != nil
			d.kept(h, err)
		}
		if owed && err == nil {
			d.holds.wake()
		}
	}
}

// kept answers for a message that is on disk, or falls back where it is not.
func (d *Door) kept(h hold, err error) {
	f := h.f
	switch {
	case err == nil:
		f.status, f.id = smpp.StatusOK, append(f.id[:0], h.held.ID...)
		r := smpp.MessageIDBody{MessageID: f.id}
		f.resp = r.Append(f.resp[:0])
	case d.cfg.Load().Stopped.Fallback == FallbackDeliver:
		d.metrics.fellBack.Inc()
		f.rec.Done = message.Deliver
		if up := d.upstream(h.held.Via); up != nil {
			s, st := up.send(h.bind, h.held.Command, h.held.body, f)
			if st == smpp.StatusOK {
				s.Flush()
				return
			}
		}
		f.status = smpp.StatusThrottled
	default:
		d.metrics.fellBack.Inc()
		f.rec.Done = message.Block
		f.status = d.cfg.Load().Stopped.Status
	}
	f.settle(nil, nil)
}

// owing hands over the receipts that we owe, when they fall due and whenever an account comes back, and ends what is
// held past its time.
func (d *Door) owing() {
	again := time.NewTicker(max(d.cfg.Load().Stopped.Receipts.Duration, 100*time.Millisecond))
	defer again.Stop()
	for {
		select {
		case <-d.ctx.Done():
			return
		case <-d.holds.poke:
		case now := <-again.C:
			if err := d.Keeper.Expire(d.ctx, now); err != nil && d.ctx.Err() == nil {
				d.Log.Error("smpp: held messages could not be expired", "err", err)
			}
		}
		for _, id := range d.AccountNames() {
			d.pay(id)
		}
	}
}

// pay hands an account its receipts, one after the other; one that is not taken stays owed.
func (d *Door) pay(id string) {
	a := d.account(id)
	for a != nil && a.receiver() != nil && d.ctx.Err() == nil {
		owed, err := d.Keeper.Owed(d.ctx, id, 100)
		if err != nil || len(owed) == 0 {
			if err != nil && d.ctx.Err() == nil {
				d.Log.Error("smpp: receipts that are owed could not be read", "account", id, "err", err)
			}
			return
		}
		for _, o := range owed {
			e := a.receiver()
			if e == nil {
				return
			}
			ctx, cancel := context.WithTimeout(d.ctx, d.cfg.Load().Session.Response.Duration)
			p, err := e.session.Call(ctx, smpp.DeliverSM, o.DeliverSM)
			cancel()
			if err != nil || p.Status == smpp.StatusRxTAppn || p.Status == smpp.StatusThrottled || p.Status == smpp.StatusMsgQFul {
				return // later
			}
			if err := d.Keeper.Paid(d.ctx, o.Key); err != nil {
				d.Log.Error("smpp: a receipt was handed over and could not be ticked off; it will come twice", "account", id, "err", err)
				return
			}
		}
	}
}

func (e *esme) queryHeld(p smpp.PDU, id string) {
	if e.door.Keeper == nil || strings.HasPrefix(id, groupPrefix) {
		e.refuse(p, smpp.StatusQueryFail)
		return
	}
	s, account := e.session, e.msg.Account
	if account == "" {
		account = e.account.cfg.Load().SystemID
	}
	go func() { // the store may take its time; the session must not
		r := smpp.QueryResp{MessageID: []byte(id)}
		status := smpp.StatusOK
		st, since, ok, err := e.door.Keeper.State(e.door.ctx, account, id)
		if err != nil || !ok {
			status = smpp.StatusQueryFail
		}
		if r.State = st; st.Final() {
			r.FinalDate = smpp.AppendTime(nil, since)
		}
		body := r.Append(nil)
		if status != smpp.StatusOK {
			body = nil
		}
		s.Reply(p.Command.Response(), status, p.Sequence, body)
		s.Flush()
	}()
}

func (e *esme) cancelHeld(p smpp.PDU, id string) {
	s, account := e.session, e.account.cfg.Load().SystemID
	if e.door.Keeper == nil || strings.HasPrefix(id, groupPrefix) {
		e.refuse(p, smpp.StatusCancelFail)
		return
	}
	go func() {
		st := smpp.StatusOK
		if ok, err := e.door.Keeper.Cancel(e.door.ctx, account, id); err != nil || !ok {
			st = smpp.StatusCancelFail
		}
		s.Reply(p.Command.Response(), st, p.Sequence, nil)
		s.Flush()
	}()
}

// Release submits a held message once, unjudged, and what is held with it. Its receipts bear the id that the ESME
// was told. Where the SMSC's answer does not come it is not sent again: the status tells.
func (d *Door) Release(ctx context.Context, id string) (smpp.Status, error) {
	if d.Keeper == nil {
		return 0, ErrNotHeld
	}
	all, err := d.Keeper.Take(ctx, id)
	if err != nil {
		return 0, err
	}
	worst := smpp.StatusOK
	for _, h := range all {
		st := d.releaseBodies(ctx, h)
		if st != smpp.StatusOK {
			worst = st
		}
		// Whoever asked may have gone away: what happened is written down all the same.
		note, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		err := d.Keeper.Released(note, h.ID, st)
		cancel()
		if err != nil {
			return worst, err
		}
	}
	return worst, nil
}

// releaseBodies submits what is held under one id. What the SMSC refuses for now can be released again only where
// nothing of it has gone: nobody may get a part twice.
func (d *Door) releaseBodies(ctx context.Context, h *Held) smpp.Status {
	for i, body := range h.Bodies {
		st := d.releaseOne(ctx, h, body)
		if i > 0 && (st == smpp.StatusThrottled || st == smpp.StatusMsgQFul) {
			st = smpp.StatusDeliveryFailure
		}
		if st != smpp.StatusOK {
			return st
		}
	}
	return smpp.StatusOK
}

func (d *Door) releaseOne(ctx context.Context, h *Held, body []byte) smpp.Status {
	up := d.upstream(h.Via)
	if up == nil {
		return smpp.StatusThrottled // nothing was sent: it stays held
	}
	a := d.account(h.Account) // nil where an SMSC handed it over: then there is no receipt
	f := d.newFlight(nil, smpp.PDU{Command: h.Command}, a)
	if alias := h.Alias; a != nil && (h.OnExpiry != nil || h.AtOnce != nil) {
		if alias == "" {
			alias = h.ID
		}
		f.keep, f.alias, f.parts = true, []byte(alias), uint8(len(h.Bodies))
		f.expires = time.Now().Add(defaultValidity + receiptGrace)
	}
	answer := make(chan smpp.Status, 1)
	f.then = func(f *flight, err error) { answer <- f.status }
	s, st := up.send(0, h.Command, body, f)
	if st != smpp.StatusOK {
		f.then = nil
		f.done()
		return st
	}
	s.Flush()
	select {
	case st := <-answer:
		return st
	case <-ctx.Done():
		return smpp.StatusUnknownErr
	}
}

// holdAs names what the parts of a long message are held under, and gives the other parts to the first that is held.
func (w *long) holdAs(id string, part uint8) (group string, bodies [][]byte) {
	w.mu.Lock()
	first := w.group == ""
	if first {
		w.group = id
	}
	group = w.group
	w.mu.Unlock()
	if first {
		bodies = w.bodies(part)
	}
	return group, bodies
}
