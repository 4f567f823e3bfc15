package action

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sekisho/sekisho/cases"
	"github.com/sekisho/sekisho/subject"
)

// The call list goes out as CSV, is filled in by customer care, and comes back: the same file. It is the one place where numbers leave in full, because
// care has to dial them; whoever writes the file lets nobody else read it.

type column int

const (
	colCase column = iota
	colPhone
	colState
	colScore
	colTexts
	colFirst
	colLast
	colReasons
	colOutcome
	colNote
	columns
)

// columnNames are as people of Japan read them, and in English; both are read.
var columnNames = [columns][2]string{{"case", "案件ID"}, {"phone", "電話番号"}, {"state", "状態"}, {"score", "スコア"}, {"texts", "阻止した通数"},
	{"first", "最初の検知"}, {"last", "最後の検知"}, {"reasons", "根拠"}, {"outcome", "結果"}, {"note", "備考"}}

// Outcome is what came of a call.
type Outcome string

const (
	ReachedCleaned Outcome = "reached-cleaned" // the owner says that the phone was cleaned
	ReachedWillDo  Outcome = "reached-will-do" // he says that he will
	NotReached     Outcome = "not-reached"     //
	WrongFinding   Outcome = "wrong"           // it never was infected; the note says how that is known
	Refused        Outcome = "refused"         // reached, and wants to hear nothing of it
)

var outcomes = map[string]Outcome{
	"reached-cleaned": ReachedCleaned, "対処済み": ReachedCleaned,
	"reached-will-do": ReachedWillDo, "対処予定": ReachedWillDo,
	"not-reached": NotReached, "不通": NotReached,
	"wrong": WrongFinding, "誤検知": WrongFinding,
	"refused": Refused, "拒否": Refused,
}

// Reached reports whether the owner was told.
func (o Outcome) Reached() bool { return o != NotReached }

// Called is what customer care entered of a case.
type Called struct {
	Case    string
	Outcome Outcome
	Note    string
	Line    int // of the file
}

// WriteCalls writes the list of whom to call, the most pressing first. A list that names a case of which nobody is to be told is refused.
func WriteCalls(w io.Writer, all []*cases.Case, zone *time.Location) error {
	for _, c := range all {
		if !c.State.Active() || c.Line == 0 {
			return fmt.Errorf("case %s is %s: nobody is called about it", c.ID, c.State)
		}
	}
	ranked := append([]*cases.Case(nil), all...)
	cases.Rank(ranked)
	if _, err := io.WriteString(w, "\ufeff"); err != nil { // by which spreadsheets know UTF-8
		return err
	}
	out := csv.NewWriter(w)
	out.UseCRLF = true
	header := make([]string, columns)
	for i := range header {
		header[i] = columnNames[i][1]
	}
	out.Write(header)
	for _, c := range ranked {
		var why strings.Builder
		for _, r := range c.Reasons {
			why.WriteString(r.Why[1])
		}
		out.Write([]string{c.ID, dial(c.Line), c.State.Ja(), strconv.FormatFloat(c.Score, 'f', 1, 64), strconv.Itoa(int(c.Stopped)),
			c.FirstEvidence.In(zone).Format("2006-01-02 15:04"), c.LastEvidence.In(zone).Format("2006-01-02 15:04"), why.String(), "", ""})
	}
	out.Flush()
	return out.Error()
}

// dial is a number as it is dialled in Japan; with hyphens, which keep spreadsheets from taking the zero away.
func dial(l subject.Line) string {
	s := l.String()
	rest, home := strings.CutPrefix(s, "+81")
	switch {
	case !home:
		return s
	case len(rest) == 10:
		return "0" + rest[:2] + "-" + rest[2:6] + "-" + rest[6:]
	case len(rest) == 9:
		return "0" + rest[:1] + "-" + rest[1:5] + "-" + rest[5:]
	}
	return s
}

const (
	maxCalls = 1 << 20 // rows
	maxNote  = 900     // octets: a reason that a case is moved for has room for it
)

// ReadCalls reads what customer care filled in, whole or with an error that names the line. Rows without an outcome were not called yet. of finds a
// case, nil where there is none.
func ReadCalls(r io.Reader, name string, of func(id string) (*cases.Case, error)) ([]Called, error) {
	in := csv.NewReader(io.LimitReader(r, 256<<20))
	in.ReuseRecord = true
	var at [columns]int
	seen := map[string]bool{}
	var all []Called
	for n := 0; ; n++ {
		row, err := in.Read()
		if err == io.EOF {
			if n == 0 {
				return nil, fmt.Errorf("%s:1: the file is empty", name)
			}
			return all, nil
		}
		if err != nil {
			line, why := n+1, err
			if p, ok := errors.AsType[*csv.ParseError](err); ok {
				line, why = p.StartLine, p.Err
			}
			return nil, fmt.Errorf("%s:%d: %w", name, line, why)
		}
		line, _ := in.FieldPos(0)
		if n == 0 {
			if at, err = header(row); err != nil {
				return nil, fmt.Errorf("%s:%d: %w", name, line, err)
			}
			continue
		}
		c, err := called(row, &at)
		if err == nil && c.Outcome == "" {
			continue
		}
		if err == nil && (seen[c.Case] || n > maxCalls) {
			err = errors.New("the case stands in the file twice")
		}
		var known *cases.Case
		if err == nil {
			seen[c.Case] = true
			known, err = of(c.Case)
		}
		switch {
		case err != nil:
		case known == nil:
			err = errors.New("there is no case of this id")
		case known.State.Ended():
			err = fmt.Errorf("case %s is %s; take the row out, and do not call", known.ID, known.State)
		}
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", name, line, err)
		}
		c.Line = line
		all = append(all, c)
	}
}

func header(row []string) (at [columns]int, err error) {
	for i := range at {
		at[i] = -1
	}
	for i, f := range row {
		f = strings.ToLower(strings.TrimSpace(strings.TrimPrefix(f, "\ufeff")))
		for c, names := range columnNames {
			if f != names[0] && f != strings.ToLower(names[1]) {
				continue
			}
			if at[c] >= 0 {
				return at, fmt.Errorf("the column %s stands there twice", names[0])
			}
			at[c] = i
		}
	}
	if at[colCase] < 0 || at[colOutcome] < 0 {
		return at, errors.New("the header names the columns case (案件ID) and outcome (結果), and may name note (備考), in UTF-8")
	}
	return at, nil
}

func called(row []string, at *[columns]int) (c Called, err error) {
	c.Case = strings.Clone(strings.TrimSpace(row[at[colCase]]))
	said := strings.TrimSpace(row[at[colOutcome]])
	if at[colNote] >= 0 {
		c.Note = strings.Clone(strings.TrimSpace(row[at[colNote]]))
	}
	if said == "" {
		return c, nil
	}
	known := false
	if c.Outcome, known = outcomes[strings.ToLower(said)]; !known {
		return c, errors.New("the outcome is none of reached-cleaned (対処済み), reached-will-do (対処予定), not-reached (不通), wrong (誤検知), refused (拒否)")
	}
	if len(c.Note) > maxNote || !utf8.ValidString(c.Note) || strings.ContainsFunc(c.Note, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return c, fmt.Errorf("a note is one line in UTF-8 of at most %d octets", maxNote)
	}
	if c.Outcome == WrongFinding && c.Note == "" {
		return c, errors.New("a finding that is wrong needs a note that says how that is known")
	}
	return c, nil
}
