package record

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

type memoryKeys struct {
	mu   sync.Mutex
	days map[int64][]byte
}

func (m *memoryKeys) SealKey(_ context.Context, day int64) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if k := m.days[day]; k != nil {
		return k, nil
	}
	return nil, ErrErased
}

func (m *memoryKeys) AddSealKey(_ context.Context, day int64, wrapped []byte) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.days[day] == nil {
		m.days[day] = wrapped
	}
	return m.days[day], nil
}

func TestSealer(t *testing.T) {
	ctx := context.Background()
	secret := []byte("a secret of no account at all...")
	keys := &memoryKeys{days: map[int64][]byte{}}
	s := must(NewSealer(secret, keys))
	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	sealed, err := s.Seal(ctx, at, []byte("a text"), []byte("id-1"))
	if err != nil {
		t.Fatal(err)
	}
	again := must(NewSealer(secret, keys))
	if text, err := again.Open(ctx, sealed, []byte("id-1")); err != nil || string(text) != "a text" {
		t.Fatal(err)
	}
	if _, err := s.Open(ctx, sealed, []byte("id-2")); !errors.Is(err, ErrSealBroken) {
		t.Error("opened as another record's:", err)
	}
	sealed[len(sealed)-1] ^= 1
	if _, err := s.Open(ctx, sealed, []byte("id-1")); !errors.Is(err, ErrSealBroken) {
		t.Error("opened though changed:", err)
	}
	sealed[len(sealed)-1] ^= 1
	other := must(NewSealer([]byte("another secret, as good as that."), keys))
	if _, err := other.Open(ctx, sealed, []byte("id-1")); !errors.Is(err, ErrSealBroken) {
		t.Error("opened by another installation:", err)
	}
	delete(keys.days, SealDay(at))
	s.Forget(SealDay(at) + 1)
	if _, err := s.Open(ctx, sealed, []byte("id-1")); !errors.Is(err, ErrErased) {
		t.Error("opened though its key was destroyed:", err)
	}
	if _, err := s.Open(ctx, []byte("x"), nil); !errors.Is(err, ErrSealBroken) {
		t.Error(err)
	}
}

func TestLoadSecret(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	if _, err := LoadSecret(path); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a secret that is not there:", err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Fatal("reading made a secret")
	}
	one, err := MakeSecret(path)
	if err != nil {
		t.Fatal(err)
	}
	two, err := LoadSecret(path)
	if err != nil || string(one) != string(two) || len(one) != 32 {
		t.Fatal("the secret did not stay the same", err)
	}
	if again, err := MakeSecret(path); err != nil || string(again) != string(one) {
		t.Fatal("a secret that was there was made anew", err)
	}
	if c, d := must(SecretCheck(one)), must(SecretCheck([]byte("another secret, as good as that."))); string(c) == string(d) || string(c) == string(one) {
		t.Error("the check does not tell secrets apart, or is one")
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadSecret(path); err == nil {
		t.Error("a secret that others can read was taken")
	}
	if err := os.WriteFile(path, []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	os.Chmod(path, 0o600)
	if _, err := LoadSecret(path); err == nil {
		t.Error("half a secret was taken")
	}
}
