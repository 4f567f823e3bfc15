package pending

import (
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"
)

// segment is one file of the log.
type segment struct {
	number  uint32
	f       *os.File // nil until its first octets are written
	buf     []byte   // the whole of it, until all is written and nothing more will come; then nil
	start   uint64   // where it begins in the log of this run
	size    int64
	written int64
	synced  int64
	sealed  bool // nothing more is appended
	live    int  // records that the table points to
	records int
	needs   uint64 // how much of the log must be on disk before this may go: what took the place of its records
	tries   int    // to read it for compaction
}

func fileName(number uint32) string { return fmt.Sprintf("%08x.ids", number) }

func (m *Map) active() *segment { return m.segments[len(m.segments)-1] }

// why something is appended decides how far it may go.
type why uint8

const (
	forPut  why = iota
	forDone     // may use the slack behind a segment while the disk is full: it frees more than it takes
	forCopy
)

// slack is what finished ids may take of a segment's buffer beyond its size.
func (m *Map) slack() int64 { return min(1<<20, m.opts.Segment/4) }

// room makes sure that n octets can be appended. The caller holds mu; room lets go of it, and counts that in
// yields, only where a whole segment is still to be written and the next one is full too.
func (m *Map) room(n int, w why) error {
	for {
		a := m.active()
		switch {
		case m.closed:
			return ErrClosed
		case m.failed != nil:
			return m.failed
		case w == forPut && m.opts.MaxBytes > 0 && m.bytes+int64(n) > m.opts.MaxBytes:
			m.nudge()
			return ErrFull
		case a.size+int64(n) <= m.opts.Segment:
			return nil
		case m.unwritten() == a:
			m.roll()
			continue
		case m.stuck != nil: // the next to try are Commit and keep
			if w == forDone && a.size+int64(n) <= m.opts.Segment+m.slack() {
				return nil
			}
			return m.stuck
		}
		target := m.pos
		m.yields++
		m.mu.Unlock()
		_ = m.flush(target) // it is stuck if that fails
		m.mu.Lock()
	}
}

// unwritten is the first segment that is not wholly written or may grow.
func (m *Map) unwritten() *segment {
	for _, s := range m.behind {
		if s.buf != nil {
			return s
		}
	}
	return nil
}

// roll seals the active segment and begins the next.
func (m *Map) roll() {
	a := m.active()
	a.sealed = true
	m.release(a)
	m.begin(a.number + 1)
	m.nudge()
}

// release takes back the buffer of a segment that needs none.
func (m *Map) release(s *segment) {
	if s.sealed && s.written == s.size && s.buf != nil {
		m.spare, s.buf = s.buf[:0], nil
	}
}

// begin begins a segment in memory; its file is made when it is first written.
func (m *Map) begin(number uint32) {
	b := m.spare
	m.spare = nil
	if b == nil {
		b = make([]byte, 0, m.opts.Segment+m.slack())
	}
	b = append(b, magic...)
	b = binary.LittleEndian.AppendUint32(b, number)
	b = append(b, 0, 0, 0, 0)
	s := &segment{number: number, buf: b, start: m.pos, size: headLen}
	m.pos += headLen
	m.bytes += headLen
	m.segments = append(m.segments, s)
	m.behind = append(m.behind, s)
	m.byNumber[number] = s
}

// append appends a record; room was made sure of.
func (m *Map) append(r *record, account string) place {
	a := m.active()
	p := place{a.number, uint32(a.size)}
	a.buf = r.append(a.buf, a.number, account)
	n := int64(len(a.buf)) - a.size
	a.size += n
	a.records++
	m.records++
	m.bytes += n
	m.pos += uint64(n)
	return p
}

