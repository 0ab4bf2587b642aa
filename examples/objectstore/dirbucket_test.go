package objectstore_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// dirBucket is a Bucket in a directory, for tests.
type dirBucket struct{ dir string }

func (b dirBucket) path(name string) string { return filepath.Join(b.dir, filepath.FromSlash(name)) }

func (b dirBucket) Put(ctx context.Context, name string, r io.Reader) error {
	path := b.path(name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(b.dir, "put-*")
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	err = errors.Join(err, ctx.Err(), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

func (b dirBucket) Get(_ context.Context, name string) (io.ReadCloser, error) {
	return os.Open(b.path(name))
}

func (b dirBucket) List(_ context.Context, prefix string) (names []string, err error) {
	err = filepath.WalkDir(b.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(b.dir, path)
		if name = filepath.ToSlash(name); strings.HasPrefix(name, prefix) {
			names = append(names, name)
		}
		return err
	})
	return names, err
}

func (b dirBucket) Delete(_ context.Context, name string) error { return os.Remove(b.path(name)) }
