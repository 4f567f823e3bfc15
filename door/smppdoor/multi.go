package smppdoor

import (
	"sync"
	"time"

	"github.com/sekisho/sekisho/smpp"
)

// multi splits a submit_multi into one submit for each destination, each judged for himself, and answers once all
// are settled (SMPP 3.4 §4.5.1). The ESME is given one id, which is in the receipts of all of them. A distribution list is
// the SMSC's secret: it cannot be judged by recipient and is refused.
func (e *esme) multi(p smpp.PDU) {
	var m smpp.MultiBody
	if err := m.Decode(p.Body); err != nil {
		e.door.metrics.malformed.Inc()
		e.refuse(p, smpp.StatusOf(err))
		return
	}
	if !e.account.limiter.AllowN(time.Now(), m.Count) {
		e.door.metrics.overRate.Inc()
		e.refuse(p, smpp.StatusThrottled)
		return
	}
	g := &many{session: e.session, seq: p.Sequence, id: newID(groupPrefix), left: m.Count}
	m.Each(func(to smpp.Addr, list []byte) {
		if list != nil {
			g.one(smpp.Addr{Digits: list}.Clone(), smpp.StatusCntSubDL)
			return
		}
		one := m.SM
		one.Dest = to
		e.body = one.Append(e.body[:0])
		e.one(g, smpp.PDU{Command: smpp.SubmitSM, Body: append([]byte(nil), e.body...)}, to.Clone())
	})
}

// one sends a submit_multi's text to one of its destinations.
func (e *esme) one(g *many, p smpp.PDU, to smpp.Addr) {
	if st := e.read(p); st != smpp.StatusOK {
		g.one(to, st)
		return
	}
	f := e.door.newFlight(e.session, p, e.account)
	f.alias = []byte(g.id)
	f.then = func(f *flight, _ error) { g.one(to, f.status) }
	e.pass(f, p)
}

// many is a submit_multi whose destinations are not all settled.
type many struct {
	session *smpp.Session
	seq     uint32
	id      string

	mu   sync.Mutex
	left int
	resp smpp.MultiResp
}

func (g *many) one(to smpp.Addr, st smpp.Status) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if st != smpp.StatusOK {
		g.resp.Failed = append(g.resp.Failed, smpp.Unsuccess{Dest: to, Status: st})
	}
	if g.left--; g.left > 0 {
		return
	}
	g.resp.MessageID = []byte(g.id)
	g.session.Reply(smpp.SubmitMultiResp, smpp.StatusOK, g.seq, g.resp.Append(nil))
	g.session.Flush()
}
