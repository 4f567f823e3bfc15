package stix

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/sekisho/sekisho/indicator"
	"github.com/sekisho/sekisho/message"
	"github.com/sekisho/sekisho/subject"
)

// Why an indicator of others gives no entry.
var (
	ErrNotIndicator = errors.New("not an indicator")
	ErrPatternType  = errors.New("its pattern is not in STIX patterning")
	ErrBenign       = errors.New("it says of something that it is benign or odd, not that it is bad")
	ErrTogether     = errors.New("nothing in its pattern is a sign by itself")
	ErrKinds        = errors.New("nothing in its pattern is a link, a host, a number, a sender, a text family or a SHA-256")
	ErrSeveral      = errors.New("its pattern names several things")
)

// maxEntries bounds what one indicator gives.
const maxEntries = 256

// Entry is an indicator as the register keeps it, of one that names a single thing. now decides whether it is over.
func Entry(o Object, now time.Time) (indicator.Entry, error) {
	all, err := Entries(o, now)
	if err != nil {
		return indicator.Entry{}, err
	}
	if len(all) > 1 {
		return indicator.Entry{}, ErrSeveral
	}
	return all[0], nil
}

// Entries are all things that an indicator names by simple comparisons, each of which is a sign by itself. What holds only together with
// something else is left out, but for a file's hash, which names one file whatever stands beside it.
//
// Source is left empty: the caller knows from whom he has it. Status is what the giver says, active, expired or withdrawn; whether it comes
// into force here is the caller's to say. The identifier is the indicator's own where it names one thing, else made of that and the thing.
func Entries(o Object, now time.Time) ([]indicator.Entry, error) {
	if o.Type() != "indicator" {
		return nil, ErrNotIndicator
	}
	if t := o.String("pattern_type"); t != "stix" && !(t == "" && o.SpecVersion() == "2.0") { // 2.0 knew no other
		return nil, ErrPatternType
	}
	if benign(o.Strings("indicator_types")) {
		return nil, ErrBenign
	}
	p, err := ParsePattern(o.String("pattern"))
	if err != nil {
		return nil, err
	}
	base := header(o, now)
	ext := extensionOf(o)
	var n namer
	var all []indicator.Entry
	together := false
	seen := make(map[string]bool)
	for _, t := range p.Terms {
		kind, value, ok := n.thing(t, ext.kind)
		if !ok {
			continue
		}
		if !t.Alone && kind != indicator.Hash {
			together = true
			continue
		}
		key := kind.String() + " " + value
		if seen[key] {
			continue
		}
		seen[key] = true
		if len(all) == maxEntries {
			return nil, fmt.Errorf("its pattern names more than %d things", maxEntries)
		}
		e := base
		e.Kind, e.Value = kind, value
		if kind == indicator.Number || kind == indicator.Range {
			e.Role = ext.role
		}
		all = append(all, e)
	}
	switch {
	case len(all) == 1:
		all[0].ID = strings.ToLower(o.UUID())
	case len(all) == 0 && together:
		return nil, ErrTogether
	case len(all) == 0:
		return nil, ErrKinds
	}
	for i := range all {
		e := &all[i]
		e.Lure = ext.lure
		if e.ID == "" {
			e.ID = uuid5(space, []byte(strings.ToLower(o.UUID())+" "+e.Kind.String()+" "+e.Value))
		}
	}
	return all, nil
}

// benign reports whether all types (§10.10) say that nothing is bad.
func benign(types []string) bool {
	for _, t := range types {
		if t != "benign" && t != "anomalous-activity" && t != "anonymization" {
			return false
		}
	}
	return len(types) > 0
}

// header is what an indicator says of all that it names.
func header(o Object, now time.Time) indicator.Entry {
	e := indicator.Entry{TLP: TLP(o), Status: indicator.Active, Changed: o.Modified()}
	if c, ok := o.Int("confidence"); ok && c <= 100 {
		e.Confidence = uint8(c)
	}
	e.First = o.Time("valid_from")
	if e.First.IsZero() {
		e.First = o.Created()
	}
	e.Last = o.Modified()
	if t := extensionOf(o).last; !t.IsZero() {
		e.Last = t
	}
	until := o.Time("valid_until")
	switch {
	case o.Bool("revoked"):
		e.Status = indicator.Withdrawn
	case !until.IsZero() && !until.After(now):
		e.Status = indicator.Expired
	}
	return e
}

// said is what an indicator says by our extension.
type said struct {
	kind indicator.Kind
	role indicator.Role
	lure string
	last time.Time
}

func extensionOf(o Object) said {
	var s said
	b := o.Extension(ExtensionID)
	if b == nil {
		return s
	}
	var x struct {
		Kind string `json:"kind"`
		Role string `json:"role"`
		Lure string `json:"lure"`
		Last string `json:"last_seen"`
	}
	if json.Unmarshal(b, &x) != nil {
		return s
	}
	s.kind, _ = indicator.ParseKind(x.Kind)
	s.role, _ = indicator.ParseRole(x.Role)
	if s.role == indicator.RoleVictim { // nobody tells it to others, and we do not believe it
		s.role = indicator.RoleNone
	}
	if len(x.Lure) <= 32 && strings.Trim(x.Lure, "abcdefghijklmnopqrstuvwxyz-") == "" {
		s.lure = x.Lure
	}
	s.last = timeOf(x.Last)
	return s
}

