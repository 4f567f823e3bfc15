package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sekisho/sekisho/audit"
	"github.com/sekisho/sekisho/auth"
	"github.com/sekisho/sekisho/indicator"
	"github.com/sekisho/sekisho/purpose"
	"github.com/sekisho/sekisho/share"
	"github.com/sekisho/sekisho/share/rpz"
	"github.com/sekisho/sekisho/share/stix"
	"github.com/sekisho/sekisho/share/taxii"
	"github.com/sekisho/sekisho/store"
	"github.com/sekisho/sekisho/subject"
)

// ShareConfig says to whom indicators go, and how.
type ShareConfig struct {
	share.Config
	PageListen string     `toml:"page_listen"` // ADDRESS:PORT of the page that share.rpz.action = "redirect" leads to, plain HTTP; empty: none
	RPZ        rpz.Config `toml:"rpz"`
}

// Check reads what is written and says what is wrong with it.
func (c *ShareConfig) Check() error {
	if err := c.Config.Check(); err != nil {
		return err
	}
	if len(c.RPZ.Listen) > 0 {
		if err := c.RPZ.Check(); err != nil {
			return fmt.Errorf("share.rpz: %w", err)
		}
	}
	return nil
}

// sharing gives indicators of the register to partners, to the operator's resolvers, and to whoever may ask; each by leave.
type sharing struct {
	p      *program
	group  share.Group
	maker  stix.Maker
	quota  share.Quota
	shelf  *taxii.Memory
	server http.Handler
	zone   *rpz.Server // nil: none is served
	forms  *forms
	clock  atomic.Int64 // of the shelf: microseconds; 0: the wall's
	upTo   time.Time    // what changed until then is out
}

// kindsOf are the kinds of each collection, by its name; with the TLP they make a collection of their own: partners read whole collections.
var kindsOf = []struct {
	name  string
	kinds []indicator.Kind
}{
	{"links", []indicator.Kind{indicator.URL, indicator.Host, indicator.Domain}},
	{"numbers", []indicator.Kind{indicator.Number, indicator.Range}},
	{"senders", []indicator.Kind{indicator.Sender}},
	{"texts", []indicator.Kind{indicator.Family}},
	{"files", []indicator.Kind{indicator.Hash}},
}

var sharedTLPs = []indicator.TLP{indicator.TLPClear, indicator.TLPGreen, indicator.TLPAmber, indicator.TLPAmberStrict}

const taxiiRoot, inbox = "/taxii/", "inbox"

func collectionAlias(t indicator.TLP, name string) string {
	return strings.ReplaceAll(t.String(), "+", "-") + "-" + name
}

// collectionID is the same at every start, so that partners find again what they followed.
func (s *sharing) collectionID(alias string) string {
	h := s.p.key.Hash("taxii collection", []byte(alias))
	l := s.p.key.Hash("taxii collection 2", []byte(alias))
	return fmt.Sprintf("%08x-%04x-4%03x-8%03x-%012x", uint32(h>>32), uint16(h>>16), h&0xfff, l>>52, l&0xffffffffffff)
}

// startShare opens the ways out. Where the policy names no ground for sharing nothing leaves by any of them, the operator's own resolvers apart.
func (p *program) startShare(ctx context.Context) error {
	s := &sharing{p: p}
	c := &p.cfg.Share
	if c.GroupKey != "" {
		raw, err := os.ReadFile(c.GroupKey)
		if err != nil {
			return fmt.Errorf("share.group_key_file: %w", err)
		}
		if s.group, err = share.NewGroup(strings.TrimSpace(string(raw))); err != nil {
			return fmt.Errorf("share.group_key_file: %w", err)
		}
	}
	title := c.Title
	if title == "" {
		title = "Sekisho"
	}
	s.maker = stix.Maker{ID: s.collectionID("the maker"), Name: title, Since: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), Contact: c.Contact}
	var list []taxii.MemoryCollection
	for _, t := range sharedTLPs {
		for _, k := range kindsOf {
			alias := collectionAlias(t, k.name)
			list = append(list, taxii.MemoryCollection{Collection: taxii.Collection{ID: s.collectionID(alias), Title: fmt.Sprintf("%s, TLP:%s", k.name, strings.ToUpper(t.String())), Alias: alias},
				Read: s.reads(t, k.kinds)})
		}
	}
	list = append(list, taxii.MemoryCollection{Collection: taxii.Collection{ID: s.collectionID(inbox), Title: "Indicators and sightings for us", Alias: inbox},
		Write: func(c taxii.Caller) bool { p, ok := s.partner(c); return ok && p.Gives }})
	var err error
	if s.shelf, err = taxii.NewMemory(taxii.MemoryConfig{Now: s.now}, list...); err != nil {
		return err
	}
	s.server, err = taxii.NewServer(taxii.Config{Title: title, Contact: c.Contact, Auth: s.auth, Challenge: `Bearer realm="sekisho", Basic realm="sekisho"`, Log: p.log,
		Roots: []taxii.Root{{Path: taxiiRoot, Title: title, Backend: &shelf{s.shelf, s}}}})
	if err != nil {
		return err
	}
	s.forms = newForms(s)
	if err := s.forms.startHooks(); err != nil {
		return err
	}
	if len(c.RPZ.Listen) > 0 {
		if c.RPZ.State == "" {
			c.RPZ.State = p.cfg.Data + "/rpz-serial"
		}
		if s.zone, err = rpz.New(c.RPZ, p.log, p.metrics); err != nil {
			return fmt.Errorf("share.rpz: %w", err)
		}
		if err := s.zone.Start(ctx); err != nil {
			return fmt.Errorf("share.rpz: %w", err)
		}
		p.onStop("the zone for resolvers", s.zone.Close)
	}
	if c.PageListen != "" {
		if err := s.startPage(); err != nil {
			return fmt.Errorf("share.page_listen: %w", err)
		}
	}
	p.registering.Lock() // what changes from now on is shared by registerChanged
	defer p.registering.Unlock()
	if err := s.fill(ctx); err != nil {
		return err
	}
	p.share = s
	return nil
}

