//lint:file-ignore ST1005 The messages begin with the name of the method that broke its duty.

package storetest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/perduredb/perdure/internal/vfs"
	"github.com/perduredb/perdure/snapshot"
)

// Snapshotter tests a keeper of snapshots. The function newSnapshotter returns one that is not
// open. Those for one place are over one set of data, opened one after the other; a Snapshotter
// that keeps its data in Env.FS can ignore place, since every place has a separate file system.
func Snapshotter(tb testing.TB, newSnapshotter func(place string) snapshot.Snapshotter) {
	tb.Helper()
	run(tb, snapshotDuties, func(name string) *snapshotTest {
		return &snapshotTest{make: newSnapshotter, place: strings.ReplaceAll(name, " ", "-")}
	})
}

var snapshotDuties = []duty[*snapshotTest]{
	{"Open changes nothing", snapshotOpenChangesNothing},
	{"Stat and Load without a snapshot return fs.ErrNotExist", snapshotMissing},
	{"Load returns what Save was given", loadReturnsSaved},
	{"Stat describes the newest snapshot", statDescribes},
	{"Save replaces the snapshot before", saveReplaces},
	{"Save that fails leaves the snapshot before", saveFails},
	{"Save is durable when it returns", saveIsDurable},
	{"Save leaves the old or the new snapshot after a crash at any step", saveSurvivesCrash},
	{"Save leaves the old or the new snapshot when an operation fails", saveSurvivesFaults},
	{"Load returns the error of its Loader", loadReturnsError},
	{"Load ends with its context", loadEndsWithContext},
	{"Load of a damaged snapshot is an error", loadDamaged},
	{"Open can be called again", snapshotOpenAgain},
}

// snapshotTest makes the Snapshotters of one check.
type snapshotTest struct {
	make  func(place string) snapshot.Snapshotter
	place string
	disks int
}

func (t *snapshotTest) disk() *disk {
	t.disks++
	return newDisk(fmt.Sprintf("%s-%d", t.place, t.disks))
}

func (t *snapshotTest) open(d *disk) (snapshot.Snapshotter, error) {
	env, err := d.env()
	if err != nil {
		return nil, err
	}
	s := t.make(d.place)
	if err := s.Open(env); err != nil {
		return nil, fmt.Errorf("Open = %w, want nil", err)
	}
	return s, nil
}

// older and newer are the data sets of most checks.
func older() *dataSet {
	return &dataSet{entries: entries(40, "old value "), origin: "store-a", failAt: -1}
}

func newer() *dataSet {
	return &dataSet{
		entries: entries(90, "a newer value "), origin: "store-b", failAt: -1,
		extras: []snapshot.Extra{{Opcode: 245, Payload: []byte("\x05hello")}}, // a function library
	}
}

// saved returns a Snapshotter that has saved v.
func (t *snapshotTest) saved(d *disk, v *dataSet) (snapshot.Snapshotter, error) {
	s, err := t.open(d)
	if err != nil {
		return nil, err
	}
	if _, err := s.Save(context.Background(), v); err != nil {
		return nil, fmt.Errorf("Save = %w, want nil", err)
	}
	return s, nil
}

// load returns the data that a new Snapshotter loads, as text.
func (t *snapshotTest) load(d *disk) (string, error) {
	s, err := t.open(d)
	if err != nil {
		return "", err
	}
	l := &loaded{}
	if _, err := s.Load(context.Background(), l); err != nil {
		return "", fmt.Errorf("Load = %w, want nil", err)
	}
	return l.text(), nil
}

// wantContents loads the snapshot on d and compares it with each of some data sets.
func (t *snapshotTest) wantContents(d *disk, when string, oneOf ...*dataSet) error {
	text, err := t.load(d)
	if err != nil {
		return fmt.Errorf("%s: %w", when, err)
	}
	for _, v := range oneOf {
		if text == v.text() {
			return nil
		}
	}
	return fmt.Errorf("%s: Load passed on %w", when, firstDifference(text, oneOf[0].text()))
}

func firstDifference(got, want string) error {
	return same(strings.Split(got, "\n"), strings.Split(want, "\n"))
}

func snapshotOpenChangesNothing(t *snapshotTest) error {
	d := t.disk()
	if err := d.unchanged("Open", func() error { _, err := t.open(d); return err }); err != nil {
		return err
	}
	if _, err := t.saved(d, older()); err != nil {
		return err
	}
	return d.unchanged("Open, Stat and Load", func() error {
		s, err := t.open(d)
		if err != nil {
			return err
		}
		_, statErr := s.Stat()
		_, loadErr := s.Load(context.Background(), &loaded{})
		return errors.Join(statErr, loadErr)
	})
}

func snapshotMissing(t *snapshotTest) error {
	s, err := t.open(t.disk())
	if err != nil {
		return err
	}
	if _, err := s.Stat(); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("Stat = %v, want an error matching fs.ErrNotExist", err)
	}
	l := &loaded{}
	if _, err := s.Load(context.Background(), l); !errors.Is(err, fs.ErrNotExist) || l.calls > 0 {
		return fmt.Errorf("Load = %v with %d entries, want an error matching fs.ErrNotExist", err, l.calls)
	}
	return nil
}

