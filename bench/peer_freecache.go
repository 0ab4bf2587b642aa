package main

import "github.com/coocood/freecache"

// freecachePeer is a cache. It may evict, although it has twice the room that it needs.
type freecachePeer struct{ c *freecache.Cache }

func openFreecache(_, _ string, keys int) (peer, error) {
	return freecachePeer{freecache.NewCache(max(64<<20, 256*keys))}, nil
}

func (f freecachePeer) Get(dst []byte, key string) ([]byte, error) {
	err := f.c.GetFn(bytesOf(key), func(v []byte) error {
		dst = append(dst, v...)
		return nil
	})
	if err == freecache.ErrNotFound {
		err = errMissing
	}
	return dst, err
}

func (f freecachePeer) Set(key string, value []byte) error { return f.c.Set(bytesOf(key), value, 0) }

func (f freecachePeer) Incr(key string) (err error) {
	_, _, updateErr := f.c.Update(bytesOf(key), func(old []byte, _ bool) ([]byte, bool, int) {
		var v []byte
		v, err = increment(old)
		return v, err == nil, 0
	})
	if err == nil {
		err = updateErr
	}
	return err
}

func (f freecachePeer) Close() error { return nil }
