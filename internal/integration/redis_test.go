package integration_test

import (
	"context"
	"fmt"
	"hash/maphash"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/internal/redistest"
)

// TestRedisRoundTrip fills a redis-server. perdure opens its dump and its log and changes them.
// Another redis-server opens the files that perdure wrote. All keys must agree at each step.
//
// PERDURE_REDIS_KEYS sets the number of strings: 20,000 with PERDURE_EVERY, and a million with
// `make redis-full`.
func TestRedisRoundTrip(t *testing.T) {
	n := 2_000
	switch {
	case testing.Short():
		n = 1_000
	case os.Getenv("PERDURE_EVERY") != "":
		n = 20_000
	}
	if v, err := strconv.Atoi(os.Getenv("PERDURE_REDIS_KEYS")); err == nil {
		n = v
	}
	rng := rand.New(rand.NewPCG(7, 0))
	dir := t.TempDir()
	server := redistest.Start(t, dir, "--appendonly", "yes", "--appendfsync", "no", "--auto-aof-rewrite-percentage", "0")
	fillRedis(server, rng, n)
	server.Must("SAVE")
	filled := readRedis(server)
	server.Kill()
	t.Logf("redis-server holds %d keys", len(filled.keys))

	t.Run("its dump", func(t *testing.T) {
		only := copyFiles(t, dir, "dump.rdb")
		s := open(t, only, snapshotsOnly()...)
		compareStore(t, s, filled)
		roundTrip(t, s, only, filled, snapshotsOnly())
	})
	t.Run("its log", func(t *testing.T) {
		only := copyFiles(t, dir, "appendonlydir")
		s := open(t, only, logOnly(aof.AutoRewrite(0, 0))...)
		compareStore(t, s, filled)
		roundTrip(t, s, only, filled, logOnly(aof.AutoRewrite(0, 0)))
	})
}

// roundTrip changes the store, saves, rewrites, and compares each result with the data of a new
// redis-server.
func roundTrip(t *testing.T, s *perdure.Store, dir string, held *holding, opts []perdure.Option) {
	held = held.clone()
	rng := rand.New(rand.NewPCG(8, 0))
	changes := min(100_000, 5*len(held.keys))
	changeStore(t, s, held, rng, changes/2)
	logged := s.Stats().LogEnabled
	if logged {
		ok(t, s.Rewrite(context.Background()))
	}
	changeStore(t, s, held, rng, changes-changes/2)
	_, err := s.Save(context.Background())
	ok(t, err)
	compareStore(t, s, held)
	ok(t, s.Close())

	redistest.Run(t, "redis-check-rdb", filepath.Join(dir, "dump.rdb"))
	server := redistest.Start(t, copyFiles(t, dir, "dump.rdb"))
	held.compare(t, "redis-server with our dump", readRedis(server))
	server.Kill()
	if logged {
		manifest := filepath.Join(dir, "appendonlydir", "appendonly.aof.manifest")
		redistest.Run(t, "redis-check-aof", manifest)
		server := redistest.Start(t, copyFiles(t, dir, "appendonlydir"), "--appendonly", "yes", "--appendfsync", "no")
		held.compare(t, "redis-server with our log", readRedis(server))
		server.Kill()
		compareStore(t, open(t, dir, opts...), held)
	}
}

var holdingSeed = maphash.MakeSeed()

// randomValue returns strings of all kinds: integers, empty, short, long, compressible, and not.
func randomValue(rng *rand.Rand) string {
	switch rng.IntN(12) {
	case 0:
		return ""
	case 1:
		return strconv.FormatInt(rng.Int64()-rng.Int64(), 10)
	case 2:
		return strconv.Itoa(rng.IntN(1000) - 500)
	case 3:
		return strings.Repeat(string(rune('a'+rng.IntN(26))), rng.IntN(2000))
	case 4:
		b := make([]byte, rng.IntN(500))
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
		return string(b)
	case 5:
		if rng.IntN(400) == 0 { // up to 1 MiB, half of it random
			b := make([]byte, rng.IntN(1<<20))
			for i := range b[:len(b)/2] {
				b[i] = byte(rng.Uint32())
			}
			return string(b)
		}
	}
	return fmt.Sprintf(`{"id":%d,"name":"user %d","tags":["a","b","c"]}`, rng.IntN(1e6), rng.IntN(1e6))
}

