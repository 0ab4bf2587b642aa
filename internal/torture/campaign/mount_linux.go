package campaign

import (
	"fmt"
	"syscall"
)

func bindMount(from, to string) error {
	if err := syscall.Mount(from, to, "", syscall.MS_BIND, ""); err != nil {
		return fmt.Errorf("mount: %w: %w", errNotHere, err)
	}
	return nil
}

func unmount(dir string) error { return syscall.Unmount(dir, 0) }
