package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// openLoopRate is the number of operations that start per second, however long they take.
const openLoopRate = 20_000

// starter is a peer whose operations can start before the earlier ones have ended.
type starter interface {
	// Start returns a function that starts a ZADD, and one that waits for the end of the oldest
	// that has not ended. wait is nil if start returns at the end.
	Start() (start func(m string, score float64) error, wait func() error, err error)
}

// Start implements starter.
func (p perdurePeer) Start() (func(string, float64) error, func() error, error) {
	z := p.SortedSetAt("sorted set")
	return func(m string, score float64) error { _, err := z.Add(m, score); return err }, nil, nil
}

// Start implements starter, with a separate connection.
func (p *redisPeer) Start() (func(string, float64) error, func() error, error) {
	c, err := net.Dial("unix", filepath.Join(p.home, "s"))
	if err != nil {
		return nil, nil, err
	}
	replies := bufio.NewReader(c)
	var text []byte
	start := func(m string, score float64) error {
		number := fmt.Sprint(int(score))
		text = fmt.Appendf(text[:0], "*4\r\n$4\r\nZADD\r\n$10\r\nsorted set\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n", len(number), number, len(m), m)
		_, err := c.Write(text)
		return err
	}
	wait := func() error {
		line, err := replies.ReadSlice('\n')
		if err == nil && !bytes.HasPrefix(line, []byte(":")) {
			err = errors.New("ZADD: " + string(line))
		}
		return err
	}
	return start, wait, nil
}

// A phase is a period of an open loop.
type phase int32

const (
	phaseIdle   phase = iota
	phaseSaving       // a save runs
	phaseHog          // something else uses a processor and the disk as much
	phaseEnd
)

// openLoop runs ZADD at a fixed rate. The latency of an operation counts from the time when it
// should have started, so that those that had to wait for a slow one count as slow.
type openLoop struct {
	begin    time.Time
	members  sequence
	phase    atomic.Int32
	started  [phaseEnd]histogram
	timeline []point
	step     point
}

func (l *openLoop) due(i int) time.Time {
	return l.begin.Add(time.Duration(i) * time.Second / openLoopRate)
}

// nothing runs the loop for a time without operations. Their latency is what the machine adds. Like
// run, it keeps its thread.
func (l *openLoop) nothing(d time.Duration) (h histogram) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	l.begin = time.Now()
	for i := 0; time.Since(l.begin) < d; i++ {
		for time.Now().Before(l.due(i)) {
		}
		h.record(time.Since(l.due(i)))
	}
	return h
}

// record records the end of operation i.
func (l *openLoop) record(i int) {
	now, ph := time.Now(), phase(l.phase.Load())
	took := now.Sub(l.due(i))
	if ph < phaseEnd {
		l.started[ph].record(took)
	}
	if ph == phaseHog {
		return
	}
	l.step.Worst = max(l.step.Worst, took)
	l.step.Saving = l.step.Saving || ph == phaseSaving
	if now.Sub(l.begin)-l.step.At >= timelineStep {
		l.timeline = append(l.timeline, l.step)
		l.step = point{At: now.Sub(l.begin)}
	}
}

// run starts operations until the last phase. The wait for the time of an operation keeps a
// processor busy: a timer is late by more than an operation takes. The goroutine keeps its thread:
// otherwise Go moves a goroutine that is always busy to another one every 10 ms, and the kernel of
// a virtual machine can let that one wait for 4 ms although a processor is idle.
func (l *openLoop) run(s starter) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	start, wait, err := s.Start()
	if err != nil {
		return err
	}
	l.begin = time.Now()
	var sent atomic.Int64
	received := make(chan error, 1)
	if wait != nil {
		go func() { received <- l.receive(wait, &sent) }()
	}
	for i := 0; phase(l.phase.Load()) != phaseEnd; i++ {
		for time.Now().Before(l.due(i)) {
		}
		if err := start(l.members.key(i), scoreOf(i)); err != nil {
			return err
		}
		if wait == nil {
			l.record(i)
		} else {
			sent.Store(int64(i) + 1)
		}
	}
	if wait != nil {
		return <-received
	}
	return nil
}

