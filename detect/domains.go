package detect

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sekisho/sekisho/inspect"
	"github.com/sekisho/sekisho/message"
	"github.com/sekisho/sekisho/purpose"
)

// What makes a domain new or settled. Before the table has been filled for warmDays by warmTexts it knows nothing, and says nothing.
const (
	warmDays  = 7
	warmTexts = 100_000
	newHours  = 24

	settledHours      = 14 * 24
	settledRecipients = 200
	settledSenders    = 20
	settledByOne      = 1000 // recipients, where one business sends all of it
)

const (
	domainWays  = 4
	domainLocks = 256
)

// Domains knows since when our own traffic has known the domains that links lead to, from how many senders and to how
// many people. Memory is fixed: the domain unseen for longest makes room.
type Domains struct {
	seed    uint64
	sets    [][domainWays]domain
	locks   [domainLocks]sync.Mutex
	started atomic.Int64 // hours since 1970 when the first text came
	texts   atomic.Uint64
}

// domain is 64 octets.
type domain struct {
	key            uint64
	first, last    uint32 // hours since 1970
	texts, stopped uint32
	senders        [1]atomic.Uint64
	recipients     [4]atomic.Uint64
}

// NewDomains makes a table for about n domains, 64 octets each; 0 is 262,144. seed 0 is a random one.
func NewDomains(n int, seed uint64) *Domains {
	if n <= 0 {
		n = 1 << 18
	}
	sets := 1
	for sets*domainWays < n {
		sets *= 2
	}
	return &Domains{seed: newSeed(seed), sets: make([][domainWays]domain, sets)}
}

// Meet counts the domains of a text's links and appends what is known of them to r.Findings: of each kind one.
func (d *Domains) Meet(g purpose.Grant, m *message.Message, r *inspect.Report, now time.Time) {
	if !g.Covers(purpose.Inspect) || len(r.Folded.Links) == 0 || !m.Whole() {
		return
	}
	hour := uint32(now.Unix() / 3600)
	d.started.CompareAndSwap(0, int64(hour))
	warm := d.texts.Add(1) >= warmTexts && int64(hour)-d.started.Load() >= warmDays*24
	sender := markOf(hash(m.From.Bytes(), d.seed))
	recipient := mark(0)
	if len(m.To) > 0 {
		recipient = markOf(hash(m.To[0].Bytes(), d.seed))
	}
	fresh, settled := -1, -1
	for i := range r.Folded.Links {
		l := &r.Folded.Links[i]
		if open(l, r, nil) {
			continue
		}
		e, lock := d.find(hash(l.Domain, d.seed)|1, hour)
		e.last = max(e.last, hour)
		e.texts++
		raise(e.senders[:], sender)
		if len(m.To) > 0 {
			raise(e.recipients[:], recipient)
		}
		switch {
		case !warm:
		case hour-e.first < newHours:
			fresh = i
		case e.settled(hour, m.Route):
			settled = i
		}
		lock.Unlock()
	}
	if fresh >= 0 {
		l := &r.Folded.Links[fresh]
		r.Findings = append(r.Findings, inspect.Finding{Rule: domainNew, About: l.Domain, Span: l.Span})
	} else if settled >= 0 { // one settled link vouches for no new one beside it
		l := &r.Folded.Links[settled]
		r.Findings = append(r.Findings, inspect.Finding{Rule: domainSettled, About: l.Domain, Span: l.Span})
	}
}

func (e *domain) settled(hour uint32, route message.Route) bool {
	if hour-e.first < settledHours || uint64(e.stopped)*100 >= uint64(e.texts) {
		return false
	}
	people := estimate(e.recipients[:])
	return people >= settledRecipients && estimate(e.senders[:]) >= settledSenders || route == message.A2P && people >= settledByOne
}

// Judged takes in that a text was stopped, for its domains.
func (d *Domains) Judged(r *inspect.Report, stopped bool, now time.Time) {
	if !stopped {
		return
	}
	hour := uint32(now.Unix() / 3600)
	for i := range r.Folded.Links {
		l := &r.Folded.Links[i]
		if open(l, r, nil) {
			continue
		}
		e, lock := d.find(hash(l.Domain, d.seed)|1, hour)
		e.stopped++
		lock.Unlock()
	}
}

