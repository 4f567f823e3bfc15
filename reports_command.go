package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	goio "io"
	"iter"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/sekisho/sekisho/report"
	"github.com/sekisho/sekisho/store"
)

type reportsCommand struct {
	List   reportsList   `cmd:"" default:"withargs" help:"List what was reported, reports of one text together."`
	Show   reportsShow   `cmd:"" help:"Show what reports of one text say. It is written down who looked, and why."`
	Fraud  reportsDecide `cmd:"" help:"Say that it is fraud: what it teaches is put in force."`
	Honest reportsDecide `cmd:"" help:"Say that it is honest: what it taught is withdrawn."`
	Refuse reportsDecide `cmd:"" help:"Say that it says nothing to us: it teaches nothing, and no reporter was right or wrong."`
	Import reportsImport `cmd:"" help:"Take in reports of a file: JSONL, CSV, a mail, XARF or MISP."`
	Schema reportsSchema `cmd:"" help:"Print the JSON schema of a report."`
}

func (reportsCommand) Help() string {
	return `Subscribers report to the short code, by mail, by the form and by the API; other operators hand over theirs. Reports of one text stand together,
whatever its links and names. Those that many people report who were right before, or that the filter agrees with, become indicators at once; a
popular domain, an official sender and a number to call wait for a person.

Examples:
  sekisho reports
  sekisho reports show rp-bqzkfmwatnxseu -why "a bank asked"
  sekisho reports fraud rp-bqzkfmwatnxseu -why "the bank says so"
  sekisho reports import other-operator.jsonl`
}

func (c *reportsCommand) BeforeResolve() error {
	c.Fraud.to, c.Honest.to, c.Refuse.to = string(report.IsFraud), string(report.IsFair), string(report.Refused)
	return nil
}

type onRunning struct {
	Config string `short:"c" default:"sekisho.toml" help:"The configuration file."`
}

type reportsList struct {
	State string `default:"" enum:",new,fraud,honest,refused" help:"Only new, fraud, honest or refused."`
	Limit int    `default:"30" help:"How many at most."`
	onRunning
}

func (c reportsList) Run(ctx context.Context, io streams) error {
	return tell(ctx, io, c.Config, "/reports", url.Values{"state": {c.State}, "limit": {strconv.Itoa(c.Limit)}})
}

type reportsShow struct {
	ID  string `arg:"" help:"The reports, as the list names them."`
	Why string `required:"" help:"Why you look."`
	by
	onRunning
}

func (c reportsShow) Run(ctx context.Context, io streams) error {
	who, err := c.by.name()
	if err != nil {
		return err
	}
	return tell(ctx, io, c.Config, "/reports/show", url.Values{"id": {c.ID}, "who": {who}, "why": {c.Why}})
}

type reportsDecide struct {
	ID  string `arg:"" help:"The reports, as the list names them."`
	Why string `required:"" help:"Why."`
	by
	onRunning
	to string
}

func (c *reportsDecide) Run(ctx context.Context, io streams) error {
	who, err := c.by.name()
	if err != nil {
		return err
	}
	return tell(ctx, io, c.Config, "/reports/decide", url.Values{"id": {c.ID}, "who": {who}, "why": {c.Why}, "to": {c.to}})
}

type reportsImport struct {
	File   string `arg:"" help:"The file, or - for standard input."`
	Format string `default:"" enum:",jsonl,csv,mail,xarf,misp" help:"jsonl, csv, mail, xarf or misp; by the file's name where it is not said."`
	From   string `default:"import" help:"Whom the reports are from that name no reporter, and who names those that do."`
	onRunning
}

func (reportsImport) Help() string {
	return `A .jsonl file has a report a line, a .csv file a header row with the same names (text, suspect, reporter, links, time...; see reports schema), an .eml
file is a mail. What is there already is not taken twice, so that a file can be taken in again after a mistake in its middle.`
}

func (c reportsImport) Run(ctx context.Context, io streams) error {
	format := c.Format
	if format == "" {
		switch strings.ToLower(filepath.Ext(c.File)) {
		case ".jsonl", ".ndjson":
			format = "jsonl"
		case ".csv":
			format = "csv"
		case ".eml":
			format = "mail"
		default:
			return fmt.Errorf("%s: its name does not say what it is; say it with -format", c.File)
		}
	}
	in, size := io.in, int64(-1)
	if c.File != "-" {
		f, err := os.Open(c.File)
		if err != nil {
			return err
		}
		defer f.Close()
		if st, err := f.Stat(); err == nil {
			size = st.Size()
		}
		in = f
	}
	b := newBar(io.err, size, "taking in reports")
	start := time.Now()
	said, err := post(ctx, c.Config, "/reports/import?"+url.Values{"format": {format}, "from": {c.From}}.Encode(), "application/octet-stream", goio.TeeReader(in, barWriter{b}))
	b.end()
	if err != nil {
		return fmt.Errorf("%s: %w", c.File, err)
	}
	_, err = fmt.Fprintf(io.out, "%s; %.1f s\n", said, time.Since(start).Seconds())
	return err
}

type barWriter struct{ b *bar }

func (w barWriter) Write(p []byte) (int, error) {
	w.b.add(len(p))
	return len(p), nil
}

type reportsSchema struct{}

func (reportsSchema) Run(io streams) error {
	_, err := fmt.Fprintf(io.out, "%s\n", bytes.TrimSpace(report.Schema()))
	return err
}

