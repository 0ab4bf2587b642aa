package valkey

import "strconv"

// Incr adds 1 to the integer at key (INCR). See [perdure.Store.Incr].
func (kv *KV) Incr(key string) (int64, error) { return kv.number("INCR", key) }

// IncrBy adds n to the integer at key (INCRBY). See [perdure.Store.IncrBy].
func (kv *KV) IncrBy(key string, n int64) (int64, error) {
	return kv.number("INCRBY", key, strconv.FormatInt(n, 10))
}

// Decr subtracts 1 from the integer at key (DECR). See [perdure.Store.Decr].
func (kv *KV) Decr(key string) (int64, error) { return kv.number("DECR", key) }

// DecrBy subtracts n from the integer at key (DECRBY). See [perdure.Store.DecrBy].
func (kv *KV) DecrBy(key string, n int64) (int64, error) {
	return kv.number("DECRBY", key, strconv.FormatInt(n, 10))
}
