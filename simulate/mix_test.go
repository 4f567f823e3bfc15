package simulate

import (
	"bytes"
	"fmt"
	"hash/fnv"
	"hash/maphash"
	"os"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/sekisho/sekisho/message"
	"github.com/sekisho/sekisho/subject"
)

// fold keeps what tells texts apart for this test: letters, in lower case. Digits, spaces and links are gone.
func fold(dst []byte, text string) []byte {
	if i := strings.Index(text, "http"); i >= 0 {
		end := i
		for end < len(text) && text[i] < utf8.RuneSelf && text[end] > ' ' && text[end] < 0x7f {
			end++
		}
		text = text[:i] + text[end:]
	}
	for _, r := range text {
		if !unicode.IsDigit(r) && !unicode.IsSpace(r) {
			dst = utf8.AppendRune(dst, unicode.ToLower(r))
		}
	}
	return dst
}

func TestMixTextsAreDistinct(t *testing.T) {
	n := 1_000_000
	if testing.Short() {
		n = 100_000
	}
	m := NewMix(MixSeed, MixConfig{})
	if m.Texts() != 1_000_000 {
		t.Fatalf("the words are enough for %d texts only", m.Texts())
	}
	seen := make(map[uint64]int32, n)
	seed := maphash.MakeSeed()
	var it, other Item
	var buf []byte
	for i := range n {
		m.Next(&it)
		buf = fold(buf[:0], string(it.Text))
		h := maphash.Bytes(seed, buf)
		if j, ok := seen[h]; ok {
			m.At(uint64(j), &other)
			t.Fatalf("texts %d and %d are the same when folded:\n%s\n%s", j, i, other.Text, it.Text)
		}
		seen[h] = int32(i)
	}
}

func TestMixIsDeterministic(t *testing.T) {
	sum := func(seed uint64) uint64 {
		h := fnv.New64a()
		m := NewMix(seed, MixConfig{Texts: 5000})
		var it Item
		for range 12_000 {
			m.Next(&it)
			fmt.Fprintf(h, "%s %s %s %s %s %s %s %d\n", it.Route, it.Account, it.From, it.To, it.Text, it.Label, it.Campaign, it.Parts)
		}
		return h.Sum64()
	}
	if a, b := sum(7), sum(7); a != b {
		t.Errorf("the same seed gave %x and %x", a, b)
	}
	if sum(7) == sum(8) {
		t.Error("another seed gave the same traffic")
	}
}

func TestMixKeepsItsShares(t *testing.T) {
	m := NewMix(MixSeed, MixConfig{})
	got := make(map[Share]int)
	var it Item
	for range 20_000 {
		m.Next(&it)
		if p := parts(it.Script, string(it.Text)); p != int(it.Parts) {
			t.Fatalf("%d parts said, %d needed: %s", it.Parts, p, it.Text)
		}
		if bytes.ContainsAny(it.Text, "{}") || !utf8.Valid(it.Text) {
			t.Fatalf("a slot was left: %s", it.Text)
		}
		got[Share{Route: it.Route, Class: it.Label, Script: it.Script, Parts: int(it.Parts)}]++
	}
	for _, s := range shares {
		key := s
		key.PerMille = 0
		if got[key] != 20*s.PerMille {
			t.Errorf("%v: %d of 20,000", s, got[key])
		}
		delete(got, key)
	}
	if len(got) > 0 {
		t.Errorf("not in the table: %v", got)
	}
}

// docs/mix.md holds the table of shares that people read.
func TestDocsHoldTheShares(t *testing.T) {
	doc, err := os.ReadFile("../docs/mix.md")
	if err != nil {
		t.Fatal(err)
	}
	if want := sharesTable(); !bytes.Contains(doc, []byte(want)) {
		t.Errorf("docs/mix.md should hold this table:\n%s", want)
	}
	for _, s := range []string{fmt.Sprint(MixSeed), margins()} {
		if !bytes.Contains(doc, []byte(s)) {
			t.Errorf("docs/mix.md should say:\n%s", s)
		}
	}
}

