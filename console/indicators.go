package console

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/sekisho/sekisho/audit"
	"github.com/sekisho/sekisho/auth"
	"github.com/sekisho/sekisho/indicator"
)

// Indicators is what is held of others, and what others hold of us.
type Indicators interface {
	// IndicatorTallies count the register; the answer may be a little old.
	IndicatorTallies(ctx context.Context) ([]IndicatorTally, error)
	Indicators(ctx context.Context, f IndicatorFilter, limit int) ([]IndicatorRow, error)
	// FindIndicators looks for a link, host, number, sender... as somebody wrote it.
	FindIndicators(ctx context.Context, value string) (IndicatorsFound, error)
	Indicator(ctx context.Context, id string) (IndicatorPage, error)
	// AddIndicator puts one in force by a person's word. ErrSpared where it is an official or popular site, and that is not said to be meant.
	AddIndicator(ctx context.Context, w WantedIndicator, who, why string) error
	// MoveIndicator agrees (active) or withdraws. ErrSpared as above.
	MoveIndicator(ctx context.Context, id string, to indicator.Status, meant bool, who, why string) error
	FeedStates(ctx context.Context) []FeedState
	FetchFeed(ctx context.Context, name, who string) error
	Partners(ctx context.Context) (Partners, error)
}

// ErrSpared is said of an official or popular site.
var ErrSpared = errors.New("an official or popular site")

// IndicatorTally is how many entries of a kind, a source and a status there are, and how often they were right and wrong.
type IndicatorTally struct {
	Kind, Source, Status string
	N, Right, Wrong      int64
}

// IndicatorFilter says which entries are wanted, behind one of an id.
type IndicatorFilter struct {
	Status string
	Kind   indicator.Kind
	After  string
}

// IndicatorRow is an entry in a list.
type IndicatorRow struct {
	indicator.Entry
	Spared bool
}

// WantedIndicator is what somebody wants in force, read.
type WantedIndicator struct {
	Kind       indicator.Kind
	Value      string
	Role       indicator.Role
	TLP        indicator.TLP
	Confidence uint8
	Meant      bool
}

// IndicatorsFound are entries that say what was looked for, and what lists and feeds say of it.
type IndicatorsFound struct {
	Rows   []IndicatorRow
	Listed []indicator.Hit
}

// IndicatorPage is all of one entry.
type IndicatorPage struct {
	IndicatorRow
	Until   time.Time
	Reports string        // the name of the reports that it came of
	History []audit.Entry // of the ledger, the newest first
	Read    int           // entries of the ledger that were looked through
	All     bool          // these were all
}

// FeedState is how a feed stands.
type FeedState struct {
	Name, Licence, Failed string
	Taken, Tried          time.Time
	Entries               int
}

// Partners are those who are given indicators.
type Partners struct {
	All    []Partner
	Since  time.Time // what went to them is counted since; zero: since the ledger began
	Ground bool      // the policy names a ground for sharing: without one nothing leaves
	Public bool      // lists of TLP clear and green are for everybody
}

// Partner is one of them.
type Partner struct {
	Name, TLP      string
	Kinds          []string // empty: all
	PerDay         int      // 0: no limit
	Gives, Webhook bool
	Today, Month   int64 // indicators that went to him today, and within 30 days
	Last           time.Time
}

