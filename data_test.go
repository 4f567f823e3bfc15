package main

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sekisho/sekisho/store"
)

// A secret that is lost or exchanged is refused, and not made anew over what only the old one opens.
func TestSecretIsTheDatabases(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "secret")
	open := func(name string) *store.Store {
		s, err := store.Open(t.Context(), "sqlite:"+filepath.Join(dir, name), slog.New(slog.DiscardHandler), prometheus.NewRegistry())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return s
	}
	s := open("records.db")
	one, err := ownSecret(t.Context(), dir, s)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := ownSecret(t.Context(), dir, s); err != nil || string(again) != string(one) {
		t.Fatalf("the second start: %v", err)
	}
	refused := func(s *store.Store, what string) {
		t.Helper()
		_, err := ownSecret(t.Context(), dir, s)
		if err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "held messages") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", what, err)
		}
	}
	kept := filepath.Join(dir, "kept")
	if err := os.Rename(path, kept); err != nil {
		t.Fatal(err)
	}
	refused(s, "a secret that is missing")
	if _, err := os.Stat(path); err == nil {
		t.Fatal("it was made anew")
	}
	// A database that has sealed texts but no check yet.
	old := open("old.db")
	if _, err := old.AddSealKey(t.Context(), 20000, []byte("wrapped")); err != nil {
		t.Fatal(err)
	}
	refused(old, "a secret that is missing from an old database")
	write(t, path, strings.Repeat("ab", 32))
	os.Chmod(path, 0o600)
	refused(s, "another secret")
	if err := os.Rename(kept, path); err != nil {
		t.Fatal(err)
	}
	if back, err := ownSecret(t.Context(), dir, s); err != nil || string(back) != string(one) {
		t.Errorf("put back: %v", err)
	}
}

// What only looks leaves nothing behind, of a mistyped folder in particular.
func TestLookingMakesNothing(t *testing.T) {
	dir := t.TempDir()
	file, data := filepath.Join(dir, "sekisho.toml"), filepath.Join(dir, "sekisho-data")
	write(t, file, sampleConfig)
	write(t, filepath.Join(dir, "long.toml"), strings.Replace(sampleConfig, "./sekisho-data", "./"+strings.Repeat("x", 120), 1))
	for _, args := range [][]string{{"find", "-id", "x"}, {"find", "-to", "+819012345678"}, {"key", "list"}, {"key", "revoke", "x"}} {
		bad(t, 1, "", append(args, "-c", file), "data: ", data)
		if _, err := os.Stat(data); err == nil {
			t.Fatalf("%v made the data folder", args)
		}
	}
	if err := claimData(data); err != nil && !strings.Contains(err.Error(), "too long") {
		t.Fatal(err)
	} else if err != nil {
		t.Skip("the temporary folder has a long name: ", err)
	}
	bad(t, 1, "", []string{"key", "list", "-c", file}, "data: ", "records.db")
	bad(t, 1, "", []string{"migrate", "-c", filepath.Join(dir, "long.toml")}, "data: ", "too long")
	good(t, "", "migrate", "-c", file)
	good(t, "", "key", "list", "-c", file)
	bad(t, 1, "", []string{"find", "-to", "+819012345678", "-c", file}, "secret", "is missing")
	if _, err := os.Stat(filepath.Join(data, "secret")); err == nil {
		t.Error("find made a secret")
	}
	if os.Getuid() == 0 {
		return // whom no permission stops
	}
	if err := os.Chmod(data, 0o500); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(data, 0o700)
	bad(t, 1, "", []string{"migrate", "-c", file}, "data: ", "cannot be written")
}
