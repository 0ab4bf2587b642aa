//go:build !linux

package vfs

import (
	"fmt"
	"runtime"
)

func (osFS) Boot() (string, error) {
	return "", fmt.Errorf("%w: %s", ErrNotShared, runtime.GOOS)
}

func (osFS) Share(string) (Shared, error) {
	return nil, fmt.Errorf("%w: %s", ErrNotShared, runtime.GOOS)
}
