package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/sekisho/sekisho/corpus"
	"github.com/sekisho/sekisho/disguise"
	"github.com/sekisho/sekisho/inspect"
	"github.com/sekisho/sekisho/message"
	"github.com/sekisho/sekisho/settings"
)

type evalCommand struct {
	judging
	JSON     bool     `name:"json" help:"Print the figures as JSON."`
	Positive string   `default:"bad" enum:"bad,phishing" help:"What counts as to be stopped: bad (spam and phishing, ranked by p_bad) or phishing."`
	Groups   bool     `help:"Also count each group of near-duplicates once."`
	Split    string   `default:"" enum:",group" help:"group: judge each group of near-duplicates by a model that was learnt without it, from the same files."`
	Leave    string   `default:"" enum:",campaign" help:"campaign: judge each campaign (field group) by a model that was learnt without it, and without its near-duplicates."`
	With     []string `help:"Further labelled files to learn from, with -split or -leave." placeholder:"FILE"`
	Folds    int      `default:"5" help:"In how many parts -split and -leave learn."`
	Evade    bool     `help:"Also judge each text in every disguise that we know, fraudulent and honest."`
	SVG      string   `name:"svg" help:"Folder to draw the figures into: roc.svg, reliability.svg and, with -evade, evade.svg." placeholder:"DIR"`
	Files    []string `arg:"" name:"file" help:"Files with labelled messages (ham, spam, phishing), or - for standard input."`
}

func (evalCommand) Help() string {
	return `Reads files as scan does; each message needs a label: ham, spam or phishing. Prints how many were
stopped at the thresholds of the policy, and what other thresholds would give; by language and kind where
the fields lang and kind say so; and how far the probabilities can be trusted. Every rate stands with its
95 % interval.

Examples:
  sekisho eval labelled.csv                        the embedded model
  sekisho eval -split group mine.csv               how well it would learn mine.csv
  sekisho eval -leave campaign -with a.tmpl b.jsonl  campaigns that it has never seen
  sekisho eval -evade -svg plots labelled.jsonl    what disguises cost`
}

// Run judges labelled files and prints the figures.
func (c evalCommand) Run(ctx context.Context, io streams) error {
	e := &evaluation{evalCommand: c, io: io}
	if c.Split != "" && c.Leave != "" {
		return errors.New("-split and -leave exclude each other")
	}
	if c.Split+c.Leave == "" && len(c.With) > 0 {
		return errors.New("-with says what else to learn from, and nothing is learnt without -split or -leave")
	}
	if c.Folds < 2 || c.Folds > 50 {
		return errors.New("-folds: from 2 to 50 parts")
	}
	j, err := c.judge(ctx, io.in)
	if err != nil {
		return err
	}
	if err := e.read(ctx, j); err != nil {
		return err
	}
	start := time.Now()
	if c.Split+c.Leave == "" {
		err = e.each(ctx, j, e.samples)
	} else {
		err = e.folds(ctx)
	}
	if err != nil {
		return err
	}
	f := e.tally.Figures(time.Since(start).Seconds())
	if err := e.draw(f); err != nil {
		return err
	}
	if c.JSON {
		text, err := f.MarshalJSON()
		if err == nil {
			_, err = fmt.Fprintf(io.out, "%s\n", text)
		}
		return err
	}
	if err := f.Print(io.out); err != nil {
		return err
	}
	return e.printEvasion()
}

// evaluation is one run of eval.
type evaluation struct {
	evalCommand
	io      streams
	samples []labelled
	tally   corpus.Tally
	evasion map[string]*evaded
}

type labelled struct {
	corpus.Sample
	group int // of near-duplicates, from 1; 0: nobody looked
}

// evaded counts what a disguise changed: of the texts that it changes, how many were stopped as they were and in disguise.
type evaded struct{ badPlain, bad, hamPlain, ham corpus.Rate }

