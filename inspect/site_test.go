package inspect

import "testing"

func TestSite(t *testing.T) {
	in, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	for host, want := range map[string]Site{
		"www.docomo.ne.jp":       {Official: true, Popular: true},
		"k2q.duckdns.org":        {},
		"duckdns.org":            {Shared: true},
		"bit.ly":                 {Shared: true},
		"kuroneko-yamato.top":    {},
		"sagawa-exp.co.jp":       {Official: true},
		"evil.sagawa-exp.co.top": {},
		"192.0.2.1":              {},
	} {
		if got := in.Site(host); got.Official != want.Official || got.Shared != want.Shared || want.Popular && !got.Popular {
			t.Errorf("%s: %+v, not %+v", host, got, want)
		}
	}
}
