package settings

import (
	"os"
	"path/filepath"
	"testing"
)

func TestPending(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "verdicts.jsonl")
	names := func() (all []string) {
		found, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range found {
			all = append(all, f.Name())
		}
		return all
	}
	begin := func(text string) *Pending {
		p, err := NewPending(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.WriteString(text); err != nil {
			t.Fatal(err)
		}
		return p
	}
	p := begin("half")
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("it is there before it is kept: %v", err)
	}
	if err := p.Close(); err != nil || len(names()) != 0 {
		t.Errorf("left after Close: %v %v", names(), err)
	}
	for _, text := range []string{"first", "second"} {
		p := begin(text)
		if err := p.Keep(); err != nil {
			t.Fatal(err)
		}
		if err := p.Close(); err != nil {
			t.Errorf("Close after Keep: %v", err)
		}
		if b, err := os.ReadFile(path); err != nil || string(b) != text || len(names()) != 1 {
			t.Errorf("%q %v, files %v", b, err, names())
		}
	}
	p = begin("lost")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(path, "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := p.Keep(); err == nil || len(names()) != 1 {
		t.Errorf("a folder has the name: %v, files %v", err, names())
	}
	if _, err := NewPending(filepath.Join(dir, "none", "x")); err == nil {
		t.Error("a folder that is not there")
	}
}
