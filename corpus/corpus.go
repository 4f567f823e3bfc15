// Package corpus reads messages and labels from files: what scan judges, eval measures on and train
// learns from. It reads one message at a time, so a file may be larger than the memory, and it is
// strict: what it cannot read ends in one sentence that names the file, the line and the field.
package corpus

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"

	"github.com/sekisho/sekisho/message"
	"github.com/sekisho/sekisho/subject"
)

// MaxRecord is the longest line, row or JSON object in octets. A mail may have sixteen times as much,
// for what is attached to it; of its text MaxRecord octets are kept.
const MaxRecord = 1 << 20

// Sample is one message of a file, and what somebody says it is.
type Sample struct {
	ID       string
	Text     string // UTF-8; octets that are none are replaced by U+FFFD, see Broken
	From, To string // as written; "" where the file does not say
	Route    message.Route
	Time     time.Time     // zero where the file does not say
	Label    message.Class // ClassUnset where the file does not say
	Group    string        // names what the text was made from; "" where it stands for itself
	Kind     string        // what it is about, in the file's own words; "" where the file does not say
	Lang     string        // its language as in BCP 47, in small letters; "" where the file does not say
	Line     int           // the line it starts in, from 1; of a JSON array the entry
	Broken   bool          // the text was not UTF-8 throughout
}

// Message fills m with the sample; home is the country code that national numbers are read by. An
// address that is none is left out: files hold what people wrote.
func (s *Sample) Message(m *message.Message, home int) {
	to := m.To[:0]
	*m = message.Message{ID: s.ID, Time: s.Time, Door: "file", Route: s.Route, Text: append(m.Text[:0], s.Text...)}
	if s.From != "" {
		m.From, _ = subject.ParseAddress(s.From, home)
	}
	if s.To != "" {
		if a, err := subject.ParseAddress(s.To, home); err == nil {
			to = append(to, a)
		}
	}
	m.To = to
	if s.Broken {
		m.Decoding = message.Undecodable
	}
}

// Format is how a file is written.
type Format string

const (
	CSV      Format = "csv"   // comma-separated with quotes (RFC 4180) and a header row
	TSV      Format = "tsv"   // tab-separated without quotes, with a header row
	JSONL    Format = "jsonl" // one JSON object a line
	JSON     Format = "json"  // one JSON array of objects
	Text     Format = "txt"   // one message a line
	Mail     Format = "eml"   // one mail
	Mbox     Format = "mbox"  // mails, each after a line "From "
	Template Format = "tmpl"  // texts with slots, see template.go
)

// Options say what a file does not say itself. The zero value reads files as the manual describes them.
type Options struct {
	Format      Format // "" goes by the name of the file, on standard input by its first octets
	TextColumn  string // "" is "text"
	LabelColumn string // "" is "label"
	Comma       rune   // 0 is , in CSV and the tabulator in TSV
	Encoding    string // utf-8 (""), shift-jis as Excel in Japan writes it, euc-jp, utf-16
	Labels      map[string]message.Class
}

// Reader reads one message after the other.
type Reader struct {
	name string
	next func(*Sample) error
	file io.Closer
}

// Next fills s with the next message. It returns io.EOF after the last; after any other error the
// reader is of no more use.
func (r *Reader) Next(s *Sample) error {
	*s = Sample{}
	err := r.next(s)
	if err == nil && !validText(s) {
		s.Text = strings.ToValidUTF8(s.Text, "\uFFFD")
		s.Broken = true
	}
	return err
}

// Close closes the file.
func (r *Reader) Close() error {
	if r.file == nil {
		return nil
	}
	return r.file.Close()
}

// Open opens a file by its name; "-" is standard input.
func Open(name string, o Options) (*Reader, error) {
	if name == "-" {
		return NewNamed(name, os.Stdin, o)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("open a file of messages: %w", err)
	}
	r, err := NewNamed(name, f, o)
	if err != nil {
		f.Close()
		return nil, err
	}
	r.file = f
	return r, nil
}

// NewNamed reads from in what the file of this name has, in the format of its name; "-" is standard input.
func NewNamed(name string, in io.Reader, o Options) (*Reader, error) {
	if name == "-" {
		return New("standard input", in, o)
	}
	if o.Format == "" {
		var err error
		if o.Format, err = formatOf(name); err != nil {
			return nil, err
		}
	}
	return New(name, in, o)
}

func formatOf(name string) (Format, error) {
	switch ext := strings.ToLower(strings.TrimPrefix(filepath.Ext(name), ".")); ext {
	case "csv", "tsv", "jsonl", "json", "txt", "eml", "mbox", "tmpl":
		return Format(ext), nil
	case "ndjson":
		return JSONL, nil
	default:
		return "", fmt.Errorf("%s: cannot tell the format by the name; .csv, .tsv, .jsonl, .json, .txt, .eml, .mbox and .tmpl are known", name)
	}
}

// decode makes UTF-8 of what is written in another encoding.
func decode(in io.Reader, encoding string) (io.Reader, error) {
	switch encoding {
	case "", "utf-8":
		return in, nil
	case "shift-jis":
		return transform.NewReader(in, japanese.ShiftJIS.NewDecoder()), nil
	case "euc-jp":
		return transform.NewReader(in, japanese.EUCJP.NewDecoder()), nil
	case "utf-16":
		return transform.NewReader(in, unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewDecoder()), nil
	}
	return nil, fmt.Errorf("unknown encoding %q: one of utf-8, shift-jis, euc-jp, utf-16", encoding)
}

