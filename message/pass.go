package message

import "unicode/utf8"

// pass is the main pass over a text: rune by rune, in time and space linear in it.
type pass struct {
	f       *Folded
	s       *scratch
	t       *tables
	text    []byte
	out     []byte   // what is written
	org     []uint32 // where each octet of it comes from
	i, o    int      // octets read and written
	end     int      // where the last rune ends that was written
	run     int      // letters in a row so far
	singles int      // rows of a single letter that came one after the other
	token   int      // where in out the characters since the last white space begin
	tokens  int      // single characters with white space between them that came one after the other
	last    class    // of the last rune written
	waiting bool     // something is in gap
	gap     gap
}

// gap is what stands between the last rune written and the next: white space, or invisible letters.
type gap struct {
	white  byte   // 0, ' ' or '\n'
	at     int    // where the white space begins
	hidden uint16 // invisible letters directly behind a letter or digit
	kinds  hidden // what they are
}

// slack is the room in out that one rune of ordinary length may take without another look.
const slack = 16

func (p *pass) runes() {
	p.out, p.org = p.s.text[:cap(p.s.text)], p.s.origin[:cap(p.s.origin)]
	p.room(len(p.text))
	for p.i < len(p.text) {
		if c := p.text[p.i]; c < utf8.RuneSelf {
			p.ascii(c, 1)
		} else {
			p.wide(c)
		}
	}
	p.rowEnds()
	p.tokenEnds()
	p.s.text, p.s.origin = p.out, p.org
	p.f.Text, p.f.Origin = p.out[:p.o], p.org[:p.o]
	p.s.end = uint32(p.end)
	p.count()
}

// room makes sure that n octets can be written, and those that an equal number of octets read can become.
func (p *pass) room(n int) {
	need := p.o + n + len(p.text) - p.i + slack
	if need <= len(p.out) && need <= len(p.org) {
		return
	}
	need += need / 2
	out, org := make([]byte, need), make([]uint32, need)
	copy(out, p.out[:p.o])
	copy(org, p.org[:p.o])
	p.out, p.org = out, org
}

// ascii takes a rune that folds to the octet c and was written with size octets, and letters behind it.
func (p *pass) ascii(c byte, size int) {
	switch kind := asciiKind[c]; kind {
	case asciiLetter:
		if p.waiting {
			p.settle(latin)
		}
		// Written without methods: half of all octets come here.
		i, o := p.i, p.o
		out, org, text := p.out, p.org, p.text
		out[o], org[o] = c|0x20, uint32(i)
		o++
		for i += size; i < len(text) && asciiKind[text[i]] == asciiLetter; i++ {
			out[o], org[o] = text[i]|0x20, uint32(i)
			o++
		}
		p.run += o - p.o
		p.s.classes[latin] += uint32(o - p.o)
		p.i, p.o, p.end, p.last = i, o, i, latin
		return
	case asciiSpace:
		p.white(' ', size)
		return
	case asciiNewline:
		p.white('\n', size)
		return
	case asciiControl:
		p.hide(rune(c), size)
		return
	case asciiDigit:
		if p.waiting {
			p.settle(digit)
		}
		p.rowEnds()
		if p.o == 0 || !isDigit(p.out[p.o-1]) {
			p.s.runs = append(p.s.runs, uint32(p.o))
		}
		p.s.classes[digit]++
		p.last = digit
	default:
		if p.waiting {
			p.settle(other)
		}
		p.rowEnds()
		if kind == asciiPoint {
			p.s.points = append(p.s.points, uint32(p.o))
		}
		p.last = other
	}
	p.out[p.o], p.org[p.o] = c, uint32(p.i)
	p.o++
	p.i += size
	p.end = p.i
}