func loadReturnsSaved(t *snapshotTest) error {
	for _, v := range []*dataSet{{failAt: -1}, older(), newer()} {
		d := t.disk()
		s, err := t.saved(d, v)
		if err != nil {
			return err
		}
		l := &loaded{}
		info, err := s.Load(context.Background(), l)
		if err != nil {
			return fmt.Errorf("Load after Save = %w, want nil", err)
		}
		if l.text() != v.text() {
			return fmt.Errorf("Load after Save passed on %w", firstDifference(l.text(), v.text()))
		}
		if info.Keys != -1 && info.Keys != int64(len(v.entries)) {
			return fmt.Errorf("Load = Info with Keys %d, want %d or -1", info.Keys, len(v.entries))
		}
		if err := t.wantContents(d, "after Save, by another Snapshotter", v); err != nil {
			return err
		}
	}
	return nil
}

func statDescribes(t *snapshotTest) error {
	d := t.disk()
	s, err := t.saved(d, older())
	if err != nil {
		return err
	}
	if _, err := s.Save(context.Background(), newer()); err != nil {
		return err
	}
	info, err := s.Stat()
	if err != nil {
		return fmt.Errorf("Stat = %w, want nil", err)
	}
	switch {
	case info.Name == "":
		return errors.New(`Stat = Info with Name "", want a name`)
	case info.Size != -1 && info.Size <= 0:
		return fmt.Errorf("Stat = Info with Size %d, want the size of the snapshot or -1", info.Size)
	case info.Keys != -1 && info.Keys != int64(len(newer().entries)):
		return fmt.Errorf("Stat = Info with Keys %d, want %d or -1", info.Keys, len(newer().entries))
	case info.Origin != "" && info.Origin != newer().origin:
		return fmt.Errorf("Stat = Info with Origin %q, want %q or none", info.Origin, newer().origin)
	}
	return nil
}

func saveReplaces(t *snapshotTest) error {
	d := t.disk()
	s, err := t.saved(d, newer())
	if err != nil {
		return err
	}
	if _, err := s.Save(context.Background(), older()); err != nil {
		return fmt.Errorf("a second Save = %w, want nil", err)
	}
	return t.wantContents(d, "after a second Save", older())
}

func saveFails(t *snapshotTest) error {
	cause := errors.New("the store cannot read its entries")
	for _, failAt := range []int{0, 1, 50} {
		for _, canceled := range []bool{false, true} {
			d := t.disk()
			s, err := t.saved(d, older())
			if err != nil {
				return err
			}
			ctx, cancel := context.WithCancel(context.Background())
			v, want := newer(), cause
			if v.failAt = failAt; canceled {
				v.cancel, want = cancel, context.Canceled
			} else {
				v.err = cause
			}
			_, err = s.Save(ctx, v)
			cancel()
			if !errors.Is(err, want) {
				return fmt.Errorf("Save of a view that ends with an error = %v, want %v", err, want)
			}
			if err := t.wantContents(d, "after a Save that failed", older()); err != nil {
				return err
			}
			if _, err := s.Save(context.Background(), newer()); err != nil {
				return fmt.Errorf("Save after one that failed = %w, want nil", err)
			}
			if err := t.wantContents(d, "after a second Save", newer()); err != nil {
				return err
			}
		}
	}
	return nil
}

func saveIsDurable(t *snapshotTest) error {
	d := t.disk()
	s, err := t.saved(d, older())
	if err != nil {
		return err
	}
	if err := t.wantContents(d.powerless(), "after Save and a power failure", older()); err != nil {
		return err
	}
	if _, err := s.Save(context.Background(), newer()); err != nil {
		return err
	}
	return t.wantContents(d.powerless(), "after a second Save and a power failure", newer())
}

func saveSurvivesCrash(t *snapshotTest) error {
	d := t.disk()
	var failed error
	steps, armed := 0, false
	d.fault(func(op vfs.Op) error {
		if !armed || !op.Changes() || failed != nil {
			return nil
		}
		steps++
		when := fmt.Sprintf("after a crash at step %d of Save", steps)
		for _, image := range []*disk{d.powerless(), d.torn(uint64(steps)), d.killed()} {
			if failed = t.wantContents(image, when, older(), newer()); failed != nil {
				return nil
			}
		}
		return nil
	})
	s, err := t.saved(d, older())
	if err != nil {
		return err
	}
	armed = true
	_, err = s.Save(context.Background(), newer())
	return errors.Join(failed, err)
}

func saveSurvivesFaults(t *snapshotTest) error {
	for n := 0; ; n++ {
		d := t.disk()
		armed, count, met := false, 0, false
		d.fault(func(op vfs.Op) error {
			if !armed || !op.Changes() {
				return nil
			}
			if count++; count-1 != n {
				return nil
			}
			met = true
			return errBrokenDisk
		})
		s, err := t.saved(d, older())
		if err != nil {
			return err
		}
		armed = true
		_, err = s.Save(context.Background(), newer())
		armed = false
		if !met {
			return err
		}
		when := fmt.Sprintf("after operation %d of Save failed", n)
		if err == nil { // it was not needed
			err = t.wantContents(d.powerless(), when+" and Save returned nil", newer())
		} else {
			err = t.wantContents(d.killed(), when, older(), newer())
		}
		if err != nil {
			return err
		}
		if _, err := s.Save(context.Background(), newer()); err != nil {
			return fmt.Errorf("%s a second Save = %w, want nil", when, err)
		}
		if err := t.wantContents(d.powerless(), when+" and a second Save", newer()); err != nil {
			return err
		}
	}
}
