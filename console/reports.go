package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/sekisho/sekisho/audit"
	"github.com/sekisho/sekisho/auth"
	"github.com/sekisho/sekisho/indicator"
	"github.com/sekisho/sekisho/report"
	"github.com/sekisho/sekisho/subject"
)

// Reports is what subscribers say. No method but ReadReport gives a text.
type Reports interface {
	ReportCounts(ctx context.Context) (ReportCounts, error)
	// WaitingReports are those that nobody has decided, the heaviest of the newest first.
	WaitingReports(ctx context.Context, limit int) ([]ReportBunch, error)
	// Reports lists those of a state (empty: any), the latest first, behind the one of a name (empty: from the front).
	Reports(ctx context.Context, state report.State, behind string, limit int) ([]ReportBunch, error)
	Report(ctx context.Context, name string) (ReportPage, error)
	// ReadReport writes down who reads, and why, and then gives what was reported; ErrErased where its time is over.
	ReadReport(ctx context.Context, name, who, why string) (ReportText, error)
	// DecideReport puts a person's word in force: fraud, honest or refused. ErrMeanwhile where somebody was faster.
	DecideReport(ctx context.Context, name, to, who, why string) error
}

// Said by sources.
var (
	ErrErased    = errors.New("it is erased")
	ErrMeanwhile = errors.New("it was decided meanwhile")
)

// ReportCounts say how much there is.
type ReportCounts struct {
	States map[report.State]int
	Today  int  // reports within 24 hours
	More   bool // and more, which were not counted
}

// ReportBunch is the reports of one text, whatever its links and names.
type ReportBunch struct {
	report.Bunch // without text and subject
	Name         string
	Channels     []string // the roads that its newest reports came by
	Erased       bool     // what it names is erased
}

// ReportPage is all of one bunch.
type ReportPage struct {
	ReportBunch
	Teaches []Lesson          // what it would teach
	Taught  []indicator.Entry // what it has taught
}

// Lesson is an indicator that a decision would put in force.
type Lesson struct {
	indicator.Entry
	Spared bool // an official or popular site: honest texts that lead there would be stopped, too
}

// ReportText is what was reported.
type ReportText struct {
	Text, Subject string
	Reports       []OneReport
}

// OneReport is one report of many. The page masks whom it names.
type OneReport struct {
	Time                  time.Time
	Channel, Claim        string
	Reporter, Suspect, To string
}

