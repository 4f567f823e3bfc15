package message

import (
	"math"
	"strings"
	"testing"
	"time"
)

// texts are what the benchmarks and the test of allocations fold. The hostile ones are as long as a
// text may be, so that their cost for each octet can be set beside that of the honest ones.
var texts = []struct {
	name, text string
	hostile    bool
}{
	{name: "en", text: "Hi Tom, are we still on for lunch tomorrow at the usual place? I will be there around noon, see you."},
	{name: "ja", text: "山田様、先日はお忙しい中お時間をいただきありがとうございました。来週の打ち合わせの件ですが、会議室の予約が取れましたのでお知らせします。"},
	{name: "ja-link", text: "お客様宛にお荷物のお届けにあがりましたが不在の為持ち帰りました。下記よりご確認ください。https://xkdjfh.duckdns.org/jp?id=83 電話090-1234-5678"},
	{name: "fullwidth", text: "【ＡＢＣ銀行】お取引目的等の確認のお願い。ｗｗｗ．ｅｘａｍｐｌｅ．ｃｏ．ｊｐ　ｱｶｳﾝﾄｶﾞﾃｲｼｻﾚﾏｼﾀ"},
	{name: "ru", text: "Здравствуйте! Ваша посылка прибыла на склад, уточните адрес доставки по ссылке example.ru/abc"},
	{name: "links16", text: strings.Repeat("https://a.example.co.jp/x?y=1 ", 16)},

	{name: "dots", hostile: true, text: strings.Repeat("a.", 4096)},
	{name: "dots-bare", hostile: true, text: strings.Repeat("aa.bb ", 1365)},
	{name: "schemes", hostile: true, text: strings.Repeat("http://", 1170)},
	{name: "userinfo", hostile: true, text: strings.Repeat("ttp:/a@", 1170)},
	{name: "words", hostile: true, text: strings.Repeat("раураl ", 630)},
	{name: "kana", hostile: true, text: strings.Repeat("力一", 1365) + "ド"},
	{name: "kana-alternating", hostile: true, text: strings.Repeat("口ロ", 1365)},
	{name: "spaced", hostile: true, text: strings.Repeat("p a-", 2048)},
	{name: "spaced-words", hostile: true, text: strings.Repeat("p q s t,", 1024)},
	{name: "marks", hostile: true, text: strings.Repeat("a\u0301\u0302", 1638)},
	{name: "zalgo", hostile: true, text: "a" + strings.Repeat("\u0334", 4000)},
	{name: "hidden", hostile: true, text: strings.Repeat("a\u200b", 2048)},
	{name: "longest", hostile: true, text: strings.Repeat("ﷺ", 2730)},
	{name: "squared", hostile: true, text: strings.Repeat("㍿", 2730)},
	{name: "styled", hostile: true, text: strings.Repeat("𝐏", 2048)},
	{name: "digits", hostile: true, text: strings.Repeat("0 ", 4096)},
	{name: "numbers", hostile: true, text: strings.Repeat("03-1234-567 ", 682)},
	{name: "broken", hostile: true, text: strings.Repeat("\xff", 8192)},
	{name: "broken-single", hostile: true, text: strings.Repeat("\xffa", 4096)},
	{name: "hangul", hostile: true, text: strings.Repeat("각", 910)},
	{name: "idn", hostile: true, text: strings.Repeat("ж.あ.", 1170)},
	{name: "idn-scheme", hostile: true, text: strings.Repeat("http://comж.comж", 440)},
	{name: "idn-long", hostile: true, text: strings.Repeat("http://"+strings.Repeat("語", 60)+".com ", 42)},
	{name: "labels", hostile: true, text: strings.Repeat("http://com語.com語.com語.com語.com語.com語 ", 140)},
	{name: "stops", hostile: true, text: strings.Repeat("a。", 2048)},
	{name: "brackets", hostile: true, text: strings.Repeat("a[.]", 2048)},
	{name: "colons", hostile: true, text: strings.Repeat(":/", 4096)},
	{name: "http-path", hostile: true, text: "http://a.com/" + strings.Repeat("http", 2000)},
	{name: "cyrillic-dots", hostile: true, text: strings.Repeat("жжжжжжжж.", 480)},
}

func BenchmarkFold(b *testing.B) {
	for _, t := range texts {
		b.Run(t.name, func(b *testing.B) {
			var f Folded
			text := []byte(t.text)
			f.Fold(text)
			b.ReportAllocs()
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				f.Fold(text)
			}
		})
	}
}

func TestFoldAllocatesNothing(t *testing.T) {
	for _, c := range texts {
		var f Folded
		text := []byte(c.text)
		f.Fold(text)
		if n := testing.AllocsPerRun(20, func() { f.Fold(text) }); n != 0 {
			t.Errorf("%s: %v allocations", c.name, n)
		}
	}
}

// What grows more than in step with a text would show here: the cost of an octet in 8 KB of a hostile text,
// over that in 1 KB, should stay near one.
func BenchmarkFoldGrowth(b *testing.B) {
	for _, c := range texts {
		if !c.hostile {
			continue
		}
		b.Run(c.name, func(b *testing.B) {
			var f Folded
			whole := []byte(c.text)
			part := whole[:1024]
			least := func(before float64, text []byte) float64 {
				f.Fold(text)
				start := time.Now()
				for range 10 {
					f.Fold(text)
				}
				return min(before, float64(time.Since(start))/float64(len(text)))
			}
			small, large := math.Inf(1), math.Inf(1)
			for b.Loop() {
				small, large = least(small, part), least(large, whole)
			}
			b.ReportMetric(large/small, "growth")
			b.ReportMetric(large/10, "ns/octet")
		})
	}
}

func BenchmarkTables(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		makeTables()
	}
}

func BenchmarkSuffixes(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		readSuffixes(suffixesText)
	}
}

func BenchmarkDomain(b *testing.B) {
	s := publicSuffixes()
	host := []byte("www.xkdjfh.duckdns.org")
	b.ReportAllocs()
	for b.Loop() {
		s.domain(host)
	}
}
