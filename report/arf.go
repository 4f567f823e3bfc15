package report

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/quotedprintable"
	"net/mail"
	"strings"
	"time"
)

// feedback finds the part that says what a feedback report is about (RFC 5965 §2): nil where the mail is none.
func (p *part) feedback() *part {
	if p.media != "multipart/report" || !strings.EqualFold(p.params["report-type"], "feedback-report") {
		return nil
	}
	for _, q := range p.parts {
		if q.media == "message/feedback-report" {
			return q
		}
	}
	return nil
}

// setFeedback reads a feedback report: its fields (RFC 5965 §3), and the mail or header that it encloses.
func (r *Report) setFeedback(m *mailParser, root, f *part) error {
	r.Channel, r.Medium = ARF, Email
	raw, err := io.ReadAll(f.decoded())
	if err != nil {
		return err
	}
	fields, _, over := readHeader(bytes.TrimLeft(raw, "\r\n"), m.bounds.Fields)
	m.cut = m.cut || over
	var none error
	switch strings.ToLower(strings.TrimSpace(fields.get("feedback-type"))) {
	case "abuse", "fraud", "virus", "": // spam, phishing, malware: what the reporter complains of
		r.Claim = Fraud
	case "not-spam":
		r.Claim = Honest
	case "opt-out", "opt-out-list", "other", "miscategorized":
		r.Claim = Spam
	case "auth-failure", "dmarc":
		none = ErrNoComplaint
	default:
		r.Claim = Spam
	}
	if t, ok := parseDate(fields.get("arrival-date")); ok {
		r.Seen = t
	} else if t, ok := parseDate(fields.get("received-date")); ok {
		r.Seen = t
	}
	if ip, err := parseIP(strings.Trim(strings.TrimSpace(fields.get("source-ip")), "[]")); err == nil {
		r.IP = ip
	}
	r.To = address(fields.get("original-rcpt-to"))
	sender := address(fields.get("original-mail-from"))
	enclosed, header := root.enclosed(f)
	switch {
	case enclosed != nil:
		r.setForwarded(m, enclosed)
	case header != nil:
		r.setSubject(decodeWords(header.get("subject")))
		if header.count("from") == 1 {
			r.Suspect = address(header.get("from"))
		}
		if t, ok := parseDate(header.get("date")); ok && r.Seen.IsZero() {
			r.Seen = t
		}
	}
	if r.Suspect == "" {
		r.Suspect = sender
	}
	for _, h := range fields {
		switch strings.ToLower(h.name) {
		case "reported-uri":
			if uri := strings.TrimSpace(h.value()); !strings.HasPrefix(strings.ToLower(uri), "mailto:") && r.addLink(uri) != nil {
				r.Cut = true
			}
		case "reported-domain":
			if d := strings.TrimSpace(h.value()); !sameDomain(r.Suspect, d) && r.addLink(d) != nil { // that of the sender says nothing new
				r.Cut = true
			}
		}
	}
	return none
}

func sameDomain(address, domain string) bool {
	_, d, ok := strings.Cut(address, "@")
	return ok && strings.EqualFold(d, domain)
}

// enclosed is what a feedback report encloses: a mail, or the header of one.
func (p *part) enclosed(but *part) (mail *part, header header) {
	for _, q := range p.parts {
		switch {
		case q == but:
		case q.inner != nil:
			return q.inner, nil
		case q.media == "text/rfc822-headers" || q.media == "message/rfc822-headers":
			raw, _ := io.ReadAll(q.decoded())
			h, _, _ := readHeader(bytes.TrimLeft(raw, "\r\n"), 512)
			return nil, h
		}
	}
	return nil, nil
}

// WriteARF writes a report as a feedback report (RFC 5965) to whoever hosts what it complains of. Who reported, and whom the text was sent to, is not in it.
// from and to are mail addresses.
func WriteARF(w io.Writer, r Report, from, to string, now time.Time) error {
	for _, a := range []string{from, to} {
		if _, err := mail.ParseAddress(a); err != nil {
			return errors.New("a feedback report goes from a mail address to a mail address")
		}
	}
	kind := "abuse"
	switch r.Claim {
	case Fraud:
		kind = "fraud"
	case Honest:
		kind = "not-spam"
	}
	const boundary = "=_sekisho_feedback" // no line of base64 or quoted-printable begins so
	var b bytes.Buffer
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\r\n", args...) }
	line("From: %s", from)
	line("To: %s", to)
	line("Date: %s", now.Format(time.RFC1123Z))
	line("Subject: %s", mime.QEncoding.Encode("utf-8", "Fraud report"))
	line("MIME-Version: 1.0")
	line("Auto-Submitted: auto-generated")
	line("Content-Type: multipart/report; report-type=feedback-report;\r\n boundary=%q", boundary)
	line("")
	line("--%s\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n", boundary)
	q := quotedprintable.NewWriter(&b)
	fmt.Fprintf(q, "A %s was reported to us as fraud. What it says, and where it leads, is enclosed.\r\n", mediumWord(r.Medium))
	if err := q.Close(); err != nil {
		return err
	}
	line("\r\n--%s\r\nContent-Type: message/feedback-report\r\n", boundary)
	line("Feedback-Type: %s", kind)
	line("User-Agent: Sekisho/1")
	line("Version: 1")
	if !r.Seen.IsZero() {
		line("Arrival-Date: %s", r.Seen.Format(time.RFC1123Z))
	}
	if r.IP != "" {
		line("Source-IP: %s", r.IP)
	}
	for _, l := range r.Links {
		if printable(l) {
			line("Reported-URI: %s", l)
		}
	}
	line("\r\n--%s\r\nContent-Type: message/rfc822\r\n", boundary)
	if a, err := mail.ParseAddress(r.Suspect); err == nil {
		line("From: %s", (&mail.Address{Address: a.Address}).String())
	}
	if r.Subject != "" {
		line("Subject: %s", mime.QEncoding.Encode("utf-8", r.Subject))
	}
	if !r.Seen.IsZero() {
		line("Date: %s", r.Seen.Format(time.RFC1123Z))
	}
	line("MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n")
	for text := base64.StdEncoding.EncodeToString([]byte(r.Text)); text != ""; {
		n := min(76, len(text))
		line("%s", text[:n])
		text = text[n:]
	}
	line("\r\n--%s--", boundary)
	_, err := w.Write(b.Bytes())
	return err
}

func mediumWord(m Medium) string {
	switch m {
	case SMS:
		return "text message"
	case Call:
		return "call"
	case Web:
		return "web page"
	}
	return "mail"
}

// printable reports whether a link may stand in a header as it is.
func printable(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return s != "" && len(s) < 900
}
