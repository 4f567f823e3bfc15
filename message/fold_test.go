package message

import (
	"bytes"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

func TestTables(t *testing.T) {
	tab := theTables()
	t.Logf("%d pages, %d octets long, %d pairs", len(tab.pages), len(tab.long), len(tab.pairs))
	var buf [4]byte
	missed := 0
	for r := rune(0x80); r <= unicode.MaxRune; r++ {
		if r >= 0xD800 && r <= 0xDFFF {
			continue
		}
		e := tab.look(r)
		b := buf[:utf8.EncodeRune(buf[:], r)]
		if e.n == 0 && e.class != invisible && e.class != space && e.class != newline {
			n := norm.NFKC.Bytes(b)
			if (!bytes.Equal(n, b) || unicode.ToLower(r) != r) && n[0] != ' ' && len(n) <= longest && !skipped(r) && !(r >= 0x13A0 && r <= 0x13F5) {
				if missed++; missed < 20 {
					t.Errorf("%U %c stays, NFKC %q, lower %c", r, r, n, unicode.ToLower(r))
				}
			}
		}
	}
}

func check(t *testing.T, text []byte) {
	t.Helper()
	var f, again Folded
	f.Fold(text)
	if !utf8.Valid(f.Text) {
		t.Fatalf("%q: folded to %q, no UTF-8", text, f.Text)
	}
	if len(f.Text) != len(f.Origin) {
		t.Fatalf("%q: %d octets, %d origins", text, len(f.Text), len(f.Origin))
	}
	last := uint32(0)
	for i, o := range f.Origin {
		if o < last || int(o) >= len(text) {
			t.Fatalf("%q: origin %d of octet %d behind %d", text, o, i, last)
		}
		last = o
	}
	if len(f.Text) > 0 {
		if s := f.Written(0, len(f.Text)); int(s.End) > len(text) || s.Start >= s.End {
			t.Fatalf("%q: written at %v", text, s)
		}
	}
	for _, l := range f.Links {
		if l.Span.Start >= l.Span.End || int(l.Span.End) > len(text) {
			t.Fatalf("%q: link at %v", text, l.Span)
		}
		if len(l.Host) == 0 || !bytes.HasPrefix(l.URL, l.Host) || !bytes.HasSuffix(l.Host, l.Domain) || !bytes.HasSuffix(l.URL, l.Path) || len(l.Domain) == 0 {
			t.Fatalf("%q: link %q host %q domain %q path %q", text, l.URL, l.Host, l.Domain, l.Path)
		}
		for _, c := range l.Host {
			if !isHostOctet(c) && c != '.' && l.Flags&LinkAddress == 0 {
				t.Fatalf("%q: host %q", text, l.Host)
			}
		}
	}
	for _, n := range f.Numbers {
		if n.Span.Start >= n.Span.End || int(n.Span.End) > len(text) || n.Line == 0 {
			t.Fatalf("%q: number %d at %v", text, n.Line, n.Span)
		}
	}
	if len(f.Text) > MaxText {
		return
	}
	again.Fold(f.Text)
	if !bytes.Equal(f.Text, again.Text) {
		t.Fatalf("%q:\nfolded %q\nagain  %q", text, f.Text, again.Text)
	}
}

func FuzzFold(f *testing.F) {
	for _, c := range texts {
		f.Add([]byte(c.text))
	}
	f.Add([]byte("pay\u200bpal e\u0301 p а y p а l 力一ド ｱﾞﾛ座"))
	f.Fuzz(func(t *testing.T, text []byte) { check(t, text) })
}

func TestEveryRune(t *testing.T) {
	for r := rune(0); r <= 0x3FFFF; r++ {
		check(t, []byte(string(r)))
		check(t, []byte("a"+string(r)+"b"))
		check(t, []byte("カ"+string(r)+"一ロ口"))
	}
}
