package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"time"

	"github.com/sekisho/sekisho/corpus"
	"github.com/sekisho/sekisho/gate"
	"github.com/sekisho/sekisho/inspect"
	"github.com/sekisho/sekisho/message"
)

type backtestCommand struct {
	judging
	NewPolicy string   `help:"Policy to try, with its rules; without one the present one (-policy)." placeholder:"FILE"`
	NewModel  string   `help:"Model to try; without one the present one (-model)." placeholder:"FILE"`
	NewBrands string   `help:"List of brands to try; without one the present one (-brands)." placeholder:"FILE"`
	Trial     bool     `help:"Try the present policy as if its rules in trial acted."`
	JSON      bool     `name:"json" help:"Print one JSON object."`
	Show      int      `default:"20" help:"How many of the messages that would be stopped, and no longer stopped, to list."`
	Lang      string   `default:"en" enum:"en,ja" help:"Language of the reasons."`
	Files     []string `arg:"" name:"file" help:"Traces or files of messages as scan reads, or verdicts that scan -json wrote; - for standard input."`
}

func (backtestCommand) Help() string {
	return `What would this policy, rule or model have done to that traffic? Judges each message by what is in force and by
what is to be tried, side by side, and lists what changes. Verdicts without texts, as scan -json writes them, are
judged anew from their probabilities and the rules that were met: that serves for policies, not for models.

Messages that are newly stopped are counted by their label, where the file has labels; otherwise how many of them
are honest is estimated from the probabilities of the present model, as its calibration has it. Nothing is changed.

Examples:
  sekisho backtest -new-policy stricter.toml trace.jsonl
  sekisho backtest -policy policy.toml -trial trace.jsonl      should the rules in trial act?
  sekisho backtest -new-model next.bin labelled.csv`
}

// Run judges twice and prints what changes.
func (c backtestCommand) Run(ctx context.Context, io streams) error {
	if c.Show < 0 {
		return errors.New("-show: 0 or more")
	}
	present, err := c.judge(ctx, io.in)
	if err != nil {
		return err
	}
	next := c.judging
	next.Policy, next.Model, next.Brands = cmp.Or(c.NewPolicy, c.Policy), cmp.Or(c.NewModel, c.Model), cmp.Or(c.NewBrands, c.Brands)
	tried, err := next.judge(ctx, io.in)
	if err != nil {
		return err
	}
	b := &backtest{backtestCommand: c, present: present, tried: tried}
	if c.Lang == "ja" {
		b.lang = inspect.Japanese
	}
	progress := newBar(io.err, -1, "judging")
	for _, name := range c.Files {
		if err := b.file(ctx, name, io, progress); err != nil {
			progress.end()
			return err
		}
	}
	progress.end()
	present.warn(io)
	if b.n == 0 {
		return errors.New("there is no message to judge")
	}
	return b.print(io.out)
}

// backtest is one run.
type backtest struct {
	backtestCommand
	present, tried *judge
	lang           inspect.Language
	n              int
	moves          [message.Outcomes][message.Outcomes]int // from the present outcome to the one tried
	labels         [message.Classes]corpus.Rate            // newly stopped, by label
	freed          [message.Classes]int                    // no longer stopped, by label
	honest, spread float64                                 // expected among the newly stopped without a label, and its variance
	families       map[uint64]bool                         // wordings of the newly stopped
	started, ended []string                                // those that are listed
	last           time.Time
}

// file judges one file.
func (b *backtest) file(ctx context.Context, name string, io streams, progress *bar) error {
	in := io.in
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return fmt.Errorf("open what to judge: %w", err)
		}
		defer f.Close()
		in = f
	}
	r := bufio.NewReaderSize(in, 64<<10)
	if head, _ := r.Peek(64 << 10); verdictLine(head) {
		return b.verdicts(ctx, name, r, progress)
	}
	messages, err := corpus.NewNamed(name, r, b.present.options)
	if err != nil {
		return err
	}
	b.last = time.Time{}
	return b.present.all(ctx, messages, progress, func(s *corpus.Sample) error {
		if err := b.order(s, name, io); err != nil {
			return err
		}
		was := *b.present.one(s)
		now := *b.tried.one(s)
		b.count(s.ID, s.Line, s.Label, outcomes{was.Outcome, now.Outcome, was.PBad}, b.present.verdicts.Report.Folded.Family, func() []inspect.Finding { return now.Reasons }, now.Trial)
		return nil
	})
}

