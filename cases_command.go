package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/user"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/sekisho/sekisho/action"
	"github.com/sekisho/sekisho/cases"
	"github.com/sekisho/sekisho/consent"
	"github.com/sekisho/sekisho/gate"
	"github.com/sekisho/sekisho/purpose"
	"github.com/sekisho/sekisho/store"
)

type casesCommand struct {
	List    casesList    `cmd:"" default:"withargs" help:"List the cases, the most pressing first."`
	Show    casesShow    `cmd:"" help:"Show a case: why it was found, who moved it, who was told."`
	Agree   casesAgree   `cmd:"" help:"Agree that the owners of these lines are told."`
	Wrong   casesWrong   `cmd:"" help:"Say that a line never was infected."`
	Cured   casesCured   `cmd:"" help:"Say that a phone was cleaned."`
	Export  casesExport  `cmd:"" help:"Write the list of whom customer care is to call."`
	Import  casesImport  `cmd:"" help:"Read what customer care entered in the list."`
	Figures casesFigures `cmd:"" help:"Say how often warnings were wrong, lines relapsed, owners could not be reached."`
	Preview casesPreview `cmd:"" help:"Print the notices, as owners get them, and check the templates."`
}

func (casesCommand) Help() string {
	return `A case is a line whose phone malware uses to send. It is open when found, noticed once its owner was told, quiet after seven days without a
stopped text, cured when somebody confirms besides that the phone was cleaned, relapsed when found again; wrong where a person says that it never
was infected, closed when the contract ends or opts out. A closed case keeps neither the line nor what stood against it.

Nobody is told before a person agreed, and no one whose contract opted out of infection_notice.

Examples:
  sekisho cases list
  sekisho cases agree il-0000abcdef
  sekisho cases export calls.csv          numbers in full: only you can read the file
  sekisho cases import calls.csv          the same file, with 結果 (outcome) filled in
  sekisho cases wrong il-0000abcdef -why "the club's own mailing"`
}

// casesOn is what all of them need.
type casesOn struct {
	Config string `short:"c" default:"sekisho.toml" help:"The configuration file."`
}

// by is who acts.
type by struct {
	Who string `help:"Who you are; the user of the operating system where nothing is said." placeholder:"NAME"`
}

func (b by) name() (string, error) {
	if who := strings.TrimSpace(b.Who); who != "" {
		return who, nil
	}
	u, err := user.Current()
	if err != nil || u.Username == "" {
		return "", errors.New("the operating system does not say who you are: name yourself with -who")
	}
	return u.Username, nil
}

// asking asks contracts for their leave, for commands that run beside the checkpoint: by the policy, the file of choices, and what was told since.
type asking struct {
	policy   *gate.Policy
	register *consent.Register
}

func askingOf(ctx context.Context, cfg *Config, s *store.Store) (*asking, error) {
	policy, err := cfg.readPolicy()
	if err != nil {
		return nil, err
	}
	register, err := cfg.readConsent(ctx)
	if err != nil {
		return nil, err
	}
	p := &program{store: s, consent: register}
	if err := p.loadContracts(ctx); err != nil {
		return nil, err
	}
	return &asking{policy, register}, nil
}

// leave is the leave to tell the owner of a case, from the contract that it is about.
func (a *asking) leave(c *cases.Case) (purpose.Grant, error) {
	if c.Line == 0 || a.register.Contract(c.Line) != c.Contract {
		return purpose.Grant{}, fmt.Errorf("case %s: its contract has ended, and the line may be somebody else's", c.ID)
	}
	g, err := purpose.Ask(&a.policy.Purposes, purpose.InfectionNotice, c.Line, a.register)
	if err != nil {
		return g, fmt.Errorf("case %s: nobody is told: %w", c.ID, err)
	}
	return g, nil
}

func caseByID(ctx context.Context, s *store.Store, id string) (*cases.Case, error) {
	c, err := s.Case(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, fmt.Errorf("there is no case %.20q; `sekisho cases list` lists them", id)
	}
	return c, err
}

type casesList struct {
	State []string `help:"Only cases that are open, noticed, quiet, cured, relapsed, wrong or closed." placeholder:"STATE"`
	Limit int      `default:"50" help:"How many at most."`
	Lang  string   `default:"en" enum:"en,ja" help:"Language."`
	casesOn
}

