package console

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/sekisho/sekisho/auth"
	"github.com/sekisho/sekisho/indicator"
)

// Search finds indicators that are exactly a link, a host, a number or a sender.
type Search interface {
	Known(ctx context.Context, value string, most int) ([]indicator.Entry, error)
}

// searchPage answers: where is this message, line, link, sender, number?
type searchPage struct {
	Query    string
	Asked    bool
	To, From []foundView // messages to it, and stopped ones from it
	Entries  []indicator.Entry
	Links    []Hit
}

// Hit is a page about what was asked for.
type Hit struct{ Path, Key string }

// searchBack is how far back messages are looked for, and searchMost how many of each kind are shown.
const (
	searchBack = 30 * 24 * time.Hour
	searchMost = 20
)

var (
	caseID   = regexp.MustCompile(`^[a-z]{2}-[0-9a-z]{10}$`)
	reportID = regexp.MustCompile(`^rp-[a-z]{14}$`)
	numberly = regexp.MustCompile(`^\+?[0-9０-９][0-9０-９()（） .\-‐ー－]{3,24}$`)
)

func (c *Console) searchPage() {
	if c.src.Messages == nil || c.src.Search == nil {
		return
	}
	roles := auth.Analyst | auth.Care | auth.Auditor
	c.places = append(c.places, place{"/search", "search", roles})
	c.get("/search", "search", roles, func(*visit) (any, error) { return searchPage{}, nil })
	c.answer("/search", "search", roles, func(v *visit) (any, error) {
		p := searchPage{Query: v.Form("q"), Asked: true}
		if p.Query == "" {
			return searchPage{}, nil
		}
		if len(p.Query) > 2048 {
			return nil, Sorry(http.StatusUnprocessableEntity, "search.long")
		}
		ctx, until := v.r.Context(), c.cfg.Now()
		from, why := until.Add(-searchBack), "search"
		var to, sent, byID []Found
		var err error
		if numberly.MatchString(p.Query) {
			if to, err = c.src.Messages.To(ctx, p.Query, from, until, v.Who.Name, why); err != nil && !errors.Is(err, ErrNumber) {
				return nil, err
			}
		}
		if sent, err = c.src.Messages.From(ctx, p.Query, from, until, v.Who.Name, why); err != nil && !errors.Is(err, ErrNumber) {
			return nil, err
		}
		if !strings.ContainsAny(p.Query, "/. ") {
			if byID, err = c.src.Messages.ByID(ctx, p.Query, from, until, v.Who.Name, why); err != nil {
				return nil, err
			}
		}
		to = append(byID, to...)
		p.To, p.From = v.founds(to[:min(len(to), searchMost)], false), v.founds(sent[:min(len(sent), searchMost)], false)
		if p.Entries, err = c.src.Search.Known(ctx, p.Query, searchMost); err != nil {
			return nil, err
		}
		switch {
		case caseID.MatchString(p.Query):
			p.Links = append(p.Links, Hit{"/lines/" + p.Query, "search.case"})
		case reportID.MatchString(p.Query):
			p.Links = append(p.Links, Hit{"/reports/" + p.Query, "search.reports"})
		}
		return p, nil
	})
}

var _ = learn(words{
	"search":         {"Search", "検索"},
	"search.say":     {"One field for all: a number, a message id, a link or a host, a sender's name, a case (il-…), reports (rp-…). Messages of the last 30 days.", "電話番号、メッセージID、URL・ホスト名、送信元名、ケース番号（il-…）、通報番号（rp-…）をまとめて検索します。メッセージは直近30日分です。"},
	"search.what":    {"What", "検索語"},
	"search.do":      {"Search", "検索"},
	"search.long":    {"That is too long to be looked for.", "検索語が長すぎます。"},
	"search.nothing": {"Nothing is known of it.", "該当する記録はありません。"},
	"search.to":      {"Messages to it, or of that id", "その番号宛て、またはそのIDのメッセージ"},
	"search.from":    {"Stopped messages from it", "その送信元から止めたメッセージ"},
	"search.entries": {"Indicators", "指標"},
	"search.case":    {"Open the case", "ケースを開く"},
	"search.reports": {"Open the reports", "通報を開く"},
	"search.status":  {"Status", "状態"},
	"search.source":  {"Source", "出典"},
	"search.value":   {"Value", "値"},
	"kind.url":       {"URL", "URL"},
	"kind.host":      {"Host", "ホスト"},
	"kind.domain":    {"Domain", "ドメイン"},
	"kind.number":    {"Number", "電話番号"},
	"kind.range":     {"Number range", "番号帯"},
	"kind.sender":    {"Sender ID", "送信元名"},
	"kind.family":    {"Text family", "文面ファミリー"},
	"kind.hash":      {"File hash", "ファイルハッシュ"},
})
