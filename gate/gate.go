// Package gate is the one path that every message takes, whatever door it came by: purpose is asked for
// each recipient, the message is inspected once, each recipient is judged. It does no I/O, waits for
// nothing and returns no error: a check that failed is a finding, and policy says what follows.
package gate

import (
	"github.com/sekisho/sekisho/inspect"
	"github.com/sekisho/sekisho/message"
	"github.com/sekisho/sekisho/subject"
)

// Mode is how far judging may go for an account or a route.
type Mode uint8

const (
	Observe Mode = iota // judge and record, never act
	Warn                // "label": stop nothing, label what would have been stopped or labelled
	Enforce             // do what the verdict says
)

// Verdict is what is judged of a message for one recipient.
type Verdict struct {
	To        subject.Address
	Class     message.Class
	PPhishing float32         // probability that it is phishing, at the stated base rate
	PBad      float32         // probability that it is phishing or spam
	Outcome   message.Outcome // what policy says
	Do        message.Outcome // what the door is to do: Outcome within mode, trial and bypass
	Mode      Mode
	OptedOut  bool // the recipient's contract refused judging: nothing of the message was looked at for him
	// Reasons are the findings that led here; they point into the Verdicts' report. Empty where OptedOut.
	Reasons []inspect.Finding
}

// Verdicts is what Pass fills; a door keeps one for each session and uses it again.
type Verdicts struct {
	Each   []Verdict // in the order of Message.To
	Report inspect.Report
	// Sender's counts and what else one message needs follow with Pass.
}
