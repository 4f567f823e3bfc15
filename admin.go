package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/term"

	"github.com/sekisho/sekisho/action"
	"github.com/sekisho/sekisho/auth"
	"github.com/sekisho/sekisho/gate"
	"github.com/sekisho/sekisho/indicator"
	"github.com/sekisho/sekisho/inspect"
	"github.com/sekisho/sekisho/purpose"
	"github.com/sekisho/sekisho/report"
	"github.com/sekisho/sekisho/share"
	"github.com/sekisho/sekisho/share/rpz"
	"github.com/sekisho/sekisho/store"
)

// verify reads everything that a configuration names.
func (c *Config) verify() (warnings []string, err error) {
	policy, err := c.readPolicy()
	if err != nil {
		return nil, err
	}
	if err = c.SMPP.Check(); err != nil {
		return nil, err
	}
	if err = c.HTTP.Check(); err != nil {
		return nil, err
	}
	if err = c.Notices.Check(); err != nil {
		return nil, fmt.Errorf("notices: %w", err)
	}
	if _, err = action.ReadWords(c.Notices.Templates); err != nil {
		return nil, fmt.Errorf("notices.templates: %w", err)
	}
	if _, err = c.contacts(); err != nil {
		return nil, err
	}
	if _, err = c.Audit.places(); err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	for i := range c.SMPP.Accounts {
		a := &c.SMPP.Accounts[i]
		if err = auth.CheckHash(a.Password); err != nil {
			return nil, fmt.Errorf("smpp.account %q: password: %w; `sekisho hash-password` prints one", a.SystemID, err)
		}
		if len(a.Addresses) == 0 {
			warnings = append(warnings, fmt.Sprintf("smpp.account %q may bind from anywhere; name its networks in addresses", a.SystemID))
		}
	}
	if host, _, _ := net.SplitHostPort(c.Console.Listen); host != "localhost" && !net.ParseIP(host).IsLoopback() {
		warnings = append(warnings, fmt.Sprintf("console.listen: whoever reaches %s sees the page, which has no sign-in; listen on loopback, behind a proxy that asks who it is", c.Console.Listen))
	}
	if len(c.SMPP.Upstreams) == 0 {
		warnings = append(warnings, "there is no smpp.upstream: texts have nowhere to go")
	}
	if _, err = inspect.New(inspect.Config{Model: c.Inspect.Model, Brands: c.Inspect.Brands, Home: c.Home}); err != nil {
		return warnings, err
	}
	files, err := c.indicatorFiles()
	if err != nil {
		return warnings, err
	}
	_, found, err := indicator.Load(context.Background(), files, nil)
	for _, w := range found {
		warnings = append(warnings, w.String())
	}
	if err != nil {
		return warnings, fmt.Errorf("indicators: %w", err)
	}
	if _, err = c.readConsent(context.Background()); err != nil {
		return warnings, err
	}
	return warnings, c.checkSharing(policy)
}

// checkSharing reads what reports, feeds, partners and the look-up name.
func (c *Config) checkSharing(policy *gate.Policy) error {
	if _, err := report.ReadTexts(c.Reports.Texts); err != nil {
		return fmt.Errorf("reports.texts: %w", err)
	}
	for _, f := range []struct{ name, path string }{{"share.group_key_file", c.Share.GroupKey}, {"lookup.group_key_file", c.Lookup.GroupKey}} {
		if f.path == "" {
			continue
		}
		raw, err := os.ReadFile(f.path)
		if err == nil {
			_, err = share.NewGroup(strings.TrimSpace(string(raw)))
		}
		if err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
	}
	for _, p := range c.Share.Partners {
		if p.Webhook == "" {
			continue
		}
		if _, err := webhookSecrets(p); err != nil {
			return err
		}
	}
	for _, f := range c.Feeds {
		if f.Header == "" {
			continue
		}
		if _, err := os.ReadFile(f.Header); err != nil {
			return fmt.Errorf("feeds %s: header_file: %w", f.Name, err)
		}
	}
	if len(c.Share.Partners) > 0 && policy.Purposes[purpose.Share] == purpose.NoGround {
		return errors.New("share.partner: the policy names no ground for sharing (share = \"business\" under [purposes]): partners would be given nothing")
	}
	if len(c.Share.RPZ.Listen) > 0 {
		if _, err := rpz.New(c.Share.RPZ, slog.New(slog.DiscardHandler), nil); err != nil {
			return fmt.Errorf("share.rpz: %w", err)
		}
	}
	return nil
}

type passwordCommand struct{}

