// Package disguise writes a text as evaders do, and as honest people decorate, by a seed. What reads texts
// is tested with it, and models learn from it: a fraud that is only written otherwise is the same fraud,
// and an honest text in full width is still honest.
package disguise

import (
	"math/rand/v2"
	"slices"
	"strings"
)

// Way is one way to write a text otherwise.
type Way struct {
	Name   string
	Honest bool // honest writers do this every day too
	Links  bool // it is about links and leaves everything else as it is; the others leave links as they are
	Same   bool // the wording stays the same to a reader, and links lead to the same host
	Why    string

	write func(w *writer)
}

// Ways gives all ways, in a fixed order. The slice is the caller's.
func Ways() []Way { return slices.Clone(ways) }

// Write writes text in the way named, as the seed says: the same three give the same text. It reports
// false where the way changes nothing of this text, or is not known; the text comes back as it was then.
// What comes back is at most some ten times as long as the text, and never leaves out more than a few letters.
func Write(way, text string, seed uint64) (string, bool) {
	i := slices.IndexFunc(ways, func(w Way) bool { return w.Name == way })
	if i < 0 {
		return text, false
	}
	w := writer{Rand: rand.New(rand.NewPCG(seed, uint64(i)+1)), pieces: split(text)}
	ways[i].write(&w)
	var b strings.Builder
	for _, p := range w.pieces {
		b.WriteString(p.text)
	}
	out := b.String()
	return out, out != text
}

// writer writes one text anew, piece by piece.
type writer struct {
	*rand.Rand
	pieces []piece
}

