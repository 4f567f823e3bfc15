package disguise

import (
	"strings"
	"unicode"
)

func fullWidth(w *writer) {
	w.prose(func(s string) string {
		return strings.Map(func(r rune) rune {
			if scriptOf(r) == latin || r >= '0' && r <= '9' {
				return r + 0xFEE0
			}
			return r
		}, s)
	})
}

func halfWidthKana(w *writer) {
	w.prose(func(s string) string { return halfKana.Replace(s) })
}

func upperCase(w *writer) {
	w.prose(func(s string) string {
		return strings.Map(func(r rune) rune {
			if r < 0x80 {
				return unicode.ToUpper(r)
			}
			return r
		}, s)
	})
}

// styled writes words in the letters of a styled alphabet.
func styled(alphabet string) func(*writer) {
	letters := styledLetters(alphabet)
	return func(w *writer) {
		w.words(func(t []rune, s script) bool { return s == latin && len(t) >= 2 }, func(t []rune, _ script) []rune {
			for i, r := range t {
				if to := letters[r]; to != 0 {
					t[i] = to
				}
			}
			return t
		})
	}
}

// lookAlike writes letters of words in another alphabet: some of them, or all where whole is set.
func lookAlike(likes map[rune]rune, whole bool) func(*writer) {
	return func(w *writer) {
		able := func(t []rune) (n int) {
			for _, r := range t {
				if likes[r] != 0 {
					n++
				}
			}
			return n
		}
		w.words(func(t []rune, s script) bool {
			n := able(t)
			return s == latin && len(t) >= 4 && n > 0 && (n == len(t)) == whole
		}, func(t []rune, _ script) []rune {
			left := able(t)
			must := w.IntN(left)
			for i, r := range t {
				if likes[r] == 0 {
					continue
				}
				if left--; whole || left == must || w.IntN(2) == 0 {
					t[i] = likes[r]
				}
			}
			return t
		})
	}
}

// replace writes some letters of Japanese words as others, by pairs of what stands there and what comes there.
func replace(w *writer, to map[rune]rune) {
	w.words(func(t []rune, s script) bool {
		return s == japanese && strings.IndexFunc(string(t), func(r rune) bool { return to[r] != 0 }) >= 0
	}, func(t []rune, _ script) []rune {
		changed := false
		for i, r := range t {
			if to[r] != 0 && (!changed || w.IntN(4) > 0) {
				t[i], changed = to[r], true
			}
		}
		return t
	})
}

// kanaKanji takes only letters that a reader is deceived by where they stand: Kana within Katakana, Kanji
// beside Kanji.
func kanaKanji(w *writer) {
	place := func(t []rune, i int) bool {
		if kanaKanjiLikes[t[i]] == 0 {
			return false
		}
		kata := unicode.Is(unicode.Katakana, t[i]) || t[i] == 'ー'
		near := func(i int) bool {
			if i < 0 || i >= len(t) {
				return false
			}
			if kata {
				return unicode.Is(unicode.Katakana, t[i]) || t[i] == 'ー'
			}
			return unicode.Is(unicode.Han, t[i])
		}
		if t[i] == 'ー' || t[i] == 'ニ' || t[i] == '一' || t[i] == '二' { // numerals: only well within a word
			return kata && near(i-1) && near(i+1)
		}
		return near(i-1) || near(i+1)
	}
	w.words(func(t []rune, s script) bool {
		for i := range t {
			if s == japanese && place(t, i) {
				return true
			}
		}
		return false
	}, func(t []rune, _ script) []rune {
		was := string(t)
		for i, r := range []rune(was) {
			if place([]rune(was), i) {
				t[i] = kanaKanjiLikes[r]
			}
		}
		return t
	})
}

func oldKanji(w *writer)        { replace(w, oldForms) }
func simplifiedKanji(w *writer) { replace(w, simplifiedForms) }

// kanjiLikes replaces words, for the letter alone would be another word: 未払い and 月末払い.
func kanjiLikes(w *writer) { w.prose(func(s string) string { return strokeLikes.Replace(s) }) }

// kanaWords replaces words that readers know in Kana too.
func kanaWords(w *writer) { w.prose(func(s string) string { return inKana.Replace(s) }) }

