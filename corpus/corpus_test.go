package corpus_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sekisho/sekisho/corpus"
	"github.com/sekisho/sekisho/message"
)

func readAll(format corpus.Format, in string) (out []corpus.Sample, err error) {
	r, err := corpus.New("f", strings.NewReader(in), corpus.Options{Format: format})
	for err == nil {
		var s corpus.Sample
		if err = r.Next(&s); err == nil {
			out = append(out, s)
		}
	}
	if err == io.EOF {
		err = nil
	}
	return out, err
}

func show(list []corpus.Sample) string {
	var out []string
	for _, s := range list {
		out = append(out, fmt.Sprintf("%d %v %q", s.Line, s.Label, s.Text))
	}
	return strings.Join(out, "; ")
}

func TestRead(t *testing.T) {
	for _, c := range []struct {
		name   string
		format corpus.Format
		in     string
		want   string
	}{
		{"csv", corpus.CSV, "id,text,label\n1,\"a, \"\"b\"\"\nc\",ham\n2,d,Spam\n", `2 ham "a, \"b\"\nc"; 4 spam "d"`},
		{"csv with a mark and CRLF", "", "\ufefftext\r\nhello\r\n", `2 unset "hello"`},
		{"csv without a header", corpus.CSV, "hello,spam\nbye,ham\n", `1 spam "hello"; 2 ham "bye"`},
		{"tsv with quotes in it", corpus.TSV, "label\ttext\nham\t\"so he said\n", `2 ham "\"so he said"`},
		{"uci", "", "ham\tGo on\nspam\tWin now\n", `1 ham "Go on"; 2 spam "Win now"`},
		{"jsonl", "", `{"text":"a","label":"phishing","route":"p2p","time":"2026-01-02T03:04:05Z","id":7}` + "\n\n" + `{"text":"b"}`, `1 phishing "a"; 3 unset "b"`},
		{"json, instruction and output", "", "[\n{\"instruction\":\"x\",\"input\":\"\",\"output\":\"Scam SMS\"}]", `1 phishing "x"`},
		{"text", "", "one\n\ntwo", `1 unset "one"; 3 unset "two"`},
		{"mail", corpus.Mail, "From: A <a@example.com>\r\nSubject: =?ISO-2022-JP?B?GyRCJDMbKEI=?=\r\nContent-Type: multipart/alternative; boundary=x\r\n\r\n--x\r\nContent-Type: text/html\r\n\r\n<b>no</b>\r\n--x\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\naGVsbG8=\r\n--x--\r\n",
			`1 unset "こ\nhello"`},
		{"mbox", corpus.Mbox, "From a@b\nSubject: s\n\nx\n>From y\n\nFrom c@d\nSubject: t\n\nz\n", `1 unset "s\nx\nFrom y"; 7 unset "t\nz"`},
		{"templates", corpus.Template, "# r\n= x: a|b\n@ ham en p2p 3 from=+81901234567{#1}\n{x} {#2}\n", `4 ham "a 88"; 4 ham "b 44"; 4 ham "b 99"`},
		{"not UTF-8", corpus.Text, "a\xffb", `1 unset "a` + "\uFFFD" + `b"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			list, err := readAll(c.format, c.in)
			if c.format == corpus.Template {
				if err != nil || len(list) != 3 {
					t.Fatalf("%v, %v", show(list), err)
				}
				again, _ := readAll(c.format, c.in)
				if show(list) != show(again) {
					t.Errorf("not the same twice: %s, %s", show(list), show(again))
				}
				return
			}
			if err != nil || show(list) != c.want {
				t.Errorf("got  %s, %v\nwant %s", show(list), err, c.want)
			}
		})
	}
}

func TestErrors(t *testing.T) {
	long := strings.Repeat("x", corpus.MaxRecord+1)
	for _, c := range []struct {
		format corpus.Format
		in     string
		want   string
	}{
		{corpus.CSV, "id,body\n1,x\n", `f line 1: no column "text" in the header, which has ["id" "body"]`},
		{corpus.CSV, "", `f line 1: empty: no header row`},
		{corpus.CSV, "text,id\na\n", `f line 2: 1 fields where the header has 2`},
		{corpus.CSV, "text\n\"a\n", `f line 2: not CSV: extraneous or missing " in quoted-field (column 4)`},
		{corpus.CSV, "text\n\"" + long + long, `f line 2: longer than 1 MiB`},
		{corpus.CSV, "text,label\na,maybe\n", `f line 2: field "label": unknown label "maybe": one of ham, spam, phishing`},
		{corpus.TSV, "text\ttext\na\tb\n", `f line 1: column "text" stands twice in the header`},
		{corpus.JSONL, strings.Repeat("{\"text\":\"a\"}\n", 811) + "{\"text\":\n", `f line 812: not JSON: unexpected end of JSON input (octet 8)`},
		{corpus.JSONL, `{"body":"a"}`, `f line 1: no field "text"`},
		{corpus.JSONL, `{"text":["a"]}`, `f line 1: field "text": not a string`},
		{corpus.JSONL, `{"text":"a","time":"yesterday"}`, `f line 1: field "time": "yesterday" is not a time as in RFC 3339 (2026-04-01T09:00:00Z)`},
		{corpus.JSONL, `[1]`, `f line 1: not a JSON object`},
		{corpus.JSON, `{"text":"a"}`, `f: not a JSON array of objects`},
		{corpus.JSON, `[{"text":"a"},`, `f entry 2: not JSON: unexpected EOF`},
		{corpus.Text, "ok\n" + long, `f line 2: longer than 1 MiB`},
		{corpus.Mbox, "hello\n", `f line 1: not an mbox: no line "From " before the first mail`},
		{corpus.Template, "hello\n", `f line 1: a text before the first line that starts with @`},
		{corpus.Template, "@ ham en p2p 3\n{nolist}\n", `f line 2: no list is called "nolist"`},
		{corpus.Template, "= a: {a}{a}\n@ ham en p2p 3\n{a}\n", `f line 3: slots within slots more than 32 deep, or more than 1000 of them`},
	} {
		_, err := readAll(c.format, c.in)
		if err == nil || err.Error() != c.want {
			t.Errorf("%s %.40q\ngot  %v\nwant %s", c.format, c.in, err, c.want)
		}
	}
}

func TestOpen(t *testing.T) {
	if _, err := corpus.Open(filepath.Join(t.TempDir(), "none.csv"), corpus.Options{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
	name := filepath.Join(t.TempDir(), "x.xlsx")
	os.WriteFile(name, nil, 0o600)
	if _, err := corpus.Open(name, corpus.Options{}); err == nil || !strings.Contains(err.Error(), "cannot tell the format") {
		t.Errorf("a format that is not known: %v", err)
	}
}

// TestSharedSets reads the sets that the project is measured with, where they are.
func TestSharedSets(t *testing.T) {
	const dir = "../../shared/data/sms"
	if _, err := os.Stat(dir); err != nil {
		t.Skip("skipped: the shared data are not here (" + dir + ")")
	}
	for name, want := range map[string]int{"uci.tsv": 5574, "mendeley_dev.csv": 5456, "ots_synthetic.csv": 1894, "zh_tw.json": 150} {
		r, err := corpus.Open(filepath.Join(dir, name), corpus.Options{})
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		var s corpus.Sample
		for {
			if err = r.Next(&s); err != nil {
				break
			}
			if s.Label == message.ClassUnset {
				t.Errorf("%s line %d has no label", name, s.Line)
			}
			n++
		}
		if r.Close(); err != io.EOF || n != want {
			t.Errorf("%s: %d messages instead of %d, %v", name, n, want, err)
		}
	}
}

func TestFigures(t *testing.T) {
	var tally corpus.Tally
	for i := range 1000 {
		p := float32(i) / 2000 // of ham the highest is just below 0.5
		tally.Add(corpus.Judged{Label: message.Ham, Class: message.Ham, PBad: p, Stopped: i == 999})
	}
	for i := range 100 {
		tally.Add(corpus.Judged{Label: message.Phishing, Class: message.Phishing, PBad: float32(i) / 100, Stopped: i >= 60})
	}
	tally.Add(corpus.Judged{})
	f := tally.Figures(2)
	if f.N != 1100 || f.Recall != (corpus.Rate{Of: 40, In: 100}) || f.Precision != (corpus.Rate{Of: 40, In: 41}) ||
		f.HamFPR != (corpus.Rate{Of: 1, In: 1000}) {
		t.Errorf("%+v", f)
	}
	if p := f.Points[2]; !p.Measurable || p.Recall.Of != 50 || f.Points[1].Measurable {
		t.Errorf("%+v", f.Points)
	}
	if low, high := (corpus.Rate{Of: 1, In: 1000}).Interval(); math.Abs(low-0.000177) > 1e-5 || math.Abs(high-0.005644) > 1e-5 {
		t.Errorf("Wilson %v %v", low, high)
	}
	raw, err := json.Marshal(f)
	if err != nil || !strings.Contains(string(raw), `"0.001":"not measurable"`) || !strings.Contains(string(raw), `"messages_per_second":550`) {
		t.Errorf("%s, %v", raw, err)
	}
	var empty corpus.Tally
	if raw, err := json.Marshal(empty.Figures(0)); err != nil || !strings.Contains(string(raw), `"ham_fpr":null`) {
		t.Errorf("%s, %v", raw, err)
	}
}

func FuzzRead(f *testing.F) {
	for _, s := range []string{"text,label\na,ham\n", "ham\tx\n", `{"text":"a"}`, `[{"text":"a"}]`, "From a\nSubject: b\n\nc\n",
		"= a: b|{c}\n@ ham en p2p 2\n{a} {#3} {x|y}\n", "Content-Type: multipart/mixed; boundary=x\n\n--x\n\nhi\n--x--\n"} {
		for i := range 8 {
			f.Add(i, s)
		}
	}
	formats := []corpus.Format{"", corpus.CSV, corpus.TSV, corpus.JSONL, corpus.JSON, corpus.Text, corpus.Mail, corpus.Mbox, corpus.Template}
	f.Fuzz(func(t *testing.T, format int, in string) {
		r, err := corpus.New("f", strings.NewReader(in), corpus.Options{Format: formats[uint(format)%uint(len(formats))]})
		var s corpus.Sample
		var m message.Message
		for n := 0; err == nil && n < 1000; n++ {
			if err = r.Next(&s); err == nil {
				s.Message(&m, 81)
			}
		}
		if err != nil && err != io.EOF && !strings.HasPrefix(err.Error(), "f") {
			t.Errorf("the error names no file: %v", err)
		}
	})
}
