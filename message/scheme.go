package message

import (
	"bytes"
	"net/netip"
	"unicode/utf8"
)

// schemed looks for a link whose scheme ends with the colon at p.
func (l *linker) schemed(p int) {
	t := l.text
	at := p + 1
	if at+1 < len(t) && t[at] == ' ' && t[at+1] == '/' {
		at++
	}
	slash := at
	for at < len(t) && (t[at] == '/' || t[at] == '\\') {
		at++
	}
	if at == slash || at >= len(t) {
		return
	}
	start, flags := l.scheme(p)
	if flags == 0 {
		return
	}
	l.flags = flags
	if slash > p+1 {
		l.flags |= LinkDisguised
	}
	if isWhite(t[at]) {
		at++
		l.flags |= LinkDisguised
	}
	l.explicit, l.spaced = true, false
	at = l.userinfo(at)
	if at < len(t) && t[at] == '[' && l.v6(start, at) {
		return
	}
	if !l.read(at) && !l.oneLabel() {
		if l.labels > 1 { // too long
			l.done = l.at
		}
		return
	}
	// Behind a scheme every top level domain is taken, for there are new ones. Only where the next
	// sentence follows without a space (example.com.Please), the name ends before it.
	end := l.at
	if l.goodLen > 0 && l.good < end && l.upper(l.good+1) && !l.upper(l.good-1) && !l.pathOrPort(end) {
		l.host, end = l.host[:l.goodLen], l.good
	}
	if ip, plain, ok := address(l.host); ok {
		l.flags |= LinkAddress
		if !plain {
			l.flags |= LinkDisguised
		}
		l.host = appendIP4(l.host[:0], ip)
	} else if l.labels < 2 {
		return
	}
	l.finish(start, end)
}

// scheme gives the place where the scheme that ends with the colon at p begins: http, https, hxxp, and what is left
// of them where the first letter is missing or another one. One space may stand within: h ttp.
func (l *linker) scheme(p int) (start int, flags LinkFlags) {
	t := l.text
	i := p
	spaced := false
	back := func() byte {
		if i > l.done && isWhite(t[i-1]) && !spaced {
			spaced = true
			i--
		}
		if i == l.done {
			return 0
		}
		i--
		return t[i]
	}
	flags = LinkScheme
	c := back()
	if c == 's' {
		flags |= LinkHTTPS
		c = back()
	}
	if c != 'p' {
		return 0, 0
	}
	second, first := back(), back()
	if second != first || second != 't' && second != 'x' {
		return 0, 0
	}
	if second == 'x' {
		flags |= LinkDisguised
	}
	start = i
	if was := spaced; back() == 'h' && (was == spaced || i == l.done || !isHostOctet(t[i-1])) { // not: with ttp:
		start = i
	} else if spaced = was; spaced {
		return 0, 0
	} else {
		flags |= LinkDisguised
	}
	if spaced {
		flags |= LinkDisguised
	}
	return start, flags
}

// oneLabel reports whether the one label that has been read can be an address: 0x7f000001.
func (l *linker) oneLabel() bool {
	_, _, ok := address(l.host)
	return ok && l.labels == 1
}

// userinfo gives the place behind an @ in the authority at i (RFC 3986 §3.2.1), or i where there is none.
func (l *linker) userinfo(i int) int {
	at := i
	for j := i; j < len(l.text) && j < i+256; j++ {
		switch c := l.text[j]; {
		case c == '@':
			at = j + 1
		case c <= ' ' || c >= utf8.RuneSelf || c == '/' || c == '\\' || c == '?' || c == '#' || c == '<' || c == '>' || c == '"':
			j = len(l.text)
		}
	}
	if at > i {
		l.flags |= LinkUserinfo
	}
	return at
}

// v6 reads an address in brackets (RFC 3986 §3.2.2).
func (l *linker) v6(start, at int) bool {
	n := bytes.IndexByte(l.text[at:min(len(l.text), at+48)], ']')
	if n < 4 {
		return false
	}
	literal := l.text[at+1 : at+n]
	for _, c := range literal {
		if !isDigit(c) && (c < 'a' || c > 'f') && c != ':' && c != '.' {
			return false
		}
	}
	a, err := netip.ParseAddr(text(literal))
	if err != nil || !a.Is6() {
		return false
	}
	l.host = appendIP(l.host[:0], a)
	l.flags |= LinkAddress
	l.finish(start, at+n+1)
	return true
}
