//go:build ignore

// Report measures how well sekisho judges and writes docs/detection.md:
//
//	go build -o /tmp/sekisho . && go run measure/report.go -sekisho /tmp/sekisho -data ../shared/data
//
// Every table stands behind the command that made it. Sets that are not at hand are left out, and the page says so.
package main

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sekisho/sekisho/corpus"
	"github.com/sekisho/sekisho/message"
)

func main() {
	r := &report{}
	flag.StringVar(&r.sekisho, "sekisho", "./sekisho", "the program")
	flag.StringVar(&r.data, "data", "../shared/data", "folder of the public sets")
	out := flag.String("out", "docs/detection.md", "page to write; what stands before its first table is kept")
	flag.Parse()
	dir, err := os.MkdirTemp("", "report")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	r.dir = dir
	if err := r.run(*out); err != nil {
		log.Fatal(err)
	}
}

type report struct {
	sekisho, data, dir string
	page               bytes.Buffer
}

// figures are what eval -json prints, as far as the page needs it.
type figures struct {
	N       int `json:"n"`
	Stopped struct {
		Recall, Precision *float64
		HamFPR            *float64    `json:"ham_fpr"`
		RecallInterval    *[2]float64 `json:"recall_interval"`
		HamFPRInterval    *[2]float64 `json:"ham_fpr_interval"`
	} `json:"stopped"`
	Confusion  map[string]map[string]int  `json:"confusion"`
	AtFPR      map[string]json.RawMessage `json:"recall_at_fpr"`
	ByLanguage map[string]slice           `json:"by_language"`
	ByKind     map[string]slice           `json:"by_kind"`
	ByGroup    map[string]struct {
		Groups   int
		Stopped  float64
		Interval [2]float64 `json:"stopped_interval"`
	} `json:"by_group"`
	Reliability []struct {
		Low, High, Mean float64
		Ham, Bad        int
	} `json:"reliability"`
}

type slice struct {
	Stopped  *float64    `json:"stopped"`
	Interval *[2]float64 `json:"stopped_interval"`
	Counts   [2]int      `json:"stopped_of"`
}

func (r *report) eval(args ...string) (*figures, error) {
	cmd := exec.Command(r.sekisho, append([]string{"eval", "-json"}, args...)...)
	cmd.Stderr = os.Stderr
	raw, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("eval %s: %w", strings.Join(args, " "), err)
	}
	f := &figures{}
	return f, json.Unmarshal(raw, f)
}

func rate(v *float64, i *[2]float64) string {
	if v == nil || i == nil {
		return "-"
	}
	return fmt.Sprintf("%.2f %% (%.2f to %.2f)", 100**v, 100*i[0], 100*i[1])
}

func (s slice) String() string { return rate(s.Stopped, s.Interval) }

func at(f *figures, fpr string) string {
	var v float64
	if json.Unmarshal(f.AtFPR[fpr], &v) != nil {
		return "not measurable"
	}
	return fmt.Sprintf("%.2f %%", 100*v)
}

func (r *report) p(format string, args ...any) { fmt.Fprintf(&r.page, format, args...) }

func (r *report) run(out string) error {
	const mark = "<!-- what follows is written by measure/report.go -->"
	before, err := os.ReadFile(out)
	if err != nil {
		return err
	}
	head, _, ok := strings.Cut(string(before), mark)
	if !ok {
		return fmt.Errorf("%s: no line %q", out, mark)
	}
	for _, part := range []func() error{r.ours, r.public, r.links, r.reliability} {
		if err := part(); err != nil {
			return err
		}
	}
	return os.WriteFile(out, []byte(head+mark+"\n"+r.page.String()), 0o644)
}

