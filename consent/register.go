// Package consent holds contracts and what they chose: which contract holds a line, and for each purpose that its messages might
// be handled for, whether the contract asked for that or refused it.
//
// The Register is what the message path asks, from memory. It is filled from the records when the program
// starts and told of every change after the records have it; a change is in force for the next message.
package consent

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sekisho/sekisho/purpose"
	"github.com/sekisho/sekisho/subject"
)

// Choices are what one line's contract says of every purpose: two bits each. Zero says nothing.
type Choices uint16

const choiceBits = 14

// A purpose more than fits would not compile.
const _ = uint(choiceBits - 2*(int(purpose.Count)-1))

// Of is the choice for one purpose.
func (c Choices) Of(p purpose.Purpose) purpose.Choice {
	if p == purpose.None || p >= purpose.Count {
		return purpose.Unknown
	}
	return purpose.Choice(c >> (2 * (p - 1)) & 3)
}

// With is c with another choice for one purpose.
func (c Choices) With(p purpose.Purpose, choice purpose.Choice) Choices {
	if p == purpose.None || p >= purpose.Count || choice > purpose.OptedOut {
		return c
	}
	shift := 2 * (p - 1)
	return c&^(3<<shift) | Choices(choice)<<shift
}

// Change is one choice that was made, as it is recorded.
type Change struct {
	Line    subject.Line
	Purpose purpose.Purpose
	Choice  purpose.Choice
	Wording string    // version of what the subscriber was shown; "" where not said
	Channel string    // how he said it: web, shop, 7726; "" where not said
	Time    time.Time // when; zero where not said
}

// What a change is refused for.
var (
	ErrLine    = errors.New("not an E.164 number (+ and 7 to 15 digits)")
	ErrPurpose = errors.New("not a purpose that can be chosen about")
	ErrChoice  = errors.New("not a choice: opted in, opted out or unknown")
)

func (c *Change) check() error {
	switch {
	case c.Line < 1_000_000 || c.Line >= 1_000_000_000_000_000:
		return ErrLine
	case c.Purpose == purpose.None || c.Purpose >= purpose.Count:
		return ErrPurpose
	case c.Choice > purpose.OptedOut:
		return ErrChoice
	}
	return nil
}

// Config says who is a subscriber of ours.
type Config struct {
	Home []string `toml:"home" comment:"Prefixes of our subscribers' numbers."`
}

// DefaultConfig has the mobile numbers of Japan (060, 070, 080, 090) as home.
func DefaultConfig() Config { return Config{Home: []string{"+8160", "+8170", "+8180", "+8190"}} }

const shards = 256

// Register answers which contract holds a line and what it chose. Choice, Contract and Home may be called from
// anywhere at once, wait for nothing and allocate nothing; changes may be made at the same time.
//
// A line and all its choices are one 64-bit word (50 bits of number, 14 of choices) in an open-addressing
// table, which readers read and writers write atomically, so that a change is one store. The table is cut in
// 256 shards, each growing alone by a fifth: that is a copy of some thousand words, during which readers go
// on with the old ones and other shards do not notice. A line that chose nothing takes no memory, so it
// is the choices that count, not the contracts: 12 to 14.4 bytes each.
type Register struct {
	tables atomic.Pointer[tables]
	home   atomic.Pointer[[]prefix]

	lines lines

	mu      sync.Mutex // guards loading and pending, and is held to change lines
	loading bool
	pending []Change // made while a Load runs, which would not know of them
}

// tables is the whole of the choices; Load replaces it.
type tables struct {
	key   uint64 // mixes lines at random for each process
	shard [shards]shard
}

var _ purpose.Chooser = (*Register)(nil)

// NewRegister makes a Register without choices.
func NewRegister(c Config) (*Register, error) {
	r := new(Register)
	if err := r.SetHome(c.Home); err != nil {
		return nil, err
	}
	r.tables.Store(newTables(0))
	return r, nil
}

func newTables(n int) *tables {
	t := &tables{key: rand.Uint64()}
	for i := range t.shard {
		t.shard[i].words.Store(newWords(n / shards * 21 / 20)) // shards are not filled evenly
	}
	return t
}

// at is the shard of a line, and the hash it is sought by there.
func (t *tables) at(l subject.Line) (*shard, uint64) {
	h := uint64(l) ^ t.key // finalizer of MurmurHash3
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	h ^= h >> 33
	return &t.shard[h>>56], h << 8
}

