package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/sekisho/sekisho/auth"
)

type authCommand struct {
	Invite authInvite `cmd:"" help:"Print a link by which somebody enrols a passkey, once."`
	People authPeople `cmd:"" help:"List those who may sign in to the console."`
}

type authInvite struct {
	Name   string   `arg:"" help:"Who: his name stands in the ledger for what he does."`
	Role   []string `help:"What he may: administrator, analyst, care, auditor. Whoever is known keeps his where none is given." placeholder:"ROLE"`
	Config string   `short:"c" default:"sekisho.toml" help:"The configuration file."`
}

// Help shows how it goes.
func (authInvite) Help() string {
	return `The first administrator comes in by this, and whoever lost all his passkeys; others are let in on the console's page People, too.

    sekisho auth invite abe --role administrator --role analyst

The link holds for 24 hours and works once. The console needs console.origin to be an https name: browsers give passkeys to no other.`
}

// Run makes the person where there is none of that name, and the link.
func (c authInvite) Run(ctx context.Context, io streams) error {
	cfg, s, err := storeOf(ctx, c.Config, io, true)
	if err != nil {
		return err
	}
	defer s.Close()
	if !strings.HasPrefix(cfg.Console.Origin, "https://") {
		return fmt.Errorf("console.origin is %s: set it to the https name under which browsers find the console; they give passkeys to no other", cfg.Console.Origin)
	}
	p, err := personNamed(ctx, s, c.Name)
	fresh := errors.Is(err, auth.ErrNobody)
	if err != nil && !fresh {
		return err
	}
	if len(c.Role) > 0 || fresh {
		roles, err := auth.ParseRoles(c.Role)
		if err != nil {
			return fmt.Errorf("--role: %w", err)
		}
		act := "person-roles"
		if fresh {
			act = "person-add"
			if p, err = auth.NewPerson(c.Name, roles, time.Now()); err != nil {
				return err
			}
		}
		p.Roles = roles
		if err := s.PutPerson(ctx, p, operator(), act, "roles: "+roles.String()); err != nil {
			return err
		}
	}
	if !p.Disabled.IsZero() {
		return fmt.Errorf("%s may not sign in; an administrator can let him in again on the page People", p.Name)
	}
	link, err := people{s, cfg.Console.Origin}.Invite(ctx, p.ID, operator())
	if err != nil {
		return err
	}
	fmt.Fprintln(io.out, link)
	fmt.Fprintf(io.err, "For %s (%s). It works once, until %s; give it to nobody else.\n", p.Name, p.Roles, time.Now().Add(inviteFor).Format(time.DateTime))
	return nil
}

func personNamed(ctx context.Context, s auth.People, name string) (auth.Person, error) {
	all, err := s.Persons(ctx)
	if err != nil {
		return auth.Person{}, err
	}
	for _, p := range all {
		if p.Name == name {
			return p, nil
		}
	}
	return auth.Person{}, auth.ErrNobody
}

type authPeople struct {
	Config string `short:"c" default:"sekisho.toml" help:"The configuration file."`
}

func (c authPeople) Run(ctx context.Context, io streams) error {
	_, s, err := storeOf(ctx, c.Config, io, false)
	if err != nil {
		return err
	}
	defer s.Close()
	all, err := s.Persons(ctx)
	if err != nil {
		return err
	}
	if len(all) == 0 {
		fmt.Fprintln(io.err, "Nobody yet: sekisho auth invite NAME --role administrator")
		return nil
	}
	w := tabwriter.NewWriter(io.out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tROLES\tPASSKEYS\tBARRED")
	for _, p := range all {
		barred := ""
		if !p.Disabled.IsZero() {
			barred = p.Disabled.Local().Format(time.DateTime)
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%s\n", p.Name, p.Roles, len(p.Passkeys), barred)
	}
	return w.Flush()
}
