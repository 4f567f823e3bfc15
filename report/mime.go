package report

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/mail"
	"strings"
)

// Bounds of a mail. Zeros are those of DefaultBounds.
type Bounds struct {
	Size   int64 // octets of it; what is behind them is not read, and Cut set
	Depth  int   // of parts within parts and mails within mails; deeper ones are hashed as files, and Cut set
	Parts  int   // in all; the rest is not looked at, and Cut set
	Fields int   // of one header; a mail with more is refused, a part's further ones are passed over
}

// DefaultBounds fit what mailboxes let through.
func DefaultBounds() Bounds { return Bounds{Size: 25 << 20, Depth: 8, Parts: 128, Fields: 512} }

func (b Bounds) orDefault() Bounds {
	d := DefaultBounds()
	if b.Size <= 0 {
		b.Size = d.Size
	}
	if b.Depth <= 0 {
		b.Depth = d.Depth
	}
	if b.Parts <= 0 {
		b.Parts = d.Parts
	}
	if b.Fields <= 0 {
		b.Fields = d.Fields
	}
	return b
}

const (
	maxLeaf  = 1 << 20   // octets of a part of text that are looked at, decoded
	maxPage  = 256 << 10 // octets of text of one mail that are kept while it is read
	maxPlace = 256       // links of one mail that are kept while it is read
	maxParam = 32        // parameters of a content type
)

var (
	errNoMail = errors.New("not a mail: it has no header")
	errFrom   = errors.New("more than one From field (RFC 5322 §3.6): who reports cannot be told")
)

// ErrNoComplaint comes with the report of a mail that is a report of RFC 6591: that a signature or a policy failed says nothing of fraud, and
// nobody complained. The report is filled in as far as it can be; it is not to be weighed.
var ErrNoComplaint = errors.New("a report that authentication failed (RFC 6591), which complains of nobody")

// ReadMail reads a report that came by mail: a feedback report (RFC 5965), a mail forwarded as an attachment, one forwarded in line, or the words
// of the reporter himself. Reporter is the one address of its From, empty where that cannot be told; whether it is his, the caller has to know
// from DKIM or SPF. Suspect is who sent what was forwarded. If what was forwarded is a forward again, nobody is: its sender is the first
// reporter's friend, and who is named within it was named by whoever wrote the text. Archives are not opened.
func ReadMail(in io.Reader, b Bounds) (Report, error) {
	b = b.orDefault()
	data, err := io.ReadAll(io.LimitReader(in, b.Size+1))
	if err != nil {
		return Report{}, err
	}
	m := mailParser{bounds: b, left: b.Parts}
	if int64(len(data)) > b.Size {
		data, m.cut = data[:b.Size], true
	}
	h, _, over := readHeader(data, b.Fields)
	switch {
	case len(h) == 0:
		return Report{}, errNoMail
	case over:
		return Report{}, fmt.Errorf("more than %d header fields", b.Fields)
	case h.count("from") > 1:
		return Report{}, errFrom
	}
	root := m.part(data, 0, "text/plain")
	r := Report{Channel: Mail}
	r.envelope(root.header)
	if f := root.feedback(); f != nil {
		err = r.setFeedback(&m, root, f)
	} else if inner, more := root.attached(); inner != nil {
		r.setForwarded(&m, inner)
		r.others(more)
	} else {
		r.setInline(&m, root)
	}
	if r.To == r.Reporter {
		r.To = ""
	}
	r.Cut = r.Cut || m.cut
	if err == nil {
		err = r.check()
	}
	return r, err
}

// envelope reads from the outer header who reports, when, and under which name.
func (r *Report) envelope(h header) {
	if id := strings.Trim(h.get("message-id"), "<> \t"); validID(id) {
		r.ID = id
	} else if id != "" { // too long a name for us is still one
		sum := sha256.Sum256([]byte(id))
		r.ID = "sha256:" + hex.EncodeToString(sum[:])
	}
	// Strictly, so that the caller who looks at the same field sees the same address.
	if list, err := (&mail.AddressParser{WordDecoder: wordDecoder}).ParseList(h.get("from")); err == nil && len(list) == 1 {
		r.Reporter = address(list[0].Address)
	}
	if t, ok := parseDate(h.get("date")); ok {
		r.Time = t
	}
}

// setForwarded reads the mail that was reported.
func (r *Report) setForwarded(m *mailParser, p *part) {
	h := p.header
	r.Medium = Email
	r.setSubject(decodeWords(h.get("subject")))
	if h.count("from") == 1 {
		r.Suspect = address(h.get("from"))
	}
	if r.To == "" {
		r.To = address(h.get("to"))
	}
	if t, ok := parseDate(h.get("date")); ok && r.Seen.IsZero() {
		r.Seen = t
	}
	if l := strings.TrimSpace(h.get("content-language")); validLanguage(l) {
		r.Language = l
	}
	c := m.collect(p)
	page := c.page()
	_, again := findForward(page.text)
	if inner, _ := p.attached(); inner != nil || again {
		r.Suspect = ""
	}
	r.setPage(page, 0, len(page.text))
	r.addFiles(c.files)
}

