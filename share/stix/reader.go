package stix

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Limits bound what is read.
type Limits struct {
	Object int // octets of one object, white space included
	Depth  int // objects and lists in each other
	Count  int // objects; 0 for no object at all
}

// DefaultLimits are 1 MiB and 32 levels, for one object.
var DefaultLimits = Limits{Object: 1 << 20, Depth: 32, Count: 1}

// Error says what is wrong with an object, and where. It repeats nothing of what stands there.
type Error struct {
	Position int    // of the object among its likes, from 1; 0 for what is around them
	Property string // the top-level property; empty where it is the whole
	ID       string // the object's identifier, if it could be read
	Err      error
	Fatal    bool // nothing more can be read behind it
}

func (e *Error) Error() string {
	where := "bundle"
	if e.Position > 0 {
		where = fmt.Sprintf("object %d", e.Position)
	}
	if e.Property != "" {
		where += ": " + e.Property
	}
	return fmt.Sprintf("%s: %v", where, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// told is a property's name as an error may tell it: as the standard writes names (§3.1), else nothing, since it is foreign text.
func told(name string) string {
	if len(name) == 0 || len(name) > 64 || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" {
		return ""
	}
	return name
}

// Reader reads the objects of a bundle (§8) or of a TAXII envelope (TAXII 2.1 §3.7) one after another, and keeps one of them at most.
type Reader struct {
	s        scanner
	limits   Limits
	envelope bool
	state    state
	position int
	seen     keys
	err      error

	kind, id string
	more     bool
	next     string
	objects  bool
}

type state uint8

const (
	before state = iota // nothing read
	inList              // among the objects
	done
)

// NewReader reads a bundle.
func NewReader(r io.Reader, l Limits) *Reader {
	return &Reader{s: scanner{r: bufio.NewReaderSize(r, 16<<10)}, limits: l}
}

// NewEnvelopeReader reads an envelope.
func NewEnvelopeReader(r io.Reader, l Limits) *Reader {
	x := NewReader(r, l)
	x.envelope = true
	return x
}

// ReadBundle reads a bundle to its end. What is wrong with one object is wrong with the whole.
func ReadBundle(r io.Reader, l Limits) ([]Object, error) {
	var all []Object
	for x := NewReader(r, l); ; {
		o, err := x.Next()
		if err == io.EOF {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		all = append(all, o)
	}
}

// BundleID is the bundle's identifier, empty until it was read or where it has none.
func (r *Reader) BundleID() string { return r.id }

// More and NextPage are what an envelope says of further pages. They are known at the end.
func (r *Reader) More() bool       { return r.more }
func (r *Reader) NextPage() string { return r.next }

// HasObjects reports whether there was a list of objects, be it empty.
func (r *Reader) HasObjects() bool { return r.objects }

// Next is the next object, or io.EOF behind the last one, or an *Error. Behind one that is not Fatal, Next goes on with the object that
// follows. What stands around the objects is checked as it comes, the last of it before io.EOF: a bundle is whole only then.
func (r *Reader) Next() (Object, error) {
	if r.err != nil {
		return Object{}, r.err
	}
	if r.state == before {
		if err := r.open(); err != nil {
			return Object{}, r.fail(err, "")
		}
	}
	if r.state == inList {
		o, end, err := r.element()
		if err != nil || !end {
			return o, err
		}
		r.state = before
		if err := r.members(false); err != nil {
			return Object{}, r.err
		}
		return r.Next() // once: a second list of objects is refused
	}
	if err := r.close(); err != nil {
		return Object{}, err
	}
	r.err = io.EOF
	return Object{}, io.EOF
}

func (r *Reader) fail(err error, property string) error {
	var e *Error
	if !errors.As(err, &e) {
		e = &Error{Property: told(property), Err: err}
	}
	e.Fatal = true
	r.err = e
	return e
}

func (r *Reader) open() error {
	r.s.begin(r.limits.Object, r.limits.Depth)
	c, err := r.s.next()
	if err != nil {
		return err
	}
	if c != '{' {
		return errors.New("not a JSON object")
	}
	if err := r.members(true); err != nil {
		return r.err
	}
	return nil
}

// members reads what stands around the objects, up to their list or to the end.
func (r *Reader) members(first bool) error {
	for ; ; first = false {
		r.s.begin(r.limits.Object, r.limits.Depth)
		name, end, err := r.member(first)
		if err != nil {
			return r.fail(err, name)
		}
		if end {
			r.state = done
			return nil
		}
		if name == "objects" {
			c, err := r.s.next()
			if err == nil && c != '[' {
				err = errors.New("not a list")
			}
			if err != nil {
				return r.fail(err, name)
			}
			r.state, r.objects = inList, true
			r.position = 0
			return nil
		}
		if err := r.around(name); err != nil {
			return r.fail(err, name)
		}
	}
}

// member reads up to a member's value.
func (r *Reader) member(first bool) (name string, end bool, err error) {
	c, err := r.s.next()
	if err != nil {
		return "", false, err
	}
	if c == '}' {
		return "", true, nil
	}
	if !first {
		if c != ',' {
			return "", false, errSyntax
		}
		if c, err = r.s.next(); err != nil {
			return "", false, err
		}
	}
	if c != '"' {
		return "", false, errSyntax
	}
	if err := r.s.str(); err != nil {
		return "", false, err
	}
	name = r.s.unquote(r.s.buf)
	if again, err := r.seen.add(name); err != nil {
		return name, false, err
	} else if again {
		return name, false, errTwice
	}
	if c, err = r.s.next(); err == nil && c != ':' {
		err = errSyntax
	}
	return name, false, err
}

// around reads the value of a member that is not the objects. Others than those of the standard pass unread.
func (r *Reader) around(name string) error {
	r.s.buf = r.s.buf[:0]
	c, err := r.s.next()
	if err != nil {
		return err
	}
	if err := r.s.value(c, 1); err != nil {
		return err
	}
	if r.s.twice {
		return errTwice
	}
	switch {
	case name == "type" && !r.envelope:
		if r.kind = stringOf(r.s.buf); r.kind != "bundle" {
			return errors.New("not bundle")
		}
	case name == "id" && !r.envelope:
		id := stringOf(r.s.buf)
		if kind, _, ok := SplitID(id); !ok || kind != "bundle" {
			return errID
		}
		r.id = id
	case name == "more" && r.envelope:
		v := string(r.s.buf)
		if v != "true" && v != "false" {
			return errors.New("neither true nor false")
		}
		r.more = v == "true"
	case name == "next" && r.envelope:
		if string(r.s.buf) == "null" { // written by servers that mean none
			return nil
		}
		if c != '"' {
			return errors.New("not a string")
		}
		r.next = stringOf(r.s.buf)
	}
	return nil
}

// element reads one of the objects, or the end of their list.
func (r *Reader) element() (o Object, end bool, err error) {
	r.s.begin(r.limits.Object, r.limits.Depth)
	c, err := r.s.next()
	if err == nil && c == ']' {
		return Object{}, true, nil
	}
	r.position++
	fatal := func(err error) (Object, bool, error) {
		return Object{}, false, r.fail(&Error{Position: r.position, Property: told(r.s.top), Err: err}, "")
	}
	if err == nil && r.position > 1 {
		if c != ',' {
			return fatal(errSyntax)
		}
		c, err = r.s.next()
	}
	if err == nil && r.position > r.limits.Count {
		return fatal(fmt.Errorf("more than %d objects", r.limits.Count))
	}
	if err == nil {
		err = r.s.value(c, 0)
	}
	if err != nil {
		return fatal(err)
	}
	o, e := r.s.result(c)
	if e != nil {
		e.Position = r.position
		return Object{}, false, e
	}
	return o, false, nil
}

// close checks what is behind the last of it.
func (r *Reader) close() error {
	if !r.envelope && r.kind == "" {
		return r.fail(errors.New("missing"), "type")
	}
	r.s.begin(r.limits.Object, r.limits.Depth)
	switch _, err := r.s.next(); {
	case err == nil:
		return r.fail(errors.New("something follows its end"), "")
	case err != errEnd:
		return r.fail(err, "")
	}
	return nil
}

// result makes an Object of what was scanned and checks it.
func (s *scanner) result(first byte) (Object, *Error) {
	if first != '{' {
		return Object{}, &Error{Err: errors.New("not a JSON object")}
	}
	o := Object{raw: slices.Clone(s.buf), props: slices.Clone(s.props)}
	if s.twice {
		e := &Error{Property: told(s.top), Err: errTwice}
		if id := o.String("id"); isID(id) {
			e.ID = id
		}
		return Object{}, e
	}
	if e := o.check(); e != nil {
		return Object{}, e
	}
	return o, nil
}

func parse(b []byte, l Limits) (Object, error) {
	s := scanner{r: bytes.NewReader(b)}
	s.begin(l.Object, l.Depth)
	bad := func(err error) (Object, error) {
		return Object{}, &Error{Position: 1, Property: told(s.top), Err: err, Fatal: true}
	}
	c, err := s.next()
	if err != nil {
		return bad(err)
	}
	if err := s.value(c, 0); err != nil {
		return bad(err)
	}
	top := s.top
	s.limit, s.top = max(s.limit, 1), ""
	if _, err := s.next(); err != errEnd {
		return bad(errors.New("something follows its end"))
	}
	s.top = top
	o, e := s.result(c)
	if e != nil {
		e.Position = 1
		return Object{}, e
	}
	return o, nil
}
