package smpp

import "testing"

func TestParseDataCoding(t *testing.T) {
	for _, c := range []struct {
		dc   byte
		want Coding
	}{
		// SMPP 3.4 §5.2.19
		{0, Coding{Alphabet: GSM7Packed, Class: -1}},
		{1, Coding{Alphabet: ASCII, Class: -1}},
		{2, Coding{Alphabet: Binary, Class: -1}},
		{3, Coding{Alphabet: Latin1, Class: -1}},
		{4, Coding{Alphabet: Binary, Class: -1}},
		{5, Coding{Alphabet: ShiftJIS, Class: -1}},
		{6, Coding{Alphabet: Cyrillic, Class: -1}},
		{7, Coding{Alphabet: Hebrew, Class: -1}},
		{8, Coding{Alphabet: UCS2, Class: -1}},
		{9, Coding{Alphabet: ShiftJIS, Class: -1}},
		{10, Coding{Alphabet: ISO2022JP, Class: -1}},
		{11, Coding{Alphabet: UCS2, Class: -1, Reserved: true}},
		{12, Coding{Alphabet: GSM7Packed, Class: -1, Reserved: true}},
		{13, Coding{Alphabet: EUCJP, Class: -1}},
		{14, Coding{Alphabet: KSC5601, Class: -1}},
		{15, Coding{Alphabet: GSM7Packed, Class: -1, Reserved: true}},
		// 3GPP TS 23.038 §4
		{0x10, Coding{Alphabet: GSM7Packed, Class: 0}},
		{0x18, Coding{Alphabet: UCS2, Class: 0}},
		{0x16, Coding{Alphabet: Binary, Class: 2}},
		{0x1C, Coding{Alphabet: GSM7Packed, Class: 0, Reserved: true}},
		{0x28, Coding{Alphabet: UCS2, Class: -1, Compressed: true}},
		{0x33, Coding{Alphabet: GSM7Packed, Class: 3, Compressed: true}},
		{0x48, Coding{Alphabet: UCS2, Class: -1}},
		{0x80, Coding{Alphabet: GSM7Packed, Class: -1, Reserved: true}},
		{0xC8, Coding{Alphabet: GSM7Packed, Class: -1, MWI: true}},
		{0xD0, Coding{Alphabet: GSM7Packed, Class: -1, MWI: true}},
		{0xE1, Coding{Alphabet: UCS2, Class: -1, MWI: true}},
		{0xE4, Coding{Alphabet: UCS2, Class: -1, MWI: true, Reserved: true}},
		{0xF0, Coding{Alphabet: GSM7Packed, Class: 0}},
		{0xF5, Coding{Alphabet: Binary, Class: 1}},
		{0xFB, Coding{Alphabet: GSM7Packed, Class: 3, Reserved: true}},
	} {
		if got := ParseDataCoding(c.dc, GSM7Packed); got != c.want {
			t.Errorf("%#x: %+v, want %+v", c.dc, got, c.want)
		}
	}
	for a := range alphabets {
		if dc, ok := DataCoding(a, UTF8); ok && ParseDataCoding(dc, UTF8).Alphabet != a {
			t.Errorf("%v: data_coding %d is %v", a, dc, ParseDataCoding(dc, UTF8).Alphabet)
		}
	}
}
