package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sekisho/sekisho/record"
	"github.com/sekisho/sekisho/subject"
)

// judging posts a text to the running checkpoint as the SMSC of subscribers does.
func (s *serving) smish(key, from string, n int) {
	s.t.Helper()
	body := fmt.Sprintf(`{"from":%q,"to":"+8190000%05d","route":"p2p","text":"お荷物のお届けにあがりましたが不在の為持ち帰りました。ご確認ください。http://k%dq.duckdns.org"}`, from, n, n)
	r, err := http.NewRequestWithContext(s.t.Context(), "POST", "http://"+s.console+"/v1/judge", strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+key)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(resp.Body)
	if resp.StatusCode != http.StatusOK || !bytes.Contains(b, []byte(`"class":"phishing"`)) {
		s.t.Fatalf("%s: %s", resp.Status, b)
	}
}

func (s *serving) found(line string) bool {
	l, err := subject.ParseLine(line)
	if err != nil {
		s.t.Fatal(err)
	}
	return strings.Contains(s.log.String(), "a line was found infected") && strings.Contains(s.log.String(), l.Mask())
}

// A phone that sends smishing is found, whatever restarts come between; one whose contract opted out is not, and nothing that is written
// knows it but by the pseudonym of the day.
func TestInfectedLines(t *testing.T) {
	s := configured(t)
	s.start()
	key := strings.TrimSpace(good(t, "", "key", "add", "smsc", "-c", s.file))
	const sick, optsOut, optsOutLater = "+819000700111", "+819000700222", "+819000700333"
	event := func(format string, args ...any) {
		t.Helper()
		good(t, fmt.Sprintf(format, args...), "contracts", "-", "-c", s.file)
	}
	event(`{"type":"consent","time":"2026-04-01T00:00:00Z","line":%q,"scope":"infection_notice","granted":false,"wording":"v1","channel":"web"}`, optsOut)
	n := 0
	round := func(lines ...string) {
		for _, l := range lines {
			n++
			s.smish(key, l, n)
		}
	}
	for range 3 {
		round(sick, optsOut, optsOutLater, "+819000700444")
	}
	time.Sleep(1500 * time.Millisecond) // the reader of evidence writes every second
	s.stop()
	s.start()
	if s.found(sick) {
		t.Error("found after three texts")
	}
	for range 9 {
		round(sick, optsOut)
	}
	eventually(t, "the phone is found, on what was sent before and after the restart", func() bool { return s.found(sick) })
	if s.found(optsOut) {
		t.Error("a line that opted out was found")
	}
	event(`{"type":"consent","time":"2026-04-01T00:00:00Z","line":%q,"scope":"infection_notice","granted":false}`, optsOutLater)
	for range 9 {
		round(optsOutLater)
	}
	time.Sleep(1500 * time.Millisecond)
	if s.found(optsOutLater) {
		t.Error("a line that opted out later was found")
	}
	bad(t, 1, `{"type":"consent","time":"2026-04-01T00:00:00Z","line":"+819000700111","scope":"spying","granted":false}`,
		[]string{"contracts", "-", "-c", s.file}, "line 1", "unknown purpose")
	s.stop()
	s.start() // choices outlive it
	for range 9 {
		round(optsOut, optsOutLater)
	}
	s.stop()
	if s.found(optsOut) || s.found(optsOutLater) {
		t.Error("after a restart a line that opted out was found")
	}

	// Byte by byte: of who opted out before anything was sent neither number nor lasting pseudonym, and of it rows of what was judged.
	secret, err := record.LoadSecret(filepath.Join(s.dir, "sekisho-data", "secret"))
	if err != nil {
		t.Fatal(err)
	}
	k, err := record.NewKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	line, _ := subject.ParseLine(optsOut)
	address := line.Address()
	needles := map[string][]byte{"the number": []byte(optsOut[3:]), "the number, binary": binary.LittleEndian.AppendUint64(nil, uint64(line)), "the number, in SQLite": sqliteInt(uint64(line)),
		"the pseudonym": []byte(k.Line(line).String()), "the pseudonym, binary": binary.LittleEndian.AppendUint64(nil, uint64(k.Line(line))),
		"the pseudonym, in SQLite": binary.BigEndian.AppendUint64(nil, uint64(k.Line(line))), "the pseudonym, decimal": []byte(strconv.FormatInt(int64(k.Line(line)), 10))}
	daily := binary.BigEndian.AppendUint64(nil, uint64(k.Daily(address, time.Now()).Key))
	seen, files := false, 0
	err = filepath.WalkDir(filepath.Join(s.dir, "sekisho-data"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files++
		seen = seen || bytes.Contains(b, daily)
		for what, needle := range needles {
			// The choice itself names the contract, which bears its line's number: that he opted out must be known.
			if at := bytes.Index(b, needle); at >= 0 && !(what == "the number, in SQLite" && bytes.Contains(window(b, at), []byte("infection_notice"))) {
				t.Errorf("%s has %s of a line that opted out", path, what)
			}
		}
		return nil
	})
	if err != nil || files < 3 {
		t.Fatalf("%d files: %v", files, err)
	}
	if !seen {
		t.Error("the pseudonym of the day is nowhere: the search does not find what is there")
	}
}

// sqliteInt is a number as SQLite writes one of 48 bits.
func sqliteInt(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n)[2:] }

func window(b []byte, at int) []byte { return b[max(0, at-100):min(len(b), at+100)] }
