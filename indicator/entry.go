package indicator

import (
	"errors"
	"fmt"
	"time"
)

// TLP says how far an indicator may travel: the Traffic Light Protocol 2.0 of FIRST. The order is that of strictness, so that a partner's
// ceiling can be compared.
type TLP uint8

const (
	TLPUnset TLP = iota // not said: treated as amber
	TLPClear
	TLPGreen       // the community
	TLPAmber       // the organisation and its clients
	TLPAmberStrict // the organisation
	TLPRed         // who was told, and nobody else
	tlps
)

var tlpNames = [tlps]string{"", "clear", "green", "amber", "amber+strict", "red"}

func (t TLP) String() string {
	if t < tlps {
		return tlpNames[t]
	}
	return fmt.Sprintf("tlp(%d)", uint8(t))
}

// ParseTLP reads clear, green, amber, amber+strict or red.
func ParseTLP(s string) (TLP, error) {
	for t := TLPClear; t < tlps; t++ {
		if tlpNames[t] == s {
			return t, nil
		}
	}
	return TLPUnset, errTLP
}

var errTLP = errors.New("unknown TLP: one of clear, green, amber, amber+strict, red")

// Role says what a telephone number is in the fraud. Only who is no victim may be told of to others.
type Role uint8

const (
	RoleNone     Role = iota // not a number, or not known: it does not leave
	RoleCallback             // the number that a text asks to call
	RoleFraud                // a number that swindlers hold, by a case of kind fraud-number
	RoleBusiness             // a business sender
	RoleVictim               // a line whose phone malware made a sender: a victim's secret, told only to the operator that serves it
	roles
)

var roleNames = [roles]string{"", "callback", "fraud", "business", "victim"}

func (r Role) String() string {
	if r < roles {
		return roleNames[r]
	}
	return fmt.Sprintf("role(%d)", uint8(r))
}

// ParseRole reads callback, fraud, business or victim.
func ParseRole(s string) (Role, error) {
	for r := RoleCallback; r < roles; r++ {
		if roleNames[r] == s {
			return r, nil
		}
	}
	return RoleNone, errRole
}

var errRole = errors.New("unknown role: one of callback, fraud, business, victim")

// Status is where an entry stands.
type Status uint8

const (
	Proposed  Status = iota // waits for a person, or for more reports
	Active                  // in force
	Withdrawn               // was wrong; whoever was given it is told
	Expired                 // worth nothing any more
	statuses
)

var statusNames = [statuses]string{"proposed", "active", "withdrawn", "expired"}

func (s Status) String() string {
	if s < statuses {
		return statusNames[s]
	}
	return fmt.Sprintf("status(%d)", uint8(s))
}

// ParseStatus reads proposed, active, withdrawn or expired.
func ParseStatus(s string) (Status, error) {
	for t := Proposed; t < statuses; t++ {
		if statusNames[t] == s {
			return t, nil
		}
	}
	return Proposed, errStatus
}

var errStatus = errors.New("unknown status: one of proposed, active, withdrawn, expired")

// Entry is an indicator as the register keeps it: what it says, where it came from, how it has served.
type Entry struct {
	ID         string // a UUID, for ever; STIX and MISP know it by this
	Kind       Kind
	Value      string // normalised: a host without scheme, a link as message.Link.URL has it, +digits, a family as 16 hexadecimal digits
	Role       Role   // of a number
	Source     string // who says so: "reports", "campaigns", a feed's or a partner's name
	TLP        TLP
	Confidence uint8 // in percent, when last seen
	First      time.Time
	Last       time.Time
	Recipients uint32 // distinct people who got this very link, where it is one: below two it may carry a token of its only one
	Campaign   uint64 // the campaign it belongs to, 0 for none
	Lure       string // what the texts with it tell, in the words of inspect: "parcel", "bank"; empty if unknown
	Right      uint32 // how often it was right here,
	Wrong      uint32 // and how often wrong
	Status     Status
	Changed    time.Time // when anything of it changed
	By         string    // who agreed or withdrew: a person's name, or "policy"
	Why        string
}
