package main

import (
	"bytes"
	"go/ast"
	"go/build/constraint"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const modulePath = "github.com/sekisho/sekisho"

// imports is who may import whom of our own packages: a word a package, by its folder. What stands behind "test:" only its
// tests may import, beside the package itself. A package that is not here, an import that is not allowed, and an
// allowance that nobody uses all fail: the table is what is, and DESIGN.md says why.
var imports = map[string]string{
	// Nouns: what everything is about.
	"subject":  "",
	"purpose":  "subject",
	"message":  "subject test: disguise",
	"settings": "",
	"disguise": "", // how evaders write

	// Judging. Nothing here does I/O while a message waits.
	"indicator":       "subject",
	"indicator/feeds": "indicator settings",
	"consent":         "purpose subject",
	"inspect":         "indicator message purpose subject test: corpus",
	"rule":            "inspect message subject test: purpose",
	"evidence":        "purpose subject",
	"detect":          "evidence inspect message purpose subject",
	"gate":            "detect inspect message purpose record rule settings subject",

	// Doors. None knows of another, of the store or of the stream: main gives them what they need.
	"smpp":                  "", // stands alone: it could be another project's
	"smpp/smpptest":         "smpp",
	"door/smppdoor":         "door/smppdoor/pending gate message record settings smpp subject test: inspect purpose smpp/smpptest",
	"door/smppdoor/pending": "",
	"door/reportdoor":       "auth report settings",
	"door/httpdoor":         "auth gate inspect message record settings subject test: purpose",
	"auth":                  "",

	// What is reported, and what goes out.
	"report":        "indicator subject",
	"share":         "indicator purpose test: share/lists share/misp share/prefix share/stix share/webhook",
	"share/stix":    "indicator message purpose report share subject",
	"share/taxii":   "share/stix",
	"share/rpz":     "indicator settings share test: purpose subject",
	"share/lookup":  "indicator share subject test: purpose",
	"share/lists":   "share",
	"share/misp":    "indicator share test: purpose report",
	"share/prefix":  "indicator share test: purpose",
	"share/webhook": "share test: indicator purpose",

	// What is done about what was found.
	"audit":  "",
	"cases":  "evidence subject",
	"action": "cases message purpose settings subject test: evidence",

	// Records: what is written down, how it travels, where it rests.
	"record": "evidence message subject",
	"stream": "", // knows nothing of what it carries
	"store":  "audit auth cases indicator message record report subject test: evidence stream",

	// Pages, files, traffic.
	"console":  "audit auth indicator message report subject",
	"corpus":   "message subject",
	"simulate": "message subject",
	"trace":    "message purpose subject",

	// The root puts all of them together and is imported by none.
	".": "*",
}

// alone says for packages that only some may import who these are.
var alone = map[string][]string{
	"store":    {"."},
	"stream":   {".", "store"}, // store's tests read a real stream
	"console":  {"."},
	"simulate": {"."},
	"consent":  {"."},
	"corpus":   {".", "inspect"}, // inspect's tests learn and measure
	// A pretend SMSC and ESME are for tests, and for try and bench, which are demonstrations.
	"smpp/smpptest": {".", "smpp", "door/smppdoor"},
}

// goFile is one Go file of ours.
type goFile struct {
	name string // slash-separated, from the root
	test bool
	text []byte
	file *ast.File
}

func (s goFile) dir() string { return path.Dir(s.name) }

// goFiles reads all our Go files but those that are no part of any build.
func goFiles(t *testing.T) []goFile {
	t.Helper()
	var all []goFile
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := d.Name()
		if d.IsDir() {
			if name != "." && (strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") || base == "testdata" || base == "node_modules") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(base, ".go") {
			return nil
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, text, parser.ImportsOnly|parser.ParseComments)
		if err != nil {
			return err
		}
		all = append(all, goFile{filepath.ToSlash(name), strings.HasSuffix(base, "_test.go"), text, f})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) == 0 {
		t.Fatal("no Go files: this test runs in the root of the module")
	}
	return all
}

// ignored reports whether a file is kept out of every build, as programs that go generate runs are.
func (s goFile) ignored() bool {
	for _, g := range s.file.Comments {
		for _, c := range g.List {
			if x, err := constraint.Parse(c.Text); err == nil && x.String() == "ignore" {
				return true
			}
		}
	}
	return false
}

// ours are the packages of ours that a file imports.
func (s goFile) ours(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, i := range s.file.Imports {
		p, err := strconv.Unquote(i.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		if p == modulePath {
			all = append(all, ".")
		} else if rest, ok := strings.CutPrefix(p, modulePath+"/"); ok {
			all = append(all, rest)
		}
	}
	return all
}

func TestImports(t *testing.T) {
	type allowance struct{ code, test map[string]bool } // whether somebody has used it
	table := make(map[string]allowance)
	for pkg, line := range imports {
		a := allowance{map[string]bool{}, map[string]bool{}}
		code, test, _ := strings.Cut(line, "test:")
		for _, p := range strings.Fields(code) {
			a.code[p] = false
		}
		for _, p := range strings.Fields(test) {
			a.test[p] = false
		}
		table[pkg] = a
	}
	seen := make(map[string]bool)
	for _, s := range goFiles(t) {
		if s.ignored() {
			continue
		}
		pkg := s.dir()
		a, ok := table[pkg]
		if !ok {
			if !seen[pkg] {
				t.Errorf("package %s is not in the table of imports_test.go", pkg)
			}
			seen[pkg] = true
			continue
		}
		seen[pkg] = true
		for _, p := range s.ours(t) {
			if only, ok := alone[p]; ok && p != pkg && !slices.Contains(only, pkg) {
				t.Errorf("%s imports %s, which only %s may", s.name, p, strings.Join(only, ", "))
			}
			_, code := a.code[p]
			_, test := a.test[p]
			switch {
			case imports[pkg] == "*":
			case p == pkg && s.test: // an external test of the package itself
			case code && (!s.test || !test):
				a.code[p] = a.code[p] || !s.test
			case test && s.test:
				a.test[p] = true
			default:
				t.Errorf("%s imports %s, which the table in imports_test.go does not allow", s.name, p)
			}
		}
	}
	for _, pkg := range slices.Sorted(maps.Keys(table)) {
		if !seen[pkg] {
			t.Errorf("the table names package %s, which is not there", pkg)
			continue
		}
		if imports[pkg] == "*" {
			continue
		}
		for _, m := range []map[string]bool{table[pkg].code, table[pkg].test} {
			for _, p := range slices.Sorted(maps.Keys(m)) {
				if !m[p] {
					t.Errorf("the table lets %s import %s, which it does not: take it out", pkg, p)
				}
			}
		}
	}
}

// TestPackageDocs: every package says what it is, once.
func TestPackageDocs(t *testing.T) {
	docs := make(map[string][]string) // by folder, the files that say it
	for _, s := range goFiles(t) {
		if s.test || s.ignored() {
			continue
		}
		if _, ok := docs[s.dir()]; !ok {
			docs[s.dir()] = nil
		}
		if s.file.Doc == nil {
			continue
		}
		want := "Package " + s.file.Name.Name + " "
		if s.file.Name.Name == "main" {
			want = "Sekisho "
		}
		if text := s.file.Doc.Text(); !strings.HasPrefix(text, want) {
			t.Errorf("%s: the package comment begins with %q", s.name, want)
		}
		docs[s.dir()] = append(docs[s.dir()], s.name)
	}
	for _, pkg := range slices.Sorted(maps.Keys(docs)) {
		switch n := len(docs[pkg]); {
		case n == 0:
			t.Errorf("package %s has no package comment", pkg)
		case n > 1:
			t.Errorf("package %s has %d package comments: %s", pkg, n, strings.Join(docs[pkg], ", "))
		}
	}
}

const longestFile = 500 // lines

// longFiles are the files that may be longer, and why. One that has become short again is to be taken out.
var longFiles = map[string]string{
	"store/store_test.go": "one contract suite that runs on SQLite and on PostgreSQL",
}

func TestFileLength(t *testing.T) {
	seen := make(map[string]bool)
	for _, s := range goFiles(t) {
		n := bytes.Count(s.text, []byte("\n"))
		why, ok := longFiles[s.name]
		seen[s.name] = true
		switch {
		case n > longestFile && !ok:
			t.Errorf("%s has %d lines; more than %d need a reason in imports_test.go", s.name, n, longestFile)
		case n <= longestFile && ok:
			t.Errorf("%s has only %d lines by now: take it out of the list of long files", s.name, n)
		case ok && why == "":
			t.Errorf("%s may be long without a reason", s.name)
		}
	}
	for name := range longFiles {
		if !seen[name] {
			t.Errorf("the list of long files names %s, which is not there", name)
		}
	}
}

// TestNothingLeftOpen: what is to be done is an issue, not a remark in the code.
func TestNothingLeftOpen(t *testing.T) {
	marks := []string{"TO" + "DO", "FIX" + "ME"} // so that this file has none
	for _, s := range goFiles(t) {
		for i, line := range strings.Split(string(s.text), "\n") {
			for _, m := range marks {
				if strings.Contains(line, m) {
					t.Errorf("%s:%d: %s", s.name, i+1, m)
				}
			}
		}
	}
}
