package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/sekisho/sekisho/corpus"
	"github.com/sekisho/sekisho/detect"
	"github.com/sekisho/sekisho/gate"
	"github.com/sekisho/sekisho/indicator"
	"github.com/sekisho/sekisho/inspect"
	"github.com/sekisho/sekisho/message"
	"github.com/sekisho/sekisho/subject"
)

// judging are the options of commands that judge files: with what, and how files are read.
type judging struct {
	Policy    string   `help:"Policy file; without one the default policy." placeholder:"FILE"`
	Model     string   `help:"Model that train wrote; without one the embedded one." placeholder:"FILE"`
	Brands    string   `help:"List of brands; without one the embedded one." placeholder:"FILE"`
	Bad       []string `help:"Lists of known-bad links, hosts, numbers and senders." placeholder:"FILE"`
	Good      []string `help:"Lists of known-good ones." placeholder:"FILE"`
	Home      int      `default:"81" help:"Country code by which national numbers are read."`
	Route     string   `default:"unset" enum:"unset,p2p,a2p,intl,mail" help:"Route of messages that do not say theirs: unset (judged by the text alone, at the thresholds of p2p), p2p, a2p, intl, mail."`
	Format    string   `help:"csv, tsv, jsonl, json, txt, eml or mbox; otherwise by the file's name." placeholder:"NAME"`
	Encoding  string   `default:"utf-8" enum:"utf-8,shift-jis,euc-jp,utf-16" help:"How files are encoded: utf-8, shift-jis (as Excel in Japan writes), euc-jp, utf-16."`
	TextField string   `name:"text-field" default:"text" help:"Column or key of the text."`
}

// judge judges messages of files, as the program would in mode enforce.
type judge struct {
	gate     *gate.Gate
	in       io.Reader // for the file "-"
	home     int
	route    message.Route
	options  corpus.Options
	msg      message.Message
	verdicts gate.Verdicts
	broken   int // texts that were not in the encoding they should be in
}

func (c *judging) judge(ctx context.Context, in io.Reader) (*judge, error) {
	route, err := message.RouteUnset, error(nil)
	if c.Route != route.String() {
		route, err = message.ParseRoute(c.Route)
	}
	if err != nil {
		return nil, err
	}
	index, err := loadLists(ctx, c.Bad, c.Good)
	if err != nil {
		return nil, err
	}
	inspector, err := inspect.New(inspect.Config{Model: c.Model, Brands: c.Brands, Home: c.Home, Indicators: func() inspect.Lookup { return index }})
	if err != nil {
		return nil, err
	}
	policy, err := gate.ReadPolicy(c.Policy, c.Home, rules())
	if err != nil {
		return nil, err
	}
	policy.Enforce()
	j := &judge{in: in, home: c.Home, route: route, options: corpus.Options{Format: corpus.Format(c.Format), Encoding: c.Encoding}}
	if c.TextField != "text" {
		j.options.TextColumn = c.TextField
	}
	// Messages of a file are judged by their own clock where they have one, so that the same file gives the same verdicts.
	j.gate = gate.New(gate.Config{Inspector: inspector, Policy: policy, Senders: 1 << 16,
		// Messages with a time are a trace, in which campaigns are followed from one to the next; the seed makes it come out the same.
		Campaigns: detect.NewCampaigns(detect.Config{Seed: 1, Campaigns: 1 << 12, Probation: 1 << 16}), Now: func() time.Time {
			if j.msg.Time.IsZero() {
				return time.Unix(0, 0)
			}
			return j.msg.Time
		}})
	return j, nil
}

// loadLists reads lists of indicators.
func loadLists(ctx context.Context, bad, good []string) (*indicator.Index, error) {
	var files []indicator.File
	for _, f := range bad {
		files = append(files, indicator.File{Path: f})
	}
	for _, f := range good {
		files = append(files, indicator.File{Path: f, Good: true})
	}
	index, _, err := indicator.Load(ctx, files, nil)
	return index, err
}

// open opens a file by its name; "-" is standard input.
func (j *judge) open(name string) (*corpus.Reader, error) {
	if name == "-" {
		return corpus.New("standard input", j.in, j.options)
	}
	return corpus.Open(name, j.options)
}

// one judges a sample. The verdict holds until the next.
func (j *judge) one(s *corpus.Sample) *gate.Verdict {
	s.Message(&j.msg, j.home)
	if j.msg.Route == message.RouteUnset {
		j.msg.Route = j.route
	}
	if len(j.msg.To) == 0 { // a file of texts need not say to whom
		j.msg.To = append(j.msg.To, subject.Address{})
	}
	j.gate.Pass(context.Background(), &j.msg, &j.verdicts)
	return &j.verdicts.Each[0]
}