// controlReports lets the commands talk to the running desk.
func (p *program) controlReports(mux *http.ServeMux, answer func(func(*http.Request) (string, error)) http.HandlerFunc) {
	mux.HandleFunc("POST /reports", answer(p.listReports))
	mux.HandleFunc("POST /reports/show", answer(p.showReports))
	mux.HandleFunc("POST /reports/decide", answer(p.decideReports))
	mux.HandleFunc("POST /reports/import", answer(p.importReports))
	mux.HandleFunc("POST /lookup", answer(p.askLookup))
	mux.HandleFunc("POST /feeds", answer(p.listFeeds))
	mux.HandleFunc("POST /feeds/fetch", answer(p.fetchFeed))
	mux.HandleFunc("POST /indicators", answer(p.listIndicators))
	mux.HandleFunc("POST /indicators/add", answer(p.addIndicator))
	mux.HandleFunc("POST /indicators/move", answer(p.moveIndicator))
}

func (p *program) listReports(r *http.Request) (string, error) {
	limit, err := strconv.Atoi(r.FormValue("limit"))
	if err != nil || limit < 1 || limit > 10_000 {
		return "", errors.New("-limit: from 1 to 10000")
	}
	f := store.BunchFilter{Limit: limit}
	if st, ok := report.ParseState(r.FormValue("state")); ok {
		f.States = []report.State{st}
	}
	all, err := p.store.Bunches(r.Context(), f)
	if err != nil {
		return "", err
	}
	if len(all) == 0 {
		return "nothing is reported", nil
	}
	var b bytes.Buffer
	w := tabwriter.NewWriter(&b, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "REPORTS\tSTATE\tBY\tN\tPEOPLE\tWEIGHT\tAS ONE\tHONEST\tFILTER\tFIRST\tLAST\tCAMPAIGN")
	for _, x := range all {
		campaign := ""
		if x.Campaign != 0 {
			campaign = fmt.Sprintf("%016x", x.Campaign)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d\t%.1f\t%d\t%d\t%.2f\t%s\t%s\t%s\n", report.Name(x.ID), x.State, x.By, x.Reports, x.Reporters, x.Weight, x.Herd, x.Honest, x.PBad, when(x.First), when(x.Last), campaign)
	}
	w.Flush()
	return b.String(), nil
}

// whoWhy is who acts and why; both have to be said.
func whoWhy(r *http.Request) (who, why string, err error) {
	who, why = strings.TrimSpace(r.FormValue("who")), strings.TrimSpace(r.FormValue("why"))
	if who == "" || why == "" || len(who) > 64 || len(why) > 500 {
		return "", "", errors.New("who (at most 64 octets) and why (at most 500) have to be said")
	}
	if who == byPolicy {
		return "", "", errors.New("the name policy stands for decisions without a person")
	}
	return who, why, nil
}

func (p *program) showReports(r *http.Request) (string, error) {
	who, why, err := whoWhy(r)
	if err != nil {
		return "", err
	}
	b, err := p.readBunch(r.Context(), r.FormValue("id"), who, why)
	if err != nil {
		return "", err
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	err = e.Encode(map[string]any{"reports": report.Name(b.ID), "state": b.State, "n": b.Reports, "people": b.Reporters, "weight": b.Weight, "as_one": b.Herd, "p_bad": b.PBad,
		"first": b.First, "last": b.Last, "by": b.By, "why": b.Why, "seen": b.Seen})
	return out.String(), err
}

func (p *program) decideReports(r *http.Request) (string, error) {
	who, why, err := whoWhy(r)
	if err != nil {
		return "", err
	}
	to := r.FormValue("to")
	return "in force: " + to, p.decideBunch(r.Context(), r.FormValue("id"), to, who, why)
}

func (p *program) importReports(r *http.Request) (string, error) {
	var all iter.Seq2[report.Report, error]
	one := func(read func() (report.Report, error)) {
		all = func(yield func(report.Report, error) bool) { yield(read()) }
	}
	channel := report.File
	switch r.FormValue("format") {
	case "jsonl":
		all = report.ReadJSONL(r.Body, 0)
	case "csv":
		all = report.ReadCSV(r.Body, 0)
	case "mail":
		channel = report.Mail
		one(func() (report.Report, error) { return report.ReadMail(r.Body, report.Bounds{}) })
	case "xarf":
		channel = report.XARF
		one(func() (report.Report, error) { return report.ReadXARF(r.Body, 0) })
	case "misp":
		channel = report.MISP
		one(func() (report.Report, error) { return report.ReadMISP(r.Body, 0) })
	default:
		return "", errors.New("format: jsonl, csv, mail, xarf or misp")
	}
	from := r.FormValue("from")
	read, fresh, err := p.desk.TakeAll(r.Context(), func(yield func(report.Report, error) bool) {
		for x, err := range all {
			if x.Channel == report.ChannelUnset {
				x.Channel = channel
			}
			if x.Via = from; x.Reporter == "" {
				x.Reporter = from
			}
			if !yield(x, err) {
				return
			}
		}
	}, nil)
	said := fmt.Sprintf("%d reports, %d of them new", read, fresh)
	if err != nil {
		return "", fmt.Errorf("%w; before it, %s, are kept", err, said)
	}
	return said, nil
}
