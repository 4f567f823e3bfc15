// Package feeds takes in lists that others publish: on timers, guarded against what is empty, broken, too large, or leads into the operator's own network. What was good is
// kept on disk and stays in force until the next that is.
package feeds

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/renameio/v2/maybe"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/sekisho/sekisho/indicator"
	"github.com/sekisho/sekisho/settings"
)

// Config is one feed.
type Config struct {
	Name       string            `toml:"name"` // letters, digits and hyphens: a file is called so, and what it says comes from it
	URL        string            `toml:"url"`
	Form       string            `toml:"form"`        // list (default: plain, or CSV as JPCERT/CC and PhishTank have it), misp, taxii
	Collection string            `toml:"collection"`  // of taxii: its id or alias
	Good       bool              `toml:"good"`        // a list of what is known good
	Kind       string            `toml:"kind"`        // of every line of a plain list; empty: guessed
	Licence    string            `toml:"licence"`     // as it is shown
	Confidence uint8             `toml:"confidence"`  // in percent, where the feed does not say; 60
	Every      settings.Duration `toml:"every"`       // 1h
	Max        int64             `toml:"max"`         // octets, unpacked; 64 MiB
	Swing      float64           `toml:"swing"`       // a feed that becomes so many times as long, or as short, is refused; 10
	Header     string            `toml:"header_file"` // file with the value of Authorization
	Inside     bool              `toml:"inside"`      // its address is in our own network
}

// Check reads what is written, fills in defaults, and says what is wrong.
func (c *Config) Check() error {
	if c.Name == "" || len(c.Name) > 40 || strings.Trim(c.Name, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		return errors.New("name: from 1 to 40 small letters, digits and hyphens")
	}
	u, err := url.Parse(c.URL)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return errors.New("url: an address of https or http")
	}
	switch c.Form {
	case "", "list", "misp":
	case "taxii":
		if c.Collection == "" {
			return errors.New("collection: a TAXII feed names one")
		}
	default:
		return errors.New("form: list, misp or taxii")
	}
	if c.Kind != "" {
		if _, err := indicator.ParseKind(c.Kind); err != nil {
			return fmt.Errorf("kind: %w", err)
		}
	}
	if c.Every.Duration == 0 {
		c.Every.Duration = time.Hour
	}
	if c.Every.Duration < time.Minute {
		return errors.New("every: at least 1m")
	}
	if c.Max == 0 {
		c.Max = 64 << 20
	}
	if c.Swing == 0 {
		c.Swing = 10
	}
	if c.Max < 1<<10 || c.Max > 1<<32 || c.Swing <= 1 || c.Confidence > 100 {
		return errors.New("max is from 1024 octets to 4 GiB, swing above 1, confidence at most 100")
	}
	if c.Confidence == 0 {
		c.Confidence = 60
	}
	return nil
}

// Fetcher reads a feed of another form than a list.
type Fetcher func(ctx context.Context, client *http.Client, c *Config, authorization string) ([]indicator.Entry, error)

// Status is how a feed stands.
type Status struct {
	Name, Licence string
	Taken         time.Time // when the one in force was taken; zero: none was
	Entries       int
	Tried         time.Time
	Failed        string // why the last try was refused; empty: it was not
}

// Set keeps feeds in a folder.
type Set struct {
	dir      string
	log      *slog.Logger
	fetchers map[string]Fetcher
	changed  func() // a file has changed

	mu  sync.Mutex
	all []*state
}

type state struct {
	Config
	Status
	etag, modified string
}

// kept is what stands beside a file.
type kept struct {
	Good     time.Time `json:"good"`
	Entries  int       `json:"entries"`
	ETag     string    `json:"etag,omitempty"`
	Modified string    `json:"modified,omitempty"`
}

// New makes the files of all feeds, empty where there are none yet: File names them. changed is called when one has changed.
func New(dir string, configs []Config, fetchers map[string]Fetcher, changed func(), log *slog.Logger, reg prometheus.Registerer) (*Set, error) {
	f := &Set{dir: dir, log: log, fetchers: fetchers, changed: changed}
	if len(configs) == 0 {
		return f, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for _, c := range configs {
		if err := c.Check(); err != nil {
			return nil, fmt.Errorf("feed %.40q: %w", c.Name, err)
		}
		if seen[c.Name] {
			return nil, fmt.Errorf("feed %s: two feeds of one name", c.Name)
		}
		seen[c.Name] = true
		s := &state{Config: c, Status: Status{Name: c.Name, Licence: c.Licence}}
		if b, err := os.ReadFile(f.path(&c) + ".json"); err == nil {
			var k kept
			if json.Unmarshal(b, &k) == nil {
				s.Taken, s.Entries, s.etag, s.modified = k.Good, k.Entries, k.ETag, k.Modified
			}
		}
		if _, err := os.Stat(f.path(&c)); errors.Is(err, fs.ErrNotExist) {
			s.etag, s.modified, s.Taken, s.Entries = "", "", time.Time{}, 0
			if err := os.WriteFile(f.path(&c), []byte("# not fetched yet\n"), 0o600); err != nil {
				return nil, err
			}
		}
		f.all = append(f.all, s)
	}
	if reg != nil {
		reg.MustRegister(collector{f})
	}
	return f, nil
}

// path is a feed's file. Forms other than lists are kept as CSV of our own.
func (f *Set) path(c *Config) string {
	ext := ".list"
	if c.Form == "misp" || c.Form == "taxii" || strings.HasSuffix(strings.ToLower(c.URL), ".csv") {
		ext = ".csv"
	}
	return filepath.Join(f.dir, c.Name+ext)
}

// Files are the feeds as lists that indicator.Load reads.
func (f *Set) Files() (all []indicator.File) {
	for _, s := range f.all {
		k, _ := indicator.ParseKind(s.Kind)
		all = append(all, indicator.File{Path: f.path(&s.Config), Source: s.Config.Name, Good: s.Config.Good, Kind: k})
	}
	return all
}

// Status tells how all feeds stand.
func (f *Set) Status() (all []Status) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, s := range f.all {
		all = append(all, s.Status)
	}
	return all
}

