package campaign

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/perduredb/perdure/snapshot"
)

// moveAway renames the store's directory.
func (p *placed) moveAway() error {
	to := p.own + ".moved"
	err := os.Rename(p.own, to)
	p.own = to
	return err
}

// swap exchanges two names.
func swap(a, b string) error {
	return firstError(os.Rename(a, a+".x"), os.Rename(b, a), os.Rename(a+".x", b))
}

// exchange exchanges the directories of the stores.
func (p *placed) exchange() error {
	err := swap(p.own, p.other)
	p.own, p.other = p.other, p.own
	return err
}

// exchangeLogs exchanges the log directories of the stores, if there are any.
func (p *placed) exchangeLogs() error {
	if p.mode.log == nil {
		return errNotHere
	}
	return swap(filepath.Join(p.own, filepath.Base(logDir)), filepath.Join(p.other, filepath.Base(logDir)))
}

// mount mounts the other store over this store.
func (p *placed) mount() error { return bindMount(p.other, p.own) }

func (p *placed) unmount() error { return unmount(p.own) }

// linkTo replaces a file by a symbolic link to the other store's dump.
func (p *placed) linkTo(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.Symlink(filepath.Join(p.other, "dump.rdb"), path)
}

func (p *placed) linkLock() error { return p.linkTo(filepath.Join(p.own, "perdure.lock")) }

func (p *placed) dropLock() error { return os.Remove(filepath.Join(p.own, "perdure.lock")) }

// linkTemps calls linkTo for every temporary file, which is a file that is being written.
func (p *placed) linkTemps() error {
	return p.each(func(path string) error {
		if !strings.HasPrefix(filepath.Base(path), snapshot.TempPrefix) {
			return nil
		}
		return p.linkTo(path)
	})
}

// unlinkLog deletes the files that the log appends to.
func (p *placed) unlinkLog() error {
	return p.each(func(path string) error {
		if !strings.HasSuffix(path, ".incr.aof") {
			return nil
		}
		return os.Remove(path)
	})
}

// each calls do for each file of the store.
func (p *placed) each(do func(path string) error) error {
	return filepath.WalkDir(p.own, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		return do(path)
	})
}
