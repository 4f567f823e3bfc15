package smpp

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
)

func unhexText(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestAppendText(t *testing.T) {
	for _, c := range []struct {
		name   string
		a      Alphabet
		in     string
		want   string
		issues Issues
	}{
		{"euro", GSM7, "1B65", "€", 0},
		{"extension", GSM7, "1B14 1B28 1B29 1B2F 1B3C 1B3D 1B3E 1B40 1B0A", "^{}\\[~]|\f", 0},
		{"unlike ASCII", GSM7, "00 02 11 24 40 5B 60 7F", "@$_¤¡Ä¿à", 0},
		{"a word of eight and the rest", GSM7, "48656C6C6F20776F726C6421", "Hello world!", 0},
		{"escape across a word", GSM7, "61616161616161 1B65 62", "aaaaaaa€b", 0},
		{"escape to nothing", GSM7, "1B61", "a", Ambiguous},
		{"escape twice", GSM7, "1B1B65", " e", Ambiguous},
		{"escape at the end", GSM7, "411B", "A", Truncated},
		{"no septet", GSM7, "41E9", "A\uFFFD", Undecodable | Ambiguous},
		{"escape to no septet", GSM7, "1BE9", "\uFFFD", Undecodable | Ambiguous},

		{"packed", GSM7Packed, "E8329BFD4697D9EC37", "hellohello", 0},
		{"packed, padded with CR", GSM7Packed, "31D98C56B3DD1A", "1234567", 0},
		{"packed, padded with zeros", GSM7Packed, "31D98C56B3DD00", "1234567@", 0},
		{"packed escape", GSM7Packed, "9B32", "€", 0},

		{"ASCII", ASCII, "41425B5D24", "AB[]$", 0},
		{"not ASCII", ASCII, "41C3", "A\uFFFD", Undecodable},
		{"Latin-1", Latin1, "E9E8", "éè", 0},
		{"Windows-1252", Latin1, "8093", "€“", Ambiguous},
		{"not Windows-1252 either", Latin1, "81", "\uFFFD", Undecodable},
		{"Cyrillic", Cyrillic, "BFE0D8D2D5E2", "Привет", 0},
		{"Hebrew", Hebrew, "F9ECE5ED", "שלום", 0},
		{"no Hebrew", Hebrew, "C0", "\uFFFD", Undecodable},

		{"UCS-2", UCS2, "304230443046", "あいう", 0},
		{"emoji", UCS2, "D83DDE00", "😀", 0},
		{"letters among kana", UCS2, "3042 0061006200630064 0065 3042", "あabcdeあ", 0},
		{"two octets of UTF-8", UCS2, "00E9 0416", "éЖ", 0},
		{"half a pair", UCS2, "0041 D83D", "A\uFFFD", Undecodable | Truncated},
		{"first half alone", UCS2, "D83D 0041", "\uFFFDA", Undecodable},
		{"second half alone", UCS2, "DE00 D83DDE00", "\uFFFD😀", Undecodable},
		{"odd", UCS2, "0041 30", "A\uFFFD", Undecodable | Truncated},
		{"little-endian", UCS2, "FFFE 4100", "\uFFFE䄀", Ambiguous},

		{"UTF-8", UTF8, "E38182 F09F9880 41", "あ😀A", 0},
		{"not UTF-8", UTF8, "41 80 42", "A\uFFFDB", Undecodable},
		{"UTF-8 cut off", UTF8, "41 F09F98", "A\uFFFD", Undecodable | Truncated},
		{"surrogates in UTF-8", UTF8, "EDA0BD", "\uFFFD\uFFFD\uFFFD", Undecodable},

		{"Shift_JIS", ShiftJIS, "93FA967B B1 41", "日本ｱA", 0},
		{"Shift_JIS cut off", ShiftJIS, "93FA96", "日\uFFFD", Undecodable | Truncated},
		{"Shift_JIS before a <", ShiftJIS, "93 3C", "\uFFFD<", Undecodable},
		{"ISO-2022-JP under 5", ShiftJIS, "1B2442 467C4B5C 1B2842 41", "日本A", 0},
		{"bare JIS under 5", ShiftJIS, "2422 2424 467C 4B5C", "あい日本", Ambiguous},
		{"ASCII under 5", ShiftJIS, "243130302C243230", "$100,$20", 0},
		{"ISO-2022-JP", ISO2022JP, "1B2442 467C4B5C 1B284A 5C 1B2849 31 1B2842", "日本¥ｱ", 0},
		{"JIS X 0212", ISO2022JP, "1B242844 3021 1B2842", "丂", 0},
		{"ISO-2022-JP cut off", ISO2022JP, "1B2442 467C4B", "日\uFFFD", Undecodable | Truncated},
		{"Shift_JIS under 10", ISO2022JP, "93FA967B", "日本", Ambiguous},
		{"Shift_JIS among escapes", ISO2022JP, "1B2842 93", "\uFFFD", Undecodable | Ambiguous},
		{"EUC-JP", EUCJP, "C6FCCBDC 8EB1 8FB0A1", "日本ｱ丂", 0},
		{"EUC-JP cut off", EUCJP, "C6FC 8FB0", "日\uFFFD\uFFFD", Undecodable | Truncated},
		{"Korean", KSC5601, "C7D1B1DB 41", "한글A", 0},
		{"Korean cut off", KSC5601, "C7D1B1", "한\uFFFD", Undecodable | Truncated},

		{"binary", Binary, "0102", "", NotText},
		{"unknown", AlphabetUnknown, "41", "", NotText},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, issues := AppendText([]byte("was:"), unhexText(t, c.in), c.a, Shift{})
			if string(got) != "was:"+c.want || issues != c.issues {
				t.Errorf("%v %s: %q, %q; want %q, %q", c.a, c.in, got[4:], issues, c.want, c.issues)
			}
		})
	}
}

