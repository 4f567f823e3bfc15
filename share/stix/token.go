package stix

import (
	"errors"
	"strings"
)

type token uint8

const (
	tokEnd    token = iota
	tokWord         // a keyword or an identifier
	tokString       // value has what is between the marks
	tokNumber       // whole or with a point
	tokOther        // a literal with a letter before it: t'', h'', b''
	tokSign         // = != < <= > >= ( ) [ ] : . , *
)

type patternParser struct {
	s     string
	pos   int // behind the token
	at    int // where the token begins
	kind  token
	text  string // as it stands there
	value string // of a string
	out   Pattern
	terms int
}

func (p *patternParser) fail(err error) error { return &PatternError{p.at, err} }

func (p *patternParser) expected(what string) error {
	return p.fail(errors.New("expected " + what))
}

// advance reads the next token. White space and comments stand between them, as in the grammar of the OASIS CTI TC.
func (p *patternParser) advance() error {
	if err := p.blank(); err != nil {
		return err
	}
	p.at, p.value = p.pos, ""
	if p.pos == len(p.s) {
		p.kind, p.text = tokEnd, ""
		return nil
	}
	c := p.s[p.pos]
	switch {
	case c == '\'':
		return p.quoted(tokString)
	case (c == 't' || c == 'h' || c == 'b') && strings.HasPrefix(p.s[p.pos+1:], "'"):
		p.pos++
		return p.quoted(tokOther)
	case isLetter(c):
		return p.until(tokWord, func(c byte) bool { return isLetter(c) || isDigit(c) || c == '-' })
	case isDigit(c), c == '+', c == '-':
		p.pos++
		err := p.until(tokNumber, func(c byte) bool { return isDigit(c) || c == '.' || c == 'e' || c == 'E' })
		if !isNumber([]byte(strings.TrimPrefix(p.text, "+"))) {
			return p.fail(errors.New("not a number"))
		}
		return err
	}
	for _, sign := range [...]string{"!=", "<>", "<=", ">=", "==", "=", "<", ">", "(", ")", "[", "]", ":", ".", ",", "*", "≠", "≤", "≥"} {
		if strings.HasPrefix(p.s[p.pos:], sign) {
			p.kind, p.text = tokSign, sign
			p.pos += len(sign)
			return nil
		}
	}
	return p.fail(errors.New("not a token"))
}

func (p *patternParser) blank() error {
	for p.pos < len(p.s) {
		rest := p.s[p.pos:]
		switch {
		case strings.IndexByte(" \t\r\n\v\f", rest[0]) >= 0:
			p.pos++
		case strings.HasPrefix(rest, "\u00a0"), strings.HasPrefix(rest, "\u0085"):
			p.pos += 2
		case strings.HasPrefix(rest, "\u3000"):
			p.pos += 3
		case strings.HasPrefix(rest, "//"):
			n := strings.IndexByte(rest, '\n')
			if n < 0 {
				n = len(rest)
			}
			p.pos += n
		case strings.HasPrefix(rest, "/*"):
			n := strings.Index(rest[2:], "*/")
			if n < 0 {
				p.at = p.pos
				return p.fail(errors.New("a comment without its end"))
			}
			p.pos += n + 4
		default:
			return nil
		}
	}
	return nil
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_' }
func isDigit(c byte) bool  { return c >= '0' && c <= '9' }

func (p *patternParser) until(k token, more func(byte) bool) error {
	for p.pos < len(p.s) && more(p.s[p.pos]) {
		p.pos++
	}
	p.kind, p.text = k, p.s[p.at:p.pos]
	return nil
}

// quoted reads what stands between quotation marks. A backslash is for a mark and for itself (§9.2).
func (p *patternParser) quoted(k token) error {
	p.pos++
	start, plain := p.pos, true
	for i := start; i < len(p.s); i++ {
		switch p.s[i] {
		case '\\':
			plain = false
			i++
			if i == len(p.s) || p.s[i] != '\\' && p.s[i] != '\'' {
				p.at = i - 1
				return p.fail(errors.New("a backslash before neither a quotation mark nor a backslash"))
			}
		case '\'':
			p.kind, p.text, p.value = k, p.s[p.at:i+1], p.s[start:i]
			p.pos = i + 1
			if !plain {
				p.value = unescape.Replace(p.value)
			}
			return nil
		}
	}
	return p.fail(errors.New("a string without its end"))
}

var unescape = strings.NewReplacer(`\\`, `\`, `\'`, `'`)
