package vfs

import (
	"errors"
	"fmt"
)

// ErrNotRegular is returned by Open and OpenWrite for a name that is not a regular file.
var ErrNotRegular = errors.New("not a regular file")

// ErrNotShared is matched by the error of Share where a mapping cannot be relied upon.
var ErrNotShared = errors.New("no shared mapping here")

// ErrFault is matched by the error of a store to a mapping that the disk did not take.
var ErrFault = errors.New("memory fault in a mapped file")

// ErrLocked is matched by the error of Lock when somebody else holds the lock.
var ErrLocked = errors.New("locked")

// LockedError says who holds a lock.
type LockedError struct {
	Name string
	PID  int // of the holder; 0 when unknown
}

// Error names the file and the holder.
func (e *LockedError) Error() string {
	if e.PID == 0 {
		return fmt.Sprintf("%s: locked by another process", e.Name)
	}
	return fmt.Sprintf("%s: locked by process %d", e.Name, e.PID)
}

// Is makes errors.Is(err, ErrLocked) true.
func (e *LockedError) Is(target error) bool { return target == ErrLocked }
