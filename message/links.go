package message

import (
	"bytes"
	"unicode/utf8"
)

// MaxLinks and MaxNumbers are how many links and numbers of one text are listed.
const (
	MaxLinks   = 16
	MaxNumbers = 16
)

// linker finds the links in Text before look-alikes have been undone: аpple.com is not apple.com.
// It only looks where the main pass has seen a dot or a colon.
type linker struct {
	hostReader
	done int // behind the last place that has been looked at
}

func (f *Folded) links() {
	s := &f.scratch
	if len(s.points) == 0 {
		return
	}
	l := &s.linker
	l.f, l.text, l.done = f, f.Text, 0
	for _, p := range s.points {
		if len(f.Links) == MaxLinks {
			break
		}
		switch at := int(p); {
		case at < l.done:
		case f.Text[at] == ':':
			l.schemed(at)
		case f.Text[at] == '[' || f.Text[at] == '(' || f.Text[at] == '{':
			if n := bracketed(f.Text, at); n > 0 {
				l.bare(at, n)
			}
		case f.Text[at] == '.':
			l.bare(at, 1)
		default:
			l.bare(at, len("。"))
		}
	}
	l.f, l.text = nil, nil
}

// bare looks for a link without a scheme around the dot at p, as telephones make them out of texts.
func (l *linker) bare(p, width int) {
	t := l.text
	left, right := p, p+width
	l.spaced = false
	if width == 1 && left > l.done+1 && right+1 < len(t) && t[left-1] == ' ' && t[right] == ' ' { // example . com
		l.spaced = true
		left--
		right++
	} else if left > l.done+1 && right < len(t) && (t[left-1] == '[' || t[left-1] == '(' || t[left-1] == '{') {
		left--
	} else if left == l.done || right >= len(t) || t[right] < utf8.RuneSelf && !isHostOctet(t[right]) {
		return
	}
	if (width > 1 || l.spaced) && (t[left-1] >= utf8.RuneSelf || t[right] >= utf8.RuneSelf) {
		return
	}
	if end := l.spelled(left); end > 0 { // ア.プ.リ.を
		l.done = end
		return
	}
	start, ok := l.labelStart(left)
	if !ok {
		return
	}
	l.flags, l.explicit = 0, false
	if !l.read(start) {
		l.done = max(l.done, min(l.at, len(t)))
		return
	}
	l.done = l.at
	end := l.at
	if end < len(t) && t[end] == '@' || start > 0 && t[start-1] == '@' { // an address of mail
		return
	}
	if ip, plain, ok := address(l.host); ok {
		// 1.2.3.4 may be a version or a paragraph; with a path or a port it is a link.
		if plain && l.pathOrPort(end) {
			l.flags |= LinkAddress
			l.host = appendIP4(l.host[:0], ip)
			l.finish(start, end)
		}
		return
	}
	if l.goodLen == 0 {
		return
	}
	if l.good < end && l.pathOrPort(end) { // amazon.co.jp.new/login is not amazon.co.jp
		l.finish(start, end)
		return
	}
	l.host, end, l.flags = l.host[:l.goodLen], l.good, l.goodFlags
	if l.spaced && !l.spacedName(end) || !l.plausible(start, end) {
		return
	}
	l.finish(start, end)
}

// spacedName reports whether a name with spaces around its dots is meant as one: people put them there in
// "it . so" as well.
func (l *linker) spacedName(end int) bool {
	switch string(l.host[bytes.LastIndexByte(l.host, '.')+1:]) {
	case "com", "jp":
		return true
	}
	return l.pathOrPort(end)
}

// spelled gives the end of four or more single letters of Kanji and Kana with dots behind them, the first of which is
// the one before the dot at i; 0 where there are fewer.
func (l *linker) spelled(i int) (end int) {
	if l.text[i-1] < utf8.RuneSelf {
		return 0
	}
	_, n := utf8.DecodeLastRune(l.text[:i])
	i -= n
	for n = 0; ; n++ {
		_, size, c := l.letterAt(i)
		if c < hiragana || c > han || i+size >= len(l.text) || l.text[i+size] != '.' {
			break
		}
		i += size + 1
	}
	if n < 4 {
		return 0
	}
	return i
}

