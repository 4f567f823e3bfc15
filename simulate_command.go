package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	goio "io"
	"os"
	"path/filepath"
	"time"

	"github.com/sekisho/sekisho/simulate"
	"github.com/sekisho/sekisho/subject"
	"github.com/sekisho/sekisho/trace"
)

type simulateCommand struct {
	Out      string  `short:"o" required:"" help:"File to write the trace to; - is standard output." placeholder:"TRACE"`
	Truth    string  `help:"File to write to which lines were infected in truth, and when." placeholder:"FILE"`
	Seed     uint64  `default:"1" help:"Another seed makes another nation."`
	Lines    int     `default:"1000000" help:"Subscribers, from 1,000 to 16,000,000."`
	Days     int     `default:"3" help:"How long it goes on, from 1 to 60."`
	Infected float64 `default:"0.001" help:"Share of the lines whose phones malware uses."`
	Reported float64 `default:"0.01" help:"Share of fraud that its recipient reports to 7726."`
	Texts    float64 `default:"0.05" help:"Honest texts from a handset a day, and as many from businesses."`
}

func (simulateCommand) Help() string {
	return `Writes a trace: a nation in small with people, businesses, clubs and shops, phones that malware of several families uses, people who
pass scams on or report them, malicious reports, opt-outs and lines that change hands. Numbers are ones that nobody has; the same seed
gives the same bytes.

Examples:
  sekisho simulate -o nation.jsonl
  sekisho simulate -o small.jsonl --lines 20000 --infected 0.005 --truth truth.jsonl
  sekisho replay -o out small.jsonl`
}

// Run writes a trace.
func (c simulateCommand) Run(ctx context.Context, io streams) (err error) {
	switch {
	case c.Lines < 1000 || c.Lines > 16_000_000:
		return fmt.Errorf("--lines %d: from 1,000 to 16,000,000", c.Lines)
	case c.Days < 1 || c.Days > 60:
		return fmt.Errorf("--days %d: from 1 to 60", c.Days)
	case c.Infected < 0 || c.Infected > 0.1:
		return fmt.Errorf("--infected %v: from 0 to 0.1", c.Infected)
	case c.Reported < 0 || c.Reported > 1:
		return fmt.Errorf("--reported %v: from 0 to 1", c.Reported)
	case c.Texts < 0 || c.Texts > 20:
		return fmt.Errorf("--texts %v: from 0 to 20", c.Texts)
	}
	var out goio.Writer = io.out
	if c.Out != "-" {
		f, err := os.Create(filepath.Clean(c.Out))
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		out = f
	}
	n := simulate.NewNation(c.Seed, simulate.NationConfig{Lines: c.Lines, Days: c.Days, Infected: c.Infected, Quiet: c.Texts, Reported: c.Reported})
	w := trace.NewWriter(out)
	b := newBar(io.err, int64(c.Days)*24*60, "simulating, minutes")
	events, told := 0, 0
	var start time.Time
	for h, ok := n.Next(); ok; h, ok = n.Next() {
		if err := w.Write(eventOf(&h)); err != nil {
			return err
		}
		if events++; start.IsZero() {
			start = h.Time
		}
		if minute := int(h.Time.Sub(start) / time.Minute); minute > told {
			b.add(minute - told)
			told = minute
			if err := ctx.Err(); err != nil {
				return err
			}
		}
	}
	b.end()
	if err := w.Flush(); err != nil {
		return err
	}
	truth := n.Truth()
	if c.Truth != "" {
		if err := writeTruth(c.Truth, truth); err != nil {
			return err
		}
	}
	fmt.Fprintf(io.err, "%d events, %d infected lines\n", events, len(truth))
	return nil
}

func writeTruth(name string, truth []simulate.Infection) (err error) {
	f, err := os.Create(filepath.Clean(name))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := bufio.NewWriter(f)
	e := json.NewEncoder(w)
	for _, t := range truth {
		e.Encode(map[string]any{"line": t.Line.String(), "contract": t.Contract, "family": t.Family, "from": t.From.UTC(), "to": t.To.UTC(), "opted_out": t.OptedOut})
	}
	return w.Flush()
}

// eventOf is a happening as a trace has it.
func eventOf(h *simulate.Happening) *trace.Event {
	e := &trace.Event{Time: h.Time.UTC()}
	number := func(l subject.Line) string { return l.String() }
	switch {
	case h.Text != nil:
		t := h.Text
		e.Type, e.ID, e.Route, e.From, e.To, e.Text, e.Label = trace.Message, t.ID, t.Route.String(), t.From.String(), t.To.String(), t.Text, t.Label.String()
	case h.Report != nil:
		e.Type, e.Channel, e.Reporter, e.Suspect, e.Text = trace.Report, "7726", number(h.Report.Reporter), number(h.Report.Suspect), h.Report.Text
	case h.Contract != nil:
		e.Type, e.Contract, e.Event, e.Line = trace.Contract, h.Contract.Contract, h.Contract.Event, number(h.Contract.Line)
	case h.Consent != nil:
		e.Type, e.Line, e.Scope, e.Granted = trace.Consent, number(h.Consent.Line), "infection_notice", &h.Consent.Granted
	}
	return e
}
