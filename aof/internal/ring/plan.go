package ring

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"

	"github.com/perduredb/perdure/aof/internal/manifest"
	"github.com/perduredb/perdure/aof/internal/wire"
	"github.com/perduredb/perdure/internal/corrupt"
	"github.com/perduredb/perdure/internal/vfs"
	"github.com/perduredb/perdure/snapshot"
)

// Plan is the plan for the tail file of a killed process: the bytes that the newest incremental
// file lacks. Replay or Check makes the plan, and Start or Repair executes it.
type Plan struct {
	Path    string // path of the tail file; or ""
	Pieces  []Piece
	Size    int64
	DB      int    // database that is selected after the pieces
	Reason  string // why the tail file does not belong to the log; "" if it does
	Elapsed bool   // the tail file is from an earlier boot, and nothing is merged
	Stale   bool   // the incremental file continues where the tail file ends: an older copy
}

// Piece is the part of one region that the incremental file lacks.
type Piece struct {
	Data []byte
	At   int64 // offset of data in the tail file
}

// NewPlan compares a tail file with the last file of its log, which is whole up to end.
// byPerdure is set if perdure, not a server, wrote the manifest last.
//
// A region records where its first byte belongs. Bytes that the file has there already must equal
// the region's, and the rest of the region belongs after them. So the process may have been killed
// before, during, or after the write of the region, or during an earlier merge.
func NewPlan(t *File, file io.ReaderAt, f *manifest.File, end int64, byPerdure bool) (Plan, error) {
	m := Plan{Path: t.path, Elapsed: t.Elapsed}
	follow := int64(-1) // offset of a region that follows the previous one
	past := false       // the previous region is in a base file
	for i := range t.Regions {
		r := &t.Regions[i]
		seq, offset := r.seq, r.offset
		switch {
		case r.next != 0 && f.Kind == manifest.KindIncr && r.next == f.Seq && byPerdure:
			// Without byPerdure, a server may have used the number.
			seq, offset = r.next, max(0, f.Size())
		case seq == 0 && follow >= 0:
			seq, offset = f.Seq, follow
		case seq == 0 && past:
			continue
		case seq == 0:
			return m, &corrupt.Error{File: t.path, Offset: r.at, What: "region that follows none"}
		}
		if seq < f.Seq && f.Kind == manifest.KindIncr && byPerdure {
			past = true // the base file that perdure's manifest lists contains it
			continue
		}
		past = false
		// An empty commit marker may have been written there since.
		offset, err := wire.AfterMarkers(file, offset, end)
		if err != nil {
			return m, err
		}
		if m.Reason = misplaced(f, seq, offset, end+m.Size); m.Reason != "" {
			return m, nil
		}
		has := min(max(0, end-offset), int64(len(r.data)))
		same, err := sameBytes(file, offset, r.data[:has])
		if err != nil {
			return m, err
		}
		if !same || has < int64(len(r.data)) && offset+has != end+m.Size {
			m.Reason = fmt.Sprintf("%s holds something else at offset %d", f.Name, offset)
			return m, nil
		}
		if rest := r.data[has:]; len(rest) > 0 {
			m.Pieces = append(m.Pieces, Piece{rest, r.at + has})
			m.Size += int64(len(rest))
			follow = end + m.Size
			continue
		}
		if follow, err = wire.AfterMarkers(file, offset+has, end); err != nil {
			return m, err
		}
	}
	var err error
	m.Stale, err = t.stale(file, f, follow, end)
	m.Stale = m.Stale && m.Size == 0
	return m, err
}

// stale reports whether the tail file is an older copy of the log's own, and the incremental file,
// which ends at end, contains all of it. follow is the offset after the last byte of the tail file
// in the incremental file, or -1. A log starts the next region before it writes one to the
// incremental file. So the incremental file has nothing of the newest region. Either that region or
// the one before it belongs at the end of the incremental file.
func (t *File) stale(file io.ReaderAt, f *manifest.File, follow, end int64) (bool, error) {
	n := &t.newest
	switch holds := len(t.Regions); {
	case t.Elapsed || t.ID == 0:
		return false, nil
	case holds > 0 && t.Regions[holds-1].generation == n.generation:
		return true, nil
	case n.next == f.Seq:
		return false, nil
	case n.seq == f.Seq && n.offset > follow:
		place, err := wire.AfterMarkers(file, n.offset, end)
		return place < end, err
	}
	return follow < end, nil
}

// misplaced returns the reason why a region cannot belong to an offset of an incremental file, or
// "". f is the last file of the log and ends at end.
func misplaced(f *manifest.File, seq, offset, end int64) string {
	switch {
	case f.Kind != manifest.KindIncr || seq != f.Seq:
		return fmt.Sprintf("it continues increment %d, and the log ends with %s", seq, f.Name)
	case offset < 0 || offset > end:
		return fmt.Sprintf("it continues %s at offset %d, and that ends at %d", f.Name, offset, end)
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

// SetAside durably renames a tail file to a free name, and returns the name.
func SetAside(fsys vfs.FS, path string) (string, error) {
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
