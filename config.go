package main

import (
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/sekisho/sekisho/action"
	"github.com/sekisho/sekisho/consent"
	"github.com/sekisho/sekisho/door/httpdoor"
	"github.com/sekisho/sekisho/door/smppdoor"
	"github.com/sekisho/sekisho/gate"
	"github.com/sekisho/sekisho/indicator"
	"github.com/sekisho/sekisho/indicator/feeds"
	"github.com/sekisho/sekisho/inspect"
	"github.com/sekisho/sekisho/settings"
	"github.com/sekisho/sekisho/share/lookup"
	"github.com/sekisho/sekisho/subject"
)

// Config is the whole configuration: each package's own part, put together. What a file does not say keeps its
// default; what it says and nobody knows is an error that names the key and its line.
type Config struct {
	Data       string          `toml:"data"`   // folder of everything that is kept
	Policy     string          `toml:"policy"` // file; empty: the default policy
	Home       int             `toml:"home"`   // country code by which national numbers are read
	Log        LogConfig       `toml:"log"`
	Console    ConsoleConfig   `toml:"console"`
	SMPP       smppdoor.Config `toml:"smpp"`
	HTTP       httpdoor.Config `toml:"http"`
	Inspect    InspectConfig   `toml:"inspect"`
	Indicators []IndicatorFile `toml:"indicators"`
	Consent    ConsentConfig   `toml:"consent"`
	Store      StoreConfig     `toml:"store"`
	Stream     StreamConfig    `toml:"stream"`
	Retention  RetentionConfig `toml:"retention"`
	Audit      AuditConfig     `toml:"audit"`
	Notices    action.Config   `toml:"notices"`
	Reports    ReportsConfig   `toml:"reports"`
	Share      ShareConfig     `toml:"share"`
	Feeds      []feeds.Config  `toml:"feeds"`
	Lookup     LookupConfig    `toml:"lookup"`
}

// LogConfig says how the log is written.
type LogConfig struct {
	Level  slog.Level `toml:"level"`
	Format string     `toml:"format"` // text or json
}

// ConsoleConfig says where pages and the API are.
type ConsoleConfig struct {
	Listen string `toml:"listen"`
	Origin string `toml:"origin"` // as browsers see it
}

// InspectConfig names what replaces the embedded model and brands.
type InspectConfig struct {
	Model  string `toml:"model"`
	Brands string `toml:"brands"`
}

// IndicatorFile is a list of known-bad or known-good links, hosts, numbers and senders.
type IndicatorFile struct {
	Path   string `toml:"path"`
	Source string `toml:"source"`
	Good   bool   `toml:"good"`
	Kind   string `toml:"kind"`
}

// ConsentConfig says who subscribers of ours are, and where choices come from besides the API.
type ConsentConfig struct {
	Home []string `toml:"home"` // prefixes of our subscribers' numbers
	File string   `toml:"file"` // CSV of choices: line,scope,granted
}

// StoreConfig says where records are kept.
type StoreConfig struct {
	DSN string `toml:"dsn"` // empty: SQLite in the data folder; postgres://...
}

// StreamConfig says where records wait.
type StreamConfig struct {
	URL      string `toml:"url"` // of a NATS server; empty: embedded
	MaxBytes int64  `toml:"max_bytes"`
	Replicas int    `toml:"replicas"`
}

// RetentionConfig says how long each kind of record is kept.
type RetentionConfig struct {
	Delivered settings.Duration `toml:"delivered"` // rows of delivered messages
	Stopped   settings.Duration `toml:"stopped"`   // rows of stopped ones
	Counts    settings.Duration `toml:"counts"`    // counts by minute
	Held      settings.Duration `toml:"held"`      // held messages, once they ended
	Cases     settings.Duration `toml:"cases"`     // cases, once they ended
	Reports   settings.Duration `toml:"reports"`   // reports, and indicators that are no more in force
	Against   settings.Duration `toml:"against"`   // what stands against contracts, after the last evidence
}

const day = 24 * time.Hour

