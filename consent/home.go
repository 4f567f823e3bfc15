package consent

import (
	"fmt"
	"math/bits"

	"github.com/sekisho/sekisho/subject"
)

// prefix is the numbers that begin with some digits, as numbers filled up with zeros to 15 digits: from lo
// up to, not including, hi.
type prefix struct{ lo, hi uint64 }

const maxHome = 256 // prefixes

// SetHome says by which prefixes our subscribers' numbers begin: "+8190". It puts in force all of them or, with
// an error, none.
func (r *Register) SetHome(prefixes []string) error {
	if len(prefixes) > maxHome {
		return fmt.Errorf("home: more than %d prefixes", maxHome)
	}
	home := make([]prefix, 0, len(prefixes))
	for i, s := range prefixes {
		p, ok := parsePrefix(s)
		if !ok {
			return fmt.Errorf("home: prefix %d is not a plus sign with 1 to 14 digits behind it", i+1)
		}
		home = append(home, p)
	}
	r.home.Store(&home)
	return nil
}

// Home reports whether the line is a subscriber's of ours.
func (r *Register) Home(l subject.Line) bool {
	n := fill15(uint64(l))
	for _, p := range *r.home.Load() {
		if n >= p.lo && n < p.hi {
			return true
		}
	}
	return false
}

func parsePrefix(s string) (prefix, bool) {
	if len(s) < 2 || len(s) > 15 || s[0] != '+' || s[1] == '0' {
		return prefix{}, false
	}
	n := uint64(0)
	for _, c := range []byte(s[1:]) {
		if c < '0' || c > '9' {
			return prefix{}, false
		}
		n = n*10 + uint64(c-'0')
	}
	scale := powers[15-(len(s)-1)]
	return prefix{n * scale, (n + 1) * scale}, true
}

var powers = [16]uint64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15}

// fill15 fills a number up with zeros to 15 digits; zero and what is longer stay.
func fill15(n uint64) uint64 {
	if n == 0 || n >= 1e15 {
		return n
	}
	digits := bits.Len64(n) * 1233 >> 12 // log10(2) is about 1233/4096
	if n >= powers[digits] {
		digits++
	}
	return n * powers[15-digits]
}
