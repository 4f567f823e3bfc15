package report

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sekisho/sekisho/subject"
)

//go:embed schema.json
var schema []byte

// Schema is the JSON Schema (2020-12) of the public record, as ReadJSON reads it and WriteJSON writes it. The caller owns it.
func Schema() json.RawMessage { return slices.Clone(schema) }

// field is a field of the record, by its name in JSON and CSV.
type field uint8

const (
	fieldID field = iota
	fieldChannel
	fieldMedium
	fieldClaim
	fieldTime
	fieldSeen
	fieldReporter
	fieldSuspect
	fieldTo
	fieldSubject
	fieldText
	fieldLinks
	fieldFiles
	fieldLanguage
	fieldIP
	fieldCut
	fieldCount
)

var fieldNames = [fieldCount]string{"id", "channel", "medium", "claim", "time", "seen", "reporter", "suspect", "to", "subject", "text",
	"links", "files", "language", "ip", "cut"}

// fieldOf is the field of that name, fieldCount where there is none.
func fieldOf(name string) field {
	if i := slices.Index(fieldNames[:], name); i >= 0 {
		return field(i)
	}
	return fieldCount
}

// Why a field is refused. None of these sentences repeats what stands there.
var (
	errNothing  = errors.New("reports nothing: one of text, links, files and suspect is needed")
	errID       = errors.New("1 to 128 printable octets of ASCII are needed")
	errParty    = errors.New("at most 320 octets without control characters are needed: a number, a sender ID, a mail address or a name")
	errWhen     = errors.New("a time of RFC 3339 from 1970 on is needed, as 2026-01-31T09:00:00+09:00")
	errLink     = errors.New("a link holds no spaces and no control characters")
	errFile     = errors.New("a file is told by its SHA-256, 64 hexadecimal digits")
	errLanguage = errors.New("a language tag of BCP 47 is needed, as ja or zh-TW")
	errIP       = errors.New("an IP address is needed")
	errBool     = errors.New("true or false is needed")
)

// set reads a field from text, as it stands in a cell or a string of JSON. Lists take one element. What is empty is not told.
func (r *Report) set(f field, s string) (err error) {
	if s == "" {
		return nil
	}
	switch f {
	case fieldID:
		if !validID(s) {
			err = errID
		}
		r.ID = s
	case fieldChannel:
		r.Channel, err = ParseChannel(s)
	case fieldMedium:
		r.Medium, err = ParseMedium(s)
	case fieldClaim:
		r.Claim, err = ParseClaim(s)
	case fieldTime:
		r.Time, err = parseWhen(s)
	case fieldSeen:
		r.Seen, err = parseWhen(s)
	case fieldReporter:
		r.Reporter, err = parseParty(s)
	case fieldSuspect:
		r.Suspect, err = parseParty(s)
	case fieldTo:
		r.To, err = parseParty(s)
	case fieldSubject:
		r.setSubject(s)
	case fieldText:
		r.setText(s)
	case fieldLinks:
		err = r.addLink(s)
	case fieldFiles:
		err = r.addFile(s)
	case fieldLanguage:
		if !validLanguage(s) {
			err = errLanguage
		}
		r.Language = s
	case fieldIP:
		r.IP, err = parseIP(s)
	case fieldCut:
		switch s {
		case "true":
			r.Cut = true
		case "false":
		default:
			err = errBool
		}
	}
	if err != nil {
		return fmt.Errorf("%s: %w", fieldNames[f], err)
	}
	return nil
}

// check says whether anything is reported at all.
func (r *Report) check() error {
	if r.Text == "" && len(r.Links) == 0 && len(r.Files) == 0 && r.Suspect == "" {
		return errNothing
	}
	return nil
}

func validID(s string) bool {
	if len(s) == 0 || len(s) > MaxID {
		return false
	}
	for i := range len(s) {
		if s[i] < 0x20 || s[i] > 0x7e {
			return false
		}
	}
	return true
}

// parseWhen reads a time of RFC 3339. What is before 1970 is a machine without a clock.
func parseWhen(s string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil || !plausible(t) {
		return time.Time{}, errWhen
	}
	return t.UTC(), nil
}

func plausible(t time.Time) bool { return t.Unix() >= 0 && t.UTC().Year() <= 9999 }