var _ = learn(words{
	"indicators":           {"Indicators", "指標とフィード"},
	"ind.say":              {"Indicators in force: %s. Right here: %s times; wrong: %s times.", "適用中の指標は%s件。これまでの判定は正しかったもの%s回、誤り%s回です。"},
	"ind.waits":            {"Waiting for a person: %s.", "%s件が確認待ちです。"},
	"ind.waits.none":       {"None waits for a person.", "確認待ちの指標はありません。"},
	"ind.feeds.say":        {"Feeds: %s, refused at the last try: %s.", "フィードは%s件、うち%s件は直近の取得に失敗しています。"},
	"ind.partners.say":     {"Partners: %s; indicators that went to them within 30 days: %s.", "共有先は%s者、直近30日の提供は%s件です。"},
	"ind.waiting":          {"Waiting for a person", "確認待ち"},
	"ind.waiting.say":      {"By reports alone no machine puts these in force: a popular or official site, a sender, a number to call.", "有名・公式サイト、送信元、電話番号は、通報だけでは自動適用されません。人による確認が必要です。"},
	"ind.find":             {"Look for a link, host, number or sender", "リンク・ホスト・番号・送信元を検索"},
	"ind.find.do":          {"Look", "検索"},
	"ind.found":            {"What is held of it", "検索結果"},
	"ind.found.none":       {"Neither the register nor a list has it.", "指標にもリストにも登録されていません。"},
	"ind.listed.bad":       {"known bad by the list %s", "リスト「%s」で危険とされています"},
	"ind.listed.good":      {"known good by a list", "安全リストに登録されています"},
	"ind.listed.contested": {"known bad by the list %s, and known good by another", "リスト「%s」では危険、別のリストでは安全とされています"},
	"ind.kinds":            {"By kind", "種別ごと"},
	"ind.sources":          {"By source: how often was it right?", "情報源ごとの正誤"},
	"ind.source":           {"Source", "情報源"},
	"ind.value":            {"Value", "値"},
	"ind.role":             {"Role", "役割"},
	"ind.confidence":       {"Confidence", "確信度"},
	"ind.worth":            {"Worth now", "現在の価値"},
	"ind.until":            {"In force until, if not seen again", "再検出がない場合の期限"},
	"ind.right":            {"Right", "正"},
	"ind.wrong":            {"Wrong", "誤"},
	"ind.share":            {"Right of all", "正答率"},
	"ind.first":            {"First seen", "初回"},
	"ind.last":             {"Last seen", "最終"},
	"ind.changed":          {"Changed", "更新"},
	"ind.by":               {"By", "判断者"},
	"ind.recipients":       {"People who got it", "受信者数"},
	"ind.from.reports":     {"Came of reports", "元の通報"},
	"ind.history":          {"What was done with it", "履歴"},
	"ind.history.none":     {"Nothing in the ledger names it by itself: it came with others, of reports or a partner.", "監査台帳に単独の記録はありません（通報または共有元からまとめて登録）。"},
	"ind.history.cut":      {"Of the newest %s entries of the ledger.", "監査台帳の最新%s件から検索しています。"},
	"ind.act":              {"Act", "操作"},
	"ind.list":             {"The register", "指標一覧"},
	"ind.list.none":        {"The register has none of these.", "該当する指標はありません。"},
	"ind.all":              {"All", "すべて"},
	"ind.next":             {"More", "次へ"},
	"ind.agree":            {"Agree", "承認"},
	"ind.refuse":           {"Refuse", "却下"},
	"ind.withdraw":         {"Withdraw", "取り下げ"},
	"ind.again":            {"Put in force again", "再び適用"},
	"ind.ask.agree":        {"Put it in force? Texts with it are stopped from the next one on, and partners are told.", "適用しますか。次のメッセージから該当するものを止め、共有先にも通知します。"},
	"ind.ask.withdraw":     {"Withdraw it? It counts as wrong, and whoever was given it is told.", "取り下げますか。誤りとして記録され、提供先にも通知されます。"},
	"ind.meant":            {"It is an official or popular site, and it is meant: every honest text that leads there is stopped, too.", "公式または有名サイトですが、意図した登録です（正常なメッセージも止まります）。"},
	"ind.spared":           {"official or popular site", "公式・有名サイト"},
	"ind.sorry.spared":     {"It is an official or popular site: every honest text that leads there would be stopped, too. Tick that it is meant, or leave it.", "公式または有名サイトのため、正常なメッセージも止まります。意図した登録であればチェックを付けてやり直してください。"},
	"ind.add":              {"Put one in force by hand", "手動で追加"},
	"ind.add.do":           {"Put in force", "適用"},
	"ind.sorry.kind":       {"Choose what kind of indicator it is.", "種別を選んでください。"},
	"ind.sorry.value":      {"The value cannot be read as that kind. A number begins with + and its country code; a host has no path.", "値を種別どおりに読み取れません。電話番号は + と国番号で始め、ホストにはパスを付けないでください。"},
	"ind.sorry.more":       {"Role, TLP or confidence cannot be read. Confidence is from 0 to 100.", "役割・TLP・確信度を確認してください。確信度は0～100です。"},
	"ind.sorry.move":       {"Agree or withdraw?", "承認か取り下げかを選んでください。"},
	"ind.sorry.find":       {"Say what to look for: at most 500 octets.", "検索語を入力してください（500オクテット以内）。"},
	"ind.kind.none":        {"any", "不明"},
	"ind.kind.url":         {"link", "リンク"},
	"ind.kind.host":        {"host", "ホスト"},
	"ind.kind.domain":      {"domain", "ドメイン"},
	"ind.kind.number":      {"number", "電話番号"},
	"ind.kind.range":       {"number range", "番号帯"},
	"ind.kind.sender":      {"sender", "送信元"},
	"ind.kind.family":      {"wording", "文面"},
	"ind.kind.hash":        {"file", "ファイル"},
	"ind.status.proposed":  {"waits", "確認待ち"},
	"ind.status.active":    {"in force", "適用中"},
	"ind.status.withdrawn": {"withdrawn", "取り下げ"},
	"ind.status.expired":   {"expired", "期限切れ"},
	"ind.role.":            {"–", "–"},
	"ind.role.callback":    {"to call", "かけさせる番号"},
	"ind.role.fraud":       {"of swindlers", "詐欺犯の番号"},
	"ind.role.business":    {"a business", "企業"},
	"ind.role.victim":      {"a victim", "被害者"},
	"ind.source.reports":   {"reports", "通報"},
	"ind.source.people":    {"people here", "手動登録"},
	"ind.source.campaigns": {"campaigns", "キャンペーン"},
	"feeds":                {"Feeds: what we hold of others", "フィード（外部から受け取るもの）"},
	"feeds.none":           {"No feed is configured: add [[feeds]] to the configuration.", "フィードは設定されていません。設定ファイルの [[feeds]] に追加してください。"},
	"feeds.entries":        {"Entries", "件数"},
	"feeds.age":            {"Age", "経過"},
	"feeds.licence":        {"Licence", "ライセンス"},
	"feeds.last":           {"Last try", "直近の取得"},
	"feeds.ok":             {"as it should", "正常"},
	"feeds.yet":            {"not yet", "未取得"},
	"feeds.refused":        {"refused", "失敗"},
	"feeds.fetch":          {"Fetch now", "今すぐ取得"},
	"done.fetching":        {"It is being fetched. Look again in a moment.", "取得を開始しました。しばらくしてから確認してください。"},
	"partners":             {"Partners: who holds what of us", "共有先（外部へ渡すもの）"},
	"partners.none":        {"Nobody is given indicators: add [[share.partner]] to the configuration.", "共有先は設定されていません。設定ファイルの [[share.partner]] に追加してください。"},
	"partners.noground":    {"The policy names no ground for sharing: nothing leaves.", "ポリシーに共有の根拠がないため、外部には何も提供されません。"},
	"partners.public":      {"Lists of TLP clear and green are public: who fetches them is not counted here.", "TLP clear・green のリストは公開中です（取得者はここには計上されません）。"},
	"partners.ceiling":     {"Up to TLP", "TLP上限"},
	"partners.kinds":       {"Kinds", "種別"},
	"partners.day":         {"A day at most", "1日の上限"},
	"partners.gives":       {"gives us some, too", "相互提供"},
	"partners.hook":        {"webhook", "Webhook"},
	"partners.today":       {"Today", "本日"},
	"partners.month":       {"30 days", "30日間"},
	"partners.last":        {"Last", "最終提供"},
	"partners.since":       {"Counted from the ledger since %s.", "監査台帳の%s以降の記録を集計しています。"},
	"partners.nolimit":     {"no limit", "なし"},
})

