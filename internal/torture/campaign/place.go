package campaign

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/internal/storefs"
	"github.com/perduredb/perdure/internal/vfs"
	"github.com/perduredb/perdure/snapshot"
)

// place is campaign p. Between any two operations of an open store, another program changes the
// names around the store. A second store, which is closed, must stay unchanged byte for byte. Every
// acknowledged write must be in the store's own directory, wherever that directory is now, or a
// call must have failed.
func place(r *Run) {
	if runtime.GOOS == "windows" {
		r.Skip("Windows does not rename an open directory")
		return
	}
	stride, n := r.by(7, 1), int(r.Seed)
	for _, name := range []string{"always", "ring", "snapshots"} {
		two, err := newNeighbors(name)
		if err != nil {
			r.fail(name, err)
			return
		}
		for _, phase := range placePhases {
			ops, err := (&placed{neighbors: two, phase: phase}).run(-1)
			if err != nil {
				r.fail(name+"/"+phase, err)
				return
			}
			for _, act := range placeActions {
				for at := range ops {
					if n++; n%stride != 0 && (at > 0 || act.name != "link lock") {
						continue
					}
					step := fmt.Sprintf("%s/%s/%s/%d", name, phase, act.name, at)
					r.Step(step, func() error { return placeStep(r, two, phase, act, at) })
				}
			}
		}
	}
}

func placeStep(r *Run, two *neighbors, phase string, act placeAction, at int) error {
	_, err := (&placed{neighbors: two, phase: phase, act: act}).run(at)
	if errors.Is(err, errNotHere) {
		return nil
	}
	r.Count("changes of names", 1)
	return err
}

// neighbors contains the files of two stores of one mode. Every run of the mode begins with them.
type neighbors struct {
	mode                 mode
	ownFiles, otherFiles map[string]string
}

// newNeighbors makes two stores. In each of them, large collections have trees.
func newNeighbors(mode string) (*neighbors, error) {
	two := &neighbors{mode: modeOf(mode)}
	two.mode.trees = true
	var ownErr, otherErr error
	two.ownFiles, ownErr = placedStore(two.mode, "own")
	two.otherFiles, otherErr = placedStore(two.mode, "other")
	return two, firstError(ownErr, otherErr)
}

// errNotHere ends a step whose change the operating system does not permit.
var errNotHere = errors.New("not permitted on this system")

var placePhases = []string{"open", "save", "rewrite", "close"}

// placeAction is a change of names.
type placeAction struct {
	name string
	do   func(p *placed) error
	undo func(p *placed) error // runs before the files are checked; nil does nothing
	// robs reports whether the store loses its own files. Their contents may then be missing.
	robs bool
	// logs reports whether the directory of the log is exchanged.
	logs bool
}

var placeActions = []placeAction{
	{name: "chdir", do: func(p *placed) error { return os.Chdir(filepath.Join(p.home, "b")) }},
	{name: "rename", do: (*placed).moveAway},
	{name: "exchange", do: (*placed).exchange},
	{name: "exchange logs", do: (*placed).exchangeLogs, undo: (*placed).exchangeLogs, logs: true},
	{name: "mount", do: (*placed).mount, undo: (*placed).unmount},
	{name: "link lock", do: (*placed).linkLock, undo: (*placed).dropLock},
	{name: "link temps", do: (*placed).linkTemps, robs: true},
	{name: "unlink log", do: (*placed).unlinkLog, robs: true},
}

// placed is one run of a store, a/data, next to another store, b/data.
type placed struct {
	*neighbors
	phase string
	act   placeAction

	home       string
	own, other string // where the directories are now
	at         int    // the index of the operation of the phase that the action precedes
	armed      bool
	rooted     bool
	logRead    bool
	count      int
	done       bool
	actErr     error

	store    *perdure.Store
	keys     int
	promised map[string]bool
	acked    map[string]bool
	failed   error // the newest error of a call
}

// hook runs before every operation. A change before Open has the directory only determines which
// directory Open opens.
func (p *placed) hook(o vfs.Op) error {
	if o.Kind == "openroot" {
		p.rooted = true
		return nil
	}
	// Likewise, a change before Open has the log's directory only determines which log it opens.
	if o.Kind == "readdir" && filepath.Base(o.Name) == filepath.Base(logDir) && !p.logRead {
		p.logRead = true
		return nil
	}
	if p.armed && p.rooted && (p.logRead || !p.act.logs) {
		if p.count == p.at {
			p.change()
		}
		p.count++
	}
	return nil
}

func (p *placed) change() {
	if p.done || p.act.do == nil {
		return
	}
	p.done = true
	if p.act.robs {
		clear(p.promised)
		clear(p.acked)
	}
	p.actErr = p.act.do(p)
}