// Choice is what the contract that holds the line says of the purpose; Stranger where it is none of ours and chose nothing.
func (r *Register) Choice(l subject.Line, p purpose.Purpose) purpose.Choice {
	state := r.lines.state(l)
	c := r.ChoicesOf(r.lines.holder(l, state)).Of(p)
	if c == purpose.Unknown && r.holder(l, state) == 0 {
		return purpose.Stranger
	}
	return c
}

// Choices is all that the contract that holds the line says.
func (r *Register) Choices(l subject.Line) Choices {
	return r.ChoicesOf(r.lines.contract(l))
}

// ChoicesOf is all that a contract says.
func (r *Register) ChoicesOf(c subject.Contract) Choices {
	s, h := r.tables.Load().at(subject.Line(c))
	return s.words.Load().find(subject.Line(c), h)
}

// Set puts a choice in force. It must have been recorded before. Its error never tells the number.
func (r *Register) Set(l subject.Line, p purpose.Purpose, c purpose.Choice) error {
	change := Change{Line: l, Purpose: p, Choice: c}
	if err := change.check(); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	holder := subject.Line(r.lines.contract(l))
	if holder == 0 {
		return ErrFree
	}
	change.Line = holder
	if r.loading {
		r.pending = append(r.pending, change)
	}
	r.tables.Load().set(holder, p, c)
	return nil
}

// SetOf puts a choice of a contract in force.
func (r *Register) SetOf(c subject.Contract, p purpose.Purpose, choice purpose.Choice) error {
	if c == 0 || c > lastContract {
		return ErrContract
	}
	if p == purpose.None || p >= purpose.Count {
		return ErrPurpose
	}
	if choice > purpose.OptedOut {
		return ErrChoice
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.loading {
		r.pending = append(r.pending, Change{Line: subject.Line(c), Purpose: p, Choice: choice})
	}
	r.tables.Load().set(subject.Line(c), p, choice)
	return nil
}

// Forget drops all choices of the contract that holds a line, which has ended.
func (r *Register) Forget(l subject.Line) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if l = subject.Line(r.lines.contract(l)); l == 0 {
		return
	}
	if r.loading {
		for p := purpose.None + 1; p < purpose.Count; p++ {
			r.pending = append(r.pending, Change{Line: l, Purpose: p})
		}
	}
	t := r.tables.Load()
	if s, h := t.at(l); s.words.Load().find(l, h) != 0 {
		s.put(t, l, h, 0)
	}
}

// set is for one writer at a time.
func (t *tables) set(l subject.Line, p purpose.Purpose, c purpose.Choice) {
	s, h := t.at(l)
	w := s.words.Load()
	s.put(t, l, h, w.find(l, h).With(p, c))
}

// ErrLoading is returned by a Load while another runs.
var ErrLoading = errors.New("choices are being loaded already")

// Load replaces all choices by those that all yields, later ones going before earlier ones; n is about how many
// lines they are of, or 0. Choices set while it runs stay in force. On an error nothing is changed.
func (r *Register) Load(ctx context.Context, n int, all iter.Seq2[Change, error]) error {
	r.mu.Lock()
	if r.loading {
		r.mu.Unlock()
		return ErrLoading
	}
	r.loading = true
	r.mu.Unlock()

	t, err := fill(ctx, n, all)

	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil {
		for _, c := range r.pending {
			t.set(c.Line, c.Purpose, c.Choice)
		}
		r.tables.Store(t)
	}
	r.loading, r.pending = false, nil
	return err
}

func fill(ctx context.Context, n int, all iter.Seq2[Change, error]) (*tables, error) {
	t := newTables(n)
	i := 0
	for c, err := range all {
		if err == nil {
			err = c.check()
		}
		if err != nil {
			return nil, fmt.Errorf("load choices, row %d: %w", i+1, err)
		}
		t.set(c.Line, c.Purpose, c.Choice)
		if i++; i%1024 == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
	return t, nil
}

// Take puts all choices of another register in force in the place of its own, at once. Which contract holds which line stays as it is.
func (r *Register) Take(other *Register) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tables.Store(other.tables.Load())
	r.home.Store(other.home.Load())
}

// Len is how many lines chose something.
func (r *Register) Len() int {
	n := 0
	t := r.tables.Load()
	for i := range t.shard {
		n += int(t.shard[i].live.Load())
	}
	return n
}

// Bytes is about how much memory the choices take.
func (r *Register) Bytes() int {
	n := 0
	t := r.tables.Load()
	for i := range t.shard {
		n += 8 * len(t.shard[i].words.Load().w)
	}
	return n + r.lines.bytes()
}
