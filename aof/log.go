package aof

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/perduredb/perdure/aof/internal/ring"
	"github.com/perduredb/perdure/aof/internal/wire"
	"github.com/perduredb/perdure/appendlog"
	"github.com/perduredb/perdure/internal/dirfs"
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
//	Append   copies it to buf                                            (append.go)
//	         or links its large values                                   (group.go)
//	         and, in Ring mode, copies it to the tail file               (keepring.go, ring.go)
//	Commit   writes buf, with a commit marker, to the incremental file   (commit.go)
//	         over preallocated padding, under Always                     (filler.go)
//	         and fsyncs it as the policy requires                        (fsync.go)
//	Rewrite  moves the log to a new incremental file and base file       (rewrite.go)
type Log struct {
	// constant after Open; marked is constant after New
	env    snapshot.Env
	marked bool   // checksums are on
	store  uint64 // id of the store, for new files; changed by Replay
	gen    uint64 // generation of the log, for new files; changed by Replay

	// disk describes the files in the directory. Open, Start and the one Rewrite change it. They
	// never run at the same time.
	disk *layout

	// ctl serializes Open, Replay, Start and Close. Lock order: ctl before mu.
	ctl sync.Mutex

	quit  chan struct{} // closed by Close
	tasks sync.WaitGroup

	// mu guards everything below. Nothing waits for the disk while mu is held.
	mu     sync.Mutex
	config config

	waits    waits
	phase    phase
	replay   replayResult
	copiedTo string // directory that Start copied the log to before it truncated it
	err      error  // the failure after which the log accepts no more records
	closed   error  // the result of Close

	closing bool // Close has begun

	// The pending buffer: records that were appended and are not written yet.
	buf       []byte
	links     []link    // large values that belong between the bytes of buf
	bufDB     int       // database that is selected before buf; -1 if buf begins with a SELECT
	bufSince  time.Time // time of the first byte, in Ring mode
	spare     []byte    // the previous buffer, to be reused as the next one
	paged     []byte    // buffer for laying out a group over padding; used by the writer
	db        int       // database that is selected before the next record; -1 if none is
	reselect  bool      // the next record begins with a SELECT in any case
	stamped   int64     // Unix second of the last #TS: line
	appended  appendlog.Position
	flushSet  bool // flushTimer runs
	published bool // the manifest names a complete log
	mute      bool // records are dropped: the next base will contain them

	// The file. writing and syncing are tokens. The goroutine that has set one works on the file
	// without mu.
	incr    *incrFile // nil before the first incremental file
	writing bool
	syncing bool
	// groupSince is bufSince of the group that is being written.
	groupSince time.Time
	written    appendlog.Position // the end of the bytes passed to the kernel
	synced     appendlog.Position // the end of the durable bytes
	sizes      sizes

	// State of the everysec policy: see fsync.go.
	epoch       int64
	epochOpen   bool
	epochSynced int64
	epochLate   int64
	holds       [2]*time.Timer

	// State of Ring mode: see keepring.go.
	ring   *ring.Ring // nil in Direct mode
	broken *ring.Ring // a ring that has failed and whose file still exists
	noRing string     // why there is no ring although LogMode asks for one
	// ringNoted is the id of the tail file that the log's commit markers report last.
	ringNoted uint64
	slow      atomic.Bool   // Commit must take the slow path; changed under mu, and read without it
	crowded   bool          // the buffer is so long that writers must help to write it
	full      chan struct{} // wakes the flusher

	// The rewrite in progress: see rewrite.go.
	rewrite *rewrite
	cut     *switchPoint

	fsyncs  int64
	delayed int64

	// constant after Open, used by the background tasks
	flushTimer *time.Timer
	syncTimer  *time.Timer
}

// sizes holds the sizes of the files, for the rewrite trigger.
type sizes struct {
	closed int64 // bytes of the base file and of all incremental files except the last
	base   int64 // bytes of the whole log after the last rewrite
}

// New returns a Log. It touches no file. Open reports an invalid option. A Log can be opened once,
// by one store.
func New(opts ...Option) *Log {
	l := &Log{config: defaultConfig(), db: -1, mute: true, quit: make(chan struct{}), full: make(chan struct{}, 1)}
	l.waits.init(&l.mu)
	l.slow.Store(true)
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
	l.env, l.disk = env, disk
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
// error matching ErrOptions and changes nothing. Configure waits for a running rewrite. It returns
// an error matching [appendlog.ErrClosed] if the log is not open.
func (l *Log) Configure(opts ...Option) error {
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
		l.waitLocked()
	}
	if l.phase == phaseNew || l.phase == phaseClosed || l.closing {
		return appendlog.ErrClosed
	}
	for _, o := range opts {
		_ = o.apply(&l.config) // a concurrent Configure may have changed other options; these are valid
	}
	if l.written > l.synced {
		l.openEpochLocked(time.Now())
	}
	l.paceLocked()
	l.wakeLocked()
	return nil
}

// Status returns the current sizes, settings and counters.
func (l *Log) Status() appendlog.Status {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := appendlog.Status{
		Fsync:           l.config.fsync.String(),
		CurrentSize:     l.sizeLocked(),
		BaseSize:        l.sizes.base,
		Buffered:        int64(l.appended - l.written),
		Unsynced:        int64(l.written - l.synced),
		PendingFsync:    l.syncing,
		DelayedFsync:    l.delayed,
		Fsyncs:          l.fsyncs,
		Published:       l.published,
		LastWriteFailed: l.err != nil,
		Kept:            l.copiedTo,
		Mode:            Direct.String(),
		ModeReason:      l.noRing,
	}
	if l.ring != nil {
		s.Mode = Ring.String()
	}
	s.RewriteDue = l.published && l.config.trigger.Due(s.BaseSize, s.CurrentSize)
	return s
}

// sizeLocked returns the size of the base file and the incremental files in bytes. In Ring mode it
// includes bytes that are only in the tail file.
func (l *Log) sizeLocked() int64 {
	if l.incr == nil || !l.published {
		return l.sizes.closed
	}
	size := l.sizes.closed + l.incr.size
	if l.ring != nil {
		size += int64(l.appended - l.written)
	}
	return size
}

// Err returns the failure after which the log accepts no more records, or nil.
func (l *Log) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// failLocked puts the log into the failed state, unless it is there already. It returns the first
// failure.
func (l *Log) failLocked(op, file string, cause error) error {
	if l.err == nil {
		l.err = &appendlog.FailedError{Op: op, File: file, Err: cause}
		l.mute = true
		l.forgetBufferLocked()
		l.paceLocked()
		l.env.Logger.Error("the log has failed", "op", op, "file", file, "err", cause)
	}
	l.wakeLocked()
	return l.err
}