// parseParty reads who reports, sent or got something. Numbers that can be read as such become E.164; the domain of a mail address, whose case
// says nothing (RFC 5321 §2.4), becomes lower case.
func parseParty(s string) (string, error) {
	s = strings.TrimSpace(s)
	if len(s) > MaxParty {
		return "", errParty
	}
	for _, c := range s {
		if c < 0x20 || c == 0x7f || c == utf8.RuneError {
			return "", errParty
		}
	}
	if n := number(s); n != "" {
		return n, nil
	}
	if at := strings.LastIndexByte(s, '@'); at > 0 {
		return boundedTo(s[:at]+strings.ToLower(s[at:]), MaxParty), nil
	}
	return s, nil
}

// number is s as +digits where it is an E.164 number, "" otherwise. Digits of full width are what Japanese phones write.
func number(s string) string {
	if len(s) > 3*subject.MaxAddress {
		return ""
	}
	s = strings.Map(func(c rune) rune {
		switch {
		case c >= '０' && c <= '９':
			return c - '０' + '0'
		case c == '＋':
			return '+'
		case c == '－' || c == 'ー' || c == '‐' || c == '−':
			return '-'
		}
		return c
	}, s)
	a, err := subject.ParseAddress(s, subject.Japan)
	if err != nil {
		return ""
	}
	return a.Line().String()
}

func validLanguage(s string) bool {
	if len(s) > 35 { // RFC 5646 §4.4.1
		return false
	}
	for i, tag := range strings.Split(s, "-") {
		if len(tag) == 0 || len(tag) > 8 || i == 0 && len(tag) < 2 {
			return false
		}
		for _, c := range []byte(tag) {
			letter := c|0x20 >= 'a' && c|0x20 <= 'z'
			if !letter && (i == 0 || c < '0' || c > '9') {
				return false
			}
		}
	}
	return true
}

func parseIP(s string) (string, error) {
	a, err := netip.ParseAddr(s)
	if err != nil || a.Zone() != "" {
		return "", errIP
	}
	return a.Unmap().String(), nil
}

// boundedTo cuts s to at most max octets, between two runes.
func boundedTo(s string, max int) string {
	if len(s) <= max {
		return s
	}
	for max > 0 && !utf8.RuneStart(s[max]) {
		max--
	}
	return s[:max]
}

// plainText drops control characters but for line feeds and tabs, and what is not UTF-8.
func plainText(s string) string {
	plain := true
	for i := 0; i < len(s) && plain; i++ {
		plain = s[i] >= 0x20 && s[i] < 0x7f || s[i] == '\n' || s[i] == '\t'
	}
	if plain {
		return s
	}
	return strings.Map(func(c rune) rune {
		if c < 0x20 && c != '\n' && c != '\t' || c == 0x7f {
			return -1
		}
		return c
	}, strings.ToValidUTF8(s, "\ufffd"))
}

func (r *Report) setText(s string) {
	s = plainText(s)
	r.Text = boundedTo(s, MaxText)
	r.Cut = r.Cut || len(r.Text) < len(s)
}

func (r *Report) setSubject(s string) {
	s = strings.TrimSpace(strings.Map(func(c rune) rune {
		if c == '\n' || c == '\t' {
			return ' '
		}
		return c
	}, plainText(s)))
	r.Subject = strings.TrimSpace(boundedTo(s, MaxSubject))
	r.Cut = r.Cut || len(s) > MaxSubject
}

// addLink adds a link once. One over a bound is left out and Cut set.
func (r *Report) addLink(s string) error {
	if len(s) > MaxLink {
		r.Cut = true
		return nil
	}
	for _, c := range s {
		if c <= 0x20 || c == 0x7f || c == 0x3000 || c == utf8.RuneError {
			return errLink
		}
	}
	switch {
	case s == "" || slices.Contains(r.Links, s):
	case len(r.Links) == MaxLinks:
		r.Cut = true
	default:
		r.Links = append(r.Links, s)
	}
	return nil
}

// addFile adds a file once, by its SHA-256.
func (r *Report) addFile(s string) error {
	if !validSHA256(s) {
		return errFile
	}
	s = strings.ToLower(s)
	switch {
	case slices.Contains(r.Files, s):
	case len(r.Files) == MaxFiles:
		r.Cut = true
	default:
		r.Files = append(r.Files, s)
	}
	return nil
}

func validSHA256(s string) bool {
	if len(s) != 64 {
		return false
	}
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'f') {
			return false
		}
	}
	return true
}
