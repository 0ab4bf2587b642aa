package integration_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/internal/crc64"
	"github.com/perduredb/perdure/rdb"
	"github.com/perduredb/perdure/snapshot"
)

// Open loads a file with several goroutines, in batches. The tests here load files of many batches,
// with order-dependent commands in all parts.

// A commandLog writes commands as a log of another program and applies them to a map.
type commandLog struct {
	bytes.Buffer
	db   int
	keys [3]map[string]string
}

func (l *commandLog) put(args ...string) { l.WriteString(resp(strings.Join(args, " "))) }

// step adds a random command on one of a few keys, so that most commands change an existing value.
func (l *commandLog) step(rng *rand.Rand) {
	keys := l.keys[l.db]
	name := func() string { return "key" + strconv.Itoa(rng.IntN(3000)) }
	k, v := name(), strings.Repeat("v", rng.IntN(40))+strconv.Itoa(rng.IntN(1000))
	switch p := rng.IntN(100); {
	case p < 40:
		l.put("SET", k, v)
		keys[k] = v
	case p < 60:
		l.put("append", k, v)
		keys[k] += v
	case p < 70:
		l.put("MSET", k, v, k+"b", v)
		keys[k], keys[k+"b"] = v, v
	case p < 80:
		l.put("DEL", k, k+"b", name()+"none")
		delete(keys, k)
		delete(keys, k+"b")
	case p < 90:
		l.put("INCRBY", k+"n", "7")
		n, _ := strconv.Atoi(keys[k+"n"])
		keys[k+"n"] = strconv.Itoa(n + 7)
	case p < 92:
		if old, ok := keys[k]; ok {
			l.put("RENAME", k, k+"b")
			delete(keys, k)
			keys[k+"b"] = old
		}
	case p < 93:
		big := strings.Repeat(v, 100<<10/len(v))
		l.put("SET", k, big)
		keys[k] = big
	case p == 93 && rng.IntN(300) == 0:
		l.put("FLUSHDB")
		clear(keys)
	case p >= 98:
		l.db = rng.IntN(len(l.keys))
		l.put("SELECT", strconv.Itoa(l.db))
	}
}

// TestReplayKeepsOrder compares the replay of a long log with a map.
func TestReplayKeepsOrder(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 5))
	l := &commandLog{keys: [3]map[string]string{{}, {}, {}}}
	for range 60_000 {
		l.step(rng)
	}
	dir := t.TempDir()
	ok(t, os.WriteFile(filepath.Join(dir, "appendonly.aof"), l.Bytes(), 0o600))
	s := open(t, dir, logOnly()...)
	for db, keys := range l.keys {
		if n := s.DB(db).Len(); n != int64(len(keys)) {
			t.Errorf("database %d: %d keys, want %d", db, n, len(keys))
		}
		for k, v := range keys {
			want(t, s.DB(db), k, v)
		}
	}
}

// TestReplayNamesFirstFailure replays several commands that fail in different goroutines. The
// error must name the first of them by offset.
func TestReplayNamesFirstFailure(t *testing.T) {
	var log bytes.Buffer
	first := 0
	for i := range 30_000 {
		if i > 20_000 && i%50 == 0 {
			if first == 0 {
				first = log.Len()
			}
			log.WriteString(resp(fmt.Sprint("INCR key", i-1)))
		}
		log.WriteString(resp(fmt.Sprintf("SET key%d text", i)))
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "appendonly.aof")
	ok(t, os.WriteFile(path, log.Bytes(), 0o600))
	_, err := perdure.Open(dir, logOnly()...)
	place := fmt.Sprintf("perdure: %s: offset %d: INCR: value is not an integer", path, first)
	if err == nil || !strings.HasPrefix(err.Error(), place) {
		t.Errorf("got %v, want %s", err, place)
	}
	is(t, err, perdure.ErrNotInteger)
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, log.Bytes()) {
		t.Errorf("the log differs after Open (%v), want it unchanged", err)
	}
}

// TestLoadRefusesSecondKey loads a dump with a duplicate key far from the first, and a RESIZEDB
// that declares more keys than the file can contain.
func TestLoadRefusesSecondKey(t *testing.T) {
	dump := []byte("REDIS0009\xfe\x00\xfb\x81\x7f\xff\xff\xff\xff\xff\xff\xff\x00")
	second := 0
	for i := range 50_000 {
		if i == 40_000 {
			second = len(dump)
		}
		key := fmt.Sprintf("key%06d", i%40_000)
		dump = append(dump, 0, byte(len(key)))
		dump = append(dump, key...)
		dump = append(dump, 5)
		dump = append(dump, "value"...)
	}
	dump = append(dump, 0xff)
	sum := crc64.Checksum(dump)
	for range 8 {
		dump = append(dump, byte(sum))
		sum >>= 8
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "dump.rdb")
	ok(t, os.WriteFile(path, dump, 0o600))
	_, err := perdure.Open(dir, snapshotsOnly()...)
	var damage *perdure.CorruptError
	if !errors.As(err, &damage) || damage.File != path || damage.Offset != int64(second) {
		t.Errorf("got %v, want offset %d of %s", err, second, path)
	}
}

// TestReplayOfManyArguments replays a command on one key with more than 65,535 arguments.
func TestReplayOfManyArguments(t *testing.T) {
	const fields = 23_000
	args := "BITFIELD k" + strings.Repeat(" INCRBY u32 0 1", fields)
	dir := t.TempDir()
	ok(t, os.WriteFile(filepath.Join(dir, "appendonly.aof"), []byte(resp(args)), 0o600))
	s := open(t, dir, logOnly()...)
	want(t, s, "k", string([]byte{0, 0, fields >> 8, fields & 0xff}))
}

// TestOrderIsKept checks that a store saves keys in the order that its dump declares, even if
// another program chose the order.
func TestOrderIsKept(t *testing.T) {
	dir := t.TempDir()
	order := func() string {
		t.Helper()
		r, err := rdb.OpenReader(filepath.Join(dir, "dump.rdb"))
		ok(t, err)
		defer r.Close()
		header, err := r.Header(t.Context())
		ok(t, err)
		for _, a := range header.Aux {
			if a.Name == "perdure-order" {
				return a.Value
			}
		}
		return ""
	}
	save := func() {
		t.Helper()
		s := open(t, dir, perdure.WithoutAppendLog())
		for i := range 1000 {
			ok(t, s.Set("key"+strconv.Itoa(i), []byte("v")))
		}
		ok(t, s.Close())
	}
	save()
	first := order()
	save()
	if len(first) != 32 || order() != first {
		t.Errorf("order of the next dump = %q, want %q, of 32 bytes", order(), first)
	}
	for _, bad := range []string{"", "x", strings.Repeat("0", 32), strings.Repeat("f", 10_000)} {
		var b bytes.Buffer
		w, err := rdb.NewWriter(&b)
		ok(t, err)
		ok(t, w.Write(&rdb.Aux{Name: "perdure-order", Value: bad}))
		for i := range 1000 {
			ok(t, w.Write(&rdb.Entry{Entry: snapshot.Entry{Key: []byte("key" + strconv.Itoa(i)), Value: []byte("v")}}))
		}
		_, err = w.Close()
		ok(t, err)
		ok(t, os.WriteFile(filepath.Join(dir, "dump.rdb"), b.Bytes(), 0o600))
		s := open(t, dir, perdure.WithoutAppendLog())
		if n := s.Len(); n != 1000 {
			t.Errorf("order %.40q: Len = %d, want 1000", bad, n)
		}
		ok(t, s.CloseNoSave())
	}
}
