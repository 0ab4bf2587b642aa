package aof

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/perduredb/perdure/aof/internal/manifest"
	"github.com/perduredb/perdure/internal/vfs"
	"github.com/perduredb/perdure/snapshot"
)

// copyPrefix begins the name of the directory, in the data directory, that a log is copied to
// before it is truncated at Env.Until. perdure restore also uses this prefix.
const copyPrefix = "before-restore-"

// truncateUntil truncates the log to the replayed part. A crash leaves:
//
//  1. while the copy is made: the whole log, and a part of a copy.
//  2. after the copy is synced: the whole log, and a copy of it.
//  3. after the manifest without the later incremental files is published: the log up to the end of
//     the file that contains the time limit, and the copy.
//  4. after Start has truncated that file: the log up to the time limit, later incremental files
//     that are not listed, and the copy.
//  5. after those files are deleted: as before, without them.
//
// truncateUntil executes steps 1 to 3, and returns the files that step 5 deletes.
func (s *starter) truncateUntil() (later []manifest.File, err error) {
	if s.log.copiedTo, err = s.copyAside(); err != nil {
		return nil, err
	}
	m := s.disk.manifest
	files := m.Files()
	n := len(s.replay.sizes)
	if later = files[n:]; len(later) == 0 {
		return nil, nil
	}
	next := *m
	next.Incrs = m.Incrs[:len(m.Incrs)-len(later)]
	return later, s.disk.install(&next)
}

// copyAside durably copies the log to a separate directory, and returns its path.
func (s *starter) copyAside() (string, error) {
	disk := s.disk
	kept, err := makeCopyDir(disk)
	if err != nil {
		return "", err
	}
	files := disk.manifest.Files()
	if disk.listed {
		files = append(files, manifest.File{Name: manifest.FileName(disk.filename)})
	}
	dir := filepath.Join(kept, filepath.Base(disk.dir))
	if disk.hasDir {
		if err := disk.fs.Mkdir(dir); err != nil {
			return "", err
		}
	}
	for _, f := range files {
		to := filepath.Join(dir, f.Name)
		if disk.legacy && f.Kind == manifest.KindBase {
			to = filepath.Join(kept, f.Name)
		}
		if err := copyFile(disk.fs, disk.path(&f), to); err != nil {
			return "", err
		}
	}
	for _, d := range []string{dir, kept, disk.data} {
		if d == dir && !disk.hasDir {
			continue
		}
		if err := disk.fs.SyncDir(d); err != nil {
			return "", &snapshot.DirSyncError{Dir: d, Err: err}
		}
	}
	return kept, nil
}

// makeCopyDir creates a directory with a name that is free.
func makeCopyDir(disk *layout) (string, error) {
	name := filepath.Join(disk.data, copyPrefix+time.Now().UTC().Format("20060102-150405"))
	kept := name
	for n := 2; ; n++ {
		err := disk.fs.Mkdir(kept)
		if !errors.Is(err, fs.ErrExist) {
			return kept, err
		}
		kept = fmt.Sprintf("%s-%d", name, n)
	}
}

// copyFile copies a file to a new file, and syncs it.
func copyFile(fsys vfs.FS, from, to string) error {
	src, err := fsys.Open(from)
	if err != nil {
		return err
	}
	dst, err := fsys.Create(to)
	if err != nil {
		return errors.Join(err, src.Close())
	}
	size, err := src.Size()
	if err == nil {
		_, err = io.Copy(struct{ io.Writer }{dst}, io.NewSectionReader(src, 0, size))
	}
	if err == nil {
		err = dst.Sync()
	}
	return errors.Join(err, dst.Close(), src.Close())
}

// removeLater is step 5. A file that cannot be deleted is not listed and is harmless.
func (s *starter) removeLater(later []manifest.File) {
	for _, f := range later {
		if err := s.disk.fs.Remove(filepath.Join(s.disk.dir, f.Name)); err != nil {
			s.log.env.Logger.Warn("an unlisted file of the log stays", "file", f.Name, "err", err)
		}
	}
}
