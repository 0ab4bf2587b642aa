package engine

import (
	"sync/atomic"
	"time"

	"github.com/perduredb/perdure/internal/table"
)

// counters are values for reporting only. No decision depends on them.
type counters struct {
	logOn           atomic.Bool // a log is configured, complete or not
	saves           atomic.Int64
	ruleSaves       atomic.Int64
	rewrites        atomic.Int64
	lastSaveTook    atomic.Int64 // ns; -1 before the first
	lastRewriteTook atomic.Int64 // ns; -1 before the first
	lastBarrier     atomic.Int64 // ns
	loadedKeys      atomic.Int64
	loadExpired     atomic.Int64
	longLoaded      atomic.Bool // a value above longValue was loaded since releaseBuffers
	sweeper         sweeper     // used only by the background loop
}

func (c *counters) init() {
	c.lastSaveTook.Store(-1)
	c.lastRewriteTook.Store(-1)
}

// Stats describes the state of a store. The root package has an identical type and documents its
// fields. The two are converted, so that the compiler keeps them identical.
type Stats struct {
	Keys    int64
	Expires int64
	Expired int64

	MemoryReserved int64
	MemoryResident int64
	MemoryUsed     int64
	DefragRunning  bool
	DefragMoved    int64
	DefragTook     time.Duration

	ChangesSinceSave int64
	SaveInProgress   bool
	LastSave         time.Time
	LastSaveOK       bool
	LastSaveTook     time.Duration
	CurrentSaveTook  time.Duration
	Saves            int64
	RuleSaves        int64
	KeysProcessed    int64
	KeysTotal        int64
	LoadExpired      int64
	LoadedKeys       int64
	LastBarrier      time.Duration

	LogEnabled         bool
	LogReady           bool
	RewriteInProgress  bool
	RewriteScheduled   bool
	LastRewriteTook    time.Duration
	CurrentRewriteTook time.Duration
	LastRewriteOK      bool
	Rewrites           int64
	RewriteFailures    int
	LastWriteOK        bool
	LogSize            int64
	LogBaseSize        int64
	LogBuffered        int64
	LogUnsynced        int64
	PendingFsync       bool
	DelayedFsync       int64
	Fsyncs             int64
	FsyncPolicy        string
	LogMode            string
	LogModeReason      string
}

// Stats returns the current state of the store. It holds each lock only while it reads a counter.
func (e *Engine) Stats() Stats {
	log := e.logStatus()
	s := Stats{
		Expired:          e.ops.Expired.Load(),
		ChangesSinceSave: e.sumDirty(),
		Saves:            e.counts.saves.Load(),
		RuleSaves:        e.counts.ruleSaves.Load(),
		LastSaveTook:     time.Duration(e.counts.lastSaveTook.Load()),
		LoadExpired:      e.counts.loadExpired.Load(),
		LoadedKeys:       e.counts.loadedKeys.Load(),
		LastBarrier:      time.Duration(e.counts.lastBarrier.Load()),
		LogEnabled:       e.counts.logOn.Load(),
		LogReady:         e.jobs.logReady.Load(),
		LastRewriteTook:  time.Duration(e.counts.lastRewriteTook.Load()),
		Rewrites:         e.counts.rewrites.Load(),
		LogSize:          log.CurrentSize,
		LogBaseSize:      log.BaseSize,
		LogBuffered:      log.Buffered,
		LogUnsynced:      log.Unsynced,
		PendingFsync:     log.PendingFsync,
		DelayedFsync:     log.DelayedFsync,
		Fsyncs:           log.Fsyncs,
		FsyncPolicy:      log.Fsync,
		LogMode:          log.Mode,
		LogModeReason:    log.ModeReason,
	}
	m := e.memory()
	s.MemoryReserved, s.MemoryResident, s.MemoryUsed = m.Reserved, m.Resident, m.Used()
	s.DefragRunning, s.DefragMoved = e.defrag.running.Load(), e.defrag.Moved()
	s.DefragTook = time.Duration(e.defrag.took.Load())
	for db := range e.table.Databases() {
		s.Keys += e.table.Len(db)
		s.Expires += e.table.Expires(db)
	}
	e.jobStats(&s)
	return s
}

// jobStats fills in the fields that the mutex of jobs guards.
func (e *Engine) jobStats(s *Stats) {
	j := &e.jobs
	j.mu.Lock()
	defer j.mu.Unlock()
	s.LastSave, s.LastSaveOK = j.lastSaveTime, !j.saveFailed
	s.CurrentSaveTook, s.CurrentRewriteTook = -1, -1
	if t := j.saving; t != nil {
		s.SaveInProgress = true
		s.CurrentSaveTook = time.Since(t.started)
		s.KeysProcessed, s.KeysTotal = t.Progress()
	}
	if t := j.rewriting; t != nil {
		s.RewriteScheduled = j.saving != nil
		s.RewriteInProgress = !s.RewriteScheduled
		s.CurrentRewriteTook = time.Since(t.started)
		if s.RewriteInProgress {
			s.KeysProcessed, s.KeysTotal = t.Progress()
		}
	}
	s.LastRewriteOK, s.RewriteFailures = j.rewriteFails == 0, j.rewriteFails
	s.LastWriteOK = j.logErr == nil && j.broken == nil
}

// MemoryUsed returns the memory of the data set in bytes.
func (e *Engine) MemoryUsed() int64 {
	m := e.memory()
	return m.Used()
}

// memory returns the memory statistics. It takes a lock, so that Close does not free the memory
// that is counted.
func (e *Engine) memory() table.MemoryStats {
	if !e.enterScan() {
		return table.MemoryStats{}
	}
	defer e.leaveScan()
	return e.table.Memory()
}
