package vfs

import (
	"errors"
	"os"
	"syscall"
)

const (
	openFlags = 0
	dirFlags  = 0
)

// canSyncDir is false because Windows has no call that makes a directory durable.
const canSyncDir = false

// namesOf returns the number of names that an open file has.
func namesOf(fd uintptr) (uint64, error) {
	var info syscall.ByHandleFileInformation
	err := syscall.GetFileInformationByHandle(syscall.Handle(fd), &info)
	return uint64(info.NumberOfLinks), err
}

// lockedFile is a file that no other handle can open.
type lockedFile struct{ *os.File }

// Held returns nil: while the file is open without sharing, no other file can take its name.
func (lockedFile) Held() error { return nil }

// lockFile opens the file without sharing, which prevents every other open until it is closed. Its
// name is that of a file in an open directory, and Windows renames neither.
func lockFile(_ resolver, name string) (Lock, error) {
	path, err := syscall.UTF16PtrFromString(name)
	if err != nil {
		return nil, err
	}
	const sharingViolation = syscall.Errno(32)
	h, err := syscall.CreateFile(path, syscall.GENERIC_READ|syscall.GENERIC_WRITE, 0, nil,
		syscall.OPEN_ALWAYS, syscall.FILE_ATTRIBUTE_NORMAL|syscall.FILE_FLAG_OPEN_REPARSE_POINT, 0)
	if errors.Is(err, sharingViolation) {
		return nil, &LockedError{Name: name}
	}
	if err != nil {
		return nil, &os.PathError{Op: "lock", Path: name, Err: err}
	}
	f := os.NewFile(uintptr(h), name)
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &os.PathError{Op: "lock", Path: name, Err: ErrNotRegular}
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return lockedFile{f}, nil
}
