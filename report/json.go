package report

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"strconv"
	"time"
	"unicode/utf8"
)

// MaxLine is how many octets a report has in JSON, or a line or row in a file, where nothing else is asked for.
const MaxLine = 64 << 10

// LineError says what is wrong with a line of a file. It never repeats what stands there, but for the name of a key that we do not know.
type LineError struct {
	Line int // from 1
	Err  error
}

func (e *LineError) Error() string { return "line " + strconv.Itoa(e.Line) + ": " + e.Err.Error() }
func (e *LineError) Unwrap() error { return e.Err }

var (
	errUTF8   = errors.New("not UTF-8")
	errJSON   = errors.New("not JSON")
	errObject = errors.New("not an object of JSON")
	errTwice  = errors.New("a key stands twice in one object")
	errString = errors.New("a string is needed")
	errList   = errors.New("a list of strings is needed")
)

func tooLong(max int) error { return fmt.Errorf("more than %d octets", max) }

// ReadJSON reads one report, of at most max octets (MaxLine where max is 0). A key that we do not know is an error that names it; one that is
// not there, or is null, is not told.
func ReadJSON(r io.Reader, max int) (Report, error) {
	if max <= 0 {
		max = MaxLine
	}
	data, err := readBounded(r, max)
	if err != nil {
		return Report{}, err
	}
	return parseJSON(bytes.TrimPrefix(data, bom))
}

var bom = []byte("\ufeff")

// readBounded reads all of r, or says that it is too long.
func readBounded(r io.Reader, max int) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, int64(max)+1))
	if err != nil {
		return nil, err
	}
	if len(data) > max {
		return nil, tooLong(max)
	}
	return data, nil
}

// ReadJSONL reads reports, one a line, of at most max octets each (MaxLine where max is 0). Empty lines are passed over. Every error is a
// LineError. Behind one that is about the line's contents the next lines can be read: whoever wants all or nothing stops there. A line that is too
// long ends it.
func ReadJSONL(r io.Reader, max int) iter.Seq2[Report, error] {
	if max <= 0 {
		max = MaxLine
	}
	return func(yield func(Report, error) bool) {
		in := bufio.NewReaderSize(r, max+2) // with the end of the line
		for n := 1; ; n++ {
			line, err := in.ReadSlice('\n')
			if err != nil && err != io.EOF {
				if err == bufio.ErrBufferFull {
					err = tooLong(max)
				}
				yield(Report{}, &LineError{n, err})
				return
			}
			end := err == io.EOF
			if n == 1 {
				line = bytes.TrimPrefix(line, bom)
			}
			if line = bytes.TrimSpace(line); len(line) > max {
				yield(Report{}, &LineError{n, tooLong(max)})
				return
			}
			if len(line) > 0 {
				rep, err := parseJSON(line)
				if err != nil {
					rep, err = Report{}, &LineError{n, err}
				}
				if !yield(rep, err) {
					return
				}
			}
			if end {
				return
			}
		}
	}
}

func parseJSON(data []byte) (r Report, err error) {
	switch {
	case !utf8.Valid(data):
		return r, errUTF8
	case !json.Valid(data):
		return r, errJSON
	}
	if data = bytes.TrimSpace(data); data[0] != '{' {
		return r, errObject
	}
	var has [fieldCount]bool
	for key, value := range members(data) {
		f := fieldOf(key)
		if f == fieldCount {
			return Report{}, unknownKey(key)
		}
		if has[f] {
			return Report{}, fmt.Errorf("%s: %w", fieldNames[f], errTwice)
		}
		has[f] = true
		if err := r.setJSON(f, value); err != nil {
			return Report{}, err
		}
	}
	if err := r.check(); err != nil {
		return Report{}, err
	}
	return r, nil
}

// unknownKey names the key as far as it is a word; another may be somebody's number.
func unknownKey(key string) error {
	word := len(key) > 0 && len(key) <= 32
	for _, c := range []byte(key) {
		word = word && (c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_' || c == '-')
	}
	if word {
		return fmt.Errorf("unknown key %s", key)
	}
	return fmt.Errorf("unknown key of %d octets, which is no word", len(key))
}

func (r *Report) setJSON(f field, value []byte) error {
	if value[0] == 'n' { // null
		return nil
	}
	switch f {
	case fieldLinks, fieldFiles:
		if value[0] != '[' {
			return fmt.Errorf("%s: %w", fieldNames[f], errList)
		}
		for v := range elements(value) {
			if v[0] != '"' {
				return fmt.Errorf("%s: %w", fieldNames[f], errList)
			}
			if err := r.set(f, unquote(v)); err != nil {
				return err
			}
		}
		return nil
	case fieldCut:
		return r.set(f, string(value))
	}
	if value[0] != '"' {
		return fmt.Errorf("%s: %w", fieldNames[f], errString)
	}
	return r.set(f, unquote(value))
}

// members goes over an object. It and its kin walk what json.Valid has passed, without copying it; a value begins with its first octet, never
// with white space. Of what is no object there are no members.
func members(object []byte) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		if len(object) == 0 || object[0] != '{' {
			return
		}
		for i := blanks(object, 1); object[i] != '}'; {
			end := valueEnd(object, i)
			key := unquote(object[i:end])
			i = blanks(object, blanks(object, end)+1) // behind the colon
			end = valueEnd(object, i)
			if !yield(key, object[i:end]) {
				return
			}
			if i = blanks(object, end); object[i] == ',' {
				i = blanks(object, i+1)
			}
		}
	}
}

