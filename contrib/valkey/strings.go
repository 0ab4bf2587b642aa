package valkey

import (
	client "github.com/valkey-io/valkey-go"

	"github.com/perduredb/perdure"
)

// Get returns the value of key (GET). See [perdure.Store.Get].
func (kv *KV) Get(key string) ([]byte, error) {
	v, err := kv.AppendGet([]byte{}, key)
	if err != nil {
		return nil, err
	}
	return v, nil
}

// AppendGet appends the value of key to dst (GET). See [perdure.Store.AppendGet].
func (kv *KV) AppendGet(dst []byte, key string) ([]byte, error) {
	m, err := kv.do("GET", kv.client.B().Get().Key(key).Build())
	if err != nil {
		return dst, err
	}
	if m.IsNil() {
		return dst, perdure.ErrNotFound
	}
	s, err := m.ToString()
	if err != nil {
		return dst, kv.translate("GET", err)
	}
	return append(dst, s...), nil
}

// Set stores value under key (SET). See [perdure.Store.Set].
func (kv *KV) Set(key string, value []byte, opts ...perdure.SetOption) error {
	_, err := kv.set(key, value, opts)
	return err
}

// SetIfAbsent stores value if key does not exist (SET NX). See [perdure.Store.SetIfAbsent].
func (kv *KV) SetIfAbsent(key string, value []byte, opts ...perdure.SetOption) (stored bool, err error) {
	m, err := kv.set(key, value, opts, "NX")
	return err == nil && !m.IsNil(), err
}

// Swap stores value and returns the previous value (SET GET). See [perdure.Store.Swap].
func (kv *KV) Swap(key string, value []byte, opts ...perdure.SetOption) (old []byte, existed bool, err error) {
	m, err := kv.set(key, value, opts, "GET")
	if err != nil || m.IsNil() {
		return nil, false, err
	}
	s, err := m.ToString()
	return []byte(s), err == nil, kv.translate("SET", err)
}

// set sends a SET.
func (kv *KV) set(key string, value []byte, opts []perdure.SetOption, flags ...string) (client.ValkeyMessage, error) {
	expiry, err := expiryOf(opts)
	if err == nil {
		err = checkSize(key, value)
	}
	if err != nil {
		return client.ValkeyMessage{}, err
	}
	return kv.call("SET", key, append(append([]string{string(value)}, expiry...), flags...)...)
}

// compareAndSwap is the script of [KV.CompareAndSwap]. An error of GET is its reply.
var compareAndSwap = client.NewLuaScript(`
local value = redis.pcall('GET', KEYS[1])
if type(value) == 'table' then return value end
if value ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], unpack(ARGV, 3))
return 1`)

// CompareAndSwap stores value if key holds exactly old (a script). See
// [perdure.Store.CompareAndSwap].
func (kv *KV) CompareAndSwap(key string, old, value []byte, opts ...perdure.SetOption) (swapped bool, err error) {
	expiry, err := expiryOf(opts)
	if err == nil {
		err = checkSize(key, old, value)
	}
	if err != nil {
		return false, err
	}
	ctx, cancel := kv.context()
	defer cancel()
	args := append([]string{string(old), string(value)}, expiry...)
	n, err := compareAndSwap.Exec(ctx, kv.client, []string{key}, args).AsInt64()
	return n == 1, kv.translate("EVALSHA", err)
}

// Append adds suffix to the value of key (APPEND). See [perdure.Store.Append].
func (kv *KV) Append(key string, suffix []byte) (length int, err error) {
	if err := checkSize(key, suffix); err != nil {
		return 0, err
	}
	n, err := kv.number("APPEND", key, string(suffix))
	return int(n), err
}

// MGet returns the values of keys (MGET). See [perdure.Store.MGet].
func (kv *KV) MGet(keys ...string) ([][]byte, error) {
	values := make([][]byte, len(keys))
	if len(keys) == 0 {
		return values, nil
	}
	if err := kv.sameSlot("MGET", keys); err != nil {
		return nil, err
	}
	m, err := kv.do("MGET", kv.client.B().Mget().Key(keys...).Build())
	if err != nil {
		return nil, err
	}
	elements, err := m.ToArray()
	if err != nil {
		return nil, kv.translate("MGET", err)
	}
	for i, e := range elements {
		if s, err := e.ToString(); err == nil {
			values[i] = []byte(s)
		}
	}
	return values, nil
}

// MSet stores all pairs atomically (MSET). See [perdure.Store.MSet].
func (kv *KV) MSet(pairs ...perdure.Pair) error {
	if len(pairs) == 0 {
		return nil
	}
	keys, args := make([]string, len(pairs)), make([]string, 0, 2*len(pairs))
	for i, p := range pairs {
		if err := checkSize(p.Key, p.Value); err != nil {
			return err
		}
		keys[i], args = p.Key, append(args, p.Key, string(p.Value))
	}
	if err := kv.sameSlot("MSET", keys); err != nil {
		return err
	}
	_, err := kv.call("MSET", args[0], args[1:]...)
	return err
}
