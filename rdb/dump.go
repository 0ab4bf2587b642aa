package rdb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"sync"
	"time"

	"github.com/perduredb/perdure/internal/corrupt"
	"github.com/perduredb/perdure/snapshot"
)

// Dump keeps the snapshots of one store as a Redis dump, one file in the data directory: the
// snapshot.Snapshotter of a store that is given no other. It is safe for concurrent use; a method
// waits for another one to end. A Dump can be opened again, for another directory too.
type Dump struct {
	mu       sync.Mutex // guards what follows
	settings settings
	err      error // of an option, for Open to report
	env      snapshot.Env
}

var _ snapshot.Snapshotter = (*Dump)(nil)

// New returns a Dump with the options Filename, Compression, Checksum, Version and MaxValue. It touches
// no file; what is wrong with an option Open tells.
func New(opts ...Option) *Dump {
	d := &Dump{settings: defaults()}
	d.err = d.settings.set(forNew, opts...)
	return d
}

// Open binds d to the directory of env. The error is ErrOption for an option given to New that is
// not allowed, and for a name that a directory has there; no file is touched.
func (d *Dump) Open(env snapshot.Env) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.env = env
	if d.err != nil {
		return d.err
	}
	return d.settings.nameable(env)
}

// nameable checks that no directory stands where the dump would be saved.
func (s *settings) nameable(env snapshot.Env) error {
	if s.filename == "" {
		return fmt.Errorf("%w: a Dump that was not made by New", ErrOption)
	}
	if env.FS == nil {
		return nil
	}
	if info, err := env.FS.Lstat(filepath.Join(env.Dir, s.filename)); err == nil && info.IsDir() {
		return fmt.Errorf("%w: Filename: %q is a directory there", ErrOption, s.filename)
	}
	return nil
}

// Configure changes options, those that New takes. The next Save and Load follow them; Configure waits for one
// under way. If one of them is not allowed it returns an error matching ErrOption and changes none.
func (d *Dump) Configure(opts ...Option) error {
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

// Stat describes the dump by its head and the file system: Keys is -1, Time the file's own. It is
// fs.ErrNotExist when there is none, and a *CorruptError or *UnsupportedError for a file that does
// not begin as a dump.
func (d *Dump) Stat() (snapshot.Info, error) {
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
	if r.header.Version != "" { // damage of what follows is Load's to report
		err = nil
	}
	info.Version, info.Origin = r.header.Version, r.header.Origin
	return info, d.inFile(errors.Join(err, f.Close()))
}

// Load reads the dump into l; see Decode for what l gets and which errors there are, to which the
// file's path is added. What follows the end of the dump is ignored, as Redis does, and logged.
func (d *Dump) Load(ctx context.Context, l snapshot.Loader) (snapshot.Info, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f, info, err := d.open()
	if err != nil {
		return snapshot.Info{}, err
	}
	counted := &countingLoader{Loader: l}
	r := newReader(f, info.Size, d.settings)
	err = r.load(ctx, counted)
	err = errors.Join(d.inFile(err), f.Close())
	if err != nil {
		return snapshot.Info{}, err
	}
	info.Keys = counted.keys
	info.Version, info.Origin = r.header.Version, r.header.Origin
	if rest := info.Size - r.Offset(); rest > 0 {
		d.env.Logger.Warn("bytes after the end of the dump are ignored", "file", d.path(), "bytes", rest)
	}
	return info, nil
}

// Save writes v as the new dump, mode 0600, and puts it in place of the old one when it is durable:
// see snapshot.Replace for what a crash and an error leave, and Encode for the other errors.
func (d *Dump) Save(ctx context.Context, v snapshot.View) (snapshot.Info, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var info snapshot.Info
	_, err := snapshot.Replace(d.env.FS, d.env.Dir, d.settings.filename, func(w io.Writer) (err error) {
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

// open opens the dump and describes the file.
func (d *Dump) open() (snapshot.File, snapshot.Info, error) {
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

// modTime returns when the file was last changed, or the given time when the system does not say.
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

// countingLoader counts the entries on their way.
type countingLoader struct {
	snapshot.Loader
	keys int64
}

func (l *countingLoader) Load(e snapshot.Entry) error {
	l.keys++
	return l.Loader.Load(e)
}
