package rule_test

import (
	"strings"
	"testing"

	"github.com/sekisho/sekisho/inspect"
	"github.com/sekisho/sekisho/message"
	"github.com/sekisho/sekisho/purpose"
	"github.com/sekisho/sekisho/rule"
	"github.com/sekisho/sekisho/subject"
)

var work rule.Work

func look(t testing.TB, route message.Route, from, text string) (*message.Message, *inspect.Report) {
	t.Helper()
	in, err := inspect.New(inspect.Config{})
	if err != nil {
		t.Fatal(err)
	}
	a, err := subject.ParseAddress(from, subject.Japan)
	if err != nil {
		t.Fatal(err)
	}
	g, err := purpose.Ask(&purpose.DefaultPolicy, purpose.Inspect, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	m, r := &message.Message{Route: route, From: a, Account: "mvno-1", Text: []byte(text)}, &inspect.Report{}
	in.Inspect(g, m, r)
	return m, r
}

func one(t testing.TB, when string) *rule.Set {
	t.Helper()
	s, err := rule.New([]string{"x"}, map[string]rule.Source{"x": {When: when, Phishing: 1, Why: "It is so."}})
	if err != nil {
		t.Fatalf("%s: %v", when, err)
	}
	return s
}

func TestMeet(t *testing.T) {
	m, r := look(t, message.P2P, "+819055550123", "【ヤマト運輸】お荷物の再配達はこちら https://abc.example.top/x?y=1 または https://bit.ly/q1 03-5555-0123")
	for when, want := range map[string]bool{
		`route == "p2p"`:                               true,
		`route != "p2p"`:                               false,
		`route == "p2p" && size(hosts) == 2`:           true,
		`size(hosts) > 2 || size(numbers) >= 1`:        true,
		`!(size(hosts) > 2)`:                           true,
		`text.contains("再配達")`:                         true,
		`text.contains("当選")`:                          false,
		`text.startsWith("【ヤマト運輸】")`:                   true,
		`text.matches("再.達")`:                          true,
		`text.matches("^x")`:                           false,
		`"bit.ly" in hosts`:                            true,
		`"bit.lz" in hosts`:                            false,
		`from_kind in ["line", "short"]`:               true,
		`from.startsWith("+8190")`:                     true,
		`domains.exists(d, d.endsWith(".top"))`:        true,
		`domains.all(d, d.endsWith(".top"))`:           false,
		`urls.exists(u, u.contains("?y="))`:            true,
		`hosts.exists(h, domains.exists(d, h == d))`:   true,
		`"story parcel" in lures`:                      true,
		`"story prize" in lures`:                       false,
		`"shortener" in findings`:                      true,
		`"ヤマト運輸" in brands`:                            true,
		`account == "mvno-1"`:                          true,
		`length > 10 && length + 5 > length - 5`:       true,
		`parts == 1`:                                   true,
		`phishing > -100.0 && spam < 100.0 + phishing`: true,
		`size(text) > 20 ? route == "p2p" : false`:     true,
		`(route == "p2p") == (size(hosts) == 2)`:       true,
		`"0355550123" in numbers`:                      true,
	} {
		r.Findings = r.Findings[:0:0]
		m, r = look(t, message.P2P, "+819055550123", string(m.Text))
		before := len(r.Findings)
		one(t, when).Meet(m, r, &work)
		if got := len(r.Findings) > before; got != want {
			t.Errorf("%s: %v", when, got)
		}
	}
}

func TestRefused(t *testing.T) {
	for _, c := range []struct {
		source rule.Source
		want   string
	}{
		{rule.Source{When: `nonsense == 1`, Phishing: 1, Why: "x"}, "undeclared reference to 'nonsense'"},
		{rule.Source{When: `route == `, Phishing: 1, Why: "x"}, "Syntax error"},
		{rule.Source{When: `route == 1`, Phishing: 1, Why: "x"}, "no matching overload"},
		{rule.Source{When: `size(text)`, Phishing: 1, Why: "x"}, "of type int"},
		{rule.Source{When: ``, Phishing: 1, Why: "x"}, "no expression"},
		{rule.Source{When: `route == "p2p"`, Phishing: 1}, "no sentence"},
		{rule.Source{When: `route == "p2p"`, Why: "x"}, "it does nothing"},
		{rule.Source{When: `route == "p2p"`, Phishing: 51, Why: "x"}, "a weight is from"},
		{rule.Source{When: `text.matches("(")`, Phishing: 1, Why: "x"}, "regular expression"},
		{rule.Source{When: `urls.exists(u, urls.exists(v, urls.exists(w, u == w)))`, Phishing: 1, Why: "x"}, "more than 100000"},
		{rule.Source{When: `hosts.map(h, h + "x").exists(h, h == "a")`, Phishing: 1, Why: "x"}, "cannot be used"},
		{rule.Source{When: `length / 0 == 1`, Phishing: 1, Why: "x"}, "cannot be used"},
		{rule.Source{When: `hosts[0] == "a"`, Phishing: 1, Why: "x"}, "cannot be used"},
		{rule.Source{When: strings.Repeat("!", 2001) + "true", Phishing: 1, Why: "x"}, "octets; at most"},
		{rule.Source{When: strings.Repeat("(", 900) + "true" + strings.Repeat(")", 900), Phishing: 1, Why: "x"}, "ecursion"},
	} {
		_, err := rule.New([]string{"x"}, map[string]rule.Source{"x": c.source})
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), `rule "x"`) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%.60s: %v; want %q", c.source.When, err, c.want)
		}
	}
}

