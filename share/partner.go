package share

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/sekisho/sekisho/indicator"
)

// Partner is somebody who is given indicators: known by the name of his API key, with a ceiling, the kinds he wants, and a quota.
type Partner struct {
	Name    string   `toml:"name"`        // of his API key
	TLP     string   `toml:"tlp"`         // the strictest that he is given: clear, green, amber, amber+strict
	Kinds   []string `toml:"kinds"`       // url, host...; empty: all
	PerDay  int      `toml:"per_day"`     // indicators a day; 0: no limit
	Gives   bool     `toml:"gives"`       // he may give us indicators and sightings
	Webhook string   `toml:"webhook"`     // posted to when something changes; empty: nothing is
	Secret  string   `toml:"secret_file"` // of the webhook's signatures

	ceiling indicator.TLP
	kinds   []indicator.Kind
}

// Config says with whom indicators are shared, and by which forms besides TAXII.
type Config struct {
	Title    string    `toml:"title"`          // of our server, as partners see it
	Contact  string    `toml:"contact"`        // a mail address
	GroupKey string    `toml:"group_key_file"` // file with the key by which text families are told in the group; empty: they are not
	Public   bool      `toml:"public"`         // the prefix list and lists of TLP clear and green are for everybody
	Partners []Partner `toml:"partner"`
}

// Check reads what is written and says what is wrong with it.
func (c *Config) Check() error {
	seen := map[string]bool{}
	for i := range c.Partners {
		p := &c.Partners[i]
		if p.Name == "" || seen[p.Name] {
			return fmt.Errorf("share.partner %d: every partner has a name of his own", i+1)
		}
		seen[p.Name] = true
		if err := p.prepare(); err != nil {
			return fmt.Errorf("share.partner %s: %w", p.Name, err)
		}
	}
	return nil
}

func (p *Partner) prepare() (err error) {
	p.ceiling = indicator.TLPGreen
	if p.TLP != "" {
		if p.ceiling, err = indicator.ParseTLP(p.TLP); err != nil {
			return fmt.Errorf("tlp: %w", err)
		}
	}
	if p.ceiling == indicator.TLPRed {
		return errors.New("tlp: what is red goes to nobody")
	}
	p.kinds = nil
	for _, s := range p.Kinds {
		k, err := indicator.ParseKind(s)
		if err != nil {
			return fmt.Errorf("kinds: %w", err)
		}
		p.kinds = append(p.kinds, k)
	}
	if p.PerDay < 0 {
		return errors.New("per_day: not below 0")
	}
	if p.Webhook != "" && p.Secret == "" {
		return errors.New("webhook: needs a secret_file to be signed with")
	}
	return nil
}

// May reports whether the partner is given an item.
func (p *Partner) May(i Item) bool {
	return !i.IsZero() && i.TLP() <= p.ceiling && (len(p.kinds) == 0 || slices.Contains(p.kinds, i.Kind()))
}

// Reads reports whether the partner is given all of these kinds at a TLP.
func (p *Partner) Reads(t indicator.TLP, kinds []indicator.Kind) bool {
	if t > p.ceiling {
		return false
	}
	for _, k := range kinds {
		if len(p.kinds) > 0 && !slices.Contains(p.kinds, k) {
			return false
		}
	}
	return true
}

// Ceiling is the strictest TLP that the partner is given.
func (p *Partner) Ceiling() indicator.TLP { return p.ceiling }

// Everybody is who is given what is public: TLP clear and green.
var Everybody = &Partner{Name: "everybody", ceiling: indicator.TLPGreen}

// Find is the partner of an API key's name.
func (c *Config) Find(name string) (*Partner, bool) {
	for i := range c.Partners {
		if c.Partners[i].Name == name {
			return &c.Partners[i], true
		}
	}
	return nil, false
}

// Quota counts what each partner was given today. Its zero value is ready.
type Quota struct {
	mu  sync.Mutex
	day int64
	n   map[string]int
}

// Take counts n indicators to a partner, and says how many of them he may be given.
func (q *Quota) Take(p *Partner, n int, now time.Time) int {
	q.mu.Lock()
	defer q.mu.Unlock()
	if d := now.Unix() / 86400; d != q.day || q.n == nil {
		q.day, q.n = d, map[string]int{}
	}
	if p.PerDay > 0 {
		n = max(0, min(n, p.PerDay-q.n[p.Name]))
	}
	q.n[p.Name] += n
	return n
}
