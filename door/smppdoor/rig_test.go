package smppdoor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sekisho/sekisho/door/smppdoor/pending"
	"github.com/sekisho/sekisho/gate"
	"github.com/sekisho/sekisho/inspect"
	"github.com/sekisho/sekisho/message"
	"github.com/sekisho/sekisho/purpose"
	"github.com/sekisho/sekisho/record"
	"github.com/sekisho/sekisho/smpp"
	"github.com/sekisho/sekisho/smpp/smpptest"
)

// words inspects by words, so that a test says what is judged: LABEL, HOLD and BLOCK in a text.
type words struct{}

var (
	labelRule = &inspect.Rule{Name: "label", Phishing: 2.5, Why: [2]string{"says LABEL", "LABEL"}}
	holdRule  = &inspect.Rule{Name: "hold", Phishing: 4, Why: [2]string{"says HOLD", "HOLD"}}
	blockRule = &inspect.Rule{Name: "block", Phishing: 9, Why: [2]string{"says BLOCK", "BLOCK"}}
)

func (words) Inspect(_ purpose.Grant, m *message.Message, r *inspect.Report) bool {
	r.Reset()
	for word, rule := range map[string]*inspect.Rule{"LABEL": labelRule, "HOLD": holdRule, "BLOCK": blockRule} {
		if bytes.Contains(m.Text, []byte(word)) {
			r.Findings = append(r.Findings, inspect.Finding{Rule: rule, About: []byte(word)})
		}
	}
	return true
}

const policyText = `
mode = "enforce"
[purposes]
inspect = "terms"
[thresholds.a2p]
phishing = { label = 0.8, hold = 0.95, block = 0.99 }
[thresholds.p2p]
phishing = { label = 0.8, hold = 0.95, block = 0.99 }
`

type noPasswords struct{}

func (noPasswords) CheckPassword(_ context.Context, _, hash, password string, _ net.Addr) (bool, time.Duration) {
	return hash != "" && hash == password, 0
}

// memory keeps what is held in memory, and can fail.
type memory struct {
	mu   sync.Mutex
	held map[string]*Held
	sent map[string]bool // released
	owed map[string][]Owed
	n    int
	fail error
}

func newMemory() *memory {
	return &memory{held: map[string]*Held{}, sent: map[string]bool{}, owed: map[string][]Owed{}}
}

func (k *memory) Hold(_ context.Context, all []*Held) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.fail != nil {
		return k.fail
	}
	for _, h := range all {
		k.held[h.ID] = h
		if h.AtOnce != nil {
			k.n++
			k.owed[h.Account] = append(k.owed[h.Account], Owed{fmt.Sprint(k.n), h.AtOnce})
		}
	}
	return nil
}

func (k *memory) State(_ context.Context, account, id string) (smpp.State, time.Time, bool, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	h := k.held[id]
	return smpp.StateAccepted, time.Now(), h != nil && h.Account == account, nil
}

func (k *memory) Cancel(_ context.Context, account, id string) (bool, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	h := k.held[id]
	delete(k.held, id)
	return h != nil && h.Account == account, nil
}

func (k *memory) Take(_ context.Context, id string) (all []*Held, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	h := k.held[id]
	if h == nil || k.sent[id] {
		return nil, ErrNotHeld
	}
	for _, x := range k.held {
		if x.Group == h.Group {
			k.sent[x.ID] = true
			all = append(all, x)
		}
	}
	return all, nil
}

func (k *memory) Released(context.Context, string, smpp.Status) error { return nil }

func (k *memory) Expire(_ context.Context, now time.Time) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	for id, h := range k.held {
		if h.Outcome == message.Hold && now.After(h.Expires) {
			delete(k.held, id)
			k.n++
			k.owed[h.Account] = append(k.owed[h.Account], Owed{fmt.Sprint(k.n), h.OnExpiry})
		}
	}
	return nil
}

func (k *memory) Owe(_ context.Context, account string, pdu []byte) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.n++
	k.owed[account] = append(k.owed[account], Owed{fmt.Sprint(k.n), pdu})
	return nil
}

func (k *memory) Owed(_ context.Context, account string, _ int) ([]Owed, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return append([]Owed(nil), k.owed[account]...), nil
}

func (k *memory) Paid(_ context.Context, key string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	for a, all := range k.owed {
		for i := range all {
			if all[i].Key == key {
				k.owed[a] = append(all[:i:i], all[i+1:]...)
				return nil
			}
		}
	}
	return nil
}

// rig is a door between a pretend SMSC and pretend ESMEs.
type rig struct {
	t      *testing.T
	door   *Door
	smsc   *smpptest.SMSC
	keeper *memory
	mu     sync.Mutex
	got    []smpp.SM  // submits that the SMSC took
	other  []smpp.PDU // what else it was asked
	desk   *desk
}

// texts are the texts that the SMSC took.
func (r *rig) texts() (all []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range r.got {
		var b submission
		if err := b.read(smpp.SubmitSM, r.got[i].Append(nil), smpp.GSM7); err != nil {
			r.t.Error(err)
		}
		all = append(all, string(b.text))
	}
	return all
}

