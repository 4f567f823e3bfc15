package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/sekisho/sekisho/indicator"
	"github.com/sekisho/sekisho/record"
	"github.com/sekisho/sekisho/settings"
	"github.com/sekisho/sekisho/share"
	"github.com/sekisho/sekisho/share/lookup"
	"github.com/sekisho/sekisho/store"
	"github.com/sekisho/sekisho/subject"
)

// LookupConfig is our part in the private look-up between operators, see docs/private-lookup.md.
type LookupConfig struct {
	Name     string            `toml:"name"`           // by which the others know us; empty: we take no part
	GroupKey string            `toml:"group_key_file"` // file with the key that all members have: 64 hexadecimal digits
	Hub      string            `toml:"hub"`            // the address of the hub, .../lookup/hub
	Quota    int               `toml:"quota"`          // elements that one member may have evaluated in a day; a number costs five
	Epoch    settings.Duration `toml:"epoch"`          // how long keys and pseudonyms last; the same for all
	Members  []LookupMember    `toml:"member"`
	Relay    map[string]string `toml:"relay"` // we are the hub: the addresses of members, by name
}

// LookupMember is another member.
type LookupMember struct {
	Name string `toml:"name"`
	Key  string `toml:"key"` // as `sekisho lookup key` prints it there
}

// looking is our side of the private look-up.
type looking struct {
	p      *program
	member *lookup.Member
	asker  *lookup.Asker
	hub    *lookup.Hub
}

// lookupMember makes us a member. Keys of all epochs come from the installation's secret.
func (c *Config) lookupMember(running memberOptions) (*lookup.Member, []lookup.Peer, []byte, error) {
	raw, err := os.ReadFile(c.Lookup.GroupKey)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("lookup.group_key_file: %w", err)
	}
	if _, err := share.NewGroup(strings.TrimSpace(string(raw))); err != nil {
		return nil, nil, nil, fmt.Errorf("lookup.group_key_file: %w", err)
	}
	groupKey := []byte(strings.TrimSpace(string(raw)))
	secret, err := record.LoadSecret(filepath.Join(c.Data, "secret"))
	if err != nil {
		return nil, nil, nil, err
	}
	var peers []lookup.Peer
	for _, m := range c.Lookup.Members {
		k, err := base64.StdEncoding.DecodeString(m.Key)
		if err != nil || len(k) != ed25519.PublicKeySize || m.Name == "" {
			return nil, nil, nil, fmt.Errorf("lookup.member %.40q: a name, and the key that `sekisho lookup key` prints there", m.Name)
		}
		peers = append(peers, lookup.Peer{Name: m.Name, Verify: k})
	}
	m, err := lookup.NewMember(lookup.MemberConfig{Name: c.Lookup.Name, Secret: secret, GroupKey: groupKey, Peers: peers, Epoch: c.Lookup.Epoch.Duration, Quota: c.Lookup.Quota,
		Counter: running.counter, Wrong: running.wrong})
	return m, peers, groupKey, err
}

// memberOptions are what only the running checkpoint has.
type memberOptions struct {
	counter lookup.Counter
	wrong   func(from string, output []byte)
}

// startLookup takes part in the look-up, where a name is configured.
func (p *program) startLookup(ctx context.Context) error {
	c := &p.cfg.Lookup
	p.lookup = &looking{p: p}
	if c.Name == "" && len(c.Relay) == 0 {
		return nil
	}
	l := p.lookup
	if len(c.Relay) > 0 {
		raw, err := os.ReadFile(c.GroupKey)
		if err != nil {
			return fmt.Errorf("lookup.group_key_file: %w", err)
		}
		if l.hub, err = lookup.NewHub(lookup.HubConfig{GroupKey: []byte(strings.TrimSpace(string(raw))), Members: c.Relay, Epoch: c.Epoch.Duration, Log: p.log}); err != nil {
			return err
		}
	}
	if c.Name == "" {
		return nil
	}
	member, peers, groupKey, err := p.cfg.lookupMember(memberOptions{&dayCounter{p: p}, l.wrong})
	if err != nil {
		return err
	}
	l.member = member
	if c.Hub != "" {
		if l.asker, err = lookup.NewAsker(lookup.AskerConfig{Name: c.Name, Sign: member.SignKey(), GroupKey: groupKey, Peers: peers, Hub: c.Hub, Epoch: c.Epoch.Duration}); err != nil {
			return err
		}
	}
	p.background(l.run)
	return l.fill(ctx)
}

// fill makes the table of what may be told of numbers.
func (l *looking) fill(ctx context.Context) error {
	return l.member.Set(l.items(ctx))
}

