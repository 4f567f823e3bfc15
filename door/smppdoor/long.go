package smppdoor

import (
	"hash/maphash"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sekisho/sekisho/gate"
	"github.com/sekisho/sekisho/message"
	"github.com/sekisho/sekisho/smpp"
	"github.com/sekisho/sekisho/subject"
)

// longKey tells long messages apart (3GPP TS 23.040 §9.2.3.24.1): references are counted per sender and
// receiver, and 8-bit ones come round soon.
type longKey struct {
	account  string
	from, to subject.Address
	ref      uint16
	total    uint8
	wide     bool
}

// longs are the long messages of which parts have come. Their number is bounded: the oldest makes room.
type longs struct {
	seed maphash.Seed
	max  int
	mu   sync.Mutex
	all  map[longKey]*long
	age  []*long // in order of their first part; ended ones stay until they are oldest
}

// long is a long message. Sessions of one account may each bring parts of it.
type long struct {
	key  longKey
	born time.Time

	mu       sync.Mutex
	parts    []longPart // by sequence number, from 1
	join     []byte     // octets of parts that are read together
	arrived  uint8
	taken    uint8           // by the SMSC
	stopped  message.Outcome // hold or block, once it was
	group    string          // what its held parts are held under
	labelled uint8           // the part that bears the warning; 0: none
	source   smpp.Addr
	dest     smpp.Addr
}

type longPart struct {
	hash     uint64 // of its octets; 0: not come
	user     []byte // its text's octets, and how they are to be read
	alphabet smpp.Alphabet
	shift    smpp.Shift
	odd      bool   // what says how to read it contradicts itself
	body     []byte // as it came, to hold it
	up       *upstream
	id       []byte // at the SMSC
	state    partState
	taken    bool // by the SMSC, once at least
}

type partState uint8

const (
	partHere      partState = iota
	partSent                // went to the SMSC, no answer yet
	partTaken               // the SMSC has it
	partCancelled           // taken back, or on its way back
)

func newLongs(max int) *longs {
	return &longs{seed: maphash.MakeSeed(), max: max, all: make(map[longKey]*long)}
}

// take puts a part with its message, which begins with it where there is none yet. A part that has come before is
// a repetition if its octets are the same; otherwise the reference has come round and a new message begins.
func (l *longs) take(m *message.Message, b *submission) *long {
	key := longKey{m.Account, m.From, m.To[0], b.concat.Ref, b.concat.Total, b.concat.Wide}
	hash := maphash.Bytes(l.seed, b.body) | 1
	l.mu.Lock()
	w := l.all[key]
	if w != nil && w.comesRound(b.concat.Seq, hash) {
		w = nil
	}
	if w == nil {
		w = &long{key: key, born: m.Time, parts: make([]longPart, int(key.total)+1)}
		if len(l.all) >= l.max {
			l.dropOldest()
		}
		l.all[key] = w
		l.age = append(l.age, w)
	}
	l.mu.Unlock()
	w.add(b, hash)
	return w
}

func (l *longs) dropOldest() {
	for len(l.age) > 0 {
		w := l.age[0]
		l.age = l.age[1:]
		if l.all[w.key] == w {
			delete(l.all, w.key)
			return
		}
	}
}

// expire forgets the messages whose first part came before t.
func (l *longs) expire(t time.Time, expired prometheus.Counter) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.age) > 0 && l.age[0].born.Before(t) {
		if w := l.age[0]; l.all[w.key] == w && !w.whole() {
			expired.Inc()
		}
		n := len(l.age)
		l.dropOldest()
		if len(l.age) == n {
			return
		}
	}
}

func (w *long) whole() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.arrived == w.key.total
}

func (w *long) comesRound(seq uint8, hash uint64) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := &w.parts[seq]
	return p.hash != 0 && p.hash != hash
}

func (w *long) add(b *submission, hash uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := &w.parts[b.concat.Seq]
	if p.hash != 0 {
		return
	}
	p.hash = hash
	p.user, p.alphabet, p.shift = append([]byte{}, b.user...), b.alphabet, b.shift
	p.odd = b.oddHead || b.issues&^smpp.Truncated == smpp.Ambiguous && b.alphabet == smpp.GSM7
	p.body = append([]byte{}, b.body...)
	w.arrived++
}

