// Package settings reads and writes our own files; TOML is read strictly: what it does not know, or cannot read, is one sentence
// that names the file, the line and the key.
package settings

import (
	"errors"
	"fmt"
	"net"
	"os"
	"reflect"
	"sort"
	"strconv"
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
		key := strings.Join(bad.Key(), ".")
		if key == "" {
			key = keyAt(text, line)
		}
		if key != "" {
			what = fmt.Sprintf("%q: %s", key, what)
		}
		return fmt.Errorf("%s line %d column %d: %s", name, line, column, what)
	}
	// The decoder does not say where a value was that its own type refused.
	line := lineOf(err, text, v)
	if line == 0 {
		return fmt.Errorf("%s: %w", name, err)
	}
	what := strings.TrimPrefix(err.Error(), "toml: ")
	if key := keyAt(text, line); key != "" {
		what = fmt.Sprintf("%q: %s", key, what)
	}
	return fmt.Errorf("%s line %d: %s", name, line, what)
}

// lineOf finds the line that reading stops at with err: the last of the shortest head of the text that gives the same
// error. What comes later is not looked at before, so that any longer head gives it too. 0: none does.
func lineOf(err error, text string, v any) int {
	heads := strings.SplitAfter(text, "\n")
	fails := func(n int) bool {
		fresh := reflect.New(reflect.TypeOf(v).Elem()).Interface()
		again := toml.NewDecoder(strings.NewReader(strings.Join(heads[:n], ""))).DisallowUnknownFields().Decode(fresh)
		return again != nil && again.Error() == err.Error()
	}
	n := sort.Search(len(heads), fails)
	if n == 0 || !fails(n) {
		return 0
	}
	return n
}

// keyAt is the key that a line gives a value, with the table it is in; empty where the line has no plain one.
func keyAt(text string, line int) string {
	lines := strings.Split(text, "\n")
	if line < 1 || line > len(lines) {
		return ""
	}
	key, _, found := strings.Cut(lines[line-1], "=")
	if key = strings.TrimSpace(key); !found || key == "" || strings.ContainsAny(key, "\"'[{#, ") {
		return ""
	}
	for i := line - 2; i >= 0; i-- {
		table := strings.TrimSpace(lines[i])
		if !strings.HasPrefix(table, "[") {
			continue
		}
		table, _, _ = strings.Cut(strings.TrimLeft(table, "["), "]")
		return strings.TrimSpace(table) + "." + key
	}
	return key
}

// CheckAddress says what is wrong with a host:port.
func CheckAddress(address string) error {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("%q is no host:port", address)
	}
	if n, err := strconv.ParseUint(port, 10, 64); err != nil || n > 65535 {
		return fmt.Errorf("%q: the port is a number up to 65535", address)
	}
	return nil
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
