package report

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sekisho/sekisho/subject"
)

var rewrite = flag.Bool("rewrite", false, "write what comes out into testdata")

// Conversations are files: "> " is a text of the reporter (\n in it is a line break), "+ 40m" time that passes, "@ +81..." another reporter, and what
// comes of it stands behind: "< ja ..." an answer, "= sms from ... text" a report.
func TestTalk(t *testing.T) {
	files, err := filepath.Glob("testdata/talk/*.txt")
	if err != nil || len(files) < 5 {
		t.Fatal(files, err)
	}
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txt"), func(t *testing.T) {
			raw, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			got := converse(t, string(raw))
			if *rewrite {
				if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if got != string(raw) {
				t.Errorf("came out:\n%s", got)
			}
		})
	}
}

func converse(t *testing.T, script string) string {
	t.Helper()
	talks := NewTalks(TalkConfig{Known: func(text string) bool { return strings.Contains(text, "KNOWN") }})
	now := time.Date(2026, 4, 1, 9, 0, 0, 0, time.UTC)
	from, _ := subject.ParseAddress("+819012345678", subject.Japan)
	var out strings.Builder
	show := func(reports []Report) {
		for _, r := range reports {
			suspect := r.Suspect
			if suspect == "" {
				suspect = "nobody"
			}
			fmt.Fprintf(&out, "= %s by %s from %s: %s\n", r.Medium, r.Reporter[len(r.Reporter)-4:], suspect, strings.ReplaceAll(r.Text, "\n", `\n`))
		}
	}
	lines := bufio.NewScanner(strings.NewReader(script))
	for lines.Scan() {
		line := lines.Text()
		switch {
		case strings.HasPrefix(line, "#") || line == "":
			fmt.Fprintln(&out, line)
		case strings.HasPrefix(line, "+ "):
			fmt.Fprintln(&out, line)
			d, err := time.ParseDuration(line[2:])
			if err != nil {
				t.Fatal(err)
			}
			now = now.Add(d)
			reports, _ := talks.Expire(now)
			show(reports)
		case strings.HasPrefix(line, "@ "):
			fmt.Fprintln(&out, line)
			var err error
			if from, err = subject.ParseAddress(line[2:], subject.Japan); err != nil {
				t.Fatal(err)
			}
		case strings.HasPrefix(line, ">"):
			fmt.Fprintln(&out, line)
			now = now.Add(20 * time.Second)
			before := talks.Save(from)
			replies, reports := talks.Heard(now, from, strings.ReplaceAll(strings.TrimPrefix(line[1:], " "), `\n`, "\n"))
			// Whatever is remembered outlives a restart.
			if saved := talks.Save(from); saved != nil {
				if err := talks.Load(saved); err != nil {
					t.Fatal(err)
				}
			}
			_ = before
			for _, r := range replies {
				fmt.Fprintf(&out, "< %s %s\n", r.Language, r.Text)
			}
			show(reports)
		}
	}
	return out.String()
}

func TestUnmark(t *testing.T) {
	const body = "お荷物をお届けしましたが不在でした。 http://a.example/x"
	for _, c := range []struct{ in, body, sender string }{
		{body, body, ""},
		{"Fwd: " + body, body, ""},
		{"転送：" + body, body, ""},
		{"FW: From: +81 90-1111-2222\n" + body, body, "+819011112222"},
		{"差出人：090-1111-2222\n" + body, body, "+819011112222"},
		{"---- Forwarded message ----\nFrom: SAGAWA\nDate: 2026/04/01 9:00\n" + body, body, "SAGAWA"},
		{"-----転送メッセージ-----\n送信者: ０９０－１１１１－２２２２\n日時: 2026/04/01\n\n" + body, body, "+819011112222"},
		{"Begin forwarded message:\n\nFrom: bad@example.com\nSubject: parcel\n> " + body, body, "bad@example.com"},
		{"2026/04/01 09:00\n" + body, "2026/04/01 09:00\n" + body, ""},
		{body + "\n(From 090-1111-2222)", body, "+819011112222"},
		{"From the bank: your account is locked", "From the bank: your account is locked", ""},
		{"Fwd:", "", ""},
	} {
		if b, s := Unmark(c.in); b != c.body || s != c.sender {
			t.Errorf("%q:\n%q from %q\nnot %q from %q", c.in, b, s, c.body, c.sender)
		}
	}
}

