package report

import (
	"regexp"
	"strings"
	"time"
	"unicode/utf8"
)

// forwarded is what the lines say that a mail program puts before what it forwards in line.
type forwarded struct {
	from, to, subject string
	date              time.Time
	phone             bool // from is a number
	quoted            bool // every line has a > before it
	body              int  // where what was forwarded begins
}

const (
	maxLines   = 8192 // of a text that are looked at
	maxHeading = 16   // lines that say who and when
)

// markers are the lines that mail programs put before what they forward, without their dashes: Gmail, Outlook, Apple Mail, Thunderbird, Yahoo! Japan,
// the mail programs of docomo, au and SoftBank, in Japanese and English.
var markers = map[string]bool{
	"forwarded message": true, "begin forwarded message": true, "original message": true, "forwarded mail": true, "original mail": true,
	"start of forwarded message": true, "forwarded": true, "forward message": true,
	"転送メッセージ": true, "転送されたメッセージ": true, "転送されたメール": true, "転送メール": true, "転送元メッセージ": true, "転送元メール": true, "以下転送": true,
	"以下、転送": true, "転送": true, "元のメッセージ": true, "元のメール": true, "元メッセージ": true, "元メール": true, "オリジナルメッセージ": true, "受信メール": true,
}

type headingKind uint8

const (
	headingNone headingKind = iota
	headingFrom
	headingTo
	headingDate
	headingSubject
	headingOther
)

var headings = map[string]headingKind{
	"from": headingFrom, "差出人": headingFrom, "送信者": headingFrom, "送信元": headingFrom, "発信者": headingFrom, "発信元": headingFrom, "sender": headingFrom,
	"to": headingTo, "宛先": headingTo, "宛て先": headingTo, "送信先": headingTo, "受信者": headingTo, "あて先": headingTo,
	"date": headingDate, "sent": headingDate, "日時": headingDate, "日付": headingDate, "送信日時": headingDate, "送信日": headingDate, "受信日時": headingDate,
	"受信日": headingDate, "received": headingDate,
	"subject": headingSubject, "件名": headingSubject, "題名": headingSubject, "標題": headingSubject, "タイトル": headingSubject,
	"cc": headingOther, "ｃｃ": headingOther, "bcc": headingOther, "reply-to": headingOther, "返信先": headingOther, "importance": headingOther,
	"重要度": headingOther, "添付ファイル": headingOther, "attachments": headingOther, "message-id": headingOther,
}

// findForward looks for the first such lines: behind a marker who sent it and one thing more; without a marker, as Outlook writes them, who sent it,
// when or about what, and one thing more.
func findForward(text string) (forwarded, bool) {
	lines := newLineScanner(text)
	for n := 0; n < maxLines && lines.next(); n++ {
		marked := isMarker(lines.line)
		if !marked {
			if k, _ := readForwardLine(lines.line); k != headingFrom && k != headingSubject && k != headingDate {
				continue
			}
		}
		if f, ok := readForwardLines(text, lines.start, marked); ok {
			return f, true
		}
	}
	return forwarded{}, false
}

// lineScanner goes over the lines of a text.
type lineScanner struct {
	text       string
	line       string
	start, end int // of the line; end is where the next begins
}

func newLineScanner(text string) *lineScanner { return &lineScanner{text: text} }

func (l *lineScanner) next() bool {
	if l.end >= len(l.text) {
		return false
	}
	l.start = l.end
	line, _, found := strings.Cut(l.text[l.start:], "\n")
	l.end += len(line)
	if found {
		l.end++
	}
	l.line = strings.TrimSuffix(line, "\r")
	return true
}

// unquoted is the line without the > before it.
func unquoted(line string) (rest string, quoted bool) {
	rest = strings.TrimLeft(line, " \t　")
	for {
		r, n := utf8.DecodeRuneInString(rest)
		if r != '>' && r != '＞' && r != '|' {
			return rest, quoted
		}
		rest, quoted = strings.TrimLeft(rest[n:], " \t"), true
	}
}

