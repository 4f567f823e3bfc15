package reportdoor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/mail"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/sekisho/sekisho/report"
)

// takeMail reads a mail and keeps the report that it is. An error that is an unreadable is the mail's; any other is ours, and it may come again.
func (d *Door) takeMail(ctx context.Context, raw []byte) error {
	r, err := report.ReadMail(bytes.NewReader(raw), report.Bounds{Size: d.cfg.Mail.MaxSize})
	if errors.Is(err, report.ErrNoComplaint) {
		return nil
	}
	if err != nil {
		d.taken.WithLabelValues(report.Mail.String(), "refused").Inc()
		return &unreadable{err}
	}
	if r.Channel == report.ChannelUnset {
		r.Channel = report.Mail
	}
	if !d.authenticated(raw) {
		r.Reporter = ""
	}
	if r.Time.IsZero() || r.Time.After(time.Now().Add(time.Hour)) {
		r.Time = time.Now().UTC()
	}
	fresh, err := d.Desk.Take(ctx, []report.Report{r})
	if err == nil {
		d.count(r.Channel, 1, fresh)
	}
	return err
}

// authenticated reports whether our own mail server says that the mail is from whom its From names: by the first Authentication-Results field of its
// authserv-id (RFC 8601 §5: a server removes those that claim to be its own; the uppermost is its).
func (d *Door) authenticated(raw []byte) bool {
	if d.cfg.Mail.AuthServ == "" {
		return false
	}
	m, err := mail.ReadMessage(io.LimitReader(bytes.NewReader(raw), 1<<20))
	if err != nil {
		return false
	}
	for _, field := range m.Header["Authentication-Results"] {
		id, results, ok := strings.Cut(field, ";")
		if id, _, _ = strings.Cut(strings.TrimSpace(id), " "); !ok || !strings.EqualFold(id, d.cfg.Mail.AuthServ) {
			continue
		}
		for part := range strings.SplitSeq(results, ";") {
			method, rest, _ := strings.Cut(strings.TrimSpace(part), "=")
			if value, _, _ := strings.Cut(strings.TrimSpace(rest), " "); strings.EqualFold(method, "dmarc") && strings.EqualFold(value, "pass") {
				return true
			}
		}
		return false
	}
	return false
}

// startLMTP listens for the mail server (RFC 2033).
func (d *Door) startLMTP() error {
	kind, address := "tcp", d.cfg.Mail.LMTP
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		kind, address = "unix", path
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	l, err := net.Listen(kind, address)
	if err != nil {
		return err
	}
	s := smtp.NewServer(&backend{d})
	s.LMTP, s.Domain, s.MaxMessageBytes, s.MaxRecipients = true, "sekisho", d.cfg.Mail.MaxSize, 100
	s.ReadTimeout, s.WriteTimeout, s.MaxLineLength = time.Minute, time.Minute, 4096
	s.ErrorLog = silent{}
	limited := &limited{Listener: l, free: make(chan struct{}, 64)}
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := s.Serve(limited); err != nil && !errors.Is(err, smtp.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
			d.Log.Error("reports by LMTP: no more connections are taken", "err", err)
		}
	})
	d.Log.Info("reports by LMTP are taken", "address", l.Addr().String())
	d.stops = append(d.stops, func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if s.Shutdown(ctx) != nil {
			s.Close()
		}
		wg.Wait()
	})
	return nil
}

// silent: what peers do wrong is theirs.
type silent struct{}

func (silent) Printf(string, ...any) {}
func (silent) Println(...any)        {}

// limited is a listener with so many connections at once; further ones wait.
type limited struct {
	net.Listener
	free chan struct{}
}

func (l *limited) Accept() (net.Conn, error) {
	l.free <- struct{}{}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.free
		return nil, err
	}
	return &counted{Conn: c, done: func() { <-l.free }}, nil
}

type counted struct {
	net.Conn
	once sync.Once
	done func()
}

func (c *counted) Close() error {
	c.once.Do(c.done)
	return c.Conn.Close()
}

type backend struct{ d *Door }

func (b *backend) NewSession(*smtp.Conn) (smtp.Session, error) { return &session{d: b.d}, nil }

// session is one LMTP session. Every recipient is the desk; a mail to several is one report.
type session struct {
	d  *Door
	to []string
}

func (s *session) Mail(string, *smtp.MailOptions) error { return nil }

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.to = append(s.to, to)
	return nil
}

func (s *session) Reset()        { s.to = nil }
func (s *session) Logout() error { return nil }

// Data is what LMTP does not call.
func (s *session) Data(r io.Reader) error { return s.take(r) }

func (s *session) LMTPData(r io.Reader, status smtp.StatusCollector) error {
	err := s.take(r)
	for _, to := range s.to {
		status.SetStatus(to, err)
	}
	return nil
}

func (s *session) take(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	err = s.d.takeMail(ctx, raw)
	if unread := new(unreadable); errors.As(err, &unread) {
		return &smtp.SMTPError{Code: 554, EnhancedCode: smtp.EnhancedCode{5, 6, 0}, Message: "not a report: " + unread.Error()}
	}
	if err != nil {
		s.d.Log.Error("a report by mail could not be kept", "err", err)
		return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "it cannot be kept just now"}
	}
	return nil
}

// maildirEvery is how often a Maildir is looked into, maildirBatch how many mails are taken at one look.
const (
	maildirEvery = 2 * time.Second
	maildirBatch = 1000
)

// startMaildir takes mails out of new/ into cur/ once they are kept. One that is no report goes to cur/ with the flag F, so that a person sees it.
func (d *Door) startMaildir(dir string) error {
	for _, sub := range []string{"new", "cur", "tmp"} {
		if st, err := os.Stat(filepath.Join(dir, sub)); err != nil || !st.IsDir() {
			return fmt.Errorf("%s is no Maildir: it has no folder %s", dir, sub)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(maildirEvery)
		defer tick.Stop()
		for {
			if err := d.emptyMaildir(ctx, dir); err != nil && ctx.Err() == nil {
				d.Log.Error("reports of the Maildir stay in it for now", "err", err)
			}
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	})
	d.stops = append(d.stops, func() {
		cancel()
		wg.Wait()
	})
	return nil
}

func (d *Door) emptyMaildir(ctx context.Context, dir string) error {
	f, err := os.Open(filepath.Join(dir, "new"))
	if err != nil {
		return err
	}
	names, err := f.Readdirnames(maildirBatch)
	f.Close()
	if err != nil && err != io.EOF {
		return err
	}
	slices.Sort(names)
	for _, name := range names {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		path := filepath.Join(dir, "new", name)
		raw, err := readMail(path, d.cfg.Mail.MaxSize)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, errNoFile) {
			continue
		}
		if err != nil {
			return err
		}
		flags := ":2,S"
		err = d.takeMail(ctx, raw)
		if unread := new(unreadable); errors.As(err, &unread) {
			d.Log.Warn("a mail in the Maildir is no report; it is flagged", "file", name, "why", unread.Error())
			flags = ":2,F"
		} else if err != nil {
			return err
		}
		if err := os.Rename(path, filepath.Join(dir, "cur", strings.TrimSuffix(name, ":2,")+flags)); err != nil {
			return err
		}
	}
	return nil
}

var errNoFile = errors.New("not a file")

// readMail reads a mail, as much of it as is looked at.
func readMail(path string, most int64) ([]byte, error) {
	st, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() {
		return nil, errNoFile
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, most+1))
}
