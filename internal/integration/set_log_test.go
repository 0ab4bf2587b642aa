package integration_test

import (
	"strings"
	"testing"
	"time"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/aof"
)

// TestSetOverAnything checks that the log contains a Set once and unchanged, for all previous
// values of the key. The command is logged before the key is read. Each value has a separate
// database.
func TestSetOverAnything(t *testing.T) {
	long := strings.Repeat("x", 5000)
	keys := []string{"key", "", long[:300], long}
	values := []string{"a value", "12345678y", "-42", "", long[:4096], long}
	set := func(value string, o ...perdure.SetOption) func(*testing.T, *perdure.DB, string) {
		return func(t *testing.T, db *perdure.DB, key string) { ok(t, db.Set(key, []byte(value), o...)) }
	}
	for name, before := range map[string]func(t *testing.T, db *perdure.DB, key string){
		"nothing":          func(*testing.T, *perdure.DB, string) {},
		"the same length":  set("12345678x"),
		"another length":   set("short"),
		"another class":    set(long[:3000]),
		"a large value":    set(strings.Repeat(long, 200)),
		"a counter":        set("7"),
		"an expiry":        set("a value", perdure.TTL(time.Hour)),
		"an expired value": set("a value", perdure.ExpireAt(time.UnixMilli(1))),
		"a deleted key": func(t *testing.T, db *perdure.DB, key string) {
			ok(t, db.Set(key, []byte("a value")))
			_, err := db.Delete(key)
			ok(t, err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			s := open(t, dir, logOnly(aof.Checksums(false))...)
			for i, value := range values {
				for _, key := range keys {
					before(t, s.DB(i), key)
					ok(t, s.Sync(t.Context()))
					size := len(logText(t, dir))
					ok(t, s.DB(i).Set(key, []byte(value)))
					want(t, s.DB(i), key, value)
					ok(t, s.Sync(t.Context()))
					added := logText(t, dir)[size:]
					if !strings.HasSuffix(added, frame("SET", key, value)) || strings.Count(added, "SET") != 1 {
						t.Fatalf("Set(%.20q, %.20q) logged %.100q, want the Set only", key, value, added)
					}
				}
				if n := s.DB(i).Len(); n != int64(len(keys)) {
					t.Fatalf("Len = %d, want %d", n, len(keys))
				}
			}
			ok(t, s.Close())
			s = open(t, dir, logOnly()...)
			for i, value := range values {
				for _, key := range keys {
					want(t, s.DB(i), key, value)
					if ttl, err := s.DB(i).TTL(key); err != nil || ttl != perdure.NoExpiry {
						t.Fatalf("TTL(%q) = %v, %v, want NoExpiry", key, ttl, err)
					}
				}
			}
		})
	}
}
