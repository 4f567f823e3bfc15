package record

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"
)

// SealKeys keeps the wrapped key of each day. Destroying a day's key erases every text sealed on it.
type SealKeys interface {
	// SealKey returns the wrapped key of a day, or ErrErased where there is none.
	SealKey(ctx context.Context, day int64) ([]byte, error)
	// AddSealKey keeps a wrapped key durably unless the day has one, and returns the one that is kept.
	AddSealKey(ctx context.Context, day int64, wrapped []byte) ([]byte, error)
}

// ErrErased is returned where a day's key was destroyed, ErrSealBroken where a sealed text was changed, belongs to another
// record, or was sealed by another installation.
var (
	ErrErased     = errors.New("the key of that day was destroyed: the text is erased")
	ErrSealBroken = errors.New("the seal is broken, or it is another installation's")
)

// Sealer encrypts texts by AES-256-GCM under a random key a day, itself wrapped under the installation's secret. It may be
// used by many goroutines.
type Sealer struct {
	master cipher.AEAD
	keys   SealKeys

	mu   sync.Mutex
	days map[int64]dayKey
}

// dayKey is what is made of the key of a day: for texts, and for the lines of evidence.
type dayKey struct {
	cipher.AEAD
	lines cipher.Block
}

// A sealed text: version (1), day (4), nonce (12), ciphertext and tag.
const (
	sealVersion = 1
	sealHead    = 5
	nonceLen    = 12
	// openDays is how many unwrapped day keys are kept in memory.
	openDays = 8
)

// NewSealer derives a Sealer from the installation's secret.
func NewSealer(secret []byte, keys SealKeys) (*Sealer, error) {
	k, err := derive(secret, "sekisho wrapping of sealing keys v1")
	if err != nil {
		return nil, fmt.Errorf("key for sealing: %w", err)
	}
	master, err := newGCM(k)
	if err != nil {
		return nil, err
	}
	return &Sealer{master: master, keys: keys, days: map[int64]dayKey{}}, nil
}

func newGCM(k []byte) (cipher.AEAD, error) {
	b, err := aes.NewCipher(k)
	if err != nil {
		return nil, fmt.Errorf("key for sealing: %w", err)
	}
	return cipher.NewGCM(b)
}

// SealDay is the day, counted from 1970 in UTC, whose key seals what is sealed at t.
func SealDay(t time.Time) int64 { return t.Unix() / 86400 }

// Seal encrypts text under the key of the day of t. The same about (the record's id) is needed to open it, so that
// sealed texts cannot be exchanged.
func (s *Sealer) Seal(ctx context.Context, t time.Time, text, about []byte) ([]byte, error) {
	day := SealDay(t)
	if day < 0 || day > 1<<31 {
		return nil, fmt.Errorf("seal: the clock is at %s", t.UTC().Format(time.DateOnly))
	}
	key, err := s.day(ctx, day, true)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	out := make([]byte, sealHead+nonceLen, sealHead+nonceLen+len(text)+key.Overhead())
	out[0] = sealVersion
	binary.LittleEndian.PutUint32(out[1:], uint32(day))
	nonce := out[sealHead:]
	rand.Read(nonce) // never fails since Go 1.24
	return key.Seal(out, nonce, text, bound(out[:sealHead], about)), nil
}

// Open decrypts what Seal sealed.
func (s *Sealer) Open(ctx context.Context, sealed, about []byte) ([]byte, error) {
	if len(sealed) < sealHead+nonceLen || sealed[0] != sealVersion {
		return nil, fmt.Errorf("open: %w", ErrSealBroken)
	}
	key, err := s.day(ctx, int64(binary.LittleEndian.Uint32(sealed[1:])), false)
	if err != nil {
		return nil, fmt.Errorf("open: %w", err)
	}
	nonce, rest := sealed[sealHead:sealHead+nonceLen], sealed[sealHead+nonceLen:]
	text, err := key.Open(nil, nonce, rest, bound(sealed[:sealHead], about))
	if err != nil {
		return nil, fmt.Errorf("open: %w", ErrSealBroken)
	}
	return text, nil
}

