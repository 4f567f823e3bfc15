package pending

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// fill makes a directory with n ids in several segments, every tenth of them done, and returns the names of the segments.
func fill(t *testing.T, dir string, n int) []string {
	t.Helper()
	m := open(t, dir, Options{Segment: 8 << 10, Every: time.Hour})
	for i := range n {
		put(t, m, fmt.Sprintf("id-%05d", i), "acme", fmt.Sprint("alias", i), 0, time.Now().Add(time.Hour))
		if i%10 == 9 {
			mustDone(t, m, fmt.Sprintf("id-%05d", i-4), 2, 0, 2)
		}
	}
	m.Close()
	files, err := filepath.Glob(filepath.Join(dir, "*"+fileEnd))
	if err != nil || n > 500 && len(files) < 4 {
		t.Fatal(files, err)
	}
	return files
}

// found says which of the ids are there; wrong entries and done ids fail.
func found(t *testing.T, m *Map, n int, broken bool) (there int) {
	t.Helper()
	var e Entry
	for i := range n {
		if !m.Get(fmt.Appendf(nil, "id-%05d", i), &e) {
			continue
		}
		if i%10 == 5 && !broken {
			t.Fatalf("%d is done", i)
		}
		if string(e.Alias) != fmt.Sprint("alias", i) || e.Account != "acme" {
			t.Fatalf("%d is %+v", i, e)
		}
		there++
	}
	return there
}

func logger() (*slog.Logger, *bytes.Buffer) {
	var b bytes.Buffer
	return slog.New(slog.NewTextHandler(&b, nil)), &b
}

func TestTornEnd(t *testing.T) {
	base := t.TempDir()
	files := fill(t, base, 1000)
	last := files[len(files)-1]
	whole, _ := os.ReadFile(last)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 30 {
		cut := i
		if i > 20 {
			cut = headLen + r.IntN(len(whole)-headLen)
		}
		dir := t.TempDir()
		if err := os.CopyFS(dir, os.DirFS(base)); err != nil {
			t.Fatal(err)
		}
		torn := append(whole[:cut:cut], make([]byte, i%3*50)...) // zeros, as after loss of power
		os.WriteFile(filepath.Join(dir, filepath.Base(last)), torn, 0o600)
		log, text := logger()
		m := open(t, dir, Options{Every: time.Hour, Logger: log})
		n := found(t, m, 1000, true)
		m.Close()
		if n < 500 || strings.Contains(text.String(), "level=ERROR") {
			t.Fatal(cut, n, text)
		}
		if len(torn) > headLen && i%3 > 0 && !strings.Contains(text.String(), "torn at its end") {
			t.Fatal(cut, text)
		}
		log, text = logger()
		m = open(t, dir, Options{Every: time.Hour, Logger: log})
		if got := found(t, m, 1000, true); got != n || text.Len() > 0 {
			t.Fatalf("%d: opened again: %d, not %d: %s", cut, got, n, text)
		}
		m.Close()
	}
}

func TestBrokenMiddle(t *testing.T) {
	dir := t.TempDir()
	files := fill(t, dir, 1000)
	b, _ := os.ReadFile(files[1])
	clear(b[3000:3100])
	b[0] ^= 1 // its head too
	os.WriteFile(files[1], b, 0o600)
	os.Remove(files[3])
	log, text := logger()
	m := open(t, dir, Options{Segment: 8 << 10, Every: time.Millisecond, Logger: log})
	if n := found(t, m, 1000, true); n < 600 || n >= 900 {
		t.Fatal(n)
	}
	for _, want := range []string{filepath.Base(files[1]) + " offset=0 ", filepath.Base(files[1]) + " offset=29", "segments are missing"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no %q in %s", want, text)
		}
	}
	// It goes on working, and the broken segment goes in time.
	for i := range 5000 {
		id := fmt.Sprint("new", i)
		put(t, m, id, "a", "", 0, time.Now().Add(time.Hour))
		mustDone(t, m, id, 2, 0, 2)
	}
	waitFor(t, "the broken segment to go", func() bool {
		_, err := os.Stat(files[1])
		return err != nil
	})
}

func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for range 1000 {
		if ok() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("waited in vain for", what)
}

