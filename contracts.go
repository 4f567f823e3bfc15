package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	goio "io"
	"net/http"
	"os"
	"time"

	"github.com/sekisho/sekisho/auth"
	"github.com/sekisho/sekisho/consent"
	"github.com/sekisho/sekisho/purpose"
	"github.com/sekisho/sekisho/store"
	"github.com/sekisho/sekisho/subject"
	"github.com/sekisho/sekisho/trace"
)

// What becomes of contracts, and what they choose, comes as events of a trace: by `sekisho contracts`, by POST /v1/contracts. Events are on disk
// before they are in force, and in force before they are answered.

// contractsMost bounds one batch: octets, and events.
const (
	contractsMost      = 16 << 20
	contractEventsMost = 100_000
)

// loadContracts puts in force all that was told so far.
func (p *program) loadContracts(ctx context.Context) error {
	err := p.store.ContractEvents(ctx, func(e store.ContractEvent) error {
		_, err := p.names.Apply(p.consent, consent.Event(e.Event), e.Name, e.Line)
		if errors.Is(err, consent.ErrFree) { // as it was then
			err = nil
		}
		return err
	})
	if err != nil {
		return err
	}
	return p.loadChoices(ctx, p.consent)
}

// loadChoices puts choices that were told one by one in force, over those of the file.
func (p *program) loadChoices(ctx context.Context, r *consent.Register) error {
	for c, err := range p.store.Choices(ctx) {
		if err != nil {
			return err
		}
		of, err := purpose.Parse(c.Purpose)
		if err != nil {
			return fmt.Errorf("read choices: %w", err)
		}
		if err := r.SetOf(c.Contract, of, choiceOf(c.Choice == choseIn)); err != nil {
			return fmt.Errorf("read choices: %w", err)
		}
	}
	return nil
}

const choseIn, choseOut = "in", "out"

func choiceOf(granted bool) purpose.Choice {
	if granted {
		return purpose.OptedIn
	}
	return purpose.OptedOut
}

// tellContracts takes in a batch of events: all of it, or nothing with an error that names the line.
func (p *program) tellContracts(ctx context.Context, name string, in goio.Reader) (int, error) {
	p.contracts.Lock()
	defer p.contracts.Unlock()
	var all []trace.Event
	r := trace.NewReader(name, in)
	for {
		var e trace.Event
		err := r.Next(&e)
		if err == goio.EOF {
			break
		}
		if err != nil {
			return 0, err
		}
		if e.Type != trace.Contract && e.Type != trace.Consent {
			return 0, r.At(fmt.Errorf("type is %q; contracts are told by contract and consent", string(e.Type)))
		}
		if len(e.Contract) > 64 || len(e.Wording) > 64 || len(e.Channel) > 64 {
			return 0, r.At(errors.New("contract, wording and channel have at most 64 octets"))
		}
		if len(all) == contractEventsMost {
			return 0, r.At(fmt.Errorf("more than %d events at once", contractEventsMost))
		}
		all = append(all, e)
	}
	for i := 0; i < len(all); { // events of one type after the other, in their order
		j := i
		for j < len(all) && all[j].Type == all[i].Type {
			j++
		}
		var err error
		if all[i].Type == trace.Contract {
			err = p.moveLines(ctx, all[i:j])
		} else {
			err = p.choose(ctx, all[i:j])
		}
		if err != nil {
			return i, fmt.Errorf("%s: after %d events, which are in force: %w", name, i, err)
		}
		i = j
	}
	return len(all), nil
}

func (p *program) moveLines(ctx context.Context, events []trace.Event) error {
	rows := make([]store.ContractEvent, len(events))
	for i := range events {
		e := &events[i]
		line, err := e.Of()
		if err != nil {
			return err
		}
		rows[i] = store.ContractEvent{At: e.Time.UnixMicro(), Event: e.Event, Name: e.Contract, Line: line}
	}
	if err := p.store.AddContractEvents(ctx, rows...); err != nil {
		return err
	}
	for _, e := range rows {
		ended, err := p.names.Apply(p.consent, consent.Event(e.Event), e.Name, e.Line)
		if err != nil && !errors.Is(err, consent.ErrFree) {
			return err
		}
		if ended != 0 {
			p.endContract(ctx, ended, "the contract ended: "+e.Event)
		}
	}
	return nil
}

