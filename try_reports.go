package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sekisho/sekisho/message"
	"github.com/sekisho/sekisho/report"
	"github.com/sekisho/sekisho/simulate"
	"github.com/sekisho/sekisho/store"
	"github.com/sekisho/sekisho/subject"
)

// tryReports lets people of the story report what reached them, by the desk that real reports come to.
type tryReports struct {
	p    *program
	n    int
	said map[string]int // reports of each campaign
	ctx  context.Context
}

// herdText is honest; accounts of one hand report it all the same, so that the page has something to warn of.
const herdText = "【つばめ書店】ご注文の品を発送しました。お届け予定は明日です。配送状況 https://tsubame-books.example/orders"

func newTryReports(ctx context.Context, p *program) *tryReports {
	return &tryReports{p: p, said: map[string]int{}, ctx: ctx}
}

// reporter is a subscriber nobody is.
func reporter(n int) string { return fmt.Sprintf("+8190001%05d", n) }

// begin files what was reported before anybody looks: people who were right, so that they weigh more now, and a hand with fourteen accounts.
func (r *tryReports) begin() error {
	now := time.Now()
	var all []report.Report
	for i, text := range []string{"お荷物をお預かりしておりますが、宛先不明です。住所をご確認ください。 http://todoke-kakunin.duckdns.org/", "【国税の未納】差押えの最終通知です。本日中に担当までお電話ください。050-0123-4567"} {
		for n := range 7 {
			at := now.Add(-time.Duration(30+i)*time.Hour + time.Duration(n)*time.Minute)
			all = append(all, report.Report{Channel: tryChannels[n%len(tryChannels)], Medium: report.SMS, Time: at, Reporter: reporter(n + 4*i), Suspect: reporter(400 + n), Text: text})
		}
	}
	if _, err := r.p.desk.Take(r.ctx, all); err != nil {
		return err
	}
	seen, err := r.p.store.BunchPage(r.ctx, store.BunchPage{Limit: 10})
	if err != nil {
		return err
	}
	for _, b := range seen {
		err := r.p.decideBunch(r.ctx, report.Name(b.ID), string(report.IsFraud), "demo", "the sites were looked at")
		if err != nil && !errors.Is(err, errSameState) && !errors.Is(err, store.ErrDecided) { // thresholds may have been faster
			return err
		}
	}
	all = all[:0]
	for n := range 4 { // enough of those who were right: thresholds decide, and what a person has to agree to waits for him
		all = append(all, report.Report{Channel: tryChannels[n], Medium: report.SMS, Time: now.Add(-3*time.Hour + time.Duration(n)*time.Minute), Reporter: reporter(3 * n), Suspect: "TSUBAMEBK",
			Text: "【つばめ銀行】お取引を停止しました。解除はこちら http://tsubame-login.duckdns.org/ お問い合わせ 050-0765-4321"})
	}
	for i, text := range []string{"【つばめ書店】会員ポイントの有効期限は今月末です。 https://tsubame-books.example/points", herdText} {
		for n := range 14 {
			at := now.Add(-time.Duration(50-20*i)*time.Minute + time.Duration(n)*time.Second)
			all = append(all, report.Report{Channel: report.Form, Medium: report.SMS, Time: at, Reporter: reporter(90 + n), Suspect: "TSUBAME", Text: text})
		}
	}
	all = append(all, report.Report{Channel: report.Mail, Medium: report.SMS, Claim: report.Honest, Time: now.Add(-25 * time.Minute), Reporter: "yamada@mail.example", Suspect: "TSUBAME", Text: herdText})
	_, err = r.p.desk.Take(r.ctx, all)
	return err
}

// tryReportsMost is how often one campaign is reported: enough that thresholds decide some, and few enough that others wait.
var tryReportsMost = []int{14, 3, 5, 10, 2}

var tryChannels = []report.Channel{report.ShortCode, report.Form, report.ShortCode, report.Mail, report.API}

// saw lets a recipient report a fraud text, now and then. A report costs a commit, so that it has a goroutine's time, not the story's.
func (r *tryReports) saw(it *simulate.Item) {
	if it.Label == message.Ham || it.Campaign == "" {
		return
	}
	r.n++
	if r.n%3 != 1 || r.said[it.Campaign] >= tryReportsMost[len(it.Campaign)%len(tryReportsMost)] {
		return
	}
	r.said[it.Campaign]++
	x := report.Report{Channel: tryChannels[r.n%len(tryChannels)], Medium: report.SMS, Time: time.Now(), Reporter: it.To.String(), Text: string(it.Text)}
	if r.n%2 == 1 { // somebody who has reported before
		x.Reporter, x.To = reporter(r.n%11), it.To.String()
	}
	if it.Label == message.Spam {
		x.Claim = report.Spam
	}
	if it.From.Kind() != subject.KindNone {
		x.Suspect = it.From.String()
	}
	r.p.background(func(ctx context.Context) {
		if _, err := r.p.desk.Take(ctx, []report.Report{x}); err != nil && ctx.Err() == nil {
			r.p.log.Error("a report of the story could not be kept", "err", err)
		}
	})
}
