package stix

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sekisho/sekisho/indicator"
	"github.com/sekisho/sekisho/purpose"
	"github.com/sekisho/sekisho/report"
	"github.com/sekisho/sekisho/subject"
)

// Why a sighting and a report are not made of each other.
var (
	ErrNoSighting = errors.New("no sighting among the objects")
	ErrUnseen     = errors.New("sighting: nothing of what was seen can be read: no text, no link, no sender, no file")
	ErrNotSeen    = errors.New("sighting: count is 0: it tells of what was not seen")
	ErrHonest     = errors.New("report: what somebody calls honest is no sighting of fraud")
	ErrGrant      = errors.New("report: no grant to share")
	ErrEmpty      = errors.New("report: nothing in it that a sighting could show")
)

// Sighting makes a report of the first sighting (§5.2) among the objects, by the observed data that it refers to, or else by the indicator
// that was sighted. What it refers to must be among the objects. The reporter is left empty: the caller knows from whom he has it.
func Sighting(objects ...Object) (report.Report, error) {
	byID := make(map[string]Object, len(objects))
	var s Object
	for _, o := range objects {
		byID[o.ID()] = o
		if s.IsZero() && o.Type() == "sighting" {
			s = o
		}
	}
	if s.IsZero() {
		return report.Report{}, ErrNoSighting
	}
	return sighting(s, byID)
}

// Sightings makes a report of every sighting among the objects that one can be made of, and counts the others.
func Sightings(objects ...Object) (reports []report.Report, refused int) {
	byID := make(map[string]Object, len(objects))
	for _, o := range objects {
		byID[o.ID()] = o
	}
	for _, o := range objects {
		if o.Type() != "sighting" {
			continue
		}
		r, err := sighting(o, byID)
		if err != nil {
			refused++
			continue
		}
		reports = append(reports, r)
	}
	return reports, refused
}

// maxRefs bounds the observed data of a sighting and the observables of observed data that are looked at.
const maxRefs = 256

func sighting(s Object, byID map[string]Object) (report.Report, error) {
	r := report.Report{ID: s.ID(), Channel: report.STIX, Time: s.Modified(), Seen: s.Time("first_seen")}
	if n, ok := s.Int("count"); ok && n == 0 {
		return r, ErrNotSeen
	}
	var x struct {
		Medium string `json:"medium"`
		Claim  string `json:"claim"`
	}
	if b := s.Extension(ExtensionID); b != nil && json.Unmarshal(b, &x) == nil {
		r.Medium, _ = report.ParseMedium(x.Medium)
		if c, err := report.ParseClaim(x.Claim); err == nil {
			r.Claim = c
		}
	}
	c := collector{r: &r, byID: byID}
	for _, id := range first(s.Strings("observed_data_refs"), maxRefs) {
		d := byID[id]
		if r.Seen.IsZero() {
			r.Seen = d.Time("first_observed")
		}
		for _, ref := range first(d.Strings("object_refs"), maxRefs) {
			c.add(byID[ref])
		}
	}
	if !c.any() {
		c.sighted(byID[s.String("sighting_of_ref")])
	}
	if r.Suspect == "" {
		r.Suspect = c.number
	}
	if !c.any() && r.Suspect == "" {
		return report.Report{}, ErrUnseen
	}
	return r, nil
}

func first(s []string, n int) []string { return s[:min(len(s), n)] }

// collector fills a report with what was observed, within its bounds.
type collector struct {
	r      *report.Report
	byID   map[string]Object
	number string // a number that is nobody's sender: who called
}

func (c *collector) any() bool {
	return c.r.Text != "" || c.r.Subject != "" || c.r.Suspect != "" || len(c.r.Links) > 0 || len(c.r.Files) > 0
}

