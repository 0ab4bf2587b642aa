package integration_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/internal/crc64"
	"github.com/perduredb/perdure/snapshot"
)

// dumpBytes returns a dump of the given records with its checksum.
func dumpBytes(records string) []byte {
	p := []byte("REDIS0009" + records + "\xff")
	sum := crc64.Checksum(p)
	for range 8 {
		p = append(p, byte(sum))
		sum >>= 8
	}
	return p
}

// asDumpAndBase writes the dump into two data directories, as the dump and as the base file of the
// log, and opens both. It returns the errors by the file that each must name.
func asDumpAndBase(t *testing.T, p []byte) map[string]error {
	t.Helper()
	errs := make(map[string]error)
	dir := t.TempDir()
	path := filepath.Join(dir, "dump.rdb")
	ok(t, os.WriteFile(path, p, 0o600))
	_, errs[path] = perdure.Open(dir, perdure.WithReadOnly())
	dir = t.TempDir()
	logDir := filepath.Join(dir, "appendonlydir")
	ok(t, os.Mkdir(logDir, 0o700))
	path = filepath.Join(logDir, "appendonly.aof.1.base.rdb")
	ok(t, os.WriteFile(path, p, 0o600))
	ok(t, os.WriteFile(filepath.Join(logDir, "appendonly.aof.1.incr.aof"), nil, 0o600))
	ok(t, os.WriteFile(filepath.Join(logDir, "appendonly.aof.manifest"),
		[]byte("file appendonly.aof.1.base.rdb seq 1 type b\nfile appendonly.aof.1.incr.aof seq 1 type i\n"), 0o600))
	_, errs[path] = perdure.Open(dir, perdure.WithReadOnly())
	return errs
}

// TestFlippedDatabaseNumberIsDamage flips each bit of a database number in a dump and in a base
// file. The error is damage of that file, whether or not the store has a database of the new
// number.
func TestFlippedDatabaseNumberIsDamage(t *testing.T) {
	good := dumpBytes("\xfe\x00\x00\x01k\x01v\x00\x01l\x01w")
	for bit := range 8 {
		p := bytes.Clone(good)
		p[10] ^= 1 << bit
		for path, err := range asDumpAndBase(t, p) {
			var damage *perdure.CorruptError
			if !errors.As(err, &damage) || damage.File != path || damage.Offset == 0 || errors.Is(err, perdure.ErrDatabase) {
				t.Errorf("bit %d: Open = %v, want damage of %s", bit, err, path)
			}
		}
	}
}

// TestDatabaseOutOfRangeNamesFileAndOffset reads a dump and a base that were written by a server
// with more databases. The files are undamaged.
func TestDatabaseOutOfRangeNamesFileAndOffset(t *testing.T) {
	for path, err := range asDumpAndBase(t, dumpBytes("\x00\x01k\x01v\xfe\x40\x40\x00\x01l\x01w")) {
		var entry *snapshot.EntryError
		if !errors.Is(err, perdure.ErrDatabase) || !errors.As(err, &entry) || entry.File != path || entry.Offset != 17 ||
			errors.Is(err, perdure.ErrCorrupt) {
			t.Errorf("%s: Open = %v, want ErrDatabase with the file and offset", path, err)
		}
	}
}

// TestForeignRecordIsNotSupported opens files with a record of Dragonfly's. A matching checksum
// shows that they are undamaged; after a bit flip they are damaged.
func TestForeignRecordIsNotSupported(t *testing.T) {
	good := dumpBytes("\x00\x01k\x01v\xd2\x05\x00\x01l\x01w")
	for path, err := range asDumpAndBase(t, good) {
		var unknown *perdure.UnsupportedError
		if !errors.As(err, &unknown) || !errors.Is(err, perdure.ErrUnsupported) || errors.Is(err, perdure.ErrCorrupt) ||
			unknown.File != path || unknown.Offset != 14 || unknown.Owner != "Dragonfly" {
			t.Errorf("Open = %v, want an UnsupportedError of Dragonfly at %s, offset 14", err, path)
		}
	}
	good[13] ^= 1
	for path, err := range asDumpAndBase(t, good) {
		var damage *perdure.CorruptError
		if !errors.As(err, &damage) || errors.Is(err, perdure.ErrUnsupported) || damage.File != path || damage.Offset != 14 {
			t.Errorf("Open = %v, want damage at %s, offset 14", err, path)
		}
	}
}

func TestCommandErrorIsNotSupported(t *testing.T) {
	dir := t.TempDir()
	ok(t, os.WriteFile(filepath.Join(dir, "appendonly.aof"), []byte("*3\r\n$5\r\nPFADD\r\n$1\r\nk\r\n$1\r\nv\r\n"), 0o600))
	_, err := perdure.Open(dir, perdure.WithReadOnly())
	if !errors.Is(err, perdure.ErrUnsupported) || !errors.Is(err, perdure.ErrCommand) || errors.Is(err, perdure.ErrCorrupt) {
		t.Error(err)
	}
}
