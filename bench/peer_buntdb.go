package main

import (
	"os"
	"path/filepath"

	"github.com/tidwall/buntdb"
)

type buntdbPeer struct {
	db  *buntdb.DB
	dir string
}

func openBuntdb(dir, mode string, _ int) (peer, error) {
	path := filepath.Join(dir, "bunt.db")
	if mode == modeNone {
		path = ":memory:"
	}
	db, err := buntdb.Open(path)
	if err != nil {
		return nil, err
	}
	c := buntdb.Config{SyncPolicy: buntdb.Never, AutoShrinkDisabled: true}
	switch mode {
	case modeEverySec:
		c.SyncPolicy = buntdb.EverySecond
	case modeAlways:
		c.SyncPolicy = buntdb.Always
	}
	return buntdbPeer{db, dir}, db.SetConfig(c)
}

func (b buntdbPeer) Get(dst []byte, key string) ([]byte, error) {
	err := b.db.View(func(tx *buntdb.Tx) error {
		v, err := tx.Get(key)
		dst = append(dst, v...)
		return err
	})
	if err == buntdb.ErrNotFound {
		err = errMissing
	}
	return dst, err
}

func (b buntdbPeer) Set(key string, value []byte) error {
	return b.db.Update(func(tx *buntdb.Tx) error {
		_, _, err := tx.Set(key, string(value), nil)
		return err
	})
}

func (b buntdbPeer) Incr(key string) error {
	return b.db.Update(func(tx *buntdb.Tx) error {
		old, err := tx.Get(key)
		if err != nil && err != buntdb.ErrNotFound {
			return err
		}
		v, err := increment([]byte(old))
		if err != nil {
			return err
		}
		_, _, err = tx.Set(key, string(v), nil)
		return err
	})
}

func (b buntdbPeer) Load(keys []string, values [][]byte) error {
	return b.db.Update(func(tx *buntdb.Tx) error {
		for i, k := range keys {
			if _, _, err := tx.Set(k, string(values[i]), nil); err != nil {
				return err
			}
		}
		return nil
	})
}

// Save copies the log without its history. Writers wait during the copy.
func (b buntdbPeer) Save() error {
	return saveTo(b.dir, func(f *os.File) error { return b.db.Save(f) })
}

func (b buntdbPeer) Close() error { return b.db.Close() }
