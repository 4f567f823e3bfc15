package gate

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sekisho/sekisho/inspect"
	"github.com/sekisho/sekisho/message"
	"github.com/sekisho/sekisho/purpose"
	"github.com/sekisho/sekisho/record"
	"github.com/sekisho/sekisho/subject"
)

var (
	strong  = &inspect.Rule{Name: "strong", Phishing: 6, Why: [2]string{"strong", "強"}}
	weak    = &inspect.Rule{Name: "weak", Phishing: 2.5, Why: [2]string{"weak", "弱"}}
	certain = &inspect.Rule{Name: "certain", Certain: true, Why: [2]string{"certain", "確"}}
	known   = []*inspect.Rule{strong, weak, certain}
)

// scripted finds what the text says.
type scripted struct{ looked int }

func (s *scripted) Inspect(g purpose.Grant, m *message.Message, r *inspect.Report) bool {
	s.looked++
	r.Reset()
	if !g.Covers(purpose.Inspect) {
		return false
	}
	for _, rule := range known {
		if bytes.Contains(m.Text, []byte(rule.Name)) {
			r.Findings = append(r.Findings, inspect.Finding{Rule: rule})
		}
	}
	if bytes.Contains(m.Text, []byte("http")) {
		r.Folded.Links = append(r.Folded.Links, message.Link{})
	}
	return true
}

