package settings

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

type sample struct {
	Name string   `toml:"name"`
	Wait Duration `toml:"wait"`
	List []struct {
		Name []string `toml:"name"`
		Wait Duration `toml:"wait"`
	} `toml:"list"`
	In struct {
		N int `toml:"n"`
	} `toml:"in"`
}

func TestReadNamesThePlace(t *testing.T) {
	for _, x := range []struct{ text, want string }{
		{"name = \"x\"\nnmae = \"y\"", `f.toml line 2: unknown key "nmae"`},
		{"name = \"x\"\n[in]\nm = 1", `f.toml line 3: unknown key "in.m"`},
		{"[in]\nn = \"one\"", "f.toml line 2"},
		{"wait = \"soon\"", `f.toml line 1 column 8: "wait": "soon" is no duration`},
		{"name = \"x\"\nwait = 30 # s\n[in]\nn = 30", `f.toml line 2: "wait": "30" is no duration`},
		{"[[list]]\nname = [\n\"a\"]\n[[list]]\nwait = 1.5\n", `f.toml line 5: "list.wait": "1.5" is no duration`},
		{"name = ", "f.toml line 1"},
	} {
		var v sample
		err := Read("f.toml", x.text, &v)
		if err == nil || !strings.Contains(err.Error(), x.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v; want %q in one line", x.text, err, x.want)
		}
	}
	v := sample{Name: "kept"}
	if err := Read("f.toml", "wait = \"90s\"", &v); err != nil || v.Name != "kept" || v.Wait.Duration != 90*time.Second {
		t.Errorf("%+v %v", v, err)
	}
}

func TestFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f.toml")
	if err := ReadFile(path, new(sample)); !os.IsNotExist(err) {
		t.Errorf("a file that is not there: %v", err)
	}
	if err := WriteFile(path, []byte("name = \"x\"")); err != nil {
		t.Fatal(err)
	}
	var v sample
	if err := ReadFile(path, &v); err != nil || v.Name != "x" {
		t.Errorf("%+v %v", v, err)
	}
	if err := os.WriteFile(path, make([]byte, maxFile+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := ReadFile(path, &v); err == nil {
		t.Error("a file of any size is read")
	}
}
