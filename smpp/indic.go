package smpp

// The tables of the languages of India (3GPP TS 23.038 §A.2.4 to §A.2.13 and §A.3.4 to §A.3.13) have one frame: the same punctuation,
// digits and Latin letters in the same places, and letters of the script in the others. The Unicode blocks of the nine
// scripts that come from Brahmi have one order too, so that a locking table is the block, in its order, put into the
// places of the frame, less what the script does not have.

// indicPlaces are the septets that hold letters of the script, in their order: 74 that follow the block, and six of its own.
const indicPlaces = "\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0B\x0C\x0E\x0F" +
	"\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1A\x1C\x1D\x1E\x1F" +
	"\x22\x23\x24\x25\x26\x27\x2A\x2B\x2D\x2F\x3C\x3D\x3E" +
	"\x40\x41\x42\x43\x44\x45\x46\x47\x48\x49\x4A\x4B\x4C\x4D\x4E\x4F" +
	"\x50\x51\x52\x53\x54\x55\x56\x57\x58\x59\x5A\x5B\x5C\x5D\x5E\x5F" +
	"\x60\x7B\x7C\x7D\x7E\x7F"

// indicFrame is the rest of a locking table. Its parentheses are the other way round, as in the specification.
const indicFrame = "\x0A\n\x0D\r\x20 \x21!\x28)\x29(\x2C,\x2E.\x3A:\x3B;\x3F?"

// indicScript is one of them.
type indicScript struct {
	block rune        // its first code point
	holes string      // offsets in the block that the locking table leaves out
	last  [6]rune     // septets 0x60 and 0x7B..0x7F of the locking table
	more  []septetRun // letters of the single shift table
}

// A septetRun is consecutive characters at consecutive septets.
type septetRun struct {
	septet byte
	first  rune
	n      int
}

var danda = septetRun{0x19, 0x964, 2}

var indicScripts = [languages]indicScript{
	Bengali: {0x980, "\x0D\x0E\x11\x12\x29\x31\x33\x34\x35\x45\x46\x49\x4A",
		[6]rune{0x9CE, 0x9D7, 0x9DC, 0x9DD, 0x9F0, 0x9F1},
		[]septetRun{{0x19, 0x9E6, 2}, {0x1C, 0x9E8, 8}, {0x24, 0x9DF, 4}, {0x2A, 0x9E3, 1}, {0x2B, 0x9F2, 4}, {0x30, 0x9F6, 5}}},
	Gujarati: {0xA80, "\x0E\x12\x29\x31\x34\x46\x4A",
		[6]rune{0xAD0, 0xAE0, 0xAE1, 0xAE2, 0xAE3, 0xAF1},
		[]septetRun{danda, {0x1C, 0xAE6, 10}}},
	Hindi: {0x900, "",
		[6]rune{0x950, 0x972, 0x97B, 0x97C, 0x97E, 0x97F},
		[]septetRun{danda, {0x1C, 0x966, 10}, {0x26, 0x951, 2}, {0x2A, 0x953, 2}, {0x2C, 0x958, 3}, {0x30, 0x95B, 5},
			{0x35, 0x960, 4}, {0x39, 0x970, 2}}},
	// The specification prints U+0CAA twice in §A.3.7, at 0x24 and 0x3D; handsets have U+0CA1 at 0x24, which follows the
	// order and which would else be missing.
	Kannada: {0xC80, "\x01\x0D\x11\x29\x34\x45\x49",
		[6]rune{0xCD5, 0xCD6, 0xCE0, 0xCE1, 0xCE2, 0xCE3},
		[]septetRun{danda, {0x1C, 0xCE6, 10}, {0x26, 0xCDE, 1}, {0x27, 0xCF1, 1}, {0x2A, 0xCF2, 1}}},
	Malayalam: {0xD00, "\x01\x0D\x11\x29\x3C\x45\x49",
		[6]rune{0xD57, 0xD60, 0xD61, 0xD62, 0xD63, 0xD79},
		[]septetRun{danda, {0x1C, 0xD66, 10}, {0x26, 0xD70, 2}, {0x2A, 0xD72, 4}, {0x2E, 0xD7A, 1}, {0x30, 0xD7B, 5}}},
	Oriya: {0xB00, "\x0D\x0E\x11\x12\x29\x31\x34\x45\x46\x49\x4A",
		[6]rune{0xB56, 0xB57, 0xB60, 0xB61, 0xB62, 0xB63},
		[]septetRun{danda, {0x1C, 0xB66, 10}, {0x26, 0xB5C, 2}, {0x2A, 0xB5F, 1}, {0x2B, 0xB70, 2}}},
	Punjabi: {0xA00, "\x0B\x0C\x0D\x0E\x11\x12\x29\x31\x34\x37\x3D\x43\x44\x45\x46\x49\x4A",
		[6]rune{0xA51, 0xA70, 0xA71, 0xA72, 0xA73, 0xA74},
		[]septetRun{danda, {0x1C, 0xA66, 10}, {0x26, 0xA59, 2}, {0x2A, 0xA5B, 2}, {0x2C, 0xA5E, 1}, {0x2D, 0xA75, 1}}},
	Tamil: {0xB80, "\x01\x0B\x0C\x0D\x11\x16\x17\x18\x1B\x1D\x20\x21\x22\x25\x26\x27\x2B\x2C\x2D\x3C\x3D\x43\x44\x45\x49",
		[6]rune{0xBD0, 0xBD7, 0xBF0, 0xBF1, 0xBF2, 0xBF9},
		[]septetRun{danda, {0x1C, 0xBE6, 10}, {0x26, 0xBF3, 2}, {0x2A, 0xBF5, 4}, {0x2E, 0xBFA, 1}}},
	// The printed single shift table of Telugu has no euro sign, the only one of all; handsets have it where it is elsewhere.
	Telugu: {0xC00, "\x0D\x11\x29\x34\x3C\x45\x49",
		[6]rune{0xC55, 0xC56, 0xC60, 0xC61, 0xC62, 0xC63},
		[]septetRun{{0x1C, 0xC66, 10}, {0x26, 0xC58, 2}, {0x2A, 0xC78, 5}, {0x30, 0xC7D, 3}}},
	Urdu: {last: [6]rune{0x654, 0x655, 0x651, 0x653, 0x656, 0x670},
		more: []septetRun{{0x19, 0x600, 2}, {0x1C, 0x6F0, 10}, {0x26, 0x60C, 2}, {0x2A, 0x60E, 5}, {0x30, 0x613, 2}, {0x32, 0x61B, 1},
			{0x33, 0x61F, 1}, {0x34, 0x640, 1}, {0x35, 0x652, 1}, {0x36, 0x658, 1}, {0x37, 0x66B, 2}, {0x39, 0x672, 2},
			{0x3B, 0x6CD, 1}, {0x3F, 0x6D4, 1}}},
}

