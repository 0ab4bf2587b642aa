package main

import (
	"bytes"
	"hash/maphash"
	"strconv"
	"sync"
)

// shardMap is a store that a Go programmer can write in an hour: 256 maps with a lock each.
type shardMap struct {
	seed   maphash.Seed
	shards [256]mapShard
}

type mapShard struct {
	mu sync.RWMutex // guards m
	m  map[string][]byte
	_  [32]byte // so that no two locks share a cache line
}

func newShardMap() *shardMap {
	s := &shardMap{seed: maphash.MakeSeed()}
	for i := range s.shards {
		s.shards[i].m = map[string][]byte{}
	}
	return s
}

func openShardMap(string, string, int) (peer, error) { return newShardMap(), nil }

func (s *shardMap) shard(key string) *mapShard {
	return &s.shards[maphash.String(s.seed, key)%uint64(len(s.shards))]
}

func (s *shardMap) Get(dst []byte, key string) ([]byte, error) {
	sh := s.shard(key)
	sh.mu.RLock()
	v, ok := sh.m[key]
	dst = append(dst, v...)
	sh.mu.RUnlock()
	if !ok {
		return dst, errMissing
	}
	return dst, nil
}

func (s *shardMap) Set(key string, value []byte) error {
	v := bytes.Clone(value)
	sh := s.shard(key)
	sh.mu.Lock()
	sh.m[key] = v
	sh.mu.Unlock()
	return nil
}

func (s *shardMap) Incr(key string) error {
	sh := s.shard(key)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	v, err := increment(sh.m[key])
	if err == nil {
		sh.m[key] = v
	}
	return err
}

func (s *shardMap) Close() error { return nil }

// increment applies INCR to a value; an empty value counts as 0.
func increment(value []byte) ([]byte, error) {
	if len(value) == 0 {
		return []byte("1"), nil
	}
	n, err := strconv.ParseInt(string(value), 10, 64)
	if err != nil {
		return nil, err
	}
	return strconv.AppendInt(nil, n+1, 10), nil
}

// shardMapRef returns references where shardMap copies. This is correct only if no caller changes a
// value in place. Most maps in programs work this way.
type shardMapRef struct{ *shardMap }

func openShardMapRef(string, string, int) (peer, error) { return shardMapRef{newShardMap()}, nil }

func (s shardMapRef) Get(_ []byte, key string) ([]byte, error) {
	sh := s.shard(key)
	sh.mu.RLock()
	v, ok := sh.m[key]
	sh.mu.RUnlock()
	if !ok {
		return nil, errMissing
	}
	return v[:len(v):len(v)], nil
}
