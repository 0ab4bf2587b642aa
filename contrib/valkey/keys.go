package valkey

import (
	"errors"
	"math"
	"strconv"
	"time"

	"github.com/perduredb/perdure"
)

// Delete removes keys of any type (DEL). See [perdure.Store.Delete].
func (kv *KV) Delete(keys ...string) (n int, err error) {
	if len(keys) == 0 {
		return 0, nil
	}
	if err := kv.sameSlot("DEL", keys); err != nil {
		return 0, err
	}
	count, err := kv.number("DEL", keys[0], keys[1:]...)
	return int(count), err
}

// Exists returns the number of keys that exist (EXISTS). See [perdure.Store.Exists].
func (kv *KV) Exists(keys ...string) (n int, err error) {
	if len(keys) == 0 {
		return 0, nil
	}
	if err := kv.sameSlot("EXISTS", keys); err != nil {
		return 0, err
	}
	m, err := kv.do("EXISTS", kv.client.B().Exists().Key(keys...).Build())
	if err != nil {
		return 0, err
	}
	count, err := m.AsInt64()
	return int(count), kv.translate("EXISTS", err)
}

// Expire sets the expiry of key to d from now (PEXPIRE). See [perdure.Store.Expire].
func (kv *KV) Expire(key string, d time.Duration) (existed bool, err error) {
	return kv.did("PEXPIRE", key, milliseconds(max(d, 0)))
}

// ExpireAt sets the expiry of key to t (PEXPIREAT). See [perdure.Store.ExpireAt].
func (kv *KV) ExpireAt(key string, t time.Time) (existed bool, err error) {
	return kv.did("PEXPIREAT", key, strconv.FormatInt(unixMs(t), 10))
}

// Persist removes the expiry of key (PERSIST). See [perdure.Store.Persist].
func (kv *KV) Persist(key string) (had bool, err error) { return kv.did("PERSIST", key) }

// TTL returns the remaining time to live of key (PTTL). See [perdure.Store.TTL].
func (kv *KV) TTL(key string) (time.Duration, error) {
	m, err := kv.do("PTTL", kv.client.B().Pttl().Key(key).Build())
	if err != nil {
		return 0, err
	}
	ms, err := m.AsInt64()
	switch {
	case err != nil:
		return 0, kv.translate("PTTL", err)
	case ms == -2:
		return 0, perdure.ErrNotFound
	case ms == -1:
		return perdure.NoExpiry, nil
	}
	return time.Duration(min(ms, math.MaxInt64/int64(time.Millisecond))) * time.Millisecond, nil
}

// Type returns the name of the type of the value of key (TYPE). See [perdure.Store.Type].
func (kv *KV) Type(key string) (string, error) {
	m, err := kv.do("TYPE", kv.client.B().Type().Key(key).Build())
	if err != nil {
		return "", err
	}
	name, err := m.ToString()
	if err == nil && name == "none" {
		return "", perdure.ErrNotFound
	}
	return name, kv.translate("TYPE", err)
}

// FlushDB removes every key of the database (FLUSHDB), on every primary of a cluster. See
// [perdure.Store.FlushDB].
func (kv *KV) FlushDB() error {
	if kv.closed.Load() {
		return perdure.ErrClosed
	}
	for _, node := range kv.client.Nodes() {
		one := &KV{client: node, timeout: kv.timeout}
		_, err := one.do("FLUSHDB", node.B().Flushdb().Build())
		if err != nil && !errors.Is(err, perdure.ErrReadOnly) { // a replica
			return err
		}
	}
	return nil
}
