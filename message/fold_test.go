package message

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"
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
		f.Add([]byte(c.text[:min(len(c.text), 60)]))
	}
	f.Add([]byte("pay\u200bpal e\u0301 p а y p а l 力一ド ｱﾞﾛ座"))
	f.Fuzz(func(t *testing.T, text []byte) { check(t, text) })
}

// FuzzLinks puts a link into a sentence: a host that browsers would look up must be found as they would.
func FuzzLinks(f *testing.F) {
	for _, s := range []string{"example.com/x", "user@example.com:80", "例え.jp", "0x7f.1", "[::1]/", "a。b[.]com", "xn--a", "exam ple.com", "аpple.com?u=http://b.com"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		check(t, []byte("https://"+s))
		check(t, []byte("詳細は"+s+"をご確認"))
		if len(s) > 100 || strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-.") != "" {
			return
		}
		host, err := idna.Lookup.ToASCII(s)
		if err != nil || strings.Contains(s, "..") || strings.HasPrefix(s, ".") || strings.HasSuffix(s, ".") || !strings.Contains(s, ".") || host != s {
			return
		}
		if top := s[strings.LastIndexByte(s, '.')+1:]; top[0] >= '0' && top[0] <= '9' {
			return // an address, or none
		}
		for label := range strings.SplitSeq(s, ".") {
			if len(label) > maxLabel {
				return
			}
		}
		var folded Folded
		folded.Fold([]byte("確認https://" + s + "をご確認"))
		if len(folded.Links) != 1 || string(folded.Links[0].Host) != s {
			t.Fatalf("%q: %d links %s", s, len(folded.Links), hosts(&folded))
		}
	})
}

// Names are encoded as golang.org/x/net/idna does.
func TestPunycode(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	letters := []rune("aбвжéあいアイ漢字語日本한글çß中文ñ-0")
	var runes [maxLabel + 1]rune
	for range 20000 {
		var label []rune
		for range 1 + r.IntN(30) {
			label = append(label, letters[r.IntN(len(letters))])
		}
		want, err := idna.Punycode.ToASCII(string(label))
		if err != nil || !strings.HasPrefix(want, "xn--") {
			continue
		}
		got := punyEncode([]byte("xn--"), label)
		if string(got) != want {
			t.Fatalf("%q: %s, not %s", string(label), got, want)
		}
		if n, ok := punyDecode(runes[:], got[4:]); !ok || string(runes[:n]) != string(label) {
			t.Fatalf("%s: decoded %q, not %q", got, string(runes[:n]), string(label))
		}
	}
}

// Every rule of the list gives what golang.org/x/net/publicsuffix gives, for names on it and below it.
func TestSuffixes(t *testing.T) {
	s := publicSuffixes()
	n := 0
	for line := range strings.Lines(suffixesText) {
		rule := strings.TrimLeft(strings.TrimSpace(line), "!*.")
		if rule == "" || strings.HasPrefix(rule, "//") {
			continue
		}
		n++
		for _, name := range []string{rule, "a." + rule, "b.a." + rule, "c.b.a." + rule, "no" + rule} {
			if want, _ := publicsuffix.PublicSuffix(name); name[s.split([]byte(name)):] != want {
				t.Errorf("%s: suffix %s, not %s", name, name[s.split([]byte(name)):], want)
			}
			if want, err := publicsuffix.EffectiveTLDPlusOne(name); err == nil && string(s.domain([]byte(name))) != want {
				t.Errorf("%s: domain %s, not %s", name, s.domain([]byte(name)), want)
			}
		}
	}
	if n < 9000 {
		t.Errorf("%d rules", n)
	}
}

// Texts put together from what the passes look for find what random octets do not.
func TestPieces(t *testing.T) {
	pieces := strings.Split("a|b|p|y|A|Z|0|1|9|.|-| |\n|:|/|//|http|https://|hxxp|com|jp|co|it|www|@|[.]|(|)|[|]|。|．|ａ|！|口|ロ|力|カ|工|エ|"+
		"夕|タ|二|ニ|一|ー|卜|ト|千|チ|才|オ|三|丼|座|部|グ|ッ|ン|ー|ド|ヶ|は|い|日|月|а|р|у|в|ж|ο|μ|ω|α|օ|Ꭰ|ɡ|ꓐ|\u200b|\u200d|\ufe0f|\u00ad|\u202e|"+
		"\u0301|\u0323|\u0334|\u3099|ﾞ|ﾟ|ｶ|ﾛ|゛|ᄀ|ᅡ|ᆨ|각|㌔|㏀|㏂|…|ﷺ|ﷻ|𝐏|Ⓟ|①|⒈|½|م|َ|क|ि|ก|ิ|👨|🇯|\xff|\xe3\x81|090|1234|03|+81|0120|円|xn--|"+
		"\u3000|\u20e3|ß|İ|ŉ|é|e|ｗ|\u3164|0x7f|%3a|?u=|#|_|・|*|bb3cc|4a|%61|%|[dot]|國|确|末|未|払|曰|以|端|期|已|自|の|を|キ|ラ|仕", "|")
	r := rand.New(rand.NewPCG(1, 2))
	n := 60000
	if testing.Short() {
		n = 6000
	}
	var text []byte
	for range n {
		text = text[:0]
		for range 1 + r.IntN(14) {
			text = append(text, pieces[r.IntN(len(pieces))]...)
		}
		check(t, text)
	}
}

func TestEveryRune(t *testing.T) {
	for r := rune(0); r <= 0x3FFFF; r++ {
		check(t, []byte(string(r)))
		check(t, []byte("a"+string(r)+"b"))
		check(t, []byte("カ"+string(r)+"一ロ口"))
	}
}
