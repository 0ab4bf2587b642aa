package perdure

import "strings"

// errorPrefix begins the text of every error of the library.
const errorPrefix = "perdure: "

// named returns err with the prefix in front, once: an error that comes from a file, from the
// kernel, or from a component written elsewhere does not name the library. The result matches
// whatever err matches.
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
