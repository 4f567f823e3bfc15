package message

import (
	"unicode/utf8"

	"github.com/sekisho/sekisho/subject"
)

// numbers finds telephone numbers by their shape: groups of digits as people write them. Dates, amounts,
// codes and tracking numbers have other shapes, or something beside them that numbers have not.
func (f *Folded) numbers(home int) {
	s := &f.scratch
	if f.Letters.Digits < 8 {
		return
	}
	r := numberReader{f: f, text: f.Text, home: home}
	for _, at := range s.runs {
		if len(f.Numbers) == MaxNumbers {
			break
		}
		if int(at) < r.done || r.inLink(f.Origin[at]) {
			continue
		}
		r.read(int(at))
	}
}

type numberReader struct {
	f    *Folded
	text []byte
	home int
	done int // behind the last digits looked at
	link int // the link that was looked at last
	// The groups that stand there, and whether a number may end behind one.
	g                   int
	sizes, starts, ends [maxGroups]int
	soft                [maxGroups]bool
	// The number that is being tried.
	digits [maxDigits]byte
	n      int
	groups [maxGroups]int
}

// ITU-T E.164 §6.1: 15 digits, and a trunk prefix or 00 before them. French numbers have six groups
// behind the country code.
const (
	maxDigits = 17
	maxGroups = 7
)

// inLink reports whether the written text at i is a part of a link.
func (r *numberReader) inLink(i uint32) bool {
	links := r.f.Links
	for r.link < len(links) && links[r.link].Span.End <= i {
		r.link++
	}
	return r.link < len(links) && i >= links[r.link].Span.Start
}

// read looks for a number whose first digits stand at i.
func (r *numberReader) read(i int) {
	t := r.text
	start := i
	plus, parenthesis := false, false
	if start > r.done && t[start-1] == '(' {
		start--
		parenthesis = true
	}
	if start > r.done && t[start-1] == '+' {
		start--
		plus = true
		if start > r.done && t[start-1] == '(' {
			start--
			parenthesis = true
		}
	}
	r.readGroups(i, parenthesis)
	// Two numbers may stand side by side with a space between them: the longest one that is a number.
	var line subject.Line
	end := 0
	if r.hopeless(i, plus) {
		r.skip()
		return
	}
	for k := r.g; k > 0 && end == 0; k-- {
		if !r.soft[k-1] {
			continue
		}
		r.take(k)
		if r.n < 8 || !r.free(start, r.ends[k-1], plus) {
			continue
		}
		if l, ok := r.line(plus, k); ok {
			line, end = l, r.ends[k-1]
		}
	}
	if end == 0 {
		r.skip()
		return
	}
	r.done = end
	s := &r.f.scratch
	from := len(s.octets)
	s.octets = append(s.octets, r.digits[:r.n]...)
	r.f.Numbers = append(r.f.Numbers, Number{
		Span: Span{r.f.Origin[start], r.f.spanEnd(end)},
		Line: line,
		Raw:  s.octets[from:len(s.octets):len(s.octets)],
	})
}

// hopeless reports whether the groups cannot begin a number: too few digits, or not the trunk prefix.
func (r *numberReader) hopeless(i int, plus bool) bool {
	all := 0
	for g := range r.g {
		all += r.ends[g] - r.starts[g]
	}
	return all < 8 || !plus && r.home != 1 && r.text[i] != '0'
}

// skip passes over what is no number as far as the next space: what is divided by hyphens is one thing,
// and no part of it is a number.
func (r *numberReader) skip() {
	for k := range r.g {
		if r.done = r.ends[k]; r.soft[k] {
			return
		}
	}
}

// readGroups reads the groups of digits that stand from i on, as far as a number may reach.
func (r *numberReader) readGroups(i int, open bool) {
	t := r.text
	r.g = 0
	all := 0
	for r.g < maxGroups {
		from := i
		for i < len(t) && isDigit(t[i]) {
			i++
		}
		all += i - from
		r.sizes[r.g], r.starts[r.g], r.ends[r.g] = i-from, from, i
		n := r.separator(i, open)
		r.soft[r.g] = n == 0 || t[i] == ' '
		r.g++
		if n == 0 || all > maxDigits {
			return
		}
		if t[i] == ')' {
			open = false
		} else if t[i+n-1] == '(' {
			open = true
		}
		i += n
	}
}

// take makes the first k groups the digits of the number.
func (r *numberReader) take(k int) {
	r.n = 0
	copy(r.groups[:], r.sizes[:k])
	for g := range k {
		if r.n+r.sizes[g] > maxDigits {
			r.n = 0
			return
		}
		r.n += copy(r.digits[r.n:], r.text[r.starts[g]:r.ends[g]])
	}
}

// separator gives the octets at i that divide the groups of a number, with a digit behind them, or 0.
func (r *numberReader) separator(i int, open bool) int {
	t := r.text
	n := 0
	for n < 3 && i+n < len(t) {
		switch c := t[i+n]; {
		case c == '-' || c == ' ' || c == '.' && n == 0 || c == '(' && !open || c == ')' && open:
			if c == ' ' && n > 0 && t[i+n-1] == ' ' {
				return 0
			}
			n++
			continue
		case c >= utf8.RuneSelf && n == 0: // ー and the lines that stand for hyphens
			switch l, size := utf8.DecodeRune(t[i:]); l {
			case 'ー', '─', '━', '・', '一':
				if i+size < len(t) && isDigit(t[i+size]) {
					return size
				}
			}
			return 0
		}
		break
	}
	if n > 0 && i+n < len(t) && isDigit(t[i+n]) {
		return n
	}
	return 0
}

