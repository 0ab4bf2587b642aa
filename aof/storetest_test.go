package aof_test

import (
	"testing"

	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/appendlog"
	"github.com/perduredb/perdure/storetest"
)

// TestLogKeepsItsDuties leaves out Checksums(false): without them a torn page is not told from
// damage.
func TestLogKeepsItsDuties(t *testing.T) {
	for name, opts := range map[string][]aof.Option{
		"ring":                 nil,
		"direct":               {aof.LogMode(aof.Direct)},
		"always":               {aof.Fsync(aof.Always)},
		"base of commands":     {aof.RDBBase(false)},
		"timestamps, no fsync": {aof.Timestamps(true), aof.Fsync(aof.No)},
	} {
		t.Run(name, func(t *testing.T) {
			storetest.AppendLog(t, func(string) appendlog.AppendLog { return aof.New(opts...) })
		})
	}
}
