// Package lookup lets an operator ask other members of a group whether a number, or a range, is known bad at theirs, without showing it and without learning their lists: by a
// verifiable oblivious pseudo-random function (RFC 9497, mode VOPRF, suite P256-SHA256).
//
// A member has a key of its own for each epoch. It publishes a table of the function's values for what it holds to be bad; nobody can make anything of the table but by having the
// member evaluate a blinded number, of which the member, and the hub between them, see nothing. How many numbers that may be is bounded by a quota a day.
//
//	asker                          hub                      member
//	blind numbers, seal to member  relay, fixed size         open, count against the quota,
//	                                                         multiply by the key, prove it
//	unblind, check the proof,   <- relay, fixed size      <- seal to the asker
//	look up in the member's table
//
// The hub holds no key and sees sealed blobs of one length between pseudonyms that change by epoch. docs/private-lookup.md computes what each could learn who cheats.
package lookup

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cloudflare/circl/group"
	"github.com/cloudflare/circl/hpke"
	"github.com/cloudflare/circl/kem"
	"github.com/cloudflare/circl/oprf"

	"github.com/sekisho/sekisho/indicator"
	"github.com/sekisho/sekisho/share"
	"github.com/sekisho/sekisho/subject"
)

var (
	suite  = oprf.SuiteP256
	points = group.P256
	seal   = hpke.NewSuite(hpke.KEM_X25519_HKDF_SHA256, hpke.KDF_HKDF_SHA256, hpke.AEAD_AES128GCM)
)

// Sizes on the wire, in octets. A request and an answer have always these lengths, whatever is in them.
const (
	batch       = 40 // elements of a request
	perNumber   = 5  // elements that one number is asked about by: itself, and the ranges of a hundred to a hundred thousand numbers around it
	elementLen  = 33 // compressed point
	proofLen    = 64
	pseudonym   = 16
	nonceLen    = 16
	signLen     = ed25519.SignatureSize
	requestLen  = 1 + 1 + 8 + pseudonym + pseudonym + nonceLen + batch*elementLen + signLen // version, kind, epoch, asker, member, nonce, elements, signature
	answerLen   = 1 + 1 + batch*elementLen + proofLen                                       // version, status, elements, proof
	sealedLen   = 32 + requestLen + 16                                                      // the encapsulated key, and the tag
	answeredLen = answerLen + 16
	version     = 1
)

// Kinds of request.
const (
	kindEvaluate = 1
	kindWrong    = 2 // the answer about what these outputs stand for was wrong
)

// Statuses of an answer.
const (
	statusOK    = 0
	statusQuota = 1
)

// Errors.
var (
	ErrQuota  = errors.New("lookup: the member answers no more today: the quota is used up")
	ErrEpoch  = errors.New("lookup: the member is in another epoch: fetch its table anew")
	ErrProof  = errors.New("lookup: a member's proof is wrong; its answer is thrown away")
	ErrWire   = errors.New("lookup: what came is not of the form that it should have")
	ErrNobody = errors.New("lookup: no member of that name")
)

// DefaultEpoch is how long a member's key and pseudonym last.
const DefaultEpoch = 7 * 24 * time.Hour

// EpochOf numbers the epochs.
func EpochOf(t time.Time, length time.Duration) uint64 {
	return uint64(t.Unix() / int64(length/time.Second))
}

// Pseudonym is a member's name in an epoch: known to who has the group's key, and to nobody else.
func Pseudonym(groupKey []byte, epoch uint64, member string) (p [pseudonym]byte) {
	m := hmac.New(sha256.New, groupKey)
	fmt.Fprintf(m, "sekisho lookup %d %s", epoch, member)
	copy(p[:], m.Sum(nil))
	return p
}

// Verdict is what a member says of a number or a range.
type Verdict struct {
	Role       indicator.Role
	Confidence uint8 // in steps of ten percent
	Age        uint8 // days since it was seen last; 255: more
	Range      bool  // of a range around the number
}

// Answer is what one member says of a number.
type Answer struct {
	Member string
	Known  bool
	Verdict
	output []byte // by which the member knows what it was about
}

// inputs are what a number is asked about by: itself, and the ranges above it. There are always as many.
func inputs(l subject.Line) (all [perNumber][]byte) {
	s := l.String()
	all[0] = []byte("n:" + s)
	for i := 1; i < perNumber; i++ {
		all[i] = []byte("r:" + s[:max(2, len(s)-1-i)])
	}
	return all
}

