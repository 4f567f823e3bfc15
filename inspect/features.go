package inspect

import (
	"math/bits"
	"unicode/utf8"

	"github.com/sekisho/sekisho/message"
)

// featureVersion is written into every model: a model reads only texts seen as it was taught to see
// them. Raise it with every change to this file that moves a feature.
const featureVersion = 2

const (
	textBits   = 18   // buckets of n-grams and words, as a power of two
	shapeBits  = 17   // buckets of what is no text: how links look, what is wanted, who sent it
	maxSymbols = 4096 // of a long mail the first of them are enough
	maxShapes  = 384
	maxLinks   = 3  // links whose look is taken in
	maxHost    = 60 // octets of a host whose n-grams are taken in
)

// Symbols stand for what every text has its own of, so that the classifier learns wording and not
// whose link it was.
const (
	symbolLink   = 0x110000 + iota
	symbolKnown  // a link to an official or popular site
	symbolNumber // a telephone number; behind it one for each numberClass
)

// symbols are a text as the classifier reads it.
type symbols struct {
	runes  []uint32 // the folded text: links, telephone numbers and digits replaced
	places []int32  // of each rune, in the folded text
	text   []uint32 // buckets of its character 2, 3 and 4-grams, words and pairs of words, in order
	shapes []uint32 // buckets of its shape
	pairs  []uint32 // buckets, among those of shapes, of the words of the lexicon and of pairs of them

	classes []linkClass   // of its links
	numbers []numberClass // of its numbers
}

func (s *symbols) reset() {
	s.pairs, s.places = s.pairs[:0], s.places[:0]
	s.runes, s.text, s.shapes, s.classes, s.numbers = s.runes[:0], s.text[:0], s.shapes[:0], s.classes[:0], s.numbers[:0]
}

// features tells the features of a folded text whose links lead where leads says.
func (s *symbols) features(f *message.Folded, leads []message.Link) {
	s.read(f)
	s.grams()
	s.tokens()
	s.shape(f, leads)
}

// read replaces what is not wording. Links and numbers stand in the order of the text as written, and so do
// the origins of its octets.
func (s *symbols) read(f *message.Folded) {
	link, number, zeros := 0, 0, 0
	s.runes, s.places = append(s.runes, ' '), append(s.places, 0)
	for i := 0; i < len(f.Text) && len(s.runes) < maxSymbols; {
		at := f.Origin[i]
		for link < len(f.Links) && f.Links[link].Span.End <= at {
			link++
		}
		if link < len(f.Links) && f.Links[link].Span.Start <= at {
			symbol := uint32(symbolLink)
			if link < len(s.classes) && s.classes[link] <= linkPopular {
				symbol = symbolKnown
			}
			s.runes, s.places = append(s.runes, ' ', symbol, ' '), append(s.places, int32(i), int32(i), int32(i))
			for i < len(f.Text) && f.Origin[i] < f.Links[link].Span.End {
				i++
			}
			continue
		}
		for number < len(f.Numbers) && f.Numbers[number].Span.End <= at {
			number++
		}
		if number < len(f.Numbers) && f.Numbers[number].Span.Start <= at {
			s.runes, s.places = append(s.runes, ' ', s.numberSymbol(number), ' '), append(s.places, int32(i), int32(i), int32(i))
			for i < len(f.Text) && f.Origin[i] < f.Numbers[number].Span.End {
				i++
			}
			continue
		}
		c := uint32(f.Text[i])
		size := 1
		if c >= 0x80 {
			var r rune
			r, size = utf8.DecodeRune(f.Text[i:])
			c = uint32(r)
		}
		place := int32(i)
		i += size
		switch {
		case c-'0' <= 9:
			if zeros++; zeros > 4 {
				continue // 12,345,678 yen is as long as 12,345
			}
			c = '0'
		case c <= ' ':
			if s.runes[len(s.runes)-1] == ' ' {
				continue
			}
			c, zeros = ' ', 0
		default:
			zeros = 0
		}
		s.runes, s.places = append(s.runes, c), append(s.places, place)
	}
	s.runes, s.places = append(s.runes, ' '), append(s.places, int32(len(f.Text)))
}

func (s *symbols) numberSymbol(i int) uint32 {
	if i < len(s.numbers) {
		return symbolNumber + uint32(s.numbers[i])
	}
	return symbolNumber
}

