package action

import (
	"errors"
	"fmt"
	"net/mail"
	"strings"
	"time"

	"github.com/sekisho/sekisho/cases"
	"github.com/sekisho/sekisho/purpose"
	"github.com/sekisho/sekisho/subject"
)

// Contact is how the holder of a contract is reached, from the operator's own books. It is never kept.
type Contact struct {
	Language string // ja or en; empty: ja
	Company  bool   // told through its contact person, never on the line itself
	Person   string // of a company
	Mail     string // of the contract, or of the contact person
	Address  Address
}

// Address is where letters go.
type Address struct {
	Name  string   `json:"name"`
	Code  string   `json:"postal_code"`
	Lines []string `json:"address"`
}

// Why nobody is told.
var (
	ErrNoGrant  = errors.New("the contract gives no leave for infection_notice: nobody is told")
	ErrTooSoon  = errors.New("its owner was told a short time ago")
	ErrNoPerson = errors.New("a company is told through its contact person, and none is named")
)

// Notice is a notice that was planned: what is kept of it, and what is not.
type Notice struct {
	cases.Notice
	Due     time.Time // not sooner
	Subject string    // of mail and letters
	Body    string    // empty for a call
	to      to
}

// to is whom it goes to. It stays in here, so that no log can have it.
type to struct {
	mail string
	post Address
	line subject.Line
}

// Plan plans the notice of a case. It is pure. The grant is of the contract that holds the line now.
func Plan(c *cases.Case, contact Contact, now time.Time, cfg *Config, words *Words, g purpose.Grant) (*Notice, error) {
	switch {
	case !g.Covers(purpose.InfectionNotice):
		return nil, fmt.Errorf("case %s: %w", c.ID, ErrNoGrant)
	case c.Kind != cases.InfectedLine || c.Line == 0 || !c.State.Active():
		return nil, fmt.Errorf("case %s is %s: there is nothing to tell", c.ID, c.State)
	case !c.Noticed.IsZero() && now.Sub(c.Noticed) < cfg.Again.Duration:
		return nil, fmt.Errorf("case %s: %w", c.ID, ErrTooSoon)
	case contact.Company && strings.TrimSpace(contact.Person) == "":
		return nil, fmt.Errorf("case %s: %w", c.ID, ErrNoPerson)
	}
	p := &Notice{Notice: cases.Notice{Case: c.ID, State: cases.Planned, Planned: now}, Due: now}
	p.choose(c, &contact, cfg)
	if p.Channel == cases.Call || p.Channel == cases.SMS {
		var err error
		if p.Due, err = cfg.Awake(now); err != nil {
			return nil, err
		}
	}
	language := contact.Language
	if language == "" {
		language = "ja"
	}
	zone, err := cfg.zone()
	if err != nil {
		return nil, err
	}
	p.Subject, p.Body, p.Text, err = words.write(p.Channel, language, &Facts{Operator: cfg.Operator, Phone: cfg.Phone, Texts: int(c.Stopped),
		Since: c.FirstEvidence.In(zone), Ending: ending(c.Line), Company: contact.Company, Person: contact.Person})
	if err != nil {
		return nil, fmt.Errorf("case %s: %w", c.ID, err)
	}
	return p, nil
}

// choose takes the first way that there is: those that the phone does not control, then the phone itself, which hides texts while malware has it.
// A text goes out only where customer care makes no calls, and to no company.
func (p *Notice) choose(c *cases.Case, contact *Contact, cfg *Config) {
	switch {
	case cfg.Mail.Server != "" && mailable(contact.Mail):
		p.Channel, p.to.mail = cases.Mail, contact.Mail
	case cfg.Post.Folder != "" && len(contact.Address.Lines) > 0 && contact.Address.Name != "":
		p.Channel, p.to.post = cases.Post, contact.Address
	case cfg.SMS.Code != "" && cfg.NoCalls && !contact.Company:
		p.Channel, p.to.line = cases.SMS, c.Line
	default:
		p.Channel, p.to.line = cases.Call, c.Line
	}
}

func mailable(s string) bool {
	a, err := mail.ParseAddress(s)
	return err == nil && a.Address == s
}

// ending is by which an owner of several lines knows which one is meant.
func ending(l subject.Line) string {
	s := l.String()
	return s[max(0, len(s)-3):]
}
