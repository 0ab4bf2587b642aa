package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"

	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/appendlog"
	"github.com/perduredb/perdure/internal/dirfs"
	"github.com/perduredb/perdure/internal/resp"
	"github.com/perduredb/perdure/internal/vfs"
	"github.com/perduredb/perdure/rdb"
	"github.com/perduredb/perdure/snapshot"
)

// createFile makes a new file. The file is whole and durable, or it does not exist.
func (a *app) createFile(path string, write func(io.Writer) error) error {
	if err := a.absent(path); err != nil {
		return err
	}
	_, err := snapshot.Replace(dirfs.New(a.fs), filepath.Dir(path), filepath.Base(path), func(w io.Writer) error {
		if err := write(w); err != nil {
			return err
		}
		return a.absent(path)
	})
	return err
}

// absent returns an error if a file exists at path.
func (a *app) absent(path string) error {
	_, err := a.fs.Lstat(path)
	switch {
	case err == nil:
		return &fs.PathError{Op: "create", Path: path, Err: fs.ErrExist}
	case errors.Is(err, fs.ErrNotExist):
		return nil
	}
	return err
}

// writeLog makes a log in a data directory without one: a manifest, src as the base file, and an
// empty incremental file. After success the log is durable. After an error, the manifest does not
// exist.
func (a *app) writeLog(dir string, src source, asCommands bool, opts ...aof.Option) (err error) {
	log := aof.New(append(opts, aof.RDBBase(!asCommands), aof.LogMode(aof.Direct))...)
	found, err := log.Open(a.logEnv(dir))
	if err == nil && found {
		err = &fs.PathError{Op: "create a log in", Path: dir, Err: fs.ErrExist}
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	rewrite, err := log.BeginRewrite()
	if err != nil {
		return err
	}
	rewrite.Cut()
	return rewrite.Commit(a.ctx, appendlog.Base{
		RDB:      func(w io.Writer, _ string) error { return src.writeRDB(a.ctx, w) },
		Commands: func(w io.Writer) error { return writeCommands(a.ctx, w, src) },
	})
}

// writeCommands writes a data set as commands that create it, which every Redis can read.
func writeCommands(ctx context.Context, w io.Writer, src source) error {
	db := -1
	var buf []byte
	err := src.each(ctx, func(e snapshot.Entry) (err error) {
		if e.DB != db {
			db = e.DB
			buf = resp.AppendBulk(resp.AppendHeader(buf, 2), "SELECT")
			buf = resp.AppendInt(buf, int64(db))
		}
		if buf = appendEntry(buf, e); len(buf) >= 256<<10 { // whole commands, as aof.Base requires
			_, err = w.Write(buf)
			buf = buf[:0]
		}
		return err
	})
	if err != nil || len(buf) == 0 {
		return err
	}
	_, err = w.Write(buf)
	return err
}

// appendEntry appends SET, or RESTORE for a value of another type, and PEXPIREAT for an expiry.
func appendEntry(buf []byte, e snapshot.Entry) []byte {
	if e.Type == snapshot.String {
		buf = resp.AppendBulk(resp.AppendHeader(buf, 3), "SET")
		buf = resp.AppendBulk(buf, e.Key)
		buf = resp.AppendBulk(buf, e.Value)
	} else {
		buf = resp.AppendBulk(resp.AppendHeader(buf, 4), "RESTORE")
		buf = resp.AppendBulk(buf, e.Key)
		buf = resp.AppendInt(buf, 0)
		buf = resp.AppendBulk(buf, rdb.AppendDump(nil, e.Type, e.Value))
	}
	if e.ExpireAtMs != 0 {
		buf = resp.AppendBulk(resp.AppendHeader(buf, 3), "PEXPIREAT")
		buf = resp.AppendBulk(buf, e.Key)
		buf = resp.AppendInt(buf, e.ExpireAtMs)
	}
	return buf
}

// removeTree deletes the files of an interrupted run under one of perdure's names.
func removeTree(fsys vfs.FS, path string) error {
	info, err := fsys.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.IsDir() {
		names, err := fsys.ReadDir(path)
		if err != nil {
			return err
		}
		for _, name := range names {
			if err := removeTree(fsys, filepath.Join(path, name)); err != nil {
				return err
			}
		}
	}
	return fsys.Remove(path)
}

// stage makes an empty directory next to path, for the files that will be renamed to path.
func (a *app) stage(path string) (string, error) {
	dir := filepath.Join(filepath.Dir(path), snapshot.TempPrefix+filepath.Base(path))
	if err := removeTree(a.fs, dir); err != nil {
		return "", fmt.Errorf("remove files of an earlier run: %w", err)
	}
	return dir, a.fs.Mkdir(dir)
}
