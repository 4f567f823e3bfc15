package smppdoor

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/sekisho/sekisho/message"
	"github.com/sekisho/sekisho/settings"
	"github.com/sekisho/sekisho/smpp"
	"github.com/sekisho/sekisho/subject"
)

// Config is the door's part of the configuration. Reload takes a new one while sessions stay bound;
// Listen, Certificate's presence and the limits of open sessions need a restart.
type Config struct {
	Listen      string     `toml:"listen"`      // host:port that ESMEs bind to
	Certificate string     `toml:"certificate"` // PEM file; with Key: TLS is spoken
	Key         string     `toml:"key"`         // PEM file
	SystemID    string     `toml:"system_id"`   // what ESMEs are told that we are
	Home        int        `toml:"-"`           // country code by which national numbers are read
	MaxSessions int        `toml:"max_sessions"`
	Session     Timers     `toml:"session"`
	Long        Long       `toml:"long"`
	Stopped     Stopped    `toml:"stopped"`
	Label       Labels     `toml:"label"`
	Accounts    []Account  `toml:"account"`
	Upstreams   []Upstream `toml:"upstream"`
	DataDir     string     `toml:"-"` // where message ids are kept
}

// Timers bound every session, of ESMEs and upstream.
type Timers struct {
	EnquireLink settings.Duration `toml:"enquire_link"` // silence after which the link is checked
	Response    settings.Duration `toml:"response"`     // how long an answer may take
	Write       settings.Duration `toml:"write"`        // how long a write, or the rest of a PDU, may take
	BindWithin  settings.Duration `toml:"bind_within"`  // how long a connection may stay unbound
	Inactivity  settings.Duration `toml:"inactivity"`   // 0: a silent session that answers enquire_link may stay
	Window      int               `toml:"window"`       // unanswered submits that an account may have on one session, unless it says otherwise
}

// Long bounds the long messages that wait for their parts.
type Long struct {
	Expiry settings.Duration `toml:"expiry"` // after which the parts of a message that did not come whole are forgotten
	Max    int               `toml:"max"`    // messages that wait at once; the oldest makes room
}

// Stopped says what an ESME is told of a stopped message.
type Stopped struct {
	Block    BlockAnswer       `toml:"block"`    // refuse: Status; accept: ESME_ROK, and a REJECTD receipt if one was asked for
	Status   smpp.Status       `toml:"status"`   // of what is refused
	Fallback Fallback          `toml:"fallback"` // where a hold cannot be kept: block or deliver
	Expires  settings.Duration `toml:"expires"`  // how long a held message can be released
	Receipts settings.Duration `toml:"receipts"` // how often receipts of ours that could not be handed over are tried again
}

// BlockAnswer is how a blocked message is answered.
type BlockAnswer string

const (
	Refuse BlockAnswer = "refuse"
	Accept BlockAnswer = "accept"
)

// Fallback is what becomes of a message that should be held and cannot be.
type Fallback string

const (
	FallbackBlock   Fallback = "block"
	FallbackDeliver Fallback = "deliver"
)

// Labels are the warnings put before a text; the first that the text's alphabet can write is taken.
type Labels struct {
	Texts []string `toml:"texts"`
}

// Account is one ESME.
type Account struct {
	SystemID  string        `toml:"system_id"`
	Password  string        `toml:"password"`  // its hash, as `sekisho hash-password` prints it
	Addresses []string      `toml:"addresses"` // networks it may come from, such as "192.0.2.0/24"; none: any
	Sources   []string      `toml:"sources"`   // addresses it may send as: "+8190...", "SEKISHO", "0005*"; "*" is any
	Numbers   []string      `toml:"numbers"`   // addresses whose messages are for it, in the same form
	Rate      float64       `toml:"rate"`      // submits a second over all its sessions; 0: no limit
	Window    int           `toml:"window"`    // unanswered submits on one session; 0: as session.window
	Binds     int           `toml:"binds"`     // sessions at once; 0: 10
	Route     message.Route `toml:"route"`     // p2p, a2p (default), intl
	Mode      message.Mode  `toml:"mode"`      // observe, label, enforce; none: as the policy says
	Permit    []string      `toml:"permit"`    // binary, port, ota, mms: passed untouched; what is not named is refused
	Alphabet  smpp.Alphabet `toml:"alphabet"`  // what data_coding 0 means: gsm7 (default), gsm7-packed, latin1, ascii, utf8
	Upstream  string        `toml:"upstream"`  // by name; none: the first

	allowed  permits
	networks []netip.Prefix
	sources  patterns
	numbers  patterns
}

