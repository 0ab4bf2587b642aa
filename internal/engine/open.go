package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/perduredb/perdure/appendlog"
	"github.com/perduredb/perdure/internal/corrupt"
	"github.com/perduredb/perdure/internal/dirfs"
	"github.com/perduredb/perdure/internal/table"
	"github.com/perduredb/perdure/internal/vfs"
	"github.com/perduredb/perdure/rdb"
	"github.com/perduredb/perdure/snapshot"
)

// The sources of a data set, in Open's order of preference.
const (
	FromAOF   = "aof"
	FromRDB   = "rdb"
	FromEmpty = "empty"
)

// A RecoveryReport describes what Open found and did. The root package documents its fields.
type RecoveryReport struct {
	Source   string
	Keys     int64
	Expired  int64
	Commands int64
	Bytes    int64
	Took     time.Duration

	Cut       int64
	CutFile   string
	CutOffset int64
	CutReason string

	LeftOut       int64
	LeftOutFile   string
	LeftOutOffset int64
	Kept          string

	Unverified int64

	Merged     int64
	TailFile   string
	TailReason string

	NewerDump   bool
	TailMissing bool
	LogMissing  bool
}

// LoadProgress describes the progress of loading.
type LoadProgress struct {
	Source      string
	Done, Total int64 // bytes
	Keys        int64
}

// Open loads the data set of a directory and starts to serve it. See the root package for the
// order.
func Open(ctx context.Context, o Options) (opened *Engine, err error) {
	e := newEngine(o)
	if e.dir == "" {
		e.start()
		return e, nil
	}
	defer func() {
		if opened == nil { // also after a panic, for example in LoadProgress: unlock the directory
			err = errors.Join(err, e.giveUp())
		}
	}()
	if err := e.openDir(ctx); err != nil {
		return nil, err
	}
	e.start()
	return e, nil
}

// giveUp releases an Engine that was not started.
func (e *Engine) giveUp() error {
	e.cancel()
	e.table.Close()
	return e.leaveDir()
}

