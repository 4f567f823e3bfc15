package smpp

import (
	"testing"
	"unicode"
)

var languageScripts = [languages]*unicode.RangeTable{
	DefaultLanguage: unicode.Latin, Turkish: unicode.Latin, Spanish: unicode.Latin, Portuguese: unicode.Latin,
	Bengali: unicode.Bengali, Gujarati: unicode.Gujarati, Hindi: unicode.Devanagari, Kannada: unicode.Kannada,
	Malayalam: unicode.Malayalam, Oriya: unicode.Oriya, Punjabi: unicode.Gurmukhi, Tamil: unicode.Tamil,
	Telugu: unicode.Telugu, Urdu: unicode.Arabic,
}

func TestTablesAreSane(t *testing.T) {
	for l := range languages {
		locking, single := lockingRunes(l), singleRunes(l)
		if locking['\n'] != '\n' || locking['\r'] != '\r' || locking[' '] != ' ' || locking[escape] != 0 || single[escape] != 0 || single['\r'] != 0 {
			t.Errorf("%d: control characters are displaced", l)
		}
		for c, r := range extensionSingle {
			if r != 0 && single[c] != r {
				t.Errorf("%d: single shift %#x is %q, not %q as in the default extension", l, c, single[c], r)
			}
		}
		for c := '0'; c <= '9'; c++ {
			if locking[c] != c || locking['a'+c-'0'] != 'a'+c-'0' {
				t.Errorf("%d: locking %#x is %q", l, c, locking[c])
			}
		}
		seen := map[rune]int{}
		for c, r := range locking {
			if r != 0 && seen[r] != 0 {
				t.Errorf("%d: %q is at %#x and %#x", l, r, seen[r], c)
			}
			seen[r] = c
		}
		for _, table := range [][128]rune{locking, single} {
			for c, r := range table {
				if r != 0 && !unicode.In(r, languageScripts[l], unicode.Latin, unicode.Greek, unicode.Common, unicode.Inherited) {
					t.Errorf("%d: %U at %#x is of another script", l, r, c)
				}
			}
		}
	}
}

