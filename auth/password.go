package auth

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/argon2"
)

// The cost of a hash: Argon2id with 19 MiB, 2 passes, 1 lane, as OWASP's Password Storage Cheat Sheet has it at
// the least. The passwords of SMPP have at most 8 characters (SMPP 3.4 §5.2.2), so a hash that leaks must
// be slow to search through.
var cost = params{memory: 19 << 10, passes: 2, lanes: 1}

const (
	saltLen     = 16
	hashLen     = 32
	maxPassword = 1024
)

// params are an Argon2id hash's, as RFC 9106 §3.1 names them: m in KiB, t, p.
type params struct {
	memory, passes uint32
	lanes          uint8
}

// phc is a hash read from its string.
type phc struct {
	params
	salt, hash []byte
}

// ErrHash is returned for what is no password hash that we would compute.
var ErrHash = errors.New("not a password hash ($argon2id$v=19$m=...,t=...,p=...$salt$hash, m at most 262144, t at most 16, p at most 8)")

// ErrPassword is returned for a password that is empty or too long to be hashed.
var ErrPassword = errors.New("a password has 1 to 1024 octets")

// HashPassword makes the string to keep of a password, in the PHC string format
// (github.com/P-H-C/phc-string-format).
func HashPassword(password string) (string, error) {
	if len(password) == 0 || len(password) > maxPassword {
		return "", ErrPassword
	}
	salt := make([]byte, saltLen)
	rand.Read(salt) // never fails
	h := phc{cost, salt, cost.derive(password, salt, hashLen)}
	return h.String(), nil
}

// CheckHash reports whether Passwords can check against the string, for reading configuration.
func CheckHash(hash string) error {
	_, err := parsePHC(hash)
	return err
}

func (p params) derive(password string, salt []byte, n int) []byte {
	return argon2.IDKey([]byte(password), salt, p.passes, p.memory, p.lanes, uint32(n))
}

func (h phc) String() string {
	b := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, h.memory, h.passes, h.lanes, b.EncodeToString(h.salt), b.EncodeToString(h.hash))
}

// parsePHC reads a hash strictly, and refuses one that would cost more memory or time than a bind may.
func parsePHC(s string) (h phc, err error) {
	if len(s) > 512 {
		return phc{}, ErrHash
	}
	f := strings.Split(s, "$")
	if len(f) != 6 || f[0] != "" || f[1] != "argon2id" || f[2] != "v="+strconv.Itoa(argon2.Version) {
		return phc{}, ErrHash
	}
	p := strings.Split(f[3], ",")
	if len(p) != 3 {
		return phc{}, ErrHash
	}
	var v [3]uint64
	for i, name := range []string{"m=", "t=", "p="} {
		digits, ok := strings.CutPrefix(p[i], name)
		n, err := strconv.ParseUint(digits, 10, 32)
		if !ok || err != nil || digits != strconv.FormatUint(n, 10) {
			return phc{}, ErrHash
		}
		v[i] = n
	}
	h.params = params{uint32(v[0]), uint32(v[1]), uint8(v[2])}
	if v[2] < 1 || v[2] > 8 || v[1] < 1 || v[1] > 16 || v[0] < 8*v[2] || v[0] > 256<<10 {
		return phc{}, ErrHash
	}
	b := base64.RawStdEncoding.Strict()
	if h.salt, err = b.DecodeString(f[4]); err != nil || len(h.salt) < 8 || len(h.salt) > 64 {
		return phc{}, ErrHash
	}
	if h.hash, err = b.DecodeString(f[5]); err != nil || len(h.hash) < 16 || len(h.hash) > 64 {
		return phc{}, ErrHash
	}
	if strings.ContainsAny(s, "\r\n") { // which base64 passes over
		return phc{}, ErrHash
	}
	return h, nil
}

const (
	cacheFor  = 10 * time.Minute
	cacheSize = 4096 // checks kept, 40 octets each
)

// Passwords checks passwords. A check takes 19 MiB and tens of milliseconds, so only so many run at once; the others
// wait. What was right is remembered for ten minutes, so that an ESME that comes back with forty binds costs
// one check.
type Passwords struct {
	turn  chan struct{}
	key   [32]byte // of the HMAC that remembered checks are kept under; memory holds no password
	dummy phc
	now   func() time.Time

	mu    sync.Mutex
	right map[[sha256.Size]byte]time.Time // until when
}

// NewPasswords makes a checker that computes at most atOnce hashes at a time (at least 1).
func NewPasswords(atOnce int) *Passwords {
	p := &Passwords{turn: make(chan struct{}, max(1, atOnce)), now: time.Now, right: map[[sha256.Size]byte]time.Time{}}
	rand.Read(p.key[:])
	p.dummy = phc{cost, make([]byte, saltLen), make([]byte, hashLen)}
	return p
}

// Check reports whether the password is the one hashed. For an account that does not exist, pass "": it takes
// as long as a wrong password and is false, so that time does not tell which accounts exist. The error is
// ErrHash, or the context's where the turn did not come in time; then nothing was checked.
func (p *Passwords) Check(ctx context.Context, hash, password string) (bool, error) {
	h := p.dummy
	if hash != "" {
		var err error
		if h, err = parsePHC(hash); err != nil {
			return false, err
		}
	}
	if len(password) > maxPassword {
		return false, nil
	}
	id := p.identity(hash, password)
	if p.remembered(id) {
		return true, nil
	}
	select {
	case p.turn <- struct{}{}:
	case <-ctx.Done():
		return false, ctx.Err()
	}
	defer func() { <-p.turn }()
	if p.remembered(id) { // by somebody who waited before us with the same
		return true, nil
	}
	got := h.derive(password, h.salt, len(h.hash))
	if subtle.ConstantTimeCompare(got, h.hash) != 1 || hash == "" || password == "" {
		return false, nil
	}
	p.remember(id)
	return true, nil
}

func (p *Passwords) identity(hash, password string) (id [sha256.Size]byte) {
	m := hmac.New(sha256.New, p.key[:])
	m.Write([]byte(hash))
	m.Write([]byte{0}) // no hash has one
	m.Write([]byte(password))
	m.Sum(id[:0])
	return id
}

func (p *Passwords) remembered(id [sha256.Size]byte) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	until, ok := p.right[id]
	return ok && p.now().Before(until)
}

func (p *Passwords) remember(id [sha256.Size]byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	if len(p.right) >= cacheSize {
		for k, until := range p.right {
			if !now.Before(until) {
				delete(p.right, k)
			}
		}
	}
	if len(p.right) >= cacheSize { // still: forget them all, which costs each one check
		clear(p.right)
	}
	p.right[id] = now.Add(cacheFor)
}