func policy(t testing.TB, text string) *Policy {
	t.Helper()
	p, err := readText(t, text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func readText(t testing.TB, text string) (*Policy, error) {
	path := filepath.Join(t.TempDir(), "policy.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return ReadPolicy(path, subject.Japan, known)
}

const plainPolicy = `
mode = "enforce"
[purposes]
inspect = "terms"
[thresholds.p2p]
phishing = { label = 0.6, hold = 0.9, block = 0.99 }
[certain]
outcome = "block"
[exempt]
recipients = ["7726"]
[rates.p2p]
per_minute = 3
[overload]
delay = "100ms"
for = "2s"
`

type choices map[subject.Line]purpose.Choice

func (c choices) Choice(l subject.Line, p purpose.Purpose) purpose.Choice { return c[l] }

func msg(t testing.TB, text string, to ...string) *message.Message {
	t.Helper()
	m := &message.Message{Time: time.Now(), Door: "smpp", Route: message.P2P, Text: []byte(text)}
	m.From, _ = subject.ParseAddress("+818011112222", subject.Japan)
	if len(to) == 0 {
		to = []string{"+819012345678"}
	}
	for _, s := range to {
		a, err := subject.ParseAddress(s, subject.Japan)
		if err != nil {
			t.Fatal(err)
		}
		m.To = append(m.To, a)
	}
	return m
}

func TestPassOutcomes(t *testing.T) {
	g := New(Config{Inspector: &scripted{}, Policy: policy(t, plainPolicy), Senders: 100})
	var v Verdicts
	for _, x := range []struct {
		text    string
		outcome message.Outcome
		class   message.Class
	}{
		{"hello", message.Deliver, message.Ham},
		{"weak", message.Label, message.Phishing},
		{"strong", message.Block, message.Phishing},
		{"certain", message.Block, message.Phishing},
	} {
		g.Pass(context.Background(), msg(t, x.text), &v)
		if got := v.Each[0]; got.Outcome != x.outcome || got.Do != x.outcome || got.Class != x.class {
			t.Errorf("%q: %v, do %v, %v; want %v %v", x.text, got.Outcome, got.Do, got.Class, x.outcome, x.class)
		}
	}
}

func TestModesOnlySoften(t *testing.T) {
	g := New(Config{Inspector: &scripted{}, Policy: policy(t, plainPolicy), Senders: 100})
	var v Verdicts
	for mode, do := range map[message.Mode]message.Outcome{
		message.Observe: message.Deliver, message.Warn: message.Label, message.Enforce: message.Block, message.ModeUnset: message.Block,
	} {
		m := msg(t, "strong")
		m.Mode = mode
		g.Pass(context.Background(), m, &v)
		if v.Each[0].Outcome != message.Block || v.Each[0].Do != do {
			t.Errorf("%v: %v, do %v", mode, v.Each[0].Outcome, v.Each[0].Do)
		}
	}
	g.SetBypass(true)
	g.Pass(context.Background(), msg(t, "strong"), &v)
	if v.Each[0].Outcome != message.Block || v.Each[0].Do != message.Deliver {
		t.Errorf("bypass: %+v", v.Each[0])
	}
}

func TestOptedOutIsNotLookedAt(t *testing.T) {
	in := &scripted{}
	out, _ := subject.ParseLine("+819000000001")
	g := New(Config{Inspector: in, Policy: policy(t, plainPolicy), Senders: 100, Choices: choices{out: purpose.OptedOut}})
	var v Verdicts
	g.Pass(context.Background(), msg(t, "strong", "+819000000001"), &v)
	if in.looked != 0 || v.Each[0].Skipped != OptedOut || v.Each[0].Do != message.Deliver || len(v.Each[0].Reasons) != 0 {
		t.Errorf("looked %d times, %+v", in.looked, v.Each[0])
	}
	g.Pass(context.Background(), msg(t, "strong", "+819000000001", "+819000000002", "+819000000003"), &v)
	if in.looked != 1 {
		t.Errorf("inspected %d times for two recipients", in.looked)
	}
	if v.Each[0].Do != message.Deliver || v.Each[1].Do != message.Block || v.Each[2].Do != message.Block {
		t.Errorf("%+v", v.Each)
	}
}

func TestExemptAndBinaryAreNotLookedAt(t *testing.T) {
	in := &scripted{}
	g := New(Config{Inspector: in, Policy: policy(t, plainPolicy), Senders: 100})
	var v Verdicts
	g.Pass(context.Background(), msg(t, "strong", "7726"), &v)
	if v.Each[0].Skipped != Exempted {
		t.Errorf("%+v", v.Each[0])
	}
	m := msg(t, "strong")
	m.Decoding = message.Binary
	g.Pass(context.Background(), m, &v)
	if v.Each[0].Skipped != NoText || in.looked != 0 {
		t.Errorf("%+v, looked %d times", v.Each[0], in.looked)
	}
}

func TestTrialIsRecordedAndNeverActs(t *testing.T) {
	p := policy(t, plainPolicy+"[rules.strong]\ntrial = true\n")
	g := New(Config{Inspector: &scripted{}, Policy: p, Senders: 100})
	var v Verdicts
	g.Pass(context.Background(), msg(t, "strong"), &v)
	if w := v.Each[0]; w.Outcome != message.Deliver || w.Trial != message.Block || len(w.Reasons) != 1 {
		t.Errorf("%+v", w)
	}
	off := policy(t, plainPolicy+"[rules.strong]\noff = true\n[rules.weak]\nphishing = 9.0\n")
	g.SetPolicy(off)
	g.Pass(context.Background(), msg(t, "strong"), &v)
	if v.Each[0].Outcome != message.Deliver {
		t.Errorf("off: %+v", v.Each[0])
	}
	g.Pass(context.Background(), msg(t, "weak"), &v)
	if v.Each[0].Outcome != message.Block {
		t.Errorf("heavier: %+v", v.Each[0])
	}
}

// TestRecordTellsRulesApart holds what a record is about to the rules that acted, so that sentences can be told again.
func TestRecordTellsRulesApart(t *testing.T) {
	tells := &inspect.Rule{Name: "weak", Why: [2]string{"%s", "%s"}}
	mute := &inspect.Rule{Name: "strong", Why: [2]string{"x", "x"}}
	tried := &inspect.Rule{Name: "certain", Why: [2]string{"%s", "%s"}}
	p := policy(t, plainPolicy+"[rules.certain]\ntrial = true\n")
	v := Verdict{Judgement: Judgement{Outcome: message.Block}, Reasons: []inspect.Finding{
		{Rule: tried, About: []byte("in trial")}, {Rule: mute, About: []byte("unsaid")}, {Rule: tells, About: []byte("a host")},
	}}
	var rec record.Verdict
	v.Record(&rec, msg(t, "x"), &Verdicts{}, p, nil)
	if len(rec.Rules) != 2 || len(rec.Trial) != 1 || len(rec.About) != 1 || string(rec.About[0]) != "a host" {
		t.Errorf("rules %q, trial %q, about %q", rec.Rules, rec.Trial, rec.About)
	}
	v.Outcome, v.Do = message.Label, message.Label
	if v.Record(&rec, msg(t, "x"), &Verdicts{}, p, nil); len(rec.About) != 0 {
		t.Errorf("of a delivered message: %q", rec.About)
	}
}

func TestRatesFindTooMuch(t *testing.T) {
	now := time.Date(2026, 4, 1, 12, 0, 0, 0, time.UTC)
	g := New(Config{Inspector: &scripted{}, Policy: policy(t, plainPolicy), Senders: 100, Now: func() time.Time { return now }})
	var v Verdicts
	found := func(text string) bool {
		m := msg(t, text)
		m.Time = now
		g.Pass(context.Background(), m, &v)
		return len(v.Each[0].Reasons) > 0
	}
	for i := range 6 {
		now = now.Add(time.Second)
		if got, want := found("http"), i >= 3; got != want {
			t.Errorf("text %d: found %v", i+1, got)
		}
	}
	if got := string(v.Each[0].Reasons[0].About); got != "6" {
		t.Errorf("about %q", got)
	}
	if found("no link") {
		t.Error("a text without links counts")
	}
	now = now.Add(3 * time.Minute)
	if found("http") {
		t.Error("three minutes later it is still too much")
	}
}

func TestOverloadBypassesByItself(t *testing.T) {
	now := time.Date(2026, 4, 1, 12, 0, 0, 0, time.UTC)
	in := &scripted{}
	g := New(Config{Inspector: in, Policy: policy(t, plainPolicy), Senders: 100, Now: func() time.Time { return now }})
	var v Verdicts
	pass := func(late time.Duration) *Verdict {
		now = now.Add(100 * time.Millisecond)
		m := msg(t, "strong")
		m.Time = now.Add(-late)
		g.Pass(context.Background(), m, &v)
		return &v.Each[0]
	}
	if pass(150*time.Millisecond).Skipped != Judged {
		t.Error("one late message bypasses")
	}
	for range 7 {
		pass(150 * time.Millisecond)
	}
	if w := pass(150 * time.Millisecond); w.Skipped != Overloaded || w.Do != message.OutcomeUnset {
		t.Errorf("half a second of late messages: %+v", w)
	}
	if _, byItself := g.Bypass(); !byItself {
		t.Error("nobody is told")
	}
	for range 25 {
		pass(0)
	}
	if w := pass(0); w.Skipped != Judged || w.Do != message.Block {
		t.Errorf("caught up, and still bypassed: %+v", w)
	}
}

func TestWatchSeesALateGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start, late := time.Now(), time.Duration(0)
		// A clock that runs ahead of the timers is a goroutine that runs late.
		g := New(Config{Inspector: &scripted{}, Policy: policy(t, plainPolicy), Senders: 100, Now: func() time.Time {
			late += 200 * time.Millisecond
			return start.Add(late)
		}})
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() { g.Watch(ctx); close(done) }()
		time.Sleep(time.Second)
		cancel()
		<-done
		if g.overload.until.Load() == 0 {
			t.Error("never bypassed")
		}
	})
}

