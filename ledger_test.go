package main

import (
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What people and the program do is in the ledger, a witness outside has its checkpoints, and who edits the database is found out.
func TestLedger(t *testing.T) {
	s := configured(t)
	witness := filepath.Join(t.TempDir(), "witness.txt")
	s.change("[audit]\nname = \"sekisho\"", "[audit]\nname = \"sekisho\"", `file = ""           # appended to`, `file = "`+witness+`"           # appended to`)
	s.start()
	good(t, "", "bypass", "on", "-c", s.file)
	good(t, "", "bypass", "off", "-c", s.file)
	good(t, `{"type":"consent","time":"2026-04-01T00:00:00Z","line":"+819000700999","scope":"infection_notice","granted":false,"wording":"v2","channel":"web"}`,
		"contracts", "-", "-c", s.file)
	key := strings.TrimSpace(good(t, "", "key", "add", "smsc", "-c", s.file))
	for n := range 12 {
		s.smish(key, "+819000700111", n)
	}
	eventually(t, "the line has a case", func() bool { return strings.Contains(good(t, "", "cases", "list", "-c", s.file), "il-") })
	eventually(t, "the witness has a checkpoint", func() bool {
		b, _ := os.ReadFile(witness)
		return strings.Contains(string(b), "sekisho")
	})
	s.stop()
	list := good(t, "", "audit", "list", "--limit", "100", "-c", s.file)
	for _, w := range []string{"bypass", "operator at", "choice", "wording v2, by web", "message-use", "inspect", "infection_notice", "terms", "case-open", "il-"} {
		if !strings.Contains(list, w) {
			t.Errorf("the ledger does not say %q:\n%s", w, list)
		}
	}
	if strings.Contains(list, "819000700") {
		t.Error("the ledger has a number:\n", list)
	}
	if out := good(t, "", "audit", "verify", "--checkpoint", witness, "-c", s.file); !strings.Contains(out, "are as they were") {
		t.Error(out)
	}
	public := strings.TrimSpace(good(t, "", "audit", "key", "-c", s.file))
	tamper := func(statement string) {
		t.Helper()
		matches, err := filepath.Glob(filepath.Join(s.dir, "sekisho-data", "*.db"))
		if err != nil || len(matches) != 1 {
			t.Fatal(matches, err)
		}
		db, err := sql.Open("sqlite", matches[0])
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if _, err := db.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	tamper(`UPDATE ledger SET entry = (SELECT entry FROM ledger WHERE seq = 1) WHERE seq = 0`)
	bad(t, 1, "", []string{"audit", "verify", "--checkpoint", witness, "--key", public, "-c", s.file}, "not as it was", "entry 0")
}