// wide takes a rune that begins with an octet beyond ASCII.
func (p *pass) wide(c byte) {
	text, i := p.text, p.i
	var r rune
	size := 3
	if c >= 0xE1 && c <= 0xEC && i+2 < len(text) && text[i+1]&0xC0 == 0x80 && text[i+2]&0xC0 == 0x80 {
		r = rune(c&0x0F)<<12 | rune(text[i+1]&0x3F)<<6 | rune(text[i+2]&0x3F)
	} else if r, size = utf8.DecodeRune(text[i:]); r == utf8.RuneError && size == 1 {
		p.broken()
		return
	}
	e := p.t.look(r)
	if e.flags&(styled|mixedLong|digitLong) != 0 {
		p.s.mixed = p.s.mixed || e.flags&mixedLong != 0
		p.s.inner = p.s.inner || e.flags&digitLong != 0
		if e.flags&styled != 0 {
			p.f.Tricks.Styled = more(p.f.Tricks.Styled, 1)
		}
	}
	switch {
	case e.n == 1: // full width, styled: as if it had been written in ASCII
		p.ascii(byte(e.out), size)
		return
	case e.class.letter():
		if e.flags&combines != 0 && p.combine(r, size) {
			return
		}
		if p.waiting {
			p.settle(e.class)
		}
		p.run++
		p.s.classes[e.class]++
		if e.flags&lookalike != 0 {
			p.s.likes = append(p.s.likes, uint32(p.o))
		}
		if e.n == 0 && size == 3 { // Kanji and Kana
			o := p.o
			p.out[o], p.out[o+1], p.out[o+2] = c, text[i+1], text[i+2]
			p.org[o], p.org[o+1], p.org[o+2] = uint32(i), uint32(i), uint32(i)
			p.o, p.last = o+3, e.class
			p.i += 3
			p.end = p.i
			return
		}
	case e.class == space:
		p.white(' ', size)
		return
	case e.class == newline:
		p.white('\n', size)
		return
	case e.class == invisible:
		p.hide(r, size)
		return
	case e.class == mark:
		if !p.mark(r, size) {
			p.put(e, size) // it stays, and what it stands on is still the last letter
		}
		return
	default:
		if e.flags&combines != 0 && p.combine(r, size) {
			return
		}
		if p.waiting {
			p.settle(e.class)
		}
		p.rowEnds()
		if e.class == digit {
			p.s.classes[digit]++
			p.s.runs = append(p.s.runs, uint32(p.o))
		} else if r == '。' || r == '｡' {
			p.s.points = append(p.s.points, uint32(p.o))
		}
	}
	p.last = e.class
	p.put(e, size)
}

// put writes what e says of the rune of size octets at i.
func (p *pass) put(e *entry, size int) {
	switch e.n {
	case 0:
		p.write(p.text[p.i:p.i+size], size)
	case inLong:
		p.longer(int(e.out & 0xFF))
		p.write(p.t.long[e.out>>8:][:e.out&0xFF], size)
	default:
		if int(e.n) > size {
			p.longer(4)
		}
		b := [4]byte{byte(e.out), byte(e.out >> 8), byte(e.out >> 16), byte(e.out >> 24)}
		p.write(b[:e.n], size)
	}
}

// longer prepares for a rune that folds to several. What they are among themselves is not looked at
// here; the passes that follow are told to look.
func (p *pass) longer(n int) {
	p.room(n)
	p.s.singles += 4
}

func (p *pass) write(b []byte, size int) {
	for _, c := range b {
		p.out[p.o], p.org[p.o] = c, uint32(p.i)
		p.o++
	}
	p.i += size
	p.end = p.i
}

// broken takes a run of octets that are no UTF-8.
func (p *pass) broken() {
	size := 1
	for p.i+size < len(p.text) {
		if r, n := utf8.DecodeRune(p.text[p.i+size:]); r != utf8.RuneError || n != 1 {
			break
		}
		size++
	}
	p.settle(other)
	p.rowEnds()
	p.room(3)
	p.last = other
	p.write([]byte("\uFFFD"), size)
}

func (p *pass) white(c byte, size int) {
	if p.gap.white == 0 {
		p.gap = gap{white: c, at: p.i}
		p.waiting = true
	} else if c == '\n' {
		p.gap.white = c
	}
	p.i += size
}

// settle writes or counts what stands before the next rune, which is of the class given.
func (p *pass) settle(next class) {
	if p.gap.white != 0 {
		p.rowEnds()
		if p.o > 0 {
			p.tokenEnds()
			p.out[p.o], p.org[p.o] = p.gap.white, uint32(p.gap.at)
			p.o++
			p.token = p.o
		}
		p.last = space
	} else if p.gap.hidden > 0 && (next.letter() || next == digit) && !p.gap.kinds.honest(p.last, next) {
		p.f.Tricks.Invisible = more(p.f.Tricks.Invisible, p.gap.hidden)
	}
	p.gap, p.waiting = gap{}, false
}

// rowEnds is told that a row of letters has ended. The longest sequence of rows of a single letter says
// whether it is worth looking for spaced-out words.
func (p *pass) rowEnds() {
	switch p.run {
	case 0:
		return
	case 1:
		p.singles++
		n := p.singles
		if p.last >= hiragana { // of Kanji and Kana, two are enough between longer words
			n++
		}
		p.s.singles = max(p.s.singles, n)
	default:
		p.singles = 0
	}
	p.run = 0
}

// tokenEnds is told that white space follows.
func (p *pass) tokenEnds() {
	n := p.o - p.token
	if n == 0 || n > utf8.UTFMax || n > 1 && utf8.RuneLen(p.firstOf(p.token)) != n {
		p.tokens = 0
		return
	}
	p.tokens++
	p.s.tokens = max(p.s.tokens, p.tokens)
}

