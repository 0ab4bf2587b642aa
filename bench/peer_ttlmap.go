package main

import (
	"bytes"
	"hash/maphash"
	"sync"
	"time"
)

// ttlMap is the map of a program that needs more than Get and Set: each entry has an expiry, and
// the map has most of perdure's verbs. It has 256 locks, or one.
type ttlMap struct {
	seed   maphash.Seed
	shards []ttlShard
}

type ttlShard struct {
	mu sync.RWMutex // guards m
	m  map[string]ttlEntry
	_  [32]byte // so that no two locks share a cache line
}

type ttlEntry struct {
	value  []byte
	expire int64 // Unix nanoseconds; 0 without an expiry
}

func (e ttlEntry) expired() bool { return e.expire != 0 && time.Now().UnixNano() > e.expire }

func newTTLMap(shards int) *ttlMap {
	t := &ttlMap{seed: maphash.MakeSeed(), shards: make([]ttlShard, shards)}
	for i := range t.shards {
		t.shards[i].m = map[string]ttlEntry{}
	}
	return t
}

func openTTLMap(string, string, int) (peer, error) { return newTTLMap(256), nil }
func openRWMap(string, string, int) (peer, error)  { return newTTLMap(1), nil }

func (t *ttlMap) shardOf(key string) uint64 {
	if len(t.shards) == 1 {
		return 0
	}
	return maphash.String(t.seed, key) % uint64(len(t.shards))
}

func (t *ttlMap) Get(dst []byte, key string) ([]byte, error) {
	sh := &t.shards[t.shardOf(key)]
	sh.mu.RLock()
	e, ok := sh.m[key]
	dst = append(dst, e.value...)
	sh.mu.RUnlock()
	if !ok || e.expired() {
		return dst, errMissing
	}
	return dst, nil
}

// change calls f with the live entry of a key, and stores the result if f returns true.
func (t *ttlMap) change(key string, f func(e ttlEntry, ok bool) (ttlEntry, bool)) {
	sh := &t.shards[t.shardOf(key)]
	sh.mu.Lock()
	e, ok := sh.m[key]
	if ok && e.expired() {
		e, ok = ttlEntry{}, false
	}
	if e, store := f(e, ok); store {
		sh.m[key] = e
	}
	sh.mu.Unlock()
}

func (t *ttlMap) store(key string, e ttlEntry) {
	sh := &t.shards[t.shardOf(key)]
	sh.mu.Lock()
	sh.m[key] = e
	sh.mu.Unlock()
}

func (t *ttlMap) Set(key string, value []byte) error {
	t.store(key, ttlEntry{value: bytes.Clone(value)})
	return nil
}

func (t *ttlMap) SetTTL(key string, value []byte, d time.Duration) error {
	t.store(key, ttlEntry{bytes.Clone(value), time.Now().Add(d).UnixNano()})
	return nil
}

func (t *ttlMap) Incr(key string) (err error) {
	t.change(key, func(e ttlEntry, _ bool) (ttlEntry, bool) {
		e.value, err = increment(e.value)
		return e, err == nil
	})
	return err
}

func (t *ttlMap) live(key string) (ttlEntry, bool) {
	sh := &t.shards[t.shardOf(key)]
	sh.mu.RLock()
	e, ok := sh.m[key]
	sh.mu.RUnlock()
	return e, ok && !e.expired()
}

func (t *ttlMap) Exists(key string) (bool, error) {
	_, ok := t.live(key)
	return ok, nil
}

func (t *ttlMap) TTL(key string) (time.Duration, error) {
	e, ok := t.live(key)
	if !ok || e.expire == 0 {
		return -1, nil
	}
	return time.Duration(e.expire - time.Now().UnixNano()), nil
}

func (t *ttlMap) Expire(key string, d time.Duration) error {
	at := time.Now().Add(d).UnixNano()
	t.change(key, func(e ttlEntry, ok bool) (ttlEntry, bool) {
		e.expire = at
		return e, ok
	})
	return nil
}

func (t *ttlMap) Persist(key string) error {
	t.change(key, func(e ttlEntry, ok bool) (ttlEntry, bool) {
		had := e.expire != 0
		e.expire = 0
		return e, ok && had
	})
	return nil
}

func (t *ttlMap) SetIfAbsent(key string, value []byte) error {
	t.change(key, func(_ ttlEntry, ok bool) (ttlEntry, bool) {
		if ok {
			return ttlEntry{}, false
		}
		return ttlEntry{value: bytes.Clone(value)}, true
	})
	return nil
}

func (t *ttlMap) CompareAndSwap(key string, old, value []byte) error {
	t.change(key, func(e ttlEntry, ok bool) (ttlEntry, bool) {
		if !ok || !bytes.Equal(e.value, old) {
			return e, false
		}
		return ttlEntry{value: bytes.Clone(value)}, true
	})
	return nil
}

func (t *ttlMap) Swap(key string, value []byte) (old []byte, err error) {
	t.change(key, func(e ttlEntry, _ bool) (ttlEntry, bool) {
		old = e.value // nothing changes it in place
		return ttlEntry{value: bytes.Clone(value)}, true
	})
	return old, nil
}

func (t *ttlMap) Delete(key string) error {
	sh := &t.shards[t.shardOf(key)]
	sh.mu.Lock()
	delete(sh.m, key)
	sh.mu.Unlock()
	return nil
}

func (t *ttlMap) IncrBoth() func(a, b string) error { return t.incrBoth }

// incrBoth increments two counters atomically. It acquires their locks in order.
func (t *ttlMap) incrBoth(a, b string) error {
	i, j := t.shardOf(a), t.shardOf(b)
	first, second := &t.shards[min(i, j)], &t.shards[max(i, j)]
	first.mu.Lock()
	defer first.mu.Unlock()
	if first != second {
		second.mu.Lock()
		defer second.mu.Unlock()
	}
	x, err := increment(t.shards[i].m[a].value)
	if err != nil {
		return err
	}
	t.shards[i].m[a] = ttlEntry{value: x}
	y, err := increment(t.shards[j].m[b].value)
	if err == nil {
		t.shards[j].m[b] = ttlEntry{value: y}
	}
	return err
}

func (t *ttlMap) Close() error { return nil }
