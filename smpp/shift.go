package smpp

import (
	"slices"
	"sync"
)

// Language is a national language identifier (3GPP TS 23.038 §6.2.1.2.4, table 6.2.1.2.4.1).
type Language uint8

const (
	DefaultLanguage Language = iota
	Turkish
	Spanish // has a single shift table only
	Portuguese
	Bengali // and Assamese
	Gujarati
	Hindi
	Kannada
	Malayalam
	Oriya
	Punjabi
	Tamil
	Telugu
	Urdu
	languages // how many there are
)

// Shift says which tables the septets of a message are read with (3GPP TS 23.038 §6.2.1.2). The zero value is the
// default alphabet and its extension table.
type Shift struct {
	Locking Language // replaces the default alphabet
	Single  Language // replaces the extension table
	// Fill is how many bits lie between the header and the first septet, 0..6; only GSM7Packed has any.
	Fill uint8
}

func (s Shift) fill() int { return int(s.Fill % 7) }

// named is s with the default where a header cannot name a table, since there is none.
func (s Shift) named() Shift {
	if s.Locking >= languages || s.Locking == Spanish {
		s.Locking = DefaultLanguage
	}
	if s.Single >= languages {
		s.Single = DefaultLanguage
	}
	return Shift{Locking: s.Locking, Single: s.Single}
}

// gsmTable is a table of 128 septets.
type gsmTable struct {
	glyph [256]uint32 // by octet; 0 where there is no character
	ascii [128]byte   // septet by ASCII character; noSeptet where there is none
	codes []uint32    // the other characters: code point << 16 | septet, sorted
}

const noSeptet = 0xFF

// septet is the code of r in the table; the lowest, where it has two.
func (t *gsmTable) septet(r rune) (byte, bool) {
	if r >= 0 && r < 128 {
		c := t.ascii[r]
		return c, c != noSeptet
	}
	c, ok := codeOf(t.codes, r)
	return byte(c), ok
}

// codeOf finds r in a sorted list of code point << 16 | code.
func codeOf(codes []uint32, r rune) (uint16, bool) {
	if r < 0 || r > 0xFFFF {
		return 0, false
	}
	i, _ := slices.BinarySearch(codes, uint32(r)<<16)
	if i == len(codes) || codes[i]>>16 != uint32(r) {
		return 0, false
	}
	return uint16(codes[i]), true
}

type nationalTables struct {
	lockings, singles [languages]gsmTable
}

func (t *nationalTables) locking(l Language) *gsmTable {
	if l >= languages {
		l = DefaultLanguage
	}
	return &t.lockings[l]
}

func (t *nationalTables) single(l Language) *gsmTable {
	if l >= languages {
		l = DefaultLanguage
	}
	return &t.singles[l]
}

// gsmTables makes all tables when the first message with septets comes, in some hundred microseconds.
var gsmTables = sync.OnceValue(func() *nationalTables {
	t := new(nationalTables)
	for l := range languages {
		t.lockings[l].fill(lockingRunes(l))
		t.singles[l].fill(singleRunes(l))
	}
	return t
})

func (t *gsmTable) fill(runes [128]rune) {
	for i := range t.ascii {
		t.ascii[i] = noSeptet
	}
	for c, r := range runes {
		if r == 0 {
			continue
		}
		t.glyph[c] = glyphOf(r)
		if r >= 128 {
			t.codes = append(t.codes, uint32(r)<<16|uint32(c))
		} else if t.ascii[r] == noSeptet {
			t.ascii[r] = byte(c)
		}
	}
	slices.Sort(t.codes)
}

// lockingRunes is the locking shift table of 3GPP TS 23.038 §A.3, or the default alphabet of §6.2.1; 0 where there is no
// character.
func lockingRunes(l Language) [128]rune {
	switch {
	case l >= Bengali && l < languages:
		return indicLocking(l)
	case l == Turkish:
		return overlayRunes(latinLocking(), turkishLocking)
	case l == Portuguese:
		return overlayRunes(latinLocking(), portugueseLocking)
	}
	return latinLocking()
}

