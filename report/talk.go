package report

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"

	"github.com/sekisho/sekisho/subject"
)

// TalkConfig says how conversations go. Zero values are the defaults named behind them.
type TalkConfig struct {
	Texts   *Texts                 // nil: those inside
	Home    int                    // country code; 81
	Wait    time.Duration          // for the sender's number; 30 minutes
	Same    time.Duration          // within which the same text from the same reporter is one report; 24 hours
	Most    int                    // reporters that are followed at once; 100,000
	PerHour int                    // texts of ours to one reporter; 12
	Burst   int                    // texts of one reporter within a minute, beyond which nothing is answered; 8
	Known   func(text string) bool // whether a text is known as fraud already; nil: none is. It must not wait
}

// Talks are the conversations with subscribers who forward texts to a short code. A conversation is: a text, our question who sent it, the answer,
// our thanks; and later, once, what became of it. Nothing here waits or sends: what is to be said is returned.
//
// It answers lines and nobody else. Who answers our answers, sends us our own words, or sends more than people do is left alone.
type Talks struct {
	c     TalkConfig
	texts *Texts
	mu    sync.Mutex
	all   map[subject.Address]*talk
	order []subject.Address // in the order of their beginning, for who has to go
	said  map[string]bool   // our own words
}

// talk is what is remembered of one reporter.
type talk struct {
	waiting *Report   // whose sender was asked for
	asked   time.Time // when
	early   string    // a sender that came before any text
	quiet   bool      // STOP
	last    time.Time
	english bool

	hour     time.Time // since when answers are counted
	answers  int
	minute   time.Time // since when texts are counted
	texts    int
	recent   [4]string // hashes of texts reported lately, to answer a repetition once
	recentAt [4]time.Time
}

// Reply is a text to a reporter.
type Reply struct {
	Text     string
	Language string // ja or en
}

// NewTalks begins with no conversation.
func NewTalks(c TalkConfig) *Talks {
	if c.Texts == nil {
		c.Texts, _ = ReadTexts("") // a test reads them
	}
	set := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	set(&c.Home, subject.Japan)
	set(&c.Most, 100_000)
	set(&c.PerHour, 12)
	set(&c.Burst, 8)
	if c.Wait <= 0 {
		c.Wait = 30 * time.Minute
	}
	if c.Same <= 0 {
		c.Same = 24 * time.Hour
	}
	t := &Talks{c: c, texts: c.Texts, all: map[subject.Address]*talk{}, said: map[string]bool{}}
	for _, s := range []Said{c.Texts.Ask, c.Texts.Thanks, c.Texts.Known, c.Texts.Fraud, c.Texts.Honest, c.Texts.Help, c.Texts.Stopped, c.Texts.Started, c.Texts.Understood, c.Texts.Forward} {
		t.said[plain(s.Ja)], t.said[plain(s.En)] = true, true
	}
	return t
}

// plain is a text without what SMSCs and phones change: spaces and case.
func plain(s string) string {
	return strings.Map(func(c rune) rune {
		if unicode.IsSpace(c) {
			return -1
		}
		return unicode.ToLower(c)
	}, width.Fold.String(s))
}

