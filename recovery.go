package perdure

import (
	"context"
	"time"

	"github.com/perduredb/perdure/internal/errtext"
)

// A RecoveryReport describes what Open found and did.
type RecoveryReport struct {
	Source   string        // "aof", "rdb" or "empty"
	Keys     int64         // keys in the store after loading
	Expired  int64         // expired keys dropped from a dump
	Commands int64         // commands replayed from the log
	Bytes    int64         // bytes read
	Took     time.Duration // loading time
	// The torn tail that was truncated from the log: its size in bytes, file, offset, and a
	// description.
	Cut       int64
	CutFile   string
	CutOffset int64
	CutReason string
	// The part of the log that [WithRecoverUntil] left out: its size in bytes, file, offset, and
	// the directory that keeps the whole log. LeftOut is 0 if nothing in the log was later.
	LeftOut       int64
	LeftOutFile   string
	LeftOutOffset int64
	Kept          string
	Unverified    int64 // bytes of the log not covered by a checksum
	// Merged is the number of bytes loaded from TailFile: writes that a killed process had
	// acknowledged under [aof.Ring] and not yet written to the log. Open appends them to the log.
	//
	// TailReason is set if part of TailFile does not belong to the present log, because another
	// program continued the log. That part was not loaded. Open renames the file, keeps it, and
	// logs the new name.
	Merged     int64
	TailFile   string
	TailReason string
	// NewerDump reports that Open did not load a dump that this store did not save with this log.
	// The dump is of another store, or it names no store and is newer than the log. The first save
	// renames and keeps it.
	NewerDump bool
	// TailMissing reports that a process was killed under [aof.Ring] and that TailFile, which held
	// its last acknowledged writes, is missing.
	TailMissing bool
	// LogMissing reports that the dump was saved while the log was on, but the log is missing.
	LogMissing bool
}

// Recovery reports what Open found and did: the source of the data, and the bytes truncated from a
// torn log.
func (s *Store) Recovery() RecoveryReport { return RecoveryReport(s.e.Recovery()) }

// LoadProgress describes how much of the data set Open has loaded.
type LoadProgress struct {
	Source      string // "aof" or "rdb"
	Done, Total int64  // bytes
	Keys        int64  // keys loaded so far
}

// Err returns the reason why writes are currently refused, or nil. It never blocks and can be
// called from any goroutine. It also reports a failed background sync that no write has
// returned, within about 100 ms.
func (s *Store) Err() error { return errtext.Named(s.e.Err()) }

// Recover restores write access after [ErrLogFailed], once the disk works again. It durably writes
// the whole data set and a new log to new files, then admits writes again. If the log has not
// failed, Recover does nothing.
func (s *Store) Recover(ctx context.Context) error { return errtext.Named(s.e.Recover(ctx)) }
