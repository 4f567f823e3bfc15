package consent

import (
	"errors"
	"sync"
	"sync/atomic"

	"github.com/sekisho/sekisho/subject"
)

// A contract holds a line for a time: lines are assigned, released and given to others, ported in and out. What a contract
// chose goes with it, whatever line it holds; what is known of a line ends with its contract.
//
// The first contract of a line bears the line's own number, so that it takes no memory but two bits; every other one has a
// number that no line can have. So 100 million contracts take some 100 MB, and those that moved 20 octets each.

// FirstContract is the first number that is given to contracts which do not bear their line's: one more than E.164 has digits for.
const FirstContract = subject.Contract(1_000_000_000_000_000)

// lastContract is as many as a word of choices has room for.
const lastContract = subject.Contract(1<<(64-choiceBits) - 1)

// What is known of a line: two bits.
const (
	lineUnseen uint64 = iota // no event: it is its own contract, ours if its prefix is home
	lineFirst                // held by the contract that bears its number
	lineHeld                 // held by another, which the table names
	lineFree                 // held by none of ours
)

// What an event is refused for.
var (
	ErrHeld     = errors.New("another contract holds the line")
	ErrFree     = errors.New("no contract holds the line")
	ErrContract = errors.New("not a number of a contract")
)

const (
	pageBits  = 18 // lines of a page of two bits each: 64 KiB
	pageLines = 1 << pageBits
)

type page [pageLines / 32]atomic.Uint64

// pages are found by line / pageLines, in an open-addressing table of which at least a half is empty. It is copied when one is added.
type pages struct {
	keys []uint64 // plus one; 0 is empty
	at   []*page
	n    int
}

func (t *pages) find(key uint64) *page {
	if t == nil {
		return nil
	}
	mask := uint64(len(t.keys) - 1)
	for i := key * 0x9E3779B97F4A7C15 >> 40 & mask; ; i = (i + 1) & mask {
		switch t.keys[i] {
		case key + 1:
			return t.at[i]
		case 0:
			return nil
		}
	}
}

// with is a copy that has a page more.
func (t *pages) with(key uint64, p *page) *pages {
	size, n := 8, 0
	if t != nil {
		size, n = len(t.keys), t.n
	}
	if 2*(n+1) > size {
		size *= 2
	}
	c := &pages{keys: make([]uint64, size), at: make([]*page, size)}
	if t != nil {
		for i, k := range t.keys {
			if k != 0 {
				c.put(k-1, t.at[i])
			}
		}
	}
	c.put(key, p)
	return c
}

func (t *pages) put(key uint64, p *page) {
	mask := uint64(len(t.keys) - 1)
	i := key * 0x9E3779B97F4A7C15 >> 40 & mask
	for t.keys[i] != 0 {
		i = (i + 1) & mask
	}
	t.keys[i], t.at[i] = key+1, p
	t.n++
}

// lines says which contract holds each line. Any number of readers, one writer at a time.
type lines struct {
	pages atomic.Pointer[pages]
	held  atomic.Pointer[heldTable]
	next  subject.Contract // the next number to be given; the writer's
}

func (x *lines) state(l subject.Line) uint64 {
	p := x.pages.Load().find(uint64(l) >> pageBits)
	if p == nil {
		return lineUnseen
	}
	at := uint64(l) & (pageLines - 1)
	return p[at>>5].Load() >> (at & 31 * 2) & 3
}

func (x *lines) setState(l subject.Line, state uint64) {
	key := uint64(l) >> pageBits
	p := x.pages.Load().find(key)
	if p == nil {
		p = new(page)
		x.pages.Store(x.pages.Load().with(key, p))
	}
	at := uint64(l) & (pageLines - 1)
	shift := at & 31 * 2
	p[at>>5].Store(p[at>>5].Load()&^(3<<shift) | state<<shift)
}

// heldTable maps lines to the contracts that hold them where those bear other numbers: open addressing, never full. An entry
// whose line moved on keeps its place until the table grows.
type heldTable struct {
	lines, contracts []atomic.Uint64
	used             int
}

func newHeldTable(n int) *heldTable {
	return &heldTable{lines: make([]atomic.Uint64, n*5/4+16), contracts: make([]atomic.Uint64, n*5/4+16)}
}

func (t *heldTable) at(l subject.Line) int {
	h := uint64(l) * 0x9E3779B97F4A7C15
	for i := home(h^h>>29, len(t.lines)); ; i++ {
		if i == len(t.lines) {
			i = 0
		}
		if at := t.lines[i].Load(); at == uint64(l) || at == 0 {
			return i
		}
	}
}

func (x *lines) contract(l subject.Line) subject.Contract { return x.holder(l, x.state(l)) }

func (x *lines) holder(l subject.Line, state uint64) subject.Contract {
	switch state {
	case lineUnseen, lineFirst:
		return subject.Contract(l)
	case lineHeld:
		t := x.held.Load()
		return subject.Contract(t.contracts[t.at(l)].Load())
	}
	return 0
}

