package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/sekisho/sekisho/action"
	"github.com/sekisho/sekisho/cases"
	"github.com/sekisho/sekisho/settings"
	"github.com/sekisho/sekisho/store"
)

// exists reports whether there is a file that would be written over.
func exists(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

type casesExport struct {
	File string `arg:"" help:"File to write; it must not be there yet."`
	casesOn
}

// Run writes the list of calls that were agreed to. Each contract is asked again: it may have opted out since.
func (c casesExport) Run(ctx context.Context, io streams) error {
	if exists(c.File) {
		return fmt.Errorf("%s is there already, and customer care may have filled it in", c.File)
	}
	cfg, s, err := storeOf(ctx, c.Config, io, false)
	if err != nil {
		return err
	}
	defer s.Close()
	a, err := askingOf(ctx, &cfg, s)
	if err != nil {
		return err
	}
	notices, err := s.Notices(ctx, "", cases.Agreed)
	if err != nil {
		return err
	}
	var all []*cases.Case
	for _, n := range notices {
		if n.Channel != cases.Call {
			continue
		}
		k, err := s.Case(ctx, n.Case)
		if err != nil {
			return err
		}
		if !k.State.Active() {
			continue
		}
		if _, err := a.leave(k); err != nil {
			fmt.Fprintln(io.err, "left out:", err)
			continue
		}
		all = append(all, k)
	}
	if len(all) == 0 {
		return errors.New("nobody is to be called: agree to cases first, with `sekisho cases agree ID`")
	}
	how := cfg.Notices
	zone, err := time.LoadLocation(how.Zone)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := action.WriteCalls(&b, all, zone); err != nil {
		return err
	}
	if err := settings.WriteFile(c.File, b.Bytes()); err != nil {
		return err
	}
	_, err = fmt.Fprintf(io.out, "%s: %d to call. It has their numbers in full: hand it over safely, and destroy it afterwards.\n", c.File, len(all))
	return err
}

type casesImport struct {
	File string `arg:"" help:"The list, with outcomes filled in."`
	by
	casesOn
}

// Run enters what came of the calls, all or nothing.
func (c casesImport) Run(ctx context.Context, io streams) error {
	who, err := c.name()
	if err != nil {
		return err
	}
	_, s, err := storeOf(ctx, c.Config, io, false)
	if err != nil {
		return err
	}
	defer s.Close()
	f, err := os.Open(c.File)
	if err != nil {
		return err
	}
	defer f.Close()
	known := map[string]*cases.Case{}
	called, err := action.ReadCalls(f, c.File, func(id string) (*cases.Case, error) {
		k, err := s.Case(ctx, id)
		if errors.Is(err, store.ErrNotFound) {
			return nil, nil
		}
		known[id] = k
		return k, err
	})
	if err != nil {
		return err
	}
	notices, err := s.Notices(ctx, "", cases.Agreed)
	if err != nil {
		return err
	}
	agreed := map[string]string{}
	for _, n := range notices {
		if n.Channel == cases.Call {
			agreed[n.Case] = n.ID
		}
	}
	now := time.Now()
	var told []store.Told
	for _, o := range called {
		if agreed[o.Case] == "" {
			return fmt.Errorf("%s:%d: no call about case %s is agreed to, or its outcome is entered already", c.File, o.Line, o.Case)
		}
		told = append(told, toldOf(o, known[o.Case].State, agreed[o.Case], who, now))
	}
	if err := s.TellAll(ctx, told); err != nil {
		return fmt.Errorf("%s: nothing was entered: %w", c.File, err)
	}
	_, err = fmt.Fprintf(io.out, "%s: %d outcomes entered\n", c.File, len(told))
	return err
}

// toldOf is what an outcome makes of a case and its notice.
func toldOf(o action.Called, state cases.State, notice, who string, now time.Time) store.Told {
	why := string(o.Outcome)
	if o.Note != "" {
		why += ": " + o.Note
	}
	t := store.Told{Case: o.Case, State: state, Who: who}
	if !o.Outcome.Reached() {
		t.Steps = []store.NoticeStep{{ID: notice, From: cases.Agreed, To: cases.Failed, At: now, Who: who, Why: why, Tried: true}}
		return t
	}
	t.Steps = []store.NoticeStep{
		{ID: notice, From: cases.Agreed, To: cases.Sent, At: now, Who: who, Why: why},
		{ID: notice, From: cases.Sent, To: cases.Receipted, At: now, Who: who, Why: why},
	}
	if state == cases.Open || state == cases.Relapsed { // the notice that was sent made it so
		state = cases.Noticed
	}
	switch o.Outcome {
	case action.ReachedCleaned:
		t.Confirmed = now
		if state == cases.Quiet {
			t.Moves = []cases.Move{{Case: o.Case, At: now, From: state, To: cases.Cured, Who: who, Why: why}}
		}
	case action.WrongFinding:
		t.Moves = []cases.Move{{Case: o.Case, At: now, From: state, To: cases.Wrong, Who: who, Why: why}}
	}
	return t
}