func TestReadParty(t *testing.T) {
	for in, want := range map[string]string{
		"09011112222": "+819011112222", "090-1111-2222": "+819011112222", "０９０－１１１１－２２２２": "+819011112222", "+81 90 1111 2222": "+819011112222",
		"番号は090-1111-2222です": "+819011112222", "The number is 090 1111 2222": "+819011112222", "it came from SAGAWA": "SAGAWA", "AMAZON": "AMAZON", "「NTT」": "NTT",
		"Bad@Example.COM": "Bad@example.com", "0120-444-444": "+81120444444", "22440": "22440", "+447700900123": "+447700900123", "送信元：0005123456": "0005123456",
		"what do you mean?": "", "": "",
	} {
		if got := readParty(stripWords(in), false); !strings.EqualFold(got, want) {
			t.Errorf("%q: %q, not %q", in, got, want)
		}
	}
}

func TestTexts(t *testing.T) {
	if _, err := ReadTexts(""); err != nil {
		t.Fatal(err)
	}
	for change, want := range map[string]string{
		"en = \"Thank you. Please reply": "en = \"See https://x.example. Please reply", "[known]": "[knwon]", "ja = \"ご報告を受け付けました。": "ja = \"\" #",
		"en = \"We could not read that.": "en = \"" + strings.Repeat("We could not. ", 20),
	} {
		text := strings.Replace(string(EmbeddedTexts()), change, want, 1)
		path := filepath.Join(t.TempDir(), "texts.toml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadTexts(path); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%q: %v", want, err)
		}
	}
}

// Whatever comes, no reporter is answered more than so often, nobody reports himself, and what is remembered stays bounded.
func TestTalkProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		talks := NewTalks(TalkConfig{Most: 8})
		now := time.Date(2026, 4, 1, 9, 0, 0, 0, time.UTC)
		answers := map[string]int{}
		last := ""
		for range rapid.IntRange(1, 60).Draw(t, "texts") {
			now = now.Add(time.Duration(rapid.IntRange(0, 20).Draw(t, "seconds")) * time.Second)
			from := subject.Line(819000000000 + rapid.Uint64Range(0, 20).Draw(t, "from")).Address()
			text := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"停止", "再開", "help", "不明", "090-0000-0001", from.String(), "Fwd: http://a.example/ parcel", "着信 0120-444-444", ""}),
				rapid.Just(last)).Draw(t, "text")
			replies, reports := talks.Heard(now, from, text)
			if len(replies) > 1 {
				t.Fatalf("%d answers to one text", len(replies))
			}
			for _, r := range replies {
				answers[from.String()]++
				last = r.Text
			}
			for _, r := range reports {
				if r.Suspect == r.Reporter || !validID(r.ID) || r.Channel != ShortCode {
					t.Fatalf("%+v", r)
				}
			}
			if len(talks.all) > 8 {
				t.Fatalf("%d are remembered", len(talks.all))
			}
		}
		for who, n := range answers {
			if n > 12 {
				t.Fatalf("%d answers to %s within an hour", n, who)
			}
		}
	})
}

// Two machines that answer each other come to an end.
func TestTalkLoop(t *testing.T) {
	talks := NewTalks(TalkConfig{})
	from := subject.Line(819012345678).Address()
	now := time.Date(2026, 4, 1, 9, 0, 0, 0, time.UTC)
	text, answered := "ただいま電話に出られません。後ほどおかけ直しください。", 0
	for range 200 {
		now = now.Add(time.Second)
		replies, _ := talks.Heard(now, from, text)
		answered += len(replies)
		for _, r := range replies { // it sends ours back, or its own again
			replies, _ := talks.Heard(now, from, r.Text)
			answered += len(replies)
		}
	}
	if answered > 2 {
		t.Errorf("an answering machine was answered %d times", answered)
	}
}

func FuzzHeard(f *testing.F) {
	f.Add("Fwd: From: 090-1111-2222\nhttp://a.example/")
	f.Add("番号は090-1111-2222です")
	f.Fuzz(func(t *testing.T, text string) {
		talks := NewTalks(TalkConfig{})
		from := subject.Line(819012345678).Address()
		now := time.Date(2026, 4, 1, 9, 0, 0, 0, time.UTC)
		talks.Heard(now, from, text)
		talks.Heard(now, from, text)
		if b := talks.Save(from); b != nil {
			if err := talks.Load(b); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func BenchmarkHeard(b *testing.B) {
	talks := NewTalks(TalkConfig{})
	now := time.Date(2026, 4, 1, 9, 0, 0, 0, time.UTC)
	b.ReportAllocs()
	for i := range b.N {
		from := subject.Line(819000000000 + i%100_000).Address()
		talks.Heard(now.Add(time.Duration(i)*time.Millisecond), from, "Fwd: お荷物をお届けしましたが不在でした。 http://a.example/x")
	}
}
