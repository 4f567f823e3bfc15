package detect_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sekisho/sekisho/detect"
	"github.com/sekisho/sekisho/inspect"
	"github.com/sekisho/sekisho/message"
)

func TestSecondHundred(t *testing.T) {
	for _, c := range []struct {
		name  string
		route message.Route
		step  time.Duration
		text  func(i int) string
	}{
		{"within minutes", message.P2P, time.Second, harmless},
		{"within two days", message.P2P, 11 * time.Minute, harmless},
		{"shortened links", message.P2P, time.Second, func(i int) string {
			return fmt.Sprintf("%s様、先日の件の資料ができましたのでお送りします。ご確認をお願いします。 https://bit.ly/%s", surnames[i%10], host(i)[:7])
		}},
		{"behind a link that stays", message.P2P, time.Second, func(i int) string {
			return "先日の件の資料ができましたのでお送りします。ご確認をお願いします。 https://www.example.com/ https://" + host(i) + "/"
		}},
		{"from abroad, in English", message.Intl, time.Second, func(i int) string {
			return fmt.Sprintf("Hello %s, the papers that we talked about on Monday are ready, please look through them: https://%s/", host(i)[:6], host(i))
		}},
	} {
		s := newStream(t, detect.Config{})
		s.step = c.step
		for i := range 250 {
			want := ""
			if i >= 100 {
				want = "campaign-spread"
			}
			if got := s.send(c.route, handset(i%90), handset(5000+i), c.text(i)); got != want {
				t.Fatalf("%s, text %d: %q", c.name, i+1, got)
			}
		}
		l := s.c.List(s.now, 10)
		if len(l) != 1 || l[0].Texts != 250 || l[0].Senders < 75 || l[0].Senders > 105 || l[0].Targets < 200 || l[0].Recipients < 200 ||
			c.step == time.Second && l[0].Hour != 250 || c.step > time.Second && l[0].Hour > 7 {
			t.Errorf("%s: %+v", c.name, l)
		}
		if f := s.r.Findings[len(s.r.Findings)-1]; !strings.HasPrefix(string(f.About), "249 / ") {
			t.Errorf("%s: about %q", c.name, f.About)
		}
		if got := s.send(message.A2P, "00051234", handset(1), c.text(1000)); got != "" {
			t.Errorf("%s, from a business: %q", c.name, got)
		}
	}
}

// TestNotSpread sends what many people write, and none of it is met.
func TestNotSpread(t *testing.T) {
	p2p := func(text func(i int) string) func(s *stream, i int) string {
		return func(s *stream, i int) string { return s.send(message.P2P, handset(i), handset(9000+i), text(i)) }
	}
	for name, send := range map[string]func(s *stream, i int) string{
		"greetings of the New Year": p2p(func(i int) string {
			return "あけましておめでとうございます。今年もよろしくお願いします！" + surnames[i%10]
		}),
		"an app's invitation": p2p(func(i int) string {
			return fmt.Sprintf("このアプリに招待するよ。登録すると500円もらえるから使ってみて https://invite.example.com/r/%d", i)
		}),
		"an app's places": p2p(func(i int) string {
			return "待ち合わせの場所を地図で共有します。ここで会いましょう、着いたら連絡してください https://maps.app.goo.gl/" + host(i)
		}),
		"a chain text with one link": p2p(func(int) string {
			return "献血のお願いです。輸血の血液が足りません。まわりの人に回してください https://blood.example.org/help"
		}),
		"a chain text without a link": p2p(func(int) string {
			return "明日は台風のため学校が休みになりました。ほかの保護者の方にも伝えてください。連絡網です"
		}),
		"a few words and a link": p2p(func(i int) string { return "これ面白いから見てみて https://" + host(i) + "/" }),
		"sites that many like": p2p(func(i int) string {
			return fmt.Sprintf("昨日話していた動画を見つけたので送ります。時間のあるときに見てください https://%s/v/%d", host(i*i%17), i)
		}),
		"a new number": p2p(func(i int) string {
			return fmt.Sprintf("携帯電話の番号が変わりましたのでお知らせします。新しい番号は0900%07dです。登録をお願いします", i*13)
		}),
		"a business": func(s *stream, i int) string {
			return s.send(message.A2P, "00051234", handset(9000+i), fmt.Sprintf("ご予約ありがとうございます。ご来店をお待ちしております。地図はこちら https://%s/map", host(i)))
		},
		"a business, forwarded": func(s *stream, i int) string {
			text := fmt.Sprintf("お買い上げありがとうございます。品物の到着予定と領収書はこちらからご確認ください https://bit.ly/%s", host(i / 2 * 2)[:7])
			if i%2 == 0 {
				return s.send(message.A2P, "00051234", handset(9000+i), text)
			}
			return s.send(message.P2P, handset(i%15), handset(9000+i), text)
		},
		"one sender": func(s *stream, i int) string { return s.send(message.P2P, handset(1), handset(9000+i), harmless(i)) },
	} {
		s := newStream(t, detect.Config{})
		for i := range 400 {
			if got := send(s, i); got != "" {
				t.Errorf("%s, text %d: %s", name, i+1, got)
				break
			}
		}
		if l := s.c.List(s.now, 10); strings.HasPrefix(name, "greet") && len(l) != 0 {
			t.Errorf("%s are followed: %+v", name, l)
		}
	}
}

