package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestBrands(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	printed := good(t, "", "brands", "--print")
	if out := good(t, "", "brands", write("copy.jsonl", printed)); !strings.Contains(out, "copy.jsonl is good: ") || !strings.Contains(out, "courier") {
		t.Error(out)
	}
	line := `{"name": "Example Bank", "kind": "bank", "aliases": ["Example Bank"], "domains": ["example-bank.example"]}`
	if out := good(t, "", "brands", write("one.jsonl", "# ours\n"+line+"\n")); !strings.Contains(out, "1 brands") {
		t.Error(out)
	}
	for text, words := range map[string][]string{
		line + "\n" + strings.Replace(line, "Example Bank", "Other Bank", 1): {"line 2", "example-bank.example", "claimed by", "Example Bank"},
		line + "\n" + line:                                        {"line 2", "stands twice"},
		strings.Replace(line, `"bank"`, `"shoe"`, 1):              {"line 1", "unknown kind"},
		strings.Replace(line, "example-bank.example", "co.jp", 1): {"line 1", "public suffix"},
		strings.Replace(line, "aliases", "alias", 1):              {"line 1", "alias"},
		"": {"no brands"},
	} {
		bad(t, 1, "", []string{"brands", write("bad.jsonl", text)}, append(words, "bad.jsonl")...)
	}
	bad(t, 1, "", []string{"brands", filepath.Join(dir, "none.jsonl")}, "none.jsonl")
}
