package stix

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestParsePattern(t *testing.T) {
	for _, c := range []struct {
		in    string
		want  string // terms; an ! is for what is not enough alone
		other int
	}{
		{`[url:value = 'http://a.example/']`, `url:value=http://a.example/`, 0},
		{`[ url:value='a' OR url:value = 'b' ]`, `url:value=a url:value=b`, 0},
		{`[url:value IN ('a','b') OR domain-name:value == 'c']`, `url:value=a url:value=b domain-name:value=c`, 0},
		{`[url:value = 'a' AND domain-name:value = 'b']`, `!url:value=a !domain-name:value=b`, 0},
		{`[url:value = 'a' AND domain-name:value = 'b' AND file:name = 'c']`, `!url:value=a !domain-name:value=b !file:name=c`, 0},
		{`[url:value = 'a' OR domain-name:value = 'b' AND file:name = 'c']`, `url:value=a !domain-name:value=b !file:name=c`, 0},
		{`[(url:value = 'a' OR domain-name:value = 'b') AND file:size > 3]`, `!url:value=a !domain-name:value=b`, 1},
		{`[url:value = 'a'] AND [url:value = 'b']`, `!url:value=a !url:value=b`, 0},
		{`[url:value = 'a'] OR [url:value = 'b']`, `url:value=a url:value=b`, 0},
		{`[url:value = 'a'] OR [url:value = 'b'] AND [url:value = 'c']`, `url:value=a !url:value=b !url:value=c`, 0},
		{`[url:value = 'a'] OR [url:value = 'b'] FOLLOWEDBY [url:value = 'c']`, `!url:value=a !url:value=b !url:value=c`, 0},
		{`([url:value = 'a'] OR [url:value = 'b']) WITHIN 5 SECONDS`, `url:value=a url:value=b`, 0},
		{`[url:value = 'a'] START t'2016-06-01T00:00:00Z' STOP t'2017-06-01T00:00:00Z' REPEATS 2 TIMES`, `url:value=a`, 0},
		{`[file:hashes.'SHA-256' = 'ab' OR file:hashes.MD5 = 'cd']`, `file:hashes.SHA-256=ab file:hashes.MD5=cd`, 0},
		{`[network-traffic:dst_ref.type = 'ipv4-addr' AND network-traffic:protocols[*] = 'tcp' AND x:y[0].z = 'q']`,
			`!network-traffic:dst_ref.type=ipv4-addr !network-traffic:protocols[*]=tcp !x:y[0].z=q`, 0},
		{`[url:value NOT = 'a']`, ``, 1},
		{`[url:value NOT IN ('a', 'b')]`, ``, 2},
		{`[url:value != 'a' OR url:value <> 'b' OR url:value LIKE 'c%' OR url:value MATCHES '^d' OR ipv4-addr:value ISSUBSET '10.0.0.0/8' OR ipv4-addr:value ISSUPERSET '10.0.0.0/8']`, ``, 6},
		{`[EXISTS url:value]`, ``, 1},
		{`[file:size = 1 OR file:size = -1.5e3 OR file:is_x = true OR file:b = h'ab' OR file:c = b'YWI=' OR file:t = t'2016-06-01T00:00:00Z' OR file:n IN (1, 2)]`, ``, 8},
		{`[url:value = 'it\'s a \\ here']`, `url:value=it's a \ here`, 0},
		{"[url:value = 'a'] // the end", `url:value=a`, 0},
		{"[/* no ] */url:value\n=\t'a']", `url:value=a`, 0},
		{`[x-sekisho-phone-number:value = '+819012345678']`, `x-sekisho-phone-number:value=+819012345678`, 0},
		{`[domain-name:value = '日本.example']`, `domain-name:value=日本.example`, 0},
		{`[file:name IN ()]`, ``, 0},
		{strings.Repeat("(", 32) + `[url:value = 'a']` + strings.Repeat(")", 32), `url:value=a`, 0},
	} {
		p, err := ParsePattern(c.in)
		if err != nil {
			t.Errorf("%s: %v", c.in, err)
			continue
		}
		var got []string
		for _, m := range p.Terms {
			s := m.Object + ":" + m.Path + "=" + m.Value
			if !m.Alone {
				s = "!" + s
			}
			got = append(got, s)
		}
		if s := strings.Join(got, " "); s != c.want || p.Other != c.other {
			t.Errorf("%s: %s and %d others, want %s and %d", c.in, s, p.Other, c.want, c.other)
		}
	}
}

