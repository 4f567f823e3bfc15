package lookup

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cloudflare/circl/oprf"
	"pgregory.net/rapid"

	"github.com/sekisho/sekisho/indicator"
	"github.com/sekisho/sekisho/purpose"
	"github.com/sekisho/sekisho/share"
	"github.com/sekisho/sekisho/subject"
)

func numbers(t testing.TB, entries ...indicator.Entry) func(func(share.Item, error) bool) {
	t.Helper()
	policy := purpose.Policy{purpose.Share: purpose.LawfulBusiness}
	g, err := purpose.Ask(&policy, purpose.Share, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	return func(yield func(share.Item, error) bool) {
		for i, e := range entries {
			e.ID, e.Status, e.Confidence, e.TLP = fmt.Sprint(i), indicator.Active, 85, indicator.TLPAmber
			if item, err := share.Clear(g, e, share.Group{}); err == nil && !yield(item, nil) {
				return
			}
		}
	}
}

func fraud(number string) indicator.Entry {
	return indicator.Entry{Kind: indicator.Number, Value: number, Role: indicator.RoleFraud, Last: testNow.Add(-48 * time.Hour)}
}

var testNow = time.Date(2026, 4, 1, 9, 0, 0, 0, time.UTC)

// league is three members and a hub.
type league struct {
	t       *testing.T
	now     time.Time
	key     []byte
	members map[string]*Member
	wrong   map[string]int
	hub     *httptest.Server
	mu      sync.Mutex
	passed  bytes.Buffer // all octets that the hub saw
	lengths map[string]bool
	tamper  func([]byte) []byte // of answers
	peers   []Peer
}

func (l *league) clock() time.Time { l.mu.Lock(); defer l.mu.Unlock(); return l.now }

func newLeague(t *testing.T, quota int) *league {
	t.Helper()
	l := &league{t: t, now: testNow, key: bytes.Repeat([]byte("g"), 32), members: map[string]*Member{}, wrong: map[string]int{}, lengths: map[string]bool{}}
	addresses := map[string]string{}
	names := []string{"a", "b", "c"}
	secret := func(name string) []byte { return bytes.Repeat([]byte(name), 32) }
	for _, name := range names {
		m, err := NewMember(MemberConfig{Name: name, Secret: secret(name), GroupKey: l.key})
		if err != nil {
			t.Fatal(err)
		}
		l.peers = append(l.peers, m.Peer())
	}
	for _, name := range names {
		m, err := NewMember(MemberConfig{Name: name, Secret: secret(name), GroupKey: l.key, Peers: l.peers, Quota: quota, Now: l.clock, Wrong: func(from string, _ []byte) {
			l.mu.Lock()
			l.wrong[name+" by "+from]++
			l.mu.Unlock()
		}})
		if err != nil {
			t.Fatal(err)
		}
		l.members[name] = m
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			rec := httptest.NewRecorder()
			m.ServeHTTP(rec, r)
			body := rec.Body.Bytes()
			if l.tamper != nil && r.Method == http.MethodPost && rec.Code == http.StatusOK {
				body = l.tamper(body)
			}
			w.WriteHeader(rec.Code)
			w.Write(body)
		}))
		t.Cleanup(srv.Close)
		addresses[name] = srv.URL + "/lookup/"
	}
	h, err := NewHub(HubConfig{GroupKey: l.key, Members: addresses, Shuffle: time.Millisecond, Now: l.clock})
	if err != nil {
		t.Fatal(err)
	}
	l.hub = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, r)
		l.mu.Lock()
		fmt.Fprintf(&l.passed, "%s %s\n%s\n%s\n", r.Method, r.URL, body, rec.Body.Bytes())
		if r.Method == http.MethodPost {
			l.lengths[fmt.Sprint(len(body), " ", rec.Body.Len(), " ", rec.Code)] = true
		}
		l.mu.Unlock()
		w.WriteHeader(rec.Code)
		w.Write(rec.Body.Bytes())
	}))
	t.Cleanup(l.hub.Close)
	return l
}

