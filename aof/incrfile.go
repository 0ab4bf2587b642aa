package aof

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/perduredb/perdure/aof/internal/manifest"
	"github.com/perduredb/perdure/aof/internal/ring"
	"github.com/perduredb/perdure/aof/internal/wire"
	"github.com/perduredb/perdure/internal/vfs"
	"github.com/perduredb/perdure/snapshot"
)

// incrFile is an incremental file: the file that records are appended to.
type incrFile struct {
	// constant
	file vfs.File
	name string
	path string
	seq  int64
	id   wire.Identity // zero if another program began the file
	seed wire.Seed     // changed by open only

	size    int64 // bytes of whole groups; changed under Log.mu with the token writing
	durable int64 // bytes known to be durable; guarded by Log.mu

	// Used by the goroutine that has the token writing.
	declared    int64 // durable offset that the newest marker declares
	padded      int64 // end of the padding after the last group, if there is any
	unpaddable  bool  // a write of padding has failed; no other follows
	skipPadding int   // number of groups that get no padding, if above 0

	closedSize int64 // size that Close recorded, if it did
	listed     int64 // size when the file was created; constant
}

// entry returns the manifest entry of a new incremental file, with its id and its durable bytes.
func (t *incrFile) entry() manifest.File {
	f := manifest.File{Name: t.name, Seq: t.seq, Kind: manifest.KindIncr}
	if t.listed > 0 {
		f = f.With(manifest.IDKey, wire.FormatID(t.id.Salt)).With(manifest.SizeKey, strconv.FormatInt(t.listed, 10))
	}
	return f
}

// closedEntry returns the manifest entry f of an incremental file that is complete and durable. It
// adds the size and the digits of the marker at the end.
func (t *incrFile) closedEntry(f manifest.File) (manifest.File, error) {
	var buf [wire.MaxMarker]byte
	last := buf[:min(int64(len(buf)), t.size)]
	if n, err := t.file.ReadAt(last, t.size-int64(len(last))); n < len(last) {
		return f, err
	}
	f = f.With(manifest.SizeKey, strconv.FormatInt(t.size, 10)).Without(manifest.EndKey)
	if i := bytes.LastIndex(last, []byte(wire.MarkerPrefix)); i >= 0 {
		if m, ok := wire.ParseMarker(last[i:]); ok {
			f = f.With(manifest.EndKey, fmt.Sprintf("%08x", m.CRC))
		}
	}
	return f, nil
}

// createIncrFile durably creates the next incremental file, not yet listed. A crash leaves:
//
//  1. after Create, Write or Sync: an unlisted file, or none.
//  2. after SyncDir: an unlisted file whose first line shows that perdure wrote it.
//
// On an error it removes the file again, and does not reuse the number.
func createIncrFile(disk *layout, checksums bool, id wire.Identity) (t *incrFile, err error) {
	disk.incrSeq++
	t = &incrFile{id: id, seq: disk.incrSeq, name: manifest.IncrName(disk.filename, disk.incrSeq)}
	t.path = filepath.Join(disk.dir, t.name)
	if t.file, err = disk.fs.Create(t.path); err != nil {
		return nil, err
	}
	if checksums {
		err = t.writeOpening()
	}
	if err == nil {
		err = t.file.Sync()
	}
	if err == nil {
		if e := disk.fs.SyncDir(disk.dir); e != nil {
			err = &snapshot.DirSyncError{Dir: disk.dir, Err: e}
		}
	}
	if err != nil {
		return nil, errors.Join(err, t.discard(disk.fs))
	}
	t.durable, t.listed = t.size, t.size
	return t, nil
}

// writeOpening writes the opening line.
func (t *incrFile) writeOpening() error {
	line, salted := wire.AppendOpening(nil, wire.NewSeed(t.seq), t.id)
	t.seed = salted
	_, err := t.write(line)
	return err
}

// openIncrFile opens a replayed file, to continue it.
func openIncrFile(fsys vfs.FS, path string, f *manifest.File) (*incrFile, error) {
	file, err := fsys.OpenWrite(path)
	if err != nil {
		return nil, err
	}
	t := &incrFile{file: file, name: f.Name, path: path, seq: f.Seq}
	if t.size, err = file.Size(); err == nil {
		t.id, t.seed, err = wire.ReadOpening(file, t.seq)
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return t, nil
}

// write appends p and adds it to the size.
func (t *incrFile) write(p []byte) (int, error) {
	n, err := t.file.WriteAt(p, t.size)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	if err == nil {
		t.size += int64(n)
	}
	return n, err
}

// seal appends the commit marker to a group.
func (t *incrFile) seal(g *group, synced int64) {
	synced = t.undeclared(synced)
	t.declared = max(t.declared, synced)
	g.buf = wire.AppendMarker(g.buf, g.sum(t.seed.Group(t.size)), synced, g.note)
}

// undeclared returns the durable offset that the next marker declares, or 0 if an earlier marker
// declared it.
func (t *incrFile) undeclared(synced int64) int64 {
	if synced <= t.declared {
		return 0
	}
	return synced
}

// appendPlan writes the records that are in the tail file and not in this file, as one group. Its
// marker reports that the tail file is no longer in use.
func (t *incrFile) appendPlan(m *ring.Plan, marked bool) error {
	if m.Size == 0 {
		return nil
	}
	g := group{first: -1, last: m.DB, note: &wire.Note{Prefix: wire.RingPrefix}}
	for _, piece := range m.Pieces {
		g.buf = append(g.buf, piece.Data...)
	}
	if marked {
		t.guardPage(&g, 0)
		t.seal(&g, 0)
	}
	_, err := t.write(g.buf)
	return err
}

// endTailFile writes an empty commit marker which reports that no tail file is in use. db is the
// database that is selected there.
func (t *incrFile) endTailFile(db int) error {
	g := group{first: -1, last: db, note: &wire.Note{Prefix: wire.RingPrefix}}
	t.alignMarker(&g, 0, false)
	t.seal(&g, 0)
	_, err := t.write(g.buf)
	return err
}

// discard closes and removes a file that no manifest lists.
func (t *incrFile) discard(fs vfs.FS) error {
	return errors.Join(t.file.Close(), fs.Remove(t.path))
}

// closedIn returns a copy of a manifest that records the end of t, a complete file.
func (t *incrFile) closedIn(m *manifest.Manifest) (*manifest.Manifest, error) {
	next := *m
	next.Incrs = slices.Clone(m.Incrs)
	for i, f := range next.Incrs {
		if f.Name != t.name {
			continue
		}
		closed, err := t.closedEntry(f)
		if err != nil {
			return nil, err
		}
		next.Incrs[i] = closed
	}
	return &next, nil
}
