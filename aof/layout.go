package aof

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"path/filepath"

	"github.com/perduredb/perdure/aof/internal/manifest"
	"github.com/perduredb/perdure/aof/internal/ring"
	"github.com/perduredb/perdure/aof/internal/wire"
	"github.com/perduredb/perdure/internal/corrupt"
	"github.com/perduredb/perdure/internal/resp"
	"github.com/perduredb/perdure/internal/vfs"
	"github.com/perduredb/perdure/snapshot"
)

// layout describes the files of one log.
type layout struct {
	fs       vfs.FS
	data     string // the data directory
	dir      string // the log's directory inside it
	filename string

	hasDir   bool
	manifest *manifest.Manifest // nil without a log
	listed   bool               // the manifest is in a file; false for a legacy file without one
	// legacy reports that the base file is still the single file of Redis 6 in the data directory.
	legacy bool
	// the highest sequence numbers listed or present
	baseSeq, incrSeq int64
	tailFile         string   // name of the tail file, if there is one
	salt             uint64   // of the newest incremental file, for the link of the next; 0 if none
	orphans          []string // files of this log that the manifest does not list
}

// inspect reads the layout of a log. It changes nothing.
func inspect(fsys vfs.FS, data string, c *config) (*layout, error) {
	l := &layout{fs: fsys, data: data, dir: filepath.Join(data, c.dirname), filename: c.filename}
	if err := l.readDir(); err != nil {
		return nil, err
	}
	if err := l.findLegacy(); err != nil {
		return nil, err
	}
	if l.manifest == nil {
		return l, nil
	}
	for _, f := range l.manifest.Files() {
		if err := l.require(f); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// path returns the path of a file of the log.
func (l *layout) path(f *manifest.File) string {
	if l.legacy && f.Kind == manifest.KindBase {
		return filepath.Join(l.data, f.Name)
	}
	return filepath.Join(l.dir, f.Name)
}

func (l *layout) manifestPath() string { return filepath.Join(l.dir, manifest.FileName(l.filename)) }

// readDir reads the manifest and the names in the log's directory.
func (l *layout) readDir() error {
	names, err := l.fs.ReadDir(l.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	l.hasDir = true
	if l.manifest, err = manifest.Read(l.fs, l.manifestPath()); err != nil {
		return err
	}
	known := make(map[string]bool)
	if l.manifest != nil {
		l.listed = true
		for _, f := range append(l.manifest.Files(), l.manifest.Obsolete...) {
			known[f.Name] = true
			l.countSeq(f.Name, f.Kind, f.Seq)
		}
	}
	for _, name := range names {
		if name == ring.FileName(l.filename) {
			l.tailFile = name
		}
		seq, kind, ok := manifest.SplitName(l.filename, name)
		if ok {
			l.countSeq(name, kind, seq)
			if !known[name] {
				l.orphans = append(l.orphans, name)
			}
		}
	}
	if l.manifest == nil {
		return l.mayLackManifest()
	}
	return nil
}

// mayLackManifest returns an error if the log was in use and its manifest is missing. A log writes
// into an incremental file, and creates a tail file, only when the manifest that lists the
// incremental file is durable. So a manifest once listed the log if there is a tail file, or an
// incremental file with more than its opening line. All other files can be the result of an
// unfinished start or a power loss.
func (l *layout) mayLackManifest() error {
	holder := l.tailFile
	for _, name := range l.orphans {
		if _, kind, _ := manifest.SplitName(l.filename, name); kind != manifest.KindIncr {
			continue
		}
		listed, err := wasListed(l.fs, filepath.Join(l.dir, name))
		if err != nil {
			return err
		}
		if listed {
			holder = name
		}
	}
	if holder == "" {
		return nil
	}
	return &corrupt.Error{File: l.manifestPath(), Err: fs.ErrNotExist, What: fmt.Sprintf(
		"manifest is missing, but the log is not: %s was in use; perdure repair can rebuild the manifest", holder)}
}

// wasListed reports whether an incremental file contains more than a log writes before a manifest
// lists it.
func wasListed(fsys vfs.FS, path string) (listed bool, err error) {
	file, err := fsys.Open(path)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	size, err := file.Size()
	if err != nil || size > int64(wire.OpeningLen) {
		return true, err
	}
	// The file is shorter than an opening line. Zeros and garbage are a torn opening line, and a
	// command is from another program.
	_, err = resp.NewReader(io.NewSectionReader(file, 0, size), 0).Next()
	var damage *corrupt.Error
	switch {
	case err == io.EOF || errors.As(err, &damage):
		return false, nil
	case err != nil:
		return false, err
	}
	id, _, err := wire.ReadOpening(file, manifest.SeqOf(path))
	return id.Salt == 0, err
}

// countSeq raises the highest sequence numbers.
func (l *layout) countSeq(name string, kind manifest.Kind, seq int64) {
	if kind == manifest.KindObsolete {
		// The name shows the former kind; for the name of another program count it as both.
		if _, was, ok := manifest.SplitName(l.filename, name); ok {
			kind = was
		} else {
			l.baseSeq = max(l.baseSeq, seq)
		}
	}
	if kind == manifest.KindBase {
		l.baseSeq = max(l.baseSeq, seq)
		return
	}
	l.incrSeq = max(l.incrSeq, seq)
}

// findLegacy uses the single file of Redis 6 under the conditions of Redis 7. Either there is no
// manifest, or an interrupted upgrade has left one that lists only that file, which is not moved
// yet.
func (l *layout) findLegacy() error {
	info, err := l.fs.Lstat(filepath.Join(l.data, l.filename))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if m := l.manifest; m != nil {
		if m.Base == nil || len(m.Incrs)+len(m.Obsolete) > 0 || m.Base.Name != l.filename {
			return nil
		}
		_, err := l.fs.Lstat(filepath.Join(l.dir, l.filename))
		if l.legacy = errors.Is(err, fs.ErrNotExist); l.legacy {
			return nil
		}
		return err
	}
	if info.IsDir() {
		return nil
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s: %w", filepath.Join(l.data, l.filename), vfs.ErrNotRegular)
	}
	l.legacy = true
	l.manifest = &manifest.Manifest{Base: &manifest.File{Name: l.filename, Seq: 1, Kind: manifest.KindBase}}
	l.baseSeq = max(l.baseSeq, 1)
	return nil
}

// require checks that a listed file exists.
func (l *layout) require(f manifest.File) error {
	path := l.path(&f)
	info, err := l.fs.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return &corrupt.Error{File: path, What: manifest.Missing, Err: err}
	}
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s: %w", path, vfs.ErrNotRegular)
	}
	return f.CheckSize(path, info.Size())
}

// makeDir durably creates the log's directory. A crash leaves:
//
//  1. after Mkdir: an empty directory, or none.
//  2. after SyncDir: an empty directory, which is not a log.
func (l *layout) makeDir() error {
	if err := l.fs.Mkdir(l.dir); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	// Sync an existing directory too: its creator may have been killed before this step.
	if err := l.fs.SyncDir(l.data); err != nil {
		return &snapshot.DirSyncError{Dir: l.data, Err: err}
	}
	l.hasDir = true
	return nil
}

// move moves the single file into the log's directory. It uses a link, because the two directories
// of a rename become durable separately, and a power loss could leave the file in neither. If the
// file system does not support links, it renames the file.
func (l *layout) move(from, to string) error {
	err := l.fs.Link(from, to)
	if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, fs.ErrPermission) {
		err = l.fs.Rename(from, to)
	}
	if err != nil {
		return err
	}
	if err := l.fs.SyncDir(l.dir); err != nil {
		return &snapshot.DirSyncError{Dir: l.dir, Err: err}
	}
	if err := l.fs.Remove(from); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := l.fs.SyncDir(l.data); err != nil {
		return &snapshot.DirSyncError{Dir: l.data, Err: err}
	}
	return nil
}

