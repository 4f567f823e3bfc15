package simulate

import (
	_ "embed"
	"fmt"
	"strings"

	"github.com/sekisho/sekisho/message"
	"github.com/sekisho/sekisho/subject"
)

//go:embed words.txt
var wordsFile string

//go:embed texts.txt
var textsFile string

// word is what a slot may hold; b is its second field, often empty.
type word struct{ a, b string }

// words are the lists of words.txt by name.
type words map[string][]word

func parseWords(file string) (words, error) {
	w := make(words)
	for n, line := range strings.Split(file, "\n") {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		name, list, ok := strings.Cut(line, " = ")
		if !ok {
			return nil, fmt.Errorf("words.txt:%d: no \" = \"", n+1)
		}
		for _, s := range strings.Split(list, " | ") {
			a, b, _ := strings.Cut(strings.TrimSpace(s), "~")
			for _, have := range w[name] {
				if have.a == a {
					return nil, fmt.Errorf("words.txt:%d: %s stands twice in %s", n+1, a, name)
				}
			}
			w[name] = append(w[name], word{a, b})
		}
	}
	return w, nil
}

// section is what a heading of texts.txt says, and the lines below it.
type section struct {
	class    message.Class
	route    message.Route
	script   Script
	language string // of Other: zh, vi, pt
	voice    string
	from     senderKind
	ids      []subject.Address // that spoof uses
	account  string
	campaign string
	weight   int  // in a Story
	story    bool // for a Story only
	lines    []string
}

// tails are the sentences that make a text longer, by script, language and voice, in order.
type tails map[string][][]word

func tailKey(s Script, language, voice string) string {
	return s.String() + "." + language + " " + voice
}

func parseTexts(file string) ([]section, tails, error) {
	var all []section
	t := make(tails)
	var tail *[]word
	for n, line := range strings.Split(file, "\n") {
		var err error
		switch {
		case line == "" || line[0] == '#':
		case line[0] == '@':
			var s section
			s, err = parseHeading(strings.Fields(line[1:]))
			all, tail = append(all, s), nil
		case line[0] == '&':
			tail, err = t.heading(strings.Fields(line[1:]))
		case tail != nil:
			if strings.ContainsAny(line, "{#") {
				err = fmt.Errorf("a tail has no slots")
			}
			*tail = append(*tail, word{a: line})
		case len(all) > 0:
			all[len(all)-1].lines = append(all[len(all)-1].lines, line)
		default:
			err = fmt.Errorf("a text before any heading")
		}
		if err != nil {
			return nil, nil, fmt.Errorf("texts.txt:%d: %w", n+1, err)
		}
	}
	return all, t, nil
}

func (t tails) heading(f []string) (*[]word, error) {
	if len(f) != 3 {
		return nil, fmt.Errorf("a tail is headed by script, voice and number, not %q", f)
	}
	s, lang, err := parseScript(f[0])
	if err != nil {
		return nil, err
	}
	k := tailKey(s, lang, f[1])
	if f[2] != fmt.Sprint(len(t[k])+1) {
		return nil, fmt.Errorf("tail %s of %s out of order", f[2], k)
	}
	t[k] = append(t[k], nil)
	return &t[k][len(t[k])-1], nil
}

func parseScript(s string) (Script, string, error) {
	name, lang, _ := strings.Cut(s, ".")
	for i, n := range scriptNames {
		if n == name {
			return Script(i), lang, nil
		}
	}
	return 0, "", fmt.Errorf("unknown script %q", s)
}

func parseHeading(f []string) (s section, err error) {
	if len(f) < 4 {
		return s, fmt.Errorf("a heading needs class, route, script and voice")
	}
	if s.class, err = message.ParseClass(f[0]); err != nil {
		return s, err
	}
	if s.route, err = message.ParseRoute(f[1]); err != nil {
		return s, err
	}
	if s.script, s.language, err = parseScript(f[2]); err != nil {
		return s, err
	}
	s.voice, s.weight = voiceOf(f[3], s.class), 10
	for _, kv := range f[4:] {
		k, v, _ := strings.Cut(kv, "=")
		switch k {
		case "from":
			var ok bool
			if s.from, ok = senderKinds[v]; !ok {
				return s, fmt.Errorf("unknown sender %q", v)
			}
		case "ids":
			for _, id := range strings.Split(v, ",") {
				s.ids = append(s.ids, address(id))
			}
		case "account":
			s.account = v
		case "as":
			s.campaign = v
		case "only":
			s.story = v == "story"
		case "w":
			if _, err := fmt.Sscan(v, &s.weight); err != nil {
				return s, fmt.Errorf("weight %q: %w", v, err)
			}
		default:
			return s, fmt.Errorf("unknown setting %q", kv)
		}
	}
	if s.from == spoof && s.ids == nil {
		return s, fmt.Errorf("from=spoof without ids=")
	}
	if s.account == "" {
		s.account = "suzume"
	}
	return s, nil
}

// voiceOf is whose tails go with a text: every kind of fraud has the same.
func voiceOf(s string, c message.Class) string {
	if c == message.Phishing {
		return "fraud"
	}
	return s
}
