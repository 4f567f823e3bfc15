package smppdoor

import (
	"bytes"
	"context"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sekisho/sekisho/message"
	"github.com/sekisho/sekisho/smpp"
	"github.com/sekisho/sekisho/smpp/smpptest"
)

// raw is an ESME that sees every PDU as it comes: a session of ours would pass over a second answer.
type raw struct {
	t    *testing.T
	conn net.Conn
	mu   sync.Mutex
	got  []smpp.PDU
	gone bool
}

func (r *rig) raw() *raw {
	r.t.Helper()
	conn, err := net.Dial("tcp", r.door.Addr().String())
	if err != nil {
		r.t.Fatal(err)
	}
	c := &raw{t: r.t, conn: conn}
	r.t.Cleanup(func() { conn.Close() })
	go c.read()
	b := smpp.Bind{SystemID: []byte("esme"), Password: []byte("secret"), InterfaceVersion: 0x34}
	c.send(smpp.BindTransceiver, 1, b.Append(nil))
	c.want(smpp.BindTransceiverResp, 1, smpp.StatusOK)
	return c
}

func (c *raw) read() {
	var buf []byte
	chunk := make([]byte, 32<<10)
	for {
		n, err := c.conn.Read(chunk)
		buf = append(buf, chunk[:n]...)
		c.mu.Lock()
		for {
			p, size, ferr := smpp.Frame(buf, smpp.DefaultMaxPDU)
			if ferr != nil {
				break
			}
			p.Body = bytes.Clone(p.Body)
			c.got, buf = append(c.got, p), buf[size:]
		}
		c.gone = err != nil
		c.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (c *raw) send(command smpp.Command, seq uint32, body []byte) {
	c.t.Helper()
	if _, err := c.conn.Write(smpp.PDU{Command: command, Sequence: seq, Body: body}.Append(nil)); err != nil {
		c.t.Fatal(err)
	}
}

func (c *raw) submit(seq uint32, s string) {
	c.t.Helper()
	c.send(smpp.SubmitSM, seq, text(s).Append(nil))
}

func (c *raw) all() []smpp.PDU {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.got)
}

// want waits for a PDU.
func (c *raw) want(command smpp.Command, seq uint32, st smpp.Status) {
	c.t.Helper()
	for range 2000 {
		for _, p := range c.all() {
			if p.Command == command && (p.Sequence == seq || command == smpp.Unbind) {
				if p.Status != st {
					c.t.Fatalf("%v %d: %v, want %v", command, seq, p.Status, st)
				}
				return
			}
		}
		time.Sleep(5 * time.Millisecond)
	}
	c.t.Fatalf("%v %d never came", command, seq)
}

// once checks that everything that was asked is answered, and nothing twice.
func (c *raw) once() {
	c.t.Helper()
	n := make(map[uint32]int)
	for _, p := range c.all() {
		if p.Command == smpp.SubmitSMResp {
			if n[p.Sequence]++; n[p.Sequence] > 1 {
				c.t.Errorf("submit_sm %d was answered %d times", p.Sequence, n[p.Sequence])
			}
		}
	}
}

// mute is an SMSC that keeps its answers back until it is told to give them.
type mute struct {
	mu      sync.Mutex
	waiting []func()
	open    bool
}

func (m *mute) on(s *smpptest.SMSC) {
	before := s.OnRequest
	s.Receipts = false
	s.OnRequest = func(ses *smpp.Session, p smpp.PDU) bool {
		before(ses, p)
		m.mu.Lock()
		defer m.mu.Unlock()
		if p.Command != smpp.SubmitSM || m.open {
			return false
		}
		seq := p.Sequence
		m.waiting = append(m.waiting, func() {
			ses.Reply(smpp.SubmitSMResp, smpp.StatusOK, seq, []byte("late\x00"))
			ses.Flush()
		})
		return true
	}
}

func (m *mute) answer() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.open = true
	for _, f := range m.waiting {
		f()
	}
	m.waiting = nil
}