func (l *league) asker(name string) *Asker {
	l.t.Helper()
	a, err := NewAsker(AskerConfig{Name: name, Sign: l.members[name].SignKey(), GroupKey: l.key, Peers: l.peers, Hub: l.hub.URL, Now: l.clock})
	if err != nil {
		l.t.Fatal(err)
	}
	return a
}

func line(t testing.TB, s string) subject.Line {
	t.Helper()
	l, err := subject.ParseLine(s)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// Members answer about numbers and ranges; the hub sees neither numbers nor values, and blobs of one length.
func TestLookup(t *testing.T) {
	l := newLeague(t, 0)
	if err := l.members["b"].Set(numbers(t, fraud("+819011112222"), indicator.Entry{Kind: indicator.Range, Value: "+8190555*", Role: indicator.RoleFraud, Last: testNow},
		indicator.Entry{Kind: indicator.Number, Value: "+819099999999", Role: indicator.RoleVictim})); err != nil {
		t.Fatal(err)
	}
	if err := l.members["c"].Set(numbers(t, fraud("+819011112222"), fraud("+819033334444"))); err != nil {
		t.Fatal(err)
	}
	a := l.asker("a")
	got, err := a.Ask(t.Context(), line(t, "+819011112222"), line(t, "+819033334444"), line(t, "+819055512345"), line(t, "+819099999999"), line(t, "+819012345678"))
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	for _, answers := range got {
		s := ""
		for _, x := range answers {
			if x.Known {
				s += fmt.Sprintf("%s:%s:%d:%d:%v ", x.Member, x.Role, x.Confidence, x.Age, x.Range)
			}
		}
		said = append(said, strings.TrimSpace(s))
	}
	want := []string{"b:fraud:80:2:false c:fraud:80:2:false", "c:fraud:80:2:false", "b:fraud:80:0:true", "", ""}
	if fmt.Sprint(said) != fmt.Sprint(want) {
		t.Errorf("%q\nnot\n%q", said, want)
	}
	if err := a.Wrong(t.Context(), got[0]...); err != nil {
		t.Fatal(err)
	}
	if l.wrong["b by a"] != 1 || l.wrong["c by a"] != 1 {
		t.Error(l.wrong)
	}
	if len(l.lengths) != 1 {
		t.Errorf("lengths that the hub saw: %v", l.lengths)
	}
	seen := l.passed.Bytes()
	for _, n := range []string{"819011112222", "819033334444", "819055512345", "819012345678", "n:+81", "r:+81"} {
		sum := sha256.Sum256([]byte("+" + n))
		for how, needle := range map[string]string{"as it is": n, "in hexadecimal": hex.EncodeToString([]byte(n)), "hashed": hex.EncodeToString(sum[:]), "hashed, raw": string(sum[:])} {
			if bytes.Contains(seen, []byte(needle)) {
				t.Errorf("the hub saw %s %s", n, how)
			}
		}
	}
	for _, x := range []string{"b", "c"} {
		e, err := l.members[x].epochAt(EpochOf(testNow, DefaultEpoch))
		if err != nil {
			t.Fatal(err)
		}
		out, err := e.server.FullEvaluate([]byte("n:+819011112222"))
		if err != nil || bytes.Contains(seen, out[:16]) {
			t.Error("the hub saw a value", err)
		}
	}
	// Names change with the epoch, and questions go on.
	before := Pseudonym(l.key, EpochOf(l.now, DefaultEpoch), "b")
	l.mu.Lock()
	l.now = l.now.Add(DefaultEpoch)
	l.mu.Unlock()
	if Pseudonym(l.key, EpochOf(l.now, DefaultEpoch), "b") == before {
		t.Error("the same pseudonym in two epochs")
	}
	if got, err := a.Ask(t.Context(), line(t, "+819033334444")); err != nil || len(got[0]) != 2 || !got[0][1].Known {
		t.Errorf("%+v %v", got, err)
	}
	if _, err := a.Ask(t.Context()); err == nil {
		t.Error("no numbers")
	}
}

// The quota holds over all numbers, and what is tampered with, replayed, from nobody or in another's name is thrown away.
func TestCheats(t *testing.T) {
	l := newLeague(t, 3*batch)
	if err := l.members["b"].Set(numbers(t, fraud("+819011112222"))); err != nil {
		t.Fatal(err)
	}
	a := l.asker("a")
	ask := func() error {
		t.Helper()
		got, err := a.Ask(t.Context(), line(t, "+819011112222"))
		if err == nil && (len(got[0]) != 2 || !got[0][0].Known) {
			t.Errorf("%+v", got)
		}
		return err
	}
	if err := ask(); err != nil {
		t.Fatal(err)
	}
	l.tamper = func(b []byte) []byte {
		b = bytes.Clone(b)
		b[len(b)/2] ^= 1
		return b
	}
	if err := ask(); !errors.Is(err, ErrWire) {
		t.Errorf("an answer that was changed on its way: %v", err)
	}
	l.tamper = nil
	if err := ask(); err != nil {
		t.Fatal(err)
	}
	if err := ask(); !errors.Is(err, ErrQuota) {
		t.Errorf("beyond the quota: %v", err)
	}
	l.now = l.now.Add(24 * time.Hour)
	if err := ask(); err != nil {
		t.Errorf("the next day: %v", err)
	}
	// A member that evaluates by another key than it published.
	l.now = l.now.Add(24 * time.Hour)
	e, err := l.members["b"].epochAt(EpochOf(l.now, DefaultEpoch))
	if err != nil {
		t.Fatal(err)
	}
	right := e.server
	other, _ := oprf.GenerateKey(suite, rand.Reader)
	e.server = oprf.NewVerifiableServer(suite, other)
	if err := ask(); !errors.Is(err, ErrProof) || !strings.Contains(err.Error(), "b:") {
		t.Errorf("another key: %v", err)
	}
	e.server = right
	// A table that somebody else signed.
	_, key, _ := ed25519.GenerateKey(rand.Reader)
	forged, err := NewAsker(AskerConfig{Name: "a", Sign: key, GroupKey: l.key, Peers: []Peer{{"b", key.Public().(ed25519.PublicKey)}}, Hub: l.hub.URL, Now: l.clock})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := forged.Ask(t.Context(), line(t, "+819011112222")); err == nil || !strings.Contains(err.Error(), "not signed") {
		t.Error(err)
	}
	// Who asks in another's name is refused, and a request answers once.
	thief := l.asker("a")
	thief.c.Sign = key
	if _, err := thief.Ask(t.Context(), line(t, "+819011112222")); err == nil {
		t.Error("in another's name")
	}
	tab, err := a.table(t.Context(), l.peers[1])
	if err != nil {
		t.Fatal(err)
	}
	q := request{kind: kindEvaluate, epoch: tab.Epoch, asker: Pseudonym(l.key, tab.Epoch, "a"), member: Pseudonym(l.key, tab.Epoch, "b")}
	_, req, _ := oprf.NewVerifiableClient(suite, tab.publicKey()).Blind(make([][]byte, batch))
	q.elements, _ = appendElements(nil, req.Elements)
	plain := q.body()
	sealed, _, err := sealTo(tab.HPKE, append(plain, ed25519.Sign(a.c.Sign, plain)...))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.members["b"].Answer(sealed); err != nil {
		t.Fatal(err)
	}
	if _, err := l.members["b"].Answer(sealed); err == nil {
		t.Error("the same request was answered twice")
	}
	// What is no request costs nothing.
	for _, b := range [][]byte{nil, make([]byte, sealedLen), make([]byte, 1<<20)} {
		resp, err := http.Post(l.hub.URL+fmt.Sprintf("/ask/%x", q.member), "", bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			t.Errorf("%d octets were answered", len(b))
		}
	}
	for _, path := range []string{"/ask/00", "/table/" + strings.Repeat("0", 32), "/"} {
		resp, err := http.Get(l.hub.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			t.Error(path)
		}
	}
}

// Whatever a table holds, it is found, and nothing else is; its length tells nothing but a power of two.
func TestTable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 60).Draw(t, "n")
		var rows [][rowLen]byte
		var outs [][]byte
		for i := range n {
			out := sha256.Sum256([]byte{byte(i)})
			outs = append(outs, out[:])
			rows = append(rows, row(out[:], Verdict{Role: indicator.RoleFraud, Confidence: uint8(i), Age: 3}))
		}
		packed, err := pack(rows)
		if err != nil || len(packed) != minRows*rowLen {
			t.Fatal(len(packed), err)
		}
		tab := Table{Rows: packed}
		for i, out := range outs {
			if v, ok := tab.find(out); !ok || v.Confidence != uint8(i) || v.Role != indicator.RoleFraud {
				t.Fatalf("%d: %+v %v", i, v, ok)
			}
		}
		other := sha256.Sum256([]byte("other"))
		if _, ok := tab.find(other[:]); ok {
			t.Fatal("found what is not there")
		}
	})
}