func (e *evaluation) read(ctx context.Context, j *judge) error {
	b := newBar(e.io.err, -1, "reading")
	unlabelled := 0
	err := j.each(ctx, e.Files, b, func(s *corpus.Sample) error {
		if s.Label == message.ClassUnset {
			unlabelled++
			return nil
		}
		e.samples = append(e.samples, labelled{Sample: *s})
		return nil
	})
	b.end()
	if err != nil {
		return err
	}
	j.warn(e.io)
	if unlabelled > 0 {
		fmt.Fprintf(e.io.err, "%d messages without a label were passed over\n", unlabelled)
	}
	if len(e.samples) == 0 {
		return errors.New("there is no labelled message; the files need a column or key label with ham, spam or phishing")
	}
	e.tally.Phishing = e.Positive == "phishing"
	if e.Groups || e.Split+e.Leave != "" {
		texts := make([]string, len(e.samples))
		for i := range e.samples {
			texts[i] = e.samples[i].Text
		}
		for i, g := range inspect.Groups(texts) {
			e.samples[i].group = g + 1
		}
	}
	return nil
}

// each judges samples with one judge.
func (e *evaluation) each(ctx context.Context, j *judge, samples []labelled) error {
	b := newBar(e.io.err, int64(len(samples)), "judging")
	defer b.end()
	ways := []disguise.Way(nil)
	if e.Evade {
		ways = disguise.Ways()
	}
	for i := range samples {
		if err := ctx.Err(); err != nil {
			return err
		}
		s := &samples[i]
		v := j.one(&s.Sample)
		plain := v.Outcome.Stopped()
		e.tally.Add(corpus.Judged{Label: s.Label, Class: max(v.Class, message.Ham), PPhishing: v.PPhishing, PBad: v.PBad, Stopped: plain,
			Lang: s.Lang, Kind: s.Kind, Group: s.group})
		for _, way := range ways {
			e.disguised(j, &s.Sample, way, plain)
		}
		b.add(1)
	}
	return nil
}

// disguised judges a sample once more in a disguise, if that changes it.
func (e *evaluation) disguised(j *judge, s *corpus.Sample, way disguise.Way, plain bool) {
	text, changed := disguise.Write(way.Name, s.Text, 1)
	if !changed {
		return
	}
	if e.evasion == nil {
		e.evasion = map[string]*evaded{}
	}
	r := e.evasion[way.Name]
	if r == nil {
		r = &evaded{}
		e.evasion[way.Name] = r
	}
	other := *s
	other.Text = text
	stopped := j.one(&other).Outcome.Stopped()
	switch {
	case s.Label == message.Ham:
		r.hamPlain.Add(plain)
		r.ham.Add(stopped)
	case s.Label == message.Phishing || !e.tally.Phishing:
		r.badPlain.Add(plain)
		r.bad.Add(stopped)
	}
}

// folds learns a model for each part of the files, from all the others, and judges the part with it.
func (e *evaluation) folds(ctx context.Context) error {
	parts := e.parts()
	extra, err := examples(ctx, e.io, e.With, e.Home)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "sekisho-eval")
	if err != nil {
		return fmt.Errorf("make a folder for models: %w", err)
	}
	defer os.RemoveAll(dir)
	for fold := range e.Folds {
		learn := slices.Clone(extra)
		var held []labelled
		for i := range e.samples {
			if s := &e.samples[i]; parts[i] == fold {
				held = append(held, *s)
			} else {
				learn = append(learn, example(&s.Sample, e.Home))
			}
		}
		m, _, err := learnModel(e.io, learn, inspect.TrainOptions{Config: inspect.Config{Home: e.Home, Brands: e.Brands}, Seed: 1},
			fmt.Sprintf("learning part %d of %d", fold+1, e.Folds))
		if err != nil {
			return err
		}
		c := e.judging
		c.Model = filepath.Join(dir, "model")
		if err := settings.WriteFile(c.Model, m.Bytes()); err != nil {
			return err
		}
		j, err := c.judge(ctx, nil)
		if err != nil {
			return err
		}
		if err := e.each(ctx, j, held); err != nil {
			return err
		}
	}
	return nil
}