// syncDirs fsyncs the directories, which makes durable the names that Replay has read. A killed
// process may have renamed the manifest, or created the directory, without a sync. The sync must
// come before obsolete files are deleted, and before a listed file is written to.
func (l *layout) syncDirs() error {
	for _, dir := range []string{l.data, l.dir} {
		if dir == l.dir && !l.hasDir {
			continue
		}
		if err := l.fs.SyncDir(dir); err != nil {
			return &snapshot.DirSyncError{Dir: dir, Err: err}
		}
	}
	return nil
}

// removeTailFile deletes a tail file whose records are all in the log. An empty path does nothing.
func (l *layout) removeTailFile(path string, logger *slog.Logger) {
	if path == "" {
		return
	}
	if err := l.fs.Remove(path); err != nil {
		logger.Warn("cannot remove the tail file", "file", path, "err", err)
	}
}

// install atomically and durably installs m as the log's manifest. It returns an error if the path
// of an open incremental file does not lead to that file, because the manifest would then list
// another file.
func (l *layout) install(m *manifest.Manifest, open ...*incrFile) error {
	for _, t := range open {
		if err := vfs.CheckNamed(l.fs, t.path, t.file); err != nil {
			return fmt.Errorf("manifest not replaced: %w", err)
		}
	}
	err := m.Write(l.fs, l.dir, manifest.FileName(l.filename))
	var dirSync *snapshot.DirSyncError
	if err == nil || errors.As(err, &dirSync) {
		l.manifest, l.listed = m, true
	}
	return err
}
