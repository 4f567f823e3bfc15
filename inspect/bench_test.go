package inspect_test

import (
	"strings"
	"testing"

	"github.com/sekisho/sekisho/inspect"
	"github.com/sekisho/sekisho/message"
)

var spoken = []struct{ name, from, text string }{
	{"en", "+447700900123", "Hi, are you still coming on saturday? We could meet at the station around 6 and then walk over, let me know what suits you"},
	{"ja", "+819055550123", "お疲れさまです。明日の打ち合わせですが、14時から第二会議室に変更になりました。資料は後ほど共有しますのでよろしくお願いします。"},
	{"ja-fraud", "+819055550123", "【ヤマト運輸】お荷物のお届けにまいりましたが不在でしたので持ち帰りました。詳細はこちら http://xkwpqhzmva.duckdns.org/abc"},
	{"ja-long-fraud", "+819055550123", strings.Repeat("今日は朝からとても良い天気だったので、家族みんなで近くの公園まで散歩に出かけました。", 5) + "【ヤマト運輸】お荷物のお届けにまいりましたが不在でしたので持ち帰りました。 http://xkwpqhzmva.duckdns.org/abc"},
	{"code", "LINE", "LINEの認証番号は 739201 です。他の人には教えないでください。"},
	{"links", "+12025550123", "USPS: update at https://usps-post.kq.top/a1 or http://amazon.co.jp.kfhqw.shop/x, https://bit.ly/3aBcDeF and www.example.com/path?u=https://other.example.net/ now"},
}

func TestInspectAllocatesNothing(t *testing.T) {
	in, g := inspector(t, inspect.Config{}), grant(t)
	var r inspect.Report
	for _, c := range spoken {
		m := text(t, message.P2P, c.from, c.text)
		in.Inspect(g, m, &r)
		if n := testing.AllocsPerRun(100, func() { in.Inspect(g, m, &r) }); n != 0 {
			t.Errorf("%s: %v allocations", c.name, n)
		}
	}
}

func BenchmarkInspect(b *testing.B) {
	in, g := inspector(b, inspect.Config{}), grant(b)
	for _, c := range spoken {
		b.Run(c.name, func(b *testing.B) {
			m := text(b, message.P2P, c.from, c.text)
			var r inspect.Report
			b.ReportAllocs()
			for b.Loop() {
				in.Inspect(g, m, &r)
			}
		})
	}
}

func BenchmarkFold(b *testing.B) {
	for _, c := range spoken {
		b.Run(c.name, func(b *testing.B) {
			var f message.Folded
			t := []byte(c.text)
			b.ReportAllocs()
			for b.Loop() {
				f.Fold(t)
			}
		})
	}
}