func (l *looking) items(ctx context.Context) iter.Seq2[share.Item, error] {
	return func(yield func(share.Item, error) bool) {
		stop := errors.New("enough")
		f := store.EntryFilter{Status: []indicator.Status{indicator.Active}, Kinds: []indicator.Kind{indicator.Number, indicator.Range}}
		err := l.p.store.Entries(ctx, f, func(e indicator.Entry) error {
			i, err := l.p.share.clear(e)
			if err != nil {
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

// run makes the table anew every hour, and forgets the others'.
func (l *looking) run(ctx context.Context) {
	tick := time.NewTicker(time.Hour)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if l.asker != nil {
			l.asker.Refresh()
		}
		if err := l.fill(ctx); err != nil && ctx.Err() == nil {
			l.p.log.Error("the table of the private look-up could not be made; the one before holds", "err", err)
		}
	}
}

// wrong hears that a verdict of ours was wrong. It is for people to look at: what was asked about nobody here knows.
func (l *looking) wrong(from string, _ []byte) {
	l.p.log.Warn("a member says that a verdict of ours about a number was wrong", "member", from)
}

// mount puts our handlers where the hub finds them.
func (l *looking) mount(mux *http.ServeMux) {
	if l.hub != nil {
		mux.Handle("/lookup/hub/", l.hub)
	}
	if l.member != nil {
		mux.Handle("/lookup/member/", l.member)
	}
}

// dayCounter keeps quotas in the database, so that a restart gives nobody more.
type dayCounter struct {
	p  *program
	mu sync.Mutex
}

// Take counts.
func (c *dayCounter) Take(asker string, day int64, n, quota int) (bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	ctx, cancel := context.WithTimeout(c.p.ctx, 5*time.Second)
	defer cancel()
	const name = "lookup-quota"
	var counts struct {
		Day int64          `json:"day"`
		N   map[string]int `json:"n"`
	}
	raw, err := c.p.store.Setting(ctx, name)
	if err == nil {
		err = json.Unmarshal(raw, &counts)
	}
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return false, err
	}
	if counts.Day != day || counts.N == nil {
		counts.Day, counts.N = day, map[string]int{}
	}
	if counts.N[asker]+n > quota {
		return false, nil
	}
	counts.N[asker] += n
	if raw, err = json.Marshal(counts); err != nil {
		return false, err
	}
	return true, c.p.store.SetSetting(ctx, name, raw, time.Now().UnixMicro())
}

type lookupCommand struct {
	Ask lookupAsk `cmd:"" default:"withargs" help:"Ask the other members about numbers, without showing them."`
	Key lookupKey `cmd:"" help:"Print our key, for the others' configurations."`
}

func (lookupCommand) Help() string {
	return `Asks other operators whether a number, or a range around it, is known bad at theirs. They see no number and learn no answer; we learn no list. A number costs five
elements of each member's daily quota, and a question forty, however few numbers it has.

Example:
  sekisho lookup +819012345678 +819087654321`
}

type lookupAsk struct {
	Numbers []string `arg:"" help:"E.164 numbers, eight at most."`
	onRunning
}

func (c lookupAsk) Run(ctx context.Context, io streams) error {
	return tell(ctx, io, c.Config, "/lookup", url.Values{"number": c.Numbers})
}

type lookupKey struct{ onRunning }

func (c lookupKey) Run(io streams) error {
	cfg, err := readConfig(c.Config)
	if err != nil {
		return err
	}
	if cfg.Lookup.Name == "" {
		return errors.New("lookup.name is not configured: we take no part")
	}
	m, _, _, err := cfg.lookupMember(memberOptions{})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(io.out, base64.StdEncoding.EncodeToString(m.Peer().Verify))
	return err
}

func (p *program) askLookup(r *http.Request) (string, error) {
	if p.lookup.asker == nil {
		return "", errors.New("lookup.name and lookup.hub are not configured: we take no part")
	}
	if err := r.ParseForm(); err != nil {
		return "", err
	}
	var lines []subject.Line
	for i, s := range r.Form["number"] {
		l, err := subject.ParseLine(s)
		if err != nil {
			return "", fmt.Errorf("number %d is %w", i+1, err)
		}
		lines = append(lines, l)
	}
	if err := p.acted(r.Context(), "lookup", fmt.Sprintf("%d numbers", len(lines)), "asked of other members"); err != nil {
		return "", err
	}
	answers, err := p.lookup.asker.Ask(r.Context(), lines...)
	if len(answers) == 0 {
		return "", err
	}
	var b bytes.Buffer
	w := tabwriter.NewWriter(&b, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "NUMBER\tMEMBER\tSAYS\t%\tSEEN")
	for i, l := range lines {
		for _, a := range answers[i] {
			says := "nothing"
			if a.Known {
				if says = a.Role.String(); a.Range {
					says += ", of a range around it"
				}
				fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d days ago\n", l.Mask(), a.Member, says, a.Confidence, a.Age)
				continue
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t\t\n", l.Mask(), a.Member, says)
		}
	}
	w.Flush()
	if err != nil {
		fmt.Fprintf(&b, "not asked: %v\n", err)
	}
	return b.String(), nil
}