// order refuses a trace whose clock goes back, and tells of a hole in it: what counts over time begins anew behind one.
func (b *backtest) order(s *corpus.Sample, name string, io streams) error {
	if s.Time.IsZero() {
		return nil
	}
	if s.Time.Before(b.last) {
		return fmt.Errorf("%s line %d: its time %s is before that of the message before; a trace is in the order of time", name, s.Line, s.Time.Format(time.RFC3339))
	}
	if gap := s.Time.Sub(b.last); !b.last.IsZero() && gap > 24*time.Hour {
		fmt.Fprintf(io.err, "%s line %d: nothing for %.0f hours before it; what counts over time begins anew there\n", name, s.Line, gap.Hours())
	}
	b.last = s.Time
	return nil
}

// outcomes are what is and what would be, and how bad the message is by the present model.
type outcomes struct {
	was, now message.Outcome
	pBad     float32
}

func (b *backtest) count(id string, line int, label message.Class, o outcomes, family uint64, reasons func() []inspect.Finding, trial message.Outcome) {
	if b.Trial && trial != message.OutcomeUnset {
		o.now = trial
	}
	b.n++
	b.moves[o.was][o.now]++
	fresh := o.now.Stopped() && !o.was.Stopped()
	if label != message.ClassUnset {
		b.labels[label].Add(fresh)
	}
	if id == "" {
		id = fmt.Sprintf("line %d", line)
	}
	switch {
	case fresh:
		if b.families == nil {
			b.families = map[uint64]bool{}
		}
		b.families[family] = true
		if label == message.ClassUnset {
			p := 1 - float64(o.pBad)
			b.honest += p
			b.spread += p * (1 - p)
		}
		b.started = b.list(b.started, id, label, o, reasons())
	case o.was.Stopped() && !o.now.Stopped():
		b.freed[label]++
		b.ended = b.list(b.ended, id, label, o, reasons())
	}
}

func (b *backtest) list(to []string, id string, label message.Class, o outcomes, reasons []inspect.Finding) []string {
	if len(to) >= b.Show {
		return to
	}
	line := fmt.Sprintf("%s: %s, would be %s; p_bad %.3f", id, o.was, o.now, o.pBad)
	if label != message.ClassUnset {
		line += "; it is " + label.String()
	}
	for _, f := range reasons {
		line += "\n      - " + f.Sentence(b.lang)
	}
	return append(to, line)
}

// verdictLine reports whether a file begins with a verdict as scan -json writes it.
func verdictLine(head []byte) bool {
	if i := bytes.IndexByte(head, '\n'); i >= 0 {
		head = head[:i]
	}
	var v map[string]json.RawMessage
	if json.Unmarshal(head, &v) != nil {
		return false
	}
	_, text := v["text"]
	_, p := v["p_bad"]
	return p && !text
}

// recordedVerdict is what a backtest reads of one.
type recordedVerdict struct {
	ID        *string          `json:"id"`
	Route     *message.Route   `json:"route"`
	PPhishing *float32         `json:"p_phishing"`
	PBad      *float32         `json:"p_bad"`
	Outcome   *message.Outcome `json:"outcome"`
	Label     *message.Class   `json:"label"`
	Campaign  string           `json:"campaign"`
	Reasons   []struct {
		Rule string `json:"rule"`
	} `json:"reasons"`
}

