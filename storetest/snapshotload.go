package storetest

import (
	"context"
	"errors"
	"fmt"

	"github.com/perduredb/perdure/internal/vfs"
	"github.com/perduredb/perdure/snapshot"
)

func loadReturnsError(t *snapshotTest) error {
	d := t.disk()
	s, err := t.saved(d, newer())
	if err != nil {
		return err
	}
	cause := errors.New("the store refuses the entry")
	for _, failAt := range []int{0, 7} {
		l := &loaded{failAt: failAt, err: cause}
		if _, err := s.Load(context.Background(), l); !errors.Is(err, cause) {
			return fmt.Errorf("Load = %v, want the error of Loader.Load, wrapped or not", err)
		}
	}
	return t.wantContents(d, "after a Load that failed", newer())
}

func loadEndsWithContext(t *snapshotTest) error {
	s, err := t.saved(t.disk(), newer())
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := s.Load(ctx, &loaded{}); !errors.Is(err, context.Canceled) {
		return fmt.Errorf("Load with a canceled context = %v, want context.Canceled", err)
	}
	return nil
}

// loadDamaged damages each file: its first bytes, and its length. Load returns an error then, or
// passes on what it should.
func loadDamaged(t *snapshotTest) error {
	d := t.disk()
	if _, err := t.saved(d, newer()); err != nil {
		return err
	}
	paths, err := d.regular()
	if err != nil {
		return err
	}
	for _, path := range paths {
		for _, share := range []int64{-1, 0, 25, 50, 75, 99} {
			image := d.killed()
			what, err := image.shorten(path, share)
			if err != nil {
				return err
			}
			err = image.unchanged("Load", func() error {
				l := &loaded{}
				s, err := t.open(image)
				if err == nil {
					_, err = s.Load(context.Background(), l)
				}
				switch {
				case err == nil && l.text() != newer().text():
					return fmt.Errorf("%s: Load = nil with %d of %d entries, want an error", what, len(l.entries), len(newer().entries))
				case err != nil && !errors.Is(err, snapshot.ErrCorrupt) && !errors.Is(err, snapshot.ErrUnsupported):
					return fmt.Errorf("%s: Load = %w, want an error matching ErrCorrupt or ErrUnsupported", what, err)
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// shorten truncates a file to a share of its size, in percent, or damages its first bytes.
func (d *disk) shorten(path string, share int64) (what string, err error) {
	if share < 0 {
		return "with the first bytes of " + path + " damaged", d.damage(path)
	}
	return fmt.Sprintf("with %d%% of %s", share, path), d.edit(path, func(f vfs.File) error {
		size, err := f.Size()
		if err != nil {
			return err
		}
		return f.Truncate(size * share / 100)
	})
}

func snapshotOpenAgain(t *snapshotTest) error {
	d := t.disk()
	s, err := t.saved(d, older())
	if err != nil {
		return err
	}
	env, err := d.env()
	if err != nil {
		return err
	}
	if err := s.Open(env); err != nil {
		return fmt.Errorf("a second Open = %w, want nil", err)
	}
	l := &loaded{}
	if _, err := s.Load(context.Background(), l); err != nil {
		return fmt.Errorf("Load after a second Open = %w, want nil", err)
	}
	if l.text() != older().text() {
		return fmt.Errorf("Load after a second Open passed on %w", firstDifference(l.text(), older().text()))
	}
	return nil
}
