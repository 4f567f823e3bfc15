package stix

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/sekisho/sekisho/indicator"
	"github.com/sekisho/sekisho/share"
)

var (
	errItem  = errors.New("nothing to share")
	errUUID  = errors.New("its identifier is no UUID")
	errValue = errors.New("its value is not what its kind says")
	errTimes = errors.New("no time is known of it")
)

// FromItem is the item as an indicator of ours (§4.7). Its identifier is made from the item's, so that what was given once is known again when
// it changes or is withdrawn; created is when it was first seen, which does not change.
func FromItem(i share.Item, m Maker) (Object, error) {
	switch {
	case i.IsZero():
		return Object{}, errItem
	case !isUUID(i.ID()):
		return Object{}, fmt.Errorf("indicator: %w", errUUID)
	case !isUUID(m.ID):
		return Object{}, fmt.Errorf("maker: %w", errUUID)
	}
	pattern, err := patternOf(i.Kind(), i.Value())
	if err != nil {
		return Object{}, fmt.Errorf("indicator of kind %v: %w", i.Kind(), err)
	}
	created := firstOf(i.First(), i.Changed(), i.Last())
	if created.IsZero() {
		return Object{}, fmt.Errorf("indicator of kind %v: %w", i.Kind(), errTimes)
	}
	modified := firstOf(i.Changed(), created)
	if modified.Before(created) {
		modified = created
	}
	w := begin("indicator", "indicator--"+i.ID())
	w.str("created_by_ref", m.Ref())
	w.time("created", created)
	w.time("modified", modified)
	if i.Withdrawn() {
		w.yes("revoked")
	}
	w.str("name", names[i.Kind()])
	w.strs("indicator_types", "malicious-activity")
	w.strs("labels", labels(i)...)
	w.num("confidence", int(min(i.Confidence(), 100)))
	w.strs("object_marking_refs", markingID(i.TLP()))
	w.str("pattern", pattern)
	w.str("pattern_type", "stix")
	w.str("pattern_version", "2.1")
	w.time("valid_from", created)
	if i.Over() {
		// §4.7: valid_until is later than valid_from. Both are told in milliseconds.
		w.time("valid_until", later(modified, created))
	}
	w.open("extensions")
	w.open(ExtensionID)
	w.str("extension_type", "property-extension")
	w.str("kind", i.Kind().String())
	w.opt("role", i.Role().String())
	w.opt("lure", i.Lure())
	if !i.Last().IsZero() {
		w.time("last_seen", i.Last())
	}
	w.shut()
	w.shut()
	return w.object()
}

// names are what an indicator is called. The value is in the pattern alone.
var names = map[indicator.Kind]string{
	indicator.URL:    "A link in smishing texts",
	indicator.Host:   "A host of links in smishing texts",
	indicator.Domain: "A domain of links in smishing texts",
	indicator.Number: "A telephone number of swindlers",
	indicator.Range:  "A range of telephone numbers of swindlers",
	indicator.Sender: "A sender ID of smishing texts",
	indicator.Family: "A family of smishing texts",
	indicator.Hash:   "A file behind links in smishing texts",
}

func labels(i share.Item) []string {
	l := []string{"smishing"}
	if i.Lure() != "" && i.Lure() != "smishing" {
		l = append(l, i.Lure())
	}
	return l
}

func firstOf(times ...time.Time) time.Time {
	for _, t := range times {
		if !t.IsZero() {
			return t.Truncate(time.Millisecond)
		}
	}
	return time.Time{}
}

// later is t, or a millisecond behind from where t is not later than it.
func later(t, from time.Time) time.Time {
	if t.After(from) {
		return t
	}
	return from.Add(time.Millisecond)
}

// patternOf says in a pattern (§9) what is looked for.
func patternOf(k indicator.Kind, v string) (string, error) {
	if v == "" || len(v) > 2*maxValue {
		return "", errValue
	}
	switch k {
	case indicator.URL: // kept without a scheme, since a text leads to the same page with either
		if !strings.ContainsAny(v, "/?") {
			v += "/"
		}
		return "[" + equals("url", "value", "https://"+v) + " OR " + equals("url", "value", "http://"+v) + "]", nil
	case indicator.Host, indicator.Domain:
		if a, err := netip.ParseAddr(strings.Trim(v, "[]")); err == nil {
			if a.Is4() {
				return "[" + equals("ipv4-addr", "value", a.String()) + "]", nil
			}
			return "[" + equals("ipv6-addr", "value", a.String()) + "]", nil
		}
		return "[" + equals("domain-name", "value", v) + "]", nil
	case indicator.Number:
		return "[" + equals(TypeNumber, "value", v) + "]", nil
	case indicator.Range:
		return "[" + equals(TypeRange, "value", v) + "]", nil
	case indicator.Sender:
		return "[" + equals(TypeSender, "value", v) + "]", nil
	case indicator.Family:
		return "[" + equals(TypeFamily, "value", v) + "]", nil
	case indicator.Hash:
		return "[" + equals("file", "hashes.'SHA-256'", v) + "]", nil
	}
	return "", errValue
}

// equals is one comparison. Within quotation marks only they and the backslash have to be escaped (§9.2).
func equals(object, path, value string) string {
	return object + ":" + path + " = '" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(value) + "'"
}
