package stix

import (
	"bytes"
	"crypto/rand"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"
)

// builder writes an object, property by property, in the order given.
type builder struct{ b []byte }

func begin(kind, id string) *builder {
	w := &builder{b: make([]byte, 0, 1024)}
	w.b = append(w.b, '{')
	w.str("type", kind)
	w.str("spec_version", "2.1")
	w.str("id", id)
	return w
}

func (w *builder) name(name string) {
	if c := w.b[len(w.b)-1]; c != '{' && c != '[' {
		w.b = append(w.b, ',')
	}
	w.b = append(appendString(w.b, name), ':')
}

func (w *builder) str(name, value string) {
	w.name(name)
	w.b = appendString(w.b, value)
}

// opt leaves out what is empty: STIX has no empty properties (§2.1 and following).
func (w *builder) opt(name, value string) {
	if value != "" {
		w.str(name, value)
	}
}

func (w *builder) strs(name string, values ...string) {
	if len(values) == 0 {
		return
	}
	w.name(name)
	w.b = append(w.b, '[')
	for i, v := range values {
		if i > 0 {
			w.b = append(w.b, ',')
		}
		w.b = appendString(w.b, v)
	}
	w.b = append(w.b, ']')
}

func (w *builder) num(name string, n int) {
	w.name(name)
	w.b = strconv.AppendInt(w.b, int64(n), 10)
}

func (w *builder) yes(name string) {
	w.name(name)
	w.b = append(w.b, "true"...)
}

func (w *builder) no(name string) {
	w.name(name)
	w.b = append(w.b, "false"...)
}

func (w *builder) time(name string, t time.Time) { w.str(name, FormatTime(t)) }

func (w *builder) open(name string) {
	w.name(name)
	w.b = append(w.b, '{')
}

func (w *builder) shut() { w.b = append(w.b, '}') }

// object ends it. What we build is held to what we ask of others.
func (w *builder) object() (Object, error) {
	w.shut()
	return Parse(w.b)
}

// appendString writes a string as RFC 8785 §3.2.2.2 has it, so that what identifiers are made from is what is sent.
func appendString(b []byte, s string) []byte {
	const digits = "0123456789abcdef"
	b = append(b, '"')
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			b = utf8.AppendRune(b, r)
			i += n
			continue
		}
		i++
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c == '\b':
			b = append(b, '\\', 'b')
		case c == '\t':
			b = append(b, '\\', 't')
		case c == '\n':
			b = append(b, '\\', 'n')
		case c == '\f':
			b = append(b, '\\', 'f')
		case c == '\r':
			b = append(b, '\\', 'r')
		case c < 0x20:
			b = append(b, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}

// scoSpace is the namespace of the identifiers of cyber-observables (§2.9).
var scoSpace = [16]byte{0x00, 0xab, 0xed, 0xb4, 0xaa, 0x42, 0x46, 0x6c, 0x9c, 0x01, 0xfe, 0xd2, 0x33, 0x15, 0xa9, 0xb7}

// uuid5 is RFC 4122 §4.3 with SHA-1.
func uuid5(space [16]byte, name []byte) string {
	h := sha1.New()
	h.Write(space[:])
	h.Write(name)
	var u [16]byte
	copy(u[:], h.Sum(nil))
	u[6], u[8] = u[6]&0x0f|0x50, u[8]&0x3f|0x80
	return formatUUID(u)
}

func uuid4() string {
	var u [16]byte
	rand.Read(u[:]) // never fails
	u[6], u[8] = u[6]&0x0f|0x40, u[8]&0x3f|0x80
	return formatUUID(u)
}

func formatUUID(u [16]byte) string {
	var b [uuidLen]byte
	hex.Encode(b[:8], u[:4])
	hex.Encode(b[9:13], u[4:6])
	hex.Encode(b[14:18], u[6:8])
	hex.Encode(b[19:23], u[8:10])
	hex.Encode(b[24:], u[10:])
	b[8], b[13], b[18], b[23] = '-', '-', '-', '-'
	return string(b[:])
}

// contributing are the properties that a cyber-observable's identifier is made from, by its type (§6).
var contributing = map[string][]string{
	"artifact": {"hashes", "payload_bin"}, "autonomous-system": {"number"}, "directory": {"path"}, "domain-name": {"value"},
	"email-addr": {"value"}, "email-message": {"body", "from_ref", "subject"}, "file": {"extensions", "hashes", "name", "parent_directory_ref"},
	"ipv4-addr": {"value"}, "ipv6-addr": {"value"}, "mac-addr": {"value"}, "mutex": {"name"},
	"network-traffic": {"dst_port", "dst_ref", "end", "extensions", "protocols", "src_port", "src_ref", "start"},
	"software":        {"cpe", "name", "swid", "vendor", "version"}, "url": {"value"},
	"user-account":         {"account_login", "account_type", "user_id"},
	"windows-registry-key": {"key", "values"}, "x509-certificate": {"hashes", "serial_number"},
	TypeNumber: {"value"}, TypeRange: {"value"}, TypeSender: {"value"}, TypeFamily: {"value"}, TypeText: {"body", "sender_ref"},
}