func (c casesList) Run(ctx context.Context, io streams) error {
	if c.Limit < 1 {
		return errors.New("-limit is above 0")
	}
	var f store.CaseFilter
	for _, name := range c.State {
		st, err := cases.ParseState(name)
		if err != nil {
			return err
		}
		f.States = append(f.States, st)
	}
	_, s, err := storeOf(ctx, c.Config, io, false)
	if err != nil {
		return err
	}
	defer s.Close()
	all, err := s.Cases(ctx, f)
	if err != nil {
		return err
	}
	if len(all) == 0 {
		_, err := fmt.Fprintln(io.out, in(c.Lang, "there is no case", "案件はありません"))
		return err
	}
	cases.Rank(all)
	w := tabwriter.NewWriter(io.out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, in(c.Lang, "CASE\tSTATE\tLINE\tSCORE\tTEXTS\tOPENED\tLAST\tTOLD", "案件ID\t状態\t回線\tスコア\t通数\t検知\t最後の検知\t通知"))
	for _, k := range all[:min(len(all), c.Limit)] {
		fmt.Fprintf(w, "%s\t%s\t%s\t%.1f\t%d\t%s\t%s\t%s\n", k.ID, in(c.Lang, string(k.State), k.State.Ja()), k.Line.Mask(), k.Score, k.Stopped,
			when(k.Opened), when(k.LastEvidence), when(k.Noticed))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if more := len(all) - c.Limit; more > 0 {
		fmt.Fprintf(io.err, in(c.Lang, "and %d more; -limit shows them\n", "ほか%d件（-limit で表示）\n"), more)
	}
	return nil
}

func in(lang, en, ja string) string {
	if lang == "ja" {
		return ja
	}
	return en
}

func when(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Local().Format("2006-01-02 15:04")
}

type casesShow struct {
	ID   string `arg:"" help:"The case, as the list names it."`
	Lang string `default:"en" enum:"en,ja" help:"Language of the reasons."`
	casesOn
}

func (c casesShow) Run(ctx context.Context, io streams) error {
	_, s, err := storeOf(ctx, c.Config, io, false)
	if err != nil {
		return err
	}
	defer s.Close()
	k, err := caseByID(ctx, s, c.ID)
	if err != nil {
		return err
	}
	notices, err := s.Notices(ctx, k.ID)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	i := 0
	if c.Lang == "ja" {
		i = 1
	}
	row := func(name, value string) {
		if value != "" && value != "-" {
			fmt.Fprintf(&b, "%s: %s\n", name, value)
		}
	}
	row(in(c.Lang, "case", "案件ID"), k.ID)
	row(in(c.Lang, "state", "状態"), in(c.Lang, string(k.State), k.State.Ja()))
	row(in(c.Lang, "line", "回線"), k.Line.Mask())
	row(in(c.Lang, "opened", "検知"), when(k.Opened))
	row(in(c.Lang, "first stopped", "最初の阻止"), when(k.FirstEvidence))
	row(in(c.Lang, "last stopped", "最後の阻止"), when(k.LastEvidence))
	if k.State != cases.Closed {
		row(in(c.Lang, "score", "スコア"), fmt.Sprintf(in(c.Lang, "%.1f, by %d texts", "%.1f（%d通）"), k.Score, k.Stopped))
	}
	row(in(c.Lang, "owner told", "通知"), when(k.Noticed))
	if !k.Confirmed.IsZero() {
		row(in(c.Lang, "said to be cleaned", "対処の確認"), when(k.Confirmed)+" "+k.ConfirmedBy)
	}
	for _, r := range k.Reasons {
		fmt.Fprintf(&b, "  - %s\n", r.Why[i])
	}
	if !k.State.Ended() {
		row(in(c.Lang, "what clears it", "解消の条件"), k.Clears[i])
	}
	for _, m := range k.Moves {
		fmt.Fprintf(&b, "%s  %s -> %s  %s: %s\n", when(m.At), in(c.Lang, string(m.From), m.From.Ja()), in(c.Lang, string(m.To), m.To.Ja()), m.Who,
			in(c.Lang, m.Why, cases.WhyJa(m.Why)))
	}
	for _, n := range notices {
		fmt.Fprintf(&b, "%s  %s  %s  %s  %s\n", when(n.Planned), n.ID, n.Channel, n.State, strings.TrimSpace(n.AgreedBy+" "+n.Why))
	}
	_, err = io.out.Write(b.Bytes())
	return err
}

type casesAgree struct {
	ID []string `arg:"" help:"The cases, as the list names them."`
	by
	casesOn
}

// Run plans a notice of each case where none is, and agrees to it. Where one of several cannot be told, none is agreed to.
func (c casesAgree) Run(ctx context.Context, io streams) error {
	who, err := c.name()
	if err != nil {
		return err
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
	how := cfg.Notices
	words, err := action.ReadWords(how.Templates)
	if err != nil {
		return err
	}
	contacts, err := cfg.contacts()
	if err != nil {
		return err
	}
	now := time.Now()
	var plans []*action.Notice
	states := map[string]cases.State{}
	for _, id := range c.ID {
		k, err := caseByID(ctx, s, id)
		if err != nil {
			return err
		}
		g, err := a.leave(k)
		if err != nil {
			return err
		}
		n, err := action.Plan(k, contacts[k.Line], now, &how, words, g)
		if err != nil {
			return err
		}
		n.Who = who
		if states[k.ID] == "" {
			plans = append(plans, n)
		}
		states[k.ID] = k.State
	}
	for _, n := range plans {
		err := s.PlanNotice(ctx, &n.Notice, states[n.Case])
		if errors.Is(err, store.ErrUnderWay) { // somebody planned it: the latest that waits
			err = waiting(ctx, s, n)
		}
		if err == nil {
			err = s.MoveNotice(ctx, store.NoticeStep{ID: n.ID, From: cases.Planned, To: cases.Agreed, At: now, Who: who})
		}
		if err != nil {
			return fmt.Errorf("case %s: %w", n.Case, err)
		}
		fmt.Fprintf(io.out, "%s: agreed, by %s\n", n.ID, n.Channel)
	}
	if !how.Send {
		fmt.Fprintln(io.err, "nothing leaves while notices.send is false; customer care can call by the list that `sekisho cases export FILE` writes")
	}
	return nil
}

// waiting finds the notice of a case that waits to be agreed to.
func waiting(ctx context.Context, s *store.Store, n *action.Notice) error {
	all, err := s.Notices(ctx, n.Case, cases.Planned, cases.Agreed)
	if err != nil {
		return err
	}
	if len(all) == 0 {
		return store.ErrMoved
	}
	switch w := all[0]; {
	case w.State == cases.Agreed:
		return fmt.Errorf("%s has agreed already", w.AgreedBy)
	case w.Channel != n.Channel || w.Text != n.Text:
		return action.ErrChanged
	default:
		n.ID = w.ID
		return nil
	}
}

type casesWrong struct {
	ID  string `arg:"" help:"The case."`
	Why string `required:"" help:"How it is known."`
	by
	casesOn
}

func (c casesWrong) Run(ctx context.Context, io streams) error {
	who, err := c.name()
	if err != nil {
		return err
	}
	_, s, err := storeOf(ctx, c.Config, io, false)
	if err != nil {
		return err
	}
	defer s.Close()
	k, err := caseByID(ctx, s, c.ID)
	if err != nil {
		return err
	}
	if err := s.MoveCase(ctx, cases.Move{Case: k.ID, At: time.Now(), From: k.State, To: cases.Wrong, Who: who, Why: c.Why}); err != nil {
		return err
	}
	if err := s.DropStanding(ctx, k.Contract); err != nil {
		return err
	}
	// A checkpoint that runs may find the line anew at once; one that does not, when it starts.
	if _, err := ask(ctx, c.Config, "/cases", nil); err != nil && !errors.Is(err, errNobody) {
		return fmt.Errorf("the case is wrong now; the checkpoint that runs did not take it up: %w", err)
	}
	_, err = fmt.Fprintf(io.out, "case %s is wrong: nobody is told\n", k.ID)
	return err
}

type casesCured struct {
	ID  string `arg:"" help:"The case."`
	Why string `required:"" help:"How it is known."`
	by
	casesOn
}

// Run confirms; the case is cured at once where it is quiet, and otherwise as soon as it is.
func (c casesCured) Run(ctx context.Context, io streams) error {
	who, err := c.name()
	if err != nil {
		return err
	}
	_, s, err := storeOf(ctx, c.Config, io, false)
	if err != nil {
		return err
	}
	defer s.Close()
	k, err := caseByID(ctx, s, c.ID)
	if err != nil {
		return err
	}
	now := time.Now()
	if !k.State.Active() && k.State != cases.Quiet {
		return (&cases.Case{ID: k.ID, State: k.State}).Apply(cases.Move{From: k.State, To: cases.Cured, Who: who, Why: c.Why})
	}
	t := store.Told{Case: k.ID, State: k.State, Confirmed: now, Who: who}
	if k.State == cases.Quiet {
		t.Moves = []cases.Move{{Case: k.ID, At: now, From: cases.Quiet, To: cases.Cured, Who: who, Why: c.Why}}
	}
	if err := s.TellAll(ctx, []store.Told{t}); err != nil {
		return err
	}
	if k.State == cases.Quiet {
		_, err = fmt.Fprintf(io.out, "case %s is cured\n", k.ID)
	} else {
		_, err = fmt.Fprintf(io.out, "case %s: confirmed; it is cured once nothing of it was stopped for seven days\n", k.ID)
	}
	return err
}

type casesFigures struct {
	JSON bool   `name:"json" help:"As JSON."`
	Lang string `default:"en" enum:"en,ja" help:"Language."`
	casesOn
}

func (c casesFigures) Run(ctx context.Context, io streams) error {
	_, s, err := storeOf(ctx, c.Config, io, false)
	if err != nil {
		return err
	}
	defer s.Close()
	all, err := s.Cases(ctx, store.CaseFilter{})
	if err != nil {
		return err
	}
	notices, err := s.Notices(ctx, "")
	if err != nil {
		return err
	}
	f := cases.Figure(all, notices)
	if c.JSON {
		return json.NewEncoder(io.out).Encode(f)
	}
	for _, st := range cases.States() {
		if n := f.Cases[st]; n > 0 {
			fmt.Fprintf(io.out, "%s: %d\n", in(c.Lang, string(st), st.Ja()), n)
		}
	}
	for _, x := range []struct {
		name string
		r    cases.Rate
	}{
		{in(c.Lang, "warned, and it was wrong", "通知後に誤検知と判明"), f.Wrong},
		{in(c.Lang, "quiet, and found again", "沈静化後の再発"), f.Relapse},
		{in(c.Lang, "could not be reached", "連絡不能"), f.Unreachable},
	} {
		if x.r.In == 0 {
			fmt.Fprintf(io.out, "%s: %s\n", x.name, in(c.Lang, "none yet", "該当なし"))
			continue
		}
		low, high := x.r.Interval()
		fmt.Fprintf(io.out, in(c.Lang, "%s: %d of %d, %.1f%% (95%%: %.1f%% to %.1f%%)\n", "%s: %d / %d件、%.1f%%（95%%信頼区間 %.1f%%～%.1f%%）\n"),
			x.name, x.r.Of, x.r.In, 100*x.r.Value(), 100*low, 100*high)
	}
	return nil
}

type casesPreview struct {
	Lang      string `default:"ja" enum:"en,ja" help:"Language of the notices."`
	Templates string `help:"Folder of templates to check and print; without one the embedded ones." placeholder:"DIR"`
}

// Run needs no store: it shows facts of nobody.
func (c casesPreview) Run(io streams) error {
	words, err := action.ReadWords(c.Templates)
	if err != nil {
		return err
	}
	cfg := action.Default()
	for _, ch := range []cases.Channel{cases.Mail, cases.Post, cases.Call, cases.SMS} {
		subject, body, version, err := words.Preview(ch, c.Lang, &cfg)
		if err != nil {
			return err
		}
		fmt.Fprintf(io.out, "=== %s\n", version)
		if subject != "" {
			fmt.Fprintf(io.out, "%s\n\n", subject)
		}
		fmt.Fprintf(io.out, "%s\n\n", body)
	}
	return nil
}
