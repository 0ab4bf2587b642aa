package ring

import (
	"errors"
	"io"
	"path/filepath"

	"github.com/perduredb/perdure/aof/internal/wire"
	"github.com/perduredb/perdure/internal/dirfs"
	"github.com/perduredb/perdure/internal/vfs"
	"github.com/perduredb/perdure/snapshot"
)

// Create creates the tail file of the log called filename, and maps it into memory. A crash
// leaves:
//
//  1. while the file is written: a temporary file.
//  2. after it is renamed: an empty tail file.
func Create(fsys vfs.FS, dir, filename string, size int64) (*Ring, error) {
	each := size / regionCount &^ 7
	boot, err := fsys.Boot()
	if err != nil {
		return nil, err
	}
	name := FileName(filename)
	path := filepath.Join(dir, name)
	id := wire.RandomID()
	if _, err = snapshot.Replace(dirfs.New(fsys), dir, name, func(w io.Writer) error {
		// Write zeros, not a hole: a store to a hole faults if the file system is full.
		head := appendHead(nil, regionCount, each, id, boot)
		for range regionCount {
			head = appendHeader(head)
		}
		_, err := w.Write(append(head, make([]byte, headSize+regionCount*each-int64(len(head)))...))
		return err
	}); err != nil {
		// Another program may have created a link of that name before the file was renamed.
		if info, e := fsys.Lstat(path); e == nil && !info.Mode().IsRegular() {
			_ = fsys.Remove(path) // otherwise the next Open refuses it
		}
		return nil, err
	}
	memory, err := fsys.Share(path)
	if err != nil {
		_ = fsys.Remove(path) // an empty tail file is harmless if the removal fails
		return nil, err
	}
	r := newRing(memory, path, id, each)
	if r.file, err = fsys.Lstat(path); err != nil {
		return nil, errors.Join(err, memory.Close())
	}
	return r, nil
}
