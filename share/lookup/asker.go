package lookup

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/cloudflare/circl/group"
	"github.com/cloudflare/circl/oprf"
	"github.com/cloudflare/circl/zk/dleq"

	"github.com/sekisho/sekisho/subject"
)

// AskerConfig is what an asker is made of.
type AskerConfig struct {
	Name     string
	Sign     ed25519.PrivateKey // whose public half the members know
	GroupKey []byte
	Peers    []Peer        // who is asked
	Hub      string        // its address
	Client   *http.Client  // nil: one of ten seconds
	Epoch    time.Duration // DefaultEpoch where 0
	Now      func() time.Time
}

// Asker asks members about numbers, through the hub. It is for many goroutines.
type Asker struct {
	c AskerConfig

	mu     sync.Mutex
	tables map[string]*Table
}

// NewAsker makes an asker.
func NewAsker(c AskerConfig) (*Asker, error) {
	if len(c.Sign) != ed25519.PrivateKeySize || len(c.GroupKey) < 32 || c.Name == "" || c.Hub == "" {
		return nil, errors.New("lookup: an asker has a name, a key, the group's key and a hub")
	}
	if c.Epoch <= 0 {
		c.Epoch = DefaultEpoch
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Client == nil {
		c.Client = &http.Client{Timeout: 10 * time.Second}
	}
	c.Hub = strings.TrimSuffix(c.Hub, "/")
	return &Asker{c: c, tables: map[string]*Table{}}, nil
}

// Numbers is how many numbers one question has room for.
const Numbers = batch / perNumber

// Ask asks all members about up to Numbers numbers. Members that cannot be asked are left out, and named in the error beside the answers of the others.
func (a *Asker) Ask(ctx context.Context, lines ...subject.Line) ([][]Answer, error) {
	if len(lines) == 0 || len(lines) > Numbers {
		return nil, fmt.Errorf("lookup: from one to %d numbers at once", Numbers)
	}
	out := make([][]Answer, len(lines))
	var errs error
	for _, p := range a.c.Peers {
		if p.Name == a.c.Name {
			continue
		}
		got, err := a.askOne(ctx, p, lines)
		if errors.Is(err, ErrEpoch) { // its table is of the epoch before
			a.forget(p.Name)
			got, err = a.askOne(ctx, p, lines)
		}
		if err != nil {
			errs = errors.Join(errs, fmt.Errorf("%s: %w", p.Name, err))
			continue
		}
		for i := range lines {
			out[i] = append(out[i], got[i])
		}
	}
	return out, errs
}

func (a *Asker) forget(member string) {
	a.mu.Lock()
	delete(a.tables, member)
	a.mu.Unlock()
}

// table is a member's, fetched once an epoch, or when Refresh was called.
func (a *Asker) table(ctx context.Context, p Peer) (*Table, error) {
	epoch := EpochOf(a.c.Now(), a.c.Epoch)
	a.mu.Lock()
	t := a.tables[p.Name]
	a.mu.Unlock()
	if t != nil && t.Epoch == epoch {
		return t, nil
	}
	name := Pseudonym(a.c.GroupKey, epoch, p.Name)
	body, err := a.do(ctx, http.MethodGet, fmt.Sprintf("/table/%x", name), nil, maxRows*rowLen*2)
	if err != nil {
		return nil, err
	}
	if t, err = ReadTable(body, p); err != nil {
		return nil, err
	}
	if t.Epoch != epoch {
		return nil, ErrEpoch
	}
	a.mu.Lock()
	a.tables[p.Name] = t
	a.mu.Unlock()
	return t, nil
}

// Refresh forgets all tables, so that the next question finds what members have learnt since.
func (a *Asker) Refresh() {
	a.mu.Lock()
	clear(a.tables)
	a.mu.Unlock()
}

func (a *Asker) do(ctx context.Context, method, path string, body []byte, most int64) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, a.c.Hub+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	resp, err := a.c.Client.Do(r)
	if err != nil {
		return nil, errors.New("lookup: the hub cannot be asked")
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("lookup: the hub answered %d", resp.StatusCode)
	}
	out, err := io.ReadAll(io.LimitReader(resp.Body, most+1))
	if err != nil || int64(len(out)) > most {
		return nil, ErrWire
	}
	return out, nil
}

