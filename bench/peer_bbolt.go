package main

import (
	"os"
	"path/filepath"

	"go.etcd.io/bbolt"
)

type bboltPeer struct {
	db   *bbolt.DB
	sync *ticker
	dir  string
}

var bucketName = []byte("b")

func openBbolt(dir, mode string, _ int) (peer, error) {
	db, err := bbolt.Open(filepath.Join(dir, "bolt.db"), 0o644, &bbolt.Options{
		NoSync: mode != modeAlways, NoFreelistSync: true, FreelistType: bbolt.FreelistMapType,
	})
	if err != nil {
		return nil, err
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		_, err := tx.CreateBucketIfNotExists(bucketName)
		return err
	})
	return bboltPeer{db, everySecond(mode, db.Sync), dir}, err
}

func (b bboltPeer) Get(dst []byte, key string) ([]byte, error) {
	err := b.db.View(func(tx *bbolt.Tx) error {
		v := tx.Bucket(bucketName).Get(bytesOf(key))
		if v == nil {
			return errMissing
		}
		dst = append(dst, v...)
		return nil
	})
	return dst, err
}

func (b bboltPeer) Set(key string, value []byte) error {
	return b.db.Update(func(tx *bbolt.Tx) error {
		return tx.Bucket(bucketName).Put(bytesOf(key), value)
	})
}

func (b bboltPeer) Incr(key string) error {
	return b.db.Update(func(tx *bbolt.Tx) error {
		bucket := tx.Bucket(bucketName)
		v, err := increment(bucket.Get(bytesOf(key)))
		if err != nil {
			return err
		}
		return bucket.Put(bytesOf(key), v)
	})
}

func (b bboltPeer) Load(keys []string, values [][]byte) error {
	return b.db.Update(func(tx *bbolt.Tx) error {
		bucket := tx.Bucket(bucketName)
		for i, k := range keys {
			if err := bucket.Put(bytesOf(k), values[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

func (b bboltPeer) Save() error {
	return saveTo(b.dir, func(f *os.File) error {
		return b.db.View(func(tx *bbolt.Tx) error {
			_, err := tx.WriteTo(f)
			return err
		})
	})
}

func (b bboltPeer) Close() error {
	b.sync.close()
	return b.db.Close()
}