// Run fetches every feed when it is due, until ctx ends.
func (f *Set) Run(ctx context.Context) {
	var wg sync.WaitGroup
	for _, s := range f.all {
		wg.Go(func() {
			pause := time.Duration(0)
			if age := time.Since(s.Taken); age < s.Every.Duration {
				pause = s.Every.Duration - age
			}
			failures := 0
			for {
				if wait(ctx, pause/2+jitter(pause)) != nil {
					return
				}
				if err := f.Fetch(ctx, s.Config.Name); err != nil {
					if ctx.Err() != nil {
						return
					}
					f.log.Error("a feed was refused; the last good one stays in force", "feed", s.Config.Name, "err", err)
					failures = min(failures+1, 6)
					pause = min(s.Every.Duration<<failures, 24*time.Hour)
					continue
				}
				failures, pause = 0, s.Every.Duration
			}
		})
	}
	wg.Wait()
}

func jitter(d time.Duration) time.Duration {
	if d < 2 {
		return 0
	}
	return rand.N(d / 2)
}

// Fetch fetches a feed now. An error leaves what is in force as it is.
func (f *Set) Fetch(ctx context.Context, name string) error {
	for _, s := range f.all {
		if s.Config.Name == name {
			err := f.fetch(ctx, s)
			f.mu.Lock()
			s.Tried, s.Failed = time.Now(), ""
			if err != nil {
				s.Failed = err.Error()
			}
			f.mu.Unlock()
			return err
		}
	}
	return fmt.Errorf("there is no feed %.40q", name)
}

