package rdb_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/perduredb/perdure/rdb"
	"github.com/perduredb/perdure/snapshot"
)

func TestCheck(t *testing.T) {
	d := data{
		entries: []snapshot.Entry{
			str(0, "a", "1", 0), str(0, "b", "2", 5), str(4, "a", "3", 0),
			{DB: 4, Key: []byte("l"), Type: 1, Value: unhex("010161"), ExpireAtMs: 9},
		},
		extras: []snapshot.Extra{{Opcode: 245, Payload: unhex("0161")}},
	}
	p := append(mustEncode(t, &d), "rest"...)
	for _, size := range []int64{int64(len(p)), -1} {
		r, err := rdb.Check(context.Background(), iotest.OneByteReader(bytes.NewReader(p)), size)
		if err != nil {
			t.Fatal(err)
		}
		if r.Keys != 4 || r.Expires != 2 || r.Extras != 1 || r.Size != int64(len(p)-4) || r.Trailing != 4 ||
			r.Version != "RDB 10" || !r.Checksum || r.Types[0] != 3 || r.Types[1] != 1 ||
			!slices.Equal(r.Databases, []snapshot.Count{{DB: 0, Keys: 2, Expires: 1}, {DB: 4, Keys: 2, Expires: 1}}) {
			t.Errorf("size %d: Check = %+v, want 4 keys in databases 0 and 4, and 4 trailing bytes", size, r)
		}
	}
}

// TestCheckDuplicate checks that a duplicate key in a database is damage. redis-check-rdb does not
// detect it.
func TestCheckDuplicate(t *testing.T) {
	d := data{entries: []snapshot.Entry{str(0, "a", "1", 0), str(1, "a", "2", 0), str(1, "b", "2", 0), str(0, "a", "3", 0)}}
	p := mustEncode(t, &d)
	r, err := rdb.Check(context.Background(), bytes.NewReader(p), int64(len(p)))
	var bad *rdb.CorruptError
	if !errors.As(err, &bad) || bad.Offset != int64(bytes.LastIndex(p, unhex("000161c003"))) || r.Keys != 3 {
		t.Errorf("Check = %d keys, %v, want 3 keys and damage at the duplicate", r.Keys, err)
	}
	mustDecode(t, p) // Decode leaves duplicates to the Loader
}

func TestCheckFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.rdb")
	if err := os.WriteFile(path, unhex(goldenThree), 0o600); err != nil {
		t.Fatal(err)
	}
	if r, err := rdb.CheckFile(path); err != nil || r.Keys != 3 || r.Expires != 1 {
		t.Errorf("CheckFile = %+v, %v, want 3 keys, 1 with an expiry", r, err)
	}
	for name, p := range map[string]string{"damaged.rdb": "REDIS0009\x08", "newer.rdb": "REDIS0099\x64", "empty.rdb": ""} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(p), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := rdb.CheckFile(path); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("CheckFile(%q) = %v, want an error with the path", name, err)
		}
	}
	if _, err := rdb.CheckFile(filepath.Join(dir, "missing")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("CheckFile of a missing file = %v, want ErrNotExist", err)
	}
}

func TestTypeName(t *testing.T) {
	for kind, want := range map[snapshot.Type]string{
		0: "string", 1: "list", 2: "set", 5: "zset", 16: "hash", 21: "stream", 7: "module", 40: "type 40",
		snapshot.Valkey | 22: "hash", snapshot.Valkey | 23: "valkey type 23",
	} {
		if got := rdb.TypeName(kind); got != want {
			t.Errorf("TypeName(%d) = %q, want %q", kind, got, want)
		}
	}
}
