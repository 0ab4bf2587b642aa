package server_test

import (
	"errors"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/internal/redistest"
	"github.com/perduredb/perdure/internal/resp"
)

// TestWatch checks that EXEC fails exactly if another client has changed a watched key.
func TestWatch(t *testing.T) {
	store := memory(t)
	socket := serve(t, store)
	c, other := dial(t, socket), dial(t, socket)
	for name, change := range map[string][]string{
		"set": {"SET", "k", "v"}, "same value": {"SET", "k", "old"}, "incr": {"INCR", "n"}, "delete": {"DEL", "k"}, "expire": {"EXPIRE", "k", "100"},
		"mset": {"MSET", "x", "1", "k", "2"}, "rename": {"RENAME", "n", "k"}, "flush": {"FLUSHALL"}, "swap": {"SWAPDB", "0", "1"},
		"create": {"SET", "new", "1"}, "expire now": {"PEXPIRE", "k", "-1"}, "setbit": {"SETBIT", "k", "0", "1"},
		"move": {"MOVE", "k", "1"}, "copy": {"COPY", "n", "k", "REPLACE"},
	} {
		t.Run(name, func(t *testing.T) {
			begin := func() {
				c.do("FLUSHALL")
				c.do("MSET", "k", "old", "n", "1")
				c.want("+OK\r\n", "WATCH", "k", "n", "new")
			}
			begin()
			c.do("MULTI")
			c.do("SET", "done", "1")
			other.do(change...)
			c.want("*-1\r\n", "EXEC")
			c.want("$-1\r\n", "GET", "done")
			begin()
			other.do("GET", "k")
			c.do("MULTI")
			c.do("SET", "done", "1")
			c.want("*1\r\n+OK\r\n", "EXEC")
		})
	}
	c.do("MULTI")
	c.do("UNWATCH")
	c.want("*1\r\n+OK\r\n", "EXEC")
	c.do("WATCH", "k")
	c.do("MULTI")
	for i := range 500 {
		other.do("SET", "other"+strconv.Itoa(i), "v")
		other.do("MSET", "more"+strconv.Itoa(i), "v", "most"+strconv.Itoa(i), "v")
	}
	c.want("*0\r\n", "EXEC")
	c.do("WATCH", "k")
	if err := store.Set("k", []byte("from Go")); err != nil {
		t.Fatalf("Set = %v, want nil", err)
	}
	c.do("MULTI")
	c.want("*-1\r\n", "EXEC")
}

// TestWatchIgnoresOtherKeys checks that EXEC succeeds if other clients have changed other keys, or
// have deleted keys that did not exist.
func TestWatchIgnoresOtherKeys(t *testing.T) {
	store := memory(t)
	socket := serve(t, store)
	c, other := dial(t, socket), dial(t, socket)
	for name, change := range map[string][]string{
		"delete":  {"DEL", "k", "missing", "x"},
		"flush":   {"FLUSHDB"},
		"swap":    {"SWAPDB", "1", "2"},
		"swap 0":  {"SWAPDB", "0", "3"},
		"copy":    {"COPY", "source", "y", "REPLACE"},
		"copy db": {"COPY", "source", "missing", "DB", "4", "REPLACE"},
		"bitop":   {"BITOP", "NOT", "y", "source"},
		"mset":    {"MSET", "y", "1", "z", "2"},
		"msetnx":  {"MSETNX", "source", "1", "missing", "2"},
		"rename":  {"RENAME", "k", "y"},
	} {
		t.Run(name, func(t *testing.T) {
			c.do("FLUSHALL")
			c.do("MSET", "k", "v", "x", "v", "source", "v")
			watched := []string{"WATCH", "missing"}
			if name != "flush" && name != "swap 0" {
				watched = append(watched, "source")
			}
			c.want("+OK\r\n", watched...)
			other.do(change...)
			c.do("MULTI")
			c.do("SET", "done", "1")
			c.want("*1\r\n+OK\r\n", "EXEC")
		})
	}
	c.do("WATCH", "source", "missing")
	err := store.Update(func(tx *perdure.Tx) error {
		_, err := tx.Incr("n")
		return errors.Join(err, tx.Set("y", []byte("v")))
	})
	if err != nil {
		t.Fatalf("Update = %v, want nil", err)
	}
	c.do("MULTI")
	c.want("*0\r\n", "EXEC")
}