// japanese is how long a mobile number of Japan is, with its plus sign.
const japanese = 13

// tableInputs are how an item stands in a table; none where it is neither a number nor a range by prefix. Ranges of Japanese mobile numbers that are wider or narrower than what is
// asked about are written as several; of other countries only those are found that are as wide.
func tableInputs(i share.Item) (all [][]byte) {
	switch i.Kind() {
	case indicator.Number:
		return [][]byte{[]byte("n:" + i.Value())}
	case indicator.Range:
		p, ok := strings.CutSuffix(i.Value(), "*")
		if !ok {
			return nil
		}
		prefixes := []string{p}
		for strings.HasPrefix(p, "+81") && len(prefixes[0]) < japanese && (len(prefixes[0]) < japanese-perNumber || len(prefixes[0]) == japanese-1) {
			var longer []string
			for _, p := range prefixes {
				for d := '0'; d <= '9'; d++ {
					longer = append(longer, p+string(d))
				}
			}
			if prefixes = longer; len(prefixes) > 10_000 {
				return nil
			}
		}
		for _, p := range prefixes {
			kind := "r:"
			if strings.HasPrefix(p, "+81") && len(p) == japanese {
				kind = "n:"
			}
			all = append(all, []byte(kind+p))
		}
	}
	return all
}

// Table is what a member publishes of an epoch. Its entries are sorted, and padded with others that nobody can tell from them.
type Table struct {
	Member string `json:"-"`
	Epoch  uint64 `json:"epoch"`
	Key    []byte `json:"key"`  // of the function, public: a point
	HPKE   []byte `json:"hpke"` // what requests are sealed to
	Rows   []byte `json:"rows"` // rowLen octets each
	Sign   []byte `json:"sign"` // the member's signature over all of it
}

const (
	tagLen = 12
	rowLen = tagLen + 4
	// minRows is what a small table is padded to; larger ones to the next power of two.
	minRows = 1024
	maxRows = 1 << 22
)

func (t *Table) signed() []byte {
	h := sha256.New()
	fmt.Fprintf(h, "sekisho lookup table %d ", t.Epoch)
	for _, b := range [][]byte{t.Key, t.HPKE, t.Rows} {
		s := sha256.Sum256(b)
		h.Write(s[:])
	}
	return h.Sum(nil)
}

// row seals a verdict under the function's value: only who had it evaluated can find the row, and read it.
func row(output []byte, v Verdict) (r [rowLen]byte) {
	copy(r[:tagLen], derive(output, "tag"))
	plain := [4]byte{byte(v.Role), v.Confidence, v.Age, 0}
	pad := derive(output, "row")
	for i := range plain {
		r[tagLen+i] = plain[i] ^ pad[i]
	}
	return r
}

func derive(output []byte, what string) []byte {
	m := hmac.New(sha256.New, output)
	m.Write([]byte("sekisho lookup " + what))
	return m.Sum(nil)
}

