package pending

import (
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const (
	markFile = "PENDING" // says that the directory is ours, in which form it is written, and is locked
	markText = "sekisho pending 1\n"
	fileEnd  = ".ids"
)

// Open opens the map in a directory, or makes one in a directory that is new or empty. It reads the whole log: about
// half a second for three million records.
func Open(dir string, o Options) (*Map, error) {
	if err := o.fill(); err != nil {
		return nil, err
	}
	lock, err := own(dir)
	if err != nil {
		return nil, err
	}
	m := &Map{
		dir: dir, opts: o, log: o.Logger, now: o.Now, seed: maphash.MakeSeed(), lock: lock,
		accounts: map[string]string{}, byNumber: map[uint32]*segment{},
		wake: make(chan struct{}, 1), stop: make(chan struct{}),
		writeAt: (*os.File).WriteAt, fsync: (*os.File).Sync,
	}
	last, err := m.recover()
	if err == nil {
		m.begin(last + 1)
		err = m.m.register(o.Metrics, m)
	}
	if err != nil {
		for _, s := range m.segments {
			if s.f != nil {
				s.f.Close()
			}
		}
		lock.Close()
		return nil, err
	}
	m.done.Go(m.keep)
	m.done.Go(m.compact)
	return m, nil
}

func (o *Options) fill() error {
	if o.Segment == 0 {
		o.Segment = 16 << 20
	}
	if o.Sync == "" {
		o.Sync = SyncInterval
	}
	if o.Every == 0 {
		o.Every = 100 * time.Millisecond
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	switch {
	case o.Segment < 4<<10 || o.Segment > 1<<30:
		return fmt.Errorf("pending: a segment of %d octets, not 4 KiB to 1 GiB", o.Segment)
	case o.Sync != SyncInterval && o.Sync != SyncAlways:
		return fmt.Errorf("pending: sync %q, neither %q nor %q", o.Sync, SyncInterval, SyncAlways)
	case o.Every < 0:
		return fmt.Errorf("pending: a sync every %v", o.Every)
	case o.MaxBytes != 0 && o.MaxBytes < 4*o.Segment:
		return fmt.Errorf("pending: a limit of %d octets is less than four segments of %d", o.MaxBytes, o.Segment)
	}
	return nil
}

// own takes the directory for this process, and makes sure that it is one of ours.
func own(dir string) (io.Closer, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("pending: make the directory: %w", err)
	}
	mark := filepath.Join(dir, markFile)
	if _, err := os.Lstat(mark); errors.Is(err, os.ErrNotExist) {
		all, err := os.ReadDir(dir)
		if err != nil {
			return nil, fmt.Errorf("pending: read the directory: %w", err)
		}
		for _, f := range all {
			// A new file system has the latter; another process may have made the mark just now.
			if f.Name() != markFile && f.Name() != "lost+found" {
				return nil, fmt.Errorf("%w: %s has %s and no %s", ErrForeign, dir, f.Name(), markFile)
			}
		}
	}
	f, err := os.OpenFile(mark, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("pending: open the directory's mark: %w", err)
	}
	if err := lockFile(f); err != nil {
		f.Close()
		return nil, fmt.Errorf("%w: %s", ErrLocked, dir)
	}
	text, err := io.ReadAll(io.LimitReader(f, 256))
	switch {
	case err != nil:
	case string(text) == markText:
		return f, nil
	case strings.HasPrefix(markText, string(text)): // new, or its first process died while it wrote this
		if _, err = f.WriteAt([]byte(markText), 0); err == nil {
			err = f.Sync()
		}
		if err == nil {
			err = syncDir(dir)
		}
		if err == nil {
			return f, nil
		}
	default:
		err = fmt.Errorf("%w: %s does not say %q", ErrForeign, mark, strings.TrimSpace(markText))
	}
	f.Close()
	if errors.Is(err, ErrForeign) {
		return nil, err
	}
	return nil, fmt.Errorf("pending: mark the directory: %w", err)
}

// recover reads the log, and returns the number of the last segment.
func (m *Map) recover() (last uint32, err error) {
	numbers, err := m.numbers()
	if err != nil {
		return 0, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var win []byte
	for i, n := range numbers {
		if i > 0 && n != last+1 {
			m.log.Error("pending: segments are missing", slog.String("behind", fileName(last)), slog.String("before", fileName(n)))
			m.m.trouble("recover")
		}
		last = n
		if win, err = m.load(n, i == len(numbers)-1, win); err != nil {
			return 0, fmt.Errorf("pending: read the log: %w", err)
		}
	}
	if len(numbers) > 0 {
		if err = syncDir(m.dir); err != nil {
			return 0, fmt.Errorf("pending: sync the directory: %w", err)
		}
	}
	return last, nil
}

// numbers lists the segments there are, in order.
func (m *Map) numbers() ([]uint32, error) {
	all, err := os.ReadDir(m.dir)
	if err != nil {
		return nil, fmt.Errorf("pending: read the directory: %w", err)
	}
	var numbers []uint32
	for _, f := range all {
		var n uint32
		if _, err := fmt.Sscanf(f.Name(), "%08x", &n); err == nil && n > 0 && f.Name() == fileName(n) {
			numbers = append(numbers, n)
		} else if f.Name() != markFile && f.Name() != "lost+found" {
			m.log.Warn("pending: a file that is not ours is left alone", slog.String("file", f.Name()))
		}
	}
	slices.Sort(numbers)
	return numbers, nil
}

// load reads one segment into the table. The caller holds mu.
func (m *Map) load(number uint32, isLast bool, win []byte) ([]byte, error) {
	path := filepath.Join(m.dir, fileName(number))
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	s := &segment{number: number, f: f, sealed: true}
	m.segments = append(m.segments, s)
	m.byNumber[number] = s
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if s.size = info.Size(); s.size > 1<<32-maxRecord {
		return nil, fmt.Errorf("%s: a segment of %d octets is not ours", path, s.size)
	}
	scan := newScanner(f, number, s.size, win)
	now := uint32(max(m.now().Unix(), 0))
	var r record
	for off, n := scan.next(&r); n > 0; off, n = scan.next(&r) {
		s.records++
		m.replay(&r, place{number, uint32(off)}, now)
	}
	gaps := scan.gaps
	if torn := scan.torn(); isLast && torn < s.size && scan.err == nil {
		// What was appended last had not been committed, or was not on disk when power was lost.
		m.log.Warn("pending: the log was torn at its end and is cut there", slog.String("file", path),
			slog.Int64("offset", torn), slog.Int64("octets", s.size-torn))
		if err := f.Truncate(torn); err != nil {
			return nil, err
		}
		s.size = torn
		gaps = gaps[:len(gaps)-1]
	}
	for _, g := range gaps {
		m.log.Error("pending: the log is broken, message ids are lost", slog.String("file", path),
			slog.Int64("offset", g.from), slog.Int64("octets", g.to-g.from), slog.Any("err", g.err))
		m.m.trouble("recover")
	}
	// The process before may have died before it did this; compaction relies on it.
	if err := f.Sync(); err != nil {
		return nil, err
	}
	s.written, s.synced = s.size, s.size
	m.bytes += s.size
	m.records += s.records
	return scan.win, nil
}

// replay does again what a record says.
func (m *Map) replay(r *record, p place, now uint32) {
	sc := m.borrow()
	defer m.giveBack(sc)
	if len(r.id) > 0 {
		h := m.hashID(r.id)
		old := r.at
		if r.kind == kindPut || m.table.find(h, old) == nil {
			// By its id, where the place says nothing: the record at that place may have been lost.
			old, _ = m.locate(h, &key{name: r.id}, sc)
		}
		if r.kind == kindPut && r.expires > now {
			m.set(h, old, p, r.expires)
		} else {
			m.drop(h, old)
		}
	}
	if r.kind != kindPart {
		return
	}
	k := key{group: true, account: r.account, name: r.alias}
	h := m.hashGroup(&k, sc)
	sc.forget()
	old, _ := m.locate(h, &k, sc)
	if r.done < r.parts && r.expires > now {
		m.set(h, old, p, r.expires)
	} else {
		m.drop(h, old)
	}
}
