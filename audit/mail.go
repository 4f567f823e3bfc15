package audit

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"net/smtp"
	"strings"
	"time"
)

// MailConfig says how checkpoints are mailed.
type MailConfig struct {
	Server   string   // host:port
	From     string   // an address
	To       []string // addresses; of people outside the operation: an auditor, the compliance officer
	User     string   // with a password, to sign in; only over TLS
	Password string
	TLS      *tls.Config // nil: the host's name, and whom the system trusts
}

// MailWitness mails checkpoints, in plain text. Once an hour or a day is enough for a mailbox: Place.Every.
type MailWitness struct {
	cfg  MailConfig
	host string
	from *mail.Address
	to   []*mail.Address
}

// NewMailWitness checks a configuration.
func NewMailWitness(cfg MailConfig) (*MailWitness, error) {
	host, _, err := net.SplitHostPort(cfg.Server)
	if err != nil || host == "" {
		return nil, fmt.Errorf("witness: mail: %q is no host:port", cfg.Server)
	}
	w := &MailWitness{cfg: cfg, host: host}
	if w.from, err = mail.ParseAddress(cfg.From); err != nil {
		return nil, fmt.Errorf("witness: mail: from: %q is no address", cfg.From)
	}
	for _, to := range cfg.To {
		a, err := mail.ParseAddress(to)
		if err != nil {
			return nil, fmt.Errorf("witness: mail: to: %q is no address", to)
		}
		w.to = append(w.to, a)
	}
	if len(w.to) == 0 {
		return nil, errors.New("witness: mail: nobody to send it to")
	}
	return w, nil
}

// Name is whom it goes to.
func (w *MailWitness) Name() string {
	all := make([]string, len(w.to))
	for i, a := range w.to {
		all[i] = a.Address
	}
	return "mail:" + strings.Join(all, ",")
}

// Keep hands a checkpoint to the mail server.
func (w *MailWitness) Keep(ctx context.Context, signed []byte) (err error) {
	text, err := w.message(signed, time.Now())
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("%s by %s: %w", w.Name(), w.cfg.Server, errors.Join(err, ctx.Err()))
		}
	}()
	conn, stop, err := dial(ctx, w.cfg.Server)
	if err != nil {
		return err
	}
	defer stop()
	defer conn.Close()
	c, err := smtp.NewClient(conn, w.host)
	if err != nil {
		return err
	}
	if ok, _ := c.Extension("STARTTLS"); ok {
		t := w.cfg.TLS
		if t == nil {
			t = &tls.Config{ServerName: w.host, MinVersion: tls.VersionTLS12}
		}
		if err := c.StartTLS(t); err != nil {
			return err
		}
	}
	if w.cfg.User != "" {
		if _, ok := c.TLSConnectionState(); !ok {
			return errors.New("the server offers no TLS, and the password is not sent without")
		}
		if err := c.Auth(smtp.PlainAuth("", w.cfg.User, w.cfg.Password, w.host)); err != nil {
			return errors.New("the server refused the user or the password")
		}
	}
	if err := c.Mail(w.from.Address); err != nil {
		return err
	}
	for _, to := range w.to {
		if err := c.Rcpt(to.Address); err != nil {
			return err
		}
	}
	body, err := c.Data()
	if err != nil {
		return err
	}
	if _, err := body.Write(text); err != nil {
		return err
	}
	if err := body.Close(); err != nil {
		return err
	}
	c.Quit() // it has the mail, whatever it says now
	return nil
}

// message is the mail. The checkpoint stands between blank lines, so that SplitCheckpoints finds it in the saved text.
func (w *MailWitness) message(signed []byte, now time.Time) ([]byte, error) {
	at, err := sizeOf(signed)
	if err != nil {
		return nil, err
	}
	to := make([]string, len(w.to))
	for i, a := range w.to {
		to[i] = a.String()
	}
	_, domain, _ := strings.Cut(w.from.Address, "@")
	var b bytes.Buffer
	fmt.Fprintf(&b, "From: %s\r\nTo: %s\r\nSubject: [Sekisho] ledger %s: %d entries\r\nDate: %s\r\nMessage-ID: <%s@%s>\r\n",
		w.from, strings.Join(to, ",\r\n "), at.Origin, at.Size, now.Format(time.RFC1123Z), rand.Text(), domain)
	b.WriteString("MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\nAuto-Submitted: auto-generated\r\n\r\n")
	q := quotedprintable.NewWriter(&b)
	fmt.Fprintf(q, `The ledger of who did what to messages had %[1]d entries when this was signed. Keep this mail: with it
you can prove later that none of them was changed or removed. Save its text and run

  sekisho audit verify --checkpoint FILE

監査台帳の署名済みチェックポイントをお送りします(署名時点の記録は %[1]d 件)。このメールは削除せずに保管してください。
後日、記録が書き換えられたり削除されたりしていないことを、このメールで証明できます。本文をファイルに保存し、
上記のコマンドで検証します。

%[2]s
`, at.Size, signed)
	return b.Bytes(), q.Close()
}
