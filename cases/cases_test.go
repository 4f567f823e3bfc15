package cases

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sekisho/sekisho/evidence"
	"github.com/sekisho/sekisho/subject"
)

const number = subject.Line(819000012345)

var noon = time.Date(2026, 4, 10, 3, 0, 0, 0, time.UTC)

func found(at time.Time) *Case {
	c := New(InfectedLine, subject.Contract(number), number, at)
	c.Score, c.Stopped, c.Campaigns = 6, 9, []uint64{7}
	c.Reasons = []evidence.Reason{{Name: "links-change", Why: [2]string{"English.", "日本語。"}}}
	return c
}

func TestMoves(t *testing.T) {
	may := map[string]bool{}
	for _, m := range []string{"open noticed", "open quiet", "open wrong", "open closed", "noticed quiet", "noticed wrong", "noticed closed",
		"quiet cured", "quiet relapsed", "quiet wrong", "quiet closed", "cured relapsed", "cured wrong", "cured closed",
		"relapsed noticed", "relapsed quiet", "relapsed wrong", "relapsed closed", "wrong closed"} {
		may[m] = true
	}
	for _, from := range States() {
		for _, to := range States() {
			c := found(noon)
			c.State, c.Confirmed = from, noon
			err := c.Apply(Move{At: noon, From: from, To: to, Who: "tanaka", Why: "so"})
			if want := may[string(from)+" "+string(to)]; (err == nil) != want {
				t.Errorf("%s to %s: %v", from, to, err)
			}
			if err != nil && (!strings.Contains(err.Error(), string(from)) || !strings.Contains(err.Error(), string(to)) || c.State != from || len(c.Moves) > 0) {
				t.Errorf("%s to %s: %v, and it is %s", from, to, err, c.State)
			}
		}
	}
	for name, m := range map[string]Move{
		"nobody":      {From: Open, To: Wrong, Why: "so"},
		"no reason":   {From: Open, To: Quiet, Who: Machine, Why: " "},
		"two lines":   {From: Open, To: Wrong, Who: "x", Why: "a\nb"},
		"long":        {From: Open, To: Wrong, Who: "x", Why: strings.Repeat("x", 1001)},
		"the machine": {From: Open, To: Wrong, Who: Machine, Why: "so"},
		"not there":   {From: Noticed, To: Quiet, Who: "x", Why: "so"},
		"nowhere":     {From: Open, To: "lost", Who: "x", Why: "so"},
	} {
		if c := found(noon); c.Apply(m) == nil || c.State != Open {
			t.Errorf("%s: moved", name)
		}
	}
	c := found(noon)
	c.State = Quiet
	if err := c.Apply(Move{At: noon, From: Quiet, To: Cured, Who: "x", Why: "so"}); err == nil || !strings.Contains(err.Error(), "quiet") || !strings.Contains(err.Error(), "cured") {
		t.Error("cured without anybody's word:", err)
	}
}

func TestClosedHoldsNothing(t *testing.T) {
	c := found(noon)
	if err := c.Apply(Move{At: noon, From: Open, To: Closed, Who: Machine, Why: "the contract ended"}); err != nil {
		t.Fatal(err)
	}
	if c.Line != 0 || c.Contract != 0 || c.Score != 0 || c.Stopped != 0 || c.Reasons != nil || c.Campaigns != nil || !c.LastEvidence.IsZero() || len(c.Moves) != 1 {
		t.Errorf("%+v", c)
	}
}

