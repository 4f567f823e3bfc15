// Package report is what somebody reported: one public record, whatever road it came by, and the formats it is read from and written to.
//
// A report says what a reporter saw and what he thinks of it. It is no proof. It names a suspect only where the reporter named one: who
// forwards a scam is not its sender.
package report

import (
	"errors"
	"fmt"
	"time"
)

// Channel is the road a report came by.
type Channel uint8

const (
	ChannelUnset Channel = iota
	ShortCode            // forwarded to 7726
	Mail                 // forwarded by mail
	ARF                  // a feedback loop, RFC 5965
	Form                 // the form for people
	API                  // POST /v1/reports
	XARF                 // an XARF v4 document
	File                 // CSV or JSONL
	STIX                 // a sighting
	MISP                 // an event
	channels
)

var channelNames = [channels]string{"", "7726", "mail", "arf", "form", "api", "xarf", "file", "stix", "misp"}

func (c Channel) String() string {
	if c < channels {
		return channelNames[c]
	}
	return fmt.Sprintf("channel(%d)", uint8(c))
}

// ParseChannel reads a channel by the name that String gives.
func ParseChannel(s string) (Channel, error) {
	for c := ShortCode; c < channels; c++ {
		if channelNames[c] == s {
			return c, nil
		}
	}
	return ChannelUnset, errChannel
}

var errChannel = errors.New("unknown channel: one of 7726, mail, arf, form, api, xarf, file, stix, misp")

// Medium is how what is reported reached the reporter.
type Medium uint8

const (
	MediumUnset Medium = iota
	SMS
	Email
	Call
	Web // a page, known by its link alone
	media
)

var mediumNames = [media]string{"", "sms", "mail", "call", "web"}

func (m Medium) String() string {
	if m < media {
		return mediumNames[m]
	}
	return fmt.Sprintf("medium(%d)", uint8(m))
}

// ParseMedium reads sms, mail, call or web.
func ParseMedium(s string) (Medium, error) {
	for m := SMS; m < media; m++ {
		if mediumNames[m] == s {
			return m, nil
		}
	}
	return MediumUnset, errMedium
}

var errMedium = errors.New("unknown medium: one of sms, mail, call, web")

// Claim is what the reporter says it is.
type Claim uint8

const (
	Fraud  Claim = iota // a fraud, or not said
	Spam                // unwanted, no fraud
	Honest              // honest: it was stopped, or labelled, by mistake
	claims
)

var claimNames = [claims]string{"fraud", "spam", "honest"}

func (c Claim) String() string {
	if c < claims {
		return claimNames[c]
	}
	return fmt.Sprintf("claim(%d)", uint8(c))
}

// ParseClaim reads fraud, spam or honest.
func ParseClaim(s string) (Claim, error) {
	for c := Fraud; c < claims; c++ {
		if claimNames[c] == s {
			return c, nil
		}
	}
	return Fraud, errClaim
}

var errClaim = errors.New("unknown claim: one of fraud, spam, honest")

// Report is what somebody reported. Numbers are E.164 where they could be read as such; text is UTF-8.
type Report struct {
	ID       string    // 1 to 128 printable octets, the giver's own; what comes twice under it from one reporter is one report
	Channel  Channel   // by which road
	Medium   Medium    // how it reached the reporter
	Claim    Claim     // what he says it is
	Time     time.Time // when he reported it
	Seen     time.Time // when it reached him; zero if not told
	Via      string    // the client of our API that handed it over; no part of the public record
	Reporter string    // +number, mail address, or the account's name; empty for nobody known
	Suspect  string    // who sent it, or who called: +number, sender ID, mail address; empty if not told
	To       string    // whom it was sent to, if that is not the reporter
	Subject  string    // of a mail
	Text     string    // what it said, at most MaxText octets
	Links    []string  // beside those in Text: at most MaxLinks, of MaxLink octets
	Files    []string  // SHA-256 of what was attached, in hexadecimal: at most MaxFiles
	Language string    // BCP 47, as told; empty if not
	IP       string    // the address it came from, as told; empty if not
	Cut      bool      // something of it was over a bound and left out
}

// Bounds of a report; what is over them is cut and Cut set.
const (
	MaxID      = 128
	MaxText    = 8192
	MaxSubject = 998 // a line of a mail, RFC 5322 §2.1.1
	MaxParty   = 320 // a mail address, RFC 3696 erratum 1690
	MaxLinks   = 64
	MaxLink    = 4096
	MaxFiles   = 32
)
