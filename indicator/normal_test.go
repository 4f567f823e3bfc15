package indicator

import (
	"strings"
	"testing"
)

func TestNormal(t *testing.T) {
	for _, c := range []struct {
		kind      Kind
		in, value string // no value: refused
	}{
		{URL, "hxxps://Bad[.]Example/A?b=1", "bad.example/A?b=1"},
		{URL, "bad.example", "bad.example"},
		{Host, " WWW.Bad.Example. ", "www.bad.example"},
		{Host, "日本語.jp", "xn--wgv71a119e.jp"},
		{Host, "bad example", ""},
		{Domain, "bad.example", "bad.example"},
		{Domain, "co.jp", ""},
		{Domain, "192.0.2.1", ""},
		{Host, "192.0.2.1", "192.0.2.1"},
		{Number, "+819012345678", "+819012345678"},
		{Number, "09012345678", ""},
		{Range, "+8190123*", "+8190123*"},
		{Range, "+8*", ""},
		{Sender, "Bank", "bank"},
		{Family, "00C1D2E3F4A5B6C7", "00c1d2e3f4a5b6c7"},
		{Family, "0000000000000000", ""},
		{Family, "xyz", ""},
		{Hash, strings.Repeat("AB", 32), strings.Repeat("ab", 32)},
		{Hash, strings.Repeat("ab", 20), ""},
		{KindNone, "bad.example", ""},
	} {
		got, err := Normal(c.kind, c.in)
		if (err == nil) != (c.value != "") || err == nil && !strings.EqualFold(got, c.value) {
			t.Errorf("%v %q: %q, %v", c.kind, c.in, got, err)
		}
		if err == nil && c.kind != Sender && got != c.value {
			t.Errorf("%v %q: %q, not %q", c.kind, c.in, got, c.value)
		}
		if err != nil && len(c.in) > 4 && c.kind != Domain && strings.Contains(err.Error(), c.in) {
			t.Errorf("the error repeats the value: %v", err)
		}
	}
}