// unquoteLines takes one > from the start of every line.
func unquoteLines(text string) string {
	var b strings.Builder
	for l := newLineScanner(text); l.next(); {
		line := strings.TrimPrefix(strings.TrimPrefix(l.line, ">"), " ")
		b.WriteString(line + "\n")
	}
	return strings.TrimSpace(b.String())
}

// isMarker reports whether a line is one of markers between dashes, or ends with a colon.
func isMarker(line string) bool {
	line, _ = unquoted(line)
	if len(line) > 200 {
		return false
	}
	bare := strings.ToLower(strings.Trim(line, "-－―—–─━ー=＝_*＊~ 　\t"))
	name := strings.TrimRight(bare, ":： ")
	return markers[name] && len(name) < len(line)
}

// readForwardLine reads one of headings: its kind and what is behind the colon.
func readForwardLine(line string) (headingKind, string) {
	line, _ = unquoted(line)
	line = strings.TrimLeft(line, "*＊・■● ")
	i := strings.IndexAny(line[:min(len(line), 64)], ":：")
	if i < 1 {
		return headingNone, ""
	}
	name := strings.ToLower(strings.Map(func(c rune) rune {
		if c == ' ' || c == '　' || c == '*' || c == 0xa0 {
			return -1
		}
		return c
	}, line[:i]))
	_, n := utf8.DecodeRuneInString(line[i:])
	return headings[name], strings.Trim(line[i+n:], " \t*　")
}

// readForwardLines reads the lines at start, the first of which is a marker or a heading.
func readForwardLines(text string, start int, marked bool) (f forwarded, ok bool) {
	lines := &lineScanner{text: text, end: start}
	if marked {
		lines.next()
	}
	var has [headingOther + 1]bool
	kinds, blank := 0, 0
	f.quoted = true
	last, lastEmpty := headingNone, false
	for n := 0; n < maxHeading && lines.next(); n++ {
		bare, quoted := unquoted(lines.line)
		if strings.TrimSpace(bare) == "" {
			if kinds > 0 && has[headingFrom] && kinds > 1 {
				break
			}
			if blank++; blank > 3 {
				break
			}
			continue
		}
		k, value := readForwardLine(lines.line)
		if k == headingNone {
			switch {
			case kinds == 0: // something else stands behind the marker
				return f, false
			case lastEmpty: // the value stands on a line of its own
				value, k, lastEmpty = strings.TrimSpace(bare), last, false
				f.take(k, value)
				f.body = lines.end
				continue
			case last == headingTo || last == headingOther: // a long list goes on
				if strings.ContainsRune(bare, '@') {
					f.body = lines.end
					continue
				}
			}
			break
		}
		if has[k] && k != headingOther { // the headings of something else
			break
		}
		f.quoted = f.quoted && quoted
		if !has[k] {
			kinds++
		}
		has[k], last, lastEmpty = true, k, value == ""
		f.take(k, value)
		f.body = lines.end
	}
	enough := has[headingFrom] && kinds >= 2
	if !marked {
		enough = has[headingFrom] && kinds >= 3 && (has[headingDate] || has[headingSubject])
	}
	return f, enough
}

func (f *forwarded) take(k headingKind, value string) {
	switch k {
	case headingFrom:
		f.from = address(value)
		if f.from == "" && !strings.ContainsRune(value, '@') {
			if n := number(strings.Trim(value, "<> ")); n != "" {
				f.from, f.phone = n, true
			}
		}
	case headingTo:
		f.to = address(value)
	case headingSubject:
		f.subject = value
	case headingDate:
		f.date = parseLocalDate(value)
	}
}

// cutForwardPrefix takes Fwd: and its like from a subject, and says whether there was one.
func cutForwardPrefix(s string) (rest string, forwarded bool) {
	for range 8 {
		s = strings.TrimSpace(s)
		i := strings.IndexAny(s, ":：")
		if i < 1 {
			break
		}
		switch strings.ToLower(strings.TrimSpace(s[:i])) {
		case "fwd", "fw", "転送", "ｆｗ", "ｆｗｄ":
			_, n := utf8.DecodeRuneInString(s[i:])
			s, forwarded = s[i+n:], true
			continue
		}
		break
	}
	return s, forwarded
}

