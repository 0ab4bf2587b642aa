// Package errtext gives every error of the library a text that begins with its name, once.
package errtext

import (
	"io"
	"strings"
)

// prefix is the start of the text of every error that an exported function returns.
const prefix = "perdure: "

// Trim returns the text of err without the prefix, to be quoted in another text.
func Trim(err error) string { return strings.ReplaceAll(err.Error(), prefix, "") }

// Named returns err with exactly one prefix, at the start of its text. An error from a file, the
// kernel, a context, or a component of the caller lacks the prefix; one that quotes another may
// have several. The result matches the errors that err matches. Named returns io.EOF unchanged,
// because readers compare it with ==.
func Named(err error) error {
	if err == nil || err == io.EOF {
		return err
	}
	if text := err.Error(); strings.HasPrefix(text, prefix) && strings.Count(text, prefix) == 1 {
		return err
	}
	return &named{err}
}

// Name replaces *err by Named(*err). An exported function defers it.
func Name(err *error) { *err = Named(*err) }

// named computes its text when it is asked for it, because a caller may still add the name of a
// file to err.
type named struct{ err error }

func (n *named) Error() string { return prefix + Trim(n.err) }

func (n *named) Unwrap() error { return n.err }
