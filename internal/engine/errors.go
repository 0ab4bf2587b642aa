package engine

import "errors"

// The errors of incorrect calls and of state, in addition to those of package op. The root package
// exports them under these names.
var (
	ErrClosed            = errors.New("perdure: store is closed")
	ErrReadOnly          = errors.New("perdure: store is read-only")
	ErrNotDeclared       = errors.New("perdure: key was not declared for this transaction")
	ErrTxDone            = errors.New("perdure: transaction has ended")
	ErrSaveInProgress    = errors.New("perdure: save already in progress")
	ErrRewriteInProgress = errors.New("perdure: rewrite already in progress")
	ErrBusy              = errors.New("perdure: a snapshot handle is open")
	ErrNoAppendLog       = errors.New("perdure: append-only log is off, or its first base is not complete")
	ErrNoDirectory       = errors.New("perdure: store has no directory to save in")
	ErrRestoring         = errors.New("perdure: restore in progress")
	ErrSaveFailed        = errors.New("perdure: writes are refused because the last background save failed")
	ErrLockLost          = errors.New("perdure: lock file was replaced or removed")
)
