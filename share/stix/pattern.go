package stix

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Bounds of a pattern.
const (
	maxPattern = 64 << 10 // octets
	maxNesting = 32       // parentheses in each other
	maxTerms   = 1000     // comparisons, each member of a set counted
	maxValue   = 4096     // octets of a value
)

// Term is a simple comparison of a pattern: a property is equal to a string.
type Term struct {
	Object string // the type of cyber-observable: url, file
	Path   string // the property, as value or hashes.SHA-256
	Value  string
	Alone  bool // that it holds is enough; false where something else has to hold too
}

// Pattern is what a STIX pattern (§9) says in simple comparisons.
type Pattern struct {
	Terms []Term
	Other int // comparisons that are not simple: with <, LIKE, MATCHES, NOT, or no string
}

// PatternError says where a pattern cannot be read. It repeats nothing of it.
type PatternError struct {
	At  int // octets before it
	Err error
}

func (e *PatternError) Error() string { return fmt.Sprintf("pattern: octet %d: %v", e.At+1, e.Err) }
func (e *PatternError) Unwrap() error { return e.Err }

// ParsePattern reads a pattern: comparisons with all operators, IN, AND, OR, FOLLOWEDBY, parentheses and qualifiers. Qualifiers are read and
// say nothing here: an indicator is looked for at once.
func ParsePattern(s string) (Pattern, error) {
	p := patternParser{s: s}
	if len(s) > maxPattern {
		return Pattern{}, &PatternError{maxPattern, fmt.Errorf("more than %d octets", maxPattern)}
	}
	if !utf8.ValidString(s) {
		return Pattern{}, &PatternError{0, errUnicode}
	}
	err := p.advance()
	if err == nil {
		err = p.observations(0)
	}
	if err == nil && p.kind != tokEnd {
		err = p.expected("the end, AND, OR, FOLLOWEDBY or a qualifier")
	}
	if err != nil {
		return Pattern{}, err
	}
	return p.out, nil
}

func (p *patternParser) sign(s string) bool { return p.kind == tokSign && p.text == s }
func (p *patternParser) word(s string) bool { return p.kind == tokWord && p.text == s }

func (p *patternParser) take(s string) error {
	if !p.sign(s) {
		return p.expected(s)
	}
	return p.advance()
}

// together marks the terms from n on as not enough alone.
func (p *patternParser) together(n int) {
	for i := n; i < len(p.out.Terms); i++ {
		p.out.Terms[i].Alone = false
	}
}

// chain reads operands with words between them, weaker words further out: FOLLOWEDBY is weaker than OR, OR than AND (§9.5.3).
func (p *patternParser) chain(words []string, d int, operand func(d int) error) error {
	if len(words) == 0 {
		return operand(d)
	}
	start := len(p.out.Terms)
	if err := p.chain(words[1:], d, operand); err != nil {
		return err
	}
	for p.word(words[0]) {
		if err := p.advance(); err != nil {
			return err
		}
		if err := p.chain(words[1:], d, operand); err != nil {
			return err
		}
		if words[0] != "OR" {
			p.together(start)
			start = len(p.out.Terms)
		}
	}
	return nil
}

func (p *patternParser) nest(d int) error {
	if d > maxNesting {
		return p.fail(fmt.Errorf("more than %d parentheses in each other", maxNesting))
	}
	return nil
}

func (p *patternParser) observations(d int) error {
	return p.chain([]string{"FOLLOWEDBY", "OR", "AND"}, d, p.observation)
}

func (p *patternParser) observation(d int) error {
	switch {
	case p.sign("["):
		if err := p.advance(); err != nil {
			return err
		}
		if err := p.comparisons(d); err != nil {
			return err
		}
		if err := p.take("]"); err != nil {
			return err
		}
	case p.sign("("):
		if err := p.nest(d + 1); err != nil {
			return err
		}
		if err := p.advance(); err != nil {
			return err
		}
		if err := p.observations(d + 1); err != nil {
			return err
		}
		if err := p.take(")"); err != nil {
			return err
		}
	default:
		return p.expected("[ or (")
	}
	return p.qualifiers()
}

// qualifiers reads START t” STOP t”, WITHIN n SECONDS and REPEATS n TIMES (§9.5.1), in any number.
func (p *patternParser) qualifiers() error {
	for {
		var shape []any
		switch {
		case p.word("START"):
			shape = []any{tokOther, "STOP", tokOther}
		case p.word("WITHIN"):
			shape = []any{tokNumber, "SECONDS"}
		case p.word("REPEATS"):
			shape = []any{tokNumber, "TIMES"}
		default:
			return nil
		}
		for _, s := range shape {
			if err := p.advance(); err != nil {
				return err
			}
			switch s := s.(type) {
			case token:
				if p.kind != s {
					return p.expected("a qualifier's value")
				}
			case string:
				if !p.word(s) {
					return p.expected(s)
				}
			}
		}
		if err := p.advance(); err != nil {
			return err
		}
	}
}

