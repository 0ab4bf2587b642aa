package engine

import (
	"sync/atomic"
	"time"

	"github.com/perduredb/perdure/internal/table"
)

// counters are numbers that only ever tell; nothing is decided by them.
type counters struct {
	logOn           atomic.Bool // a log is configured, complete or not
	expired         atomic.Int64
	saves           atomic.Int64
	ruleSaves       atomic.Int64
	rewrites        atomic.Int64
	lastSaveTook    atomic.Int64 // ns; -1 before the first
	lastRewriteTook atomic.Int64 // ns; -1 before the first
	lastBarrier     atomic.Int64 // ns
	loadedKeys      atomic.Int64
	loadExpired     atomic.Int64
	sweeper         sweeper // of the background loop alone
}

func (c *counters) init() {
	c.lastSaveTook.Store(-1)
	c.lastRewriteTook.Store(-1)
}

// Stats describe a store at one moment. Fields with a Redis name in their comment are those of
// INFO persistence.
type Stats struct {
	Keys    int64 // in all databases, those included that have expired and are not yet swept
	Expires int64 // keys with an expiry
	Expired int64 // keys deleted because their time had passed, since Open
	Memory  table.MemoryStats

	ChangesSinceSave int64         // rdb_changes_since_last_save
	SaveInProgress   bool          // rdb_bgsave_in_progress
	LastSave         time.Time     // rdb_last_save_time
	LastSaveOK       bool          // rdb_last_bgsave_status
	LastSaveTook     time.Duration // rdb_last_bgsave_time_sec; -1 before the first
	CurrentSaveTook  time.Duration // rdb_current_bgsave_time_sec; -1 when none
	Saves            int64         // rdb_saves
	RuleSaves        int64         // saves that a rule began
	KeysProcessed    int64         // current_save_keys_processed
	KeysTotal        int64         // current_save_keys_total
	LoadExpired      int64         // rdb_last_load_keys_expired
	LoadedKeys       int64         // rdb_last_load_keys_loaded
	LastBarrier      time.Duration // how long the last freeze held every lock, waiting for them included

	LogEnabled         bool          // aof_enabled
	LogReady           bool          // it is complete and gives durability
	RewriteInProgress  bool          // aof_rewrite_in_progress
	RewriteScheduled   bool          // aof_rewrite_scheduled
	LastRewriteTook    time.Duration // aof_last_rewrite_time_sec; -1 before the first
	CurrentRewriteTook time.Duration // aof_current_rewrite_time_sec; -1 when none
	LastRewriteOK      bool          // aof_last_bgrewrite_status
	Rewrites           int64         // aof_rewrites
	RewriteFailures    int           // aof_rewrites_consecutive_failures
	LastWriteOK        bool          // aof_last_write_status
	LogSize            int64         // aof_current_size
	LogBaseSize        int64         // aof_base_size
	LogBuffered        int64         // aof_buffer_length
	LogUnsynced        int64         // bytes in the kernel not known to be on disk
	PendingFsync       bool          // aof_pending_bio_fsync
	DelayedFsync       int64         // aof_delayed_fsync
	Fsyncs             int64
	FsyncPolicy        string // appendfsync
}

// Stats describe the store now. No lock is held for longer than a counter takes.
func (e *Engine) Stats() Stats {
	log := e.logStatus()
	s := Stats{
		Expired:          e.counts.expired.Load(),
		Memory:           e.memory(),
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
		FsyncPolicy:      log.Fsync.String(),
	}
	for db := range e.table.Databases() {
		s.Keys += e.table.Len(db)
		s.Expires += e.table.Expires(db)
	}
	e.jobStats(&s)
	return s
}

// jobStats fills in what stands under the mutex of the jobs.
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
	s.LastWriteOK = j.logErr == nil
}

// memory is asked under a lock, so that Close does not free what is counted.
func (e *Engine) memory() table.MemoryStats {
	if !e.enterScan() {
		return table.MemoryStats{}
	}
	defer e.leaveScan()
	return e.table.Memory()
}
