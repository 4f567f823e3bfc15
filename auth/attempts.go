package auth

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"time"
)

// How many wrong attempts are free, and how long until one more is. An ESME may come with dozens of binds at
// once, before the first of them has proved itself.
const (
	burst      = 50
	perAttempt = 30 * time.Second
	knownFor   = 7 * 24 * time.Hour
	ways       = 8
)

// Attempts slows down whoever guesses passwords: by address, and by name for those who guess from many
// addresses. An address that proved itself for a name within the last week has an account of its own for it,
// or anybody could lock an ESME out by guessing at its name.
//
// An attempt is charged before the password is checked and given back if it was right, so that a thousand
// at once get no further than a thousand in a row.
//
// Its memory is bounded, whatever is thrown at it: tables of fixed size, in which whoever owes most is
// kept longest.
type Attempts struct {
	mu    sync.Mutex
	seed  maphash.Seed
	debts debts // until when an address, a name or a known pair of them owes
	known debts // until when a pair is known
	now   func() time.Time
}

// NewAttempts makes one that remembers about n addresses and names (16 octets each, twice).
func NewAttempts(n int) *Attempts {
	sets := max(16, n/ways)
	return &Attempts{seed: maphash.MakeSeed(), debts: make(debts, sets), known: make(debts, sets), now: time.Now}
}

// Attempt is one that was let through; tell Succeeded of it if it was right.
type Attempt struct{ address, name, pair uint64 }

// Try charges an attempt to log in and reports zero, or else how long to wait until the next.
func (a *Attempts) Try(from netip.Addr, name string) (Attempt, time.Duration) {
	n := network(from)
	t := Attempt{
		address: a.key('a', n[:], ""),
		name:    a.key('n', nil, name),
		pair:    a.key('p', n[:], name),
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.now().UnixNano()
	if a.known.of(t.pair) > now {
		t.name = t.pair
	}
	owed := time.Duration(max(a.debts.of(t.address), a.debts.of(t.name)) - now)
	if wait := owed - (burst-1)*perAttempt; wait > 0 {
		return Attempt{}, wait
	}
	a.debts.charge(t.address, now)
	a.debts.charge(t.name, now)
	return t, 0
}

// Succeeded gives an attempt back: it was right.
func (a *Attempts) Succeeded(t Attempt) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.debts.refund(t.address)
	a.debts.refund(t.name)
	a.known.set(t.pair, a.now().Add(knownFor).UnixNano())
}

func (a *Attempts) key(kind byte, network []byte, name string) uint64 {
	var h maphash.Hash
	h.SetSeed(a.seed)
	h.WriteByte(kind)
	h.Write(network)
	h.WriteString(name)
	return max(1, h.Sum64())
}

// network is what one guesser has at hand: an IPv4 address or an IPv6 /64.
func network(from netip.Addr) [16]byte {
	from = from.Unmap()
	if from.Is6() {
		p, _ := from.WithZone("").Prefix(64)
		from = p.Addr()
	}
	if !from.IsValid() {
		return [16]byte{}
	}
	return from.As16()
}

// debts are times by key: sets of a few places each, in which the earliest time gives way.
type debts [][ways]debt

type debt struct {
	key   uint64 // zero is free
	until int64  // Unix nanoseconds
}

func (d debts) of(key uint64) int64 {
	for _, e := range d[key%uint64(len(d))] {
		if e.key == key {
			return e.until
		}
	}
	return 0
}

func (d debts) set(key uint64, until int64) {
	s := &d[key%uint64(len(d))]
	at := 0
	for i := range s {
		if s[i].key == key {
			at = i
			break
		}
		if s[i].until < s[at].until {
			at = i
		}
	}
	s[at] = debt{key, until}
}

func (d debts) charge(key uint64, now int64) {
	d.set(key, max(d.of(key), now)+int64(perAttempt))
}

func (d debts) refund(key uint64) {
	if until := d.of(key); until != 0 { // unless it had to give way meanwhile
		d.set(key, until-int64(perAttempt))
	}
}
