package engine

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/perduredb/perdure/internal/op"
)

// plenty is more memory than a test needs.
const plenty = 1 << 40

// scarce is a store without files whose memory can be limited.
type scarce struct {
	t    *testing.T
	e    *Engine
	left atomic.Int64
}

func newScarce(t *testing.T, small int) *scarce {
	t.Helper()
	s := &scarce{t: t}
	s.left.Store(plenty)
	var err error
	s.e, err = Open(context.Background(), Options{Databases: 1, SmallCollection: small, MemoryLimit: func(n int) bool {
		return s.left.Add(-int64(n)) >= 0
	}})
	if err != nil {
		t.Fatalf("Open = %v, want nil", err)
	}
	t.Cleanup(func() { s.e.Close() })
	return s
}

// do executes a command with all memory.
func (s *scarce) do(command string) string {
	s.t.Helper()
	return execute(s.t, s.e, command)
}

// execute executes a command of words without spaces, and returns its reply.
func execute(t *testing.T, e *Engine, command string) string {
	t.Helper()
	reply, err := e.Do(t.Context(), 0, false, words(command))
	if err != nil {
		t.Fatalf("%.40s = %v, want nil", command, err)
	}
	return string(reply)
}

// all returns the replies to queries.
func (s *scarce) all(queries []string) (replies []string) {
	s.t.Helper()
	for _, q := range queries {
		replies = append(replies, s.do(q))
	}
	return replies
}

// try executes a command with a number of bytes of memory, in a transaction that ignores its error
// if tx is set. It reports whether the command, or the transaction, was refused.
func (s *scarce) try(command string, memory int64, tx bool) (refused bool) {
	s.t.Helper()
	var reply []byte
	var err error
	s.left.Store(memory)
	if tx {
		t := new(Tx)
		err = s.e.Update(t, 0, false, func() error {
			reply, _ = t.Do(0, words(command))
			return nil
		})
	} else {
		reply, err = s.e.Do(s.t.Context(), 0, false, words(command))
	}
	s.left.Store(plenty)
	if err != nil && err != op.ErrNoMemory {
		s.t.Fatalf("%s = %v, want nil or ErrNoMemory", command, err)
	}
	return err != nil || strings.Contains(string(reply), "OOM")
}

func words(text string) (all [][]byte) {
	for _, w := range strings.Fields(text) {
		all = append(all, []byte(w))
	}
	return all
}
