//go:build !unix

package pending

import "os"

// lockFile does nothing: there is no lock here that the system would take back from a dead process.
func lockFile(*os.File) error { return nil }
