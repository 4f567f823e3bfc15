package inspect

import (
	"bytes"
	"strings"

	"github.com/sekisho/sekisho/message"
)

// labels are the names within official domains, and what a look-alike of one is told by.
type labels struct {
	exact map[string]bool
	// near holds every name with one letter left out: two names are one edit apart only if they share
	// such a rest, or one of them is the other's.
	near  map[string]bool
	names *matcher // found anywhere in a word
}

const (
	minSame   = 5  // letters of a name under another suffix; shorter ones are everybody's initials
	minWithin = 6  // letters of a name that is seen within another word
	minNear   = 7  // letters of a name that a typing error is seen in
	maxLabel  = 32 // letters of a label that is compared
)

func newLabels(b *Brands) *labels {
	l := &labels{exact: map[string]bool{}, near: map[string]bool{}}
	var within []phrase
	for name := range b.labels {
		l.exact[name] = true
		generic := strings.HasSuffix(name, "bank") && len(name) < 9 // half the banks of the world are a letter away
		if len(name) >= minWithin && !generic && name != "icloud" {
			within = append(within, phrase{text: name})
		}
		if len(name) < minNear || generic {
			continue
		}
		for i := range name {
			l.near[name[:i]+name[i+1:]] = true
		}
	}
	l.names = newMatcher(within)
	return l
}

// check looks for the name of a brand in a host that is not the brand's.
func (l *labels) check(r *Report, link *message.Link) {
	host := link.Host
	if len(host) > 255 {
		return
	}
	sub := host[:len(host)-len(link.Domain)]
	name, suffix, _ := bytes.Cut(link.Domain, []byte("."))
	if l.same(name) {
		if len(name) >= minSame && throwaway(suffix) {
			r.meet(lookalikeDomain, link.Host, link.Span)
		}
		return
	}
	if l.almost(name) {
		r.meet(lookalikeDomain, link.Host, link.Span)
		return
	}
	if l.within(sub) || l.within(name) {
		r.meet(brandInHost, link.Host, link.Span)
	} else if len(link.Path) <= maxHost && l.within(link.Path) { // shops and newspapers have names in theirs, too
		r.meet(brandInPath, link.Host, link.Span)
	}
}

// same reports whether a registrable name is that of a brand, whatever the suffix. Brands have their name in
// many countries, more than any list holds; throwaway tells where they have not.
func (l *labels) same(name []byte) bool { return l.exact[string(name)] }

func throwaway(suffix []byte) bool {
	i := bytes.LastIndexByte(suffix, '.')
	top := suffix[i+1:]
	if i >= 0 && len(top) == 2 {
		return false // com.cn is for companies there, cn for anybody
	}
	switch string(top) {
	case "com", "net", "org", "co", "jp", "info", "biz", "app", "dev", "io":
		return false
	case "cc", "pw", "tk", "ml", "ga", "cf", "gq", "ws", "cn", "ru", "su", "ly":
		return true
	}
	return len(top) != 2
}

// almost reports whether a name is one edit away from a brand's, or its own with hyphens or digits for
// letters (rakut3n, micro-soft).
func (l *labels) almost(name []byte) bool {
	if len(name) < minNear-1 || len(name) > maxLabel {
		return false
	}
	var room, rest [maxLabel]byte
	plain := room[:0]
	for _, c := range name {
		switch c {
		case '-':
			continue
		case '0':
			c = 'o'
		case '1':
			c = 'l'
		case '3':
			c = 'e'
		case '5':
			c = 's'
		}
		plain = append(plain, c)
	}
	if len(plain) < minNear-1 {
		return false
	}
	if !bytes.Equal(plain, name) && l.same(plain) {
		return true
	}
	if l.near[string(plain)] {
		return true // a letter is missing
	}
	for i := range plain {
		short := append(append(rest[:0], plain[:i]...), plain[i+1:]...)
		if len(short) >= minNear && l.same(short) {
			return true // a letter too many
		}
		if len(plain) >= minNear && l.near[string(short)] {
			return true // another letter, or two exchanged
		}
	}
	return false
}

// within reports whether the name of a brand is a word of b, between dots and hyphens, or a longer one part
// of a word.
func (l *labels) within(b []byte) bool {
	for start := 0; start < len(b); {
		end := start
		for end < len(b) && b[end] != '.' && b[end] != '-' {
			end++
		}
		if l.same(b[start:end]) {
			return true
		}
		start = end + 1
	}
	return l.names.contains(b)
}
