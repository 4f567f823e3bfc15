package disguise

import (
	"regexp"
	"strings"
)

// isJapanese reports whether the text has Kana: what is added should be in its language.
func (w *writer) isJapanese() bool {
	for _, p := range w.pieces {
		for _, r := range p.text {
			if r >= 0x3041 && r <= 0x30FA {
				return true
			}
		}
	}
	return false
}

func (w *writer) choices(ja, en []string) []string {
	if w.isJapanese() {
		return ja
	}
	return en
}

func (w *writer) append(s string) { w.pieces = append(w.pieces, piece{text: s}) }

func (w *writer) prepend(s string) { w.pieces = append([]piece{{text: s}}, w.pieces...) }

// last is the last piece with something in it.
func (w *writer) endsInLink() bool {
	for i := len(w.pieces) - 1; i >= 0; i-- {
		if w.pieces[i].text != "" {
			return w.pieces[i].kind != prose
		}
	}
	return false
}

func padding(w *writer) {
	w.append(" " + pick(w, w.choices(
		[]string{"今日はいい天気ですね。", "先日はありがとうございました。またお会いしましょう。", "来週の土曜日に駅前で待ち合わせでいいですか？", "母の誕生日にケーキを買って帰ります。", "明日の会議は十時からに変わりました。"},
		[]string{"See you at the station on Saturday.", "Thanks again for the lovely dinner last night.", "The meeting has moved to ten tomorrow.", "Mum says hello and the dog is fine.", "It has been raining here all week."})))
}

var sentenceEnd = regexp.MustCompile(`[。！？!?]+|\.( |$)`)

func emoji(w *writer) {
	signs := []string{"😊", "✨", "📦", "🎉", "👍", "🙏", "❤\ufe0f", "💳", "🔔", "👨\u200d👩\u200d👧", "😂😂", "‼\ufe0f", "1\ufe0f\u20e3", "🇯🇵"}
	some := false
	w.prose(func(s string) string {
		return sentenceEnd.ReplaceAllStringFunc(s, func(end string) string {
			if w.IntN(3) == 0 {
				return end
			}
			some = true
			return strings.TrimRight(end, " ") + pick(w, signs) + end[len(strings.TrimRight(end, " ")):]
		})
	})
	if !some {
		w.prepend(pick(w, signs) + " ")
	}
}

func decoration(w *writer) {
	sign := pick(w, []string{"★", "☆", "♪", "☆★☆", "■", "◆", "♡", "━━━", "※"})
	w.prepend(sign)
	if !w.endsInLink() {
		w.append(sign)
	}
}

// brackets puts brackets around the first words, up to what ends them, or sets a heading before the text.
func brackets(w *writer) {
	open, closing := "【", "】"
	if w.IntN(3) == 0 {
		open, closing = "≪", "≫"
	}
	for i, p := range w.pieces {
		if p.text == "" {
			continue
		}
		at := strings.IndexAny(p.text, "、。,.!！?？:：\n ")
		if p.kind == prose && at > 0 && at < 60 && !strings.ContainsAny(p.text[:at], "【】≪≫()") {
			w.pieces[i].text = open + p.text[:at] + closing + p.text[at:]
			return
		}
		break
	}
	w.prepend(open + pick(w, w.choices([]string{"お知らせ", "重要", "ご案内"}, []string{"News", "Important", "Info"})) + closing)
}

var japanesePunctuation = regexp.MustCompile(`[、。！？]`)

func spacedPunctuation(w *writer) {
	w.prose(func(s string) string { return japanesePunctuation.ReplaceAllString(s, "$0 ") })
}

func lineBreaks(w *writer) {
	breaks := pick(w, []string{"\n", "\r\n", "\n\n"})
	w.prose(func(s string) string {
		return sentenceEnd.ReplaceAllStringFunc(s, func(end string) string { return strings.TrimRight(end, " ") + breaks })
	})
}

func longMarks(w *writer) {
	n := 2 + w.IntN(3)
	again := func(sign string) []string { return []string{sign, strings.Repeat(sign, n)} }
	to := strings.NewReplacer(append(append(append(again("！"), again("ー")...), again("!")...), "です。", "です"+strings.Repeat("！", n), "ます。", "ます"+strings.Repeat("！", n))...)
	w.prose(to.Replace)
}

func kaomoji(w *writer) {
	face := pick(w, []string{"(^_^)", "(^^)v", "m(_ _)m", "(´・ω・`)", "(；´Д｀)", "＼(^o^)／", "(*´ω`*)", "(T_T)", "^^;", "Σ(ﾟДﾟ)"})
	if w.endsInLink() {
		w.prepend(face + " ")
	} else {
		w.append(face)
	}
}

// punctuation has its own sets by language, so that no full stop comes to stand before a letter.
func punctuation(w *writer) {
	to := pick(w, []*strings.Replacer{
		strings.NewReplacer("、", "，", "。", "．"), strings.NewReplacer("。", "！", "、", "､"), strings.NewReplacer("。", "｡", "、", "､"),
		strings.NewReplacer("。", "…", "、", "・・"),
	})
	latin := strings.NewReplacer("'", "’", " - ", " – ", "...", "…", "!", "！", "? ", "？ ")
	w.prose(func(s string) string { return latin.Replace(to.Replace(s)) })
}

func ideographicSpaces(w *writer) {
	w.prose(func(s string) string { return strings.ReplaceAll(s, " ", "\u3000") })
}

// particles between Kanji or Katakana and what is done: 荷物を届け. In English the articles.
var particles = regexp.MustCompile(`([\p{Han}ァ-ー])[をがは]([\p{Han}ご])`)
var articles = regexp.MustCompile(`(?i)\b(the|a|an) `)

func droppedParticles(w *writer) {
	w.prose(func(s string) string { return articles.ReplaceAllString(particles.ReplaceAllString(s, "$1$2"), "") })
}