const indicatorsShown = 50

// shareLine is a row of the counts.
type shareLine struct {
	Key                      string
	Proposed, Active, Closed int64
	Right, Wrong             int64
}

// Share is how much of what it said was right.
func (l shareLine) Share() string {
	if l.Right+l.Wrong == 0 {
		return "–"
	}
	return percent(float64(l.Right) / float64(l.Right+l.Wrong))
}

type indicatorsPage struct {
	Front          bool
	Sum            shareLine
	Kinds, Sources []shareLine
	Waiting        []IndicatorRow
	Feeds          []FeedState
	FeedsBad       int
	Partners       Partners
	Went           int64
	Found          *IndicatorsFound
	List           []IndicatorRow
	Status         string
	Kind           indicator.Kind
	Next           string
}

// AllKinds are what an entry may name.
func (*indicatorsPage) AllKinds() (all []indicator.Kind) {
	for k := indicator.URL; k <= indicator.Hash; k++ {
		all = append(all, k)
	}
	return all
}

// AllStatuses are what an entry may be.
func (*indicatorsPage) AllStatuses() []indicator.Status {
	return []indicator.Status{indicator.Proposed, indicator.Active, indicator.Withdrawn, indicator.Expired}
}

// Roles are what a number may be.
func (*indicatorsPage) Roles() []indicator.Role {
	return []indicator.Role{indicator.RoleNone, indicator.RoleCallback, indicator.RoleFraud, indicator.RoleBusiness, indicator.RoleVictim}
}