// Upstream is an SMSC that we bind to.
type Upstream struct {
	Name       string        `toml:"name"`
	Address    string        `toml:"address"` // host:port
	TLS        bool          `toml:"tls"`
	ServerName string        `toml:"server_name"` // of its certificate; none: the host of Address
	SystemID   string        `toml:"system_id"`
	Password   string        `toml:"password"`
	SystemType string        `toml:"system_type"`
	Binds      int           `toml:"binds"`  // sessions at once; 0: 1
	Window     int           `toml:"window"` // unanswered submits on each; 0: 500
	Bind       string        `toml:"bind"`   // transceiver (default), transmitter, receiver
	Alphabet   smpp.Alphabet `toml:"alphabet"`
	// Loop is for an SMSC that hands its subscribers' texts over as deliver_sm: what may pass is submitted to the
	// upstream named here, on binds that the SMSC routes past us.
	Loop *Loop `toml:"loop"`
}

// Loop says how what came as deliver_sm goes back as submit_sm.
type Loop struct {
	Via      string            `toml:"via"`    // the upstream that takes what may pass
	Route    message.Route     `toml:"route"`  // p2p (default)
	Mode     message.Mode      `toml:"mode"`   // none: as the policy says
	Answer   smpp.Status       `toml:"answer"` // of what is stopped: ESME_ROK (default) or ESME_RX_R_APPN
	Return   settings.Duration `toml:"return"` // a text that comes again within it has returned; 1m
	Validity string            `toml:"validity_period"`
	Service  string            `toml:"service_type"`
	Priority int               `toml:"priority_flag"`
	Register int               `toml:"registered_delivery"`
}

// Default is a configuration without accounts and upstreams.
func Default() Config {
	return Config{
		Listen:      "127.0.0.1:2775",
		SystemID:    "sekisho",
		MaxSessions: 2000,
		Session: Timers{
			EnquireLink: settings.Duration{Duration: 30 * time.Second}, Response: settings.Duration{Duration: 10 * time.Second}, Write: settings.Duration{Duration: 10 * time.Second},
			BindWithin: settings.Duration{Duration: 5 * time.Second}, Window: 100,
		},
		Long: Long{Expiry: settings.Duration{Duration: 5 * time.Minute}, Max: 100_000},
		Stopped: Stopped{
			Block: Refuse, Status: smpp.StatusSubmitFail, Fallback: FallbackBlock,
			Expires: settings.Duration{Duration: 7 * 24 * time.Hour}, Receipts: settings.Duration{Duration: 30 * time.Second},
		},
		Label: Labels{Texts: []string{"【注意】詐欺の疑いがあります。\n", "[Warning: possible fraud] "}},
	}
}

// patterns are addresses and prefixes.
type patterns struct {
	any   bool
	exact map[subject.Address]struct{}
	head  []string
}

func readPatterns(list []string, home int) (patterns, error) {
	p := patterns{exact: make(map[subject.Address]struct{})}
	for _, s := range list {
		if s == "*" {
			p.any = true
		} else if strings.Contains(strings.TrimSuffix(s, "*"), "*") {
			return p, fmt.Errorf("%q: * stands at the end only", s)
		} else if head, ok := strings.CutSuffix(s, "*"); ok {
			p.head = append(p.head, head)
		} else {
			a, err := subject.ParseAddress(s, home)
			if err != nil {
				return p, fmt.Errorf("%q: %w", s, err)
			}
			p.exact[a] = struct{}{}
		}
	}
	return p, nil
}

func (p *patterns) match(a subject.Address) bool {
	if p.any {
		return true
	}
	if _, ok := p.exact[a]; ok {
		return true
	}
	for _, h := range p.head {
		if b := a.Bytes(); len(b) >= len(h) && string(b[:len(h)]) == h {
			return true
		}
	}
	return false
}

