// Package indicator holds what is known bad and known good: links, hosts, domains, telephone numbers and
// ranges of them, senders. It reads them from files into an Index, in which a million of them are looked
// up on the message path without waiting and without allocating, and which is replaced as a whole.
//
// An indicator is what security people call a sign that something is bad, here also that it is good. A
// registrable domain is a name that somebody can register: one label below a public suffix
// (publicsuffix.org), example.co.jp or somebody.duckdns.org.
package indicator

import (
	"errors"
	"fmt"
	"time"
)

// Kind says what an indicator names.
type Kind uint8

const (
	KindNone Kind = iota // not said: guessed from the value
	URL                  // one link: host, path and, if it has one, query
	Host                 // one host name or IP address, and nothing below it
	Domain               // a name and every name below it; a registrable domain or a name under one
	Number               // one telephone number
	Range                // telephone numbers by prefix (+8190123*) or from one to another
	Sender               // an alphanumeric sender ID or a short code
	Family               // a text family: message.Folded.Family as 16 hexadecimal digits
	Hash                 // a file, by its SHA-256 in hexadecimal
	kinds
)

var kindNames = [kinds]string{"none", "url", "host", "domain", "number", "range", "sender", "family", "hash"}

func (k Kind) String() string {
	if k < kinds {
		return kindNames[k]
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// ParseKind reads url, host, domain, number, range, sender, family or hash.
func ParseKind(s string) (Kind, error) {
	for k := URL; k < kinds; k++ {
		if kindNames[k] == s {
			return k, nil
		}
	}
	return KindNone, errKind
}

// Indicator is one thing known, as it is put into a Builder.
type Indicator struct {
	Kind       Kind
	Value      string // as people write it
	Bad        bool   // known bad; otherwise known good
	Source     string // who says so: the name of a list
	Confidence uint8  // in percent; 0 where the source does not say
	First      Day    // first and last seen; 0 where the source does not say
	Last       Day
}

// Hit is what the Index knows of something it was asked about. Its zero value is nothing. Bad and Good
// together mean that sources contradict each other: a feed names a host of a popular domain. That is a
// sign, and no proof.
type Hit struct {
	Bad, Good bool
	// The rest belongs to the bad indicator where there is one.
	Kind        Kind
	Confidence  uint8
	First, Last Day
	Source      string
}

// Known reports whether anything is known.
func (h Hit) Known() bool { return h.Bad || h.Good }

// Day is a day in UTC, counted from 1970-01-01, up to 2149. Zero is no day.
type Day uint16

// DayOf is the day that t falls on, or zero where it is none that a Day can tell.
func DayOf(t time.Time) Day {
	d := t.Unix() / 86400
	if d < 1 || d > 1<<16-1 {
		return 0
	}
	return Day(d)
}

// civil is the day of a date, or zero where there is no such date.
func civil(year, month, day int) Day {
	t := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
	if t.Day() != day || int(t.Month()) != month {
		return 0
	}
	return DayOf(t)
}

// Time is when the day begins.
func (d Day) Time() time.Time {
	if d == 0 {
		return time.Time{}
	}
	return time.Unix(int64(d)*86400, 0).UTC()
}

// Why an indicator is refused. None of these sentences repeats the value: it may be somebody's number.
var (
	errKind     = errors.New("unknown kind: one of url, host, domain, number, range, sender, family, hash")
	errGuess    = errors.New("neither a link, a host, a +number nor a range; other kinds need a CSV file with a kind column")
	errHost     = errors.New("not a host name or IP address")
	errURL      = errors.New("not a link (http or https, a host, at most 4,096 octets)")
	errNumber   = errors.New("not an E.164 number (+ and 7 to 15 digits, nothing between them)")
	errRange    = errors.New("not a range: write a prefix as +8190123* or two numbers of equal length as +819012340000-+819012349999")
	errWide     = errors.New("too wide a range: at least the first three digits must be given and agree")
	errSender   = errors.New("not a sender (1 to 20 printable octets, and no +number)")
	errNetwork  = errors.New("ranges of IP addresses are not read; name the hosts")
	errDeep     = fmt.Errorf("a domain more than %d labels below its registrable domain", maxDepth)
	errSources  = fmt.Errorf("more than %d sources", maxSources)
	errMany     = fmt.Errorf("more than %d indicators", MaxIndicators)
	errRanges   = fmt.Errorf("more than %d ranges", maxRanges)
	errLabel    = errors.New("an IP address has no names below it; its kind is host")
	errPercent  = errors.New("confidence is a whole number from 0 to 100")
	errVerdict  = errors.New("verdict is good or bad")
	errDay      = errors.New("a day is written 2026-01-31 or 2026/01/31, from 1970 to 2149; a time may follow it")
	errSeen     = errors.New("first seen after last seen")
	errFields   = errors.New("not as many fields as the header names")
	errQuotes   = errors.New("a quoted field is not closed on its line, or text follows its closing quote")
	errUTF8     = errors.New("not UTF-8")
	errLongLine = fmt.Errorf("a line of more than %d octets", maxLine)
	errLength   = errors.New("a source's name is 1 to 64 printable octets")
)

// suffixError says why a public suffix is no bad domain.
type suffixError string

func (e suffixError) Error() string {
	return fmt.Sprintf("%s is a public suffix, below which names belong to anybody: name the domains or hosts under it", string(e))
}
