//go:build unix

package vfs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"syscall"
)

// openFlags prevent an open from following a link and from waiting for the other end of a FIFO.
const openFlags = syscall.O_NOFOLLOW | syscall.O_NONBLOCK

// dirFlags prevent only the latter.
const dirFlags = syscall.O_NONBLOCK

const canSyncDir = true

// lockedFile is a file whose lock is held.
type lockedFile struct {
	*os.File
	names resolver
	name  string
}

// Close unlocks the file explicitly. Closing the descriptor isn't enough: a child that has been
// forked but has not called exec holds a copy, and the lock with it.
func (f lockedFile) Close() error {
	return errors.Join(syscall.Flock(int(f.Fd()), syscall.LOCK_UN), f.File.Close())
}

// Held compares the locked file with the one that the name leads to now.
func (f lockedFile) Held() error {
	locked, err := f.Stat()
	if err != nil {
		return err
	}
	found, err := f.names.Lstat(f.name)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !os.SameFile(locked, found) {
		return &fs.PathError{Op: "lock", Path: f.name, Err: ErrLockLost}
	}
	return err
}

// lockTries is the maximum number of attempts to lock a name that other processes change
// concurrently.
const lockTries = 10

// lockFile takes flock(2). Unlike fcntl locks, it excludes a second open in this process and is not
// dropped when another descriptor of the file is closed.
func lockFile(r resolver, name string) (lock Lock, err error) {
	for range lockTries {
		lock, err = tryLock(r, name)
		if !errors.Is(err, ErrLockLost) && !errors.Is(err, fs.ErrExist) {
			break
		}
	}
	return lock, err
}

// tryLock returns an error matching ErrLockLost or fs.ErrExist if the name changes during the call.
func tryLock(r resolver, name string) (Lock, error) {
	f, err := openLock(r, name)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, errors.Join(&LockedError{Name: name, PID: readPID(f)}, f.Close())
	}
	lock := lockedFile{f, r, name}
	if err == nil {
		err = lock.Held()
	}
	if err == nil {
		err = f.Truncate(0)
	}
	if err == nil {
		_, err = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return lock, nil
}

// openLock opens the lock file, or creates it. It does not change an existing file.
func openLock(r resolver, name string) (*os.File, error) {
	f, _, err := openSame(r, name, os.O_RDWR)
	if errors.Is(err, fs.ErrNotExist) {
		return r.openFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL|openFlags)
	}
	if err != nil {
		return nil, err
	}
	n, err := namesOf(f.Fd())
	if err == nil && n > 1 {
		err = &fs.PathError{Op: "lock", Path: name, Err: ErrManyNames}
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// readPID returns the number in a lock file, or 0.
func readPID(f *os.File) int {
	var text [32]byte
	n, _ := f.ReadAt(text[:], 0) // shorter than that
	var pid int
	if _, err := fmt.Sscanf(string(text[:n]), "%d", &pid); err != nil {
		return 0
	}
	return pid
}