func TestPatternRefused(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{``, "octet 1: expected [ or ("},
		{`url:value = 'a'`, "octet 1: expected [ or ("},
		{`[url:value = 'a'`, "octet 17: expected ]"},
		{`[url:value = 'a]`, "octet 14: a string without its end"},
		{`[url:value = 'a\n']`, "octet 16: a backslash before"},
		{`[url:value 'a']`, "octet 12: expected a comparison"},
		{`[url:value = ]`, "octet 14: expected a value"},
		{`[url = 'a']`, "octet 6: expected :"},
		{`[url: = 'a']`, "octet 7: expected a property"},
		{`[url:value = 'a'] [url:value = 'b']`, "octet 19: expected the end"},
		{`[url:value = 'a'] and [url:value = 'b']`, "octet 19: expected the end"},
		{`[url:value = 'a'] WITHIN SECONDS`, "octet 26: expected a qualifier's value"},
		{`[url:value = 'a'] START '2016-06-01T00:00:00Z' STOP t'2017-06-01T00:00:00Z'`, "octet 25: expected a qualifier's value"},
		{`[url:value = 01]`, "octet 14: not a number"},
		{`[url:value = "a"]`, "octet 14: not a token"},
		{`[url:value IN ('a',)]`, "octet 20: expected a value"},
		{`[url:x[-] = 'a']`, "octet 8: not a number"},
		{`[/* url:value = 'a']`, "octet 2: a comment without its end"},
		{"[url:value = '\xff']", "octet 1: not UTF-8"},
		{strings.Repeat("(", 33) + `[url:value = 'a']` + strings.Repeat(")", 33), "octet 33: more than 32 parentheses"},
		{strings.Repeat("(", 60000), "octet 33: more than 32 parentheses"},
		{`[` + strings.Repeat("(", 60000), "octet 34: more than 32 parentheses"},
		{strings.Repeat(" ", 65537), "more than 65536 octets"},
		{`[url:value = '` + strings.Repeat("a", 4097) + `']`, "octet 14: a value of more than 4096 octets"},
		{`[url:value IN (` + strings.Repeat("'a',", 1000) + `'a')]`, "more than 1000 comparisons"},
	} {
		_, err := ParsePattern(c.in)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.40s: %v, want %s", c.in, err, c.want)
		}
	}
}

func FuzzPattern(f *testing.F) {
	for _, s := range []string{`[url:value = 'a']`, `([a:b.'c d'[*] IN ('x', 1) AND NOT EXISTS q:r]) FOLLOWEDBY [c:d > t'2016-06-01T00:00:00Z'] WITHIN 1.5 SECONDS`,
		`[file:hashes.'SHA-256' = 'it\'s'] OR [a:b NOT LIKE 'c'] REPEATS 3 TIMES /* x */`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := ParsePattern(s)
		if err != nil {
			if _, ok := err.(*PatternError); !ok {
				t.Fatalf("%T", err)
			}
			return
		}
		if len(p.Terms)+p.Other > maxTerms {
			t.Fatal("too many terms")
		}
		// What was read can be written, and is read the same.
		var or []string
		for _, m := range p.Terms {
			path := "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(m.Path) + "'"
			or = append(or, equals(m.Object, path, m.Value))
		}
		if len(or) == 0 {
			return
		}
		q, err := ParsePattern("[" + strings.Join(or, " OR ") + "]")
		if len("["+strings.Join(or, " OR ")+"]") > maxPattern {
			return
		}
		same := func(a, b Term) bool { return a.Object == b.Object && a.Path == b.Path && a.Value == b.Value }
		if err != nil || !slices.EqualFunc(p.Terms, q.Terms, same) {
			t.Fatalf("%v: %v and %v", err, p.Terms, q.Terms)
		}
	})
}

func BenchmarkParsePattern(b *testing.B) {
	var or []string
	for i := range 50 {
		or = append(or, fmt.Sprintf("url:value = 'http://evil.example/%d'", i))
	}
	s := "[" + strings.Join(or, " OR ") + "]"
	b.SetBytes(int64(len(s)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParsePattern(s); err != nil {
			b.Fatal(err)
		}
	}
}
