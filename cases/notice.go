package cases

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Channel is the way by which an owner is told.
type Channel string

// In order of preference: malware of this kind reads and hides texts, so ways that the phone does not control come first.
const (
	Mail Channel = "mail"
	Post Channel = "post"
	Call Channel = "call" // by customer care, from a list
	SMS  Channel = "sms"  // from the operator's own short code
)

// NoticeState is where a notice stands.
type NoticeState string

const (
	Planned   NoticeState = "planned"
	Agreed    NoticeState = "agreed"    // by a person
	Sent      NoticeState = "sent"      // out of our hands
	Receipted NoticeState = "receipted" // it reached its owner
	Failed    NoticeState = "failed"    // it did not, or was taken back
)

var notices = map[NoticeState][]NoticeState{
	Planned: {Agreed, Failed},
	Agreed:  {Sent, Failed},
	Sent:    {Receipted, Failed},
}

// Notice is what is kept of telling an owner: neither his address nor the text, only which version of it.
type Notice struct {
	ID      string // of its case, with a number
	Case    string
	Channel Channel
	State   NoticeState
	Text    string // its version

	Planned  time.Time
	AgreedAt time.Time
	AgreedBy string
	Tried    time.Time // when it was sent, or somebody tried to; zero for one that was taken back before
	Ended    time.Time // receipted or failed
	Who, Why string    // of the last step
}

// ErrNobodyAgreed is for a notice that is to be agreed to by the machine.
var ErrNobodyAgreed = errors.New("a notice is agreed to by a person: say who")

// Apply takes a notice a step further.
func (n *Notice) Apply(to NoticeState, at time.Time, who, why string) error {
	switch {
	case !slices.Contains(notices[n.State], to):
		return fmt.Errorf("notice %s: one that is %s cannot become %s", n.ID, n.State, to)
	case to == Receipted && n.Channel == SMS:
		return fmt.Errorf("notice %s: a text is sent, never known to be read: the phone's malware may have hidden it", n.ID)
	case !said(who):
		return ErrNobody
	case to == Agreed && who == Machine:
		return ErrNobodyAgreed
	}
	switch n.Who, n.Why = who, why; to {
	case Agreed:
		n.AgreedAt, n.AgreedBy = at, who
	case Sent:
		n.Tried = at
	case Receipted, Failed:
		n.Ended = at
	}
	n.State = to
	return nil
}

// Try marks that somebody tried to send it and did not come through: Failed follows.
func (n *Notice) Try(at time.Time) { n.Tried = at }

// NoticeID is the id of the n-th notice of a case, from 1.
func NoticeID(id string, n int) string { return fmt.Sprintf("%s-%d", id, n) }