// labelStart finds where the label that ends at end begins. Kanji and Kana before ASCII letters are the
// text before the link; other alphabets are a part of the label, for they are put there to deceive.
func (l *linker) labelStart(end int) (start int, ok bool) {
	t := l.text
	tables := l.f.scratch.tables
	i := end
	ascii, cjk := false, false
	for n := 0; i > l.done && n <= maxLabel; n++ {
		if c := t[i-1]; c < utf8.RuneSelf {
			if !isHostOctet(c) {
				break
			}
			if cjk {
				return 0, false // amazonログイン.com without a scheme: no telephone links it
			}
			ascii = true
			i--
			continue
		}
		r, size := utf8.DecodeLastRune(t[:i])
		c := tables.look(r).class
		if !c.letter() {
			break
		}
		if c >= hangul && c <= han {
			if ascii {
				break
			}
			cjk = true
		} else if cjk {
			return 0, false
		} else {
			ascii = true
		}
		i -= size
	}
	for i < end && (t[i] == '-' || t[i] == '_') {
		i++
	}
	// A name of Kanji and Kana alone: 価格.com, but not the end of a sentence.
	if cjk && utf8.RuneCountInString(text(t[i:end])) > 12 {
		return 0, false
	}
	return i, i < end
}

func (l *linker) pathOrPort(i int) bool {
	t := l.text
	return i+1 < len(t) && (t[i] == '/' && t[i+1] > ' ' || t[i] == ':' && isDigit(t[i+1]))
}

// plausible reports whether a name without a scheme is meant as a link. "ok.thanks" has no top level
// domain; "later.so", "home.my" and "readme.md" have one that is a word or an ending as well, so that
// they need something else to show for it.
func (l *linker) plausible(start, end int) bool {
	host := l.host
	suffixes := l.f.scratch.suffixes
	suffix := suffixes.split(host)
	if suffix == 0 || suffix >= len(host) { // a public suffix alone
		return false
	}
	top := bytes.LastIndexByte(host, '.') + 1
	if l.pathOrPort(end) || l.flags&LinkDisguised != 0 {
		return true
	}
	if len(host) > 4 && string(host[:4]) == "www." {
		return true
	}
	if start > 0 && l.text[start-1] == '.' { // ...
		return false
	}
	switch string(host[top:]) {
	case "com", "net", "org", "jp":
		return true
	}
	// The next sentence begins without a space: "ok.Live long".
	n := len(host) - top
	if end-n-2 >= start && l.upper(end-n) && !l.upper(end-n-2) && l.text[end-n-2] > '9' { // but KAVI65.BUZZ
		return false
	}
	if !suffixes.word(host[top:]) {
		return true
	}
	if l.at > end { // seat.woot.lol.last
		return false
	}
	return suffix < top || l.marked(host[:top-1]) || l.alone(start, end) || l.f.foreign()
}

// marked reports whether a name has what words have not: digits or hyphens among its letters, or three
// labels of some length.
func (l *linker) marked(name []byte) bool {
	letters, marks, dots, short := false, false, 0, 0
	run := 0
	for _, c := range name {
		run++
		switch {
		case c == '.':
			if dots++; run < 4 {
				short++
			}
			run = 0
		case c >= 'a' && c <= 'z':
			letters = true
		default:
			marks = true
		}
	}
	return letters && len(name) > 4 && (marks || dots > 0 && short == 0 && run > 2)
}

// alone reports whether a line is nothing but the name, or ends with a colon and the name.
func (l *linker) alone(start, end int) bool {
	t := l.text
	if end < len(t) && t[end] != '\n' {
		return false
	}
	if start > 0 && t[start-1] == ' ' {
		start--
		return start > 0 && t[start-1] == ':'
	}
	return start > 0 && (t[start-1] == '\n' || t[start-1] == ':')
}

// foreign reports whether the text is in a script in which a name in Latin letters is no word of the
// next sentence.
func (f *Folded) foreign() bool {
	n := &f.Letters
	return int(n.Kana)+int(n.Han)+int(n.Hangul)+int(n.Cyrillic)+int(n.Arabic)+int(n.Thai)+int(n.Devanagari)+int(n.Other) >= 8
}

// upper reports whether the letter at i was written as a capital.
func (l *linker) upper(i int) bool {
	return i < len(l.text) && isUpper(l.f.scratch.written[l.f.Origin[i]])
}

func isUpper(c byte) bool { return c >= 'A' && c <= 'Z' }

var dot = []byte(".")

