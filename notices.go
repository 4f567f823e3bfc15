package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/sekisho/sekisho/action"
	"github.com/sekisho/sekisho/cases"
	"github.com/sekisho/sekisho/store"
	"github.com/sekisho/sekisho/subject"
)

// contacts reads how owners are reached; none where no file is named, and then customer care calls.
func (c *Config) contacts() (action.Contacts, error) {
	if c.Notices.Contacts == "" {
		return nil, nil
	}
	f, err := os.Open(c.Notices.Contacts)
	if err != nil {
		return nil, fmt.Errorf("notices.contacts: %w", err)
	}
	defer f.Close()
	return action.ReadContacts(c.Notices.Contacts, f)
}

// sendEvery is how often agreed notices are looked for.
const sendEvery = 5 * time.Second

// sendNotices carries out what people agreed to, as far as hours and rates allow. It runs where notices.send is true.
func (p *program) sendNotices(ctx context.Context) {
	out := &action.Outbox{Config: &p.cfg.Notices}
	if p.cfg.Notices.Mail.Server != "" {
		out.Mail = &action.SMTP{Config: p.cfg.Notices.Mail}
	}
	if p.cfg.Notices.Post.Folder != "" {
		out.Post = &action.Spool{Folder: p.cfg.Notices.Post.Folder, Now: time.Now}
	}
	if p.cfg.Notices.SMS.Code != "" {
		out.Text = texter{p}
	}
	tick := time.NewTicker(sendEvery)
	defer tick.Stop()
	for {
		if err := p.sendAgreed(ctx, out); err != nil && ctx.Err() == nil {
			p.log.Error("notices could not be sent; it is tried again", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// texter sends from the operator's own short code, by the SMSC that texts go to.
type texter struct{ p *program }

func (t texter) Text(ctx context.Context, code string, to subject.Line, body string) error {
	from, err := subject.ParseAddress(code, t.p.cfg.Home)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	return t.p.smpp.Send(ctx, t.p.cfg.Notices.SMS.Upstream, from, to.Address(), body)
}

func (p *program) sendAgreed(ctx context.Context, out *action.Outbox) error {
	agreed, err := p.store.Notices(ctx, "", cases.Agreed)
	if err != nil || len(agreed) == 0 {
		return err
	}
	words, err := action.ReadWords(p.cfg.Notices.Templates)
	if err != nil {
		return err
	}
	contacts, err := p.cfg.contacts()
	if err != nil {
		return err
	}
	before, err := p.store.Notices(ctx, "", cases.Sent, cases.Receipted, cases.Failed)
	if err != nil {
		return err
	}
	var sent []time.Time
	for _, n := range before {
		if time.Since(n.Tried) < time.Hour {
			sent = append(sent, n.Tried)
		}
	}
	a := &asking{policy: p.gate.Policy(), register: p.consent}
	for _, n := range agreed {
		if n.Channel == cases.Call {
			continue
		}
		now := time.Now()
		step := store.NoticeStep{ID: n.ID, From: cases.Agreed, To: cases.Sent, At: now, Who: cases.Machine}
		err := p.sendOne(ctx, out, a, words, contacts, n, now, sent)
		switch {
		case errors.Is(err, action.ErrLater):
			continue
		case errors.Is(err, action.ErrChanged):
			step.To, step.Why = cases.Failed, action.ErrChanged.Error()
		case err != nil:
			p.log.Error("a notice was not sent; it is tried again", "notice", n.ID, "err", err)
			continue
		default:
			sent = append(sent, now)
		}
		if err := p.store.MoveNotice(ctx, step); err != nil && !errors.Is(err, store.ErrMoved) {
			return err
		}
	}
	return nil
}

// sendOne plans a notice anew, by leave that its contract gives now, and sends it.
func (p *program) sendOne(ctx context.Context, out *action.Outbox, a *asking, words *action.Words, contacts action.Contacts, n *cases.Notice, now time.Time, sent []time.Time) error {
	c, err := p.store.Case(ctx, n.Case)
	if err != nil {
		return err
	}
	g, err := a.leave(c)
	if err != nil {
		return err
	}
	planned, err := action.Plan(c, contacts[c.Line], now, &p.cfg.Notices, words, g)
	if err != nil {
		return err
	}
	return out.Send(ctx, n, planned, now, sent)
}
