package smpp

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"
)

// joinParts reads parts as a receiver does.
func joinParts(t testing.TB, parts [][]byte, a Alphabet, header bool) string {
	t.Helper()
	var text []byte
	for i, part := range parts {
		var shift Shift
		if header {
			h, rest, err := ParseUDH(part)
			if err != nil || h.Issues != 0 {
				t.Fatalf("part %d: %v, %v", i+1, h.Issues, err)
			}
			if c := h.Concat; len(parts) > 1 && (int(c.Seq) != i+1 || int(c.Total) != len(parts)) {
				t.Fatalf("part %d: %+v", i+1, c)
			}
			part, shift = rest, h.Shift
		}
		var issues Issues
		if text, issues = AppendText(text, part, a, shift); issues != 0 && !strings.ContainsRune(string(text), 0xFFFE) {
			t.Fatalf("part %d of %d: %v", i+1, len(parts), issues)
		}
	}
	return string(text)
}

func TestSplit(t *testing.T) {
	for _, c := range []struct {
		name  string
		text  string
		a     Alphabet
		wide  bool
		sizes []int // octets of each part, header included
	}{
		{"empty", "", GSM7, false, []int{0}},
		{"160 septets", strings.Repeat("a", 160), GSM7, false, []int{160}},
		{"161 septets", strings.Repeat("a", 161), GSM7, false, []int{6 + 153, 6 + 8}},
		{"306 septets", strings.Repeat("a", 306), GSM7, false, []int{6 + 153, 6 + 153}},
		{"wide", strings.Repeat("a", 161), GSM7, true, []int{7 + 152, 7 + 9}},
		{"an escape at the edge", strings.Repeat("a", 152) + "€" + strings.Repeat("a", 10), GSM7, false, []int{6 + 152, 6 + 12}},
		{"160 packed", strings.Repeat("a", 160), GSM7Packed, false, []int{140}},
		{"161 packed", strings.Repeat("a", 161), GSM7Packed, false, []int{140, 13 + 1}},
		{"70 units", strings.Repeat("あ", 70), UCS2, false, []int{140}},
		{"71 units", strings.Repeat("あ", 71), UCS2, false, []int{140, 6 + 8}},
		{"71 units, wide", strings.Repeat("あ", 71), UCS2, true, []int{139, 7 + 10}},
		{"emoji at the edge", strings.Repeat("あ", 66) + "😀" + strings.Repeat("あ", 5), UCS2, false, []int{138, 6 + 14}},
		{"140 octets", strings.Repeat("a", 140), Latin1, false, []int{140}},
		{"141 octets", strings.Repeat("é", 141), Latin1, false, []int{140, 6 + 7}},
		{"Shift_JIS", strings.Repeat("日", 71), ShiftJIS, true, []int{139, 7 + 10}},
		{"UTF-8", strings.Repeat("日", 47), UTF8, false, []int{6 + 132, 6 + 9}},
		{"ISO-2022-JP", strings.Repeat("日", 68), ISO2022JP, false, []int{6 + 134, 6 + 14}},
		{"255 parts", strings.Repeat("a", 255*153), GSM7, false, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			parts, err := Split([]byte(c.text), c.a, 0x1234, c.wide)
			if err != nil {
				t.Fatal(err)
			}
			for i := range c.sizes {
				if len(parts) != len(c.sizes) || len(parts[i]) != c.sizes[i] {
					t.Fatalf("%d parts, number %d has %d octets; want %v", len(parts), i+1, len(parts[i]), c.sizes)
				}
			}
			if got := joinParts(t, parts, c.a, len(parts) > 1); got != c.text {
				t.Errorf("became %q", got)
			}
			if h, _, _ := ParseUDH(parts[0]); len(parts) > 1 && (h.Concat.Wide != c.wide || h.Concat.Ref&0xFF != 0x34) {
				t.Errorf("%+v", h.Concat)
			}
		})
	}
}

func TestSplitShift(t *testing.T) {
	shift := Shift{Locking: Turkish, Single: Turkish}
	for _, n := range []int{1, 152, 153, 400} {
		text := strings.Repeat("ğ", n)
		parts, err := SplitShift([]byte(text), GSM7, shift, 7, false)
		if err != nil || (len(parts) > 1) != (n > 152) {
			t.Fatalf("%d letters: %d parts, %v", n, len(parts), err)
		}
		if got := joinParts(t, parts, GSM7, true); got != text {
			t.Errorf("%d letters became %q", n, got)
		}
	}
}

func TestSplitRefuses(t *testing.T) {
	if _, err := Split([]byte("あ"), GSM7, 1, false); !errors.Is(err, ErrNoForm) {
		t.Error(err)
	}
	if _, err := Split([]byte("a"), Binary, 1, false); !errors.Is(err, ErrNoForm) {
		t.Error(err)
	}
	if _, err := Split([]byte(strings.Repeat("a", 255*153+1)), GSM7, 1, false); !errors.Is(err, ErrTooLong) {
		t.Error(err)
	}
}

func FuzzSegment(f *testing.F) {
	f.Add(strings.Repeat("a", 152)+"€€€€€€€", uint8(GSM7), uint16(1), false, uint8(0))
	f.Add(strings.Repeat("😀", 80), uint8(UCS2), uint16(0xABCD), true, uint8(0))
	f.Add(strings.Repeat("日a", 80), uint8(ISO2022JP), uint16(1), false, uint8(0))
	f.Add(strings.Repeat("ğ", 200), uint8(GSM7Packed), uint16(1), false, uint8(Turkish))
	f.Fuzz(func(t *testing.T, text string, alphabet uint8, ref uint16, wide bool, language uint8) {
		a := Alphabet(alphabet % uint8(alphabets))
		shift := Shift{Locking: Language(language), Single: Language(language)}
		parts, err := SplitShift([]byte(text), a, shift, ref, wide)
		if err != nil {
			return
		}
		septets := a == GSM7 || a == GSM7Packed
		header := len(parts) > 1 || septets && shift.named() != Shift{}
		for i, part := range parts {
			size := len(part)
			if h, rest, _ := ParseUDH(part); a == GSM7 && header {
				size = len(h.Raw) + (7*len(rest)+7)/8
			} else if a == GSM7 {
				size = (7*len(part) + 7) / 8
			}
			if size > userDataOctets {
				t.Fatalf("part %d has %d octets on the air", i+1, size)
			}
		}
		if bare := a == ShiftJIS || a == UCS2 && strings.ContainsRune(text, 0xFFFE); bare || a == GSM7Packed && strings.ContainsRune(text, '\r') {
			return // may be read otherwise: see FuzzText
		}
		if got := joinParts(t, parts, a, header); got != text || !utf8.ValidString(got) {
			t.Fatalf("%v: %q became %q", a, text, got)
		}
	})
}

func BenchmarkSplit(b *testing.B) {
	text := []byte(strings.Repeat("A long message to a customer. ", 15))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Split(text, GSM7, 1, false); err != nil {
			b.Fatal(err)
		}
	}
}
