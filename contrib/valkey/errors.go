package valkey

import (
	"fmt"
	"strings"

	client "github.com/valkey-io/valkey-go"

	"github.com/perduredb/perdure"
)

// replies contains the starts of the server's error replies that have a sentinel, without the code
// ERR, which the client removes.
var replies = []struct {
	text string
	err  error
}{
	{"WRONGTYPE", perdure.ErrWrongType},
	{"value is not an integer", perdure.ErrNotInteger},
	{"increment or decrement would overflow", perdure.ErrOverflow},
	{"decrement would overflow", perdure.ErrOverflow},
	{"invalid expire time", perdure.ErrTTL},
	{"string exceeds maximum allowed size", perdure.ErrTooLarge},
	{"OOM", perdure.ErrNoMemory},
	{"READONLY", perdure.ErrReadOnly},
	{"MISCONF Errors writing to the AOF", perdure.ErrLogFailed},
	{"MISCONF", perdure.ErrSaveFailed},
	{"CROSSSLOT", perdure.ErrUnsupported},
}

// translate returns the error of a command, which matches the client's error and a sentinel of
// perdure if there is one.
func (kv *KV) translate(command string, err error) error {
	if err == nil {
		return nil
	}
	if kv.closing(err) {
		return perdure.ErrClosed
	}
	if reply, ok := client.IsValkeyErr(err); ok {
		for _, r := range replies {
			if strings.HasPrefix(reply.Error(), r.text) {
				return &replyError{is: r.err, cause: err}
			}
		}
	}
	return fmt.Errorf("perdure: %s: %w", command, err)
}

// A replyError is an error reply for which perdure has a sentinel. It matches both.
type replyError struct{ is, cause error }

// Error returns the text of the sentinel, and that of the reply if it says more.
func (e *replyError) Error() string {
	if text := e.is.Error(); strings.Contains(text, e.cause.Error()) {
		return text
	}
	return e.is.Error() + ": " + e.cause.Error()
}

// Unwrap returns the sentinel and the error of the client.
func (e *replyError) Unwrap() []error { return []error{e.is, e.cause} }
