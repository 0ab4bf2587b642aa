package perdure_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/perduredb/perdure"
	"github.com/perduredb/perdure/aof"
	"github.com/perduredb/perdure/appendlog"
)

// BenchmarkBesideLarge gets and sets small keys of all shards, about 1000 times per second each,
// while large values are stored and read continuously. It reports the latencies. get waits for a
// shard. append, a part of set, waits for the log's lock with the shard locked. set also waits
// until the earlier log records are written.
func BenchmarkBesideLarge(b *testing.B) {
	for _, c := range []struct {
		name string
		log  []aof.Option
	}{
		{"nolog", nil},
		{"direct", []aof.Option{aof.LogMode(aof.Direct), aof.AutoRewrite(0, 0)}},
		{"ring", []aof.Option{aof.LogMode(aof.Ring), aof.AutoRewrite(0, 0)}},
	} {
		for _, size := range []int{64, 1 << 20, 64 << 20, 512 << 20} {
			b.Run(fmt.Sprintf("%s/%d", c.name, size), func(b *testing.B) {
				log := &timedLog{Log: aof.New(c.log...)}
				opts := []perdure.Option{perdure.WithAppendLog(log), perdure.WithSaveRules()}
				if c.log == nil {
					opts = snapshotsOnly()
				}
				besideLarge(b, open(b, b.TempDir(), opts...), log, size)
			})
		}
	}
}

// timedLog times the Append calls of small values.
type timedLog struct {
	*aof.Log
	times times // set by the one small writer
	on    bool
}

func (l *timedLog) Append(first, last int, unit []byte) appendlog.Position {
	if !l.on || len(unit) > 1<<20 || len(unit) < 120 {
		return l.Log.Append(first, last, unit)
	}
	begin := time.Now()
	defer l.times.since(begin)
	return l.Log.Append(first, last, unit)
}

type times []time.Duration

func (t *times) since(begin time.Time) { *t = append(*t, time.Since(begin)) }

func (t times) report(b *testing.B, name string) {
	if slices.Sort(t); len(t) > 0 {
		b.ReportMetric(float64(t[len(t)-1])/1e3, name+"-us-worst")
		b.ReportMetric(float64(t[len(t)*999/1000])/1e3, name+"-us-p99.9")
	}
}

func besideLarge(b *testing.B, s *perdure.Store, log *timedLog, size int) {
	keys := benchKeys(10_000)
	small := make([]byte, 100) // timedLog recognizes its size
	for _, k := range keys {
		if err := s.Set(k, small); err != nil {
			b.Fatal(err)
		}
	}
	log.on = true
	value := make([]byte, size)
	stop, done := make(chan struct{}), make(chan times)
	go func() {
		var stored times
		var buf []byte
		for i := 0; ; i++ {
			select {
			case <-stop:
				done <- stored
				return
			default:
			}
			if i%4 == 0 {
				begin := time.Now()
				_ = s.Set("large", value)
				stored.since(begin)
			} else {
				buf, _ = s.AppendGet(buf[:0], "large")
			}
		}
	}()
	gets := make(chan times)
	go func() {
		var got times
		var buf []byte
		rng := rand.New(rand.NewPCG(2, 2))
		for tick := time.NewTicker(200 * time.Microsecond); ; {
			select {
			case <-stop:
				gets <- got
				return
			case <-tick.C:
				begin := time.Now()
				buf, _ = s.AppendGet(buf[:0], keys[rng.IntN(len(keys))])
				got.since(begin)
			}
		}
	}()
	var sets times
	rng := rand.New(rand.NewPCG(1, 1))
	tick := time.NewTicker(200 * time.Microsecond)
	for b.Loop() {
		<-tick.C
		begin := time.Now()
		if err := s.Set(keys[rng.IntN(len(keys))], small); err != nil {
			b.Fatal(err)
		}
		sets.since(begin)
	}
	close(stop)
	stored := <-done
	(<-gets).report(b, "get")
	log.times.report(b, "append")
	sets.report(b, "set")
	b.ReportMetric(float64(len(stored)), "stored")
}
