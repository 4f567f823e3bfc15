package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// roleEnv says what a copy of the test binary is: "sekisho", the program itself, or "smsc", the pretend SMSC.
const roleEnv = "SEKISHO_TEST_ROLE"

func TestMain(m *testing.M) {
	role := os.Getenv(roleEnv)
	if role == "" {
		os.Exit(m.Run())
	}
	go func() { // not to outlive the test
		io.Copy(io.Discard, os.Stdin)
		os.Exit(3)
	}()
	switch role {
	case "sekisho":
		main()
	case "smsc":
		if err := serveSMSC(os.Args[1], os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, "smsc:", err)
			os.Exit(1)
		}
	}
}

// process is one that is killed and started again.
type process struct {
	role string
	args []string
	log  string // file of its output
	cmd  *exec.Cmd
	in   io.Closer     // it ends when this is closed
	gone chan struct{} // closed when it has ended
	err  error         // how
}

func (p *process) start() error {
	out, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()
	p.cmd = exec.Command(os.Args[0], p.args...)
	p.cmd.Env = append(os.Environ(), roleEnv+"="+p.role)
	p.cmd.Stdout, p.cmd.Stderr = out, out
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return err
	}
	if err := p.cmd.Start(); err != nil {
		return err
	}
	gone := make(chan struct{})
	p.gone = gone
	go func() {
		p.err = p.cmd.Wait()
		close(gone)
	}()
	return nil
}

// kill ends it at once (kill -9).
func (p *process) kill() {
	p.cmd.Process.Kill()
	<-p.gone
}

// term asks it to end, and gives how it ended.
func (p *process) term() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	late := time.AfterFunc(time.Minute, func() { p.cmd.Process.Kill() })
	defer late.Stop()
	<-p.gone
	return p.err
}

// tail is the end of what it wrote, for a test that failed.
func (p *process) tail() []byte {
	b, _ := os.ReadFile(p.log)
	return b[max(0, len(b)-8000):]
}

// listenPort finds a port below those that connections are given, so that none takes it while its owner is dead.
func listenPort(t *testing.T) string {
	t.Helper()
	for range 200 {
		addr := fmt.Sprintf("127.0.0.1:%d", 12000+rand.IntN(18000))
		if l, err := net.Listen("tcp", addr); err == nil {
			l.Close()
			return addr
		}
	}
	t.Fatal("there is no free port")
	return ""
}

// wire is between Sekisho and the SMSC, and can be cut or stopped.
type wire struct {
	to      string
	l       net.Listener
	stalled atomic.Int64 // until then nothing passes; nanoseconds
	mu      sync.Mutex
	open    map[net.Conn]struct{}
}

func newWire(to string) (*wire, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	w := &wire{to: to, l: l, open: make(map[net.Conn]struct{})}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go w.carry(c)
		}
	}()
	return w, nil
}

func (w *wire) carry(a net.Conn) {
	defer a.Close()
	b, err := net.DialTimeout("tcp", w.to, time.Second)
	if err != nil {
		return
	}
	defer b.Close()
	w.mu.Lock()
	w.open[a], w.open[b] = struct{}{}, struct{}{}
	w.mu.Unlock()
	ended := make(chan struct{}, 2)
	for _, d := range [][2]net.Conn{{a, b}, {b, a}} {
		go func() {
			w.copy(d[1], d[0])
			ended <- struct{}{}
		}()
	}
	<-ended
	a.Close()
	b.Close()
	<-ended
	w.mu.Lock()
	delete(w.open, a)
	delete(w.open, b)
	w.mu.Unlock()
}

func (w *wire) copy(dst io.Writer, src io.Reader) {
	buf := make([]byte, 8<<10) // small, so that a cut goes through a PDU
	for {
		n, err := src.Read(buf)
		if left := time.Until(time.Unix(0, w.stalled.Load())); left > 0 {
			time.Sleep(left)
		}
		if _, werr := dst.Write(buf[:n]); werr != nil || err != nil {
			return
		}
	}
}

// cut ends every connection, with a reset where that is asked.
func (w *wire) cut(reset bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for c := range w.open {
		if t, ok := c.(*net.TCPConn); ok && reset {
			t.SetLinger(0)
		}
		c.Close()
	}
}

// stall lets nothing pass for a time.
func (w *wire) stall(d time.Duration) { w.stalled.Store(time.Now().Add(d).UnixNano()) }

// chaos is everything that can be killed.
type chaos struct {
	rnd     *rand.Rand
	sekisho *process
	smsc    *process
	wire    *wire
	esmes   []*rawESME
	health  string
	release func() // asks Sekisho to release some held texts
	starts  []time.Duration
}

