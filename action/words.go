package action

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"text/template"
	"time"
	"unicode/utf8"

	"github.com/sekisho/sekisho/cases"
	"github.com/sekisho/sekisho/message"
)

//go:embed templates/*.txt
var embedded embed.FS

// Facts are what a template may name.
type Facts struct {
	Operator, Phone string
	Texts           int
	Since           time.Time // a template sees the day
	Ending          string    // the last digits of the line
	Company         bool
	Person          string // of a company
}

// facts are Facts as a template sees them.
type facts struct {
	Operator, Phone, Since, Ending, Person string
	Texts                                  int
	Company                                bool
}

func (f *Facts) in(language string) facts {
	day := f.Since.Format("2 January 2006")
	if language == "ja" {
		day = f.Since.Format("2006年1月2日")
	}
	return facts{f.Operator, f.Phone, day, f.Ending, f.Person, f.Texts, f.Company}
}

var (
	channels  = []cases.Channel{cases.Mail, cases.Post, cases.Call, cases.SMS}
	languages = []string{"ja", "en"}
)

// actions are what every notice tells its owner to do, one of the words of each.
var actions = map[string][][]string{
	"ja": {{"機内モード"}, {"アプリ"}, {"削除"}, {"スキャン"}, {"初期化"}, {"パスワード"}, {"Google"}},
	"en": {{"aeroplane mode", "airplane mode", "flight mode"}, {"apps"}, {"delete", "remove"}, {"scan"}, {"factory reset"}, {"password"}, {"google"}},
}

const (
	maxTemplate = 6000 // octets; what Fold does not look at must not be sent
	maxSMS      = 660  // letters, the most that texts of Japanese operators have
)

// Words are the templates of all notices, checked.
type Words struct{ each map[string]*words }

type words struct {
	file, language string
	channel        cases.Channel
	version        string
	t              *template.Template
}

// ReadWords reads the templates of a folder, whose files stand in for the embedded ones of the same name, and checks all. Without a folder they are the
// embedded ones.
func ReadWords(folder string) (*Words, error) {
	w := &Words{each: map[string]*words{}}
	for _, c := range channels {
		for _, l := range languages {
			name := string(c) + "." + l + ".txt"
			text, err := embedded.ReadFile("templates/" + name)
			file := name
			if err == nil && folder != "" {
				own, e := os.ReadFile(filepath.Join(folder, name))
				if e == nil {
					text, file = own, filepath.Join(folder, name)
				} else if !errors.Is(e, fs.ErrNotExist) {
					err = e
				}
			}
			if err != nil {
				return nil, err
			}
			if w.each[name], err = checkWords(file, c, l, string(text)); err != nil {
				return nil, err
			}
		}
	}
	if folder == "" {
		return w, nil
	}
	files, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		if w.each[f.Name()] == nil && strings.HasSuffix(f.Name(), ".txt") {
			return nil, fmt.Errorf("%s: no notice has this name; they are mail, post, call and sms, each .ja.txt and .en.txt", filepath.Join(folder, f.Name()))
		}
	}
	return w, nil
}

// hole is an action of a template.
var hole = regexp.MustCompile(`(?s)\{\{.*?\}\}`)

// linkLike is what looks like a link to people, if not to the network.
var linkLike = regexp.MustCompile(`(?i)://|\bwww\.|\bh(tt|xx)ps?\b|[\w.+-]@[\w-]`)

// checkWords checks a template: it has no link, and names the facts.
func checkWords(file string, c cases.Channel, language, text string) (*words, error) {
	text = strings.ReplaceAll(strings.TrimPrefix(text, "\ufeff"), "\r\n", "\n")
	fail := func(line int, format string, args ...any) error {
		return fmt.Errorf("%s:%d: %s", file, line, fmt.Sprintf(format, args...))
	}
	if len(text) > maxTemplate || !utf8.ValidString(text) {
		return nil, fail(1, "a template is UTF-8 of at most %d octets", maxTemplate)
	}
	// What stands between the holes, line by line; what is written into them comes after.
	for _, filled := range []string{"◯", "x"} {
		plain := hole.ReplaceAllStringFunc(text, func(s string) string { return filled + strings.Repeat("\n", strings.Count(s, "\n")) })
		for i, line := range strings.Split(plain, "\n") {
			if hasLink(line) {
				return nil, fail(i+1, "a notice has no link, no host name and no mail address in it: fraudsters' have")
			}
			if hasNumber(line) {
				return nil, fail(i+1, "a telephone number stands here; {{.Phone}} is where the operator's own comes")
			}
		}
	}
	t, err := template.New(file).Option("missingkey=error").Parse(text)
	if err != nil {
		return nil, templateError(file, err)
	}
	sum := sha256.Sum256([]byte(text))
	w := &words{file: file, language: language, channel: c, t: t, version: string(c) + "." + language + "." + hex.EncodeToString(sum[:4])}
	for _, company := range []bool{false, true} {
		f := Facts{Operator: "Ａ通信", Phone: "0120000111", Texts: 7341, Since: time.Date(2026, 4, 1, 9, 0, 0, 0, time.UTC), Ending: "678", Company: company,
			Person: "山田太郎"}
		subject, body, err := w.write(&f)
		if err != nil {
			return nil, err
		}
		all := subject + "\n" + body
		for name, want := range map[string]string{"Operator": f.Operator, "Phone": f.Phone, "Texts": "7341", "Since": f.in(language).Since} {
			if !strings.Contains(all, want) {
				return nil, fail(1, "it does not name {{.%s}}", name)
			}
		}
		for _, words := range actions[language] {
			if !containsAny(strings.ToLower(all), words) {
				return nil, fail(1, "it does not say %q", words[0])
			}
		}
		if c == cases.SMS && utf8.RuneCountInString(body) > maxSMS {
			return nil, fail(1, "a text has at most %d letters", maxSMS)
		}
	}
	return w, nil
}

