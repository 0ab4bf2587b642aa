package aof

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/perduredb/perdure/snapshot"
)

// AppendLog is what a store needs of a log: every write, as commands, in order. New returns the
// one that keeps Redis's multi-part append-only file; a program may bring its own.
//
// The store calls Open once, then Replay if that found a log, then either Start or BeginRewrite,
// and then the other methods from any goroutine.
type AppendLog interface {
	// Open binds the log to a data directory and says whether one is there. It changes nothing.
	Open(env snapshot.Env) (found bool, err error)

	// Replay gives everything the log holds to r, in order. It changes nothing on disk, whatever
	// it finds: a torn tail is only noted in what it returns, and cut by Start. Damage is an
	// error that names file and offset. With Env.Until it stops at that moment, and is ErrUntil when
	// the log cannot tell what it held then.
	Replay(ctx context.Context, r Replayer) (Recovery, error)

	// Start makes a log that was replayed ready for Append: it cuts the torn tail, and goes on
	// in the newest file. What Replay has left out for Env.Until it first puts aside, whole. Without
	// anything to replay the store calls BeginRewrite instead.
	Start() error

	// Append puts one unit into the log: one command, or MULTI, commands and EXEC, as RESP. The
	// unit works on database firstDB and leaves the selection at lastDB; the log puts a SELECT in
	// front when it needs one. The bytes are copied to memory and nothing is waited for: the
	// caller holds locks. Units stand in the log in the order of the calls.
	Append(firstDB, lastDB int, unit []byte) Position

	// AppendSelect adds to dst the command that selects db, as this log wants it inside a unit
	// that works on more than one database, and in what Base.Commands writes.
	AppendSelect(dst []byte, db int) []byte

	// Commit waits until everything up to p is as safe as the fsync policy asks: handed to the
	// operating system, or on disk under Always or when durable is set.
	Commit(p Position, durable bool) error

	// Sync waits until everything appended so far is on disk.
	Sync(ctx context.Context) error

	// BeginRewrite prepares to replace the history by a new base. There is one Rewrite at a time.
	// After a failure it is also the way out: a committed Rewrite clears Err.
	BeginRewrite() (Rewrite, error)

	// Configure changes one setting while open: AutoRewrite, Fsync and the like of this package.
	Configure(setting any) error

	// Status tells sizes, settings and counters.
	Status() Status

	// Err is the failure after which the log takes no more units, or nil.
	Err() error

	// Close writes and syncs what is buffered and releases the files. A log that has failed
	// returns that error.
	Close() error
}

// Linker is an AppendLog that takes large values without copying them. A store appends a unit with a value
// above 256 KiB in that way if it can: a type that embeds a Log and has an Append of its own needs an
// AppendLinked too. To a log that is no Linker a store gives every unit in one piece, for which it
// copies that while it holds locks.
type Linker interface {
	// AppendLinked is Append of a unit in pieces, at least two, that follow one another: of these the
	// second, the fourth and so on are large. The log does not copy them, but reads them until it calls
	// release. It does so once, as soon as it can, and from another goroutine or after
	// AppendLinked has returned, and with none of its locks held: release waits for locks that the caller
	// holds now. When kept is false the log has dropped the unit, and does not call release.
	AppendLinked(firstDB, lastDB int, unit [][]byte, release func()) (p Position, kept bool)
}

// Position is a place in the log: how many bytes were appended up to the end of a unit, counted
// from when the log was opened.
type Position int64

// Rewrite replaces the history of a log by one base, in two steps.
type Rewrite interface {
	// Cut marks the instant of the base: units appended before it are in the base, those
	// after it go to a new file. It works in memory and waits for nothing: the caller holds every
	// lock that a writer takes.
	Cut()

	// Commit makes the cut real, writes the base, and returns when the log consists of the base
	// and what was appended since Cut, durably. On an error, ctx's included, the log
	// is as complete as before.
	Commit(ctx context.Context, b Base) error

	// Abort gives up a Rewrite that was not cut. After Cut only Commit ends it.
	Abort()
}