// elements goes over an array. Of what is no array there are none.
func elements(array []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		if len(array) == 0 || array[0] != '[' {
			return
		}
		for i := blanks(array, 1); array[i] != ']'; {
			end := valueEnd(array, i)
			if !yield(array[i:end]) {
				return
			}
			if i = blanks(array, end); array[i] == ',' {
				i = blanks(array, i+1)
			}
		}
	}
}

func blanks(b []byte, i int) int {
	for b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r' {
		i++
	}
	return i
}

// valueEnd is where the value that begins at i ends.
func valueEnd(b []byte, i int) int {
	depth := 0
	for {
		switch b[i] {
		case '"':
			i = stringEnd(b, i)
		case '{', '[':
			depth++
			i++
		case '}', ']':
			depth--
			i++
		default:
			i++
			for depth == 0 && i < len(b) && b[i] > ' ' && b[i] != ',' && b[i] != '}' && b[i] != ']' {
				i++
			}
		}
		if depth == 0 {
			return i
		}
	}
}

func stringEnd(b []byte, i int) int {
	for i++; b[i] != '"'; i++ {
		if b[i] == '\\' {
			i++
		}
	}
	return i + 1
}

// unquote is a string of JSON; "" for another value.
func unquote(b []byte) string {
	if len(b) < 2 || b[0] != '"' {
		return ""
	}
	if bytes.IndexByte(b, '\\') < 0 {
		return string(b[1 : len(b)-1])
	}
	var s string
	if json.Unmarshal(b, &s) != nil {
		return ""
	}
	return s
}

// Bounds of a document in somebody else's JSON.
const (
	maxNesting = 32
	maxKeys    = 4096 // of one object
)

var (
	errNesting = fmt.Errorf("nested more than %d deep", maxNesting)
	errKeys    = fmt.Errorf("more than %d keys in one object", maxKeys)
)

// vet reads a document in somebody else's JSON, of at most max octets, and says whether it can be walked: two readers of one document understand
// it alike only if no key stands twice (RFC 8259 §4).
func vet(r io.Reader, max int) ([]byte, error) {
	data, err := readBounded(r, max)
	if err != nil {
		return nil, err
	}
	data = bytes.TrimSpace(bytes.TrimPrefix(data, bom))
	switch {
	case !utf8.Valid(data):
		return nil, errUTF8
	case !json.Valid(data):
		return nil, errJSON
	}
	return data, vetKeys(data)
}

// vetKeys goes over a document once, however deep it is.
func vetKeys(data []byte) error {
	type level struct {
		object, key bool // key: the next string is one
		keys        []string
		many        map[string]bool // in place of keys where they are many
	}
	var levels [maxNesting + 1]level
	depth := 0
	for i := 0; i < len(data); {
		at := &levels[depth]
		switch data[i] {
		case '{', '[':
			if depth++; depth > maxNesting {
				return errNesting
			}
			object := data[i] == '{'
			levels[depth] = level{object: object, key: object, keys: levels[depth].keys[:0]}
		case '}', ']':
			depth--
		case ',':
			at.key = at.object
		case '"':
			end := stringEnd(data, i)
			if at.key {
				at.key = false
				key := unquote(data[i:end])
				for _, k := range at.keys {
					if k == key {
						return errTwice
					}
				}
				switch {
				case at.many[key]:
					return errTwice
				case len(at.many) == maxKeys:
					return errKeys
				case len(at.keys) < 32:
					at.keys = append(at.keys, key)
				case at.many == nil:
					at.many = map[string]bool{key: true}
				default:
					at.many[key] = true
				}
			}
			i = end
			continue
		}
		i++
	}
	return nil
}

// record is a report in JSON.
type record struct {
	ID       string    `json:"id,omitempty"`
	Channel  string    `json:"channel,omitempty"`
	Medium   string    `json:"medium,omitempty"`
	Claim    string    `json:"claim"`
	Time     time.Time `json:"time,omitzero"`
	Seen     time.Time `json:"seen,omitzero"`
	Reporter string    `json:"reporter,omitempty"`
	Suspect  string    `json:"suspect,omitempty"`
	To       string    `json:"to,omitempty"`
	Subject  string    `json:"subject,omitempty"`
	Text     string    `json:"text,omitempty"`
	Links    []string  `json:"links,omitempty"`
	Files    []string  `json:"files,omitempty"`
	Language string    `json:"language,omitempty"`
	IP       string    `json:"ip,omitempty"`
	Cut      bool      `json:"cut,omitempty"`
}

// WriteJSON writes one report on a line of its own. Times are in UTC.
func WriteJSON(w io.Writer, r Report) error { return encoder(w).Encode(r.record()) }

// WriteJSONL writes reports, one a line.
func WriteJSONL(w io.Writer, all iter.Seq[Report]) error {
	out := bufio.NewWriter(w)
	e := encoder(out)
	for r := range all {
		if err := e.Encode(r.record()); err != nil {
			return err
		}
	}
	return out.Flush()
}

func encoder(w io.Writer) *json.Encoder {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e
}

func (r *Report) record() record {
	return record{r.ID, r.Channel.String(), r.Medium.String(), r.Claim.String(), r.Time.UTC(), r.Seen.UTC(), r.Reporter, r.Suspect, r.To,
		r.Subject, r.Text, r.Links, r.Files, r.Language, r.IP, r.Cut}
}
