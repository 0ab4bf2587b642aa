package perdure

import (
	"errors"

	"github.com/perduredb/perdure/appendlog"
	"github.com/perduredb/perdure/internal/engine"
	"github.com/perduredb/perdure/internal/op"
	"github.com/perduredb/perdure/internal/option"
	"github.com/perduredb/perdure/internal/vfs"
	"github.com/perduredb/perdure/snapshot"
)

// Errors of incorrect calls. The call changed nothing.
var (
	ErrNotFound    = op.ErrNotFound        // the key, field, member, or element is missing
	ErrClosed      = engine.ErrClosed      // Close has begun
	ErrReadOnly    = engine.ErrReadOnly    // opened WithReadOnly, or a write inside View
	ErrNotInteger  = op.ErrNotInteger      // the value to add to is not an int64
	ErrNotFloat    = op.ErrNotFloat        // a number or sum that is not finite; a NaN as a score
	ErrOverflow    = op.ErrOverflow        // the result would not fit an int64
	ErrWrongType   = op.ErrWrongType       // the key holds a value of another type
	ErrTTL         = op.ErrTTL             // an expiry that is zero, negative or out of range
	ErrTooLarge    = op.ErrTooLarge        // a key or value over 512 MiB
	ErrDatabase    = op.ErrDatabase        // a database number outside the range of WithDatabases
	ErrNotDeclared = engine.ErrNotDeclared // a key that was not declared to UpdateKeys or ViewKeys
	ErrTxDone      = engine.ErrTxDone      // a Tx used after its function returned
	ErrOptions     = option.ErrOptions     // an invalid option, named in the text
)

// ErrBatch is returned by a handle of a [Batch] before [Store.Run] and after [Batch.Reset].
var ErrBatch = errors.New("perdure: batch was not run, or was reset")

// ErrNoMemory is returned by a write that needs memory which the operating system, or a limit,
// refuses. The write changed nothing, in memory or in the log, and can be tried again. Reads,
// deletions, expiry, saves, rewrites, and Close continue to work. A transaction may fail as a whole
// with ErrNoMemory, even if its function ignores the error. Open returns an error matching
// ErrNoMemory if the data set does not fit, and leaves the files unchanged.
var ErrNoMemory = op.ErrNoMemory

// Errors of state. The call is valid, but not in the current state of the store.
var (
	ErrSaveInProgress    = engine.ErrSaveInProgress    // a save is running
	ErrRewriteInProgress = engine.ErrRewriteInProgress // a rewrite is running
	ErrBusy              = engine.ErrBusy              // a Snapshot is open
	ErrSnapshotLost      = engine.ErrSnapshotLost      // Snapshot read, closed, or dropped
	ErrNoAppendLog       = engine.ErrNoAppendLog       // no log, or its first base is unfinished
	ErrNoDirectory       = engine.ErrNoDirectory       // the store was made by New
	ErrRestoring         = engine.ErrRestoring         // Restore is replacing the data set
	ErrLocked            = vfs.ErrLocked               // the directory is open, here or elsewhere
	ErrLogIgnored        = engine.ErrLogIgnored        // the ignored log has more than the dump
	ErrDiverged          = engine.ErrDiverged          // neither the log nor the dump is complete
	ErrLockLost          = engine.ErrLockLost          // lock file replaced or removed
)

// Disk errors.
var (
	// ErrSaveFailed is returned by writes after a background save has failed, until a save
	// succeeds, as in Redis (MISCONF). [WithStopWritesOnSaveError] disables this.
	ErrSaveFailed = engine.ErrSaveFailed

	// ErrLogFailed is returned by writes after the log could not be written or synced. The error
	// wraps the cause. The outcome of a write that returned it is unknown. Reads continue. Call
	// [Store.Recover] to restore write access; the store also tries it automatically.
	ErrLogFailed = appendlog.ErrFailed

	// ErrCorrupt is matched by every error about a damaged file. Use errors.As to get a
	// [*CorruptError] with the file and offset.
	ErrCorrupt = snapshot.ErrCorrupt

	// ErrTorn is matched by an error about damage that an ordinary crash explains: a file that
	// ends too early.
	ErrTorn = snapshot.ErrTorn
)

// ErrCommand is matched by the error of Open about a command in the log that perdure does not
// apply. The command is unknown, or it changes a stream or another type that perdure preserves only
// as bytes. The files are not damaged or changed. To fix this, let the server rewrite its log first
// (BGREWRITEAOF, with aof-use-rdb-preamble yes). Use errors.As to get a [*CommandError] with the
// file and offset.
var ErrCommand = op.ErrCommand

// ErrUnsupported is matched by every error about data that is intact but not supported. In a dump
// this is a record of another program or of a newer version, reported as an [*UnsupportedError]. In
// a log it is a command ([ErrCommand]). ErrUnsupported never matches [ErrCorrupt]. Nothing is
// changed. It also matches the error of an operation that an implementation of [KV] lacks.
var ErrUnsupported = snapshot.ErrUnsupported

// An UnsupportedError describes unsupported data in a file. Its fields are File, Offset, What,
// Owner (the program that defines the record, if known), and WayOut (how to proceed with the file).
type UnsupportedError = snapshot.UnsupportedError

// ErrUntil is returned by Open if the log cannot be recovered to the time given to
// [WithRecoverUntil]: it has no timestamps or begins later. Nothing is changed.
var ErrUntil = appendlog.ErrUntil

// A CommandError describes a command of a log that could not be applied, its location, and the
// reason. Its fields are File, Offset, Name, and Err. It never contains keys or values.
type CommandError = appendlog.CommandError

// A CorruptError describes a damaged file and the location of the damage. Its fields are File,
// Offset (of the first invalid byte), What (what was expected and found), Torn (a crash explains
// the damage), and Err (the cause, if there is one). It never contains keys or values.
type CorruptError = snapshot.CorruptError
