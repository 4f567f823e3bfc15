package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sekisho/sekisho/smpp"
	"github.com/sekisho/sekisho/smpp/smpptest"
)

// serving is a checkpoint that was started by its command, with the sample configuration between a pretend SMSC and us.
type serving struct {
	t             *testing.T
	dir, file     string
	smpp, console string
	log           transcript
	end           context.CancelFunc
	code          chan int
}

// transcript is what a command writes while it runs.
type transcript struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *transcript) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *transcript) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// configured writes what serve reads: the sample configuration with other addresses, enforcing, and a list of hosts.
func configured(t *testing.T) *serving {
	t.Helper()
	dir, err := os.MkdirTemp("", "sekisho") // a short name: a socket in it has room for about 100 octets
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	s := &serving{t: t, dir: dir, file: filepath.Join(dir, "sekisho.toml"), smpp: loopback(t), console: loopback(t)}
	smsc := &smpptest.SMSC{Receipts: true, Prefix: "up"}
	addr, err := smsc.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(smsc.Close)
	good(t, "", "init", dir)
	write(t, s.file, filled(t, s.read()))
	s.change("127.0.0.1:8470", s.console, "127.0.0.1:2775", s.smpp, "127.0.0.1:2776", addr)
	b, err := os.ReadFile("testdata/commands/bad-hosts.txt")
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "bad-hosts.txt"), string(b))
	write(t, s.file, s.read()+"\n[[indicators]]\npath = \"bad-hosts.txt\"\n")
	policy := filepath.Join(dir, "policy.toml")
	if b, err = os.ReadFile(policy); err != nil {
		t.Fatal(err)
	}
	write(t, policy, strings.Replace(string(b), `mode = "observe"`, `mode = "enforce"`, 1))
	return s
}

func (s *serving) read() string {
	b, err := os.ReadFile(s.file)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(b)
}

// change puts one text for another in the configuration file, in pairs.
func (s *serving) change(pairs ...string) {
	s.t.Helper()
	text := s.read()
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(text, pairs[i]) {
			s.t.Fatalf("the configuration has no %q", pairs[i])
		}
	}
	write(s.t, s.file, strings.NewReplacer(pairs...).Replace(text))
}

