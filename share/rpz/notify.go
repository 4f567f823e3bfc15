package rpz

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"net"
	"net/netip"
	"time"

	"github.com/miekg/dns"
)

// Tries of a NOTIFY (RFC 1996 §3.6): the first waits notifyFor for its answer, each after it twice as long.
const (
	notifyFor   = time.Second
	notifyTries = 6 // 63 s in all; then the refresh of the SOA has come anyway
)

var errRefused = errors.New("refused")

// teller tells one address of new versions. Only the newest counts: what came while it waited is told with it.
type teller struct {
	s    *Server
	peer *peer
	at   netip.AddrPort
	wake chan struct{}
}

func (t *teller) tell() {
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

func (t *teller) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.wake:
		}
		result := t.try(ctx)
		if ctx.Err() != nil {
			return
		}
		t.s.met.notifies.WithLabelValues(t.peer.name, result).Inc()
		if result != "taken" {
			t.s.log.Warn("rpz: NOTIFY", "peer", t.peer.name, "result", result)
		}
	}
}

func (t *teller) try(ctx context.Context) string {
	wait := notifyFor
	for range notifyTries {
		begun := time.Now()
		switch err := t.once(ctx, wait); {
		case err == nil:
			return "taken"
		case errors.Is(err, errRefused): // by its configuration: asking again does not change it
			return "refused"
		}
		select { // an address where nobody listens says so at once
		case <-ctx.Done():
			return ""
		case <-time.After(wait - time.Since(begun)):
		}
		wait *= 2
	}
	return "unanswered"
}

// once sends one NOTIFY and waits for its answer.
func (t *teller) once(ctx context.Context, wait time.Duration) error {
	d := net.Dialer{}
	if a := t.source(); a.IsValid() {
		d.LocalAddr = net.UDPAddrFromAddrPort(netip.AddrPortFrom(a, 0))
	}
	c, err := d.DialContext(ctx, "udp", t.at.String())
	if err != nil {
		return err
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { c.Close() })()
	msg, sign := t.message()
	if err := c.SetDeadline(time.Now().Add(wait)); err != nil {
		return err
	}
	if _, err := c.Write(msg); err != nil {
		return err
	}
	in := make([]byte, maxQuery)
	for { // what is no answer to this is not listened to
		n, err := c.Read(in)
		if err != nil {
			return err
		}
		if rcode, ok := heard(in[:n], binary.BigEndian.Uint16(msg), sign); ok {
			if rcode != dns.RcodeSuccess {
				return errRefused
			}
			return nil
		}
	}
}

// source is the address of ours that the peer knows: one that we listen on.
func (t *teller) source() netip.Addr {
	for _, l := range t.s.plan.listen {
		if a := l.Addr(); !a.IsUnspecified() && a.Is4() == t.at.Addr().Is4() {
			return a
		}
	}
	return netip.Addr{}
}

// message is the NOTIFY (RFC 1996 §3.7), with the SOA of the newest version, signed if the peer has a key.
func (t *teller) message() ([]byte, *signer) {
	z := t.s.zones[0]
	var id [2]byte
	rand.Read(id[:])
	b := append(id[:], dns.OpcodeNotify<<3|4, 0, 0, 1, 0, 1, 0, 0, 0, 0) // AA; one question, one answer
	b = append(append(b, z.name...), 0, byte(dns.TypeSOA), 0, dns.ClassINET)
	b = append(append(b, apexPointer...), z.soa(t.s.Serial())...)
	if t.peer.key == nil {
		return b, nil
	}
	s := &signer{key: t.peer.key, id: binary.BigEndian.Uint16(id[:]), now: t.s.clock}
	return s.sign(b), s
}

// heard reads an answer to a NOTIFY; ok is false if it is none, or not signed as it must be.
func heard(raw []byte, id uint16, sign *signer) (rcode int, ok bool) {
	if len(raw) < 12 || binary.BigEndian.Uint16(raw) != id || raw[2]&0x80 == 0 || raw[2]>>3&15 != dns.OpcodeNotify {
		return 0, false
	}
	rcode = int(raw[3] & 15)
	if sign == nil {
		return rcode, true
	}
	err := sign.key.verify(raw, hex.EncodeToString(sign.prior))
	if rcode != dns.RcodeSuccess {
		// Who does not know the key cannot sign that he does not. It costs the peer nothing but waiting for the refresh.
		return rcode, true
	}
	return rcode, err == nil
}
