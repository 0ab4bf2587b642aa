package main

import (
	"fmt"
	"math/bits"
	"os"
	"path/filepath"
	"time"
)

// histogram counts durations in buckets whose width is at most 1/32, and keeps the longest exactly.
type histogram struct {
	buckets [64 * 32]uint64
	count   uint64
	max     time.Duration
}

// bucket returns the index for d: its length in bits, followed by the five bits after the leading
// bit.
func bucket(d time.Duration) int {
	n := uint64(max(d, 0))
	if n < 32 {
		return int(n)
	}
	shift := bits.Len64(n) - 6
	return (shift+1)*32 + int(n>>shift)&31
}

// ceiling returns the largest duration in bucket i.
func ceiling(i int) time.Duration {
	if i < 32 {
		return time.Duration(i)
	}
	shift := i/32 - 1
	return time.Duration((uint64(i&31|32)+1)<<shift - 1)
}

func (h *histogram) record(d time.Duration) {
	h.buckets[bucket(d)]++
	h.count++
	h.max = max(h.max, d)
}

func (h *histogram) merge(o *histogram) {
	if o == nil {
		return
	}
	for i, n := range o.buckets {
		h.buckets[i] += n
	}
	h.count += o.count
	h.max = max(h.max, o.max)
}

// quantile returns the duration that a share q of all durations did not exceed.
func (h *histogram) quantile(q float64) time.Duration {
	rank := uint64(q * float64(h.count))
	for i, n := range h.buckets {
		if rank < n {
			return min(ceiling(i), h.max)
		}
		rank -= n
	}
	return h.max
}

// durableKeys is the number of keys for durable Sets, which measure the disk and not the memory.
const durableKeys = 100_000

// measureDurable measures Set with each number of goroutines, with latencies. Commands of a
// pipeline do not have separate latencies.
func measureDurable(j *job) error {
	j.Keys = min(j.Keys, durableKeys)
	p, err := j.openFull()
	if err != nil {
		return err
	}
	defer p.Close()
	_, piped := p.(pipeliner)
	keys := uniform(0, j.Keys)
	for _, workers := range j.Workers {
		s, err := trial{peer: p, do: operation(opSet, keys), workers: workers, time: 3 * j.Time, latency: !piped}.run()
		if err != nil {
			return err
		}
		name := fmt.Sprintf("durable set %d", workers)
		j.add(name, "rate", 1e9/s.nsPerOp())
		if !piped {
			j.add(name+" p50", "ns", float64(s.latency.quantile(0.5)))
			j.add(name+" p99", "ns", float64(s.latency.quantile(0.99)))
			j.add(name+" max", "ns", float64(s.latency.max))
		}
	}
	return nil
}

// recordSize is the size of the log record of a Set of the usual shape.
const recordSize = 107

// diskSize is the size of the file that measureDisk writes to.
const diskSize = 64 << 20

// measureDisk measures one write and one fdatasync, of one log record and of 64. They are the
// reference for always. The file is written beforehand, as perdure does: then a sync has to write
// data only, and not the size of the file.
func measureDisk(j *job) error {
	f, err := os.Create(filepath.Join(j.dir, "disk"))
	if err != nil {
		return err
	}
	defer f.Close()
	const piece = 4096 // the kernel caches a longer write in one folio, and writes to that are slow
	for range diskSize / piece {
		if _, err := f.Write(values[:piece]); err != nil {
			return err
		}
	}
	if err := f.Sync(); err != nil {
		return err
	}
	at := int64(0)
	for _, records := range []int{1, 64} {
		var h histogram
		group := values[:records*recordSize]
		for end := time.Now().Add(3 * j.Time); time.Now().Before(end); {
			begin := time.Now()
			if _, err := f.WriteAt(group, at%(diskSize-int64(len(group)))); err != nil {
				return err
			}
			if err := fdatasync(f); err != nil {
				return err
			}
			at += int64(len(group))
			h.record(time.Since(begin))
		}
		j.add(fmt.Sprintf("fdatasync of %d p50", records), "ns", float64(h.quantile(0.5)))
		j.add(fmt.Sprintf("fdatasync of %d p99", records), "ns", float64(h.quantile(0.99)))
	}
	return nil
}
