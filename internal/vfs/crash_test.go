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

// synced makes a file on a Mem that is whole on disk.
func synced(t *testing.T, m *vfs.Mem, name, content string) vfs.File {
	t.Helper()
	f := create(t, m, name, content)
	if err := errors.Join(f.Sync(), m.SyncDir("/d")); err != nil {
		t.Fatal(err)
	}
	return f
}

// TestEachThingHasItsOwnFate: units, sizes and names are kept or lost one by one.
func TestEachThingHasItsOwnFate(t *testing.T) {
	m := vfs.NewMem("/d")
	f := synced(t, m, "/d/f", strings.Repeat("a", 512))
	f.Write(bytes.Repeat([]byte("b"), 1024))
	create(t, m, "/d/g", "")
	if err := m.Rename("/d/g", "/d/h"); err != nil {
		t.Fatal(err)
	}
	if things := m.Things(512); len(things) != 5 {
		t.Fatalf("%v", things)
	}
	for i, want := range []string{"g: f:512a", "h: f:512a", "f:512a,1024\x00", "f:512a,512b", "f:512a,512\x00,512b"} {
		image := m.LosePower(512, 0, func(j int, _ vfs.Thing) vfs.Fate {
			if i == j {
				return vfs.New
			}
			return vfs.Old
		})
		if got := shape(t, image); got != want {
			t.Errorf("thing %d alone: %s, want %s", i, got, want)
		}
	}
	image := m.LosePower(512, 0, func(_ int, thing vfs.Thing) vfs.Fate {
		if thing.Kind == vfs.ASize {
			return 700
		}
		return vfs.New
	})
	if got := shape(t, image); got != "h: f:512a,188b" {
		t.Errorf("cut at a byte: %s", got)
	}
}

// shape gives names and the runs of bytes in /d/f.
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

// TestAnUnsyncedRemovalMayNotHaveBeen: the name is there again, with its content.
func TestAnUnsyncedRemovalMayNotHaveBeen(t *testing.T) {
	m := vfs.NewMem("/d")
	synced(t, m, "/d/f", "whole").Close()
	if err := m.Remove("/d/f"); err != nil {
		t.Fatal(err)
	}
	if got := read(t, m.Crash(vfs.KeepNone, 0), "/d/f"); got != "whole" {
		t.Errorf("f = %q", got)
	}
	if _, err := m.Kill().Open("/d/f"); err == nil {
		t.Error("a killed process brings a name back")
	}
}

// TestAKillSyncsNothing: what a dead process has written can still be lost.
func TestAKillSyncsNothing(t *testing.T) {
	m := vfs.NewMem("/d")
	f := synced(t, m, "/d/f", "synced")
	f.Write([]byte(" and not"))
	after := m.Kill()
	if got := read(t, after, "/d/f"); got != "synced and not" {
		t.Errorf("killed: %q", got)
	}
	if got := read(t, after.Crash(vfs.KeepNone, 0), "/d/f"); got != "synced" {
		t.Errorf("and then without power: %q", got)
	}
	f.Write([]byte("!"))
	if got := read(t, after, "/d/f"); got != "synced and not" {
		t.Errorf("the dead process goes on writing: %q", got)
	}
}

// TestAFailedSyncDropsThePages: the cache shows what the disk never had, and a later sync that
// succeeds does not write it.
func TestAFailedSyncDropsThePages(t *testing.T) {
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
		t.Fatal(v)
	}
	f.Write([]byte("kept"))
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	if v := m.Violations(); len(v) != 1 {
		t.Errorf("violations: %v", v)
	}
	if got := read(t, m, "/d/f"); got != "old.lostkept" {
		t.Errorf("cache: %q", got)
	}
	if got := read(t, m.Crash(vfs.KeepNone, 0), "/d/f"); got != "old.\x00\x00\x00\x00kept" {
		t.Errorf("disk: %q", got)
	}
	f.DropCache(0)
	if got := read(t, m, "/d/f"); got != "old.\x00\x00\x00\x00kept" {
		t.Errorf("after the cache was dropped: %q", got)
	}
}

// TestWaysToFail: an operation that fails may be done, in part or whole.
func TestWaysToFail(t *testing.T) {
	m := vfs.NewMem("/d")
	var fail error
	fault := vfs.NewFault(m, func(vfs.Op) error { return fail })
	f, err := fault.Create("/d/f")
	if err != nil {
		t.Fatal(err)
	}
	fail = &vfs.ShortWrite{N: 2}
	if n, err := f.Write([]byte("abcd")); n != 2 || err != nil {
		t.Errorf("a short write that tells of no error: %d, %v", n, err)
	}
	fail = &vfs.Done{Err: syscall.EIO}
	if n, err := f.Write([]byte("cd")); n != 2 || !errors.Is(err, syscall.EIO) {
		t.Errorf("a write that is done: %d, %v", n, err)
	}
	if err := fault.Rename("/d/f", "/d/g"); !errors.Is(err, syscall.EIO) {
		t.Error(err)
	}
	if got := read(t, m, "/d/g"); got != "abcd" {
		t.Errorf("g = %q", got)
	}
	fail = nil
	g, err := fault.Open("/d/g")
	if err != nil {
		t.Fatal(err)
	}
	fail = &vfs.ShortRead{N: 3}
	p := make([]byte, 8)
	if n, err := g.Read(p); n != 3 || err != nil {
		t.Errorf("a short read: %d, %v", n, err)
	}
	fail = syscall.EIO
	if n, err := g.ReadAt(p, 0); n != 0 || !errors.Is(err, syscall.EIO) {
		t.Errorf("a read that fails: %d, %v", n, err)
	}
	fail = nil
	if rest, err := io.ReadAll(g); string(rest) != "d" || err != nil {
		t.Errorf("the rest: %q, %v", rest, err)
	}
}

// TestWhatIsWrittenOver: a unit that was synced, and then written over, is the old one or the new one, also in a
// file that a crash has left.
func TestWhatIsWrittenOver(t *testing.T) {
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
			t.Fatalf("%v", things)
		}
		for i, want := range []string{"f:500a,12b,1024a", "f:512a,512b,512a", "f:1024a,76b,436a"} {
			image := from.LosePower(512, 0, func(j int, _ vfs.Thing) vfs.Fate {
				if i == j {
					return vfs.New
				}
				return vfs.Old
			})
			if got := shape(t, image); got != want {
				t.Errorf("unit %d alone: %s, want %s", i, got, want)
			}
		}
		if got := shape(t, from.Crash(vfs.KeepNone, 0)); got != "f:1536a" {
			t.Errorf("nothing kept: %s", got)
		}
		if got := shape(t, from.Kill()); got != "f:500a,600b,436a" {
			t.Errorf("killed: %s", got)
		}
		if err := f.Datasync(); err != nil {
			t.Fatal(err)
		}
		if got := shape(t, from.Crash(vfs.KeepNone, 0)); got != "f:500a,600b,436a" {
			t.Errorf("synced: %s", got)
		}
	}
}