// Base writes the whole data set of an instant, in the form that the log asks for.
type Base struct {
	// RDB writes an RDB file. It stores origin, at most 128 bytes of text, so that a later
	// Replayer.Base can return it.
	RDB func(w io.Writer, origin string) error
	// Commands writes RESP commands, with SELECT where needed. Each Write has whole commands.
	Commands func(w io.Writer) error
}

// BaseInfo describes an RDB at the start of a file.
type BaseInfo struct {
	Size   int64  // bytes; commands may follow
	Origin string // as Base.RDB stored it; "" if it did not
}

// check refuses a size that the file cannot have.
func (b *BaseInfo) check(path string, size int64) error {
	if b.Size < 0 || b.Size > size {
		return fmt.Errorf("%s: base of %d bytes in a file of %d", path, b.Size, size)
	}
	return nil
}

// Replayer receives a log.
type Replayer interface {
	// Base takes an RDB that stands at the start of a file: r gives the file from its first
	// byte, size is the file's.
	Base(ctx context.Context, r io.Reader, size int64) (BaseInfo, error)

	// Apply takes one unit: a single command, or those of one transaction, all or none. SELECT,
	// MULTI and EXEC are taken care of. A transaction of more than 100,000 commands comes in several
	// calls, once it is known to be whole. The arguments are valid during the call only. Returning
	// an error ends the replay; the log adds file and offset to it.
	Apply(unit []Command) error

	// Progress tells how many of the log's bytes are read.
	Progress(done, total int64)
}

// Command is one command of a log.
type Command struct {
	DB     int
	Args   [][]byte // the name first, as it was written
	File   string   // path
	Offset int64    // in its file
}

// Recovery tells what Replay found.
type Recovery struct {
	Files    int    // base and increments read
	Commands int64  // commands given to Apply
	Size     int64  // bytes read
	Cut      int64  // bytes of a torn tail that Start cuts off
	File     string // the file with the torn tail, when Cut > 0
	Offset   int64  // where the tail is cut
	Reason   string // what the tail looks like
	// With Env.Until: how many bytes of the log are from after that moment and were not replayed,
	// and where they begin. Start puts a copy of the whole log aside before it cuts them off.
	LeftOut       int64
	LeftOutFile   string
	LeftOutOffset int64
	// What a process that was killed had acknowledged in Ring mode, and not yet put into an
	// increment: so many bytes of the tail file were replayed, and Start puts them there.
	Merged int64
	// TailReason tells why something in the tail file does not belong to the log as it stands, and was
	// not replayed: another program went on with the log. Start keeps the file under another name.
	TailReason string
	TailFile   string // its path, when Merged or TailReason is set, or when it is missing
	// TailMissing reports that a process was killed in Ring mode and that its tail file is gone:
	// acknowledged writes may be missing.
	TailMissing bool
	// Store is the id of the store that wrote the log; "" when no file names one.
	Store string
	// Unverified counts bytes that no checksum covers, such as those another program wrote.
	Unverified int64
	// Time is when the newest file was last changed.
	Time time.Time
}

// Status describes a log at one moment.
type Status struct {
	Fsync           FsyncPolicy
	CurrentSize     int64 // bytes of base and increments
	BaseSize        int64 // bytes of the log after the last rewrite, the measure of growth
	Buffered        int64 // bytes appended and not yet handed to the system
	Unsynced        int64 // bytes handed to the system and not yet known to be on disk
	PendingFsync    bool  // a background fsync is running
	DelayedFsync    int64 // how often writers had to wait for a late fsync
	Fsyncs          int64 // how many were done
	RewriteDue      bool  // the automatic rewrite's thresholds are passed
	Published       bool  // the manifest names a complete log; false while the first base is written
	LastWriteFailed bool
	Mode            Mode   // in force
	NoRing          string // why LogMode(Ring) is not; "" if it is, or was not asked for
	Kept            string // where Start has put the log before it cut it at Env.Until; "" if it did not
}