// singleRunes is the single shift table of 3GPP TS 23.038 §A.2, or the extension table of §6.2.1.1.
func singleRunes(l Language) [128]rune {
	switch {
	case l >= Bengali && l < languages:
		return indicSingle(l)
	case l == Turkish:
		return overlayRunes(extensionSingle, turkishSingle)
	case l == Spanish:
		return overlayRunes(extensionSingle, spanishSingle)
	case l == Portuguese:
		return overlayRunes(extensionSingle, portugueseSingle)
	}
	return extensionSingle
}

// overlayRunes is table with the characters of more in place of its own.
func overlayRunes(table, more [128]rune) [128]rune {
	for c, r := range more {
		if r != 0 {
			table[c] = r
		}
	}
	return table
}

// latinLocking is the default alphabet, 16 septets a line.
func latinLocking() (table [128]rune) {
	const rows = "@£$¥èéùìòÇ\nØø\rÅå" +
		"Δ_ΦΓΛΩΠΨΣΘΞ\x1BÆæßÉ" +
		" !\"#¤%&'()*+,-./" +
		"0123456789:;<=>?" +
		"¡ABCDEFGHIJKLMNO" +
		"PQRSTUVWXYZÄÖÑÜ§" +
		"¿abcdefghijklmno" +
		"pqrstuvwxyzäöñüà"
	c := 0
	for _, r := range rows {
		table[c] = r
		c++
	}
	table[escape] = 0
	return table
}

var (
	extensionSingle = [128]rune{0x0A: '\f', 0x14: '^', 0x28: '{', 0x29: '}', 0x2F: '\\', 0x3C: '[', 0x3D: '~', 0x3E: ']',
		0x40: '|', 0x65: '€'}

	// §A.2.1 and §A.3.1
	turkishSingle = [128]rune{0x47: 'Ğ', 0x49: 'İ', 0x53: 'Ş', 0x63: 'ç', 0x67: 'ğ', 0x69: 'ı', 0x73: 'ş'}

	turkishLocking = [128]rune{0x04: '€', 0x07: 'ı', 0x0B: 'Ğ', 0x0C: 'ğ', 0x1C: 'Ş', 0x1D: 'ş', 0x40: 'İ', 0x60: 'ç'}

	// §A.2.2
	spanishSingle = [128]rune{0x09: 'ç', 0x41: 'Á', 0x49: 'Í', 0x4F: 'Ó', 0x55: 'Ú', 0x61: 'á', 0x69: 'í', 0x6F: 'ó', 0x75: 'ú'}

	// §A.2.3 and §A.3.3
	portugueseSingle = [128]rune{0x05: 'ê', 0x09: 'ç', 0x0B: 'Ô', 0x0C: 'ô', 0x0E: 'Á', 0x0F: 'á', 0x12: 'Φ', 0x13: 'Γ',
		0x15: 'Ω', 0x16: 'Π', 0x17: 'Ψ', 0x18: 'Σ', 0x19: 'Θ', 0x1F: 'Ê', 0x41: 'À', 0x49: 'Í', 0x4F: 'Ó', 0x55: 'Ú',
		0x5B: 'Ã', 0x5C: 'Õ', 0x61: 'Â', 0x69: 'í', 0x6F: 'ó', 0x75: 'ú', 0x7B: 'ã', 0x7C: 'õ', 0x7F: 'â'}

	portugueseLocking = [128]rune{0x04: 'ê', 0x06: 'ú', 0x07: 'í', 0x08: 'ó', 0x09: 'ç', 0x0B: 'Ô', 0x0C: 'ô', 0x0E: 'Á',
		0x0F: 'á', 0x12: 'ª', 0x13: 'Ç', 0x14: 'À', 0x15: '∞', 0x16: '^', 0x17: '\\', 0x18: '€', 0x19: 'Ó', 0x1A: '|',
		0x1C: 'Â', 0x1D: 'â', 0x1E: 'Ê', 0x24: 'º', 0x40: 'Í', 0x5B: 'Ã', 0x5C: 'Õ', 0x5D: 'Ú', 0x60: '~', 0x7B: 'ã',
		0x7C: 'õ', 0x7D: '`'}
)
