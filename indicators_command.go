package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/sekisho/sekisho/indicator"
	"github.com/sekisho/sekisho/store"
)

type indicatorsCommand struct {
	List     indicatorsList `cmd:"" default:"withargs" help:"List the register of indicators, what changed last first."`
	Add      indicatorsAdd  `cmd:"" help:"Put an indicator in force by your word."`
	Agree    indicatorsMove `cmd:"" help:"Agree to one that waits for a person."`
	Withdraw indicatorsMove `cmd:"" help:"Withdraw one that is wrong; whoever was given it is told."`
}

func (indicatorsCommand) Help() string {
	return `An indicator is a link, host, domain, number, range, sender, text family or file that is known bad. Those of the register come of reports, of what people
say here, and of partners; lists and feeds of the configuration stand beside them. One that is not seen any more expires by its half-life.

Examples:
  sekisho indicators -status proposed
  sekisho indicators agree 6f0c... -why "seen it myself"
  sekisho indicators add host bad-parcel.example -why "abuse desk"
  sekisho indicators withdraw 6f0c... -why "it is a shop"`
}

func (c *indicatorsCommand) BeforeResolve() error {
	c.Agree.to, c.Withdraw.to = indicator.Active.String(), indicator.Withdrawn.String()
	return nil
}

type indicatorsList struct {
	Status string `default:"" enum:",proposed,active,withdrawn,expired" help:"Only proposed, active, withdrawn or expired."`
	Value  string `help:"Only this link, host, number..." placeholder:"VALUE"`
	Limit  int    `default:"50" help:"How many at most."`
	onRunning
}

func (c indicatorsList) Run(ctx context.Context, io streams) error {
	return tell(ctx, io, c.Config, "/indicators", url.Values{"status": {c.Status}, "value": {c.Value}, "limit": {strconv.Itoa(c.Limit)}})
}

type indicatorsAdd struct {
	Kind       string `arg:"" help:"url, host, domain, number, range, sender, family or hash."`
	Value      string `arg:"" help:"The link, host, number..."`
	Role       string `help:"Of a number: callback, fraud, business, victim. One without a role, and a victim's, is never shared." placeholder:"ROLE"`
	TLP        string `default:"green" help:"How far it may travel: clear, green, amber, amber+strict, red."`
	Confidence uint8  `default:"90" help:"In percent."`
	Force      bool   `help:"Also where it is an official or popular site: every text that leads there is stopped."`
	Why        string `required:"" help:"Why."`
	by
	onRunning
}

func (c indicatorsAdd) Run(ctx context.Context, io streams) error {
	who, err := c.by.name()
	if err != nil {
		return err
	}
	return tell(ctx, io, c.Config, "/indicators/add", url.Values{"kind": {c.Kind}, "value": {c.Value}, "role": {c.Role}, "tlp": {c.TLP}, "confidence": {strconv.Itoa(int(c.Confidence))},
		"who": {who}, "why": {c.Why}, "force": {strconv.FormatBool(c.Force)}})
}

type indicatorsMove struct {
	ID    string `arg:"" help:"The indicator, as the list names it."`
	Force bool   `help:"Also where it is an official or popular site: every text that leads there is stopped."`
	Why   string `required:"" help:"Why."`
	by
	onRunning
	to string
}

func (c *indicatorsMove) Run(ctx context.Context, io streams) error {
	who, err := c.by.name()
	if err != nil {
		return err
	}
	return tell(ctx, io, c.Config, "/indicators/move", url.Values{"id": {c.ID}, "to": {c.to}, "who": {who}, "why": {c.Why}, "force": {strconv.FormatBool(c.Force)}})
}

func (p *program) listIndicators(r *http.Request) (string, error) {
	limit, err := strconv.Atoi(r.FormValue("limit"))
	if err != nil || limit < 1 || limit > 10_000 {
		return "", errors.New("-limit: from 1 to 10000")
	}
	f := store.EntryFilter{Value: r.FormValue("value"), Limit: limit, Newest: true}
	if s := r.FormValue("status"); s != "" {
		st, err := indicator.ParseStatus(s)
		if err != nil {
			return "", err
		}
		f.Status = []indicator.Status{st}
	}
	var b bytes.Buffer
	w := tabwriter.NewWriter(&b, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "INDICATOR\tKIND\tVALUE\tROLE\tSTATUS\tSOURCE\tTLP\t%\tRIGHT\tWRONG\tLAST\tCHANGED\tBY\tWHY")
	n := 0
	err = p.store.Entries(r.Context(), f, func(e indicator.Entry) error {
		value := e.Value
		if e.Kind == indicator.Number && e.Role != indicator.RoleCallback && e.Role != indicator.RoleBusiness {
			value = maskNumber(value)
		}
		n++
		_, err := fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%d\t%d\t%d\t%s\t%s\t%s\t%s\n", e.ID, e.Kind, value, e.Role, e.Status, e.Source, e.TLP, e.Confidence, e.Right, e.Wrong,
			when(e.Last), when(e.Changed), e.By, e.Why)
		return err
	})
	if err != nil {
		return "", err
	}
	if n == 0 {
		return "the register has no such indicator", nil
	}
	w.Flush()
	return b.String(), nil
}

