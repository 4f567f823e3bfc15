package purpose

import (
	"errors"
	"testing"

	"github.com/sekisho/sekisho/subject"
)

type chosen Choice

func (c chosen) Choice(subject.Line, Purpose) Choice { return Choice(c) }

func TestAsk(t *testing.T) {
	for _, x := range []struct {
		ground Ground
		choice Choice
		want   error
	}{
		{NoGround, OptedIn, ErrNoGround},
		{TermsConsent, Unknown, nil},
		{TermsConsent, OptedIn, nil},
		{TermsConsent, OptedOut, ErrOptedOut},
		{OwnConsent, Unknown, ErrNotAsked},
		{OwnConsent, OptedIn, nil},
		{OwnConsent, OptedOut, ErrOptedOut},
		{LawfulBusiness, Unknown, nil},
		{LawfulBusiness, OptedOut, ErrOptedOut},
		{Necessity, OptedOut, nil},
		{Statute, OptedOut, nil},
	} {
		p := Policy{Inspect: x.ground}
		g, err := Ask(&p, Inspect, 819012345678, chosen(x.choice))
		if !errors.Is(err, x.want) || g.Covers(Inspect) != (x.want == nil) {
			t.Errorf("%s, choice %d: %v, covers %v; want %v", x.ground, x.choice, err, g.Covers(Inspect), x.want)
		}
		if g.Covers(Share) || g.Covers(None) {
			t.Errorf("%s: the grant covers what nobody asked for", x.ground)
		}
	}
}

func TestZeroGrantCoversNothing(t *testing.T) {
	for p := None; p < Count; p++ {
		if (Grant{}).Covers(p) {
			t.Errorf("covers %v", p)
		}
	}
	if _, err := Ask(&DefaultPolicy, Count, 0, nil); err == nil {
		t.Error("a purpose that there is not was granted")
	}
}

func TestParse(t *testing.T) {
	for p := Inspect; p < Count; p++ {
		if got, err := Parse(p.String()); got != p || err != nil {
			t.Errorf("%v: %v %v", p, got, err)
		}
	}
	for _, bad := range []string{"", "none", "spy"} {
		if _, err := Parse(bad); err == nil {
			t.Errorf("%q is a purpose", bad)
		}
	}
}
