// Package trace reads and writes traces: what happened on a network, in time order, one JSON object a line. Times are RFC 3339 in UTC,
// numbers E.164.
//
//	{"type":"contract","time":"...","contract":"c1","line":"+81...","event":"assign"}
//	{"type":"consent","time":"...","line":"+81...","scope":"infection_notice","granted":false}
//	{"type":"message","time":"...","id":"m1","route":"p2p","from":"+81...","to":"+81...","text":"..."}
//	{"type":"report","time":"...","channel":"7726","reporter":"+81...","suspect":"+81...","text":"..."}
//
// A contract's event is assign, release, port_in, port_out or sim; a consent names a line or a contract.
package trace

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/sekisho/sekisho/message"
	"github.com/sekisho/sekisho/purpose"
	"github.com/sekisho/sekisho/subject"
)

// Type is what an event is.
type Type string

const (
	Contract Type = "contract"
	Consent  Type = "consent"
	Message  Type = "message"
	Report   Type = "report"
)

// Event is one line of a trace. Which fields it has depends on its Type; see the package.
type Event struct {
	Type Type      `json:"type"`
	Time time.Time `json:"time"`

	Contract string `json:"contract,omitempty"`
	Line     string `json:"line,omitempty"`
	Event    string `json:"event,omitempty"`

	Scope   string `json:"scope,omitempty"`
	Granted *bool  `json:"granted,omitempty"`
	// Wording is the version of the words that were shown when the choice was made; Channel says where: web, shop, sms.
	Wording string `json:"wording,omitempty"`

	ID    string `json:"id,omitempty"`
	Route string `json:"route,omitempty"`
	From  string `json:"from,omitempty"`
	To    string `json:"to,omitempty"`
	Text  string `json:"text,omitempty"`
	// Label is what a message is in truth (ham, spam, phishing), where somebody knows; nothing that judges reads it.
	Label string `json:"label,omitempty"`

	Channel  string `json:"channel,omitempty"`
	Reporter string `json:"reporter,omitempty"`
	Suspect  string `json:"suspect,omitempty"`
}

// Of is whom a contract or consent is about; 0 where it names a contract alone.
func (e *Event) Of() (subject.Line, error) {
	if e.Line == "" {
		return 0, nil
	}
	return subject.ParseLine(e.Line)
}

// MaxLine is the longest line in octets.
const MaxLine = 1 << 20

// Reader reads the events of a trace.
type Reader struct {
	name string
	in   *bufio.Reader
	buf  []byte
	n    int
	read int64
	last time.Time
}

// NewReader reads from in; name stands in errors.
func NewReader(name string, in io.Reader) *Reader {
	return &Reader{name: name, in: bufio.NewReaderSize(in, 1<<18)}
}

// Read is how many octets have been read.
func (r *Reader) Read() int64 { return r.read }

// At puts the place of the last event before an error.
func (r *Reader) At(err error) error { return fmt.Errorf("%s line %d: %w", r.name, r.n, err) }

var (
	errLong  = fmt.Errorf("longer than %d octets", MaxLine)
	errOrder = errors.New("its time is before that of the line above")
	errTime  = errors.New("time is missing, or not RFC 3339")
)

// Next reads the next event into e; io.EOF is the end. Every other error names the file and the line, and after it nothing more can be read.
func (r *Reader) Next(e *Event) error {
	for {
		line, err := r.line()
		if err == io.EOF {
			return err
		}
		r.n++
		if err != nil {
			return r.At(err)
		}
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		*e = Event{}
		if err := json.Unmarshal(line, e); err != nil {
			return r.At(fmt.Errorf("not a JSON object of a trace: %w", err))
		}
		if err := e.check(); err != nil {
			return r.At(err)
		}
		if e.Time.Before(r.last) {
			return r.At(errOrder)
		}
		r.last = e.Time
		return nil
	}
}

func (r *Reader) line() ([]byte, error) {
	r.buf = r.buf[:0]
	for {
		part, err := r.in.ReadSlice('\n')
		r.read += int64(len(part))
		if err == nil && len(r.buf) == 0 {
			return part, nil
		}
		r.buf = append(r.buf, part...)
		switch {
		case len(r.buf) > MaxLine:
			return nil, errLong
		case err == bufio.ErrBufferFull:
			continue
		case err == io.EOF && len(r.buf) == 0:
			return nil, io.EOF
		case err != nil && err != io.EOF:
			return nil, err
		}
		return r.buf, nil
	}
}

// check says what is wrong with an event by itself.
func (e *Event) check() error {
	if e.Time.IsZero() {
		return errTime
	}
	line := func(what, s string, needed bool) error {
		if s == "" && !needed {
			return nil
		}
		if _, err := subject.ParseLine(s); err != nil {
			return fmt.Errorf("%s is %w", what, err)
		}
		return nil
	}
	// A sender may be a name or a short code; what begins with a plus says that it is a number.
	party := func(what, s string) error {
		if !strings.HasPrefix(s, "+") {
			return nil
		}
		return line(what, s, true)
	}
	switch e.Type {
	case Contract:
		if e.Contract == "" {
			return errors.New("the contract has no name")
		}
		switch e.Event {
		case "assign", "release", "port_in", "port_out", "sim":
		default:
			return fmt.Errorf("event is %.20q, not one of assign, release, port_in, port_out, sim", e.Event)
		}
		return line("line", e.Line, true)
	case Consent:
		if _, err := purpose.Parse(e.Scope); err != nil {
			return fmt.Errorf("scope: %w", err)
		}
		if e.Granted == nil {
			return errors.New("granted is neither true nor false")
		}
		if e.Line == "" && e.Contract == "" {
			return errors.New("a consent names a line or a contract")
		}
		return line("line", e.Line, false)
	case Message:
		if _, err := message.ParseRoute(e.Route); e.Route != "" && err != nil {
			return fmt.Errorf("route: %w", err)
		}
		if e.To == "" {
			return errors.New("a message has no recipient (to)")
		}
		return cmp.Or(party("from", e.From), party("to", e.To))
	case Report:
		if err := line("reporter", e.Reporter, false); err != nil {
			return err
		}
		return party("suspect", e.Suspect)
	default:
		return fmt.Errorf("type is %.20q, not one of contract, consent, message, report", string(e.Type))
	}
}

// Writer writes a trace.
type Writer struct {
	w    *bufio.Writer
	e    *json.Encoder
	last time.Time
}

// NewWriter writes to out; Flush at the end.
func NewWriter(out io.Writer) *Writer {
	w := bufio.NewWriterSize(out, 1<<18)
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return &Writer{w: w, e: e}
}

// Write writes an event; it refuses one that no reader would take.
func (w *Writer) Write(e *Event) error {
	if err := e.check(); err != nil {
		return err
	}
	if e.Time.Before(w.last) {
		return errOrder
	}
	w.last = e.Time
	return w.e.Encode(e)
}

// Flush writes what is buffered.
func (w *Writer) Flush() error { return w.w.Flush() }
