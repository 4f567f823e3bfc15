package rpz

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"net/netip"

	"github.com/miekg/dns"
)

const (
	maxQuery = 2048 // octets: names, IXFR's SOA, OPT and TSIG at their longest take less
	udpSize  = 1232 // octets of an answer over UDP that no path has to cut in pieces
)

// query is a request that was understood.
type query struct {
	id, flags uint16
	question  []byte // as it came
	name      []byte // in wire form, lower case
	qtype     uint16
	opt       bool
	version   uint8 // of EDNS
	size      int   // octets that the answer may have
	serial    uint32
	asksFrom  bool    // serial is given (RFC 1995 §3)
	key       *key    // that signed it
	sign      *signer // of the answer; nil: it is not signed
	from      netip.Addr
	tcp       bool
}

// transfer is what is to be sent beyond one message.
type transfer struct {
	zone *served
	v    *version
	diff []*difference // nil: the whole zone
	peer string
}

// answer judges one request. It returns what to send back, without the length that TCP puts before it, or nil for nothing; or the
// transfer that it is entitled to. out is room to write to.
func (s *Server) answer(raw []byte, from netip.Addr, tcp bool, out []byte) ([]byte, *query, *transfer) {
	q := &query{from: from, tcp: tcp, size: dns.MinMsgSize}
	if tcp {
		q.size = dns.MaxMsgSize
	}
	rcode, ok := q.header(raw)
	if !ok {
		s.met.queries.WithLabelValues("dropped").Inc()
		return nil, nil, nil
	}
	var m dns.Msg
	if rcode == dns.RcodeSuccess {
		rcode = q.read(raw, &m)
	}
	if rcode != dns.RcodeSuccess {
		s.met.queries.WithLabelValues("malformed").Inc()
		return q.finish(q.begin(out, rcode, false)), q, nil
	}
	if t := m.IsTsig(); t != nil {
		if refused := s.verify(q, raw, t, out); refused != nil {
			s.met.queries.WithLabelValues("bad-tsig").Inc()
			return refused, q, nil
		}
	}
	if q.opt && q.version != 0 {
		return q.finish(q.begin(out, dns.RcodeBadVers, false)), q, nil
	}
	return s.reply(q, out)
}

// header reads the header; ok is false for what gets no answer at all: what is too short, and answers, lest two servers talk for ever.
func (q *query) header(raw []byte) (rcode int, ok bool) {
	if len(raw) < 12 || len(raw) > maxQuery {
		return 0, false
	}
	be := binary.BigEndian
	q.id, q.flags = be.Uint16(raw), be.Uint16(raw[2:])
	if q.flags&0x8000 != 0 {
		return 0, false
	}
	if q.flags>>11&15 != dns.OpcodeQuery {
		return dns.RcodeNotImplemented, true
	}
	// IXFR has an SOA in its authority section; OPT and TSIG are all that is additional.
	if be.Uint16(raw[4:]) != 1 || be.Uint16(raw[6:]) != 0 || be.Uint16(raw[8:]) > 1 || be.Uint16(raw[10:]) > 2 {
		return dns.RcodeFormatError, true
	}
	return dns.RcodeSuccess, true
}

// read takes what follows the header.
func (q *query) read(raw []byte, m *dns.Msg) int {
	end := 12
	for { // the name of the one question has nothing to point at
		if end >= len(raw) || raw[end] > 63 {
			return dns.RcodeFormatError
		}
		n := int(raw[end])
		if end += n + 1; n == 0 {
			break
		}
	}
	if end+4 > len(raw) || end-12 > maxWire {
		return dns.RcodeFormatError
	}
	if err := m.Unpack(raw); err != nil || len(m.Question) != 1 {
		return dns.RcodeFormatError
	}
	q.question = raw[12 : end+4]
	q.name = bytes.Clone(raw[12:end])
	for i, c := range q.name { // lengths of labels are below 'A'
		if c >= 'A' && c <= 'Z' {
			q.name[i] = c + 'a' - 'A'
		}
	}
	q.qtype = binary.BigEndian.Uint16(raw[end:])
	if len(m.Ns) == 1 {
		soa, ok := m.Ns[0].(*dns.SOA)
		if !ok || q.qtype != dns.TypeIXFR {
			return dns.RcodeFormatError
		}
		q.serial, q.asksFrom = soa.Serial, true
	}
	for i, r := range m.Extra {
		switch r := r.(type) {
		case *dns.OPT:
			if q.opt { // RFC 6891 §6.1.1
				return dns.RcodeFormatError
			}
			q.opt, q.version = true, r.Version()
			if !q.tcp {
				q.size = min(max(dns.MinMsgSize, int(r.UDPSize())), udpSize)
			}
		case *dns.TSIG:
			if i != len(m.Extra)-1 { // RFC 8945 §5.1
				return dns.RcodeFormatError
			}
		}
	}
	return dns.RcodeSuccess
}

