package rpz

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"errors"
	"html/template"
	"net/http"
	"net/mail"
	"net/url"
	"strconv"

	"golang.org/x/text/language"
)

// PageConfig is what the page says beside that the address was stopped.
type PageConfig struct {
	Operator string `toml:"operator"` // as it calls itself to its subscribers
	Phone    string `toml:"phone"`    // of whom to ask to have it corrected, as subscribers dial it
	Mail     string `toml:"mail"`
	Link     string `toml:"link"` // a form for the same, https://
}

// Check says what is wrong with a configuration.
func (c PageConfig) Check() error {
	if c.Mail != "" {
		if a, err := mail.ParseAddress(c.Mail); err != nil || a.Address != c.Mail {
			return errors.New("rpz.page.mail: it is no mail address")
		}
	}
	if c.Link != "" {
		if u, err := url.Parse(c.Link); err != nil || u.Scheme != "https" || u.Host == "" {
			return errors.New("rpz.page.link: it begins with https://")
		}
	}
	if c.Operator == "" && c.Phone+c.Mail+c.Link != "" {
		return errors.New("rpz.page.operator: whose phone, mail or link it is")
	}
	return nil
}

var (
	//go:embed page.html
	pageText string
	//go:embed page.css
	pageStyle string

	page = template.Must(template.New("page").Parse(pageText))
)

// Page is the explanatory page, for the server that Redirect leads to. It answers every request for every host with the same page: in
// Japanese first, or in English first for whoever's browser does not ask for Japanese. It reads no body, sets no cookie, has no script, and
// neither keeps nor repeats which host was asked for.
type Page struct {
	japanese, english []byte
	policy            string
}

// NewPage makes the page.
func NewPage(c PageConfig) (*Page, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(pageStyle))
	p := &Page{policy: "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"}
	for _, to := range []struct {
		page    *[]byte
		english bool
	}{{&p.japanese, false}, {&p.english, true}} {
		var b bytes.Buffer
		err := page.Execute(&b, struct {
			PageConfig
			English bool
			Style   template.CSS
		}{c, to.english, template.CSS(pageStyle)})
		if err != nil {
			return nil, err
		}
		*to.page = b.Bytes()
	}
	return p, nil
}

// maxLanguages is how much of Accept-Language is read, in octets.
const maxLanguages = 200

// english reports whether English stands first.
func english(accept string) bool {
	if accept == "" || len(accept) > maxLanguages {
		return false
	}
	tags, weights, err := language.ParseAcceptLanguage(accept) // by weight
	if err != nil || len(tags) == 0 {
		return false
	}
	for i, t := range tags {
		if b, _ := t.Base(); weights[i] > 0 {
			switch b.String() {
			case "ja":
				return false
			case "en":
				return true
			}
		}
	}
	b, _ := tags[0].Base() // anything at all is "mul": then Japanese does
	return b.String() != "mul" && b.String() != "und"
}

// ServeHTTP answers every method alike: what a form on a stolen page sends here is not read.
func (p *Page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", p.policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store") // the host may be let through again tomorrow
	h.Set("Vary", "Accept-Language")
	h.Set("Content-Language", "ja, en")
	h.Set("Connection", "close") // the same browser's next host is another one
	b := p.japanese
	if english(r.Header.Get("Accept-Language")) {
		b = p.english
		h.Set("Content-Language", "en, ja")
	}
	h.Set("Content-Length", strconv.Itoa(len(b)))
	w.WriteHeader(http.StatusForbidden)
	if r.Method != http.MethodHead {
		w.Write(b)
	}
}
