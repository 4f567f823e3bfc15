package message

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// words joins words whose letters stand apart (p a y p a l), and reads letters of other alphabets as
// the Latin ones they look like, where that is what they are there for. Honest Russian, Greek and
// Armenian stay as they are. Both change Text in place, which only gets shorter.
func (f *Folded) words() {
	s := &f.scratch
	changed := s.singles >= joinCJK && f.join()
	if s.mixed && f.alphabets() {
		changed = true
	}
	if changed {
		f.mark()
	}
}

// mark notes anew where in Text the passes that follow have to look, after it has been edited.
func (f *Folded) mark() {
	s := &f.scratch
	s.points, s.runs, s.likes = s.points[:0], s.runs[:0], s.likes[:0]
	within := false
	for i := 0; i < len(f.Text); {
		r, n := utf8.DecodeRune(f.Text[i:])
		switch {
		case r == '.' || r == ':' || r == '。':
			s.points = append(s.points, uint32(i))
		case r >= '0' && r <= '9':
			if !within {
				s.runs = append(s.runs, uint32(i))
			}
		case n > 1 && s.tables.look(r).flags&lookalike != 0:
			s.likes = append(s.likes, uint32(i))
		}
		within = r >= '0' && r <= '9'
		i += n
	}
}

// edit writes Text anew from left to right, never further than it has been read.
type edit struct {
	f       *Folded
	o, kept int // written, and read, up to here
}

func (e *edit) keep(to int) {
	if e.o != e.kept {
		copy(e.f.Text[e.o:], e.f.Text[e.kept:to])
		copy(e.f.Origin[e.o:], e.f.Origin[e.kept:to])
	}
	e.o += to - e.kept
	e.kept = to
}

func (e *edit) done() {
	e.keep(len(e.f.Text))
	e.f.Text, e.f.Origin = e.f.Text[:e.o], e.f.Origin[:e.o]
}

