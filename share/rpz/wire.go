package rpz

import (
	"bytes"
	"encoding/binary"
	"io"

	"github.com/miekg/dns"
)

// wireName is a name in wire form, lower case, with the root (RFC 1035 §3.1).
func wireName(s string) ([]byte, error) {
	var b [maxWire]byte
	n, err := dns.PackDomainName(dns.CanonicalName(s), b[:], 0, nil, false)
	if err != nil {
		return nil, err
	}
	return bytes.Clone(b[:n]), nil
}

// cutZone cuts a zone's name from the end of a name; ok is false if it is not in the zone.
func cutZone(name, zone []byte) (rest []byte, ok bool) {
	if len(zone) == 0 {
		return nil, false
	}
	for i := 0; len(name)-i >= len(zone); i += int(name[i]) + 1 {
		if len(name)-i == len(zone) {
			return name[:i], bytes.Equal(name[i:], zone)
		}
		if name[i] == 0 {
			break
		}
	}
	return nil, false
}

// served is a zone as it goes out: what stands in every version, packed.
type served struct {
	name   []byte
	about  []byte // the SOA's type, class, TTL, length, MNAME and RNAME
	times  []byte // what follows the serial
	ns     []byte // from the type on
	policy []byte // the records of an owner, each from its type on, behind its length
	types  []uint16
	zone   *Zone    // nil: the open zone,
	only   *version // which has but one version
}

func (z *served) version() *version {
	if z.zone == nil {
		return z.only
	}
	return z.zone.now.Load()
}

// Times of the SOA in seconds. NOTIFY tells of changes at once; refresh is for when it got lost. A resolver that hears nothing for a week
// drops the zone: by then the names are others.
const (
	refresh = 60
	retry   = 30
	expire  = 7 * 24 * 3600
)

func (p *plan) serve(name []byte) *served {
	be := binary.BigEndian
	ttl := uint32(p.TTL.Seconds())
	head := func(t uint16, n int) []byte {
		b := be.AppendUint16(nil, t)
		b = append(b, 0, dns.ClassINET)
		return be.AppendUint16(be.AppendUint32(b, ttl), uint16(n))
	}
	z := &served{name: name}
	z.about = append(append(head(dns.TypeSOA, len(p.server)+len(p.contact)+20), p.server...), p.contact...)
	for _, t := range []uint32{refresh, retry, expire, ttl} {
		z.times = be.AppendUint32(z.times, t)
	}
	z.ns = append(head(dns.TypeNS, len(p.server)), p.server...)
	record := func(t uint16, data []byte) {
		r := append(head(t, len(data)), data...)
		z.policy = append(append(z.policy, byte(len(r))), r...)
		z.types = append(z.types, t)
	}
	for _, a := range p.pages {
		if a.Is4() {
			record(dns.TypeA, a.AsSlice())
		} else {
			record(dns.TypeAAAA, a.AsSlice())
		}
	}
	if len(p.pages) == 0 {
		record(dns.TypeCNAME, []byte{0})
	}
	return z
}

// packet is a message being written.
type packet struct {
	b        []byte // from the header on
	answers  int
	extended byte // what of the code the header does not hold (RFC 6891 §6.1.3)
}

// apexPointer points at the name in the question (RFC 1035 §4.1.4), which is the zone's where it is used.
var apexPointer = []byte{0xC0, 12}

// begin writes a header and the question.
func (q *query) begin(out []byte, rcode int, authoritative bool) packet {
	flags := 0x8000 | q.flags&0x7900 | uint16(rcode&15) // opcode and RD come back
	if authoritative {
		flags |= 0x0400
	}
	be := binary.BigEndian
	out = be.AppendUint16(be.AppendUint16(out[:0], q.id), flags)
	questions := byte(1)
	if q.question == nil {
		questions = 0
	}
	out = append(out, 0, questions, 0, 0, 0, 0, 0, 0)
	out = append(out, q.question...)
	return packet{b: out, extended: byte(rcode >> 4)}
}

// answer appends a record whose owner is the name in the question.
func (p *packet) answer(r ...[]byte) {
	p.b = append(p.b, apexPointer...)
	for _, part := range r {
		p.b = append(p.b, part...)
	}
	p.answers++
}

// finish counts, adds OPT where the request had it, cuts what is too long for UDP, and signs.
func (q *query) finish(p packet) []byte {
	b := p.b
	room := q.size
	if q.sign != nil {
		room -= q.sign.key.size()
	}
	if q.opt {
		room -= 11
	}
	head := 12 + len(q.question)
	if len(b) > max(room, head) {
		b, p.answers = b[:head], 0
		b[2] |= 2 // TC: ask again over TCP
		b[8], b[9] = 0, 0
	}
	putUint16(b[6:], p.answers)
	if q.opt {
		b[11]++
		b = append(b, 0, 0, byte(dns.TypeOPT), udpSize>>8, udpSize&255, p.extended, 0, 0, 0, 0, 0)
	}
	if q.sign != nil {
		b = q.sign.sign(b)
	}
	return b
}

// soa is the SOA record of a serial, from its type on.
func (z *served) soa(serial uint32) []byte {
	b := make([]byte, 0, len(z.about)+4+len(z.times))
	b = binary.BigEndian.AppendUint32(append(b, z.about...), serial)
	return append(b, z.times...)
}