// each reads all files, one message after the other, and stops at the first that cannot be read.
func (j *judge) each(ctx context.Context, files []string, bar *bar, f func(*corpus.Sample) error) error {
	for _, name := range files {
		r, err := j.open(name)
		if err != nil {
			return err
		}
		err = j.all(ctx, r, bar, f)
		r.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// all reads one file to its end.
func (j *judge) all(ctx context.Context, r *corpus.Reader, bar *bar, f func(*corpus.Sample) error) error {
	var s corpus.Sample
	for {
		err := ctx.Err()
		if err == nil {
			err = r.Next(&s)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil && s.Broken {
			j.broken++
		}
		if err == nil {
			err = f(&s)
		}
		if err != nil {
			return err
		}
		bar.add(1)
	}
}

// warn tells of texts that could not be read as they are encoded: most often the whole file is in another encoding.
func (j *judge) warn(io streams) {
	if j.broken > 0 {
		fmt.Fprintf(io.err, "%d texts are not %s throughout; if the file is in another encoding, say so: -encoding shift-jis\n", j.broken, cmp.Or(j.options.Encoding, "utf-8"))
	}
}

// bar is a progress bar, on a terminal alone.
type bar struct{ b *progressbar.ProgressBar }

// newBar starts one; total -1 is not known.
func newBar(w io.Writer, total int64, what string) *bar {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return &bar{}
	}
	return &bar{progressbar.NewOptions64(total, progressbar.OptionSetWriter(w), progressbar.OptionSetDescription(what),
		progressbar.OptionShowCount(), progressbar.OptionShowIts(), progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionClearOnFinish(), progressbar.OptionFullWidth())}
}

func (b *bar) add(n int) {
	if b.b != nil {
		b.b.Add(n)
	}
}

func (b *bar) end() {
	if b.b != nil {
		b.b.Finish()
	}
}

type scanCommand struct {
	judging
	JSON  bool     `name:"json" help:"Print one JSON object a message, in the order read."`
	Lang  string   `default:"en" enum:"en,ja" help:"Language of the reasons."`
	All   bool     `help:"Also list the messages that would be delivered as they are."`
	Files []string `arg:"" name:"file" help:"Files with messages (.csv .tsv .jsonl .json .txt .eml .mbox), or - for standard input."`
}

func (scanCommand) Help() string {
	return `A table needs a header row with the column text, a JSON object the key text; from, to, route, time,
id and label are read where they are there. A .txt file has one message a line. Judges as in mode enforce.

Examples:
  sekisho scan messages.csv
  sekisho scan -json - < messages.jsonl`
}

// Run judges files. What was judged before something that cannot be read has been printed.
func (c scanCommand) Run(ctx context.Context, io streams) error {
	j, err := c.judge(ctx, io.in)
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(io.out, 64<<10)
	b := newBar(io.err, -1, "judging")
	lang := inspect.English
	if c.Lang == "ja" {
		lang = inspect.Japanese
	}
	var buf []byte
	counts := map[message.Outcome]int{}
	start, n := time.Now(), 0
	err = j.each(ctx, c.Files, b, func(s *corpus.Sample) error {
		v := j.one(s)
		counts[v.Outcome]++
		n++
		switch {
		case c.JSON:
			buf = v.AppendJSON(buf[:0], &j.msg, &j.verdicts.Report, gate.JSON{Policy: j.gate.Policy(), Language: lang})
			buf = append(buf, '\n')
		case v.Outcome == message.Deliver && !c.All:
			return nil
		default:
			buf = appendLine(buf[:0], s, v, &j.verdicts.Report, lang)
		}
		_, err := out.Write(buf)
		return err
	})
	b.end()
	err = errors.Join(err, out.Flush())
	took := time.Since(start)
	j.warn(io)
	fmt.Fprintf(io.err, "%d messages: %d to deliver, %d to label, %d to hold, %d to block; %.0f a second\n", n,
		counts[message.Deliver], counts[message.Label], counts[message.Hold], counts[message.Block], float64(n)/took.Seconds())
	return err
}

// appendLine writes a verdict for people.
func appendLine(dst []byte, s *corpus.Sample, v *gate.Verdict, r *inspect.Report, lang inspect.Language) []byte {
	id := s.ID
	if id == "" {
		id = fmt.Sprintf("line %d", s.Line)
	}
	dst = fmt.Appendf(dst, "%-8s %-8s p=%.3f  %s\n", v.Outcome, v.Class, v.PBad, id)
	for _, f := range v.Reasons {
		dst = fmt.Appendf(dst, "         - %s\n", f.Sentence(lang))
	}
	if v.Class == message.Phishing && r.Phishing > 0 || v.Class == message.Spam && r.Spam > 0 {
		dst = fmt.Appendf(dst, "         - %s\n", gate.Wording(v.Class)[lang])
	}
	return dst
}