func (r *rig) asked() (all []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range r.other {
		all = append(all, p.Command.String())
	}
	return all
}

func newRig(t *testing.T, change func(*Config, *smpptest.SMSC)) *rig {
	t.Helper()
	r := &rig{t: t, keeper: newMemory(), desk: &desk{}, smsc: &smpptest.SMSC{Receipts: true, Prefix: "up"}}
	r.smsc.OnRequest = func(s *smpp.Session, p smpp.PDU) bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		p.Body = append([]byte(nil), p.Body...)
		switch p.Command {
		case smpp.SubmitSM:
			var m smpp.SM
			if err := m.Decode(p.Body); err != nil {
				t.Error(err)
			}
			r.got = append(r.got, m)
		case smpp.CancelSM, smpp.QuerySM, smpp.ReplaceSM, smpp.DataSM:
			r.other = append(r.other, p)
		}
		return false
	}
	cfg := Default()
	cfg.Listen, cfg.DataDir = "127.0.0.1:0", t.TempDir()
	cfg.Stopped.Receipts.Duration = 20 * time.Millisecond
	cfg.Accounts = []Account{{SystemID: "esme", Password: "secret", Sources: []string{"*"}, Numbers: []string{"0005123"}}}
	cfg.Upstreams = []Upstream{{Name: "smsc", SystemID: "us", Password: "pw", Binds: 2}}
	if change != nil {
		change(&cfg, r.smsc)
	}
	addr, err := r.smsc.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	for i := range cfg.Upstreams {
		if cfg.Upstreams[i].Address == "" {
			cfg.Upstreams[i].Address = addr
		}
	}
	policy := testPolicy(t)
	log := slog.New(slog.DiscardHandler)
	d, err := New(cfg, Parts{
		Gate: gate.New(gate.Config{Inspector: words{}, Policy: policy, Senders: 1000}), Keeper: r.keeper,
		Recorder: record.NewRecorder(nil), Passwords: noPasswords{}, Log: log, Metrics: prometheus.NewRegistry(), Service: r.desk,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Start(); err != nil {
		t.Fatal(err)
	}
	r.door = d
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := d.Shutdown(ctx); err != nil && !errors.Is(err, pending.ErrClosed) { // a test may have shut it
			t.Error(err)
		}
		r.smsc.Close()
	})
	r.eventually("binds to the SMSC", func() bool { b, w := d.Up(); return b == w })
	return r
}

func testPolicy(t testing.TB) *gate.Policy {
	t.Helper()
	path := t.TempDir() + "/policy.toml"
	if err := writeFile(path, policyText); err != nil {
		t.Fatal(err)
	}
	p, err := gate.ReadPolicy(path, 81, []*inspect.Rule{labelRule, holdRule, blockRule})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (r *rig) eventually(what string, ok func() bool) {
	r.t.Helper()
	for range 500 {
		if ok() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	r.t.Fatalf("never: %s", what)
}

// client is an ESME, and the receipts it was given.
type client struct {
	*smpptest.ESME
	r   *rig
	mu  sync.Mutex
	got []smpp.SM
	st  smpp.Status
}

func (r *rig) bind(command smpp.Command, window int) *client {
	r.t.Helper()
	c := &client{r: r}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	var err error
	c.ESME, err = smpptest.Bind(ctx, r.door.Addr().String(), command, "esme", "secret", smpp.Config{Window: window}, func(p smpp.PDU) smpp.Status {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.st == smpp.StatusOK {
			var m smpp.SM
			if err := m.Decode(append([]byte(nil), p.Body...)); err != nil {
				r.t.Error(err)
			}
			c.got = append(c.got, m)
		}
		return c.st
	})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(c.Close)
	return c
}

func (c *client) receipts() (all []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.got {
		var rc smpp.Receipt
		if rc.ReadReceipt(&c.got[i]) {
			all = append(all, string(rc.MessageID)+" "+rc.State.String())
		}
	}
	return all
}

func text(s string) *smpp.SM {
	m := &smpp.SM{
		Source: smpp.Addr{TON: 5, Digits: []byte("SHOP")}, Dest: smpp.Addr{TON: 1, NPI: 1, Digits: []byte("819012345678")},
		RegisteredDelivery: 1,
	}
	if smpp.Fits([]byte(s), smpp.GSM7) {
		m.ShortMessage, _ = smpp.AppendEncoded(nil, []byte(s), smpp.GSM7, smpp.Shift{})
	} else {
		m.DataCoding = 8
		m.ShortMessage, _ = smpp.AppendEncoded(nil, []byte(s), smpp.UCS2, smpp.Shift{})
	}
	return m
}

func (c *client) submit(m *smpp.SM) (smpp.Status, string) {
	c.r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	st, id, err := c.Submit(ctx, m)
	if err != nil {
		c.r.t.Fatal(err)
	}
	return st, id
}

func writeFile(path, text string) error { return os.WriteFile(path, []byte(text), 0o600) }