// urduLetters are the letters of Urdu, which has another script in the same frame (§A.3.13).
var urduLetters = []rune{
	0x627, 0x622, 0x628, 0x67B, 0x680, 0x67E, 0x6A6, 0x62A, 0x6C2, 0x67F, 0x679, 0x67D, 0x67A, 0x67C, 0x62B,
	0x62C, 0x681, 0x684, 0x683, 0x685, 0x686, 0x687, 0x62D, 0x62E, 0x62F, 0x68C, 0x688, 0x689, 0x68A, 0x68F,
	0x68D, 0x630, 0x631, 0x691, 0x693, 0x699, 0x632, 0x696, 0x698, 0x69A, 0x633, 0x634, 0x635, 0x636, 0x637,
	0x638, 0x639, 0x641, 0x642, 0x6A9, 0x6AA, 0x6AB, 0x6AF, 0x6B3, 0x6B1, 0x644, 0x645, 0x646, 0x6BA, 0x6BB,
	0x6BC, 0x648, 0x6C4, 0x6D5, 0x6C1, 0x6BE, 0x621, 0x6CC, 0x6D0, 0x6D2, 0x64D, 0x650, 0x64F, 0x657,
}

// letters are the characters for indicPlaces; 0 where the script has none.
func (s *indicScript) letters(l Language) []rune {
	if l == Urdu {
		return append(urduLetters[:len(urduLetters):len(urduLetters)], s.last[:]...)
	}
	var absent [128]bool
	for _, offset := range []byte(s.holes) {
		absent[offset] = true
	}
	var letters []rune
	for offset := rune(0x01); offset <= 0x4D; offset++ {
		switch {
		case offset == 0x04, offset == 0x3A, offset == 0x3B: // no letters when the tables were made
		case absent[offset]:
			letters = append(letters, 0)
		default:
			letters = append(letters, s.block+offset)
		}
	}
	return append(letters, s.last[:]...)
}

func indicLocking(l Language) (table [128]rune) {
	for i := 0; i < len(indicFrame); i += 2 {
		table[indicFrame[i]] = rune(indicFrame[i+1])
	}
	for c := '0'; c <= '9'; c++ {
		table[c] = c
	}
	for c := 'a'; c <= 'z'; c++ {
		table[c] = c
	}
	for i, r := range indicScripts[l].letters(l) {
		table[indicPlaces[i]] = r
	}
	return table
}

func indicSingle(l Language) [128]rune {
	table := extensionSingle
	c := 0
	for _, r := range "@£$¥¿\"¤%&'\f*+\x00-/<=>¡^¡_#*" {
		table[c] = r
		c++
	}
	for c := 'A'; c <= 'Z'; c++ {
		table[c] = c
	}
	for _, run := range indicScripts[l].more {
		for i := range run.n {
			table[int(run.septet)+i] = run.first + rune(i)
		}
	}
	return table
}
