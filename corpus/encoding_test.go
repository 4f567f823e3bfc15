package corpus

import (
	"strings"
	"testing"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/unicode"
)

func TestEncodings(t *testing.T) {
	const table = "text,from\nお荷物のお届け,+819012345678\n"
	for name, e := range map[string]encoding.Encoding{
		"utf-8": encoding.Nop, "shift-jis": japanese.ShiftJIS, "euc-jp": japanese.EUCJP,
		"utf-16": unicode.UTF16(unicode.LittleEndian, unicode.UseBOM),
	} {
		written, err := e.NewEncoder().String(table)
		if err != nil {
			t.Fatal(name, err)
		}
		r, err := New("f.csv", strings.NewReader(written), Options{Format: CSV, Encoding: name})
		if err != nil {
			t.Fatal(name, err)
		}
		var s Sample
		if err := r.Next(&s); err != nil || s.Text != "お荷物のお届け" || s.Broken {
			t.Errorf("%s: %q, broken %v, %v", name, s.Text, s.Broken, err)
		}
		if name == "utf-16" {
			if _, err := New("f.csv", strings.NewReader(written), Options{Format: CSV}); err == nil || !strings.Contains(err.Error(), "-encoding utf-16") {
				t.Errorf("UTF-16 taken for UTF-8: %v", err)
			}
		}
		if name == "shift-jis" {
			if r, err := New("f.csv", strings.NewReader(written), Options{Format: CSV}); err != nil || r.Next(&s) != nil || !s.Broken {
				t.Errorf("Shift_JIS taken for UTF-8 is not broken: %q %v", s.Text, err)
			}
		}
	}
	if _, err := New("f.csv", strings.NewReader(table), Options{Format: CSV, Encoding: "morse"}); err == nil {
		t.Error("morse")
	}
}