func TestQuieten(t *testing.T) {
	day := 24 * time.Hour
	for name, x := range map[string]struct {
		state     State
		last      time.Duration // before noon
		moved     time.Duration // the last move, before noon; 0: none
		confirmed bool
		want      string
	}{
		"still sends":           {Open, day, 0, false, ""},
		"nearly":                {Open, 7*day - time.Second, 0, false, ""},
		"open":                  {Open, 7 * day, 0, false, "quiet"},
		"noticed":               {Noticed, 8 * day, 5 * day, false, "quiet"},
		"relapsed":              {Relapsed, 8 * day, 8 * day, false, "quiet"},
		"relapsed a moment ago": {Relapsed, 8 * day, day, false, ""},
		"confirmed, still warm": {Noticed, day, 0, true, ""},
		"confirmed":             {Noticed, 7 * day, 0, true, "quiet cured"},
		"confirmed later":       {Quiet, 9 * day, day, true, "cured"},
		"quiet":                 {Quiet, 90 * day, day, false, ""},
		"cured":                 {Cured, 90 * day, day, true, ""},
		"wrong":                 {Wrong, 90 * day, day, false, ""},
		"closed":                {Closed, 90 * day, day, true, ""},
	} {
		c := found(noon.Add(-91 * day))
		c.State, c.LastEvidence = x.state, noon.Add(-x.last)
		if x.moved != 0 {
			c.Moves = []Move{{At: noon.Add(-x.moved)}}
		}
		if x.confirmed {
			c.Confirmed, c.ConfirmedBy = noon, "care"
		}
		var got []string
		for _, m := range Quieten([]*Case{c}, noon, 0) {
			if c.State != m.From {
				t.Errorf("%s: changed", name)
			}
			next := *c
			if err := next.Apply(m); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			c = &next
			got = append(got, string(m.To))
		}
		if s := strings.Join(got, " "); s != x.want {
			t.Errorf("%s: %q, want %q", name, s, x.want)
		}
	}
}

func TestFound(t *testing.T) {
	for name, x := range map[string]struct {
		state  State
		after  time.Duration // the finding, after the first
		opens  bool
		change bool
		to     State
	}{
		"the same again": {Open, 0, false, false, ""},
		"more":           {Noticed, 3 * time.Hour, false, true, ""},
		"after quiet":    {Quiet, 3 * time.Hour, false, true, Relapsed},
		"after cured":    {Cured, 3 * time.Hour, false, true, Relapsed},
		"from before":    {Quiet, time.Hour, false, false, ""},
		"after wrong":    {Wrong, 3 * time.Hour, true, false, ""},
		"before wrong":   {Wrong, time.Hour, false, false, ""},
		"after closed":   {Closed, 3 * time.Hour, true, false, ""},
	} {
		c := found(noon)
		c.State, c.Confirmed, c.Moves = x.state, noon, []Move{{At: noon.Add(2 * time.Hour)}}
		again := found(noon.Add(x.after))
		again.Score = 9
		opens, changed, move := c.Found(again)
		if opens != x.opens || (changed != nil) != x.change || (move != nil) != (x.to != "") {
			t.Errorf("%s: opens %v, %v, %v", name, opens, changed, move)
			continue
		}
		if c.Score != 6 {
			t.Errorf("%s: it was changed itself", name)
		}
		if move == nil {
			continue
		}
		if err := changed.Apply(*move); err != nil || changed.State != x.to || changed.Score != 9 || !changed.Confirmed.IsZero() {
			t.Errorf("%s: %v %+v", name, err, changed)
		}
	}
}

func TestIDs(t *testing.T) {
	var all []string
	for i := range 2000 {
		c := found(noon.Add(time.Duration(i) * time.Minute))
		if len(c.ID) != 13 || !strings.HasPrefix(c.ID, "il-") {
			t.Fatal(c.ID)
		}
		all = append(all, c.ID)
	}
	if !slices.IsSorted(all) {
		t.Error("ids do not sort as their cases were opened")
	}
	if len(slices.Compact(all)) != 2000 {
		t.Error("the same id twice")
	}
}

func TestNotices(t *testing.T) {
	for _, ch := range []Channel{Mail, SMS} {
		n := &Notice{ID: "il-a-1", Case: "il-a", Channel: ch, State: Planned}
		if n.Apply(Sent, noon, "x", "") == nil || n.Apply(Agreed, noon, Machine, "") == nil || n.Apply(Agreed, noon, "", "") == nil {
			t.Error("sent or agreed to by nobody")
		}
		if err := n.Apply(Agreed, noon, "tanaka", ""); err != nil || n.AgreedBy != "tanaka" {
			t.Error(err)
		}
		if err := n.Apply(Sent, noon, Machine, ""); err != nil || n.Tried != noon {
			t.Error(err)
		}
		if err := n.Apply(Receipted, noon, Machine, ""); (err == nil) != (ch == Mail) {
			t.Errorf("%s: %v", ch, err)
		}
		if n.Apply(Planned, noon, "x", "") == nil {
			t.Error("back")
		}
	}
}

