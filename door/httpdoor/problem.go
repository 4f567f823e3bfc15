package httpdoor

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/sekisho/sekisho/inspect"
)

// kind is a sort of problem: what programs know it by, and what people read, by inspect.Language. In detail
// {key} is the fault's key, {n} its number.
type kind struct {
	name   string
	status int
	title  [2]string
	detail [2]string
}

// fault is what is wrong with a request. Its zero value is nothing. It is a value, so that telling a
// good line from a bad one costs nothing; it holds no text, number or other content.
type fault struct {
	kind *kind
	key  string // of the message, or a media type
	n    int    // an octet, counted from 1, or a limit
}

// typePrefix makes URIs of kinds (RFC 9457 §3.1.1). They name, and lead nowhere.
const typePrefix = "urn:sekisho:problem:"

// problem is RFC 9457's object. Line is the line of a stream, from 1, that it stands in the place of.
type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
	Line   int    `json:"line,omitempty"`
}

// appendTo appends the fault as a problem, in a language; line is 0 outside of streams.
func (f fault) appendTo(dst []byte, lang inspect.Language, line int) []byte {
	k := f.kind
	detail := strings.NewReplacer("{key}", f.key, "{n}", itoa(f.n)).Replace(k.detail[lang])
	if line > 0 {
		place := "Line " + itoa(line) + ": "
		if lang == inspect.Japanese {
			place = itoa(line) + "行目: "
		}
		detail = place + detail
	}
	b, err := json.Marshal(problem{typePrefix + k.name, k.title[lang], k.status, detail, line})
	if err != nil { // strings and integers always are JSON
		return append(dst, "{}"...)
	}
	return append(dst, b...)
}

// refuse answers with a problem.
func (d *Door) refuse(x *exchange, f fault) {
	h := x.w.Header()
	h["Content-Type"] = typeProblem
	h["Content-Language"] = languageNames[x.lang]
	h["Vary"] = varyLanguage
	h["Cache-Control"] = noStore
	if f.kind.status == http.StatusTooManyRequests || f.kind.status == http.StatusServiceUnavailable {
		h["Retry-After"] = []string{itoa(x.retryAfter(f.kind))}
	}
	d.letGo(x)
	d.metrics.problem(f.kind)
	d.answer(x, f.kind.status, f.appendTo(nil, x.lang, 0))
}

// lingering is how long what is still being sent to us is read past, so that the answer is not lost with it.
const lingering = 2 * time.Second

// letGo sees to a body that has not been read. net/http reads past a short one before it answers, so that the
// connection can be used again; one that may go on for ever is read past for a while behind the answer, and
// the connection closed.
func (d *Door) letGo(x *exchange) {
	if n := x.r.ContentLength; n < 0 || n > maxBody {
		x.closes()
	}
	_ = x.rc.SetReadDeadline(time.Now().Add(lingering))
}

// closes has the connection closed after the answer. HTTP/2 has streams for that.
func (x *exchange) closes() {
	if x.r.ProtoMajor == 1 {
		x.w.Header()["Connection"] = closeAfter
	}
}

// retryAfter is in how many seconds it is worth to ask again.
func (x *exchange) retryAfter(k *kind) int {
	if k == overRate {
		if c := x.account.client(x.cfg); c.Rate < 1 {
			return int(min(1/c.Rate, 3600)) + 1
		}
		return 1
	}
	return 5
}

