package engine

import (
	"fmt"
	"strings"
	"testing"

	"github.com/perduredb/perdure/internal/op"
)

// TestCommandWithoutMemoryChangesNothing refuses memory from a random point of a command on several
// elements of a large collection, as a single command and in a transaction that ignores the error.
func TestCommandWithoutMemoryChangesNothing(t *testing.T) {
	left := 1 << 40
	e, err := Open(t.Context(), Options{Databases: 1, SmallCollection: 1, MemoryLimit: func(n int) bool {
		left -= n
		return left >= 0
	}})
	if err != nil {
		t.Fatalf("Open = %v, want nil", err)
	}
	defer e.Close()
	do := func(text string) string {
		reply, err := e.Do(0, false, words(text))
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
			left = chunks * 4096
			reply := do(elements(1000*(chunks+1), 300))
			left = 1 << 40
			if strings.Contains(reply, "OOM") {
				refused++
				if got := do(c.count); got != want {
					t.Fatalf("%s after a refusal = %s, want %s", c.count, got, want)
				}
			}
			want = do(c.count)
			tx := new(Tx)
			err := e.Update(tx, 0, false, func() error {
				left = chunks * 4096
				_, _ = tx.Do(0, words(elements(1000000+1000*chunks, 300)))
				left = 1 << 40
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
