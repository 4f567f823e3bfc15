package smpp

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

func TestPacked(t *testing.T) {
	for text, want := range map[string]string{
		"":           "",
		"hellohello": "e8329bfd4697d9ec37",
		"1":          "31",
		"12345678":   "31d98c56b3dd70",
	} {
		got := fmt.Sprintf("%x", AppendPacked(nil, []byte(text), 0))
		if got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
	// After a header of six octets, one bit is left over before the first septet (3GPP TS 23.040 §9.2.3.24).
	if got := fmt.Sprintf("%x", AppendPacked(nil, []byte("a"), FillBits(6))); got != "c2" {
		t.Errorf("after a header: %s", got)
	}
	for header, want := range []int{0, 6, 5, 4, 3, 2, 1, 0, 6} {
		if got := FillBits(header); got != want {
			t.Errorf("FillBits(%d) = %d, want %d", header, got, want)
		}
	}
}

func TestPackedReturns(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for n := range 200 {
		for fill := range 7 {
			septets := make([]byte, n)
			for i := range septets {
				septets[i] = byte(r.IntN(128))
			}
			packed := AppendPacked([]byte{9}, septets, fill)
			if want := 1 + (fill+7*n+7)/8; len(packed) != want && n > 0 {
				t.Fatalf("%d septets, fill %d: %d octets", n, fill, len(packed))
			}
			if got := AppendUnpacked([]byte{8}, packed[1:], n, fill); string(got[1:]) != string(septets) {
				t.Fatalf("%d septets, fill %d: %x, want %x", n, fill, got[1:], septets)
			}
		}
	}
	if got := AppendUnpacked(nil, []byte{1, 2}, 1000, 0); len(got) != 2 {
		t.Errorf("%d septets of two octets", len(got))
	}
	if got := AppendUnpacked(nil, nil, -1, 3); got != nil {
		t.Errorf("%x out of nothing", got)
	}
}

// 3GPP TS 23.038 §6.1.2.3.1
func TestPackedPadding(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"1234567", "1234567"},       // seven bits over: padded with CR, which is taken off
		{"1234567\r", "1234567\r\r"}, // ends on an octet with CR: doubled, as the clause says
		{"1234567@", "1234567@"},
		{"12345\r", "12345\r"},
		{"123456\r", "123456\r"},
	} {
		coded, _ := AppendEncoded(nil, []byte(c.text), GSM7Packed, Shift{})
		if got, issues := AppendText(nil, coded, GSM7Packed, Shift{}); string(got) != c.want || issues != 0 {
			t.Errorf("%q as %x: %q, %v", c.text, coded, got, issues)
		}
	}
}

func TestSameInASCII(t *testing.T) {
	table := lockingRunes(DefaultLanguage)
	for c := range 256 {
		want := c < 128 && c >= 0x20 && table[c] == rune(c)
		for at := range 8 {
			word := []byte("abcdefgh")
			word[at] = byte(c)
			if got := sameInASCII(binary.LittleEndian.Uint64(word)); got != want {
				t.Errorf("%#x at %d: %v", c, at, got)
			}
		}
	}
}

// TestWordsAndSeptets reads texts eight septets at a time and one at a time.
func TestWordsAndSeptets(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	tables := gsmTables()
	for range 5000 {
		in := make([]byte, r.IntN(40))
		for i := range in {
			if in[i] = byte(r.IntN(256)); r.IntN(8) > 0 {
				in[i] = "abcxyzABCXYZ 0189/.:"[r.IntN(20)]
			}
		}
		fast, fastIssues := appendGSM7(nil, in, tables.locking(0), tables.single(0), true)
		slow, slowIssues := appendGSM7(nil, in, tables.locking(0), tables.single(0), false)
		if string(fast) != string(slow) || fastIssues != slowIssues {
			t.Fatalf("%x: %q, %v and %q, %v", in, fast, fastIssues, slow, slowIssues)
		}
	}
}

func BenchmarkPack(b *testing.B) {
	septets := []byte(strings.Repeat("0123456789", 16))
	dst := make([]byte, 0, 200)
	b.ReportAllocs()
	for b.Loop() {
		AppendPacked(dst, septets, 1)
	}
}
