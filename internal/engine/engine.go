// Package engine combines the table, the log, and the snapshots into one store. It implements the
// write path, point-in-time snapshots for saves and rewrites, recovery, and background jobs.
//
// It chooses the locks and the order of operations (package op), and is the only place where rdb
// and aof meet. Every exported method can be called from any goroutine, even while Close runs.
package engine

// Lock order: the shards of the table in ascending order, then the log's own lock. The mutex of
// jobs is taken with none of these held, and no lock is taken while it is held.
//
// A write runs in these steps: check the gate (one atomic load), lock the shards of its keys,
// change the table and encode the command, append to the log (memory only), unlock, and commit to
// the log, which may wait for write(2) or fsync. So the log is a linearization of memory, and no
// goroutine waits for a disk while it holds a shard lock.
//
// Taking a snapshot holds every shard lock for a moment. At that point no write is half done: the
// table starts a view, the log switches to a new incremental file, and the counters are read. This
// is the only way to get a point in time.

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/perduredb/perdure/appendlog"
	"github.com/perduredb/perdure/internal/op"
	"github.com/perduredb/perdure/internal/table"
	"github.com/perduredb/perdure/internal/vfs"
	"github.com/perduredb/perdure/snapshot"
)

// Options configures an Engine. If Dir is empty, the Engine is in memory and touches no file.
type Options struct {
	Dir                   string
	FS                    vfs.FS // nil means the operating system's
	Snapshotter           snapshot.Snapshotter
	Log                   appendlog.AppendLog // nil means no log
	Rules                 []snapshot.Rule
	Databases             int
	Logger                *slog.Logger
	ReadOnly              bool
	Strict                bool
	Until                 time.Time // load the log up to the end of this second, or all of it
	KeepWritingOnSaveFail bool      // Redis's stop-writes-on-bgsave-error no
	NoAutoRecover         bool
	LoadProgress          func(LoadProgress)
	Hooks                 Hooks

	// MemoryLimit is called before the table allocates memory, and returns false to refuse it: see
	// [table.Options]. Nil means no limit.
	MemoryLimit func(size int) bool

	// SmallCollection is the size of a collection above which it has trees. 0 means 2 KiB.
	SmallCollection int
	// Walking is called when a command is about to visit large collections without locks. A test
	// changes them there.
	Walking func()
}

// OptionOf returns the Option of the root package that calls set. The root package sets it during
// initialization, and package internal/storefs calls it. This keeps the internal type out of public
// signatures.
var OptionOf func(set func(*Options)) any

// Hooks are called with no lock held, either on a goroutine of the store or on that of the caller
// whose save, rewrite, or write it is. Two hooks can run at once.
type Hooks struct {
	Saved     func(snapshot.Info, error) // a save ended, whether automatic or requested
	Rewritten func(error)                // a rewrite of the log ended
	LogFailed func(error)                // the log failed; writes are refused
	Recovered func()                     // the log works again
}

// An Engine is a store.
type Engine struct {
	// Constant after Open.
	fs     vfs.FS // root, if there is a directory
	root   vfs.Root
	dir    string // absolute
	env    snapshot.Env
	table  *table.Table
	snaps  snapshot.Snapshotter
	logger *slog.Logger
	hooks  Hooks
	lock   vfs.Lock // nil when read-only
	opened time.Time
	opts   Options

	// These fields have their own synchronization.
	noSweep atomic.Bool             // active expiration is off
	gate    atomic.Pointer[refusal] // nil while writes are accepted
	dirty   [dirtyCells]dirtyCell   // changes since the last save
	watches watches                 // keys that clients watch
	ops     op.Store                // what operations share
	counts  counters
	defrag  defragger
	pool    sync.Pool // of *exec
	records []record  // by shard, which guards it
	cancel  context.CancelFunc
	ctx     context.Context // ends when Close begins
	running sync.WaitGroup  // the background loop and every job

	// Written with every shard locked, read with any of them locked.
	log      appendlog.AppendLog
	stopped  bool // Close refuses writes, also those that were admitted before
	closed   bool // the table is about to be freed
	replaced bool // Restore is replacing the data set; writes are refused
	extras   []snapshot.Extra
	recovery RecoveryReport // constant after Open
	since    string         // if no log is on: the end of a log that the data set fully contains
	// closedLog reports whether Close has closed a log.
	closedLog bool

	dump     origin // origin of the dump that Open found
	ownDump  bool   // this store saved the dump, and the log has everything in it
	keptDump bool   // changed by the holder of the slot

	jobs jobs
}

// enterScan keeps the table from being freed until leaveScan is called. It returns false if the
// table is already freed.
func (e *Engine) enterScan() bool {
	e.ops.InUse.RLock()
	s := e.table.ShardAt(0)
	s.Lock()
	closed := e.closed
	s.Unlock()
	if closed {
		e.ops.InUse.RUnlock()
	}
	return !closed
}

func (e *Engine) leaveScan() { e.ops.InUse.RUnlock() }

// dirtyCells is the number of cells of the change counter, so that writers on many cores do not
// share a cache line.
const dirtyCells = 64

