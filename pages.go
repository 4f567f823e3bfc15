package main

import (
	"context"
	"time"

	"github.com/sekisho/sekisho/auth"
	"github.com/sekisho/sekisho/console"
	"github.com/sekisho/sekisho/store"
)

// consoleSources are what the pages of the console show, and what their buttons do.
func (p *program) consoleSources() console.Sources {
	return console.Sources{
		Feed: p.feed, Counts: minutes{p.store}, Health: health{p}, Doorman: p.signIn,
		Campaigns:  p.campaignsSource(),
		Search:     known{p},
		Messages:   messages{p},
		Reports:    p.reportsSource(),
		Indicators: p.indicatorsSource(),
		Ledger:     p.ledgerSource(),
		System:     p.systemSource(),
		People:     people{p.store, p.cfg.Console.Origin},
	}
}

// people are those of the store, with links to the console to enrol by.
type people struct {
	*store.Store
	origin string
}

// inviteFor is how long a link to enrol holds.
const inviteFor = 24 * time.Hour

func (p people) Invite(ctx context.Context, person, by string) (link string, err error) {
	return auth.InvitePerson(ctx, p.Store, p.origin, person, by, inviteFor, time.Now())
}
