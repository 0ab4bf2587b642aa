package perdure

import "strings"

// errorPrefix is the prefix of the text of every error of the library.
const errorPrefix = "perdure: "

// named returns err with exactly one errorPrefix at the start of its text. An error from a file,
// the kernel, or an external component does not name the library. The result matches the errors
// that err matches.
func named(err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	if strings.HasPrefix(text, errorPrefix) && strings.Count(text, errorPrefix) == 1 {
		return err
	}
	return &namedError{errorPrefix + strings.ReplaceAll(text, errorPrefix, ""), err}
}

type namedError struct {
	text string
	err  error
}

func (e *namedError) Error() string { return e.text }

func (e *namedError) Unwrap() error { return e.err }
