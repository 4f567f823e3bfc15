package smppdoor

import (
	"sync"

	"github.com/sekisho/sekisho/message"
	"github.com/sekisho/sekisho/smpp"
)

// label sends the message on with a warning before its text, where there is room; a text that has no room left becomes a
// long one. What cannot be labelled is delivered as it is, and counted.
func (e *esme) label(f *flight) {
	if e.sub.long() {
		e.labelPart(f)
		return
	}
	for _, text := range e.door.cfg.Load().Label.Texts {
		if e.labelHere(f, text, true) {
			return
		}
	}
	if f.alias == nil && e.sub.header == nil && e.sub.command == smpp.SubmitSM && len(e.door.cfg.Load().Label.Texts) > 0 {
		if e.labelSplit(f, e.door.cfg.Load().Label.Texts) {
			return
		}
	}
	e.unlabelled(f)
}

// labelPart labels a long message with its first part, or at the end of its last one.
func (e *esme) labelPart(f *flight) {
	c := e.sub.concat
	first, last := c.Seq == 1, c.Seq == c.Total
	if f.long.isLabelled(c.Seq) || !(first || last) {
		e.forward(f, e.sub.command, e.sub.body)
		return
	}
	for _, text := range e.door.cfg.Load().Label.Texts {
		if e.labelHere(f, text, first) {
			f.long.label(c.Seq)
			return
		}
	}
	e.unlabelled(f)
}

func (e *esme) unlabelled(f *flight) {
	e.door.metrics.unlabelled.Inc()
	f.rec.Done = message.Deliver
	e.forward(f, e.sub.command, e.sub.body)
}

// room is how many octets of user data, header among them, one message takes in an alphabet, as short_message counts
// them (3GPP TS 23.040 §9.2.3.16: 140 octets; unpacked septets take one octet each).
func room(a smpp.Alphabet, header int) int {
	if a == smpp.GSM7 || a == smpp.ASCII {
		return header + (140-header)*8/7
	}
	return 140
}

// labelHere writes the warning into this very message, before its text or behind it, in the text's own alphabet.
func (e *esme) labelHere(f *flight, text string, before bool) bool {
	b := &e.sub
	user, _ := b.sm.UserData()
	words := user[len(b.header):]
	enc, ok := smpp.AppendEncoded(nil, []byte(text), b.alphabet, b.shift)
	if !ok || b.alphabet == smpp.GSM7Packed { // packed septets do not join at octets
		return false
	}
	if !b.payload && len(user)+len(enc) > room(b.alphabet, len(b.header)) || len(user)+len(enc) > 0xFFFF {
		return false
	}
	data := append([]byte(nil), b.header...)
	if before {
		data = append(append(data, enc...), words...)
	} else {
		data = append(append(data, words...), enc...)
	}
	e.body = b.withText(e.body[:0], data)
	e.forward(f, b.command, e.body)
	return true
}

// withText writes the submission's body with other user data.
func (b *submission) withText(dst, data []byte) []byte {
	if !b.payload {
		m := b.sm
		m.ShortMessage = data
		return m.Append(dst)
	}
	tlvs := smpp.AppendTLV(b.sm.TLVs.AppendWithout(nil, smpp.TagMessagePayload), smpp.TagMessagePayload, data)
	if b.command == smpp.DataSM {
		d := b.data
		d.TLVs = tlvs
		return d.Append(dst)
	}
	m := b.sm
	m.TLVs = tlvs
	return m.Append(dst)
}

// labelSplit sends the labelled text as several submits. The ESME sees one id, once all of them are taken, and one
// receipt, once there is one for each.
func (e *esme) labelSplit(f *flight, labels []string) bool {
	b := &e.sub
	alphabet, parts := b.alphabet, [][]byte(nil)
	for _, l := range labels {
		text := append([]byte(l), b.text...)
		if !smpp.Fits(text, alphabet) {
			continue
		}
		var err error
		if parts, err = smpp.Split(text, alphabet, e.door.nextRef(), false); err == nil {
			break
		}
	}
	if parts == nil {
		var err error
		alphabet = smpp.UCS2
		parts, err = smpp.Split(append([]byte(labels[0]), b.text...), alphabet, e.door.nextRef(), false)
		if err != nil {
			return false
		}
	}
	up := e.door.upstream(e.account.cfg.Load().Upstream)
	if up == nil {
		return false
	}
	dc := b.sm.DataCoding
	if alphabet != b.alphabet {
		var ok bool
		if dc, ok = smpp.DataCoding(alphabet, smpp.GSM7); !ok {
			return false
		}
	}
	g := &group{f: f, left: len(parts), id: newID(groupPrefix), up: up, source: b.sm.Source.Clone(), dest: b.sm.Dest.Clone()}
	for _, data := range parts {
		m := b.sm
		m.DataCoding, m.ESMClass = dc, m.ESMClass|smpp.ESMUDHI
		m.ShortMessage = data
		e.body = m.Append(e.body[:0])
		s := e.door.newFlight(e.session, smpp.PDU{Command: smpp.SubmitSM}, e.account)
		s.keep, s.expires, s.alias, s.parts = f.keep, f.expires, []byte(g.id), uint8(len(parts))
		s.then = g.answered
		ses, st := up.send(e.index, smpp.SubmitSM, e.body, s)
		if st != smpp.StatusOK {
			s.status = st
			s.settle(&e.touched, nil)
			continue
		}
		e.touched.add(ses)
	}
	return true
}

// group is one submit that became several.
type group struct {
	f            *flight // of the ESME's submit
	id           string
	up           *upstream
	source, dest smpp.Addr

	mu    sync.Mutex
	left  int
	taken [][]byte
	bad   smpp.Status
}

// answered counts an answer of the SMSC. Where one was refused, the others are taken back.
func (g *group) answered(s *flight, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if s.status == smpp.StatusOK {
		g.taken = append(g.taken, append([]byte(nil), s.id...))
	} else {
		g.bad = s.status
	}
	if g.left--; g.left > 0 {
		return
	}
	f := g.f
	if f.status = g.bad; g.bad == smpp.StatusOK {
		f.id = append(f.id[:0], g.id...)
		r := smpp.MessageIDBody{MessageID: f.id}
		f.resp = r.Append(f.resp[:0])
	} else {
		for _, id := range g.taken {
			c := smpp.CancelBody{MessageID: id, Source: g.source, Dest: g.dest}
			if ses, st := g.up.send(0, smpp.CancelSM, c.Append(nil), cancelled{f.door}); st == smpp.StatusOK {
				ses.Flush()
			}
		}
	}
	f.settle(nil, nil)
}

func (w *long) isLabelled(seq uint8) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.labelled != 0 && w.labelled != seq // a part that comes again is labelled again
}

func (w *long) label(seq uint8) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.labelled = seq
}
