package integration_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/internal/engine"
	"github.com/perduredb/perdure/internal/redistest"
	"github.com/perduredb/perdure/internal/storefs"
)

// TestCollectionsWithTrees changes large collections with trees, and equal ones without trees.
// It saves and rewrites concurrently, and compares each dump and each log with the data at that
// time.
func TestCollectionsWithTrees(t *testing.T) {
	rounds := 6
	if testing.Short() {
		rounds = 2
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	dir := t.TempDir()
	options := func() []perdure.Option { return append(logOnly(aof.AutoRewrite(0, 0)), storefs.SmallCollections(64)) }
	s := open(t, dir, options()...)
	packed := open(t, t.TempDir(), append(snapshotsOnly(), storefs.SmallCollections(1<<30))...)
	for round := range rounds {
		changeCollections(t, rng, 1500, s, packed)
		want := collections(t, s)
		if diff := cmp.Diff(collections(t, packed), want); diff != "" {
			t.Fatalf("round %d: with trees (-without +with):\n%s", round, diff)
		}
		task, err := s.BGSave()
		ok(t, err)
		for total := int64(0); total == 0; _, total = task.Progress() {
			runtime.Gosched() // the point in time has yet to come
		}
		changeCollections(t, rng, 1500, s, packed)
		_, err = task.Wait(context.Background())
		ok(t, err)
		at := copyFiles(t, dir, "dump.rdb")
		loaded := open(t, at, append(snapshotsOnly(), storefs.SmallCollections(64))...)
		if diff := cmp.Diff(want, collections(t, loaded)); diff != "" {
			t.Fatalf("round %d: the dump (-want +got):\n%s", round, diff)
		}
		ok(t, engine.Of(loaded).CheckTable())
		ok(t, loaded.Close())
		if round%2 == 0 {
			ok(t, s.Rewrite(context.Background()))
		}
		want = collections(t, s)
		ok(t, engine.Of(s).CheckTable())
		ok(t, s.Close())
		s = open(t, dir, options()...)
		if diff := cmp.Diff(want, collections(t, s)); diff != "" {
			t.Fatalf("round %d: the log (-want +got):\n%s", round, diff)
		}
	}
	want := collections(t, s)
	ok(t, s.Close())
	for _, file := range []string{"appendonlydir", "dump.rdb"} {
		if file == "dump.rdb" {
			s = open(t, dir, options()...)
			_, err := s.Save(context.Background())
			ok(t, err)
			ok(t, s.Close())
		}
		args := []string{"--appendonly", map[string]string{"appendonlydir": "yes", "dump.rdb": "no"}[file]}
		redis := redistest.Start(t, copyFiles(t, dir, file), args...)
		if diff := cmp.Diff(want, serverCollections(redis)); diff != "" {
			t.Errorf("redis-server with its %s (-want +got):\n%s", file, diff)
		}
		redis.Kill()
	}
}

// changeCollections executes the same random commands on stores, and compares the replies. A part
// of them is in a transaction that is rolled back.
func changeCollections(t *testing.T, rng *rand.Rand, n int, stores ...*perdure.Store) {
	t.Helper()
	for range n {
		args := collectionCommand(rng)
		undone := fmt.Errorf("undone")
		undo := rng.IntN(10) == 0
		var first string
		for i, s := range stores {
			var reply perdure.Reply
			var err error
			if undo {
				rolled := s.Update(func(tx *perdure.Tx) error {
					_, _ = tx.Do(t.Context(), collectionCommand(rng)...)
					return undone
				})
				if rolled != undone {
					t.Fatalf("Update = %v, want %v", rolled, undone)
				}
			}
			reply, err = s.Do(t.Context(), args...)
			text := fmt.Sprint(err, " ", shape(reply))
			if i == 0 {
				first = text
			} else if text != first {
				t.Fatalf("%v: %s with trees, %s without", args, first, text)
			}
		}
	}
}

// shape returns a reply as text.
func shape(r perdure.Reply) string {
	if text, err := r.Text(); err == nil {
		return text
	}
	if n, err := r.Float(); err == nil {
		return strconv.FormatFloat(n, 'g', -1, 64)
	}
	text := r.Kind().String()
	for _, e := range r.All() {
		text += " " + shape(e)
	}
	return text
}

// collectionCommand returns a command on a collection, whose effect is not random.
func collectionCommand(rng *rand.Rand) []any {
	k := strconv.Itoa(rng.IntN(3))
	m := func() string {
		if rng.IntN(30) == 0 {
			return strings.Repeat("long", rng.IntN(300))
		}
		return "member:" + strconv.Itoa(rng.IntN(200))
	}
	i := func() int { return rng.IntN(300) - 150 }
	commands := [][]any{
		{"HSET", "h" + k, m(), m(), m(), m()}, {"HSET", "h" + k, m(), m()}, {"HDEL", "h" + k, m(), m()}, {"HINCRBY", "hn" + k, m(), i()},
		{"SADD", "s" + k, m(), m(), m()}, {"SREM", "s" + k, m(), m()}, {"SADD", "i" + k, i(), i()}, {"SMOVE", "s" + k, "s0", m()}, {"SINTERSTORE", "s2", "s0", "s1"}, {"SUNIONSTORE", "s" + k, "s0", "s1"},
		{"RPUSH", "l" + k, m(), m()}, {"LPUSH", "l" + k, m(), m()}, {"LSET", "l" + k, i(), m()}, {"LINSERT", "l" + k, "BEFORE", m(), m()}, {"LREM", "l" + k, 1, m()}, {"LPOP", "l" + k}, {"RPOPLPUSH", "l" + k, "l0"}, {"LTRIM", "l" + k, 0, 100},
		{"ZADD", "z" + k, i(), m(), i(), m()}, {"ZADD", "z" + k, i(), m()}, {"ZINCRBY", "z" + k, 1.5, m()}, {"ZREM", "z" + k, m(), m()}, {"ZREMRANGEBYRANK", "z" + k, 50, 60}, {"ZPOPMIN", "z" + k}, {"ZRANGESTORE", "z" + k, "z0", 0, 80}, {"ZRANK", "z" + k, m()},
	}
	if rng.IntN(40) == 0 {
		kind := string("hslz"[rng.IntN(4)])
		rare := [][]any{
			{"DEL", kind + k}, {"RENAME", kind + k, kind + "9"}, {"RENAME", kind + "9", kind + k}, {"COPY", kind + k, kind + "8", "REPLACE"},
			{"SET", kind + "8", "text"}, {"PEXPIREAT", kind + k, int64(4102444800000)}, {"PERSIST", kind + k},
		}
		return rare[rng.IntN(len(rare))]
	}
	return commands[rng.IntN(len(commands))]
}

// readers are the commands that read whole collections by type.
var readers = map[string][]string{
	"hash": {"HGETALL"}, "set": {"SMEMBERS"}, "list": {"LRANGE", "0", "-1"}, "zset": {"ZRANGE", "0", "-1", "WITHSCORES"}, "string": {"GET"},
}

// collections returns the contents of a store by key.
func collections(t *testing.T, s *perdure.Store) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	for key := range s.Keys("*") {
		kind, err := s.Type(key)
		ok(t, err)
		args := []any{readers[kind][0], key}
		for _, arg := range readers[kind][1:] {
			args = append(args, arg)
		}
		r, err := s.Do(t.Context(), args...)
		ok(t, err)
		var texts []string
		switch kind {
		case "hash":
			fields := map[string]string{}
			for k, v := range r.Pairs() {
				fields[shape(k)] = shape(v)
			}
			for _, f := range slices.Sorted(maps.Keys(fields)) {
				texts = append(texts, f, fields[f])
			}
		case "zset": // pairs in version 3
			for _, pair := range r.All() {
				texts = append(texts, shape(pair.At(0)), shape(pair.At(1)))
			}
		case "string":
			texts = []string{shape(r)}
		default:
			for _, e := range r.All() {
				texts = append(texts, shape(e))
			}
		}
		if kind == "set" {
			slices.Sort(texts)
		}
		all[key] = texts
	}
	return all
}

