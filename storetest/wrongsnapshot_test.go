package storetest_test

import (
	"context"
	"errors"
	"io/fs"
	"iter"
	"path/filepath"

	"github.com/perduredb/perdure/rdb"
	"github.com/perduredb/perdure/snapshot"
)

type emptyIsFine struct{ snapshot.Snapshotter }

func (s emptyIsFine) Load(ctx context.Context, l snapshot.Loader) (snapshot.Info, error) {
	info, err := s.Snapshotter.Load(ctx, l)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return info, err
}

type damagedIsFine struct{ snapshot.Snapshotter }

func (s damagedIsFine) Load(ctx context.Context, l snapshot.Loader) (snapshot.Info, error) {
	info, err := s.Snapshotter.Load(ctx, l)
	if errors.Is(err, snapshot.ErrCorrupt) {
		err = nil
	}
	return info, err
}

// loads passes entries on through a wrong Loader.
type loads struct {
	snapshot.Snapshotter
	wrong func(snapshot.Loader) snapshot.Loader
}

func (s loads) Load(ctx context.Context, l snapshot.Loader) (snapshot.Info, error) {
	return s.Snapshotter.Load(ctx, s.wrong(l))
}

type noExpiry struct{ snapshot.Loader }

func withoutExpiry(l snapshot.Loader) snapshot.Loader { return noExpiry{l} }

func (l noExpiry) Load(e snapshot.Entry) error {
	e.ExpireAtMs = 0
	return l.Loader.Load(e)
}

type noError struct{ snapshot.Loader }

func withoutError(l snapshot.Loader) snapshot.Loader { return noError{l} }

func (l noError) Load(e snapshot.Entry) error { _ = l.Loader.Load(e); return nil }

type savesOnce struct {
	snapshot.Snapshotter
	saved bool
}

func (s *savesOnce) Save(ctx context.Context, v snapshot.View) (snapshot.Info, error) {
	if s.saved {
		return s.Snapshotter.Stat()
	}
	s.saved = true
	return s.Snapshotter.Save(ctx, v)
}

type ignoresViewError struct{ snapshot.Snapshotter }

func (s ignoresViewError) Save(ctx context.Context, v snapshot.View) (snapshot.Info, error) {
	return s.Snapshotter.Save(context.WithoutCancel(ctx), shortView{v})
}

// shortView ends without the error of the view.
type shortView struct{ snapshot.View }

func (v shortView) All(ctx context.Context) iter.Seq2[snapshot.Entry, error] {
	return func(yield func(snapshot.Entry, error) bool) {
		for e, err := range v.View.All(ctx) {
			if err != nil || !yield(e, nil) {
				return
			}
		}
	}
}

type unsyncedDump struct{ snapshot.Snapshotter }

func (s unsyncedDump) Open(env snapshot.Env) error {
	env.FS = noSync{env.FS}
	return s.Snapshotter.Open(env)
}

// removesDump deletes the old dump before it writes the new one.
type removesDump struct {
	snapshot.Snapshotter
	env snapshot.Env
}

func (s *removesDump) Open(env snapshot.Env) error {
	s.env = env
	return s.Snapshotter.Open(env)
}

func (s *removesDump) Save(ctx context.Context, v snapshot.View) (snapshot.Info, error) {
	if err := s.env.FS.Remove(filepath.Join(s.env.Dir, rdb.DefaultFilename)); err == nil {
		if err := s.env.FS.SyncDir(s.env.Dir); err != nil {
			return snapshot.Info{}, err
		}
	}
	return s.Snapshotter.Save(ctx, v)
}
