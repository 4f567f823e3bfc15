package report

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/encoding/japanese"
	"pgregory.net/rapid"

	"github.com/sekisho/sekisho/indicator"
)

var when = time.Date(2026, 4, 1, 9, 0, 0, 0, time.UTC)

func sampleReport() Report {
	return Report{ID: "r-1", Channel: API, Medium: SMS, Claim: Fraud, Time: when, Seen: when.Add(-time.Hour), Reporter: "+819012345678", Suspect: "SAGAWA", Text: "お荷物です http://a.example.icu/", Links: []string{"http://b.example.icu/x"},
		Files: []string{strings.Repeat("ab", 32)}, Language: "ja", IP: "192.0.2.1"}
}

func all(seq func(func(Report, error) bool)) (out []Report, err error) {
	for r, e := range seq {
		if e != nil {
			return out, e
		}
		out = append(out, r)
	}
	return out, nil
}

// What is written is read again as it was.
func TestRoundTrip(t *testing.T) {
	want := []Report{sampleReport(), {Claim: Honest, Text: "=1+1, \"quoted\"\nsecond line", Suspect: "bad@evil.example"}, {Suspect: "+81120444444", Medium: Call}}
	seq := slices.Values(want)
	var b bytes.Buffer
	if err := WriteJSONL(&b, seq); err != nil {
		t.Fatal(err)
	}
	if got, err := all(ReadJSONL(&b, 0)); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("JSONL: %v\n%+v", err, got)
	}
	b.Reset()
	if err := WriteCSV(&b, seq); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(b.String(), "\n=1+1") || strings.Contains(b.String(), ",=1+1") || strings.Contains(b.String(), "\"=1+1") {
		t.Errorf("a formula: %s", b.String())
	}
	if got, err := all(ReadCSV(&b, 0)); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("CSV: %v\n%+v", err, got)
	}
}

func TestJSONRefuses(t *testing.T) {
	for line, says := range map[string]string{
		`{"text":"x","colour":1}`: "colour", `{"text":"x","text":"y"}`: "twice", `{"claim":"perhaps","text":"x"}`: "claim", `{"time":"yesterday","text":"x"}`: "time", `[]`: "object", `{}`: "", `{"text":"` + "\xff" + `"}`: "UTF-8",
		`{"text":7}`: "text", `{"links":["a b"]}`: "links", strings.Repeat("[", 5000): "", `{"id":"` + strings.Repeat("x", 200) + `","text":"x"}`: "id",
	} {
		_, err := ReadJSON(strings.NewReader(line), 0)
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%.40s: %v", line, err)
		}
	}
	if _, err := all(ReadJSONL(strings.NewReader("{\"text\":\"secret words\"}\n\n{\"text\":\"secret words\",\"x\":1}\n"), 0)); err == nil || !strings.Contains(err.Error(), "line 3") || strings.Contains(err.Error(), "secret") {
		t.Error(err)
	}
	if _, err := all(ReadCSV(strings.NewReader("text,claim\nok,fraud\nok,what\n"), 0)); err == nil || !strings.Contains(err.Error(), "line 3") {
		t.Error(err)
	}
	if _, err := all(ReadCSV(strings.NewReader("colour\nred\n"), 0)); err == nil {
		t.Error("a heading without anything reported")
	}
}

// endless is a line that never ends.
type endless struct {
	head string
	left int64
}

func (e *endless) Read(p []byte) (int, error) {
	if e.head != "" {
		n := copy(p, e.head)
		e.head = e.head[n:]
		return n, nil
	}
	if e.left <= 0 {
		return 0, io.EOF
	}
	for i := range p {
		p[i] = 'a'
	}
	e.left -= int64(len(p))
	return len(p), nil
}

