// Package integration_test tests whole stores: the table, the log, and the dumps together. The
// tests of the root package document its API.
package integration_test

import "github.com/perduredb/perdure/internal/storecheck"

// The tests share these helpers with those of the root package.
var (
	open          = storecheck.Open
	memory        = storecheck.Memory
	snapshotsOnly = storecheck.SnapshotsOnly
	logOnly       = storecheck.LogOnly
	ok            = storecheck.OK
	is            = storecheck.Is
	want          = storecheck.Want
	absent        = storecheck.Absent
	frame         = storecheck.Frame
	resp          = storecheck.Frames
)
