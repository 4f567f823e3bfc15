package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sekisho/sekisho/gate"
	"github.com/sekisho/sekisho/record"
	"github.com/sekisho/sekisho/store"
)

// dataMark tells our data folder from any other.
const (
	dataMark   = "SEKISHO"
	markedWith = "data of Sekisho, version 1\n"
)

// maxSocket is how long the path of the control socket may be, in octets: systems have room for 103 to 107.
const maxSocket = 100

func (p *program) startData(context.Context) error {
	if err := claimData(p.cfg.Data); err != nil {
		return err
	}
	if c, err := net.Dial("unix", socketPath(p.cfg.Data)); err == nil {
		c.Close()
		return fmt.Errorf("data: another sekisho runs in %s", p.cfg.Data)
	}
	return nil
}

// claimData makes the data folder, or checks that it is one of ours and can be written.
func claimData(dir string) error {
	if n := len(socketPath(dir)); n > maxSocket {
		return fmt.Errorf("data: %s is too long a path: that of the socket in it has %d octets, and %d is the most; name another folder", dir, n, maxSocket)
	}
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		err = os.MkdirAll(dir, 0o700)
	}
	if err != nil {
		return fmt.Errorf("data: %w", err)
	}
	if err := checkMark(dir); errors.Is(err, fs.ErrNotExist) {
		if len(entries) > 0 {
			return fmt.Errorf("data: %s is not empty and not ours (it has no file %s); name another folder", dir, dataMark)
		}
		if err := os.WriteFile(filepath.Join(dir, dataMark), []byte(markedWith), 0o600); err != nil {
			return fmt.Errorf("data: %w", err)
		}
	} else if err != nil {
		return err
	}
	// What comes next would fail one after the other, each with a cause of its own invention.
	f, err := os.CreateTemp(dir, ".try-*")
	if err != nil {
		if bad, ok := errors.AsType[*fs.PathError](err); ok {
			err = bad.Err // without the name of a file that nobody knows
		}
		return fmt.Errorf("data: %s cannot be written: %w", dir, err)
	}
	f.Close()
	os.Remove(f.Name())
	return nil
}

// checkMark checks that a folder is ours; fs.ErrNotExist where it has no mark.
func checkMark(dir string) error {
	mark, err := os.ReadFile(filepath.Join(dir, dataMark))
	if err != nil {
		return fmt.Errorf("data: %w", err)
	}
	if string(mark) != markedWith {
		return fmt.Errorf("data: %s was made by another version of Sekisho", dir)
	}
	return nil
}

// openStore opens the database for a command. Only what is to leave something behind may create: a command that looks
// something up would otherwise answer, of a mistyped folder, that there is nothing.
func openStore(ctx context.Context, cfg *Config, io streams, create bool) (*store.Store, error) {
	if create {
		if err := claimData(cfg.Data); err != nil {
			return nil, err
		}
	} else if err := checkMark(cfg.Data); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("data: %s is no data folder of Sekisho; `sekisho serve` makes one", cfg.Data)
	} else if err != nil {
		return nil, err
	} else if path, ok := strings.CutPrefix(cfg.dsn(), "sqlite:"); ok {
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("data: there is no database %s yet; `sekisho serve` makes one", path)
		}
	}
	s, err := store.Open(ctx, cfg.dsn(), slog.New(slog.NewTextHandler(io.err, nil)), prometheus.NewRegistry())
	if err != nil && cfg.Store.DSN == "" {
		err = fmt.Errorf("data: %w", err) // the database is in the folder
	}
	return s, err
}

// storeOf opens the store that a configuration file names.
func storeOf(ctx context.Context, config string, io streams, create bool) (Config, *store.Store, error) {
	cfg, err := readConfig(config)
	if err != nil {
		return cfg, nil, err
	}
	s, err := openStore(ctx, &cfg, io, create)
	if err != nil {
		return cfg, nil, err
	}
	policy, err := cfg.readPolicy()
	if err != nil { // what is done here says on what ground it stands, where a policy can be read
		policy = &gate.Policy{}
	}
	if _, err = setLedger(s, &cfg, func() *gate.Policy { return policy }); err != nil {
		s.Close()
		return cfg, nil, err
	}
	return cfg, s, nil
}

// secretCheck is the setting by which a database knows its secret.
const secretCheck = "secret-check"

// ownSecret is the installation's secret, which is made where the database has not seen one yet. One that is lost or
// exchanged must not go unnoticed: held texts could no more be opened, and no number would lead to its records.
func ownSecret(ctx context.Context, dir string, s *store.Store) ([]byte, error) {
	path := filepath.Join(dir, "secret")
	const lost = "without it held messages cannot be opened or released, and no number leads to its records; put it back from a backup, or begin anew with an empty data folder and database"
	_, err := s.Setting(ctx, secretCheck)
	known := err == nil
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	if !known { // databases of before the check, too, may hold sealed texts
		if known, err = s.Sealed(ctx); err != nil {
			return nil, err
		}
	}
	secret, err := record.LoadSecret(path)
	if errors.Is(err, fs.ErrNotExist) {
		if known {
			return nil, fmt.Errorf("data: the secret %s is missing: %s", path, lost)
		}
		secret, err = record.MakeSecret(path)
	}
	if err != nil {
		return nil, fmt.Errorf("data: %w", err)
	}
	check, err := record.SecretCheck(secret)
	if err != nil {
		return nil, err
	}
	kept, err := s.AddSetting(ctx, secretCheck, check, time.Now().UnixMicro())
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(kept, check) {
		return nil, fmt.Errorf("data: %s is not the secret that this database was written with: %s", path, lost)
	}
	return secret, nil
}
