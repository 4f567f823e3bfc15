// Package record is what is written of a message that has passed: verdicts and receipts, their codec, the
// keyed pseudonyms that stand for numbers wherever a record rests, and the seal of held texts.
//
// A door keeps one Verdict and one Receipt for each session, fills them anew for each message and hands them to a
// Recorder, which copies them, never waits and allocates nothing:
//
//	rec := record.NewRecorder(queue)    // queue is a *stream.Queue
//	s.verdict = record.Verdict{Time: ..., Door: "smpp", ...}
//	rec.Verdict(&s.verdict)             // false: dropped, and counted by the queue
//	rec.Receipt(&s.receipt)
//
// A number is in full only in the memory of this process, for milliseconds: Key.SealBatch puts a pseudonym
// in its place, in the goroutine that writes the stream, and Decode refuses what is not sealed. Short codes and sender
// IDs are no secret and are written as they are, unless enough digits stand in them to be a number.
package record

import (
	"fmt"

	"github.com/sekisho/sekisho/message"
	"github.com/sekisho/sekisho/subject"
)

// Verdict is what was judged of a message for one recipient, and what was done.
type Verdict struct {
	Time     int64  // when the message came, microseconds since 1970 UTC
	Door     string // smpp, http, ...
	Account  string
	ID       string // the message id that its sender was given; cut at MaxID
	Route    message.Route
	Class    message.Class
	Outcome  message.Outcome // what was judged
	Done     message.Outcome // what was done
	Mode     message.Mode
	OptedOut bool // the recipient's contract refused judging

	From, To subject.Address
	// Daily gives the sender a pseudonym that is another one each day: his contract opted out of infection_notice.
	Daily bool

	PPhishing, PBad float32
	Rules           []string // names of the findings; at most MaxRules are written
	Trial           []string // names of findings by rules in trial mode, which decided nothing
	// About is what the findings are about (hosts, brands). Written for stopped messages only. What looks like
	// a full number is masked.
	About  [][]byte
	Family uint64 // signature of the text's wording
	// What evidence against the sender needs of a stopped message; not written with the verdict.
	Campaign, Domain, Link uint64
	Parts                  uint8
	Come                   uint8  // of them so far; it is for who looks as records pass, and not written
	Delay                  uint32 // that judging added, microseconds
	Status                 uint32 // the next hop's command_status (SMPP 3.4 §5.1.3); 0 is ESME_ROK
}

// Stopped reports whether the message was stopped, or would have been in mode enforce: of these it is
// written why.
func (v *Verdict) Stopped() bool { return v.Outcome.Stopped() || v.Done.Stopped() }

// Receipt is what became of a message that was passed on, as the next hop says.
type Receipt struct {
	Time    int64  // microseconds since 1970 UTC
	Account string // who was given the message id
	ID      string
	To      subject.Address // whom the message was for: the source of the receipt
	State   State
	Err     string // the next hop's error code, as it wrote it; cut at 16 octets
}

// State is a message's state, numbered as SMPP numbers it (3.4 §5.2.28).
type State uint8

const (
	StateUnset State = iota
	Enroute
	Delivered
	Expired
	Deleted
	Undeliverable
	Accepted
	Unknown
	Rejected
	States // how many there are, unset among them
)

var stateNames = [States]string{"unset", "enroute", "delivered", "expired", "deleted", "undeliverable",
	"accepted", "unknown", "rejected"}

func (s State) String() string {
	if s < States {
		return stateNames[s]
	}
	return fmt.Sprintf("state(%d)", uint8(s))
}

// Final reports whether nothing more follows.
func (s State) Final() bool { return s >= Delivered && s != Accepted && s < States }

// Appender writes itself at the end of a buffer.
type Appender = interface{ Append(dst []byte) []byte }

// Putter is where records go: a *stream.Queue. Put never waits, and copies; where keep is set the
// record is among the last to be dropped.
type Putter interface {
	Put(r Appender, keep bool) bool
}

// Recorder hands records on.
type Recorder struct{ to Putter }

// NewRecorder makes a Recorder that puts records there. Nil is allowed, and writes nothing.
func NewRecorder(to Putter) *Recorder { return &Recorder{to} }

// Verdict writes a verdict and reports whether there was room. What it points to may be used again on return.
func (r *Recorder) Verdict(v *Verdict) bool {
	return r.to == nil || r.to.Put(v, v.Stopped())
}

// Evidence writes an item of evidence and reports whether there was room.
func (r *Recorder) Evidence(e *Evidence) bool {
	return r.to == nil || r.to.Put(e, true)
}

// Receipt writes a receipt and reports whether there was room.
func (r *Recorder) Receipt(x *Receipt) bool {
	return r.to == nil || r.to.Put(x, true)
}
