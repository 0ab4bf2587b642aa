package appendlog

import (
	"context"
	"io"
	"time"
)

// A Replayer receives the contents of a log. A log calls it from one goroutine at a time.
type Replayer interface {
	// Base receives an RDB file, or an RDB at the start of a file. r reads the file from its first
	// byte, and size is the size of the file. Base may read past the end of the RDB. It returns an
	// error matching ErrUntil if the RDB is later than Env.Until.
	Base(ctx context.Context, r io.Reader, size int64) (BaseInfo, error)

	// Apply receives one unit: a single command, or all commands of one transaction. SELECT, MULTI
	// and EXEC are not among the commands. The arguments are valid during the call only. An error
	// ends the replay.
	//
	// A log may split a transaction of more than 100,000 commands into several calls, after it has
	// read the whole transaction.
	Apply(unit []Command) error

	// Progress reports the number of the log's bytes that are read.
	Progress(done, total int64)
}

// A Command is one command of a log.
type Command struct {
	DB     int
	Args   [][]byte // the name first, in its original letter case
	File   string   // path
	Offset int64    // offset of its first byte in File
}

// A ReplayReport is the result of a Replay.
type ReplayReport struct {
	Files    int    // base and incremental files read
	Commands int64  // commands passed to Apply
	Size     int64  // bytes read
	Cut      int64  // bytes of a torn tail that Start truncates
	File     string // file with the torn tail, if Cut > 0
	Offset   int64  // offset where Start truncates it
	Reason   string // the problem with the tail
	// With Env.Until: the number of bytes that are later than that time and were not replayed, and
	// their start. Start copies the whole log to another place before it truncates them.
	LeftOut       int64
	LeftOutFile   string
	LeftOutOffset int64
	// Merged is the number of bytes that a killed process had acknowledged and that were replayed
	// from another file than the log's own: aof's tail file. Start appends them to the log.
	Merged int64
	// TailReason states why records in the tail file do not belong to the log and were not
	// replayed: another program has continued the log. Start keeps the file under another name.
	TailReason string
	TailFile   string // path of the tail file, if Merged or TailReason is set, or if it is missing
	// TailMissing reports that a process was killed and that its tail file is missing:
	// acknowledged writes may be lost.
	TailMissing bool
	// Store is the id of the store that began the log: Env.Store of the Open before the first base.
	// It is "" if the log does not record it. A store then treats its own dump that is
	// later than Time as one that a user put there, and keeps it under another name.
	Store string
	// Unverified is the number of bytes that no checksum covers, such as those of another program.
	Unverified int64
	// Time is the modification time of the newest file.
	Time time.Time
}

// A Status describes a log at one moment.
type Status struct {
	Fsync           string // name of the fsync policy: for Redis's policies always, everysec and no
	CurrentSize     int64  // bytes of the log
	BaseSize        int64  // bytes of the log after the last rewrite; growth is measured from there
	Buffered        int64  // bytes appended and not yet passed to the kernel
	Unsynced        int64  // bytes passed to the kernel and not known to be durable
	PendingFsync    bool   // a background fsync is running
	DelayedFsync    int64  // number of times that writers had to wait for a late fsync
	Fsyncs          int64  // number of fsyncs
	RewriteDue      bool   // the log asks for an automatic rewrite
	Published       bool   // the log is complete; false while the first base is written
	LastWriteFailed bool
	Mode            string // how writes reach the file: in aof direct or ring
	// ModeReason states why the mode is not the one that was requested; "" if it is.
	ModeReason string
	// Kept is the path of the copy of the log that Start made before it truncated the log for
	// Env.Until, or "".
	Kept string
}