func randomKey(rng *rand.Rand, n int) string {
	switch rng.IntN(20) {
	case 0:
		return strconv.Itoa(rng.IntN(n)) // stored as an integer
	case 1:
		return fmt.Sprintf("\x00\xff\r\n%d", rng.IntN(n))
	}
	return fmt.Sprintf("key:%d", rng.IntN(4*n))
}

// fillRedis adds the other types, rewrites the log so that its base contains them, and then adds
// strings.
func fillRedis(s *redistest.Server, rng *rand.Rand, n int) {
	hour := time.Now().Add(time.Hour).UnixMilli()
	for i := range max(50, n/500) {
		s.Send("SELECT", strconv.Itoa(i%3))
		id := strconv.Itoa(i)
		size := 1 << rng.IntN(11)
		for j := range size {
			element := fmt.Sprintf("element %d of %d", j, i)
			if j%7 == 3 {
				element = strconv.Itoa(j * j * j)
			}
			s.Send("RPUSH", "list:"+id, element)
			s.Send("SADD", "ints:"+id, strconv.Itoa(j*i))
			s.Send("HSET", "hash:"+id, "field "+strconv.Itoa(j), element)
			s.Send("ZADD", "zset:"+id, strconv.FormatFloat(rng.NormFloat64(), 'g', -1, 64), element)
			s.Send("XADD", "stream:"+id, fmt.Sprintf("%d-%d", j+1, i), "f", element)
			s.Send("SADD", "set:"+id, element)
		}
		s.Send("XGROUP", "CREATE", "stream:"+id, "group", "0")
		s.Send("XREADGROUP", "GROUP", "group", "consumer", "COUNT", "2", "STREAMS", "stream:"+id, ">")
		if i%3 == 0 {
			s.Send("PEXPIREAT", "hash:"+id, strconv.FormatInt(hour+int64(i), 10))
		}
		s.Flush()
	}
	s.Must("BGREWRITEAOF")
	s.Wait("aof_rewrite_in_progress", "0")
	for i := range n {
		if i%1000 == 0 {
			s.Flush()
			s.Send("SELECT", strconv.Itoa(i/1000%3))
		}
		s.Send("SET", randomKey(rng, n), randomValue(rng))
		switch rng.IntN(10) {
		case 0:
			s.Send("SET", randomKey(rng, n), "expires", "PX", strconv.Itoa(3_600_000+rng.IntN(1e9)))
		case 1:
			s.Send("INCR", fmt.Sprint("counter:", rng.IntN(100)))
		case 2:
			s.Send("APPEND", randomKey(rng, n), "tail")
		case 3:
			s.Send("DEL", randomKey(rng, n))
		case 4:
			s.Send("EXPIRE", randomKey(rng, n), "86400")
		case 5:
			s.Send("MULTI")
			s.Send("SET", randomKey(rng, n), "in a transaction")
			s.Send("INCRBY", "sum", "5")
			s.Send("EXEC")
		}
	}
	s.Flush()
}

// changeStore makes n changes to a store and to the holding it must equal.
func changeStore(t *testing.T, s *perdure.Store, h *holding, rng *rand.Rand, n int) {
	t.Helper()
	others := othersOf(h)
	hour := time.Now().Add(time.Hour).Truncate(time.Millisecond)
	counters := map[string]int64{}
	for i := range n {
		db := rng.IntN(3)
		d := s.DB(db)
		key := randomKey(rng, 20_000)
		name := fmt.Sprintf("%d/%s", db, key)
		switch rng.IntN(7) {
		case 0, 1:
			v := randomValue(rng)
			ok(t, d.Set(key, []byte(v)))
			h.keys[name] = h.string(v, 0)
		case 2:
			at := hour.Add(time.Duration(i) * time.Millisecond)
			ok(t, d.Set(key, []byte("expires"), perdure.ExpireAt(at)))
			h.keys[name] = h.string("expires", at.UnixMilli())
		case 3:
			_, err := d.Delete(key)
			ok(t, err)
			delete(h.keys, name)
		case 4:
			ok(t, d.Set(key, []byte("brief"), perdure.TTL(time.Millisecond))) // expires unread
			delete(h.keys, name)
		case 5:
			c := fmt.Sprint("perdure:counter:", rng.IntN(50))
			counters[c] += int64(i)
			ok(t, s.Update(func(tx *perdure.Tx) error {
				if _, err := tx.IncrBy(c, int64(i)); err != nil {
					return err
				}
				return tx.DB(db).Set(key, []byte("in a transaction"))
			}))
			h.keys[name] = h.string("in a transaction", 0)
			v, err := s.Get(c)
			ok(t, err)
			h.keys["0/"+c] = h.string(string(v), 0)
		case 6:
			if i%50 != 0 || len(others) == 0 {
				continue
			}
			other := others[0]
			others = others[1:]
			number, key, _ := strings.Cut(other, "/")
			n, _ := strconv.Atoi(number)
			if i%100 == 0 {
				_, err := s.DB(n).Delete(key)
				ok(t, err)
				delete(h.keys, other)
				continue
			}
			_, err := s.DB(n).ExpireAt(key, hour)
			ok(t, err)
			v := h.keys[other]
			v.expireAtMs = hour.UnixMilli()
			h.keys[other] = v
		}
	}
	settled(t, s, h)
}

