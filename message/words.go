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
		case r == '.' || r == ':' || r == '。' || r == '[' || r == '(' || r == '{':
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
			if w.always || w.science {
				capital := e.flags&asCapital != 0 && f.capital(w.end)
				w.always = w.always && (e.like&likeAlways != 0 || capital)
				w.science = w.science && c == greek && !capital && strings.ContainsRune(scientific, r)
			}
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
		entry := t.look(r)
		if like := entry.like &^ likeAlways; like != 0 {
			if entry.flags&asCapital != 0 && f.capital(i) {
				like = capitalLike(r, like)
			}
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
	f.forms()
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
			if toKana {
				next = f.nextKana(r, next, at+n+m)
			}
			if to := kanaLike(prev, r, next, toKana); to != 0 {
				utf8.EncodeRune(f.Text[at:], to) // all of them have three octets
				f.Tricks.LookAlikes = more(f.Tricks.LookAlikes, 1)
				k = max(k-2, 0) - 1 // the two before may see a new neighbour
			}
		}
	}
}

// nextKana gives what next will be for the Kanji r before it once it has been read as Kana itself, behind being the
// place after it: 力一ド, ニュ一夕ー, ケ一キ.
func (f *Folded) nextKana(r, next rune, behind int) rune {
	if next != '一' && (r != '一' || next != '夕' && next != 'キ') {
		return next
	}
	switch after, _ := utf8.DecodeRune(f.Text[behind:]); {
	case next == '一' && isKata(after):
		return 'ー'
	case next == '夕' && isKata(after):
		return 'タ'
	case next == 'キ' && after != 'ロ' && after != 'ャ': // 一キロ
		return 'ー'
	}
	return next
}