// setInline reads a mail whose text holds what is reported: behind the lines that say who sent it, or, where there are none, from its beginning.
func (r *Report) setInline(m *mailParser, root *part) {
	c := m.collect(root)
	defer r.addFiles(c.files)
	page := c.page()
	f, ok := findForward(page.text)
	if !ok {
		if f, ok = findForward(c.plain.text); ok {
			page = &c.plain
		}
	}
	if !ok {
		subject, forwarded := cutForwardPrefix(decodeWords(root.header.get("subject")))
		r.setSubject(subject)
		if forwarded {
			r.Medium = Email
		}
		r.setPage(page, 0, len(page.text))
		return
	}
	r.Medium = Email
	r.setSubject(f.subject)
	r.Suspect, r.To = f.from, f.to
	if f.phone {
		r.Medium = SMS
	}
	if !f.date.IsZero() {
		r.Seen = f.date
	}
	if _, again := findForward(page.text[f.body:]); again {
		r.Suspect = ""
	}
	r.setPage(page, f.body, len(page.text))
	if f.quoted {
		r.setText(unquoteLines(r.Text))
	}
}

// others are mails that were attached beside the first: they are told by their hashes only.
func (r *Report) others(more []*part) {
	for _, p := range more {
		r.Cut = true
		r.addFiles([]string{hashOf(bytes.NewReader(p.raw))})
	}
}

func (r *Report) addFiles(hashes []string) {
	for _, h := range hashes {
		if r.addFile(h) != nil {
			r.Cut = true
		}
	}
}

// setPage takes the text from one offset to another, and the links there that cannot be read from it.
func (r *Report) setPage(p *page, from, to int) {
	r.Cut = r.Cut || p.cut
	text := p.text[from:to]
	start := from + len(text) - len(strings.TrimLeft(text, "\n "))
	text = strings.TrimSpace(text)
	r.setText(text)
	for _, l := range p.links {
		if l.at >= start && l.at <= to && !strings.Contains(r.Text, l.url) && r.addLink(l.url) != nil {
			r.Cut = true
		}
	}
	if len(r.Text) < len(text) { // links are what the rest may be padded away for
		for _, l := range writtenLinks(text[len(r.Text):]) {
			if !strings.Contains(r.Text, l) && r.addLink(l) != nil {
				r.Cut = true
			}
		}
	}
}

// writtenLinks are the links with a scheme that stand in a text.
func writtenLinks(text string) (links []string) {
	for len(links) < maxPlace {
		i := strings.Index(text, "://")
		if i < 0 {
			break
		}
		start, end := i, i+3
		for start > 0 && text[start-1]|0x20 >= 'a' && text[start-1]|0x20 <= 'z' {
			start--
		}
		for end < len(text) && text[end] > 0x20 && text[end] < 0x7f && !strings.ContainsRune(`<>"`, rune(text[end])) {
			end++
		}
		if s := strings.ToLower(text[start:i]); s == "http" || s == "https" || s == "hxxp" || s == "hxxps" {
			links = append(links, text[start:end])
		}
		text = text[end:]
	}
	return links
}

// part is a mail or a part of one.
type part struct {
	header header
	media  string // "text/html", in lower case
	params map[string]string
	raw    []byte  // as it stands there, with its header
	body   []byte  // still encoded; of a part that was opened as well
	parts  []*part // of multipart
	inner  *part   // of message/rfc822
	closed bool    // was not opened for its depth
}

// mailParser takes a mail apart. What it makes points into the mail, but for mails that are encoded as a whole.
type mailParser struct {
	bounds Bounds
	left   int // parts that may still come
	cut    bool
}

func (m *mailParser) part(raw []byte, depth int, otherwise string) *part {
	m.left--
	h, body, over := readHeader(raw, m.bounds.Fields)
	m.cut = m.cut || over
	p := &part{header: h, raw: raw, body: body}
	p.media, p.params = parseContentType(h.get("content-type"), otherwise)
	mailed := p.isMail()
	if depth >= m.bounds.Depth && (mailed || strings.HasPrefix(p.media, "multipart/")) {
		p.closed, m.cut = true, true
		return p
	}
	switch {
	case mailed:
		if m.left <= 0 {
			p.closed, m.cut = true, true
			return p
		}
		whole := body
		switch p.encoding() { // RFC 2046 §5.2.1 forbids it, and it is done
		case "base64", "quoted-printable":
			whole, _ = io.ReadAll(p.decoded())
		}
		p.inner = m.part(whole, depth+1, "text/plain")
	case strings.HasPrefix(p.media, "multipart/"):
		boundary := p.params["boundary"]
		if boundary == "" || len(boundary) > 200 {
			p.media = "text/plain"
			return p
		}
		otherwise = "text/plain"
		if p.media == "multipart/digest" { // RFC 2046 §5.1.5
			otherwise = "message/rfc822"
		}
		splitParts(body, boundary, func(raw []byte) bool {
			if m.left <= 0 {
				m.cut = true
				return false
			}
			p.parts = append(p.parts, m.part(raw, depth+1, otherwise))
			return true
		})
	}
	return p
}