// TestWatchSeesCollections checks that EXEC fails if another client has changed a collection.
func TestWatchSeesCollections(t *testing.T) {
	socket := serve(t, memory(t))
	c, other := dial(t, socket), dial(t, socket)
	for key, changes := range map[string][]string{
		"l": {"LMOVE l d LEFT LEFT", "RPOPLPUSH l d", "BLMOVE l d LEFT LEFT 0", "RPOPLPUSH l l", "SORT l ALPHA STORE l", "LPOP l"},
		"s": {"SMOVE s d a", "SINTERSTORE s s none", "SREM s a"},
		"d": {
			"LMOVE l d LEFT LEFT", "RPOPLPUSH l d", "SORT l ALPHA STORE d", "SMOVE s d a", "SUNIONSTORE d s", "ZUNIONSTORE d 1 z",
			"ZRANGESTORE d z 0 -1",
		},
	} {
		for _, change := range changes {
			other.do("FLUSHALL")
			other.do("RPUSH", "l", "a", "b")
			other.do("SADD", "s", "a", "b")
			other.do("ZADD", "z", "1", "a")
			c.want("+OK\r\n", "WATCH", key)
			other.do(strings.Fields(change)...)
			c.do("MULTI")
			if got := c.do("EXEC"); got != "*-1\r\n" {
				t.Errorf("EXEC after WATCH %s, %s = %q, want null", key, change, got)
			}
		}
	}
}

// TestWatchedCounters lets clients increment a counter with WATCH. No increment is lost.
func TestWatchedCounters(t *testing.T) {
	const clients, increments = 4, 50
	socket := serve(t, memory(t))
	var all sync.WaitGroup
	for range clients {
		c := dial(t, socket)
		all.Go(func() {
			for done := 0; done < increments; {
				c.do("WATCH", "n")
				n, _ := strconv.Atoi(text(c.do("GET", "n")))
				c.do("MULTI")
				c.do("SET", "n", strconv.Itoa(n+1))
				if c.do("EXEC") != "*-1\r\n" {
					done++
				}
			}
		})
	}
	all.Wait()
	dial(t, socket).want("$3\r\n200\r\n", "GET", "n")
}

// TestTransactionIsOneLogRecord checks that a log has MULTI and EXEC around a transaction, and that
// a failed command in it does not undo the others.
func TestTransactionIsOneLogRecord(t *testing.T) {
	dir := t.TempDir()
	store := withLog(t, dir)
	c := dial(t, serve(t, store))
	for _, words := range [][]string{{"SET", "s", "text"}, {"MULTI"}, {"INCR", "n"}, {"INCR", "s"}, {"SELECT", "1"}, {"SET", "k", "v"}} {
		c.do(words...)
	}
	c.want("*4\r\n:1\r\n-ERR value is not an integer or out of range\r\n+OK\r\n+OK\r\n", "EXEC")
	if err := store.Close(); err != nil {
		t.Fatalf("Close = %v, want nil", err)
	}
	redis := redistest.Start(t, dir, "--appendonly", "yes")
	log := readLog(t, dir)
	multi, exec := strings.Index(log, "MULTI"), strings.Index(log, "EXEC")
	if part := log[max(multi, 0):max(exec, 0)]; !strings.Contains(part, "INCR") || !strings.Contains(part, "$1\r\nk\r\n") {
		t.Errorf("log = %q, want INCR n and SET k between MULTI and EXEC", log)
	}
	if got := redis.Must("GET", "n").Text; got != "1" {
		t.Errorf("redis-server: GET n = %q, want 1", got)
	}
}

// TestTransactionIsAtomic reads two keys that a transaction always changes together.
func TestTransactionIsAtomic(t *testing.T) {
	socket := serve(t, memory(t))
	writer, reader := dial(t, socket), dial(t, socket)
	var all sync.WaitGroup
	all.Go(func() {
		for range 200 {
			var batch []byte
			for _, words := range []string{"MULTI", "INCR a", "INCR b", "EXEC"} {
				batch = resp.AppendCommand(batch, strings.Fields(words)...)
			}
			writer.send(string(batch))
			for range 4 {
				writer.reply()
			}
		}
	})
	for range 200 {
		both := elements(reader.do("MGET", "a", "b"))
		if both[0] != both[1] {
			t.Fatalf("MGET a b = %q, want equal values", both)
		}
	}
	all.Wait()
}