// settled waits until active expiration has deleted all expired keys. The timeout of go test ends
// an endless wait.
func settled(t *testing.T, s *perdure.Store, h *holding) {
	t.Helper()
	for tick := time.Tick(10 * time.Millisecond); ; <-tick {
		n := int64(0)
		for db := range s.Databases() {
			n += s.DB(db).Len()
		}
		if n == int64(len(h.keys)) {
			return
		}
	}
}

// othersOf lists the keys that do not hold a string.
func othersOf(h *holding) []string {
	var others []string
	for name, v := range h.keys {
		if v.kind != "string" {
			others = append(others, name)
		}
	}
	return others
}

// TestLogEqualsThatOfRedis sends commands to both a real redis-server and a store. The bytes of the
// two logs must be equal, except for the current time in relative expiries.
func TestLogEqualsThatOfRedis(t *testing.T) {
	server := redistest.Start(t, "", "--appendonly", "yes", "--appendfsync", "always")
	dir := t.TempDir()
	s := open(t, dir, logOnly(aof.Checksums(false))...)
	at := time.Now().Add(100 * time.Second).Truncate(time.Second)
	exat, pxat := strconv.FormatInt(at.Unix(), 10), strconv.FormatInt(at.UnixMilli(), 10)
	steps := []struct {
		redis []string
		ours  func() error
	}{
		{[]string{"SET", "foo1", "bar", "EX", "100"}, func() error { return s.Set("foo1", []byte("bar"), perdure.TTL(100*time.Second)) }},
		{[]string{"SET", "foo2", "bar", "PX", "100000"}, func() error { return s.Set("foo2", []byte("bar"), perdure.TTL(100*time.Second)) }},
		{[]string{"SET", "foo3", "bar", "EXAT", exat}, func() error { return s.Set("foo3", []byte("bar"), perdure.ExpireAt(at)) }},
		{[]string{"SET", "foo4", "bar", "PXAT", pxat}, func() error { return s.Set("foo4", []byte("bar"), perdure.ExpireAt(at)) }},
		{[]string{"SETEX", "foo5", "100", "bar"}, func() error { return s.Set("foo5", []byte("bar"), perdure.TTL(100*time.Second)) }},
		{[]string{"PSETEX", "foo6", "100000", "bar"}, func() error { return s.Set("foo6", []byte("bar"), perdure.TTL(100*time.Second)) }},
		{[]string{"SET", "foo7", "bar"}, func() error { return s.Set("foo7", []byte("bar")) }},
		{[]string{"EXPIRE", "foo7", "100"}, func() error { _, err := s.Expire("foo7", 100*time.Second); return err }},
		{[]string{"PEXPIRE", "foo7", "100000"}, func() error { _, err := s.Expire("foo7", 100*time.Second); return err }},
		{[]string{"EXPIREAT", "foo7", exat}, func() error { _, err := s.ExpireAt("foo7", at); return err }},
		{[]string{"PEXPIREAT", "foo7", pxat}, func() error { _, err := s.ExpireAt("foo7", at); return err }},
		{[]string{"PERSIST", "foo7"}, func() error { _, err := s.Persist("foo7"); return err }},
		{[]string{"EXPIREAT", "foo7", "1000"}, func() error { _, err := s.ExpireAt("foo7", time.Unix(1000, 0)); return err }},
		{[]string{"GETEX", "foo6", "PXAT", pxat}, func() error { _, err := s.ExpireAt("foo6", at); return err }},
		{[]string{"SET", "n", "1", "KEEPTTL"}, func() error { return s.Set("n", []byte("1"), perdure.KeepTTL()) }},
		{[]string{"INCR", "n"}, func() error { _, err := s.Incr("n"); return err }},
		{[]string{"INCRBY", "n", "-3"}, func() error { _, err := s.IncrBy("n", -3); return err }},
		{[]string{"DECR", "n"}, func() error { _, err := s.Decr("n"); return err }},
		{[]string{"DECRBY", "n", "5"}, func() error { _, err := s.DecrBy("n", 5); return err }},
		{[]string{"APPEND", "n", "x"}, func() error { _, err := s.Append("n", []byte("x")); return err }},
		{[]string{"GETSET", "n", "y"}, func() error { _, _, err := s.Swap("n", []byte("y")); return err }},
		{[]string{"SETNX", "n", "z"}, func() error { _, err := s.SetIfAbsent("n", []byte("z")); return err }},
		{[]string{"SETNX", "new", "z"}, func() error { _, err := s.SetIfAbsent("new", []byte("z")); return err }},
		{[]string{"MSET", "a", "1", "b", "2"}, func() error {
			return s.MSet(perdure.Pair{Key: "a", Value: []byte("1")}, perdure.Pair{Key: "b", Value: []byte("2")})
		}},
		{[]string{"DEL", "a", "none"}, func() error { _, err := s.Delete("a", "none"); return err }},
		{[]string{"DEL", "none"}, func() error { _, err := s.Delete("none"); return err }},
		{[]string{"SELECT", "9"}, func() error { return nil }},
		{[]string{"SET", "in9", ""}, func() error { return s.DB(9).Set("in9", nil) }},
		{[]string{"FLUSHDB"}, func() error { return s.DB(9).FlushDB() }},
		{[]string{"SELECT", "0"}, func() error { return nil }},
		{[]string{"MULTI"}, func() error { return nil }},
		{[]string{"INCR", "x"}, func() error { return nil }},
		{[]string{"DECRBY", "x", "7"}, func() error { return nil }},
		{[]string{"EXEC"}, func() error {
			return s.Update(func(tx *perdure.Tx) error {
				if _, err := tx.Incr("x"); err != nil {
					return err
				}
				_, err := tx.DecrBy("x", 7)
				return err
			})
		}},
		{[]string{"FLUSHALL"}, func() error { return s.FlushAll() }},
	}
	for _, step := range steps {
		server.Must(step.redis...)
		ok(t, step.ours())
	}
	theirs := logText(t, server.Dir)
	server.Kill()
	ok(t, s.Close())
	moment := regexp.MustCompile(`\$13\r\n\d{13}\r\n`)
	normal := func(log string) string { return moment.ReplaceAllString(log, "<ms>") }
	if got := logText(t, dir); normal(got) != normal(theirs) {
		t.Errorf("log = %q, want Redis's log %q", got, theirs)
	}
}

// TestInfoHasEveryFieldOfRedis compares the names in INFO persistence and their order. The later
// fields belong to other sections.
func TestInfoHasEveryFieldOfRedis(t *testing.T) {
	fields := func(info string) []string {
		var names []string
		for line := range strings.Lines(info) {
			if name, _, found := strings.Cut(line, ":"); found {
				names = append(names, name)
			}
		}
		return names
	}
	for _, on := range []string{"no", "yes"} {
		server := redistest.Start(t, "", "--appendonly", on)
		theirs := fields(server.Must("INFO", "persistence").Text)
		others := append(fields(server.Must("INFO", "memory").Text), fields(server.Must("INFO", "stats").Text)...)
		server.Kill()
		opts := snapshotsOnly()
		if on == "yes" {
			opts = logOnly()
		}
		persistence, more, _ := strings.Cut(open(t, t.TempDir(), opts...).Info(), "\r\n\r\n")
		if got := fields(persistence); !slices.Equal(got, theirs) {
			t.Errorf("appendonly %s: fields of Info = %v, want %v", on, got, theirs)
		}
		for _, name := range fields(more) {
			if !slices.Contains(others, name) {
				t.Errorf("Info has the field %s, want only fields of Redis", name)
			}
		}
	}
}
