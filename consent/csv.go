package consent

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sekisho/sekisho/purpose"
	"github.com/sekisho/sekisho/subject"
)

const (
	maxRow  = 8 << 10  // octets of a row
	maxRows = 16 << 20 // rows of one import: it keeps 8 bytes of each until all are read
)

// RowError says what is wrong with a file of choices, and where. It never repeats what stands there.
type RowError struct {
	File string
	Line int
	Err  error
}

func (e *RowError) Error() string { return fmt.Sprintf("%s:%d: %v", e.File, e.Line, e.Err) }
func (e *RowError) Unwrap() error { return e.Err }

var (
	errHeader  = errors.New("the header must name the columns line, scope and granted, and may name wording, channel and time, each once")
	errLine    = errors.New("line is not an E.164 number (+ and 7 to 15 digits, nothing between them)")
	errScope   = errors.New("scope is none of inspect, infection_notice, line_abuse, quality, share, review")
	errGranted = errors.New("granted is true or false")
	errTime    = errors.New("time is not RFC 3339, as 2026-01-31T09:00:00+09:00")
	errText    = errors.New("wording and channel are at most 64 printable characters")
	errRow     = fmt.Errorf("a row of more than %d octets, or a quote that is not closed", maxRow)
	errRows    = fmt.Errorf("more than %d rows in one file; split it", maxRows)
	errEmpty   = errors.New("no header: the file is empty")
)

// ReadCSV reads choices from a CSV file (RFC 4180) with the columns line, scope, granted and, where they
// are known, wording, channel and time. It yields one after another and ends with the first error, a
// RowError. name is the file's, for that.
func ReadCSV(r io.Reader, name string) iter.Seq2[Change, error] {
	return func(yield func(Change, error) bool) {
		in := &bounded{r: r}
		rows := csv.NewReader(in)
		rows.ReuseRecord = true
		var columns []column
		last := 0 // the line that the last good row began on
		for n := 0; ; n++ {
			in.left = maxRow
			fields, err := rows.Read()
			if err == io.EOF {
				if n == 0 {
					yield(Change{}, &RowError{name, 1, errEmpty})
				}
				return
			}
			if err != nil {
				yield(Change{}, csvError(err, name, last+1))
				return
			}
			last, _ = rows.FieldPos(0)
			if n == 0 {
				if columns, err = header(fields); err == nil {
					continue
				}
			}
			var c Change
			if err == nil {
				c, err = parseRow(columns, fields)
			}
			if err == nil && n > maxRows {
				err = errRows
			}
			if err != nil {
				yield(Change{}, &RowError{name, last, err})
				return
			}
			if !yield(c, nil) {
				return
			}
		}
	}
}

// csvError takes from an error of encoding/csv the line and the reason; line is for errors that have none.
func csvError(err error, name string, line int) error {
	var p *csv.ParseError
	switch {
	case errors.As(err, &p) && errors.Is(p.Err, csv.ErrFieldCount):
		return &RowError{name, p.Line, errors.New("not as many fields as the header names")}
	case errors.As(err, &p):
		return &RowError{name, p.StartLine, p.Err}
	}
	return &RowError{name, line, err}
}

// bounded gives the reader no more than a row may have, so that a quote that nobody closes does not draw
// the whole file into memory.
type bounded struct {
	r    io.Reader
	left int
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errRow
	}
	n, err := b.r.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

type column uint8

const (
	colLine column = iota
	colScope
	colGranted
	colWording
	colChannel
	colTime
	columnCount
)

var columnNames = [columnCount]string{"line", "scope", "granted", "wording", "channel", "time"}

func header(fields []string) ([]column, error) {
	var columns []column
	var has [columnCount]bool
	for i, f := range fields {
		if i == 0 {
			f = strings.TrimPrefix(f, "\ufeff")
		}
		c := column(0)
		for c < columnCount && columnNames[c] != strings.ToLower(strings.TrimSpace(f)) {
			c++
		}
		if c == columnCount || has[c] {
			return nil, errHeader
		}
		has[c] = true
		columns = append(columns, c)
	}
	if !has[colLine] || !has[colScope] || !has[colGranted] {
		return nil, errHeader
	}
	return columns, nil
}

func parseRow(columns []column, fields []string) (c Change, err error) {
	for i, col := range columns {
		f := strings.TrimSpace(fields[i])
		switch col {
		case colLine:
			if c.Line, err = subject.ParseLine(f); err != nil {
				return c, errLine
			}
		case colScope:
			if c.Purpose, err = purpose.Parse(f); err != nil {
				return c, errScope
			}
		case colGranted:
			switch {
			case strings.EqualFold(f, "true"):
				c.Choice = purpose.OptedIn
			case strings.EqualFold(f, "false"):
				c.Choice = purpose.OptedOut
			default:
				return c, errGranted
			}
		case colWording, colChannel:
			if !printable(f) {
				return c, errText
			}
			if col == colWording {
				c.Wording = strings.Clone(f)
			} else {
				c.Channel = strings.Clone(f)
			}
		case colTime:
			if f == "" {
				continue
			}
			if c.Time, err = time.Parse(time.RFC3339, f); err != nil {
				return c, errTime
			}
			c.Time = c.Time.UTC()
		}
	}
	return c, nil
}

func printable(s string) bool {
	n := 0
	for _, r := range s {
		if n++; n > 64 || r < 0x20 || r == 0x7f || r == utf8.RuneError {
			return false
		}
	}
	return true
}

// ImportCSV puts the choices of a file in force, all or, with an error that names the place, none: it reads
// to the end first. Of two rows on the same line and scope the later one holds. It returns how many rows there
// were. What is to be recorded besides comes from ReadCSV, and goes to the records first.
func (r *Register) ImportCSV(ctx context.Context, in io.Reader, name string) (int, error) {
	var rows []uint64 // a line, a purpose and a choice each
	for c, err := range ReadCSV(in, name) {
		if err != nil {
			return 0, err
		}
		rows = append(rows, uint64(c.Line)<<choiceBits|uint64(c.Purpose)<<2|uint64(c.Choice))
		if len(rows)%1024 == 0 && ctx.Err() != nil {
			return 0, ctx.Err()
		}
	}
	for _, w := range rows {
		if err := r.Set(subject.Line(w>>choiceBits), purpose.Purpose(w>>2&0xff), purpose.Choice(w&3)); err != nil {
			return 0, fmt.Errorf("%s: %w", name, err)
		}
	}
	return len(rows), nil
}
