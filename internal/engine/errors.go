package engine

import (
	"errors"

	"github.com/perduredb/perdure/appendlog"
	"github.com/perduredb/perdure/internal/op"
	"github.com/perduredb/perdure/internal/option"
	"github.com/perduredb/perdure/internal/table"
	"github.com/perduredb/perdure/internal/vfs"
)

// The errors of incorrect calls and of state. The root package exports them under these names.
var (
	ErrNotFound          = op.ErrNotFound
	ErrClosed            = errors.New("perdure: store is closed")
	ErrReadOnly          = errors.New("perdure: store is read-only")
	ErrNotInteger        = op.ErrNotInteger
	ErrOverflow          = op.ErrOverflow
	ErrWrongType         = op.ErrWrongType
	ErrTTL               = op.ErrTTL
	ErrTooLarge          = op.ErrTooLarge
	ErrDatabase          = op.ErrDatabase
	ErrNotDeclared       = errors.New("perdure: key was not declared for this transaction")
	ErrTxDone            = errors.New("perdure: transaction has ended")
	ErrOptions           = option.ErrOptions
	ErrSaveInProgress    = errors.New("perdure: save already in progress")
	ErrRewriteInProgress = errors.New("perdure: rewrite already in progress")
	ErrBusy              = errors.New("perdure: a snapshot handle is open")
	ErrNoAppendLog       = errors.New("perdure: append-only log is off, or its first base is not complete")
	ErrNoDirectory       = errors.New("perdure: store has no directory to save in")
	ErrRestoring         = errors.New("perdure: restore in progress")
	ErrSaveFailed        = errors.New("perdure: writes are refused because the last background save failed")
	ErrNoMemory          = table.ErrNoMemory
	ErrLogFailed         = appendlog.ErrFailed
	ErrUntil             = appendlog.ErrUntil
	ErrCommand           = op.ErrCommand
	ErrLocked            = vfs.ErrLocked
	ErrLockLost          = errors.New("perdure: lock file was replaced or removed")
)
