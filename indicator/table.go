package indicator

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
)

// form is how a file is written.
type form uint8

const (
	plain     form = iota // one value a line
	ours                  // CSV with a header of our columns
	jpcert                // CSV: date,URL,description (github.com/JPCERTCC/phishurl-list)
	phishTank             // CSV: phish_id,url,phish_detail_url,submission_time,... (phishtank.org/developer_info.php)
)

const maxColumns = 16

// table reads the lines of one file.
type table struct {
	*loader
	bad     bool
	kind    Kind
	form    form
	columns []string
	fields  [maxColumns][]byte
	rows    int
	skipped int
}

func (t *table) row(line []byte, first bool) error {
	if first {
		header, err := t.header(line)
		if header || err != nil {
			return err
		}
	}
	if t.form == plain {
		return t.plain(line)
	}
	n, err := splitCSV(line, t.fields[:])
	if err == nil && n != len(t.columns) {
		err = errFields
	}
	if err != nil {
		return err
	}
	r := row{kind: t.kind, bad: t.bad, source: t.src}
	for i, c := range t.columns {
		if err := t.field(&r, c, t.fields[i]); err != nil {
			return err
		}
	}
	if r.first != 0 && r.last != 0 && r.first > r.last {
		return errSeen
	}
	t.rows++
	err = t.add(&r)
	if err != nil && t.form != ours && !errors.Is(err, errMany) {
		t.skipped++
		t.warn(err.Error() + "; passed over")
		return nil
	}
	return err
}

// plain reads a line of a plain list; a comment may stand behind a space.
func (t *table) plain(line []byte) error {
	for _, c := range []string{" #", "\t#"} {
		if i := bytes.Index(line, []byte(c)); i >= 0 {
			line = bytes.TrimSpace(line[:i])
		}
	}
	r := row{kind: t.kind, value: line, bad: t.bad, source: t.src}
	t.rows++
	return t.add(&r)
}

func (t *table) add(r *row) error {
	note, err := t.b.add(r)
	if note != "" {
		t.warn(note)
	}
	return err
}

// end judges a file that has been read to its end.
func (t *table) end() error {
	if t.rows == 0 {
		t.warn("nothing in it")
	}
	if t.skipped*10 > t.rows {
		t.line = 0
		return t.wrong(fmt.Errorf("%d of %d links cannot be read", t.skipped, t.rows))
	}
	return nil
}

// header tells by the first line how the file is written.
func (t *table) header(line []byte) (bool, error) {
	if bytes.IndexByte(line, ',') < 0 {
		return false, nil
	}
	n, err := splitCSV(bytes.ToLower(line), t.fields[:]) // a copy: the line may be a plain one
	if err != nil {
		return false, nil // and not a header, whatever it is
	}
	has := map[string]bool{}
	for _, f := range t.fields[:n] {
		has[string(bytes.TrimSpace(f))] = true
	}
	if !has["value"] && !has["kind"] && !has["url"] {
		return false, nil // a link with commas in it
	}
	clear(has)
	for _, f := range t.fields[:n] {
		name := string(bytes.TrimSpace(f))
		if has[name] {
			return false, errors.New("the header names a column twice")
		}
		has[name] = true
		t.columns = append(t.columns, name)
	}
	switch {
	case has["value"] && (has["kind"] || t.kind != KindNone):
		t.form = ours
		for i, c := range t.columns {
			switch c {
			case "kind", "value", "verdict", "source", "confidence", "first_seen", "last_seen":
			default:
				return false, fmt.Errorf("column %d of the header is none of kind, value, verdict, source, confidence, first_seen, last_seen", i+1)
			}
		}
	case has["date"] && has["url"] && has["description"]:
		t.form = jpcert
	case has["phish_id"] && has["url"]:
		t.form = phishTank
	default:
		return false, errors.New("not a header we know: kind,value,... or JPCERT's or PhishTank's")
	}
	return true, nil
}

// field puts one field into the row.
func (t *table) field(r *row, column string, v []byte) (err error) {
	v = bytes.TrimSpace(v)
	switch column {
	case "kind":
		if len(v) > 0 {
			r.kind, err = ParseKind(string(v))
		}
	case "value":
		r.value = v
	case "url":
		r.kind, r.value = URL, v
	case "verdict":
		switch string(v) {
		case "bad":
			r.bad = true
		case "good":
			r.bad = false
		case "":
		default:
			return errVerdict
		}
	case "source":
		if len(v) > 0 {
			r.source, err = t.b.source(v)
		}
	case "confidence":
		if len(v) > 0 {
			n, e := strconv.ParseUint(string(v), 10, 8)
			if e != nil || n > 100 {
				return errPercent
			}
			r.confidence = uint8(n)
		}
	case "first_seen", "submission_time":
		r.first, err = parseDay(v)
	case "last_seen", "verification_time":
		r.last, err = parseDay(v)
	case "date":
		r.first, err = parseDay(v)
		r.last = r.first
	}
	return err
}

// splitCSV splits a line into fields (RFC 4180), in place: quoted fields are unquoted where they stand, and
// no field goes over the end of its line. It returns how many there are.
func splitCSV(line []byte, fields [][]byte) (n int, err error) {
	for {
		if n == len(fields) {
			return 0, errFields
		}
		if len(line) == 0 || line[0] != '"' {
			i := bytes.IndexByte(line, ',')
			if i < 0 {
				fields[n] = line
				return n + 1, nil
			}
			fields[n], line = line[:i], line[i+1:]
			n++
			continue
		}
		at, to := 1, 0 // read at, write to
		for ; ; at, to = at+1, to+1 {
			if at >= len(line) {
				return 0, errQuotes
			}
			if line[at] == '"' {
				if at+1 >= len(line) || line[at+1] != '"' {
					break
				}
				at++
			}
			line[to] = line[at]
		}
		fields[n] = line[:to]
		n++
		switch rest := line[at+1:]; {
		case len(rest) == 0:
			return n, nil
		case rest[0] != ',':
			return 0, errQuotes
		default:
			line = rest[1:]
		}
	}
}
