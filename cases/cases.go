// Package cases is the casebook: what was found, where it stands, who moved it and why, who was told, and how often that was wrong. It is
// pure: no clock, no store, no lock.
package cases

import (
	"encoding/base32"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/sekisho/sekisho/evidence"
	"github.com/sekisho/sekisho/subject"
)

// Kind is what a case is about.
type Kind string

// InfectedLine is a line whose phone malware uses to send.
const InfectedLine Kind = "infected-line"

// kinds has for each kind the prefix of its ids, and what clears a case of it in English and in Japanese.
var kinds = map[Kind]struct {
	prefix string
	clears [2]string
}{
	InfectedLine: {"il-", [2]string{
		"No text of the line is stopped for seven days, and its owner or customer care confirms that the phone was cleaned. A person who finds that it never was infected closes the matter at once.",
		"7日間この回線からの送信が一通も阻止されず、かつ契約者ご本人またはカスタマーセンターが端末の対処を確認すること。誤検知と担当者が判断した場合は、その時点で解消します。",
	}},
}

// Case is one thing that was found about a contract. Once it is closed it holds neither the line, nor the contract, nor what
// stood against it.
type Case struct {
	ID       string
	Kind     Kind
	Contract subject.Contract
	Line     subject.Line // 0 once closed
	State    State

	Opened        time.Time
	FirstEvidence time.Time
	LastEvidence  time.Time // the last text that was stopped
	Updated       time.Time

	Score     float64
	Stopped   uint32 // texts
	Reasons   []evidence.Reason
	Campaigns []uint64 // those first that it sent most of
	Clears    [2]string

	Noticed     time.Time // when its owner was last told
	Confirmed   time.Time // when somebody said that the phone was cleaned; a relapse takes that back
	ConfirmedBy string

	Moves []Move // the oldest first
}

// New opens a case.
func New(k Kind, c subject.Contract, l subject.Line, at time.Time) *Case {
	at = at.UTC().Truncate(time.Microsecond) // as the store keeps it
	return &Case{ID: ID(k, at, rand.Uint32()), Kind: k, Contract: c, Line: l, State: Open, Opened: at, FirstEvidence: at, LastEvidence: at, Updated: at,
		Clears: k.Clears()}
}

// Known reports whether there is such a kind.
func (k Kind) Known() bool { _, ok := kinds[k]; return ok }

// Clears is what would clear a case of the kind, in English and in Japanese.
func (k Kind) Clears() [2]string { return kinds[k].clears }

// letters are those of Crockford's base 32, in their order, so that ids sort as what they are made of does.
var letters = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// epoch is what ids count minutes from.
var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// ID makes the id of a case: short enough to be told on the telephone, and sorted by when cases were opened. What tells those of one minute
// apart is by chance: made of the contract, it would give away the line of a case that was erased.
func ID(k Kind, opened time.Time, chance uint32) string {
	// 50 bits, ten letters: 24 of minutes, for 31 years, and 26 of chance.
	v := uint64(opened.Sub(epoch)/time.Minute)&(1<<24-1)<<26 | uint64(chance>>6)
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], v<<14)
	return kinds[k].prefix + letters.EncodeToString(b[:])[:10]
}

// Found says what follows from a finding about the contract of c, which is the latest case of it: whether that opens a new case, and
// otherwise how c changes, and its move if it makes one. What c knows already changes nothing, so that a finding may come twice.
func (c *Case) Found(again *Case) (opens bool, changed *Case, move *Move) {
	switch last := c.lastMove(); {
	case c.State.Ended():
		// What was found before the case ended went with it.
		return again.Opened.After(last), nil, nil
	case !again.LastEvidence.After(c.LastEvidence), again.Opened.Before(last) && c.State.Calm():
		return false, nil, nil
	}
	next := *c
	next.Moves = slices.Clip(c.Moves)
	next.LastEvidence, next.Updated = again.LastEvidence, again.Opened
	next.Score, next.Stopped, next.Reasons, next.Campaigns = again.Score, again.Stopped, again.Reasons, again.Campaigns
	next.Line = again.Line // the contract may have another number by now
	if c.State.Calm() {
		next.Confirmed, next.ConfirmedBy = time.Time{}, ""
		move = &Move{Case: c.ID, At: again.Opened, From: c.State, To: Relapsed, Who: Machine, Why: WhyAgain}
	}
	return false, &next, move
}

func (c *Case) lastMove() time.Time {
	if len(c.Moves) == 0 {
		return c.Opened
	}
	return c.Moves[len(c.Moves)-1].At
}

// Erase takes from a case the line, the contract, which may bear the number of the line, and what stood against it. What is left says that
// there was a case, who moved it, and how it went.
func (c *Case) Erase() {
	c.Line, c.Contract, c.Score, c.Stopped, c.Reasons, c.Campaigns = 0, 0, 0, 0, nil, nil
	c.FirstEvidence, c.LastEvidence = time.Time{}, time.Time{}
}

// Rank orders cases by what waiting costs, the worst first: what still sends before what has ended, then by score, texts, and who sent last.
func Rank(all []*Case) {
	slices.SortStableFunc(all, func(a, b *Case) int {
		switch {
		case a.State.Active() != b.State.Active():
			return order(b.State.Active(), a.State.Active())
		case a.Score != b.Score:
			return order(b.Score > a.Score, a.Score > b.Score)
		case a.Stopped != b.Stopped:
			return order(b.Stopped > a.Stopped, a.Stopped > b.Stopped)
		}
		return b.LastEvidence.Compare(a.LastEvidence)
	})
}

func order(after, before bool) int {
	switch {
	case after && !before:
		return 1
	case before && !after:
		return -1
	}
	return 0
}