func (c *collector) add(o Object) {
	switch o.Type() {
	case TypeText:
		c.medium(report.SMS)
		c.text(o.String("body"))
		c.suspect(o.String("sender_ref"))
		if l := o.String("language"); c.r.Language == "" && len(l) <= 35 { // BCP 47 §4.4.1
			c.r.Language = l
		}
	case "email-message":
		c.medium(report.Email)
		c.text(o.String("body"))
		if c.r.Subject == "" {
			c.r.Subject = c.cut(o.String("subject"), 998) // RFC 5322 §2.1.1
		}
		c.suspect(o.String("from_ref"))
	case TypeNumber:
		if c.number == "" {
			c.number = party(o)
		}
	case TypeSender:
		if c.r.Suspect == "" {
			c.r.Suspect = party(o)
		}
	case "url", "domain-name", "ipv4-addr", "ipv6-addr":
		v := o.String("value")
		if o.Type() == "ipv6-addr" {
			v = "[" + v + "]"
		}
		c.link(v)
	case "file", "artifact":
		h := strings.ToLower(stringOf(member(o.Raw("hashes"), "SHA-256")))
		if len(h) != 64 || !isHex(h) {
			return
		}
		if len(c.r.Files) == report.MaxFiles {
			c.r.Cut = true
			return
		}
		c.r.Files = append(c.r.Files, h)
	}
}

// sighted takes what the indicator names that was sighted.
func (c *collector) sighted(o Object) {
	all, err := Entries(o, time.Time{})
	if err != nil {
		return
	}
	for _, e := range all {
		switch e.Kind {
		case indicator.URL, indicator.Host, indicator.Domain:
			c.link(e.Value)
		case indicator.Hash:
			if len(c.r.Files) < report.MaxFiles {
				c.r.Files = append(c.r.Files, e.Value)
			}
		case indicator.Sender:
			if c.r.Suspect == "" {
				c.r.Suspect = e.Value
			}
		case indicator.Number:
			if c.r.Suspect == "" && e.Role != indicator.RoleCallback {
				c.r.Suspect = e.Value
			}
		}
	}
}

func (c *collector) medium(m report.Medium) {
	if c.r.Medium == report.MediumUnset {
		c.r.Medium = m
	}
}

func (c *collector) text(s string) {
	if c.r.Text == "" {
		c.r.Text = c.cut(s, report.MaxText)
	}
}

func (c *collector) cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	c.r.Cut = true
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

func (c *collector) suspect(ref string) {
	if o, ok := c.byID[ref]; ok && c.r.Suspect == "" {
		c.r.Suspect = party(o)
	}
}

// party is a sender: a number, a sender ID or a mail address; empty where it cannot be one.
func party(o Object) string {
	v := o.String("value")
	if len(v) > report.MaxParty || strings.ContainsFunc(v, func(r rune) bool { return r < 0x20 || r == 0x7f }) {
		return ""
	}
	switch o.Type() {
	case TypeNumber:
		if _, err := subject.ParseLine(v); err != nil {
			return ""
		}
	case TypeSender:
		if !valid(indicator.Sender, v) {
			return ""
		}
	case "email-addr":
		if strings.Count(v, "@") != 1 {
			return ""
		}
	default:
		return ""
	}
	return v
}

func (c *collector) link(v string) {
	if v == "" {
		return
	}
	if len(v) > report.MaxLink || len(c.r.Links) == report.MaxLinks {
		c.r.Cut = true
		return
	}
	c.r.Links = append(c.r.Links, v)
}

// FromReport makes a sighting of a report, with the observed data and the observables that show what was seen, all TLP amber. of is the
// identifier of the indicator that was sighted; where it is empty it is the attack pattern, which then comes with the rest, beside the project
// that described it. The grant must be one to share: a text is somebody's letter.
//
// Who reported it and to whom it was sent stay here, and no identifier is made of them. What the text itself says of them does not: the caller
// gives a report that may be told.
func FromReport(g purpose.Grant, r report.Report, m Maker, of string) ([]Object, error) {
	switch {
	case !g.Covers(purpose.Share):
		return nil, ErrGrant
	case r.Claim == report.Honest:
		return nil, ErrHonest
	case !isUUID(m.ID):
		return nil, fmt.Errorf("maker: %w", errUUID)
	}
	x := exporter{marking: markingID(indicator.TLPAmber)}
	x.observe(r)
	if x.err != nil {
		return nil, fmt.Errorf("report: %w", x.err)
	}
	if len(x.refs) == 0 {
		return nil, ErrEmpty
	}
	if of == "" {
		of = x.attack(r.Medium)
	} else if !isID(of) {
		return nil, fmt.Errorf("report: what was sighted: %w", errID)
	}
	at := firstOf(r.Time, r.Seen)
	if at.IsZero() {
		return nil, fmt.Errorf("report: %w", errTimes)
	}
	seen := firstOf(r.Seen, at)
	if seen.After(at) {
		seen = at
	}
	// The name is made of what is told anyway, and of the giver's identifier, never of who reported.
	name := []byte(r.ID + "\x00" + r.Channel.String() + "\x00" + strconv.FormatInt(at.UnixMilli(), 10) + "\x00" + strings.Join(x.refs, " "))
	data := "observed-data--" + uuid5(space, name)
	w := begin("observed-data", data)
	x.common(w, m, at)
	w.time("first_observed", seen)
	w.time("last_observed", seen)
	w.num("number_observed", 1)
	w.strs("object_refs", x.refs...)
	x.put(w.object())

	w = begin("sighting", "sighting--"+uuid5(space, name))
	x.common(w, m, at)
	w.time("first_seen", seen)
	w.time("last_seen", later(at, seen))
	w.num("count", 1)
	w.str("sighting_of_ref", of)
	w.strs("observed_data_refs", data)
	w.strs("where_sighted_refs", m.Ref())
	w.open("extensions")
	w.open(ExtensionID)
	w.str("extension_type", "property-extension")
	w.opt("medium", r.Medium.String())
	w.str("claim", r.Claim.String())
	w.shut()
	w.shut()
	x.put(w.object())
	if x.err != nil {
		return nil, fmt.Errorf("report: %w", x.err)
	}
	return x.out, nil
}