// TLPs say how far it may travel.
func (*indicatorsPage) TLPs() []indicator.TLP {
	return []indicator.TLP{indicator.TLPGreen, indicator.TLPClear, indicator.TLPAmber, indicator.TLPAmberStrict, indicator.TLPRed}
}

// tally sums up the register by kind and by source.
func (p *indicatorsPage) tally(all []IndicatorTally) {
	kinds, sources := map[string]*shareLine{}, map[string]*shareLine{}
	for _, t := range all {
		for _, l := range []*shareLine{line(kinds, t.Kind), line(sources, t.Source), &p.Sum} {
			switch t.Status {
			case indicator.Proposed.String():
				l.Proposed += t.N
			case indicator.Active.String():
				l.Active += t.N
			default:
				l.Closed += t.N
			}
			l.Right, l.Wrong = l.Right+t.Right, l.Wrong+t.Wrong
		}
	}
	flat := func(m map[string]*shareLine) (all []shareLine) {
		for _, l := range m {
			all = append(all, *l)
		}
		slices.SortFunc(all, func(a, b shareLine) int { return cmp.Or(cmp.Compare(b.Active, a.Active), cmp.Compare(a.Key, b.Key)) })
		return all
	}
	p.Kinds, p.Sources = flat(kinds), flat(sources)
}

func line(m map[string]*shareLine, key string) *shareLine {
	if m[key] == nil {
		m[key] = &shareLine{Key: key}
	}
	return m[key]
}

// SourceWord is a source's name; those of ours have words.
func (v *visit) SourceWord(s string) string {
	key := "ind.source." + s
	if _, ok := phrases[key]; ok {
		return v.T(key)
	}
	return s
}

// Worth is what an entry is worth now.
func (v *visit) Worth(e indicator.Entry) string {
	return strconv.Itoa(int(indicator.Worth(e.Kind, e.Confidence, e.Last, v.at)+0.5)) + "%"
}

func (c *Console) indicatorsPage() {
	if c.src.Indicators == nil {
		return
	}
	src, readers := c.src.Indicators, auth.Analyst|auth.Auditor
	c.places = append(c.places, place{"/indicators", "indicators", readers})
	c.get("/indicators", "indicators", readers, func(v *visit) (any, error) {
		p := &indicatorsPage{Status: v.Form("status")}
		p.Kind, _ = indicator.ParseKind(v.Form("kind"))
		if p.Status == "" && p.Kind == indicator.KindNone {
			return v.indicatorsFront()
		}
		f := IndicatorFilter{Kind: p.Kind, After: v.Form("after")}
		if _, err := indicator.ParseStatus(p.Status); err == nil && p.Kind == indicator.KindNone {
			f.Status = p.Status
		}
		var err error
		if p.List, err = src.Indicators(v.r.Context(), f, indicatorsShown+1); err != nil {
			return nil, err
		}
		if len(p.List) > indicatorsShown {
			p.List = p.List[:indicatorsShown]
			p.Next = p.List[indicatorsShown-1].ID
		}
		return p, nil
	})
	// A number may be what is looked for, so that it stands in no address: the answer is the page itself.
	c.answer("/indicators/search", "indicators", readers, func(v *visit) (any, error) {
		value := v.r.PostFormValue("value")
		if value == "" || len(value) > 500 {
			return nil, Sorry(http.StatusUnprocessableEntity, "ind.sorry.find")
		}
		p, err := v.indicatorsFront()
		if err != nil {
			return nil, err
		}
		found, err := src.FindIndicators(v.r.Context(), value)
		p.Found = &found
		return p, err
	})
	c.get("/indicators/{id}", "indicator", readers, func(v *visit) (any, error) {
		return src.Indicator(v.r.Context(), v.r.PathValue("id"))
	})
	c.post("/indicators/add", auth.Analyst, func(v *visit) (string, error) {
		w, err := v.wantedIndicator()
		if err != nil {
			return "", err
		}
		why, err := v.decisionWhy()
		if err != nil {
			return "", err
		}
		return "/indicators?status=all&done=kept", indicatorFailed(src.AddIndicator(v.r.Context(), w, v.Who.Name, why))
	})
	c.post("/indicators/{id}/move", auth.Analyst, func(v *visit) (string, error) {
		to, err := indicator.ParseStatus(v.Form("to"))
		if err != nil || to != indicator.Active && to != indicator.Withdrawn {
			return "", Sorry(http.StatusUnprocessableEntity, "ind.sorry.move")
		}
		why, err := v.decisionWhy()
		if err != nil {
			return "", err
		}
		back := "/indicators?done=decided"
		if v.Form("back") != "" {
			back = "/indicators/" + v.r.PathValue("id") + "?done=decided"
		}
		return back, indicatorFailed(src.MoveIndicator(v.r.Context(), v.r.PathValue("id"), to, v.Form("meant") != "", v.Who.Name, why))
	})
	c.post("/indicators/feeds/{name}/fetch", auth.Analyst, func(v *visit) (string, error) {
		return "/indicators?done=fetching#feeds", src.FetchFeed(v.r.Context(), v.r.PathValue("name"), v.Who.Name)
	})
}

