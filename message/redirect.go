package message

import "bytes"

// redirects reports whether another link stands in a path, as it is, with %3a for its colon, in base64 (aHR0c
// is "http"), or as the cache of a search engine writes it.
func redirects(folded, written []byte) bool {
	if bytes.Contains(written, []byte("aHR0c")) || bytes.Contains(folded, []byte("=//")) || bytes.Contains(folded, []byte("=www.")) || bytes.Contains(folded, []byte("/amp/s/")) {
		return true
	}
	for {
		i := bytes.Index(folded, []byte("http"))
		if i < 0 {
			return false
		}
		folded = folded[i+4:]
		rest := bytes.TrimPrefix(folded, []byte("s"))
		if bytes.HasPrefix(rest, []byte(":/")) || bytes.HasPrefix(rest, []byte("%3a")) || bytes.HasPrefix(rest, []byte("%253a")) {
			return true
		}
	}
}

// target appends to octets the host that a path leads on to, and gives it: the innermost one, of parameters
// side by side that of the first which leads to another domain. It gives nothing where none can be read.
func (l *linker) target(path, domain []byte) []byte {
	s := &l.f.scratch
	flags := l.flags
	defer func() { l.flags = flags }() // reading a host sets what is true of it
	from := len(s.octets)
	for len(path) > 0 {
		part := path
		if i := bytes.IndexByte(path, '&'); i >= 0 {
			part, path = path[:i], path[i+1:]
		} else {
			path = nil
		}
		if !l.innermost(part) {
			continue
		}
		own := bytes.Equal(s.suffixes.domain(l.host), domain)
		if len(s.octets) == from || !own {
			s.octets = append(s.octets[:from], l.host...)
		}
		if !own {
			break
		}
	}
	if len(s.octets) == from {
		return nil
	}
	return s.octets[from:len(s.octets):len(s.octets)]
}

// innermost reads into host the last host in a parameter, whose escapes are undone up to twice.
func (l *linker) innermost(part []byte) bool {
	s := &l.f.scratch
	s.part = append(s.part[:0], part...)
	for range 2 {
		s.part = unescape(s.part)
	}
	if i := bytes.Index(s.part, []byte("aHR0c")); i >= 0 {
		n := len(s.part)
		s.part = append(s.part, s.part[i:]...)
		s.part = s.part[n : n+unbase64(s.part[n:])]
	}
	text := s.part
	for end := len(text); end > 0; {
		i := bytes.LastIndex(text[:end], []byte("//"))
		if i < 0 {
			break
		}
		if i > 0 && (text[i-1] == ':' || text[i-1] == '=') && l.nested(text[i+2:]) {
			return true
		}
		end = i
	}
	for _, before := range [...]string{"=www.", "/amp/s/"} {
		if i := bytes.LastIndex(text, []byte(before)); i >= 0 {
			i += len(before)
			if before[0] == '=' {
				i -= len("www.")
			}
			if l.nested(text[i:]) {
				return true
			}
		}
	}
	return false
}

// nested reads the authority (RFC 3986 §3.2) at the beginning of text into host.
func (l *linker) nested(text []byte) bool {
	if i := bytes.IndexAny(text, `/\?#"<> `); i >= 0 {
		text = text[:i]
	}
	text = text[bytes.LastIndexByte(text, '@')+1:]
	if i := bytes.IndexByte(text, ':'); i >= 0 {
		text = text[:i]
	}
	text = bytes.TrimRight(text, ".,)]}'")
	if len(text) > maxHost {
		return false
	}
	l.host = l.host[:0]
	labels := 0
	for {
		label, rest, more := bytes.Cut(text, []byte("."))
		if len(label) == 0 || len(label) > maxLabel {
			return false
		}
		l.label = len(l.host)
		ascii := true
		for _, c := range label {
			if c >= 'A' && c <= 'Z' {
				c |= 0x20
			}
			ascii = ascii && isHostOctet(c)
			l.host = append(l.host, c)
		}
		if !ascii && !l.nestedIDN(label) {
			return false
		}
		labels++
		if !more {
			break
		}
		l.host = append(l.host, '.')
		text = rest
	}
	if ip, _, ok := address(l.host); ok {
		l.host = appendIP4(l.host[:0], ip)
		return true
	}
	return labels > 1 && l.f.scratch.suffixes.known(l.host[l.label:])
}

