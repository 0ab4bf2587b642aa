package server_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/internal/redistest"
)

// TestPersistenceCommands saves, switches the log on and off, and reads INFO.
func TestPersistenceCommands(t *testing.T) {
	dir := t.TempDir()
	store, err := perdure.Open(dir, perdure.WithoutAppendLog(), perdure.WithSaveRules())
	if err != nil {
		t.Fatalf("Open = %v, want nil", err)
	}
	defer store.Close()
	c := dial(t, serve(t, store))
	c.do("SET", "k", "v")
	c.want("+OK\r\n", "SAVE")
	if _, err := os.Stat(filepath.Join(dir, "dump.rdb")); err != nil {
		t.Errorf("Stat after SAVE = %v, want a dump", err)
	}
	c.want("+OK\r\n", "CONFIG", "SET", "save", "100 5 200 1", "appendfsync", "always")
	c.want("*2\r\n$4\r\nsave\r\n$11\r\n100 5 200 1\r\n", "CONFIG", "GET", "save")
	c.want("+OK\r\n", "CONFIG", "SET", "appendonly", "yes")
	if err := store.Rewrite(context.Background()); err != nil && err != perdure.ErrRewriteInProgress {
		t.Fatalf("Rewrite = %v, want nil", err)
	}
	c.want("*2\r\n$11\r\nappendfsync\r\n$6\r\nalways\r\n", "CONFIG", "GET", "appendfsync")
	c.want("*2\r\n$3\r\ndir\r\n$"+size(dir)+"\r\n"+dir+"\r\n", "CONFIG", "GET", "dir")
	c.want("+OK\r\n", "CONFIG", "SET", "appendfsync", "no", "auto-aof-rewrite-min-size", "1mb")
	if got := store.Stats().FsyncPolicy; got != "no" {
		t.Errorf("policy after CONFIG SET appendfsync no = %q, want no", got)
	}
	c.want("-ERR CONFIG SET failed (possibly related to argument 'appendfsync') - "+
		"argument(s) must be one of the following: everysec, always, no\r\n", "CONFIG", "SET", "save", "", "appendfsync", "x")
	c.want("*2\r\n$4\r\nsave\r\n$11\r\n100 5 200 1\r\n", "CONFIG", "GET", "save")
	c.want("+OK\r\n", "CONFIG", "SET", "appendonly", "no")
	if store.Stats().LogEnabled {
		t.Error("the log is on after CONFIG SET appendonly no, want it off")
	}
}

func size(s string) string { return string(rune('0'+len(s)/10)) + string(rune('0'+len(s)%10)) }

// TestInfoHasEveryPersistenceField compares the names of the fields with those of redis-server.
func TestInfoHasEveryPersistenceField(t *testing.T) {
	redis := redistest.Start(t, "", "--appendonly", "yes")
	ours := text(dial(t, serve(t, withLog(t, t.TempDir()))).do("INFO", "persistence"))
	for _, line := range strings.Split(redis.Must("INFO", "persistence").Text, "\r\n") {
		if name, _, ok := strings.Cut(line, ":"); ok && !strings.Contains(ours, "\r\n"+name+":") {
			t.Errorf("INFO persistence lacks %s, want every field of redis-server", name)
		}
	}
	whole := text(dial(t, serve(t, memory(t))).do("INFO"))
	for _, line := range []string{"redis_version:7.0.15", "loading:0", "role:master", "maxclients:10000", "# Keyspace"} {
		if !strings.Contains(whole, line) {
			t.Errorf("INFO lacks %q", line)
		}
	}
}

// TestDumpIsReadable restores the DUMP of each server in the other one.
func TestDumpIsReadable(t *testing.T) {
	redis := dial(t, redistest.Start(t, "").Socket)
	ours := dial(t, serve(t, memory(t)))
	for _, value := range []string{"", "v", "-17", "123456789012", strings.Repeat("abc", 1000), strings.Repeat("\x00", 100000)} {
		for _, pair := range [][2]*conn{{redis, ours}, {ours, redis}} {
			from, to := pair[0], pair[1]
			from.do("SET", "k", value)
			to.want("+OK\r\n", "RESTORE", "k", "0", text(from.do("DUMP", "k")), "REPLACE")
			if got := text(to.do("GET", "k")); got != value {
				t.Errorf("%.20q arrived as %.20q, want it unchanged", value, got)
			}
		}
	}
}

// TestBackgroundCommands checks the replies of BGSAVE and BGREWRITEAOF.
func TestBackgroundCommands(t *testing.T) {
	store := withLog(t, t.TempDir())
	c := dial(t, serve(t, store))
	c.want("+Background saving started\r\n", "BGSAVE", "SCHEDULE")
	for strings.Contains(c.do("INFO", "persistence"), "rdb_bgsave_in_progress:1") {
		c.do("PING")
	}
	c.want("+Background append only file rewriting started\r\n", "BGREWRITEAOF")
	for strings.Contains(c.do("INFO", "persistence"), "aof_rewrite_in_progress:1") {
		c.do("PING")
	}
	if got := text(c.do("INFO", "persistence")); !strings.Contains(got, "aof_rewrites:1\r\n") || !strings.Contains(got, "rdb_saves:1\r\n") {
		t.Errorf("INFO persistence = %q, want one save and one rewrite", got)
	}
	c.want("-ERR syntax error\r\n", "BGSAVE", "NOW")
}