// run does everything once, and returns the number of operations in the phase.
func (p *placed) run(at int) (ops int, err error) {
	back, err := os.Getwd()
	if err != nil {
		return 0, err
	}
	if p.home, err = os.MkdirTemp(fastDir(), "torture"); err != nil {
		return 0, err
	}
	defer os.RemoveAll(p.home)
	defer func() { err = errors.Join(err, os.Chdir(back)) }()
	p.at, p.promised, p.acked = at, map[string]bool{}, map[string]bool{}
	p.own, p.other = filepath.Join(p.home, "a", "data"), filepath.Join(p.home, "b", "data")
	before, err := p.prepare()
	if err != nil {
		return 0, err
	}
	p.play()
	ops = p.count
	if p.act.undo != nil && p.done && p.actErr == nil {
		p.actErr = p.act.undo(p)
	}
	if p.actErr != nil {
		return ops, p.actErr
	}
	after, err := listing(p.other)
	if err == nil && after != before {
		err = fmt.Errorf("other store changed, want no change (reported error: %v)", p.failed)
	}
	return ops, firstError(err, p.look())
}

// fastDir returns a file system without a disk if there is one. This campaign tests no power loss.
func fastDir() string {
	if info, err := os.Stat("/dev/shm"); err == nil && info.IsDir() {
		return "/dev/shm"
	}
	return ""
}

// prepare makes both stores, and changes to the directory where the first has a relative name.
func (p *placed) prepare() (before string, err error) {
	if err := firstError(write(p.own, p.ownFiles), write(p.other, p.otherFiles)); err != nil {
		return "", err
	}
	p.promised[firstKey] = true
	before, err = listing(p.other)
	return before, errors.Join(err, os.Chdir(filepath.Dir(p.own)))
}

// placedStore returns the files of a store with a dump. The first key, and the elements of its
// collections, name the owner.
func placedStore(m mode, owner string) (map[string]string, error) {
	mem := vfs.NewMem(dataDir)
	s, err := m.open(mem)
	if err != nil {
		return nil, err
	}
	err = setWithElements(s, owner, firstKey)
	_, saveErr := s.Save(context.Background())
	if err := firstError(err, saveErr, s.Close()); err != nil {
		return nil, err
	}
	made, err := files(mem)
	made["perdure.lock"] = ""
	return made, err
}

// listing describes the files below a directory. It omits the times of directories, because the
// campaign itself renames files in them, and on Windows the contents of lock files, because nothing
// can read them while they are locked.
func listing(dir string) (string, error) {
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		fmt.Fprintln(&b, path[len(dir):], info.Mode())
		if info.Mode().IsRegular() && (runtime.GOOS != "windows" || filepath.Ext(path) != ".lock") {
			data, err := os.ReadFile(path)
			fmt.Fprintf(&b, "%v %q\n", info.ModTime().UnixNano(), data)
			return err
		}
		return nil
	})
	return b.String(), err
}

func (p *placed) options(fsys vfs.FS) []perdure.Option {
	opts := p.mode.options(perdure.WithSaveRules(snapshot.Rule{Seconds: 3600, Changes: 1000}))
	if fsys != nil {
		opts = append(opts, storefs.Option(fsys))
	}
	return opts
}

// play opens the store, writes, saves, rewrites, and closes it. The action happens in its phase.
func (p *placed) play() {
	in := func(phase string, do func() error) {
		p.armed = p.phase == phase
		err := do()
		if p.armed {
			p.change() // there were fewer operations than the first time
		}
		p.armed = false
		if err != nil {
			p.failed = err
		}
	}
	in("open", func() (err error) {
		p.store, err = perdure.Open("data", p.options(vfs.NewFault(vfs.OS(), p.hook))...)
		return err
	})
	if p.store == nil {
		return
	}
	p.set()
	in("save", func() error {
		_, err := p.store.Save(context.Background())
		return err
	})
	p.set()
	if p.mode.log != nil {
		in("rewrite", func() error { return p.store.Rewrite(context.Background()) })
		p.set()
	}
	in("close", func() error {
		err := p.store.Close()
		if err == nil {
			for key := range p.acked {
				p.promised[key] = true
			}
		}
		return err
	})
}

// set writes a key with elements, and records the resulting promise.
func (p *placed) set() {
	key := fmt.Sprint("k", p.keys)
	p.keys++
	if err := setWithElements(p.store, "own", key); err != nil {
		p.failed = err
		return
	}
	p.acked[key] = true
	if p.mode.always {
		p.promised[key] = true
	}
}

// look opens the store's own directory and looks for the promised keys.
func (p *placed) look() error {
	s, err := perdure.Open(p.own, p.options(nil)...)
	if err != nil {
		// The promises were made after the files were removed, so no later failure excuses their
		// loss.
		if p.act.robs && len(p.promised) == 0 {
			return nil
		}
		return fmt.Errorf("perdure.Open = %w, want nil (reported error: %v)", err, p.failed)
	}
	defer s.CloseNoSave()
	for key := range p.promised {
		if _, err := s.Get(key); err != nil {
			return fmt.Errorf("Get(%s) = %w, want the acknowledged value (reported error: %v)",
				key, err, p.failed)
		}
	}
	return p.checkElements(s)
}