func TestJudgedAtOnce(t *testing.T) {
	s := newStream(t, detect.Config{})
	s.judge = true
	for i := range 5 { // two on probation, and three that are judged as a campaign's
		if got := s.send(message.P2P, handset(i), handset(5000+i), harmless(i)); got != "" {
			t.Fatalf("text %d: %q", i+1, got)
		}
	}
	if got := s.send(message.P2P, handset(99), handset(1), harmless(77)); got != "campaign-judged" {
		t.Errorf("the sixth text: %q", got)
	}
	if got := s.send(message.A2P, "00051234", handset(1), harmless(78)); got != "" {
		t.Errorf("the same from a business, of which nothing was judged: %q", got)
	}
	if got := s.send(message.P2P, handset(98), handset(1), "こんにちは、明日の会議の場所が変わりました。地図です https://chizu.example.jp/"); got != "" {
		t.Errorf("another text: %q", got)
	}
}

// TestOneSender: what one sender is judged for counts against him alone.
func TestOneSender(t *testing.T) {
	s := newStream(t, detect.Config{})
	s.judge = true
	for i := range 20 {
		if got, want := s.send(message.P2P, handset(1), handset(5000+i), harmless(i)), i >= 5; (got == "campaign-judged") != want {
			t.Fatalf("text %d of one sender: %q", i+1, got)
		}
	}
	if got := s.send(message.P2P, handset(2), handset(1), harmless(77)); got != "" {
		t.Errorf("another sender: %q", got)
	}
}

// TestMistakes: what was judged with our help confirms nothing, and what was held to be honest against what we said counts.
func TestMistakes(t *testing.T) {
	s := newStream(t, detect.Config{})
	for i := range 60 {
		got := s.send(message.P2P, handset(i), handset(5000+i), harmless(i%30))
		switch {
		case i < 5: // a few are judged wrongly
			s.c.Judged(s.ref, message.Phishing, true)
		case i < 20: // and others by that
			s.c.Judged(s.ref, message.Phishing, true)
			if got != "campaign-judged" {
				t.Fatalf("text %d: %q", i+1, got)
			}
		case i < 40: // it is put right
			s.c.Judged(s.ref, message.Ham, false)
		case got != "":
			t.Fatalf("text %d: %q", i+1, got)
		}
	}
	if l := s.c.List(s.now, 1); l[0].Stopped != 3 || l[0].Judged != 3+20 {
		t.Errorf("%+v", l)
	}
}

