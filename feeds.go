package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/sekisho/sekisho/indicator"
	"github.com/sekisho/sekisho/indicator/feeds"
	"github.com/sekisho/sekisho/report"
	"github.com/sekisho/sekisho/share/stix"
	"github.com/sekisho/sekisho/share/taxii"
)

// makeFeeds makes the feeds' files, before lists are loaded: they are read as lists are.
func (p *program) makeFeeds(context.Context) error {
	var err error
	p.feeds, err = feeds.New(filepath.Join(p.cfg.Data, "feeds"), p.cfg.Feeds, map[string]feeds.Fetcher{"misp": fetchMISP, "taxii": fetchTAXII}, nil, p.log, p.metrics)
	return err
}

// Bounds of what a foreign feed is asked for.
const (
	mispDays   = 14
	mispEvents = 500
	taxiiMost  = 500_000
)

func get(ctx context.Context, client *http.Client, address, authorization string, most int64) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, "GET", address, nil)
	if err != nil {
		return nil, errors.New("its address cannot be asked")
	}
	r.Header.Set("Accept-Encoding", "gzip")
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	resp, err := client.Do(r)
	if err != nil {
		if u := (*url.Error)(nil); errors.As(err, &u) {
			err = u.Err
		}
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the server answered %d", resp.StatusCode)
	}
	return feeds.Unpack(resp.Body, resp.Header.Get("Content-Encoding"), most)
}

// fetchMISP reads the newest events of a MISP feed.
func fetchMISP(ctx context.Context, client *http.Client, c *feeds.Config, authorization string) ([]indicator.Entry, error) {
	base := strings.TrimSuffix(strings.TrimSuffix(c.URL, "manifest.json"), "/") + "/"
	raw, err := get(ctx, client, base+"manifest.json", authorization, c.Max)
	if err != nil {
		return nil, fmt.Errorf("manifest.json: %w", err)
	}
	var index map[string]struct {
		Timestamp json.RawMessage `json:"timestamp"`
	}
	if err := json.Unmarshal(raw, &index); err != nil {
		return nil, errors.New("manifest.json is none of a MISP feed")
	}
	type event struct {
		id string
		at int64
	}
	var events []event
	since := time.Now().Add(-mispDays * day).Unix()
	for id, e := range index {
		var at int64
		fmt.Sscan(strings.Trim(string(e.Timestamp), `"`), &at)
		if at >= since && len(id) == 36 && strings.Trim(id, "0123456789abcdef-") == "" { // a name from elsewhere becomes no path
			events = append(events, event{id, at})
		}
	}
	slices.SortFunc(events, func(a, b event) int { return int(min(max(b.at-a.at, -1), 1)) })
	var all []indicator.Entry
	left := c.Max
	for _, e := range events[:min(len(events), mispEvents)] {
		raw, err := get(ctx, client, base+e.id+".json", authorization, left)
		if err != nil {
			return nil, fmt.Errorf("an event: %w", err)
		}
		left -= int64(len(raw))
		entries, _, err := report.MISPEntries(bytes.NewReader(raw), len(raw)+1, c.Name, time.Now().UTC())
		if err != nil {
			continue // one that says nothing to us
		}
		all = append(all, entries...)
	}
	return all, nil
}

// fetchTAXII reads a collection, whole: indicators that are over are not among what comes.
func fetchTAXII(ctx context.Context, client *http.Client, c *feeds.Config, authorization string) ([]indicator.Entry, error) {
	u, err := url.Parse(c.URL)
	if err != nil {
		return nil, errors.New("its address cannot be asked")
	}
	x, err := taxii.NewClient(taxii.ClientConfig{URL: u.Scheme + "://" + u.Host + "/", HTTP: client, Plain: u.Scheme == "http", MaxBody: c.Max, Authorize: func(r *http.Request) {
		if authorization != "" {
			r.Header.Set("Authorization", authorization)
		}
	}})
	if err != nil {
		return nil, err
	}
	root := u.Path
	if root == "" || root == "/" || root == "/taxii2/" {
		d, err := x.Discover(ctx)
		if err != nil {
			return nil, err
		}
		if root = d.Default; root == "" && len(d.Roots) > 0 {
			root = d.Roots[0]
		}
	}
	col, err := x.Collection(ctx, root, c.Collection)
	if err != nil {
		return nil, err
	}
	now := time.Now().UTC()
	latest := map[string]indicator.Entry{}
	for page, err := range x.Follow(ctx, root, col.ID, taxii.Query{Types: []string{"indicator"}, Limit: 1000}, taxii.Position{}) {
		if err != nil {
			return nil, err
		}
		for _, o := range page.Objects {
			entries, err := stix.Entries(o, now)
			if err != nil {
				continue
			}
			for _, e := range entries {
				latest[e.ID+e.Value] = e
			}
		}
		if len(latest) > taxiiMost {
			return nil, fmt.Errorf("more than %d indicators", taxiiMost)
		}
	}
	var all []indicator.Entry
	for _, e := range latest {
		if e.Confidence == 0 {
			e.Confidence = c.Confidence
		}
		all = append(all, e)
	}
	slices.SortFunc(all, func(a, b indicator.Entry) int { return strings.Compare(a.Value, b.Value) })
	return all, nil
}

type feedsCommand struct {
	List  feedsList  `cmd:"" default:"withargs" help:"List the feeds: how old, how many entries, under which licence."`
	Fetch feedsFetch `cmd:"" help:"Fetch a feed now."`
}

func (feedsCommand) Help() string {
	return `A feed is a list that others publish ([[feeds]] of the configuration): plain, CSV as JPCERT/CC and PhishTank have it, a MISP feed, a TAXII collection. One that turns empty,
huge, short or broken is refused, and the last good one stays in force.`
}

type feedsList struct{ onRunning }

func (c feedsList) Run(ctx context.Context, io streams) error {
	return tell(ctx, io, c.Config, "/feeds", nil)
}

type feedsFetch struct {
	Name string `arg:"" help:"The feed, as the configuration names it."`
	onRunning
}

func (c feedsFetch) Run(ctx context.Context, io streams) error {
	return tell(ctx, io, c.Config, "/feeds/fetch", url.Values{"name": {c.Name}})
}

func (p *program) listFeeds(*http.Request) (string, error) {
	all := p.feeds.Status()
	if len(all) == 0 {
		return "no feeds are configured", nil
	}
	var b bytes.Buffer
	w := tabwriter.NewWriter(&b, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "FEED\tENTRIES\tTAKEN\tAGE\tLICENCE\tLAST TRY")
	for _, s := range all {
		age, state := "-", "as it should"
		if !s.Taken.IsZero() {
			age = time.Since(s.Taken).Round(time.Second).String()
		}
		if s.Failed != "" {
			state = "refused: " + s.Failed
		} else if s.Tried.IsZero() {
			state = "not yet"
		}
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\t%s\n", s.Name, s.Entries, when(s.Taken), age, s.Licence, state)
	}
	w.Flush()
	return b.String(), nil
}

func (p *program) fetchFeed(r *http.Request) (string, error) {
	return "in force", p.takeFeed(r.Context(), r.FormValue("name"))
}

// takeFeed fetches a feed now and puts it in force.
func (p *program) takeFeed(ctx context.Context, name string) error {
	if err := p.feeds.Fetch(ctx, name); err != nil {
		return fmt.Errorf("%s: %w; the last good one stays in force", name, err)
	}
	_, err := p.watcher.Reload(ctx, nil)
	return err
}
