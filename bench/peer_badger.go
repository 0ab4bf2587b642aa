package main

import (
	"os"

	"github.com/dgraph-io/badger/v4"
)

type badgerPeer struct {
	db   *badger.DB
	sync *ticker
	dir  string
}

func openBadger(dir, mode string, _ int) (peer, error) {
	o := badger.DefaultOptions(dir).WithLogger(nil).WithSyncWrites(mode == modeAlways)
	if mode == modeNone {
		o = o.WithDir("").WithValueDir("").WithInMemory(true)
	}
	db, err := badger.Open(o)
	if err != nil {
		return nil, err
	}
	return badgerPeer{db, everySecond(mode, db.Sync), dir}, nil
}

func (b badgerPeer) Get(dst []byte, key string) ([]byte, error) {
	err := b.db.View(func(tx *badger.Txn) error {
		item, err := tx.Get(bytesOf(key))
		if err != nil {
			return err
		}
		return item.Value(func(v []byte) error {
			dst = append(dst, v...)
			return nil
		})
	})
	if err == badger.ErrKeyNotFound {
		err = errMissing
	}
	return dst, err
}

func (b badgerPeer) Set(key string, value []byte) error {
	return b.db.Update(func(tx *badger.Txn) error { return tx.Set([]byte(key), value) })
}

func (b badgerPeer) Incr(key string) error {
	for {
		err := b.db.Update(func(tx *badger.Txn) error {
			var old []byte
			item, err := tx.Get(bytesOf(key))
			if err == nil {
				old, err = item.ValueCopy(nil)
			}
			if err != nil && err != badger.ErrKeyNotFound {
				return err
			}
			v, err := increment(old)
			if err != nil {
				return err
			}
			return tx.Set([]byte(key), v)
		})
		if err != badger.ErrConflict {
			return err
		}
	}
}

func (b badgerPeer) Load(keys []string, values [][]byte) error {
	w := b.db.NewWriteBatch()
	defer w.Cancel()
	for i, k := range keys {
		if err := w.Set([]byte(k), values[i]); err != nil {
			return err
		}
	}
	return w.Flush()
}

func (b badgerPeer) Save() error {
	return saveTo(b.dir, func(f *os.File) error {
		_, err := b.db.Backup(f, 0)
		return err
	})
}

func (b badgerPeer) Close() error {
	b.sync.close()
	return b.db.Close()
}
