package vfs_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"testing"

	"github.com/perduredb/perdure/internal/vfs"
)

// both runs a test on the real file system and on a Mem.
func both(t *testing.T, test func(t *testing.T, fsys vfs.FS, dir string)) {
	t.Run("OS", func(t *testing.T) { test(t, vfs.OS(), t.TempDir()) })
	t.Run("Mem", func(t *testing.T) { test(t, vfs.NewMem("/data"), "/data") })
}

func create(t *testing.T, fsys vfs.FS, name, content string) vfs.File {
	t.Helper()
	f, err := fsys.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(f, content); err != nil {
		t.Fatal(err)
	}
	return f
}

func read(t *testing.T, fsys vfs.FS, name string) string {
	t.Helper()
	f, err := fsys.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	data, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestWriteAppends(t *testing.T) {
	both(t, func(t *testing.T, fsys vfs.FS, dir string) {
		name := filepath.Join(dir, "f")
		f := create(t, fsys, name, "hello world")
		if err := f.Truncate(5); err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte("!")); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(f.Sync(), f.Datasync(), f.Close()); err != nil {
			t.Fatal(err)
		}
		g, err := fsys.OpenWrite(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := g.Write([]byte("?")); err != nil {
			t.Fatal(err)
		}
		if size, err := g.Size(); size != 7 || err != nil {
			t.Errorf("Size = %d, %v, want the sum of the writes", size, err)
		}
		if err := g.Close(); err != nil {
			t.Fatal(err)
		}
		if got := read(t, fsys, name); got != "hello!?" {
			t.Errorf("content = %q, want the writes in order", got)
		}
	})
}

func TestWriteAtOverwrites(t *testing.T) {
	both(t, func(t *testing.T, fsys vfs.FS, dir string) {
		name := filepath.Join(dir, "f")
		f := create(t, fsys, name, "hello world")
		if err := f.Sync(); err != nil {
			t.Fatal(err)
		}
		for _, w := range []struct {
			at   int64
			text string
		}{{0, "H"}, {6, "earth, and"}, {16, " sky"}} {
			if n, err := f.WriteAt([]byte(w.text), w.at); n != len(w.text) || err != nil {
				t.Fatalf("WriteAt(%q, %d) = %d, %v, want %d", w.text, w.at, n, err, len(w.text))
			}
		}
		if got := read(t, fsys, name); got != "Hello earth, and sky" {
			t.Errorf("content = %q, want the overwritten bytes", got)
		}
		if err := f.Truncate(11); err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte("!")); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		if got := read(t, fsys, name); got != "Hello earth!" {
			t.Errorf("content after Truncate and Write = %q, want \"Hello earth!\"", got)
		}
		r, err := fsys.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		if n, err := r.WriteAt([]byte("x"), 0); n != 0 || err == nil {
			t.Errorf("WriteAt of a read-only file = %d, %v, want an error", n, err)
		}
	})
}

func TestWriteAfterCloseFails(t *testing.T) {
	both(t, func(t *testing.T, fsys vfs.FS, dir string) {
		f := create(t, fsys, filepath.Join(dir, "f"), "written")
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		other := create(t, fsys, filepath.Join(dir, "other"), "")
		defer other.Close()
		if n, err := f.Write([]byte("late")); n != 0 || err == nil {
			t.Errorf("Write after Close = %d, %v, want an error", n, err)
		}
		if n, err := f.WriteAt([]byte("late"), 0); n != 0 || err == nil {
			t.Errorf("WriteAt after Close = %d, %v, want an error", n, err)
		}
		if size, err := other.Size(); size != 0 || err != nil {
			t.Errorf("Size of the other file = %d, %v, want 0", size, err)
		}
	})
}

func TestNames(t *testing.T) {
	both(t, func(t *testing.T, fsys vfs.FS, dir string) {
		a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
		create(t, fsys, a, "1").Close()
		create(t, fsys, b, "2").Close()
		if _, err := fsys.Create(a); !errors.Is(err, fs.ErrExist) {
			t.Errorf("Create of an existing name = %v, want ErrExist", err)
		}
		if err := fsys.Rename(a, b); err != nil {
			t.Fatal(err)
		}
		if got := read(t, fsys, b); got != "1" {
			t.Errorf("content after Rename = %q, want \"1\"", got)
		}
		if _, err := fsys.Open(a); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Open of the old name = %v, want ErrNotExist", err)
		}
		c := filepath.Join(dir, "c")
		if err := fsys.Link(b, c); err != nil {
			t.Fatal(err)
		}
		if got := read(t, fsys, c); got != "1" {
			t.Errorf("content after Link = %q, want \"1\"", got)
		}
		if err := fsys.Link(b, c); !errors.Is(err, fs.ErrExist) {
			t.Errorf("Link to an existing name = %v, want ErrExist", err)
		}
		if err := fsys.Link(a, filepath.Join(dir, "d")); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Link of a missing file = %v, want ErrNotExist", err)
		}
		if err := fsys.Remove(c); err != nil {
			t.Fatal(err)
		}
		sub := filepath.Join(dir, "sub")
		if err := fsys.Mkdir(sub); err != nil {
			t.Fatal(err)
		}
		if err := fsys.Mkdir(sub); !errors.Is(err, fs.ErrExist) {
			t.Errorf("Mkdir of an existing name = %v, want ErrExist", err)
		}
		if _, err := fsys.Open(sub); !errors.Is(err, vfs.ErrNotRegular) {
			t.Errorf("Open of a directory = %v, want ErrNotRegular", err)
		}
		if names, err := fsys.ReadDir(dir); err != nil || len(names) != 2 || names[0] != "b" {
			t.Errorf("ReadDir = %v, %v, want the sorted names", names, err)
		}
		if err := errors.Join(fsys.SyncDir(dir), fsys.Remove(b)); err != nil {
			t.Fatal(err)
		}
		if _, err := fsys.Lstat(b); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Lstat of a removed name = %v, want ErrNotExist", err)
		}
	})
}

