package perdure

import (
	"github.com/perduredb/perdure/appendlog"
	"github.com/perduredb/perdure/internal/engine"
	"github.com/perduredb/perdure/snapshot"
)

// Errors of misuse: the call was wrong, and changed nothing.
var (
	ErrNotFound    = engine.ErrNotFound    // the key does not exist
	ErrClosed      = engine.ErrClosed      // Close has begun
	ErrReadOnly    = engine.ErrReadOnly    // opened WithReadOnly, or a write inside View
	ErrNotInteger  = engine.ErrNotInteger  // Incr and its relatives on something that is no int64
	ErrOverflow    = engine.ErrOverflow    // the result would not fit an int64
	ErrWrongType   = engine.ErrWrongType   // the key holds a list, a hash, ... carried for Redis
	ErrTTL         = engine.ErrTTL         // an expiry that is zero, negative or out of range
	ErrTooLarge    = engine.ErrTooLarge    // a key or value over 512 MiB
	ErrDatabase    = engine.ErrDatabase    // a database number that WithDatabases does not allow
	ErrNotDeclared = engine.ErrNotDeclared // a key that UpdateKeys or ViewKeys was not given
	ErrTxDone      = engine.ErrTxDone      // a Tx used after its function returned
	ErrOptions     = engine.ErrOptions     // an option that makes no sense; the text says which
)

// ErrNoMemory is returned by a write that needs memory which the system, or a limit, refuses. The write
// changed nothing, in memory or in the log. Reads, deletions, expiry, saves, rewrites, and Close go on; the
// write can be tried again. Open returns an error matching it if the data set does not fit, and leaves the
// files as they were.
var ErrNoMemory = engine.ErrNoMemory

// Errors of state: the call was right and the moment wrong.
var (
	ErrSaveInProgress    = engine.ErrSaveInProgress    // a save is running
	ErrRewriteInProgress = engine.ErrRewriteInProgress // a rewrite is running
	ErrBusy              = engine.ErrBusy              // a Snapshot is open
	ErrSnapshotLost      = engine.ErrSnapshotLost      // the Snapshot was given up to bound memory
	ErrNoAppendLog       = engine.ErrNoAppendLog       // no log is on, or its first base is being written
	ErrNoDirectory       = engine.ErrNoDirectory       // the store was made by New
	ErrRestoring         = engine.ErrRestoring         // Restore is replacing the data set
	ErrLocked            = engine.ErrLocked            // another process, or this one, has the directory open
	ErrLogIgnored        = engine.ErrLogIgnored        // opened without the log, which has more than the dump
	ErrDiverged          = engine.ErrDiverged          // log and dump of one store, of which neither holds all
	ErrLockLost          = engine.ErrLockLost          // the lock file was replaced or removed; Close the store
)

// Errors of the disk.
var (
	// ErrSaveFailed refuses writes after a background save failed, as Redis does (MISCONF), until one
	// succeeds. WithStopWritesOnSaveError turns that off.
	ErrSaveFailed = engine.ErrSaveFailed

	// ErrLogFailed refuses writes after the log could not be written or synced. It carries the cause.
	// The outcome of a write that got it is unknown. Reads go on; Recover is the way out, which the
	// store also tries by itself.
	ErrLogFailed = engine.ErrLogFailed

	// ErrCorrupt marks the error of a damaged file; errors.As gives a *CorruptError with the place.
	ErrCorrupt = snapshot.ErrCorrupt

	// ErrTorn marks damage that an ordinary crash explains: a file that ends too early.
	ErrTorn = snapshot.ErrTorn
)

// ErrCommand marks the error of Open about a command in the log that perdure does not apply: it is
// unknown, or changes a list, a hash or another type that is carried for Redis as bytes only. The
// files are whole and as they were: let the server rewrite its log first (BGREWRITEAOF). errors.As
// gives a *CommandError with the place.
var ErrCommand = engine.ErrCommand

// ErrUnsupported marks every error about what is whole and not known: a record of another producer or
// of a newer version in a dump, which is an *UnsupportedError, and a command in a log (ErrCommand). It
// never matches ErrCorrupt. Nothing was changed.
var ErrUnsupported = snapshot.ErrUnsupported

// UnsupportedError says what in a file is not supported: its fields are File, Offset, What, Owner (the
// program whose record it is, where known) and WayOut (what to do with the file).
type UnsupportedError = snapshot.UnsupportedError

// ErrUntil marks the error of Open when the log cannot tell what it held at the time given to
// WithRecoverUntil: it has no timestamps, or begins later. Nothing was changed.
var ErrUntil = engine.ErrUntil

// CommandError says which command of a log could not be applied, where it stands and why: its fields
// are File, Offset, Name and Err. It never carries keys or values.
type CommandError = appendlog.CommandError

// CorruptError says which file is damaged, where and how: its fields are File, Offset (of the first
// byte that is not as it must be), What (what was expected and found), Torn (a crash explains it) and
// Err, the cause if there is one. It never carries keys or values.
type CorruptError = snapshot.CorruptError
