package vfs_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/perduredb/perdure/internal/vfs"
)

// rooted runs a test on open directories of the real file system, of a Mem, and of a Fault.
func rooted(t *testing.T, test func(t *testing.T, below vfs.FS, root vfs.Root, dir string)) {
	run := func(name string, below, over vfs.FS, home string) {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(home, "data")
			if err := below.Mkdir(dir); err != nil {
				t.Fatal(err)
			}
			root, err := over.OpenRoot(dir)
			if err != nil {
				t.Fatal(err)
			}
			defer root.Close()
			test(t, below, root, dir)
		})
	}
	run("OS", vfs.OS(), vfs.OS(), t.TempDir())
	mem := vfs.NewMem("/home")
	run("Mem", mem, mem, "/home")
	mem = vfs.NewMem("/home")
	run("Fault", mem, vfs.NewFault(mem, func(vfs.Op) error { return nil }), "/home")
}

func TestRootFollowsItsDirectory(t *testing.T) {
	rooted(t, func(t *testing.T, below vfs.FS, root vfs.Root, dir string) {
		sub := filepath.Join(dir, "sub")
		if err := root.Mkdir(sub); err != nil {
			t.Fatal(err)
		}
		create(t, root, filepath.Join(sub, "f"), "first").Close()
		moved := dir + "-moved"
		if err := errors.Join(below.Rename(dir, moved), below.Mkdir(dir), below.Mkdir(sub)); err != nil {
			t.Skip("cannot move an open directory on this system: ", err)
		}
		create(t, root, filepath.Join(dir, "g"), "second").Close()
		err := errors.Join(
			root.Rename(filepath.Join(sub, "f"), filepath.Join(sub, "h")),
			root.Link(filepath.Join(sub, "h"), filepath.Join(dir, "i")),
			root.SyncDir(dir), root.SyncDir(sub))
		if err != nil {
			t.Fatal(err)
		}
		if got := read(t, root, filepath.Join(dir, "i")); got != "first" {
			t.Errorf("content = %q, want that of the moved directory", got)
		}
		for name, want := range map[string]int{dir: 1, sub: 0, moved: 3, filepath.Join(moved, "sub"): 1} {
			if names, err := below.ReadDir(name); err != nil || len(names) != want {
				t.Errorf("ReadDir(%q) = %v, %v; want %d names", name, names, err, want)
			}
		}
	})
}

func TestRootRefusesExchangedSubdirectory(t *testing.T) {
	rooted(t, func(t *testing.T, below vfs.FS, root vfs.Root, dir string) {
		sub := filepath.Join(dir, "sub")
		if err := root.Mkdir(sub); err != nil {
			t.Fatal(err)
		}
		create(t, root, filepath.Join(sub, "f"), "").Close()
		if err := errors.Join(below.Rename(sub, sub+"-moved"), below.Mkdir(sub)); err != nil {
			t.Skip("cannot move an open directory on this system: ", err)
		}
		_, createErr := root.Create(filepath.Join(sub, "g"))
		_, readErr := root.ReadDir(sub)
		for _, err := range []error{createErr, readErr, root.SyncDir(sub)} {
			if !errors.Is(err, vfs.ErrMoved) {
				t.Errorf("error = %v, want ErrMoved", err)
			}
		}
		// A directory that was created through the Root is accepted again.
		if err := errors.Join(root.Remove(sub), root.Mkdir(sub)); err != nil {
			t.Skip("Remove of the other directory: ", err)
		}
		create(t, root, filepath.Join(sub, "g"), "").Close()
	})
}

func TestRootRefusesNamesOutside(t *testing.T) {
	rooted(t, func(t *testing.T, below vfs.FS, root vfs.Root, dir string) {
		for _, name := range []string{
			filepath.Join(dir, "..", "f"), dir + "x", "f", filepath.Dir(dir), filepath.Join(dir, "a", "..", "..", "f"),
		} {
			if _, err := root.Create(name); !errors.Is(err, vfs.ErrOutside) {
				t.Errorf("Create(%q) = %v, want ErrOutside", name, err)
			}
			if _, err := root.Lstat(name); !errors.Is(err, vfs.ErrOutside) {
				t.Errorf("Lstat(%q) = %v, want ErrOutside", name, err)
			}
		}
		if info, err := root.Lstat(dir); err != nil || !info.IsDir() {
			t.Errorf("Lstat(%q) = %v, want a directory", dir, err)
		}
	})
}

func TestRootErrorsContainFullNames(t *testing.T) {
	rooted(t, func(t *testing.T, below vfs.FS, root vfs.Root, dir string) {
		name := filepath.Join(dir, "sub", "f")
		if err := root.Mkdir(filepath.Dir(name)); err != nil {
			t.Fatal(err)
		}
		_, err := root.Open(name)
		var path *fs.PathError
		if !errors.As(err, &path) || path.Path != name || !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Open = %v, want an error with the full name", err)
		}
		if err := root.Remove(name); !errors.As(err, &path) || path.Path != name {
			t.Errorf("Remove = %v, want an error with the full name", err)
		}
	})
}

