package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/sekisho/sekisho/indicator"
)

// MaxMISP is how many octets of a MISP event are read where nothing else is said, maxAttributes how many attributes of it.
const (
	MaxMISP       = 32 << 20
	maxAttributes = 200_000
)

// mispEvent is what is read of an event in MISP's core format (draft-dulaunoy-misp-core-format). What is not here is passed over.
type mispEvent struct {
	Event struct {
		UUID      string   `json:"uuid"`
		Info      string   `json:"info"`
		Date      string   `json:"date"`
		Timestamp mispTime `json:"timestamp"`
		Org       struct {
			Name string `json:"name"`
		} `json:"Orgc"`
		Attribute []mispAttribute `json:"Attribute"`
		Object    []struct {
			Attribute []mispAttribute `json:"Attribute"`
		} `json:"Object"`
		Tag []mispTag `json:"Tag"`
	} `json:"Event"`
}

type mispAttribute struct {
	UUID      string    `json:"uuid"`
	Type      string    `json:"type"`
	Value     string    `json:"value"`
	ToIDs     bool      `json:"to_ids"`
	Deleted   bool      `json:"deleted"`
	Timestamp mispTime  `json:"timestamp"`
	First     string    `json:"first_seen"`
	Last      string    `json:"last_seen"`
	Comment   string    `json:"comment"`
	Tag       []mispTag `json:"Tag"`
}

type mispTag struct {
	Name string `json:"name"`
}

// mispTime is seconds since 1970, as a number or in a string.
type mispTime int64

func (t *mispTime) UnmarshalJSON(b []byte) error {
	n, err := strconv.ParseInt(strings.Trim(string(b), `"`), 10, 64)
	if err != nil || n < 0 || n > 1<<40 {
		return errors.New("not a time")
	}
	*t = mispTime(n)
	return nil
}

func (t mispTime) time() time.Time {
	if t == 0 {
		return time.Time{}
	}
	return time.Unix(int64(t), 0).UTC()
}

func readMISP(in io.Reader, max int) (e mispEvent, all []mispAttribute, err error) {
	if max <= 0 {
		max = MaxMISP
	}
	data, err := vet(in, max)
	if err != nil {
		return e, nil, err
	}
	if err := json.Unmarshal(data, &e); err != nil {
		return e, nil, typeError(err)
	}
	all = e.Event.Attribute
	for _, o := range e.Event.Object {
		all = append(all, o.Attribute...)
	}
	if e.Event.UUID == "" || len(all) == 0 {
		return e, nil, errors.New("not a MISP event: it has no uuid, or no attributes")
	}
	if len(all) > maxAttributes {
		return e, nil, fmt.Errorf("more than %d attributes", maxAttributes)
	}
	return e, all, nil
}

// ReadMISP reads an event of MISP as one report: its first text, and the links, senders and files of it. The event's organisation is the reporter.
func ReadMISP(in io.Reader, max int) (Report, error) {
	e, all, err := readMISP(in, max)
	if err != nil {
		return Report{}, err
	}
	r := Report{Channel: MISP, Time: e.Event.Timestamp.time()}
	if r.Time.IsZero() {
		r.Time, _ = time.Parse(time.DateOnly, e.Event.Date)
	}
	if err := r.set(fieldID, e.Event.UUID); err != nil {
		return Report{}, fmt.Errorf("uuid: %w", errID)
	}
	if r.Reporter, err = parseParty(e.Event.Org.Name); err != nil {
		return Report{}, fmt.Errorf("the name in Orgc: %w", errParty)
	}
	for _, a := range all {
		if a.Deleted {
			continue
		}
		switch a.Type {
		case "text", "other":
			if r.Text == "" {
				r.setText(a.Value)
			}
		case "url", "uri", "link", "domain", "hostname":
			if a.ToIDs && r.addLink(a.Value) != nil {
				r.Cut = true
			}
		case "phone-number", "email-src", "whois-registrant-phone":
			if r.Suspect == "" {
				if s, err := parseParty(a.Value); err == nil {
					r.Suspect = s
				}
			}
		case "email-subject":
			r.setSubject(a.Value)
		case "sha256":
			r.addFiles([]string{a.Value})
		}
	}
	r.setSubject(orElse(r.Subject, e.Event.Info))
	return r, r.check()
}

func orElse(s, other string) string {
	if s != "" {
		return s
	}
	return other
}

// mispKinds are the attribute types that name something we know.
var mispKinds = map[string]indicator.Kind{
	"url": indicator.URL, "uri": indicator.URL, "domain": indicator.Domain, "hostname": indicator.Host, "ip-src": indicator.Host, "ip-dst": indicator.Host,
	"phone-number": indicator.Number, "sha256": indicator.Hash,
}

// MISPEntries reads the indicators of a MISP event: attributes with to_ids, of types that we know. passed counts the others by type.
func MISPEntries(in io.Reader, max int, source string, now time.Time) (entries []indicator.Entry, passed map[string]int, err error) {
	e, all, err := readMISP(in, max)
	if err != nil {
		return nil, nil, err
	}
	passed = map[string]int{}
	whole := tlpOf(e.Event.Tag, indicator.TLPUnset)
	for _, a := range all {
		k, ok := mispKinds[a.Type]
		if !ok || !a.ToIDs && !a.Deleted {
			passed[mispTypeName(a.Type)]++
			continue
		}
		value, err := indicator.Normal(k, a.Value)
		if err != nil && k == indicator.Domain { // a public suffix, or a number: named wrongly
			k = indicator.Host
			value, err = indicator.Normal(k, a.Value)
		}
		if err != nil {
			passed[mispTypeName(a.Type)]++
			continue
		}
		x := indicator.Entry{ID: a.UUID, Kind: k, Value: value, Source: source, TLP: tlpOf(a.Tag, whole), Confidence: 60, First: a.Timestamp.time(), Last: a.Timestamp.time(),
			Status: indicator.Active, Changed: now, Recipients: 2}
		if k == indicator.Number {
			x.Role = indicator.RoleCallback
		}
		if t, err := time.Parse(time.RFC3339, a.First); err == nil && plausible(t) {
			x.First = t.UTC()
		}
		if t, err := time.Parse(time.RFC3339, a.Last); err == nil && plausible(t) {
			x.Last = t.UTC()
		}
		if x.Last.IsZero() || x.Last.After(now) {
			x.Last = now
		}
		if x.First.IsZero() || x.First.After(x.Last) {
			x.First = x.Last
		}
		if a.Deleted {
			x.Status = indicator.Withdrawn
		}
		entries = append(entries, x)
	}
	return entries, passed, nil
}

// mispTypeName bounds what a foreign document may put into a count's name.
func mispTypeName(s string) string {
	if len(s) > 32 || s == "" || strings.ContainsFunc(s, func(c rune) bool { return c < '-' || c > 'z' }) {
		return "other"
	}
	return s
}

// tlpOf is the strictest TLP among tags.
func tlpOf(tags []mispTag, otherwise indicator.TLP) indicator.TLP {
	most := otherwise
	for _, t := range tags {
		name, ok := strings.CutPrefix(strings.ToLower(t.Name), "tlp:")
		if name == "white" { // as TLP 1 had it
			name = "clear"
		}
		if p, err := indicator.ParseTLP(name); ok && err == nil {
			most = max(most, p)
		}
	}
	return most
}
