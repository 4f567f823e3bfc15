package smpp

// Coding is what the data_coding of a message says.
type Coding struct {
	Alphabet Alphabet
	Class    int8 // message class 0 (flash) to 3; -1 if there is none
	// Compressed text (3GPP TS 23.042) is not decompressed. Alphabet is what a receiver shows that ignores the bit, as handsets do.
	Compressed bool
	MWI        bool // a message waiting indication, with or without a text
	Reserved   bool // the value means nothing; Alphabet is what receivers do with it
}

// ParseDataCoding reads data_coding as SMPP 3.4 §5.2.19 says, and the values that it reserves or leaves to GSM as 3GPP TS
// 23.038 §4. dflt is what the default alphabet of the SMSC is, on this bind; it stands for the "GSM 7 bit default
// alphabet" of 23.038 too, since an SMSC that takes Latin-1 under 0 takes it under 0xF0.
func ParseDataCoding(dc byte, dflt Alphabet) Coding {
	switch {
	case dc < 0x10:
		return smppCoding(dc, dflt)
	case dc < 0x80:
		// General data coding indication, and the same marked for automatic deletion (0x40..0x7F). SMPP reserves these values, yet
		// 0x10 and 0x18 are how many ESMEs send a flash message.
		c := Coding{Class: -1, Compressed: dc&0x20 != 0}
		if dc&0x10 != 0 {
			c.Class = int8(dc & 3)
		}
		c.Alphabet, c.Reserved = gsmAlphabet(dc>>2&3, dflt)
		return c
	case dc < 0xC0:
		// Reserved coding groups: the default alphabet is to be assumed (23.038 §4).
		return Coding{Alphabet: dflt, Class: -1, Reserved: true}
	case dc < 0xF0:
		// Message waiting: discard (0xC0), store (0xD0), store in UCS-2 (0xE0); bit 2 is reserved.
		c := Coding{Alphabet: dflt, Class: -1, MWI: true, Reserved: dc&4 != 0}
		if dc >= 0xE0 {
			c.Alphabet = UCS2
		}
		return c
	}
	// Data coding and message class; bit 3 is reserved.
	c := Coding{Alphabet: dflt, Class: int8(dc & 3), Reserved: dc&8 != 0}
	if dc&4 != 0 {
		c.Alphabet = Binary
	}
	return c
}

// gsmAlphabet reads the two bits for the character set of 3GPP TS 23.038 §4.
func gsmAlphabet(bits byte, dflt Alphabet) (a Alphabet, reserved bool) {
	switch bits {
	case 1:
		return Binary, false
	case 2:
		return UCS2, false
	}
	return dflt, bits == 3
}

// smppCoding reads the values that SMPP 3.4 §5.2.19 gives a meaning of its own, 0 to 15.
func smppCoding(dc byte, dflt Alphabet) Coding {
	c := Coding{Alphabet: dflt, Class: -1}
	switch dc {
	case 0:
	case 1:
		c.Alphabet = ASCII
	case 2, 4:
		c.Alphabet = Binary
	case 3:
		c.Alphabet = Latin1
	case 5, 9: // JIS; pictograms, which Japanese carriers put into Shift_JIS
		c.Alphabet = ShiftJIS
	case 6:
		c.Alphabet = Cyrillic
	case 7:
		c.Alphabet = Hebrew
	case 8:
		c.Alphabet = UCS2
	case 10:
		c.Alphabet = ISO2022JP
	case 13:
		c.Alphabet = EUCJP
	case 14:
		c.Alphabet = KSC5601
	case 11:
		// Reserved; a handset that gets the octet as it is sees the bits of UCS-2 (23.038 §4).
		c.Alphabet, c.Reserved = UCS2, true
	default:
		c.Reserved = true
	}
	return c
}

// DataCoding is the value of data_coding for text in a without a class, on a bind where 0 means dflt.
func DataCoding(a, dflt Alphabet) (dc byte, ok bool) {
	if a == dflt && a != AlphabetUnknown {
		return 0, true
	}
	switch a {
	case ASCII:
		return 1, true
	case Latin1:
		return 3, true
	case Binary:
		return 4, true
	case ShiftJIS:
		return 5, true
	case Cyrillic:
		return 6, true
	case Hebrew:
		return 7, true
	case UCS2:
		return 8, true
	case ISO2022JP:
		return 10, true
	case EUCJP:
		return 13, true
	case KSC5601:
		return 14, true
	}
	return 0, false
}
