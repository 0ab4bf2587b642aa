//go:build !linux

package campaign

func bindMount(_, _ string) error { return errNotHere }

func unmount(string) error { return nil }