// TestLockingTables compares rows of 3GPP TS 23.038 §A.3 that show where the places of the frame begin and end, and all places that
// have no character.
func TestLockingTables(t *testing.T) {
	for l, want := range map[Language]struct {
		at    map[byte]rune
		empty string
	}{
		Turkish:    {map[byte]rune{0x04: '€', 0x07: 'ı', 0x0B: 'Ğ', 0x1D: 'ş', 0x40: 'İ', 0x60: 'ç', 0x1F: 'É'}, ""},
		Portuguese: {map[byte]rune{0x04: 'ê', 0x10: 'Δ', 0x15: '∞', 0x24: 'º', 0x5E: 'Ü', 0x60: '~', 0x7D: '`', 0x7F: 'à'}, ""},
		Bengali: {map[byte]rune{0x00: 0x981, 0x0F: 0x98F, 0x1F: 0x99E, 0x22: 0x99F, 0x28: ')', 0x2C: ',', 0x2F: 0x9A8, 0x3E: 0x9AB,
			0x40: 0x9AC, 0x4D: 0x9B9, 0x4E: 0x9BC, 0x5F: 0x9CD, 0x60: 0x9CE, 0x7F: 0x9F1},
			"\x0C\x0E\x11\x12\x3C\x45\x47\x48\x49\x57\x58\x5B\x5C"},
		Gujarati: {map[byte]rune{0x01: 0xA82, 0x0C: 0xA8D, 0x1F: 0xA9E, 0x27: 0xAA4, 0x2F: 0xAA8, 0x3D: 0xAAA, 0x49: 0xAB5,
			0x57: 0xAC5, 0x5B: 0xAC9, 0x60: 0xAD0, 0x7F: 0xAF1}, "\x0E\x12\x3C\x45\x48\x58\x5C"},
		Hindi: {map[byte]rune{0x00: 0x901, 0x0E: 0x90E, 0x1A: 0x91A, 0x1C: 0x91B, 0x2B: 0x926, 0x3C: 0x929, 0x48: 0x934,
			0x4F: 0x93D, 0x58: 0x946, 0x5F: 0x94D, 0x60: 0x950, 0x7B: 0x972}, ""},
		Kannada: {map[byte]rune{0x01: 0xC82, 0x0E: 0xC8E, 0x12: 0xC92, 0x23: 0xCA0, 0x25: 0xCA2, 0x45: 0xCB1, 0x4E: 0xCBC,
			0x58: 0xCC6, 0x5C: 0xCCA, 0x60: 0xCD5, 0x7B: 0xCD6, 0x7F: 0xCE3}, "\x00\x0C\x11\x3C\x48\x57\x5B"},
		Malayalam: {map[byte]rune{0x02: 0xD03, 0x14: 0xD14, 0x2A: 0xD25, 0x48: 0xD34, 0x4F: 0xD3D, 0x56: 0xD44, 0x5A: 0xD48,
			0x5F: 0xD4D, 0x60: 0xD57, 0x7F: 0xD79}, "\x00\x0C\x11\x3C\x4E\x57\x5B"},
		Oriya: {map[byte]rune{0x00: 0xB01, 0x13: 0xB13, 0x2D: 0xB27, 0x47: 0xB33, 0x49: 0xB35, 0x4E: 0xB3C, 0x5A: 0xB48,
			0x60: 0xB56, 0x7B: 0xB57}, "\x0C\x0E\x11\x12\x3C\x45\x48\x57\x58\x5B\x5C"},
		Punjabi: {map[byte]rune{0x08: 0xA0A, 0x10: 0xA10, 0x1E: 0xA1D, 0x27: 0xA24, 0x46: 0xA32, 0x47: 0xA33, 0x4A: 0xA36,
			0x4C: 0xA38, 0x54: 0xA42, 0x5D: 0xA4B, 0x60: 0xA51, 0x7F: 0xA74},
			"\x09\x0B\x0C\x0E\x11\x12\x3C\x45\x48\x4B\x4F\x55\x56\x57\x58\x5B\x5C"},
		Tamil: {map[byte]rune{0x01: 0xB82, 0x0E: 0xB8E, 0x15: 0xB95, 0x19: 0xB99, 0x1D: 0xB9C, 0x1F: 0xB9E, 0x26: 0xBA3,
			0x2F: 0xBA8, 0x3C: 0xBA9, 0x3D: 0xBAA, 0x42: 0xBAE, 0x4A: 0xBB6, 0x58: 0xBC6, 0x60: 0xBD0, 0x7E: 0xBF2, 0x7F: 0xBF9},
			"\x00\x09\x0B\x0C\x11\x16\x17\x18\x1C\x1E\x23\x24\x25\x2A\x2B\x2D\x3E\x40\x41\x4E\x4F\x55\x56\x57\x5B"},
		Telugu: {map[byte]rune{0x00: 0xC01, 0x0E: 0xC0E, 0x24: 0xC21, 0x45: 0xC31, 0x4F: 0xC3D, 0x5E: 0xC4C, 0x60: 0xC55,
			0x7B: 0xC56}, "\x0C\x11\x3C\x48\x4E\x57\x5B"},
		Urdu: {map[byte]rune{0x00: 0x627, 0x0B: 0x679, 0x10: 0x62B, 0x1A: 0x62F, 0x1C: 0x68C, 0x22: 0x68F, 0x27: 0x693, 0x2A: 0x699,
			0x2B: 0x632, 0x2D: 0x696, 0x2F: 0x698, 0x3C: 0x69A, 0x3E: 0x634, 0x40: 0x635, 0x4F: 0x646, 0x50: 0x6BA, 0x5F: 0x657,
			0x60: 0x654, 0x7B: 0x655, 0x7F: 0x670}, ""},
	} {
		table := lockingRunes(l)
		for c, r := range want.at {
			if table[c] != r {
				t.Errorf("%d: %#x is %U, want %U", l, c, table[c], r)
			}
		}
		empty := ""
		for c, r := range table {
			if r == 0 && c != escape {
				empty += string(rune(c))
			}
		}
		if empty != want.empty {
			t.Errorf("%d: no character at %x, want %x", l, empty, want.empty)
		}
	}
}