// isMail reports whether a part is a mail: by its type, or by its name where mailboxes attach .eml files as something unknown.
func (p *part) isMail() bool {
	switch p.media {
	case "message/rfc822", "message/global":
		return true
	case "application/octet-stream", "application/x-message", "application/eml":
		return strings.HasSuffix(strings.ToLower(p.name()), ".eml")
	}
	return false
}

// name is the name of a file, "" where none is given.
func (p *part) name() string {
	_, params := parseContentType(p.header.get("content-disposition"), "")
	for _, n := range []string{params["filename"], params["filename*"], params["filename*0"], p.params["name"]} {
		if n != "" {
			return decodeWords(n)
		}
	}
	return ""
}

func (p *part) isAttached() bool {
	disposition, _ := parseContentType(p.header.get("content-disposition"), "")
	return disposition == "attachment"
}

func (p *part) encoding() string {
	return strings.ToLower(strings.TrimSpace(p.header.get("content-transfer-encoding")))
}

// decoded undoes the transfer encoding (RFC 2045 §6), passing over what is wrong in it.
func (p *part) decoded() io.Reader {
	switch p.encoding() {
	case "base64":
		return &base64Reader{src: p.body}
	case "quoted-printable":
		return &quotedReader{src: p.body}
	}
	return bytes.NewReader(p.body)
}

func hashOf(in io.Reader) string {
	h := sha256.New()
	io.Copy(h, in) // readers of what is in memory do not fail
	return hex.EncodeToString(h.Sum(nil))
}

// attached finds the mails that are attached to p, the first of them apart; what is attached to those belongs to them.
func (p *part) attached() (first *part, more []*part) {
	var found []*part
	p.walk(func(q *part) bool {
		if q.inner != nil && q != p {
			found = append(found, q.inner)
			return false
		}
		return true
	})
	if len(found) == 0 {
		return nil, nil
	}
	return found[0], found[1:]
}

// walk goes over p and what is in it, as deep as the parser went. visit says whether to go into a part. It does not go into the mail p itself is
// wrapped around.
func (p *part) walk(visit func(*part) bool) {
	if !visit(p) {
		return
	}
	for _, c := range p.parts {
		c.walk(visit)
	}
}

// contents are the texts and files of a mail.
type contents struct {
	rich, plain page // of what stands there in two forms, the richer and the plainer
	files       []string
}

// page is the one that people saw; where it has no words, the other.
func (c *contents) page() *page {
	if strings.TrimSpace(c.rich.text) == "" && strings.TrimSpace(c.plain.text) != "" {
		return &c.plain
	}
	return &c.rich
}

func (m *mailParser) collect(p *part) *contents {
	c := new(contents)
	m.gather(c, p, true, true)
	c.rich.text, c.plain.text = c.rich.b.String(), c.plain.b.String()
	return c
}

func (m *mailParser) gather(c *contents, p *part, rich, plain bool) {
	switch {
	case p.media == "multipart/alternative" && rich && plain:
		html := false
		for _, q := range p.parts {
			html = html || q.hasHTML()
		}
		for _, q := range p.parts {
			is := q.hasHTML()
			m.gather(c, q, is || !html, !is || len(p.parts) == 1)
		}
	case len(p.parts) > 0:
		for _, q := range p.parts {
			m.gather(c, q, rich, plain)
		}
	case p.inner != nil:
		// A mail within the mail, which is text to who reads it.
		m.gather(c, p.inner, rich, plain)
	case !p.closed && !p.isAttached() && (p.media == "text/plain" || p.media == "text/html" || p.media == "text/enriched"):
		m.gatherText(c, p, rich, plain)
	case p.media == "message/feedback-report" || strings.HasPrefix(p.media, "multipart/") && !p.closed:
	default:
		if len(c.files) > MaxFiles { // one more than a report holds, so that it knows
			return
		}
		c.files = append(c.files, hashOf(p.decoded()))
	}
}

func (m *mailParser) gatherText(c *contents, p *part, rich, plain bool) {
	raw, _ := io.ReadAll(io.LimitReader(p.decoded(), maxLeaf+1))
	if len(raw) > maxLeaf {
		raw, m.cut = raw[:maxLeaf], true
	}
	text := decodeCharset(p.params["charset"], raw)
	for _, to := range []struct {
		page *page
		use  bool
	}{{&c.rich, rich}, {&c.plain, plain}} {
		switch {
		case !to.use:
		case p.media == "text/html":
			to.page.html(text)
		default:
			to.page.write(strings.ReplaceAll(text, "\r\n", "\n"))
			to.page.line()
		}
	}
}

func (p *part) hasHTML() (html bool) {
	p.walk(func(q *part) bool {
		html = html || q.media == "text/html" && !q.isAttached()
		return !html
	})
	return html
}
