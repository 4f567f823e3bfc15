package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	goio "io"
	"os"
	"path/filepath"
	"time"

	"github.com/sekisho/sekisho/consent"
	"github.com/sekisho/sekisho/detect"
	"github.com/sekisho/sekisho/evidence"
	"github.com/sekisho/sekisho/gate"
	"github.com/sekisho/sekisho/inspect"
	"github.com/sekisho/sekisho/message"
	"github.com/sekisho/sekisho/purpose"
	"github.com/sekisho/sekisho/record"
	"github.com/sekisho/sekisho/settings"
	"github.com/sekisho/sekisho/subject"
	"github.com/sekisho/sekisho/trace"
)

type replayCommand struct {
	Policy string   `help:"Policy file; without one the default policy." placeholder:"FILE"`
	Model  string   `help:"Model that train wrote; without one the embedded one." placeholder:"FILE"`
	Brands string   `help:"List of brands; without one the embedded one." placeholder:"FILE"`
	Bad    []string `help:"Lists of known-bad links, hosts, numbers and senders." placeholder:"FILE"`
	Good   []string `help:"Lists of known-good ones." placeholder:"FILE"`
	Home   []string `help:"Prefixes of our subscribers' numbers; the mobile ones of Japan where none is named." placeholder:"+8190"`
	Out    string   `short:"o" help:"Folder for verdicts.jsonl, suspects.jsonl and summary.json; without one only the summary is printed." placeholder:"DIR"`
	Trace  string   `arg:"" help:"The trace, or - for standard input."`
}

func (replayCommand) Help() string {
	return `Runs a recorded trace through the same judging and the same detection as the running checkpoint, on the trace's own clock, as in mode
enforce. The same trace gives the same bytes. A trace is JSONL in time order; "sekisho simulate" writes one.

  verdicts.jsonl   each message, as scan -json, with its time
  suspects.jsonl   each line found infected, with the evidence, and whether its owner may be told
  summary.json     counts

Examples:
  sekisho simulate -o nation.jsonl
  sekisho replay -o out nation.jsonl`
}

// replay is a trace being run.
type replay struct {
	c        *replayCommand
	gate     *gate.Gate
	register *consent.Register
	names    consent.Names
	lines    *infections
	now      time.Time
	msg      message.Message
	verdicts gate.Verdicts
	rec      record.Verdict
	about    []byte
	buf      []byte
	verdict  *bufio.Writer // nil where nobody asked for them
	n        struct{ messages, stopped, reports, contracts, consents int }
	outcomes map[string]int
	classes  map[string]int
}

// Run runs the trace.
func (c replayCommand) Run(ctx context.Context, io streams) (err error) {
	in, size := io.in, int64(-1)
	name := "standard input"
	if c.Trace != "-" {
		f, err := os.Open(c.Trace)
		if err != nil {
			return err
		}
		defer f.Close()
		if st, err := f.Stat(); err == nil {
			size = st.Size()
		}
		in, name = f, c.Trace
	}
	r, err := c.start(ctx)
	if err != nil {
		return err
	}
	var verdicts *settings.Pending
	if c.Out != "" {
		if err := os.MkdirAll(c.Out, 0o700); err != nil {
			return err
		}
		// It appears under its name when the whole trace has been read, and not before.
		f, err := settings.NewPending(filepath.Join(c.Out, "verdicts.jsonl"))
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		r.verdict, verdicts = bufio.NewWriterSize(f, 1<<18), f
	}
	start := time.Now()
	t := trace.NewReader(name, in)
	b := newBar(io.err, size, "replaying")
	var e trace.Event
	done, events := int64(0), 0
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := t.Next(&e); err == goio.EOF {
			break
		} else if err != nil {
			return err
		}
		if err := r.event(&e); err != nil {
			return t.At(err)
		}
		if events++; events%1000 == 0 {
			b.add(int(t.Read() - done))
			done = t.Read()
		}
	}
	b.end()
	took := time.Since(start)
	if r.verdict != nil {
		if err := errors.Join(r.verdict.Flush(), verdicts.Keep()); err != nil {
			return err
		}
		if err := settings.WriteFile(filepath.Join(c.Out, "suspects.jsonl"), r.suspects()); err != nil {
			return err
		}
	}
	sum, err := r.summary()
	if err != nil {
		return err
	}
	if c.Out != "" {
		if err := settings.WriteFile(filepath.Join(c.Out, "summary.json"), sum); err != nil {
			return err
		}
	}
	fmt.Fprintf(io.err, "%d events in %.1f s, %.0f a second\n", events, took.Seconds(), float64(events)/took.Seconds())
	_, err = io.out.Write(sum)
	return err
}

