package perdure_test

import (
	"testing"
	"time"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/aof"
)

// BenchmarkVerb times every verb on 1,000 keys of 16 bytes with values of 64 bytes, without a log
// and with one (Ring, everysec). Compare two commits with benchstat.
func BenchmarkVerb(b *testing.B) {
	for _, log := range []struct {
		name string
		open func(b *testing.B) *perdure.Store
	}{
		{"nolog", func(b *testing.B) *perdure.Store { return memory(b) }},
		{"ring", func(b *testing.B) *perdure.Store {
			return open(b, b.TempDir(), logOnly(aof.LogMode(aof.Ring), aof.AutoRewrite(0, 0))...)
		}},
	} {
		b.Run(log.name, func(b *testing.B) { benchmarkVerbs(b, log.open(b)) })
	}
}

func benchmarkVerbs(b *testing.B, s *perdure.Store) {
	keys := benchKeys(1000)
	hundred := keys[:100]
	var buf []byte
	two := func(tx *perdure.Tx) error {
		if _, err := tx.Incr("counter:1"); err != nil {
			return err
		}
		_, err := tx.Incr("counter:2")
		return err
	}
	counters := []string{"counter:1", "counter:2"}
	text := func() { fill(b, s, keys) }
	numbers := func() {
		for _, k := range keys {
			if err := s.Set(k, []byte("1000")); err != nil {
				b.Fatal(err)
			}
		}
	}
	none := func() {
		for _, k := range keys {
			s.Delete(k)
		}
	}
	for _, v := range []struct {
		name    string
		prepare func()
		do      func(key string) error
	}{
		{"Get", text, func(k string) (err error) { buf, err = s.AppendGet(buf[:0], k); return err }},
		{"Set", text, func(k string) error { return s.Set(k, benchValue) }},
		{"SetTTL", text, func(k string) error { return s.Set(k, benchValue, perdure.TTL(time.Hour)) }},
		{"Incr", numbers, func(k string) error { _, err := s.Incr(k); return err }},
		{"Exists", text, func(k string) error { _, err := s.Exists(k); return err }},
		{"TTL", text, func(k string) error { _, err := s.TTL(k); return err }},
		{"Type", text, func(k string) error { _, err := s.Type(k); return err }},
		{"Expire", text, func(k string) error { _, err := s.Expire(k, time.Hour); return err }},
		{"Persist", text, func(k string) error { _, err := s.Persist(k); return err }},
		{"SetIfAbsent", text, func(k string) error { _, err := s.SetIfAbsent(k, benchValue); return err }},
		{"CompareAndSwap", text, func(k string) error { _, err := s.CompareAndSwap(k, benchValue, benchValue); return err }},
		{"Swap", text, func(k string) error { _, _, err := s.Swap(k, benchValue); return err }},
		{"Append", numbers, func(k string) error { _, err := s.Append(k, nil); return err }},
		{"DeleteSet", none, func(k string) error {
			if err := s.Set(k, benchValue); err != nil {
				return err
			}
			_, err := s.Delete(k)
			return err
		}},
		{"Update2", none, func(string) error { return s.Update(two) }},
		{"UpdateKeys2", none, func(string) error { return s.UpdateKeys(counters, two) }},
		{"MGet100", text, func(string) error { _, err := s.MGet(hundred...); return err }},
	} {
		b.Run(v.name, func(b *testing.B) {
			v.prepare()
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if err := v.do(keys[i%len(keys)]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
