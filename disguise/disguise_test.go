package disguise

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

var samples = []string{
	"【ABCカード】ロードカードの口座に未払いの料金があります。本日中に下記より電話番号をご確認ください！ https://www.example.co.jp/login?id=1 までお願いします。",
	"ヤマト運輸です。お荷物のお届けに上がりましたが不在でした。アカウント情報を確認 example.com/abc",
	"Dear Customer, your Apple Account at AMAZON is locked! Verify the payment card now: http://secure.example.com/verify or write to help@example.org.",
	"会社の数学の試験、明日ですね。ニュースを見ました。ありがとう！",
}

func TestWrite(t *testing.T) {
	names := map[string]bool{}
	for _, w := range Ways() {
		if names[w.Name] || w.Why == "" {
			t.Errorf("way %q stands twice, or does not say why", w.Name)
		}
		names[w.Name] = true
		changed := 0
		for _, s := range samples {
			for seed := range uint64(20) {
				got, ok := Write(w.Name, s, seed)
				if again, _ := Write(w.Name, s, seed); again != got {
					t.Errorf("%s: %q, and then %q", w.Name, got, again)
				}
				if ok != (got != s) || !utf8.ValidString(got) || len(got) > 10*len(s)+100 {
					t.Errorf("%s: %q changed %v: %q", w.Name, s, ok, got)
				}
				if ok {
					changed++
				}
				for _, p := range split(s) {
					if p.kind != prose && !w.Links && !strings.Contains(got, p.text) {
						t.Errorf("%s: no %q in %q", w.Name, p.text, got)
					}
				}
			}
		}
		if changed == 0 {
			t.Errorf("%s changes no sample", w.Name)
		}
		got, _ := Write(w.Name, samples[0], 1)
		if other, _ := Write(w.Name, samples[2], 1); got == samples[0] {
			got = other
		}
		t.Logf("%s: %s", w.Name, got)
	}
}

func TestNoWay(t *testing.T) {
	if got, ok := Write("no such way", "text", 1); ok || got != "text" {
		t.Errorf("%q %v", got, ok)
	}
	for _, w := range Ways() {
		if w.Honest || w.Name == "padding" {
			continue
		}
		for _, s := range []string{"", "12 34", "。"} {
			if got, ok := Write(w.Name, s, 1); ok || got != s {
				t.Errorf("%s writes %q as %q", w.Name, s, got)
			}
		}
	}
}

// The slice that Ways gives is the caller's: what he does to it changes nothing.
func TestWaysCloned(t *testing.T) {
	clear(Ways())
	if slices.ContainsFunc(Ways(), func(w Way) bool { return w.Name == "" }) {
		t.Error("ways were changed from outside")
	}
}

func TestTables(t *testing.T) {
	for _, table := range []map[rune]rune{cyrillic, greek, armenian, phonetic, smallCapitals, kanaKanjiLikes, oldForms, simplifiedForms} {
		for from, to := range table {
			if from == to {
				t.Errorf("%c stands for itself", from)
			}
		}
	}
	for _, c := range []struct {
		way, text, want string
	}{
		{"full-width", "Abc 12 https://a.com/x", "Ａｂｃ １２ https://a.com/x"},
		{"half-width-kana", "ガードのポスト", "ｶﾞｰﾄﾞのﾎﾟｽﾄ"},
		{"upper-case", "Hi, é a.com", "HI, é a.com"},
		{"kana-kanji", "カード", "力一ド"},
		{"kana-kanji", "口座", "ロ座"},
		{"simplified-kanji", "銀", "银"},
		{"cyrillic-words", "cape", "саре"},
		{"hyphens", "amazon", "a-m-a-z-o-n"},
		{"spaced-letters", "amazon", "a m a z o n"},
		{"hxxp", "x http://a.com", ""},
		{"no-scheme", "x http://a.com/b.", "x a.com/b."},
		{"root-dot", "https://a.com/b", "https://a.com./b"},
		{"full-width-link", "a.com/B", "ａ．ｃｏｍ／Ｂ"},
		{"bidi-override", "amazon", "\u202enozama\u202c"},
	} {
		if got, ok := Write(c.way, c.text, 3); !ok || c.want != "" && got != c.want {
			t.Errorf("%s: %q, not %q", c.way, got, c.want)
		}
	}
}

func FuzzWrite(f *testing.F) {
	for _, s := range samples {
		f.Add(s, uint64(1))
	}
	f.Add("a@b.com https://@.com/ www.a.jp.", uint64(2))
	f.Fuzz(func(t *testing.T, s string, seed uint64) {
		if len(s) > 500 {
			return
		}
		for _, w := range Ways() {
			got, ok := Write(w.Name, s, seed)
			if ok != (got != s) || len(got) > 10*len(s)+100*(1+len(split(s))) {
				t.Errorf("%s: %q as %q, %v", w.Name, s, got, ok)
			}
		}
	})
}

func BenchmarkWrite(b *testing.B) {
	for _, way := range []string{"full-width", "cyrillic", "zero-width", "hxxp", "emoji"} {
		b.Run(way, func(b *testing.B) {
			b.ReportAllocs()
			seed := uint64(0)
			for b.Loop() {
				seed++
				Write(way, samples[2], seed)
			}
		})
	}
}
