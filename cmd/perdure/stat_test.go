package main

import (
	"encoding/json"
	"path/filepath"
	"testing"
)

func TestStat(t *testing.T) {
	dir := store(t)
	want(t, exitGood, "stat", dir).wants(t, "data directory", "base.rdb", "incr.aof", dumpName, "RDB 9",
		"27 keys", "db 3", "string", "expiries: 1 (0 past)", "2099-01-02T03:04:05.678Z")
	for _, path := range []string{dir, filepath.Join(dir, dumpName), filepath.Join(dir, logDirName)} {
		var s statistics
		check(t, json.Unmarshal([]byte(want(t, exitGood, "stat", "--json", path).stdout), &s))
		if s.Keys != 27 || s.Expires != 1 || s.Expired != 0 || len(s.Databases) != 3 || len(s.Types) != 1 {
			t.Errorf("stat %s = %+v, want 27 keys in 3 databases, 1 with an expiry", path, s)
		}
		if s.Databases[2] != (statDB{DB: 3, Keys: 1}) || s.FirstMs != never.UnixMilli() {
			t.Errorf("stat %s = %+v, want 1 key in database 3 and the expiry %d", path, s, never.UnixMilli())
		}
	}
}

func TestStatExpired(t *testing.T) {
	path := write(t, "a.aof", selects+setKV+"*3\r\n$9\r\nPEXPIREAT\r\n$1\r\nk\r\n$4\r\n1000\r\n")
	want(t, exitGood, "stat", path).wants(t, "1 key,", "expiries: 1 (1 past)", "1970-01-01T00:00:01.000Z")
	want(t, exitGood, "stat", write(t, "empty.aof", "")).wants(t, "0 keys")
	want(t, exitDamaged, "stat", write(t, "a.rdb", "REDIS0009")).wants(t, "offset 9")
}
