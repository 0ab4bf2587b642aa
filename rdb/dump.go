package rdb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"sync"
	"time"

	"github.com/perduredb/perdure/internal/corrupt"
	"github.com/perduredb/perdure/internal/dirfs"
	"github.com/perduredb/perdure/internal/errtext"
	"github.com/perduredb/perdure/internal/vfs"
	"github.com/perduredb/perdure/snapshot"
)

// A Dump stores the snapshots of one store as a Redis dump, one file in the data directory. It is
// the default [snapshot.Snapshotter] of a store. It is safe for concurrent use: a method waits
// until another one has returned. A Dump can be opened again, also for another directory.
type Dump struct {
	mu       sync.Mutex // guards the fields below
	settings settings
	err      error // error of an option, returned by Open
	env      snapshot.Env
}

var _ snapshot.Snapshotter = (*Dump)(nil)

// New returns a Dump with the options [Filename], [Compression], [Checksum], [Version], [MaxValue],
// and [Validate]. It touches no file. [Dump.Open] reports an invalid option.
func New(opts ...Option) *Dump {
	d := &Dump{settings: defaults()}
	d.err = d.settings.set(forNew, opts...)
	return d
}

// Open binds d to the directory of env. It returns an error matching [ErrOption] if an option given
// to [New] is not allowed, or if the filename is that of a directory. It touches no file.
func (d *Dump) Open(env snapshot.Env) (err error) {
	defer errtext.Name(&err)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.env = env; env.FS == nil {
		d.env.FS = dirfs.New(vfs.OS())
	}
	if d.err != nil {
		return d.err
	}
	return d.settings.nameable(d.env)
}

// nameable checks that the dump's path is not a directory.
func (s *settings) nameable(env snapshot.Env) error {
	if s.filename == "" {
		return fmt.Errorf("%w: Dump was not created by New", ErrOption)
	}
	if env.FS == nil {
		return nil
	}
	if info, err := env.FS.Lstat(filepath.Join(env.Dir, s.filename)); err == nil && info.IsDir() {
		return fmt.Errorf("%w: Filename: %q is a directory", ErrOption, s.filename)
	}
	return nil
}

// Configure changes the options that [New] accepts. It applies to the next Save and Load and waits
// for a running one. If an option is not allowed, Configure returns an error matching [ErrOption]
// and changes nothing.
func (d *Dump) Configure(opts ...Option) (err error) {
	defer errtext.Name(&err)
	d.mu.Lock()
	defer d.mu.Unlock()
	changed := d.settings
	if err := changed.set(forNew, opts...); err != nil {
		return err
	}
	if err := changed.nameable(d.env); err != nil {
		return err
	}
	d.settings = changed
	return nil
}

// Stat describes the dump from its header and the file system: Keys is -1, and Time is the
// modification time of the file. It returns an error matching fs.ErrNotExist if the dump does not
// exist. It returns a [*CorruptError] or an [*UnsupportedError] if the file does not begin as a
// dump.
func (d *Dump) Stat() (info snapshot.Info, err error) {
	defer errtext.Name(&err)
	d.mu.Lock()
	defer d.mu.Unlock()
	f, info, err := d.open()
	if err != nil {
		return snapshot.Info{}, err
	}
	r := newReader(f, info.Size, d.settings)
	for rec, ok := Record(nil), true; ok && err == nil; _, ok = rec.(*Aux) {
		rec, err = r.record()
	}
	if r.header.Version != "" { // Load reports damage in the rest
		err = nil
	}
	info.Version, info.Origin = r.header.Version, r.header.Origin
	return info, d.inFile(errors.Join(err, f.Close()))
}

// Load reads the dump into l. See [Decode] for the entries that l receives and for the errors, to
// which Load adds the file's path. Load ignores bytes after the end of the dump, as Redis does, and
// logs a warning.
func (d *Dump) Load(ctx context.Context, l snapshot.Loader) (info snapshot.Info, err error) {
	defer errtext.Name(&err)
	d.mu.Lock()
	defer d.mu.Unlock()
	f, info, err := d.open()
	if err != nil {
		return snapshot.Info{}, err
	}
	r := newReader(f, info.Size, d.settings)
	err = r.load(ctx, l)
	err = errors.Join(d.inFile(err), f.Close())
	if err != nil {
		return snapshot.Info{}, err
	}
	info.Keys = r.keys
	info.Version, info.Origin = r.header.Version, r.header.Origin
	if rest := info.Size - r.Offset(); rest > 0 {
		d.env.Logger.Warn("ignored bytes after the end of the dump", "file", d.path(), "bytes", rest)
	}
	return info, nil
}

// Save writes v as the new dump with mode 0600, and replaces the old dump once the new one is
// durable. See [snapshot.Replace] for the state after a crash or an error, and [Encode] for the
// other errors.
func (d *Dump) Save(ctx context.Context, v snapshot.View) (info snapshot.Info, err error) {
	defer errtext.Name(&err)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.env.FS == nil {
		return snapshot.Info{}, errNotOpen
	}
	_, err = snapshot.Replace(d.env.FS, d.env.Dir, d.settings.filename, func(w io.Writer) (err error) {
		info, err = encode(ctx, w, v, d.settings)
		return err
	})
	if err != nil {
		return snapshot.Info{}, err
	}
	info.Name = d.settings.filename
	info.Time, info.Origin = d.modTime(info.Time), v.Origin()
	return info, nil
}

// errNotOpen is the error of a Dump before Open.
var errNotOpen = fmt.Errorf("perdure: rdb.Dump: %w", fs.ErrClosed)

// open opens the dump and describes the file.
func (d *Dump) open() (snapshot.File, snapshot.Info, error) {
	if d.env.FS == nil {
		return nil, snapshot.Info{}, errNotOpen
	}
	f, err := d.env.FS.Open(d.path())
	if err != nil {
		return nil, snapshot.Info{}, err
	}
	size, err := f.Size()
	if err != nil {
		return nil, snapshot.Info{}, errors.Join(err, f.Close())
	}
	info := snapshot.Info{Name: d.settings.filename, Size: size, Keys: -1, Time: d.modTime(time.Time{})}
	return f, info, nil
}

// modTime returns the modification time of the file, or otherwise if the file system does not
// report it.
func (d *Dump) modTime(otherwise time.Time) time.Time {
	if info, err := d.env.FS.Lstat(d.path()); err == nil {
		return info.ModTime()
	}
	return otherwise
}

func (d *Dump) path() string { return filepath.Join(d.env.Dir, d.settings.filename) }

// inFile adds the path to an error of the codec.
func (d *Dump) inFile(err error) error { return inFile(err, d.path()) }

func inFile(err error, path string) error { return corrupt.InFile(err, path) }
