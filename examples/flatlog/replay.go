package flatlog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/perduredb/perdure/appendlog"
	"github.com/perduredb/perdure/snapshot"
)

// Replay implements [appendlog.AppendLog]. It reads the whole file into memory.
func (l *Log) Replay(ctx context.Context, r appendlog.Replayer) (appendlog.ReplayReport, error) {
	report := appendlog.ReplayReport{Files: 1}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.state != isOpen || l.file != nil {
		return report, appendlog.ErrClosed
	}
	if !l.env.Until.IsZero() {
		return report, fmt.Errorf("%w: %s lacks times", appendlog.ErrUntil, l.path())
	}
	data, err := l.read(&report)
	if err != nil {
		return report, err
	}
	id, ok := parseHeader(data)
	if !ok {
		return report, &snapshot.CorruptError{File: l.path(), What: "not the start of a flat log"}
	}
	l.store, report.Store = id, id // the ID in Env is new if the dump is missing
	at := len(magic) + idSize
	for at < len(data) {
		if err := ctx.Err(); err != nil {
			return report, err
		}
		content, ok := parseRecord(data[at:])
		if !ok {
			return report, l.judge(data, at, &report)
		}
		from := appendlog.NewReader(bytes.NewReader(content), l.path(), int64(at+headerSize))
		n, err := appendlog.ReplayCommands(from, r)
		if report.Commands += n; err != nil {
			return report, err
		}
		at += headerSize + len(content)
		report.Size = int64(at)
		r.Progress(int64(at), int64(len(data)))
	}
	return report, ctx.Err()
}

func (l *Log) read(report *appendlog.ReplayReport) ([]byte, error) {
	f, err := l.env.FS.Open(l.path())
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	report.Time = info.ModTime()
	return io.ReadAll(f)
}

// judge handles the first record that is not whole. The record is torn if no other record follows
// it.
func (l *Log) judge(data []byte, at int, report *appendlog.ReplayReport) error {
	e := &snapshot.CorruptError{File: l.path(), Offset: int64(at), What: "record does not match its checksum"}
	e.Torn = !holdsRecord(data[at+1:])
	if !e.Torn || l.env.Strict {
		return e
	}
	l.torn = int64(at)
	report.Cut, report.File, report.Offset, report.Reason = int64(len(data)-at), e.File, e.Offset, e.What
	return nil
}

// rewrite is a Rewrite of a Log.
type rewrite struct {
	log        *Log
	cut        bool
	committing bool
	since      []byte // log records appended since Cut but not yet in the new file
	db         int    // database selected after these records; -1 without records
	old        []byte // the log's buf before take
	oldDB      int
}

// BeginRewrite implements [appendlog.AppendLog].
func (l *Log) BeginRewrite() (appendlog.Rewrite, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.state != isOpen:
		return nil, appendlog.ErrClosed
	case l.rewrite != nil:
		return nil, appendlog.ErrRewriteRunning
	}
	l.rewrite = &rewrite{log: l, db: -1}
	return l.rewrite, nil
}

// Cut implements [appendlog.Rewrite].
func (r *rewrite) Cut() {
	r.log.mu.Lock()
	defer r.log.mu.Unlock()
	r.cut = true
}

// Abort implements [appendlog.Rewrite].
func (r *rewrite) Abort() {
	r.log.mu.Lock()
	defer r.log.mu.Unlock()
	if r.log.rewrite == r {
		r.log.rewrite = nil
	}
}

// Commit implements [appendlog.Rewrite]. It writes the base and the records to a new file, which
// then replaces the old file. Until then, records are written to both files.
func (r *rewrite) Commit(ctx context.Context, b appendlog.Base) error {
	l := r.log
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.rewrite != r {
		return appendlog.ErrClosed
	}
	r.committing = true
	defer func() {
		l.rewrite = nil
		l.changed.Broadcast()
	}()
	var p appendlog.Position
	var baseSize int64
	held := false // the right to write to the file
	l.mu.Unlock()
	size, err := snapshot.Replace(l.env.FS, l.env.Dir, l.name, func(w io.Writer) error {
		counted := &counter{w: w}
		if _, err := io.WriteString(counted, magic+l.store); err != nil {
			return err
		}
		if err := b.Commands(recordWriter{counted}); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		baseSize = counted.n
		var since []byte
		since, p = r.take()
		held = true
		if len(since) == 0 {
			return nil
		}
		_, err := counted.Write(appendRecord(nil, since))
		return err
	})
	l.mu.Lock()
	if held {
		l.writing = false
		if err != nil && l.err == nil { // the old file is still the log
			if l.buf = append(r.old, l.buf...); l.db < 0 {
				l.db = r.oldDB
			}
		}
	}
	var unknown *snapshot.DirSyncError
	switch {
	case errors.As(err, &unknown):
		l.failLocked("sync directory", err)
		return err
	case err != nil:
		return err
	}
	return r.replacedLocked(p, size, baseSize)
}

// take waits until no goroutine writes to the file, and prevents further writes. It returns the
// records appended since Cut and their end.
func (r *rewrite) take() ([]byte, appendlog.Position) {
	l := r.log
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.writing {
		l.changed.Wait()
	}
	l.writing = true
	since := r.since
	r.since, r.db = nil, -1
	r.old, r.oldDB, l.buf, l.db = l.buf, l.db, nil, -1
	return since, l.appended
}

// replacedLocked continues with the new file, which contains every record up to p.
func (r *rewrite) replacedLocked(p appendlog.Position, size, baseSize int64) error {
	l := r.log
	f, err := l.env.FS.OpenWrite(l.path())
	if err != nil {
		l.failLocked("open", err)
		return l.err
	}
	if l.file != nil {
		_ = l.file.Close() // the name now refers to another file
	}
	l.file, l.size, l.baseSize, l.err = f, size, baseSize, nil
	l.buf, l.db = r.since, r.db
	l.durable = max(l.durable, p)
	return nil
}

// counter counts the bytes that it writes.
type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}
