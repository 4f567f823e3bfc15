// Package auth tells who asks: clients of the API by their keys, SMPP accounts by their passwords; and
// slows down whoever guesses.
package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"
)

// A key is sk_, ten characters that name it, and 32 that are its secret, all of Crockford's base 32 in lower
// case: 50 and 160 bits. The fixed form lets scanners find keys that were published by mistake.
const (
	keyPrefix = "sk_"
	idLen     = 10
	secretLen = 32
	keyLen    = len(keyPrefix) + idLen + secretLen
	alphabet  = "0123456789abcdefghjkmnpqrstvwxyz"
)

// Scope is what a client may ask for; scopes are added up.
type Scope uint32

const (
	Judge      Scope = 1 << iota // have messages judged
	Metrics                      // read metrics
	Contracts                    // tell what becomes of contracts, and what they chose
	Reports                      // report
	Indicators                   // have indicators, as a partner
	scopeEnd
)

var scopeNames = [...]string{"judge", "metrics", "contracts", "reports", "indicators"}

// ParseScopes reads names of scopes.
func ParseScopes(names []string) (Scope, error) {
	var s Scope
next:
	for _, n := range names {
		for i, known := range scopeNames {
			if n == known {
				s |= 1 << i
				continue next
			}
		}
		return 0, fmt.Errorf("unknown scope %q: one of %s", n, strings.Join(scopeNames[:], ", "))
	}
	return s, nil
}

func (s Scope) String() string {
	var names []string
	for i, n := range scopeNames {
		if s&(1<<i) != 0 {
			names = append(names, n)
		}
	}
	return strings.Join(names, " ")
}

// Has reports whether all of want is in s.
func (s Scope) Has(want Scope) bool { return s&want == want }

// Key is what is kept of a client's key: enough to check it, nothing to use it with.
//
// The hash is a plain SHA-256. What makes hashing of passwords slow guards against guessing them; a secret of
// 160 random bits cannot be guessed, so slowness would only cost every request.
type Key struct {
	ID      string    // the characters after sk_ that name it
	Name    string    // whose it is
	Scopes  Scope     // what it may be used for
	Hash    string    // SHA-256 of the whole key, in hexadecimal
	Expires time.Time // zero for never
}

// CheckName reports whether a key may have the name: it is an account in records, metrics and logs.
func CheckName(name string) error {
	if len(name) == 0 || len(name) > 64 {
		return errors.New("a name has 1 to 64 characters")
	}
	for i := range len(name) {
		if c := name[i]; c <= ' ' || c > '~' {
			return errors.New("a name has letters, digits and signs of ASCII, and no spaces")
		}
	}
	return nil
}

// NewKey makes a key: the text to give to the client, once, and what to keep.
func NewKey(name string, scopes Scope) (text string, k Key) {
	var random [idLen + secretLen]byte
	rand.Read(random[:]) // never fails: crypto/rand ends the program instead
	b := make([]byte, 0, keyLen)
	b = append(b, keyPrefix...)
	for _, r := range random {
		b = append(b, alphabet[r&31])
	}
	sum := sha256.Sum256(b)
	return string(b), Key{ID: string(b[len(keyPrefix):][:idLen]), Name: name, Scopes: scopes, Hash: hex.EncodeToString(sum[:])}
}

// ErrKey is returned for a key that is none of ours, or no longer. It does not say which.
var ErrKey = errors.New("the API key is missing, unknown or expired")

// Client is who asked with a key.
type Client struct {
	ID     string // of the key
	Name   string
	Scopes Scope
}

// Keys are the keys in force. Its zero value knows none. Check may be called from anywhere at once, while
// Replace puts others in force.
type Keys struct {
	p atomic.Pointer[map[[idLen]byte]keptKey]
}

type keptKey struct {
	client  Client
	hash    [sha256.Size]byte
	expires time.Time
}

// Replace puts the keys in force instead of those before: all or, with an error, none.
func (k *Keys) Replace(keys []Key) error {
	m := make(map[[idLen]byte]keptKey, len(keys))
	for i, key := range keys {
		id, ok := parseID(key.ID)
		if !ok {
			return fmt.Errorf("API key %d: an id is %d characters of %s", i+1, idLen, alphabet)
		}
		if _, twice := m[id]; twice {
			return fmt.Errorf("API key %d: the id %s stands here twice", i+1, key.ID)
		}
		hash, err := hex.DecodeString(key.Hash)
		if err != nil || len(hash) != sha256.Size {
			return fmt.Errorf("API key %s: its hash is not 64 hexadecimal digits", key.ID)
		}
		if key.Name == "" || key.Scopes == 0 || key.Scopes >= scopeEnd {
			return fmt.Errorf("API key %s: it needs a name and a scope", key.ID)
		}
		m[id] = keptKey{Client{key.ID, key.Name, key.Scopes}, [sha256.Size]byte(hash), key.Expires}
	}
	k.p.Store(&m)
	return nil
}

// Check says whose key stands in an Authorization header ("Bearer sk_..."; RFC 6750 §2.1), or ErrKey.
func (k *Keys) Check(header string) (Client, error) { return k.check(header, time.Now()) }

func (k *Keys) check(header string, now time.Time) (Client, error) {
	text, ok := bearer(header)
	if !ok || len(text) != keyLen || text[:len(keyPrefix)] != keyPrefix {
		return Client{}, ErrKey
	}
	id, ok := parseID(text[len(keyPrefix):][:idLen])
	if !ok {
		return Client{}, ErrKey
	}
	var kept keptKey
	if m := k.p.Load(); m != nil {
		kept = (*m)[id]
	}
	// An unknown id is compared too, with the hash of nothing, so that time does not tell which ids exist.
	var b [keyLen]byte
	copy(b[:], text)
	sum := sha256.Sum256(b[:])
	if subtle.ConstantTimeCompare(sum[:], kept.hash[:]) != 1 || kept.client.ID == "" {
		return Client{}, ErrKey
	}
	if !kept.expires.IsZero() && !now.Before(kept.expires) {
		return Client{}, ErrKey
	}
	return kept.client, nil
}

// bearer takes the key from the header; the scheme's case does not matter (RFC 9110 §11.1).
func bearer(header string) (string, bool) {
	const scheme = "bearer "
	if len(header) > 256 || len(header) < len(scheme) || !strings.EqualFold(header[:len(scheme)], scheme) {
		return "", false
	}
	return strings.Trim(header[len(scheme):], " "), true
}

func parseID(s string) (id [idLen]byte, ok bool) {
	if len(s) != idLen {
		return id, false
	}
	for i := range len(s) {
		if strings.IndexByte(alphabet, s[i]) < 0 {
			return id, false
		}
		id[i] = s[i]
	}
	return id, true
}
