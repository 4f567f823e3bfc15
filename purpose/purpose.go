// Package purpose holds the law in code: for what a message, a number or an indicator is handled, on
// what ground, and by whose leave. Whoever handles content, evidence or an outgoing indicator takes
// a Grant, and only Ask makes one, so the compiler checks that somebody asked.
package purpose

import (
	"errors"
	"fmt"

	"github.com/sekisho/sekisho/subject"
)

// Purpose is what something is handled for.
type Purpose uint8

const (
	None            Purpose = iota
	Inspect                 // judge the message; the recipient's contract is asked
	InfectionNotice         // tell an owner that his phone sends; the sender's contract is asked
	LineAbuse               // find SIM farms and verification proxies; the holder's contract is asked
	Quality                 // better the filter by stopped and reported messages; the recipient's
	Share                   // give indicators to others; the holder's, none for what is nobody's secret
	Review                  // read a held text, by a named person with a reason; the recipient's
	Count                   // how many purposes there are, None among them
)

var names = [Count]string{"none", "inspect", "infection_notice", "line_abuse", "quality", "share", "review"}

func (p Purpose) String() string {
	if p < Count {
		return names[p]
	}
	return fmt.Sprintf("purpose(%d)", uint8(p))
}

// Parse reads a purpose by the name that configuration and traces use.
func Parse(s string) (Purpose, error) {
	for p := Inspect; p < Count; p++ {
		if names[p] == s {
			return p, nil
		}
	}
	return None, fmt.Errorf("unknown purpose %q: one of inspect, infection_notice, line_abuse, quality, share, review", s)
}

// Ground is what makes handling for a purpose lawful.
type Ground string

const (
	NoGround       Ground = ""           // none: the purpose is off
	TermsConsent   Ground = "terms"      // consent by contract terms, with opt-out
	OwnConsent     Ground = "individual" // individual consent
	LawfulBusiness Ground = "business"   // lawful business act
	Necessity      Ground = "necessity"  // necessity
	Statute        Ground = "statute"    // statute
)

// Policy names one ground for each purpose; a purpose without one is off.
type Policy [Count]Ground

// DefaultPolicy judges by contract terms with opt-out and does nothing else.
var DefaultPolicy = Policy{Inspect: TermsConsent}

// Choice is what a contract says of a purpose.
type Choice uint8

const (
	Unknown  Choice = iota // no choice made
	OptedIn                // asked for, one by one
	OptedOut               // refused
	Stranger               // no subscriber of ours, so that there is no contract to ask
)

// Chooser answers what the contract that holds a line says of a purpose. It must not wait.
type Chooser interface {
	Choice(subject.Line, Purpose) Choice
}

// Why a Grant was refused.
var (
	ErrOptedOut = errors.New("the contract opted out of this purpose")
	ErrNoGround = errors.New("policy names no ground for this purpose")
	ErrNotAsked = errors.New("this ground needs the consent of the contract, which has not given it")
	ErrStranger = errors.New("no subscriber of ours: there is no contract to ask")
)

// Grant is leave to handle something for one purpose. Its zero value grants nothing, and no other
// package can make one that does.
type Grant struct {
	purpose Purpose
	ground  Ground
}

// Covers reports whether the grant was given for p.
func (g Grant) Covers(p Purpose) bool { return p != None && g.purpose == p }

// Purpose and Ground are what the grant was given for, and on what.
func (g Grant) Purpose() Purpose { return g.purpose }
func (g Grant) Ground() Ground   { return g.ground }

// Ask asks leave to handle, for the purpose p, what belongs to the line whose contract decides. A party
// that is no subscriber of ours has no contract and made no choice. For judging, terms of the sender's side or lawful
// business carry it, so that it counts as not opted out; an indicator may be nobody's secret. For every other purpose there is no grant.
func Ask(policy *Policy, p Purpose, line subject.Line, c Chooser) (Grant, error) {
	if p == None || p >= Count || policy[p] == NoGround {
		return Grant{}, ErrNoGround
	}
	choice := Stranger
	if c != nil {
		choice = c.Choice(line, p)
	}
	if choice == Stranger && p != Inspect && p != Share {
		return Grant{}, ErrStranger
	}
	switch ground := policy[p]; {
	case ground == Statute || ground == Necessity:
		return Grant{p, ground}, nil
	case choice == OptedOut:
		return Grant{}, ErrOptedOut
	case ground == OwnConsent && choice != OptedIn:
		return Grant{}, ErrNotAsked
	default:
		return Grant{p, ground}, nil
	}
}

// Known reports whether g is one of the grounds above.
func (g Ground) Known() bool {
	switch g {
	case TermsConsent, OwnConsent, LawfulBusiness, Necessity, Statute:
		return true
	}
	return false
}