func TestFigures(t *testing.T) {
	move := func(c *Case, to ...State) *Case {
		for _, s := range to {
			c.Confirmed = noon
			if err := c.Apply(Move{At: noon, From: c.State, To: s, Who: "x", Why: "so"}); err != nil {
				t.Fatal(err)
			}
		}
		return c
	}
	all := []*Case{
		move(found(noon)), move(found(noon), Noticed), move(found(noon), Noticed, Wrong), move(found(noon), Noticed, Wrong, Closed),
		move(found(noon), Wrong), // nobody was warned
		move(found(noon), Noticed, Quiet, Relapsed), move(found(noon), Quiet, Cured), move(found(noon), Quiet, Relapsed, Quiet, Relapsed, Closed),
	}
	notice := func(id string, s NoticeState, tried bool) *Notice {
		n := &Notice{Case: id, State: s}
		if tried {
			n.Try(noon)
		}
		return n
	}
	f := Figure(all, []*Notice{notice("a", Failed, true), notice("a", Receipted, true), notice("b", Failed, true), notice("b", Failed, true),
		notice("c", Failed, false), notice("d", Sent, true), notice("e", Planned, false)})
	if f.Wrong != (Rate{2, 4}) || f.Relapse != (Rate{2, 3}) || f.Unreachable != (Rate{1, 2}) || f.Cases[Closed] != 2 || f.Cases[Open] != 1 {
		t.Errorf("%+v", f)
	}
	for _, x := range []struct {
		r         Rate
		low, high float64
	}{{Rate{0, 0}, 0, 1}, {Rate{0, 10}, 0, 0.2775}, {Rate{5, 10}, 0.2366, 0.7634}, {Rate{2, 200}, 0.0027, 0.0357}} {
		if low, high := x.r.Interval(); math.Abs(low-x.low) > 1e-4 || math.Abs(high-x.high) > 1e-4 {
			t.Errorf("%v: %.4f to %.4f", x.r, low, high)
		}
	}
}

func TestEverySentenceIsInBothLanguages(t *testing.T) {
	for k, v := range kinds {
		if k.Clears()[0] == "" || k.Clears()[1] == "" || v.prefix == "" {
			t.Error(k)
		}
	}
	for _, w := range []string{WhyNotice, WhyTold, WhyQuiet, WhyConfirmed, WhyAgain} {
		if WhyJa(w) == w {
			t.Errorf("%q has no Japanese", w)
		}
	}
	for _, s := range States() {
		if got, err := ParseState(string(s)); got != s || err != nil || s.Ja() == "" {
			t.Error(s, err)
		}
	}
	if _, err := ParseState("lost"); err == nil {
		t.Error("lost")
	}
}

// Whatever people and the machine try, the story of a case is one: each move begins where the last one ended, and nothing leaves closed.
func FuzzStory(f *testing.F) {
	f.Add(uint64(1))
	f.Fuzz(func(t *testing.T, seed uint64) {
		r := rand.New(rand.NewPCG(seed, 1))
		c, now := found(noon), noon
		for range 60 {
			now = now.Add(time.Duration(r.IntN(100)) * time.Hour)
			switch r.IntN(4) {
			case 0:
				again := found(now)
				if _, changed, move := c.Found(again); changed != nil {
					if c = changed; move != nil {
						if err := c.Apply(*move); err != nil {
							t.Fatal(err)
						}
					}
				}
			case 1:
				for _, m := range Quieten([]*Case{c}, now, 0) {
					if err := c.Apply(m); err != nil {
						t.Fatal(err)
					}
				}
			case 2:
				c.Confirmed, c.ConfirmedBy = now, "care"
			default:
				before, to := c.State, States()[r.IntN(7)]
				if err := c.Apply(Move{At: now, From: before, To: to, Who: "x", Why: "so"}); err == nil && before == Closed {
					t.Fatal("it left closed")
				}
			}
		}
		at := Open
		for _, m := range c.Moves {
			if m.From != at || m.Case != c.ID {
				t.Fatalf("%+v", c.Moves)
			}
			at = m.To
		}
		if at != c.State {
			t.Fatalf("%s by its moves, and %s", at, c.State)
		}
	})
}
