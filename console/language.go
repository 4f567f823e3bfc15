package console

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Language is one that the page speaks.
type Language uint8

const (
	English Language = iota
	Japanese
	languages
)

func (l Language) String() string {
	if l == Japanese {
		return "ja"
	}
	return "en"
}

const languageCookie = "lang"

// languageOf is what the reader chose before, or what the browser asks for, or Japanese.
func languageOf(r *http.Request) Language {
	if ck, err := r.Cookie(languageCookie); err == nil {
		if l, ok := parseLanguage(ck.Value); ok {
			return l
		}
	}
	return accepted(r.Header.Get("Accept-Language"))
}

func parseLanguage(s string) (Language, bool) {
	s, _, _ = strings.Cut(strings.ToLower(strings.TrimSpace(s)), "-")
	switch s {
	case "ja":
		return Japanese, true
	case "en":
		return English, true
	}
	return 0, false
}

// accepted reads Accept-Language (RFC 9110 §12.5.4). Who asks for neither is more likely to read English.
func accepted(header string) Language {
	if header == "" {
		return Japanese
	}
	best, q := English, 0.0
	for _, part := range strings.Split(header, ",") {
		tag, params, _ := strings.Cut(part, ";")
		l, ok := parseLanguage(tag)
		if !ok {
			continue
		}
		weight := 1.0
		if v, ok := strings.CutPrefix(strings.TrimSpace(params), "q="); ok {
			weight, _ = strconv.ParseFloat(v, 64)
		}
		if weight > q {
			best, q = l, weight
		}
	}
	return best
}

// keepLanguage remembers the reader's choice for a year.
func (c *Console) keepLanguage(w http.ResponseWriter, l Language) {
	http.SetCookie(w, &http.Cookie{
		Name: languageCookie, Value: l.String(), Path: "/", MaxAge: int((365 * 24 * time.Hour).Seconds()),
		HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: strings.HasPrefix(c.cfg.Origin, "https:"),
	})
}

// say returns a phrase. A key that is missing is shown as it is; a test looks for such.
func (l Language) say(key string) string {
	if p, ok := phrases[key]; ok {
		return p[l]
	}
	return key
}

// words are phrases by their keys, English and Japanese. Each page keeps its own in its file.
type words map[string][2]string

// phrases are the words of all pages.
var phrases = words{}

// learn adds a page's words; no key has two meanings.
func learn(w words) bool {
	for k, p := range w {
		if _, twice := phrases[k]; twice {
			panic("console: two phrases are called " + k)
		}
		phrases[k] = p
	}
	return true
}

