package smpp

import (
	"bytes"
	"errors"
	"testing"
)

func TestParseUDH(t *testing.T) {
	for _, c := range []struct {
		name, in string
		want     UDH // without Raw
		rest     string
	}{
		{"8-bit reference", "050003CC0201 41", UDH{Concat: Concat{0xCC, 2, 1, false, true}, Shift: Shift{Fill: 1}, Elements: 1}, "41"},
		{"16-bit reference", "060804ABCD0302 41", UDH{Concat: Concat{0xABCD, 3, 2, true, true}, Elements: 1}, "41"},
		{"nothing follows", "050003CC0202", UDH{Concat: Concat{0xCC, 2, 2, false, true}, Shift: Shift{Fill: 1}, Elements: 1}, ""},
		{"empty header", "00 41", UDH{Shift: Shift{Fill: 6}}, "41"},
		{"16-bit ports", "0605040B8423F0 41", UDH{Ports: Ports{0x0B84, 0x23F0, true, true}, Elements: 1}, "41"},
		{"8-bit ports", "040402F0F1", UDH{Ports: Ports{0xF0, 0xF1, false, true}, Shift: Shift{Fill: 2}, Elements: 1}, ""},
		{"language tables", "06240106250106", UDH{Shift: Shift{Hindi, Hindi, 0}, Elements: 2}, ""},
		{"Spanish single shift", "03240102", UDH{Shift: Shift{Single: Spanish, Fill: 3}, Elements: 1}, ""},
		{"Spanish has no locking shift", "03250102", UDH{Shift: Shift{Fill: 3}, Elements: 1, Issues: Ambiguous}, ""},
		{"no such language", "0325010E", UDH{Shift: Shift{Fill: 3}, Elements: 1, Issues: Ambiguous}, ""},
		{"unknown elements", "0770027F7F 0A0141", UDH{Shift: Shift{Fill: 6}, Elements: 2, Others: 2}, ""},
		{"the last counts", "0B0003010202 0804ABCD0301", UDH{Concat: Concat{0xABCD, 3, 1, true, true}, Shift: Shift{Fill: 2}, Elements: 2, Issues: Ambiguous}, ""},
		{"total of none", "050003CC0001 41", UDH{Shift: Shift{Fill: 1}, Elements: 1, Issues: Ambiguous}, "41"},
		{"part 0", "050003CC0200", UDH{Shift: Shift{Fill: 1}, Elements: 1, Issues: Ambiguous}, ""},
		{"part beyond the total", "050003CC0203", UDH{Shift: Shift{Fill: 1}, Elements: 1, Issues: Ambiguous}, ""},
		{"invalid after valid", "0A0003CC0201 0003CC0209", UDH{Concat: Concat{0xCC, 2, 1, false, true}, Shift: Shift{Fill: 3}, Elements: 2, Issues: Ambiguous}, ""},
		{"element of a wrong length", "040002CC02", UDH{Shift: Shift{Fill: 2}, Elements: 1, Issues: Ambiguous}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := unhexText(t, c.in)
			h, rest, err := ParseUDH(in)
			raw := h.Raw
			h.Raw = nil
			if err != nil || !equalUDH(h, c.want) || !bytes.Equal(rest, unhexText(t, c.rest)) || len(raw)+len(rest) != len(in) {
				t.Errorf("%+v, rest %x, %v; want %+v", h, rest, err, c.want)
			}
		})
	}
}

func equalUDH(a, b UDH) bool {
	return a.Concat == b.Concat && a.Ports == b.Ports && a.Shift == b.Shift && a.Elements == b.Elements && a.Others == b.Others &&
		a.Issues == b.Issues && bytes.Equal(a.Raw, b.Raw)
}

func TestParseUDHMalformed(t *testing.T) {
	for name, c := range map[string]struct{ in, rest string }{
		"empty":                    {"", ""},
		"longer than the message":  {"05000301", "05000301"},
		"longest":                  {"FF41", "FF41"},
		"element of one octet":     {"0100 41", "41"},
		"element beyond the end":   {"040003CC02 41", "41"},
		"good, then beyond":        {"070003CC0201 2401 41", "41"},
		"length of the last is FF": {"0400FFCC02 41", "41"},
	} {
		h, rest, err := ParseUDH(unhexText(t, c.in))
		if !errors.Is(err, ErrUDH) || !bytes.Equal(rest, unhexText(t, c.rest)) || h.Concat.Present || h.Shift.Locking != 0 || h.Elements != 0 {
			t.Errorf("%s: %+v, rest %x, %v", name, h, rest, err)
		}
	}
}

func TestLooksLikeUDH(t *testing.T) {
	for in, want := range map[string]bool{"050003CC020141": true, "0605040B8423F0": true, "0041": false, "050003CC0203": false, "48656C6C6F": false} {
		if got := LooksLikeUDH(unhexText(t, in)); got != want {
			t.Errorf("%s: %v", in, got)
		}
	}
}

func FuzzUDH(f *testing.F) {
	for _, s := range []string{"050003CC0201 41", "060804ABCD0302", "0605040B8423F0", "06240106250106 41", "FF", "0400FFCC02"} {
		f.Add(unhexText(f, s))
	}
	f.Fuzz(func(t *testing.T, user []byte) {
		h, rest, err := ParseUDH(user)
		if err != nil {
			if h.Concat.Present || h.Ports.Present || len(rest) > len(user) {
				t.Fatalf("%+v, %v", h, err)
			}
			return
		}
		if !bytes.Equal(append(bytes.Clone(h.Raw), rest...), user) {
			t.Fatal("header and rest are not the whole")
		}
		if h.Shift.Fill > 6 || h.Shift.Locking >= languages || h.Shift.Single >= languages || h.Shift.Locking == Spanish {
			t.Fatalf("%+v", h.Shift)
		}
		if c := h.Concat; c.Present {
			if c.Seq == 0 || c.Seq > c.Total || !c.Wide && c.Ref > 0xFF {
				t.Fatalf("%+v", c)
			}
			back, _, err := ParseUDH(AppendUDHConcat(nil, c))
			if err != nil || back.Concat != c {
				t.Fatalf("%+v became %+v, %v", c, back.Concat, err)
			}
		}
	})
}

func BenchmarkParseUDH(b *testing.B) {
	in := unhexText(b, "0B0003CC0201 05040B8423F0 41424344")
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := ParseUDH(in); err != nil {
			b.Fatal(err)
		}
	}
}
