package corpus

import (
	"bufio"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/sekisho/sekisho/message"
)

// Templates are texts with slots, from which many texts are made: the same ones every time. A file has
//
//	# a remark
//	+ lists.tmpl                               the lists of another file beside this one
//	= name: one | another | a third            a list, which {name} takes one of
//	@ phishing ja p2p 20 kind=parcel from={mobile}   class, language, route, how many texts of each line below; what they
//	                                           are about, and their sender; "apart" before from=: the texts of a line have
//	                                           nothing in common (addresses), so that none is learnt for another's sake
//	お荷物を{お預かり|保管}しています。{badlink}     a text; \n is a new line, {a|b|} one of them or nothing
//
// Slots may stand within slots; one of several that is the name of a list stands for the list. {#4} is four digits, {a8} eight small letters, {x8} eight small letters
// and digits; the first digit is never 0.
const (
	maxSlots     = 32      // slots within slots
	maxFilled    = 1000    // slots of a text, since a list may name itself twice
	maxMade      = 4 << 10 // octets of a text
	maxTemplates = 1000    // texts of one line
	maxLines     = 20000
)

type templates struct {
	lists map[string]string
	rng   *rand.Rand
	slots int // that this text may still fill
}

type group struct {
	class message.Class
	lang  string
	route message.Route
	count int
	kind  string
	apart bool
	from  string
}

func newTemplates(name string, b *bufio.Reader) (func(*Sample) error, error) {
	t := &templates{lists: map[string]string{}}
	type made struct {
		group
		text string
		line int
	}
	var all []made
	var g group
	for line := 1; ; line++ {
		raw, err := readLine(b, nil)
		if err == io.EOF {
			break
		}
		if err == nil && line > maxLines {
			err = fmt.Errorf("more than %d lines", maxLines)
		}
		l := strings.TrimSpace(string(raw))
		switch {
		case err != nil:
		case l == "" || strings.HasPrefix(l, "#"):
		case strings.HasPrefix(l, "= "):
			err = t.list(l)
		case strings.HasPrefix(l, "+ "):
			err = t.include(filepath.Join(filepath.Dir(name), strings.TrimSpace(l[2:])))
		case strings.HasPrefix(l, "@ "):
			g, err = readGroup(l)
		case g.count == 0:
			err = errors.New("a text before the first line that starts with @")
		default:
			all = append(all, made{g, strings.ReplaceAll(l, `\n`, "\n"), line})
		}
		if err != nil {
			return nil, at(name, line, err)
		}
	}
	i, n := 0, 0
	seen := map[string]bool{}
	return func(s *Sample) error {
		for i < len(all) {
			m := &all[i]
			if n++; n > m.count {
				i, n = i+1, 0
				clear(seen)
				continue
			}
			h := fnv.New64a()
			io.WriteString(h, m.text)
			t.rng, t.slots = rand.New(rand.NewPCG(h.Sum64(), uint64(n))), maxFilled
			text, err := t.expand(m.text, maxSlots)
			if err != nil {
				return at(name, m.line, err)
			}
			if text = strings.TrimSpace(text); seen[text] {
				continue
			}
			seen[text] = true
			from, err := t.expand(m.from, maxSlots)
			if err != nil {
				return at(name, m.line, err)
			}
			*s = Sample{ID: fmt.Sprintf("%s:%d:%d", m.lang, m.line, n), Text: text, From: strings.TrimSpace(from),
				Route: m.route, Label: m.class, Line: m.line, Kind: m.kind, Lang: m.lang, Group: fmt.Sprintf("%s:%d", filepath.Base(name), m.line)}
			if m.apart {
				s.Group = ""
			}
			return nil
		}
		return io.EOF
	}, nil
}

// list takes in a line that names a list.
func (t *templates) list(l string) error {
	key, list, ok := strings.Cut(l[2:], ":")
	if key = strings.TrimSpace(key); !ok || key == "" {
		return errors.New(`a list is written "= name: one | another"`)
	}
	t.lists[key] = strings.ReplaceAll(list, `\n`, "\n")
	return nil
}

