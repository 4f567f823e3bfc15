package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sekisho/sekisho/consent"
	"github.com/sekisho/sekisho/gate"
	"github.com/sekisho/sekisho/record"
	"github.com/sekisho/sekisho/store"
	"github.com/sekisho/sekisho/subject"
)

// The whole program is killed (kill -9) in the middle of an outbreak, again and again, and started anew. Of each phone there is one case and
// no more, and of the texts whose answers were given no more are missing from the evidence than one unflushed batch a kill.
func TestOutbreakOutlivesKills(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there is no SIGTERM to end a process kindly by")
	}
	const lines, each, kills, batch = 40, 40, 5, 256
	s := configured(t)
	key := strings.TrimSpace(good(t, "", "key", "add", "smsc", "-c", s.file))
	p := &process{role: "sekisho", args: []string{"serve", "-c", s.file}, log: filepath.Join(s.dir, "log")}
	start := func() {
		t.Helper()
		if err := p.start(); err != nil {
			t.Fatal(err)
		}
		eventually(t, "serving", func() bool {
			resp, err := http.Get("http://" + s.console + "/healthz")
			if err != nil {
				return false
			}
			resp.Body.Close()
			return resp.StatusCode == http.StatusOK
		})
	}
	start()
	t.Cleanup(func() { p.kill() })

	var answered, unsure [lines]atomic.Int64 // texts, and attempts that nobody answered
	var total atomic.Int64
	var next atomic.Int64
	send := func(n int) bool {
		line := n % lines
		body := fmt.Sprintf(`{"from":"+8190007%05d","to":"+8190010%05d","route":"p2p","text":"お荷物のお届けにあがりましたが不在の為持ち帰りました。ご確認ください。http://k%dq.duckdns.org"}`, line, n, n)
		r, err := http.NewRequestWithContext(t.Context(), "POST", "http://"+s.console+"/v1/judge", strings.NewReader(body))
		if err != nil {
			t.Error(err)
			return true
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "Bearer "+key)
		resp, err := http.DefaultClient.Do(r)
		if err == nil {
			defer resp.Body.Close()
			if b, err := io.ReadAll(resp.Body); err == nil && resp.StatusCode == http.StatusOK {
				if !strings.Contains(string(b), `"class":"phishing"`) {
					t.Errorf("%s", b)
				}
				answered[line].Add(1)
				total.Add(1)
				return true
			}
		}
		unsure[line].Add(1)
		return false
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for n := int(next.Add(1)) - 1; n < lines*each; n = int(next.Add(1)) - 1 {
				for !send(n) && t.Context().Err() == nil {
					time.Sleep(5 * time.Millisecond)
				}
				time.Sleep(time.Millisecond)
			}
		})
	}
	for i := range kills {
		for total.Load() < int64(lines*each*(i+1)/(kills+1)) {
			time.Sleep(time.Millisecond)
		}
		time.Sleep(time.Duration(rand.IntN(30)) * time.Millisecond)
		p.kill()
		start()
	}
	wg.Wait()

	opened := func() (of map[subject.Line]int) {
		t.Helper()
		_, db, err := storeOf(t.Context(), s.file, streams{nil, io.Discard, io.Discard}, false)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		all, err := db.Cases(t.Context(), store.CaseFilter{})
		if err != nil {
			t.Fatal(err)
		}
		of = map[subject.Line]int{}
		for _, c := range all {
			of[c.Line]++
		}
		return of
	}
	eventually(t, "a case of each line", func() bool { return len(opened()) == lines })
	time.Sleep(1500 * time.Millisecond) // the reader of evidence writes every second
	if err := p.term(); err != nil {
		t.Fatalf("%v\n%s", err, p.tail())
	}

	var out strings.Builder
	_, db, err := storeOf(t.Context(), s.file, streams{nil, &out, &out}, false)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for line, n := range opened() {
		if n > 1 {
			t.Errorf("%s has %d cases", line.Mask(), n)
		}
	}
	policy, err := gate.ReadPolicy("", subject.Japan, rules())
	if err != nil {
		t.Fatal(err)
	}
	register, err := consent.NewRegister(consent.DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	x := newInfections(func() *gate.Policy { return policy }, register, partyOf)
	if _, err := db.Evidence(&weigher{infections: x, key: &record.Key{}, log: slog.New(slog.DiscardHandler)}).Place(context.Background(), "none"); err != nil {
		t.Fatal(err)
	}
	missing := int64(0)
	for i := range lines {
		line := subject.Line(819000700000 + i)
		st, ok := x.found.Of(subject.Contract(line))
		if !ok {
			t.Errorf("nothing stands against line %d", i)
			continue
		}
		weighed, told := int64(st.Before), answered[i].Load()
		if weighed > told+unsure[i].Load() {
			t.Errorf("line %d: %d texts were weighed, %d were answered, %d may have been judged", i, weighed, told, unsure[i].Load())
		}
		missing += max(0, told-weighed)
	}
	t.Logf("%d texts answered, %d of them missing from the evidence after %d kills", total.Load(), missing, kills)
	if missing > kills*batch {
		t.Errorf("%d texts are missing from the evidence after %d kills", missing, kills)
	}
}
