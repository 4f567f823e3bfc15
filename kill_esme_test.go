package main

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sekisho/sekisho/smpp"
)

// kind is what a text of the kill test is, and so what must become of it.
type kind uint8

const (
	plain      kind = iota // delivered
	japanese               // delivered, UCS-2
	longPart               // a part of a long one that is delivered
	held                   // kept for its recipient
	heldPart               // a part of a long one that is held from its first part on; the others may have gone before
	blocked                // accepted and ended here
	warned                 // delivered with a warning
	warnedLong             // delivered with a warning, for which it is cut in two
	kinds
)

// text is one submit of the kill test, and what its ESME was told.
type text struct {
	kind       kind
	account    int
	part       uint8 // of a long one
	first      int   // the first part, where it is one of a long one; else itself
	registered bool
	body       []byte

	id       string // that it was acknowledged with
	acks     int
	lost     int  // attempts whose end nobody knows: unanswered, or answered ESME_RSYSERR
	released bool // on our asking, and the SMSC took it
	receipts []toldReceipt
}

type toldReceipt struct {
	id    string
	state smpp.State
}

// ledger is all texts, and what the ESMEs were told. Sending goes on until each is acknowledged.
type ledger struct {
	mu       sync.Mutex
	texts    []text
	queues   [][]int // by account, what is to be sent
	acked    atomic.Int64
	wrong    []string // what must not be
	statuses map[smpp.Status]int
}

func (l *ledger) fault(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.faultLocked(format, args...)
}

func (l *ledger) faultLocked(format string, args ...any) {
	if len(l.wrong) < 40 {
		l.wrong = append(l.wrong, fmt.Sprintf(format, args...))
	}
}

// next takes a text that is to be sent.
func (l *ledger) next(account int) (n int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	q := l.queues[account]
	if len(q) == 0 {
		return 0, false
	}
	l.queues[account] = q[1:]
	return q[0], true
}

// again queues a text whose attempt ended without an acknowledgement; lost, where the SMSC or Sekisho may have it.
func (l *ledger) again(n int, lost bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := &l.texts[n]
	if lost {
		t.lost++
	}
	l.queues[t.account] = append(l.queues[t.account], n)
}

func (l *ledger) answered(n int, st smpp.Status, id string) (retry bool) {
	l.mu.Lock()
	l.statuses[st]++
	t := &l.texts[n]
	if st == smpp.StatusOK {
		t.acks++
		if t.acks > 1 {
			l.faultLocked("text %d was acknowledged twice: %s, then %s", n, t.id, id)
		}
		if id == "" {
			l.faultLocked("text %d was acknowledged without an id", n)
		}
		t.id = id
		l.mu.Unlock()
		l.acked.Add(1)
		return false
	}
	l.mu.Unlock()
	switch st {
	case smpp.StatusThrottled:
		l.again(n, false)
	case smpp.StatusSysErr:
		l.again(n, true)
	case smpp.StatusMsgQFul: // the SMSC's own; of a text that was cut in two it may have the other half
		l.again(n, l.texts[n].kind == warnedLong)
	default:
		l.fault("text %d was answered %v", n, st)
		l.again(n, true)
	}
	return true
}

func (l *ledger) released(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.texts[n].released = true
}

// receipt notes a receipt; its source is the recipient, who has one text only.
func (l *ledger) receipt(account int, m *smpp.SM) {
	var r smpp.Receipt
	if !r.ReadReceipt(m) {
		l.fault("a deliver_sm is no receipt: %q", m.ShortMessage)
		return
	}
	n, err := textOf(string(m.Source.Digits))
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil || n >= len(l.texts) || l.texts[n].account != account {
		l.faultLocked("account %d got the receipt of another: %s from %q", account, r.MessageID, m.Source.Digits)
		return
	}
	l.texts[n].receipts = append(l.texts[n].receipts, toldReceipt{string(r.MessageID), r.State})
}

// recipient is a number for each text; the parts of a long one share that of the first.
func recipient(n int) string { return fmt.Sprintf("8190%08d", n) }

func textOf(number string) (n int, err error) {
	_, err = fmt.Sscanf(number, "8190%08d", &n)
	return n, err
}

// rawESME is an ESME without a session of ours: it sees every answer that comes, a second one too. It binds again
// whenever its connection ends, and goes on with what was never acknowledged.
type rawESME struct {
	ledger  *ledger
	account int
	name    string
	addr    string
	window  int
	binds   atomic.Int64

	mu   sync.Mutex
	link *rawLink
}

// rawLink is one connection of a rawESME.
type rawLink struct {
	esme *rawESME
	conn net.Conn
	w    *bufio.Writer // guarded by mu
	mu   sync.Mutex
	sent []int // by sequence number: the text, or answeredOnce
	open int   // not answered
	room chan struct{}
}

const (
	noText       = -1
	answeredOnce = -2
)

// run sends until stop is closed.
func (e *rawESME) run(stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		default:
		}
		if err := e.session(stop); err != nil {
			time.Sleep(time.Duration(10+rand.IntN(30)) * time.Millisecond)
		}
	}
}

func (e *rawESME) session(stop <-chan struct{}) error {
	conn, err := net.DialTimeout("tcp", e.addr, 5*time.Second)
	if err != nil {
		return err
	}
	defer conn.Close()
	k := &rawLink{esme: e, conn: conn, w: bufio.NewWriter(conn), sent: []int{noText}, room: make(chan struct{}, 1)}
	b := smpp.Bind{SystemID: []byte(e.name), Password: []byte("pw"), InterfaceVersion: 0x34}
	if err := k.write(smpp.PDU{Command: smpp.BindTransceiver, Sequence: k.number(noText), Body: b.Append(nil)}, true); err != nil {
		return err
	}
	ended := make(chan struct{})
	bound := make(chan struct{})
	go func() {
		defer close(ended)
		k.read(bound)
	}()
	select {
	case <-bound:
		e.binds.Add(1)
		e.set(k)
		k.send(stop, ended)
		e.set(nil)
	case <-ended:
	}
	conn.Close()
	<-ended
	for _, n := range k.sent {
		if n >= 0 { // sent, or half sent, and never answered
			e.ledger.again(n, true)
		}
	}
	return nil
}