func (a *Asker) askOne(ctx context.Context, p Peer, lines []subject.Line) ([]Answer, error) {
	t, err := a.table(ctx, p)
	if err != nil {
		return nil, err
	}
	in := make([][]byte, 0, batch)
	for _, l := range lines {
		for _, x := range inputs(l) {
			in = append(in, x)
		}
	}
	for len(in) < batch { // so that nobody sees how many are asked about
		pad := make([]byte, 16)
		rand.Read(pad)
		in = append(in, append([]byte("p:"), pad...))
	}
	client := oprf.NewVerifiableClient(suite, t.publicKey())
	state, req, err := client.Blind(in)
	if err != nil {
		return nil, err
	}
	elements, err := appendElements(nil, req.Elements)
	if err != nil {
		return nil, err
	}
	answer, err := a.send(ctx, t, p, kindEvaluate, elements)
	if err != nil {
		return nil, err
	}
	evaluated, err := readElements(answer[2 : 2+batch*elementLen])
	if err != nil {
		return nil, err
	}
	proof := new(dleq.Proof)
	if proof.UnmarshalBinary(group.P256, answer[2+batch*elementLen:]) != nil {
		return nil, ErrProof
	}
	outputs, err := client.Finalize(state, &oprf.Evaluation{Elements: evaluated, Proof: proof})
	if err != nil {
		return nil, ErrProof
	}
	all := make([]Answer, len(lines))
	for i := range lines {
		all[i].Member = p.Name
		for j := range perNumber { // the number itself first, then the narrowest range
			o := outputs[i*perNumber+j]
			if v, ok := t.find(o); ok {
				v.Range = j > 0
				all[i].Known, all[i].Verdict, all[i].output = true, v, derive(o, "tag")[:tagLen]
				break
			}
		}
	}
	return all, nil
}

// send seals a request, has it relayed, and opens the answer.
func (a *Asker) send(ctx context.Context, t *Table, p Peer, kind byte, elements []byte) ([]byte, error) {
	q := request{kind: kind, epoch: t.Epoch, asker: Pseudonym(a.c.GroupKey, t.Epoch, a.c.Name), member: Pseudonym(a.c.GroupKey, t.Epoch, p.Name), elements: elements}
	rand.Read(q.nonce[:])
	plain := q.body()
	plain = append(plain, ed25519.Sign(a.c.Sign, plain)...)
	sealed, back, err := sealTo(t.HPKE, plain)
	if err != nil {
		return nil, err
	}
	got, err := a.do(ctx, http.MethodPost, fmt.Sprintf("/ask/%x", q.member), sealed, answeredLen)
	if err != nil {
		return nil, err
	}
	answer, err := back.Open(nil, zeroNonce[:], got, nil)
	if err != nil || len(answer) != answerLen || answer[0] != version {
		return nil, ErrWire
	}
	switch answer[1] {
	case statusOK:
		return answer, nil
	case statusQuota:
		return nil, ErrQuota
	}
	return nil, ErrWire
}

// Wrong tells a member that what it said was wrong. It learns what it was about by the value that it published itself, and no number.
func (a *Asker) Wrong(ctx context.Context, answers ...Answer) error {
	for _, x := range answers {
		if !x.Known || x.output == nil {
			continue
		}
		for _, p := range a.c.Peers {
			if p.Name != x.Member {
				continue
			}
			t, err := a.table(ctx, p)
			if err != nil {
				return err
			}
			elements := make([]byte, batch*elementLen)
			rand.Read(elements)
			for i := range batch {
				elements[i*elementLen] = 0
			}
			elements[0] = 1
			copy(elements[1:], x.output)
			if _, err := a.send(ctx, t, p, kindWrong, elements); err != nil {
				return err
			}
		}
	}
	return nil
}