// text makes m the whole of what has come, in order.
func (w *long) text(buf []byte, m *message.Message) []byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	issues, odd := smpp.Issues(0), false
	for i := 1; i < len(w.parts); {
		p := &w.parts[i]
		if p.user == nil {
			i++
			continue
		}
		// Octets are joined before they are read: a careless sender cuts characters in two.
		w.join = append(w.join[:0], p.user...)
		odd = odd || p.odd
		for i++; i < len(w.parts) && w.parts[i].joins(p); i++ {
			w.join = append(w.join, w.parts[i].user...)
			odd = odd || w.parts[i].odd
		}
		var found smpp.Issues
		buf, found = smpp.AppendText(buf, w.join, p.alphabet, p.shift)
		if i < len(w.parts) && w.parts[i].user == nil && found&smpp.Truncated != 0 {
			found &^= smpp.Truncated | smpp.Undecodable // the rest of the character has not come yet
		}
		issues |= found
	}
	m.Text, m.Parts, m.Arrived, m.Decoding = buf, w.key.total, w.arrived, decodingOf(issues, odd)
	return buf
}

// joins reports whether a part's octets continue those of another. Packed septets are filled up in each part.
func (p *longPart) joins(before *longPart) bool {
	return p.user != nil && p.alphabet == before.alphabet && p.shift == before.shift && p.alphabet != smpp.GSM7Packed
}

// judged makes a verdict at least as hard as what was done with an earlier part.
func (w *long) judged(v *gate.Verdict) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stopped > v.Do {
		v.Do = w.stopped
	}
}

func (w *long) sent(seq uint8, up *upstream) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.parts[seq].up, w.parts[seq].state = up, partSent
}

// answered notes the SMSC's answer to a part, and takes the part back if its message was stopped meanwhile.
func (w *long) answered(f *flight) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := &w.parts[f.part]
	if p.state != partSent {
		return
	}
	if f.status != smpp.StatusOK {
		if p.taken {
			p.state = partTaken // it was a repetition
			return
		}
		*p = longPart{} // the ESME will send it again
		w.arrived--
		return
	}
	p.id, p.state = append(p.id[:0], f.id...), partTaken
	if w.stopped.Stopped() {
		w.cancel(f.door, p)
		return
	}
	if p.taken { // a repetition: it must not stand in for a part that has not come
		return
	}
	p.taken = true
	if w.taken++; w.taken == w.key.total { // whole and delivered: only what tells repetitions is kept
		for i := range w.parts {
			w.parts[i].user, w.parts[i].body, w.parts[i].id = nil, nil, nil
		}
	}
}

// stop marks the message as stopped and takes back the parts that the SMSC has.
func (w *long) stop(o message.Outcome, source, dest smpp.Addr) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stopped = max(w.stopped, o)
	w.source, w.dest = source.Clone(), dest.Clone()
	for i := range w.parts {
		if p := &w.parts[i]; p.state == partTaken {
			w.cancel(p.up.door, p)
		}
	}
}

// cancel asks the SMSC to take a part back. It may be too late: then the handset waits for a part that never comes.
func (w *long) cancel(d *Door, p *longPart) {
	p.state = partCancelled
	if len(p.id) == 0 {
		return
	}
	c := smpp.CancelBody{MessageID: p.id, Source: w.source, Dest: w.dest}
	s, st := p.up.send(0, smpp.CancelSM, c.Append(nil), cancelled{d})
	if st != smpp.StatusOK {
		d.metrics.cancels.WithLabelValues("unsent").Inc()
		return
	}
	s.Flush()
}

type cancelled struct{ door *Door }

func (c cancelled) Response(_ *smpp.Session, p smpp.PDU, err error) {
	how := "done"
	if err != nil || p.Status != smpp.StatusOK {
		how = "late"
	}
	c.door.metrics.cancels.WithLabelValues(how).Inc()
}

// bodies are the parts as they came, but one, for a message that is held.
func (w *long) bodies(but uint8) [][]byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all [][]byte
	for i := range w.parts {
		if i != int(but) && w.parts[i].hash != 0 && w.parts[i].body != nil {
			all = append(all, w.parts[i].body)
		}
	}
	return all
}

func (l *longs) len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.all)
}
