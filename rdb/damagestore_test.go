package rdb_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/internal/storefs"
	"github.com/perduredb/perdure/rdb"
)

// readers and writers are commands on a collection at the key k, by its type.
var (
	readers = map[string][]string{
		"hash": {"HGETALL k", "HGET k a", "HLEN k", "HRANDFIELD k -3"},
		"set":  {"SMEMBERS k", "SISMEMBER k x", "SCARD k", "SRANDMEMBER k"},
		"list": {"LRANGE k 0 -1", "LINDEX k -2", "LLEN k", "LPOS k 12"},
		"zset": {"ZRANGE k 0 -1 WITHSCORES", "ZSCORE k a", "ZRANK k c", "ZCOUNT k -1 inf", "ZRANGEBYLEX k - +"},
	}
	writers = map[string][]string{
		"hash": {"HSET k new 1 a 2", "HINCRBY k 300 1", "HDEL k b new"},
		"set":  {"SADD k new 77", "SREM k x", "SPOP k"},
		"list": {"LPUSH k new", "LSET k 1 other", "LREM k 0 12", "LTRIM k 0 -2", "RPOP k"},
		"zset": {"ZADD k 5 new", "ZINCRBY k 1 a", "ZPOPMIN k", "ZREMRANGEBYRANK k 0 0"},
	}
)

// replies executes commands, and returns their replies or errors.
func replies(t *testing.T, s *perdure.Store, commands []string) (all []string) {
	t.Helper()
	for _, c := range commands {
		var args []any
		for _, word := range strings.Fields(c) {
			args = append(args, word)
		}
		r, err := s.Do(t.Context(), args...)
		all = append(all, fmt.Sprint(c, ": ", r, " ", err))
	}
	return all
}

// TestCommandsOnDamagedCollection changes each byte of a dump without a checksum that has one
// collection, in every encoding. A store must refuse the dump with an offset, or execute commands
// on the value. No command may panic, as small values and as trees. The value that the commands
// leave must survive a dump. PERDURE_EVERY=1 flips each bit.
func TestCommandsOnDamagedCollection(t *testing.T) {
	masks, stride := []byte{1, 0x80}, 7
	switch {
	case testing.Short():
		stride = 23
	case os.Getenv("PERDURE_EVERY") != "":
		masks, stride = []byte{1, 2, 4, 8, 16, 32, 64, 128}, 1
	}
	refused, executed := 0, 0
	for _, small := range []int{16, 4096} {
		s, again := storeOf(t, small), storeOf(t, 4096)
		for n, x := range shapes() {
			kind := rdb.TypeName(x.kind)
			if readers[kind] == nil || x.kind.IsValkey() {
				continue
			}
			p := append([]byte("REDIS0012"), byte(x.kind.RDB()), 1, 'k')
			head := len(p)
			p = append(append(p, x.payload...), 0xff, 0, 0, 0, 0, 0, 0, 0, 0)
			for i := head + n%stride; i < head+len(x.payload); i += stride {
				for _, mask := range masks {
					damaged := bytes.Clone(p)
					damaged[i] ^= mask
					err := s.Restore(t.Context(), bytes.NewReader(damaged))
					if err != nil {
						refused++
						wantOffset(t, fmt.Sprintf("%s, byte %d ^ %d", x.name, i, mask), err, len(p))
						continue
					}
					executed++
					replies(t, s, readers[kind])
					replies(t, s, writers[kind])
					sameAfterDump(t, fmt.Sprintf("%s, byte %d ^ %d", x.name, i, mask), s, again, kind)
				}
			}
		}
	}
	t.Logf("%d dumps refused, %d executed", refused, executed)
}

func storeOf(t *testing.T, small int) *perdure.Store {
	t.Helper()
	s, err := perdure.New(storefs.SmallCollections(small))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// sameAfterDump writes a dump of a store, loads it into another, and compares the replies of both.
func sameAfterDump(t *testing.T, what string, s, again *perdure.Store, kind string) {
	t.Helper()
	snap, err := s.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	var dump bytes.Buffer
	_, err = snap.WriteTo(&dump)
	if err := errors.Join(err, snap.Close()); err != nil {
		t.Fatalf("%s: WriteTo = %v, want nil", what, err)
	}
	if err := again.Restore(t.Context(), &dump); err != nil {
		t.Fatalf("%s: Restore of the store's dump = %v, want nil", what, err)
	}
	if kind == "hash" || kind == "set" {
		return // the order of a tree is that of its hashes, so only the load is checked
	}
	ordered := readers[kind][:1]
	if got, want := replies(t, again, ordered), replies(t, s, ordered); !slices.Equal(got, want) {
		t.Errorf("%s: replies after a dump = %q, want %q", what, got, want)
	}
}