// A line of a gigabyte, deep nesting, thousands of parts: refused or cut in one sentence, in little memory.
func TestHostileIsBounded(t *testing.T) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for name, f := range map[string]func(io.Reader) error{
		"JSONL": func(r io.Reader) error { _, err := all(ReadJSONL(r, 0)); return err },
		"JSON":  func(r io.Reader) error { _, err := ReadJSON(r, 0); return err },
		"CSV":   func(r io.Reader) error { _, err := all(ReadCSV(r, 0)); return err },
		"XARF":  func(r io.Reader) error { _, err := ReadXARF(r, 1<<20); return err },
		"MISP":  func(r io.Reader) error { _, err := ReadMISP(r, 1<<20); return err },
	} {
		head := `{"text":"`
		if name == "CSV" {
			head = "text\n\""
		}
		if err := f(&endless{head, 1 << 30}); err == nil || len(err.Error()) > 200 {
			t.Errorf("%s: %.300v", name, err)
		}
	}
	if _, err := ReadMail(&endless{"From: a@b.example\n\nhttp://c.example/", 1 << 30}, Bounds{Size: 1 << 20}); err != nil {
		t.Error(err) // cut
	}
	nested := "From: a@b.example\nContent-Type: multipart/mixed; boundary=b\n\n" + strings.Repeat("--b\nContent-Type: multipart/mixed; boundary=b\n\n", 20000) + "x"
	many := "From: a@b.example\nContent-Type: multipart/mixed; boundary=b\n\nhttp://c.example/\n" + strings.Repeat("--b\n\nx\n", 50000)
	html := "From: a@b.example\nContent-Type: text/html\n\n" + strings.Repeat("<div><a href='http://c.example/'>", 100000)
	headers := strings.Repeat("X: y\n", 100000) + "\nx"
	for name, mail := range map[string]string{"nested": nested, "many parts": many, "HTML": html, "headers": headers} {
		if r, err := ReadMail(strings.NewReader(mail), Bounds{}); err == nil && !r.Cut && name != "HTML" {
			t.Errorf("%s: neither refused nor cut", name)
		}
	}
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapSys) - int64(before.HeapSys); grown > 300<<20 {
		t.Errorf("%d MB of heap", grown>>20)
	}
}

