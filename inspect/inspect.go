// Package inspect looks at one message and says what it finds; it decides nothing. Rules are data: a
// name, weights, a sentence. The classifier and its model live here.
package inspect

import (
	"github.com/sekisho/sekisho/message"
)

// Language is one that operators and subscribers are written to in.
type Language uint8

const (
	English Language = iota
	Japanese
)

// Rule is something that can be found in a message: its name, what finding it weighs, and a sentence.
type Rule struct {
	Name string // as policy, metrics and the API write it: brand-not-its-link
	// Phishing and Spam are added to the log-odds of these classes against ham, in nats.
	Phishing, Spam float32
	// Why is the sentence for people, by Language; %s in it is what the finding is about.
	Why [2]string
	// Certain rules decide alone (a known-bad link, an exempt sender): gate.Judge says what follows.
	Certain bool
}

// Finding is a rule that was met, and what it is about.
type Finding struct {
	Rule  *Rule
	About []byte       // what it is about: a host, a brand, a number's range; never a full number. Holds as long as the Report
	Span  message.Span // where in the text as written; zero where it is about no place
}

// Report is what inspecting one message found. It is filled by Inspect and may be used again and again.
type Report struct {
	Folded   message.Folded
	Findings []Finding
	// Phishing and Spam are the classifier's log-odds of each class against ham, in nats, before findings.
	Phishing, Spam float32
}
