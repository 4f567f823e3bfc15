package message

import (
	"strings"
	"unicode/utf8"
)

// wordAt gives the end of the row of letters and digits at i, and its letter where it is a single one.
func (t *tables) wordAt(text []byte, i int) (end int, alone rune) {
	n := 0
	for end = i; end < len(text); {
		r, size := rune(text[end]), 1
		var c class
		if r < utf8.RuneSelf {
			switch asciiKind[r] {
			case asciiLetter:
				c = latin
			case asciiDigit:
				c = digit
			}
		} else {
			r, size = utf8.DecodeRune(text[end:])
			c = t.look(r).class
		}
		if !c.letter() && c != digit {
			break
		}
		if n++; n == 1 && c != digit {
			alone = r
		} else {
			alone = 0
		}
		end += size
	}
	return end, alone
}

// Letters apart are joined from joinAtLeast in a row on; Kanji and Kana with hyphens (要-確-認) from
// joinCJK on, letters with dots from joinDots, and what has a space behind every character, punctuation
// as well, from joinAll on.
const (
	joinAtLeast = 4
	joinCJK     = 3
	joinDots    = 6
	joinAll     = 8
)

// narrow takes the spaces out of a text that has one behind every character, links and numbers among
// them: h t t p s : / / . What was a space between words is lost.
func (f *Folded) narrow() {
	if f.scratch.tokens < joinAll {
		return
	}
	t := f.scratch.tables
	e := edit{f: f}
	for i := 0; i < len(f.Text); {
		first, n, letters := i, 0, 0
		row := row{series: true, same: true, week: true, iroha: true}
		for i < len(f.Text) {
			r, size := utf8.DecodeRune(f.Text[i:])
			entry := t.look(r)
			if isWhite(f.Text[i]) || entry.flags&combines != 0 || entry.class == mark || i+size < len(f.Text) && !isWhite(f.Text[i+size]) {
				break
			}
			if entry.class.letter() {
				letters++
				row.add(t, r)
			}
			n++
			i += size
			if i == len(f.Text) || f.Text[i] != ' ' {
				break
			}
			i++
		}
		end := i
		if n >= joinAll && 2*letters >= n && !row.same && !row.series && !row.week {
			if f.Text[end-1] == ' ' {
				end--
			}
			if row.sep = ' '; row.trick() && !f.wide(first) {
				f.Tricks.SpacedLetter = more(f.Tricks.SpacedLetter, uint16(letters))
			}
			for k := first; k < end; {
				_, size := utf8.DecodeRune(f.Text[k:])
				e.keep(k + size)
				if k += size; k < end {
					k++
					e.kept = k
				}
			}
		}
		// The next row begins behind the next white space.
		for i < len(f.Text) && !isWhite(f.Text[i]) {
			i++
		}
		for i < len(f.Text) && isWhite(f.Text[i]) {
			i++
		}
	}
	if e.kept > 0 {
		e.done()
		f.mark()
	}
}

// join joins single letters that have one and the same separator between them: a space, a hyphen, a dot... Of
// Kanji and Kana the ends of a row may be letters of longer words: お荷・物・の・お届け.
func (f *Folded) join() bool {
	t := f.scratch.tables
	e := edit{f: f}
	for i := 0; i < len(f.Text); {
		end, r := t.wordAt(f.Text, i)
		if end == i {
			_, n := utf8.DecodeRune(f.Text[i:])
			i += n
			continue
		}
		if _, n := separatorAt(f.Text, end); n == 0 {
			i = end
			continue
		}
		row := row{series: true, same: true, week: true, iroha: true}
		start, last := i, i // last: where the last single letter begins
		if r != 0 {
			row.add(t, r)
		} else {
			before, n := utf8.DecodeLastRune(f.Text[:end])
			if !t.cjk(before) || !row.separator(f.Text, end) || row.sep == ' ' {
				i = end
				continue
			}
			row.cjk, row.glued = true, true
			start, last = end-n, end
		}
		for end < len(f.Text) && row.separator(f.Text, end) {
			from := end + row.width
			next, r := t.wordAt(f.Text, from)
			if r == 0 {
				if first, _ := utf8.DecodeRune(f.Text[from:]); next > from && row.cjk && row.n > 0 && row.sep != ' ' && t.cjk(first) {
					end = from
					row.glued = true
				}
				break
			}
			if t.cjk(r) != row.cjk || row.sep == ' ' && t.tied(f.Text, next) {
				break
			}
			row.add(t, r)
			last, end = from, next
		}
		switch {
		case row.hidesWord() && (row.cjk || f.standsAlone(start, end)):
			if row.trick() && (row.sep != ' ' || !f.wide(start)) {
				f.Tricks.SpacedLetter = more(f.Tricks.SpacedLetter, uint16(row.n))
			}
			for i = start; i < end; {
				_, n := utf8.DecodeRune(f.Text[i:])
				e.keep(i + n)
				i += n
				if i < end {
					i += row.width
					e.kept = i
				}
			}
			i = end
		case row.sep == ' ' && last > i:
			i = last // it may begin another row, with a closer separator
		default:
			i = end
		}
	}
	if e.kept == 0 {
		return false
	}
	e.done()
	return true
}

