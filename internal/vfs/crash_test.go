package vfs_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"testing"

	"github.com/perduredb/perdure/internal/vfs"
)

// synced creates a durable file on a Mem.
func synced(t *testing.T, m *vfs.Mem, name, content string) vfs.File {
	t.Helper()
	f := create(t, m, name, content)
	if err := errors.Join(f.Sync(), m.SyncDir("/d")); err != nil {
		t.Fatal(err)
	}
	return f
}

// TestUnsyncedChangesAreIndependent checks that units, sizes, and names are kept or lost
// separately.
func TestUnsyncedChangesAreIndependent(t *testing.T) {
	m := vfs.NewMem("/d")
	f := synced(t, m, "/d/f", strings.Repeat("a", 512))
	f.Write(bytes.Repeat([]byte("b"), 1024))
	create(t, m, "/d/g", "")
	if err := m.Rename("/d/g", "/d/h"); err != nil {
		t.Fatal(err)
	}
	if things := m.Things(512); len(things) != 5 {
		t.Fatalf("Things = %v, want 5", things)
	}
	for i, want := range []string{"g: f:512a", "h: f:512a", "f:512a,1024\x00", "f:512a,512b", "f:512a,512\x00,512b"} {
		image := m.LosePower(512, 0, func(j int, _ vfs.Thing) vfs.Fate {
			if i == j {
				return vfs.New
			}
			return vfs.Old
		})
		if got := shape(t, image); got != want {
			t.Errorf("only thing %d kept: %s, want %s", i, got, want)
		}
	}
	image := m.LosePower(512, 0, func(_ int, thing vfs.Thing) vfs.Fate {
		if thing.Kind == vfs.ASize {
			return 700
		}
		return vfs.New
	})
	if got := shape(t, image); got != "h: f:512a,188b" {
		t.Errorf("size of 700 bytes kept: %s, want h: f:512a,188b", got)
	}
}

// shape returns the names in /d and the runs of bytes in /d/f.
func shape(t *testing.T, m *vfs.Mem) string {
	t.Helper()
	names, err := m.ReadDir("/d")
	if err != nil {
		t.Fatal(err)
	}
	out := ""
	for _, name := range names {
		if name != "f" {
			out += name + ": "
		}
	}
	var runs []string
	for data := read(t, m, "/d/f"); data != ""; {
		n := len(data) - len(strings.TrimLeft(data, data[:1]))
		runs = append(runs, fmt.Sprintf("%d%s", n, data[:1]))
		data = data[n:]
	}
	return out + "f:" + strings.Join(runs, ",")
}

// TestUnsyncedRemovalIsLost checks that a name that was removed without a sync reappears with its
// content.
func TestUnsyncedRemovalIsLost(t *testing.T) {
	m := vfs.NewMem("/d")
	synced(t, m, "/d/f", "whole").Close()
	if err := m.Remove("/d/f"); err != nil {
		t.Fatal(err)
	}
	if got := read(t, m.Crash(vfs.KeepNone, 0), "/d/f"); got != "whole" {
		t.Errorf("f after the power failure = %q, want its old content", got)
	}
	if _, err := m.Kill().Open("/d/f"); err == nil {
		t.Error("Open of a removed name after a kill = nil error, want an error")
	}
}

// TestKillDoesNotSync checks that unsynced writes of a killed process can still be lost.
func TestKillDoesNotSync(t *testing.T) {
	m := vfs.NewMem("/d")
	f := synced(t, m, "/d/f", "synced")
	f.Write([]byte(" and not"))
	after := m.Kill()
	if got := read(t, after, "/d/f"); got != "synced and not" {
		t.Errorf("f after the kill = %q, want all writes", got)
	}
	if got := read(t, after.Crash(vfs.KeepNone, 0), "/d/f"); got != "synced" {
		t.Errorf("f after the kill and a power failure = %q, want only synced writes", got)
	}
	f.Write([]byte("!"))
	if got := read(t, after, "/d/f"); got != "synced and not" {
		t.Errorf("f after a write of the killed process = %q, want it unchanged", got)
	}
}