func TestPolicyErrorsNameThePlace(t *testing.T) {
	for _, x := range []struct{ text, want string }{
		{"mod = \"observe\"", `line 1: unknown key "mod"`},
		{"mode = \"observe\"\n[thresholds.p2p]\nphishing = { hold = 2.0 }", "thresholds.p2p.phishing: 2 is no probability"},
		{"[thresholds.p2p]\nphishing = { hold = 0.9, block = 0.5 }", "harder outcome"},
		{"[thresholds.sms]\nphishing = { hold = 0.9 }", `unknown route "sms"`},
		{"[purposes]\ninspect = \"because\"", `unknown ground "because"`},
		{"[purposes]\nspy = \"terms\"", `unknown purpose "spy"`},
		{"[rules.no-such]\ntrial = true", "rules.no-such: there is no rule of this name"},
		{"[thresholds.p2p]\nphishing = { label = nan }", "no probability"},
		{"[rules.strong]\nphishing = nan", "rules.strong: a weight"},
		{"[exempt]\nsenders = [\"\"]", "exempt.senders, entry 1"},
		{"mode = \"loud\"", "loud"},
		{"[overload]\ndelay = \"soon\"", "overload.delay"},
		{"[rates.p2p]\nper_minute = -1", "rates.p2p"},
		{"mode = ", "line 1"},
	} {
		_, err := readText(t, x.text)
		if err == nil || !strings.Contains(err.Error(), x.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v; want %q in one line", x.text, err, x.want)
		}
	}
	if _, err := ReadPolicy("", subject.Japan, nil); err != nil {
		t.Errorf("the default policy: %v", err)
	}
}

