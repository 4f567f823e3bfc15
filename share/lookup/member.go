package lookup

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/cloudflare/circl/hpke"
	"github.com/cloudflare/circl/kem"
	"github.com/cloudflare/circl/oprf"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/sekisho/sekisho/share"
)

// Counter keeps how many elements each asker had evaluated on a day, over restarts. Take counts n more and reports whether that is within the quota; what it refuses it does not count.
type Counter interface {
	Take(asker string, day int64, n, quota int) (bool, error)
}

// MemberConfig is what a member is made of.
type MemberConfig struct {
	Name     string
	Secret   []byte                           // at least 32 octets, known to nobody else: keys of all epochs come from it
	GroupKey []byte                           // of the group's pseudonyms
	Peers    []Peer                           // who may ask
	Epoch    time.Duration                    // DefaultEpoch where 0
	Quota    int                              // elements a day of one asker; 2,000 where 0: four hundred numbers
	Counter  Counter                          // nil: in memory
	Wrong    func(from string, output []byte) // somebody says that a verdict of ours was wrong; may be nil
	Now      func() time.Time
	Log      *slog.Logger
	Metrics  prometheus.Registerer
}

// DefaultQuota is how many elements an asker may have evaluated in a day.
const DefaultQuota = 2000

// Member answers. It is an http.Handler: POST .../ask takes a sealed request, GET .../table gives the table.
type Member struct {
	c     MemberConfig
	sign  ed25519.PrivateKey
	asked *prometheus.CounterVec

	mu     sync.Mutex
	epochs map[uint64]*epoch
	items  []item
	seen   map[[nonceLen]byte]int64 // nonces of the last minutes: nothing is answered twice
}

type item struct {
	input []byte
	v     Verdict
}

// epoch is a member's keys for some time, and its table.
type epoch struct {
	n       uint64
	server  oprf.VerifiableServer
	open    kem.PrivateKey
	table   []byte
	outputs map[[tagLen]byte]bool
	askers  map[[pseudonym]byte]Peer
}

// NewMember makes a member with an empty table.
func NewMember(c MemberConfig) (*Member, error) {
	if len(c.Secret) < 32 || len(c.GroupKey) < 32 || c.Name == "" {
		return nil, errors.New("lookup: a member has a name, a secret and the group's key, each of at least 32 octets")
	}
	if c.Epoch <= 0 {
		c.Epoch = DefaultEpoch
	}
	if c.Quota <= 0 {
		c.Quota = DefaultQuota
	}
	if c.Counter == nil {
		c.Counter = &memory{}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	seed, err := hkdf.Key(sha256.New, c.Secret, nil, "sekisho lookup signatures", ed25519.SeedSize)
	if err != nil {
		return nil, err
	}
	m := &Member{c: c, sign: ed25519.NewKeyFromSeed(seed), epochs: map[uint64]*epoch{}, seen: map[[nonceLen]byte]int64{}}
	m.asked = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "sekisho_lookup_requests_total", Help: "Private look-ups asked of us, by outcome."}, []string{"outcome"})
	if c.Metrics != nil {
		c.Metrics.MustRegister(m.asked)
	}
	return m, nil
}

// Peer is the member as others know it.
func (m *Member) Peer() Peer { return Peer{m.c.Name, m.sign.Public().(ed25519.PublicKey)} }

// SignKey is what it signs its own questions with.
func (m *Member) SignKey() ed25519.PrivateKey { return m.sign }

// Set makes the items what the member holds to be bad. It takes a tenth of a millisecond for each; the table before holds meanwhile.
func (m *Member) Set(items iter.Seq2[share.Item, error]) error {
	var all []item
	now := m.c.Now()
	for i, err := range items {
		if err != nil {
			return err
		}
		if i.Over() {
			continue
		}
		for _, in := range tableInputs(i) {
			all = append(all, item{in, Verdict{Role: i.Role(), Confidence: i.Confidence() / 10 * 10, Age: uint8(min(now.Sub(i.Last())/(24*time.Hour), 255))}})
		}
	}
	x, err := m.make(EpochOf(now, m.c.Epoch), all)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.items = all
	m.epochs[x.n] = x
	return nil
}

// make makes an epoch: its keys from the secret, so that they are the same after a restart, and its table.
func (m *Member) make(n uint64, items []item) (*epoch, error) {
	seed := func(what string) ([]byte, error) {
		return hkdf.Key(sha256.New, m.c.Secret, nil, fmt.Sprintf("sekisho lookup %s %d", what, n), 32)
	}
	s, err := seed("function")
	if err != nil {
		return nil, err
	}
	key, err := oprf.DeriveKey(suite, oprf.VerifiableMode, s, nil)
	if err != nil {
		return nil, err
	}
	if s, err = seed("requests"); err != nil {
		return nil, err
	}
	public, open := hpke.KEM_X25519_HKDF_SHA256.Scheme().DeriveKeyPair(s)
	x := &epoch{n: n, server: oprf.NewVerifiableServer(suite, key), open: open, outputs: map[[tagLen]byte]bool{}, askers: map[[pseudonym]byte]Peer{}}
	rows := make([][rowLen]byte, len(items))
	for i, it := range items {
		out, err := x.server.FullEvaluate(it.input)
		if err != nil {
			return nil, err
		}
		rows[i] = row(out, it.v)
		x.outputs[[tagLen]byte(rows[i][:tagLen])] = true
	}
	t := Table{Epoch: n}
	if t.Rows, err = pack(rows); err != nil {
		return nil, err
	}
	if t.Key, err = key.Public().MarshalBinary(); err != nil {
		return nil, err
	}
	if t.HPKE, err = public.MarshalBinary(); err != nil {
		return nil, err
	}
	t.Sign = ed25519.Sign(m.sign, t.signed())
	if x.table, err = json.Marshal(t); err != nil {
		return nil, err
	}
	for _, p := range m.c.Peers {
		x.askers[Pseudonym(m.c.GroupKey, n, p.Name)] = p
	}
	return x, nil
}