// TestFailedSyncDropsPages checks that after a failed sync the cache still contains the writes, and
// that a later successful sync does not write them.
func TestFailedSyncDropsPages(t *testing.T) {
	m := vfs.NewMem("/d")
	synced(t, m, "/d/f", "old.").Close()
	broken := true
	fault := vfs.NewFault(m, func(op vfs.Op) error {
		if broken && op.Kind == "sync" {
			return syscall.EIO
		}
		return nil
	})
	f, err := fault.OpenWrite("/d/f")
	if err != nil {
		t.Fatal(err)
	}
	f.Write([]byte("lost"))
	if err := f.Sync(); !errors.Is(err, syscall.EIO) {
		t.Fatal(err)
	}
	broken = false
	if v := m.Violations(); len(v) > 0 {
		t.Fatalf("violations = %v, want none yet", v)
	}
	f.Write([]byte("kept"))
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	if v := m.Violations(); len(v) != 1 {
		t.Errorf("violations = %v, want the write after the failed sync", v)
	}
	if got := read(t, m, "/d/f"); got != "old.lostkept" {
		t.Errorf("f in the cache = %q, want %q", got, "old.lostkept")
	}
	if got := read(t, m.Crash(vfs.KeepNone, 0), "/d/f"); got != "old.\x00\x00\x00\x00kept" {
		t.Errorf("f on the disk = %q, want zeros for the lost bytes", got)
	}
	f.DropCache(0)
	if got := read(t, m, "/d/f"); got != "old.\x00\x00\x00\x00kept" {
		t.Errorf("f after the cache was dropped = %q, want zeros for the lost bytes", got)
	}
}

// TestFaultModes checks operations that fail after they were done partly or completely.
func TestFaultModes(t *testing.T) {
	m := vfs.NewMem("/d")
	var fail error
	fault := vfs.NewFault(m, func(vfs.Op) error { return fail })
	f, err := fault.Create("/d/f")
	if err != nil {
		t.Fatal(err)
	}
	fail = &vfs.ShortWrite{N: 2}
	if n, err := f.Write([]byte("abcd")); n != 2 || err != nil {
		t.Errorf("short Write = %d, %v, want 2, nil", n, err)
	}
	fail = &vfs.Done{Err: syscall.EIO}
	if n, err := f.Write([]byte("cd")); n != 2 || !errors.Is(err, syscall.EIO) {
		t.Errorf("complete Write with an error = %d, %v, want 2, EIO", n, err)
	}
	if err := fault.Rename("/d/f", "/d/g"); !errors.Is(err, syscall.EIO) {
		t.Error(err)
	}
	if got := read(t, m, "/d/g"); got != "abcd" {
		t.Errorf("content of g = %q, want %q", got, "abcd")
	}
	fail = nil
	g, err := fault.Open("/d/g")
	if err != nil {
		t.Fatal(err)
	}
	fail = &vfs.ShortRead{N: 3}
	p := make([]byte, 8)
	if n, err := g.Read(p); n != 3 || err != nil {
		t.Errorf("short Read = %d, %v, want 3, nil", n, err)
	}
	fail = syscall.EIO
	if n, err := g.ReadAt(p, 0); n != 0 || !errors.Is(err, syscall.EIO) {
		t.Errorf("failed Read = %d, %v, want 0, EIO", n, err)
	}
	fail = nil
	if rest, err := io.ReadAll(g); string(rest) != "d" || err != nil {
		t.Errorf("ReadAll of the rest = %q, %v, want %q", rest, err, "d")
	}
}

// TestOverwrittenUnitIsOldOrNew checks that a synced unit that was overwritten has its old or new
// content after a power failure, also in a file of a crash image.
func TestOverwrittenUnitIsOldOrNew(t *testing.T) {
	m := vfs.NewMem("/d")
	synced(t, m, "/d/f", strings.Repeat("a", 1536)).Close()
	for _, from := range []*vfs.Mem{m, m.Crash(vfs.KeepNone, 0)} {
		f, err := from.OpenWrite("/d/f")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteAt(bytes.Repeat([]byte("b"), 600), 500); err != nil {
			t.Fatal(err)
		}
		if things := from.Things(512); len(things) != 3 {
			t.Fatalf("Things = %v, want 3", things)
		}
		for i, want := range []string{"f:500a,12b,1024a", "f:512a,512b,512a", "f:1024a,76b,436a"} {
			image := from.LosePower(512, 0, func(j int, _ vfs.Thing) vfs.Fate {
				if i == j {
					return vfs.New
				}
				return vfs.Old
			})
			if got := shape(t, image); got != want {
				t.Errorf("only unit %d kept: %s, want %s", i, got, want)
			}
		}
		if got := shape(t, from.Crash(vfs.KeepNone, 0)); got != "f:1536a" {
			t.Errorf("no unit kept: %s, want the old content", got)
		}
		if got := shape(t, from.Kill()); got != "f:500a,600b,436a" {
			t.Errorf("after a kill: %s, want the new content", got)
		}
		if err := f.Datasync(); err != nil {
			t.Fatal(err)
		}
		if got := shape(t, from.Crash(vfs.KeepNone, 0)); got != "f:500a,600b,436a" {
			t.Errorf("after a sync: %s, want the new content", got)
		}
	}
}