func TestSingleTables(t *testing.T) {
	for l, want := range map[Language]struct {
		at    map[byte]rune
		count int // characters in all
	}{
		DefaultLanguage: {nil, 10},
		Turkish:         {map[byte]rune{0x47: 'Ğ', 0x49: 'İ', 0x53: 'Ş', 0x63: 'ç', 0x67: 'ğ', 0x69: 'ı', 0x73: 'ş'}, 17},
		Spanish:         {map[byte]rune{0x09: 'ç', 0x41: 'Á', 0x4F: 'Ó', 0x61: 'á', 0x75: 'ú'}, 19},
		Portuguese:      {map[byte]rune{0x05: 'ê', 0x0B: 'Ô', 0x12: 'Φ', 0x19: 'Θ', 0x1F: 'Ê', 0x5B: 'Ã', 0x61: 'Â', 0x7F: 'â'}, 37},
		Bengali:         {map[byte]rune{0x19: 0x9E6, 0x1C: 0x9E8, 0x23: 0x9EF, 0x27: 0x9E2, 0x2A: 0x9E3, 0x2E: 0x9F5, 0x34: 0x9FA}, 24 + 8 + 26 + 24},
		Gujarati:        {map[byte]rune{0x04: '¿', 0x18: '*', 0x19: 0x964, 0x1A: 0x965, 0x1C: 0xAE6, 0x25: 0xAEF}, 24 + 8 + 26 + 12},
		Hindi:           {map[byte]rune{0x26: 0x951, 0x27: 0x952, 0x2C: 0x958, 0x30: 0x95B, 0x35: 0x960, 0x3A: 0x971}, 24 + 8 + 26 + 12 + 18},
		Kannada:         {map[byte]rune{0x25: 0xCEF, 0x26: 0xCDE, 0x27: 0xCF1, 0x2A: 0xCF2}, 24 + 8 + 26 + 15},
		Malayalam:       {map[byte]rune{0x26: 0xD70, 0x2D: 0xD75, 0x2E: 0xD7A, 0x30: 0xD7B, 0x34: 0xD7F}, 24 + 8 + 26 + 24},
		Oriya:           {map[byte]rune{0x26: 0xB5C, 0x2A: 0xB5F, 0x2C: 0xB71}, 24 + 8 + 26 + 17},
		Punjabi:         {map[byte]rune{0x27: 0xA5A, 0x2B: 0xA5C, 0x2C: 0xA5E, 0x2D: 0xA75}, 24 + 8 + 26 + 18},
		Tamil:           {map[byte]rune{0x24: 0xBEE, 0x27: 0xBF4, 0x2D: 0xBF8, 0x2E: 0xBFA}, 24 + 8 + 26 + 19},
		Telugu:          {map[byte]rune{0x25: 0xC6F, 0x27: 0xC59, 0x2E: 0xC7C, 0x32: 0xC7F}, 24 + 8 + 26 + 20},
		Urdu: {map[byte]rune{0x19: 0x600, 0x25: 0x6F9, 0x27: 0x60D, 0x2E: 0x612, 0x31: 0x614, 0x34: 0x640, 0x36: 0x658, 0x38: 0x66C,
			0x3A: 0x673, 0x3B: 0x6CD, 0x3F: 0x6D4}, 24 + 8 + 26 + 32},
	} {
		table := singleRunes(l)
		for c, r := range want.at {
			if table[c] != r {
				t.Errorf("%d: %#x is %U, want %U", l, c, table[c], r)
			}
		}
		count := 0
		for _, r := range table {
			if r != 0 {
				count++
			}
		}
		if count != want.count {
			t.Errorf("%d: %d characters, want %d", l, count, want.count)
		}
	}
}

func TestShiftedText(t *testing.T) {
	for _, c := range []struct {
		shift  Shift
		septet string
		want   string
		issues Issues
	}{
		{Shift{Locking: Turkish}, "\x0B\x07\x1B\x65", "Ğı€", 0},
		{Shift{Single: Turkish}, "\x1B\x67\x1B\x69 g", "ğı g", 0},
		{Shift{Single: Spanish}, "adi\x1B\x6Fs", "adiós", 0},
		{Shift{Locking: Portuguese, Single: Portuguese}, "S\x7Bo Jo\x7Bo \x1B\x12", "São João Φ", 0},
		{Shift{Locking: Hindi}, "\x2F\x42\x4C\x5F\x27\x59", "नमस्ते", 0},
		{Shift{Locking: Hindi, Single: Hindi}, "\x1B\x1D\x1BA", "१A", 0},
		{Shift{Locking: Urdu}, "\x4D\x00\x07", "لات", 0},
		// What the single shift table lacks is shown from the locking table.
		{Shift{Locking: Turkish, Single: Turkish}, "\x1B\x0B", "Ğ", Ambiguous},
		{Shift{Locking: Bengali}, "\x0C", "\uFFFD", Undecodable},
		// Languages that do not exist change nothing.
		{Shift{Locking: 200, Single: 200}, "a\x1B\x65", "a€", 0},
	} {
		got, issues := AppendText(nil, []byte(c.septet), GSM7, c.shift)
		if string(got) != c.want || issues != c.issues {
			t.Errorf("%v %x: %q, %v; want %q", c.shift, c.septet, got, issues, c.want)
		}
	}
}

func TestShiftedCharactersReturn(t *testing.T) {
	for l := range languages {
		for _, shift := range []Shift{{Locking: l}, {Single: l}, {Locking: l, Single: l}} {
			all := string(repertoire(GSM7, shift))
			for _, a := range []Alphabet{GSM7, GSM7Packed} {
				coded, ok := AppendEncoded(nil, []byte(all), a, shift)
				if back, issues := AppendText(nil, coded, a, shift); !ok || issues != 0 || string(back) != all {
					t.Errorf("%v %v: %q, %v, want %q", a, shift, back, issues, all)
				}
			}
		}
	}
}
