package action

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sekisho/sekisho/cases"
	"github.com/sekisho/sekisho/evidence"
	"github.com/sekisho/sekisho/subject"
)

func TestCallList(t *testing.T) {
	var all []*cases.Case
	for i, x := range []struct {
		score float64
		texts uint32
		ago   time.Duration
	}{{6, 9, time.Hour}, {9, 5, time.Hour}, {6, 20, time.Hour}, {6, 9, time.Minute}} {
		c := found(cases.Open)
		c.ID, c.Score, c.Stopped, c.LastEvidence = fmt.Sprintf("il-%d", i), x.score, x.texts, noon.Add(-x.ago)
		c.Reasons = []evidence.Reason{{Name: "links-change", Points: 3, Why: [2]string{"English.", "この回線から,\"送信\"。"}}, {Why: [2]string{"", "二つ目。"}}}
		all = append(all, c)
	}
	var b bytes.Buffer
	if err := WriteCalls(&b, all, time.UTC); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(b.String(), "\ufeff"))).ReadAll()
	if err != nil || len(rows) != 5 {
		t.Fatal(rows, err)
	}
	var order []string
	for _, r := range rows[1:] {
		order = append(order, r[colCase])
		if r[colPhone] != "090-0001-2345" || r[colReasons] != "この回線から,\"送信\"。二つ目。" || len(r) != int(columns) {
			t.Error(r)
		}
	}
	if strings.Join(order, " ") != "il-1 il-2 il-3 il-0" {
		t.Error(order)
	}
	// It comes back as it went, with nothing filled in: nobody was called.
	if back, err := ReadCalls(&b, "calls.csv", func(string) (*cases.Case, error) { return nil, nil }); err != nil || len(back) != 0 {
		t.Error(back, err)
	}
	all[2].State = cases.Closed
	b.Reset()
	if err := WriteCalls(&b, all, time.UTC); err == nil || !strings.Contains(err.Error(), "il-2 is closed") || b.Len() != 0 {
		t.Errorf("%v, %d octets", err, b.Len())
	}
	for l, want := range map[subject.Line]string{819000012345: "090-0001-2345", 81312345678: "03-1234-5678", 12025550100: "+12025550100"} {
		if dial(l) != want {
			t.Error(dial(l))
		}
	}
}

func TestReadCalls(t *testing.T) {
	of := func(id string) (*cases.Case, error) {
		c := found(cases.Open)
		switch c.ID = id; id {
		case "il-closed":
			c.State = cases.Closed
		case "il-none":
			return nil, nil
		}
		return c, nil
	}
	for name, x := range map[string]struct{ text, want string }{
		"good":            {"case,outcome,note\nil-a,reached-cleaned,\nil-b,Not-Reached,rang twice\nil-c,,\n", "il-a:reached-cleaned il-b:not-reached"},
		"Japanese":        {"\ufeff案件ID,電話番号,結果,備考\r\nil-a,090-0001-2345,誤検知,業務用の一斉送信\r\nil-b,x,拒否,\r\n", "il-a:wrong il-b:refused"},
		"no note":         {"outcome,case\nreached-will-do,il-a\n", "il-a:reached-will-do"},
		"empty":           {"", "calls.csv:1: the file is empty"},
		"header":          {"id,outcome\n", "calls.csv:1: the header names"},
		"column twice":    {"case,案件ID,outcome\n", "calls.csv:1: the column case"},
		"unknown outcome": {"case,outcome\nil-a,refused\nil-b,maybe\n", "calls.csv:3: the outcome is none of"},
		"unknown case":    {"case,outcome\nil-none,refused\n", "calls.csv:2: there is no case"},
		"closed case":     {"case,outcome\nil-a,refused\nil-closed,refused\n", "calls.csv:3: case il-closed is closed"},
		"twice":           {"case,outcome\nil-a,refused\nil-a,refused\n", "calls.csv:3: the case stands in the file twice"},
		"wrong, no note":  {"case,outcome,note\nil-a,wrong,\n", "calls.csv:2: a finding that is wrong needs a note"},
		"note of lines":   {"case,outcome,note\nil-a,wrong,\"a\nb\"\n", "calls.csv:2: a note is one line"},
		"fields":          {"case,outcome\nil-a\n", "calls.csv:2: wrong number of fields"},
		"quote":           {"case,outcome\nil-a,\"refused\n", "calls.csv:2:"},
	} {
		all, err := ReadCalls(strings.NewReader(x.text), "calls.csv", of)
		var got []string
		for _, c := range all {
			got = append(got, c.Case+":"+string(c.Outcome))
		}
		s := strings.Join(got, " ")
		if err != nil {
			s = err.Error()
			if all != nil {
				t.Errorf("%s: an error, and something", name)
			}
		}
		if err == nil && s != x.want || err != nil && !strings.Contains(s, x.want) {
			t.Errorf("%s: %s; want %s", name, s, x.want)
		}
	}
}

func FuzzReadCalls(f *testing.F) {
	f.Add("case,outcome,note\nil-a,wrong,why\n")
	f.Add("\ufeff案件ID,結果\r\nil-a,不通\r\n")
	f.Add("case,outcome\n\"il-a,wrong")
	f.Fuzz(func(t *testing.T, text string) {
		all, err := ReadCalls(strings.NewReader(text), "f", func(id string) (*cases.Case, error) { c := found(cases.Open); c.ID = id; return c, nil })
		if err != nil && (all != nil || strings.Contains(err.Error(), "\n") || !strings.HasPrefix(err.Error(), "f:")) {
			t.Errorf("%v %q", all, err)
		}
		for _, c := range all {
			if !strings.Contains(text, c.Note) || c.Outcome == "" || c.Outcome == WrongFinding && c.Note == "" {
				t.Errorf("%+v", c)
			}
		}
	})
}
