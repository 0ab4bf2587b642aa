package campaign

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/internal/vfs"
)

// way is one way for an operation to fail.
type way struct {
	name string
	err  func(op vfs.Op) error
	// silent reports whether the operating system does not report this failure to the program.
	silent bool
}

func errno(e syscall.Errno) way {
	return way{name: e.Error(), err: func(vfs.Op) error { return e }}
}

func short(name string, e error, n func(size int) int) way {
	return way{name: "short " + name, err: func(o vfs.Op) error { return &vfs.ShortWrite{N: n(o.Size), Err: e} }}
}

var lateError = way{name: "done, and an error", err: func(vfs.Op) error { return &vfs.Done{Err: syscall.EIO} }}

// ways lists the ways to fail for each kind of operation.
var ways = map[string][]way{
	"write": {
		errno(syscall.EIO), errno(syscall.ENOSPC), errno(syscall.EDQUOT), errno(syscall.EINTR), lateError,
		short("0", syscall.ENOSPC, func(int) int { return 0 }),
		short("1", syscall.ENOSPC, func(int) int { return 1 }),
		short("half", syscall.EIO, func(n int) int { return n / 2 }),
		short("most", syscall.ENOSPC, func(n int) int { return n - 1 }),
		short("untold", nil, func(n int) int { return n - 1 }),
	},
	"sync":      {errno(syscall.EIO), lateError},
	"datasync":  {errno(syscall.EIO), lateError},
	"syncdir":   {errno(syscall.EIO), lateError},
	"rename":    {errno(syscall.EIO), errno(syscall.EACCES), lateError},
	"create":    {errno(syscall.EMFILE), errno(syscall.EACCES), errno(syscall.ENOSPC), lateError},
	"mkdir":     {errno(syscall.ENOSPC), errno(syscall.EACCES), lateError},
	"truncate":  {errno(syscall.EIO)},
	"remove":    {errno(syscall.EIO), errno(syscall.EACCES), lateError},
	"close":     {errno(syscall.EIO)},
	"open":      {errno(syscall.EMFILE), errno(syscall.EACCES)},
	"openwrite": {errno(syscall.EMFILE), errno(syscall.EACCES)},
	"lock":      {errno(syscall.EACCES)},
	"readdir":   {errno(syscall.EIO)},
	"lstat":     {errno(syscall.EIO)},
	"put":       {errno(syscall.EIO)},
	"store":     {errno(syscall.EIO)},
	"share":     {errno(syscall.ENOMEM), lateError},
	"boot":      {errno(syscall.EACCES)},
	"unshare":   {errno(syscall.EIO)},
	"read":      readWays,
	"readat":    readWays,
}

var readWays = []way{
	errno(syscall.EIO),
	{name: "half and an error", err: func(o vfs.Op) error { return &vfs.ShortRead{N: o.Size / 2, Err: syscall.EIO} }},
}

// fault is campaign b. It plays a script once for every operation on the disk and every way in
// which the operation fails, once or permanently. Every promised write must survive, the store must
// report the failure, nothing may hang, and a disk that works again must bring the store back. For
// 1/4 of the schedules of the first script, which is long, fault checks all crash images. For the
// other schedules, and for the short scripts, it checks one image.
func fault(r *Run) {
	for i := range r.by(1, 3) {
		sc := frozenScript(r.Seed, "fault", fmt.Sprint(i), func() script {
			if i == 0 {
				return randomScript(r.Seed, 36)
			}
			return randomScript(r.Seed<<8+uint64(i), 12)
		})
		for _, m := range modes {
			if !m.plain && !faults(r, m, sc, i) {
				return
			}
		}
	}
	r.Wait()
}

// faults tries every fault in script i.
func faults(r *Run, m mode, sc script, i int) bool {
	ops, err := operations(m, sc)
	if err != nil {
		r.fail(m.name, err)
		return false
	}
	stride := r.by(23, 1)
	n := 0
	for _, o := range ops {
		for _, w := range ways[o.Kind] {
			for _, sticky := range []bool{false, true} {
				if n++; n%stride == 0 || i == 0 && o.Kind == "close" && strings.Contains(o.Name, "temp-") {
					f := &faulty{mode: m, at: o, way: w, sticky: sticky, check: n%500 == 0}
					if i > 0 || r.size == Full && n%4 > 0 {
						f.only = 1 + n/stride%6
					}
					r.Go(fmt.Sprintf("%d/%s", i, f.name()), func() error { return f.run(r, sc) })
				}
			}
		}
	}
	return true
}