// Problems of a request.
var (
	unauthorized = &kind{"unauthorized", 401, [2]string{"API key needed", "APIキーが必要です"}, [2]string{
		"Send an API key as \"Authorization: Bearer sk_...\": it is missing, unknown or expired.",
		"「Authorization: Bearer sk_...」の形でAPIキーを指定してください。キーがないか、登録されていないか、有効期限が切れています。"}}
	forbidden = &kind{"forbidden", 403, [2]string{"API key may not do this", "このAPIキーでは許可されていません"}, [2]string{
		"This API key may not have messages judged: it lacks the scope \"judge\".",
		"このAPIキーには判定の権限（judge）がありません。"}}
	overRate = &kind{"rate", 429, [2]string{"Too many messages", "リクエストが多すぎます"}, [2]string{
		"More messages were asked about than this client may: wait as long as Retry-After says, or use a stream, which waits by itself.",
		"許可された件数を超えています。Retry-Afterの秒数だけ待つか、自動で待機するストリームを使ってください。"}}
	clientStreams = &kind{"client-streams", 429, [2]string{"Too many streams", "ストリームが多すぎます"}, [2]string{
		"This client has as many streams open as it may: let one end first.",
		"このクライアントが同時に開けるストリームの上限に達しています。いずれかを終了してから開いてください。"}}
	allStreams = &kind{"streams", 503, [2]string{"Too many streams", "ストリームが多すぎます"}, [2]string{
		"As many streams are open as there may be: try again later, or ask message by message.",
		"同時に開けるストリームの上限に達しています。しばらく待つか、1件ずつ判定してください。"}}
	stopping = &kind{"stopping", 503, [2]string{"Shutting down", "停止処理中です"}, [2]string{
		"The checkpoint is shutting down: send this message, and what follows it, again in a moment.",
		"判定サーバーは停止処理中です。このメッセージ以降を、しばらくしてから送り直してください。"}}
	notFound = &kind{"not-found", 404, [2]string{"Not found", "見つかりません"}, [2]string{
		"There is nothing under this address: /v1/openapi.json says what there is.",
		"このアドレスには何もありません。提供しているものは /v1/openapi.json をご覧ください。"}}
	wrongMethod = &kind{"method", 405, [2]string{"Method not allowed", "許可されていないメソッドです"}, [2]string{
		"This address is not asked in this way: the Allow header says how.",
		"このアドレスでは使えないメソッドです。使えるものはAllowヘッダーをご覧ください。"}}
	wrongType = &kind{"media-type", 415, [2]string{"Content type not supported", "対応していないContent-Typeです"}, [2]string{
		"Send one message as application/json, or one a line as application/x-ndjson, both in UTF-8.",
		"1件ならapplication/json、1行1件ならapplication/x-ndjsonとして、UTF-8で送ってください。"}}
	wrongCoding = &kind{"content-coding", 415, [2]string{"Content coding not supported", "対応していないContent-Encodingです"}, [2]string{
		"Send the body as it is: compressed ones are not read.",
		"本文は圧縮せずに送ってください。"}}
	notAcceptable = &kind{"not-acceptable", 406, [2]string{"Not acceptable", "Acceptに合う形式がありません"}, [2]string{
		"The answer is {key}, which the Accept header rules out.",
		"応答は{key}ですが、Acceptヘッダーで許可されていません。"}}
	slowBody = &kind{"timeout", 408, [2]string{"Too slow", "時間切れです"}, [2]string{
		"The message did not come whole in time.",
		"時間内にメッセージ全体が届きませんでした。"}}
	longBody = &kind{"too-long", 413, [2]string{"Too long", "大きすぎます"}, [2]string{
		"A message may have at most {n} octets as JSON.",
		"1件のメッセージはJSONで{n}バイト以内にしてください。"}}
	brokenBody = &kind{"broken-body", 400, [2]string{"Body broken off", "本文が途切れています"}, [2]string{
		"The body ended before it was whole.",
		"リクエストの本文が途中で終わっています。"}}
	noDuplex = &kind{"no-streams", 500, [2]string{"Streams do not work here", "ストリームを使えません"}, [2]string{
		"This server is set up so that streams do not work: tell its operator, and ask message by message.",
		"サーバーの設定により、ストリームを使えません。運用者に連絡し、1件ずつ判定してください。"}}
)