var _ = learn(words{
	"skip":          {"Skip to the contents", "本文へ移動"},
	"overview":      {"Overview", "概況"},
	"tagline":       {"checkpoint for texts and mail", "メッセージの関所"},
	"try":           {"Simulated traffic. Nobody is sent anything.", "模擬トラフィックです。実際には誰にも送信していません。"},
	"live":          {"live", "受信中"},
	"pause":         {"Pause", "一時停止"},
	"resume":        {"Resume", "再開"},
	"other":         {"日本語", "English"},
	"noscript":      {"Without JavaScript this page renews itself every ten seconds.", "JavaScript が無効のため、このページは10秒ごとに更新されます。"},
	"lost":          {"The connection is lost; trying again. What is shown may be old.", "接続が切れました。再接続しています。表示は最新でない可能性があります。"},
	"mode":          {"Mode", "動作モード"},
	"mode.observe":  {"Observing", "監視"},
	"mode.label":    {"Labelling", "警告のみ"},
	"mode.enforce":  {"Enforcing", "適用"},
	"mode.mixed":    {"Mixed", "経路別"},
	"say.observe":   {"Messages are judged and recorded. Nothing is stopped; the figures show what would be.", "判定と記録だけを行い、何も止めていません。数字は「止めるはずだった」件数です。"},
	"say.label":     {"Suspicious messages are delivered with a warning. Nothing is stopped.", "疑わしいメッセージには警告を付けて届けます。何も止めていません。"},
	"say.enforce":   {"Fraud is held or blocked as the policy says.", "ポリシーに従い、詐欺を保留または遮断しています。"},
	"say.mixed":     {"Accounts or routes have different modes.", "アカウントまたは経路ごとにモードが異なります。"},
	"say.bypassed":  {"Without effect while bypass is on; the figures show what would be stopped.", "バイパス中は効力がありません。数字は「止めるはずだった」件数です。"},
	"bypass":        {"Bypass is on: nothing is stopped.", "バイパス中：何も止めていません。"},
	"bypass.hand":   {"Switched on by hand. Take it back with: sekisho bypass off", "手動で有効化されています。解除するには sekisho bypass off を実行してください。"},
	"bypass.itself": {"Judging fell behind, so messages pass without delay. It ends by itself when judging has caught up.", "判定が遅れたため、待たせずに通しています。追いつくと自動で解除されます。"},
	"since":         {"(since %s)", "（%s から）"},
	"now":           {"Now", "いま"},
	"rate":          {"messages per second", "通／秒"},
	"last5":         {"last 5 minutes", "直近5分"},
	"deliver":       {"Delivered", "配信"},
	"label":         {"Labelled", "警告付き"},
	"hold":          {"Held", "保留"},
	"block":         {"Blocked", "遮断"},
	"deliver.would": {"Pass", "通過相当"},
	"label.would":   {"Would label", "警告相当"},
	"hold.would":    {"Would hold", "保留相当"},
	"block.would":   {"Would block", "遮断相当"},
	"unset":         {"No verdict", "判定なし"},
	"ham":           {"honest", "正常"},
	"spam":          {"spam", "迷惑メッセージ"},
	"phishing":      {"fraud", "詐欺"},
	"p2p":           {"P2P", "個人間"},
	"a2p":           {"A2P", "企業"},
	"intl":          {"Abroad", "海外"},
	"mail":          {"Mail", "メール"},
	"total":         {"Total", "合計"},
	"route":         {"Route", "経路"},
	"stopped":       {"Stopped and labelled", "止めた・警告したメッセージ"},
	"stopped.would": {"Would be stopped or labelled", "止める・警告するはずのメッセージ"},
	"stopped.none":  {"Nothing suspicious yet.", "疑わしいメッセージはまだありません。"},
	"all":           {"Everything that passes by", "すべてのメッセージ"},
	"all.none":      {"No message yet.", "メッセージはまだありません。"},
	"more":          {"more not shown", "通を省略"},
	"time":          {"Time", "時刻"},
	"from":          {"From", "送信元"},
	"to":            {"To", "宛先"},
	"verdict":       {"Verdict", "判定"},
	"account":       {"Account", "アカウント"},
	"reasons":       {"Reasons", "理由"},
	"text":          {"Text", "本文"},
	"noreason":      {"The wording as a whole.", "文面全体から判断しました。"},
	"unjudged":      {"not looked at", "検査対象外"},
	"probability":   {"probability", "確率"},
	"done":          {"In fact delivered: ", "実際は配信："},
	"done.label":    {"In fact labelled: ", "実際は警告付きで配信："},
	"because.mode":  {"the mode stops nothing", "このモードでは止めません"},
	"because.trial": {"a rule on trial", "試行中の規則です"},
	"because.pass":  {"bypass is on", "バイパス中です"},
	"chart":         {"Is more being stopped than usual?", "遮断・保留・警告の推移"},
	"chart.stopped": {"labelled, held, blocked", "警告・保留・遮断"},
	"chart.all":     {"delivered", "配信"},
	"chart.none":    {"No figures yet.", "まだ数字がありません。"},
	"chart.broken":  {"The figures cannot be read now. Messages are not affected.", "いまは集計を読み出せません。メッセージの処理には影響ありません。"},
	"per5s":         {"each bar 5 seconds", "棒1本＝5秒"},
	"per1m":         {"each bar 1 minute", "棒1本＝1分"},
	"ago":           {"min ago", "分前"},
	"min":           {"min", "分"},
	"span":          {"Period", "期間"},
	"figures":       {"Figures by route", "経路別の件数"},
	"columns":       {"Figures of every bar", "時間帯別の件数"},
	"system":        {"Doors and queues", "接続とキュー"},
	"bind":          {"Peer", "接続先"},
	"bind.in":       {"ESME", "ESME"},
	"bind.up":       {"SMSC", "SMSC"},
	"kind":          {"Kind", "種別"},
	"sessions":      {"Binds", "バインド"},
	"down":          {"down", "切断"},
	"queue":         {"Queue", "キュー"},
	"waiting":       {"Waiting", "待機"},
	"dropped":       {"Dropped", "破棄"},
	"judging":       {"Judging takes", "判定時間"},
	"masked":        {"Numbers are masked; texts are never shown of real traffic.", "番号は伏せて表示します。実際の通信の本文は表示しません。"},
	"foot":          {"open checkpoint against fraud on phone numbers, texts and mail", "SMS詐欺を防ぐオープンソースの関所"},
	"just":          {"in the last 20 seconds", "直近20秒"},
})