func iso2022(t *testing.T, s string) string {
	t.Helper()
	out, err := japanese.ISO2022JP.NewEncoder().String(s)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Mails as people forward them.
func TestMail(t *testing.T) {
	const scam = "【佐川急便】お荷物のお届けにあがりましたが不在の為持ち帰りました。 http://evil.example.icu/x"
	for _, c := range []struct {
		name, mail    string
		suspect, text string
		link          string
	}{
		{"Gmail, forwarded in line", "From: Hanako <hanako@mail.example>\nSubject: Fwd: parcel\nContent-Type: text/plain; charset=utf-8\n\nこれは詐欺ですか\n\n---------- Forwarded message ---------\nFrom: Sagawa <bad@evil.example>\nDate: Wed, Apr 1, 2026 at 9:00 AM\nSubject: parcel\nTo: <hanako@mail.example>\n\n" + scam + "\n",
			"bad@evil.example", scam, ""},
		{"ISO-2022-JP", "From: hanako@mail.example\nSubject: =?ISO-2022-JP?B?" + base64.StdEncoding.EncodeToString([]byte(iso2022(t, "転送: お荷物"))) + "?=\nContent-Type: text/plain; charset=ISO-2022-JP\n\n" + iso2022(t, scam) + "\n", "", scam, ""},
		{"quoted-printable in Shift_JIS, broken", "From: hanako@mail.example\nContent-Type: text/plain; charset=Shift_JIS\nContent-Transfer-Encoding: quoted-printable\n\nhttp://evil.example.icu/=ZZ \x83e\x83X\x83g\n", "", "http://evil.example.icu/=ZZ テスト", ""},
		{"as an attachment", "From: hanako@mail.example\nContent-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: text/plain\n\nsee below\n--x\nContent-Type: message/rfc822\n\nFrom: bad@evil.example\nSubject: account\nContent-Type: text/html\n\n<p>Sign in <a href=\"http://evil.example.icu/login\">here</a></p>\n--x--\n",
			"bad@evil.example", "Sign in here", "http://evil.example.icu/login"},
	} {
		r, err := ReadMail(strings.NewReader(strings.ReplaceAll(c.mail, "\n", "\r\n")), Bounds{})
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if r.Reporter != "hanako@mail.example" || r.Suspect != c.suspect || strings.TrimSpace(r.Text) != c.text || c.link != "" && !slices.Contains(r.Links, c.link) {
			t.Errorf("%s: %+v", c.name, r)
		}
	}
	for _, mail := range []string{"", "no header", "From: a@b.example\nFrom: c@d.example\n\nx"} {
		if _, err := ReadMail(strings.NewReader(mail), Bounds{}); err == nil {
			t.Errorf("%q was read", mail)
		}
	}
}

// The feedback reports of the fixtures say what stands beside them.
func TestARFFixtures(t *testing.T) {
	dir := os.Getenv("SEKISHO_DATA")
	if dir == "" {
		dir = "../../shared/data"
	}
	files, _ := filepath.Glob(filepath.Join(dir, "mail/fixtures/arf/*.eml"))
	if len(files) == 0 {
		t.Skip("the fixtures of feedback reports are not here: set SEKISHO_DATA to the folder of the data sets")
	}
	for _, name := range files {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var want struct {
			Type    string   `json:"feedback_type"`
			Arrival *int64   `json:"arrival_date"`
			IP      *string  `json:"source_ip"`
			URIs    []string `json:"reported_uri"`
			Mail    *string  `json:"original_mail_from"`
		}
		j, err := os.ReadFile(strings.TrimSuffix(name, ".eml") + ".json")
		if err != nil || json.Unmarshal(j, &want) != nil {
			t.Fatal(err)
		}
		r, err := ReadMail(bytes.NewReader(raw), Bounds{})
		if strings.EqualFold(want.Type, "AuthFailure") || strings.EqualFold(want.Type, "auth-failure") {
			if !errors.Is(err, ErrNoComplaint) {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err != nil || r.Channel != ARF {
			t.Errorf("%s: %v %+v", name, err, r)
			continue
		}
		if want.IP != nil && r.IP != *want.IP || want.Arrival != nil && r.Seen.Unix() != *want.Arrival || want.Mail != nil && r.Suspect == "" {
			t.Errorf("%s: %+v", name, r)
		}
		for _, u := range want.URIs {
			if !strings.HasPrefix(u, "mailto:") && !slices.Contains(r.Links, u) && !strings.Contains(r.Text, u) {
				t.Errorf("%s: %s is missing", name, u)
			}
		}
	}
}

// What we complain of is read again, by our own reader, and names neither reporter nor recipient nor a line.
func TestComplaints(t *testing.T) {
	r := sampleReport()
	r.Medium, r.Suspect, r.To, r.Subject = Email, "bad@evil.example", "+819087654321", "お荷物"
	var b bytes.Buffer
	if err := WriteARF(&b, r, "abuse@operator.example", "abuse@host.example", when); err != nil {
		t.Fatal(err)
	}
	got, err := ReadMail(bytes.NewReader(b.Bytes()), Bounds{})
	if err != nil || got.Channel != ARF || got.Claim != Fraud || got.Text != r.Text || got.Suspect != r.Suspect || got.IP != r.IP || !slices.Contains(got.Links, r.Links[0]) || !got.Seen.Equal(r.Seen) || got.Subject != r.Subject {
		t.Errorf("%v\n%+v\n%s", err, got, b.String())
	}
	us := Contact{"Operator", "abuse@operator.example", "operator.example"}
	var x bytes.Buffer
	if err := WriteXARF(&x, r, us, "11111111-1111-4111-8111-111111111111"); err != nil {
		t.Fatal(err)
	}
	back, err := ReadXARF(bytes.NewReader(x.Bytes()), 0)
	if err != nil || back.Text != r.Text || back.Suspect != r.Suspect || back.Medium != Email {
		t.Errorf("%v\n%+v\n%s", err, back, x.String())
	}
	r.Medium, r.Suspect = SMS, "+819077778888" // may be a victim's phone
	var y bytes.Buffer
	if err := WriteXARF(&y, r, us, "11111111-1111-4111-8111-111111111111"); err != nil {
		t.Fatal(err)
	}
	for _, out := range []string{b.String(), x.String(), y.String()} {
		for _, secret := range []string{"9012345678", "9087654321", "77778888"} {
			if strings.Contains(out, secret) {
				t.Errorf("%s in %s", secret, out)
			}
		}
	}
	if err := WriteARF(&b, r, "x\r\nBcc: y@z.example", "abuse@host.example", when); err == nil {
		t.Error("a header was injected")
	}
	checkXARF(t, x.Bytes(), "messaging-spam.json")
	checkXARF(t, y.Bytes(), "content-phishing.json")
	if err := WriteXARF(io.Discard, Report{Text: "x"}, us, "id"); err == nil {
		t.Error("a complaint of nothing")
	}
}

// checkXARF holds a document against the published schemas: required keys, constants and enumerations, through their references.
func checkXARF(t *testing.T, doc []byte, schema string) {
	t.Helper()
	dir := "../../shared/data/xarf/schemas/v4"
	if _, err := os.Stat(dir); err != nil {
		t.Log("SKIPPED: the XARF schemas are not here")
		return
	}
	var v map[string]any
	if err := json.Unmarshal(doc, &v); err != nil {
		t.Fatal(err)
	}
	var check func(path string, v map[string]any)
	var rules func(dir string, s, v map[string]any)
	rules = func(at string, s, v map[string]any) {
		for _, part := range asList(s["allOf"]) {
			m := part.(map[string]any)
			if ref, ok := m["$ref"].(string); ok {
				check(filepath.Join(at, ref), v)
			} else {
				rules(at, m, v)
			}
		}
		for _, k := range asList(s["required"]) {
			if _, ok := v[k.(string)]; !ok {
				t.Errorf("%s: %s is missing", schema, k)
			}
		}
		props, _ := s["properties"].(map[string]any)
		for k, p := range props {
			rule, _ := p.(map[string]any)
			got, ok := v[k]
			if !ok {
				continue
			}
			if c, has := rule["const"]; has && c != got {
				t.Errorf("%s: %s is %v, not %v", schema, k, got, c)
			}
			if e := asList(rule["enum"]); e != nil && !slices.Contains(e, got) {
				t.Errorf("%s: %s is %v, none of %v", schema, k, got, e)
			}
		}
	}
	check = func(path string, v map[string]any) {
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var s map[string]any
		if err := json.Unmarshal(raw, &s); err != nil {
			t.Fatal(err)
		}
		rules(filepath.Dir(path), s, v)
	}
	check(filepath.Join(dir, "types", schema), v)
}

func asList(v any) []any {
	l, _ := v.([]any)
	return l
}

func TestXARFRefuses(t *testing.T) {
	for doc, says := range map[string]string{
		`{"xarf_version":"3.0"}`: "xarf_version", `{"xarf_version":"4.2.0"}`: "report_id", `{"xarf_version":4}`: "xarf_version", `{"xarf_version":"4.2.0","xarf_version":"4.2.0"}`: "twice",
		`{"xarf_version":"4.2.0","report_id":"a","timestamp":"2026-04-01T00:00:00Z","reporter":{"contact":"a@b.example"},"category":"connection"}`: "category",
		`{"xarf_version":"4.2.0","report_id":"a","timestamp":"2026-04-01T00:00:00Z","reporter":{"contact":"a@b.example"},"category":"content"}`:    "url",
	} {
		if _, err := ReadXARF(strings.NewReader(doc), 0); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", doc, err)
		}
	}
}

func TestMISP(t *testing.T) {
	doc := `{"Event":{"uuid":"11111111-1111-4111-8111-111111111111","info":"parcel","timestamp":"1775034000","Orgc":{"name":"CERT"},"Tag":[{"name":"tlp:green"}],
	"Attribute":[{"uuid":"a","type":"domain","value":"evil.example","to_ids":true,"timestamp":1775034000},{"uuid":"b","type":"domain","value":"co.jp","to_ids":true},
	{"uuid":"c","type":"phone-number","value":"+81120444444","to_ids":true,"Tag":[{"name":"tlp:red"}]},{"uuid":"d","type":"btc","value":"x","to_ids":true},{"uuid":"e","type":"text","value":"お荷物です"},
	{"uuid":"f","type":"url","value":"http://gone.example/x","to_ids":true,"deleted":true}],"Object":[{"Attribute":[{"uuid":"g","type":"sha256","value":"` + strings.Repeat("ab", 32) + `","to_ids":true}]}]}}`
	entries, passed, err := MISPEntries(strings.NewReader(doc), 0, "cert", when)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, fmt.Sprint(e.Kind, " ", e.Value, " ", e.TLP, " ", e.Status))
	}
	want := []string{"domain evil.example green active", "host co.jp green active", "number +81120444444 red active", "url gone.example/x green withdrawn", "hash " + strings.Repeat("ab", 32) + " green active"}
	if !slices.Equal(got, want) || passed["btc"] != 1 || passed["text"] != 1 {
		t.Errorf("%q\nnot\n%q\n%v", got, want, passed)
	}
	r, err := ReadMISP(strings.NewReader(doc), 0)
	if err != nil || r.Text != "お荷物です" || r.Reporter != "CERT" || !slices.Contains(r.Links, "evil.example") || r.Suspect != "+81120444444" || len(r.Files) != 1 {
		t.Errorf("%+v %v", r, err)
	}
	_ = indicator.Host
	if _, err := ReadMISP(strings.NewReader(`{"Event":{"uuid":"x"}}`), 0); err == nil {
		t.Error("an event without attributes")
	}
}