func TestLinkedAndHeldDetectLostNames(t *testing.T) {
	rooted(t, func(t *testing.T, below vfs.FS, root vfs.Root, dir string) {
		name, lockName := filepath.Join(dir, "f"), filepath.Join(dir, "LOCK")
		f := create(t, root, name, "x")
		defer f.Close()
		lock, err := root.Lock(lockName)
		if err != nil {
			t.Fatal(err)
		}
		defer lock.Close()
		if err := errors.Join(f.Linked(), lock.Held(), vfs.CheckNamed(root, name, f)); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(below.Remove(name), below.Remove(lockName)); err != nil {
			t.Skip("cannot remove an open file on this system: ", err)
		}
		if err := f.Linked(); !errors.Is(err, vfs.ErrUnlinked) {
			t.Errorf("Linked of a removed file = %v, want ErrUnlinked", err)
		}
		if err := lock.Held(); !errors.Is(err, vfs.ErrLockLost) {
			t.Errorf("Held of a removed lock = %v, want ErrLockLost", err)
		}
		create(t, root, name, "x").Close()
		create(t, root, lockName, "").Close()
		if err := vfs.CheckNamed(root, name, f); !errors.Is(err, vfs.ErrMoved) {
			t.Errorf("CheckNamed of a replaced file = %v, want ErrMoved", err)
		}
		if err := lock.Held(); !errors.Is(err, vfs.ErrLockLost) {
			t.Errorf("Held of a replaced lock = %v, want ErrLockLost", err)
		}
	})
}

func TestCreateInRemovedDirectoryFails(t *testing.T) {
	rooted(t, func(t *testing.T, below vfs.FS, root vfs.Root, dir string) {
		if err := below.Remove(dir); err != nil {
			t.Skip("cannot remove an open directory on this system: ", err)
		}
		if _, err := root.Create(filepath.Join(dir, "f")); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Create in a removed directory = %v, want ErrNotExist", err)
		}
	})
}

func TestFaultReachesOperationsOfItsRoots(t *testing.T) {
	cause := errors.New("planned")
	var kinds []string
	fsys := vfs.NewFault(vfs.NewMem("/d"), func(op vfs.Op) error {
		kinds = append(kinds, op.Kind)
		if op.Kind == "mkdir" {
			return cause
		}
		return nil
	})
	root, err := fsys.OpenRoot("/d")
	if err != nil {
		t.Fatal(err)
	}
	if err := root.Mkdir("/d/e"); !errors.Is(err, cause) {
		t.Errorf("Mkdir = %v, want the injected error", err)
	}
	if err := root.Close(); err != nil || fsys.Count() != 3 || len(kinds) != 3 || kinds[0] != "openroot" {
		t.Errorf("Close = %v after %d operations %q, want nil after 3 from openroot on",
			err, fsys.Count(), kinds)
	}
}

func TestLinkedDoesNotAllocate(t *testing.T) {
	f := create(t, vfs.OS(), filepath.Join(t.TempDir(), "f"), "x")
	defer f.Close()
	if n := testing.AllocsPerRun(100, func() {
		if err := f.Linked(); err != nil {
			t.Errorf("Linked of a named file = %v, want nil", err)
		}
	}); n != 0 {
		t.Errorf("Linked: %v allocations, want 0", n)
	}
}

func TestLinksAreNotFollowedInRoot(t *testing.T) {
	home := t.TempDir()
	dir := filepath.Join(home, "data")
	if err := errors.Join(os.Mkdir(dir, 0o700), os.Mkdir(filepath.Join(dir, "real"), 0o700)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "target"), []byte("1234567"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, to := range map[string]string{"inside": "target", "outside": "../secret", "sub": "real"} {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Skip("no symbolic links on this system: ", err)
		}
	}
	root, err := vfs.OS().OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	for _, name := range []string{"inside", "outside"} {
		path := filepath.Join(dir, name)
		_, openErr := root.Open(path)
		_, writeErr := root.OpenWrite(path)
		_, lockErr := root.Lock(path)
		for _, err := range []error{openErr, writeErr, lockErr} {
			if !errors.Is(err, vfs.ErrNotRegular) {
				t.Errorf("%s: error = %v, want ErrNotRegular", name, err)
			}
		}
		if _, err := root.Create(path); !errors.Is(err, fs.ErrExist) {
			t.Errorf("Create(%s) = %v, want an error", name, err)
		}
	}
	_, createErr := root.Create(filepath.Join(dir, "sub", "f"))
	_, readErr := root.ReadDir(filepath.Join(dir, "sub"))
	for _, err := range []error{createErr, readErr, root.SyncDir(filepath.Join(dir, "sub"))} {
		if !errors.Is(err, vfs.ErrNotDirectory) {
			t.Errorf("error = %v below a link, want ErrNotDirectory", err)
		}
	}
	if got := read(t, vfs.OS(), filepath.Join(dir, "target")); got != "1234567" {
		t.Errorf("content of the link target = %q, want it unchanged", got)
	}
}
