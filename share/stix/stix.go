// Package stix reads and writes STIX 2.1 (OASIS Standard, 10 June 2021): indicators and sightings, the bundles they come in, and the patterns
// that say what an indicator looks for.
//
// An Object keeps every property as it came, those that nobody here knows too, so that what goes through us is not poorer for it. A Reader
// takes objects from a bundle one by one and keeps no more than one. What we send is made of a share.Item or a report.Report; telephone
// numbers, sender IDs and text families, for which STIX has no words, are told by an extension (docs/stix-extension.md).
package stix

import (
	"encoding/json"
	"errors"
	"strings"
	"time"
)

// MediaType is that of STIX 2.1 in JSON (STIX 2.1 appendix D).
const MediaType = "application/stix+json;version=2.1"

// Object is one STIX object. It does not change. Its zero value is nothing.
type Object struct {
	raw   []byte // JSON without white space
	props []prop

	id, kind, spec    string
	created, modified string
	markings          []string
}

// prop is a top-level property and where its value stands in raw.
type prop struct {
	name    string
	at, end uint32
}

// Parse reads one object, by the bounds of DefaultLimits.
func Parse(b []byte) (Object, error) { return parse(b, DefaultLimits) }

// IsZero reports whether there is nothing.
func (o Object) IsZero() bool { return o.id == "" }

// ID is the object's identifier, type--UUID (§2.9).
func (o Object) ID() string { return o.id }

// UUID is the part of the identifier that tells objects apart.
func (o Object) UUID() string {
	if len(o.id) < uuidLen {
		return ""
	}
	return o.id[len(o.id)-uuidLen:]
}

// Type is the object's type: indicator, sighting, url.
func (o Object) Type() string { return o.kind }

// SpecVersion is 2.1 or 2.0. What does not say is 2.1 where it is a cyber-observable (§3.2), else 2.0, which had no such property.
func (o Object) SpecVersion() string { return o.spec }

// Created is when the first version was made; zero for what has none, as most cyber-observables.
func (o Object) Created() time.Time { return timeOf(o.created) }

// Modified is when this version was made; zero for what has no versions.
func (o Object) Modified() time.Time { return timeOf(o.modified) }

// Version is what tells versions of the object apart: modified, or created, as it is written; empty for what has neither (TAXII 2.1 §3.4.1).
func (o Object) Version() string {
	if o.modified != "" {
		return o.modified
	}
	return o.created
}

// Markings are the identifiers of the marking definitions for the whole object (§7.2).
func (o Object) Markings() []string { return o.markings }

// JSON is the object as it came, without white space between its parts. It must not be changed.
func (o Object) JSON() []byte { return o.raw }

// MarshalJSON is JSON.
func (o Object) MarshalJSON() ([]byte, error) {
	if o.raw == nil {
		return nil, errNothing
	}
	return o.raw, nil
}

var errNothing = errors.New("no STIX object")

// Raw is the value of a top-level property as it came, nil where there is none. It must not be changed.
func (o Object) Raw(name string) json.RawMessage {
	for _, p := range o.props {
		if p.name == name {
			return json.RawMessage(o.raw[p.at:p.end])
		}
	}
	return nil
}

// String is a top-level property that is a string, empty where it is not.
func (o Object) String(name string) string { return stringOf(o.Raw(name)) }

// Strings is a top-level property that is a list of strings, nil where it is not.
func (o Object) Strings(name string) []string { return stringsOf(o.Raw(name)) }

// Bool is a top-level property that is true.
func (o Object) Bool(name string) bool { return string(o.Raw(name)) == "true" }

// Int is a top-level property that is a whole number from 0 to 999,999,999 (§4.14.1, §5.2.1: counts are no higher).
func (o Object) Int(name string) (int, bool) {
	b := o.Raw(name)
	if len(b) == 0 || len(b) > 9 {
		return 0, false
	}
	n := 0
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, true
}

// Time is a top-level property that is a timestamp, zero where it is not.
func (o Object) Time(name string) time.Time {
	return timeOf(o.String(name))
}

// Extension is what the object says under the identifier of an extension definition, as it came; nil where it says nothing (§7.3).
func (o Object) Extension(id string) json.RawMessage {
	b := o.Raw("extensions")
	if len(b) == 0 {
		return nil
	}
	return member(b, id)
}

// member is the value of a member of an object that was checked already.
func member(b []byte, name string) json.RawMessage {
	var m map[string]json.RawMessage
	if json.Unmarshal(b, &m) != nil {
		return nil
	}
	return m[name]
}

func stringOf(b []byte) string {
	if len(b) < 2 || b[0] != '"' {
		return ""
	}
	var s string
	if json.Unmarshal(b, &s) != nil {
		return ""
	}
	return s
}

func stringsOf(b []byte) []string {
	if len(b) < 2 || b[0] != '[' {
		return nil
	}
	var s []string
	if json.Unmarshal(b, &s) != nil {
		return nil
	}
	return s
}

func timeOf(s string) time.Time {
	t, err := ParseTime(s)
	if err != nil {
		return time.Time{}
	}
	return t
}

// uuidLen is how long a UUID is as it is written (RFC 4122 §3).
const uuidLen = 36

// SplitID cuts an identifier into type and UUID and checks both (§2.9, §3.1). RFC 4122 §3 has a UUID written in
// lower case and read in either: OASIS's own examples have capitals.
func SplitID(id string) (kind, uuid string, ok bool) {
	n := len(id) - uuidLen
	if n < 5 || !strings.HasSuffix(id[:n], "--") {
		return "", "", false
	}
	kind, uuid = id[:n-2], id[n:]
	if !isType(kind) || !isUUID(uuid) {
		return "", "", false
	}
	return kind, uuid, true
}

// isType reports whether s may be a type: 3 to 250 of a-z, 0-9 and hyphens (§3.1).
func isType(s string) bool {
	if len(s) < 3 || len(s) > 250 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-') {
			return false
		}
	}
	return true
}

func isUUID(s string) bool {
	if len(s) != uuidLen {
		return false
	}
	for i := range len(s) {
		c := s[i]
		switch i {
		case 8, 13, 18, 23:
			if c != '-' {
				return false
			}
		default:
			if !(c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F') {
				return false
			}
		}
	}
	return true
}

var errTime = errors.New("not a timestamp as 2026-01-31T12:00:00.000Z")

// ParseTime reads a timestamp (§2.16): RFC 3339 in UTC with a Z, any number of digits after the point, of which we keep nine.
func ParseTime(s string) (time.Time, error) {
	const form = "0000-00-00T00:00:00"
	n := len(form)
	if len(s) < n+1 || len(s) > 64 || s[len(s)-1] != 'Z' {
		return time.Time{}, errTime
	}
	for i := range n {
		if digit := s[i] >= '0' && s[i] <= '9'; form[i] == '0' && !digit || form[i] != '0' && s[i] != form[i] {
			return time.Time{}, errTime
		}
	}
	if frac := s[n : len(s)-1]; frac != "" {
		if len(frac) < 2 || frac[0] != '.' {
			return time.Time{}, errTime
		}
		for i := 1; i < len(frac); i++ {
			if frac[i] < '0' || frac[i] > '9' {
				return time.Time{}, errTime
			}
		}
		if len(frac) > 10 {
			s = s[:n+10] + "Z"
		}
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return time.Time{}, errTime
	}
	return t.UTC(), nil
}

// FormatTime writes a timestamp with milliseconds, as created and modified have them (§3.2).
func FormatTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
