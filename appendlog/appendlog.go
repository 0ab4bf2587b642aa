// Package appendlog defines an append-only log, whatever its format. It contains the [AppendLog]
// interface, the values that a store and its log exchange, their common errors, and helpers to
// frame and parse the contents of a log.
//
// Package aof implements AppendLog with Redis's multi-part append-only file. A program can bring
// its own log: see examples/flatlog for one in a single file, and package storetest for the tests
// that every log must pass.
//
// A log contains log records, in the order of the store's changes to its memory. A record, called a
// unit in this package, is one command in RESP, or the commands of one transaction between MULTI
// and EXEC. [AppendCommand] and [AppendUnit] frame units; a [Reader] parses them.
package appendlog

import (
	"context"

	"github.com/perduredb/perdure/snapshot"
)

// An AppendLog is an append-only log of one store.
//
// # Order of calls
//
// A store calls Open once, before everything else. If Open found a log, the store calls Replay and
// then Start. Otherwise it calls BeginRewrite, and commits that Rewrite as the first base. After
// that it calls Append, Commit, Sync, BeginRewrite, Status and Err concurrently from any goroutine,
// until Close. A store whose dump replaces the log calls BeginRewrite without Replay.
//
// # Errors
//
// A misuse returns an error matching [ErrClosed], [ErrRewriteRunning] or perdure.ErrOptions, and
// changes nothing. Any other error of Commit and Sync is final for the log, because its outcome is
// unknown: the log stops accepting units, and Err reports the error from then on. The store makes
// every such error match perdure.ErrLogFailed, and refuses writes until a Rewrite is committed.
// Errors of Open, Replay and Start end the opening of the store. Errors of BeginRewrite and
// Rewrite.Commit leave the log as complete as before, unless Err reports a failure as well.
//
// # Configuration
//
// A log is not configured through this interface. The code that creates a log configures it.
//
// # After Close
//
// Either a log can be opened again after Close, or Open returns an error matching ErrClosed. The
// documentation of the log states which.
type AppendLog interface {
	// Open binds the log to a data directory and reports whether the directory has a log. It
	// changes nothing there. It returns an error if the directory has part of a log, or a log that
	// is damaged as a whole; damage inside a file may also wait for Replay.
	//
	// The log keeps env. Env.FS is the only file system that it may use for files in the directory.
	Open(env snapshot.Env) (found bool, err error)

	// Replay passes the contents of the log to r: the base first, then every unit appended since,
	// in the order of Append. A transaction is one call of Replayer.Apply. Replay never changes
	// anything on disk.
	//
	// A crash may leave a torn unit at the end of the log. Replay reports it in its result, and
	// Start truncates it. With Env.Strict, Replay returns an error matching snapshot.ErrTorn
	// instead. If no crash explains the damage, Replay returns a [*snapshot.CorruptError] with file
	// and offset; it never passes on missing or different units.
	//
	// An error of r ends Replay, which returns it, wrapped or not. If ctx ends, Replay returns
	// ctx's error. With Env.Until, Replay stops at the end of that second, and returns an error
	// matching ErrUntil if the log does not record times.
	Replay(ctx context.Context, r Replayer) (ReplayReport, error)

	// Start prepares a replayed log for Append. It durably truncates the torn tail that Replay has
	// reported, and makes the replayed units durable. If Replay stopped at Env.Until, Start first
	// copies the log to another place. If Start returns an error, no replayed unit is lost.
	Start() error

	// Append adds one unit to the log and returns the position of its end. The unit works on
	// database firstDB and leaves lastDB selected. The log inserts a SELECT before the unit if
	// another database is selected (see [AppendUnit]).
	//
	// The store calls Append with locks held. Append copies unit, because the caller reuses it.
	// Append does not wait for a disk, and does not call the store. Units are in the log in the
	// order of the calls. Append cannot fail: a log that has failed, or is closed, drops the unit,
	// and the next Commit returns the error.
	Append(firstDB, lastDB int, unit []byte) Position

	// AppendSelect appends to dst the command that selects db and returns the result. A store uses
	// it inside a unit that works on more than one database, and in the output of Base.Commands.
	// For most logs the function [AppendSelect] of this package is sufficient.
	AppendSelect(dst []byte, db int) []byte

	// Commit returns when every unit up to p is as safe as the log's policy requires, and durable
	// if durable is set. At the least, committed units survive the end of the process. The store
	// calls Commit without locks, concurrently from many goroutines.
	//
	// Before the first base is committed nothing is safe, and Commit need not wait for the disk.
	Commit(p Position, durable bool) error

	// Sync returns when everything appended before the call is durable. If ctx ends first it
	// returns ctx's error, which is not a failure of the log.
	Sync(ctx context.Context) error

	// BeginRewrite prepares to replace the contents of the log by a new base. It returns an error
	// matching ErrRewriteRunning if another Rewrite has not ended. It also works on a log that has
	// failed, and the Commit of the Rewrite then clears the failure.
	BeginRewrite() (Rewrite, error)

	// Status returns sizes and counters. It does not wait for a disk.
	Status() Status

	// Err returns the failure that made the log stop accepting units, or nil. The first failure
	// stays until a Rewrite is committed. Err does not wait for a disk.
	Err() error

	// Close writes and syncs everything appended, and releases the files, even on an error. It
	// cancels a Rewrite that is not being committed, and waits for one that is. It returns the
	// failure of a log that has failed. A second Close returns the result of the first.
	//
	// After Close, Commit of a later position, Sync, Start, Replay and BeginRewrite return an error
	// matching ErrClosed; Append drops the unit; Status and Err still answer.
	Close() error
}

