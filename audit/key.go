package audit

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// KeyFile is the name of the key's file in the data folder.
const KeyFile = "ledger.key"

// Key signs checkpoints.
type Key struct {
	signer   note.Signer
	verifier note.Verifier
	public   string
}

// Origin is the name of the log: the first line of its checkpoints.
func (k *Key) Origin() string { return k.verifier.Name() }

// Public is the public key as `sekisho audit key` prints it and ParsePublic reads it.
func (k *Key) Public() string { return k.public }

// Verifier checks signatures of the key.
func (k *Key) Verifier() note.Verifier { return k.verifier }

// ParsePublic reads a public key.
func ParsePublic(s string) (note.Verifier, error) {
	v, err := note.NewVerifier(strings.TrimSpace(s))
	if err != nil {
		return nil, errors.New("not the public key of a ledger (NAME+8 digits+base64, as `sekisho audit key` prints it)")
	}
	return v, nil
}

// NewKey makes a key from a seed of 32 octets. The name stands in every checkpoint; without one it is sekisho/ and 8 digits of the public key.
func NewKey(name string, seed []byte) (*Key, error) {
	if len(seed) != ed25519.SeedSize {
		return nil, fmt.Errorf("key of the ledger: the seed has %d octets, not %d", len(seed), ed25519.SeedSize)
	}
	private := ed25519.NewKeyFromSeed(seed)
	public := private.Public().(ed25519.PublicKey)
	if name == "" {
		sum := sha256.Sum256(public)
		name = "sekisho/" + hex.EncodeToString(sum[:4])
	}
	if err := checkOrigin(name); err != nil {
		return nil, fmt.Errorf("key of the ledger: %w", err)
	}
	text, err := note.NewEd25519VerifierKey(name, public)
	if err != nil {
		return nil, fmt.Errorf("key of the ledger: %w", err)
	}
	v, err := note.NewVerifier(text)
	if err != nil {
		return nil, fmt.Errorf("key of the ledger: %w", err)
	}
	return &Key{signer{v, private}, v, text}, nil
}

// checkOrigin: what note wants of a name, and nothing that a mail's subject or a line of a file could be broken by.
func checkOrigin(name string) error {
	if len(name) > 80 {
		return errors.New("the name of the ledger is longer than 80 octets")
	}
	for _, r := range name {
		if r <= ' ' || r > '~' || r == '+' {
			return errors.New("the name of the ledger is ASCII without spaces and +, such as ledger.example.jp/sms")
		}
	}
	return nil
}

type signer struct {
	note.Verifier
	key ed25519.PrivateKey
}

func (s signer) Sign(msg []byte) ([]byte, error) { return ed25519.Sign(s.key, msg), nil }

// LoadKey reads the key's file: the name and the seed in hexadecimal, a line each.
func LoadKey(path string) (*Key, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("the key of the ledger %s is missing: %w", path, fs.ErrNotExist)
	}
	if err != nil {
		return nil, fmt.Errorf("read the key of the ledger: %w", err)
	}
	if info, err := os.Stat(path); err == nil && runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("the key of the ledger %s can be read by others: chmod 600 it", path)
	}
	name, digits, _ := strings.Cut(string(text), "\n")
	seed, err := hex.DecodeString(strings.TrimSpace(digits))
	if err != nil || len(seed) != ed25519.SeedSize || name == "" {
		return nil, fmt.Errorf("the key of the ledger %s is not a name and 64 hexadecimal digits, a line each", path)
	}
	k, err := NewKey(name, seed)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return k, nil
}

// OpenKey reads the key, or makes one where there is none yet. The name is of a new key; one that is there keeps its own. The file is written under
// another name first, so that a crash leaves none or a whole one.
func OpenKey(path, name string) (*Key, error) {
	k, err := LoadKey(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return k, err
	}
	seed := make([]byte, ed25519.SeedSize)
	rand.Read(seed)
	if k, err = NewKey(name, seed); err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".ledger-*") // mode 0600
	if err != nil {
		return nil, fmt.Errorf("make the key of the ledger: %w", err)
	}
	defer os.Remove(f.Name())
	_, err = fmt.Fprintf(f, "%s\n%s\n", k.Origin(), hex.EncodeToString(seed))
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Link(f.Name(), path) // fails where somebody else was first
	}
	if errors.Is(err, fs.ErrExist) {
		return LoadKey(path)
	}
	if err != nil {
		return nil, fmt.Errorf("make the key of the ledger: %w", err)
	}
	return k, syncDir(filepath.Dir(path))
}

func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil // which cannot
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
