//go:build !unix

package stream

import (
	"io"
	"os"
)

// lockFile only opens the file: there is no lock here that the system would take back from a dead process.
func lockFile(path string) (io.Closer, error) { return os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600) }