// Position is a log position: the number of bytes appended up to the end of a unit, since the log
// was opened. It grows with every unit. Only the order of positions has a meaning for the store.
type Position int64

// A Linker is an [AppendLog] that accepts large values without copying them. If the log is a
// Linker, a store appends a unit with a value above 256 KiB through AppendLinked. Otherwise it
// copies the value into one unit while it holds locks. A type that embeds a Linker and has its own
// Append needs its own AppendLinked too.
type Linker interface {
	// AppendLinked is like Append for a unit of at least two consecutive pieces. The second, the
	// fourth and so on are large. The log does not copy the large pieces, and reads them until it
	// calls release. It calls release once, as soon as it can, from another goroutine or after
	// AppendLinked has returned. It must not hold any of its locks, because release takes locks
	// that the caller of AppendLinked holds. If kept is false, the log has dropped the unit and
	// does not call release.
	AppendLinked(firstDB, lastDB int, unit [][]byte, release func()) (p Position, kept bool)
}

// An Ender is an [AppendLog] that can name its end. A store records the name in each dump, and
// later compares it to decide whether the log or the dump contains more. A store cannot be opened
// without a log that may contain more than the dump. It cannot compare a log that is not an Ender,
// and refuses to switch one on over an older log of its kind.
type Ender interface {
	// End returns a name for the end of the log that Open has found, or that Close has left. The
	// name differs from that of any other log, and of any other end of this log. While the log is
	// open, the name is that of its beginning. The name is at most 128 bytes of text without
	// blanks. It is "" if the end is not known to be complete, for example after a kill.
	End() (string, error)

	// Relate returns the relation of the log that Open has found to an end that End has named.
	// Store is the id (Env.Store) of the store of that end.
	Relate(store, end string) (Relation, error)
}

// Relation is the relation of a log to an end.
type Relation uint8

// The relations.
const (
	Unrelated Relation = iota // unknown: the log is of another store, or its files have no identity
	AtEnd                     // the log ends there
	Continues                 // the log contains that end, and records after it
	Newer                     // the log was started, or rewritten, after that end
	Lacks                     // the log does not contain that end: it is older, or another log
)