type dirtyCell struct {
	n atomic.Int64
	_ [56]byte
}

// addDirty adds n changes. The lock of shard i must be held.
func (e *Engine) addDirty(i int, n int64) { e.dirty[i%dirtyCells].n.Add(n) }

// sumDirty returns the number of changes since the last save. It is exact while every shard is
// locked.
func (e *Engine) sumDirty() int64 {
	var n int64
	for i := range e.dirty {
		n += e.dirty[i].n.Load()
	}
	return n
}

// A refusal holds the reason why writes are refused.
type refusal struct{ err error }

// admit checks whether a write can proceed, and returns the reason if it cannot. It delays the
// write while the current view has too many before-images in memory.
func (e *Engine) admit(db int, durable bool) error {
	if r := e.gate.Load(); r != nil {
		return r.err
	}
	if db < 0 || db >= e.table.Databases() {
		return op.ErrDatabase
	}
	if durable && !e.jobs.logReady.Load() {
		return ErrNoAppendLog
	}
	if e.table.ViewPressure() {
		e.relieve()
	}
	return nil
}

// refusedLocked repeats the check of a write under its shard locks, because the gate may have
// closed after admit.
func (e *Engine) refusedLocked() error {
	switch {
	case e.stopped:
		return ErrClosed
	case e.replaced:
		return ErrRestoring
	}
	return nil
}

// Databases returns the number of databases.
func (e *Engine) Databases() int { return e.table.Databases() }

// monotonic returns the time since the store was opened, from a monotonic clock.
func (e *Engine) monotonic() time.Duration { return time.Since(e.opened) }

// Closed returns ErrClosed once Close has begun, and nil before.
func (e *Engine) Closed() error {
	e.jobs.mu.Lock()
	defer e.jobs.mu.Unlock()
	if e.jobs.closing {
		return ErrClosed
	}
	return nil
}

// Err returns the reason why writes are currently refused, or nil. It does not take a lock. A
// background failure is reported at the next tick.
func (e *Engine) Err() error {
	if r := e.gate.Load(); r != nil {
		return r.err
	}
	return nil
}

// Close saves a snapshot if there are save rules, syncs and closes the log, and frees the memory.
// If the lock file is not the one that this Engine locked, Close does not save, and returns an
// error matching ErrLockLost. Later calls return the result of the first.
func (e *Engine) Close() error { return e.close(context.Background(), true) }

// CloseNoSave is like [Engine.Close] without the save, as SHUTDOWN NOSAVE.
func (e *Engine) CloseNoSave() error { return e.close(context.Background(), false) }

// Shutdown is like [Engine.Close], but cancels the save when ctx ends, if the log holds all data.
func (e *Engine) Shutdown(ctx context.Context) error { return e.close(ctx, true) }

func (e *Engine) close(ctx context.Context, save bool) error {
	j := &e.jobs
	j.closeOnce.Do(func() {
		j.refuse(e, func() { j.closing = true })
		e.cancel() // ends the background loop and every running job
		e.dropHandle()
		e.running.Wait()
		// A write that passed the gate before it closed is done, or will see stopped under its
		// locks. The last snapshot and the log therefore have every write that returned nil.
		e.table.LockAll()
		e.stopped = true
		waits := e.watches.endWaits()
		e.table.UnlockAll()
		wakeAll(waits)
		// The log is closed first, so that the dump can name the end of the log that it contains.
		ready := e.jobs.logReady.Load()
		err := e.closeLog()
		if save && len(e.Rules()) > 0 && e.dir != "" && !e.opts.ReadOnly {
			err = errors.Join(err, e.lastSave(ctx, e.closedLog && ready && err == nil))
		} else {
			err = errors.Join(err, e.checkLock())
		}
		e.table.LockAll()
		e.closed = true
		e.table.UnlockAll()
		e.ops.InUse.Lock()
		e.table.Close()
		e.ops.InUse.Unlock()
		j.closeErr = errors.Join(err, e.leaveDir())
	})
	return j.closeErr
}

// lastSave saves for Close. If the log holds all data, the end of ctx cancels the save, and
// lastSave does not report this as an error.
func (e *Engine) lastSave(ctx context.Context, logHasAll bool) error {
	if !logHasAll {
		return e.saveNow(context.Background(), nil)
	}
	err := e.saveNow(ctx, nil)
	if err != nil && ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return e.checkLock()
	}
	return err
}

// closeLog closes the log for Close. Writes are already refused.
func (e *Engine) closeLog() error {
	e.table.LockAll()
	log := e.log
	e.log, e.closedLog = nil, log != nil
	e.table.UnlockAll()
	if log == nil {
		return nil
	}
	return e.endLog(log)
}

// endLog closes a log that receives no further writes, and records its end.
func (e *Engine) endLog(log appendlog.AppendLog) error {
	err := log.Close()
	end := ""
	if err == nil {
		if end, err = logEnd(log); err != nil {
			end, err = "", nil // without a name the next Open is more careful
		}
	}
	e.table.LockAll()
	e.since = end
	e.table.UnlockAll()
	return err
}
