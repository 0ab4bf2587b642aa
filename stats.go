package perdure

import "time"

// Stats describe a store at one moment. Fields with a Redis name in their comment are those of
// INFO.
type Stats struct {
	Keys    int64 // in all databases, those included that have expired and are not yet swept
	Expires int64 // keys with an expiry
	Expired int64 // keys deleted because their time had passed, since Open
	// Memory outside the Go heap, in bytes: asked of the system, of that what may be in RAM, and what
	// holds data. What was asked for and never touched takes no RAM.
	MemoryReserved int64
	MemoryResident int64         // allocator_resident
	MemoryUsed     int64         // used_memory
	DefragRunning  bool          // active_defrag_running; entries are moved to give memory back
	DefragMoved    int64         // active_defrag_hits: entries that were moved, since Open
	DefragTook     time.Duration // total_active_defrag_time

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
	LogMode            string // aof.LogMode in force: "direct" or "ring"
	LogModeReason      string // why it is direct though ring was asked for
}

// Fragmentation is how many bytes may be in RAM for each that holds data, mem_fragmentation_ratio; 1
// is none.
func (s Stats) Fragmentation() float64 {
	if s.MemoryUsed == 0 {
		return 1
	}
	return float64(s.MemoryResident) / float64(s.MemoryUsed)
}

// Stats tell the state of the store now. It takes a few microseconds.
func (s *Store) Stats() Stats { return Stats(s.e.Stats()) }

// Info is Redis's INFO persistence: the same fields, one a line, for tools that know them. Behind it
// stand those fields of INFO memory and INFO stats that say how memory is used.
func (s *Store) Info() string { return s.e.Info() }
