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
				return fmt.Errorf("%w: %w", r.err, err)
			}
		}
	}
	return fmt.Errorf("perdure: %s: %w", command, err)
}