// Problems of a message.
var (
	malformed = [2]string{"Not a message", "メッセージとして読めません"}

	empty = &kind{"empty", 400, malformed, [2]string{
		"There is nothing here where a message should be.",
		"メッセージがありません。"}}
	notObject = &kind{"not-object", 400, malformed, [2]string{
		"A message is a JSON object, such as {\"text\":\"...\"}.",
		"メッセージは {\"text\":\"...\"} のようなJSONオブジェクトにしてください。"}}
	cutOff = &kind{"cut-off", 400, malformed, [2]string{
		"The JSON ends before it is whole.",
		"JSONが途中で終わっています。"}}
	syntax = &kind{"syntax", 400, malformed, [2]string{
		"This is not JSON from octet {n} on.",
		"{n}バイト目からJSONとして正しくありません。"}}
	trailing = &kind{"trailing", 400, malformed, [2]string{
		"Something stands behind the message, at octet {n}; several messages go as application/x-ndjson, one a line.",
		"メッセージの後ろ（{n}バイト目）に余分なものがあります。複数件は1行1件のapplication/x-ndjsonで送ってください。"}}
	unknownKey = &kind{"unknown-key", 400, malformed, [2]string{
		"There is no key \"{key}\": a message has text, from, to, route, time, id.",
		"「{key}」というキーはありません。使えるキーはtext、from、to、route、time、idです。"}}
	strangeKey = &kind{"unknown-key", 400, malformed, [2]string{
		"The key that ends before octet {n} is none of text, from, to, route, time, id.",
		"{n}バイト目の手前のキーは、text、from、to、route、time、idのいずれでもありません。"}}
	twice = &kind{"key-twice", 400, malformed, [2]string{
		"The key \"{key}\" stands there twice.",
		"「{key}」が2回書かれています。"}}
	missing = &kind{"missing-key", 400, malformed, [2]string{
		"The key \"{key}\" is missing.",
		"「{key}」がありません。"}}
	notString = &kind{"wrong-type", 400, malformed, [2]string{
		"\"{key}\" is a string.",
		"「{key}」は文字列にしてください。"}}
	toStrings = &kind{"wrong-type", 400, malformed, [2]string{
		"\"{key}\" is a string, or a list of strings.",
		"「{key}」は文字列か、文字列の配列にしてください。"}}
	nobody = &kind{"no-recipient", 400, malformed, [2]string{
		"\"to\" names nobody: leave it out, or name at least one.",
		"「to」が空です。1件以上指定するか、省略してください。"}}
	tooMany = &kind{"too-many-recipients", 400, malformed, [2]string{
		"\"to\" names more than {n} recipients.",
		"「to」の宛先は{n}件以内にしてください。"}}
	badAddress = &kind{"bad-address", 400, malformed, [2]string{
		"\"{key}\" holds what is no number, short code or sender ID of at most 20 characters.",
		"「{key}」が、電話番号・短縮番号・20文字以内の送信元名のいずれでもありません。"}}
	badRoute = &kind{"bad-route", 400, malformed, [2]string{
		"\"route\" is one of p2p, a2p, intl, mail.",
		"「route」はp2p、a2p、intl、mailのいずれかにしてください。"}}
	badTime = &kind{"bad-time", 400, malformed, [2]string{
		"\"time\" is a time of RFC 3339, such as 2026-04-01T09:00:00+09:00.",
		"「time」は2026-04-01T09:00:00+09:00のようなRFC 3339の日時にしてください。"}}
	longID = &kind{"long-id", 400, malformed, [2]string{
		"\"id\" has more than {n} octets.",
		"「id」は{n}バイト以内にしてください。"}}
)

// Problems that end a stream between messages.
var (
	slowLine = &kind{"timeout", 408, [2]string{"Too slow", "時間切れです"}, [2]string{
		"This line did not come in time; an empty line now and then keeps a stream open.",
		"時間内にこの行が届きませんでした。空行をときどき送ると、ストリームを開いたままにできます。"}}
	streamOver = &kind{"stream-over", 503, [2]string{"Stream over", "ストリームの時間が終わりました"}, [2]string{
		"A stream may not last longer: go on from this line in a new one.",
		"ストリームの時間の上限に達しました。新しいストリームで、この行から続けてください。"}}
)
