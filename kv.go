package perdure

import (
	"fmt"
	"time"
)

// KV is the interface of the operations on keys that a [Store], a [DB], and a remote server have in
// common. A program that uses a KV can replace its store by a Valkey or Redis server: package
// contrib/valkey implements KV over a client.
//
// The methods do what those of [Store] with their names do. A KV is safe for concurrent use. Its
// implementation documents what it guarantees for durability, and for operations on several keys.
// Transactions, batches, iteration, and collections are not part of KV.
//
// KV can gain methods in minor versions. A type outside this module therefore embeds
// [UnimplementedKV].
type KV interface {
	Get(key string) ([]byte, error)
	AppendGet(dst []byte, key string) ([]byte, error)
	Set(key string, value []byte, opts ...SetOption) error
	SetIfAbsent(key string, value []byte, opts ...SetOption) (stored bool, err error)
	Swap(key string, value []byte, opts ...SetOption) (old []byte, existed bool, err error)
	CompareAndSwap(key string, old, value []byte, opts ...SetOption) (swapped bool, err error)
	Append(key string, suffix []byte) (length int, err error)

	MGet(keys ...string) ([][]byte, error)
	MSet(pairs ...Pair) error

	Incr(key string) (int64, error)
	IncrBy(key string, n int64) (int64, error)
	Decr(key string) (int64, error)
	DecrBy(key string, n int64) (int64, error)

	Delete(keys ...string) (n int, err error)
	Exists(keys ...string) (n int, err error)

	Expire(key string, d time.Duration) (existed bool, err error)
	ExpireAt(key string, t time.Time) (existed bool, err error)
	Persist(key string) (had bool, err error)
	TTL(key string) (time.Duration, error)
	Type(key string) (string, error)

	FlushDB() error
}

var (
	_ KV = (*Store)(nil)
	_ KV = (*DB)(nil)
	_ KV = UnimplementedKV{}
)

// UnimplementedKV is embedded in implementations of [KV] outside this module, so that they satisfy
// later versions of KV too. Each of its methods returns an error matching [ErrUnsupported].
type UnimplementedKV struct{}

// unimplemented returns the error of a method of [UnimplementedKV].
func unimplemented(method string) error { return fmt.Errorf("%w: %s", ErrUnsupported, method) }

// Get returns an error matching [ErrUnsupported].
func (UnimplementedKV) Get(string) ([]byte, error) { return nil, unimplemented("Get") }

// AppendGet returns dst and an error matching [ErrUnsupported].
func (UnimplementedKV) AppendGet(dst []byte, _ string) ([]byte, error) {
	return dst, unimplemented("AppendGet")
}

// Set returns an error matching [ErrUnsupported].
func (UnimplementedKV) Set(string, []byte, ...SetOption) error { return unimplemented("Set") }

// SetIfAbsent returns an error matching [ErrUnsupported].
func (UnimplementedKV) SetIfAbsent(string, []byte, ...SetOption) (bool, error) {
	return false, unimplemented("SetIfAbsent")
}

// Swap returns an error matching [ErrUnsupported].
func (UnimplementedKV) Swap(string, []byte, ...SetOption) ([]byte, bool, error) {
	return nil, false, unimplemented("Swap")
}

// CompareAndSwap returns an error matching [ErrUnsupported].
func (UnimplementedKV) CompareAndSwap(string, []byte, []byte, ...SetOption) (bool, error) {
	return false, unimplemented("CompareAndSwap")
}

// Append returns an error matching [ErrUnsupported].
func (UnimplementedKV) Append(string, []byte) (int, error) { return 0, unimplemented("Append") }

// MGet returns an error matching [ErrUnsupported].
func (UnimplementedKV) MGet(...string) ([][]byte, error) { return nil, unimplemented("MGet") }

// MSet returns an error matching [ErrUnsupported].
func (UnimplementedKV) MSet(...Pair) error { return unimplemented("MSet") }

// Incr returns an error matching [ErrUnsupported].
func (UnimplementedKV) Incr(string) (int64, error) { return 0, unimplemented("Incr") }

// IncrBy returns an error matching [ErrUnsupported].
func (UnimplementedKV) IncrBy(string, int64) (int64, error) { return 0, unimplemented("IncrBy") }

// Decr returns an error matching [ErrUnsupported].
func (UnimplementedKV) Decr(string) (int64, error) { return 0, unimplemented("Decr") }

// DecrBy returns an error matching [ErrUnsupported].
func (UnimplementedKV) DecrBy(string, int64) (int64, error) { return 0, unimplemented("DecrBy") }

// Delete returns an error matching [ErrUnsupported].
func (UnimplementedKV) Delete(...string) (int, error) { return 0, unimplemented("Delete") }

// Exists returns an error matching [ErrUnsupported].
func (UnimplementedKV) Exists(...string) (int, error) { return 0, unimplemented("Exists") }

// Expire returns an error matching [ErrUnsupported].
func (UnimplementedKV) Expire(string, time.Duration) (bool, error) {
	return false, unimplemented("Expire")
}

// ExpireAt returns an error matching [ErrUnsupported].
func (UnimplementedKV) ExpireAt(string, time.Time) (bool, error) {
	return false, unimplemented("ExpireAt")
}

// Persist returns an error matching [ErrUnsupported].
func (UnimplementedKV) Persist(string) (bool, error) { return false, unimplemented("Persist") }

// TTL returns an error matching [ErrUnsupported].
func (UnimplementedKV) TTL(string) (time.Duration, error) { return 0, unimplemented("TTL") }

// Type returns an error matching [ErrUnsupported].
func (UnimplementedKV) Type(string) (string, error) { return "", unimplemented("Type") }

// FlushDB returns an error matching [ErrUnsupported].
func (UnimplementedKV) FlushDB() error { return unimplemented("FlushDB") }