func (c *replayCommand) start(ctx context.Context) (*replay, error) {
	r := &replay{c: c, outcomes: map[string]int{}, classes: map[string]int{}}
	index, err := loadLists(ctx, c.Bad, c.Good)
	if err != nil {
		return nil, err
	}
	inspector, err := inspect.New(inspect.Config{Model: c.Model, Brands: c.Brands, Home: subject.Japan, Indicators: func() inspect.Lookup { return index }})
	if err != nil {
		return nil, err
	}
	policy, err := gate.ReadPolicy(c.Policy, subject.Japan, rules())
	if err != nil {
		return nil, err
	}
	policy.Enforce()
	home := consent.DefaultConfig()
	if len(c.Home) > 0 {
		home.Home = c.Home
	}
	if r.register, err = consent.NewRegister(home); err != nil {
		return nil, err
	}
	r.gate = gate.New(gate.Config{Inspector: inspector, Policy: policy, Choices: r.register,
		Campaigns: detect.NewCampaigns(detect.Config{Seed: 1}), Domains: detect.NewDomains(0, 1), Now: func() time.Time { return r.now }})
	r.lines = newInfections(r.gate.Policy, r.register, partyOf)
	return r, nil
}

// event does what one line of the trace says.
func (r *replay) event(e *trace.Event) error {
	r.now = e.Time
	switch e.Type {
	case trace.Contract:
		r.n.contracts++
		line, err := e.Of()
		if err != nil {
			return err
		}
		ended, err := r.names.Apply(r.register, consent.Event(e.Event), e.Contract, line)
		if errors.Is(err, consent.ErrFree) {
			return nil // released twice
		}
		if ended != 0 {
			r.lines.end(ended, e.Time)
		}
		return err
	case trace.Consent:
		r.n.consents++
		return r.consent(e)
	case trace.Message:
		r.n.messages++
		return r.message(e)
	case trace.Report:
		r.n.reports++
		r.report(e)
	}
	return nil
}

func (r *replay) consent(e *trace.Event) error {
	p, err := purpose.Parse(e.Scope)
	if err != nil {
		return err
	}
	choice := purpose.OptedOut
	if *e.Granted {
		choice = purpose.OptedIn
	}
	line, err := e.Of()
	if err != nil {
		return err
	}
	c := r.register.Contract(line)
	if e.Contract != "" {
		known, ok := r.names.Find(e.Contract)
		if !ok {
			return fmt.Errorf("the contract %.40q is not known: no event of it stands above", e.Contract)
		}
		c = known
	}
	if c == 0 {
		err := r.register.Set(line, p, choice) // of somebody else's subscriber
		if errors.Is(err, consent.ErrFree) {   // of nobody: the line was released, and has no holder yet
			err = nil
		}
		return err
	}
	if err := r.register.SetOf(c, p, choice); err != nil {
		return err
	}
	if p == purpose.InfectionNotice && choice == purpose.OptedOut {
		r.lines.optOut(c)
	}
	return nil
}

