package console

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sekisho/sekisho/auth"
)

// carePage answers: "my bank's code did not come: was it you?"
type carePage struct {
	Number string
	Sender string
	Hours  int
	Spans  []int
	Asked  bool
	Stop   bool // something was stopped
	Found  []foundView
	More   bool
}

// careSpans are how far back care may look, in hours.
var careSpans = []int{1, 24, 72, 168}

// careMost is how many messages an answer shows.
const careMost = 50

func (c *Console) carePage() {
	if c.src.Messages == nil {
		return
	}
	c.places = append(c.places, place{"/care", "care", auth.Care})
	c.get("/care", "care", auth.Care, func(*visit) (any, error) { return carePage{Hours: 24, Spans: careSpans}, nil })
	// The number is sent in the body, so that it stands in no address; the answer is the page itself.
	c.answer("/care", "care", auth.Care, func(v *visit) (any, error) {
		p := carePage{Number: v.Form("number"), Sender: v.Form("sender"), Hours: 24, Spans: careSpans, Asked: true}
		if h, err := strconv.Atoi(v.Form("hours")); err == nil && slices.Contains(careSpans, h) {
			p.Hours = h
		}
		until := c.cfg.Now()
		all, err := c.src.Messages.To(v.r.Context(), p.Number, until.Add(-time.Duration(p.Hours)*time.Hour), until, v.Who.Name, "a subscriber asks")
		if errors.Is(err, ErrNumber) {
			return nil, Sorry(http.StatusUnprocessableEntity, "sorry.number")
		}
		if err != nil {
			return nil, err
		}
		if p.Sender != "" {
			all = slices.DeleteFunc(all, func(f Found) bool { return !strings.Contains(strings.ToLower(f.From), strings.ToLower(p.Sender)) })
		}
		p.More = len(all) > careMost
		p.Found = v.founds(all[:min(len(all), careMost)], true)
		p.Stop = slices.ContainsFunc(p.Found, func(f foundView) bool { return f.Level() == "block" || f.Level() == "hold" })
		return p, nil
	})
	c.post("/care/release", auth.Care, func(v *visit) (string, error) {
		why := v.Form("why")
		if why == "" {
			return "", Sorry(http.StatusUnprocessableEntity, "sorry.why")
		}
		if err := c.src.Messages.Release(v.r.Context(), v.Form("id"), v.Who.Name, why); err != nil {
			c.cfg.Log.Warn("console: a held message was not delivered", "err", err)
			return "", Sorry(http.StatusConflict, "sorry.held")
		}
		return "/care?done=released", nil
	})
}

var _ = learn(words{
	"care":        {"Care", "お客様対応"},
	"care.say":    {"\"My bank's code did not come: was it you?\" Write the subscriber's number, and read the answer out. Texts are not kept; that you asked stands in the ledger.", "「銀行の認証コードが届かない」というお問い合わせに答える画面です。お客様の番号を入力し、表示された文をお伝えください。本文は保存していません。照会したことは監査台帳に残ります。"},
	"care.number": {"Subscriber's number", "お客様の電話番号"},
	"care.sender": {"Sender, if he named one", "送信元（分かる場合）"},
	"care.back":   {"How far back", "さかのぼる期間"},
	"care.ask":    {"Look", "照会"},
	"care.nothing": {"Nothing of that kind came to us in that time. It was not us: the sender should look.",
		"この期間に該当するメッセージは当方に届いていません。当方で止めたものはありませんので、送信元へのご確認をお願いします。"},
	"care.stopped": {"Yes, something was stopped here:", "当方で止めたメッセージがあります。"},
	"care.through": {"Nothing was stopped. What came was passed on:", "当方で止めたメッセージはありません。届いたものはすべて通しています。"},
	"care.more":    {"There is more; look at a shorter time.", "ほかにもあります。期間を短くしてください。"},
	"care.late":    {"What was delivered in the last half minute is not there yet.", "直近30秒ほどの配信は、まだ表示されない場合があります。"},
})