// serverCollections returns the contents of a server like collections.
func serverCollections(s *redistest.Server) map[string][]string {
	all := map[string][]string{}
	for _, key := range s.Must("KEYS", "*").Elements {
		kind := strings.TrimPrefix(s.Must("TYPE", key.Text).Text, "+")
		args := append([]string{readers[kind][0], key.Text}, readers[kind][1:]...)
		r := s.Must(args...)
		var texts []string
		for _, e := range r.Elements {
			texts = append(texts, e.Text)
		}
		switch kind {
		case "string":
			texts = []string{r.Text}
		case "set":
			slices.Sort(texts)
		case "hash":
			fields := map[string]string{}
			for i := 0; i < len(texts); i += 2 {
				fields[texts[i]] = texts[i+1]
			}
			texts = nil
			for _, f := range slices.Sorted(maps.Keys(fields)) {
				texts = append(texts, f, fields[f])
			}
		}
		all[key.Text] = texts
	}
	return all
}

// TestFailedCommandKeepsConversion restores a large hash. The first command that touches it
// converts it to trees, and finds nothing to change.
func TestFailedCommandKeepsConversion(t *testing.T) {
	s := open(t, t.TempDir(), snapshotsOnly()...)
	for i := range 100 {
		_, err := s.HashAt("h").Set(fmt.Sprint("field ", i), []byte(strings.Repeat("v", 50)))
		ok(t, err)
	}
	dump, err := s.Do(t.Context(), "DUMP", "h")
	ok(t, err)
	payload, err := dump.Bytes()
	ok(t, err)
	for _, args := range [][]any{
		{"HDEL", "restored", "a", "b", "c", "d"}, {"HSETNX", "restored", "field 1", "x"}, {"HINCRBY", "restored", "field 1", "x"},
	} {
		_, err = s.Do(t.Context(), "RESTORE", "restored", 0, payload, "REPLACE")
		ok(t, err)
		_, _ = s.Do(t.Context(), args...)
		ok(t, engine.Of(s).CheckTable())
		if n, err := s.HashAt("restored").Len(); n != 100 || err != nil {
			t.Errorf("%v of a restored hash leaves %d fields, %v, want 100", args, n, err)
		}
	}
}