func (m *mute) has() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.waiting)
}

func TestSMSCDiesUnanswered(t *testing.T) {
	var m mute
	r := newRig(t, func(_ *Config, s *smpptest.SMSC) { m.on(s) })
	c := r.raw()
	for seq := range uint32(5) {
		c.submit(seq+2, "hello")
	}
	r.eventually("the SMSC has all", func() bool { return m.has() == 5 })
	m.mu.Lock()
	m.open = true // what comes again would be taken
	m.mu.Unlock()
	for _, s := range r.smsc.Server.Sessions() {
		s.Close()
	}
	for seq := range uint32(5) {
		c.want(smpp.SubmitSMResp, seq+2, smpp.StatusSysErr)
	}
	r.eventually("binds again", func() bool { b, w := r.door.Up(); return b == w })
	m.answer() // to sessions that have ended
	c.submit(7, "after")
	c.want(smpp.SubmitSMResp, 7, smpp.StatusOK)
	c.once()
	if got := r.texts(); len(got) != 6 || got[5] != "after" {
		t.Errorf("the SMSC got %q: something was sent again", got)
	}
}

func TestLateAnswerIsPassedOver(t *testing.T) {
	var m mute
	r := newRig(t, func(c *Config, s *smpptest.SMSC) {
		m.on(s)
		c.Session.Response.Duration = 100 * time.Millisecond
	})
	c := r.raw()
	c.submit(2, "hello")
	c.want(smpp.SubmitSMResp, 2, smpp.StatusSysErr)
	m.answer()
	c.submit(3, "after") // behind the late answer on one bind or the other
	c.submit(4, "after")
	c.want(smpp.SubmitSMResp, 3, smpp.StatusOK)
	c.want(smpp.SubmitSMResp, 4, smpp.StatusOK)
	c.once()
}

func TestShutdownDrains(t *testing.T) {
	var m mute
	r := newRig(t, func(_ *Config, s *smpptest.SMSC) { m.on(s) })
	c := r.raw()
	for seq := range uint32(3) {
		c.submit(seq+2, "hello")
	}
	r.eventually("the SMSC has all", func() bool { return m.has() == 3 })
	session := r.door.account("esme").receiver().session
	ended := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		ended <- r.door.Shutdown(ctx)
	}()
	r.eventually("no more submits", func() bool { return session.State() == smpp.StateUnbinding })
	c.submit(5, "too late")
	c.want(smpp.SubmitSMResp, 5, smpp.StatusThrottled)
	m.answer()
	c.want(smpp.Unbind, 0, smpp.StatusOK)
	for _, p := range c.all() {
		if p.Command == smpp.Unbind {
			c.send(smpp.UnbindResp, p.Sequence, nil)
		}
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	var order []string
	for _, p := range c.all() {
		if p.Command == smpp.SubmitSMResp || p.Command == smpp.Unbind {
			order = append(order, p.Status.String())
		}
	}
	if got := strings.Join(order, " "); got != "ESME_RTHROTTLED ESME_ROK ESME_ROK ESME_ROK ESME_ROK" { // the last is the unbind
		t.Errorf("before the end came %s", got)
	}
	if got := r.texts(); len(got) != 3 {
		t.Errorf("the SMSC got %q", got)
	}
}

