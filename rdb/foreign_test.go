package rdb_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/perduredb/perdure/internal/corrupt"
	"github.com/perduredb/perdure/rdb"
	"github.com/perduredb/perdure/snapshot"
)

// foreignRecords lists records of other producers, with the magic of their files.
var foreignRecords = []struct{ name, magic, record, owner string }{
	{"Dragonfly's blob", "REDIS0009", "dc 80000000 05 0102030405", "Dragonfly"},
	{"Dragonfly's journal", "REDIS0009", "d2 01 03 616263", "Dragonfly"},
	{"first of Dragonfly's opcodes", "REDIS0009", "c8", "Dragonfly"},
	{"last of Dragonfly's opcodes", "REDIS0009", "e0", "Dragonfly"},
	{"Dragonfly's JSON", "REDIS0009", "1e 016a 02 7b7d", "Dragonfly"},
	{"Dragonfly's set", "REDIS0009", "20 0173 01 016d 05", "Dragonfly"},
	{"Dragonfly's last type", "REDIS0010", "25 0173 00", "Dragonfly"},
	{"Redis Enterprise on flash", "REDIS0012", "6b 4043 00 0161 0162", "Redis Enterprise"},
	{"hash by template", "REDIS0015", "1e 016b 00", "Redis"},
	{"rate limiter", "REDIS0014", "21 016b 00", "Redis"},
	{"Valkey's update", "VALKEY081", "f2 01", "Valkey"},
	{"unknown type", "REDIS0009", "08 016b 00", ""},
	{"unknown opcode", "REDIS0009", "f2 00", ""},
	{"newer type", "REDIS0042", "64 016b", ""},
}

// TestForeignRecordIsDamageOnlyByChecksum puts an unknown record into a file. If the checksum
// matches, the record is not supported. If it does not match, the record is damage. Without a
// checksum, it is damage if no known producer writes it into a file of that version.
func TestForeignRecordIsDamageOnlyByChecksum(t *testing.T) {
	const before = "00 0161 0162"
	for _, c := range foreignRecords {
		for _, after := range []string{"", "00 0163 ff 00ff", strings.Repeat("00", 9000) + "ff"} {
			good := file(c.magic, strings.ReplaceAll(before+c.record+after, " ", ""))
			at := int64(9 + 5)
			none := append(bytes.Clone(good[:len(good)-8]), make([]byte, 8)...)
			flipped := bytes.Clone(good)
			flipped[13] ^= 4 // in the value of the preceding key
			cut := good[:len(good)-3]
			newer := c.magic > "REDIS0012"
			for what, f := range map[string]struct {
				p       []byte
				damaged bool
			}{
				"whole": {good, false}, "none": {none, c.owner == "" && !newer}, "flipped": {flipped, true}, "cut": {cut, true},
				"log": {append(bytes.Clone(good), "*1\r\n$4\r\nPING\r\n"...), false}, "log, none": {append(bytes.Clone(none), "*1\r\n"...), c.owner == "" && !newer},
			} {
				for _, size := range []int64{int64(len(f.p)), -1} {
					_, err := rdb.Decode(context.Background(), iotest.HalfReader(bytes.NewReader(f.p)), size, new(got))
					wantForeign(t, fmt.Sprintf("%s, %s, size %d", c.name, what, size), err, f.damaged, at, c.owner)
					r, err := rdb.Check(context.Background(), bytes.NewReader(f.p), size)
					wantForeign(t, c.name+", "+what+", Check", err, f.damaged, at, c.owner)
					if r.Keys != 1 {
						t.Errorf("%s, %s: Check = %d keys, want the 1 key before the record", c.name, what, r.Keys)
					}
				}
			}
		}
	}
}

func wantForeign(t *testing.T, what string, err error, damaged bool, at int64, owner string) {
	t.Helper()
	var unknown *rdb.UnsupportedError
	var bad *rdb.CorruptError
	if errors.Is(err, corrupt.ErrCorrupt) != damaged || errors.Is(err, rdb.ErrUnsupported) == damaged {
		t.Fatalf("%s: error = %v, want damage: %v", what, err, damaged)
	}
	if damaged && (!errors.As(err, &bad) || bad.Offset != at) {
		t.Errorf("%s: error = %v, want offset %d", what, err, at)
	}
	if !damaged && (!errors.As(err, &unknown) || unknown.Offset != at || unknown.Owner != owner || !strings.Contains(unknown.What, owner)) {
		t.Errorf("%s: error = %+v, want offset %d and owner %q", what, err, at, owner)
	}
}

// TestForeignFilesAreNotSupported reads files of other producers. Errors name the producer and the
// next step, and the keys before the foreign record are loaded.
func TestForeignFilesAreNotSupported(t *testing.T) {
	for name, c := range map[string]struct {
		owner string
		keys  int
	}{"keydb-subexpire.rdb": {"KeyDB", 2}, "redis_ent_opcode_ram_lru.rdb": {"Redis Enterprise", 0}} {
		path := filepath.Join("testdata", name)
		_, err := rdb.CheckFile(path)
		var unknown *rdb.UnsupportedError
		if !errors.As(err, &unknown) || unknown.File != path || unknown.Owner != c.owner || unknown.WayOut == "" ||
			unknown.Offset == 0 || errors.Is(err, corrupt.ErrCorrupt) {
			t.Errorf("CheckFile(%s) = %v, want an UnsupportedError of %s", name, err, c.owner)
		}
		p, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		g := new(got)
		_, err = rdb.Decode(context.Background(), bytes.NewReader(p), int64(len(p)), g)
		if !errors.As(err, &unknown) || len(g.entries) != c.keys {
			t.Errorf("Decode(%s) = %d keys, %v, want %d", name, len(g.entries), err, c.keys)
		}
	}
}

// chooser is a Loader with a limit on the number of databases.
type chooser struct {
	got
	databases int
}

func (c *chooser) Load(e snapshot.Entry) error {
	if e.DB >= c.databases {
		return &snapshot.EntryError{Offset: e.Offset, Err: errDatabases}
	}
	return c.got.Load(e)
}

var errDatabases = errors.New("database out of range")

// TestEntryErrorIsDamageByChecksum flips each bit of the database number in a dump. The error of
// the Loader must then be damage. If the dump was written with that number, it is the error of the
// Loader, with the offset of the entry.
func TestEntryErrorIsDamageByChecksum(t *testing.T) {
	for _, base := range []string{"REDIS0009", "REDIS0010"} {
		good := file(base, "fe00 00016b0176 00016c0177")
		for bit := range 8 {
			flipped := bytes.Clone(good)
			flipped[10] ^= 1 << bit
			_, err := rdb.Decode(context.Background(), bytes.NewReader(flipped), int64(len(flipped)), &chooser{databases: 1})
			if !errors.Is(err, corrupt.ErrCorrupt) || errors.Is(err, errDatabases) {
				t.Errorf("bit %d: Decode = %v, want ErrCorrupt", bit, err)
			}
		}
	}
	for _, p := range [][]byte{file("REDIS0009", "fe05 00016b0176"), append([]byte("REDIS0009"), unhex("fe05 00016b0176 ff 0000000000000000")...)} {
		_, err := rdb.Decode(context.Background(), bytes.NewReader(p), int64(len(p)), &chooser{databases: 1})
		var e *snapshot.EntryError
		if !errors.As(err, &e) || e.Offset != 11 || !errors.Is(err, errDatabases) || errors.Is(err, corrupt.ErrCorrupt) {
			t.Errorf("Decode = %v, want the error of the Loader at offset 11", err)
		}
	}
}
