// Package message is a message as the rest of the program sees it: by which door and route it came,
// from whom, to whom, and its text, as it was written and folded to what a reader sees. It finds the
// links and telephone numbers in a text, and judges nothing.
package message

import (
	"fmt"
	"time"

	"github.com/sekisho/sekisho/subject"
)

// Route is where a message came from.
type Route uint8

const (
	RouteUnset Route = iota
	P2P              // from a subscriber's handset
	A2P              // from a business, through an aggregator
	Intl             // from abroad
	Mail             // by mail
	Routes           // how many there are, unset among them
)

var routeNames = [Routes]string{"unset", "p2p", "a2p", "intl", "mail"}

func (r Route) String() string { return name(routeNames[:], uint8(r)) }

// ParseRoute reads p2p, a2p, intl or mail.
func ParseRoute(s string) (Route, error) { return parse[Route]("route", s, routeNames[1:]) }

// MarshalText and UnmarshalText make routes readable in configuration and JSON.
func (r Route) MarshalText() ([]byte, error)        { return []byte(r.String()), nil }
func (r *Route) UnmarshalText(b []byte) (err error) { *r, err = ParseRoute(string(b)); return }

// Class is what a message is held to be.
type Class uint8

const (
	ClassUnset Class = iota
	Ham              // honest
	Spam             // unwanted, not after anybody's secrets
	Phishing         // fraud
	Classes          // how many there are, unset among them
)

var classNames = [Classes]string{"unset", "ham", "spam", "phishing"}

func (c Class) String() string { return name(classNames[:], uint8(c)) }

// ParseClass reads ham, spam or phishing.
func ParseClass(s string) (Class, error) { return parse[Class]("class", s, classNames[1:]) }

func (c Class) MarshalText() ([]byte, error)        { return []byte(c.String()), nil }
func (c *Class) UnmarshalText(b []byte) (err error) { *c, err = ParseClass(string(b)); return }

// Outcome is what becomes of a message. Its zero value is unset: a door that meets it follows its
// fail policy (texts are delivered, mail gets a temporary error).
type Outcome uint8

const (
	OutcomeUnset Outcome = iota
	Deliver              // goes on as it is
	Label                // goes on with a warning
	Hold                 // kept where the subscriber can see and release it
	Block                // ends here
	Outcomes             // how many there are, unset among them
)

var outcomeNames = [Outcomes]string{"unset", "deliver", "label", "hold", "block"}

func (o Outcome) String() string { return name(outcomeNames[:], uint8(o)) }

// ParseOutcome reads deliver, label, hold or block.
func ParseOutcome(s string) (Outcome, error) { return parse[Outcome]("outcome", s, outcomeNames[1:]) }

func (o Outcome) MarshalText() ([]byte, error)        { return []byte(o.String()), nil }
func (o *Outcome) UnmarshalText(b []byte) (err error) { *o, err = ParseOutcome(string(b)); return }

// Stopped reports whether the message is held or blocked.
func (o Outcome) Stopped() bool { return o == Hold || o == Block }

// Mode is how far judging may act. Its zero value leaves it to the policy.
type Mode uint8

const (
	ModeUnset Mode = iota
	Observe        // judge and record, never act
	Warn           // stop nothing; label what would have been labelled or stopped
	Enforce        // do what the verdict says
	Modes          // how many there are, unset among them
)

var modeNames = [Modes]string{"unset", "observe", "label", "enforce"}

func (m Mode) String() string { return name(modeNames[:], uint8(m)) }

// ParseMode reads observe, label or enforce.
func ParseMode(s string) (Mode, error) { return parse[Mode]("mode", s, modeNames[1:]) }

func (m Mode) MarshalText() ([]byte, error)        { return []byte(m.String()), nil }
func (m *Mode) UnmarshalText(b []byte) (err error) { *m, err = ParseMode(string(b)); return }

// Allows is what becomes of a message that policy judged o, where the mode is m.
func (m Mode) Allows(o Outcome) Outcome {
	switch {
	case m == Enforce || o == OutcomeUnset:
		return o
	case m == Warn && o >= Label:
		return Label
	}
	return Deliver
}

func name(names []string, i uint8) string {
	if int(i) < len(names) {
		return names[i]
	}
	return fmt.Sprintf("%s(%d)", names[0], i)
}

func parse[T ~uint8](what, s string, names []string) (T, error) {
	for i, n := range names {
		if n == s {
			return T(i + 1), nil
		}
	}
	return 0, fmt.Errorf("unknown %s %q: one of %q", what, s, names)
}

// Decoding says how well the text of a message could be read.
type Decoding uint8

const (
	Readable    Decoding = iota // read as its coding says
	Ambiguous                   // more than one reading is possible, or what says how to read it contradicts itself
	Undecodable                 // some octets are no characters of its coding
	Binary                      // no text: data for the telephone or the SIM
)

// Message is one message on its way. It may be reused: a door keeps one for each session and fills it
// anew, so that nothing is allocated on the way.
type Message struct {
	ID       string    // the door's name for it, "" where it has none yet
	Time     time.Time // when it came, UTC
	Door     string    // smpp, http, file, milter, report
	Account  string    // who handed it in: the account's name
	Route    Route
	From     subject.Address
	To       []subject.Address // a text has one; each is judged for himself
	Text     []byte            // UTF-8, as written; of a long message all that has come, in order
	Parts    uint8             // of a long message: how many parts it has; 0 or 1 is a single one
	Arrived  uint8             // how many of them have come
	Decoding Decoding
	Mode     Mode // how far judging may act for its account; unset: as the policy says
}

// Whole reports whether all parts of the message have come.
func (m *Message) Whole() bool { return m.Parts <= 1 || m.Arrived >= m.Parts }

// Span is a place in the text as it was written: octets from Start up to, not including, End.
type Span struct{ Start, End uint32 }