// permits are the kinds of messages without a text that may pass.
type permits uint8

const (
	permitBinary permits = 1 << iota
	permitPort
	permitOTA
	permitMMS
)

var permitNames = map[string]permits{"binary": permitBinary, "port": permitPort, "ota": permitOTA, "mms": permitMMS}

// Check reads all that is written in a configuration and says what is wrong with it.
func (c *Config) Check() error { return c.prepare() }

// prepare checks a configuration and reads what is written in it, so that a bad one is refused whole.
func (c *Config) prepare() error {
	if c.Home == 0 {
		c.Home = subject.Japan
	}
	if (c.Certificate == "") != (c.Key == "") {
		return errors.New("smpp: certificate and key go together")
	}
	if c.Certificate != "" {
		if _, err := tls.LoadX509KeyPair(c.Certificate, c.Key); err != nil {
			return fmt.Errorf("smpp.certificate: %w", err)
		}
	}
	if err := settings.CheckAddress(c.Listen); err != nil {
		return fmt.Errorf("smpp.listen: %w", err)
	}
	if c.MaxSessions < 1 {
		return fmt.Errorf("smpp.max_sessions: %d; without a session nothing passes", c.MaxSessions)
	}
	if c.Session.Window < 1 {
		return fmt.Errorf("smpp.session.window: %d; without a window nothing passes", c.Session.Window)
	}
	if e := c.Stopped.Expires.Duration; e < time.Minute {
		return fmt.Errorf("smpp.stopped.expires: %v is too short to release a message in; at least 1m", e)
	}
	if len(c.SystemID) > 15 {
		return fmt.Errorf("smpp.system_id: %q is longer than 15 octets (SMPP 3.4 §5.2.1)", c.SystemID)
	}
	if c.Stopped.Block != Refuse && c.Stopped.Block != Accept {
		return fmt.Errorf("smpp.stopped.block: %q is neither refuse nor accept", c.Stopped.Block)
	}
	if c.Stopped.Fallback != FallbackBlock && c.Stopped.Fallback != FallbackDeliver {
		return fmt.Errorf("smpp.stopped.fallback: %q is neither block nor deliver", c.Stopped.Fallback)
	}
	if c.Stopped.Status == smpp.StatusOK {
		return errors.New("smpp.stopped.status: ESME_ROK would tell that a refused message was accepted; use block = \"accept\" for that")
	}
	ups := make(map[string]bool)
	for i := range c.Upstreams {
		u := &c.Upstreams[i]
		if err := u.prepare(); err != nil {
			return fmt.Errorf("smpp.upstream %q: %w", u.Name, err)
		}
		if ups[u.Name] {
			return fmt.Errorf("smpp.upstream %q: there are two of this name", u.Name)
		}
		ups[u.Name] = true
	}
	for _, u := range c.Upstreams {
		if u.Loop != nil && (!ups[u.Loop.Via] || u.Loop.Via == u.Name) {
			return fmt.Errorf("smpp.upstream %q: loop.via: %q is no other upstream", u.Name, u.Loop.Via)
		}
	}
	ids := make(map[string]bool)
	for i := range c.Accounts {
		a := &c.Accounts[i]
		if err := a.prepare(c.Home); err != nil {
			return fmt.Errorf("smpp.account %q: %w", a.SystemID, err)
		}
		if a.Upstream == "" && len(c.Upstreams) > 0 {
			a.Upstream = c.Upstreams[0].Name
		}
		if !ups[a.Upstream] {
			return fmt.Errorf("smpp.account %q: upstream: there is none named %q", a.SystemID, a.Upstream)
		}
		if ids[a.SystemID] {
			return fmt.Errorf("smpp.account %q: there are two of this system_id", a.SystemID)
		}
		ids[a.SystemID] = true
	}
	return nil
}

