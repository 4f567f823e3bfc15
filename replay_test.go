package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// nation writes a small nation and replays it; it gives the folder of what came out, and which lines were infected.
func nation(t *testing.T, seed string, more ...string) (out string, infected map[string]bool) {
	t.Helper()
	dir := t.TempDir()
	file, truth := filepath.Join(dir, "nation.jsonl"), filepath.Join(dir, "truth.jsonl")
	good(t, "", append([]string{"simulate", "-o", file, "--truth", truth, "--seed", seed, "--lines", "20000", "--infected", "0.003", "--days", "2"}, more...)...)
	out = filepath.Join(dir, "out")
	good(t, "", "replay", "-o", out, file)
	infected = map[string]bool{}
	for _, l := range jsonl(t, truth) {
		infected[l["line"].(string)] = true
	}
	return out, infected
}

func jsonl(t *testing.T, name string) (all []map[string]any) {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(bytes.NewReader(b))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var m map[string]any
		if err := json.Unmarshal(lines.Bytes(), &m); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		all = append(all, m)
	}
	return all
}

func TestReplayFindsInfectedLines(t *testing.T) {
	out, infected := nation(t, "3")
	found, wrong := 0, 0
	for _, s := range jsonl(t, filepath.Join(out, "suspects.jsonl")) {
		if !infected[s["line"].(string)] {
			wrong++
			continue
		}
		found++
		if s["kind"] != "infected-line" || s["messages_before"].(float64) < 5 || s["score"].(float64) < 5 || s["notice"].(map[string]any)["ground"] != "terms" {
			t.Errorf("%v", s)
		}
		opened, err1 := time.Parse(time.RFC3339, s["opened"].(string))
		first, err2 := time.Parse(time.RFC3339, s["first_evidence"].(string))
		if err1 != nil || err2 != nil || opened.Before(first) {
			t.Errorf("opened %v, first evidence %v", s["opened"], s["first_evidence"])
		}
	}
	if found < len(infected)*7/10 || wrong > 1 { // one in twenty opted out, and some had hardly begun
		t.Errorf("%d of %d infected lines were found, and %d others", found, len(infected), wrong)
	}
	verdicts := jsonl(t, filepath.Join(out, "verdicts.jsonl"))
	if len(verdicts) < 1000 || verdicts[0]["time"] == nil || verdicts[0]["outcome"] == nil {
		t.Errorf("%d verdicts, the first %v", len(verdicts), verdicts[0])
	}
}

// The same trace gives the same bytes, and the same seed the same trace.
func TestReplayIsDeterministic(t *testing.T) {
	a, _ := nation(t, "4")
	b, _ := nation(t, "4")
	for _, name := range []string{"verdicts.jsonl", "suspects.jsonl", "summary.json", "../nation.jsonl"} {
		x, err1 := os.ReadFile(filepath.Join(a, name))
		y, err2 := os.ReadFile(filepath.Join(b, name))
		if err1 != nil || err2 != nil || !bytes.Equal(x, y) {
			t.Errorf("%s differs: %v %v", name, err1, err2)
		}
	}
}

