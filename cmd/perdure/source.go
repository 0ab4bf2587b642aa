package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"time"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/internal/corrupt"
	"github.com/perduredb/perdure/internal/dirfs"
	"github.com/perduredb/perdure/internal/storefs"
	"github.com/perduredb/perdure/rdb"
	"github.com/perduredb/perdure/snapshot"
)

// source is the data set of a place: the data that Open would load from it, including expired keys.
type source interface {
	// each passes every entry to fn, in no particular order. The entry's slices are valid during
	// the call.
	each(ctx context.Context, fn func(snapshot.Entry) error) error

	// writeRDB writes the data set as a dump.
	writeRDB(ctx context.Context, w io.Writer) error

	// extras returns the data that belongs to no key: function libraries and data of modules.
	extras(ctx context.Context) ([]snapshot.Extra, error)

	close() error
}

// open opens a place as a source. A log is loaded into memory, and a dump is streamed. If verified
// is set, open first reads a dump to the end, so that it finds damage before anything is written.
func (a *app) open(p *place, verified bool) (source, error) {
	if p.log != "" {
		return a.openLog(p)
	}
	if p.lines != "" {
		j := a.jsonLines(p)
		if _, err := j.verify(a.ctx); err != nil {
			return nil, err
		}
		return j, nil
	}
	d := &dumpSource{a: a, path: p.dump, compressed: p.compressed(), maxValue: p.maxValue}
	if !verified {
		return d, nil
	}
	var err error
	d.report, err = a.checkDump(p)
	if err != nil {
		return nil, err
	}
	if d.report.Trailing > 0 {
		a.warn("%s: %s after the end of the dump omitted", d.path, count(d.report.Trailing, "byte"))
	}
	return d, nil
}

// dumpSource is a dump in a file, compressed or not. It keeps at most one entry in memory.
type dumpSource struct {
	a          *app
	path       string
	compressed bool
	maxValue   int64
	report     rdb.Report // set if the dump was verified
	header     rdb.Header
}

// with opens the dump and passes fn a reader, and the number of bytes or -1.
func (d *dumpSource) with(label string, fn func(r io.Reader, size int64) error) error {
	return d.a.withDump(label, d.path, d.compressed, fn)
}

// withDump opens a dump and passes its bytes to fn, with their number or -1. It adds the file's
// name to errors about damage.
func (a *app) withDump(label, path string, compressed bool, fn func(r io.Reader, size int64) error) error {
	var total int64
	if info, err := a.fs.Lstat(path); err == nil {
		total = info.Size()
	}
	p := a.progress(label, total)
	defer p.end()
	f, err := (&readFS{FS: a.fs, progress: p}).Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if compressed {
		z, err := newUnzip(f, path)
		if err != nil {
			return err
		}
		defer z.Close()
		return corrupt.InFile(fn(z, -1), path+" (decompressed)")
	}
	size, err := f.Size()
	if err != nil {
		return err
	}
	return corrupt.InFile(fn(f, size), path)
}

func (d *dumpSource) each(ctx context.Context, fn func(snapshot.Entry) error) error {
	return d.with("reading", func(r io.Reader, size int64) error {
		_, err := rdb.Decode(ctx, r, size, eachLoader(fn), rdb.HeaderTo(&d.header), rdb.MaxValue(cmp.Or(d.maxValue, rdb.DefaultMaxValue)))
		if err == nil && d.compressed {
			_, err = io.Copy(io.Discard, r) // read up to the checksum of the compressed file
		}
		return err
	})
}

// writeRDB copies the bytes of the dump, which was verified, unchanged.
func (d *dumpSource) writeRDB(ctx context.Context, w io.Writer) error {
	return d.with("writing", func(r io.Reader, _ int64) error {
		_, err := io.CopyN(&watchedWriter{ctx, w}, r, d.report.Size)
		return err
	})
}

func (d *dumpSource) extras(ctx context.Context) ([]snapshot.Extra, error) {
	var x extraLoader
	err := d.with("reading", func(r io.Reader, size int64) error {
		_, err := rdb.Decode(ctx, r, size, &x, rdb.Validate(false))
		return err
	})
	return x.all, err
}

func (d *dumpSource) close() error { return nil }

// extraLoader keeps the data that belongs to no key.
type extraLoader struct{ all []snapshot.Extra }

func (x *extraLoader) Ordered(string)               {}
func (x *extraLoader) Extra(e snapshot.Extra) error { x.all = append(x.all, e); return nil }
func (*extraLoader) Load(snapshot.Entry) error      { return nil }
func (*extraLoader) Expect(int, int64, int64)       {}
func (*extraLoader) Progress(int64, int64)          {}

// eachLoader makes a function the receiver of a dump.
type eachLoader func(snapshot.Entry) error

