package aof

import (
	"fmt"
	"sync"
	"time"

	"github.com/perduredb/perdure/aof/internal/wire"
	"github.com/perduredb/perdure/appendlog"
	"github.com/perduredb/perdure/internal/dirfs"
	"github.com/perduredb/perdure/internal/errtext"
	"github.com/perduredb/perdure/snapshot"
)

// phase is the state of a Log. The phases follow one another in this order.
type phase uint8

const (
	phaseNew      phase = iota // created by New
	phaseOpen                  // Open has inspected the files
	phaseReplayed              // Replay has read the files
	phaseRunning               // Start or a Rewrite has opened a file to append to
	phaseClosed
)

// A Log is an append-only log in Redis's multi-part files. It implements [appendlog.AppendLog].
//
// A log record takes this path:
//
//	Append   copies it to the pending buffer                             (append.go, pending.go)
//	         or links its large values                                   (group.go)
//	         and, in Ring mode, copies it to the tail file               (ringmode.go, mirror.go)
//	Commit   writes the buffer as a group, with a commit marker          (commit.go, group.go)
//	         that a page boundary must not tear                          (pageguard.go)
//	         over preallocated padding, under Always                     (preallocate.go)
//	         and fsyncs it as the policy requires                        (sync.go, interval.go)
//	Rewrite  moves the log to a new incremental file and base file       (rewrite.go)
type Log struct {
	// The fields are grouped by what guards them.

	// Constant after New (marked) or Open. Replay changes store and gen before the log runs.
	env    snapshot.Env
	marked bool   // checksums are on
	store  uint64 // id of the store, for new files
	gen    uint64 // generation of the log, for new files

	// disk describes the files in the directory. Open, Start and the one Rewrite change it. They
	// never run concurrently.
	disk *layout

	// ctl serializes Open, Replay, Start and Close. Lock order: ctl before mu.
	ctl sync.Mutex

	// The background goroutines: the flusher and the syncer, and those that unpin large values.
	tasks      sync.WaitGroup
	quit       chan struct{} // closed by Close
	flushTimer *time.Timer   // set under mu when the tasks start

	// mu guards everything below. Nothing waits for the disk while mu is held.
	mu     sync.Mutex
	config config

	phase     phase
	published bool         // the manifest names a complete log
	mute      bool         // records are dropped: the next base will contain them
	flushSet  bool         // flushTimer runs
	closing   bool         // Close has begun
	err       error        // the failure that made the log stop accepting records
	closed    error        // the result of Close
	replay    replayResult // for Start
	copiedTo  string       // directory that Start copied the log to before it truncated it

	pending  pending  // the records that are not written yet
	out      output   // the newest incremental file
	mirror   mirror   // Ring mode
	interval interval // the everysec policy
	waits    waits    // the goroutines that wait for any of these

	// The rewrite in progress: see rewrite.go.
	rewrite *rewrite
	cut     *switchPoint
}

// output is the newest incremental file, and how far the log is written to it. writing and syncing
// are tokens: the goroutine that has set one works on the file without mu. Log.mu guards all fields
// except paged.
type output struct {
	incr    *incrFile // nil before the first incremental file
	writing bool
	syncing bool
	since   time.Time          // time of the first byte of the group in flight, in Ring mode
	written appendlog.Position // the end of the bytes passed to the kernel
	synced  appendlog.Position // the end of the durable bytes
	paged   []byte             // buffer for a group over padding; owned by the writer

	sizes   sizes
	fsyncs  int64
	delayed int64 // Commits that waited for a late sync
}

// sizes holds the sizes of the files, for the rewrite trigger.
type sizes struct {
	closed int64 // bytes of the base file and of all incremental files except the last
	base   int64 // bytes of the whole log after the last rewrite
}

// New returns a Log. It touches no file. Open reports an invalid option. A Log can be opened once,
// by one store.
func New(opts ...Option) *Log {
	l := &Log{config: defaultConfig(), mute: true, quit: make(chan struct{})}
	l.pending.lastDB = -1
	l.waits.init(&l.mu)
	l.mirror.init()
	for _, o := range opts {
		if err := o.apply(&l.config); err != nil && l.err == nil {
			l.err = err
		}
	}
	l.marked = l.config.checksums
	return l
}

func (o Option) apply(c *config) error {
	if o.set == nil {
		return fmt.Errorf("%w: the zero aof.Option", ErrOptions)
	}
	return o.set(c)
}

