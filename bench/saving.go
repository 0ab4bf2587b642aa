package main

import (
	"sync"
	"sync/atomic"
	"time"
)

// point is one step of the timeline, with the worst Set in the step.
type point struct {
	At     time.Duration
	Worst  time.Duration
	Saving bool
}

const timelineStep = 10 * time.Millisecond

// measureSaving measures the effect of a save on concurrent writers: their latency, and memory.
func measureSaving(j *job) error {
	p, err := j.openFull()
	if err != nil {
		return err
	}
	defer p.Close()
	if err := measureSaveLatency(j, p); err != nil {
		return err
	}
	return measureSaveMemory(j, p)
}

// saveBeside saves in the way that suits concurrent writers, and returns at the end.
func saveBeside(p peer) error {
	if b, ok := p.(backgroundSaver); ok {
		return b.BackgroundSave()
	}
	return p.(saver).Save()
}

// measureSaveLatency runs Set in one goroutine before, during, and after a save.
func measureSaveLatency(j *job, p peer) error {
	var (
		saving, stop atomic.Bool
		wg           sync.WaitGroup
		saveErr      error
		took         time.Duration
	)
	wg.Go(func() {
		time.Sleep(2 * j.Time)
		saving.Store(true)
		begin := time.Now()
		saveErr = saveBeside(p)
		took = time.Since(begin)
		saving.Store(false)
		time.Sleep(2 * j.Time)
		stop.Store(true)
	})
	idle, during, err := setThrough(j, p, &saving, &stop)
	wg.Wait()
	if err != nil || saveErr != nil {
		return firstOf(err, saveErr)
	}
	j.add("background save", "ns", float64(took))
	j.add("set idle p99.9", "ns", float64(idle.quantile(0.999)))
	j.add("set idle worst", "ns", float64(idle.max))
	j.add("set saving p50", "ns", float64(during.quantile(0.5)))
	j.add("set saving p99.9", "ns", float64(during.quantile(0.999)))
	j.add("set saving worst", "ns", float64(during.max))
	if q, ok := p.(pauser); ok {
		pause, err := q.Pause()
		if err != nil {
			return err
		}
		j.add("pause", "ns", float64(pause))
	}
	return nil
}

// setThrough runs Set until stop. An operation that overlaps any part of the save counts as saving.
func setThrough(j *job, p peer, saving, stop *atomic.Bool) (idle, during *histogram, err error) {
	idle, during = &histogram{}, &histogram{}
	keys := uniform(0, j.Keys)
	begin := time.Now()
	before, step := begin, point{}
	for i := 0; !stop.Load(); i++ {
		was := saving.Load()
		if err := p.Set(keys.key(i), valueAt(i)); err != nil {
			stop.Store(true)
			return nil, nil, err
		}
		now := time.Now()
		took := now.Sub(before)
		is := was || saving.Load()
		if is {
			during.record(took)
		} else {
			idle.record(took)
		}
		step.Worst = max(step.Worst, took)
		step.Saving = step.Saving || is
		if now.Sub(begin)-step.At >= timelineStep {
			j.out.Timeline = append(j.out.Timeline, step)
			step = point{At: now.Sub(begin)}
		}
		before = now
	}
	return idle, during, nil
}

// measureSaveMemory measures the additional resident memory while a save runs under full write
// load, compared with that load without a save.
func measureSaveMemory(j *job, p peer) error {
	var stop atomic.Bool
	var wg sync.WaitGroup
	var loadErr error
	t := trial{peer: p, do: operation(opSet, uniform(0, j.Keys)), workers: 2}
	wg.Go(func() {
		for !stop.Load() && loadErr == nil {
			_, loadErr = t.spell(100 * time.Millisecond)
		}
	})
	time.Sleep(2 * j.Time)
	without := watch(p, func() error { time.Sleep(2 * j.Time); return nil })
	with := watch(p, func() error { return saveBeside(p) })
	stop.Store(true)
	wg.Wait()
	if loadErr != nil || with.err != nil {
		return firstOf(loadErr, with.err)
	}
	extra := max(0, with.peak-without.peak)
	if f, ok := p.(externalPeer); ok {
		copied, err := f.CopiedOnWrite()
		if err != nil {
			return err
		}
		extra += copied
	}
	j.add("extra memory saving", "size", float64(extra))
	return nil
}

type watched struct {
	peak int64
	err  error
}

// watch measures the maximum resident memory while fn runs.
func watch(p peer, fn func() error) watched {
	w := watched{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.err = fn()
	}()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	peak := resident(p)
	for {
		select {
		case <-done:
			w.peak = max(peak, resident(p))
			return w
		case <-tick.C:
			peak = max(peak, resident(p))
		}
	}
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