func defaultConfig() Config {
	return Config{
		Data: "./sekisho-data", Home: subject.Japan,
		Log:     LogConfig{Format: "text"},
		Console: ConsoleConfig{Listen: "127.0.0.1:8470", Origin: "http://localhost:8470"},
		SMPP:    smppdoor.Default(),
		HTTP:    httpdoor.Default(),
		Consent: ConsentConfig{Home: consent.DefaultConfig().Home},
		Audit:   AuditConfig{Name: "sekisho"},
		Notices: action.Default(),
		Reports: defaultReports(),
		Lookup:  LookupConfig{Quota: lookup.DefaultQuota, Epoch: settings.Duration{Duration: lookup.DefaultEpoch}},
		Stream:  StreamConfig{MaxBytes: 1 << 30, Replicas: 1},
		Retention: RetentionConfig{
			Delivered: settings.Duration{Duration: 30 * day}, Stopped: settings.Duration{Duration: 90 * day},
			Counts: settings.Duration{Duration: 400 * day}, Held: settings.Duration{Duration: 30 * day},
			Cases: settings.Duration{Duration: 365 * day}, Against: settings.Duration{Duration: 90 * day}, Reports: settings.Duration{Duration: 180 * day},
		},
	}
}

// readConfig reads a configuration file and makes its paths absolute, so that they are relative to the file and not
// to wherever the program was started.
func readConfig(path string) (Config, error) {
	c := defaultConfig()
	if err := settings.ReadFile(path, &c); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return c, fmt.Errorf("%s: there is no such file; `sekisho init` writes one", path)
		}
		return c, err
	}
	dir := filepath.Dir(path)
	for _, p := range []*string{&c.Data, &c.Policy, &c.Inspect.Model, &c.Inspect.Brands, &c.Consent.File, &c.Audit.File, &c.Notices.Contacts, &c.Notices.Templates, &c.Notices.Post.Folder, &c.Notices.Mail.Password, &c.Reports.Texts, &c.Reports.Mail.Maildir, &c.Share.GroupKey, &c.Lookup.GroupKey, &c.SMPP.Certificate, &c.SMPP.Key} {
		*p = within(dir, *p)
	}
	for i := range c.Feeds {
		c.Feeds[i].Header = within(dir, c.Feeds[i].Header)
	}
	for i := range c.Share.Partners {
		c.Share.Partners[i].Secret = within(dir, c.Share.Partners[i].Secret)
	}
	for i := range c.Share.RPZ.Peers {
		c.Share.RPZ.Peers[i].Secret = within(dir, c.Share.RPZ.Peers[i].Secret)
	}
	for i := range c.Indicators {
		c.Indicators[i].Path = within(dir, c.Indicators[i].Path)
	}
	if err := c.check(); err != nil {
		return c, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

func within(dir, path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}

func (c *Config) check() error {
	if c.Home < 1 || c.Home > 999 {
		return fmt.Errorf("home: %d is no country code", c.Home)
	}
	if c.Log.Format != "text" && c.Log.Format != "json" {
		return fmt.Errorf("log.format: %q is neither text nor json", c.Log.Format)
	}
	if err := settings.CheckAddress(c.Console.Listen); err != nil {
		return fmt.Errorf("console.listen: %w", err)
	}
	// A browser's Origin header has nothing behind the host, and is compared as it stands.
	if u, err := url.Parse(c.Console.Origin); err != nil || u.Host == "" || c.Console.Origin != u.Scheme+"://"+u.Host ||
		u.Scheme != "http" && u.Scheme != "https" {
		return fmt.Errorf("console.origin: %q is not http://HOST or https://HOST, as browsers have it, with nothing behind", c.Console.Origin)
	}
	// Addresses of databases and streams may hold passwords: they are not shown.
	if d := c.Store.DSN; d != "" && !hasPrefix(d, "sqlite:", "postgres://", "postgresql://") {
		return errors.New("store.dsn: it is neither empty, nor sqlite:PATH, nor postgres://HOST/DATABASE")
	}
	if err := c.Stream.check(); err != nil {
		return err
	}
	if c.Data == "" {
		return errors.New("data: name a folder")
	}
	for i := range c.Feeds {
		if err := c.Feeds[i].Check(); err != nil {
			return fmt.Errorf("feeds %d: %w", i+1, err)
		}
	}
	if err := c.Reports.check(c.Home); err != nil {
		return err
	}
	if err := c.Share.Check(); err != nil {
		return err
	}
	c.SMPP.Home, c.SMPP.DataDir = c.Home, c.Data
	return nil
}

func (c *StreamConfig) check() error {
	if c.URL != "" {
		for server := range strings.SplitSeq(c.URL, ",") { // of a cluster
			if !hasPrefix(strings.TrimSpace(server), "nats://", "tls://") {
				return errors.New("stream.url: it is neither empty, nor nats://HOST, nor tls://HOST")
			}
		}
	}
	if c.Replicas != 1 && c.Replicas != 3 && c.Replicas != 5 {
		return fmt.Errorf("stream.replicas: %d; it is 1, 3 or 5", c.Replicas)
	}
	if c.Replicas > 1 && c.URL == "" {
		return fmt.Errorf("stream.replicas: %d need a cluster; name it in stream.url", c.Replicas)
	}
	if c.MaxBytes < minStream {
		return fmt.Errorf("stream.max_bytes: %d; records need room for %d (16 MiB) or more", c.MaxBytes, minStream)
	}
	return nil
}

// minStream is the smallest stream: a few packs of records, so that a short pause of the store loses none.
const minStream = 16 << 20

func hasPrefix(s string, any ...string) bool {
	return slices.ContainsFunc(any, func(p string) bool { return strings.HasPrefix(s, p) })
}

func (c *Config) indicatorFiles() ([]indicator.File, error) {
	var files []indicator.File
	for _, f := range c.Indicators {
		kind := indicator.KindNone
		if f.Kind != "" {
			var err error
			if kind, err = indicator.ParseKind(f.Kind); err != nil {
				return nil, fmt.Errorf("indicators %q: %w", f.Path, err)
			}
		}
		files = append(files, indicator.File{Path: f.Path, Source: f.Source, Good: f.Good, Kind: kind})
	}
	return files, nil
}

// rules are all rules that a policy may name.
func rules() []*inspect.Rule {
	var all []*inspect.Rule
	for i := range inspect.Rules {
		all = append(all, &inspect.Rules[i])
	}
	return all
}

func (c *Config) readPolicy() (*gate.Policy, error) {
	p, err := gate.ReadPolicy(c.Policy, c.Home, rules())
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("policy: %w", err)
	}
	return p, err
}

