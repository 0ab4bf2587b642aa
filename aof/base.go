package aof

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strconv"

	"github.com/perduredb/perdure/internal/planted"
	"github.com/perduredb/perdure/internal/vfs"
	"github.com/perduredb/perdure/snapshot"
)

// writeBase is step 5.
func (r *rewrite) writeBase(ctx context.Context, b Base, rdb bool) (manifestFile, int64, error) {
	disk := r.log.disk
	disk.baseSeq++
	base := manifestFile{seq: disk.baseSeq, kind: kindBase}
	base.name = baseName(disk.filename, base.seq, rdb)
	size, err := snapshot.Replace(disk.fs, disk.dir, base.name, func(w io.Writer) error {
		cw := &baseWriter{ctx: ctx, w: w, crc: newSeed(base.seq).group(0)}
		if rdb {
			return b.RDB(cw)
		}
		if len(r.stamp) > 0 {
			if _, err := cw.Write(r.stamp); err != nil {
				return err
			}
		}
		if err := b.Commands(cw); err != nil || !r.log.marked {
			return err
		}
		_, err := w.Write(appendMark(nil, cw.crc, 0))
		return err
	})
	base.extra = []string{sizeKey, strconv.FormatInt(size, 10)}
	return base, size, err
}

// baseWriter ends with its context and sums what passes.
type baseWriter struct {
	ctx context.Context
	w   io.Writer
	crc uint32
}

func (w *baseWriter) Write(p []byte) (int, error) {
	if err := w.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := w.w.Write(p)
	w.crc = sum(w.crc, p[:n])
	return n, err
}

// baseFails ends a rewrite without a base.
func (r *rewrite) baseFails(err error) error {
	err = r.dirSyncFails(err)
	if r.fresh {
		r.forget()
		r.dropNext()
	}
	return err
}

// forgetLocked goes back to no file at all, or to the failed one.
func (l *Log) forgetLocked() {
	for l.writing || l.syncing {
		l.waitLocked()
	}
	l.mute, l.cut = true, nil
	l.forgetBufferLocked()
	if l.err == nil {
		l.tail = nil
		l.written, l.synced = l.appended, l.appended
	}
	l.wakeLocked()
}

func (r *rewrite) forget() {
	l := r.log
	l.mu.Lock()
	l.forgetLocked()
	if l.tail == r.next {
		l.tail = nil
	}
	l.mu.Unlock()
}

// publish is step 6.
func (r *rewrite) publish(base manifestFile) error {
	old := r.log.disk.manifest
	m := &manifest{
		base:  &base,
		incrs: []manifestFile{r.next.line()},
	}
	if old != nil {
		m.history = append(m.history, old.history...)
		for _, f := range old.files() {
			if f.name != r.next.name && !r.log.disk.legacy {
				f.kind = kindHistory
				m.history = append(m.history, f)
			}
		}
	}
	if planted.On(planted.DeleteBeforeCommit) {
		removeHistory(r.log, m)
	}
	if err := r.checkBase(base); err != nil {
		return err
	}
	err := r.log.disk.publish(m, r.next)
	r.log.disk.legacy = r.log.disk.legacy && !r.log.disk.listed
	return err
}

// checkBase makes sure that the base is in its place before a manifest lists it, and before the
// files that it replaces are deleted.
func (r *rewrite) checkBase(base manifestFile) error {
	path := filepath.Join(r.log.disk.dir, base.name)
	info, err := r.log.disk.fs.Lstat(path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s: %w", path, vfs.ErrNotRegular)
	}
	return base.checkSize(path, info.Size())
}

// publishFresh is step 6 for a log without an old file: what was appended since the cut becomes
// durable together with the base. Writers wait.
func (r *rewrite) publishFresh(base manifestFile) error {
	l := r.log
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.writing || l.syncing {
		l.waitLocked()
	}
	if r.failed == nil { // step 3, on the new increment
		if l.err == nil && len(l.buf) > 0 {
			_ = l.writeLocked()
		}
		if l.err == nil {
			_ = l.syncLocked()
		}
		if l.err != nil {
			return l.err
		}
	}
	l.writing, l.syncing = true, true
	l.mu.Unlock()
	err := r.publish(base)
	if err == nil {
		l.makeRing()
	}
	l.mu.Lock()
	l.writing, l.syncing = false, false
	if err == nil {
		r.takeOverLocked()
	}
	l.wakeLocked()
	return err
}

// takeOverLocked makes the new increment the log's file after a failure, or the first one.
func (r *rewrite) takeOverLocked() {
	l := r.log
	l.published = true
	if r.failed == nil {
		l.restartRingLocked()
		return
	}
	if l.tail != nil {
		_ = l.tail.file.Close() // it has failed already
	}
	l.written, l.synced = l.cut.at, l.cut.at
	l.tail, l.cut, l.err = r.next, nil, nil
	l.epochOpen, l.epochSynced = false, l.epoch
	l.restartRingLocked()
	if len(l.buf) > 0 {
		l.setFlushLocked()
	}
}

// publishFails ends a rewrite whose base is not listed, unless it is not known whether it is.
func (r *rewrite) publishFails(base manifestFile, err error) error {
	l := r.log
	var dirSync *snapshot.DirSyncError
	unknown := errors.As(err, &dirSync) && !planted.On(planted.BaseDeletedOnUnknown)
	err = r.dirSyncFails(err)
	if unknown {
		if r.fresh {
			r.forget()
			_ = r.next.file.Close()
		}
		return err
	}
	if e := l.disk.fs.Remove(filepath.Join(l.disk.dir, base.name)); e != nil {
		l.env.Logger.Warn("an unlisted base of the log stays", "file", base.name, "err", e)
	}
	if r.fresh {
		r.forget()
		r.dropNext()
	}
	return err
}

// settle notes the sizes of the new log.
func (r *rewrite) settle(base manifestFile, size int64) {
	l := r.log
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sizes.closed = size
	l.sizes.base = size + l.tail.size
	l.wakeLocked()
}

// clean is steps 7 and 8. The rewrite has succeeded already.
func (r *rewrite) clean() error {
	l := r.log
	if len(l.disk.manifest.history) == 0 {
		return nil
	}
	if err := r.checkBase(*l.disk.manifest.base); err != nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.failLocked("check", filepath.Join(l.disk.dir, l.disk.manifest.base.name), err)
	}
	if !removeHistory(l, l.disk.manifest) {
		return nil
	}
	m := *l.disk.manifest
	m.history = nil
	err := r.dirSyncFails(l.disk.publish(&m))
	if err != nil {
		l.env.Logger.Warn("the manifest still lists deleted files", "dir", l.disk.dir, "err", err)
	}
	return l.Err()
}