// Run reads the password from the terminal without showing it, or a line of standard input.
func (passwordCommand) Run(io streams) error {
	var password string
	if f, ok := io.in.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		fmt.Fprint(io.err, "Password (at most 8 octets, SMPP 3.4 §5.2.2): ")
		b, err := term.ReadPassword(int(f.Fd()))
		fmt.Fprintln(io.err)
		if err != nil {
			return err
		}
		password = string(b)
	} else {
		line, err := bufio.NewReader(io.in).ReadString('\n')
		if err != nil && line == "" {
			return errors.New("no password came on standard input")
		}
		password = strings.TrimRight(line, "\r\n")
	}
	if password == "" || len(password) > 8 {
		return errors.New("an SMPP password has 1 to 8 octets (SMPP 3.4 §5.2.2)")
	}
	h, err := auth.HashPassword(password)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(io.out, h)
	return err
}

type migrateCommand struct {
	Config string `short:"c" default:"sekisho.toml" help:"The configuration file."`
}

// Run opens the store, which brings it up to date.
func (c migrateCommand) Run(ctx context.Context, io streams) error {
	_, s, err := storeOf(ctx, c.Config, io, true)
	if err != nil {
		return err
	}
	defer s.Close()
	_, err = fmt.Fprintln(io.out, "the database is up to date")
	return err
}

type keyCommand struct {
	Add    keyAdd    `cmd:"" help:"Make a key and print it, once."`
	List   keyList   `cmd:"" help:"List the keys."`
	Revoke keyRevoke `cmd:"" help:"Revoke a key."`
}

type keyAdd struct {
	Name   string   `arg:"" help:"Whose it is: the account that its messages are counted under."`
	Scope  []string `default:"judge" help:"What it may: judge, metrics, contracts."`
	Config string   `short:"c" default:"sekisho.toml" help:"The configuration file."`
}

func (c keyAdd) Run(ctx context.Context, io streams) error {
	if err := auth.CheckName(c.Name); err != nil {
		return err
	}
	scopes, err := auth.ParseScopes(c.Scope)
	if err != nil {
		return err
	}
	_, s, err := storeOf(ctx, c.Config, io, true)
	if err != nil {
		return err
	}
	defer s.Close()
	text, k := auth.NewKey(c.Name, scopes)
	if err := s.AddAPIKey(ctx, store.APIKey{ID: k.ID, Name: k.Name, Hash: []byte(k.Hash), Scopes: c.Scope, Created: time.Now().UnixMicro()}); err != nil {
		return err
	}
	fmt.Fprintln(io.out, text)
	fmt.Fprintln(io.err, "This is shown once. Send it as: Authorization: Bearer", text[:6]+"...")
	// A checkpoint that runs takes it up at once; one that does not, when it starts.
	if _, err := ask(ctx, c.Config, "/keys", nil); err != nil && !errors.Is(err, errNobody) {
		return fmt.Errorf("the key is kept, and the checkpoint that runs did not take it up: %w", err)
	}
	return nil
}

type keyList struct {
	Config string `short:"c" default:"sekisho.toml" help:"The configuration file."`
}

func (c keyList) Run(ctx context.Context, io streams) error {
	_, s, err := storeOf(ctx, c.Config, io, false)
	if err != nil {
		return err
	}
	defer s.Close()
	keys, err := s.APIKeys(ctx)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(io.out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tNAME\tSCOPES\tMADE\tREVOKED")
	for _, k := range keys {
		revoked := ""
		if k.Revoked != 0 {
			revoked = time.UnixMicro(k.Revoked).Format(time.DateTime)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", k.ID, k.Name, strings.Join(k.Scopes, ","), time.UnixMicro(k.Created).Format(time.DateTime), revoked)
	}
	return w.Flush()
}

type keyRevoke struct {
	ID     string `arg:"" help:"The key's id, as list shows it."`
	Config string `short:"c" default:"sekisho.toml" help:"The configuration file."`
}

func (c keyRevoke) Run(ctx context.Context, io streams) error {
	_, s, err := storeOf(ctx, c.Config, io, false)
	if err != nil {
		return err
	}
	defer s.Close()
	if err := s.RevokeAPIKey(ctx, c.ID, time.Now().UnixMicro()); err != nil {
		return fmt.Errorf("key %s: %w", c.ID, err)
	}
	switch _, err := ask(ctx, c.Config, "/keys", nil); {
	case errors.Is(err, errNobody):
		fmt.Fprintln(io.err, "revoked; a checkpoint that runs elsewhere takes it up when it reloads")
	case err != nil:
		return fmt.Errorf("the key is revoked, BUT THE CHECKPOINT THAT RUNS STILL TAKES IT: %w", err)
	}
	return nil
}
