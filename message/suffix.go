package message

import (
	_ "embed"
	"strings"
	"sync"
	"unsafe"
)

//go:generate go run gen/suffixes.go

// suffixesText is the public suffix list (https://publicsuffix.org/list/, its format): rules by line,
// names in their xn-- form, the ICANN section before the private one.
//
//go:embed suffixes.txt
var suffixesText string

// suffixes is the public suffix list as a hash table of the rules' names. It answers in tens of
// nanoseconds and allocates nothing; golang.org/x/net/publicsuffix allocates for every name.
type suffixes struct {
	slots []suffixRule // a power of two of them, at most half in use
	mask  uint32
	depth int // labels of the longest name that a rule speaks of
}

type suffixRule struct {
	name  string
	flags uint8
}

const (
	ruleNormal    = 1 << iota // the name itself is a public suffix
	ruleWildcard              // *.name: every name below is one
	ruleException             // !name: it is none, though a wildcard says so
	rulePrivate               // from the private section
	ruleWord                  // a top level domain that is a word or an ending too
)

var publicSuffixes = sync.OnceValue(func() *suffixes { return readSuffixes(suffixesText) })

// readSuffixes reads a list in the format of publicsuffix.org.
func readSuffixes(list string) *suffixes {
	lines := strings.Count(list, "\n") + 1
	size := 1024
	for size < 2*lines {
		size *= 2
	}
	s := &suffixes{slots: make([]suffixRule, size), mask: uint32(size - 1)}
	private := uint8(0)
	for len(list) > 0 {
		line, rest, _ := strings.Cut(list, "\n")
		list = rest
		if strings.HasPrefix(line, "//") {
			if strings.Contains(line, "===BEGIN PRIVATE") {
				private = rulePrivate
			}
			continue
		}
		// The format: each line is read up to the first white space.
		if i := strings.IndexAny(line, " \t\r"); i >= 0 {
			line = line[:i]
		}
		switch {
		case line == "":
		case line[0] == '!':
			s.add(line[1:], ruleException|private)
		case strings.HasPrefix(line, "*."):
			s.add(line[2:], ruleWildcard|private)
		default:
			s.add(line, ruleNormal|private|wordy(line))
		}
	}
	return s
}

// plainDomains are the top level domains that a name without a scheme may end in and be a link without
// more ado: nobody writes them behind a full stop. Most others are words (it, so, live), names of firms,
// or endings of files (md, sh), and stand in honest texts where a space is missing far more often.
const plainDomains = " jp cn kr tw hk sg uk eu br nl pl ch cz ua tr vn tv cc gg ly pw ws ai io co tk cf gq ru fr de au ca nz dk fi ro hu gr za mx cl kz th gy ci mw fm cm" +
	" com net org info biz edu gov mil int top xyz vip shop online site club app dev icu cfd buzz cyou monster asia sbs cloud link ltd" +
	" bond website tech wiki xin wang mobi goog tokyo osaka nagoya kyoto yokohama okinawa finance digital quest lat "

func wordy(name string) uint8 {
	if strings.Contains(name, ".") || strings.HasPrefix(name, "xn--") {
		return 0
	}
	if strings.Contains(plainDomains, " "+name+" ") {
		return 0
	}
	return ruleWord
}

// word reports whether a top level domain is likely to be the first word of the next sentence.
func (s *suffixes) word(label []byte) bool {
	h := suffixSeed
	for i := len(label) - 1; i >= 0; i-- {
		h = suffixHash(h, label[i])
	}
	return s.find(text(label), h)&ruleWord != 0
}

// A hash of a name read from its end, so that each label to the left continues it.
const suffixSeed = uint32(2166136261)

func suffixHash(h uint32, c byte) uint32 { return (h ^ uint32(c)) * 16777619 }

func (s *suffixes) add(name string, flags uint8) {
	s.depth = max(s.depth, strings.Count(name, ".")+2) // a wildcard speaks of one label more
	h := suffixSeed
	for i := len(name) - 1; i >= 0; i-- {
		h = suffixHash(h, name[i])
	}
	for i := h ^ h>>15; ; i++ {
		r := &s.slots[i&s.mask]
		if r.name == "" || r.name == name {
			r.name = name
			// A name may carry a normal and a wildcard rule; where either is ICANN's, it counts as such.
			if r.flags != 0 && flags&rulePrivate == 0 {
				r.flags &^= rulePrivate
			} else if r.flags != 0 && r.flags&rulePrivate == 0 {
				flags &^= rulePrivate
			}
			r.flags |= flags
			return
		}
	}
}

func (s *suffixes) find(name string, h uint32) uint8 {
	for i := h ^ h>>15; ; i++ {
		r := &s.slots[i&s.mask]
		if r.name == "" {
			return 0
		}
		if r.name == name {
			return r.flags
		}
	}
}

// known reports whether a label is a top level domain of the list.
func (s *suffixes) known(label []byte) bool {
	if len(label) < 2 || len(label) > 63 {
		return false
	}
	h := suffixSeed
	for i := len(label) - 1; i >= 0; i-- {
		h = suffixHash(h, label[i])
	}
	return s.find(text(label), h) != 0
}

// split gives the place in host at which its public suffix begins, by the longest rule that matches
// (https://github.com/publicsuffix/list/wiki/Format#algorithm). A host under no rule has its last
// label for a suffix.
func (s *suffixes) split(host []byte) int {
	name := text(host)
	h := suffixSeed
	found := -1
	end := len(host)  // where the label that is being read ends
	wild := false     // the name to the right has a wildcard rule
	last := len(host) // where the last label begins
	for depth := range s.depth {
		start := end
		for start > 0 && name[start-1] != '.' {
			start--
			h = suffixHash(h, name[start])
		}
		if depth == 0 {
			last = start
		}
		flags := s.find(name[start:], h)
		if flags&ruleException != 0 {
			return end + 1
		}
		if flags&ruleNormal != 0 || wild {
			found = start
		}
		wild = flags&ruleWildcard != 0
		if start == 0 {
			break
		}
		h = suffixHash(h, '.')
		end = start - 1
	}
	if found < 0 {
		return last
	}
	return found
}

// domain is the registrable domain: the public suffix and one label more; the whole host where it is a
// suffix itself.
func (s *suffixes) domain(host []byte) []byte {
	i := s.split(host) - 1 // the dot
	if i <= 0 || i >= len(host) {
		return host
	}
	for i--; i > 0 && host[i-1] != '.'; i-- {
	}
	return host[i:]
}

// text reads octets as a string without copying them: only for look-ups that keep nothing.
func text(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// RegistrableDomain is the name that somebody registered, of a host in small ASCII letters, by the public suffix list with its private section;
// the host itself where it is an address or a public suffix.
func RegistrableDomain(host string) string {
	if host == "" || host[0] == '[' || host[len(host)-1] >= '0' && host[len(host)-1] <= '9' {
		return host
	}
	return string(publicSuffixes().domain([]byte(host)))
}