// apex answers for the zone's own name. For types that are not there the SOA stands in the authority section (RFC 2308 §2.2).
func (z *served) apex(p *packet, qtype uint16, serial uint32) {
	soa := z.soa(serial)
	if qtype == dns.TypeSOA || qtype == dns.TypeANY {
		p.answer(soa)
	}
	if qtype == dns.TypeNS || qtype == dns.TypeANY {
		p.answer(z.ns)
	}
	if p.answers == 0 {
		p.b = append(append(p.b, apexPointer...), soa...)
		p.b[9] = 1
	}
}

// exact answers for a name that stands in the zone as it is asked for; no wildcard is put out for others, which are for whoever applies
// the policy.
func (z *served) exact(p *packet, q *query, labels []byte, v *version) bool {
	below := labels[0] == 1 && labels[1] == '*'
	if below {
		labels = labels[2:]
	}
	if len(labels) == 0 {
		return false
	}
	var room [maxWire]byte
	bits := v.find(keyOf(room[:0], labels))
	if bits == 0 || below && bits&byDomain == 0 {
		return false
	}
	i := 0
	for r := range z.records {
		if t := z.types[i]; t == q.qtype || q.qtype == dns.TypeANY || t == dns.TypeCNAME {
			p.answer(r)
		}
		i++
	}
	if p.answers == 0 {
		p.b = append(append(p.b, z.name...), z.soa(v.serial)...)
		p.b[9] = 1
	}
	return true
}

// records gives the records of an owner, each from its type on.
func (z *served) records(yield func([]byte) bool) {
	for b := z.policy; len(b) > 0; b = b[1+b[0]:] {
		if !yield(b[1 : 1+b[0]]) {
			return
		}
	}
}

// stream writes a transfer as messages over TCP (RFC 5936 §2.2).
type stream struct {
	w     io.Writer
	q     *query
	b     []byte // two octets of length, then the message being written
	head  int    // octets of length, header and question
	n     int    // records in it
	limit int    // octets at which it goes out
	sent  int    // messages
	total int    // records
	err   error
}

// streamSize is how long messages of a transfer become: as far as names in them can be pointed at (RFC 1035 §4.1.4).
const streamSize = 1 << 14

// maxPointer bounds how far into a message names can be pointed at (RFC 1035 §4.1.4).
const maxPointer = 1 << 14

func newStream(w io.Writer, q *query) *stream {
	s := &stream{w: w, q: q, b: make([]byte, 2, streamSize+2*maxTSIG)}
	s.b = append(s.b, q.begin(nil, dns.RcodeSuccess, true).b...)
	s.head, s.limit = len(s.b), streamSize
	return s
}

// fit sends what is there if n octets more would be too many.
func (s *stream) fit(n int) {
	if len(s.b)+n > s.limit {
		s.flush()
	}
}

func (s *stream) flush() {
	if s.n == 0 || s.err != nil {
		s.b, s.n = s.b[:s.head], 0
		return
	}
	msg := s.b[2:]
	putUint16(msg[6:], s.n)
	putUint16(msg[10:], 0)
	if s.q.opt && s.sent == 0 {
		msg[11] = 1
		msg = append(msg, 0, 0, byte(dns.TypeOPT), udpSize>>8, udpSize&255, 0, 0, 0, 0, 0, 0)
	}
	if s.q.sign != nil {
		msg = s.q.sign.sign(msg)
	}
	s.b = s.b[:2+len(msg)]
	putUint16(s.b, len(msg))
	_, s.err = s.w.Write(s.b)
	s.sent++
	s.total += s.n
	s.b, s.n = s.b[:s.head], 0
}

// apex appends a record of the zone's own name.
func (s *stream) apex(r []byte) {
	s.fit(2 + len(r))
	s.b = append(append(s.b, apexPointer...), r...)
	s.n++
}

// owner appends the records of a name: of itself if alone, of what is below it if below.
func (s *stream) owner(z *served, key []byte, alone, below bool) {
	s.fit(2 * (2 + len(key) + 2 + len(z.policy)) * len(z.types))
	at := 0 // where the name stands already
	name := func() {
		if at > 0 && at < maxPointer {
			s.b = append(s.b, 0xC0|byte(at>>8), byte(at))
			return
		}
		at = len(s.b) - 2
		s.b = append(appendLabels(s.b, key), apexPointer...)
	}
	put := func(wild bool) {
		first := 0 // where the owner with its asterisk stands
		for r := range z.records {
			switch {
			case wild && first > 0 && first < maxPointer:
				s.b = append(s.b, 0xC0|byte(first>>8), byte(first))
			case wild:
				first = len(s.b) - 2
				s.b = append(s.b, 1, '*')
				name()
			default:
				name()
			}
			s.b = append(s.b, r...)
			s.n++
		}
	}
	if alone {
		put(false)
	}
	if below {
		put(true)
	}
}

// whole sends the zone (RFC 5936 §2.2).
func (s *stream) whole(t *transfer) {
	soa := t.zone.soa(t.v.serial)
	s.apex(soa)
	s.apex(t.zone.ns)
	for key, bits := range t.v.all {
		if s.owner(t.zone, key, true, bits&byDomain != 0); s.err != nil {
			return
		}
	}
	s.apex(soa)
	s.flush()
}

// differences sends what changed (RFC 1995 §4).
func (s *stream) differences(t *transfer) {
	soa := t.zone.soa(t.v.serial)
	s.apex(soa)
	for _, d := range t.diff {
		s.apex(t.zone.soa(d.from))
		for key, below := range d.gone.all {
			s.owner(t.zone, key, !below, below)
		}
		s.apex(t.zone.soa(d.to))
		for key, below := range d.new.all {
			s.owner(t.zone, key, !below, below)
		}
		if s.err != nil {
			return
		}
	}
	s.apex(soa)
	s.flush()
}
