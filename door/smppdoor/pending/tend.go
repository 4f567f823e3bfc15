package pending

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"
)

const (
	sweepTime = time.Minute            // for a look at every id
	retry     = time.Second            // after trouble with the disk
	breath    = 200 * time.Microsecond // between windows of compaction, so that it leaves the processor to others
	batch     = 32                     // records copied while holding mu: some microseconds
)

// keep writes and syncs what nobody commits, and sweeps out what has expired, in small steps.
func (m *Map) keep() {
	t := time.NewTicker(m.opts.Every)
	defer t.Stop()
	perTick := min(int(shards*m.opts.Every/sweepTime)+1, shards)
	for at := 0; ; {
		select {
		case <-m.stop:
			return
		case <-t.C:
		}
		_ = m.settle() // logged and counted where it happens; Commit tells who must know
		for range perTick {
			m.sweep(at)
			at = (at + 1) % shards
		}
		m.prepare()
		m.nudge()
	}
}

// prepare makes the buffer of the next segment in time: clearing some megabytes is nothing for Put to wait for.
func (m *Map) prepare() {
	m.mu.Lock()
	need := m.spare == nil && len(m.behind) == 1 && m.active().size > m.opts.Segment/4
	m.mu.Unlock()
	if !need {
		return
	}
	b := make([]byte, 0, m.opts.Segment+m.slack())
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.spare == nil {
		m.spare = b
	}
}

// settle brings all that was appended so far to disk.
func (m *Map) settle() error {
	m.mu.Lock()
	target := m.pos
	m.mu.Unlock()
	if err := m.flush(target); err != nil {
		return err
	}
	return m.force(target)
}

// sweep forgets what has expired in one shard.
func (m *Map) sweep(shard int) {
	now := uint32(max(m.now().Unix(), 0))
	m.mu.Lock()
	defer m.mu.Unlock()
	s := &m.table.shards[shard]
	for i := 0; i < len(s.slots); {
		x := &s.slots[i]
		if x.place.segment == 0 || x.expires > now {
			i++
			continue
		}
		m.byNumber[x.place.segment].live--
		if x.low&1 == 0 {
			m.m.expired++
		}
		m.table.removeAt(s, i) // may move another to i
	}
	s.shrink()
}

// nudge lets compaction see whether there is something to do.
func (m *Map) nudge() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// compact removes segments from the old end of the log as they are no longer worth their space.
func (m *Map) compact() {
	win := make([]byte, 0, window)
	for {
		select {
		case <-m.stop:
			return
		case <-m.wake:
		}
		for s := m.oldest(); s != nil; s = m.oldest() {
			if err := m.clear(s, win); errors.Is(err, ErrClosed) {
				return
			} else if err != nil {
				m.mu.Lock()
				m.trouble("compact", err)
				m.mu.Unlock()
				select {
				case <-m.stop:
					return
				case <-time.After(retry):
				}
			}
		}
	}
}

// oldest returns the oldest segment if it is to be cleared.
func (m *Map) oldest() *segment {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.segments[0]
	live := m.table.ids + m.table.groups
	switch {
	case m.closed || m.failed != nil || s.buf != nil: // the last of these: not written, or being filled
		return nil
	case s.live*4 < s.records || s.live == 0:
		return s
	case live*4 < m.records && m.bytes > 4*m.opts.Segment:
		return s
	case m.opts.MaxBytes > 0 && m.bytes > m.opts.MaxBytes/4*3 && live*8 < m.records*7:
		return s
	}
	return nil
}

// clear copies what is live in the oldest segment to the end of the log, and removes its file when the copies
// are on disk.
func (m *Map) clear(s *segment, win []byte) error {
	m.mu.Lock()
	empty := s.live == 0
	m.mu.Unlock()
	if !empty {
		if err := m.copyLive(s, win); err != nil {
			return err
		}
	}
	m.mu.Lock()
	safe := m.synced >= s.needs
	m.mu.Unlock()
	if !safe { // where it is, space is won back even on a full disk
		if err := m.settle(); err != nil {
			return err
		}
	}
	return m.remove(s)
}