// include takes in the lists of another file, which has nothing else.
func (t *templates) include(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return fmt.Errorf("take in the lists of another file: %w", err)
	}
	defer f.Close()
	b := bufio.NewReader(io.LimitReader(f, maxLines*maxMade))
	for line := 1; ; line++ {
		raw, err := readLine(b, nil)
		if err == io.EOF {
			return nil
		}
		l := strings.TrimSpace(string(raw))
		switch {
		case err != nil:
		case l == "" || strings.HasPrefix(l, "#"):
			continue
		case strings.HasPrefix(l, "= "):
			err = t.list(l)
		default:
			err = errors.New("a file of lists has nothing but lists and remarks")
		}
		if err != nil {
			return at(name, line, err)
		}
	}
}

func readGroup(l string) (g group, err error) {
	f := strings.Fields(l)
	if len(f) < 5 {
		return g, errors.New(`a group is written "@ class language route count kind=... from=..."`)
	}
	if g.class, err = message.ParseClass(f[1]); err != nil {
		return g, err
	}
	g.lang = f[2]
	if g.route, err = message.ParseRoute(f[3]); err != nil {
		return g, err
	}
	if g.count, err = strconv.Atoi(f[4]); err != nil || g.count < 1 || g.count > maxTemplates {
		return g, fmt.Errorf("%q is not a count from 1 to %d", f[4], maxTemplates)
	}
	for _, word := range f[5:] {
		if kind, ok := strings.CutPrefix(word, "kind="); ok {
			g.kind = kind
		} else if word == "apart" {
			g.apart = true
		} else {
			break
		}
	}
	if _, from, ok := strings.Cut(l, "from="); ok {
		g.from = strings.TrimSpace(from)
	}
	return g, nil
}

// expand fills the slots of a text.
func (t *templates) expand(s string, depth int) (string, error) {
	if t.slots--; depth == 0 || t.slots < 0 {
		return "", fmt.Errorf("slots within slots more than %d deep, or more than %d of them", maxSlots, maxFilled)
	}
	var out strings.Builder
	for {
		i := strings.IndexByte(s, '{')
		if i < 0 {
			out.WriteString(s)
			break
		}
		out.WriteString(s[:i])
		end := closing(s[i:])
		if end < 0 {
			return "", errors.New("a { without its }")
		}
		v, err := t.slot(s[i+1:i+end], depth)
		if err != nil {
			return "", err
		}
		out.WriteString(v)
		s = s[i+end+1:]
		if out.Len() > maxMade {
			return "", fmt.Errorf("a text of more than %d octets", maxMade)
		}
	}
	return out.String(), nil
}

// closing finds the brace that closes the one s starts with.
func closing(s string) int {
	open := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '{':
			open++
		case '}':
			if open--; open == 0 {
				return i
			}
		}
	}
	return -1
}

func (t *templates) slot(s string, depth int) (string, error) {
	if list, ok := t.lists[s]; ok {
		options := alternatives(list)
		return t.expand(strings.Trim(options[t.rng.IntN(len(options))], " "), depth-1)
	}
	if len(s) >= 2 && strings.IndexByte("#ax", s[0]) >= 0 {
		if n, err := strconv.Atoi(s[1:]); err == nil && n > 0 && n <= 64 {
			return t.random(s[0], n), nil
		}
	}
	options := alternatives(s)
	if len(options) == 1 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == "" {
		return "", fmt.Errorf("no list is called %.40q", s)
	}
	chosen := options[t.rng.IntN(len(options))]
	if name := strings.TrimSpace(chosen); t.lists[name] != "" {
		chosen = strings.Replace(chosen, name, "{"+name+"}", 1)
	}
	return t.expand(chosen, depth-1)
}

// alternatives splits at each | that stands in no inner slot.
func alternatives(s string) []string {
	var out []string
	open, start := 0, 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '{':
			open++
		case '}':
			open--
		case '|':
			if open == 0 {
				out = append(out, s[start:i])
				start = i + 1
			}
		}
	}
	return append(out, s[start:])
}

func (t *templates) random(kind byte, n int) string {
	letters := map[byte]string{'#': "0123456789", 'a': "abcdefghijklmnopqrstuvwxyz", 'x': "abcdefghijklmnopqrstuvwxyz0123456789"}[kind]
	b := make([]byte, n)
	for i := range b {
		b[i] = letters[t.rng.IntN(len(letters))]
		if kind == '#' && i == 0 {
			b[i] = letters[1+t.rng.IntN(9)]
		}
	}
	return string(b)
}
