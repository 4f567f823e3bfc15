package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sekisho/sekisho/auth"
	"github.com/sekisho/sekisho/door/smppdoor"
	"github.com/sekisho/sekisho/message"
	"github.com/sekisho/sekisho/smpp"
	"github.com/sekisho/sekisho/smpp/smpptest"
)

// The interop tests speak SMPP with an implementation that is not ours, the smpp package of npm: once as the ESME and
// once as the SMSC, with the whole program between it and our own other side. See test/npm.

// interopPolicy makes verdicts that no retrained model changes: a listed host is certain, a2p fraud is held, and
// of what comes from abroad fraud is labelled.
const interopPolicy = `
mode = "enforce"
[purposes]
inspect = "terms"
[thresholds.a2p]
phishing = { hold = 0.95 }
[thresholds.intl]
phishing = { label = 0.95 }
[certain]
outcome = "block"
[unreadable]
undecodable = "deliver"
ambiguous = "deliver"
`

const doubtful = "【ヤマト運輸】お荷物をお届けしましたが不在の為持ち帰りました。 http://yamato-kk.duckdns.org/ ご確認ください"

// interopProgram is the whole program between an SMSC and an account "npm" with the password "secret".
func interopProgram(t *testing.T, smsc string, route message.Route) *program {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "policy.toml"), interopPolicy)
	write(t, filepath.Join(dir, "bad.txt"), "known-bad.example\n")
	hash, err := auth.HashPassword("secret")
	if err != nil {
		t.Fatal(err)
	}
	cfg := defaultConfig()
	cfg.Data, cfg.Policy = filepath.Join(dir, "data"), filepath.Join(dir, "policy.toml")
	cfg.Console.Listen, cfg.SMPP.Listen = "127.0.0.1:0", "127.0.0.1:0"
	cfg.Indicators = []IndicatorFile{{Path: filepath.Join(dir, "bad.txt"), Source: "test"}}
	cfg.SMPP.Session.EnquireLink.Duration = 300 * time.Millisecond
	cfg.SMPP.Stopped.Receipts.Duration = 100 * time.Millisecond
	cfg.SMPP.Upstreams = []smppdoor.Upstream{{Name: "smsc", Address: smsc, SystemID: "sekisho", Password: "try", Binds: 2}}
	cfg.SMPP.Accounts = []smppdoor.Account{{SystemID: "npm", Password: hash, Sources: []string{"*"}, Numbers: []string{"0005123"},
		Window: 50, Route: route}}
	if err := cfg.check(); err != nil {
		t.Fatal(err)
	}
	p, err := startProgram(t.Context(), cfg, "", slog.New(slog.NewTextHandler(t.Output(), nil)), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := p.stop(ctx); err != nil {
			t.Error(err)
		}
	})
	eventually(t, "binds to the SMSC", func() bool { bound, wanted := p.smpp.Up(); return bound == wanted })
	return p
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(15 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("never: %s", what)
}

// nodeEvent is a line that a script of test/npm prints.
type nodeEvent struct {
	Event    string
	ID       string
	Port     int
	Receipts int
	Status   int
	Text     string
	From, To string
	UDH      string
}

// node is a running script of test/npm.
type node struct {
	cmd    *exec.Cmd
	stdin  io.Closer
	events *bufio.Scanner
	stderr strings.Builder
}

// startNode starts a script, or skips the test where the package it needs is not there.
func startNode(t *testing.T, script string, args ...string) *node {
	t.Helper()
	folder := os.Getenv("SEKISHO_TEST_NPM")
	if folder == "" {
		t.Skip("SEKISHO_TEST_NPM names no folder; see test/npm/README.md")
	}
	folder, err := filepath.Abs(folder)
	if err != nil {
		t.Fatal(err)
	}
	n := &node{cmd: exec.CommandContext(t.Context(), "node", append([]string{filepath.Join("test", "npm", script)}, args...)...)}
	n.cmd.Env = append(os.Environ(), "SEKISHO_TEST_NPM="+folder)
	n.cmd.Stderr = &n.stderr
	out, err := n.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if n.stdin, err = n.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := n.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	n.events = bufio.NewScanner(out)
	return n
}

// next gives the next event; ok is false at the end of them.
func (n *node) next(t *testing.T) (e nodeEvent, ok bool) {
	t.Helper()
	if !n.events.Scan() {
		return e, false
	}
	if err := json.Unmarshal(n.events.Bytes(), &e); err != nil {
		t.Fatalf("%q: %v", n.events.Text(), err)
	}
	return e, true
}

// seen are the texts that an SMSC was given, whole.
type seen struct {
	mu    sync.Mutex
	texts []string
	parts map[string][][]byte // of long ones that are not whole yet
	asked []string            // what else it was asked
}

