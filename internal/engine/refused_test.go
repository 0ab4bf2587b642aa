package engine

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/perduredb/perdure/internal/op"
)

// plenty is more memory than a test needs.
const plenty = 1 << 40

// TestCommandWithoutMemoryChangesNothing refuses memory from a random point of a command on several
// elements of a large collection, as a single command and in a transaction that ignores the error.
func TestCommandWithoutMemoryChangesNothing(t *testing.T) {
	var left atomic.Int64
	left.Store(plenty)
	e, err := Open(t.Context(), Options{Databases: 1, SmallCollection: 1, MemoryLimit: func(n int) bool {
		return left.Add(-int64(n)) >= 0
	}})
	if err != nil {
		t.Fatalf("Open = %v, want nil", err)
	}
	defer e.Close()
	do := func(text string) string {
		reply, err := e.Do(t.Context(), 0, false, words(text))
		if err != nil {
			return err.Error()
		}
		return strings.TrimSpace(string(reply))
	}
	for _, c := range []struct{ add, count string }{
		{"HSET h", "HLEN h"}, {"SADD s", "SCARD s"}, {"RPUSH l", "LLEN l"}, {"ZADD z", "ZCARD z"},
	} {
		elements := func(from, n int) string {
			text := c.add
			for i := from; i < from+n; i++ {
				text += fmt.Sprintf(" %d member:%d", i, i)
			}
			return text
		}
		do(elements(0, 500))
		refused, broken := 0, 0
		for chunks := range 40 {
			want := do(c.count)
			left.Store(int64(chunks * 4096))
			reply := do(elements(1000*(chunks+1), 300))
			left.Store(plenty)
			if strings.Contains(reply, "OOM") {
				refused++
				if got := do(c.count); got != want {
					t.Fatalf("%s after a refusal = %s, want %s", c.count, got, want)
				}
			}
			want = do(c.count)
			tx := new(Tx)
			err := e.Update(tx, 0, false, func() error {
				left.Store(int64(chunks * 4096))
				_, _ = tx.Do(0, words(elements(1000000+1000*chunks, 300)))
				left.Store(plenty)
				return nil
			})
			if err != nil {
				broken++
				if got := do(c.count); got != want || err != op.ErrNoMemory {
					t.Fatalf("%s after Update = %v is %s, want %s", c.count, err, got, want)
				}
			}
			if err := e.CheckTable(); err != nil {
				t.Fatalf("%s: %v", c.add, err)
			}
		}
		if refused == 0 || broken == 0 {
			t.Errorf("%s: %d refusals, %d in transactions, want some of both", c.add, refused, broken)
		}
	}
}

func words(text string) (all [][]byte) {
	for _, w := range strings.Fields(text) {
		all = append(all, []byte(w))
	}
	return all
}

// TestSmallCommandWithoutMemory refuses memory from a random point of commands that change one
// element of a large collection, or pop some, while a snapshot and other pins make them copy pages.
func TestSmallCommandWithoutMemory(t *testing.T) {
	var left atomic.Int64
	left.Store(plenty)
	e, err := Open(t.Context(), Options{Databases: 1, SmallCollection: 1, MemoryLimit: func(n int) bool {
		return left.Add(-int64(n)) >= 0
	}})
	if err != nil {
		t.Fatalf("Open = %v, want nil", err)
	}
	defer e.Close()
	text := "ZADD z"
	for i := range 2000 {
		text += fmt.Sprintf(" %d member:%d", i, i)
	}
	if _, err := e.Do(t.Context(), 0, false, words(text)); err != nil {
		t.Fatal(err)
	}
	count := func(command string) string {
		reply, err := e.Do(t.Context(), 0, false, words(command))
		if err != nil {
			t.Fatal(err)
		}
		return string(reply)
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				e.table.UnpinTrees(e.table.PinTrees())
			}
		}
	}()
	defer func() { close(stop); <-stopped }()
	refused := 0
	for round := range 100 {
		h, err := e.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		for i, command := range []string{
			"ZADD z %d member:%d", "ZINCRBY z %d member:%d", "ZADD z %d new:%d", "ZMPOP 1 z MIN COUNT 3", "ZPOPMAX z 2", "BZPOPMIN z 0",
			"ZREM z member:%[2]d", "ZREM z member:%[1]d member:%[2]d",
		} {
			if strings.Contains(command, "%") {
				command = fmt.Sprintf(command, round*7%1000, round*13%2000)
			}
			before := count("ZCARD z")
			left.Store(int64((round*8 + i) % 11 * 4096))
			reply, err := e.Do(t.Context(), 0, false, words(command))
			left.Store(plenty)
			if err != nil || strings.Contains(string(reply), "OOM") {
				refused++
				if n := count("ZCARD z"); n != before {
					t.Fatalf("ZCARD after a refusal of %s = %q, want %q", command, n, before)
				}
			}
			if err := e.CheckTable(); err != nil {
				t.Fatalf("%s: %v", command, err)
			}
			if n, m := count("ZCARD z"), count("ZCOUNT z -inf +inf"); n != m {
				t.Fatalf("%s: ZCARD and ZCOUNT are %q and %q, want one number", command, n, m)
			}
		}
		h.Close()
	}
	if refused == 0 {
		t.Error("no command was refused, want some")
	}
}