func (e *rawESME) set(k *rawLink) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.link = k
}

// cut ends the connection as a dying ESME would: in the middle of a PDU, with a reset or without one.
func (e *rawESME) cut(reset bool) {
	e.mu.Lock()
	k := e.link
	e.mu.Unlock()
	if k == nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	half := smpp.PDU{Command: smpp.SubmitSM, Sequence: 0x7FFFFFFF, Body: make([]byte, 200)}.Append(nil)
	k.w.Write(half[:rand.IntN(len(half))])
	k.w.Flush()
	if c, ok := k.conn.(*net.TCPConn); ok && reset {
		c.SetLinger(0)
	}
	k.conn.Close()
}

func (k *rawLink) number(n int) uint32 {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.sent = append(k.sent, n)
	return uint32(len(k.sent) - 1)
}

func (k *rawLink) write(p smpp.PDU, flush bool) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.conn.SetWriteDeadline(time.Now().Add(20 * time.Second))
	if _, err := k.w.Write(p.Append(nil)); err != nil {
		return err
	}
	if flush {
		return k.w.Flush()
	}
	return nil
}

// send keeps the window full.
func (k *rawLink) send(stop, ended <-chan struct{}) {
	for {
		k.mu.Lock()
		free := k.esme.window - k.open
		k.mu.Unlock()
		sent := 0
		for ; sent < free; sent++ {
			n, ok := k.esme.ledger.next(k.esme.account)
			if !ok {
				break
			}
			k.mu.Lock()
			k.open++
			k.mu.Unlock()
			p := smpp.PDU{Command: smpp.SubmitSM, Sequence: k.number(n), Body: k.esme.ledger.texts[n].body}
			if k.write(p, false) != nil {
				return
			}
		}
		k.mu.Lock()
		err := k.w.Flush()
		k.mu.Unlock()
		if err != nil {
			return
		}
		wait := time.Hour
		if sent < free {
			wait = 10 * time.Millisecond // there was nothing to send: something may be queued again
		}
		select {
		case <-k.room:
		case <-time.After(wait):
		case <-stop:
			return
		case <-ended:
			return
		}
	}
}

// read takes what comes until the connection ends.
func (k *rawLink) read(bound chan<- struct{}) {
	buf := make([]byte, 0, 64<<10)
	for {
		n, err := k.conn.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		used := 0
		for {
			p, size, ferr := smpp.Frame(buf[used:], smpp.DefaultMaxPDU)
			if ferr == smpp.ErrIncomplete {
				break
			}
			if ferr != nil {
				k.esme.ledger.fault("the stream to an ESME is broken: %v", ferr)
				return
			}
			used += size
			if !k.take(p, bound) {
				return
			}
		}
		buf = append(buf[:0], buf[used:]...)
		k.mu.Lock()
		k.w.Flush()
		k.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (k *rawLink) take(p smpp.PDU, bound chan<- struct{}) bool {
	switch p.Command {
	case smpp.BindTransceiverResp:
		if p.Status != smpp.StatusOK {
			k.esme.ledger.mu.Lock()
			k.esme.ledger.statuses[p.Status]++
			k.esme.ledger.mu.Unlock()
			return false
		}
		close(bound)
	case smpp.SubmitSMResp:
		k.response(p)
	case smpp.DeliverSM:
		var m smpp.SM
		if err := m.Decode(p.Body); err != nil {
			k.esme.ledger.fault("a deliver_sm cannot be read: %v", err)
		} else {
			k.esme.ledger.receipt(k.esme.account, &m)
		}
		k.write(smpp.PDU{Command: smpp.DeliverSMResp, Sequence: p.Sequence, Body: []byte{0}}, false)
	case smpp.EnquireLink:
		k.write(smpp.PDU{Command: smpp.EnquireLinkResp, Sequence: p.Sequence}, false)
	case smpp.Unbind:
		k.write(smpp.PDU{Command: smpp.UnbindResp, Sequence: p.Sequence}, true)
	case smpp.GenericNack:
		k.esme.ledger.fault("generic_nack %v for sequence number %d", p.Status, p.Sequence)
	}
	return true
}

// response notes an answer. There must be one to each sequence number, and none to another.
func (k *rawLink) response(p smpp.PDU) {
	k.mu.Lock()
	n := noText
	if int(p.Sequence) < len(k.sent) {
		n = k.sent[p.Sequence]
		k.sent[p.Sequence] = answeredOnce
	}
	if n >= 0 {
		k.open--
	}
	k.mu.Unlock()
	switch n {
	case noText:
		k.esme.ledger.fault("an answer to sequence number %d, which was never sent: %v", p.Sequence, p.Status)
		return
	case answeredOnce:
		k.esme.ledger.fault("a second answer to sequence number %d: %v", p.Sequence, p.Status)
		return
	}
	var r smpp.MessageIDBody
	if err := r.Decode(p.Body); err != nil {
		k.esme.ledger.fault("an answer cannot be read: %v", err)
	}
	if k.esme.ledger.answered(n, p.Status, string(r.MessageID)) {
		time.Sleep(time.Millisecond) // told to come later
	}
	select {
	case k.room <- struct{}{}:
	default:
	}
}
