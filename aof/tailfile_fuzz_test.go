package aof_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"strings"
	"testing"

	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/aof/internal/wire"
	"github.com/perduredb/perdure/internal/dirfs"
	"github.com/perduredb/perdure/internal/vfs"
)

// FuzzTail opens a log next to a tail file of unknown origin. Open must refuse the tail file, or
// report or replay its data. It must not allocate memory based on a length in the file. The
// checksums are corrected, so that Open examines the data after them.
func FuzzTail(f *testing.F) {
	mem := vfs.NewMem("/data")
	l, _, _, err := open(mem, "/data", aof.LogMode(aof.Ring), aof.RingSize(3<<10))
	if err != nil {
		f.Fatal(err)
	}
	set(f, l, "a", "1")
	f.Add([]byte(memFile(f, mem, tailName)), true)
	set(f, l, "b", strings.Repeat("v", 900))
	f.Add([]byte(memFile(f, mem, tailName)), true)
	f.Add([]byte(memFile(f, mem, tailName))[:4096], false)
	f.Add([]byte("PERDTAIL"), false)
	closeLog(f, l)
	incr := []byte(memFile(f, mem, incrName))
	f.Fuzz(func(t *testing.T, tail []byte, right bool) {
		if len(tail) > 64<<10 {
			return
		}
		tail = bytes.Clone(tail)
		if right {
			fixChecksums(tail)
		}
		fs := memLog(t, incr)
		replaceFile(t, fs, tailName, tail)
		l, _, rec, err := open(fs, "/data")
		var corrupt *aof.CorruptError
		if err != nil && !errors.As(err, &corrupt) {
			t.Fatalf("Open = %v, want nil or a CorruptError", err)
		}
		if rec.Merged > int64(len(tail)) {
			t.Fatalf("%d bytes merged, want at most %d", rec.Merged, len(tail))
		}
		if report, checkErr := aof.Check("/data", aof.OnFS(dirfs.New(fs)), stubBase()); err == nil && (checkErr != nil || !report.OK()) {
			t.Fatalf("Check after Open = %v, %v, want nil", checkErr, report.Err())
		}
		if err == nil {
			closeLog(t, l)
		}
	})
}

// fixChecksums corrects the checksums of a tail file.
func fixChecksums(tail []byte) {
	table := crc32.MakeTable(crc32.Castagnoli)
	if len(tail) < 4096 {
		return
	}
	binary.LittleEndian.PutUint32(tail[96:], crc32.Checksum(tail[:96], table))
	regions, each := int(tail[12]), binary.LittleEndian.Uint64(tail[16:])
	for i := range min(regions, 7) {
		words := tail[512*(1+i):]
		length, at := uint64(binary.LittleEndian.Uint32(words[8:])), 4096+uint64(i)*each
		if each > 1<<20 || at+length > uint64(len(tail)) || length == 0 {
			continue
		}
		crc := wire.NewSeed(int64(binary.LittleEndian.Uint64(words))).Group(0)
		binary.LittleEndian.PutUint32(words[12:], crc32.Update(crc, table, tail[at:at+length]))
	}
}
