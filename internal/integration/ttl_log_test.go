package integration_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/aof"
)

// logText returns the content of the first incremental file of a log in dir.
func logText(t testing.TB, dir string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "appendonlydir", "appendonly.aof.1.incr.aof"))
	ok(t, err)
	return string(data)
}

// TestTTLCommandsAreLoggedAsRedisLogsThem follows upstream's unit/expire.tcl, "Redis should
// propagate ... as absolute values". All commands with a relative or absolute expiry are logged as
// SET with PXAT, or as PEXPIREAT, in milliseconds.
func TestTTLCommandsAreLoggedAsRedisLogsThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		s := open(t, dir, logOnly(aof.Checksums(false))...)
		now := time.Now()
		ms := func(d time.Duration) string { return strconv.FormatInt(now.Add(d).UnixMilli(), 10) }
		v := []byte("bar")

		// These are upstream's keys foo1 to foo15 in its order. Keys 16 to 18 are RESTORE, which
		// perdure does not have. GETEX on foo12 to foo15 is Expire and ExpireAt here.
		hundred := 100 * time.Second
		at := now.Add(hundred)
		ok(t, s.Set("foo1", v, perdure.TTL(100*time.Second)))
		ok(t, s.Set("foo2", v, perdure.TTL(100000*time.Millisecond)))
		ok(t, s.Set("foo3", v, perdure.ExpireAt(time.Unix(at.Unix(), 0))))
		ok(t, s.Set("foo4", v, perdure.ExpireAt(at)))
		ok(t, s.Set("foo5", v, perdure.TTL(hundred)))
		ok(t, s.Set("foo6", v, perdure.TTL(hundred)))
		wantLog := []string{"SELECT 0"}
		for i := 1; i <= 6; i++ {
			wantLog = append(wantLog, fmt.Sprintf("SET foo%d bar PXAT %s", i, ms(hundred)))
		}
		for i := 7; i <= 15; i++ {
			key := fmt.Sprint("foo", i)
			ok(t, s.Set(key, v))
			var existed bool
			var err error
			entry := "PEXPIREAT " + key + " " + ms(hundred)
			switch i {
			case 7, 8, 12, 13:
				existed, err = s.Expire(key, hundred)
			case 11:
				existed, err = s.ExpireAt(key, now.Add(-hundred))
				entry = "DEL " + key
			default:
				existed, err = s.ExpireAt(key, at)
			}
			if !existed || err != nil {
				t.Fatalf("Expire = %v, %v, want true, nil", existed, err)
			}
			wantLog = append(wantLog, "SET "+key+" bar", entry)
		}
		ok(t, s.Set("foo16", v))
		wantLog = append(wantLog, "SET foo16 bar")
		ok(t, s.Close())
		if got := logText(t, dir); got != resp(wantLog...) {
			t.Errorf("log:\n%q\nwant:\n%q", got, resp(wantLog...))
		}

		s = open(t, dir, logOnly()...)
		for i := 1; i <= 15; i++ {
			key := fmt.Sprint("foo", i)
			if i == 11 {
				absent(t, s, key)
				continue
			}
			if ttl, err := s.TTL(key); ttl != hundred || err != nil {
				t.Errorf("TTL(%q) = %v, %v, want %v", key, ttl, err, hundred)
			}
		}
		if ttl, err := s.TTL("foo16"); ttl != perdure.NoExpiry || err != nil {
			t.Errorf("TTL(foo16) = %v, %v, want NoExpiry", ttl, err)
		}
	})
}

