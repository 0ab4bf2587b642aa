//go:build unix

package vfs_test

import (
	"errors"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/perduredb/perdure/internal/vfs"
)

func TestFIFOIsRefusedWithoutWaiting(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	root, err := vfs.OS().OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	for _, fsys := range []vfs.FS{vfs.OS(), root} {
		_, readErr := fsys.ReadDir(fifo)
		for _, err := range []error{readErr, fsys.SyncDir(fifo)} {
			if !errors.Is(err, vfs.ErrNotDirectory) {
				t.Errorf("error = %v, want ErrNotDirectory", err)
			}
		}
		_, openErr := fsys.Open(fifo)
		_, writeErr := fsys.OpenWrite(fifo)
		_, lockErr := fsys.Lock(fifo)
		for _, err := range []error{openErr, writeErr, lockErr} {
			if !errors.Is(err, vfs.ErrNotRegular) {
				t.Errorf("error = %v, want ErrNotRegular", err)
			}
		}
	}
	if _, err := vfs.OS().OpenRoot(fifo); !errors.Is(err, vfs.ErrNotDirectory) {
		t.Errorf("OpenRoot = %v, want ErrNotDirectory", err)
	}
}

func TestLockRefusesFileWithSecondName(t *testing.T) {
	for name, fsys := range map[string]vfs.FS{"OS": vfs.OS(), "Mem": vfs.NewMem("/home")} {
		dir := "/home"
		if name == "OS" {
			dir = t.TempDir()
		}
		dump, lock := filepath.Join(dir, "dump"), filepath.Join(dir, "lock")
		create(t, fsys, dump, "precious").Close()
		if err := fsys.Link(dump, lock); err != nil {
			t.Fatal(err)
		}
		if _, err := fsys.Lock(lock); !errors.Is(err, vfs.ErrManyNames) {
			t.Errorf("%s: Lock = %v, want ErrManyNames", name, err)
		}
		if got := read(t, fsys, dump); got != "precious" {
			t.Errorf("%s: content of the dump = %q, want it unchanged", name, got)
		}
	}
}
