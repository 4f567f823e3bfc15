// Package rule has the rules of the operator's own: one expression each in CEL (Common Expression Language, cel.dev) over named
// features of a message. An expression is parsed, typed and its cost bounded when it is loaded; what is left on the message path is a tree of Go
// closures over the message as it lies in memory, which allocates nothing and cannot fail.
package rule

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"strings"

	"cel.dev/cel-go/cel"

	"github.com/sekisho/sekisho/inspect"
	"github.com/sekisho/sekisho/message"
)

// Source is a rule as the policy writes it.
type Source struct {
	When     string  `toml:"when"`     // the expression, of type bool
	Phishing float32 `toml:"phishing"` // nats added to the log-odds of phishing where it holds
	Spam     float32 `toml:"spam"`
	Certain  bool    `toml:"certain"` // decides alone, as policy says of certain findings
	Trial    bool    `toml:"trial"`   // recorded, and never acts
	Why      string  `toml:"why"`     // the sentence for people, in English
	WhyJa    string  `toml:"why_ja"`  // in Japanese; without one the English one
}

// Limits of what is loaded.
const (
	MaxRules      = 1000
	MaxExpression = 2000    // octets
	MaxCost       = 100_000 // by CEL's own estimate, at the longest text and the most links; about 10 per 100 octets looked through
	maxWeight     = 50      // nats
)

// Rule is a rule that was loaded.
type Rule struct {
	inspect.Rule
	Trial bool
	Cost  uint64 // the bound by CEL's estimate
	when  func(*input) bool
}

// Set is a checked set of rules. It does not change; a nil one has none.
type Set struct{ rules []*Rule }

// Rules are the rules of the set, in the order of their names.
func (s *Set) Rules() []*Rule {
	if s == nil {
		return nil
	}
	return s.rules
}

var nameForm = regexp.MustCompile(`^[a-z][a-z0-9-]{0,48}$`)

// New checks rules by name, in the order given. An error names the rule and the place in its expression; nothing is loaded then.
func New(names []string, sources map[string]Source) (*Set, error) {
	if len(names) > MaxRules {
		return nil, fmt.Errorf("%d rules of your own; at most %d", len(names), MaxRules)
	}
	env, err := environment()
	if err != nil {
		return nil, fmt.Errorf("prepare CEL: %w", err)
	}
	s := &Set{}
	for _, name := range names {
		r, err := load(env, name, sources[name])
		if err != nil {
			return nil, fmt.Errorf("rule %q: %w", name, err)
		}
		s.rules = append(s.rules, r)
	}
	return s, nil
}

func load(env *cel.Env, name string, src Source) (*Rule, error) {
	switch {
	case !nameForm.MatchString(name):
		return nil, errors.New("a name has small letters, digits and hyphens, and begins with a letter")
	case strings.TrimSpace(src.When) == "":
		return nil, errors.New(`no expression; when = "..." says when the rule holds`)
	case len(src.When) > MaxExpression:
		return nil, fmt.Errorf("the expression has %d octets; at most %d", len(src.When), MaxExpression)
	case strings.TrimSpace(src.Why) == "":
		return nil, errors.New(`no sentence; why = "..." is what people are told`)
	case strings.Contains(src.Why+src.WhyJa, "%"):
		return nil, errors.New("a sentence holds no % sign")
	}
	for _, w := range []float32{src.Phishing, src.Spam} {
		if math.IsNaN(float64(w)) || w < -maxWeight || w > maxWeight {
			return nil, fmt.Errorf("a weight is from -%d to %d nats", maxWeight, maxWeight)
		}
	}
	if src.Phishing == 0 && src.Spam == 0 && !src.Certain && !src.Trial {
		return nil, errors.New("it does nothing: give it a weight (phishing, spam), certain = true or trial = true")
	}
	when, cost, err := compile(env, src.When)
	if err != nil {
		return nil, err
	}
	if src.WhyJa == "" {
		src.WhyJa = src.Why
	}
	return &Rule{Rule: inspect.Rule{Name: "own/" + name, Phishing: src.Phishing, Spam: src.Spam, Certain: src.Certain,
		Why: [2]string{src.Why, src.WhyJa}}, Trial: src.Trial, Cost: cost, when: when}, nil
}

// Work is what evaluating keeps in hand; whoever calls Meet keeps one, and uses it again.
type Work struct{ in input }

// Meet appends a finding for each rule that holds. It allocates nothing once r's findings have room.
func (s *Set) Meet(m *message.Message, r *inspect.Report, w *Work) {
	if s == nil || len(s.rules) == 0 {
		return
	}
	w.in = input{m: m, r: r, found: len(r.Findings)}
	for _, rule := range s.rules {
		if rule.when(&w.in) {
			r.Findings = append(r.Findings, inspect.Finding{Rule: &rule.Rule})
		}
	}
	w.in = input{}
}

// input is what expressions are evaluated over.
type input struct {
	m     *message.Message
	r     *inspect.Report
	found int              // findings before rules of the operator's own
	vars  [maxDepth][]byte // elements that exists and all are looking at
}
