package indicator

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

func write(t testing.TB, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func load(t *testing.T, files ...File) (*Index, []Warning) {
	t.Helper()
	x, warnings, err := Load(context.Background(), files, nil)
	if err != nil {
		t.Fatal(err)
	}
	return x, warnings
}

func TestLoadPlain(t *testing.T) {
	bad := write(t, "own.txt", "\ufeff# our list\r\n\r\nevil.example # seen in May\r\nhttp://bad.example/a,b#c\r\n+819012345678\r\n+8170000*\r\n*.tree.example\r\nlast.example")
	good := write(t, "popular.txt", "popular.example\n.bank.example\nduckdns.org\n")
	var told [][2]int64
	x, warnings, err := Load(context.Background(), []File{{Path: bad}, {Path: good, Source: "popular", Good: true}},
		func(done, total int64) { told = append(told, [2]int64{done, total}) })
	if err != nil {
		t.Fatal(err)
	}
	if x.Len() != 9 {
		t.Errorf("%d indicators", x.Len())
	}
	if len(warnings) != 1 || warnings[0].Line != 3 || !strings.Contains(warnings[0].Text, "duckdns.org is a public suffix") {
		t.Errorf("warnings: %v", warnings)
	}
	if len(told) != 1 || told[0][0] != told[0][1] {
		t.Errorf("progress: %v", told)
	}
	if h := x.LookupHost([]byte("www.evil.example"), []byte("evil.example")); !h.Bad || h.Source != "own" {
		t.Errorf("%+v", h)
	}
	if h := x.LookupHost([]byte("www.bank.example"), []byte("bank.example")); !h.Good || h.Bad || h.Source != "popular" {
		t.Errorf("%+v", h)
	}
	if !x.LookupURL([]byte("bad.example/a,b")).Bad || !x.LookupLine(819012345678).Bad || !x.LookupLine(817000012345).Bad ||
		!x.LookupHost([]byte("last.example"), []byte("last.example")).Bad {
		t.Error("something is missing")
	}
	if x.LookupHost([]byte("me.duckdns.org"), []byte("me.duckdns.org")).Good {
		t.Error("good for living at duckdns.org")
	}
}

func TestLoadPlainThatBeginsWithCommas(t *testing.T) {
	x, _ := load(t, File{Path: write(t, "a.txt", "http://bad.example/a,b\nevil.example\n")})
	if !x.LookupURL([]byte("bad.example/a,b")).Bad {
		t.Error("the first line is not read")
	}
}

func TestLoadOfOneKind(t *testing.T) {
	x, _ := load(t, File{Path: write(t, "senders.txt", "FakeBank\n12345\n"), Kind: Sender})
	if !x.LookupSender([]byte("fakebank")).Bad || !x.LookupSender([]byte("12345")).Bad {
		t.Error("not found")
	}
}

func TestLoadCSV(t *testing.T) {
	x, _ := load(t, File{Path: write(t, "x.csv", "# ours\nkind,value,verdict,source,confidence,first_seen,last_seen\n"+
		"sender,FakeBank,bad,desk,80,2026-01-31,2026-05-01T09:00:00Z\n"+
		"domain,popular.example,good,,,,\n"+
		"url,\"http://bad.example/a,\"\"b\"\"\",,,,,\n"+
		",evil.example,,,,,\n"+
		"range,+8190123*,bad,,100,,\n")})
	h := x.LookupSender([]byte("FAKEBANK"))
	if !h.Bad || h.Source != "desk" || h.Confidence != 80 || h.First.Time().Format("2006-01-02") != "2026-01-31" || h.Last.Time().Format("2006-01-02") != "2026-05-01" {
		t.Errorf("%+v", h)
	}
	if h := x.LookupHost([]byte("popular.example"), nil); !h.Good || h.Source != "x" {
		t.Errorf("%+v", h)
	}
	if !x.LookupURL([]byte(`bad.example/a,"b"`)).Bad || !x.LookupHost([]byte("evil.example"), nil).Bad || !x.LookupLine(819012345678).Bad {
		t.Error("something is missing")
	}
}

func TestLoadForeignForms(t *testing.T) {
	jpcert := "date,URL,description\n2019/06/03 09:13:00,http://entry11-bank.example/,三菱\n2019/06/03 10:04:00,https://amaz.page.link/7MAr5/,Amazon\n" + strings.Repeat("2019/06/04 10:04:00,https://a.example/b/,Amazon\n", 20)
	phishtank := "phish_id,url,phish_detail_url,submission_time,verified,verification_time,online,target\n" +
		"6786894,http://waters.example/dustin/ll/c,http://www.phishtank.com/phish_detail.php?phish_id=6786894,2020-09-29T08:00:22+00:00,yes,2020-09-29T08:16:06+00:00,yes,Other\n"
	x, warnings := load(t,
		File{Path: write(t, "j.csv", jpcert+"2019/06/05 10:04:00,not a link,x\n"), Source: "JPCERT/CC"},
		File{Path: write(t, "p.csv", phishtank), Source: "PhishTank"})
	if len(warnings) != 1 || !strings.Contains(warnings[0].Text, "passed over") {
		t.Errorf("%v", warnings)
	}
	h := x.LookupHost([]byte("www.entry11-bank.example"), []byte("entry11-bank.example"))
	if !h.Bad || h.Source != "JPCERT/CC" || h.First.Time().Format("2006-01-02") != "2019-06-03" {
		t.Errorf("%+v", h)
	}
	if h := x.LookupURL([]byte("amaz.page.link/7MAr5")); !h.Bad {
		t.Errorf("%+v", h)
	}
	if h := x.LookupURL([]byte("waters.example/dustin/ll/c")); !h.Bad || h.Source != "PhishTank" {
		t.Errorf("%+v", h)
	}
	_, _, err := Load(context.Background(), []File{{Path: write(t, "j.csv", "date,URL,description\n2019/06/03 09:13:00,x,\n2019/06/03 09:13:00,y,\n")}}, nil)
	if err == nil || !strings.Contains(err.Error(), "2 of 2 links cannot be read") {
		t.Errorf("%v", err)
	}
}

func TestLoadRefuses(t *testing.T) {
	const head = "kind,value,verdict,source,confidence,first_seen,last_seen\n"
	for _, c := range []struct{ name, file, want string }{
		{"empty", "", ": empty"},
		{"public suffix", "evil.example\nco.jp\n", ":2: co.jp is a public suffix"},
		{"nonsense", "evil.example\n\n# x\nhello\n", ":4: neither a link"},
		{"number", "+8190123456789012345\n", ":1: not an E.164 number"},
		{"long line", "evil.example\nhttp://evil.example/" + strings.Repeat("a", maxLine) + "\n", ":2: a line of more than"},
		{"no UTF-8", "evil.example\n\xff.example\n", ":2: not UTF-8"},
		{"binary", "\x00\x01\x02\n", ":1: neither"},
		{"unknown column", "kind,value,colour\n", ":1: column 3 of the header is none of"},
		{"column twice", "kind,value,kind\n", ":1: the header names a column twice"},
		{"unknown header", "url,colour\n", ":1: not a header we know"},
		{"many columns", "kind,value" + strings.Repeat(",x", 100) + "\n", ":1: neither"},
		{"kind", head + "colour,evil.example,,,,,\n", ":2: unknown kind"},
		{"verdict", head + "host,evil.example,ugly,,,,\n", ":2: verdict is good or bad"},
		{"confidence", head + "host,evil.example,bad,,101,,\n", ":2: confidence is"},
		{"day", head + "host,evil.example,bad,,,2026-02-31,\n", ":2: a day is written"},
		{"days", head + "host,evil.example,bad,,,2026-02-02,2026-02-01\n", ":2: first seen after last seen"},
		{"a field short", head + "host,evil.example,bad\n", ":2: not as many fields"},
		{"a field long", head + "host,evil.example,bad,,,,,,,,,,,,,,,,,\n", ":2: not as many fields"},
		{"open quote", head + "host,\"evil.example,bad,,,,\n", ":2: a quoted field"},
		{"after quote", head + "host,\"evil.example\"x,bad,,,,\n", ":2: a quoted field"},
		{"source", head + "host,evil.example,bad," + strings.Repeat("x", 65) + ",,,\n", ":2: a source's name"},
	} {
		path := write(t, "x.csv", c.file)
		x, _, err := Load(context.Background(), []File{{Path: path}}, nil)
		var fe *FileError
		if x != nil || !errors.As(err, &fe) || !strings.HasPrefix(err.Error(), path+c.want) {
			t.Errorf("%s: %v, want %s", c.name, err, c.want)
		}
		if err != nil && strings.Count(err.Error(), "\n") > 0 {
			t.Errorf("%s: more than one line: %v", c.name, err)
		}
	}
	for _, path := range []string{filepath.Join(t.TempDir(), "none"), t.TempDir(), os.DevNull} {
		if _, _, err := Load(context.Background(), []File{{Path: path}}, nil); err == nil || !strings.HasPrefix(err.Error(), path+": ") {
			t.Errorf("%v", err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, _, err := Load(ctx, []File{{Path: write(t, "a", "evil.example\n")}}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestWarningsAreBounded(t *testing.T) {
	path := write(t, "good.txt", strings.Repeat("duckdns.org\n", 1000))
	_, warnings := load(t, File{Path: path, Good: true})
	if len(warnings) != maxWarnings || !strings.Contains(warnings[maxWarnings-1].Text, "more warnings") {
		t.Errorf("%d: %v", len(warnings), warnings[len(warnings)-1])
	}
}

func TestWatcher(t *testing.T) {
	path := write(t, "own.txt", "evil.example\n")
	var set Set
	var log bytes.Buffer
	reg := prometheus.NewRegistry()
	w := NewWatcher(&set, []File{{Path: path}}, slog.New(slog.NewTextHandler(&log, nil)), reg)
	ctx := context.Background()
	if _, err := w.Reload(ctx, nil); err != nil {
		t.Fatal(err)
	}
	first := set.Load()
	old := time.Now().Add(-time.Hour)
	change := func(content string, mod time.Time) {
		t.Helper()
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, mod, mod); err != nil {
			t.Fatal(err)
		}
		w.look(ctx)
	}
	w.look(ctx)
	if set.Load() != first {
		t.Error("reloaded without a change")
	}
	change("evil.example\nworse.example\n", time.Now())
	if set.Load() != first {
		t.Error("read a file that somebody may still be writing")
	}
	change("evil.example\nworse.example\n", old)
	second := set.Load()
	if second.Len() != 2 {
		t.Errorf("%d indicators", second.Len())
	}
	change("evil.example\nco.jp\n", old.Add(time.Second))
	if set.Load() != second || !strings.Contains(log.String(), "own.txt:2: co.jp is a public suffix") {
		t.Errorf("a broken file: %s", log.String())
	}
	log.Reset()
	w.look(ctx)
	if log.Len() > 0 {
		t.Errorf("said twice: %s", log.String())
	}
	os.Remove(path)
	w.look(ctx)
	if set.Load() != second || log.Len() == 0 {
		t.Error("a file that is gone")
	}
	if n := testutil.ToFloat64(w.failed); n != 2 {
		t.Errorf("%v failures counted", n)
	}
	change("third.example\n", old.Add(2*time.Second))
	if set.Load().Len() != 1 || set.Load() == second {
		t.Error("not back")
	}
}

// Other files take the place of those that were watched, or nothing changes.
func TestReplace(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) File {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return File{Path: path}
	}
	var set Set
	w := NewWatcher(&set, []File{write("one.txt", "evil.example\n")}, slog.New(slog.DiscardHandler), nil)
	if _, err := w.Reload(t.Context(), nil); err != nil || set.Load().Len() != 1 {
		t.Fatal(set.Load().Len(), err)
	}
	first := set.Load()
	if _, err := w.Replace(t.Context(), []File{{Path: filepath.Join(dir, "nowhere.txt")}}, nil); err == nil || set.Load() != first {
		t.Error("a list that is not there:", err)
	}
	if w.look(t.Context()); set.Load() != first {
		t.Error("read again without a change")
	}
	if _, err := w.Replace(t.Context(), []File{write("two.txt", "a.example\nb.example\n")}, nil); err != nil || set.Load().Len() != 2 {
		t.Error(set.Load().Len(), err)
	}
}

func TestWatcherEnds(t *testing.T) {
	w := NewWatcher(new(Set), nil, slog.New(slog.DiscardHandler), nil)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { w.Run(ctx, time.Millisecond); close(done) }()
	time.Sleep(5 * time.Millisecond)
	cancel()
	<-done
}

// FuzzRead throws lists at the reader: no panic, and a sentence of one line that names the place.
func FuzzRead(f *testing.F) {
	for _, s := range []string{
		"evil.example\n+8190*\n", "kind,value\nhost,evil.example\n", "date,URL,description\n2019/06/03 09:13:00,http://a.example/,x\n",
		"phish_id,url\n1,http://a.example\n", "value,kind\n\"a\"\"b.example\",host\n", "\ufeffkind,value,confidence,first_seen\nrange,+81901*,7,2026-01-01\n",
	} {
		f.Add(s, true)
	}
	f.Fuzz(func(t *testing.T, s string, good bool) {
		l := loader{ctx: context.Background(), b: NewBuilder(0), path: "f"}
		l.src, _ = l.b.source([]byte("f"))
		if err := l.read(&File{Path: "f", Good: good}, strings.NewReader(s)); err != nil {
			if msg := err.Error(); !strings.HasPrefix(msg, "f:") || strings.Contains(msg, "\n") {
				t.Errorf("%q", msg)
			}
			return
		}
		l.b.Index()
	})
}

// FuzzSplitCSV compares with encoding/csv on lines that both can read.
func FuzzSplitCSV(f *testing.F) {
	f.Add(`a,"b,""c""",d`)
	f.Add(`"",`)
	f.Fuzz(func(t *testing.T, s string) {
		if strings.ContainsAny(s, "\r\n") || s == "" {
			return
		}
		want, err := csv.NewReader(strings.NewReader(s)).Read()
		var fields [maxColumns][]byte
		n, err2 := splitCSV([]byte(s), fields[:])
		if err != nil || len(want) > maxColumns {
			return // it refuses a quote in the middle of a field, we do not
		}
		if err2 != nil || n != len(want) {
			t.Fatalf("%q: %d fields, %v, want %q", s, n, err2, want)
		}
		for i := range want {
			if string(fields[i]) != want[i] {
				t.Errorf("%q: field %d is %q, want %q", s, i, fields[i], want[i])
			}
		}
	})
}
