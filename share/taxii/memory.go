package taxii

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sekisho/sekisho/share/stix"
)

// MemoryConfig bounds a Memory.
type MemoryConfig struct {
	Versions   int           // of one object that are kept, the first and the last among them; 8 where 0
	Records    int           // of one collection; 2,000,000 where 0
	Octets     int64         // of one collection's objects; 4 GiB where 0
	Statuses   int           // that are remembered; 10,000 where 0
	StatusTime time.Duration // for so long; 24 hours where 0 (§4.3 asks for as much)
	Now        func() time.Time
}

// MemoryCollection is a collection of a Memory.
type MemoryCollection struct {
	Collection                   // CanRead and CanWrite are not looked at
	Read       func(Caller) bool // nil for nobody
	Write      func(Caller) bool
}

// Memory is a Backend that keeps everything in memory: for a server of some hundred thousand indicators that are kept elsewhere and put in at
// the start. It is for many goroutines.
type Memory struct {
	c    MemoryConfig
	list []MemoryCollection
	by   map[string]int // the number in list, by identifier
	rows []*shelf

	mu       sync.Mutex
	statuses map[string]kept
	order    []string // of their identifiers, the oldest first
	details  int      // that they have together
}

type kept struct {
	status Status
	caller Caller
	until  time.Time
}

// NewMemory makes a Memory of collections, which are empty.
func NewMemory(c MemoryConfig, list ...MemoryCollection) (*Memory, error) {
	if c.Versions <= 0 {
		c.Versions = 8
	}
	c.Records, c.Octets = or(c.Records, 2_000_000), or(c.Octets, 4<<30)
	c.Statuses, c.StatusTime = or(c.Statuses, 10_000), or(c.StatusTime, 24*time.Hour)
	if c.Now == nil {
		c.Now = time.Now
	}
	m := &Memory{c: c, list: slices.Clone(list), by: make(map[string]int), statuses: make(map[string]kept)}
	names := make(map[string]bool)
	for i, col := range m.list {
		_, _, ok := stix.SplitID("collection--" + col.ID) // §5.2.1: an identifier is a UUID
		switch {
		case !ok || col.Title == "":
			return nil, errors.New("taxii: a collection needs a UUID and a title")
		case names[col.ID], col.Alias != "" && names[col.Alias], strings.ContainsAny(col.Alias, "/?#%"):
			return nil, errors.New("taxii: two collections have one identifier or alias, or an alias is not plain")
		}
		names[col.ID], names[col.Alias] = true, true
		m.by[col.ID] = i
		m.rows = append(m.rows, newShelf(c))
	}
	return m, nil
}

func newShelf(c MemoryConfig) *shelf {
	return &shelf{index: make(map[key]uint64), kind: make(map[string]uint16), versions: c.Versions, maxRecords: c.Records, maxOctets: c.Octets, slabRecords: slabRecords, maxScan: maxScan}
}

// Collections are those that the caller may read or write.
func (m *Memory) Collections(_ context.Context, c Caller) ([]Collection, error) {
	var all []Collection
	for _, col := range m.list {
		x := col.Collection
		x.CanRead, x.CanWrite = col.Read != nil && col.Read(c), col.Write != nil && col.Write(c)
		if x.CanRead || x.CanWrite {
			all = append(all, x)
		}
	}
	return all, nil
}

func (m *Memory) shelf(id string) (*shelf, error) {
	i, ok := m.by[id]
	if !ok {
		return nil, ErrNotFound
	}
	return m.rows[i], nil
}

// Page reads a page.
func (m *Memory) Page(_ context.Context, _ Caller, collection string, q Query) (Page, error) {
	s, err := m.shelf(collection)
	if err != nil {
		return Page{}, err
	}
	return s.page(q), nil
}

// Put adds objects of our own. It returns how many were taken, and why the first that was not.
func (m *Memory) Put(collection string, objects ...stix.Object) (int, error) {
	s, err := m.shelf(collection)
	if err != nil {
		return 0, err
	}
	n := 0
	now := m.c.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, o := range objects {
		if o.IsZero() {
			return n, fmt.Errorf("object %d: nothing", i+1)
		}
		if out := s.add(o, now); out != taken {
			if err == nil {
				err = fmt.Errorf("object %d: %s", i+1, out)
			}
			continue
		}
		n++
	}
	return n, err
}

// Len counts the records of a collection.
func (m *Memory) Len(collection string) int {
	s, err := m.shelf(collection)
	if err != nil {
		return 0
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.count
}

// stride is how many objects are added before others may read or add.
const stride = 256

// Add takes the objects one by one; the status is complete.
func (m *Memory) Add(ctx context.Context, c Caller, collection string, in Submission) (Status, error) {
	s, err := m.shelf(collection)
	if err != nil {
		return Status{}, err
	}
	now := m.c.Now()
	st := Status{ID: newUUID(), Status: Complete, Requested: FormatTime(in.At), Total: len(in.Objects) + len(in.Refused),
		Failure: len(in.Refused), Failures: slices.Clone(in.Refused[:min(len(in.Refused), MaxDetails)])}
	for part := range slices.Chunk(in.Objects, stride) {
		if err := ctx.Err(); err != nil {
			return Status{}, err
		}
		s.mu.Lock()
		for _, o := range part {
			st.note(o, s.add(o, now))
		}
		s.mu.Unlock()
	}
	m.remember(st, c, now)
	return st, nil
}

func (st *Status) note(o stix.Object, out outcome) {
	d := Detail{ID: o.ID(), Version: orNone(o.Version()), Message: string(out)}
	if out == taken {
		if st.Success++; len(st.Successes) < MaxDetails {
			st.Successes = append(st.Successes, d)
		}
		return
	}
	if st.Failure++; len(st.Failures) < MaxDetails {
		st.Failures = append(st.Failures, d)
	}
}

// Delete removes records.
func (m *Memory) Delete(_ context.Context, _ Caller, collection string, q Query) (int, error) {
	s, err := m.shelf(collection)
	if err != nil {
		return 0, err
	}
	return s.remove(q), nil
}

// Status is that of a submission that the caller made.
func (m *Memory) Status(_ context.Context, c Caller, id string) (Status, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	k, ok := m.statuses[id]
	if !ok || k.caller != c || !m.c.Now().Before(k.until) {
		return Status{}, ErrNotFound
	}
	return k.status, nil
}

func (m *Memory) remember(st Status, c Caller, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.details += st.details()
	for len(m.order) > 0 {
		first := m.statuses[m.order[0]]
		if len(m.order) < m.c.Statuses && m.details <= keepDetails && now.Before(first.until) {
			break
		}
		m.details -= first.status.details()
		delete(m.statuses, m.order[0])
		m.order = m.order[1:]
	}
	m.statuses[st.ID] = kept{st, c, now.Add(m.c.StatusTime)}
	m.order = append(m.order, st.ID)
}

// keepDetails bounds the details of all statuses, which are some hundred octets each.
const keepDetails = 200_000

func (st *Status) details() int { return len(st.Successes) + len(st.Failures) + len(st.Pendings) }

// newUUID is RFC 4122 §4.4.
func newUUID() string {
	var u [16]byte
	rand.Read(u[:])
	u[6], u[8] = u[6]&0x0f|0x40, u[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
}
