package perdure_test

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/aof"
)

// benchKeys returns n keys of 16 bytes.
func benchKeys(n int) []string {
	keys := make([]string, n)
	for i := range keys {
		var k [16]byte
		copy(k[:], "key:")
		binary.BigEndian.PutUint64(k[8:], uint64(i)*0x9e3779b97f4a7c15)
		keys[i] = string(k[:])
	}
	return keys
}

var benchValue = make([]byte, 64)

func fill(b testing.TB, s *perdure.Store, keys []string) {
	b.Helper()
	for _, k := range keys {
		if err := s.Set(k, benchValue); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkGet(b *testing.B) {
	s := memory(b)
	keys := benchKeys(1_000_000)
	fill(b, s, keys)
	rng := rand.New(rand.NewPCG(1, 1))
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf, _ = s.AppendGet(buf[:0], keys[rng.IntN(len(keys))])
	}
}

func BenchmarkSet(b *testing.B) {
	keys := benchKeys(1_000_000)
	for _, c := range []struct {
		name string
		opts func() []perdure.Option
	}{
		{"nolog", snapshotsOnly},
		{"everysec", func() []perdure.Option {
			return logOnly(aof.LogMode(aof.Direct), aof.AutoRewrite(0, 0))
		}},
		{"everysec-ring", func() []perdure.Option {
			return logOnly(aof.LogMode(aof.Ring), aof.AutoRewrite(0, 0))
		}},
		{"no-ring", func() []perdure.Option {
			return logOnly(aof.Fsync(aof.No), aof.LogMode(aof.Ring), aof.AutoRewrite(0, 0))
		}},
		{"always", func() []perdure.Option { return logOnly(aof.Fsync(aof.Always), aof.AutoRewrite(0, 0)) }},
		{"no", func() []perdure.Option {
			return logOnly(aof.Fsync(aof.No), aof.LogMode(aof.Direct), aof.AutoRewrite(0, 0))
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			s := open(b, b.TempDir(), c.opts()...)
			if c.name != "always" {
				fill(b, s, keys)
			}
			rng := rand.New(rand.NewPCG(1, 1))
			b.ReportAllocs()
			for b.Loop() {
				if err := s.Set(keys[rng.IntN(len(keys))], benchValue); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkSetAlwaysParallel(b *testing.B) {
	s := open(b, b.TempDir(), logOnly(aof.Fsync(aof.Always), aof.AutoRewrite(0, 0))...)
	keys := benchKeys(100_000)
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		rng := rand.New(rand.NewPCG(rand.Uint64(), 1))
		for pb.Next() {
			if err := s.Set(keys[rng.IntN(len(keys))], benchValue); err != nil {
				b.Error(err)
			}
		}
	})
}

func BenchmarkIncr(b *testing.B) {
	s := memory(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Incr("n"); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSave1M saves a million keys.
func BenchmarkSave1M(b *testing.B) {
	s := open(b, b.TempDir(), snapshotsOnly()...)
	fillRandom(b, s)
	for b.Loop() {
		if _, err := s.Save(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkOpen1M opens a store of a million keys from a dump, and from a log of commands.
func BenchmarkOpen1M(b *testing.B) {
	for _, c := range []struct {
		name string
		opts func() []perdure.Option
	}{
		{"dump", snapshotsOnly},
		{"log", func() []perdure.Option { return logOnly(aof.Fsync(aof.No), aof.AutoRewrite(0, 0)) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			dir := b.TempDir()
			s := open(b, dir, c.opts()...)
			fillRandom(b, s)
			if c.name == "dump" {
				if _, err := s.Save(context.Background()); err != nil {
					b.Fatal(err)
				}
			}
			if err := s.CloseNoSave(); err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				s, err := perdure.Open(dir, c.opts()...)
				if err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				if err := s.CloseNoSave(); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
			}
		})
	}
}

// fillRandom sets a million keys to values that do not compress.
func fillRandom(b *testing.B, s *perdure.Store) {
	rng := rand.New(rand.NewPCG(1, 1))
	value := make([]byte, 64)
	for _, k := range benchKeys(1_000_000) {
		for i := 0; i < len(value); i += 8 {
			binary.LittleEndian.PutUint64(value[i:], rng.Uint64())
		}
		if err := s.Set(k, value); err != nil {
			b.Fatal(err)
		}
	}
}