// address finds the one mail address in what people and programs write: a@b, Name <a@b>, "b@c" <a@b>, Name [mailto:a@b]. It is "" where there is
// none that could be one. The name in quotes before it is what swindlers choose. .invalid is nobody's (RFC 2606 §2).
func address(s string) string {
	if len(s) > 4*MaxParty {
		s = s[:4*MaxParty]
	}
	var bare strings.Builder // without what is in quotes and in parentheses
	depth := 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			quoted, rest := quotedString(s[i:])
			if strings.HasPrefix(rest, "@") { // "a b"@example.com
				bare.WriteString(quoted)
			}
			i = len(s) - len(rest) - 1
		case c == '(':
			depth++
		case c == ')' && depth > 0:
			depth--
		case depth == 0:
			bare.WriteByte(c)
		}
	}
	s = bare.String()
	if open := strings.IndexByte(s, '<'); open >= 0 {
		if inner, _, ok := strings.Cut(s[open+1:], ">"); ok {
			s = inner
		}
	}
	if _, after, ok := strings.Cut(s, "[mailto:"); ok {
		s = after
	}
	for word := range strings.FieldsFuncSeq(s, func(c rune) bool { return strings.ContainsRune(" \t,;[]<>　、", c) }) {
		word = strings.TrimPrefix(word, "mailto:")
		at := strings.LastIndexByte(word, '@')
		if at < 1 || at == len(word)-1 || !utf8.ValidString(word) {
			continue
		}
		domain := strings.ToLower(strings.TrimSuffix(word[at+1:], "."))
		if strings.HasSuffix("."+domain, ".invalid") {
			return ""
		}
		if a, err := parseParty(word[:at+1] + domain); err == nil {
			return a
		}
	}
	return ""
}

// japan is the zone of dates that name none.
var japan = time.FixedZone("JST", 9*60*60)

// weekday is the day of the week as Japanese programs write it: (月), 月曜日.
var weekday = regexp.MustCompile(`[(（][月火水木金土日][)）]|[月火水木金土日]曜日?`)

var localLayouts = []string{
	"2006年1月2日 15:04:05", "2006年1月2日 15:04", "2006/1/2 15:04:05", "2006/1/2 15:04", "2006-1-2 15:04:05", "2006-1-2 15:04", "2006.1.2 15:04",
	"Mon, Jan 2, 2006 at 3:04 PM", "Mon, 2 Jan 2006 at 15:04", "Monday, January 2, 2006 3:04 PM", "Monday, January 2, 2006 3:04:05 PM",
	"January 2, 2006 at 3:04:05 PM", "January 2, 2006 3:04:05 PM", "2 January 2006 at 15:04:05", "2 January 2006 15:04", "Monday, 2 January 2006 15:04",
	"2006/1/2, 15:04", "Jan 2, 2006, at 3:04 PM",
}

// parseLocalDate reads a date as mail programs write it for people. One that names no zone is of Japan. It is zero where it cannot be read.
func parseLocalDate(s string) time.Time {
	if len(s) > 128 {
		return time.Time{}
	}
	if t, ok := parseDate(s); ok {
		return t
	}
	zone := japan
	s = strings.ReplaceAll(s, "\u202f", " ")
	if i := strings.LastIndexByte(s, ' '); i >= 0 {
		if z, ok := zones[strings.ToUpper(s[i+1:])]; ok {
			s = s[:i]
			if t, err := time.Parse("-0700", z); err == nil {
				zone = t.Location()
			}
		} else if s[i+1:] == "GMT+9" {
			s = s[:i]
		}
	}
	s = strings.Join(strings.Fields(weekday.ReplaceAllString(s, " ")), " ")
	for _, l := range localLayouts {
		if t, err := time.ParseInLocation(l, s, zone); err == nil && plausible(t) {
			return t.UTC()
		}
	}
	return time.Time{}
}
