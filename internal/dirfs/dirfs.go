// Package dirfs passes an internal file system through the public interface [snapshot.FS].
//
// A store wraps its file system in New when it fills in [snapshot.Env], and the components of this
// module unwrap it with Of. So neither a public signature nor a component written elsewhere
// names internal/vfs, and a component of this module still has links, locks and mappings.
package dirfs

import (
	"fmt"

	"github.com/perduredb/perdure/internal/option"
	"github.com/perduredb/perdure/internal/vfs"
	"github.com/perduredb/perdure/snapshot"
)

// wrapped is a vfs.FS with the methods of [snapshot.FS]. The two differ in the type of the files
// returned.
type wrapped struct{ vfs.FS }

// New returns fsys as a [snapshot.FS], or nil if fsys is nil.
func New(fsys vfs.FS) snapshot.FS {
	if fsys == nil {
		return nil
	}
	return wrapped{fsys}
}

// Of returns the file system that New wrapped, or the operating system's if fsys is nil. For any
// other [snapshot.FS] it returns an error matching option.ErrOptions.
func Of(fsys snapshot.FS) (vfs.FS, error) {
	switch fsys := fsys.(type) {
	case nil:
		return vfs.OS(), nil
	case wrapped:
		return fsys.FS, nil
	}
	return nil, fmt.Errorf("%w: %T is not the file system of a store or of storetest", option.ErrOptions, fsys)
}

func (w wrapped) Open(name string) (snapshot.File, error) { return file(w.FS.Open(name)) }

func (w wrapped) OpenWrite(name string) (snapshot.File, error) { return file(w.FS.OpenWrite(name)) }

func (w wrapped) Create(name string) (snapshot.File, error) { return file(w.FS.Create(name)) }

// file prevents a nil vfs.File from becoming a non-nil [snapshot.File].
func file(f vfs.File, err error) (snapshot.File, error) {
	if err != nil {
		return nil, err
	}
	return f, nil
}
