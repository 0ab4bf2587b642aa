//go:build unix

package vfs

import (
	"errors"
	"io"
	"os"
	"strconv"
	"syscall"

	"github.com/perduredb/perdure/internal/planted"
)

// openFlags keep an open from following a link and from waiting for the other end of a FIFO.
const openFlags = syscall.O_NOFOLLOW | syscall.O_NONBLOCK

const canSyncDir = true

// lockedFile is a file whose lock is held.
type lockedFile struct{ *os.File }

// Close gives the lock up by itself. To close the file is not enough: a process that this one is
// just starting has a copy of the descriptor until it calls exec, and the lock would stay with it.
func (f lockedFile) Close() error {
	return errors.Join(syscall.Flock(int(f.Fd()), syscall.LOCK_UN), f.File.Close())
}

// lockFile takes flock(2), which, unlike fcntl's locks, holds against a second open in this
// process and is not dropped when some other descriptor of the file is closed.
func lockFile(name string) (io.Closer, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if planted.On(planted.LockOfProcess) {
		err = syscall.FcntlFlock(f.Fd(), syscall.F_SETLK, &syscall.Flock_t{Type: syscall.F_WRLCK})
	}
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, errors.Join(&LockedError{Name: name, PID: readPID(name)}, f.Close())
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
	return lockedFile{f}, nil
}