// ours are the texts of this folder.
func (r *report) ours() error {
	r.p("\n## Texts of an independent hand\n\n| set | bad ones stopped | each family or group once | honest ones stopped | each group once |\n| --- | --- | --- | --- | --- |\n")
	for _, set := range []struct {
		name  string
		files []string
	}{
		{"Japanese: `fraud_ja.jsonl honest_ja.jsonl`", []string{"measure/fraud_ja.jsonl", "measure/honest_ja.jsonl"}},
		{"Japanese, in disguise: `disguised_ja.jsonl`", []string{"measure/disguised_ja.jsonl"}},
		{"14 languages: `world.jsonl`", []string{"measure/world.jsonl"}},
	} {
		f, err := r.eval(append([]string{"-groups"}, set.files...)...)
		if err != nil {
			return err
		}
		group := func(label string) string {
			g, ok := f.ByGroup[label]
			if !ok {
				return "-"
			}
			return fmt.Sprintf("%.2f %% of %d", 100*g.Stopped, g.Groups)
		}
		r.p("| %s | %s | %s | %s | %s |\n", set.name, rate(f.Stopped.Recall, f.Stopped.RecallInterval), group("phishing"),
			rate(f.Stopped.HamFPR, f.Stopped.HamFPRInterval), group("ham"))
	}
	hard, plain := corpus.Rate{}, corpus.Rate{}
	f, err := r.eval("measure/honest_ja.jsonl")
	if err != nil {
		return err
	}
	for name, s := range f.ByKind {
		to := &plain
		if strings.HasSuffix(name, "-hard") {
			to = &hard
		}
		to.Of, to.In = to.Of+s.Counts[0], to.In+s.Counts[1]
	}
	r.p("\nOf the honest Japanese texts the hard ones: %s; the others: %s.\n", hard, plain)
	f, err = r.eval("measure/world.jsonl")
	if err != nil {
		return err
	}
	r.p("\n| language | fraud stopped | honest stopped |\n| --- | --- | --- |\n")
	for _, lang := range keys(f.ByLanguage, "phishing ") {
		r.p("| %s | %s | %s |\n", lang, f.ByLanguage["phishing "+lang], f.ByLanguage["ham "+lang])
	}
	return r.evade()
}

func keys(m map[string]slice, prefix string) (out []string) {
	for k := range m {
		if s, ok := strings.CutPrefix(k, prefix); ok {
			out = append(out, s)
		}
	}
	slices.Sort(out)
	return out
}

// evade copies what eval -evade prints.
func (r *report) evade() error {
	cmd := exec.Command(r.sekisho, "eval", "-evade", "-svg", "docs/plots", "measure/fraud_ja.jsonl", "measure/honest_ja.jsonl", "measure/world.jsonl")
	cmd.Stderr = os.Stderr
	raw, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("eval -evade: %w", err)
	}
	_, table, _ := strings.Cut(string(raw), "\ndisguise ")
	r.p("\n## In disguise\n\n`sekisho eval -evade -svg docs/plots measure/fraud_ja.jsonl measure/honest_ja.jsonl measure/world.jsonl`: each text that a disguise changes, as it was and so.\n\n```\ndisguise %s```\n\n![ROC](plots/roc.svg) ![Reliability](plots/reliability.svg)\n", table)
	return nil
}

// convert writes a public set as JSONL that eval reads.
func (r *report) convert(name string, o corpus.Options, class message.Class, to string) (string, error) {
	in, err := corpus.Open(filepath.Join(r.data, "sms", name), o)
	if err != nil {
		return "", err
	}
	defer in.Close()
	path := filepath.Join(r.dir, to)
	f, err := os.Create(path)
	if err != nil {
		return "", err
	}
	w := bufio.NewWriter(f)
	e := json.NewEncoder(w)
	var s corpus.Sample
	for {
		err := in.Next(&s)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return "", err
		}
		if s.Label == message.ClassUnset {
			s.Label = class
		}
		if s.Label != message.ClassUnset && s.Text != "" {
			e.Encode(map[string]string{"text": s.Text, "label": s.Label.String()})
		}
	}
	return path, errors.Join(w.Flush(), f.Close())
}