// find gives the entry of a domain, with its lock held.
func (d *Domains) find(key uint64, hour uint32) (*domain, *sync.Mutex) {
	at := key >> 1 & uint64(len(d.sets)-1)
	lock := &d.locks[at%domainLocks]
	lock.Lock()
	set := &d.sets[at]
	e := &set[0]
	for i := range set {
		if set[i].key == key {
			return &set[i], lock
		}
		if set[i].last < e.last {
			e = &set[i]
		}
	}
	e.key, e.first, e.last, e.texts, e.stopped = key, hour, hour, 0, 0
	e.senders[0].Store(0)
	for i := range e.recipients {
		e.recipients[i].Store(0)
	}
	return e, lock
}

const domainsMagic = "SEKISHO-DOMAINS\x01"

// entrySize is how many octets an entry has in a file.
const entrySize = 8 + 4*4 + 8 + 4*8

// Save writes the table: a head, an entry for each domain, a SHA-256 of both. Domains are keyed hashes, the key among them.
func (d *Domains) Save(out io.Writer) error {
	sum := sha256.New()
	w := bufio.NewWriterSize(io.MultiWriter(out, sum), 1<<16)
	w.WriteString(domainsMagic)
	var b [entrySize]byte
	le := binary.LittleEndian
	head := le.AppendUint64(le.AppendUint64(le.AppendUint64(b[:0], d.seed), uint64(d.started.Load())), d.texts.Load())
	w.Write(head)
	for i := range d.sets {
		lock := &d.locks[i%domainLocks]
		lock.Lock()
		for j := range d.sets[i] {
			e := &d.sets[i][j]
			if e.key == 0 {
				continue
			}
			row := le.AppendUint64(b[:0], e.key)
			for _, v := range []uint32{e.first, e.last, e.texts, e.stopped} {
				row = le.AppendUint32(row, v)
			}
			row = le.AppendUint64(row, e.senders[0].Load())
			for k := range e.recipients {
				row = le.AppendUint64(row, e.recipients[k].Load())
			}
			w.Write(row)
		}
		lock.Unlock()
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := out.Write(sum.Sum(nil))
	return err
}

// maxSaved bounds what Load reads.
const maxSaved = 1 << 30

// ErrDamaged is returned by Load for what Save did not write.
var ErrDamaged = errors.New("damaged, or not a table of domains that sekisho saved")

// Load replaces the table by a saved one; name stands in errors. After an error the table is as it was.
func (d *Domains) Load(in io.Reader, name string) error {
	raw, err := io.ReadAll(io.LimitReader(in, maxSaved))
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	head := len(domainsMagic) + 24
	body := len(raw) - sha256.Size
	if body < head || !bytes.HasPrefix(raw, []byte(domainsMagic)) || (body-head)%entrySize != 0 {
		return fmt.Errorf("%s: %w", name, ErrDamaged)
	}
	if sum := sha256.Sum256(raw[:body]); !bytes.Equal(sum[:], raw[body:]) {
		return fmt.Errorf("%s: %w", name, ErrDamaged)
	}
	le := binary.LittleEndian
	at := raw[len(domainsMagic):]
	d.seed = le.Uint64(at) | 1
	d.started.Store(int64(le.Uint64(at[8:])))
	d.texts.Store(le.Uint64(at[16:]))
	for row := raw[head:body]; len(row) > 0; row = row[entrySize:] {
		e, lock := d.find(le.Uint64(row)|1, le.Uint32(row[8:]))
		e.first, e.last, e.texts, e.stopped = le.Uint32(row[8:]), le.Uint32(row[12:]), le.Uint32(row[16:]), le.Uint32(row[20:])
		e.senders[0].Store(le.Uint64(row[24:]))
		for k := range e.recipients {
			e.recipients[k].Store(le.Uint64(row[32+8*k:]))
		}
		lock.Unlock()
	}
	return nil
}