var _ = learn(words{
	"reports":               {"Reports", "通報"},
	"reports.waits":         {"%s texts wait for a decision.", "%s件の文面が判断待ちです。"},
	"reports.waits.one":     {"1 text waits for a decision.", "1件の文面が判断待ちです。"},
	"reports.waits.none":    {"No text waits for a decision.", "判断待ちの文面はありません。"},
	"reports.fresh":         {"%s of them are new since yesterday.", "うち%s件は24時間以内に初めて通報されたものです。"},
	"reports.today":         {"%s reports came within 24 hours.", "直近24時間の通報は%s件です。"},
	"reports.heavy":         {"To be decided: the heaviest of the newest", "判断待ち（新しいもののうち重い順）"},
	"reports.list":          {"All, the latest first", "すべて（新しい順）"},
	"reports.lately":        {"Decided lately", "最近の判断"},
	"reports.all":           {"All", "すべて"},
	"reports.state.new":     {"To be decided", "判断待ち"},
	"reports.state.fraud":   {"Fraud", "詐欺"},
	"reports.state.honest":  {"Honest", "正常"},
	"reports.state.refused": {"Refused", "対象外"},
	"reports.empty":         {"Nobody has reported anything of this kind. Reports come by 7726, mail, the form, the API and from files: sekisho reports import.", "該当する通報はありません。通報は 7726・メール・フォーム・API・ファイル（sekisho reports import）で届きます。"},
	"reports.one":           {"Reported text", "通報された文面"},
	"reports.span":          {"First – last", "初回～最終"},
	"reports.people":        {"Reporters (weight)", "通報者（重み）"},
	"reports.n":             {"%s people, %s reports", "%s人・%s件"},
	"reports.weight":        {"weight %s", "重み %s"},
	"reports.weight.say":    {"Weight of independent voices: who has been right before counts more, accounts that report together count as one.", "重みは独立した声の合計です。過去に正しかった通報者ほど重く、そろって通報するアカウントは1人分として数えます。"},
	"reports.herd":          {"%s voices report as one", "%s人がそろって通報"},
	"reports.herd.say":      {"%s of the voices behind this always report the same texts. They may be one hand: look twice before you agree.", "通報者のうち%s人は毎回同じ文面を通報しています。同一人物の可能性があるため、慎重に判断してください。"},
	"reports.honest":        {"%s say it is honest", "正常との通報 %s件"},
	"reports.channels":      {"Came by", "経路"},
	"reports.names":         {"Names", "通報内容に含まれるもの"},
	"reports.filter":        {"Filter: bad", "フィルター判定"},
	"reports.filter.say":    {"how probably fraud or spam, by the filter", "詐欺・迷惑である確率（フィルター）"},
	"reports.campaign":      {"Campaign", "キャンペーン"},
	"reports.lure":          {"Lure", "手口"},
	"reports.links":         {"Links", "リンク"},
	"reports.numbers":       {"Numbers to call", "電話番号"},
	"reports.senders":       {"Senders", "送信元"},
	"reports.files":         {"Files", "ファイル"},
	"reports.more":          {"and %d more", "ほか%d件"},
	"reports.newtoday":      {"new", "新着"},
	"reports.erased":        {"What it named is erased: its time is over.", "保存期間を過ぎたため、内容は消去されています。"},
	"reports.decided":       {"Decided", "判断"},
	"reports.policy":        {"thresholds", "しきい値による自動判断"},
	"reports.decide":        {"Decide", "判断する"},
	"reports.is.fraud":      {"It is fraud", "詐欺と判断"},
	"reports.is.honest":     {"It is honest", "正常と判断"},
	"reports.is.refused":    {"Refuse", "対象外とする"},
	"reports.ask.fraud":     {"Is it fraud? What it would teach is in force with the next message, and partners are told.", "詐欺と判断しますか。表示中の指標が次のメッセージから適用され、共有先にも通知されます。"},
	"reports.ask.honest":    {"Is it honest? What it taught is withdrawn, and who called it fraud was wrong.", "正常と判断しますか。この通報から得た指標は取り下げられ、詐欺とした通報者は誤りとして記録されます。"},
	"reports.ask.refused":   {"Refuse it? What it taught is withdrawn; no reporter was right or wrong.", "対象外としますか。この通報から得た指標は取り下げられます。通報者の評価には影響しません。"},
	"reports.decide.say":    {"Fraud puts what it teaches in force. Honest withdraws it, and counts against who called it fraud. Refused says nothing to us: it teaches nothing.", "「詐欺」は上に示した指標を適用します。「正常」は指標を取り下げ、詐欺とした通報者の評価を下げます。「対象外」は何も学習しません。"},
	"reports.teaches":       {"What it would teach", "詐欺と判断した場合に適用される指標"},
	"reports.teaches.none":  {"It names nothing that could be put in force.", "適用できる指標は含まれていません。"},
	"reports.taught":        {"What it has taught", "この通報から得た指標"},
	"reports.spared":        {"official or popular site: honest texts would be stopped, too", "公式または有名サイトのため、正常なメッセージも止まるおそれがあります"},
	"reports.value":         {"Value", "値"},
	"reports.read":          {"Read what was reported", "通報された本文を読む"},
	"reports.read.say":      {"For the purpose quality alone. That you read it, and why, is written down before it is shown. Numbers are masked.", "利用目的は「品質改善」に限ります。表示前に閲覧者と理由が監査台帳に記録されます。番号は伏せて表示します。"},
	"reports.read.do":       {"Write down and show", "記録して表示"},
	"reports.text":          {"The text of the first report", "最初の通報の本文"},
	"reports.subject":       {"Subject", "件名"},
	"reports.newest":        {"The newest reports", "最新の通報"},
	"reports.reporter":      {"Reporter", "通報者"},
	"reports.claim":         {"Says", "申告"},
	"reports.claim.fraud":   {"fraud", "詐欺"},
	"reports.claim.spam":    {"spam", "迷惑"},
	"reports.claim.honest":  {"honest", "正常"},
	"reports.gone":          {"What was reported is erased: its time is over.", "通報の内容は保存期間を過ぎたため消去されています。"},
	"reports.meanwhile":     {"Somebody has decided it meanwhile, or it is that already. Open it again.", "すでに判断済みです。ページを開き直してください。"},
	"reports.which":         {"Say what it is: fraud, honest or refused.", "「詐欺」「正常」「対象外」のいずれかを選んでください。"},
	"reports.next":          {"Older", "以前の通報"},
	"reports.ch.7726":       {"7726", "7726"},
	"reports.ch.mail":       {"mail", "メール"},
	"reports.ch.arf":        {"feedback loop", "フィードバックループ"},
	"reports.ch.form":       {"form", "フォーム"},
	"reports.ch.api":        {"API", "API"},
	"reports.ch.xarf":       {"XARF", "XARF"},
	"reports.ch.file":       {"file", "ファイル"},
	"reports.ch.stix":       {"sighting", "目撃情報"},
	"reports.ch.misp":       {"MISP", "MISP"},
	"done.decided":          {"Decided, and in force.", "判断を適用しました。"},
	"why.number":            {"A reason may name no telephone number: what stands in the ledger cannot be erased.", "理由に電話番号は書けません（監査台帳の記録は消去できないため）。"},
	"why.right":             {"reporters who were right before", "過去に正しかった通報者による通報"},
	"why.agree":             {"reporters and the filter agree", "通報者とフィルターの判定が一致"},
	"why.asks":              {"a person has to agree: ", "要確認："},
	"why.long":              {"A reason has at most 500 octets.", "理由は500オクテット以内で入力してください。"},
})

