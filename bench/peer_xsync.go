package main

import (
	"bytes"

	"github.com/puzpuzpuz/xsync/v4"
)

type xsyncMap struct{ m *xsync.Map[string, []byte] }

func openXsync(string, string, int) (peer, error) {
	return xsyncMap{xsync.NewMap[string, []byte]()}, nil
}

func (x xsyncMap) Get(dst []byte, key string) ([]byte, error) {
	v, ok := x.m.Load(key)
	if !ok {
		return dst, errMissing
	}
	return append(dst, v...), nil
}

func (x xsyncMap) Set(key string, value []byte) error {
	x.m.Store(key, bytes.Clone(value))
	return nil
}

func (x xsyncMap) Incr(key string) (err error) {
	x.m.Compute(key, func(old []byte, _ bool) ([]byte, xsync.ComputeOp) {
		var v []byte
		if v, err = increment(old); err != nil {
			return old, xsync.CancelOp
		}
		return v, xsync.UpdateOp
	})
	return err
}

func (x xsyncMap) Close() error { return nil }