const prime = 0x9E3779B97F4A7C15

// bucket takes the high bits of a hash, which all of its low ones have gone into.
func bucket(h uint64) uint32 { return uint32(h >> (64 - textBits)) }

func (s *symbols) grams() {
	r := s.runes
	for i := 0; i+1 < len(r); i++ {
		h := (uint64(r[i])*prime>>7 ^ uint64(r[i+1])) * prime
		s.text = append(s.text, bucket(h))
		if i+2 < len(r) {
			h = (h>>9 ^ uint64(r[i+2])) * prime
			s.text = append(s.text, bucket(h))
			if i+3 < len(r) {
				h = (h>>9 ^ uint64(r[i+3])) * prime
				s.text = append(s.text, bucket(h))
			}
		}
	}
}

// letterKind tells what may stand together in one word: letters and digits of an alphabet, Han, Hiragana,
// Katakana. Japanese writes no spaces, but changes script about where words change.
func letterKind(r uint32) uint8 {
	switch {
	case r < 0x80:
		if alnum(byte(r)) {
			return 1
		}
		return 0
	case r < 0xC0 || r >= 0x2000 && r < 0x2E80:
		return 0
	case r < 0x2000:
		return 1
	case r >= 0x3041 && r <= 0x309F:
		return 2
	case r >= 0x30A1 && r <= 0x30FF:
		return 3
	case r >= 0x3400 && r <= 0x9FFF || r == 0x3005:
		return 4
	case r >= 0xAC00 && r <= 0xD7A3:
		return 1
	case r >= 0x110000:
		return 5
	}
	return 0
}

func (s *symbols) tokens() {
	const seed = 0x51ED270B0A1F39C1
	before, h, kind := uint64(0), uint64(seed), uint8(0)
	for _, r := range s.runes {
		k := letterKind(r)
		if k != kind && kind != 0 {
			s.text = append(s.text, bucket(h*prime), bucket((before>>11^h)*prime))
			before, h = h*prime, seed
		}
		if kind = k; k != 0 {
			h = (h>>9 ^ uint64(r)) * prime
		}
	}
}

// shapeKind keeps the shapes apart in their table.
type shapeKind uint64

const (
	shapeCount shapeKind = iota + 1
	shapeLength
	shapeScript
	shapeSuffix
	shapeWord
	shapeName
	shapePath
	shapeScheme
	shapeDepth
	shapeGram
	shapePathWord
	shapeLeads
	shapeRoute
	shapeSender
	shapeClaim
	shapeClaimRoute
	shapeQuiet
	shapeLure
	shapeLureLeads
	shapeLureSender
	shapePair
	shapePairLeads
	shapeAlone
	shapeWords
	shapeQuoted
)

func (s *symbols) add(kind shapeKind, value uint64) {
	if len(s.shapes) < maxShapes {
		h := (uint64(kind)*prime>>5 ^ value) * prime
		s.shapes = append(s.shapes, uint32(h>>(64-shapeBits)))
	}
}

// pair tells a word of the lexicon or two.
func (s *symbols) pair(value uint64) {
	h := (value>>5 ^ value ^ uint64(shapeWords)) * prime
	s.pairs = append(s.pairs, uint32(h>>(64-shapeBits)))
}

func (s *symbols) shape(f *message.Folded, leads []message.Link) {
	links, numbers := min(len(f.Links), 2), min(len(f.Numbers), 2)
	script := dominant(&f.Letters)
	s.add(shapeCount, uint64(links)<<4|uint64(numbers))
	s.add(shapeLength, uint64(bits.Len(uint(len(s.runes))))<<4|uint64(links))
	s.add(shapeScript, uint64(script)<<8|uint64(links)<<4|uint64(numbers))
	alone := uint64(0)
	if len(f.Links) == 1 && len(s.runes) <= 5 { // nothing but a link
		alone = 1
	}
	for i := range f.Links[:min(len(f.Links), maxLinks)] {
		s.link(&leads[i], s.classes[i], alone)
	}
}

func dominant(l *message.Letters) int {
	best, most := 0, uint16(0)
	for i, n := range [...]uint16{l.Latin, l.Kana, l.Han, l.Hangul, l.Cyrillic, l.Arabic, l.Thai, l.Devanagari, l.Other} {
		if n > most {
			best, most = i+1, n
		}
	}
	if l.Kana > 0 && best == 3 {
		return 2 // Japanese is often mostly Han
	}
	return best
}

