package action

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"mime"
	"net"
	"net/mail"
	"net/smtp"
	"os"
	"strings"
	"time"
)

// SMTP sends mail by a server (RFC 5321). Beyond this machine only with STARTTLS: what it carries says whose phone is infected.
type SMTP struct {
	Config  MailConfig
	TLS     *tls.Config      // nil: the system's roots
	Now     func() time.Time // nil: the clock
	Timeout time.Duration    // of a whole mail; 0 is 30 seconds
}

// Mail sends one mail. An error never repeats the address.
func (s *SMTP) Mail(ctx context.Context, id, to, subject, body string) error {
	from, err := mail.ParseAddress(s.Config.From)
	if err != nil {
		return errors.New("mail.from is no address")
	}
	if !mailable(to) {
		return errors.New("the owner's mail address is none")
	}
	now := time.Now
	if s.Now != nil {
		now = s.Now
	}
	timeout := s.Timeout
	if timeout == 0 {
		timeout = 30 * time.Second
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	host, _, err := net.SplitHostPort(s.Config.Server)
	if err != nil {
		return errors.New("mail.server is not HOST:PORT")
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", s.Config.Server)
	if err != nil {
		return err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	c, err := smtp.NewClient(conn, host)
	if err != nil {
		return said(err, to)
	}
	if err := s.hello(c, host); err != nil {
		return said(err, to)
	}
	for _, step := range []func() error{
		func() error { return c.Mail(from.Address) },
		func() error { return c.Rcpt(to) },
		func() error {
			w, err := c.Data()
			if err != nil {
				return err
			}
			if _, err := w.Write(compose(from, id, to, subject, body, now())); err != nil {
				return err
			}
			return w.Close()
		},
	} {
		if err := step(); err != nil {
			return said(err, to)
		}
	}
	c.Quit() // it was taken over: what comes of the farewell does not matter
	return nil
}

func (s *SMTP) hello(c *smtp.Client, host string) error {
	ip := net.ParseIP(host)
	local := host == "localhost" || ip != nil && ip.IsLoopback()
	if ok, _ := c.Extension("STARTTLS"); ok && (!local || s.TLS != nil) {
		t := &tls.Config{}
		if s.TLS != nil {
			t = s.TLS.Clone()
		}
		t.ServerName = host
		if err := c.StartTLS(t); err != nil {
			return err
		}
	} else if !local {
		return errors.New("the mail server offers no STARTTLS; notices go nowhere in the open")
	}
	if s.Config.User == "" {
		return nil
	}
	password, err := os.ReadFile(s.Config.Password)
	if err != nil {
		return fmt.Errorf("mail.password_file: %w", err)
	}
	return c.Auth(smtp.PlainAuth("", s.Config.User, strings.TrimRight(string(password), "\r\n"), host))
}

// said is what a server said, which may repeat the address.
func said(err error, to string) error {
	if local, _, _ := strings.Cut(to, "@"); strings.Contains(strings.ToLower(err.Error()), strings.ToLower(local)) {
		code, _, _ := strings.Cut(err.Error(), " ")
		if len(code) == 3 && strings.Trim(code, "0123456789") == "" {
			return fmt.Errorf("the mail server refuses it with %s", code)
		}
		return errors.New("the mail server refuses it")
	}
	return err
}

// compose writes a mail (RFC 5322).
func compose(from *mail.Address, id, to, subject, body string, now time.Time) []byte {
	var b bytes.Buffer
	host := from.Address[strings.LastIndexByte(from.Address, '@')+1:]
	for _, h := range [][2]string{
		{"From", from.String()},
		{"To", (&mail.Address{Address: to}).String()},
		{"Subject", mime.BEncoding.Encode("utf-8", subject)},
		{"Date", now.Format("Mon, 02 Jan 2006 15:04:05 -0700")},
		{"Message-ID", "<" + id + "@" + host + ">"}, // the same when it is tried again, so that two copies show as one
		{"Auto-Submitted", "auto-generated"},
		{"MIME-Version", "1.0"},
		{"Content-Type", "text/plain; charset=utf-8"},
		{"Content-Transfer-Encoding", "base64"},
	} {
		fmt.Fprintf(&b, "%s: %s\r\n", h[0], h[1])
	}
	b.WriteString("\r\n")
	text := base64.StdEncoding.EncodeToString([]byte(strings.ReplaceAll(body, "\n", "\r\n")))
	for len(text) > 76 {
		b.WriteString(text[:76] + "\r\n")
		text = text[76:]
	}
	b.WriteString(text + "\r\n")
	return b.Bytes()
}