// startPage serves the page that tells why an address is stopped.
func (s *sharing) startPage() error {
	page, err := rpz.NewPage(s.p.cfg.Share.RPZ.Page)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", s.p.cfg.Share.PageListen)
	if err != nil {
		return err
	}
	h := &http.Server{Handler: page, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second, IdleTimeout: 30 * time.Second, MaxHeaderBytes: 16 << 10,
		ErrorLog: slog.NewLogLogger(s.p.log.Handler(), slog.LevelDebug)}
	s.p.onStop("the page that tells why", func(context.Context) error { return h.Close() })
	go h.Serve(l)
	return nil
}

func (s *sharing) now() time.Time {
	if at := s.clock.Load(); at != 0 {
		return time.UnixMicro(at)
	}
	return time.Now()
}

// partner is who asks.
func (s *sharing) partner(c taxii.Caller) (*share.Partner, bool) { return s.p.cfg.Share.Find(c.Name) }

func (s *sharing) reads(t indicator.TLP, kinds []indicator.Kind) func(taxii.Caller) bool {
	return func(c taxii.Caller) bool {
		p, ok := s.partner(c)
		return ok && p.Reads(t, kinds)
	}
}

// auth knows partners by their API keys: as a bearer token, or as the password of Basic, beside the key's name.
func (s *sharing) auth(r *http.Request) (taxii.Caller, error) {
	c, err := s.client(r)
	if err != nil {
		return taxii.Caller{}, taxii.ErrUnauthenticated
	}
	if _, ok := s.p.cfg.Share.Find(c.Name); !ok || !c.Scopes.Has(auth.Indicators) {
		return taxii.Caller{}, taxii.ErrForbidden
	}
	return taxii.Caller{Name: c.Name}, nil
}

func (s *sharing) client(r *http.Request) (auth.Client, error) {
	header := r.Header.Get("Authorization")
	name, password, basic := r.BasicAuth()
	if basic {
		header = "Bearer " + password
	}
	c, err := s.p.keys.Check(header)
	if err == nil && basic && name != c.Name {
		err = auth.ErrKey
	}
	return c, err
}

// clear asks leave for an entry. A number of ours is asked about of its contract; what is nobody's secret needs the ground of the policy alone.
func (s *sharing) clear(e indicator.Entry) (share.Item, error) {
	var line subject.Line
	if e.Kind == indicator.Number {
		if l, err := subject.ParseLine(e.Value); err == nil && s.p.consent.Home(l) {
			line = l
		}
	}
	g, err := purpose.Ask(&s.p.gate.Policy().Purposes, purpose.Share, line, s.p.consent)
	if err != nil {
		return share.Item{}, err
	}
	return share.Clear(g, e, s.group)
}

// fill puts the register out, in the order in which it changed, so that partners go on where they were before a restart.
func (s *sharing) fill(ctx context.Context) error {
	defer s.clock.Store(0)
	for _, o := range s.frame() {
		for _, c := range s.collections() {
			if _, err := s.shelf.Put(c, o...); err != nil {
				return err
			}
		}
	}
	if err := s.publish(ctx, time.Time{}, nil); err != nil {
		return err
	}
	if s.zone == nil {
		return nil
	}
	var failed error
	s.zone.Set(func(yield func(share.Item) bool) {
		failed = s.p.store.Entries(ctx, store.EntryFilter{Status: []indicator.Status{indicator.Active}, Kinds: kindsOf[0].kinds}, func(e indicator.Entry) error {
			if i, err := s.own(e); err == nil && !yield(i) {
				return context.Canceled
			}
			return nil
		})
	})
	return failed
}

