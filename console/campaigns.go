package console

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/sekisho/sekisho/auth"
)

// Campaigns is what attacks: texts of one wording, whatever their links. Their text is not kept.
type Campaigns interface {
	// Campaigns lists those that grow fastest first, and says how many there are.
	Campaigns(ctx context.Context, limit int) (list []Campaign, all int, err error)
	Campaign(ctx context.Context, id string) (CampaignPage, error)
	// DecideCampaign puts a person's word in force for the next text: stop, pass or watch.
	DecideCampaign(ctx context.Context, id, to, who, why string) error
}

// Campaign is one in a list. Counts of distinct things are estimates.
type Campaign struct {
	ID                     string // 16 hexadecimal digits
	Texts                  uint64
	TenMinutes, Hour       uint64
	Senders, People, Links uint64
	First, Last            time.Time
	Judged, Fraud          uint64
	Routes                 []Part
	Decision               string // watch, stop or pass
	Stopped, Before        uint64 // texts that were stopped; that were delivered before the first was
	FirstStop              time.Time
	Minutes, Hours         []uint32 // texts by minute and by hour until now, the oldest first; empty: not known yet
	// Of texts that were stopped, or would have been:
	Countries []Part // calling codes of senders, "name", "short" or "other"
	Hosts     []Part
	Brands    []Part
}

// Part is how many of something.
type Part struct {
	Name string
	N    uint64
}

// CampaignPage is all of one.
type CampaignPage struct {
	Campaign
	Family                             string // signature of the wording
	Letters                            int
	Near                               bool
	Spread, SpreadSenders, SpreadLinks uint64 // texts with links from handsets and abroad
	Reports                            []string
}

// Delivered is how many texts were not stopped.
func (c *Campaign) Delivered() uint64 { return c.Texts - min(c.Stopped, c.Texts) }

