package rdb_test

import (
	"testing"

	"github.com/perduredb/perdure/rdb"
	"github.com/perduredb/perdure/snapshot"
	"github.com/perduredb/perdure/storetest"
)

func TestDumpConforms(t *testing.T) {
	for name, opts := range map[string][]rdb.Option{
		"default":     nil,
		"no checksum": {rdb.Checksum(false)},
		"version 11":  {rdb.Version(11), rdb.Compression(false), rdb.Filename("other.rdb")},
	} {
		t.Run(name, func(t *testing.T) {
			storetest.Snapshotter(t, func(string) snapshot.Snapshotter { return rdb.New(opts...) })
		})
	}
}