func (a *Account) prepare(home int) (err error) {
	if a.SystemID == "" || len(a.SystemID) > 15 {
		return errors.New("system_id: 1 to 15 octets (SMPP 3.4 §5.2.1)")
	}
	if a.Password == "" {
		return errors.New("password: its hash is missing; `sekisho hash-password` prints one")
	}
	if a.sources, err = readPatterns(a.Sources, home); err != nil {
		return fmt.Errorf("sources: %w", err)
	}
	if len(a.Sources) == 0 {
		return errors.New("sources: name the addresses it may send as, or \"*\" for any")
	}
	if a.numbers, err = readPatterns(a.Numbers, home); err != nil {
		return fmt.Errorf("numbers: %w", err)
	}
	a.networks = nil
	for _, s := range a.Addresses {
		p, err := netip.ParsePrefix(s)
		if err != nil {
			ip, ipErr := netip.ParseAddr(s)
			if ipErr != nil {
				return fmt.Errorf("addresses: %q is no network such as \"192.0.2.0/24\"", s)
			}
			p = netip.PrefixFrom(ip, ip.BitLen())
		}
		a.networks = append(a.networks, p)
	}
	a.allowed = 0
	for _, s := range a.Permit {
		p, ok := permitNames[s]
		if !ok {
			return fmt.Errorf("permit: %q is none of binary, port, ota, mms", s)
		}
		a.allowed |= p
	}
	if a.Route == message.RouteUnset {
		a.Route = message.A2P
	}
	if err := checkBinds(a.Binds); err != nil {
		return err
	}
	if a.Binds == 0 {
		a.Binds = 10
	}
	if a.Rate < 0 || a.Window < 0 {
		return errors.New("rate and window cannot be below 0")
	}
	if a.Alphabet == smpp.AlphabetUnknown {
		a.Alphabet = smpp.GSM7
	}
	return nil
}

// maxBinds is more than anybody has; what is above is a slip.
const maxBinds = 1000

func checkBinds(n int) error {
	if n < 0 || n > maxBinds {
		return fmt.Errorf("binds: %d; 1 to %d, or 0 for the default", n, maxBinds)
	}
	return nil
}

var bindCommands = map[string]smpp.Command{
	"": smpp.BindTransceiver, "transceiver": smpp.BindTransceiver, "transmitter": smpp.BindTransmitter, "receiver": smpp.BindReceiver,
}

func (u *Upstream) prepare() error {
	if u.Name == "" {
		return errors.New("name: it needs one")
	}
	if err := settings.CheckAddress(u.Address); err != nil {
		return fmt.Errorf("address: %w", err)
	}
	if len(u.SystemID) > 15 || len(u.Password) > 8 {
		return errors.New("system_id has at most 15 octets and password at most 8 (SMPP 3.4 §5.2.1, §5.2.2)")
	}
	if _, ok := bindCommands[u.Bind]; !ok {
		return fmt.Errorf("bind: %q is none of transceiver, transmitter, receiver", u.Bind)
	}
	if err := checkBinds(u.Binds); err != nil {
		return err
	}
	if u.Binds == 0 {
		u.Binds = 1
	}
	if u.Window <= 0 {
		u.Window = 500
	}
	if u.Alphabet == smpp.AlphabetUnknown {
		u.Alphabet = smpp.GSM7
	}
	if l := u.Loop; l != nil {
		if l.Route == message.RouteUnset {
			l.Route = message.P2P
		}
		if l.Answer != smpp.StatusOK && l.Answer != smpp.StatusRxRAppn {
			return fmt.Errorf("loop.answer: %v; only ESME_ROK or ESME_RX_R_APPN, since a temporary error makes the SMSC try again for ever", l.Answer)
		}
		if l.Return.Duration == 0 {
			l.Return.Duration = time.Minute
		}
		if l.Validity != "" {
			if _, err := smpp.ParseTime([]byte(l.Validity), time.Now()); err != nil {
				return fmt.Errorf("loop.validity_period: %w", err)
			}
		}
		if len(l.Service) > 5 || l.Priority < 0 || l.Priority > 3 || l.Register < 0 || l.Register > 31 {
			return errors.New("loop: service_type has at most 5 octets, priority_flag is 0 to 3, registered_delivery 0 to 31")
		}
	}
	return nil
}
