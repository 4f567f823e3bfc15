package action

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/sekisho/sekisho/cases"
	"github.com/sekisho/sekisho/subject"
)

// Mailer sends a mail and returns when a server has taken it over.
type Mailer interface {
	Mail(ctx context.Context, id, to, subject, body string) error
}

// Poster hands a letter over to whoever prints it.
type Poster interface {
	Post(ctx context.Context, id string, to Address, subject, body string) error
}

// Texter sends a text and returns when the SMSC has taken it over. That the phone shows it nobody can know.
type Texter interface {
	Text(ctx context.Context, from string, to subject.Line, body string) error
}

// Outbox carries out notices that a person agreed to. It is the only place from where any leaves.
type Outbox struct {
	Config *Config
	Mail   Mailer
	Post   Poster
	Text   Texter
}

// Why a notice stays.
var (
	ErrDry      = errors.New("send is false: nothing leaves")
	ErrAgree    = errors.New("nobody agreed to this notice")
	ErrChanged  = errors.New("the way or the words have changed since it was agreed to: somebody has to agree again")
	ErrLater    = errors.New("it is not time yet")
	ErrByHand   = errors.New("customer care makes this call: it goes out with the call list")
	ErrNoSender = errors.New("this channel is not set up")
)

// Send sends a notice. agreed is what was kept of it; n is the same planned anew, by leave that the contract gives now. sent
// are the times of what was sent within the last hour. What is returned was not sent, unless it failed on the way.
func (o *Outbox) Send(ctx context.Context, agreed *cases.Notice, n *Notice, now time.Time, sent []time.Time) error {
	switch {
	case !o.Config.Send:
		return ErrDry
	case agreed.State != cases.Agreed || agreed.AgreedBy == "" || agreed.AgreedBy == cases.Machine:
		return ErrAgree
	case agreed.Case != n.Case || agreed.Channel != n.Channel || agreed.Text != n.Text:
		return ErrChanged
	case n.Channel == cases.Call:
		return ErrByHand
	case now.Before(n.Due) || Room(o.Config, now, sent) < 1:
		return ErrLater
	}
	var err error
	switch {
	case n.Channel == cases.Mail && o.Mail != nil:
		err = o.Mail.Mail(ctx, agreed.ID, n.to.mail, n.Subject, n.Body)
	case n.Channel == cases.Post && o.Post != nil:
		err = o.Post.Post(ctx, agreed.ID, n.to.post, n.Subject, n.Body)
	case n.Channel == cases.SMS && o.Text != nil:
		err = o.Text.Text(ctx, o.Config.SMS.Code, n.to.line, n.Body)
	default:
		return ErrNoSender
	}
	if err != nil {
		return fmt.Errorf("notice %s by %s: %w", agreed.ID, n.Channel, err)
	}
	return nil
}

// Room is how many notices may still be sent within the hour that ends now.
func Room(c *Config, now time.Time, sent []time.Time) int {
	n := c.PerHour
	for _, t := range sent {
		if now.Sub(t) < time.Hour {
			n--
		}
	}
	return max(0, n)
}

// Spool is a folder of letters for the letter shop: a file a day, a JSON object a line. It is synced before a letter counts as sent, and a letter
// stands there once, however often it was tried.
type Spool struct {
	Folder string
	Now    func() time.Time
	mu     sync.Mutex
}

// letter is a line of the spool.
type letter struct {
	ID      string `json:"id"`
	Address        // to
	Subject string `json:"subject"`
	Body    string `json:"body"`
}

// Post writes a letter.
func (s *Spool) Post(_ context.Context, id string, to Address, subject, body string) (err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := filepath.Join(s.Folder, "letters-"+s.Now().Format("20060102")+".jsonl")
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	there, end, err := lettersIn(f, id)
	if err != nil || there {
		return err
	}
	line, err := json.Marshal(letter{id, to, subject, body})
	if err != nil {
		return err
	}
	if err := f.Truncate(end); err != nil { // what a crash left of a letter
		return err
	}
	if _, err := f.WriteAt(append(line, '\n'), end); err != nil {
		return err
	}
	return f.Sync()
}

// lettersIn looks for a letter, and says where the last whole one ends.
func lettersIn(f *os.File, id string) (there bool, end int64, err error) {
	b, err := io.ReadAll(f)
	if err != nil {
		return false, 0, err
	}
	for i, from := 0, 0; i < len(b); i++ {
		if b[i] != '\n' {
			continue
		}
		var l letter
		if json.Unmarshal(b[from:i], &l) == nil && l.ID == id {
			there = true
		}
		from, end = i+1, int64(i+1)
	}
	return there, end, nil
}
