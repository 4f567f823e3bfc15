package report

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/mail"
	"strings"
	"time"

	"github.com/sekisho/sekisho/subject"
)

// MaxXARF is how many octets of an XARF document are read where nothing else is said: its evidence stands in it in base64.
const MaxXARF = 32 << 20

var (
	errXARFVersion = errors.New("xarf_version is not 4")
	errXARFNone    = errors.New("it complains of nothing that people are sent or led to: category is neither messaging nor content")
)

// xarf is what is read of an XARF v4 document (xarf.org, schemas v4.2.0). Keys that are not here are passed over, as its schema allows others.
type xarf struct {
	Version  string `json:"xarf_version"`
	ID       string `json:"report_id"`
	Time     string `json:"timestamp"`
	Reporter struct {
		Contact string `json:"contact"`
		Domain  string `json:"domain"`
	} `json:"reporter"`
	Source      string   `json:"source_identifier"`
	Category    string   `json:"category"`
	Type        string   `json:"type"`
	Protocol    string   `json:"protocol"`
	SMTPFrom    string   `json:"smtp_from"`
	SMTPTo      string   `json:"smtp_to"`
	Subject     string   `json:"subject"`
	Language    string   `json:"language"`
	Description string   `json:"description"`
	URL         string   `json:"url"`
	Submission  string   `json:"submission_url"`
	Redirects   []string `json:"redirect_chain"`
	Spam        struct {
		Links []string `json:"suspicious_links"`
	} `json:"spam_indicators"`
	Evidence []struct {
		Type    string `json:"content_type"`
		Payload string `json:"payload"`
		Hash    string `json:"hash"`
	} `json:"evidence"`
}

// ReadXARF reads an XARF v4 document of the categories messaging and content, of at most max octets (MaxXARF where max is 0).
func ReadXARF(in io.Reader, max int) (Report, error) {
	if max <= 0 {
		max = MaxXARF
	}
	data, err := vet(in, max)
	if err != nil {
		return Report{}, err
	}
	var x xarf
	if err := json.Unmarshal(data, &x); err != nil {
		return Report{}, typeError(err)
	}
	if !strings.HasPrefix(x.Version, "4.") {
		return Report{}, errXARFVersion
	}
	r := Report{Channel: XARF}
	for _, f := range []struct {
		name  string
		value string
		as    field
	}{{"report_id", x.ID, fieldID}, {"timestamp", x.Time, fieldTime}, {"reporter.contact", x.Reporter.Contact, fieldReporter}} {
		if f.value == "" {
			return Report{}, fmt.Errorf("%s is missing", f.name)
		}
		if err := r.set(f.as, f.value); err != nil {
			return Report{}, fmt.Errorf("%s: %w", f.name, errors.Unwrap(err))
		}
	}
	r.Seen = r.Time
	switch x.Category {
	case "messaging":
		err = r.setMessaging(&x)
	case "content":
		r.Medium = Web
		if x.URL == "" {
			return Report{}, errors.New("url is missing")
		}
		err = r.addLink(x.URL)
	default:
		return Report{}, errXARFNone
	}
	if err != nil {
		return Report{}, err
	}
	if _, err := parseIP(x.Source); err == nil {
		r.IP = x.Source
	} else if r.Suspect == "" && r.Medium != Web {
		if r.Suspect, err = parseParty(x.Source); err != nil {
			return Report{}, fmt.Errorf("source_identifier: %w", err)
		}
	}
	for _, l := range append(append(x.Spam.Links, x.Redirects...), x.Submission) {
		if l != "" && r.addLink(l) != nil {
			r.Cut = true
		}
	}
	r.setSubject(x.Subject)
	if validLanguage(x.Language) {
		r.Language = x.Language
	}
	r.setEvidence(&x)
	if r.Text == "" {
		r.setText(x.Description)
	}
	return r, r.check()
}

func (r *Report) setMessaging(x *xarf) (err error) {
	switch x.Type {
	case "spam", "bulk_messaging", "bulk-messaging":
		r.Claim = Spam
	}
	switch x.Protocol {
	case "sms":
		r.Medium = SMS
	case "smtp", "":
		r.Medium = Email
		if x.SMTPFrom != "" {
			if r.Suspect, err = parseParty(x.SMTPFrom); err != nil {
				return fmt.Errorf("smtp_from: %w", err)
			}
		}
	}
	if x.SMTPTo != "" {
		if r.To, err = parseParty(x.SMTPTo); err != nil {
			return fmt.Errorf("smtp_to: %w", err)
		}
	}
	return nil
}

