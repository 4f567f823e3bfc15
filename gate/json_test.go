package gate

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/sekisho/sekisho/inspect"
	"github.com/sekisho/sekisho/message"
	"github.com/sekisho/sekisho/subject"
)

var (
	testBrand = &inspect.Rule{Name: "brand-not-its-link", Phishing: 2.25, Spam: 0.5, Why: [2]string{"It speaks as %s.", "「%s」を名乗っています。"}}
	testTrick = &inspect.Rule{Name: "trick", Phishing: 1, Spam: 1, Why: [2]string{"A trick.", "細工があります。"}}
)

func judged() (*Verdict, *message.Message, *inspect.Report) {
	r := &inspect.Report{Phishing: 1.5, Spam: -1}
	r.Findings = []inspect.Finding{{Rule: testBrand, About: []byte("佐川急便")}, {Rule: testTrick}}
	r.Folded.Family = 0xbeef
	r.Folded.Links = []message.Link{{Host: []byte("a.example.top"), Domain: []byte("example.top"), URL: []byte("a.example.top/x")}}
	to := subject.Line(819012345678).Address()
	v := &Verdict{To: to, Mode: message.Observe, Do: message.Deliver, Reasons: r.Findings,
		Judgement: Judgement{Class: message.Phishing, PPhishing: 0.98765432, PBad: 0.999999999, Outcome: message.Block}}
	return v, &message.Message{ID: "m1"}, r
}

func TestVerdictJSON(t *testing.T) {
	const links = `"campaign":"000000000000beef","links":[{"host":"a.example.top","domain":"example.top","url":"a.example.top/x"}]}`
	heavy := float32(4)
	for _, c := range []struct {
		name   string
		change func(*Verdict, *message.Message, *inspect.Report)
		how    JSON
		want   string
	}{
		{"as scan prints it", nil, JSON{},
			`{"id":"m1","class":"phishing","p_phishing":0.987654,"p_bad":1,"outcome":"block","reasons":[` +
				`{"rule":"brand-not-its-link","why":"It speaks as 佐川急便.","weight":2.25,"about":"佐川急便"},` +
				`{"rule":"trick","why":"A trick.","weight":1,"about":""},` +
				`{"rule":"wording","why":"The wording is like that of fraud seen before.","weight":1.5,"about":""}],` + links},
		{"told, in Japanese, by a policy",
			nil,
			JSON{Language: inspect.Japanese, To: true, Told: true, Policy: &Policy{rules: map[string]RuleSetting{"trick": {Trial: true}, "brand-not-its-link": {Phishing: &heavy}}}},
			`{"id":"m1","to":"+819012345678","class":"phishing","p_phishing":0.987654,"p_bad":1,"outcome":"block","do":"deliver","mode":"observe","skipped":null,"reasons":[` +
				`{"rule":"brand-not-its-link","why":"「佐川急便」を名乗っています。","weight":4,"about":"佐川急便"},` +
				`{"rule":"trick","why":"細工があります。","weight":0,"about":"","trial":true},` +
				`{"rule":"wording","why":"文面が、これまでに確認された詐欺と似ています。","weight":1.5,"about":""}],` + links},
		{"spam weighs as spam, and a rule that is off is left out",
			func(v *Verdict, _ *message.Message, _ *inspect.Report) { v.Class = message.Spam },
			JSON{Policy: &Policy{rules: map[string]RuleSetting{"trick": {Off: true}}}},
			`{"id":"m1","class":"spam","p_phishing":0.987654,"p_bad":1,"outcome":"block","reasons":[` +
				`{"rule":"brand-not-its-link","why":"It speaks as 佐川急便.","weight":0.5,"about":"佐川急便"}],` + links},
		{"nothing found, no id",
			func(v *Verdict, m *message.Message, r *inspect.Report) {
				*m, *r = message.Message{}, inspect.Report{}
				*v = Verdict{Judgement: Judgement{Class: message.Ham, PPhishing: 1.2e-7, PBad: 0.5, Outcome: message.Deliver}, Do: message.Deliver, Mode: message.Enforce}
			},
			JSON{Told: true},
			`{"id":null,"class":"ham","p_phishing":1.2e-07,"p_bad":0.5,"outcome":"deliver","do":"deliver","mode":"enforce","skipped":null,"reasons":[],"campaign":null,"links":[]}`},
		{"opted out: nothing of the report",
			func(v *Verdict, _ *message.Message, _ *inspect.Report) {
				*v = Verdict{To: v.To, Skipped: OptedOut, Do: message.Deliver, Mode: message.Enforce, Judgement: Judgement{Outcome: message.Deliver}}
			},
			JSON{Told: true},
			`{"id":"m1","class":null,"p_phishing":null,"p_bad":null,"outcome":"deliver","do":"deliver","mode":"enforce","skipped":"opted-out","reasons":[],"campaign":null,"links":[]}`},
		{"judging fell behind",
			func(v *Verdict, _ *message.Message, _ *inspect.Report) {
				*v = Verdict{Skipped: Overloaded, Mode: message.Enforce}
			},
			JSON{Told: true},
			`{"id":"m1","class":null,"p_phishing":null,"p_bad":null,"outcome":null,"do":null,"mode":"enforce","skipped":"overload","reasons":[],"campaign":null,"links":[]}`},
		{"what is hostile stays a string",
			func(v *Verdict, m *message.Message, r *inspect.Report) {
				m.ID = "a\"b\\c\x00\n\xff"
				r.Findings[0].About = []byte("%s\"\x1b")
				v.Reasons, r.Folded.Links, r.Phishing = r.Findings[:1], nil, float32(math.NaN())
				v.PBad, v.PPhishing = float32(math.NaN()), float32(math.Inf(1))
			},
			JSON{},
			`{"id":"a\"b\\c\u0000\n` + "\ufffd" + `","class":"phishing","p_phishing":3.40282e+38,"p_bad":0,"outcome":"block","reasons":[` +
				`{"rule":"brand-not-its-link","why":"It speaks as %s\"\u001b.","weight":2.25,"about":"%s\"\u001b"}],"campaign":"000000000000beef","links":[]}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			v, m, r := judged()
			if c.change != nil {
				c.change(v, m, r)
			}
			got := string(v.AppendJSON([]byte("before"), m, r, c.how))
			if want := "before" + c.want; got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
			if !json.Valid([]byte(strings.TrimPrefix(got, "before"))) {
				t.Error("this is not JSON")
			}
		})
	}
}

func FuzzVerdictJSON(f *testing.F) {
	f.Add("m1", "佐川急便", float32(1), uint8(2), uint8(0))
	f.Fuzz(func(t *testing.T, id, about string, weight float32, class, skipped uint8) {
		v, m, r := judged()
		m.ID, r.Findings[0].About, v.PPhishing, r.Phishing = id, []byte(about), weight, weight
		v.Class, v.Skipped = message.Class(class), Skipped(skipped%uint8(NoText+1))
		if got := v.AppendJSON(nil, m, r, JSON{To: true, Told: true}); !json.Valid(got) {
			t.Errorf("not JSON: %s", got)
		}
	})
}

func BenchmarkVerdictJSON(b *testing.B) {
	v, m, r := judged()
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		dst = v.AppendJSON(dst[:0], m, r, JSON{Told: true})
	}
}