func TestNewReport(t *testing.T) {
	r, err := NewReport(Report{Text: "  口座\x00を停止  ", Suspect: "090-1111-2222"}, "http://a.example/")
	if err != nil || r.Suspect != "+819011112222" || strings.Contains(r.Text, "\x00") || len(r.Links) != 1 {
		t.Errorf("%+v %v", r, err)
	}
	if _, err := NewReport(Report{}, ""); err == nil {
		t.Error("a report of nothing")
	}
	if _, err := NewReport(Report{Text: "x"}, "two words"); err == nil {
		t.Error("a link with a space")
	}
}

func FuzzMail(f *testing.F) {
	f.Add([]byte("From: a@b.example\r\nContent-Type: multipart/report; report-type=feedback-report; boundary=x\r\n\r\n--x\r\nContent-Type: message/feedback-report\r\n\r\nFeedback-Type: abuse\r\n--x--"))
	f.Add([]byte("From: a@b.example\nContent-Type: text/html; charset=iso-2022-jp\n\n\x1b$B$\"\x1b(B<a href=http://x.example>"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := ReadMail(bytes.NewReader(b), Bounds{Size: 1 << 16})
		if err == nil {
			bounded(t, r)
		}
	})
}

func FuzzXARF(f *testing.F) {
	f.Add([]byte(`{"xarf_version":"4.2.0","report_id":"a","timestamp":"2026-04-01T00:00:00Z","reporter":{"contact":"a@b.example"},"category":"content","url":"http://x.example/","evidence":[{"content_type":"text/plain","payload":"eA=="}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, err := ReadXARF(bytes.NewReader(b), 1<<16); err == nil {
			bounded(t, r)
		}
	})
}

func FuzzMISP(f *testing.F) {
	f.Add([]byte(`{"Event":{"uuid":"a","Attribute":[{"type":"url","value":"http://x.example/","to_ids":true,"timestamp":"1"}]}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, err := ReadMISP(bytes.NewReader(b), 1<<16); err == nil {
			bounded(t, r)
		}
		MISPEntries(bytes.NewReader(b), 1<<16, "x", when)
	})
}

func FuzzJSON(f *testing.F) {
	f.Add([]byte(`{"text":"x","links":["http://a.example/"]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, err := ReadJSON(bytes.NewReader(b), 1<<16); err == nil {
			bounded(t, r)
			var out bytes.Buffer
			if err := WriteJSON(&out, r); err != nil {
				t.Fatal(err)
			}
			again, err := ReadJSON(&out, 1<<20)
			if err != nil || !reflect.DeepEqual(again, r) {
				t.Fatalf("%v\n%+v\n%+v", err, again, r)
			}
		}
	})
}

func FuzzCSV(f *testing.F) {
	f.Add([]byte("text,links,claim\n\"a\",http://b.example/,spam\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		for r, err := range ReadCSV(bytes.NewReader(b), 1<<12) {
			if err != nil {
				return
			}
			bounded(t, r)
		}
	})
}

func bounded(t *testing.T, r Report) {
	t.Helper()
	if len(r.Text) > MaxText || len(r.Links) > MaxLinks || len(r.Files) > MaxFiles || len(r.Suspect) > MaxParty || len(r.Reporter) > MaxParty || len(r.ID) > MaxID {
		t.Fatalf("beyond its bounds: %d octets of text, %d links", len(r.Text), len(r.Links))
	}
}

func TestUnmarkProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String().Draw(t, "text")
		body, sender := Unmark(text)
		if len(body) > len(text)+8 || len(sender) > MaxParty {
			t.Fatal(len(body), len(sender))
		}
	})
}

// BenchmarkRead reads 110,000 reports.
func BenchmarkRead(b *testing.B) {
	var j, c bytes.Buffer
	seq := func(yield func(Report) bool) {
		for i := range 110_000 {
			r := sampleReport()
			r.ID = fmt.Sprint("r-", i)
			if !yield(r) {
				return
			}
		}
	}
	if err := errors.Join(WriteJSONL(&j, seq), WriteCSV(&c, seq)); err != nil {
		b.Fatal(err)
	}
	for name, f := range map[string]func() error{
		"jsonl": func() error { _, err := all(ReadJSONL(bytes.NewReader(j.Bytes()), 0)); return err },
		"csv":   func() error { _, err := all(ReadCSV(bytes.NewReader(c.Bytes()), 0)); return err },
	} {
		b.Run(name, func(b *testing.B) {
			for range b.N {
				if err := f(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