// standsAlone reports whether a row of Latin letters is no part of a link or a path: /a/b/c/d.
func (f *Folded) standsAlone(start, end int) bool {
	if start > 0 && isLinkSign(f.Text[start-1]) {
		return false
	}
	return end+1 >= len(f.Text) || !isLinkSign(f.Text[end]) || !isHostOctet(f.Text[end+1]) && f.Text[end+1] != '/'
}

func isLinkSign(c byte) bool {
	switch c {
	case '/', '\\', '.', '@', ':', '=', '&', '?', '%', '#', '_':
		return true
	}
	return false
}

// tied reports whether a hyphen or dot and another single letter stand at i: they bind closer than a space.
func (t *tables) tied(text []byte, i int) bool {
	if i >= len(text) || text[i] != '-' && text[i] != '.' {
		return false
	}
	_, alone := t.wordAt(text, i+1)
	return alone != 0
}

func (t *tables) cjk(r rune) bool {
	if r < utf8.RuneSelf {
		return false
	}
	c := t.look(r).class
	return c >= hiragana && c <= han
}

// wide reports whether the space behind the letter at i was written as an ideographic one, as
// headings are: お　知　ら　せ.
func (f *Folded) wide(i int) bool {
	_, n := utf8.DecodeRune(f.Text[i:])
	written := f.scratch.written[f.Origin[i+n]:]
	return len(written) > 2 && string(written[:3]) == "\u3000"
}

// row is a row of single letters.
type row struct {
	n                  int // single letters
	sep                rune
	width              int // octets of sep
	prev               rune
	cjk                bool // of Kanji and Kana; rows of both are none
	glued              bool // a letter of a longer word at one of its ends, or both
	hira, kata, han    int
	same, series, week bool
	iroha              bool // イ, ロ, ハ: as lists are numbered
}

const weekdays = "月火水木金土日祝"

// separatorAt gives the rune at i and its length where it is one that stands between letters that have been pulled
// apart: a space or one of -._/*|+~^・·. It gives no length otherwise.
func separatorAt(text []byte, i int) (r rune, n int) {
	if i >= len(text) {
		return 0, 0
	}
	switch c := text[i]; c {
	case ' ', '-', '.', '_', '/', '*', '|', '+', '~', '^':
		return rune(c), 1
	case 0xC2, 0xE3:
		if r, n = utf8.DecodeRune(text[i:]); r == '・' || r == '·' {
			return r, n
		}
	}
	return 0, 0
}

// separator reports whether the separator of the row stands at i, and takes the first one for it.
func (w *row) separator(text []byte, i int) bool {
	r, n := separatorAt(text, i)
	if w.sep == 0 || w.n == 1 && !w.glued {
		w.sep, w.width = r, n
	}
	return n > 0 && r == w.sep
}

func (w *row) add(t *tables, r rune) {
	w.n++
	step := r - w.prev
	if w.n == 1 {
		w.cjk = t.cjk(r)
	} else {
		w.same = w.same && step == 0
		w.series = w.series && (step == 1 || step == 2 && w.hira+w.kata > 0) // small letters stand between: あ, ぃ, い
	}
	if w.cjk {
		w.iroha = w.iroha && (w.n == 1 || follows(w.prev, r))
		w.week = w.week && strings.ContainsRune(weekdays, r)
		switch {
		case isHira(r):
			w.hira++
		case isKata(r):
			w.kata++
		default:
			w.han++
		}
	} else {
		w.iroha, w.week = false, false
	}
	w.prev = r
}

// follows reports whether r follows prev in the old order of Kana.
func follows(prev, r rune) bool {
	const order = "いろはにほへとちりぬるを"
	if isKata(prev) && isKata(r) {
		prev, r = prev-0x60, r-0x60
	}
	i := strings.IndexRune(order, prev)
	return i >= 0 && strings.HasPrefix(order[i+len("い"):], string(r))
}

// hidesWord reports whether the letters are a word pulled apart. Not: x x x x, a b c d, 月-水-金, 春・夏・秋・冬. The
// rows within a row that hides none hide none, so that folding again finds nothing new.
func (w *row) hidesWord() bool {
	switch {
	case w.n < 2 || w.same || w.series || w.week || w.iroha:
		return false
	case w.sep == ' ':
		return w.n >= joinAtLeast
	case !w.cjk:
		if w.sep == '.' || w.sep == '/' { // R.S.V.P., a/b/c
			return w.n >= joinDots
		}
		return w.n >= joinAtLeast
	case w.hira+w.kata > 0:
		return w.n >= joinCJK || w.glued
	case w.sep == '・' || w.sep == '·' || w.sep == '/' || w.sep == '+' || w.sep == '|': // 大・中・小
		return w.n > joinDots
	}
	return w.n >= joinCJK
}

// trick reports whether honest writers hardly ever pull such a word apart. They do with headings and what they
// say with emphasis, in Hiragana above all: お 知 ら せ, お・も・て・な・し.
func (w *row) trick() bool {
	switch {
	case !w.cjk:
		return true
	case w.sep == ' ' && w.hira > 0:
		return w.n >= joinAll && w.kata+w.han >= joinAtLeast // お 誕 生 日 お め で と う is honest
	case w.sep == '・':
		return w.kata+w.han > 0 && w.n >= joinAtLeast
	}
	return w.kata+w.han > 0
}
