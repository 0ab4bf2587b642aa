// Package storetest tests implementations of [appendlog.AppendLog] and [snapshot.Snapshotter], as
// testing/fstest tests file systems. A component that passes keeps what a store relies on.
//
// The tests run the component on a file system in memory. They end the process and cut the power at
// any step, let operations fail, and damage files. So a component is tested as far as it keeps
// its data in Env.FS; one that keeps it elsewhere, such as in an object store, is tested without
// crashes.
//
// Each test checks one duty and reports a failure under the name of that duty.
package storetest

import (
	"fmt"
	"log/slog"
	"sort"
	"strings"
	"testing"

	"github.com/perduredb/perdure/internal/dirfs"
	"github.com/perduredb/perdure/internal/vfs"
	"github.com/perduredb/perdure/snapshot"
)

// dataDir is the data directory in every file system.
const dataDir = "/data"

// storeID is the id of the store that begins every log.
const storeID = "00c0ffee00c0ffee"

// duty is one duty of a component, and how it is checked.
type duty[T any] struct {
	name  string
	check func(T) error
}

// run checks every duty: as a subtest each where there are such.
func run[T any](tb testing.TB, duties []duty[T], subject func(duty string) T) {
	tb.Helper()
	for _, d := range duties {
		if t, ok := tb.(*testing.T); ok {
			t.Run(d.name, func(t *testing.T) {
				if err := contain(d.check, subject(d.name)); err != nil {
					t.Errorf("%s: %v", d.name, err)
				}
			})
		} else if err := contain(d.check, subject(d.name)); err != nil {
			tb.Errorf("%s: %v", d.name, err)
		}
	}
}

// contain turns a panic of the component into an error.
func contain[T any](check func(T) error, subject T) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return check(subject)
}

// disk is a data directory in memory, and the name under which a component may keep data elsewhere.
type disk struct {
	place string
	mem   *vfs.Mem
	fs    vfs.FS // mem, or a vfs.Fault over it
}

func newDisk(place string) *disk {
	mem := vfs.NewMem(dataDir)
	return &disk{place: place, mem: mem, fs: mem}
}

// env returns an Env for a component, as a store fills it in.
func (d *disk) env() (snapshot.Env, error) {
	root, err := d.fs.OpenRoot(dataDir)
	if err != nil {
		return snapshot.Env{}, err
	}
	return snapshot.Env{
		FS: dirfs.New(root), Dir: dataDir, Logger: slog.New(slog.DiscardHandler), Store: storeID,
	}, nil
}

// image returns the disk with another content, such as after a crash.
func (d *disk) image(mem *vfs.Mem) *disk { return &disk{place: d.place, mem: mem, fs: mem} }

// killed returns the disk after a kill of the process at this point.
func (d *disk) killed() *disk { return d.image(d.mem.Kill()) }

// powerless returns the disk with only the synced data.
func (d *disk) powerless() *disk { return d.image(d.mem.Crash(vfs.KeepNone, 0)) }

// torn returns the disk with a random part of the unsynced data.
func (d *disk) torn(seed uint64) *disk { return d.image(d.mem.Crash(vfs.KeepSome, seed)) }

// fault makes operations fail for which fail returns an error.
func (d *disk) fault(fail func(vfs.Op) error) *vfs.Fault {
	f := vfs.NewFault(d.mem, fail)
	d.fs = f
	return f
}

// files returns the content of every file, by path.
func (d *disk) files() (map[string]string, error) {
	found := map[string]string{}
	return found, d.walk(dataDir, found)
}

func (d *disk) walk(dir string, found map[string]string) error {
	names, err := d.mem.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		path := dir + "/" + name
		info, err := d.mem.Lstat(path)
		if err != nil {
			return err
		}
		if info.IsDir() {
			found[path] = "a directory"
			if err := d.walk(path, found); err != nil {
				return err
			}
			continue
		}
		content, err := d.read(path, info.Size())
		if err != nil {
			return err
		}
		found[path] = content
	}
	return nil
}

func (d *disk) read(path string, size int64) (string, error) {
	f, err := d.mem.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	content := make([]byte, size)
	if _, err := f.ReadAt(content, 0); size > 0 && err != nil {
		return "", err
	}
	return string(content), nil
}

// unchanged calls do and returns an error if that changes a file.
func (d *disk) unchanged(what string, do func() error) error {
	before, err := d.files()
	if err != nil {
		return err
	}
	if err := do(); err != nil {
		return err
	}
	after, err := d.files()
	if err != nil {
		return err
	}
	var changed []string
	for path, content := range after {
		if was, ok := before[path]; !ok || was != content {
			changed = append(changed, path)
		}
		delete(before, path)
	}
	for path := range before {
		changed = append(changed, path)
	}
	if len(changed) > 0 {
		sort.Strings(changed)
		return fmt.Errorf("%s changed %s, want no change on disk", what, strings.Join(changed, ", "))
	}
	return nil
}

// regular returns the paths of the files that are not empty, in order.
func (d *disk) regular() ([]string, error) {
	found, err := d.files()
	if err != nil {
		return nil, err
	}
	var paths []string
	for path, content := range found {
		if info, err := d.mem.Lstat(path); err == nil && info.Mode().IsRegular() && content != "" {
			paths = append(paths, path)
		}
	}
	sort.Strings(paths)
	return paths, nil
}

// edit changes a file in place and makes that durable.
func (d *disk) edit(path string, change func(vfs.File) error) error {
	f, err := d.mem.OpenWrite(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := change(f); err != nil {
		return err
	}
	return f.Sync()
}

// damaged is the content of the first bytes of a damaged file.
const damaged = "\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8"

// damage overwrites the first bytes of a file.
func (d *disk) damage(path string) error {
	return d.edit(path, func(f vfs.File) error {
		size, err := f.Size()
		if err != nil {
			return err
		}
		_, err = f.WriteAt([]byte(damaged)[:min(size, int64(len(damaged)))], 0)
		return err
	})
}
