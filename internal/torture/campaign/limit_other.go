//go:build !linux

package campaign

import "errors"

// limits needs limits that a process can set for itself, and a separate file system.
func limits(r *Run) {
	r.Note("full: SKIPPED: file size limits and small file systems need Linux")
}

// memoryKills needs limits on a process's memory.
func memoryKills(r *Run) {
	r.Note("leak: SKIPPED: memory limits need Linux")
}

func memoryChild(string) error { return errors.ErrUnsupported }

func limitChild(string) error { return errors.ErrUnsupported }

func diskChild(string) error { return errors.ErrUnsupported }

func holeChild(string) error { return errors.ErrUnsupported }
