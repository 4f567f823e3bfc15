package inspect_test

import (
	"math"
	"os"
	"strings"
	"testing"

	"github.com/sekisho/sekisho/inspect"
	"github.com/sekisho/sekisho/message"
	"github.com/sekisho/sekisho/purpose"
	"github.com/sekisho/sekisho/subject"
)

func grant(t testing.TB) purpose.Grant {
	t.Helper()
	g, err := purpose.Ask(&purpose.DefaultPolicy, purpose.Inspect, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func inspector(t testing.TB, c inspect.Config) *inspect.Inspector {
	t.Helper()
	in, err := inspect.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return in
}

func parse(s string) (subject.Address, error) { return subject.ParseAddress(s, subject.Japan) }

// text makes a message; from may be empty.
func text(t testing.TB, route message.Route, from, body string) *message.Message {
	t.Helper()
	m := &message.Message{Route: route, Text: []byte(body)}
	if from != "" {
		a, err := parse(from)
		if err != nil {
			t.Fatal(err)
		}
		m.From = a
	}
	return m
}

func names(r *inspect.Report) string {
	var out []string
	for _, f := range r.Findings {
		out = append(out, f.Rule.Name)
	}
	return strings.Join(out, " ")
}

func TestRules(t *testing.T) {
	in, g := inspector(t, inspect.Config{}), grant(t)
	for _, c := range []struct {
		name  string
		route message.Route
		from  string
		text  string
		want  string // names of the rules met, in order
	}{
		{"courier, foreign link", message.A2P, "", "佐川急便です。お荷物をお預かりしています。 https://qwmzkd.example.top/a", "brand-not-its-link"},
		{"courier, its own link", message.A2P, "", "佐川急便です。お荷物の状況はこちら https://k2k.sagawa-exp.co.jp/p/1", "official-link-only"},
		{"courier, dynamic DNS, from a handset", message.P2P, "+819012345678", "【ヤマト運輸】不在のため持ち帰りました http://abcdefgh.duckdns.org",
			"dynamic-dns brand-not-its-link link-from-p2p sender-pretends"},
		{"friend names a courier", message.P2P, "+819012345678", "今日ヤマト運輸来た？", ""},
		{"friend sends a link", message.P2P, "+819012345678", "ここ行こう https://tabelog.com/tokyo/A1301/", "link-from-p2p"},
		{"shortener", message.A2P, "", "新商品はこちら https://bit.ly/abc123", "shortener"},
		{"bare address", message.A2P, "", "See http://192.0.2.7/login", "numeric-host"},
		{"user-info", message.A2P, "", "See https://www.amazon.co.jp@evil-site.example.com/x", "userinfo-trick"},
		{"brand in host", message.A2P, "", "ご確認 https://amazon-verify.shop/x", "brand-in-host"},
		{"look-alike", message.A2P, "", "ご確認 https://rakutem-card.co.jp.qpw.top/x", ""},
		{"one letter off", message.A2P, "", "ご確認 https://eposcerd.top/x", "lookalike-domain"},
		{"one-time code", message.A2P, "LINE", "LINE 認証コード：482913。他人に教えないでください", "one-time-code"},
		{"code with a link", message.A2P, "", "認証コード482913はこちらに入力 https://abc.example.com", ""},
		{"callback", message.A2P, "", "未納料金があります。本日中にお電話ください。法的手続きに移行します 03-1234-5678", "callback-number"},
		{"au within a word", message.A2P, "", "because of the aurora https://example.com/", ""},
		{"au as the sender", message.P2P, "+818012345678", "au: 料金のご確認 https://abc.example.com/", "brand-not-its-link link-from-p2p sender-pretends"},
		{"own domain in a chat", message.P2P, "+819012345678", "これ見て https://www.youtube.com/watch?v=abcdefghijk", "link-from-p2p"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var r inspect.Report
			in.Inspect(g, text(t, c.route, c.from, c.text), &r)
			if got := names(&r); got != c.want {
				t.Errorf("%s\ngot  %s\nwant %s", c.text, got, c.want)
			}
		})
	}
}

// judge gives the probabilities that a message is bad, and phishing, as whoever judges adds them up.
func judge(r *inspect.Report) (bad, phishing float64) {
	p, s := float64(r.Phishing), float64(r.Spam)
	for _, f := range r.Findings {
		p += float64(f.Rule.Phishing)
		s += float64(f.Rule.Spam)
	}
	top := max(p, s, 0)
	a, b, h := math.Exp(p-top), math.Exp(s-top), math.Exp(-top)
	return (a + b) / (a + b + h), a / (a + b + h)
}

// sample is a line of testdata: class, route, sender, text.
func TestShippedModel(t *testing.T) {
	in, g := inspector(t, inspect.Config{}), grant(t)
	raw, err := os.ReadFile("testdata/judged.tsv")
	if err != nil {
		t.Fatal(err)
	}
	for n, l := range strings.Split(strings.TrimSpace(string(raw)), "\n") {
		c := strings.Split(l, "\t")
		if strings.HasPrefix(l, "#") {
			continue
		}
		if len(c) != 4 {
			t.Fatalf("line %d: %d fields instead of 4", n+1, len(c))
		}
		route, err := message.ParseRoute(c[1])
		if err != nil {
			t.Fatalf("line %d: %v", n+1, err)
		}
		var r inspect.Report
		in.Inspect(g, text(t, route, c[2], strings.ReplaceAll(c[3], `\n`, "\n")), &r)
		bad, phishing := judge(&r)
		if c[0] == "ham" && bad >= 0.5 || c[0] == "phishing" && bad <= 0.9 {
			t.Errorf("line %d: %s has p_bad %.3f, p_phishing %.3f (model %.1f, %.1f; %s)\n%s",
				n+1, c[0], bad, phishing, r.Phishing, r.Spam, names(&r), c[3])
		}
	}
}
