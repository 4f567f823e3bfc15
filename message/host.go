package message

import (
	"net/netip"
	"unicode/utf8"
)

// Limits of host names (RFC 1035 §2.3.4).
const (
	maxHost  = 253
	maxLabel = 63
)

// hostReader reads a host name from a folded text, in which readers and browsers agree less than one
// would wish about where it ends.
type hostReader struct {
	f         *Folded
	text      []byte
	explicit  bool   // a scheme stands before it: more is taken for a part of it
	narrow    bool   // it begins in ASCII as written, so that full-width letters behind it are the next word
	host      []byte // lower case, IDN in xn--
	at        int    // behind what has been read
	labels    int
	spaced    bool // there are spaces around its dots
	dotted    int  // octets of the dot before the label that is being read
	label     int  // where the last label begins in host
	flags     LinkFlags
	known     bool // the last label is a top level domain, and not the only one
	good      int  // the place behind the longest part that ends in a known top level domain
	goodLen   int  // its length in host
	goodFlags LinkFlags
	runes     [maxLabel + 1]rune
	shown     []byte // the last label as it looks in Latin, where it is written in other letters: сom
}

// isHostOctet: letters, digits and the hyphen (RFC 1123 §2.1), and the underscore, which resolvers take.
func isHostOctet(c byte) bool {
	return c >= 'a' && c <= 'z' || isDigit(c) || c == '-' || c == '_'
}

// read reads a host from the place at. It reports false where no name of two labels stands there.
func (h *hostReader) read(at int) bool {
	h.at, h.labels, h.label, h.good, h.goodLen, h.known, h.dotted = at, 0, 0, 0, 0, false, 0
	h.host = h.host[:0]
	h.narrow = at < len(h.text) && h.f.scratch.written[h.f.Origin[at]] < utf8.RuneSelf
	for { // ends with maxHost: every label makes the host longer
		if before := h.at; !h.readLabel() {
			h.at = max(before-h.dotted, at)
			break
		}
		if h.known = h.isKnown(); h.known {
			h.good, h.goodLen, h.goodFlags = h.at, len(h.host), h.flags
		}
		n, disguised := h.dot(h.at)
		if n == 0 {
			break
		}
		if len(h.host) >= maxHost-1 { // too long to be looked up, and so is every part of it that ends there
			for h.at < len(h.text) && (isHostOctet(h.text[h.at]) || h.text[h.at] == '.') {
				h.at++
			}
			h.host = h.host[:0]
			return false
		}
		if disguised {
			h.flags |= LinkDisguised
		}
		h.at += n
		h.dotted = n
		h.host = append(h.host, '.')
	}
	if n := len(h.host); n > 0 && h.host[n-1] == '.' { // a dot and no label behind it
		h.host = h.host[:n-1]
	}
	return h.labels >= 2 && len(h.host) <= maxHost
}

// isKnown reports whether the last label read is a top level domain of the public suffix list.
func (h *hostReader) isKnown() bool {
	suffixes := h.f.scratch.suffixes
	return h.labels >= 2 && (suffixes.known(h.host[h.label:]) || len(h.shown) > 0 && suffixes.known(h.shown))
}

// run gives the end of the ASCII letters, digits and hyphens at i.
func (h *hostReader) run(i int) int {
	limit := min(len(h.text), i+maxHost)
	for i < limit && isHostOctet(h.text[i]) {
		i++
	}
	return i
}

// letterAt gives the rune at i if it is a letter beyond ASCII that a name may have.
func (h *hostReader) letterAt(i int) (r rune, size int, c class) {
	if i >= len(h.text) || h.text[i] < utf8.RuneSelf {
		return 0, 0, other
	}
	r, size = utf8.DecodeRune(h.text[i:])
	if c = h.f.scratch.tables.look(r).class; c.letter() {
		return r, size, c
	}
	return 0, 0, other
}

