package share

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestCutURLs(t *testing.T) {
	for _, c := range []struct {
		urls []string
		want string
		path bool
	}{
		{[]string{"sites.google.com/view/parcel?u=819012345678", "sites.google.com/view/parcel?u=819099999999"}, "sites.google.com/view/parcel", true},
		{[]string{"a.example/x/81901234/y", "a.example/x/81901235/y"}, "a.example/x", true},
		{[]string{"a.example/x/tok3n9/y", "a.example/x/tok3n9/y"}, "a.example/x", true},
		{[]string{"a.example/Ab3Cd9Ef", "a.example/Zb3Cd9Ef"}, "a.example", false},
		{[]string{"a.example/only"}, "a.example", false},
		{[]string{"a.example/x", "b.example/x"}, "", false},
		{[]string{"a.example", "a.example"}, "a.example", false},
		{[]string{"a.example/taro@mail.example/x", "a.example/taro@mail.example/x"}, "a.example", false},
		{nil, "", false},
	} {
		if got, path := CutURLs(c.urls); got != c.want || path != c.path {
			t.Errorf("%q: %q %v, not %q %v", c.urls, got, path, c.want, c.path)
		}
	}
}

// Nothing that only one recipient has survives, nor what looks like his token even where all have it.
func TestCutURLsProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 6).Draw(t, "n")
		depth := rapid.IntRange(1, 4).Draw(t, "depth")
		at := rapid.IntRange(0, depth-1).Draw(t, "at")
		var urls, tokens []string
		for i := range n {
			path := make([]string, depth)
			for j := range path {
				path[j] = fmt.Sprintf("s%c", 'a'+j)
			}
			token := fmt.Sprintf("%d%s", 8190000000+i, rapid.StringMatching("[a-z0-9]{0,6}").Draw(t, "token"))
			path[at] = token
			tokens = append(tokens, token)
			urls = append(urls, "h.example/"+strings.Join(path, "/")+"?id="+token)
		}
		got, _ := CutURLs(urls)
		for _, token := range tokens {
			if strings.Contains(got, token) {
				t.Fatalf("%q keeps %q", got, token)
			}
		}
	})
}