// ways is a table and never changed. New ways come last: the place is a part of the seed.
var ways = []Way{
	// Letters written otherwise.
	{Name: "full-width", Honest: true, Same: true, Why: "letters and digits in full width, as Japanese keyboards write them", write: fullWidth},
	{Name: "half-width-kana", Honest: true, Same: true, Why: "Katakana in half width, as old systems of banks and couriers write it", write: halfWidthKana},
	{Name: "upper-case", Honest: true, Same: true, Why: "all in capitals", write: upperCase},
	{Name: "bold", Same: true, Why: "mathematical bold letters pass filters that know the plain ones", write: styled("bold")},
	{Name: "script", Same: true, Why: "mathematical script letters", write: styled("script")},
	{Name: "fraktur", Same: true, Why: "mathematical Fraktur letters", write: styled("fraktur")},
	{Name: "double-struck", Same: true, Why: "mathematical double-struck letters", write: styled("double-struck")},
	{Name: "sans-bold", Same: true, Why: "mathematical sans-serif letters, hardly told from plain ones", write: styled("sans-bold")},
	{Name: "monospace", Same: true, Why: "mathematical monospace letters", write: styled("monospace")},
	{Name: "circled", Same: true, Why: "circled letters", write: styled("circled")},
	{Name: "negative-circled", Same: true, Why: "white letters in black circles", write: styled("negative-circled")},
	{Name: "squared", Same: true, Why: "letters in squares", write: styled("squared")},
	{Name: "parenthesised", Same: true, Why: "letters in parentheses that are one character", write: styled("parenthesised")},
	{Name: "small-capitals", Same: true, Why: "phonetic small capitals", write: styled("small-capitals")},
	{Name: "cyrillic", Same: true, Why: "Cyrillic letters among Latin ones that look the same", write: lookAlike(cyrillic, false)},
	{Name: "cyrillic-words", Same: true, Why: "whole words in Cyrillic letters that look Latin", write: lookAlike(cyrillic, true)},
	{Name: "greek", Same: true, Why: "Greek letters among Latin ones", write: lookAlike(greek, false)},
	{Name: "armenian", Same: true, Why: "Armenian letters among Latin ones", write: lookAlike(armenian, false)},
	{Name: "phonetic", Same: true, Why: "phonetic letters, and Cherokee ones for capitals, among Latin ones", write: lookAlike(phonetic, false)},
	{Name: "kana-kanji", Same: true, Why: "Kana for the Kanji and Kanji for the Kana that look the same: ロ座, 力ード", write: kanaKanji},
	{Name: "kanji-likes", Same: true, Why: "Kanji for others that differ in a stroke: 三丼, 末払い, 曰本, 自已", write: kanjiLikes},
	{Name: "old-kanji", Honest: true, Same: true, Why: "old forms of Kanji (國, 澤), as names of people and houses have them", write: oldKanji},
	{Name: "simplified-kanji", Same: true, Why: "Chinese forms of Kanji (银行, 电话) in a Japanese text, to pass filters or because the writer has them", write: simplifiedKanji},
	{Name: "leet", Same: true, Why: "digits for letters: p4ypal, v3rify", write: leet},
	{Name: "repeated-letters", Why: "a letter of a word written twice or three times", write: repeatedLetters},
	{Name: "kana-words", Why: "words of fraud in Kana that are written in Kanji everywhere", write: kanaWords},

	// Something between the letters, or on them.
	{Name: "zero-width", Same: true, Why: "zero-width spaces and joiners within words", write: between(1, "\u200b", "\u200c", "\u200d", "\u2060", "\ufeff")},
	{Name: "soft-hyphens", Same: true, Why: "soft hyphens within words", write: between(1, "\u00ad")},
	{Name: "variation-selectors", Same: true, Why: "variation selectors behind letters that have no variants", write: between(1, "\ufe00", "\ufe0f", "\U000E0100")},
	{Name: "tags", Same: true, Why: "tag characters, which nothing shows, within words", write: between(1, "\U000E0061", "\U000E0020", "\U000E007F")},
	{Name: "bidi-marks", Same: true, Why: "marks of direction within words from left to right", write: between(1, "\u200e", "\u200f", "\u202a\u202c", "\u2066\u2069")},
	{Name: "bidi-override", Same: true, Why: "words written backwards and turned round by an override", write: backwards},
	{Name: "fillers", Same: true, Why: "letters that have no shape: Hangul fillers, the combining grapheme joiner", write: between(1, "\u115f", "\u3164", "\uffa0", "\u034f")},
	{Name: "marks", Same: true, Why: "combining strokes and lines through and under letters", write: between(0, "\u0336", "\u0332", "\u0334", "\u0335", "\u0333", "\u0305")},
	{Name: "dots", Same: true, Why: "a full stop between the letters: ア.マ.ゾ.ン", write: separated(".")},
	{Name: "hyphens", Same: true, Why: "a hyphen between the letters: a-m-a-z-o-n", write: separated("-")},
	{Name: "middle-dots", Same: true, Why: "a middle dot between the letters: お・荷・物", write: separated("・")},
	{Name: "asterisks", Same: true, Why: "an asterisk between the letters: お*荷*物", write: separated("*")},
	{Name: "slashes", Same: true, Why: "a slash between the letters: お/荷/物", write: separated("/")},
	{Name: "underscores", Same: true, Why: "an underscore between the letters", write: separated("_")},
	{Name: "bars", Same: true, Why: "a bar between the letters", write: separated("|")},
	{Name: "spaced-letters", Same: true, Why: "a space between the letters, two between the words: A m a z o n", write: separated(" ")},

	// Links.
	{Name: "hxxp", Links: true, Same: true, Why: "hxxp for http, to be mended by the victim", write: eachLink(hxxp)},
	{Name: "missing-h", Links: true, Same: true, Why: "ttp for http, an old custom of Japanese boards", write: eachLink(missingH)},
	{Name: "bracketed-dots", Links: true, Same: true, Why: "[.] or (dot) for the dots of a host", write: eachLink(bracketedDots)},
	{Name: "ideographic-dots", Links: true, Same: true, Why: "。 for the dots of a host, which browsers take for one", write: eachLink(ideographicDots)},
	{Name: "spaced-dots", Links: true, Same: true, Why: "spaces around the dots of a host", write: eachLink(spacedDots)},
	{Name: "spaced-scheme", Links: true, Same: true, Why: "a space within the scheme: h ttps://", write: eachLink(spacedScheme)},
	{Name: "broken-link", Links: true, Same: true, Why: "a line break within the host", write: eachLink(brokenLink)},
	{Name: "no-scheme", Honest: true, Links: true, Same: true, Why: "the scheme left out", write: eachLink(noScheme)},
	{Name: "upper-host", Honest: true, Links: true, Same: true, Why: "the host in capitals", write: eachLink(upperHost)},
	{Name: "full-width-link", Honest: true, Links: true, Same: true, Why: "the link in full width, which browsers read all the same", write: eachLink(fullWidthLink)},
	{Name: "look-alike-host", Links: true, Why: "a host with letters of other alphabets that look Latin", write: eachLink(lookAlikeHost)},
	{Name: "zero-width-host", Links: true, Same: true, Why: "invisible letters in the host", write: eachLink(zeroWidthHost)},
	{Name: "styled-host", Links: true, Same: true, Why: "letters of styled alphabets in the host, which browsers read as plain ones", write: eachLink(styledHost)},
	{Name: "user-info", Links: true, Same: true, Why: "a well-known host before an @, which leads nowhere", write: eachLink(userInfo)},
	{Name: "port", Links: true, Same: true, Why: "a port behind the host", write: eachLink(port)},
	{Name: "redirect", Links: true, Why: "through the redirector of a well-known house", write: eachLink(redirect)},
	{Name: "nested-redirect", Links: true, Why: "through two redirectors, percent-encoded twice", write: eachLink(nestedRedirect)},
	{Name: "percent-host", Links: true, Same: true, Why: "letters of the host percent-encoded, which browsers undo", write: eachLink(percentHost)},
	{Name: "back-slashes", Links: true, Same: true, Why: "backslashes for slashes, which browsers take for them", write: eachLink(backSlashes)},
	{Name: "root-dot", Links: true, Same: true, Why: "a dot behind the host, which the DNS ignores", write: eachLink(rootDot)},
	{Name: "shortener", Links: true, Why: "a shortened link", write: eachLink(shortener)},

	// The text around.
	{Name: "padding", Why: "a harmless sentence added, to outweigh the rest", write: padding},
	{Name: "emoji", Honest: true, Why: "emoji between words and behind sentences", write: emoji},
	{Name: "decoration", Honest: true, Why: "stars and notes around the text: ★ ☆ ♪", write: decoration},
	{Name: "brackets", Honest: true, Why: "the first words in brackets: 【】", write: brackets},
	{Name: "spaced-punctuation", Honest: true, Why: "a space behind punctuation", write: spacedPunctuation},
	{Name: "line-breaks", Honest: true, Why: "a line for every sentence", write: lineBreaks},
	{Name: "long-marks", Honest: true, Why: "ー and ！ many times over", write: longMarks},
	{Name: "kaomoji", Honest: true, Why: "faces made of letters and signs: (^_^)", write: kaomoji},
	{Name: "punctuation", Honest: true, Why: "other punctuation of the same meaning: ，．！", write: punctuation},
	{Name: "ideographic-spaces", Honest: true, Same: true, Why: "spaces in full width", write: ideographicSpaces},
	{Name: "dropped-particles", Honest: true, Why: "particles and articles left out, as in haste", write: droppedParticles},
}
