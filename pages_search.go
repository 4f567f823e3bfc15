package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sekisho/sekisho/audit"
	"github.com/sekisho/sekisho/console"
	"github.com/sekisho/sekisho/indicator"
	"github.com/sekisho/sekisho/message"
	"github.com/sekisho/sekisho/record"
	"github.com/sekisho/sekisho/smpp"
	"github.com/sekisho/sekisho/store"
	"github.com/sekisho/sekisho/subject"
)

// messages answer for what passed: the pages Care and Search.
type messages struct{ p *program }

// lookedUpMost is how many messages a look-up reads.
const lookedUpMost = 51

func (m messages) To(ctx context.Context, number string, from, until time.Time, who, why string) ([]console.Found, error) {
	a, err := subject.ParseAddress(number, m.p.cfg.Home)
	if err != nil || a.Line() == 0 {
		return nil, console.ErrNumber
	}
	to := m.p.key.Address(a)
	if err := m.lookedUp(ctx, pseudonym(to), who, why); err != nil {
		return nil, err
	}
	found, err := m.p.store.MessagesTo(ctx, to, from.UnixMicro(), until.UnixMicro(), lookedUpMost)
	return m.founds(ctx, found, err)
}

func (m messages) From(ctx context.Context, sender string, from, until time.Time, who, why string) ([]console.Found, error) {
	a, err := subject.ParseAddress(sender, m.p.cfg.Home)
	if err != nil {
		return nil, console.ErrNumber
	}
	s := m.p.key.Address(a)
	if err := m.lookedUp(ctx, pseudonym(s), who, why); err != nil {
		return nil, err
	}
	found, err := m.p.store.Stopped(ctx, store.StoppedQuery{Sender: s, From: from.UnixMicro(), Until: until.UnixMicro(), Limit: lookedUpMost})
	return m.founds(ctx, found, err)
}

func (m messages) ByID(ctx context.Context, id string, from, until time.Time, who, why string) ([]console.Found, error) {
	if err := m.lookedUp(ctx, "a message id", who, why); err != nil {
		return nil, err
	}
	found, err := m.p.store.MessagesByID(ctx, id, from.UnixMicro(), until.UnixMicro(), lookedUpMost)
	return m.founds(ctx, found, err)
}

// pseudonym is how the ledger names a party; a name or short code is not written down.
func pseudonym(p record.Party) string {
	if p.Key == 0 {
		return "a sender"
	}
	return fmt.Sprintf("%016x", uint64(p.Key))
}

func (m messages) lookedUp(ctx context.Context, about, who, why string) error {
	return m.p.store.Enter(ctx, audit.Entry{Actor: who, Act: audit.LookedUp, About: about, Why: why})
}

func (m messages) founds(ctx context.Context, found []store.Passage, err error) ([]console.Found, error) {
	if err != nil {
		return nil, err
	}
	slices.SortFunc(found, func(a, b store.Passage) int { return int(b.Time - a.Time) })
	all := make([]console.Found, 0, len(found))
	for i := range found {
		p := &found[i]
		f := console.Found{ID: p.MessageID, Time: time.UnixMicro(p.Time), Account: p.Account, From: p.From.Plain, OptedOut: p.OptedOut, Receipt: p.State}
		if p.StateAt != 0 {
			f.At = time.UnixMicro(p.StateAt)
		}
		f.Route, _ = message.ParseRoute(p.Route)
		f.Outcome, _ = message.ParseOutcome(p.Outcome)
		f.Did, _ = message.ParseOutcome(p.Done)
		class, _ := message.ParseClass(p.Class)
		about := make([][]byte, len(p.About))
		for i, a := range p.About {
			about[i] = []byte(a)
		}
		f.Reasons = explain(class, p.PPhishing, p.PBad, p.Rules, about)
		switch h, err := m.p.store.HeldByID(ctx, p.MessageID); {
		case err == nil:
			f.Held = string(h.State)
			if h.Decided != 0 {
				f.HeldAt = time.UnixMicro(h.Decided)
			}
		case !errors.Is(err, store.ErrNotFound):
			return nil, err
		}
		all = append(all, f)
	}
	return all, nil
}

func (m messages) Release(ctx context.Context, id, who, why string) error {
	if err := m.p.store.Enter(ctx, audit.Entry{Actor: who, Act: audit.MessageFreed, About: id, Why: why}); err != nil {
		return err
	}
	st, err := m.p.smpp.Release(ctx, id)
	if err == nil && st != smpp.StatusOK {
		err = fmt.Errorf("the SMSC answered %s", st)
	}
	return err
}

// known finds what the register holds of a value.
type known struct{ p *program }

func (k known) Known(ctx context.Context, value string, most int) (all []indicator.Entry, err error) {
	look := func(kind indicator.Kind, v string) {
		err = errors.Join(err, k.p.store.Entries(ctx, store.EntryFilter{Kinds: []indicator.Kind{kind}, Value: v, Limit: most}, func(e indicator.Entry) error {
			all = append(all, e)
			return nil
		}))
	}
	for _, kind := range []indicator.Kind{indicator.URL, indicator.Host, indicator.Domain, indicator.Sender, indicator.Family, indicator.Hash} {
		if v, err := indicator.Normal(kind, value); err == nil {
			look(kind, v)
		}
	}
	if a, err := subject.ParseAddress(value, k.p.cfg.Home); err == nil && a.Line() != 0 {
		look(indicator.Number, a.Line().String())
	}
	return all[:min(len(all), most)], err
}