func (f *Set) fetch(ctx context.Context, s *state) error {
	authorization := ""
	if s.Header != "" {
		b, err := os.ReadFile(s.Header)
		if err != nil {
			return err
		}
		authorization = strings.TrimSpace(string(b))
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	client := NewClient(5*time.Minute, s.Inside)
	defer client.CloseIdleConnections()
	var raw []byte
	k := kept{Good: time.Now().UTC()}
	if fetcher := f.fetchers[s.Form]; fetcher != nil {
		entries, err := fetcher(ctx, client, &s.Config, authorization)
		if err != nil {
			return err
		}
		raw = asCSV(entries)
	} else {
		var same bool
		var err error
		if raw, same, err = s.list(ctx, client, authorization, &k); err != nil {
			return err
		}
		if same {
			k.Entries, k.ETag, k.Modified = s.Entries, s.etag, s.modified
			return f.note(s, k)
		}
	}
	if len(bytes.TrimSpace(raw)) == 0 {
		return errEmpty
	}
	n, err := f.try(ctx, s, raw)
	if err != nil {
		return err
	}
	was := s.Entries
	switch {
	case n == 0:
		return errEmpty
	case was >= 50 && (float64(n) > float64(was)*s.Swing || float64(n) < float64(was)/s.Swing):
		return fmt.Errorf("it went from %d to %d entries at once (swing)", was, n)
	}
	k.Entries = n
	if err := maybe.WriteFile(f.path(&s.Config), raw, 0o600); err != nil {
		return err
	}
	if err := f.note(s, k); err != nil {
		return err
	}
	f.log.Info("a feed is in force", "feed", s.Config.Name, "entries", n)
	if f.changed != nil {
		f.changed()
	}
	return nil
}

var errEmpty = errors.New("it is empty")

func (f *Set) note(s *state, k kept) error {
	b, err := json.Marshal(k)
	if err != nil {
		return err
	}
	if err := maybe.WriteFile(f.path(&s.Config)+".json", b, 0o600); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	s.Taken, s.Entries, s.etag, s.modified = k.Good, k.Entries, k.ETag, k.Modified
	return nil
}

// try reads a list as it will be read when it is in force, and counts what is in it.
func (f *Set) try(ctx context.Context, s *state, raw []byte) (int, error) {
	tmp, err := os.CreateTemp(f.dir, ".try-*"+filepath.Ext(f.path(&s.Config)))
	if err != nil {
		return 0, err
	}
	defer os.Remove(tmp.Name())
	if _, err = tmp.Write(raw); err == nil {
		err = tmp.Close()
	}
	if err != nil {
		return 0, err
	}
	kind, _ := indicator.ParseKind(s.Kind)
	x, _, err := indicator.Load(ctx, []indicator.File{{Path: tmp.Name(), Source: s.Config.Name, Good: s.Config.Good, Kind: kind}}, nil)
	if bad := (*indicator.FileError)(nil); errors.As(err, &bad) {
		return 0, fmt.Errorf("line %d: %w", bad.Line, bad.Err)
	}
	return x.Len(), err
}

// list fetches a list, unless it is as it was.
func (s *state) list(ctx context.Context, client *http.Client, authorization string, k *kept) (raw []byte, same bool, err error) {
	r, err := http.NewRequestWithContext(ctx, "GET", s.URL, nil)
	if err != nil {
		return nil, false, err
	}
	r.Header.Set("Accept-Encoding", "gzip")
	r.Header.Set("User-Agent", "sekisho")
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	if s.etag != "" {
		r.Header.Set("If-None-Match", s.etag)
	}
	if s.modified != "" {
		r.Header.Set("If-Modified-Since", s.modified)
	}
	resp, err := client.Do(r)
	if err != nil {
		return nil, false, plain(err)
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusNotModified:
		return nil, true, nil
	case http.StatusOK:
	default:
		return nil, false, fmt.Errorf("the server answered %d", resp.StatusCode)
	}
	k.ETag, k.Modified = bounded(resp.Header.Get("ETag")), bounded(resp.Header.Get("Last-Modified"))
	raw, err = Unpack(resp.Body, resp.Header.Get("Content-Encoding"), s.Max)
	return raw, false, err
}

func bounded(s string) string {
	if len(s) > 256 {
		return ""
	}
	return s
}

// plain takes the address off an error: it may bear a secret.
func plain(err error) error {
	if u := (*url.Error)(nil); errors.As(err, &u) {
		return u.Err
	}
	return err
}

// Unpack reads a body of at most so many octets, those that it unpacks to.
func Unpack(body io.Reader, encoding string, most int64) ([]byte, error) {
	in := bufio.NewReader(body)
	head, _ := in.Peek(2)
	var r io.Reader = in
	if encoding == "gzip" || len(head) == 2 && head[0] == 0x1f && head[1] == 0x8b {
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, errors.New("it is not gzip, as it says")
		}
		r = z
	} else if encoding != "" && encoding != "identity" {
		return nil, fmt.Errorf("an encoding that is not read")
	}
	raw, err := io.ReadAll(io.LimitReader(r, most+1))
	if err != nil {
		return nil, err
	}
	if int64(len(raw)) > most {
		return nil, fmt.Errorf("more than %d octets (max)", most)
	}
	return raw, nil
}

// asCSV writes entries as a list of ours: sorted as they came, those in force alone.
func asCSV(entries []indicator.Entry) []byte {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	w.Write([]string{"kind", "value", "confidence", "first_seen", "last_seen"})
	for _, e := range entries {
		if e.Status != indicator.Active || e.Role == indicator.RoleVictim {
			continue
		}
		w.Write([]string{e.Kind.String(), e.Value, strconv.Itoa(int(min(e.Confidence, 100))), e.First.UTC().Format(time.DateOnly), e.Last.UTC().Format(time.DateOnly)})
	}
	w.Flush()
	return b.Bytes()
}

// collector tells how old feeds are.
type collector struct{ f *Set }

var (
	ageDesc     = prometheus.NewDesc("sekisho_feed_age_seconds", "Since the feed in force was taken.", []string{"feed"}, nil)
	entriesDesc = prometheus.NewDesc("sekisho_feed_entries", "Entries of the feed in force.", []string{"feed"}, nil)
	failedDesc  = prometheus.NewDesc("sekisho_feed_refused", "Whether the last try was refused.", []string{"feed"}, nil)
)

func (c collector) Describe(ch chan<- *prometheus.Desc) {
	ch <- ageDesc
	ch <- entriesDesc
	ch <- failedDesc
}

func (c collector) Collect(ch chan<- prometheus.Metric) {
	for _, s := range c.f.Status() {
		if !s.Taken.IsZero() {
			ch <- prometheus.MustNewConstMetric(ageDesc, prometheus.GaugeValue, time.Since(s.Taken).Seconds(), s.Name)
		}
		ch <- prometheus.MustNewConstMetric(entriesDesc, prometheus.GaugeValue, float64(s.Entries), s.Name)
		failed := 0.0
		if s.Failed != "" {
			failed = 1
		}
		ch <- prometheus.MustNewConstMetric(failedDesc, prometheus.GaugeValue, failed, s.Name)
	}
}
