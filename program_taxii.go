package main

import (
	"context"
	"strings"
	"time"

	"github.com/sekisho/sekisho/indicator"
	"github.com/sekisho/sekisho/report"
	"github.com/sekisho/sekisho/share/stix"
	"github.com/sekisho/sekisho/share/taxii"
)

// shelf is the TAXII backend: collections in memory, with quotas, the ledger, and an inbox.
type shelf struct {
	*taxii.Memory
	s *sharing
}

// Page gives a page as far as the partner's quota goes, and writes down that it was given.
func (b *shelf) Page(ctx context.Context, c taxii.Caller, collection string, q taxii.Query) (taxii.Page, error) {
	p, ok := b.s.partner(c)
	if !ok {
		return taxii.Page{}, taxii.ErrForbidden
	}
	page, err := b.Memory.Page(ctx, c, collection, q)
	if err != nil || len(page.Records) == 0 {
		return page, err
	}
	if may := b.s.quota.Take(p, len(page.Records), time.Now()); may < len(page.Records) {
		if may == 0 {
			return taxii.Page{}, taxii.ErrForbidden // today's quota is used up
		}
		q.Limit = may
		if page, err = b.Memory.Page(ctx, c, collection, q); err != nil {
			return page, err
		}
	}
	if err := b.s.given(ctx, c.Name, "taxii", len(page.Records)); err != nil {
		return taxii.Page{}, err
	}
	return page, nil
}

// Add takes what a partner gives: indicators into the register, sightings as reports.
func (b *shelf) Add(ctx context.Context, c taxii.Caller, collection string, in taxii.Submission) (taxii.Status, error) {
	if collection != b.s.collectionID(inbox) {
		return taxii.Status{}, taxii.ErrForbidden
	}
	st, err := b.Memory.Add(ctx, c, collection, in)
	if err != nil {
		return st, err
	}
	return st, b.s.take(ctx, c.Name, in.Objects)
}

// take puts a partner's indicators into the register. Numbers, popular domains and official sites wait for a person.
func (s *sharing) take(ctx context.Context, from string, objects []stix.Object) error {
	now := time.Now().UTC()
	var entries []indicator.Entry
	for _, o := range objects {
		if o.Type() != "indicator" {
			continue
		}
		found, err := stix.Entries(o, now)
		if err != nil {
			continue // the status tells that it was taken; the register has no use for it
		}
		for _, e := range found {
			entries = append(entries, s.foreign(e, from, now))
		}
	}
	reports, _ := stix.Sightings(objects...)
	for i := range reports {
		reports[i].Channel, reports[i].Via = report.STIX, from
		if reports[i].Reporter == "" {
			reports[i].Reporter = from
		}
	}
	if len(reports) > 0 {
		fresh, err := s.p.desk.Take(ctx, reports)
		if err != nil {
			return err
		}
		s.p.reports.Count(report.STIX, len(reports), fresh)
	}
	if len(entries) == 0 {
		return nil
	}
	if err := s.p.store.PutEntries(ctx, from, "given by a partner", entries); err != nil {
		return err
	}
	return s.p.registerChanged(ctx)
}

// foreign is an entry as somebody else's word.
func (s *sharing) foreign(e indicator.Entry, from string, now time.Time) indicator.Entry {
	e.Source, e.Changed, e.By, e.Why, e.Right, e.Wrong = from, now, byPolicy, "given by "+from, 0, 0
	if e.Status != indicator.Active {
		return e
	}
	if e.Recipients < 2 {
		e.Recipients = 2 // the giver cut it
	}
	if e.Kind == indicator.Number || e.Kind == indicator.Range || e.Kind == indicator.Sender || s.p.spared(e) {
		e.Status, e.Why = indicator.Proposed, "a person has to agree: "+e.Why
	}
	return e
}

// spared reports whether an entry names a popular or official site, which no machine calls bad.
func (p *program) spared(e indicator.Entry) bool {
	if e.Kind != indicator.URL && e.Kind != indicator.Host && e.Kind != indicator.Domain {
		return false
	}
	host, _, _ := strings.Cut(e.Value, "/")
	host, _, _ = strings.Cut(host, ":")
	return p.sparedHost(host)
}