// Lists are bounded: who wants more turns the page.
const (
	waitingShown = 20
	reportsShown = 30
	latelyShown  = 10
)

type reportsPage struct {
	Counts  ReportCounts
	Front   bool
	Waiting []ReportBunch // on the front page alone
	Fresh   int           // of them: first reported within 24 hours
	List    []ReportBunch
	State   report.State
	Next    string
	Tabs    []report.State
}

func (c *Console) reportsPage() {
	if c.src.Reports == nil {
		return
	}
	readers := auth.Analyst | auth.Auditor
	c.places = append(c.places, place{"/reports", "reports", readers})
	c.get("/reports", "reports", readers, func(v *visit) (any, error) {
		p := &reportsPage{Tabs: []report.State{report.New, report.IsFraud, report.IsFair, report.Refused}}
		p.Front = v.Form("state") == ""
		if st, ok := report.ParseState(v.Form("state")); ok {
			p.State = st
		}
		var err error
		if p.Counts, err = c.src.Reports.ReportCounts(v.r.Context()); err != nil {
			return nil, err
		}
		if p.Front {
			return p, v.reportsFront(p)
		}
		if p.List, err = c.src.Reports.Reports(v.r.Context(), p.State, v.Form("behind"), reportsShown+1); err != nil {
			return nil, err
		}
		if len(p.List) > reportsShown {
			p.List = p.List[:reportsShown]
			p.Next = p.List[reportsShown-1].Name
		}
		return p, nil
	})
	c.get("/reports/{name}", "report", readers, func(v *visit) (any, error) { return v.reportOf() })
	c.post("/reports/{name}/decide", auth.Analyst, func(v *visit) (string, error) {
		to, ok := report.ParseState(v.Form("to"))
		if !ok || to == report.New {
			return "", Sorry(http.StatusUnprocessableEntity, "reports.which")
		}
		why, err := v.decisionWhy()
		if err != nil {
			return "", err
		}
		err = c.src.Reports.DecideReport(v.r.Context(), v.r.PathValue("name"), string(to), v.Who.Name, why)
		return "/reports/" + v.r.PathValue("name") + "?done=decided", decisionFailed(err)
	})
	// What was reported is shown on the page that answers alone: nobody sees it by an address, or without having said why.
	c.answer("/reports/{name}/read", "report", auth.Analyst, func(v *visit) (any, error) { return v.reportRead() })
}

