package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// A line is found, a person agrees, a letter goes out once, the case is noticed; a line whose contract opts out in between gets none.
func TestNoticeGoesOut(t *testing.T) {
	s := configured(t)
	letters := t.TempDir()
	contacts := filepath.Join(s.dir, "contacts.csv")
	const sick, leaves = "+819000700111", "+819000700222"
	write(t, contacts, "line,name,postal_code,address1\n"+sick+",山田花子,100-0001,東京都千代田区1-1\n"+leaves+",鈴木太郎,100-0001,東京都千代田区1-2\n")
	s.change("send = false", "send = true", `operator = ""`, `operator = "関所通信"`, `phone = ""`, `phone = "0120-000-000"`,
		`contacts = ""`, `contacts = "`+contacts+`"`, `folder = ""             # where letters`, `folder = "`+letters+`"             # where letters`)
	s.start()
	key := strings.TrimSpace(good(t, "", "key", "add", "smsc", "-c", s.file))
	for n := range 20 {
		s.smish(key, sick, n)
		s.smish(key, leaves, 100+n)
	}
	id := regexp.MustCompile(`il-[0-9a-z]{10}`)
	var ids []string
	eventually(t, "two cases", func() bool {
		ids = id.FindAllString(good(t, "", "cases", "list", "-c", s.file), -1)
		return len(ids) == 2
	})
	files := func() string {
		var all strings.Builder
		names, _ := filepath.Glob(filepath.Join(letters, "letters-*.jsonl"))
		for _, name := range names {
			b, _ := os.ReadFile(name)
			all.Write(b)
		}
		return all.String()
	}
	if files() != "" {
		t.Error("a letter goes out that nobody agreed to")
	}
	good(t, `{"type":"consent","time":"2026-04-01T00:00:00Z","line":"`+leaves+`","scope":"infection_notice","granted":false}`, "contracts", "-", "-c", s.file)
	agreed := 0
	for _, c := range ids {
		if r := sekisho(t, "", "cases", "agree", c, "--who", "abe", "-c", s.file); r.code == 0 {
			agreed++
		}
	}
	if agreed != 1 {
		t.Errorf("%d cases could be agreed to", agreed)
	}
	eventually(t, "the letter", func() bool { return strings.Contains(files(), "山田花子") })
	eventually(t, "the case is noticed", func() bool { return strings.Contains(good(t, "", "cases", "list", "-c", s.file), "noticed") })
	time.Sleep(sendEvery + time.Second)
	if all := files(); strings.Count(all, "\n") != 1 || strings.Contains(all, "鈴木太郎") || !strings.Contains(all, "0120-000-000") {
		t.Errorf("letters: %s", all)
	}
	if list := good(t, "", "audit", "list", "-c", s.file); !strings.Contains(list, "case-agree") || !strings.Contains(list, "abe") || !strings.Contains(list, "notice-sent") {
		t.Error(list)
	}
}