func (p *pass) firstOf(i int) rune {
	r, _ := utf8.DecodeRune(p.out[i:p.o])
	return r
}

// hidden is a set of kinds of invisible letters.
type hidden uint8

const (
	hiddenPlain    hidden = 1 << iota // nobody needs it within a word
	hiddenJoiner                      // ZWJ and ZWNJ: orthography in Arabic and Indic scripts
	hiddenBreak                       // ZWSP: divides words in Thai, Khmer, Lao, Burmese
	hiddenBidi                        // marks of direction: beside letters from right to left
	hiddenVariants                    // variation selectors: of Kanji, digits and symbols
)

// honest reports whether a writer of these scripts may have reason to put them there.
func (h hidden) honest(last, next class) bool {
	rtl := func(c class) bool { return c == arabic || c == hebrew || c == letter }
	switch {
	case h&hiddenPlain != 0,
		h&hiddenJoiner != 0 && !last.marked() && !next.marked(),
		h&hiddenBreak != 0 && last != thai && last != letter,
		h&hiddenBidi != 0 && !rtl(last) && !rtl(next),
		h&hiddenVariants != 0 && last != han && last != digit:
		return false
	}
	return true
}

// hide drops an invisible letter.
func (p *pass) hide(r rune, size int) {
	p.i += size
	kind := hiddenPlain
	switch {
	case r == 0x202D || r == 0x202E: // an override turns what follows around: no honest writer needs it
		p.f.Tricks.Invisible = more(p.f.Tricks.Invisible, 1)
		return
	case p.gap.white != 0 || !p.last.letter() && p.last != digit:
		return
	case r == 0x200C || r == 0x200D:
		kind = hiddenJoiner
	case r == 0x200B:
		kind = hiddenBreak
	case r == 0x200E || r == 0x200F || r == 0x061C || r >= 0x202A && r <= 0x202C || r >= 0x2066 && r <= 0x2069:
		kind = hiddenBidi
	case r >= 0xFE00 && r <= 0xFE0F || r >= 0xE0100 && r <= 0xE01EF || r >= 0x180B && r <= 0x180F:
		kind = hiddenVariants
	}
	p.gap.hidden = more(p.gap.hidden, 1)
	p.gap.kinds |= kind
	p.waiting = true
}

// mark composes a combining mark with the letter before it, or drops it. It reports false for one that
// belongs to its letter in a script that writes with marks.
func (p *pass) mark(r rune, size int) bool {
	if p.combine(r, size) {
		return true
	}
	if p.gap.white == 0 {
		switch last := p.last; {
		case last.marked():
			if p.waiting {
				p.settle(last)
			}
			return false
		case last == cyrillic && (r == 0x0301 || r == 0x0300): // stress, as dictionaries write it
			p.i += size
			return true
		case r == 0x20E3 && (last == digit || last == other): // keycaps: 1️⃣
			p.i += size
			return true
		}
	}
	p.f.Tricks.Marks = more(p.f.Tricks.Marks, 1)
	p.i += size
	return true
}

// combine makes one letter of the rune before and the one at i, where there is such a letter.
func (p *pass) combine(r rune, size int) bool {
	if p.o == 0 || p.gap.white != 0 {
		return false
	}
	base, n := utf8.DecodeLastRune(p.out[:p.o])
	c := p.t.compose(base, r)
	if c == 0 {
		return false
	}
	p.settle(p.last)
	at := p.org[p.o-n]
	p.o -= n
	p.room(4)
	n = utf8.EncodeRune(p.out[p.o:], c)
	for range n {
		p.org[p.o] = at
		p.o++
	}
	p.last = p.t.look(c).class
	p.i += size
	p.end = p.i
	return true
}

// count fills Letters.
func (p *pass) count() {
	c := &p.s.classes
	p.f.Letters = Letters{
		Latin: less(c[latin]), Kana: less(c[hiragana] + c[katakana]), Han: less(c[han]), Hangul: less(c[hangul]),
		Cyrillic: less(c[cyrillic]), Arabic: less(c[arabic]), Thai: less(c[thai]), Devanagari: less(c[devanagari]),
		Other:  less(c[phonetic] + c[greek] + c[armenian] + c[hebrew] + c[letter]),
		Digits: less(c[digit]),
	}
	p.s.mixed = p.s.mixed || c[phonetic]+c[cyrillic]+c[greek]+c[armenian] > 0
}

// more adds to a count that stays at its highest value.
func more(a uint16, n uint16) uint16 { return less(uint32(a) + uint32(n)) }

func less(n uint32) uint16 { return uint16(min(n, 0xFFFF)) }

func isDigit(c byte) bool { return c-'0' <= 9 }
