//go:build !unix

package campaign

import "os"

// makeFIFO makes a directory on systems without FIFOs.
func makeFIFO(path, _ string) error { return os.Mkdir(path, 0o700) }
