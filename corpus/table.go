package corpus

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// rows gives the cells of one row after the other, and the line that it starts in.
type rows func() (cells []string, line int, err error)

// newTable reads CSV and TSV: a header row names the columns. Without one, two columns of which one
// is a known label are read as label and text, as the UCI collection is written.
func newTable(name string, b *bufio.Reader, o Options) (func(*Sample) error, error) {
	next := tsvRows(name, b, o.Comma)
	if o.Format == CSV {
		next = csvRows(name, b, o.Comma)
	}
	head, line, err := next()
	if err == io.EOF {
		return nil, at(name, 1, errors.New("empty: no header row"))
	}
	if err != nil {
		return nil, err
	}
	columns, first, err := readHead(head, &o)
	if err != nil {
		return nil, at(name, line, err)
	}
	if first {
		head = append([]string(nil), head...)
	}
	return func(s *Sample) error {
		cells, l := head, line
		if !first {
			var err error
			if cells, l, err = next(); err != nil {
				return err
			}
		}
		first = false
		if len(cells) != len(columns) {
			return at(name, l, fmt.Errorf("%d fields where the header has %d", len(cells), len(columns)))
		}
		for i, c := range columns {
			if err := o.set(s, c, cells[i]); err != nil {
				return at(name, l, err)
			}
		}
		s.Line = l
		return nil
	}, nil
}

// readHead names the columns; first says that the row is a message already.
func readHead(head []string, o *Options) (columns []string, first bool, err error) {
	seen := map[string]bool{}
	for _, h := range head {
		h = strings.TrimSpace(h)
		if h != o.TextColumn && h != o.LabelColumn {
			h = strings.ToLower(h)
		}
		if h != "" && seen[h] {
			return nil, false, fmt.Errorf("column %.40q stands twice in the header", h)
		}
		seen[h] = true
		columns = append(columns, h)
	}
	if seen[o.TextColumn] {
		return columns, false, nil
	}
	if len(head) == 2 {
		for i, c := range head {
			if class, err := o.label(c); err == nil && class != 0 {
				columns[i], columns[1-i] = o.LabelColumn, o.TextColumn
				return columns, true, nil
			}
		}
	}
	return nil, false, fmt.Errorf("no column %q in the header, which has %.100q", o.TextColumn, columns)
}

func tsvRows(name string, b *bufio.Reader, comma rune) rows {
	if comma == 0 {
		comma = '\t'
	}
	var buf []byte
	line := 0
	return func() ([]string, int, error) {
		for {
			line++
			l, err := readLine(b, buf)
			if err == io.EOF {
				return nil, line, err
			}
			if err != nil {
				return nil, line, at(name, line, err)
			}
			if buf = l; len(l) > 0 {
				return strings.Split(string(l), string(comma)), line, nil
			}
		}
	}
}

// meter ends a record that grows beyond MaxRecord, as one does after a quote that never closes.
type meter struct {
	in   io.Reader
	left int
}

func (m *meter) Read(p []byte) (int, error) {
	if m.left <= 0 {
		return 0, errLong
	}
	n, err := m.in.Read(p[:min(len(p), 4096)])
	m.left -= n
	return n, err
}

func csvRows(name string, b *bufio.Reader, comma rune) rows {
	m := &meter{in: b}
	r := csv.NewReader(m)
	r.FieldsPerRecord = -1
	r.ReuseRecord = true
	if comma != 0 {
		r.Comma = comma
	}
	last := 0
	return func() ([]string, int, error) {
		m.left = MaxRecord
		cells, err := r.Read()
		if err == io.EOF {
			return nil, last, err
		}
		var bad *csv.ParseError
		switch {
		case errors.As(err, &bad):
			return nil, last, at(name, bad.StartLine, fmt.Errorf("not CSV: %w (column %d)", bad.Err, bad.Column))
		case err != nil:
			return nil, last, at(name, last+1, err)
		}
		last, _ = r.FieldPos(0)
		return cells, last, nil
	}
}

func validText(s *Sample) bool { return utf8.ValidString(s.Text) }
