// Package share gives indicators to others, and says what may leave. An Item is an indicator that was cleared to go: only Clear makes one,
// it asks for a grant, and every form that goes out (its folders) takes nothing else, so that the compiler keeps victims' secrets in.
package share

import (
	"errors"
	"strings"
	"time"

	"github.com/sekisho/sekisho/indicator"
	"github.com/sekisho/sekisho/purpose"
)

// Item is an indicator that may leave, as far as its TLP says. Its zero value is nothing.
type Item struct{ e indicator.Entry }

// Why an indicator does not leave.
var (
	ErrGrant   = errors.New("no grant to share")
	ErrVictim  = errors.New("a victim's number: it goes to the operator that serves it, and to nobody else")
	ErrRole    = errors.New("a number whose part in the fraud is not known")
	ErrToken   = errors.New("a link that only one recipient got: it may carry his token")
	ErrPrivate = errors.New("proposed only: nobody has agreed to it")
	ErrRed     = errors.New("TLP red: not for others")
	ErrFamily  = errors.New("a text family needs the key of the group it is shared in")
)

// Clear says whether the entry may leave for the group of partners whose key is given (text families are keyed by it; others need none).
// What is withdrawn may: whoever was given it has to hear.
func Clear(g purpose.Grant, e indicator.Entry, group Group) (Item, error) {
	switch {
	case !g.Covers(purpose.Share):
		return Item{}, ErrGrant
	case e.Status == indicator.Proposed:
		return Item{}, ErrPrivate
	case e.TLP == indicator.TLPRed:
		return Item{}, ErrRed
	}
	switch e.Kind {
	case indicator.Number, indicator.Range:
		switch e.Role {
		case indicator.RoleVictim:
			return Item{}, ErrVictim
		case indicator.RoleNone:
			return Item{}, ErrRole
		}
	case indicator.URL:
		if e.Recipients < 2 && strings.Contains(e.Value, "/") {
			return Item{}, ErrToken
		}
	case indicator.Family:
		if group.zero() {
			return Item{}, ErrFamily
		}
		e.Value = group.family(e.Value)
	}
	if e.TLP == indicator.TLPUnset {
		e.TLP = indicator.TLPAmber
	}
	// What is ours alone stays: how it served here, and who agreed to it.
	e.Right, e.Wrong, e.By, e.Why, e.Recipients, e.Campaign = 0, 0, "", "", 0, 0
	return Item{e}, nil
}

// IsZero reports whether there is nothing.
func (i Item) IsZero() bool { return i.e.ID == "" }

func (i Item) ID() string           { return i.e.ID }
func (i Item) Kind() indicator.Kind { return i.e.Kind }
func (i Item) Value() string        { return i.e.Value }
func (i Item) Role() indicator.Role { return i.e.Role }
func (i Item) TLP() indicator.TLP   { return i.e.TLP }
func (i Item) Confidence() uint8    { return i.e.Confidence }
func (i Item) Lure() string         { return i.e.Lure }
func (i Item) First() time.Time     { return i.e.First }
func (i Item) Last() time.Time      { return i.e.Last }
func (i Item) Changed() time.Time   { return i.e.Changed }

// Over reports whether it is no longer in force: withdrawn or expired.
func (i Item) Over() bool { return i.e.Status != indicator.Active }

// Withdrawn reports whether it was wrong.
func (i Item) Withdrawn() bool { return i.e.Status == indicator.Withdrawn }