// nestedIDN writes the last label of host anew, folded and in its xn-- form.
func (l *linker) nestedIDN(label []byte) bool {
	s := &l.f.scratch
	s.idn = s.idn[:0]
	for _, r := range text(label) {
		if c := s.tables.look(r).class; !c.letter() && c != digit && r != '-' {
			return false
		}
		s.idn = s.tables.folded(s.idn, r)
	}
	l.host = l.host[:l.label]
	return len(s.idn) > 0 && l.appendIDN(s.idn)
}

// unescape undoes percent-encoding (RFC 3986 §2.1) in place.
func unescape(s []byte) []byte {
	if bytes.IndexByte(s, '%') < 0 {
		return s
	}
	o := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '%' && i+2 < len(s) {
			if v, ok := unhex(s[i+1], s[i+2]); ok {
				c = v
				i += 2
			}
		}
		s[o] = c
		o++
	}
	return s[:o]
}

func unhex(a, b byte) (byte, bool) {
	v := 0
	for _, c := range [2]byte{a, b} {
		switch {
		case isDigit(c):
			v = v<<4 | int(c-'0')
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			v = v<<4 | int(c|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	return byte(v), true
}

// unbase64 undoes base64 (RFC 4648 §4 and §5) in place as far as it goes, and gives how many octets it was.
func unbase64(s []byte) int {
	o, bits, n := 0, uint32(0), 0
	for _, c := range s {
		var v byte
		switch {
		case c >= 'A' && c <= 'Z':
			v = c - 'A'
		case c >= 'a' && c <= 'z':
			v = c - 'a' + 26
		case isDigit(c):
			v = c - '0' + 52
		case c == '+' || c == '-':
			v = 62
		case c == '/' || c == '_':
			v = 63
		default:
			return o
		}
		bits = bits<<6 | uint32(v)
		if n += 6; n >= 8 {
			n -= 8
			s[o] = byte(bits >> n)
			o++
		}
	}
	return o
}

// unescapeHosts undoes percent-encoding in the authority of links, as browsers do, where it makes a letter, a
// digit, a dot or a hyphen. What comes out may complete another escape, so that folding again changes nothing.
func (f *Folded) unescapeHosts() {
	s := &f.scratch
	if len(s.points) == 0 || bytes.IndexByte(f.Text, '%') < 0 {
		return
	}
	e := edit{f: f}
	text := f.Text
	for _, p := range s.points {
		i := int(p)
		if text[i] != ':' || i < e.kept {
			continue
		}
		slash := i + 1
		for i = slash; i < len(text) && (text[i] == '/' || text[i] == '\\'); i++ {
		}
		if i == slash {
			continue
		}
		end := i
		escaped := false
		for ; end < len(text) && end < i+4*maxHost; end++ {
			c := text[end]
			if c <= ' ' || c == '/' || c == '\\' || c == '?' || c == '#' {
				break
			}
			escaped = escaped || c == '%'
		}
		if !escaped {
			continue
		}
		e.keep(i)
		from := e.o
		for ; i < end; i++ {
			e.keep(i + 1)
			for e.o >= from+3 && text[e.o-3] == '%' {
				c, ok := unhex(text[e.o-2], text[e.o-1])
				if c >= 'A' && c <= 'Z' {
					c |= 0x20
				}
				if !ok || !isHostOctet(c) && c != '.' {
					break
				}
				text[e.o-3] = c
				e.o -= 2
			}
		}
	}
	if e.o != e.kept {
		e.done()
		f.mark()
	}
}
