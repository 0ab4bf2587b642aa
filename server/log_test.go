package server_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/internal/redistest"
	"github.com/perduredb/perdure/internal/resp"
)

// withLog opens a store whose log is complete on disk after each reply.
func withLog(t testing.TB, dir string) *perdure.Store {
	t.Helper()
	log := aof.New(aof.LogMode(aof.Direct), aof.Fsync(aof.No))
	s, err := perdure.Open(dir, perdure.WithAppendLog(log), perdure.WithSaveRules())
	if err != nil {
		t.Fatalf("Open = %v, want nil", err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// TestLogHasEveryChange executes random commands, and compares the data with the data that perdure
// and redis-server load from the log.
func TestLogHasEveryChange(t *testing.T) {
	seed := number("PERDURE_SEED", int(rand.Uint32()))
	t.Logf("PERDURE_SEED=%d", seed)
	g := &generator{Rand: rand.New(rand.NewPCG(uint64(seed), 2))}
	g.list = dumpList(redistest.Start(t, ""))
	dir := t.TempDir()
	store := withLog(t, dir)
	c := dial(t, serve(t, store))
	for range number("PERDURE_REPLIES", 20000) / 100 {
		var batch []byte
		for range 100 {
			batch = resp.AppendCommand(batch, g.command()...)
		}
		c.send(string(batch))
		for range 100 {
			c.reply()
		}
	}
	c.do("DISCARD")
	want := dataOf(c)
	if len(want) == 0 {
		t.Fatal("0 keys after the commands, want at least 1")
	}
	if err := store.Close(); err != nil {
		t.Fatalf("Close = %v, want nil", err)
	}
	redis := redistest.Start(t, dir, "--appendonly", "yes")
	if diff := cmp.Diff(want, dataOf(dial(t, redis.Socket))); diff != "" {
		t.Errorf("redis-server loaded other data (-want +got):\n%s", diff)
	}
	redis.Kill()
	if diff := cmp.Diff(want, dataOf(dial(t, serve(t, withLog(t, dir))))); diff != "" {
		t.Errorf("perdure loaded other data (-want +got):\n%s", diff)
	}
}

// dataOf returns the type, the value, and the expiry of each key, by database and key.
func dataOf(c *conn) map[string]string {
	c.do("HELLO", "2")
	data := map[string]string{}
	for db := range 16 {
		c.do("SELECT", strconv.Itoa(db))
		for _, element := range elements(c.do("KEYS", "*")) {
			key := text(element)
			data[fmt.Sprintf("%d/%s", db, key)] = c.do("TYPE", key) + c.do("GET", key) + c.do("PEXPIRETIME", key)
		}
	}
	return data
}

// text returns the content of a bulk string, or "" for null.
func text(raw string) string {
	if raw == "$-1\r\n" {
		return ""
	}
	for i := range len(raw) {
		if raw[i] == '\n' {
			return raw[i+1 : len(raw)-2]
		}
	}
	return ""
}

// readLog returns the content of the incremental files of a log.
func readLog(t *testing.T, dir string) (content string) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "appendonlydir", "*.incr.aof"))
	if err != nil || len(names) == 0 {
		t.Fatalf("Glob = %q, %v, want files", names, err)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		content += string(text)
	}
	return content
}
