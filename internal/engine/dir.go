package engine

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/perduredb/perdure/internal/dirfs"
	"github.com/perduredb/perdure/internal/vfs"
)

// lockName is the file whose lock marks a directory as in use. It is never deleted.
const lockName = "perdure.lock"

// enterDir opens the directory, creating it if necessary, and locks it. From then on every name is
// resolved from the open directory. Neither a change of the working directory nor a rename leads
// the store elsewhere.
func (e *Engine) enterDir() (err error) {
	if e.dir, err = e.fs.Abs(e.dir); err != nil {
		return fmt.Errorf("perdure: %w", err)
	}
	if !e.opts.ReadOnly {
		if err := e.makeDir(); err != nil {
			return err
		}
	}
	if e.root, err = e.fs.OpenRoot(e.dir); err != nil {
		return fmt.Errorf("perdure: %w", err)
	}
	e.fs = e.root
	e.env.FS, e.env.Dir = dirfs.New(e.root), e.dir
	if e.opts.ReadOnly {
		return nil
	}
	if e.lock, err = e.fs.Lock(filepath.Join(e.dir, lockName)); err != nil {
		return fmt.Errorf("perdure: %w", err)
	}
	return nil
}

// leaveDir unlocks and closes the directory.
func (e *Engine) leaveDir() (err error) {
	if e.lock != nil {
		err = e.lock.Close()
	}
	if e.root != nil {
		err = errors.Join(err, e.root.Close())
	}
	return err
}

// checkOpenLock is checkLock for callers that do not hold up Close.
func (e *Engine) checkOpenLock() error {
	if !e.enter() {
		return ErrClosed
	}
	defer e.running.Done()
	return e.checkLock()
}

// checkLock returns an error matching ErrLockLost if the directory's lock file is not the locked
// one. Another store may then have the directory, or the directory may be gone.
func (e *Engine) checkLock() error {
	if e.lock == nil {
		return nil
	}
	err := e.lock.Held()
	switch {
	case errors.Is(err, vfs.ErrLockLost):
		return fmt.Errorf("%w: %s", ErrLockLost, filepath.Join(e.dir, lockName))
	case err != nil:
		return fmt.Errorf("perdure: %w", err)
	}
	return nil
}

// makeDir creates the directory if it does not exist, and makes its name durable. The lock file is
// created after that. If the lock file exists, nothing is left to do. If it does not, the process
// that created the directory may have been killed before its name was durable.
func (e *Engine) makeDir() error {
	if _, err := e.fs.Lstat(filepath.Join(e.dir, lockName)); err == nil {
		return nil
	}
	_, err := e.fs.Lstat(e.dir)
	missing := errors.Is(err, fs.ErrNotExist)
	if err != nil && !missing {
		return err
	}
	if missing {
		if err := e.fs.Mkdir(e.dir); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	err = e.fs.SyncDir(filepath.Dir(e.dir))
	if !missing && errors.Is(err, fs.ErrPermission) {
		return nil // created by another program, in a directory that perdure may not open
	}
	return err
}
