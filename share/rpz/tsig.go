package rpz

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"hash"
	"time"

	"github.com/miekg/dns"
)

// hashes are the algorithms of RFC 8945 §6 that we take. MD5 and SHA-1 are not among them.
var hashes = map[string]func() hash.Hash{dns.HmacSHA256: sha256.New, dns.HmacSHA512: sha512.New}

const (
	fudge   = 300     // seconds that clocks may differ by (RFC 8945 §10)
	maxTSIG = 2 * 256 // octets that a TSIG record of ours has at most, and more
)

// key is a TSIG key. It goes with one algorithm.
type key struct {
	name      string // canonical
	wire      []byte
	algorithm string
	algWire   []byte
	hash      func() hash.Hash
	secret    []byte
}

func newKey(name, algorithm string, secret []byte) (*key, error) {
	k := &key{name: dns.CanonicalName(name), algorithm: dns.CanonicalName(algorithm), secret: secret}
	var err error
	if k.wire, err = wireName(k.name); err != nil {
		return nil, err
	}
	if k.algWire, err = wireName(k.algorithm); err != nil {
		return nil, err
	}
	var ok bool
	if k.hash, ok = hashes[k.algorithm]; !ok {
		return nil, dns.ErrKeyAlg
	}
	return k, nil
}

// Generate and Verify make it a dns.TsigProvider. A MAC is whole or wrong: we take no truncated ones (RFC 8945 §5.2.2.1).
func (k *key) Generate(msg []byte, t *dns.TSIG) ([]byte, error) {
	if dns.CanonicalName(t.Hdr.Name) != k.name {
		return nil, dns.ErrSecret
	}
	if dns.CanonicalName(t.Algorithm) != k.algorithm {
		return nil, dns.ErrKeyAlg
	}
	m := hmac.New(k.hash, k.secret)
	m.Write(msg)
	return m.Sum(nil), nil
}

func (k *key) Verify(msg []byte, t *dns.TSIG) error {
	want, err := k.Generate(msg, t)
	if err != nil {
		return err
	}
	if got, err := hex.DecodeString(t.MAC); err != nil || !hmac.Equal(got, want) {
		return dns.ErrSig
	}
	return nil
}

// signer signs the messages of one answer, each with the MAC of the one before (RFC 8945 §5.3.1).
type signer struct {
	key   *key
	prior []byte // of the request, then of the message before
	later bool   // not the first message
	id    uint16 // of the request
	now   func() time.Time
}

// sign appends a TSIG record to a message and counts it.
func (s *signer) sign(msg []byte) []byte {
	return s.signAs(msg, uint64(s.now().Unix()), dns.RcodeSuccess, nil)
}

func (s *signer) signAs(msg []byte, at uint64, rcode int, other []byte) []byte {
	m := hmac.New(s.key.hash, s.key.secret)
	var b [16]byte
	if s.prior != nil {
		binary.BigEndian.PutUint16(b[:], uint16(len(s.prior)))
		m.Write(b[:2])
		m.Write(s.prior)
	}
	m.Write(msg)
	timers := appendTimers(b[:0], at)
	if s.later {
		m.Write(timers)
	} else { // RFC 8945 §4.3.3
		m.Write(s.key.wire)
		m.Write([]byte{0, dns.ClassANY, 0, 0, 0, 0})
		m.Write(s.key.algWire)
		m.Write(timers)
		binary.BigEndian.PutUint16(b[:], uint16(rcode))
		binary.BigEndian.PutUint16(b[2:], uint16(len(other)))
		m.Write(b[:4])
		m.Write(other)
	}
	s.prior, s.later = m.Sum(nil), true
	return appendTSIG(msg, s.key.wire, s.key.algWire, at, s.prior, s.id, rcode, other)
}

func appendTimers(dst []byte, at uint64) []byte {
	dst = append(dst, byte(at>>40), byte(at>>32), byte(at>>24), byte(at>>16), byte(at>>8), byte(at))
	return binary.BigEndian.AppendUint16(dst, fudge)
}

// appendTSIG writes the record (RFC 8945 §4.2) and counts it in the header.
func appendTSIG(msg, name, algorithm []byte, at uint64, mac []byte, id uint16, rcode int, other []byte) []byte {
	be := binary.BigEndian
	be.PutUint16(msg[10:], be.Uint16(msg[10:])+1)
	msg = append(msg, name...)
	msg = be.AppendUint16(msg, dns.TypeTSIG)
	msg = append(msg, 0, dns.ClassANY, 0, 0, 0, 0)
	msg = be.AppendUint16(msg, uint16(len(algorithm)+16+len(mac)+len(other)))
	msg = append(msg, algorithm...)
	msg = appendTimers(msg, at)
	msg = be.AppendUint16(msg, uint16(len(mac)))
	msg = append(msg, mac...)
	msg = be.AppendUint16(msg, id)
	msg = be.AppendUint16(msg, uint16(rcode))
	msg = be.AppendUint16(msg, uint16(len(other)))
	return append(msg, other...)
}

// size is how many octets the record takes.
func (k *key) size() int { return len(k.wire) + 10 + len(k.algWire) + 16 + k.hash().Size() }

// verify checks the TSIG record that ends a message; prior is the MAC of the request that it answers, in hexadecimal, or empty.
func (k *key) verify(raw []byte, prior string) error {
	return dns.TsigVerifyWithProvider(append([]byte(nil), raw...), k, prior, false)
}

// rcodeOf is the error that a TSIG record tells (RFC 8945 §5.2).
func rcodeOf(err error) int {
	switch {
	case errors.Is(err, dns.ErrSecret), errors.Is(err, dns.ErrKeyAlg):
		return dns.RcodeBadKey
	case errors.Is(err, dns.ErrTime):
		return dns.RcodeBadTime
	}
	return dns.RcodeBadSig
}
