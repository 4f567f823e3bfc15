package httpdoor

import (
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/sekisho/sekisho/message"
	"github.com/sekisho/sekisho/subject"
)

// What a message may have. The text may be as long as the body; of a longer one than message.MaxText the
// beginning is judged, as at every door.
const (
	maxRecipients = 100
	maxID         = 255 // octets
)

// asked is what stands in a message that somebody asks about, besides what is in the message.Message itself.
type asked struct {
	time    time.Time // when it was sent, as he says; zero: he does not
	several bool      // its recipients came as a list, and its verdicts go as one
}

// decoder reads one message as JSON (RFC 8259). It is strict: an unknown or repeated key is a fault, since a
// misspelt one would be a verdict on something else. Written for this one object, it stops at the first fault, has no
// depth to exhaust, and allocates only the id; strings lose their escapes in place, which changes the buffer.
type decoder struct {
	b    []byte
	i    int
	home int
}

// Keys of a message, as bits, to see which came twice.
const (
	keyText = 1 << iota
	keyFrom
	keyTo
	keyRoute
	keyTime
	keyID
)

// decode reads b into m and a. Of m it sets ID, From, To, Text, Decoding, and Route where it is named. m points
// into b afterwards.
func decode(b []byte, home int, m *message.Message, a *asked) fault {
	d := decoder{b: b, home: home}
	m.ID, m.From, m.To, m.Text, m.Decoding = "", subject.Address{}, m.To[:0], nil, message.Readable
	*a = asked{}
	if d.next() != '{' {
		if d.i == len(b) {
			return fault{kind: empty}
		}
		return fault{kind: notObject}
	}
	d.i++
	seen := 0
	for first := true; ; first = false {
		c := d.next()
		if c == '}' && first {
			break
		}
		if c != '"' {
			return d.unexpected()
		}
		key, _, f := d.str()
		if f.kind != nil {
			return f
		}
		if d.next() != ':' {
			return d.unexpected()
		}
		d.i++
		d.next()
		bit, f := d.member(key, m, a)
		if f.kind != nil {
			return f
		}
		if seen&bit != 0 {
			return fault{kind: twice, key: string(key)}
		}
		seen |= bit
		if c = d.next(); c == '}' {
			break
		}
		if c != ',' {
			return d.unexpected()
		}
		d.i++
	}
	d.i++
	if d.next(); d.i < len(b) {
		return fault{kind: trailing, n: d.i + 1}
	}
	if m.Text == nil {
		return fault{kind: missing, key: "text"}
	}
	if len(m.To) == 0 {
		m.To = append(m.To, subject.Address{}) // judged for nobody in particular
	}
	return fault{}
}

// member reads the value of one key.
func (d *decoder) member(key []byte, m *message.Message, a *asked) (bit int, f fault) {
	var s []byte
	switch string(key) {
	case "text":
		var broken bool
		if s, broken, f = d.value("text", false); f.kind != nil {
			return 0, f
		}
		m.Text = s
		if broken || !utf8.Valid(s) { // half a surrogate pair, say, where an SMSC has cut a text
			m.Decoding = message.Undecodable
		}
		return keyText, f
	case "from":
		if s, _, f = d.value("from", true); f.kind == nil && len(s) > 0 { // NULL is allowed: SMPP 3.4 §5.2.8
			m.From, f = d.address("from", s)
		}
		return keyFrom, f
	case "to":
		return keyTo, d.recipients(m, a)
	case "route":
		if s, _, f = d.value("route", true); f.kind == nil && s != nil {
			r, err := message.ParseRoute(string(s))
			if err != nil {
				return 0, fault{kind: badRoute}
			}
			m.Route = r
		}
		return keyRoute, f
	case "time":
		if s, _, f = d.value("time", true); f.kind == nil && s != nil && a.time.UnmarshalText(s) != nil {
			f = fault{kind: badTime}
		}
		return keyTime, f
	case "id":
		if s, _, f = d.value("id", true); f.kind == nil {
			if len(s) > maxID {
				return 0, fault{kind: longID, n: maxID}
			}
			m.ID = string(s)
		}
		return keyID, f
	}
	if tellable(key) {
		return 0, fault{kind: unknownKey, key: string(key)}
	}
	return 0, fault{kind: strangeKey, n: d.i + 1}
}

// recipients reads one address, or a list of them.
func (d *decoder) recipients(m *message.Message, a *asked) fault {
	if d.peek() != '[' {
		s, _, f := d.value("to", true)
		if f.kind != nil || s == nil {
			return f
		}
		to, f := d.address("to", s)
		m.To = append(m.To[:0], to)
		return f
	}
	d.i++
	a.several = true
	m.To = m.To[:0]
	for {
		if c := d.next(); c != '"' {
			if c == ']' && len(m.To) == 0 {
				return fault{kind: nobody}
			}
			return d.typed("to", toStrings)
		}
		if len(m.To) == maxRecipients {
			return fault{kind: tooMany, n: maxRecipients}
		}
		s, _, f := d.str()
		if f.kind != nil {
			return f
		}
		to, f := d.address("to", s)
		if f.kind != nil {
			return f
		}
		m.To = append(m.To, to)
		c := d.next()
		d.i++
		if c == ']' {
			return fault{}
		}
		if c != ',' {
			d.i--
			return d.unexpected()
		}
	}
}

