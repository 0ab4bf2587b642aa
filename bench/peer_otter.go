package main

import (
	"bytes"

	"github.com/maypok86/otter/v2"
)

// otterCache is a cache without a limit, so that it evicts nothing.
type otterCache struct{ c *otter.Cache[string, []byte] }

func openOtter(string, string, int) (peer, error) {
	c, err := otter.New(&otter.Options[string, []byte]{})
	return otterCache{c}, err
}

func (o otterCache) Get(dst []byte, key string) ([]byte, error) {
	v, ok := o.c.GetIfPresent(key)
	if !ok {
		return dst, errMissing
	}
	return append(dst, v...), nil
}

func (o otterCache) Set(key string, value []byte) error {
	o.c.Set(key, bytes.Clone(value))
	return nil
}

func (o otterCache) Incr(key string) (err error) {
	o.c.Compute(key, func(old []byte, _ bool) ([]byte, otter.ComputeOp) {
		var v []byte
		if v, err = increment(old); err != nil {
			return old, otter.CancelOp
		}
		return v, otter.WriteOp
	})
	return err
}

func (o otterCache) Close() error {
	o.c.StopAllGoroutines()
	return nil
}