// verify checks who signed the request. What it returns is the answer to a signature that does not hold (RFC 8945 §5.2).
func (s *Server) verify(q *query, raw []byte, t *dns.TSIG, out []byte) []byte {
	k := s.keys[dns.CanonicalName(t.Hdr.Name)]
	err := dns.ErrSecret
	if k != nil {
		err = k.verify(raw, "")
	}
	sign := &signer{key: k, id: q.id, now: s.clock}
	if k != nil {
		sign.prior, _ = hex.DecodeString(t.MAC)
	}
	if err == nil {
		q.key, q.sign = k, sign
		return nil
	}
	rcode := rcodeOf(err)
	out = q.finish(q.begin(out, dns.RcodeNotAuth, false))
	if rcode == dns.RcodeBadTime { // signed, with our time, so that the other end can tell which clock is wrong
		now := uint64(s.clock().Unix())
		return sign.signAs(out, t.TimeSigned, rcode, appendTimers(nil, now)[:6])
	}
	name, err1 := wireName(t.Hdr.Name)
	algorithm, err2 := wireName(t.Algorithm)
	if err1 != nil || err2 != nil {
		return out
	}
	return appendTSIG(out, name, algorithm, t.TimeSigned, nil, q.id, rcode, nil)
}

// reply answers what was understood, by whom it is from.
func (s *Server) reply(q *query, out []byte) ([]byte, *query, *transfer) {
	count := func(what string) { s.met.queries.WithLabelValues(what).Inc() }
	only := func(rcode int, what string) ([]byte, *query, *transfer) {
		count(what)
		return q.finish(q.begin(out, rcode, false)), q, nil
	}
	zone, rest := s.find(q.name)
	if zone == nil || q.class() != dns.ClassINET {
		return only(dns.RcodeRefused, "refused")
	}
	moves := q.qtype == dns.TypeAXFR || q.qtype == dns.TypeIXFR
	who := ""
	if moves {
		if who = s.entitled(q); who == "" || len(rest) > 0 {
			s.met.denied.Inc()
			return only(dns.RcodeRefused, "refused")
		}
	}
	v := zone.version()
	if v == nil { // RFC 1996 and RFC 5936 know no "not yet": whoever has an older copy keeps it
		return only(dns.RcodeServerFailure, "not-yet")
	}
	if moves {
		return s.move(q, zone, v, who, out)
	}
	p := q.begin(out, dns.RcodeSuccess, true)
	switch {
	case len(rest) == 0:
		count("apex")
		zone.apex(&p, q.qtype, v.serial)
	case !zone.exact(&p, q, rest, v):
		return only(dns.RcodeRefused, "refused")
	default:
		count("name")
	}
	return q.finish(p), q, nil
}

// move prepares a transfer, or the one record that stands for it.
func (s *Server) move(q *query, zone *served, v *version, who string, out []byte) ([]byte, *query, *transfer) {
	t := &transfer{zone: zone, v: v, peer: who}
	if q.qtype == dns.TypeAXFR && !q.tcp {
		s.met.queries.WithLabelValues("malformed").Inc()
		return q.finish(q.begin(out, dns.RcodeFormatError, false)), q, nil // RFC 5936 §4.2
	}
	s.met.queries.WithLabelValues("transfer").Inc()
	if q.qtype == dns.TypeIXFR {
		if !q.asksFrom {
			return q.finish(q.begin(out, dns.RcodeFormatError, false)), q, nil
		}
		// RFC 1995 §2 and §4: one SOA says that there is nothing newer, or that UDP is too narrow for it.
		if current := !newer(v.serial, q.serial); current || !q.tcp {
			if current {
				s.met.transfers.WithLabelValues("current").Inc()
			}
			p := q.begin(out, dns.RcodeSuccess, true)
			p.answer(zone.soa(v.serial))
			return q.finish(p), q, nil
		}
		t.diff = v.since(q.serial)
	}
	return nil, q, t
}

// entitled is the name of the peer that may have the zone; empty: none.
func (s *Server) entitled(q *query) string {
	for _, p := range s.plan.peers {
		if (p.key == nil || p.key == q.key) && p.has(q.from) {
			return p.name
		}
	}
	return ""
}

// find is the zone that a name is in, and the labels before the zone's.
func (s *Server) find(name []byte) (*served, []byte) {
	for _, z := range s.zones {
		if rest, ok := cutZone(name, z.name); ok {
			return z, rest
		}
	}
	return nil, nil
}

func (q *query) class() uint16 { return binary.BigEndian.Uint16(q.question[len(q.question)-2:]) }