func (p *program) choose(ctx context.Context, events []trace.Event) error {
	rows := make([]store.Choice, len(events))
	for i := range events {
		e := &events[i]
		line, err := e.Of()
		if err != nil {
			return err
		}
		c := p.consent.Contract(line)
		if e.Contract != "" {
			known, ok := p.names.Find(e.Contract)
			if !ok {
				return fmt.Errorf("the contract %.40q is not known", e.Contract)
			}
			c = known
		}
		if c == 0 {
			if line == 0 || p.consent.Released(line) {
				return consent.ErrFree
			}
			c = subject.Contract(line) // somebody else's subscriber, who is left alone all the same
		}
		rows[i] = store.Choice{Contract: c, Purpose: e.Scope, At: time.Now().UnixMicro() + int64(i), Choice: choseOut, Wording: e.Wording, Channel: e.Channel}
		if *e.Granted {
			rows[i].Choice = choseIn
		}
	}
	if err := p.store.AddChoices(ctx, rows...); err != nil {
		return err
	}
	for _, c := range rows {
		of, err := purpose.Parse(c.Purpose)
		if err != nil {
			return err
		}
		if err := p.consent.SetOf(c.Contract, of, choiceOf(c.Choice == choseIn)); err != nil {
			return err
		}
		if of == purpose.InfectionNotice && c.Choice == choseOut {
			p.endContract(ctx, c.Contract, "the contract opted out of infection_notice")
		}
	}
	return nil
}

// endContract destroys what stands against a contract and closes its case.
func (p *program) endContract(ctx context.Context, c subject.Contract, why string) {
	p.infections.found.Forget(c)
	if err := p.store.CloseContract(ctx, c, why); err != nil {
		p.log.Error("the evidence against a contract could not be destroyed; it is tried again with the next reload", "err", err)
	}
}

// serveContracts is POST /v1/contracts: NDJSON, a contract or consent event of a trace a line.
func (p *program) serveContracts(w http.ResponseWriter, r *http.Request) {
	client, err := p.keys.Check(r.Header.Get("Authorization"))
	if err != nil || !client.Scopes.Has(auth.Contracts) {
		w.Header().Set("WWW-Authenticate", `Bearer realm="sekisho"`)
		http.Error(w, "an API key with the scope contracts is needed; `sekisho key add NAME --scope contracts` makes one", http.StatusUnauthorized)
		return
	}
	n, err := p.tellContracts(r.Context(), "body", http.MaxBytesReader(w, r.Body, contractsMost))
	if err != nil {
		http.Error(w, err.Error(), http.StatusUnprocessableEntity)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, "{\"in_force\":%d}\n", n)
}

type contractsCommand struct {
	File   string `arg:"" help:"JSONL with contract and consent events, as in a trace; - for standard input."`
	Config string `short:"c" default:"sekisho.toml" help:"The configuration file."`
}

func (contractsCommand) Help() string {
	return `Tells the running checkpoint what became of contracts and what they chose. Each line is an event:

  {"type":"contract","time":"2026-04-01T09:00:00Z","contract":"c1","line":"+8190...","event":"assign"}
  {"type":"consent","time":"2026-04-01T09:00:01Z","line":"+8190...","scope":"infection_notice","granted":false,
   "wording":"v3","channel":"shop"}

Events are assign, release, port_in, port_out and sim. A choice belongs to the contract and goes with it to another number; when a
line is released, what stood against it ends, and its next holder starts with nothing. All is in force when the
command returns. The same goes over HTTP: POST /v1/contracts, with an API key of the scope contracts.`
}

// Run hands the file to the running checkpoint.
func (c contractsCommand) Run(ctx context.Context, io streams) error {
	in := io.in
	if c.File != "-" {
		f, err := os.Open(c.File)
		if err != nil {
			return err
		}
		defer f.Close()
		in = f
	}
	b, err := goio.ReadAll(goio.LimitReader(in, contractsMost+1))
	if err != nil {
		return err
	}
	if len(b) > contractsMost {
		return fmt.Errorf("%s: more than %d MiB at once; split it", c.File, contractsMost>>20)
	}
	said, err := post(ctx, c.Config, "/contracts", "application/x-ndjson", bytes.NewReader(b))
	if err == nil {
		fmt.Fprintln(io.out, said)
	}
	return err
}
