// Package engine makes table, log and snapshots one store: the write path, the instant at which a
// snapshot or a rewrite freezes, recovery, and the jobs in the background.
//
// It is the only package that knows the table, and the one place where rdb and aof meet. Every
// exported method is safe from any goroutine, during Close too.
package engine

// Lock order, whole: shards of the table, ascending -> the log's own lock. The mutex of jobs is
// taken with none of them held, and nothing is taken under it.
//
// A write goes: gate (one atomic load) -> lock the shards of its keys -> change the table and
// encode the command -> log.Append, memory only -> unlock -> log.Commit, which may wait for
// write(2) or fsync. So the log is a linearisation of memory, and nothing waits for a disk while
// a shard is locked.
//
// Freezing takes every shard lock for a moment: at that instant no write is half done, the table
// starts a view, the log cuts, and the counters are read. Nothing else makes a point in time.

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/perduredb/perdure/appendlog"
	"github.com/perduredb/perdure/internal/clock"
	"github.com/perduredb/perdure/internal/table"
	"github.com/perduredb/perdure/internal/vfs"
	"github.com/perduredb/perdure/snapshot"
)

// Options configure an Engine. Dir "" makes one in memory that touches no file.
type Options struct {
	Dir                   string
	FS                    vfs.FS // nil is the operating system's
	Snapshotter           snapshot.Snapshotter
	Log                   appendlog.AppendLog // nil is none
	Rules                 []snapshot.Rule
	Databases             int
	Logger                *slog.Logger
	ReadOnly              bool
	Strict                bool
	Until                 time.Time // take the log up to the end of this second; zero is all of it
	KeepWritingOnSaveFail bool      // Redis's stop-writes-on-bgsave-error no
	NoAutoRecover         bool
	LoadProgress          func(LoadProgress)
	Hooks                 Hooks

	// MemoryLimit is asked before the table takes memory, and refuses it by returning false: see
	// table.Options. Nil is no limit.
	MemoryLimit func(size int) bool
}

// OptionFS makes the root package's Option that sets Options.FS. The root package sets it when it is initialized,
// and package internal/storefs calls it: so the internal type is in no public signature.
var OptionFS func(fsys vfs.FS) any

// Hooks are called with no lock held: by a goroutine of the store's own, or by that of the caller whose save, rewrite or
// write it is. Two may run at once.
type Hooks struct {
	Saved     func(snapshot.Info, error) // a save ended, whoever asked for it
	Rewritten func(error)                // a rewrite of the log ended
	LogFailed func(error)                // the log failed; writes are refused
	Recovered func()                     // the log works again
}

// Engine is a store.
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

	// Synchronized by themselves.
	gate    atomic.Pointer[refusal] // nil while writes are welcome
	dirty   [dirtyCells]dirtyCell   // changes since the last save
	types   typeSet                 // opaque types that may be in the table
	counts  counters
	defrag  defragger
	pool    sync.Pool // of *exec
	cancel  context.CancelFunc
	ctx     context.Context // ends when Close begins
	running sync.WaitGroup  // the background loop and every job

	// Written with every shard locked, read with any of them locked.
	log      appendlog.AppendLog
	closed   bool
	replaced bool // Restore is between the two data sets; writes are refused
	extras   []snapshot.Extra
	recovery RecoveryReport // constant after Open
	since    string         // the end of a log everything of which is in the data set, when no log is on
	// closedLog says that Close has closed a log.
	closedLog bool

	dump     origin // of the dump that Open has found
	ownDump  bool   // which this store saved, and of which the log has everything
	keptDump bool   // changed by whoever holds the slot

	// use is held for reading while the table is worked on without a shard lock taken here, and
	// for writing when Close frees it.
	use sync.RWMutex

	jobs jobs
}

// enterScan keeps the table from being freed until leaveScan; false when it was.
func (e *Engine) enterScan() bool {
	e.use.RLock()
	s := e.table.ShardAt(0)
	s.Lock()
	closed := e.closed
	s.Unlock()
	if closed {
		e.use.RUnlock()
	}
	return !closed
}

