package report

import (
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// page is the text of a mail while it is read, and where its links stand.
type page struct {
	b     strings.Builder
	text  string // b's, once all is in
	links []placed
	cut   bool
	space bool // white space waits to be written
	empty int  // line ends at the end
}

// placed is a link by where in the text it stands.
type placed struct {
	at  int
	url string
}

// write adds text as it is.
func (p *page) write(s string) {
	if room := maxPage - p.b.Len(); len(s) > room {
		p.keepLinks(s[len(boundedTo(s, room)):])
		s, p.cut = boundedTo(s, room), true
	}
	if s != "" {
		p.b.WriteString(s)
		p.space, p.empty = false, 0
	}
}

// keepLinks keeps what links are written out in text that there is no room for.
func (p *page) keepLinks(s string) {
	for _, l := range writtenLinks(s) {
		p.link(l)
	}
}

// flow adds text in which white space of any length is one space.
func (p *page) flow(s string) {
	for s != "" {
		i := strings.IndexFunc(s, isBlank)
		if i < 0 {
			i = len(s)
		}
		if i > 0 {
			if p.space && p.b.Len() > 0 && p.empty == 0 {
				p.write(" ")
			}
			p.write(s[:i])
			s = s[i:]
		}
		if rest := strings.TrimLeftFunc(s, isBlank); len(rest) < len(s) {
			p.space, s = true, rest
		}
	}
}

func isBlank(c rune) bool {
	return c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == '\f' || c == 0xa0
}

// line ends a line; more than one empty line is none the wiser.
func (p *page) line() {
	p.space = false
	if p.empty < 2 && p.b.Len() > 0 && p.b.Len() < maxPage {
		p.b.WriteByte('\n')
		p.empty++
	}
}

// link notes where somebody is led from here.
func (p *page) link(url string) {
	if len(p.links) == maxPlace {
		p.cut = true
		return
	}
	p.links = append(p.links, placed{p.b.Len(), url})
}

// html adds a page in HTML as the text that people see. It goes over tokens and builds no tree, so that no nesting costs anything; nothing is
// fetched, and entities are those of HTML, which name single letters.
func (p *page) html(src string) {
	z := html.NewTokenizer(strings.NewReader(src))
	hidden := atom.Atom(0) // the element whose text nobody sees
	for {
		kind := z.Next()
		switch kind {
		case html.ErrorToken:
			p.line()
			return
		case html.TextToken:
			if hidden == 0 {
				p.flow(html.UnescapeString(string(z.Raw())))
			}
			continue
		case html.StartTagToken, html.SelfClosingTagToken, html.EndTagToken:
		default:
			continue
		}
		name, attributes := z.TagName()
		tag := atom.Lookup(name)
		switch tag {
		case atom.Script, atom.Style, atom.Title, atom.Template:
			switch {
			case kind == html.StartTagToken && hidden == 0:
				hidden = tag
			case kind == html.EndTagToken && hidden == tag:
				hidden = 0
			}
			continue
		}
		if hidden != 0 {
			continue
		}
		switch {
		case tag == atom.Br || tag == atom.Hr || (breaksLine[tag] && p.empty == 0):
			p.line()
		case tag == atom.Td || tag == atom.Th:
			p.space = true
		}
		if attributes && kind != html.EndTagToken {
			p.leads(tag, z)
		}
	}
}

var breaksLine = map[atom.Atom]bool{atom.P: true, atom.Div: true, atom.Tr: true, atom.Li: true, atom.Ul: true, atom.Ol: true, atom.Table: true,
	atom.Blockquote: true, atom.H1: true, atom.H2: true, atom.H3: true, atom.H4: true, atom.H5: true, atom.H6: true, atom.Pre: true,
	atom.Section: true, atom.Article: true, atom.Header: true, atom.Footer: true, atom.Center: true, atom.Dt: true, atom.Dd: true}

// leads notes where an element leads: a link, a map, a form, a page that loads another.
func (p *page) leads(tag atom.Atom, z *html.Tokenizer) {
	refresh, content := false, ""
	for more := true; more; {
		var k, v []byte
		k, v, more = z.TagAttr()
		switch attribute := string(k); {
		case attribute == "href" && (tag == atom.A || tag == atom.Area),
			attribute == "action" && tag == atom.Form,
			attribute == "src" && (tag == atom.Iframe || tag == atom.Frame):
			p.lead(string(v))
		case attribute == "http-equiv" && tag == atom.Meta:
			refresh = strings.EqualFold(string(v), "refresh")
		case attribute == "content" && tag == atom.Meta:
			content = string(v)
		}
	}
	if refresh { // content="0; url=https://..."
		if i := strings.Index(strings.ToLower(content), "url="); i >= 0 {
			p.lead(strings.Trim(content[i+len("url="):], `'" `))
		}
	}
}

// lead takes links to pages, and puts numbers to call or to write to into the text, where numbers are looked for.
func (p *page) lead(url string) {
	url = strings.Map(func(c rune) rune { // browsers drop these
		if c == '\n' || c == '\r' || c == '\t' {
			return -1
		}
		return c
	}, strings.TrimSpace(url))
	scheme, rest, ok := strings.Cut(url, ":")
	if !ok {
		return
	}
	switch strings.ToLower(scheme) {
	case "http", "https":
		p.link(strings.ReplaceAll(url, " ", "%20"))
	case "tel", "sms":
		if n, _, _ := strings.Cut(rest, "?"); len(n) <= 32 {
			p.flow(" " + n + " ")
		}
	}
}
