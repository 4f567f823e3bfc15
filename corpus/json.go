package corpus

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

func newLines(name string, b *bufio.Reader, o Options) func(*Sample) error {
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
			if buf = l; len(bytes.TrimSpace(l)) == 0 {
				continue
			}
			s.Line = line
			if otherEvent(l) {
				continue
			}
			if err := o.object(s, l); err != nil {
				return at(name, line, err)
			}
			return nil
		}
	}
}

// otherEvent reports whether a line of a trace is no message but a contract, a consent or a report.
func otherEvent(raw []byte) bool {
	if !bytes.Contains(raw, []byte(`"type"`)) {
		return false
	}
	var e struct {
		Type string `json:"type"`
	}
	return json.Unmarshal(raw, &e) == nil && slices.Contains(traceEvents, e.Type)
}

// traceEvents are the lines of a trace that are no messages.
var traceEvents = []string{"contract", "consent", "report"}

// newArray reads an array of objects. Sets for tuning language models call the text "instruction" and
// the label "output"; so does the Taiwanese one.
func newArray(name string, b *bufio.Reader, o Options) (func(*Sample) error, error) {
	m := &meter{in: b, left: MaxRecord}
	d := json.NewDecoder(m)
	if t, err := d.Token(); err != nil || t != json.Delim('[') {
		return nil, fmt.Errorf("%s: not a JSON array of objects", name)
	}
	entry := 0
	return func(s *Sample) error {
		m.left = MaxRecord
		entry++
		if !d.More() {
			if _, err := d.Token(); err != nil {
				return fmt.Errorf("%s entry %d: not JSON: %w", name, entry, eof(err))
			}
			return io.EOF
		}
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return fmt.Errorf("%s entry %d: not JSON: %w", name, entry, eof(err))
		}
		s.Line = entry
		if err := o.object(s, raw); err != nil {
			return fmt.Errorf("%s entry %d: %w", name, entry, err)
		}
		return nil
	}, nil
}

func eof(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

var fieldNames = []string{"id", "from", "to", "route", "time", "group", "kind", "lang"}

// object reads the fields we know; others are passed over, since sets carry many of their own.
func (o *Options) object(s *Sample, raw []byte) error {
	var m map[string]json.RawMessage
	if err := json.Unmarshal(raw, &m); err != nil {
		var bad *json.SyntaxError
		if errors.As(err, &bad) {
			return fmt.Errorf("not JSON: %w (octet %d)", err, bad.Offset)
		}
		return errors.New("not a JSON object")
	}
	text, label := o.TextColumn, o.LabelColumn
	if _, ok := m[text]; !ok {
		if _, ok := m["instruction"]; !ok {
			return fmt.Errorf("no field %q", text)
		}
		m[text] = m["instruction"]
		if v, ok := m["output"]; ok {
			m[label] = v
		}
	}
	for _, f := range append(fieldNames, text, label) {
		v, ok := m[f]
		if !ok || string(v) == "null" {
			continue
		}
		value, err := scalar(v)
		if err != nil {
			return fmt.Errorf("field %q: %w", f, err)
		}
		if err := o.set(s, f, value); err != nil {
			return err
		}
	}
	return nil
}

// scalar reads a string or a number, such as an id that somebody wrote without quotes.
func scalar(raw json.RawMessage) (string, error) {
	if len(raw) > 0 && (raw[0] == '-' || raw[0] >= '0' && raw[0] <= '9') {
		return strings.TrimSpace(string(raw)), nil
	}
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		return "", errors.New("not a string")
	}
	return s, nil
}