// operations returns the operations of a script on a disk without faults.
func operations(m mode, sc script) (ops []vfs.Op, err error) {
	mem := vfs.NewMem()
	l := newLife(m, vfs.NewFault(mem, func(o vfs.Op) error {
		ops = append(ops, o)
		return nil
	}), []state{{}}, 0)
	if err := l.open(); err != nil {
		return nil, err
	}
	return ops, firstError(l.playAll(sc), l.store.Close())
}

// faulty is one run with a fault.
type faulty struct {
	mode
	at     vfs.Op
	way    way
	sticky bool

	mem      *vfs.Mem
	life     *life
	check    bool // run Redis's checkers on the files
	only     int  // the one image to check, of the images of both crashes; 0 is all images
	healed   bool
	met      *vfs.Op // the first operation that failed
	firstErr error   // the first error that a call returned
}

func (f *faulty) name() string {
	sticky := pick(f.sticky, "for ever", "once")
	return fmt.Sprintf("%s/%d %s/%s/%s", f.mode.name, f.at.N, f.at.Kind, f.way.name, sticky)
}

// fail decides whether an operation fails, and how.
func (f *faulty) fail(o vfs.Op) error {
	if f.healed || o.N < f.at.N || o.N > f.at.N && !f.sticky {
		return nil
	}
	// A permanent fault applies to this kind of operation, and to kinds that fail for the same
	// reason.
	if o.N > f.at.N && o.Kind != f.at.Kind && (f.met == nil || !o.Changes() || !f.at.Changes()) {
		return nil
	}
	err := f.way.err(o)
	if o.Kind != "write" && o.Kind != "read" && o.Kind != "readat" {
		var partial *vfs.ShortWrite
		if errors.As(err, &partial) {
			err = syscall.ENOSPC
		}
	}
	if f.met == nil {
		f.met = &o
	}
	var done *vfs.Done
	if strings.HasSuffix(o.Kind, "sync") && !errors.As(err, &done) {
		f.life.dropped.Store(true)
	}
	return err
}

func (f *faulty) note(err error) {
	if f.firstErr == nil {
		f.firstErr = err
	}
}

func (f *faulty) run(r *Run, sc script) error {
	r.Count("schedules", 1)
	f.mem = vfs.NewMem()
	f.life = newLife(f.mode, vfs.NewFault(f.mem, f.fail), []state{{}}, 0)
	err := f.play(sc)
	if f.life.store != nil {
		f.note(f.life.store.Err())
	}
	if err == nil {
		err = f.crash(r, "with the disk still failing")
	}
	f.healed = true
	if err == nil && f.life.store != nil {
		err = f.heal()
	}
	if f.life.store != nil {
		err = firstError(err, f.life.store.Close())
	}
	if err == nil {
		err = f.crash(r, "with the disk working again")
	}
	if v := f.mem.Violations(); err == nil && len(v) > 0 {
		err = fmt.Errorf("violations %v, want none", v)
	}
	if err == nil {
		err = f.reported()
	}
	if err != nil {
		return fmt.Errorf("%w (first fault: %v; first reported error: %v)", err, f.met, f.firstErr)
	}
	return nil
}

// play plays the script in spite of errors. At its end, the store is open or nil.
func (f *faulty) play(sc script) error {
	l := f.life
	if err := l.open(); err != nil {
		f.note(err)
		l.store = nil
		return nil
	}
	for i, o := range sc {
		if o.kind == opReopen {
			if err := f.reopen(); err != nil || l.store == nil {
				return err
			}
			continue
		}
		refused := l.store.Err()
		err := l.play(o)
		f.note(err)
		f.look()
		if err := l.resolve(); err != nil {
			return fmt.Errorf("op %d, %v: %w", i, o, err)
		}
		if refused != nil && err == nil && o.writes() && f.log != nil {
			return fmt.Errorf("op %d, %v = nil, want an error after %w", i, o, refused)
		}
		if err != nil && o.writes() && !errors.Is(err, perdure.ErrLogFailed) {
			return fmt.Errorf("op %d, %v: want an error matching ErrLogFailed, got %w", i, o, err)
		}
	}
	return nil
}