// sampleConfig is what `sekisho init` writes. A test holds it to the defaults.
//
//go:embed sekisho.toml
var sampleConfig string

type initCommand struct {
	Dir   string `arg:"" optional:"" default:"." help:"Folder to write sekisho.toml and policy.toml to."`
	Force bool   `help:"Write over files that are there."`
}

func (c initCommand) Run(io streams) error {
	if err := os.MkdirAll(c.Dir, 0o755); err != nil {
		return err
	}
	files := []struct{ name, text string }{{"sekisho.toml", sampleConfig}, {"policy.toml", gate.DefaultPolicy}}
	for _, f := range files {
		if _, err := os.Stat(filepath.Join(c.Dir, f.name)); err == nil && !c.Force {
			return fmt.Errorf("%s is there already; --force writes over it", filepath.Join(c.Dir, f.name))
		}
	}
	for _, f := range files {
		path := filepath.Join(c.Dir, f.name)
		if err := settings.WriteFile(path, []byte(f.text)); err != nil {
			return err
		}
		fmt.Fprintln(io.out, "wrote", path)
	}
	fmt.Fprintf(io.out, "Fill in the SMSC and the accounts, check with\n  sekisho check-config %[1]s\nand start with\n  sekisho serve -c %[1]s\n",
		filepath.Join(c.Dir, "sekisho.toml"))
	return nil
}

type checkCommand struct {
	Config string `arg:"" optional:"" default:"sekisho.toml" help:"The configuration file."`
}

// Run reads everything that the configuration names and starts nothing.
func (c checkCommand) Run(io streams) error {
	cfg, err := readConfig(c.Config)
	if err != nil {
		return err
	}
	warnings, err := cfg.verify()
	for _, w := range warnings {
		fmt.Fprintln(io.err, "warning:", w)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", c.Config, err)
	}
	fmt.Fprintf(io.out, "%s is good: %d accounts, %d SMSCs, %d lists of indicators, mode %s\n", c.Config,
		len(cfg.SMPP.Accounts), len(cfg.SMPP.Upstreams), len(cfg.Indicators), must(cfg.readPolicy()).Mode)
	return nil
}

// must is for what has just been checked.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
