package aof

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strconv"

	"github.com/perduredb/perdure/aof/internal/manifest"
	"github.com/perduredb/perdure/aof/internal/ring"
	"github.com/perduredb/perdure/aof/internal/wire"
	"github.com/perduredb/perdure/appendlog"
	"github.com/perduredb/perdure/internal/dirfs"
	"github.com/perduredb/perdure/internal/vfs"
	"github.com/perduredb/perdure/snapshot"
)

// writeBase is step 5.
func (r *rewrite) writeBase(ctx context.Context, b appendlog.Base, rdb bool) (manifest.File, int64, error) {
	disk := r.log.disk
	disk.baseSeq++
	base := manifest.File{Seq: disk.baseSeq, Kind: manifest.KindBase}
	base.Name = manifest.BaseName(disk.filename, base.Seq, rdb)
	id := r.log.newIdentity(r.next.id.Salt)
	w := &baseWriter{ctx: ctx, marked: r.log.marked && !rdb}
	size, err := snapshot.Replace(dirfs.New(disk.fs), disk.dir, base.Name, func(file io.Writer) error {
		if w.file = file; rdb {
			return b.RDB(w, id.String())
		}
		if err := w.begin(id, base.Seq, r.stamp); err != nil {
			return err
		}
		if err := b.Commands(w); err != nil || !w.marked {
			return err
		}
		// The marker states that the base file is whole.
		return w.write(wire.AppendMarker(nil, w.seed.Group(w.size), w.size, nil))
	})
	base = base.With(manifest.SizeKey, strconv.FormatInt(size, 10))
	switch {
	case rdb && binary.LittleEndian.Uint64(w.last[:]) != 0: // 0 means an RDB without a checksum
		base = base.With(manifest.CRCKey, wire.FormatID(binary.LittleEndian.Uint64(w.last[:])))
	case w.marked:
		base = base.With(manifest.IDKey, wire.FormatID(id.Salt))
	}
	return base, size, err
}

// baseWriter writes a base file. It returns an error once its context ends. In a base file of
// commands, it writes a commit marker after each Write, so that a reader never needs to hold more
// than that.
type baseWriter struct {
	ctx    context.Context
	file   io.Writer
	marked bool
	seed   wire.Seed
	size   int64
	last   [8]byte // the last bytes written
}

// begin writes the lines before the commands.
func (w *baseWriter) begin(id wire.Identity, seq int64, stamp []byte) error {
	if w.marked {
		var line []byte
		line, w.seed = wire.AppendOpening(nil, wire.NewSeed(seq), id)
		if err := w.write(line); err != nil {
			return err
		}
	}
	if len(stamp) == 0 {
		return nil
	}
	_, err := w.Write(stamp)
	return err
}

func (w *baseWriter) Write(p []byte) (int, error) {
	start := w.size
	if err := w.write(p); err != nil {
		return int(w.size - start), err
	}
	if !w.marked {
		return len(p), nil
	}
	return len(p), w.write(wire.AppendMarker(nil, wire.Sum(w.seed.Group(start), p), 0, nil))
}

func (w *baseWriter) write(p []byte) error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	n, err := w.file.Write(p)
	w.size += int64(n)
	if k := min(n, len(w.last)); k > 0 {
		copy(w.last[:], w.last[k:])
		copy(w.last[len(w.last)-k:], p[n-k:n])
	}
	return err
}

// baseFails ends a rewrite whose base file was not written.
func (r *rewrite) baseFails(err error) error {
	err = r.dirSyncFails(err)
	if r.fresh {
		r.forget()
		r.dropNext()
	}
	return err
}

// forgetLocked returns to the state without a file, or to the failed file.
func (l *Log) forgetLocked() {
	for l.out.writing || l.out.syncing {
		l.waits.wait()
	}
	l.mute, l.cut = true, nil
	l.dropLocked(l.pending.forget())
	if l.err == nil {
		l.out.incr = nil
		l.out.written, l.out.synced = l.pending.appended, l.pending.appended
	}
	l.waits.wakeAll()
}

func (r *rewrite) forget() {
	l := r.log
	l.mu.Lock()
	l.forgetLocked()
	if l.out.incr == r.next {
		l.out.incr = nil
	}
	l.mu.Unlock()
}

// install is step 6.
func (r *rewrite) install(base manifest.File) error {
	old := r.log.disk.manifest
	m := &manifest.Manifest{
		Base:  &base,
		Incrs: []manifest.File{r.next.entry()},
	}
	if old != nil {
		m.Obsolete = append(m.Obsolete, old.Obsolete...)
		for _, f := range old.Files() {
			if f.Name != r.next.name && !r.log.disk.legacy {
				f.Kind = manifest.KindObsolete
				m.Obsolete = append(m.Obsolete, f)
			}
		}
	}
	if err := r.checkBase(base); err != nil {
		return err
	}
	err := r.log.disk.install(m, r.next)
	r.log.disk.legacy = r.log.disk.legacy && !r.log.disk.listed
	return err
}