// hold writes which contract holds a line; 0 is none.
func (x *lines) hold(l subject.Line, c subject.Contract) {
	switch {
	case c == 0:
		x.setState(l, lineFree)
		return
	case c == subject.Contract(l):
		x.setState(l, lineFirst)
		return
	}
	t := x.held.Load()
	if t == nil || (t.used+1)*5/4+16 > len(t.lines) {
		t = x.grow(t)
	}
	i := t.at(l)
	t.contracts[i].Store(uint64(c)) // first, for who reads meanwhile
	if t.lines[i].Load() == 0 {
		t.lines[i].Store(uint64(l))
		t.used++
	}
	x.setState(l, lineHeld)
}

func (x *lines) grow(old *heldTable) *heldTable {
	n := 64
	if old != nil {
		n = old.used * 6 / 5
	}
	t := newHeldTable(n + 1)
	if old != nil {
		for i := range old.lines {
			l := subject.Line(old.lines[i].Load())
			if l == 0 || x.state(l) != lineHeld {
				continue
			}
			j := t.at(l)
			t.contracts[j].Store(old.contracts[i].Load())
			t.lines[j].Store(uint64(l))
			t.used++
		}
	}
	x.held.Store(t)
	return t
}

func (x *lines) bytes() (n int) {
	if t := x.pages.Load(); t != nil {
		n += t.n * pageLines / 4
	}
	if t := x.held.Load(); t != nil {
		n += 16 * len(t.lines)
	}
	return n
}

// Contract is the contract that holds a line; 0 where none of ours does. A line of which no event told is its own contract,
// and ours if its prefix is home.
func (r *Register) Contract(l subject.Line) subject.Contract {
	return r.holder(l, r.lines.state(l))
}

func (r *Register) holder(l subject.Line, state uint64) subject.Contract {
	if state == lineUnseen && !r.Home(l) {
		return 0
	}
	return r.lines.holder(l, state)
}

// Released reports whether the line was held by a contract of ours, and is by none now.
func (r *Register) Released(l subject.Line) bool { return r.lines.state(l) == lineFree }

// Assign gives a line to a new contract and returns its number.
func (r *Register) Assign(l subject.Line) (subject.Contract, error) {
	if l < 1_000_000 || l >= subject.Line(FirstContract) {
		return 0, ErrLine
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch r.lines.state(l) {
	case lineUnseen:
		r.lines.hold(l, subject.Contract(l))
		return subject.Contract(l), nil
	case lineFree:
		c := max(r.lines.next, FirstContract)
		if c > lastContract {
			return 0, ErrContract
		}
		r.lines.next = c + 1
		r.lines.hold(l, c)
		return c, nil
	}
	return 0, ErrHeld
}

// Hold gives a line to a contract that is known already: one that changed its number or has several.
func (r *Register) Hold(l subject.Line, c subject.Contract) error {
	switch {
	case l < 1_000_000 || l >= subject.Line(FirstContract):
		return ErrLine
	case c == 0 || c > lastContract:
		return ErrContract
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch now := r.lines.contract(l); {
	case r.lines.state(l) == lineUnseen || now == 0 || now == c:
		r.lines.hold(l, c)
		r.lines.next = max(r.lines.next, c+1)
		return nil
	}
	return ErrHeld
}

// Release ends that a contract of ours holds the line, which it returns: the line was given back or ported out. What is known
// of the line must not pass to its next holder.
func (r *Register) Release(l subject.Line) (subject.Contract, error) {
	if l < 1_000_000 || l >= subject.Line(FirstContract) {
		return 0, ErrLine
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.lines.state(l) == lineFree || r.lines.state(l) == lineUnseen && !r.Home(l) {
		return 0, ErrFree
	}
	c := r.lines.contract(l)
	r.lines.hold(l, 0)
	return c, nil
}

// Event is what happens to a line, as operators and traces call it.
type Event string

const (
	EventAssign  Event = "assign"
	EventRelease Event = "release"
	EventPortIn  Event = "port_in"
	EventPortOut Event = "port_out"
	EventSIM     Event = "sim" // a new SIM: the contract stays
)

// ErrEvent is returned for an unknown event.
var ErrEvent = errors.New("an event is one of assign, release, port_in, port_out, sim")

// Names knows contracts by what the operator calls them. Its methods may be called from any goroutine.
type Names struct {
	mu sync.Mutex
	of map[string]subject.Contract
}

// Apply does what an event says of a line and the contract that the operator names. It returns the contract that held the line
// before and holds it no more, 0 if none.
func (n *Names) Apply(r *Register, e Event, name string, l subject.Line) (ended subject.Contract, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.of == nil {
		n.of = map[string]subject.Contract{}
	}
	switch e {
	case EventAssign, EventPortIn:
		known, ok := n.of[name]
		if now := r.Contract(l); now != 0 && r.lines.state(l) != lineUnseen {
			if ok && now == known {
				return 0, nil // told twice
			}
			if ended, err = r.Release(l); err != nil { // nobody told of the end of the last one
				return 0, err
			}
		}
		if ok {
			return ended, r.Hold(l, known)
		}
		c, err := r.Assign(l)
		if err == nil && name != "" {
			n.of[name] = c
		}
		return ended, err
	case EventRelease, EventPortOut:
		return r.Release(l)
	case EventSIM:
		return 0, nil
	}
	return 0, ErrEvent
}

// Find is the contract of a name; false where nobody told of it.
func (n *Names) Find(name string) (subject.Contract, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	c, ok := n.of[name]
	return c, ok
}
