package detect_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sekisho/sekisho/detect"
	"github.com/sekisho/sekisho/inspect"
	"github.com/sekisho/sekisho/message"
	"github.com/sekisho/sekisho/purpose"
	"github.com/sekisho/sekisho/subject"
)

// stream sends texts through campaigns.
type stream struct {
	t     testing.TB
	c     *detect.Campaigns
	in    *inspect.Inspector
	grant purpose.Grant
	now   time.Time
	r     inspect.Report
	about detect.About
	add   []inspect.Finding // that inspection is to have found too
	step  time.Duration     // between texts
	judge bool              // all of them are judged fraud and stopped
	ref   detect.Ref
}

// inspector is one for all tests: it is slow to make.
var inspector = sync.OnceValues(func() (*inspect.Inspector, error) { return inspect.New(inspect.Config{}) })

func newStream(t testing.TB, c detect.Config) *stream {
	t.Helper()
	in, err := inspector()
	if err != nil {
		t.Fatal(err)
	}
	g, err := purpose.Ask(&purpose.DefaultPolicy, purpose.Inspect, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.Seed == 0 {
		c.Seed = 7
	}
	if c.Probation == 0 {
		c.Probation = 1 << 12
	}
	if c.Campaigns == 0 {
		c.Campaigns = 64
	}
	return &stream{t: t, c: detect.NewCampaigns(c), in: in, grant: g, step: time.Second, now: time.Date(2026, 4, 1, 9, 0, 0, 0, time.UTC)}
}

// send gives the names of the findings that campaigns added.
func (s *stream) send(route message.Route, from, to, text string) string {
	s.t.Helper()
	a, err := subject.ParseAddress(from, subject.Japan)
	if err != nil {
		s.t.Fatal(err)
	}
	b, _ := subject.ParseAddress(to, subject.Japan)
	m := &message.Message{Route: route, From: a, To: []subject.Address{b}, Text: []byte(text)}
	s.in.Inspect(s.grant, m, &s.r)
	s.r.Findings = append(s.r.Findings, s.add...)
	n := len(s.r.Findings)
	s.now = s.now.Add(s.step)
	s.ref = s.c.Meet(s.grant, m, &s.r, false, s.now, &s.about)
	if s.judge {
		s.c.Judged(s.ref, message.Phishing, true)
	}
	var names []string
	for _, f := range s.r.Findings[n:] {
		names = append(names, f.Rule.Name)
	}
	return strings.Join(names, " ")
}

func handset(i int) string { return fmt.Sprintf("+8190%08d", i) }

var surnames = []string{"佐藤", "鈴木", "高橋", "田中", "伊藤", "渡辺", "山本", "中村", "小林", "加藤"}

// harmless is a text that says nothing bad, with the sender's own name, amount and link.
func harmless(i int) string {
	return fmt.Sprintf("%s様、先日の件の資料ができましたのでお送りします。合計%d円です。ご確認をお願いします。 https://%s/doc", surnames[i%10], 1000+i*37, host(i))
}

func host(i int) string {
	r := rand.New(rand.NewPCG(uint64(i), 1))
	b := make([]byte, 9)
	for i := range b {
		b[i] = 'a' + byte(r.IntN(26))
	}
	return string(b) + []string{".com", ".net", ".info", ".jp"}[i%4]
}

func TestWindowAndBounds(t *testing.T) {
	s := newStream(t, detect.Config{Campaigns: 8, Probation: 64, Window: time.Hour})
	for i := range 5 {
		s.send(message.P2P, handset(i), handset(i), harmless(i))
	}
	s.now = s.now.Add(2 * time.Hour)
	if l := s.c.List(s.now, 9); len(l) != 0 {
		t.Errorf("unseen for two hours: %+v", l)
	}
	for i := range 3000 { // three of each of a thousand wordings
		s.send(message.P2P, handset(i), handset(i), fmt.Sprintf("%sの%sが%sで%sになりました。 https://%s/", word(i/3), word(i/3+7), word(i/3+13), word(i/3+29), host(i)))
	}
	if l := s.c.List(s.now, 99); len(l) == 0 || len(l) > 8 {
		t.Errorf("%d campaigns where there is room for 8", len(l))
	}
}

func word(i int) string {
	r := rand.New(rand.NewPCG(uint64(i), 3))
	b := make([]rune, 5)
	for i := range b {
		b[i] = 0x4E00 + rune(r.IntN(4000))
	}
	return string(b)
}

func TestConcurrent(t *testing.T) {
	c := detect.NewCampaigns(detect.Config{Campaigns: 16, Probation: 256})
	var wait sync.WaitGroup
	for g := range 4 {
		wait.Go(func() {
			s := newStream(t, detect.Config{})
			s.c, s.judge = c, true
			for i := range 800 {
				if i%2 == 0 {
					s.send(message.P2P, handset(i+g), handset(i), harmless(i))
				} else {
					s.send(message.P2P, handset(i+g), handset(i), word(i%50)+word(i%50+1)+word(i%50+2)+" https://"+host(i)+"/")
				}
				if i%100 == 0 {
					c.List(s.now, 5)
				}
			}
		})
	}
	wait.Wait()
}

func TestHostile(t *testing.T) {
	s := newStream(t, detect.Config{})
	for i, text := range []string{"", "😀😀😀 https://a.example.com/", strings.Repeat("あ", 8000) + " https://a.example.com/", strings.Repeat("ab ", 2700) + "https://b.example.com",
		strings.Repeat("https://c.example.com/ ", 300), "\u0000\u0001", strings.Repeat("字", 3)} {
		for range 3 {
			s.send(message.P2P, handset(i), handset(i), text)
		}
	}
	var r inspect.Report
	if ref := s.c.Meet(purpose.Grant{}, &message.Message{}, &r, true, s.now, &s.about); ref != (detect.Ref{}) {
		t.Error("without a grant a text was looked at")
	}
}

func TestMeetAllocatesNothing(t *testing.T) {
	s := newStream(t, detect.Config{})
	for i := range 150 {
		s.send(message.P2P, handset(i), handset(i), harmless(i))
	}
	m := &message.Message{Route: message.P2P, Text: []byte(harmless(3))}
	s.in.Inspect(s.grant, m, &s.r)
	n := len(s.r.Findings)
	s.r.Findings = append(s.r.Findings, inspect.Finding{}, inspect.Finding{})
	if got := testing.AllocsPerRun(200, func() {
		s.r.Findings = s.r.Findings[:n]
		s.c.Judged(s.c.Meet(s.grant, m, &s.r, false, s.now, &s.about), message.Ham, false)
	}); got != 0 {
		t.Errorf("%v allocations", got)
	}
}

func BenchmarkMeet(b *testing.B) {
	b.Run("campaign", func(b *testing.B) { bench(b, func(i int) string { return harmless(i) }) })
	b.Run("new", func(b *testing.B) {
		bench(b, func(i int) string { return word(i) + word(i+1) + word(i+2) + word(i+3) + " https://" + host(i) + "/" })
	})
}

func bench(b *testing.B, text func(int) string) {
	s := newStream(b, detect.Config{Campaigns: 1 << 16, Probation: 1 << 20})
	const n = 4096
	reports := make([]inspect.Report, n)
	messages := make([]message.Message, n)
	for i := range n {
		a, _ := subject.ParseAddress(handset(i), subject.Japan)
		messages[i] = message.Message{Route: message.P2P, From: a, To: []subject.Address{a}, Text: []byte(text(i))}
		s.in.Inspect(s.grant, &messages[i], &reports[i])
		reports[i].Findings = append(make([]inspect.Finding, 0, 16), reports[i].Findings...)
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		r := &reports[i%n]
		f := len(r.Findings)
		s.c.Meet(s.grant, &messages[i%n], r, false, s.now, &s.about)
		r.Findings = r.Findings[:f]
		i++
	}
}