// readLabel appends a label to host, in its xn-- form where it has letters beyond ASCII.
func (h *hostReader) readLabel() bool {
	start := h.at
	end := h.run(start)
	suffixes := h.f.scratch.suffixes
	if h.narrow && h.labels > 0 {
		// https://example.comＡ社: full width ends a name that could end here.
		for i := start; i < end; i++ {
			if h.f.scratch.written[h.f.Origin[i]] >= utf8.RuneSelf {
				if suffixes.known(h.text[start:i]) {
					end = i
				}
				break
			}
		}
	}
	plain := true
	if _, n, _ := h.letterAt(end); n > 0 && (end == h.run(start)) {
		wide, ok := h.wideEnd(start)
		// Text that follows a name directly (https://example.comをご確認) is no part of it.
		switch {
		case !ok:
		case end == start || h.labels == 0,
			!suffixes.known(h.text[start:end]) && (h.dotBefore(wide) || h.seen(h.text[start:wide]) && suffixes.known(h.shown)),
			h.topLevelBehind(wide):
			plain, end = false, wide
		}
	}
	if h.explicit && plain && end > start && end+1 < len(h.text) && isWhite(h.text[end]) && !h.complete(start, end) {
		// https://exam ple.com: broken within a label
		if next := h.run(end + 1); next > end+1 && h.labels < 2 && h.topLevelBehind(next) {
			return h.joined(start, end, next)
		}
	}
	if end == start || end-start > 4*maxLabel {
		return false
	}
	h.label = len(h.host)
	h.shown = h.shown[:0]
	if plain {
		label := h.text[start:end]
		if len(label) > maxLabel {
			return false
		}
		h.host = append(h.host, label...)
		if len(label) > 4 && string(label[:4]) == "xn--" {
			h.flags |= LinkIDN
			if n, ok := punyDecode(h.runes[:], label[4:]); ok {
				h.mixed(h.runes[:n])
			}
		}
	} else if !h.appendIDN(h.text[start:end]) {
		return false
	}
	h.at = end
	h.labels++
	return true
}

// complete reports whether the name would be one if the label from start to end were its last.
func (h *hostReader) complete(start, end int) bool {
	return h.labels >= 1 && h.f.scratch.suffixes.known(h.text[start:end])
}

// joined takes a label that is broken by white space before next.
func (h *hostReader) joined(start, end, next int) bool {
	if end-start+next-end-1 > maxLabel {
		return false
	}
	h.label = len(h.host)
	h.shown = h.shown[:0]
	h.host = append(append(h.host, h.text[start:end]...), h.text[end+1:next]...)
	h.flags |= LinkDisguised
	h.at = next
	h.labels++
	return true
}

// wideEnd gives the end of a label with letters beyond ASCII, and whether it may be one.
func (h *hostReader) wideEnd(i int) (end int, ok bool) {
	for n := 0; n <= maxLabel; n++ {
		if i < len(h.text) && isHostOctet(h.text[i]) {
			i++
		} else if _, size, _ := h.letterAt(i); size > 0 {
			i += size
		} else {
			return i, true
		}
	}
	return i, false
}

// dotBefore reports whether a dot stands at i with a letter or digit behind it.
func (h *hostReader) dotBefore(i int) bool {
	return i+1 < len(h.text) && h.text[i] == '.' && (isHostOctet(h.text[i+1]) || h.text[i+1] >= utf8.RuneSelf)
}

// topLevelBehind reports whether a dot and a known top level domain stand at i.
func (h *hostReader) topLevelBehind(i int) bool {
	for range 3 { // labels
		if !h.dotBefore(i) {
			return false
		}
		end := min(h.run(i+1), i+1+maxLabel)
		if h.f.scratch.suffixes.known(h.text[i+1 : end]) {
			return true
		}
		if end == i+1 {
			return false
		}
		i = end
	}
	return false
}

func isWhite(c byte) bool { return c == ' ' || c == '\n' }

// dot gives the octets at i that stand for a dot with another label behind it, or 0.
func (h *hostReader) dot(i int) (n int, disguised bool) {
	t := h.text
	if i+1 >= len(t) {
		return 0, false
	}
	label := func(i int) bool {
		if i >= len(t) {
			return false
		}
		if t[i] < utf8.RuneSelf {
			return isHostOctet(t[i]) && t[i] != '-'
		}
		_, n, _ := h.letterAt(i)
		return n > 0
	}
	known := h.known
	switch c := t[i]; {
	case c == '.':
		if label(i + 1) {
			return 1, false
		}
		if h.explicit && isWhite(t[i+1]) && label(i+2) && (!known || h.spaced && h.topLevelAt(i+2)) { // https://example. com
			h.spaced = true
			return 2, true
		}
	case c == '[' || c == '(' || c == '{': // example[.]com
		if n := bracketed(t, i); n > 0 && label(i+n) {
			return n, true
		}
	case c == 0xE3 && i+3 < len(t) && string(t[i:i+3]) == "。": // U+3002 is a dot in names (UTS #46 §4, RFC 3490 §3.1)
		if t[i+3] < utf8.RuneSelf && label(i+3) && (!known || h.f.scratch.suffixes.known(t[i+3:h.run(i+3)])) {
			return 3, true
		}
	case (h.explicit || h.spaced) && isWhite(c) && t[i+1] == '.': // https://example . com
		n = 2
		if i+2 < len(t) && isWhite(t[i+2]) {
			n = 3
		} else if !h.explicit {
			return 0, false
		}
		if label(i+n) && (!known || (n == 2 || h.spaced) && h.topLevelAt(i+n)) {
			h.spaced = true
			return n, true
		}
	}
	return 0, false
}

