package console

import (
	"context"
	"errors"
	"time"

	"github.com/sekisho/sekisho/message"
)

// Found is what became of one message.
type Found struct {
	ID       string
	Time     time.Time
	Account  string
	Route    message.Route
	From     string // a sender's name or short code; empty where it was a number: of that there is only a pseudonym
	Outcome  message.Outcome
	Did      message.Outcome
	OptedOut bool   // nothing was looked at
	Held     string // what became of it since: held, releasing, released, expired, deleted, rejected; empty where it was not held
	HeldAt   time.Time
	Receipt  string // the last receipt's state, as SMPP names it; empty where none came
	At       time.Time
	Reasons  []Reason
}

// Waits reports whether it can still be delivered.
func (f Found) Waits() bool { return f.Held == "held" }

// Messages are what passed, for those who answer for it. What is looked up goes into the ledger under the name of who asks.
type Messages interface {
	// To finds messages to a number, the latest first, or ErrNumber.
	To(ctx context.Context, number string, from, until time.Time, who, why string) ([]Found, error)
	// ByID finds messages by the id that their sender was given.
	ByID(ctx context.Context, id string, from, until time.Time, who, why string) ([]Found, error)
	// From finds stopped messages by the number or name that sent them.
	From(ctx context.Context, sender string, from, until time.Time, who, why string) ([]Found, error)
	// Release delivers a held message after all, and says what came of it.
	Release(ctx context.Context, id, who, why string) error
}

// ErrNumber is said of what is no telephone number.
var ErrNumber = errors.New("no telephone number")

// foundView is a message as pages show it.
type foundView struct {
	*visit
	Found
	Retry bool // with a button to deliver it after all
}

func (v *visit) founds(all []Found, retry bool) (out []foundView) {
	for _, f := range all {
		out = append(out, foundView{v, f, retry && f.Waits()})
	}
	return out
}

// Sentence says in one sentence what became of the message, to be read out.
func (f foundView) Sentence() string {
	from := f.From
	if from == "" {
		from = f.T("found.number")
	}
	at := f.Stamp(f.Time)
	switch {
	case f.Held == "held":
		return f.Tf("found.held", at, from)
	case f.Held == "released":
		return f.Tf("found.released", at, from, f.Stamp(f.HeldAt))
	case f.Held == "expired" || f.Held == "deleted":
		return f.Tf("found.gone", at, from, f.Stamp(f.HeldAt))
	case f.Held == "releasing":
		return f.Tf("found.releasing", at, from)
	case f.Did.Stopped():
		return f.Tf("found.blocked", at, from)
	case f.Receipt == "DELIVRD":
		return f.Tf("found.delivered", at, from, f.Stamp(f.At))
	case f.Receipt != "":
		return f.Tf("found.failed", at, from, f.Receipt)
	}
	return f.Tf("found.passed", at, from)
}

// Level colours the sentence.
func (f foundView) Level() string {
	switch {
	case f.Held == "held", f.Held == "releasing":
		return "hold"
	case f.Did.Stopped() && f.Held != "released":
		return "block"
	case f.Did == message.Label:
		return "label"
	}
	return "deliver"
}

// Why are the reasons in the reader's language.
func (f foundView) Why() (all []string) {
	if f.OptedOut {
		return []string{f.T("found.optedout")}
	}
	for _, r := range f.Reasons {
		all = append(all, r.Why[f.Lang])
	}
	return all
}

var _ = learn(words{
	"found.number":    {"a number", "電話番号"},
	"found.held":      {"On %s a message from %s came; it is held here and can be delivered.", "%s に %s からのメッセージを受け付け、現在こちらで保留しています。配信できます。"},
	"found.released":  {"On %s a message from %s came; it was held, and delivered on %s.", "%s に %s からのメッセージを受け付け、保留したのち %s に配信しました。"},
	"found.gone":      {"On %s a message from %s came; it was held and ended on %s without being delivered.", "%s に %s からのメッセージを受け付け、保留しましたが、配信されないまま %s に終了しました。"},
	"found.releasing": {"On %s a message from %s came; it is being delivered.", "%s に %s からのメッセージを受け付け、配信処理中です。"},
	"found.blocked":   {"On %s a message from %s came and was stopped here.", "%s に %s からのメッセージを受け付け、こちらで遮断しました。"},
	"found.delivered": {"On %s a message from %s was passed on; the phone has had it since %s.", "%s に %s からのメッセージを通し、%s に端末への着信を確認しています。"},
	"found.failed":    {"On %s a message from %s was passed on; the network answered %s.", "%s に %s からのメッセージを通しましたが、網の応答は %s でした。"},
	"found.passed":    {"On %s a message from %s was passed on at once; no receipt has come.", "%s に %s からのメッセージをそのまま通しました。配信結果の通知はまだありません。"},
	"found.optedout":  {"Not looked at: the contract opted out.", "検査対象外（オプトアウト済みの契約）。"},
	"found.id":        {"Message id", "メッセージID"},
	"found.release":   {"Deliver it now", "いま配信する"},
	"found.ask":       {"Deliver this message to the subscriber?", "このメッセージをお客様へ配信しますか。"},
	"found.why":       {"Reason", "理由"},
	"done.released":   {"It was delivered to the network.", "網へ配信しました。"},
	"sorry.held":      {"It could not be delivered now: it is held no longer, or the SMSC refused it.", "配信できませんでした。すでに保留が終了しているか、SMSC が拒否しました。"},
	"sorry.number":    {"That is no telephone number: write it as +819012345678 or 09012345678.", "電話番号として読み取れません。+819012345678 または 09012345678 のように入力してください。"},
})
