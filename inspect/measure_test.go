package inspect_test

import (
	"flag"
	"io"
	"path/filepath"
	"testing"

	"github.com/sekisho/sekisho/corpus"
	"github.com/sekisho/sekisho/inspect"
	"github.com/sekisho/sekisho/message"
)

var measure = flag.String("measure", "", "folder of the shared data to measure on, as ../../shared/data")

// stopAt is the p_bad that counts as stopped in these figures; the policy's own threshold is the gate's affair.
const stopAt = 0.9

// readSet reads examples; those without a label get the class.
func readSet(t *testing.T, name string, o corpus.Options, class message.Class) (out []inspect.Example) {
	t.Helper()
	r, err := corpus.Open(filepath.Join(*measure, "sms", name), o)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var s corpus.Sample
	for {
		if err := r.Next(&s); err == io.EOF {
			return out
		} else if err != nil {
			t.Fatal(err)
		}
		if s.Label == message.ClassUnset {
			s.Label = class
		}
		if s.Label == message.ClassUnset || s.Text == "" {
			continue
		}
		e := inspect.Example{Class: s.Label, Group: s.Group}
		s.Message(&e.Message, 81)
		out = append(out, e)
	}
}

func tell(t *testing.T, name string, in *inspect.Inspector, examples []inspect.Example) {
	t.Helper()
	var tally corpus.Tally
	var r inspect.Report
	g := grant(t)
	for i := range examples {
		in.Inspect(g, &examples[i].Message, &r)
		bad, phishing := judge(&r)
		class := message.Ham
		if bad >= 0.5 {
			if class = message.Spam; phishing > bad/2 {
				class = message.Phishing
			}
		}
		tally.Add(corpus.Judged{Label: examples[i].Class, Class: class, PBad: float32(bad), PPhishing: float32(phishing), Stopped: bad >= stopAt})
	}
	f := tally.Figures(0)
	t.Logf("%s: n %d; at p_bad >= %v stopped %v, honest stopped %v", name, f.N, stopAt, f.Recall, f.HamFPR)
	for _, p := range f.Points {
		if p.Measurable && p.Recall.In > 0 {
			t.Logf("    at %g of honest ones: %v (threshold %.3f)", p.FPR, p.Recall, p.Threshold)
		}
	}
}

// TestMeasure learns without a fifth of the near-duplicate groups, five times over, and judges that fifth; then
// it judges the sets that nothing was learnt from with the shipped model. It asserts nothing: it tells.
func TestMeasure(t *testing.T) {
	if *measure == "" {
		t.Skip("skipped: wants -measure and the folder of the shared data")
	}
	learn := own(t, 1)
	first := len(learn)
	for _, name := range []string{"uci.tsv", "mendeley_dev.csv", "ots_synthetic.csv", "zh_tw.json"} {
		learn = append(learn, readSet(t, name, corpus.Options{}, message.ClassUnset)...)
	}
	english := first + 5574 + 5456 // UCI and Mendeley come first
	texts := make([]string, len(learn))
	for i := range learn {
		texts[i] = string(learn[i].Message.Text)
	}
	groups := inspect.Groups(texts)
	for fold := range 5 {
		var taught, held []inspect.Example
		for i, e := range learn {
			switch {
			case i < first || groups[i]%5 != fold:
				taught = append(taught, e)
			case i < english:
				held = append(held, e)
			}
		}
		m, _, err := inspect.Train(taught, inspect.TrainOptions{})
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "model.bin")
		write(t, path, m.Bytes())
		tell(t, "UCI and Mendeley, a fifth of the groups held out", inspector(t, inspect.Config{Model: path}), held)
	}
	in := inspector(t, inspect.Config{})
	ja := map[string]message.Class{"smishing": message.Phishing, "smishing_callback": message.Phishing, "ad": message.Spam,
		"benign": message.Ham, "noise": message.ClassUnset, "uncertain": message.ClassUnset}
	tell(t, "Japanese", in, readSet(t, "ja_dev.tsv", corpus.Options{Labels: ja}, message.ClassUnset))
	tell(t, "NUS", in, readSet(t, "nus_dev.csv", corpus.Options{}, message.Ham))
	tell(t, "SpamHunter", in, readSet(t, "spamhunter_nonja.csv", corpus.Options{TextColumn: "Messages"}, message.Phishing))
	tell(t, "Turkish", in, readSet(t, "turkish.csv", corpus.Options{TextColumn: "Message", LabelColumn: "GroupText", Comma: ';',
		Labels: map[string]message.Class{"normal": message.Ham, "spam": message.Spam}}, message.ClassUnset))
	tell(t, "Indonesian", in, readSet(t, "indonesian_train.csv", corpus.Options{
		Labels: map[string]message.Class{"0": message.Ham, "1": message.Phishing, "2": message.Spam}}, message.ClassUnset))
}
