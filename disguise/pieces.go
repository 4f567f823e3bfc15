package disguise

import (
	"regexp"
	"strings"
	"unicode"
)

// piece is a part of a text: prose, a link, or an address of mail, which every way leaves alone.
type piece struct {
	text string
	kind kind
}

type kind uint8

const (
	prose kind = iota
	link
	fixed
)

// linkShape is a link as texts have it, in ASCII. A name without a scheme needs a top level domain that is no word.
// Quotation marks, parentheses and angle brackets end it.
var linkShape = regexp.MustCompile(`(?i)[a-z0-9._%+-]+@[a-z0-9.-]+|https?://[!#-&*-;=?-~]+|` +
	`\b(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+(?:com|net|org|jp|info|biz|top|xyz|vip|shop|club|icu|cyou|cc|cn|kr|uk|de|fr|ru|br|it|es|ly|gd|me|io)\b(?:[:/?#][!#-&*-;=?-~]*)?`)

func split(text string) []piece {
	var all []piece
	for {
		at := linkShape.FindStringIndex(text)
		if at == nil {
			break
		}
		found := strings.TrimRight(text[at[0]:at[1]], ".,:;!?*]")
		p := piece{text: found, kind: link}
		if before, _, _ := strings.Cut(found, "/"); strings.Contains(before, "@") || len(found) == 0 {
			p.kind = fixed
			p.text = text[at[0]:at[1]]
		}
		all = append(all, piece{text: text[:at[0]]}, p)
		text = text[at[0]+len(p.text):]
	}
	return append(all, piece{text: text})
}

// script is what a word is made of: letters of Latin, or Kanji and Kana. Other scripts and digits are none:
// no way changes them but the full width of digits.
type script uint8

const (
	none script = iota
	latin
	japanese
)

func scriptOf(r rune) script {
	switch {
	case r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z':
		return latin
	case r >= 0x3041 && r <= 0x3096, r >= 0x30A1 && r <= 0x30FA, r == 'ー', r == '々', r >= 0x4E00 && r <= 0x9FFF:
		return japanese
	}
	return none
}

// word is a run of letters of one script in the prose.
type word struct {
	piece      int
	start, end int // in the runes of the piece
	script     script
}

// words calls rewrite for some of the words that fit says yes to, at least one of them, and puts what it gives in
// their place. A fraction of one in out of words is chosen.
func (w *writer) words(fit func([]rune, script) bool, rewrite func([]rune, script) []rune) {
	texts := make([][]rune, len(w.pieces))
	var fitting []word
	for i, p := range w.pieces {
		if p.kind != prose {
			continue
		}
		t := []rune(p.text)
		texts[i] = t
		for k := 0; k < len(t); {
			s, end := scriptOf(t[k]), k+1
			for s != none && end < len(t) && scriptOf(t[end]) == s {
				end++
			}
			// A word with letters of another alphabet or digits beside it is no Latin word.
			alone := s != latin || (k == 0 || !joined(t[k-1])) && (end == len(t) || !joined(t[end]))
			if s != none && alone && fit(t[k:end], s) {
				fitting = append(fitting, word{i, k, end, s})
			}
			k = end
		}
	}
	if len(fitting) == 0 {
		return
	}
	chosen := make([]bool, len(fitting))
	for i := range chosen {
		chosen[i] = w.IntN(3) > 0
	}
	chosen[w.IntN(len(chosen))] = true
	var out []rune
	from, at := 0, -1
	flush := func() {
		if at >= 0 {
			w.pieces[at].text = string(append(out, texts[at][from:]...))
		}
		out, from = nil, 0
	}
	for i, f := range fitting {
		if !chosen[i] {
			continue
		}
		if f.piece != at {
			flush()
			at = f.piece
		}
		out = append(out, texts[at][from:f.start]...)
		out = append(out, rewrite(append([]rune(nil), texts[at][f.start:f.end]...), f.script)...)
		from = f.end
	}
	flush()
}

// joined reports whether r would make one word with a Latin letter beside it.
func joined(r rune) bool {
	return r == '\'' || r == '’' || r == '@' || r == '_' || unicode.IsDigit(r) || unicode.IsLetter(r) && scriptOf(r) == none
}

// prose calls rewrite for every piece that is no link.
func (w *writer) prose(rewrite func(string) string) {
	for i, p := range w.pieces {
		if p.kind == prose {
			w.pieces[i].text = rewrite(p.text)
		}
	}
}

// pick gives one of the choices.
func pick[T any](w *writer, choices []T) T { return choices[w.IntN(len(choices))] }
