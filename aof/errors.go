package aof

import (
	"errors"
	"fmt"
	"strings"

	"github.com/perduredb/perdure/internal/corrupt"
	"github.com/perduredb/perdure/internal/option"
)

// ErrFailed matches the error of a log that takes no more units: errors.Is(err, ErrFailed). The
// error is a *FailedError.
var ErrFailed = errors.New("log failed")

// ErrClosed is the error of a log that is not open.
var ErrClosed = errors.New("log is closed")

// ErrRewriteRunning is the error of BeginRewrite while another Rewrite has not ended.
var ErrRewriteRunning = errors.New("a rewrite of the log is running")

// ErrOptions matches every error about a setting. It is perdure.ErrOptions.
var ErrOptions = option.ErrOptions

// CorruptError says where a file is damaged, and how.
type CorruptError = corrupt.Error

// FailedError tells why a log failed. The first failure stays.
type FailedError struct {
	Op   string // write, sync, truncate, sync directory, check
	File string
	Err  error
}

// Error names operation, file and cause.
func (e *FailedError) Error() string {
	return fmt.Sprintf("log failed: %s %s: %v", e.Op, e.File, e.Err)
}

// Unwrap returns the cause.
func (e *FailedError) Unwrap() error { return e.Err }

// Is makes errors.Is(err, ErrFailed) true.
func (e *FailedError) Is(target error) bool { return target == ErrFailed }

// CommandError is about a whole command of a log that cannot be applied. A Replayer that returns
// one from Apply sets Offset to the command's, and the log adds File.
type CommandError struct {
	File   string
	Offset int64
	Name   string // as far as it can be shown: upper case, quoted where it is no word
	Err    error
}

// Error names file, offset, command and cause.
func (e *CommandError) Error() string {
	what := strings.TrimPrefix(e.Err.Error(), "perdure: ")
	if e.File == "" {
		return e.Name + ": " + what
	}
	return fmt.Sprintf("%s: offset %d: %s: %s", e.File, e.Offset, e.Name, what)
}

// Unwrap returns the cause.
func (e *CommandError) Unwrap() error { return e.Err }
