package appendlog

import (
	"errors"
	"fmt"

	"github.com/perduredb/perdure/internal/errtext"
)

// ErrFailed is matched by the error of a log that has stopped accepting units. It is
// perdure.ErrLogFailed.
var ErrFailed = errors.New("perdure: log failed")

// ErrClosed is matched by the error of a log that is not open: before Open, after Close, or if
// methods are called in another order than [AppendLog] states.
var ErrClosed = errors.New("perdure: log is closed")

// ErrRewriteRunning is matched by the error of BeginRewrite if another Rewrite has not ended.
var ErrRewriteRunning = errors.New("perdure: log rewrite already in progress")

// ErrUntil is matched by the error of a Replay with Env.Until if the log does not record its
// contents at that time. It is perdure.ErrUntil.
var ErrUntil = errors.New("perdure: log cannot be recovered to that time")

// A FailedError describes the failure of a log. It matches [ErrFailed].
type FailedError struct {
	Op   string // write, sync, truncate, sync directory, check
	File string
	Err  error
}

// Error returns operation, file and cause in one line.
func (e *FailedError) Error() string {
	return fmt.Sprintf("%v: %s %s: %s", ErrFailed, e.Op, e.File, errtext.Trim(e.Err))
}

// Unwrap returns the cause.
func (e *FailedError) Unwrap() error { return e.Err }

// Is reports whether target is [ErrFailed].
func (e *FailedError) Is(target error) bool { return target == ErrFailed }

// A CommandError describes an intact command of a log that cannot be applied. A Replayer that
// returns one from Apply sets Offset to the offset of the command, and the log sets File.
type CommandError struct {
	File   string
	Offset int64
	Name   string // as far as it can be shown: upper case, quoted if it is not a word
	Err    error
}

// Error returns file, offset, command and cause in one line.
func (e *CommandError) Error() string {
	if e.File == "" {
		return e.Name + ": " + errtext.Trim(e.Err)
	}
	return fmt.Sprintf("%s: offset %d: %s: %s", e.File, e.Offset, e.Name, errtext.Trim(e.Err))
}

// Unwrap returns the cause.
func (e *CommandError) Unwrap() error { return e.Err }
