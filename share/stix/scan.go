package stix

import (
	"errors"
	"fmt"
	"io"
	"unicode/utf16"
	"unicode/utf8"
)

// maxKeys bounds the properties of one object at any depth: they are remembered to find one that comes twice.
const maxKeys = 10_000

// Why octets are refused.
var (
	errSyntax  = errors.New("not JSON")
	errEnd     = errors.New("ends in the middle")
	errUnicode = errors.New("not UTF-8, or half of a surrogate pair")
	errTwice   = errors.New("a property comes twice")
	errKeys    = fmt.Errorf("more than %d properties in one object", maxKeys)
)

// scanner reads JSON (RFC 8259) value by value and appends it to buf without white space. It goes no deeper than maxDepth, so that its
// recursion is bounded, and takes no more than limit octets for a value, white space counted.
type scanner struct {
	r        io.ByteScanner
	buf      []byte
	limit    int // octets of this value that may still be read
	max      int // what limit was
	maxDepth int
	twice    bool   // some object had a property twice
	props    []prop // of the outermost object
	top      string // the outermost object's property that is being read
	key      []byte // room for a name
}

// begin makes ready for a value.
func (s *scanner) begin(octets, depth int) {
	s.buf, s.props = s.buf[:0], s.props[:0]
	s.limit, s.max, s.maxDepth = octets, octets, depth
	s.twice, s.top = false, ""
}

func (s *scanner) read() (byte, error) {
	if s.limit == 0 {
		return 0, fmt.Errorf("more than %d octets", s.max)
	}
	s.limit--
	c, err := s.r.ReadByte()
	if err == io.EOF {
		return 0, errEnd
	}
	return c, err
}

// next is the next octet that is no white space.
func (s *scanner) next() (byte, error) {
	for {
		c, err := s.read()
		if err != nil || c != ' ' && c != '\n' && c != '\t' && c != '\r' {
			return c, err
		}
	}
}

// value reads a value that begins with c, at the depth d.
func (s *scanner) value(c byte, d int) error {
	switch c {
	case '{':
		return s.object(d + 1)
	case '[':
		return s.list(d + 1)
	case '"':
		return s.str()
	case 't':
		return s.word("true")
	case 'f':
		return s.word("false")
	case 'n':
		return s.word("null")
	}
	return s.number(c)
}

func (s *scanner) deep(d int) error {
	if d > s.maxDepth {
		return fmt.Errorf("more than %d objects and lists in each other", s.maxDepth)
	}
	return nil
}

func (s *scanner) object(d int) error {
	if err := s.deep(d); err != nil {
		return err
	}
	s.buf = append(s.buf, '{')
	var seen keys
	for first := true; ; first = false {
		c, err := s.next()
		if err != nil {
			return err
		}
		if c == '}' && first {
			break
		}
		if !first {
			if c == '}' {
				break
			}
			if c != ',' {
				return errSyntax
			}
			s.buf = append(s.buf, ',')
			if c, err = s.next(); err != nil {
				return err
			}
		}
		if c != '"' {
			return errSyntax
		}
		at := len(s.buf)
		if err := s.str(); err != nil {
			return err
		}
		name := s.unquote(s.buf[at:])
		again, err := seen.add(name)
		if err != nil {
			return err
		}
		if d == 1 && !s.twice { // later on top stays at what came twice
			s.top = name
		}
		s.twice = s.twice || again
		if c, err = s.next(); err != nil {
			return err
		}
		if c != ':' {
			return errSyntax
		}
		s.buf = append(s.buf, ':')
		if c, err = s.next(); err != nil {
			return err
		}
		at = len(s.buf)
		if err := s.value(c, d); err != nil {
			return err
		}
		if d == 1 {
			s.props = append(s.props, prop{name, uint32(at), uint32(len(s.buf))})
		}
	}
	s.buf = append(s.buf, '}')
	return nil
}

func (s *scanner) list(d int) error {
	if err := s.deep(d); err != nil {
		return err
	}
	s.buf = append(s.buf, '[')
	for first := true; ; first = false {
		c, err := s.next()
		if err != nil {
			return err
		}
		if c == ']' {
			break
		}
		if !first {
			if c != ',' {
				return errSyntax
			}
			s.buf = append(s.buf, ',')
			if c, err = s.next(); err != nil {
				return err
			}
		}
		if err := s.value(c, d); err != nil {
			return err
		}
	}
	s.buf = append(s.buf, ']')
	return nil
}

func (s *scanner) word(w string) error {
	for i := 1; i < len(w); i++ {
		c, err := s.read()
		if err != nil {
			return err
		}
		if c != w[i] {
			return errSyntax
		}
	}
	s.buf = append(s.buf, w...)
	return nil
}

