//go:build !unix

package campaign

import "os"

// makeFIFO makes a directory where there are no FIFOs.
func makeFIFO(path, _ string) error { return os.Mkdir(path, 0o700) }