// namer writes names as the register has them. It is for one goroutine.
type namer struct{ f message.Folded }

// thing is what a comparison names, in our kinds.
func (n *namer) thing(t Term, told indicator.Kind) (indicator.Kind, string, bool) {
	switch t.Object + ":" + t.Path {
	case "url:value":
		l, ok := n.link(t.Value)
		if !ok || !webLink(t.Value) {
			return 0, "", false
		}
		return indicator.URL, plain(l), true
	case "domain-name:value":
		return n.domain(t.Value, told)
	case "ipv4-addr:value", "ipv6-addr:value", "network-traffic:dst_ref.value":
		return address(t.Value)
	case "file:hashes.SHA-256", "file:hashes.SHA256", "artifact:hashes.SHA-256":
		v := strings.ToLower(t.Value)
		return indicator.Hash, v, len(v) == 64 && isHex(v)
	case TypeNumber + ":value":
		l, err := subject.ParseLine(t.Value)
		return indicator.Number, t.Value, err == nil && l.String() == t.Value
	case "phone-number:value": // a custom object that others make, written as people write
		v := strings.NewReplacer(" ", "", "-", "", "(", "", ")", "").Replace(t.Value)
		l, err := subject.ParseLine(v)
		return indicator.Number, l.String(), err == nil
	case TypeRange + ":value":
		return indicator.Range, t.Value, valid(indicator.Range, t.Value) && strings.Trim(t.Value, "+-*0123456789") == ""
	case TypeSender + ":value":
		v := lower(t.Value)
		return indicator.Sender, v, v == strings.TrimSpace(v) && valid(indicator.Sender, v)
	case TypeFamily + ":value":
		return indicator.Family, t.Value, len(t.Value) == 32 && isHex(t.Value)
	}
	return 0, "", false
}

// plain is a link without what leads nowhere else: its fragment, a usual port, slashes at the end.
func plain(l message.Link) string {
	port := string(l.URL[len(l.Host) : len(l.URL)-len(l.Path)])
	if port == ":80" || port == ":443" {
		port = ""
	}
	path, _, _ := strings.Cut(string(l.Path), "#")
	if !strings.Contains(path, "?") {
		path = strings.TrimRight(path, "/")
	}
	return string(l.Host) + port + path
}

func webLink(s string) bool {
	i := strings.Index(s, "://")
	return i > 0 && (strings.EqualFold(s[:i], "http") || strings.EqualFold(s[:i], "https"))
}

// link reads a link as it would be read in a text.
func (n *namer) link(s string) (message.Link, bool) {
	if len(s) > maxValue {
		return message.Link{}, false
	}
	n.f.Fold([]byte(s))
	if len(n.f.Links) != 1 {
		return message.Link{}, false
	}
	l := n.f.Links[0]
	if l.Span.Start != 0 || int(l.Span.End) != len(s) || len(l.URL) == 0 {
		return message.Link{}, false
	}
	return l, true
}

// domain is a name: a domain where it is a registrable one, so that all below it is meant, else a host; or what the giver says it is.
func (n *namer) domain(s string, told indicator.Kind) (indicator.Kind, string, bool) {
	s = strings.TrimSuffix(s, ".")
	if s == "" || strings.ContainsAny(s, "/?#:@[]%\\ ") {
		return 0, "", false
	}
	l, ok := n.link("http://" + s)
	if !ok || string(l.URL) != string(l.Host) {
		return 0, "", false
	}
	host := string(l.Host)
	if l.Flags&message.LinkAddress != 0 {
		return indicator.Host, host, true
	}
	registrable := string(l.Domain) == host
	switch {
	case told == indicator.Host:
		return indicator.Host, host, true
	case (registrable || told == indicator.Domain) && valid(indicator.Domain, host): // not so for a public suffix
		return indicator.Domain, host, true
	}
	return indicator.Host, host, true
}

// address is one IP address; networks are refused, since an Index has none.
func address(s string) (indicator.Kind, string, bool) {
	a, err := netip.ParseAddr(s)
	if p, e := netip.ParsePrefix(s); e == nil && p.IsSingleIP() {
		a, err = p.Addr(), nil
	}
	if err != nil || a.Zone() != "" {
		return 0, "", false
	}
	if a = a.Unmap(); a.Is6() {
		return indicator.Host, "[" + a.String() + "]", true
	}
	return indicator.Host, a.String(), true
}

func isHex(s string) bool { return strings.Trim(s, "0123456789abcdef") == "" }

// valid asks the index that will look it up.
func valid(k indicator.Kind, v string) bool {
	return indicator.NewBuilder(0).Add(indicator.Indicator{Kind: k, Value: v, Bad: true, Source: "stix"}) == nil
}

func lower(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}