// receive records the ends of operations, in order.
func (l *openLoop) receive(wait func() error, sent *atomic.Int64) error {
	for i := 0; ; i++ {
		if phase(l.phase.Load()) == phaseEnd && int64(i) == sent.Load() {
			return nil
		}
		if err := wait(); err != nil {
			return err
		}
		l.record(i)
	}
}

// measureOpenLoop measures ZADD on a large sorted set: alone, during a save, and next to a hog. It
// also measures the loop without ZADD.
func measureOpenLoop(j *job) error {
	p, err := j.open()
	if err != nil {
		return err
	}
	defer p.Close()
	if err := fillCollection(p.(collections), "ZADD", j.Keys); err != nil {
		return err
	}
	collect()
	l := &openLoop{members: uniform(0, j.Keys)}
	none := l.nothing(2 * time.Second)
	j.add("zadd nothing p99.9", "ns", float64(none.quantile(0.999)))
	j.add("zadd nothing worst", "ns", float64(none.max))
	done := make(chan error, 1)
	go func() { done <- l.run(p.(starter)) }()
	time.Sleep(time.Second)
	before := resident(p)
	l.phase.Store(int32(phaseSaving))
	begin, used := time.Now(), processorTime(os.Getpid())
	saved := watch(p, func() error { return saveBeside(p) })
	took := time.Since(begin)
	used = processorTime(os.Getpid()) - used
	l.phase.Store(int32(phaseIdle))
	time.Sleep(time.Second)
	l.phase.Store(int32(phaseHog))
	processors := processorsOf(p, used, took)
	size, err := sizeOf(j.dir)
	if err == nil {
		err = hog(filepath.Join(j.dir, "hog"), size, took, processors)
	}
	l.phase.Store(int32(phaseEnd))
	if err := firstOf(<-done, err, saved.err); err != nil {
		return err
	}
	for ph, name := range []string{"idle", "saving", "hog"} {
		h := &l.started[ph]
		j.add("zadd "+name+" p50", "ns", float64(h.quantile(0.5)))
		j.add("zadd "+name+" p99.9", "ns", float64(h.quantile(0.999)))
		j.add("zadd "+name+" worst", "ns", float64(h.max))
	}
	j.add("zadd save", "ns", float64(took))
	j.add("zadd save processors", "count", processors)
	return addSaveMemory(j, p, saved.peak-before, l.timeline)
}

// processorsOf returns the number of processors that a save kept busy. The loop itself takes one of
// those that this process used. redis-server saves in a process with one thread.
func processorsOf(p peer, used, took time.Duration) float64 {
	if _, ok := p.(externalPeer); ok {
		return 1
	}
	return max(1, used.Seconds()/took.Seconds()-1)
}

// addSaveMemory adds the memory that a save took.
func addSaveMemory(j *job, p peer, extra int64, timeline []point) error {
	j.out.Timeline = timeline
	if f, ok := p.(externalPeer); ok {
		copied, err := f.CopiedOnWrite()
		if err != nil {
			return err
		}
		extra += copied
	}
	j.add("zadd extra memory", "size", float64(max(0, extra)))
	return nil
}

// hog keeps a number of processors busy for a time, and writes and syncs a file of a size.
func hog(path string, size int64, d time.Duration, processors float64) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer os.Remove(path)
	begin := time.Now()
	var others sync.WaitGroup
	for share := processors - 1; share > 0; share-- {
		others.Go(func() { keepBusy(begin.Add(d), min(share, 1)) })
	}
	defer others.Wait()
	written := int64(0)
	for time.Since(begin) < d {
		burn()
		for float64(written) < float64(size)*float64(time.Since(begin))/float64(d) {
			n, err := f.Write(values)
			if err != nil {
				return errors.Join(err, f.Close())
			}
			written += int64(n)
		}
	}
	return errors.Join(f.Sync(), f.Close())
}

// burn needs a processor for a few microseconds.
func burn() { burned.Store(crc32.Update(burned.Load(), crc32.IEEETable, values[:64<<10])) }

var burned atomic.Uint32

// keepBusy takes a share of the time of a processor until the end.
func keepBusy(end time.Time, share float64) {
	const period = 2 * time.Millisecond
	for time.Now().Before(end) {
		busy := time.Now().Add(time.Duration(share * float64(period)))
		for time.Now().Before(busy) {
			burn()
		}
		time.Sleep(period - time.Duration(share*float64(period)))
	}
}