var _ = learn(words{
	"campaigns":              {"Campaigns", "キャンペーン"},
	"campaigns.none":         {"Nothing attacks: no wording with a link or a number came three times within three days.", "攻撃は検出されていません（リンクや番号を含む同じ文面が、3日以内に3回以上届いていません）。"},
	"campaigns.say":          {"Campaigns that are followed: %s, growing now: %s. The fastest had %s texts within the hour.", "追跡中のキャンペーンは%s件、うち%s件が増加中です。最も速いものは直近1時間で%s通です。"},
	"campaigns.open":         {"Growing, mostly fraud, and decided by nobody: %s.", "増加中で大半が詐欺と判定され、未判断のものが%s件あります。"},
	"campaigns.what":         {"A campaign is texts of one wording, whatever their links, names and amounts. Texts are not kept; senders, people and links are estimates.", "キャンペーンは、リンク・名前・金額が違っても同じ文面のまとまりです。本文は保存していません。送信元・受信者・リンクの数は推定値です。"},
	"campaigns.head":         {"%s texts within the hour, %s in all; %s of those judged by themselves are fraud.", "直近1時間に%s通、累計%s通。単独判定のうち詐欺は%sです。"},
	"campaigns.head.got":     {"%s were stopped; %s got through before the first was.", "%s通を止めました。最初に止めるまでに%s通が届いています。"},
	"campaigns.head.not":     {"None was stopped.", "まだ1通も止めていません。"},
	"campaigns.cut":          {"The %s that grow fastest are shown.", "増加の速い%s件を表示しています。"},
	"campaigns.id":           {"Campaign", "キャンペーン"},
	"campaigns.texts":        {"Texts", "通数"},
	"campaigns.hour":         {"Last hour", "直近1時間"},
	"campaigns.ten":          {"10 min", "10分"},
	"campaigns.growth":       {"Growth, 60 min", "増加（60分）"},
	"campaigns.senders":      {"Senders", "送信元"},
	"campaigns.people":       {"People", "受信者"},
	"campaigns.links":        {"Links", "リンク"},
	"campaigns.fraud":        {"Judged fraud", "詐欺判定"},
	"campaigns.countries":    {"From", "発信国"},
	"campaigns.got":          {"Got it before the first was stopped", "最初の遮断までに届いた数"},
	"campaigns.got.n":        {"%s got it before", "遮断前に%s通が到達"},
	"campaigns.fraud.say":    {"by itself: texts that were judged with the help of the campaign are not counted", "単独での判定（キャンペーン情報を使った判定は数えません）"},
	"campaigns.not":          {"not stopped yet", "まだ止めていません"},
	"campaigns.delivered":    {"Delivered in all", "配信済みの合計"},
	"campaigns.stoppedall":   {"Stopped in all", "止めた合計"},
	"campaigns.firststop":    {"First stopped", "最初に止めた日時"},
	"campaigns.first":        {"First", "初回"},
	"campaigns.last":         {"Last", "最終"},
	"campaigns.decision":     {"Decision", "判断"},
	"campaigns.watch":        {"watching", "監視"},
	"campaigns.stop":         {"stopped", "停止"},
	"campaigns.pass":         {"passed", "通過"},
	"campaigns.facts":        {"What is kept in the place of the text", "本文の代わりに保存している情報"},
	"campaigns.family":       {"Signature", "文面の署名"},
	"campaigns.letters":      {"Letters of wording", "文面の長さ"},
	"campaigns.near":         {"Found", "照合"},
	"campaigns.near.yes":     {"with what is only like it", "似た文面も含む"},
	"campaigns.near.no":      {"where the wording is the same", "同一文面のみ"},
	"campaigns.spread":       {"From handsets and abroad, with links", "端末・海外発でリンクあり"},
	"campaigns.spread.say":   {"%s texts, %s senders, %s links", "%s通・送信元%s・リンク%s"},
	"campaigns.routes":       {"Routes", "経路"},
	"campaigns.of":           {"%s of %s", "%s／%s"},
	"campaigns.hosts":        {"Where it leads", "リンク先"},
	"campaigns.brands":       {"Whom it pretends to be", "騙られたブランド"},
	"campaigns.stoppedonly":  {"Of texts that were stopped, or would have been; of delivered ones nothing is kept.", "止めた（または止めるはずだった）メッセージのみの集計です。配信したものは記録していません。"},
	"campaigns.reports":      {"Reports of it", "関連する通報"},
	"campaigns.minutes":      {"Texts each minute", "1分ごとの通数"},
	"campaigns.hours":        {"Texts each hour", "1時間ごとの通数"},
	"campaigns.figures":      {"Figures", "数値"},
	"campaigns.unknown":      {"Not counted yet: look again in a minute.", "まだ集計していません。1分ほどしてから確認してください。"},
	"campaigns.decide":       {"Decide", "判断する"},
	"campaigns.decide.say":   {"It is in force with the next text and holds until the campaign has ended: nothing of it for three days.", "次のメッセージから適用され、キャンペーンの終了（3日間到着なし）まで有効です。"},
	"campaigns.do.stop":      {"Stop it", "止める"},
	"campaigns.do.pass":      {"Let it pass", "通す"},
	"campaigns.do.watch":     {"Watch it", "監視に戻す"},
	"campaigns.ask.stop":     {"Stop all texts of this wording? Honest ones of it are stopped, too.", "この文面のメッセージをすべて止めますか。正常なものも止まります。"},
	"campaigns.ask.pass":     {"Let texts of this wording pass, with the links and numbers that it had until now?", "この文面のメッセージを、これまでのリンクと番号に限り通しますか。"},
	"campaigns.ask.watch":    {"Take the decision back? Texts of it are judged as others are.", "判断を取り消し、通常の判定に戻しますか。"},
	"campaigns.which":        {"Say what to do: stop, pass or watch.", "「止める」「通す」「監視に戻す」のいずれかを選んでください。"},
	"campaigns.minago":       {"min ago", "分前"},
	"campaigns.hourago":      {"h ago", "時間前"},
	"campaigns.sender.name":  {"sender ID", "英字送信元"},
	"campaigns.sender.short": {"short code", "短縮番号"},
	"campaigns.sender.other": {"others", "その他"},
	"campaigns.ended":        {"It has ended, or is not followed.", "終了したか、追跡していないキャンペーンです。"},
})

const campaignsShown = 50

type campaignsPage struct {
	List          []Campaign
	All           int
	Growing, Open int
	Fastest       uint64
}

func (c *Console) campaignsPage() {
	if c.src.Campaigns == nil {
		return
	}
	src, readers := c.src.Campaigns, auth.Analyst|auth.Auditor
	c.places = append(c.places, place{"/campaigns", "campaigns", readers})
	c.get("/campaigns", "campaigns", readers, func(v *visit) (any, error) {
		p := &campaignsPage{}
		var err error
		if p.List, p.All, err = src.Campaigns(v.r.Context(), campaignsShown); err != nil {
			return nil, err
		}
		for i := range p.List {
			x := &p.List[i]
			p.Fastest = max(p.Fastest, x.Hour)
			if x.TenMinutes == 0 {
				continue
			}
			p.Growing++
			if x.Decision == "watch" && x.Fraud*2 > x.Judged && x.Judged > 0 {
				p.Open++
			}
		}
		return p, nil
	})
	c.get("/campaigns/{id}", "campaign", readers, func(v *visit) (any, error) {
		p, err := src.Campaign(v.r.Context(), v.r.PathValue("id"))
		if err == ErrNotFound {
			err = Sorry(http.StatusNotFound, "campaigns.ended")
		}
		return &p, err
	})
	c.post("/campaigns/{id}/decide", auth.Analyst, func(v *visit) (string, error) {
		to := v.Form("to")
		if to != "stop" && to != "pass" && to != "watch" {
			return "", Sorry(http.StatusUnprocessableEntity, "campaigns.which")
		}
		why, err := v.decisionWhy()
		if err != nil {
			return "", err
		}
		id := v.r.PathValue("id")
		err = src.DecideCampaign(v.r.Context(), id, to, v.Who.Name, why)
		return "/campaigns/" + id + "?done=decided", decisionFailed(err)
	})
}