func (d *decoder) address(key string, s []byte) (subject.Address, fault) {
	a, err := subject.ParseAddress(s, d.home)
	if err != nil {
		return a, fault{kind: badAddress, key: key} // the error is not told: it may hold a number
	}
	return a, fault{}
}

// value reads a string, or null where that is allowed, which is nil.
func (d *decoder) value(key string, null bool) (s []byte, broken bool, f fault) {
	switch c := d.peek(); {
	case c == '"':
		return d.str()
	case null && len(d.b)-d.i >= 4 && string(d.b[d.i:d.i+4]) == "null":
		d.i += 4
		return nil, false, fault{}
	case key == "to":
		return nil, false, d.typed(key, toStrings)
	}
	return nil, false, d.typed(key, notString)
}

// typed is the fault of a value that is JSON, but not of the kind that is wanted.
func (d *decoder) typed(key string, k *kind) fault {
	switch c := d.peek(); {
	case c == '{' || c == '[' || c == 't' || c == 'f' || c == 'n' || c == '-' || c >= '0' && c <= '9' || c == '"':
		return fault{kind: k, key: key}
	}
	return d.unexpected()
}

func (d *decoder) unexpected() fault {
	if d.i >= len(d.b) {
		return fault{kind: cutOff}
	}
	return fault{kind: syntax, n: d.i + 1}
}

// next goes past white space and gives the octet there, 0 at the end.
func (d *decoder) next() byte {
	for d.i < len(d.b) {
		switch c := d.b[d.i]; c {
		case ' ', '\t', '\r', '\n':
			d.i++
		default:
			return c
		}
	}
	return 0
}

func (d *decoder) peek() byte {
	if d.i < len(d.b) {
		return d.b[d.i]
	}
	return 0
}

// str reads a string; d stands on its opening quote. broken: an escape in it is half a surrogate pair. It is never nil.
func (d *decoder) str() (s []byte, broken bool, f fault) {
	d.i++
	start := d.i
	for ; d.i < len(d.b); d.i++ {
		switch c := d.b[d.i]; {
		case c == '"':
			d.i++
			return d.b[start : d.i-1 : d.i-1], false, fault{}
		case c == '\\':
			return d.escaped(start)
		case c < 0x20:
			return nil, false, d.unexpected()
		}
	}
	return nil, false, d.unexpected()
}

// escaped is str from the first escape on. What is written is never longer than what was read.
func (d *decoder) escaped(start int) (s []byte, broken bool, f fault) {
	out := d.b[start:d.i]
	for d.i < len(d.b) {
		c := d.b[d.i]
		switch {
		case c == '"':
			d.i++
			return out[:len(out):len(out)], broken, fault{}
		case c < 0x20:
			return nil, false, d.unexpected()
		case c != '\\':
			out = append(out, c)
			d.i++
			continue
		}
		d.i++
		switch c = d.peek(); c {
		case '"', '\\', '/':
		case 'b':
			c = '\b'
		case 'f':
			c = '\f'
		case 'n':
			c = '\n'
		case 'r':
			c = '\r'
		case 't':
			c = '\t'
		case 'u':
			r, ok := d.unicode()
			if !ok {
				return nil, false, d.unexpected()
			}
			broken = broken || r < 0
			out = utf8.AppendRune(out, r) // half a pair becomes U+FFFD
			continue
		default:
			return nil, false, d.unexpected()
		}
		out = append(out, c)
		d.i++
	}
	return nil, false, d.unexpected()
}

// unicode reads uXXXX, and the other half where it is one of a pair; -1 for half a pair.
func (d *decoder) unicode() (r rune, ok bool) {
	if r, ok = d.hex(d.i + 1); !ok {
		return 0, false
	}
	d.i += 5
	if !utf16.IsSurrogate(r) {
		return r, true
	}
	if d.i+1 < len(d.b) && d.b[d.i] == '\\' && d.b[d.i+1] == 'u' {
		if low, ok := d.hex(d.i + 2); ok {
			if r = utf16.DecodeRune(r, low); r != utf8.RuneError {
				d.i += 6
				return r, true
			}
		}
	}
	return -1, true
}

func (d *decoder) hex(at int) (r rune, ok bool) {
	if at+4 > len(d.b) {
		d.i = len(d.b)
		return 0, false
	}
	for _, c := range d.b[at : at+4] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// tellable reports whether a key may be told: one that could be a text or a number, put there by mistake, may not.
func tellable(key []byte) bool {
	digits := 0
	for _, c := range key {
		switch {
		case c >= '0' && c <= '9':
			digits++
		case c != '_' && c != '-' && (c|0x20 < 'a' || c|0x20 > 'z'):
			return false
		}
	}
	return len(key) > 0 && len(key) <= 32 && digits <= 4
}