// Forget drops the keys of all days before day from memory; call it when they have been destroyed where they are kept.
func (s *Sealer) Forget(day int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for d := range s.days {
		if d < day {
			delete(s.days, d)
		}
	}
}

func bound(head, about []byte) []byte {
	return append(append(make([]byte, 0, len(head)+len(about)), head...), about...)
}

// Lines gives the cipher that lines of evidence of a day are enciphered with, made where create is set.
func (s *Sealer) Lines(ctx context.Context, day int64, create bool) (cipher.Block, error) {
	key, err := s.day(ctx, day, create)
	return key.lines, err
}

func (s *Sealer) day(ctx context.Context, day int64, create bool) (dayKey, error) {
	s.mu.Lock()
	key, ok := s.days[day]
	s.mu.Unlock()
	if ok {
		return key, nil
	}
	wrapped, err := s.keys.SealKey(ctx, day)
	if create && errors.Is(err, ErrErased) {
		if wrapped, err = s.wrap(day); err == nil {
			// Another process may have been first; its key counts.
			wrapped, err = s.keys.AddSealKey(ctx, day, wrapped)
		}
	}
	if err == nil {
		key, err = s.unwrap(day, wrapped)
	}
	if err != nil {
		return dayKey{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.days) >= openDays {
		clear(s.days)
	}
	s.days[day] = key
	return key, nil
}

func (s *Sealer) wrap(day int64) ([]byte, error) {
	var k [32]byte
	rand.Read(k[:])
	nonce := make([]byte, nonceLen)
	rand.Read(nonce)
	return s.master.Seal(nonce, nonce, k[:], binary.LittleEndian.AppendUint64(nil, uint64(day))), nil
}

func (s *Sealer) unwrap(day int64, wrapped []byte) (key dayKey, err error) {
	if len(wrapped) < nonceLen {
		return key, ErrSealBroken
	}
	k, err := s.master.Open(nil, wrapped[:nonceLen], wrapped[nonceLen:], binary.LittleEndian.AppendUint64(nil, uint64(day)))
	if err != nil {
		return key, ErrSealBroken
	}
	if key.AEAD, err = newGCM(k); err != nil {
		return key, err
	}
	lines, err := derive(k, "sekisho lines of evidence v1")
	if err == nil {
		key.lines, err = aes.NewCipher(lines)
	}
	return key, err
}

// LoadSecret reads the installation's secret from a file; where there is none the error is fs.ErrNotExist. Whoever loses
// it loses the held texts and the way from a number to its records; whoever copies it can read them.
func LoadSecret(path string) ([]byte, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("the secret %s is missing: %w", path, fs.ErrNotExist)
	}
	if err != nil {
		return nil, fmt.Errorf("read the secret: %w", err)
	}
	if info, err := os.Stat(path); err == nil && runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("the secret %s can be read by others: chmod 600 it", path)
	}
	secret, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(secret) != 32 {
		return nil, fmt.Errorf("the secret %s is not 64 hexadecimal digits", path)
	}
	return secret, nil
}

// SecretCheck is what a secret is known by: a database keeps it, so that another secret is not taken for its own. Nobody
// can go from it to the secret.
func SecretCheck(secret []byte) ([]byte, error) {
	return derive(secret, "sekisho check of the secret v1")
}

// MakeSecret makes a secret, readable by its owner only, or reads the one that is there. It writes the file under another
// name first, so that a crash leaves none or a whole one.
func MakeSecret(path string) ([]byte, error) {
	var secret [32]byte
	rand.Read(secret[:])
	f, err := os.CreateTemp(filepath.Dir(path), ".secret-*") // mode 0600
	if err != nil {
		return nil, fmt.Errorf("make a secret: %w", err)
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(hex.EncodeToString(secret[:]) + "\n")
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Link(f.Name(), path) // fails where somebody else was first
	}
	if errors.Is(err, fs.ErrExist) {
		return LoadSecret(path)
	}
	if err != nil {
		return nil, fmt.Errorf("make a secret: %w", err)
	}
	if d, err := os.Open(filepath.Dir(path)); err == nil {
		d.Sync() // the name, too, must outlive a power cut; not all systems can
		d.Close()
	}
	return secret[:], nil
}