// TestCommandsAreLoggedAsRedisLogsThem has one row for each kind of write.
func TestCommandsAreLoggedAsRedisLogsThem(t *testing.T) {
	cases := []struct {
		name string
		do   func(s *perdure.Store) error
		want []string // commands after "SET k 1"
	}{
		{"set", func(s *perdure.Store) error { return s.Set("k", []byte("2")) }, []string{"SET k 2"}},
		{"set keepttl", func(s *perdure.Store) error { return s.Set("k", []byte("2"), perdure.KeepTTL()) }, []string{"SET k 2 KEEPTTL"}},
		{"setnx taken", func(s *perdure.Store) error { _, err := s.SetIfAbsent("k", []byte("2")); return err }, nil},
		{"setnx", func(s *perdure.Store) error { _, err := s.SetIfAbsent("new", []byte("2")); return err }, []string{"SETNX new 2"}},
		{"swap", func(s *perdure.Store) error { _, _, err := s.Swap("k", []byte("2")); return err }, []string{"SET k 2"}},
		{"incr", func(s *perdure.Store) error { _, err := s.Incr("k"); return err }, []string{"INCR k"}},
		{"incrby", func(s *perdure.Store) error { _, err := s.IncrBy("k", -5); return err }, []string{"INCRBY k -5"}},
		{"decr", func(s *perdure.Store) error { _, err := s.Decr("k"); return err }, []string{"DECR k"}},
		{"decrby", func(s *perdure.Store) error { _, err := s.DecrBy("k", 7); return err }, []string{"DECRBY k 7"}},
		{"append", func(s *perdure.Store) error { _, err := s.Append("k", []byte("x")); return err }, []string{"APPEND k x"}},
		{"del", func(s *perdure.Store) error { _, err := s.Delete("k"); return err }, []string{"DEL k"}},
		{"del of nothing", func(s *perdure.Store) error { _, err := s.Delete("none"); return err }, nil},
		{"expire in the past", func(s *perdure.Store) error { _, err := s.Expire("k", -time.Second); return err }, []string{"DEL k"}},
		{"expireat in the past", func(s *perdure.Store) error { _, err := s.ExpireAt("k", time.Unix(5, 0)); return err }, []string{"DEL k"}},
		{"expire of nothing", func(s *perdure.Store) error { _, err := s.Expire("none", time.Second); return err }, nil},
		{"persist of no ttl", func(s *perdure.Store) error { _, err := s.Persist("k"); return err }, nil},
		{"mset", func(s *perdure.Store) error {
			return s.MSet(perdure.Pair{Key: "a", Value: []byte("1")}, perdure.Pair{Key: "b", Value: []byte("2")})
		}, []string{"MSET a 1 b 2"}},
		{"flushdb", func(s *perdure.Store) error { return s.FlushDB() }, []string{"FLUSHDB"}},
		{"flushall", func(s *perdure.Store) error { return s.FlushAll() }, []string{"FLUSHALL"}},
		{"flushdb of an empty one", func(s *perdure.Store) error { return s.DB(4).FlushDB() }, []string{"SELECT 4", "FLUSHDB"}},
		{"other database", func(s *perdure.Store) error {
			if err := s.DB(2).Set("k", []byte("x")); err != nil {
				return err
			}
			return s.Set("k", []byte("y"))
		}, []string{"SELECT 2", "SET k x", "SELECT 0", "SET k y"}},
		{"empty transaction", func(s *perdure.Store) error { return s.Update(func(*perdure.Tx) error { return nil }) }, nil},
		{"transaction of one", func(s *perdure.Store) error {
			return s.Update(func(tx *perdure.Tx) error { return tx.Set("k", []byte("2")) })
		}, []string{"SET k 2"}},
		{"transaction", func(s *perdure.Store) error {
			return s.Update(func(tx *perdure.Tx) error {
				_, err := tx.Incr("k")
				if err == nil {
					err = tx.DB(3).Set("x", []byte("y"))
				}
				return err
			})
		}, []string{"MULTI", "INCR k", "SELECT 3", "SET x y", "EXEC"}},
		{"transaction that fails", func(s *perdure.Store) error {
			s.Update(func(tx *perdure.Tx) error {
				_, err := tx.Incr("k")
				ok(t, err)
				return perdure.ErrNotFound
			})
			return nil
		}, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, dir, logOnly(aof.Checksums(false))...)
			ok(t, s.Set("k", []byte("1")))
			ok(t, c.do(s))
			wantAll := content(t, s)
			ok(t, s.Close())
			if got, wantLog := logText(t, dir), resp(append([]string{"SELECT 0", "SET k 1"}, c.want...)...); got != wantLog {
				t.Errorf("log:\n%q\nwant:\n%q", got, wantLog)
			}
			same(t, content(t, open(t, dir, logOnly()...)), wantAll)
		})
	}
}

// TestExpiryInLog checks that the log has a DEL for an expired key: a separate DEL if a read or
// active expiration finds the key, and one in a transaction with the command if a write does.
func TestExpiryInLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		s := open(t, dir, logOnly(aof.Checksums(false))...)
		at := time.Now().Add(10 * time.Millisecond).UnixMilli()
		for _, k := range []string{"read", "written", "swept"} {
			ok(t, s.Set(k, []byte("5"), perdure.TTL(10*time.Millisecond)))
		}
		time.Sleep(10 * time.Millisecond)
		want(t, s, "read", "5") // the key exists during its last millisecond
		time.Sleep(time.Millisecond)
		absent(t, s, "read")
		if n, err := s.Incr("written"); n != 1 || err != nil {
			t.Fatalf("Incr = %d, %v, want 1, nil", n, err)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if s.Len() != 1 {
			t.Errorf("Len = %d after active expiration, want 1", s.Len())
		}
		ok(t, s.Close())
		set := func(k string) string { return fmt.Sprintf("SET %s 5 PXAT %d", k, at) }
		wantLog := resp("SELECT 0", set("read"), set("written"), set("swept"),
			"DEL read", "MULTI", "DEL written", "INCR written", "EXEC", "DEL swept")
		if got := logText(t, dir); got != wantLog {
			t.Errorf("log:\n%q\nwant:\n%q", got, wantLog)
		}
	})
}