func indicatorFailed(err error) error {
	if errors.Is(err, ErrSpared) {
		return Sorry(http.StatusUnprocessableEntity, "ind.sorry.spared")
	}
	return decisionFailed(err)
}

// wantedIndicator reads a form.
func (v *visit) wantedIndicator() (w WantedIndicator, err error) {
	if w.Kind, err = indicator.ParseKind(v.Form("kind")); err != nil {
		return w, Sorry(http.StatusUnprocessableEntity, "ind.sorry.kind")
	}
	if w.Value, err = indicator.Normal(w.Kind, v.Form("value")); err != nil {
		return w, Sorry(http.StatusUnprocessableEntity, "ind.sorry.value")
	}
	if s := v.Form("role"); s != "" {
		w.Role, err = indicator.ParseRole(s)
	}
	var err2 error
	w.TLP, err2 = indicator.ParseTLP(v.Form("tlp"))
	confidence, err3 := strconv.ParseUint(v.Form("confidence"), 10, 8)
	if errors.Join(err, err2, err3) != nil || confidence > 100 {
		return w, Sorry(http.StatusUnprocessableEntity, "ind.sorry.more")
	}
	w.Confidence, w.Meant = uint8(confidence), v.Form("meant") != ""
	return w, nil
}

// indicatorsFront is the front page.
func (v *visit) indicatorsFront() (*indicatorsPage, error) {
	ctx, src := v.r.Context(), v.c.src.Indicators
	p := &indicatorsPage{Front: true}
	all, err := src.IndicatorTallies(ctx)
	if err != nil {
		return nil, err
	}
	p.tally(all)
	if p.Waiting, err = src.Indicators(ctx, IndicatorFilter{Status: indicator.Proposed.String()}, waitingShown); err != nil {
		return nil, err
	}
	p.Feeds = src.FeedStates(ctx)
	for _, f := range p.Feeds {
		if f.Failed != "" {
			p.FeedsBad++
		}
	}
	if p.Partners, err = src.Partners(ctx); err != nil {
		return nil, err
	}
	for _, x := range p.Partners.All {
		p.Went += x.Month
	}
	return p, nil
}

// entriesTable is a table of entries.
type entriesTable struct {
	*visit
	List []IndicatorRow
}

// Entries makes a table.
func (v *visit) Entries(list []IndicatorRow) entriesTable { return entriesTable{v, list} }

// countsTable is a table of counts, by kind or by source.
type countsTable struct {
	*visit
	Head, Label string
	ByKind      bool
	Lines       []shareLine
}

// CountsOf makes a table.
func (v *visit) CountsOf(head string, lines []shareLine) countsTable {
	label := "ind.sources"
	if head == "kind" {
		label = "ind.kinds"
	}
	return countsTable{v, v.T(head), v.T(label), head == "kind", lines}
}

// Micro is a time of the ledger.
func (v *visit) Micro(at int64) time.Time { return time.UnixMicro(at) }