var leetDigits = map[rune]rune{'a': '4', 'e': '3', 'i': '1', 'o': '0', 'A': '4', 'E': '3', 'I': '1', 'O': '0'}

// leet writes vowels within words as digits; the first letter only where another one is as well.
func leet(w *writer) {
	inner := func(t []rune) (n int) {
		for i := 1; i+1 < len(t); i++ {
			if leetDigits[t[i]] != 0 {
				n++
			}
		}
		return n
	}
	w.words(func(t []rune, s script) bool { return s == latin && len(t) >= 5 && inner(t) > 0 }, func(t []rune, _ script) []rune {
		left := inner(t)
		must := w.IntN(left)
		n := 0
		for i := 1; i+1 < len(t); i++ {
			d := leetDigits[t[i]]
			if d == 0 {
				continue
			}
			if left--; (left == must || w.IntN(2) == 0) && 3*(n+1) <= len(t) {
				t[i] = d
				n++
			}
		}
		if d := leetDigits[t[0]]; d != 0 && n > 0 && 3*(n+1) <= len(t) && w.IntN(2) == 0 {
			t[0] = d
		}
		return t
	})
}

func repeatedLetters(w *writer) {
	w.words(func(t []rune, s script) bool { return s == latin && len(t) >= 4 }, func(t []rune, _ script) []rune {
		i := 1 + w.IntN(len(t)-1)
		again := t[i : i+1]
		if w.IntN(2) == 0 {
			again = []rune{t[i], t[i]}
		}
		return append(append(append([]rune(nil), t[:i]...), again...), t[i:]...)
	})
}

// between writes something that is not seen between the letters of words, or on each where last is 0.
// With last 1 nothing comes behind the last letter.
func between(last int, what ...string) func(*writer) {
	return func(w *writer) {
		w.words(func(t []rune, _ script) bool { return len(t) >= 2+last }, func(t []rune, _ script) []rune {
			var out []rune
			all := w.IntN(2) == 0
			must := w.IntN(len(t) - last)
			for i, r := range t {
				out = append(out, r)
				if i < len(t)-last && (all || i == must || w.IntN(3) == 0) {
					out = append(out, []rune(pick(w, what))...)
				}
			}
			return out
		})
	}
}

// separated writes the same sign between all letters of words.
func separated(sign string) func(*writer) {
	return func(w *writer) {
		w.words(func(t []rune, s script) bool {
			switch {
			case s == japanese:
				return len(t) >= 5 && len(t) <= 30
			case sign == "." || sign == "/": // R.S.V.P., a/b/c
				return len(t) >= 6
			}
			return len(t) >= 5
		}, func(t []rune, s script) []rune {
			var out []rune
			between := []rune(sign)
			if sign == " " {
				between = []rune{apart}
			}
			from, to := 1, len(t)
			if s == japanese && len(t) > 6 && sign != " " && w.IntN(3) == 0 { // only a word or two of the sentence
				from = 1 + w.IntN(len(t)-5)
				to = from + 2 + w.IntN(4)
			}
			for i, r := range t {
				if i >= from && i < to {
					out = append(out, between...)
				}
				out = append(out, r)
			}
			return out
		})
		if sign == " " { // two spaces where there was one, so that words stay apart
			w.prose(widen)
		}
	}
}

// apart stands for the space between letters until the spaces between words have been doubled.
const apart = '\uE000'

// widen doubles the spaces around words that have been pulled apart.
func widen(s string) string {
	t := []rune(s)
	is := func(i int, r rune) bool { return i >= 0 && i < len(t) && t[i] == r }
	var out []rune
	for i, r := range t {
		switch {
		case r == apart:
			out = append(out, ' ')
		case r == ' ' && (is(i-2, apart) || is(i+2, apart)):
			out = append(out, ' ', ' ')
		default:
			out = append(out, r)
		}
	}
	return string(out)
}

func backwards(w *writer) {
	w.words(func(t []rune, s script) bool { return len(t) >= 4 }, func(t []rune, _ script) []rune {
		out := []rune{0x202E}
		for i := len(t) - 1; i >= 0; i-- {
			out = append(out, t[i])
		}
		return append(out, 0x202C)
	})
}
