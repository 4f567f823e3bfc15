package httpdoor

import (
	"errors"
	"io"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/sekisho/sekisho/gate"
	"github.com/sekisho/sekisho/inspect"
	"github.com/sekisho/sekisho/message"
	"github.com/sekisho/sekisho/record"
)

// maxBody is how many octets a message may have as JSON, as a body or as a line.
const maxBody = 64 << 10

// session is what judging message after message needs, used again and again.
type session struct {
	in       []byte // roomIn octets
	out      []byte
	asked    asked
	msg      message.Message
	verdicts gate.Verdicts
	rec      record.Verdict
	about    []byte // what rec tells of
}

var sessions = sync.Pool{New: func() any { return &session{in: make([]byte, roomIn)} }}

// roomIn is room for a body or line, and for what comes behind a line.
const roomIn = 2 * maxBody

// keepOut is the room for answers that a session keeps while nobody uses it.
const keepOut = 256 << 10

// done gives the session back. It is not deferred: after a panic nobody knows what state it is in.
func (s *session) done() {
	if cap(s.out) > keepOut {
		s.out = nil
	}
	s.out = s.out[:0]
	clear(s.rec.About[:cap(s.rec.About)])
	s.msg = message.Message{To: s.msg.To[:0]}
	sessions.Put(s)
}

// serveJudge judges one message, or a stream of them.
func (d *Door) serveJudge(x *exchange) {
	if !d.admit(x) {
		return
	}
	media := bodyType(x.r.Header)
	switch {
	case media == "":
		x.w.Header()["Accept"] = []string{mediaJSON + ", " + mediaNDJSON} // RFC 9110 §15.5.16
		d.refuse(x, fault{kind: wrongType})
	case coded(x.r.Header):
		x.w.Header()["Accept-Encoding"] = []string{"identity"}
		d.refuse(x, fault{kind: wrongCoding})
	case !accepts(x.r.Header, media):
		d.refuse(x, fault{kind: notAcceptable, key: media})
	case media == mediaNDJSON:
		d.serveStream(x)
	case !x.account.limiter.Allow():
		d.refuse(x, fault{kind: overRate})
	default:
		d.serveOne(x)
	}
}

func coded(h http.Header) bool {
	c := h.Get("Content-Encoding")
	return c != "" && c != "identity"
}

func (d *Door) serveOne(x *exchange) {
	s := sessions.Get().(*session)
	body, f := s.readBody(x)
	if f.kind == nil {
		f = d.judge(s, x, x.cfg, body)
	}
	if f.kind != nil {
		d.refuse(x, f)
		s.done()
		return
	}
	h := x.w.Header()
	h["Content-Type"] = typeJSON
	h["Content-Language"] = languageNames[x.lang]
	h["Vary"] = varyLanguage
	h["Cache-Control"] = noStore
	d.metrics.delay.Observe(time.Since(x.began).Seconds())
	d.answer(x, http.StatusOK, s.results(x.lang, d.gate.Policy(), true))
	s.done()
}

// readBody reads the whole body into s.in.
func (s *session) readBody(x *exchange) ([]byte, fault) {
	if x.r.ContentLength > maxBody {
		return nil, fault{kind: longBody, n: maxBody}
	}
	_ = x.rc.SetReadDeadline(x.began.Add(x.cfg.Read.Duration)) // where there is no deadline, the server's own holds
	for n := 0; n <= maxBody; {
		k, err := x.r.Body.Read(s.in[n:])
		n += k
		switch {
		case err == nil:
			continue
		case err == io.EOF && n <= maxBody:
			return s.in[:n], fault{}
		case err == io.EOF:
			return nil, fault{kind: longBody, n: maxBody}
		}
		x.closes() // nobody knows what comes next on this connection
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return nil, fault{kind: slowBody}
		}
		return nil, fault{kind: brokenBody}
	}
	return nil, fault{kind: longBody, n: maxBody}
}

// judge judges the message in b and records it; results are to be written before the next one.
func (d *Door) judge(s *session, x *exchange, cfg *Config, b []byte) fault {
	m := &s.msg
	d.prime(m, x.account, cfg)
	if f := decode(b, d.home, m, &s.asked); f.kind != nil {
		return f
	}
	// The time that a client names is no time to measure delays by: an old one would pass for overload.
	m.Time = time.Now()
	d.gate.Pass(x.r.Context(), m, &s.verdicts)
	for i := range s.verdicts.Each {
		v := &s.verdicts.Each[i]
		if v.Do == message.OutcomeUnset && m.Route != message.Mail {
			v.Do = message.Deliver // texts fail open; mail fails with a temporary error, which is its door's to give
		}
		d.record(s, v)
	}
	return fault{}
}

// results appends the verdicts on the message that was judged last to s.out, a line each; within one object or list
// where they are the whole answer.
func (s *session) results(lang inspect.Language, p *gate.Policy, whole bool) []byte {
	how := gate.JSON{Policy: p, Language: lang, To: s.asked.several, Told: true}
	list := whole && s.asked.several
	if list {
		s.out = append(s.out, '[')
	}
	for i := range s.verdicts.Each {
		if list && i > 0 {
			s.out = append(s.out, ',')
		}
		s.out = s.verdicts.Each[i].AppendJSON(s.out, &s.msg, &s.verdicts.Report, how)
		if !list {
			s.out = append(s.out, '\n')
		}
	}
	if list {
		s.out = append(s.out, "]\n"...)
	}
	return s.out
}

// maxAge is how far back the time that a client names is taken for the message's own. Beyond it, or ahead of
// now, records would count in minutes that are closed, or be kept for longer than they may.
const maxAge = 24 * time.Hour

// record writes down what was judged for one recipient.
func (d *Door) record(s *session, v *gate.Verdict) {
	m, rec := &s.msg, &s.rec
	at := m.Time
	if t := s.asked.time; t.Before(at) && at.Sub(t) < maxAge {
		at = t
	}
	s.about = v.Record(rec, m, &s.verdicts, d.gate.Policy(), s.about[:0])
	rec.Time, rec.Delay = at.UnixMicro(), uint32(min(time.Since(m.Time).Microseconds(), 1<<32-1))
	d.recorder.Verdict(rec) // copies it
}