func (r *report) learns() (files []string) {
	all, _ := filepath.Glob("inspect/corpus/*.tmpl")
	return append(all, filepath.Join(r.data, "sms/ots_synthetic.csv"), filepath.Join(r.data, "sms/zh_tw.json"))
}

// public are the public sets of texts.
func (r *report) public() error {
	r.p("\n## Public sets\n\n")
	if _, err := os.Stat(filepath.Join(r.data, "sms")); err != nil {
		r.p("Not measured: the sets are not at hand.\n")
		return nil
	}
	uci, mendeley := filepath.Join(r.data, "sms/uci.tsv"), filepath.Join(r.data, "sms/mendeley_dev.csv")
	with := []string{}
	for _, f := range r.learns() {
		with = append(with, "-with", f)
	}
	f, err := r.eval(append(append([]string{"-split", "group"}, with...), uci, mendeley)...)
	if err != nil {
		return err
	}
	r.p("| set | bad ones stopped | honest ones stopped | bad ones at 0.1 %% of honest | at 1 %% |\n| --- | --- | --- | --- | --- |\n")
	row := func(name string, f *figures) {
		r.p("| %s | %s | %s | %s | %s |\n", name, rate(f.Stopped.Recall, f.Stopped.RecallInterval), rate(f.Stopped.HamFPR, f.Stopped.HamFPRInterval), at(f, "0.001"), at(f, "0.01"))
	}
	row("UCI and Mendeley, five folds by group of near-duplicates", f)
	model := filepath.Join(r.dir, "without-uci")
	train := exec.Command(r.sekisho, append([]string{"train", "-out", model}, r.learns()...)...)
	train.Stderr = os.Stderr
	if err := train.Run(); err != nil {
		return fmt.Errorf("train without UCI: %w", err)
	}
	f, err = r.eval("-model", model, uci)
	if err != nil {
		return err
	}
	row("UCI, by a model that learnt neither UCI nor Mendeley", f)
	right := f.Confusion["ham"]["ham"] + f.Confusion["spam"]["spam"] + f.Confusion["spam"]["phishing"]
	share := corpus.Rate{Of: right, In: f.N}
	for _, set := range []struct {
		name, file string
		o          corpus.Options
		class      message.Class
	}{
		{"SpamHunter, reported texts, digits masked", "spamhunter_nonja.csv", corpus.Options{TextColumn: "Messages"}, message.Phishing},
		{"SpamHunter, Japanese", "ja_dev.tsv", corpus.Options{Labels: map[string]message.Class{"smishing": message.Phishing, "smishing_callback": message.Phishing,
			"ad": message.Spam, "benign": message.Ham, "noise": message.ClassUnset, "uncertain": message.ClassUnset}}, message.ClassUnset},
		{"NUS, people's own messages", "nus_dev.csv", corpus.Options{}, message.Ham},
		{"Turkish, mostly adverts", "turkish.csv", corpus.Options{TextColumn: "Message", LabelColumn: "GroupText", Comma: ';',
			Labels: map[string]message.Class{"normal": message.Ham, "spam": message.Spam}}, message.ClassUnset},
		{"Indonesian", "indonesian_train.csv", corpus.Options{Labels: map[string]message.Class{"0": message.Ham, "1": message.Phishing, "2": message.Spam}}, message.ClassUnset},
	} {
		path, err := r.convert(set.file, set.o, set.class, "set.jsonl")
		if err != nil {
			return err
		}
		if f, err = r.eval(path); err != nil {
			return err
		}
		row(set.name, f)
	}
	r.p("\nUCI by the model that learnt nothing like it: %s are told right, honest from not.\n", share)
	return nil
}