func TestMetricsAreCounted(t *testing.T) {
	reg := prometheus.NewRegistry()
	g := New(Config{Inspector: &scripted{}, Policy: policy(t, plainPolicy), Senders: 100, Metrics: reg})
	var v Verdicts
	for range 3 {
		g.Pass(context.Background(), msg(t, "strong"), &v)
	}
	all, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range all {
		if f.GetName() == "sekisho_messages_total" {
			m := f.GetMetric()[0]
			if m.GetCounter().GetValue() != 3 || m.GetLabel()[0].GetValue() != "smpp" || m.GetLabel()[1].GetValue() != "block" {
				t.Errorf("%v", m)
			}
			return
		}
	}
	t.Error("sekisho_messages_total is not there")
}

// real is a gate with the real inspector, which the hot path is measured with.
func real(t testing.TB) (*Gate, []*message.Message) {
	in, err := inspect.New(inspect.Config{})
	if err != nil {
		t.Fatal(err)
	}
	p, err := ReadPolicy("", subject.Japan, nil)
	if err != nil {
		t.Fatal(err)
	}
	var all []*message.Message
	for _, s := range []string{
		"お荷物のお届けにあがりましたが不在の為持ち帰りました。ご確認ください。 http://kdjfhg.duckdns.org",
		"明日の集合は10時に駅前でお願いします。遅れるときは連絡ください",
		"Your verification code is 482913. Do not share it with anyone.",
		"see you at the station at 7, bring the tickets",
	} {
		all = append(all, msg(t, s))
	}
	return New(Config{Inspector: in, Policy: p, Senders: 1 << 16}), all
}

func TestPassAllocatesNothing(t *testing.T) {
	g, all := real(t)
	var v Verdicts
	i := 0
	pass := func() {
		g.Pass(context.Background(), all[i%len(all)], &v)
		i++
	}
	for range 100 {
		pass()
	}
	if n := testing.AllocsPerRun(1000, pass); n > 0 {
		t.Errorf("%v allocations a message", n)
	}
}

func BenchmarkPass(b *testing.B) {
	g, all := real(b)
	var v Verdicts
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		m := all[i%len(all)]
		m.Time = time.Now()
		g.Pass(context.Background(), m, &v)
	}
}

func BenchmarkJudge(b *testing.B) {
	p := policy(b, plainPolicy)
	r := inspect.Report{Phishing: 1.5, Spam: 0.2, Findings: []inspect.Finding{{Rule: weak}, {Rule: strong}}}
	b.ReportAllocs()
	for b.Loop() {
		Judge(p, message.P2P, message.Readable, &r)
	}
}

func TestOwnRules(t *testing.T) {
	dir := t.TempDir()
	read := func(text string) (*Policy, error) {
		path := dir + "/policy.toml"
		if err := os.WriteFile(path, []byte(DefaultPolicy+text), 0o644); err != nil {
			t.Fatal(err)
		}
		return ReadPolicy(path, 81, nil)
	}
	p, err := read("\n[own.top]\nwhen = 'domains.exists(d, d.endsWith(\".top\"))'\nphishing = 9\nwhy = \"It ends in .top.\"\n" +
		"[own.seen]\nwhen = 'route == \"p2p\"'\ntrial = true\nphishing = 9\nwhy = \"A handset.\"\n")
	if err != nil {
		t.Fatal(err)
	}
	in, err := inspect.New(inspect.Config{})
	if err != nil {
		t.Fatal(err)
	}
	g := New(Config{Inspector: in, Policy: p, Senders: 16})
	var v Verdicts
	m := &message.Message{Route: message.P2P, Text: []byte("see https://aaa.example.top/"), To: []subject.Address{{}}}
	g.Pass(t.Context(), m, &v)
	names := ""
	for _, f := range v.Each[0].Reasons {
		names += f.Rule.Name + " "
	}
	if !strings.Contains(names, "own/top") || !strings.Contains(names, "own/seen") || v.Each[0].Trial < v.Each[0].Outcome {
		t.Errorf("findings %q, trial %v", names, v.Each[0].Trial)
	}
	_, err = read("\n[own.bad]\nwhen = 'nonsense'\nphishing = 9\nwhy = \"x\"\n")
	if err == nil || !strings.Contains(err.Error(), `own: rule "bad"`) || strings.Contains(err.Error(), "\n") {
		t.Errorf("a rule that does not compile: %v", err)
	}
}
