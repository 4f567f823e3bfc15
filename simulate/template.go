package simulate

import (
	"fmt"
	"strings"
	"unicode/utf16"

	"github.com/sekisho/sekisho/subject"
)

// opKind is what a piece of a template is.
type opKind uint8

const (
	opLiteral opKind = iota
	opWord           // a slot's word
	opSecond         // its second field
	opDigit
	opHour
	opMinute
	opMonth
	opDay
	opFew  // 2 to 7
	opYen  // 1,280
	opURL  // a link of fraud
	opPath // six letters and digits
	opTel  // a number to call back
)

// made are the slots that chance fills and no list; they do not count when texts are told apart. min and max
// are how many letters they have.
var made = map[string]struct {
	kind     opKind
	min, max int
}{
	"#": {opDigit, 1, 1}, "h": {opHour, 1, 2}, "min": {opMinute, 2, 2}, "m": {opMonth, 1, 2}, "d": {opDay, 1, 2},
	"n": {opFew, 1, 1}, "yen": {opYen, 5, 6}, "path": {opPath, 6, 6}, "tel": {opTel, 13, 13}, "url": {opURL, 20, 32},
}

const maxSlots = 16

type op struct {
	kind opKind
	slot uint8
	text string
}

// template is a text with slots, of which each combination of words is a text of its own.
type template struct {
	*section
	ops      []op
	lists    [][]word          // by slot
	names    []string          // of the slots, while it is built
	speaker  int               // the slot that names the business, and
	named    []subject.Address // its sender ID for each word, where from is alpha
	links    bool              // holds a link of fraud
	texts    uint64            // how many combinations there are
	min, max int               // units that a text of it takes
}

// compile reads a template's line. Units are those of its script.
func compile(w words, s *section, line string) (*template, error) {
	t := &template{section: s, texts: 1}
	if err := t.add(w, line); err != nil {
		return nil, err
	}
	return t, t.identify(line)
}

// identify finds the slot by whose words the sender calls itself.
func (t *template) identify(line string) error {
	if t.from != alpha {
		return nil
	}
	for i, name := range t.names {
		if name != "service" && name != "shop" && name != "en.shop" {
			continue
		}
		t.speaker = i
		for _, x := range t.lists[i] {
			id := x.b
			if id == "" {
				id = x.a
			}
			t.named = append(t.named, address(id))
		}
		return nil
	}
	return fmt.Errorf("from=alpha, but {service}, {shop} or {en.shop} is not in %q", line)
}

// index is the place in the slot's list that combination which has its word at.
func (t *template) index(slot int, which uint64) int {
	for _, l := range t.lists[:slot] {
		which /= uint64(len(l))
	}
	return int(which % uint64(len(t.lists[slot])))
}

// addressed is combination which, but for another person: all slots of names are drawn anew.
func (t *template) addressed(which uint64, draw func(int) int) uint64 {
	unit := uint64(1)
	for i, l := range t.lists {
		n := uint64(len(l))
		if strings.HasSuffix(strings.TrimRight(t.names[i], "23456789"), "name") {
			which = which - which/unit%n*unit + uint64(draw(len(l)))*unit
		}
		unit *= n
	}
	return which
}

// add appends more text to the template.
func (t *template) add(w words, line string) error {
	for line != "" {
		i := strings.IndexAny(line, "{#")
		if i < 0 {
			i = len(line)
		}
		if i > 0 {
			t.literal(line[:i])
			line = line[i:]
			continue
		}
		name := "#"
		if line[0] == '{' {
			end := strings.IndexByte(line, '}')
			if end < 0 {
				return fmt.Errorf("an open brace in %q", line)
			}
			name, line = line[1:end], line[end+1:]
		} else {
			line = line[1:]
		}
		if m, ok := made[name]; ok {
			t.links = t.links || m.kind == opURL
			t.ops = append(t.ops, op{kind: m.kind})
			t.min, t.max = t.min+m.min, t.max+m.max
			continue
		}
		if err := t.slot(w, name); err != nil {
			return err
		}
	}
	return nil
}

func (t *template) literal(s string) {
	t.ops = append(t.ops, op{kind: opLiteral, text: s})
	n := t.script.units(s)
	t.min, t.max = t.min+n, t.max+n
}

func (t *template) slot(w words, name string) error {
	kind := opWord
	if strings.HasSuffix(name, "~") {
		kind, name = opSecond, name[:len(name)-1]
	}
	at := -1
	for i, have := range t.names {
		if have == name {
			at = i
		}
	}
	if at < 0 {
		list := w[strings.TrimRight(name, "23456789")]
		if len(list) == 0 {
			return fmt.Errorf("no list of words for {%s}", name)
		}
		at = t.list(name, list)
	}
	lo, hi := 1<<30, 0
	for _, x := range t.lists[at] {
		s := x.a
		if kind == opSecond {
			s = x.b
		}
		n := t.script.units(s)
		lo, hi = min(lo, n), max(hi, n)
	}
	t.min, t.max = t.min+lo, t.max+hi
	t.ops = append(t.ops, op{kind: kind, slot: uint8(at)})
	return nil
}

