package report

import (
	"regexp"
	"strings"
	"unicode"

	"golang.org/x/text/width"

	"github.com/sekisho/sekisho/subject"
)

// Unmark takes the marks of forwarding off a text that a subscriber sent on, and gives the sender where the marks name him. It knows what the phones
// and apps of Japan and elsewhere write: a heading line ("Fwd:", "転送:", "---- Forwarded message ----"), lines with sender and time, and quotes.
func Unmark(text string) (body, sender string) {
	lines := strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	marked := false
	for len(lines) > 0 {
		line := lines[0]
		if line == "" {
			lines = lines[1:]
			continue
		}
		if rest, ok := cutMark(line); ok {
			marked = true
			if rest == "" {
				lines = lines[1:]
			} else {
				lines[0] = rest
			}
			continue
		}
		if from, ok := cutFrom(line); ok && (len(lines) > 1 || marked) {
			if sender == "" {
				sender = from
			}
			marked = true
			lines = lines[1:]
			continue
		}
		if marked && timeLine.MatchString(fold(line)) {
			lines = lines[1:]
			continue
		}
		break
	}
	for i := range lines {
		if rest, ok := strings.CutPrefix(lines[i], ">"); ok && marked {
			lines[i] = strings.TrimSpace(rest)
		}
	}
	// A sender may also stand at the end, as "(From 090-...)" of some apps.
	if n := len(lines); n > 1 && sender == "" {
		last := strings.Trim(lines[n-1], "()（）[]")
		if from, ok := cutFrom(last); ok {
			sender, lines = from, lines[:n-1]
		}
	}
	return strings.TrimSpace(strings.Join(lines, "\n")), sender
}

// fold is a line in half width and small letters, for comparing.
func fold(s string) string { return strings.ToLower(width.Fold.String(s)) }

var forwardMarks = []string{"fwd:", "fw:", "fwd：", "fw：", "転送:", "転送：", "転送>", "【転送】", "[転送]", "(転送)", "tr:", "wg:", "forwarded:", "forwarded message:"}

var headingLine = regexp.MustCompile(`^[-=_*─ー―]{2,}\s*(forwarded message|original message|begin forwarded message|転送メッセージ|転送されたメッセージ|元のメッセージ|オリジナルメッセージ|message)?:?\s*[-=_*─ー―]*$|^(begin forwarded message|forwarded message|転送メッセージ|転送されたメッセージ):?$`)

// cutMark takes a heading off a line.
func cutMark(line string) (rest string, ok bool) {
	low := fold(line)
	if headingLine.MatchString(low) {
		return "", true
	}
	for _, h := range forwardMarks {
		h = fold(h)
		if !strings.HasPrefix(low, h) {
			continue
		}
		// The folded line has as many letters as the line: width folding changes no count of them but for half-width kana, which no heading has.
		return strings.TrimSpace(cutRunes(line, len([]rune(h)))), true
	}
	return line, false
}

func cutRunes(s string, n int) string {
	for i := range s {
		if n == 0 {
			return s[i:]
		}
		n--
	}
	return ""
}

var fromWords = []string{"from:", "from :", "from ", "差出人:", "差出人：", "送信者:", "送信者：", "送信元:", "送信元：", "発信者:", "発信元:", "sender:", "番号:", "電話番号:", "送信元番号:"}

var timeLine = regexp.MustCompile(`^(date|sent|time|日時|日付|送信日時|受信日時|received|to|宛先|subject|件名)\s*:|^\d{4}[/.年-]\d{1,2}[/.月-]\d{1,2}日?(\s*\([^)]{1,3}\))?(\s+\d{1,2}[:時]\d{2}.*)?$|^\d{1,2}[:時]\d{2}(:\d{2})?$`)

// cutFrom reads a line that says who sent it.
func cutFrom(line string) (from string, ok bool) {
	low := fold(line)
	for _, w := range fromWords {
		if w = fold(w); strings.HasPrefix(low, w) {
			rest := strings.TrimSpace(cutRunes(line, len([]rune(w))))
			if p := readParty(rest, true); p != "" {
				return p, true
			}
		}
	}
	return "", false
}

var (
	numberRun = regexp.MustCompile(`\+?[0-9][0-9\-() .ー−‐]{2,}[0-9]`)
	mailRun   = regexp.MustCompile(`[a-z0-9._%+\-]{1,64}@[a-z0-9.\-]{1,200}\.[a-z]{2,}`)
	nameRun   = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9 &._\-]{1,10}$`)
)

// readParty reads a sender out of what a subscriber answered: a number in any writing, a mail address, a sender ID. marked says that a word before it
// said that it is one.
func readParty(s string, marked bool) string {
	f := width.Fold.String(s)
	if m := mailRun.FindString(strings.ToLower(f)); m != "" {
		if p, err := parseParty(m); err == nil {
			return p
		}
	}
	if m := numberRun.FindString(f); m != "" {
		digits := strings.Map(func(c rune) rune {
			if c >= '0' && c <= '9' || c == '+' {
				return c
			}
			return -1
		}, m)
		a, err := subject.ParseAddress(digits, subject.Japan)
		if err == nil && (a.Line() != 0 || a.Kind() == subject.KindShort && len(digits) <= 11) {
			return a.String()
		}
	}
	f = strings.TrimSpace(strings.Trim(f, "\"'「」『』"))
	if strings.ContainsFunc(f, unicode.IsLetter) && nameRun.MatchString(f) && (marked || !strings.Contains(f, " ")) {
		return f
	}
	if len(f) >= 3 && len(f) <= 8 && strings.Trim(f, "0123456789") == "" { // a short code
		return f
	}
	return ""
}