// finish adds the link that begins at start and whose host ends at end.
func (l *linker) finish(start, end int) {
	f, t := l.f, l.text
	hostEnd := end
	port := end
	if end+1 < len(t) && t[end] == ':' && isDigit(t[end+1]) {
		i := end + 1
		for i < len(t) && isDigit(t[i]) && i < end+7 {
			i++
		}
		if i <= end+6 {
			l.flags |= LinkPort
			end = i
		}
	}
	if end+1 < len(t) && t[end] == '.' && t[end+1] == '/' { // the root's own dot: example.com./a
		end++
	}
	path := end
	end = l.path(start, end)

	s := &f.scratch
	from := len(s.octets)
	s.octets = append(s.octets, l.host...)
	s.octets = append(s.octets, bytes.TrimSuffix(t[port:path], dot)...)
	pathFrom := len(s.octets)
	for i := path; i < end; i++ {
		s.octets = append(s.octets, l.asWritten(i))
	}
	if redirects(t[path:end], s.octets[pathFrom:]) {
		l.flags |= LinkRedirect
	}
	if l.broken(start, hostEnd) {
		l.flags |= LinkDisguised
	}
	url := s.octets[from:len(s.octets):len(s.octets)]
	link := Link{
		Span:  Span{f.Origin[start], l.spanEnd(end)},
		URL:   url,
		Host:  url[:len(l.host):len(l.host)],
		Path:  url[pathFrom-from:],
		Flags: l.flags,
	}
	link.Domain = link.Host
	if l.flags&LinkAddress == 0 {
		link.Domain = s.suffixes.domain(link.Host)
	}
	if l.flags&LinkRedirect != 0 {
		if link.Target = l.target(link.Path, link.Domain); len(link.Target) > 0 {
			link.TargetDomain = s.suffixes.domain(link.Target)
		}
	}
	f.Links = append(f.Links, link)
	l.done = end
}

// path gives the end of the path, query and fragment at i (RFC 3986 §3.3 to §3.5). Letters beyond ASCII
// end it: in Japanese the sentence goes on without a space, and browsers write them as %xx.
func (l *linker) path(start, i int) int {
	t := l.text
	if i >= len(t) || t[i] != '/' && t[i] != '?' && t[i] != '#' && (t[i] != '\\' || !l.explicit) {
		return i
	}
	written, origin := l.f.scratch.written, l.f.Origin
	narrow := written[origin[start]] < utf8.RuneSelf
	end := i
	open := 0 // parentheses
	for ; end < len(t); end++ {
		c := t[end]
		if c <= ' ' || c >= 0x7F || c == '"' || c == '<' || c == '>' || c == '`' || c == '{' || c == '}' || c == '|' || c == '^' ||
			narrow && written[origin[end]] >= utf8.RuneSelf {
			break
		}
		if c == '(' {
			open++
		} else if c == ')' {
			if open--; open < 0 {
				break
			}
		}
	}
	// Punctuation at the end belongs to the sentence.
	for end > i {
		switch t[end-1] {
		case '.', ',', ';', ':', '!', '?', '#', '\'', '(', '[', '*':
		case ']':
			if bytes.IndexByte(t[i:end], '[') >= 0 {
				return end
			}
		default:
			return end
		}
		end--
	}
	return end
}

// asWritten gives an octet of Text in the case in which it was written.
func (l *linker) asWritten(i int) byte {
	c := l.text[i]
	if c < 'a' || c > 'z' {
		return c
	}
	w := l.f.scratch.written[l.f.Origin[i]:]
	if isUpper(w[0]) || len(w) > 2 && w[0] == 0xEF && w[1] == 0xBC && w[2] >= 0xA1 && w[2] <= 0xBA { // Ａ to Ｚ
		return c &^ 0x20
	}
	return c
}

// broken reports whether something invisible, or a letter of a styled alphabet, stands within a link.
// White space has been seen by the reader of the host.
func (l *linker) broken(from, to int) bool {
	written, origin := l.f.scratch.written, l.f.Origin
	for i := from; i+1 < to; i++ {
		step := origin[i+1] - origin[i]
		if step == 0 || l.text[i] >= utf8.RuneSelf || l.text[i+1] >= utf8.RuneSelf {
			continue
		}
		w := written[origin[i]]
		if w < utf8.RuneSelf && step != 1 || w >= utf8.RuneSelf && (w != 0xEF || step != 3) {
			return true
		}
	}
	return false
}

// spanEnd is the offset in the written text behind the rune that Text[end-1] comes from.
func (f *Folded) spanEnd(end int) uint32 {
	at := f.Origin[end-1]
	_, n := utf8.DecodeRune(f.scratch.written[at:])
	return at + uint32(n)
}

func (l *linker) spanEnd(end int) uint32 { return l.f.spanEnd(end) }
