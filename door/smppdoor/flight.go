package smppdoor

import (
	"sync"
	"time"
	"unsafe"

	"github.com/sekisho/sekisho/door/smppdoor/pending"
	"github.com/sekisho/sekisho/record"
	"github.com/sekisho/sekisho/smpp"
)

// flight is one request that went to an SMSC and has no answer yet. Flights are used again.
type flight struct {
	door    *Door
	to      *smpp.Session // who asked
	command smpp.Command
	seq     uint32
	account *account
	long    *long // of a part of a long message
	part    uint8
	keep    bool // a receipt was asked for: the id's account is kept
	expires time.Time
	alias   []byte // the id that the ESME knows, where it is another
	parts   uint8  // of how many submits the message under that id is made
	// then settles what is no plain submit, instead of the answer to `to`. It is called once.
	then func(f *flight, err error)

	status smpp.Status
	resp   []byte // body of the answer
	id     []byte // message_id in it

	noted bool // rec is to be written
	rec   record.Verdict
	about []byte
}

var flights = sync.Pool{New: func() any { return new(flight) }}

func (d *Door) newFlight(to *smpp.Session, p smpp.PDU, a *account) *flight {
	f := flights.Get().(*flight)
	f.door, f.to, f.command, f.seq, f.account = d, to, p.Command, p.Sequence, a
	return f
}

// done gives the flight back for use again.
func (f *flight) done() {
	resp, id, about, rules, trial, abouts := f.resp[:0], f.id[:0], f.about[:0], f.rec.Rules[:0], f.rec.Trial[:0], f.rec.About[:0]
	*f = flight{resp: resp, id: id, about: about}
	f.rec.Rules, f.rec.Trial, f.rec.About = rules, trial, abouts
	flights.Put(f)
}

// write hands the record on, with how the message ended.
func (f *flight) write() {
	if !f.noted {
		return
	}
	f.noted = false
	f.rec.Status = uint32(f.status)
	f.rec.ID = unsafe.String(unsafe.SliceData(f.id), len(f.id)) // the recorder copies it
	f.door.Recorder.Verdict(&f.rec)
	f.rec.ID = ""
}

// Response takes the SMSC's answer. Ordinary answers are settled together when the SMSC's octets are worked
// through, so that ids are written once for all of them; what never came is settled at once.
func (f *flight) Response(s *smpp.Session, p smpp.PDU, err error) {
	if err != nil {
		f.door.metrics.unanswered.Inc()
		f.status = smpp.StatusSysErr // never sent again by us: the SMSC may have taken it
		f.settle(nil, err)
		return
	}
	f.status = p.Status
	f.resp = append(f.resp[:0], p.Body...)
	if p.Command == smpp.GenericNack {
		f.resp = f.resp[:0]
		if f.status == smpp.StatusOK {
			f.status = smpp.StatusSysErr
		}
	}
	var r smpp.MessageIDBody
	if f.status == smpp.StatusOK && r.Decode(f.resp) == nil {
		f.id = append(f.id[:0], r.MessageID...)
	}
	b := s.Value.(*binding)
	if f.keep && len(f.id) > 0 {
		b.unkept = true
		f.keepID()
	}
	b.answered = append(b.answered, f)
}

// keepID remembers whose the id is, so that its receipt finds its way.
func (f *flight) keepID() {
	e := pending.Entry{Account: f.account.cfg.Load().SystemID, Alias: f.alias, Parts: f.parts, Expires: f.expires}
	if err := f.door.ids.Put(f.id, &e); err != nil {
		f.door.metrics.lostIDs.Inc()
	}
}

// settle answers who asked. touched is nil where no goroutine of a session does it.
func (f *flight) settle(touched *flusher, err error) {
	if f.long != nil {
		f.long.answered(f)
	}
	if f.then != nil {
		f.then(f, err)
		f.write()
		f.done()
		return
	}
	body := f.resp
	if f.status != smpp.StatusOK && err != nil {
		body = nil
	}
	f.to.Reply(f.command.Response(), f.status, f.seq, body)
	if touched != nil {
		touched.add(f.to)
	} else {
		f.to.Flush()
	}
	f.write()
	f.done()
}
