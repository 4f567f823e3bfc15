package taxii

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sekisho/sekisho/share/stix"
)

// Bounds of what may be asked.
const (
	maxQuery  = 16 << 10 // octets of a query
	maxValues = 100      // values of one match parameter
)

// fields are what an endpoint can be asked by.
type fields uint8

const (
	byPage    fields = 1 << iota // added_after, limit, next
	byID                         // match[id]
	byType                       // match[type]
	byVersion                    // match[version]
	bySpec                       // match[spec_version]
)

// parseQuery reads the parameters of a request (§3.4). Those that TAXII does not define are passed over, as it allows; those that it defines
// but not for this endpoint are refused, lest less be filtered than the client thinks.
func parseQuery(raw string, can fields) (Query, error) {
	var q Query
	if len(raw) > maxQuery {
		return q, fmt.Errorf("a query of more than %d octets", maxQuery)
	}
	values, err := url.ParseQuery(raw)
	if err != nil {
		return q, errors.New("not a query")
	}
	for name, v := range values {
		field, known := parameters[name]
		if !known {
			if can&byPage == 0 && strings.HasPrefix(name, "match[") { // it would delete more than was meant
				return q, errors.New("a match parameter that is not for this endpoint")
			}
			continue
		}
		if can&field == 0 {
			return q, fmt.Errorf("%s: not for this endpoint", name)
		}
		if len(v) > 1 {
			return q, fmt.Errorf("%s: more than once", name)
		}
		if err := q.set(name, v[0]); err != nil {
			return q, err
		}
	}
	return q, nil
}

var parameters = map[string]fields{"added_after": byPage, "limit": byPage, "next": byPage,
	"match[id]": byID, "match[type]": byType, "match[version]": byVersion, "match[spec_version]": bySpec}

func (q *Query) set(name, v string) error {
	var err error
	switch name {
	case "added_after":
		if q.After, err = stix.ParseTime(v); err != nil {
			return fmt.Errorf("added_after: %w", err)
		}
		return nil
	case "limit":
		n, err := strconv.ParseUint(v, 10, 31)
		if err != nil || n == 0 {
			return errors.New("limit: not a whole number above 0")
		}
		q.Limit = int(n)
		return nil
	case "next":
		q.From, err = ParseCursor(v)
		return err
	}
	list := strings.SplitN(v, ",", maxValues+1)
	if len(list) > maxValues {
		return fmt.Errorf("%s: more than %d values", name, maxValues)
	}
	for i, s := range list {
		if slices.Contains(list[:i], s) {
			if name == "match[version]" { // §3.4.1 forbids it for versions
				return fmt.Errorf("%s: a value comes twice", name)
			}
			continue
		}
		if err := q.match(name, s, len(list)); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func (q *Query) match(name, s string, of int) error {
	switch name {
	case "match[id]":
		if _, _, ok := stix.SplitID(s); !ok {
			return errors.New("not an identifier as type--UUID")
		}
		q.IDs = append(q.IDs, s)
	case "match[type]":
		if len(s) < 3 || len(s) > 250 || strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			return errors.New("not a type")
		}
		q.Types = append(q.Types, s)
	case "match[spec_version]":
		a, b, _ := strings.Cut(s, ".")
		if len(a) != 1 || len(b) != 1 || strings.Trim(a+b, "0123456789") != "" {
			return errors.New("not a version as 2.1")
		}
		q.Specs = append(q.Specs, s)
	case "match[version]":
		return q.Versions.set(s, of)
	}
	return nil
}

func (v *Versions) set(s string, of int) error {
	switch s {
	case "first":
		v.First = true
	case "last":
		v.Last = true
	case "all":
		if of > 1 {
			return errors.New("all beside others")
		}
		v.All = true
	default:
		t, err := stix.ParseTime(s)
		if err != nil {
			return errors.New("neither first, last, all nor a timestamp")
		}
		if slices.ContainsFunc(v.At, t.Equal) {
			return errors.New("a value comes twice")
		}
		v.At = append(v.At, t)
	}
	return nil
}

// encode writes the query as parameters, for a client.
func (q Query) encode() string {
	v := url.Values{}
	if !q.After.IsZero() {
		v.Set("added_after", FormatTime(q.After))
	}
	if q.Limit > 0 {
		v.Set("limit", strconv.Itoa(q.Limit))
	}
	list := func(name string, values []string) {
		if len(values) > 0 {
			v.Set("match["+name+"]", strings.Join(values, ","))
		}
	}
	list("id", q.IDs)
	list("type", q.Types)
	list("spec_version", q.Specs)
	list("version", q.Versions.strings())
	return v.Encode()
}

func (v Versions) strings() []string {
	if v.All {
		return []string{"all"}
	}
	var s []string
	if v.First {
		s = append(s, "first")
	}
	for _, t := range v.At {
		s = append(s, t.UTC().Format(time.RFC3339Nano))
	}
	if v.Last {
		s = append(s, "last")
	}
	return s
}