func (s *seen) request(t *testing.T, p smpp.PDU) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var m smpp.SM
	switch p.Command {
	case smpp.SubmitSM:
		if err := m.Decode(slices.Clone(p.Body)); err != nil {
			t.Error(err)
		}
	case smpp.DataSM:
		var d smpp.DataBody
		if err := d.Decode(slices.Clone(p.Body)); err != nil {
			t.Error(err)
		}
		m = smpp.SM{Dest: d.Dest, ESMClass: d.ESMClass, DataCoding: d.DataCoding, TLVs: d.TLVs}
	case smpp.QuerySM, smpp.CancelSM, smpp.ReplaceSM:
		s.asked = append(s.asked, p.Command.String())
		return
	default:
		return
	}
	user, both := m.UserData()
	if both {
		t.Error("a text in two places")
	}
	var c smpp.Concat
	if m.ESMClass&smpp.ESMUDHI != 0 {
		h, rest, err := smpp.ParseUDH(user)
		if err != nil {
			t.Error(err)
		}
		c, user = h.Concat, rest
	} else if ref, ok := m.TLVs.Uint(smpp.TagSarMsgRefNum); ok {
		total, _ := m.TLVs.Uint(smpp.TagSarTotalSegments)
		seq, _ := m.TLVs.Uint(smpp.TagSarSegmentSeqnum)
		c = smpp.Concat{Present: true, Ref: uint16(ref), Total: uint8(total), Seq: uint8(seq)}
	}
	if c.Present {
		key := fmt.Sprintf("%s %d/%d", m.Dest.Digits, c.Ref, c.Total)
		if s.parts[key] == nil {
			s.parts[key] = make([][]byte, c.Total)
		}
		s.parts[key][c.Seq-1] = user
		if slices.ContainsFunc(s.parts[key], func(b []byte) bool { return b == nil }) {
			return
		}
		user = slices.Concat(s.parts[key]...)
		delete(s.parts, key)
	}
	// npm's package writes GSM-7 under data_coding 1.
	alphabet := map[byte]smpp.Alphabet{0: smpp.GSM7, 1: smpp.GSM7, 3: smpp.Latin1, 8: smpp.UCS2}[m.DataCoding]
	text, issues := smpp.AppendText(nil, user, alphabet, smpp.Shift{})
	if issues != 0 {
		t.Errorf("%q: %v", text, issues)
	}
	s.texts = append(s.texts, string(text))
}

func TestInteropESME(t *testing.T) {
	if os.Getenv("SEKISHO_TEST_NPM") == "" {
		t.Skip("SEKISHO_TEST_NPM names no folder; see test/npm/README.md")
	}
	got := &seen{parts: map[string][][]byte{}}
	smsc := &smpptest.SMSC{Receipts: true, ReceiptAfter: 20 * time.Millisecond, Prefix: "up",
		OnRequest: func(_ *smpp.Session, p smpp.PDU) bool { got.request(t, p); return false }}
	addr, err := smsc.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(smsc.Close)
	p := interopProgram(t, addr, message.A2P)
	_, port, _ := strings.Cut(p.smpp.Addr().String(), ":")
	n := startNode(t, "esme.js", port)
	done := nodeEvent{}
	for e, ok := n.next(t); ok; e, ok = n.next(t) {
		switch e.Event {
		case "held":
			st, err := p.smpp.Release(t.Context(), e.ID)
			if err != nil || st != smpp.StatusOK {
				t.Errorf("release: %v %v", st, err)
			}
		case "listening":
			m := smpp.SM{Source: smpp.Addr{TON: 1, NPI: 1, Digits: []byte("819012345678")}, Dest: smpp.Addr{Digits: []byte("0005123")}, DataCoding: 8}
			m.ShortMessage, _ = smpp.AppendEncoded(nil, []byte("了解です👍"), smpp.UCS2, smpp.Shift{})
			if st, err := smsc.Deliver(t.Context(), &m); err != nil || st != smpp.StatusOK {
				t.Errorf("deliver: %v %v", st, err)
			}
		case "done":
			done = e
		}
	}
	if err := n.cmd.Wait(); err != nil || done.Event == "" {
		t.Fatalf("esme.js: %v\n%s", err, n.stderr.String())
	}
	t.Logf("%d receipts came", done.Receipts)
	got.compare(t)
}

