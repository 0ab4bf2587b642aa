package aof_test

import (
	"testing"

	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/appendlog"
	"github.com/perduredb/perdure/storetest"
)

// TestLogKeepsItsDuties omits Checksums(false): without checksums, a torn page cannot be
// distinguished from damage. The suite opens thousands of logs in memory. The tail file is small,
// so that they fit into the address space of a 32-bit process.
func TestLogKeepsItsDuties(t *testing.T) {
	small := aof.RingSize(96 << 10)
	for name, opts := range map[string][]aof.Option{
		"ring":                 {small},
		"direct":               {aof.LogMode(aof.Direct)},
		"always":               {aof.Fsync(aof.Always)},
		"base of commands":     {small, aof.RDBBase(false)},
		"timestamps, no fsync": {small, aof.Timestamps(true), aof.Fsync(aof.No)},
	} {
		t.Run(name, func(t *testing.T) {
			if testing.Short() && name != "ring" && name != "always" {
				t.Skip("takes minutes under the race detector")
			}
			storetest.AppendLog(t, func(string) appendlog.AppendLog { return aof.New(opts...) })
		})
	}
}