func newEngine(o Options) *Engine {
	if o.FS == nil {
		o.FS = vfs.OS()
	}
	if o.Snapshotter == nil {
		o.Snapshotter = rdb.New()
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	e := &Engine{
		fs:     o.FS,
		dir:    o.Dir,
		table:  table.New(table.Options{Databases: o.Databases, Limit: o.MemoryLimit}),
		snaps:  o.Snapshotter,
		logger: o.Logger,
		hooks:  o.Hooks,
		opened: time.Now(),
		opts:   o,
	}
	e.ops.Table, e.ops.SmallCollection = e.table, o.SmallCollection
	e.watches.shards = make([]map[uint64][]*cell, e.table.NumShards())
	e.records = make([]record, e.table.NumShards())
	e.defrag.Defragmenter = e.table.Defragmenter()
	e.env = snapshot.Env{FS: dirfs.New(o.FS), Dir: o.Dir, Logger: o.Logger, Strict: o.Strict, Until: o.Until}
	e.ctx, e.cancel = context.WithCancel(context.Background())
	e.jobs.slot = make(chan struct{}, 1)
	e.jobs.opened = make(chan struct{})
	e.jobs.rules = o.Rules
	e.jobs.lastSaveTime = e.opened
	e.counts.init()
	return e
}

// openDir locks the directory and loads it. It changes no file before it has read and verified all
// the data to serve.
func (e *Engine) openDir(ctx context.Context) error {
	if err := e.enterDir(); err != nil {
		return err
	}
	if err := e.snaps.Open(e.env); err != nil {
		return err
	}
	found, err := e.findLog()
	if errors.Is(err, ErrDiverged) || errors.Is(err, ErrLogIgnored) {
		return cmp.Or(e.damagedDump(ctx), err)
	}
	if err != nil {
		return err
	}
	began := time.Now()
	if err := e.load(ctx, found); err != nil {
		return err
	}
	e.recovery.Took = time.Since(began)
	for db := range e.table.Databases() {
		e.recovery.Keys += e.table.Len(db)
	}
	e.report()
	if e.opts.ReadOnly {
		e.jobs.refuse(e, func() {})
		return nil
	}
	if err := snapshot.RemoveTemps(e.env.FS, e.dir); err != nil {
		return err
	}
	// No write is acknowledged in a directory where no dump can be saved.
	if err := vfs.CheckWritable(e.fs, filepath.Join(e.dir, snapshot.TempPrefix+"probe")); err != nil {
		return fmt.Errorf("perdure: directory is not writable: %w", err)
	}
	// A killed process may have renamed the dump that was just read without syncing the directory.
	if err := e.fs.SyncDir(e.dir); err != nil {
		return err
	}
	return e.startLog(ctx, found)
}

// findLog looks for the log, and reports whether it must be loaded. It uses the store ID of the
// dump until a log names another one.
func (e *Engine) findLog() (found bool, err error) {
	if dump, err := e.snaps.Stat(); err == nil {
		e.dump = parseOrigin(dump.Origin)
	}
	if e.env.Store, e.since = e.dump.store, e.dump.since; e.env.Store == "" {
		e.env.Store = newStoreID()
	}
	e.env.After = e.since
	if e.opts.Log == nil && e.opts.ReadOnly { // the dump is requested, and nothing can be changed
		return false, nil
	}
	if e.opts.Log == nil {
		return false, e.refuseIgnored()
	}
	if found, err = e.opts.Log.Open(e.env); err != nil {
		return false, err
	}
	replaced, err := e.compareDump(found)
	if replaced {
		e.logger.Info("the dump has everything that the log has, and was saved after it; it replaces the log", "dir", e.dir)
	}
	return found && !replaced, err
}

// load reads the log if there is one, and the dump otherwise.
func (e *Engine) load(ctx context.Context, logFound bool) error {
	e.table.GrowAhead(true)
	defer e.table.GrowAhead(false)
	defer e.releaseBuffers()
	if logFound {
		return e.loadLog(ctx)
	}
	if !e.opts.Until.IsZero() {
		return fmt.Errorf("%w: no log", appendlog.ErrUntil)
	}
	l := newLoader(e, e.table, &e.ops.Types)
	info, err := e.snaps.Load(ctx, l)
	if err = l.finish(err); err != nil {
		err = corrupt.InFile(err, e.dumpPath())
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		e.recovery.Source = FromEmpty
		return nil
	case err != nil:
		return err
	}
	e.extras = l.extras
	e.recovery.LogMissing = e.opts.Log != nil && e.dump.log
	e.recovery.Source, e.recovery.Expired, e.recovery.Bytes = FromRDB, l.expired, info.Size
	e.counts.loadedKeys.Store(l.keys)
	e.counts.loadExpired.Store(l.expired)
	return nil
}

// dumpPath returns the path of the dump that was loaded.
func (e *Engine) dumpPath() string {
	info, err := e.snaps.Stat()
	if err != nil {
		return e.dir
	}
	return filepath.Join(e.dir, info.Name)
}

func (e *Engine) loadLog(ctx context.Context) error {
	r := newReplayer(e)
	rec, err := e.opts.Log.Replay(ctx, r)
	if err = r.finish(err); err != nil {
		return err
	}
	e.recovery = RecoveryReport{
		Source: FromAOF, Commands: rec.Commands, Bytes: rec.Size,
		Cut: rec.Cut, CutFile: rec.File, CutOffset: rec.Offset, CutReason: rec.Reason,
		LeftOut: rec.LeftOut, LeftOutFile: rec.LeftOutFile, LeftOutOffset: rec.LeftOutOffset,
		Unverified: rec.Unverified,
		Merged:     rec.Merged, TailFile: rec.TailFile, TailReason: rec.TailReason,
	}
	e.recovery.TailMissing = rec.TailMissing
	e.judgeDump(&rec)
	return nil
}

// startLog makes the log ready for writes. The base of a new log is built from the loaded data.
func (e *Engine) startLog(ctx context.Context, found bool) error {
	log := e.opts.Log
	if log == nil {
		return nil
	}
	e.counts.logOn.Store(true)
	if found {
		if err := log.Start(); err != nil {
			return err
		}
		e.log = log
		e.jobs.logReady.Store(true)
		if e.recovery.Kept = log.Status().Kept; e.recovery.Kept != "" {
			e.logger.Warn("the log was cut at a moment; the whole of it is kept", "dir", e.recovery.Kept,
				"leftOut", e.recovery.LeftOut)
		}
		return nil
	}
	e.jobs.newLog = log
	t, ctx := newTask(ctx)
	defer t.cancel()
	if err := e.rewrite(ctx, t); err != nil {
		return errors.Join(err, log.Close())
	}
	e.jobs.logReady.Store(true)
	return nil
}

// report logs what Open found.
func (e *Engine) report() {
	r := &e.recovery
	e.logger.Info("data loaded", "source", r.Source, "keys", r.Keys, "commands", r.Commands,
		"bytes", r.Bytes, "took", r.Took)
	if r.Cut > 0 {
		e.logger.Warn("torn tail of the log cut", "file", r.CutFile, "offset", r.CutOffset,
			"bytes", r.Cut, "reason", r.CutReason)
	}
	if r.NewerDump {
		e.logger.Warn("a dump that this log does not know was not loaded; to restore a backup use perdure restore")
	}
	if r.TailMissing {
		e.logger.Warn("a process was killed in ring mode, and its tail file is missing; acknowledged writes may be missing",
			"file", r.TailFile)
	}
	if r.LogMissing {
		e.logger.Warn("the dump was saved while an append-only log was on, and the log is missing")
	}
}

// Recovery reports what Open found and did.
func (e *Engine) Recovery() RecoveryReport { return e.recovery }