func containsAny(s string, words []string) bool {
	for _, w := range words {
		if strings.Contains(s, strings.ToLower(w)) {
			return true
		}
	}
	return false
}

func hasLink(s string) bool {
	var f message.Folded
	f.Fold([]byte(s))
	return f.Cut || len(f.Links) > 0 || linkLike.MatchString(s) || linkLike.Match(f.Text)
}

func hasNumber(s string) bool {
	var f message.Folded
	f.Fold([]byte(s))
	return len(f.Numbers) > 0
}

// at is where text/template says that something is wrong.
var at = regexp.MustCompile(`^template: .*?:(\d+)(?::\d+)?: (.*)$`)

func templateError(file string, err error) error {
	first, _, _ := strings.Cut(err.Error(), "\n")
	if m := at.FindStringSubmatch(first); m != nil {
		line, _ := strconv.Atoi(m[1])
		_, what, found := strings.Cut(m[2], ">: ") // executing "x" at <y>: ...
		if !found {
			what = m[2]
		}
		return fmt.Errorf("%s:%d: %s", file, line, what)
	}
	return fmt.Errorf("%s:1: the template cannot be read", file)
}

// bounded takes no more than a notice may have.
type bounded struct{ bytes.Buffer }

var errLong = errors.New("it becomes longer than a notice may be")

func (b *bounded) Write(p []byte) (int, error) {
	if b.Len()+len(p) > maxTemplate+2000 {
		return 0, errLong
	}
	return b.Buffer.Write(p)
}

// write fills a template in. A calling list and a text have no subject.
func (w *words) write(f *Facts) (subject, body string, err error) {
	var b bounded
	if err := w.t.Execute(&b, f.in(w.language)); err != nil {
		if errors.Is(err, errLong) {
			return "", "", fmt.Errorf("%s:1: %w", w.file, errLong)
		}
		return "", "", templateError(w.file, err)
	}
	all := strings.TrimSpace(b.String())
	lines := strings.Split(all, "\n")
	for i, line := range lines {
		if hasLink(line) {
			return "", "", fmt.Errorf("%s: in its line %d, once filled in, stands what looks like a link", w.file, i+1)
		}
	}
	if hasLink(all) {
		return "", "", fmt.Errorf("%s: what it becomes, once filled in, looks like a link", w.file)
	}
	if w.channel == cases.Call || w.channel == cases.SMS {
		return "", all, nil
	}
	body = strings.TrimSpace(strings.Join(lines[1:], "\n"))
	if body == "" || strings.TrimSpace(strings.Join(lines[1:min(2, len(lines))], "")) != "" {
		return "", "", fmt.Errorf("%s:2: the first line is the subject, and an empty one follows", w.file)
	}
	return strings.TrimSpace(lines[0]), body, nil
}

func (w *Words) write(c cases.Channel, language string, f *Facts) (subject, body, version string, err error) {
	t := w.each[string(c)+"."+language+".txt"]
	if t == nil {
		return "", "", "", fmt.Errorf("there is no notice by %s in the language %.10q", c, language)
	}
	subject, body, err = t.write(f)
	return subject, body, t.version, err
}

// Preview is a notice by a channel and in a language as an owner would get it, with facts of nobody.
func (w *Words) Preview(c cases.Channel, language string, cfg *Config) (subject, body, version string, err error) {
	f := Facts{Operator: cfg.Operator, Phone: cfg.Phone, Texts: 12, Since: time.Date(2026, 4, 1, 9, 0, 0, 0, time.UTC), Ending: "000"}
	if f.Operator == "" {
		f.Operator = "○○通信"
		if language == "en" {
			f.Operator = "(operator)"
		}
	}
	if f.Phone == "" {
		f.Phone = "(phone)"
	}
	return w.write(c, language, &f)
}