// parts gives the part of each sample. Near-duplicates are in one part, and what a campaign links.
func (e *evaluation) parts() []int {
	first := map[string]int{} // the group of a campaign's first text
	lead := map[int]int{}     // what a group was joined to
	root := func(g int) int {
		for lead[g] != 0 {
			g = lead[g]
		}
		return g
	}
	for i := range e.samples {
		s := &e.samples[i]
		if e.Leave == "" || s.Group == "" {
			continue
		}
		name := s.Label.String() + " " + s.Group
		if g, ok := first[name]; !ok {
			first[name] = s.group
		} else if a, b := root(g), root(s.group); a != b {
			lead[max(a, b)] = min(a, b)
		}
	}
	parts := make([]int, len(e.samples))
	number := map[int]int{}
	for i := range e.samples {
		g := root(e.samples[i].group)
		if _, ok := number[g]; !ok {
			number[g] = len(number)
		}
		parts[i] = number[g] % e.Folds
	}
	return parts
}

// printEvasion prints what disguises changed.
func (e *evaluation) printEvasion() error {
	if !e.Evade {
		return nil
	}
	var evasive, honest evaded
	fmt.Fprintf(e.io.out, "\n%-22s %-34s %s\n", "disguise", "bad ones stopped: as they were, so", "honest ones stopped: as they were, so")
	for _, way := range disguise.Ways() {
		r := e.evasion[way.Name]
		if r == nil {
			continue
		}
		fmt.Fprintf(e.io.out, "%-22s %6s %6s of %-18d %6s %6s of %d\n", way.Name, percent(r.badPlain), percent(r.bad), r.bad.In, percent(r.hamPlain), percent(r.ham), r.ham.In)
		all := &evasive
		if way.Honest {
			all = &honest
		}
		for _, p := range [][2]*corpus.Rate{{&all.badPlain, &r.badPlain}, {&all.bad, &r.bad}, {&all.hamPlain, &r.hamPlain}, {&all.ham, &r.ham}} {
			p[0].Of, p[0].In = p[0].Of+p[1].Of, p[0].In+p[1].In
		}
	}
	var err error
	for i, all := range []evaded{evasive, honest} {
		_, err = fmt.Fprintf(e.io.out, "%-22s %6s %6s of %-18d %6s %6s of %d\n", [...]string{"all evaders' ways", "all honest ways"}[i],
			percent(all.badPlain), percent(all.bad), all.bad.In, percent(all.hamPlain), percent(all.ham), all.ham.In)
	}
	return err
}

func percent(r corpus.Rate) string {
	if r.In == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f%%", 100*r.Value())
}

// draw writes the plots.
func (e *evaluation) draw(f *corpus.Figures) error {
	if e.SVG == "" {
		return nil
	}
	if err := os.MkdirAll(e.SVG, 0o755); err != nil {
		return fmt.Errorf("make the folder of plots: %w", err)
	}
	plots := map[string][]byte{
		"roc.svg":         f.PlotROC(fmt.Sprintf("%d messages: what other thresholds would give", f.N)),
		"reliability.svg": f.PlotReliability(fmt.Sprintf("%d messages: how far probabilities can be trusted", f.N)),
	}
	if e.Evade {
		var bars []corpus.Bar
		for _, way := range disguise.Ways() {
			if r := e.evasion[way.Name]; r != nil && r.bad.In > 0 {
				bars = append(bars, corpus.Bar{Name: way.Name, Rate: r.bad})
			}
		}
		plots["evade.svg"] = corpus.PlotBars("Bad messages stopped, by disguise", "share stopped", bars)
	}
	for name, svg := range plots {
		if err := settings.WriteFile(filepath.Join(e.SVG, name), svg); err != nil {
			return err
		}
	}
	return nil
}
