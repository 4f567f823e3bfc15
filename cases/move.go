package cases

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// State is where a case stands.
type State string

const (
	Open     State = "open"     // found
	Noticed  State = "noticed"  // its owner was told
	Quiet    State = "quiet"    // nothing of it was stopped for some days
	Cured    State = "cured"    // quiet, and its owner or customer care says that the phone was cleaned
	Relapsed State = "relapsed" // found again after it was quiet or cured
	Wrong    State = "wrong"    // a person says that it never was infected
	Closed   State = "closed"   // the contract ended or opted out
)

// moves is what may follow upon each state. Nothing leaves closed.
var moves = map[State][]State{
	Open:     {Noticed, Quiet, Wrong, Closed},
	Noticed:  {Quiet, Wrong, Closed},
	Quiet:    {Cured, Relapsed, Wrong, Closed},
	Cured:    {Relapsed, Wrong, Closed},
	Relapsed: {Noticed, Quiet, Wrong, Closed},
	Wrong:    {Closed},
	Closed:   nil,
}

// States are all states, in the order of a case's life.
func States() []State { return []State{Open, Noticed, Quiet, Cured, Relapsed, Wrong, Closed} }

// ParseState reads a state by its name.
func ParseState(s string) (State, error) {
	if _, ok := moves[State(s)]; !ok {
		names := make([]string, 0, len(moves))
		for _, s := range States() {
			names = append(names, string(s))
		}
		return "", fmt.Errorf("%.20q is no state of a case: one of %s", s, strings.Join(names, ", "))
	}
	return State(s), nil
}

var statesJa = map[State]string{Open: "未対応", Noticed: "通知済み", Quiet: "沈静化", Cured: "解消", Relapsed: "再発", Wrong: "誤検知", Closed: "終了"}

// Ja is the state as people of Japan read it.
func (s State) Ja() string { return statesJa[s] }

// Active reports whether the phone is taken to be sending.
func (s State) Active() bool { return s == Open || s == Noticed || s == Relapsed }

// Calm reports whether it has stopped, as far as we see.
func (s State) Calm() bool { return s == Quiet || s == Cured }

// Ended reports whether a new finding is a new case.
func (s State) Ended() bool { return s == Wrong || s == Closed }

// Machine is who moves a case where no person did.
const Machine = "sekisho"

// What the machine gives as its reason. People give their own.
const (
	WhyNotice    = "its owner was sent a notice"
	WhyTold      = "customer care reached its owner"
	WhyQuiet     = "nothing of it was stopped for as long as it takes to be quiet"
	WhyConfirmed = "quiet, and the phone was said to be cleaned"
	WhyAgain     = "it was found again"
)

var whyJa = map[string]string{
	WhyNotice:    "契約者に通知を送付した",
	WhyTold:      "カスタマーセンターが契約者と連絡を取った",
	WhyQuiet:     "所定の期間、送信が阻止されていない",
	WhyConfirmed: "沈静化しており、端末の対処も確認された",
	WhyAgain:     "再び検知された",
}

// WhyJa is a reason in Japanese where the machine gave it; as people wrote it otherwise.
func WhyJa(why string) string {
	if ja, ok := whyJa[why]; ok {
		return ja
	}
	return why
}

// Move is a step of a case from one state to another.
type Move struct {
	Case     string
	At       time.Time
	From, To State
	Who, Why string
}

// maxWhy bounds what people write, in octets.
const maxWhy = 1000

// ErrNobody is for a move of which nobody said who makes it, or why.
var ErrNobody = errors.New("a case is moved by somebody, for a reason: say who and why, in at most 1,000 octets of one line")

// Check says why a move is impossible.
func (m *Move) Check() error {
	if !slices.Contains(moves[m.From], m.To) {
		return fmt.Errorf("a case that is %s cannot become %s", name(m.From), name(m.To))
	}
	if !said(m.Who) || !said(m.Why) {
		return ErrNobody
	}
	if m.To == Wrong && m.Who == Machine {
		return errors.New("that a case is wrong is for a person to say")
	}
	return nil
}

func name(s State) string {
	if s == "" {
		return "nowhere"
	}
	return fmt.Sprintf("%.20s", string(s))
}

func said(s string) bool {
	return strings.TrimSpace(s) != "" && len(s) <= maxWhy && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
}

// Apply moves the case. To be cured it must have been confirmed.
func (c *Case) Apply(m Move) error {
	if m.From != c.State {
		return fmt.Errorf("case %s is %s, not %s", c.ID, name(c.State), name(m.From))
	}
	if err := m.Check(); err != nil {
		return fmt.Errorf("case %s: %w", c.ID, err)
	}
	if m.To == Cured && c.Confirmed.IsZero() {
		return fmt.Errorf("case %s: one that is %s becomes %s when its owner or customer care confirms that the phone was cleaned", c.ID, m.From, m.To)
	}
	m.Case = c.ID
	c.State, c.Updated = m.To, m.At
	switch m.To {
	case Noticed:
		c.Noticed = m.At
	case Relapsed:
		c.Confirmed, c.ConfirmedBy = time.Time{}, ""
	case Closed:
		c.Erase()
	}
	c.Moves = append(c.Moves, m)
	return nil
}

// QuietAfter is how long nothing of a line is stopped until it counts as quiet, where nobody says otherwise.
const QuietAfter = 7 * 24 * time.Hour

// Quieten says which moves time alone makes: to quiet, and from there to cured where the phone was said to be cleaned. It changes
// nothing. after is how long it takes; 0 is QuietAfter.
func Quieten(all []*Case, now time.Time, after time.Duration) []Move {
	if after <= 0 {
		after = QuietAfter
	}
	var out []Move
	for _, c := range all {
		from := c.State
		if from.Active() {
			since := c.LastEvidence
			if from == Relapsed && c.lastMove().After(since) {
				since = c.lastMove()
			}
			if now.Sub(since) < after {
				continue
			}
			out = append(out, Move{c.ID, now, from, Quiet, Machine, WhyQuiet})
			from = Quiet
		}
		if from == Quiet && !c.Confirmed.IsZero() {
			out = append(out, Move{c.ID, now, Quiet, Cured, c.ConfirmedBy, WhyConfirmed})
		}
	}
	return out
}
