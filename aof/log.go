package aof

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/perduredb/perdure/appendlog"
	"github.com/perduredb/perdure/internal/dirfs"
	"github.com/perduredb/perdure/snapshot"
)

// A Log is in one of these phases, which follow one another.
type phase uint8

const (
	phaseNew      phase = iota // New has made it
	phaseOpen                  // Open has looked at the files
	phaseReplayed              // Replay has read them
	phaseRunning               // Start, or a Rewrite, has opened a file to append to
	phaseClosed
)

// Log is the append-only log in Redis's multi-part files. It implements AppendLog.
//
// What happens to a unit:
//
//	Append   copies it to buf                          (append.go)
//	         or links what is large of it              (group.go)
//	         and, in Ring mode, to the tail file       (keepring.go, ring.go)
//	Commit   writes buf, with a mark, to the increment  (commit.go)
//	         over filler, under Always                  (filler.go)
//	         and syncs it as the policy asks            (fsync.go)
//	Rewrite  moves the log to a new increment and base  (rewrite.go)
type Log struct {
	// constant after Open; marked is so after New
	env    snapshot.Env
	marked bool   // checksums are on
	store  uint64 // id of the store, for new files; changed by Replay
	gen    uint64 // of the log, for new files; changed by Replay

	// disk is what stands in the directory. Open, Start and the one Rewrite change it, none of
	// which run at the same time.
	disk *layout

	// ctl serialises Open, Replay, Start and Close. Lock order: ctl -> mu.
	ctl sync.Mutex

	quit  chan struct{} // closed by Close
	tasks sync.WaitGroup

	// mu guards everything below. Nothing that waits for the disk happens while it is held.
	mu     sync.Mutex
	config config

	waits  waits
	phase  phase
	replay replayResult
	kept   string // where Start has put the log before it was cut
	err    error  // after which the log takes no more units
	closed error  // what Close has returned

	closing bool // Close has begun

	// The buffer: what was appended and not written.
	buf       []byte
	links     []link    // large values that belong between the bytes of buf
	bufDB     int       // that buf finds selected; -1 when it begins with a SELECT
	bufSince  time.Time // when the first byte came, in Ring mode
	spare     []byte    // the buffer before, for the next one
	paged     []byte    // what a group was that was laid out for filler; used by who writes
	db        int       // that the next unit finds selected; -1 is none
	reselect  bool      // the next unit begins with a SELECT in any case
	stamped   int64     // second of the last #TS: line
	appended  appendlog.Position
	flushSet  bool // flushTimer runs
	published bool // the manifest names a complete log
	mute      bool // units go nowhere: the next base will have them

	// The file. writing and syncing are tokens: who has set one works on the file without mu.
	tail    *incr // nil before the first
	writing bool
	syncing bool
	// groupSince is bufSince of what is being written.
	groupSince time.Time
	written    appendlog.Position // up to here the system has it
	synced     appendlog.Position // up to here the disk has it
	sizes      sizes

	// The everysec policy: see fsync.go.
	epoch       int64
	epochOpen   bool
	epochSynced int64
	epochLate   int64
	holds       [2]*time.Timer

	// Ring mode: see keepring.go.
	ring   *ring  // nil in Direct mode
	broken *ring  // one that has failed, and whose file is still there
	noRing string // why there is none, though LogMode asks for it
	// ringNoted is the id of the tail file that the marks of the log report last.
	ringNoted uint64
	slow      atomic.Bool   // Commit must look closer; changed under mu, and read without
	crowded   bool          // the buffer is so long that writers shall help
	full      chan struct{} // calls the flusher

	// The rewrite under way: see rewrite.go.
	rewrite *rewrite
	cut     *cut

	fsyncs  int64
	delayed int64

	// constant after Open, used by the background tasks
	flushTimer *time.Timer
	syncTimer  *time.Timer
}

// sizes are those of the files, for the rewrite trigger.
type sizes struct {
	closed int64 // base and increments but the last
	base   int64 // of the whole log after the last rewrite
}

// New returns a Log. It touches no file; a wrong option is reported by Open. A Log can be opened once, by one store.
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

// Open binds the log to a data directory and says whether a log is there. It changes nothing.
// Damage of the manifest and missing files are a *CorruptError.
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
	if l.store = parseID(env.Store); l.store == 0 {
		l.store = randomID()
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

// Configure changes options while a store has the log open: those made by Fsync, AutoRewrite, RDBBase,
// NoFsyncOnRewrite and Timestamps. Any other option is an error matching ErrOptions, and no option is changed
// then. Configure waits for a rewrite under way. If the log is not open it returns an error matching
// appendlog.ErrClosed.
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
		_ = o.apply(&l.config) // another Configure may have changed other options; these are valid
	}
	if l.written > l.synced {
		l.openEpochLocked(time.Now())
	}
	l.paceLocked()
	l.wakeLocked()
	return nil
}

// Status tells sizes, settings and counters of this moment.
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
		Kept:            l.kept,
		Mode:            Direct.String(),
		ModeReason:      l.noRing,
	}
	if l.ring != nil {
		s.Mode = Ring.String()
	}
	s.RewriteDue = l.published && l.config.trigger.Due(s.BaseSize, s.CurrentSize)
	return s
}

// sizeLocked returns the bytes of base and increments, what is promised to be there included.
func (l *Log) sizeLocked() int64 {
	if l.tail == nil || !l.published {
		return l.sizes.closed
	}
	size := l.sizes.closed + l.tail.size
	if l.ring != nil {
		size += int64(l.appended - l.written)
	}
	return size
}

// Err returns the failure after which the log takes no more units, or nil.
func (l *Log) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// failLocked makes the log failed, unless it is, and returns its error.
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
