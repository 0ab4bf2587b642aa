package aof

import (
	"errors"
	"path/filepath"
	"strings"

	"github.com/perduredb/perdure/appendlog"
	"github.com/perduredb/perdure/internal/corrupt"
	"github.com/perduredb/perdure/snapshot"
)

// TailReport is about the tail file that a process has left which was killed in Ring mode.
type TailReport struct {
	Path string
	// Missing counts its bytes that the log has not. Open would put them there, and so does Repair.
	Missing  int64
	Commands int64 // that they are
	// Elapsed says that the machine has started again since: then Open ignores the file.
	Elapsed bool
	// Reason tells why what it has does not belong to the log as it stands: another program has
	// gone on with that. Open would keep it under another name, and so does Repair.
	Reason  string
	Problem *CorruptError // damage, for which Open would refuse the log; Repair keeps the file under another name

	merge merge
}

// tail reports on the tail file beside a manifest, if there is one.
func (c *checkConfig) tail(report *Report) error {
	if report.Manifest == "" {
		return nil
	}
	dir, filename := filepath.Split(strings.TrimSuffix(report.Manifest, manifestSuffix))
	path := filepath.Join(dir, tailName(filename))
	t, err := readTail(c.fs, path)
	var damage *corrupt.Error
	switch {
	case errors.As(err, &damage):
		report.Tail = &TailReport{Path: path, Problem: damage}
		return nil
	case err != nil || t == nil:
		return err
	}
	report.Tail = &TailReport{Path: path, Elapsed: t.elapsed, merge: merge{path: path, elapsed: t.elapsed}}
	if _, err := t.checkID(report.ring); errors.As(err, &damage) {
		report.Tail.Problem = damage
		return nil
	}
	if len(t.regions) == 0 || report.last == nil {
		return nil
	}
	return c.planTail(t, report)
}

// planTail compares a tail file that holds something with the last file.
func (c *checkConfig) planTail(t *tailFile, report *Report) (err error) {
	out, last := report.Tail, report.Files[len(report.Files)-1]
	if last.verdict != verdictWhole && last.verdict != verdictTorn {
		out.merge.reason = "the log is damaged"
		out.Reason = out.merge.reason
		return nil
	}
	file, err := c.fs.Open(last.Path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	m, err := planMerge(t, file, report.last, last.Good, report.summed)
	m.db = last.db
	for _, piece := range m.pieces {
		if err != nil {
			break
		}
		var n int64
		n, err = walkPiece(m.path, piece, &m.db, func(unit []appendlog.Command) error { return c.commands(&FileReport{Path: m.path}, unit) })
		out.Commands += n
	}
	var damage *corrupt.Error
	if errors.As(err, &damage) {
		out.Problem = damage
		return nil
	}
	out.merge, out.Missing, out.Reason = m, m.size, m.reason
	return err
}

// mergeTail brings what the tail file has into the log, and takes the file away. A crash leaves:
//
//  1. before the group is on disk: the log as it was, with a part of it, and the tail file.
//  2. after that: the log with it; that the tail file has it too makes no difference.
//  3. after the tail file is gone: that log.
func (c *checkConfig) mergeTail(report *Report, plan *RepairReport) error {
	t := report.Tail
	if t.Missing > 0 && t.Problem == nil {
		if err := c.writeTail(report); err != nil {
			return err
		}
	}
	if t.Problem != nil || t.Reason != "" {
		kept, err := keepTail(c.fs, t.Path)
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

// writeTail appends what is missing to the last file, in one group, durably.
func (c *checkConfig) writeTail(report *Report) error {
	last := report.Files[len(report.Files)-1]
	incr, err := openIncr(c.fs, last.Path, report.last)
	if err != nil {
		return err
	}
	if last.Filler > 0 {
		incr.size = last.Good
		err = incr.file.Truncate(last.Good)
	}
	if err == nil {
		err = incr.merge(&report.Tail.merge, last.Marks > 0)
	}
	if err == nil {
		err = incr.file.Sync()
	}
	return errors.Join(err, incr.file.Close())
}
