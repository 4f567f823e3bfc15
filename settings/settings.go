// Package settings reads and writes our own files; TOML is read strictly: what it does not know, or cannot read, is one sentence
// that names the file, the line and the key.
package settings

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/google/renameio/v2/maybe"
	"github.com/pelletier/go-toml/v2"
)

// maxFile bounds a settings file in octets.
const maxFile = 4 << 20

// ReadFile reads the file into v, a pointer to a struct that may hold defaults.
func ReadFile(path string, v any) error {
	f, err := os.Stat(path)
	if err != nil {
		return err
	}
	if f.Size() > maxFile {
		return fmt.Errorf("%s: %d octets are more than a settings file may have (%d)", path, f.Size(), maxFile)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return Read(path, string(b), v)
}

// Read reads text into v; name stands for the file in errors.
func Read(name, text string, v any) error {
	err := toml.NewDecoder(strings.NewReader(text)).DisallowUnknownFields().Decode(v)
	if err == nil {
		return nil
	}
	if strict, ok := errors.AsType[*toml.StrictMissingError](err); ok && len(strict.Errors) > 0 {
		line, _ := strict.Errors[0].Position()
		return fmt.Errorf("%s line %d: unknown key %q", name, line, strings.Join(strict.Errors[0].Key(), "."))
	}
	if bad, ok := errors.AsType[*toml.DecodeError](err); ok {
		line, column := bad.Position()
		what := strings.TrimPrefix(bad.Error(), "toml: ")
		if key := strings.Join(bad.Key(), "."); key != "" {
			what = fmt.Sprintf("%q: %s", key, what)
		}
		return fmt.Errorf("%s line %d column %d: %s", name, line, column, what)
	}
	return fmt.Errorf("%s: %w", name, err)
}

// Duration is a time that is written "30s" or "5m" in a settings file.
type Duration struct{ time.Duration }

// UnmarshalText reads a duration of 0 or more.
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	if err != nil || v < 0 {
		return fmt.Errorf("%q is no duration such as \"30s\" or \"5m\"", b)
	}
	d.Duration = v
	return nil
}

// MarshalText writes it.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// WriteFile writes a file whole or not at all: a reader, and a crash, find the old one or the new one. Windows cannot
// promise that.
func WriteFile(path string, b []byte) error { return maybe.WriteFile(path, b, 0o600) }