// TestBrokenLater breaks records that were whole when they were read first.
func TestBrokenLater(t *testing.T) {
	dir := t.TempDir()
	files := fill(t, dir, 1000)
	log, text := logger()
	m := open(t, dir, Options{Segment: 8 << 10, Every: time.Hour, Logger: log})
	f, err := os.OpenFile(files[0], os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	f.WriteAt(make([]byte, 1000), headLen)
	before := m.Len()
	n := found(t, m, 1000, false)
	if n >= before || n < before-40 || !strings.Contains(text.String(), "the record is broken") {
		t.Fatal(n, before, text)
	}
	m.mu.Lock()
	s := m.segments[0]
	m.mu.Unlock()
	if err := m.clear(s, nil); err != nil {
		t.Fatal(err)
	}
	if got := found(t, m, 1000, false); got != n || m.Len() != n {
		t.Fatal(got, m.Len(), n)
	}
}

func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	var full atomic.Bool
	m := open(t, dir, Options{Segment: 8 << 10, Every: time.Millisecond})
	m.write.Lock()
	m.writeAt = func(f *os.File, b []byte, off int64) (int, error) {
		if full.Load() {
			n, _ := f.WriteAt(b[:len(b)/2], off) // half of it still fits
			return n, syscall.ENOSPC
		}
		return f.WriteAt(b, off)
	}
	m.write.Unlock()
	exp := time.Now().Add(time.Hour)
	kept := map[string]bool{}
	fillUp := func(round int) (err error) {
		for i := 0; err == nil && i < 2000; i++ {
			id := fmt.Sprintf("round-%d-%d", round, i)
			if err = m.Put([]byte(id), &Entry{Account: "a", Expires: exp}); err == nil {
				kept[id] = true
			}
		}
		return err
	}
	for round := range 3 {
		full.Store(false)
		if err := m.Commit(); err != nil { // this tries again, and Put may go on
			t.Fatal(err)
		}
		put(t, m, fmt.Sprint("first", round), "a", "", 0, exp)
		full.Store(true)
		if err := fillUp(round); !errors.Is(err, syscall.ENOSPC) {
			t.Fatal(err)
		}
		if err := m.Commit(); !errors.Is(err, syscall.ENOSPC) {
			t.Fatal(err)
		}
		for id := range kept {
			if !m.Get([]byte(id), &Entry{}) {
				t.Fatal(id)
			}
		}
		// Finished ids still have room.
		id := fmt.Sprintf("round-%d-0", round)
		mustDone(t, m, id, 2, 0, 2)
		delete(kept, id)
	}
	full.Store(false)
	if err := m.Commit(); err != nil {
		t.Fatal(err)
	}
	m.Close()
	m = open(t, dir, Options{})
	if m.Len() != len(kept)+3 {
		t.Fatal(m.Len(), len(kept))
	}
	for id := range kept {
		if !m.Get([]byte(id), &Entry{}) {
			t.Fatal(id)
		}
	}
}

// TestSpaceOnFullDisk: what is wholly done is removed although the disk takes nothing more.
func TestSpaceOnFullDisk(t *testing.T) {
	dir := t.TempDir()
	files := fill(t, dir, 1000)
	m := open(t, dir, Options{Segment: 16 << 10, Every: time.Hour})
	m.write.Lock()
	m.writeAt = func(*os.File, []byte, int64) (int, error) { return 0, syscall.ENOSPC }
	m.write.Unlock()
	m.mu.Lock()
	s := m.segments[0]
	m.mu.Unlock()
	for i := 0; s.live > 0; i++ {
		m.Done(fmt.Appendf(nil, "id-%05d", i), 2)
	}
	if err := m.Commit(); !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	m.nudge()
	waitFor(t, "the segment to go", func() bool {
		_, err := os.Stat(files[0])
		return err != nil
	})
}

func TestFailedSync(t *testing.T) {
	for _, sync := range []Sync{SyncInterval, SyncAlways} {
		dir := t.TempDir()
		m := open(t, dir, Options{Sync: sync, Every: time.Hour})
		put(t, m, "1", "a", "", 0, time.Now().Add(time.Hour))
		m.fsync = func(*os.File) error { return syscall.EIO }
		if err := m.Commit(); errors.Is(err, syscall.EIO) != (sync == SyncAlways) {
			t.Fatal(sync, err)
		}
		if err := m.settle(); !errors.Is(err, syscall.EIO) {
			t.Fatal(sync, err)
		}
		m.fsync = (*os.File).Sync
		if err := m.Put([]byte("2"), &Entry{Account: "a", Expires: time.Now()}); (err != nil) != (sync == SyncAlways) {
			t.Fatal(sync, err)
		}
		if err := m.Commit(); (err != nil) != (sync == SyncAlways) {
			t.Fatal(sync, err)
		}
		if !m.Get([]byte("1"), &Entry{}) {
			t.Fatal("what is known can still be asked")
		}
	}
}