func TestReloadKeepsSessions(t *testing.T) {
	r := newRig(t, nil)
	c := r.bind(smpp.BindTransceiver, 10)
	up := r.smsc.Server.Sessions()
	if st, _ := c.submit(text("BLOCK")); st != smpp.StatusSubmitFail {
		t.Fatal(st)
	}
	cfg := *r.door.cfg.Load()
	cfg.Stopped.Status = smpp.StatusProhibited
	cfg.Upstreams = slices.Clone(cfg.Upstreams)
	cfg.Accounts = append(slices.Clone(cfg.Accounts), Account{SystemID: "second", Password: "pw", Sources: []string{"*"}})
	bad := cfg
	bad.Accounts = append(slices.Clone(cfg.Accounts), Account{SystemID: "third"})
	if err := r.door.Reload(bad); err == nil {
		t.Error("an account without a password was taken")
	}
	if r.door.account("second") != nil {
		t.Error("half of a bad configuration is in force")
	}
	if err := r.door.Reload(cfg); err != nil {
		t.Fatal(err)
	}
	if st, _ := c.submit(text("BLOCK")); st != smpp.StatusProhibited {
		t.Errorf("after the reload: %v", st)
	}
	if st, _ := c.submit(text("fine")); st != smpp.StatusOK {
		t.Errorf("after the reload: %v", st)
	}
	for _, s := range up {
		if s.State() != smpp.StateBoundTRX {
			t.Errorf("a bind to the SMSC is %v after the reload", s.State())
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	second, err := smpptest.Bind(ctx, r.door.Addr().String(), smpp.BindTransceiver, "second", "pw", smpp.Config{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	cfg.Accounts = cfg.Accounts[1:] // the first account is gone
	if err := r.door.Reload(cfg); err != nil {
		t.Fatal(err)
	}
	if err := c.Wait(ctx); err != smpp.ErrUnbound {
		t.Errorf("the session of an account that is gone: %v", err)
	}
	if st, _, err := second.Submit(ctx, text("fine")); st != smpp.StatusOK || err != nil {
		t.Errorf("the other account: %v %v", st, err)
	}
}

func TestUpstreamAway(t *testing.T) {
	r := newRig(t, nil)
	c := r.bind(smpp.BindTransceiver, 10)
	r.smsc.Close()
	r.eventually("the SMSC is away", func() bool { b, _ := r.door.Up(); return b == 0 })
	for range 3 {
		if st, id := c.submit(text("hello")); st != smpp.StatusThrottled || id != "" {
			t.Errorf("%v %q", st, id)
		}
	}
	if st, id := c.submit(text("HOLD this")); st != smpp.StatusOK || !strings.HasPrefix(id, heldPrefix) {
		t.Errorf("what is held needs no SMSC: %v %q", st, id)
	}
}

func TestWindows(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"the ESME's own": func(c *Config) { c.Accounts[0].Window = 2 },
		"the SMSC's":     func(c *Config) { c.Upstreams[0].Binds, c.Upstreams[0].Window = 1, 2 },
	} {
		t.Run(name, func(t *testing.T) {
			var m mute
			r := newRig(t, func(c *Config, s *smpptest.SMSC) {
				m.on(s)
				change(c)
			})
			c := r.raw()
			for seq := range uint32(4) {
				c.submit(seq+2, "hello")
			}
			c.want(smpp.SubmitSMResp, 4, smpp.StatusThrottled)
			c.want(smpp.SubmitSMResp, 5, smpp.StatusThrottled)
			r.eventually("the SMSC has two", func() bool { return m.has() == 2 })
			m.answer()
			c.want(smpp.SubmitSMResp, 2, smpp.StatusOK)
			c.want(smpp.SubmitSMResp, 3, smpp.StatusOK)
			c.submit(6, "there is room again")
			c.want(smpp.SubmitSMResp, 6, smpp.StatusOK)
			c.once()
			if n := len(r.texts()); n != 3 {
				t.Errorf("the SMSC got %d texts", n)
			}
		})
	}
}

// An ESME that asks and asks and never reads is cut off; another one is served meanwhile.
func TestESMEThatDoesNotRead(t *testing.T) {
	r := newRig(t, func(c *Config, _ *smpptest.SMSC) { c.Session.Write.Duration = 500 * time.Millisecond })
	conn, err := net.Dial("tcp", r.door.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	b := smpp.Bind{SystemID: []byte("esme"), Password: []byte("secret"), InterfaceVersion: 0x34}
	flood := smpp.PDU{Command: smpp.BindTransceiver, Sequence: 1, Body: b.Append(nil)}.Append(nil)
	cut := make(chan error, 1)
	go func() {
		conn.SetWriteDeadline(time.Now().Add(60 * time.Second))
		_, err := conn.Write(flood)
		block := bytes.Repeat(smpp.PDU{Command: smpp.EnquireLink, Sequence: 2}.Append(nil), 1000)
		for err == nil {
			_, err = conn.Write(block)
		}
		cut <- err
	}()
	c := r.bind(smpp.BindTransmitter, 10)
	for n := 0; ; n++ {
		if st, _ := c.submit(text("hello")); st != smpp.StatusOK {
			t.Fatalf("submit %d of the other ESME: %v", n, st)
		}
		select {
		case err := <-cut:
			if ne, ok := err.(net.Error); ok && ne.Timeout() {
				t.Error("the ESME that does not read was never cut off")
			}
			r.eventually("its session is gone", func() bool { return r.door.account("esme").bound() == 1 })
			return
		default:
		}
	}
}

// A part that comes twice must not count for one that has not come: what stands in two parts would be judged apart.
func TestRepeatedPartsCountOnce(t *testing.T) {
	r := newRig(t, nil)
	c := r.bind(smpp.BindTransceiver, 10)
	all := parts(t, strings.Repeat("い", 67)+strings.Repeat("う", 65)+"BLO"+"CK"+strings.Repeat("え", 20), 11)
	if len(all) != 3 {
		t.Fatalf("%d parts", len(all))
	}
	for _, i := range []int{0, 0, 1} {
		if st, _ := c.submit(all[i]); st != smpp.StatusOK {
			t.Fatalf("part %d: %v", i+1, st)
		}
	}
	if st, _ := c.submit(all[2]); st != smpp.StatusSubmitFail {
		t.Errorf("the last part: %v", st)
	}
}

// remembering is a Keeper that notes how releases ended.
type remembering struct {
	*memory
	mu    sync.Mutex
	ended map[string]smpp.Status
}

func (k *remembering) Released(ctx context.Context, id string, st smpp.Status) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.ended[id] = st
	return ctx.Err()
}

// What is released together ends each for itself: one that the SMSC refuses for now must not bring back the others.
func TestReleaseEndsEachForItself(t *testing.T) {
	r := newRig(t, func(_ *Config, s *smpptest.SMSC) {
		s.Answer = func(_ *smpp.Session, p smpp.PDU) (smpp.Status, string) {
			if bytes.Contains(p.Body, []byte("full")) {
				return smpp.StatusMsgQFul, ""
			}
			return smpp.StatusOK, ""
		}
	})
	k := &remembering{memory: r.keeper, ended: make(map[string]smpp.Status)}
	r.door.Keeper = k
	hold := func(id, via string, bodies ...string) {
		h := &Held{ID: id, Group: "to " + via, Account: "esme", Via: via, Outcome: message.Hold, Command: smpp.SubmitSM}
		for _, b := range bodies {
			h.Bodies = append(h.Bodies, text(b).Append(nil))
		}
		k.Hold(t.Context(), []*Held{h})
	}
	hold("refused", "smsc", "full", "never sent")
	hold("taken", "smsc", "fine")
	hold("half", "smsc", "fine", "full")
	hold("gone", "nowhere", "fine")
	for _, id := range []string{"taken", "gone"} {
		if _, err := r.door.Release(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	for id, want := range map[string]smpp.Status{
		"refused": smpp.StatusMsgQFul, "taken": smpp.StatusOK, "gone": smpp.StatusThrottled, "half": smpp.StatusDeliveryFailure,
	} {
		if got := k.ended[id]; got != want {
			t.Errorf("%s: %v, want %v", id, got, want)
		}
	}
	for _, s := range r.texts() {
		if s == "never sent" {
			t.Error("the rest of what was refused was sent")
		}
	}
}
