package main

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// These are the operations. 90/10 is nine Gets per Set.
const (
	opGet   = "get"
	opMixed = "90/10"
	opSet   = "set"
	opIncr  = "incr"
)

// operations are in this order because a map keeps the string that it was Set with. Gets of that
// very string would find it by its address alone.
var operations = []string{opGet, opMixed, opSet, opIncr}

// distributions lists the ways to draw keys.
var distributions = []struct {
	name string
	draw func(first, n int) sequence
}{{"uniform", uniform}, {"zipf", zipf}}

// Incr uses separate keys.
const (
	firstCounter = 1 << 40
	counters     = 1024
)

// trial is one operation, run by a number of goroutines for a period.
type trial struct {
	peer    peer
	do      func(p peer) (step func(i int) error) // returns operation number i of a worker
	workers int
	time    time.Duration
	latency bool // record the latency of each operation
}

// score is the result of a trial.
type score struct {
	ops     int
	missing int // Gets that found nothing, because a cache evicted the key
	elapsed time.Duration
	allocs  float64 // per operation
	latency *histogram
}

func (s score) nsPerOp() float64 { return float64(s.elapsed.Nanoseconds()) / float64(max(s.ops, 1)) }

// run warms up for 1/5 of the time and then measures.
func (t trial) run() (score, error) {
	if _, err := t.spell(t.time / 5); err != nil {
		return score{}, err
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	s, err := t.spell(t.time)
	runtime.ReadMemStats(&after)
	s.allocs = float64(after.Mallocs-before.Mallocs) / float64(max(s.ops, 1))
	return s, err
}

// spell runs all workers for d.
func (t trial) spell(d time.Duration) (score, error) {
	var (
		stop   atomic.Bool
		wg     sync.WaitGroup
		scores = make([]score, t.workers)
		errs   = make([]error, t.workers)
		begin  = time.Now()
	)
	for w := range t.workers {
		wg.Go(func() {
			scores[w], errs[w] = t.work(w*sequenceLength/t.workers, &stop)
			if errs[w] != nil {
				stop.Store(true)
			}
		})
	}
	end := time.AfterFunc(d, func() { stop.Store(true) })
	wg.Wait()
	end.Stop()
	total := score{elapsed: time.Since(begin), latency: &histogram{}}
	for _, s := range scores {
		total.ops += s.ops
		total.missing += s.missing
		total.latency.merge(s.latency)
	}
	return total, errors.Join(errs...)
}

// work runs one worker, which starts at its own position in the sequence.
func (t trial) work(start int, stop *atomic.Bool) (s score, err error) {
	p := t.peer
	if pl, ok := p.(pipeliner); ok {
		p = pl.Pipeline()
		defer func() { err = errors.Join(err, p.Close()) }()
	}
	step := t.do(p)
	if t.latency {
		s.latency = &histogram{}
	}
	for i := start; !stop.Load(); i++ {
		var begin time.Time
		if t.latency {
			begin = time.Now()
		}
		err := step(i)
		if t.latency {
			s.latency.record(time.Since(begin))
		}
		s.ops++
		if err == errMissing {
			s.missing++
		} else if err != nil {
			return s, err
		}
	}
	return s, nil
}

// operation returns an operation on keys, for a trial.
func operation(op string, keys sequence) func(peer) func(i int) error {
	return func(p peer) func(i int) error {
		buf := make([]byte, 0, 2*keys.value)
		get := func(i int) (err error) {
			buf, err = p.Get(buf[:0], keys.key(i))
			return err
		}
		set := func(i int) error { return p.Set(keys.key(i), keys.valueAt(i)) }
		switch op {
		case opGet:
			return get
		case opSet:
			return set
		case opMixed:
			return func(i int) error {
				if i%10 == 9 {
					return set(i)
				}
				return get(i)
			}
		}
		return func(i int) error { return p.Incr(keys.key(i)) }
	}
}

// rest is the idle time of a full store, as a multiple of the time per operation. After a fill,
// compactions continue, and perdure's memory gets huge pages.
const rest = 10

// measureThroughput measures every operation with every distribution and every number of
// goroutines.
func measureThroughput(j *job) error {
	p, err := j.openFull()
	if err != nil {
		return err
	}
	defer p.Close()
	time.Sleep(rest * j.Time)
	for _, op := range operations {
		if !wanted(j, op) {
			continue
		}
		first, n := 0, j.Keys
		if op == opIncr {
			first, n = firstCounter, counters
		}
		for _, d := range distributions {
			keys := d.draw(first, n)
			for _, workers := range j.Workers {
				s, err := trial{peer: p, do: operation(op, keys), workers: workers, time: j.Time}.run()
				if errors.Is(err, errUnsupported) {
					continue
				}
				if err != nil {
					return err
				}
				j.add(fmt.Sprintf("%s %s %d", op, d.name, workers), "ns", s.nsPerOp())
				if workers == 1 && d.name == "uniform" {
					j.add(op+" allocations", "count", s.allocs)
				}
				if s.missing > 0 {
					j.add(op+" missing", "share", float64(s.missing)/float64(s.ops))
				}
			}
		}
	}
	return nil
}

// measureInsert measures Set of keys that an empty store does not have yet, each on its own.
func measureInsert(j *job) error {
	p, err := j.open()
	if err != nil {
		return err
	}
	defer p.Close()
	w, closeWriter := p, func() error { return nil }
	if pl, ok := p.(pipeliner); ok {
		w = pl.Pipeline()
		closeWriter = w.Close
	}
	next := uint64(0)
	keys := j.shape().draw(func() uint64 { next++; return next })
	n := min(j.Keys, sequenceLength)
	collect() // the sequence
	begin := time.Now()
	for i := range n {
		if err := w.Set(keys.key(i), keys.valueAt(i)); err != nil {
			return err
		}
	}
	if err := closeWriter(); err != nil {
		return err
	}
	j.add("insert", "ns", float64(time.Since(begin))/float64(n))
	return nil
}