// checkBase checks that the base file has its name in the directory, before a manifest lists it and
// before the files that it replaces are deleted.
func (r *rewrite) checkBase(base manifest.File) error {
	path := filepath.Join(r.log.disk.dir, base.Name)
	info, err := r.log.disk.fs.Lstat(path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s: %w", path, vfs.ErrNotRegular)
	}
	return base.CheckSize(path, info.Size())
}

// installFresh is step 6 for a log without an old file to continue. Writers wait.
func (r *rewrite) installFresh(base manifest.File) error {
	l := r.log
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.out.writing || l.out.syncing {
		l.waits.wait()
	}
	l.out.writing, l.out.syncing = true, true
	l.mu.Unlock()
	err := r.install(base)
	var made *ring.Ring
	var reason string
	if err == nil {
		made, reason = l.makeRing()
	}
	l.mu.Lock()
	l.out.writing, l.out.syncing = false, false
	if err == nil {
		r.takeOverLocked(made, reason)
	}
	l.waits.wakeAll()
	return err
}

// takeOverLocked makes the new incremental file the log's file, after a failure or as the first
// one.
func (r *rewrite) takeOverLocked(made *ring.Ring, reason string) {
	l := r.log
	l.published = true
	if l.out.incr != nil {
		_ = l.out.incr.file.Close() // it has failed already
	}
	l.out.written, l.out.synced = l.cut.at, l.cut.at
	l.out.incr, l.cut, l.err, l.disk.salt = r.next, nil, nil, r.next.id.Salt
	l.interval.forget()
	l.restartMirrorLocked(made, reason)
	if len(l.pending.buf) > 0 {
		l.setFlushLocked()
	}
}

// beginFresh completes step 6 of a log without an old file. It writes the first marker of the new
// incremental file and the records appended since Cut, and syncs. A failure puts the log into
// the failed state.
func (r *rewrite) beginFresh() error {
	l := r.log
	l.mu.Lock()
	defer l.mu.Unlock()
	for (l.out.writing || l.out.syncing) && l.err == nil {
		l.waits.wait()
	}
	if l.err == nil {
		l.firstMarkerLocked()
	}
	if l.err == nil && len(l.pending.buf) > 0 && !l.out.writing {
		_ = l.writeLocked() // a failure is sticky
	}
	if l.waitSyncedLocked() == nil && l.out.synced < l.out.written {
		_ = l.syncLocked()
	}
	l.waits.wakeAll()
	return l.err
}

// installFails ends a rewrite whose base file is not listed. If it is unknown whether the manifest
// lists the base file, installFails keeps the file.
func (r *rewrite) installFails(base manifest.File, err error) error {
	l := r.log
	var dirSync *snapshot.DirSyncError
	unknown := errors.As(err, &dirSync)
	err = r.dirSyncFails(err)
	if unknown {
		if r.fresh {
			r.forget()
			_ = r.next.file.Close()
		}
		return err
	}
	if e := l.disk.fs.Remove(filepath.Join(l.disk.dir, base.Name)); e != nil {
		l.env.Logger.Warn("an unlisted base of the log stays", "file", base.Name, "err", e)
	}
	if r.fresh {
		r.forget()
		r.dropNext()
	}
	return err
}

// recordSizes records the sizes of the new log.
func (r *rewrite) recordSizes(base manifest.File, size int64) {
	l := r.log
	l.mu.Lock()
	defer l.mu.Unlock()
	l.out.sizes.closed = size
	l.out.sizes.base = size + l.out.incr.size
	l.waits.wakeAll()
}

// clean is steps 7 and 8. The rewrite has succeeded already.
func (r *rewrite) clean() error {
	l := r.log
	if len(l.disk.manifest.Obsolete) == 0 {
		return nil
	}
	if err := r.checkBase(*l.disk.manifest.Base); err != nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.failLocked("check", filepath.Join(l.disk.dir, l.disk.manifest.Base.Name), err)
	}
	if !removeObsolete(l, l.disk.manifest) {
		return nil
	}
	m := *l.disk.manifest
	m.Obsolete = nil
	err := r.dirSyncFails(l.disk.install(&m))
	if err != nil {
		l.env.Logger.Warn("the manifest still lists deleted files", "dir", l.disk.dir, "err", err)
	}
	return l.Err()
}
