package aof_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/appendlog"
	"github.com/perduredb/perdure/internal/corrupt"
	"github.com/perduredb/perdure/internal/dirfs"
	"github.com/perduredb/perdure/internal/resp"
	"github.com/perduredb/perdure/internal/vfs"
)

// memLog returns a file system with a log of one incremental file.
func memLog(t testing.TB, data []byte) *vfs.Mem {
	fs := vfs.NewMem("/data", "/data/appendonlydir")
	for name, content := range map[string][]byte{
		"appendonly.aof.manifest":   []byte(incrLine),
		"appendonly.aof.1.incr.aof": data,
	} {
		f, err := fs.Create("/data/appendonlydir/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(content); err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	return fs
}

// FuzzReplay opens an incremental file of arbitrary bytes. If Open accepts it, a second Open after
// the truncation and Close must yield equal records.
func FuzzReplay(f *testing.F) {
	dir, _, _ := smallLog(f, true)
	whole := readFile(f, dir, incr1)
	f.Add(whole)
	f.Add(whole[:len(whole)-50])
	data, _ := legacyLog()
	f.Add(data)
	f.Add(append(whole[:len(whole):len(whole)], data...))
	f.Add([]byte(appendlog.Multi + appendlog.Exec + appendlog.Multi))
	f.Add(resp.AppendCommand(nil, "select", "3"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if bytes.HasPrefix(data, []byte("REDIS")) || bytes.HasPrefix(data, []byte("VALKEY")) {
			return
		}
		fs := memLog(t, data)
		report, err := aof.Check("/data", aof.OnFS(dirfs.New(fs)))
		if err != nil {
			t.Fatal(err)
		}
		l, u, recovery, err := open(fs, "/data")
		if err != nil {
			if !errors.Is(err, corrupt.ErrCorrupt) || report.OK() {
				t.Fatal(err)
			}
			return
		}
		if report.Files[0].Torn != recovery.Cut || report.Files[0].Commands != recovery.Commands {
			t.Fatalf("Check = %+v, want as Open %+v", report, recovery)
		}
		list := append(u.got, set(t, l, "a", "b"))
		closeLog(t, l)
		again, u, recovery, err := open(fs, "/data")
		if err != nil || recovery.Cut != 0 {
			t.Fatalf("second report = %+v, %v, want nothing truncated", recovery, err)
		}
		want(t, u, list)
		closeLog(t, again)
	})
}