// TestDoc holds the manual's list of features against the features.
func TestFeaturesAreTold(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range rule.Features() {
		if f.What == "" || seen[f.Name] {
			t.Errorf("%s: %q", f.Name, f.What)
		}
		seen[f.Name] = true
	}
}

func TestMeetAllocatesNothing(t *testing.T) {
	m, r := look(t, message.P2P, "+819055550123", "【ヤマト運輸】お荷物の再配達はこちら https://abc.example.top/x?y=1")
	s := ten(t)
	s.Meet(m, r, &work)
	n := len(r.Findings)
	if got := testing.AllocsPerRun(100, func() { r.Findings = r.Findings[:1]; s.Meet(m, r, &work) }); got != 0 {
		t.Errorf("%v allocations, %d findings", got, n)
	}
}

// ten are rules of the kind that operators have.
func ten(t testing.TB) *rule.Set {
	t.Helper()
	sources := map[string]rule.Source{}
	var names []string
	for i, when := range []string{
		`route == "p2p" && size(hosts) > 0 && text.contains("再配達")`,
		`domains.exists(d, d.endsWith(".top") || d.endsWith(".xyz"))`,
		`"story parcel" in lures && "want follow" in lures && route == "p2p"`,
		`from.startsWith("+8190") && size(numbers) > 0`,
		`account == "partner-9" && size(hosts) > 1`,
		`urls.exists(u, u.contains("/signin"))`,
		`"brand-not-its-link" in findings && phishing > 1.0`,
		`text.matches("[0-9]{6}") && size(hosts) > 0`,
		`from_kind == "alphanumeric" && route == "intl"`,
		`length > 600 && size(hosts) > 2`,
	} {
		name := string(rune('a'+i)) + "-rule"
		names = append(names, name)
		sources[name] = rule.Source{When: when, Phishing: 0.5, Why: "A rule of ours."}
	}
	s, err := rule.New(names, sources)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func BenchmarkMeet(b *testing.B) {
	for name, text := range map[string]string{"short": "今から帰るね", "fraud": "【ヤマト運輸】お荷物の再配達はこちら https://abc.example.top/x?y=1",
		"long": strings.Repeat("今日は朝からとても良い天気だったので、家族みんなで散歩に出かけました。", 60)} {
		b.Run(name, func(b *testing.B) {
			m, r := look(b, message.P2P, "+819055550123", text)
			s := ten(b)
			n := len(r.Findings)
			b.ReportAllocs()
			for b.Loop() {
				r.Findings = r.Findings[:n]
				s.Meet(m, r, &work)
			}
		})
	}
}

func FuzzNew(f *testing.F) {
	f.Add(`domains.exists(d, d.endsWith(".top")) && size(text) > 3`)
	f.Add(`route in ["p2p"] ? phishing > 1.0 : !(length < 3)`)
	m, r := look(f, message.P2P, "+819055550123", "お荷物 https://a.example.top/x 03-5555-0123")
	n := len(r.Findings)
	f.Fuzz(func(t *testing.T, when string) {
		s, err := rule.New([]string{"x"}, map[string]rule.Source{"x": {When: when, Phishing: 1, Why: "x"}})
		if err != nil {
			return
		}
		r.Findings = r.Findings[:n]
		s.Meet(m, r, &work)
	})
}
