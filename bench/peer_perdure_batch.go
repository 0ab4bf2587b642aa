package main

import "github.com/perduredb/perdure"

// together contains the buffers that calls on several keys reuse.
type together struct {
	batch perdure.Batch
	pairs []perdure.Pair
}

func mget(s perdurePeer, _ *together, keys []string, _ int) error {
	_, err := s.MGet(keys...)
	return err
}

func mset(s perdurePeer, t *together, keys []string, i int) error {
	t.pairs = t.pairs[:0]
	for j, k := range keys {
		t.pairs = append(t.pairs, perdure.Pair{Key: k, Value: valueAt(i + j)})
	}
	return s.MSet(t.pairs...)
}

func batchGet(s perdurePeer, t *together, keys []string, _ int) error {
	t.batch.Reset()
	for _, k := range keys {
		t.batch.Get(k)
	}
	return s.Run(&t.batch)
}

func batchSet(s perdurePeer, t *together, keys []string, i int) error {
	t.batch.Reset()
	for j, k := range keys {
		t.batch.Set(k, valueAt(i+j))
	}
	return s.Run(&t.batch)
}