func (t *template) list(name string, list []word) int {
	if len(t.lists) == maxSlots {
		panic("simulate: a template with too many slots")
	}
	t.names, t.lists = append(t.names, name), append(t.lists, list)
	t.texts *= uint64(len(list))
	return len(t.lists) - 1
}

// fit makes the template as long as so many parts need, by adding tails, and reports whether it could.
func (t *template) fit(all tails, parts int) bool {
	over, room := t.script.room(parts-1), t.script.room(parts)
	space := t.script == GSM7 || t.language == "vi" || t.language == "pt"
	for i, tail := range all[tailKey(t.script, t.language, t.voice)] {
		if t.min > over || len(t.lists) == maxSlots {
			break
		}
		switch last := &t.ops[len(t.ops)-1]; {
		case space:
			t.literal(" ")
		case i == 0 && !strings.HasSuffix(last.text, "。") && !strings.HasSuffix(last.text, "？"):
			t.literal("\n")
		}
		at := t.list(fmt.Sprintf("&%d", i), tail)
		lo, hi := 1<<30, 0
		for _, x := range tail {
			n := t.script.units(x.a)
			lo, hi = min(lo, n), max(hi, n)
		}
		t.min, t.max = t.min+lo, t.max+hi
		t.ops = append(t.ops, op{kind: opWord, slot: uint8(at)})
	}
	return t.min > over && t.max <= room
}

// units is what a text takes up: septets of the GSM alphabet, or UTF-16 units.
func (s Script) units(text string) int {
	if s != GSM7 {
		return len(utf16.Encode([]rune(text)))
	}
	for _, c := range []byte(text) {
		if c >= 0x7f || strings.IndexByte("`^{}[]~|\\", c) >= 0 {
			panic(fmt.Sprintf("simulate: %q is not plain GSM 7-bit", text))
		}
	}
	return len(text)
}

// draws is what fills the slots that no list fills: a number that is used up from below. Links of fraud stand
// on the host it names, or, where that is none, on one that chance picks.
type draws struct{ seed, left, host uint64 }

func (d *draws) n(of uint64) uint64 {
	if d.left < 1<<16 {
		d.seed++
		d.left = mix64(d.seed)
	}
	v := d.left % of
	d.left /= of
	return v
}

// render appends the text that combination number which of the words makes.
func (t *template) render(dst []byte, which uint64, d *draws) []byte {
	var at [maxSlots]uint32
	for i, l := range t.lists {
		n := uint64(len(l))
		at[i], which = uint32(which%n), which/n
	}
	for i := range t.ops {
		o := &t.ops[i]
		switch o.kind {
		case opLiteral:
			dst = append(dst, o.text...)
		case opWord:
			dst = append(dst, t.lists[o.slot][at[o.slot]].a...)
		case opSecond:
			dst = append(dst, t.lists[o.slot][at[o.slot]].b...)
		case opURL:
			dst = appendURL(dst, d)
		default:
			dst = appendMade(dst, o.kind, d)
		}
	}
	return dst
}

func appendMade(dst []byte, kind opKind, d *draws) []byte {
	switch kind {
	case opDigit:
		return append(dst, byte('0'+d.n(10)))
	case opHour:
		return appendInt(dst, 9+d.n(12))
	case opMinute:
		return append(dst, byte('0'+d.n(6)), byte('0'+5*d.n(2)))
	case opMonth:
		return appendInt(dst, 1+d.n(12))
	case opDay:
		return appendInt(dst, 1+d.n(28))
	case opFew:
		return appendInt(dst, 2+d.n(6))
	case opYen:
		v := 10 * (100 + d.n(9000)) // 1,000 to 90,990
		dst = append(appendInt(dst, v/1000), ',', byte('0'+v/100%10), byte('0'+v/10%10))
		return append(dst, '0')
	case opPath:
		for range 6 {
			dst = append(dst, "abcdefghjkmnpqrstuvwxyz23456789"[d.n(31)])
		}
		return dst
	case opTel:
		dst = append(dst, "050-0"...)
		for i := range 8 {
			if i == 3 {
				dst = append(dst, '-')
				continue
			}
			dst = append(dst, byte('0'+d.n(10)))
		}
	}
	return dst
}

func appendInt(dst []byte, v uint64) []byte {
	if v >= 10 {
		dst = append(dst, byte('0'+v/10%10))
	}
	return append(dst, byte('0'+v%10))
}

// appendURL appends a link of fraud, 20 to 32 letters long.
func appendURL(dst []byte, d *draws) []byte {
	start := len(dst)
	dst = append(dst, "http"...)
	if d.n(2) == 0 {
		dst = append(dst, 's')
	}
	dst = append(dst, "://"...)
	dst = appendHost(dst, d.fraudHost())
	if len(dst)-start < 27 {
		dst = append(dst, '/')
		dst = appendMade(dst, opPath, d)[:len(dst)+4]
	}
	return dst
}
