package main

import (
	"context"
	"time"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/aof"
)

// perdurePeer is perdure without automatic saves and rewrites, which would disturb a measurement.
type perdurePeer struct {
	*perdure.Store
	grouped bool
}

func openPerdure(dir, mode string, _ int) (peer, error) { return openPerdureLog(dir, mode, aof.Ring) }

func openPerdureDirect(dir, mode string, _ int) (peer, error) {
	return openPerdureLog(dir, mode, aof.Direct)
}

func openPerdureLog(dir, mode string, log aof.Mode) (peer, error) {
	o := []perdure.Option{perdure.WithSaveRules(), perdure.WithoutAppendLog()}
	policies := map[string]aof.FsyncPolicy{modeNo: aof.No, modeEverySec: aof.EverySec, modeAlways: aof.Always}
	if policy, ok := policies[mode]; ok {
		o = append(o, perdure.WithAppendLog(aof.New(aof.Fsync(policy), aof.LogMode(log), aof.AutoRewrite(0, 0))))
	}
	s, err := perdure.Open(dir, o...)
	return perdurePeer{s, mode == modeAlways}, err
}

func (p perdurePeer) Get(dst []byte, key string) ([]byte, error) {
	v, err := p.AppendGet(dst, key)
	if err == perdure.ErrNotFound {
		err = errMissing
	}
	return v, err
}

func (p perdurePeer) Set(key string, value []byte) error { return p.Store.Set(key, value) }

func (p perdurePeer) Incr(key string) error {
	_, err := p.Store.Incr(key)
	return err
}

// Load stores in groups only if each Set would wait for the disk, so that a log to replay contains
// single commands.
func (p perdurePeer) Load(keys []string, values [][]byte) error {
	if p.grouped {
		pairs := make([]perdure.Pair, len(keys))
		for i, k := range keys {
			pairs[i] = perdure.Pair{Key: k, Value: values[i]}
		}
		return p.MSet(pairs...)
	}
	for i, k := range keys {
		if err := p.Set(k, values[i]); err != nil {
			return err
		}
	}
	return nil
}

func (p perdurePeer) Save() error {
	_, err := p.Store.Save(context.Background())
	return err
}

func (p perdurePeer) BackgroundSave() error {
	t, err := p.BGSave()
	if err != nil {
		return err
	}
	_, err = t.Wait(context.Background())
	return err
}

func (p perdurePeer) Pause() (time.Duration, error) { return p.Stats().LastBarrier, nil }

func (p perdurePeer) SetTTL(key string, value []byte, d time.Duration) error {
	return p.Store.Set(key, value, perdure.TTL(d))
}

func (p perdurePeer) Exists(key string) (bool, error) {
	n, err := p.Store.Exists(key)
	return n == 1, err
}

func (p perdurePeer) Expire(key string, d time.Duration) error {
	_, err := p.Store.Expire(key, d)
	return err
}

func (p perdurePeer) Persist(key string) error {
	_, err := p.Store.Persist(key)
	return err
}

func (p perdurePeer) SetIfAbsent(key string, value []byte) error {
	_, err := p.Store.SetIfAbsent(key, value)
	return err
}

func (p perdurePeer) CompareAndSwap(key string, old, value []byte) error {
	_, err := p.Store.CompareAndSwap(key, old, value)
	return err
}

func (p perdurePeer) Swap(key string, value []byte) ([]byte, error) {
	old, _, err := p.Store.Swap(key, value)
	return old, err
}

func (p perdurePeer) Delete(key string) error {
	_, err := p.Store.Delete(key)
	return err
}

func (p perdurePeer) IncrBoth() func(a, b string) error {
	var x, y string
	two := incrTwo(&x, &y)
	return func(a, b string) error {
		x, y = a, b
		return p.Update(two)
	}
}

func (p perdurePeer) IncrDeclared() func(keys []string) error {
	var x, y string
	two := incrTwo(&x, &y)
	return func(keys []string) error {
		x, y = keys[0], keys[1]
		return p.UpdateKeys(keys, two)
	}
}

// incrTwo returns a transaction that is allocated once, as in a program that cares.
func incrTwo(a, b *string) func(tx *perdure.Tx) error {
	return func(tx *perdure.Tx) error {
		if _, err := tx.Incr(*a); err != nil {
			return err
		}
		_, err := tx.Incr(*b)
		return err
	}
}