// epochAt is an epoch that is asked in: this one or the one before, whose tables others may still have.
func (m *Member) epochAt(n uint64) (*epoch, error) {
	now := EpochOf(m.c.Now(), m.c.Epoch)
	if n != now && n+1 != now {
		return nil, ErrEpoch
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for old := range m.epochs {
		if old+1 < now {
			delete(m.epochs, old)
		}
	}
	if x := m.epochs[n]; x != nil {
		return x, nil
	}
	if n != now {
		return nil, ErrEpoch
	}
	x, err := m.make(n, m.items)
	if err == nil {
		m.epochs[n] = x
	}
	return x, err
}

// ServeHTTP serves the table, and answers sealed requests.
func (m *Member) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method == http.MethodGet:
		x, err := m.epochAt(EpochOf(m.c.Now(), m.c.Epoch))
		if err != nil {
			m.c.Log.Error("lookup: the table cannot be given", "err", err)
			http.Error(w, "not now", http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Write(x.table)
	case r.Method == http.MethodPost:
		body, err := io.ReadAll(io.LimitReader(r.Body, sealedLen+1))
		if err != nil || len(body) != sealedLen {
			m.asked.WithLabelValues("malformed").Inc()
			http.Error(w, "not a request", http.StatusBadRequest)
			return
		}
		out, err := m.Answer(body)
		if err != nil {
			m.asked.WithLabelValues("refused").Inc()
			http.Error(w, "refused", http.StatusForbidden)
			return
		}
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Write(out)
	default:
		http.Error(w, "GET or POST", http.StatusMethodNotAllowed)
	}
}

// Answer answers a sealed request, in as many octets whatever it says.
func (m *Member) Answer(sealed []byte) ([]byte, error) {
	now := m.c.Now()
	current := EpochOf(now, m.c.Epoch)
	for _, n := range []uint64{current, current - 1} { // the sealed epoch says itself only when it is open
		x, err := m.epochAt(n)
		if err != nil {
			continue
		}
		plain, back, err := openFrom(x.open, sealed)
		if err != nil {
			continue
		}
		q, err := readRequest(plain)
		if err != nil {
			return nil, err
		}
		answer, err := m.answer(x, q, now)
		if err != nil {
			return nil, err
		}
		return back.Seal(nil, zeroNonce[:], answer, nil), nil
	}
	return nil, ErrWire
}

func (m *Member) answer(x *epoch, q *request, now time.Time) ([]byte, error) {
	from, ok := x.askers[q.asker]
	if !ok || q.epoch != x.n || q.member != Pseudonym(m.c.GroupKey, x.n, m.c.Name) || !ed25519.Verify(from.Verify, q.body(), q.sign) {
		return nil, ErrNobody
	}
	if !m.fresh(q.nonce, now) {
		return nil, ErrWire
	}
	out := make([]byte, 2, answerLen)
	out[0] = version
	refuse := func(status byte) []byte {
		out[1] = status
		out = out[:answerLen]
		rand.Read(out[2:])
		return out
	}
	if q.kind == kindWrong {
		m.asked.WithLabelValues("wrong").Inc()
		if m.c.Wrong != nil {
			for b := q.elements; len(b) >= elementLen; b = b[elementLen:] {
				if tag := [tagLen]byte(b[1 : 1+tagLen]); b[0] == 1 && x.outputs[tag] {
					m.c.Wrong(from.Name, tag[:])
				}
			}
		}
		return refuse(statusOK), nil
	}
	ok, err := m.c.Counter.Take(from.Name, now.Unix()/86400, batch, m.c.Quota)
	if err != nil {
		return nil, err
	}
	if !ok {
		m.asked.WithLabelValues("quota").Inc()
		return refuse(statusQuota), nil
	}
	elements, err := readElements(q.elements)
	if err != nil {
		return nil, err
	}
	e, err := x.server.Evaluate(&oprf.EvaluationRequest{Elements: elements})
	if err != nil {
		return nil, err
	}
	if out, err = appendElements(out, e.Elements); err != nil {
		return nil, err
	}
	proof, err := e.Proof.MarshalBinary()
	if err != nil || len(proof) != proofLen {
		return nil, errors.Join(err, ErrWire)
	}
	m.asked.WithLabelValues("answered").Inc()
	return append(out, proof...), nil
}

// nonceFor is how long a nonce is remembered, nonceMost how many are.
const (
	nonceFor  = 600
	nonceMost = 1 << 16
)

// fresh notes a nonce, and reports whether it is new.
func (m *Member) fresh(nonce [nonceLen]byte, now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, seen := m.seen[nonce]; seen {
		return false
	}
	if len(m.seen) >= nonceMost {
		for n, at := range m.seen {
			if at < now.Unix()-nonceFor {
				delete(m.seen, n)
			}
		}
		if len(m.seen) >= nonceMost { // more in ten minutes than quotas allow of all members together
			return false
		}
	}
	m.seen[nonce] = now.Unix()
	return true
}

// memory is a Counter that forgets with the process.
type memory struct {
	mu  sync.Mutex
	day int64
	n   map[string]int
}

func (c *memory) Take(asker string, day int64, n, quota int) (bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if day != c.day || c.n == nil {
		c.day, c.n = day, map[string]int{}
	}
	if c.n[asker]+n > quota {
		return false, nil
	}
	c.n[asker] += n
	return true, nil
}