// links are addresses alone.
func (r *report) links() error {
	r.p("\n## Addresses alone\n\n")
	months, _ := filepath.Glob(filepath.Join(r.data, "urls/jpcert/*/*.csv"))
	if len(months) == 0 {
		r.p("Not measured: the sets are not at hand.\n")
		return nil
	}
	slices.Sort(months)
	path := filepath.Join(r.dir, "links.jsonl")
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	e := json.NewEncoder(w)
	seen := map[string]bool{}
	for _, name := range months {
		raw, err := os.Open(name)
		if err != nil {
			return err
		}
		rows, err := csv.NewReader(raw).ReadAll()
		raw.Close()
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		for _, row := range rows[1:] {
			u, err := url.Parse(row[1])
			if err != nil || u.Host == "" || seen[u.Host] {
				continue
			}
			seen[u.Host] = true
			where := "other"
			if strings.HasSuffix(u.Hostname(), ".duckdns.org") {
				where = "duckdns"
			}
			e.Encode(map[string]string{"text": row[1], "label": "phishing", "kind": filepath.Base(name)[:4], "lang": where})
		}
	}
	for _, list := range []string{"tranco10k", "cloudflare-top10k"} {
		raw, err := os.ReadFile(filepath.Join(r.data, "lists", list, "list.json"))
		if err != nil {
			return err
		}
		var l struct {
			List []string `json:"list"`
		}
		if err := json.Unmarshal(raw, &l); err != nil {
			return err
		}
		for _, d := range l.List {
			e.Encode(map[string]string{"text": "https://" + strings.Trim(d, ".") + "/", "label": "ham", "kind": "popular", "lang": "popular"})
		}
	}
	tail, err := os.ReadFile("measure/honest_links.txt")
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	for line := range strings.Lines(string(tail)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			e.Encode(map[string]string{"text": line, "label": "ham", "kind": "long tail", "lang": "long tail"})
		}
	}
	if err := errors.Join(w.Flush(), f.Close()); err != nil {
		return err
	}
	g, err := r.eval(path)
	if err != nil {
		return err
	}
	r.p("JPCERT/CC's phishing addresses, each host once, in the year in which it was first seen; nothing was learnt from any of them. Each address is judged as a text that is nothing else.\n\n| hosts | stopped |\n| --- | --- |\n")
	for _, kind := range keys(g.ByKind, "phishing ") {
		r.p("| first seen in %s | %s |\n", kind, g.ByKind["phishing "+kind])
	}
	for _, k := range []string{"phishing duckdns", "phishing other", "ham popular", "ham long tail"} {
		r.p("| %s | %s |\n", strings.Replace(strings.Replace(k, "ham ", "honest: ", 1), "phishing ", "all of ", 1), g.ByLanguage[k])
	}
	r.p("\nThe popular ones are in the list that is shipped (inspect/popular.txt); the long tail (measure/honest_links.txt) is in none.\n")
	return nil
}

// reliability is how far probabilities can be trusted, on texts of groups that were not learnt.
func (r *report) reliability() error {
	files, _ := filepath.Glob("inspect/corpus/*.tmpl")
	f, err := r.eval(append([]string{"-leave", "campaign"}, files...)...)
	if err != nil {
		return err
	}
	ham, bad := 0, 0
	for _, b := range f.Reliability {
		ham, bad = ham+b.Ham, bad+b.Bad
	}
	r.p("\n## Reliability\n\n`sekisho eval -leave campaign inspect/corpus/*.tmpl`: our own texts, each judged by a model that learnt nothing of its template. Bad ones stopped: %s; honest: %s.\n\n", rate(f.Stopped.Recall, f.Stopped.RecallInterval), rate(f.Stopped.HamFPR, f.Stopped.HamFPRInterval))
	r.p("| p_bad told | mean | are bad, in this mix | are bad, at 1 in 1,000 | honest | bad |\n| --- | --- | --- | --- | --- | --- |\n")
	for _, b := range f.Reliability {
		bin := corpus.Bin{Ham: b.Ham, Bad: b.Bad}
		r.p("| %.5f to %.5f | %.4f | %.4f | %.5f | %d | %d |\n", b.Low, b.High, b.Mean, bin.Share(ham, bad, 0), bin.Share(ham, bad, 0.001), b.Ham, b.Bad)
	}
	return nil
}
