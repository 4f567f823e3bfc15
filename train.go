package main

import (
	"context"
	"fmt"
	"text/tabwriter"

	"github.com/sekisho/sekisho/corpus"
	"github.com/sekisho/sekisho/inspect"
	"github.com/sekisho/sekisho/message"
	"github.com/sekisho/sekisho/settings"
)

type trainCommand struct {
	Out    string   `required:"" short:"o" help:"Where to write the model." placeholder:"MODEL"`
	Seed   uint64   `default:"1" help:"The same data and seed give the same octets."`
	Epochs int      `default:"0" help:"Passes over the data; 0 is the default."`
	Home   int      `default:"81" help:"Country code by which national numbers are read."`
	Brands string   `help:"List of brands; without one the embedded one." placeholder:"FILE"`
	Files  []string `arg:"" name:"file" help:"Files with labelled messages (ham, spam, phishing)."`
}

func (trainCommand) Help() string {
	return `Reads files as eval does and learns a model: linear on hashed character n-grams and features, three
classes, calibrated on groups of near-duplicates that it has not seen. Texts alike are one group.`
}

// Run learns a model and writes it whole or not at all.
func (c trainCommand) Run(ctx context.Context, io streams) error {
	learn, err := examples(ctx, io, c.Files, c.Home)
	if err != nil {
		return err
	}
	m, t, err := learnModel(io, learn, inspect.TrainOptions{Config: inspect.Config{Home: c.Home, Brands: c.Brands}, Seed: c.Seed, Epochs: c.Epochs}, "learning")
	if err != nil {
		return err
	}
	if err := settings.WriteFile(c.Out, m.Bytes()); err != nil {
		return err
	}
	w := tabwriter.NewWriter(io.out, 0, 8, 2, ' ', 0)
	fmt.Fprintf(w, "examples\t%d ham, %d spam, %d phishing\n", t.Examples[message.Ham], t.Examples[message.Spam], t.Examples[message.Phishing])
	fmt.Fprintf(w, "groups of near-duplicates\t%d\n", t.Groups)
	fmt.Fprintf(w, "left out as contradicting\t%d\n", t.Conflicts)
	fmt.Fprintf(w, "log-loss on groups not seen\t%.4f nats, calibrated %.4f\n", t.HeldOut, t.Calibrated)
	fmt.Fprintf(w, "model\t%s, %d octets\n", c.Out, len(m.Bytes()))
	return w.Flush()
}

// example makes a labelled sample something to learn from.
func example(s *corpus.Sample, home int) inspect.Example {
	var m message.Message
	s.Message(&m, home)
	return inspect.Example{Message: m, Class: s.Label, Group: s.Group}
}

// examples reads files to learn from; messages without a label are passed over.
func examples(ctx context.Context, io streams, files []string, home int) (out []inspect.Example, err error) {
	b := newBar(io.err, -1, "reading")
	defer b.end()
	j := &judge{in: io.in, home: home}
	err = j.each(ctx, files, b, func(s *corpus.Sample) error {
		if s.Label != message.ClassUnset {
			out = append(out, example(s, home))
		}
		return nil
	})
	return out, err
}

// learnModel learns, with a progress bar.
func learnModel(io streams, from []inspect.Example, o inspect.TrainOptions, what string) (*inspect.Model, *inspect.Training, error) {
	var b *bar
	last := 0
	o.Progress = func(done, total int) {
		if b == nil {
			b = newBar(io.err, int64(total), what)
		}
		b.add(done - last)
		last = done
	}
	m, t, err := inspect.Train(from, o)
	if b != nil {
		b.end()
	}
	return m, t, err
}
