//go:build !linux

package integration_test

import "testing"

// peakMemory returns the peak resident memory of the process, if the operating system reports it.
func peakMemory(*testing.T) int64 { return 0 }