// reportsFront is what waits, and what was decided lately.
func (v *visit) reportsFront(p *reportsPage) (err error) {
	ctx, src := v.r.Context(), v.c.src.Reports
	if p.Waiting, err = src.WaitingReports(ctx, waitingShown); err != nil {
		return err
	}
	for i := range p.Waiting {
		if v.IsNew(p.Waiting[i].First) {
			p.Fresh++
		}
	}
	for _, st := range p.Tabs[1:] {
		some, err := src.Reports(ctx, st, "", latelyShown)
		if err != nil {
			return err
		}
		p.List = append(p.List, some...)
	}
	slices.SortStableFunc(p.List, func(a, b ReportBunch) int { return b.Last.Compare(a.Last) })
	p.List = p.List[:min(latelyShown, len(p.List))]
	return nil
}

// bunchTable is a table of bunches; the front page has two.
type bunchTable struct {
	*visit
	Label string
	List  []ReportBunch
}

// Bunches makes a table.
func (v *visit) Bunches(label string, list []ReportBunch) bunchTable {
	return bunchTable{v, v.T(label), list}
}

// reportView is what the page of one bunch shows.
type reportView struct {
	ReportPage
	Said *ReportText // where somebody reads it just now
}

func (v *visit) reportOf() (*reportView, error) {
	p, err := v.c.src.Reports.Report(v.r.Context(), v.r.PathValue("name"))
	v.Title = p.Name + " · " + v.T("reports")
	return &reportView{ReportPage: p}, err
}

func (v *visit) reportRead() (*reportView, error) {
	why, err := v.decisionWhy()
	if err != nil {
		return nil, err
	}
	p, err := v.reportOf()
	if err != nil {
		return nil, err
	}
	said, err := v.c.src.Reports.ReadReport(v.r.Context(), v.r.PathValue("name"), v.Who.Name, why)
	p.Said = &said
	return p, decisionFailed(err)
}

// decisionWhy is the reason that a form gives. It goes into the ledger, where it can never be erased.
func (v *visit) decisionWhy() (string, error) {
	why := strings.Map(func(r rune) rune { // what the ledger does not take, as pasted text has it
		if unicode.In(r, unicode.Cf, unicode.Co) || r == unicode.ReplacementChar {
			return -1
		}
		return r
	}, v.Form("why"))
	why = strings.Join(strings.FieldsFunc(why, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }), " ")
	switch {
	case why == "":
		return "", Sorry(http.StatusUnprocessableEntity, "sorry.why")
	case len(why) > 500:
		return "", Sorry(http.StatusUnprocessableEntity, "why.long")
	}
	return why, nil
}

// decisionFailed makes sentences of what the person can put right.
func decisionFailed(err error) error {
	switch {
	case errors.Is(err, audit.ErrNumber):
		return Sorry(http.StatusUnprocessableEntity, "why.number")
	case errors.Is(err, ErrMeanwhile):
		return Sorry(http.StatusConflict, "reports.meanwhile")
	case errors.Is(err, ErrErased):
		return Sorry(http.StatusGone, "reports.gone")
	}
	return err
}

// Because is the reason of a decision; those that thresholds give have words.
func (v *visit) Because(by, why string) string {
	if by != "policy" {
		return why
	}
	rest, asks := strings.CutPrefix(why, "a person has to agree: ")
	for said, key := range map[string]string{"reporters who were right before": "why.right", "reporters and the filter agree": "why.agree"} {
		if rest == said {
			rest = v.T(key)
		}
	}
	if asks {
		return v.T("why.asks") + rest
	}
	return rest
}

// IsNew reports whether something is of the last 24 hours.
func (v *visit) IsNew(t time.Time) bool { return v.at.Sub(t) < 24*time.Hour }

// CampaignID is how a campaign is named.
func (v *visit) CampaignID(id uint64) string { return fmt.Sprintf("%016x", id) }

// Named is something that reports or campaigns name, as it may be shown.
type Named struct {
	Key, Value string
	N          uint32
}

