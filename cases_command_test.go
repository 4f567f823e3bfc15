package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"github.com/sekisho/sekisho/cases"
	"github.com/sekisho/sekisho/evidence"
	"github.com/sekisho/sekisho/store"
	"github.com/sekisho/sekisho/subject"
)

// book is a casebook that commands work on.
type book struct {
	t    *testing.T
	file string // the configuration
	dir  string
}

func newBook(t *testing.T) *book {
	t.Helper()
	b := &book{t: t, dir: t.TempDir()}
	b.file = filepath.Join(b.dir, "sekisho.toml")
	good(t, "", "init", b.dir)
	text, err := os.ReadFile(b.file)
	if err != nil {
		t.Fatal(err)
	}
	write(t, b.file, filled(t, string(text)))
	good(t, "", "migrate", "-c", b.file)
	return b
}

func (b *book) store(f func(s *store.Store)) {
	b.t.Helper()
	var out bytes.Buffer
	_, s, err := storeOf(b.t.Context(), b.file, streams{nil, &out, &out}, false)
	if err != nil {
		b.t.Fatal(err)
	}
	defer s.Close()
	f(s)
}

// put opens a case of a line, n texts of which were stopped.
func (b *book) put(line subject.Line, n uint32) string {
	b.t.Helper()
	c := cases.New(cases.InfectedLine, subject.Contract(line), line, time.Now())
	c.Score, c.Stopped = float64(n)/2, n
	c.Reasons = []evidence.Reason{{Name: "links-change", Points: 5, Why: [2]string{"It leads ever on.", "リンク先が次々に変わります。"}}}
	b.store(func(s *store.Store) {
		if err := s.PutCase(context.Background(), c); err != nil {
			b.t.Fatal(err)
		}
	})
	return c.ID
}

func (b *book) get(id string) (c *cases.Case) {
	b.t.Helper()
	b.store(func(s *store.Store) {
		var err error
		if c, err = s.Case(context.Background(), id); err != nil {
			b.t.Fatal(err)
		}
	})
	return c
}

// run runs a command of the casebook; it is mounted in main.go, which is not what is tested here.
func (b *book) run(args ...string) (string, error) {
	b.t.Helper()
	var c casesCommand
	var out, errs bytes.Buffer
	io := streams{strings.NewReader(""), &out, &errs}
	p, err := kong.New(&c, kong.Name("cases"), kong.Writers(&out, &errs), kong.Exit(func(int) {}), kong.BindTo(b.t.Context(), (*context.Context)(nil)), kong.Bind(io))
	if err != nil {
		b.t.Fatal(err)
	}
	if args[0] != "preview" {
		args = append(args, "-c", b.file)
	}
	k, err := p.Parse(longFlags(args))
	if err == nil {
		err = k.Run()
	}
	all := out.String() + errs.String()
	if err != nil {
		all += err.Error()
	}
	if strings.Contains(all, "9000012") {
		b.t.Errorf("%s: a number in full: %s", args, all)
	}
	return all, err
}

func (b *book) good(want string, args ...string) string {
	b.t.Helper()
	out, err := b.run(args...)
	if err != nil || !strings.Contains(out, want) {
		b.t.Errorf("%s: %v\n%s\nwant %q", args, err, out, want)
	}
	return out
}

func (b *book) bad(want string, args ...string) {
	b.t.Helper()
	if out, err := b.run(args...); err == nil || !strings.Contains(err.Error(), want) {
		b.t.Errorf("%s: %v, want %q\n%s", args, err, want, out)
	}
}

const (
	lineA = subject.Line(819000012001)
	lineB = subject.Line(819000012002)
	lineC = subject.Line(819000012003)
	lineD = subject.Line(819000012004)
)

