package aof

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"

	"github.com/perduredb/perdure/internal/vfs"
	"github.com/perduredb/perdure/snapshot"
)

// ErrNotRepairable matches the error of Repair about damage that it does not cut away.
var ErrNotRepairable = errors.New("not repairable")

// RepairReport tells what Repair did or, with PlanOnly, would do.
type RepairReport struct {
	File   string // the file that is cut; empty when nothing is wrong
	Offset int64  // where
	Cut    int64  // bytes cut off
	Saved  string // where they are kept
	Reason string // what is wrong with them
	// Of the tail file of a process that was killed in Ring mode: its path, how many bytes the log is
	// given from it, and the name under which it is kept when it does not belong to the log, or is damaged.
	Tail     string
	Merged   int64
	TailKept string
	// Of a log without its manifest: the manifest that is made, and the files that it lists.
	Manifest string
	Listed   []string
	Done     bool // it was done
}

// PlanOnly makes Repair change nothing.
func PlanOnly() CheckOption {
	return func(c *checkConfig) { c.planOnly = true }
}

// Repair cuts the last file of a log that nobody has open behind its last whole command,
// transaction or, where there are checksums, group. The bytes that it cuts off are kept in a file
// beside it. path is as in Check. A tail file it merges into the log. A manifest that is missing it
// rebuilds from files that belong together, and does no more then: call it again.
//
// Damage in an earlier file, in an RDB or in the manifest, and damage of bytes that were known
// to be on disk, is an ErrNotRepairable: what follows it would be lost with it.
//
// A crash leaves:
//
//  1. after the copy is written and synced: the damaged log, and a copy of its tail.
//  2. after the file is cut and synced: the repaired log and the copy.
//  3. what mergeTail says.
func Repair(path string, opts ...CheckOption) (RepairReport, error) {
	c := newCheckConfig(opts)
	report, err := c.check(path)
	if manifest, lost := isLostManifest(err); lost {
		return c.rebuild(manifest)
	}
	if err != nil {
		return RepairReport{}, err
	}
	last := len(report.Files) - 1
	for i, f := range report.Files {
		switch {
		case f.Problem == nil:
		case i < last || f.verdict == verdictRefused:
			return RepairReport{}, fmt.Errorf("%w: %w", ErrNotRepairable, f.Problem)
		}
	}
	if last < 0 || report.Files[last].Problem == nil && report.Tail == nil {
		return RepairReport{}, nil
	}
	if err := c.notLast(path, report.Manifest); err != nil {
		return RepairReport{}, err
	}
	plan := RepairReport{}
	if f := report.Files[last]; f.Problem != nil {
		plan = RepairReport{
			File:   f.Path,
			Offset: f.Good,
			Cut:    f.Size - f.Good,
			Saved:  fmt.Sprintf("%s.cut-%d", f.Path, f.Good),
			Reason: f.Problem.What,
		}
	}
	if t := report.Tail; t != nil {
		plan.Tail, plan.Merged = t.Path, t.Missing
	}
	if c.planOnly {
		return plan, nil
	}
	return c.carryOut(&report, plan)
}

// carryOut does what was planned.
func (c *checkConfig) carryOut(report *Report, plan RepairReport) (RepairReport, error) {
	if plan.File != "" {
		if err := c.cutAway(&plan); err != nil {
			return plan, err
		}
	}
	if report.Tail != nil {
		if err := c.mergeTail(report, &plan); err != nil {
			return plan, err
		}
	}
	plan.Done = true
	return plan, nil
}

// notLast refuses a file that was named by itself when the manifest beside it lists a later one.
func (c *checkConfig) notLast(path, manifest string) error {
	if manifest != "" {
		return nil
	}
	prefix := seqInName.ReplaceAllString(path, "")
	if prefix == path {
		return nil
	}
	m, err := readManifest(c.fs, manifestName(prefix))
	if err != nil || m == nil {
		return err
	}
	name := filepath.Base(path)
	for _, f := range m.files() {
		if f.name == name && m.last().name != name {
			return fmt.Errorf("%w: %s is not the last file of its log", ErrNotRepairable, path)
		}
	}
	return nil
}

// cutAway copies the tail, then cuts it off.
func (c *checkConfig) cutAway(plan *RepairReport) error {
	file, err := c.fs.OpenWrite(plan.File)
	if err != nil {
		return err
	}
	defer file.Close() // synced before; a second error says nothing
	if err := c.save(file, plan); err != nil {
		return err
	}
	if err := file.Truncate(plan.Offset); err != nil {
		return err
	}
	return file.Sync()
}

// save copies the tail to a file beside, durably, under a name that is free: another Repair may have ended
// in the middle.
func (c *checkConfig) save(file vfs.File, plan *RepairReport) error {
	name := plan.Saved
	saved, err := c.fs.Create(name)
	for n := 2; errors.Is(err, fs.ErrExist); n++ {
		plan.Saved = fmt.Sprintf("%s-%d", name, n)
		saved, err = c.fs.Create(plan.Saved)
	}
	if err != nil {
		return err
	}
	_, err = io.Copy(struct{ io.Writer }{saved}, io.NewSectionReader(file, plan.Offset, plan.Cut))
	if err == nil {
		err = saved.Sync()
	}
	if err = errors.Join(err, saved.Close()); err != nil {
		_ = c.fs.Remove(plan.Saved) // nothing is cut: the copy is worth nothing
		return err
	}
	dir := filepath.Dir(plan.Saved)
	if err := c.fs.SyncDir(dir); err != nil {
		return &snapshot.DirSyncError{Dir: dir, Err: err}
	}
	return nil
}
