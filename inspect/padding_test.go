package inspect_test

import (
	"strings"
	"testing"

	"github.com/sekisho/sekisho/inspect"
	"github.com/sekisho/sekisho/message"
)

// TestPaddingDoesNotHide puts harmless text around a fraudulent one: before it, behind it, far more of it.
func TestPaddingDoesNotHide(t *testing.T) {
	const fraud = "お荷物のお届けにあがりましたが不在の為持ち帰りました。ご確認ください。http://abcxyz.duckdns.org"
	const harmless = "今日は朝からとても良い天気だったので、家族みんなで近くの公園まで散歩に出かけました。子どもたちはブランコで遊び、わたしはベンチで本を読んでいました。"
	in, g := inspector(t, inspect.Config{}), grant(t)
	var r inspect.Report
	wording := func(s string) float32 {
		in.Inspect(g, text(t, message.P2P, "+819055550123", s), &r)
		return r.Phishing
	}
	alone := wording(fraud)
	for n := range 7 {
		padding := strings.Repeat(harmless, n)
		for _, s := range []string{padding + fraud, fraud + "\n\n\n" + padding, padding + fraud + padding} {
			if got := wording(s); got < alone-3 {
				t.Errorf("with %d letters around it the wording counts %.1f nats, alone %.1f", len([]rune(s)), got, alone)
			}
		}
	}
	if wording(strings.Repeat(harmless, 60) + fraud); !strings.Contains(names(&r), "text-too-long") || r.Phishing < 0 {
		t.Errorf("what stands behind the end of what is read is taken for harmless: %.1f", r.Phishing)
	}
}
