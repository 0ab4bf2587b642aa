package main

import (
	"fmt"
	"testing"
)

// hotPeers are the peers for the hot paths: perdure, and a map that a Go programmer can write in an
// hour.
var hotPeers = []string{"perdure/none", "shardmap/none"}

// hotStores keeps each peer filled between benchmarks.
var hotStores = map[string]peer{}

func hotStore(b *testing.B, name string) peer {
	b.Helper()
	if p := hotStores[name]; p != nil {
		return p
	}
	p, err := openPeer(name, b.TempDir(), million)
	if err != nil {
		b.Fatal(err)
	}
	if err := fill(p, million); err != nil {
		b.Fatal(err)
	}
	hotStores[name] = p
	return p
}

// hot runs an operation on 1 M random keys, and on 1,000 keys.
func hot(b *testing.B, op func(p peer, key string, i int) error) {
	for _, size := range []struct {
		name string
		keys sequence
	}{{"random", uniform(0, million)}, {"hot", uniform(0, 1000)}} {
		for _, name := range hotPeers {
			b.Run(size.name+"/"+name, func(b *testing.B) {
				p := hotStore(b, name)
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					if err := op(p, size.keys.key(i), i); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func BenchmarkHotGet(b *testing.B) {
	buf := make([]byte, 0, 2*valueSize)
	hot(b, func(p peer, key string, _ int) (err error) {
		buf, err = p.Get(buf[:0], key)
		return err
	})
}

func BenchmarkHotSet(b *testing.B) {
	hot(b, func(p peer, key string, i int) error { return p.Set(key, valueAt(i)) })
}

// BenchmarkHotSetLogged measures the cost of a log for Set. The target is the ratio of the second
// result to the first.
func BenchmarkHotSetLogged(b *testing.B) {
	for _, name := range []string{"perdure/none", "perdure/everysec"} {
		p, err := openPeer(name, b.TempDir(), million)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = p.Close() })
		if err := fill(p, million); err != nil {
			b.Fatal(err)
		}
		random := uniform(0, million)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if err := p.Set(random.key(i), valueAt(i)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkHotBatch runs operations in batches. The time is per key.
func BenchmarkHotBatch(b *testing.B) {
	for _, width := range []int{1, 4, 16, 64, 256} {
		for _, op := range []struct {
			name string
			do   func(s perdurePeer, t *together, keys []string, i int) error
		}{{"MGet", mget}, {"MSet", mset}, {"Get", batchGet}, {"Set", batchSet}} {
			b.Run(fmt.Sprintf("%s/%d", op.name, width), func(b *testing.B) {
				s := hotStore(b, "perdure/none").(perdurePeer)
				random := uniform(0, million)
				keys, t := make([]string, width), &together{}
				b.ReportAllocs()
				i := 0
				for b.Loop() {
					for j := range keys {
						keys[j] = random.key(i + j)
					}
					if err := op.do(s, t, keys, i); err != nil {
						b.Fatal(err)
					}
					i += width
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(i), "ns/key")
			})
		}
	}
}
