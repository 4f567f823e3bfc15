package purpose_test

import (
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"path/filepath"
	"strings"
	"testing"
)

// What has no grant does not compile: every program of testdata/refused is refused by the type checker, for the reason given here.
func TestWithoutGrantNothingCompiles(t *testing.T) {
	if testing.Short() {
		t.Skip("checks the types of the packages it imports from their sources")
	}
	want := map[string]string{
		"forged.go":    "implicit assignment to unexported field",
		"named.go":     "cannot refer to unexported field purpose",
		"widened.go":   "g.purpose undefined",
		"converted.go": "cannot convert",
		"inspect.go":   "not enough arguments in call to in.Inspect",
		"evidence.go":  "cannot refer to unexported field fact",
	}
	files, err := filepath.Glob("testdata/refused/*.go")
	if err != nil || len(files) != len(want) {
		t.Fatalf("%d programs, %d reasons: %v", len(files), len(want), err)
	}
	set := token.NewFileSet()
	imports := importer.ForCompiler(set, "source", nil)
	for _, name := range files {
		f, err := parser.ParseFile(set, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		var errs []string
		c := types.Config{Importer: imports, Error: func(err error) { errs = append(errs, err.Error()) }}
		c.Check("main", set, []*ast.File{f}, nil)
		if all := strings.Join(errs, "\n"); !strings.Contains(all, want[filepath.Base(name)]) {
			t.Errorf("%s compiles, or is refused for something else: %q", name, all)
		}
	}
}
