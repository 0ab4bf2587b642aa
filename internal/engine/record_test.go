//go:build !perdure_heap

package engine

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/perduredb/perdure/appendlog"
	"github.com/perduredb/perdure/internal/op"
)

// discardLog is a log that writes nothing.
type discardLog struct{ appendlog.AppendLog }

func (discardLog) Append(_, _ int, _ []byte) appendlog.Position { return 0 }

func (discardLog) Commit(appendlog.Position, bool) error { return nil }

// TestRecordsOfLongValuesAreFreed sets a long value in every shard, and checks that the shards do
// not retain their log records.
func TestRecordsOfLongValuesAreFreed(t *testing.T) {
	e, err := Open(t.Context(), Options{Databases: 1})
	if err != nil {
		t.Fatalf("Open = %v, want nil", err)
	}
	defer e.Close()
	setLog := func(log appendlog.AppendLog) {
		e.table.LockAll()
		e.log = log
		e.table.UnlockAll()
	}
	setLog(discardLog{})
	defer setLog(nil)
	value := make([]byte, op.LargeValue)
	set := func(value []byte) {
		shards := map[int]bool{}
		for i := 0; len(shards) < e.table.NumShards(); i++ {
			key := fmt.Sprint("key:", i)
			shard := e.table.ShardIndex(e.table.Hash(key))
			if shards[shard] {
				continue
			}
			shards[shard] = true
			if err := e.Call(0, false, &op.Call{Code: op.Set, Key: key, Value: value}); err != nil {
				t.Fatalf("Set of %d bytes = %v, want nil", len(value), err)
			}
		}
	}
	heap := func() int64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	set(nil)
	before := heap()
	set(value)
	if grown := heap() - before; grown > int64(len(value)*e.table.NumShards()/2) {
		t.Errorf("heap after a value of %d bytes in %d shards grew by %d bytes, want less",
			len(value), e.table.NumShards(), grown)
	}
}
