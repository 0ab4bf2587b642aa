package main

import (
	"os"
	"path/filepath"

	"github.com/cockroachdb/pebble/v2"
)

// pebblePeer is Pebble with CockroachDB's sizes: a memtable of 64 MiB, and a cache for the data set
// of a million keys.
type pebblePeer struct {
	db   *pebble.DB
	how  *pebble.WriteOptions
	sync *ticker
	dir  string
}

func openPebble(dir, mode string, _ int) (peer, error) {
	cache := pebble.NewCache(128 << 20)
	defer cache.Unref()
	db, err := pebble.Open(filepath.Join(dir, "pebble"), &pebble.Options{
		Cache: cache, MemTableSize: 64 << 20, Logger: silent{},
	})
	if err != nil {
		return nil, err
	}
	how := pebble.NoSync
	if mode == modeAlways {
		how = pebble.Sync
	}
	tick := everySecond(mode, func() error { return db.LogData(nil, pebble.Sync) })
	return pebblePeer{db, how, tick, dir}, nil
}

func (p pebblePeer) Get(dst []byte, key string) ([]byte, error) {
	v, closer, err := p.db.Get(bytesOf(key))
	if err == pebble.ErrNotFound {
		return dst, errMissing
	}
	if err != nil {
		return dst, err
	}
	return append(dst, v...), closer.Close()
}

func (p pebblePeer) Set(key string, value []byte) error {
	return p.db.Set(bytesOf(key), value, p.how)
}

// Incr is not supported, because it would need a lock around it.
func (p pebblePeer) Incr(string) error { return errUnsupported }

func (p pebblePeer) Load(keys []string, values [][]byte) error {
	b := p.db.NewBatch()
	for i, k := range keys {
		if err := b.Set(bytesOf(k), values[i], nil); err != nil {
			return err
		}
	}
	return b.Commit(p.how)
}

// Save makes a checkpoint: links to the tables, and a copy of the log.
func (p pebblePeer) Save() error {
	path := filepath.Join(p.dir, "save")
	defer os.RemoveAll(path)
	return p.db.Checkpoint(path, pebble.WithFlushedWAL())
}

func (p pebblePeer) Close() error {
	p.sync.close()
	return p.db.Close()
}

// silent drops Pebble's log messages.
type silent struct{}

func (silent) Infof(string, ...any)  {}
func (silent) Errorf(string, ...any) {}
func (silent) Fatalf(format string, args ...any) {
	pebble.DefaultLogger.Fatalf(format, args...)
}
