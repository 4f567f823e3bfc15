package inspect_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sekisho/sekisho/corpus"
	"github.com/sekisho/sekisho/inspect"
	"github.com/sekisho/sekisho/message"
	"github.com/sekisho/sekisho/purpose"
	"github.com/sekisho/sekisho/subject"
)

// own reads the project's own texts to learn from, every nth of them.
func own(t testing.TB, nth int) (out []inspect.Example) {
	t.Helper()
	for _, name := range []string{"corpus/ja.tmpl", "corpus/world.tmpl"} {
		r, err := corpus.Open(name, corpus.Options{})
		if err != nil {
			t.Fatal(err)
		}
		var s corpus.Sample
		for i := 0; ; i++ {
			if err := r.Next(&s); err == io.EOF {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			if i%nth == 0 {
				e := inspect.Example{Class: s.Label, Group: s.Group}
				s.Message(&e.Message, 81)
				out = append(out, e)
			}
		}
		r.Close()
	}
	return out
}

func write(t *testing.T, path string, raw []byte) {
	t.Helper()
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestTrainIsDeterministic(t *testing.T) {
	examples := own(t, 8)
	o := inspect.TrainOptions{Epochs: 3}
	a, report, err := inspect.Train(examples, o)
	if err != nil {
		t.Fatal(err)
	}
	b, _, err := inspect.Train(examples, o)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(a.Bytes(), b.Bytes()) {
		t.Error("the same examples gave two models")
	}
	if report.Calibrated > report.HeldOut || report.Calibrated <= 0 {
		t.Errorf("calibration: log-loss %v, before %v", report.Calibrated, report.HeldOut)
	}
	path := filepath.Join(t.TempDir(), "model.bin")
	write(t, path, a.Bytes())
	in := inspector(t, inspect.Config{Model: path})
	if !bytes.Equal(in.Model().Bytes(), a.Bytes()) {
		t.Error("the model does not survive being written and read")
	}
}

func TestTrainWantsExamples(t *testing.T) {
	if _, _, err := inspect.Train(own(t, 8)[:30], inspect.TrainOptions{}); err == nil || !strings.Contains(err.Error(), "too little to learn from") {
		t.Error(err)
	}
	if _, _, err := inspect.Train([]inspect.Example{{}}, inspect.TrainOptions{}); err == nil || err.Error() != "example 1 has no class" {
		t.Error(err)
	}
}

func TestReadModel(t *testing.T) {
	good := inspector(t, inspect.Config{}).Model().Bytes()
	change := func(at int, b byte) []byte {
		raw := bytes.Clone(good)
		raw[at] ^= b
		return raw
	}
	sum := func(raw []byte) []byte {
		s := sha256.Sum256(raw[:len(raw)-sha256.Size])
		copy(raw[len(raw)-sha256.Size:], s[:])
		return raw
	}
	if _, err := inspect.ReadModel("m", good); err != nil {
		t.Fatal(err)
	}
	nan := bytes.Clone(good)
	binary.LittleEndian.PutUint32(nan[12:], 0x7fc00000)
	for _, c := range []struct {
		name string
		raw  []byte
		want string
	}{
		{"empty", nil, "m: not a model that sekisho train wrote"},
		{"something else", []byte("PK\x03\x04 not a model"), "m: not a model that sekisho train wrote"},
		{"cut off", good[:1000], fmt.Sprintf("m: the model is cut off or damaged: 1000 octets instead of %d", len(good))},
		{"damaged", change(5000, 1), "m: the model is damaged: its checksum does not match"},
		{"not a number", sum(nan), "m: the model holds NaN where a weight should be"},
	} {
		if _, err := inspect.ReadModel("m", c.raw); err == nil || err.Error() != c.want {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if _, err := inspect.ReadModel("m", sum(change(8, 0x40))); !errors.Is(err, inspect.ErrModelVersion) {
		t.Errorf("another version: %v", err)
	}
}

func TestSwapKeepsTheOld(t *testing.T) {
	in := inspector(t, inspect.Config{})
	before := in.Model()
	bad := filepath.Join(t.TempDir(), "bad")
	write(t, bad, []byte(`{"name":""}`))
	for _, c := range []inspect.Config{{Model: bad}, {Brands: bad}, {Model: bad + ".none"}} {
		if err := in.Swap(c); err == nil {
			t.Errorf("%+v was taken", c)
		}
	}
	if in.Model() != before {
		t.Error("a bad configuration changed what is in force")
	}
}

func TestInspectWantsAGrant(t *testing.T) {
	in := inspector(t, inspect.Config{})
	m := text(t, message.P2P, "+819012345678", "https://192.0.2.1/ x")
	var r inspect.Report
	in.Inspect(grant(t), m, &r)
	if len(r.Findings) == 0 {
		t.Fatal("no findings with a grant")
	}
	review, err := purpose.Ask(&purpose.Policy{purpose.Review: purpose.Statute}, purpose.Review, 819012345678, consents{})
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range []purpose.Grant{{}, review} {
		in.Inspect(grant(t), m, &r)
		in.Inspect(g, m, &r)
		if len(r.Findings) != 0 || r.Phishing != 0 || r.Spam != 0 || len(r.Folded.Text) != 0 || len(r.Folded.Links) != 0 {
			t.Errorf("something was read without a grant: %s, %q", names(&r), r.Folded.Text)
		}
	}
}

func TestReadBrands(t *testing.T) {
	const ok = `{"name":"A","kind":"bank","aliases":["Bank of A"],"domains":["a-bank.example"]}` + "\n"
	for _, c := range []struct{ in, want string }{
		{"", "b: no brands"},
		{ok + ok, `b line 2: brand "A" stands twice`},
		{ok + `{"name":"B","kind":"bank","aliases":["Bank of B"],"domains":["a-bank.example"]}`, `b line 2: brand "B": the official domain a-bank.example is claimed by "A" already`},
		{"# r\n" + `{"name":" ","kind":"bank","aliases":["x"],"domains":["a.example"]}`, `b line 2: a brand without a name`},
		{`{"name":"A","kind":"bank","alias":["x"]}`, `b line 1: json: unknown field "alias"`},
		{`{"name":"A","kind":"shark","aliases":["abcd"],"domains":["a.example"]}`, `b line 1: brand "A": unknown kind "shark": one of bank, card, pay,`},
		{`{"name":"A","kind":"bank","aliases":["ab"],"domains":["a.example"]}`, `b line 1: brand "A": the alias "ab" is short: write it under heads`},
		{`{"name":"A","kind":"bank","heads":["a"],"domains":["a.example"]}`, `b line 1: brand "A": the alias "a" is too short`},
		{`{"name":"A","kind":"bank","heads":["ab"],"domains":["co.jp"]}`, `b line 1: brand "A": the official domain "co.jp" is a public suffix`},
		{`{"name":"A","kind":"bank","heads":["ab"],"domains":["Bank.example"]}`, `b line 1: brand "A": the domain "Bank.example" is not written in small ASCII`},
		{`{"name":"A","kind":"bank","heads":["ab"]}`, `b line 1: brand "A": no official domain`},
		{`{"name":"A","kind":"bank","domains":["a.example"]}`, `b line 1: brand "A": neither aliases nor heads`},
		{`{"name":"A"`, `b line 1: unexpected EOF`},
	} {
		_, err := inspect.ReadBrands("b", strings.NewReader(c.in))
		if err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s\ngot  %v\nwant %s", c.in, err, c.want)
		}
	}
	if n := inspector(t, inspect.Config{}).Brands().All(); len(n) < 300 {
		t.Errorf("%d brands are embedded", len(n))
	}
}

func TestGroups(t *testing.T) {
	base := "お荷物のお届けにあがりましたがご不在でしたので持ち帰りました。詳しくは下記をご覧ください"
	texts := []string{"Are we still on for lunch tomorrow at the usual place?", base + " 12:30", "FREE entry to win 1000 pounds, text WIN to 80082 now!",
		base + "。99:01", "Free entry to win 5000 pounds, text WIN to 12345 now", "ok", "see you at eight"}
	got := fmt.Sprint(inspect.Groups(texts))
	if got != "[0 1 2 1 2 3 4]" {
		t.Errorf("groups %s", got)
	}
	many := make([]string, 500)
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range many {
		many[i] = fmt.Sprintf("%s %d", base, rng.IntN(1e9))
	}
	for _, g := range inspect.Groups(many) {
		if g != 0 {
			t.Fatal("near-duplicates in several groups")
		}
	}
}

func TestSentences(t *testing.T) {
	seen := map[string]bool{}
	for i := range inspect.Rules {
		r := &inspect.Rules[i]
		if r.Name == "" || seen[r.Name] || r.Why[0] == "" || r.Why[1] == "" {
			t.Errorf("rule %d: %+v", i, r)
		}
		seen[r.Name] = true
		if strings.Contains(r.Why[0], "%s") != strings.Contains(r.Why[1], "%s") {
			t.Errorf("%s: the sentences differ in what they are about", r.Name)
		}
		f := inspect.Finding{Rule: r, About: []byte("evil.example")}
		for _, lang := range []inspect.Language{inspect.English, inspect.Japanese, 9} {
			if s := f.Sentence(lang); strings.Contains(s, "%") {
				t.Errorf("%s: %q", r.Name, s)
			}
		}
	}
}

func FuzzReadModel(f *testing.F) {
	good := inspector(f, inspect.Config{}).Model().Bytes()
	f.Add(good[:200])
	f.Add([]byte("SEKISHO\x01\x01\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, head []byte) {
		inspect.ReadModel("m", head)
		raw := bytes.Clone(good)
		copy(raw, head)
		s := sha256.Sum256(raw[:len(raw)-sha256.Size])
		copy(raw[len(raw)-sha256.Size:], s[:])
		if m, err := inspect.ReadModel("m", raw); err == nil && !bytes.Equal(m.Bytes(), raw) {
			t.Error("a model that was read is not what is written")
		}
	})
}

func FuzzReadBrands(f *testing.F) {
	f.Add(`{"name":"A","kind":"bank","aliases":["Bank of A"],"heads":["ab"],"domains":["a-bank.example"],"senders":["AB"]}`)
	f.Add("# x\n{\"name\":\"B\",\"kind\":\"card\",\"heads\":[\"\xff\xfe\"],\"domains\":[\"..\"]}")
	f.Fuzz(func(t *testing.T, in string) {
		b, err := inspect.ReadBrands("b", strings.NewReader(in))
		if err == nil && len(b.All()) == 0 {
			t.Error("no brands and no error")
		}
	})
}

func FuzzInspect(f *testing.F) {
	in := inspector(f, inspect.Config{})
	g := grant(f)
	for _, c := range spoken {
		f.Add(c.text, c.from, uint8(1))
	}
	f.Add("【au】https://аmazon.co.jp@1.2.3.4:80/?u=http://x.y 090-1234-5678 至急お電話", "au", uint8(3))
	f.Fuzz(func(t *testing.T, body, from string, route uint8) {
		m := &message.Message{Text: []byte(body), Route: message.Route(route % uint8(message.Routes))}
		if a, err := parse(from); err == nil {
			m.From = a
		}
		var r inspect.Report
		in.Inspect(g, m, &r)
		if bad, _ := judge(&r); !(bad >= 0 && bad <= 1) {
			t.Errorf("p_bad %v", bad)
		}
		for _, f := range r.Findings {
			if int(f.Span.End) > len(body) || f.Span.Start > f.Span.End {
				t.Errorf("%s: %v of %d", f.Rule.Name, f.Span, len(body))
			}
		}
	})
}

// consents is a register in which nobody chose anything.
type consents struct{}

func (consents) Choice(subject.Line, purpose.Purpose) purpose.Choice { return purpose.Unknown }