// Names are what a bunch names, defanged and masked, at most so many of each kind.
func (b ReportBunch) Names(most int) (all []Named) {
	for _, list := range []struct {
		key  string
		of   []report.Counted
		show func(report.Counted) string
	}{
		{"reports.links", b.Links, func(c report.Counted) string { return safeLink(c.Value, c.N > 1) }},
		{"reports.numbers", b.Numbers, func(c report.Counted) string { return maskedParty(c.Value) }},
		{"reports.senders", b.Senders, func(c report.Counted) string { return maskedParty(c.Value) }},
		{"reports.files", b.Files, func(c report.Counted) string { return c.Value[:min(16, len(c.Value))] }},
	} {
		for i, c := range list.of {
			if i == most {
				all = append(all, Named{Key: "reports.more", N: uint32(len(list.of) - most)})
				break
			}
			all = append(all, Named{list.key, list.show(c), c.N})
		}
	}
	return all
}

// Shown is its value, defanged and masked.
func (l Lesson) Shown() string { return shownValue(&l.Entry) }

// shownValue is a value as pages show it: nobody follows it by mistake, and a number is masked.
func shownValue(e *indicator.Entry) string {
	switch e.Kind {
	case indicator.URL, indicator.Host, indicator.Domain:
		return safeLink(e.Value, e.Kind != indicator.URL || e.Recipients > 1)
	case indicator.Number, indicator.Range, indicator.Sender:
		return maskedParty(e.Value)
	}
	return e.Value
}

// safeLink writes a link so that no program makes it one to follow. Its path may have a token of the only one who got it: then it is left out.
func safeLink(link string, whole bool) string {
	link = strings.TrimPrefix(strings.TrimPrefix(link, "https://"), "http://")
	host, path, found := strings.Cut(link, "/")
	if !whole && found && path != "" {
		path = "…"
	}
	if r := []rune(path); len(r) > 60 {
		path = string(r[:60]) + "…"
	}
	host = strings.ReplaceAll(host, ".", "[.]")
	if found && path != "" {
		return host + "/" + path
	}
	return host
}

// maskedParty masks a number or a mail address; names of senders stay.
func maskedParty(s string) string {
	if at := strings.LastIndexByte(s, '@'); at > 0 {
		first := []rune(s[:at])[0]
		return string(first) + "***" + s[at:]
	}
	if a, err := subject.ParseAddress(s, subject.Japan); err == nil && a.Kind() == subject.KindLine {
		return a.Mask()
	}
	return maskedText(s)
}

// maskedText masks the middle of all numbers of seven digits or more, as people write them.
func maskedText(s string) string {
	r := []rune(s)
	var digits []int // places of the digits of the number that we are in
	end := func() {
		if len(digits) >= 7 {
			for _, i := range digits[3 : len(digits)-3] {
				r[i] = '*'
			}
		}
		digits = digits[:0]
	}
	for i, c := range r {
		switch {
		case unicode.IsDigit(c):
			digits = append(digits, i)
		case c == ' ' || c == '(' || c == ')' || c == '.' || c == 'ー' || c == '−' || c == '（' || c == '）' || unicode.In(c, unicode.Pd, unicode.Zs):
		default:
			end()
		}
	}
	end()
	return string(r)
}

// Party masks whom a report names.
func (v *visit) Party(s string) string {
	if s == "" {
		return "–"
	}
	return maskedParty(s)
}

// Words is a reported text: numbers are masked, and links are none to follow.
func (v *visit) Words(s string) string {
	return strings.NewReplacer("http://", "hxxp://", "https://", "hxxps://").Replace(maskedText(s))
}

// Float is a weight with one digit.
func (v *visit) Float(f float64) string { return fmt.Sprintf("%.1f", f) }

// Value is an indicator's value as it may be shown.
func (v *visit) Value(e indicator.Entry) string { return shownValue(&e) }

// N writes a count of any kind.
func (v *visit) N(n any) string {
	switch n := n.(type) {
	case uint32:
		return number(uint64(n))
	case int64:
		return number(uint64(max(n, 0)))
	}
	return v.Number(n)
}

// Plus stands behind a count that was not counted to its end.
func (p *reportsPage) Plus() string {
	if p.Counts.More {
		return "+"
	}
	return ""
}

// Of is how many there are of a state.
func (p *reportsPage) Of(st report.State) int { return p.Counts.States[st] }
