package report

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

var (
	errColumns = errors.New("the header names columns by the keys of the record, each once: id, channel, medium, claim, time, seen, reporter, " +
		"suspect, to, subject, text, links, files, language, ip, cut; one of text, links, files and suspect is needed")
	errNoHeader = errors.New("no header: the file is empty")
	errCells    = errors.New("not as many cells as the header names")
	errQuote    = errors.New("a quote within a cell, or one that is not closed")
)

// ReadCSV reads reports from a CSV file (RFC 4180) whose header names its columns by the keys of the record, in any order. A row has at most about
// max octets (MaxLine where max is 0), line ends within quotes included. Links and files are separated by white space. Every error is a
// LineError that names the row's first line. Behind one that is about the row's contents the next rows can be read; a header, a length or a quote
// that is wrong ends it.
func ReadCSV(r io.Reader, max int) iter.Seq2[Report, error] {
	if max <= 0 {
		max = MaxLine
	}
	return func(yield func(Report, error) bool) {
		in := &rowReader{r: r, max: max}
		rows := csv.NewReader(in)
		rows.ReuseRecord = true
		var columns []field
		last := 0 // the line that the last row began on
		for {
			in.left = max
			cells, err := rows.Read()
			var p *csv.ParseError
			switch {
			case err == io.EOF:
				if columns == nil {
					yield(Report{}, &LineError{1, errNoHeader})
				}
				return
			case errors.As(err, &p) && p.Err == csv.ErrFieldCount:
				last = p.StartLine
				if !yield(Report{}, &LineError{last, errCells}) {
					return
				}
				continue
			case errors.As(err, &p):
				yield(Report{}, &LineError{p.StartLine, errQuote})
				return
			case err != nil:
				yield(Report{}, &LineError{last + 1, err})
				return
			}
			last, _ = rows.FieldPos(0)
			if columns == nil {
				if columns, err = readHeading(cells); err != nil {
					yield(Report{}, &LineError{last, err})
					return
				}
				continue
			}
			rep, err := parseRow(columns, cells)
			if err != nil {
				rep, err = Report{}, &LineError{last, err}
			}
			if !yield(rep, err) {
				return
			}
		}
	}
}

// rowReader gives the CSV reader no more than a row may have, so that a quote that nobody closes does not draw the whole file into memory.
type rowReader struct {
	r         io.Reader
	left, max int
}

func (b *rowReader) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, tooLong(b.max)
	}
	n, err := b.r.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

func readHeading(cells []string) (columns []field, err error) {
	var has [fieldCount + 1]bool
	for i, c := range cells {
		if i == 0 {
			c = strings.TrimPrefix(c, "\ufeff")
		}
		f := fieldOf(strings.ToLower(strings.TrimSpace(c)))
		if f == fieldCount || has[f] {
			return nil, fmt.Errorf("column %d: %w", i+1, errColumns)
		}
		has[f] = true
		columns = append(columns, f)
	}
	if !has[fieldText] && !has[fieldLinks] && !has[fieldFiles] && !has[fieldSuspect] {
		return nil, errColumns
	}
	return columns, nil
}

// parseRow reads a row; encoding/csv gives as many cells as there are columns.
func parseRow(columns []field, cells []string) (r Report, err error) {
	for i, f := range columns {
		cell := unguard(cells[i])
		if !utf8.ValidString(cell) {
			return r, fmt.Errorf("%s: %w", fieldNames[f], errUTF8)
		}
		switch f {
		case fieldLinks, fieldFiles:
			for one := range strings.FieldsSeq(cell) {
				if err := r.set(f, strings.Clone(one)); err != nil {
					return r, err
				}
			}
		case fieldText, fieldSubject:
			err = r.set(f, cell)
		default:
			err = r.set(f, strings.TrimSpace(cell))
		}
		if err != nil {
			return r, err
		}
	}
	return r, r.check()
}

// WriteCSV writes reports with a header of all columns. A cell that a spreadsheet would take for a formula gets an apostrophe before it, which
// ReadCSV takes away: what stands in a text is written by swindlers.
func WriteCSV(w io.Writer, all iter.Seq[Report]) error {
	out := csv.NewWriter(w)
	if err := out.Write(fieldNames[:]); err != nil {
		return err
	}
	for r := range all {
		row := [fieldCount]string{r.ID, r.Channel.String(), r.Medium.String(), r.Claim.String(), writeWhen(r.Time), writeWhen(r.Seen), r.Reporter,
			r.Suspect, r.To, r.Subject, r.Text, strings.Join(r.Links, " "), strings.Join(r.Files, " "), r.Language, r.IP, strconv.FormatBool(r.Cut)}
		for i := range row {
			if isFormula(row[i]) {
				row[i] = "'" + row[i]
			}
		}
		if err := out.Write(row[:]); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

func writeWhen(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// isFormula reports whether a spreadsheet may take the cell for one. Apostrophes before it are looked through, so that adding one and taking one away
// leaves every cell what it was. A +number is none.
func isFormula(s string) bool {
	s = strings.TrimLeft(s, "'")
	first, n := utf8.DecodeRuneInString(s)
	if n == 0 || !strings.ContainsRune("=+-@\t\r＝＋－＠", first) {
		return false
	}
	return first != '+' || strings.Trim(s[1:], "0123456789") != ""
}

func unguard(s string) string {
	if len(s) > 1 && s[0] == '\'' && isFormula(s) {
		return s[1:]
	}
	return s
}
