package audit

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func sample() Entry {
	return Entry{Time: 1_790_000_000_000_000, Actor: "山田 花子", Act: MessageUse, Purpose: "infection_notice", Ground: "terms",
		About: "il-0a1b2c3d4e", Why: "本人からの問い合わせ", Count: 12, From: 1_789_000_000_000_000, To: 1_789_999_000_000_000}
}

func TestEntry(t *testing.T) {
	b, err := sample().Encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := Decode(b)
	if err != nil || got != sample() {
		t.Fatalf("%+v, %v", got, err)
	}
	if len(b) > maxEntry {
		t.Error(len(b))
	}
	for i := range b {
		if _, err := Decode(b[:i]); err == nil {
			t.Fatalf("the first %d octets of an entry were read", i)
		}
	}
	if _, err := Decode(append(b, 0)); err == nil {
		t.Error("an octet behind the end was read")
	}
	if _, err := Decode(append([]byte{2}, b[1:]...)); err == nil || !strings.Contains(err.Error(), "version 2") {
		t.Error(err)
	}
}

func TestEntryRefused(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Entry)
		words  string
	}{
		"no time":         {func(e *Entry) { e.Time = 0 }, "no time"},
		"nobody":          {func(e *Entry) { e.Actor = "" }, "who did it"},
		"nothing":         {func(e *Entry) { e.Act = "" }, "what was done"},
		"a capital":       {func(e *Entry) { e.Act = "Choice" }, "small letters"},
		"a space":         {func(e *Entry) { e.Purpose = "line abuse" }, "small letters"},
		"a line feed":     {func(e *Entry) { e.Why = "a\nb" }, "U+000A"},
		"a turned text":   {func(e *Entry) { e.Actor = "a\u202eb" }, "U+202E"},
		"a new paragraph": {func(e *Entry) { e.Why = "a\u2029b" }, "U+2029"},
		"no UTF-8":        {func(e *Entry) { e.Why = "\xff" }, "UTF-8"},
		"long":            {func(e *Entry) { e.Why = strings.Repeat("あ", 334) }, "1000"},
		"no count":        {func(e *Entry) { e.Count = 0 }, "no count"},
		"less than none":  {func(e *Entry) { e.Count = -1 }, "-1"},
		"backwards":       {func(e *Entry) { e.To = e.From - 1 }, "before it begins"},
	} {
		e := sample()
		c.change(&e)
		if _, err := e.Encode(); err == nil || !strings.Contains(err.Error(), c.words) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNumbersRefused(t *testing.T) {
	for about, refused := range map[string]bool{
		"":                                      false,
		"il-0a1b2c3d4e":                         false,
		"il-0123456789":                         false, // the letters of an id may all be digits
		"0123456789012345":                      false, // those of a pseudonym, too
		"00a1b2c3d4e5f607":                      false,
		"01234567-0123-4012-8012-012345678901":  false, // a random UUID, as indicators have
		"01234567-0123-1012-8012-012345678901":  true,
		"01234567-0123-4012-8012-0123456789012": true,
		"policy-7":                              false,
		"123456":                                false,
		"1234567":                               true,
		"09000000001":                           true,
		"+81 90-0000-0001":                      true,
		"+819000000001":                         true,
		"０９００００００００１":                           true,
		"090 (0000) 0001":                       true,
		"090ー0000ー0001":                         true,
		"line 0900000":                          true,
		"٠٩٠٠٠٠٠٠":                              true,
		"090000000000001":                       true,
	} {
		e := sample()
		e.About = about
		if err := e.Check(); errors.Is(err, ErrNumber) != refused {
			t.Errorf("about %q: %v", about, err)
		} else if err != nil && strings.Contains(err.Error(), about) {
			t.Errorf("the error shows the number: %v", err)
		}
		if e = sample(); len(about) > 0 && refused {
			if e.Actor = about; e.Check() == nil {
				t.Errorf("actor %q was taken", about)
			}
		}
	}
	for why, refused := range map[string]bool{
		"agreed on 2026-11-26 at 03:20, ticket 20261126-0007": false,
		"called 090-0000-0001":                                true,
		"called +81 90 0000 0001":                             true,
		"０９０－００００－０００１に架電":                                    true,
		"called 819000000001":                                 true,
		"policy 1234567, rule 7, 3 cases":                     false,
	} {
		e := sample()
		e.Why = why
		if err := e.Check(); errors.Is(err, ErrNumber) != refused {
			t.Errorf("why %q: %v", why, err)
		}
	}
}

func TestEntryProperty(t *testing.T) {
	text := func(most int) *rapid.Generator[string] { return rapid.StringN(0, -1, most) }
	rapid.Check(t, func(t *rapid.T) {
		e := Entry{Time: rapid.Int64().Draw(t, "time"), Actor: text(maxActor).Draw(t, "actor"),
			Act: rapid.StringMatching(`[a-z][a-z-]{0,9}`).Draw(t, "act"), Purpose: rapid.StringMatching(`[a-z_]{0,9}`).Draw(t, "purpose"),
			About: text(maxAbout).Draw(t, "about"), Why: text(maxWhy).Draw(t, "why"), Count: rapid.Int64Range(0, 9).Draw(t, "count"),
			From: rapid.Int64Range(0, 9).Draw(t, "from"), To: rapid.Int64Range(0, 9).Draw(t, "to")}
		b, err := e.Encode()
		if err != nil {
			return
		}
		if got, err := Decode(b); err != nil || got != e {
			t.Fatalf("%+v became %+v, %v", e, got, err)
		}
	})
}

func FuzzDecode(f *testing.F) {
	b, _ := sample().Encode()
	f.Add(b)
	f.Add([]byte{1})
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := Decode(b)
		if err != nil {
			return
		}
		again, err := e.Encode()
		if err != nil || !bytes.Equal(again, b) {
			t.Fatalf("%x became %x, %v", b, again, err)
		}
	})
}

func TestDue(t *testing.T) {
	now := time.Now()
	at := func(size int64, ago time.Duration) Stored { return Stored{Size: size, At: now.Add(-ago).UnixMicro()} }
	for _, c := range []struct {
		size int64
		last Stored
		due  bool
	}{
		{0, Stored{}, false},
		{1, Stored{}, true},
		{10, at(10, time.Hour), false},
		{11, at(10, 59*time.Second), false},
		{11, at(10, time.Minute), true},
		{1009, at(10, time.Second), false},
		{1010, at(10, time.Second), true},
	} {
		if Due(c.size, c.last, now) != c.due {
			t.Errorf("%d after %d: %v", c.size, c.last.Size, !c.due)
		}
	}
}
