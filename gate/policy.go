package gate

import (
	_ "embed"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/sekisho/sekisho/inspect"
	"github.com/sekisho/sekisho/message"
	"github.com/sekisho/sekisho/purpose"
	"github.com/sekisho/sekisho/rule"
	"github.com/sekisho/sekisho/settings"
	"github.com/sekisho/sekisho/subject"
)

// DefaultPolicy is the policy file that `sekisho init` writes, and the policy where no file is named.
//
//go:embed policy.toml
var DefaultPolicy string

// Policy says what follows from what is found. It does not change once it is made: a new one replaces it.
type Policy struct {
	Mode       message.Mode
	Modes      [message.Routes]message.Mode
	Purposes   purpose.Policy
	Thresholds [message.Routes]Thresholds
	Certain    message.Outcome
	Unreadable [message.Binary + 1]message.Outcome // by Decoding
	Rates      [message.Routes]Rate
	Overload   Overload
	Own        *rule.Set // rules of the operator's own
	rules      map[string]RuleSetting
	off        bool // some of them are
	senders    map[subject.Address]struct{}
	recipients map[subject.Address]struct{}
}

// Thresholds are the probabilities from which on an outcome follows; 0 is never.
type Thresholds struct{ Phishing, Bad Steps }

// Steps are the least probabilities, above 0 and at most 1, of three outcomes.
type Steps struct {
	Label float32 `toml:"label"`
	Hold  float32 `toml:"hold"`
	Block float32 `toml:"block"`
}

func (s Steps) outcome(p float32) message.Outcome {
	switch {
	case s.Block > 0 && p >= s.Block:
		return message.Block
	case s.Hold > 0 && p >= s.Hold:
		return message.Hold
	case s.Label > 0 && p >= s.Label:
		return message.Label
	}
	return message.Deliver
}

// Rate is how many texts with links or numbers one sender may send before that is a finding; 0 is no limit.
type Rate struct {
	PerMinute int `toml:"per_minute"`
	PerHour   int `toml:"per_hour"`
}

// Overload says when judging is bypassed by itself: from a delay on, for at least a time.
type Overload struct{ Delay, For time.Duration }

// RuleSetting is what a policy says of one rule.
type RuleSetting struct {
	Trial    bool     `toml:"trial"`
	Off      bool     `toml:"off"`
	Phishing *float32 `toml:"phishing"` // instead of the rule's own weight, in nats
	Spam     *float32 `toml:"spam"`
}

// maxWeight bounds a rule's weight, in nats: more than this is certainty, which has a key of its own.
const maxWeight = 50

// policyFile is the policy as it is written.
type policyFile struct {
	Mode       message.Mode              `toml:"mode"`
	Modes      map[string]message.Mode   `toml:"modes"`
	Purposes   map[string]purpose.Ground `toml:"purposes"`
	Thresholds map[string]struct {
		Phishing Steps `toml:"phishing"`
		Bad      Steps `toml:"bad"`
	} `toml:"thresholds"`
	Certain struct {
		Outcome message.Outcome `toml:"outcome"`
	} `toml:"certain"`
	Unreadable struct {
		Undecodable message.Outcome `toml:"undecodable"`
		Ambiguous   message.Outcome `toml:"ambiguous"`
	} `toml:"unreadable"`
	Exempt struct {
		Senders    []string `toml:"senders"`
		Recipients []string `toml:"recipients"`
	} `toml:"exempt"`
	Rates    map[string]Rate `toml:"rates"`
	Overload struct {
		Delay string `toml:"delay"`
		For   string `toml:"for"`
	} `toml:"overload"`
	Rules map[string]RuleSetting `toml:"rules"`
	Own   map[string]rule.Source `toml:"own"`
}

// ReadPolicy reads a policy file; an empty path gives the default one. known are the rules that may be named.
func ReadPolicy(path string, home int, known []*inspect.Rule) (*Policy, error) {
	var f policyFile
	name := path
	var err error
	if path == "" {
		name = "the default policy"
		err = settings.Read(name, DefaultPolicy, &f)
	} else {
		err = settings.ReadFile(path, &f)
	}
	if err != nil {
		return nil, err
	}
	p, err := f.policy(home, known)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return p, nil
}

