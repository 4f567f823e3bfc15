package disguise

import (
	"net/url"
	"strings"
)

// address is a link in its parts.
type address struct {
	scheme string // "http://", "https://" or ""
	host   string
	rest   string // port, path, query and fragment
}

func (a address) String() string { return a.scheme + a.host + a.rest }

// whole is the link with a scheme, as a redirector wants it.
func (a address) whole() string {
	if a.scheme == "" {
		a.scheme = "https://"
	}
	return a.String()
}

// eachLink writes every link anew. A link that rewrite gives nothing for stays.
func eachLink(rewrite func(*writer, address) string) func(*writer) {
	return func(w *writer) {
		for i, p := range w.pieces {
			if p.kind != link {
				continue
			}
			a := address{host: p.text}
			if at := strings.Index(p.text, "://"); at >= 0 {
				a.scheme, a.host = p.text[:at+3], p.text[at+3:]
			}
			if at := strings.IndexAny(a.host, ":/?#"); at >= 0 {
				a.host, a.rest = a.host[:at], a.host[at:]
			}
			if s := rewrite(w, a); s != "" && a.host != "" {
				w.pieces[i].text = s
			}
		}
	}
}

func hxxp(w *writer, a address) string {
	if a.scheme == "" {
		return ""
	}
	return pick(w, []string{"hxxp", "hxxp", "hXXp"}) + a.scheme[len("http"):] + a.host + a.rest
}

func missingH(_ *writer, a address) string {
	if a.scheme == "" {
		return ""
	}
	return a.String()[1:]
}

func bracketedDots(w *writer, a address) string {
	return a.scheme + strings.ReplaceAll(a.host, ".", pick(w, []string{"[.]", "(.)", "[dot]", "(dot)", "{.}"})) + a.rest
}

func ideographicDots(w *writer, a address) string {
	return a.scheme + strings.ReplaceAll(a.host, ".", pick(w, []string{"。", "．", "｡"})) + a.rest
}

// spacedDots leaves the scheme away or not: nobody links such a name, the victim types it.
func spacedDots(w *writer, a address) string {
	dot := " . "
	if a.scheme != "" {
		dot = pick(w, []string{" . ", ". ", " ."})
	}
	return a.scheme + strings.ReplaceAll(a.host, ".", dot) + a.rest
}

func spacedScheme(w *writer, a address) string {
	if a.scheme == "" {
		return ""
	}
	s := a.scheme[4 : len(a.scheme)-3] // "" or "s"
	return pick(w, []string{"h ttp" + s + "://", "ht tp" + s + "://", "htt p" + s + "://", "http" + s + ": //", "http" + s + " ://", "http" + s + ":// "}) + a.host + a.rest
}

// brokenLink breaks within the first label: the top level domain is what makes a name one.
func brokenLink(w *writer, a address) string {
	dot := strings.IndexByte(a.host, '.')
	if a.scheme == "" || dot < 2 {
		return ""
	}
	at := 1 + w.IntN(dot-1)
	if w.IntN(3) == 0 {
		at = dot + 1
	}
	return a.scheme + a.host[:at] + "\n" + a.host[at:] + a.rest
}

func noScheme(_ *writer, a address) string { return a.host + a.rest }

func upperHost(w *writer, a address) string {
	scheme := a.scheme
	if w.IntN(2) == 0 {
		scheme = strings.ToUpper(scheme)
	}
	return scheme + strings.ToUpper(a.host) + a.rest
}

func fullWidthLink(_ *writer, a address) string {
	return strings.Map(func(r rune) rune {
		if r > ' ' && r < 0x7F {
			return r + 0xFEE0
		}
		return r
	}, a.String())
}

// replaceLetters puts others for some letters of the host, but for its top level domain.
func replaceLetters(w *writer, host string, to func(rune) string) string {
	top := strings.LastIndexByte(host, '.')
	if top < 0 {
		return host
	}
	var able []int
	for i, r := range host[:top] {
		if to(r) != "" {
			able = append(able, i)
		}
	}
	if len(able) == 0 {
		return host
	}
	must := pick(w, able)
	var b strings.Builder
	for i, r := range host {
		if i < top && (i == must || w.IntN(3) == 0) && to(r) != "" {
			b.WriteString(to(r))
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

func lookAlikeHost(w *writer, a address) string {
	return a.scheme + replaceLetters(w, a.host, func(r rune) string {
		if r >= 'a' && cyrillic[r] != 0 {
			return string(cyrillic[r])
		}
		return ""
	}) + a.rest
}

func zeroWidthHost(w *writer, a address) string {
	what := pick(w, []string{"\u200b", "\u00ad", "\u2060", "\u200d", "\ufe0f"})
	i := 0
	return a.scheme + replaceLetters(w, a.host, func(r rune) string {
		if i++; scriptOf(r) != latin {
			return ""
		}
		return string(r) + what
	}) + a.rest
}

func styledHost(w *writer, a address) string {
	letters := styledLetters(pick(w, []string{"bold", "script", "circled", "sans-bold", "monospace"}))
	return a.scheme + replaceLetters(w, a.host, func(r rune) string {
		if letters[r] == 0 {
			return ""
		}
		return string(letters[r])
	}) + a.rest
}

var knownHosts = []string{"www.amazon.co.jp", "paypal.com", "accounts.google.com", "www.apple.com", "rakuten.co.jp"}

func userInfo(w *writer, a address) string {
	a.host = pick(w, knownHosts) + pick(w, []string{"@", ":443@", "%2Flogin@", "%20@"}) + a.host
	return a.whole()
}

func port(w *writer, a address) string {
	if strings.HasPrefix(a.rest, ":") {
		return ""
	}
	a.rest = pick(w, []string{":8080", ":8443", ":443", ":81"}) + a.rest
	if strings.HasSuffix(a.String(), a.rest) && !strings.Contains(a.rest, "/") {
		a.rest += "/"
	}
	return a.String()
}

var redirectors = []string{"https://www.google.com/url?q=", "https://l.facebook.com/l.php?u=", "https://t.umblr.com/redirect?z=",
	"https://slack-redir.net/link?url=", "https://www.youtube.com/redirect?q=", "https://out.reddit.com/?url="}

func redirect(w *writer, a address) string {
	if w.IntN(5) == 0 {
		return "https://www.google.com/amp/s/" + a.host + a.rest
	}
	target := a.whole()
	if w.IntN(3) > 0 {
		target = url.QueryEscape(target)
	}
	return pick(w, redirectors) + target
}

func nestedRedirect(w *writer, a address) string {
	inner := pick(w, redirectors) + url.QueryEscape(a.whole())
	return pick(w, redirectors) + url.QueryEscape(inner)
}

func percentHost(w *writer, a address) string {
	const hex = "0123456789abcdef"
	a.host = replaceLetters(w, a.host, func(r rune) string {
		if scriptOf(r) != latin {
			return ""
		}
		return string([]byte{'%', hex[r>>4], hex[r&15]})
	})
	return a.whole()
}

func backSlashes(_ *writer, a address) string { return strings.ReplaceAll(a.whole(), "/", `\`) }

func rootDot(_ *writer, a address) string {
	if !strings.HasPrefix(a.rest, "/") {
		return ""
	}
	return a.scheme + a.host + "." + a.rest
}

func shortener(w *writer, a address) string {
	const letters = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
	s := a.scheme + pick(w, []string{"bit.ly/", "is.gd/", "t.co/", "cutt.ly/", "tinyurl.com/", "rb.gy/", "x.gd/"})
	for range 5 + w.IntN(4) {
		s += string(letters[w.IntN(len(letters))])
	}
	return s
}