// Heard takes a text of a reporter, and gives what is to be answered and what is reported by it.
func (t *Talks) Heard(now time.Time, from subject.Address, text string) (replies []Reply, reports []Report) {
	if from.Line() == 0 { // a short code or a sender ID: a machine, which is never answered
		return nil, nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	text = strings.TrimSpace(plainText(boundedTo(text, MaxText)))
	k := t.talk(now, from)
	k.last = now
	if now.Sub(k.minute) > time.Minute {
		k.minute, k.texts = now, 0
	}
	if k.texts++; k.texts > t.c.Burst || t.said[plain(text)] || strings.Contains(plain(text), plain(t.texts.Ask.Ja)) || strings.Contains(plain(text), plain(t.texts.Thanks.Ja)) {
		return nil, nil // a machine that answers us, or our own words come back
	}
	say := func(s Said) {
		if r, ok := t.say(now, k, s); ok {
			replies = append(replies, r)
		}
	}
	reports = t.ended(now, from, k)
	switch w := word(text); {
	case text == "":
		say(t.texts.Understood)
	case w == wordStop:
		say(t.texts.Stopped)
		k.quiet = true
	case w == wordStart:
		k.quiet = false
		say(t.texts.Started)
	case w == wordHelp:
		k.english = !hasJapanese(text)
		say(t.texts.Help)
	case w == wordThanks:
	case k.waiting != nil && w == wordUnknown:
		reports = append(reports, t.close(k, ""))
		say(t.thanks(&reports[len(reports)-1]))
	case w == wordUnknown:
		say(t.texts.Help)
	default:
		more, answer := t.told(now, from, k, text)
		reports = append(reports, more...)
		if answer != nil {
			say(*answer)
		}
	}
	return replies, reports
}

// told takes what is neither a command nor nothing: a forwarded text, or who sent one.
func (t *Talks) told(now time.Time, from subject.Address, k *talk, text string) (reports []Report, answer *Said) {
	party := ""
	if utf8.RuneCountInString(text) <= 60 && !strings.Contains(text, "://") {
		party = readParty(stripWords(text), false)
	}
	if party != "" && k.waiting != nil {
		reports = append(reports, t.close(k, party))
		said := t.thanks(&reports[0])
		return reports, &said
	}
	if party != "" && onlyParty(text, party) {
		if call(text) {
			r := t.begin(now, from, text)
			r.Medium, r.Text = Call, ""
			r.Suspect = notHimself(party, from)
			if r.Suspect == "" {
				return nil, &t.texts.Understood
			}
			said := t.thanks(&r)
			return []Report{r}, &said
		}
		k.early = party
		return nil, &t.texts.Forward
	}
	body, sender := Unmark(text)
	if body == "" {
		body = text
	}
	if r := t.begin(now, from, body); k.waiting != nil && k.waiting.ID == r.ID { // the same once more, by a machine or a slip
		return nil, nil
	}
	if k.waiting != nil { // another text instead of the number
		reports = append(reports, t.close(k, ""))
	}
	k.english = !hasJapanese(text) && (t.c.Home != subject.Japan || len([]rune(text)) > 20)
	r := t.begin(now, from, body)
	if t.again(now, k, r.ID) {
		return reports, nil // the same once more: it is taken, and was answered
	}
	if sender == "" && k.early != "" {
		sender = k.early
	}
	k.early = ""
	if sender = notHimself(sender, from); sender != "" {
		r.Suspect = sender
		said := t.thanks(&r)
		return append(reports, r), &said
	}
	k.waiting, k.asked = &r, now
	return reports, &t.texts.Ask
}

// begin makes the report of a text. Its id is made of who, what and when, so that the same text sent again within the window is one report.
func (t *Talks) begin(now time.Time, from subject.Address, body string) Report {
	window := now.Unix() / int64(t.c.Same/time.Second)
	sum := sha256.Sum256([]byte(from.String() + "\x00" + plain(body) + "\x00" + time.Unix(window, 0).UTC().Format(time.RFC3339)))
	r := Report{ID: "sms-" + hex.EncodeToString(sum[:12]), Channel: ShortCode, Medium: SMS, Time: now.UTC(), Reporter: from.String()}
	if r.setText(body); hasJapanese(body) {
		r.Language = "ja"
	}
	return r
}

// close ends the wait for a sender.
func (t *Talks) close(k *talk, suspect string) Report {
	r := *k.waiting
	k.waiting = nil
	from, _ := subject.ParseAddress(r.Reporter, t.c.Home)
	r.Suspect = notHimself(suspect, from)
	return r
}

// notHimself keeps whoever reports from being reported by a slip of his own.
func notHimself(party string, from subject.Address) string {
	if party == from.String() {
		return ""
	}
	return party
}

// again notes a report, and says whether it was noted before.
func (t *Talks) again(now time.Time, k *talk, id string) bool {
	oldest := 0
	for i := range k.recent {
		if k.recent[i] == id && now.Sub(k.recentAt[i]) < t.c.Same {
			return true
		}
		if k.recentAt[i].Before(k.recentAt[oldest]) {
			oldest = i
		}
	}
	k.recent[oldest], k.recentAt[oldest] = id, now
	return false
}

func (t *Talks) thanks(r *Report) Said {
	if t.c.Known != nil && r.Text != "" && t.c.Known(r.Text) {
		return t.texts.Known
	}
	return t.texts.Thanks
}

// say makes an answer, if one may be given: not to who wants none, and no more than so many an hour.
func (t *Talks) say(now time.Time, k *talk, s Said) (Reply, bool) {
	if k.quiet {
		return Reply{}, false
	}
	if now.Sub(k.hour) > time.Hour {
		k.hour, k.answers = now, 0
	}
	if k.answers++; k.answers > t.c.PerHour {
		return Reply{}, false
	}
	if k.english {
		return Reply{s.En, "en"}, true
	}
	return Reply{s.Ja, "ja"}, true
}

// talk finds what is remembered of a reporter, or begins with him. Where there are too many, who was quiet longest goes, if he waits for nothing.
func (t *Talks) talk(now time.Time, from subject.Address) *talk {
	if k := t.all[from]; k != nil {
		return k
	}
	for tries := 0; len(t.all) >= t.c.Most && len(t.order) > 0 && tries < 64; tries++ {
		who := t.order[0]
		t.order = t.order[1:]
		k := t.all[who]
		if k == nil {
			continue
		}
		if (k.waiting != nil || k.quiet) && tries < 32 {
			t.order = append(t.order, who)
			continue
		}
		delete(t.all, who)
	}
	k := &talk{}
	t.all[from] = k
	t.order = append(t.order, from)
	return k
}

// ended gives the report that waited too long for its sender.
func (t *Talks) ended(now time.Time, from subject.Address, k *talk) []Report {
	if k.waiting == nil || now.Sub(k.asked) < t.c.Wait {
		return nil
	}
	return []Report{t.close(k, "")}
}

// Expire gives the reports whose reporters did not say who sent the text, and forgets who has been quiet for long. changed are those of whom
// something else is to be saved now, or nothing.
func (t *Talks) Expire(now time.Time) (reports []Report, changed []subject.Address) {
	t.mu.Lock()
	defer t.mu.Unlock()
	keep := t.order[:0]
	for _, who := range t.order {
		k := t.all[who]
		if k == nil {
			continue
		}
		if more := t.ended(now, who, k); more != nil {
			reports, changed = append(reports, more...), append(changed, who)
		}
		if k.waiting == nil && !k.quiet && now.Sub(k.last) > t.c.Same {
			delete(t.all, who)
			changed = append(changed, who)
			continue
		}
		keep = append(keep, who)
	}
	clear(t.order[len(keep):])
	t.order = keep
	return reports, changed
}

// Outcome is what a reporter is told of a report that was decided; false where he is told nothing. The caller tells nobody twice.
func (t *Talks) Outcome(now time.Time, r Report, st State) (Reply, bool) {
	from, err := subject.ParseAddress(r.Reporter, t.c.Home)
	if err != nil || from.Line() == 0 || r.Channel != ShortCode {
		return Reply{}, false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	k := t.all[from]
	if k == nil {
		k = &talk{english: r.Language != "ja" && !hasJapanese(r.Text)}
	}
	switch st {
	case IsFraud:
		return t.say(now, k, t.texts.Fraud)
	case IsFair:
		return t.say(now, k, t.texts.Honest)
	}
	return Reply{}, false
}

// Commands of a reporter.
const (
	wordNone = iota
	wordStop
	wordStart
	wordHelp
	wordUnknown
	wordThanks
)

var words = map[string]int{
	"stop": wordStop, "unsubscribe": wordStop, "quit": wordStop, "停止": wordStop, "配信停止": wordStop, "解除": wordStop, "ストップ": wordStop,
	"start": wordStart, "再開": wordStart, "配信再開": wordStart, "開始": wordStart,
	"help": wordHelp, "info": wordHelp, "ヘルプ": wordHelp, "使い方": wordHelp, "?": wordHelp,
	"unknown": wordUnknown, "dontknow": wordUnknown, "idontknow": wordUnknown, "noidea": wordUnknown, "withheld": wordUnknown, "none": wordUnknown, "no": wordUnknown,
	"不明": wordUnknown, "わからない": wordUnknown, "わかりません": wordUnknown, "分かりません": wordUnknown, "分からない": wordUnknown, "知らない": wordUnknown, "非通知": wordUnknown, "なし": wordUnknown,
	"thanks": wordThanks, "thankyou": wordThanks, "ok": wordThanks, "ありがとう": wordThanks, "ありがとうございます": wordThanks, "ありがとうございました": wordThanks, "了解": wordThanks, "了解です": wordThanks, "はい": wordThanks,
}

// word reads a text that is nothing but a command.
func word(text string) int {
	if len(text) > 60 {
		return wordNone
	}
	s := strings.Trim(plain(text), "。.!「」\"'")
	return words[strings.ReplaceAll(s, "'", "")]
}

// hasJapanese reports whether a text has kana, or kanji.
func hasJapanese(s string) bool {
	return strings.ContainsFunc(s, func(c rune) bool {
		return unicode.In(c, unicode.Hiragana, unicode.Katakana, unicode.Han)
	})
}

var partyWords = []string{"the number is", "number is", "it came from", "it was from", "came from", "from", "sender", "number", "call from", "called by", "番号は", "電話番号は", "送信元は", "送信者は", "差出人は", "電話番号", "番号", "送信元", "着信", "電話", "です", "でした", "から", ":", "："}

// stripWords takes off what people write around a sender.
func stripWords(s string) string {
	s = strings.TrimSpace(width.Fold.String(s))
	for again := true; again; {
		again = false
		for _, w := range partyWords {
			w = width.Fold.String(w)
			if len(s) > len(w) && strings.EqualFold(s[:len(w)], w) {
				s, again = strings.TrimSpace(s[len(w):]), true
			}
			if rest, ok := strings.CutSuffix(s, w); ok && rest != "" && hasJapanese(w) {
				s, again = strings.TrimSpace(rest), true
			}
		}
	}
	return strings.TrimRight(s, "。. ")
}

// onlyParty reports whether a text says nothing but who: a number with at most a few letters around it.
func onlyParty(text, party string) bool {
	letters := 0
	for _, c := range stripWords(text) {
		if unicode.IsLetter(c) {
			letters++
		}
	}
	return letters <= utf8.RuneCountInString(party) && len([]rune(text)) <= 40
}

// call reports whether a text says that somebody called.
func call(text string) bool {
	s := fold(text)
	return strings.Contains(s, "着信") || strings.Contains(s, "電話が") || strings.Contains(s, "から電話") || strings.Contains(s, "call")
}