func TestCasesFromFoundToTold(t *testing.T) {
	b := newBook(t)
	b.good("there is no case", "list")
	a, bb, c, d := b.put(lineA, 20), b.put(lineB, 40), b.put(lineC, 12), b.put(lineD, 10)
	out := b.good("+81*******002", "list")
	if !(strings.Index(out, bb) < strings.Index(out, a) && strings.Index(out, a) < strings.Index(out, c)) {
		t.Errorf("not the most pressing first:\n%s", out)
	}
	b.good("リンク先が次々に変わります。", "show", a, "-lang", "ja")
	b.good("It leads ever on.", "show", a)
	b.bad("no case", "show", "il-none")
	b.bad("no state", "list", "-state", "lost")

	calls := filepath.Join(b.dir, "calls.csv")
	b.bad("agree", "export", calls)
	b.bad("no case", "agree", a, "il-none", "-who", "tanaka")
	b.good("agreed, by call", "agree", a, bb, c, d, a, "-who", "tanaka")
	b.bad("tanaka has agreed already", "agree", a)
	b.good("4 to call", "export", calls)
	b.bad("is there already", "export", calls)
	st, err := os.Stat(calls)
	if err != nil || st.Mode().Perm() != 0o600 {
		t.Error(st.Mode(), err)
	}
	text, err := os.ReadFile(calls)
	if err != nil || !strings.Contains(string(text), "090-0001-2002") {
		t.Fatal(string(text), err)
	}
	fill := func(outcomes map[string]string) {
		t.Helper()
		var rows []string
		for line := range strings.Lines(string(text)) {
			for id, o := range outcomes {
				if strings.Contains(line, id) {
					line = strings.TrimSuffix(line, ",,\r\n") + "," + o + "\r\n"
				}
			}
			rows = append(rows, line)
		}
		write(t, calls, strings.Join(rows, ""))
	}
	fill(map[string]string{a: "対処済み,", bb: "maybe,"})
	b.bad("calls.csv:2: the outcome", "import", calls, "-who", "care")
	if b.get(a).State != cases.Open {
		t.Error("half a file was entered")
	}
	fill(map[string]string{a: "対処済み,", bb: "不通,留守電", c: "誤検知,業務用の一斉送信"})
	b.good("3 outcomes", "import", calls, "-who", "care")
	b.bad("is wrong; take the row out", "import", calls, "-who", "care")
	fill(map[string]string{bb: "不通,"})
	b.bad("calls.csv:2: no call about case", "import", calls, "-who", "care")
	for id, want := range map[string]cases.State{a: cases.Noticed, bb: cases.Open, c: cases.Wrong, d: cases.Open} {
		if got := b.get(id); got.State != want || (id == a) != (got.ConfirmedBy == "care") {
			t.Errorf("%s: %+v", id, got)
		}
	}
	b.bad("a short time ago", "agree", a)
	b.good("agreed", "agree", bb) // nobody was reached: again
	b.good("could not be reached: 1 of 3, 33.3%", "figures")
	b.good("通知後に誤検知と判明: 1 / 2件", "figures", "-lang", "ja")
	b.good(`"unreachable":{"of":1,"in":3}`, "figures", "-json")

	b.good("nobody is told", "wrong", d, "-why", "a club", "-who", "tanaka")
	b.bad("wrong", "wrong", d, "-why", "again")
	b.bad("cannot become cured", "cured", d, "-why", "x")
	b.good("once nothing of it was stopped", "cured", bb, "-why", "seen in the shop", "-who", "shop 3")
	b.store(func(s *store.Store) {
		if err := s.MoveCase(t.Context(), cases.Move{Case: bb, At: time.Now(), From: cases.Open, To: cases.Quiet, Who: cases.Machine, Why: cases.WhyQuiet}); err != nil {
			t.Fatal(err)
		}
	})
	b.good("is cured", "cured", bb, "-why", "seen in the shop")
	b.good("対処の確認", "show", bb, "-lang", "ja")
}

func TestCasesAskTheContract(t *testing.T) {
	b := newBook(t)
	a, bb, c := b.put(lineA, 20), b.put(lineB, 20), b.put(lineC, 20)
	optOut := func(l subject.Line) {
		b.store(func(s *store.Store) {
			if err := s.AddChoices(t.Context(), store.Choice{Contract: subject.Contract(l), Purpose: "infection_notice", At: 1, Choice: choseOut}); err != nil {
				t.Fatal(err)
			}
		})
	}
	optOut(lineA)
	b.bad("opted out", "agree", a)
	b.good("agreed", "agree", bb, c)
	optOut(lineB)
	calls := filepath.Join(b.dir, "calls.csv")
	out := b.good("1 to call", "export", calls)
	if !strings.Contains(out, "left out: case "+bb) {
		t.Error(out)
	}
	if text, err := os.ReadFile(calls); err != nil || strings.Contains(string(text), "2002") || !strings.Contains(string(text), "090-0001-2003") {
		t.Errorf("%s %v", text, err)
	}
	// A contract that ends while the list is out: its outcome is refused, and the error says where.
	b.store(func(s *store.Store) {
		if err := s.CloseContract(t.Context(), subject.Contract(lineC), "the contract ended"); err != nil {
			t.Fatal(err)
		}
	})
	write(t, calls, "case,outcome\n"+c+",refused\n")
	b.bad("calls.csv:2: case "+c+" is closed", "import", calls)
	b.bad("has ended", "agree", c)
	b.good("closed", "show", c)
}

func TestCasesPreview(t *testing.T) {
	b := &book{t: t}
	b.good("機内モード", "preview")
	b.good("aeroplane mode", "preview", "-lang", "en")
	dir := t.TempDir()
	write(t, filepath.Join(dir, "sms.ja.txt"), "詳しくは\nhttps://example.jp\n")
	b.bad("sms.ja.txt:2: a notice has no link", "preview", "-templates", dir)
}

func TestByWhom(t *testing.T) {
	if who, err := (by{"  tanaka "}).name(); who != "tanaka" || err != nil {
		t.Error(who, err)
	}
	if who, err := (by{}).name(); err != nil || who == "" {
		t.Error(who, err)
	}
}
