package engine

import (
	"fmt"
	"strings"
	"time"
)

// Info returns Redis's INFO persistence, with Redis's field names, one per line. Fields about
// fork and copy-on-write are 0, because perdure uses neither. Some fields of INFO memory and INFO
// stats follow.
func (e *Engine) Info() string {
	s := e.Stats()
	var b strings.Builder
	b.WriteString("# Persistence\r\n")
	line := func(name string, value any) { fmt.Fprintf(&b, "%s:%v\r\n", name, value) }
	line("loading", 0)
	line("async_loading", 0)
	line("current_cow_peak", 0)
	line("current_cow_size", 0)
	line("current_cow_size_age", 0)
	line("current_fork_perc", percent(s.KeysProcessed, s.KeysTotal))
	line("current_save_keys_processed", s.KeysProcessed)
	line("current_save_keys_total", s.KeysTotal)
	line("rdb_changes_since_last_save", s.ChangesSinceSave)
	line("rdb_bgsave_in_progress", digit(s.SaveInProgress))
	line("rdb_last_save_time", s.LastSave.Unix())
	line("rdb_last_bgsave_status", status(s.LastSaveOK))
	line("rdb_last_bgsave_time_sec", wholeSeconds(s.LastSaveTook))
	line("rdb_current_bgsave_time_sec", wholeSeconds(s.CurrentSaveTook))
	line("rdb_saves", s.Saves)
	line("rdb_last_cow_size", 0)
	line("rdb_last_load_keys_expired", s.LoadExpired)
	line("rdb_last_load_keys_loaded", s.LoadedKeys)
	line("aof_enabled", digit(s.LogEnabled))
	line("aof_rewrite_in_progress", digit(s.RewriteInProgress))
	line("aof_rewrite_scheduled", digit(s.RewriteScheduled))
	line("aof_last_rewrite_time_sec", wholeSeconds(s.LastRewriteTook))
	line("aof_current_rewrite_time_sec", wholeSeconds(s.CurrentRewriteTook))
	line("aof_last_bgrewrite_status", status(s.LastRewriteOK))
	line("aof_rewrites", s.Rewrites)
	line("aof_rewrites_consecutive_failures", s.RewriteFailures)
	line("aof_last_write_status", status(s.LastWriteOK))
	line("aof_last_cow_size", 0)
	line("module_fork_in_progress", 0)
	line("module_fork_last_cow_size", 0)
	if s.LogEnabled {
		line("aof_current_size", s.LogSize)
		line("aof_base_size", s.LogBaseSize)
		line("aof_pending_rewrite", digit(s.RewriteScheduled))
		line("aof_buffer_length", s.LogBuffered)
		line("aof_pending_bio_fsync", digit(s.PendingFsync))
		line("aof_delayed_fsync", s.DelayedFsync)
	}
	memoryInfo(line, &b, &s)
	return b.String()
}

// memoryInfo adds the fields of INFO memory and INFO stats that apply to perdure.
func memoryInfo(line func(string, any), b *strings.Builder, s *Stats) {
	b.WriteString("\r\n# Memory\r\n")
	line("used_memory", s.MemoryUsed)
	line("allocator_allocated", s.MemoryUsed)
	line("allocator_resident", s.MemoryResident)
	line("mem_fragmentation_ratio", fmt.Sprintf("%.2f", float64(s.MemoryResident)/float64(max(s.MemoryUsed, 1))))
	line("active_defrag_running", digit(s.DefragRunning))
	b.WriteString("\r\n# Stats\r\n")
	line("active_defrag_hits", s.DefragMoved)
	line("total_active_defrag_time", s.DefragTook.Milliseconds())
}

func digit(b bool) int {
	if b {
		return 1
	}
	return 0
}

func status(ok bool) string {
	if ok {
		return "ok"
	}
	return "err"
}

func wholeSeconds(d time.Duration) int64 {
	if d < 0 {
		return -1
	}
	return int64(d / time.Second)
}

func percent(part, whole int64) string {
	if whole == 0 {
		return "0.00"
	}
	return fmt.Sprintf("%.2f", 100*float64(part)/float64(whole))
}