func (f *policyFile) policy(home int, known []*inspect.Rule) (*Policy, error) {
	p := &Policy{Mode: f.Mode, Certain: f.Certain.Outcome, rules: f.Rules}
	if p.Mode == message.ModeUnset {
		p.Mode = message.Observe
	}
	for name, m := range f.Modes {
		r, err := message.ParseRoute(name)
		if err != nil {
			return nil, fmt.Errorf("modes: %w", err)
		}
		p.Modes[r] = m
	}
	for name, g := range f.Purposes {
		u, err := purpose.Parse(name)
		if err != nil {
			return nil, fmt.Errorf("purposes: %w", err)
		}
		if !g.Known() {
			return nil, fmt.Errorf("purposes.%s: unknown ground %q: one of terms, individual, business, necessity, statute", name, g)
		}
		p.Purposes[u] = g
	}
	for name, t := range f.Thresholds {
		r, err := message.ParseRoute(name)
		if err != nil {
			return nil, fmt.Errorf("thresholds: %w", err)
		}
		for class, s := range map[string]Steps{"phishing": t.Phishing, "bad": t.Bad} {
			if err := s.check(); err != nil {
				return nil, fmt.Errorf("thresholds.%s.%s: %w", name, class, err)
			}
		}
		p.Thresholds[r] = Thresholds{t.Phishing, t.Bad}
	}
	if p.Thresholds[message.RouteUnset] == (Thresholds{}) { // messages of files need not say their route
		p.Thresholds[message.RouteUnset] = p.Thresholds[message.P2P]
	}
	p.Unreadable[message.Undecodable] = f.Unreadable.Undecodable
	p.Unreadable[message.Ambiguous] = f.Unreadable.Ambiguous
	for name, r := range f.Rates {
		route, err := message.ParseRoute(name)
		if err != nil {
			return nil, fmt.Errorf("rates: %w", err)
		}
		if r.PerMinute < 0 || r.PerHour < 0 || r.PerMinute > maxCount || r.PerHour > maxCount {
			return nil, fmt.Errorf("rates.%s: from 0 to %d", name, maxCount)
		}
		p.Rates[route] = r
	}
	var err error
	if p.senders, err = exempt("senders", f.Exempt.Senders, home); err != nil {
		return nil, err
	}
	if p.recipients, err = exempt("recipients", f.Exempt.Recipients, home); err != nil {
		return nil, err
	}
	if p.Overload.Delay, err = duration("overload.delay", f.Overload.Delay); err != nil {
		return nil, err
	}
	if p.Overload.For, err = duration("overload.for", f.Overload.For); err != nil {
		return nil, err
	}
	names := make(map[string]bool)
	for _, r := range slices.Concat(known, Rules) {
		names[r.Name] = true
	}
	for name, set := range f.Rules {
		if !names[name] {
			return nil, fmt.Errorf("rules.%s: there is no rule of this name", name)
		}
		for _, w := range []*float32{set.Phishing, set.Spam} {
			if w != nil && !(*w >= -maxWeight && *w <= maxWeight) {
				return nil, fmt.Errorf("rules.%s: a weight is from -%d to %d nats", name, maxWeight, maxWeight)
			}
		}
		p.off = p.off || set.Off
	}
	return p, p.own(f.Own)
}

// own takes in the rules of the operator's own.
func (p *Policy) own(sources map[string]rule.Source) (err error) {
	if p.Own, err = rule.New(slices.Sorted(maps.Keys(sources)), sources); err != nil {
		return fmt.Errorf("own: %w", err)
	}
	for _, r := range p.Own.Rules() {
		if r.Trial {
			if p.rules == nil {
				p.rules = map[string]RuleSetting{}
			}
			p.rules[r.Name] = RuleSetting{Trial: true}
		}
	}
	return nil
}

func (s Steps) check() error {
	last := float32(0)
	for _, v := range []float32{s.Label, s.Hold, s.Block} {
		if !(v >= 0 && v <= 1) { // not a number is neither
			return fmt.Errorf("%v is no probability (above 0, at most 1)", v)
		}
		if v > 0 && v < last {
			return fmt.Errorf("a harder outcome needs at least the probability of a milder one (%v after %v)", v, last)
		}
		last = max(last, v)
	}
	return nil
}

func exempt(what string, list []string, home int) (map[subject.Address]struct{}, error) {
	set := make(map[subject.Address]struct{}, len(list))
	for i, s := range list {
		a, err := subject.ParseAddress(s, home)
		if err != nil {
			return nil, fmt.Errorf("exempt.%s, entry %d: %w", what, i+1, err)
		}
		set[a] = struct{}{}
	}
	return set, nil
}

func duration(key, s string) (time.Duration, error) {
	if s == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("%s: %q is no duration such as \"250ms\" or \"2s\"", key, s)
	}
	return d, nil
}

// mode is the mode in force for a message.
func (p *Policy) mode(m *message.Message) message.Mode { return p.ModeFor(m.Mode, m.Route) }

// ModeFor is the mode in force for an account's own mode and a route.
func (p *Policy) ModeFor(account message.Mode, r message.Route) message.Mode {
	switch {
	case account != message.ModeUnset:
		return account
	case r < message.Routes && p.Modes[r] != message.ModeUnset:
		return p.Modes[r]
	}
	return p.Mode
}

// Exempt reports whether nothing between these two is ever judged.
func (p *Policy) Exempt(from, to subject.Address) bool {
	if _, ok := p.senders[from]; ok {
		return true
	}
	_, ok := p.recipients[to]
	return ok
}

// Trial reports whether a rule is in trial: recorded, never acting.
func (p *Policy) Trial(r *inspect.Rule) bool {
	set, ok := p.rules[r.Name]
	return ok && set.Trial
}

// Enforce makes the policy act on every route, as commands that judge files do. It is for a policy that is not in force yet.
func (p *Policy) Enforce() {
	p.Mode, p.Modes = message.Enforce, [message.Routes]message.Mode{}
}
