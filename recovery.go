package perdure

import (
	"context"
	"time"
)

// RecoveryReport tells what Open found and did.
type RecoveryReport struct {
	Source   string        // "aof", "rdb" or "empty"
	Keys     int64         // in the store after loading
	Expired  int64         // dropped from a dump because their time had passed
	Commands int64         // replayed from the log
	Bytes    int64         // read
	Took     time.Duration // for loading
	// A torn tail that was cut off the log: how many bytes, where, and what it looked like.
	Cut       int64
	CutFile   string
	CutOffset int64
	CutReason string
	// What WithRecoverUntil has left out: how many bytes, where they begin, and the directory in which
	// the whole log is kept. LeftOut is 0 when nothing in the log was later.
	LeftOut       int64
	LeftOutFile   string
	LeftOutOffset int64
	Kept          string
	Unverified    int64 // bytes of the log that no checksum covers
	// What a killed process had acknowledged under aof.Ring and not yet put into the log: so many bytes
	// of TailFile were loaded, and Open puts them there. TailReason is set when something in it does not
	// belong to the log as it stands, because another program went on with that: it was not loaded, and
	// Open keeps the file under another name, which it logs.
	Merged     int64
	TailFile   string
	TailReason string
	// NewerDump reports that a dump was not loaded which this store did not save with this log: it is of
	// another store, or of no store and newer than the log. The first save keeps it under another name.
	NewerDump bool
	// TailMissing reports that a process was killed under aof.Ring, and that TailFile is missing, in
	// which its last acknowledged writes were.
	TailMissing bool
	// LogMissing reports that the dump was saved while a log was on, and that there is no log.
	LogMissing bool
}

// Recovery tells what Open found and did: where the data came from, and what was cut off a torn log.
func (s *Store) Recovery() RecoveryReport { return RecoveryReport(s.e.Recovery()) }

// LoadProgress tells how far Open is.
type LoadProgress struct {
	Source      string // "aof" or "rdb"
	Done, Total int64  // bytes
	Keys        int64  // loaded so far
}

// Err is the reason for which writes are refused now, or nil. It waits for nothing, and may be called from anywhere. A sync
// that failed in the background, and that no write has met, shows within a tenth of a second.
func (s *Store) Err() error { return named(s.e.Err()) }

// Recover is the way out after ErrLogFailed, once the disk works again: it writes the whole data
// set and a new log to new files, durably, and lets writes go on. Without a failure it does nothing.
func (s *Store) Recover(ctx context.Context) error { return named(s.e.Recover(ctx)) }