// own clears an entry for the operator's own resolvers: nothing leaves the house, so that TLP and tokens do not matter to a host name.
func (s *sharing) own(e indicator.Entry) (share.Item, error) {
	e.TLP = indicator.TLPGreen
	g, err := purpose.Ask(&ownUse, purpose.Share, 0, nil)
	if err != nil {
		return share.Item{}, err
	}
	return share.Clear(g, e, s.group)
}

// ownUse is the ground on which the operator's own resolvers have host names: its lawful business, whatever it shares with others.
var ownUse = purpose.Policy{purpose.Share: purpose.LawfulBusiness}

// frame is what every collection begins with: who made it, the extension, the markings.
func (s *sharing) frame() (all [][]stix.Object) {
	s.clock.Store(s.maker.Since.UnixMicro())
	var objects []stix.Object
	if o, err := s.maker.Object(); err == nil {
		objects = append(objects, o)
	}
	if ext, err := stix.Extension(); err == nil {
		objects = append(objects, ext...)
	}
	for _, t := range sharedTLPs {
		if o, err := stix.Marking(t); err == nil {
			objects = append(objects, o)
		}
	}
	return append(all, objects)
}

func (s *sharing) collections() (ids []string) {
	for _, t := range sharedTLPs {
		for _, k := range kindsOf {
			ids = append(ids, s.collectionID(collectionAlias(t, k.name)))
		}
	}
	return ids
}

// publish puts out what changed after a time. told, if not nil, is given each item that is out.
func (s *sharing) publish(ctx context.Context, after time.Time, told func(share.Item)) error {
	f := store.EntryFilter{Status: []indicator.Status{indicator.Active, indicator.Withdrawn, indicator.Expired}}
	if !after.IsZero() {
		f.After = after.UnixMicro()
	}
	filling := after.IsZero()
	return s.p.store.Entries(ctx, f, func(e indicator.Entry) error {
		if e.Changed.After(s.upTo) {
			s.upTo = e.Changed
		}
		i, err := s.clear(e)
		if err != nil {
			return nil // it stays here
		}
		o, err := stix.FromItem(i, s.maker)
		if err != nil {
			s.p.log.Warn("an indicator has no form in STIX", "indicator", e.ID, "err", err)
			return nil
		}
		if filling {
			s.clock.Store(e.Changed.UnixMicro())
		}
		if c := s.collectionOf(i); c != "" {
			if _, err := s.shelf.Put(c, o); err != nil {
				s.p.log.Warn("an indicator could not be put into its collection", "indicator", e.ID, "err", err)
			}
		}
		if told != nil {
			told(i)
		}
		return nil
	})
}

func (s *sharing) collectionOf(i share.Item) string {
	for _, k := range kindsOf {
		if slices.Contains(k.kinds, i.Kind()) {
			return s.collectionID(collectionAlias(i.TLP(), k.name))
		}
	}
	return ""
}

// changed puts out what has changed in the register since it was asked last.
func (s *sharing) changed(ctx context.Context) error {
	after := s.upTo
	var out []share.Item
	if err := s.publish(ctx, after, func(i share.Item) { out = append(out, i) }); err != nil {
		return err
	}
	s.forms.stale()
	s.forms.hooks(out)
	if s.zone == nil {
		return nil
	}
	var add, remove []share.Item
	err := s.p.store.Entries(ctx, store.EntryFilter{Kinds: kindsOf[0].kinds, After: after.UnixMicro()}, func(e indicator.Entry) error {
		i, err := s.own(e)
		switch {
		case err != nil:
		case i.Over():
			remove = append(remove, i)
		default:
			add = append(add, i)
		}
		return nil
	})
	if err == nil && len(add)+len(remove) > 0 {
		s.zone.Change(slices.Values(add), slices.Values(remove))
	}
	return err
}

// items are what may go to somebody now, who may be nobody known.
func (s *sharing) items(ctx context.Context, to *share.Partner, kinds ...indicator.Kind) iter.Seq2[share.Item, error] {
	return func(yield func(share.Item, error) bool) {
		stop := errors.New("enough")
		err := s.p.store.Entries(ctx, store.EntryFilter{Status: []indicator.Status{indicator.Active}, Kinds: kinds}, func(e indicator.Entry) error {
			i, err := s.clear(e)
			if err != nil || !to.May(i) {
				return nil
			}
			if !yield(i, nil) {
				return stop
			}
			return nil
		})
		if err != nil && !errors.Is(err, stop) {
			yield(share.Item{}, err)
		}
	}
}

// given writes down what went to whom.
func (s *sharing) given(ctx context.Context, to, what string, n int) error {
	if n == 0 {
		return nil
	}
	now := time.Now().UnixMicro()
	return s.p.store.Enter(ctx, audit.Entry{Actor: to, Act: audit.Shared, Purpose: "share", About: what, Count: int64(n), From: now, To: now})
}
