package redisconf

import (
	"fmt"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/internal/errtext"
)

// A LineError describes a line of a configuration that is wrong. It matches [perdure.ErrOptions].
// Its text has the value only if the directive is one that perdure knows, never a password.
type LineError struct {
	File string // path of the file; empty for [Parse]
	Line int    // from 1
	Name string // the directive in lowercase; empty if the line cannot be split
	Err  error  // the problem
}

// Error returns a text such as "perdure: redis.conf:7: appendonly: want yes or no".
func (e *LineError) Error() string {
	s := "perdure: " + place(e.File, e.Line) + ": "
	if e.Name != "" {
		s += e.Name + ": "
	}
	return s + errtext.Trim(e.Err)
}

// Is reports whether target is [perdure.ErrOptions].
func (e *LineError) Is(target error) bool { return target == perdure.ErrOptions }

// Unwrap returns the problem.
func (e *LineError) Unwrap() error { return e.Err }

// place returns the position of a line, in the form that editors can open.
func place(file string, line int) string {
	if file == "" {
		return fmt.Sprintf("line %d", line)
	}
	return fmt.Sprintf("%s:%d", file, line)
}