// TestAlphabetsAgree reads every octet and every pair of octets as x/text does.
func TestAlphabetsAgree(t *testing.T) {
	for a, enc := range map[Alphabet]encoding.Encoding{
		Cyrillic: charmap.ISO8859_5, Hebrew: charmap.ISO8859_8, ShiftJIS: japanese.ShiftJIS, EUCJP: japanese.EUCJP,
		KSC5601: korean.EUCKR,
	} {
		d := enc.NewDecoder()
		differ := 0
		for x := 0x80; x <= 0xFFFF; x++ {
			in := []byte{byte(x >> 8), byte(x)}
			if x <= 0xFF {
				in = in[1:]
			}
			if in[0] < 0x80 || (a == Cyrillic || a == Hebrew) && (len(in) > 1 || x < 0xA0) {
				continue // x/text reads 0x80..0x9F as control characters
			}
			want, _ := d.Bytes(in)
			if a == ShiftJIS { // x/text lets 0x80 through, which Shift_JIS does not have
				want = []byte(strings.ReplaceAll(string(want), "\u0080", "\uFFFD"))
			}
			got, issues := AppendText(nil, in, a, Shift{})
			if bad := strings.ContainsRune(string(want), utf8.RuneError); bad != (issues&Undecodable != 0) || !bad && string(got) != string(want) {
				if differ++; differ < 10 {
					t.Errorf("%v %x: %q, %v; x/text %q", a, in, got, issues, want)
				}
			}
		}
	}
}

// repertoire is every character that a has, found by reading all it can be written with.
func repertoire(a Alphabet, shift Shift) []rune {
	var out []byte
	e := newEncoder(a, shift)
	for r := rune(0); r <= 0x1FFFF; r++ {
		if utf8.ValidRune(r) {
			if _, ok := e.appendRune(nil, r); ok {
				out = utf8.AppendRune(out, r)
			}
		}
	}
	return []rune(string(out))
}

func TestEveryCharacterReturns(t *testing.T) {
	sizes := map[Alphabet]int{GSM7: 137, GSM7Packed: 137, ASCII: 128, Latin1: 224, Cyrillic: 224, Hebrew: 188}
	for a := GSM7; a < Binary; a++ {
		all := repertoire(a, Shift{})
		if n := sizes[a]; n != 0 && n != len(all) || len(all) < 128 {
			t.Errorf("%v has %d characters, want %d", a, len(all), n)
		}
		for _, r := range all {
			text := string(r)
			coded, ok := AppendEncoded(nil, []byte(text), a, Shift{})
			if n, _ := EncodedLen([]byte(text), a, Shift{}); !ok || a != GSM7Packed && n != len(coded) {
				t.Fatalf("%v %U: encoded to %x, %v; EncodedLen %d", a, r, coded, ok, n)
			}
			back, issues := AppendText(nil, coded, a, Shift{})
			if issues != 0 && r != 0xFFFE || string(back) != text {
				t.Fatalf("%v %U as %x: read as %q, %v", a, r, coded, back, issues)
			}
		}
		// All in one text, so that states and packing are tried too.
		if a != UCS2 && a != UTF8 {
			coded, _ := AppendEncoded(nil, []byte(string(all)), a, Shift{})
			if back, issues := AppendText(nil, coded, a, Shift{}); issues != 0 || string(back) != string(all) {
				t.Errorf("%v: the whole repertoire does not return: %v", a, issues)
			}
		}
	}
}

