package engine

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/perduredb/perdure/internal/resp"
)

// TestMoveWithoutMemoryKeepsElement refuses memory from a random point of commands that move an
// element between two collections, or around one, of any size, while a snapshot makes each of them
// copy pages. A refused command must change nothing, and count no change.
func TestMoveWithoutMemoryKeepsElement(t *testing.T) {
	var left atomic.Int64
	left.Store(plenty)
	e, err := Open(t.Context(), Options{Databases: 1, SmallCollection: 200, MemoryLimit: func(n int) bool {
		return left.Add(-int64(n)) >= 0
	}})
	if err != nil {
		t.Fatalf("Open = %v, want nil", err)
	}
	defer e.Close()
	do := func(command string) string {
		t.Helper()
		reply, err := e.Do(t.Context(), 0, false, words(command))
		if err != nil {
			t.Fatalf("%.40s = %v", command, err)
		}
		return string(reply)
	}
	fill := func(add, key string, n int) {
		text := add + " " + key
		for i := range n {
			text += fmt.Sprintf(" %s:%d", key, i)
		}
		if do("DEL " + key); n > 0 {
			do(text)
		}
	}
	refused := 0
	for round := range 5 {
		for _, c := range []struct{ add, read, move string }{
			{"RPUSH", "LRANGE %s 0 -1", "LMOVE from to LEFT RIGHT"},
			{"RPUSH", "LRANGE %s 0 -1", "LMOVE from from LEFT RIGHT"},
			{"RPUSH", "LRANGE %s 0 -1", "RPOPLPUSH from to"},
			{"RPUSH", "LRANGE %s 0 -1", "BLMOVE from to RIGHT RIGHT 0"},
			{"SADD", "SMEMBERS %s", "SMOVE from to from:0"},
		} {
			for i, sizes := range [][2]int{{500, 500}, {500, 5}, {5, 500}, {5, 5}, {1, 500}, {500, 0}, {1, 0}, {500, 24}} {
				fill(c.add, "from", sizes[0])
				fill(c.add, "to", sizes[1])
				h, err := e.Snapshot()
				if err != nil {
					t.Fatal(err)
				}
				state := func() string { return do(fmt.Sprintf(c.read, "from")) + do(fmt.Sprintf(c.read, "to")) }
				before, dirty := state(), e.sumDirty()
				left.Store(int64((round*8 + i) % 7 * 4096))
				reply, _ := resp.Decode([]byte(do(c.move)))
				left.Store(plenty)
				if strings.HasPrefix(string(reply.Text), "OOM") {
					refused++
					if after := state(); after != before {
						t.Fatalf("%s of %d to %d elements without memory changed them", c.move, sizes[0], sizes[1])
					}
					if n := e.sumDirty(); n != dirty {
						t.Fatalf("%s of %d to %d elements without memory counted %d changes", c.move, sizes[0], sizes[1], n-dirty)
					}
				}
				h.Close()
				if err := e.CheckTable(); err != nil {
					t.Fatalf("%s of %d to %d elements: %v", c.move, sizes[0], sizes[1], err)
				}
			}
		}
	}
	if refused == 0 {
		t.Error("no command was refused, want some")
	}
}
