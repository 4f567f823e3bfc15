package subject

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestParseAddress(t *testing.T) {
	for _, x := range []struct {
		in   string
		home int
		kind Kind
		want string
	}{
		{"+819012345678", Japan, KindLine, "+819012345678"},
		{"090-1234-5678", Japan, KindLine, "+819012345678"},
		{"(03) 1234-5678", Japan, KindLine, "+81312345678"},
		{"0120123456", Japan, KindLine, "+81120123456"},
		{"0005123456", Japan, KindShort, "0005123456"},   // the carriers' common short codes
		{"0032069000", Japan, KindShort, "0032069000"},   // a shared business number
		{"09012345", Japan, KindShort, "09012345"},       // too short for a number of Japan
		{"01234567890", Japan, KindShort, "01234567890"}, // eleven digits, and no mobile prefix
		{"7726", Japan, KindShort, "7726"},
		{"110", Japan, KindShort, "110"},
		{"SEKISHO", Japan, KindAlphanumeric, "SEKISHO"},
		{"07123456789", 44, KindLine, "+447123456789"},
		{"7726", 0, KindShort, "7726"},
		// The same line, however machines and people write it: nobody escapes his choice by that.
		{"819099998888", Japan, KindLine, "+819099998888"},
		{"010819099998888", Japan, KindLine, "+819099998888"},
		{"010-81-90-9999-8888", Japan, KindLine, "+819099998888"},
		{"00819099998888", Japan, KindLine, "+819099998888"},
		{"8109099998888", Japan, KindLine, "+819099998888"},
		{"+8109099998888", Japan, KindLine, "+819099998888"},
		{"18609099998888", Japan, KindLine, "+819099998888"},
		{"18409099998888", Japan, KindLine, "+819099998888"},
		{"0101 202 555 0100", Japan, KindLine, "+12025550100"},
		{"-", Japan, KindAlphanumeric, "-"},
	} {
		a, err := ParseAddress(x.in, x.home)
		if err != nil || a.Kind() != x.kind || a.String() != x.want {
			t.Errorf("%q: %v %q %v; want %v %q", x.in, a.Kind(), a.String(), err, x.kind, x.want)
		}
	}
	for _, bad := range []string{"", "+0123456789", "+12", strings.Repeat("1", 21), "a\nb", strings.Repeat("x", 21), "+1234567890123456"} {
		if a, err := ParseAddress(bad, Japan); err == nil {
			t.Errorf("%q is %v %q", bad, a.Kind(), a.String())
		}
	}
}

func TestLineIsMaskedInLogs(t *testing.T) {
	l, err := ParseLine("+819012345678")
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	log := slog.New(slog.NewTextHandler(&b, nil))
	log.Info("x", "line", l, "address", l.Address())
	if strings.Contains(b.String(), "12345") || !strings.Contains(b.String(), "+81*******678") {
		t.Errorf("the log has %s", b.String())
	}
	if l.String() != "+819012345678" || fmt.Sprint(l.Address()) != l.String() {
		t.Errorf("%s", l)
	}
}

func TestNational(t *testing.T) {
	for in, want := range map[string]string{"9099998888": "+819099998888", "09099998888": "+819099998888", "312345678": "+81312345678", "7726": "7726"} {
		if a, err := National(in, Japan); err != nil || a.String() != want {
			t.Errorf("%s: %q %v; want %q", in, a, err, want)
		}
	}
}

func TestMaskHidesWhatMayBeANumber(t *testing.T) {
	for in, masked := range map[string]bool{
		"+819099998888": true, "909999888": true, "x09099998888": true, "0005690254": false, "0032069000": false, "7726": false, "24123456": false, "SEKISHO": false,
	} {
		a, err := ParseAddress(in, Japan)
		if err != nil {
			t.Fatal(in, err)
		}
		if got := a.Mask() != a.String(); got != masked {
			t.Errorf("%s: %s", in, a.Mask())
		}
	}
}

func TestParseLineIsStrict(t *testing.T) {
	for _, bad := range []string{"", "819012345678", "+0123456789", "+81-90-1234-5678", "+1234567890123456", "+123456"} {
		if _, err := ParseLine(bad); err == nil {
			t.Errorf("%q is a line", bad)
		}
	}
}

func FuzzParseAddress(f *testing.F) {
	for _, s := range []string{"+819012345678", "090-1234-5678", "SHOP", "7726", "0005", "+"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := ParseAddress(s, Japan)
		if err != nil {
			if !a.IsZero() {
				t.Errorf("an error and %q", a)
			}
			return
		}
		again, err := ParseAddress(a.String(), Japan)
		if err != nil || again != a {
			t.Errorf("%q became %q (%v), then %q (%v): %v", s, a, a.Kind(), again, again.Kind(), err)
		}
		if l := a.Line(); l != 0 && l.Address() != a {
			t.Errorf("%q: its line is %q", a, l.Address())
		}
	})
}