func sharesTable() string {
	var b strings.Builder
	b.WriteString("| route | class | script | parts | ‰ |\n| --- | --- | --- | ---: | ---: |\n")
	for _, s := range Shares() {
		fmt.Fprintf(&b, "| %s | %s | %s | %d | %d |\n", s.Route, s.Class, s.Script, s.Parts, s.PerMille)
	}
	return b.String()
}

// margins are the sums of the table by each of its columns.
func margins() string {
	var routes [message.Routes]int
	var classes [message.Classes]int
	var script [scripts]int
	var part [5]int
	for _, s := range shares {
		routes[s.Route] += s.PerMille
		classes[s.Class] += s.PerMille
		script[s.Script] += s.PerMille
		part[s.Parts] += s.PerMille
	}
	pct := func(n int) string { return fmt.Sprintf("%d.%d %%", n/10, n%10) }
	return fmt.Sprintf("| route | a2p %s, p2p %s, intl %s |\n| class | ham %s, spam %s, phishing %s |\n"+
		"| script | ja %s, gsm7 %s, emoji %s, other %s |\n| parts | 1: %s, 2: %s, 3: %s, 4: %s |\n",
		pct(routes[message.A2P]), pct(routes[message.P2P]), pct(routes[message.Intl]),
		pct(classes[message.Ham]), pct(classes[message.Spam]), pct(classes[message.Phishing]),
		pct(script[Japanese]), pct(script[GSM7]), pct(script[Emoji]), pct(script[Other]),
		pct(part[1]), pct(part[2]), pct(part[3]), pct(part[4]))
}

func TestMixLines(t *testing.T) {
	m := NewMix(MixSeed, MixConfig{Texts: 10_000, Senders: 20_000, Recipients: 1000})
	seen := make(map[subject.Line]string)
	for i := range m.Senders() {
		seen[m.Sender(i)] = "sender"
	}
	for i := range m.Recipients() {
		seen[m.Recipient(i)] = "recipient"
	}
	if len(seen) != 21_000 {
		t.Errorf("%d lines, not 21,000", len(seen))
	}
	for i := range 1000 {
		l := m.OptOut(i)
		if was := seen[l]; (was == "recipient") != (i < 10) || was == "sender" {
			t.Errorf("opt-out %d is a %q", i, was)
		}
		if s := l.String(); !strings.HasPrefix(s, "+81900") && !strings.HasPrefix(s, "+81700") {
			t.Errorf("%s may be somebody's", s)
		}
	}
	var it Item
	senders := make(map[subject.Address]bool)
	for range 50_000 {
		m.Next(&it)
		if it.From.IsZero() || seen[it.To.Line()] != "recipient" {
			t.Fatalf("from %s to %s", it.From, it.To)
		}
		if it.Route == message.P2P {
			senders[it.From] = true
		}
	}
	if len(senders) < 10_000 {
		t.Errorf("only %d subscribers sent", len(senders))
	}
}

func TestIndicators(t *testing.T) {
	m := NewMix(MixSeed, MixConfig{})
	known := make(map[string]bool)
	for i := range 50_000 {
		known[string(AppendIndicator(nil, i))] = true
	}
	if len(known) < 49_990 {
		t.Errorf("%d hosts of 50,000 are distinct", len(known))
	}
	var it Item
	links, bad := 0, 0
	for range 50_000 {
		m.Next(&it)
		_, link, ok := strings.Cut(string(it.Text), "://")
		if !ok {
			continue
		}
		links++
		host := link[:strings.IndexFunc(link+"/", func(r rune) bool { return r <= ' ' || r == '/' || r > 0x7f })]
		if known[host] {
			bad++
		}
	}
	if links < 500 || bad*10 < links*4 || bad*10 > links*6 {
		t.Errorf("%d of %d links stand on a known-bad host", bad, links)
	}
}

func BenchmarkMixNext(b *testing.B) {
	m := NewMix(MixSeed, MixConfig{})
	var it Item
	it.Text = make([]byte, 0, 2048)
	b.ReportAllocs()
	for b.Loop() {
		m.Next(&it)
	}
}

func BenchmarkNewMix(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		NewMix(MixSeed, MixConfig{})
	}
}
