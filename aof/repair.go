package aof

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"

	"github.com/perduredb/perdure/aof/internal/manifest"
	"github.com/perduredb/perdure/aof/internal/scan"
	"github.com/perduredb/perdure/internal/errtext"
	"github.com/perduredb/perdure/internal/vfs"
	"github.com/perduredb/perdure/snapshot"
)

// ErrNotRepairable is matched by the error of [Repair] about damage that Repair does not truncate.
var ErrNotRepairable = errors.New("perdure: not repairable")

// RepairReport describes the changes of [Repair] or, with [PlanOnly], the changes that it would
// make.
type RepairReport struct {
	File   string // the file to truncate; empty if none is
	Offset int64  // offset of the truncation
	Cut    int64  // number of bytes truncated
	Saved  string // path of the copy of these bytes
	Reason string // the problem with these bytes
	// For the tail file of a process that was killed in Ring mode: its path, the number of bytes
	// that are appended to the log, and the name under which the file is kept if it is damaged or
	// does not belong to the log.
	Tail     string
	Merged   int64
	TailKept string
	// For a log without its manifest: the rebuilt manifest, and the files that it lists.
	Manifest string
	Listed   []string
	Done     bool // the changes were made
}

// PlanOnly makes [Repair] report its plan without changing anything.
func PlanOnly() CheckOption {
	return func(c *checkConfig) { c.planOnly = true }
}

// Repair truncates the last file of a log that is not open, after its last whole command or
// transaction. In a file with checksums it truncates after the last whole commit group. It keeps
// the truncated bytes in a file next to it. See [Check] for the meaning of path. Repair appends the
// missing records of a tail file to the log. If the manifest is missing, Repair only rebuilds it,
// from files that belong together; call it again to do the rest.
//
// Repair returns an error matching [ErrNotRepairable] if the manifest, an RDB or an earlier file is
// damaged, or if bytes that were known to be durable are. Truncating there would lose whatever
// follows.
//
// A crash leaves:
//
//  1. after the copy is written and synced: the damaged log, and a copy of its tail.
//  2. after the file is truncated and synced: the repaired log and the copy.
//  3. while the missing records of a tail file are appended and synced: the log with a part of
//     them, which Open truncates, and the tail file.
//  4. after the tail file is removed or renamed: the log with these records.
func Repair(path string, opts ...CheckOption) (done RepairReport, err error) {
	defer errtext.Name(&err)
	c := newCheckConfig(opts)
	report, err := c.check(path)
	if path, lost := isLostManifest(err); lost {
		return c.rebuild(path)
	}
	if err != nil {
		return RepairReport{}, err
	}
	last := len(report.Files) - 1
	for i, f := range report.Files {
		switch {
		case f.Problem == nil:
		case i < last || f.verdict == scan.Refused:
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

// carryOut executes the plan.
func (c *checkConfig) carryOut(report *Report, plan RepairReport) (RepairReport, error) {
	if plan.File != "" {
		if err := c.truncateLast(&plan); err != nil {
			return plan, err
		}
	}
	if report.Tail != nil {
		if err := c.mergeTailFile(report, &plan); err != nil {
			return plan, err
		}
	}
	plan.Done = true
	return plan, nil
}

// notLast returns an error if path names a single file and the manifest in its directory lists a
// later one.
func (c *checkConfig) notLast(path, listedBy string) error {
	if listedBy != "" {
		return nil
	}
	prefix := manifest.SeqInName.ReplaceAllString(path, "")
	if prefix == path {
		return nil
	}
	m, err := manifest.Read(c.fs, manifest.FileName(prefix))
	if err != nil || m == nil {
		return err
	}
	name := filepath.Base(path)
	for _, f := range m.Files() {
		if f.Name == name && m.Last().Name != name {
			return fmt.Errorf("%w: %s is not the last file of its log", ErrNotRepairable, path)
		}
	}
	return nil
}

// truncateLast copies the tail to another file, and truncates it.
func (c *checkConfig) truncateLast(plan *RepairReport) error {
	file, err := c.fs.OpenWrite(plan.File)
	if err != nil {
		return err
	}
	defer file.Close() // already synced; an error of Close adds nothing
	if err := c.save(file, plan); err != nil {
		return err
	}
	if err := file.Truncate(plan.Offset); err != nil {
		return err
	}
	return file.Sync()
}

// save durably copies the tail of file to a new file next to it. It chooses a free name, because an
// earlier Repair may have been interrupted.
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
		_ = c.fs.Remove(plan.Saved) // nothing was truncated: the copy is useless
		return err
	}
	dir := filepath.Dir(plan.Saved)
	if err := c.fs.SyncDir(dir); err != nil {
		return &snapshot.DirSyncError{Dir: dir, Err: err}
	}
	return nil
}