// deeds are the ways to break things, and how often each is done in ten turns of the wheel.
var deeds = []struct {
	name  string
	often int
	do    func(*chaos) error
}{
	{"kill the SMSC", 3, (*chaos).killSMSC},
	{"kill Sekisho", 3, (*chaos).killSekisho},
	{"kill Sekisho while it starts", 1, (*chaos).killTwice},
	{"SIGTERM to Sekisho", 1, (*chaos).termSekisho},
	{"kill an ESME", 2, (*chaos).killESME},
	{"cut the connections to the SMSC", 2, (*chaos).cutWire},
	{"nothing passes to the SMSC for a while", 1, (*chaos).stallWire},
}

// plan is an order of deeds, each at its share.
func plan(rnd *rand.Rand, n int) (all []int) {
	for len(all) < n {
		for d := range deeds {
			for range deeds[d].often {
				all = append(all, d)
			}
		}
		rnd.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	}
	return all[:n]
}

func (c *chaos) pause(most time.Duration) { time.Sleep(time.Duration(c.rnd.Int64N(int64(most)))) }

func (c *chaos) killSMSC() error {
	c.smsc.kill()
	c.pause(200 * time.Millisecond)
	return c.smsc.start()
}

func (c *chaos) killSekisho() error {
	c.release()
	c.sekisho.kill()
	c.pause(100 * time.Millisecond)
	return c.startSekisho()
}

func (c *chaos) killTwice() error {
	c.sekisho.kill()
	for range 2 {
		if err := c.sekisho.start(); err != nil {
			return err
		}
		c.pause(400 * time.Millisecond)
		c.sekisho.kill()
	}
	return c.startSekisho()
}

func (c *chaos) termSekisho() error {
	c.release()
	if err := c.sekisho.term(); err != nil {
		return fmt.Errorf("Sekisho did not end cleanly: %w", err)
	}
	return c.startSekisho()
}

func (c *chaos) killESME() error {
	reset := c.rnd.IntN(2) == 0
	account := c.esmes[c.rnd.IntN(len(c.esmes))].account
	for _, e := range c.esmes {
		if e.account == account {
			e.cut(reset)
		}
	}
	return nil
}

func (c *chaos) cutWire() error {
	c.wire.cut(c.rnd.IntN(2) == 0)
	return nil
}

func (c *chaos) stallWire() error {
	c.wire.stall(killResponse + time.Second)
	return nil
}

// startSekisho starts it and waits until it serves.
func (c *chaos) startSekisho() error {
	began := time.Now()
	if err := c.sekisho.start(); err != nil {
		return err
	}
	for time.Since(began) < time.Minute {
		res, err := http.Get(c.health)
		if err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				c.starts = append(c.starts, time.Since(began))
				return nil
			}
		}
		select {
		case <-c.sekisho.gone:
			return fmt.Errorf("Sekisho did not start: %w", c.sekisho.err)
		case <-time.After(5 * time.Millisecond):
		}
	}
	return errors.New("Sekisho did not start within a minute")
}

// scenario is the configuration of Sekisho in the kill test. What becomes of a text is certain: a link of the list weighs
// so much that the account's route decides alone.
func scenario(dir, listen, console, smsc, hash string) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, `data = "data"
policy = "policy.toml"
[log]
level = "WARN"
[console]
listen = %q
origin = "http://%s"
[smpp]
listen = %q
[smpp.session]
response = %q
enquire_link = "5s"
write = "5s"
[smpp.stopped]
block = "accept"
receipts = "500ms"
[[smpp.upstream]]
name = "smsc"
address = %q
system_id = "sekisho"
password = "secret"
binds = 3
window = 70
[[indicators]]
path = "bad.txt"
source = "the test"
`, console, console, listen, killResponse.String(), smsc)
	for _, a := range killAccounts {
		fmt.Fprintf(&b, "[[smpp.account]]\nsystem_id = %q\npassword = %q\nsources = [\"*\"]\nroute = %q\nwindow = 60\n", a.name, hash, a.route)
	}
	files := map[string]string{"sekisho.toml": b.String(), "policy.toml": killPolicy, "bad.txt": badHost + "\n"}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

const (
	badHost = "bad-parcel.example"
	// killResponse is how long Sekisho waits for the SMSC's answer in the kill test.
	killResponse = 2 * time.Second
)

var killAccounts = []struct{ name, route string }{{"holding", "a2p"}, {"blocking", "intl"}, {"warning", "p2p"}}

const killPolicy = `
mode = "enforce"
[purposes]
inspect = "terms"
[certain]
outcome = "deliver"
[thresholds.a2p]
phishing = { hold = 0.9999 }
[thresholds.intl]
phishing = { block = 0.9999 }
[thresholds.p2p]
phishing = { label = 0.9999 }
[rules.link-known-bad]
phishing = 50
spam = 0
`