// Commit returns when everything that was Put or Done before is with the operating system, so that it survives the
// death of the process; with SyncAlways, when it is on disk. Whoever comes while another writes waits, and finds
// his own written too. After an error everything stays in memory, and the next Commit tries again; except that
// after a failed sync with SyncAlways nobody knows what the disk has (Linux forgets what it could not
// write), so that Put and Commit fail until the map is opened again.
func (m *Map) Commit() error {
	m.mu.Lock()
	target, written, synced := m.pos, m.written, m.synced
	err := m.failed
	if m.closed {
		err = ErrClosed
	}
	m.mu.Unlock()
	if err == nil && written < target {
		err = m.flush(target)
	}
	if err == nil && m.opts.Sync == SyncAlways && synced < target {
		err = m.force(target)
	}
	return err
}

// flush writes the log up to target.
func (m *Map) flush(target uint64) error {
	m.write.Lock()
	defer m.write.Unlock()
	for {
		m.mu.Lock()
		left, closed := m.written < target, m.closed
		if !left || closed {
			m.mu.Unlock()
			if left {
				return ErrClosed
			}
			return nil
		}
		s := m.unwritten()
		b := s.buf[s.written:] // what is appended from now on lies behind it
		f, off := s.f, s.written
		m.mu.Unlock()
		var n int
		var err error
		if f == nil {
			f, err = os.OpenFile(filepath.Join(m.dir, fileName(s.number)), os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
		}
		if err == nil {
			n, err = m.writeAt(f, b, off)
		}
		m.mu.Lock()
		if f != nil && s.f == nil {
			s.f, m.newFile = f, true
		}
		s.written += int64(n)
		m.written += uint64(n)
		m.release(s)
		if err != nil {
			err = fmt.Errorf("pending: write the log: %w", err)
			m.trouble("write", err)
		}
		m.stuck = err
		m.mu.Unlock()
		if err != nil {
			return err
		}
	}
}

// force forces to disk what is written, and so at least what was written up to target.
func (m *Map) force(target uint64) error {
	m.sync.Lock()
	defer m.sync.Unlock()
	m.mu.Lock()
	if m.synced >= target {
		m.mu.Unlock()
		return nil
	}
	if m.failed != nil || m.closed {
		defer m.mu.Unlock()
		if m.closed {
			return ErrClosed
		}
		return m.failed
	}
	// Fixed here for all of them: what is written while an earlier one is being synced is not yet safe.
	m.forcing = m.forcing[:0]
	for _, s := range m.behind {
		if s.f != nil && s.written > s.synced {
			m.forcing = append(m.forcing, forced{s, s.written})
		}
	}
	newFile := m.newFile
	m.newFile = false
	m.mu.Unlock()
	began := time.Now()
	var err error
	if newFile {
		err = syncDir(m.dir)
	}
	for i := 0; i < len(m.forcing) && err == nil; i++ {
		err = m.fsync(m.forcing[i].s.f)
	}
	m.m.syncTook(time.Since(began))
	m.mu.Lock()
	defer m.mu.Unlock()
	if err != nil {
		m.newFile = m.newFile || newFile
		err = fmt.Errorf("pending: sync the log: %w", err)
		m.trouble("sync", err)
		if m.opts.Sync == SyncAlways {
			m.failed = err
		}
		return err
	}
	for _, f := range m.forcing {
		f.s.synced = f.to
		m.synced = f.s.start + uint64(f.to)
	}
	for len(m.behind) > 0 && m.behind[0].sealed && m.behind[0].synced == m.behind[0].size {
		m.behind = m.behind[1:]
	}
	return nil
}

// forced is how far a segment is being forced to disk.
type forced struct {
	s  *segment
	to int64
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// trouble counts what went wrong below, and logs it once a second at most. The caller holds mu.
func (m *Map) trouble(op string, err error) {
	m.m.trouble(op)
	if now := time.Now(); now.Sub(m.m.logged) >= time.Second && !errors.Is(err, ErrClosed) {
		m.m.logged = now
		m.log.Error("pending: the log of message ids", slog.String("op", op), slog.Any("err", err))
	}
}