// compare holds what the SMSC saw to what esme.js sends.
func (s *seen) compare(t *testing.T) {
	t.Helper()
	b, err := os.ReadFile("test/npm/texts.json")
	if err != nil {
		t.Fatal(err)
	}
	var texts []struct{ Name, Text string }
	if err := json.Unmarshal(b, &texts); err != nil {
		t.Fatal(err)
	}
	want := map[string]int{doubtful: 1, "The bus leaves at six.": 3}
	for _, x := range texts {
		want[x.Text] = 1
	}
	for i := range 300 {
		want[fmt.Sprintf("Number %d is ready at the counter.", i)] = 1
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, x := range s.texts {
		if want[x]--; want[x] < 0 {
			t.Errorf("the SMSC was given %q, or once too often", x)
		}
	}
	for x, n := range want {
		if n > 0 {
			t.Errorf("the SMSC was not given %q", x)
		}
	}
	if len(s.parts) != 1 { // the blocked one's first
		t.Errorf("%d texts are not whole", len(s.parts))
	}
	// The blocked one's first part is taken back; then what esme.js asks.
	if got := strings.Join(s.asked, " "); got != "cancel_sm query_sm replace_sm cancel_sm" {
		t.Errorf("the SMSC was asked %s", got)
	}
}

func TestInteropSMSC(t *testing.T) {
	n := startNode(t, "smsc.js")
	first, _ := n.next(t)
	if first.Event != "port" {
		t.Fatalf("%+v %s", first, n.stderr.String())
	}
	var mu sync.Mutex
	var all []nodeEvent
	count := func(event string) (c int) {
		mu.Lock()
		defer mu.Unlock()
		for _, e := range all {
			if e.Event == event {
				c++
			}
		}
		return c
	}
	var reading sync.WaitGroup
	reading.Go(func() {
		for e, ok := n.next(t); ok; e, ok = n.next(t) {
			mu.Lock()
			all = append(all, e)
			mu.Unlock()
		}
	})
	t.Run("between", func(t *testing.T) { // ends with the program, so that its unbind is among the events
		p := interopProgram(t, fmt.Sprintf("127.0.0.1:%d", first.Port), message.Intl)
		sendThrough(t, p)
		eventually(t, "links are checked", func() bool { return count("enquire_link") >= 2 })
	})
	eventually(t, "both binds are ended by unbind", func() bool { return count("unbind") == 2 })
	n.stdin.Close()
	reading.Wait()
	if err := n.cmd.Wait(); err != nil {
		t.Errorf("smsc.js: %v\n%s", err, n.stderr.String())
	}
	var texts []string
	for _, e := range all {
		switch e.Event {
		case "text":
			texts = append(texts, e.Text)
		case "error":
			t.Error(e.Text)
		case "answered":
			if e.Status != 0 {
				t.Errorf("a receipt was answered with %#x", e.Status)
			}
		}
	}
	label := smppdoor.Default().Label.Texts
	want := []string{"Lunch was 12 € [with tax] ~ {two} | ^_^ \\o/", "明日は𩸽と🎂です", strings.Repeat("あ", 67), strings.Repeat("い", 33), "no such number",
		label[0] + doubtful}
	got := slices.Clone(texts[:min(5, len(texts))])
	if len(texts) > 5 { // a labelled text became several
		got = append(got, strings.Join(texts[5:], ""))
	}
	if !slices.Equal(got, want) {
		t.Errorf("the SMSC read %q, want %q", got, want)
	}
}

// sendThrough sends texts to an SMSC that is not ours, one by one, and waits for their receipts.
func sendThrough(t *testing.T, p *program) {
	var mu sync.Mutex
	receipts := map[string]string{}
	e, err := smpptest.Bind(t.Context(), p.smpp.Addr().String(), smpp.BindTransceiver, "npm", "secret", smpp.Config{}, func(p smpp.PDU) smpp.Status {
		var m smpp.SM
		var r smpp.Receipt
		if err := m.Decode(slices.Clone(p.Body)); err != nil || !r.ReadReceipt(&m) {
			t.Errorf("no receipt: %v", err)
		}
		mu.Lock()
		defer mu.Unlock()
		receipts[string(r.MessageID)] += r.State.String()
		return smpp.StatusOK
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	m := smpp.SM{Source: smpp.Addr{TON: 5, Digits: []byte("SHOP")}, Dest: smpp.Addr{TON: 1, NPI: 1, Digits: []byte("819012345678")}, RegisteredDelivery: 1}
	submit := func(text string, alphabet smpp.Alphabet, want smpp.Status) {
		m.DataCoding = map[smpp.Alphabet]byte{smpp.GSM7: 0, smpp.UCS2: 8}[alphabet]
		parts, err := smpp.Split([]byte(text), alphabet, 7, false)
		if err != nil {
			t.Fatal(err)
		}
		m.ESMClass = 0
		if len(parts) > 1 {
			m.ESMClass = smpp.ESMUDHI
		}
		for _, m.ShortMessage = range parts {
			st, id, err := e.Submit(t.Context(), &m)
			if err != nil || st != want {
				t.Fatalf("%q: %v %v", text, st, err)
			}
			if st == smpp.StatusOK {
				eventually(t, "the receipt of "+id, func() bool { mu.Lock(); defer mu.Unlock(); return receipts[id] == "DELIVRD" })
			}
		}
	}
	submit("Lunch was 12 € [with tax] ~ {two} | ^_^ \\o/", smpp.GSM7, smpp.StatusOK)
	submit("明日は𩸽と🎂です", smpp.UCS2, smpp.StatusOK)
	submit(strings.Repeat("あ", 67)+strings.Repeat("い", 33), smpp.UCS2, smpp.StatusOK)
	m.Dest.Digits = []byte("819000000000")
	submit("no such number", smpp.GSM7, smpp.StatusInvDstAdr)
	m.Dest.Digits = []byte("819012345678")
	submit(doubtful, smpp.UCS2, smpp.StatusOK) // with the label it has no room in one
}
