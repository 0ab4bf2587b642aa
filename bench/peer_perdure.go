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