// TestCopyOverLargeCollection copies small values over large collections. The log must have the
// copies.
func TestCopyOverLargeCollection(t *testing.T) {
	dir := t.TempDir()
	options := func() []perdure.Option { return append(logOnly(), storefs.SmallCollections(64)) }
	s := open(t, dir, options()...)
	for _, args := range [][]any{
		{"SET", "text", "value"}, {"HSET", "hash", "field", "value"}, {"RPUSH", "list", "a", "b"},
	} {
		_, err := s.Do(t.Context(), args...)
		ok(t, err)
		key := args[1].(string)
		_, err = s.SetAt("over "+key).Add(strings.Repeat("m", 40), strings.Repeat("n", 40))
		ok(t, err)
		_, err = s.Do(t.Context(), "COPY", key, "over "+key, "REPLACE")
		ok(t, err)
	}
	want := collections(t, s)
	for _, key := range []string{"text", "hash", "list"} {
		if diff := cmp.Diff(want[key], want["over "+key]); diff != "" {
			t.Errorf("COPY of %s (-source +copy):\n%s", key, diff)
		}
	}
	ok(t, engine.Of(s).CheckTable())
	ok(t, s.Close())
	s = open(t, dir, options()...)
	if diff := cmp.Diff(want, collections(t, s)); diff != "" {
		t.Errorf("the log (-want +got):\n%s", diff)
	}
}

// TestRefusedRestoreFreesTreesOnce refuses RESTORE commands whose payload was converted to trees.
// The pages of the trees are then used by other keys, and must not be freed again.
func TestRefusedRestoreFreesTreesOnce(t *testing.T) {
	s := open(t, t.TempDir(), snapshotsOnly()...)
	_, err := s.ListAt("l").PushBack(slices.Repeat([][]byte{[]byte("element")}, 2000)...)
	ok(t, err)
	dump, err := s.Do(t.Context(), "DUMP", "l")
	ok(t, err)
	payload, err := dump.Bytes()
	ok(t, err)
	for i := range 20 {
		if _, err := s.Do(t.Context(), "RESTORE", "l", 0, payload); err == nil {
			t.Fatal("RESTORE of a key that exists = nil, want an error")
		}
		_, err = s.Do(t.Context(), "COPY", "l", fmt.Sprint("copy ", i))
		ok(t, err)
		ok(t, engine.Of(s).CheckTable())
	}
}

// TestReadOnlyStoreDropsTrees reads loaded collections that a store without writes cannot convert,
// and expects that no read leaves trees.
func TestReadOnlyStoreDropsTrees(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, snapshotsOnly()...)
	for i := range 70 {
		name := fmt.Sprint("an element that makes the collection large ", i)
		_, err := s.HashAt("h").Set(name, nil)
		ok(t, err)
		_, err = s.SetAt("s").Add(name)
		ok(t, err)
		_, err = s.ListAt("l").PushBack([]byte(name))
		ok(t, err)
		_, err = s.Do(t.Context(), "ZADD", "z", i, name)
		ok(t, err)
	}
	_, err := s.Save(context.Background())
	ok(t, err)
	ok(t, s.Close())
	s = open(t, dir, append(snapshotsOnly(), perdure.WithReadOnly())...)
	for _, c := range []string{
		"HGET h f", "HGETALL h", "HSCAN h 0", "SMEMBERS s", "SISMEMBER s m", "SUNION s s", "LLEN l", "LRANGE l 0 9", "ZSCORE z m",
		"ZRANGE z 0 9", "ZUNION 2 z s", "SORT_RO l ALPHA", "SORT_RO s ALPHA", "SORT_RO z ALPHA", "DUMP h", "OBJECT ENCODING h",
	} {
		var args []any
		for _, word := range strings.Fields(c) {
			args = append(args, word)
		}
		_, err := s.Do(t.Context(), args...)
		ok(t, err)
		if err := engine.Of(s).CheckTable(); err != nil {
			t.Fatalf("%s: %v", c, err)
		}
	}
}
