package snapshot

import (
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"path/filepath"
	"strings"

	"github.com/perduredb/perdure/internal/errtext"
	"github.com/perduredb/perdure/internal/vfs"
)

// TempPrefix begins the name of every file that Replace has not yet put in place. A file with such
// a name is unused after a crash, and [RemoveTemps] deletes it.
const TempPrefix = "temp-perdure-"

// syncStep is the number of bytes written between two syncs of an unfinished file. The last sync
// then has little left to do, and the log's own syncs do not wait for 1 GiB of writes.
// Redis: 4 MB (rdb-save-incremental-fsync).
const syncStep = 4 << 20

// Replace writes a new file through write and atomically replaces dir/name by it. At any time the
// name refers to the whole old file or the whole new one. Replace returns the new file's size once
// the file is durable. A crash leaves:
//
//  1. while the temporary file is written or synced: the old file, and a temporary one that
//     [RemoveTemps] deletes.
//  2. after the rename, before the directory is synced: the old or the new file, each whole.
//  3. after the directory is synced: the new file.
//
// An error in step 1 leaves the old file, and Replace removes the temporary one. Replace returns a
// [*DirSyncError] if the directory sync fails, or if the rename was done although it returned an
// error. Which of the two files a crash leaves is then unknown.
func Replace(fs FS, dir, name string, write func(io.Writer) error) (size int64, err error) {
	defer errtext.Name(&err)
	temp := filepath.Join(dir, TempPrefix+name)
	if err := fs.Remove(temp); err != nil && !isNotExist(err) {
		return 0, err
	}
	size, written, err := writeFile(fs, temp, write)
	if err == nil {
		err = checkName(fs, temp, written)
	}
	if err != nil {
		return 0, errors.Join(err, removeIfThere(fs, temp))
	}
	if err := fs.Rename(temp, filepath.Join(dir, name)); err != nil {
		// Some file systems return an error although the rename was done.
		if _, gone := fs.Lstat(temp); gone != nil {
			return size, &DirSyncError{Dir: dir, Err: errors.Join(err, gone)}
		}
		return 0, errors.Join(err, removeIfThere(fs, temp))
	}
	if err := checkName(fs, filepath.Join(dir, name), written); err != nil {
		return size, &DirSyncError{Dir: dir, Err: err}
	}
	if err := fs.SyncDir(dir); err != nil {
		return size, &DirSyncError{Dir: dir, Err: err}
	}
	return size, nil
}

// checkName returns an error if path does not lead to the file that was written.
func checkName(fs FS, path string, written iofs.FileInfo) error {
	found, err := fs.Lstat(path)
	if err == nil && !vfs.SameFile(found, written) {
		err = &iofs.PathError{Op: "check", Path: path, Err: vfs.ErrMoved}
	}
	return err
}

// A DirSyncError reports that a file was renamed into place, or may have been, and that the sync of
// its directory failed.
type DirSyncError struct {
	Dir string
	Err error
}

// Error returns the directory and the cause.
func (e *DirSyncError) Error() string {
	return fmt.Sprintf("sync directory %s: %s", e.Dir, errtext.Trim(e.Err))
}

// Unwrap returns the cause.
func (e *DirSyncError) Unwrap() error { return e.Err }

// RemoveTemps deletes the temporary files of interrupted calls of Replace in dir. It touches only
// regular files whose names begin with [TempPrefix].
func RemoveTemps(fs FS, dir string) (err error) {
	defer errtext.Name(&err)
	names, err := fs.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		if !strings.HasPrefix(name, TempPrefix) {
			continue
		}
		path := filepath.Join(dir, name)
		if info, err := fs.Lstat(path); err != nil || !info.Mode().IsRegular() {
			continue
		}
		if err := fs.Remove(path); err != nil {
			return err
		}
	}
	return nil
}

// writeFile creates a new file and leaves it synced and closed. It returns the size and the
// identity of the file.
func writeFile(fs FS, path string, write func(io.Writer) error) (int64, iofs.FileInfo, error) {
	f, err := fs.Create(path)
	if err != nil {
		return 0, nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return 0, nil, errors.Join(err, f.Close())
	}
	w := &steppedWriter{file: f}
	err = write(w)
	if stepErr := w.wait(); err == nil { // do not close the file during a sync
		err = stepErr
	}
	if err != nil {
		return 0, nil, errors.Join(err, f.Close())
	}
	if err := f.Sync(); err != nil {
		return 0, nil, errors.Join(fmt.Errorf("sync %s: %w", path, err), f.Close())
	}
	if err := f.Close(); err != nil {
		return 0, nil, err
	}
	return w.size, info, nil
}

// steppedWriter syncs its file every syncStep bytes in a separate goroutine, so that the disk works
// while the next bytes are written. Each sync waits for the one before.
type steppedWriter struct {
	file   File
	size   int64
	begun  int64      // size at the last step
	step   chan error // result of the sync in progress, or nil
	failed error
}

func (w *steppedWriter) Write(p []byte) (int, error) {
	select {
	case err := <-w.step:
		w.step, w.failed = nil, err
	default:
	}
	if w.failed != nil {
		return 0, w.failed
	}
	n, err := w.file.Write(p)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	w.size += int64(n)
	if err == nil && w.size-w.begun >= syncStep {
		err = w.sync()
	}
	return n, err
}

// sync starts the next sync.
func (w *steppedWriter) sync() error {
	if err := w.wait(); err != nil {
		return err
	}
	w.begun = w.size
	step := make(chan error, 1)
	w.step = step
	go func() { step <- w.file.Datasync() }()
	return nil
}

// wait waits for the sync in progress, if any, and returns the first error of a sync.
func (w *steppedWriter) wait() error {
	if w.step != nil {
		w.failed = <-w.step
		w.step = nil
	}
	return w.failed
}

func removeIfThere(fs FS, path string) error {
	if err := fs.Remove(path); err != nil && !isNotExist(err) {
		return err
	}
	return nil
}