// setEvidence takes the text from the first piece of evidence that is one, and what else there is as hashes.
func (r *Report) setEvidence(x *xarf) {
	for i, e := range x.Evidence {
		if i == 50 { // the schema's own bound
			r.Cut = true
			return
		}
		raw, err := base64.StdEncoding.DecodeString(e.Payload)
		if err != nil {
			raw, err = base64.RawStdEncoding.DecodeString(strings.TrimRight(e.Payload, "."))
		}
		kind, _, _ := strings.Cut(strings.ToLower(e.Type), ";")
		switch {
		case err != nil:
			r.Cut = true
		case kind == "text/plain" && r.Text == "":
			r.setText(decodeCharset("", raw))
		case kind == "message/rfc822" && r.Text == "":
			if inner, err := ReadMail(strings.NewReader(string(raw)), Bounds{Size: MaxXARF}); err == nil {
				r.Text = inner.Text
				for _, l := range inner.Links {
					r.Cut = r.addLink(l) != nil || r.Cut
				}
				r.addFiles(inner.Files)
			}
		default:
			r.addFiles([]string{hashOf(strings.NewReader(string(raw)))})
		}
	}
}

// typeError is what is wrong with somebody else's JSON, by the name of the key and without what stands there.
func typeError(err error) error {
	var t *json.UnmarshalTypeError
	if errors.As(err, &t) && t.Field != "" {
		return fmt.Errorf("%.60s: not of the kind that the schema asks for", t.Field)
	}
	return errJSON
}

// Contact is who we are towards those whom we complain to.
type Contact struct {
	Org    string // name
	Mail   string // of the abuse desk
	Domain string
}

// WriteXARF writes a report as XARF v4.2: messaging/spam for texts and mails, content/phishing where it is a page, or its links are what we complain of.
// Who reported, whom it was sent to, and a line that sent it, whose owner may not know, are not in it. id is a UUID.
func WriteXARF(w io.Writer, r Report, us Contact, id string) error {
	if us.Org == "" || us.Domain == "" {
		return errors.New("who complains has a name, a mail address and a domain")
	}
	if _, err := mail.ParseAddress(us.Mail); err != nil {
		return errors.New("who complains has a name, a mail address and a domain")
	}
	when := r.Seen
	if when.IsZero() {
		when = r.Time
	}
	contact := map[string]string{"org": us.Org, "contact": us.Mail, "domain": us.Domain}
	x := map[string]any{"xarf_version": "4.2.0", "report_id": id, "timestamp": when.UTC().Format(time.RFC3339), "reporter": contact, "sender": contact}
	if r.Text != "" {
		x["evidence"] = []any{map[string]string{"content_type": "text/plain", "description": "What it said", "payload": base64.StdEncoding.EncodeToString([]byte(r.Text))}}
	}
	source := r.IP
	switch {
	case r.Suspect != "" && !r.victim() && (r.Medium == SMS || r.Medium == Email):
		x["category"], x["type"], x["evidence_source"], x["protocol"] = "messaging", "spam", "user_complaint", "sms"
		if r.Medium == Email {
			a, err := mail.ParseAddress(r.Suspect)
			if err != nil {
				return errors.New("the sender of the mail is no address")
			}
			x["protocol"], x["smtp_from"], x["source_port"] = "smtp", a.Address, 25
		}
		if source == "" {
			source = r.Suspect
		}
		if r.Subject != "" {
			x["subject"] = boundedTo(r.Subject, 500)
		}
		var links []string
		for _, l := range r.Links {
			if strings.Contains(l, "://") {
				links = append(links, l)
			}
		}
		if links != nil {
			x["spam_indicators"] = map[string]any{"suspicious_links": links}
		}
	case len(r.Links) > 0:
		url := r.Links[0]
		if !strings.Contains(url, "://") {
			url = "http://" + url
		}
		x["category"], x["type"], x["url"], x["evidence_source"] = "content", "phishing", url, "user_report"
		if source == "" {
			host := strings.TrimPrefix(strings.TrimPrefix(url, "http://"), "https://")
			source, _, _ = strings.Cut(host, "/")
		}
	}
	if source == "" || x["category"] == nil {
		return errors.New("the report names neither a sender, nor an address, nor a link to complain of")
	}
	x["source_identifier"] = source
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(x)
}

// victim reports whether a report's suspect is a line, which may be a phone that malware uses: no complaint names it.
func (r *Report) victim() bool {
	_, err := subject.ParseLine(r.Suspect)
	return err == nil
}
