//go:build !linux

package vfs

import (
	"fmt"
	"runtime"
)

func bootID() (string, error) {
	return "", fmt.Errorf("%w: %s", ErrNotShared, runtime.GOOS)
}

func shareFile(resolver, string) (Shared, error) {
	return nil, fmt.Errorf("%w: %s", ErrNotShared, runtime.GOOS)
}