// copyLive copies what is live in s. It reads without mu, and takes it for a few records at a time.
func (m *Map) copyLive(s *segment, win []byte) error {
	scan := newScanner(s.f, s.number, s.size, win)
	var places [batch]place
	var ends [batch]int
	raw := make([]byte, 0, batch*maxRecord)
	var r record
	for more := true; more; {
		base, n := scan.base, 0
		for raw = raw[:0]; n < batch; n++ {
			off, size := scan.next(&r)
			if more = size > 0; !more {
				break
			}
			raw = append(raw, scan.at(off)[:size]...)
			places[n], ends[n] = place{s.number, uint32(off)}, len(raw)
		}
		m.mu.Lock()
		var err error
		for i, from := 0, 0; i < n && err == nil; i++ {
			r.split(raw[from:ends[i]])
			err = m.copy(&r, places[i])
			from = ends[i]
		}
		m.mu.Unlock()
		if err != nil {
			return err
		}
		if scan.base != base {
			time.Sleep(breath)
		}
		select {
		case <-m.stop:
			return ErrClosed
		default:
		}
	}
	if scan.err != nil && s.tries < 10 {
		s.tries++ // it may be over soon
		return fmt.Errorf("%s: %w", fileName(s.number), scan.err)
	}
	m.abandon(s)
	return nil
}

// copy appends again what of a record is still wanted. The caller holds mu.
func (m *Map) copy(r *record, p place) error {
	var h uint64
	switch r.kind {
	case kindPut:
		h = m.hashID(r.id)
	case kindPart:
		sc := m.borrow()
		h = m.hashGroup(&key{group: true, account: r.account, name: r.alias}, sc)
		m.giveBack(sc)
		r.id, r.at = nil, place{} // what it overruled is older, and so gone
	default:
		return nil
	}
	if m.table.find(h, p) == nil {
		return nil
	}
	if r.expires <= uint32(max(m.now().Unix(), 0)) {
		m.drop(h, p)
		m.m.expired += 1 &^ h // entries are counted, groups are not
		return nil
	}
	if err := m.room(r.size(len(r.account)), forCopy); err != nil {
		return err
	}
	if m.table.find(h, p) == nil { // room may have let go of mu
		return nil
	}
	at := m.append(r, "")
	m.set(h, p, at, r.expires)
	m.m.copied++
	return nil
}

// abandon forgets what the table still has in a segment all of whose readable records were copied: those
// that were broken after they had been read once.
func (m *Map) abandon(s *segment) {
	lost := 0
	for i := range m.table.shards {
		m.mu.Lock()
		t := &m.table.shards[i]
		for j := 0; j < len(t.slots) && s.live > 0; {
			x := &t.slots[j]
			if x.place.segment != s.number {
				j++
				continue
			}
			lost++
			s.live--
			m.table.removeAt(t, j)
		}
		m.mu.Unlock()
	}
	if lost > 0 {
		m.mu.Lock()
		m.trouble("compact", fmt.Errorf("%s: %d message ids are lost: %w", fileName(s.number), lost, errBroken))
		m.mu.Unlock()
	}
}

// remove removes the oldest segment, which has nothing live any more.
func (m *Map) remove(s *segment) error {
	m.sync.Lock() // force may be at its file
	defer m.sync.Unlock()
	// The file goes first: were it to come back after the next start without those behind it, so would its ids.
	if err := os.Remove(filepath.Join(m.dir, fileName(s.number))); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := syncDir(m.dir); err != nil {
		return err
	}
	m.mu.Lock()
	m.segments = m.segments[1:]
	delete(m.byNumber, s.number)
	if len(m.behind) > 0 && m.behind[0] == s {
		m.behind = m.behind[1:]
	}
	m.bytes -= s.size
	m.records -= s.records
	m.m.removed++
	m.mu.Unlock()
	s.f.Close()
	m.log.Debug("pending: removed a segment", slog.String("file", fileName(s.number)))
	return nil
}
