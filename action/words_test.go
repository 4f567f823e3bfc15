package action

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sekisho/sekisho/cases"
)

func TestEmbeddedWords(t *testing.T) {
	w, err := ReadWords("")
	if err != nil {
		t.Fatal(err)
	}
	cfg := Default()
	for _, c := range channels {
		for _, l := range languages {
			subject, body, version, err := w.Preview(c, l, &cfg)
			if err != nil || body == "" || !strings.HasPrefix(version, string(c)+"."+l+".") || (subject == "") != (c == cases.Call || c == cases.SMS) {
				t.Errorf("%s %s: %q %q %v", c, l, subject, version, err)
			}
			if strings.Contains(subject+body, "{{") || hasNumber(body) {
				t.Errorf("%s %s: %s", c, l, body)
			}
		}
	}
}

func TestWordsAreChecked(t *testing.T) {
	ja, err := embedded.ReadFile("templates/sms.ja.txt")
	if err != nil {
		t.Fatal(err)
	}
	good := string(ja)
	for name, x := range map[string]struct{ text, want string }{
		"as it is":       {good, ""},
		"of Windows":     {"\ufeff" + strings.ReplaceAll(good, "\n", "\r\n"), ""},
		"link":           {good + "\nhttps://example.jp/check\n", ":3: a notice has no link"},
		"host":           {good + "詳しくは example.co.jp で", ":2: a notice has no link"},
		"in disguise":    {good + "example[.]com", ":2: a notice has no link"},
		"scheme only":    {good + "http:", ":2: a notice has no link"},
		"mail":           {good + "care@operator", ":2: a notice has no link"},
		"wide letters":   {good + "ｗｗｗ．ｅｘａｍｐｌｅ．ｃｏｍ", ":2: a notice has no link"},
		"by a hole":      {good + `{{printf "%s.%s" "example" "com"}}`, "line 2, once filled in"},
		"after a hole":   {good + "{{.Ending}}.example.com", ":2: a notice has no link"},
		"number":         {good + "または 03-1234-5678", ":2: a telephone number"},
		"unknown fact":   {good + "\n{{.Line}}", ":3: can't evaluate field Line"},
		"not closed":     {good + "\n{{if .Company}}", "unexpected EOF"},
		"no phone":       {strings.ReplaceAll(good, "{{.Phone}}", "窓口"), "{{.Phone}}"},
		"no count":       {strings.ReplaceAll(good, "{{.Texts}}", "何"), "{{.Texts}}"},
		"no day":         {strings.ReplaceAll(good, "{{.Since}}", "先日"), "{{.Since}}"},
		"no reset":       {strings.ReplaceAll(good, "初期化", "修理"), "初期化"},
		"only companies": {"{{if .Company}}" + good + "{{end}}", "does not name"},
		"endless":        {good + "{{range 100000}}長い{{end}}", "longer than a notice"},
		"long":           {good + strings.Repeat("長い文章です", 100), "at most 660 letters"},
		"no UTF-8":       {good + "\xff", "UTF-8"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "sms.ja.txt"), []byte(x.text), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := ReadWords(dir)
			if x.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), x.want) || !strings.Contains(err.Error(), "sms.ja.txt") || strings.Contains(err.Error(), "\n") {
				t.Errorf("%v; want %q", err, x.want)
			}
		})
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "sms.jp.txt"), ja, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadWords(dir); err == nil || !strings.Contains(err.Error(), "sms.jp.txt") {
		t.Error(err)
	}
	if _, err := ReadWords(filepath.Join(dir, "none")); err == nil {
		t.Error("a folder that is not there was read")
	}
}

func FuzzWords(f *testing.F) {
	ja, _ := embedded.ReadFile("templates/sms.ja.txt")
	f.Add(string(ja))
	f.Add("{{.Phone}} example.com")
	f.Add("{{if .Company}}\n{{.Person}}")
	f.Fuzz(func(t *testing.T, text string) {
		w, err := checkWords("x.txt", cases.SMS, "ja", text)
		if err != nil {
			if s := err.Error(); strings.Contains(s, "\n") || !strings.HasPrefix(s, "x.txt") {
				t.Errorf("%q", s)
			}
			return
		}
		cfg := Default()
		_, body, _, err := (&Words{each: map[string]*words{"sms.ja.txt": w}}).Preview(cases.SMS, "ja", &cfg)
		if err == nil && hasLink(body) {
			t.Errorf("a link: %q", body)
		}
	})
}
