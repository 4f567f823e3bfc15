package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sekisho/sekisho/gate"
)

// strict writes a policy that stops sooner, with a rule of its own.
func strict(t *testing.T, rule string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "strict.toml")
	if err := os.WriteFile(path, []byte(gate.DefaultPolicy+rule), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

const recorded = `{"type":"contract","time":"2026-04-01T00:00:00Z","contract":"c1","line":"+819000000001","event":"assign"}
{"type":"message","time":"2026-04-01T00:00:01Z","id":"m1","route":"p2p","from":"+819000000001","to":"+819000000002","text":"今日は何時に帰る？"}
{"type":"message","time":"2026-04-01T00:00:02Z","id":"m2","route":"p2p","from":"+819000000001","to":"+819000000002","text":"合言葉はひらけごま。 https://shop.example.com/"}
{"type":"report","time":"2026-04-01T00:00:03Z","channel":"7726","reporter":"+819000000002","suspect":"+819000000001","text":"x"}
`

func TestBacktest(t *testing.T) {
	file := filepath.Join(t.TempDir(), "recorded.jsonl")
	if err := os.WriteFile(file, []byte(recorded), 0o644); err != nil {
		t.Fatal(err)
	}
	next := strict(t, "\n[own.sesame]\nwhen = 'text.contains(\"ひらけごま\")'\nphishing = 30\nwhy = \"Sesame.\"\n")
	out := good(t, "", "backtest", "--new-policy", next, file)
	for _, want := range []string{"messages                2", "newly stopped           50.00 %", "m2: deliver, would be block", "Sesame."} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	// The same from verdicts without texts: a rule that was met in trial, and acts now.
	quiet := strict(t, "\n[own.sesame]\nwhen = 'text.contains(\"ひらけごま\")'\nphishing = 30\ntrial = true\nwhy = \"Sesame.\"\n")
	verdicts := filepath.Join(t.TempDir(), "verdicts.jsonl")
	if err := os.WriteFile(verdicts, []byte(good(t, "", "scan", "--json", "--policy", quiet, file)), 0o644); err != nil {
		t.Fatal(err)
	}
	var figures struct {
		N      int `json:"n"`
		Newly  int `json:"newly_stopped"`
		Honest [3]float64
	}
	text := good(t, "", "backtest", "--json", "--policy", quiet, "--new-policy", next, verdicts)
	if err := json.Unmarshal([]byte(text), &figures); err != nil || figures.N != 2 || figures.Newly != 1 {
		t.Errorf("from verdicts: %v, %s", err, text)
	}
	if text = good(t, "", "backtest", "--json", "--policy", quiet, "--trial", file); !strings.Contains(text, `"newly_stopped":1,`) {
		t.Errorf("with the rules in trial acting: %s", text)
	}
}

func TestBacktestRefuses(t *testing.T) {
	write := func(name, text string) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	lines := strings.Split(recorded, "\n")
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{write("back.jsonl", lines[2]+"\n"+lines[1]+"\n")}, "back.jsonl line 2: its time"},
		{[]string{write("cut.jsonl", lines[1]+"\n"+lines[2][:40]+"\n")}, "cut.jsonl line 2"},
		{[]string{"--new-model", "model.bin", write("v.jsonl", `{"id":null,"class":"ham","p_phishing":0.1,"p_bad":0.1,"outcome":"deliver","reasons":[]}`)}, "model.bin"},
		{[]string{write("v.jsonl", `{"id":null,"class":"ham","p_phishing":0.9,"p_bad":0.1,"outcome":"deliver","reasons":[]}`)}, "are no probabilities"},
		{[]string{"--new-policy", strict(t, "\n[own.x]\nwhen = '1'\nphishing = 1\nwhy = \"x\"\n"), "testdata/commands/labelled.tsv"}, "of type int"},
		{[]string{write("empty.txt", "")}, "no message to judge"},
	} {
		bad(t, 1, "", append([]string{"backtest"}, c.args...), c.want)
	}
}
