package aof

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"

	"github.com/perduredb/perdure/appendlog"
	"github.com/perduredb/perdure/internal/corrupt"
	"github.com/perduredb/perdure/internal/vfs"
	"github.com/perduredb/perdure/snapshot"
)

// merge is the plan for the tail file of a killed process: the bytes that the newest incremental
// file lacks. Replay or Check makes the plan, and Start or Repair executes it.
type merge struct {
	path    string // path of the tail file; or ""
	pieces  []tailPiece
	size    int64
	db      int    // database that is selected after the pieces
	reason  string // why the tail file does not belong to the log; "" if it does
	elapsed bool   // the tail file is from an earlier boot, and nothing is merged
	stale   bool   // the incremental file continues where the tail file ends: an older copy
}

// tailPiece is the part of one region that the incremental file lacks.
type tailPiece struct {
	data []byte
	at   int64 // offset of data in the tail file
}

// readTail reads the tail file before any file of the log. Bytes that a running process moves to
// the log during the replay are then found in both, and not in neither.
func (p *replayer) readTail(files []manifestFile) (err error) {
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
func (p *replayer) merge(file io.ReaderAt, f *manifestFile, found *found) error {
	missing, err := p.tail.checkID(p.result.ring)
	if missing {
		p.result.recovery.TailMissing = true
		p.result.recovery.TailFile = filepath.Join(p.disk.dir, tailName(p.disk.filename))
	}
	if err != nil || p.tail == nil {
		return err
	}
	m, err := planMerge(p.tail, file, f, found.cut, p.disk.manifest.summed)
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

// planMerge compares a tail file with the last file of its log, which is whole up to end. ours is
// set if perdure wrote the manifest last.
//
// A region records where its first byte belongs. Bytes that the file has there already must equal
// the region's, and the rest of the region belongs after them. So the process may have been killed
// before, during, or after the write of the region, or during an earlier merge.
func planMerge(t *tailFile, file io.ReaderAt, f *manifestFile, end int64, ours bool) (merge, error) {
	m := merge{path: t.path, elapsed: t.elapsed}
	follow := int64(-1) // offset of a region that follows the previous one
	past := false       // the previous region is in a base file
	for i := range t.regions {
		r := &t.regions[i]
		seq, offset := r.seq, r.offset
		switch {
		case r.next != 0 && f.kind == kindIncr && r.next == f.seq && ours: // a Redis may have used the number
			seq, offset = r.next, max(0, f.size())
		case seq == 0 && follow >= 0:
			seq, offset = f.seq, follow
		case seq == 0 && past:
			continue
		case seq == 0:
			return m, &corrupt.Error{File: t.path, Offset: r.at, What: "region that follows none"}
		}
		if seq < f.seq && f.kind == kindIncr && ours {
			past = true // the base file that perdure's manifest lists contains it
			continue
		}
		past = false
		// An empty commit marker may have been written there since.
		offset, err := behindMarks(file, offset, end)
		if err != nil {
			return m, err
		}
		if m.reason = misplaced(f, seq, offset, end+m.size); m.reason != "" {
			return m, nil
		}
		has := min(max(0, end-offset), int64(len(r.data)))
		same, err := sameBytes(file, offset, r.data[:has])
		if err != nil {
			return m, err
		}
		if !same || has < int64(len(r.data)) && offset+has != end+m.size {
			m.reason = fmt.Sprintf("%s holds something else at offset %d", f.name, offset)
			return m, nil
		}
		if rest := r.data[has:]; len(rest) > 0 {
			m.pieces = append(m.pieces, tailPiece{rest, r.at + has})
			m.size += int64(len(rest))
			follow = end + m.size
			continue
		}
		if follow, err = behindMarks(file, offset+has, end); err != nil {
			return m, err
		}
	}
	var err error
	m.stale, err = t.stale(file, f, follow, end)
	m.stale = m.stale && m.size == 0
	return m, err
}

// stale reports whether the tail file is an older copy of the log's own, of which the incremental
// file that ends at end lacks nothing. follow is the offset after the last byte of the tail file in
// the incremental file, or -1. A log starts the next region before it writes one to the incremental
// file. So the incremental file has nothing of the newest region. Either that region or the one
// before it belongs at the end of the incremental file.
func (t *tailFile) stale(file io.ReaderAt, f *manifestFile, follow, end int64) (bool, error) {
	n := &t.newest
	switch holds := len(t.regions); {
	case t.elapsed || t.id == 0:
		return false, nil
	case holds > 0 && t.regions[holds-1].generation == n.generation:
		return true, nil
	case n.next == f.seq:
		return false, nil
	case n.seq == f.seq && n.offset > follow:
		place, err := behindMarks(file, n.offset, end)
		return place < end, err
	}
	return follow < end, nil
}

// misplaced returns the reason why a region cannot belong to an offset of an incremental file, or
// "". f is the last file of the log and ends at end.
func misplaced(f *manifestFile, seq, offset, end int64) string {
	switch {
	case f.kind != kindIncr || seq != f.seq:
		return fmt.Sprintf("it continues increment %d, and the log ends with %s", seq, f.name)
	case offset < 0 || offset > end:
		return fmt.Sprintf("it continues %s at offset %d, and that ends at %d", f.name, offset, end)
	}
	return ""
}

// sameBytes reports whether a file contains data at an offset.
func sameBytes(file io.ReaderAt, offset int64, data []byte) (bool, error) {
	if len(data) == 0 {
		return true, nil
	}
	found := make([]byte, len(data))
	if n, err := file.ReadAt(found, offset); n < len(found) {
		return false, err
	}
	return bytes.Equal(found, data), nil
}

// behindMarks is like behindMark but skips any number of markers.
func behindMarks(file io.ReaderAt, offset, end int64) (int64, error) {
	for offset < end {
		next, err := behindMark(file, offset, end)
		if err != nil || next == offset {
			return offset, err
		}
		offset = next
	}
	return offset, nil
}

// behindMark returns the offset after the marker at an offset, including the padding that placeMark
// may have inserted before it. It returns the same offset if there is no marker.
func behindMark(file io.ReaderAt, offset, end int64) (int64, error) {
	var lines [maxPad + maxMark]byte
	n, err := file.ReadAt(lines[:min(int64(len(lines)), end-offset)], offset)
	if err != nil && err != io.EOF {
		return 0, err
	}
	at := padLen(lines[:n])
	if eol := bytes.IndexByte(lines[at:n], '\n'); eol >= 0 {
		if _, ok := parseMark(lines[at : at+eol+1]); ok {
			return offset + int64(at+eol) + 1, nil
		}
	}
	return offset, nil
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

// keepTail durably renames a tail file to a free name, and returns the name.
func keepTail(fsys vfs.FS, path string) (string, error) {
	for n := 1; ; n++ {
		kept := fmt.Sprintf("%s.kept-%d", path, n)
		_, err := fsys.Lstat(kept)
		if err == nil {
			continue
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		if err := fsys.Rename(path, kept); err != nil {
			return "", err
		}
		dir := filepath.Dir(path)
		if err := fsys.SyncDir(dir); err != nil {
			return kept, &snapshot.DirSyncError{Dir: dir, Err: err}
		}
		return kept, nil
	}
}