// TestVouched: official texts cannot be stopped by sending copies of them with bad links.
func TestVouched(t *testing.T) {
	rule := func(name, about string) []inspect.Finding {
		return []inspect.Finding{{Rule: &inspect.Rule{Name: name}, About: []byte(about)}}
	}
	s := newStream(t, detect.Config{})
	s.judge = true
	for i := range 150 {
		s.send(message.P2P, handset(i), handset(5000+i), harmless(i))
	}
	if err := s.c.Decide(s.c.List(s.now, 1)[0].ID, detect.Stop); err != nil {
		t.Fatal(err)
	}
	const stopped = "campaign-stopped-by-operator"
	before := s.c.List(s.now, 1)[0].Texts
	for _, c := range []struct {
		add        []inspect.Finding
		more, want string
	}{
		{nil, "", stopped},
		{rule("official-link-only", "ヤマト運輸"), "", ""},
		{rule("link-known-good", host(7)), "", ""},
		{rule("link-known-good", host(7)), " https://evil.example.net/", stopped},
		{rule("link-known-good", "good.example.com"), "", stopped},
	} {
		s.add = c.add
		if got := s.send(message.P2P, handset(400), handset(1), harmless(7)+c.more); got != c.want {
			t.Errorf("%v with%s: %q", c.add, c.more, got)
		}
	}
	if n := s.c.List(s.now, 1)[0].Texts; n != before+3 {
		t.Errorf("%d texts were counted", n-before)
	}
}

func TestDecide(t *testing.T) {
	s := newStream(t, detect.Config{})
	for i := range 5 {
		s.send(message.P2P, handset(i), handset(5000+i), harmless(i))
	}
	id := s.c.List(s.now, 1)[0].ID
	decide := func(d detect.Decision) {
		t.Helper()
		if err := s.c.Decide(id, d); err != nil {
			t.Fatal(err)
		}
		if c, ok := s.c.Find(id, s.now); !ok || c.Decision != d || c.ID != id {
			t.Errorf("found %+v", c)
		}
	}
	send := func(text, want string) {
		t.Helper()
		if got := s.send(message.P2P, handset(7), handset(1), text); got != want {
			t.Errorf("%s: %q", text, got)
		}
	}
	decide(detect.Stop)
	send(harmless(9), "campaign-stopped-by-operator")
	if f := s.r.Findings[len(s.r.Findings)-1]; string(f.About) != id {
		t.Errorf("about %q, of campaign %s", f.About, id)
	}
	decide(detect.Pass)
	send(harmless(2), "campaign-passed-by-operator")
	send(harmless(500), "")                                              // another link
	send(harmless(2)+" https://"+host(500)+"/", "")                      // one more link
	send(strings.Replace(harmless(2), "です。", "です。電話0312345678。", 1), "") // one more number
	decide(detect.Watch)
	send(harmless(2), "")
	for _, bad := range []string{"", "xyz", "0000000000000001", id[1:], "+" + id[1:], id + "0"} {
		if err := s.c.Decide(bad, detect.Stop); err == nil {
			t.Errorf("%q was decided", bad)
		}
		if _, ok := s.c.Find(bad, s.now); ok {
			t.Errorf("%q was found", bad)
		}
	}
	if err := s.c.Decide(id, 3); err == nil {
		t.Error("an unknown decision was taken")
	}
	s.now = s.now.Add(73 * time.Hour)
	for i := range 5 { // the clock goes by texts
		s.send(message.P2P, handset(i), handset(5000+i), "明日の会議の場所が変わりましたので地図を送ります https://chizu.example.jp/")
	}
	if err := s.c.Decide(id, detect.Stop); err == nil {
		t.Error("a campaign that has ended was decided about")
	}
}

// Of reports the first begins a campaign, and later ones join it, whatever their links.
func TestBeginsWithTheFirst(t *testing.T) {
	s := newStream(t, detect.Config{Begins: 1})
	var f message.Folded
	f.Fold([]byte(harmless(0)))
	if id := s.c.Like(&f, s.now); id != 0 {
		t.Errorf("%x before anything was reported", id)
	}
	s.send(message.P2P, handset(1), handset(2), harmless(1))
	id := s.c.Like(&f, s.now)
	if id == 0 {
		t.Fatal("the first began nothing")
	}
	for i := range 5 {
		s.send(message.P2P, handset(i), handset(i+7), harmless(i))
		if got := s.c.Like(&f, s.now); got != id {
			t.Errorf("%x, then %x", id, got)
		}
	}
	if l := s.c.List(s.now, 10); len(l) != 1 || l[0].Texts != 6 {
		t.Errorf("%+v", l)
	}
}
