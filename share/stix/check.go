package stix

import "errors"

// Why an object is refused.
var (
	errID       = errors.New("not an identifier as type--UUID")
	errIDType   = errors.New("not of the object's own type")
	errType     = errors.New("not a type (3 to 250 of a-z, 0-9 and hyphens)")
	errBundle   = errors.New("a bundle is no object")
	errMissing  = errors.New("missing")
	errSpec     = errors.New("neither 2.0 nor 2.1")
	errBackward = errors.New("before created")
	errMarkings = errors.New("not a list of identifiers of marking definitions")
)

// class is what the standard says of a type.
type class uint8

const (
	unknown    class = iota
	domain           // an SDO or an SRO: has created and modified (§3.2)
	observable       // an SCO (§6)
	meta             // a meta object: has created (§7)
)

var classes = map[string]class{
	"attack-pattern": domain, "campaign": domain, "course-of-action": domain, "grouping": domain, "identity": domain, "incident": domain,
	"indicator": domain, "infrastructure": domain, "intrusion-set": domain, "location": domain, "malware": domain, "malware-analysis": domain,
	"note": domain, "observed-data": domain, "opinion": domain, "report": domain, "threat-actor": domain, "tool": domain,
	"vulnerability": domain, "relationship": domain, "sighting": domain,

	"artifact": observable, "autonomous-system": observable, "directory": observable, "domain-name": observable, "email-addr": observable,
	"email-message": observable, "file": observable, "ipv4-addr": observable, "ipv6-addr": observable, "mac-addr": observable,
	"mutex": observable, "network-traffic": observable, "process": observable, "software": observable, "url": observable,
	"user-account": observable, "windows-registry-key": observable, "x509-certificate": observable,
	TypeNumber: observable, TypeRange: observable, TypeSender: observable, TypeFamily: observable, TypeText: observable,

	"marking-definition": meta, "language-content": domain, "extension-definition": domain,
}

// times are the properties of SDOs and SROs that are timestamps (§4, §5).
var times = [...]string{"valid_from", "valid_until", "first_seen", "last_seen", "first_observed", "last_observed", "published"}

// maxMarkings bounds the markings of one object.
const maxMarkings = 64

func isID(s string) bool { _, _, ok := SplitID(s); return ok }

// check reads the common properties (§3.2) and refuses an object in which they are not what they must be.
func (o *Object) check() *Error {
	id := o.String("id")
	bad := func(property string, err error) *Error {
		e := &Error{Property: property, Err: err}
		if isID(id) {
			e.ID = id
		}
		return e
	}
	o.kind = o.String("type")
	switch {
	case o.Raw("type") == nil:
		return bad("type", errMissing)
	case !isType(o.kind):
		return bad("type", errType)
	case o.kind == "bundle": // §8: it holds objects and is none
		return bad("type", errBundle)
	case o.Raw("id") == nil:
		return bad("id", errMissing)
	}
	kind, _, ok := SplitID(id)
	switch {
	case !ok:
		return bad("id", errID)
	case kind != o.kind:
		return bad("id", errIDType)
	}
	if e := o.checkTimes(bad); e != nil {
		return e
	}
	if o.spec = o.String("spec_version"); o.Raw("spec_version") == nil {
		o.spec = "2.1"
		if o.created != "" {
			o.spec = "2.0"
		}
	}
	if o.spec != "2.0" && o.spec != "2.1" {
		return bad("spec_version", errSpec)
	}
	if b := o.Raw("object_marking_refs"); b != nil {
		o.markings = o.Strings("object_marking_refs")
		if len(o.markings) == 0 || len(o.markings) > maxMarkings {
			return bad("object_marking_refs", errMarkings)
		}
		for _, m := range o.markings {
			if kind, _, ok := SplitID(m); !ok || kind != "marking-definition" {
				return bad("object_marking_refs", errMarkings)
			}
		}
	}
	if b := o.Raw("created_by_ref"); b != nil && !isID(stringOf(b)) {
		return bad("created_by_ref", errID)
	}
	o.id = id
	return nil
}

func (o *Object) checkTimes(bad func(string, error) *Error) *Error {
	c := classes[o.kind]
	for _, name := range [...]string{"created", "modified"} {
		b := o.Raw(name)
		if b == nil {
			if c == domain || c == meta && name == "created" {
				return bad(name, errMissing)
			}
			continue
		}
		if _, err := ParseTime(stringOf(b)); err != nil {
			return bad(name, err)
		}
	}
	o.created, o.modified = o.String("created"), o.String("modified")
	if o.created != "" && o.modified != "" && timeOf(o.modified).Before(timeOf(o.created)) {
		return bad("modified", errBackward)
	}
	if c != domain {
		return nil
	}
	for _, name := range times {
		if b := o.Raw(name); b != nil {
			if _, err := ParseTime(stringOf(b)); err != nil {
				return bad(name, err)
			}
		}
	}
	return nil
}