func TestRanges(t *testing.T) {
	for value, want := range map[string]int{"+8190123*": 1, "+819012345*": 1, "+819012*": 10, "+81901*": 100, "+81901234567*": 10, "+4477*": 1, "+819*": 10000, "+81*": 0, "+8190123-+8190124": 0} {
		var got int
		for i := range numbers(t, indicator.Entry{Kind: indicator.Range, Value: value, Role: indicator.RoleFraud}) {
			got = len(tableInputs(i))
		}
		if got != want {
			t.Errorf("%s stands in a table as %d, not %d", value, got, want)
		}
	}
}

func FuzzRequest(f *testing.F) {
	m, err := NewMember(MemberConfig{Name: "a", Secret: bytes.Repeat([]byte("s"), 32), GroupKey: bytes.Repeat([]byte("g"), 32), Now: func() time.Time { return testNow }})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(make([]byte, sealedLen))
	f.Add(make([]byte, requestLen))
	f.Fuzz(func(t *testing.T, b []byte) {
		m.Answer(b)
		if q, err := readRequest(b); err == nil {
			readElements(q.elements)
		}
		ReadTable(b, m.Peer())
	})
}

// BenchmarkMember is one member's key on all processors, asker elsewhere: requests are made beforehand. Compare BenchmarkSuites, the library's limit, in the same run.
func BenchmarkMember(b *testing.B) {
	secret, group := bytes.Repeat([]byte("s"), 32), bytes.Repeat([]byte("g"), 32)
	asker, err := NewMember(MemberConfig{Name: "a", Secret: bytes.Repeat([]byte("a"), 32), GroupKey: group})
	if err != nil {
		b.Fatal(err)
	}
	m, err := NewMember(MemberConfig{Name: "b", Secret: secret, GroupKey: group, Peers: []Peer{asker.Peer()}, Quota: 1 << 40, Now: func() time.Time { return testNow }})
	if err != nil {
		b.Fatal(err)
	}
	e, err := m.epochAt(EpochOf(testNow, DefaultEpoch))
	if err != nil {
		b.Fatal(err)
	}
	tab, err := ReadTable(e.table, m.Peer())
	if err != nil {
		b.Fatal(err)
	}
	sealed := make([][]byte, b.N)
	in := make([][]byte, batch)
	for i := range in {
		in[i] = fmt.Appendf(nil, "n:+8190%08d", i)
	}
	_, req, err := oprf.NewVerifiableClient(suite, tab.publicKey()).Blind(in)
	if err != nil {
		b.Fatal(err)
	}
	elements, _ := appendElements(nil, req.Elements)
	for i := range sealed {
		q := request{kind: kindEvaluate, epoch: tab.Epoch, asker: Pseudonym(group, tab.Epoch, "a"), member: Pseudonym(group, tab.Epoch, "b"), elements: elements}
		rand.Read(q.nonce[:])
		plain := q.body()
		if sealed[i], _, err = sealTo(tab.HPKE, append(plain, ed25519.Sign(asker.SignKey(), plain)...)); err != nil {
			b.Fatal(err)
		}
	}
	next := make(chan []byte, b.N)
	for _, s := range sealed {
		next <- s
	}
	close(next)
	b.ResetTimer()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			if _, err := m.Answer(<-next); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N*batch)/b.Elapsed().Seconds(), "elements/s")
}
