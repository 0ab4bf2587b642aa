package appendlog

import (
	"context"
	"io"
	"time"
)

// Replayer receives what a log holds. A log calls it from one goroutine at a time.
type Replayer interface {
	// Base accepts an RDB file, or one at the start of a file: r returns the file from its first
	// byte, and size is the size of the file. Base may read past the end of the RDB. It returns an
	// error matching ErrUntil if the RDB is later than Env.Until.
	Base(ctx context.Context, r io.Reader, size int64) (BaseInfo, error)

	// Apply accepts one unit: a single command, or all commands of one transaction. SELECT, MULTI
	// and EXEC are not among them. The arguments are valid during the call only. An error ends the
	// replay.
	//
	// A log may split a transaction of more than 100,000 commands into several calls, once it has
	// read it to its end.
	Apply(unit []Command) error

	// Progress accepts how many of the log's bytes are read.
	Progress(done, total int64)
}

// Command is one command of a log.
type Command struct {
	DB     int
	Args   [][]byte // the name first, as it was written
	File   string   // path
	Offset int64    // of its first byte in File
}

// ReplayReport describes what Replay found.
type ReplayReport struct {
	Files    int    // base and incremental files read
	Commands int64  // commands passed to Apply
	Size     int64  // bytes read
	Cut      int64  // bytes of a torn tail that Start truncates
	File     string // the file with the torn tail, when Cut > 0
	Offset   int64  // where Start truncates it
	Reason   string // what is wrong with the tail
	// With Env.Until: the number of bytes that are later than that time and were not replayed, and
	// where they begin. Start copies the whole log to another place before it truncates them.
	LeftOut       int64
	LeftOutFile   string
	LeftOutOffset int64
	// Merged is the number of bytes that a killed process had acknowledged, and that were replayed
	// from another file than the log's own: aof's tail file. Start moves them into the log.
	Merged int64
	// TailReason states why something in the tail file does not belong to the log and was not
	// replayed: another program has continued the log. Start keeps the file under another name.
	TailReason string
	TailFile   string // its path, when Merged or TailReason is set, or when it is missing
	// TailMissing reports that a process was killed and that its tail file is missing:
	// acknowledged writes may be lost.
	TailMissing bool
	// Store is the id of the store that began the log: Env.Store of the Open before the first base.
	// It is "" if the log does not record it. A store then takes a dump of its own for one that
	// somebody put there, if the dump is later than Time, and keeps it under another name.
	Store string
	// Unverified counts bytes that no checksum covers, such as those another program wrote.
	Unverified int64
	// Time is when the newest file was last changed.
	Time time.Time
}

// Status describes a log at one moment.
type Status struct {
	Fsync           string // the fsync policy, in the log's words: Redis's are always, everysec and no
	CurrentSize     int64  // bytes of the log
	BaseSize        int64  // bytes of the log after the last rewrite, from which growth is measured
	Buffered        int64  // bytes appended and not yet passed to the kernel
	Unsynced        int64  // bytes passed to the kernel and not known to be on disk
	PendingFsync    bool   // a background fsync is running
	DelayedFsync    int64  // number of times that writers had to wait for a late fsync
	Fsyncs          int64  // number of fsyncs
	RewriteDue      bool   // the log asks for an automatic rewrite
	Published       bool   // the log is complete; false while the first base is written
	LastWriteFailed bool
	Mode            string // how writes reach the file, in the log's words: aof's are direct and ring
	// ModeReason states why another mode than the one asked for is in force; "" if it is not.
	ModeReason string
	// Kept is where Start has copied the log before it truncated it for Env.Until; "" if it did not.
	Kept string
}