// link tells how a link looks: its suffix, the words and n-grams of its host, what its name is made of, its path. Of an official
// or popular site that is nobody's business.
func (s *symbols) link(l *message.Link, class linkClass, alone uint64) {
	s.add(shapeAlone, alone<<8|uint64(class))
	s.add(shapeScheme, uint64(l.Flags&(message.LinkScheme|message.LinkHTTPS)))
	if class == linkOfficial || class == linkPopular {
		return
	}
	host := l.Host
	if len(l.Domain) <= len(host) {
		name := 0
		for name < len(l.Domain) && l.Domain[name] != '.' {
			name++
		}
		s.add(shapeSuffix, hashBytes(l.Domain[name:]))
		shape := nameShape(l.Domain[:name])
		s.add(shapeName, shape)
		s.add(shapeName, shape<<20^hashBytes(l.Domain[name:]))
		s.hostGrams(host[:len(host)-len(l.Domain)+name])
	}
	dots := uint64(0)
	for start := 0; start < len(host); {
		end := start
		for end < len(host) && host[end] != '.' && host[end] != '-' {
			end++
		}
		if end < len(host) && host[end] == '.' {
			dots++
		}
		if word := host[start:end]; len(word) >= 2 && len(word) <= 16 {
			s.add(shapeWord, hashBytes(word))
		}
		start = end + 1
	}
	s.add(shapeDepth, min(dots, 4)<<4|uint64(class))
	s.add(shapePath, pathShape(l.Path))
	s.pathWords(l.Path)
}

// hostGrams tells the 3 and 4-grams of what stands before the public suffix.
func (s *symbols) hostGrams(b []byte) {
	b = b[max(0, len(b)-maxHost):]
	a1, a2, a3 := uint64('^'), uint64('^'), uint64('^')
	for i := 0; i <= len(b); i++ {
		c := uint64('$')
		if i < len(b) {
			if c = uint64(b[i]); c-'0' <= 9 {
				c = '0'
			}
		}
		s.add(shapeGram, a2<<16|a1<<8|c)
		s.add(shapeGram, 1<<40|a3<<24|a2<<16|a1<<8|c)
		a3, a2, a1 = a2, a1, c
	}
}

// pathWords tells the first words of a path, in small letters.
func (s *symbols) pathWords(path []byte) {
	h, n, words := uint64(0), 0, 0
	for i := 0; i <= len(path) && words < 8; i++ {
		c := byte(0)
		if i < len(path) {
			c = path[i]
		}
		if c|0x20 >= 'a' && c|0x20 <= 'z' {
			h = (h>>9 ^ uint64(c|0x20)) * prime
			n++
			continue
		}
		if n >= 2 && n <= 16 {
			s.add(shapePathWord, h>>8)
			words++
		}
		h, n = 0, 0
	}
}

// nameShape tells how long a name is, and whether digits, hyphens or few vowels make it look generated.
func nameShape(name []byte) uint64 {
	var digits, hyphens, vowels, letters uint64
	for _, c := range name {
		switch {
		case c-'0' <= 9:
			digits++
		case c == '-':
			hyphens++
		default:
			letters++
			switch c {
			case 'a', 'e', 'i', 'o', 'u', 'y':
				vowels++
			}
		}
	}
	v := uint64(min(len(name)/4, 5))
	v = v<<2 | min(digits, 2)
	v = v<<2 | min(hyphens, 2)
	if letters >= 4 && vowels*4 < letters {
		v |= 1 << 16
	}
	return v
}

func pathShape(path []byte) uint64 {
	var slashes, digits, marks uint64
	for _, c := range path {
		switch {
		case c == '/':
			slashes++
		case c-'0' <= 9:
			digits++
		case c == '?' || c == '=' || c == '&':
			marks++
		}
	}
	return min(slashes, 3)<<8 | min(uint64(len(path))/6, 4)<<4 | min(digits, 1)<<1 | min(marks, 1)
}

func hashBytes(b []byte) uint64 {
	h := uint64(len(b))
	for _, c := range b {
		h = (h>>9 ^ uint64(c)) * prime
	}
	return h >> 8
}