// wordAt gives the end of the row of letters and digits at i, and its letter where it is a single one.
func (t *tables) wordAt(text []byte, i int) (end int, alone rune) {
	n := 0
	for end = i; end < len(text); {
		r, size := utf8.DecodeRune(text[end:])
		c := t.look(r).class
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
		var row row
		for i < len(f.Text) {
			r, size := utf8.DecodeRune(f.Text[i:])
			entry := t.look(r)
			if isWhite(f.Text[i]) || entry.flags&combines != 0 || entry.class == mark || i+size < len(f.Text) && !isWhite(f.Text[i+size]) {
				break
			}
			if entry.class.letter() {
				if letters++; letters == 1 {
					row = newRow(t, r)
				} else {
					row.add(r)
				}
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
			if !row.hira && !f.wide(first) {
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

// join joins single letters that have one and the same separator between them: a space, a hyphen, a dot.
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
		if r == 0 {
			i = end
			continue
		}
		row, last := newRow(t, r), i
		for end < len(f.Text) {
			c := f.Text[end]
			if c != ' ' && c != '-' && c != '.' || row.n > 1 && c != row.sep {
				break
			}
			next, r := t.wordAt(f.Text, end+1)
			if r == 0 || t.cjk(r) != row.cjk || c == ' ' && t.tied(f.Text, next) {
				break
			}
			row.sep = c
			row.add(r)
			last, end = end+1, next
		}
		switch {
		case row.hidesWord():
			if row.sep != ' ' || !row.hira && !f.wide(i) {
				f.Tricks.SpacedLetter = more(f.Tricks.SpacedLetter, uint16(row.n))
			}
			for i < end {
				_, n := utf8.DecodeRune(f.Text[i:])
				e.keep(i + n)
				i += n
				if i < end {
					i++
					e.kept = i
				}
			}
		case row.sep == ' ':
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

// tied reports whether a hyphen or dot and another single letter stand at i: they bind closer than a space.
func (t *tables) tied(text []byte, i int) bool {
	if i >= len(text) || text[i] != '-' && text[i] != '.' {
		return false
	}
	_, alone := t.wordAt(text, i+1)
	return alone != 0
}

func (t *tables) cjk(r rune) bool {
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
	n                        int
	sep                      byte
	prev                     rune
	cjk                      bool // of Kanji and Kana; rows of both are none
	hira, same, series, week bool
}

const weekdays = "月火水木金土日祝"

func newRow(t *tables, r rune) row {
	return row{n: 1, prev: r, cjk: t.cjk(r), hira: isHira(r), same: true, series: true, week: strings.ContainsRune(weekdays, r)}
}

func (w *row) add(r rune) {
	w.n++
	w.hira = w.hira || isHira(r)
	w.same = w.same && r == w.prev
	w.series = w.series && r == w.prev+1
	w.week = w.week && strings.ContainsRune(weekdays, r)
	w.prev = r
}

// hidesWord reports whether the letters are a word pulled apart. Not: x x x x, a b c d, 月-水-金.
func (w *row) hidesWord() bool {
	switch {
	case w.same || w.series || w.week:
		return false
	case w.cjk && w.sep == '-':
		return w.n >= joinCJK
	case w.sep == '.': // R.S.V.P.
		return w.n >= joinDots
	}
	return w.n >= joinAtLeast
}

// alphabetic is a word in alphabets: letters and digits with no other script between them.
type alphabetic struct {
	end            int
	latin, foreign int
	changes        int // from Latin to another alphabet or back
	first, last    class
	scripts        uint32 // the alphabets other than Latin, by class
	always         bool   // every letter of theirs looks Latin as it is written
	science        bool   // every letter of theirs is one of science
}

func (f *Folded) alphabeticAt(i int) (w alphabetic) {
	t, text := f.scratch.tables, f.Text
	w.always, w.science = true, true
	for w.end = i; w.end < len(text); {
		r, size := rune(text[w.end]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRune(text[w.end:])
		}
		e := t.look(r)
		c := e.class
		switch {
		case c == latin:
			w.latin++
		case c == cyrillic || c == greek || c == armenian || c == phonetic:
			w.foreign++
			w.scripts |= 1 << c
			looksCapital := e.flags&asCapital != 0 && f.capital(w.end)
			w.always = w.always && (e.like&likeAlways != 0 || looksCapital)
			w.science = w.science && c == greek && !looksCapital && strings.ContainsRune(scientific, r)
		case c != digit:
			return w
		}
		if c != digit {
			if w.first == 0 {
				w.first = c
			} else if (c == latin) != (w.last == latin) {
				w.changes++
			}
			w.last = c
		}
		w.end += size
	}
	return w
}

// alphabets reads what only looks Latin as Latin.
func (f *Folded) alphabets() bool {
	t := f.scratch.tables
	// An alphabet is at home in a text where a whole word of it has a letter that looks like no Latin one.
	// Others are suspect beside Latin, or Kanji and Kana.
	home, beside, suspects := uint32(0), false, false
	for i := 0; i < len(f.Text); {
		w := f.alphabeticAt(i)
		if w.latin == 0 && !w.always {
			home |= w.scripts
		}
		beside = beside || w.latin > 0
		suspects = suspects || w.foreign > 0 && (w.latin > 0 || w.always)
		if w.end > i {
			i = w.end
			continue
		}
		r, n := utf8.DecodeRune(f.Text[i:])
		c := t.look(r).class
		beside = beside || c >= hangul && c <= han
		i += n
	}
	if !suspects {
		return false
	}
	e := edit{f: f}
	changed := false
	for i := 0; i < len(f.Text); {
		w := f.alphabeticAt(i)
		switch {
		case w.foreign == 0:
		case w.latin == 0: // раураӏ in a text that has no Russian
			if w.always && w.foreign >= 3 && beside && w.scripts&home == 0 {
				f.latinise(&e, i, w.end)
				changed = true
			}
		case w.changes == 1 && w.first == latin && w.scripts&home == w.scripts: // VIPов
		case w.foreign == 1 && w.science && w.changes == 1 && (w.last == greek || w.latin <= 3): // μg, kΩ, IFNα; not αccess
		default:
			f.Tricks.MixedWords = more(f.Tricks.MixedWords, 1)
			f.latinise(&e, i, w.end)
			changed = true
		}
		if w.end > i {
			i = w.end
			continue
		}
		_, n := utf8.DecodeRune(f.Text[i:])
		i += n
	}
	if changed {
		e.done()
	}
	return changed
}

// capital reports whether the letter at i was written as a capital.
func (f *Folded) capital(i int) bool {
	r, _ := utf8.DecodeRune(f.scratch.written[f.Origin[i]:])
	return unicode.IsUpper(r)
}

func (f *Folded) latinise(e *edit, from, to int) {
	t := f.scratch.tables
	for i := from; i < to; {
		r, n := utf8.DecodeRune(f.Text[i:])
		if like := t.look(r).asLatin(r, f.capital(i)); like != 0 {
			e.keep(i)
			f.Text[e.o], f.Origin[e.o] = like, f.Origin[i]
			e.o++
			e.kept = i + n
			f.Tricks.LookAlikes = more(f.Tricks.LookAlikes, 1)
		}
		i += n
	}
}

// kana reads Kanji that stand for Kana, and then Kana that stand for Kanji (ロ座), by their neighbours.
func (f *Folded) kana() {
	if len(f.scratch.likes) == 0 {
		return
	}
	for _, toKana := range [2]bool{true, false} {
		likes := f.scratch.likes
		for k := 0; k < len(likes); k++ {
			at := int(likes[k])
			r, n := utf8.DecodeRune(f.Text[at:])
			prev, _ := utf8.DecodeLastRune(f.Text[:at])
			next, m := utf8.DecodeRune(f.Text[at+n:])
			if prev == utf8.RuneError {
				prev = 0
			}
			if next == utf8.RuneError {
				next = 0
			}
			if toKana && next == '一' { // 力一ド: it will be ー once 力 is カ
				if r, _ := utf8.DecodeRune(f.Text[at+n+m:]); isKata(r) {
					next = 'ー'
				}
			}
			if to := kanaLike(prev, r, next, toKana); to != 0 {
				utf8.EncodeRune(f.Text[at:], to) // all of them have three octets
				f.Tricks.LookAlikes = more(f.Tricks.LookAlikes, 1)
				k = max(k-2, 0) - 1 // the two before may see a new neighbour
			}
		}
	}
}