// New reads from in; name stands in errors.
func New(name string, in io.Reader, o Options) (*Reader, error) {
	decoded, err := decode(in, o.Encoding)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	b := bufio.NewReaderSize(decoded, 64<<10)
	if head, _ := b.Peek(2); bytes.Equal(head, []byte{0xff, 0xfe}) || bytes.Equal(head, []byte{0xfe, 0xff}) {
		return nil, fmt.Errorf("%s: it is UTF-16; say so: -encoding utf-16", name)
	}
	if head, _ := b.Peek(3); bytes.Equal(head, []byte("\xef\xbb\xbf")) {
		b.Discard(3) // a byte order mark, which spreadsheets write
	}
	if o.Format == "" {
		o.Format = sniff(b)
	}
	if o.TextColumn == "" {
		o.TextColumn = "text"
	}
	if o.LabelColumn == "" {
		o.LabelColumn = "label"
	}
	r := &Reader{name: name}
	switch o.Format {
	case CSV, TSV:
		r.next, err = newTable(name, b, o)
	case JSONL:
		r.next = newLines(name, b, o)
	case JSON:
		r.next, err = newArray(name, b, o)
	case Text:
		r.next = newText(name, b)
	case Mail:
		r.next = newMail(name, b)
	case Mbox:
		r.next = newMbox(name, b)
	case Template:
		r.next, err = newTemplates(name, b)
	default:
		err = fmt.Errorf("%s: unknown format %q", name, o.Format)
	}
	if err != nil {
		return nil, err
	}
	return r, nil
}

// sniff tells the format by the first octets: an object, an array, a header row with the column text
// or a labelled row; else a message a line.
func sniff(b *bufio.Reader) Format {
	head, _ := b.Peek(4096)
	if i := bytes.IndexByte(head, '\n'); i >= 0 {
		head = head[:i]
	}
	head = bytes.TrimSpace(head)
	switch {
	case bytes.HasPrefix(head, []byte("{")):
		return JSONL
	case bytes.HasPrefix(head, []byte("[{")) || bytes.Equal(head, []byte("[")):
		return JSON
	}
	for sep, format := range map[string]Format{"\t": TSV, ",": CSV} {
		for _, cell := range strings.Split(string(head), sep) {
			if strings.EqualFold(strings.Trim(cell, "\" "), "text") {
				return format
			}
		}
	}
	if label, _, ok := strings.Cut(string(head), "\t"); ok {
		if _, known := knownLabels[strings.ToLower(label)]; known {
			return TSV
		}
	}
	return Text
}

// knownLabels are the words by which the common sets call the classes.
var knownLabels = map[string]message.Class{
	"ham": message.Ham, "legit": message.Ham, "legitimate": message.Ham, "normal": message.Ham,
	"normal sms": message.Ham, "captcha sms": message.Ham, "benign": message.Ham,
	"spam": message.Spam, "advertise sms": message.Spam, "ad": message.Spam, "promotion": message.Spam,
	"phishing": message.Phishing, "smishing": message.Phishing, "scam": message.Phishing,
	"scam sms": message.Phishing, "fraud": message.Phishing,
}

func (o *Options) label(s string) (message.Class, error) {
	key := strings.ToLower(strings.TrimSpace(s))
	if key == "" {
		return message.ClassUnset, nil
	}
	if c, ok := o.Labels[key]; ok {
		return c, nil
	}
	if c, ok := knownLabels[key]; ok && o.Labels == nil {
		return c, nil
	}
	return 0, fmt.Errorf("field %q: unknown label %.40q: one of ham, spam, phishing", o.LabelColumn, s)
}

// set puts the value of a field into the sample.
func (o *Options) set(s *Sample, field, value string) (err error) {
	switch field {
	case o.TextColumn:
		s.Text = value
	case o.LabelColumn:
		s.Label, err = o.label(value)
	case "id":
		s.ID = value
	case "group":
		s.Group = value
	case "kind":
		s.Kind = value
	case "lang":
		s.Lang = strings.ToLower(value)
	case "from":
		s.From = value
	case "to":
		s.To = value
	case "route":
		if value != "" {
			if s.Route, err = message.ParseRoute(value); err != nil {
				err = fmt.Errorf("field \"route\": %w", err)
			}
		}
	case "time":
		if value != "" {
			if s.Time, err = time.Parse(time.RFC3339, value); err != nil {
				err = fmt.Errorf("field \"time\": %.40q is not a time as in RFC 3339 (2026-04-01T09:00:00Z)", value)
			}
		}
	}
	return err
}

// errLong is returned for a record beyond MaxRecord.
var errLong = errors.New("longer than 1 MiB")

// readLine reads a line without its end; it returns io.EOF only where nothing is left.
func readLine(b *bufio.Reader, buf []byte) ([]byte, error) {
	buf = buf[:0]
	for {
		part, err := b.ReadSlice('\n')
		if len(buf)+len(part) > MaxRecord {
			return nil, errLong
		}
		buf = append(buf, part...)
		if err == bufio.ErrBufferFull {
			continue
		}
		if err == io.EOF && len(buf) > 0 {
			err = nil
		}
		if err != nil {
			return nil, err
		}
		buf = bytes.TrimSuffix(buf, []byte("\n"))
		return bytes.TrimSuffix(buf, []byte("\r")), nil
	}
}

func newText(name string, b *bufio.Reader) func(*Sample) error {
	var buf []byte
	line := 0
	return func(s *Sample) error {
		for {
			line++
			l, err := readLine(b, buf)
			if err == io.EOF {
				return err
			}
			if err != nil {
				return at(name, line, err)
			}
			buf = l
			if len(bytes.TrimSpace(l)) > 0 {
				s.Text, s.Line = string(l), line
				return nil
			}
		}
	}
}

func at(name string, line int, err error) error {
	return fmt.Errorf("%s line %d: %w", name, line, err)
}
