package settings

import (
	"errors"
	"os"
	"path/filepath"
)

// Pending is a file that appears under its name when all of it has been written, and not before.
type Pending struct {
	*os.File
	path string
	done bool
}

// NewPending begins a file beside path, which only its owner reads.
func NewPending(path string) (*Pending, error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return nil, err
	}
	return &Pending{File: f, path: path}, nil
}

// Keep gives the file its name, in place of one that has it.
func (p *Pending) Keep() error {
	p.done = true
	err := errors.Join(p.Sync(), p.File.Close())
	if err == nil {
		err = os.Rename(p.Name(), p.path)
	}
	if err != nil {
		os.Remove(p.Name())
	}
	return err
}

// Close takes the file away where it was not kept.
func (p *Pending) Close() error {
	if p.done {
		return nil
	}
	p.done = true
	return errors.Join(p.File.Close(), os.Remove(p.Name()))
}
