package aof

import (
	"bytes"
	"fmt"
	"io"
	"path/filepath"

	"github.com/perduredb/perdure/aof/internal/manifest"
	"github.com/perduredb/perdure/appendlog"
	"github.com/perduredb/perdure/internal/corrupt"
)

// readTail reads the tail file before any file of the log. Bytes that a running process moves to
// the log during the replay are then found in both, and not in neither.
func (p *replayer) readTail(files []manifest.File) (err error) {
	if p.disk.tail == "" {
		return nil
	}
	path := filepath.Join(p.disk.dir, p.disk.tail)
	if p.tail, err = readTail(p.disk.fs, path); err != nil || p.tail == nil {
		return err
	}
	p.result.tail = merge{path: path, elapsed: p.tail.elapsed}
	if p.until.on && len(p.tail.regions) > 0 {
		return fmt.Errorf("%w: %s: a process was killed that wrote there: open the log as it is first, or repair it",
			appendlog.ErrUntil, path)
	}
	if len(files) == 0 && len(p.tail.regions) > 0 {
		p.result.tail.reason = "the log has no file"
	}
	return nil
}

// merge finds the bytes that the last file lacks, and replays them.
func (p *replayer) merge(file io.ReaderAt, f *manifest.File, found *found) error {
	missing, err := p.tail.checkID(p.result.ring)
	if missing {
		p.result.recovery.TailMissing = true
		p.result.recovery.TailFile = filepath.Join(p.disk.dir, tailName(p.disk.filename))
	}
	if err != nil || p.tail == nil {
		return err
	}
	m, err := planMerge(p.tail, file, f, found.cut, p.disk.manifest.Checksummed)
	if err != nil {
		return err
	}
	m.db = found.cutDB
	for _, piece := range m.pieces {
		n, err := walkPiece(m.path, piece, &m.db, func(unit []appendlog.Command) error {
			if err := p.to.Apply(unit); err != nil {
				return at(m.path, unit[0].Offset, err)
			}
			return nil
		})
		if err != nil {
			return err
		}
		p.result.recovery.Commands += n
	}
	p.result.tail = m
	r := &p.result.recovery
	if m.stale && p.tail.id == p.result.ring && !found.foreign { // records that a server appended are in no tail file
		missing, r.TailMissing = true, true
	}
	r.Merged, r.TailReason = m.size, m.reason
	r.Size += m.size
	if m.size > 0 || m.reason != "" || missing {
		r.TailFile = m.path
	}
	return nil
}

// walkPiece emits the commands of a piece. *db is the database that is selected before the piece;
// walkPiece sets it to the one after it.
func walkPiece(path string, piece tailPiece, db *int, emit func([]appendlog.Command) error) (commands int64, err error) {
	w := newWalk(bytes.NewReader(piece.data), path, 0, piece.at, emit)
	w.db = *db
	found, err := w.run()
	if err == nil && found.problem != nil {
		found.problem.Torn = false // the piece was published whole
		err = corrupt.InFile(found.problem, path)
	}
	*db = found.cutDB
	return found.commands, err
}

// settleTail removes the tail file once its contents are in the log. If a crash prevents that, the
// next Open finds the same records in both and merges nothing.
func (l *Log) settleTail(m *merge) error {
	if m.path == "" {
		return nil
	}
	if m.size > 0 {
		l.env.Logger.Info("what a killed process had acknowledged was merged into the log", "file", m.path, "bytes", m.size)
	}
	if m.elapsed {
		l.env.Logger.Info("the log's tail file is from before the machine started", "file", m.path)
	}
	if m.reason == "" {
		l.removeTailFile(m.path)
		return nil
	}
	kept, err := keepTail(l.disk.fs, m.path)
	if err != nil {
		return err
	}
	l.env.Logger.Warn("what a killed process had acknowledged does not belong to the log as it stands; it is kept",
		"file", kept, "reason", m.reason)
	return nil
}
