package pending

import (
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"math"
	"os"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

const (
	// MaxID is the length that no id and no alias exceeds, in octets (SMPP 3.4 §4.4.2: 65 with its NUL).
	MaxID = 64
	// MaxAccount is the length that no account's name exceeds, in octets.
	MaxAccount = 255
	// Grace is how long after its validity a message may still get a receipt: an SMSC repeats
	// receipts to an ESME that was away. Callers set Expires to validity plus Grace.
	Grace = 72 * time.Hour
)

var (
	// ErrClosed: the map was closed.
	ErrClosed = errors.New("pending: closed")
	// ErrFull: the log has reached Options.MaxBytes, and nothing in it can be given up.
	ErrFull = errors.New("pending: the log has reached its size limit")
	// ErrLocked: another process, or another Map of this one, has the directory.
	ErrLocked = errors.New("pending: the directory is in use by another process")
	// ErrForeign: the directory holds something, and it is not ours.
	ErrForeign = errors.New("pending: the directory holds files that are not ours")
	// ErrBad: an id, alias, account or expiry that cannot be kept.
	ErrBad = errors.New("pending: bad entry")
)

// Sync says when the log is forced to the disk.
type Sync string

const (
	SyncInterval Sync = "interval" // every Options.Every: loss of power costs that much, a dead process nothing
	SyncAlways   Sync = "always"   // before Commit returns
)

// Options of a Map; zero values are good.
type Options struct {
	Segment  int64                 // octets of a segment file, 4 KiB to 1 GiB; 0: 16 MiB. Up to two of these are held in memory
	Sync     Sync                  // "": SyncInterval
	Every    time.Duration         // between two syncs, and between two steps of sweeping; 0: 100 ms
	MaxBytes int64                 // of the log on disk, above which Put returns ErrFull; 0: no limit. At least four segments
	Logger   *slog.Logger          // nil: nothing is logged
	Now      func() time.Time      // nil: time.Now
	Metrics  prometheus.Registerer // may be nil
}

// Entry is what is known of an id.
type Entry struct {
	// Account whose message it is. Get returns the same string for the same account.
	Account string
	// Alias is the id that the ESME knows, where it differs; empty otherwise. Get copies it into the room
	// that the slice has: an Entry that is used again, or begins with make([]byte, 0, MaxID), never allocates. So
	// an Entry whose Alias points into a PDU is not one to hand to Get.
	Alias []byte
	// Parts is of how many parts the aliased message is made; 0 and 1 both mean one. The
	// parts of a group have the same account and the same alias; a part without alias is its own alias.
	Parts uint8
	// Expires is kept to the second, rounded up.
	Expires time.Time
}

// Map is the durable map. Its methods may be called by many goroutines at once.
//
// Locks are taken in this order: write, sync, mu. Nothing waits for a disk while it holds mu.
type Map struct {
	dir  string
	opts Options
	log  *slog.Logger
	now  func() time.Time
	seed maphash.Seed
	lock interface{ Close() error }

	write sync.Mutex // held by whoever writes the log to its files
	sync  sync.Mutex // held by whoever forces them to disk, or removes one

	mu       sync.Mutex
	table    table
	accounts map[string]string
	byNumber map[uint32]*segment
	segments []*segment // by number; the last is being filled
	forcing  []forced   // room for force; guarded by sync
	behind   []*segment // those not wholly on disk, by number; the last is being filled
	spare    []byte     // the buffer of the segment written last
	free     []*scratch
	pos      uint64 // octets ever appended
	written  uint64 // of these, given to the operating system
	synced   uint64 // of these, on disk
	bytes    int64  // of all segments
	records  int    // in all segments
	newFile  bool   // a file was made whose name is not yet on disk
	yields   uint64 // how often mu was let go of in the middle of something; only a change of it lets others in
	stuck    error  // why the last write failed; the next one may not
	failed   error  // why nothing can be promised any more
	closing  bool
	closed   bool
	m        metrics

	wake chan struct{} // there may be something to compact
	stop chan struct{}
	done sync.WaitGroup

	// Tests put a full or broken disk here.
	writeAt func(*os.File, []byte, int64) (int, error)
	fsync   func(*os.File) error
}

// scratch is room for one record read from the log, and for what a look-up has learnt so far.
type scratch struct {
	buf      [maxRecord]byte
	rec      record
	at       place // whose record is in buf, if have
	have     bool
	rejected []place // candidates that have the hash, but not the id
	key      [1 + MaxAccount + MaxID]byte
}

// Put keeps an entry under an id; Get sees it at once, and it is durable after the next Commit. A later Put
// of the same id replaces it. Put does no I/O unless two whole segments wait to be written. After
// an error nothing has changed; where the disk was full, Put goes on when a Commit has succeeded.
func (m *Map) Put(id []byte, e *Entry) error {
	if err := check(id, e); err != nil {
		return err
	}
	r := record{kind: kindPut, expires: seconds(e.Expires), parts: e.Parts, id: id, alias: e.Alias}
	n := r.size(len(e.Account))
	h := m.hashID(id)
	k := key{name: id}
	m.mu.Lock()
	defer m.mu.Unlock()
	sc := m.borrow()
	defer m.giveBack(sc)
	var old place
	for again := true; again; {
		before := m.yields
		if err := m.room(n, forPut); err != nil {
			return err
		}
		old, _ = m.locate(h, &k, sc)
		again = m.yields != before
	}
	p := m.append(&r, e.Account)
	m.m.puts++
	m.set(h, old, p, r.expires)
	return nil
}

func check(id []byte, e *Entry) error {
	switch {
	case len(id) == 0 || len(id) > MaxID:
		return fmt.Errorf("%w: an id of %d octets, not 1 to %d", ErrBad, len(id), MaxID)
	case len(e.Alias) > MaxID:
		return fmt.Errorf("%w: an alias of %d octets, more than %d", ErrBad, len(e.Alias), MaxID)
	case len(e.Account) == 0 || len(e.Account) > MaxAccount:
		return fmt.Errorf("%w: an account's name of %d octets, not 1 to %d", ErrBad, len(e.Account), MaxAccount)
	case e.Expires.Unix() <= 0:
		return fmt.Errorf("%w: it never expires", ErrBad)
	}
	return nil
}

// seconds since 1970, rounded up; what is later than 2106 is 2106.
func seconds(t time.Time) uint32 {
	s := t.Unix()
	if t.Nanosecond() > 0 {
		s++
	}
	return uint32(min(max(s, 0), math.MaxUint32))
}

// Get fills e with what is known of an id. It is false for an id that is unknown, done or expired, and
// for one whose record cannot be read, which is logged and counted; e then says nothing.
func (m *Map) Get(id []byte, e *Entry) bool {
	if len(id) == 0 || len(id) > MaxID {
		return false
	}
	h := m.hashID(id)
	k := key{name: id}
	m.mu.Lock()
	if m.closed || !m.table.has(h) {
		m.mu.Unlock()
		return false
	}
	sc := m.borrow()
	_, ok := m.locate(h, &k, sc)
	if ok {
		e.Account = m.intern(sc.rec.account)
		e.Alias = append(e.Alias[:0], sc.rec.alias...)
		e.Parts = sc.rec.parts
		e.Expires = time.Unix(int64(sc.rec.expires), 0)
	}
	m.giveBack(sc)
	m.mu.Unlock()
	return ok && e.Expires.Unix() > m.now().Unix()
}

// Done says that a final receipt came for an id: the id is forgotten, durably after the next Commit. It returns
// how many parts of the message are still to come, and the worst state so far among those that came, by
// [Worse]; for a message of one part that is 0 and the state. Of several calls for one id exactly one gets
// ok. Parts that have not been Put yet count as still to come.
//
// ok is false for an id that is unknown, done or expired, and where the log is so full that not even this can be
// appended, which is logged and counted; the id is then kept.
func (m *Map) Done(id []byte, state uint8) (left int, worst uint8, ok bool) {
	return m.finish(id, state, false)
}

// Peek is what Done would return, and changes nothing. A receipt that is refused for now by its ESME comes
// again, so whoever forwards a merged receipt asks Peek, delivers where nothing is left, and calls Done when that was
// acknowledged. Parts of one message that come at once must be taken one after the other for that.
func (m *Map) Peek(id []byte, state uint8) (left int, worst uint8, ok bool) {
	return m.finish(id, state, true)
}

func (m *Map) finish(id []byte, state uint8, peek bool) (left int, worst uint8, ok bool) {
	if len(id) == 0 || len(id) > MaxID {
		return 0, 0, false
	}
	h := m.hashID(id)
	k := key{name: id}
	now := uint32(max(m.now().Unix(), 0))
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.table.has(h) {
		return 0, 0, false
	}
	sc, gsc := m.borrow(), m.borrow()
	defer m.giveBack(sc)
	defer m.giveBack(gsc)
	for {
		left = 0
		before := m.yields
		p, has := m.locate(h, &k, sc)
		if !has || sc.rec.expires <= now {
			return 0, 0, false
		}
		r := record{kind: kindDone, at: p, id: id, worst: state}
		var gh uint64
		var old place
		if sc.rec.parts > 1 {
			gh, old = m.progress(&r, &sc.rec, gsc, now)
			left = max(int(r.parts)-int(r.done), 0)
		}
		if peek {
			return left, r.worst, true
		}
		if err := m.room(r.size(len(r.account)), forDone); err != nil {
			m.trouble("append", err)
			return 0, 0, false
		}
		if m.yields != before {
			continue // what was found may have changed; what was read is remembered
		}
		at := m.append(&r, "")
		m.m.dones++
		m.drop(h, p)
		switch {
		case left > 0:
			m.set(gh, old, at, r.expires)
		case old != place{}:
			m.drop(gh, old)
		}
		return left, r.worst, true
	}
}

// progress makes of a done record one that carries what follows for the group of the entry: of how many
// parts, how many are through, the worst state. It returns where that stood so far.
func (m *Map) progress(r, entry *record, sc *scratch, now uint32) (h uint64, old place) {
	name := entry.alias
	if len(name) == 0 {
		name = entry.id
	}
	k := key{group: true, account: entry.account, name: name}
	h = m.hashGroup(&k, sc)
	r.kind, r.alias, r.account = kindPart, name, entry.account
	r.expires, r.parts, r.done = entry.expires, entry.parts, 1
	old, has := m.locate(h, &k, sc)
	if has && sc.rec.expires > now {
		r.done = min(sc.rec.done, math.MaxUint8-1) + 1
		r.worst = Worse(sc.rec.worst, r.worst)
		r.expires = max(r.expires, sc.rec.expires)
	}
	return h, old
}

// Len is how many ids are kept. Expired ones count until the sweep has come by, about a minute later.
func (m *Map) Len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.table.ids
}

// Close brings everything to disk and lets go of the directory. Callers in the middle of something get ErrClosed.
func (m *Map) Close() error {
	m.mu.Lock()
	if m.closing {
		m.mu.Unlock()
		return ErrClosed
	}
	m.closing = true
	m.mu.Unlock()
	close(m.stop)
	m.done.Wait()
	err := m.settle()
	m.write.Lock()
	defer m.write.Unlock()
	m.sync.Lock()
	defer m.sync.Unlock()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	m.m.unregister(m.opts.Metrics)
	for _, s := range m.segments {
		if s.f != nil {
			err = errors.Join(err, s.f.Close())
		}
	}
	return errors.Join(err, m.lock.Close())
}