// Open binds the log to a data directory and reports whether the directory has a log. It changes
// nothing. It returns a [*CorruptError] if the manifest is damaged or a listed file is missing.
func (l *Log) Open(env snapshot.Env) (found bool, err error) {
	defer errtext.Name(&err)
	l.ctl.Lock()
	defer l.ctl.Unlock()
	l.mu.Lock()
	config, err := l.config, l.err
	wrong := l.phase != phaseNew
	l.mu.Unlock()
	if err == nil && l.quit == nil {
		err = fmt.Errorf("%w: a Log that was not made by New", ErrOptions)
	}
	if err != nil {
		return false, err
	}
	if wrong {
		return false, fmt.Errorf("%w: a Log can be opened once; make another one with New", appendlog.ErrClosed)
	}
	fsys, err := dirfs.Of(env.FS)
	if err != nil {
		return false, err
	}
	disk, err := inspect(fsys, env.Dir, &config)
	if err != nil {
		return false, err
	}
	if len(disk.orphans) > 0 {
		env.Logger.Warn("files of the log that its manifest does not list are left alone",
			"dir", disk.dir, "files", disk.orphans)
	}
	if l.store = wire.ParseID(env.Store); l.store == 0 {
		l.store = wire.RandomID()
	}
	l.gen = parseEnd(env.After).gen + 1
	l.env, l.disk, l.mirror.logger = env, disk, env.Logger
	l.setPhase(phaseOpen)
	return disk.manifest != nil, nil
}

func (l *Log) setPhase(p phase) {
	l.mu.Lock()
	l.phase = p
	l.mu.Unlock()
}

// Configure changes options while a store has the log open. It accepts the options of [Fsync],
// [AutoRewrite], [RDBBase], [NoFsyncOnRewrite] and [Timestamps]. For any other option it returns an
// error matching [ErrOptions] and changes nothing. Configure waits for a running rewrite. It
// returns an error matching [appendlog.ErrClosed] if the log is not open.
func (l *Log) Configure(opts ...Option) (err error) {
	defer errtext.Name(&err)
	l.mu.Lock()
	defer l.mu.Unlock()
	changed := l.config
	for _, o := range opts {
		if o.set != nil && !o.runtime {
			return fmt.Errorf("%w: it cannot be changed while the log is open", ErrOptions)
		}
		if err := o.apply(&changed); err != nil {
			return err
		}
	}
	for l.rewrite != nil && !l.closing {
		l.waits.wait()
	}
	if l.phase == phaseNew || l.phase == phaseClosed || l.closing {
		return appendlog.ErrClosed
	}
	for _, o := range opts {
		_ = o.apply(&l.config) // valid, whatever other options a concurrent Configure changed
	}
	if l.out.written > l.out.synced {
		l.beginIntervalLocked(time.Now())
	}
	l.paceLocked()
	l.waits.wakeAll()
	return nil
}

// Status returns the current sizes, settings and counters.
func (l *Log) Status() appendlog.Status {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := appendlog.Status{
		Fsync:           l.config.fsync.String(),
		CurrentSize:     l.sizeLocked(),
		BaseSize:        l.out.sizes.base,
		Buffered:        int64(l.pending.appended - l.out.written),
		Unsynced:        int64(l.out.written - l.out.synced),
		PendingFsync:    l.out.syncing,
		DelayedFsync:    l.out.delayed,
		Fsyncs:          l.out.fsyncs,
		Published:       l.published,
		LastWriteFailed: l.err != nil,
		Kept:            l.copiedTo,
		Mode:            Direct.String(),
		ModeReason:      l.mirror.reason,
	}
	if l.mirror.ring != nil {
		s.Mode = Ring.String()
	}
	s.RewriteDue = l.published && l.config.trigger.Due(s.BaseSize, s.CurrentSize)
	return s
}

// sizeLocked returns the size of the base file and the incremental files in bytes. In Ring mode it
// includes bytes that are only in the tail file.
func (l *Log) sizeLocked() int64 {
	if l.out.incr == nil || !l.published {
		return l.out.sizes.closed
	}
	size := l.out.sizes.closed + l.out.incr.size
	if l.mirror.ring != nil {
		size += int64(l.pending.appended - l.out.written)
	}
	return size
}

// Err returns the failure that made the log stop accepting records, or nil.
func (l *Log) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return errtext.Named(l.err)
}

// failLocked puts the log into the failed state, unless it is there already. It returns the first
// failure.
func (l *Log) failLocked(op, file string, cause error) error {
	if l.err == nil {
		l.err = &appendlog.FailedError{Op: op, File: file, Err: cause}
		l.mute = true
		l.dropLocked(l.pending.forget())
		l.paceLocked()
		l.env.Logger.Error("the log has failed", "op", op, "file", file, "err", cause)
	}
	l.waits.wakeAll()
	return l.err
}

// dropLocked discards a group. It releases the pins in another goroutine because release may take a
// lock that orders before the log's.
func (l *Log) dropLocked(g group) {
	if len(g.links) > 0 {
		l.tasks.Go(g.release)
	}
}

// newIdentity returns the identity of a new file.
func (l *Log) newIdentity(link uint64) wire.Identity {
	return wire.Identity{Salt: wire.RandomID(), Store: l.store, Link: link, Gen: l.gen}
}
