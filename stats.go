package perdure

import "time"

// Stats describes the state of a store. A field whose comment contains a Redis name corresponds to
// that field of INFO.
type Stats struct {
	Keys    int64 // in all databases, including expired keys not removed yet
	Expires int64 // keys with an expiry
	Expired int64 // keys deleted by expiry since Open
	// Memory outside the Go heap, in bytes: reserved from the operating system, the part of that
	// which may be in RAM, and the part that holds data. Reserved memory that was never touched
	// uses no RAM.
	MemoryReserved int64
	MemoryResident int64         // allocator_resident
	MemoryUsed     int64         // used_memory
	DefragRunning  bool          // active_defrag_running; entries are moved to release memory
	DefragMoved    int64         // active_defrag_hits: entries moved since Open
	DefragTook     time.Duration // total_active_defrag_time

	ChangesSinceSave int64         // rdb_changes_since_last_save
	SaveInProgress   bool          // rdb_bgsave_in_progress
	LastSave         time.Time     // rdb_last_save_time
	LastSaveOK       bool          // rdb_last_bgsave_status
	LastSaveTook     time.Duration // rdb_last_bgsave_time_sec; -1 before the first
	CurrentSaveTook  time.Duration // rdb_current_bgsave_time_sec; -1 if none is running
	Saves            int64         // rdb_saves
	RuleSaves        int64         // saves started by a rule
	KeysProcessed    int64         // current_save_keys_processed
	KeysTotal        int64         // current_save_keys_total
	LoadExpired      int64         // rdb_last_load_keys_expired
	LoadedKeys       int64         // rdb_last_load_keys_loaded
	LastBarrier      time.Duration // time the last snapshot held all locks, with the wait for them

	LogEnabled         bool          // aof_enabled
	LogReady           bool          // the log is complete and provides durability
	RewriteInProgress  bool          // aof_rewrite_in_progress
	RewriteScheduled   bool          // aof_rewrite_scheduled
	LastRewriteTook    time.Duration // aof_last_rewrite_time_sec; -1 before the first
	CurrentRewriteTook time.Duration // aof_current_rewrite_time_sec; -1 if none is running
	LastRewriteOK      bool          // aof_last_bgrewrite_status
	Rewrites           int64         // aof_rewrites
	RewriteFailures    int           // aof_rewrites_consecutive_failures
	LastWriteOK        bool          // aof_last_write_status
	LogSize            int64         // aof_current_size
	LogBaseSize        int64         // aof_base_size
	LogBuffered        int64         // aof_buffer_length
	LogUnsynced        int64         // bytes passed to the kernel but not known to be synced
	PendingFsync       bool          // aof_pending_bio_fsync
	DelayedFsync       int64         // aof_delayed_fsync
	Fsyncs             int64
	FsyncPolicy        string // appendfsync
	LogMode            string // aof.LogMode in force: "direct" or "ring"
	LogModeReason      string // why it is direct although ring was requested
}

// Fragmentation returns the ratio of the bytes that may be in RAM to the bytes that hold data
// (mem_fragmentation_ratio). A result of 1 means no fragmentation.
func (s Stats) Fragmentation() float64 {
	if s.MemoryUsed == 0 {
		return 1
	}
	return float64(s.MemoryResident) / float64(s.MemoryUsed)
}

// Stats returns the current state of the store. It takes a few microseconds.
func (s *Store) Stats() Stats { return Stats(s.e.Stats()) }

// Info returns the fields of Redis's INFO persistence, one a line, for tools that read them. The
// fields of INFO memory and INFO stats about memory use follow.
func (s *Store) Info() string { return s.e.Info() }