// topLevelAt reports whether the word at i is a top level domain.
func (h *hostReader) topLevelAt(i int) bool {
	return h.f.scratch.suffixes.known(h.text[i:h.run(i)])
}

// bracketed gives the length of a dot in brackets at i, 0 if there is none.
func bracketed(t []byte, i int) int {
	for _, dot := range [...]string{".", "。", "dot", " . ", " dot "} {
		n := 1 + len(dot)
		if i+n < len(t) && string(t[i+1:i+n]) == dot && (t[i+n] == ']' || t[i+n] == ')' || t[i+n] == '}') {
			return n + 1
		}
	}
	return 0
}

// appendIDN appends a label of folded text in the form in which it is looked up (RFC 5891 §4). Folding
// is very nearly the mapping of UTS #46, so only the encoding is left to do.
func (h *hostReader) appendIDN(label []byte) bool {
	n := 0
	for i := 0; i < len(label); n++ {
		if n > maxLabel {
			return false
		}
		r, size := utf8.DecodeRune(label[i:])
		h.runes[n] = r
		i += size
	}
	h.mixed(h.runes[:n])
	h.seen(label)
	start := len(h.host)
	h.host = punyEncode(append(h.host, "xn--"...), h.runes[:n])
	h.flags |= LinkIDN
	return len(h.host)-start <= maxLabel
}

// seen fills shown with what a label looks like in Latin letters, and reports whether it looks so all over.
func (h *hostReader) seen(label []byte) bool {
	h.shown = h.shown[:0]
	for i := 0; i < len(label); {
		r, n := utf8.DecodeRune(label[i:])
		c := h.f.scratch.tables.look(r).like &^ likeAlways
		if r < utf8.RuneSelf {
			c = byte(r)
		}
		if c == 0 {
			h.shown = h.shown[:0]
			return false
		}
		h.shown = append(h.shown, c)
		i += n
	}
	return true
}

// mixed flags a label with letters of two alphabets. Kanji and Kana stand beside Latin in honest names.
func (h *hostReader) mixed(runes []rune) {
	var scripts uint32
	for _, r := range runes {
		if c := h.f.scratch.tables.look(r).class; c.alphabetic() {
			scripts |= 1 << c
		}
	}
	if scripts&(scripts-1) != 0 {
		h.flags |= LinkMixed
	}
}

// address reads a host that ends in a number as an IPv4 address in any base and with any number of
// parts, as browsers do (https://url.spec.whatwg.org/#concept-ipv4-parser).
func address(host []byte) (ip [4]byte, plain, ok bool) {
	var parts [4]uint64
	n := 0
	plain = true
	for start := 0; ; {
		end := start
		for end < len(host) && host[end] != '.' {
			end++
		}
		if n == 4 {
			return ip, false, false
		}
		v, decimal, good := number(host[start:end])
		if !good {
			return ip, false, false
		}
		plain = plain && decimal
		parts[n] = v
		n++
		if end == len(host) {
			break
		}
		start = end + 1
	}
	v := parts[n-1]
	if v >= 1<<(8*(5-n)) {
		return ip, false, false
	}
	for i, p := range parts[:n-1] {
		if p > 255 {
			return ip, false, false
		}
		v |= p << (24 - 8*i)
	}
	return [4]byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)}, plain && n == 4, true
}

// number reads a part of an address: decimal, 0x hexadecimal or 0 octal.
func number(s []byte) (v uint64, decimal, ok bool) {
	base := uint64(10)
	decimal = true
	switch {
	case len(s) == 0:
		return 0, false, false
	case len(s) >= 2 && s[0] == '0' && s[1] == 'x':
		s, base, decimal = s[2:], 16, false
	case len(s) >= 2 && s[0] == '0':
		s, base, decimal = s[1:], 8, false
	}
	for _, c := range s {
		d := uint64(c - '0')
		if d > 9 {
			if d = uint64(c-'a') + 10; c < 'a' {
				return 0, false, false
			}
		}
		if d >= base {
			return 0, false, false
		}
		if v = v*base + d; v > 1<<32 {
			return 0, false, false
		}
	}
	return v, decimal, true
}

func appendIP4(dst []byte, ip [4]byte) []byte { return appendIP(dst, netip.AddrFrom4(ip)) }

// appendIP appends an address; IPv6 in brackets (RFC 3986 §3.2.2), in the form of RFC 5952.
func appendIP(dst []byte, a netip.Addr) []byte {
	if a.Is6() {
		return append(a.AppendTo(append(dst, '[')), ']')
	}
	return a.AppendTo(dst)
}
