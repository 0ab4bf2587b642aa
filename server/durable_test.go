package server_test

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/internal/storefs"
	"github.com/perduredb/perdure/internal/vfs"
)

// openOn opens a store on a file system. It syncs each write.
func openOn(t *testing.T, fsys vfs.FS) *perdure.Store {
	t.Helper()
	s, err := perdure.Open("/data", storefs.Option(fsys), perdure.WithAppendLog(aof.New(aof.Fsync(aof.Always))),
		perdure.WithSaveRules(), perdure.WithAutoRecover(false))
	if err != nil {
		t.Fatalf("Open = %v, want nil", err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// TestRepliesAreDurable cuts the power after replies to pipelined writes and transactions. Every
// write with a reply is there, and transactions are whole.
func TestRepliesAreDurable(t *testing.T) {
	mem := vfs.NewMem("/data")
	c := dial(t, serve(t, openOn(t, mem)))
	for round := range 20 {
		c.send(strings.Repeat("INCR n\r\n", round) + "MULTI\r\nINCR a\r\nINCR b\r\nEXEC\r\n")
		var last string
		for range round {
			last = c.reply()
		}
		for range 4 {
			c.reply()
		}
		for _, kind := range []vfs.CrashKind{vfs.KeepNone, vfs.KeepAll, vfs.KeepSome} {
			after := openOn(t, mem.Crash(kind, uint64(round)))
			if round > 0 {
				want, _ := strconv.Atoi(strings.Trim(last, ":\r\n"))
				if got := counter(t, after, "n"); got < want {
					t.Errorf("n = %d after a crash, want the %d of the reply", got, want)
				}
			}
			if a, b := counter(t, after, "a"), counter(t, after, "b"); a != b || a != round+1 {
				t.Errorf("a, b = %d, %d after a crash, want %d", a, b, round+1)
			}
			after.Close()
		}
	}
}

func counter(t *testing.T, s *perdure.Store, key string) int {
	t.Helper()
	v, err := s.Get(key)
	n, err2 := strconv.Atoi(string(v))
	if err != nil && !errors.Is(err, perdure.ErrNotFound) || err == nil && err2 != nil {
		t.Fatalf("Get(%q) = %q, %v, want a number", key, v, err)
	}
	return n
}

// TestLogFailureReachesClients checks the reply to writes whose sync fails, and to later ones.
func TestLogFailureReachesClients(t *testing.T) {
	var broken atomic.Bool
	fsys := vfs.NewFault(vfs.NewMem("/data"), func(op vfs.Op) error {
		if broken.Load() && strings.HasSuffix(op.Kind, "sync") {
			return fmt.Errorf("disk is broken")
		}
		return nil
	})
	socket := serve(t, openOn(t, fsys))
	c := dial(t, socket)
	c.want("+OK\r\n", "SET", "k", "v")
	broken.Store(true)
	c.send("SET k 1\r\nSET k 2\r\nGET k\r\n")
	if got := c.rest(); !strings.HasPrefix(got, "-MISCONF ") || strings.Count(got, "\r\n") != 1 {
		t.Errorf("replies = %q, want one MISCONF and the end, because the outcome is unknown", got)
	}
	c = dial(t, socket)
	for _, words := range [][]string{{"SET", "k", "w"}, {"DEL", "k"}, {"FLUSHALL"}} {
		if got := c.do(words...); !strings.HasPrefix(got, "-MISCONF ") {
			t.Errorf("%q = %q, want MISCONF", words, got)
		}
	}
	c.want("$1\r\n2\r\n", "GET", "k")
	c.do("MULTI")
	if got := c.do("SET", "k", "w"); !strings.HasPrefix(got, "-MISCONF ") {
		t.Errorf("SET in MULTI = %q, want MISCONF", got)
	}
	c.want("-EXECABORT Transaction discarded because of previous errors.\r\n", "EXEC")
	if got := text(c.do("INFO", "persistence")); !strings.Contains(got, "aof_last_write_status:err") {
		t.Errorf("INFO persistence = %q, want aof_last_write_status:err", got)
	}
}
