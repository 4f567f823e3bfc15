package corpus

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"strings"

	"golang.org/x/text/encoding/htmlindex"

	"github.com/sekisho/sekisho/message"
)

const (
	maxMail  = 16 * MaxRecord
	maxDepth = 8 // parts within parts
)

func newMail(name string, b *bufio.Reader) func(*Sample) error {
	done := false
	return func(s *Sample) error {
		if done {
			return io.EOF
		}
		done = true
		raw, err := io.ReadAll(io.LimitReader(b, maxMail+1))
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if len(raw) > maxMail {
			return fmt.Errorf("%s: a mail longer than 16 MiB", name)
		}
		s.Line = 1
		if err := readMail(s, raw); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		return nil
	}
}

// newMbox reads mails in the mboxrd form: each after a line "From ", such lines within one are quoted
// by >.
func newMbox(name string, b *bufio.Reader) func(*Sample) error {
	var buf, raw []byte
	line, start := 0, 0
	return func(s *Sample) error {
		raw = raw[:0]
		for {
			line++
			l, err := readLine(b, buf)
			if err != nil && err != io.EOF {
				return at(name, line, err)
			}
			if err == io.EOF && start == 0 {
				return io.EOF
			}
			if l != nil {
				buf = l
			}
			if err == io.EOF || bytes.HasPrefix(l, []byte("From ")) {
				s.Line = start
				if start = line; err == io.EOF {
					start = 0
				}
				if s.Line == 0 {
					continue
				}
				if err := readMail(s, raw); err != nil {
					return at(name, s.Line, err)
				}
				return nil
			}
			if start == 0 {
				if len(bytes.TrimSpace(l)) == 0 {
					continue
				}
				return at(name, line, errors.New(`not an mbox: no line "From " before the first mail`))
			}
			if bytes.HasPrefix(l, []byte(">")) && bytes.HasPrefix(bytes.TrimLeft(l, ">"), []byte("From ")) {
				l = l[1:]
			}
			if len(raw)+len(l) > maxMail {
				return at(name, start, errors.New("a mail longer than 16 MiB"))
			}
			raw = append(append(raw, l...), '\n')
		}
	}
}

func readMail(s *Sample, raw []byte) error {
	m, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return fmt.Errorf("not a mail: %w", err)
	}
	s.Route = message.Mail
	s.ID = strings.Trim(m.Header.Get("Message-Id"), "<> ")
	s.From, s.To = address(m.Header.Get("From")), address(m.Header.Get("To"))
	if t, err := m.Header.Date(); err == nil {
		s.Time = t.UTC()
	}
	words := mime.WordDecoder{CharsetReader: charset}
	subject, err := words.DecodeHeader(m.Header.Get("Subject"))
	if err != nil {
		subject = m.Header.Get("Subject")
	}
	body, ok := textPart(m.Header.Get, m.Body, maxDepth)
	if !ok {
		return errors.New("no part of the mail is text/plain")
	}
	s.Text = strings.TrimSpace(subject + "\n" + body)
	return nil
}

func address(header string) string {
	if a, err := mail.ParseAddress(header); err == nil {
		return a.Address
	}
	return header
}

// textPart finds the first part that is plain text and reads it. A part that breaks off gives what came.
func textPart(header func(string) string, body io.Reader, depth int) (string, bool) {
	kind, params, err := mime.ParseMediaType(header("Content-Type"))
	if err != nil {
		kind, params = "text/plain", nil // RFC 2045 §5.2
	}
	if strings.HasPrefix(kind, "multipart/") && depth > 0 && params["boundary"] != "" {
		parts := multipart.NewReader(body, params["boundary"])
		for {
			p, err := parts.NextRawPart()
			if err != nil {
				return "", false
			}
			if text, ok := textPart(p.Header.Get, p, depth-1); ok {
				return text, true
			}
		}
	}
	if kind != "text/plain" {
		return "", false
	}
	switch strings.ToLower(strings.TrimSpace(header("Content-Transfer-Encoding"))) {
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, body)
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	}
	if r, err := charset(params["charset"], body); err == nil {
		body = r
	}
	text, _ := io.ReadAll(io.LimitReader(body, MaxRecord))
	return string(text), true
}

// charset reads the character sets of mail; ISO-2022-JP and Shift_JIS are still common in Japan.
func charset(name string, in io.Reader) (io.Reader, error) {
	if name == "" || strings.EqualFold(name, "us-ascii") || strings.EqualFold(name, "utf-8") {
		return in, nil
	}
	e, err := htmlindex.Get(name)
	if err != nil {
		return nil, err
	}
	return e.NewDecoder().Reader(in), nil
}
