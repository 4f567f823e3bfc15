package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	goio "io"
	"os"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/sekisho/sekisho/detect"
	"github.com/sekisho/sekisho/evidence"
	"github.com/sekisho/sekisho/message"
	"github.com/sekisho/sekisho/purpose"
	"github.com/sekisho/sekisho/record"
	"github.com/sekisho/sekisho/subject"
	"github.com/sekisho/sekisho/trace"
)

type rankCommand struct {
	Policy string   `help:"Policy file; without one the default policy." placeholder:"FILE"`
	Model  string   `help:"Model that train wrote; without one the embedded one." placeholder:"FILE"`
	Brands string   `help:"List of brands; without one the embedded one." placeholder:"FILE"`
	Home   []string `help:"Prefixes of our subscribers' numbers; the mobile ones of Japan where none is named." placeholder:"+8190"`
	Limit  int      `default:"100" help:"How many lines at most; 0: all."`
	JSON   bool     `name:"json" help:"Print one JSON object a line."`
	Trace  string   `arg:"" help:"A trace with reports, or - for standard input."`
}

func (rankCommand) Help() string {
	return `Ranks the lines that subscribers' reports name, by what their texts show: how many people were sent how many different links, in words that how
many lines use. It is a list for people to look at and opens no case: reports can be forged, and what was not stopped here is known from nobody else.
Lines of contracts that opted out, and of other operators, are left out.

Examples:
  sekisho rank reports.jsonl
  sekisho rank -json -limit 0 reports.jsonl > suspects.jsonl`
}

// Run reads the reports and prints the ranking.
func (c rankCommand) Run(ctx context.Context, io streams) error {
	in, name := io.in, "standard input"
	if c.Trace != "-" {
		f, err := os.Open(c.Trace)
		if err != nil {
			return err
		}
		defer f.Close()
		in, name = f, c.Trace
	}
	judge := replayCommand{Policy: c.Policy, Model: c.Model, Brands: c.Brands, Home: c.Home}
	r, err := judge.start(ctx)
	if err != nil {
		return err
	}
	start := time.Now()
	t := trace.NewReader(name, in)
	b := newBar(io.err, -1, "reading reports")
	reports := 0
	var e trace.Event
	for {
		if err := t.Next(&e); errors.Is(err, goio.EOF) {
			break
		} else if err != nil {
			return err
		}
		switch e.Type {
		case trace.Report:
			reports++
			b.add(1)
			r.now = e.Time
			r.rank(&e)
		case trace.Message: // what was sent is not what is ranked
		default:
			if err := r.event(&e); err != nil {
				return t.At(err)
			}
		}
		if reports%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
	}
	b.end()
	all := r.ranked()
	fmt.Fprintf(io.err, "%d reports name %d lines of ours; %.1f s\n", reports, len(all), time.Since(start).Seconds())
	if c.Limit > 0 {
		all = all[:min(c.Limit, len(all))]
	}
	return printRanking(io.out, all, c.JSON)
}

// rank takes in a report: its text is judged, and what it shows stands against the line it names, by leave of that line's contract.
func (r *replay) rank(e *trace.Event) {
	suspect, err := subject.ParseAddress(e.Suspect, subject.Japan)
	if err != nil || suspect.Line() == 0 || e.Suspect == e.Reporter {
		return
	}
	m := &r.msg
	to := m.To[:0]
	*m = message.Message{Time: e.Time, Door: "report", Route: message.P2P, From: suspect, Text: append(m.Text[:0], e.Text...)}
	reporter, _ := subject.ParseAddress(e.Reporter, subject.Japan)
	m.To = append(to, reporter)
	r.gate.Pass(context.Background(), m, &r.verdicts)
	v := &r.verdicts.Each[0]
	if v.Class != message.Phishing {
		return
	}
	rec := record.Verdict{Time: e.Time.UnixMicro(), From: suspect, Route: message.P2P, Class: v.Class, Outcome: message.Block, PPhishing: v.PPhishing, Campaign: r.verdicts.Campaign}
	rec.Domain, rec.Link = detect.Leads(m, &r.verdicts.Report)
	f, ok := r.lines.fact(&rec)
	if !ok {
		return
	}
	f.Party, f.Contract = partyOf(reporter), r.register.Contract(f.Line)
	if g, err := purpose.Ask(&r.gate.Policy().Purposes, purpose.InfectionNotice, f.Line, r.register); err == nil {
		if it, ok := evidence.New(g, f); ok {
			r.lines.found.Add(it)
		}
	}
}

func (r *replay) ranked() []detect.Suspect {
	var all []detect.Suspect
	for _, c := range r.lines.found.Contracts() {
		if s, ok := r.lines.found.Of(c); ok {
			all = append(all, s)
		}
	}
	slices.SortFunc(all, func(a, b detect.Suspect) int {
		return cmp.Or(cmp.Compare(b.Score.Points, a.Score.Points), cmp.Compare(b.Before, a.Before), cmp.Compare(a.Line, b.Line))
	})
	return all
}

func printRanking(out goio.Writer, all []detect.Suspect, asJSON bool) error {
	w := bufio.NewWriter(out)
	if asJSON {
		e := json.NewEncoder(w)
		for i, s := range all {
			if err := e.Encode(map[string]any{"rank": i + 1, "line": s.Line.String(), "reports": s.Before, "points": s.Score.Points, "suspect": s.Score.Suspect, "reasons": s.Score.Reasons}); err != nil {
				return err
			}
		}
		return w.Flush()
	}
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "LINE\tREPORTS\tPOINTS\tWHY")
	for _, s := range all {
		why := ""
		if len(s.Score.Reasons) > 0 {
			why = s.Score.Reasons[0].Why[0]
		}
		fmt.Fprintf(t, "%s\t%d\t%.1f\t%s\n", s.Line, s.Before, s.Score.Points, why)
	}
	return errors.Join(t.Flush(), w.Flush())
}
