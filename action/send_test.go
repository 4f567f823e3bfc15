package action

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sekisho/sekisho/cases"
	"github.com/sekisho/sekisho/purpose"
	"github.com/sekisho/sekisho/subject"
)

// sent is a sender of every kind that counts.
type sent struct {
	n   int
	err error
}

func (s *sent) Mail(context.Context, string, string, string, string) error  { s.n++; return s.err }
func (s *sent) Post(context.Context, string, Address, string, string) error { s.n++; return s.err }
func (s *sent) Text(context.Context, string, subject.Line, string) error    { s.n++; return s.err }

func TestNothingLeavesUnasked(t *testing.T) {
	w, g := allWords(t), leave(t, purpose.InfectionNotice)
	for name, x := range map[string]struct {
		change func(*Config, *cases.Notice, *Notice)
		sent   []time.Time
		is     error
	}{
		"agreed to":         {},
		"a dry run":         {func(c *Config, _ *cases.Notice, _ *Notice) { c.Send = false }, nil, ErrDry},
		"planned only":      {func(_ *Config, k *cases.Notice, _ *Notice) { k.State = cases.Planned }, nil, ErrAgree},
		"by the machine":    {func(_ *Config, k *cases.Notice, _ *Notice) { k.AgreedBy = cases.Machine }, nil, ErrAgree},
		"sent already":      {func(_ *Config, k *cases.Notice, _ *Notice) { k.State = cases.Sent }, nil, ErrAgree},
		"other words":       {func(_ *Config, k *cases.Notice, _ *Notice) { k.Text = "mail.ja.00000000" }, nil, ErrChanged},
		"another way":       {func(_ *Config, k *cases.Notice, _ *Notice) { k.Channel = cases.SMS }, nil, ErrChanged},
		"another case":      {func(_ *Config, k *cases.Notice, _ *Notice) { k.Case = "il-x" }, nil, ErrChanged},
		"too early":         {func(_ *Config, _ *cases.Notice, n *Notice) { n.Due = noon.Add(time.Minute) }, nil, ErrLater},
		"too many an hour":  {func(c *Config, _ *cases.Notice, _ *Notice) { c.PerHour = 2 }, []time.Time{noon, noon.Add(-59 * time.Minute)}, ErrLater},
		"an hour has ended": {func(c *Config, _ *cases.Notice, _ *Notice) { c.PerHour = 2 }, []time.Time{noon, noon.Add(-time.Hour)}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			cfg, s := everything(), &sent{}
			n, err := Plan(found(cases.Open), Contact{Mail: "taro@mail.example"}, noon, cfg, w, g)
			if err != nil {
				t.Fatal(err)
			}
			kept := n.Notice
			kept.ID = cases.NoticeID(kept.Case, 1)
			if err := kept.Apply(cases.Agreed, noon, "tanaka", "looked at"); err != nil {
				t.Fatal(err)
			}
			if x.change != nil {
				x.change(cfg, &kept, n)
			}
			err = (&Outbox{Config: cfg, Mail: s, Post: s, Text: s}).Send(t.Context(), &kept, n, noon, x.sent)
			if !errors.Is(err, x.is) || (s.n == 1) != (x.is == nil) {
				t.Errorf("%v, %d sent; want %v", err, s.n, x.is)
			}
		})
	}
}

func TestSpool(t *testing.T) {
	dir := t.TempDir()
	s := &Spool{Folder: dir, Now: func() time.Time { return noon }}
	to := Address{"山田太郎", "100-0001", []string{"東京都", "千代田区"}}
	for _, id := range []string{"il-a-1", "il-b-1", "il-a-1"} {
		if err := s.Post(t.Context(), id, to, "件名", "本文\n二行目"); err != nil {
			t.Fatal(err)
		}
	}
	name := filepath.Join(dir, "letters-20260410.jsonl")
	f, err := os.OpenFile(name, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	f.WriteString(`{"id":"il-c-1","na`) // killed here
	f.Close()
	if err := s.Post(t.Context(), "il-c-1", to, "件名", "本文"); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for line := range bytes.Lines(b) {
		var l letter
		if err := json.Unmarshal(line, &l); err != nil || l.Lines[1] != "千代田区" {
			t.Errorf("%s: %v", line, err)
		}
		ids = append(ids, l.ID)
	}
	if strings.Join(ids, " ") != "il-a-1 il-b-1 il-c-1" {
		t.Error(ids)
	}
	if st, err := os.Stat(name); err != nil || st.Mode().Perm() != 0o600 {
		t.Error(st.Mode(), err)
	}
}

// server is a mail server that takes mail for one, and refuses all others.
func server(t *testing.T) (address string, mails chan string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	mails = make(chan string, 4)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go serve(c, mails)
		}
	}()
	return l.Addr().String(), mails
}

func serve(c net.Conn, mails chan string) {
	defer c.Close()
	r := bufio.NewReader(c)
	fmt.Fprint(c, "220 mail.example\r\n")
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		switch {
		case strings.HasPrefix(line, "EHLO"):
			fmt.Fprint(c, "250-mail.example\r\n250 8BITMIME\r\n")
		case strings.HasPrefix(line, "RCPT") && !strings.Contains(line, "taro@"):
			fmt.Fprintf(c, "550 no such user %s", line[8:])
		case strings.HasPrefix(line, "DATA"):
			fmt.Fprint(c, "354 go on\r\n")
			var b strings.Builder
			for {
				line, err := r.ReadString('\n')
				if err != nil || line == ".\r\n" {
					break
				}
				b.WriteString(line)
			}
			mails <- b.String()
			fmt.Fprint(c, "250 taken\r\n")
		case strings.HasPrefix(line, "QUIT"):
			fmt.Fprint(c, "221 bye\r\n")
			return
		default:
			fmt.Fprint(c, "250 ok\r\n")
		}
	}
}

func TestSMTP(t *testing.T) {
	address, mails := server(t)
	s := &SMTP{Config: MailConfig{Server: address, From: "関所 <care@operator.example>"}, Now: func() time.Time { return noon }}
	body := strings.Repeat("ご契約者様\n.\n", 40)
	if err := s.Mail(t.Context(), "il-a-1", "taro@mail.example", "【重要】ご利用の端末から不正なSMSが送信されています（関所モバイル）", body); err != nil {
		t.Fatal(err)
	}
	m := <-mails
	head, text, _ := strings.Cut(m, "\r\n\r\n")
	for _, want := range []string{"To: <taro@mail.example>", "Message-ID: <il-a-1@operator.example>", "Auto-Submitted: auto-generated", "From: =?utf-8?"} {
		if !strings.Contains(head, want) {
			t.Errorf("no %s in\n%s", want, head)
		}
	}
	for line := range strings.Lines(m) {
		if len(line) > 500 || strings.ContainsFunc(line, func(r rune) bool { return r > 0x7f }) {
			t.Errorf("%q", line)
		}
	}
	if got, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(text, "\r\n", "")); err != nil || strings.ReplaceAll(string(got), "\r\n", "\n") != body {
		t.Errorf("%q %v", got, err)
	}
	err := s.Mail(t.Context(), "il-b-1", "hanako@mail.example", "x", "y")
	if err == nil || strings.Contains(err.Error(), "hanako") || !strings.Contains(err.Error(), "550") {
		t.Errorf("%v: not refused, or it names whom", err)
	}
	if s.Mail(t.Context(), "il-c-1", "taro@mail.example\r\nDATA", "x", "y") == nil {
		t.Error("an address of two lines")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if s.Mail(ctx, "il-d-1", "taro@mail.example", "x", "y") == nil {
		t.Error("sent when it was over")
	}
}
