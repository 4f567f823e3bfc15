package action

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/sekisho/sekisho/subject"
)

// Contacts are how holders of lines are reached, as the operator's own books say. They are read when somebody is told, and never kept.
type Contacts map[subject.Line]Contact

// contactColumns are the columns of a file of contacts; line is needed.
var contactColumns = []string{"line", "language", "company", "person", "mail", "name", "postal_code", "address1", "address2", "address3"}

const (
	maxContacts    = 10_000_000
	maxContactText = 200 // octets of a field
)

// ReadContacts reads a CSV file (RFC 4180) with a header; name stands in errors, which name the line and never what stands there.
func ReadContacts(name string, in io.Reader) (Contacts, error) {
	r := csv.NewReader(in)
	r.ReuseRecord = true
	header, err := r.Read()
	if err != nil {
		return nil, fmt.Errorf("%s: no header: the columns are %s", name, strings.Join(contactColumns, ", "))
	}
	at := map[string]int{}
	for i, h := range header {
		h = strings.TrimSpace(strings.TrimPrefix(h, "\ufeff"))
		if _, twice := at[h]; twice || !slices.Contains(contactColumns, h) {
			return nil, fmt.Errorf("%s line 1: column %d is none, or stands twice: the columns are %s", name, i+1, strings.Join(contactColumns, ", "))
		}
		at[h] = i
	}
	if _, ok := at["line"]; !ok {
		return nil, fmt.Errorf("%s line 1: the column line is missing", name)
	}
	all := Contacts{}
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if parse := (*csv.ParseError)(nil); errors.As(err, &parse) {
			return nil, fmt.Errorf("%s line %d: not a row with as many columns as the header", name, parse.Line)
		} else if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		n, _ := r.FieldPos(0)
		fail := func(what string) error { return fmt.Errorf("%s line %d: %s", name, n, what) }
		field := func(column string) string {
			if i, ok := at[column]; ok {
				return strings.Clone(strings.TrimSpace(row[i]))
			}
			return ""
		}
		for _, f := range row {
			if len(f) > maxContactText || strings.ContainsFunc(f, func(r rune) bool { return r < ' ' || r == 0x7f }) {
				return nil, fail("a field has more than 200 octets, or a control character")
			}
		}
		line, err := subject.ParseLine(field("line"))
		if err != nil {
			return nil, fail("line is " + err.Error())
		}
		c := Contact{Language: field("language"), Person: field("person"), Mail: field("mail"), Address: Address{Name: field("name"), Code: field("postal_code")}}
		if s := field("company"); s != "" {
			if c.Company, err = strconv.ParseBool(s); err != nil {
				return nil, fail("company is neither true nor false")
			}
		}
		switch {
		case c.Language != "" && c.Language != "ja" && c.Language != "en":
			return nil, fail("language is neither ja nor en")
		case c.Mail != "" && !mailable(c.Mail):
			return nil, fail("mail is no address")
		case len(all) == maxContacts:
			return nil, fail("more contacts than there is room for")
		}
		for _, column := range contactColumns[7:] {
			if s := field(column); s != "" {
				c.Address.Lines = append(c.Address.Lines, s)
			}
		}
		if _, twice := all[line]; twice {
			return nil, fail("the line stands twice")
		}
		all[line] = c
	}
}