// exporter collects the objects that a report becomes.
type exporter struct {
	out     []Object
	refs    []string // of observables
	marking string
	err     error
}

func (x *exporter) put(o Object, err error) string {
	if err != nil {
		if x.err == nil {
			x.err = err
		}
		return ""
	}
	x.out = append(x.out, o)
	return o.ID()
}

// saw puts an observable, once.
func (x *exporter) saw(o Object, err error) string {
	if err == nil {
		for _, id := range x.refs {
			if id == o.ID() {
				return id
			}
		}
	}
	id := x.put(o, err)
	if id != "" {
		x.refs = append(x.refs, id)
	}
	return id
}

func (x *exporter) common(w *builder, m Maker, at time.Time) {
	w.str("created_by_ref", m.Ref())
	w.time("created", at)
	w.time("modified", at)
	w.strs("object_marking_refs", x.marking)
}

func (x *exporter) observe(r report.Report) {
	sender := ""
	switch s := r.Suspect; {
	case s == "":
	case s[0] == '+':
		sender = x.saw(Observable(TypeNumber, s))
	case strings.Contains(s, "@"):
		sender = x.saw(Observable("email-addr", s))
	default:
		sender = x.saw(Observable(TypeSender, s))
	}
	switch {
	case r.Medium == report.Email && (r.Text != "" || r.Subject != ""):
		x.saw(newObservable("email-message", func(w *builder) {
			w.no("is_multipart")
			if strings.Contains(r.Suspect, "@") {
				w.opt("from_ref", sender)
			}
			w.opt("subject", r.Subject)
			w.opt("body", r.Text)
		}))
	case r.Text != "":
		x.saw(newObservable(TypeText, func(w *builder) {
			w.str("body", r.Text)
			w.opt("language", r.Language)
			w.opt("sender_ref", sender)
		}))
	}
	for _, l := range r.Links {
		if l == "" {
			continue
		}
		if !strings.Contains(l, "://") {
			l = "http://" + l // §6.15: a url has a scheme
		}
		x.saw(Observable("url", l))
	}
	for _, h := range r.Files {
		x.saw(newObservable("file", func(w *builder) {
			w.open("hashes")
			w.str("SHA-256", h)
			w.shut()
		}))
	}
}

// attack puts the attack pattern of a medium and the project it is by.
func (x *exporter) attack(m report.Medium) string {
	name, capec := "Smishing", "CAPEC-164" // CAPEC: Mobile Phishing
	switch m {
	case report.Email, report.Web:
		name, capec = "Phishing", "CAPEC-98"
	case report.Call:
		name, capec = "Vishing", "CAPEC-656"
	}
	ext, err := Extension()
	if err != nil {
		x.err = err
		return ""
	}
	x.out = append(x.out, ext[0])
	w := begin("attack-pattern", "attack-pattern--"+uuid5(space, []byte(name)))
	w.str("created_by_ref", projectID)
	w.str("created", published)
	w.str("modified", published)
	w.str("name", name)
	w.name("external_references")
	w.b = append(w.b, '[', '{')
	w.str("source_name", "capec")
	w.str("external_id", capec)
	w.b = append(w.b, '}', ']')
	return x.put(w.object())
}
