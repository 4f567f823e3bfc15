//go:build unix

package pending

import (
	"os"
	"syscall"
)

// lockFile holds the file for this process alone, until it is closed or the process ends.
func lockFile(f *os.File) error { return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) }
