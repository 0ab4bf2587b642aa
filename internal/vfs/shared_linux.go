package vfs

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"unsafe"
)

// sharedOn lists the file systems, by their statfs(2) type, that kept a mapping after the end of
// its process in 1,000 kills each (docs/durability.md).
var sharedOn = map[int64]string{
	0xEF53:     "ext4",
	0x58465342: "xfs",
	0x9123683E: "btrfs",
	0x794C7630: "overlay", // the mapping is of a file of the upper file system
	0x01021994: "tmpfs",
}

// bootID returns the kernel's boot id.
func bootID() (string, error) {
	text, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(text)), err
}

// shareFile maps a file with mmap(2).
func shareFile(r resolver, name string) (shared Shared, err error) {
	f, err := openRegular(r, name, os.O_RDWR)
	if err != nil {
		return nil, err
	}
	file := f.(*osFile).File
	defer func() { err = errors.Join(err, file.Close()) }() // the mapping remains
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	if size <= 0 || size > math.MaxInt32 {
		return nil, &os.PathError{Op: "mmap", Path: name, Err: syscall.EINVAL}
	}
	conn, err := file.SyscallConn()
	if err != nil {
		return nil, err
	}
	var memory []byte
	var mapErr error
	err = conn.Control(func(fd uintptr) { memory, mapErr = mapShared(int(fd), int(size)) })
	if err = errors.Join(err, mapErr); err != nil {
		return nil, fmt.Errorf("map %s: %w", name, err)
	}
	return &osShared{memory: memory, name: name}, nil
}

// mapShared maps a file if it is on a file system where a mapping is reliable.
func mapShared(fd, size int) ([]byte, error) {
	var st syscall.Statfs_t
	if err := syscall.Fstatfs(fd, &st); err != nil {
		return nil, os.NewSyscallError("fstatfs", err)
	}
	if kind := int64(uint32(st.Type)); sharedOn[kind] == "" {
		return nil, fmt.Errorf("%w: file system of type %#x", ErrNotShared, kind)
	}
	memory, err := syscall.Mmap(fd, 0, size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	return memory, os.NewSyscallError("mmap", err)
}

// osShared is a mapped file. If the disk fails or another process truncates the file, a store
// raises SIGBUS, which osShared returns as an error.
type osShared struct {
	memory []byte
	name   string
}

func (s *osShared) Write(p []byte, offset int64) (err error) {
	old := debug.SetPanicOnFault(true)
	defer func() {
		debug.SetPanicOnFault(old)
		if r := recover(); r != nil {
			err = s.faulted(r)
		}
	}()
	copy(s.memory[offset:offset+int64(len(p))], p)
	return nil
}

func (s *osShared) Store(offset int64, value uint64) error {
	return s.WriteStore(nil, 0, offset, value)
}

func (s *osShared) WriteStore(p []byte, offset int64, word int64, value uint64) (err error) {
	old := debug.SetPanicOnFault(true)
	defer func() {
		debug.SetPanicOnFault(old)
		if r := recover(); r != nil {
			err = s.faulted(r)
		}
	}()
	copy(s.memory[offset:offset+int64(len(p))], p)
	store8(s.memory[word:word+8], value)
	return nil
}

// store8 stores 8 bytes with one instruction. The bytes that a killed process has stored are a
// prefix of its stores in program order. store8 therefore need not wait for earlier stores to
// complete, as an atomic store would; the store of the preceding bytes is often still in progress.
func store8(to []byte, value uint64) {
	var bytes [8]byte
	binary.LittleEndian.PutUint64(bytes[:], value)
	*(*uint64)(unsafe.Pointer(&to[0])) = binary.NativeEndian.Uint64(bytes[:])
}

// faulted returns the error of a fault, and repeats any other panic. A kernel or an emulator that
// reports no address (qemu-user reports 0) makes Go report a SIGBUS as a nil pointer dereference.
// The code here dereferences no nil pointer.
func (s *osShared) faulted(r any) error {
	fault, ok := r.(runtime.Error)
	if _, addressed := r.(interface{ Addr() uintptr }); !ok || !addressed && !strings.Contains(fault.Error(), "nil pointer") {
		panic(r)
	}
	return &os.PathError{Op: "store", Path: s.name, Err: fmt.Errorf("%w: %w", ErrFault, fault)}
}

func (s *osShared) Close() error {
	memory := s.memory
	s.memory = nil
	return os.NewSyscallError("munmap", syscall.Munmap(memory))
}