// number reads a number and keeps it as it is written (RFC 8259 §6).
func (s *scanner) number(c byte) error {
	at := len(s.buf)
	for {
		switch {
		case c >= '0' && c <= '9', c == '-', c == '+', c == '.', c == 'e', c == 'E':
			s.buf = append(s.buf, c)
		default:
			if err := s.r.UnreadByte(); err != nil {
				return err
			}
			s.limit++
			if !isNumber(s.buf[at:]) {
				return errSyntax
			}
			return nil
		}
		var err error
		if c, err = s.read(); err != nil {
			return err
		}
	}
}

func isNumber(b []byte) bool {
	digits := func() bool {
		n := 0
		for n < len(b) && b[n] >= '0' && b[n] <= '9' {
			n++
		}
		b = b[n:]
		return n > 0
	}
	if len(b) > 0 && b[0] == '-' {
		b = b[1:]
	}
	if len(b) > 1 && b[0] == '0' && b[1] >= '0' && b[1] <= '9' {
		return false
	}
	if !digits() {
		return false
	}
	if len(b) > 0 && b[0] == '.' {
		b = b[1:]
		if !digits() {
			return false
		}
	}
	if len(b) > 0 && (b[0] == 'e' || b[0] == 'E') {
		b = b[1:]
		if len(b) > 0 && (b[0] == '+' || b[0] == '-') {
			b = b[1:]
		}
		if !digits() {
			return false
		}
	}
	return len(b) == 0
}

// str reads a string after its opening mark. What it appends is valid UTF-8 and has no half of a surrogate pair.
func (s *scanner) str() error {
	start := len(s.buf)
	s.buf = append(s.buf, '"')
	high, wide := false, false // a high surrogate waits for its low one; some octet is beyond ASCII
	for {
		c, err := s.read()
		if err != nil {
			return err
		}
		if high && c != '\\' {
			return errUnicode
		}
		switch {
		case c < 0x20:
			return errSyntax
		case c == '"':
			s.buf = append(s.buf, c)
			if wide && !utf8.Valid(s.buf[start:]) {
				return errUnicode
			}
			return nil
		case c == '\\':
			if high, err = s.escape(high); err != nil {
				return err
			}
		default:
			wide = wide || c >= 0x80
			s.buf = append(s.buf, c)
		}
	}
}

// escape reads what follows a backslash, and tells whether it is a high surrogate.
func (s *scanner) escape(high bool) (bool, error) {
	c, err := s.read()
	if err != nil {
		return false, err
	}
	s.buf = append(s.buf, '\\', c)
	switch c {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		if high {
			return false, errUnicode
		}
		return false, nil
	case 'u':
	default:
		return false, errSyntax
	}
	var r rune
	for range 4 {
		if c, err = s.read(); err != nil {
			return false, err
		}
		h := hexValue(c)
		if h < 0 {
			return false, errSyntax
		}
		s.buf = append(s.buf, c)
		r = r<<4 | rune(h)
	}
	low := r >= 0xdc00 && r <= 0xdfff
	if low != high {
		return false, errUnicode
	}
	return r >= 0xd800 && r <= 0xdbff, nil
}

func hexValue(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}

// unquote is the string that a checked literal stands for, so that "a" and "\u0061" are one name.
func (s *scanner) unquote(lit []byte) string {
	lit = lit[1 : len(lit)-1]
	s.key = s.key[:0]
	for i := 0; i < len(lit); i++ {
		c := lit[i]
		if c != '\\' {
			s.key = append(s.key, c)
			continue
		}
		i++
		switch lit[i] {
		case 'b':
			s.key = append(s.key, '\b')
		case 'f':
			s.key = append(s.key, '\f')
		case 'n':
			s.key = append(s.key, '\n')
		case 'r':
			s.key = append(s.key, '\r')
		case 't':
			s.key = append(s.key, '\t')
		case 'u':
			r := unit(lit[i+1:])
			i += 4
			if utf16.IsSurrogate(r) {
				r = utf16.DecodeRune(r, unit(lit[i+3:]))
				i += 6
			}
			s.key = utf8.AppendRune(s.key, r)
		default:
			s.key = append(s.key, lit[i])
		}
	}
	return string(s.key)
}

func unit(b []byte) rune {
	var r rune
	for _, c := range b[:4] {
		r = r<<4 | rune(hexValue(c))
	}
	return r
}

// keys remembers the names of one object's properties.
type keys struct {
	list []string
	set  map[string]struct{}
}

// add tells whether the name was there.
func (k *keys) add(name string) (bool, error) {
	if k.set != nil {
		if _, ok := k.set[name]; ok {
			return true, nil
		}
		if len(k.set) == maxKeys {
			return false, errKeys
		}
		k.set[name] = struct{}{}
		return false, nil
	}
	for _, s := range k.list {
		if s == name {
			return true, nil
		}
	}
	k.list = append(k.list, name)
	if len(k.list) == 32 {
		k.set = make(map[string]struct{}, 64)
		for _, s := range k.list {
			k.set[s] = struct{}{}
		}
	}
	return false, nil
}