func TestLockIsExclusive(t *testing.T) {
	both(t, func(t *testing.T, fsys vfs.FS, dir string) {
		name := filepath.Join(dir, "LOCK")
		lock, err := fsys.Lock(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := fsys.Lock(name); !errors.Is(err, vfs.ErrLocked) {
			t.Errorf("second Lock = %v, want ErrLocked", err)
		}
		if err := lock.Close(); err != nil {
			t.Fatal(err)
		}
		again, err := fsys.Lock(name)
		if err != nil {
			t.Fatal(err)
		}
		again.Close()
	})
}

func TestCrashLosesUnsyncedData(t *testing.T) {
	m := vfs.NewMem("/d")
	f := create(t, m, "/d/f", "synced")
	if err := errors.Join(f.Sync(), m.SyncDir("/d")); err != nil {
		t.Fatal(err)
	}
	f.Write([]byte(" lost"))
	create(t, m, "/d/g", "never named")
	after := m.Crash(vfs.KeepNone, 0)
	if got := read(t, after, "/d/f"); got != "synced" {
		t.Errorf("f = %q, want only synced bytes", got)
	}
	if _, err := after.Open("/d/g"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Open of g = %v, want ErrNotExist", err)
	}
	if got := read(t, m.Crash(vfs.KeepAll, 0), "/d/f"); got != "synced lost" {
		t.Errorf("KeepAll: f = %q, want all bytes", got)
	}
}

// TestCrashKeepsSyncedBytes checks with many seeds that synced bytes are kept, and that the other
// bytes vary.
func TestCrashKeepsSyncedBytes(t *testing.T) {
	m := vfs.NewMem("/d")
	f := create(t, m, "/d/f", string(bytes.Repeat([]byte("a"), 1000)))
	if err := errors.Join(f.Sync(), m.SyncDir("/d")); err != nil {
		t.Fatal(err)
	}
	f.Write(bytes.Repeat([]byte("b"), 9000))
	forms := map[string]bool{}
	for seed := uint64(0); seed < 200; seed++ {
		got := read(t, m.Crash(vfs.KeepSome, seed), "/d/f")
		if len(got) < 1000 || got[:1000] != string(bytes.Repeat([]byte("a"), 1000)) {
			t.Fatalf("seed %d: %d bytes after a crash, want the 1000 synced first", seed, len(got))
		}
		forms[got] = true
	}
	if len(forms) < 50 {
		t.Errorf("%d different images, want more", len(forms))
	}
}

func TestFaultFailsNthOperation(t *testing.T) {
	cause := errors.New("planned")
	m := vfs.NewMem("/d")
	f := vfs.NewFault(m, func(op vfs.Op) error {
		switch op.Kind {
		case "write":
			return &vfs.ShortWrite{N: 2, Err: cause}
		case "sync":
			return cause
		}
		return nil
	})
	file, err := f.Create("/d/f")
	if err != nil {
		t.Fatal(err)
	}
	if n, err := file.Write([]byte("abcd")); n != 2 || !errors.Is(err, cause) {
		t.Errorf("Write = %d, %v, want a short write with an error", n, err)
	}
	if n, err := file.WriteAt([]byte("cdef"), 2); n != 2 || !errors.Is(err, cause) || read(t, m, "/d/f") != "abcd" {
		t.Errorf("WriteAt = %d, %v, content %q, want a short write with an error", n, err, read(t, m, "/d/f"))
	}
	if err := file.Sync(); !errors.Is(err, cause) {
		t.Errorf("Sync = %v, want the injected error", err)
	}
	file.Write(nil) // not a violation, because it may have begun before the sync failed
	if file.Write(nil); len(f.Violations()) != 1 {
		t.Errorf("Violations = %v, want the write after the failed sync", f.Violations())
	}
}

func TestCapacity(t *testing.T) {
	m := vfs.NewMem("/d")
	m.SetCapacity(3)
	f, err := m.Create("/d/f")
	if err != nil {
		t.Fatal(err)
	}
	if n, err := f.Write([]byte("abcd")); n != 3 || !errors.Is(err, vfs.ErrNoSpace) {
		t.Errorf("Write = %d, %v, want a short write with an error", n, err)
	}
	if n, err := f.WriteAt([]byte("ABC"), 0); n != 3 || err != nil {
		t.Errorf("WriteAt of existing bytes = %d, %v, want 3", n, err)
	}
	if n, err := f.WriteAt([]byte("cd"), 2); n != 1 || !errors.Is(err, vfs.ErrNoSpace) {
		t.Errorf("WriteAt past the end = %d, %v, want ErrNoSpace", n, err)
	}
}