func (f eachLoader) Load(e snapshot.Entry) error { return f(e) }
func (eachLoader) Expect(int, int64, int64)      {}
func (eachLoader) Ordered(string)                {}
func (eachLoader) Extra(snapshot.Extra) error    { return nil }
func (eachLoader) Progress(int64, int64)         {}

// watchedWriter stops writing when ctx ends.
type watchedWriter struct {
	ctx context.Context
	w   io.Writer
}

func (w *watchedWriter) Write(p []byte) (int, error) {
	if err := w.ctx.Err(); err != nil {
		return 0, err
	}
	return w.w.Write(p)
}

// logSource is a log, loaded into a store in memory that cannot write to disk.
type logSource struct {
	store *perdure.Store
}

// singleLog is the name of a log that exists only to read one file.
const singleLog = "perdure-reads"

// openLog loads a log. Like Open, it skips a torn tail, and it reports the tail.
func (a *app) openLog(p *place) (source, error) {
	path, err := filepath.Abs(p.log)
	if err != nil {
		return nil, err
	}
	dir, name := filepath.Split(path)
	dir = filepath.Clean(dir)
	if filepath.Dir(dir) == dir {
		return nil, fmt.Errorf("%s: cannot read a log in the root directory; move it to another directory", path)
	}
	fsys := &readFS{FS: a.fs}
	logName, manifest := strings.CutSuffix(name, manifestSuffix)
	if !manifest {
		// A single file is read as a log that contains only this file.
		logName = singleLog
		line := fmt.Sprintf("file \"%s\" seq %d type i\n", strings.ReplaceAll(name, `"`, `\"`), seqOf(name))
		fsys.extra = map[string][]byte{filepath.Join(dir, singleLog+manifestSuffix): []byte(line)}
	}
	progress := a.progress("loading", 0)
	defer progress.end()
	// Each database takes memory, so the store gets 16 databases, and more only if the log needs
	// them.
	for databases := 16; ; databases *= 16 {
		store, err := perdure.OpenContext(a.ctx, filepath.Dir(dir), perdure.WithReadOnly(),
			storefs.Option(fsys), perdure.WithSaveRules(), perdure.WithRecoverUntil(p.until), perdure.WithDatabases(databases),
			perdure.WithAppendLog(aof.New(aof.Dirname(filepath.Base(dir)), aof.Filename(logName))),
			perdure.WithLoadProgress(func(l perdure.LoadProgress) { progress.set(l.Done, l.Total) }))
		if errors.Is(err, perdure.ErrDatabase) && databases < 65536 {
			continue
		}
		if err != nil {
			return nil, err
		}
		r := store.Recovery()
		if r.LeftOut > 0 {
			a.warn("%s: offset %d: skipped %s of later writes; the file is unchanged",
				r.LeftOutFile, r.LeftOutOffset, count(r.LeftOut, "byte"))
		} else if !p.until.IsZero() {
			a.warn("%s: the log does not contain writes after %s", p.log, p.until.UTC().Format(time.RFC3339))
		}
		if r.TailReason != "" {
			a.warn("%s: skipped, because it does not belong to the log: %s", r.TailFile, r.TailReason)
		}
		if r.Cut > 0 {
			a.warn("%s: offset %d: skipped torn tail of %s: %s",
				r.CutFile, r.CutOffset, count(r.Cut, "byte"), r.CutReason)
		} else if r.NewerDump && p.form == formDir {
			a.warn("%s: is newer than the log but was not read, as in Open; give its path to read it", p.dump)
		}
		return &logSource{store: store}, nil
	}
}

// each passes the entries of a snapshot of the store to fn.
func (l *logSource) each(ctx context.Context, fn func(snapshot.Entry) error) error {
	s, err := l.store.Snapshot()
	if err != nil {
		return err
	}
	defer s.Close()
	for e, err := range s.All(ctx) {
		if err == nil {
			err = fn(e)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (l *logSource) writeRDB(ctx context.Context, w io.Writer) error {
	s, err := l.store.Snapshot()
	if err != nil {
		return err
	}
	defer s.Close()
	_, err = s.WriteTo(&watchedWriter{ctx, w})
	return err
}

// extras reads the dump that the log would have as its base file, because a snapshot has only keys.
func (l *logSource) extras(ctx context.Context) ([]snapshot.Extra, error) {
	var x extraLoader
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := l.writeRDB(ctx, w)
		w.CloseWithError(err)
		done <- err
	}()
	_, err := rdb.Decode(ctx, r, -1, &x, rdb.Validate(false))
	r.CloseWithError(err)
	if e := <-done; err == nil {
		err = e
	}
	return x.all, err
}

func (l *logSource) close() error { return l.store.CloseNoSave() }

// logEnv returns the environment for writing a log.
func (a *app) logEnv(dir string) snapshot.Env {
	return snapshot.Env{FS: dirfs.New(a.fs), Dir: dir, Logger: slog.New(slog.DiscardHandler)}
}