func (p *patternParser) comparisons(d int) error {
	return p.chain([]string{"OR", "AND"}, d, p.comparison)
}

func (p *patternParser) comparison(d int) error {
	if p.sign("(") {
		if err := p.nest(d + 1); err != nil {
			return err
		}
		if err := p.advance(); err != nil {
			return err
		}
		if err := p.comparisons(d + 1); err != nil {
			return err
		}
		return p.take(")")
	}
	exists := p.word("EXISTS")
	if exists {
		if err := p.advance(); err != nil {
			return err
		}
	}
	object, path, err := p.path()
	if err != nil {
		return err
	}
	if exists {
		return p.other()
	}
	not := p.word("NOT")
	if not {
		if err := p.advance(); err != nil {
			return err
		}
	}
	switch {
	case p.sign("="), p.sign("=="):
		if err := p.advance(); err != nil {
			return err
		}
		return p.literal(object, path, not)
	case p.sign("!="), p.sign("<>"), p.sign("≠"), p.sign("<"), p.sign("<="), p.sign("≤"), p.sign(">"), p.sign(">="), p.sign("≥"),
		p.word("LIKE"), p.word("MATCHES"), p.word("ISSUBSET"), p.word("ISSUPERSET"):
		if err := p.advance(); err != nil {
			return err
		}
		return p.literal(object, path, true)
	case p.word("IN"):
		if err := p.advance(); err != nil {
			return err
		}
		return p.set(object, path, not)
	}
	return p.expected("a comparison")
}

// set reads the members of IN.
func (p *patternParser) set(object, path string, not bool) error {
	if err := p.take("("); err != nil {
		return err
	}
	if p.sign(")") { // the grammar has the empty set
		return p.advance()
	}
	for {
		if err := p.literal(object, path, not); err != nil {
			return err
		}
		if p.sign(")") {
			return p.advance()
		}
		if err := p.take(","); err != nil {
			return err
		}
	}
}

func (p *patternParser) count() error {
	if p.terms++; p.terms > maxTerms {
		return p.fail(fmt.Errorf("more than %d comparisons", maxTerms))
	}
	return nil
}

func (p *patternParser) other() error {
	p.out.Other++
	return p.count()
}

// literal reads what a property is compared with.
func (p *patternParser) literal(object, path string, not bool) error {
	simple := p.kind == tokString && !not
	switch {
	case p.kind == tokString, p.kind == tokNumber, p.kind == tokOther, p.word("true"), p.word("false"):
	default:
		return p.expected("a value")
	}
	if !simple {
		if err := p.other(); err != nil {
			return err
		}
		return p.advance()
	}
	if len(p.value) > maxValue {
		return p.fail(fmt.Errorf("a value of more than %d octets", maxValue))
	}
	if err := p.count(); err != nil {
		return err
	}
	p.out.Terms = append(p.out.Terms, Term{object, path, p.value, true})
	return p.advance()
}

// path reads what is compared: type:property, then properties of it and places in lists (§9.7).
func (p *patternParser) path() (object, path string, err error) {
	if p.kind != tokWord {
		return "", "", p.expected("a type of object")
	}
	object = p.text
	if err := p.advance(); err != nil {
		return "", "", err
	}
	if err := p.take(":"); err != nil {
		return "", "", err
	}
	var b strings.Builder
	for first := true; ; first = false {
		switch {
		case p.sign("[") && !first:
			if err := p.advance(); err != nil {
				return "", "", err
			}
			if p.kind != tokNumber && !p.sign("*") {
				return "", "", p.expected("a place in a list")
			}
			b.WriteString("[" + p.text + "]")
			if err := p.advance(); err != nil {
				return "", "", err
			}
			if err := p.take("]"); err != nil {
				return "", "", err
			}
			continue
		case p.sign(".") && !first:
			if err := p.advance(); err != nil {
				return "", "", err
			}
			b.WriteByte('.')
		case !first:
			return object, b.String(), nil
		}
		switch p.kind {
		case tokWord:
			b.WriteString(p.text)
		case tokString:
			b.WriteString(p.value)
		default:
			return "", "", p.expected("a property")
		}
		if err := p.advance(); err != nil {
			return "", "", err
		}
	}
}
