package auth

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Role is what somebody may do in the console; roles are added up.
type Role uint8

const (
	Administrator Role = 1 << iota // people, keys, configuration
	Analyst                        // campaigns, reports, indicators, policies
	Care                           // what became of a subscriber's message; warnings of owners
	Auditor                        // the ledger, and all pages to read
	roleEnd
)

// Everybody is any role.
const Everybody = roleEnd - 1

var roleNames = [...]string{"administrator", "analyst", "care", "auditor"}

// ParseRoles reads names of roles.
func ParseRoles(names []string) (Role, error) {
	var r Role
	for _, n := range names {
		i := slices.Index(roleNames[:], n)
		if i < 0 {
			return 0, fmt.Errorf("unknown role %.20q: one of %s", n, strings.Join(roleNames[:], ", "))
		}
		r |= 1 << i
	}
	if r == 0 {
		return 0, fmt.Errorf("at least one role: %s", strings.Join(roleNames[:], ", "))
	}
	return r, nil
}

// Names are the roles' names.
func (r Role) Names() (all []string) {
	for i, n := range roleNames {
		if r&(1<<i) != 0 {
			all = append(all, n)
		}
	}
	return all
}

func (r Role) String() string { return strings.Join(r.Names(), " ") }

// Any reports whether r has one of want.
func (r Role) Any(want Role) bool { return r&want != 0 }

// Person is somebody who works in the console. People sign in by passkeys; there are no passwords.
type Person struct {
	ID       string // "p-" and ten letters or digits
	Handle   []byte // what a passkey knows him by (WebAuthn user handle): 64 random octets
	Name     string
	Roles    Role
	Created  time.Time
	Disabled time.Time // zero: he may sign in
	Passkeys []Passkey
}

// Passkey is a credential of a person.
type Passkey struct {
	ID         []byte // credential id
	Name       string // as he calls it
	Created    time.Time
	Used       time.Time
	Credential []byte // JSON of the credential record: the public key and the counter
}

// Errors of people and their sessions. None says which part was wrong to who tries.
var (
	ErrNobody  = errors.New("nobody of that name")
	ErrInvite  = errors.New("the link is used, expired or unknown; an administrator can make another: sekisho auth invite")
	ErrPasskey = errors.New("the passkey was not accepted")
	ErrLast    = errors.New("the last administrator cannot be taken away")
)

// CheckPersonName reports whether somebody may be called so: his name stands in the ledger.
func CheckPersonName(name string) error {
	if name == "" || len(name) > 64 || !utf8.ValidString(name) || strings.TrimSpace(name) != name || strings.ContainsFunc(name, unicode.IsControl) {
		return errors.New("a name has 1 to 64 octets, no control characters, and no space at its ends")
	}
	if name == "policy" || name == "sekisho" {
		return fmt.Errorf("the name %s stands for what is done without a person", name)
	}
	return nil
}

// Invite is a link by which a person enrols a passkey, once.
type Invite struct {
	Hash    []byte // SHA-256 of its secret
	Person  string // id
	Expires time.Time
	By      string
}

// Session is somebody who is signed in.
type Session struct {
	Hash    []byte // SHA-256 of the cookie's secret
	Person  string
	Created time.Time
	Used    time.Time
	Demo    bool // of sekisho try
}

// People keeps persons, invitations and sessions. What changes who may do what is written into the ledger with it.
type People interface {
	Persons(ctx context.Context) ([]Person, error)
	Person(ctx context.Context, id string) (Person, error)             // or ErrNobody
	PersonByHandle(ctx context.Context, handle []byte) (Person, error) // or ErrNobody
	// PutPerson keeps a person as he is now; act and why go into the ledger. It refuses with ErrLast what would leave no administrator who can sign in.
	PutPerson(ctx context.Context, p Person, by, act, why string) error
	// UsePasskey notes that a passkey was used, and its record as it is now.
	UsePasskey(ctx context.Context, person string, k Passkey) error
	PutInvite(ctx context.Context, i Invite) error
	// FindInvite finds one that is neither used nor expired, or ErrInvite; TakeInvite takes it away.
	FindInvite(ctx context.Context, hash []byte, now time.Time) (Invite, error)
	TakeInvite(ctx context.Context, hash []byte, now time.Time) error
	PutSession(ctx context.Context, s Session) error
	FindSession(ctx context.Context, hash []byte) (Session, error) // or ErrNobody
	TouchSession(ctx context.Context, hash []byte, at time.Time) error
	EndSession(ctx context.Context, hash []byte) error
	EndSessions(ctx context.Context, person string) error
}
