package snapshot_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/perduredb/perdure/internal/dirfs"
	"github.com/perduredb/perdure/internal/vfs"
	"github.com/perduredb/perdure/snapshot"
)

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

func put(fsys vfs.FS, content []byte) (int64, error) {
	return snapshot.Replace(dirfs.New(fsys), "/d", "file", func(w io.Writer) error {
		_, err := w.Write(content)
		return err
	})
}

// Both contents are larger than the step between two syncs.
var (
	old   = bytes.Repeat([]byte("old "), 1000)
	fresh = bytes.Repeat([]byte("new "), 2<<20)
)

func seeded(t *testing.T) *vfs.Mem {
	t.Helper()
	m := vfs.NewMem("/d")
	if n, err := put(m, old); n != int64(len(old)) || err != nil {
		t.Fatal(n, err)
	}
	return m
}

// TestReplaceIsAtomic simulates a crash before every operation. The file must be the old or the new
// one, and after Replace has returned, the new one.
func TestReplaceIsAtomic(t *testing.T) {
	m := seeded(t)
	look := func(image *vfs.Mem, when string) string {
		got := read(t, image, "/d/file")
		if got != string(old) && got != string(fresh) {
			t.Fatalf("%s: file = %d other bytes, want the old or the new file", when, len(got))
		}
		if err := snapshot.RemoveTemps(dirfs.New(image), "/d"); err != nil {
			t.Fatal(err)
		}
		if names, err := image.ReadDir("/d"); err != nil || len(names) != 1 {
			t.Fatalf("%s: leftover files %v, %v, want none", when, names, err)
		}
		return got
	}
	fsys := vfs.NewFault(m, func(op vfs.Op) error {
		for seed := range uint64(8) {
			look(m.Crash(vfs.KeepSome, seed), fmt.Sprint("before ", op))
		}
		look(m.Crash(vfs.KeepNone, 0), fmt.Sprint("before ", op))
		return nil
	})
	if _, err := put(fsys, fresh); err != nil {
		t.Fatal(err)
	}
	if look(m.Crash(vfs.KeepNone, 0), "after") != string(fresh) {
		t.Error("file after Replace and a power failure = the old one, want the new one")
	}
}

// TestReplaceFails injects an error into every operation in turn. The old file must be unchanged,
// unless the sync of the directory or the Lstat of the new file failed.
func TestReplaceFails(t *testing.T) {
	cause := errors.New("planned fault")
	for n := 0; ; n++ {
		m := seeded(t)
		var failed vfs.Op
		fsys := vfs.NewFault(m, func(op vfs.Op) error {
			if op.N != n {
				return nil
			}
			failed = op
			return cause
		})
		_, err := put(fsys, fresh)
		if fsys.Count() <= n {
			if n < 8 {
				t.Fatalf("Replace has %d operations, want more", n)
			}
			return
		}
		if !errors.Is(err, cause) {
			t.Fatalf("%v: Replace = %v, want the injected error", failed, err)
		}
		var dirSync *snapshot.DirSyncError
		renamed := failed.Kind == "syncdir" || failed.Kind == "lstat" && failed.Name == "/d/file"
		if errors.As(err, &dirSync) != renamed {
			t.Fatalf("%v: Replace = %v, want a DirSyncError: %v", failed, err, renamed)
		}
		if got := read(t, m, "/d/file"); got != string(old) && !renamed {
			t.Fatalf("%v: file = %d other bytes, want the old file", failed, len(got))
		}
		if v := fsys.Violations(); len(v) > 0 {
			t.Fatalf("%v: violations %v, want none", failed, v)
		}
	}
}

func TestReplaceReturnsWriteError(t *testing.T) {
	m := seeded(t)
	cause := errors.New("cannot continue")
	_, err := snapshot.Replace(dirfs.New(m), "/d", "file", func(w io.Writer) error {
		if _, err := w.Write([]byte("half")); err != nil {
			return err
		}
		return cause
	})
	if !errors.Is(err, cause) {
		t.Errorf("Replace = %v, want the error of the write function", err)
	}
	if names, _ := m.ReadDir("/d"); len(names) != 1 || read(t, m, "/d/file") != string(old) {
		t.Errorf("leftover files %v, want none", names)
	}
}
