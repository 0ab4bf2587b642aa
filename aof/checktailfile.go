package aof

import (
	"errors"
	"path/filepath"
	"strings"

	"github.com/perduredb/perdure/aof/internal/manifest"
	"github.com/perduredb/perdure/aof/internal/ring"
	"github.com/perduredb/perdure/aof/internal/scan"
	"github.com/perduredb/perdure/appendlog"
	"github.com/perduredb/perdure/internal/corrupt"
	"github.com/perduredb/perdure/snapshot"
)

// TailReport describes the tail file of a process that was killed in Ring mode.
type TailReport struct {
	Path string
	// Missing is the number of its bytes that the log lacks. Open and Repair append them to the
	// log.
	Missing  int64
	Commands int64 // number of commands in the missing bytes
	// Elapsed reports that the file is from an earlier boot. Open ignores it then.
	Elapsed bool
	// Reason states why the contents do not belong to the log: another program has continued the
	// log. Open and Repair keep the file under another name.
	Reason  string
	Problem *CorruptError // Open refuses the log for it; Repair renames and keeps the file

	plan ring.Plan
}

// tailFile adds the tail file in the manifest's directory to the report, if there is one.
func (c *checkConfig) tailFile(report *Report) error {
	if report.Manifest == "" {
		return nil
	}
	dir, filename := filepath.Split(strings.TrimSuffix(report.Manifest, manifest.Suffix))
	path := filepath.Join(dir, ring.FileName(filename))
	t, err := ring.Read(c.fs, path)
	var damage *corrupt.Error
	switch {
	case errors.As(err, &damage):
		report.Tail = &TailReport{Path: path, Problem: damage}
		return nil
	case err != nil || t == nil:
		return err
	}
	report.Tail = &TailReport{Path: path, Elapsed: t.Elapsed, plan: ring.Plan{Path: path, Elapsed: t.Elapsed}}
	if _, err := t.CheckID(report.tailFileID); errors.As(err, &damage) {
		report.Tail.Problem = damage
		return nil
	}
	if len(t.Regions) == 0 || report.last == nil {
		return nil
	}
	return c.planTailFile(t, report)
}

// planTailFile compares a tail file that is not empty with the last file.
func (c *checkConfig) planTailFile(t *ring.File, report *Report) (err error) {
	out, last := report.Tail, report.Files[len(report.Files)-1]
	if last.verdict != scan.Whole && last.verdict != scan.Torn {
		out.plan.Reason = "the log is damaged"
		out.Reason = out.plan.Reason
		return nil
	}
	file, err := c.fs.Open(last.Path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	m, err := ring.NewPlan(t, file, report.last, last.Good, report.summed)
	m.DB = last.db
	for _, piece := range m.Pieces {
		if err != nil {
			break
		}
		var n int64
		n, err = scanPiece(m.Path, piece, &m.DB, func(unit []appendlog.Command) error { return c.commands(&FileReport{Path: m.Path}, unit) })
		out.Commands += n
	}
	var damage *corrupt.Error
	if errors.As(err, &damage) {
		out.Problem = damage
		return nil
	}
	out.plan, out.Missing, out.Reason = m, m.Size, m.Reason
	return err
}

// mergeTailFile appends the missing records of the tail file to the log, and removes the tail file.
// A crash leaves:
//
//  1. before the group is durable: the old log, with a part of the group, and the tail file.
//  2. after that: the log with the group, and the tail file with the group's records, which is
//     harmless.
//  3. after the tail file is removed: the log with the group.
func (c *checkConfig) mergeTailFile(report *Report, plan *RepairReport) error {
	t := report.Tail
	if t.Missing > 0 && t.Problem == nil {
		if err := c.appendPlan(report); err != nil {
			return err
		}
	}
	if t.Problem != nil || t.Reason != "" {
		kept, err := ring.SetAside(c.fs, t.Path)
		plan.TailKept = kept
		return err
	}
	if err := c.fs.Remove(t.Path); err != nil {
		return err
	}
	dir := filepath.Dir(t.Path)
	if err := c.fs.SyncDir(dir); err != nil {
		return &snapshot.DirSyncError{Dir: dir, Err: err}
	}
	return nil
}

// appendPlan durably appends the missing records to the last file, in one commit group.
func (c *checkConfig) appendPlan(report *Report) error {
	last := report.Files[len(report.Files)-1]
	incr, err := openIncrFile(c.fs, last.Path, report.last)
	if err != nil {
		return err
	}
	if last.Filler > 0 {
		incr.size = last.Good
		err = incr.file.Truncate(last.Good)
	}
	if err == nil {
		err = incr.appendPlan(&report.Tail.plan, last.Marks > 0)
	}
	if err == nil {
		err = incr.file.Sync()
	}
	return errors.Join(err, incr.file.Close())
}
