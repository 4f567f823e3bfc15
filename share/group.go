package share

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
)

// Group is the key that a group of operators shares, by which text families are told among them. A family's own signature can be computed
// from a text by whoever guesses the text; the keyed one only within the group. Its zero value is no group.
type Group struct{ key [32]byte }

// NewGroup makes a group of a key of 32 octets in hexadecimal.
func NewGroup(key string) (Group, error) {
	var g Group
	b, err := hex.DecodeString(key)
	if err != nil || len(b) != len(g.key) {
		return Group{}, errGroup
	}
	copy(g.key[:], b)
	if g.zero() {
		return Group{}, errGroup
	}
	return g, nil
}

var errGroup = errors.New("a group's key is 64 hexadecimal digits, not all zero")

func (g Group) zero() bool { return g == Group{} }

// family is the family's name within the group: 32 hexadecimal digits of HMAC-SHA-256 (RFC 2104).
func (g Group) family(value string) string {
	m := hmac.New(sha256.New, g.key[:])
	m.Write([]byte("sekisho text family\x00"))
	m.Write([]byte(value))
	return hex.EncodeToString(m.Sum(nil)[:16])
}

// Family is the name within the group of a family that we know by its own signature, 16 hexadecimal digits: to see whether what a partner
// tells is what we see here.
func (g Group) Family(value string) string { return g.family(value) }
