// Package appendlog defines an append-only log, whatever its format: the AppendLog interface, the
// values that a store and its log exchange, the errors that they agree on, and helpers to frame
// and to parse what a log holds.
//
// Package aof implements AppendLog with Redis's multi-part append-only file. A program can bring
// its own log: see examples/flatlog for one in a single file, and package storetest for the tests
// that every log must pass.
//
// A log holds log records, in the order in which the store changed its memory. A record, called a
// unit here, is one command, or the commands of one transaction between MULTI and EXEC, in RESP.
// [AppendCommand] and [AppendUnit] frame units; a [Reader] parses them.
package appendlog

import (
	"context"

	"github.com/perduredb/perdure/snapshot"
)

// AppendLog is an append-only log of one store.
//
// # Order of calls
//
// A store calls Open once, before everything else. If Open found a log, the store calls Replay and
// then Start; otherwise it calls BeginRewrite, and commits that Rewrite as the first base. After
// that it calls Append, Commit, Sync, BeginRewrite, Status and Err from any goroutine, several at a
// time, until Close. A store that finds that its dump replaces the log calls BeginRewrite without
// Replay.
//
// # Errors
//
// A misuse returns an error matching [ErrClosed], [ErrRewriteRunning] or perdure.ErrOptions, and
// changes nothing. Any other error of Commit and Sync is final for the log: its outcome is unknown,
// the log accepts no more units, and Err reports it from then on. Whatever such an error is, the
// store makes it match perdure.ErrLogFailed and refuses writes until a Rewrite is committed. Errors
// of Open, Replay and Start end the opening of the store. Errors of BeginRewrite and Rewrite.Commit
// leave the log as complete as it was, unless Err reports a failure as well.
//
// # Configuration
//
// The interface has no method to configure a log. Whoever made the log configures it.
//
// # After Close
//
// A log can be opened again after Close, or Open returns an error matching ErrClosed; its
// documentation states which.
type AppendLog interface {
	// Open binds the log to a data directory and reports whether the directory has a log. It
	// changes nothing there. It returns an error if the directory has part of a log, or a log that
	// is damaged as a whole; damage inside a file may also wait for Replay.
	//
	// The log keeps env. Env.FS is the only file system that it may use for files in the directory.
	Open(env snapshot.Env) (found bool, err error)

	// Replay passes everything that the log holds to r: the base first, then every unit appended
	// since, in the order of Append. A transaction is one call of Replayer.Apply. Replay changes
	// nothing on disk, whatever it finds.
	//
	// A crash may leave a unit at the end of the log that is not whole. Replay reports it in its
	// result, and Start truncates it; with Env.Strict Replay returns an error matching
	// snapshot.ErrTorn instead. Damage that a crash does not explain is a *snapshot.CorruptError
	// with file and offset, never missing or different units.
	//
	// An error of r ends Replay, which returns it, wrapped or not. When ctx ends, Replay returns
	// ctx's error. With Env.Until Replay stops at the end of that second, and returns an error
	// matching ErrUntil if the log does not record times.
	Replay(ctx context.Context, r Replayer) (ReplayReport, error)

	// Start makes a log that was replayed ready for Append. It truncates the torn end that Replay
	// has reported, durably, and makes durable whatever Replay has passed on. What Replay has
	// left out because of Env.Until it first copies to another place. On an error nothing that
	// Replay has passed on is lost.
	Start() error

	// Append adds one unit to the log and returns the position of its end. The unit works on
	// database firstDB and leaves lastDB selected; the log puts a SELECT in front when another
	// database is selected (see AppendUnit).
	//
	// The store calls Append with locks held. Append copies unit, which the caller reuses, does not
	// wait for a disk, and does not call the store. Units are in the log in the order of the calls.
	// Append cannot fail: a log that has failed, or is closed, drops the unit, and the Commit that
	// follows returns the error.
	Append(firstDB, lastDB int, unit []byte) Position

	// AppendSelect appends to dst the command that selects db and returns the result. A store uses
	// it inside of a unit that works on more than one database, and in what Base.Commands writes.
	// Package function AppendSelect is all that most logs need.
	AppendSelect(dst []byte, db int) []byte

	// Commit returns when every unit up to p is as safe as the log's policy asks, and on disk if
	// durable is set. At the least, units that were committed survive the end of the process. The
	// store calls it without locks, from many goroutines at once.
	//
	// Before the first base is committed nothing is safe, and Commit need not wait for the disk.
	Commit(p Position, durable bool) error

	// Sync returns when everything appended before the call is on disk. When ctx ends first it
	// returns ctx's error, which is not a failure of the log.
	Sync(ctx context.Context) error

	// BeginRewrite prepares to replace the history by a new base. It returns an error matching
	// ErrRewriteRunning if the Rewrite before has not ended. It works on a log that has failed, and
	// a Rewrite that is committed then clears the failure.
	BeginRewrite() (Rewrite, error)

	// Status returns sizes and counters. It does not wait for a disk.
	Status() Status

	// Err returns the failure after which the log accepts no more units, or nil. The first failure
	// stays until a Rewrite is committed. Err does not wait for a disk.
	Err() error

	// Close writes and syncs everything appended, cancels a Rewrite that is not being committed,
	// waits for one that is, and releases the files. It releases the files on an error too. A log
	// that has failed returns its failure. A second Close returns what the first returned.
	//
	// After Close, Commit of a later position, Sync, Start, Replay and BeginRewrite return an error
	// matching ErrClosed; Append drops the unit; Status and Err still answer.
	Close() error
}

// Position is a place in a log: the number of bytes appended up to the end of a unit, counted from
// when the log was opened. It grows with every unit, and only its order has a meaning for the
// store.
type Position int64

// Linker is an AppendLog that takes large values without copying them. A store appends a unit with
// a value above 256 KiB through AppendLinked if the log has it, and otherwise copies the value into
// one unit while it holds locks. A type that embeds a Linker and has its own Append needs its own
// AppendLinked too.
type Linker interface {
	// AppendLinked is Append of a unit in pieces, at least two, that follow one another. The
	// second, the fourth and so on are large. The log does not copy those, and reads them until it
	// calls release. It calls release once, as soon as it can, from another goroutine or after
	// AppendLinked has returned, and with none of its locks held, because release takes locks that
	// the caller of AppendLinked holds. If kept is false the log has dropped the unit, and does not
	// call release.
	AppendLinked(firstDB, lastDB int, unit [][]byte, release func()) (p Position, kept bool)
}

// Ender is an AppendLog that can name its end. A store records the name in each dump, and finds out
// later whether the log or the dump contains more. A store refuses to be opened without a log that
// may contain more than the dump. It cannot tell for a log that is not an Ender, which it refuses to
// switch on over an older log of its kind.
type Ender interface {
	// End returns a name for the end of the log that Open has found, or that Close has left. No other
	// log, and no other end of this log, has the same name. While the log is open, the name is that of
	// its beginning. The name has at most 128 bytes of text without blanks, and is "" if the end is not
	// known to be complete, such as after a kill.
	End() (string, error)

	// Relate compares the log that Open has found with an end that End has named, of a log of the
	// store with that id (Env.Store).
	Relate(store, end string) (Relation, error)
}

// Relation is the relation of a log to an end.
type Relation uint8

// The relations.
const (
	Unrelated Relation = iota // nothing is known: of another store, or of files without identity
	AtEnd                     // the log ends there
	Continues                 // the log has that end, and something after it
	Newer                     // the log was started, or rewritten, after that end
	Lacks                     // the log does not have that end: it is older, or another one
)
