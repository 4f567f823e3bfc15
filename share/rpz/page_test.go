package rpz

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

func TestPage(t *testing.T) {
	p, err := NewPage(PageConfig{Operator: "海の<通信>", Phone: "0120-000-000", Mail: "abuse@operator.example", Link: "https://operator.example/abuse"})
	if err != nil {
		t.Fatal(err)
	}
	for accept, first := range map[string]string{
		"": "ja", "ja": "ja", "ja-JP,ja;q=0.9,en-US;q=0.8": "ja", "en": "en", "en-US,en;q=0.9": "en", "fr-FR, ja;q=0.5": "ja", "fr,en;q=0.1": "en",
		"fr": "en", "en;q=0": "ja", "en;q=0.1,ja;q=0.9": "ja", "*": "ja", ";;;": "ja", strings.Repeat("en,", 200): "ja",
	} {
		r := httptest.NewRequest("GET", "http://evil.example/login?x=<script>", nil)
		r.Header.Set("Accept-Language", accept)
		w := httptest.NewRecorder()
		p.ServeHTTP(w, r)
		body := w.Body.String()
		if !strings.Contains(body, `<html lang="`+first+`">`) || !strings.HasPrefix(w.Header().Get("Content-Language"), first) {
			t.Errorf("%.40q: not %s first", accept, first)
		}
		for _, has := range []string{"188", "#9110", "報告されています", "reported as fraud", "間違い", "mistake", "海の&lt;通信&gt;", "0120-000-000",
			`href="mailto:abuse@operator.example"`, `href="https://operator.example/abuse"`, `href="tel:188"`, `href="tel:%239110"`} {
			if !strings.Contains(body, has) {
				t.Errorf("%.40q: no %q", accept, has)
			}
		}
		for _, no := range []string{"evil.example", "<script", "ZgotmplZ", "{{", "javascript"} {
			if strings.Contains(body, no) {
				t.Errorf("it has %q", no)
			}
		}
	}
}

func TestPageHeaders(t *testing.T) {
	p, err := NewPage(PageConfig{})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(p)
	defer s.Close()
	for _, method := range []string{"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"} {
		r, _ := http.NewRequest(method, s.URL+"/a/b?c", strings.NewReader(strings.Repeat("password=secret&", 1000)))
		r.Host = "evil.example"
		a, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(method, err)
		}
		a.Body.Close()
		csp := a.Header.Get("Content-Security-Policy")
		if a.StatusCode != http.StatusForbidden || !strings.HasPrefix(csp, "default-src 'none'; style-src 'sha256-") ||
			strings.Contains(csp, "unsafe") || !strings.Contains(csp, "form-action 'none'") || a.Header.Get("Cache-Control") != "no-store" ||
			a.Header.Get("X-Content-Type-Options") != "nosniff" || a.Header.Get("Set-Cookie") != "" || a.ContentLength <= 0 {
			t.Errorf("%s: %d %v", method, a.StatusCode, a.Header)
		}
	}
	// The style that the page has is the one that the policy allows, octet by octet.
	if m := regexp.MustCompile(`(?s)<style>(.*)</style>`).FindStringSubmatch(string(p.japanese)); m == nil || m[1] != pageStyle {
		t.Error("the style is another one")
	}
	if n := strings.Count(string(p.english), "<section"); n != 2 {
		t.Errorf("%d sections", n)
	}
}

func FuzzLanguage(f *testing.F) {
	f.Add("ja-JP,ja;q=0.9,en-US;q=0.8")
	f.Add("en-*-x-a;q=0.00000001,*")
	f.Fuzz(func(_ *testing.T, s string) { english(s) })
}