var errNoID = errors.New("the identifier is not made from properties")

// ObservableID is the identifier that a cyber-observable has by its properties (§2.9), the same whoever makes it. properties is the object
// in JSON, with or without an identifier. Types without contributing properties, as process, have no such identifier.
func ObservableID(kind string, properties []byte) (string, error) {
	var m map[string]json.RawMessage
	if err := json.Unmarshal(properties, &m); err != nil {
		return "", errSyntax
	}
	name := []byte{'{'}
	for _, p := range contributing[kind] {
		v, ok := m[p]
		if !ok {
			continue
		}
		if p == "hashes" {
			v = oneHash(v)
		}
		if len(name) > 1 {
			name = append(name, ',')
		}
		name = append(appendString(name, p), ':')
		var err error
		if name, err = appendCanonical(name, v); err != nil {
			return "", err
		}
	}
	if len(name) == 1 {
		return "", errNoID
	}
	return kind + "--" + uuid5(scoSpace, append(name, '}')), nil
}

// oneHash keeps the one hash that §2.9 tells to use of several.
func oneHash(v json.RawMessage) json.RawMessage {
	var m map[string]string
	if json.Unmarshal(v, &m) != nil || len(m) == 0 {
		return v
	}
	for _, k := range []string{"MD5", "SHA-1", "SHA-256", "SHA-512"} {
		if h, ok := m[k]; ok {
			return append(appendString(append(appendString([]byte{'{'}, k), ':'), h), '}')
		}
	}
	least := ""
	for k := range m {
		if least == "" || k < least {
			least = k
		}
	}
	return append(appendString(append(appendString([]byte{'{'}, least), ':'), m[least]), '}')
}

// appendCanonical writes JSON by RFC 8785: names in the order of their UTF-16 units, numbers as ECMAScript writes them.
func appendCanonical(b []byte, v json.RawMessage) ([]byte, error) {
	v = bytes.TrimSpace(v)
	if len(v) == 0 {
		return nil, errSyntax
	}
	switch v[0] {
	case '{':
		var m map[string]json.RawMessage
		if json.Unmarshal(v, &m) != nil {
			return nil, errSyntax
		}
		names := make([]string, 0, len(m))
		for k := range m {
			names = append(names, k)
		}
		slices.SortFunc(names, func(a, b string) int { return slices.Compare(utf16.Encode([]rune(a)), utf16.Encode([]rune(b))) })
		b = append(b, '{')
		for i, k := range names {
			if i > 0 {
				b = append(b, ',')
			}
			var err error
			if b, err = appendCanonical(append(appendString(b, k), ':'), m[k]); err != nil {
				return nil, err
			}
		}
		return append(b, '}'), nil
	case '[':
		var l []json.RawMessage
		if json.Unmarshal(v, &l) != nil {
			return nil, errSyntax
		}
		b = append(b, '[')
		for i, e := range l {
			if i > 0 {
				b = append(b, ',')
			}
			var err error
			if b, err = appendCanonical(b, e); err != nil {
				return nil, err
			}
		}
		return append(b, ']'), nil
	case '"':
		return appendString(b, stringOf(v)), nil
	case 't', 'f', 'n':
		return append(b, v...), nil
	}
	f, err := strconv.ParseFloat(string(v), 64)
	if err != nil {
		return nil, errSyntax
	}
	return append(b, ecmaNumber(f)...), nil
}

// ecmaNumber is ECMA-262 §6.1.6.1.20, which RFC 8785 §3.2.2.3 follows.
func ecmaNumber(f float64) string {
	if f == 0 {
		return "0"
	}
	if a := math.Abs(f); a >= 1e-6 && a < 1e21 {
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	s := strconv.FormatFloat(f, 'e', -1, 64)
	s = strings.Replace(s, "e-0", "e-", 1)
	return strings.Replace(s, "e+0", "e+", 1)
}

// WriteBundle writes the objects as a bundle (§8) with an identifier of its own.
func WriteBundle(w io.Writer, objects iter.Seq[Object]) error {
	if _, err := io.WriteString(w, `{"type":"bundle","id":"bundle--`+uuid4()+`"`); err != nil {
		return err
	}
	before := `,"objects":[`
	for o := range objects {
		if o.IsZero() {
			return errNothing
		}
		if _, err := io.WriteString(w, before); err != nil {
			return err
		}
		if _, err := w.Write(o.raw); err != nil {
			return err
		}
		before = ","
	}
	end := "]}\n"
	if before != "," {
		end = "}\n"
	}
	_, err := io.WriteString(w, end)
	return err
}