// verdicts judges recorded verdicts anew.
func (b *backtest) verdicts(ctx context.Context, name string, r *bufio.Reader, progress *bar) error {
	if b.NewModel != "" || b.NewBrands != "" {
		return fmt.Errorf("%s: it has verdicts without texts, which a model or a list of brands cannot be tried on", name)
	}
	policy, next := b.present.gate.Policy(), b.tried.gate.Policy()
	known := map[string]*inspect.Rule{}
	for _, rule := range slices.Concat(rules(), gate.Rules) {
		known[rule.Name] = rule
	}
	for _, own := range policy.Own.Rules() {
		known[own.Name] = &own.Rule
	}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, corpus.MaxRecord)
	for n := 1; lines.Scan(); n++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		var v recordedVerdict
		if err := json.Unmarshal(lines.Bytes(), &v); err != nil {
			return fmt.Errorf("%s line %d: not a verdict: %w", name, n, err)
		}
		progress.add(1)
		if v.PBad == nil || v.PPhishing == nil { // it was not judged
			continue
		}
		if bad, ph := *v.PBad, *v.PPhishing; !(ph >= 0 && ph <= bad && bad <= 1) {
			return fmt.Errorf("%s line %d: p_phishing %v and p_bad %v are no probabilities", name, n, ph, bad)
		}
		was := gate.Recorded{PPhishing: *v.PPhishing, PBad: *v.PBad}
		if v.Route != nil {
			was.Route = *v.Route
		}
		for _, reason := range v.Reasons {
			if rule := known[reason.Rule]; rule != nil {
				was.Rules = append(was.Rules, rule)
			}
		}
		o := outcomes{gate.Rejudge(policy, policy, &was).Outcome, message.OutcomeUnset, was.PBad}
		now := gate.Rejudge(next, policy, &was)
		if o.now = now.Outcome; v.Outcome != nil {
			o.was = *v.Outcome
		}
		var label message.Class
		if v.Label != nil {
			label = *v.Label
		}
		var family uint64
		fmt.Sscanf(v.Campaign, "%x", &family)
		id := ""
		if v.ID != nil {
			id = *v.ID
		}
		b.count(id, n, label, o, family, func() (all []inspect.Finding) {
			for _, rule := range was.Rules {
				if !rule.Tells() {
					all = append(all, inspect.Finding{Rule: rule})
				}
			}
			return all
		}, now.Trial)
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// fresh is how many would be newly stopped.
func (b *backtest) fresh() (n int) {
	for was := range b.moves {
		for now, k := range b.moves[was] {
			if message.Outcome(now).Stopped() && !message.Outcome(was).Stopped() {
				n += k
			}
		}
	}
	return n
}

func (b *backtest) print(w io.Writer) error {
	newly, over := b.fresh(), 0
	for _, n := range b.freed {
		over += n
	}
	half := 1.959964 * math.Sqrt(b.spread)
	if b.JSON {
		moves := map[string]int{}
		for was := range b.moves {
			for now, n := range b.moves[was] {
				if n > 0 {
					moves[message.Outcome(was).String()+" to "+message.Outcome(now).String()] = n
				}
			}
		}
		low, high := corpus.Rate{Of: newly, In: b.n}.Interval()
		out := map[string]any{"n": b.n, "outcomes": moves, "newly_stopped": newly, "newly_stopped_share": [3]float64{float64(newly) / float64(b.n), low, high},
			"families": len(b.families), "no_longer_stopped": over, "honest_estimated": [3]float64{b.honest, max(0, b.honest-half), b.honest + half}}
		if ham := b.labels[message.Ham]; ham.In > 0 {
			low, high := ham.Interval()
			out["honest_newly_stopped"] = [3]float64{ham.Value(), low, high}
		}
		text, err := json.Marshal(out)
		if err == nil {
			_, err = fmt.Fprintf(w, "%s\n", text)
		}
		return err
	}
	fmt.Fprintf(w, "messages                %d\n", b.n)
	fmt.Fprintf(w, "newly stopped           %s, in %d wordings\n", corpus.Rate{Of: newly, In: b.n}, len(b.families))
	fmt.Fprintf(w, "no longer stopped       %s\n", corpus.Rate{Of: over, In: b.n})
	for label := message.Ham; label < message.Classes; label++ {
		if r := b.labels[label]; r.In > 0 {
			fmt.Fprintf(w, "  of those labelled %-8s newly stopped %s; no longer %d\n", label, r, b.freed[label])
		}
	}
	if b.honest > 0 {
		fmt.Fprintf(w, "honest among the newly stopped without a label, by the present model: about %.1f (%.1f to %.1f)\n", b.honest, max(0, b.honest-half), b.honest+half)
	}
	fmt.Fprintf(w, "\n%-10s to  deliver    label     hold    block\n", "from")
	for was := message.OutcomeUnset; was < message.Outcomes; was++ {
		row := b.moves[was]
		if row == [message.Outcomes]int{} {
			continue
		}
		fmt.Fprintf(w, "%-10s  %10d %8d %8d %8d\n", was, row[message.Deliver]+row[message.OutcomeUnset], row[message.Label], row[message.Hold], row[message.Block])
	}
	for _, part := range []struct {
		what  string
		lines []string
		of    int
	}{{"newly stopped", b.started, newly}, {"no longer stopped", b.ended, over}} {
		if len(part.lines) > 0 {
			fmt.Fprintf(w, "\n%s, %d of %d:\n", part.what, len(part.lines), part.of)
			for _, l := range part.lines {
				fmt.Fprintf(w, "  %s\n", l)
			}
		}
	}
	return nil
}