func (s *serving) start() {
	s.t.Helper()
	var ctx context.Context
	ctx, s.end = context.WithCancel(context.Background())
	s.code = make(chan int, 1)
	go func() {
		s.code <- run(ctx, []string{"serve", "-c", s.file}, streams{strings.NewReader(""), io.Discard, &s.log})
	}()
	s.t.Cleanup(func() { s.stop() })
	eventually(s.t, "serving and bound", func() bool {
		resp, err := http.Get("http://" + s.console + "/readyz")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
}

func (s *serving) stop() int {
	if s.end == nil {
		return 0
	}
	s.end()
	s.end = nil
	code := <-s.code
	if code != 0 {
		s.t.Errorf("serve ended with %d:\n%s", code, s.log.String())
	}
	return code
}

func (s *serving) bind(password string) (*smpptest.ESME, error) {
	ctx, cancel := context.WithTimeout(s.t.Context(), 5*time.Second)
	defer cancel()
	e, err := smpptest.Bind(ctx, s.smpp, smpp.BindTransceiver, "aggregator", password, smpp.Config{}, nil)
	if err == nil {
		s.t.Cleanup(e.Close)
	}
	return e, err
}

func (s *serving) bound() *smpptest.ESME {
	s.t.Helper()
	e, err := s.bind("password")
	if err != nil {
		s.t.Fatal(err)
	}
	return e
}

const listed = "Your parcel waits: http://known-bad.example/a"

// submit sends a text and gives the status that it got.
func (s *serving) submit(e *smpptest.ESME, text string) smpp.Status {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 5*time.Second)
	defer cancel()
	m := smpp.SM{Source: smpp.Addr{TON: 5, Digits: []byte("SHOP")}, Dest: smpp.Addr{TON: 1, NPI: 1, Digits: []byte("819012345678")}, ShortMessage: []byte(text)}
	st, _, err := e.Submit(ctx, &m)
	if err != nil {
		s.t.Fatal(err)
	}
	return st
}

// within checks that a text gets a status no later than a second from now.
func (s *serving) within(e *smpptest.ESME, text string, want smpp.Status) {
	s.t.Helper()
	start := time.Now()
	for s.submit(e, text) != want {
		if time.Since(start) > time.Second {
			s.t.Fatalf("a second later %q still does not get %v", text, want)
		}
	}
}

func TestBypass(t *testing.T) {
	s := configured(t)
	bad(t, 1, "", []string{"bypass", "on", "-c", s.file}, "no checkpoint answers", "sekisho serve")
	s.start()
	e := s.bound()
	if st := s.submit(e, listed); st != smpp.StatusSubmitFail {
		t.Fatalf("before: %v", st)
	}
	if out := good(t, "", "bypass", "on", "-c", s.file); !strings.Contains(out, "BYPASS IS ON") {
		t.Error(out)
	}
	s.within(e, listed, smpp.StatusOK)
	e.Close()
	s.stop()
	s.start() // it outlives a restart, and is loud about it
	e = s.bound()
	if st := s.submit(e, listed); st != smpp.StatusOK || strings.Count(s.log.String(), "BYPASS IS ON") < 2 {
		t.Errorf("after a restart: %v\n%s", st, s.log.String())
	}
	good(t, "", "bypass", "off", "-c", s.file)
	s.within(e, listed, smpp.StatusSubmitFail)
}

func TestReload(t *testing.T) {
	s := configured(t)
	s.start()
	e := s.bound()
	was := s.read()
	for _, x := range []struct{ old, new, say string }{
		{"max_sessions", "max_session", "sekisho.toml line"},
		{`upstream = "smsc"`, `upstream = "elsewhere"`, "elsewhere"},
		{`data = "./sekisho-data"`, `data = "./other"`, ""},
		{`policy = "policy.toml"`, `policy = "nowhere.toml"`, "nowhere.toml"},
		{`path = "bad-hosts.txt"`, `path = "nowhere.txt"`, "nowhere.txt"},
		{`model = ""`, `model = "sekisho.toml"`, "model"},
	} {
		s.change(x.old, x.new)
		bad(t, 1, "", []string{"reload", "-c", s.file}, x.say)
		write(t, s.file, was)
		if st := s.submit(e, listed); st != smpp.StatusSubmitFail {
			t.Errorf("after a bad reload (%s): %v", x.new, st)
		}
		if _, err := s.bind("password"); err != nil {
			t.Errorf("after a bad reload (%s): %v", x.new, err)
		}
	}

	hash := strings.TrimSpace(good(t, "changed\n", "hash-password"))
	start := strings.Index(was, "password = \"$argon2id")
	end := start + strings.Index(was[start:], "\n")
	write(t, s.file, was[:start]+`password = "`+hash+`"`+was[end:])
	if runtime.GOOS == "windows" {
		good(t, "", "reload", "-c", s.file)
	} else {
		me, err := os.FindProcess(os.Getpid())
		if err != nil {
			t.Fatal(err)
		}
		if err := me.Signal(hangup); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the hangup is heard", func() bool { return strings.Contains(s.log.String(), "the configuration is in force") })
	}
	if st := s.submit(e, "hello"); st != smpp.StatusOK {
		t.Errorf("the session that was bound: %v", st)
	}
	if _, err := s.bind("password"); err == nil {
		t.Error("the old password still opens")
	}
	if _, err := s.bind("changed"); err != nil {
		t.Errorf("the new password: %v", err)
	}

	// A policy is in force for the next message.
	policy := filepath.Join(s.dir, "policy.toml")
	b, err := os.ReadFile(policy)
	if err != nil {
		t.Fatal(err)
	}
	write(t, policy, strings.Replace(string(b), `mode = "enforce"`, `mode = "observe"`, 1))
	good(t, "", "reload", "-c", s.file)
	if st := s.submit(e, listed); st != smpp.StatusOK {
		t.Errorf("observing: %v", st)
	}
}

func TestKeys(t *testing.T) {
	s := configured(t)
	s.start()
	judge := func(key string) (int, string) {
		r, err := http.NewRequestWithContext(t.Context(), "POST", "http://"+s.console+"/v1/judge",
			strings.NewReader(`{"from":"SHOP","to":"+819012345678","route":"a2p","text":"`+listed+`"}`))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		if key != "" {
			r.Header.Set("Authorization", "Bearer "+key)
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(b)
	}
	if st, body := judge(""); st != http.StatusUnauthorized || !strings.Contains(body, "urn:sekisho:problem:") {
		t.Errorf("without a key: %d %s", st, body)
	}
	key := strings.TrimSpace(good(t, "", "key", "add", "bank", "-c", s.file))
	st, body := judge(key)
	var v struct{ Outcome, Do string }
	if err := json.Unmarshal([]byte(body), &v); err != nil || st != http.StatusOK || v.Outcome != "block" || v.Do != "block" {
		t.Errorf("with a key: %d %s %v", st, body, err)
	}
	list := good(t, "", "key", "list", "-c", s.file)
	if !strings.Contains(list, "bank") || strings.Contains(list, key) {
		t.Error(list)
	}
	lines := strings.Split(strings.TrimSpace(list), "\n")
	id := strings.Fields(lines[len(lines)-1])[0]
	good(t, "", "key", "revoke", id, "-c", s.file)
	if st, _ := judge(key); st != http.StatusUnauthorized {
		t.Errorf("revoked: %d", st)
	}
	if list = good(t, "", "key", "list", "-c", s.file); !strings.Contains(list, id) {
		t.Error("a revoked key is gone from the list: ", list)
	}
	bad(t, 1, "", []string{"key", "revoke", "nosuch", "-c", s.file}, "nosuch")
	bad(t, 1, "", []string{"key", "add", "bank", "--scope", "everything", "-c", s.file}, "everything")
}

func TestServeRefuses(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	serve := func(s *serving, words ...string) {
		t.Helper()
		bad(t, 1, "", []string{"serve", "-c", s.file}, words...)
	}
	s := configured(t)
	s.change(s.console, taken.Addr().String())
	serve(s, "console.listen", taken.Addr().String(), "in use")

	s = configured(t)
	s.change(s.smpp, taken.Addr().String())
	serve(s, "smpp.listen", taken.Addr().String(), "in use")

	s = configured(t)
	if err := os.Mkdir(filepath.Join(s.dir, "sekisho-data"), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(s.dir, "sekisho-data", "thesis.txt"), "not theirs")
	serve(s, "data", "sekisho-data", "not ours")

	s = configured(t)
	s.start()
	s.change(s.console, loopback(t), s.smpp, loopback(t))
	serve(s, "another sekisho", "sekisho-data")
}

func TestMigrate(t *testing.T) {
	s := configured(t)
	good(t, "", "migrate", "-c", s.file)
	good(t, "", "migrate", "-c", s.file) // and nothing is left to do
}
