package aof

import (
	"bytes"
	"fmt"
	"io"
	"path/filepath"

	"github.com/perduredb/perdure/aof/internal/manifest"
	"github.com/perduredb/perdure/aof/internal/ring"
	"github.com/perduredb/perdure/aof/internal/scan"
	"github.com/perduredb/perdure/appendlog"
	"github.com/perduredb/perdure/internal/corrupt"
)

// readTailFile reads the tail file before any file of the log. Bytes that a running process moves
// to the log during the replay are then found in both, and not in neither.
func (p *replayer) readTailFile(files []manifest.File) (err error) {
	if p.disk.tailFile == "" {
		return nil
	}
	path := filepath.Join(p.disk.dir, p.disk.tailFile)
	if p.tailFile, err = ring.Read(p.disk.fs, path); err != nil || p.tailFile == nil {
		return err
	}
	p.result.plan = ring.Plan{Path: path, Elapsed: p.tailFile.Elapsed}
	if p.until.On && len(p.tailFile.Regions) > 0 {
		return fmt.Errorf("%w: %s holds writes of a killed process: first open the log without a time limit, or repair it",
			appendlog.ErrUntil, path)
	}
	if len(files) == 0 && len(p.tailFile.Regions) > 0 {
		p.result.plan.Reason = "the log has no file"
	}
	return nil
}

// replayTailFile finds the bytes that the last file lacks, and replays them.
func (p *replayer) replayTailFile(file io.ReaderAt, f *manifest.File, found *scan.Result) error {
	missing, err := p.tailFile.CheckID(p.result.tailFileID)
	if missing {
		p.result.recovery.TailMissing = true
		p.result.recovery.TailFile = filepath.Join(p.disk.dir, ring.FileName(p.disk.filename))
	}
	if err != nil || p.tailFile == nil {
		return err
	}
	m, err := ring.NewPlan(p.tailFile, file, f, found.Good, p.disk.manifest.Checksummed)
	if err != nil {
		return err
	}
	m.DB = found.GoodDB
	for _, piece := range m.Pieces {
		n, err := scanPiece(m.Path, piece, &m.DB, func(unit []appendlog.Command) error {
			if err := p.to.Apply(unit); err != nil {
				return at(m.Path, unit[0].Offset, err)
			}
			return nil
		})
		if err != nil {
			return err
		}
		p.result.recovery.Commands += n
	}
	p.result.plan = m
	r := &p.result.recovery
	// Records that a server appended are in no tail file.
	if m.Stale && p.tailFile.ID == p.result.tailFileID && !found.Foreign {
		missing, r.TailMissing = true, true
	}
	r.Merged, r.TailReason = m.Size, m.Reason
	r.Size += m.Size
	if m.Size > 0 || m.Reason != "" || missing {
		r.TailFile = m.Path
	}
	return nil
}

// scanPiece emits the commands of a piece. *db is the database that is selected before the piece;
// scanPiece sets it to the one after it.
func scanPiece(path string, piece ring.Piece, db *int, emit func([]appendlog.Command) error) (commands int64, err error) {
	w := scan.New(bytes.NewReader(piece.Data), path, 0, piece.At, emit)
	w.DB = *db
	found, err := w.Run()
	if err == nil && found.Problem != nil {
		found.Problem.Torn = false // the piece was published whole
		err = corrupt.InFile(found.Problem, path)
	}
	*db = found.GoodDB
	return found.Commands, err
}

// retireTailFile removes the tail file once its contents are in the log. If a crash prevents that,
// the next Open finds the records in both and merges nothing.
func (s *starter) retireTailFile() error {
	m, logger := &s.replay.plan, s.log.env.Logger
	if m.Path == "" {
		return nil
	}
	if m.Size > 0 {
		logger.Info("what a killed process had acknowledged was merged into the log", "file", m.Path, "bytes", m.Size)
	}
	if m.Elapsed {
		logger.Info("the log's tail file is from before the machine started", "file", m.Path)
	}
	if m.Reason == "" {
		s.disk.removeTailFile(m.Path, logger)
		return nil
	}
	kept, err := ring.SetAside(s.disk.fs, m.Path)
	if err != nil {
		return err
	}
	logger.Warn("the tail file of a killed process does not belong to the log; it is kept",
		"file", kept, "reason", m.Reason)
	return nil
}