// find looks an output up.
func (t *Table) find(output []byte) (Verdict, bool) {
	tag := derive(output, "tag")[:tagLen]
	n := len(t.Rows) / rowLen
	lo, hi := 0, n
	for lo < hi {
		mid := (lo + hi) / 2
		if bytes.Compare(t.Rows[mid*rowLen:mid*rowLen+tagLen], tag) < 0 {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo == n || !bytes.Equal(t.Rows[lo*rowLen:lo*rowLen+tagLen], tag) {
		return Verdict{}, false
	}
	pad := derive(output, "row")
	var p [4]byte
	for i := range p {
		p[i] = t.Rows[lo*rowLen+tagLen+i] ^ pad[i]
	}
	return Verdict{Role: indicator.Role(p[0]), Confidence: p[1], Age: p[2]}, p[3] == 0
}

// pack sorts rows and pads them.
func pack(rows [][rowLen]byte) ([]byte, error) {
	if len(rows) > maxRows {
		return nil, fmt.Errorf("lookup: more than %d numbers and ranges", maxRows)
	}
	n := minRows
	for n < len(rows) {
		n *= 2
	}
	for len(rows) < n {
		var r [rowLen]byte
		rand.Read(r[:])
		rows = append(rows, r)
	}
	slices.SortFunc(rows, func(a, b [rowLen]byte) int { return bytes.Compare(a[:], b[:]) })
	out := make([]byte, 0, n*rowLen)
	for i := range rows {
		out = append(out, rows[i][:]...)
	}
	return out, nil
}

// ReadTable reads a table and checks its signature.
func ReadTable(b []byte, from Peer) (*Table, error) {
	var t Table
	if err := json.Unmarshal(b, &t); err != nil || len(t.Rows)%rowLen != 0 || len(t.Rows) > maxRows*rowLen {
		return nil, ErrWire
	}
	if len(from.Verify) != ed25519.PublicKeySize || !ed25519.Verify(from.Verify, t.signed(), t.Sign) {
		return nil, fmt.Errorf("lookup: the table of %s is not signed by it", from.Name)
	}
	if t.Member = from.Name; t.publicKey() == nil {
		return nil, ErrWire
	}
	return &t, nil
}

func (t *Table) publicKey() *oprf.PublicKey {
	k := new(oprf.PublicKey)
	if k.UnmarshalBinary(suite, t.Key) != nil {
		return nil
	}
	return k
}

// Peer is another member, as the group knows it.
type Peer struct {
	Name   string
	Verify ed25519.PublicKey // of its signatures
}

// request is one on the wire, opened.
type request struct {
	kind          byte
	epoch         uint64
	asker, member [pseudonym]byte
	nonce         [nonceLen]byte
	elements      []byte // batch of elementLen
	sign          []byte
}

func (q *request) body() []byte {
	b := make([]byte, 0, requestLen)
	b = append(b, version, q.kind)
	b = binary.BigEndian.AppendUint64(b, q.epoch)
	b = append(append(append(b, q.asker[:]...), q.member[:]...), q.nonce[:]...)
	return append(b, q.elements...)
}

func readRequest(b []byte) (*request, error) {
	if len(b) != requestLen || b[0] != version || b[1] != kindEvaluate && b[1] != kindWrong {
		return nil, ErrWire
	}
	q := &request{kind: b[1], epoch: binary.BigEndian.Uint64(b[2:])}
	at := 10
	at += copy(q.asker[:], b[at:])
	at += copy(q.member[:], b[at:])
	at += copy(q.nonce[:], b[at:])
	q.elements, q.sign = b[at:at+batch*elementLen], b[at+batch*elementLen:]
	return q, nil
}

// readElements reads points; the identity, which would tell the key nothing and us nothing, is refused (RFC 9497 §3.3.2).
func readElements(b []byte) ([]group.Element, error) {
	all := make([]group.Element, 0, batch)
	for ; len(b) >= elementLen; b = b[elementLen:] {
		e := points.NewElement()
		if e.UnmarshalBinary(b[:elementLen]) != nil || e.IsIdentity() {
			return nil, ErrWire
		}
		all = append(all, e)
	}
	return all, nil
}

func appendElements(b []byte, all []group.Element) ([]byte, error) {
	for _, e := range all {
		p, err := e.MarshalBinaryCompress()
		if err != nil || len(p) != elementLen {
			return nil, ErrWire
		}
		b = append(b, p...)
	}
	return b, nil
}

// sealTo seals a request to a member, and gives what opens its answer.
func sealTo(key []byte, plain []byte) (sealed []byte, answer cipher.AEAD, err error) {
	pk, err := hpke.KEM_X25519_HKDF_SHA256.Scheme().UnmarshalBinaryPublicKey(key)
	if err != nil {
		return nil, nil, ErrWire
	}
	s, err := seal.NewSender(pk, []byte("sekisho lookup"))
	if err != nil {
		return nil, nil, err
	}
	enc, sealer, err := s.Setup(rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	ct, err := sealer.Seal(plain, nil)
	if err != nil {
		return nil, nil, err
	}
	answer, err = gcm(sealer.Export([]byte("answer"), 16))
	return append(enc, ct...), answer, err
}

func openFrom(key kem.PrivateKey, sealed []byte) (plain []byte, answer cipher.AEAD, err error) {
	if len(sealed) != sealedLen {
		return nil, nil, ErrWire
	}
	r, err := seal.NewReceiver(key, []byte("sekisho lookup"))
	if err != nil {
		return nil, nil, err
	}
	opener, err := r.Setup(sealed[:32])
	if err != nil {
		return nil, nil, ErrWire
	}
	if plain, err = opener.Open(sealed[32:], nil); err != nil {
		return nil, nil, ErrWire
	}
	answer, err = gcm(opener.Export([]byte("answer"), 16))
	return plain, answer, err
}

// gcm has a key for one message, so that its nonce may be zero.
func gcm(key []byte) (cipher.AEAD, error) {
	b, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(b)
}

var zeroNonce [12]byte