// spark is a small chart of counts, the oldest first.
type spark struct {
	*visit
	Bars    []block
	Width   int
	Top     uint64
	Total   uint64
	Summary string
	Counts  []sparkCount // the newest first, those that are not 0
}

type sparkCount struct {
	Ago, N int
}

// Spark draws counts, some of them together in each bar.
func (v *visit) Spark(counts []uint32, together int) spark {
	s := spark{visit: v}
	together = max(1, together)
	var bars []uint64
	for i := 0; i < len(counts); i += together {
		sum := uint64(0)
		for _, n := range counts[i:min(i+together, len(counts))] {
			sum += uint64(n)
		}
		bars = append(bars, sum)
		s.Top, s.Total = max(s.Top, sum), s.Total+sum
	}
	for i := len(counts) - 1; i >= 0; i-- {
		if counts[i] > 0 {
			s.Counts = append(s.Counts, sparkCount{len(counts) - 1 - i, int(counts[i])})
		}
	}
	s.Width = max(1, len(bars))
	for i, n := range bars {
		if n == 0 {
			continue
		}
		h := 100 * float64(n) / float64(s.Top)
		s.Bars = append(s.Bars, block{Key: fmt.Sprintf("%.1f", float64(i)+0.1), Y: fmt.Sprintf("%.1f", 100-h), Height: fmt.Sprintf("%.1f", h)})
	}
	return s
}

// Sender names a country by its calling code, or what stands for none.
func (v *visit) Sender(code string) string {
	key := "campaigns.sender." + code
	if _, ok := phrases[key]; ok {
		return v.T(key)
	}
	if c, ok := callingCodes[code]; ok {
		return c[v.Lang] + " (+" + code + ")"
	}
	return "+" + code
}

// Host is a host as it may be shown.
func (v *visit) Host(s string) string { return safeLink(s, true) }

// Share writes one count as a share of another.
func (v *visit) Share(n, of uint64) string {
	if of == 0 {
		return "–"
	}
	return percent(float64(n) / float64(of))
}

// callingCodes are the countries that texts to Japan come from most; others are shown by their code alone.
var callingCodes = map[string][2]string{
	"1": {"North America", "北米"}, "7": {"Russia, Kazakhstan", "ロシア・カザフスタン"}, "20": {"Egypt", "エジプト"}, "27": {"South Africa", "南アフリカ"}, "31": {"Netherlands", "オランダ"},
	"33": {"France", "フランス"}, "34": {"Spain", "スペイン"}, "39": {"Italy", "イタリア"}, "44": {"United Kingdom", "英国"}, "45": {"Denmark", "デンマーク"}, "46": {"Sweden", "スウェーデン"},
	"47": {"Norway", "ノルウェー"}, "48": {"Poland", "ポーランド"}, "49": {"Germany", "ドイツ"}, "52": {"Mexico", "メキシコ"}, "55": {"Brazil", "ブラジル"}, "60": {"Malaysia", "マレーシア"},
	"61": {"Australia", "オーストラリア"}, "62": {"Indonesia", "インドネシア"}, "63": {"Philippines", "フィリピン"}, "64": {"New Zealand", "ニュージーランド"}, "65": {"Singapore", "シンガポール"},
	"66": {"Thailand", "タイ"}, "81": {"Japan", "日本"}, "82": {"South Korea", "韓国"}, "84": {"Vietnam", "ベトナム"}, "86": {"China", "中国"}, "90": {"Turkey", "トルコ"}, "91": {"India", "インド"},
	"92": {"Pakistan", "パキスタン"}, "93": {"Afghanistan", "アフガニスタン"}, "94": {"Sri Lanka", "スリランカ"}, "95": {"Myanmar", "ミャンマー"}, "98": {"Iran", "イラン"},
	"212": {"Morocco", "モロッコ"}, "234": {"Nigeria", "ナイジェリア"}, "254": {"Kenya", "ケニア"}, "351": {"Portugal", "ポルトガル"}, "371": {"Latvia", "ラトビア"}, "372": {"Estonia", "エストニア"},
	"380": {"Ukraine", "ウクライナ"}, "852": {"Hong Kong", "香港"}, "853": {"Macao", "マカオ"}, "855": {"Cambodia", "カンボジア"}, "856": {"Laos", "ラオス"}, "880": {"Bangladesh", "バングラデシュ"},
	"886": {"Taiwan", "台湾"}, "971": {"United Arab Emirates", "アラブ首長国連邦"}, "977": {"Nepal", "ネパール"},
}