func (e *Engine) leaveScan() { e.use.RUnlock() }

// dirtyCells spreads the counter of changes so that writers on many cores do not share a line.
const dirtyCells = 64

type dirtyCell struct {
	n atomic.Int64
	_ [56]byte
}

// addDirty counts n changes made under the lock of shard i.
func (e *Engine) addDirty(i int, n int64) { e.dirty[i%dirtyCells].n.Add(n) }

// sumDirty is the number of changes since the last save; exact while every shard is locked.
func (e *Engine) sumDirty() int64 {
	var n int64
	for i := range e.dirty {
		n += e.dirty[i].n.Load()
	}
	return n
}

// refusal says why writes are refused.
type refusal struct{ err error }

// admit tells whether a write may go on now, and holds it while the view in progress has more
// before-images in memory than it may.
func (e *Engine) admit(db int, durable bool) error {
	if r := e.gate.Load(); r != nil {
		return r.err
	}
	if db < 0 || db >= e.table.Databases() {
		return ErrDatabase
	}
	if durable && !e.jobs.logReady.Load() {
		return ErrNoAppendLog
	}
	if e.table.ViewPressure() {
		e.relieve()
	}
	return nil
}

// refusedLocked is the last look before a write, under its locks, for one that passed the gate
// just before it shut.
func (e *Engine) refusedLocked() error {
	switch {
	case e.closed:
		return ErrClosed
	case e.replaced:
		return ErrRestoring
	}
	return nil
}

// Databases is how many numbered databases there are.
func (e *Engine) Databases() int { return e.table.Databases() }

// nowMs is the wall clock in Unix milliseconds, which expiries are kept in.
func nowMs() int64 { return clock.Now().UnixMilli() }

// monotonic is the time since the store was opened, on a clock that does not jump.
func (e *Engine) monotonic() time.Duration { return time.Since(e.opened) }

// Closed is ErrClosed once Close has begun.
func (e *Engine) Closed() error {
	e.jobs.mu.Lock()
	defer e.jobs.mu.Unlock()
	if e.jobs.closing {
		return ErrClosed
	}
	return nil
}

// Err is the reason for which writes are refused now, or nil. It takes no lock: a failure in the background shows
// at the next tick.
func (e *Engine) Err() error {
	if r := e.gate.Load(); r != nil {
		return r.err
	}
	return nil
}

// Close saves when save rules exist, syncs and closes the log, and frees the memory. It does not
// save, and returns an error matching ErrLockLost, if the lock file is not the locked one. Calls
// after the first return what it returned.
func (e *Engine) Close() error { return e.close(context.Background(), true) }

// CloseNoSave is Close without the save: SHUTDOWN NOSAVE.
func (e *Engine) CloseNoSave() error { return e.close(context.Background(), false) }

// Shutdown is Close that cancels the save when ctx ends, if the log holds everything.
func (e *Engine) Shutdown(ctx context.Context) error { return e.close(ctx, true) }

func (e *Engine) close(ctx context.Context, save bool) error {
	j := &e.jobs
	j.closeOnce.Do(func() {
		j.refuse(e, func() { j.closing = true })
		e.cancel() // ends the loop and every job under way
		e.dropHandle()
		e.running.Wait()
		// A write that passed the gate before it shut has its locks by now or will see closing.
		e.table.LockAll()
		e.table.UnlockAll()
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
		e.use.Lock()
		e.table.Close()
		e.use.Unlock()
		j.closeErr = errors.Join(err, e.leaveDir())
	})
	return j.closeErr
}

// lastSave saves for Close. If the log holds everything, the save is canceled when ctx ends, which is not an error.
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

// closeLog closes the log for Close, which refuses writes by now.
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

// endLog closes a log that receives no more writes, and notes its end.
func (e *Engine) endLog(log appendlog.AppendLog) error {
	err := log.Close()
	end := ""
	if err == nil {
		if end, err = logEnd(log); err != nil {
			end, err = "", nil // a name that is missing makes the next Open more careful
		}
	}
	e.table.LockAll()
	e.since = end
	e.table.UnlockAll()
	return err
}