func TestAppendEncodedRefuses(t *testing.T) {
	for _, c := range []struct {
		a    Alphabet
		text string
	}{
		{GSM7, "あ"}, {GSM7, "`"}, {GSM7, "\x1B"}, {ASCII, "é"}, {Latin1, "€"}, {Cyrillic, "é"}, {Hebrew, "é"}, {ShiftJIS, "é"},
		{ShiftJIS, "\x1B"}, {ISO2022JP, "😀"}, {EUCJP, "\x1B$B"}, {KSC5601, "😀"}, {UCS2, "\xFF"}, {UTF8, "\xFF"}, {Binary, "a"}, {AlphabetUnknown, "a"}, {99, "a"},
	} {
		got, ok := AppendEncoded([]byte("was"), []byte("a"+c.text), c.a, Shift{})
		if _, fits := EncodedLen([]byte("a"+c.text), c.a, Shift{}); ok || fits {
			t.Errorf("%v has a form of %q", c.a, c.text)
		}
		if !strings.HasPrefix("wasa", string(got)) {
			t.Errorf("%v, %q: %q was left", c.a, c.text, got)
		}
	}
}

func TestBestAlphabet(t *testing.T) {
	for text, want := range map[string]Alphabet{"": GSM7, "Hello €": GSM7, "it’s": UCS2, "あ": UCS2, "ç": UCS2} {
		if got := BestAlphabet([]byte(text)); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

func TestAlphabetNames(t *testing.T) {
	for a := range alphabets {
		name, _ := a.MarshalText()
		var back Alphabet
		if err := back.UnmarshalText(name); err != nil || back != a {
			t.Errorf("%d: %s, back %d, %v", a, name, back, err)
		}
	}
	if _, err := ParseAlphabet("GSM7-Packed"); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{"", "unknown", "utf-7"} {
		if _, err := ParseAlphabet(bad); err == nil {
			t.Errorf("%q is an alphabet", bad)
		}
	}
	if got := (Undecodable | NotText).String(); got != "undecodable,not-text" {
		t.Error(got)
	}
}

func TestTextAllocatesNothing(t *testing.T) {
	for a := AlphabetUnknown; a < alphabets; a++ {
		in := slices.Repeat([]byte{0x1B, 0x65, 0x93, 0xFA, 0x30, 0x42, 'a', 'b'}, 32)
		dst := make([]byte, 0, MaxText(len(in)))
		AppendText(dst, in, a, Shift{}) // makes the tables
		if n := testing.AllocsPerRun(20, func() { AppendText(dst, in, a, Shift{}) }); n != 0 {
			t.Errorf("reading %v: %v allocations", a, n)
		}
		text := []byte("a label € あ 한")
		if n := testing.AllocsPerRun(20, func() { AppendEncoded(dst, text, a, Shift{}); EncodedLen(text, a, Shift{}) }); n != 0 {
			t.Errorf("writing %v: %v allocations", a, n)
		}
	}
}

func FuzzText(f *testing.F) {
	f.Add([]byte("\x1Be Hello"), uint8(GSM7), uint8(0), uint8(0), uint8(0))
	f.Add([]byte("\xE8\x32\x9B\xFD\x46\x97\xD9\xEC\x37"), uint8(GSM7Packed), uint8(6), uint8(6), uint8(1))
	f.Add([]byte("\xD8\x3D\xDE\x00\x00"), uint8(UCS2), uint8(0), uint8(0), uint8(0))
	f.Add([]byte("\x1B$BF|K\\\x1B(B"), uint8(ISO2022JP), uint8(0), uint8(0), uint8(0))
	f.Add([]byte("\x93\xFA\x96\x7B\xB1"), uint8(ShiftJIS), uint8(0), uint8(0), uint8(0))
	f.Add([]byte("\xC6\xFC\x8F\xB0\xA1"), uint8(EUCJP), uint8(0), uint8(0), uint8(0))
	f.Add([]byte("\xC7\xD1\xB1"), uint8(KSC5601), uint8(0), uint8(0), uint8(0))
	f.Fuzz(func(t *testing.T, user []byte, alphabet, locking, single, fill uint8) {
		a, shift := Alphabet(alphabet%uint8(alphabets+1)), Shift{Language(locking), Language(single), fill}
		was := []byte("was")
		text, issues := AppendText(was, user, a, shift)
		if text, was = text[3:], text[:3]; string(was) != "was" {
			t.Fatal("what was in dst has changed")
		}
		if !utf8.Valid(text) || len(text) > MaxText(len(user)) {
			t.Fatalf("%d octets became %d, valid %v", len(user), len(text), utf8.Valid(text))
		}
		if issues&Undecodable == 0 && a != UCS2 && a != UTF8 && strings.ContainsRune(string(text), utf8.RuneError) {
			t.Fatal("U+FFFD without an issue")
		}
		if issues&NotText != 0 && len(text) > 0 {
			t.Fatal("text where there is none")
		}
		again, _ := AppendText(make([]byte, 0, MaxText(len(user))), user, a, shift)
		if string(again) != string(text) {
			t.Fatal("the capacity of dst changes the text")
		}
		coded, ok := AppendEncoded(nil, text, a, shift)
		n, fits := EncodedLen(text, a, shift)
		if ok != fits || ok && a != GSM7Packed && n != len(coded) {
			t.Fatalf("EncodedLen %d, %v; encoded %d, %v", n, fits, len(coded), ok)
		}
		// Nothing is lost where nothing was wrong, but for what the codings cannot tell apart.
		doubled := a == GSM7Packed && strings.HasSuffix(string(text), "\r")
		bare := a == ShiftJIS && asciiPrefix(text) == len(text)
		if !ok || issues != 0 || doubled || bare {
			return
		}
		back, issues := AppendText(nil, coded, a, shift)
		if issues != 0 || string(back) != string(text) {
			t.Fatalf("%v %v: %x read as %q, written as %x, read as %q (%v)", a, shift, user, text, coded, back, issues)
		}
	})
}

func BenchmarkAppendText(b *testing.B) {
	for _, c := range []struct {
		name string
		a    Alphabet
		text string
	}{
		{"gsm7/160 ASCII", GSM7, "Your parcel could not be delivered. Please confirm your address within 24 hours at https://example.com/track?id=1234567 or call us on 0120-123-456. Thank you."},
		{"gsm7/160 accents", GSM7, strings.Repeat("Où est le café? À bientôt", 6)[:160]},
		{"ucs2/70 Japanese", UCS2, "お荷物のお届けにあがりましたが不在の為持ち帰りました。ご確認ください。再配達のご依頼は下記のページよりお手続きをお願いいたします。ヤマト運輸"},
		{"ucs2/70 with a link", UCS2, "お荷物をお届けにあがりましたが不在の為持ち帰りました。https://example.com/abcdefghijklmnopq をご確認"},
		{"shift-jis/70", ShiftJIS, "お荷物のお届けにあがりましたが不在の為持ち帰りました。ご確認ください。再配達のご依頼は下記のページよりお手続きをお願いいたします。ヤマト運輸"},
		{"gsm7-packed/160", GSM7Packed, "Your parcel could not be delivered. Please confirm your address within 24 hours at https://example.com/track?id=1234567 or call us on 0120-123-456. Thank you."},
	} {
		text := strings.ToValidUTF8(c.text, "")
		text = strings.Map(func(r rune) rune {
			if c.a == GSM7 && !Fits([]byte(string(r)), GSM7) {
				return 'é'
			}
			return r
		}, text)
		coded, ok := AppendEncoded(nil, []byte(text), c.a, Shift{})
		if !ok {
			b.Fatal(c.name)
		}
		dst := make([]byte, 0, MaxText(len(coded)))
		b.Run(fmt.Sprintf("%s (%d octets)", c.name, len(coded)), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				AppendText(dst, coded, c.a, Shift{})
			}
		})
		b.Run(c.name+" back", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				AppendEncoded(dst, []byte(text), c.a, Shift{})
			}
		})
	}
}