var errSpared = errors.New("it is an official or popular site: every honest text that leads there would be stopped, too; say -force if that is meant")

func maskNumber(s string) string {
	if len(s) < 8 {
		return s
	}
	return s[:3] + strings.Repeat("*", len(s)-6) + s[len(s)-3:]
}

func (p *program) addIndicator(r *http.Request) (string, error) {
	who, why, err := whoWhy(r)
	if err != nil {
		return "", err
	}
	id, err := p.putIndicator(r.Context(), wantedIndicator{kind: r.FormValue("kind"), value: r.FormValue("value"), role: r.FormValue("role"), tlp: r.FormValue("tlp"),
		confidence: r.FormValue("confidence"), force: r.FormValue("force") == "true"}, who, why)
	return "in force: " + id, err
}

// wantedIndicator is what somebody asks to be put in force, as he wrote it.
type wantedIndicator struct {
	kind, value, role, tlp, confidence string
	force                              bool // also where it is an official or popular site
}

// entry reads it; its errors are sentences that do not repeat the value.
func (w *wantedIndicator) entry() (e indicator.Entry, err error) {
	if e.Kind, err = indicator.ParseKind(w.kind); err != nil {
		return e, err
	}
	if w.role != "" {
		if e.Role, err = indicator.ParseRole(w.role); err != nil {
			return e, err
		}
	}
	if e.TLP, err = indicator.ParseTLP(w.tlp); err != nil {
		return e, err
	}
	confidence, err := strconv.ParseUint(w.confidence, 10, 8)
	if err != nil || confidence > 100 {
		return e, errors.New("-confidence: from 0 to 100")
	}
	e.Confidence = uint8(confidence)
	e.Value, err = indicator.Normal(e.Kind, w.value)
	return e, err
}

// putIndicator puts one in force by somebody's word, and says what it is called.
func (p *program) putIndicator(ctx context.Context, w wantedIndicator, who, why string) (id string, err error) {
	e, err := w.entry()
	if err != nil {
		return "", err
	}
	now := time.Now().UTC()
	e.ID, e.Source, e.First, e.Last, e.Recipients, e.Status, e.Changed, e.By, e.Why = newUUID(), "people", now, now, 2, indicator.Active, now, who, why
	if p.spared(e) && !w.force {
		return "", errSpared
	}
	if err := p.store.PutEntries(ctx, who, why, []indicator.Entry{e}); err != nil {
		return "", err
	}
	return e.ID, p.registerChanged(ctx)
}

func (p *program) moveIndicator(r *http.Request) (string, error) {
	who, why, err := whoWhy(r)
	if err != nil {
		return "", err
	}
	to, err := indicator.ParseStatus(r.FormValue("to"))
	if err != nil || to != indicator.Active && to != indicator.Withdrawn {
		return "", errors.New("agree or withdraw")
	}
	err = p.moveEntry(r.Context(), r.FormValue("id"), to, r.FormValue("force") == "true", who, why)
	if errors.Is(err, store.ErrNotFound) {
		return "", errors.New("the register has no indicator of that name; `sekisho indicators` lists them")
	}
	return "in force: " + to.String(), err
}

// moveEntry puts an entry in force, or withdraws it, by somebody's word.
func (p *program) moveEntry(ctx context.Context, id string, to indicator.Status, force bool, who, why string) error {
	if to == indicator.Active && !force {
		e, err := p.store.Entry(ctx, id)
		if err == nil && p.spared(e) {
			return errSpared
		}
	}
	if err := p.store.MoveEntry(ctx, id, to, who, why, time.Now()); err != nil {
		return err
	}
	return p.registerChanged(ctx)
}