func (r *replay) message(e *trace.Event) error {
	m := &r.msg
	to := m.To[:0]
	*m = message.Message{ID: e.ID, Time: e.Time, Door: "trace", Text: append(m.Text[:0], e.Text...)}
	if e.Route != "" {
		m.Route, _ = message.ParseRoute(e.Route)
	}
	m.From, _ = subject.ParseAddress(e.From, subject.Japan)
	a, err := subject.ParseAddress(e.To, subject.Japan)
	if err != nil {
		return fmt.Errorf("to: %w", err)
	}
	m.To = append(to, a)
	r.gate.Pass(context.Background(), m, &r.verdicts)
	v := &r.verdicts.Each[0]
	r.outcomes[v.Outcome.String()]++
	r.classes[v.Class.String()]++
	if r.verdict != nil {
		r.buf = v.AppendJSON(r.buf[:0], m, &r.verdicts.Report, gate.JSON{Policy: r.gate.Policy(), Language: inspect.English})
		r.buf = append(r.buf[:len(r.buf)-1], `,"time":"`...)
		r.buf = append(e.Time.UTC().AppendFormat(r.buf, time.RFC3339Nano), "\"}\n"...)
		if _, err := r.verdict.Write(r.buf); err != nil {
			return err
		}
	}
	if v.Outcome.Stopped() {
		r.n.stopped++
	}
	r.about = v.Record(&r.rec, m, &r.verdicts, r.gate.Policy(), r.about[:0])
	r.lines.stopped(&r.rec)
	return nil
}

func (r *replay) report(e *trace.Event) {
	suspect, err := subject.ParseAddress(e.Suspect, subject.Japan)
	if err != nil || suspect.Line() == 0 { // a sender's name: nobody's line
		return
	}
	reporter, _ := subject.ParseAddress(e.Reporter, subject.Japan)
	r.lines.reported(suspect.Line(), reporter, e.Time, 1)
}

// suspectLine is a line of suspects.jsonl.
type suspectLine struct {
	Line     string            `json:"line"`
	Kind     string            `json:"kind"`
	Opened   time.Time         `json:"opened"`
	First    time.Time         `json:"first_evidence"`
	Before   uint32            `json:"messages_before"`
	Score    float64           `json:"score"`
	Campaign []string          `json:"campaigns"`
	Notice   notice            `json:"notice"`
	Ended    *time.Time        `json:"ended,omitempty"` // the contract ended
	Reasons  []evidence.Reason `json:"reasons"`
}

type notice struct {
	Allowed bool   `json:"allowed"`
	Ground  string `json:"ground"`
	Why     string `json:"why"`
}

func (r *replay) suspects() []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	for _, s := range r.lines.all() {
		l := suspectLine{Line: s.Line.String(), Kind: "infected-line", Opened: time.UnixMicro(s.Opened).UTC(), First: time.UnixMicro(s.First).UTC(),
			Before: s.Before, Score: s.Score.Points, Campaign: []string{}, Reasons: s.Score.Reasons}
		for _, c := range s.Campaign {
			l.Campaign = append(l.Campaign, fmt.Sprintf("%016x", c))
		}
		if !s.ended.IsZero() {
			l.Ended = &s.ended
		}
		l.Notice = r.lines.notice(s)
		e.Encode(l) // to memory
	}
	return b.Bytes()
}

func (r *replay) summary() ([]byte, error) {
	all := r.lines.all()
	open := 0
	for _, s := range all {
		if s.ended.IsZero() {
			open++
		}
	}
	b, err := json.MarshalIndent(map[string]any{
		"messages": r.n.messages, "stopped": r.n.stopped, "reports": r.n.reports, "contract_events": r.n.contracts, "consents": r.n.consents,
		"outcomes": r.outcomes, "classes": r.classes, "suspects": len(all), "suspects_open": open,
	}, "", "  ")
	return append(b, '\n'), err
}

// partyOf is a recipient or reporter as the evidence of a trace has it; in the running checkpoint it is a pseudonym.
func partyOf(a subject.Address) uint64 {
	h := uint64(14695981039346656037) // FNV-1a
	for _, c := range a.Bytes() {
		h = (h ^ uint64(c)) * 1099511628211
	}
	return h
}
