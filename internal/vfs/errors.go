package vfs

import (
	"errors"
	"fmt"
	"io/fs"
)

// ErrNotRegular is returned by Open, OpenWrite, and Lock for a name that is not a regular file.
var ErrNotRegular = errors.New("not a regular file")

// ErrNotDirectory is matched by errors about a name that must be a directory but is not.
var ErrNotDirectory = errors.New("not a directory")

// ErrOutside is matched by errors of a Root about a name that is not below it.
var ErrOutside = errors.New("outside the open directory")

// ErrMoved is matched by errors about a name that no longer exists, or that has become another file
// or directory since it was opened.
var ErrMoved = errors.New("name no longer refers to the file that was opened")

// ErrUnlinked is matched by the error of Linked.
var ErrUnlinked = errors.New("open file was unlinked")

// ErrManyNames is matched by errors of Lock about a file with several hard links. A lock on such a
// file does not protect a single directory, and a write to it shows under the other names.
var ErrManyNames = errors.New("lock file has several hard links")

// ErrLockLost is matched by the error of Held.
var ErrLockLost = errors.New("name no longer refers to the locked file")

// ErrNotShared is matched by errors of Share where a mapping is not reliable.
var ErrNotShared = errors.New("shared mapping not supported")

// ErrFault is matched by the error of a store to a mapping that the disk refused.
var ErrFault = errors.New("memory fault in a mapped file")

// ErrLocked is matched by errors of Lock if the lock is already held.
var ErrLocked = errors.New("locked")

// A LockedError identifies a held lock and its holder.
type LockedError struct {
	Name string
	PID  int // process ID of the holder; 0 if unknown
}

// Error returns a message with the file and the holder.
func (e *LockedError) Error() string {
	if e.PID == 0 {
		return fmt.Sprintf("%s: locked by another process", e.Name)
	}
	return fmt.Sprintf("%s: locked by process %d", e.Name, e.PID)
}

// Is makes errors.Is(err, ErrLocked) true.
func (e *LockedError) Is(target error) bool { return target == ErrLocked }

// notDirectory returns the error about a name that is not a directory.
func notDirectory(op, name string, mode fs.FileMode) error {
	err := ErrNotDirectory
	if mode&fs.ModeSymlink != 0 {
		err = fmt.Errorf("%w: a symbolic link", err)
	}
	return &fs.PathError{Op: op, Path: name, Err: err}
}
