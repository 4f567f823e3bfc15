package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/sekisho/sekisho/inspect"
	"github.com/sekisho/sekisho/message"
	"github.com/sekisho/sekisho/record"
	"github.com/sekisho/sekisho/store"
	"github.com/sekisho/sekisho/subject"
)

type findCommand struct {
	To     string        `help:"The recipient's number; - reads it from standard input, so that it stands in no list of processes." placeholder:"NUMBER"`
	ID     string        `help:"A message id." placeholder:"ID"`
	Since  time.Duration `default:"24h" help:"How far back."`
	Limit  int           `default:"50" help:"How many at most."`
	Lang   string        `default:"en" enum:"en,ja" help:"Language of the reasons."`
	Config string        `short:"c" default:"sekisho.toml" help:"The configuration file."`
}

func (findCommand) Help() string {
	return `Answers customer care: "my bank's code did not come: was it you?" Shows when messages for a line, or of an id,
passed, by which account, what was done, why, and what the receipt said. Texts are not kept, and numbers only as
pseudonyms that this installation's secret makes. What was delivered within the last half minute is not there yet.

Examples:
  echo +819012345678 | sekisho find -to -
  sekisho find -id 1a2b3c -since 720h`
}

// Run looks messages up in the store.
func (c findCommand) Run(ctx context.Context, io streams) error {
	if c.Limit < 1 || c.Since <= 0 {
		return errors.New("-limit and -since are above 0")
	}
	if (c.To == "") == (c.ID == "") {
		return errors.New("find what? Name either -to or -id")
	}
	cfg, s, err := storeOf(ctx, c.Config, io, false)
	if err != nil {
		return err
	}
	defer s.Close()
	now := time.Now()
	from, until := now.Add(-c.Since).UnixMicro(), now.UnixMicro()
	var found []store.Passage
	if c.ID != "" {
		found, err = s.MessagesByID(ctx, c.ID, from, until, c.Limit)
	} else {
		var party record.Party
		if party, err = c.party(&cfg, io); err == nil {
			found, err = s.MessagesTo(ctx, party, from, until, c.Limit)
		}
	}
	if err != nil {
		return err
	}
	if len(found) == 0 {
		_, err = fmt.Fprintf(io.out, "nothing passed in the last %v\n", c.Since)
		return err
	}
	slices.SortFunc(found, func(a, b store.Passage) int { return int(b.Time - a.Time) })
	w := tabwriter.NewWriter(io.out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "TIME\tACCOUNT\tROUTE\tMESSAGE ID\tDONE\tJUDGED\tRECEIPT\tWHY")
	for _, p := range found {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", time.UnixMicro(p.Time).Format(time.DateTime), p.Account, p.Route, p.MessageID,
			done(ctx, s, &p), p.Outcome, p.State, c.why(&p))
	}
	return w.Flush()
}

// done is what was done with a message, and what came of it since where it was held.
func done(ctx context.Context, s *store.Store, p *store.Passage) string {
	h, err := s.HeldByID(ctx, p.MessageID)
	if err != nil || string(h.State) == p.Done || h.State == store.StateHeld {
		return p.Done
	}
	return fmt.Sprintf("%s, %s %s", p.Done, h.State, time.UnixMicro(h.Decided).Format(time.DateTime))
}

func (c findCommand) party(cfg *Config, io streams) (record.Party, error) {
	to := c.To
	if to == "-" {
		line, err := bufio.NewReader(io.in).ReadString('\n')
		if err != nil && line == "" {
			return record.Party{}, errors.New("no number came on standard input")
		}
		to = strings.TrimSpace(line)
	}
	a, err := subject.ParseAddress(to, cfg.Home)
	if err != nil {
		return record.Party{}, fmt.Errorf("-to: %w", err)
	}
	secret, err := record.LoadSecret(filepath.Join(cfg.Data, "secret"))
	if err != nil {
		return record.Party{}, err
	}
	key, err := record.NewKey(secret)
	if err != nil {
		return record.Party{}, err
	}
	return key.Address(a), nil
}

// why are the reasons, as sentences.
func (c findCommand) why(p *store.Passage) string {
	lang := inspect.English
	if c.Lang == "ja" {
		lang = inspect.Japanese
	}
	if p.OptedOut {
		return "not judged: the contract opted out"
	}
	class, _ := message.ParseClass(p.Class)
	about := make([][]byte, len(p.About))
	for i, a := range p.About {
		about[i] = []byte(a)
	}
	var all []string
	for _, r := range explain(class, p.PPhishing, p.PBad, p.Rules, about) {
		all = append(all, r.Why[lang])
	}
	return strings.Join(all, " ")
}
