package main

import (
	"path/filepath"

	"github.com/VictoriaMetrics/fastcache"
)

// fastcachePeer is a cache. It may evict, although it has three times the room that it needs.
type fastcachePeer struct {
	c    *fastcache.Cache
	path string
}

func openFastcache(dir, _ string, keys int) (peer, error) {
	path := filepath.Join(dir, "cache")
	return fastcachePeer{fastcache.LoadFromFileOrNew(path, max(64<<20, 256*keys)), path}, nil
}

func (f fastcachePeer) Get(dst []byte, key string) ([]byte, error) {
	dst, ok := f.c.HasGet(dst, bytesOf(key))
	if !ok {
		return dst, errMissing
	}
	return dst, nil
}

func (f fastcachePeer) Set(key string, value []byte) error {
	f.c.Set(bytesOf(key), value)
	return nil
}

func (f fastcachePeer) Incr(string) error { return errUnsupported }

func (f fastcachePeer) Save() error { return f.c.SaveToFileConcurrent(f.path, 2) }

func (f fastcachePeer) Close() error {
	f.c.Reset()
	return nil
}