func TestSizeLimit(t *testing.T) {
	m := open(t, t.TempDir(), Options{Segment: 8 << 10, MaxBytes: 64 << 10, Every: time.Millisecond})
	exp := time.Now().Add(time.Hour)
	var err error
	n := 0
	for ; err == nil; n++ {
		err = m.Put(fmt.Appendf(nil, "id-%d", n), &Entry{Account: "a", Expires: exp})
	}
	n--
	if !errors.Is(err, ErrFull) || n < 1000 {
		t.Fatal(n, err)
	}
	if err := m.Commit(); err != nil {
		t.Fatal(err)
	}
	for i := range n / 2 {
		mustDone(t, m, fmt.Sprint("id-", i*2), 2, 0, 2)
	}
	waitFor(t, "room", func() bool { return m.Put([]byte("more"), &Entry{Account: "a", Expires: exp}) == nil })
	for i := range n / 2 {
		if !m.Get(fmt.Appendf(nil, "id-%d", i*2+1), &Entry{}) {
			t.Fatal(i)
		}
	}
}

// TestLoad has everything done at once by several, on segments that are compacted all the time.
func TestLoad(t *testing.T) {
	dir := t.TempDir()
	m := open(t, dir, Options{Segment: 16 << 10, Every: time.Millisecond})
	exp := time.Now().Add(time.Hour)
	const workers, each = 4, 20000
	var wg sync.WaitGroup
	var slowest atomic.Int64
	for w := range workers {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(7, uint64(w)))
			e := Entry{}
			for i := range each {
				id := fmt.Appendf(nil, "id-%d-%d", w, i)
				began := time.Now()
				if err := m.Put(id, &Entry{Account: "a", Alias: fmt.Appendf(nil, "g%d", i/2), Parts: 2, Expires: exp}); err != nil {
					t.Error(err)
				}
				slowest.Store(max(slowest.Load(), int64(time.Since(began))))
				if i%16 == 0 {
					if err := m.Commit(); err != nil {
						t.Error(err)
					}
				}
				if !m.Get(id, &e) || string(e.Alias) != fmt.Sprint("g", i/2) {
					t.Errorf("%s: %+v", id, e)
				}
				if i%50 != 0 { // 2% stay
					if _, _, ok := m.Done(id, uint8(2+r.IntN(2))); !ok {
						t.Error(string(id))
					}
				}
				if other := fmt.Appendf(nil, "id-%d-%d", (w+1)%workers, i); i%50 == 0 && m.Get(other, &e) {
					put(t, m, string(other), "a", fmt.Sprint("g", i/2), 2, exp) // once more, the same
				}
			}
		})
	}
	wg.Wait()
	t.Logf("the slowest Put took %v; %d ids, %d groups, %d segments, %d octets, %d records copied", time.Duration(slowest.Load()),
		m.Len(), m.table.groups, len(m.segments), m.bytes, m.m.copied)
	check := func() {
		t.Helper()
		if m.Len() != workers*each/50 {
			t.Errorf("%d ids", m.Len())
		}
		for w := range workers {
			for i := range each {
				if m.Get(fmt.Appendf(nil, "id-%d-%d", w, i), &Entry{}) != (i%50 == 0) {
					t.Fatal(w, i)
				}
			}
		}
	}
	check()
	waitFor(t, "compaction", func() bool {
		m.mu.Lock()
		defer m.mu.Unlock()
		return m.segments[0].live*4 >= m.segments[0].records || len(m.segments) == 1
	})
	m.Close()
	m = open(t, dir, Options{Segment: 16 << 10})
	check()
}

// TestCollision gives all ids the same place to look in, as if the hash were bad.
func TestCollision(t *testing.T) {
	m := open(t, t.TempDir(), Options{Segment: 4 << 10, Every: time.Hour})
	exp := uint32(time.Now().Add(time.Hour).Unix())
	const h = 42
	ids := make([][]byte, 30)
	for i := range ids {
		ids[i] = fmt.Appendf(nil, "an-id-that-fills-the-segment-quickly-so-that-it-is-read-%02d", i)
		m.mu.Lock()
		r := record{kind: kindPut, expires: exp, id: ids[i]}
		if err := m.room(r.size(200), forPut); err != nil {
			t.Fatal(err)
		}
		m.set(h, place{}, m.append(&r, strings.Repeat("a", 200)), exp)
		m.mu.Unlock()
	}
	m.Commit()
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, id := range append(ids, []byte("none")) {
		sc := m.borrow()
		_, ok := m.locate(h, &key{name: id}, sc)
		if ok != (string(id) != "none") || ok && string(sc.rec.id) != string(id) {
			t.Errorf("%s: %v %s", id, ok, sc.rec.id)
		}
		m.giveBack(sc)
	}
}
