package valkey

import (
	"context"
	"fmt"

	client "github.com/valkey-io/valkey-go"

	"github.com/perduredb/perdure"
)

// checkSize returns an error if a key or value is longer than servers accept by default
// (proto-max-bulk-len). A server closes the connection of a client that sends such a value.
func checkSize(key string, values ...[]byte) error {
	size := len(key)
	for _, v := range values {
		size = max(size, len(v))
	}
	if size > 512<<20 {
		return perdure.ErrTooLarge
	}
	return nil
}

// context returns the context of one call.
func (kv *KV) context() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), kv.timeout)
}

// call sends a command on one key that the client must not repeat.
func (kv *KV) call(command, key string, args ...string) (client.ValkeyMessage, error) {
	return kv.do(command, kv.client.B().Arbitrary(command).Keys(key).Args(args...).Build())
}

// do sends a command. The error matches a sentinel of perdure if there is one, except that the
// caller handles the reply null.
func (kv *KV) do(command string, cmd client.Completed) (client.ValkeyMessage, error) {
	ctx, cancel := kv.context()
	defer cancel()
	m, err := kv.client.Do(ctx, cmd).ToMessage()
	if client.IsValkeyNil(err) {
		return m, nil
	}
	return m, kv.translate(command, err)
}

// number returns the integer reply of a command.
func (kv *KV) number(command, key string, args ...string) (int64, error) {
	m, err := kv.call(command, key, args...)
	if err != nil {
		return 0, err
	}
	n, err := m.AsInt64()
	return n, kv.translate(command, err)
}

// did reports whether the integer reply of a command is 1.
func (kv *KV) did(command, key string, args ...string) (bool, error) {
	n, err := kv.number(command, key, args...)
	return n == 1, err
}

// sameSlot returns an error if a cluster cannot operate on the keys at once.
func (kv *KV) sameSlot(command string, keys []string) error {
	if len(keys) < 2 || kv.client.Mode() != client.ClientModeCluster {
		return nil
	}
	first := kv.slot(keys[0])
	for _, key := range keys[1:] {
		if kv.slot(key) != first {
			return fmt.Errorf("%w: %s of keys in different slots of a cluster", perdure.ErrUnsupported, command)
		}
	}
	return nil
}

// slot returns the slot of a key in a cluster.
func (kv *KV) slot(key string) uint16 {
	cmd := kv.client.B().Get().Key(key).Build()
	return cmd.Slot()
}