// look records a failure if the log continues in another mode than the requested one.
func (f *faulty) look() {
	if reason := f.life.store.Stats().LogModeReason; reason != "" {
		f.note(errors.New(reason))
	}
}

// reopen closes and opens the store. After a failed Close, the model's state is not a promise.
func (f *faulty) reopen() error {
	l := f.life
	err := l.reopen()
	f.note(err)
	if err == nil {
		return nil
	}
	if l.store != nil {
		_ = l.store.Close() // it has already failed
	}
	if l.store, err = f.mode.open(l.fs); err != nil {
		f.note(err)
		l.store = nil
		return nil
	}
	low, high := l.floor(true), int(l.issued.Load())
	k, err := l.find(l.store, low, high)
	if err != nil {
		return fmt.Errorf("reopened: %w", err)
	}
	l.opened(k)
	return nil
}

// crash checks the crash images of a kill and of a power loss at this point.
func (f *faulty) crash(r *Run, when string) error {
	l := f.life
	for i, im := range [...]image{
		{"killed", true, f.mem.Kill},
		{"power failure", false, func() *vfs.Mem { return f.mem.Crash(vfs.KeepNone, 0) }},
		{"power failure, some kept", false, func() *vfs.Mem { return f.mem.Crash(vfs.KeepSome, r.Seed) }},
	} {
		if f.only > 0 && f.only-1 != i+pick(f.healed, 3, 0) {
			continue
		}
		r.Count("images", 1)
		if err := recovers(r, l, im.mem(), l.floor(im.killed), int(l.issued.Load()), i == 0 && f.check); err != nil {
			return fmt.Errorf("%s, %s: %w", when, im.name, err)
		}
	}
	return nil
}

// heal recovers the store on a disk that works again. Afterwards every write must be durable.
func (f *faulty) heal() error {
	l := f.life
	if err := l.store.Recover(context.Background()); err != nil {
		return fmt.Errorf("Store.Recover = %w, want nil", err)
	}
	if err := l.store.Err(); err != nil && f.log != nil {
		return fmt.Errorf("Store.Err after Recover = %w, want nil", err)
	}
	if d, err := digestOf(l.store); err != nil || d != l.digests[l.issued.Load()] {
		return fmt.Errorf("memory after Recover = %s, %w, want S(%d)",
			held(l.store), err, l.issued.Load())
	}
	last := op{kind: opSync}
	if f.log == nil {
		last = op{kind: opSave}
	}
	for _, o := range []op{{key: "healed", value: "yes"}, last} {
		if err := l.play(o); err != nil {
			return fmt.Errorf("%v after Recover = %w, want nil", o, err)
		}
	}
	l.dropped.Store(false)
	return nil
}

// reported returns an error if the store did not report a fault, unless nothing depends on the
// fault.
func (f *faulty) reported() error {
	if f.met == nil || f.firstErr != nil || f.way.silent {
		return nil
	}
	base := filepath.Base(f.met.Name)
	if strings.HasSuffix(base, ".manifest") {
		return nil // the last of a rewrite only drops removed files; others show as lost writes
	}
	switch f.met.Kind {
	case "write": // padding under always; the log continues without it. No other write is as long
		if f.always && strings.HasSuffix(base, ".incr.aof") && f.met.Size >= 4<<10 {
			return nil
		}
	case "unshare", "store": // in a Close, which writes out the tail file and then deletes it
		return nil
	case "remove": // obsolete and temporary files: logged and retried
		return nil
	case "close": // of a file that is synced or was only read
		if !strings.HasPrefix(base, "temp-") {
			return nil
		}
	case "lstat", "readat", "read", "open": // of a file that is only checked
		return nil
	}
	return fmt.Errorf("all calls = nil, want the fault in one of them")
}