// An opted-out line has no case, whenever it opted out, and neither its number nor a word of it is written. A released line's case ends,
// and its next holder starts with nothing.
func TestReplayKeepsToTheLaw(t *testing.T) {
	var b strings.Builder
	at := time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)
	clock := 0
	event := func(format string, args ...string) {
		clock++
		s := strings.NewReplacer(append([]string{"TIME", at.Add(time.Duration(clock) * time.Second).Format(time.RFC3339)}, args...)...).Replace(format)
		b.WriteString(s + "\n")
	}
	n := 0
	smish := func(from string) {
		n++
		id := string(rune('a'+n%26)) + string(rune('a'+n/26%26)) + string(rune('a'+n/676%26))
		event(`{"type":"message","time":"TIME","id":"ID","route":"p2p","from":"FROM","to":"TO","text":"お荷物のお届けにあがりましたが不在の為持ち帰りました。ご確認ください。http://ID.duckdns.org"}`,
			"ID", id, "FROM", from, "TO", "+8190000"+strings.Repeat("0", 5-len(itoa(n)))+itoa(n))
	}
	const out, early, late, ported, stranger = "+819000900001", "+819000900002", "+819000900003", "+819000900004", "+447700900123"
	event(`{"type":"consent","time":"TIME","line":"LINE","scope":"infection_notice","granted":false}`, "LINE", early)
	event(`{"type":"contract","time":"TIME","contract":"c4","line":"LINE","event":"assign"}`, "LINE", ported)
	for range 30 {
		for _, l := range []string{out, early, late, ported, stranger} {
			smish(l)
		}
	}
	event(`{"type":"consent","time":"TIME","line":"LINE","scope":"infection_notice","granted":false}`, "LINE", late)
	event(`{"type":"contract","time":"TIME","contract":"c4","line":"LINE","event":"release"}`, "LINE", ported)
	event(`{"type":"contract","time":"TIME","contract":"c5","line":"LINE","event":"assign"}`, "LINE", ported)
	smish(ported)
	dir := t.TempDir()
	file := filepath.Join(dir, "t.jsonl")
	if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	good(t, "", "replay", "-o", dir, file)
	cases := map[string]map[string]any{}
	for _, s := range jsonl(t, filepath.Join(dir, "suspects.jsonl")) {
		cases[s["line"].(string)] = s
	}
	if cases[out] == nil || cases[ported] == nil || len(cases) != 2 {
		t.Fatalf("cases: %v", cases)
	}
	if cases[out]["notice"].(map[string]any)["allowed"] != true || cases[out]["ended"] != nil {
		t.Errorf("%v", cases[out])
	}
	if cases[ported]["ended"] == nil || cases[ported]["notice"].(map[string]any)["allowed"] != false {
		t.Errorf("the case of a released line goes on: %v", cases[ported])
	}
	for _, name := range []string{"suspects.jsonl", "summary.json", "verdicts.jsonl"} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range []string{early, late} {
			if bytes.Contains(text, []byte(l[3:])) {
				t.Errorf("%s has the number of a line that opted out", name)
			}
		}
	}
}

func itoa(n int) string {
	b, _ := json.Marshal(n)
	return string(b)
}

func TestReplayBadInput(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "bad.jsonl")
	for text, words := range map[string][]string{
		`{"type":"consent","time":"2026-04-01T00:00:00Z","contract":"c9","scope":"inspect","granted":true}`:  {"line 1", `"c9" is not known`},
		`{"type":"consent","time":"2026-04-01T00:00:00Z","line":"+81900","scope":"inspect","granted":true}`:  {"line 1", "not an E.164 number"},
		`{"type":"consent","time":"2026-04-01T00:00:00Z","line":"+819000000001","scope":"x","granted":true}`: {"line 1", "unknown purpose"},
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		bad(t, 1, "", []string{"replay", file}, append(words, "bad.jsonl")...)
	}
	bad(t, 1, "", []string{"simulate", "-o", file, "--lines", "5"}, "--lines 5")
}

func TestRankPutsInfectedLinesFirst(t *testing.T) {
	dir := t.TempDir()
	file, truth := filepath.Join(dir, "nation.jsonl"), filepath.Join(dir, "truth.jsonl")
	good(t, "", "simulate", "-o", file, "--truth", truth, "--seed", "5", "--lines", "50000", "--infected", "0.001", "--days", "2", "--reported", "0.2", "--texts", "0.01")
	infected := map[string]bool{}
	for _, l := range jsonl(t, truth) {
		infected[l["line"].(string)] = true
	}
	ranking := filepath.Join(dir, "ranking.jsonl")
	write(t, ranking, good(t, "", "rank", "--json", "--limit", "0", file))
	all := jsonl(t, ranking)
	if len(all) < len(infected)/2 {
		t.Fatalf("%d lines are ranked, %d are infected", len(all), len(infected))
	}
	for i, l := range all[:len(infected)/2] {
		if !infected[l["line"].(string)] {
			t.Errorf("an honest line stands at %d: %v", i+1, l["reasons"])
		}
	}
	if out := good(t, "", "rank", "--limit", "3", file); strings.Count(out, "\n") != 4 || !strings.Contains(out, "POINTS") {
		t.Error(out)
	}
}