// free reports whether the number stands by itself: not in a code (ID-03...), an amount or a date.
func (r *numberReader) free(start, end int, plus bool) bool {
	t := r.text
	if start > 0 {
		switch c := t[start-1]; {
		case c >= 'a' && c <= 'z':
			if !cueBefore(t[:start]) {
				return false
			}
		case isDigit(c), c == '-', c == '/' && !plus, c == '=', c == '_', c == '#', c == '$', c == '.' && start > 1 && isDigit(t[start-2]),
			c == ',' && start > 1 && isDigit(t[start-2]), c == '+', c == '@':
			return false
		}
	}
	if end < len(t) {
		switch c := t[end]; {
		case c >= 'a' && c <= 'z' && !(c == 'e' && end+1 < len(t) && t[end+1] == 'x'): // ext.
			return false
		case c == '%', c == '_', c == '@', c == '-' && end+1 < len(t) && t[end+1] >= 'a' && t[end+1] <= 'z',
			c == ',' && end+1 < len(t) && isDigit(t[end+1]), c == ':' && end+1 < len(t) && isDigit(t[end+1]):
			return false
		case c >= utf8.RuneSelf:
			switch l, _ := utf8.DecodeRune(t[end:]); l {
			case '円', '元', '年', '月', '号', '個', '点', '枚', '件', '원', '₽', '€':
				return false
			}
		}
	}
	return true
}

// cueBefore reports whether a text ends with a word that numbers are written behind: TEL0312345678.
func cueBefore(t []byte) bool {
	for _, cue := range [...]string{"tel", "telephone", "phone", "fax", "call", "mobile", "ph", "tlf"} {
		if n := len(t) - len(cue); n >= 0 && string(t[n:]) == cue && (n == 0 || t[n-1] < 'a' || t[n-1] > 'z') {
			return true
		}
	}
	return false
}

// line gives the number in E.164, and whether its k groups are those of a telephone number.
func (r *numberReader) line(plus bool, k int) (subject.Line, bool) {
	d, groups := r.digits[:r.n], r.groups[:k]
	switch {
	case plus:
		return r.international(groups)
	case r.home == 1:
		return american(d)
	case d[0] != '0':
		return 0, false
	case r.home == subject.Japan:
		if !japanese(groups, r.n) {
			return 0, false
		}
	case d[1] == '0': // the prefix of international calls in most countries (ITU-T E.164 annex, E.123)
		if groups[0] < 3 && (groups[0] != 2 || k < 2) {
			return 0, false
		}
		r.n = copy(r.digits[:], d[2:])
		return r.international(nil)
	case r.n < 9 || r.n > 12 || !shaped(groups):
		return 0, false
	}
	a, err := subject.ParseAddress(d, r.home)
	if err != nil {
		return 0, false
	}
	return a.Line(), a.Kind() == subject.KindLine
}

// international reads what follows a plus sign. A trunk zero is no digit of it: +81 (0)90-1234-5678.
func (r *numberReader) international(groups []int) (subject.Line, bool) {
	at := 0
	switch {
	case r.digits[0] == '8' && r.digits[1] == '1' && r.digits[2] == '0':
		at = 2 // no Japanese number goes on with a zero
	case len(groups) > 2 && groups[0] <= 3 && groups[1] == 1 && r.digits[groups[0]] == '0':
		at = groups[0]
	}
	if at > 0 {
		copy(r.digits[at:], r.digits[at+1:r.n])
		r.n--
	}
	d := r.digits[:r.n]
	switch {
	case r.n < 8 || r.n > 15:
		return 0, false
	case d[0] == '1' && r.n != 11, d[0] == '8' && d[1] == '1' && r.n != 11 && r.n != 12:
		return 0, false
	}
	a, err := subject.International(d, 0)
	if err != nil {
		return 0, false
	}
	return a.Line(), true
}

// american reads ten digits of the North American plan, NXX-NXX-XXXX, divided or not.
func american(d []byte) (subject.Line, bool) {
	if len(d) == 11 && d[0] == '1' {
		d = d[1:]
	}
	if len(d) != 10 || d[0] < '2' || d[3] < '2' {
		return 0, false
	}
	n := uint64(1)
	for _, c := range d {
		n = n*10 + uint64(c-'0')
	}
	return subject.Line(n), true
}

// japanese reports whether n digits stand in groups as those of Japanese numbers do: in one
// (09012345678, 0312345678), in two (03-12345678, 090-12345678), or in three with three or four at the
// end (03-1234-5678, 0120-123-456).
func japanese(groups []int, n int) bool {
	last := groups[len(groups)-1]
	switch {
	case n < 10 || n > 11:
		return false
	case len(groups) == 1:
		return true
	case groups[0] < 2 || groups[0] > 7:
		return false
	case len(groups) == 2:
		return last == 4 || last >= 6
	}
	return len(groups) == 3 && (last == 3 || last == 4) && groups[1] <= 4
}

// shaped reports whether every group has two digits or more, and there are not too many.
func shaped(groups []int) bool {
	for _, g := range groups {
		if g < 2 {
			return false
		}
	}
	return len(groups) <= 6
}
